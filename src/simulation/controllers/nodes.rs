//! Nodes: one whose lease is no longer renewed is not ready, and its pods with it.

use super::tools::{all, change, set_status, tell, with_condition};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, list, text};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A node that was silent for so many seconds is not ready.
pub const SILENT: i64 = 15;
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const BY: &str = "node-controller";

/// Looks at every node.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    for it in all(cluster, "/nodes", None) {
        let name = object::name(&it);
        let lease = cluster.find("coordination.k8s.io/leases", "kube-node-lease", name);
        let renewed = lease
            .map(|it| text(it, &["spec", "renewTime"]))
            .unwrap_or_default();
        let silent = object::seconds_since(renewed, now);
        let created = object::seconds_since(text(&it, &["metadata", "creationTimestamp"]), now);
        // the cluster itself may have slept: a lease from before it started says nothing yet
        let silent = silent.or(created).is_some_and(|it| it > SILENT);
        let ready = condition(&it, "Ready") == Some("True");
        if silent && ready {
            let message = "Kubelet stopped posting node status. (simulated)";
            let conditions =
                with_condition(&it, "Ready", "Unknown", "NodeStatusUnknown", message, now);
            set_status(
                cluster,
                "/nodes",
                &it,
                json!({"conditions": conditions}),
                BY,
            );
            tell(
                cluster,
                &it,
                "Normal",
                "NodeNotReady",
                &format!("Node {name} status is now: NodeNotReady"),
                BY,
                now,
            );
            unready(cluster, name, now);
        }
        if let Some(it) = cluster.find("/nodes", "", name).cloned() {
            taint(cluster, &it);
        }
    }
}

fn taint(cluster: &mut Cluster, it: &Value) {
    let wanted: &[(&str, &str)] = match condition(it, "Ready") {
        Some("True") => &[],
        Some("False") => &[(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")],
        _ if list(it, &["status", "conditions"]).is_empty() => &[(NOT_READY, "NoSchedule")],
        _ => &[(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")],
    };
    let before = list(it, &["spec", "taints"]);
    let own = |it: &Value| it["key"] == UNREACHABLE || it["key"] == NOT_READY;
    let (ours, others): (Vec<&Value>, Vec<&Value>) = before.iter().partition(|it| own(it));
    let same = ours.len() == wanted.len()
        && wanted.iter().all(|(key, effect)| {
            ours.iter()
                .any(|it| it["key"] == *key && it["effect"] == *effect)
        });
    if same {
        return;
    }
    let mut taints: Vec<Value> = others.into_iter().cloned().collect();
    taints.extend(
        wanted
            .iter()
            .map(|(key, effect)| json!({"key": key, "effect": effect})),
    );
    let taints = if taints.is_empty() {
        Value::Null
    } else {
        taints.into()
    };
    change(
        cluster,
        "/nodes",
        it,
        json!({"spec": {"taints": taints}}),
        BY,
    );
}

fn unready(cluster: &mut Cluster, node: &str, now: Timestamp) {
    for pod in all(cluster, "/pods", None) {
        if text(&pod, &["spec", "nodeName"]) == node && condition(&pod, "Ready") == Some("True") {
            let conditions = with_condition(&pod, "Ready", "False", "NodeNotReady", "", now);
            set_status(
                cluster,
                "/pods",
                &pod,
                json!({"conditions": conditions}),
                BY,
            );
        }
    }
}
