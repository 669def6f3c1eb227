//! A running lab.

use super::base::Base;
use super::cgroup::Cgroups;
use super::demand::Demand;
use super::host::{LabHost, Relay, USER};
use super::inventory;
use super::limits::Limits;
use super::lock::Lock;
use super::network::Network;
use super::options::{Options, Progress, check_name};
use super::seed::random_hex;
use super::state::{self, State};
use crate::error::Diagnostic;
use futures_util::future::try_join_all;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A lab that has been brought up. It stays when this is dropped: tests share it by its name, [`Lab::down`] ends it.
#[derive(Debug)]
pub struct Lab {
    pub(super) state: State,
    pub(super) network: Network,
    pub(super) cgroup: Cgroups,
    pub(super) dir: PathBuf,
    pub(super) hosts: Vec<LabHost>,
}

impl Lab {
    /// Brings a lab up, or what is missing of it, and waits until every host answers as SSH. A lab of that name that
    /// has more hosts keeps them. Only one hoist at a time does this for a name; others wait.
    pub async fn up(options: &Options, progress: Progress<'_>) -> Result<Self, Diagnostic> {
        options.check()?;
        Demand.check()?;
        Demand.install(progress).await?;
        let _lock = Self::lock(&options.name, progress).await?;
        let mut state = match State::load(&options.name)? {
            Some(state) => same_kind(state, options)?,
            None => Self::begin(options).await?,
        };
        if !state.base.exists() {
            let base = Base::of(state.kind).await?;
            if base.path() != state.base && !State::dir(&state.name).join("hosts").exists() {
                // It was never finished, so no host stands on it.
                state.base = base.path().to_owned();
                state.save()?;
            }
            if base.path() != state.base {
                return Err(Diagnostic::new(format!(
                    "the base under the hosts of lab `{}` is gone: `{}`",
                    state.name,
                    state.base.display()
                ))
                .with_help(format!(
                    "`hoist lab down --name {}`, then up again",
                    state.name
                )));
            }
            base.ensure(progress).await?;
        }
        state.hosts = state.hosts.max(options.hosts);
        state.save()?;
        let lab = Self::of(state)?;
        lab.prepare(options.sudo_password.as_deref()).await?;
        Limits::of_machine(State::root()).raise(progress)?;
        lab.network.ensure().await?;
        let starts = (1..=lab.hosts.len()).map(|i| lab.start_host(i));
        try_join_all(starts).await?;
        Ok(lab)
    }

    /// The lab of that name as it was written down, running or not; an error when there is none.
    pub fn open(name: &str) -> Result<Self, Diagnostic> {
        check_name(name)?;
        match State::load(name)? {
            Some(state) => Self::of(state),
            None => Err(Diagnostic::new(format!("there is no lab `{name}`"))
                .with_nearest(name, state::labs().iter().map(String::as_str))),
        }
    }

    /// Ends a lab and removes everything of it, in whatever state it was left; whether there was something to remove.
    pub async fn down(name: &str, progress: Progress<'_>) -> Result<bool, Diagnostic> {
        check_name(name)?;
        Demand.check()?;
        let dir = State::dir(name);
        let cgroup = Cgroups::of_lab(name)?;
        let there = dir.exists() || cgroup.dirs().iter().any(|d| d.exists());
        let lock = Self::lock(name, progress).await?;
        // A record that can not be read must not keep a lab from going.
        let state = State::load(name).ok().flatten();
        cgroup.destroy().await?;
        if let Some(state) = state {
            Network::of(&state)?.destroy().await?;
        }
        wait_for_loops(&dir).await;
        state::remove_dir(&dir).await?;
        Base::clear_abandoned().await?;
        if state::labs().is_empty() {
            Limits::of_machine(State::root()).restore();
        }
        drop(lock);
        // Each only if nothing is left in it.
        let _ = fs::remove_dir(State::root());
        let _ = State::root().parent().map(fs::remove_dir);
        Ok(there)
    }

    /// Its hosts, in the order of their numbers.
    pub fn hosts(&self) -> &[LabHost] {
        &self.hosts
    }

    /// Its record.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// It as an INI inventory: a group named after the lab with its hosts, and what ssh needs to reach them.
    pub fn inventory(&self) -> String {
        inventory::inventory(&self.state, &self.hosts, &self.dir)
    }

    /// A sudo password nobody knows yet.
    pub fn make_password() -> Result<String, Diagnostic> {
        random_hex()
    }

    /// What sudo on the hosts asks for; `None` where it does not ask.
    pub fn sudo_password(&self) -> Result<Option<String>, Diagnostic> {
        if !self.state.sudo_password {
            return Ok(None);
        }
        let path = self.dir.join("sudo-password");
        let text = fs::read_to_string(&path)
            .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))?;
        Ok(Some(text.trim_end_matches('\n').to_owned()))
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Result<&LabHost, Diagnostic> {
        self.index(name).map(|i| &self.hosts[i - 1])
    }

    async fn begin(options: &Options) -> Result<State, Diagnostic> {
        let base = Base::of(options.kind).await?;
        let mut state = State {
            name: options.name.clone(),
            number: 0,
            hosts: options.hosts,
            kind: options.kind,
            sudo_password: options.sudo_password.is_some(),
            disk: options.disk,
            base: base.path().to_owned(),
        };
        Network::reserve(&mut state).await?;
        Ok(state)
    }

    fn of(state: State) -> Result<Self, Diagnostic> {
        let network = Network::of(&state)?;
        let dir = State::dir(&state.name);
        let host = |(i, name): (usize, String)| LabHost {
            relay: Relay::load(&dir.join("hosts").join(&name)),
            name,
            address: network.address(i + 1),
            key: dir.join("key"),
            known_hosts: dir.join("known_hosts"),
            user: USER.to_owned(),
        };
        Ok(Self {
            hosts: state.host_names().enumerate().map(host).collect(),
            cgroup: Cgroups::of_lab(&state.name)?,
            network,
            dir,
            state,
        })
    }

    pub(super) async fn lock(name: &str, progress: Progress<'_>) -> Result<Lock, Diagnostic> {
        let waiting = || {
            progress(&format!(
                "waiting for another hoist that is changing lab `{name}`"
            ))
        };
        Lock::take(&State::lock(name), waiting).await
    }

    /// The number of a host, from 1.
    pub(super) fn index(&self, host: &str) -> Result<usize, Diagnostic> {
        let found = self.hosts.iter().position(|h| h.name == host);
        found.map(|i| i + 1).ok_or_else(|| {
            Diagnostic::new(format!(
                "there is no host `{host}` in lab `{}`",
                self.state.name
            ))
            .with_nearest(host, self.hosts.iter().map(|h| h.name.as_str()))
        })
    }

    pub(super) fn host_dir(&self, host: &str) -> PathBuf {
        self.dir.join("hosts").join(host)
    }
}

/// The record, when it is of the same kind as what is asked for now.
fn same_kind(state: State, options: &Options) -> Result<State, Diagnostic> {
    let differs = if state.kind != options.kind {
        Some(format!("its hosts are {}", state.kind.name()))
    } else if state.disk != options.disk {
        Some("its hosts have other disks".to_owned())
    } else if state.sudo_password != options.sudo_password.is_some() {
        Some("it differs in whether sudo asks for a password".to_owned())
    } else {
        None
    };
    match differs {
        None => Ok(state),
        Some(note) => Err(Diagnostic::new(format!(
            "lab `{}` is there already, and of another kind",
            state.name
        ))
        .with_note(note)
        .with_help("choose another `--name`, or take it down first")),
    }
}

/// Waits a little for loop devices on files under `dir`: the kernel lets go of them after the last mount is gone.
async fn wait_for_loops(dir: &Path) {
    let busy = || {
        let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
        devices.into_iter().any(|device| {
            fs::read_to_string(device.path().join("loop/backing_file"))
                .is_ok_and(|file| Path::new(file.trim()).starts_with(dir))
        })
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    while busy() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
