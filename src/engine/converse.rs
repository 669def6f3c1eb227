//! Modules that converse with a host.

use super::attempt::Ready;
use super::exec::Trouble;
use super::ordinary::Work;
use super::result::TaskResult;
use super::sessions::HostSession;
use super::settings::Route;
use crate::cluster::{Access, Client, Stop, Tell};
use crate::host::{self, Action, Answer, Query, Report};
use crate::modules::{Converse, Decide, Fail, Outcome, Remote, Way};
use crate::report::EventKind;
use crate::transport::{Account, LinkError, Target};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::path::Path;
use std::sync::Arc;

/// A host in conversation with one module, and this machine beside it.
struct Conversation<'a> {
    host: End<'a>,
    control: End<'a>,
}

/// One end of a conversation.
struct End<'a> {
    work: &'a Work<'a>,
    ready: &'a Ready,
    session: HostSession,
    /// The link's error, when that is what ended the conversation.
    broken: Option<LinkError>,
}

impl Work<'_> {
    /// Lets a module converse.
    pub(super) async fn converse(&self, ready: &Ready, module: &dyn Converse) -> TaskResult {
        let local = Ready {
            spec: ready.spec,
            args: ready.args.clone(),
            route: Route {
                target: Target::Local,
                account: Account::Login,
                password: None,
                root: false,
            },
            home: None,
            target: "localhost".into(),
            check: ready.check,
            diff: ready.diff,
            environment: ready.environment.clone(),
            timeout: ready.timeout,
        };
        let (sessions, strand) = (&self.play.run.sessions, &self.place.strand);
        let beside = format!("{}/control", self.host).into();
        let end = |ready, session| End {
            work: self,
            ready,
            session,
            broken: None,
        };
        let mut conversation = Conversation {
            host: end(ready, sessions.get(self.host, ready, strand).await),
            control: end(&local, sessions.get(&beside, &local, strand).await),
        };
        let outcome = module.converse(&mut conversation).await;
        match (outcome, conversation.host.broken) {
            (Ok(outcome), _) => TaskResult::from_outcome(outcome),
            (Err(_), Some(link)) => Trouble::Link(link).into(),
            (Err(fail), None) => TaskResult::from_fail(fail),
        }
    }
}

impl End<'_> {
    fn lost(&mut self, e: host::Trouble) -> Fail {
        let fail = Fail::new(e.to_string());
        if let host::Trouble::Link(e) = e {
            self.broken = Some(e);
        }
        fail
    }
}

impl Remote for End<'_> {
    fn check(&self) -> bool {
        self.ready.check
    }

    fn ask<'a>(&'a mut self, queries: Vec<Query>) -> BoxFuture<'a, Result<Vec<Answer>, Fail>> {
        async move {
            if let Err(e) = self.session.ask(&queries).await {
                return Err(self.lost(e));
            }
            let missing = || Fail::new("the host left a question unanswered");
            let mut answers = Vec::with_capacity(queries.len());
            for query in &queries {
                answers.push(self.session.answer(query).ok_or_else(missing)?);
            }
            Ok(answers)
        }
        .boxed()
    }

    fn act<'a>(&'a mut self, action: Action) -> BoxFuture<'a, Result<Report, Fail>> {
        async move {
            if self.ready.check {
                let text = format!(
                    "`{}` wanted to act in check mode: this is a fault in hoist, please report it",
                    self.ready.spec.name
                );
                return Err(Fail::new(text));
            }
            match self.session.act(std::slice::from_ref(&action)).await {
                Ok(reports) => reports
                    .into_iter()
                    .next()
                    .ok_or_else(|| Fail::new("the host reported nothing")),
                Err(e) => Err(self.lost(e)),
            }
        }
        .boxed()
    }

    fn carry_out<'a>(&'a mut self, decide: &'a dyn Decide) -> BoxFuture<'a, Result<Outcome, Fail>> {
        async move {
            match self
                .work
                .decide_in(&mut self.session, self.ready, decide)
                .await
            {
                Ok(outcome) => Ok(outcome),
                Err(Trouble::Fail(fail)) => Err(fail),
                Err(Trouble::Link(e)) => Err(self.lost(host::Trouble::Link(e))),
            }
        }
        .boxed()
    }

    fn reconnect<'a>(&'a mut self, seconds: u64) -> BoxFuture<'a, Result<(), Fail>> {
        async move {
            match self.session.reconnect(seconds).await {
                Ok(()) => {
                    self.broken = None;
                    Ok(())
                }
                // whoever reconnects expects failures; they are not the end of the host
                Err(e) => Err(Fail::new(e.to_string())),
            }
        }
        .boxed()
    }

    fn fetch<'a>(&'a mut self, path: &'a str, to: &'a Path) -> BoxFuture<'a, Result<String, Fail>> {
        async move {
            match self.session.fetch(path, to).await {
                Ok(sha1) => Ok(sha1),
                Err(e) => Err(self.lost(e)),
            }
        }
        .boxed()
    }

    fn control(&mut self) -> &mut dyn Remote {
        self
    }

    fn way<'a>(&'a mut self) -> BoxFuture<'a, Result<Way, Fail>> {
        async move {
            let ready = self.ready;
            let itself = self
                .work
                .place
                .keyword(self.work.task, |c| c.delegate_to.as_ref())
                .is_some();
            let own = match &ready.home {
                Some(home) => home,
                None if ready.target == *self.work.host => &ready.route,
                None => return Err(Fail::new("the task's own host has no connection")),
            };
            let mut way = Way {
                target: own.target.clone(),
                account: own.account.clone(),
                socket: None,
                here: ready.home.is_none() || ready.route.target == Target::Local,
            };
            if ready.home.is_none() && itself && ready.route.target != Target::Local {
                (way.target, way.here) = (Target::Local, false);
            } else if way.here {
                match self.work.play.run.sessions.socket(&way.target).await {
                    Ok(socket) => way.socket = socket,
                    Err(e) => return Err(self.lost(host::Trouble::Link(e))),
                }
            }
            Ok(way)
        }
        .boxed()
    }

    fn progress(&mut self, text: String) {
        let (task, host) = (self.work.id, self.work.host.to_string());
        self.work
            .play
            .run
            .emitter
            .emit(EventKind::Progress { task, host, text });
    }

    fn cluster<'a>(&'a mut self, mut access: Access) -> BoxFuture<'a, Result<Client, Fail>> {
        async move {
            let run = &self.work.play.run;
            let target = &self.ready.route.target;
            access.own = *target == Target::Local;
            let client = run
                .clusters
                .get(run.sessions.links(), target, &self.ready.target, access)
                .await
                .map_err(|e| Fail::new(e.to_string()))?;
            let (task, host) = (self.work.id, self.work.host.to_string());
            let emitter = run.emitter.clone();
            let tell: Tell = Arc::new(move |text| {
                let host = host.clone();
                emitter.emit(EventKind::Progress { task, host, text });
            });
            let cancel = run.cancel.clone();
            let stop: Stop = Arc::new(move || {
                let cancel = cancel.clone();
                async move { cancel.cancelled().await }.boxed()
            });
            Ok(client.handle(self.ready.check, Some(tell), Some(stop)))
        }
        .boxed()
    }

    fn hide(&mut self, secret: &str) {
        self.work.play.run.world.secrets.add(secret);
    }
}

impl Remote for Conversation<'_> {
    fn check(&self) -> bool {
        self.host.check()
    }

    fn ask<'a>(&'a mut self, queries: Vec<Query>) -> BoxFuture<'a, Result<Vec<Answer>, Fail>> {
        self.host.ask(queries)
    }

    fn act<'a>(&'a mut self, action: Action) -> BoxFuture<'a, Result<Report, Fail>> {
        self.host.act(action)
    }

    fn carry_out<'a>(&'a mut self, decide: &'a dyn Decide) -> BoxFuture<'a, Result<Outcome, Fail>> {
        self.host.carry_out(decide)
    }

    fn reconnect<'a>(&'a mut self, seconds: u64) -> BoxFuture<'a, Result<(), Fail>> {
        self.host.reconnect(seconds)
    }

    fn fetch<'a>(&'a mut self, path: &'a str, to: &'a Path) -> BoxFuture<'a, Result<String, Fail>> {
        self.host.fetch(path, to)
    }

    fn control(&mut self) -> &mut dyn Remote {
        &mut self.control
    }

    fn way<'a>(&'a mut self) -> BoxFuture<'a, Result<Way, Fail>> {
        self.host.way()
    }

    fn progress(&mut self, text: String) {
        self.host.progress(text);
    }

    fn cluster<'a>(&'a mut self, access: Access) -> BoxFuture<'a, Result<Client, Fail>> {
        self.host.cluster(access)
    }

    fn hide(&mut self, secret: &str) {
        self.host.hide(secret);
    }
}
