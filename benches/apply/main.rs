//! 300 unchanged objects applied once more: hoist beside `kubectl apply --server-side`, same file, same real API server.
//! `cargo bench --bench apply`; it builds kube-apiserver and kubectl the first time (`tests/kube/assets`).

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../tests/kube/mod.rs"]
mod kube;

use kube::Kube;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const OBJECTS: usize = 300;
const REPEATS: usize = 7;

/// Half ConfigMaps, a third Services and Deployments, the rest accounts and roles: about what a platform is made of.
fn manifest() -> String {
    let mut out = String::from("apiVersion: v1\nkind: Namespace\nmetadata: {name: bench}\n");
    for n in 1..OBJECTS {
        out.push_str("---\n");
        let text = match n % 6 {
            0..=2 => format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}, namespace: bench, labels: {{app: a{n}}}}}\ndata:\n  app.conf: |\n{}",
                "    key = value\n".repeat(40)
            ),
            3 => format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}, namespace: bench}}\nspec: {{selector: {{app: a{n}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n"
            ),
            4 => format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{n}, namespace: bench}}\nspec:\n  selector: {{matchLabels: {{app: a{n}}}}}\n  template:\n    metadata: {{labels: {{app: a{n}}}}}\n    spec:\n      containers:\n        - name: app\n          image: example.com/app:1\n          env: [{{name: A, value: b}}, {{name: C, value: d}}]\n          ports: [{{containerPort: 8080}}]\n          resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}\n"
            ),
            _ => format!(
                "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: sa{n}, namespace: bench}}\n"
            ),
        };
        out.push_str(&text);
    }
    out
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let out = command.stdin(Stdio::null()).output().unwrap();
    let took = begun.elapsed();
    assert!(
        out.status.success(),
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    took
}

fn hoist(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
    command
        .args(["run", "site.yml", "-i", "here,", "-c", "local"])
        .current_dir(dir);
    command
}

fn kubectl(kube: &Kube, dir: &Path) -> Command {
    let mut command = Command::new(kube::program("kubectl"));
    command
        .arg("--kubeconfig")
        .arg(kube.kubeconfig())
        .arg("--cache-dir")
        .arg(dir.join("cache"))
        .args([
            "apply",
            "--server-side",
            "--field-manager=kubectl",
            "--force-conflicts",
            "-f",
            "all.yml",
        ])
        .current_dir(dir);
    command
}

fn median(mut all: Vec<Duration>) -> f64 {
    all.sort();
    all[all.len() / 2].as_secs_f64()
}

fn main() {
    let kube = Kube::start();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("files")).unwrap();
    std::fs::write(dir.path().join("files/all.yml"), manifest()).unwrap();
    std::fs::write(dir.path().join("all.yml"), manifest()).unwrap();
    let site = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - kubernetes.core.k8s:\n        apply: true\n        src: all.yml\n        kubeconfig: {}\n",
        kube.kubeconfig().display()
    );
    std::fs::write(dir.path().join("site.yml"), site).unwrap();
    let first = timed(&mut hoist(dir.path()));
    println!("hoist, first time: {:.2} s", first.as_secs_f64());
    timed(&mut kubectl(&kube, dir.path()));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // in turns, so that whatever else the machine does falls on both
    for _ in 0..REPEATS {
        ours.push(timed(&mut hoist(dir.path())));
        theirs.push(timed(&mut kubectl(&kube, dir.path())));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("{OBJECTS} unchanged objects, medians of {REPEATS} runs in turns");
    println!("hoist                        {ours:.2} s");
    println!(
        "kubectl apply --server-side  {theirs:.2} s   {:.1} times hoist",
        theirs / ours
    );
}
