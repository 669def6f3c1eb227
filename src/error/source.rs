//! A text file as it was read, and places in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file's path and text, shared by every [`Span`] that points into it.
#[derive(PartialEq, Eq)]
pub struct Source {
    /// As the user would type it (relative where they gave a relative path), or a name like `<-e>`.
    pub path: PathBuf,
    /// The whole text; empty where showing it would be unsafe (a decrypted vault).
    pub text: String,
}

impl Source {
    /// A source from a path and its text.
    pub fn new(path: impl AsRef<Path>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            path: path.as_ref().to_owned(),
            text: text.into(),
        })
    }

    /// Line `number` (counted from 1) without its line end.
    pub fn line(&self, number: u32) -> Option<&str> {
        self.text.lines().nth(number.checked_sub(1)? as usize)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.path.display())
    }
}

/// A place in a [`Source`]: line and column counted from 1, columns in characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub source: Arc<Source>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters the caret underlines; 0 and 1 both draw one.
    pub length: u32,
}

impl Span {
    /// The start of `source`.
    pub fn start(source: &Arc<Source>) -> Self {
        Self {
            source: source.clone(),
            line: 1,
            column: 1,
            length: 0,
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.source.path
    }
}

impl fmt::Display for Span {
    /// `file:line:column`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}",
            self.source.path.display(),
            self.line,
            self.column
        )
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
