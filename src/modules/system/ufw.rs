//! `ufw`: the uncomplicated firewall.

use super::tools::{Plan, Site, failed, last_words, map, texts};
use crate::host::{Action, Known, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};

/// `community.general.ufw`.
pub(super) static SPEC: Spec = Spec {
    name: "community.general.ufw",
    aliases: &[],
    about: "sets up the firewall with ufw",
    free_form: None,
    args: &[&[
        Arg::str("state", "the firewall as a whole")
            .choices(&["enabled", "disabled", "reloaded", "reset"]),
        Arg::str("default", "what happens where no rule says")
            .alias(&["policy"])
            .choices(&["allow", "deny", "reject"]),
        Arg::str("logging", "how much is logged")
            .choices(&["full", "high", "low", "medium", "off", "on"]),
        Arg::str("direction", "for which direction")
            .choices(&["in", "incoming", "out", "outgoing", "routed"]),
        Arg::str("rule", "what happens with what matches")
            .choices(&["allow", "deny", "limit", "reject"]),
        Arg::bool("delete", "remove the rule").default("false"),
        Arg::bool("route", "a rule for what passes through").default("false"),
        Arg::int("insert", "the rule's place"),
        Arg::str("insert_relative_to", "what the place is counted from")
            .choices(&["zero", "first-ipv4", "last-ipv4", "first-ipv6", "last-ipv6"])
            .default("zero"),
        Arg::str("interface", "the interface; needs `direction`").alias(&["if"]),
        Arg::str("interface_in", "the interface it comes in by").alias(&["if_in"]),
        Arg::str("interface_out", "the interface it goes out by").alias(&["if_out"]),
        Arg::bool("log", "log what matches").default("false"),
        Arg::str("from_ip", "source address or network")
            .alias(&["from", "src"])
            .default("any"),
        Arg::str("from_port", "source port"),
        Arg::str("to_ip", "destination address or network")
            .alias(&["to", "dest"])
            .default("any"),
        Arg::str("to_port", "destination port").alias(&["port"]),
        Arg::str("proto", "protocol")
            .alias(&["protocol"])
            .choices(&[
                "ah", "any", "esp", "ipv6", "tcp", "udp", "gre", "igmp", "vrrp",
            ]),
        Arg::str("name", "an application profile").alias(&["app"]),
        Arg::str("comment", "a note on the rule"),
    ]],
    rules: &[
        Rule::Exclusive(&["name", "proto", "logging"]),
        Rule::Exclusive(&["direction", "interface_in"]),
        Rule::Exclusive(&["direction", "interface_out"]),
        Rule::OneOf(&["state", "default", "rule", "logging"]),
        Rule::By("interface", &["direction"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("commands", "what was run"),
        ("msg", "`ufw status verbose` afterwards"),
    ],
    example: "- community.general.ufw:\n    rule: allow\n    port: \"6443\"\n    proto: tcp\n    src: 10.0.0.0/8\n",
    run: Run::Bind(bind),
};

struct Ufw {
    args: Args,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let direction = args.opt_str("direction");
    if args.has("default") && matches!(direction, Some("in" | "out")) {
        return Err(Fail::new(
            "For default, direction must be one of \"outgoing\", \"incoming\" and \"routed\", or direction must not be specified.",
        ));
    }
    if args.has("rule") {
        if matches!(direction, Some("incoming" | "outgoing" | "routed")) {
            return Err(Fail::new(
                "For rules, direction must be one of \"in\" and \"out\", or direction must not be specified.",
            ));
        }
        if !args.bool("route") && args.has("interface_in") && args.has("interface_out") {
            return Err(Fail::new(
                "Only route rules can combine interface_in and interface_out",
            ));
        }
    }
    Ok(Bound::Decide(Box::new(Ufw {
        args: args.clone(),
        site: Site::of(ctx),
    })))
}

const DEFAULTS: &str = "grep '^DEFAULT_' /etc/default/ufw 2>/dev/null; :";

const RULES: &str = "grep -h '^### tuple' /lib/ufw/user.rules /lib/ufw/user6.rules /etc/ufw/user.rules /etc/ufw/user6.rules \
                     /var/lib/ufw/user.rules /var/lib/ufw/user6.rules 2>/dev/null; :";

impl Ufw {
    /// The words of the rule, less the place.
    fn rule(&self, place: Option<i64>) -> Vec<String> {
        let a = &self.args;
        let mut out: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| out.extend(words.iter().map(|w| (*w).to_owned()));
        if a.bool("route") {
            add(&["route"]);
        }
        if a.bool("delete") {
            add(&["delete"]);
        } else if let Some(place) = place {
            add(&["insert", &place.to_string()]);
        }
        add(&[a.str("rule")]);
        if let Some(direction) = a.opt_str("direction") {
            add(&[direction]);
        }
        for (name, words) in [
            ("interface", &["on"][..]),
            ("interface_in", &["in", "on"]),
            ("interface_out", &["out", "on"]),
        ] {
            if let Some(interface) = a.opt_str(name) {
                add(words);
                add(&[interface]);
            }
        }
        if a.bool("log") {
            add(&["log"]);
        }
        for (name, word) in [
            ("from_ip", "from"),
            ("from_port", "port"),
            ("to_ip", "to"),
            ("to_port", "port"),
            ("proto", "proto"),
            ("name", "app"),
            ("comment", "comment"),
        ] {
            if let Some(value) = a.opt_str(name) {
                add(&[word, value]);
            }
        }
        out
    }

    /// The rule's absolute place.
    fn place(&self, known: &Known) -> Result<Option<i64>, Step> {
        let Some(insert) = self
            .args
            .int("insert")
            .filter(|_| !self.args.bool("delete"))
        else {
            return Ok(None);
        };
        let anchor = self.args.str("insert_relative_to");
        if anchor == "zero" {
            return Ok(Some(insert));
        }
        let said = known.output(self.site.read("ufw status numbered"))?.1;
        let lines: Vec<(i64, bool)> = said
            .lines()
            .filter_map(|l| {
                let (number, _) = l.strip_prefix('[')?.split_once(']')?;
                Some((number.trim().parse().ok()?, l.contains("(v6)")))
            })
            .collect();
        let last = lines.iter().map(|(n, _)| *n).max().unwrap_or(0);
        let last_v4 = lines.iter().filter(|(_, v6)| !v6).map(|(n, _)| *n).max();
        let has_v6 = lines.iter().any(|(_, v6)| *v6);
        let base = match anchor {
            "last-ipv4" => last_v4.unwrap_or(1),
            "first-ipv6" => last_v4.map_or(1, |n| n + 1),
            "last-ipv6" if has_v6 => last,
            "last-ipv6" => last + 1,
            _ => 1,
        };
        Ok(Some(insert + base).filter(|n| *n <= last))
    }

    /// Whether the file of defaults has this policy.
    fn is_configured(&self, known: &Known, wanted: &str, direction: &str) -> Result<bool, Step> {
        let chain = match direction {
            "outgoing" => "OUTPUT",
            "routed" => "FORWARD",
            _ => "INPUT",
        };
        let policy = match wanted {
            "allow" => "ACCEPT",
            "reject" => "REJECT",
            _ => "DROP",
        };
        let text = known.output(self.site.read(DEFAULTS))?.1;
        let key = format!("DEFAULT_{chain}_POLICY=");
        Ok(text
            .lines()
            .find_map(|l| l.strip_prefix(key.as_str()))
            .is_some_and(|value| value.trim_matches(['"', '\'', ' ']) == policy))
    }

    /// Whether a rehearsal would leave the rules as they are.
    fn same_rules(&self, before: &str, rehearsed: &str) -> bool {
        let lines = || rehearsed.lines().filter(|l| !l.is_empty());
        if lines().next().is_some()
            && lines()
                .all(|l| l.contains("Skipping") || l.contains("Could not delete non-existent rule"))
        {
            return true;
        }
        let (from, to) = (self.args.str("from_ip"), self.args.str("to_ip"));
        let is_v4 = |a: &str| {
            a.split('/')
                .next()
                .is_some_and(|a| a.parse::<std::net::Ipv4Addr>().is_ok())
        };
        let is_v6 = |a: &str| {
            a.split('/')
                .next()
                .is_some_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok())
        };
        let v4 = is_v4(from) || is_v4(to);
        let v6 = !v4 && (is_v6(from) || is_v6(to));
        // The rehearsal of a rule of one family prints that family's rules only.
        let pick = |text: &str| -> Vec<String> {
            text.lines()
                .filter(|l| l.starts_with("### tuple"))
                .filter(|l| {
                    let six = l
                        .split_whitespace()
                        .any(|w| w.contains(':') && (is_v6(w) || w.contains("::")));
                    if v4 {
                        !six
                    } else if v6 {
                        six
                    } else {
                        true
                    }
                })
                .map(str::to_owned)
                .collect()
        };
        pick(before) == pick(rehearsed)
    }
}

impl Decide for Ufw {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let status = self.site.read("ufw status verbose");
        let rules = self.site.read(RULES);
        known.all([status.clone(), rules.clone()])?;
        let (rc, state, complaint) = known.output(status)?;
        if rc != 0 {
            let report = Report {
                rc,
                stdout: state.to_owned(),
                stderr: complaint.to_owned(),
                ..Report::default()
            };
            return Err(failed(last_words(&report), &report).into());
        }
        let before = known.output(rules)?.1;
        let active = state.contains(" active");
        let mut plan = Plan::new(map([]));
        let mut commands = vec!["ufw status verbose".to_owned()];
        let mut run = |words: Vec<String>, plan: &mut Plan| {
            let argv: Vec<String> = std::iter::once("ufw".to_owned()).chain(words).collect();
            commands.push(quote::words(&argv));
            plan.run(self.site.argv(argv));
        };
        let own = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        if let Some(wanted) = self.args.opt_str("state") {
            let verb = match wanted {
                "enabled" => (!active).then_some("enable"),
                "disabled" => active.then_some("disable"),
                "reloaded" => Some("reload"),
                _ => Some("reset"),
            };
            if let Some(verb) = verb {
                run(own(&["-f", verb]), &mut plan);
            }
        }
        if let Some(wanted) = self.args.opt_str("default") {
            let direction = self.args.opt_str("direction").unwrap_or("incoming");
            let mark = format!(" ({direction})");
            let now = state
                .lines()
                .find_map(|l| l.strip_prefix("Default: "))
                .and_then(|l| l.split(", ").find_map(|p| p.strip_suffix(mark.as_str())));
            let same = match now {
                Some(now) => now == wanted || now == "disabled",
                // it is off and does not say
                None => self.is_configured(known, wanted, direction)?,
            };
            if !same {
                run(own(&["default", wanted, direction]), &mut plan);
            }
        }
        if self.args.has("rule") {
            let words = self.rule(self.place(known)?);
            let rehearsal: Query = self
                .site
                .read(format!("ufw --dry-run {}", quote::words(&words)));
            let (rc, said, complaint) = known.output(rehearsal)?;
            if rc != 0 {
                let report = Report {
                    rc,
                    stdout: said.to_owned(),
                    stderr: complaint.to_owned(),
                    ..Report::default()
                };
                return Err(failed(last_words(&report), &report).into());
            }
            if !self.same_rules(before, said) {
                run(words, &mut plan);
            }
        }
        if let Some(wanted) = self.args.opt_str("logging") {
            let now = state.lines().find_map(|l| l.strip_prefix("Logging: "));
            let same = match now.map(|n| {
                n.split_once(" (")
                    .map_or((n, ""), |(a, b)| (a, b.trim_end_matches(')')))
            }) {
                Some(("off", _)) => wanted == "off",
                Some(("on", level)) => wanted == "on" || wanted == level,
                _ => false,
            };
            if !same {
                run(own(&["logging", wanted]), &mut plan);
            }
        }
        plan.result.insert("commands".into(), texts(&commands));
        if plan.is_empty() {
            if !self.site.check {
                plan.result.insert("msg".into(), state.trim_end().into());
            }
            return Ok(plan.decision());
        }
        let cmd = self.site.argv(["ufw", "status", "verbose"]);
        plan.quiet(Action::Run(cmd), |r| failed(last_words(r), r));
        Ok(plan
            .enrich(|result, reports| {
                if let Some(r) = reports.last() {
                    result.insert("msg".into(), r.stdout.trim_end().into());
                }
                None
            })
            .decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use serde_json::json;

    const ON: &str = "Status: active\nLogging: on (low)\nDefault: deny (incoming), allow (outgoing), disabled (routed)\nNew profiles: skip\n";
    const ONE: &str = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n";

    fn with(args: serde_json::Value, state: &str, rehearsed: Option<(&str, &str)>) -> Case {
        let c = case(args)
            .reads("ufw status verbose", 0, state)
            .reads(RULES, 0, ONE);
        match rehearsed {
            None => c,
            Some((words, said)) => c.reads(&format!("ufw --dry-run {words}"), 0, said),
        }
    }

    #[test]
    fn policies_of_a_wall_that_is_off_are_read_from_its_file() {
        for (wanted, changed) in [("deny", false), ("allow", true), ("reject", true)] {
            let (_, outcome) = with(json!({"default": wanted}), "Status: inactive\n", None)
                .reads(DEFAULTS, 0, "DEFAULT_INPUT_POLICY=\"DROP\"\n")
                .done(&SPEC);
            assert_eq!(outcome.changed, changed, "{wanted}");
        }
    }

    #[test]
    fn rules() {
        let same = format!("*filter\n{ONE}### RULES ###\n");
        let more =
            format!("*filter\n{ONE}### tuple ### allow tcp 80 0.0.0.0/0 any 10.0.0.0/8 in\n");
        let cases = [
            (
                json!({"rule": "allow", "port": 22, "proto": "tcp"}),
                "allow from any to any port 22 proto tcp",
                same.as_str(),
                false,
            ),
            (
                json!({"rule": "allow", "port": "22"}),
                "allow from any to any port 22",
                "Skipping adding existing rule\nSkipping adding existing rule (v6)\n",
                false,
            ),
            (
                json!({"rule": "allow", "port": 80, "proto": "tcp", "src": "10.0.0.0/8", "comment": "a b"}),
                "allow from 10.0.0.0/8 to any port 80 proto tcp comment 'a b'",
                more.as_str(),
                true,
            ),
            (
                json!({"rule": "deny", "route": true, "interface_in": "a", "interface_out": "b", "log": true}),
                "route deny in on a out on b log from any to any",
                more.as_str(),
                true,
            ),
            (
                json!({"rule": "allow", "delete": true, "name": "OpenSSH"}),
                "delete allow from any to any app OpenSSH",
                "Could not delete non-existent rule\n",
                false,
            ),
            (
                json!({"rule": "allow", "insert": 1, "direction": "in", "interface": "eth0"}),
                "insert 1 allow in on eth0 from any to any",
                more.as_str(),
                true,
            ),
        ];
        for (args, words, said, changed) in cases {
            let (shown, outcome) = with(args.clone(), ON, Some((words, said))).done(&SPEC);
            assert_eq!(outcome.changed, changed, "{args}");
            if changed {
                assert_eq!(shown, [format!("ufw {words}"), "ufw status verbose".into()]);
            } else {
                assert!(shown.is_empty(), "{args}: {shown:?}");
            }
        }
    }

    #[test]
    fn the_whole() {
        let cases = [
            (json!({"state": "enabled"}), ON, None),
            (
                json!({"state": "enabled"}),
                "Status: inactive\n",
                Some("ufw -f enable"),
            ),
            (json!({"state": "reset"}), ON, Some("ufw -f reset")),
            (json!({"default": "deny"}), ON, None),
            (
                json!({"policy": "deny", "direction": "outgoing"}),
                ON,
                Some("ufw default deny outgoing"),
            ),
            (json!({"default": "allow", "direction": "routed"}), ON, None),
            (json!({"logging": "on"}), ON, None),
            (json!({"logging": "off"}), ON, Some("ufw logging off")),
            (json!({"logging": "full"}), ON, Some("ufw logging full")),
        ];
        for (args, state, expected) in cases {
            let (shown, outcome) = with(args.clone(), state, None).done(&SPEC);
            assert_eq!(shown.first().map(String::as_str), expected, "{args}");
            assert_eq!(outcome.changed, expected.is_some(), "{args}");
        }
    }
}
