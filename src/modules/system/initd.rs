//! Services without systemd: OpenRC and System V init scripts; `sysvinit`.

use super::tools::{Plan, Site, failed, last_words, map};
use crate::host::{Action, Cmd, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// `ansible.builtin.sysvinit`.
pub(super) static SYSVINIT: Spec = Spec {
    name: "ansible.builtin.sysvinit",
    aliases: &[],
    about: "starts, stops and enables System V init scripts",
    free_form: None,
    args: &[&[
        Arg::str("name", "the script in /etc/init.d")
            .alias(&["service"])
            .required(),
        Arg::str("state", "`restarted` and `reloaded` always act").choices(&[
            "started",
            "stopped",
            "restarted",
            "reloaded",
        ]),
        Arg::bool("enabled", "whether it starts at boot"),
        Arg::int("sleep", "seconds between stop and start of a restart").default("1"),
        Arg::str(
            "pattern",
            "a word in the process list that shows it runs, for scripts without `status`",
        ),
        Arg::list("runlevels", "runlevels to enable it in"),
        Arg::str("arguments", "more words for the script").alias(&["args"]),
        Arg::bool(
            "daemonize",
            "cut the script off from this task: a session of its own, and no pipe that its service could hold open",
        )
        .default("false"),
    ]],
    rules: &[Rule::OneOf(&["state", "enabled"])],
    check: CheckSupport::Full,
    returns: &[("results", "the service, and what was done to it")],
    example: "- ansible.builtin.sysvinit:\n    name: apache2\n    state: started\n    enabled: true\n",
    run: Run::Bind(bind),
};

/// What an init script's service is to be.
#[derive(Clone)]
pub(super) struct InitScript {
    pub(super) name: String,
    pub(super) state: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) sleep: Option<i64>,
    pub(super) pattern: Option<String>,
    pub(super) arguments: String,
    /// Cut off from our session and pipes.
    pub(super) detached: bool,
    /// OpenRC's runlevel, or System V's.
    pub(super) levels: Vec<String>,
    pub(super) site: Site,
    /// Results under `results.status`, as `sysvinit` has them.
    pub(super) nested: bool,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(InitScript {
        name: args.str("name").to_owned(),
        state: args.opt_str("state").map(str::to_owned),
        enabled: args.opt_bool("enabled"),
        sleep: args.int("sleep"),
        pattern: args.opt_str("pattern").map(str::to_owned),
        arguments: args.str("arguments").to_owned(),
        detached: args.bool("daemonize"),
        levels: args.list("runlevels"),
        site: Site::of(ctx),
        nested: true,
    })))
}

impl InitScript {
    /// What has to be known.
    pub(super) fn query(&self) -> Query {
        let name = quote::word(&self.name);
        let levels = if self.levels.is_empty() {
            "2 3 4 5".to_owned()
        } else {
            quote::words(&self.levels)
        };
        let level = self.levels.first().map_or("default", String::as_str);
        let running = match &self.pattern {
            Some(p) => format!(
                "ps -ef 2>/dev/null | grep -v grep | grep -F -e {} >/dev/null",
                quote::word(p)
            ),
            None => "\"$@\" status >/dev/null 2>&1".to_owned(),
        };
        self.site.read(format!(
            "n={name}\n\
             [ -e \"/etc/init.d/$n\" ] && echo exists\n\
             if command -v rc-service >/dev/null 2>&1; then\n\
             echo openrc\nset -- rc-service \"$n\"\n\
             [ -e /etc/runlevels/{}/\"$n\" ] && echo enabled\n\
             else\nset -- \"/etc/init.d/$n\"\n\
             for l in {levels}; do for f in /etc/rc\"$l\".d/S??\"$n\"; do [ -e \"$f\" ] && echo enabled; done; done\n\
             fi\n\
             [ -e \"/etc/init.d/$n\" ] && {running} && echo running\n:",
            quote::word(level)
        ))
    }

    /// Decides from the answer.
    pub(super) fn plan(&self, said: &str) -> Result<Plan, Fail> {
        let has = |word: &str| said.lines().any(|l| l == word);
        let name = &self.name;
        if !has("exists") {
            return Err(Fail::new(format!(
                "Could not find the requested service {name}: host"
            )));
        }
        let openrc = has("openrc");
        let running = has("running");
        let mut plan = Plan::new(map([("name", name.as_str().into())]));
        let mut status = Map::new();
        if let Some(wanted) = self.enabled {
            let change = has("enabled") != wanted;
            if change {
                let what = if wanted { "enable" } else { "disable" };
                plan.run_or(
                    self.enable(openrc, wanted),
                    format!("failed to {what} the service {name}"),
                );
            }
            plan.result.insert("enabled".into(), wanted.into());
            status.insert("enabled".into(), Value::map([("changed", change.into())]));
        }
        if let Some(wanted) = &self.state {
            let verb = match wanted.as_str() {
                "started" => (!running).then_some("start"),
                "stopped" => running.then_some("stop"),
                "restarted" if running => Some("restart"),
                "reloaded" if running => Some("reload"),
                _ => Some("start"),
            };
            if let Some(verb) = verb {
                let (verb, name) = (verb.to_owned(), name.clone());
                plan.act(Action::Run(self.act(openrc, &verb)), move |r| {
                    failed(
                        format!("failed to {verb} service {name}: {}", last_words(r)),
                        r,
                    )
                });
            }
            let state = if wanted == "stopped" {
                "stopped"
            } else {
                "started"
            };
            plan.result.insert("state".into(), state.into());
            status.insert(
                wanted.clone(),
                Value::map([("changed", verb.is_some().into())]),
            );
        }
        if self.nested {
            let changed = !plan.is_empty();
            plan.result = map([(
                "results",
                Value::map([
                    ("name", name.as_str().into()),
                    ("changed", changed.into()),
                    ("status", status.into()),
                ]),
            )]);
        }
        Ok(plan)
    }

    fn act(&self, openrc: bool, verb: &str) -> Cmd {
        let script = if openrc {
            format!("rc-service {}", quote::word(&self.name))
        } else {
            quote::word(&format!("/etc/init.d/{}", self.name))
        };
        let more = if self.arguments.is_empty() {
            String::new()
        } else {
            format!(" {}", self.arguments)
        };
        match (verb, self.sleep) {
            ("restart", Some(seconds)) if seconds > 0 => self.site.sh(self.cut_off(format!(
                "{script} stop{more}; sleep {seconds}; {script} start{more}"
            ))),
            _ => self.site.sh(self.cut_off(format!("{script} {verb}{more}"))),
        }
    }

    fn cut_off(&self, script: String) -> String {
        if !self.detached {
            return script;
        }
        format!(
            "o=$(mktemp) || exit 1\ns=$(command -v setsid)\n\
             $s sh -c {} </dev/null >\"$o\" 2>&1; r=$?\ncat \"$o\"; rm -f \"$o\"; exit $r",
            quote::word(&script)
        )
    }

    fn enable(&self, openrc: bool, on: bool) -> Cmd {
        let name = quote::word(&self.name);
        if openrc {
            let level = quote::word(self.levels.first().map_or("default", String::as_str));
            let verb = if on { "add" } else { "del" };
            return self.site.sh(format!("rc-update {verb} {name} {level}"));
        }
        let levels = self.levels.join("");
        let chk = if levels.is_empty() {
            String::new()
        } else {
            format!("--level {} ", quote::word(&levels))
        };
        let rcd = if self.levels.is_empty() {
            String::new()
        } else {
            format!(" {}", quote::words(&self.levels))
        };
        self.site.sh(if on {
            format!(
                "if command -v update-rc.d >/dev/null 2>&1; then update-rc.d {name} defaults && update-rc.d {name} enable{rcd}\n\
                 else chkconfig --add {name} && chkconfig {chk}{name} on; fi"
            )
        } else {
            format!(
                "if command -v update-rc.d >/dev/null 2>&1; then update-rc.d {name} disable{rcd}\n\
                 else chkconfig {chk}{name} off; fi"
            )
        })
    }
}

impl Decide for InitScript {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let (_, said, _) = known.output(self.query())?;
        Ok(self.plan(said)?.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use serde_json::json;

    #[test]
    fn scripts_are_cut_off_when_asked() {
        let shown = |args: serde_json::Value| {
            let c = case(args);
            let [Query::Read { script, .. }] = &c.needs(&SYSVINIT)[..] else {
                panic!()
            };
            let (shown, outcome) = c.reads(script, 0, "exists\nenabled\n").done(&SYSVINIT);
            assert!(outcome.changed);
            shown.join("\n")
        };
        assert_eq!(
            shown(json!({"name": "d", "state": "started", "enabled": true})),
            "sh: /etc/init.d/d start"
        );
        let cut = shown(json!({"name": "d", "state": "restarted", "daemonize": true, "sleep": 0}));
        insta::assert_snapshot!(cut, @r#"
        sh: o=$(mktemp) || exit 1
        s=$(command -v setsid)
        $s sh -c '/etc/init.d/d start' </dev/null >"$o" 2>&1; r=$?
        cat "$o"; rm -f "$o"; exit $r
        "#);
        // It tells how it ended, and waits for nothing that it left behind.
        let script = "sleep 60 & echo started; exit 3";
        let cmd = Cmd::script(
            cut.trim_start_matches("sh: ")
                .replace("/etc/init.d/d start", script),
        );
        let begun = std::time::Instant::now();
        let report = crate::modules::testing::perform(&cmd);
        assert_eq!((report.rc, report.stdout.as_str()), (3, "started\n"));
        assert!(begun.elapsed().as_secs() < 30);
    }
}
