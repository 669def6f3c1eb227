//! `apt_repository`: a line of a `.list` file.

use super::apt_get::AptGet;
use super::tools::{Plan, Site, failed, last_words, map, octal, texts, write_as};
use crate::host::{Action, Attrs, Cmd, Known, Program, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Run, Spec, Step,
};
use std::collections::BTreeMap;

/// `ansible.builtin.apt_repository`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.apt_repository",
    aliases: &[],
    about: "sets up an apt repository in a `.list` file",
    free_form: None,
    args: &[&[
        Arg::str(
            "repo",
            "the line: `deb [signed-by=…] https://… suite component`",
        )
        .required(),
        Arg::str("state", "whether it is there")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::str("filename", "name of a new file, without `.list`"),
        Arg::mode("mode", "mode of a new file").default("0644"),
        Arg::bool("update_cache", "read the package lists when it changed")
            .alias(&["update-cache"])
            .default("true"),
        Arg::int("update_cache_retries", "attempts at reading the lists").default("5"),
        Arg::int(
            "update_cache_retry_max_delay",
            "most seconds between attempts",
        )
        .default("12"),
        Arg::bool(
            "install_python_apt",
            "without effect: nothing is needed on the host",
        )
        .default("true"),
        Arg::refused(
            "codename",
            "it is for PPAs; give their line and key with `deb822_repository`",
        ),
        Arg::refused(
            "validate_certs",
            "it is for PPAs; give their line and key with `deb822_repository`",
        ),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("repo", "the line"),
        ("sources_added", "files made"),
        ("sources_removed", "files removed"),
    ],
    example: "- ansible.builtin.apt_repository:\n    repo: deb https://deb.example.org/debian stable main\n    filename: example\n",
    run: Run::Bind(bind),
};

struct AptRepository {
    repo: String,
    line: String,
    present: bool,
    file: String,
    mode: u32,
    update: Option<Cmd>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let repo = args.str("repo").trim().to_owned();
    if repo.starts_with("ppa:") {
        return Err(Fail::new(format!(
            "`{repo}` is a PPA, which is not supported; give its line and key with `deb822_repository`"
        )));
    }
    let line = normal(&repo);
    let valid =
        line.split(' ').count() >= 3 && matches!(line.split(' ').next(), Some("deb" | "deb-src"));
    if !valid {
        return Err(Fail::new(format!("Invalid repository string: {repo}")));
    }
    let site = Site::of(ctx);
    let file = match args.opt_str("filename") {
        Some(name) if name.starts_with('/') => format!("{name}.list"),
        Some(name) => format!("/etc/apt/sources.list.d/{name}.list"),
        None => format!("/etc/apt/sources.list.d/{}.list", suggested(&line)),
    };
    let retries = |name: &str, default| args.int(name).unwrap_or(default);
    Ok(Bound::Decide(Box::new(AptRepository {
        present: args.str("state") == "present",
        mode: octal(args, "mode")?.unwrap_or(0o644),
        update: args.bool("update_cache").then(|| {
            AptGet::new(args, site.clone()).update((
                retries("update_cache_retries", 5),
                retries("update_cache_retry_max_delay", 12),
            ))
        }),
        repo,
        line,
        file,
        site,
    })))
}

/// A source line with single spaces and without its comment.
fn normal(line: &str) -> String {
    let code = line.split(" #").next().unwrap_or_default();
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A file's name made from a source's address.
fn suggested(line: &str) -> String {
    let mut rest = line.to_owned();
    while let (Some(open), Some(close)) = (rest.find('['), rest.find(']')) {
        if close < open {
            break;
        }
        rest.replace_range(open..=close, "");
    }
    let address = rest
        .split_whitespace()
        .find(|w| !matches!(*w, "deb" | "deb-src"))
        .unwrap_or_default();
    let address = address.split_once("://").map_or(address, |(_, a)| a);
    let address = address.split_once('@').map_or(address, |(_, a)| a);
    address
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|p| !p.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}

impl Decide for AptRepository {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let query = self
            .site
            .read("for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do [ -f \"$f\" ] && sed \"s|^|$f:|\" \"$f\"; done; :");
        let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (file, line) in known
            .output(query)?
            .1
            .lines()
            .filter_map(|l| l.split_once(':'))
        {
            files.entry(file).or_default().push(line);
        }
        let disabled = |l: &str| l.trim_start().strip_prefix('#').map(normal);
        let is_on = |l: &str| normal(l) == self.line;
        let is_off = |l: &str| disabled(l).is_some_and(|d| d == self.line);
        let mut changes: Vec<(String, Option<String>, Option<String>)> = Vec::new();
        let join = |lines: &[String]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
        let mut found = false;
        for (file, lines) in &files {
            let before: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
            let after: Vec<String> = if self.present {
                found |= lines.iter().any(|l| is_on(l) || is_off(l));
                lines
                    .iter()
                    .map(|l| {
                        if is_off(l) {
                            self.line.clone()
                        } else {
                            (*l).to_owned()
                        }
                    })
                    .collect()
            } else {
                lines
                    .iter()
                    .filter(|l| !is_on(l) && !is_off(l))
                    .map(|l| (*l).to_owned())
                    .collect()
            };
            if before != after {
                let gone = after.iter().all(|l| l.trim().is_empty());
                changes.push((
                    (*file).to_owned(),
                    Some(join(&before)),
                    (!gone).then(|| join(&after)),
                ));
            }
        }
        if self.present && !found {
            let old = files
                .get(self.file.as_str())
                .map(|ls| ls.iter().map(|l| format!("{l}\n")).collect::<String>());
            let new = format!("{}{}\n", old.clone().unwrap_or_default(), self.repo);
            changes.push((self.file.clone(), old, Some(new)));
        }
        let names = |made: bool| {
            texts(
                changes
                    .iter()
                    .filter(|(_, old, new)| if made { old.is_none() } else { new.is_none() })
                    .map(|(f, ..)| f),
            )
        };
        let mut plan = Plan::new(map([
            ("repo", self.repo.as_str().into()),
            ("sources_added", names(true)),
            ("sources_removed", names(false)),
            (
                "state",
                if self.present { "present" } else { "absent" }.into(),
            ),
        ]));
        let mut undo = String::new();
        for (file, old, new) in changes {
            if self.site.diff {
                let header = |side: &Option<String>| {
                    if side.is_some() {
                        file.clone()
                    } else {
                        "/dev/null".into()
                    }
                };
                plan.diff.push(Diff {
                    before_header: header(&old),
                    after_header: header(&new),
                    before: old.clone().unwrap_or_default(),
                    after: new.clone().unwrap_or_default(),
                });
            }
            let word = quote::word(&file);
            undo.push_str(&match &old {
                None => format!("rm -f {word}\n"),
                Some(text) => format!("printf %s {} > {word}\n", quote::word(text)),
            });
            let mode = old.is_none().then_some(self.mode);
            plan.put(match new {
                None => Action::Remove { path: file },
                Some(text) => write_as(
                    &file,
                    text,
                    Attrs {
                        mode,
                        ..Attrs::default()
                    },
                    false,
                ),
            });
        }
        if let Some(update) = self.update.as_ref().filter(|_| !plan.is_empty()) {
            let mut update = update.clone();
            if let Program::Script { text, .. } = &mut update.program {
                // A source that cannot be read would break every later use of apt.
                *text = format!("({text}) >/dev/null || {{\n{undo}exit 1; }}");
            }
            plan.act(Action::Run(update), |r| {
                failed(format!("Failed to update apt cache: {}", last_words(r)), r)
            });
        }
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::Query;
    use serde_json::json;

    fn listed(args: serde_json::Value, said: &str) -> Case {
        let c = case(args);
        let Query::Read { script, .. } = c.needs(&SPEC)[0].clone() else {
            panic!()
        };
        c.reads(&script, 0, said)
    }

    #[test]
    fn lines() {
        let r = "deb [arch=amd64] https://u@deb.x.org/debian stable main";
        let f = "/etc/apt/sources.list.d/deb_x_org_debian.list";
        let args = json!({"repo": r, "update_cache": false});
        assert_eq!(
            listed(args.clone(), "").done(&SPEC).0,
            [format!("write {f} \"{r}\\n\" mode Some(\"644\")")]
        );
        assert!(
            listed(
                args.clone(),
                &format!("{f}:deb  [arch=amd64] https://u@deb.x.org/debian stable   main\n")
            )
            .done(&SPEC)
            .0
            .is_empty()
        );
        let off = format!("{f}:# {r}\n{f}:deb http://o x y\n");
        assert_eq!(
            listed(args, &off).done(&SPEC).0,
            [format!("write {f} \"{r}\\ndeb http://o x y\\n\" mode None")]
        );
        let gone = json!({"repo": r, "state": "absent"});
        let (shown, outcome) = listed(gone.clone(), &format!("{f}:{r}\n")).done(&SPEC);
        assert_eq!(shown[0], format!("Remove {{ path: \"{f}\" }}"));
        assert!(shown[1].contains("apt-get -q"));
        assert_eq!(outcome.result["sources_removed"].to_json(), json!([f]));
        assert!(!listed(gone, "").done(&SPEC).1.changed);
        let message = |repo: &str| {
            case(json!({"repo": repo}))
                .bind(&SPEC)
                .map(|_| ())
                .unwrap_err()
                .msg
        };
        insta::assert_snapshot!(message("ppa:a/b"), @"`ppa:a/b` is a PPA, which is not supported; give its line and key with `deb822_repository`");
        insta::assert_snapshot!(message("nonsense"), @"Invalid repository string: nonsense");
    }
}
