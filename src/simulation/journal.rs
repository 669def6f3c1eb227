//! `Journal`: the files in which the store lives: a snapshot, and the changes since.

use super::change::{Change, Snapshot};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A log longer than this many bytes is folded into a snapshot.
const LONG: u64 = 16 << 20;

/// The files of a store.
pub struct Journal {
    folder: PathBuf,
    log: File,
    length: u64,
}

impl Journal {
    /// Opens the files in a folder, and reads what they hold.
    pub fn open(folder: &Path) -> io::Result<(Journal, Snapshot, Vec<Change>)> {
        std::fs::create_dir_all(folder)?;
        let snapshot = match std::fs::read(folder.join("snapshot")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Snapshot::default(),
            Err(error) => return Err(error),
        };
        let mut log = private().read(true).append(true).open(folder.join("log"))?;
        let mut changes: Vec<Change> = Vec::new();
        let mut length = 0;
        let mut lines = BufReader::new(&mut log);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            let Ok(change) = serde_json::from_slice::<Change>(&line) else {
                break;
            };
            length += read as u64;
            if change.revision > snapshot.revision {
                changes.push(change);
            }
        }
        log.set_len(length)?;
        let journal = Journal {
            folder: folder.to_owned(),
            log,
            length,
        };
        Ok((journal, snapshot, changes))
    }

    /// Writes a change down; when that fails, nothing of it stays in the file.
    pub fn append(&mut self, change: &Change) -> io::Result<()> {
        let mut line = serde_json::to_vec(change)?;
        line.push(b'\n');
        if let Err(error) = self.log.write_all(&line) {
            self.log.set_len(self.length)?;
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Whether it is time to compact.
    pub fn is_long(&self) -> bool {
        self.length > LONG
    }

    /// Writes everything into the snapshot, beside the old one first, and begins the log anew.
    pub fn compact(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        save(snapshot, &self.folder.join("snapshot"))?;
        self.log.set_len(0)?;
        self.log.rewind()?;
        self.length = 0;
        Ok(())
    }
}

/// Writes a snapshot to a file of its own, 0600, beside it first.
pub fn save(snapshot: &Snapshot, path: &Path) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = private().write(true).truncate(true).open(&beside)?;
    file.write_all(&serde_json::to_vec(snapshot)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}
