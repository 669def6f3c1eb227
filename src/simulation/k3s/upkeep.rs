//! What the server that leads looks after besides the controllers: the packaged components, who belongs to the cluster, where it is reached.

use super::log::say;
use super::members;
use super::peers::Peers;
use crate::simulation::cluster::Cluster;
use crate::simulation::object;
use crate::simulation::packaged;
use crate::simulation::patch::Patch;
use crate::simulation::removal::Removal;
use crate::simulation::server::Server;
use crate::simulation::writing::How;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Looks after it, until the server ends.
pub async fn run(server: Arc<Server>, peers: Arc<Peers>) {
    let mut installed = false;
    loop {
        if peers.leads() {
            let mut cluster = server.cluster();
            if !installed {
                match packaged::install(&mut cluster) {
                    Ok(()) => {
                        installed = true;
                        peers.open_up();
                    }
                    Err(failure) => say(
                        "error",
                        &format!(
                            "cannot install the packaged components: {}",
                            failure.message
                        ),
                    ),
                }
            }
            if let Err(error) = count(&mut cluster, &peers.name) {
                say("error", &format!("cannot note the servers: {error}"));
            }
            endpoints(&mut cluster);
        } else {
            installed = false;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A server whose Node was there and is gone no longer belongs to the cluster, though it may have made another meanwhile.
fn count(cluster: &mut Cluster, own: &str) -> std::io::Result<()> {
    for mut member in members::all(cluster) {
        let found = cluster.find("/nodes", "", &member.name);
        let node = found
            .map(|it| object::uid(it))
            .unwrap_or_default()
            .to_owned();
        if node == member.node {
            continue;
        }
        if member.node.is_empty() || member.name == own {
            if !node.is_empty() {
                member.node = node;
                members::put(cluster, &member)?;
            }
            continue;
        }
        let told = format!(
            "Removing name={} from etcd: its Node was deleted",
            member.name
        );
        say("info", &told);
        members::remove(cluster, &member.name)?;
        if let Some(kind) = cluster
            .catalog
            .kind("", "Node")
            .filter(|_| !node.is_empty())
        {
            // one that is gone already is what is wanted
            let _ = cluster.delete(&kind, "", &member.name, &Removal::default());
        }
    }
    Ok(())
}

/// The addresses behind the service `kubernetes`.
fn endpoints(cluster: &mut Cluster) {
    let members = members::all(cluster);
    let urls = members
        .iter()
        .filter(|it| !it.learner)
        .filter_map(|it| it.url.strip_prefix("https://")?.rsplit_once(':'));
    let mut addresses: Vec<Value> = Vec::new();
    let mut port = 6443;
    for (address, number) in urls {
        addresses.push(json!({"ip": address.trim_matches(['[', ']'])}));
        port = number.parse().unwrap_or(port);
    }
    let subsets = json!([{"addresses": addresses, "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}]);
    let old = cluster.find("/endpoints", "default", "kubernetes");
    if addresses.is_empty() || old.is_some_and(|it| it["subsets"] == subsets) {
        return;
    }
    if let Some(kind) = cluster.catalog.kind("", "Endpoints") {
        let wanted = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "kubernetes", "namespace": "default",
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}, "subsets": subsets});
        let patch = Patch::Apply {
            wanted,
            force: true,
        };
        if let Err(failure) = cluster.patch(
            &kind,
            "default",
            "kubernetes",
            patch,
            How::by("kube-apiserver"),
        ) {
            say(
                "error",
                &format!(
                    "cannot note the addresses of the servers: {}",
                    failure.message
                ),
            );
        }
    }
}
