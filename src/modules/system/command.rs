//! `command` and `shell`: what the user wrote, run on the host.

use super::expand;
use super::tools::{Site, lines, map, texts};
use super::words::shell_split;
use crate::host::{Action, Cmd, Known, Query, Report};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Outcome, Rule, Run, Spec, Step,
};
use crate::value::{Map, Value};

const CMD: Arg =
    Arg::str("cmd", "the command with its arguments").alias(&["_raw_params", "free_form"]);

const CONDITIONS: &[Arg] = &[
    Arg::path("chdir", "directory to run in"),
    Arg::path(
        "creates",
        "a path or pattern; when something is there, nothing runs",
    ),
    Arg::path(
        "removes",
        "a path or pattern; when nothing is there, nothing runs",
    ),
    Arg::str("stdin", "text for the command's standard input"),
    Arg::bool("stdin_add_newline", "end `stdin` with a line feed").default("true"),
    Arg::bool(
        "strip_empty_ends",
        "cut line feeds off the end of stdout and stderr",
    )
    .default("true"),
    Arg::refused("warn", "Ansible dropped it in 2.14; take it out"),
];

const RETURNS: &[(&str, &str)] = &[
    ("cmd", "what was run"),
    ("rc", "exit status"),
    ("stdout", "standard output"),
    ("stdout_lines", "its lines"),
    ("stderr", "standard error"),
    ("stderr_lines", "its lines"),
    ("start", "when it began"),
    ("end", "when it ended"),
    ("delta", "how long it took"),
];

/// `ansible.builtin.command`.
pub(super) static COMMAND: Spec = Spec {
    name: "ansible.builtin.command",
    aliases: &[],
    about: "runs a program, without a shell",
    free_form: Some("cmd"),
    args: &[
        &[
            CMD,
            Arg::list("argv", "the command as a list of words"),
            Arg::bool(
                "expand_argument_vars",
                "let the host replace `~` and `$NAME` in the words",
            )
            .default("true"),
            // Ansible takes it and runs the command without it, so a warning is what it means.
            Arg::str("executable", "has no effect here; use `shell`"),
        ],
        CONDITIONS,
    ],
    rules: &[
        Rule::OneOf(&["cmd", "argv"]),
        Rule::Exclusive(&["cmd", "argv"]),
    ],
    check: CheckSupport::Skipped,
    returns: RETURNS,
    example: "- ansible.builtin.command: make install\n  args:\n    chdir: /srv/src\n    creates: /usr/local/bin/tool\n",
    run: Run::Bind(bind_command),
};

/// `ansible.builtin.shell`.
pub(super) static SHELL: Spec = Spec {
    name: "ansible.builtin.shell",
    aliases: &[],
    about: "runs a line or a script in the host's shell",
    free_form: Some("cmd"),
    args: &[
        &[
            CMD.required(),
            Arg::path("executable", "the shell to use instead of `/bin/sh`"),
        ],
        CONDITIONS,
    ],
    rules: &[],
    check: CheckSupport::Skipped,
    returns: RETURNS,
    example: "- ansible.builtin.shell: |\n    set -e\n    dmesg | grep -c nvidia > /tmp/count\n  args:\n    executable: /bin/bash\n",
    run: Run::Bind(bind_shell),
};

struct Command {
    cmd: Cmd,
    /// `cmd` of the result.
    shown: Value,
    /// The program's name, to tell a missing program from its own status 127.
    program: Option<String>,
    strip: bool,
    warnings: Vec<String>,
    gate: Gate,
    site: Site,
}

fn bind_command(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let argv = match args.opt_str("cmd") {
        Some(text) => shell_split(text)
            .map_err(|e| Fail::new(format!("cannot split the command into words: {e}")))?,
        None => args.list("argv"),
    };
    if argv.is_empty() {
        return Err(Fail::new("no command given").with("rc", 256));
    }
    let mut warnings = Vec::new();
    if let Some(shell) = args.opt_str("executable") {
        warnings.push(format!(
            "`executable: {shell}` has no effect on `command`; use `shell`"
        ));
    }
    let cmd = if args.bool("expand_argument_vars") && argv.iter().any(|a| expand::expands(a)) {
        let words: Vec<String> = argv.iter().map(|a| expand::word(a)).collect();
        Cmd::script(format!("exec {}", words.join(" ")))
    } else {
        Cmd::argv(argv.clone())
    };
    let program = argv.first().cloned();
    bind(args, ctx, cmd, texts(&argv), program, warnings)
}

fn bind_shell(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let text = args.str("cmd");
    if text.trim().is_empty() {
        return Err(Fail::new("no command given").with("rc", 256));
    }
    let mut cmd = Cmd::script(text);
    if let (Some(shell), crate::host::Program::Script { executable, .. }) =
        (args.opt_str("executable"), &mut cmd.program)
    {
        *executable = shell.to_owned();
    }
    bind(args, ctx, cmd, Value::from(text), None, Vec::new())
}

fn bind(
    args: &Args,
    ctx: &Context<'_>,
    mut cmd: Cmd,
    shown: Value,
    program: Option<String>,
    warnings: Vec<String>,
) -> Result<Bound, Fail> {
    cmd.env = ctx.environment.clone();
    cmd.chdir = args.opt_str("chdir").map(str::to_owned);
    cmd.stdin = args.opt_str("stdin").map(|text| {
        let newline = if args.bool("stdin_add_newline") {
            "\n"
        } else {
            ""
        };
        std::sync::Arc::from(format!("{text}{newline}").into_bytes())
    });
    let site = Site::of(ctx);
    Ok(Bound::Decide(Box::new(Command {
        cmd,
        shown,
        program,
        strip: args.bool("strip_empty_ends"),
        warnings,
        gate: Gate::new(args, &site),
        site,
    })))
}

impl Decide for Command {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let skip = |why: String, stdout: String| {
            Decision::same(map([
                ("msg", why.into()),
                ("cmd", self.shown.clone()),
                ("rc", 0.into()),
                ("stdout_lines", lines(&stdout)),
                ("stdout", stdout.into()),
                ("stderr", "".into()),
                ("stderr_lines", Value::list([])),
                ("start", Value::Null),
                ("end", Value::Null),
                ("delta", Value::Null),
            ]))
        };
        let did = if self.site.check { "Would" } else { "Did" };
        match self.gate.open(known)? {
            Shut::No => {}
            Shut::Exists(path) => {
                return Ok(skip(
                    format!("{did} not run command since '{path}' exists"),
                    format!("skipped, since {path} exists"),
                ));
            }
            Shut::Missing(path) => {
                return Ok(skip(
                    format!("{did} not run command since '{path}' does not exist"),
                    format!("skipped, since {path} does not exist"),
                ));
            }
        }
        let mut result = map([("cmd", self.shown.clone())]);
        if self.site.check {
            for (key, value) in [
                ("msg", "Command would have run if not in check mode".into()),
                ("rc", Value::Int(0)),
                ("stdout", "".into()),
                ("stdout_lines", Value::list([])),
                ("stderr", "".into()),
                ("stderr_lines", Value::list([])),
                ("start", Value::Null),
                ("end", Value::Null),
                ("delta", Value::Null),
            ] {
                result.insert(key.into(), value);
            }
        }
        let (strip, program, warnings) = (self.strip, self.program.clone(), self.warnings.clone());
        Ok(Decision {
            result,
            actions: vec![Action::Run(self.cmd.clone())],
            opaque: self.gate.is_open_ended(),
            warnings: self.warnings.clone(),
            conclude: Some(Box::new(move |result, reports| {
                conclude(result, reports, strip, program.as_deref(), warnings)
            })),
            ..Decision::default()
        })
    }
}

fn conclude(
    mut result: Map,
    reports: Vec<Report>,
    strip: bool,
    program: Option<&str>,
    warnings: Vec<String>,
) -> Result<Outcome, Fail> {
    let Some(report) = reports.into_iter().next() else {
        return Err(Fail::new("the command was not run"));
    };
    let missing = program.filter(|p| report.rc == 127 && says_not_found(&report, p));
    if let Some(program) = missing {
        let words = format!("[Errno 2] No such file or directory: '{program}'");
        let mut fail = Fail::new(format!("Error executing command: {words}"));
        fail.result = result;
        return Err(fail.with("rc", 2).with("stdout", "").with("stderr", ""));
    }
    if let Some(error) = &report.error {
        // never begun: Ansible's words for it, and nothing changed
        let (msg, rc) = if error.starts_with("unable to change to the directory") {
            (
                "Unable to change directory before execution.".to_owned(),
                Value::Null,
            )
        } else {
            (format!("Error executing command: {error}"), Value::Int(2))
        };
        let mut fail = Fail::new(msg);
        fail.result = result;
        return Err(fail.with("rc", rc).with("stdout", "").with("stderr", ""));
    }
    command_result(&mut result, &report, strip);
    result.insert("msg".into(), "".into());
    if report.rc != 0 {
        result.shift_remove("msg");
        // it ran, so it may have changed anything
        result.insert("changed".into(), true.into());
        return Err(Fail {
            msg: "non-zero return code".into(),
            result,
        });
    }
    Ok(Outcome {
        changed: true,
        result,
        warnings,
        ..Outcome::default()
    })
}

/// The shell's own words for a program that is not there end in them; a program's own words come after it ran.
fn says_not_found(report: &Report, program: &str) -> bool {
    let said = report.stderr.trim_end();
    report.stdout.is_empty()
        && said.lines().count() == 1
        && [
            ": not found",
            ": command not found",
            ": No such file or directory",
        ]
        .iter()
        .any(|end| said.strip_suffix(end).is_some_and(|s| s.ends_with(program)))
}

/// The keys of a finished command, in Ansible's order.
pub(super) fn command_result(result: &mut Map, report: &Report, strip: bool) {
    let cut = |s: &str| {
        if strip {
            s.trim_end_matches(['\r', '\n']).to_owned()
        } else {
            s.to_owned()
        }
    };
    let (stdout, stderr) = (cut(&report.stdout), cut(&report.stderr));
    super::tools::put_output(result, &stdout, &stderr);
    result.insert("rc".into(), report.rc.into());
    let (start, end) = report.time;
    result.insert("start".into(), clock(start).into());
    result.insert("end".into(), clock(end).into());
    result.insert("delta".into(), delta(end - start).into());
    if report.dropped != (0, 0) {
        let (out, err) = report.dropped;
        result.insert(
            "dropped_bytes".into(),
            Value::map([("stdout", out.into()), ("stderr", err.into())]),
        );
    }
}

/// Seconds since 1970 as Python prints a `datetime`.
pub(super) fn clock(seconds: f64) -> String {
    let micros = (seconds * 1e6) as i64;
    jiff::Timestamp::from_microsecond(micros)
        .map(|t| {
            t.to_zoned(jiff::tz::TimeZone::UTC)
                .strftime("%Y-%m-%d %H:%M:%S.%6f")
                .to_string()
        })
        .unwrap_or_default()
}

/// Seconds as Python prints a `timedelta`.
pub(super) fn delta(seconds: f64) -> String {
    let micros = (seconds.max(0.0) * 1e6) as u64;
    let (whole, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (days, rest) = (whole / 86_400, whole % 86_400);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".into(),
        n => format!("{n} days, "),
    };
    format!(
        "{days}{}:{:02}:{:02}.{micros:06}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// `creates` and `removes`.
pub(super) struct Gate {
    creates: Option<(String, Query)>,
    removes: Option<(String, Query)>,
}

/// Whether a gate lets a command run, and if not, because of which path.
pub(super) enum Shut {
    /// It runs.
    No,
    /// What it creates is there.
    Exists(String),
    /// What it removes is not there.
    Missing(String),
}

impl Gate {
    pub(super) fn new(args: &Args, site: &Site) -> Self {
        let chdir = args.opt_str("chdir").unwrap_or_default();
        let probe = |name: &str| {
            let path = args.opt_str(name).filter(|p| !p.is_empty())?;
            let full = if path.starts_with(['/', '~', '$']) || chdir.is_empty() {
                path.to_owned()
            } else {
                format!("{}/{path}", chdir.trim_end_matches('/'))
            };
            let query = if expand::expands(&full) || expand::is_pattern(&full) {
                site.read(format!(
                    "for f in {}; do if [ -e \"$f\" ] || [ -L \"$f\" ]; then exit 0; fi; done; exit 1",
                    expand::pattern(&full)
                ))
            } else {
                Query::lstat(&full)
            };
            Some((path.to_owned(), query))
        };
        Self {
            creates: probe("creates"),
            removes: probe("removes"),
        }
    }

    /// Neither was given: nobody knows whether the command changes anything.
    pub(super) fn is_open_ended(&self) -> bool {
        self.creates.is_none() && self.removes.is_none()
    }

    pub(super) fn open(&self, known: &Known) -> Result<Shut, Step> {
        let both = [&self.creates, &self.removes];
        known.all(both.into_iter().flatten().map(|(_, q)| q.clone()))?;
        if let Some((path, query)) = &self.creates
            && there(known, query)?
        {
            return Ok(Shut::Exists(path.clone()));
        }
        if let Some((path, query)) = &self.removes
            && !there(known, query)?
        {
            return Ok(Shut::Missing(path.clone()));
        }
        Ok(Shut::No)
    }
}

fn there(known: &Known, query: &Query) -> Result<bool, Step> {
    Ok(match query {
        Query::Stat { path, follow } => known.stat(path, *follow)?.is_some(),
        other => known.output(other.clone())?.0 == 0,
    })
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
