//! What servers say to each other.

use crate::simulation::change::{Change, Snapshot};
use serde::{Deserialize, Serialize};

/// What the leader sends.
#[derive(Serialize, Deserialize)]
pub struct Append {
    /// The term of who sends it.
    pub term: u64,
    /// The name of the leader.
    pub leader: String,
    /// The revision and the term that the follower must have before the changes.
    pub after: (u64, u64),
    /// The changes.
    pub changes: Vec<Change>,
    /// Everything, in place of changes.
    pub snapshot: Option<Snapshot>,
}

/// What a follower answers.
#[derive(Serialize, Deserialize)]
pub struct Appended {
    /// The term of who sends it.
    pub term: u64,
    /// The last revision and term that it has.
    pub last: (u64, u64),
    /// Whether it took what was sent.
    pub taken: bool,
}

/// What a candidate asks.
#[derive(Serialize, Deserialize)]
pub struct Ask {
    /// The term of who sends it.
    pub term: u64,
    /// The name of the candidate.
    pub candidate: String,
    /// The last revision and term that it has.
    pub last: (u64, u64),
}

/// What it is answered.
#[derive(Serialize, Deserialize)]
pub struct Vote {
    /// The term of who sends it.
    pub term: u64,
    /// Whether it has the vote.
    pub granted: bool,
    /// Whether the candidate is a server of the cluster at all.
    pub known: bool,
}
