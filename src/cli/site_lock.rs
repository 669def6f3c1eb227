//! One run at a time on a site: a lock beside its inventory, that says who holds it.

use crate::error::Diagnostic;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The lock of a site, held until dropped. The kernel lets go of it when its holder dies, however that happens.
#[derive(Debug)]
pub struct SiteLock {
    path: PathBuf,
    _file: File,
}

impl SiteLock {
    /// Takes the lock of the site that these inventories describe: a file `.NAME.lock` beside the first that is a file or
    /// folder. `None` when there is none: hosts named on the command line are no site.
    ///
    /// # Errors
    /// Somebody else holds it: who, and since when. It cannot be written.
    pub fn take(sources: &[String], doing: &str) -> Result<Option<Self>, Diagnostic> {
        let Some(site) = sources.iter().map(Path::new).find(|p| p.exists()) else {
            return Ok(None);
        };
        let site = site.canonicalize().unwrap_or_else(|_| site.to_owned());
        let (Some(folder), Some(name)) = (site.parent(), site.file_name()) else {
            return Ok(None);
        };
        let path = folder.join(format!(".{}.lock", name.to_string_lossy()));
        let cannot =
            |e: std::io::Error| Diagnostic::new(format!("cannot lock `{}`: {e}", path.display()));
        loop {
            let mut file = File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(&path)
                .map_err(cannot)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    file.read_to_string(&mut holder).map_err(cannot)?;
                    return Err(held(&site, &holder));
                }
                Err(TryLockError::Error(e)) => return Err(cannot(e)),
            }
            // its last holder may have removed this very file between our open and our lock
            let ours = file.metadata().map_err(cannot)?;
            let there = std::fs::metadata(&path);
            if !there.is_ok_and(|t| t.ino() == ours.ino() && t.dev() == ours.dev()) {
                continue;
            }
            file.set_len(0).map_err(cannot)?;
            file.seek(SeekFrom::Start(0)).map_err(cannot)?;
            file.write_all(holder(doing).as_bytes()).map_err(cannot)?;
            return Ok(Some(Self { path, _file: file }));
        }
    }
}

impl Drop for SiteLock {
    fn drop(&mut self) {
        // one that stays behind is empty talk: the lock is the kernel's, not the file's existence
        std::fs::remove_file(&self.path).ok();
    }
}

/// What the holder says of itself.
fn holder(doing: &str) -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    let user = user
        .ok()
        .flatten()
        .map_or_else(|| "someone".to_owned(), |u| u.name);
    let host = nix::unistd::gethostname().unwrap_or_default();
    let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S %Z");
    format!(
        "`{doing}` of {user} on {}, process {}, since {now}\n",
        host.to_string_lossy(),
        std::process::id()
    )
}

fn held(site: &Path, holder: &str) -> Diagnostic {
    let holder = match holder.trim() {
        "" => "a run that has just begun",
        holder => holder,
    };
    Diagnostic::new(format!(
        "another run is at work on the site `{}`",
        site.display()
    ))
    .with_note(crate::report::harmless(holder).to_string())
    .with_help("wait until it ends; a run that died holds nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first_and_a_dead_holder_blocks_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = dir.path().join("hosts.ini");
        std::fs::write(&hosts, "a\n").unwrap();
        let sources = ["x,".to_owned(), hosts.display().to_string()];
        let lock = SiteLock::take(&sources, "hoist up").unwrap().unwrap();
        let told = SiteLock::take(&sources, "hoist down").unwrap_err();
        let told = told.to_string().replace(
            &dir.path().canonicalize().unwrap().display().to_string(),
            "DIR",
        );
        let note = told.lines().nth(1).unwrap_or_default().to_owned();
        assert!(note.starts_with("  note: `hoist up` of "), "{note}");
        assert!(note.contains(&format!("process {}, since 2", std::process::id())));
        insta::assert_snapshot!(told.replace(&note, "  note: …"), @r"
        error: another run is at work on the site `DIR/hosts.ini`
          note: …
          help: wait until it ends; a run that died holds nothing
        ");
        drop(lock);
        assert!(!dir.path().join(".hosts.ini.lock").exists());
        // what a killed run leaves
        std::fs::write(dir.path().join(".hosts.ini.lock"), "`hoist up` of ghost\n").unwrap();
        assert!(SiteLock::take(&sources, "hoist up").unwrap().is_some());
        assert!(
            SiteLock::take(&["a,b".to_owned()], "hoist up")
                .unwrap()
                .is_none()
        );
    }
}
