//! Hosts and groups: read from INI, YAML, scripts and directories of them, with the variables each one has and the
//! files in `group_vars` and `host_vars`; chosen by patterns; shown as `ansible-inventory` shows them.

mod address;
mod group;
mod host;
mod ini;
mod inventory;
mod layer;
mod literal;
mod load;
mod pattern;
mod script;
mod show;
mod tree;
mod vars_files;

pub use group::Group;
pub use host::Host;
pub use inventory::{Inventory, LOCALHOST};
pub use layer::{Layer, LayerKind};
pub use literal::parse as parse_literal;
pub use pattern::{Order, Selection, limit, select, select_limited};
pub use show::{graph, host_vars, list, list_yaml};
pub use vars_files::VarsFiles;

#[cfg(test)]
mod tests;
