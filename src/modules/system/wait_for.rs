//! `wait_for`: a port, a file, a text, or just time.

use super::tools::{Site, fresh, output};
use super::wait_net::{Drain, connect_script};
use crate::host::quote;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use fancy_regex::Regex;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// `ansible.builtin.wait_for`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.wait_for",
    aliases: &[],
    about: "waits on the host until a port answers, a file is there, a text appears, or none of it any more",
    free_form: None,
    args: &[&[
        Arg::str("host", "where the port is, as seen from the host").default("127.0.0.1"),
        Arg::int("port", "the port"),
        Arg::path("path", "the file"),
        Arg::str(
            "search_regex",
            "a regular expression that the file or the port's words must match",
        ),
        Arg::str("state", "what to wait for")
            .choices(&["absent", "drained", "present", "started", "stopped"])
            .default("started"),
        Arg::int("timeout", "seconds to wait at most").default("300"),
        Arg::int("delay", "seconds before the first look").default("0"),
        Arg::int("sleep", "seconds between looks").default("1"),
        Arg::int("connect_timeout", "seconds for one connection").default("5"),
        Arg::list(
            "active_connection_states",
            "for `drained`: states that count",
        )
        .default("ESTABLISHED,FIN_WAIT1,FIN_WAIT2,SYN_RECV,SYN_SENT,TIME_WAIT"),
        Arg::list(
            "exclude_hosts",
            "for `drained`: addresses that do not count",
        ),
        Arg::str("msg", "what to say when the time is up"),
    ]],
    rules: &[],
    check: CheckSupport::Skipped,
    returns: &[
        ("elapsed", "seconds waited"),
        ("match_groups", "what the expression's groups matched"),
        ("match_groupdict", "what its named groups matched"),
    ],
    example: "- ansible.builtin.wait_for:\n    port: 6443\n    delay: 5\n    timeout: 120\n",
    run: Run::Bind(bind),
};

struct WaitFor {
    host: String,
    port: Option<i64>,
    path: Option<String>,
    regex: Option<(String, Regex)>,
    state: String,
    timeout: u64,
    delay: u64,
    pause: u64,
    connect: u64,
    drain: Drain,
    msg: Option<String>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let fail = |msg: &str| Err(Fail::new(msg).with("elapsed", 0));
    let (port, path, state) = (args.int("port"), args.opt_str("path"), args.str("state"));
    if port.is_some() && path.is_some() {
        return fail("port and path parameter can not both be passed to wait_for");
    }
    if path.is_some() && matches!(state, "stopped" | "drained") {
        return fail(&format!(
            "state={state} should only be used for checking a port in the wait_for module"
        ));
    }
    if args.has("exclude_hosts") && state != "drained" {
        return fail("exclude_hosts should only be with state=drained");
    }
    let regex = match args.opt_str("search_regex") {
        None => None,
        Some(text) => {
            let compiled = Regex::new(&format!("(?m){text}"))
                .map_err(|e| Fail::new(format!("Invalid regular expression: {e}")))?;
            Some((text.to_owned(), compiled))
        }
    };
    let drain = Drain::new(
        args.str("host"),
        port,
        &args.list("active_connection_states"),
        &args.list("exclude_hosts"),
    )?;
    let seconds = |name: &str| u64::try_from(args.int(name).unwrap_or(0)).unwrap_or(0);
    Ok(Bound::Converse(Box::new(WaitFor {
        host: args.str("host").to_owned(),
        port,
        path: path.map(str::to_owned),
        regex,
        state: state.to_owned(),
        timeout: seconds("timeout"),
        delay: seconds("delay"),
        pause: seconds("sleep"),
        connect: seconds("connect_timeout").max(1),
        drain,
        msg: args.opt_str("msg").map(str::to_owned),
        site: Site::of(ctx),
    })))
}

/// What one look saw.
enum Look {
    Done(Vec<Value>, Map),
    NotYet,
}

impl Converse for WaitFor {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            if host.check() {
                return Ok(skipped("wait_for"));
            }
            let start = Instant::now();
            let end = start + Duration::from_secs(self.timeout);
            let elapsed = || start.elapsed().as_secs();
            sleep(Duration::from_secs(self.delay)).await;
            let idle = self.port.is_none() && self.path.is_none() && self.state != "drained";
            let mut found = (Vec::new(), Map::new());
            if idle {
                sleep(Duration::from_secs(self.timeout)).await;
            } else {
                let mut round = 0;
                loop {
                    if Instant::now() >= end {
                        let msg = self.msg.clone().unwrap_or_else(|| self.time_is_up());
                        return Err(Fail::new(msg).with("elapsed", elapsed()));
                    }
                    round += 1;
                    if let Look::Done(groups, named) = self.look(host, round).await? {
                        found = (groups, named);
                        break;
                    }
                    host.progress(format!("waiting, {} s", elapsed()));
                    sleep(Duration::from_secs(self.pause)).await;
                }
            }
            let result = super::tools::map([
                ("state", self.state.as_str().into()),
                ("port", self.port.into()),
                (
                    "search_regex",
                    self.regex.as_ref().map(|(t, _)| t.as_str()).into(),
                ),
                ("match_groups", found.0.into()),
                ("match_groupdict", found.1.into()),
                ("path", self.path.as_deref().into()),
                ("elapsed", elapsed().into()),
            ]);
            Ok(Outcome {
                result,
                ..Outcome::default()
            })
        })
    }
}

impl WaitFor {
    async fn look(&self, host: &mut dyn Remote, round: u64) -> Result<Look, Fail> {
        let gone = matches!(self.state.as_str(), "absent" | "stopped");
        let script = match (&self.path, self.port) {
            _ if self.state == "drained" => Drain::SCRIPT.to_owned(),
            (Some(path), _) => {
                let path = super::expand::word(path);
                match (&self.regex, gone) {
                    (Some(_), false) => format!("[ -e {path} ] && cat {path}"),
                    _ => format!("[ -e {path} ]"),
                }
            }
            (None, Some(port)) => connect_script(
                &quote::word(&self.host),
                port,
                self.connect,
                self.regex.is_some() && !gone,
            ),
            (None, None) => return Ok(Look::Done(Vec::new(), Map::new())),
        };
        let (rc, stdout, stderr) = output(host.ask(vec![fresh(&self.site, &script, round)]).await?);
        if rc == 3 {
            return Err(Fail::new(stderr.trim().to_owned()));
        }
        let nothing = || Look::Done(Vec::new(), Map::new());
        if self.state == "drained" {
            return Ok(if self.drain.active(&stdout) == 0 {
                nothing()
            } else {
                Look::NotYet
            });
        }
        if gone {
            return Ok(if rc == 0 { Look::NotYet } else { nothing() });
        }
        match &self.regex {
            _ if rc != 0 => Ok(Look::NotYet),
            None => Ok(nothing()),
            Some((_, regex)) => Ok(matched(regex, &stdout)),
        }
    }

    fn time_is_up(&self) -> String {
        let wanted = self
            .regex
            .as_ref()
            .map(|(t, _)| format!("search string {t} in "));
        let wanted = wanted.unwrap_or_default();
        match (
            &self.path,
            self.port.map(|p| p.to_string()).unwrap_or_default(),
        ) {
            (Some(path), _) if self.state == "absent" => {
                format!("Timeout when waiting for {path} to be absent.")
            }
            (Some(path), _) if wanted.is_empty() => format!("Timeout when waiting for file {path}"),
            (Some(path), _) => format!("Timeout when waiting for {wanted}{path}"),
            (None, port) if self.state == "drained" => {
                format!("Timeout when waiting for {}:{port} to drain", self.host)
            }
            (None, port) if matches!(self.state.as_str(), "absent" | "stopped") => {
                format!("Timeout when waiting for {}:{port} to stop.", self.host)
            }
            (None, port) => format!("Timeout when waiting for {wanted}{}:{port}", self.host),
        }
    }
}

fn matched(regex: &Regex, text: &str) -> Look {
    let Ok(Some(captures)) = regex.captures(text) else {
        return Look::NotYet;
    };
    let value = |m: Option<fancy_regex::Match<'_>>| Value::from(m.map(|m| m.as_str()));
    let groups = captures.iter().skip(1).map(value).collect();
    let named = regex
        .capture_names()
        .flatten()
        .map(|n| (n.to_owned(), value(captures.name(n))))
        .collect();
    Look::Done(groups, named)
}

/// What Ansible answers in check mode for a module that does not support it.
pub(super) fn skipped(module: &str) -> Outcome {
    Outcome {
        skipped: true,
        result: super::tools::map([
            (
                "msg",
                format!("remote module ({module}) does not support check mode").into(),
            ),
            ("skipped", true.into()),
        ]),
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Line, case};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_port_that_opens_at_the_third_look() {
        let (seen, outcome) = case(json!({"port": 22, "delay": 2})).converse(
            &SPEC,
            vec![
                ("22", Line::Says(1, "")),
                ("22", Line::Says(1, "")),
                ("22", Line::Says(0, "")),
            ],
        );
        assert_eq!(seen.len(), 3);
        let outcome = outcome.unwrap();
        assert!(!outcome.changed);
        assert_eq!(
            Value::from(outcome.result).to_json(),
            json!({"state": "started", "port": 22, "search_regex": null, "match_groups": [], "match_groupdict": {}, "path": null, "elapsed": 4})
        );
    }

    #[test]
    fn the_time_is_up() {
        let cases = [
            (
                json!({"port": 1, "timeout": 1}),
                1,
                "Timeout when waiting for 127.0.0.1:1",
            ),
            (
                json!({"port": 1, "timeout": 1, "state": "stopped", "host": "h"}),
                0,
                "Timeout when waiting for h:1 to stop.",
            ),
            (
                json!({"path": "/x", "timeout": 1}),
                1,
                "Timeout when waiting for file /x",
            ),
            (
                json!({"path": "/x", "timeout": 1, "state": "absent"}),
                0,
                "Timeout when waiting for /x to be absent.",
            ),
            (
                json!({"path": "/x", "timeout": 1, "search_regex": "a.c"}),
                0,
                "Timeout when waiting for search string a.c in /x",
            ),
            (
                json!({"path": "/x", "timeout": 1, "msg": "too slow"}),
                1,
                "too slow",
            ),
        ];
        for (args, rc, msg) in cases {
            let (_, outcome) = case(args).converse(&SPEC, vec![("", Line::Says(rc, ""))]);
            let fail = outcome.unwrap_err();
            assert_eq!(fail.msg, msg);
            assert_eq!(fail.result["elapsed"], Value::Int(1));
        }
    }

    #[test]
    fn a_text_with_groups() {
        let args = json!({"path": "/var/log/x", "search_regex": r"^ready (?P<n>\d+)$"});
        let (_, outcome) = case(args).converse(
            &SPEC,
            vec![
                ("cat /var/log/x", Line::Says(0, "a\n")),
                ("cat", Line::Says(0, "a\nready 7\n")),
            ],
        );
        let result = outcome.unwrap().result;
        assert_eq!(result["match_groups"].to_json(), json!(["7"]));
        assert_eq!(result["match_groupdict"].to_json(), json!({"n": "7"}));
    }

    #[test]
    fn only_time_and_check_mode() {
        let (seen, outcome) = case(json!({"timeout": 30})).converse(&SPEC, vec![]);
        assert!(seen.is_empty());
        assert_eq!(outcome.unwrap().result["elapsed"], Value::Int(30));
        let (_, outcome) = case(json!({"port": 1})).check().converse(&SPEC, vec![]);
        assert!(outcome.unwrap().skipped);
    }

    #[test]
    fn mistakes() {
        let message = |args| case(args).bind(&SPEC).map(|_| ()).unwrap_err().msg;
        insta::assert_snapshot!(message(json!({"port": 1, "path": "/x"})), @"port and path parameter can not both be passed to wait_for");
        insta::assert_snapshot!(message(json!({"path": "/x", "state": "stopped"})), @"state=stopped should only be used for checking a port in the wait_for module");
        insta::assert_snapshot!(message(json!({"path": "/x", "exclude_hosts": "a"})), @"exclude_hosts should only be with state=drained");
        assert!(
            message(json!({"path": "/x", "search_regex": "("}))
                .starts_with("Invalid regular expression")
        );
    }
}
