//! What a module answers.

use crate::cluster::{Access, Client};
use crate::host::{Action, Answer, Known, Pause, Query, Report};
use crate::transport::{Account, Target};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use std::path::PathBuf;

/// A failed task: its message and whatever other keys its result has (`rc`, `stdout` …).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fail {
    /// The message, for people.
    pub msg: String,
    /// Further keys of the result.
    pub result: Map,
}

impl Fail {
    /// A failure with a message.
    pub fn new(msg: impl Into<String>) -> Self {
        Self {
            msg: msg.into(),
            result: Map::new(),
        }
    }

    /// With one more key.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.result.insert(key.to_owned(), value.into());
        self
    }
}

impl From<crate::error::Diagnostic> for Fail {
    fn from(d: crate::error::Diagnostic) -> Self {
        Self::new(d.to_string().trim_start_matches("error: ").to_owned())
    }
}

/// A module bound to its arguments.
pub enum Bound {
    /// Decides from answers.
    Decide(Box<dyn Decide>),
    /// Converses with the host.
    Converse(Box<dyn Converse>),
}

/// `Need` or `Fail`, as [`Decide::decide`] returns them.
pub type Step = Pause<Fail>;

/// A module that decides from what is known. Pure: the same knowledge, the same decision.
pub trait Decide: Send + Sync {
    /// The decision, or what has to be known first.
    ///
    /// # Errors
    /// [`Pause::Need`]: ask again with these answers. [`Pause::Fail`]: the task fails.
    fn decide(&self, known: &Known) -> Result<Decision, Step>;
}

/// What is to be done, and the task's result when it is.
#[derive(Default)]
pub struct Decision {
    /// The result's keys as far as they're known beforehand (`path`, `dest`, `mode` …). `changed` is not among them.
    pub result: Map,
    /// Before and after.
    pub diff: Vec<Diff>,
    /// What to do, in order; the first that fails fails the task. Empty: nothing changes.
    pub actions: Vec<Action>,
    /// Opaque (`command`): nobody knows what it changes, so in check mode the task is skipped.
    pub opaque: bool,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Makes the final result of the reports, one per action, when more than success has to be read off them.
    /// Without it: a report with `rc` other than 0 fails the task with its stderr.
    pub conclude: Option<Conclude>,
}

/// See [`Decision::conclude`]. Gets the decision's result and the reports of the actions done (all up to the first that failed).
pub type Conclude = Box<dyn FnOnce(Map, Vec<Report>) -> Result<Outcome, Fail> + Send>;

impl Decision {
    /// Nothing to do.
    pub fn same(result: Map) -> Self {
        Self {
            result,
            ..Self::default()
        }
    }

    /// Things to do.
    pub fn change(result: Map, actions: Vec<Action>) -> Self {
        Self {
            result,
            actions,
            ..Self::default()
        }
    }

    /// With a diff.
    pub fn with_diff(mut self, diff: Option<Diff>) -> Self {
        self.diff.extend(diff);
        self
    }
}

/// Before and after of one thing, as Ansible's `diff` key holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    /// Header of the old side (`/etc/x`).
    pub before_header: String,
    /// Header of the new side.
    pub after_header: String,
    /// Old text.
    pub before: String,
    /// New text.
    pub after: String,
}

/// How a task ended on a host, before `changed_when` and `failed_when`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether the host was changed.
    pub changed: bool,
    /// Skipped, with the reason in `result.msg`.
    pub skipped: bool,
    /// The result's keys.
    pub result: Map,
    /// Before and after.
    pub diff: Vec<Diff>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// A module that must converse: reboot, wait_for, git, async …
pub trait Converse: Send + Sync {
    /// Carries the task out. In check mode [`Remote::act`] refuses, so ask [`Remote::check`] first.
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>>;
}

/// How a program that copies by itself (`rsync`) gets from where it runs to the task's own host.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// The task's own host, also when the task is delegated; [`Target::Local`] when the program runs there already.
    pub target: Target,
    /// The account that the task wants there.
    pub account: Account,
    /// The socket of ssh's open connection to it, when the program runs on the control machine.
    pub socket: Option<PathBuf>,
    /// Whether the program runs on the control machine; else on the host in conversation.
    pub here: bool,
}

/// A host in conversation.
pub trait Remote: Send {
    /// Whether this is check mode.
    fn check(&self) -> bool;

    /// Answers queries, from what is known or from the host, in one round trip.
    fn ask<'a>(&'a mut self, queries: Vec<Query>) -> BoxFuture<'a, Result<Vec<Answer>, Fail>>;

    /// Does one thing. Refused in check mode.
    fn act<'a>(&'a mut self, action: Action) -> BoxFuture<'a, Result<Report, Fail>>;

    /// Lets a [`Decide`] decide, and does what it decides unless this is check mode.
    fn carry_out<'a>(&'a mut self, decide: &'a dyn Decide) -> BoxFuture<'a, Result<Outcome, Fail>>;

    /// Drops the connection and makes a new one; fails when the host does not answer within `seconds`.
    fn reconnect<'a>(&'a mut self, seconds: u64) -> BoxFuture<'a, Result<(), Fail>>;

    /// Reads a file of the host, streamed into `to` on the control machine (written beside it, then renamed). Returns its SHA-1.
    fn fetch<'a>(
        &'a mut self,
        path: &'a str,
        to: &'a std::path::Path,
    ) -> BoxFuture<'a, Result<String, Fail>>;

    /// The same conversation with the control machine itself, as the user who runs hoist (for `synchronize`, `wait_for` from here …).
    fn control(&mut self) -> &mut dyn Remote;

    /// How a program gets to the task's own host.
    fn way<'a>(&'a mut self) -> BoxFuture<'a, Result<Way, Fail>>;

    /// Tells the user that the task lives: `text` replaces the last one.
    fn progress(&mut self, text: String);

    /// The cluster whose API server is reached from the host. In check mode the client refuses to write.
    fn cluster<'a>(&'a mut self, access: Access) -> BoxFuture<'a, Result<Client, Fail>>;

    /// Has a text masked wherever it would be shown from now on.
    fn hide(&mut self, secret: &str);
}
