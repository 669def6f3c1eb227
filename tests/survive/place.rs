//! A directory with a playbook and an inventory, and what hoist says when it runs there.

use super::bench::HOIST;
use hoist::lab::Lab;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A project of its own. Its `tmp` is the TMPDIR of what runs in it.
pub struct Place {
    dir: tempfile::TempDir,
}

/// How a run of hoist ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Both outputs.
    pub fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// The recap's words for a host, one blank between them.
    pub fn recap(&self, host: &str) -> String {
        let (_, recap) = self
            .out
            .rsplit_once("PLAY RECAP")
            .unwrap_or_else(|| panic!("no recap: {self:?}"));
        let line = recap.lines().find(|l| l.starts_with(&format!("{host} ")));
        let line = line.unwrap_or_else(|| panic!("`{host}` is not in the recap: {self:?}"));
        let words: Vec<&str> = line.split_whitespace().skip(2).collect();
        words.join(" ")
    }

    /// Fails with everything that was said unless the exit status is `code`.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        self
    }

    /// Fails unless a text was said.
    #[track_caller]
    pub fn said(self, text: &str) -> Self {
        assert!(
            self.all().contains(text),
            "not said: `{text}` in\n{}",
            self.all()
        );
        self
    }
}

impl Place {
    /// With the inventory of a lab, and the given playbook as `site.yml`.
    pub fn new(lab: &Lab, playbook: &str) -> Self {
        Self::bare(&lab.inventory(), playbook)
    }

    /// With this inventory and playbook.
    pub fn bare(inventory: &str, playbook: &str) -> Self {
        // Short, as sockets need it.
        let dir = tempfile::Builder::new()
            .prefix("sv-")
            .tempdir_in("/tmp")
            .unwrap();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        let place = Self { dir };
        place.write("hosts.ini", inventory.as_bytes());
        place.write("site.yml", playbook.as_bytes());
        place
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file in it.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// hoist with these arguments, not started yet; its outputs go to files of this place.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(HOIST);
        let file = |name: &str| std::fs::File::create(self.path(name)).unwrap();
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("TMPDIR", self.path("tmp"))
            .env_remove("HOIST_VAULT_PASSWORD_FILE")
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ANSIBLE_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Waits for what [`Place::command`] started.
    pub async fn wait(&self, mut child: std::process::Child) -> Ran {
        let status = tokio::task::spawn_blocking(move || child.wait())
            .await
            .unwrap()
            .unwrap();
        let read = |name: &str| {
            String::from_utf8_lossy(&std::fs::read(self.path(name)).unwrap()).into_owned()
        };
        Ran {
            code: status.code(),
            out: read("stdout"),
            err: read("stderr"),
        }
    }

    /// hoist with these arguments.
    pub async fn hoist(&self, arguments: &[&str]) -> Ran {
        let child = self.command(arguments).spawn().unwrap();
        self.wait(child).await
    }

    /// `hoist run site.yml` on one host, with more arguments.
    pub async fn run(&self, host: &str, more: &[&str]) -> Ran {
        self.hoist(&[&["run", "site.yml", "-i", "hosts.ini", "-l", host], more].concat())
            .await
    }
}

/// Waits for something that has to come.
pub async fn until(what: &str, limit: Duration, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !done().await {
        assert!(
            Instant::now() < deadline,
            "{what}: not within {} s",
            limit.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The command lines of all processes that mention a path.
pub fn processes(path: &Path) -> Vec<String> {
    let path = path.display().to_string();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
    lines
        .map(|l| String::from_utf8_lossy(&l).replace('\0', " "))
        .filter(|l| l.contains(&path))
        .collect()
}
