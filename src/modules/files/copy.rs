//! `ansible.builtin.copy`: files from the control machine, from the task itself, or from elsewhere on the host.

use super::attrs::{FILE_ARGS, Wanted};
use super::copy_tree::Tree;
use super::mode::Mode;
use super::place::{Place, Placed, Source, directory_attrs};
use super::remote_copy::RemoteCopy;
use super::setting::{Setting, basename, join, parent};
use crate::host::{Action, FileType, Known, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::{Map, Value};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// See Ansible's page of `copy`.
pub static COPY: Spec = Spec {
    name: "ansible.builtin.copy",
    aliases: &[],
    about: "puts files in place: from here, from the task's own text, or from elsewhere on the host",
    free_form: None,
    args: &[
        &[
            Arg::str(
                "src",
                "file or directory of the control machine (of the host with `remote_src`); `dir/` means what is in it",
            ),
            Arg::of(
                "content",
                Kind::Raw,
                "the file's text itself; lists and mappings become JSON",
            ),
            Arg::path("dest", "where it goes; a directory when it ends in `/`").required(),
            Arg::bool("backup", "keep a dated copy of a file that is replaced").default("false"),
            Arg::bool("force", "replace what differs; `false` only creates").default("true"),
            Arg::str(
                "validate",
                "a command that must accept the new file, with `%s` in its place",
            ),
            Arg::mode("directory_mode", "permissions of directories that are made"),
            Arg::bool("remote_src", "`src` is on the host").default("false"),
            Arg::bool("follow", "write through a symbolic link at `dest`").default("false"),
            Arg::bool(
                "local_follow",
                "copy what links in `src` lead to, not the links (default true here, false with `remote_src`)",
            ),
            Arg::str("checksum", "the SHA-1 that `src` must have"),
            Arg::bool("decrypt", "decrypt `src` when it is a vault").default("true"),
        ],
        FILE_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: RETURNS,
    example: "- copy:\n    content: |\n      welcome\n    dest: /etc/motd\n    mode: '0644'\n",
    run: Run::Bind(bind),
};

/// Result keys shared by the modules that put one file in place.
pub static RETURNS: &[(&str, &str)] = &[
    ("dest", "the file"),
    ("src", "where it came from"),
    ("checksum", "SHA-1 of the file"),
    ("md5sum", "MD5 of the file, when it was written"),
    ("backup_file", "where the old file was kept"),
    ("mode", "permissions"),
    ("owner", "owner's name"),
    ("group", "group's name"),
    ("uid", "owner's number"),
    ("gid", "group's number"),
    ("size", "length in bytes"),
    ("state", "`file`"),
];

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let src = args.opt_str("src").filter(|s| !s.is_empty());
    let content = args.raw("content").filter(|v| !matches!(v, Value::Null));
    let dest = args.str("dest");
    let mut wanted = Wanted::of(args)?;
    let validate = checked_validate(args)?;
    let options = Options {
        dest: dest.to_owned(),
        backup: args.bool("backup"),
        force: args.bool("force"),
        follow: args.bool("follow"),
        validate,
        directory_mode: args.raw("directory_mode").map(Mode::parse).transpose()?,
        checksum: args.opt_str("checksum").map(str::to_owned),
        setting: Setting::of(ctx),
    };
    if let Some(content) = content {
        if src.is_some() {
            return Err(Fail::new("src and content are mutually exclusive"));
        }
        if dest.ends_with('/') {
            return Err(Fail::new("can not use content with a dir as dest"));
        }
        let text = match content {
            Value::List(_) | Value::Map(_) => json_text(content),
            other => other.to_string(),
        };
        if wanted.mode == Some(Mode::Preserve) {
            return Err(Fail::new("`mode: preserve` needs `src`"));
        }
        let one = One {
            source: Source::bytes(text.into_bytes()),
            name: None,
            origin: dest.to_owned(),
            wanted,
            options,
        };
        return Ok(Bound::Decide(Box::new(one)));
    }
    let Some(src) = src else {
        return Err(Fail::new("src (or content) is required"));
    };
    if args.bool("remote_src") {
        let remote = RemoteCopy {
            src: src.to_owned(),
            wanted,
            local_follow: args.bool("local_follow"),
            options,
        };
        return Ok(Bound::Decide(Box::new(remote)));
    }
    let path = ctx.files.find("files", src)?;
    if path.is_dir() {
        let follow = args.opt_bool("local_follow").unwrap_or(true);
        let tree = Tree::read(
            ctx.files,
            &path,
            src,
            follow,
            args.bool("decrypt"),
            wanted,
            options,
        )?;
        return Ok(Bound::Decide(Box::new(tree)));
    }
    preserve(&mut wanted, &path)?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
    let source = Source::file(ctx.files, &path, args.bool("decrypt"))?;
    let origin = path.to_string_lossy().into_owned();
    Ok(Bound::Decide(Box::new(One {
        source,
        name,
        origin,
        wanted,
        options,
    })))
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    #[test]
    fn content_is_written_once() {
        let mut host = Host::new();
        let ran = host.settle(&COPY, json!({"content": "hi\n", "dest": "/etc/motd"}));
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'dest': '/etc/motd', 'checksum': '55ca6286e3e4f4fba5d0448333fa99fc5a404a73', 'src': '/etc/motd', 'md5sum': '764efa883dda1e11db47671c4a3bbd9e', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0644', 'state': 'file', 'size': 3}
        --- 
        +++ /etc/motd
        hi
        > write /etc/motd "hi\n"
        "#);
        let ran = host.settle(
            &COPY,
            json!({"content": "hi\n", "dest": "/etc/motd", "mode": "u=rw,go=", "group": "ann"}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'dest': '/etc/motd', 'checksum': '55ca6286e3e4f4fba5d0448333fa99fc5a404a73', 'path': '/etc/motd', 'uid': 0, 'gid': 1000, 'owner': 'root', 'group': 'ann', 'mode': '0600', 'state': 'file', 'size': 3}
        --- 
        {
            "group": 0,
            "mode": "0644",
            "path": "/etc/motd"
        }
        +++ 
        {
            "group": 1000,
            "mode": "0600",
            "path": "/etc/motd"
        }
        > set /etc/motd group=ann mode=0600
        "#);
        let ran = host.settle(&COPY, json!({"content": "hi\n", "dest": "/etc/motd"}));
        insta::assert_snapshot!(ran.shown(), @r"
        changed: false
        result: {'dest': '/etc/motd', 'checksum': '55ca6286e3e4f4fba5d0448333fa99fc5a404a73', 'path': '/etc/motd', 'uid': 0, 'gid': 1000, 'owner': 'root', 'group': 'ann', 'mode': '0600', 'state': 'file', 'size': 3}
        ");
        let ran = host.settle(
            &COPY,
            json!({"content": "ho\n", "dest": "/etc/motd", "backup": true}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'dest': '/etc/motd', 'checksum': 'b52791126f96a21a8ba4d511c6f25a1c1eb6dc9e', 'src': '/etc/motd', 'md5sum': '79e7e210bdf335bb8651a46b9a8417ab', 'uid': 0, 'gid': 1000, 'owner': 'root', 'group': 'ann', 'mode': '0600', 'state': 'file', 'size': 3, 'backup_file': '/etc/motd.1.2026-01-02@03:04:05~'}
        --- /etc/motd
        hi
        +++ /etc/motd
        ho
        > write /etc/motd "ho\n" backup
        "#);
        assert_eq!(host.nodes["/etc/motd"].mode, 0o600, "what was set stays");
    }

    #[test]
    fn content_that_is_data_becomes_json() {
        let mut host = Host::new();
        host.settle(
            &COPY,
            json!({"content": {"a": [1, true, null, "é\n"]}, "dest": "/etc/x.json"}),
        );
        assert_eq!(
            host.text("/etc/x.json"),
            r#"{"a": [1, true, null, "\u00e9\n"]}"#
        );
    }

    #[test]
    fn files_go_into_directories() {
        let mut host = Host::new()
            .control("files/app.conf", "x\n")
            .dir("/srv", 0o755)
            .link("/opt", "/srv");
        for (dest, at) in [
            ("/srv", "/srv/app.conf"),
            ("/opt", "/srv/app.conf"),
            ("/etc/new/", "/etc/new/app.conf"),
            ("/etc/b", "/etc/b"),
        ] {
            host.settle(
                &COPY,
                json!({"src": "app.conf", "dest": dest, "directory_mode": "0700", "mode": "0640"}),
            );
            assert_eq!(
                (host.text(at).as_str(), host.nodes[at].mode),
                ("x\n", 0o640),
                "{dest}"
            );
        }
        assert_eq!(host.nodes["/etc/new"].mode, 0o700);
    }

    #[test]
    fn links_at_the_destination() {
        let host = || {
            Host::new()
                .file("/etc/real", 0o600, "old")
                .link("/etc/link", "real")
        };
        let mut replaced = host();
        replaced.settle(&COPY, json!({"content": "new", "dest": "/etc/link"}));
        assert_eq!(
            (replaced.nodes["/etc/link"].kind, replaced.text("/etc/real")),
            (FileType::File, "old".into())
        );
        let mut through = host();
        through.settle(
            &COPY,
            json!({"content": "new", "dest": "/etc/link", "follow": true}),
        );
        assert_eq!(
            (through.nodes["/etc/link"].kind, through.text("/etc/real")),
            (FileType::Link, "new".into())
        );
    }

    #[test]
    fn force_false_only_creates() {
        let mut host = Host::new().file("/etc/f", 0o644, "mine");
        assert!(
            !host
                .settle(
                    &COPY,
                    json!({"content": "new", "dest": "/etc/f", "force": false, "mode": "0600"})
                )
                .changed()
        );
        assert_eq!(host.text("/etc/f"), "mine");
    }

    #[test]
    fn trees_are_copied_with_rsyncs_slash() {
        let base = || {
            Host::new()
                .control("files/d/a", "A")
                .control("files/d/sub/b", "B")
                .dir("/srv", 0o755)
        };
        let mut inside = base();
        let ran = inside.settle(&COPY, json!({"src": "d/", "dest": "/srv", "mode": "0644"}));
        assert_eq!(
            (inside.text("/srv/a"), inside.text("/srv/sub/b")),
            ("A".into(), "B".into())
        );
        insta::assert_snapshot!(ran.actions.join("\n"), @r#"
        mkdir /srv/sub
        write /srv/a "A" mode=0644
        write /srv/sub/b "B" mode=0644
        "#);
        let mut whole = base();
        whole.settle(
            &COPY,
            json!({"src": "d", "dest": "/srv/new", "directory_mode": "0750"}),
        );
        assert_eq!(
            (
                whole.text("/srv/new/d/sub/b"),
                whole.nodes["/srv/new/d/sub"].mode
            ),
            ("B".into(), 0o750)
        );
    }

    #[test]
    fn on_the_host() {
        let mut host = Host::new().file("/etc/a", 0o640, "A").dir("/srv", 0o755);
        let ran = host.settle(
            &COPY,
            json!({"src": "/etc/a", "dest": "/srv/", "remote_src": true}),
        );
        insta::assert_snapshot!(ran.shown(), @r"
        changed: true
        result: {'dest': '/srv/a', 'src': '/etc/a', 'checksum': '6dcd4ce23d88e2ee9568ba546c007c63d9131c1b', 'md5sum': '7fc56270e7a70fa81a5935b72eacbe29', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0640', 'state': 'file', 'size': 1}
        > copy /etc/a /srv/a mode=0640
        ");
        let listing = "directory:755:.\nregular file:644:./f\n";
        let sum = "a".repeat(64);
        let mut host = host
            .dir("/etc/d", 0o755)
            .file("/etc/d/f", 0o644, "F")
            .read(
                "cd /etc/d ",
                0,
                &format!("{listing}{sum}  ./f\nlink:./l:f\n"),
            )
            .read("cd /srv/d ", 0, "");
        let ran = host.apply(
            &COPY,
            json!({"src": "/etc/d", "dest": "/srv", "remote_src": true}),
        );
        insta::assert_snapshot!(ran.actions.join("\n"), @r"
        mkdir /srv/d mode=0755
        copy /etc/d/f /srv/d/f mode=0644
        link /srv/d/l -> f
        ");
    }

    #[test]
    fn mistakes_are_said() {
        let said = |args| {
            Host::new()
                .control("files/x", "x")
                .dir("/srv", 0o755)
                .apply(&COPY, args)
                .failed()
                .to_owned()
        };
        insta::assert_snapshot!(said(json!({"dest": "/etc/x"})), @"src (or content) is required");
        insta::assert_snapshot!(said(json!({"src": "x", "content": "x", "dest": "/etc/x"})), @"src and content are mutually exclusive");
        insta::assert_snapshot!(said(json!({"content": "x", "dest": "/srv"})), @"can not use content with a dir as dest");
        insta::assert_snapshot!(said(json!({"src": "x", "dest": "/none/x"})), @"Destination directory /none does not exist");
        insta::assert_snapshot!(said(json!({"src": "x", "dest": "/srv/x", "checksum": "00"})), @"Copied file does not match the expected checksum. Transfer failed.");
        insta::assert_snapshot!(said(json!({"src": "/none", "dest": "/srv/x", "remote_src": true})), @"Source /none not found");
        insta::assert_snapshot!(said(json!({"src": "x", "dest": "/srv/x", "owner": "bob"})), @"chown failed: failed to look up user bob");
        insta::assert_snapshot!(said(json!({"src": "x", "dest": "/srv/x", "mod": "1"})), @"`ansible.builtin.copy` has no argument `mod`; did you mean `mode`?");
    }
}
