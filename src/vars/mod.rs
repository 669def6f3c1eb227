//! Variables: who says what about a host, and in which order that counts.
//!
//! [`Store`] holds what a run learns (facts, registered results, included variables); [`TaskScope`] puts all layers in
//! Ansible's order of precedence and is what templates see. Nothing is merged: a name is looked up from the strongest layer down.

mod scope;
mod store;

pub use scope::{Computed, Layer, Neighbours, TaskScope};
pub use store::{BranchId, Learned, MAIN, Store};
