//! What a host is, what is installed and running on it, what is mounted: `setup`, `package_facts`, `service_facts`, `mount_facts`.
//!
//! Each asks the host once, with a POSIX script that forks little and prints raw text; all understanding is here, in pure
//! functions from that text. A host may print anything: what does not parse is left out.
//!
//! Facts are made without the `ansible_` prefix (`os_family`); `setup` returns them with it, as Ansible's does, and the engine takes either.

mod clock;
mod distribution;
mod hardware;
mod local;
mod managers;
mod mount_facts;
mod network;
mod os_family;
mod package_facts;
mod platform;
mod raw;
mod service_facts;
mod settings;
mod setup;
mod storage;
mod subset;
#[cfg(test)]
mod testing;
mod virtualization;

use super::Spec;

/// The modules of this folder.
pub(super) static ALL: &[&Spec] = &[
    &mount_facts::SPEC,
    &package_facts::SPEC,
    &service_facts::SPEC,
    &setup::SPEC,
];
