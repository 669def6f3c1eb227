//! The modules against a scripted API server, on a host in memory.

use super::*;
use crate::cluster::testing::{Script, answer};
use crate::modules::testing::Host;
use crate::modules::{Fail, Outcome};
use crate::value::Value;
use serde_json::{Value as Json, json};

const CONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\nclusters: [{name: k, cluster: {server: 'https://127.0.0.1:6443'}}]\nusers: [{name: u, user: {token: t0k3n}}]\n";
const MAP: &str = "/api/v1/namespaces/shop/configmaps/a";

fn core() -> Json {
    json!({"resources": [
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": true},
        {"name": "secrets", "kind": "Secret", "namespaced": true},
        {"name": "namespaces", "kind": "Namespace", "namespaced": false},
        {"name": "pods", "kind": "Pod", "namespaced": true},
        {"name": "pods/log", "kind": "Pod", "namespaced": true},
    ]})
}

/// A script that has what every conversation begins and ends with.
fn script() -> Script {
    Script::new()
        .always("GET /api/v1", answer(200, core()))
        .always(
            "GET /version",
            answer(200, json!({"gitVersion": "v1.36.5"})),
        )
}

fn host(script: &Script) -> Host {
    let mut host = Host::new().read("K8S_AUTH_KUBECONFIG", 0, &format!("/root/k.yaml\n{CONFIG}"));
    host.cluster = Some(script.clone());
    host
}

fn run(host: &mut Host, spec: &Spec, args: Json) -> Result<Outcome, Fail> {
    host.converse(spec, args, false)
}

fn check(host: &mut Host, spec: &Spec, args: Json) -> Result<Outcome, Fail> {
    host.converse(spec, args, true)
}

fn map(version: &str, data: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop", "resourceVersion": version}, "data": {"k": data}})
}

fn wanted() -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "new"}})
}

fn keys(outcome: &Outcome) -> Vec<&str> {
    outcome.result.keys().map(String::as_str).collect()
}

#[test]
fn created_patched_and_left_alone() {
    let args = json!({"definition": wanted(), "namespace": "shop"});
    let script = script()
        .on(&format!("GET {MAP}"), answer(404, json!({})))
        .on(
            "POST /api/v1/namespaces/shop/configmaps?fieldManager=hoist",
            answer(201, map("1", "new")),
        )
        .on(&format!("GET {MAP}"), answer(200, map("1", "new")))
        .on(
            &format!("PATCH {MAP}?fieldManager=hoist"),
            answer(200, map("1", "new")),
        );
    let mut host = host(&script);
    let first = run(&mut host, &k8s::SPEC, args.clone()).unwrap();
    assert!(first.changed);
    assert_eq!(keys(&first), ["result", "method"]);
    assert_eq!(first.result["method"], Value::from("create"));
    insta::assert_snapshot!(first.diff[0].after, @r"
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: a
      namespace: shop
    data:
      k: new
    ");
    let second = run(&mut host, &k8s::SPEC, args).unwrap();
    assert!(!second.changed && second.diff.is_empty());
    assert_eq!(second.result["method"], Value::from("update"));
    script.finish();
    // the kubeconfig that was found is the one that was used
    assert_eq!(host.logins[0].configs[0].path, "/root/k.yaml");
}

#[test]
fn check_mode_tries_and_predicts() {
    let script = script()
        .on(&format!("GET {MAP}"), answer(200, map("1", "old")))
        .on(
            &format!("PATCH {MAP}?fieldManager=hoist&dryRun=All"),
            answer(200, map("1", "new")),
        );
    let outcome = check(
        &mut host(&script),
        &k8s::SPEC,
        json!({"definition": wanted(), "namespace": "shop", "apply": true, "wait": true}),
    )
    .unwrap();
    assert!(outcome.changed);
    assert!(outcome.diff[0].before.contains("k: old"));
    script.finish();
}

#[test]
fn a_secret_is_masked_and_its_diff_is_blind() {
    let secret = |data: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": {"p": data}});
    let path = "/api/v1/namespaces/shop/secrets/s";
    let script = script()
        .on(&format!("GET {path}"), answer(200, secret("b2xkb2xk")))
        .on(
            &format!("PATCH {path}?fieldManager=hoist"),
            answer(200, secret("bmV3bmV3")),
        );
    let mut host = host(&script);
    let outcome = run(
        &mut host,
        &k8s::SPEC,
        json!({"definition": secret("bmV3bmV3")}),
    )
    .unwrap();
    assert!(outcome.changed && host.hidden.contains(&"bmV3bmV3".to_owned()));
    let shown = format!("{:?}", outcome.diff);
    assert!(
        !shown.contains("bmV3") && !shown.contains("b2xk"),
        "{shown}"
    );
    script.finish();
}

#[test]
fn several_objects_and_one_that_fails() {
    let text = "kind: Namespace\nmetadata: {name: shop}\n---\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {k: new}\n";
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let quota = json!({"kind": "Status", "reason": "Forbidden", "message": "configmaps \"a\" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1"});
    let script = script()
        .always("GET /api/v1/namespaces/shop", answer(200, shop.clone()))
        .always(
            "PATCH /api/v1/namespaces/shop?fieldManager=hoist",
            answer(200, shop),
        )
        .always(&format!("GET {MAP}"), answer(404, json!({})))
        .always(
            "POST /api/v1/namespaces/shop/configmaps?fieldManager=hoist",
            answer(403, quota),
        );
    let mut host = host(&script);
    let fail = run(&mut host, &k8s::SPEC, json!({"definition": text})).unwrap_err();
    insta::assert_snapshot!(fail.msg, @r#"
    ConfigMap `a` in `shop`: configmaps "a" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1
      at definition:4
    "#);
    let results = fail.result["result"].get("results").unwrap();
    assert_eq!(results.as_list().unwrap().len(), 2);
    let args = json!({"definition": text, "continue_on_error": true});
    let outcome = run(&mut host, &k8s::SPEC, args).unwrap();
    let results = outcome.result["result"].get("results").unwrap().clone();
    let error = results.as_list().unwrap()[1].get("error").unwrap().clone();
    assert_eq!(error.get("status"), Some(&Value::Int(403)));
}

#[test]
fn removed_and_waited_for() {
    let args = json!({"state": "absent", "kind": "ConfigMap", "name": "a", "namespace": "shop", "wait": true, "delete_options": {"propagationPolicy": "Foreground"}});
    let script = script()
        .on(&format!("GET {MAP}"), answer(200, map("1", "x")))
        .on(
            &format!("DELETE {MAP}"),
            answer(200, json!({"kind": "Status", "status": "Success"})),
        )
        .on(&format!("GET {MAP}"), answer(404, json!({})))
        .on(&format!("GET {MAP}"), answer(404, json!({})));
    let mut host = host(&script);
    let outcome = run(&mut host, &k8s::SPEC, args.clone()).unwrap();
    assert!(outcome.changed);
    assert_eq!(keys(&outcome), ["duration", "result", "method"]);
    assert_eq!(script.sent()[0].1["propagationPolicy"], "Foreground");
    assert!(!run(&mut host, &k8s::SPEC, args).unwrap().changed);
    script.finish();
}

#[test]
fn selectors_choose_what_is_applied_and_removed() {
    let args = json!({"definition": wanted(), "namespace": "shop", "label_selectors": ["app=web"]});
    let script = script().on(
        "GET /api/v1/namespaces/shop/configmaps?limit=500&labelSelector=app=web",
        answer(200, json!({"items": []})),
    );
    let mut host = host(&script);
    let outcome = run(&mut host, &k8s::SPEC, args).unwrap();
    insta::assert_snapshot!(outcome.result["msg"], @"resource 'kind=ConfigMap,name=a,namespace=shop' filtered by label_selectors.");
    let args = json!({"state": "absent", "kind": "ConfigMap", "namespace": "shop", "delete_all": true, "label_selectors": ["app=web"]});
    assert!(!run(&mut host, &k8s::SPEC, args).unwrap().changed);
    script.finish();
}

#[test]
fn what_is_asked_wrongly() {
    let mut host = host(&script());
    let mut message = |args: Json| run(&mut host, &k8s::SPEC, args).unwrap_err().msg;
    insta::assert_snapshot!(message(json!({"src": "https://example.com/x.yaml"})), @"`src` is the address `https://example.com/x.yaml`, and nothing is downloaded that is not in the lock: name it in artifacts.yml as a manifest, and fetch it with `artifact`, or with `get_url` and a checksum");
    insta::assert_snapshot!(message(json!({"src": "/nowhere.yml"})), @"`src`: `/nowhere.yml` is neither among the role's files nor a readable file on the host");
    insta::assert_snapshot!(message(json!({"state": "patched", "apply": true, "definition": {}})), @"`apply` makes what is not there, and `state: patched` does not; choose one");
    insta::assert_snapshot!(message(json!({"server_side_apply": {"field_manager": "x"}})), @"`server_side_apply` needs `apply: true`");
    insta::assert_snapshot!(message(json!({"apply": true, "server_side_apply": {"force": true}})), @"`server_side_apply` has no `force`: `field_manager` and `force_conflicts` are known");
    insta::assert_snapshot!(message(json!({"validate": {"version": "1.30"}})), @"`validate.version` is not supported: the API server itself validates, by its own version");
    insta::assert_snapshot!(message(json!({"state": "absent", "delete_options": {"grace": 1}})), @"`delete_options` has no `grace`");
    insta::assert_snapshot!(message(json!({"state": "absent", "delete_all": true})), @"`delete_all` needs `kind`");
    insta::assert_snapshot!(message(json!({"wait_condition": {"type": "Ready", "status": "maybe"}})), @"`wait_condition.status` must be True, False or Unknown, not `maybe`");
    insta::assert_snapshot!(message(json!({"proxy": "x"})), @"argument `proxy` of `kubernetes.core.k8s` is not supported: the API server is reached from the host of the task, through its SSH connection; use a host that reaches it without one");
    insta::assert_snapshot!(message(json!({"definition": "kind: A\n---\nwords\n"})), @r"
    an object is a mapping, not string
     --> definition:3:1
      |
    3 | words
      | ^^^^^
      help: each document of a manifest has `apiVersion`, `kind` and `metadata`
    ");
    insta::assert_snapshot!(message(json!({"definition": {"apiVersion": "v1"}})), @" ``: it has no `kind`");
}

#[test]
fn no_kubeconfig() {
    let mut host = Host::new().read("K8S_AUTH_KUBECONFIG", 44, "");
    let fail = run(&mut host, &k8s_info::SPEC, json!({"kind": "Pod"})).unwrap_err();
    insta::assert_snapshot!(fail.msg, @"no kubeconfig was found: neither K8S_AUTH_KUBECONFIG nor KUBECONFIG is set for the task, and there is no ~/.kube/config and no /etc/rancher/k3s/k3s.yaml; give `kubeconfig`");
    let mut host = Host::new().read("cat -- ~/k", 1, "");
    let fail = run(
        &mut host,
        &k8s_info::SPEC,
        json!({"kind": "Pod", "kubeconfig": "~/k"}),
    )
    .unwrap_err();
    insta::assert_snapshot!(fail.msg, @"the host's `~/k` cannot be read: ");
}

#[test]
fn info() {
    let script = script()
        .on(
            "GET /api/v1/namespaces/shop/configmaps?limit=500&labelSelector=a=b,c&fieldSelector=x=y",
            answer(200, json!({"metadata": {"continue": "t"}, "items": [{"metadata": {"name": "one"}}]})),
        )
        .on(
            "GET /api/v1/namespaces/shop/configmaps?limit=500&labelSelector=a=b,c&fieldSelector=x=y&continue=t",
            answer(200, json!({"items": [{"metadata": {"name": "two"}}]})),
        )
        .on("GET /apis/example.com/v1", answer(404, json!({})));
    let mut host = host(&script);
    let args = json!({"kind": "ConfigMap", "namespace": "shop", "label_selectors": ["a=b", "c"], "field_selectors": ["x=y"]});
    let found = run(&mut host, &k8s_info::SPEC, args).unwrap();
    let resources = found.result["resources"].as_list().unwrap();
    assert_eq!(resources.len(), 2);
    assert_eq!(resources[1].get("kind"), Some(&Value::from("ConfigMap")));
    let args = json!({"kind": "Backup", "api_version": "example.com/v1"});
    let none = run(&mut host, &k8s_info::SPEC, args).unwrap();
    assert_eq!(none.result["api_found"], Value::Bool(false));
    insta::assert_snapshot!(none.result["msg"], @r#"Failed to find API for resource with apiVersion "example.com/v1" and kind "Backup""#);
    script.finish();
}

#[test]
fn a_simulated_cluster_says_so() {
    let script = Script::new()
        .always("GET /api/v1", answer(200, core()))
        .always(
            "GET /version",
            answer(200, json!({"gitTreeState": "simulated"})),
        )
        .on(&format!("GET {MAP}"), answer(200, map("1", "x")));
    let args = json!({"kind": "ConfigMap", "name": "a", "namespace": "shop"});
    let found = run(&mut host(&script), &k8s_info::SPEC, args).unwrap();
    assert_eq!(found.result["simulated"], Value::Bool(true));
}

#[test]
fn scaled() {
    let web = |replicas: i64| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": replicas}, "status": {"replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas}});
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    let args = json!({"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "shop", "replicas": 3});
    let script = script()
        .always(
            "GET /apis/apps/v1",
            answer(
                200,
                json!({"resources": [
                    {"name": "deployments", "kind": "Deployment", "namespaced": true},
                    {"name": "deployments/scale", "kind": "Scale", "namespaced": true},
                ]}),
            ),
        )
        .on(&format!("GET {path}"), answer(200, web(1)))
        .on(
            &format!("PATCH {path}/scale?fieldManager=hoist&dryRun=All"),
            answer(200, json!({})),
        )
        .on(&format!("GET {path}"), answer(200, web(1)))
        .on(
            &format!("PATCH {path}/scale?fieldManager=hoist"),
            answer(200, json!({})),
        )
        .on(&format!("GET {path}"), answer(200, web(3)))
        .on(&format!("GET {path}"), answer(200, web(3)))
        .on(&format!("GET {path}"), answer(200, web(3)))
        .on(&format!("GET {path}"), answer(200, web(3)));
    let mut host = host(&script);
    assert!(
        check(&mut host, &k8s_scale::SPEC, args.clone())
            .unwrap()
            .changed
    );
    let done = run(&mut host, &k8s_scale::SPEC, args.clone()).unwrap();
    assert!(done.changed);
    assert_eq!(keys(&done), ["result", "duration"]);
    assert!(
        !run(&mut host, &k8s_scale::SPEC, args.clone())
            .unwrap()
            .changed
    );
    let mut other = args;
    other["replicas"] = 5.into();
    other["current_replicas"] = 1.into();
    let left = run(&mut host, &k8s_scale::SPEC, other).unwrap();
    insta::assert_snapshot!(left.warnings[0], @"Deployment `web` in `shop` has 3 replicas, not 1: not scaled");
    script.finish();
}

#[test]
fn operations() {
    let path = "/api/v1/namespaces/shop";
    let shop = |tier: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"tier": tier}}});
    let args = json!({"kind": "Namespace", "name": "shop", "patch": [{"op": "add", "path": "/metadata/labels/tier", "value": "front"}]});
    let script = script()
        .on(&format!("GET {path}"), answer(200, shop("back")))
        .on(
            &format!("PATCH {path}?fieldManager=hoist"),
            answer(200, shop("front")),
        )
        .on(&format!("GET {path}"), answer(404, json!({})));
    let mut host = host(&script);
    assert!(
        run(&mut host, &k8s_json_patch::SPEC, args.clone())
            .unwrap()
            .changed
    );
    let fail = run(&mut host, &k8s_json_patch::SPEC, args).unwrap_err();
    insta::assert_snapshot!(fail.msg, @"Namespace `shop` is not there");
    let wrong = json!({"kind": "Namespace", "name": "shop", "patch": [{"op": "put"}]});
    let fail = run(&mut host, &k8s_json_patch::SPEC, wrong).unwrap_err();
    assert!(
        fail.msg.starts_with("`patch` is no JSON patch: "),
        "{}",
        fail.msg
    );
    script.finish();
}

#[test]
fn logs() {
    let script = script()
        .on(
            "GET /api/v1/namespaces/shop/pods?limit=500&labelSelector=app=web",
            answer(200, json!({"items": [{"metadata": {"name": "web-1"}}]})),
        )
        .on(
            "GET /api/v1/namespaces/shop/pods/web-1/log?tailLines=2",
            answer(200, json!("a\nb\n")),
        );
    let mut host = host(&script);
    let args = json!({"namespace": "shop", "label_selectors": ["app=web"], "tail_lines": 2});
    let log = run(&mut host, &k8s_log::SPEC, args).unwrap();
    // the script answers JSON, quotes and all
    assert_eq!(log.result["log"], Value::from("\"a\\nb\\n\""));
    script.finish();
    let fail = run(&mut host, &k8s_log::SPEC, json!({})).unwrap_err();
    insta::assert_snapshot!(fail.msg, @"give `name` or `label_selectors`");
}

#[test]
fn a_command_is_not_run_in_check_mode() {
    let mut host = host(&script());
    let args = json!({"namespace": "shop", "pod": "db", "command": "date"});
    assert!(check(&mut host, &k8s_exec::SPEC, args).unwrap().skipped);
    assert!(host.logins.is_empty());
}

#[test]
fn cluster_info() {
    let script = script()
        .on("GET /api", answer(200, json!({"versions": ["v1"]})))
        .on(
            "GET /apis",
            answer(200, json!({"groups": [{"name": "apps", "preferredVersion": {"groupVersion": "apps/v1"}, "versions": [{"groupVersion": "apps/v1"}]}]})),
        )
        .on("GET /apis/apps/v1", answer(200, json!({"resources": [{"name": "deployments", "kind": "Deployment", "namespaced": true}]})));
    let info = run(&mut host(&script), &k8s_cluster_info::SPEC, json!({})).unwrap();
    let apis = info.result["apis"].get("apps/v1").unwrap();
    assert!(apis.get("Deployment").unwrap().get("preferred") == Some(&Value::Bool(true)));
    script.finish();
}
