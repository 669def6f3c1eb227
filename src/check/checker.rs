//! The walk over everything a playbook refers to.

use super::findings::Findings;
use super::handlers::Handlers;
use super::includes::Include;
use super::made::Made;
use super::selection::Selection;
use super::walk::{self, Around};
use super::{arguments, needs, unsupported};
use crate::error::{Diagnostic, Span};
use crate::modules;
use crate::playbook::{
    ActionKind, BlockKind, Common, Entry, FromFiles, Loader, LoopKind, Play, Playbook, Task,
};
use crate::template::{Syntax, Templar, lookups};
use crate::value::{Map, Value};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Checks a playbook and everything it refers to by literal names.
///
/// Static parts were read (and their mistakes told) by the loader; this looks at modules and arguments, files, templates,
/// handlers, plugins and tags, and follows includes whose names are literal. `only` and `skip` are `--tags` and
/// `--skip-tags`.
pub fn check(
    playbook: &Playbook,
    loader: &Loader,
    templar: &Templar,
    only: &[String],
    skip: &[String],
) -> Findings {
    let selection = Selection::new(only, skip);
    Checker::of(playbook, loader, templar, selection, true).findings
}

/// As [`check`], for what could be read of a playbook with mistakes: what may only seem to be missing is left out.
pub fn check_parts(playbook: &Playbook, loader: &Loader, templar: &Templar) -> Findings {
    Checker::of(playbook, loader, templar, Selection::default(), false).findings
}

impl<'c> Checker<'c> {
    fn of(
        playbook: &Playbook,
        loader: &'c Loader,
        templar: &'c Templar,
        selection: Selection,
        whole: bool,
    ) -> Self {
        let mut checker = Checker {
            whole,
            loader,
            templar,
            findings: Findings {
                warnings: playbook.warnings.clone(),
                ..Findings::default()
            },
            made: Made::default(),
            handlers: Handlers::default(),
            selection,
            followed: HashSet::new(),
            includes: Vec::new(),
            templates: HashSet::new(),
        };
        for play in &playbook.plays {
            walk::tasks(play, &mut |task, around| {
                let module = module_of(task);
                checker.made.note(module, task, around);
            });
        }
        for play in &playbook.plays {
            checker.play(play);
        }
        checker.selection.check(&mut checker.findings);
        checker.findings.problems.sort();
        checker
    }
}

/// The short name of a task's module.
fn module_of(task: &Task) -> &str {
    let name = task.action.name.as_str().unwrap_or_default();
    modules::find(name).map_or(name, |spec| spec.short())
}

pub(super) struct Checker<'c> {
    /// All of the playbook could be read.
    pub(super) whole: bool,
    pub(super) loader: &'c Loader,
    pub(super) templar: &'c Templar,
    pub(super) findings: Findings,
    pub(super) made: Made,
    handlers: Handlers,
    selection: Selection,
    /// Includes followed in this play: what, and from which role.
    pub(super) followed: HashSet<(String, PathBuf)>,
    /// The includes around.
    pub(super) includes: Vec<Include>,
    /// Templates whose mistakes were told, with how they are read.
    pub(super) templates: HashSet<(PathBuf, Syntax)>,
}

impl Checker<'_> {
    fn play(&mut self, play: &Play) {
        self.handlers = Handlers::default();
        self.followed.clear();
        self.common(&play.common);
        self.conditions(&play.when);
        self.value(&play.hosts);
        for (keyword, value, known) in [
            ("strategy", &play.strategy, unsupported::STRATEGIES),
            ("order", &play.order, unsupported::ORDERS),
        ] {
            if let Some(value) = value {
                self.plugin(keyword, value, &value.span, known);
            }
        }
        for file in &play.vars_files {
            self.vars_files(file, &file.span, play);
        }
        for list in [
            &play.pre_tasks,
            &play.roles,
            &play.tasks,
            &play.post_tasks,
            &play.handlers,
        ] {
            self.blocks(list);
        }
        walk::tasks(play, &mut |task, around| self.task(task, around));
        needs::check(play, self.loader, &mut self.findings);
        let handlers = std::mem::take(&mut self.handlers);
        if self.whole {
            handlers.check(&mut self.findings);
        }
    }

    /// Keywords of blocks, and variables of roles.
    pub(super) fn blocks(&mut self, list: &[Entry]) {
        walk::blocks(list, &mut |block| {
            self.common(&block.common);
            if let BlockKind::Role(using) = &block.kind {
                for map in [
                    &using.role.defaults,
                    &using.role.vars,
                    &using.params,
                    &using.common.vars,
                ] {
                    self.map(map);
                }
            }
        });
    }

    /// A literal name must exist; of a list of literal names, one.
    fn vars_files(&mut self, names: &Value, span: &Span, play: &Play) {
        let all: Vec<&Value> = match names {
            Value::List(items) => items.iter().collect(),
            one => vec![one],
        };
        let mut literal = Vec::new();
        for name in &all {
            match name.as_str() {
                Some(name) => literal.push(name),
                None => {
                    self.value(name);
                    return;
                }
            }
        }
        let places = |name: &str| {
            [play.dir.join(name), play.dir.join("vars").join(name)]
                .map(|path| self.loader.absolute(&path))
        };
        let found = literal
            .iter()
            .flat_map(|name| places(name))
            .find(|path| path.is_file());
        if let Some(path) = found {
            self.vars_file(&path, span);
            return;
        }
        let shown: Vec<String> = literal.iter().map(|name| format!("`{name}`")).collect();
        let mut diagnostic = Diagnostic::at(
            span,
            format!("there is no file of variables {}", shown.join(" or ")),
        );
        for place in literal.iter().flat_map(|name| places(name)) {
            diagnostic =
                diagnostic.with_note(format!("not at {}", self.loader.shown(&place).display()));
        }
        self.findings.error(diagnostic);
    }

    pub(super) fn task(&mut self, task: &Arc<Task>, around: &Around<'_>) {
        let runs = self.selection.add(task, around, &self.includes);
        if around.handler {
            self.handlers.add(task, around);
        }
        self.handlers.notified(task, around);
        self.common(&task.common);
        self.keywords(task);
        self.map(&task.args.map);
        for value in [&task.args.free_form, &task.args.variable]
            .into_iter()
            .flatten()
        {
            self.value(value);
        }
        self.value(&task.action.name);
        match &task.action.kind {
            ActionKind::Module(name) => {
                self.module(name, task, around);
                self.artifact(task, runs);
            }
            ActionKind::IncludeVars => self.module("include_vars", task, around),
            ActionKind::IncludeTasks { file, apply } => {
                if let Some(apply) = apply {
                    self.common(apply);
                }
                match file.as_str() {
                    Some(name) => self.include_tasks(name, &file.span, task, around, runs),
                    None => {
                        self.selection.open();
                        self.handlers.open();
                    }
                }
            }
            ActionKind::IncludeRole(role) => {
                if let Some(apply) = &role.apply {
                    self.common(apply);
                }
                let froms = [
                    &role.tasks_from,
                    &role.vars_from,
                    &role.defaults_from,
                    &role.handlers_from,
                ];
                let literal = froms
                    .iter()
                    .all(|f| f.as_ref().is_none_or(|f| f.as_str().is_some()));
                match role.name.as_str().filter(|_| literal) {
                    Some(name) => {
                        let text = |f: usize| froms[f].as_ref().map(|f| f.to_string());
                        let from = FromFiles {
                            tasks: text(0),
                            vars: text(1),
                            defaults: text(2),
                            handlers: text(3),
                        };
                        self.include_role(name, from, &role.name.span, task, around, runs);
                    }
                    None => {
                        self.selection.open();
                        self.handlers.open();
                    }
                }
            }
            ActionKind::Meta(what) => self.meta(what),
            ActionKind::Templated => {}
        }
    }

    fn keywords(&mut self, task: &Task) {
        for list in [&task.until, &task.changed_when, &task.failed_when]
            .into_iter()
            .flatten()
        {
            self.conditions(list);
        }
        for value in [&task.retries, &task.delay, &task.async_, &task.poll]
            .into_iter()
            .flatten()
        {
            self.value(value);
        }
        let Some(loop_) = &task.loop_ else { return };
        self.value(&loop_.value);
        let control = &loop_.control;
        for value in [
            &control.loop_var,
            &control.index_var,
            &control.label,
            &control.pause,
        ]
        .into_iter()
        .flatten()
        {
            self.value(value);
        }
        self.conditions(&control.break_when);
        let LoopKind::With(lookup) = &loop_.kind else {
            return;
        };
        if let Err(unknown) = lookups::known(lookup) {
            self.findings.error(unknown.with_span(&loop_.value.span));
        }
    }

    fn module(&mut self, name: &str, task: &Task, around: &Around<'_>) {
        let Some(spec) = modules::find(name) else {
            let diagnostic = self.unknown_module(name, task, around);
            self.findings.error(diagnostic);
            return;
        };
        if !task.implicit {
            arguments::check(spec, task, around, &mut self.findings);
        }
        self.expressions(spec.short(), task);
        self.source(spec.short(), task, around);
    }

    /// Arguments that are expressions without braces.
    fn expressions(&mut self, module: &str, task: &Task) {
        let name = match module {
            "assert" => "that",
            "debug" => "var",
            _ => return,
        };
        let Some(value) = task.args.map.get(name) else {
            return;
        };
        let span = task.args.values.get(name).unwrap_or(&task.span).clone();
        let items: Vec<&Value> = match value {
            Value::List(items) => items.iter().collect(),
            one => vec![one],
        };
        for item in items {
            if let Some(text) = item.as_str() {
                let problems = self.templar.check_expression(text, Some(&span));
                self.findings.problems.extend(problems);
            }
        }
    }

    fn common(&mut self, common: &Common) {
        self.conditions(&common.when);
        self.map(&common.vars);
        let lists = [&common.tags, &common.environment, &common.module_defaults];
        for value in lists
            .into_iter()
            .flatten()
            .chain(common.notify.iter().flatten())
        {
            self.value(value);
        }
        for value in [
            &common.name,
            &common.become_,
            &common.become_user,
            &common.become_flags,
            &common.become_exe,
            &common.remote_user,
            &common.port,
            &common.delegate_to,
            &common.run_once,
            &common.ignore_errors,
            &common.no_log,
            &common.timeout,
        ]
        .into_iter()
        .flatten()
        {
            self.value(value);
        }
        for defaults in &common.module_defaults {
            for name in defaults.as_map().into_iter().flat_map(Map::keys) {
                if name.starts_with("group/") {
                    let diagnostic = Diagnostic::at(
                        &defaults.span,
                        format!(
                            "`module_defaults`: `{name}` is a group of a collection's modules, which hoist does not have"
                        ),
                    );
                    self.findings
                        .error(diagnostic.with_help("name each module"));
                } else if modules::find(name).is_none() {
                    let diagnostic = Diagnostic::at(
                        &defaults.span,
                        format!("`module_defaults`: there is no module `{name}`"),
                    );
                    let names = modules::all().iter().map(|spec| spec.short());
                    self.findings.error(diagnostic.with_nearest(name, names));
                }
            }
        }
        for (keyword, value, known) in [
            ("connection", &common.connection, unsupported::CONNECTIONS),
            ("become_method", &common.become_method, unsupported::BECOME),
        ] {
            if let Some(value) = value {
                self.plugin(keyword, value, &value.span, known);
            }
        }
    }

    fn plugin(&mut self, keyword: &str, value: &Value, span: &Span, known: &[&str]) {
        let Some(text) = value.as_str() else {
            self.value(value);
            return;
        };
        let short = text.strip_prefix("ansible.builtin.").unwrap_or(text);
        if known.contains(&short) {
            return;
        }
        let diagnostic = Diagnostic::at(span, format!("`{keyword}: {text}` is not supported"))
            .with_note(format!("there are {}", known.join(", ")));
        self.findings
            .error(match unsupported::plugin(keyword, text) {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic.with_nearest(short, known.iter().copied()),
            });
    }

    fn value(&mut self, value: &Value) {
        if value.is_lazy() {
            let problems = self.templar.check_value(value);
            self.findings.problems.extend(problems);
        }
    }

    fn map(&mut self, map: &Map) {
        map.values().for_each(|value| self.value(value));
    }

    fn conditions(&mut self, list: &[crate::playbook::Located]) {
        for condition in list {
            let text = match &condition.value {
                Value::Str(text) => text.to_string(),
                Value::Template(template) => template.text.clone(),
                _ => continue,
            };
            let problems = self.templar.check_expression(&text, Some(&condition.span));
            self.findings.problems.extend(problems);
        }
    }
}
