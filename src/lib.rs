//! hoist: takes bare Linux hosts that answer SSH and turns them into a working ML platform.
//!
//! A folder imports only from those listed above it here; `docs/architecture.md` follows one task through them.

pub mod error;
pub mod value;

pub mod yaml;

pub mod vault;

pub mod seal;

pub mod artifacts;

pub mod report;

pub mod template;

pub mod vars;

pub mod inventory;

pub mod playbook;

pub mod transport;

pub mod host;

pub mod cluster;

pub mod modules;

pub mod check;

pub mod engine;

pub mod simulation;

pub mod lab;

#[doc(hidden)]
pub mod fuzz;

pub mod cli;
