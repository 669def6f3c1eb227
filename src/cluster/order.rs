//! In which order the objects of one manifest are applied.

use super::Json;
use super::object::{api_version, group, kind, name, namespace};

/// When an object's turn is: what others need comes first.
fn turn(object: &Json) -> u8 {
    match (kind(object), group(api_version(object))) {
        ("Namespace", "") => 0,
        ("CustomResourceDefinition", "apiextensions.k8s.io") => 1,
        (
            "ServiceAccount"
            | "Secret"
            | "ConfigMap"
            | "LimitRange"
            | "ResourceQuota"
            | "PersistentVolume"
            | "PersistentVolumeClaim"
            | "Service",
            "",
        )
        | ("PriorityClass", "scheduling.k8s.io")
        | ("RuntimeClass", "node.k8s.io")
        | ("StorageClass" | "CSIDriver", "storage.k8s.io")
        | ("IngressClass" | "NetworkPolicy", "networking.k8s.io")
        | (_, "rbac.authorization.k8s.io") => 2,
        // these make the API server ask others, which had better be on their way
        (
            "ValidatingWebhookConfiguration"
            | "MutatingWebhookConfiguration"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding",
            _,
        )
        | ("APIService", _) => 4,
        _ => 3,
    }
}

/// The places of the objects in stages: those of one stage may be applied side by side. An object given twice is in two stages.
pub fn stages(objects: &[&Json]) -> Vec<Vec<usize>> {
    let mut stages = Vec::new();
    for wanted in 0..=4 {
        let mut waiting: Vec<usize> = (0..objects.len())
            .filter(|n| turn(objects[*n]) == wanted)
            .collect();
        while !waiting.is_empty() {
            let mut seen = std::collections::HashSet::new();
            let (now, later): (Vec<usize>, Vec<usize>) = waiting.into_iter().partition(|n| {
                let o = objects[*n];
                // objects whose name the server makes are never the same
                name(o).is_empty()
                    || seen.insert((group(api_version(o)), kind(o), namespace(o), name(o)))
            });
            stages.push(now);
            waiting = later;
        }
    }
    stages
}

/// The stages of a removal: the other way round.
pub fn removal(objects: &[&Json]) -> Vec<Vec<usize>> {
    let mut stages = stages(objects);
    stages.reverse();
    for stage in &mut stages {
        stage.reverse();
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_need_comes_first() {
        let object = |kind: &str, api: &str, name: &str| json!({"kind": kind, "apiVersion": api, "metadata": {"name": name}});
        let all = [
            object("Deployment", "apps/v1", "d"),
            object("Backup", "example.com/v1", "b"),
            object(
                "ValidatingWebhookConfiguration",
                "admissionregistration.k8s.io/v1",
                "w",
            ),
            object("ConfigMap", "v1", "c"),
            object("CustomResourceDefinition", "apiextensions.k8s.io/v1", "x"),
            object("ConfigMap", "v1", "c"),
            object("Namespace", "v1", "n"),
            object("ClusterRole", "rbac.authorization.k8s.io/v1", "r"),
        ];
        let all: Vec<&Json> = all.iter().collect();
        assert_eq!(
            stages(&all),
            [vec![6], vec![4], vec![3, 7], vec![5], vec![0, 1], vec![2]]
        );
        assert_eq!(removal(&all)[0], [2]);
        assert_eq!(removal(&all)[5], [6]);
    }
}
