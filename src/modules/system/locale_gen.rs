//! `locale_gen`: the host's locales.

use super::tools::{Plan, Site, map, write};
use crate::host::{Known, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};

/// `community.general.locale_gen`.
pub(super) static SPEC: Spec = Spec {
    name: "community.general.locale_gen",
    aliases: &[],
    about: "makes and removes locales",
    free_form: None,
    args: &[&[
        Arg::list("name", "the locales, `de_DE.UTF-8`").required(),
        Arg::str("state", "whether they are there")
            .choices(&["absent", "present"])
            .default("present"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[("mechanism", "how locales are made on the host")],
    example: "- community.general.locale_gen:\n    name: de_DE.UTF-8\n",
    run: Run::Bind(bind),
};

struct LocaleGen {
    names: Vec<String>,
    present: bool,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(LocaleGen {
        names: args.list("name"),
        present: args.str("state") == "present",
        site: Site::of(ctx),
    })))
}

const FILE: &str = "/etc/locale.gen";

/// `locale -a` spells encodings its own way.
fn plain(name: &str) -> String {
    let (base, encoding) = name.split_once('.').unwrap_or((name, ""));
    format!("{base}.{}", encoding.to_lowercase().replace('-', ""))
}

/// The locale and character set of a line, a comment or not.
fn line(text: &str) -> Option<(&str, &str)> {
    let mut words = text.trim_start().trim_start_matches('#').split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(name), Some(charset), None) if name.contains(['.', '_']) => Some((name, charset)),
        _ => None,
    }
}

impl Decide for LocaleGen {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let probe = self.site.read("locale -a");
        let path = Query::Content { path: FILE.into() };
        let supported = Query::Content {
            path: "/usr/share/i18n/SUPPORTED".into(),
        };
        known.all([probe.clone(), path, supported])?;
        let made: Vec<String> = known.output(probe)?.1.lines().map(plain).collect();
        let Some(bytes) = known.content(FILE)? else {
            return Err(Fail::new(format!(
                "{FILE} is missing. Is the package \"locales\" installed?"
            ))
            .into());
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let all = known
            .content("/usr/share/i18n/SUPPORTED")?
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default();
        let is_made = |n: &&String| made.contains(&plain(n));
        let find = |n: &str| {
            text.lines()
                .chain(all.lines())
                .filter_map(line)
                .find(|(name, _)| *name == n)
        };
        let missing: Vec<&str> = self
            .names
            .iter()
            .filter(|n| find(n).is_none() && !is_made(n))
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            return Err(Fail::new(format!(
                "The following locales you have entered are not available on your system: {}",
                missing.join(", ")
            ))
            .into());
        }
        let mut plan = Plan::new(map([("mechanism", "glibc".into())]));
        // Some that are to go and are not all there: absent already, as Ansible sees it.
        let present = self.names.iter().all(|n| is_made(&n));
        if present == self.present {
            return Ok(plan.decision());
        }
        let mut left: Vec<&String> = self.names.iter().collect();
        let mut new = String::new();
        for old in text.lines() {
            match line(old).filter(|(n, _)| self.names.iter().any(|w| w == n)) {
                Some((name, charset)) => {
                    left.retain(|n| *n != name);
                    let off = if self.present { "" } else { "# " };
                    new.push_str(&format!("{off}{name} {charset}\n"));
                }
                None => new.push_str(&format!("{old}\n")),
            }
        }
        if self.present {
            for name in left {
                if let Some((name, charset)) = find(name) {
                    new.push_str(&format!("{name} {charset}\n"));
                }
            }
        }
        if new != text {
            plan.put(write(FILE, new));
        }
        plan.run(self.site.argv(["locale-gen"]));
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use serde_json::json;

    #[test]
    fn locales() {
        let run = |args: serde_json::Value, made: &str| {
            case(args)
                .reads("locale -a", 0, made)
                .content(
                    FILE,
                    Some("# text here\n# de_DE.UTF-8 UTF-8\nen_US.UTF-8 UTF-8\n"),
                )
                .content("/usr/share/i18n/SUPPORTED", None)
                .tried_with(&SPEC, vec![])
        };
        let de = json!({"name": "de_DE.UTF-8"});
        assert!(run(de.clone(), "C\nde_DE.utf8\n").0.is_empty());
        assert_eq!(
            run(de, "C\n").0,
            [
                "write /etc/locale.gen \"# text here\\nde_DE.UTF-8 UTF-8\\nen_US.UTF-8 UTF-8\\n\" mode None",
                "locale-gen"
            ]
        );
        assert_eq!(
            run(
                json!({"name": "en_US.UTF-8", "state": "absent"}),
                "en_US.utf8\n"
            )
            .0
            .len(),
            2
        );
        assert!(
            run(json!({"name": "xx_XX.UTF-8"}), "C\n")
                .1
                .unwrap_err()
                .msg
                .contains("not available on your system: xx_XX.UTF-8")
        );
    }
}
