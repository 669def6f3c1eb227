//! The subcommand.

use super::asking::{Answer, Listener, playbook};
use super::control::control;
use super::finding::{Finding, State, table};
use super::judging::{Part, judge};
use crate::cli::complain::{complain, warn};
use crate::cli::flags::{BecomeFlags, ConnectionFlags, HostFlags, WorkFlags};
use crate::cli::options::{Flags, run_options};
use crate::cli::output::{Told, print, text_options};
use crate::cli::project::Project;
use crate::cli::run::{OPTIONS_ERROR, PARSER_ERROR, limited};
use crate::cli::session::{Session, conduct};
use crate::cli::site::site_inventory;
use crate::cli::topology::{AGENTS, SERVERS, topology};
use crate::cli::vault::VaultOptions;
use crate::error::{Diagnostic, Problems};
use crate::inventory::{Inventory, select_limited};
use crate::report::Hub;
use clap::Args;
use std::process::ExitCode;

/// Look for what is wrong with this machine and with every host, before the first change
#[derive(Args, Clone, Debug)]
pub struct DoctorCommand {
    #[command(flatten)]
    hosts: HostFlags,
    /// A variable that outranks all others: k=v, YAML, JSON or @FILE; may be given several times
    #[arg(short, long, value_name = "VARS")]
    extra_vars: Vec<String>,
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    r#become: BecomeFlags,
    #[command(flatten)]
    vault: VaultOptions,
}

/// Prints the table. 0 when nothing has to be mended, else 1; 4 and 5 as for `run`.
pub async fn run(command: DoctorCommand) -> ExitCode {
    match examine(command).await {
        Ok(status) => ExitCode::from(status),
        Err((problems, status)) => {
            complain(&problems);
            ExitCode::from(status)
        }
    }
}

async fn examine(command: DoctorCommand) -> Result<u8, (Problems, u8)> {
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
    let project =
        Project::open(&command.vault, &command.extra_vars, &work.artifacts).map_err(unread)?;
    let mut machines = vec![("this machine".to_owned(), control())];
    let mut impossible = Problems::new();
    match site_inventory(&command.hosts.inventory, &project.config) {
        Ok(sources) => {
            let mut options = run_options(&flags, &project, &sources).map_err(wrong)?;
            // a host that hangs must not hold up the table for long
            options.timeout = command
                .connection
                .timeout
                .unwrap_or(options.timeout.min(10));
            let inventory = project.inventory(&sources).map_err(unread)?;
            let limited =
                limited(&inventory, command.hosts.limit.as_deref()).map_err(|d| (d.into(), 1))?;
            let chosen = select_limited(&inventory, "all", &limited).map_err(wrong)?;
            if inventory.groups.contains_key(SERVERS) || inventory.groups.contains_key(AGENTS) {
                impossible = topology(&inventory, None, &project.extra_vars);
            }
            let parts: Vec<(String, Part)> = chosen
                .hosts
                .iter()
                .map(|name| (name.clone(), part(&inventory, name)))
                .collect();
            let playbook = project
                .playbook_text("doctor", &playbook("all"))
                .map_err(unread)?;
            let listener = Listener::default();
            let answers = listener.answers.clone();
            let mut hub = Hub::default();
            hub.add(listener);
            conduct(Session {
                project,
                options,
                inventory,
                playbooks: vec![("doctor".to_owned(), playbook)],
                told: Told { hub, live: None },
            })
            .await;
            let answers = answers.lock().map(|a| a.clone()).unwrap_or_default();
            let nothing = Answer::default();
            machines.extend(parts.into_iter().map(|(name, part)| {
                let findings = judge(answers.get(&name).unwrap_or(&nothing), part);
                let role = match part {
                    Part::Server => " (server)",
                    Part::Agent => " (agent)",
                    Part::Other => "",
                };
                (format!("{name}{role}"), findings)
            }));
        }
        Err(none) if command.hosts.inventory.is_empty() => warn(&none),
        Err(none) => return Err((none.into(), PARSER_ERROR)),
    }
    tell(&machines, &impossible).map_err(|d| (d.into(), 1))
}

/// What the inventory wants a host to be.
fn part(inventory: &Inventory, host: &str) -> Part {
    let groups = inventory.group_names(host);
    match (groups.contains(&SERVERS), groups.contains(&AGENTS)) {
        (true, _) => Part::Server,
        (_, true) => Part::Agent,
        _ => Part::Other,
    }
}

fn tell(machines: &[(String, Vec<Finding>)], impossible: &Problems) -> Result<u8, Diagnostic> {
    let options = text_options(0);
    print(&table(machines, options.paint, options.width.max(100)))?;
    if !impossible.0.is_empty() {
        complain(impossible);
        eprintln!();
    }
    let count = |state: State| {
        let all = machines.iter().flat_map(|(_, f)| f);
        all.filter(|f| f.state == state).count()
    };
    let (bad, warnings) = (count(State::Bad) + impossible.0.len(), count(State::Warn));
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    print(&match (bad, warnings) {
        (0, 0) => "nothing to mend\n".to_owned(),
        (0, n) => format!("nothing to mend, {n} warning{}\n", plural(n)),
        (n, w) => format!(
            "{n} thing{} to mend, {w} warning{}; no host was changed\n",
            plural(n),
            plural(w)
        ),
    })?;
    Ok(u8::from(bad > 0))
}
