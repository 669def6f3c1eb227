//! What nodes ask of a server besides the API: certificates for those who know the password, and the cluster's settings.

use crate::simulation::authority::Authority;
use crate::simulation::cluster::Cluster;
use crate::simulation::failure::Failure;
use crate::simulation::object;
use crate::simulation::server::{Asked, Body, Server, json, refused};
use crate::simulation::writing::How;
use base64::Engine as _;
use http::{HeaderMap, Response, header};
use serde_json::{Value, json};
use sha2::Digest as _;

/// The passwords that let nodes join.
#[derive(Clone)]
pub struct Passwords {
    /// Lets servers and agents join.
    pub server: String,
    /// Lets agents join.
    pub agent: String,
}

/// Who may join, by the password of a request.
#[derive(Clone, Copy, PartialEq)]
pub enum Joiner {
    /// A server.
    Server,
    /// An agent.
    Agent,
}

impl Passwords {
    /// Who a request's password lets in.
    pub fn joiner(&self, headers: &HeaderMap) -> Option<Joiner> {
        let basic = headers
            .get(header::AUTHORIZATION)?
            .to_str()
            .ok()?
            .strip_prefix("Basic ")?;
        let pair = base64::engine::general_purpose::STANDARD
            .decode(basic)
            .ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (_, password) = pair.split_once(':')?;
        if same(password, &self.server) {
            Some(Joiner::Server)
        } else if same(password, &self.agent) {
            Some(Joiner::Agent)
        } else {
            None
        }
    }
}

/// Compares two secrets without telling by the time it takes how much of them is the same.
fn same(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(|it| sha2::Sha256::digest(it.as_bytes()));
    a == b
}

/// Answers a request for a node's certificate (`/v1-k3s/client-kubelet.crt`).
pub fn certificate(server: &Server, passwords: &Passwords, asked: &Asked) -> Response<Body> {
    let header = |name| {
        asked
            .headers
            .get(name)
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default()
    };
    let (node, password) = (header("k3s-node-name"), header("k3s-node-password"));
    if passwords.joiner(&asked.headers).is_none() {
        return refused(&Failure::new(401, "Unauthorized", "not authorized"));
    }
    if node.is_empty() || password.is_empty() {
        return refused(&Failure::bad_request(
            "node name or node password is missing",
        ));
    }
    if let Err(failure) = known_node(&mut server.cluster(), node, password) {
        return refused(&failure);
    }
    match signed(&server.authority, node) {
        Ok(value) => json(200, &value, &[]),
        Err(error) => refused(&Failure::internal(error.to_string())),
    }
}

fn signed(authority: &Authority, node: &str) -> std::io::Result<Value> {
    let signed = authority.client(&format!("system:node:{node}"), "system:nodes")?;
    Ok(json!({"certificate": signed.certificate, "key": signed.key}))
}

/// A node is known by the password that it came with first; it is kept in a Secret, as a hash.
pub fn known_node(cluster: &mut Cluster, node: &str, password: &str) -> Result<(), Failure> {
    let name = format!("{node}.node-password.k3s");
    let hash = |salt: &str| {
        format!(
            "{salt}:{}",
            hex::encode(sha2::Sha256::digest(format!("{salt}:{password}")))
        )
    };
    if let Some(secret) = cluster.find("/secrets", "kube-system", &name) {
        let kept = object::text(secret, &["data", "hash"]);
        let kept = base64::engine::general_purpose::STANDARD
            .decode(kept)
            .unwrap_or_default();
        let kept = String::from_utf8(kept).unwrap_or_default();
        let salt = kept.split(':').next().unwrap_or_default();
        if kept == hash(salt) {
            return Ok(());
        }
        let message = format!(
            "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag (simulated): hash does not match for node {node}"
        );
        return Err(Failure::new(403, "Forbidden", message));
    }
    let Some(kind) = cluster.catalog.kind("", "Secret") else {
        return Err(Failure::no_such_path());
    };
    let salt = object::suffix(12);
    let secret = json!({"metadata": {"name": name}, "type": "Opaque", "immutable": true,
        "stringData": {"hash": hash(&salt)}});
    cluster
        .create(&kind, "kube-system", secret, How::by("k3s"))
        .map(|_| ())
}

/// What must be the same on all servers.
pub fn critical(cluster: &Cluster) -> Value {
    let settings = &cluster.settings;
    let mut disabled = settings.disabled.clone();
    disabled.sort();
    json!({"cluster-cidr": settings.pods.to_string(), "service-cidr": settings.services.to_string(),
        "cluster-domain": settings.domain, "disable": disabled})
}
