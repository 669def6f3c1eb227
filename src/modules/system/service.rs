//! `service`: whatever manages services on the host.

use super::initd::InitScript;
use super::systemd::{Unit, checked};
use super::tools::Site;
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};

/// `ansible.builtin.service`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.service",
    aliases: &[],
    about: "starts, stops and enables services, with systemd, OpenRC or init scripts",
    free_form: None,
    args: &[&[
        Arg::str("name", "the service").required(),
        Arg::str(
            "state",
            "`restarted` and `reloaded` always act; a stopped service is started",
        )
        .choices(&["reloaded", "restarted", "started", "stopped"]),
        Arg::bool("enabled", "whether it starts at boot"),
        Arg::str("use", "what manages services; found out when left out")
            .choices(&["auto", "systemd", "openrc", "sysvinit", "service"])
            .default("auto"),
        Arg::int(
            "sleep",
            "seconds between stop and start of a restart; not with systemd",
        ),
        Arg::str(
            "pattern",
            "a word in the process list that shows it runs; not with systemd",
        ),
        Arg::str(
            "runlevel",
            "OpenRC's runlevel, `default` when left out; not with systemd",
        ),
        Arg::str(
            "arguments",
            "more words for the init script; not with systemd",
        )
        .alias(&["args"]),
    ]],
    rules: &[Rule::OneOf(&["state", "enabled"])],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the service"),
        ("status", "systemd's properties of it, before"),
        ("enabled", "whether it is enabled now"),
        ("state", "its state now"),
    ],
    example: "- ansible.builtin.service:\n    name: sshd\n    state: restarted\n",
    run: Run::Bind(bind),
};

struct Service {
    unit: Option<Unit>,
    script: Option<InitScript>,
    unused: Vec<String>,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let site = Site::of(ctx);
    let name = checked(args.str("name"))?;
    let state = args.opt_str("state").map(str::to_owned);
    let enabled = args.opt_bool("enabled");
    let unit = Unit {
        name: name.clone(),
        state: state.clone(),
        enabled,
        masked: None,
        scope: "system".into(),
        flags: Vec::new(),
        site: site.clone(),
    };
    let script = InitScript {
        name,
        state,
        enabled,
        sleep: args.int("sleep"),
        pattern: args.opt_str("pattern").map(str::to_owned),
        arguments: args.str("arguments").to_owned(),
        detached: false,
        levels: args
            .opt_str("runlevel")
            .map(str::to_owned)
            .into_iter()
            .collect(),
        site,
        nested: false,
    };
    let unused = ["pattern", "runlevel", "sleep", "arguments"]
        .into_iter()
        .filter(|a| args.has(a))
        .map(|a| format!("Ignoring \"{a}\" as it is not used in \"systemd\""))
        .collect();
    let fact = ctx.facts.get("service_mgr").and_then(|v| v.as_str());
    let choice = match args.str("use") {
        "auto" => fact.unwrap_or("auto"),
        given => given,
    };
    let (unit, script) = match choice {
        "systemd" => (Some(unit), None),
        "openrc" | "sysvinit" | "service" => (None, Some(script)),
        _ => (Some(unit), Some(script)),
    };
    Ok(Bound::Decide(Box::new(Service {
        unit,
        script,
        unused,
    })))
}

impl Decide for Service {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        if let Some(unit) = &self.unit {
            if let Some(fields) = known.fields(unit.query())? {
                let mut plan = unit.plan(fields)?;
                plan.warnings.clone_from(&self.unused);
                return Ok(plan.decision());
            }
            if self.script.is_none() {
                return Err(Fail::new("the host does not run systemd").into());
            }
        }
        match &self.script {
            Some(script) => script.decide(known),
            None => Err(Fail::new("nothing that manages services was found").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::{Answer, Query};
    use serde_json::json;

    fn unit(fields: Option<&[(&str, &str)]>) -> Answer {
        Answer::Fields(fields.map(|f| {
            f.iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        }))
    }

    fn query() -> Query {
        Query::Unit {
            name: "cron.service".into(),
            scope: "system".into(),
        }
    }

    fn without_systemd(args: serde_json::Value, said: &'static str) -> Case {
        let c = case(args).knows(query(), unit(None));
        let [Query::Read { script, .. }] = &c.needs(&SPEC)[..] else {
            panic!()
        };
        c.reads(script, 0, said)
    }

    #[test]
    fn systemd_where_it_runs() {
        let (shown, outcome) =
            case(json!({"name": "cron", "state": "started", "enabled": "yes", "sleep": 3}))
                .knows(
                    query(),
                    unit(Some(&[
                        ("LoadState", "loaded"),
                        ("ActiveState", "inactive"),
                        ("is_enabled", "enabled"),
                    ])),
                )
                .done(&SPEC);
        assert_eq!(shown, ["systemctl start cron"]);
        assert_eq!(
            outcome.warnings,
            ["Ignoring \"sleep\" as it is not used in \"systemd\""]
        );
    }

    #[test]
    fn openrc_and_init_scripts_elsewhere() {
        let cases: [(serde_json::Value, &'static str, &[&str]); 6] = [
            (
                json!({"name": "cron", "state": "started", "enabled": true}),
                "exists\nopenrc\nenabled\nrunning\n",
                &[],
            ),
            (
                json!({"name": "cron", "state": "started", "enabled": true}),
                "exists\nopenrc\n",
                &[
                    "sh: rc-update add cron default",
                    "sh: rc-service cron start",
                ],
            ),
            (
                json!({"name": "cron", "state": "restarted"}),
                "exists\nrunning\n",
                &["sh: /etc/init.d/cron restart"],
            ),
            (
                json!({"name": "cron", "state": "restarted", "sleep": 2}),
                "exists\nrunning\n",
                &["sh: /etc/init.d/cron stop; sleep 2; /etc/init.d/cron start"],
            ),
            (
                json!({"name": "cron", "state": "stopped"}),
                "exists\nenabled\n",
                &[],
            ),
            (
                json!({"name": "cron", "enabled": false, "runlevel": "boot"}),
                "exists\nopenrc\nenabled\n",
                &["sh: rc-update del cron boot"],
            ),
        ];
        for (args, said, expected) in cases {
            let (shown, outcome) = without_systemd(args.clone(), said).done(&SPEC);
            assert_eq!(shown, expected, "{args}");
            assert_eq!(outcome.changed, !expected.is_empty());
        }
        let fail = without_systemd(json!({"name": "cron", "state": "started"}), "openrc\n")
            .tried_with(&SPEC, vec![])
            .1
            .unwrap_err();
        assert_eq!(fail.msg, "Could not find the requested service cron: host");
    }

    #[test]
    fn the_fact_or_the_argument_chooses() {
        let c = case(json!({"name": "cron", "state": "started"})).fact("service_mgr", "openrc");
        assert!(matches!(&c.needs(&SPEC)[..], [Query::Read { .. }]));
        let c = case(json!({"name": "cron", "state": "started", "use": "systemd"}))
            .knows(query(), unit(None));
        assert_eq!(
            c.tried_with(&SPEC, vec![]).1.unwrap_err().msg,
            "the host does not run systemd"
        );
    }
}
