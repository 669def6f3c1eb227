//! `copy` with `remote_src`: from one place of the host to another.

use super::attrs::Wanted;
use super::copy_one::{Options, name_of};
use super::mode::Mode;
use super::place::with_backup;
use super::setting::{join, parent, state_of};
use crate::host::{Action, Algorithm, Attrs, FileType, Known, Query, quote};
use crate::modules::{Decide, Decision, Fail, Step};
use crate::value::Map;
use std::collections::BTreeMap;

/// A path of the host, bound for another place there.
pub struct RemoteCopy {
    /// As written.
    pub src: String,
    /// Attributes.
    pub wanted: Wanted,
    /// Copy what links lead to.
    pub local_follow: bool,
    /// The rest.
    pub options: Options,
}

impl Decide for RemoteCopy {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let o = &self.options;
        known.all(
            o.setting
                .expansion(&self.src)
                .into_iter()
                .chain(o.setting.expansion(&o.dest)),
        )?;
        let src = o.setting.expand(known, &self.src)?;
        let dest = o.setting.expand(known, &o.dest)?;
        known.all([Query::stat(&src), Query::stat(&dest)])?;
        let Some(from) = known.stat(&src, true)? else {
            return Err(Fail::new(format!("Source {src} not found")).into());
        };
        if !from.access.0 {
            return Err(Fail::new(format!("Source {src} not readable")).into());
        }
        match from.kind {
            FileType::Directory => self.directory(known, &src, &dest),
            FileType::File => self.file(known, &src, &dest, from.mode, from.size),
            _ => Err(Fail::new(format!("Cannot copy invalid source '{src}': not a file")).into()),
        }
    }
}

impl RemoteCopy {
    fn file(
        &self,
        known: &Known,
        src: &str,
        dest: &str,
        mode: u32,
        size: u64,
    ) -> Result<Decision, Step> {
        let o = &self.options;
        let mut actions = Vec::new();
        let mut made = None;
        let mut path = dest.to_owned();
        let directory = known
            .stat(dest, true)?
            .is_some_and(|s| s.kind == FileType::Directory);
        if directory {
            path = join(dest, &name_of(src));
        } else if let Some(dir) = dest.strip_suffix('/') {
            made = o.make_dir(known, &self.wanted, dir)?;
            path = join(dest, &name_of(src));
        }
        let sha1 = |path: &str| Query::Digest {
            path: path.to_owned(),
            algorithm: Algorithm::Sha1,
        };
        let md5 = Query::Digest {
            path: src.to_owned(),
            algorithm: Algorithm::Md5,
        };
        known.all([Query::lstat(&path), sha1(src), sha1(&path), md5])?;
        let mut stat = known.stat(&path, false)?;
        let mut link = stat.is_some_and(|s| s.kind == FileType::Link);
        if link
            && o.follow
            && let Some(real) = stat.and_then(|s| s.real.clone())
        {
            path = real;
            known.all([Query::lstat(&path), sha1(&path)])?;
            stat = known.stat(&path, false)?;
            link = false;
        }
        let checksum = known
            .digest(src, Algorithm::Sha1)?
            .unwrap_or_default()
            .to_owned();
        o.verify(&checksum)?;
        let mut result = Map::new();
        result.insert("dest".into(), path.clone().into());
        result.insert("src".into(), src.into());
        if stat.is_some() && !o.force {
            result.insert("msg".into(), "file already exists".into());
            return Ok(Decision::same(result));
        }
        if stat.is_none()
            && made.is_none()
            && !o.setting.check
            && known.stat(parent(&path), true)?.is_none()
        {
            return Err(Fail::new(format!(
                "Destination directory {} does not exist",
                parent(&path)
            ))
            .into());
        }
        result.insert("checksum".into(), checksum.clone().into());
        result.insert(
            "md5sum".into(),
            known.digest(src, Algorithm::Md5)?.map(str::to_owned).into(),
        );
        let same = !link
            && stat.is_some()
            && known.digest(&path, Algorithm::Sha1)? == Some(checksum.as_str());
        // What is copied brings its own mode along; what is there already keeps its own.
        let wanted = Wanted {
            mode: match &self.wanted.mode {
                Some(Mode::Preserve) => Some(Mode::Bits(mode)),
                Some(asked @ Mode::Symbolic(_)) if !same => {
                    Some(Mode::Bits(asked.applied(mode, false, 0o022)))
                }
                None if !same => Some(Mode::Bits(mode)),
                other => other.clone(),
            },
            ..self.wanted.clone()
        };
        let resolved = wanted.at(
            known,
            &o.setting,
            &path,
            if same { stat } else { None },
            FileType::File,
        )?;
        if same {
            actions.extend(resolved.actions(&path));
            resolved.describe(&mut result, state_of(stat), size);
        } else {
            actions.extend(made);
            actions.push(Action::Copy {
                from: src.to_owned(),
                to: path.clone(),
                attrs: resolved.set.clone(),
                backup: o.backup && stat.is_some(),
                validate: o.validate.clone(),
            });
            actions.extend(resolved.later(&path));
            resolved.describe(&mut result, "file", size);
        }
        let backs_up = !same && o.backup && stat.is_some();
        Ok(Decision {
            result,
            actions,
            warnings: resolved.warnings,
            conclude: backs_up.then(|| with_backup("backup_file")),
            ..Decision::default()
        })
    }

    fn directory(&self, known: &Known, src: &str, dest: &str) -> Result<Decision, Step> {
        let o = &self.options;
        if known
            .stat(dest, true)?
            .is_some_and(|s| s.kind != FileType::Directory)
        {
            return Err(Fail::new(format!(
                "cannot copy the directory `{src}` over the file `{dest}`"
            ))
            .into());
        }
        let target = if src.ends_with('/') {
            dest.to_owned()
        } else {
            join(dest, &name_of(src))
        };
        let target = match target.trim_end_matches('/') {
            "" => "/",
            t => t,
        }
        .to_owned();
        let (ask_src, ask_dest) = (listing(src, self.local_follow), listing(&target, false));
        known.all([ask_src.clone(), ask_dest.clone()])?;
        let from = entries(known.output(ask_src)?.1);
        let there = entries(known.output(ask_dest)?.1);
        let mut actions = Vec::new();
        let owned = |mode: u32| Attrs {
            owner: self.wanted.owner.clone(),
            group: self.wanted.group.clone(),
            mode: Some(mode),
        };
        for (name, entry) in &from {
            let path = if name.is_empty() {
                target.clone()
            } else {
                join(&target, name)
            };
            let old = there.get(name);
            match entry {
                Entry::Directory { mode } => match old {
                    Some(Entry::Directory { .. }) => {}
                    Some(_) => {
                        return Err(Fail::new(format!(
                            "cannot replace the file `{path}` by a directory"
                        ))
                        .into());
                    }
                    None => actions.push(Action::MakeDir {
                        path,
                        attrs: owned(*mode),
                    }),
                },
                Entry::File { mode, digest } => match old {
                    Some(Entry::File { digest: d, .. }) if d == digest => {}
                    Some(Entry::Directory { .. }) => {
                        return Err(Fail::new(format!(
                            "cannot replace the directory `{path}` by a file"
                        ))
                        .into());
                    }
                    Some(_) if !o.force => {}
                    _ => {
                        let from = if name.is_empty() {
                            src.to_owned()
                        } else {
                            join(src, name)
                        };
                        actions.push(Action::Copy {
                            from,
                            to: path,
                            attrs: owned(*mode),
                            backup: false,
                            validate: None,
                        });
                    }
                },
                Entry::Link { target } => {
                    if old != Some(entry) {
                        actions.push(Action::Link {
                            target: target.clone(),
                            path,
                            hard: false,
                        });
                    }
                }
            }
        }
        let mut result = Map::new();
        result.insert("dest".into(), dest.into());
        result.insert("src".into(), src.into());
        let mut warnings = Vec::new();
        let mut diff = Vec::new();
        let stat = known.stat(dest, true)?;
        if stat.is_some() {
            // The attributes asked for go to the destination itself, as Ansible's copy has it.
            let resolved = self
                .wanted
                .at(known, &o.setting, dest, stat, FileType::Directory)?;
            actions.extend(resolved.actions(dest));
            resolved.describe(&mut result, "directory", stat.map_or(4096, |s| s.size));
            if o.setting.diff && resolved.differs() {
                diff.push(resolved.diff(dest, Map::new(), Map::new()));
            }
            warnings = resolved.warnings;
        }
        Ok(Decision {
            result,
            actions,
            diff,
            warnings,
            ..Decision::default()
        })
    }
}

#[derive(Debug, PartialEq)]
enum Entry {
    Directory { mode: u32 },
    File { mode: u32, digest: String },
    Link { target: String },
}

/// Every entry below a directory: type, mode and name; digests and link targets in lines of their own. GNU and busybox.
fn listing(dir: &str, follow: bool) -> Query {
    let l = if follow { "-L " } else { "" };
    Query::read(format!(
        "cd {} 2>/dev/null || exit 0; find {l}. \\( -type d -o -type f \\) -exec stat {l}-c '%F:%a:%n' {{}} +; \
         find {l}. -type f -exec sha256sum {{}} +; \
         find {l}. -type l -exec sh -c 'for l; do printf \"link:%s:%s\\n\" \"$l\" \"$(readlink \"$l\")\"; done' sh {{}} +",
        quote::path(dir)
    ))
}

fn entries(listing: &str) -> BTreeMap<String, Entry> {
    let mut out = BTreeMap::new();
    let name = |n: &str| {
        n.strip_prefix("./")
            .unwrap_or(if n == "." { "" } else { n })
            .to_owned()
    };
    for line in listing.lines() {
        if let Some((target, at)) = line
            .strip_prefix("link:")
            .and_then(|l| l.split_once(':'))
            .map(|(n, t)| (t, n))
        {
            out.insert(
                name(at),
                Entry::Link {
                    target: target.to_owned(),
                },
            );
        } else if let Some((kind, rest)) = line
            .split_once(':')
            .filter(|(k, _)| *k == "directory" || k.starts_with("regular"))
        {
            let Some((mode, at)) = rest.split_once(':') else {
                continue;
            };
            let mode = u32::from_str_radix(mode, 8).unwrap_or(0o644);
            out.insert(
                name(at),
                match kind {
                    "directory" => Entry::Directory { mode },
                    _ => Entry::File {
                        mode,
                        digest: String::new(),
                    },
                },
            );
        } else if let Some((sum, at)) = line.split_once("  ")
            && let Some(Entry::File { digest, .. }) = out.get_mut(&name(at))
        {
            sum.clone_into(digest);
        }
    }
    out
}
