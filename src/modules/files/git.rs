//! `ansible.builtin.git`: a repository checked out on the host, by its own git.

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
        Arg::refused(
            "verify_commit",
            "signatures are not checked here; run `git verify-commit` with `command`",
        ),
        Arg::refused(
            "gpg_allowlist",
            "signatures are not checked here; run `git verify-commit` with `command`",
        )
        .alias(&["gpg_whitelist"]),
        Arg::refused("archive", "run `git archive` with `command`"),
        Arg::refused("archive_prefix", "run `git archive` with `command`"),
        Arg::refused(
            "separate_git_dir",
            "run `git init --separate-git-dir` with `command`",
        ),
    ]],
    rules: &[Rule::Exclusive(&["accept_hostkey", "accept_newhostkey"])],
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
    repo: String,
    dest: String,
    version: String,
    remote: String,
    refspec: Option<String>,
    reference: Option<String>,
    force: bool,
    depth: Option<i64>,
    clone: bool,
    update: bool,
    ssh: Option<String>,
    git: String,
    bare: bool,
    recursive: bool,
    single: bool,
    track: bool,
    umask: Option<u32>,
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
    Ok(Bound::Converse(Box::new(Git {
        // Only a file:// address honours `depth`.
        repo: if repo.starts_with('/') {
            format!("file://{repo}")
        } else {
            repo
        },
        dest: args.str("dest").trim_end_matches('/').to_owned(),
        version: args.str("version").to_owned(),
        remote: args.str("remote").to_owned(),
        refspec: own("refspec"),
        reference: own("reference"),
        force: args.bool("force"),
        depth: args.int("depth"),
        clone: args.bool("clone"),
        update: args.bool("update"),
        ssh: (!ssh.is_empty()).then(|| format!("ssh {}", ssh.join(" "))),
        git: own("executable").unwrap_or_else(|| "git".into()),
        bare: args.bool("bare"),
        recursive: args.bool("recursive"),
        single: args.bool("single_branch"),
        track: args.bool("track_submodules"),
        umask,
        setting: Setting::of(ctx),
    })))
}

impl Converse for Git {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(self.carry(host))
    }
}

impl Git {
    /// What every script begins with: the program, the repository and the directory.
    fn head(&self, dest: &str) -> String {
        let mut out = String::from("export LC_ALL=C GIT_TERMINAL_PROMPT=0\n");
        if let Some(ssh) = &self.ssh {
            out += &format!("export GIT_SSH_COMMAND={}\n", quote::word(ssh));
        }
        if let Some(umask) = self.umask {
            out += &format!("umask {umask:04o}\n");
        }
        out += &format!(
            "git() {{ command {} -c safe.directory=* \"$@\"; }}\n",
            quote::word(&self.git)
        );
        out += &format!(
            "dest={}; repo={}; remote={}; version={}\n",
            quote::path(dest),
            quote::word(&self.repo),
            quote::word(&self.remote),
            quote::word(&self.version)
        );
        out += &format!(
            "command -v {} >/dev/null 2>&1 || {{ echo 'Failed to find required executable \"git\"' >&2; exit 91; }}\n",
            quote::word(&self.git)
        );
        out + if self.bare {
            "dir=$dest\n"
        } else {
            "dir=$dest/.git\n"
        }
    }

    /// The commit the remote has for the version, as `$want`.
    const WANTED: &str = "case $version in HEAD) want=$(git ls-remote \"$from\" HEAD);; *) want=$(git ls-remote \"$from\" \"refs/tags/$version^{}\"); [ -n \"$want\" ] || want=$(git ls-remote \"$from\" \"refs/heads/$version\" \"refs/tags/$version\");; esac || exit 92\n\
        want=$(printf '%s' \"$want\" | head -n 1 | cut -f 1); [ -n \"$want\" ] || want=$version\n";

    async fn carry(&self, host: &mut dyn Remote) -> Result<Outcome, Fail> {
        let mut dest = self.dest.clone();
        if let Some(query) = self.setting.expansion(&dest)
            && let Some(Answer::Output { stdout, .. }) = host.ask(vec![query]).await?.pop()
        {
            dest = stdout.strip_suffix('.').unwrap_or(&stdout).to_owned();
        }
        let probe = self.head(&dest)
            + "[ -e \"$dir/config\" ] || [ -f \"$dir\" ] || { echo none; exit 0; }\n\
               cd \"$dest\" || exit 92; printf 'before\\t%s\\n' \"$(git rev-parse HEAD 2>/dev/null)\"; printf 'url\\t%s\\n' \"$(git config --get \"remote.$remote.url\")\"\n"
            + if self.bare {
                ""
            } else {
                "git status --porcelain -uno | sed 's/^/mod\\t/'\n"
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
                    self.head(&dest) + "from=$repo\n" + Self::WANTED + "printf '%s' \"$want\"\n",
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
            return Ok(Outcome {
                result,
                ..Outcome::default()
            });
        }
        let dirty = get("mod").is_some();
        if dirty && !self.force {
            return Err(Fail {
                msg: format!("Local modifications exist in the destination: {dest} (force=no)."),
                result,
            });
        }
        let moved = !fresh && get("url").is_some_and(|url| !url.is_empty() && url != self.repo);
        if !fresh {
            result.insert("remote_url_changed".into(), moved.into());
        }
        if host.check() {
            let (_, after) = self
                .ask(
                    host,
                    self.head(&dest) + "from=$repo\n" + Self::WANTED + "printf '%s' \"$want\"\n",
                )
                .await?;
            let after = after.trim().to_owned();
            let changed = before.as_deref() != Some(after.as_str()) || moved || dirty;
            result.insert("after".into(), after.into());
            return Ok(Outcome {
                changed,
                result,
                ..Outcome::default()
            });
        }
        let mut cmd = Cmd::script(
            self.head(&dest)
                + &if fresh {
                    self.cloning()
                } else {
                    self.fetching(dirty)
                }
                + &self.switching(),
        );
        cmd.env.clone_from(&self.setting.environment);
        cmd.touches = Touches::Path(dest.clone());
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
        let changed = before != after || dirty || moved || submodules;
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

    fn depth(&self) -> String {
        self.depth
            .map(|d| format!(" --depth {d}"))
            .unwrap_or_default()
    }

    fn cloning(&self) -> String {
        let mut out = String::from(
            "mkdir -p \"$(dirname \"$dest\")\" || exit 92\nset -- clone --origin \"$remote\"\n",
        );
        if self.bare {
            out += "set -- \"$@\" --bare\n";
        }
        if let Some(reference) = &self.reference {
            out += &format!("set -- \"$@\" --reference {}\n", quote::word(reference));
        }
        if self.single {
            out += "set -- \"$@\" --single-branch\n";
        }
        out += &format!(
            "case $version in HEAD) set -- \"$@\"{0};; *) if git ls-remote --exit-code \"$repo\" \"refs/heads/$version\" \"refs/tags/$version\" >/dev/null 2>&1; then set -- \"$@\"{0} --branch \"$version\"; fi;; esac\n",
            self.depth()
        );
        out += "git \"$@\" \"$repo\" \"$dest\" >&2 || exit 92\ncd \"$dest\" || exit 92\n";
        if let Some(refspec) = &self.refspec {
            out += &format!(
                "git fetch \"$remote\" {} >&2 || exit 92\n",
                quote::word(refspec)
            );
        }
        out
    }

    fn fetching(&self, dirty: bool) -> String {
        let mut out = String::from("cd \"$dest\" || exit 92\n");
        if dirty {
            out += "git reset --hard HEAD >&2 || exit 92\n";
        }
        out += "if [ \"$(git config --get \"remote.$remote.url\")\" != \"$repo\" ]; then git remote set-url \"$remote\" \"$repo\" 2>/dev/null || git remote add \"$remote\" \"$repo\" || exit 92; fi\n";
        let force = if self.force { " --force" } else { "" };
        let refs = if self.bare {
            " '+refs/heads/*:refs/heads/*'"
        } else {
            ""
        };
        let depth = self.depth();
        if depth.is_empty() {
            out += &format!(
                "[ ! -f \"$(git rev-parse --git-dir)/shallow\" ] || set -- --unshallow\ngit fetch{force} --tags \"$@\" \"$remote\"{refs} >&2 || exit 92\n"
            );
            if !self.bare {
                out += &format!("git fetch{force} \"$remote\" >&2 || exit 92\n");
            }
        } else {
            out += &format!(
                "case $version in HEAD) set -- HEAD;; *) if git ls-remote --exit-code \"$remote\" \"refs/heads/$version\" >/dev/null 2>&1; then set -- \"+refs/heads/$version:refs/remotes/$remote/$version\"; elif git ls-remote --exit-code \"$remote\" \"refs/tags/$version\" >/dev/null 2>&1; then set -- \"+refs/tags/$version:refs/tags/$version\"; else set -- \"$version\"; fi;; esac\n\
                 git fetch{force}{depth} \"$remote\" \"$@\" >&2 || exit 92\n"
            );
        }
        if let Some(refspec) = &self.refspec {
            out += &format!(
                "git fetch{force}{depth} \"$remote\" {} >&2 || exit 92\n",
                quote::word(refspec)
            );
        }
        out
    }

    fn switching(&self) -> String {
        let mut out = String::new();
        if !self.bare {
            out += "case $version in HEAD)\n\
                 b=$(git ls-remote --symref \"$remote\" HEAD | sed -n 's#^ref: refs/heads/\\(.*\\)\\tHEAD$#\\1#p')\n\
                 [ -n \"$b\" ] || b=$(git symbolic-ref --short HEAD)\n\
                 git checkout --force \"$b\" >&2 || exit 92\n\
                 if git rev-parse -q --verify FETCH_HEAD >/dev/null && [ -f \"$(git rev-parse --git-dir)/shallow\" ] && ! git rev-parse -q --verify \"refs/remotes/$remote/$b\" >/dev/null; then git reset --hard FETCH_HEAD; else git fetch -q \"$remote\" \"+refs/heads/$b:refs/remotes/$remote/$b\" SHALLOW; git reset --hard \"$remote/$b\" --; fi >&2 || exit 92;;\n\
                 *) if git rev-parse -q --verify \"refs/remotes/$remote/$version\" >/dev/null; then\n\
                 if git rev-parse -q --verify \"refs/heads/$version\" >/dev/null; then git checkout --force \"$version\" -- >&2 || exit 92; git reset --hard \"$remote/$version\" -- >&2 || exit 92\n\
                 else git checkout --track -b \"$version\" \"$remote/$version\" >&2 || exit 92; fi\n\
                 else git checkout --force \"$version\" -- >&2 || exit 92; fi;; esac\n"
                .replace(" SHALLOW", &self.depth())
                .as_str();
            if self.recursive {
                let track = if self.track { " --remote" } else { "" };
                out += &format!(
                    "if [ -f .gitmodules ]; then was=$(git submodule status --recursive 2>/dev/null); git submodule sync >&2 && git submodule update --init --recursive{track} >&2 || exit 92; [ \"$was\" = \"$(git submodule status --recursive)\" ] || printf 'submodules\\t1\\n'; fi\n"
                );
            }
        }
        out + "printf 'after\\t%s\\n' \"$(git rev-parse HEAD)\"\n"
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
