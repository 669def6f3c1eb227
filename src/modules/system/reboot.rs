//! `reboot`, and `wait_for_connection`: hosts that go away and come back.

use super::tools::{Site, fresh, map, output};
use super::wait_for::skipped;
use crate::host::{Action, Cmd, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Kind, Outcome, Remote, Run, Spec,
};
use crate::value::Value;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// `ansible.builtin.reboot`.
pub(super) static REBOOT: Spec = Spec {
    name: "ansible.builtin.reboot",
    aliases: &[],
    about: "reboots the host and waits until it is back",
    free_form: None,
    args: &[&[
        Arg::str(
            "boot_time_command",
            "a command whose output differs after a boot",
        )
        .default("cat /proc/sys/kernel/random/boot_id"),
        Arg::str(
            "reboot_command",
            "the command; `shutdown -r` or `reboot` when left out",
        ),
        Arg::str(
            "test_command",
            "must succeed before the host counts as back",
        )
        .default("whoami"),
        Arg::int(
            "reboot_timeout",
            "seconds until the host must be back, and again for the test",
        )
        .alias(&["reboot_timeout_sec"])
        .default("600"),
        Arg::int("connect_timeout", "seconds for one attempt to connect")
            .alias(&["connect_timeout_sec"]),
        Arg::int(
            "pre_reboot_delay",
            "seconds before the reboot, in whole minutes",
        )
        .alias(&["pre_reboot_delay_sec"])
        .default("0"),
        Arg::int(
            "post_reboot_delay",
            "seconds before the first attempt to connect",
        )
        .alias(&["post_reboot_delay_sec"])
        .default("0"),
        Arg::str("msg", "what users of the host are told").default("Reboot initiated by Ansible"),
        Arg::list("search_paths", "where `shutdown` is looked for")
            .default("/sbin,/bin,/usr/sbin,/usr/bin,/usr/local/sbin"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("rebooted", "whether the host was rebooted"),
        ("elapsed", "seconds it took"),
    ],
    example: "- ansible.builtin.reboot:\n    reboot_timeout: 900\n",
    run: Run::Bind(bind_reboot),
};

/// `ansible.builtin.wait_for_connection`.
pub(super) static WAIT: Spec = Spec {
    name: "ansible.builtin.wait_for_connection",
    aliases: &[],
    about: "waits until the host can be reached",
    free_form: None,
    args: &[&[
        Arg::int("connect_timeout", "seconds for one attempt").default("5"),
        Arg::int("delay", "seconds before the first attempt").default("0"),
        Arg::int("sleep", "seconds between attempts").default("1"),
        Arg::of("timeout", Kind::Int, "seconds to wait at most").default("600"),
    ]],
    rules: &[],
    check: CheckSupport::Skipped,
    returns: &[("elapsed", "seconds waited")],
    example: "- ansible.builtin.wait_for_connection:\n    delay: 10\n    timeout: 300\n",
    run: Run::Bind(bind_wait),
};

fn seconds(args: &Args, name: &str) -> u64 {
    u64::try_from(args.int(name).unwrap_or(0)).unwrap_or(0)
}

struct Reboot {
    boot_id: String,
    command: String,
    test: String,
    timeout: u64,
    connect: u64,
    post_delay: u64,
    site: Site,
}

fn bind_reboot(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let paths = args.list("search_paths");
    let command = match args.opt_str("reboot_command") {
        Some(command) => format!("PATH=$PATH:{}; {command}", quote::word(&paths.join(":"))),
        None => format!(
            "PATH={}:$PATH\nif command -v shutdown >/dev/null 2>&1; then exec shutdown -r +{} {}; else exec reboot; fi",
            quote::word(&paths.join(":")),
            seconds(args, "pre_reboot_delay") / 60,
            quote::word(args.str("msg"))
        ),
    };
    Ok(Bound::Converse(Box::new(Reboot {
        boot_id: args.str("boot_time_command").to_owned(),
        command,
        test: args.str("test_command").to_owned(),
        timeout: seconds(args, "reboot_timeout"),
        connect: seconds(args, "connect_timeout").max(5),
        post_delay: seconds(args, "post_reboot_delay"),
        site: Site::of(ctx),
    })))
}

impl Converse for Reboot {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let done = |elapsed: u64| Outcome {
                changed: true,
                result: map([("rebooted", true.into()), ("elapsed", elapsed.into())]),
                ..Outcome::default()
            };
            if host.check() {
                return Ok(done(0));
            }
            let before = self.ask(host, &self.boot_id, 0).await?;
            if before.0 != 0 {
                return Err(Fail::new(format!(
                    "failed to get host boot time info: {}",
                    before.2.trim()
                ))
                .with("rebooted", false));
            }
            let start = Instant::now();
            let cmd = Cmd {
                env: self.site.env.clone(),
                ..Cmd::script(&self.command)
            };
            // A connection that breaks now broke because the host goes down.
            if let Ok(report) = host.act(Action::Run(cmd)).await
                && report.rc != 0
                && report.rc < 128
            {
                return Err(Fail::new(format!(
                    "Reboot command failed. Error was: '{}, {}'",
                    report.stdout.trim(),
                    report.stderr.trim()
                ))
                .with("rebooted", false)
                .with("elapsed", start.elapsed().as_secs()));
            }
            sleep(Duration::from_secs(self.post_delay)).await;
            let checks = [
                (&self.boot_id, "last boot time check", true),
                (&self.test, "post-reboot test command", false),
            ];
            for (script, what, differs) in checks {
                self.until(host, script, what, differs.then_some(&before.1), start)
                    .await?;
            }
            Ok(done(start.elapsed().as_secs()))
        })
    }
}

impl Reboot {
    async fn ask(
        &self,
        host: &mut dyn Remote,
        script: &str,
        round: u64,
    ) -> Result<(i32, String, String), Fail> {
        Ok(output(
            host.ask(vec![fresh(&self.site, script, round)]).await?,
        ))
    }

    /// Waits until `script` succeeds, with an output other than `not`.
    async fn until(
        &self,
        host: &mut dyn Remote,
        script: &str,
        what: &str,
        not: Option<&String>,
        start: Instant,
    ) -> Result<(), Fail> {
        let end = Instant::now() + Duration::from_secs(self.timeout);
        let mut round = 0;
        // Before the boot there is nothing new to connect to; after it the connection is good.
        let mut connected = not.is_none();
        while Instant::now() < end {
            round += 1;
            if !connected {
                connected = host.reconnect(self.connect).await.is_ok();
            }
            if connected {
                match self.ask(host, script, round).await {
                    Ok((0, said, _)) if not.is_none_or(|n| *n != said) => return Ok(()),
                    Ok(_) => connected = not.is_none(),
                    Err(_) => connected = false,
                }
            }
            host.progress(format!(
                "waiting for the host, {} s",
                start.elapsed().as_secs()
            ));
            sleep(Duration::from_secs(1)).await;
        }
        Err(Fail::new(format!(
            "Timed out waiting for {what} (timeout={})",
            self.timeout
        ))
        .with("rebooted", true)
        .with("elapsed", start.elapsed().as_secs()))
    }
}

struct Wait {
    connect: u64,
    delay: u64,
    pause: u64,
    timeout: u64,
    site: Site,
}

fn bind_wait(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Converse(Box::new(Wait {
        connect: seconds(args, "connect_timeout").max(1),
        delay: seconds(args, "delay"),
        pause: seconds(args, "sleep"),
        timeout: seconds(args, "timeout"),
        site: Site::of(ctx),
    })))
}

impl Converse for Wait {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            if host.check() {
                return Ok(skipped("wait_for_connection"));
            }
            let start = Instant::now();
            sleep(Duration::from_secs(self.delay)).await;
            let end = start + Duration::from_secs(self.timeout);
            let mut round = 0;
            loop {
                round += 1;
                let why = match host.reconnect(self.connect).await {
                    Err(fail) => fail.msg,
                    Ok(()) => match host.ask(vec![fresh(&self.site, ":", round)]).await {
                        Ok(_) => {
                            return Ok(Outcome {
                                result: map([("elapsed", Value::from(start.elapsed().as_secs()))]),
                                ..Outcome::default()
                            });
                        }
                        Err(fail) => fail.msg,
                    },
                };
                if Instant::now() >= end {
                    return Err(Fail::new(format!(
                        "timed out waiting for the host to answer: {why}"
                    ))
                    .with("elapsed", start.elapsed().as_secs()));
                }
                host.progress(format!(
                    "waiting for the host, {} s",
                    start.elapsed().as_secs()
                ));
                sleep(Duration::from_secs(self.pause)).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Line, case};
    use super::*;
    use serde_json::json;

    #[test]
    fn down_and_up_again() {
        let (seen, outcome) = case(json!({"post_reboot_delay": 3})).converse(
            &REBOOT,
            vec![
                ("boot_id", Line::Says(0, "one")),
                (
                    "shutdown -r +0 'Reboot initiated by Ansible'",
                    Line::Says(0, ""),
                ),
                ("reconnect 5", Line::Says(0, "")),
                ("boot_id", Line::Says(0, "one")),
                ("reconnect 5", Line::Breaks),
                ("reconnect 5", Line::Says(0, "")),
                ("boot_id", Line::Says(0, "two")),
                ("whoami", Line::Says(1, "")),
                ("whoami", Line::Says(0, "root")),
            ],
        );
        assert_eq!(seen.len(), 9);
        let outcome = outcome.unwrap();
        assert!(outcome.changed);
        assert_eq!(
            Value::from(outcome.result).to_json(),
            json!({"rebooted": true, "elapsed": 6})
        );
    }

    #[test]
    fn a_host_that_does_not_go_down_and_a_command_that_fails() {
        let (_, outcome) = case(json!({"reboot_timeout": 1})).converse(
            &REBOOT,
            vec![
                ("boot_id", Line::Says(0, "one")),
                ("shutdown", Line::Says(0, "")),
                ("reconnect", Line::Says(0, "")),
                ("boot_id", Line::Says(0, "one")),
            ],
        );
        assert_eq!(
            outcome.unwrap_err().msg,
            "Timed out waiting for last boot time check (timeout=1)"
        );
        let (_, outcome) = case(json!({"reboot_command": "nope"})).converse(
            &REBOOT,
            vec![
                ("boot_id", Line::Says(0, "one")),
                ("nope", Line::Says(127, "no")),
            ],
        );
        assert_eq!(
            outcome.unwrap_err().msg,
            "Reboot command failed. Error was: 'no, '"
        );
    }

    #[test]
    fn check_mode_says_it_would() {
        let (seen, outcome) = case(json!({})).check().converse(&REBOOT, vec![]);
        assert!(seen.is_empty() && outcome.unwrap().changed);
        assert!(
            case(json!({}))
                .check()
                .converse(&WAIT, vec![])
                .1
                .unwrap()
                .skipped
        );
    }

    #[test]
    fn waiting_for_a_connection() {
        let (_, outcome) = case(json!({"delay": 5, "timeout": 9})).converse(
            &WAIT,
            vec![
                ("reconnect 5", Line::Breaks),
                ("reconnect 5", Line::Says(0, "")),
                ("ask :", Line::Says(0, "")),
            ],
        );
        assert_eq!(outcome.unwrap().result["elapsed"], Value::Int(6));
        let (_, outcome) =
            case(json!({"timeout": 0})).converse(&WAIT, vec![("reconnect", Line::Breaks)]);
        assert!(outcome.unwrap_err().msg.starts_with("timed out waiting"));
    }
}
