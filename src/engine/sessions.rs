//! The hosts that are connected to: one session for each host that acts and each place it acts on.

use super::attempt::Ready;
use super::hosts::HostName;
use crate::host::{Action, Answer, Known, PRELUDE, Query, Report, Session, Touches, Trouble};
use crate::transport::{Account, LinkError, LinkOptions, Links, Password, Target};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::OwnedMutexGuard;

/// A session and the state of the world when it was used last.
struct Entry {
    session: Session,
    seen: u64,
    /// Tasks that used it.
    uses: usize,
    /// For each account, up to which use everything has been read ahead.
    foreseen: HashMap<Account, usize>,
}

/// How many tasks a reading looks at: all that come, or the next few, which is enough while an earlier reading still
/// reaches further: what changes made stale since is most likely asked for there.
const FAR: usize = 400;
const NEAR: usize = 16;

type Slot = Arc<tokio::sync::Mutex<Entry>>;

/// All sessions of a run.
pub(super) struct Sessions {
    links: Links,
    slots: Mutex<HashMap<(HostName, Target), Slot>>,
    /// Counts what may have made other sessions' knowledge stale: commands anywhere may have effects anywhere.
    changes: Arc<AtomicU64>,
}

impl Sessions {
    /// No sessions yet.
    ///
    /// # Errors
    /// No private directory for the connections' sockets.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            links: Links::new(LinkOptions {
                prelude: PRELUDE.to_owned(),
                ..LinkOptions::default()
            })?,
            slots: Mutex::default(),
            changes: Arc::default(),
        })
    }

    /// All connections.
    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    fn slot(&self, host: &HostName, target: &Target) -> Slot {
        let mut slots = self
            .slots
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        slots
            .entry((host.clone(), target.clone()))
            .or_insert_with(|| {
                let session = Session::new(self.links.clone(), target.clone(), false);
                Arc::new(tokio::sync::Mutex::new(Entry {
                    session,
                    seen: 0,
                    uses: 0,
                    foreseen: HashMap::new(),
                }))
            })
            .clone()
    }

    /// Takes the session of `host` on the task's target for as long as the result lives.
    pub(super) async fn get(&self, host: &HostName, ready: &Ready) -> HostSession {
        let mut entry = self.slot(host, &ready.route.target).lock_owned().await;
        let now = self.changes.load(Ordering::Relaxed);
        if entry.seen != now {
            entry.session.forget(&Touches::Everything);
            entry.foreseen.clear();
            entry.seen = now;
        }
        entry.uses += 1;
        if let Account::Other(_) = ready.route.account
            && let Some(password) = &ready.route.password
        {
            entry
                .session
                .set_password(&ready.route.account, Some(Password::new(password.as_str())));
        }
        HostSession {
            entry,
            account: ready.route.account.clone(),
            changes: self.changes.clone(),
            check: ready.check,
            shared: ready.target != *host || ready.route.target == Target::Local,
        }
    }

    /// Whatever is known is old: time passed, or something happened outside.
    pub(super) fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends a host's connections; the next use makes new ones (`meta: reset_connection`).
    pub(super) async fn reset(&self, host: &HostName) {
        let slots: Vec<Slot> = {
            let all = self
                .slots
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            all.iter()
                .filter(|((h, _), _)| h == host)
                .map(|(_, s)| s.clone())
                .collect()
        };
        for slot in slots {
            slot.lock().await.session.disconnect().await;
        }
    }

    /// Ends all connections.
    pub(super) async fn close(&self) {
        self.slots
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
        self.links.close().await;
    }
}

/// A session in use by one task, as one account.
pub(super) struct HostSession {
    entry: OwnedMutexGuard<Entry>,
    account: Account,
    /// Check mode: nothing is done, whatever a module says.
    check: bool,
    changes: Arc<AtomicU64>,
    /// Others work on the same place, too.
    shared: bool,
}

impl HostSession {
    /// What is known.
    pub(super) fn known(&mut self) -> &Known {
        self.entry.session.known(&self.account)
    }

    /// How many of the coming tasks are worth a look when something is asked now.
    pub(super) fn horizon(&self) -> usize {
        match self.entry.foreseen.get(&self.account) {
            Some(until) if *until > self.entry.uses => NEAR,
            _ => FAR,
        }
    }

    /// So many of the coming tasks have been looked at.
    pub(super) fn foresaw(&mut self, tasks: usize) {
        let until = self.entry.uses + tasks;
        let known = self.entry.foreseen.entry(self.account.clone()).or_default();
        *known = until.max(*known);
    }

    /// Asks; the answers are known afterwards.
    ///
    /// # Errors
    /// The link's.
    pub(super) async fn ask(&mut self, queries: &[Query]) -> Result<(), Trouble> {
        self.entry
            .session
            .ask(&self.account, queries)
            .await
            .map(|_| ())
    }

    /// The answer to a query that was asked.
    pub(super) fn answer(&mut self, query: &Query) -> Option<Answer> {
        self.known().peek(query).cloned()
    }

    /// Acts, in order, up to the first action that fails.
    ///
    /// # Errors
    /// The link's.
    pub(super) async fn act(&mut self, actions: &[Action]) -> Result<Vec<Report>, Trouble> {
        if self.check {
            return Err(Trouble::Check);
        }
        let everything = actions.iter().any(|a| a.touches() == Touches::Everything);
        if everything {
            self.entry.foreseen.clear();
        }
        if everything || self.shared {
            let before = self.changes.fetch_add(1, Ordering::Relaxed);
            // this session forgets by itself what it touches
            if self.entry.seen == before {
                self.entry.seen = before + 1;
            }
        }
        self.entry.session.act(&self.account, actions).await
    }

    /// See [`crate::modules::Remote::reconnect`].
    pub(super) async fn reconnect(&mut self, seconds: u64) -> Result<(), LinkError> {
        let account = self.account.clone();
        self.entry.session.reconnect(&account, seconds).await
    }

    /// Streams a file of the host into `to`; returns its SHA-1.
    pub(super) async fn fetch(&mut self, path: &str, to: &Path) -> Result<String, Trouble> {
        let account = self.account.clone();
        self.entry.session.fetch(&account, path, to).await
    }
}
