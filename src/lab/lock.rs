//! One hoist at a time.

use crate::error::Diagnostic;
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An exclusive lock on a file that exists only while it is held; released and removed when dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Waits for the lock at `path`, making its directory where missing; `waiting` is called once if somebody has it.
    pub async fn take(path: &Path, waiting: impl Fn()) -> Result<Self, Diagnostic> {
        let mut told = false;
        loop {
            if let Some(lock) = Self::attempt(path)
                .map_err(|e| Diagnostic::new(format!("cannot lock `{}`: {e}", path.display())))?
            {
                return Ok(lock);
            }
            if !told {
                waiting();
                told = true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The lock at `path` unless somebody has it.
    pub fn attempt(path: &Path) -> std::io::Result<Option<Self>> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let file = match File::options().create(true).append(true).open(path) {
            Ok(file) => file,
            // The directory went away with the last lab in it: try again.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        // Whoever held it may have removed this very file between our open and our lock.
        let ours = file.metadata()?;
        match std::fs::metadata(path) {
            Ok(there) if there.ino() == ours.ino() && there.dev() == ours.dev() => Ok(Some(Self {
                path: path.to_owned(),
                _file: file,
            })),
            _ => Ok(None),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/x.lock");
        let held = Lock::attempt(&path).unwrap().unwrap();
        assert!(Lock::attempt(&path).unwrap().is_none());
        drop(held);
        assert!(!path.exists());
        assert!(Lock::attempt(&path).unwrap().is_some());
    }
}
