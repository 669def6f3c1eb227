//! `hoist exec`: one module on many hosts.

use super::complain::complain;
use super::flags::{BecomeFlags, ConnectionFlags, HostFlags, OutputFlags, WorkFlags};
use super::options::{Flags, run_options};
use super::output::{print, tell_answers};
use super::project::Project;
use super::run::{OPTIONS_ERROR, PARSER_ERROR, limited};
use super::session::{Session, conduct};
use super::vault::VaultOptions;
use crate::error::{Diagnostic, Problems};
use crate::inventory::select_limited;
use crate::modules;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Run one module on hosts
#[derive(Args, Clone, Debug)]
pub struct ExecCommand {
    /// Which hosts
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// The module
    #[arg(
        short,
        long = "module-name",
        visible_alias = "module",
        value_name = "MODULE",
        default_value = "command"
    )]
    module: String,
    /// Its arguments: `k=v` words, the command itself, or a JSON mapping
    #[arg(
        short,
        long,
        value_name = "ARGS",
        default_value = "",
        allow_hyphen_values = true
    )]
    args: String,
    /// Let it run on its own, and give it up after so many seconds
    #[arg(short = 'B', long, value_name = "SECONDS")]
    background: Option<u64>,
    /// Seconds between two looks at what runs on its own; 0 does not wait for it
    #[arg(
        short = 'P',
        long = "poll",
        value_name = "SECONDS",
        requires = "background",
        default_value_t = 15
    )]
    poll: u64,
    /// List the hosts, and do nothing else
    #[arg(long)]
    list_hosts: bool,
    #[command(flatten)]
    hosts: HostFlags,
    #[command(flatten)]
    work: WorkFlags,
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    r#become: BecomeFlags,
    #[command(flatten)]
    vault: VaultOptions,
    #[command(flatten)]
    output: OutputFlags,
}

/// Runs it; exit statuses are those of `run`.
pub async fn run(command: ExecCommand) -> ExitCode {
    match prepare(command).await {
        Ok(status) => ExitCode::from(status),
        Err((problems, status)) => {
            complain(&problems);
            ExitCode::from(status)
        }
    }
}

async fn prepare(command: ExecCommand) -> Result<u8, (Problems, u8)> {
    let flags = Flags {
        hosts: &command.hosts,
        work: &command.work,
        connection: &command.connection,
        r#become: &command.r#become,
        verbosity: command.output.verbose,
    };
    let wrong = |d: Diagnostic| (Problems::from(d), OPTIONS_ERROR);
    let unread = |p: Problems| (p, PARSER_ERROR);
    flags.refuse().map_err(wrong)?;
    let text = playbook(&command).map_err(wrong)?;
    let project = Project::open(
        &command.vault,
        &command.work.extra_vars,
        &command.work.artifacts,
    )
    .map_err(unread)?;
    let sources = project.sources(&command.hosts.inventory);
    let options = run_options(&flags, &project, &sources).map_err(wrong)?;
    let inventory = project.inventory(&sources).map_err(unread)?;
    let limited = limited(&inventory, command.hosts.limit.as_deref()).map_err(|d| (d.into(), 1))?;
    let chosen = select_limited(&inventory, &command.pattern, &limited).map_err(wrong)?;
    if let (true, Some(unmatched)) = (chosen.hosts.is_empty(), chosen.unmatched.into_iter().next())
    {
        return Err((unmatched.into(), 1));
    }
    if command.list_hosts {
        let mut text = format!("  hosts ({}):\n", chosen.hosts.len());
        for host in &chosen.hosts {
            text.push_str(&format!("    {host}\n"));
        }
        print(&text).map_err(|d| (d.into(), 1))?;
        return Ok(0);
    }
    let playbook = project
        .playbook_text("command line", &text)
        .map_err(|problems| unread(without_places(problems)))?;
    let told = tell_answers(&command.output).map_err(|d| (d.into(), 1))?;
    Ok(conduct(Session {
        project,
        options,
        inventory,
        playbooks: vec![(command.module, playbook)],
        told,
    })
    .await)
}

/// Nobody wrote the playbook that the places are in.
fn without_places(mut problems: Problems) -> Problems {
    for problem in &mut problems.0 {
        problem.span = None;
    }
    problems
}

/// A playbook of one task, in JSON, which is YAML.
fn playbook(command: &ExecCommand) -> Result<String, Diagnostic> {
    let text = command.args.trim();
    let args = if text.starts_with('{') && !text.starts_with("{{") && !text.starts_with("{%") {
        serde_json::from_str(text)
            .map_err(|e| Diagnostic::new(format!("the arguments are no JSON mapping: {e}")))?
    } else if text.is_empty() {
        if modules::find(&command.module).is_some_and(|m| m.free_form.is_some()) {
            return Err(
                Diagnostic::new(format!("`{}` needs arguments", command.module))
                    .with_help("give them with `-a`"),
            );
        }
        json!(null)
    } else {
        json!(text)
    };
    let mut task = json!({ &command.module: args });
    if let (Some(seconds), Some(task)) = (command.background, task.as_object_mut()) {
        task.insert("async".into(), json!(seconds));
        task.insert("poll".into(), json!(command.poll));
    }
    Ok(json!([{
        "name": "Ad hoc",
        "hosts": command.pattern,
        "gather_facts": false,
        "tasks": [task],
    }])
    .to_string())
}
