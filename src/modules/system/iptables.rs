//! `iptables`: rules, chains and policies.

use super::tools::{Plan, Site, failed, last_words, map};
use crate::host::{Action, Known, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::Value;

/// `ansible.builtin.iptables`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.iptables",
    aliases: &[],
    about: "adds and removes rules of the kernel's packet filter, until the next boot",
    free_form: None,
    args: &[&[
        Arg::str("table", "the table")
            .choices(&["filter", "nat", "mangle", "raw", "security"])
            .default("filter"),
        Arg::str("state", "whether the rule is there")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::str("action", "where a new rule goes")
            .choices(&["append", "insert"])
            .default("append"),
        Arg::str("rule_num", "the place of an inserted rule"),
        Arg::str("ip_version", "which of the two filters")
            .choices(&["ipv4", "ipv6", "both"])
            .default("ipv4"),
        Arg::str("chain", "the chain"),
        Arg::bool(
            "chain_management",
            "make or remove the chain when no rule is given",
        )
        .default("false"),
        Arg::bool("flush", "remove all rules of the chain, or of the table").default("false"),
        Arg::str("policy", "what happens where no rule of the chain says")
            .choices(&["ACCEPT", "DROP", "QUEUE", "RETURN"]),
        Arg::str("protocol", "protocol; `!` before it negates"),
        Arg::str("source", "source address"),
        Arg::str("destination", "destination address"),
        Arg::list("match", "extensions to use"),
        Arg::dict("tcp_flags", "`flags` to look at and `flags_set` among them"),
        Arg::str("jump", "what to do with what matches"),
        Arg::str("gateway", "where TEE sends copies"),
        Arg::str("log_prefix", "text before each line of the log"),
        Arg::str("log_level", "level of the log").choices(&[
            "0", "1", "2", "3", "4", "5", "6", "7", "emerg", "alert", "crit", "error", "warning",
            "notice", "info", "debug",
        ]),
        Arg::str("goto", "the chain to go on with"),
        Arg::str("in_interface", "interface it came in by"),
        Arg::str("out_interface", "interface it goes out by"),
        Arg::str("fragment", "second and later fragments"),
        Arg::str("set_counters", "packet and byte counters"),
        Arg::str("source_port", "source port or range"),
        Arg::str("destination_port", "destination port or range"),
        Arg::list("destination_ports", "several destination ports"),
        Arg::str("to_ports", "ports to redirect to"),
        Arg::str("to_destination", "address for DNAT"),
        Arg::str("to_source", "address for SNAT"),
        Arg::str("syn", "whether only connections being opened match")
            .choices(&["ignore", "match", "negate"])
            .default("ignore"),
        Arg::str("set_dscp_mark", "DSCP mark to set"),
        Arg::str("set_dscp_mark_class", "DSCP class to set"),
        Arg::str("comment", "a note"),
        Arg::list("ctstate", "states of the connection"),
        Arg::str("src_range", "range of source addresses"),
        Arg::str("dst_range", "range of destination addresses"),
        Arg::str("match_set", "an ipset"),
        Arg::str("match_set_flags", "which addresses the ipset is for")
            .choices(&["src", "dst", "src,dst", "dst,src", "src,src", "dst,dst"]),
        Arg::str("limit", "most matches in a time"),
        Arg::str("limit_burst", "matches before the limit counts"),
        Arg::str("uid_owner", "account that sends"),
        Arg::str("gid_owner", "group that sends"),
        Arg::str("reject_with", "what a refused sender is told"),
        Arg::str("icmp_type", "kind of ICMP"),
        Arg::str("wait", "seconds to wait for the filter's lock"),
        Arg::bool("numeric", "look nothing up when the policy is read").default("false"),
    ]],
    rules: &[
        Rule::Exclusive(&["set_dscp_mark", "set_dscp_mark_class"]),
        Rule::Exclusive(&["flush", "policy"]),
        Rule::If("jump", "TEE", &["gateway"], false),
        Rule::If("jump", "tee", &["gateway"], false),
        Rule::If("flush", "False", &["chain"], false),
    ],
    check: CheckSupport::Full,
    returns: &[("rule", "the rule's words")],
    example: "- ansible.builtin.iptables:\n    chain: INPUT\n    protocol: tcp\n    destination_port: \"8080\"\n    jump: ACCEPT\n",
    run: Run::Bind(bind),
};

struct Iptables {
    args: Args,
    programs: Vec<(&'static str, Vec<String>)>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let logs = args.has("log_prefix") || args.has("log_level");
    if logs && args.opt_str("jump").is_some_and(|j| j != "LOG") {
        return Err(Fail::new(
            "Logging options can only be used with the LOG jump target.",
        ));
    }
    let versions: &[&'static str] = match args.str("ip_version") {
        "both" => &["iptables", "ip6tables"],
        "ipv6" => &["ip6tables"],
        _ => &["iptables"],
    };
    Ok(Bound::Decide(Box::new(Iptables {
        programs: versions
            .iter()
            .map(|p| (*p, rule(args, *p == "ip6tables", logs)))
            .collect(),
        args: args.clone(),
        site: Site::of(ctx),
    })))
}

/// The words of the rule, in the order that Ansible gives them.
fn rule(a: &Args, six: bool, logs: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let param = |out: &mut Vec<String>, flag: &str, value: &str| match value.strip_prefix('!') {
        Some(rest) => out.extend(["!".into(), flag.to_owned(), rest.to_owned()]),
        None => out.extend([flag.to_owned(), value.to_owned()]),
    };
    let named = |out: &mut Vec<String>, pairs: &[(&str, &str)]| {
        for (name, flag) in pairs {
            if let Some(value) = a.opt_str(name).filter(|v| !v.is_empty()) {
                param(out, flag, value);
            }
        }
    };
    let load = |out: &mut Vec<String>, on: bool, name: &str| {
        if on {
            out.extend(["-m".to_owned(), name.to_owned()]);
        }
    };
    let matches = a.list("match");
    let loaded = |name: &str| matches.iter().any(|m| m == name);
    named(
        &mut out,
        &[("protocol", "-p"), ("source", "-s"), ("destination", "-d")],
    );
    for m in &matches {
        param(&mut out, "-m", m);
    }
    if let Some(flags) = a.dict("tcp_flags") {
        let csv = |key: &str| match flags.get(key) {
            Some(Value::List(items)) => Some(
                items
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(","),
            ),
            Some(other) => Some(other.to_string()),
            None => None,
        };
        if let (Some(look), Some(set)) = (csv("flags"), csv("flags_set")) {
            out.extend(["--tcp-flags".into(), look, set]);
        }
    }
    let jump = a.opt_str("jump").or(logs.then_some("LOG"));
    if let Some(jump) = jump {
        param(&mut out, "-j", jump);
        if jump.eq_ignore_ascii_case("tee") {
            named(&mut out, &[("gateway", "--gateway")]);
        }
    }
    named(
        &mut out,
        &[
            ("log_prefix", "--log-prefix"),
            ("log_level", "--log-level"),
            ("to_destination", "--to-destination"),
        ],
    );
    let ports = a.list("destination_ports");
    if !ports.is_empty() {
        load(&mut out, true, "multiport");
        out.extend(["--dports".into(), ports.join(",")]);
    }
    named(
        &mut out,
        &[
            ("to_source", "--to-source"),
            ("goto", "-g"),
            ("in_interface", "-i"),
            ("out_interface", "-o"),
            ("fragment", "-f"),
            ("set_counters", "-c"),
            ("source_port", "--source-port"),
            ("destination_port", "--destination-port"),
            ("to_ports", "--to-ports"),
        ],
    );
    for (name, flag) in [
        ("set_dscp_mark", "--set-dscp"),
        ("set_dscp_mark_class", "--set-dscp-class"),
    ] {
        named(&mut out, &[(name, flag)]);
        if a.has(name) && jump.is_none_or(|j| !j.eq_ignore_ascii_case("dscp")) {
            out.extend(["-j".into(), "DSCP".into()]);
        }
    }
    match a.str("syn") {
        "match" => out.push("--syn".into()),
        "negate" => out.extend(["!".into(), "--syn".into()]),
        _ => {}
    }
    let states = a.list("ctstate");
    if !states.is_empty() {
        let flag = if loaded("state") && !loaded("conntrack") {
            "--state"
        } else {
            "--ctstate"
        };
        load(
            &mut out,
            !loaded("conntrack") && !loaded("state"),
            "conntrack",
        );
        out.extend([flag.to_owned(), states.join(",")]);
    }
    let ranges = a.has("src_range") || a.has("dst_range");
    load(&mut out, ranges && !loaded("iprange"), "iprange");
    named(
        &mut out,
        &[("src_range", "--src-range"), ("dst_range", "--dst-range")],
    );
    if let Some(set) = a.opt_str("match_set") {
        load(&mut out, !loaded("set"), "set");
        param(&mut out, "--match-set", set);
        out.extend(a.opt_str("match_set_flags").map(str::to_owned));
    }
    load(&mut out, a.has("limit") || a.has("limit_burst"), "limit");
    named(
        &mut out,
        &[("limit", "--limit"), ("limit_burst", "--limit-burst")],
    );
    for (name, flag) in [("uid_owner", "--uid-owner"), ("gid_owner", "--gid-owner")] {
        load(&mut out, a.has(name), "owner");
        named(&mut out, &[(name, flag)]);
    }
    if jump.is_none() && a.has("reject_with") {
        out.extend(["-j".into(), "REJECT".into()]);
    }
    named(&mut out, &[("reject_with", "--reject-with")]);
    named(
        &mut out,
        &[(
            "icmp_type",
            if six { "--icmpv6-type" } else { "--icmp-type" },
        )],
    );
    load(&mut out, a.has("comment"), "comment");
    named(&mut out, &[("comment", "--comment")]);
    out
}

impl Iptables {
    fn words(&self, program: &str, action: &str, rule: &[String]) -> Vec<String> {
        let a = &self.args;
        let mut out = vec![
            program.to_owned(),
            "-t".into(),
            a.str("table").into(),
            action.into(),
        ];
        out.extend(a.opt_str("chain").map(str::to_owned));
        if action == "-I" {
            out.extend(a.opt_str("rule_num").map(str::to_owned));
        }
        if action == "-P" {
            out.extend(a.opt_str("policy").map(str::to_owned));
        }
        if let Some(wait) = a.opt_str("wait") {
            out.extend(["-w".to_owned(), wait.to_owned()]);
        }
        out.extend(rule.iter().cloned());
        out
    }

    fn look(&self, program: &str, action: &str, rule: &[String]) -> Query {
        let numeric = if self.args.bool("numeric") && action == "-L" {
            " --numeric"
        } else {
            ""
        };
        let words = quote::words(self.words(program, action, rule));
        self.site.read(format!("{words}{numeric}"))
    }

    fn change(
        &self,
        known: &Known,
        program: &str,
        rule: &[String],
    ) -> Result<(Option<&'static str>, bool), Step> {
        let a = &self.args;
        let present = a.str("state") == "present";
        if a.bool("flush") {
            return Ok((Some("-F"), true));
        }
        if let Some(policy) = a.opt_str("policy") {
            let (rc, stdout, stderr) = known.output(self.look(program, "-L", &[]))?;
            let now = stdout
                .lines()
                .next()
                .and_then(|l| l.split_once("(policy "))
                .and_then(|(_, r)| r.split([' ', ')']).next());
            let Some(now) = now.filter(|_| rc == 0) else {
                let report = Report {
                    rc,
                    stderr: stderr.to_owned(),
                    ..Report::default()
                };
                return Err(failed(
                    format!("Can't detect current policy: {}", last_words(&report)),
                    &report,
                )
                .into());
            };
            return Ok(((now != policy).then_some("-P"), true));
        }
        if rule.is_empty() {
            let there = known.output(self.look(program, "-L", &[]))?.0 == 0;
            let verb = if present { "-N" } else { "-X" };
            return Ok((
                (there != present).then_some(verb),
                a.bool("chain_management"),
            ));
        }
        let (rc, _, stderr) = known.output(self.look(program, "-C", rule))?;
        if rc == 127 {
            return Err(Fail::new(format!("`{program}` cannot be run: {}", stderr.trim())).into());
        }
        let verb = match (present, a.str("action")) {
            (false, _) => "-D",
            (true, "insert") => "-I",
            (true, _) => "-A",
        };
        Ok((((rc == 0) != present).then_some(verb), true))
    }
}

impl Decide for Iptables {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let a = &self.args;
        let words = self
            .programs
            .first()
            .map(|(_, r)| r.join(" "))
            .unwrap_or_default();
        let mut plan = Plan::new(map([
            ("ip_version", a.str("ip_version").into()),
            ("table", a.str("table").into()),
            ("chain", a.opt_str("chain").into()),
            ("flush", a.bool("flush").into()),
            ("rule", words.into()),
            ("state", a.str("state").into()),
            ("chain_management", a.bool("chain_management").into()),
            ("wait", a.opt_str("wait").into()),
        ]));
        for (program, rule) in &self.programs {
            let (verb, allowed) = self.change(known, program, rule)?;
            match verb {
                Some(verb) if allowed => {
                    let rule = if matches!(verb, "-A" | "-I" | "-D") {
                        &rule[..]
                    } else {
                        &[]
                    };
                    plan.run(self.site.argv(self.words(program, verb, rule)));
                }
                // Ansible reports a chain that it was not allowed to make as changed.
                Some(_) => plan.act(Action::Run(self.site.argv(["true"])), |r| {
                    failed(last_words(r), r)
                }),
                None => {}
            }
        }
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use serde_json::json;

    #[test]
    fn rules() {
        let cases: Vec<(serde_json::Value, &str)> = vec![
            (
                json!({"chain": "INPUT", "protocol": "tcp", "destination_port": 80, "jump": "ACCEPT"}),
                "-p tcp -j ACCEPT --destination-port 80",
            ),
            (
                json!({"chain": "INPUT", "source": "!10.0.0.0/8", "jump": "DROP", "comment": "a b"}),
                "'!' -s 10.0.0.0/8 -j DROP -m comment --comment 'a b'",
            ),
            (
                json!({"chain": "INPUT", "ctstate": ["RELATED", "ESTABLISHED"], "jump": "ACCEPT"}),
                "-j ACCEPT -m conntrack --ctstate RELATED,ESTABLISHED",
            ),
            (
                json!({"chain": "INPUT", "match": "state", "ctstate": "NEW", "jump": "ACCEPT"}),
                "-m state -j ACCEPT --state NEW",
            ),
            (
                json!({"chain": "INPUT", "protocol": "tcp", "destination_ports": ["80", "8081:8083"], "jump": "ACCEPT"}),
                "-p tcp -j ACCEPT -m multiport --dports 80,8081:8083",
            ),
            (
                json!({"chain": "INPUT", "protocol": "tcp", "syn": "negate", "reject_with": "tcp-reset"}),
                "-p tcp '!' --syn -j REJECT --reject-with tcp-reset",
            ),
            (
                json!({"chain": "INPUT", "limit": "2/second", "log_prefix": "x ", "limit_burst": 20}),
                "-j LOG --log-prefix 'x ' -m limit --limit 2/second --limit-burst 20",
            ),
            (
                json!({"chain": "INPUT", "protocol": "tcp", "tcp_flags": {"flags": ["ALL"], "flags_set": ["ACK", "RST"]}, "jump": "DROP"}),
                "-p tcp --tcp-flags ALL ACK,RST -j DROP",
            ),
            (
                json!({"chain": "INPUT", "match_set": "a", "match_set_flags": "src", "jump": "DROP"}),
                "-j DROP -m set --match-set a src",
            ),
        ];
        for (args, words) in cases {
            let look = format!("iptables -t filter -C INPUT {words}");
            let (shown, _) = case(args.clone()).reads(&look, 1, "").done(&SPEC);
            assert_eq!(
                shown,
                [format!("iptables -t filter -A INPUT {words}")],
                "{args}"
            );
            assert!(case(args).reads(&look, 0, "").done(&SPEC).0.is_empty());
        }
    }

    #[test]
    fn removal_insertion_and_both_families() {
        let c = case(json!({"chain": "C", "jump": "X", "state": "absent", "ip_version": "both"}))
            .reads("iptables -t filter -C C -j X", 0, "")
            .reads("ip6tables -t filter -C C -j X", 1, "");
        assert_eq!(c.done(&SPEC).0, ["iptables -t filter -D C -j X"]);
        let c = case(json!({"chain": "C", "jump": "X", "action": "insert", "rule_num": 3, "wait": 5, "table": "nat"}))
            .reads("iptables -t nat -C C -w 5 -j X", 1, "");
        assert_eq!(c.done(&SPEC).0, ["iptables -t nat -I C 3 -w 5 -j X"]);
    }

    #[test]
    fn policies_chains_and_flushing() {
        let policy = |now: &str| {
            case(json!({"chain": "INPUT", "policy": "DROP"}))
                .reads("iptables -t filter -L INPUT", 0, now)
                .done(&SPEC)
                .0
        };
        assert!(policy("Chain INPUT (policy DROP)\n").is_empty());
        assert_eq!(
            policy("Chain INPUT (policy ACCEPT)\n"),
            ["iptables -t filter -P INPUT DROP"]
        );
        let c = case(json!({"chain": "MINE", "chain_management": true})).reads(
            "iptables -t filter -L MINE",
            1,
            "",
        );
        assert_eq!(c.done(&SPEC).0, ["iptables -t filter -N MINE"]);
        assert_eq!(
            case(json!({"flush": true})).done(&SPEC).0,
            ["iptables -t filter -F"]
        );
        let message = |args| case(args).bind(&SPEC).map(|_| ()).unwrap_err().msg;
        insta::assert_snapshot!(message(json!({"chain": "A", "jump": "DROP", "log_prefix": "x"})), @"Logging options can only be used with the LOG jump target.");
        insta::assert_snapshot!(message(json!({"jump": "DROP"})), @"`ansible.builtin.iptables`: `flush: False` needs chain");
    }
}
