//! The machine that hoist runs on.

use super::finding::{Finding, State};
use std::path::Path;
use std::process::{Command, Stdio};

/// Room for the artifacts of a platform, in bytes.
const CACHE_WANTED: u64 = 5 << 30;
const CACHE_NEEDED: u64 = 1 << 30;

/// Everything that was looked at here.
pub(super) fn control() -> Vec<Finding> {
    let mut out = vec![ssh()];
    out.push(cache(&crate::cli::site::cache()));
    out.push(kubectl());
    out
}

fn said(program: &str, args: &[&str]) -> Option<String> {
    let ran = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = if ran.stdout.is_empty() {
        ran.stderr
    } else {
        ran.stdout
    };
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    ran.status.success().then_some(text)
}

fn ssh() -> Finding {
    match said("ssh", &["-V"]) {
        // `OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15 3 Sep 2024`
        Some(version) => {
            let version = version.split([' ', ',']).next().unwrap_or_default();
            Finding::fine("ssh", version)
        }
        None => Finding::of(
            State::Bad,
            "ssh",
            "not found",
            "install OpenSSH's client (openssh-client); hoist logs in with it",
        ),
    }
}

fn cache(folder: &Path) -> Finding {
    let existing = folder.ancestors().find(|p| p.is_dir());
    let Some(existing) = existing else {
        return Finding::of(
            State::Bad,
            "cache",
            format!("there is no place for {}", folder.display()),
            "set HOIST_CACHE to a folder",
        );
    };
    if nix::unistd::access(existing, nix::unistd::AccessFlags::W_OK).is_err() {
        return Finding::of(
            State::Bad,
            "cache",
            format!("{} cannot be written to", existing.display()),
            "set HOIST_CACHE to a folder of yours",
        );
    }
    let free = nix::sys::statvfs::statvfs(existing)
        .map(|s| s.blocks_available() * s.fragment_size())
        .unwrap_or(0);
    let found = format!(
        "{}, {:.1} GiB free",
        folder.display(),
        free as f64 / f64::from(1 << 30)
    );
    let advice =
        "artifacts and images are kept there; make room, or set HOIST_CACHE to a larger disk";
    if free < CACHE_NEEDED {
        Finding::of(State::Bad, "cache", found, advice)
    } else if free < CACHE_WANTED {
        Finding::of(State::Warn, "cache", found, advice)
    } else {
        Finding::fine("cache", found)
    }
}

fn kubectl() -> Finding {
    match said("kubectl", &["version", "--client"]) {
        Some(version) => Finding::fine(
            "kubectl",
            version.lines().next().unwrap_or_default().to_owned(),
        ),
        None => Finding::of(
            State::Note,
            "kubectl",
            "not found; only you need it, hoist does not",
            "every server has one: `sudo k3s kubectl`",
        ),
    }
}
