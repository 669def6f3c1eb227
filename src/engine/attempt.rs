//! One attempt of a task on a host: its arguments rendered, its module found, bound and carried out.

use super::files::TaskFiles;
use super::ordinary::Work;
use super::result::TaskResult;
use super::settings::{Keywords, Route};
use crate::error::Diagnostic;
use crate::modules::{Args, Bound, Context, Fail, Run as ModuleRun, Spec};
use crate::playbook::ActionKind;
use crate::template::Scope;
use crate::value::{Map, Value};
use crate::vars::TaskScope;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A task ready to be carried out on a host: everything rendered.
pub(super) struct Ready {
    pub spec: &'static Spec,
    pub args: Args,
    pub route: Route,
    /// The way to the task's own host, when the task is delegated to another.
    pub home: Option<Route>,
    /// The name of the host that is connected to.
    pub target: Arc<str>,
    pub check: bool,
    pub diff: bool,
    pub environment: BTreeMap<String, String>,
    /// `timeout` of the task.
    pub timeout: Option<Duration>,
}

impl Work<'_> {
    /// One attempt.
    pub(super) async fn attempt(&self, scope: &TaskScope) -> TaskResult {
        match self.try_attempt(scope).await {
            Ok(result) => result,
            Err(problem) => problem.into(),
        }
    }

    async fn try_attempt(&self, scope: &TaskScope) -> Result<TaskResult, Diagnostic> {
        let shared = scope.clone().shared();
        let keywords = self.keywords(&shared);
        let spec = self.spec(&keywords)?;
        let given = self.arguments(spec, &keywords)?;
        if matches!(spec.run, ModuleRun::Engine) {
            return self.control(spec, given, &keywords).await;
        }
        self.run_module(spec, &given, &keywords).await
    }

    /// Runs a module that works on a host, with rendered arguments.
    pub(super) async fn run_module(
        &self,
        spec: &'static Spec,
        given: &Map,
        keywords: &Keywords<'_>,
    ) -> Result<TaskResult, Diagnostic> {
        let ready = self.ready(spec, given, keywords)?;
        let async_seconds = keywords
            .number("async", self.task.async_.as_ref())?
            .unwrap_or(0.0);
        let poll = keywords
            .number("poll", self.task.poll.as_ref())?
            .unwrap_or(15.0);
        let ready = match ready {
            Ok(ready) => ready,
            Err(fail) => return Ok(TaskResult::from_fail(fail)),
        };
        let files = TaskFiles::new(self, keywords.scope);
        if spec.name == "hoist.core.artifact"
            && let Err(fail) = self.stock(&ready.args, &files).await
        {
            return Ok(TaskResult::from_fail(fail));
        }
        let learned = self
            .play
            .run
            .world
            .store
            .learned(self.branch(), &ready.target);
        let context = Context {
            check: ready.check,
            diff: ready.diff,
            facts: &learned.facts,
            environment: &ready.environment,
            root: ready.route.root,
            host: self.host,
            files: &files,
        };
        let ModuleRun::Bind(bind) = spec.run else {
            return Err(Diagnostic::new(format!(
                "`{}` cannot be run on a host",
                spec.name
            )));
        };
        let bound = match bind(&ready.args, &context) {
            Ok(bound) => bound,
            Err(fail) => return Ok(TaskResult::from_fail(fail)),
        };
        let carried = async {
            if async_seconds > 0.0 && !ready.check {
                self.run_async(&ready, bound, async_seconds, poll).await
            } else {
                self.carry_out(&ready, bound).await
            }
        };
        let mut result = carried.await;
        if ready.target != *self.host {
            result.delegated_to = Some(ready.target.to_string());
        }
        self.keep_module_facts(spec, keywords, &ready.target, &result)?;
        Ok(result)
    }

    /// The module the task names.
    pub(super) fn spec(&self, keywords: &Keywords<'_>) -> Result<&'static Spec, Diagnostic> {
        let located = &self.task.action.name;
        let name = match &self.task.action.kind {
            ActionKind::Module(name) => name.clone(),
            ActionKind::IncludeVars => "ansible.builtin.include_vars".to_owned(),
            _ => keywords.resolve(located)?.to_string(),
        };
        crate::modules::find(&name).ok_or_else(|| {
            let names = crate::modules::all()
                .iter()
                .flat_map(|s| [s.name, s.short()]);
            Diagnostic::at(&located.span, format!("there is no module `{name}`"))
                .with_nearest(&name, names)
        })
    }

    /// The task's arguments, rendered: `module_defaults`, then `args: "{{ … }}"`, then the arguments as written.
    pub(super) fn arguments(
        &self,
        spec: &Spec,
        keywords: &Keywords<'_>,
    ) -> Result<Map, Diagnostic> {
        let mut all = keywords.module_defaults(spec)?;
        let args = &self.task.args;
        if let Some(located) = &args.variable {
            match keywords.resolve(located)? {
                Value::Map(map) => all.extend(map.iter().map(|(k, v)| (k.clone(), v.clone()))),
                Value::Null | Value::Omit => {}
                other => {
                    return Err(Diagnostic::at(
                        &located.span,
                        format!("`args` must be a mapping, not {}", other.kind()),
                    ));
                }
            }
        }
        let lazy = super::control::keeps_templates(spec);
        for (name, value) in &args.map {
            let span = args.spans.get(name);
            let rendered = if lazy.contains(&name.as_str()) {
                value.clone()
            } else {
                self.play
                    .run
                    .templar
                    .resolve(keywords.scope, value)
                    .map_err(|e| match span {
                        Some(span) => e.with_span(span),
                        None => e,
                    })?
            };
            let name = spec.argument(name).map_or(name.as_str(), |a| a.name);
            // omit takes away a default, too
            if rendered == Value::Omit {
                all.shift_remove(name);
            } else {
                all.insert(name.to_owned(), rendered);
            }
        }
        if let Some(located) = &args.free_form {
            let rendered = keywords.resolve(located)?;
            match (spec.free_form, rendered) {
                (Some(name), value) => {
                    all.insert(name.to_owned(), value);
                }
                (None, Value::Map(map)) => {
                    all.extend(map.iter().map(|(k, v)| (k.clone(), v.clone())))
                }
                (None, other) => {
                    let text = format!(
                        "`{}` takes named arguments, not {} `{other}`",
                        spec.name,
                        other.kind()
                    );
                    return Err(Diagnostic::at(&located.span, text));
                }
            }
        }
        for arg in spec.arguments().filter(|a| a.secret) {
            for name in std::iter::once(&arg.name).chain(arg.aliases) {
                if let Some(value) = all.get(*name) {
                    self.play.run.world.secrets.add_value(value);
                }
            }
        }
        Ok(all)
    }

    /// Finds the way to the host and checks the arguments. The inner error is the task's failure.
    pub(super) fn ready(
        &self,
        spec: &'static Spec,
        given: &Map,
        keywords: &Keywords<'_>,
    ) -> Result<Result<Ready, Fail>, Diagnostic> {
        let target = self.target(keywords)?;
        let delegated = *target != **self.host;
        let target_scope = if delegated {
            self.scope_of(&target)
        } else {
            keywords.scope.clone()
        };
        let route = Route::find(keywords, &target_scope, &target, delegated)?;
        // Only what copies between the two asks for it; others need not know their own host's connection.
        let home = delegated
            .then(|| Route::find(keywords, keywords.scope, self.host, false).ok())
            .flatten();
        let args = match Args::bind(spec, given) {
            Ok(args) => args,
            Err(fail) => return Ok(Err(fail)),
        };
        Ok(Ok(Ready {
            spec,
            args,
            route,
            home,
            target,
            check: self.is_check(keywords)?,
            diff: self.wants_diff(),
            environment: keywords.environment()?,
            timeout: keywords
                .number(
                    "timeout",
                    self.place.keyword(self.task, |c| c.timeout.as_ref()),
                )?
                .or(Some(self.play.run.options.task_timeout))
                .filter(|s| *s > 0.0)
                .map(Duration::from_secs_f64),
        }))
    }

    /// Whether the task is only to be predicted.
    pub(super) fn is_check(&self, keywords: &Keywords<'_>) -> Result<bool, Diagnostic> {
        Ok(keywords
            .flag("check_mode", |c| c.check_mode.as_ref())?
            .unwrap_or(self.play.run.options.check))
    }

    /// The host that the task works on: the delegate, or the host itself.
    pub(super) fn target(&self, keywords: &Keywords<'_>) -> Result<Arc<str>, Diagnostic> {
        let delegate = keywords.text(|c| c.delegate_to.as_ref())?;
        Ok(delegate.map_or_else(|| self.host.clone(), Arc::from))
    }

    /// What decides about the connection to a delegate: what the task would see if it were that host's own, its `vars`
    /// among it.
    fn scope_of(&self, host: &str) -> Arc<dyn Scope> {
        let search = self.place.search_dirs(&self.task.path);
        let view = self
            .play
            .run
            .view(&self.play.info, self.place, search, self.early);
        view.task_scope(Some(host), self.place, Some(self.task))
            .shared()
    }

    /// Facts that a module returned belong to the host, or to the delegate with `delegate_facts`.
    fn keep_module_facts(
        &self,
        spec: &Spec,
        keywords: &Keywords<'_>,
        target: &Arc<str>,
        result: &TaskResult,
    ) -> Result<(), Diagnostic> {
        if spec.short() == "debug" {
            return Ok(());
        }
        let Some(Value::Map(facts)) = result.map.get("ansible_facts") else {
            return Ok(());
        };
        let to_delegate = keywords
            .flag("delegate_facts", |c| c.delegate_facts.as_ref())?
            .unwrap_or(false);
        let host: &str = if to_delegate { target } else { self.host };
        self.play
            .run
            .world
            .store
            .add_facts(self.branch(), host, facts);
        Ok(())
    }

    async fn carry_out(&self, ready: &Ready, bound: Bound) -> TaskResult {
        match bound {
            Bound::Decide(decide) => self.decide(ready, &*decide).await,
            Bound::Converse(converse) => {
                let Some(limit) = ready.timeout else {
                    return self.converse(ready, &*converse).await;
                };
                // given up half-way, its shell is dropped with it
                match tokio::time::timeout(limit, self.converse(ready, &*converse)).await {
                    Ok(result) => result,
                    Err(_) => TaskResult::from_fail(super::exec::timed_out(limit)),
                }
            }
        }
    }
}
