//! Clusters that cannot be, found in the inventory before the first host is touched.

use crate::error::{Diagnostic, Problems};
use crate::inventory::{Inventory, VarsFiles};
use crate::playbook::{Entry, Playbook};
use crate::value::{Map, Value};
use indexmap::{IndexMap, IndexSet};
use std::net::IpAddr;

/// The group of the hosts that run the API and the data store.
pub const SERVERS: &str = "k3s_server";
/// The group of the other nodes.
pub const AGENTS: &str = "k3s_agent";
/// Roles that make or take down a cluster.
const ROLES: [&str; 2] = ["k3s", "k3s_uninstall"];
/// What the joining server refuses when it differs from the others'
/// (<https://docs.k3s.io/cli/server#critical-configuration-values>).
const SAME_ON_SERVERS: [&str; 6] = [
    "k3s_cluster_cidr",
    "k3s_service_cidr",
    "k3s_cluster_dns",
    "k3s_flannel_backend",
    "k3s_disable",
    "k3s_datastore_endpoint",
];

/// Whether a playbook is about the cluster itself: it uses the role that makes or that takes down one.
pub fn concerns(playbook: &Playbook) -> bool {
    uses(playbook, &ROLES)
}

/// Whether a playbook brings a cluster up.
pub fn brings_up(playbook: &Playbook) -> bool {
    uses(playbook, &ROLES[..1])
}

fn uses(playbook: &Playbook, roles: &[&str]) -> bool {
    fn any(entries: &[Entry], roles: &[&str]) -> bool {
        entries.iter().any(|entry| match entry {
            Entry::Task(_) => false,
            Entry::Block(block) => {
                let role = block.role().map(|r| r.role.name.as_str());
                role.is_some_and(|name| roles.contains(&name))
                    || any(&block.body, roles)
                    || any(&block.rescue, roles)
                    || any(&block.always, roles)
            }
        })
    }
    playbook.plays.iter().any(|play| {
        [&play.roles, &play.pre_tasks, &play.tasks, &play.post_tasks]
            .iter()
            .any(|entries| any(entries, roles))
    })
}

/// Everything that makes the cluster of an inventory impossible. `extra` are the variables of `-e`, which outrank all others.
/// A value that is still a template is not known yet, and passes.
pub fn topology(inventory: &Inventory, playbook: Option<&VarsFiles>, extra: &Map) -> Problems {
    let members = |group: &str| -> Vec<Node> {
        let names = inventory.hosts_of(group);
        names
            .into_iter()
            .map(|name| {
                let mut vars = inventory.merged(name, playbook);
                vars.extend(extra.iter().map(|(k, v)| (k.clone(), v.clone())));
                Node {
                    name: name.to_owned(),
                    vars,
                }
            })
            .collect()
    };
    let (servers, agents) = (members(SERVERS), members(AGENTS));
    let mut problems = Problems::new();
    if servers.is_empty() {
        problems.push(no_server(inventory, &agents));
        return problems;
    }
    counts(&servers, &mut problems);
    twice(&servers, &agents, &mut problems);
    names(&servers, &agents, &mut problems);
    same(&servers, &mut problems);
    address(&servers, &agents, &mut problems);
    networks(&servers, &agents, &mut problems);
    problems
}

struct Node {
    name: String,
    vars: Map,
}

impl Node {
    /// The variable's text, when it is given and known.
    fn text(&self, name: &str) -> Option<String> {
        match self.vars.get(name)? {
            Value::Null | Value::Template(_) | Value::Vault(_) | Value::Omit => None,
            value => Some(value.to_string()).filter(|text| !text.is_empty()),
        }
    }

    /// A list, or a text with commas.
    fn list(&self, name: &str) -> Vec<String> {
        match self.vars.get(name) {
            Some(Value::List(items)) => items.iter().map(ToString::to_string).collect(),
            _ => {
                let text = self.text(name).unwrap_or_default();
                let items = text.split(',').map(str::trim).filter(|i| !i.is_empty());
                items.map(str::to_owned).collect()
            }
        }
    }

    /// It is set to something, known or not.
    fn given(&self, name: &str) -> bool {
        let value = self.vars.get(name);
        value.is_some_and(|v| !matches!(v, Value::Null | Value::Omit) && *v != Value::from(""))
    }
}

fn list<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> String {
    let names: Vec<&str> = nodes.into_iter().map(|n| n.name.as_str()).collect();
    names.join(", ")
}

fn no_server(inventory: &Inventory, agents: &[Node]) -> Diagnostic {
    let help = format!(
        "name the host that shall run the API in the group `{SERVERS}` (one, three or five hosts), as in inventory/single/hosts.yml"
    );
    if !agents.is_empty() {
        return Diagnostic::new("a cluster needs a server, and the inventory has only agents")
            .with_note(format!("`{AGENTS}`: {}", list(agents)))
            .with_help(help);
    }
    let hosts: Vec<&str> = inventory.hosts.keys().map(String::as_str).collect();
    Diagnostic::new(format!("no host is in the group `{SERVERS}`"))
        .with_note(format!("the inventory has: {}", hosts.join(", ")))
        .with_help(help)
}

fn counts(servers: &[Node], problems: &mut Problems) {
    if !servers.len().is_multiple_of(2) || servers.iter().any(|s| s.given("k3s_datastore_endpoint"))
    {
        return;
    }
    let n = servers.len();
    let (tolerates, fewer) = ((n - 1) / 2, n - 1);
    let why = if n == 2 {
        "etcd needs a majority of its members: of two, neither may fail, which is worse than one"
            .to_owned()
    } else {
        format!(
            "etcd needs a majority of its members: {n} survive the loss of {tolerates}, as {fewer} do"
        )
    };
    problems.push(
        Diagnostic::new(format!("{n} servers do not make a cluster with embedded etcd"))
            .with_note(format!("`{SERVERS}`: {}", list(servers)))
            .with_note(why)
            .with_help(format!(
                "use {fewer} or {} servers and make the rest agents (`{AGENTS}`), or give an external database in `k3s_datastore_endpoint`",
                n + 1
            )),
    );
}

/// One host in both groups, one machine under two names.
fn twice(servers: &[Node], agents: &[Node], problems: &mut Problems) {
    let both: Vec<&Node> = agents
        .iter()
        .filter(|a| servers.iter().any(|s| s.name == a.name))
        .collect();
    if !both.is_empty() {
        problems.push(
            Diagnostic::new("a host is either a server or an agent")
                .with_note(format!("in `{SERVERS}` and in `{AGENTS}`: {}", list(both)))
                .with_help(format!(
                    "take it out of `{AGENTS}`: servers run pods too, unless they have a taint"
                )),
        );
    }
    let mut machines: IndexMap<(String, String), IndexSet<&str>> = IndexMap::new();
    for node in servers.iter().chain(agents) {
        let local = node.text("ansible_connection").as_deref() == Some("local");
        if let (false, Some(address)) = (local, node.text("ansible_host")) {
            let port = node.text("ansible_port").unwrap_or_else(|| "22".to_owned());
            machines
                .entry((address, port))
                .or_default()
                .insert(&node.name);
        }
    }
    for ((address, port), names) in machines {
        if names.len() > 1 {
            let names: Vec<&str> = names.into_iter().collect();
            problems.push(
                Diagnostic::new(format!("{} are the same machine", names.join(" and ")))
                    .with_note(format!("each has `ansible_host` {address}, port {port}"))
                    .with_help("give each host its own address"),
            );
        }
    }
}

fn names(servers: &[Node], agents: &[Node], problems: &mut Problems) {
    let mut known: IndexMap<String, IndexSet<&str>> = IndexMap::new();
    for node in servers.iter().chain(agents) {
        if let Some(name) = node.text("k3s_node_name") {
            known
                .entry(name.to_lowercase())
                .or_default()
                .insert(&node.name);
            if name != name.to_lowercase()
                || !name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
            {
                problems.push(
                    Diagnostic::new(format!("`{name}` is no name for a node"))
                        .with_note(format!("`k3s_node_name` of {}", node.name))
                        .with_help("use lower-case letters, digits, `-` and `.`"),
                );
            }
        }
    }
    for (name, hosts) in known {
        if hosts.len() > 1 {
            let hosts: Vec<&str> = hosts.into_iter().collect();
            problems.push(
                Diagnostic::new(format!("two nodes cannot both be called `{name}`"))
                    .with_note(format!("`k3s_node_name` of {}", hosts.join(" and of ")))
                    .with_help("set it for each host by itself, or leave it out: the host's own name is taken then"),
            );
        }
    }
}

fn same(servers: &[Node], problems: &mut Problems) {
    let Some((first, others)) = servers.split_first() else {
        return;
    };
    for name in SAME_ON_SERVERS {
        let known = |node: &Node| !matches!(node.vars.get(name), Some(Value::Template(_)));
        let mine = first.vars.get(name);
        let other = others
            .iter()
            .find(|o| known(o) && known(first) && o.vars.get(name) != mine);
        if let Some(other) = other {
            let says = |node: &Node| match node.vars.get(name) {
                _ if name == "k3s_datastore_endpoint" => node.name.clone(),
                Some(value) => format!("{}: {value}", node.name),
                None => format!("{}: not given", node.name),
            };
            problems.push(
                Diagnostic::new(format!("`{name}` must be the same on all servers"))
                    .with_note(format!("{}; {}", says(first), says(other)))
                    .with_help(format!("set it once, for the group `{SERVERS}` or for all")),
            );
        }
    }
}

/// The address that stands for all servers.
fn address(servers: &[Node], agents: &[Node], problems: &mut Problems) {
    let vip = |n: &Node| n.vars.get("k3s_kube_vip").and_then(Value::to_bool) == Some(true);
    let Some(first) = servers.first() else {
        return;
    };
    if servers.iter().any(vip) && !first.given("k3s_api_address") {
        problems.push(
            Diagnostic::new("`k3s_kube_vip` needs an address to serve")
                .with_note(format!("`{SERVERS}`: {}", list(servers)))
                .with_help(
                    "set `k3s_api_address` for all hosts to a free address of the servers' network",
                ),
        );
    }
    let Some(address) = first.text("k3s_api_address") else {
        return;
    };
    let owner = servers
        .iter()
        .chain(agents)
        .find(|n| n.text("ansible_host").as_deref() == Some(&address));
    if let (true, Some(owner)) = (servers.len() > 1, owner) {
        problems.push(
            Diagnostic::new(format!(
                "`k3s_api_address` {address} is the address of {}",
                owner.name
            ))
            .with_note("it must stand for whichever server is alive: a virtual address, a load balancer, or a DNS name of all servers")
            .with_help("choose a free address and set `k3s_kube_vip: true`, or leave `k3s_api_address` out: nodes that have joined know all servers anyway"),
        );
    }
}

/// Networks of pods and services must not meet each other or the hosts.
fn networks(servers: &[Node], agents: &[Node], problems: &mut Problems) {
    let Some(first) = servers.first() else {
        return;
    };
    let nets = |name: &str, default: &str, problems: &mut Problems| -> Vec<ipnet::IpNet> {
        let mut given = first.list(name);
        if given.is_empty() && !first.given(name) {
            given.push(default.to_owned());
        }
        let mut out = Vec::new();
        for text in given {
            match text.parse() {
                Ok(net) => out.push(net),
                Err(_) => problems.push(
                    Diagnostic::new(format!("`{name}` is no network: {text}"))
                        .with_help(format!("write it like {default}")),
                ),
            }
        }
        out
    };
    let pods = nets("k3s_cluster_cidr", "10.42.0.0/16", problems);
    let services = nets("k3s_service_cidr", "10.43.0.0/16", problems);
    let meet = |a: &ipnet::IpNet, b: &ipnet::IpNet| a.contains(b) || b.contains(a);
    for pod in &pods {
        if let Some(service) = services.iter().find(|s| meet(pod, s)) {
            problems.push(
                Diagnostic::new(format!(
                    "the networks of pods ({pod}) and services ({service}) overlap"
                ))
                .with_help("change `k3s_cluster_cidr` or `k3s_service_cidr`"),
            );
        }
    }
    for (name, nets) in [("k3s_cluster_cidr", &pods), ("k3s_service_cidr", &services)] {
        for net in nets {
            let inside = |node: &&Node| {
                let address = node
                    .text("k3s_node_ip")
                    .or_else(|| node.text("ansible_host"));
                let address = address.and_then(|a| a.parse::<IpAddr>().ok());
                address.is_some_and(|a| net.contains(&a))
            };
            let hit: Vec<&Node> = servers.iter().chain(agents).filter(inside).collect();
            if !hit.is_empty() {
                problems.push(
                    Diagnostic::new(format!("`{name}` {net} covers addresses of hosts"))
                        .with_note(list(hit))
                        .with_help("choose a network that nothing else uses, before the cluster is made: it cannot be changed later"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Keyring;

    fn told(ini: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts.ini");
        std::fs::write(&path, ini).unwrap();
        let inventory =
            Inventory::load(&[path.display().to_string()], &Keyring::default()).unwrap();
        topology(&inventory, None, &Map::new()).to_string()
    }

    #[test]
    fn what_can_be_passes() {
        for fine in [
            "[k3s_server]\na\n",
            "[k3s_server]\na\n[k3s_agent]\nb\nc\n",
            "[k3s_server]\na ansible_host=10.0.0.1\nb ansible_host=10.0.0.2\nc ansible_host=10.0.0.3\n[all:vars]\nk3s_api_address=10.0.0.9\nk3s_kube_vip=true\n",
            "[k3s_server]\na\nb\n[all:vars]\nk3s_datastore_endpoint=postgres://x\n",
            "[k3s_server]\na\n[all:vars]\nk3s_cluster_cidr=10.42.0.0/16,fd42::/56\nk3s_service_cidr=10.43.0.0/16,fd43::/112\n",
            "[k3s_server]\na ansible_host=127.0.0.1 ansible_port=2201\n[k3s_agent]\nb ansible_host=127.0.0.1 ansible_port=2202\n",
        ] {
            assert_eq!(told(fine), "", "{fine}");
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        insta::assert_snapshot!(told("[k3s_agent]\na\nb\n"), @r"
        error: a cluster needs a server, and the inventory has only agents
          note: `k3s_agent`: a, b
          help: name the host that shall run the API in the group `k3s_server` (one, three or five hosts), as in inventory/single/hosts.yml
        ");
        insta::assert_snapshot!(told("[web]\na\nb\n"), @r"
        error: no host is in the group `k3s_server`
          note: the inventory has: a, b
          help: name the host that shall run the API in the group `k3s_server` (one, three or five hosts), as in inventory/single/hosts.yml
        ");
        insta::assert_snapshot!(told("[k3s_server]\na\nb\n"), @r"
        error: 2 servers do not make a cluster with embedded etcd
          note: `k3s_server`: a, b
          note: etcd needs a majority of its members: of two, neither may fail, which is worse than one
          help: use 1 or 3 servers and make the rest agents (`k3s_agent`), or give an external database in `k3s_datastore_endpoint`
        ");
        insta::assert_snapshot!(told("[k3s_server]\na\nb\nc\nd\n"), @r"
        error: 4 servers do not make a cluster with embedded etcd
          note: `k3s_server`: a, b, c, d
          note: etcd needs a majority of its members: 4 survive the loss of 1, as 3 do
          help: use 3 or 5 servers and make the rest agents (`k3s_agent`), or give an external database in `k3s_datastore_endpoint`
        ");
        insta::assert_snapshot!(told("[k3s_server]\na ansible_host=10.0.0.1\n[k3s_agent]\na\nb ansible_host=10.0.0.1\n"), @r"
        error: a host is either a server or an agent
          note: in `k3s_server` and in `k3s_agent`: a
          help: take it out of `k3s_agent`: servers run pods too, unless they have a taint

        error: a and b are the same machine
          note: each has `ansible_host` 10.0.0.1, port 22
          help: give each host its own address
        ");
        insta::assert_snapshot!(told("[k3s_server]\na\n[k3s_agent]\nb\nC k3s_node_name=C\n[all:vars]\nk3s_node_name=c\n"), @r"
        error: `C` is no name for a node
          note: `k3s_node_name` of C
          help: use lower-case letters, digits, `-` and `.`

        error: two nodes cannot both be called `c`
          note: `k3s_node_name` of a and of b and of C
          help: set it for each host by itself, or leave it out: the host's own name is taken then
        ");
        insta::assert_snapshot!(told("[k3s_server]\na ansible_host=10.0.0.1\nb ansible_host=10.0.0.2 k3s_disable=traefik\nc\n[all:vars]\nk3s_api_address=10.0.0.2\n"), @r"
        error: `k3s_disable` must be the same on all servers
          note: a: not given; b: traefik
          help: set it once, for the group `k3s_server` or for all

        error: `k3s_api_address` 10.0.0.2 is the address of b
          note: it must stand for whichever server is alive: a virtual address, a load balancer, or a DNS name of all servers
          help: choose a free address and set `k3s_kube_vip: true`, or leave `k3s_api_address` out: nodes that have joined know all servers anyway
        ");
        insta::assert_snapshot!(told("[k3s_server]\na ansible_host=10.42.0.7\n[all:vars]\nk3s_kube_vip=true\nk3s_service_cidr=10.42.128.0/17\n"), @r"
        error: `k3s_kube_vip` needs an address to serve
          note: `k3s_server`: a
          help: set `k3s_api_address` for all hosts to a free address of the servers' network

        error: the networks of pods (10.42.0.0/16) and services (10.42.128.0/17) overlap
          help: change `k3s_cluster_cidr` or `k3s_service_cidr`

        error: `k3s_cluster_cidr` 10.42.0.0/16 covers addresses of hosts
          note: a
          help: choose a network that nothing else uses, before the cluster is made: it cannot be changed later
        ");
        insta::assert_snapshot!(told("[k3s_server]\na\n[all:vars]\nk3s_cluster_cidr=10.42\n"), @r"
        error: `k3s_cluster_cidr` is no network: 10.42
          help: write it like 10.42.0.0/16
        ");
    }
}
