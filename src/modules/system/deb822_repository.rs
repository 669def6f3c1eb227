//! `deb822_repository`: a `.sources` file, and its key.

use super::tools::{Plan, Site, fetch, map, octal, text_diff, write_as};
use crate::host::{Action, Attrs, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::Value;

/// `ansible.builtin.deb822_repository`.
pub(super) static SPEC: Spec = Spec {
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
    run: Run::Bind(bind),
};

struct Deb822 {
    args: Args,
    slug: String,
    mode: u32,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
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

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use crate::host::Answer;
    use serde_json::json;

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
            c(None).done(&SPEC).0,
            [format!("write {dest} {text:?} mode Some(\"644\")")]
        );
        assert!(c(Some(text)).done(&SPEC).0.is_empty());
    }

    #[test]
    fn keys_from_an_address_and_in_place() {
        let dest = "/etc/apt/sources.list.d/k.sources";
        let base = |signed: &str| {
            case(json!({"name": "k", "signed_by": signed}))
                .content(dest, None)
                .knows(Query::stat(dest), Answer::Stat(None))
        };
        let inline = base("-----BEGIN PGP\n\nabc\n-----END").done(&SPEC).1;
        assert!(
            inline.result["repo"]
                .to_string()
                .contains("Signed-By:\n -----BEGIN PGP\n .\n abc\n -----END\n")
        );
        let c = base("https://x/key");
        let Query::Read { script, .. } = c.needs(&SPEC)[0].clone() else {
            panic!()
        };
        let sum = "a".repeat(64);
        let path = "/etc/apt/keyrings/k.asc";
        let c = c
            .reads(&script, 0, &format!("{sum}\nasc\n"))
            .knows(Query::sha256(path), Answer::Text(None))
            .knows(Query::stat(path), Answer::Stat(None));
        let (shown, outcome) = c.done(&SPEC);
        assert_eq!(shown.len(), 2);
        assert_eq!(outcome.result["key_filename"].to_string(), path);
    }
}
