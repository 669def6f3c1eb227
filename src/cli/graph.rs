//! `hoist graph`: what a playbook runs, and what waits for what.

use super::complain::complain;
use super::flags::HostFlags;
use super::graph_play::GraphPlay;
use super::graph_svg::svg;
use super::graph_text::{dot, mermaid, text};
use super::output;
use super::project::Project;
use super::run::{PARSER_ERROR, words};
use super::vault::VaultOptions;
use crate::check::Overview;
use crate::error::Problems;
use crate::inventory::{limit, select_limited};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Show in which order playbooks run their roles, and what waits for what
#[derive(Args, Clone, Debug)]
pub struct GraphCommand {
    /// The playbooks
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    #[command(flatten)]
    hosts: HostFlags,
    /// What to print
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only tasks with one of these tags are counted
    #[arg(short, long, value_name = "TAGS")]
    tags: Vec<String>,
    /// No task with one of these tags
    #[arg(long, value_name = "TAGS")]
    skip_tags: Vec<String>,
    /// A variable for names of imports and roles: k=v, YAML, JSON or @FILE; may be given several times
    #[arg(short, long, value_name = "VARS")]
    extra_vars: Vec<String>,
    #[command(flatten)]
    vault: VaultOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lists for people
    Text,
    /// A flowchart for Mermaid
    Mermaid,
    /// A picture
    Svg,
    /// A graph for Graphviz
    Dot,
}

/// Prints it; mistakes are those of `hoist check`, with its exit status.
pub fn run(command: &GraphCommand) -> ExitCode {
    let shown = show(command).and_then(|text| output::print(&text).map_err(Into::into));
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            complain(&problems);
            ExitCode::from(PARSER_ERROR)
        }
    }
}

fn show(command: &GraphCommand) -> Result<String, Problems> {
    let project = Project::open(&command.vault, &command.extra_vars, &Default::default())?;
    let mut problems = Problems::new();
    let sources = project.sources(&command.hosts.inventory);
    let inventory = problems.take(project.inventory(&sources));
    let (only, skip) = (words(&command.tags), words(&command.skip_tags));
    let playbooks = problems.take(project.playbooks(&command.playbooks, &only, &skip));
    let (Some(inventory), Some(playbooks)) = (inventory, playbooks) else {
        return Err(problems);
    };
    let limited = match command.hosts.limit.as_deref() {
        Some(text) => limit(text)?,
        None => Vec::new(),
    };
    let mut plays = Vec::new();
    for (_, playbook) in &playbooks {
        for overview in Overview::of(playbook, &only, &skip)? {
            let pattern = overview.patterns.join(",");
            let hosts = match pattern.contains("{{") {
                true => None,
                // without an inventory the hosts are anybody's guess
                false
                    if command.hosts.inventory.is_empty()
                        && project.config.inventory.is_empty() =>
                {
                    None
                }
                false => Some(select_limited(&inventory, &pattern, &limited)?.hosts.len()),
            };
            plays.push(GraphPlay {
                number: plays.len() + 1,
                overview,
                hosts,
            });
        }
    }
    Ok(match command.format {
        Format::Text => text(&plays),
        Format::Mermaid => mermaid(&plays),
        Format::Dot => dot(&plays),
        Format::Svg => svg(&plays),
    })
}
