//! `hoist check`: everything that can be found wrong before the first host is touched.

use super::complain::{complain, warn};
use super::flags::{ArtifactFlags, HostFlags};
use super::project::Project;
use super::run::{PARSER_ERROR, words};
use super::vault::VaultOptions;
use crate::error::{Diagnostic, Problems};
use crate::inventory::{limit, select_limited};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Find everything that is wrong with playbooks, without touching a host
#[derive(Args, Clone, Debug)]
pub struct CheckCommand {
    /// The playbooks
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    #[command(flatten)]
    hosts: HostFlags,
    /// A variable for names of imports and roles: k=v, YAML, JSON or @FILE; may be given several times
    #[arg(short, long, value_name = "VARS")]
    extra_vars: Vec<String>,
    /// Also find out whether these tags select anything
    #[arg(short, long, value_name = "TAGS")]
    tags: Vec<String>,
    /// Tags that are left out
    #[arg(long, value_name = "TAGS")]
    skip_tags: Vec<String>,
    #[command(flatten)]
    vault: VaultOptions,
    #[command(flatten)]
    artifacts: ArtifactFlags,
}

/// Prints what is wrong; 0 when nothing is, else 4, Ansible's status for playbooks that cannot be read.
pub fn run(command: &CheckCommand) -> ExitCode {
    match find(command) {
        Ok(plays) => {
            let many = if plays == 1 { "" } else { "s" };
            match super::output::print(&format!("nothing wrong in {plays} play{many}\n")) {
                Ok(()) => ExitCode::SUCCESS,
                Err(problem) => {
                    complain(&problem.into());
                    ExitCode::FAILURE
                }
            }
        }
        Err(problems) => {
            complain(&problems);
            let n = problems.0.len();
            eprintln!(
                "\n{n} mistake{} found; no host was touched",
                if n == 1 { "" } else { "s" }
            );
            ExitCode::from(PARSER_ERROR)
        }
    }
}

fn find(command: &CheckCommand) -> Result<usize, Problems> {
    let project = Project::open(&command.vault, &command.extra_vars, &command.artifacts)?;
    let mut problems = Problems::new();
    let sources = project.sources(&command.hosts.inventory);
    let inventory = problems.take(project.inventory(&sources));
    let (only, skip) = (words(&command.tags), words(&command.skip_tags));
    let playbooks = problems.take(project.playbooks(&command.playbooks, &only, &skip));
    if let (Some(inventory), Some(playbooks)) = (&inventory, &playbooks) {
        // without an inventory only the playbooks are checked
        let named = inventory.hosts.values().any(|h| !h.implicit);
        if named {
            problems.take(project.cluster(playbooks, &mut inventory.clone()));
        }
    }
    if let Some(inventory) = &inventory {
        let parts = command.hosts.limit.as_deref().map(limit).transpose();
        let parts = problems.take(parts).flatten().unwrap_or_default();
        let chosen = problems.take(select_limited(inventory, "all", &parts));
        let none = chosen.is_some_and(|c| c.hosts.is_empty());
        if none && command.hosts.limit.is_some() {
            problems.push(Diagnostic::new("`--limit` leaves no host"));
        }
    }
    // the site's next step, not a mistake in its files
    super::artifacts::unlocked(project.templar.artifacts())
        .iter()
        .for_each(warn);
    let plays = playbooks.iter().flatten().map(|(_, p)| p.plays.len()).sum();
    problems.or_ok(plays)
}
