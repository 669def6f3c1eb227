//! `ansible.builtin.assemble`: one file from the fragments in a directory.

use super::attrs::{FILE_ARGS, Wanted};
use super::copy_one::{checked_validate, one_result};
use super::pattern::Pattern;
use super::place::{Place, Source};
use super::setting::{Setting, join};
use crate::host::{FileType, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use std::sync::Arc;

/// See Ansible's page of `assemble`.
pub static ASSEMBLE: Spec = Spec {
    name: "ansible.builtin.assemble",
    aliases: &[],
    about: "puts the files of a directory together into one",
    free_form: None,
    args: &[
        &[
            Arg::str("src", "the directory").required(),
            Arg::path("dest", "the file").required(),
            Arg::bool("remote_src", "`src` is on the host").default("true"),
            Arg::str("delimiter", "what stands between two fragments"),
            Arg::str("regexp", "only files whose names match"),
            Arg::bool("ignore_hidden", "not those whose names begin with a dot").default("false"),
            Arg::bool("backup", "keep a dated copy of a file that is replaced").default("false"),
            Arg::bool(
                "decrypt",
                "decrypt fragments that are vaults, with `remote_src: false`",
            )
            .default("true"),
            Arg::str(
                "validate",
                "a command that must accept the new file, with `%s` in its place",
            ),
        ],
        FILE_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: super::copy::RETURNS,
    example: "- assemble:\n    src: /etc/app/conf.d\n    dest: /etc/app/app.conf\n",
    run: Run::Bind(bind),
};

struct Assemble {
    src: String,
    dest: String,
    /// The fragments of the control machine; none when they are on the host.
    local: Option<Vec<Arc<[u8]>>>,
    picks: Picks,
    delimiter: Option<Vec<u8>>,
    backup: bool,
    validate: Option<String>,
    wanted: Wanted,
    setting: Setting,
}

struct Picks {
    pattern: Option<Pattern>,
    hidden: bool,
}

impl Picks {
    fn take(&self, name: &str) -> bool {
        self.pattern.as_ref().is_none_or(|p| p.is_in(name))
            && (self.hidden || !name.starts_with('.'))
    }
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let src = args.str("src").to_owned();
    let picks = Picks {
        pattern: args
            .opt_str("regexp")
            .map(|p| Pattern::new(p, false))
            .transpose()?,
        hidden: !args.bool("ignore_hidden"),
    };
    let mut local = None;
    if !args.bool("remote_src") {
        let dir = ctx.files.find("files", &src)?;
        let unreadable =
            |e: std::io::Error| Fail::new(format!("cannot read `{}`: {e}", dir.display()));
        if !dir.is_dir() {
            return Err(Fail::new(format!("Source ({src}) is not a directory")));
        }
        let mut names: Vec<_> = std::fs::read_dir(&dir)
            .map_err(unreadable)?
            .filter_map(Result::ok)
            .filter(|e| e.path().is_file())
            .map(|e| e.file_name())
            .collect();
        names.sort();
        let picked = names.iter().filter(|n| picks.take(&n.to_string_lossy()));
        local = Some(
            picked
                .map(|n| ctx.files.read(&dir.join(n), args.bool("decrypt")))
                .collect::<Result<Vec<_>, _>>()?,
        );
    }
    Ok(Bound::Decide(Box::new(Assemble {
        src,
        dest: args.str("dest").to_owned(),
        local,
        picks,
        delimiter: args
            .opt_str("delimiter")
            .filter(|d| !d.is_empty())
            .map(unescape),
        backup: args.bool("backup"),
        validate: checked_validate(args)?,
        wanted: Wanted::of(args)?,
        setting: Setting::of(ctx),
    })))
}

/// `\n`, `\t` … as Python's string literals have them.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let mut buffer = [0; 4];
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        match chars.next() {
            Some('n') => out.push(b'\n'),
            Some('t') => out.push(b'\t'),
            Some('r') => out.push(b'\r'),
            Some('x') => {
                let digits: String = chars.clone().take(2).collect();
                if let (2, Ok(byte)) = (digits.len(), u8::from_str_radix(&digits, 16)) {
                    out.push(byte);
                    chars.nth(1);
                } else {
                    out.extend_from_slice(b"\\x");
                }
            }
            Some(c @ ('\\' | '\'' | '"')) => out.push(c as u8),
            Some(c) => {
                out.push(b'\\');
                out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
            None => out.push(b'\\'),
        }
    }
    out
}

/// Fragments in order, a line end after each that lacks one, the delimiter between them.
fn together(fragments: &[Arc<[u8]>], delimiter: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, fragment) in fragments.iter().enumerate() {
        if i > 0 {
            if !fragments[i - 1].ends_with(b"\n") {
                out.push(b'\n');
            }
            if let Some(delimiter) = delimiter {
                out.extend_from_slice(delimiter);
                if !delimiter.ends_with(b"\n") {
                    out.push(b'\n');
                }
            }
        }
        out.extend_from_slice(fragment);
    }
    out
}

impl Assemble {
    fn fragments(&self, known: &Known, src: &str) -> Result<Vec<Arc<[u8]>>, Step> {
        if let Some(local) = &self.local {
            return Ok(local.clone());
        }
        let list = Query::read(format!(
            "cd {} 2>/dev/null && for f in * .*; do [ -f \"$f\" ] && printf '%s\\n' \"$f\"; done",
            quote::path(src)
        ));
        known.all([Query::stat(src), list.clone()])?;
        match known.stat(src, true)? {
            None => return Err(Fail::new(format!("Source ({src}) does not exist")).into()),
            Some(s) if s.kind != FileType::Directory => {
                return Err(Fail::new(format!("Source ({src}) is not a directory")).into());
            }
            Some(_) => {}
        }
        let mut names: Vec<&str> = known
            .output(list)?
            .1
            .lines()
            .filter(|n| self.picks.take(n))
            .collect();
        names.sort_unstable();
        let paths: Vec<String> = names.iter().map(|n| join(src, n)).collect();
        known.all(paths.iter().map(|p| Query::Content { path: p.clone() }))?;
        paths
            .iter()
            .map(|p| {
                known
                    .content(p)?
                    .ok_or_else(|| Fail::new(format!("`{p}` cannot be read")).into())
            })
            .collect()
    }
}

impl Decide for Assemble {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let src = if self.local.is_some() {
            self.src.clone()
        } else {
            self.setting.expand(known, &self.src)?
        };
        let dest = self.setting.expand(known, &self.dest)?;
        let source = Source::bytes(together(
            &self.fragments(known, &src)?,
            self.delimiter.as_deref(),
        ));
        let place = Place {
            path: &dest,
            source: &source,
            wanted: &self.wanted,
            follow: false,
            force: true,
            backup: self.backup,
            validate: self.validate.as_deref(),
            origin: &src,
        };
        let mut placed = place.decide_within(known, &self.setting, None)?;
        let mut result = one_result(&placed, &source, &src);
        if self.local.is_none() {
            // On the host there is no diff, and the same keys come whether or not something was written.
            placed.diff.clear();
            result.shift_remove("path");
            result.insert("src".into(), src.into());
            result.insert("md5sum".into(), source.md5.clone().into());
            result.insert("msg".into(), "OK".into());
        }
        Ok(placed.into_decision(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    #[test]
    fn fragments_of_the_host() {
        let mut host = Host::new()
            .dir("/etc/d", 0o755)
            .file("/etc/d/b", 0o644, "B")
            .file("/etc/d/a", 0o644, "A\n")
            .file("/etc/d/.h", 0o644, "H\n")
            .read("cd /etc/d ", 0, "a\nb\n.h\n");
        let ran = host.settle(&ASSEMBLE, json!({"src": "/etc/d", "dest": "/etc/out", "delimiter": "--\\n", "ignore_hidden": true}));
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'dest': '/etc/out', 'checksum': 'c85c433fb54bda0b9816e14bc84519e2459936a9', 'src': '/etc/d', 'md5sum': '538d73a6829b6fae56f366a18a631240', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0644', 'state': 'file', 'size': 6, 'msg': 'OK'}
        > write /etc/out "A\n--\nB"
        "#);
        host.settle(
            &ASSEMBLE,
            json!({"src": "/etc/d", "dest": "/etc/out", "regexp": "^[.b]"}),
        );
        assert_eq!(host.text("/etc/out"), "H\nB");
    }

    #[test]
    fn fragments_from_here() {
        let mut host = Host::new()
            .control("files/d/2", "two")
            .control("files/d/1", "one");
        host.settle(
            &ASSEMBLE,
            json!({"src": "d", "dest": "/etc/out", "remote_src": false, "mode": "0600"}),
        );
        assert_eq!(host.text("/etc/out"), "one\ntwo");
        let mut host = host.read("cd /none ", 1, "");
        insta::assert_snapshot!(host.apply(&ASSEMBLE, json!({"src": "/none", "dest": "/etc/out"})).failed(), @"Source (/none) does not exist");
    }

    #[test]
    fn delimiters_are_unescaped() {
        assert_eq!(unescape(r"a\n\x41\q\\"), b"a\nA\\q\\");
    }
}
