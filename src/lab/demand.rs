//! What the machine must have before it can make hosts.

use super::options::Progress;
use super::tool;
use crate::error::Diagnostic;
use std::path::Path;

/// What a lab needs of the machine it runs on.
#[derive(Clone, Copy, Debug)]
pub struct Demand;

/// Debian packages a lab needs, each with a program or file that tells that it is there.
#[derive(Clone, Copy, Debug)]
pub struct Packages(&'static [(&'static str, &'static str)]);

/// What it takes to run hosts and to make their base.
const NEEDED: Packages = Packages(&[
    ("systemd-container", "systemd-nspawn"),
    ("mmdebstrap", "mmdebstrap"),
    (
        "debian-archive-keyring",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    ),
    ("iproute2", "ip"),
    ("nftables", "nft"),
    ("slirp4netns", "slirp4netns"),
    ("openssh-client", "ssh-keygen"),
    ("util-linux", "nsenter"),
    ("e2fsprogs", "mkfs.ext4"),
]);

impl Demand {
    /// Whether this machine can have labs, as far as can be told without making one: Linux, root, overlay, tun.
    pub fn check(self) -> Result<(), Diagnostic> {
        if !cfg!(target_os = "linux") {
            return Err(Diagnostic::new("`hoist lab` runs on Linux only").with_help(
                "use a Linux virtual machine, or point an inventory at hosts you have",
            ));
        }
        Self::check_root(nix::unistd::geteuid().is_root())?;
        let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
        // A kernel that loads it as a module lists it only afterwards.
        let modules = Path::new("/lib/modules").exists();
        if !filesystems
            .lines()
            .any(|l| l.trim_start_matches("nodev").trim() == "overlay")
            && !modules
        {
            return Err(Diagnostic::new(
                "cannot make lab hosts here: the kernel has no overlay file system",
            ));
        }
        if !Path::new("/dev/net/tun").exists() {
            return Err(Diagnostic::new(
                "cannot make lab hosts here: there is no `/dev/net/tun`, the hosts' way out",
            ));
        }
        Ok(())
    }

    fn check_root(root: bool) -> Result<(), Diagnostic> {
        if root {
            return Ok(());
        }
        Err(Diagnostic::new(
            "`hoist lab` needs root: it makes containers, mounts and network namespaces",
        )
        .with_help("run it with `sudo`"))
    }

    /// Installs the packages that are missing, after a line that says which.
    pub async fn install(self, progress: Progress<'_>) -> Result<(), Diagnostic> {
        let missing = NEEDED.missing(&|probe| match probe.starts_with('/') {
            true => Path::new(probe).exists(),
            false => tool::has(probe),
        });
        if missing.is_empty() {
            return Ok(());
        }
        let list = missing.join(" ");
        if !tool::has("apt-get") {
            return Err(
                Diagnostic::new(format!("a lab needs these packages: {list}"))
                    .with_note("there is no `apt-get` here to install them with")
                    .with_help("install what your distribution calls them; mmdebstrap needs apt"),
            );
        }
        progress(&format!(
            "installing what a lab needs on this machine: {list}"
        ));
        let mut argv = vec![
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-q",
            "-y",
            "--no-install-recommends",
        ];
        argv.extend(&missing);
        // Package lists may be missing or old: only then is it worth the time to fetch them.
        if tool::run(&argv).await.is_err() {
            tool::run(["apt-get", "update", "-q"]).await?;
            tool::run(&argv).await?;
        }
        Ok(())
    }
}

impl Packages {
    /// Those of them whose probe (a program's name or a file's path) `present` denies.
    fn missing(self, present: &dyn Fn(&str) -> bool) -> Vec<&'static str> {
        self.0
            .iter()
            .filter(|(_, probe)| !present(probe))
            .map(|(package, _)| *package)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_that_it_needs_root() {
        assert!(Demand::check_root(true).is_ok());
        insta::assert_snapshot!(Demand::check_root(false).unwrap_err(), @r"
        error: `hoist lab` needs root: it makes containers, mounts and network namespaces
          help: run it with `sudo`
        ");
    }

    #[test]
    fn only_missing_packages_are_installed() {
        assert!(NEEDED.missing(&|_| true).is_empty());
        let without_nft = NEEDED.missing(&|probe| probe != "nft");
        assert_eq!(without_nft, ["nftables"]);
    }
}
