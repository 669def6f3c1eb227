//! `ansible.builtin.stat`: what is at a path.

use super::digest::algorithm;
use super::setting::Setting;
use crate::host::{FileType, Known, Query, Stat, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// See Ansible's page of `stat`.
pub static STAT: Spec = Spec {
    name: "ansible.builtin.stat",
    aliases: &[],
    about: "tells what is at a path",
    free_form: None,
    args: &[&[
        Arg::path("path", "the path")
            .alias(&["dest", "name"])
            .required(),
        Arg::bool("follow", "follow symbolic links").default("false"),
        Arg::bool("get_checksum", "compute a checksum of a regular file").default("true"),
        Arg::str("checksum_algorithm", "which one")
            .alias(&["checksum", "checksum_algo"])
            .default("sha1")
            .choices(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
        Arg::bool(
            "get_mime",
            "ask file(1), where there is one, for the type of the content",
        )
        .alias(&["mime", "mime_type", "mime-type"])
        .default("true"),
        Arg::bool(
            "get_attributes",
            "ask lsattr(1), where there is one, for flags",
        )
        .alias(&["attr", "attributes"])
        .default("true"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[(
        "stat",
        "`exists`, and when true everything known of the path",
    )],
    example: "- stat:\n    path: /etc/app.conf\n  register: conf\n",
    run: Run::Bind(bind),
};

struct StatTask {
    path: String,
    follow: bool,
    checksum: Option<crate::host::Algorithm>,
    mime: bool,
    flags: bool,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(StatTask {
        path: args.str("path").to_owned(),
        follow: args.bool("follow"),
        checksum: args
            .bool("get_checksum")
            .then(|| algorithm(args.str("checksum_algorithm")))
            .flatten(),
        mime: args.bool("get_mime"),
        flags: args.bool("get_attributes"),
        setting: Setting::of(ctx),
    })))
}

impl Decide for StatTask {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let path = self.setting.expand(known, &self.path)?;
        let ask = Query::Stat {
            path: path.clone(),
            follow: self.follow,
        };
        let digest = self.checksum.map(|algorithm| Query::Digest {
            path: path.clone(),
            algorithm,
        });
        let more = self.more(&path);
        known.all([ask, more.clone()].into_iter().chain(digest))?;
        let mut out = Map::new();
        if let Some(stat) = known.stat(&path, self.follow)? {
            out = describe(&path, stat);
            if stat.kind == FileType::File
                && let Some(algorithm) = self.checksum
                && let Some(sum) = known.digest(&path, algorithm)?
            {
                out.insert("checksum".into(), sum.into());
            }
            let (_, text, _) = known.output(more)?;
            let mut lines = text.lines();
            let mut numbers = lines.next().unwrap_or_default().split_whitespace();
            for key in ["blocks", "block_size"] {
                out.insert(
                    key.into(),
                    numbers.next().and_then(|n| n.parse::<i64>().ok()).into(),
                );
            }
            let mut hex = || {
                numbers
                    .next()
                    .and_then(|n| i64::from_str_radix(n, 16).ok())
                    .unwrap_or(0)
            };
            let (major, minor) = (hex(), hex());
            out.insert(
                "device_type".into(),
                (major << 8 | minor & 0xff | (minor & !0xff) << 12).into(),
            );
            if self.mime {
                let (kind, charset) = lines
                    .next()
                    .and_then(|l| l.split_once("; charset="))
                    .unwrap_or(("unknown", "unknown"));
                out.insert("mimetype".into(), kind.into());
                out.insert("charset".into(), charset.into());
            }
            if self.flags {
                let mut words = lines.next().unwrap_or_default().split_whitespace();
                if let (Some(version), Some(flags)) = (words.next(), words.next()) {
                    let letters: String = flags.chars().filter(|c| *c != '-').collect();
                    out.insert("version".into(), version.into());
                    out.insert("attr_flags".into(), letters.clone().into());
                    out.insert(
                        "attributes".into(),
                        Value::list(letters.chars().filter_map(flag_name).map(Value::from)),
                    );
                }
            }
        } else {
            out.insert("exists".into(), false.into());
        }
        let mut result = Map::new();
        result.insert("stat".into(), out.into());
        Ok(Decision::same(result))
    }
}

impl StatTask {
    /// Blocks and device, the content's type, the flags: a line each.
    fn more(&self, path: &str) -> Query {
        let at = quote::path(path);
        let follow = if self.follow { "-L " } else { "" };
        let mut script = format!(
            "[ -e {at} ] || [ -L {at} ] || exit 0; stat {follow}-c '%b %o %t %T' {at} 2>/dev/null || echo"
        );
        if self.mime {
            script +=
                &format!("; file {follow}-b --mime-type --mime-encoding {at} 2>/dev/null || echo");
        }
        if self.flags {
            script += &format!("; lsattr -vd {at} 2>/dev/null || echo");
        }
        Query::read(script)
    }
}

/// The keys of `stat` that come from the inode.
fn describe(path: &str, stat: &Stat) -> Map {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("exists", true.into());
    put("path", path.into());
    put("mode", format!("{:04o}", stat.mode).into());
    for (key, kind) in [
        ("isdir", FileType::Directory),
        ("ischr", FileType::Char),
        ("isblk", FileType::Block),
        ("isreg", FileType::File),
        ("isfifo", FileType::Fifo),
        ("islnk", FileType::Link),
        ("issock", FileType::Socket),
    ] {
        put(key, (stat.kind == kind).into());
    }
    put("uid", stat.uid.into());
    put("gid", stat.gid.into());
    put("size", stat.size.into());
    put("inode", stat.inode.into());
    put("dev", stat.device.into());
    put("nlink", stat.links.into());
    put("atime", stat.atime.into());
    put("mtime", stat.mtime.into());
    put("ctime", stat.ctime.into());
    for (key, bit) in [
        ("wusr", 0o200),
        ("rusr", 0o400),
        ("xusr", 0o100),
        ("wgrp", 0o020),
        ("rgrp", 0o040),
        ("xgrp", 0o010),
        ("woth", 0o002),
        ("roth", 0o004),
        ("xoth", 0o001),
        ("isuid", 0o4000),
        ("isgid", 0o2000),
    ] {
        put(key, (stat.mode & bit != 0).into());
    }
    put("readable", stat.access.0.into());
    put("writeable", stat.access.1.into());
    put("executable", stat.access.2.into());
    if stat.kind == FileType::Link {
        if let Some(real) = &stat.real {
            put("lnk_source", real.clone().into());
        }
        put("lnk_target", stat.link.clone().into());
    }
    put("pw_name", stat.owner.clone().into());
    put("gr_name", stat.group.clone().into());
    out
}

/// The names Ansible gives the letters of lsattr(1).
fn flag_name(letter: char) -> Option<&'static str> {
    Some(match letter {
        'A' => "noatime",
        'a' => "append",
        'c' => "compressed",
        'C' => "nocow",
        'd' => "nodump",
        'D' => "dirsync",
        'e' => "extents",
        'E' => "encrypted",
        'h' => "blocksize",
        'i' => "immutable",
        'I' => "indexed",
        'j' => "journalled",
        'N' => "inline",
        's' => "zero",
        'S' => "synchronous",
        't' => "notail",
        'T' => "blockroot",
        'u' => "undelete",
        'X' => "compressedraw",
        'Z' => "compresseddirty",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    #[test]
    fn what_is_there_is_told() {
        let more =
            "8 4096 0 0\ntext/plain; charset=us-ascii\n12345 --------------e------- /etc/f\n";
        let mut host = Host::new()
            .file("/etc/f", 0o4755, "text")
            .link("/etc/l", "f")
            .read("[ -e /etc/f ]", 0, more)
            .read("[ -e /etc/l ]", 0, "0 4096 0 0\n\n\n")
            .read("[ -e /etc/none ]", 0, "");
        insta::assert_snapshot!(host.settle(&STAT, json!({"path": "/etc/f"})).get("stat").to_string(), @"{'exists': True, 'path': '/etc/f', 'mode': '4755', 'isdir': False, 'ischr': False, 'isblk': False, 'isreg': True, 'isfifo': False, 'islnk': False, 'issock': False, 'uid': 0, 'gid': 0, 'size': 4, 'inode': 4, 'dev': 1, 'nlink': 1, 'atime': 1.5, 'mtime': 2.5, 'ctime': 3.5, 'wusr': True, 'rusr': True, 'xusr': True, 'wgrp': False, 'rgrp': True, 'xgrp': True, 'woth': False, 'roth': True, 'xoth': True, 'isuid': True, 'isgid': False, 'readable': True, 'writeable': True, 'executable': True, 'pw_name': 'root', 'gr_name': 'root', 'checksum': '372ea08cab33e71c02c651dbc83a474d32c676ea', 'blocks': 8, 'block_size': 4096, 'device_type': 0, 'mimetype': 'text/plain', 'charset': 'us-ascii', 'version': '12345', 'attr_flags': 'e', 'attributes': ['extents']}");
        insta::assert_snapshot!(host.settle(&STAT, json!({"path": "/etc/none"})).get("stat").to_string(), @"{'exists': False}");
        let link = host
            .settle(
                &STAT,
                json!({"path": "/etc/l", "get_checksum": false, "mime": false}),
            )
            .get("stat");
        assert_eq!(
            link.get("lnk_source").map(ToString::to_string).as_deref(),
            Some("/etc/f")
        );
        let followed = host
            .settle(
                &STAT,
                json!({"path": "/etc/l", "follow": true, "checksum_algo": "md5"}),
            )
            .get("stat");
        assert_eq!(
            followed.get("checksum").map(ToString::to_string).as_deref(),
            Some("1cb251ec0d568de6a929b520c4aed8d1")
        );
    }
}
