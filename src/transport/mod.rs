//! A connection to a host: one long-lived POSIX shell per host and account, over SSH or on this machine.
//!
//! A [`Frame`] goes in, a [`Reply`] comes out. What the scripts mean is not known here. [`Links`] holds all connections of a
//! run: OpenSSH makes them (a control master a host), and each shell is a channel that runs a small loop: read a script, run
//! it in a subshell, mark where its output ends.

mod boot;
#[cfg(test)]
mod fake_shell;
mod frame;
mod links;
mod master;
mod password;
mod pipe_shell;
#[cfg(test)]
mod real_forward;
#[cfg(test)]
pub(crate) mod real_shells;
#[cfg(test)]
mod real_sshd;
mod scan;
mod sink;
mod ssh_words;
mod stream;
mod undertaker;

#[cfg(test)]
pub use fake_shell::FakeShell;
pub use frame::{Account, Become, Frame, Input, KEEP, LinkError, Reply, Shell, Target};
pub use links::{LinkOptions, Links};
pub use password::Password;
pub use sink::Sink;
pub use stream::{Duplex, Stream};

/// Reads any bytes as the stream of a shell, for fuzzing.
#[doc(hidden)]
pub fn scan_anything(bytes: &[u8]) {
    let mut scan = scan::Scan::new("nonce", 1 << 16, None);
    for piece in bytes.chunks(7) {
        scan.feed(piece);
    }
    scan.finish();
}
