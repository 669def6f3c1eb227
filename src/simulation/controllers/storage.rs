//! Claims: bound to a volume that fits, or to one made for them by their class.

use super::tools::{all, change, kind_of, make, remove, set_status, tell};
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, list, text};
use crate::simulation::quantity::Quantity;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const CLAIMS: &str = "/persistentvolumeclaims";
const VOLUMES: &str = "/persistentvolumes";
const BY: &str = "persistentvolume-controller";

/// Looks at every claim and every volume.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    for claim in all(cluster, CLAIMS, None) {
        if object::deleting(&claim) && !in_use(cluster, &claim) {
            let_go(cluster, CLAIMS, &claim, "kubernetes.io/pvc-protection");
        }
        if !object::deleting(&claim) && text(&claim, &["status", "phase"]) != "Bound" {
            bind(cluster, &claim, now);
        }
    }
    for volume in all(cluster, VOLUMES, None) {
        if object::deleting(&volume) && text(&volume, &["status", "phase"]) != "Bound" {
            let_go(cluster, VOLUMES, &volume, "kubernetes.io/pv-protection");
            continue;
        }
        release(cluster, &volume);
    }
}

fn bind(cluster: &mut Cluster, claim: &Arc<Value>, now: Timestamp) {
    let wanted = text(claim, &["spec", "storageClassName"]);
    let size = Quantity::parse(text(claim, &["spec", "resources", "requests", "storage"]))
        .unwrap_or_default();
    let named = text(claim, &["spec", "volumeName"]);
    let fits = |volume: &Value| {
        let here = Quantity::parse(text(volume, &["spec", "capacity", "storage"]))
            .unwrap_or_default()
            >= size;
        let free = match volume["spec"]["claimRef"].as_object() {
            Some(_) => {
                text(volume, &["spec", "claimRef", "name"]) == object::name(claim)
                    && text(volume, &["spec", "claimRef", "namespace"]) == object::namespace(claim)
                    && matches!(text(volume, &["spec", "claimRef", "uid"]), uid if uid.is_empty() || uid == object::uid(claim))
            }
            None => text(volume, &["status", "phase"]) != "Released",
        };
        let ours = named.is_empty() || named == object::name(volume);
        here && free && ours && text(volume, &["spec", "storageClassName"]) == wanted
    };
    let found = all(cluster, VOLUMES, None).into_iter().find(|it| fits(it));
    let volume = match found {
        Some(volume) => Some(volume),
        None if named.is_empty() && !wanted.is_empty() => provision(cluster, claim, wanted, now),
        None => None,
    };
    let Some(volume) = volume else {
        return;
    };
    let reference = json!({"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": object::namespace(claim),
        "name": object::name(claim), "uid": object::uid(claim)});
    change(
        cluster,
        VOLUMES,
        &volume,
        json!({"spec": {"claimRef": reference}}),
        BY,
    );
    set_status(cluster, VOLUMES, &volume, json!({"phase": "Bound"}), BY);
    let name = object::name(&volume);
    if let Some(claim) = change(
        cluster,
        CLAIMS,
        claim,
        json!({"spec": {"volumeName": name},
        "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}}),
        BY,
    ) {
        let status = json!({"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": volume["spec"]["capacity"]});
        set_status(cluster, CLAIMS, &claim, status, BY);
    }
}

fn provision(
    cluster: &mut Cluster,
    claim: &Value,
    class: &str,
    now: Timestamp,
) -> Option<Arc<Value>> {
    let Some(found) = cluster
        .find("storage.k8s.io/storageclasses", "", class)
        .cloned()
    else {
        if text(
            claim,
            &["metadata", "annotations", "simulation.hoist.dev/told"],
        )
        .is_empty()
        {
            let message = format!("storageclass.storage.k8s.io {class:?} not found");
            if change(
                cluster,
                CLAIMS,
                claim,
                json!({"metadata": {"annotations": {"simulation.hoist.dev/told": "true"}}}),
                BY,
            )
            .is_some()
            {
                tell(
                    cluster,
                    claim,
                    "Warning",
                    "ProvisioningFailed",
                    &message,
                    BY,
                    now,
                );
            }
        }
        return None;
    };
    if object::annotation(claim, "simulation.hoist.dev/fail").is_some()
        || found["provisioner"] == "kubernetes.io/no-provisioner"
    {
        return None;
    }
    if found["volumeBindingMode"] == "WaitForFirstConsumer" && !in_use(cluster, claim) {
        return None;
    }
    let name = format!("pvc-{}", object::uid(claim));
    let volume = json!({"metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": found["provisioner"]}},
        "spec": {"capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]}, "accessModes": claim["spec"]["accessModes"],
            "storageClassName": class, "persistentVolumeReclaimPolicy": found["reclaimPolicy"],
            "volumeMode": claim["spec"]["volumeMode"],
            "hostPath": {"path": format!("/var/lib/rancher/k3s/storage/{name}_{}_{}", object::namespace(claim), object::name(claim)), "type": "DirectoryOrCreate"}}});
    let made = make(cluster, VOLUMES, "", volume, BY).ok()?;
    let message = format!("Successfully provisioned volume {name} (simulated)");
    tell(
        cluster,
        claim,
        "Normal",
        "ProvisioningSucceeded",
        &message,
        text(&found, &["provisioner"]),
        now,
    );
    Some(made.object)
}

fn release(cluster: &mut Cluster, volume: &Value) {
    if object::deleting(volume) {
        return;
    }
    let uid = text(volume, &["spec", "claimRef", "uid"]);
    if uid.is_empty() {
        if text(volume, &["status", "phase"]) == "Pending" {
            set_status(cluster, VOLUMES, volume, json!({"phase": "Available"}), BY);
        }
        return;
    }
    let namespace = text(volume, &["spec", "claimRef", "namespace"]);
    let claim = cluster.find(
        CLAIMS,
        namespace,
        text(volume, &["spec", "claimRef", "name"]),
    );
    if claim.is_some_and(|it| object::uid(it) == uid) {
        return;
    }
    set_status(cluster, VOLUMES, volume, json!({"phase": "Released"}), BY);
    if volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" {
        remove(cluster, VOLUMES, volume);
    }
}

/// Whether a pod on a node uses a claim.
fn in_use(cluster: &Cluster, claim: &Value) -> bool {
    all(cluster, "/pods", Some(object::namespace(claim)))
        .iter()
        .any(|pod| {
            let mut volumes = list(pod, &["spec", "volumes"]).iter();
            let over = matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed");
            let on_node = !text(pod, &["spec", "nodeName"]).is_empty() && !over;
            on_node
                && volumes.any(|it| {
                    text(it, &["persistentVolumeClaim", "claimName"]) == object::name(claim)
                })
        })
}

fn let_go(cluster: &mut Cluster, place: &str, it: &Value, finalizer: &str) {
    let holds = list(it, &["metadata", "finalizers"])
        .iter()
        .any(|it| it == finalizer);
    if holds && let Some(kind) = kind_of(cluster, place) {
        // one that cannot be written now is tried again in a moment
        let _ = cluster.release(&kind, it, finalizer);
    }
}
