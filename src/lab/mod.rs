//! Throw-away hosts on this machine: real systemd, real sshd, real apt, in seconds.
//!
//! Every host is a systemd-nspawn container over an overlay over one cached Debian base ([`Base`]). A lab's hosts hang
//! on a bridge in a network namespace of the lab's own ([`Network`]): the machine gets one veth into it and nothing
//! else, and the way out goes through a user-space NAT (slirp4netns), so that the machine's forwarding and firewall stay
//! as they are. All mounts are made in mount namespaces of the hosts' keepers. So everything a lab is made of hangs on
//! processes, every process is in the lab's cgroup ([`Cgroups`]), and the cgroup and the state directory are found by the
//! lab's name: ending the one and removing the other leaves nothing behind, whatever was killed before.

mod base;
mod cable;
mod cgroup;
mod demand;
mod host;
mod inventory;
mod lab;
mod limits;
mod lock;
mod making;
mod network;
mod options;
mod power;
mod relay;
mod seed;
mod sources;
mod state;
mod tool;

pub use base::Base;
pub use cable::Delay;
pub use cgroup::Cgroups;
pub use demand::{Demand, Packages};
pub use host::{LabHost, Relay};
pub use lab::Lab;
pub use limits::Limits;
pub use lock::Lock;
pub use network::Network;
pub use options::{Kind, Options, Progress, parse_size};
pub use relay::relay;
pub use state::{State, labs};
