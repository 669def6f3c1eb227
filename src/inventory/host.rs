//! One host.

use crate::value::Map;
use indexmap::IndexSet;
use std::path::PathBuf;

/// A host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// Its name in the inventory.
    pub name: String,
    /// Its variables from inventory files, scripts and `add_host`.
    pub vars: Map,
    /// The inventory file that named it first.
    pub source: Option<PathBuf>,
    /// Whether this is the machine hoist runs on, without an inventory having named it.
    pub implicit: bool,
    /// The groups that name this host itself.
    pub(super) groups: IndexSet<String>,
}
