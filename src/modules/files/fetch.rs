//! `ansible.builtin.fetch`: a file of the host, brought to the control machine.

use super::setting::{Setting, basename};
use crate::host::{Algorithm, Answer, FileType, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::Map;
use futures_util::future::BoxFuture;
use std::path::{Component, Path, PathBuf};

/// See Ansible's page of `fetch`.
pub static FETCH: Spec = Spec {
    name: "ansible.builtin.fetch",
    aliases: &[],
    about: "brings a file of the host to the control machine",
    free_form: None,
    args: &[&[
        Arg::path("src", "the file on the host").required(),
        Arg::str(
            "dest",
            "a directory here; the file goes to `dest/HOST/PATH`",
        )
        .required(),
        Arg::bool(
            "flat",
            "the file goes to `dest` itself (below it when it ends in `/`)",
        )
        .default("false"),
        Arg::bool("fail_on_missing", "fail when the file is not there").default("true"),
        Arg::bool("validate_checksum", "compare checksums afterwards").default("true"),
    ]],
    rules: &[],
    check: CheckSupport::Skipped,
    returns: &[
        ("dest", "the file here"),
        ("file", "the file there, when nothing was fetched"),
        ("checksum", "SHA-1 of the file here"),
        ("remote_checksum", "SHA-1 of the file there"),
        ("md5sum", "MD5 of the file here"),
        ("remote_md5sum", "nothing; kept for old playbooks"),
        ("msg", "why nothing was fetched"),
    ],
    example: "- fetch:\n    src: /var/log/install.log\n    dest: logs/\n",
    run: Run::Bind(bind),
};

struct Fetch {
    src: String,
    dest: String,
    base: PathBuf,
    host: String,
    flat: bool,
    must: bool,
    verify: bool,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Converse(Box::new(Fetch {
        src: args.str("src").to_owned(),
        dest: args.str("dest").to_owned(),
        base: ctx.files.base(),
        host: ctx.host.to_owned(),
        flat: args.bool("flat"),
        must: args.bool("fail_on_missing"),
        verify: args.bool("validate_checksum"),
        setting: Setting::of(ctx),
    })))
}

impl Fetch {
    /// Where the file goes here.
    fn target(&self, src: &str) -> Result<PathBuf, Fail> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let dest = match (self.dest.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.base.join(&self.dest),
        };
        if !self.flat {
            let below = Path::new(src.trim_start_matches('/'));
            if below.components().any(|c| c == Component::ParentDir) {
                return Err(Fail::new(format!(
                    "Detected directory traversal, expected to be contained in '{}' but got '{src}'",
                    self.dest
                )));
            }
            return Ok(dest.join(&self.host).join(below));
        }
        if self.dest.ends_with('/') {
            let target = dest.join(basename(src));
            if target.is_dir() {
                return Err(Fail::new(format!(
                    "calculated dest '{}' is an existing directory, use another path that does not point to an existing directory",
                    target.display()
                )));
            }
            return Ok(target);
        }
        if dest.is_dir() {
            return Err(Fail::new(
                "dest is an existing directory, use a trailing slash if you want to fetch src into that directory",
            ));
        }
        Ok(dest)
    }
}

/// SHA-1 and MD5 of a file here; nothing when there is none.
fn sums(path: &Path) -> Option<(String, String)> {
    // Two passes over a file that may be large, a block at a time.
    let hash = |algorithm: &str| -> Option<String> {
        use std::io::Read as _;
        let mut file = std::fs::File::open(path).ok()?;
        let mut block = vec![0; 1 << 16];
        let (mut sha1, mut md5) = (
            <sha1::Sha1 as sha2::Digest>::new(),
            <md5::Md5 as sha2::Digest>::new(),
        );
        loop {
            let n = file.read(&mut block).ok()?;
            if n == 0 {
                break;
            }
            match algorithm {
                "sha1" => sha2::Digest::update(&mut sha1, &block[..n]),
                _ => sha2::Digest::update(&mut md5, &block[..n]),
            }
        }
        Some(match algorithm {
            "sha1" => hex::encode(sha2::Digest::finalize(sha1)),
            _ => hex::encode(sha2::Digest::finalize(md5)),
        })
    };
    Some((hash("sha1")?, hash("md5")?))
}

impl Converse for Fetch {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(self.carry(host))
    }
}

impl Fetch {
    async fn carry(&self, host: &mut dyn Remote) -> Result<Outcome, Fail> {
        let mut result = Map::new();
        if host.check() {
            result.insert(
                "msg".into(),
                "check mode not (yet) supported for this module".into(),
            );
            return Ok(Outcome {
                skipped: true,
                result,
                ..Outcome::default()
            });
        }
        let mut src = self.src.clone();
        if let Some(query) = self.setting.expansion(&src) {
            let mut known = crate::host::Known::default();
            let answer = host.ask(vec![query.clone()]).await?.pop();
            known.learn(query, answer.unwrap_or(Answer::Text(None)));
            src = self
                .setting
                .expand(&known, &src)
                .map_err(|_| Fail::new(format!("`{}` could not be expanded", self.src)))?;
        }
        let sha1 = Query::Digest {
            path: src.clone(),
            algorithm: Algorithm::Sha1,
        };
        let answers = host.ask(vec![Query::stat(&src), sha1]).await?;
        let problem = match answers.first() {
            Some(Answer::Stat(Some(stat))) if stat.kind == FileType::Directory => {
                Some("remote file is a directory, fetch cannot work on directories")
            }
            Some(Answer::Stat(Some(stat))) if !stat.access.0 => {
                Some("the remote file is not readable")
            }
            Some(Answer::Stat(Some(_))) => None,
            _ => Some("the remote file does not exist"),
        };
        if let Some(problem) = problem {
            if self.must {
                return Err(Fail::new(problem).with("file", src));
            }
            result.insert(
                "msg".into(),
                format!("{problem}, not transferring, ignored").into(),
            );
            result.insert("file".into(), src.into());
            return Ok(Outcome {
                result,
                ..Outcome::default()
            });
        }
        let there = match answers.get(1) {
            Some(Answer::Text(Some(sum))) => sum.clone(),
            _ => return Err(Fail::new("the remote file is not readable").with("file", src)),
        };
        let target = self.target(&src)?;
        let dest = target.to_string_lossy().into_owned();
        if let Some((sha1, md5)) = sums(&target)
            && sha1 == there
        {
            result.insert("md5sum".into(), md5.into());
            result.insert("file".into(), src.into());
            result.insert("dest".into(), dest.into());
            result.insert("checksum".into(), sha1.into());
            return Ok(Outcome {
                result,
                ..Outcome::default()
            });
        }
        if let Some(dir) = target.parent() {
            std::fs::create_dir_all(dir).map_err(|e| {
                Fail::new(format!(
                    "cannot make the directory `{}`: {e}",
                    dir.display()
                ))
            })?;
        }
        let got = host.fetch(&src, &target).await?;
        let md5 = sums(&target).map(|(_, md5)| md5);
        result.insert("md5sum".into(), md5.into());
        result.insert("dest".into(), dest.into());
        result.insert("remote_md5sum".into(), crate::value::Value::Null);
        result.insert("checksum".into(), got.clone().into());
        result.insert("remote_checksum".into(), there.clone().into());
        if self.verify && got != there {
            result.insert("file".into(), src.into());
            return Err(Fail {
                msg: "checksum mismatch".into(),
                result,
            });
        }
        Ok(Outcome {
            changed: true,
            result,
            ..Outcome::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    #[test]
    fn files_land_below_the_hosts_name() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().to_string_lossy().into_owned();
        let mut host = Host::new().file("/etc/f", 0o644, "hi\n");
        let once = host
            .converse(&FETCH, json!({"src": "/etc/f", "dest": dest}), false)
            .unwrap();
        assert!(once.changed);
        assert_eq!(
            std::fs::read_to_string(dir.path().join("h1/etc/f")).unwrap(),
            "hi\n"
        );
        let keys = |o: &Outcome| o.result.keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            keys(&once),
            "md5sum dest remote_md5sum checksum remote_checksum"
        );
        let again = host
            .converse(&FETCH, json!({"src": "/etc/f", "dest": dest}), false)
            .unwrap();
        assert_eq!(
            (again.changed, keys(&again).as_str()),
            (false, "md5sum file dest checksum")
        );
        assert_eq!(
            again.result["checksum"].to_string(),
            super::super::digest::hex_digest(Algorithm::Sha1, b"hi\n")
        );
        host.converse(
            &FETCH,
            json!({"src": "/etc/f", "dest": format!("{dest}/flat/"), "flat": true}),
            false,
        )
        .unwrap();
        assert!(dir.path().join("flat/f").is_file());
        assert!(
            host.converse(&FETCH, json!({"src": "/etc/f", "dest": dest}), true)
                .unwrap()
                .skipped
        );
    }

    #[test]
    fn what_cannot_be_fetched() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().to_string_lossy().into_owned();
        let mut host = Host::new().dir("/etc/d", 0o755).file("/etc/f", 0o644, "");
        let mut said = |args| {
            host.converse(&FETCH, args, false)
                .map(|o| o.result["msg"].to_string())
                .unwrap_or_else(|f| f.msg)
                .replace(&dest, "DEST")
        };
        insta::assert_snapshot!(said(json!({"src": "/none", "dest": dest})), @"the remote file does not exist");
        insta::assert_snapshot!(said(json!({"src": "/none", "dest": dest, "fail_on_missing": false})), @"the remote file does not exist, not transferring, ignored");
        insta::assert_snapshot!(said(json!({"src": "/etc/d", "dest": dest})), @"remote file is a directory, fetch cannot work on directories");
        insta::assert_snapshot!(said(json!({"src": "/etc/../etc/f", "dest": dest})), @"Detected directory traversal, expected to be contained in 'DEST' but got '/etc/../etc/f'");
        insta::assert_snapshot!(said(json!({"src": "/etc/f", "dest": dest, "flat": true})), @"dest is an existing directory, use a trailing slash if you want to fetch src into that directory");
    }
}
