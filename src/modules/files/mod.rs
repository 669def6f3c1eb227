//! Modules about files: what a path holds, its text, its owner; fetching, packing and unpacking.

use super::Spec;

/// The modules of this folder, sorted by name, one a line.
pub(super) static ALL: &[&Spec] = &[];
