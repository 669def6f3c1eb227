//! `selinux` and `seboolean`.

use super::tools::{Plan, Site, failed, last_words, map, text_diff, write};
use crate::host::{Action, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};

/// `ansible.posix.selinux`.
pub(super) static SELINUX: Spec = Spec {
    name: "ansible.posix.selinux",
    aliases: &["ansible.builtin.selinux"],
    about: "sets SELinux's mode and policy, now and at boot",
    free_form: None,
    args: &[&[
        Arg::str("state", "the mode")
            .required()
            .choices(&["enforcing", "permissive", "disabled"]),
        Arg::str("policy", "the policy; needed unless `disabled`"),
        Arg::str("configfile", "the file")
            .alias(&["conf", "file"])
            .default("/etc/selinux/config"),
        Arg::bool(
            "update_kernel_param",
            "set the kernel's `selinux=` parameter with grubby too",
        )
        .default("false"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("msg", "what changed"),
        ("configfile", "the file"),
        ("policy", "the policy"),
        ("state", "the mode"),
        (
            "reboot_required",
            "whether it takes effect at the next boot only",
        ),
    ],
    example: "- ansible.posix.selinux:\n    policy: targeted\n    state: permissive\n",
    run: Run::Bind(bind_selinux),
};

/// `ansible.posix.seboolean`.
pub(super) static SEBOOLEAN: Spec = Spec {
    name: "ansible.posix.seboolean",
    aliases: &["ansible.builtin.seboolean"],
    about: "switches one of SELinux's booleans",
    free_form: None,
    args: &[&[
        Arg::str("name", "the boolean").required(),
        Arg::bool("state", "on or off").required(),
        Arg::bool("persistent", "keep it over boots").default("false"),
        Arg::bool("ignore_selinux_state", "do it even where SELinux is off").default("false"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the boolean"),
        ("state", "as given"),
        ("persistent", "as given"),
    ],
    example: "- ansible.posix.seboolean:\n    name: httpd_can_network_connect\n    state: true\n    persistent: true\n",
    run: Run::Bind(bind_seboolean),
};

struct Selinux {
    state: String,
    policy: Option<String>,
    file: String,
    kernel: bool,
    site: Site,
}

fn bind_selinux(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let (state, policy) = (args.str("state"), args.opt_str("policy"));
    if state != "disabled" && policy.is_none() {
        return Err(Fail::new("Policy is required if state is not 'disabled'"));
    }
    Ok(Bound::Decide(Box::new(Selinux {
        state: state.to_owned(),
        policy: policy.map(str::to_owned),
        file: args.str("configfile").to_owned(),
        kernel: args.bool("update_kernel_param"),
        site: Site::of(ctx),
    })))
}

fn entry<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix('='))
        .map(str::trim)
}

impl Decide for Selinux {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let probe = self.site.read(
            "if command -v getenforce >/dev/null 2>&1; then getenforce; else echo Disabled; fi\n\
             if command -v grubby >/dev/null 2>&1; then grubby --info=ALL 2>/dev/null | grep '^args='; fi; :",
        );
        known.all([
            probe.clone(),
            Query::Content {
                path: self.file.clone(),
            },
        ])?;
        let Some(bytes) = known.content(&self.file)? else {
            return Err(Fail::new(format!("Unable to find file {}", self.file)).into());
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let said = known.output(probe)?.1;
        let now = said.lines().next().unwrap_or("Disabled").to_lowercase();
        let (old_state, old_policy) = (
            entry(&text, "SELINUX").unwrap_or(""),
            entry(&text, "SELINUXTYPE").unwrap_or(""),
        );
        let state = self.state.as_str();
        let policy = self.policy.as_deref().unwrap_or(old_policy);
        let (mut msgs, mut warnings, mut reboot) = (Vec::new(), Vec::new(), false);
        let mut plan = Plan::new(map([]));
        let new: String = text
            .lines()
            .map(|l| match l {
                l if l.starts_with("SELINUX=") => format!("SELINUX={state}\n"),
                l if l.starts_with("SELINUXTYPE=") => format!("SELINUXTYPE={policy}\n"),
                l => format!("{l}\n"),
            })
            .collect();
        if policy != old_policy {
            msgs.push(format!(
                "SELinux policy configuration in '{}' changed from '{old_policy}' to '{policy}'",
                self.file
            ));
        }
        let set = |mode: &str| {
            self.site
                .argv(["setenforce", if mode == "enforcing" { "1" } else { "0" }])
        };
        if state != now {
            if now == "disabled" {
                warnings.push(format!(
                    "Reboot is required to set SELinux state to '{state}'"
                ));
                reboot = true;
            } else if state == "disabled" {
                reboot = true;
                if now == "permissive" {
                    warnings.push("SELinux state change will take effect next reboot".into());
                } else {
                    plan.run(set("permissive"));
                    warnings.push(format!(
                        "SELinux state temporarily changed from '{now}' to 'permissive'. State change will take effect next reboot."
                    ));
                }
            } else {
                plan.run(set(state));
                msgs.push(format!("SELinux state changed from '{now}' to '{state}'"));
            }
        }
        if state != old_state {
            msgs.push(format!(
                "Config SELinux state changed from '{old_state}' to '{state}'"
            ));
        }
        if policy != old_policy || state != old_state {
            plan.diff
                .extend(text_diff(self.site.diff, &self.file, &text, &new));
            let path = super::tools::resolve(known, &self.file)?;
            plan.put(write(&path, new));
        }
        if self.kernel {
            let kernels: Vec<bool> = said
                .lines()
                .skip(1)
                .map(|l| !l.contains("selinux=0"))
                .collect();
            let on = state != "disabled";
            if kernels.iter().any(|k| *k != on) {
                let flag = if on {
                    "--remove-args=selinux=0"
                } else {
                    "--args=selinux=0"
                };
                plan.run(self.site.argv(["grubby", "--update-kernel=ALL", flag]));
                msgs.push("Kernel SELinux state changed".into());
            }
        }
        plan.warnings = warnings;
        plan.result = map([
            ("msg", msgs.join(", ").into()),
            ("configfile", self.file.as_str().into()),
            ("policy", policy.into()),
            ("state", state.into()),
            ("reboot_required", reboot.into()),
        ]);
        Ok(plan.decision())
    }
}

struct Seboolean {
    name: String,
    on: bool,
    persistent: bool,
    ignore: bool,
    site: Site,
}

fn bind_seboolean(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(Seboolean {
        name: args.str("name").to_owned(),
        on: args.bool("state"),
        persistent: args.bool("persistent"),
        ignore: args.bool("ignore_selinux_state"),
        site: Site::of(ctx),
    })))
}

impl Decide for Seboolean {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let name = quote::word(&self.name);
        // semanage's list tells what is kept over boots: `name (on , off) …`, now and kept.
        let probe = self.site.read(format!(
            "if command -v selinuxenabled >/dev/null 2>&1 && selinuxenabled; then echo enabled; else echo disabled; fi\n\
             getsebool {name} 2>&1 | head -n 1\n\
             if command -v semanage >/dev/null 2>&1; then semanage boolean -l -n 2>/dev/null | while read -r n r; do [ \"$n\" = {name} ] && echo \"$r\"; done; fi; :"
        ));
        let mut lines = known.output(probe)?.1.lines();
        let enabled = lines.next() == Some("enabled");
        if !enabled && !self.ignore {
            return Err(Fail::new("SELinux is disabled on this host.").into());
        }
        let current = lines
            .next()
            .and_then(|l| l.rsplit_once("--> "))
            .map(|(_, v)| v.trim() == "on");
        if enabled && current.is_none() {
            return Err(Fail::new(format!("SELinux boolean {} does not exist.", self.name)).into());
        }
        let kept = lines.next().and_then(|l| {
            let inner = l.split_once('(')?.1.split_once(')')?.0;
            Some(inner.split_once(',')?.1.trim() == "on")
        });
        let mut plan = Plan::new(map([
            ("name", self.name.as_str().into()),
            ("persistent", self.persistent.into()),
            ("state", self.on.into()),
        ]));
        let differs = |v: Option<bool>| v.is_some_and(|v| v != self.on);
        // Without semanage nobody can tell what is kept, so it is set when it is not so now.
        let change = if self.persistent {
            differs(kept) || differs(current)
        } else {
            differs(current)
        };
        if change {
            let mut argv = vec!["setsebool"];
            argv.extend(self.persistent.then_some("-P"));
            argv.extend([self.name.as_str(), if self.on { "on" } else { "off" }]);
            let what = format!("Failed to set boolean {} to {}", self.name, self.on);
            plan.act(Action::Run(self.site.argv(argv)), move |r| {
                failed(format!("{what}: {}", last_words(r)), r)
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
    fn modes() {
        let f = "/etc/selinux/config";
        let run = |args: serde_json::Value, now: &str, text: &str| {
            probed(&SELINUX, case(args).content(f, Some(text)), now)
                .knows(Query::lstat(f), Answer::Stat(None))
                .done(&SELINUX)
        };
        let text = "# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n";
        assert!(
            run(
                json!({"state": "enforcing", "policy": "targeted"}),
                "Enforcing\n",
                text
            )
            .0
            .is_empty()
        );
        let (shown, _) = run(
            json!({"state": "permissive", "policy": "targeted"}),
            "Enforcing\n",
            text,
        );
        assert_eq!(
            shown,
            [
                "setenforce 0",
                "write /etc/selinux/config \"# x\\nSELINUX=permissive\\nSELINUXTYPE=targeted\\n\" mode None"
            ]
        );
        let (shown, outcome) = run(
            json!({"state": "disabled"}),
            "Disabled\n",
            "SELINUX=disabled\nSELINUXTYPE=targeted\n",
        );
        assert!(shown.is_empty() && outcome.result["reboot_required"] == false.into());
        assert!(case(json!({"state": "enforcing"})).bind(&SELINUX).is_err());
    }

    #[test]
    fn booleans() {
        let run = |args: serde_json::Value, said: &str| {
            probed(&SEBOOLEAN, case(args), said).tried_with(&SEBOOLEAN, vec![])
        };
        let args = json!({"name": "b", "state": true, "persistent": true});
        assert!(
            run(args.clone(), "enabled\nb --> on\n(on , on) x\n")
                .0
                .is_empty()
        );
        assert_eq!(
            run(args.clone(), "enabled\nb --> on\n(on , off) x\n").0,
            ["setsebool -P b on"]
        );
        assert_eq!(
            run(json!({"name": "b", "state": false}), "enabled\nb --> on\n").0,
            ["setsebool b off"]
        );
        assert_eq!(
            run(args, "disabled\n").1.unwrap_err().msg,
            "SELinux is disabled on this host."
        );
    }
}
