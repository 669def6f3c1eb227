//! The cache: every file under the name of its digest, shared by all sites of this user.

use crate::error::Diagnostic;
use sha2::{Digest as _, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where files are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

/// What a file of the cache is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The very file.
    Good,
    /// Not there.
    Missing,
    /// Something else under its name.
    Wrong {
        /// What it hashes to; for an image, what is wrong with it.
        found: String,
        /// Its length in bytes.
        size: u64,
    },
}

impl Cache {
    /// The user's cache: `HOIST_CACHE`, else `hoist` in `XDG_CACHE_HOME`, else `~/.cache/hoist`.
    ///
    /// # Errors
    /// There is no home folder.
    pub fn of_user(env: impl Fn(&str) -> Option<String>) -> Result<Self, Diagnostic> {
        let set = |name: &str| env(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let base = set("HOIST_CACHE")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("hoist")))
            .or_else(|| Some(set("HOME")?.join(".cache/hoist")));
        match base {
            Some(base) => Ok(Self::at(base.join("artifacts"))),
            None => Err(
                Diagnostic::new("there is no place for the cache: HOME is not set")
                    .with_help("set HOIST_CACHE to a folder"),
            ),
        }
    }

    /// A cache in a folder, which need not be there yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the file of that SHA-256 is, or would be.
    pub fn blob(&self, sha256: &str) -> PathBuf {
        self.root.join(blob_name(sha256))
    }

    /// Where the image whose manifest has that digest (`sha256:…`) is, as one file to be loaded, or would be.
    pub fn image(&self, digest: &str) -> PathBuf {
        self.root.join(image_name(digest))
    }

    /// Where downloads grow.
    pub fn partial(&self, name: &str) -> PathBuf {
        self.root.join("partial").join(format!("{name}.part"))
    }

    /// Where members of the archive of that SHA-256 are kept, as they are taken out.
    pub fn members(&self, sha256: &str) -> PathBuf {
        self.root.join("members").join(sha256)
    }

    /// Reads a file through and says whether it is what its name says. `size` is a shortcut: another length is enough to know.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn state(&self, sha256: &str, size: Option<u64>) -> Result<State, Diagnostic> {
        let path = self.blob(sha256);
        let length = match std::fs::metadata(&path) {
            Ok(meta) => meta.len(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(State::Missing),
            Err(e) => return Err(unreadable(&path, &e)),
        };
        if size.is_some_and(|size| size != length) {
            return Ok(State::Wrong {
                found: "another length".to_owned(),
                size: length,
            });
        }
        let found = hash_file(&path).map_err(|e| unreadable(&path, &e))?.0;
        Ok(if found == sha256 {
            State::Good
        } else {
            State::Wrong {
                found,
                size: length,
            }
        })
    }
}

/// A blob's name below the cache's folder, and in bundles.
pub(super) fn blob_name(sha256: &str) -> String {
    let first = sha256.get(..2).unwrap_or("xx");
    format!("sha256/{first}/{sha256}")
}

/// As [`blob_name`], for an image.
pub(super) fn image_name(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    let first = hex.get(..2).unwrap_or("xx");
    format!("images/{first}/{hex}.tar")
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(format!("cannot read `{}`: {error}", path.display()))
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(format!("cannot write `{}`: {error}", path.display()))
}

/// SHA-256 and length of a file.
pub(super) fn hash_file(path: &Path) -> std::io::Result<(String, u64)> {
    hash(&mut std::fs::File::open(path)?)
}

/// SHA-256 and length of all that can be read.
pub(super) fn hash(from: &mut dyn Read) -> std::io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut length = 0;
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok((hex::encode(hasher.finalize()), length));
        }
        hasher.update(&buffer[..n]);
        length += n as u64;
    }
}

/// Makes the folder that a file is to stand in.
pub(super) fn make_parent(path: &Path) -> Result<(), Diagnostic> {
    match path.parent() {
        Some(dir) => std::fs::create_dir_all(dir).map_err(|e| unwritable(dir, &e)),
        None => Ok(()),
    }
}
