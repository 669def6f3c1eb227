//! Namespaces: a new one gets its account and the authority's certificate; one on its way out takes everything in it along.

use super::tools::{all, make};
use crate::simulation::cluster::{Cluster, place};
use crate::simulation::object;
use crate::simulation::removal::Removal;
use serde_json::{Value, json};

/// Looks at every namespace.
pub fn run(cluster: &mut Cluster) {
    for it in all(cluster, "/namespaces", None) {
        let name = object::name(&it);
        if object::deleting(&it) {
            empty(cluster, &it);
            continue;
        }
        if cluster.find("/serviceaccounts", name, "default").is_none() {
            let _ = make(
                cluster,
                "/serviceaccounts",
                name,
                json!({"metadata": {"name": "default"}}),
                "kube-controller-manager",
            );
        }
        if cluster
            .find("/configmaps", name, "kube-root-ca.crt")
            .is_none()
        {
            let annotations = json!({"kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."});
            let map = json!({"metadata": {"name": "kube-root-ca.crt", "annotations": annotations}, "data": {"ca.crt": cluster.settings.authority}});
            let _ = make(cluster, "/configmaps", name, map, "kube-controller-manager");
        }
    }
}

fn empty(cluster: &mut Cluster, it: &Value) {
    let name = object::name(it);
    let kinds: Vec<_> = cluster
        .catalog
        .all()
        .filter(|kind| kind.namespaced)
        .cloned()
        .collect();
    let mut left = 0;
    for kind in kinds {
        for object in all(cluster, &place(&kind), Some(name)) {
            if !object::deleting(&object) {
                let _ = cluster.delete(&kind, name, object::name(&object), &Removal::default());
            }
        }
        left += cluster.store.list(&place(&kind), Some(name)).count();
    }
    let Some(kind) = cluster.catalog.kind("", "Namespace").filter(|_| left == 0) else {
        return;
    };
    let mut new = it.clone();
    object::map(&mut new, "spec").shift_remove("finalizers");
    let key = cluster.key(&kind, "", name);
    let _ = if cluster.is_free(&kind, &new) {
        cluster.drop_object(&kind, key)
    } else {
        cluster.keep(&kind, key, new).map(|_| ())
    };
}
