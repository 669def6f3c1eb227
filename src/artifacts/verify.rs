//! The whole cache, read through.

use super::cache::{hash_file, unreadable};
use super::{Cache, State, image, throw_out};
use crate::error::Diagnostic;
use std::path::{Path, PathBuf};

/// What a look at the cache found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many files are what their names say.
    pub good: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Those that are not, and were thrown out.
    pub spoilt: Vec<Spoilt>,
}

/// A file that was not what its name says.
#[derive(Debug, PartialEq, Eq)]
pub struct Spoilt {
    /// The digest that names it, hex.
    pub wanted: String,
    /// What it is instead.
    pub found: String,
    /// Where it was moved.
    pub moved: PathBuf,
}

/// Hashes every file and image, and moves away what is not what its name says.
///
/// # Errors
/// The cache cannot be read, or something cannot be moved.
pub fn verify(cache: &Cache) -> Result<Verified, Diagnostic> {
    let mut out = Verified::default();
    for folder in ["sha256", "images"] {
        for path in files(&cache.root().join(folder))? {
            let stem = path.file_stem().unwrap_or_default();
            let wanted = stem.to_string_lossy().into_owned();
            let found = if folder == "images" {
                match image::state(&path, &format!("sha256:{wanted}"))? {
                    State::Wrong { found, .. } => found,
                    State::Good | State::Missing => wanted.clone(),
                }
            } else {
                hash_file(&path).map_err(|e| unreadable(&path, &e))?.0
            };
            if found == wanted {
                out.good += 1;
                out.bytes += std::fs::metadata(&path).map_or(0, |m| m.len());
            } else {
                let moved = throw_out(cache, &path)?;
                out.spoilt.push(Spoilt {
                    wanted,
                    found,
                    moved,
                });
            }
        }
    }
    Ok(out)
}

/// The files two levels below a folder, sorted; none when it is not there.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let list = |dir: &Path| match std::fs::read_dir(dir) {
        Ok(entries) => entries
            .map(|entry| entry.map(|e| e.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| unreadable(dir, &e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(unreadable(dir, &e)),
    };
    let mut out = Vec::new();
    for dir in list(folder)?.into_iter().filter(|p| p.is_dir()) {
        out.extend(list(&dir)?.into_iter().filter(|p| p.is_file()));
    }
    out.sort();
    Ok(out)
}
