//! The program `k3s` of rehearsals, as systemd would start it: servers that join, fall and come back, agents, snapshots. Needs neither root
//! nor containers; every cluster has its own ports on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers here are tests too, which the lint does not see"
)]

#[path = "simulation/machine.rs"]
mod machine;

use machine::{Machine, until};
use reqwest::Method;
use serde_json::{Value, json};

fn name(it: &Value) -> &str {
    it["metadata"]["name"].as_str().unwrap()
}

fn ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    conditions
        .into_iter()
        .any(|it| it["type"] == "Ready" && it["status"] == "True")
}

/// The names of the nodes that are ready, asked of one machine.
fn nodes(machine: &Machine) -> Vec<String> {
    let (_, list) = machine.api(Method::GET, "/api/v1/nodes", Value::Null);
    let items = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|it| ready(it));
    items.map(|it| name(it).to_owned()).collect()
}

fn make_map(machine: &Machine, name: &str) -> u16 {
    let map = json!({"metadata": {"name": name}});
    machine
        .api(Method::POST, "/api/v1/namespaces/default/configmaps", map)
        .0
}

fn has_map(machine: &Machine, name: &str) -> bool {
    machine
        .api(
            Method::GET,
            &format!("/api/v1/namespaces/default/configmaps/{name}"),
            Value::Null,
        )
        .0
        == 200
}

#[test]
fn one_server_and_an_agent_whose_token_must_be_right() {
    let mut server = Machine::new("one");
    server.server("node-label: [color=red]\nnode-taint: [a=b:NoSchedule]\n");
    until("the server is a node", || nodes(&server) == ["one"]);
    let (_, node) = server.api(Method::GET, "/api/v1/nodes/one", Value::Null);
    assert_eq!(node["metadata"]["labels"]["color"], "red");
    assert_eq!(
        node["spec"]["taints"][0],
        json!({"key": "a", "value": "b", "effect": "NoSchedule"})
    );
    assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v1.36.5+k3s1");
    let (_, version) = server.api(Method::GET, "/version", Value::Null);
    assert_eq!(version["gitTreeState"], "simulated");
    assert_eq!(server.anonymous("/version"), 401);
    assert_eq!(server.anonymous("/ping"), 200);

    let token = server.token();
    let mut wrong = Machine::new("two");
    wrong.agent(&server, &token.replace("K10", "K10f").replacen("f", "e", 1));
    until("the other authority is noticed", || {
        wrong.log().contains("invalid token CA hash length")
    });
    let mut wrong = Machine::new("two");
    let (hash, rest) = token.split_at(13);
    let other = if rest.starts_with('0') { "1" } else { "0" };
    wrong.agent(&server, &format!("{hash}{other}{}", &rest[1..]));
    until("the other authority is noticed", || {
        wrong
            .log()
            .contains("token CA hash does not match the Cluster CA certificate hash")
    });
    let mut wrong = Machine::new("two");
    wrong.agent(&server, "guessed");
    until("the password is refused", || {
        wrong.log().contains("401 Unauthorized: not authorized")
    });

    let mut agent = Machine::new("two");
    agent.agent(&server, &token);
    until("the agent is a node", || nodes(&server) == ["one", "two"]);
    agent.kill();
    until("the silent node is not ready", || nodes(&server) == ["one"]);
    agent.again();
    until("the agent is back", || nodes(&server) == ["one", "two"]);
    agent.kill();
    // another machine that says it is `two`
    let mut stranger = Machine::new("two");
    stranger.agent(&server, &token);
    until("the stranger is refused", || {
        stranger.log().contains("Node password rejected")
    });
    let secret = "/api/v1/namespaces/kube-system/secrets/two.node-password.k3s";
    assert_eq!(server.api(Method::DELETE, secret, Value::Null).0, 200);
    until("the stranger is let in", || {
        nodes(&server) == ["one", "two"]
    });
    for line in server.log().lines().chain(stranger.log().lines()) {
        assert!(line.contains("simulated"), "{line}");
    }
}

#[test]
fn what_was_written_outlives_the_server_and_a_snapshot_brings_it_back() {
    let mut server = Machine::new("one");
    server.server("");
    until("the server is up", || nodes(&server) == ["one"]);
    assert_eq!(make_map(&server, "before"), 201);
    server.kill();
    server.again();
    until("the map is there again", || has_map(&server, "before"));
    let saved = server.run(&["etcd-snapshot", "save", "--name", "mine"]);
    assert!(saved.contains("Snapshot mine-one-"), "{saved}");
    assert_eq!(make_map(&server, "after"), 201);
    let listed = server.run(&["etcd-snapshot", "ls"]);
    let path = listed
        .split_whitespace()
        .find_map(|it| it.strip_prefix("file://"))
        .unwrap()
        .to_owned();
    server.stop();
    let told = server.run(&[
        "server",
        "--cluster-reset",
        &format!("--cluster-reset-restore-path={path}"),
    ]);
    assert!(
        told.contains("Managed etcd cluster membership has been reset"),
        "{told}"
    );
    server.again();
    until("the old state is there", || {
        has_map(&server, "before") && !has_map(&server, "after")
    });
}

#[test]
fn three_servers_outlive_the_death_of_one_and_refuse_to_write_when_two_are_gone() {
    let mut one = Machine::new("one");
    one.server("cluster-init: true\n");
    until("the first is up", || nodes(&one) == ["one"]);
    let (mut two, mut three) = (Machine::new("two"), Machine::new("three"));
    // both at once: one has to wait for the other
    two.joins(&one);
    three.joins(&one);
    until("all are nodes", || nodes(&one) == ["one", "three", "two"]);
    assert_eq!(make_map(&three, "first"), 201);
    for machine in [&one, &two, &three] {
        until("the map is everywhere", || has_map(machine, "first"));
    }
    one.kill();
    // a write that was not answered in time may have been kept all the same, as with etcd
    until("another leads", || {
        matches!(make_map(&two, "second"), 201 | 409)
    });
    until("the others follow", || has_map(&three, "second"));
    three.kill();
    until("writes are refused", || make_map(&two, "refused") == 503);
    assert!(has_map(&two, "second"));
    until("health tells", || {
        two.api(Method::GET, "/readyz", Value::Null).0 == 500
    });
    one.again();
    until("a majority is back", || {
        matches!(make_map(&two, "third"), 201 | 409)
    });
    three.again();
    until("the third has learnt what it missed", || {
        has_map(&three, "third")
    });
    // a server whose Node is deleted no longer belongs
    assert_eq!(
        one.api(Method::DELETE, "/api/v1/nodes/three", Value::Null)
            .0,
        200
    );
    until("it notices", || {
        three
            .log()
            .contains("this server is not a member of the etcd cluster")
    });
}

#[test]
fn other_settings_and_a_cluster_for_one_are_refused() {
    let mut one = Machine::new("one");
    one.server("cluster-init: true\n");
    until("the first is up", || nodes(&one) == ["one"]);
    let mut two = Machine::new("two");
    two.joins_with(&one, "cluster-cidr: 10.99.0.0/16\n");
    until("the other network is refused", || {
        two.log()
            .contains("critical configuration value mismatch between servers: cluster-cidr")
    });
    let mut alone = Machine::new("alone");
    alone.server("");
    until("it is up", || nodes(&alone) == ["alone"]);
    let mut two = Machine::new("two");
    two.joins(&alone);
    until("it does not take others in", || {
        two.log().contains("etcd disabled")
    });
}

#[test]
fn manifests_are_applied_and_workloads_run() {
    let mut server = Machine::new("one");
    server.server("disable: [traefik]\n");
    until("the server is up", || nodes(&server) == ["one"]);
    let manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: web}\n\
        spec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: c, image: i}]}\n";
    server.write("server/manifests/web.yaml", manifest);
    until("the Deployment is available", || {
        let (_, it) = server.api(
            Method::GET,
            "/apis/apps/v1/namespaces/web/deployments/web",
            Value::Null,
        );
        it["status"]["availableReplicas"] == 1
    });
    let (code, _) = server.api(
        Method::GET,
        "/apis/apps/v1/namespaces/kube-system/deployments/traefik",
        Value::Null,
    );
    assert_eq!(code, 404);
    let (_, pods) = server.api(Method::GET, "/api/v1/namespaces/web/pods", Value::Null);
    let pod = name(&pods["items"][0]).to_owned();
    let (_, log) = server.api(
        Method::GET,
        &format!("/api/v1/namespaces/web/pods/{pod}/log"),
        Value::Null,
    );
    assert!(log.as_str().unwrap().starts_with("simulated: "), "{log}");
    let (code, told) = server.api(
        Method::POST,
        &format!("/api/v1/namespaces/web/pods/{pod}/exec"),
        Value::Null,
    );
    assert_eq!(code, 501);
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .starts_with("this cluster is simulated"),
        "{told}"
    );
}

#[test]
fn the_version_is_written_behind_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k3s");
    let hoist = env!("CARGO_BIN_EXE_hoist");
    let stamp = |version: &str| {
        let out = std::process::Command::new(hoist)
            .args(["simulated-k3s", "stamp", version])
            .arg(&path)
            .output()
            .unwrap();
        (out.status.success(), String::from_utf8(out.stderr).unwrap())
    };
    assert!(!stamp("1.35").0);
    assert!(stamp("v1.35.9+k3s1").0);
    let out = std::process::Command::new(&path)
        .arg("--version")
        .output()
        .unwrap();
    assert!(
        String::from_utf8(out.stdout)
            .unwrap()
            .starts_with("k3s version v1.35.9+k3s1 (simulated)\n")
    );
}
