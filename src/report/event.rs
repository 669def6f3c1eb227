//! The events of a run.

use crate::value::Map;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Something that happened, numbered in the order in which it happened. Secrets are masked before an event is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// From 0, without gaps.
    pub seq: u64,
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Number of a task within the run, in the order of first appearance.
pub type TaskId = u32;

/// The kinds of event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The first event.
    RunStarted {
        /// hoist's version.
        version: String,
        /// A random id of this run.
        run: String,
        /// Wall-clock start, RFC 3339.
        started: String,
        /// Playbooks as given, or the ad hoc module.
        playbooks: Vec<String>,
        /// Check mode.
        check: bool,
        /// Diffs wanted.
        diff: bool,
    },
    /// A play begins.
    PlayStarted {
        /// Its name (its hosts pattern when it has none).
        name: String,
        /// Its hosts in order.
        hosts: Vec<String>,
        /// `file:line`.
        at: String,
    },
    /// A task begins on its first host.
    TaskStarted(TaskInfo),
    /// A host begins the task.
    HostStarted {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
    },
    /// One loop item is done; the host's result follows when all are.
    ItemFinished(HostResult),
    /// A host is done with the task.
    HostFinished(HostResult),
    /// Every host is done with a task of a role that runs beside others: its results can be told together. Other tasks are
    /// over when the next one begins.
    TaskFinished {
        /// The task.
        task: TaskId,
    },
    /// A role that runs beside others is left out on some hosts, because something that it needs failed there.
    RoleSkipped {
        /// The role.
        role: String,
        /// The hosts, in order.
        hosts: Vec<String>,
        /// The role that it needs.
        needs: String,
        /// The role that failed: that one, or one which that one needs.
        failed: String,
    },
    /// An attempt of an `until` or `retries` task failed.
    Retrying {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
        /// Attempts left.
        left: u32,
        /// Seconds until the next.
        delay: f64,
    },
    /// A long task lives: what it says it is doing.
    Progress {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
        /// A few words.
        text: String,
    },
    /// Something the user should know; not an error.
    Warning {
        /// The words, with `file:line` where there is one.
        message: String,
    },
    /// Text that a module shows on purpose (`debug`, `pause`, `fail`) or that the run says (`what was left out by tags`).
    Note {
        /// The words.
        message: String,
    },
    /// Ctrl-C once: what is in flight is finished.
    Cancelling,
    /// The last event, whatever happened.
    RunFinished(Recap),
}

/// What is shown of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Its number.
    pub task: TaskId,
    /// Its name as shown: `role : name`, or the module's name when it has none.
    pub name: String,
    /// Full module name.
    pub module: String,
    /// `file:line`.
    pub at: String,
    /// It is a handler.
    pub handler: bool,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its whole results are hidden.
    pub no_log: bool,
    /// The role that it is part of, when roles run side by side: tasks of several may be under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// How a host ended a task, in the words of the recap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// Done.
    Changed,
    /// Not for this host.
    Skipped,
    /// Failed.
    Failed,
    /// Failed, and `ignore_errors` said to go on.
    Ignored,
    /// The host could not be reached.
    Unreachable,
}

/// One host's (or one loop item's) result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostResult {
    /// The task.
    pub task: TaskId,
    /// The host.
    pub host: String,
    /// Whom the task was delegated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_to: Option<String>,
    /// The loop item's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// How it ended.
    pub status: Status,
    /// Milliseconds it took.
    pub took_ms: u64,
    /// The result as registered, masked; `{"censored": …}` under `no_log`.
    pub result: Map,
    /// Before and after, masked; empty under `no_log`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<FileDiff>,
    /// It failed where a `rescue` catches it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rescued: bool,
}

/// Before and after of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileDiff {
    /// Name of the old side.
    pub before_header: String,
    /// Name of the new side.
    pub after_header: String,
    /// Old text.
    pub before: String,
    /// New text.
    pub after: String,
}

/// The counts of one host, Ansible's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Tasks that ended well, changed ones included.
    pub ok: u32,
    /// Tasks that changed something.
    pub changed: u32,
    /// Times the host was out of reach.
    pub unreachable: u32,
    /// Failed tasks.
    pub failed: u32,
    /// Skipped tasks.
    pub skipped: u32,
    /// Failures that a `rescue` caught.
    pub rescued: u32,
    /// Failures ignored.
    pub ignored: u32,
}

/// The end of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recap {
    /// Per host, in order of first appearance.
    pub hosts: IndexMap<String, Counts>,
    /// Milliseconds of the whole run.
    pub took_ms: u64,
    /// The exit status: Ansible's.
    pub exit: u8,
    /// Why the run ended early, if it did (`interrupted`, `any_errors_fatal`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Custom stats of `set_stats`, if any.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub stats: Map,
}

/// Receives events, in order.
pub trait Reporter: Send {
    /// One event. An error (a closed pipe) ends the reporter, not the run.
    fn on_event(&mut self, event: &Event) -> std::io::Result<()>;
}
