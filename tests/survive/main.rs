//! Bad days: the built program against hosts that go away, fill up, lie and reboot, and against a user who kills it.
//!
//! They need root and Debian packages, as tests/lab.rs does; `HOIST_SKIP_LAB=1` leaves them out, and says so.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers here are tests too, which the lint does not see"
)]

mod bench;
mod busybox;
mod interrupts;
mod kills;
mod links;
mod load;
mod output;
mod place;
mod rights;
mod secrets;
