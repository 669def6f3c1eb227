//! What belongs to something that is gone goes too, unless it was to be orphaned.

use super::tools::remove;
use crate::simulation::change::Key;
use crate::simulation::cluster::{Cluster, place};
use crate::simulation::object::{self, list, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Looks at every object that has an owner, and at every owner that waits for its dependents.
pub fn run(cluster: &mut Cluster) {
    let mut uids: BTreeMap<String, Arc<Value>> = BTreeMap::new();
    let mut owned: Vec<(Key, Arc<Value>)> = Vec::new();
    let mut waiting: Vec<(Key, Arc<Value>)> = Vec::new();
    for (key, it) in cluster.store.all() {
        uids.insert(object::uid(it).to_owned(), Arc::clone(it));
        if !list(it, &["metadata", "ownerReferences"]).is_empty() {
            owned.push((key.clone(), Arc::clone(it)));
        }
        let finalizers = list(it, &["metadata", "finalizers"]);
        if object::deleting(it)
            && finalizers
                .iter()
                .any(|it| it == "foregroundDeletion" || it == "orphan")
        {
            waiting.push((key.clone(), Arc::clone(it)));
        }
    }
    for (key, it) in &waiting {
        let uid = object::uid(it);
        let mine = |it: &Value| {
            list(it, &["metadata", "ownerReferences"])
                .iter()
                .any(|it| it["uid"] == uid)
        };
        let dependents: Vec<&(Key, Arc<Value>)> = owned.iter().filter(|(_, it)| mine(it)).collect();
        let orphan = list(it, &["metadata", "finalizers"])
            .iter()
            .any(|it| it == "orphan");
        let Some(kind) = cluster
            .catalog
            .all()
            .find(|kind| place(kind) == key.0)
            .cloned()
        else {
            continue;
        };
        if orphan {
            for (key, dependent) in dependents {
                abandon(cluster, key, dependent, uid);
            }
            let _ = cluster.release(&kind, it, "orphan");
        } else if dependents.is_empty() {
            let _ = cluster.release(&kind, it, "foregroundDeletion");
        } else {
            for (key, dependent) in dependents {
                if !object::deleting(dependent) {
                    remove(cluster, &key.0, dependent);
                }
            }
        }
    }
    for (key, it) in &owned {
        let alive = list(it, &["metadata", "ownerReferences"])
            .iter()
            .any(|reference| {
                uids.get(text(reference, &["uid"])).is_some_and(|it| {
                    let namespace = object::namespace(it);
                    namespace.is_empty() || namespace == key.1
                })
            });
        if !alive && !object::deleting(it) {
            remove(cluster, &key.0, it);
        }
    }
}

fn abandon(cluster: &mut Cluster, key: &Key, dependent: &Value, uid: &str) {
    let Some(kind) = cluster
        .catalog
        .all()
        .find(|kind| place(kind) == key.0)
        .cloned()
    else {
        return;
    };
    let mut new = dependent.clone();
    let metadata = object::map(&mut new, "metadata");
    if let Some(list) = metadata
        .get_mut("ownerReferences")
        .and_then(Value::as_array_mut)
    {
        list.retain(|it| it["uid"] != uid);
        if list.is_empty() {
            metadata.shift_remove("ownerReferences");
        }
    }
    let _ = cluster.keep(&kind, key.clone(), new);
}
