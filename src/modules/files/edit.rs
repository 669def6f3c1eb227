//! Changing the text of a file: what lineinfile, blockinfile, replace and their like share.

use super::attrs::{Resolved, Wanted};
use super::copy_one::checked_validate;
use super::setting::{Setting, parent};
use crate::host::{Action, Attrs, Content, FileType, Known, Query, Stat};
use crate::modules::{Arg, Args, Decision, Diff, Fail, Outcome, Step};
use crate::value::Map;
use std::sync::Arc;

/// The arguments of every editor.
pub static EDIT_ARGS: &[Arg] = &[
    Arg::bool("backup", "keep a dated copy of the old file").default("false"),
    Arg::str(
        "validate",
        "a command that must accept the new file, with `%s` in its place",
    ),
];

/// A file to be edited.
pub struct Editor {
    /// As written.
    pub path: String,
    /// Attributes.
    pub wanted: Wanted,
    /// Keep the old file.
    pub backup: bool,
    /// Check with this first.
    pub validate: Option<String>,
    /// Circumstances.
    pub setting: Setting,
}

/// What is there.
pub struct Loaded {
    /// The path as the task means it.
    pub path: String,
    /// The file itself, links resolved.
    pub real: String,
    /// What stands there.
    pub stat: Option<Stat>,
    /// Its bytes.
    pub bytes: Option<Arc<[u8]>>,
}

impl Loaded {
    /// Its text, and whether that is one character a byte, because it is not UTF-8.
    pub fn text(&self) -> (String, bool) {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (bytes.iter().map(|b| char::from(*b)).collect(), true),
        }
    }
}

/// An argument in the form that a file's text has.
pub fn same_form(text: &str, bytewise: bool) -> String {
    if bytewise {
        text.bytes().map(char::from).collect()
    } else {
        text.to_owned()
    }
}

/// Text back to bytes.
pub fn to_bytes(text: &str, bytewise: bool) -> Vec<u8> {
    if bytewise {
        text.chars().map(|c| c as u8).collect()
    } else {
        text.as_bytes().to_vec()
    }
}

/// Lines with their ends, as Python's `readlines` has them.
pub fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// How an edit is carried out.
pub struct Edited {
    /// Decision without its result.
    pub decision: Decision,
    /// Whether the text changes.
    pub written: bool,
    /// Whether owner, group, mode or flags change too, after the text was written.
    pub attributes: bool,
    /// The attributes.
    pub resolved: Resolved,
}

impl Editor {
    /// From a module's arguments.
    ///
    /// # Errors
    /// A mode that is none; a `validate` without `%s`.
    pub fn of(args: &Args, path: &str, setting: Setting) -> Result<Self, Fail> {
        Ok(Self {
            path: args.str(path).to_owned(),
            wanted: Wanted::of(args)?,
            backup: args.bool("backup"),
            validate: checked_validate(args)?,
            setting,
        })
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Answers that are needed; a directory (`rc` 256).
    pub fn load(&self, known: &Known) -> Result<Loaded, Step> {
        let path = self.setting.expand(known, &self.path)?;
        known.all([Query::lstat(&path), Query::Content { path: path.clone() }])?;
        let mut stat = known.stat(&path, false)?;
        let mut real = path.clone();
        if let Some(link) = stat.filter(|s| s.kind == FileType::Link) {
            real = link.real.clone().unwrap_or(real);
            stat = known.stat(&path, true)?;
        }
        if stat.is_some_and(|s| s.kind == FileType::Directory) {
            return Err(Fail::new(format!("Path {path} is a directory !"))
                .with("rc", 256)
                .into());
        }
        let bytes = known.content(&path)?;
        if stat.is_some() && bytes.is_none() {
            return Err(Fail::new(format!("`{path}` cannot be read")).into());
        }
        Ok(Loaded {
            path,
            real,
            stat: stat.cloned(),
            bytes,
        })
    }

    /// Decides how the file comes to hold `text` (`None`: its text stays).
    ///
    /// # Errors
    /// Answers that are needed; an owner or group that does not exist.
    pub fn decide(
        &self,
        known: &Known,
        loaded: &Loaded,
        text: Option<Vec<u8>>,
    ) -> Result<Edited, Step> {
        let stat = loaded.stat.as_ref();
        let resolved = self
            .wanted
            .at(known, &self.setting, &loaded.real, stat, FileType::File)?;
        let mut attributes = resolved.differs();
        let mut actions = Vec::new();
        let written = text.is_some();
        if let Some(text) = text {
            if stat.is_none() {
                let dir = parent(&loaded.real);
                if dir != "." && !known.exists(dir)? {
                    actions.push(Action::MakeDir {
                        path: dir.to_owned(),
                        attrs: Attrs::default(),
                    });
                }
                if attributes && !self.setting.check {
                    let plain = Wanted::default().at(
                        known,
                        &self.setting,
                        &loaded.real,
                        None,
                        FileType::File,
                    )?;
                    attributes = (plain.mode, plain.owner.0, plain.group.0)
                        != (resolved.mode, resolved.owner.0, resolved.group.0);
                }
            }
            actions.push(Action::Write {
                path: loaded.real.clone(),
                content: Content::Bytes(text.into()),
                attrs: resolved.set.clone(),
                backup: self.backup && stat.is_some(),
                validate: self.validate.clone(),
                in_place: self.wanted.in_place,
            });
            actions.extend(resolved.later(&loaded.real));
        } else if stat.is_some() {
            actions.extend(resolved.actions(&loaded.real));
        }
        let warnings = resolved.warnings.clone();
        Ok(Edited {
            decision: Decision {
                actions,
                warnings,
                ..Decision::default()
            },
            written,
            attributes,
            resolved,
        })
    }

    /// The two diffs of an edit: the text and the attributes.
    pub fn diffs(&self, loaded: &Loaded, edited: &Edited, before: &str, after: &str) -> Vec<Diff> {
        if !self.setting.diff || edited.decision.actions.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::new();
        if edited.written {
            out.push(Diff {
                before_header: format!("{} (content)", loaded.path),
                after_header: format!("{} (content)", loaded.path),
                before: before.to_owned(),
                after: after.to_owned(),
            });
        }
        if !edited.resolved.before.is_empty() {
            let header = format!("{} (file attributes)", loaded.path);
            let diff = edited.resolved.diff(&loaded.path, Map::new(), Map::new());
            out.push(Diff {
                before_header: header.clone(),
                after_header: header,
                ..diff
            });
        }
        out
    }
}

impl Edited {
    /// The decision with its result; the old file's new place goes to `key`.
    pub fn finish(
        self,
        mut result: Map,
        key: &'static str,
        always: bool,
        diff: Vec<Diff>,
    ) -> Decision {
        let mut decision = self.decision;
        let backs_up = decision
            .actions
            .iter()
            .any(|a| matches!(a, Action::Write { backup: true, .. }));
        if always {
            result.insert(key.into(), "".into());
        }
        decision.result = result;
        decision.diff = diff;
        if backs_up {
            decision.conclude = Some(Box::new(move |mut result, reports| {
                super::place::first_failure(&reports)?;
                if let Some(path) = reports.iter().find_map(|r| r.backup.clone()) {
                    result.insert(key.to_owned(), path.into());
                }
                Ok(Outcome {
                    changed: true,
                    result,
                    ..Outcome::default()
                })
            }));
        }
        decision
    }
}

/// A message with Ansible's words for attributes that changed too.
pub fn message(text: &str, edited: &Edited) -> String {
    match (text.is_empty(), edited.attributes) {
        (_, false) => text.to_owned(),
        (true, true) => ATTRIBUTES.to_owned(),
        (false, true) => format!("{text} and {ATTRIBUTES}"),
    }
}

const ATTRIBUTES: &str = "ownership, perms or SE linux context changed";
