//! Carrying a bound module out on a host: questions, reading ahead, decision, actions.

use super::attempt::Ready;
use super::files::TaskFiles;
use super::ordinary::Work;
use super::result::TaskResult;
use super::sessions::HostSession;
use crate::host::{self, Known, Pause, Query, Report};
use crate::modules::{
    Bound, CheckSupport, Context, Decide, Decision, Fail, Outcome, Run as ModuleRun,
};
use crate::playbook::ActionKind;
use crate::transport::LinkError;
use crate::value::{Map, Value};

/// A module that keeps asking has a fault; nothing real needs this many rounds.
const MAX_ROUNDS: usize = 64;
/// Queries gathered by one reading ahead, about.
const AHEAD_QUERIES: usize = 2000;

/// Why a task ended early on its host.
pub(super) enum Trouble {
    /// The task fails.
    Fail(Fail),
    /// The link failed.
    Link(LinkError),
}

impl From<host::Trouble> for Trouble {
    fn from(e: host::Trouble) -> Self {
        match e {
            host::Trouble::Link(e) => Self::Link(e),
            other => Self::Fail(Fail::new(other.to_string())),
        }
    }
}

impl From<Fail> for Trouble {
    fn from(f: Fail) -> Self {
        Self::Fail(f)
    }
}

/// A task that took longer than its `timeout`, in Ansible's words.
pub(super) fn timed_out(limit: std::time::Duration) -> Fail {
    let seconds = limit.as_secs();
    Fail::new(format!("Timed out after {seconds} second(s)."))
        .with("timedout", Value::map([("period", seconds.into())]))
}

impl From<Trouble> for TaskResult {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Fail(fail) => Self::from_fail(fail),
            // a wrong password or a slow command is the task's failure: the host does answer
            Trouble::Link(e @ LinkError::Become(_)) => Self::from_fail(Fail::new(e.to_string())),
            Trouble::Link(LinkError::Timeout(limit)) => Self::from_fail(timed_out(limit)),
            Trouble::Link(e) => Self::unreachable(e.to_string()),
        }
    }
}

impl Work<'_> {
    /// Lets a module decide and does what it decides.
    pub(super) async fn decide(&self, ready: &Ready, module: &dyn Decide) -> TaskResult {
        let mut session = self
            .play
            .run
            .sessions
            .get(self.host, ready, &self.place.strand)
            .await;
        match self.decide_in(&mut session, ready, module).await {
            Ok(outcome) => TaskResult::from_outcome(outcome),
            Err(trouble) => trouble.into(),
        }
    }

    /// As [`Work::decide`], in a session that is held already.
    pub(super) async fn decide_in(
        &self,
        session: &mut HostSession,
        ready: &Ready,
        module: &dyn Decide,
    ) -> Result<Outcome, Trouble> {
        let mut decision = self.decision(session, ready, module).await?;
        if let Some(limit) = ready.timeout {
            for action in &mut decision.actions {
                if let host::Action::Run(cmd) = action {
                    cmd.timeout = Some(cmd.timeout.map_or(limit, |own| own.min(limit)));
                }
            }
        }
        if decision.actions.is_empty() || ready.check {
            return finish(decision, None, ready.check).map_err(Trouble::Fail);
        }
        let reports = session.act(&decision.actions).await?;
        finish(decision, Some(reports), false).map_err(Trouble::Fail)
    }

    /// Asks until the module decides.
    pub(super) async fn decision(
        &self,
        session: &mut HostSession,
        ready: &Ready,
        module: &dyn Decide,
    ) -> Result<Decision, Trouble> {
        for _ in 0..MAX_ROUNDS {
            match module.decide(session.known()) {
                Ok(decision) => return Ok(decision),
                Err(Pause::Fail(fail)) => return Err(fail.into()),
                Err(Pause::Need(mut queries)) => {
                    let horizon = session.horizon();
                    let seen = self.read_ahead(session.known(), ready, &mut queries, horizon);
                    session.foresaw(seen);
                    session.ask(&queries).await?;
                }
            }
        }
        let text = format!(
            "`{}` asks without end: this is a fault in hoist, please report it",
            ready.spec.name
        );
        Err(Fail::new(text).into())
    }

    /// Adds what the tasks after this one will want to know, as far as their arguments are known by now: reading changes
    /// nothing, so it may run ahead of its turn. What turns out wrong is asked again. Returns how many tasks it looked at,
    /// `horizon` at most.
    fn read_ahead(
        &self,
        known: &Known,
        ready: &Ready,
        queries: &mut Vec<Query>,
        horizon: usize,
    ) -> usize {
        let mut looked_at = 0;
        self.ahead.visit(&mut |task, place| {
            if looked_at >= horizon || queries.len() > AHEAD_QUERIES {
                return false;
            }
            looked_at += 1;
            let next = Work {
                play: self.play,
                task,
                place,
                host: self.host,
                id: self.id,
                ahead: self.ahead,
                early: true,
            };
            next.foresee(known, ready, queries).unwrap_or(true)
        });
        looked_at
    }

    /// Gathers one coming task's queries. `Some(false)`: nothing beyond it can be foreseen. `None`: it cannot be told.
    fn foresee(&self, known: &Known, now: &Ready, queries: &mut Vec<Query>) -> Option<bool> {
        let ActionKind::Module(name) = &self.task.action.kind else {
            return Some(matches!(
                self.task.action.kind,
                ActionKind::Meta(crate::playbook::Meta::Noop)
            ));
        };
        let spec = crate::modules::find(name)?;
        let bind = match spec.run {
            // time passes: what is read before is old afterwards
            ModuleRun::Engine => return Some(spec.short() != "pause"),
            ModuleRun::Bind(bind) => bind,
        };
        // what a command will change is not known
        let opaque = spec.check == CheckSupport::Skipped;
        if !self.play.is_selected(self.task, self.place) {
            return Some(true);
        }
        let scope = self.scope();
        let items = match &self.task.loop_ {
            None => vec![None],
            Some(each) => match self.loop_items(each, &scope) {
                Ok(items) => items.into_iter().map(Some).collect(),
                Err(_) => return Some(!opaque),
            },
        };
        for item in items {
            let scope = match item {
                None => scope.clone(),
                Some(item) => scope.with(Map::from_iter([("item".to_owned(), item)])),
            }
            .shared();
            match self.broken_condition(&self.conditions(), &scope) {
                Ok(None) => {}
                Ok(Some(_)) => continue,
                Err(_) if opaque => return Some(false),
                Err(_) => continue,
            }
            let keywords = self.keywords(&scope);
            let Ok(given) = self.arguments(spec, &keywords) else {
                continue;
            };
            let Ok(Ok(ready)) = self.ready(spec, &given, &keywords) else {
                continue;
            };
            if ready.target != now.target || ready.route != now.route {
                // somewhere else; what a command does there can be seen here
                if opaque {
                    return Some(false);
                }
                continue;
            }
            let files = TaskFiles::new(self, &scope);
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
            match bind(&ready.args, &context) {
                Ok(Bound::Decide(module)) => match module.decide(known) {
                    Err(Pause::Need(more)) => {
                        for query in more {
                            if !queries.contains(&query) {
                                queries.push(query);
                            }
                        }
                    }
                    Ok(decision) if decision.opaque => return Some(false),
                    Ok(_) | Err(Pause::Fail(_)) => {}
                },
                Ok(Bound::Converse(_)) => return Some(false),
                Err(_) => {}
            }
        }
        Some(!opaque)
    }
}

/// The outcome of a decision. `reports` is `None` where nothing was done: check mode, or nothing to do.
pub(super) fn finish(
    decision: Decision,
    reports: Option<Vec<Report>>,
    check: bool,
) -> Result<Outcome, Fail> {
    let Decision {
        result,
        diff,
        actions,
        opaque,
        warnings,
        conclude,
    } = decision;
    let changed = !actions.is_empty();
    let Some(reports) = reports else {
        if opaque && changed && check {
            let mut result = result;
            result.insert(
                "msg".to_owned(),
                "Command would have run if not in check mode".into(),
            );
            return Ok(Outcome {
                skipped: true,
                changed: false,
                result,
                diff,
                warnings,
            });
        }
        return Ok(Outcome {
            changed,
            skipped: false,
            result,
            diff,
            warnings,
        });
    };
    let mut outcome = match conclude {
        Some(conclude) => conclude(result, reports)?,
        None => {
            let mut result = result;
            for report in &reports {
                if report.rc != 0 {
                    let said = report
                        .error
                        .iter()
                        .chain([&report.stderr, &report.stdout])
                        .find(|s| !s.trim().is_empty());
                    let msg = said.map_or_else(
                        || format!("failed with exit status {}", report.rc),
                        |s| s.trim().to_owned(),
                    );
                    return Err(Fail { msg, result }
                        .with("rc", report.rc)
                        .with("stdout", report.stdout.as_str())
                        .with("stderr", report.stderr.as_str()));
                }
                if let Some(backup) = &report.backup {
                    result.insert("backup_file".to_owned(), Value::from(backup.as_str()));
                }
            }
            Outcome {
                changed,
                result,
                ..Outcome::default()
            }
        }
    };
    outcome.diff.extend(diff);
    outcome.warnings.extend(warnings);
    Ok(outcome)
}
