//! What is written down about a lab before anything of it is made.

use super::options::{Kind, check_name};
use crate::error::Diagnostic;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const ROOT: &str = "/var/lib/hoist/lab";

/// A lab's record, `lab.json` in its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The lab's name.
    pub name: String,
    /// Its network: `10.77.NUMBER.0/24`, and the machine's interface `hoistNUMBER`.
    pub number: u8,
    /// How many hosts were asked for.
    pub hosts: usize,
    /// What is on them.
    pub kind: Kind,
    /// Whether sudo asks for the password in the file `sudo-password`.
    pub sudo_password: bool,
    /// The size of a host's disk, where it is limited.
    pub disk: Option<u64>,
    /// The tree under every host.
    pub base: PathBuf,
}

impl State {
    /// The directory of all labs.
    pub fn root() -> &'static Path {
        Path::new(ROOT)
    }

    /// The directory of the lab called `name`.
    pub fn dir(name: &str) -> PathBuf {
        Path::new(ROOT).join(name)
    }

    /// The file whose lock says who is changing the lab called `name`.
    pub fn lock(name: &str) -> PathBuf {
        Path::new(ROOT).join(format!("{name}.lock"))
    }

    /// The file whose lock says who is choosing a network.
    pub fn network_lock() -> PathBuf {
        Path::new(ROOT).join(".network.lock")
    }

    /// What is written about the lab called `name`; `None` when there is no such lab.
    pub fn load(name: &str) -> Result<Option<Self>, Diagnostic> {
        let path = Self::dir(name).join("lab.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                return Err(Diagnostic::new(format!(
                    "cannot read `{}`: {e}",
                    path.display()
                )));
            }
        };
        serde_json::from_slice(&text).map(Some).map_err(|e| {
            Diagnostic::new(format!("cannot make sense of `{}`: {e}", path.display()))
                .with_help(format!("`hoist lab down --name {name}` clears it away"))
        })
    }

    /// Writes it down, whole or not at all.
    pub fn save(&self) -> Result<(), Diagnostic> {
        let dir = Self::dir(&self.name);
        make_dir(&dir)?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| Diagnostic::new(format!("cannot write lab `{}`: {e}", self.name)))?;
        write_private(&dir.join("lab.json"), &text)
    }

    /// The names of all its hosts.
    pub fn host_names(&self) -> impl Iterator<Item = String> + '_ {
        (1..=self.hosts).map(|i| format!("{}-{i}", self.name))
    }
}

/// The names of the labs there are, sorted; those in the middle of `up` too.
pub fn labs() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(ROOT)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| check_name(name).is_ok())
        .collect();
    names.sort();
    names
}

/// Makes a directory, and those above it, that only root can look into.
pub(super) fn make_dir(dir: &Path) -> Result<(), Diagnostic> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| Diagnostic::new(format!("cannot make `{}`: {e}", dir.display())))
}

/// Removes a directory and all in it; fine when there is none. What a killed hoist had just started (a key being made)
/// may write into it for another moment.
pub(super) async fn remove_dir(dir: &Path) -> Result<(), Diagnostic> {
    let mut tries = 100;
    loop {
        match std::fs::remove_dir_all(dir) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !dir.exists() => return Ok(()),
            Err(e) if tries == 0 => {
                return Err(Diagnostic::new(format!(
                    "cannot remove `{}`: {e}",
                    dir.display()
                )));
            }
            Err(_) => tries -= 1,
        }
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
}

/// Writes a file that only root can read; the old or the new content is there at any moment.
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), Diagnostic> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(content)?;
        std::fs::rename(&new, path)
    };
    write().map_err(|e| Diagnostic::new(format!("cannot write `{}`: {e}", path.display())))
}
