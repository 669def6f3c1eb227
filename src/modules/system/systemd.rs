//! `systemd_service`: units.

use super::tools::{Plan, Site, failed, last_words, map};
use crate::host::{Action, Cmd, Known, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Decide, Decision, Fail, Outcome, Remote,
    Rule, Run, Spec, Step,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// `ansible.builtin.systemd_service`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.systemd_service",
    aliases: &["ansible.builtin.systemd", "systemd"],
    about: "starts, stops, enables and masks systemd units",
    free_form: None,
    args: &[&[
        Arg::str("name", "the unit; `.service` when it has no suffix").alias(&["service", "unit"]),
        Arg::str(
            "state",
            "`restarted` and `reloaded` always act; a stopped unit is started",
        )
        .choices(&["reloaded", "restarted", "started", "stopped"]),
        Arg::bool("enabled", "whether it starts at boot"),
        Arg::bool("masked", "whether it cannot be started at all"),
        Arg::bool("force", "override existing links"),
        Arg::bool("daemon_reload", "read the unit files again first")
            .alias(&["daemon-reload"])
            .default("false"),
        Arg::bool("daemon_reexec", "execute systemd itself again first")
            .alias(&["daemon-reexec"])
            .default("false"),
        Arg::str("scope", "whose units")
            .choices(&["system", "user", "global"])
            .default("system"),
        Arg::bool("no_block", "do not wait for the unit").default("false"),
    ]],
    rules: &[
        Rule::OneOf(&[
            "state",
            "enabled",
            "masked",
            "daemon_reload",
            "daemon_reexec",
        ]),
        Rule::By("state", &["name"]),
        Rule::By("enabled", &["name"]),
        Rule::By("masked", &["name"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the unit as given"),
        ("status", "its properties before"),
        ("enabled", "whether it is enabled now"),
        ("state", "its state now"),
    ],
    example: "- ansible.builtin.systemd_service:\n    name: k3s\n    state: started\n    enabled: true\n    daemon_reload: true\n",
    run: Run::Bind(bind),
};

/// What a unit is to be.
#[derive(Clone)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) state: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) masked: Option<bool>,
    pub(super) scope: String,
    pub(super) flags: Vec<&'static str>,
    pub(super) site: Site,
}

/// Properties of a unit, as [`Query::Unit`] answers.
type Fields = BTreeMap<String, String>;

struct Reload {
    verbs: Vec<&'static str>,
    scope: String,
    site: Site,
}

struct ReloadThen(Reload, Unit);

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let site = Site::of(ctx);
    let scope = args.str("scope").to_owned();
    let mut verbs = Vec::new();
    if args.bool("daemon_reload") {
        verbs.push("daemon-reload");
    }
    if args.bool("daemon_reexec") {
        verbs.push("daemon-reexec");
    }
    let reload = Reload {
        verbs,
        scope: scope.clone(),
        site: site.clone(),
    };
    let Some(name) = args.opt_str("name") else {
        return Ok(Bound::Decide(Box::new(reload)));
    };
    let mut flags = Vec::new();
    if args.bool("no_block") {
        flags.push("--no-block");
    }
    if args.bool("force") {
        flags.push("--force");
    }
    let unit = Unit {
        name: checked(name)?,
        state: args.opt_str("state").map(str::to_owned),
        enabled: args.opt_bool("enabled"),
        masked: args.opt_bool("masked"),
        scope,
        flags,
        site,
    };
    if reload.verbs.is_empty() || ctx.check {
        Ok(Bound::Decide(Box::new(unit)))
    } else {
        Ok(Bound::Converse(Box::new(ReloadThen(reload, unit))))
    }
}

/// A unit's name, unless it is a pattern.
pub(super) fn checked(name: &str) -> Result<String, Fail> {
    match ["*", "?", "["].iter().find(|p| name.contains(**p)) {
        Some(p) => Err(Fail::new(format!(
            "a unit is named without patterns, found `{p}` in `{name}`"
        ))),
        None => Ok(name.to_owned()),
    }
}

fn systemctl(site: &Site, scope: &str, flags: &[&str], verb: &str, unit: Option<&str>) -> Cmd {
    let mut argv = vec!["systemctl".to_owned()];
    if scope != "system" {
        argv.push(format!("--{scope}"));
    }
    argv.extend(flags.iter().map(|f| (*f).to_owned()));
    argv.push(verb.to_owned());
    argv.extend(unit.map(str::to_owned));
    if scope == "user" {
        // A session of another account (sudo, su) has no address of the user's own manager.
        site.sh(format!(
            "XDG_RUNTIME_DIR=${{XDG_RUNTIME_DIR:-/run/user/$(id -u)}} exec {}",
            quote::words(&argv)
        ))
    } else {
        site.argv(argv)
    }
}

impl Reload {
    fn steps(&self, plan: &mut Plan) {
        for verb in self.verbs.iter().copied() {
            let cmd = systemctl(&self.site, &self.scope, &[], verb, None);
            plan.quiet(Action::Run(cmd), move |r| reload_failed(verb, r));
        }
    }
}

fn reload_failed(verb: &str, r: &Report) -> Fail {
    failed(
        format!("failure {} during {verb}: {}", r.rc, last_words(r)),
        r,
    )
}

impl Decide for Reload {
    fn decide(&self, _: &Known) -> Result<Decision, Step> {
        let mut plan = Plan::new(map([
            ("name", Value::Null),
            ("status", Value::from(Map::new())),
        ]));
        if !self.site.check {
            self.steps(&mut plan);
        }
        Ok(plan.decision())
    }
}

impl Converse for ReloadThen {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let Self(reload, unit) = self;
            for verb in reload.verbs.iter().copied() {
                let cmd = systemctl(&reload.site, &reload.scope, &[], verb, None);
                let report = host.act(Action::Run(cmd)).await?;
                if report.rc != 0 {
                    return Err(reload_failed(verb, &report));
                }
            }
            host.carry_out(unit).await
        })
    }
}

impl Unit {
    /// What has to be known of it.
    pub(super) fn query(&self) -> Query {
        let suffixes = [
            ".service",
            ".socket",
            ".device",
            ".mount",
            ".automount",
            ".swap",
            ".target",
            ".path",
            ".timer",
            ".slice",
            ".scope",
        ];
        let name = if suffixes.iter().any(|s| self.name.ends_with(s)) {
            self.name.clone()
        } else {
            format!("{}.service", self.name)
        };
        Query::Unit {
            name,
            scope: self.scope.clone(),
        }
    }

    /// Decides from the unit's properties.
    pub(super) fn plan(&self, fields: &Fields) -> Result<Plan, Fail> {
        let get = |key: &str| fields.get(key).map(String::as_str).unwrap_or_default();
        let unit = &self.name;
        let status = Value::map(
            fields
                .iter()
                .filter(|(k, _)| *k != "is_enabled")
                .map(|(k, v)| (k.clone(), Value::from(v.as_str()))),
        );
        let (load, is_enabled) = (get("LoadState"), get("is_enabled").trim());
        let found = !load.is_empty() && load != "not-found";
        if found && load != "masked" && !get("LoadError").is_empty() {
            return Err(Fail::new(format!(
                "Error loading unit file '{unit}': {}",
                get("LoadError")
            )));
        }
        let missing = || Fail::new(format!("Could not find the requested service {unit}: host"));
        let mut plan = Plan::new(map([("name", unit.as_str().into()), ("status", status)]));
        let ctl = |verb: &str| systemctl(&self.site, &self.scope, &self.flags, verb, Some(unit));
        if let Some(wanted) = self.masked
            && (is_enabled == "masked") != wanted
        {
            let verb = if wanted { "mask" } else { "unmask" };
            let (found, name) = (found, unit.clone());
            plan.act(Action::Run(ctl(verb)), move |r| {
                if found {
                    failed(
                        format!("Failed to {verb} the service ({name}): {}", last_words(r)),
                        r,
                    )
                } else {
                    Fail::new(format!("Could not find the requested service {name}: host"))
                }
            });
        }
        if let Some(wanted) = self.enabled {
            if !found {
                return Err(missing());
            }
            // The states for which `systemctl is-enabled` succeeds, less those that do not last.
            let enabled = matches!(is_enabled, "enabled" | "static" | "generated" | "transient");
            plan.result.insert("enabled".into(), wanted.into());
            if enabled != wanted {
                let verb = if wanted { "enable" } else { "disable" };
                plan.run_or(ctl(verb), format!("Unable to {verb} service {unit}"));
            }
        }
        if let Some(wanted) = &self.state {
            if !found {
                return Err(missing());
            }
            let active = get("ActiveState");
            let running = matches!(active, "active" | "activating");
            if active.is_empty() {
                return Err(Fail::new("Service is in unknown state"));
            }
            let verb = match wanted.as_str() {
                "started" => (!running).then_some("start"),
                "stopped" => (running || active == "deactivating").then_some("stop"),
                "restarted" if running => Some("restart"),
                "reloaded" if running => Some("reload"),
                _ => Some("start"),
            };
            let state = if wanted == "stopped" {
                "stopped"
            } else {
                "started"
            };
            plan.result.insert("state".into(), state.into());
            if let Some(verb) = verb {
                plan.run_or(ctl(verb), format!("Unable to {verb} service {unit}"));
            }
        }
        Ok(plan)
    }
}

impl Decide for Unit {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        match known.fields(self.query())? {
            Some(fields) => Ok(self.plan(fields)?.decision()),
            None => {
                Err(Fail::new("the host does not run systemd; use `service` or `sysvinit`").into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, Line, case};
    use super::*;
    use crate::host::Answer;
    use serde_json::json;

    fn unit(pairs: &[(&str, &str)]) -> Answer {
        Answer::Fields(Some(
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        ))
    }

    fn query(name: &str) -> Query {
        Query::Unit {
            name: name.into(),
            scope: "system".into(),
        }
    }

    fn with(args: serde_json::Value, active: &str, enabled: &str) -> Case {
        case(args).knows(
            query("nginx.service"),
            unit(&[
                ("LoadState", "loaded"),
                ("ActiveState", active),
                ("is_enabled", enabled),
            ]),
        )
    }

    #[test]
    fn decisions() {
        let n = "nginx";
        let cases: Vec<(serde_json::Value, &str, &str, &[&str])> = vec![
            (
                json!({"name": n, "state": "started", "enabled": true}),
                "active",
                "enabled",
                &[],
            ),
            (
                json!({"name": n, "state": "started"}),
                "inactive",
                "enabled",
                &["systemctl start nginx"],
            ),
            (
                json!({"name": n, "state": "started"}),
                "activating",
                "enabled",
                &[],
            ),
            (
                json!({"name": n, "state": "stopped"}),
                "failed",
                "enabled",
                &[],
            ),
            (
                json!({"name": n, "state": "stopped"}),
                "deactivating",
                "enabled",
                &["systemctl stop nginx"],
            ),
            (
                json!({"name": n, "state": "restarted"}),
                "active",
                "enabled",
                &["systemctl restart nginx"],
            ),
            (
                json!({"name": n, "state": "restarted"}),
                "inactive",
                "enabled",
                &["systemctl start nginx"],
            ),
            (
                json!({"name": n, "state": "reloaded", "no_block": true}),
                "active",
                "enabled",
                &["systemctl --no-block reload nginx"],
            ),
            (
                json!({"name": n, "enabled": true}),
                "active",
                "disabled",
                &["systemctl enable nginx"],
            ),
            (
                json!({"name": n, "enabled": true}),
                "active",
                "indirect",
                &["systemctl enable nginx"],
            ),
            (json!({"name": n, "enabled": true}), "active", "static", &[]),
            (
                json!({"name": n, "enabled": false}),
                "active",
                "enabled",
                &["systemctl disable nginx"],
            ),
            (
                json!({"name": n, "masked": true}),
                "active",
                "enabled",
                &["systemctl mask nginx"],
            ),
            (
                json!({"name": n, "masked": false}),
                "active",
                "enabled",
                &[],
            ),
            (
                json!({"name": n, "masked": false, "enabled": true, "state": "started"}),
                "inactive",
                "masked",
                &[
                    "systemctl unmask nginx",
                    "systemctl enable nginx",
                    "systemctl start nginx",
                ],
            ),
        ];
        for (args, active, enabled, expected) in cases {
            let (shown, outcome) = with(args.clone(), active, enabled).done(&SPEC);
            assert_eq!(shown, expected, "{args} {active} {enabled}");
            assert_eq!(outcome.changed, !expected.is_empty(), "{args}");
            assert!(!outcome.result["status"].to_json()["ActiveState"].is_null());
        }
    }

    #[test]
    fn a_unit_that_is_not_there() {
        for args in [
            json!({"name": "x", "state": "started"}),
            json!({"name": "x", "enabled": true}),
        ] {
            let c = case(args).knows(
                query("x.service"),
                unit(&[
                    ("LoadState", "not-found"),
                    ("ActiveState", "inactive"),
                    ("is_enabled", "not-found"),
                ]),
            );
            assert_eq!(
                c.tried_with(&SPEC, vec![]).1.unwrap_err().msg,
                "Could not find the requested service x: host"
            );
        }
    }

    #[test]
    fn a_failing_start_says_why() {
        let (_, outcome) = with(
            json!({"name": "nginx", "state": "started"}),
            "inactive",
            "enabled",
        )
        .tried_with(
            &SPEC,
            vec![Report {
                rc: 1,
                stderr: "Job failed.\n".into(),
                ..Report::default()
            }],
        );
        assert_eq!(
            outcome.unwrap_err().msg,
            "Unable to start service nginx: Job failed."
        );
    }

    #[test]
    fn reloading_comes_first_and_is_no_change() {
        let (shown, outcome) = case(json!({"daemon_reload": true})).done(&SPEC);
        assert_eq!(shown, ["systemctl daemon-reload"]);
        assert!(!outcome.changed);
        let (_, outcome) = case(json!({"daemon_reload": true})).check().done(&SPEC);
        assert!(!outcome.changed);
        let (_, outcome) =
            case(json!({"daemon-reload": true, "name": "nginx", "state": "started"})).converse(
                &SPEC,
                vec![
                    ("daemon-reload", Line::Says(0, "")),
                    (
                        "Unit",
                        Line::Answers(vec![unit(&[
                            ("LoadState", "loaded"),
                            ("ActiveState", "active"),
                        ])]),
                    ),
                ],
            );
        assert!(!outcome.unwrap().changed);
    }

    #[test]
    fn scopes_and_mistakes() {
        let q = Query::Unit {
            name: "p.socket".into(),
            scope: "user".into(),
        };
        let (shown, _) = case(json!({"name": "p.socket", "state": "started", "scope": "user"}))
            .knows(
                q,
                unit(&[("LoadState", "loaded"), ("ActiveState", "inactive")]),
            )
            .done(&SPEC);
        assert_eq!(
            shown,
            [
                "sh: XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} exec systemctl --user start p.socket"
            ]
        );
        let message = |args| case(args).bind(&SPEC).map(|_| ()).unwrap_err().msg;
        insta::assert_snapshot!(message(json!({"name": "a*", "state": "started"})), @"a unit is named without patterns, found `*` in `a*`");
        insta::assert_snapshot!(message(json!({"state": "started"})), @"`ansible.builtin.systemd_service`: `state` needs name too");
    }
}
