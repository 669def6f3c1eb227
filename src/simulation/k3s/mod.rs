//! The program `k3s` of a rehearsal: the same commands, files and settings as K3s, in front of a simulated cluster.

mod agent;
mod client;
mod config;
mod gate;
mod identity;
mod kubeconfig;
mod log;
mod manifests;
mod members;
mod node;
mod notify;
mod peers;
mod program;
mod serve;
mod snapshots;
mod supervisor;
mod token;
mod upkeep;
mod version;
mod wire;

pub use program::{main, named_k3s};
pub use version::stamp;
