//! A bring-up that waits: twelve roles of a platform, each of which sleeps for as long as a rollout in miniature takes, on this
//! machine. Side by side it should cost its longest chain; one after the other it costs the sum. Started by `benches/graph`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Roles: the name, the seconds it waits, what it needs.
const ROLES: [(&str, f64, &str); 12] = [
    ("storage", 2.0, ""),
    ("namespaces", 1.0, ""),
    ("ingress", 2.0, "namespaces"),
    ("certificates", 1.5, "namespaces"),
    ("postgres", 2.0, "storage"),
    ("objects", 1.5, "storage"),
    ("registry", 1.0, "objects, ingress"),
    ("tracking", 1.5, "postgres, objects, certificates"),
    ("pipelines", 2.0, "postgres, objects"),
    ("serving", 1.5, "ingress, certificates"),
    ("monitoring", 2.0, "namespaces"),
    ("model", 2.0, "serving, tracking"),
];

/// How often each of ours is run; the median counts.
const TIMES: usize = 3;

fn write(path: PathBuf, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The site: three tasks a role, of which two wait, half of its time each. ansible-core takes no role whose meta has `needs`, so
/// the roles that run one after the other have none.
fn make(dir: &Path, strategy: &str) -> PathBuf {
    let site = dir.join(strategy);
    for (name, seconds, needs) in ROLES {
        let role = site.join("roles").join(name);
        let half = seconds / 2.0;
        let tasks =
            format!("- command: sleep {half}\n- stat: path=/etc/passwd\n- command: sleep {half}\n");
        write(role.join("tasks/main.yml"), &tasks);
        if strategy == "graph" {
            write(role.join("meta/main.yml"), &format!("needs: [{needs}]\n"));
        }
    }
    let names: Vec<&str> = ROLES.iter().map(|(name, ..)| *name).collect();
    let names = names.join(", ");
    let play = format!(
        "- hosts: localhost\n  gather_facts: false\n  strategy: {strategy}\n  roles: [{names}]\n"
    );
    write(site.join("site.yml"), &play);
    site
}

/// Seconds of a whole process.
fn timed(site: &Path, command: &mut Command) -> f64 {
    let begun = Instant::now();
    let ran = command
        .args(["site.yml", "-i", "localhost,", "-c", "local"])
        .current_dir(site)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    assert!(ran.status.success() && text.contains("failed=0"), "{text}");
    begun.elapsed().as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let (graph, linear) = (make(dir.path(), "graph"), make(dir.path(), "linear"));
    let sum: f64 = ROLES.iter().map(|(_, seconds, _)| seconds).sum();
    let mut ends: BTreeMap<&str, f64> = BTreeMap::new();
    for (name, seconds, needs) in ROLES {
        let before = needs.split(", ").filter_map(|n| ends.get(n)).copied();
        let begin = before.fold(0.0, f64::max);
        ends.insert(name, begin + seconds);
    }
    let chain = ends.values().copied().fold(0.0, f64::max);
    println!(
        "{} roles wait {sum} s in all, {chain} s along the longest chain\n",
        ROLES.len()
    );
    println!(
        "| | s | sum of the waits over it | over the longest chain |\n| --- | ---: | ---: | ---: |"
    );
    let row = |name: &str, took: f64| {
        println!(
            "| {name} | {took:.2} | {:.2} | {:.2} |",
            sum / took,
            took / chain
        );
    };
    for (name, site) in [
        ("hoist, `strategy: graph`", &graph),
        ("hoist, one after the other", &linear),
    ] {
        let ours = || Command::new(env!("CARGO_BIN_EXE_hoist"));
        let times = (0..TIMES).map(|_| timed(site, ours().arg("run")));
        row(name, median(times.collect()));
    }
    match std::env::var_os("HOIST_BENCH_VENV") {
        None => println!("\nansible-core is not there: `benches/run` installs it"),
        Some(venv) => {
            let bin = Path::new(&venv).join("bin");
            let python = format!(
                "ansible_python_interpreter={}",
                bin.join("python").display()
            );
            let mut ansible = Command::new(bin.join("ansible-playbook"));
            let took = timed(&linear, ansible.args(["-e", &python]));
            row("ansible-core, one after the other", took);
        }
    }
}
