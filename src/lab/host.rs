//! A host as others see it.

use super::state;
use crate::error::Diagnostic;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The account on the hosts that may log in and use sudo.
pub(super) const USER: &str = "hoist";

/// One host, and what it takes to log in to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabHost {
    /// Its name: `LAB-NUMBER`.
    pub name: String,
    /// Its address, reachable from this machine.
    pub address: Ipv4Addr,
    /// The private key that may log in.
    pub key: PathBuf,
    /// The `known_hosts` file with its host key.
    pub known_hosts: PathBuf,
    /// The account to log in to; it may use sudo.
    pub user: String,
    /// What SSH goes through to reach it, where its cable can not be made longer itself.
    pub relay: Option<Relay>,
}

/// A program that delays what passes: `PROGRAM lab relay ADDRESS PORT MILLISECONDS`, as ssh's `ProxyCommand`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// hoist itself.
    pub program: PathBuf,
    /// What it adds to every round trip.
    pub milliseconds: u32,
}

impl Relay {
    /// What [`Relay::save`] wrote to a host's directory, if it did.
    pub(super) fn load(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join("relay")).ok()?;
        let (milliseconds, program) = text.trim_end().split_once(' ')?;
        Some(Self {
            program: program.into(),
            milliseconds: milliseconds.parse().ok()?,
        })
    }

    /// Writes it to a host's directory.
    pub(super) fn save(&self, dir: &Path) -> Result<(), Diagnostic> {
        let text = format!("{} {}\n", self.milliseconds, self.program.display());
        state::write_private(&dir.join("relay"), text.as_bytes())
    }

    fn option(&self) -> String {
        let program = self.program.display();
        format!(
            "-oProxyCommand={program} lab relay %h %p {}",
            self.milliseconds
        )
    }
}

impl LabHost {
    /// ssh's options to reach it, but for the key and the account.
    pub fn options(&self) -> Vec<String> {
        let known_hosts = self.known_hosts.display();
        let mut options = vec![
            format!("-oUserKnownHostsFile={known_hosts}"),
            "-oStrictHostKeyChecking=yes".to_owned(),
            "-oIdentitiesOnly=yes".to_owned(),
        ];
        options.extend(self.relay.iter().map(Relay::option));
        options
    }

    /// The words that log in to it: `ssh` with all it needs, no command yet.
    pub fn ssh(&self) -> Vec<OsString> {
        let mut words = vec!["ssh".into(), "-i".into(), self.key.clone().into()];
        words.extend(self.options().into_iter().map(OsString::from));
        words.push(format!("{}@{}", self.user, self.address).into());
        words
    }
}
