//! The cluster's own hands: they look at the objects and bring what is nearer to what is wanted, as Kubernetes' controllers do.
//!
//! Each controller is a function over the whole cluster that changes nothing when there is nothing to do. After every
//! change all of them run again, and once a second for what waits for a time.

mod charts;
mod cron;
mod daemonsets;
pub mod definitions;
mod deployments;
mod garbage;
mod jobs;
mod kubelet;
mod namespaces;
mod nodes;
mod policies;
mod replicasets;
mod scheduler;
mod services;
mod statefulsets;
mod storage;
mod tools;

use super::cluster::Cluster;
use super::server::Server;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How long changes are gathered before the controllers look at them.
const GATHER: Duration = Duration::from_millis(20);

/// Lets every controller look once.
pub fn run_once(cluster: &mut Cluster, now: Timestamp) {
    definitions::run(cluster, now);
    namespaces::run(cluster);
    nodes::run(cluster, now);
    charts::run(cluster);
    deployments::run(cluster, now);
    replicasets::run(cluster, now);
    statefulsets::run(cluster, now);
    daemonsets::run(cluster, now);
    jobs::run(cluster, now);
    scheduler::run(cluster, now);
    storage::run(cluster, now);
    kubelet::run(cluster, now);
    services::run(cluster);
    policies::run(cluster);
    garbage::run(cluster);
}

/// Lets the controllers look after every change, and every second besides, as long as `leads` says so. Without `all`, only
/// definitions are looked after, which the API server itself does.
pub async fn run(server: Arc<Server>, all: bool, leads: impl Fn() -> bool + Send) {
    let mut changes = server.cluster().store.subscribe();
    loop {
        changes.mark_unchanged();
        if leads() && all {
            run_once(&mut server.cluster(), Timestamp::now());
        } else if leads() {
            definitions::run(&mut server.cluster(), Timestamp::now());
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        tokio::time::sleep(GATHER).await;
    }
}

#[cfg(test)]
mod tests;
