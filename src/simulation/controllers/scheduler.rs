//! The scheduler: finds a node for every pod that has none, or says why there is none.

use super::tools::{all, change, set_status, tell, with_condition};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, list, text};
use crate::simulation::quantity::Quantity;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const BY: &str = "default-scheduler";

/// Looks at every pod without a node.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    let pods = all(cluster, "/pods", None);
    let waiting: Vec<&Arc<Value>> = pods
        .iter()
        .filter(|it| text(it, &["spec", "nodeName"]).is_empty() && !object::deleting(it))
        .collect();
    if waiting.is_empty() {
        return;
    }
    let nodes = all(cluster, "/nodes", None);
    let mut used: BTreeMap<String, BTreeMap<String, Quantity>> = BTreeMap::new();
    for pod in &pods {
        let ended = matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed");
        let node = text(pod, &["spec", "nodeName"]);
        if !node.is_empty() && !ended {
            add(used.entry(node.to_owned()).or_default(), &requests(pod));
        }
    }
    for pod in waiting {
        match choose(cluster, pod, &nodes, &used) {
            Ok(node) => {
                let place = format!("{}/{}", object::namespace(pod), object::name(pod));
                if change(
                    cluster,
                    "/pods",
                    pod,
                    json!({"spec": {"nodeName": node}}),
                    BY,
                )
                .is_some()
                {
                    add(used.entry(node.clone()).or_default(), &requests(pod));
                    tell(
                        cluster,
                        pod,
                        "Normal",
                        "Scheduled",
                        &format!("Successfully assigned {place} to {node}"),
                        BY,
                        now,
                    );
                }
            }
            Err(why) => {
                let conditions =
                    with_condition(pod, "PodScheduled", "False", "Unschedulable", &why, now);
                if set_status(cluster, "/pods", pod, json!({"conditions": conditions}), BY)
                    .is_some()
                {
                    tell(cluster, pod, "Warning", "FailedScheduling", &why, BY, now);
                }
            }
        }
    }
}

fn add(total: &mut BTreeMap<String, Quantity>, more: &BTreeMap<String, Quantity>) {
    for (name, amount) in more {
        let entry = total.entry(name.clone()).or_default();
        *entry = *entry + *amount;
    }
}

/// What a pod asks of its node.
pub fn requests(pod: &Value) -> BTreeMap<String, Quantity> {
    let mut total = BTreeMap::from([("pods".to_owned(), Quantity::from(1))]);
    for container in list(pod, &["spec", "containers"]) {
        let asked = container["resources"]["requests"]
            .as_object()
            .into_iter()
            .flatten();
        for (name, amount) in asked {
            let amount = Quantity::parse(amount.as_str().unwrap_or_default()).unwrap_or_default();
            let entry = total.entry(name.clone()).or_default();
            *entry = *entry + amount;
        }
    }
    total
}

/// The node with the fewest pods of those that fit, or why none does.
fn choose(
    cluster: &Cluster,
    pod: &Value,
    nodes: &[Arc<Value>],
    used: &BTreeMap<String, BTreeMap<String, Quantity>>,
) -> Result<String, String> {
    if object::annotation(pod, "simulation.hoist.dev/fail") == Some("Pending") {
        return Err(format!(
            "0/{} nodes are available: the pod was told to stay pending (simulated).",
            nodes.len()
        ));
    }
    for volume in list(pod, &["spec", "volumes"]) {
        let claim = text(volume, &["persistentVolumeClaim", "claimName"]);
        if !claim.is_empty()
            && cluster
                .find("/persistentvolumeclaims", object::namespace(pod), claim)
                .is_none()
        {
            return Err(format!("persistentvolumeclaim {claim:?} not found"));
        }
    }
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut fitting: Vec<(usize, &str)> = Vec::new();
    for node in nodes {
        let none = BTreeMap::new();
        let used = used.get(object::name(node)).unwrap_or(&none);
        match refusals(pod, node, used) {
            refused if refused.is_empty() => {
                let pods = used.get("pods").map_or(0, |it| it.whole());
                fitting.push((
                    usize::try_from(pods).unwrap_or_default(),
                    object::name(node),
                ));
            }
            refused => {
                for reason in refused {
                    *reasons.entry(reason).or_default() += 1;
                }
            }
        }
    }
    fitting.sort_unstable();
    if let Some((_, node)) = fitting.first() {
        return Ok((*node).to_owned());
    }
    let reasons: Vec<String> = reasons
        .into_iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    let reasons = if reasons.is_empty() {
        "no nodes available to schedule pods".to_owned()
    } else {
        reasons.join(", ")
    };
    Err(format!(
        "0/{} nodes are available: {reasons}. (simulated)",
        nodes.len()
    ))
}

fn refusals(pod: &Value, node: &Value, used: &BTreeMap<String, Quantity>) -> Vec<String> {
    if let Some(taint) = untolerated(pod, node, &["NoSchedule", "NoExecute"]) {
        return vec![format!(
            "node(s) had untolerated taint {{{}: {}}}",
            text(taint, &["key"]),
            text(taint, &["value"])
        )];
    }
    if condition(node, "Ready") != Some("True") {
        return vec!["node(s) were not ready".to_owned()];
    }
    if node["spec"]["unschedulable"] == true {
        return vec!["node(s) were unschedulable".to_owned()];
    }
    if !selected(pod, node) {
        return vec!["node(s) didn't match Pod's node affinity/selector".to_owned()];
    }
    let mut refused = Vec::new();
    for (name, asked) in requests(pod) {
        let there =
            Quantity::parse(text(node, &["status", "allocatable", &name])).unwrap_or_default();
        let taken = used.get(&name).copied().unwrap_or_default();
        if taken + asked > there {
            refused.push(match name.as_str() {
                "pods" => "Too many pods".to_owned(),
                _ => format!("Insufficient {name}"),
            });
        }
    }
    refused
}

/// The first taint of a node with one of these effects that a pod does not tolerate.
pub fn untolerated<'a>(pod: &Value, node: &'a Value, effects: &[&str]) -> Option<&'a Value> {
    let tolerations = list(pod, &["spec", "tolerations"]);
    list(node, &["spec", "taints"])
        .iter()
        .filter(|it| effects.iter().any(|effect| it["effect"] == *effect))
        .find(|taint| {
            !tolerations.iter().any(|it| {
                let exists = it["operator"] == "Exists";
                let key = it["key"] == taint["key"] || (exists && text(it, &["key"]).is_empty());
                let value = exists || text(it, &["value"]) == text(taint, &["value"]);
                let effect = text(it, &["effect"]).is_empty() || it["effect"] == taint["effect"];
                key && value && effect
            })
        })
}

/// Whether a pod's node selector and required node affinity take a node.
pub fn selected(pod: &Value, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    let wanted = pod["spec"]["nodeSelector"]
        .as_object()
        .into_iter()
        .flatten();
    for (key, value) in wanted {
        if labels[key] != *value {
            return false;
        }
    }
    let affinity =
        &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = list(affinity, &["nodeSelectorTerms"]);
    let meets = |term: &Value| {
        let labels_met = list(term, &["matchExpressions"])
            .iter()
            .all(|it| meets(it, labels[text(it, &["key"])].as_str()));
        labels_met
            && list(term, &["matchFields"])
                .iter()
                .all(|it| meets(it, Some(object::name(node))))
    };
    terms.is_empty() || terms.iter().any(meets)
}

fn meets(expression: &Value, found: Option<&str>) -> bool {
    let values = list(expression, &["values"]);
    let among = found.is_some_and(|it| values.iter().any(|value| value == it));
    let number = |text: Option<&str>| text.and_then(|it| it.parse::<i64>().ok());
    let compared = || Some((number(found)?, number(values.first()?.as_str())?));
    match text(expression, &["operator"]) {
        "In" => among,
        "NotIn" => !among,
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compared().is_some_and(|(a, b)| a > b),
        "Lt" => compared().is_some_and(|(a, b)| a < b),
        _ => false,
    }
}
