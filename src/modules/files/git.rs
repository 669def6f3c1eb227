//! `ansible.builtin.git`: a repository checked out on the host, by its own git.

use super::git_repository::Repository;
use super::place::first_failure;
use super::setting::Setting;
use crate::host::{Action, Answer, Cmd, Query, Report, Touches, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Kind, Outcome, Remote, Rule, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// See Ansible's page of `git`.
pub static GIT: Spec = Spec {
    name: "ansible.builtin.git",
    aliases: &[],
    about: "clones a repository on the host and keeps it at a version",
    free_form: None,
    args: &[&[
        Arg::str("repo", "where it comes from")
            .alias(&["name"])
            .required(),
        Arg::path("dest", "the directory").required(),
        Arg::str("version", "branch, tag or commit").default("HEAD"),
        Arg::str("remote", "what the origin is called").default("origin"),
        Arg::str("refspec", "more to fetch"),
        Arg::path("reference", "a repository on the host to borrow from"),
        Arg::bool("force", "throw away local changes").default("false"),
        Arg::int("depth", "how many commits of history"),
        Arg::bool("clone", "clone when nothing is there").default("true"),
        Arg::bool("update", "fetch when something is there").default("true"),
        Arg::bool("accept_hostkey", "take any key of the server").default("false"),
        Arg::bool("accept_newhostkey", "take the key of a server never seen").default("false"),
        Arg::path("key_file", "the private key to use"),
        Arg::str("ssh_opts", "more arguments for ssh"),
        Arg::path("executable", "the git to run"),
        Arg::bool("bare", "without a working tree").default("false"),
        Arg::bool("recursive", "with submodules").default("true"),
        Arg::bool("single_branch", "only the branch asked for").default("false"),
        Arg::bool("track_submodules", "submodules at their newest commit").default("false"),
        Arg::of("umask", Kind::Raw, "the umask, as quoted octal digits"),
        Arg::bool(
            "verify_commit",
            "fail unless the commit or tag has a good signature; the host needs gpg and the keys",
        )
        .default("false"),
        Arg::list(
            "gpg_allowlist",
            "the only keys whose signatures are good, by fingerprint",
        )
        .alias(&["gpg_whitelist"]),
        Arg::path(
            "archive",
            "also pack the version into this file: .tar, .tar.gz, .tgz or .zip",
        ),
        Arg::str("archive_prefix", "a folder around what is in the archive"),
        Arg::path(
            "separate_git_dir",
            "where the repository itself is, apart from the working tree; it is moved there",
        ),
    ]],
    rules: &[
        Rule::Exclusive(&["accept_hostkey", "accept_newhostkey"]),
        Rule::Exclusive(&["separate_git_dir", "bare"]),
        Rule::By("archive_prefix", &["archive"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("before", "the commit before"),
        ("after", "the commit now"),
        (
            "remote_url_changed",
            "whether the origin's address was changed",
        ),
        ("msg", "what happened to local changes"),
    ],
    example: "- git:\n    repo: https://github.com/example/app.git\n    dest: /srv/app\n    version: v1.2.0\n",
    run: Run::Bind(bind),
};

struct Git {
    repository: Repository,
    dest: String,
    archive: Option<String>,
    clone: bool,
    update: bool,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| args.opt_str(name).map(str::to_owned);
    let mut ssh = Vec::new();
    if let Some(key) = own("key_file") {
        ssh.push(format!("-i {} -o IdentitiesOnly=yes", quote::word(&key)));
    }
    let opts = own("ssh_opts").unwrap_or_default();
    let checked = opts.contains("StrictHostKeyChecking=no")
        || opts.contains("StrictHostKeyChecking=accept-new");
    if !opts.is_empty() {
        ssh.push(opts);
    }
    if args.bool("accept_hostkey") && !checked {
        ssh.push("-o StrictHostKeyChecking=no".into());
    }
    if args.bool("accept_newhostkey") && !checked {
        ssh.push("-o StrictHostKeyChecking=accept-new".into());
    }
    let umask = match args.raw("umask").filter(|u| **u != Value::Null) {
        None => None,
        Some(Value::Str(text)) => Some(
            u32::from_str_radix(text, 8)
                .map_err(|_| Fail::new("umask must be an octal integer"))?,
        ),
        Some(_) => return Err(Fail::new("umask must be defined as a quoted octal integer")),
    };
    let words = [
        args.str("repo"),
        args.str("version"),
        args.str("remote"),
        args.str("dest"),
    ];
    if let Some(bad) = words.iter().find(|w| w.starts_with('-') || w.is_empty()) {
        return Err(Fail::new(format!(
            "`{bad}` would be taken for an option of git"
        )));
    }
    let repo = args.str("repo").to_owned();
    let format = match (own("archive"), own("archive_prefix")) {
        (None, Some(_)) => return Err(Fail::new("`archive_prefix` needs `archive`")),
        (None, None) => None,
        (Some(archive), prefix) => {
            let ends = ["tar.gz", "tgz", "tar", "zip"];
            let format = ends.iter().find(|e| archive.ends_with(&format!(".{e}")));
            let format = format.ok_or_else(|| {
                Fail::new(format!(
                    "`archive` must end in {}: {archive}",
                    ends.join(", ")
                ))
            })?;
            Some(((*format).to_owned(), prefix))
        }
    };
    Ok(Bound::Converse(Box::new(Git {
        repository: Repository {
            // Only a file:// address honours `depth`.
            repo: if repo.starts_with('/') {
                format!("file://{repo}")
            } else {
                repo
            },
            version: args.str("version").to_owned(),
            remote: args.str("remote").to_owned(),
            refspec: own("refspec"),
            reference: own("reference"),
            force: args.bool("force"),
            depth: args.int("depth"),
            ssh: (!ssh.is_empty()).then(|| format!("ssh {}", ssh.join(" "))),
            git: own("executable").unwrap_or_else(|| "git".into()),
            bare: args.bool("bare"),
            recursive: args.bool("recursive"),
            single: args.bool("single_branch"),
            track: args.bool("track_submodules"),
            umask,
            separate: own("separate_git_dir"),
            verify: args
                .bool("verify_commit")
                .then(|| args.list("gpg_allowlist")),
            format,
        },
        dest: args.str("dest").trim_end_matches('/').to_owned(),
        archive: own("archive"),
        clone: args.bool("clone"),
        update: args.bool("update"),
        setting: Setting::of(ctx),
    })))
}

impl Converse for Git {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(self.carry(host))
    }
}

impl Git {
    async fn carry(&self, host: &mut dyn Remote) -> Result<Outcome, Fail> {
        let dest = self.expand(host, &self.dest).await?;
        let archive = match &self.archive {
            Some(archive) => Some(self.expand(host, archive).await?),
            None => None,
        };
        let repository = &self.repository;
        let probe = repository.head(&dest)
            + "[ -e \"$dir/config\" ] || [ -f \"$dir\" ] || { echo none; exit 0; }\n\
               cd \"$dest\" || exit 92; printf 'before\\t%s\\n' \"$(git rev-parse HEAD 2>/dev/null)\"; printf 'url\\t%s\\n' \"$(git config --get \"remote.$remote.url\")\"\n"
            + if repository.bare {
                ""
            } else {
                "printf 'gitdir\\t%s\\n' \"$(git rev-parse --absolute-git-dir)\"; git status --porcelain -uno | sed 's/^/mod\\t/'\n"
            };
        let (_, there) = self.ask(host, probe).await?;
        let get = |key: &str| {
            there
                .lines()
                .filter_map(|l| l.split_once('\t'))
                .find(|(k, _)| *k == key)
                .map(|(_, v)| v.to_owned())
        };
        let fresh = there.trim() == "none";
        let before = get("before").filter(|b| !b.is_empty());
        let mut result = Map::new();
        result.insert("before".into(), before.clone().into());
        if fresh && (host.check() || !self.clone) {
            let (_, after) = self
                .ask(
                    host,
                    repository.head(&dest)
                        + "from=$repo\n"
                        + Repository::WANTED
                        + "printf '%s' \"$want\"\n",
                )
                .await?;
            result.insert("after".into(), after.trim().into());
            return Ok(Outcome {
                changed: true,
                result,
                ..Outcome::default()
            });
        }
        if !fresh && !self.update {
            result.insert("after".into(), before.into());
            let changed = match &archive {
                Some(archive) => self.pack(host, &dest, archive).await?,
                None => false,
            };
            return Ok(Outcome {
                changed,
                result,
                ..Outcome::default()
            });
        }
        let dirty = get("mod").is_some();
        if dirty && !repository.force {
            return Err(Fail {
                msg: format!("Local modifications exist in the destination: {dest} (force=no)."),
                result,
            });
        }
        let moved =
            !fresh && get("url").is_some_and(|url| !url.is_empty() && url != repository.repo);
        if !fresh {
            result.insert("remote_url_changed".into(), moved.into());
        }
        let apart = !fresh && {
            let wanted = repository.separate.as_deref();
            wanted.is_some_and(|wanted| get("gitdir").as_deref() != Some(wanted))
        };
        if host.check() {
            let (_, after) = self
                .ask(
                    host,
                    repository.head(&dest)
                        + "from=$repo\n"
                        + Repository::WANTED
                        + "printf '%s' \"$want\"\n",
                )
                .await?;
            let after = after.trim().to_owned();
            let mut changed = before.as_deref() != Some(after.as_str()) || moved || dirty || apart;
            if let (false, Some(archive)) = (changed, &archive) {
                changed = self.pack(host, &dest, archive).await?;
            }
            result.insert("after".into(), after.into());
            return Ok(Outcome {
                changed,
                result,
                ..Outcome::default()
            });
        }
        let mut script = repository.head(&dest);
        script += &if fresh {
            repository.cloning()
        } else {
            repository.fetching(dirty, apart)
        };
        script += &repository.switching();
        script += &repository.verifying();
        script += "printf 'after\\t%s\\n' \"$(git rev-parse HEAD)\"\n";
        script += &archive.map_or_else(String::new, |a| repository.archiving(&a));
        let mut cmd = Cmd::script(script);
        cmd.env.clone_from(&self.setting.environment);
        if self.archive.is_none() && repository.separate.is_none() {
            cmd.touches = Touches::Path(dest.clone());
        }
        let report: Report = host.act(Action::Run(cmd)).await?;
        if let Err(fail) = first_failure(std::slice::from_ref(&report)) {
            result.extend(fail.result);
            return Err(Fail {
                msg: fail.msg,
                result,
            });
        }
        let said = |key: &str| {
            report
                .stdout
                .lines()
                .filter_map(|l| l.split_once('\t'))
                .find(|(k, _)| *k == key)
                .map(|(_, v)| v.to_owned())
        };
        let after = said("after");
        let submodules = said("submodules").is_some();
        let archived = said("archived").is_some();
        let changed = before != after || dirty || moved || submodules || apart || archived;
        result.insert("after".into(), after.into());
        if submodules {
            result.insert("submodules_changed".into(), true.into());
        }
        if dirty {
            result.insert(
                "msg".into(),
                format!("Local modifications exist in the destination: {dest}").into(),
            );
        }
        Ok(Outcome {
            changed,
            result,
            ..Outcome::default()
        })
    }

    /// Packs what is checked out, if the archive does not hold that; whether it did, or would.
    async fn pack(&self, host: &mut dyn Remote, dest: &str, archive: &str) -> Result<bool, Fail> {
        let head = self.repository.head(dest);
        let script = format!("{head}{}", self.repository.archived(archive));
        if self.ask(host, script).await?.1.trim() == "same" {
            return Ok(false);
        }
        if !host.check() {
            let packing = self.repository.archiving(archive);
            let script = format!("{head}cd \"$dest\" || exit 92\n{packing}");
            first_failure(&[host.act(Action::Run(Cmd::script(script))).await?])?;
        }
        Ok(true)
    }

    async fn expand(&self, host: &mut dyn Remote, path: &str) -> Result<String, Fail> {
        let Some(query) = self.setting.expansion(path) else {
            return Ok(path.to_owned());
        };
        match host.ask(vec![query]).await?.pop() {
            Some(Answer::Output { stdout, .. }) => {
                Ok(stdout.strip_suffix('.').unwrap_or(&stdout).to_owned())
            }
            _ => Err(Fail::new("the host did not answer")),
        }
    }

    async fn ask(&self, host: &mut dyn Remote, script: String) -> Result<(i32, String), Fail> {
        let query = Query::Read {
            script,
            env: self.setting.environment.clone(),
        };
        match host.ask(vec![query]).await?.pop() {
            Some(Answer::Output { rc: 0, stdout, .. }) => Ok((0, stdout)),
            Some(Answer::Output { rc, stderr, .. }) => Err(Fail::new(stderr.trim()).with("rc", rc)),
            _ => Err(Fail::new("the host did not answer")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::{Value as Json, json};

    fn sh(dir: &std::path::Path, script: &str) -> String {
        let out = std::process::Command::new("sh")
            .arg("-ec")
            .arg(script)
            .current_dir(dir)
            .envs([
                ("GIT_AUTHOR_NAME", "a"),
                ("GIT_AUTHOR_EMAIL", "a@x"),
                ("GIT_COMMITTER_NAME", "a"),
                ("GIT_COMMITTER_EMAIL", "a@x"),
            ])
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{script}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    #[test]
    fn versions_are_packed_and_repositories_moved() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(
            dir.path(),
            "git init -q -b main origin; cd origin; echo 1 >f; git add f; git commit -qm one",
        );
        let task = |more: Json, check: bool| {
            let mut args = json!({"repo": at("origin"), "dest": at("copy"), "archive": at("a.tgz"), "archive_prefix": "app"});
            args.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            match Host::real().converse(&GIT, args, check) {
                Ok(outcome) => outcome.changed,
                Err(fail) => panic!("{}", fail.msg),
            }
        };
        let settled = |more: Json| {
            let predicted = task(more.clone(), true);
            let done = task(more.clone(), false);
            assert_eq!(predicted, done, "{more}");
            assert!(!task(more.clone(), true) && !task(more, false));
            done
        };
        assert!(settled(json!({})));
        assert_eq!(sh(dir.path(), "tar tzf a.tgz"), "app/\napp/f");
        sh(dir.path(), "rm a.tgz");
        assert!(settled(json!({"update": false})));
        sh(dir.path(), "cd origin; echo 2 >f; git commit -qam two");
        assert!(settled(json!({})));
        assert_eq!(sh(dir.path(), "tar xzOf a.tgz app/f"), "2");
        assert!(settled(
            json!({"archive": at("b.zip"), "archive_prefix": null})
        ));
        assert_eq!(sh(dir.path(), "unzip -Z1 b.zip"), "f");
        assert!(settled(json!({"separate_git_dir": at("apart")})));
        assert_eq!(
            sh(
                dir.path(),
                "sed 's,/.*/,,' copy/.git; cd copy; git status --porcelain"
            ),
            "gitdir: apart"
        );
        assert!(settled(
            json!({"dest": at("other"), "separate_git_dir": at("apart2"), "archive": null, "archive_prefix": null})
        ));
        assert!(dir.path().join("apart2/config").is_file());
        assert!(settled(
            json!({"dest": at("bare"), "bare": true, "version": "main", "archive": at("c.tar")})
        ));
        let fail = Host::real()
            .converse(
                &GIT,
                json!({"repo": "/r", "dest": "/d", "archive": "/a.rar"}),
                false,
            )
            .unwrap_err();
        insta::assert_snapshot!(fail.msg, @"`archive` must end in tar.gz, tgz, tar, zip: /a.rar");
        assert_eq!(
            sh(dir.path(), "ls -A | tr '\\n' ' '"),
            "a.tgz apart apart2 b.zip bare c.tar copy origin other"
        );
    }

    #[test]
    fn signatures_are_checked() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        // A gpg that signs with a mark, and finds every mark good.
        let gpg = r#"#!/bin/sh
case "$*" in
*--verify*) cat >/dev/null; printf '[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 1 a\n[GNUPG:] VALIDSIG 11 2026-01-01 1 0 4 0 1 8 00 AABB\n';;
*) cat >/dev/null; printf -- '-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n'; printf '\n[GNUPG:] SIG_CREATED ' >&2;;
esac
"#;
        std::fs::write(at("gpg"), gpg).unwrap();
        sh(
            dir.path(),
            "chmod +x gpg; p=$PWD/gpg; git init -q -b main origin; cd origin; git config gpg.program $p; git config user.signingkey a
            echo 1 >f; git add f; git commit -qm one; git tag plain; echo 2 >f; git commit -qa -S -m two; git tag -s -m v1 v1",
        );
        let mut host = Host::real();
        for (key, value) in [
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", "gpg.program".to_owned()),
            ("GIT_CONFIG_VALUE_0", at("gpg")),
        ] {
            host.environment.insert(key.into(), value);
        }
        let mut said = |version: &str, keys: Json| {
            let args = json!({"repo": at("origin"), "dest": at(&format!("copy-{version}")), "version": version, "verify_commit": true, "gpg_allowlist": keys});
            match host.converse(&GIT, args, false) {
                Ok(_) => "good".to_owned(),
                Err(fail) => {
                    let starts = ["Failed to verify", "The gpg_allowlist"];
                    let line = |l: &&str| starts.iter().any(|s| l.starts_with(s));
                    fail.msg.lines().find(line).unwrap().to_owned()
                }
            }
        };
        assert_eq!(said("main", json!([])), "good");
        assert_eq!(said("v1", json!(["CCDD", "aabb"])), "good");
        insta::assert_snapshot!(said("main", json!(["CCDD"])), @r#"The gpg_allowlist does not include the public key "AABB" for this commit"#);
        insta::assert_snapshot!(said("plain", json!([])), @r#"Failed to verify GPG signature of commit/tag "plain""#);
    }

    #[test]
    fn a_repository_is_cloned_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let commit = |text: &str| {
            sh(
                dir.path(),
                &format!(
                    "cd origin; echo {text} >f; git add f; git commit -qm {text}; git rev-parse HEAD"
                ),
            )
        };
        sh(dir.path(), "git init -q -b main origin");
        let one = commit("one");
        sh(dir.path(), "cd origin; git tag v1; git branch side");
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        let task = |more: Json, check: bool| {
            let mut args = json!({"repo": at("origin"), "dest": at("copy")});
            args.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            Host::real().converse(&GIT, args, check)
        };
        let shown = |o: &Outcome| {
            (
                o.changed,
                o.result["before"].to_string(),
                o.result["after"].to_string(),
            )
        };
        assert_eq!(
            shown(&task(json!({}), true).unwrap()),
            (true, "None".into(), one.clone())
        );
        assert!(!dir.path().join("copy").exists());
        assert_eq!(
            shown(&task(json!({}), false).unwrap()),
            (true, "None".into(), one.clone())
        );
        assert_eq!(
            shown(&task(json!({}), false).unwrap()),
            (false, one.clone(), one.clone())
        );
        let two = commit("two");
        assert_eq!(
            shown(&task(json!({}), true).unwrap()),
            (true, one.clone(), two.clone())
        );
        assert!(!task(json!({"update": false}), false).unwrap().changed);
        assert_eq!(
            shown(&task(json!({}), false).unwrap()),
            (true, one.clone(), two.clone())
        );
        assert_eq!(
            shown(&task(json!({"version": "v1"}), false).unwrap()),
            (true, two.clone(), one.clone())
        );
        assert_eq!(
            shown(&task(json!({"version": "main"}), false).unwrap()),
            (true, one.clone(), two.clone())
        );
        assert_eq!(
            shown(&task(json!({"version": one}), false).unwrap()),
            (true, two.clone(), one.clone())
        );
        std::fs::write(dir.path().join("copy/f"), "mine").unwrap();
        insta::assert_snapshot!(task(json!({}), false).unwrap_err().msg.replace(&at(""), "DIR/"), @"Local modifications exist in the destination: DIR/copy (force=no).");
        assert_eq!(
            shown(&task(json!({"force": true}), false).unwrap()),
            (true, one.clone(), two.clone())
        );
        assert_eq!(
            shown(
                &task(
                    json!({"dest": at("flat"), "depth": 1, "version": "main"}),
                    false
                )
                .unwrap()
            ),
            (true, "None".into(), two.clone())
        );
        assert_eq!(sh(dir.path(), "git -C flat rev-list --count HEAD"), "1");
        let three = commit("three");
        assert_eq!(
            shown(
                &task(
                    json!({"dest": at("flat"), "depth": 1, "version": "main"}),
                    false
                )
                .unwrap()
            ),
            (true, two.clone(), three.clone())
        );
        assert!(task(json!({"dest": at("none"), "version": "nowhere"}), false).is_err());
        assert!(
            task(json!({"dest": at("bare"), "bare": true}), false)
                .unwrap()
                .changed
        );
        assert!(
            !task(json!({"dest": at("bare"), "bare": true}), false)
                .unwrap()
                .changed
        );
    }

    #[test]
    fn options_are_no_versions() {
        let fail = Host::real()
            .converse(
                &GIT,
                json!({"repo": "--upload-pack=x", "dest": "/tmp/x"}),
                true,
            )
            .unwrap_err();
        insta::assert_snapshot!(fail.msg, @"`--upload-pack=x` would be taken for an option of git");
    }
}
