//! ReplicaSets and ReplicationControllers: as many pods as are wanted.

use super::tools::{all, controls, make, owned_by, remove, set_status, tell, with_condition};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, number, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const BY: &str = "replicaset-controller";

/// Looks at every set.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    for place in ["apps/replicasets", "/replicationcontrollers"] {
        for it in all(cluster, place, None) {
            if !object::deleting(&it) {
                reconcile(cluster, place, &it, now);
            }
        }
    }
}

/// The pods that an object controls and that are not over.
pub fn pods(cluster: &Cluster, owner: &Value) -> Vec<Arc<Value>> {
    let mut found = all(cluster, "/pods", Some(object::namespace(owner)));
    found.retain(|it| controls(owner, it) && !object::deleting(it));
    found
}

/// A pod of a template.
pub fn pod_of(owner: &Value, template: &Value) -> Value {
    let mut pod = json!({"metadata": template["metadata"], "spec": template["spec"]});
    object::map(&mut pod, "metadata").insert("ownerReferences".into(), owned_by(owner));
    pod
}

fn reconcile(cluster: &mut Cluster, place: &str, it: &Value, now: Timestamp) {
    let wanted = number(it, &["spec", "replicas"]).unwrap_or(0);
    let mut own = pods(cluster, it);
    own.retain(|it| !matches!(text(it, &["status", "phase"]), "Succeeded" | "Failed"));
    let mut failure = None;
    let have = i64::try_from(own.len()).unwrap_or(i64::MAX);
    for _ in have..wanted {
        let mut pod = pod_of(it, &it["spec"]["template"]);
        pod["metadata"]["generateName"] = format!("{}-", object::name(it)).into();
        match make(cluster, "/pods", object::namespace(it), pod, BY) {
            Ok(pod) => {
                let message = format!("Created pod: {}", object::name(&pod.object));
                tell(cluster, it, "Normal", "SuccessfulCreate", &message, BY, now);
                own.push(pod.object);
            }
            Err(refused) => {
                failure = Some(refused.message);
                break;
            }
        }
    }
    if have > wanted {
        // those that are not ready go first
        own.sort_by_key(|it| condition(it, "Ready") == Some("True"));
        let gone: Vec<Arc<Value>> = own
            .drain(..usize::try_from(have - wanted).unwrap_or(0))
            .collect();
        for pod in gone {
            remove(cluster, "/pods", &pod);
            let message = format!("Deleted pod: {}", object::name(&pod));
            tell(cluster, it, "Normal", "SuccessfulDelete", &message, BY, now);
        }
    }
    let ready = own
        .iter()
        .filter(|it| condition(it, "Ready") == Some("True"))
        .count();
    let some = |number: usize| {
        if number == 0 {
            Value::Null
        } else {
            number.into()
        }
    };
    let failed = condition(it, "ReplicaFailure") == Some("True");
    let conditions = match &failure {
        Some(message) => with_condition(it, "ReplicaFailure", "True", "FailedCreate", message, now),
        None if failed => Value::Null,
        None => it["status"]["conditions"].clone(),
    };
    let status = json!({"replicas": own.len(), "fullyLabeledReplicas": some(own.len()), "readyReplicas": some(ready),
        "availableReplicas": some(ready), "observedGeneration": it["metadata"]["generation"], "conditions": conditions});
    if set_status(cluster, place, it, status, BY).is_some()
        && let Some(message) = failure
    {
        tell(
            cluster,
            it,
            "Warning",
            "FailedCreate",
            &format!("Error creating: {message}"),
            BY,
            now,
        );
    }
}
