//! `snap`: snaps.

use super::tools::{Plan, Site, failed, last_words, map, texts};
use crate::host::{Action, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use std::collections::BTreeMap;

/// `community.general.snap`.
pub(super) static SPEC: Spec = Spec {
    name: "community.general.snap",
    aliases: &[],
    about: "installs, removes, enables and disables snaps",
    free_form: None,
    args: &[&[
        Arg::list("name", "the snaps").required(),
        Arg::str("state", "what they are to be")
            .choices(&["absent", "present", "enabled", "disabled"])
            .default("present"),
        Arg::bool("classic", "without confinement").default("false"),
        Arg::str("channel", "the channel to follow"),
        Arg::bool("dangerous", "install files that are not signed").default("false"),
        Arg::list("options", "settings, `key=value` or `snap:key=value`"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("snaps_installed", "snaps installed"),
        ("snaps_removed", "snaps removed"),
        ("options_changed", "settings changed"),
    ],
    example: "- community.general.snap:\n    name: microk8s\n    classic: true\n    channel: 1.30/stable\n",
    run: Run::Bind(bind),
};

struct Snap {
    names: Vec<String>,
    state: String,
    classic: bool,
    channel: Option<String>,
    dangerous: bool,
    /// Snap, key, value.
    options: Vec<(String, String, String)>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let names = args.list("name");
    let mut options = Vec::new();
    for option in args.list("options") {
        let Some((key, value)) = option.split_once('=') else {
            return Err(Fail::new(format!(
                "an option is written `key=value`, not `{option}`"
            )));
        };
        let targets: Vec<(String, String)> = match key.split_once(':') {
            Some((snap, key)) => vec![(snap.to_owned(), key.to_owned())],
            None => names.iter().map(|n| (n.clone(), key.to_owned())).collect(),
        };
        options.extend(
            targets
                .into_iter()
                .map(|(snap, key)| (snap, key, value.to_owned())),
        );
    }
    Ok(Bound::Decide(Box::new(Snap {
        names,
        state: args.str("state").to_owned(),
        classic: args.bool("classic"),
        channel: args.opt_str("channel").map(str::to_owned),
        dangerous: args.bool("dangerous"),
        options,
        site: Site::of(ctx),
    })))
}

/// A file's snap is named before the first `_`.
fn snap_name(name: &str) -> &str {
    if name.ends_with(".snap") {
        let base = name.rsplit('/').next().unwrap_or(name);
        base.split('_').next().unwrap_or(base)
    } else {
        name
    }
}

impl Snap {
    fn get(&self, snap: &str, key: &str) -> Query {
        self.site.read(format!(
            "snap get {} {}",
            quote::word(snap),
            quote::word(key)
        ))
    }
}

impl Decide for Snap {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let probe = self
            .site
            .read("command -v snap >/dev/null 2>&1 || exit 127; snap list 2>/dev/null; :");
        let (rc, said, _) = known.output(probe)?;
        if rc != 0 {
            return Err(Fail::new("the host has no `snap`; install the package snapd").into());
        }
        // Name, version, revision, tracking, publisher, notes.
        let installed: BTreeMap<&str, (&str, &str)> = said
            .lines()
            .skip(1)
            .filter_map(|l| {
                let fields: Vec<&str> = l.split_whitespace().collect();
                Some((
                    *fields.first()?,
                    (*fields.get(3)?, *fields.get(5).unwrap_or(&"-")),
                ))
            })
            .collect();
        let mut plan = Plan::new(map([
            (
                "channel",
                self.channel.as_deref().unwrap_or("stable").into(),
            ),
            ("classic", self.classic.into()),
        ]));
        let run = |plan: &mut Plan, words: Vec<String>| {
            let shown = quote::words(&words);
            plan.act(Action::Run(self.site.argv(words)), move |r| {
                failed(format!("`{shown}` failed: {}", last_words(r)), r)
            });
        };
        let verb = |verb: &str, names: &[&String]| -> Vec<String> {
            let mut words = vec!["snap".to_owned(), verb.to_owned()];
            if matches!(verb, "install" | "refresh") {
                words.extend(self.classic.then(|| "--classic".to_owned()));
                words.extend(self.channel.iter().map(|c| format!("--channel={c}")));
                words.extend(self.dangerous.then(|| "--dangerous".to_owned()));
            }
            words.extend(names.iter().map(|n| (*n).clone()));
            words
        };
        match self.state.as_str() {
            "present" => {
                let mismatch = |tracking: &str| {
                    self.channel
                        .as_ref()
                        .is_some_and(|c| tracking != c && tracking != format!("latest/{c}"))
                };
                let (mut new, mut moved) = (Vec::new(), Vec::new());
                for name in &self.names {
                    match installed.get(snap_name(name)) {
                        None => new.push(name),
                        Some((tracking, _)) if mismatch(tracking) => moved.push(name),
                        Some(_) => {}
                    }
                }
                // Options are of one snap only, for snap's own sake.
                let one_by_one = self.classic || self.channel.is_some() || self.dangerous;
                for (word, names) in [("install", &new), ("refresh", &moved)] {
                    if one_by_one {
                        names.iter().for_each(|n| run(&mut plan, verb(word, &[n])));
                    } else if !names.is_empty() {
                        run(&mut plan, verb(word, names));
                    }
                }
                if !new.is_empty() {
                    plan.result.insert("snaps_installed".into(), texts(&new));
                }
                let there = |s: &str| installed.contains_key(s);
                known.all(
                    self.options
                        .iter()
                        .filter(|(s, ..)| there(s))
                        .map(|(s, k, _)| self.get(s, k)),
                )?;
                let mut changed = Vec::new();
                for (snap, key, value) in &self.options {
                    if there(snap) && known.output(self.get(snap, key))?.1.trim() == value {
                        continue;
                    }
                    run(
                        &mut plan,
                        vec![
                            "snap".into(),
                            "set".into(),
                            snap.clone(),
                            format!("{key}={value}"),
                        ],
                    );
                    changed.push(format!("{snap}:{key}={value}"));
                }
                if !changed.is_empty() {
                    plan.result
                        .insert("options_changed".into(), texts(&changed));
                }
            }
            "absent" => {
                let gone: Vec<&String> = self
                    .names
                    .iter()
                    .filter(|n| installed.contains_key(n.as_str()))
                    .collect();
                if !gone.is_empty() {
                    run(&mut plan, verb("remove", &gone));
                    plan.result.insert("snaps_removed".into(), texts(&gone));
                }
            }
            state => {
                let on = state == "enabled";
                for name in &self.names {
                    let Some((_, notes)) = installed.get(name.as_str()) else {
                        return Err(Fail::new(format!("the snap `{name}` is not installed")).into());
                    };
                    if notes.split(',').any(|n| n == "disabled") == on {
                        run(
                            &mut plan,
                            verb(if on { "enable" } else { "disable" }, &[name]),
                        );
                    }
                }
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

    fn with(args: serde_json::Value) -> Case {
        case(args).reads(
            "command -v snap >/dev/null 2>&1 || exit 127; snap list 2>/dev/null; :",
            0,
            "Name  Version  Rev  Tracking  Publisher  Notes\na  1  2  latest/stable  x  -\nb  1  2  1.30/stable  x  classic,disabled\n",
        )
    }

    #[test]
    fn decisions() {
        let cases: Vec<(serde_json::Value, Vec<&str>)> = vec![
            (json!({"name": ["a", "b"]}), vec![]),
            (json!({"name": "a", "channel": "stable"}), vec![]),
            (
                json!({"name": "a", "channel": "edge"}),
                vec!["snap refresh --channel=edge a"],
            ),
            (json!({"name": ["a", "c", "d"]}), vec!["snap install c d"]),
            (
                json!({"name": ["c", "d"], "classic": true}),
                vec!["snap install --classic c", "snap install --classic d"],
            ),
            (
                json!({"name": ["a", "c"], "state": "absent"}),
                vec!["snap remove a"],
            ),
            (
                json!({"name": ["a", "b"], "state": "enabled"}),
                vec!["snap enable b"],
            ),
            (
                json!({"name": "a", "state": "disabled"}),
                vec!["snap disable a"],
            ),
        ];
        for (args, expected) in cases {
            assert_eq!(with(args.clone()).done(&SPEC).0, expected, "{args}");
        }
        let c = with(json!({"name": "a", "options": ["k=1", "a:l=2"]}))
            .reads("snap get a k", 0, "1\n")
            .reads("snap get a l", 0, "1\n");
        assert_eq!(c.done(&SPEC).0, ["snap set a l=2"]);
    }
}
