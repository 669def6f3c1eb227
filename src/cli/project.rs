//! What `run`, `check`, `exec` and `facts` stand on: settings, vaults, hosts, and the playbook reader.

use super::complain::warn;
use super::extra_vars::extra_vars;
use super::flags::ArtifactFlags;
use super::load_time::{Known, World, decrypt};
use super::topology;
use super::vault::VaultOptions;
use crate::check::{Findings, check, check_parts};
use crate::error::{Diagnostic, Problems};
use crate::inventory::{Inventory, VarsFiles};
use crate::modules;
use crate::playbook::{Config, Loader, Playbook};
use crate::template::{Scope, Templar};
use crate::value::{Map, Secrets, Value};
use crate::vault::Keyring;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that is read before anything is done.
pub struct Project {
    /// Settings.
    pub config: Config,
    /// Opens vaults.
    pub keyring: Arc<Keyring>,
    /// What must not be shown.
    pub secrets: Secrets,
    /// `-e`.
    pub extra_vars: Map,
    /// Renders.
    pub templar: Templar,
    /// Reads playbooks.
    pub loader: Arc<Loader>,
    /// Where hoist was started.
    cwd: PathBuf,
}

impl Project {
    /// Reads settings and secrets.
    ///
    /// # Errors
    /// Every mistake in them.
    pub fn open(
        vault: &VaultOptions,
        given: &[String],
        artifacts: &ArtifactFlags,
    ) -> Result<Self, Problems> {
        let cwd = std::env::current_dir()
            .map_err(|e| Diagnostic::new(format!("cannot tell the current folder: {e}")))?;
        let config = Config::load(&cwd, &|name| std::env::var(name).ok())?;
        config.warnings.iter().for_each(warn);
        let keyring = Arc::new(vault.keyring_from(|name| secret_source(&config, name))?);
        let extra_vars = extra_vars(given, &keyring)?;
        let secrets = Secrets::default();
        let templar = Templar::with_artifacts(Arc::new(artifacts.shelf(&cwd)?));
        let loader = loader(&cwd, &config, &keyring, &secrets, &extra_vars, &templar);
        Ok(Self {
            config,
            keyring,
            secrets,
            extra_vars,
            templar,
            loader: Arc::new(loader),
            cwd,
        })
    }

    /// The inventories to read: those given, else those of the settings.
    pub fn sources(&self, given: &[String]) -> Vec<String> {
        let configured = &self.config.inventory;
        match (given.is_empty(), configured.is_empty()) {
            (false, _) => given.to_vec(),
            (true, false) => configured.clone(),
            (true, true) => Inventory::default_sources(|_| None),
        }
    }

    /// Reads the hosts and tells its warnings.
    ///
    /// # Errors
    /// Every mistake in them.
    pub fn inventory(&self, sources: &[String]) -> Result<Inventory, Problems> {
        let inventory = Inventory::load(sources, &self.keyring)?;
        inventory.warnings.iter().for_each(warn);
        Ok(inventory)
    }

    /// Reads playbooks and everything they refer to, and checks them.
    ///
    /// # Errors
    /// Every mistake in any of them.
    pub fn playbooks(
        &self,
        paths: &[PathBuf],
        only: &[String],
        skip: &[String],
    ) -> Result<Vec<(String, Playbook)>, Problems> {
        let mut problems = Problems::new();
        let mut out = Vec::new();
        for path in paths {
            problems.take(self.enter(path));
            let (playbook, mut found) = self.loader.playbook_parts(path);
            if found.0.is_empty() {
                out.push((path.display().to_string(), playbook));
                continue;
            }
            // What could be read is looked over too, so that nobody mends one mistake to be told of the next.
            let more = check_parts(&playbook, &self.loader, &self.templar).problems;
            let new = more.0.into_iter().filter(|d| !found.0.contains(d));
            let new = Problems(new.collect());
            found.extend(new);
            found.sort();
            problems.extend(found);
        }
        for (_, playbook) in &out {
            let Findings {
                problems: found,
                warnings,
            } = check(playbook, &self.loader, &self.templar, only, skip);
            warnings.iter().for_each(warn);
            problems.extend(found);
        }
        problems.or_ok(out)
    }

    /// Whether the cluster that these playbooks bring up can be; the groups that they name are there afterwards, if only
    /// empty.
    ///
    /// # Errors
    /// Everything that makes it impossible.
    pub fn cluster(
        &self,
        playbooks: &[(String, Playbook)],
        inventory: &mut Inventory,
    ) -> Result<(), Problems> {
        let mut problems = Problems::new();
        for (_, playbook) in playbooks.iter().filter(|(_, p)| topology::concerns(p)) {
            inventory.add_group(topology::SERVERS);
            inventory.add_group(topology::AGENTS);
            if topology::brings_up(playbook) {
                let folder = playbook.plays.first().map(|play| play.dir.clone());
                let files = folder.map(|folder| VarsFiles::load(&folder, &self.keyring));
                problems.extend(topology::topology(
                    inventory,
                    files.as_ref(),
                    &self.extra_vars,
                ));
            }
        }
        problems.or_ok(())
    }

    /// Reads the artifacts of the site that a playbook belongs to. One that hoist carries itself belongs to the folder where
    /// hoist was started, if that has any.
    fn enter(&self, playbook: &Path) -> Result<(), Problems> {
        let shelf = self.templar.artifacts();
        let folder = self.cwd.join(playbook.parent().unwrap_or(playbook));
        if folder.starts_with(super::site::cache()) {
            let own = shelf.enter(&self.cwd, &self.cwd);
            if own.is_err() || shelf.site().is_ok() {
                return own;
            }
        }
        shelf.enter(&folder, &self.cwd)
    }

    /// A playbook that is only a text, checked.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn playbook_text(&self, name: &str, text: &str) -> Result<Playbook, Problems> {
        self.templar.artifacts().enter(&self.cwd, &self.cwd)?;
        let playbook = self.loader.playbook_text(name, text)?;
        let findings = check(&playbook, &self.loader, &self.templar, &[], &[]);
        findings.problems.or_ok(playbook)
    }
}

fn loader(
    cwd: &Path,
    config: &Config,
    keyring: &Arc<Keyring>,
    secrets: &Secrets,
    extra_vars: &Map,
    templar: &Templar,
) -> Loader {
    let ring = keyring.clone();
    let decrypt = move |_: &Path, text: &str| decrypt(&ring, text);
    let world = World {
        cwd: cwd.to_owned(),
        keyring: keyring.clone(),
        secrets: secrets.clone(),
    };
    let world = Arc::new(world);
    let templar = templar.clone();
    let render = move |value: &Value, vars: &Map| {
        let scope: Arc<dyn Scope> = Arc::new(Known {
            vars: vars.clone(),
            world: world.clone(),
        });
        templar.resolve(&scope, value)
    };
    Loader::new(cwd)
        .with_roles_path(config.roles_path.clone())
        .with_strategy(config.strategy.clone())
        .with_extra_vars(extra_vars.clone())
        .with_decrypt(Arc::new(decrypt), secrets.clone())
        .with_render(Arc::new(render))
        .with_modules(|name| modules::find(name).is_some())
}

/// The settings of vault secrets, as the environment names them.
fn secret_source(config: &Config, name: &str) -> Option<String> {
    match name {
        "ANSIBLE_VAULT_PASSWORD_FILE" => {
            let path = config.vault_password_file.as_ref();
            path.map(|p| p.display().to_string())
        }
        "ANSIBLE_VAULT_IDENTITY_LIST" => Some(config.vault_identity_list.join(",")),
        _ => None,
    }
}
