//! A small simulated Kubernetes behind the program `k3s`, for rehearsals where the real one cannot run.
//!
//! `kind.rs`, `catalog.rs` and `discovery.rs` say which kinds there are; `store.rs` keeps their objects. Every write goes
//! through `writing.rs`: the object is made to conform to its kind (`conform.rs`, `schema.rs`), filled in
//! (`defaults.rs`, `admission.rs`), checked (`validate.rs`), its fields given to their managers (`managers.rs`,
//! `apply.rs`, `fields.rs`, `structure.rs`). `verbs.rs` answers calls, `server.rs` serves them over TLS. `controllers`
//! make workloads ready, or let them fail as their annotations ask. `k3s` is the program around it all.
//! docs/simulation.md says what is not simulated.

pub mod admission;
pub mod apply;
pub mod authority;
pub mod call;
pub mod catalog;
pub mod change;
pub mod cluster;
pub mod conform;
pub mod controllers;
pub mod defaults;
pub mod discovery;
pub mod failure;
pub mod fields;
mod journal;
pub mod k3s;
pub mod kind;
pub mod managers;
pub mod manifest;
pub mod names;
pub mod object;
pub mod packaged;
pub mod passport;
pub mod patch;
pub mod pods;
mod protobuf;
pub mod quantity;
pub mod removal;
pub mod reply;
pub mod reviews;
pub mod scale;
pub mod schema;
pub mod selector;
pub mod server;
pub mod settings;
pub mod store;
pub mod structure;
pub mod table;
pub mod target;
pub mod tokens;
pub mod validate;
pub mod verbs;
pub mod watch;
pub mod writing;
