//! The servers of a cluster, kept among its objects where the API does not show them.

use crate::simulation::change::Key;
use crate::simulation::cluster::Cluster;
use serde::{Deserialize, Serialize};
use std::io;

const PLACE: &str = "simulation/members";

/// A server of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The name of its node.
    pub name: String,
    /// Where it is reached: `https://ADDRESS:PORT`.
    pub url: String,
    /// Whether it still learns what the others know; it has no vote then.
    pub learner: bool,
    /// When it joined, in seconds.
    pub joined: i64,
    /// The uid of its Node, once it was seen: when that one is gone, the server no longer belongs to the cluster.
    pub node: String,
}

fn key(name: &str) -> Key {
    Key(PLACE.to_owned(), String::new(), name.to_owned())
}

/// All servers, in the order of their names.
pub fn all(cluster: &Cluster) -> Vec<Member> {
    let found = cluster.store.list(PLACE, None);
    found
        .filter_map(|(_, it)| serde_json::from_value(it["member"].clone()).ok())
        .collect()
}

/// Notes a server, or what changed about it.
///
/// # Errors
/// When the store cannot be written.
pub fn put(cluster: &mut Cluster, member: &Member) -> io::Result<()> {
    let value = serde_json::json!({"metadata": {"name": member.name}, "member": member});
    cluster.store.put(key(&member.name), value).map(|_| ())
}

/// Forgets a server.
///
/// # Errors
/// When the store cannot be written.
pub fn remove(cluster: &mut Cluster, name: &str) -> io::Result<()> {
    cluster.store.remove(key(name))
}

/// How many of the servers with a vote make a majority.
pub fn majority(members: &[Member]) -> usize {
    members.iter().filter(|it| !it.learner).count() / 2 + 1
}
