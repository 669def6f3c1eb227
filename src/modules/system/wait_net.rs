//! Ports, looked at with what a bare host has.

use crate::modules::Fail;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Shell text that exits 0 when the port takes a connection, 1 when not, 3 when the host has nothing to try it with.
/// With `listen` it prints what the other side says within the time.
pub(super) fn connect_script(host: &str, port: i64, seconds: u64, listen: bool) -> String {
    let (bash, nc) = if listen {
        (
            "exec 3<>\"/dev/tcp/$1/$2\" && cat <&3",
            "nc -w \"$t\" \"$h\" \"$p\" < /dev/null; exit 0",
        )
    } else {
        (
            "exec 3<>\"/dev/tcp/$1/$2\"",
            "nc -z -w \"$t\" \"$h\" \"$p\" < /dev/null > /dev/null 2>&1 && exit 0; exit 1",
        )
    };
    let hex = format!("{port:04X}");
    let after_bash = if listen {
        // `timeout` ends the listening, which is no failure.
        "r=$?; [ $r = 124 ] || [ $r = 143 ] && r=0; exit $r"
    } else {
        "[ $? = 0 ] && exit 0; exit 1"
    };
    format!(
        "h={host} p={port} t={seconds}\n\
         if command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then\n\
         timeout \"$t\" bash -c '{bash}' _ \"$h\" \"$p\" 2>/dev/null; {after_bash}\n\
         elif command -v nc >/dev/null 2>&1; then {nc}\n\
         else case $h in 127.*|localhost|::1|0.0.0.0)\n\
         grep -q ':{hex} [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null && exit 0; exit 1;;\n\
         *) echo 'the host has neither bash nor nc to try a port of another host with' >&2; exit 3;; esac; fi"
    )
}

/// Which connections keep a port from being drained.
pub(super) struct Drain {
    host: Option<IpAddr>,
    port: Option<i64>,
    states: Vec<u8>,
    exclude: Vec<IpAddr>,
}

const STATES: [(&str, u8); 6] = [
    ("ESTABLISHED", 1),
    ("SYN_SENT", 2),
    ("SYN_RECV", 3),
    ("FIN_WAIT1", 4),
    ("FIN_WAIT2", 5),
    ("TIME_WAIT", 6),
];

impl Drain {
    /// Prints the kernel's table of connections.
    pub(super) const SCRIPT: &str = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; :";

    /// # Errors
    /// An unknown state, or an excluded host that is no address.
    pub(super) fn new(
        host: &str,
        port: Option<i64>,
        states: &[String],
        exclude: &[String],
    ) -> Result<Self, Fail> {
        let states = states
            .iter()
            .map(|s| {
                STATES
                    .iter()
                    .find(|(n, _)| n == s)
                    .map(|(_, id)| *id)
                    .ok_or_else(|| {
                        Fail::new(format!("unknown active_connection_state ({s}) defined"))
                            .with("elapsed", 0)
                    })
            })
            .collect::<Result<_, _>>()?;
        let address = |text: &str| -> Option<IpAddr> {
            if text == "localhost" {
                Some(Ipv4Addr::LOCALHOST.into())
            } else {
                text.parse().ok()
            }
        };
        let exclude = exclude
            .iter()
            .map(|e| {
                address(e).ok_or_else(|| {
                    Fail::new(format!("`exclude_hosts` takes addresses, not names: `{e}`"))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            host: address(host).filter(|a| !a.is_unspecified()),
            port,
            states,
            exclude,
        })
    }

    /// How many connections of the table count.
    pub(super) fn active(&self, table: &str) -> usize {
        table
            .lines()
            .filter(|line| self.counts(line).unwrap_or(false))
            .count()
    }

    fn counts(&self, line: &str) -> Option<bool> {
        let mut fields = line.split_whitespace().skip(1);
        let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let (local, port) = endpoint(local)?;
        let (remote, _) = endpoint(remote)?;
        let state = u8::from_str_radix(state, 16).ok()?;
        Some(
            self.port.is_none_or(|p| p == i64::from(port))
                && self.states.contains(&state)
                && !self.exclude.contains(&remote)
                && self.host.is_none_or(|h| h == local),
        )
    }
}

/// An address and port as /proc/net/tcp writes them: words of 32 bits in the machine's order.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for chunk in address.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(chunk).ok()?, 16).ok()?;
        bytes.extend(word.to_le_bytes());
    }
    let address = if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        IpAddr::from(v4)
    } else {
        let v6 = Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?);
        v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue\n\
        0: 0100007F:1F90 00000000:0000 0A 0\n\
        1: 0100007F:1F90 0200007F:C350 01 0\n\
        2: 0100007F:1F90 0300007F:C351 06 0\n\
        3: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000400007F:C352 01 0\n\
        4: 0100007F:0016 0200007F:C350 01 0\n";

    #[test]
    fn connections_that_count() {
        let drain = |port, states: &[&str], exclude: &[&str]| {
            let own = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
            Drain::new("127.0.0.1", Some(port), &own(states), &own(exclude))
                .unwrap()
                .active(TABLE)
        };
        assert_eq!(drain(8080, &["ESTABLISHED", "TIME_WAIT"], &[]), 3);
        assert_eq!(drain(8080, &["ESTABLISHED"], &["127.0.0.2"]), 1);
        assert_eq!(drain(22, &["ESTABLISHED"], &[]), 1);
        assert_eq!(drain(80, &["ESTABLISHED"], &[]), 0);
        assert!(Drain::new("h", None, &["NO".into()], &[]).is_err());
    }

    #[test]
    fn the_probe_tells_open_from_shut() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = i64::from(listener.local_addr().unwrap().port());
        let try_it = |port| {
            let script = connect_script("127.0.0.1", port, 2, false);
            std::process::Command::new("sh")
                .args(["-c", &script])
                .status()
                .unwrap()
                .code()
        };
        assert_eq!(try_it(port), Some(0));
        drop(listener);
        assert_eq!(try_it(port), Some(1));
    }
}
