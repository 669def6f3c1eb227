//! What these modules share: results, commands that speak English, and actions with a failure message of their own.

use crate::host::{Action, Answer, Attrs, Cmd, Content, FileType, Known, Query, Report, quote};
use crate::modules::{Args, Context, Decision, Diff, Fail, Outcome, Step};
use crate::value::{Map, Value};
use std::collections::BTreeMap;

/// A result's keys.
pub(super) fn map<const N: usize>(pairs: [(&str, Value); N]) -> Map {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

/// A list of texts.
pub(super) fn texts<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Value {
    Value::list(items.into_iter().map(|s| Value::from(s.as_ref())))
}

/// The circumstances that a module keeps after it is bound.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The task's environment.
    pub(super) env: BTreeMap<String, String>,
    /// Check mode.
    pub(super) check: bool,
    /// A diff is wanted.
    pub(super) diff: bool,
}

impl Site {
    pub(super) fn of(ctx: &Context<'_>) -> Self {
        Self {
            env: ctx.environment.clone(),
            check: ctx.check,
            diff: ctx.diff,
        }
    }

    /// The task's environment with messages in English, for whatever is read by a program.
    pub(super) fn plain_env(&self) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        env.insert("LC_ALL".into(), "C".into());
        env
    }

    /// A command that only reads.
    pub(super) fn read(&self, script: impl Into<String>) -> Query {
        Query::Read {
            script: script.into(),
            env: self.plain_env(),
        }
    }

    /// A program with arguments.
    pub(super) fn argv<S: Into<String>>(&self, argv: impl IntoIterator<Item = S>) -> Cmd {
        Cmd {
            env: self.plain_env(),
            ..Cmd::argv(argv)
        }
    }

    /// Shell text.
    pub(super) fn sh(&self, text: impl Into<String>) -> Cmd {
        Cmd {
            env: self.plain_env(),
            ..Cmd::script(text)
        }
    }
}

/// Says what the failure of an action means.
pub(super) type Blame = Box<dyn Fn(&Report) -> Fail + Send>;

/// Reads more of the result off the reports of the actions.
pub(super) type Enrich = Box<dyn FnOnce(&mut Map, &[Report]) -> Option<bool> + Send>;

/// Actions, each with what its failure means; becomes a [`Decision`].
#[derive(Default)]
pub(super) struct Plan {
    /// The result's keys.
    pub(super) result: Map,
    /// Before and after.
    pub(super) diff: Vec<Diff>,
    /// Warnings.
    pub(super) warnings: Vec<String>,
    /// Whether the actions count as a change (a `daemon-reload` does not).
    pub(super) changed: bool,
    actions: Vec<Action>,
    blames: Vec<Blame>,
    enrich: Option<Enrich>,
}

impl Plan {
    pub(super) fn new(result: Map) -> Self {
        Self {
            result,
            ..Self::default()
        }
    }

    /// A change, with what its failure means.
    pub(super) fn act(&mut self, action: Action, blame: impl Fn(&Report) -> Fail + Send + 'static) {
        self.changed = true;
        self.quiet(action, blame);
    }

    /// Something done that does not count as a change.
    pub(super) fn quiet(
        &mut self,
        action: Action,
        blame: impl Fn(&Report) -> Fail + Send + 'static,
    ) {
        self.actions.push(action);
        self.blames.push(Box::new(blame));
    }

    /// A command whose failure is told by its own words.
    pub(super) fn run(&mut self, cmd: Cmd) {
        self.act(Action::Run(cmd), |r| failed(last_words(r), r));
    }

    /// A command whose failure begins with `what`.
    pub(super) fn run_or(&mut self, cmd: Cmd, what: impl Into<String>) {
        let what = what.into();
        self.act(Action::Run(cmd), move |r| {
            failed(format!("{what}: {}", last_words(r)), r)
        });
    }

    /// Any other action, whose failure is told by its own words.
    pub(super) fn put(&mut self, action: Action) {
        self.act(action, |r| failed(last_words(r), r));
    }

    /// Completes the result from the reports when all went well; `Some(changed)` overrules.
    pub(super) fn enrich(
        mut self,
        f: impl FnOnce(&mut Map, &[Report]) -> Option<bool> + Send + 'static,
    ) -> Self {
        self.enrich = Some(Box::new(f));
        self
    }

    /// Whether nothing is to be done.
    pub(super) fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    pub(super) fn decision(self) -> Decision {
        if self.actions.is_empty() {
            return Decision {
                result: self.result,
                diff: self.diff,
                warnings: self.warnings,
                ..Decision::default()
            };
        }
        let (blames, changed, enrich) = (self.blames, self.changed, self.enrich);
        let (diff, warnings) = (self.diff.clone(), self.warnings.clone());
        Decision {
            result: self.result,
            diff: self.diff,
            warnings: self.warnings,
            actions: self.actions,
            opaque: false,
            conclude: Some(Box::new(move |mut result, reports| {
                for (report, blame) in reports.iter().zip(&blames) {
                    if report.rc != 0 {
                        return Err(blame(report));
                    }
                }
                let overruled = enrich.and_then(|f| f(&mut result, &reports));
                Ok(Outcome {
                    changed: overruled.unwrap_or(changed),
                    result,
                    diff,
                    warnings,
                    ..Outcome::default()
                })
            })),
        }
    }
}

/// A failure with a command's exit status and output.
pub(super) fn failed(msg: impl Into<String>, r: &Report) -> Fail {
    Fail::new(msg)
        .with("rc", r.rc)
        .with("stdout", r.stdout.as_str())
        .with("stdout_lines", lines(&r.stdout))
        .with("stderr", r.stderr.as_str())
        .with("stderr_lines", lines(&r.stderr))
}

/// What a command said when it failed.
pub(super) fn last_words(r: &Report) -> String {
    let said = if r.stderr.trim().is_empty() {
        r.stdout.trim()
    } else {
        r.stderr.trim()
    };
    if said.is_empty() {
        format!("exit status {}", r.rc)
    } else {
        said.to_owned()
    }
}

/// Text as Python's `splitlines` cuts it.
pub(super) fn lines(text: &str) -> Value {
    texts(
        text.split_terminator('\n')
            .map(|l| l.strip_suffix('\r').unwrap_or(l)),
    )
}

/// Puts a command's output into a result, with the `_lines` keys.
pub(super) fn put_output(result: &mut Map, stdout: &str, stderr: &str) {
    result.insert("stdout".into(), stdout.into());
    result.insert("stdout_lines".into(), lines(stdout));
    result.insert("stderr".into(), stderr.into());
    result.insert("stderr_lines".into(), lines(stderr));
}

/// A diff of two texts under one name, when one is wanted and they differ.
pub(super) fn text_diff(wanted: bool, name: &str, before: &str, after: &str) -> Option<Diff> {
    (wanted && before != after).then(|| Diff {
        before_header: name.to_owned(),
        after_header: name.to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
    })
}

/// A path with a symbolic link at its end followed, so that what is written goes through the link.
///
/// # Errors
/// A need.
pub(super) fn resolve(known: &Known, path: &str) -> Result<String, Step> {
    let stat = known.stat(path, false)?;
    let real = stat
        .filter(|s| s.kind == FileType::Link)
        .and_then(|s| s.real.clone());
    Ok(real.unwrap_or_else(|| path.to_owned()))
}

/// A file written whole, its owner and mode kept; a new one gets the usual ones.
pub(super) fn write(path: &str, text: String) -> Action {
    write_as(path, text, Attrs::default(), false)
}

/// A file written whole with these attributes, the old one kept if `backup` says so.
pub(super) fn write_as(path: &str, text: String, attrs: Attrs, backup: bool) -> Action {
    Action::Write {
        path: path.to_owned(),
        content: Content::Bytes(text.into_bytes().into()),
        attrs,
        backup,
        validate: None,
        in_place: false,
    }
}

/// A question that is asked anew every time, for waiting.
pub(super) fn fresh(site: &Site, script: &str, round: u64) -> Query {
    site.read(format!("{script}\n# {round}"))
}

/// The output of the only question asked.
pub(super) fn output(answers: Vec<Answer>) -> (i32, String, String) {
    match answers.into_iter().next() {
        Some(Answer::Output { rc, stdout, stderr }) => (rc, stdout, stderr),
        _ => (-1, String::new(), String::new()),
    }
}

/// Shell text that defines `f FILE`, which fetches `url`, and makes `$d`, a folder that goes away with the shell.
pub(super) fn fetch(url: &str, verify: bool) -> String {
    let word = quote::word(url);
    let (curl, wget) = if verify {
        ("", "")
    } else {
        (" -k", " --no-check-certificate")
    };
    format!(
        "f() {{ if command -v curl >/dev/null 2>&1; then curl -fsSL{curl} -o \"$1\" {word}\n\
         elif command -v wget >/dev/null 2>&1; then wget -q{wget} -O \"$1\" {word}\n\
         else echo 'the host has neither curl nor wget' >&2; return 1; fi; }}\n\
         d=$(mktemp -d) || exit 1\ntrap 'rm -rf \"$d\"' EXIT; trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM\n"
    )
}

/// A file mode given as an octal number.
///
/// # Errors
/// Any other form.
pub(super) fn octal(args: &Args, name: &str) -> Result<Option<u32>, Fail> {
    match args.raw(name) {
        None => Ok(None),
        Some(Value::Int(i)) => u32::try_from(*i)
            .map(Some)
            .map_err(|_| Fail::new(format!("`{name}` must be an octal mode, not `{i}`"))),
        Some(other) => u32::from_str_radix(&other.to_string(), 8)
            .map(Some)
            .map_err(|_| {
                Fail::new(format!(
                    "`{name}` must be an octal mode like '0644', not `{other}`"
                ))
            }),
    }
}
