//! What goes its own way within a play: the play itself, or one of its roles that run side by side.

use crate::vars::{BranchId, MAIN};
use std::collections::BTreeSet;
use std::sync::Arc;

/// See the module's text. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Strand {
    /// What it learns goes there; [`MAIN`] for the play itself.
    pub branch: BranchId,
    /// The role as it is called in the graph; `None` for the play itself.
    pub role: Option<Arc<str>>,
    /// Which of a host's sessions it prefers: roles that are under way together have different ones while there are enough.
    pub lane: usize,
    /// The branches that ended before it began.
    befores: Arc<BTreeSet<BranchId>>,
}

impl Strand {
    /// A role that begins after those of the branches `befores`.
    pub fn role(branch: BranchId, role: &str, lane: usize, befores: &[BranchId]) -> Self {
        Self {
            branch,
            role: Some(role.into()),
            lane,
            befores: Arc::new(befores.iter().copied().collect()),
        }
    }

    /// Whether others go on beside it.
    pub fn is_role(&self) -> bool {
        self.branch != MAIN
    }

    /// Whether it may know what a branch brought. The play itself goes on when all roles have ended, and may know all.
    pub fn sees(&self, branch: BranchId) -> bool {
        !self.is_role() || branch == MAIN || branch == self.branch || self.befores.contains(&branch)
    }
}
