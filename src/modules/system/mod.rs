//! Modules about the system: packages, services, accounts, commands, the kernel's settings.

use super::Spec;

/// The modules of this folder, sorted by name, one a line.
pub(super) static ALL: &[&Spec] = &[];
