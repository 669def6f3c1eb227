//! What the controllers share: finding, making, changing and removing objects, and events about them.

use crate::simulation::cluster::Cluster;
use crate::simulation::failure::Failure;
use crate::simulation::kind::Kind;
use crate::simulation::object::{self, stamp, text};
use crate::simulation::patch::Patch;
use crate::simulation::removal::Removal;
use crate::simulation::writing::{How, Written};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// The objects of a place, as they are now.
pub fn all(cluster: &Cluster, place: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
    cluster
        .store
        .list(place, namespace)
        .map(|(_, it)| Arc::clone(it))
        .collect()
}

/// The kind behind a place (`group/plural`).
pub fn kind_of(cluster: &Cluster, place: &str) -> Option<Arc<Kind>> {
    let (group, plural) = place.split_once('/')?;
    let mut kinds = cluster.catalog.all();
    kinds
        .find(|it| it.group == group && it.plural == plural)
        .map(Arc::clone)
}

fn missing(place: &str) -> Failure {
    Failure::internal(format!("there is no kind {place}"))
}

/// Makes an object.
pub fn make(
    cluster: &mut Cluster,
    place: &str,
    namespace: &str,
    it: Value,
    manager: &str,
) -> Result<Written, Failure> {
    let kind = kind_of(cluster, place).ok_or_else(|| missing(place))?;
    cluster.create(&kind, namespace, it, How::by(manager))
}

/// Merges a change into an object.
pub fn change(
    cluster: &mut Cluster,
    place: &str,
    it: &Value,
    change: Value,
    manager: &str,
) -> Option<Arc<Value>> {
    let kind = kind_of(cluster, place)?;
    let how = How::by(manager);
    let written = cluster.patch(
        &kind,
        object::namespace(it),
        object::name(it),
        Patch::Merge(change),
        how,
    );
    written.ok().map(|it| it.object)
}

/// Sets the status of an object, where it is another. Fields that are null are taken away.
pub fn set_status(
    cluster: &mut Cluster,
    place: &str,
    it: &Value,
    status: Value,
    manager: &str,
) -> Option<Arc<Value>> {
    let mut merged = it["status"].clone();
    json_patch::merge(&mut merged, &status);
    if merged == it["status"] {
        return None;
    }
    let kind = kind_of(cluster, place)?;
    let patch = Patch::Merge(json!({"status": status}));
    let how = How::status(manager);
    cluster
        .patch(&kind, object::namespace(it), object::name(it), patch, how)
        .ok()
        .map(|it| it.object)
}

/// Removes an object, in the background.
pub fn remove(cluster: &mut Cluster, place: &str, it: &Value) {
    if let Some(kind) = kind_of(cluster, place) {
        let how = Removal {
            propagation: "Background".to_owned(),
            uid: object::uid(it).to_owned(),
            ..Removal::default()
        };
        // one that somebody else removed meanwhile is gone as well
        let _ = cluster.delete(&kind, object::namespace(it), object::name(it), &how);
    }
}

/// Conditions with one of them set; the time of its last transition stays when its status does.
pub fn with_condition(
    it: &Value,
    sort: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> Value {
    let mut conditions = object::list(it, &["status", "conditions"]).to_vec();
    let time = stamp(now);
    let old = conditions.iter_mut().find(|it| it["type"] == sort);
    match old {
        Some(old) => {
            if old["status"] != status {
                old["lastTransitionTime"] = time.as_str().into();
            }
            old["status"] = status.into();
            old["reason"] = reason.into();
            old["message"] = message.into();
        }
        None => conditions.push(json!({"type": sort, "status": status, "reason": reason, "message": message, "lastTransitionTime": time})),
    }
    conditions.into()
}

/// Whether `owner` controls `it`.
pub fn controls(owner: &Value, it: &Value) -> bool {
    object::list(it, &["metadata", "ownerReferences"])
        .iter()
        .any(|reference| reference["controller"] == true && reference["uid"] == object::uid(owner))
}

/// The reference to an owner.
pub fn owned_by(owner: &Value) -> Value {
    json!([{"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": object::name(owner), "uid": object::uid(owner),
        "controller": true, "blockOwnerDeletion": true}])
}

/// Tells something about an object, as an Event. The same again only counts up.
pub fn tell(
    cluster: &mut Cluster,
    about: &Value,
    sort: &str,
    reason: &str,
    message: &str,
    by: &str,
    now: Timestamp,
) {
    let namespace = match object::namespace(about) {
        "" => "default",
        namespace => namespace,
    };
    let mark = object::digest(&json!([object::uid(about), sort, reason, message]));
    let name = format!("{}.{mark}", object::name(about));
    let time = stamp(now);
    if let Some(old) = cluster.find("/events", namespace, &name).cloned() {
        let count = old["count"].as_i64().unwrap_or(1) + 1;
        change(
            cluster,
            "/events",
            &old,
            json!({"count": count, "lastTimestamp": time}),
            by,
        );
        return;
    }
    let event = json!({"metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"apiVersion": about["apiVersion"], "kind": about["kind"], "name": object::name(about),
            "namespace": object::namespace(about), "uid": object::uid(about), "resourceVersion": text(about, &["metadata", "resourceVersion"])},
        "type": sort, "reason": reason, "message": message, "count": 1, "firstTimestamp": time, "lastTimestamp": time,
        "source": {"component": by}, "reportingComponent": by, "reportingInstance": ""});
    // an event that cannot be kept is no reason to stop
    let _ = make(cluster, "/events", namespace, event, by);
}
