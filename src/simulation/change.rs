//! `Change`: one change of an object, as it is kept, watched and sent to other servers.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// Where an object stands: `group/plural`, namespace (empty for kinds without), name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(pub String, pub String, pub String);

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// The revision that it made.
    pub revision: u64,
    /// The reign of the leader that made it.
    pub term: u64,
    /// What changed.
    pub key: Key,
    /// What is there now, `None` when it was removed.
    pub new: Option<Arc<Value>>,
    /// What was there before.
    #[serde(skip)]
    pub old: Option<Arc<Value>>,
}

/// Everything at one revision.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The revision.
    pub revision: u64,
    /// The reign of the leader that made it.
    pub term: u64,
    /// The objects.
    pub objects: Vec<(Key, Arc<Value>)>,
}
