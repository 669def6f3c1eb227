//! The cached tree under every host.

use super::cgroup::Cgroups;
use super::lock::Lock;
use super::options::{Kind, Progress};
use super::{sources, state, tool};
use crate::error::Diagnostic;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const DEBIAN: &str = "systemd,systemd-sysv,dbus,udev,openssh-server,sudo,iproute2,iptables,curl,ca-certificates,zstd,\
    procps,kmod,netbase,iputils-ping";
const PYTHON: &str = "python3,python3-apt";
const BUSYBOX: &str = "busybox-static,openssh-server,sudo,ca-certificates";

/// A Debian 12 tree that hosts are overlaid on; never written to once it is made.
///
/// Kept under `$HOIST_CACHE/lab`, by default `/var/cache/hoist/lab`, named by a digest of everything it is made from
/// (package list, archives, apt settings, certificate authorities, the script that finishes it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    kind: Kind,
    path: PathBuf,
    sources: String,
    settings: String,
    authorities: Vec<(String, Vec<u8>)>,
}

impl Base {
    /// The base of a kind of host as this machine would make it, made or not.
    pub async fn of(kind: Kind) -> Result<Self, Diagnostic> {
        let dump = tool::run(["apt-config", "dump"]).await?;
        let mut settings = sources::settings(&String::from_utf8_lossy(&dump));
        // apt itself reads these; inside the hosts nobody sets them.
        for scheme in ["http", "https"] {
            let name = format!("Acquire::{scheme}::Proxy ");
            if let Ok(proxy) = std::env::var(format!("{scheme}_proxy"))
                && !proxy.contains(['"', '\n'])
                && !settings.contains(&name)
            {
                settings.push_str(&format!("{name}\"{proxy}\";\n"));
            }
        }
        let mut base = Self {
            kind,
            path: PathBuf::new(),
            sources: sources::sources(Path::new("/etc/apt")),
            settings,
            authorities: authorities(Path::new("/usr/local/share/ca-certificates")),
        };
        base.path = cache().join(format!("{}-{}", sources::SUITE, base.key()));
        Ok(base)
    }

    /// Where the tree is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the tree unless it is there: in a directory beside it, renamed when whole. Takes a lock, so that two do
    /// not make the same; what a killed one left is cleared away first.
    pub async fn ensure(&self, progress: Progress<'_>) -> Result<(), Diagnostic> {
        if self.path.exists() {
            return Ok(());
        }
        state::make_dir(&cache())?;
        let lock = cache().join("base.lock");
        let _lock = Lock::take(&lock, || {
            progress("waiting for another hoist that is making a base")
        })
        .await?;
        if self.path.exists() {
            return Ok(());
        }
        Self::clear_partial().await?;
        progress(&format!(
            "making the base of the hosts, {} (once, about half a minute)",
            self.kind.name()
        ));
        let partial = cache().join("partial");
        let made = self.make(&partial).await;
        if let Err(problem) = made {
            Self::clear_partial().await?;
            return Err(problem);
        }
        fs::rename(partial.join("root"), &self.path).map_err(|e| {
            Diagnostic::new(format!("cannot rename to `{}`: {e}", self.path.display()))
        })?;
        Self::clear_partial().await
    }

    /// Ends and clears away what a base that was never finished left, unless one is being made right now.
    pub(super) async fn clear_abandoned() -> Result<(), Diagnostic> {
        if !cache().join("partial").exists() {
            return Ok(());
        }
        match Lock::attempt(&cache().join("base.lock")) {
            Ok(Some(_lock)) => Self::clear_partial().await,
            _ => Ok(()),
        }
    }

    async fn clear_partial() -> Result<(), Diagnostic> {
        Self::cgroup()?.destroy().await?;
        let partial = cache().join("partial");
        // mmdebstrap unmounts what it mounted; one that was killed did not.
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let inside = mounts
            .lines()
            .filter_map(|l| l.split(' ').nth(1))
            .filter(|m| Path::new(m).starts_with(&partial));
        for mount in inside.collect::<Vec<_>>().into_iter().rev() {
            tool::run(["umount", "--lazy", mount]).await?;
        }
        match fs::remove_dir_all(&partial) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Diagnostic::new(format!(
                "cannot remove `{}`: {e}",
                partial.display()
            ))),
            _ => Ok(()),
        }
    }

    /// The cgroup of whatever makes a base in this cache; the name is one that no lab can have.
    fn cgroup() -> Result<Cgroups, Diagnostic> {
        let digest = Sha256::digest(cache().as_os_str().as_encoded_bytes());
        Cgroups::of_lab(&format!("_base-{}", hex::encode(&digest[..4])))
    }

    async fn make(&self, partial: &Path) -> Result<(), Diagnostic> {
        let write = |name: &str, content: &[u8]| state::write_private(&partial.join(name), content);
        state::make_dir(&partial.join("ca"))?;
        for (name, content) in &self.authorities {
            write(&format!("ca/{name}"), content)?;
        }
        write("debian.sources", self.sources.as_bytes())?;
        write("apt.conf", self.settings.as_bytes())?;
        write("finish.sh", self.script().as_bytes())?;
        write("enter.sh", include_bytes!("scripts/enter.sh"))?;
        let cgroup = Self::cgroup()?;
        cgroup.create()?;

        let path = |name: &str| partial.join(name).into_os_string();
        let mut hook = OsStr::new("--customize-hook=sh ").to_owned();
        hook.push(path("finish.sh"));
        hook.push(" \"$1\" ");
        hook.push(partial);
        let mut argv = vec![OsStr::new("sh").to_owned(), path("enter.sh")];
        argv.extend(cgroup.dirs().into_iter().map(PathBuf::into_os_string));
        let fixed = [
            "--",
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            "--format=directory",
        ];
        argv.extend(fixed.map(Into::into));
        argv.push(format!("--include={}", self.packages()).into());
        // By file: a proxy's address may hold a password.
        let mut settings = OsStr::new("--aptopt=").to_owned();
        settings.push(path("apt.conf"));
        argv.extend([
            settings,
            hook,
            sources::SUITE.into(),
            path("root"),
            path("debian.sources"),
        ]);
        tool::run(argv).await.map(drop).map_err(|problem| {
            let mut shown =
                Diagnostic::new("could not make the base of the hosts").with_note(problem.message);
            shown.notes.extend(problem.notes);
            shown.with_help(
                "it needs Debian's packages: see that `apt-get update` works on this machine",
            )
        })
    }

    fn packages(&self) -> String {
        match self.kind {
            Kind::Debian => DEBIAN.to_owned(),
            Kind::Python => format!("{DEBIAN},{PYTHON}"),
            Kind::Busybox => BUSYBOX.to_owned(),
        }
    }

    fn script(&self) -> &'static str {
        match self.kind {
            Kind::Debian | Kind::Python => include_str!("scripts/base.sh"),
            Kind::Busybox => include_str!("scripts/busybox.sh"),
        }
    }

    fn key(&self) -> String {
        let mut digest = Sha256::new();
        let packages = self.packages();
        let texts = [
            sources::SUITE,
            &packages,
            &self.sources,
            &self.settings,
            self.script(),
        ];
        let texts = texts.iter().map(|t| t.as_bytes());
        let authorities = self
            .authorities
            .iter()
            .map(|(_, content)| content.as_slice());
        for part in texts.chain(authorities) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        hex::encode(&digest.finalize()[..8])
    }
}

fn cache() -> PathBuf {
    match std::env::var_os("HOIST_CACHE") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir).join("lab"),
        _ => PathBuf::from("/var/cache/hoist/lab"),
    }
}

/// The certificates that somebody added to this machine: a host behind the same proxy must trust them too.
fn authorities(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".crt"))
        .filter_map(|name| Some((name.clone(), fs::read(dir.join(name)).ok()?)))
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(kind: Kind, settings: &str, ca: &[u8]) -> Base {
        Base {
            kind,
            path: PathBuf::new(),
            sources: "s".into(),
            settings: settings.into(),
            authorities: vec![("a.crt".into(), ca.into())],
        }
    }

    #[test]
    fn the_key_covers_all_that_it_is_made_from() {
        let mut keys: Vec<String> = [
            base(Kind::Debian, "", b"x"),
            base(Kind::Python, "", b"x"),
            base(Kind::Busybox, "", b"x"),
            base(Kind::Debian, "p", b"x"),
            base(Kind::Debian, "", b"y"),
        ]
        .iter()
        .map(Base::key)
        .collect();
        assert_eq!(keys[0], base(Kind::Debian, "", b"x").key());
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 5);
    }
}
