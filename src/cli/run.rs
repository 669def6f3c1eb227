//! `hoist run`: playbooks on hosts.

use super::complain::{complain, warn};
use super::flags::{BecomeFlags, ConnectionFlags, HostFlags, OutputFlags, WorkFlags};
use super::options::{Flags, run_options};
use super::output;
use super::project::Project;
use super::session::{Session, conduct};
use super::site_lock::SiteLock;
use super::topology;
use super::vault::VaultOptions;
use crate::check::{Listing, start_among_roles};
use crate::error::{Diagnostic, Problems};
use crate::inventory::{Inventory, Order, limit, select_limited};
use crate::playbook::{Play, Playbook};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Ansible's exit status for what cannot be read.
pub const PARSER_ERROR: u8 = 4;
/// Ansible's exit status for flags that make no sense.
pub const OPTIONS_ERROR: u8 = 5;

/// Run playbooks on hosts
#[derive(Args, Clone, Debug)]
pub struct RunCommand {
    /// The playbooks, one after the other
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    #[command(flatten)]
    flags: RunFlags,
}

/// What `run` takes besides playbooks; `up` and `down` take the same.
#[derive(Args, Clone, Debug)]
pub struct RunFlags {
    #[command(flatten)]
    pub(super) hosts: HostFlags,
    /// Only tasks with one of these tags; parted by commas or given several times
    #[arg(short, long, value_name = "TAGS")]
    tags: Vec<String>,
    /// No task with one of these tags
    #[arg(long, value_name = "TAGS")]
    skip_tags: Vec<String>,
    #[command(flatten)]
    pub(super) work: WorkFlags,
    /// Begin at the task of this name
    #[arg(long, value_name = "NAME")]
    start_at_task: Option<String>,
    /// Ask before every task
    #[arg(long)]
    step: bool,
    /// Run notified handlers of a host even when a task on it failed
    #[arg(long)]
    force_handlers: bool,
    /// List the hosts, and do nothing else
    #[arg(long)]
    list_hosts: bool,
    /// List the tasks, and do nothing else
    #[arg(long)]
    list_tasks: bool,
    /// List the tags, and do nothing else
    #[arg(long)]
    list_tags: bool,
    /// Find what is wrong, and do nothing else
    #[arg(long)]
    syntax_check: bool,
    /// Facts are always gathered anew; accepted since there is nothing to forget
    #[arg(long)]
    flush_cache: bool,
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    r#become: BecomeFlags,
    #[command(flatten)]
    pub(super) vault: VaultOptions,
    #[command(flatten)]
    output: OutputFlags,
}

/// Words parted by commas, of flags given several times.
pub fn words(given: &[String]) -> Vec<String> {
    let words = given.iter().flat_map(|text| text.split(','));
    words
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Runs them. The exit status is Ansible's: 0, 1 for errors, 2 for failed and 4 for unreachable hosts, 4 and 5 for
/// playbooks and flags that make no sense, 99 when interrupted.
pub async fn run(command: RunCommand) -> ExitCode {
    conclude(prepare(&command.playbooks, command.flags, "hoist run").await)
}

/// The exit status, after what is wrong was told.
pub(super) fn conclude(result: Result<u8, Failed>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err((problems, status)) => {
            complain(&problems);
            ExitCode::from(status)
        }
    }
}

/// What is wrong, and with which exit status that ends.
pub(super) type Failed = (Problems, u8);

pub(super) fn parser(problems: impl Into<Problems>) -> Failed {
    (problems.into(), PARSER_ERROR)
}

/// Runs these playbooks; `doing` is what the user typed, for whoever finds the site at work.
pub(super) async fn prepare(
    paths: &[PathBuf],
    command: RunFlags,
    doing: &str,
) -> Result<u8, Failed> {
    let flags = Flags {
        hosts: &command.hosts,
        work: &command.work,
        connection: &command.connection,
        r#become: &command.r#become,
        verbosity: command.output.verbose,
    };
    flags.refuse().map_err(|d| (d.into(), OPTIONS_ERROR))?;
    let project = Project::open(
        &command.vault,
        &command.work.extra_vars,
        &command.work.artifacts,
    )
    .map_err(parser)?;
    let sources = project.sources(&command.hosts.inventory);
    let mut options =
        run_options(&flags, &project, &sources).map_err(|d| (d.into(), OPTIONS_ERROR))?;
    let or = |given: &[String], set: &[String]| {
        let given = words(given);
        if given.is_empty() {
            set.to_vec()
        } else {
            given
        }
    };
    options.tags = or(&command.tags, &project.config.tags);
    options.skip_tags = or(&command.skip_tags, &project.config.skip_tags);
    options.start_at.clone_from(&command.start_at_task);
    options.step = command.step;
    options.force_handlers |= command.force_handlers;

    let mut problems = Problems::new();
    let inventory = problems.take(project.inventory(&sources));
    let playbooks = problems.take(project.playbooks(paths, &options.tags, &options.skip_tags));
    let (Some(mut inventory), Some(playbooks)) = (inventory, playbooks) else {
        return Err((problems, PARSER_ERROR));
    };
    let start = options.start_at.as_deref();
    let among = playbooks
        .iter()
        .find_map(|(_, p)| start_among_roles(p, start?));
    if let Some(problem) = among {
        return Err((problem.into(), OPTIONS_ERROR));
    }
    project
        .cluster(&playbooks, &mut inventory)
        .map_err(parser)?;
    let limited = limited(&inventory, command.hosts.limit.as_deref()).map_err(|d| (d.into(), 1))?;
    if command.list_hosts || command.list_tasks || command.list_tags {
        let listing = Listing {
            tasks: command.list_tasks,
            tags: command.list_tags,
            hosts: command.list_hosts,
            only: options.tags,
            skip: options.skip_tags,
        };
        list(&listing, &playbooks, &inventory, &limited).map_err(parser)?;
        return Ok(0);
    }
    if command.syntax_check {
        for (name, _) in &playbooks {
            output::print(&format!("\nplaybook: {name}\n")).map_err(parser)?;
        }
        return Ok(0);
    }
    let concerns = playbooks.iter().any(|(_, p)| topology::concerns(p));
    let _lock = match concerns && !options.check {
        true => SiteLock::take(&sources, doing).map_err(|d| (d.into(), 1))?,
        false => None,
    };
    let told = output::tell(&command.output).map_err(|d| (d.into(), 1))?;
    Ok(conduct(Session {
        project,
        options,
        inventory,
        playbooks,
        told,
    })
    .await)
}

/// The parts of `--limit`, which must leave a host.
///
/// # Errors
/// It leaves none, or makes no sense.
pub fn limited(inventory: &Inventory, text: Option<&str>) -> Result<Vec<String>, Diagnostic> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let parts = limit(text)?;
    let chosen = select_limited(inventory, "all", &parts)?;
    chosen.unmatched.iter().for_each(warn);
    if chosen.hosts.is_empty() {
        let message = format!("`--limit {text}` leaves no host");
        return Err(
            Diagnostic::new(message).with_help("`hoist inventory --graph` shows what there is")
        );
    }
    Ok(parts)
}

fn list(
    listing: &Listing,
    playbooks: &[(String, Playbook)],
    inventory: &Inventory,
    limited: &[String],
) -> Result<(), Diagnostic> {
    let hosts = |play: &Play| {
        let pattern = match play.hosts.as_list() {
            Some(list) => list
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(","),
            None => play.hosts.to_string(),
        };
        // what is wrong with a pattern was told when the playbook was checked
        let mut chosen = select_limited(inventory, &pattern, limited).unwrap_or_default();
        chosen.order(Order::Inventory);
        chosen.hosts
    };
    let mut text = String::new();
    for (name, playbook) in playbooks {
        text.push_str(&listing.text(Path::new(name), playbook, &hosts));
    }
    output::print(&text)
}
