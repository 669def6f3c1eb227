//! A run as a JUnit file: a suite a play, a case a task and host.

use super::text::because;
use super::{Event, EventKind, HostResult, Reporter, Status, TaskId, TaskInfo};
use crate::value::Value;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

/// Writes the file when the run is over.
pub struct Junit<W> {
    out: W,
    name: String,
    tasks: HashMap<TaskId, TaskInfo>,
    suites: Vec<Suite>,
}

/// A play: its name, its results, and the roles that were left out: the role, a host and why.
#[derive(Default)]
struct Suite {
    name: String,
    results: Vec<HostResult>,
    left_out: Vec<(String, String, String)>,
}

impl<W: Write> Junit<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            name: "hoist".into(),
            tasks: HashMap::new(),
            suites: Vec::new(),
        }
    }

    fn case(&self, result: &HostResult) -> TestCase {
        let text = |key: &str| match result.result.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(value) => value.to_string(),
        };
        let msg = match (text("msg"), text("censored")) {
            (msg, censored) if msg.is_empty() => censored,
            (msg, _) => msg,
        };
        let problem = |kind| {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(msg.clone());
            let output: Vec<String> = ["stdout", "stderr"]
                .into_iter()
                .map(text)
                .filter(|t| !t.trim().is_empty())
                .collect();
            status.set_description(output.join("\n"));
            status
        };
        let status = match result.status {
            Status::Ok | Status::Changed | Status::Ignored => TestCaseStatus::success(),
            Status::Skipped => {
                let mut status = TestCaseStatus::skipped();
                let reason = text("skip_reason");
                status.set_message(if reason.is_empty() {
                    msg.clone()
                } else {
                    reason
                });
                status
            }
            Status::Failed => problem(NonSuccessKind::Failure),
            Status::Unreachable => problem(NonSuccessKind::Error),
        };
        let task = self.tasks.get(&result.task);
        let name = task.map_or_else(|| format!("task {}", result.task), |t| t.name.clone());
        let mut case = TestCase::new(format!("[{}] {name}", result.host), status);
        case.set_classname(task.map_or("", |t| t.at.as_str()));
        case.set_time(Duration::from_millis(result.took_ms));
        if result.status == Status::Ignored {
            case.set_system_out(format!("failed, ignored: {msg}"));
        }
        case
    }
}

impl<W: Write + Send> Reporter for Junit<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::RunStarted { playbooks, .. } => self.name = playbooks.join(" "),
            EventKind::PlayStarted { name, .. } => self.suites.push(Suite {
                name: name.clone(),
                ..Suite::default()
            }),
            EventKind::TaskStarted(task) => {
                self.tasks.insert(task.task, task.clone());
            }
            EventKind::HostFinished(result) => {
                if self.suites.is_empty() {
                    self.suites.push(Suite {
                        name: self.name.clone(),
                        ..Suite::default()
                    });
                }
                if let Some(suite) = self.suites.last_mut() {
                    suite.results.push(result.clone());
                }
            }
            EventKind::RoleSkipped {
                role,
                hosts,
                needs,
                failed,
            } => {
                if let Some(suite) = self.suites.last_mut() {
                    let why = because(needs, failed);
                    let each = hosts.iter();
                    let each = each.map(|host| (role.clone(), host.clone(), why.clone()));
                    suite.left_out.extend(each);
                }
            }
            EventKind::RunFinished(recap) => {
                let mut report = Report::new(self.name.clone());
                report.set_time(Duration::from_millis(recap.took_ms));
                for Suite {
                    name,
                    results,
                    left_out,
                } in &self.suites
                {
                    let mut suite = TestSuite::new(name.clone());
                    let took = results.iter().map(|r| r.took_ms).sum();
                    suite.set_time(Duration::from_millis(took));
                    suite.add_test_cases(results.iter().map(|r| self.case(r)));
                    suite.add_test_cases(left_out.iter().map(|(role, host, why)| {
                        let mut status = TestCaseStatus::skipped();
                        status.set_message(why.clone());
                        TestCase::new(format!("[{host}] role {role}"), status)
                    }));
                    report.add_test_suite(suite);
                }
                report.serialize(&mut self.out).map_err(io::Error::other)?;
                self.out.flush()?;
            }
            _ => {}
        }
        Ok(())
    }
}
