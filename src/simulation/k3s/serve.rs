//! A server: keeps the cluster together with the others, serves its API, and is a node of it.

use super::client;
use super::config::Config;
use super::gate::{Gate, PEER};
use super::identity::Identity;
use super::log::say;
use super::members::{self, Member};
use super::node::Node;
use super::peers::Peers;
use super::{agent, kubeconfig, manifests, notify, snapshots, supervisor, upkeep, version};
use crate::simulation::authority::write;
use crate::simulation::cluster::Cluster;
use crate::simulation::controllers;
use crate::simulation::server::{Asked, Server};
use crate::simulation::settings::Settings;
use crate::simulation::store::Store;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs a server until it is told to end.
pub async fn run(config: Config) -> Result<(), String> {
    let folder = config.data().join("server");
    if config.is_on("cluster-reset") {
        return snapshots::reset(&config);
    }
    say("info", &format!("Starting k3s {}", version::version()));
    let mut node = agent::own_node(&config, true)?;
    let db = folder.join("db/simulated");
    let store = at(&db, Store::open(&db))?;
    let mut cluster = Cluster::new(store, settings(&config, &node)?);
    let url = url(&cluster.settings);
    let port = cluster.settings.port;
    let listener = listen(&config, port).await?;
    let password = agent::password(&config.node_password())?;
    let fresh = members::all(&cluster).is_empty();
    let joins = !config.text("server").is_empty();
    let identity = if fresh && joins {
        let critical = supervisor::critical(&cluster);
        Identity::join(&config, &folder, &node, &url, &critical, &password).await?
    } else {
        Identity::own(&config, &folder)?
    };
    if fresh && !joins {
        let first = Member {
            name: node.name.clone(),
            url: url.clone(),
            learner: false,
            joined: jiff::Timestamp::now().as_second(),
            node: String::new(),
        };
        at(&db, members::put(&mut cluster, &first))?;
    }
    node.etcd = joins || config.is_on("cluster-init") || members::all(&cluster).len() > 1;
    cluster
        .settings
        .authority
        .clone_from(&identity.authority.certificate);
    cluster.settings.signing.clone_from(&identity.signing);
    let names = names(&config, &node, &cluster.settings);
    files(&config, &folder, &identity, port)?;
    let own = identity
        .authority
        .client(&format!("{PEER}:{}", node.name), "system:masters")
        .map_err(|error| error.to_string())?;
    let http =
        client::client(&identity.authority.certificate, Some(&own)).map_err(|it| it.message)?;
    let peers = Arc::new(Peers::new(
        &node.name,
        node.etcd,
        http.clone(),
        db.join("reign"),
    ));
    let gate = Arc::new(Gate {
        peers: Arc::clone(&peers),
        passwords: identity.passwords.clone(),
        http: http.clone(),
    });
    let extra = move |server: Arc<Server>, asked: Asked| -> crate::simulation::server::Answering {
        Box::pin(Arc::clone(&gate).answer(server, asked))
    };
    let server = Arc::new(Server::new(
        cluster,
        identity.authority,
        Some(Box::new(extra)),
    ));
    let controlled = !config.is_on("disable-controller-manager");
    let leads = {
        let peers = Arc::clone(&peers);
        move || peers.leads()
    };
    tokio::spawn(Arc::clone(&peers).run(Arc::clone(&server)));
    tokio::spawn(controllers::run(Arc::clone(&server), controlled, leads));
    tokio::spawn(upkeep::run(Arc::clone(&server), Arc::clone(&peers)));
    let serving = tokio::spawn(Arc::clone(&server).serve(listener, names));
    let local = format!("https://127.0.0.1:{port}");
    let beating = beats(&server, &peers, &node, &local, &password);
    tokio::spawn(manifests::watch(
        Arc::clone(&server),
        http,
        local.clone(),
        folder.join("manifests"),
    ));
    tokio::select! {
        told = serving => told.map_err(|error| error.to_string())?.map_err(|error| error.to_string()),
        told = beating => told,
    }
}

async fn listen(config: &Config, port: u16) -> Result<tokio::net::TcpListener, String> {
    let address: IpAddr = match config.text("bind-address") {
        "" => IpAddr::from([0, 0, 0, 0]),
        text => text
            .parse()
            .map_err(|_| format!("bind-address: no address: {text:?}"))?,
    };
    let listener = tokio::net::TcpListener::bind((address, port)).await;
    listener.map_err(|error| format!("listen tcp {address}:{port}: bind: {error}"))
}

fn url(settings: &Settings) -> String {
    match settings.address {
        IpAddr::V4(address) => format!("https://{address}:{}", settings.port),
        IpAddr::V6(address) => format!("https://[{address}]:{}", settings.port),
    }
}

fn settings(config: &Config, node: &Node) -> Result<Settings, String> {
    let mut settings = Settings::plain(&version::version());
    for (key, network) in [
        ("cluster-cidr", &mut settings.pods),
        ("service-cidr", &mut settings.services),
    ] {
        let text = config.text(key).split(',').next().unwrap_or_default();
        if !text.is_empty() {
            *network = text
                .parse()
                .map_err(|_| format!("{key}: no network: {text:?}"))?;
        }
    }
    if !config.text("cluster-domain").is_empty() {
        settings.domain = config.text("cluster-domain").to_owned();
    }
    settings.port = config.port()?;
    settings.disabled = config.list("disable");
    let known = [
        "coredns",
        "servicelb",
        "traefik",
        "local-storage",
        "metrics-server",
        "runtimes",
    ];
    if let Some(odd) = settings
        .disabled
        .iter()
        .find(|it| !known.contains(&it.as_str()))
    {
        say(
            "warning",
            &format!("disable: K3s packages no component {odd:?}"),
        );
    }
    let own = match config.text("advertise-address") {
        "" => node.addresses.first().map_or("127.0.0.1", String::as_str),
        address => address,
    };
    settings.address = own.parse().map_err(|_| format!("no address: {own:?}"))?;
    Ok(settings)
}

/// The names and addresses under which the server's certificate is good.
fn names(config: &Config, node: &Node, settings: &Settings) -> Vec<String> {
    let mut names = vec![
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        "localhost".to_owned(),
    ];
    names.extend(["kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned));
    names.push(format!("kubernetes.default.svc.{}", settings.domain));
    names.push(Settings::nth(settings.services, 1).to_string());
    names.push(node.name.clone());
    names.push(settings.address.to_string());
    names.extend(node.addresses.iter().chain(&node.external).cloned());
    names.extend(config.list("tls-san"));
    names.sort();
    names.dedup();
    names
}

/// Writes what K3s writes: the kubeconfig, and the administrator's certificate.
fn files(config: &Config, folder: &Path, identity: &Identity, port: u16) -> Result<(), String> {
    let admin = identity
        .authority
        .client("system:admin", "system:masters")
        .map_err(|error| error.to_string())?;
    for (name, text) in [
        ("client-admin.crt", &admin.certificate),
        ("client-admin.key", &admin.key),
    ] {
        let path = folder.join("tls").join(name);
        at(&path, write(&path, text, 0o600))?;
    }
    let path = match config.text("write-kubeconfig") {
        "" => PathBuf::from("/etc/rancher/k3s/k3s.yaml"),
        path => PathBuf::from(path),
    };
    let mode = match config.text("write-kubeconfig-mode") {
        "" => 0o600,
        text => u32::from_str_radix(text.trim_start_matches("0o"), 8)
            .map_err(|_| format!("write-kubeconfig-mode: no mode: {text:?}"))?,
    };
    let text = kubeconfig::text(
        &format!("https://127.0.0.1:{port}"),
        &identity.authority.certificate,
        &admin,
    );
    at(&path, write(&path, &text, mode))
}

/// The server's own node: registered through its own API, and kept alive. Ends when the cluster no longer wants the server.
async fn beats(
    server: &Arc<Server>,
    peers: &Peers,
    node: &Node,
    url: &str,
    password: &str,
) -> Result<(), String> {
    let own = server
        .authority
        .client(&format!("system:node:{}", node.name), "system:nodes")
        .map_err(|error| error.to_string())?;
    let http =
        client::client(&server.authority.certificate, Some(&own)).map_err(|it| it.message)?;
    let mut ready = false;
    let mut quiet = 0;
    loop {
        if peers.expelled() {
            return Err("this server is not a member of the etcd cluster: it was removed; delete its data directory to let it join anew".to_owned());
        }
        let voting = members::all(&server.cluster())
            .iter()
            .any(|it| it.name == node.name && !it.learner);
        let told = match voting {
            true => agent::beat(&http, url, node)
                .await
                .map_err(|trouble| trouble.message),
            false => Err("waiting to become a voting server".to_owned()),
        };
        match told {
            Ok(()) if !ready => {
                ready = true;
                if peers.leads() {
                    // the first server keeps its own password, so that nobody else comes under its name
                    let _ = supervisor::known_node(&mut server.cluster(), &node.name, password);
                }
                say(
                    "info",
                    &format!("k3s is up and running; the API is at {url}"),
                );
                notify::ready();
            }
            Ok(()) => quiet = 0,
            // an election takes a moment
            Err(message) => {
                quiet += 1;
                if quiet % 20 == 10 {
                    say("error", &format!("the node's heartbeat failed: {message}"));
                }
            }
        }
        let wait = if ready {
            agent::HEARTBEAT
        } else {
            Duration::from_millis(200)
        };
        tokio::time::sleep(wait).await;
    }
}
