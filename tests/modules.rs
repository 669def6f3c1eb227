//! The modules on real hosts: each table (tests/modules/NAME.yml) is run with `--check`, for real, and again.
//!
//! Check mode must change nothing on the host and predict what the real run does; the second run must find nothing to do.
//! Where a task is another matter, its name says how: `[check=skipped first=changed again=changed]`. They need root and
//! Debian packages, as tests/lab.rs does; `HOIST_SKIP_LAB=1` leaves them out, and says so.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers here are tests too, which the lint does not see"
)]

use hoist::lab::{Lab, Options};
use hoist::modules::{Run, all};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use tokio::sync::OnceCell;

const HOIST: &str = env!("CARGO_BIN_EXE_hoist");

/// The tables, each on the host of its place.
const TABLES: &[&str] = &[
    "files",
    "packages",
    "accounts",
    "services",
    "installed",
    "commands",
    "conversations",
];

const REFUSED: &str = "hoist does not have it: it is refused by name";

/// Modules that no host of the lab can carry out, and why; the cases beside their code are all that covers them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("community.general.apk", "the lab's hosts are Debian"),
    ("ansible.builtin.dnf", "the lab's hosts are Debian"),
    (
        "ansible.builtin.yum_repository",
        "the lab's hosts are Debian",
    ),
    ("ansible.builtin.rpm_key", "the lab's hosts have no rpm"),
    (
        "ansible.posix.firewalld",
        "firewalld needs the machine's own netfilter",
    ),
    (
        "ansible.posix.selinux",
        "the machine's kernel has no SELinux",
    ),
    (
        "ansible.posix.seboolean",
        "the machine's kernel has no SELinux",
    ),
    (
        "community.general.snap",
        "snapd needs loop devices and its store",
    ),
    ("community.general.xml", REFUSED),
];

const LAB: &str = "t-modules";

fn skipped() -> bool {
    let skip = std::env::var_os("HOIST_SKIP_LAB").is_some_and(|v| v == "1");
    if skip {
        eprintln!("SKIPPED: HOIST_SKIP_LAB=1 is set, no lab is made");
    } else {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests need root: run them with sudo, or set HOIST_SKIP_LAB=1"
        );
    }
    skip
}

/// A fresh host a table, with new package lists; brought up by whoever asks first.
async fn lab() -> &'static Lab {
    static LAB_UP: OnceCell<Lab> = OnceCell::const_new();
    LAB_UP
        .get_or_init(|| async {
            Lab::down(LAB, &|_| {}).await.unwrap();
            // Nothing of ours runs when the last test is done. This one waits for our end of its pipe to close.
            let script = format!("read -r x; exec {HOIST} lab down --name {LAB}");
            let cleaner = std::process::Command::new("setsid")
                .args(["sh", "-c", &script])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::mem::forget(cleaner);
            let options = Options::new(LAB, TABLES.len());
            Lab::up(&options, &|line| eprintln!("{line}"))
                .await
                .unwrap()
        })
        .await
}

async fn inside(lab: &Lab, host: &str, script: &str) -> String {
    let out = lab.run_in(host, &["sh", "-c", script]).await.unwrap();
    assert!(out.status.success(), "{script}: {out:?}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// What a module could have changed on a host, a line each.
async fn state(lab: &Lab, host: &str) -> BTreeSet<String> {
    let script = "cd /; \
        find etc opt root home srv usr/local var/spool var/lib/dpkg var/lib/apt -xdev ! -type s \
            ! -name '.ansible*' -printf '%p %y %m %u %g %l\\n'; \
        find etc opt root home srv usr/local var/spool -xdev -type f -exec sha256sum {} +; \
        ls -d tmp/* var/tmp/* 2>/dev/null | grep -v systemd-private; \
        dpkg -l; dpkg --get-selections; \
        systemctl list-unit-files --no-legend --no-pager; \
        systemctl list-units --type=service --all --no-legend --no-pager | awk '{print $1, $3}' | grep -v -e user -e apt-daily -e tmpfiles; \
        cut -d' ' -f2,3 proc/mounts | grep -v -e ^/run -e ^/proc -e ^/sys; \
        hostname; cat proc/sys/net/ipv4/ip_forward proc/sys/kernel/random/boot_id";
    inside(lab, host, script)
        .await
        .lines()
        .map(str::to_owned)
        .collect()
}

/// How one task ended: `changed`, `ok` …, and what it said.
struct Ended {
    status: String,
    module: String,
    said: String,
}

type Results = IndexMap<String, Ended>;

/// Runs a table; the results by task name.
async fn run(lab: &Lab, place: &Path, table: &str, host: &str, more: &[&str]) -> Results {
    let inventory = place.join("hosts.ini");
    std::fs::write(&inventory, lab.inventory()).unwrap();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules");
    let out = tokio::process::Command::new(HOIST)
        .arg("run")
        .arg(dir.join(format!("{table}.yml")))
        .arg("-i")
        .arg(&inventory)
        .args(["-l", host, "--output", "json", "-e"])
        .arg(format!("here={}", place.display()))
        .args(more)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let mut tasks = BTreeMap::new();
    let mut results = Results::new();
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        match event["event"].as_str() {
            Some("task_started") => {
                tasks.insert(event["task"].to_string(), (word("name"), word("module")));
            }
            Some("host_finished") => {
                let (name, module) = tasks[&event["task"].to_string()].clone();
                let said = event["result"].to_string();
                let ended = Ended {
                    status: word("status"),
                    module,
                    said,
                };
                assert!(
                    results.insert(name.clone(), ended).is_none(),
                    "two tasks of {table} are called `{name}`"
                );
            }
            _ => {}
        }
    }
    assert!(
        !results.is_empty(),
        "{table} {more:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    results
}

/// What a task's name says of it: `[check=skipped]`.
fn exceptions(name: &str) -> BTreeMap<&str, &str> {
    let inner = name
        .rsplit_once('[')
        .and_then(|(_, rest)| rest.strip_suffix(']'));
    inner
        .unwrap_or_default()
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .collect()
}

async fn table(name: &str) {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let number = TABLES.iter().position(|t| *t == name).unwrap() + 1;
    let host = &format!("{LAB}-{number}");
    inside(lab, host, "apt-get -q update").await;

    // The first contact makes the login's own folders.
    let reached = run(lab, place, "conversations", host, &["--check"]).await;
    assert_eq!(reached["ping"].status, "ok", "{}", reached["ping"].said);
    let before = state(lab, host).await;
    let check = run(lab, place, name, host, &["--check"]).await;
    let after = state(lab, host).await;
    let touched: Vec<_> = before.symmetric_difference(&after).collect();
    assert_eq!(
        touched,
        Vec::<&String>::new(),
        "check mode changed the host"
    );

    let first = run(lab, place, name, host, &[]).await;
    let again = run(lab, place, name, host, &[]).await;

    let mut wrong = Vec::new();
    let names: BTreeSet<&String> = check
        .keys()
        .chain(first.keys())
        .chain(again.keys())
        .collect();
    for task in names {
        let says = exceptions(task);
        let status = |results: &'_ Results| {
            let ended = results.get(task);
            ended.map_or("not reached".to_owned(), |e| e.status.clone())
        };
        let assertion = first
            .get(task)
            .is_some_and(|e| e.module == "ansible.builtin.assert");
        let expected_first = match says.get("first") {
            Some(status) => (*status).to_owned(),
            None if assertion => "ok".to_owned(),
            None => match status(&first).as_str() {
                "changed" => "changed".to_owned(),
                _ => "ok".to_owned(),
            },
        };
        let expected_check = says.get("check").copied().unwrap_or(&expected_first);
        let expected_again = says.get("again").copied().unwrap_or("ok");
        for (run, results, expected) in [
            ("check", &check, expected_check),
            ("first", &first, &*expected_first),
            ("again", &again, expected_again),
        ] {
            let got = status(results);
            // what is asserted may be of a task that is skipped
            if got == expected || assertion && run == "check" && got == "skipped" {
                continue;
            }
            let said = results.get(task).map_or("", |e| &e.said);
            wrong.push(format!("{task}: {run}: {got}, not {expected}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

macro_rules! tables {
    ($($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            table(stringify!($name)).await;
        }
    )*};
}

tables!(files packages accounts services installed commands conversations);

/// Every module that acts on a host is in a table, or it is said why not.
#[test]
fn every_module_is_tried_or_excused() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules");
    let text: String = TABLES
        .iter()
        .map(|t| std::fs::read_to_string(dir.join(format!("{t}.yml"))).unwrap())
        .collect();
    let tried = |name: &str| {
        text.lines()
            .map(|l| l.trim_start().trim_start_matches("- "))
            .any(|l| l.split_once(':').is_some_and(|(key, _)| key == name))
    };
    let mut missing = Vec::new();
    for spec in all() {
        if !matches!(spec.run, Run::Bind(_)) {
            continue;
        }
        // They act on a cluster, not on a host: tests/cluster.rs tries them.
        if spec.name.starts_with("kubernetes.core.") {
            continue;
        }
        let excuse = ELSEWHERE.iter().find(|(name, _)| *name == spec.name);
        let excused = excuse.is_some();
        let refused = spec.about.starts_with("not supported");
        assert_eq!(
            excuse.is_some_and(|(_, why)| *why == REFUSED),
            refused,
            "{}",
            spec.name
        );
        let tried = tried(spec.short()) || spec.aliases.iter().any(|alias| tried(alias));
        if excused == tried {
            missing.push(spec.name);
        }
    }
    assert_eq!(missing, Vec::<&str>::new());
}
