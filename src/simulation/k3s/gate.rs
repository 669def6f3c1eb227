//! What happens to a request before the API sees it: K3s's own paths, and the way of writes to the server that leads.

use super::members::{self, Member};
use super::peers::{Part, Peers};
use super::supervisor::{self, Joiner, Passwords};
use super::wire::{Append, Ask};
use crate::simulation::call::User;
use crate::simulation::failure::Failure;
use crate::simulation::server::{Asked, Body, Server, full, json, refused, text};
use http::{HeaderValue, Method, Response, StatusCode, header};
use reqwest::Client;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The user that servers are to each other, with their name behind it.
pub const PEER: &str = "system:k3s-server";
/// Says which revision a forwarded write made.
const REVISION: &str = "x-simulated-revision";
/// Who asked, when a server forwards.
const USER: &str = "x-remote-user";
const GROUP: &str = "x-remote-group";
/// A server that joins has so many seconds to learn what the others know.
const LEARNING: i64 = 60;

/// What stands before the API.
pub struct Gate {
    /// The other servers.
    pub peers: Arc<Peers>,
    /// What lets nodes join.
    pub passwords: Passwords,
    /// Speaks to the server that leads.
    pub http: Client,
}

/// The name of the server that asks, when one does.
fn peer(user: Option<&User>) -> Option<String> {
    let user = user.filter(|it| it.groups.iter().any(|it| it == "system:masters"))?;
    user.name
        .strip_prefix(PEER)?
        .strip_prefix(':')
        .map(str::to_owned)
}

impl Gate {
    /// Answers a request, or leaves it to the API.
    pub async fn answer(
        self: Arc<Self>,
        server: Arc<Server>,
        mut asked: Asked,
    ) -> Option<Response<Body>> {
        let path = asked.uri.path().to_owned();
        if matches!(path.as_str(), "/cacerts" | "/ping") {
            return None;
        }
        if let Some(name) = peer(asked.user.as_ref()) {
            if let Some(what) = path.strip_prefix("/v1-k3s/simulated/")
                && what != "join"
            {
                return Some(self.peer(&server, what, &asked));
            }
            // what a server forwards that is none of the cluster's comes too late
            let forwards = asked.headers.contains_key(USER);
            let known = members::all(&server.cluster())
                .iter()
                .any(|it| it.name == name);
            if forwards && !known && self.peers.leads() {
                return Some(lost());
            }
            asked.user = forwarded(&asked).or(asked.user);
        }
        let reads = matches!(asked.method, Method::GET | Method::HEAD);
        if reads && !path.starts_with("/v1-k3s/") {
            let health = matches!(path.as_str(), "/readyz" | "/healthz");
            let lost = || match self.peers.part(&server) {
                Part::Leader => !self.peers.has_majority(&server),
                Part::Follower(_) => false,
                Part::Lost => true,
            };
            if health && asked.user.is_some() && lost() {
                let mut response = text(
                    "[-]etcd failed: reason withheld (simulated: no server leads)\nreadyz check failed\n",
                );
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                return Some(response);
            }
            return None;
        }
        Some(match self.peers.part(&server) {
            Part::Leader => self.write(&server, asked).await,
            Part::Follower(url) => self.forward(&server, &url, asked).await,
            Part::Lost => lost(),
        })
    }

    /// What the leader and candidates say.
    fn peer(&self, server: &Server, what: &str, asked: &Asked) -> Response<Body> {
        let bad = |error: serde_json::Error| refused(&Failure::bad_request(error.to_string()));
        let told = match what {
            "append" => match serde_json::from_slice::<Append>(&asked.body) {
                Ok(sent) => serde_json::to_value(self.peers.append(server, sent)),
                Err(error) => return bad(error),
            },
            "vote" => match serde_json::from_slice::<Ask>(&asked.body) {
                Ok(ask) => serde_json::to_value(self.peers.vote(server, &ask)),
                Err(error) => return bad(error),
            },
            _ => return refused(&Failure::no_such_path()),
        };
        json(200, &told.unwrap_or_default(), &[])
    }

    /// As the leader: a write is answered when a majority has it.
    async fn write(&self, server: &Arc<Server>, asked: Asked) -> Response<Body> {
        if !self.peers.has_majority(server) {
            return lost();
        }
        // nobody is let in before there is what every cluster has
        if !self.peers.opened() {
            let message = "apiserver not ready (simulated: its first objects are being made)";
            return refused(&Failure::unavailable(message));
        }
        let mut response = match asked.uri.path() {
            path if path.starts_with("/v1-k3s/") => self.supervise(server, &asked),
            _ => Arc::clone(server).answer(asked),
        };
        let revision = server.cluster().store.revision();
        if !self.peers.agreed(server, revision).await {
            return refused(&Failure::new(
                504,
                "Timeout",
                "etcdserver: request timed out (simulated: no majority has the write)",
            ));
        }
        response
            .headers_mut()
            .insert(REVISION, HeaderValue::from(revision));
        response
    }

    async fn forward(&self, server: &Server, url: &str, asked: Asked) -> Response<Body> {
        let path = asked.uri.path_and_query().map_or("/", |it| it.as_str());
        let mut request = self
            .http
            .request(asked.method, format!("{url}{path}"))
            .body(asked.body.clone());
        for name in [
            header::ACCEPT,
            header::CONTENT_TYPE,
            header::USER_AGENT,
            header::AUTHORIZATION,
        ] {
            if let Some(value) = asked.headers.get(&name) {
                request = request.header(name, value);
            }
        }
        for name in ["k3s-node-name", "k3s-node-password"] {
            if let Some(value) = asked.headers.get(name) {
                request = request.header(name, value);
            }
        }
        if let Some(user) = &asked.user {
            request = request.header(USER, &user.name);
            for group in &user.groups {
                request = request.header(GROUP, group);
            }
        } else if !path.starts_with("/v1-k3s/") {
            return refused(&Failure::unauthorized());
        }
        let Ok(answer) = request.send().await else {
            return lost();
        };
        let (status, headers) = (answer.status(), answer.headers().clone());
        let Ok(body) = answer.bytes().await else {
            return lost();
        };
        let revision = headers
            .get(REVISION)
            .and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        if let Some(revision) = revision {
            // who wrote here reads here: what was written has to be here first
            let mut changes = server.cluster().store.subscribe();
            let arrived = changes.wait_for(|it| *it >= revision);
            let _ = tokio::time::timeout(Duration::from_secs(2), arrived).await;
        }
        let mut response = Response::new(full(body));
        *response.status_mut() = status;
        for name in [header::CONTENT_TYPE, header::WARNING] {
            for value in headers.get_all(&name) {
                response.headers_mut().append(name.clone(), value.clone());
            }
        }
        response
    }

    /// What K3s's supervisor answers.
    fn supervise(&self, server: &Server, asked: &Asked) -> Response<Body> {
        match asked.uri.path() {
            "/v1-k3s/client-kubelet.crt" => supervisor::certificate(server, &self.passwords, asked),
            "/v1-k3s/simulated/join" => match self.join(server, asked) {
                Ok(value) => json(200, &value, &[]),
                Err(failure) => refused(&failure),
            },
            "/v1-k3s/snapshot"
                if asked
                    .user
                    .as_ref()
                    .is_some_and(|it| it.groups.iter().any(|it| it == "system:masters")) =>
            {
                let snapshot = server.cluster().store.snapshot();
                json(
                    200,
                    &serde_json::to_value(snapshot).unwrap_or_default(),
                    &[],
                )
            }
            "/v1-k3s/snapshot" => refused(&Failure::unauthorized()),
            _ => refused(&Failure::no_such_path()),
        }
    }

    /// Lets a server join, one at a time, and gives it what all servers share.
    fn join(&self, server: &Server, asked: &Asked) -> Result<Value, Failure> {
        if self.passwords.joiner(&asked.headers) != Some(Joiner::Server) {
            return Err(Failure::new(401, "Unauthorized", "not authorized"));
        }
        if !self.peers.open {
            return Err(Failure::bad_request(
                "etcd disabled: the first server was not started with cluster-init",
            ));
        }
        let body: Value = serde_json::from_slice(&asked.body)
            .map_err(|error| Failure::bad_request(error.to_string()))?;
        let part = |name: &str| body[name].as_str().unwrap_or_default();
        let (name, url) = (part("name"), part("url"));
        if name.is_empty() || !url.starts_with("https://") {
            return Err(Failure::bad_request(
                "a server joins with its name and its address",
            ));
        }
        let mut cluster = server.cluster();
        let own = supervisor::critical(&cluster);
        for (key, value) in own.as_object().into_iter().flatten() {
            if body["critical"][key] != *value {
                let message = format!(
                    "critical configuration value mismatch between servers: {key} is {} here and {value} there",
                    body["critical"][key]
                );
                return Err(Failure::bad_request(message));
            }
        }
        let now = jiff::Timestamp::now().as_second();
        let broken = |error: std::io::Error| Failure::internal(error.to_string());
        for member in members::all(&cluster) {
            if member.learner && member.name != name {
                if now - member.joined < LEARNING {
                    return Err(Failure::unavailable(
                        "etcdserver: too many learner members in cluster",
                    ));
                }
                members::remove(&mut cluster, &member.name).map_err(broken)?;
            } else if member.name == name && !member.learner {
                let message = format!(
                    "duplicate node name found: the server {name} is in the cluster already; delete its Node first"
                );
                return Err(Failure::bad_request(message));
            }
        }
        supervisor::known_node(&mut cluster, name, part("password"))?;
        let member = Member {
            name: name.to_owned(),
            url: url.to_owned(),
            learner: true,
            joined: now,
            node: String::new(),
        };
        members::put(&mut cluster, &member).map_err(broken)?;
        Ok(
            json!({"authority": {"certificate": server.authority.certificate, "key": server.authority.key},
            "signing": hex::encode(&cluster.settings.signing), "passwords": {"server": self.passwords.server, "agent": self.passwords.agent}}),
        )
    }
}

fn forwarded(asked: &Asked) -> Option<User> {
    let name = asked.headers.get(USER)?.to_str().ok()?.to_owned();
    let groups = asked.headers.get_all(GROUP).iter();
    Some(User {
        name,
        groups: groups
            .filter_map(|it| it.to_str().ok().map(str::to_owned))
            .collect(),
    })
}

fn lost() -> Response<Body> {
    refused(&Failure::unavailable(
        "etcdserver: no leader (simulated: no majority of the servers is there)",
    ))
}
