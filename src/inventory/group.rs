//! One group.

use crate::value::Map;
use indexmap::IndexSet;

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its variables from inventory files and scripts.
    pub vars: Map,
    /// The hosts it names itself, in order.
    pub hosts: IndexSet<String>,
    /// The groups inside it, in order.
    pub children: IndexSet<String>,
    /// How far below `all` it lies, by the longest way.
    pub depth: usize,
    /// `ansible_group_priority`; among groups of one depth the higher one wins.
    pub priority: i64,
    pub(super) parents: IndexSet<String>,
}
