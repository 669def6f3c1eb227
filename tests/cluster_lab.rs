//! The roles of playbooks/site.yml on throw-away hosts, with the simulated K3s in the real one's place. They need root and
//! Debian packages; `HOIST_SKIP_LAB=1` leaves them out, and says so.
// Helpers here are tests too, which the lint does not see.
#![allow(clippy::unwrap_used, clippy::panic)]

use hoist::lab::{Lab, Options};
use hoist::report::{Event, EventKind, Recap};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const HOIST: &str = env!("CARGO_BIN_EXE_hoist");

/// Whether to leave a test out because the user said so; a machine that can have no labs fails instead.
fn skipped() -> bool {
    let skip = std::env::var_os("HOIST_SKIP_LAB").is_some_and(|v| v == "1");
    if skip {
        eprintln!("SKIPPED: HOIST_SKIP_LAB=1 is set, no lab is made");
    } else {
        assert!(
            nix::unistd::geteuid().is_root(),
            "the lab's tests need root: run them with sudo, or set HOIST_SKIP_LAB=1"
        );
    }
    skip
}

/// Three hosts, an inventory of them, and a folder for what is the user's.
struct Site {
    lab: Lab,
    home: tempfile::TempDir,
}

impl Site {
    async fn up(name: &str, servers: usize) -> Self {
        Lab::down(name, &|_| ()).await.unwrap();
        let lab = Lab::up(&Options::new(name, 3), &|line| eprintln!("{line}"))
            .await
            .unwrap();
        let site = Self {
            lab,
            home: tempfile::tempdir().unwrap(),
        };
        site.inventory(servers, "");
        site
    }

    async fn down(self) {
        Lab::down(&self.lab.state().name, &|_| ()).await.unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn host(&self, number: usize) -> String {
        self.lab.hosts()[number].name.clone()
    }

    /// Writes the inventory: the first hosts are servers, the rest agents.
    fn inventory(&self, servers: usize, more: &str) {
        let names: Vec<String> = (0..3).map(|n| self.host(n)).collect();
        let (servers, agents) = names.split_at(servers);
        let text = format!(
            "{}\n[k3s_server]\n{}\n[k3s_agent]\n{}\n[all:vars]\nsite_name=trial\nkubeconfig_path={}\n\
             host_prep_require_cgroup_v2=false\nk3s_ready_timeout=60\nk3s_start_failures=2\n{more}\n",
            self.lab.inventory(),
            servers.join("\n"),
            agents.join("\n"),
            self.path("kubeconfig").display(),
        );
        fs::write(self.path("hosts.ini"), text).unwrap();
    }

    /// A program `k3s` of that version: hoist itself, with the version at its end.
    fn k3s(&self, version: &str) -> PathBuf {
        let path = self.path(&format!("k3s-{version}"));
        if !path.exists() {
            let mut bytes = fs::read(HOIST).unwrap();
            bytes.extend(format!("\nsimulated k3s version {version}\n").bytes());
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    }

    fn command(&self, subcommand: &str, version: &str, more: &[&str]) -> Command {
        let mut command = Command::new(HOIST);
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .arg(subcommand)
            .arg("-i")
            .arg(self.path("hosts.ini"))
            .arg(format!("--artifact=k3s={}", self.k3s(version).display()))
            .args(["-e", &format!("k3s_version={version}")])
            .arg("--record")
            .arg(self.path("run.jsonl"))
            .args(more)
            .stdin(Stdio::null());
        command
    }

    /// Runs hoist to its end: its recap, and everything it said.
    fn hoist(&self, subcommand: &str, version: &str, more: &[&str]) -> (Recap, String) {
        let output = self.command(subcommand, version, more).output().unwrap();
        let text = said(&output);
        let record = fs::read_to_string(self.path("run.jsonl")).unwrap_or_default();
        let last = record.lines().last().map(serde_json::from_str::<Event>);
        match last {
            Some(Ok(event)) => match event.kind {
                EventKind::RunFinished(recap) => (recap, text),
                other => panic!("{other:?}\n{text}"),
            },
            other => panic!("{other:?}\n{text}"),
        }
    }

    /// `hoist up`, which must succeed: how many changes.
    fn succeeds(&self, version: &str, more: &[&str]) -> u32 {
        let (recap, text) = self.hoist("up", version, more);
        assert_eq!(recap.exit, 0, "{text}");
        recap.hosts.values().map(|c| c.changed).sum()
    }

    /// What a command says on a host, as root.
    fn root(&self, number: usize, script: &str) -> String {
        let words = self.lab.host(&self.host(number)).unwrap().ssh();
        let output = Command::new(&words[0])
            .args(&words[1..])
            .arg(format!("sudo sh -c '{script}'"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Every node: whether it is Ready and schedulable, and its version; asked as the user would, with the kubeconfig.
    fn nodes(&self) -> BTreeMap<String, String> {
        let play = serde_json::json!([{
            "hosts": "localhost", "connection": "local", "gather_facts": false,
            "tasks": [{
                "kubernetes.core.k8s_info": {"kind": "Node", "kubeconfig": self.path("kubeconfig")},
                "register": "nodes",
            }, {
                "ansible.builtin.copy": {
                    "content": "{{ nodes.resources | to_json }}",
                    "dest": self.path("nodes.json"),
                },
            }],
        }]);
        fs::write(self.path("nodes.yml"), play.to_string()).unwrap();
        let output = Command::new(HOIST)
            .args(["run", "-i", "localhost,"])
            .arg(self.path("nodes.yml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let text = fs::read_to_string(self.path("nodes.json")).unwrap();
        let nodes: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let line = |node: &serde_json::Value| {
            let conditions = node["status"]["conditions"].as_array().unwrap().clone();
            let ready = conditions
                .iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True");
            format!(
                "{}{} {}",
                if ready { "Ready" } else { "NotReady" },
                if node["spec"]["unschedulable"] == true {
                    ",cordoned"
                } else {
                    ""
                },
                node["status"]["nodeInfo"]["kubeletVersion"]
                    .as_str()
                    .unwrap()
            )
        };
        let name = |node: &serde_json::Value| node["metadata"]["name"].as_str().unwrap().to_owned();
        nodes.iter().map(|n| (name(n), line(n))).collect()
    }

    fn all(&self, line: &str) -> BTreeMap<String, String> {
        (0..3).map(|n| (self.host(n), line.to_owned())).collect()
    }

    /// Everything on a host that is K3s's.
    fn traces(&self, number: usize) -> String {
        self.root(
            number,
            "ls -d /etc/rancher /var/lib/rancher/k3s /var/lib/kubelet /run/k3s /usr/local/bin/* /etc/systemd/system/k3s* 2>/dev/null; \
             ls /sys/class/net | grep -e cni -e flannel; pgrep -l k3s; \
             grep -e \" /run/k3s\" -e \" /var/lib/kubelet\" -e \" /var/lib/rancher\" /proc/self/mounts; true",
        )
    }
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

const OLD: &str = "v1.36.5+k3s1";
const NEW: &str = "v1.37.1+k3s1";

#[tokio::test(flavor = "multi_thread")]
async fn one_server_and_two_agents() {
    if skipped() {
        return;
    }
    let site = Site::up("t-k3s", 1).await;

    // What it would do, before there is anything: said, and nothing done.
    let predicted = site.succeeds(OLD, &["--check"]);
    assert!(predicted > 20, "{predicted}");
    for number in 0..3 {
        assert_eq!(site.traces(number), "");
        assert_eq!(site.root(number, "ls /etc/sysctl.d/90-kubernetes.conf"), "");
    }
    assert!(!site.path("kubeconfig").exists());

    // Bare hosts to a cluster, and the same again.
    assert!(site.succeeds(OLD, &[]) >= predicted);
    assert_eq!(site.nodes(), site.all(&format!("Ready {OLD}")));
    assert_eq!(
        site.path("kubeconfig")
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    let (recap, text) = site.hoist("up", OLD, &[]);
    let changes: u32 = recap.hosts.values().map(|c| c.changed).sum();
    assert_eq!((recap.exit, changes), (0, 0), "{text}");
    assert_eq!(site.succeeds(OLD, &["--check"]), 0);

    // The secret is where it must be, and nowhere else.
    let token = site.root(0, "cat /etc/rancher/k3s/token");
    assert_eq!(token.len(), 48, "{token}");
    let (first, rest) = token.split_at(1);
    let record = fs::read_to_string(site.path("run.jsonl")).unwrap();
    let (_, text) = site.hoist("up", OLD, &["-vvv", "--diff"]);
    for shown in [&record, &text] {
        assert!(!shown.contains(&token), "the token is shown");
    }
    for number in 0..3 {
        let modes = site.root(
            number,
            "stat -c %a /etc/rancher/k3s/token /etc/rancher/k3s/config.yaml",
        );
        assert_eq!(modes, "600\n600");
        assert_eq!(
            site.root(
                number,
                &format!("cat /proc/[0-9]*/cmdline | grep -c [{first}]{rest}")
            ),
            "0"
        );
    }

    // A setting changes on one host: that one restarts, the others do not.
    let since = |n: usize| {
        site.root(
            n,
            "systemctl show k3s k3s-agent -p ExecMainStartTimestampMonotonic",
        )
    };
    let before: Vec<String> = (0..3).map(since).collect();
    let agent = site.host(1);
    let more = format!(
        "[k3s_agent:vars]\nk3s_node_labels={{'disk': 'fast'}}\n[extra]\n{agent} k3s_kubelet_args=\"['max-pods=50']\""
    );
    site.inventory(1, &more);
    assert!(site.succeeds(OLD, &[]) > 0);
    assert_eq!(site.succeeds(OLD, &[]), 0);
    let after: Vec<String> = (0..3).map(since).collect();
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    assert_eq!(before[2], after[2]);

    // What cannot be is refused, and nothing is changed.
    let refused = |version: &str, more: &[&str]| {
        let (recap, text) = site.hoist("up", version, more);
        let changes: u32 = recap.hosts.values().map(|c| c.changed).sum();
        assert_eq!((recap.exit, changes), (2, 0), "{text}");
        text
    };
    let text = refused("v1.35.8+k3s1", &[]);
    assert!(
        text.contains("runs v1.36.5+k3s1, and artifacts.yml wants the older v1.35.8+k3s1"),
        "{text}"
    );
    let text = refused("v1.38.0+k3s1", &[]);
    assert!(text.contains("ask for a 1.37 release first"), "{text}");
    let text = refused(OLD, &["-e", "k3s_cluster_cidr=10.99.0.0/16"]);
    assert!(
        text.contains("A cluster cannot change its networks"),
        "{text}"
    );

    // An upgrade: every node in turn, and nobody is left cordoned.
    assert!(site.succeeds(NEW, &[]) > 0);
    assert_eq!(site.nodes(), site.all(&format!("Ready {NEW}")));
    assert_eq!(site.succeeds(NEW, &[]), 0);

    // An agent leaves, and comes back.
    let gone = site.host(2);
    let (recap, text) = site.hoist("down", NEW, &["-e", "confirm=yes", "--limit", &gone]);
    assert_eq!(recap.exit, 0, "{text}");
    assert_eq!(site.nodes().len(), 2);
    assert!(site.succeeds(NEW, &[]) > 0);
    assert_eq!(site.nodes(), site.all(&format!("Ready {NEW}")));

    // Down asks; then it goes and keeps the data; then the same cluster comes of it.
    let (recap, text) = site.hoist("down", NEW, &[]);
    assert_eq!(recap.exit, 2, "{text}");
    assert!(text.contains("Nothing was done"), "{text}");
    assert_eq!(site.nodes().len(), 3);
    let (recap, text) = site.hoist("down", NEW, &["-e", "confirm=yes"]);
    assert_eq!(recap.exit, 0, "{text}");
    assert_eq!(site.root(0, "pgrep k3s; ls /usr/local/bin"), "");
    assert!(site.succeeds(NEW, &[]) > 0);
    assert_eq!(site.root(0, "cat /etc/rancher/k3s/token"), token);
    assert_eq!(site.nodes(), site.all(&format!("Ready {NEW}")));

    // And with its data.
    let all = ["-e", "confirm=yes", "-e", "k3s_delete_data=true"];
    let (recap, text) = site.hoist("down", NEW, &all);
    assert_eq!(recap.exit, 0, "{text}");
    for number in 0..3 {
        assert_eq!(site.traces(number), "");
    }
    let kubeconfig = fs::read_to_string(site.path("kubeconfig")).unwrap();
    assert!(!kubeconfig.contains("trial"), "{kubeconfig}");
    site.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers() {
    if skipped() {
        return;
    }
    let site = Site::up("t-k3s-ha", 3).await;
    // Killed at some moment of the bring-up, and run again: the same cluster.
    for seconds in [4, 9, 14] {
        let mut child = killable(&site);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    site.succeeds(OLD, &[]);
    assert_eq!(site.nodes(), site.all(&format!("Ready {OLD}")));
    assert_eq!(site.succeeds(OLD, &[]), 0);
    let tokens: Vec<String> = (0..3)
        .map(|n| site.root(n, "cat /var/lib/rancher/k3s/server/token"))
        .collect();
    assert!(tokens.iter().all(|t| *t == tokens[0] && !t.is_empty()));

    // Only one run at a time.
    let mut first = killable(&site);
    let begun = Instant::now();
    while !site.path(".hosts.ini.lock").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let second = site.command("up", OLD, &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = said(&second);
    assert!(
        text.contains("another run is at work on the site"),
        "{text}"
    );
    assert!(text.contains(&format!("process {}", first.id())), "{text}");
    assert!(first.wait().unwrap().success());

    // An upgrade goes server by server, with a snapshot before it.
    assert!(site.succeeds(NEW, &[]) > 0);
    assert_eq!(site.nodes(), site.all(&format!("Ready {NEW}")));
    let snapshots = site.root(0, "ls /var/lib/rancher/k3s/server/db/snapshots");
    assert!(snapshots.contains("before-v1.37.1-k3s1"), "{snapshots}");
    assert_eq!(site.succeeds(NEW, &[]), 0);

    // A server loses its disk: the others take it in again.
    let lost = site.host(0);
    let all = [
        "-e",
        "confirm=yes",
        "-e",
        "k3s_delete_data=true",
        "--limit",
        &lost,
    ];
    let (recap, text) = site.hoist("down", NEW, &all);
    assert_eq!(recap.exit, 0, "{text}");
    assert!(site.succeeds(NEW, &[]) > 0);
    assert_eq!(site.nodes(), site.all(&format!("Ready {NEW}")));
    assert_eq!(site.succeeds(NEW, &[]), 0);
    site.down().await;
}

fn killable(site: &Site) -> Child {
    site.command("up", OLD, &[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_examples_can_be_clusters() {
    for name in ["single", "server-agents", "ha"] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("inventory/{name}/hosts.yml"));
        let keyring = hoist::vault::Keyring::default();
        let inventory =
            hoist::inventory::Inventory::load(&[path.display().to_string()], &keyring).unwrap();
        let problems = hoist::cli::topology::topology(&inventory, None, &Default::default());
        assert!(problems.0.is_empty(), "{problems}");
    }
}
