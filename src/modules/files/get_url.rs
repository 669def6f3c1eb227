//! `ansible.builtin.get_url`: a file that the host downloads itself.

use super::attrs::{FILE_ARGS, Wanted};
use super::checksum::{Checksum, Sum};
use super::http::{Request, URL_ARGS, file_name, headers, reason};
use super::mode::{Mode, octal};
use super::place::first_failure;
use super::setting::{Setting, join, parent, state_of};
use crate::host::{Action, FileType, Known, Query, Report, Touches, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Outcome, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// See Ansible's page of `get_url`.
pub static GET_URL: Spec = Spec {
    name: "ansible.builtin.get_url",
    aliases: &[],
    about: "has the host download a file, with curl or wget",
    free_form: None,
    args: &[
        &[
            Arg::path(
                "dest",
                "where it goes; below a directory it gets the name the server or the address gives",
            )
            .required(),
            Arg::path("tmp_dest", "the directory for the download while it runs"),
            Arg::bool("backup", "keep a dated copy of a file that is replaced").default("false"),
            Arg::str(
                "checksum",
                "`sha256:<hex>`, or `sha256:<address>` of a list of checksums",
            )
            .default(""),
            Arg::int("timeout", "seconds without a byte until it is given up").default("10"),
            Arg::str("url_username", "user").alias(&["username"]),
            Arg::str("url_password", "password")
                .alias(&["password"])
                .secret(),
        ],
        URL_ARGS,
        FILE_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Partial,
    returns: &[
        ("dest", "the file"),
        ("url", "the address"),
        ("status_code", "the server's answer"),
        ("msg", "in words"),
        ("checksum_src", "SHA-1 of what came"),
        ("checksum_dest", "SHA-1 of what was there"),
        ("md5sum", "MD5 of the file"),
        ("elapsed", "seconds it took"),
        ("backup_file", "where the old file was kept"),
        ("mode", "permissions"),
        ("owner", "owner's name"),
        ("group", "group's name"),
        ("uid", "owner's number"),
        ("gid", "group's number"),
        ("size", "length in bytes"),
        ("state", "`file`"),
    ],
    example: "- get_url:\n    url: https://example.org/tool-1.2\n    dest: /usr/local/bin/tool\n    checksum: sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n    mode: '0755'\n",
    run: Run::Bind(bind),
};

struct GetUrl {
    url: String,
    request: Request,
    dest: String,
    tmp: Option<String>,
    backup: bool,
    force: bool,
    checksum: Option<Checksum>,
    wanted: Wanted,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let request = Request::of(args, args.str("url"))?;
    let checksum = match args.str("checksum") {
        "" => None,
        text => Some(Checksum::parse(args, text)?),
    };
    let wanted = Wanted::of(args)?;
    if wanted.mode == Some(Mode::Preserve) {
        return Err(Fail::new(
            "mode must be in octal or symbolic form, not `preserve`",
        ));
    }
    Ok(Bound::Decide(Box::new(GetUrl {
        url: request.shown().to_owned(),
        request,
        dest: args.str("dest").to_owned(),
        tmp: args.opt_str("tmp_dest").map(str::to_owned),
        backup: args.bool("backup"),
        force: args.bool("force"),
        checksum,
        wanted,
        setting: Setting::of(ctx),
    })))
}

/// A download of `url`, whose digest must be that SHA-256; the rest of `args` as [`bind`] takes them.
///
/// # Errors
/// As [`bind`].
pub(super) fn verified(args: &Args, setting: Setting) -> Result<impl Decide + use<>, Fail> {
    let request = Request::of(args, args.str("url"))?;
    Ok(GetUrl {
        url: request.shown().to_owned(),
        request,
        dest: args.str("dest").to_owned(),
        tmp: None,
        backup: false,
        force: false,
        checksum: Some(Checksum::parse(args, args.str("checksum"))?),
        wanted: Wanted::of(args)?,
        setting,
    })
}

impl Decide for GetUrl {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let dest = self.setting.expand(known, &self.dest)?;
        let digest = self.checksum.as_ref().map(|c| Query::Digest {
            path: dest.clone(),
            algorithm: c.algorithm,
        });
        known.all([Query::stat(&dest)].into_iter().chain(digest))?;
        let stat = known.stat(&dest, true)?;
        let mut result = Map::new();
        result.insert("url".into(), self.url.clone().into());
        let directory = stat.is_some_and(|s| s.kind == FileType::Directory);
        if let (Some(stat), Some(checksum), false, false) =
            (stat, &self.checksum, directory, self.force)
            && let Sum::Hex(wanted) = &checksum.sum
            && known.digest(&dest, checksum.algorithm)? == Some(wanted.as_str())
        {
            let resolved =
                self.wanted
                    .at(known, &self.setting, &dest, Some(stat), FileType::File)?;
            let msg = if resolved.differs() {
                "file already exists but file attributes changed"
            } else {
                "file already exists"
            };
            result.insert("dest".into(), dest.clone().into());
            result.insert("msg".into(), msg.into());
            result.insert("elapsed".into(), 0.into());
            result.insert("checksum_src".into(), Value::Null);
            result.insert("checksum_dest".into(), Value::Null);
            resolved.describe(&mut result, state_of(Some(stat)), stat.size);
            return Ok(Decision {
                result,
                actions: resolved.actions(&dest),
                warnings: resolved.warnings,
                ..Decision::default()
            });
        }
        // Owner and group must exist before anything is downloaded.
        self.wanted.at(
            known,
            &self.setting,
            &dest,
            stat.filter(|_| !directory),
            FileType::File,
        )?;
        result.insert("dest".into(), dest.clone().into());
        let directory = directory || dest.ends_with('/');
        let mut actions = Vec::new();
        let list = self.checksum.as_ref().and_then(|c| match &c.sum {
            Sum::List(request) => Some(request),
            Sum::Hex(_) => None,
        });
        actions.push(self.download(
            &dest,
            directory,
            stat.is_some() && !directory,
            list.map(|r| r.as_ref()),
        ));
        let failed_base = result.clone();
        Ok(Decision {
            result,
            actions,
            conclude: Some(Box::new(move |result, reports| {
                conclude(result, failed_base, &reports)
            })),
            ..Decision::default()
        })
    }
}

impl GetUrl {
    fn download(
        &self,
        dest: &str,
        directory: bool,
        exists: bool,
        list: Option<&Request>,
    ) -> Action {
        let target = if directory {
            dest.trim_end_matches('/').to_owned()
        } else {
            dest.to_owned()
        };
        let mut rest = String::from("sum() { set -- \"$($1 <\"$2\")\"; echo \"${1%% *}\"; }\n");
        rest += &format!("f={}\n", quote::path(&target));
        rest += "out() { printf '%s\\t%s\\n' \"$1\" \"$2\"; }\nout code \"$code\"; out final \"$final\"; out err \"$err\"; sed 's/^/head\t/' \"$d/head\"\n";
        rest += "[ \"$code\" = 200 ] || case \"$code:$final\" in 226:ftp:*|0:file:*|000:file:*) ;; *) exit 0;; esac\n";
        if directory {
            rest += "[ -d \"$f\" ] || { echo \"Destination $f does not exist\" >&2; exit 92; }\n\
                     n=$(sed -n 's/^[Cc]ontent-[Dd]isposition:.*filename=\"\\{0,1\\}\\([^\";]*\\).*/\\1/p' \"$d/head\" | tr -d '\\r' | tail -n 1); n=${n##*/}\n\
                     [ -n \"$n\" ] || { n=${final%%[?#]*}; case $n in *://*/*) n=${n##*/};; *) n=;; esac; }\n\
                     f=$f/${n:-index.html}\n";
        } else {
            rest += &format!(
                "[ -d {0} ] || {{ echo 'Destination '{0}' does not exist' >&2; exit 92; }}\n",
                quote::path(parent(&target))
            );
        }
        rest += "out dest \"$f\"; old=; [ ! -f \"$f\" ] || old=$(sum sha1sum \"$f\"); new=$(sum sha1sum \"$d/body\"); out src \"$new\"; out old \"$old\"\n";
        if let Some(checksum) = &self.checksum {
            let wanted = match &checksum.sum {
                Sum::Hex(hex) => hex.clone(),
                // Filled in by the outer script, see below.
                Sum::List(_) => String::new(),
            };
            if list.is_some() {
                rest += "want=$(cat \"$sums\")\n";
            } else {
                rest += &format!("want={wanted}\n");
            }
            rest += &format!(
                "got=$(sum {}sum \"$d/body\"); [ \"$got\" = \"$want\" ] || {{ echo \"The checksum for the download did not match $want; it was $got.\" >&2; exit 92; }}\n",
                checksum.name
            );
        }
        let form = if self.wanted.label.is_empty() {
            "%a %u %g"
        } else {
            "%a %u %g %C"
        };
        rest += &format!("was=; [ ! -e \"$f\" ] || was=$(stat -L -c '{form}' \"$f\")\n");
        rest += "if [ \"$new\" != \"$old\" ]; then\n";
        if self.backup {
            rest += "if [ -f \"$f\" ]; then b=$f.$$.$(date +%Y-%m-%d@%H:%M:%S)~; cp -p \"$f\" \"$b\" || exit 92; out backup \"$b\"; fi\n";
        }
        rest += "[ ! -L \"$f\" ] || g=$(readlink -f \"$f\") && f=${g:-$f}\n\
                 t=$(mktemp \"${f%/*}/.${f##*/}.hoist.XXXXXX\") && cat \"$d/body\" >\"$t\" || exit 92\n\
                 if [ -n \"$was\" ]; then set -- $was; chown \"$2:$3\" \"$t\" 2>/dev/null; chmod \"$1\" \"$t\"; else umask $mask; chmod \"$(printf %o $((0666 & ~0$mask)))\" \"$t\"; fi || exit 92\n";
        rest += &self.attributes("\"$t\"");
        rest += "mv -f \"$t\" \"$f\" || exit 92; t=; out changed 1\nelse\n";
        rest += &self.attributes("\"$f\"");
        rest += &format!("[ \"$was\" = \"$(stat -L -c '{form}' \"$f\")\" ] || out changed 1\nfi\n");
        rest += "out md5 \"$(sum md5sum \"$f\")\"; out stat \"$(stat -c '%a %u %g %U %G %s' \"$f\")\"\n";
        let since = if exists && !self.force && self.checksum.is_none() {
            quote::path(dest)
        } else {
            String::new()
        };
        let mut cmd = self.request.command(&since, &rest);
        if let crate::host::Program::Script { text, .. } = &mut cmd.program {
            *text = format!("mask=$(umask)\n{text}");
            if let Some(tmp) = &self.tmp {
                // The download itself; the file beside the target comes after it.
                *text = text.replacen(
                    "mktemp -d",
                    &format!("mktemp -d {}", quote::path(&join(tmp, ".hoist.XXXXXX"))),
                    1,
                );
            }
        }
        if let Some(list) = list {
            cmd = self.with_list(list, cmd);
        }
        cmd.env.clone_from(&self.setting.environment);
        cmd.touches = Touches::Path(target);
        Action::Run(cmd)
    }

    fn attributes(&self, at: &str) -> String {
        let mut out = String::new();
        match (&self.wanted.owner, &self.wanted.group) {
            (Some(owner), Some(group)) => {
                out += &format!(
                    "chown {}:{} {at} || exit 92\n",
                    quote::word(owner),
                    quote::word(group)
                )
            }
            (Some(owner), None) => {
                out += &format!("chown {} {at} || exit 92\n", quote::word(owner))
            }
            (None, Some(group)) => {
                out += &format!("chgrp {} {at} || exit 92\n", quote::word(group))
            }
            (None, None) => {}
        }
        match &self.wanted.mode {
            Some(Mode::Bits(bits)) => out += &format!("chmod {bits:o} {at} || exit 92\n"),
            Some(mode @ Mode::Symbolic(_)) => {
                out += &format!("chmod {} {at} || exit 92\n", quote::word(&mode.to_string()))
            }
            _ => {}
        }
        if let Some(flags) = &self.wanted.flags {
            out += &format!("chattr {} {at} || exit 92\n", quote::word(flags));
        }
        out += &self.wanted.label.script(at, "\"$f\"");
        out
    }

    /// First the list of checksums, then the download: two scripts in one, each with its own part of standard input.
    fn with_list(&self, list: &Request, download: crate::host::Cmd) -> crate::host::Cmd {
        let name = file_name(&self.url);
        let pick = format!(
            "[ \"$code\" = 200 ] || {{ echo \"the list of checksums could not be downloaded: $code $err\" >&2; exit 93; }}\n\
             name={}; awk -v n=\"$name\" 'NF == 1 && NR == 1 {{ only = $1 }} NR > 1 {{ only = \"\" }} \
             {{ f = $2; sub(/^\\*/, \"\", f); sub(/^\\.\\//, \"\", f); if (NF == 2 && f == n) {{ print tolower($1); done = 1; exit }} \
             if ($0 ~ /^[A-Za-z0-9]+ ?\\(.*\\) ?= /) {{ p = $0; sub(/^[^(]*\\(/, \"\", p); s = p; sub(/\\) ?= .*/, \"\", p); sub(/.*\\) ?= /, \"\", s); if (p == n) {{ print tolower(s); done = 1; exit }} }} }} \
             END {{ if (!done && only != \"\") print tolower(only) }}' \"$d/body\" >\"$sums\"\n\
             [ -s \"$sums\" ] || {{ echo \"Unable to find a checksum for file '$name'\" >&2; exit 93; }}\n",
            quote::word(&name)
        );
        let first = list.command("", &pick);
        let text = |cmd: &crate::host::Cmd| match &cmd.program {
            crate::host::Program::Script { text, .. } => text.clone(),
            crate::host::Program::Argv(_) => String::new(),
        };
        let one = first.stdin.clone().unwrap_or_default();
        let two = download.stdin.clone().unwrap_or_default();
        let script = format!(
            "sums=$(mktemp) || exit 90; trap 'rm -f \"$sums\"' EXIT\ndd bs=1 count={} 2>/dev/null | (\n{})\nrc=$?; [ $rc = 0 ] || exit $rc\n(\n{})\n",
            one.len(),
            text(&first),
            text(&download)
        );
        let mut cmd = crate::host::Cmd::script(script);
        cmd.stdin = Some([&one[..], &two[..]].concat().into());
        cmd
    }
}

/// Reads what the script said.
fn conclude(mut result: Map, base: Map, reports: &[Report]) -> Result<Outcome, Fail> {
    let Some(report) = reports.first() else {
        return Err(Fail::new("nothing was run"));
    };
    let said: Vec<(&str, &str)> = report
        .stdout
        .lines()
        .filter_map(|l| l.split_once('\t'))
        .collect();
    let get = |key: &str| {
        said.iter()
            .find(|(k, _)| *k == key)
            .map(|(_, v)| *v)
            .filter(|v| !v.is_empty())
    };
    let head: String = said
        .iter()
        .filter(|(k, _)| *k == "head")
        .map(|(_, v)| format!("{v}\n"))
        .collect();
    let elapsed = (report.time.1 - report.time.0).max(0.0) as i64;
    let fail = |mut fail: Fail| {
        for (key, value) in &base {
            fail.result
                .entry(key.clone())
                .or_insert_with(|| value.clone());
        }
        fail.with("elapsed", elapsed)
    };
    let code: i64 = get("code").and_then(|c| c.parse().ok()).unwrap_or(-1);
    let words = match code {
        200 => {
            let length = headers(&head)
                .get("content-length")
                .map_or("unknown".into(), ToString::to_string);
            format!("OK ({length} bytes)")
        }
        _ => format!("HTTP Error {code}: {}", reason(&head)),
    };
    result.insert("elapsed".into(), elapsed.into());
    if report.rc == 0 && code == 304 {
        result.insert("status_code".into(), code.into());
        result.insert("msg".into(), words.into());
        return Ok(Outcome {
            result,
            ..Outcome::default()
        });
    }
    first_failure(reports).map_err(|f| fail(Fail::new(f.msg)))?;
    let Some(dest) = get("dest") else {
        return Err(fail(match get("err") {
            Some(err) if code == -1 => {
                Fail::new(format!("Request failed: {err}")).with("status_code", -1)
            }
            _ => Fail::new("Request failed")
                .with("status_code", code)
                .with("response", words),
        }));
    };
    result.insert("dest".into(), dest.into());
    result.insert("status_code".into(), code.into());
    result.insert("msg".into(), words.into());
    result.insert("checksum_src".into(), get("src").map(str::to_owned).into());
    result.insert("checksum_dest".into(), get("old").map(str::to_owned).into());
    result.insert("md5sum".into(), get("md5").map(str::to_owned).into());
    if let Some(backup) = get("backup") {
        result.insert("backup_file".into(), backup.into());
    }
    let mut stat = get("stat").unwrap_or_default().split(' ');
    let mode = stat
        .next()
        .and_then(|m| u32::from_str_radix(m, 8).ok())
        .unwrap_or(0);
    result.insert("mode".into(), octal(mode).into());
    for key in ["uid", "gid"] {
        result.insert(
            key.into(),
            stat.next().and_then(|n| n.parse::<i64>().ok()).into(),
        );
    }
    for key in ["owner", "group"] {
        result.insert(key.into(), stat.next().map(str::to_owned).into());
    }
    result.insert(
        "size".into(),
        stat.next().and_then(|n| n.parse::<i64>().ok()).into(),
    );
    result.insert("state".into(), "file".into());
    Ok(Outcome {
        changed: get("changed").is_some(),
        result,
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{Host, Server, perform};
    use serde_json::{Value as Json, json};

    /// Runs the task's one command on this machine and concludes.
    fn real(mut args: Json, server: &Server, dir: &std::path::Path) -> Result<Outcome, Fail> {
        args["url"] = format!("{}{}", server.url, args["url"].as_str().unwrap_or_default()).into();
        args["dest"] = dir
            .join(args["dest"].as_str().unwrap_or_default())
            .to_string_lossy()
            .into();
        let mut host = Host::real();
        let mut decision = host.decide(&GET_URL, &args, false)?;
        let Some(Action::Run(cmd)) = decision.actions.first() else {
            return Ok(Outcome {
                result: decision.result,
                ..Outcome::default()
            });
        };
        let report = perform(cmd);
        decision.conclude.take().unwrap()(decision.result, vec![report])
    }

    #[test]
    fn a_file_is_downloaded_and_replaced_only_when_it_differs() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(&[
            ("/a", "200 OK", "", "one"),
            ("/b", "200 OK", "", "two"),
            ("/r", "302 Found", "Location: /b\r\n", ""),
            (
                "/n",
                "200 OK",
                "Content-Disposition: attachment; filename=\"named\"\r\n",
                "n",
            ),
            ("/304", "304 Not Modified", "", ""),
        ]);
        let first = real(
            json!({"url": "/a", "dest": "f", "mode": "0600"}),
            &server,
            dir.path(),
        )
        .unwrap();
        assert!(first.changed);
        let shown = |o: &Outcome| {
            [
                "status_code",
                "msg",
                "mode",
                "size",
                "checksum_dest",
                "md5sum",
            ]
            .map(|k| o.result[k].to_string())
            .join(" ")
        };
        insta::assert_snapshot!(shown(&first), @"200 OK (3 bytes) 0600 3 None f97c5d29941bfb1b2fdab0874906ab82");
        let again = real(json!({"url": "/a", "dest": "f"}), &server, dir.path()).unwrap();
        assert!(!again.changed, "the same content is no change");
        let other = real(
            json!({"url": "/r", "dest": "f", "backup": true, "force": true}),
            &server,
            dir.path(),
        )
        .unwrap();
        assert!(other.changed && other.result.contains_key("backup_file"));
        assert_eq!(
            other.result["mode"].to_string(),
            "0600",
            "kept from the old file"
        );
        assert_eq!(
            std::fs::read_to_string(dir.path().join("f")).unwrap(),
            "two"
        );
        assert_eq!(
            real(json!({"url": "/n", "dest": ""}), &server, dir.path())
                .unwrap()
                .result["dest"]
                .to_string(),
            dir.path().join("named").to_string_lossy()
        );
        let unmodified = real(json!({"url": "/304", "dest": "f"}), &server, dir.path()).unwrap();
        assert_eq!(
            (unmodified.changed, unmodified.result["status_code"].clone()),
            (false, 304.into())
        );
        let left: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .filter(|n| n.to_string_lossy().starts_with('.'))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(
            server
                .requests()
                .iter()
                .any(|r| r.contains("If-Modified-Since: "))
        );
    }

    #[test]
    fn what_is_wrong_is_told_and_nothing_is_put_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let sums =
            "00ff *other\n7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  ./a\n";
        let server = Server::start(&[
            ("/a", "200 OK", "", "one"),
            ("/none", "404 Not Found", "", "gone"),
            ("/sums", "200 OK", "", sums),
            ("/three", "200 OK", "", "3"),
        ]);
        let said = |args| real(args, &server, dir.path()).unwrap_err();
        insta::assert_snapshot!(said(json!({"url": "/none", "dest": "f"})).result["response"].to_string(), @"HTTP Error 404: Not Found");
        insta::assert_snapshot!(said(json!({"url": "/a", "dest": "f", "checksum": "md5:00"})).msg, @"The checksum for the download did not match 00; it was f97c5d29941bfb1b2fdab0874906ab82.");
        insta::assert_snapshot!(said(json!({"url": "/a", "dest": "no/f"})).msg.replace(&*dir.path().to_string_lossy(), "DIR"), @"Destination DIR/no does not exist");
        insta::assert_snapshot!(said(json!({"url": "/three", "dest": "f", "checksum": format!("sha256:{}/sums", server.url)})).msg, @"Unable to find a checksum for file 'three'");
        assert!(!dir.path().join("f").exists());
        real(
            json!({"url": "/a", "dest": "f", "checksum": "md5:f97c5d29941bfb1b2fdab0874906ab82"}),
            &server,
            dir.path(),
        )
        .unwrap();
        real(
            json!({"url": "/a", "dest": "f2", "checksum": format!("sha256:{}/sums", server.url)}),
            &server,
            dir.path(),
        )
        .unwrap();
    }

    #[test]
    fn no_secret_is_on_a_command_line() {
        let mut host = Host::new();
        let args =
            json!({"url": "https://u:secret1@h/f", "dest": "/tmp/f", "headers": {"X": "secret2"}});
        let decision = host.decide(&GET_URL, &args, false).unwrap();
        let Action::Run(cmd) = &decision.actions[0] else {
            panic!()
        };
        let crate::host::Program::Script { text, .. } = &cmd.program else {
            panic!()
        };
        assert!(!text.contains("secret"));
        let input = String::from_utf8_lossy(cmd.stdin.as_ref().unwrap()).into_owned();
        assert!(
            input.contains("user = \"u:secret1\"") && input.contains("header = \"X: secret2\"")
        );
        assert_eq!(decision.result["url"].to_string(), "https://h/f");
    }

    #[test]
    fn a_matching_checksum_needs_no_download() {
        let mut host = Host::new().file("/tmp/f", 0o644, "one");
        let ran = host.settle(&GET_URL, json!({"url": "http://h/f", "dest": "/tmp/f", "mode": "0755", "checksum": "md5:f97c5d29941bfb1b2fdab0874906ab82"}));
        insta::assert_snapshot!(ran.shown(), @r"
        changed: true
        result: {'url': 'http://h/f', 'dest': '/tmp/f', 'msg': 'file already exists but file attributes changed', 'elapsed': 0, 'checksum_src': None, 'checksum_dest': None, 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0755', 'state': 'file', 'size': 3}
        > set /tmp/f mode=0755
        ");
        let said = |args| Host::new().apply(&GET_URL, args).failed().to_owned();
        insta::assert_snapshot!(said(json!({"url": "http://h/f", "dest": "/f", "checksum": "md4:0"})), @"`md4` is not a checksum algorithm: md5, sha1, sha224, sha256, sha384 and sha512 are");
        insta::assert_snapshot!(said(json!({"url": "http://h/f", "dest": "/f", "checksum": "abc"})), @"The checksum parameter has to be in format <algorithm>:<checksum>");
        insta::assert_snapshot!(said(json!({"url": "http://h/f", "dest": "/f", "use_gssapi": false})), @"argument `use_gssapi` of `ansible.builtin.get_url` is not supported: Kerberos is not spoken here; run `curl --negotiate` with `command`");
    }
}
