//! Test cases for modules: arguments and known answers in, actions and result out. Anything else asked for is a failure.

use crate::host::{Action, Answer, Known, Pause, Program, Query, Report};
use crate::modules::{
    Args, Bound, Context, ControlFiles, Decision, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The control machine's files of a test: names are paths, contents are given.
pub(crate) struct NoFiles(pub(crate) BTreeMap<String, Vec<u8>>);

impl ControlFiles for NoFiles {
    fn find(&self, _: &str, name: &str) -> Result<PathBuf, Fail> {
        if self.0.contains_key(name) {
            Ok(PathBuf::from(name))
        } else {
            Err(Fail::new(format!("`{name}` was not found")))
        }
    }

    fn read(&self, path: &Path, _: bool) -> Result<Arc<[u8]>, Fail> {
        let name = path.to_string_lossy();
        self.0
            .get(name.as_ref())
            .map(|b| Arc::from(b.as_slice()))
            .ok_or_else(|| Fail::new(format!("`{name}` was not found")))
    }

    fn digest(&self, _: &Path) -> Result<(u64, String, String), Fail> {
        Err(Fail::new("no digests in this test"))
    }

    fn render(&self, _: &Path, _: &Map) -> Result<String, Fail> {
        Err(Fail::new("no templates in this test"))
    }
}

/// One case.
#[derive(Default)]
pub(crate) struct Case {
    args: Map,
    facts: Map,
    known: Known,
    check: bool,
    files: BTreeMap<String, Vec<u8>>,
    env: BTreeMap<String, String>,
}

/// A case with these arguments.
pub(crate) fn case(args: serde_json::Value) -> Case {
    Case {
        args: Value::from(args).as_map().cloned().unwrap_or_default(),
        ..Case::default()
    }
}

impl Case {
    pub(crate) fn check(mut self) -> Self {
        self.check = true;
        self
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    pub(crate) fn fact(mut self, key: &str, value: &str) -> Self {
        self.facts.insert(key.into(), value.into());
        self
    }

    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.into(), text.into());
        self
    }

    pub(crate) fn knows(mut self, query: Query, answer: Answer) -> Self {
        self.known.learn(query, answer);
        self
    }

    /// The answer to a reading command in plain English.
    pub(crate) fn reads(self, script: &str, rc: i32, stdout: &str) -> Self {
        assert_parses(script);
        let mut env = self.env.clone();
        env.insert("LC_ALL".into(), "C".into());
        self.knows(
            Query::Read {
                script: script.into(),
                env,
            },
            Answer::Output {
                rc,
                stdout: stdout.into(),
                stderr: String::new(),
            },
        )
    }

    pub(crate) fn content(self, path: &str, text: Option<&str>) -> Self {
        self.knows(
            Query::Content { path: path.into() },
            Answer::Bytes(text.map(|t| Arc::from(t.as_bytes()))),
        )
    }

    pub(crate) fn bind(&self, spec: &Spec) -> Result<Bound, Fail> {
        let args = Args::bind(spec, &self.args)?;
        let files = NoFiles(self.files.clone());
        let ctx = Context {
            check: self.check,
            diff: true,
            facts: &self.facts,
            environment: &self.env,
            root: true,
            host: "h1",
            files: &files,
        };
        match spec.run {
            Run::Bind(bind) => bind(&args, &ctx),
            Run::Engine => Err(Fail::new("the engine runs this")),
        }
    }

    /// What the module needs next.
    pub(crate) fn needs(&self, spec: &Spec) -> Vec<Query> {
        let Ok(Bound::Decide(module)) = self.bind(spec) else {
            panic!("must decide")
        };
        match module.decide(&self.known) {
            Err(Pause::Need(queries)) => queries,
            _ => panic!("expected a need"),
        }
    }

    /// The decision; every need must have been given.
    pub(crate) fn decide(&self, spec: &Spec) -> Result<Decision, Fail> {
        match self.bind(spec)? {
            Bound::Decide(module) => match module.decide(&self.known) {
                Ok(decision) => Ok(decision),
                Err(Pause::Fail(fail)) => Err(fail),
                Err(Pause::Need(queries)) => panic!("not expected to need {queries:#?}"),
            },
            Bound::Converse(_) => panic!("must decide"),
        }
    }

    /// The commands of the decision and its result when all succeed silently.
    pub(crate) fn done(&self, spec: &Spec) -> (Vec<String>, Outcome) {
        self.done_with(spec, Vec::new())
    }

    /// Likewise, with these reports (the rest succeed silently).
    pub(crate) fn done_with(&self, spec: &Spec, reports: Vec<Report>) -> (Vec<String>, Outcome) {
        let (shown, outcome) = self.tried_with(spec, reports);
        (shown, outcome.unwrap())
    }

    /// Likewise; the outcome may be a failure.
    pub(crate) fn tried_with(
        &self,
        spec: &Spec,
        mut reports: Vec<Report>,
    ) -> (Vec<String>, Result<Outcome, Fail>) {
        let decision = match self.decide(spec) {
            Ok(d) => d,
            Err(fail) => return (Vec::new(), Err(fail)),
        };
        let shown: Vec<String> = decision.actions.iter().map(show).collect();
        if decision.actions.is_empty() || self.check {
            let outcome = Outcome {
                changed: !decision.actions.is_empty() && !decision.opaque,
                skipped: decision.opaque,
                result: decision.result,
                diff: decision.diff,
                warnings: decision.warnings,
            };
            return (shown, Ok(outcome));
        }
        reports.resize(decision.actions.len(), Report::default());
        if let Some(bad) = reports.iter().position(|r| r.rc != 0) {
            reports.truncate(bad + 1);
        }
        let outcome = match decision.conclude {
            Some(conclude) => conclude(decision.result, reports),
            None => Ok(Outcome {
                changed: true,
                result: decision.result,
                ..Outcome::default()
            }),
        };
        (shown, outcome)
    }

    /// Holds the conversation with a scripted host: each action or question is shown and answered in order.
    pub(crate) fn converse(
        &self,
        spec: &Spec,
        script: Vec<(&str, Line)>,
    ) -> (Vec<String>, Result<Outcome, Fail>) {
        let Ok(Bound::Converse(module)) = self.bind(spec) else {
            panic!("must converse")
        };
        let mut host = Scripted {
            check: self.check,
            lines: script.into_iter().map(|(s, l)| (s.to_owned(), l)).collect(),
            seen: Vec::new(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let outcome = runtime.block_on(module.converse(&mut host));
        assert!(host.lines.is_empty(), "not asked for: {:?}", host.lines);
        (host.seen, outcome)
    }
}

/// A scripted host's reply.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    /// To a question or command: exit status and output.
    Says(i32, &'static str),
    /// Any answers.
    Answers(Vec<Answer>),
    /// The connection breaks.
    Breaks,
}

struct Scripted {
    check: bool,
    lines: VecDeque<(String, Line)>,
    seen: Vec<String>,
}

impl Scripted {
    fn next(&mut self, what: String) -> Result<Line, Fail> {
        self.seen.push(what.clone());
        let Some((expected, line)) = self.lines.pop_front() else {
            panic!("unexpected: {what}");
        };
        assert!(
            what.contains(&expected),
            "expected `{expected}`, came `{what}`"
        );
        match line {
            Line::Breaks => Err(Fail::new("connection lost")),
            line => Ok(line),
        }
    }
}

impl Remote for Scripted {
    fn check(&self) -> bool {
        self.check
    }

    fn ask<'a>(&'a mut self, queries: Vec<Query>) -> BoxFuture<'a, Result<Vec<Answer>, Fail>> {
        Box::pin(async move {
            let shown = queries
                .iter()
                .map(show_query)
                .collect::<Vec<_>>()
                .join(" + ");
            match self.next(format!("ask {shown}"))? {
                Line::Says(rc, stdout) => Ok(vec![Answer::Output {
                    rc,
                    stdout: stdout.into(),
                    stderr: String::new(),
                }]),
                Line::Answers(answers) => Ok(answers),
                Line::Breaks => Err(Fail::new("connection lost")),
            }
        })
    }

    fn act<'a>(&'a mut self, action: Action) -> BoxFuture<'a, Result<Report, Fail>> {
        Box::pin(async move {
            assert!(!self.check, "an action in check mode");
            match self.next(format!("do {}", show(&action)))? {
                Line::Says(rc, stdout) => Ok(Report {
                    rc,
                    stdout: stdout.into(),
                    ..Report::default()
                }),
                other => panic!("an action cannot be answered {other:?}"),
            }
        })
    }

    fn carry_out<'a>(
        &'a mut self,
        decide: &'a dyn crate::modules::Decide,
    ) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let mut known = Known::default();
            let decision = loop {
                match decide.decide(&known) {
                    Ok(d) => break d,
                    Err(Pause::Fail(f)) => return Err(f),
                    Err(Pause::Need(queries)) => {
                        let answers = self.ask(queries.clone()).await?;
                        assert_eq!(queries.len(), answers.len());
                        for (q, a) in queries.into_iter().zip(answers) {
                            known.learn(q, a);
                        }
                    }
                }
            };
            let mut reports = Vec::new();
            let changed = !decision.actions.is_empty();
            if !self.check {
                for action in decision.actions {
                    let report = self.act(action).await?;
                    let bad = report.rc != 0;
                    reports.push(report);
                    if bad {
                        break;
                    }
                }
            }
            match decision.conclude {
                Some(conclude) if !self.check => conclude(decision.result, reports),
                _ => Ok(Outcome {
                    changed,
                    result: decision.result,
                    diff: decision.diff,
                    ..Outcome::default()
                }),
            }
        })
    }

    fn reconnect<'a>(&'a mut self, seconds: u64) -> BoxFuture<'a, Result<(), Fail>> {
        Box::pin(async move { self.next(format!("reconnect {seconds}")).map(|_| ()) })
    }

    fn fetch<'a>(&'a mut self, path: &'a str, _: &'a Path) -> BoxFuture<'a, Result<String, Fail>> {
        Box::pin(async move { self.next(format!("fetch {path}")).map(|_| String::new()) })
    }

    fn control(&mut self) -> &mut dyn Remote {
        self
    }

    fn way<'a>(&'a mut self) -> BoxFuture<'a, Result<crate::modules::Way, Fail>> {
        Box::pin(async { Err(Fail::new("no way was prepared")) })
    }

    fn progress(&mut self, _: String) {}

    fn cluster<'a>(
        &'a mut self,
        _: crate::cluster::Access,
    ) -> BoxFuture<'a, Result<crate::cluster::Client, Fail>> {
        panic!("no cluster here")
    }

    fn hide(&mut self, _: &str) {}
}

/// Shell text must at least be shell.
fn assert_parses(text: &str) {
    let out = std::process::Command::new("sh")
        .args(["-n", "-c", text])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said} in:\n{text}");
}

/// An action in one line.
pub(crate) fn show(action: &Action) -> String {
    if let Action::Run(cmd) = action
        && let Program::Script { text, executable } = &cmd.program
        && executable == "/bin/sh"
    {
        assert_parses(text);
    }
    match action {
        Action::Run(cmd) => {
            let mut text = match &cmd.program {
                Program::Argv(argv) => crate::host::quote::words(argv),
                Program::Script { text, executable } if executable == "/bin/sh" => {
                    format!("sh: {text}")
                }
                Program::Script { text, executable } => format!("{executable}: {text}"),
            };
            if let Some(dir) = &cmd.chdir {
                text = format!("(in {dir}) {text}");
            }
            if let Some(stdin) = &cmd.stdin {
                text = format!("{text} <<< {:?}", String::from_utf8_lossy(stdin));
            }
            text
        }
        Action::Write {
            path,
            content: crate::host::Content::Bytes(bytes),
            attrs,
            ..
        } => format!(
            "write {path} {:?} mode {:?}",
            String::from_utf8_lossy(bytes),
            attrs.mode.map(|m| format!("{m:o}"))
        ),
        other => format!("{other:?}"),
    }
}

fn show_query(query: &Query) -> String {
    match query {
        Query::Read { script, .. } => {
            assert_parses(script);
            script.clone()
        }
        other => format!("{other:?}"),
    }
}
