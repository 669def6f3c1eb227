//! The files that make one host that host, laid over the base when it first starts.

use super::network::{DNS, Network};
use super::options::Kind;
use super::state::State;
use crate::error::Diagnostic;
use sha_crypt::PasswordHasher;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// The account that `useradd` makes first.
const USER_ID: u32 = 1000;
const SHADOW_GROUP: u32 = 42;

/// A directory of files being made ready for one host.
pub(super) struct Seed<'a> {
    /// The directory.
    pub dir: PathBuf,
    /// The tree it will lie over: a directory here gets the owner and mode it has there.
    pub base: &'a Path,
}

/// What a host's files are made from.
pub(super) struct Identity<'a> {
    /// The lab.
    pub state: &'a State,
    /// Its network.
    pub network: &'a Network,
    /// The host's name.
    pub name: &'a str,
    /// Its number in the lab, from 1.
    pub index: usize,
    /// The public key that may log in.
    pub public_key: &'a str,
    /// What sudo asks for, where it asks.
    pub sudo_password: Option<&'a str>,
}

impl Seed<'_> {
    /// Writes all files of a host, except its host keys (see [`Seed::host_key`]).
    pub(super) fn write(&self, host: &Identity<'_>) -> Result<(), Diagnostic> {
        let name = host.name;
        self.file("etc/hostname", &format!("{name}\n"), 0o644)?;
        let hosts = format!(
            "127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n"
        );
        self.file("etc/hosts", &hosts, 0o644)?;
        self.file("etc/resolv.conf", &format!("nameserver {DNS}\n"), 0o644)?;
        let id = random_hex()?;
        self.file("etc/machine-id", &format!("{id}\n"), 0o444)?;
        let sudo = match host.sudo_password {
            Some(_) => "hoist ALL=(ALL:ALL) ALL\n",
            None => "hoist ALL=(ALL:ALL) NOPASSWD: ALL\n",
        };
        self.file("etc/sudoers.d/hoist", sudo, 0o440)?;
        self.file("home/hoist/.ssh/authorized_keys", host.public_key, 0o600)?;
        for path in ["home/hoist/.ssh", "home/hoist/.ssh/authorized_keys"] {
            chown(self.dir.join(path), Some(USER_ID), Some(USER_ID))
                .map_err(|e| self.problem(path, e))?;
        }
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(self.dir.join("home/hoist/.ssh"), mode)
            .map_err(|e| self.problem("home/hoist/.ssh", e))?;
        if let Some(password) = host.sudo_password {
            self.password(password)?;
        }
        self.network(host)
    }

    /// Where a host's private key goes, its directory made.
    pub(super) fn host_key(&self) -> Result<PathBuf, Diagnostic> {
        let path = "etc/ssh/ssh_host_ed25519_key";
        self.parents(path)?;
        Ok(self.dir.join(path))
    }

    fn network(&self, host: &Identity<'_>) -> Result<(), Diagnostic> {
        let address = host.network.address(host.index);
        let gateway = host.network.gateway();
        if host.state.kind == Kind::Busybox {
            let script = format!(
                "#!/bin/sh\nmkdir -p /run/sshd\nhostname {}\nip link set lo up\nip addr add {address}/24 dev host0\n\
                 ip link set host0 up\nip route add default via {gateway}\n",
                host.name
            );
            return self.file("etc/lab-start", &script, 0o755);
        }
        let unit = format!(
            "[Match]\nName=host0\n\n[Network]\nAddress={address}/24\nGateway={gateway}\nDNS={DNS}\nIPv6AcceptRA=no\n"
        );
        self.file("etc/systemd/network/10-lab.network", &unit, 0o644)
    }

    fn password(&self, password: &str) -> Result<(), Diagnostic> {
        let mut salt = [0; 12];
        random(&mut salt)?;
        let hash = sha_crypt::ShaCrypt::SHA512
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|e| Diagnostic::new(format!("cannot hash the sudo password: {e}")))?;
        let base = fs::read_to_string(self.base.join("etc/shadow"))
            .map_err(|e| self.problem("etc/shadow", e))?;
        self.file("etc/shadow", &shadow(&base, hash.as_str()), 0o640)?;
        chown(self.dir.join("etc/shadow"), Some(0), Some(SHADOW_GROUP))
            .map_err(|e| self.problem("etc/shadow", e))
    }

    fn file(&self, path: &str, content: &str, mode: u32) -> Result<(), Diagnostic> {
        self.parents(path)?;
        let write = || {
            let full = self.dir.join(path);
            let _ = fs::remove_file(&full);
            let mut file = fs::File::options()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&full)?;
            file.write_all(content.as_bytes())?;
            fs::set_permissions(&full, fs::Permissions::from_mode(mode))
        };
        write().map_err(|e| self.problem(path, e))
    }

    fn parents(&self, path: &str) -> Result<(), Diagnostic> {
        let above: Vec<&Path> = Path::new(path).ancestors().skip(1).collect();
        for dir in above.into_iter().rev() {
            let full = self.dir.join(dir);
            if full.is_dir() {
                continue;
            }
            let make = || {
                fs::DirBuilder::new()
                    .mode(0o755)
                    .recursive(true)
                    .create(&full)?;
                let Ok(there) = fs::metadata(self.base.join(dir)) else {
                    return fs::set_permissions(&full, fs::Permissions::from_mode(0o755));
                };
                fs::set_permissions(&full, there.permissions())?;
                chown(&full, Some(there.uid()), Some(there.gid()))
            };
            make().map_err(|e| self.problem(path, e))?;
        }
        Ok(())
    }

    fn problem(&self, path: &str, error: std::io::Error) -> Diagnostic {
        let full = self.dir.join(path);
        Diagnostic::new(format!("cannot write `{}`: {error}", full.display()))
    }
}

/// A password nobody chose.
pub(super) fn random_hex() -> Result<String, Diagnostic> {
    let mut bytes = [0; 16];
    random(&mut bytes)?;
    Ok(hex::encode(bytes))
}

fn random(bytes: &mut [u8]) -> Result<(), Diagnostic> {
    getrandom::fill(bytes).map_err(|e| Diagnostic::new(format!("no random numbers: {e}")))
}

/// shadow(5) with the account `hoist` given this hash.
fn shadow(base: &str, hash: &str) -> String {
    base.lines().fold(String::new(), |mut text, line| {
        let mut fields: Vec<&str> = line.split(':').collect();
        if let ["hoist", password, ..] = fields.as_mut_slice() {
            *password = hash;
        }
        text.push_str(&fields.join(":"));
        text.push('\n');
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_account_hoist_gets_the_password() {
        let base = "root:*:1:0:99999:7:::\nhoist:!:2:0:99999:7:::\nhoister:!:3::::::\n";
        assert_eq!(
            shadow(base, "$6$x"),
            "root:*:1:0:99999:7:::\nhoist:$6$x:2:0:99999:7:::\nhoister:!:3::::::\n"
        );
    }

    #[test]
    fn directories_are_as_in_the_base() {
        let (base, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mode = fs::Permissions::from_mode;
        fs::create_dir_all(base.path().join("etc/sudoers.d")).unwrap();
        fs::set_permissions(base.path().join("etc/sudoers.d"), mode(0o750)).unwrap();
        let seed = Seed {
            dir: dir.path().join("seed"),
            base: base.path(),
        };
        seed.file("etc/sudoers.d/x", "hi", 0o440).unwrap();
        seed.file("etc/new/y", "hi", 0o644).unwrap();
        let mode = |p: &str| fs::metadata(seed.dir.join(p)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("etc/sudoers.d"), 0o750);
        assert_eq!(mode("etc/sudoers.d/x"), 0o440);
        assert_eq!(mode("etc/new"), 0o755);
    }
}
