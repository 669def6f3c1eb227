//! StatefulSets: pods with names of their own, one after the other, each with its claims.

use super::replicasets::{pod_of, pods};
use super::tools::{all, make, remove, set_status, tell};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, list, number, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const PLACE: &str = "apps/statefulsets";
const HASH: &str = "controller-revision-hash";
const BY: &str = "statefulset-controller";

/// Looks at every StatefulSet.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    for it in all(cluster, PLACE, None) {
        if !object::deleting(&it) {
            reconcile(cluster, &it, now);
        }
    }
}

fn ordinal(it: &Value) -> i64 {
    object::name(it)
        .rsplit('-')
        .next()
        .and_then(|it| it.parse().ok())
        .unwrap_or(-1)
}

fn reconcile(cluster: &mut Cluster, it: &Arc<Value>, now: Timestamp) {
    let wanted = number(it, &["spec", "replicas"]).unwrap_or(1);
    let first = number(it, &["spec", "ordinals", "start"]).unwrap_or(0);
    let one_by_one = it["spec"]["podManagementPolicy"] != "Parallel";
    let revision = format!(
        "{}-{}",
        object::name(it),
        object::digest(&it["spec"]["template"])
    );
    let partition = number(
        it,
        &["spec", "updateStrategy", "rollingUpdate", "partition"],
    )
    .unwrap_or(0);
    let rolling = it["spec"]["updateStrategy"]["type"] == "RollingUpdate";
    let mut dying = all(cluster, "/pods", Some(object::namespace(it)));
    dying.retain(|pod| super::tools::controls(it, pod) && object::deleting(pod));
    let mut own = pods(cluster, it);
    own.sort_by_key(|it| ordinal(it));
    let ready = |it: &Arc<Value>| condition(it, "Ready") == Some("True");
    let current = |it: &Arc<Value>| it["metadata"]["labels"][HASH] == revision.as_str();
    let mut moved = false;
    for at in first..first + wanted {
        match own.iter().find(|it| ordinal(it) == at) {
            Some(pod) if one_by_one && !ready(pod) => {
                moved = true;
                break;
            }
            Some(_) => {}
            None if dying.iter().any(|it| ordinal(it) == at) => {
                moved = true;
                break;
            }
            None => {
                add(cluster, it, at, &revision, now);
                moved = true;
                if one_by_one {
                    break;
                }
            }
        }
    }
    let surplus: Vec<&Arc<Value>> = own
        .iter()
        .filter(|it| ordinal(it) >= first + wanted || ordinal(it) < first)
        .collect();
    if let Some(last) = surplus.last() {
        moved = true;
        if dying.is_empty() {
            remove(cluster, "/pods", last);
            tell(
                cluster,
                it,
                "Normal",
                "SuccessfulDelete",
                &format!(
                    "delete Pod {} in StatefulSet {} successful",
                    object::name(last),
                    object::name(it)
                ),
                BY,
                now,
            );
        }
    }
    // a pod that stands in the way of its own renewal is renewed too
    let stale = own
        .iter()
        .rev()
        .find(|it| !current(it) && ordinal(it) >= partition);
    if rolling
        && dying.is_empty()
        && let Some(stale) = stale
        && (!moved || !ready(stale))
    {
        remove(cluster, "/pods", stale);
    }
    report(cluster, it, &revision);
}

fn add(cluster: &mut Cluster, it: &Value, at: i64, revision: &str, now: Timestamp) {
    let name = format!("{}-{at}", object::name(it));
    let mut pod = pod_of(it, &it["spec"]["template"]);
    pod["metadata"]["name"] = name.as_str().into();
    let labels = object::map(&mut pod["metadata"], "labels");
    labels.insert(HASH.into(), revision.into());
    labels.insert(
        "statefulset.kubernetes.io/pod-name".into(),
        name.as_str().into(),
    );
    labels.insert("apps.kubernetes.io/pod-index".into(), at.to_string().into());
    pod["spec"]["hostname"] = name.as_str().into();
    pod["spec"]["subdomain"] = it["spec"]["serviceName"].clone();
    let mut volumes = list(&pod, &["spec", "volumes"]).to_vec();
    for template in list(it, &["spec", "volumeClaimTemplates"]) {
        let own = object::name(template);
        let claim = format!("{own}-{name}");
        if cluster
            .find("/persistentvolumeclaims", object::namespace(it), &claim)
            .is_none()
        {
            let labels = it["spec"]["selector"]["matchLabels"].clone();
            let made =
                json!({"metadata": {"name": claim, "labels": labels}, "spec": template["spec"]});
            let _ = make(
                cluster,
                "/persistentvolumeclaims",
                object::namespace(it),
                made,
                BY,
            );
        }
        volumes.retain(|it| it["name"] != own);
        volumes.push(json!({"name": own, "persistentVolumeClaim": {"claimName": claim}}));
    }
    if !volumes.is_empty() {
        pod["spec"]["volumes"] = volumes.into();
    }
    match make(cluster, "/pods", object::namespace(it), pod, BY) {
        Ok(_) => tell(
            cluster,
            it,
            "Normal",
            "SuccessfulCreate",
            &format!(
                "create Pod {name} in StatefulSet {} successful",
                object::name(it)
            ),
            BY,
            now,
        ),
        Err(failure) => tell(
            cluster,
            it,
            "Warning",
            "FailedCreate",
            &format!(
                "create Pod {name} in StatefulSet {} failed error: {}",
                object::name(it),
                failure.message
            ),
            BY,
            now,
        ),
    }
}

fn report(cluster: &mut Cluster, it: &Value, revision: &str) {
    let own = pods(cluster, it);
    let ready = own
        .iter()
        .filter(|it| condition(it, "Ready") == Some("True"))
        .count();
    let updated = own
        .iter()
        .filter(|it| it["metadata"]["labels"][HASH] == revision)
        .count();
    let wanted = number(it, &["spec", "replicas"]).unwrap_or(1);
    let some = |number: usize| {
        if number == 0 {
            Value::Null
        } else {
            number.into()
        }
    };
    let complete = i64::try_from(updated).is_ok_and(|it| it == wanted)
        && updated == own.len()
        && ready == updated;
    let before = text(it, &["status", "currentRevision"]);
    let current = if complete || before.is_empty() {
        revision
    } else {
        before
    };
    let on_current = own
        .iter()
        .filter(|it| it["metadata"]["labels"][HASH] == current)
        .count();
    let status = json!({"observedGeneration": it["metadata"]["generation"], "replicas": own.len(), "readyReplicas": some(ready),
        "availableReplicas": ready, "currentReplicas": some(on_current), "updatedReplicas": some(updated),
        "currentRevision": current, "updateRevision": revision, "collisionCount": 0});
    set_status(cluster, PLACE, it, status, BY);
}
