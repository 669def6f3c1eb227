//! A directory of the control machine, copied to a host.

use super::attrs::{Resolved, Wanted};
use super::copy_one::{Options, one_result, preserve};
use super::place::{Place, Source, with_backup};
use super::setting::{join, parent};
use crate::host::{Action, FileType, Known, Query};
use crate::modules::{ControlFiles, Decide, Decision, Fail, Step};
use crate::value::Map;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What was found below `src`, in the order it is copied.
pub struct Tree {
    files: Vec<Leaf>,
    /// Directories, parents before children.
    directories: Vec<String>,
    /// Target and place of symbolic links.
    links: Vec<(String, String)>,
    src: String,
    wanted: Wanted,
    options: Options,
}

struct Leaf {
    source: Source,
    path: PathBuf,
    relative: String,
    wanted: Wanted,
}

impl Tree {
    /// Walks the directory. `src` is as written: with a `/` at its end its content is copied, without it the directory itself.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn read(
        files: &dyn ControlFiles,
        root: &Path,
        src: &str,
        follow: bool,
        decrypt: bool,
        wanted: Wanted,
        options: Options,
    ) -> Result<Self, Fail> {
        let mut tree = Self {
            files: Vec::new(),
            directories: Vec::new(),
            links: Vec::new(),
            src: src.to_owned(),
            wanted,
            options,
        };
        let name = root
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let base = if src.ends_with('/') {
            String::new()
        } else {
            name
        };
        if !base.is_empty() {
            tree.directories.push(base.clone());
        }
        let mut above = Vec::new();
        tree.walk(files, root, &base, follow, decrypt, &mut above)?;
        Ok(tree)
    }

    fn walk(
        &mut self,
        files: &dyn ControlFiles,
        dir: &Path,
        relative: &str,
        follow: bool,
        decrypt: bool,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), Fail> {
        let unreadable =
            |e: std::io::Error| Fail::new(format!("cannot read `{}`: {e}", dir.display()));
        above.push(dir.canonicalize().map_err(unreadable)?);
        let mut entries: Vec<_> = std::fs::read_dir(dir)
            .map_err(unreadable)?
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
                return Err(Fail::new(format!(
                    "the name of `{}` is not UTF-8",
                    path.display()
                )));
            };
            let relative = join(relative, name);
            let is_link = path.is_symlink();
            let circle = is_link && path.canonicalize().is_ok_and(|real| above.contains(&real));
            if is_link && (!follow || circle || !path.exists()) {
                let target = std::fs::read_link(&path).map_err(unreadable)?;
                self.links
                    .push((target.to_string_lossy().into_owned(), relative));
            } else if path.is_dir() {
                self.directories.push(relative.clone());
                self.walk(files, &path, &relative, follow, decrypt, above)?;
            } else {
                let mut wanted = self.wanted.clone();
                preserve(&mut wanted, &path)?;
                let source = Source::file(files, &path, decrypt)?;
                self.files.push(Leaf {
                    source,
                    path,
                    relative,
                    wanted,
                });
            }
        }
        above.pop();
        Ok(())
    }
}

impl Decide for Tree {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let o = &self.options;
        let setting = &o.setting;
        let dest = o.setting.expand(known, &o.dest)?;
        let dest = if dest.ends_with('/') {
            dest
        } else {
            format!("{dest}/")
        };
        let top = match dest.trim_end_matches('/') {
            "" => "/",
            top => top,
        };
        let paths: Vec<String> = std::iter::once(top.to_owned())
            .chain(self.directories.iter().map(|d| join(&dest, d)))
            .collect();
        let leaves: Vec<String> = self
            .files
            .iter()
            .map(|f| join(&dest, &f.relative))
            .collect();
        let links: Vec<String> = self.links.iter().map(|(_, l)| join(&dest, l)).collect();
        known.all(
            paths
                .iter()
                .map(|p| Query::stat(p))
                .chain(
                    leaves
                        .iter()
                        .flat_map(|p| [Query::lstat(p), Query::sha256(p)]),
                )
                .chain(links.iter().map(|p| Query::lstat(p))),
        )?;
        let mut decision = Decision::default();
        let mut made: BTreeSet<String> = BTreeSet::new();
        let wanted = Wanted {
            mode: o.directory_mode.clone(),
            ..self.wanted.clone()
        };
        for (i, path) in paths.iter().enumerate() {
            if let Some(action) = o.make_dir(known, &self.wanted, path)? {
                // The top is made only when something goes directly into it.
                decision.actions.push(action);
                made.insert(path.clone());
            } else if i > 0 {
                let stat = known.stat(path, true)?;
                let resolved = wanted.at(known, setting, path, stat, FileType::Directory)?;
                note(&mut decision, &resolved, path, setting.diff);
            }
        }
        let mut backs_up = false;
        let single = self.files.len() == 1 && self.directories.is_empty() && self.links.is_empty();
        for (leaf, path) in self.files.iter().zip(&leaves) {
            let origin = leaf.path.to_string_lossy();
            let place = Place {
                path,
                source: &leaf.source,
                wanted: &leaf.wanted,
                follow: o.follow && self.directories.is_empty(),
                force: o.force,
                backup: o.backup,
                validate: o.validate.as_deref(),
                origin: &origin,
            };
            let dir = parent(path);
            let placed = place.decide_within(known, setting, made.contains(dir).then_some(dir))?;
            if single {
                decision.result = one_result(&placed, &leaf.source, &origin);
            }
            backs_up |= placed
                .actions
                .iter()
                .any(|a| matches!(a, Action::Write { backup: true, .. }));
            decision.actions.extend(placed.actions);
            decision.diff.extend(placed.diff);
            decision.warnings.extend(placed.resolved.warnings);
        }
        for ((target, _), path) in self.links.iter().zip(&links) {
            match known.stat(path, false)? {
                Some(s) if s.link.as_deref() == Some(target) => {}
                Some(s) if s.kind == FileType::Directory => {
                    return Err(Fail::new(format!(
                        "refusing to convert from directory to symlink for {path}"
                    ))
                    .into());
                }
                _ => decision.actions.push(Action::Link {
                    target: target.clone(),
                    path: path.clone(),
                    hard: false,
                }),
            }
        }
        if decision.result.is_empty() {
            decision.result.insert("dest".into(), dest.into());
            decision
                .result
                .insert("src".into(), self.src.clone().into());
        }
        if backs_up {
            decision.conclude = Some(with_backup("backup_file"));
        }
        Ok(decision)
    }
}

fn note(decision: &mut Decision, resolved: &Resolved, path: &str, diff: bool) {
    decision.actions.extend(resolved.actions(path));
    if diff && resolved.differs() {
        decision
            .diff
            .push(resolved.diff(path, Map::new(), Map::new()));
    }
}
