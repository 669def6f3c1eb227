//! Telling systemd that the service is ready (`sd_notify`).

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells systemd, when it started this program and asks to be told.
pub fn ready() {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let told = (|| {
        let socket = UnixDatagram::unbound()?;
        let name = name.to_string_lossy();
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&*name)?,
        };
        socket.send_to_addr(b"READY=1\nSTATUS=simulated", &address)
    })();
    if let Err(error) = told {
        super::log::say(
            "warning",
            &format!("cannot tell systemd that the service is ready: {error}"),
        );
    }
}
