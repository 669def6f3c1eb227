//! `firewalld`: zones and what is open in them.

use super::tools::{Plan, Site, failed, last_words, map};
use crate::host::{Action, Known, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::Value;

/// `ansible.posix.firewalld`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.posix.firewalld",
    aliases: &["ansible.builtin.firewalld"],
    about: "opens and shuts services and ports in firewalld's zones",
    free_form: None,
    args: &[&[
        Arg::str(
            "state",
            "`enabled` or `disabled`; `present` or `absent` for a zone or its target",
        )
        .required()
        .choices(&["absent", "disabled", "enabled", "present"]),
        Arg::str("zone", "the zone; the default one when left out"),
        Arg::str("service", "a service"),
        Arg::str("port", "a port or range with its protocol, `6443/tcp`"),
        Arg::of(
            "port_forward",
            Kind::ListAny,
            "one forwarding: port, proto, toport, toaddr",
        ),
        Arg::str("protocol", "a protocol"),
        Arg::str("rich_rule", "a rule in firewalld's language"),
        Arg::str("source", "a source network"),
        Arg::str("interface", "an interface"),
        Arg::str("icmp_block", "a kind of ICMP to block"),
        Arg::bool("icmp_block_inversion", "block all but those kinds"),
        Arg::bool("masquerade", "hide what is behind the host"),
        Arg::bool("forward", "pass packets within the zone"),
        Arg::str("target", "what happens with the rest").choices(&[
            "default",
            "ACCEPT",
            "DROP",
            "%%REJECT%%",
        ]),
        Arg::bool("permanent", "keep it over restarts").default("false"),
        Arg::bool("immediate", "set it now as well").default("false"),
        Arg::int(
            "timeout",
            "seconds after which it ends; only without `permanent`",
        )
        .default("0"),
        Arg::bool("offline", "work while firewalld is down").default("false"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[("msg", "what was done")],
    example: "- ansible.posix.firewalld:\n    port: 6443/tcp\n    permanent: true\n    immediate: true\n    state: enabled\n",
    run: Run::Bind(bind),
};

struct Firewalld {
    /// What `firewall-cmd` calls it, its value, and whether it is to be there; `None` for the zone itself.
    item: Option<(String, String, bool)>,
    zone: Option<String>,
    target: Option<String>,
    state: String,
    permanent: bool,
    immediate: bool,
    offline: bool,
    timeout: i64,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let state = args.str("state");
    let on = state == "enabled";
    let permanent = args.bool("permanent");
    if args.bool("offline") && !permanent {
        return Err(Fail::new(
            "offline cannot be enabled unless permanent changes are allowed",
        ));
    }
    let mut items: Vec<(String, String, bool)> = Vec::new();
    for (name, word) in [
        ("service", "service"),
        ("protocol", "protocol"),
        ("rich_rule", "rich-rule"),
        ("source", "source"),
        ("interface", "interface"),
        ("icmp_block", "icmp-block"),
    ] {
        items.extend(
            args.opt_str(name)
                .map(|v| (word.to_owned(), v.to_owned(), on)),
        );
    }
    if let Some(port) = args.opt_str("port") {
        if !port.contains('/') {
            return Err(Fail::new("improper port format (missing protocol?)"));
        }
        items.push(("port".into(), port.trim().to_owned(), on));
    }
    if let Some(list) = args.raw("port_forward").and_then(Value::as_list) {
        let [one] = list else {
            return Err(Fail::new("Only one port forward supported at a time"));
        };
        let field = |key: &str| one.get(key).map(ToString::to_string);
        let (Some(port), Some(proto), Some(to)) = (field("port"), field("proto"), field("toport"))
        else {
            return Err(Fail::new("`port_forward` needs port, proto and toport"));
        };
        let to_address = field("toaddr")
            .filter(|a| !a.is_empty())
            .map(|a| format!(":toaddr={a}"))
            .unwrap_or_default();
        items.push((
            "forward-port".into(),
            format!("port={port}:proto={proto}:toport={to}{to_address}"),
            on,
        ));
    }
    for (name, word) in [
        ("masquerade", "masquerade"),
        ("forward", "forward"),
        ("icmp_block_inversion", "icmp-block-inversion"),
    ] {
        // `state: disabled` turns the wish round, as in Ansible.
        items.extend(
            args.opt_bool(name)
                .map(|v| (word.to_owned(), String::new(), on == v)),
        );
    }
    let target = args.opt_str("target").map(str::to_owned);
    if items.len() + usize::from(target.is_some()) > 1 {
        return Err(Fail::new(
            "can only operate on port, service, rich_rule, masquerade, icmp_block, icmp_block_inversion, interface or source at once",
        ));
    }
    let zone_level = matches!(state, "present" | "absent");
    if zone_level && !items.is_empty() {
        return Err(Fail::new(
            "absent and present state can only be used in zone level operations",
        ));
    }
    if items.is_empty() {
        if !zone_level && target.is_none() {
            return Err(Fail::new(
                "`enabled` and `disabled` need something to enable, like `service` or `port`",
            ));
        }
        if !permanent || !args.has("zone") {
            return Err(Fail::new(
                "a zone, and its target, needs `zone` and `permanent: true`",
            ));
        }
    }
    Ok(Bound::Decide(Box::new(Firewalld {
        item: items.into_iter().next(),
        zone: args.opt_str("zone").map(str::to_owned),
        target,
        state: state.to_owned(),
        permanent,
        immediate: args.bool("immediate") || !permanent,
        offline: args.bool("offline"),
        timeout: args.int("timeout").unwrap_or(0),
        site: Site::of(ctx),
    })))
}

impl Firewalld {
    fn words(&self, running: bool, permanent: bool, what: String) -> Vec<String> {
        let mut out = vec![
            if running {
                "firewall-cmd"
            } else {
                "firewall-offline-cmd"
            }
            .to_owned(),
        ];
        if permanent && running {
            out.push("--permanent".into());
        }
        out.extend(self.zone.iter().map(|z| format!("--zone={z}")));
        out.push(what);
        out
    }

    fn option(verb: &str, word: &str, value: &str) -> String {
        if value.is_empty() {
            format!("--{verb}-{word}")
        } else {
            format!("--{verb}-{word}={value}")
        }
    }

    fn ask(&self, words: &[String]) -> Query {
        self.site.read(quote::words(words))
    }
}

impl Decide for Firewalld {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let (rc, _, stderr) = known.output(self.site.read("firewall-cmd --state"))?;
        if rc == 127 {
            return Err(Fail::new("the host has no firewalld").into());
        }
        let running = rc == 0;
        if !running && !self.offline {
            let report = Report {
                rc,
                stderr: stderr.to_owned(),
                ..Report::default()
            };
            return Err(failed("firewall is not currently running, unable to perform immediate actions without a running firewall daemon", &report).into());
        }
        let mut plan = Plan::new(map([]));
        let mut msgs = Vec::new();
        let run = |plan: &mut Plan, words: Vec<String>| {
            let shown = quote::words(&words);
            plan.act(Action::Run(self.site.argv(words)), move |r| {
                failed(format!("ERROR: `{shown}` failed: {}", last_words(r)), r)
            });
        };
        if let Some((word, value, on)) = &self.item {
            let sides = [
                (self.permanent, true, "Permanent"),
                (self.immediate && running, false, "Non-permanent"),
            ];
            let sides: Vec<_> = sides.into_iter().filter(|(wanted, ..)| *wanted).collect();
            let question = |permanent| {
                self.ask(&self.words(running, permanent, Self::option("query", word, value)))
            };
            known.all(sides.iter().map(|(_, p, _)| question(*p)))?;
            for (_, permanent, name) in sides {
                let (rc, _, stderr) = known.output(question(permanent))?;
                if rc > 1 {
                    let report = Report {
                        rc,
                        stderr: stderr.to_owned(),
                        ..Report::default()
                    };
                    return Err(failed(format!("ERROR: {}", last_words(&report)), &report).into());
                }
                if (rc == 0) != *on {
                    let verb = match (word.as_str(), on) {
                        ("interface", true) => "change",
                        (_, true) => "add",
                        (_, false) => "remove",
                    };
                    let mut words = self.words(running, permanent, Self::option(verb, word, value));
                    if *on
                        && !permanent
                        && self.timeout > 0
                        && !matches!(word.as_str(), "interface" | "source")
                    {
                        words.push(format!("--timeout={}", self.timeout));
                    }
                    run(&mut plan, words);
                }
                msgs.push(format!("{name} operation"));
            }
            if !plan.is_empty() {
                let state = if *on { "enabled" } else { "disabled" };
                msgs.push(format!("Changed {word} {value} to {state}"));
            }
        } else {
            let zone = self.zone.clone().unwrap_or_default();
            if let Some(target) = &self.target {
                let get = self.words(running, true, "--get-target".into());
                let now = known.output(self.ask(&get))?.1.trim();
                let on = matches!(self.state.as_str(), "enabled" | "present");
                let wanted = if on { target.as_str() } else { "default" };
                if now != wanted && (on || now == target) {
                    run(
                        &mut plan,
                        self.words(running, true, format!("--set-target={wanted}")),
                    );
                    msgs.push(format!("Changed zone {zone} target to {wanted}"));
                }
            } else {
                let program = |what: &str| -> Vec<String> {
                    let mut words = vec![
                        if running {
                            "firewall-cmd"
                        } else {
                            "firewall-offline-cmd"
                        }
                        .to_owned(),
                    ];
                    words.extend(running.then(|| "--permanent".to_owned()));
                    words.push(what.to_owned());
                    words
                };
                let there = known
                    .output(self.ask(&program("--get-zones")))?
                    .1
                    .split_whitespace()
                    .any(|z| z == zone);
                let on = self.state == "present";
                if there != on {
                    let verb = if on { "new" } else { "delete" };
                    run(&mut plan, program(&format!("--{verb}-zone={zone}")));
                    msgs.push(format!(
                        "{} zone {zone}",
                        if on { "Added" } else { "Removed" }
                    ));
                }
            }
            msgs.push("Permanent operation".into());
        }
        plan.result.insert("msg".into(), msgs.join(", ").into());
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use serde_json::json;

    fn on(args: serde_json::Value, answers: &[(&str, i32, &str)]) -> Case {
        let c = case(args).reads("firewall-cmd --state", 0, "running\n");
        answers
            .iter()
            .fold(c, |c, (q, rc, said)| c.reads(q, *rc, said))
    }

    #[test]
    fn what_is_open() {
        let q = "firewall-cmd --query-port=6443/tcp";
        let p = "firewall-cmd --permanent --query-port=6443/tcp";
        let both =
            json!({"port": "6443/tcp", "permanent": true, "immediate": true, "state": "enabled"});
        assert!(
            on(both.clone(), &[(q, 0, ""), (p, 0, "")])
                .done(&SPEC)
                .0
                .is_empty()
        );
        assert_eq!(
            on(both, &[(q, 0, ""), (p, 1, "")]).done(&SPEC).0,
            ["firewall-cmd --permanent --add-port=6443/tcp"]
        );
        let off = json!({"service": "http", "zone": "public", "state": "disabled"});
        assert_eq!(
            on(
                off,
                &[("firewall-cmd --zone=public --query-service=http", 0, "")]
            )
            .done(&SPEC)
            .0,
            ["firewall-cmd --zone=public --remove-service=http"]
        );
        let masquerade = json!({"masquerade": true, "state": "enabled", "timeout": 60});
        assert_eq!(
            on(masquerade, &[("firewall-cmd --query-masquerade", 1, "")])
                .done(&SPEC)
                .0,
            ["firewall-cmd --add-masquerade --timeout=60"]
        );
    }

    #[test]
    fn zones_and_mistakes() {
        let zone = json!({"zone": "k", "state": "present", "permanent": true});
        let c = on(
            zone,
            &[("firewall-cmd --permanent --get-zones", 0, "public work\n")],
        );
        assert_eq!(c.done(&SPEC).0, ["firewall-cmd --permanent --new-zone=k"]);
        let target = json!({"zone": "k", "state": "enabled", "permanent": true, "target": "DROP"});
        let c = on(
            target,
            &[(
                "firewall-cmd --permanent --zone=k --get-target",
                0,
                "default\n",
            )],
        );
        assert_eq!(
            c.done(&SPEC).0,
            ["firewall-cmd --permanent --zone=k --set-target=DROP"]
        );
        let message = |args| case(args).bind(&SPEC).map(|_| ()).unwrap_err().msg;
        insta::assert_snapshot!(message(json!({"port": "80", "state": "enabled"})), @"improper port format (missing protocol?)");
        insta::assert_snapshot!(message(json!({"service": "x", "state": "present"})), @"absent and present state can only be used in zone level operations");
    }
}
