//! The dialect, playbook by playbook: every file in tests/dialect runs on this machine, and its recap and exit status are
//! those that ansible-core gave (tests/dialect/record wrote them down in recaps.txt). What the playbooks assert inside
//! holds under both.

#![expect(clippy::unwrap_used, reason = "a test")]

use hoist::engine::{Cancel, RunOptions, Setup, run};
use hoist::inventory::Inventory;
use hoist::playbook::Loader;
use hoist::report::{Event, EventKind, Recap};
use hoist::template::Templar;
use hoist::value::{Map, Secrets, Value};
use hoist::vault::Keyring;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialect")
}

async fn play(book: &str) -> (Recap, Vec<Event>) {
    let path = folder().join(book);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut options = RunOptions::default();
    let words: Vec<&str> = text
        .lines()
        .find_map(|l| l.strip_prefix("# args: "))
        .unwrap_or("")
        .split(' ')
        .collect();
    for pair in words.windows(2) {
        let list = || pair[1].split(',').map(str::to_owned).collect();
        match pair[0] {
            "--tags" => options.tags = list(),
            "--skip-tags" => options.skip_tags = list(),
            _ => {}
        }
    }
    options.check = words.contains(&"--check");
    let work = tempfile::tempdir().unwrap();
    options.extra_vars = Map::from_iter([(
        "work".to_owned(),
        Value::from(work.path().display().to_string()),
    )]);
    options.inventory = vec![folder().join("hosts.ini").display().to_string()];
    let keyring = Arc::new(Keyring::new());
    let inventory = Inventory::load(&options.inventory, &keyring).unwrap();
    let again = inventory.clone();
    let loader = Loader::new(&folder());
    let playbook = loader.playbook(&path).unwrap();
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    let setup = Setup {
        options,
        loader: Arc::new(loader),
        templar: Templar::new(),
        inventory,
        read_inventory: Arc::new(move || Ok(again.clone())),
        keyring,
        secrets: Secrets::default(),
        ask: Arc::new(|_, _| Box::pin(async { Ok(String::new()) })),
        cancel: Cancel::default(),
    };
    let recap = run(setup, &[(book.to_owned(), playbook)], send).await;
    let mut events = Vec::new();
    while let Some(event) = receive.recv().await {
        events.push(event);
    }
    (recap, events)
}

/// As `record` writes them: a line for the playbook, then one a host, sorted as Ansible sorts them.
fn shown(book: &str, recap: &Recap) -> String {
    let mut text = format!("## {book} exit={}\n", recap.exit);
    let mut hosts: Vec<_> = recap.hosts.iter().collect();
    hosts.sort_by_key(|(name, _)| (*name).clone());
    for (name, c) in hosts {
        text += &format!(
            "{name} : ok={} changed={} unreachable={} failed={} skipped={} rescued={} ignored={}\n",
            c.ok, c.changed, c.unreachable, c.failed, c.skipped, c.rescued, c.ignored
        );
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn every_playbook_ends_as_it_does_under_ansible() {
    let recorded = std::fs::read_to_string(folder().join("recaps.txt")).unwrap();
    let mut wrong = String::new();
    for section in recorded.split("## ").skip(1) {
        let expected = format!("## {section}");
        let book = section.split(' ').next().unwrap();
        let (recap, events) = play(book).await;
        let got = shown(book, &recap);
        if got != expected {
            wrong += &format!("--- expected\n{expected}+++ got\n{got}");
            for event in &events {
                match &event.kind {
                    EventKind::HostFinished(r)
                        if matches!(r.status, hoist::report::Status::Failed) =>
                    {
                        let msg = r
                            .result
                            .get("msg")
                            .map(ToString::to_string)
                            .unwrap_or_default();
                        wrong += &format!(
                            "{} task {}: {msg} {}\n",
                            r.host,
                            r.task,
                            Value::from(r.result.clone())
                        );
                    }
                    EventKind::Warning { message } | EventKind::Note { message } => {
                        wrong += &format!("{message}\n")
                    }
                    EventKind::TaskStarted(t) if std::env::var_os("VERBOSE").is_some() => {
                        wrong += &format!("task {} {} {}\n", t.task, t.at, t.name);
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
