//! `group`: accounts of groups.

use super::tools::{Plan, Site, failed, last_words, map, put_output};
use crate::host::{Action, Cmd, Known, Query, Touches, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::Value;

/// `ansible.builtin.group`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.group",
    aliases: &[],
    about: "makes and removes groups",
    free_form: None,
    args: &[&[
        Arg::str("name", "the group").required(),
        Arg::str("state", "whether it exists")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::int("gid", "its number"),
        Arg::bool("system", "with a number of the system's range").default("false"),
        Arg::bool("non_unique", "let two groups share a number").default("false"),
        Arg::bool("force", "remove it even if it is somebody's primary group").default("false"),
        Arg::int("gid_min", "least number for a new group"),
        Arg::int("gid_max", "greatest number for a new group"),
        Arg::refused(
            "local",
            "groups are always made with `groupadd`, which writes local files; leave it out",
        ),
    ]],
    rules: &[Rule::If("non_unique", "True", &["gid"], false)],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the group"),
        ("gid", "its number"),
        ("state", "whether it exists"),
        ("system", "as given"),
    ],
    example: "- ansible.builtin.group:\n    name: docker\n    system: true\n",
    run: Run::Bind(bind),
};

struct Group {
    name: String,
    present: bool,
    gid: Option<i64>,
    system: bool,
    non_unique: bool,
    force: bool,
    range: (Option<i64>, Option<i64>),
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(Group {
        name: args.str("name").to_owned(),
        present: args.str("state") == "present",
        gid: args.int("gid"),
        system: args.bool("system"),
        non_unique: args.bool("non_unique"),
        force: args.bool("force"),
        range: (args.int("gid_min"), args.int("gid_max")),
        site: Site::of(ctx),
    })))
}

impl Decide for Group {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let query = Query::Group {
            name: self.name.clone(),
        };
        let there = known.fields(query)?;
        let state = if self.present { "present" } else { "absent" };
        let mut plan = Plan::new(map([
            ("name", self.name.as_str().into()),
            ("state", state.into()),
        ]));
        let name = quote::word(&self.name);
        let gid = there
            .and_then(|f| f.get("gid"))
            .and_then(|g| g.parse::<i64>().ok());
        match (self.present, there.is_some()) {
            (false, true) => {
                let force = if self.force { "-f " } else { "" };
                plan.run(self.site.sh(format!(
                    "if command -v groupdel >/dev/null 2>&1; then groupdel {force}{name}; else delgroup {name}; fi"
                )));
            }
            (true, false) => {
                plan.run(self.add());
                plan.quiet(Action::Run(look_up(&self.site, "group", &self.name)), |r| {
                    failed(format!("the new group was not found: {}", last_words(r)), r)
                });
            }
            (true, true) => {
                if let Some(wanted) = self.gid.filter(|g| Some(*g) != gid) {
                    let unique = if self.non_unique { " -o" } else { "" };
                    plan.run(self.site.sh(format!("groupmod -g {wanted}{unique} {name}")));
                }
                plan.result.insert("system".into(), self.system.into());
                plan.result
                    .insert("gid".into(), Value::from(self.gid.or(gid)));
            }
            (false, false) => {}
        }
        let (system, created) = (self.system, self.present && there.is_none());
        Ok(plan
            .enrich(move |result, reports| {
                if let Some(r) = reports.first()
                    && !(r.stdout.is_empty() && r.stderr.is_empty())
                {
                    put_output(result, &r.stdout, &r.stderr);
                }
                if let Some(found) = reports.get(1).filter(|_| created) {
                    let gid = found.stdout.trim().split(':').nth(2).unwrap_or_default();
                    result.insert("system".into(), system.into());
                    result.insert("gid".into(), Value::from(gid.parse::<i64>().ok()));
                }
                None
            })
            .decision())
    }
}

impl Group {
    fn add(&self) -> Cmd {
        let mut shadow = Vec::new();
        let mut busybox = Vec::new();
        if let Some(gid) = self.gid {
            shadow.extend(["-g".to_owned(), gid.to_string()]);
            busybox.extend(["-g".to_owned(), gid.to_string()]);
            if self.non_unique {
                shadow.push("-o".into());
            }
        }
        if self.system {
            shadow.push("-r".into());
            busybox.push("-S".into());
        }
        for (key, value) in [("GID_MIN", self.range.0), ("GID_MAX", self.range.1)] {
            if let Some(value) = value {
                shadow.extend(["-K".to_owned(), format!("{key}={value}")]);
            }
        }
        shadow.push(self.name.clone());
        busybox.push(self.name.clone());
        self.site.sh(format!(
            "if command -v groupadd >/dev/null 2>&1; then groupadd {}; else addgroup {}; fi",
            quote::words(shadow),
            quote::words(busybox)
        ))
    }
}

/// Reads an entry of a database of accounts, where `getent` is missing too.
pub(super) fn look_up(site: &Site, database: &str, name: &str) -> Cmd {
    let name = quote::word(name);
    Cmd {
        touches: Touches::Nothing,
        ..site.sh(format!(
            "if command -v getent >/dev/null 2>&1; then getent {database} {name}\n\
             else while IFS= read -r l; do case $l in {name}:*) printf '%s\\n' \"$l\"; exit 0;; esac; done < /etc/{database}; exit 2; fi"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::{Answer, Report};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn with(args: serde_json::Value, gid: Option<&str>) -> Case {
        let fields = gid.map(|g| BTreeMap::from([("gid".to_owned(), g.to_owned())]));
        case(args).knows(Query::Group { name: "g".into() }, Answer::Fields(fields))
    }

    #[test]
    fn decisions() {
        let add = |a: &str, b: &str| {
            format!(
                "sh: if command -v groupadd >/dev/null 2>&1; then groupadd {a}; else addgroup {b}; fi"
            )
        };
        let cases = [
            (json!({"name": "g"}), Some("5"), None),
            (json!({"name": "g", "gid": 5}), Some("5"), None),
            (json!({"name": "g", "gid": 6}), Some("5"), Some("sh: groupmod -g 6 g".to_owned())),
            (json!({"name": "g"}), None, Some(add("g", "g"))),
            (
                json!({"name": "g", "gid": 7, "system": true, "non_unique": true}),
                None,
                Some(add("-g 7 -o -r g", "-g 7 -S g")),
            ),
            (json!({"name": "g", "state": "absent"}), None, None),
            (
                json!({"name": "g", "state": "absent"}),
                Some("5"),
                Some("sh: if command -v groupdel >/dev/null 2>&1; then groupdel g; else delgroup g; fi".to_owned()),
            ),
        ];
        for (args, gid, expected) in cases {
            let (shown, outcome) = with(args.clone(), gid).done(&SPEC);
            assert_eq!(shown.first(), expected.as_ref(), "{args}");
            assert_eq!(outcome.changed, expected.is_some(), "{args}");
        }
    }

    #[test]
    fn the_new_number_comes_back() {
        let found = Report {
            stdout: "g:x:1001:\n".into(),
            ..Report::default()
        };
        let (_, outcome) =
            with(json!({"name": "g"}), None).done_with(&SPEC, vec![Report::default(), found]);
        assert_eq!(
            Value::from(outcome.result).to_json(),
            json!({"name": "g", "state": "present", "system": false, "gid": 1001})
        );
    }
}
