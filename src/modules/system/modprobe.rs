//! `modprobe`: kernel modules, now and at boot.

use super::tools::{Plan, Site, map, write};
use super::words::shell_split;
use crate::host::{Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use std::collections::{BTreeMap, BTreeSet};

/// `community.general.modprobe`.
pub(super) static SPEC: Spec = Spec {
    name: "community.general.modprobe",
    aliases: &[],
    about: "loads and unloads kernel modules, now and at boot",
    free_form: None,
    args: &[&[
        Arg::str("name", "the module").required(),
        Arg::str("state", "whether it is loaded now")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::str("params", "its parameters").default(""),
        Arg::str(
            "persistent",
            "whether it is loaded at boot; `disabled` leaves that alone",
        )
        .choices(&["disabled", "absent", "present"])
        .default("disabled"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the module"),
        ("params", "its parameters"),
        ("state", "as given"),
    ],
    example: "- community.general.modprobe:\n    name: br_netfilter\n    persistent: present\n",
    run: Run::Bind(bind),
};

struct Modprobe {
    name: String,
    present: bool,
    params: String,
    words: Vec<String>,
    persistent: String,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let name = args.str("name").to_owned();
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    {
        return Err(Fail::new(format!(
            "`{name}` cannot be the name of a kernel module"
        )));
    }
    let params = args.str("params").to_owned();
    Ok(Bound::Decide(Box::new(Modprobe {
        words: shell_split(&params)
            .map_err(|e| Fail::new(format!("cannot split `params`: {e}")))?,
        name,
        present: args.str("state") == "present",
        params,
        persistent: args.str("persistent").to_owned(),
        site: Site::of(ctx),
    })))
}

impl Modprobe {
    fn loaded_script(&self) -> String {
        let kernel = self.name.replace('-', "_");
        let other = if self.name.contains('_') {
            self.name.replace('_', "-")
        } else {
            self.name.replace('-', "_")
        };
        format!(
            "grep -q '^{kernel} ' /proc/modules || grep -q -e '/{}\\.ko' -e '/{other}\\.ko' /lib/modules/\"$(uname -r)\"/modules.builtin 2>/dev/null",
            self.name
        )
    }

    /// Every line that speaks of the module in a folder's files, as `file:line`.
    fn lines_script(&self, folder: &str, pattern: &str) -> String {
        format!(
            "grep -H -E {} {folder}/* 2>/dev/null; :",
            quote::word(pattern)
        )
    }

    /// The files' text with those lines made comments.
    fn silence(&self, plan: &mut Plan, known: &Known, said: &str) -> Result<(), Step> {
        let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (file, line) in said.lines().filter_map(|l| l.split_once(':')) {
            files.entry(file).or_default().insert(line);
        }
        let queries = files.keys().map(|f| crate::host::Query::Content {
            path: (*f).to_owned(),
        });
        known.all(queries)?;
        for (file, lines) in files {
            let Some(bytes) = known.content(file)? else {
                continue;
            };
            let text: String = String::from_utf8_lossy(&bytes)
                .lines()
                .map(|l| {
                    if lines.contains(l) {
                        format!("#{l}\n")
                    } else {
                        format!("{l}\n")
                    }
                })
                .collect();
            plan.put(write(file, text));
        }
        Ok(())
    }
}

impl Decide for Modprobe {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let name = &self.name;
        let loaded = self.site.read(self.loaded_script());
        let keep = self.persistent != "disabled";
        let at_boot = self
            .site
            .read(self.lines_script("/etc/modules-load.d", &format!("^ *{name} *([#;].*)?$")));
        let options = self.site.read(self.lines_script(
            "/etc/modprobe.d",
            &format!("^options {name} [A-Za-z0-9_]+=[^ ]+ *([#;].*)?$"),
        ));
        let mut queries = vec![loaded.clone()];
        if keep {
            queries.extend([at_boot.clone(), options.clone()]);
        }
        known.all(queries)?;
        let mut plan = Plan::new(map([
            ("name", name.as_str().into()),
            ("params", self.params.as_str().into()),
            (
                "state",
                if self.present { "present" } else { "absent" }.into(),
            ),
        ]));
        let is_loaded = known.output(loaded)?.0 == 0;
        if self.present && !is_loaded {
            let argv = ["modprobe", name].into_iter().map(str::to_owned);
            plan.run(self.site.argv(argv.chain(self.words.iter().cloned())));
        } else if !self.present && is_loaded {
            plan.run(self.site.argv(["modprobe", "-r", name]));
        }
        if keep {
            let (boot, set) = (known.output(at_boot)?.1, known.output(options)?.1);
            let now: BTreeSet<&str> = set
                .lines()
                .filter_map(|l| l.split_once(':'))
                .filter_map(|(_, l)| l.split_whitespace().nth(2))
                .collect();
            if self.persistent == "present" {
                if boot.is_empty() {
                    plan.put(write(
                        &format!("/etc/modules-load.d/{name}.conf"),
                        format!("{name}\n"),
                    ));
                }
                let wanted: BTreeSet<&str> = self.params.split_whitespace().collect();
                if wanted != now {
                    let own = format!("/etc/modprobe.d/{name}.conf");
                    let others: String = set
                        .lines()
                        .filter(|l| !l.starts_with(&format!("{own}:")))
                        .map(|l| format!("{l}\n"))
                        .collect();
                    self.silence(&mut plan, known, &others)?;
                    let text: String = self
                        .params
                        .split_whitespace()
                        .map(|p| format!("options {name} {p}\n"))
                        .collect();
                    plan.put(write(&own, text));
                }
            } else {
                self.silence(&mut plan, known, boot)?;
                self.silence(&mut plan, known, set)?;
            }
        }
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use serde_json::json;

    fn with(args: serde_json::Value, loaded: bool, boot: &str, options: &str) -> Case {
        let [crate::host::Query::Read { script: first, .. }, rest @ ..] =
            &case(args.clone()).needs(&SPEC)[..]
        else {
            panic!()
        };
        let mut c = case(args).reads(first, i32::from(!loaded), "");
        for (query, said) in rest.iter().zip([boot, options]) {
            let crate::host::Query::Read { script, .. } = query else {
                panic!()
            };
            c = c.reads(script, 0, said);
        }
        c
    }

    #[test]
    fn decisions() {
        let n = "br_netfilter";
        let cases: Vec<(serde_json::Value, bool, &str, &str, Vec<&str>)> = vec![
            (json!({"name": n}), true, "", "", vec![]),
            (
                json!({"name": n, "params": "a=1 b=2"}),
                false,
                "",
                "",
                vec!["modprobe br_netfilter a=1 b=2"],
            ),
            (
                json!({"name": n, "state": "absent"}),
                true,
                "",
                "",
                vec!["modprobe -r br_netfilter"],
            ),
            (
                json!({"name": n, "persistent": "present"}),
                true,
                "/etc/modules-load.d/k.conf:br_netfilter\n",
                "",
                vec![],
            ),
            (
                json!({"name": n, "persistent": "present", "params": "a=1"}),
                true,
                "",
                "",
                vec![
                    "write /etc/modules-load.d/br_netfilter.conf \"br_netfilter\\n\" mode None",
                    "write /etc/modprobe.d/br_netfilter.conf \"options br_netfilter a=1\\n\" mode None",
                ],
            ),
        ];
        for (args, loaded, boot, options, expected) in cases {
            let (shown, outcome) = with(args.clone(), loaded, boot, options).done(&SPEC);
            assert_eq!(shown, expected, "{args}");
            assert_eq!(outcome.changed, !expected.is_empty());
        }
        let c = with(
            json!({"name": n, "persistent": "absent"}),
            true,
            "/etc/modules-load.d/k.conf:br_netfilter\n",
            "",
        )
        .content(
            "/etc/modules-load.d/k.conf",
            Some("overlay\nbr_netfilter\n"),
        );
        assert_eq!(
            c.done(&SPEC).0,
            ["write /etc/modules-load.d/k.conf \"overlay\\n#br_netfilter\\n\" mode None"]
        );
        assert!(case(json!({"name": "a b"})).bind(&SPEC).is_err());
    }
}
