//! A host in memory, for the tables of cases beside the modules. Strict: what a case did not prepare fails it.

use super::files::digest::hex_digest;
use super::{Args, Bound, Context, ControlFiles, Decision, Fail, Outcome, Spec, Step};
use crate::artifacts::Site;
use crate::host::*;
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: FileType,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub content: Arc<[u8]>,
    pub link: String,
    pub inode: u64,
}

/// A host: paths, accounts and prepared answers.
#[derive(Clone, Default)]
pub struct Host {
    pub nodes: BTreeMap<String, Node>,
    users: Vec<(String, u32)>,
    groups: Vec<(String, u32)>,
    reads: Vec<(String, i32, String)>,
    runs: Vec<(String, i32, String)>,
    /// What was run, one a line.
    pub ran: Vec<String>,
    inode: u64,
    this_machine: bool,
    /// How a program gets to it.
    pub way: Option<super::Way>,
    pub facts: Map,
    pub environment: BTreeMap<String, String>,
    /// The control machine's files: `files/x`, `templates/y`.
    control: Option<Arc<tempfile::TempDir>>,
    /// The cluster it reaches.
    pub cluster: Option<crate::cluster::testing::Script>,
    /// How modules logged in there.
    pub logins: Vec<crate::cluster::Access>,
    /// What is to be masked.
    pub hidden: Vec<String>,
}

/// What came of a module: its decision as text, and the result.
pub struct Ran {
    pub actions: Vec<String>,
    pub outcome: Result<Outcome, Fail>,
}

impl Host {
    /// Root's host with `/`, `/etc`, `/tmp` and the users root and ann (1000).
    pub fn new() -> Self {
        Self {
            users: vec![("root".into(), 0), ("ann".into(), 1000)],
            groups: vec![("root".into(), 0), ("ann".into(), 1000)],
            ..Self::default()
        }
        .dir("/", 0o755)
        .dir("/etc", 0o755)
        .dir("/tmp", 0o1777)
    }

    fn put(mut self, path: &str, kind: FileType, mode: u32, content: &[u8], link: &str) -> Self {
        self.inode += 1;
        self.nodes.insert(
            path.into(),
            Node {
                kind,
                mode,
                uid: 0,
                gid: 0,
                content: content.into(),
                link: link.into(),
                inode: self.inode,
            },
        );
        self
    }

    pub fn dir(self, path: &str, mode: u32) -> Self {
        self.put(path, FileType::Directory, mode, b"", "")
    }

    pub fn file(self, path: &str, mode: u32, content: &str) -> Self {
        self.put(path, FileType::File, mode, content.as_bytes(), "")
    }

    pub fn link(self, path: &str, target: &str) -> Self {
        self.put(path, FileType::Link, 0o777, b"", target)
    }

    /// This very machine: nothing is made up, paths and reading commands are answered by it.
    pub fn real() -> Self {
        Self {
            this_machine: true,
            ..Self::new()
        }
    }

    /// The answer to every reading command that contains `part`.
    pub fn read(mut self, part: &str, rc: i32, out: &str) -> Self {
        self.reads.push((part.into(), rc, out.into()));
        self
    }

    /// The report of every command that contains `part`.
    pub fn run(mut self, part: &str, rc: i32, out: &str) -> Self {
        self.runs.push((part.into(), rc, out.into()));
        self
    }

    /// A file of the control machine, such as `files/motd`.
    pub fn control(mut self, path: &str, content: &str) -> Self {
        let dir = self
            .control
            .take()
            .unwrap_or_else(|| Arc::new(tempfile::tempdir().unwrap()));
        let full = dir.path().join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, content).unwrap();
        self.control = Some(dir);
        self
    }

    /// Where the control machine's files are.
    pub fn here(&self) -> String {
        let dir = self.control.as_ref().map(|d| d.path());
        dir.unwrap_or(Path::new("")).to_string_lossy().into_owned()
    }

    pub fn text(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.nodes[path].content).into_owned()
    }

    /// Decides, applies, and proves: check mode gives the same result, and deciding again changes nothing.
    pub fn settle(&mut self, spec: &Spec, args: serde_json::Value) -> Ran {
        let checked = self.clone().decide(spec, &args, true);
        let ran = self.apply(spec, args.clone());
        if let Ok(outcome) = &ran.outcome {
            let checked = checked.unwrap_or_else(|e| panic!("check mode failed: {}", e.msg));
            assert_eq!(
                !checked.actions.is_empty(),
                outcome.changed,
                "check mode disagrees"
            );
            if checked.conclude.is_none() {
                assert_eq!(
                    checked.result.keys().collect::<Vec<_>>(),
                    outcome
                        .result
                        .keys()
                        .filter(|k| *k != "backup_file")
                        .collect::<Vec<_>>()
                );
            }
            let again = self
                .clone()
                .decide(spec, &args, false)
                .unwrap_or_else(|e| panic!("second run failed: {}", e.msg));
            assert!(
                again.actions.is_empty(),
                "second run changes again: {:?}",
                again.actions
            );
        }
        ran
    }

    /// Decides and applies once.
    pub fn apply(&mut self, spec: &Spec, args: serde_json::Value) -> Ran {
        let mut decision = match self.clone().decide(spec, &args, false) {
            Ok(decision) => decision,
            Err(fail) => {
                return Ran {
                    actions: Vec::new(),
                    outcome: Err(fail),
                };
            }
        };
        let actions: Vec<String> = decision.actions.iter().map(show).collect();
        let mut reports = Vec::new();
        for action in &decision.actions {
            let report = self.act(action);
            let rc = report.rc;
            reports.push(report);
            if rc != 0 {
                break;
            }
        }
        let changed = !decision.actions.is_empty();
        let outcome = match decision.conclude.take() {
            Some(conclude) => conclude(decision.result, reports),
            None => match reports.iter().find(|r| r.rc != 0) {
                Some(bad) => Err(Fail::new(bad.stderr.clone())),
                None => Ok(Outcome {
                    changed,
                    result: decision.result,
                    ..Outcome::default()
                }),
            },
        };
        let outcome = outcome.map(|mut o| {
            o.diff.extend(decision.diff);
            o.warnings.extend(decision.warnings);
            o
        });
        Ran { actions, outcome }
    }

    /// The decision, after answering every need.
    pub fn decide(
        &mut self,
        spec: &Spec,
        args: &serde_json::Value,
        check: bool,
    ) -> Result<Decision, Fail> {
        let Value::Map(given) = Value::from(args.clone()) else {
            panic!("arguments are a mapping")
        };
        let args = Args::bind(spec, &given)?;
        let control = Control(
            self.control
                .as_ref()
                .map(|d| d.path().to_owned())
                .unwrap_or_default(),
        );
        let ctx = Context {
            check,
            diff: true,
            facts: &self.facts,
            environment: &self.environment,
            root: true,
            host: "h1",
            files: &control,
        };
        let super::Run::Bind(bind) = spec.run else {
            panic!("not a host's module")
        };
        let Bound::Decide(bound) = bind(&args, &ctx)? else {
            panic!("converses")
        };
        let mut known = Known::default();
        for _ in 0..20 {
            match bound.decide(&known) {
                Ok(decision) => return Ok(decision),
                Err(Step::Fail(fail)) => return Err(fail),
                Err(Step::Need(queries)) => {
                    assert!(!queries.is_empty(), "needs nothing, yet does not decide");
                    for query in queries {
                        assert!(known.peek(&query).is_none(), "asked twice: {query:?}");
                        let answer = self.answer(&query);
                        known.learn(query, answer);
                    }
                }
            }
        }
        panic!("never decides")
    }

    fn resolve(&self, path: &str, follow: bool) -> Option<String> {
        let mut done = String::new();
        let mut left: Vec<String> = path
            .split('/')
            .rev()
            .filter(|p| !p.is_empty())
            .map(str::to_owned)
            .collect();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == "." {
                continue;
            }
            if part == ".." {
                done.truncate(done.rfind('/').unwrap_or(0));
                continue;
            }
            let next = format!("{done}/{part}");
            match self.nodes.get(&next) {
                Some(n) if n.kind == FileType::Link && (follow || !left.is_empty()) => {
                    links += 1;
                    if links > 20 {
                        return None;
                    }
                    if n.link.starts_with('/') {
                        done.clear();
                    }
                    left.extend(
                        n.link
                            .split('/')
                            .rev()
                            .filter(|p| !p.is_empty())
                            .map(str::to_owned),
                    );
                }
                _ => done = next,
            }
        }
        Some(if done.is_empty() { "/".into() } else { done })
    }

    fn at(&self, path: &str, follow: bool) -> Option<(String, &Node)> {
        let real = self.resolve(path, follow)?;
        self.nodes.get(&real).map(|n| (real.clone(), n))
    }

    fn answer(&self, query: &Query) -> Answer {
        if self.this_machine {
            return real_answer(query);
        }
        let name = |table: &[(String, u32)], id: u32| {
            table
                .iter()
                .find(|(_, i)| *i == id)
                .map_or(id.to_string(), |(n, _)| n.clone())
        };
        match query {
            Query::Stat { path, follow } => Answer::Stat(self.at(path, *follow).map(|(_, n)| {
                Stat {
                    kind: n.kind,
                    mode: n.mode,
                    uid: n.uid,
                    gid: n.gid,
                    owner: name(&self.users, n.uid),
                    group: name(&self.groups, n.gid),
                    size: n.content.len() as u64,
                    inode: n.inode,
                    device: 1,
                    links: self.nodes.values().filter(|m| m.inode == n.inode).count() as u64,
                    atime: 1.5,
                    mtime: 2.5,
                    ctime: 3.5,
                    link: (n.kind == FileType::Link).then(|| n.link.clone()),
                    real: (n.kind == FileType::Link)
                        .then(|| self.at(path, true).map(|(p, _)| p))
                        .flatten(),
                    access: (true, true, n.mode & 0o111 != 0),
                }
            })),
            Query::Digest { path, algorithm } => {
                Answer::Text(self.bytes(path).map(|b| hex_digest(*algorithm, &b)))
            }
            Query::Content { path } => Answer::Bytes(self.bytes(path)),
            Query::User { name } => Answer::Fields(
                self.users
                    .iter()
                    .find(|(n, i)| n == name || i.to_string() == *name)
                    .map(|(n, i)| {
                        let home = if n == "root" {
                            "/root".into()
                        } else {
                            format!("/home/{n}")
                        };
                        [
                            ("name", n.clone()),
                            ("uid", i.to_string()),
                            ("gid", i.to_string()),
                            ("home", home),
                            ("group", n.clone()),
                        ]
                        .into_iter()
                        .map(|(k, v)| (k.to_owned(), v))
                        .collect()
                    }),
            ),
            Query::Group { name } => Answer::Fields(
                self.groups
                    .iter()
                    .find(|(n, i)| n == name || i.to_string() == *name)
                    .map(|(n, i)| {
                        [("name", n.clone()), ("gid", i.to_string())]
                            .into_iter()
                            .map(|(k, v)| (k.to_owned(), v))
                            .collect()
                    }),
            ),
            Query::Read { script, .. } => {
                let output = |rc, out: &str| Answer::Output {
                    rc,
                    stdout: out.to_owned(),
                    stderr: String::new(),
                };
                match self.reads.iter().find(|(part, ..)| script.contains(part)) {
                    Some((_, rc, out)) => output(*rc, out),
                    None if script == "umask" => output(0, "0022\n"),
                    None => panic!("unexpected reading command: {script}"),
                }
            }
            other => panic!("unexpected question: {other:?}"),
        }
    }

    fn bytes(&self, path: &str) -> Option<Arc<[u8]>> {
        self.at(path, true)
            .filter(|(_, n)| n.kind == FileType::File)
            .map(|(_, n)| n.content.clone())
    }

    fn id(table: &[(String, u32)], name: Option<&String>, old: u32) -> u32 {
        name.map_or(old, |n| {
            table
                .iter()
                .find(|(t, _)| t == n)
                .map_or_else(|| n.parse().unwrap(), |(_, i)| *i)
        })
    }

    fn set(&mut self, path: &str, attrs: &Attrs) {
        let (users, groups) = (self.users.clone(), self.groups.clone());
        let node = self
            .nodes
            .get_mut(path)
            .unwrap_or_else(|| panic!("nothing at {path}"));
        node.uid = Self::id(&users, attrs.owner.as_ref(), node.uid);
        node.gid = Self::id(&groups, attrs.group.as_ref(), node.gid);
        node.mode = attrs.mode.unwrap_or(node.mode);
    }

    fn act(&mut self, action: &Action) -> Report {
        let mut report = Report::default();
        match action {
            Action::Write {
                path,
                content,
                attrs,
                backup,
                ..
            } => {
                let bytes: Arc<[u8]> = match content {
                    Content::Bytes(b) => b.clone(),
                    Content::File {
                        path,
                        length,
                        sha256,
                    } => {
                        let b: Arc<[u8]> = std::fs::read(path).unwrap().into();
                        assert_eq!(
                            (b.len() as u64, &hex_digest(Algorithm::Sha256, &b)),
                            (*length, sha256)
                        );
                        b
                    }
                };
                report.backup = self.replace(path, bytes, attrs, *backup);
            }
            Action::Copy {
                from,
                to,
                attrs,
                backup,
                ..
            } => {
                let bytes = self.bytes(from).unwrap_or_else(|| panic!("no {from}"));
                report.backup = self.replace(to, bytes, attrs, *backup);
            }
            Action::SetAttrs {
                path,
                attrs,
                follow,
                recurse,
            } => {
                let path = self.resolve(path, *follow).unwrap();
                self.set(&path, attrs);
                if *recurse {
                    let below: Vec<String> = self
                        .nodes
                        .keys()
                        .filter(|p| p.starts_with(&format!("{path}/")))
                        .cloned()
                        .collect();
                    below.iter().for_each(|p| self.set(p, attrs));
                }
            }
            Action::MakeDir { path, attrs } => {
                let path = self.resolve(path, true).unwrap();
                let mut made = String::new();
                for part in path.split('/').filter(|p| !p.is_empty()) {
                    made = format!("{made}/{part}");
                    if !self.nodes.contains_key(&made) {
                        *self = std::mem::take(self).dir(&made, 0o755);
                        self.set(&made, attrs);
                    }
                }
            }
            Action::Remove { path } => {
                let path = self.resolve(path, false).unwrap();
                self.nodes
                    .retain(|p, _| *p != path && !p.starts_with(&format!("{path}/")));
            }
            Action::Link { target, path, hard } => {
                let path = self.resolve(path, false).unwrap();
                if *hard {
                    let node = self.at(target, true).unwrap().1.clone();
                    self.nodes.insert(path, node);
                } else {
                    *self = std::mem::take(self).link(&path, target);
                }
            }
            Action::Run(_) => {
                let shown = show(action);
                match self.runs.iter().find(|(part, ..)| shown.contains(part)) {
                    Some((_, rc, out)) => (report.rc, report.stdout) = (*rc, out.clone()),
                    None => panic!("unexpected command: {shown}"),
                }
                self.ran.push(shown);
            }
        }
        report
    }

    fn replace(
        &mut self,
        path: &str,
        bytes: Arc<[u8]>,
        attrs: &Attrs,
        backup: bool,
    ) -> Option<String> {
        let path = self.resolve(path, false).unwrap();
        let parent = path.rfind('/').map(|i| &path[..i.max(1)]).unwrap();
        assert!(self.nodes.contains_key(parent), "no directory {parent}");
        let old = self.nodes.get(&path).cloned();
        let kept = old.clone().filter(|o| o.kind == FileType::File);
        *self = std::mem::take(self).put(
            &path,
            FileType::File,
            kept.as_ref().map_or(0o644, |o| o.mode),
            &bytes,
            "",
        );
        if let Some(kept) = kept {
            let node = self.nodes.get_mut(&path).unwrap();
            (node.uid, node.gid) = (kept.uid, kept.gid);
        }
        self.set(&path, attrs);
        (backup && old.is_some()).then(|| format!("{path}.1.2026-01-02@03:04:05~"))
    }
}

impl Ran {
    pub fn ok(&self) -> &Outcome {
        match &self.outcome {
            Ok(outcome) => outcome,
            Err(fail) => panic!("failed: {}", fail.msg),
        }
    }

    pub fn failed(&self) -> &str {
        match &self.outcome {
            Err(fail) => &fail.msg,
            Ok(_) => panic!("did not fail"),
        }
    }

    pub fn changed(&self) -> bool {
        self.ok().changed
    }

    pub fn get(&self, key: &str) -> Value {
        self.ok().result.get(key).cloned().unwrap_or_default()
    }

    /// Result, diff and actions, for a snapshot.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        match &self.outcome {
            Err(fail) => {
                out += &format!(
                    "failed: {} {}\n",
                    fail.msg,
                    Value::from(fail.result.clone())
                )
            }
            Ok(o) => {
                out += &format!(
                    "changed: {}\nresult: {}\n",
                    o.changed,
                    Value::from(o.result.clone())
                );
                for w in &o.warnings {
                    out += &format!("warning: {w}\n");
                }
                for d in &o.diff {
                    out += &format!(
                        "--- {}\n{}+++ {}\n{}",
                        d.before_header, d.before, d.after_header, d.after
                    );
                }
            }
        }
        for action in &self.actions {
            out += &format!("> {action}\n");
        }
        out
    }
}

/// One action on one line.
pub fn show(action: &Action) -> String {
    let attrs = |a: &Attrs| {
        let mut out = String::new();
        if let Some(o) = &a.owner {
            out += &format!(" owner={o}");
        }
        if let Some(g) = &a.group {
            out += &format!(" group={g}");
        }
        if let Some(m) = a.mode {
            out += &format!(" mode={m:04o}");
        }
        out
    };
    match action {
        Action::Write {
            path,
            content,
            attrs: a,
            backup,
            validate,
            in_place,
        } => {
            let what = match content {
                Content::Bytes(b) => format!("{:?}", String::from_utf8_lossy(b)),
                Content::File { length, .. } => format!("a file of {length} bytes"),
            };
            format!(
                "write {path} {what}{}{}{}{}",
                attrs(a),
                if *backup { " backup" } else { "" },
                validate
                    .as_ref()
                    .map(|v| format!(" validate={v}"))
                    .unwrap_or_default(),
                if *in_place { " in place" } else { "" }
            )
        }
        Action::Copy {
            from,
            to,
            attrs: a,
            backup,
            ..
        } => format!(
            "copy {from} {to}{}{}",
            attrs(a),
            if *backup { " backup" } else { "" }
        ),
        Action::SetAttrs {
            path,
            attrs: a,
            follow,
            recurse,
        } => format!(
            "set {path}{}{}{}",
            attrs(a),
            if *follow { " follow" } else { "" },
            if *recurse { " recurse" } else { "" }
        ),
        Action::MakeDir { path, attrs: a } => format!("mkdir {path}{}", attrs(a)),
        Action::Remove { path } => format!("remove {path}"),
        Action::Link { target, path, hard } => format!(
            "{} {path} -> {target}",
            if *hard { "hardlink" } else { "link" }
        ),
        Action::Run(cmd) => {
            let program = match &cmd.program {
                Program::Argv(argv) => quote::words(argv),
                Program::Script { text, .. } => text.clone(),
            };
            match &cmd.stdin {
                Some(input) => format!("run {program} < {:?}", String::from_utf8_lossy(input)),
                None => format!("run {program}"),
            }
        }
    }
}

struct Control(PathBuf);

impl ControlFiles for Control {
    fn find(&self, kind: &str, name: &str) -> Result<PathBuf, Fail> {
        let path = self.0.join(kind).join(name);
        if path.exists() {
            Ok(path)
        } else {
            Err(Fail::new(format!("no {kind} {name}")))
        }
    }

    fn read(&self, path: &Path, _: bool) -> Result<Arc<[u8]>, Fail> {
        std::fs::read(path)
            .map(Into::into)
            .map_err(|e| Fail::new(e.to_string()))
    }

    fn digest(&self, path: &Path) -> Result<(u64, String, String), Fail> {
        let b = self.read(path, false)?;
        Ok((
            b.len() as u64,
            hex_digest(Algorithm::Sha256, &b),
            hex_digest(Algorithm::Sha1, &b),
        ))
    }

    /// The site in the control machine's folder; `from_host` beside it says that hosts download.
    fn artifacts(&self) -> Result<(Arc<Site>, bool), Fail> {
        let cache = crate::artifacts::Cache::at(self.0.join("cache"));
        match Site::read(&self.0, &self.0, cache) {
            Ok(site) => Ok((Arc::new(site), self.0.join("from_host").exists())),
            Err(problems) => Err(Fail::new(problems.to_string())),
        }
    }

    fn render(&self, path: &Path, _: &Map) -> Result<String, Fail> {
        let bytes = self.read(path, false)?;
        Ok(String::from_utf8_lossy(&bytes).replace("{{ x }}", "X"))
    }
}

impl Host {
    /// Lets a module converse with this host.
    pub fn converse(
        &mut self,
        spec: &Spec,
        args: serde_json::Value,
        check: bool,
    ) -> Result<Outcome, Fail> {
        let Value::Map(given) = Value::from(args) else {
            panic!("arguments are a mapping")
        };
        let args = Args::bind(spec, &given)?;
        let control = Control(
            self.control
                .as_ref()
                .map(|d| d.path().to_owned())
                .unwrap_or_default(),
        );
        let bound = {
            let (facts, environment) = (self.facts.clone(), self.environment.clone());
            let ctx = Context {
                check,
                diff: true,
                facts: &facts,
                environment: &environment,
                root: true,
                host: "h1",
                files: &control,
            };
            let super::Run::Bind(bind) = spec.run else {
                panic!("not a host's module")
            };
            bind(&args, &ctx)?
        };
        let Bound::Converse(bound) = bound else {
            panic!("decides")
        };
        let mut talk = Talk { host: self, check };
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(bound.converse(&mut talk))
    }
}

/// The conversation with a host in memory.
struct Talk<'h> {
    host: &'h mut Host,
    check: bool,
}

impl super::Remote for Talk<'_> {
    fn check(&self) -> bool {
        self.check
    }

    fn ask<'a>(&'a mut self, queries: Vec<Query>) -> BoxFuture<'a, Result<Vec<Answer>, Fail>> {
        Box::pin(async move { Ok(queries.iter().map(|q| self.host.answer(q)).collect()) })
    }

    fn act<'a>(&'a mut self, action: Action) -> BoxFuture<'a, Result<Report, Fail>> {
        assert!(!self.check, "acts in check mode");
        Box::pin(async move {
            Ok(if self.host.this_machine {
                real_act(&action)
            } else {
                self.host.act(&action)
            })
        })
    }

    fn carry_out<'a>(
        &'a mut self,
        decide: &'a dyn super::Decide,
    ) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let mut known = Known::default();
            loop {
                match decide.decide(&known) {
                    Err(Step::Fail(fail)) => return Err(fail),
                    Err(Step::Need(queries)) => queries.into_iter().for_each(|q| {
                        let a = self.host.answer(&q);
                        known.learn(q, a);
                    }),
                    Ok(decision) => {
                        let changed = !decision.actions.is_empty();
                        let reports: Vec<Report> = if self.check {
                            Vec::new()
                        } else if self.host.this_machine {
                            decision.actions.iter().map(real_act).collect()
                        } else {
                            decision.actions.iter().map(|a| self.host.act(a)).collect()
                        };
                        return match decision.conclude {
                            Some(conclude) if !self.check => conclude(decision.result, reports),
                            _ => Ok(Outcome {
                                changed,
                                result: decision.result,
                                diff: decision.diff,
                                ..Outcome::default()
                            }),
                        };
                    }
                }
            }
        })
    }

    fn reconnect<'a>(&'a mut self, _: u64) -> BoxFuture<'a, Result<(), Fail>> {
        Box::pin(async { Ok(()) })
    }

    fn fetch<'a>(&'a mut self, path: &'a str, to: &'a Path) -> BoxFuture<'a, Result<String, Fail>> {
        Box::pin(async move {
            let bytes = self.host.bytes(path).ok_or_else(|| Fail::new("no file"))?;
            std::fs::write(to, &bytes).unwrap();
            Ok(hex_digest(Algorithm::Sha1, &bytes))
        })
    }

    fn control(&mut self) -> &mut dyn super::Remote {
        self
    }

    fn way<'a>(&'a mut self) -> BoxFuture<'a, Result<super::Way, Fail>> {
        Box::pin(async move {
            let way = self.host.way.clone();
            way.ok_or_else(|| Fail::new("no way was prepared"))
        })
    }

    fn progress(&mut self, _: String) {}

    fn cluster<'a>(
        &'a mut self,
        access: crate::cluster::Access,
    ) -> BoxFuture<'a, Result<crate::cluster::Client, Fail>> {
        self.host.logins.push(access);
        let script = self.host.cluster.as_ref().expect("no cluster was prepared");
        let client = script.client().handle(self.check, None, None);
        Box::pin(async move { Ok(client) })
    }

    fn hide(&mut self, secret: &str) {
        self.host.hidden.push(secret.to_owned());
    }
}

/// An action carried out on this machine, as far as the tests need it.
pub fn real_act(action: &Action) -> Report {
    match action {
        Action::Run(cmd) => perform(cmd),
        Action::Remove { path } => {
            let _ = std::fs::remove_dir_all(path);
            let _ = std::fs::remove_file(path);
            Report::default()
        }
        other => panic!("not on this machine: {}", show(other)),
    }
}

/// A query answered by this machine.
fn real_answer(query: &Query) -> Answer {
    use std::os::unix::fs::MetadataExt as _;
    let bytes = |path: &str| std::fs::read(path).ok().map(Arc::<[u8]>::from);
    match query {
        Query::Stat { path, follow } => {
            let meta = if *follow {
                std::fs::metadata(path)
            } else {
                std::fs::symlink_metadata(path)
            };
            Answer::Stat(meta.ok().map(|m| {
                Stat {
                    kind: if m.is_dir() {
                        FileType::Directory
                    } else if m.is_symlink() {
                        FileType::Link
                    } else {
                        FileType::File
                    },
                    mode: m.mode() & 0o7777,
                    uid: m.uid(),
                    gid: m.gid(),
                    owner: m.uid().to_string(),
                    group: m.gid().to_string(),
                    size: m.len(),
                    inode: m.ino(),
                    device: m.dev(),
                    links: m.nlink(),
                    atime: m.atime() as f64,
                    mtime: m.mtime() as f64,
                    ctime: m.ctime() as f64,
                    link: std::fs::read_link(path)
                        .ok()
                        .map(|p| p.to_string_lossy().into_owned()),
                    real: std::fs::canonicalize(path)
                        .ok()
                        .filter(|_| m.is_symlink())
                        .map(|p| p.to_string_lossy().into_owned()),
                    access: (true, true, true),
                }
            }))
        }
        Query::Digest { path, algorithm } => {
            Answer::Text(bytes(path).map(|b| hex_digest(*algorithm, &b)))
        }
        Query::Content { path } => Answer::Bytes(bytes(path)),
        Query::Read { script, env } => {
            let mut cmd = Cmd::script(script.clone());
            cmd.env.clone_from(env);
            let report = perform(&cmd);
            Answer::Output {
                rc: report.rc,
                stdout: report.stdout,
                stderr: report.stderr,
            }
        }
        other => panic!("unexpected question: {other:?}"),
    }
}

/// Runs a command on this machine.
pub fn perform(cmd: &Cmd) -> Report {
    use std::io::Write as _;
    let mut process = match &cmd.program {
        Program::Argv(argv) => {
            let mut p = std::process::Command::new(&argv[0]);
            p.args(&argv[1..]);
            p
        }
        Program::Script { text, executable } => {
            let mut p = std::process::Command::new(executable);
            p.arg("-c").arg(text);
            p
        }
    };
    if let Some(dir) = &cmd.chdir {
        process.current_dir(dir);
    }
    let stdio = std::process::Stdio::piped;
    let mut child = process
        .envs(&cmd.env)
        .stdin(stdio())
        .stdout(stdio())
        .stderr(stdio())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = cmd.stdin.clone();
    // Whoever does not read its input may close it.
    let feeder = std::thread::spawn(move || {
        let _ = bytes.map(|b| input.write_all(&b));
    });
    let out = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Report {
        rc: out.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        time: (1.0, 3.5),
        ..Report::default()
    }
}

/// A web server on this machine with fixed answers: path, status, more headers, body.
pub struct Server {
    pub url: String,
    seen: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(pages: &[(&str, &str, &str, &str)]) -> Self {
        use std::io::{BufRead as _, BufReader, Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pages: Vec<[String; 4]> = pages
            .iter()
            .map(|(a, b, c, d)| [a, b, c, d].map(|t| t.to_string()))
            .collect();
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut request, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                        length = n.trim().parse().unwrap();
                    }
                    request += &line;
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                request += &String::from_utf8_lossy(&body);
                log.lock().unwrap().push(request);
                let lost = ["", "404 Not Found", "", "lost"].map(str::to_owned);
                let page = pages.iter().find(|p| p[0] == path).unwrap_or(&lost);
                let head = format!(
                    "HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
                    page[1],
                    page[3].len(),
                    page[2]
                );
                let _ = stream.write_all((head + &page[3]).as_bytes());
            }
        });
        Self { url, seen }
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Decides on this machine, in check mode too, which must agree, and carries the commands out.
pub fn settle_here(spec: &Spec, args: &serde_json::Value) -> Outcome {
    let checked = Host::real().decide(spec, args, true).unwrap();
    let decision = Host::real().decide(spec, args, false).unwrap();
    assert_eq!(checked.actions, decision.actions, "check mode disagrees");
    let changed = !decision.actions.is_empty();
    let mut reports = Vec::new();
    for action in &decision.actions {
        reports.push(real_act(action));
    }
    let conclude = decision.conclude.unwrap_or_else(|| {
        Box::new(move |result, _| {
            Ok(Outcome {
                changed,
                result,
                ..Outcome::default()
            })
        })
    });
    match conclude(decision.result, reports) {
        Ok(outcome) => outcome,
        Err(fail) => panic!("failed: {}", fail.msg),
    }
}

/// What a command in `dir` prints.
pub fn sh(dir: &Path, script: &str) -> String {
    let mut cmd = Cmd::script(script);
    cmd.chdir = Some(dir.to_string_lossy().into_owned());
    let report = perform(&cmd);
    assert_eq!(report.rc, 0, "{script}: {}", report.stderr);
    report.stdout
}
