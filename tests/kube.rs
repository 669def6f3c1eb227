//! The real lane itself: a server starts, answers, survives its restart, and leaves nothing behind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers here are tests too, which the lint does not see"
)]

#[path = "kube/mod.rs"]
mod kube;

use kube::Kube;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_shared_server_answers_as_the_version_that_was_asked_for() {
    if kube::skipped() {
        return;
    }
    let version = Kube::shared().must(&["version", "-o", "json"]);
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    let wanted = include_str!("kube/kubernetes/go.mod")
        .lines()
        .find_map(|l| l.split_once("k8s.io/kubernetes v"))
        .unwrap()
        .1;
    for side in ["clientVersion", "serverVersion"] {
        assert_eq!(version[side]["gitVersion"], format!("v{wanted}"), "{side}");
        assert_eq!(version[side]["minor"], "36");
    }
}

#[test]
fn what_was_written_is_there_after_a_stop_and_after_a_crash() {
    if kube::skipped() {
        return;
    }
    let kube = Kube::start();
    kube.namespace("kept");
    for end in [Kube::stop, Kube::kill] {
        end(&kube);
        let out = kube.kubectl(&["get", "namespace", "kept"]);
        assert!(!out.status.success(), "{out:?}");
        kube.restart();
        kube.must(&["get", "namespace", "kept"]);
    }
}

/// A test that is killed leaves no server and no folder: the pipe that the watching shell reads closes with it.
#[test]
fn nothing_is_left_when_the_test_is_killed() {
    if kube::skipped() {
        return;
    }
    if let Some(note) = std::env::var_os("HOIST_KUBE_VICTIM") {
        let kube = Kube::start();
        std::fs::write(note, kube.dir().display().to_string()).unwrap();
        std::thread::sleep(Duration::from_secs(600));
    }
    let place = tempfile::tempdir().unwrap();
    let note = place.path().join("dir");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_is_left_when_the_test_is_killed"])
        .env("HOIST_KUBE_VICTIM", &note)
        .spawn()
        .unwrap();
    let began = Instant::now();
    let dir = loop {
        match std::fs::read_to_string(&note) {
            Ok(dir) if !dir.is_empty() => break dir,
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
        assert!(began.elapsed() < Duration::from_secs(240), "no server");
    };
    assert_ne!(processes_of(&dir), 0);
    victim.kill().unwrap();
    victim.wait().unwrap();
    let began = Instant::now();
    while processes_of(&dir) > 0 || std::path::Path::new(&dir).exists() {
        assert!(began.elapsed() < Duration::from_secs(20), "{dir} is left");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How many processes name this folder in their arguments.
fn processes_of(dir: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(dir))
        .count()
}
