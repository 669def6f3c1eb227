//! The hosts that are connected to: one session for each host that acts and each place it acts on.

use super::attempt::Ready;
use super::hosts::HostName;
use super::strand::Strand;
use crate::host::{Action, Answer, Known, PRELUDE, Query, Report, Session, Touches, Trouble};
use crate::transport::{Account, LinkError, LinkOptions, Links, Password, Target};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// A session and the state of the world when it was used last.
struct Entry {
    session: Session,
    seen: u64,
    /// How much of [`Pool::touched`] it has taken note of.
    noted: usize,
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

/// See [`Pool::touched`].
type Touched = Arc<Mutex<Vec<Touches>>>;

/// At most so many sessions of a host on one place. Each opens its shells when it needs them; a connection that lets in no more
/// of them (OpenSSH's takes ten unless told otherwise) gets another beside it.
const LANES: usize = 32;

/// The sessions of a host on one place: one, and more while roles run side by side.
#[derive(Default)]
struct Pool {
    lanes: Vec<Slot>,
    /// What was touched there through any of several sessions, in order: the others have to forget it.
    touched: Touched,
}

/// All sessions of a run.
pub(super) struct Sessions {
    links: Links,
    pools: Mutex<HashMap<(HostName, Target), Pool>>,
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
            pools: Mutex::default(),
            changes: Arc::default(),
        })
    }

    /// All connections.
    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    fn pools(&self) -> MutexGuard<'_, HashMap<(HostName, Target), Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session for a strand: the one of its lane, which has read ahead for it; another while that is in use; the one of its
    /// lane in the end.
    async fn lane(
        &self,
        host: &HostName,
        target: &Target,
        lane: usize,
    ) -> (OwnedMutexGuard<Entry>, Touched, bool) {
        let lane = lane % LANES;
        let (lanes, touched) = {
            let mut pools = self.pools();
            let pool = pools.entry((host.clone(), target.clone())).or_default();
            while pool.lanes.len() <= lane {
                let session = Session::new(self.links.clone(), target.clone(), false);
                pool.lanes.push(Arc::new(tokio::sync::Mutex::new(Entry {
                    session,
                    seen: 0,
                    noted: 0,
                    uses: 0,
                    foreseen: HashMap::new(),
                })));
            }
            (pool.lanes.clone(), pool.touched.clone())
        };
        let own = &lanes[lane];
        let free = std::iter::once(own).chain(&lanes);
        let entry = match free.cloned().find_map(|slot| slot.try_lock_owned().ok()) {
            Some(entry) => entry,
            None => own.clone().lock_owned().await,
        };
        (entry, touched, lanes.len() > 1)
    }

    /// Takes a session of `host` on the task's target for as long as the result lives.
    pub(super) async fn get(&self, host: &HostName, ready: &Ready, strand: &Strand) -> HostSession {
        let target = &ready.route.target;
        let (mut entry, touched, several) = self.lane(host, target, strand.lane).await;
        let new: Vec<Touches> = touched
            .lock()
            .map(|all| all[entry.noted.min(all.len())..].to_vec())
            .unwrap_or_default();
        entry.noted += new.len();
        new.iter().for_each(|touches| entry.session.forget(touches));
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
            touched: (several || strand.is_role()).then_some(touched),
        }
    }

    /// The socket of ssh's connection to `target`, for other programs of this machine.
    ///
    /// # Errors
    /// Those of [`Links::socket`].
    pub(super) async fn socket(&self, target: &Target) -> Result<Option<PathBuf>, LinkError> {
        self.links.socket(target).await
    }

    /// Whatever is known is old: time passed, or something happened outside.
    pub(super) fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends a host's connections; the next use makes new ones (`meta: reset_connection`).
    pub(super) async fn reset(&self, host: &HostName) {
        let slots: Vec<Slot> = {
            let pools = self.pools();
            let own = pools.iter().filter(|((h, _), _)| h == host);
            own.flat_map(|(_, pool)| pool.lanes.clone()).collect()
        };
        for slot in slots {
            slot.lock().await.session.disconnect().await;
        }
    }

    /// Ends all connections.
    pub(super) async fn close(&self) {
        self.pools().clear();
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
    /// Other sessions of this host on the same place may be in use meanwhile; they read here what they have to forget.
    touched: Option<Touched>,
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
        let touches: Vec<Touches> = actions.iter().map(Action::touches).collect();
        self.touch(&touches);
        let account = self.account.clone();
        let done = self.entry.session.act(&account, actions).await;
        if self.touched.is_some() {
            // what others asked while it was under way may be old already
            self.touch(&touches);
        }
        done
    }

    /// Makes others forget what actions touch. This session forgets it by itself.
    fn touch(&mut self, touches: &[Touches]) {
        let everything = touches.contains(&Touches::Everything);
        if everything {
            self.entry.foreseen.clear();
        }
        if everything || self.shared {
            let before = self.changes.fetch_add(1, Ordering::Relaxed);
            if self.entry.seen == before {
                self.entry.seen = before + 1;
            }
        } else if let Some(touched) = &self.touched
            && let Ok(mut all) = touched.lock()
        {
            if self.entry.noted == all.len() {
                self.entry.noted += touches.len();
            }
            all.extend_from_slice(touches);
        }
    }

    /// See [`crate::modules::Remote::reconnect`].
    pub(super) async fn reconnect(&mut self, seconds: u64) -> Result<(), LinkError> {
        if let Some(touched) = &self.touched
            && let Ok(mut all) = touched.lock()
        {
            all.push(Touches::Everything);
        }
        let account = self.account.clone();
        self.entry.session.reconnect(&account, seconds).await
    }

    /// Streams a file of the host into `to`; returns its SHA-1.
    pub(super) async fn fetch(&mut self, path: &str, to: &Path) -> Result<String, Trouble> {
        let account = self.account.clone();
        self.entry.session.fetch(&account, path, to).await
    }
}
