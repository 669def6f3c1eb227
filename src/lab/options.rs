//! What a lab is asked to be.

use crate::error::Diagnostic;
use serde::{Deserialize, Serialize};

/// Where lines about slow steps go (installing packages, building the base).
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// The system on the hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Debian 12 with systemd, without Python.
    #[default]
    Debian,
    /// The same with Python, for programs that need it on the host.
    Python,
    /// busybox as init, shell and tools; beside it only sshd and sudo.
    Busybox,
}

impl Kind {
    /// The word people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Python => "debian with python",
            Self::Busybox => "busybox",
        }
    }
}

/// A lab to bring up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The lab's name; its hosts are called `NAME-1`, `NAME-2`, ….
    pub name: String,
    /// How many hosts.
    pub hosts: usize,
    /// What is on them.
    pub kind: Kind,
    /// Where set, `sudo` on the hosts asks for this password.
    pub sudo_password: Option<String>,
    /// Where set, all that a host can write to its disk, in bytes.
    pub disk: Option<u64>,
}

impl Options {
    /// So many plain Debian hosts.
    pub fn new(name: impl Into<String>, hosts: usize) -> Self {
        Self {
            name: name.into(),
            hosts,
            kind: Kind::default(),
            sudo_password: None,
            disk: None,
        }
    }

    /// What of it can not be.
    pub(super) fn check(&self) -> Result<(), Diagnostic> {
        check_name(&self.name)?;
        if !(1..=MOST_HOSTS).contains(&self.hosts) {
            return Err(Diagnostic::new(format!(
                "a lab has from 1 to {MOST_HOSTS} hosts, not {}",
                self.hosts
            )));
        }
        match self.disk {
            Some(size) if size < SMALLEST_DISK => Err(Diagnostic::new(format!(
                "a disk of {size} bytes is too small: systemd itself writes a few megabytes"
            ))
            .with_help("give at least `16M`")),
            _ => Ok(()),
        }
    }
}

/// As many as a /24 network has room for beside its gateway.
const MOST_HOSTS: usize = 240;

const SMALLEST_DISK: u64 = 16 << 20;

/// Whether `name` can be a lab's: it becomes a host name, a directory and a cgroup.
pub(super) fn check_name(name: &str) -> Result<(), Diagnostic> {
    let shape = name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if shape {
        return Ok(());
    }
    Err(Diagnostic::new(format!("`{name}` can not be a lab's name"))
        .with_note("it becomes a host name: lower case letters, digits and inner dashes, a letter first, at most 32"))
}

/// Reads a size in bytes such as `64M` or `2G`; the error says how to write one.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(text.trim_end_matches(|c: char| !c.is_ascii_digit()).len());
    let shift = match unit {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => return Err(format!("unknown unit `{unit}`: write it as in `64M`")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(1 << shift))
        .ok_or_else(|| "write it as in `64M`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "demo", "t-1", "x2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "1a",
            "A",
            "a_b",
            "a/b",
            "..",
            "a b",
            &"x".repeat(33),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        insta::assert_snapshot!(check_name("Demo").unwrap_err(), @r"
        error: `Demo` can not be a lab's name
          note: it becomes a host name: lower case letters, digits and inner dashes, a letter first, at most 32
        ");
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("64M", 64 << 20),
            ("2G", 2 << 30),
            ("512", 512),
            ("1k", 1024),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "M", "1T", "1.5G", "99999999999G"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn impossible_labs() {
        let check = |change: &dyn Fn(&mut Options)| {
            let mut options = Options::new("demo", 1);
            change(&mut options);
            options.check().unwrap_err().to_string()
        };
        insta::assert_snapshot!(check(&|o| o.hosts = 0), @"error: a lab has from 1 to 240 hosts, not 0");
        insta::assert_snapshot!(check(&|o| o.disk = Some(1024)), @r"
        error: a disk of 1024 bytes is too small: systemd itself writes a few megabytes
          help: give at least `16M`
        ");
    }
}
