//! Symbolic and hard links of the `file` module.

use super::attrs::{Resolved, table_diff};
use super::file::FileTask;
use super::setting::{join, parent, state_of};
use crate::host::{Action, FileType, Known, Query, Stat, quote};
use crate::modules::{Decision, Fail, Step};
use crate::value::{Map, Value};

impl FileTask {
    pub(super) fn link(
        &self,
        known: &Known,
        path: &str,
        stat: Option<&Stat>,
    ) -> Result<Decision, Step> {
        let state = state_of(stat);
        let old = stat.and_then(|s| s.link.clone());
        let src = match &self.src {
            Some(src) => Some(self.setting.expand(known, src)?),
            None if self.follow => old.clone(),
            None => None,
        };
        let target = src.as_ref().map(|src| {
            join(
                if state == "directory" {
                    path
                } else {
                    parent(path)
                },
                src,
            )
        });
        let target_stat = match &target {
            Some(target) => known.stat(target, true)?,
            None => None,
        };
        if let (false, Some(target), Some(src)) = (self.force, &target, &src)
            && target_stat.is_none()
        {
            return Err(Fail::new(format!("src file does not exist, use 'force=yes' if you really want to create the link: {target}"))
                .with("path", path)
                .with("src", src.clone())
                .into());
        }
        let refuse = |why: String| Err(Fail::new(why).with("path", path).into());
        if state == "directory" {
            if !self.force {
                return refuse(format!(
                    "refusing to convert from directory to symlink for {path}"
                ));
            }
            let (_, listed, _) =
                known.output(Query::read(format!("ls -A {}", quote::path(path))))?;
            if !listed.trim().is_empty() {
                return refuse(format!(
                    "the directory {path} is not empty, refusing to convert it"
                ));
            }
        } else if matches!(state, "file" | "hard") && !self.force {
            return refuse(format!(
                "refusing to convert from {state} to symlink for {path}"
            ));
        }
        let Some(src) = src else {
            if state == "link" {
                return self.kept_link(known, path, stat, None);
            }
            return Err(Fail::new("src is required for creating new symlinks").into());
        };
        if state == "link" && old.as_deref() == Some(src.as_str()) {
            return self.kept_link(known, path, stat, Some(&src));
        }
        let mut actions = Vec::new();
        if state == "directory" {
            actions.push(Action::Remove {
                path: path.to_owned(),
            });
        }
        actions.push(Action::Link {
            target: src.clone(),
            path: path.to_owned(),
            hard: false,
        });
        let mut warnings = Vec::new();
        let mut attrs = None;
        match (&target, target_stat) {
            (Some(target), Some(s)) if self.follow => {
                attrs = Some(self.target_attrs(known, target, s)?)
            }
            (_, None) if self.follow => warnings.push(DANGLING.to_owned()),
            _ => {
                // The link itself: only its owner and group can be set.
                if self.wanted.owner.is_some() || self.wanted.group.is_some() {
                    actions.push(Action::SetAttrs {
                        path: path.to_owned(),
                        attrs: super::place::directory_attrs(&self.wanted, None),
                        follow: false,
                        recurse: false,
                    });
                }
                let label = self.wanted.label.differs(known, path)?;
                actions.extend(label.map(|l| l.action(path)));
            }
        }
        let mut result = Map::new();
        result.insert("dest".into(), path.into());
        result.insert("src".into(), src.clone().into());
        let me = self.setting.account(known)?;
        let link = Resolved {
            set: Default::default(),
            flags: None,
            label: None,
            before: Map::new(),
            after: Map::new(),
            owner: me.user,
            group: me.group,
            mode: 0o777,
            warnings: Vec::new(),
        };
        link.describe(&mut result, "link", src.len() as u64);
        let (mut before, mut after) = (Map::new(), Map::new());
        if state != "link" {
            before.insert("state".into(), state.into());
            after.insert("state".into(), "link".into());
        }
        if let Some(old) = old {
            before.insert("src".into(), old.into());
            after.insert("src".into(), src.into());
        }
        let mut diff = None;
        if let Some((target, resolved)) = attrs {
            actions.extend(resolved.actions(&target));
            diff = Some(resolved.diff(path, before.clone(), after.clone()));
            warnings.extend(resolved.warnings);
        }
        let diff = self
            .setting
            .diff
            .then(|| diff.unwrap_or_else(|| table_diff(path, before, after)));
        Ok(Decision {
            result,
            actions,
            warnings,
            ..Decision::default()
        }
        .with_diff(diff))
    }

    fn target_attrs(
        &self,
        known: &Known,
        target: &str,
        stat: &Stat,
    ) -> Result<(String, Resolved), Step> {
        let (real, stat) = match known.stat(target, false)? {
            Some(s) if s.kind == FileType::Link => {
                (s.real.clone().unwrap_or_else(|| target.to_owned()), stat)
            }
            _ => (target.to_owned(), stat),
        };
        let resolved = self
            .wanted
            .at(known, &self.setting, &real, Some(stat), stat.kind)?;
        Ok((real, resolved))
    }

    /// A link that says what it should: the attributes of what it leads to, or its own.
    fn kept_link(
        &self,
        known: &Known,
        path: &str,
        stat: Option<&Stat>,
        src: Option<&str>,
    ) -> Result<Decision, Step> {
        let Some(link) = stat else {
            return Ok(Decision::default());
        };
        let mut result = Map::new();
        result.insert("dest".into(), path.into());
        result.insert("src".into(), src.map(Value::from).unwrap_or_default());
        let own = self
            .wanted
            .at(known, &self.setting, path, Some(link), FileType::Link)?;
        let mut decision = Decision::default();
        if self.follow {
            let (real, target) = self.followed(known, path, stat)?;
            match target {
                None => decision.warnings.push(DANGLING.to_owned()),
                Some(target) => {
                    let resolved =
                        self.wanted
                            .at(known, &self.setting, &real, Some(target), target.kind)?;
                    let kept = self.finish(
                        known,
                        "dest",
                        &real,
                        target,
                        resolved,
                        ("link", "link"),
                        Vec::new(),
                    )?;
                    decision.actions = kept.actions;
                    decision.diff = kept.diff;
                }
            }
        } else {
            decision.actions = own.actions(path);
            if self.setting.diff && own.differs() {
                decision.diff.push(own.diff(path, Map::new(), Map::new()));
            }
        }
        let plain = Resolved {
            owner: (link.uid, link.owner.clone()),
            group: (link.gid, link.group.clone()),
            ..own.clone()
        };
        if self.follow { plain } else { own }.describe(&mut result, "link", link.size);
        decision.result = result;
        Ok(decision)
    }

    pub(super) fn hard(
        &self,
        known: &Known,
        path: &str,
        stat: Option<&Stat>,
    ) -> Result<Decision, Step> {
        let state = state_of(stat);
        let src = self
            .src
            .as_ref()
            .map(|s| self.setting.expand(known, s))
            .transpose()?;
        let fail = |why: String| {
            let mut fail = Fail::new(why).with("dest", path);
            if let Some(src) = &src {
                fail = fail.with("src", src.clone());
            }
            Err(fail.into())
        };
        let Some(src) = &src else {
            return match stat {
                Some(stat) if state == "hard" => {
                    let resolved =
                        self.wanted
                            .at(known, &self.setting, path, Some(stat), FileType::File)?;
                    self.finish(
                        known,
                        "dest",
                        path,
                        stat,
                        resolved,
                        ("hard", "hard"),
                        Vec::new(),
                    )
                }
                _ => fail("src is required for creating new hardlinks".into()),
            };
        };
        let Some(source) = known.stat(src, true)? else {
            return fail("src does not exist".into());
        };
        let same = stat.is_some_and(|s| (s.inode, s.device) == (source.inode, source.device));
        if !same && !self.force {
            match state {
                "hard" => {
                    return fail("Cannot link, different hard link exists at destination".into());
                }
                "file" => return fail("Cannot link, file exists at destination".into()),
                "directory" => {
                    return fail("Cannot link: different hard link exists at destination".into());
                }
                _ => {}
            }
        }
        let resolved = self
            .wanted
            .at(known, &self.setting, path, Some(source), FileType::File)?;
        let mut decision = self.finish(
            known,
            "dest",
            path,
            source,
            resolved,
            ("hard", state),
            Vec::new(),
        )?;
        decision.result.insert("src".into(), src.clone().into());
        decision.result.insert("state".into(), "hard".into());
        if !same {
            decision.actions.insert(
                0,
                Action::Link {
                    target: src.clone(),
                    path: path.to_owned(),
                    hard: true,
                },
            );
            if self.setting.diff && decision.diff.is_empty() {
                decision.diff.push(super::file::made_diff(path, "hard"));
            }
        }
        Ok(decision)
    }
}

const DANGLING: &str = "Cannot set fs attributes on a non-existent symlink target. follow should be set to False to avoid this.";
