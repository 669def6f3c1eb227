//! The one setting of the machine that labs change, and put back.

use super::options::Progress;
use super::state;
use crate::error::Diagnostic;
use std::fs;
use std::path::{Path, PathBuf};

/// How many inotify instances one user may have, over all hosts: every systemd takes five, and the usual 128 leave
/// the thirtieth host half booted.
#[derive(Clone, Debug)]
pub struct Limits {
    setting: PathBuf,
    note: PathBuf,
}

const ENOUGH: u32 = 8192;

impl Limits {
    /// The machine's; what it was before is kept in `dir`.
    pub fn of_machine(dir: &Path) -> Self {
        Self {
            setting: "/proc/sys/fs/inotify/max_user_instances".into(),
            note: dir.join(".inotify"),
        }
    }

    /// Raises it where it is too low, after writing down what it was.
    pub fn raise(&self, progress: Progress<'_>) -> Result<(), Diagnostic> {
        let Some(now) = number(&self.setting).filter(|n| *n < ENOUGH) else {
            return Ok(());
        };
        // One that was written down and not put back is the older truth.
        if number(&self.note).is_none() {
            state::write_private(&self.note, now.to_string().as_bytes())?;
        }
        progress(&format!(
            "raising `fs.inotify.max_user_instances` from {now} to {ENOUGH} until the last lab is down"
        ));
        fs::write(&self.setting, ENOUGH.to_string())
            .map_err(|e| Diagnostic::new(format!("cannot write `{}`: {e}", self.setting.display())))
    }

    /// Puts it back, unless somebody else changed it since; for when no lab is left.
    pub fn restore(&self) {
        let Some(before) = number(&self.note) else {
            return;
        };
        if number(&self.setting) == Some(ENOUGH) {
            let _ = fs::write(&self.setting, before.to_string());
        }
        let _ = fs::remove_file(&self.note);
    }
}

fn number(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_once_and_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits {
            setting: dir.path().join("setting"),
            note: dir.path().join("note"),
        };
        fs::write(&limits.setting, "128\n").unwrap();
        limits.raise(&|_| {}).unwrap();
        fs::write(&limits.setting, "256\n").unwrap();
        limits.raise(&|_| {}).unwrap();
        assert_eq!(number(&limits.setting), Some(ENOUGH));
        limits.restore();
        assert_eq!(number(&limits.setting), Some(128));
        assert!(!limits.note.exists());
        limits.restore();
        assert_eq!(number(&limits.setting), Some(128));
    }
}
