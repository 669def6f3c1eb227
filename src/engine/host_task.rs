//! One task on one host: its loop, its conditions, its attempts.

use super::loop_vars::LoopVars;
use super::ordinary::Work;
use super::result::TaskResult;
use super::settings::Keywords;
use crate::error::Diagnostic;
use crate::modules::Fail;
use crate::playbook::{Loop, LoopKind};
use crate::report::EventKind;
use crate::template::Scope;
use crate::value::{Map, Value};
use crate::vars::TaskScope;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl From<Diagnostic> for TaskResult {
    fn from(problem: Diagnostic) -> Self {
        Self::from_fail(Fail::from(problem))
    }
}

impl Work<'_> {
    /// The whole task on this host.
    pub(super) async fn host_task(&self) -> TaskResult {
        let scope = self.scope();
        match &self.task.loop_ {
            None => self.item_task(&scope).await,
            Some(each) => match self.loop_items(each, &scope) {
                Ok(items) => self.all_items(each, items, &scope).await,
                Err(problem) => {
                    // a condition that is false anyway is a reason not to mind the loop
                    let shared = scope.shared();
                    match self.broken_condition(&self.conditions(), &shared) {
                        Ok(Some(condition)) => TaskResult::skipped(condition),
                        _ => problem.with_span(&each.value.span).into(),
                    }
                }
            },
        }
    }

    /// The items a loop goes over.
    pub(super) fn loop_items(
        &self,
        each: &Loop,
        scope: &TaskScope,
    ) -> Result<Vec<Value>, Diagnostic> {
        let scope = scope.clone().shared();
        let templar = &self.play.run.templar;
        match &each.kind {
            LoopKind::Loop => match templar.resolve(&scope, &each.value)? {
                Value::List(items) => Ok(items.to_vec()),
                Value::Omit => Ok(Vec::new()),
                other => {
                    let mut problem = Diagnostic::at(
                        &each.value.span,
                        format!("`loop` needs a list, not {} `{other}`", other.kind()),
                    );
                    if matches!(other, Value::Map(_)) {
                        problem = problem.with_help("loop over `{{ the_mapping | dict2items }}`");
                    }
                    Err(problem)
                }
            },
            LoopKind::With(name) => {
                crate::template::lookups::with_loop(templar, &scope, name, &each.value)
            }
        }
    }

    async fn all_items(&self, each: &Loop, items: Vec<Value>, scope: &TaskScope) -> TaskResult {
        let shared = scope.clone().shared();
        let keywords = self.keywords(&shared);
        let control = &each.control;
        let prepared = (|| {
            Ok::<_, Diagnostic>((
                LoopVars::of(each, &keywords)?,
                keywords
                    .number("pause", control.pause.as_ref())?
                    .unwrap_or(0.0),
                keywords
                    .flag("no_log", |c| c.no_log.as_ref())?
                    .unwrap_or(false),
            ))
        })();
        let (vars, pause, no_log) = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => return problem.into(),
        };
        let mut results: Vec<TaskResult> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            if index > 0 && pause > 0.0 {
                tokio::time::sleep(Duration::from_secs_f64(pause)).await;
            }
            if self.play.run.cancel.is_cancelled() {
                break;
            }
            let own = vars.item(&items, index);
            let item_scope = scope.with(own.clone());
            let started = Instant::now();
            let mut result = self.item_task(&item_scope).await;
            for (key, value) in own {
                result.map.insert(key, value);
            }
            let shared = item_scope.clone().shared();
            let label = match &control.label {
                Some(label) => self
                    .keywords(&shared)
                    .resolve(label)
                    .map_or_else(|problem| problem.message, |v| v.to_string()),
                None => item.to_string(),
            };
            self.tell(&result, Some(label), no_log, started);
            let gone = result.unreachable;
            results.push(result);
            if gone {
                break;
            }
            if !control.break_when.is_empty() {
                // the registered result of this item counts here
                let mut seen = Map::new();
                if let (Some(name), Some(last)) = (&self.task.register, results.last()) {
                    seen.insert(name.clone(), Value::from(last.map.clone()));
                }
                let scope = item_scope.with(seen).shared();
                match self.broken_condition(&control.break_when.iter().collect::<Vec<_>>(), &scope)
                {
                    Ok(None) => break,
                    Ok(Some(_)) => {}
                    Err(problem) => {
                        results.push(problem.into());
                        break;
                    }
                }
            }
        }
        let delegated_to = results.iter().find_map(|r| r.delegated_to.clone());
        let mut all = TaskResult::of_items(results);
        all.delegated_to = delegated_to;
        all
    }

    pub(super) fn keywords<'b>(&'b self, scope: &'b Arc<dyn Scope>) -> Keywords<'b> {
        Keywords {
            run: &self.play.run,
            place: self.place,
            task: self.task,
            scope,
        }
    }

    /// One item (or the task without a loop): condition, attempts, and what `changed_when` and `failed_when` say.
    async fn item_task(&self, scope: &TaskScope) -> TaskResult {
        let shared = scope.clone().shared();
        match self.broken_condition(&self.conditions(), &shared) {
            Ok(None) => {}
            Ok(Some(condition)) => return TaskResult::skipped(condition),
            Err(problem) => return problem.into(),
        }
        let keywords = self.keywords(&shared);
        let numbers = (|| {
            Ok::<_, Diagnostic>((
                keywords.number("retries", self.task.retries.as_ref())?,
                keywords
                    .number("delay", self.task.delay.as_ref())?
                    .unwrap_or(5.0),
            ))
        })();
        let (retries, delay) = match numbers {
            Ok(numbers) => numbers,
            Err(problem) => return problem.into(),
        };
        let retries = match (retries, &self.task.until) {
            (Some(n), _) => n.max(0.0) as u32,
            (None, Some(_)) => 3,
            (None, None) => 0,
        };
        let delay = if delay < 0.0 { 1.0 } else { delay };
        let mut attempt = 1;
        loop {
            let mut result = self.attempt(scope).await;
            result.settle();
            if result.unreachable {
                return result;
            }
            if retries > 0 {
                result.set("attempts", attempt);
            }
            let with_result = self.with_registered(scope, &result);
            if !result.is_skipped() {
                self.apply_when(&mut result, &with_result);
            }
            if retries == 0 {
                return result;
            }
            let with_result = self.with_registered(scope, &result);
            let done = match &self.task.until {
                None => Ok(!result.is_failed()),
                Some(until) => self
                    .broken_condition(&until.iter().collect::<Vec<_>>(), &with_result)
                    .map(|broken| broken.is_none()),
            };
            match done {
                Ok(true) => return result,
                Err(problem) => return problem.into(),
                Ok(false) => {}
            }
            if attempt > retries || self.play.run.cancel.is_cancelled() {
                result.set("attempts", retries);
                result.set("failed", true);
                return result;
            }
            self.play.run.emitter.emit(EventKind::Retrying {
                task: self.id,
                host: self.host.to_string(),
                left: retries + 1 - attempt,
                delay,
            });
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs_f64(delay)) => {}
                () = self.play.run.cancel.cancelled() => {}
            }
            attempt += 1;
        }
    }

    /// The scope in which the registered name already means this result.
    fn with_registered(&self, scope: &TaskScope, result: &TaskResult) -> Arc<dyn Scope> {
        let mut own = Map::new();
        if let Some(Value::Map(facts)) = result.map.get("ansible_facts")
            && super::control::facts_are_variables(self.task)
        {
            own.extend(facts.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        if let Some(name) = &self.task.register {
            own.insert(name.clone(), Value::from(result.map.clone()));
        }
        scope.with(own).shared()
    }

    /// `changed_when`, then `failed_when`.
    fn apply_when(&self, result: &mut TaskResult, scope: &Arc<dyn Scope>) {
        if let Some(conditions) = self.task.changed_when.as_ref().filter(|c| !c.is_empty()) {
            match self.broken_condition(&conditions.iter().collect::<Vec<_>>(), scope) {
                Ok(broken) => result.set("changed", broken.is_none()),
                Err(problem) => {
                    result.set("failed", true);
                    result.set("changed_when_result", problem.message.as_str());
                    result.set("msg", Fail::from(problem).msg);
                    return;
                }
            }
        }
        if let Some(conditions) = self.task.failed_when.as_ref().filter(|c| !c.is_empty()) {
            match self.broken_condition(&conditions.iter().collect::<Vec<_>>(), scope) {
                Ok(broken) => {
                    result.set("failed", broken.is_none());
                    result.set("failed_when_result", broken.is_none());
                }
                Err(problem) => {
                    result.set("failed", true);
                    result.set("failed_when_result", problem.message.as_str());
                    result.set("msg", Fail::from(problem).msg);
                }
            }
        }
    }
}
