//! CustomResourceDefinitions: a good one becomes established, and its kind is served; one on its way out takes its objects along.

use super::tools::{all, with_condition};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, list, text};
use crate::simulation::patch::Patch;
use crate::simulation::removal::Removal;
use crate::simulation::writing::How;
use jiff::Timestamp;
use serde_json::{Value, json};

const PLACE: &str = "apiextensions.k8s.io/customresourcedefinitions";
const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Looks at every definition. One with the annotation `simulation.hoist.dev/fail` never becomes established.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    let Some(kind) = cluster
        .catalog
        .kind("apiextensions.k8s.io", "CustomResourceDefinition")
    else {
        return;
    };
    let mut served = false;
    for it in all(cluster, PLACE, None) {
        if object::deleting(&it) {
            clean(cluster, &it);
            continue;
        }
        let failing = object::annotation(&it, "simulation.hoist.dev/fail").is_some();
        if condition(&it, "Established") == Some("True") || failing {
            continue;
        }
        let clash = all(cluster, PLACE, None).into_iter().find(|other| {
            other["spec"]["group"] == it["spec"]["group"]
                && object::name(other) != object::name(&it)
                && condition(other, "Established") == Some("True")
                && other["spec"]["names"]["kind"] == it["spec"]["names"]["kind"]
        });
        let mut status = it["status"].clone();
        let (conditions, names) = if clash.is_some() {
            let message = format!(
                "{:?} is already in use",
                text(&it, &["spec", "names", "kind"])
            );
            (
                with_condition(&it, "NamesAccepted", "False", "KindConflict", &message, now),
                json!({}),
            )
        } else {
            let conditions = with_condition(
                &it,
                "NamesAccepted",
                "True",
                "NoConflicts",
                "no conflicts found",
                now,
            );
            let with = json!({"status": {"conditions": conditions}});
            let message = "the initial names have been accepted";
            (
                with_condition(
                    &with,
                    "Established",
                    "True",
                    "InitialNamesAccepted",
                    message,
                    now,
                ),
                it["spec"]["names"].clone(),
            )
        };
        object::object(&mut status);
        status["conditions"] = conditions;
        status["acceptedNames"] = names;
        let stored = list(&it, &["spec", "versions"])
            .iter()
            .filter(|it| it["storage"] == true);
        status["storedVersions"] = stored.map(|it| it["name"].clone()).collect();
        if status == it["status"] {
            continue;
        }
        let name = object::name(&it);
        let patch = Patch::Merge(json!({"status": status}));
        served |= cluster
            .patch(&kind, "", name, patch, How::status("kube-apiserver"))
            .is_ok();
        let mut finalizers = list(&it, &["metadata", "finalizers"]).to_vec();
        if clash.is_none() && !finalizers.contains(&FINALIZER.into()) {
            finalizers.push(FINALIZER.into());
            let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
            let _ = cluster.patch(&kind, "", name, patch, How::by("kube-apiserver"));
        }
    }
    if served {
        cluster.define();
    }
}

fn clean(cluster: &mut Cluster, it: &Value) {
    let place = format!(
        "{}/{}",
        text(it, &["spec", "group"]),
        text(it, &["spec", "names", "plural"])
    );
    let custom = cluster
        .catalog
        .all()
        .find(|kind| super::super::cluster::place(kind) == place)
        .cloned();
    let left = all(cluster, &place, None);
    if let Some(custom) = custom {
        for object in &left {
            let _ = cluster.delete(
                &custom,
                object::namespace(object),
                object::name(object),
                &Removal::default(),
            );
        }
    }
    if all(cluster, &place, None).is_empty()
        && let Some(kind) = cluster
            .catalog
            .kind("apiextensions.k8s.io", "CustomResourceDefinition")
        && list(it, &["metadata", "finalizers"])
            .iter()
            .any(|it| it == FINALIZER)
    {
        let _ = cluster.release(&kind, it, FINALIZER);
    }
}
