//! Hosts as machines on a cable that can be pulled, or be long.

use super::host::Relay;
use super::lab::Lab;
use super::state;
use super::tool;
use crate::error::Diagnostic;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What is delayed after [`Lab::slow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Nothing.
    None,
    /// Every packet to the host.
    Packets,
    /// What SSH connections carry.
    Ssh,
}

impl Lab {
    /// Pulls a host's network cable. Established connections hang, new ones find no host; it stays so over a reboot of
    /// the host, until [`Lab::mend`].
    pub async fn cut(&self, host: &str) -> Result<(), Diagnostic> {
        let index = self.index(host)?;
        state::write_private(&self.host_dir(host).join("cut"), b"")?;
        self.link(index, "down").await
    }

    /// Puts a host's network cable back.
    pub async fn mend(&self, host: &str) -> Result<(), Diagnostic> {
        let index = self.index(host)?;
        let mark = self.host_dir(host).join("cut");
        remove_file(&mark)?;
        self.link(index, "up").await
    }

    /// Makes a host's cable longer, by so many milliseconds a round trip; 0 makes it as short as it was. Where the
    /// kernel can not delay packets (no netem), `program` (hoist itself) is put before SSH instead, and what is
    /// returned says so: it slows SSH connections made from now on with [`LabHost::ssh`](super::LabHost::ssh) or the
    /// inventory, nothing else.
    pub async fn slow(
        &self,
        host: &str,
        milliseconds: u32,
        program: &Path,
    ) -> Result<Delay, Diagnostic> {
        let index = self.index(host)?;
        let dir = self.host_dir(host);
        for file in ["slow", "relay"] {
            remove_file(&dir.join(file))?;
        }
        let enter = self.network.enter()?;
        let link = self.network.link(index);
        let qdisc = |rest: &[&str]| {
            let words = rest.iter().map(|w| (*w).to_owned());
            tool::output(enter.iter().cloned().chain(words).collect::<Vec<_>>())
        };
        // Fails where there is none, which is as good.
        qdisc(&["tc", "qdisc", "del", "dev", &link, "root"]).await?;
        if milliseconds == 0 {
            return Ok(Delay::None);
        }
        let delay = format!("{milliseconds}ms");
        let netem = [
            "tc", "qdisc", "add", "dev", &link, "root", "netem", "delay", &delay,
        ];
        if qdisc(&netem).await?.status.success() {
            // For the keeper, which lays it again when the host reboots.
            state::write_private(&dir.join("slow"), delay.as_bytes())?;
            return Ok(Delay::Packets);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_-+.".contains(c);
        if !program.display().to_string().chars().all(plain) {
            return Err(Diagnostic::new(format!(
                "`{}` can not be ssh's `ProxyCommand`: its path would need quotes",
                program.display()
            ))
            .with_help("move it to a path of letters, digits, dashes and dots"));
        }
        let relay = Relay {
            program: program.to_owned(),
            milliseconds,
        };
        relay.save(&dir)?;
        Ok(Delay::Ssh)
    }

    async fn link(&self, index: usize, state: &str) -> Result<(), Diagnostic> {
        let enter = self.network.enter()?;
        let name = self.network.link(index);
        if self.leader(&self.hosts[index - 1].name).is_none() {
            return Err(Self::stopped(&self.hosts[index - 1].name));
        }
        let set = ["ip", "link", "set", &name, state].map(str::to_owned);
        tool::run(enter.into_iter().chain(set)).await.map(drop)
    }
}

fn remove_file(path: &Path) -> Result<(), Diagnostic> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Diagnostic::new(format!(
            "cannot remove `{}`: {e}",
            path.display()
        ))),
        _ => Ok(()),
    }
}
