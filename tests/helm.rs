//! The Helm modules with the real Helm on a real API server, and a chart of our own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers here are tests too, which the lint does not see"
)]

#[path = "kube/mod.rs"]
mod kube;

use kube::Kube;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kube/charts/tiny");

/// A playbook's place and the cluster of its tasks.
struct Site {
    dir: tempfile::TempDir,
    kube: &'static Kube,
}

/// How the last task of a run ended, as JSON, with the warnings of the run.
struct Ended {
    status: String,
    result: Value,
    all: String,
}

impl Site {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            kube: Kube::shared(),
        }
    }

    /// Runs one task, given as JSON.
    fn run(&self, module: &str, mut args: Value, flags: &[&str]) -> Ended {
        let kubeconfig = self.kube.kubeconfig().display().to_string();
        if !matches!(module, "helm_template" | "helm_pull" | "helm_repository") {
            args["kubeconfig"] = kubeconfig.into();
        }
        if module != "helm_info" {
            args["binary_path"] = kube::program("helm").display().to_string().into();
        }
        let play = serde_json::json!([{
            "hosts": "localhost", "connection": "local", "gather_facts": false,
            "tasks": [{format!("kubernetes.core.{module}"): args}],
        }]);
        let site = self.dir.path().join("site.yml");
        std::fs::write(&site, play.to_string()).unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_hoist"))
            .args(["run", "site.yml", "-i", "localhost,", "--output", "json"])
            .args(flags)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env_remove("KUBECONFIG")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let all = String::from_utf8_lossy(&out.stdout).into_owned()
            + &String::from_utf8_lossy(&out.stderr);
        let mut events = all
            .lines()
            .filter_map(|l| serde_json::from_str::<Value>(l).ok());
        let ended = events.rfind(|e| e["event"] == "host_finished");
        let ended = ended.unwrap_or_else(|| panic!("{all}"));
        Ended {
            status: ended["status"].as_str().unwrap().to_owned(),
            result: ended["result"].clone(),
            all,
        }
    }

    fn helm(&self, args: &Value, flags: &[&str]) -> Ended {
        self.run("helm", args.clone(), flags)
    }

    fn greeting(&self, namespace: &str) -> String {
        let path = "jsonpath={.data.greeting}";
        self.kube.must(&[
            "get",
            "configmap",
            "web-greeting",
            "-n",
            namespace,
            "-o",
            path,
        ])
    }
}

impl Ended {
    #[track_caller]
    fn is(self, status: &str) -> Self {
        assert_eq!(self.status, status, "{}", self.all);
        self
    }
}

fn release(namespace: &str) -> Value {
    serde_json::json!({
        "name": "web", "namespace": namespace, "chart_ref": CHART, "create_namespace": true,
        "values": {"greeting": "good day"},
    })
}

#[test]
fn a_release_comes_changes_and_goes() {
    if kube::skipped() {
        return;
    }
    let site = Site::new();
    let mut args = release("comes");

    // check mode says so and does nothing
    let check = site.helm(&args, &["--check", "--diff"]).is("changed");
    assert!(check.all.contains("good day"), "{}", check.all);
    assert!(
        !site
            .kube
            .kubectl(&["get", "namespace", "comes"])
            .status
            .success()
    );
    let made = site.helm(&args, &[]).is("changed");
    assert_eq!(made.result["status"]["revision"], "1");
    assert_eq!(made.result["status"]["chart"], "tiny-0.1.0");
    assert_eq!(site.greeting("comes"), "good day");
    site.helm(&args, &[]).is("ok");
    site.helm(&args, &["--check"]).is("ok");

    // Helm itself reads what we made
    let helm = Command::new(kube::program("helm"))
        .args(["list", "-n", "comes", "-o", "json", "--kubeconfig"])
        .arg(site.kube.kubeconfig())
        .output()
        .unwrap();
    let list: Value = serde_json::from_slice(&helm.stdout).unwrap();
    assert_eq!(list[0]["status"], "deployed");

    // other values
    args["values"]["greeting"] = "good night".into();
    site.helm(&args, &["--check"]).is("changed");
    assert_eq!(site.greeting("comes"), "good day");
    assert_eq!(
        site.helm(&args, &[]).is("changed").result["status"]["revision"],
        "2"
    );
    assert_eq!(site.greeting("comes"), "good night");
    site.helm(&args, &[]).is("ok");

    // values by path, and what the last revision had
    args["values"] = serde_json::json!({});
    args["reuse_values"] = true.into();
    site.helm(&args, &[]).is("ok");
    args["set_values"] = serde_json::json!([{"value": "labels.tier=5", "value_type": "string"}]);
    site.helm(&args, &[]).is("changed");
    site.helm(&args, &[]).is("ok");
    assert_eq!(site.greeting("comes"), "good night");

    let asked = serde_json::json!({"name": "web", "namespace": "comes"});
    let info = site.run("helm_info", asked.clone(), &[]).is("ok");
    assert_eq!(info.result["status"]["revision"], "3");
    assert_eq!(info.result["status"]["values"]["labels"]["tier"], "5");
    assert!(
        info.result["status"]["manifest"]
            .as_str()
            .unwrap()
            .contains("good night")
    );

    let mut gone = asked.clone();
    gone["state"] = "absent".into();
    site.helm(&gone, &["--check"]).is("changed");
    assert_eq!(site.greeting("comes"), "good night");
    site.helm(&gone, &[]).is("changed");
    site.helm(&gone, &[]).is("ok");
    let info = site.run("helm_info", asked, &[]).is("ok");
    assert_eq!(info.result["status"], serde_json::json!({}));
}

#[test]
fn a_chart_that_was_edited_is_upgraded_and_unread_values_are_told() {
    if kube::skipped() {
        return;
    }
    let site = Site::new();
    let chart = site.dir.path().join("tiny");
    copy(Path::new(CHART), &chart);
    let mut args = release("edited");
    args["chart_ref"] = "tiny".into();
    args["values"] = serde_json::json!({"greting": "x", "more": {"text": "t"}});
    let made = site.helm(&args, &[]).is("changed");
    assert_eq!(made.result["unread_values"], serde_json::json!(["greting"]));
    assert!(
        made.all
            .contains("reads the value `greting`; did you mean `greeting`?"),
        "{}",
        made.all
    );
    site.helm(&args, &[]).is("ok");
    let values = chart.join("values.yaml");
    std::fs::write(&values, "greeting: edited\nlabels: {}\n").unwrap();
    site.helm(&args, &[]).is("changed");
    assert_eq!(site.greeting("edited"), "edited");
    site.helm(&args, &[]).is("ok");

    // a chart that cannot be rendered changes nothing
    std::fs::write(chart.join("templates/bad.yaml"), "{{ fail \"no\" }}").unwrap();
    site.helm(&args, &[]).is("failed");
    assert_eq!(site.greeting("edited"), "edited");
}

#[test]
fn a_release_that_hangs_is_explained() {
    if kube::skipped() {
        return;
    }
    let site = Site::new();
    let args = release("hangs");
    site.helm(&args, &[]).is("changed");
    // what a Helm leaves that was killed: the revision is there, and pending
    let secret = [
        "get",
        "secret",
        "sh.helm.release.v1.web.v1",
        "-n",
        "hangs",
        "-o",
        "json",
    ];
    let mut secret: Value = serde_json::from_str(&site.kube.must(&secret)).unwrap();
    let release = unpacked(secret["data"]["release"].as_str().unwrap());
    let release = release.replace("\"status\":\"deployed\"", "\"status\":\"pending-upgrade\"");
    let release = release
        .replace("\"version\":1}", "\"version\":2}")
        .replace("\"version\":1,", "\"version\":2,");
    secret["data"]["release"] = packed(&release).into();
    secret["metadata"] = serde_json::json!({
        "name": "sh.helm.release.v1.web.v2", "namespace": "hangs",
        "labels": {"owner": "helm", "name": "web", "status": "pending-upgrade", "version": "2"},
    });
    let out = site
        .kube
        .kubectl_in(&["create", "-f", "-"], &secret.to_string());
    assert!(out.status.success(), "{out:?}");
    let told = site.helm(&args, &["--check"]).is("failed");
    let message = told.result["msg"].as_str().unwrap();
    assert!(
        message.contains("the release `web` is `pending-upgrade` since"),
        "{message}"
    );
    assert!(message.contains("helm rollback web -n hangs"), "{message}");
}

#[test]
fn charts_are_rendered_and_wrong_charts_told_without_a_cluster() {
    if kube::skipped() {
        return;
    }
    let site = Site::new();
    let args = serde_json::json!({"chart_ref": CHART, "name": "web", "values": {"greeting": "hi"}});
    let rendered = site.run("helm_template", args, &["--check"]).is("ok");
    assert!(
        rendered.result["stdout"]
            .as_str()
            .unwrap()
            .contains("greeting: \"hi\"")
    );
    let told = site
        .run(
            "helm_template",
            serde_json::json!({"chart_ref": "./nowhere"}),
            &[],
        )
        .is("failed");
    assert!(
        told.result["msg"].as_str().unwrap().contains("nowhere"),
        "{}",
        told.all
    );
}

fn unpacked(text: &str) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use std::io::Read as _;
    let packed = BASE64_STANDARD
        .decode(BASE64_STANDARD.decode(text).unwrap())
        .unwrap();
    let mut out = String::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut out)
        .unwrap();
    out
}

fn packed(text: &str) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    BASE64_STANDARD.encode(BASE64_STANDARD.encode(gzip.finish().unwrap()))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
