//! `ansible.builtin.unarchive`: an archive unpacked on the host, by its own tar and unzip.

use super::attrs::{FILE_ARGS, Wanted};
use super::http::Request;
use super::mode::Mode;
use super::place::{Source, first_failure};
use super::setting::{Setting, join};
use crate::host::{Action, Answer, Attrs, Cmd, FileType, Known, Query, Touches, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Decide, Decision, Fail, Outcome, Remote,
    Rule, Run, Spec, Step,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// See Ansible's page of `unarchive`.
pub static UNARCHIVE: Spec = Spec {
    name: "ansible.builtin.unarchive",
    aliases: &[],
    about: "unpacks an archive, from here, from the host or from an address, when its files are not there as they should",
    free_form: None,
    args: &[
        &[
            Arg::str(
                "src",
                "the archive; with `remote_src` a path or address on the host",
            )
            .required(),
            Arg::path("dest", "the directory it is unpacked into; must exist").required(),
            Arg::bool("remote_src", "`src` is on the host").default("false"),
            Arg::bool(
                "copy",
                "the opposite of `remote_src`, from before there was that",
            )
            .default("true"),
            Arg::path("creates", "nothing is done when this path is there"),
            Arg::list("exclude", "members to leave out"),
            Arg::list("include", "the only members to unpack"),
            Arg::list("extra_opts", "more arguments for tar or unzip"),
            Arg::bool("list_files", "give the members' names back").default("false"),
            Arg::bool(
                "keep_newer",
                "leave files that are newer than the archive's",
            )
            .default("false"),
            Arg::bool("decrypt", "decrypt `src` when it is a vault").default("true"),
            Arg::bool("validate_certs", "check the server's certificate").default("true"),
            Arg::refused(
                "io_buffer_size",
                "the host's tools choose their own buffers",
            ),
        ],
        FILE_ARGS,
    ],
    rules: &[Rule::Exclusive(&["include", "exclude"])],
    check: CheckSupport::Partial,
    returns: &[
        ("dest", "the directory"),
        ("src", "the archive"),
        ("handler", "what unpacked it, by Ansible's names"),
        ("files", "the members, with `list_files`"),
        (
            "extract_results",
            "`cmd`, `rc`, `out` and `err` of the tool",
        ),
        ("mode", "permissions of the directory"),
        ("owner", "its owner's name"),
        ("group", "its group's name"),
        ("uid", "its owner's number"),
        ("gid", "its group's number"),
        ("size", "its size"),
        ("state", "`directory`"),
    ],
    example: "- unarchive:\n    src: https://example.org/app-1.2.tar.gz\n    dest: /opt\n    remote_src: true\n    creates: /opt/app-1.2/bin/app\n",
    run: Run::Bind(bind),
};

enum From {
    /// A file of the control machine.
    Here(Source, String),
    /// On the host.
    There(String),
    /// To be downloaded by the host.
    Url(Box<Request>),
}

struct Unarchive {
    from: From,
    dest: String,
    creates: Option<String>,
    include: Vec<String>,
    exclude: Vec<String>,
    extra: Vec<String>,
    list: bool,
    newer: bool,
    wanted: Wanted,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let src = args.str("src").to_owned();
    let remote = args.bool("remote_src") || !args.bool("copy");
    let from = if src.contains("://") {
        if !remote {
            return Err(Fail::new("an address as `src` needs `remote_src: true`"));
        }
        From::Url(Box::new(Request::of(args, &src)?))
    } else if remote {
        From::There(src)
    } else {
        let path = ctx.files.find("files", &src)?;
        From::Here(Source::file(ctx.files, &path, args.bool("decrypt"))?, src)
    };
    let wanted = Wanted::of(args)?;
    if wanted.mode == Some(Mode::Preserve) {
        return Err(Fail::new(
            "mode must be in octal or symbolic form, not `preserve`",
        ));
    }
    Ok(Bound::Converse(Box::new(Unarchive {
        from,
        dest: args.str("dest").to_owned(),
        creates: args.opt_str("creates").map(str::to_owned),
        include: args.list("include"),
        exclude: args.list("exclude"),
        extra: args.list("extra_opts"),
        list: args.bool("list_files"),
        newer: args.bool("keep_newer"),
        wanted,
        setting: Setting::of(ctx),
    })))
}

impl Converse for Unarchive {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let mut work = None;
            let outcome = self.carry(host, &mut work).await;
            if let Some(path) = work {
                host.act(Action::Remove { path }).await?;
            }
            outcome
        })
    }
}

/// The members' attributes: what all of these paths shall have.
struct Members<'a> {
    paths: Vec<String>,
    wanted: &'a Wanted,
    setting: &'a Setting,
}

impl Decide for Members<'_> {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        known.all(self.paths.iter().flat_map(|p| {
            let own = self.wanted.queries(p);
            own.chain([Query::lstat(p)]).collect::<Vec<_>>()
        }))?;
        let mut actions = Vec::new();
        for path in &self.paths {
            if let Some(stat) = known.stat(path, false)? {
                actions.extend(
                    self.wanted
                        .at(known, self.setting, path, Some(stat), stat.kind)?
                        .actions(path),
                );
            }
        }
        Ok(Decision::change(Map::new(), actions))
    }
}

impl Unarchive {
    async fn expand(&self, host: &mut dyn Remote, path: &str) -> Result<String, Fail> {
        let Some(query) = self.setting.expansion(path) else {
            return Ok(path.to_owned());
        };
        let mut known = Known::default();
        if let Some(answer) = host.ask(vec![query.clone()]).await?.pop() {
            known.learn(query, answer);
        }
        self.setting
            .expand(&known, path)
            .map_err(|_| Fail::new(format!("`{path}` could not be expanded")))
    }

    /// Brings the archive to the host; where it is there, `None` in check mode when it cannot be brought.
    async fn source(
        &self,
        host: &mut dyn Remote,
        work: &mut Option<String>,
    ) -> Result<Option<String>, Fail> {
        if let From::There(src) = &self.from {
            let src = self.expand(host, src).await?;
            return match host.ask(vec![Query::stat(&src)]).await?.first() {
                Some(Answer::Stat(Some(s))) if s.kind == FileType::Directory => {
                    Err(Fail::new(format!("Source '{src}' is a directory")))
                }
                Some(Answer::Stat(Some(s))) if !s.access.0 => {
                    Err(Fail::new(format!("Source '{src}' not readable")))
                }
                Some(Answer::Stat(Some(_))) => Ok(Some(src)),
                _ => Err(Fail::new(format!("Source '{src}' does not exist"))),
            };
        }
        if host.check() {
            return Ok(None);
        }
        let mut make = Cmd::script("umask 077; mktemp -d");
        make.touches = Touches::Nothing;
        make.env.clone_from(&self.setting.environment);
        let made = host.act(Action::Run(make)).await?;
        first_failure(std::slice::from_ref(&made))?;
        let dir = made.stdout.trim().to_owned();
        *work = Some(dir.clone());
        let path = join(&dir, "source");
        match &self.from {
            From::Here(source, _) => {
                let attrs = Attrs {
                    mode: Some(0o600),
                    ..Attrs::default()
                };
                let write = Action::Write {
                    path: path.clone(),
                    content: source.content.clone(),
                    attrs,
                    backup: false,
                    validate: None,
                    in_place: false,
                };
                first_failure(&[host.act(write).await?])?;
            }
            From::Url(request) => {
                let rest = format!(
                    "[ \"$code\" = 200 ] || {{ echo \"Failure downloading: $code $err\" >&2; exit 92; }}\nmv \"$d/body\" {}\n",
                    quote::path(&path)
                );
                let mut cmd = request.command("", &rest);
                cmd.env.clone_from(&self.setting.environment);
                first_failure(&[host.act(Action::Run(cmd)).await?])
                    .map_err(|f| Fail::new(f.msg))?;
            }
            From::There(_) => {}
        }
        Ok(Some(path))
    }

    async fn carry(
        &self,
        host: &mut dyn Remote,
        work: &mut Option<String>,
    ) -> Result<Outcome, Fail> {
        let mut result = Map::new();
        if let Some(creates) = &self.creates {
            let creates = self.expand(host, creates).await?;
            if matches!(
                host.ask(vec![Query::stat(&creates)]).await?.first(),
                Some(Answer::Stat(Some(_)))
            ) {
                result.insert(
                    "msg".into(),
                    format!("skipped, since {creates} exists").into(),
                );
                return Ok(Outcome {
                    skipped: true,
                    result,
                    ..Outcome::default()
                });
            }
        }
        let dest = self.expand(host, &self.dest).await?;
        if !matches!(host.ask(vec![Query::stat(&dest)]).await?.first(), Some(Answer::Stat(Some(s))) if s.kind == FileType::Directory)
        {
            return Err(Fail::new(format!("dest '{dest}' must be an existing dir")));
        }
        result.insert("dest".into(), dest.clone().into());
        let Some(src) = self.source(host, work).await? else {
            // In check mode nothing is brought to the host, so nothing can be compared.
            result.insert("src".into(), self.named().into());
            return Ok(Outcome {
                changed: true,
                result,
                ..Outcome::default()
            });
        };
        result.insert(
            "src".into(),
            if work.is_some() {
                self.named()
            } else {
                src.clone()
            }
            .into(),
        );
        let script = self.script(&src, &dest, "compare");
        let Some(Answer::Output { rc, stdout, stderr }) =
            host.ask(vec![self.setting.read(script)]).await?.pop()
        else {
            return Err(Fail::new("the host did not answer"));
        };
        let said: Vec<(&str, &str)> = stdout.lines().filter_map(|l| l.split_once('\t')).collect();
        let get = |key: &str| said.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        if rc != 0 {
            let tools = if stderr.trim().is_empty() {
                stdout.trim()
            } else {
                stderr.trim()
            };
            return Err(Fail {
                msg: format!("Failed to find handler for \"{src}\": {tools}"),
                result,
            });
        }
        result.insert(
            "handler".into(),
            get("handler").unwrap_or("TarArchive").into(),
        );
        let members: Vec<String> = said
            .iter()
            .filter(|(k, v)| *k == "member" && !v.is_empty())
            .map(|(_, v)| (*v).to_owned())
            .collect();
        let mut changed = get("differs").is_some();
        if changed && !host.check() {
            let mut cmd = Cmd::script(self.script(&src, &dest, "extract"));
            cmd.env.clone_from(&self.setting.environment);
            cmd.touches = Touches::Path(dest.clone());
            let report = host.act(Action::Run(cmd)).await?;
            let extracted = Value::map([
                ("rc", Value::from(report.rc)),
                ("out", report.stdout.clone().into()),
                ("err", report.stderr.clone().into()),
                ("cmd", "".into()),
            ]);
            result.insert("extract_results".into(), extracted);
            if report.rc != 0 {
                return Err(Fail {
                    msg: format!("failed to unpack {src} to {dest}: {}", report.stderr.trim()),
                    result,
                });
            }
        }
        if !self.wanted.is_empty() {
            let paths = members
                .iter()
                .map(|m| join(&dest, m.trim_start_matches("./").trim_end_matches('/')))
                .collect();
            let outcome = host
                .carry_out(&Members {
                    paths,
                    wanted: &self.wanted,
                    setting: &self.setting,
                })
                .await?;
            changed |= outcome.changed;
        }
        if self.list {
            result.insert(
                "files".into(),
                Value::list(members.into_iter().map(Value::from)),
            );
        }
        if let Some(Answer::Stat(Some(stat))) = host.ask(vec![Query::stat(&dest)]).await?.first() {
            for (key, value) in [
                ("uid", stat.uid.into()),
                ("gid", stat.gid.into()),
                ("owner", Value::from(stat.owner.clone())),
                ("group", stat.group.clone().into()),
                ("mode", super::mode::octal(stat.mode).into()),
                ("state", "directory".into()),
                ("size", stat.size.into()),
            ] {
                result.insert(key.into(), value);
            }
        }
        Ok(Outcome {
            changed,
            result,
            ..Outcome::default()
        })
    }

    fn named(&self) -> String {
        match &self.from {
            From::Here(_, src) | From::There(src) => src.clone(),
            From::Url(request) => request.shown().to_owned(),
        }
    }

    /// The script that compares (lines `handler`, `member`, `differs`) or extracts.
    fn script(&self, src: &str, dest: &str, what: &str) -> String {
        let (src, dest) = (quote::path(src), quote::path(dest));
        let extra = quote::words(&self.extra);
        let exclude = quote::words(self.exclude.iter().map(|e| format!("--exclude={e}")));
        let include = quote::words(&self.include);
        let leave = if self.exclude.is_empty() {
            String::new()
        } else {
            format!("-x {}", quote::words(&self.exclude))
        };
        let (newer_tar, newer_zip) = if self.newer {
            ("--keep-newer-files", "-u")
        } else {
            ("", "")
        };
        // What root sees of owners and modes matters only where the task does not set them itself.
        let mut ignore = vec!["Uid differs", "Gid differs"];
        if self.wanted.mode.is_some() {
            ignore.push("Mode differs");
        }
        if self.setting.root {
            if self.wanted.owner.is_none() {
                ignore.retain(|i| *i != "Uid differs");
            }
            if self.wanted.group.is_none() {
                ignore.retain(|i| *i != "Gid differs");
            }
        }
        let ignore = if ignore.is_empty() {
            "^$".to_owned()
        } else {
            format!(": ({})$", ignore.join("|"))
        };
        let newer = if self.newer {
            "|: Mod time differs$"
        } else {
            ""
        };
        format!(
            "export LC_ALL=C; s={src}; d={dest}\n\
             case $(od -An -tx1 -N6 \"$s\" | tr -d ' \\n') in 504b*) h=ZipArchive;; 1f8b*) h=TgzArchive;; 425a68*) h=TarBzipArchive;; fd377a585a00) h=TarXzArchive;; 28b52ffd*) h=TarZstdArchive;; *) h=TarArchive;; esac\n\
             gnu=; tar --version 2>/dev/null | grep -q 'GNU tar' && gnu=1\n\
             if [ $h = ZipArchive ]; then command -v unzip >/dev/null 2>&1 || {{ echo 'unzip is not on the host' >&2; exit 91; }}\n\
             names() {{ unzip -Z1 \"$s\" {include} {leave} 2>/dev/null || unzip -l \"$s\" | sed -n '/^ *-----/,/^ *-----/p' | sed '/^ *-----/d; s/^ *[0-9]* *[^ ]* *[^ ]* *//'; }}\n\
             unpack() {{ unzip -o -q {newer_zip} {extra} \"$s\" {include} {leave} -d \"$1\"; }}\n\
             else command -v tar >/dev/null 2>&1 || {{ echo 'tar is not on the host' >&2; exit 91; }}\n\
             names() {{ tar ${{gnu:+--show-transformed-names}} {extra} {exclude} -tf \"$s\" {include}; }}\n\
             unpack() {{ tar -C \"$1\" ${{gnu:+{newer_tar}}} {extra} {exclude} -xf \"$s\" {include}; }}\nfi\n\
             if [ {what} = extract ]; then unpack \"$d\"; exit; fi\n\
             all=$(names) || exit 92\n\
             printf 'handler\\t%s\\n' $h; printf '%s\\n' \"$all\" | sed 's/^/member\\t/'\n\
             if [ $h != ZipArchive ] && [ -n \"$gnu\" ]; then\n\
             tar --diff -C \"$d\" {extra} {exclude} -f \"$s\" {include} 2>&1 | grep -E ': (Mode|Uid|Gid|Mod time|Size|Contents|Symlink|File type) differ|Cannot stat: No such file|: Not linked to ' | grep -v '^tar: : ' | grep -vE '{ignore}{newer}' | grep -q . && printf 'differs\\t1\\n'; exit 0\nfi\n\
             t=$(mktemp -d \"$d/.hoist.XXXXXX\") || exit 92; trap 'rm -rf \"$t\"' EXIT; unpack \"$t\" || exit 92; cd \"$t\"\n\
             find . ! -name . \\( -type f -o -type l -o -type d \\) -exec sh -c 'd=$1; shift; for f; do if [ -L \"$f\" ]; then [ \"$(readlink \"$f\")\" = \"$(readlink \"$d/$f\")\" ]; elif [ -d \"$f\" ]; then [ -d \"$d/$f\" ]; else cmp -s \"$f\" \"$d/$f\"; fi || {{ echo x; break; }}; done' sh \"$d\" {{}} + | grep -q x && printf 'differs\\t1\\n'\n\
             exit 0\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{Host, Server};
    use serde_json::json;

    fn sh(dir: &std::path::Path, script: &str) {
        assert!(
            std::process::Command::new("sh")
                .arg("-c")
                .arg(script)
                .current_dir(dir)
                .status()
                .unwrap()
                .success(),
            "{script}"
        );
    }

    #[test]
    fn archives_are_unpacked_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(
            dir.path(),
            "mkdir -p app/sub out strip && echo one >app/a && echo two >app/sub/b && ln -s a app/l && tar czf app.tgz app && tar cf app.tar app",
        );
        for (archive, handler) in [("app.tgz", "TgzArchive"), ("app.tar", "TarArchive")] {
            let args = json!({"src": at(archive), "dest": at("out"), "remote_src": true, "list_files": true});
            let first = Host::real()
                .converse(&UNARCHIVE, args.clone(), false)
                .unwrap();
            assert_eq!(
                (first.changed, first.result["handler"].to_string().as_str()),
                (true, handler)
            );
            assert_eq!(
                std::fs::read_to_string(dir.path().join("out/app/sub/b")).unwrap(),
                "two\n"
            );
            assert_eq!(first.result["files"].as_list().unwrap().len(), 5);
            assert!(
                !Host::real()
                    .converse(&UNARCHIVE, args.clone(), false)
                    .unwrap()
                    .changed
            );
            assert!(
                !Host::real()
                    .converse(&UNARCHIVE, args.clone(), true)
                    .unwrap()
                    .changed
            );
            std::fs::write(dir.path().join("out/app/a"), "other").unwrap();
            assert!(
                Host::real()
                    .converse(&UNARCHIVE, args.clone(), true)
                    .unwrap()
                    .changed
            );
            assert_eq!(
                std::fs::read_to_string(dir.path().join("out/app/a")).unwrap(),
                "other",
                "check mode leaves it"
            );
            sh(dir.path(), "rm -r out/app");
        }
        let strip = json!({"src": at("app.tgz"), "dest": at("strip"), "remote_src": true, "extra_opts": ["--strip-components=1"], "exclude": ["app/sub"]});
        assert!(
            Host::real()
                .converse(&UNARCHIVE, strip.clone(), false)
                .unwrap()
                .changed
        );
        assert!(
            !Host::real()
                .converse(&UNARCHIVE, strip, false)
                .unwrap()
                .changed
        );
        assert!(dir.path().join("strip/a").exists() && !dir.path().join("strip/sub").exists());
        let skipped = Host::real().converse(&UNARCHIVE, json!({"src": at("app.tgz"), "dest": at("out"), "remote_src": true, "creates": at("app")}), false).unwrap();
        assert!(skipped.skipped);
    }

    #[test]
    fn archives_come_by_address_and_mistakes_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        let server = Server::start(&[
            ("/x", "200 OK", "", "no archive"),
            ("/none", "404 Not Found", "", ""),
        ]);
        let said = |src: &str, dest: &str| {
            let fail = Host::real()
                .converse(
                    &UNARCHIVE,
                    json!({"src": src, "dest": dest, "remote_src": true}),
                    false,
                )
                .unwrap_err();
            fail.msg
                .lines()
                .next()
                .unwrap_or_default()
                .replace(&at(""), "DIR/")
        };
        insta::assert_snapshot!(said("/none.tgz", &at("")), @"Source '/none.tgz' does not exist");
        insta::assert_snapshot!(said("/none.tgz", "/none"), @"dest '/none' must be an existing dir");
        insta::assert_snapshot!(said(&format!("{}/none", server.url), &at("")), @"Failure downloading: 404");
        assert!(
            said(&format!("{}/x", server.url), &at("")).starts_with("Failed to find handler for ")
        );
    }
}
