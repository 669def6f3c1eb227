//! `ansible.builtin.file`: what stands at a path, and with which attributes.

use super::attrs::{FILE_ARGS, Resolved, Wanted, table_diff};
use super::file_times::Times;
use super::mode::Mode;
use super::recurse;
use super::setting::{Setting, basename, join, state_of};
use crate::host::{Action, Content, FileType, Known, Query, Stat, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// See Ansible's page of `file`.
pub static FILE: Spec = Spec {
    name: "ansible.builtin.file",
    aliases: &[],
    about: "makes and removes files, directories and links, and sets their attributes",
    free_form: None,
    args: &[
        &[
            Arg::path("path", "the path")
                .alias(&["dest", "name"])
                .required(),
            Arg::str(
                "state",
                "what shall be there; what is there already when not given",
            )
            .choices(&["absent", "directory", "file", "hard", "link", "touch"]),
            Arg::path("src", "what a link leads to"),
            Arg::bool(
                "force",
                "replace a file by a link, or link to what does not exist",
            )
            .default("false"),
            Arg::bool("follow", "act on what a symbolic link leads to").default("true"),
            Arg::bool(
                "recurse",
                "set the attributes of everything below a directory too",
            )
            .default("false"),
            Arg::str("access_time", "`preserve`, `now` or a time"),
            Arg::str("access_time_format", "how `access_time` is written").default("%Y%m%d%H%M.%S"),
            Arg::str("modification_time", "`preserve`, `now` or a time"),
            Arg::str(
                "modification_time_format",
                "how `modification_time` is written",
            )
            .default("%Y%m%d%H%M.%S"),
        ],
        FILE_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("path", "the path (`dest` for links and `touch`)"),
        ("dest", "the path, for links and `touch`"),
        ("src", "what the link leads to"),
        ("state", "what stands there"),
        ("mode", "permissions"),
        ("owner", "owner's name"),
        ("group", "group's name"),
        ("uid", "owner's number"),
        ("gid", "group's number"),
        ("size", "length in bytes"),
    ],
    example: "- file:\n    path: /srv/data\n    state: directory\n    owner: www-data\n    mode: '0750'\n",
    run: Run::Bind(bind),
};

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let wanted = Wanted::of(args)?;
    if wanted.mode == Some(Mode::Preserve) {
        return Err(Fail::new(
            "mode must be in octal or symbolic form, not `preserve`",
        ));
    }
    Ok(Bound::Decide(Box::new(FileTask {
        path: args.str("path").to_owned(),
        state: args.opt_str("state").map(str::to_owned),
        src: args.opt_str("src").map(str::to_owned),
        force: args.bool("force"),
        follow: args.bool("follow"),
        recurse: args.bool("recurse"),
        times: Times::of(args)?,
        wanted,
        setting: Setting::of(ctx),
    })))
}

/// One `file` task.
pub struct FileTask {
    path: String,
    state: Option<String>,
    pub(super) src: Option<String>,
    pub(super) force: bool,
    pub(super) follow: bool,
    recurse: bool,
    pub(super) times: Times,
    pub(super) wanted: Wanted,
    pub(super) setting: Setting,
}

impl Decide for FileTask {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let path = self.setting.expand(known, &self.path)?;
        let mut path = match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            trimmed => trimmed.to_owned(),
        };
        let mut stat = known.stat(&path, false)?;
        if let Some(src) = &self.src
            && !matches!(self.state.as_deref(), Some("link" | "absent"))
            && stat.is_some()
            && known
                .stat(&path, true)?
                .is_some_and(|s| s.kind == FileType::Directory)
        {
            path = join(&path, basename(src));
            stat = known.stat(&path, false)?;
        }
        let state = match &self.state {
            Some(state) => state.as_str(),
            None if stat.is_some() => state_of(stat),
            None if self.recurse => "directory",
            None => "file",
        };
        if self.recurse && state != "directory" {
            return Err(Fail::new("recurse option requires state to be 'directory'")
                .with("path", path)
                .into());
        }
        if self.src.is_some() && !matches!(state, "link" | "hard") {
            return Err(
                Fail::new("src option requires state to be 'link' or 'hard'")
                    .with("path", path)
                    .into(),
            );
        }
        match state {
            "absent" => self.absent(known, &path, stat),
            "directory" => self.directory(known, &path, stat),
            "touch" => self.touch(known, &path, stat),
            "link" => self.link(known, &path, stat),
            "hard" => self.hard(known, &path, stat),
            _ => self.file(known, &path, stat),
        }
    }
}

impl FileTask {
    fn absent(&self, known: &Known, path: &str, stat: Option<&Stat>) -> Result<Decision, Step> {
        let mut result = Map::new();
        result.insert("path".into(), path.into());
        result.insert("state".into(), "absent".into());
        let Some(stat) = stat else {
            return Ok(Decision::same(result));
        };
        let mut before = Map::new();
        before.insert("state".into(), state_of(Some(stat)).into());
        if self.setting.diff && stat.kind == FileType::Directory {
            let at = quote::path(path);
            let script =
                format!("find {at} -mindepth 1 -type d; echo; find {at} -mindepth 1 ! -type d");
            let (_, out, _) = known.output(Query::read(script))?;
            let mut parts = out
                .splitn(2, "\n\n")
                .map(|p| Value::list(p.lines().filter(|l| !l.is_empty()).map(Value::from)));
            let (directories, files) = match out.strip_prefix('\n') {
                Some(files) => (Value::list([]), Value::list(files.lines().map(Value::from))),
                None => (
                    parts.next().unwrap_or_default(),
                    parts.next().unwrap_or_else(|| Value::list([])),
                ),
            };
            before.insert(
                "path_content".into(),
                Value::map([("directories", directories), ("files", files)]),
            );
        }
        let mut after = Map::new();
        after.insert("state".into(), "absent".into());
        Ok(Decision::change(
            result,
            vec![Action::Remove {
                path: path.to_owned(),
            }],
        )
        .with_diff(self.setting.diff.then(|| table_diff(path, before, after))))
    }

    /// Where a link leads when links are followed.
    pub(super) fn followed<'a>(
        &self,
        known: &'a Known,
        path: &str,
        stat: Option<&'a Stat>,
    ) -> Result<(String, Option<&'a Stat>), Step> {
        match stat {
            Some(link) if self.follow && link.kind == FileType::Link => match &link.real {
                Some(real) => Ok((real.clone(), known.stat(real, false)?)),
                None => Ok((link.link.clone().unwrap_or_else(|| path.to_owned()), None)),
            },
            stat => Ok((path.to_owned(), stat)),
        }
    }

    fn file(&self, known: &Known, path: &str, stat: Option<&Stat>) -> Result<Decision, Step> {
        let (path, stat) = self.followed(known, path, stat)?;
        let state = state_of(stat);
        let Some(stat) = stat.filter(|_| matches!(state, "file" | "hard")) else {
            return Err(
                Fail::new(format!("file ({path}) is {state}, cannot continue"))
                    .with("path", path)
                    .with("state", state)
                    .into(),
            );
        };
        let resolved = self
            .wanted
            .at(known, &self.setting, &path, Some(stat), FileType::File)?;
        self.finish(
            known,
            "path",
            &path,
            stat,
            resolved,
            ("file", state),
            Vec::new(),
        )
    }

    /// The decision for something that stays: its attributes and times.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn finish(
        &self,
        known: &Known,
        key: &str,
        path: &str,
        stat: &Stat,
        resolved: Resolved,
        states: (&str, &str),
        below: Vec<Action>,
    ) -> Result<Decision, Step> {
        let mut result = Map::new();
        result.insert(key.into(), path.into());
        let mut actions = resolved.actions(path);
        actions.extend(below);
        let (mut before, mut after) = (Map::new(), Map::new());
        if states.0 != states.1 && !(states.0 == "file" && states.1 == "hard") {
            before.insert("state".into(), states.1.into());
            after.insert("state".into(), states.0.into());
        }
        actions.extend(self.times.action(
            known,
            &self.setting,
            path,
            Some(stat),
            states.0 == "touch",
            &mut before,
            &mut after,
        )?);
        resolved.describe(&mut result, state_of(Some(stat)), stat.size);
        let diff = self.setting.diff && !actions.is_empty();
        Ok(Decision {
            result,
            diff: diff
                .then(|| resolved.diff(path, before, after))
                .into_iter()
                .collect(),
            actions,
            warnings: resolved.warnings,
            ..Decision::default()
        })
    }

    fn directory(&self, known: &Known, path: &str, stat: Option<&Stat>) -> Result<Decision, Step> {
        let (path, stat) = self.followed(known, path, stat)?;
        match stat {
            None => {
                let resolved =
                    self.wanted
                        .at(known, &self.setting, &path, None, FileType::Directory)?;
                let mut result = Map::new();
                result.insert("path".into(), path.clone().into());
                resolved.describe(&mut result, "directory", 4096);
                let mut actions = vec![Action::MakeDir {
                    path: path.clone(),
                    attrs: resolved.set.clone(),
                }];
                actions.extend(resolved.later(&path));
                actions.extend(self.times.action(
                    known,
                    &self.setting,
                    &path,
                    None,
                    false,
                    &mut Map::new(),
                    &mut Map::new(),
                )?);
                let diff = self.setting.diff.then(|| made_diff(&path, "directory"));
                Ok(Decision {
                    result,
                    actions,
                    warnings: resolved.warnings,
                    ..Decision::default()
                }
                .with_diff(diff))
            }
            Some(stat) if stat.kind == FileType::Directory => {
                let resolved =
                    self.wanted
                        .at(known, &self.setting, &path, Some(stat), FileType::Directory)?;
                let below = if self.recurse {
                    recurse::actions(known, &self.setting, &self.wanted, &path, self.follow)?
                } else {
                    Vec::new()
                };
                self.finish(
                    known,
                    "path",
                    &path,
                    stat,
                    resolved,
                    ("directory", "directory"),
                    below,
                )
            }
            Some(stat) => Err(Fail::new(format!(
                "{path} already exists as a {}",
                state_of(Some(stat))
            ))
            .with("path", path)
            .into()),
        }
    }

    fn touch(&self, known: &Known, path: &str, stat: Option<&Stat>) -> Result<Decision, Step> {
        if let Some(stat) = stat {
            let (real, target) = self.followed(known, path, Some(stat))?;
            let target = target.unwrap_or(stat);
            let resolved =
                self.wanted
                    .at(known, &self.setting, &real, Some(target), FileType::File)?;
            let mut decision = self.finish(
                known,
                "dest",
                &real,
                target,
                resolved,
                ("touch", state_of(Some(stat))),
                Vec::new(),
            )?;
            decision.result.insert("dest".into(), path.into());
            return Ok(decision);
        }
        let resolved = self
            .wanted
            .at(known, &self.setting, path, None, FileType::File)?;
        let mut result = Map::new();
        result.insert("dest".into(), path.into());
        resolved.describe(&mut result, "file", 0);
        let mut actions = vec![Action::Write {
            path: path.to_owned(),
            content: Content::Bytes(Vec::new().into()),
            attrs: resolved.set.clone(),
            backup: false,
            validate: None,
            in_place: self.wanted.in_place,
        }];
        actions.extend(resolved.later(path));
        actions.extend(self.times.action(
            known,
            &self.setting,
            path,
            None,
            true,
            &mut Map::new(),
            &mut Map::new(),
        )?);
        let diff = self.setting.diff.then(|| made_diff(path, "touch"));
        Ok(Decision {
            result,
            actions,
            warnings: resolved.warnings,
            ..Decision::default()
        }
        .with_diff(diff))
    }
}

/// The diff of something that was not there.
pub(super) fn made_diff(path: &str, state: &str) -> Diff {
    let one = |state: &str| {
        [("state".to_owned(), Value::from(state))]
            .into_iter()
            .collect::<Map>()
    };
    table_diff(path, one("absent"), one(state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    fn host() -> Host {
        Host::new()
            .file("/etc/f", 0o644, "text")
            .dir("/etc/d", 0o755)
            .link("/etc/l", "f")
            .link("/etc/broken", "none")
    }

    #[test]
    fn directories() {
        let mut h = host();
        let ran = h.settle(
            &FILE,
            json!({"path": "/srv/a/b", "state": "directory", "owner": "ann", "mode": "0750"}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'path': '/srv/a/b', 'uid': 1000, 'gid': 0, 'owner': 'ann', 'group': 'root', 'mode': '0750', 'state': 'directory', 'size': 4096}
        --- 
        {
            "path": "/srv/a/b",
            "state": "absent"
        }
        +++ 
        {
            "path": "/srv/a/b",
            "state": "directory"
        }
        > mkdir /srv/a/b owner=ann mode=0750
        "#);
        assert_eq!(
            (h.nodes["/srv"].uid, h.nodes["/srv/a"].mode),
            (1000, 0o750),
            "every directory made gets them"
        );
        let ran = h.settle(
            &FILE,
            json!({"path": "/srv/a/b/", "state": "directory", "mode": "g+w"}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'path': '/srv/a/b', 'uid': 1000, 'gid': 0, 'owner': 'ann', 'group': 'root', 'mode': '0770', 'state': 'directory', 'size': 0}
        --- 
        {
            "mode": "0750",
            "path": "/srv/a/b"
        }
        +++ 
        {
            "mode": "0770",
            "path": "/srv/a/b"
        }
        > set /srv/a/b mode=0770
        "#);
        assert!(
            !h.settle(&FILE, json!({"path": "/srv/a/b", "state": "directory"}))
                .changed()
        );
    }

    #[test]
    fn everything_below() {
        let mut h = host().file("/etc/d/x", 0o644, "").read(
            "find -L /etc/d", 0, "regular file:644:0:0:root:root:/etc/d/x\nregular file:600:0:0:root:root:/etc/d/y\ndirectory:700:0:0:root:root:/etc/d/z\n",
        );
        let ran = h.decide(&FILE, &json!({"path": "/etc/d", "state": "directory", "recurse": true, "mode": "u=rwX,go="}), false).unwrap();
        let actions: Vec<_> = ran
            .actions
            .iter()
            .map(crate::modules::testing::show)
            .collect();
        insta::assert_snapshot!(actions.join("\n"), @r"
        set /etc/d mode=0700
        set /etc/d/x mode=0600 follow
        ");
    }

    #[test]
    fn removing() {
        let mut h = host().read("find /etc/d -mindepth 1", 0, "/etc/d/sub\n\n/etc/d/sub/x\n");
        for path in ["/etc/f", "/etc/l", "/etc/broken", "/etc/none"] {
            assert_eq!(
                h.settle(&FILE, json!({"path": path, "state": "absent"}))
                    .changed(),
                path != "/etc/none"
            );
        }
        let ran = h.settle(&FILE, json!({"path": "/etc/d", "state": "absent"}));
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'path': '/etc/d', 'state': 'absent'}
        --- 
        {
            "path": "/etc/d",
            "path_content": {
                "directories": [
                    "/etc/d/sub"
                ],
                "files": [
                    "/etc/d/sub/x"
                ]
            },
            "state": "directory"
        }
        +++ 
        {
            "path": "/etc/d",
            "state": "absent"
        }
        > remove /etc/d
        "#);
    }

    #[test]
    fn links() {
        let mut h = host();
        let ran = h.settle(
            &FILE,
            json!({"src": "/etc/f", "dest": "/etc/n", "state": "link", "mode": "0600"}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'dest': '/etc/n', 'src': '/etc/f', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0777', 'state': 'link', 'size': 6}
        --- 
        {
            "mode": "0644",
            "path": "/etc/n",
            "state": "absent"
        }
        +++ 
        {
            "mode": "0600",
            "path": "/etc/n",
            "state": "link"
        }
        > link /etc/n -> /etc/f
        > set /etc/f mode=0600
        "#);
        assert_eq!(h.nodes["/etc/f"].mode, 0o600);
        let ran = h.settle(
            &FILE,
            json!({"src": "d", "dest": "/etc/n", "state": "link"}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'dest': '/etc/n', 'src': 'd', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0777', 'state': 'link', 'size': 1}
        --- 
        {
            "path": "/etc/n",
            "src": "/etc/f"
        }
        +++ 
        {
            "path": "/etc/n",
            "src": "d"
        }
        > link /etc/n -> d
        "#);
        let ran = h.settle(
            &FILE,
            json!({"src": "nowhere", "dest": "/etc/n", "state": "link", "force": true}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'dest': '/etc/n', 'src': 'nowhere', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0777', 'state': 'link', 'size': 7}
        warning: Cannot set fs attributes on a non-existent symlink target. follow should be set to False to avoid this.
        --- 
        {
            "path": "/etc/n",
            "src": "d"
        }
        +++ 
        {
            "path": "/etc/n",
            "src": "nowhere"
        }
        > link /etc/n -> nowhere
        "#);
        let ran = h.settle(
            &FILE,
            json!({"src": "/etc/d", "dest": "/etc/f", "state": "link", "force": true}),
        );
        assert_eq!(
            (ran.changed(), h.nodes["/etc/f"].kind),
            (true, FileType::Link)
        );
        let ran = h.settle(
            &FILE,
            json!({"src": "/etc/passwd2", "dest": "/etc/h", "state": "hard"}).clone(),
        );
        insta::assert_snapshot!(ran.failed(), @"src does not exist");
        let mut h = host();
        assert!(
            h.settle(
                &FILE,
                json!({"src": "/etc/f", "dest": "/etc/h", "state": "hard"})
            )
            .changed()
        );
        assert_eq!(h.nodes["/etc/h"].inode, h.nodes["/etc/f"].inode);
    }

    #[test]
    fn touching() {
        let mut h = host()
            .run("touch -c -a /etc/f && touch -c -m /etc/f", 0, "")
            .read("date -d '2026-01-02 03:04:05' +%s", 0, "2.5\n");
        let ran = h.settle(&FILE, json!({"path": "/etc/new", "state": "touch", "mode": "0600", "access_time": "preserve", "modification_time": "preserve"}));
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'dest': '/etc/new', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0600', 'state': 'file', 'size': 0}
        --- 
        {
            "path": "/etc/new",
            "state": "absent"
        }
        +++ 
        {
            "path": "/etc/new",
            "state": "touch"
        }
        > write /etc/new "" mode=0600
        "#);
        let ran = h.apply(&FILE, json!({"path": "/etc/f", "state": "touch"}));
        assert_eq!((ran.changed(), h.ran.len()), (true, 1));
        let at = json!({"path": "/etc/f", "state": "touch", "modification_time": "202601020304.05", "access_time": "preserve"});
        assert!(!h.settle(&FILE, at).changed());
    }

    #[test]
    fn mistakes_are_said() {
        let said = |args| {
            host()
                .read("ls -A /etc/d", 0, "x\n")
                .apply(&FILE, args)
                .failed()
                .to_owned()
        };
        insta::assert_snapshot!(said(json!({"path": "/etc/none"})), @"file (/etc/none) is absent, cannot continue");
        insta::assert_snapshot!(said(json!({"path": "/etc/d", "state": "file"})), @"file (/etc/d) is directory, cannot continue");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "state": "directory"})), @"/etc/f already exists as a file");
        insta::assert_snapshot!(said(json!({"path": "/etc/n", "src": "none", "state": "link"})), @"src file does not exist, use 'force=yes' if you really want to create the link: /etc/none");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "src": "d", "state": "link"})), @"refusing to convert from file to symlink for /etc/f");
        insta::assert_snapshot!(said(json!({"path": "/etc/d", "src": "/etc/f", "state": "link", "force": true})), @"the directory /etc/d is not empty, refusing to convert it");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "src": "d"})), @"src option requires state to be 'link' or 'hard'");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "recurse": true})), @"recurse option requires state to be 'directory'");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "state": "touched"})), @"`ansible.builtin.file`: argument `state` must be one of absent, directory, file, hard, link, touch, not `touched`; did you mean `touch`?");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "mode": "preserve"})), @"mode must be in octal or symbolic form, not `preserve`");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "access_time": "never"})), @"Error while obtaining timestamp for time never using format %Y%m%d%H%M.%S: strptime parsing failed: %Y failed: failed to parse year: invalid number, no digits found");
    }
}
