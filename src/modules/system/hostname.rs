//! `hostname` and `timezone`.

use super::tools::{Plan, Site, map, write};
use crate::host::{Action, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Rule, Run, Spec, Step,
};
use crate::value::Value;

/// `ansible.builtin.hostname`.
pub(super) static HOSTNAME: Spec = Spec {
    name: "ansible.builtin.hostname",
    aliases: &[],
    about: "sets the host's name, now and at boot",
    free_form: None,
    args: &[&[
        Arg::str("name", "the name").required(),
        Arg::str("use", "how; found out when left out").choices(&[
            "alpine", "debian", "freebsd", "generic", "macos", "macosx", "darwin", "openbsd",
            "openrc", "redhat", "sles", "solaris", "systemd",
        ]),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the name"),
        ("ansible_facts", "the facts that change with it"),
    ],
    example: "- ansible.builtin.hostname:\n    name: gpu1\n",
    run: Run::Bind(bind_hostname),
};

/// `community.general.timezone`.
pub(super) static TIMEZONE: Spec = Spec {
    name: "community.general.timezone",
    aliases: &[],
    about: "sets the time zone, and what the hardware clock keeps",
    free_form: None,
    args: &[&[
        Arg::str("name", "the zone, `Europe/Berlin`"),
        Arg::str("hwclock", "what the hardware clock keeps")
            .alias(&["rtc"])
            .choices(&["local", "UTC"]),
    ]],
    rules: &[Rule::OneOf(&["name", "hwclock"])],
    check: CheckSupport::Full,
    returns: &[("diff", "before and after")],
    example: "- community.general.timezone:\n    name: Etc/UTC\n",
    run: Run::Bind(bind_timezone),
};

struct Hostname {
    name: String,
    how: Option<&'static str>,
    site: Site,
}

fn bind_hostname(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let name = args.str("name").to_owned();
    let valid = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if name.is_empty()
        || name.len() > 253
        || !name.chars().all(valid)
        || name.starts_with(['-', '.'])
    {
        return Err(Fail::new(format!("`{name}` cannot be a host's name")));
    }
    let how = match args.opt_str("use") {
        None => None,
        Some("systemd") => Some("systemd"),
        Some("alpine" | "debian" | "sles" | "generic") => Some("file"),
        Some("redhat") => Some("redhat"),
        Some("openrc") => Some("openrc"),
        Some(other) => return Err(Fail::new(format!("`use: {other}` is not for Linux"))),
    };
    Ok(Bound::Decide(Box::new(Hostname {
        name,
        how,
        site: Site::of(ctx),
    })))
}

impl Decide for Hostname {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let probe = self.site.read(
            "if [ -d /run/systemd/system ] && command -v hostnamectl >/dev/null 2>&1; then echo systemd\n\
             elif [ -f /etc/conf.d/hostname ]; then echo openrc; elif [ -f /etc/sysconfig/network ]; then echo redhat; else echo file; fi\n\
             uname -n; cat /etc/hostname 2>/dev/null; :",
        );
        let said = known.output(probe)?.1;
        let mut lines = said.lines();
        let found = lines.next().unwrap_or("file");
        let now = lines.next().unwrap_or_default();
        let how = self.how.unwrap_or(found);
        let file = match how {
            "openrc" => "/etc/conf.d/hostname",
            "redhat" => "/etc/sysconfig/network",
            _ => "/etc/hostname",
        };
        let old = match how {
            "openrc" | "redhat" => known
                .content(file)?
                .map(|b| String::from_utf8_lossy(&b).into_owned())
                .unwrap_or_default(),
            _ => lines.next().unwrap_or_default().to_owned(),
        };
        let name = &self.name;
        let short = name.split('.').next().unwrap_or(name);
        let domain = name.split_once('.').map_or("", |(_, d)| d);
        let facts = Value::map([
            ("ansible_hostname", Value::from(short)),
            ("ansible_nodename", name.as_str().into()),
            ("ansible_fqdn", name.as_str().into()),
            ("ansible_domain", domain.into()),
        ]);
        let mut plan = Plan::new(map([
            ("name", name.as_str().into()),
            ("ansible_facts", facts),
        ]));
        let text = match how {
            "openrc" | "redhat" => {
                let key = if how == "openrc" {
                    "hostname="
                } else {
                    "HOSTNAME="
                };
                let line = if how == "openrc" {
                    format!("{key}\"{name}\"")
                } else {
                    format!("{key}{name}")
                };
                let mut lines: Vec<&str> =
                    old.lines().filter(|l| !l.trim().starts_with(key)).collect();
                lines.push(&line);
                format!("{}\n", lines.join("\n"))
            }
            _ => format!("{name}\n"),
        };
        let permanent = old.trim_end() == text.trim_end();
        if how == "systemd" {
            if now != name || !permanent {
                plan.run(self.site.argv(["hostnamectl", "set-hostname", name]));
            }
        } else {
            if !permanent {
                plan.put(write(file, text));
            }
            if now != name {
                plan.run(self.site.argv(["hostname", name]));
            }
        }
        if self.site.diff && !plan.is_empty() {
            plan.diff.push(Diff {
                before_header: String::new(),
                after_header: String::new(),
                before: format!("hostname = {now}\n"),
                after: format!("hostname = {name}\n"),
            });
        }
        Ok(plan.decision())
    }
}

struct Timezone {
    name: Option<String>,
    clock: Option<String>,
    site: Site,
}

fn bind_timezone(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let name = args.opt_str("name").map(str::to_owned);
    if let Some(name) = &name
        && (name.starts_with(['/', '-']) || name.contains("..") || name.is_empty())
    {
        return Err(Fail::new(format!(
            "`{name}` cannot be the name of a time zone"
        )));
    }
    Ok(Bound::Decide(Box::new(Timezone {
        name,
        clock: args.opt_str("hwclock").map(str::to_owned),
        site: Site::of(ctx),
    })))
}

const ZONES: &str = "/usr/share/zoneinfo";

impl Decide for Timezone {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let probe = self.site.read(
            "if [ -d /run/systemd/system ] && command -v timedatectl >/dev/null 2>&1; then echo systemd; else echo file; fi\n\
             readlink -f /etc/localtime 2>/dev/null || echo\n\
             [ -f /etc/timezone ] && echo debian || echo\n\
             sed -n 3p /etc/adjtime 2>/dev/null; :",
        );
        let mut queries = vec![probe.clone()];
        let zone = self.name.as_ref().map(|n| format!("{ZONES}/{n}"));
        queries.extend(zone.as_deref().map(Query::stat));
        known.all(queries)?;
        let lines: Vec<&str> = known.output(probe)?.1.lines().collect();
        let line = |i: usize| lines.get(i).copied().unwrap_or_default();
        let systemd = line(0) == "systemd";
        let now = line(1).strip_prefix(&format!("{ZONES}/")).unwrap_or("");
        let clock = if line(3) == "LOCAL" { "local" } else { "UTC" };
        let mut plan = Plan::new(map([]));
        let (mut before, mut after) = (String::new(), String::new());
        if let (Some(name), Some(zone)) = (&self.name, &zone) {
            if known.stat(zone, true)?.is_none() {
                return Err(Fail::new(format!(
                    "the time zone `{name}` is not known to the host; is tzdata installed?"
                ))
                .into());
            }
            if now != name {
                before.push_str(&format!("name: {now}\n"));
                after.push_str(&format!("name: {name}\n"));
                if systemd {
                    plan.run(self.site.argv(["timedatectl", "set-timezone", name]));
                } else {
                    plan.put(Action::Link {
                        target: zone.clone(),
                        path: "/etc/localtime".into(),
                        hard: false,
                    });
                }
                if !systemd && line(2) == "debian" {
                    plan.put(write("/etc/timezone", format!("{name}\n")));
                }
            }
        }
        if let Some(wanted) = self.clock.as_ref().filter(|c| *c != clock) {
            before.push_str(&format!("hwclock: {clock}\n"));
            after.push_str(&format!("hwclock: {wanted}\n"));
            let cmd = if systemd {
                let flag = if wanted == "local" { "yes" } else { "no" };
                self.site.argv(["timedatectl", "set-local-rtc", flag])
            } else {
                let flag = if wanted == "local" {
                    "--localtime"
                } else {
                    "--utc"
                };
                self.site
                    .sh(format!("hwclock --systohc {}", quote::word(flag)))
            };
            plan.run(cmd);
        }
        if self.site.diff && !plan.is_empty() {
            plan.diff.push(Diff {
                before_header: String::new(),
                after_header: String::new(),
                before,
                after,
            });
        }
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::Answer;
    use serde_json::json;

    fn probed(spec: &Spec, c: Case, said: &str) -> Case {
        let Query::Read { script, .. } = c.needs(spec)[0].clone() else {
            panic!()
        };
        c.reads(&script, 0, said)
    }

    #[test]
    fn names() {
        let cases: Vec<(serde_json::Value, &str, Vec<&str>)> = vec![
            (json!({"name": "a"}), "systemd\na\na\n", vec![]),
            (
                json!({"name": "b"}),
                "systemd\na\na\n",
                vec!["hostnamectl set-hostname b"],
            ),
            (
                json!({"name": "b"}),
                "file\na\na\n",
                vec!["write /etc/hostname \"b\\n\" mode None", "hostname b"],
            ),
            (
                json!({"name": "b", "use": "debian"}),
                "systemd\nb\na\n",
                vec!["write /etc/hostname \"b\\n\" mode None"],
            ),
        ];
        for (args, said, expected) in cases {
            let (shown, outcome) = probed(&HOSTNAME, case(args.clone()), said).done(&HOSTNAME);
            assert_eq!(shown, expected, "{args}");
            assert_eq!(
                outcome.result["ansible_facts"]
                    .get("ansible_hostname")
                    .unwrap(),
                &outcome.result["name"]
            );
        }
        let (shown, _) = probed(&HOSTNAME, case(json!({"name": "b"})), "openrc\na\n")
            .content("/etc/conf.d/hostname", Some("# x\nhostname=\"a\"\n"))
            .done(&HOSTNAME);
        assert_eq!(
            shown[0],
            "write /etc/conf.d/hostname \"# x\\nhostname=\\\"b\\\"\\n\" mode None"
        );
        for bad in ["", "-x", "a b", "a;b"] {
            assert!(case(json!({"name": bad})).bind(&HOSTNAME).is_err());
        }
    }

    #[test]
    fn zones() {
        let there = |c: Case, yes: bool| {
            let stat = yes.then(|| crate::host::Stat {
                kind: crate::host::FileType::File,
                mode: 0o644,
                uid: 0,
                gid: 0,
                owner: "root".into(),
                group: "root".into(),
                size: 1,
                inode: 1,
                device: 1,
                links: 1,
                atime: 0.0,
                mtime: 0.0,
                ctime: 0.0,
                link: None,
                real: None,
                access: (true, true, false),
            });
            c.knows(
                Query::stat("/usr/share/zoneinfo/Etc/UTC"),
                Answer::Stat(stat),
            )
        };
        let args = json!({"name": "Etc/UTC"});
        let run = |said: &str, args: &serde_json::Value| {
            there(probed(&TIMEZONE, case(args.clone()), said), true)
                .done(&TIMEZONE)
                .0
        };
        assert!(run("systemd\n/usr/share/zoneinfo/Etc/UTC\n\nUTC\n", &args).is_empty());
        assert_eq!(
            run("systemd\n/usr/share/zoneinfo/Europe/Berlin\n\nUTC\n", &args),
            ["timedatectl set-timezone Etc/UTC"]
        );
        assert_eq!(
            run("file\n/usr/share/zoneinfo/Europe/Berlin\ndebian\n", &args).len(),
            2
        );
        assert_eq!(
            run(
                "systemd\n/usr/share/zoneinfo/Etc/UTC\n\nUTC\n",
                &json!({"name": "Etc/UTC", "hwclock": "local"})
            ),
            ["timedatectl set-local-rtc yes"]
        );
        let c = there(probed(&TIMEZONE, case(args), "file\n\n\n"), false);
        assert!(
            c.tried_with(&TIMEZONE, vec![])
                .1
                .unwrap_err()
                .msg
                .contains("is not known to the host")
        );
    }
}
