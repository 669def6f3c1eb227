//! An agent: joins a cluster with the token, registers its node, and tells that it lives.

use super::client::{self, Trouble};
use super::config::Config;
use super::log::say;
use super::node::{Node, own_address};
use super::token::Token;
use super::{notify, version};
use crate::simulation::authority::{Signed, write};
use crate::simulation::catalog::condition;
use reqwest::Client;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How often a node tells that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// Runs an agent until it is told to end.
pub async fn run(config: Config) -> Result<(), String> {
    let node = own_node(&config, false)?;
    say(
        "info",
        &format!("Starting k3s agent {}", version::version()),
    );
    let server = config.text("server").trim_end_matches('/').to_owned();
    if server.is_empty() {
        return Err("--server is required".to_owned());
    }
    if !server.starts_with("https://") {
        return Err(format!("--server must begin with https://: {server}"));
    }
    let token = Token::parse(&config.secret("token")?)?;
    if token.password.is_empty() {
        return Err("--token is required".to_owned());
    }
    if token.authority.is_empty() {
        say(
            "warning",
            "Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. Use the full token from the server's node-token file to enable Cluster CA validation.",
        );
    }
    let password = password(&config.node_password())?;
    let data = config.data().join("agent");
    let mut ready = false;
    let mut servers = vec![server];
    loop {
        let told = live(&node, &token, &password, &data, &mut servers, &mut ready).await;
        if let Err(trouble) = told {
            say(
                "error",
                &format!("{} (server {})", trouble.message, servers[0]),
            );
        }
        servers.rotate_left(1);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// The node that this machine is, by its settings.
pub fn own_node(config: &Config, server: bool) -> Result<Node, String> {
    let name = match config.text("node-name") {
        "" => nix::unistd::gethostname()
            .map_err(|error| error.to_string())?
            .to_string_lossy()
            .to_lowercase(),
        name => name.to_owned(),
    };
    if name != name.to_lowercase() {
        return Err(format!(
            "node-name {name:?}: a node's name has lower case letters only"
        ));
    }
    let mut addresses = config.list("node-ip");
    if addresses.is_empty() {
        addresses.push(own_address().to_string());
    }
    for address in addresses.iter().chain(&config.list("node-external-ip")) {
        if address.parse::<std::net::IpAddr>().is_err() {
            return Err(format!("node-ip: no address: {address:?}"));
        }
    }
    for label in config.list("node-label") {
        let key = label.split('=').next().unwrap_or_default();
        let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
        let own = prefix == "kubernetes.io"
            || prefix.ends_with(".kubernetes.io")
            || prefix == "k8s.io"
            || prefix.ends_with(".k8s.io");
        let allowed = prefix == "node.kubernetes.io"
            || prefix.ends_with(".node.kubernetes.io")
            || prefix.starts_with("kubelet.kubernetes.io");
        if own && !allowed {
            return Err(format!(
                "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [{key}]"
            ));
        }
    }
    Ok(Node {
        name,
        addresses,
        external: config.list("node-external-ip"),
        version: version::version(),
        labels: config.list("node-label"),
        taints: config.list("node-taint"),
        server,
        etcd: false,
    })
}

/// The password by which the cluster knows this node again; made once.
pub fn password(path: &Path) -> Result<String, String> {
    if let Ok(text) = std::fs::read_to_string(path)
        && !text.trim().is_empty()
    {
        return Ok(text.trim().to_owned());
    }
    let password = uuid::Uuid::new_v4().simple().to_string();
    write(path, &format!("{password}\n"), 0o600)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(password)
}

/// Joins by one server, and heartbeats until that server no longer answers.
async fn live(
    node: &Node,
    token: &Token,
    password: &str,
    data: &Path,
    servers: &mut Vec<String>,
    ready: &mut bool,
) -> Result<(), Trouble> {
    let server = servers[0].clone();
    let authority = client::authority(&server, token).await?;
    let own = certificate(&server, &authority, node, token, password).await?;
    for (name, text, mode) in [
        ("server-ca.crt", &authority, 0o644),
        ("client-kubelet.crt", &own.certificate, 0o600),
        ("client-kubelet.key", &own.key, 0o600),
    ] {
        write(&data.join(name), text, mode).map_err(|error| {
            Trouble::passing(format!(
                "cannot write {}: {error}",
                data.join(name).display()
            ))
        })?;
    }
    let http = client::client(&authority, Some(&own))?;
    loop {
        beat(&http, &server, node).await?;
        if !*ready {
            *ready = true;
            say(
                "info",
                &format!(
                    "k3s agent is up and running; node {} registered with {server}",
                    node.name
                ),
            );
            notify::ready();
        }
        if let Ok(others) = other_servers(&http, &server).await {
            servers.truncate(1);
            servers.extend(others.into_iter().filter(|it| *it != server));
        }
        tokio::time::sleep(HEARTBEAT).await;
    }
}

async fn certificate(
    server: &str,
    authority: &str,
    node: &Node,
    token: &Token,
    password: &str,
) -> Result<Signed, Trouble> {
    let address = format!("{server}/v1-k3s/client-kubelet.crt");
    let request = client::client(authority, None)?
        .post(&address)
        .basic_auth("node", Some(&token.password))
        .header("k3s-node-name", &node.name)
        .header("k3s-node-password", password);
    let text = client::text(
        &format!("failed to retrieve configuration from server: {address}"),
        request,
    )
    .await?;
    let value: Value = serde_json::from_str(&text).map_err(Trouble::passing)?;
    let part = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Ok(Signed {
        certificate: part("certificate"),
        key: part("key"),
    })
}

/// One heartbeat: the lease is renewed, and the node says how it is where the cluster thinks otherwise.
pub async fn beat(http: &Client, server: &str, node: &Node) -> Result<(), Trouble> {
    let now = jiff::Timestamp::now();
    let nodes = format!("{server}/api/v1/nodes");
    let own = format!("{nodes}/{}", node.name);
    let found = http
        .get(&own)
        .send()
        .await
        .map_err(|error| Trouble::passing(client::reasons(&error)))?;
    if found.status() == 404 {
        let request = http.post(&nodes).json(&node.object(now));
        client::text("cannot register the node", request).await?;
    } else {
        let old: Value = found.json().await.map_err(Trouble::passing)?;
        let version = &old["status"]["nodeInfo"]["kubeletVersion"];
        if condition(&old, "Ready") != Some("True") || *version != node.version.as_str() {
            let status = json!({"status": node.status(Some(&old["status"]), now)});
            let request = http
                .patch(format!("{own}/status?fieldManager=kubelet"))
                .header("content-type", "application/merge-patch+json")
                .body(status.to_string());
            client::text("cannot update the node's status", request).await?;
        }
    }
    let lease = format!(
        "{server}/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{}",
        node.name
    );
    let request = http
        .patch(format!("{lease}?fieldManager=kubelet&force=true"))
        .header("content-type", "application/apply-patch+yaml")
        .body(node.lease(now).to_string());
    client::text("cannot renew the node's lease", request).await?;
    Ok(())
}

/// The servers of the cluster, as the service `kubernetes` lists them.
async fn other_servers(http: &Client, server: &str) -> Result<Vec<String>, Trouble> {
    let request = http.get(format!(
        "{server}/api/v1/namespaces/default/endpoints/kubernetes"
    ));
    let text = client::text("cannot list the servers", request).await?;
    let value: Value = serde_json::from_str(&text).map_err(Trouble::passing)?;
    let mut found = Vec::new();
    for subset in value["subsets"].as_array().into_iter().flatten() {
        let port = subset["ports"][0]["port"].as_u64().unwrap_or(6443);
        for address in subset["addresses"].as_array().into_iter().flatten() {
            if let Some(ip) = address["ip"].as_str() {
                let host = if ip.contains(':') {
                    format!("[{ip}]")
                } else {
                    ip.to_owned()
                };
                found.push(format!("https://{host}:{port}"));
            }
        }
    }
    Ok(found)
}
