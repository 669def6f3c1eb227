//! `hoist inventory`: the hosts and groups, as `ansible-inventory` prints them.

use super::complain::warn;
use super::vault::VaultOptions;
use crate::error::{Diagnostic, Problems};
use crate::inventory::{
    Inventory, VarsFiles, graph, host_vars, limit, list, list_yaml, select, select_limited,
};
use clap::{ArgGroup, Args};
use std::path::PathBuf;
use std::process::ExitCode;

/// The options of `hoist inventory`.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("action").required(true).args(["list", "host", "graph"])))]
pub struct InventoryCommand {
    /// An inventory: a file, a folder, a script, or hosts with a comma; may be given several times
    #[arg(short, long = "inventory", value_name = "SOURCE")]
    inventory: Vec<String>,
    /// Print every group and host with its variables as JSON
    #[arg(long)]
    list: bool,
    /// Print one host's variables as JSON
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Draw the groups as a tree, from GROUP down
    #[arg(long)]
    graph: bool,
    /// Show variables in the tree
    #[arg(long, requires = "graph", conflicts_with_all = ["list", "host"])]
    vars: bool,
    /// Print the list as YAML
    #[arg(short, long, requires = "list", conflicts_with_all = ["graph", "host"])]
    yaml: bool,
    /// Leave out hosts that do not fit this pattern
    #[arg(short, long, value_name = "PATTERN", conflicts_with_all = ["host", "graph"])]
    limit: Option<String>,
    /// The folder whose `group_vars` and `host_vars` count as those beside the playbook
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    playbook_dir: PathBuf,
    /// Where the tree begins; `all` when left out
    #[arg(value_name = "GROUP", requires = "graph", conflicts_with_all = ["list", "host"])]
    group: Option<String>,
    #[command(flatten)]
    vault: VaultOptions,
}

/// Prints what was asked for.
///
/// # Errors
/// Every mistake in the inventory, an unknown host or group, a wrong pattern.
pub fn run(command: InventoryCommand) -> Result<ExitCode, Problems> {
    let keyring = command.vault.keyring()?;
    let sources = if command.inventory.is_empty() {
        Inventory::default_sources(|name| std::env::var(name).ok())
    } else {
        command.inventory
    };
    let inventory = Inventory::load(&sources, &keyring)?;
    let files = VarsFiles::load(&command.playbook_dir, &keyring);
    inventory.problems_of(&files).or_ok(())?;
    inventory
        .warnings
        .iter()
        .chain(&files.warnings)
        .for_each(warn);
    let playbook = Some(&files);
    let text = if let Some(host) = command.host {
        let selection = select(&inventory, &host)?;
        match &selection.hosts[..] {
            [host] => host_vars(&inventory, playbook, host),
            [] => {
                let unmatched = selection.unmatched.into_iter().next();
                return Err(unmatched
                    .unwrap_or_else(|| Diagnostic::new(format!("there is no host `{host}`")))
                    .into());
            }
            several => {
                let diagnostic =
                    Diagnostic::new(format!("`{host}` stands for {} hosts", several.len()));
                return Err(diagnostic.with_help("name one host").into());
            }
        }
    } else if command.graph {
        let group = command.group.as_deref().unwrap_or("all");
        graph(&inventory, playbook, group, command.vars)?
    } else {
        let parts = command
            .limit
            .as_deref()
            .map(limit)
            .transpose()?
            .unwrap_or_default();
        let selection = select_limited(&inventory, "all", &parts)?;
        selection.unmatched.iter().for_each(warn);
        if command.yaml {
            list_yaml(&inventory, playbook, &selection.hosts)
                .trim_end()
                .to_owned()
        } else {
            list(&inventory, playbook, &selection.hosts)
        }
    };
    super::output::print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        command: InventoryCommand,
    }

    fn parse(line: &[&str]) -> Result<InventoryCommand, clap::Error> {
        Cli::try_parse_from(std::iter::once("inventory").chain(line.iter().copied()))
            .map(|c| c.command)
    }

    fn hoist(line: &[&str]) -> String {
        let told = run(parse(line).unwrap());
        told.map_or_else(|e| e.to_string(), |_| "printed".to_owned())
    }

    #[test]
    fn exactly_one_thing_is_asked_for() {
        assert!(parse(&["--list", "-i", "a,"]).is_ok());
        assert!(parse(&["--graph", "web"]).is_ok_and(|c| c.group.as_deref() == Some("web")));
        assert!(parse(&["--graph"]).is_ok_and(|c| c.group.is_none()));
        for wrong in [
            &[][..],
            &["--list", "--graph"],
            &["--list", "web"],
            &["--list", "--vars"],
            &["--graph", "--limit", "x"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn hosts_are_found_or_told() {
        assert_eq!(hoist(&["-i", "web1,web2", "--host", "web1"]), "printed");
        insta::assert_snapshot!(hoist(&["-i", "web1,web2", "--host", "webx"]), @r"
    error: no host or group matches `webx`
      help: did you mean `web1`?
    ");
        insta::assert_snapshot!(hoist(&["-i", "web1,web2", "--host", "all"]), @r"
    error: `all` stands for 2 hosts
      help: name one host
    ");
        insta::assert_snapshot!(hoist(&["-i", "web1,", "--graph", "al"]), @r"
    error: there is no group `al`
      help: did you mean `all`?
    ");
    }
}
