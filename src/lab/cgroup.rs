//! The cgroups that every process of a lab lives in.

use crate::error::Diagnostic;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The directory of all labs in each hierarchy.
const TOP: &str = "hoist-lab";

/// One group, in every cgroup hierarchy the machine has: one under cgroup v2, several under v1 or the mix of both.
/// A lab's group is `hoist-lab/NAME`; below it each host and each helper has its own, so that systemd inside a host
/// sees itself as the only one.
#[derive(Clone, Debug)]
pub struct Cgroups {
    hierarchies: Vec<PathBuf>,
    path: PathBuf,
}

impl Cgroups {
    /// The group of the lab called `name`, existing or not. An error when the machine has no cgroups to offer.
    pub fn of_lab(name: &str) -> Result<Self, Diagnostic> {
        let hierarchies = hierarchies(Path::new("/sys/fs/cgroup"));
        if hierarchies.is_empty() {
            return Err(Diagnostic::new(
                "cannot make lab hosts here: no cgroups under `/sys/fs/cgroup`",
            )
            .with_help(
                "inside a container, run it with its own writable cgroups, or use a virtual machine",
            ));
        }
        Ok(Self {
            hierarchies,
            path: Path::new(TOP).join(name),
        })
    }

    /// The group `part` below this one.
    pub fn child(&self, part: &str) -> Self {
        Self {
            hierarchies: self.hierarchies.clone(),
            path: self.path.join(part),
        }
    }

    /// Its directory in each hierarchy.
    pub fn dirs(&self) -> Vec<PathBuf> {
        self.hierarchies
            .iter()
            .map(|h| h.join(&self.path))
            .collect()
    }

    /// Makes it, and those above it, in each hierarchy.
    pub fn create(&self) -> Result<(), Diagnostic> {
        for hierarchy in &self.hierarchies {
            let mut dir = hierarchy.clone();
            for part in self.path.components() {
                // v2 hands controllers down one level at a time; those a machine lacks are not missed.
                for controller in ["cpu", "cpuset", "io", "memory", "pids"] {
                    let _ = fs::write(dir.join("cgroup.subtree_control"), format!("+{controller}"));
                }
                let parent = dir.clone();
                dir.push(part);
                match fs::create_dir(&dir) {
                    Ok(()) => inherit_cpuset(&parent, &dir),
                    Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                    Err(e) => {
                        return Err(Diagnostic::new(format!(
                            "cannot make the cgroup `{}`: {e}",
                            dir.display()
                        ))
                        .with_help("a lab needs writable cgroups: a container often has none"));
                    }
                }
            }
        }
        Ok(())
    }

    /// The processes in it and below it.
    pub fn processes(&self) -> BTreeSet<i32> {
        let mut found = BTreeSet::new();
        for dir in self.dirs() {
            walk(&dir, &mut |dir| {
                let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
                // 0 is a process of another PID namespace; it can not be ours.
                found.extend(
                    text.lines()
                        .filter_map(|l| l.parse().ok())
                        .filter(|p: &i32| *p > 1),
                );
            });
        }
        found
    }

    /// Whether a process is in it (not looking below it): one file read, cheap enough to ask often.
    pub fn occupied(&self) -> bool {
        let first = self.dirs().into_iter().next().unwrap_or_default();
        fs::read_to_string(first.join("cgroup.procs")).is_ok_and(|text| !text.trim().is_empty())
    }

    /// Ends every process in it and below it, and removes it everywhere. Does nothing where it does not exist.
    pub async fn destroy(&self) -> Result<(), Diagnostic> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let alive = self.processes();
            if alive.is_empty() && self.remove() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let list: Vec<String> = alive.iter().map(i32::to_string).collect();
                return Err(Diagnostic::new(format!(
                    "could not end everything in the cgroup `{}`",
                    self.path.display()
                ))
                .with_note(format!("processes left: {}", list.join(" "))));
            }
            for pid in alive {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Removes the directories of this group and those below; whether all are gone.
    fn remove(&self) -> bool {
        for dir in self.dirs() {
            let mut dirs = Vec::new();
            walk(&dir, &mut |dir| dirs.push(dir.to_owned()));
            for dir in dirs.iter().rev() {
                let _ = fs::remove_dir(dir);
            }
        }
        // The last lab takes the directory of all labs with it.
        for hierarchy in &self.hierarchies {
            let _ = fs::remove_dir(hierarchy.join(TOP));
        }
        self.dirs().iter().all(|dir| !dir.exists())
    }
}

/// The hierarchies mounted under `root`: itself under v2, else each real directory in it.
fn hierarchies(root: &Path) -> Vec<PathBuf> {
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
        .map(|entry| entry.path())
        .filter(|path| path.join("cgroup.procs").exists())
        .collect();
    found.sort();
    found
}

/// Under v1 a new cpuset is empty and takes no process until it has processors and memory.
fn inherit_cpuset(parent: &Path, dir: &Path) {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if let Ok(text) = fs::read(parent.join(file)) {
            let _ = fs::write(dir.join(file), text);
        }
    }
    if dir.join("cpuset.cpus").exists() {
        let _ = fs::write(dir.join("cgroup.clone_children"), "1");
    }
}

/// Calls `visit` for a directory and all below it, parents first.
fn walk(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    visit(dir);
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            walk(&entry.path(), visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_of_both_versions() {
        let root = tempfile::tempdir().unwrap();
        for name in ["cpu", "systemd", "not-a-cgroup"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        for name in ["cpu", "systemd"] {
            fs::write(root.path().join(name).join("cgroup.procs"), "").unwrap();
        }
        std::os::unix::fs::symlink("cpu", root.path().join("cpu,cpuacct")).unwrap();
        assert_eq!(
            hierarchies(root.path()),
            [root.path().join("cpu"), root.path().join("systemd")]
        );
        fs::write(root.path().join("cgroup.controllers"), "").unwrap();
        assert_eq!(hierarchies(root.path()), [root.path()]);
    }
}
