//! `sysctl`: settings of the kernel.

use super::tools::{Plan, Site, failed, last_words, map, resolve, text_diff, write};
use crate::host::{Action, Cmd, Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::Value;

/// `ansible.posix.sysctl`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.posix.sysctl",
    aliases: &["ansible.builtin.sysctl"],
    about: "sets a kernel parameter, now and at boot",
    free_form: None,
    args: &[&[
        Arg::str("name", "the parameter, with dots")
            .alias(&["key"])
            .required(),
        Arg::str("value", "its value").alias(&["val"]),
        Arg::str("state", "whether the file has it")
            .choices(&["present", "absent"])
            .default("present"),
        Arg::path("sysctl_file", "the file").default("/etc/sysctl.conf"),
        Arg::bool("sysctl_set", "set it now even if the file has it").default("false"),
        Arg::bool("reload", "load the file when something changed").default("true"),
        Arg::bool(
            "ignoreerrors",
            "pass over parameters that the kernel does not know",
        )
        .default("false"),
    ]],
    rules: &[Rule::If("state", "present", &["value"], false)],
    check: CheckSupport::Full,
    returns: &[],
    example: "- ansible.posix.sysctl:\n    name: net.ipv4.ip_forward\n    value: \"1\"\n    sysctl_file: /etc/sysctl.d/90-k3s.conf\n",
    run: Run::Bind(bind),
};

struct Sysctl {
    name: String,
    value: String,
    present: bool,
    file: String,
    set: bool,
    reload: bool,
    ignore: bool,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let name = args.str("name").trim().to_owned();
    if name.is_empty() {
        return Err(Fail::new("name cannot be blank"));
    }
    let value = args.str("value").trim();
    let value = match Value::from(value).to_bool() {
        Some(true) => "1",
        Some(false) => "0",
        None => value,
    };
    Ok(Bound::Decide(Box::new(Sysctl {
        name,
        value: value.to_owned(),
        present: args.str("state") == "present",
        file: args.str("sysctl_file").to_owned(),
        set: args.bool("sysctl_set"),
        reload: args.bool("reload"),
        ignore: args.bool("ignoreerrors"),
        site: Site::of(ctx),
    })))
}

/// The key and value of a line that is a setting.
fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), value.trim()))
}

impl Sysctl {
    /// The file as it should be; a key that stands twice is kept once.
    fn fixed(&self, text: &str) -> String {
        let mut seen: Vec<&str> = Vec::new();
        let mut out = String::new();
        let mine = format!("{}={}\n", self.name, self.value);
        for line in text.lines() {
            match setting(line) {
                None => {
                    out.push_str(line.trim());
                    out.push('\n');
                }
                Some((key, _)) if seen.contains(&key) => {}
                Some((key, value)) => {
                    seen.push(key);
                    if key != self.name {
                        out.push_str(&format!("{key}={value}\n"));
                    } else if self.present {
                        out.push_str(&mine);
                    }
                }
            }
        }
        if self.present && !seen.contains(&self.name.as_str()) {
            out.push_str(&mine);
        }
        out
    }

    /// `sysctl` with these arguments; it may complain and still exit 0.
    fn sysctl(&self, words: &[&str]) -> Cmd {
        let mut all = vec!["sysctl"];
        all.extend(self.ignore.then_some("-e"));
        all.extend(words);
        self.site.sh(format!(
            "e=$({} 2>&1); r=$?\n\
             case $e in *'setting key'*': Invalid argument'*|*'setting key'*': Read-only file system'*) r=1;; esac\n\
             [ $r = 0 ] || printf '%s\\n' \"$e\" >&2\nexit $r",
            quote::words(all)
        ))
    }
}

impl Decide for Sysctl {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let path = resolve(known, &self.file)?;
        let current = self
            .site
            .read(format!("sysctl -e -n {}", quote::word(&self.name)));
        known.all([
            crate::host::Query::Content { path: path.clone() },
            current.clone(),
        ])?;
        let before = match known.content(&path)? {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => String::new(),
        };
        let (rc, now, _) = known.output(current)?;
        let now = (rc == 0).then_some(now);
        let same = now.is_some_and(|n| n.split_whitespace().eq(self.value.split_whitespace()));
        let in_file = before
            .lines()
            .filter_map(setting)
            .filter(|(k, _)| *k == self.name)
            .map(|(_, v)| v)
            .next_back();
        let write_file = match in_file {
            None => self.present,
            Some("") if !self.present => false,
            Some(_) if !self.present => true,
            Some(v) => v != self.value,
        };
        let stale = self.present && self.reload && !write_file && !same;
        let set = self.present && self.set && !same;
        let mut plan = Plan::new(map([]));
        if set && now.is_some() {
            let (name, pair) = (self.name.clone(), format!("{}={}", self.name, self.value));
            plan.act(Action::Run(self.sysctl(&["-w", &pair])), move |r| {
                failed(format!("setting {name} failed: {}", last_words(r)), r)
            });
        }
        if write_file {
            let after = self.fixed(&before);
            plan.diff
                .extend(text_diff(self.site.diff, &self.file, &before, &after));
            plan.put(write(&path, after));
        }
        if (write_file || stale || set) && self.reload {
            plan.run_or(self.sysctl(&["-p", &self.file]), "Failed to reload sysctl");
        }
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::{Answer, Query};
    use serde_json::json;

    fn with(args: serde_json::Value, file: Option<&str>, now: &str) -> Case {
        case(args)
            .knows(Query::lstat("/etc/sysctl.conf"), Answer::Stat(None))
            .content("/etc/sysctl.conf", file)
            .reads("sysctl -e -n vm.swappiness", 0, now)
    }

    fn short(shown: &[String]) -> Vec<&str> {
        shown
            .iter()
            .map(|s| {
                if s.contains("'-p'") || s.contains(" -p ") {
                    "reload"
                } else if s.contains(" -w ") {
                    "set"
                } else {
                    s.as_str()
                }
            })
            .collect()
    }

    #[test]
    fn decisions() {
        let n = "vm.swappiness";
        let cases: Vec<(serde_json::Value, Option<&str>, &str, Vec<&str>)> = vec![
            (
                json!({"name": n, "value": 10}),
                Some("vm.swappiness = 10\n"),
                "10\n",
                vec![],
            ),
            (
                json!({"name": n, "value": 10}),
                None,
                "60\n",
                vec![
                    "write /etc/sysctl.conf \"vm.swappiness=10\\n\" mode None",
                    "reload",
                ],
            ),
            (
                json!({"name": n, "value": 10, "reload": false}),
                Some("# c\na=1\nvm.swappiness=5\nvm.swappiness=6\n"),
                "60\n",
                vec!["write /etc/sysctl.conf \"# c\\na=1\\nvm.swappiness=10\\n\" mode None"],
            ),
            (
                json!({"name": n, "value": 10}),
                Some("vm.swappiness=10\n"),
                "60\n",
                vec!["reload"],
            ),
            (
                json!({"name": n, "value": 10, "reload": false}),
                Some("vm.swappiness=10\n"),
                "60\n",
                vec![],
            ),
            (
                json!({"name": n, "value": 10, "sysctl_set": true, "reload": false}),
                Some("vm.swappiness=10\n"),
                "60\n",
                vec!["set"],
            ),
            (
                json!({"name": n, "state": "absent"}),
                Some("a=1\n"),
                "60\n",
                vec![],
            ),
            (
                json!({"name": n, "state": "absent", "reload": false}),
                Some("a=1\nvm.swappiness=6\n"),
                "60\n",
                vec!["write /etc/sysctl.conf \"a=1\\n\" mode None"],
            ),
        ];
        for (args, file, now, expected) in cases {
            let (shown, outcome) = with(args.clone(), file, now).done(&SPEC);
            assert_eq!(short(&shown), expected, "{args}");
            assert_eq!(outcome.changed, !expected.is_empty(), "{args}");
        }
    }

    #[test]
    fn booleans_become_numbers() {
        let (shown, _) = with(
            json!({"name": "vm.swappiness", "value": true, "reload": false}),
            None,
            "",
        )
        .done(&SPEC);
        assert_eq!(
            shown,
            ["write /etc/sysctl.conf \"vm.swappiness=1\\n\" mode None"]
        );
    }
}
