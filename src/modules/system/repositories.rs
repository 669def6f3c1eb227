//! Where packages come from: `deb822_repository`, `apt_repository`.

use super::apt_get::AptGet;
use super::tools::{Plan, Site, failed, fetch, last_words, map, octal, text_diff, texts, write_as};
use crate::host::{Action, Attrs, Cmd, Known, Program, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Run, Spec, Step,
};
use crate::value::Value;
use std::collections::BTreeMap;

/// `ansible.builtin.deb822_repository`.
pub(super) static DEB822: Spec = Spec {
    name: "ansible.builtin.deb822_repository",
    aliases: &[],
    about: "sets up an apt repository in a `.sources` file, with its key",
    free_form: None,
    args: &[&[
        Arg::str("name", "the repository; the file is named after it").required(),
        Arg::str("state", "whether it is there")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::list("types", "what it holds")
            .choices(&["deb", "deb-src"])
            .default("deb"),
        Arg::list("uris", "its addresses"),
        Arg::list("suites", "its suites"),
        Arg::list("components", "its components"),
        Arg::list("architectures", "architectures to read"),
        Arg::list("languages", "languages to read"),
        Arg::list("targets", "kinds of index to read"),
        Arg::str(
            "signed_by",
            "its key: an address, a file on the host, a fingerprint, or the armoured key itself",
        ),
        Arg::bool("enabled", "whether apt uses it"),
        Arg::bool("allow_downgrade_to_insecure", "let it lose its signature"),
        Arg::bool("allow_insecure", "let it be unsigned"),
        Arg::bool("allow_weak", "let it be signed weakly"),
        Arg::bool("by_hash", "fetch indexes by their hash"),
        Arg::bool("check_date", "check the date of its release"),
        Arg::bool(
            "check_valid_until",
            "check that its release has not run out",
        ),
        Arg::int("date_max_future", "seconds by which its date may lie ahead"),
        Arg::str("inrelease_path", "where its release file is"),
        Arg::bool("pdiffs", "use differences of indexes"),
        Arg::bool("trusted", "trust it without a signature"),
        Arg::mode("mode", "mode of the file").default("0644"),
        Arg::bool(
            "install_python_debian",
            "without effect: nothing is needed on the host",
        ),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("repo", "the file's text"),
        ("dest", "the file"),
        ("key_filename", "the key's file"),
    ],
    example: "- ansible.builtin.deb822_repository:\n    name: docker\n    uris: https://download.docker.com/linux/debian\n    suites: bookworm\n    components: stable\n    signed_by: https://download.docker.com/linux/debian/gpg\n",
    run: Run::Bind(bind_deb822),
};

/// `ansible.builtin.apt_repository`.
pub(super) static APT: Spec = Spec {
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
    run: Run::Bind(bind_apt),
};

struct Deb822 {
    args: Args,
    slug: String,
    mode: u32,
    site: Site,
}

fn bind_deb822(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let mut slug = String::new();
    for c in args.str("name").to_lowercase().chars() {
        if c == '_' || c.is_whitespace() {
            if !slug.ends_with('-') {
                slug.push('-');
            }
        } else if c.is_ascii_alphanumeric() || c == '-' {
            slug.push(c);
        }
    }
    if slug.is_empty() {
        return Err(Fail::new("`name` must hold letters or digits"));
    }
    Ok(Bound::Decide(Box::new(Deb822 {
        mode: octal(args, "mode")?.unwrap_or(0o644),
        slug,
        args: args.clone(),
        site: Site::of(ctx),
    })))
}

impl Deb822 {
    fn key_file(&self, extension: &str) -> String {
        format!("/etc/apt/keyrings/{}.{extension}", self.slug)
    }

    /// The key's file and the value of `Signed-By`; plans its download.
    fn key(
        &self,
        known: &Known,
        plan: &mut Plan,
    ) -> Result<(Option<String>, Option<String>), Step> {
        let Some(key) = self.args.opt_str("signed_by") else {
            return Ok((None, None));
        };
        if !key.contains("://") || key.contains('\n') {
            let file = key.starts_with('/') && !key.contains('\n');
            return Ok((file.then(|| key.to_owned()), Some(key.to_owned())));
        }
        let get = fetch(key, true);
        let query = self.site.read(format!(
            "{get}f \"$d/k\" || exit 1\nsha256sum < \"$d/k\" | cut -c1-64\nif grep -q -e '-----BEGIN PGP' \"$d/k\"; then echo asc; else echo gpg; fi"
        ));
        let (rc, said, stderr) = known.output(query)?;
        if rc != 0 {
            return Err(
                Fail::new(format!("Could not fetch signed_by key: {}", stderr.trim())).into(),
            );
        }
        let mut lines = said.lines();
        let (sum, kind) = (
            lines.next().unwrap_or_default(),
            lines.next().unwrap_or("asc"),
        );
        let path = self.key_file(kind);
        known.all([Query::sha256(&path), Query::stat(&path)])?;
        if known.digest(&path, crate::host::Algorithm::Sha256)? != Some(sum) {
            let to = quote::word(&path);
            plan.run_or(
                self.site.sh(format!(
                    "{get}mkdir -p -m 755 /etc/apt/keyrings || exit 1\nf \"$d/k\" || exit 1\n\
                     [ \"$(sha256sum < \"$d/k\" | cut -c1-64)\" = {sum} ] || {{ echo 'the key changed while it was fetched' >&2; exit 1; }}\n\
                     cp \"$d/k\" {to}.new && chmod 644 {to}.new && mv {to}.new {to}"
                )),
                "Could not fetch signed_by key",
            );
        } else if known.stat(&path, true)?.is_some_and(|s| s.mode != 0o644) {
            plan.put(set_mode(&path, 0o644));
        }
        Ok((Some(path.clone()), Some(path)))
    }

    fn text(&self, signed_by: Option<&str>) -> String {
        let keys = [
            "allow_downgrade_to_insecure",
            "allow_insecure",
            "allow_weak",
            "architectures",
            "by_hash",
            "check_date",
            "check_valid_until",
            "components",
            "date_max_future",
            "enabled",
            "inrelease_path",
            "languages",
            "name",
            "pdiffs",
            "signed_by",
            "suites",
            "targets",
            "trusted",
            "types",
            "uris",
        ];
        let mut out = String::new();
        for key in keys {
            let value = match self.args.raw(key) {
                _ if key == "signed_by" => signed_by.map(str::to_owned),
                Some(Value::Bool(b)) => Some(if *b { "yes" } else { "no" }.to_owned()),
                Some(Value::List(items)) => Some(
                    items
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" "),
                ),
                Some(other) => Some(other.to_string()),
                None => None,
            };
            let Some(value) = value else { continue };
            let field = match key {
                "name" => "X-Repolib-Name".to_owned(),
                "uris" => "URIs".to_owned(),
                key => key
                    .split('_')
                    .map(|w| format!("{}{}", w[..1].to_uppercase(), &w[1..]))
                    .collect::<Vec<_>>()
                    .join("-"),
            };
            if value.trim().contains('\n') {
                out.push_str(&format!("{field}:\n"));
                for line in value.trim().lines() {
                    let line = if line.trim().is_empty() { "." } else { line };
                    out.push_str(&format!(" {line}\n"));
                }
            } else {
                out.push_str(&format!("{field}: {}\n", value.trim()));
            }
        }
        out
    }
}

fn set_mode(path: &str, mode: u32) -> Action {
    Action::SetAttrs {
        path: path.to_owned(),
        attrs: Attrs {
            mode: Some(mode),
            ..Attrs::default()
        },
        follow: true,
        recurse: false,
    }
}

impl Decide for Deb822 {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let dest = format!("/etc/apt/sources.list.d/{}.sources", self.slug);
        let mut plan = Plan::new(map([("repo", Value::Null), ("dest", dest.as_str().into())]));
        if self.args.str("state") == "absent" {
            let files = [dest, self.key_file("asc"), self.key_file("gpg")];
            known.all(files.iter().map(|f| Query::lstat(f)))?;
            for file in &files {
                if known.stat(file, false)?.is_some() {
                    plan.put(Action::Remove { path: file.clone() });
                }
            }
            plan.result
                .insert("key_filename".into(), files[2].as_str().into());
            return Ok(plan.decision());
        }
        let (key_file, signed_by) = self.key(known, &mut plan)?;
        known.all([Query::Content { path: dest.clone() }, Query::stat(&dest)])?;
        let text = self.text(signed_by.as_deref());
        let before = known
            .content(&dest)?
            .map(|b| String::from_utf8_lossy(&b).into_owned());
        let attrs = Attrs {
            mode: Some(self.mode),
            ..Attrs::default()
        };
        if before.as_deref() != Some(&text) {
            plan.diff.extend(text_diff(
                self.site.diff,
                &dest,
                before.as_deref().unwrap_or_default(),
                &text,
            ));
            plan.put(write_as(&dest, text.clone(), attrs, false));
        } else if known
            .stat(&dest, true)?
            .is_some_and(|s| s.mode != self.mode)
        {
            plan.put(set_mode(&dest, self.mode));
        }
        plan.result.insert("repo".into(), text.into());
        plan.result.insert("key_filename".into(), key_file.into());
        Ok(plan.decision())
    }
}

struct AptRepository {
    repo: String,
    line: String,
    present: bool,
    file: String,
    mode: u32,
    update: Option<Cmd>,
    site: Site,
}

fn bind_apt(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
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
    use crate::host::Answer;
    use serde_json::json;

    fn listed(args: serde_json::Value, said: &str) -> Case {
        let c = case(args);
        let Query::Read { script, .. } = c.needs(&APT)[0].clone() else {
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
            listed(args.clone(), "").done(&APT).0,
            [format!("write {f} \"{r}\\n\" mode Some(\"644\")")]
        );
        assert!(
            listed(
                args.clone(),
                &format!("{f}:deb  [arch=amd64] https://u@deb.x.org/debian stable   main\n")
            )
            .done(&APT)
            .0
            .is_empty()
        );
        let off = format!("{f}:# {r}\n{f}:deb http://o x y\n");
        assert_eq!(
            listed(args, &off).done(&APT).0,
            [format!("write {f} \"{r}\\ndeb http://o x y\\n\" mode None")]
        );
        let gone = json!({"repo": r, "state": "absent"});
        let (shown, outcome) = listed(gone.clone(), &format!("{f}:{r}\n")).done(&APT);
        assert_eq!(shown[0], format!("Remove {{ path: \"{f}\" }}"));
        assert!(shown[1].contains("apt-get -q"));
        assert_eq!(outcome.result["sources_removed"].to_json(), json!([f]));
        assert!(!listed(gone, "").done(&APT).1.changed);
        let message = |repo: &str| {
            case(json!({"repo": repo}))
                .bind(&APT)
                .map(|_| ())
                .unwrap_err()
                .msg
        };
        insta::assert_snapshot!(message("ppa:a/b"), @"`ppa:a/b` is a PPA, which is not supported; give its line and key with `deb822_repository`");
        insta::assert_snapshot!(message("nonsense"), @"Invalid repository string: nonsense");
    }

    #[test]
    fn stanzas() {
        let dest = "/etc/apt/sources.list.d/my-repo.sources";
        let args = json!({"name": "My_Repo!", "uris": "https://x", "suites": ["a", "b"], "components": "main", "enabled": true, "signed_by": "/k.asc"});
        let text = "Components: main\nEnabled: yes\nX-Repolib-Name: My_Repo!\nSigned-By: /k.asc\nSuites: a b\nTypes: deb\nURIs: https://x\n";
        let c = |now: Option<&str>| {
            case(args.clone())
                .content(dest, now)
                .knows(Query::stat(dest), Answer::Stat(None))
        };
        assert_eq!(
            c(None).done(&DEB822).0,
            [format!("write {dest} {text:?} mode Some(\"644\")")]
        );
        assert!(c(Some(text)).done(&DEB822).0.is_empty());
    }

    #[test]
    fn keys_from_an_address_and_in_place() {
        let dest = "/etc/apt/sources.list.d/k.sources";
        let base = |signed: &str| {
            case(json!({"name": "k", "signed_by": signed}))
                .content(dest, None)
                .knows(Query::stat(dest), Answer::Stat(None))
        };
        let inline = base("-----BEGIN PGP\n\nabc\n-----END").done(&DEB822).1;
        assert!(
            inline.result["repo"]
                .to_string()
                .contains("Signed-By:\n -----BEGIN PGP\n .\n abc\n -----END\n")
        );
        let c = base("https://x/key");
        let Query::Read { script, .. } = c.needs(&DEB822)[0].clone() else {
            panic!()
        };
        let sum = "a".repeat(64);
        let path = "/etc/apt/keyrings/k.asc";
        let c = c
            .reads(&script, 0, &format!("{sum}\nasc\n"))
            .knows(Query::sha256(path), Answer::Text(None))
            .knows(Query::stat(path), Answer::Stat(None));
        let (shown, outcome) = c.done(&DEB822);
        assert_eq!(shown.len(), 2);
        assert_eq!(outcome.result["key_filename"].to_string(), path);
    }
}
