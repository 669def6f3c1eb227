//! `service_facts`: which services there are and how they do.

use crate::host::{Known, Query};
use crate::modules::{
    Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Outcome, Run, Spec, Step,
};
use crate::value::{Map, Value};
use std::collections::BTreeMap;

/// The module.
pub(in crate::modules) static SPEC: Spec = Spec {
    name: "ansible.builtin.service_facts",
    aliases: &[],
    about: "gathers the state of the services as facts: systemd, OpenRC, System V scripts, chkconfig, Upstart",
    free_form: None,
    args: &[],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[(
        "ansible_facts",
        "`services`: by name (`ssh.service` of systemd, `ssh` of a System V script) with name, state, status, source",
    )],
    example: "- name: Is the old service there\n  ansible.builtin.service_facts:\n",
    run: Run::Bind(bind),
};

struct ServiceFacts(Query);

fn bind(_: &Args, context: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(ServiceFacts(Query::Read {
        script: include_str!("probe/services.sh").to_owned(),
        env: context.environment.clone(),
    }))))
}

impl Decide for ServiceFacts {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let (_, out, _) = known.output(self.0.clone())?;
        let services = services(out);
        let mut result = Map::new();
        if services.is_empty() {
            result.insert(
                "msg".into(),
                Value::from("the host has no service manager that lists services to this account"),
            );
            return Ok(Decision {
                result,
                conclude: Some(Box::new(|result, _| {
                    Ok(Outcome {
                        skipped: true,
                        result,
                        ..Outcome::default()
                    })
                })),
                ..Decision::default()
            });
        }
        let facts = Value::map([("services", Value::from(services))]);
        result.insert("ansible_facts".into(), facts);
        Ok(Decision::same(result))
    }
}

fn sections(out: &str) -> BTreeMap<&str, &str> {
    out.split("@@hoist:")
        .skip(1)
        .filter_map(|s| s.split_once('\n'))
        .collect()
}

fn services(out: &str) -> Map {
    let sections = sections(out);
    let get = |name: &str| sections.get(name).copied().unwrap_or_default();
    let mut all = Map::new();
    let mut add = |name: &str, fields: &[(&str, Value)]| {
        let pairs = [("name", Value::from(name))]
            .into_iter()
            .chain(fields.iter().cloned());
        all.insert(name.to_owned(), Value::map(pairs));
    };
    let text = |s: &str| Value::from(s);

    let states = active_states(get("names"));
    // Under systemd a System V script is as running as the unit made of it.
    for name in get("initd").lines() {
        let unit = format!("{name}.service");
        let state = if states.get(unit.as_str()) == Some(&"active") {
            "running"
        } else {
            "stopped"
        };
        add(name, &[("state", text(state)), ("source", text("sysv"))]);
    }
    for line in get("sysv").lines() {
        let Some((mark, name)) = line
            .trim()
            .strip_prefix("[ ")
            .and_then(|l| l.split_once(" ]  "))
        else {
            continue;
        };
        let state = match mark {
            "+" => "running",
            "-" => "stopped",
            _ => continue,
        };
        add(
            name.trim(),
            &[("state", text(state)), ("source", text("sysv"))],
        );
    }
    for line in get("chkconfig").lines() {
        if let [rc, name, levels @ ..] = line.split_whitespace().collect::<Vec<_>>().as_slice() {
            let state = if *rc == "0" { "running" } else { "stopped" };
            let status = if levels.contains(&"3:on") {
                "enabled"
            } else {
                "disabled"
            };
            add(
                name,
                &[
                    ("state", text(state)),
                    ("status", text(status)),
                    ("source", text("sysv")),
                ],
            );
        }
    }
    for line in get("upstart").lines() {
        let line = line.split(',').next().unwrap_or(line);
        let split = line
            .rsplit_once(' ')
            .and_then(|(name, s)| Some((name, s.split_once('/')?)));
        if let Some((name, (goal, state))) = split {
            add(
                name,
                &[
                    ("state", text(state)),
                    ("goal", text(goal)),
                    ("source", text("upstart")),
                ],
            );
        }
    }
    let levels: BTreeMap<&str, Vec<&str>> = get("rc-update")
        .lines()
        .filter_map(|l| l.split_once('|'))
        .map(|(name, levels)| (name.trim(), levels.split_whitespace().collect()))
        .collect();
    for line in get("rc-status").lines() {
        let words: Vec<&str> = line
            .split_whitespace()
            .filter(|w| *w != "[" && *w != "]")
            .collect();
        if let ([name, state, ..], true) = (words.as_slice(), line.starts_with(' ')) {
            let Some(levels) = levels.get(name) else {
                continue;
            };
            let levels =
                (!levels.is_empty()).then(|| Value::list(levels.iter().map(|l| Value::from(*l))));
            let state = state.trim_matches(['[', ']']);
            add(
                name,
                &[
                    ("runlevels", Value::from(levels)),
                    ("state", text(state)),
                    ("source", text("openrc")),
                ],
            );
        }
    }
    for (name, (state, status)) in systemd(get("units"), get("unit-files"), &states) {
        add(
            name,
            &[
                ("state", text(state)),
                ("status", text(status)),
                ("source", text("systemd")),
            ],
        );
    }
    all
}

/// ActiveState by every name of each loaded unit.
fn active_states(shown: &str) -> BTreeMap<&str, &str> {
    let mut out = BTreeMap::new();
    for block in shown.split("\n\n") {
        let get = |key: &str| block.lines().find_map(|l| l.strip_prefix(key));
        let state = get("ActiveState=").unwrap_or_default();
        for name in get("Names=").unwrap_or_default().split_whitespace() {
            out.insert(name, state);
        }
    }
    out
}

/// (state, status) by unit, from what `list-units` and `list-unit-files` print.
fn systemd<'a>(
    units: &'a str,
    files: &'a str,
    states: &BTreeMap<&'a str, &'a str>,
) -> indexmap::IndexMap<&'a str, (&'a str, &'a str)> {
    const BAD: [&str; 3] = ["not-found", "masked", "failed"];
    let mut out = indexmap::IndexMap::new();
    for line in units.lines() {
        let fields: Vec<&str> = line
            .split_whitespace()
            .filter(|w| *w != "●" && *w != "*")
            .collect();
        let [name, load, active, sub, ..] = fields[..] else {
            continue;
        };
        if !name.contains(".service") {
            continue;
        }
        let state = if sub == "running" {
            "running"
        } else {
            "stopped"
        };
        let status = BAD
            .into_iter()
            .find(|bad| [load, active, sub].contains(bad))
            .unwrap_or(active);
        out.insert(name, (state, status));
    }
    for line in files.lines() {
        let mut fields = line.split_whitespace();
        let (Some(name), Some(status)) = (fields.next(), fields.next()) else {
            continue;
        };
        if !name.contains(".service") {
            continue;
        }
        match out.get_mut(name) {
            None => {
                // One that is not loaded is not active; a template is no unit at all.
                let state = if name.contains("@.") {
                    "unknown"
                } else {
                    "inactive"
                };
                out.insert(name, (states.get(name).copied().unwrap_or(state), status));
            }
            Some((_, old)) if !BAD.contains(old) => *old = status,
            Some(_) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(out: &str) -> String {
        services(out)
            .values()
            .map(|s| {
                let fields = s.as_map().unwrap().values().map(ToString::to_string);
                fields.collect::<Vec<_>>().join(" ")
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn systemd_units_their_files_and_the_scripts_beside_them() {
        insta::assert_snapshot!(shown(
            "@@hoist:units\nssh.service loaded active running OpenBSD Secure Shell server\n● gone.service not-found inactive dead gone.service\nonce.service loaded active exited Once failed\n\
             @@hoist:unit-files\nssh.service enabled enabled\ngone.service static -\nidle.service disabled enabled\ngetty@.service enabled enabled\ndbus-org.x.service alias -\n\
             @@hoist:names\nNames=ssh.service sshd.service\nActiveState=active\n\nNames=x.service dbus-org.x.service\nActiveState=active\n\
             @@hoist:initd\nssh\nufw\n"
        ), @r"
        ssh running sysv
        ufw stopped sysv
        ssh.service running enabled systemd
        gone.service stopped not-found systemd
        once.service stopped active systemd
        idle.service inactive disabled systemd
        getty@.service unknown enabled systemd
        dbus-org.x.service active alias systemd
        ");
    }

    #[test]
    fn the_other_managers() {
        insta::assert_snapshot!(shown(
            "@@hoist:sysv\n [ + ]  cron\n [ - ]  x11-common\n [ ? ]  hwclock.sh\n\
             @@hoist:chkconfig\n0 network 0:off 1:off 2:on 3:on 4:on 5:on 6:off\n3 netconsole 0:off 3:off\n\
             @@hoist:upstart\ntty1 start/running, process 999\n\
             @@hoist:rc-update\n  sshd | default\n  idle |\n@@hoist:rc-status\nRunlevel: default\n sshd   [  started  ]\n idle   [  stopped  ]\n"
        ), @r"
        cron running sysv
        x11-common stopped sysv
        network running enabled sysv
        netconsole stopped disabled sysv
        tty1 running start upstart
        sshd ['default'] started openrc
        idle None stopped openrc
        ");
    }
}
