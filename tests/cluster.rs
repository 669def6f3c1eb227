//! The `kubernetes.core` modules against a real kube-apiserver, as a playbook runs them.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "kube/mod.rs"]
mod kube;

use kube::Kube;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How a run ended, by its events.
struct Ran {
    status: i32,
    /// The last results of the run's tasks.
    results: Vec<Value>,
    stderr: String,
}

impl Ran {
    fn last(&self) -> &Value {
        &self.results.last().unwrap()["result"]
    }

    fn changed(&self) -> Vec<bool> {
        let changed = |r: &Value| r["result"]["changed"] == true;
        self.results.iter().map(changed).collect()
    }

    fn message(&self) -> &str {
        self.last()["msg"].as_str().unwrap_or_default()
    }

    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{:#?}\n{}", self.results, self.stderr);
        self
    }

    #[track_caller]
    fn failed(self) -> Self {
        assert_eq!(self.status, 2, "{:#?}\n{}", self.results, self.stderr);
        self
    }
}

/// A folder with a playbook whose tasks are `tasks`, JSON.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new(kube: &Kube, tasks: Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = kube.kubeconfig().display().to_string();
        let modules = [
            "k8s",
            "k8s_info",
            "k8s_scale",
            "k8s_drain",
            "k8s_json_patch",
            "k8s_cluster_info",
            "k8s_log",
            "k8s_exec",
            "k8s_rollback",
        ];
        let defaults: serde_json::Map<String, Value> = modules
            .iter()
            .map(|m| {
                (
                    format!("kubernetes.core.{m}"),
                    json!({"kubeconfig": config}),
                )
            })
            .collect();
        let play = json!([{"hosts": "all", "gather_facts": false, "module_defaults": defaults, "tasks": tasks}]);
        std::fs::write(dir.path().join("site.yml"), play.to_string()).unwrap();
        Self { dir }
    }

    fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
        command
            .args([
                "run", "site.yml", "-i", "here,", "-c", "local", "--output", "json",
            ])
            .args(flags)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env_remove("KUBECONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, flags: &[&str]) -> Ran {
        read(self.command(flags).output().unwrap())
    }
}

fn read(out: std::process::Output) -> Ran {
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let events = text
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok());
    let results = events.filter(|e| e["event"] == "host_finished");
    Ran {
        status: out.status.code().unwrap_or(-1),
        results: results.collect(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned() + &text,
    }
}

fn run(kube: &Kube, tasks: Value, flags: &[&str]) -> Ran {
    Site::new(kube, tasks).run(flags)
}

fn map(namespace: &str, name: &str, data: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}}, "data": {"k": data}})
}

const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: 'example.com/web:1', ports: [{containerPort: 80}]}]}
";

#[test]
fn a_whole_manifest_predicted_applied_and_repeated() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    let manifest = format!(
        "{WEB}---\napiVersion: example.com/v1\nkind: Backup\nmetadata: {{name: nightly}}\nspec: {{hour: 3}}\n---\n{}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: whole}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\nstringData: {{password: hunter22}}\n",
        crd("whole.example.com", "Backup")
            .to_string()
            .replace("whole.example.com", "example.com")
    );
    let tasks = json!([
        {"kubernetes.core.k8s": {"apply": true, "namespace": "whole", "definition": manifest}},
        {"kubernetes.core.k8s": {"apply": true, "definition": map("whole", "later", "x")}},
    ]);
    let site = Site::new(kube, tasks);
    let predicted = site.run(&["--check", "--diff"]).ok();
    assert_eq!(predicted.changed(), [true, true]);
    let objects = predicted.results[0]["result"]["result"]["results"].clone();
    assert_eq!(objects.as_array().unwrap().len(), 5);
    assert!(
        !predicted.stderr.contains("hunter22"),
        "{}",
        predicted.stderr
    );
    assert!(!kube.kubectl(&["get", "ns", "whole"]).status.success());
    let first = site.run(&[]).ok();
    assert_eq!(first.changed(), [true, true]);
    let second = site.run(&["--diff"]).ok();
    assert_eq!(second.changed(), [false, false], "{:#?}", second.results);
    assert_eq!(site.run(&["--check"]).ok().changed(), [false, false]);
    assert_eq!(
        kube.must(&[
            "get",
            "backup.example.com",
            "nightly",
            "-n",
            "whole",
            "-o",
            "jsonpath={.spec.hour}"
        ]),
        "3"
    );
    let managers = kube.must(&[
        "get",
        "deploy",
        "web",
        "-n",
        "whole",
        "-o",
        "jsonpath={.metadata.managedFields[*].manager} {.metadata.annotations}",
    ]);
    assert_eq!(managers.trim(), "hoist");
}

/// A definition whose kind lives in `plural.group`.
fn crd(group: &str, kind: &str) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

#[test]
fn patches_replacements_and_removal() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    kube.namespace("patches");
    let wanted = map("patches", "a", "one");
    let task = |args: Value| json!([{"kubernetes.core.k8s": args}]);
    let created = run(kube, task(json!({"definition": wanted})), &[]).ok();
    assert_eq!(created.last()["method"], "create");
    assert!(
        !run(kube, task(json!({"definition": wanted})), &[])
            .ok()
            .changed()[0]
    );
    // only what is given is changed
    let more = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "patches"}, "data": {"l": "two"}});
    let site = Site::new(kube, task(json!({"definition": more, "state": "patched"})));
    assert!(site.run(&["--check"]).ok().changed()[0]);
    let patched = site.run(&["--diff"]).ok();
    assert_eq!(
        patched.last()["result"]["data"],
        json!({"k": "one", "l": "two"})
    );
    assert!(
        patched.results[0]["diff"][0]["after"]
            .as_str()
            .unwrap()
            .contains("l: two")
    );
    // replaced as a whole
    let replaced = run(kube, task(json!({"definition": more, "force": true})), &[]).ok();
    assert_eq!(replaced.last()["result"]["data"], json!({"l": "two"}));
    assert_eq!(replaced.last()["method"], "replace");
    // not there: not made
    let never = json!({"definition": map("patches", "never", "x"), "state": "patched"});
    let never = run(kube, task(never), &[]).ok();
    assert!(!never.changed()[0]);
    let ops = json!([{"kubernetes.core.k8s_json_patch": {"kind": "ConfigMap", "namespace": "patches", "name": "a", "patch": [{"op": "replace", "path": "/data/l", "value": "three"}]}}]);
    let site = Site::new(kube, ops);
    assert!(site.run(&["--check"]).ok().changed()[0]);
    assert!(site.run(&[]).ok().changed()[0]);
    assert!(!site.run(&[]).ok().changed()[0]);
    let gone = task(json!({"definition": wanted, "state": "absent", "wait": true}));
    let site = Site::new(kube, gone);
    assert!(site.run(&["--check"]).ok().changed()[0]);
    assert!(
        kube.kubectl(&["get", "cm", "a", "-n", "patches"])
            .status
            .success()
    );
    assert!(site.run(&[]).ok().changed()[0]);
    assert!(!site.run(&[]).ok().changed()[0]);
    // a kind that is not there any more has no objects
    let none = task(
        json!({"state": "absent", "api_version": "gone.example.com/v1", "kind": "Thing", "name": "x"}),
    );
    assert!(!run(kube, none, &[]).ok().changed()[0]);
}

#[test]
fn conflicts_name_the_manager_and_the_field() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    kube.namespace("conflicts");
    let other = map("conflicts", "a", "theirs").to_string();
    let out = kube.kubectl_in(
        &[
            "apply",
            "--server-side",
            "--field-manager=gitops",
            "-f",
            "-",
        ],
        &other,
    );
    assert!(out.status.success());
    let apply = |more: Value| {
        let mut args = json!({"apply": true, "definition": map("conflicts", "a", "ours")});
        for (k, v) in more.as_object().unwrap() {
            args[k] = v.clone();
        }
        json!([{"kubernetes.core.k8s": args}])
    };
    let refused = run(kube, apply(json!({})), &[]).failed();
    assert_eq!(
        refused.message(),
        "ConfigMap `a` in `conflicts`: other field managers hold what is to be set:\n  `gitops` holds .data.k\nleave these fields out of the definition, or take them over with `server_side_apply: {force_conflicts: true}`"
    );
    let site = Site::new(
        kube,
        apply(json!({"server_side_apply": {"field_manager": "hoist", "force_conflicts": true}})),
    );
    assert!(site.run(&["--check"]).ok().changed()[0]);
    assert!(site.run(&[]).ok().changed()[0]);
    assert!(!site.run(&[]).ok().changed()[0]);
}

#[test]
fn refusals_are_told_whole_and_with_their_object() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    kube.namespace("refusals");
    let unknown = json!([{"kubernetes.core.k8s": {"definition": {"apiVersion": "v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "refusals"}}}}]);
    assert_eq!(
        run(kube, unknown, &[]).failed().message(),
        "Deployment `x` in `refusals`: the cluster has no kind `Deployment` in `v1`; it is in `apps/v1`"
    );
    let nowhere = json!([{"kubernetes.core.k8s": {"definition": map("nowhere", "x", "y")}}]);
    for flags in [&[][..], &["--check"]] {
        let refused = run(kube, nowhere.clone(), flags).failed();
        assert!(
            refused.message().starts_with("ConfigMap `x` in `nowhere`: namespaces \"nowhere\" not found\nmake the namespace first"),
            "{}",
            refused.message()
        );
    }
    let invalid = "# a comment\napiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: refusals}\nspec: {ports: []}\n";
    let refused = run(
        kube,
        json!([{"kubernetes.core.k8s": {"definition": invalid}}]),
        &[],
    )
    .failed();
    assert!(
        refused.message().contains("spec.ports: Required value")
            && refused.message().ends_with("at definition:2"),
        "{}",
        refused.message()
    );
    let strict = json!([{"kubernetes.core.k8s": {"validate": {"fail_on_error": true}, "definition": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "y", "namespace": "refusals"}, "dataa": {}}}}]);
    let refused = run(kube, strict, &[]).failed();
    assert!(
        refused.message().contains("unknown field \"dataa\""),
        "{}",
        refused.message()
    );
    // a webhook that nobody serves
    let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "refusals"}, "webhooks": [{
        "name": "no.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 1,
        "clientConfig": {"url": "https://127.0.0.1:1/no"},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "refusals"}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}]}]});
    let tasks = json!([
        {"kubernetes.core.k8s": {"definition": hook}},
        {"kubernetes.core.k8s": {"definition": {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "refusals"}}}},
    ]);
    let refused = run(kube, tasks, &[]).failed();
    assert!(
        refused.message().starts_with("Secret `s` in `refusals`: Internal error occurred: failed calling webhook \"no.example.com\""),
        "{}",
        refused.message()
    );
    kube.must(&["delete", "validatingwebhookconfiguration", "refusals"]);
}

#[test]
fn a_definition_that_never_establishes() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    let first = crd("taken.example.com", "Thing");
    let mut second = crd("taken.example.com", "Thing");
    second["metadata"]["name"] = "others.taken.example.com".into();
    second["spec"]["names"]["plural"] = "others".into();
    second["spec"]["names"]["singular"] = "other".into();
    let tasks = json!([
        {"kubernetes.core.k8s": {"apply": true, "definition": first}},
        {"kubernetes.core.k8s": {"apply": true, "definition": second}},
    ]);
    let refused = run(kube, tasks, &[]).failed();
    assert!(
        refused.message().contains("`others.taken.example.com`")
            && refused.message().contains("is already in use"),
        "{}",
        refused.message()
    );
}

#[test]
fn waiting_tells_why_it_ended() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    kube.namespace("waiting");
    let task = |args: Value| json!([{"kubernetes.core.k8s": args}]);
    let wait = json!({"definition": WEB, "namespace": "waiting", "wait": true, "wait_timeout": 2, "wait_sleep": 1});
    let late = run(kube, task(wait), &[]).failed();
    assert_eq!(
        late.message(),
        "Deployment `web` in `waiting` is not ready after 2 s: its controller has not looked at it yet"
    );
    // changed all the same: running again must know
    assert!(late.changed()[0]);
    let condition = json!({"definition": WEB, "namespace": "waiting", "wait": true, "wait_timeout": 1, "wait_condition": {"type": "Available"}});
    let late = run(kube, task(condition), &[]).failed();
    assert!(
        late.message()
            .contains("is not Available=True after 1 s: it has no condition Available"),
        "{}",
        late.message()
    );
    // nobody plays controller here but the test
    let site = Site::new(
        kube,
        task(
            json!({"definition": WEB, "namespace": "waiting", "wait": true, "wait_timeout": 60, "wait_sleep": 1}),
        ),
    );
    let running = site.command(&[]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let status = r#"{"status":{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"readyReplicas":2,"availableReplicas":2}}"#;
    kube.must(&[
        "patch",
        "deploy",
        "web",
        "-n",
        "waiting",
        "--subresource=status",
        "--type=merge",
        "-p",
        status,
    ]);
    let waited = read(running.wait_with_output().unwrap()).ok();
    assert!(waited.last()["duration"].as_i64().unwrap() >= 1);
}

#[test]
fn looking_and_scaling() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    kube.namespace("looking");
    let tasks = json!([
        {"kubernetes.core.k8s": {"definition": [map("looking", "a", "1"), map("looking", "b", "2")]}},
        {"kubernetes.core.k8s_info": {"kind": "ConfigMap", "namespace": "looking", "label_selectors": ["app in (a, c)"]}},
        {"kubernetes.core.k8s_info": {"kind": "cm", "namespace": "looking", "name": "b", "hidden_fields": ["metadata.managedFields"]}},
        {"kubernetes.core.k8s_info": {"kind": "Namespace", "field_selectors": ["metadata.name=looking"], "metadata_only": true}},
        {"kubernetes.core.k8s_info": {"kind": "Pod", "api_version": "v9"}},
        {"kubernetes.core.k8s": {"definition": WEB, "namespace": "looking"}},
        {"kubernetes.core.k8s_scale": {"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "looking", "replicas": 5, "wait": false}},
        {"kubernetes.core.k8s_cluster_info": {}},
    ]);
    let ran = run(kube, tasks, &[]).ok();
    let result = |n: usize| &ran.results[n]["result"];
    let names = |n: usize| -> Vec<&str> {
        let all = result(n)["resources"].as_array().unwrap();
        all.iter()
            .map(|r| r["metadata"]["name"].as_str().unwrap())
            .collect()
    };
    assert_eq!(names(1), ["a"]);
    assert_eq!(names(2), ["b"]);
    assert!(
        result(2)["resources"][0]["metadata"]
            .get("managedFields")
            .is_none()
    );
    assert_eq!(names(3), ["looking"]);
    assert_eq!(result(4)["api_found"], false);
    assert_eq!(result(6)["result"]["spec"]["replicas"], 5);
    assert_eq!(
        result(7)["apis"]["apps/v1"]["Deployment"]["short_names"],
        json!(["deploy"])
    );
    assert!(
        result(7)["version"]["server"]["kubernetes"]["gitVersion"]
            .as_str()
            .unwrap()
            .starts_with("v1.")
    );
}

#[test]
fn a_node_is_cordoned_drained_and_back() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    kube.namespace("draining");
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "draining"}, "spec": {"nodeName": "n1", "terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "i"}]}});
    let drain = |more: Value| {
        let mut args = json!({"name": "n1"});
        for (k, v) in more.as_object().unwrap() {
            args[k] = v.clone();
        }
        json!([{"kubernetes.core.k8s_drain": args}])
    };
    run(
        kube,
        json!([{"kubernetes.core.k8s": {"definition": [node, pod]}}]),
        &[],
    )
    .ok();
    let refused = run(kube, drain(json!({})), &[]).failed();
    assert!(
        refused
            .message()
            .contains("use option force set to yes): draining/p"),
        "{}",
        refused.message()
    );
    let is = || kube.must(&["get", "node", "n1", "-o", "jsonpath={.spec.unschedulable}"]);
    assert_eq!(is(), "");
    let site = Site::new(
        kube,
        drain(json!({"delete_options": {"force": true, "wait_timeout": 30, "wait_sleep": 1}})),
    );
    let predicted = site.run(&["--check"]).ok();
    assert_eq!(
        predicted.last()["result"],
        "node n1 marked unschedulable. Would have deleted 1 Pod(s) from node if not in check mode."
    );
    assert_eq!(is(), "");
    let drained = site.run(&[]).ok();
    assert_eq!(
        drained.last()["result"],
        "node n1 marked unschedulable. 1 Pod(s) deleted from node."
    );
    assert!(!site.run(&[]).ok().changed()[0]);
    let back = Site::new(kube, drain(json!({"state": "uncordon"})));
    assert!(back.run(&[]).ok().changed()[0]);
    assert!(!back.run(&[]).ok().changed()[0]);
}

#[test]
fn an_api_server_that_goes_away_and_comes_back() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::start();
    kube.namespace("away");
    let maps: Vec<Value> = (0..400)
        .map(|n| map("away", &format!("m{n}"), "x"))
        .collect();
    let site = Site::new(
        &kube,
        json!([{"kubernetes.core.k8s": {"apply": true, "definition": maps}}]),
    );
    let running = site.command(&[]).spawn().unwrap();
    // killed when about a part is there
    let began = Instant::now();
    loop {
        let there = kube
            .must(&["get", "cm", "-n", "away", "-o", "name"])
            .lines()
            .count();
        if there > 20 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60));
    }
    kube.kill();
    std::thread::sleep(Duration::from_secs(2));
    kube.restart();
    let ran = read(running.wait_with_output().unwrap()).ok();
    assert!(ran.changed()[0]);
    assert_eq!(
        kube.must(&["get", "cm", "-n", "away", "-o", "name"])
            .lines()
            .count(),
        400
    );
    assert!(!site.run(&[]).ok().changed()[0]);
    kube.stop();
    let began = Instant::now();
    let away = run(
        &kube,
        json!([{"kubernetes.core.k8s_info": {"kind": "Node"}}]),
        &[],
    )
    .failed();
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(
        away.message().starts_with(&format!(
            "the API server at {}, as seen from this machine, does not answer: ",
            kube.url()
        )),
        "{}",
        away.message()
    );
}

#[test]
fn ctrl_c_ends_a_wait() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    kube.namespace("stopping");
    let site = Site::new(
        kube,
        json!([{"kubernetes.core.k8s": {"definition": WEB, "namespace": "stopping", "wait": true, "wait_timeout": 300}}]),
    );
    let began = Instant::now();
    let running = site.command(&[]).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let id = nix::unistd::Pid::from_raw(i32::try_from(running.id()).unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    let stopped = read(running.wait_with_output().unwrap());
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "{}",
        stopped.stderr
    );
    assert!(
        stopped.stderr.contains("stopped by the user"),
        "{}",
        stopped.stderr
    );
}

#[test]
fn files_of_the_role_and_of_the_host() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::shared();
    kube.namespace("files");
    let site = Site::new(
        kube,
        json!([
            {"kubernetes.core.k8s": {"src": "own.yml"}},
            {"kubernetes.core.k8s": {"template": "made.yml.j2"}, "vars": {"value": "7"}},
            {"kubernetes.core.k8s": {"src": "{{ playbook_dir }}/elsewhere.yml"}},
        ]),
    );
    let write = |name: &str, text: String| {
        let path = site.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("files/own.yml", map("files", "own", "1").to_string());
    write(
        "templates/made.yml.j2",
        map("files", "made", "{{ value }}").to_string(),
    );
    write("elsewhere.yml", map("files", "else", "3").to_string());
    assert_eq!(site.run(&[]).ok().changed(), [true, true, true]);
    assert_eq!(
        kube.must(&[
            "get",
            "cm",
            "made",
            "-n",
            "files",
            "-o",
            "jsonpath={.data.k}"
        ]),
        "7"
    );
}
