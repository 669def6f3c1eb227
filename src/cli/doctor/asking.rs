//! Asking hosts, and reading what they say.

use crate::report::{Event, EventKind, Reporter, Status};
use crate::value::Value;
use indexmap::IndexMap;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// The read-only script that every host runs.
const PROBE: &str = include_str!("probe.sh");
const PROBE_TASK: &str = "What it is";
const ROOT_TASK: &str = "Whether we may become root";

/// What is known of a host after it was asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// Why it cannot be reached.
    pub(super) unreachable: Option<String>,
    /// Why the script did not end well.
    pub(super) failed: Option<String>,
    /// What the script said; keys that may come several times have several values.
    pub(super) said: IndexMap<String, Vec<String>>,
    /// How far its clock is ahead of ours, in seconds.
    pub(super) ahead: Option<i64>,
    /// Whether we can become root there, and if not, why.
    pub(super) root: Option<Result<(), String>>,
}

impl Answer {
    /// What it said of a thing, without the empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let all = self.said.get(key)?;
        all.iter().map(String::as_str).find(|v| !v.is_empty())
    }

    /// A number that it said.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// Takes in what the script printed, which ended at `now` (seconds since 1970, our clock).
    pub(super) fn read(&mut self, printed: &str, now: i64) {
        for (key, value) in printed.lines().filter_map(|line| line.split_once('=')) {
            let values = self.said.entry(key.to_owned()).or_default();
            values.push(value.trim().to_owned());
        }
        let epoch = self.get("epoch").and_then(|e| e.parse::<i64>().ok());
        self.ahead = epoch.map(|epoch| epoch - now);
    }
}

/// The playbook that asks the hosts of a pattern.
pub(super) fn playbook(pattern: &str) -> String {
    json!([{
        "name": "Doctor",
        "hosts": pattern,
        "gather_facts": false,
        "tasks": [
            {
                "name": PROBE_TASK,
                "ansible.builtin.shell": { "cmd": PROBE },
                "become": false,
                "check_mode": false,
                "changed_when": false,
                "ignore_errors": true,
                "timeout": 60,
            },
            {
                "name": ROOT_TASK,
                "ansible.builtin.command": { "cmd": "id -u" },
                "become": true,
                "become_user": "root",
                "check_mode": false,
                "changed_when": false,
                "ignore_errors": true,
                "timeout": 30,
            },
        ],
    }])
    .to_string()
}

/// Collects what hosts answer.
#[derive(Clone, Default)]
pub(super) struct Listener {
    /// By host.
    pub(super) answers: Arc<Mutex<IndexMap<String, Answer>>>,
    task: IndexMap<u32, String>,
}

impl Reporter for Listener {
    fn on_event(&mut self, event: &Event) -> std::io::Result<()> {
        match &event.kind {
            EventKind::TaskStarted(task) => {
                self.task.insert(task.task, task.name.clone());
            }
            EventKind::HostFinished(result) => {
                let Ok(mut answers) = self.answers.lock() else {
                    return Ok(());
                };
                let answer = answers.entry(result.host.clone()).or_default();
                let text = |key: &str| match result.result.get(key) {
                    Some(Value::Str(text)) => text.to_string(),
                    _ => String::new(),
                };
                let why = || {
                    let (msg, err) = (text("msg"), text("stderr"));
                    let err = err.lines().last().unwrap_or_default().trim().to_owned();
                    if err.is_empty() { msg } else { err }
                };
                let name = self.task.get(&result.task).map_or("", String::as_str);
                match result.status {
                    Status::Unreachable => answer.unreachable = Some(text("msg")),
                    Status::Failed | Status::Ignored if name == ROOT_TASK => {
                        answer.root = Some(Err(why()));
                    }
                    Status::Failed | Status::Ignored => answer.failed = Some(why()),
                    Status::Ok | Status::Changed if name == ROOT_TASK => {
                        answer.root = Some(match text("stdout").trim() {
                            "0" => Ok(()),
                            other => Err(format!("became user {other}, not root")),
                        });
                    }
                    Status::Ok | Status::Changed => {
                        let now = SystemTime::now().duration_since(UNIX_EPOCH);
                        let now = now.map_or(0, |d| d.as_secs() as i64);
                        answer.read(&text("stdout"), now);
                    }
                    Status::Skipped => {}
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_script_says_what_this_machine_is_under_every_shell() {
        for shell in [&["sh"][..], &["busybox", "sh"]] {
            let ran = Command::new(shell[0])
                .args(&shell[1..])
                .args(["-c", PROBE])
                .output()
                .unwrap();
            assert!(ran.status.success(), "{ran:?}");
            let mut answer = Answer::default();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            answer.read(
                &String::from_utf8(ran.stdout).unwrap(),
                now.as_secs() as i64,
            );
            assert!(answer.number("memory_kb").unwrap() > 1000, "{answer:?}");
            assert!(answer.number("disk_free_kb").is_some());
            assert!(answer.number("processors").unwrap() > 0);
            assert!(answer.get("arch").is_some());
            assert!(answer.ahead.unwrap().abs() < 5);
            assert!(answer.said.contains_key("tcp"));
        }
    }

    #[test]
    fn a_port_that_is_listened_on_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let ran = Command::new("sh").args(["-c", PROBE]).output().unwrap();
        let mut answer = Answer::default();
        answer.read(&String::from_utf8(ran.stdout).unwrap(), 0);
        let ports: Vec<&str> = answer.get("tcp").unwrap().split(' ').collect();
        assert!(ports.contains(&port.as_str()), "{ports:?}");
    }
}
