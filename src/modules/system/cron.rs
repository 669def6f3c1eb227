//! `cron`: lines of a crontab, each known by the comment above it.

use super::tools::{Plan, Site, failed, last_words, map, text_diff, texts, write_as};
use crate::host::{Action, Attrs, Cmd, Known, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};

/// `ansible.builtin.cron`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.cron",
    aliases: &[],
    about: "sets and removes jobs and variables of a crontab",
    free_form: None,
    args: &[&[
        Arg::str("name", "what the job is known by, or the variable").required(),
        Arg::str("job", "the command, or the variable's value").alias(&["value"]),
        Arg::str("state", "whether it is there")
            .choices(&["present", "absent"])
            .default("present"),
        Arg::str(
            "user",
            "whose crontab; the account that runs the task when left out",
        ),
        Arg::path(
            "cron_file",
            "a file in /etc/cron.d, or a path, instead of a user's crontab",
        ),
        Arg::str("minute", "minute").default("*"),
        Arg::str("hour", "hour").default("*"),
        Arg::str("day", "day of the month")
            .alias(&["dom"])
            .default("*"),
        Arg::str("month", "month").default("*"),
        Arg::str("weekday", "day of the week")
            .alias(&["dow"])
            .default("*"),
        Arg::str("special_time", "a word instead of a time").choices(&[
            "annually", "daily", "hourly", "monthly", "reboot", "weekly", "yearly",
        ]),
        Arg::bool("disabled", "keep the job as a comment").default("false"),
        Arg::bool("env", "a variable, not a job").default("false"),
        Arg::str("insertafter", "put the variable after this one"),
        Arg::str("insertbefore", "put the variable before this one"),
        Arg::bool("backup", "keep a copy of the old crontab").default("false"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("jobs", "the names of all jobs"),
        ("envs", "the names of all variables"),
    ],
    example: "- ansible.builtin.cron:\n    name: renew\n    special_time: daily\n    job: /usr/local/bin/renew\n",
    run: Run::Bind(bind),
};

const MARK: &str = "#Ansible: ";

struct Cron {
    name: String,
    /// The line to have; `None` to remove it.
    line: Option<String>,
    env: bool,
    after: Option<String>,
    before: Option<String>,
    user: Option<String>,
    file: Option<String>,
    shown_file: Option<String>,
    backup: bool,
    state: String,
    warnings: Vec<String>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let (name, present, env) = (
        args.str("name"),
        args.str("state") == "present",
        args.bool("env"),
    );
    let times = ["minute", "hour", "day", "month", "weekday"].map(|t| args.str(t).to_owned());
    let special = args.opt_str("special_time");
    let shown_file = args.opt_str("cron_file").map(str::to_owned);
    let user = args.opt_str("user").map(str::to_owned);
    let mut warnings = Vec::new();
    let fail = |msg: &str| Err(Fail::new(msg));
    if shown_file.as_deref() == Some("/etc/crontab") {
        return fail("Will not manage /etc/crontab via cron_file, see documentation.");
    }
    if special.is_some() && times.iter().any(|t| t != "*") {
        return fail(
            "You cannot combine special_time with any of the time or day/date parameters.",
        );
    }
    let mut line = None;
    if present {
        if shown_file.is_some() && user.is_none() {
            return fail("To use cron_file=... parameter you must specify user=... as well");
        }
        let Some(job) = args.opt_str("job") else {
            return fail("You must specify 'job' to install a new cron job or variable");
        };
        if (args.has("insertafter") || args.has("insertbefore")) && !env {
            return fail("Insertafter and insertbefore parameters are valid only with env=yes");
        }
        let job = job.trim_matches(['\r', '\n']);
        if job.contains(['\r', '\n']) && !env {
            warnings.push("Job should not contain line breaks".into());
        }
        line = Some(if env {
            format!("{name}=\"{}\"", args.str("job"))
        } else {
            let off = if args.bool("disabled") { "#" } else { "" };
            let when = special.map_or_else(|| times.join(" "), |s| format!("@{s}"));
            let who = match (&shown_file, &user) {
                (Some(_), Some(user)) => format!(" {user}"),
                _ => String::new(),
            };
            format!("{off}{when}{who} {job}")
        });
    }
    if env && name.contains(' ') {
        return fail("Invalid name for environment variable");
    }
    let file = shown_file.as_ref().map(|f| {
        if f.starts_with('/') {
            f.clone()
        } else {
            format!("/etc/cron.d/{f}")
        }
    });
    if let Some(base) = file.as_deref().and_then(|f| f.rsplit('/').next())
        && !base
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    {
        warnings.push(format!(
            "Filename portion of cron_file (\"{base}\") should consist solely of upper- and lower-case letters, digits, underscores, and hyphens"
        ));
    }
    Ok(Bound::Decide(Box::new(Cron {
        name: name.to_owned(),
        line,
        env,
        after: args.opt_str("insertafter").map(str::to_owned),
        before: args.opt_str("insertbefore").map(str::to_owned),
        user,
        file,
        shown_file,
        backup: args.bool("backup"),
        state: args.str("state").to_owned(),
        warnings,
        site: Site::of(ctx),
    })))
}

impl Cron {
    /// `crontab`, for the account of the task or another.
    fn crontab(&self, rest: &str) -> String {
        match &self.user {
            None => format!("crontab {rest}"),
            Some(user) => {
                let user = quote::word(user);
                format!(
                    "if [ \"$(id -un)\" = {user} ]; then crontab {rest}; else crontab -u {user} {rest}; fi"
                )
            }
        }
    }

    fn edit(&self, lines: &mut Vec<String>) -> Result<bool, Fail> {
        if self.env {
            self.edit_env(lines)
        } else {
            Ok(self.edit_job(lines))
        }
    }

    fn edit_env(&self, lines: &mut Vec<String>) -> Result<bool, Fail> {
        let find = |lines: &[String], name: &str| {
            lines
                .iter()
                .position(|l| l.starts_with(&format!("{name}=")))
        };
        let at = find(lines, &self.name);
        match (&self.line, at) {
            (None, None) => Ok(false),
            (None, Some(_)) => {
                lines.retain(|l| !l.starts_with(&format!("{}=", self.name)));
                Ok(true)
            }
            (Some(line), Some(i)) if lines.get(i) == Some(line) => Ok(false),
            (Some(line), Some(_)) => {
                for l in lines
                    .iter_mut()
                    .filter(|l| l.starts_with(&format!("{}=", self.name)))
                {
                    l.clone_from(line);
                }
                Ok(true)
            }
            (Some(line), None) => {
                let index = match (&self.after, &self.before) {
                    (None, None) => 0,
                    (Some(other), _) | (None, Some(other)) => {
                        let i = find(lines, other).ok_or_else(|| {
                            Fail::new(format!("Variable named '{other}' not found."))
                        })?;
                        i + usize::from(self.after.is_some())
                    }
                };
                lines.insert(index, line.clone());
                Ok(true)
            }
        }
    }

    fn edit_job(&self, lines: &mut Vec<String>) -> bool {
        let mark = format!("{MARK}{}", self.name);
        let at = lines
            .iter()
            .position(|l| *l == mark)
            .filter(|i| i + 1 < lines.len());
        match (&self.line, at) {
            (None, None) => false,
            (None, Some(_)) => {
                replace_marked(lines, &mark, None);
                true
            }
            (Some(line), Some(i)) if lines.get(i + 1) == Some(line) => false,
            (Some(line), Some(_)) => {
                replace_marked(lines, &mark, Some(line));
                true
            }
            (Some(line), None) => {
                // A job written by hand gets its mark.
                if let Some(i) = lines.iter().position(|l| l == line) {
                    let above = i.checked_sub(1).and_then(|j| lines.get(j)).cloned();
                    match above.as_deref().and_then(|a| a.strip_prefix(MARK)) {
                        None => {
                            lines.insert(i, mark);
                            return true;
                        }
                        Some("None") => {
                            lines[i - 1] = mark;
                            return true;
                        }
                        Some(_) => {}
                    }
                }
                lines.extend([mark, line.clone()]);
                true
            }
        }
    }
}

/// Replaces the line after each such mark, or removes both.
fn replace_marked(lines: &mut Vec<String>, mark: &str, with: Option<&String>) {
    let mut out = Vec::new();
    let mut old = std::mem::take(lines).into_iter();
    while let Some(line) = old.next() {
        if line != mark {
            out.push(line);
            continue;
        }
        let _job = old.next();
        if let Some(with) = with {
            out.extend([line, with.clone()]);
        }
    }
    *lines = out;
}

/// What `crontab -l` prints of itself above the crontab.
fn is_banner(line: &str) -> bool {
    line.starts_with("# DO NOT EDIT THIS FILE - edit the master and reinstall.")
        || (line.starts_with("# (/tmp/") && line.contains("installed on"))
        || (line.starts_with("# (") && line.contains("version"))
}

impl Decide for Cron {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let (before, there) = match &self.file {
            Some(file) => match known.content(file)? {
                Some(bytes) => (String::from_utf8_lossy(&bytes).into_owned(), true),
                None => (String::new(), false),
            },
            None => {
                let (rc, stdout, stderr) = known.output(self.site.read(self.crontab("-l")))?;
                if rc != 0 && rc != 1 {
                    let report = Report {
                        rc,
                        stderr: stderr.to_owned(),
                        ..Report::default()
                    };
                    return Err(failed(
                        format!("Unable to read crontab: {}", last_words(&report)),
                        &report,
                    )
                    .into());
                }
                (stdout.to_owned(), true)
            }
        };
        let mut lines: Vec<String> = before
            .lines()
            .enumerate()
            .filter(|(i, l)| self.file.is_some() || *i > 2 || !is_banner(l))
            .map(|(_, l)| l.to_owned())
            .collect();
        let edited = self.edit(&mut lines)?;
        let changed = edited || (!before.is_empty() && !before.ends_with(['\n', '\r']));
        let mut after = lines.join("\n").trim_end_matches(['\r', '\n']).to_owned();
        if !after.is_empty() {
            after.push('\n');
        }
        let jobs = lines.iter().filter_map(|l| l.strip_prefix(MARK));
        let envs = lines
            .iter()
            .filter_map(|l| l.split_once('='))
            .map(|(n, _)| n)
            .filter(|n| !n.is_empty() && !n.contains(char::is_whitespace));
        let mut plan = Plan::new(map([("jobs", texts(jobs)), ("envs", texts(envs))]));
        plan.warnings.clone_from(&self.warnings);
        if let Some(file) = &self.shown_file {
            plan.result.insert("cron_file".into(), file.as_str().into());
        }
        if !changed {
            return Ok(plan.decision());
        }
        let header = match (&self.file, &self.user) {
            (Some(file), _) => file.clone(),
            (None, Some(user)) => format!("crontab for user \"{user}\""),
            (None, None) => "crontab".into(),
        };
        plan.diff
            .extend(text_diff(self.site.diff, &header, &before, &after));
        match &self.file {
            Some(file) if after.trim().is_empty() && self.line.is_none() && !self.env => {
                plan.result = map([
                    ("cron_file", file.as_str().into()),
                    ("state", self.state.as_str().into()),
                ]);
                if there {
                    plan.put(Action::Remove { path: file.clone() });
                }
            }
            Some(file) => {
                let mode = (!there).then_some(0o644);
                plan.put(write_as(
                    file,
                    after,
                    Attrs {
                        mode,
                        ..Attrs::default()
                    },
                    self.backup,
                ));
            }
            None => {
                let keep = if self.backup {
                    format!(
                        "b=$(mktemp /tmp/crontabXXXXXX) && {{ {}; }} > \"$b\"; echo \"$b\"\n",
                        self.crontab("-l 2>/dev/null")
                    )
                } else {
                    String::new()
                };
                let cmd = Cmd {
                    stdin: Some(after.into_bytes().into()),
                    ..self.site.sh(format!("{keep}{}", self.crontab("-")))
                };
                plan.run_or(cmd, "Failed to install new cronfile");
            }
        }
        let (backup, own) = (self.backup, self.file.is_none());
        Ok(plan
            .enrich(move |result, reports| {
                if let Some(r) = reports.first().filter(|_| backup) {
                    let path = if own {
                        Some(r.stdout.trim().to_owned())
                    } else {
                        r.backup.clone()
                    };
                    if let Some(path) = path.filter(|p| !p.is_empty()) {
                        result.insert("backup_file".into(), path.into());
                    }
                }
                None
            })
            .decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use serde_json::json;

    /// What the crontab becomes; `None` when it stays.
    fn becomes(args: serde_json::Value, now: &str) -> Option<String> {
        let (shown, outcome) = case(args).reads("crontab -l", 0, now).done(&SPEC);
        assert_eq!(outcome.changed, !shown.is_empty());
        outcome.diff.first().map(|d| d.after.clone())
    }

    #[test]
    fn jobs() {
        let a = json!({"name": "a", "job": "x", "minute": 5});
        let cases = [
            (a.clone(), "", Some("#Ansible: a\n5 * * * * x\n")),
            (a.clone(), "#Ansible: a\n5 * * * * x\n", None),
            (
                a.clone(),
                "K=1\n#Ansible: a\n6 * * * * y\n# z\n",
                Some("K=1\n#Ansible: a\n5 * * * * x\n# z\n"),
            ),
            (
                a.clone(),
                "5 * * * * x\n",
                Some("#Ansible: a\n5 * * * * x\n"),
            ),
            (
                a.clone(),
                "#Ansible: a\n5 * * * * x",
                Some("#Ansible: a\n5 * * * * x\n"),
            ),
            (
                json!({"name": "a", "job": "x", "special_time": "daily", "disabled": true}),
                "",
                Some("#Ansible: a\n#@daily x\n"),
            ),
            (
                json!({"name": "a", "state": "absent"}),
                "b\n#Ansible: a\n5 * * * * x\n",
                Some("b\n"),
            ),
            (json!({"name": "a", "state": "absent"}), "b\n", None),
        ];
        for (args, now, after) in cases {
            assert_eq!(
                becomes(args.clone(), now).as_deref(),
                after,
                "{args} {now:?}"
            );
        }
    }

    #[test]
    fn variables() {
        let e = |more: serde_json::Value| {
            let mut all = json!({"name": "K", "value": "1", "env": true});
            all.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            all
        };
        assert_eq!(
            becomes(e(json!({})), "A=\"2\"\n").as_deref(),
            Some("K=\"1\"\nA=\"2\"\n")
        );
        assert_eq!(
            becomes(e(json!({"insertafter": "A"})), "A=\"2\"\n").as_deref(),
            Some("A=\"2\"\nK=\"1\"\n")
        );
        assert_eq!(becomes(e(json!({})), "K=\"1\"\n"), None);
        assert_eq!(
            becomes(
                json!({"name": "K", "env": true, "state": "absent"}),
                "K=\"1\"\n"
            )
            .as_deref(),
            Some("")
        );
        let c = case(e(json!({"insertbefore": "Z"}))).reads("crontab -l", 0, "");
        assert_eq!(
            c.tried_with(&SPEC, vec![]).1.unwrap_err().msg,
            "Variable named 'Z' not found."
        );
    }

    #[test]
    fn files_and_other_accounts() {
        let c = case(json!({"name": "a", "job": "x", "user": "root", "cron_file": "mine"}))
            .content("/etc/cron.d/mine", None);
        assert_eq!(
            c.done(&SPEC).0,
            ["write /etc/cron.d/mine \"#Ansible: a\\n* * * * * root x\\n\" mode Some(\"644\")"]
        );
        let c = case(json!({"name": "a", "state": "absent", "cron_file": "mine"}))
            .content("/etc/cron.d/mine", Some("#Ansible: a\n* * * * * root x\n"));
        assert_eq!(c.done(&SPEC).0, ["Remove { path: \"/etc/cron.d/mine\" }"]);
        let list = "if [ \"$(id -un)\" = bob ]; then crontab -l; else crontab -u bob -l; fi";
        let (shown, _) = case(json!({"name": "a", "job": "x", "user": "bob"}))
            .reads(list, 1, "")
            .done(&SPEC);
        assert_eq!(
            shown,
            [
                "sh: if [ \"$(id -un)\" = bob ]; then crontab -; else crontab -u bob -; fi <<< \"#Ansible: a\\n* * * * * x\\n\""
            ]
        );
    }

    #[test]
    fn mistakes() {
        let message = |args| case(args).bind(&SPEC).map(|_| ()).unwrap_err().msg;
        insta::assert_snapshot!(message(json!({"name": "a"})), @"You must specify 'job' to install a new cron job or variable");
        insta::assert_snapshot!(message(json!({"name": "a", "job": "x", "special_time": "daily", "hour": 1})), @"You cannot combine special_time with any of the time or day/date parameters.");
        insta::assert_snapshot!(message(json!({"name": "a", "job": "x", "cron_file": "f"})), @"To use cron_file=... parameter you must specify user=... as well");
    }
}
