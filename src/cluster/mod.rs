//! A Kubernetes cluster: a client, objects, applying them, waiting for them.
//!
//! Nothing of hosts is known here: an [`Access`] says how to log in, and a [`Dial`] makes streams to the API server, through
//! whatever lies between. Objects are plain JSON. What can be told without a server is a function of data: splitting a
//! manifest ([`manifest`]), its order ([`order`]), what changed ([`compare`]), whether something is ready ([`ready`]), and why it is
//! not ([`story`]). The [`Client`] refuses to write when it is read-only, save for the server's own dry run.

mod access;
pub mod append_hash;
mod apply;
#[cfg(test)]
mod apply_tests;
mod ask;
mod client;
pub mod compare;
mod dial;
mod drain;
mod failure;
mod forward;
mod kinds;
pub mod manifest;
pub mod object;
pub mod order;
mod owned;
mod patience;
mod pods;
mod predicted;
pub mod ready;
mod requests;
mod rollback;
mod seen;
pub mod story;
#[cfg(test)]
pub(crate) mod testing;
mod wait;

pub use access::{Access, ConfigFile};
pub use apply::{Change, Way};
pub use client::{Client, Stop, Tell};
pub use dial::Dial;
pub use drain::{DrainOptions, Drained};
pub use failure::{Failure, Refusal};
pub use forward::Forward;
pub use kinds::Kind;
pub use patience::Patience;
pub use pods::{Executed, LogWishes, containers};
pub use requests::{DeleteOptions, Listing, PatchType, Selectors};
pub use rollback::RolledBack;
pub use wait::{Until, Waited};

/// JSON as it goes over the wire.
pub type Json = serde_json::Value;
