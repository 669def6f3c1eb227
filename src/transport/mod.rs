//! A connection to a host: one long-lived POSIX shell per host and account, over SSH or on this machine.
//!
//! A [`Frame`] goes in, a [`Reply`] comes out. What the scripts mean is not known here.

mod frame;

pub use frame::{Account, Become, Frame, Input, LinkError, Reply, Shell, Target};
