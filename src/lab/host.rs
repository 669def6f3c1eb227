//! A host as others see it.

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
}

impl LabHost {
    /// The words that log in to it: `ssh` with the key and the host key, no command yet.
    pub fn ssh(&self) -> Vec<OsString> {
        let option = |name: &str, path: &Path| {
            let mut text = OsString::from(format!("-o{name}="));
            text.push(path);
            text
        };
        vec![
            "ssh".into(),
            "-i".into(),
            self.key.clone().into(),
            option("UserKnownHostsFile", &self.known_hosts),
            "-oStrictHostKeyChecking=yes".into(),
            "-oIdentitiesOnly=yes".into(),
            format!("{}@{}", self.user, self.address).into(),
        ]
    }
}
