//! `include_tasks` and `include_role`: what each host includes is only known when it gets there.

use super::ahead::Ahead;
use super::hosts::{HostName, Hosts, join};
use super::loop_vars::LoopVars;
use super::ordinary::Work;
use super::place::Place;
use super::play_run::PlayRun;
use super::result::TaskResult;
use crate::error::{Diagnostic, Problems};
use crate::modules::Fail;
use crate::playbook::{
    ActionKind, Common, Entry, FromFiles, IncludeFrom, IncludeRole, Included, Located, RoleRequest,
    Task,
};
use crate::report::{EventKind, HostResult, Status};
use crate::value::{Map, Value};
use crate::vars::TaskScope;
use std::sync::Arc;
use std::time::Instant;

/// Includes inside includes: deeper than this is taken for endless.
const MAX_DEPTH: usize = 100;

/// What one host wants included.
struct Wish {
    what: What,
    /// Variables for what is included: `vars` of a file's include, the loop's variables.
    params: Map,
}

#[derive(Clone, PartialEq)]
enum What {
    File(String),
    Role(Box<RoleRequestKey>),
}

/// A [`RoleRequest`] that can be compared.
#[derive(Clone, PartialEq)]
struct RoleRequestKey {
    name: String,
    from: FromFiles,
    public: bool,
    allow_duplicates: bool,
    validate: bool,
}

impl PlayRun {
    /// Runs an include on `hosts`. Returns the hosts that failed in it.
    pub(super) async fn include(
        &self,
        task: &Arc<Task>,
        place: &Arc<Place>,
        hosts: &[HostName],
        ahead: &Arc<Ahead>,
    ) -> Hosts {
        let Some(first) = hosts.first() else {
            return Hosts::new();
        };
        let no_log = self.flag_of(task, place, first, |c| c.no_log.as_ref());
        let handler = self.is_handler(task);
        let once = self.is_once(task, place, first);
        let id = self.announce(task, place, handler, no_log);
        let mut failed = Hosts::new();
        // groups of hosts that include the same, in the order in which they come up
        let mut groups: Vec<(Wish, Hosts)> = Vec::new();
        for host in if once { &hosts[..1] } else { hosts } {
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
            match work.wishes() {
                Ok(wishes) if wishes.is_empty() => {
                    let result = TaskResult::skipped(Value::Null);
                    self.run.tally.count(host, Status::Skipped, false, false);
                    work.tell(&result, None, no_log, started);
                }
                Ok(wishes) => {
                    for wish in wishes {
                        let all: &[HostName] = if once {
                            hosts
                        } else {
                            std::slice::from_ref(host)
                        };
                        match groups
                            .iter_mut()
                            .find(|(w, _)| w.what == wish.what && w.params == wish.params)
                        {
                            Some((_, members)) => join(members, all),
                            None => groups.push((wish, all.to_vec())),
                        }
                    }
                }
                Err(problem) => {
                    join(&mut failed, std::slice::from_ref(host));
                    self.include_failed(&work, problem.into(), no_log, started);
                }
            }
        }
        if groups.is_empty() {
            self.is_told(id, place);
        }
        for (wish, members) in groups {
            let now = self.present(&super::hosts::minus(&members, &failed), place);
            if now.is_empty() || self.is_over() {
                continue;
            }
            let started = Instant::now();
            let included = if place.includes.len() >= MAX_DEPTH {
                Err(Problems::from(endless(task, place)))
            } else {
                self.load(task, place, &wish)
            };
            match included {
                Ok(included) => {
                    for host in &now {
                        self.run.tally.count(host, Status::Ok, false, false);
                        let shown = Map::from_iter([
                            (
                                "include".to_owned(),
                                Value::from(match &wish.what {
                                    What::Role(role) => role.name.clone(),
                                    What::File(_) => included.path.display().to_string(),
                                }),
                            ),
                            ("changed".to_owned(), false.into()),
                        ]);
                        self.run.emitter.emit(EventKind::HostFinished(HostResult {
                            task: id,
                            host: host.to_string(),
                            delegated_to: None,
                            item: None,
                            status: Status::Ok,
                            took_ms: started.elapsed().as_millis() as u64,
                            result: if no_log { Map::new() } else { shown },
                            diff: Vec::new(),
                            rescued: false,
                        }));
                    }
                    self.is_told(id, place);
                    let lost = self
                        .run_included(task, place, &wish, included, now, ahead)
                        .await;
                    join(&mut failed, &lost);
                }
                Err(problems) => {
                    for host in &now {
                        let work = Work {
                            play: self,
                            task,
                            place,
                            host,
                            id,
                            ahead,
                            early: false,
                        };
                        let text = problems
                            .to_string()
                            .trim_start_matches("error: ")
                            .to_owned();
                        self.include_failed(&work, Fail::new(text), no_log, started);
                    }
                    join(&mut failed, &now);
                    self.is_told(id, place);
                }
            }
        }
        failed
    }

    fn include_failed(&self, work: &Work<'_>, fail: Fail, no_log: bool, started: Instant) {
        let result = TaskResult::from_fail(fail);
        self.remember_failure(work.host, work.task, work.place, &result.map);
        if !work.place.guarded {
            self.mark_failed(std::slice::from_ref(work.host));
        }
        self.run
            .tally
            .count(work.host, Status::Failed, false, work.place.guarded);
        work.tell(&result, None, no_log, started);
    }

    fn load(&self, task: &Task, place: &Place, wish: &Wish) -> Result<Included, Problems> {
        let vars = self.static_vars(place);
        let from = IncludeFrom {
            span: &task.span,
            play_dir: &self.play.dir,
            path: &task.path,
            role: place.role().map(|r| &r.role),
            handler: false,
            vars: &vars,
        };
        match &wish.what {
            What::File(name) => self.run.loader.tasks_file(name, &from),
            What::Role(key) => {
                let request = RoleRequest {
                    name: key.name.clone(),
                    from: key.from.clone(),
                    // parameters make another role of it
                    vars: match key.allow_duplicates {
                        true => Map::new(),
                        false => wish.params.clone(),
                    },
                    public: key.public,
                    allow_duplicates: key.allow_duplicates,
                    validate: key.validate,
                };
                self.run.loader.role(&request, &from)
            }
        }
    }

    /// Variables by which names of imports inside an included file may be rendered: the play's and `-e`.
    fn static_vars(&self, place: &Place) -> Map {
        let mut all = Map::new();
        for layer in self.info.vars.iter().rev() {
            all.extend(layer.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        all.extend(
            place
                .include_params
                .iter()
                .map(|(k, v)| (k.clone(), v.clone())),
        );
        all.extend(
            self.run
                .options
                .extra_vars
                .iter()
                .map(|(k, v)| (k.clone(), v.clone())),
        );
        all
    }

    async fn run_included(
        &self,
        task: &Arc<Task>,
        place: &Arc<Place>,
        wish: &Wish,
        included: Included,
        hosts: Hosts,
        ahead: &Arc<Ahead>,
    ) -> Hosts {
        for warning in &included.warnings {
            self.run.emitter.warn_about(warning);
        }
        let apply = match &task.action.kind {
            ActionKind::IncludeTasks { apply, .. } => apply.as_deref(),
            ActionKind::IncludeRole(role) => role.apply.as_ref(),
            _ => None,
        };
        // an include hands on what it applies, and of its own keywords only the condition is not asked again
        let inner = Arc::new(place.included(
            &task.span,
            apply.map(|c: &Common| Arc::new(c.clone())),
            &wish.params,
        ));
        self.add_handlers(&included.handlers, &inner);
        self.info.publish(&included.entries, inner.strand.branch);
        self.say_what_tags_leave_out(task, &inner, &included.entries);
        let entries = Arc::new(included.entries);
        self.entries(entries, inner, hosts, Some(ahead.clone()))
            .await
    }

    /// An include that is selected by tags of which nothing inside is selected does nothing: that must not go unsaid.
    fn say_what_tags_leave_out(&self, task: &Task, place: &Place, entries: &[Entry]) {
        if self.run.options.tags.is_empty() || self.run.options.tags.iter().any(|t| t == "all") {
            return;
        }
        let (mut all, mut selected) = (0_usize, 0_usize);
        let top = Ahead::new(Arc::new(entries.to_vec()), 0, Arc::new(place.clone()), None);
        top.visit(&mut |inner, place| {
            if !inner.implicit {
                all += 1;
                selected += usize::from(self.is_selected(inner, place));
            }
            true
        });
        if all > 0 && selected == 0 {
            let name = self.title(task, place);
            self.run.emitter.emit(EventKind::Note {
                message: format!(
                    "{}:{}: `{name}` is selected, but none of the {all} tasks it includes carries a selected tag ({}); \
                     tags of a dynamic include are not handed on: add `apply: {{tags: [...]}}` or use an import",
                    task.span.path().display(),
                    task.span.line,
                    self.run.options.tags.join(", ")
                ),
            });
        }
    }
}

fn endless(task: &Task, place: &Place) -> Diagnostic {
    let mut problem = Diagnostic::at(
        &task.span,
        format!("includes go deeper than {MAX_DEPTH} levels: this looks endless"),
    );
    // The circle, if it is one: from here back to the last time that this include was met.
    let mut circle = vec![&task.span];
    for span in place.includes.iter().rev() {
        circle.insert(0, span);
        if *span == task.span {
            let steps = circle
                .iter()
                .map(|s| format!("{}:{}", s.path().display(), s.line));
            problem = problem.with_note(steps.collect::<Vec<_>>().join(" -> "));
            break;
        }
    }
    problem.with_help("give the include a condition that ends it")
}

impl Work<'_> {
    /// What this host wants included; empty when its condition says nothing.
    fn wishes(&self) -> Result<Vec<Wish>, Diagnostic> {
        let scope = self.scope();
        let Some(each) = &self.task.loop_ else {
            return Ok(self.wish(&scope, Map::new())?.into_iter().collect());
        };
        let items = match self.loop_items(each, &scope) {
            Ok(items) => items,
            Err(problem) => {
                let shared = scope.shared();
                return match self.broken_condition(&self.conditions(), &shared) {
                    Ok(Some(_)) => Ok(Vec::new()),
                    _ => Err(problem.with_span(&each.value.span)),
                };
            }
        };
        let shared = scope.clone().shared();
        let keywords = self.keywords(&shared);
        let vars = LoopVars::of(each, &keywords)?;
        let mut wishes = Vec::new();
        for index in 0..items.len() {
            let own = vars.item(&items, index);
            wishes.extend(self.wish(&scope.with(own.clone()), own)?);
        }
        Ok(wishes)
    }

    fn wish(&self, scope: &TaskScope, loop_vars: Map) -> Result<Option<Wish>, Diagnostic> {
        let shared = scope.clone().shared();
        if self
            .broken_condition(&self.conditions(), &shared)?
            .is_some()
        {
            return Ok(None);
        }
        let keywords = self.keywords(&shared);
        // `vars` of the include are rendered where they are used, except for what only the loop knows
        let mut params = self.task.common.vars.clone();
        params.extend(loop_vars);
        let what = match &self.task.action.kind {
            ActionKind::IncludeTasks { file, .. } => {
                What::File(keywords.resolve(file)?.to_string())
            }
            ActionKind::IncludeRole(role) => {
                What::Role(Box::new(self.role_request(role, &keywords)?))
            }
            _ => return Ok(None),
        };
        Ok(Some(Wish { what, params }))
    }

    fn role_request(
        &self,
        role: &IncludeRole,
        keywords: &super::settings::Keywords<'_>,
    ) -> Result<RoleRequestKey, Diagnostic> {
        let text = |l: &Option<Located>| -> Result<Option<String>, Diagnostic> {
            let value = l.as_ref().map(|l| keywords.resolve(l)).transpose()?;
            Ok(value
                .filter(|v| !matches!(v, Value::Null | Value::Omit))
                .map(|v| v.to_string()))
        };
        let flag = |l: &Option<Located>, default: bool| -> Result<bool, Diagnostic> {
            let value = l.as_ref().map(|l| keywords.resolve(l)).transpose()?;
            Ok(value.and_then(|v| v.to_bool()).unwrap_or(default))
        };
        Ok(RoleRequestKey {
            name: keywords.resolve(&role.name)?.to_string(),
            from: FromFiles {
                tasks: text(&role.tasks_from)?,
                vars: text(&role.vars_from)?,
                defaults: text(&role.defaults_from)?,
                handlers: text(&role.handlers_from)?,
            },
            public: flag(&role.public, false)?,
            allow_duplicates: flag(&role.allow_duplicates, true)?,
            validate: flag(&role.rolespec_validate, true)?,
        })
    }
}
