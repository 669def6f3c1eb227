//! A play on one batch of hosts: who is still there, what was notified, which roles are complete.

use super::hosts::{HostName, Hosts, join};
use super::place::Place;
use super::run::Run;
use super::schedule::Roles;
use super::strand::Strand;
use super::world::PlayInfo;
use crate::playbook::{Entry, Play, RoleUse, Task};
use crate::report::{EventKind, TaskId, TaskInfo};
use crate::value::{Map, Value};
use crate::vars::BranchId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A handler and where it stands.
#[derive(Clone)]
pub(super) struct HandlerDef {
    pub task: Arc<Task>,
    pub place: Arc<Place>,
    /// Held by whoever runs it.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

/// See the module's text. Shared by all that runs for the batch.
pub(super) struct PlayRun {
    pub run: Arc<Run>,
    pub play: Arc<Play>,
    /// What templates may know of the play.
    pub info: Arc<PlayInfo>,
    /// The hosts of the batch, in order.
    pub batch: Hosts,
    pub strategy: Strategy,
    pub force_handlers: bool,
    pub max_fail: Option<f64>,
    state: Mutex<State>,
    over: AtomicBool,
}

#[derive(Default)]
struct State {
    unreachable: BTreeSet<HostName>,
    ended: BTreeSet<HostName>,
    /// Hosts for which a role was ended by `meta: end_role`, with the address of the role's use.
    role_ended: BTreeSet<(HostName, usize)>,
    completed: BTreeSet<(HostName, String)>,
    /// Roles of which a host ran at least one task.
    touched: BTreeSet<(HostName, usize)>,
    /// Hosts that failed for good in this batch.
    failed: Hosts,
    handlers: Vec<HandlerDef>,
    /// By the strand and the handler's number: the hosts that notified it.
    notified: BTreeMap<(BranchId, usize), Hosts>,
    /// Strands that run handlers.
    flushing: BTreeSet<BranchId>,
    /// The strand in which a failure ended the play for everybody.
    halted_by: Option<BranchId>,
    tasks: HashMap<usize, TaskId>,
    started: bool,
    stepping_over: bool,
}

impl PlayRun {
    pub(super) fn new(
        run: Arc<Run>,
        play: Arc<Play>,
        info: Arc<PlayInfo>,
        batch: Hosts,
        settings: Settings,
    ) -> Self {
        let started = run.options.start_at.is_none() || run.is_started();
        let this = Self {
            run,
            info,
            batch,
            strategy: settings.strategy,
            force_handlers: settings.force_handlers,
            max_fail: settings.max_fail,
            state: Mutex::new(State {
                started,
                ..State::default()
            }),
            over: AtomicBool::new(false),
            play: play.clone(),
        };
        let top = Arc::new(Place::top(&play));
        this.add_handlers(&play.handlers, &top);
        this
    }

    fn with<T: Default>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.state
            .lock()
            .map(|mut s| act(&mut s))
            .unwrap_or_default()
    }

    // --- who is there ---

    /// Those of `hosts` that still take part at this place.
    pub(super) fn present(&self, hosts: &[HostName], place: &Place) -> Hosts {
        self.with(|s| {
            hosts
                .iter()
                .filter(|h| !s.unreachable.contains(*h) && !s.ended.contains(*h))
                .filter(|h| {
                    !place.roles.iter().any(|r| {
                        s.role_ended
                            .contains(&((*h).clone(), Arc::as_ptr(r) as usize))
                    })
                })
                .cloned()
                .collect()
        })
    }

    /// Nothing more is to be begun in this batch.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.run.cancel.is_cancelled()
    }

    /// Ends the whole play; `why` is shown at the end of the run when it is a reason and not a wish.
    pub(super) fn end(&self, why: &str) {
        self.over.store(true, Ordering::Relaxed);
        if !why.is_empty() {
            self.run.end(why);
        }
    }

    /// Ends the play without a reason to show (`meta: end_play`, `end_batch`).
    pub(super) fn end_quietly(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// A failure in one strand is fatal for all: the others begin nothing more.
    pub(super) fn halt(&self, by: &Strand) {
        self.with(|s| *s.halted_by.get_or_insert(by.branch));
    }

    /// Whether roles have been halted.
    pub(super) fn is_halted(&self) -> bool {
        self.with(|s| s.halted_by.is_some())
    }

    /// Whether another strand's failure has halted this one.
    pub(super) fn is_halted_for(&self, strand: &Strand) -> bool {
        strand.is_role() && self.with(|s| s.halted_by.is_some_and(|by| by != strand.branch))
    }

    pub(super) fn end_host(&self, host: &HostName) {
        self.with(|s| s.ended.insert(host.clone()));
    }

    pub(super) fn end_role(&self, host: &HostName, role: &Arc<RoleUse>) {
        self.with(|s| {
            s.role_ended
                .insert((host.clone(), Arc::as_ptr(role) as usize))
        });
    }

    pub(super) fn mark_unreachable(&self, host: &HostName) {
        self.with(|s| s.unreachable.insert(host.clone()));
        self.run.lose(host);
    }

    pub(super) fn is_unreachable(&self, host: &HostName) -> bool {
        self.with(|s| s.unreachable.contains(host))
    }

    /// `meta: clear_host_errors`.
    pub(super) fn clear_errors(&self) {
        self.with(|s| {
            s.unreachable.clear();
            s.failed.clear();
        });
        self.run.forgive_all();
    }

    /// Takes note of hosts that failed for good.
    pub(super) fn mark_failed(&self, hosts: &[HostName]) {
        self.with(|s| join(&mut s.failed, hosts));
        for host in hosts {
            self.run.lose(host);
        }
    }

    pub(super) fn failed(&self) -> Hosts {
        self.with(|s| s.failed.clone())
    }

    /// A rescue takes over for these hosts.
    pub(super) fn forgive(&self, hosts: &[HostName]) {
        self.with(|s| s.failed.retain(|h| !hosts.contains(h)));
    }

    pub(super) fn too_many_failed(&self, more: &[HostName]) -> bool {
        let Some(limit) = self.max_fail else {
            return false;
        };
        let failed =
            self.with(|s| s.failed.len() + more.iter().filter(|h| !s.failed.contains(h)).count());
        failed > 0 && (failed as f64) * 100.0 / (self.batch.len().max(1) as f64) > limit
    }

    // --- roles ---

    pub(super) fn without_completed(&self, role: &RoleUse, hosts: Hosts) -> Hosts {
        self.with(|s| {
            hosts
                .into_iter()
                .filter(|h| !s.completed.contains(&(h.clone(), role.identity.clone())))
                .collect()
        })
    }

    pub(super) fn complete(&self, role: &Arc<RoleUse>, hosts: &[HostName]) {
        let address = Arc::as_ptr(role) as usize;
        self.with(|s| {
            for host in hosts {
                s.role_ended.remove(&(host.clone(), address));
                if s.touched.contains(&(host.clone(), address)) {
                    s.completed.insert((host.clone(), role.identity.clone()));
                }
            }
        });
    }

    /// A host ran a task of these roles.
    pub(super) fn touch_roles(&self, host: &HostName, place: &Place) {
        self.with(|s| {
            for role in &place.roles {
                s.touched.insert((host.clone(), Arc::as_ptr(role) as usize));
            }
        });
    }

    // --- handlers ---

    /// Makes handlers known; those of blocks inside, too.
    pub(super) fn add_handlers(&self, entries: &[Entry], place: &Arc<Place>) {
        for entry in entries {
            match entry {
                Entry::Task(task) => {
                    let def = HandlerDef {
                        task: task.clone(),
                        place: place.clone(),
                        turn: Arc::default(),
                    };
                    self.with(|s| {
                        // one that is known already (a role included again) is not added twice
                        if !s.handlers.iter().any(|h| Arc::ptr_eq(&h.task, task)) {
                            s.handlers.push(def);
                        }
                    });
                }
                Entry::Block(block) => {
                    self.add_handlers(&block.body, &Arc::new(place.inside(block)))
                }
            }
        }
    }

    /// Whether a task is one of the handlers. Asked for every condition, so nothing is copied.
    pub(super) fn is_handler(&self, task: &Arc<Task>) -> bool {
        self.with(|s| s.handlers.iter().any(|h| Arc::ptr_eq(&h.task, task)))
    }

    pub(super) fn handlers(&self) -> Vec<HandlerDef> {
        self.with(|s| s.handlers.clone())
    }

    pub(super) fn notify(&self, strand: &Strand, handler: usize, host: &HostName) {
        self.with(|s| {
            join(
                s.notified.entry((strand.branch, handler)).or_default(),
                std::slice::from_ref(host),
            )
        });
    }

    /// Takes a strand's notifications of the first handler that it notified whose number is at least `from`.
    pub(super) fn take_notified(&self, strand: &Strand, from: usize) -> Option<(usize, Hosts)> {
        self.with(|s| {
            let all = (strand.branch, from)..=(strand.branch, usize::MAX);
            let key = *s.notified.range(all).next()?.0;
            s.notified.remove(&key).map(|hosts| (key.1, hosts))
        })
    }

    /// A strand begins to run handlers; `false` when it is at it already.
    pub(super) fn begin_flush(&self, strand: &Strand) -> bool {
        self.with(|s| s.flushing.insert(strand.branch))
    }

    pub(super) fn end_flush(&self, strand: &Strand) {
        self.with(|s| s.flushing.remove(&strand.branch));
    }

    // --- what is run ---

    /// Whether `--start-at-task` has been reached.
    pub(super) fn is_started(&self, task: &Task, place: &Place) -> bool {
        if self.with(|s| s.started) || task.implicit {
            return true;
        }
        // of roles that run side by side none is before another: see `check::start_among_roles`
        if place.strand.is_role() {
            return false;
        }
        let wanted = self.run.options.start_at.as_deref().unwrap_or_default();
        let title = self.title(task, place);
        let own = task
            .common
            .name
            .as_ref()
            .map(|n| n.to_string())
            .unwrap_or_default();
        let fits = |text: &str| {
            text == wanted || glob::Pattern::new(wanted).is_ok_and(|p| p.matches(text))
        };
        if fits(&title) || fits(&own) || fits(title.rsplit(" : ").next().unwrap_or_default()) {
            self.with(|s| s.started = true);
            self.run.start();
            return true;
        }
        false
    }

    /// Asks before each task under `--step`.
    pub(super) async fn confirm_step(&self, task: &Task, place: &Place) -> bool {
        if !self.run.options.step || self.with(|s| s.stepping_over) || task.implicit {
            return true;
        }
        let question = format!(
            "Perform task: {} (N)o/(y)es/(c)ontinue: ",
            self.title(task, place)
        );
        let answer = self
            .run
            .ask(question, false)
            .await
            .unwrap_or_default()
            .to_lowercase();
        match answer.trim() {
            "c" | "continue" => {
                self.with(|s| s.stepping_over = true);
                true
            }
            "y" | "yes" => true,
            _ => false,
        }
    }

    /// Announces a task, once while it is the same.
    pub(super) fn announce(
        &self,
        task: &Arc<Task>,
        place: &Place,
        handler: bool,
        no_log: bool,
    ) -> TaskId {
        let address = Arc::as_ptr(task) as usize;
        if matches!(self.strategy, Strategy::Free)
            && let Some(id) = self.with(|s| s.tasks.get(&address).copied())
        {
            return id;
        }
        let id = self.run.next_task_id();
        self.with(|s| s.tasks.insert(address, id));
        let module = crate::modules::find(&task.action.name.to_string())
            .map_or_else(|| task.action.name.to_string(), |spec| spec.name.to_owned());
        self.run.emitter.emit(EventKind::TaskStarted(TaskInfo {
            task: id,
            name: self.title(task, place),
            module,
            at: format!("{}:{}", task.span.path().display(), task.span.line),
            handler,
            tags: self.tags(task, place),
            no_log,
            role: place.strand.role.as_deref().map(str::to_owned),
        }));
        id
    }

    /// Says that a task of a role that runs beside others is over on every host: its results can be told together.
    pub(super) fn is_told(&self, task: TaskId, place: &Place) {
        if place.strand.is_role() {
            self.run.emitter.emit(EventKind::TaskFinished { task });
        }
    }

    /// Stores what `ansible_failed_task` and `ansible_failed_result` say in a rescue.
    pub(super) fn remember_failure(
        &self,
        host: &HostName,
        task: &Task,
        place: &Place,
        result: &Map,
    ) {
        let fields = Value::map([
            (
                "name",
                Value::from(
                    task.common
                        .name
                        .as_ref()
                        .map(|n| n.to_string())
                        .unwrap_or_default(),
                ),
            ),
            ("action", Value::from(task.action.name.to_string())),
            ("args", Value::from(task.args.map.clone())),
        ]);
        let (store, branch) = (&self.run.world.store, place.strand.branch);
        store.set(branch, host, "ansible_failed_task", fields);
        let result = Value::from(result.clone());
        store.set(branch, host, "ansible_failed_result", result);
    }
}

/// In which order hosts and roles go on.
pub(super) enum Strategy {
    /// Every host finishes a task before any begins the next.
    Linear,
    /// Each host goes its own way.
    Free,
    /// As `Linear` within each role; roles side by side.
    Graph(Roles),
}

/// A play's settings, rendered.
pub(super) struct Settings {
    pub strategy: Strategy,
    pub force_handlers: bool,
    pub max_fail: Option<f64>,
}
