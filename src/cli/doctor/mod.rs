//! `hoist doctor`: what is wrong with the control machine and the hosts, before the first change.
//!
//! One read-only script is run on every host, all at once ([`asking`]); what it says is judged here, without I/O
//! ([`judging`]), and told as a table ([`finding`]).

mod asking;
mod command;
mod control;
mod finding;
mod judging;

pub use command::{DoctorCommand, run};
