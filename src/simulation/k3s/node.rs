//! A node's own objects: its `Node` with status and its `Lease`, made anew by every heartbeat.

use crate::simulation::discovery::architecture;
use crate::simulation::object::stamp;
use serde_json::{Value, json};
use std::net::IpAddr;

/// What a node says about itself.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its addresses within the cluster.
    pub addresses: Vec<String>,
    /// Its addresses from outside.
    pub external: Vec<String>,
    /// The version of its kubelet.
    pub version: String,
    /// Labels and taints to register with.
    pub labels: Vec<String>,
    /// Taints to register with, `key=value:Effect`.
    pub taints: Vec<String>,
    /// Whether it is a server.
    pub server: bool,
    /// Whether it is one of several, or may become that.
    pub etcd: bool,
}

/// The first address of this machine that others can reach.
pub fn own_address() -> IpAddr {
    // connecting a datagram socket sends nothing; it only chooses a way, and with it an address
    let found = std::net::UdpSocket::bind(("0.0.0.0", 0)).and_then(|socket| {
        socket.connect(("192.0.2.1", 9))?;
        socket.local_addr()
    });
    found.map_or(IpAddr::from([127, 0, 0, 1]), |it| it.ip())
}

fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn kernel() -> String {
    first_line("/proc/sys/kernel/osrelease")
}

fn system() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let line = text.lines().find_map(|it| it.strip_prefix("PRETTY_NAME="));
    line.unwrap_or("Linux").trim_matches('"').to_owned()
}

fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|it| it.strip_prefix("MemTotal:"))
        .unwrap_or_default();
    line.trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .unwrap_or(1 << 20)
}

impl Node {
    fn labels(&self) -> Value {
        let mut labels = json!({
            "beta.kubernetes.io/arch": architecture(), "beta.kubernetes.io/os": "linux",
            "beta.kubernetes.io/instance-type": "k3s", "kubernetes.io/arch": architecture(),
            "kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux",
            "node.kubernetes.io/instance-type": "k3s",
        });
        if self.server {
            labels["node-role.kubernetes.io/control-plane"] = "true".into();
        }
        if self.etcd {
            labels["node-role.kubernetes.io/etcd"] = "true".into();
        }
        for label in &self.labels {
            let (key, value) = label.split_once('=').unwrap_or((label, ""));
            labels[key] = value.into();
        }
        labels
    }

    fn taint(text: &str) -> Value {
        let (rest, effect) = text.rsplit_once(':').unwrap_or((text, "NoSchedule"));
        let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
        let mut taint = json!({"key": key, "effect": effect});
        if !value.is_empty() {
            taint["value"] = value.into();
        }
        taint
    }

    /// The `Node` as it registers.
    pub fn object(&self, now: jiff::Timestamp) -> Value {
        let mut spec = json!({"providerID": format!("k3s://{}", self.name)});
        if !self.taints.is_empty() {
            let taints: Vec<Value> = self.taints.iter().map(|it| Node::taint(it)).collect();
            spec["taints"] = taints.into();
        }
        json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": self.name, "labels": self.labels(), "annotations": {
                "simulation.hoist.dev/simulated": "true",
                "k3s.io/internal-ip": self.addresses.join(","), "k3s.io/hostname": self.name}},
            "spec": spec, "status": self.status(None, now)})
    }

    /// The status of the `Node`; transition times are kept where nothing changed.
    pub fn status(&self, old: Option<&Value>, now: jiff::Timestamp) -> Value {
        let time = stamp(now);
        let condition = |sort: &str, status: &str, reason: &str, message: &str| {
            let before = old.and_then(|it| it["conditions"].as_array());
            let before = before.and_then(|it| {
                it.iter()
                    .find(|it| it["type"] == sort && it["status"] == status)
            });
            let since = before.map_or(Value::from(time.as_str()), |it| {
                it["lastTransitionTime"].clone()
            });
            json!({"type": sort, "status": status, "reason": reason, "message": message,
                "lastHeartbeatTime": time, "lastTransitionTime": since})
        };
        let mut addresses: Vec<Value> = self
            .addresses
            .iter()
            .map(|it| json!({"type": "InternalIP", "address": it}))
            .collect();
        addresses.extend(
            self.external
                .iter()
                .map(|it| json!({"type": "ExternalIP", "address": it})),
        );
        addresses.push(json!({"type": "Hostname", "address": self.name}));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut capacity = json!({"cpu": cores.to_string(), "memory": format!("{}Ki", memory()), "pods": "110",
            "ephemeral-storage": "10Gi", "hugepages-2Mi": "0"});
        // devices that plugins on the node offered are theirs to change
        for (name, amount) in old
            .and_then(|it| it["capacity"].as_object())
            .into_iter()
            .flatten()
        {
            if name.contains('/') {
                capacity[name.as_str()] = amount.clone();
            }
        }
        let machine = first_line("/etc/machine-id");
        json!({"addresses": addresses, "capacity": capacity, "allocatable": capacity,
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available (simulated)"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure (simulated)"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available (simulated)"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status (simulated)"),
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {"machineID": machine, "systemUUID": machine, "bootID": first_line("/proc/sys/kernel/random/boot_id"),
                "kernelVersion": kernel(), "osImage": system(), "containerRuntimeVersion": "simulated://0",
                "kubeletVersion": self.version, "kubeProxyVersion": "", "operatingSystem": "linux",
                "architecture": architecture()}})
    }

    /// The `Lease` by which the cluster knows that the node lives.
    pub fn lease(&self, now: jiff::Timestamp) -> Value {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": self.name, "leaseDurationSeconds": 40,
                "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()}})
    }
}
