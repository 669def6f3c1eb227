//! What is on disk before a host first starts: keys, scripts, a directory each.

use super::lab::Lab;
use super::seed::{Identity, Seed};
use super::state;
use super::tool;
use crate::error::Diagnostic;
use futures_util::future::try_join_all;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

impl Lab {
    /// Writes what the hosts are made from: keys, scripts, a directory each.
    pub(super) async fn prepare(&self, sudo_password: Option<&str>) -> Result<(), Diagnostic> {
        for (name, text) in [
            ("enter.sh", include_str!("scripts/enter.sh")),
            ("switch.sh", include_str!("scripts/switch.sh")),
            ("keeper.sh", include_str!("scripts/keeper.sh")),
        ] {
            state::write_private(&self.dir.join(name), text.as_bytes())?;
        }
        let key = self.dir.join("key");
        if !self.dir.join("key.pub").exists() {
            make_key(&key, "hoist-lab").await?;
        }
        if let (Some(password), None) = (sudo_password, self.written_password()) {
            let path = self.dir.join("sudo-password");
            state::write_private(&path, format!("{password}\n").as_bytes())?;
        }
        let public_key = read(&self.dir.join("key.pub"))?;
        let password = self.sudo_password()?;
        try_join_all(self.hosts.iter().enumerate().map(|(i, host)| {
            let identity = Identity {
                state: &self.state,
                network: &self.network,
                name: &host.name,
                index: i + 1,
                public_key: &public_key,
                sudo_password: password.as_deref(),
            };
            self.prepare_host(identity)
        }))
        .await?;
        let mut known = String::new();
        for host in &self.hosts {
            let key = read(&self.host_dir(&host.name).join("host-key.pub"))?;
            let words: Vec<&str> = key.split_whitespace().take(2).collect();
            known.push_str(&format!("{} {}\n", host.address, words.join(" ")));
        }
        state::write_private(&self.dir.join("known_hosts"), known.as_bytes())
    }

    fn written_password(&self) -> Option<PathBuf> {
        Some(self.dir.join("sudo-password")).filter(|p| p.exists())
    }

    /// Makes a host's directory, beside its place and renamed when whole.
    async fn prepare_host(&self, identity: Identity<'_>) -> Result<(), Diagnostic> {
        let dir = self.host_dir(identity.name);
        if dir.exists() {
            return Ok(());
        }
        let new = dir.with_extension("new");
        state::remove_dir(&new).await?;
        for part in ["root", "store"] {
            state::make_dir(&new.join(part))?;
        }
        let seed = Seed {
            dir: new.join("seed"),
            base: &self.state.base,
        };
        seed.write(&identity)?;
        let key = seed.host_key()?;
        make_key(&key, identity.name).await?;
        let copied = fs::copy(key.with_extension("pub"), new.join("host-key.pub"));
        copied
            .map_err(|e| Diagnostic::new(format!("cannot write under `{}`: {e}", new.display())))?;
        if let Some(size) = self.state.disk {
            let image = new.join("disk.img");
            let made = fs::File::create(&image).and_then(|f| f.set_len(size));
            made.map_err(|e| Diagnostic::new(format!("cannot make `{}`: {e}", image.display())))?;
            let image = image.as_os_str();
            let make = ["mkfs.ext4", "-q", "-m", "0"].map(OsStr::new);
            tool::run(make.into_iter().chain([image])).await?;
        }
        fs::rename(&new, &dir)
            .map_err(|e| Diagnostic::new(format!("cannot make `{}`: {e}", dir.display())))
    }
}

async fn make_key(path: &Path, comment: &str) -> Result<(), Diagnostic> {
    // A half-made pair would make ssh-keygen ask whether to overwrite it.
    let _ = fs::remove_file(path);
    let words = [
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        comment,
        "-f",
    ]
    .map(OsStr::new);
    tool::run(words.into_iter().chain([path.as_os_str()]))
        .await
        .map(drop)
}

fn read(path: &Path) -> Result<String, Diagnostic> {
    fs::read_to_string(path)
        .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))
}
