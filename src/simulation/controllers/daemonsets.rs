//! DaemonSets: a pod on every node that takes it.

use super::replicasets::{pod_of, pods};
use super::scheduler::{selected, untolerated};
use super::tools::{all, make, remove, set_status, tell};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, list, text};
use jiff::Timestamp;
use serde_json::{Value, json};

const PLACE: &str = "apps/daemonsets";
const HASH: &str = "controller-revision-hash";
const BY: &str = "daemonset-controller";

/// Looks at every DaemonSet.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    for it in all(cluster, PLACE, None) {
        if !object::deleting(&it) {
            reconcile(cluster, &it, now);
        }
    }
}

/// The template as a pod, with the tolerations that pods of DaemonSets have.
fn pod(it: &Value, hash: &str) -> Value {
    let mut pod = pod_of(it, &it["spec"]["template"]);
    object::map(&mut pod["metadata"], "labels").insert(HASH.into(), hash.into());
    pod["metadata"]["generateName"] = format!("{}-", object::name(it)).into();
    let mut tolerations = list(&pod, &["spec", "tolerations"]).to_vec();
    for (key, effect) in [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("unreachable", "NoSchedule"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ] {
        tolerations.push(json!({"key": format!("node.kubernetes.io/{key}"), "operator": "Exists", "effect": effect}));
    }
    pod["spec"]["tolerations"] = tolerations.into();
    pod
}

fn reconcile(cluster: &mut Cluster, it: &Value, now: Timestamp) {
    let hash = object::digest(&it["spec"]["template"]);
    let template = pod(it, &hash);
    let nodes = all(cluster, "/nodes", None);
    let fits = |node: &Value| {
        untolerated(&template, node, &["NoSchedule", "NoExecute"]).is_none()
            && selected(&template, node)
    };
    let wanted: Vec<&str> = nodes
        .iter()
        .filter(|it| fits(it))
        .map(|it| object::name(it))
        .collect();
    let mut own = pods(cluster, it);
    for pod in &own {
        let over = matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed");
        if over || !wanted.contains(&text(pod, &["spec", "nodeName"])) {
            remove(cluster, "/pods", pod);
        }
    }
    let everything = all(cluster, "/pods", Some(object::namespace(it)));
    let busy = |node: &str| {
        everything
            .iter()
            .any(|pod| super::tools::controls(it, pod) && text(pod, &["spec", "nodeName"]) == node)
    };
    for node in wanted.iter().filter(|node| !busy(node)) {
        let mut pod = template.clone();
        pod["spec"]["nodeName"] = (*node).into();
        match make(cluster, "/pods", object::namespace(it), pod, BY) {
            Ok(pod) => {
                tell(
                    cluster,
                    it,
                    "Normal",
                    "SuccessfulCreate",
                    &format!("Created pod: {}", object::name(&pod.object)),
                    BY,
                    now,
                );
                own.push(pod.object);
            }
            Err(failure) => tell(
                cluster,
                it,
                "Warning",
                "FailedCreate",
                &format!("Error creating: {}", failure.message),
                BY,
                now,
            ),
        }
    }
    let own = pods(cluster, it);
    let ready = own
        .iter()
        .filter(|it| condition(it, "Ready") == Some("True"))
        .count();
    let current = |pod: &Value| pod["metadata"]["labels"][HASH] == hash.as_str();
    let updated = own.iter().filter(|it| current(it)).count();
    // one pod after the other is renewed
    if it["spec"]["updateStrategy"]["type"] == "RollingUpdate" {
        let broken = own
            .iter()
            .find(|it| !current(it) && condition(it, "Ready") != Some("True"));
        let stale = own.iter().find(|it| !current(it));
        if let Some(pod) = broken.or(stale.filter(|_| ready == wanted.len())) {
            remove(cluster, "/pods", pod);
        }
    }
    let some = |number: usize| {
        if number == 0 {
            Value::Null
        } else {
            number.into()
        }
    };
    let misplaced = own
        .iter()
        .filter(|pod| !wanted.contains(&text(pod, &["spec", "nodeName"])))
        .count();
    let status = json!({"observedGeneration": it["metadata"]["generation"], "desiredNumberScheduled": wanted.len(),
        "currentNumberScheduled": own.len() - misplaced, "numberReady": ready, "numberAvailable": some(ready),
        "numberUnavailable": some(wanted.len().saturating_sub(ready)), "numberMisscheduled": misplaced,
        "updatedNumberScheduled": some(updated)});
    set_status(cluster, PLACE, it, status, BY);
}
