//! `Peers`: several servers as one. One of them leads: it alone writes, and sends every change to the others; a write is answered
//! when a majority has it. When the leader falls silent, the others elect one of those who know the most. (The manner is that of Raft;
//! what a follower knows too much is replaced by the leader's snapshot.)

use super::client;
use super::log::say;
use super::members::{self, Member, majority};
use super::wire::{Append, Appended, Ask, Vote};
use crate::simulation::server::Server;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a leader tells that it leads.
const BEAT: Duration = Duration::from_millis(500);
/// A leader that was silent for so long has none that follow; so much again at random before an election.
const SILENCE: Duration = Duration::from_secs(2);

/// What a server knows about who leads.
struct State {
    term: u64,
    voted: String,
    leader: String,
    leading: bool,
    heard: Instant,
    patience: Duration,
    /// What each follower has, and when it said so.
    acknowledged: BTreeMap<String, (u64, Instant)>,
    /// Whether the others said that this server is none of them.
    expelled: bool,
}

/// This server among the others.
pub struct Peers {
    /// This server's name.
    pub name: String,
    /// Whether other servers may join.
    pub open: bool,
    http: Client,
    reign: PathBuf,
    state: Mutex<State>,
    moved: tokio::sync::watch::Sender<u64>,
    opened: AtomicBool,
}

/// Which part a server has at the moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// It leads.
    Leader,
    /// It follows the server at this address.
    Follower(String),
    /// Nobody leads.
    Lost,
}

#[derive(Serialize, Deserialize)]
struct Reign {
    term: u64,
    voted: String,
}

fn impatience() -> Duration {
    let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    SILENCE + Duration::from_millis(random * 8)
}

impl Peers {
    /// A server among others. `reign` is the file where its votes are kept.
    pub fn new(name: &str, open: bool, http: Client, reign: PathBuf) -> Peers {
        let kept = std::fs::read(&reign)
            .ok()
            .and_then(|it| serde_json::from_slice::<Reign>(&it).ok());
        let kept = kept.unwrap_or(Reign {
            term: 0,
            voted: String::new(),
        });
        Peers {
            name: name.to_owned(),
            open,
            http,
            reign,
            state: Mutex::new(State {
                term: kept.term,
                voted: kept.voted,
                leader: String::new(),
                leading: false,
                heard: Instant::now(),
                patience: impatience(),
                acknowledged: BTreeMap::new(),
                expelled: false,
            }),
            moved: tokio::sync::watch::Sender::new(0),
            opened: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, state: &State) {
        let reign = Reign {
            term: state.term,
            voted: state.voted.clone(),
        };
        let text = serde_json::to_string(&reign).unwrap_or_default();
        if let Err(error) = crate::simulation::authority::write(&self.reign, &text, 0o600) {
            say(
                "error",
                &format!("cannot write {}: {error}", self.reign.display()),
            );
        }
    }

    /// The part of this server now.
    pub fn part(&self, server: &Server) -> Part {
        let leader = {
            let state = self.state();
            if state.leading {
                return Part::Leader;
            }
            if state.heard.elapsed() > SILENCE * 2 {
                return Part::Lost;
            }
            state.leader.clone()
        };
        let members = members::all(&server.cluster());
        let found = members.into_iter().find(|it| it.name == leader);
        found.map_or(Part::Lost, |it| Part::Follower(it.url))
    }

    /// Lets others in: what every cluster has is there.
    pub fn open_up(&self) {
        self.opened.store(true, Ordering::Release);
    }

    /// Whether what every cluster has is there, as far as this server knows as leader.
    pub fn opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    /// Whether this server leads.
    pub fn leads(&self) -> bool {
        self.state().leading
    }

    /// Whether the others said that this server is none of them.
    pub fn expelled(&self) -> bool {
        self.state().expelled
    }

    fn follow(&self, state: &mut State, term: u64, leader: &str) {
        if term > state.term {
            state.term = term;
            state.voted = String::new();
            self.keep(state);
        }
        if state.leading {
            say("info", &format!("{} no longer leads", self.name));
        }
        state.leading = false;
        if state.leader != leader && !leader.is_empty() {
            say("info", &format!("{leader} leads now"));
        }
        state.leader = leader.to_owned();
    }

    /// Takes what the leader sent.
    pub fn append(&self, server: &Server, sent: Append) -> Appended {
        {
            let mut state = self.state();
            if sent.term < state.term {
                let last = server.cluster().store.last();
                return Appended {
                    term: state.term,
                    last,
                    taken: false,
                };
            }
            self.follow(&mut state, sent.term, &sent.leader);
            state.heard = Instant::now();
            state.patience = impatience();
        }
        let mut cluster = server.cluster();
        let kinds = sent.snapshot.is_some()
            || sent
                .changes
                .iter()
                .any(|it| it.key.0.starts_with("apiextensions.k8s.io/"));
        let told = match sent.snapshot {
            Some(snapshot) => cluster.store.restore(snapshot).map(|()| true),
            None if cluster.store.last() == sent.after => {
                cluster.store.follow(sent.changes).map(|()| true)
            }
            None => Ok(false),
        };
        let taken = told.unwrap_or_else(|error| {
            say(
                "error",
                &format!("cannot write what the leader sent: {error}"),
            );
            false
        });
        if kinds {
            cluster.define();
        }
        Appended {
            term: sent.term,
            last: cluster.store.last(),
            taken,
        }
    }

    /// Gives or refuses a vote.
    pub fn vote(&self, server: &Server, ask: &Ask) -> Vote {
        let (members, last) = {
            let cluster = server.cluster();
            (members::all(&cluster), cluster.store.last())
        };
        let known = members.iter().any(|it| it.name == ask.candidate);
        let mut state = self.state();
        let content = state.leading || state.heard.elapsed() < SILENCE;
        let newer = (ask.last.1, ask.last.0) >= (last.1, last.0);
        let mut granted = false;
        if known && !content && ask.term >= state.term {
            if ask.term > state.term {
                self.follow(&mut state, ask.term, "");
            }
            granted = newer && (state.voted.is_empty() || state.voted == ask.candidate);
            if granted {
                state.voted = ask.candidate.clone();
                state.heard = Instant::now();
                self.keep(&state);
            }
        }
        Vote {
            term: state.term,
            granted,
            known,
        }
    }

    /// Looks after who leads, until the server ends.
    pub async fn run(self: Arc<Self>, server: Arc<Server>) {
        let mut pushing: BTreeMap<String, tokio::task::JoinHandle<()>> = BTreeMap::new();
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let members = members::all(&server.cluster());
            if self.leads() {
                pushing.retain(|_, task| !task.is_finished());
                for member in members.iter().filter(|it| it.name != self.name) {
                    pushing.entry(member.name.clone()).or_insert_with(|| {
                        tokio::spawn(Arc::clone(&self).push(Arc::clone(&server), member.clone()))
                    });
                }
            } else {
                let own = members.iter().find(|it| it.name == self.name);
                let impatient = {
                    let state = self.state();
                    state.heard.elapsed() > state.patience
                };
                let voting = own.is_some_and(|it| !it.learner);
                if voting && (impatient || members.len() == 1) {
                    self.stand(&server, &members).await;
                }
            }
        }
    }

    /// Asks the others to lead.
    async fn stand(&self, server: &Arc<Server>, members: &[Member]) {
        let ask = {
            let mut state = self.state();
            state.term += 1;
            state.voted.clone_from(&self.name);
            state.heard = Instant::now();
            state.patience = impatience();
            state.leader.clear();
            self.keep(&state);
            Ask {
                term: state.term,
                candidate: self.name.clone(),
                last: server.cluster().store.last(),
            }
        };
        let others: Vec<&Member> = members
            .iter()
            .filter(|it| it.name != self.name && !it.learner)
            .collect();
        let votes = others
            .iter()
            .map(|it| self.post::<Ask, Vote>(&it.url, "vote", &ask));
        let votes: Vec<Vote> = futures_util::future::join_all(votes)
            .await
            .into_iter()
            .flatten()
            .collect();
        let mut state = self.state();
        if let Some(term) = votes
            .iter()
            .map(|it| it.term)
            .max()
            .filter(|it| *it > state.term)
        {
            self.follow(&mut state, term, "");
            state.heard = Instant::now();
            return;
        }
        let unknown = votes.iter().filter(|it| !it.known).count();
        state.expelled = unknown > 0 && unknown >= majority(members);
        let granted = 1 + votes.iter().filter(|it| it.granted).count();
        if state.term == ask.term && granted >= majority(members) {
            state.leading = true;
            state.leader.clone_from(&self.name);
            state.acknowledged.clear();
            if members.len() > 1 {
                say(
                    "info",
                    &format!(
                        "{} leads now ({granted} of {} votes)",
                        self.name,
                        others.len() + 1
                    ),
                );
            }
            let term = state.term;
            drop(state);
            server.cluster().store.reign = term;
        }
    }

    async fn post<T: Serialize, A: serde::de::DeserializeOwned>(
        &self,
        url: &str,
        what: &str,
        body: &T,
    ) -> Option<A> {
        let request = self
            .http
            .post(format!("{url}/v1-k3s/simulated/{what}"))
            .json(body)
            .timeout(SILENCE);
        let text = client::text(what, request).await.ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Sends one follower what it lacks, as long as this server leads.
    async fn push(self: Arc<Self>, server: Arc<Server>, member: Member) {
        let mut changes = server.cluster().store.subscribe();
        let mut has: Option<(u64, u64)> = None;
        while self.leads() {
            changes.mark_unchanged();
            let Some(sent) = self.next(&server, has) else {
                return;
            };
            let Some(answer) = self
                .post::<Append, Appended>(&member.url, "append", &sent)
                .await
            else {
                if !members::all(&server.cluster())
                    .iter()
                    .any(|it| it.name == member.name)
                {
                    return;
                }
                tokio::time::sleep(BEAT).await;
                continue;
            };
            if answer.term > sent.term {
                let mut state = self.state();
                self.follow(&mut state, answer.term, "");
                state.heard = Instant::now();
                return;
            }
            has = Some(answer.last);
            if answer.taken {
                self.acknowledge(&member.name, answer.last.0);
                self.promote(&server, &member.name, answer.last.0);
                tokio::select! {
                    _ = changes.changed() => {}
                    () = tokio::time::sleep(BEAT) => {}
                }
            }
            if !members::all(&server.cluster())
                .iter()
                .any(|it| it.name == member.name && it.url == member.url)
            {
                return;
            }
        }
    }

    /// What a follower that has `has` needs next; the first time it is only asked what it has.
    fn next(&self, server: &Server, has: Option<(u64, u64)>) -> Option<Append> {
        let term = {
            let state = self.state();
            state.leading.then_some(state.term)?
        };
        let cluster = server.cluster();
        let store = &cluster.store;
        let mut sent = Append {
            term,
            leader: self.name.clone(),
            after: has.unwrap_or(store.last()),
            changes: Vec::new(),
            snapshot: None,
        };
        if let Some((revision, term)) = has {
            let same = store.term_at(revision) == Some(term);
            match store.since(revision).filter(|_| same) {
                Some(changes) => sent.changes = changes.take(500).cloned().collect(),
                None => sent.snapshot = Some(store.snapshot()),
            }
        }
        Some(sent)
    }

    fn acknowledge(&self, name: &str, revision: u64) {
        self.state()
            .acknowledged
            .insert(name.to_owned(), (revision, Instant::now()));
        self.moved.send_modify(|it| *it += 1);
    }

    /// A learner that has everything gets its vote.
    fn promote(&self, server: &Server, name: &str, revision: u64) {
        let mut cluster = server.cluster();
        let members = members::all(&cluster);
        let learner = members.into_iter().find(|it| it.name == name && it.learner);
        if let Some(mut member) = learner
            && revision + 20 >= cluster.store.revision()
        {
            member.learner = false;
            match members::put(&mut cluster, &member) {
                Ok(()) => say("info", &format!("{name} is a voting server now")),
                Err(error) => say(
                    "error",
                    &format!("cannot note that {name} may vote: {error}"),
                ),
            }
        }
    }

    /// Whether a majority has been heard of lately.
    pub fn has_majority(&self, server: &Server) -> bool {
        self.count(server, |(_, heard)| heard.elapsed() < SILENCE)
    }

    fn count(&self, server: &Server, good: impl Fn(&(u64, Instant)) -> bool) -> bool {
        let members = members::all(&server.cluster());
        let state = self.state();
        let others = members
            .iter()
            .filter(|it| !it.learner && it.name != self.name);
        let count = others
            .filter(|it| state.acknowledged.get(&it.name).is_some_and(&good))
            .count();
        count + 1 >= majority(&members)
    }

    /// Waits until a majority has a revision; `false` when that does not happen in time.
    pub async fn agreed(&self, server: &Server, revision: u64) -> bool {
        let mut moved = self.moved.subscribe();
        let wait = async {
            while !self.count(server, |(has, _)| *has >= revision) {
                if moved.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait)
            .await
            .is_ok()
    }
}
