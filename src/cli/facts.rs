//! `hoist facts`: what a host is.

use super::complain::complain;
use super::flags::{BecomeFlags, ConnectionFlags, HostFlags, WorkFlags};
use super::options::{Flags, run_options};
use super::output::{Told, print};
use super::project::Project;
use super::run::{OPTIONS_ERROR, PARSER_ERROR, words};
use super::session::{Session, conduct};
use super::vault::VaultOptions;
use crate::error::{Diagnostic, Problems};
use crate::report::{Event, EventKind, Hub, Reporter, Status, pretty_json};
use crate::value::{Map, Value};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Print what is known of hosts as JSON: their facts
#[derive(Args, Clone, Debug)]
pub struct FactsCommand {
    /// The host, or a pattern
    #[arg(value_name = "HOST")]
    pattern: String,
    /// Groups of facts, as `gather_subset` of `setup` takes them
    #[arg(long, value_name = "GROUPS", allow_hyphen_values = true)]
    subset: Vec<String>,
    /// Only facts whose names match one of these shell patterns
    #[arg(long, value_name = "PATTERN")]
    filter: Vec<String>,
    #[command(flatten)]
    hosts: HostFlags,
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    r#become: BecomeFlags,
    #[command(flatten)]
    vault: VaultOptions,
}

/// Prints them; exit statuses are those of `run`.
pub async fn run(command: FactsCommand) -> ExitCode {
    match prepare(command).await {
        Ok(status) => ExitCode::from(status),
        Err((problems, status)) => {
            complain(&problems);
            ExitCode::from(status)
        }
    }
}

async fn prepare(command: FactsCommand) -> Result<u8, (Problems, u8)> {
    let work = WorkFlags::default();
    let flags = Flags {
        hosts: &command.hosts,
        work: &work,
        connection: &command.connection,
        r#become: &command.r#become,
        verbosity: 0,
    };
    let wrong = |d: Diagnostic| (Problems::from(d), OPTIONS_ERROR);
    let unread = |p: Problems| (p, PARSER_ERROR);
    flags.refuse().map_err(wrong)?;
    let project = Project::open(&command.vault, &[], &Default::default()).map_err(unread)?;
    let sources = project.sources(&command.hosts.inventory);
    let options = run_options(&flags, &project, &sources).map_err(wrong)?;
    let inventory = project.inventory(&sources).map_err(unread)?;
    let chosen = crate::inventory::select(&inventory, &command.pattern).map_err(wrong)?;
    if let (true, Some(unmatched)) = (chosen.hosts.is_empty(), chosen.unmatched.into_iter().next())
    {
        return Err((unmatched.into(), 1));
    }
    let mut args = serde_json::Map::new();
    if !command.subset.is_empty() {
        args.insert("gather_subset".into(), json!(words(&command.subset)));
    }
    if !command.filter.is_empty() {
        args.insert("filter".into(), json!(words(&command.filter)));
    }
    let play = json!([{
        "hosts": command.pattern,
        "gather_facts": false,
        "tasks": [{ "ansible.builtin.setup": args }],
    }]);
    let playbook = project
        .playbook_text("command line", &play.to_string())
        .map_err(unread)?;
    let mut hub = Hub::default();
    hub.add(Printer {
        alone: chosen.hosts.len() == 1,
    });
    Ok(conduct(Session {
        project,
        options,
        inventory,
        playbooks: vec![("setup".to_owned(), playbook)],
        told: Told { hub, live: None },
    })
    .await)
}

/// Prints facts, of several hosts below their names.
struct Printer {
    alone: bool,
}

impl Reporter for Printer {
    fn on_event(&mut self, event: &Event) -> std::io::Result<()> {
        let wrong = |d: Diagnostic| std::io::Error::other(d.to_string());
        match &event.kind {
            EventKind::HostFinished(result) => {
                let (host, facts) = (&result.host, result.result.get("ansible_facts"));
                let Some(facts) =
                    facts.filter(|_| matches!(result.status, Status::Ok | Status::Changed))
                else {
                    let msg = result
                        .result
                        .get("msg")
                        .map(Value::to_string)
                        .unwrap_or_default();
                    eprintln!("error: {host}: {}", crate::report::harmless(&msg));
                    return Ok(());
                };
                let shown = if self.alone {
                    facts.clone()
                } else {
                    Value::map([(host.as_str(), facts.clone())])
                };
                let text = pretty_json(&sorted(shown));
                print(&format!("{text}\n")).map_err(wrong)
            }
            EventKind::Warning { message } => {
                eprintln!("warning: {}", crate::report::harmless(message));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// With all keys in order, as Ansible shows facts.
fn sorted(value: Value) -> Value {
    match value {
        Value::Map(map) => {
            let mut map: Map = map
                .iter()
                .map(|(k, v)| (k.clone(), sorted(v.clone())))
                .collect();
            map.sort_keys();
            Value::from(map)
        }
        Value::List(items) => Value::list(items.iter().cloned().map(sorted)),
        other => other,
    }
}
