//! Throw-away hosts on this machine: real systemd, real sshd, real apt, in seconds.
//!
//! Every host is a systemd-nspawn container over an overlay over one cached Debian base (`base.rs`). A lab's hosts hang
//! on a bridge in a network namespace of the lab's own (`network.rs`): the machine gets one veth into it, and the way
//! out goes through a user-space NAT (slirp4netns), so that the machine's forwarding and firewall stay as they are. All
//! mounts are made in mount namespaces of the hosts' keepers. So everything a lab is made of hangs on processes, every
//! process is in the lab's cgroup (`cgroup.rs`), and the cgroup and the state directory are found by the lab's name:
//! ending the one and removing the other leaves nothing behind, whatever was killed before. The one setting of the
//! machine that must change while labs are up is put back with the last of them (`limits.rs`).

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

pub use cable::Delay;
pub use demand::Demand;
pub use host::{LabHost, Relay};
pub use lab::Lab;
pub use options::{Kind, Options, Progress, parse_size};
pub use relay::relay;
pub use state::{State, labs};
