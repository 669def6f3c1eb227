//! `ansible.builtin.copy`: files from the control machine, from the task itself, or from elsewhere on the host.

use super::attrs::{FILE_ARGS, Wanted};
use super::copy_one::{One, Options, checked_validate, json_text, preserve};
use super::copy_tree::Tree;
use super::mode::Mode;
use super::place::Source;
use super::remote_copy::RemoteCopy;
use super::setting::Setting;
use crate::modules::{Arg, Args, Bound, CheckSupport, Context, Fail, Kind, Run, Spec};
use crate::value::Value;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::FileType;
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
