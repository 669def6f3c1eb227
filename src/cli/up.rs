//! `hoist up` and `hoist down`: the site's own playbooks on the site's own inventory.

use super::project::Project;
use super::run::{Failed, OPTIONS_ERROR, PARSER_ERROR, RunFlags, conclude, prepare};
use super::site::{site_inventory, site_playbook};
use crate::error::Problems;
use clap::Args;
use std::process::ExitCode;

/// Bring the site up: hosts prepared, K3s on them, a kubeconfig here. A second run changes nothing
#[derive(Args, Clone, Debug)]
pub struct UpCommand {
    #[command(flatten)]
    flags: RunFlags,
}

/// Take the cluster down again. Asks first; data stays unless `-e k3s_delete_data=true` says otherwise
#[derive(Args, Clone, Debug)]
pub struct DownCommand {
    #[command(flatten)]
    flags: RunFlags,
}

/// Runs `site.yml`. Exit statuses are those of `run`.
pub async fn up(command: UpCommand) -> ExitCode {
    conclude(site("site.yml", command.flags, "hoist up").await)
}

/// Runs `k3s-uninstall.yml`. Exit statuses are those of `run`.
pub async fn down(command: DownCommand) -> ExitCode {
    conclude(site("k3s-uninstall.yml", command.flags, "hoist down").await)
}

async fn site(name: &str, mut flags: RunFlags, doing: &str) -> Result<u8, Failed> {
    let project = Project::open(&flags.vault, &flags.work.extra_vars, &flags.work.artifacts)
        .map_err(|problems| (problems, PARSER_ERROR))?;
    let wrong = |d| (Problems::from(d), OPTIONS_ERROR);
    flags.hosts.inventory =
        site_inventory(&flags.hosts.inventory, &project.config).map_err(wrong)?;
    let playbook = site_playbook(name, &flags.hosts.inventory).map_err(wrong)?;
    prepare(&[playbook], flags, doing).await
}
