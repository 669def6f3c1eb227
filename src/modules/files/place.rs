//! Putting one file in place: the machinery that copy, template, assemble, get_url and the line editors share.

use super::attrs::{Resolved, Wanted};
use super::digest::hex_digest;
use super::setting::{Setting, join, parent, state_of};
use crate::host::{Action, Algorithm, Attrs, Content, FileType, Known, Query, Report, Stat};
use crate::modules::{ControlFiles, Decision, Diff, Fail, Outcome, Step};
use crate::value::Map;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// Longest text that is diffed; Ansible's `max_diff_size`.
const DIFF_LIMIT: u64 = 104_448;
/// Files up to this length travel as bytes in memory, longer ones are streamed.
const SMALL: u64 = 256 * 1024;

/// What is to be written, and its digests.
#[derive(Clone, Debug)]
pub struct Source {
    /// The bytes or where they are here.
    pub content: Content,
    /// Length in bytes.
    pub length: u64,
    /// For comparing with what is there.
    pub sha256: String,
    /// For `checksum` in results.
    pub sha1: String,
    /// For `md5sum`; not computed for files that are streamed.
    pub md5: Option<String>,
}

impl Source {
    /// From bytes.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into();
        Self {
            length: bytes.len() as u64,
            sha256: hex_digest(Algorithm::Sha256, &bytes),
            sha1: hex_digest(Algorithm::Sha1, &bytes),
            md5: Some(hex_digest(Algorithm::Md5, &bytes)),
            content: Content::Bytes(bytes),
        }
    }

    /// From a file of the control machine: read when small or an encrypted vault, else left where it is.
    ///
    /// # Errors
    /// It cannot be read or decrypted.
    pub fn file(files: &dyn ControlFiles, path: &Path, decrypt: bool) -> Result<Self, Fail> {
        let (length, sha256, sha1) = files.digest(path)?;
        if length <= SMALL || (decrypt && is_vault(path)) {
            return Ok(Self::bytes(files.read(path, decrypt)?));
        }
        Ok(Self {
            content: Content::File {
                path: path.to_owned(),
                length,
                sha256: sha256.clone(),
            },
            length,
            sha256,
            sha1,
            md5: None,
        })
    }

    /// The text for a diff, when it is short and no binary.
    fn text(&self) -> Option<String> {
        match &self.content {
            Content::Bytes(bytes) => diffable(bytes),
            Content::File { .. } => None,
        }
    }
}

fn is_vault(path: &Path) -> bool {
    let mut head = [0; 15];
    std::fs::File::open(path)
        .and_then(|mut f| f.read_exact(&mut head))
        .is_ok()
        && head == *b"$ANSIBLE_VAULT;"
}

fn diffable(bytes: &[u8]) -> Option<String> {
    (bytes.len() as u64 <= DIFF_LIMIT && !bytes.contains(&0))
        .then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// One file that shall stand somewhere.
pub struct Place<'a> {
    /// Where; not a directory.
    pub path: &'a str,
    /// What.
    pub source: &'a Source,
    /// Attributes.
    pub wanted: &'a Wanted,
    /// Write through a symbolic link.
    pub follow: bool,
    /// Replace what differs.
    pub force: bool,
    /// Keep a copy of the old file.
    pub backup: bool,
    /// Check the new file with this command first.
    pub validate: Option<&'a str>,
    /// The header of the new side of the diff.
    pub origin: &'a str,
}

/// How a file will come to stand.
pub struct Placed {
    /// Where in the end.
    pub path: String,
    /// What to do.
    pub actions: Vec<Action>,
    /// Old and new text, or old and new attributes.
    pub diff: Vec<Diff>,
    /// Whether the content is replaced.
    pub written: bool,
    /// `force: false` met a file.
    pub kept: bool,
    /// Its attributes, as they will be.
    pub resolved: Resolved,
    /// What stands there now.
    pub stat: Option<Stat>,
}

impl Place<'_> {
    /// Compares and decides. The directory `made`, if any, will have been made by an earlier action.
    ///
    /// # Errors
    /// Answers that are needed; a directory in the way; a missing parent directory.
    pub fn decide_within(
        &self,
        known: &Known,
        setting: &Setting,
        made: Option<&str>,
    ) -> Result<Placed, Step> {
        known.all([Query::lstat(self.path), Query::sha256(self.path)])?;
        let mut path = self.path.to_owned();
        let mut stat = known.stat(&path, false)?;
        let mut replaces_link = false;
        if let Some(link) = stat.filter(|s| s.kind == FileType::Link) {
            if self.follow {
                // A broken link is written through as well: the file appears where it points.
                path = match (&link.real, &link.link) {
                    (Some(real), _) => real.clone(),
                    (None, Some(target)) => join(parent(&path), target),
                    (None, None) => path,
                };
                known.all([Query::lstat(&path), Query::sha256(&path)])?;
                stat = known.stat(&path, false)?;
            } else {
                replaces_link = true;
            }
        }
        if stat.is_some_and(|s| s.kind == FileType::Directory) {
            return Err(Fail::new(format!("`{path}` is a directory, not a file")).into());
        }
        if stat.is_none() && !setting.check {
            let dir = parent(&path);
            let there = made.is_some_and(|m| m == dir) || known.exists(dir)?;
            if !there {
                return Err(
                    Fail::new(format!("Destination directory {dir} does not exist")).into(),
                );
            }
        }
        // A link that is replaced by a file gives the file nothing of its own.
        let base = if replaces_link { None } else { stat };
        let resolved = self
            .wanted
            .at(known, setting, &path, base, FileType::File)?;
        let same = !replaces_link
            && stat.is_some()
            && known.digest(&path, Algorithm::Sha256)? == Some(self.source.sha256.as_str());
        let kept = !self.force && stat.is_some();
        let mut placed = Placed {
            path,
            actions: Vec::new(),
            diff: Vec::new(),
            written: !same && !kept,
            kept,
            resolved,
            stat: stat.cloned(),
        };
        if kept {
            return Ok(placed);
        }
        if same {
            placed.actions = placed.resolved.actions(&placed.path);
        } else {
            let mut attrs = placed.resolved.set.clone();
            if replaces_link {
                attrs.mode = Some(placed.resolved.mode);
            }
            placed.actions.push(Action::Write {
                path: placed.path.clone(),
                content: self.source.content.clone(),
                attrs,
                backup: self.backup && stat.is_some(),
                validate: self.validate.map(str::to_owned),
                in_place: self.wanted.in_place,
            });
            placed.actions.extend(placed.resolved.later(&placed.path));
            if setting.diff {
                placed
                    .diff
                    .extend(self.text_diff(known, &placed.path, stat, replaces_link)?);
            }
        }
        if setting.diff && placed.resolved.differs() && base.is_some() {
            placed
                .diff
                .push(placed.resolved.diff(&placed.path, Map::new(), Map::new()));
        }
        Ok(placed)
    }

    fn text_diff(
        &self,
        known: &Known,
        path: &str,
        stat: Option<&Stat>,
        link: bool,
    ) -> Result<Option<Diff>, Step> {
        let Some(after) = self.source.text() else {
            return Ok(None);
        };
        let before = match stat {
            Some(s) if s.kind == FileType::File || link => {
                if s.size > DIFF_LIMIT {
                    return Ok(None);
                }
                match known.content(path)? {
                    Some(bytes) => match diffable(&bytes) {
                        Some(text) => text,
                        None => return Ok(None),
                    },
                    None => String::new(),
                }
            }
            _ => String::new(),
        };
        Ok(Some(Diff {
            before_header: stat.map(|_| path.to_owned()).unwrap_or_default(),
            after_header: self.origin.to_owned(),
            before,
            after,
        }))
    }
}

impl Placed {
    /// Adds what Ansible says of the path at the end.
    pub fn describe(&self, result: &mut Map, length: u64) {
        let (state, size) = match (&self.stat, self.written) {
            (_, true) => ("file", length),
            (stat, false) => (state_of(stat.as_ref()), stat.as_ref().map_or(0, |s| s.size)),
        };
        self.resolved.describe(result, state, size);
    }

    /// The decision, with `backup_file` in the result once it is known.
    pub fn into_decision(self, result: Map) -> Decision {
        let backs_up = self.actions.iter().any(|a| {
            matches!(
                a,
                Action::Write { backup: true, .. } | Action::Copy { backup: true, .. }
            )
        });
        Decision {
            result,
            diff: self.diff,
            actions: self.actions,
            warnings: self.resolved.warnings,
            conclude: backs_up.then(|| with_backup("backup_file")),
            ..Decision::default()
        }
    }
}

/// Fails with the first failed report's words, as a decision without `conclude` does.
///
/// # Errors
/// A report with an exit status other than 0.
pub fn first_failure(reports: &[Report]) -> Result<(), Fail> {
    match reports.iter().find(|r| r.rc != 0) {
        None => Ok(()),
        Some(bad) => {
            let text = if bad.stderr.trim().is_empty() {
                &bad.stdout
            } else {
                &bad.stderr
            };
            Err(Fail::new(text.trim())
                .with("rc", bad.rc)
                .with("stdout", bad.stdout.clone())
                .with("stderr", bad.stderr.clone()))
        }
    }
}

/// A conclusion that adds the old file's new place to the result.
pub fn with_backup(
    key: &'static str,
) -> Box<dyn FnOnce(Map, Vec<Report>) -> Result<Outcome, Fail> + Send> {
    Box::new(move |mut result, reports| {
        first_failure(&reports)?;
        if let Some(path) = reports.iter().find_map(|r| r.backup.clone()) {
            result.insert(key.to_owned(), path.into());
        }
        Ok(Outcome {
            changed: true,
            result,
            ..Outcome::default()
        })
    })
}

/// Attributes for directories that are made on the way: the owner and group asked for, and their own mode.
pub fn directory_attrs(wanted: &Wanted, mode: Option<u32>) -> Attrs {
    Attrs {
        owner: wanted.owner.clone(),
        group: wanted.group.clone(),
        mode,
    }
}
