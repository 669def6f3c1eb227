//! HelmCharts: recorded, with a Job `helm-install-NAME` that completes. What a chart would install is not made.

use super::tools::{all, make, set_status};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, text};
use serde_json::{Value, json};

const PLACE: &str = "helm.cattle.io/helmcharts";
const BY: &str = "helm-controller";

/// Looks at every HelmChart.
pub fn run(cluster: &mut Cluster) {
    for it in all(cluster, PLACE, None) {
        if object::deleting(&it) {
            continue;
        }
        chart(cluster, &it);
    }
}

fn chart(cluster: &mut Cluster, it: &Value) {
    let namespace = object::namespace(it);
    let name = format!("helm-install-{}", object::name(it));
    let hash = object::digest(&it["spec"]);
    let target = match text(it, &["spec", "targetNamespace"]) {
        "" => namespace,
        target => target,
    };
    if it["spec"]["createNamespace"] == true && cluster.find("/namespaces", "", target).is_none() {
        let _ = make(
            cluster,
            "/namespaces",
            "",
            json!({"metadata": {"name": target}}),
            BY,
        );
    }
    match cluster.find("batch/jobs", namespace, &name).cloned() {
        Some(job) if object::annotation(&job, "simulation.hoist.dev/spec") == Some(&hash) => {
            let failed = condition(&job, "Failed") == Some("True");
            let condition = json!([{"type": "JobCreated", "status": "True", "reason": "Job created (simulated)", "message": ""},
                {"type": "Failed", "status": if failed { "True" } else { "False" }, "reason": "", "message": ""}]);
            set_status(
                cluster,
                PLACE,
                it,
                json!({"jobName": name, "conditions": condition}),
                BY,
            );
        }
        // a chart that changed is installed anew
        Some(job) if !object::deleting(&job) => super::tools::remove(cluster, "batch/jobs", &job),
        Some(_) => {}
        None => {
            let mut annotations = json!({"simulation.hoist.dev/spec": hash});
            let mut on_pod = json!({});
            for key in [
                "simulation.hoist.dev/fail",
                "simulation.hoist.dev/complete-after",
            ] {
                if let Some(value) = object::annotation(it, key) {
                    on_pod[key] = value.into();
                }
            }
            object::object(&mut annotations);
            let job = json!({"metadata": {"name": name, "annotations": annotations, "labels": {"helmcharts.helm.cattle.io/chart": object::name(it)},
                    "ownerReferences": super::tools::owned_by(it)},
                "spec": {"backoffLimit": 0, "template": {"metadata": {"annotations": on_pod}, "spec": {"restartPolicy": "OnFailure",
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [{"name": "helm", "image": "rancher/klipper-helm:simulated", "args": ["install"]}]}}}});
            let _ = make(cluster, "batch/jobs", namespace, job, BY);
        }
    }
}
