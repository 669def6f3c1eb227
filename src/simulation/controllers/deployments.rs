//! Deployments: a ReplicaSet for every template that they had, scaled from the old ones to the new one.

use super::tools::{all, change, controls, make, owned_by, set_status, tell, with_condition};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, number, seconds_since, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const PLACE: &str = "apps/deployments";
const SETS: &str = "apps/replicasets";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";
const BY: &str = "deployment-controller";

/// Looks at every Deployment.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    for it in all(cluster, PLACE, None) {
        if !object::deleting(&it) {
            reconcile(cluster, &it, now);
        }
    }
}

fn revision(it: &Value) -> i64 {
    object::annotation(it, REVISION)
        .and_then(|it| it.parse().ok())
        .unwrap_or(0)
}

fn wanted(set: &Value) -> i64 {
    number(set, &["spec", "replicas"]).unwrap_or(0)
}

fn available(set: &Value) -> i64 {
    number(set, &["status", "availableReplicas"]).unwrap_or(0)
}

/// A number or a percentage of the replicas.
fn part(value: &Value, replicas: i64, up: bool) -> i64 {
    match value
        .as_str()
        .and_then(|it| it.strip_suffix('%'))
        .and_then(|it| it.parse::<i64>().ok())
    {
        Some(percent) if up => (replicas * percent + 99) / 100,
        Some(percent) => replicas * percent / 100,
        None => value.as_i64().unwrap_or(0),
    }
}

fn reconcile(cluster: &mut Cluster, it: &Arc<Value>, now: Timestamp) {
    let namespace = object::namespace(it);
    let mut sets: Vec<Arc<Value>> = all(cluster, SETS, Some(namespace))
        .into_iter()
        .filter(|set| controls(it, set))
        .collect();
    let hash = object::digest(&it["spec"]["template"]);
    let latest = sets.iter().map(|set| revision(set)).max().unwrap_or(0);
    let current = sets
        .iter()
        .find(|set| set["metadata"]["labels"][HASH] == hash.as_str())
        .cloned();
    let Some(current) = (match current {
        Some(set) if revision(&set) < latest => {
            // an old template is wanted again: its set becomes the newest
            change(
                cluster,
                SETS,
                &set,
                json!({"metadata": {"annotations": {REVISION: (latest + 1).to_string()}}}),
                BY,
            )
        }
        Some(set) => Some(set),
        None => new_set(cluster, it, &hash, latest + 1),
    }) else {
        return;
    };
    sets.retain(|set| object::uid(set) != object::uid(&current));
    let number_now = revision(&current).to_string();
    if object::annotation(it, REVISION) != Some(&number_now) {
        change(
            cluster,
            PLACE,
            it,
            json!({"metadata": {"annotations": {REVISION: number_now}}}),
            BY,
        );
    }
    if it["spec"]["paused"] != true {
        scale(cluster, it, &current, &sets, now);
    }
    clean(cluster, it, &sets);
    report(cluster, it, &current, now);
}

fn new_set(cluster: &mut Cluster, it: &Value, hash: &str, revision: i64) -> Option<Arc<Value>> {
    let mut template = it["spec"]["template"].clone();
    object::map(&mut template["metadata"], "labels").insert(HASH.into(), hash.into());
    let mut selector = it["spec"]["selector"].clone();
    object::map(&mut selector, "matchLabels").insert(HASH.into(), hash.into());
    let name = format!("{}-{hash}", object::name(it));
    let set = json!({"metadata": {"name": name, "labels": template["metadata"]["labels"], "ownerReferences": owned_by(it),
            "annotations": {REVISION: revision.to_string(), "deployment.kubernetes.io/desired-replicas": wanted(it).to_string()}},
        "spec": {"replicas": 0, "selector": selector, "template": template}});
    make(cluster, SETS, object::namespace(it), set, BY)
        .ok()
        .map(|it| it.object)
}

fn set_replicas(cluster: &mut Cluster, it: &Value, set: &Value, replicas: i64, now: Timestamp) {
    let before = wanted(set);
    if before == replicas {
        return;
    }
    change(
        cluster,
        SETS,
        set,
        json!({"spec": {"replicas": replicas}}),
        BY,
    );
    let way = if replicas > before { "up" } else { "down" };
    let message = format!(
        "Scaled {way} replica set {} from {before} to {replicas}",
        object::name(set)
    );
    tell(
        cluster,
        it,
        "Normal",
        "ScalingReplicaSet",
        &message,
        BY,
        now,
    );
}

fn scale(cluster: &mut Cluster, it: &Value, current: &Value, old: &[Arc<Value>], now: Timestamp) {
    let replicas = wanted(it);
    let old_total: i64 = old.iter().map(|set| wanted(set)).sum();
    let strategy = &it["spec"]["strategy"];
    if strategy["type"] == "Recreate" {
        let left: i64 = old
            .iter()
            .map(|set| wanted(set).max(number(set, &["status", "replicas"]).unwrap_or(0)))
            .sum();
        for set in old {
            set_replicas(cluster, it, set, 0, now);
        }
        if left == 0 {
            set_replicas(cluster, it, current, replicas, now);
        }
        return;
    }
    let mut surge = part(&strategy["rollingUpdate"]["maxSurge"], replicas, true);
    let missing = part(
        &strategy["rollingUpdate"]["maxUnavailable"],
        replicas,
        false,
    );
    if surge == 0 && missing == 0 {
        surge = 1;
    }
    let room = replicas + surge - old_total;
    let target = if wanted(current) > replicas {
        replicas
    } else {
        wanted(current).max(room.min(replicas)).max(0)
    };
    set_replicas(cluster, it, current, target, now);
    let good: i64 = available(current) + old.iter().map(|set| available(set)).sum::<i64>();
    let mut spare = (good - (replicas - missing)).max(0);
    for set in old {
        // those that do not work go first and cost nothing
        let broken = (wanted(set) - available(set)).max(0);
        let working = (wanted(set) - broken).min(spare);
        spare -= working;
        set_replicas(cluster, it, set, wanted(set) - broken - working, now);
    }
}

/// Old sets beyond the history that is kept go.
fn clean(cluster: &mut Cluster, it: &Value, old: &[Arc<Value>]) {
    let keep = number(it, &["spec", "revisionHistoryLimit"]).unwrap_or(10);
    let mut empty: Vec<&Arc<Value>> = old
        .iter()
        .filter(|set| wanted(set) == 0 && number(set, &["status", "replicas"]).unwrap_or(0) == 0)
        .collect();
    empty.sort_by_key(|set| revision(set));
    let gone = empty
        .len()
        .saturating_sub(usize::try_from(keep).unwrap_or(0));
    for set in empty.into_iter().take(gone) {
        super::tools::remove(cluster, SETS, set);
    }
}

fn report(cluster: &mut Cluster, it: &Value, current: &Value, now: Timestamp) {
    let Some(it) = cluster
        .find(PLACE, object::namespace(it), object::name(it))
        .cloned()
    else {
        return;
    };
    let sets: Vec<Arc<Value>> = all(cluster, SETS, Some(object::namespace(&it)))
        .into_iter()
        .filter(|set| controls(&it, set))
        .collect();
    let sum = |field: &str| {
        sets.iter()
            .filter_map(|set| number(set, &["status", field]))
            .sum::<i64>()
    };
    let own = sets
        .iter()
        .find(|set| object::uid(set) == object::uid(current));
    let updated = own
        .and_then(|set| number(set, &["status", "replicas"]))
        .unwrap_or(0);
    let replicas = wanted(&it);
    let (total, ready, good) = (
        sum("replicas"),
        sum("readyReplicas"),
        sum("availableReplicas"),
    );
    let missing = part(
        &it["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"],
        replicas,
        false,
    );
    let some = |number: i64| {
        if number == 0 {
            Value::Null
        } else {
            number.into()
        }
    };
    let complete = updated == replicas && total == replicas && good == replicas;
    let name = object::name(current);
    let moved = json!([
        it["status"]["updatedReplicas"].as_i64().unwrap_or(0),
        it["status"]["availableReplicas"].as_i64().unwrap_or(0)
    ]) != json!([updated, good])
        || it["status"]["observedGeneration"] != it["metadata"]["generation"];
    let conditions =
        if good >= replicas - missing && (replicas == 0 || good > 0 || missing >= replicas) {
            with_condition(
                &it,
                "Available",
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
                now,
            )
        } else {
            with_condition(
                &it,
                "Available",
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
                now,
            )
        };
    let with = json!({"status": {"conditions": conditions}});
    let progressing = super::super::object::list(&it, &["status", "conditions"])
        .iter()
        .find(|it| it["type"] == "Progressing")
        .cloned();
    let since = progressing
        .as_ref()
        .and_then(|it| seconds_since(text(it, &["lastUpdateTime"]), now))
        .unwrap_or(0);
    let deadline = number(&it, &["spec", "progressDeadlineSeconds"]).unwrap_or(600);
    let late = !complete && !moved && since > deadline && it["spec"]["paused"] != true;
    let stuck = condition(&it, "Progressing") == Some("False") && !moved && !complete;
    let mut conditions = if complete {
        let message = format!("ReplicaSet {name:?} has successfully progressed.");
        with_condition(
            &with,
            "Progressing",
            "True",
            "NewReplicaSetAvailable",
            &message,
            now,
        )
    } else if late || stuck {
        let message = format!("ReplicaSet {name:?} has timed out progressing.");
        with_condition(
            &with,
            "Progressing",
            "False",
            "ProgressDeadlineExceeded",
            &message,
            now,
        )
    } else {
        let message = format!("ReplicaSet {name:?} is progressing.");
        with_condition(
            &with,
            "Progressing",
            "True",
            "ReplicaSetUpdated",
            &message,
            now,
        )
    };
    for condition in conditions.as_array_mut().into_iter().flatten() {
        let old = super::super::object::list(&it, &["status", "conditions"])
            .iter()
            .find(|it| it["type"] == condition["type"]);
        let kept = old
            .filter(|old| !moved && old["reason"] == condition["reason"])
            .map(|it| it["lastUpdateTime"].clone());
        condition["lastUpdateTime"] = kept.unwrap_or_else(|| object::stamp(now).into());
    }
    let status = json!({"observedGeneration": it["metadata"]["generation"], "replicas": some(total), "updatedReplicas": some(updated),
        "readyReplicas": some(ready), "availableReplicas": some(good), "unavailableReplicas": some((replicas - good).max(0)),
        "conditions": conditions});
    set_status(cluster, PLACE, &it, status, BY);
}
