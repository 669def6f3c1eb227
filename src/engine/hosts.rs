//! Host names, shared.

use std::sync::Arc;

/// A host's inventory name.
pub type HostName = Arc<str>;

/// Hosts in order, without duplicates.
pub type Hosts = Vec<HostName>;

/// `hosts` without those in `without`, order kept.
pub fn minus(hosts: &[HostName], without: &[HostName]) -> Hosts {
    hosts
        .iter()
        .filter(|h| !without.contains(h))
        .cloned()
        .collect()
}

/// Adds those of `more` that are not there yet.
pub fn join(hosts: &mut Hosts, more: &[HostName]) {
    for host in more {
        if !hosts.contains(host) {
            hosts.push(host.clone());
        }
    }
}
