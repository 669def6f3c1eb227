//! One file put in its place, and what the ways of copying share.

use super::attrs::Wanted;
use super::mode::Mode;
use super::place::{Place, Placed, Source, directory_attrs};
use super::setting::{Setting, basename, join, parent};
use crate::host::{Action, FileType, Known, Query};
use crate::modules::{Args, Decide, Decision, Fail, Step};
use crate::value::{Map, Value};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The `validate` argument, which must name the file.
///
/// # Errors
/// There is no `%s` in it.
pub fn checked_validate(args: &Args) -> Result<Option<String>, Fail> {
    match args.opt_str("validate").filter(|v| !v.is_empty()) {
        Some(v) if !v.contains("%s") => Err(Fail::new(format!("validate must contain %s: {v}"))),
        v => Ok(v.map(str::to_owned)),
    }
}

/// Replaces `preserve` by the permissions of a file of the control machine.
///
/// # Errors
/// It is not there.
pub fn preserve(wanted: &mut Wanted, path: &Path) -> Result<(), Fail> {
    if wanted.mode == Some(Mode::Preserve) {
        let meta = std::fs::metadata(path)
            .map_err(|e| Fail::new(format!("cannot read `{}`: {e}", path.display())))?;
        wanted.mode = Some(Mode::Bits(meta.permissions().mode() & 0o7777));
    }
    Ok(())
}

/// JSON as Python's `json.dumps` writes it: `, ` and `: `, and no character beyond ASCII.
pub fn json_text(value: &Value) -> String {
    struct Spaced;
    impl serde_json::ser::Formatter for Spaced {
        fn begin_array_value<W: ?Sized + std::io::Write>(
            &mut self,
            w: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            if first { Ok(()) } else { w.write_all(b", ") }
        }
        fn begin_object_key<W: ?Sized + std::io::Write>(
            &mut self,
            w: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            if first { Ok(()) } else { w.write_all(b", ") }
        }
        fn begin_object_value<W: ?Sized + std::io::Write>(
            &mut self,
            w: &mut W,
        ) -> std::io::Result<()> {
            w.write_all(b": ")
        }
        fn write_string_fragment<W: ?Sized + std::io::Write>(
            &mut self,
            w: &mut W,
            text: &str,
        ) -> std::io::Result<()> {
            for c in text.chars() {
                if c.is_ascii() {
                    w.write_all(&[c as u8])?;
                } else {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(w, "\\u{unit:04x}")?;
                    }
                }
            }
            Ok(())
        }
    }
    let mut out = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut out, Spaced);
    // Writing to memory cannot fail.
    let _ = serde::Serialize::serialize(value, &mut writer);
    String::from_utf8(out).unwrap_or_default()
}

/// What the ways of copying share.
pub struct Options {
    /// As written.
    pub dest: String,
    /// Keep the old file.
    pub backup: bool,
    /// Replace what differs.
    pub force: bool,
    /// Write through a link at the destination.
    pub follow: bool,
    /// Check with this first.
    pub validate: Option<String>,
    /// For directories that are made.
    pub directory_mode: Option<Mode>,
    /// SHA-1 that the source must have.
    pub checksum: Option<String>,
    /// Circumstances.
    pub setting: Setting,
}

impl Options {
    /// Fails when the source is not the one expected.
    ///
    /// # Errors
    /// Its SHA-1 is another.
    pub fn verify(&self, sha1: &str) -> Result<(), Fail> {
        match &self.checksum {
            Some(wanted) if wanted != sha1 => Err(Fail::new(
                "Copied file does not match the expected checksum. Transfer failed.",
            )
            .with("checksum", sha1)
            .with("expected_checksum", wanted.clone())),
            _ => Ok(()),
        }
    }

    /// Makes the directory `dir` first when it is missing.
    ///
    /// # Errors
    /// Answers that are needed; a file in the way.
    pub fn make_dir(
        &self,
        known: &Known,
        wanted: &Wanted,
        dir: &str,
    ) -> Result<Option<Action>, Step> {
        match known.stat(dir, true)? {
            Some(s) if s.kind == FileType::Directory => Ok(None),
            Some(_) => Err(Fail::new(format!("`{dir}` is not a directory")).into()),
            None => {
                let umask = match &self.directory_mode {
                    Some(mode) if mode.needs_umask() => self.setting.umask(known)?,
                    _ => 0o022,
                };
                let mode = self
                    .directory_mode
                    .as_ref()
                    .map(|m| m.applied(0o777 & !umask, true, umask));
                Ok(Some(Action::MakeDir {
                    path: dir.to_owned(),
                    attrs: directory_attrs(wanted, mode),
                }))
            }
        }
    }
}

/// One file, bound for one place.
pub struct One {
    /// What.
    pub source: Source,
    /// Its name below a `dest` that is a directory; none for `content`.
    pub name: Option<String>,
    /// Header of the new side of the diff.
    pub origin: String,
    /// Attributes.
    pub wanted: Wanted,
    /// The rest.
    pub options: Options,
}

impl One {
    fn target(&self, known: &Known, dest: &str) -> Result<(String, Option<Action>), Step> {
        let Some(name) = &self.name else {
            let stat = known
                .all([Query::lstat(dest), Query::sha256(dest)])
                .and_then(|()| known.stat(dest, false))?;
            if stat.is_some_and(|s| s.kind == FileType::Directory) {
                return Err(Fail::new("can not use content with a dir as dest").into());
            }
            return Ok((dest.to_owned(), None));
        };
        if let Some(dir) = dest.strip_suffix('/') {
            let target = join(dest, name);
            known.all([Query::lstat(&target), Query::sha256(&target)])?;
            let made = match known.stat(&target, false)? {
                Some(_) => None,
                None => self.options.make_dir(
                    known,
                    &self.wanted,
                    if dir.is_empty() { "/" } else { dir },
                )?,
            };
            return Ok((target, made));
        }
        known.all([Query::lstat(dest), Query::sha256(dest)])?;
        let directory = match known.stat(dest, false)? {
            Some(s) if s.kind == FileType::Link => known
                .stat(dest, true)?
                .is_some_and(|s| s.kind == FileType::Directory),
            Some(s) => s.kind == FileType::Directory,
            None => false,
        };
        Ok((
            if directory {
                join(dest, name)
            } else {
                dest.to_owned()
            },
            None,
        ))
    }
}

impl Decide for One {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let o = &self.options;
        let dest = o.setting.expand(known, &o.dest)?;
        let (target, made) = self.target(known, &dest)?;
        let place = Place {
            path: &target,
            source: &self.source,
            wanted: &self.wanted,
            follow: o.follow,
            force: o.force,
            backup: o.backup,
            validate: o.validate.as_deref(),
            origin: &self.origin,
        };
        let mut placed =
            place.decide_within(known, &o.setting, made.as_ref().map(|_| parent(&target)))?;
        if placed.written && !o.setting.check {
            o.verify(&self.source.sha1)?;
        }
        let result = one_result(&placed, &self.source, &self.origin);
        if placed.written
            && let Some(made) = made
        {
            placed.actions.insert(0, made);
        }
        Ok(placed.into_decision(result))
    }
}

/// The result of putting one file in place, with the keys Ansible's copy gives in each case.
pub fn one_result(placed: &Placed, source: &Source, origin: &str) -> Map {
    let mut result = Map::new();
    result.insert("dest".into(), placed.path.clone().into());
    if placed.kept {
        result.insert("src".into(), origin.into());
        return result;
    }
    result.insert("checksum".into(), source.sha1.clone().into());
    if placed.written {
        result.insert("src".into(), origin.into());
        if let Some(md5) = &source.md5 {
            result.insert("md5sum".into(), md5.clone().into());
        }
    } else {
        result.insert("path".into(), placed.path.clone().into());
    }
    placed.describe(&mut result, source.length);
    result
}

/// The name a source has below a directory.
pub fn name_of(src: &str) -> String {
    basename(src.trim_end_matches('/')).to_owned()
}
