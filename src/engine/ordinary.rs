//! One ordinary task: on all hosts of the batch at once, and what its results mean for each.

use super::ahead::Ahead;
use super::hosts::{HostName, Hosts};
use super::place::Place;
use super::play_run::PlayRun;
use super::result::TaskResult;
use super::settings::Keywords;
use crate::playbook::{Located, Task};
use crate::report::{EventKind, FileDiff, HostResult, TaskId};
use crate::template::Scope;
use crate::value::{Map, Value};
use crate::vars::BranchId;
use futures_util::future::join_all;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A host at work on a task, as everything below needs it.
pub(super) struct Work<'a> {
    pub play: &'a PlayRun,
    pub task: &'a Arc<Task>,
    pub place: &'a Arc<Place>,
    pub host: &'a HostName,
    pub id: TaskId,
    pub ahead: &'a Arc<Ahead>,
    /// Its turn has not come: this is only a look ahead.
    pub early: bool,
}

impl PlayRun {
    /// The scope of a task on a host (`None`: no host in particular).
    pub(super) fn scope(
        &self,
        host: Option<&HostName>,
        place: &Place,
        task: Option<&Task>,
    ) -> crate::vars::TaskScope {
        let file = task.map_or(self.play.path.as_path(), |t| t.path.as_path());
        self.run
            .view(&self.info, place, place.search_dirs(file), false)
            .task_scope(host.map(|h| &**h), place, task)
    }

    /// Runs a task that is neither an include nor a meta. Returns the hosts that failed.
    pub(super) async fn ordinary(
        &self,
        task: &Arc<Task>,
        place: &Arc<Place>,
        hosts: &[HostName],
        ahead: &Arc<Ahead>,
    ) -> Hosts {
        self.ordinary_as(task, place, hosts, ahead, false).await
    }

    /// As [`PlayRun::ordinary`], for a handler when `handler` says so.
    pub(super) async fn ordinary_as(
        &self,
        task: &Arc<Task>,
        place: &Arc<Place>,
        hosts: &[HostName],
        ahead: &Arc<Ahead>,
        handler: bool,
    ) -> Hosts {
        let Some(first) = hosts.first() else {
            return Hosts::new();
        };
        let once = self.is_once(task, place, first);
        let no_log = self.flag_of(task, place, first, |c| c.no_log.as_ref());
        let id = self.announce(task, place, handler, no_log);
        let workers: &[HostName] = if once { &hosts[..1] } else { hosts };
        let throttle = self.throttle_of(task, place, first);
        let gate = (throttle > 0).then(|| tokio::sync::Semaphore::new(throttle));
        let results = join_all(workers.iter().map(|host| {
            let gate = gate.as_ref();
            async move {
                let _turn = match gate {
                    Some(gate) => gate.acquire().await.ok(),
                    None => None,
                };
                let _fork = self.run.forks.acquire().await.ok();
                let work = Work {
                    play: self,
                    task,
                    place,
                    host,
                    id,
                    ahead,
                    early: false,
                };
                let started = Instant::now();
                self.run.emitter.emit(EventKind::HostStarted {
                    task: id,
                    host: host.to_string(),
                });
                let result = work.host_task().await;
                work.settle(result, started).await
            }
        }))
        .await;
        let mut failed = Hosts::new();
        for (host, (result, lost)) in workers.iter().zip(results) {
            if once {
                self.share(task, place, hosts, host, &result);
            }
            if lost {
                failed.push(host.clone());
            }
        }
        self.is_told(id, place);
        failed
    }

    /// The result of a `run_once` task holds for every host.
    fn share(
        &self,
        task: &Task,
        place: &Place,
        hosts: &[HostName],
        from: &HostName,
        result: &TaskResult,
    ) {
        // facts that were given to a delegate are nobody else's
        let given = place.keyword(task, |c| c.delegate_to.as_ref()).is_some()
            && self.flag_of(task, place, from, |c| c.delegate_facts.as_ref());
        let branch = place.strand.branch;
        for host in hosts.iter().filter(|h| *h != from) {
            if let Some(name) = &task.register {
                let value = Value::from(result.map.clone());
                self.run.world.store.set(branch, host, name, value);
            }
            if !given {
                super::control::keep_facts(&self.run, branch, task, host, &result.map);
            }
        }
    }

    /// Whether the task is done by one host for all.
    pub(super) fn is_once(&self, task: &Task, place: &Place, host: &HostName) -> bool {
        super::control::bypasses_hosts(task)
            || self.flag_of(task, place, host, |c| c.run_once.as_ref())
    }

    /// A boolean keyword as one host sees it; false where it cannot be told.
    pub(super) fn flag_of(
        &self,
        task: &Task,
        place: &Place,
        host: &HostName,
        pick: for<'b> fn(&'b crate::playbook::Common) -> Option<&'b Located>,
    ) -> bool {
        match place.keyword(task, pick) {
            None => false,
            Some(located) if !located.is_lazy() => located.to_bool().unwrap_or(false),
            Some(_) => {
                let scope = self.scope(Some(host), place, Some(task)).shared();
                let keywords = Keywords {
                    run: &self.run,
                    place,
                    task,
                    scope: &scope,
                };
                keywords.flag("", pick).ok().flatten().unwrap_or(false)
            }
        }
    }

    fn throttle_of(&self, task: &Task, place: &Place, host: &HostName) -> usize {
        let scope = self.scope(Some(host), place, Some(task)).shared();
        let keywords = Keywords {
            run: &self.run,
            place,
            task,
            scope: &scope,
        };
        let located = place.keyword(task, |c| c.throttle.as_ref());
        keywords
            .number("throttle", located)
            .ok()
            .flatten()
            .map_or(0, |n| n.max(0.0) as usize)
    }

    pub(super) fn is_fatal_for_all(&self, task: &Task, place: &Place, hosts: &[HostName]) -> bool {
        let Some(first) = hosts.first() else {
            return false;
        };
        (self.is_once(task, place, first) || self.is_fatal(task, place, hosts))
            && !self.flag_of(task, place, first, |c| c.ignore_errors.as_ref())
    }

    /// `any_errors_fatal`.
    pub(super) fn is_fatal(&self, task: &Task, place: &Place, hosts: &[HostName]) -> bool {
        let Some(first) = hosts.first() else {
            return false;
        };
        let said = |c: &'_ crate::playbook::Common| c.any_errors_fatal.is_some();
        match place.commons(task).any(said) {
            true => self.flag_of(task, place, first, |c| c.any_errors_fatal.as_ref()),
            false => self.run.options.any_errors_fatal,
        }
    }
}

impl Work<'_> {
    /// Where what it learns is kept.
    pub(super) fn branch(&self) -> BranchId {
        self.place.strand.branch
    }

    /// The scope of this task on this host.
    pub(super) fn scope(&self) -> crate::vars::TaskScope {
        let search = self.place.search_dirs(&self.task.path);
        self.play
            .run
            .view(&self.play.info, self.place, search, self.early)
            .task_scope(Some(self.host), self.place, Some(self.task))
    }

    /// Judges a result: ignored or not, counted, registered, told, notified. Returns it and whether the host is lost.
    async fn settle(&self, mut result: TaskResult, started: Instant) -> (TaskResult, bool) {
        let run = &self.play.run;
        let scope = self.scope().shared();
        let keywords = Keywords {
            run,
            place: self.place,
            task: self.task,
            scope: &scope,
        };
        if result.unreachable {
            result.ignored = keywords
                .flag("ignore_unreachable", |c| c.ignore_unreachable.as_ref())
                .ok()
                .flatten()
                .unwrap_or(false);
        } else if result.is_failed() {
            match keywords.flag("ignore_errors", |c| c.ignore_errors.as_ref()) {
                Ok(flag) => result.ignored = flag.unwrap_or(false),
                Err(problem) => run.emitter.warn_about(&problem),
            }
        }
        // an unreadable `no_log` hides rather than shows
        let no_log = keywords
            .flag("no_log", |c| c.no_log.as_ref())
            .map_or(true, |f| f.unwrap_or(false));
        if let Some(name) = &self.task.register {
            let value = Value::from(result.map.clone());
            run.world.store.set(self.branch(), self.host, name, value);
        }
        if !result.is_skipped() {
            self.play.touch_roles(self.host, self.place);
        }
        let mut lost = false;
        if result.unreachable && !result.ignored {
            self.play.mark_unreachable(self.host);
        } else if result.is_failed() && !result.ignored {
            lost = true;
            self.play
                .remember_failure(self.host, self.task, self.place, &result.map);
            if !self.place.guarded {
                self.play.mark_failed(std::slice::from_ref(self.host));
            }
        } else if result.is_changed()
            && let Err(problem) = self
                .play
                .notify_all(self.task, self.place, self.host, &scope)
        {
            result = TaskResult::from_fail(problem.into());
            lost = true;
        }
        run.tally.count(
            self.host,
            result.status(),
            result.is_changed(),
            lost && self.place.guarded,
        );
        if let Some(warnings) = result.map.get("warnings").and_then(Value::as_list)
            && !no_log
        {
            warnings
                .iter()
                .for_each(|w| run.emitter.warn(w.to_string()));
        }
        self.tell(&result, None, no_log, started);
        (result, lost)
    }

    /// Emits a result: of an item when there is a label, else of the host.
    pub(super) fn tell(
        &self,
        result: &TaskResult,
        label: Option<String>,
        no_log: bool,
        started: Instant,
    ) {
        let shown: Map = if no_log {
            result.censored()
        } else {
            result
                .map
                .iter()
                .filter(|(k, _)| *k != "warnings")
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        let is_item = label.is_some();
        let told = HostResult {
            task: self.id,
            host: self.host.to_string(),
            delegated_to: result.delegated_to.clone().filter(|to| **to != **self.host),
            item: if no_log {
                label.map(|_| "(hidden)".to_owned())
            } else {
                label
            },
            status: result.status(),
            took_ms: started.elapsed().as_millis() as u64,
            result: shown,
            diff: if no_log || !self.wants_diff() {
                Vec::new()
            } else {
                let shown = |d: &FileDiff| self.shown_diff(d);
                result.diff.iter().map(shown).collect()
            },
            rescued: !result.unreachable
                && result.is_failed()
                && !result.ignored
                && self.place.guarded,
        };
        self.play.run.emitter.emit(if is_item {
            EventKind::ItemFinished(told)
        } else {
            EventKind::HostFinished(told)
        });
    }

    /// A diff with a file of the control machine named as the user would.
    fn shown_diff(&self, diff: &FileDiff) -> FileDiff {
        let after = self.play.run.loader.shown(Path::new(&diff.after_header));
        FileDiff {
            after_header: after.display().to_string(),
            ..diff.clone()
        }
    }

    /// Whether diffs are wanted of this task.
    pub(super) fn wants_diff(&self) -> bool {
        match self.place.keyword(self.task, |c| c.diff.as_ref()) {
            None => self.play.run.options.diff,
            Some(_) => self
                .play
                .flag_of(self.task, self.place, self.host, |c| c.diff.as_ref()),
        }
    }

    /// The first of these conditions that does not hold, with its value as written; `None` when all hold.
    pub(super) fn broken_condition(
        &self,
        conditions: &[&Located],
        scope: &Arc<dyn Scope>,
    ) -> Result<Option<Value>, crate::error::Diagnostic> {
        for condition in conditions {
            let holds = self
                .play
                .run
                .templar
                .condition(scope, condition)
                .map_err(|e| e.with_span(&condition.span))?;
            if !holds {
                return Ok(Some(match &condition.value {
                    Value::Template(t) => Value::from(t.text.as_str()),
                    other => other.clone(),
                }));
            }
        }
        Ok(None)
    }

    /// `when` of the task and all it inherits, the outermost first.
    pub(super) fn conditions(&self) -> Vec<&Located> {
        let imported = if self.play.is_handler(self.task) {
            &[][..]
        } else {
            &self.place.play.when
        };
        imported
            .iter()
            .chain(self.place.commons(self.task).flat_map(|c| &c.when))
            .collect()
    }
}
