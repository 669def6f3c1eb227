//! Whole clusters in memory, the time in our hands.

use super::*;
use crate::simulation::catalog::condition;
use crate::simulation::object::{self, text};
use crate::simulation::patch::Patch;
use crate::simulation::removal::Removal;
use crate::simulation::settings::Settings;
use crate::simulation::store::Store;
use crate::simulation::table::pod_state;
use crate::simulation::writing::How;
use serde_json::{Value, json};

struct Rehearsal {
    cluster: Cluster,
    now: Timestamp,
}

impl Rehearsal {
    /// A cluster with so many nodes.
    fn new(nodes: usize) -> Rehearsal {
        let mut cluster = Cluster::new(Store::in_memory(), Settings::plain("v1.36.5+k3s1"));
        crate::simulation::packaged::install(&mut cluster).unwrap();
        for at in 0..nodes {
            let node = json!({"metadata": {"name": format!("n{at}"), "labels": {"kubernetes.io/hostname": format!("n{at}")}},
                "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}, "conditions": [{"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "InternalIP", "address": format!("10.0.0.{at}")}]}});
            super::tools::make(&mut cluster, "/nodes", "", node, "test").unwrap();
        }
        let mut it = Rehearsal {
            cluster,
            now: Timestamp::now(),
        };
        it.pass(1);
        it
    }

    /// Lets seconds pass. Nodes keep telling that they live.
    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now = self
                .now
                .checked_add(jiff::SignedDuration::from_secs(1))
                .unwrap();
            let kind = self
                .cluster
                .catalog
                .kind("coordination.k8s.io", "Lease")
                .unwrap();
            for node in super::tools::all(&self.cluster, "/nodes", None) {
                if object::annotation(&node, "dead").is_some() {
                    continue;
                }
                let wanted = json!({"metadata": {"name": object::name(&node)}, "spec": {"renewTime": self.now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()}});
                let patch = Patch::Apply {
                    wanted,
                    force: true,
                };
                self.cluster
                    .patch(
                        &kind,
                        "kube-node-lease",
                        object::name(&node),
                        patch,
                        How::by("test"),
                    )
                    .unwrap();
            }
            for _ in 0..12 {
                run_once(&mut self.cluster, self.now);
            }
        }
    }

    fn apply(&mut self, it: Value) {
        let (version, kind) = (text(&it, &["apiVersion"]), text(&it, &["kind"]));
        let kind = self.cluster.catalog.of(version, kind).unwrap();
        let name = object::name(&it).to_owned();
        let patch = Patch::Apply {
            wanted: it,
            force: true,
        };
        self.cluster
            .patch(&kind, "default", &name, patch, How::by("test"))
            .unwrap();
    }

    fn get(&self, place: &str, name: &str) -> Value {
        let namespace = if place == "/nodes" { "" } else { "default" };
        Value::clone(
            self.cluster
                .find(place, namespace, name)
                .unwrap_or_else(|| panic!("no {place} {name}")),
        )
    }

    fn pods(&self) -> Vec<Value> {
        super::tools::all(&self.cluster, "/pods", Some("default"))
            .iter()
            .map(|it| Value::clone(it))
            .collect()
    }
}

fn workload(kind: &str, replicas: i64, annotations: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": {"replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}, "annotations": annotations},
            "spec": {"containers": [{"name": "app", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080}]}]}}}})
}

#[test]
fn a_deployment_becomes_available_is_renewed_and_goes_with_all_that_is_its() {
    let mut it = Rehearsal::new(2);
    it.apply(workload("Deployment", 3, json!({})));
    it.pass(3);
    let web = it.get("apps/deployments", "web");
    assert_eq!(condition(&web, "Available"), Some("True"));
    assert_eq!(web["status"]["readyReplicas"], 3);
    let nodes: std::collections::BTreeSet<String> = it
        .pods()
        .iter()
        .map(|it| text(it, &["spec", "nodeName"]).to_owned())
        .collect();
    assert_eq!(nodes.len(), 2);
    let revision = it.cluster.store.revision();
    it.pass(1);
    // nothing but heartbeats is written when nothing changes
    assert_eq!(it.cluster.store.revision(), revision + 2);
    let mut renewed = workload("Deployment", 3, json!({}));
    renewed["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
    it.apply(renewed);
    it.pass(6);
    let images: Vec<String> = it
        .pods()
        .iter()
        .map(|it| text(&it["spec"]["containers"][0], &["image"]).to_owned())
        .collect();
    assert_eq!(images, ["web:2", "web:2", "web:2"]);
    let web = it.get("apps/deployments", "web");
    assert_eq!(
        web["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "2"
    );
    assert_eq!(web["status"]["updatedReplicas"], 3);
    let kind = it.cluster.catalog.kind("apps", "Deployment").unwrap();
    it.cluster
        .delete(&kind, "default", "web", &Removal::default())
        .unwrap_or_else(|_| panic!());
    it.pass(4);
    assert_eq!(it.pods().len(), 0);
    assert_eq!(
        super::tools::all(&it.cluster, "apps/replicasets", Some("default")).len(),
        0
    );
}

#[test]
fn workloads_fail_the_way_they_are_told_to() {
    for (fail, state) in [
        ("ImagePullBackOff", "ImagePullBackOff"),
        ("CrashLoopBackOff", "CrashLoopBackOff"),
        ("Pending", "Pending"),
        ("Unready", "Running"),
    ] {
        let mut it = Rehearsal::new(1);
        it.apply(workload(
            "Deployment",
            1,
            json!({"simulation.hoist.dev/fail": fail}),
        ));
        it.pass(3);
        let web = it.get("apps/deployments", "web");
        assert_eq!(condition(&web, "Available"), Some("False"), "{fail}");
        assert_eq!(pod_state(&it.pods()[0]), state, "{fail}");
    }
}

#[test]
fn a_pod_waits_for_what_it_refers_to_and_then_begins() {
    let mut it = Rehearsal::new(1);
    let mut web = workload("Deployment", 1, json!({}));
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"secretRef": {"name": "key"}}]);
    it.apply(web);
    it.pass(2);
    assert_eq!(pod_state(&it.pods()[0]), "CreateContainerConfigError");
    it.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"a": "b"}}));
    it.pass(2);
    assert_eq!(pod_state(&it.pods()[0]), "Running");
}

#[test]
fn pods_become_ready_when_they_were_told_to() {
    let mut it = Rehearsal::new(1);
    it.apply(workload(
        "Deployment",
        1,
        json!({"simulation.hoist.dev/ready-after": "5s"}),
    ));
    it.pass(4);
    assert_eq!(
        condition(&it.get("apps/deployments", "web"), "Available"),
        Some("False")
    );
    it.pass(4);
    assert_eq!(
        condition(&it.get("apps/deployments", "web"), "Available"),
        Some("True")
    );
}

#[test]
fn devices_are_counted() {
    let mut it = Rehearsal::new(1);
    let mut web = workload("Deployment", 2, json!({}));
    web["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"limits": {"nvidia.com/gpu": 1}});
    it.apply(web);
    it.pass(2);
    let pending = it
        .pods()
        .iter()
        .filter(|it| pod_state(it) == "Pending")
        .count();
    assert_eq!(pending, 2);
    let why = text(&it.pods()[0]["status"]["conditions"][0], &["message"]).to_owned();
    insta::assert_snapshot!(why, @"0/1 nodes are available: 1 Insufficient nvidia.com/gpu. (simulated)");
    let node = it.get("/nodes", "n0");
    super::tools::set_status(
        &mut it.cluster,
        "/nodes",
        &node,
        json!({"allocatable": {"nvidia.com/gpu": "1"}}),
        "test",
    );
    it.pass(2);
    assert_eq!(
        it.pods()
            .iter()
            .filter(|it| pod_state(it) == "Running")
            .count(),
        1
    );
}

#[test]
fn stateful_sets_daemon_sets_and_claims() {
    let mut it = Rehearsal::new(2);
    let mut web = workload("StatefulSet", 2, json!({}));
    web["spec"]["serviceName"] = "web".into();
    web["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}}]);
    it.apply(web);
    it.pass(5);
    let names: Vec<String> = it
        .pods()
        .iter()
        .map(|it| object::name(it).to_owned())
        .collect();
    assert_eq!(names, ["web-0", "web-1"]);
    assert_eq!(
        it.get("apps/statefulsets", "web")["status"]["readyReplicas"],
        2
    );
    assert_eq!(
        it.get("/persistentvolumeclaims", "data-web-1")["status"]["phase"],
        "Bound"
    );
    let mut every = workload("DaemonSet", 0, json!({}));
    every["metadata"]["name"] = "every".into();
    object::map(&mut every, "spec").shift_remove("replicas");
    every["spec"]["selector"]["matchLabels"]["app"] = "every".into();
    every["spec"]["template"]["metadata"]["labels"]["app"] = "every".into();
    it.apply(every);
    it.pass(3);
    let every = it.get("apps/daemonsets", "every");
    assert_eq!(
        (
            &every["status"]["numberReady"],
            &every["status"]["desiredNumberScheduled"]
        ),
        (&json!(2), &json!(2))
    );
}

#[test]
fn jobs_complete_or_fail() {
    for (annotations, wanted) in [
        (json!({}), "Complete"),
        (json!({"simulation.hoist.dev/fail": "Job"}), "Failed"),
    ] {
        let mut it = Rehearsal::new(1);
        it.apply(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {"backoffLimit": 0,
            "template": {"metadata": {"annotations": annotations}, "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}}));
        it.pass(6);
        assert_eq!(
            condition(&it.get("batch/jobs", "once"), wanted),
            Some("True")
        );
    }
}

#[test]
fn services_have_endpoints_and_addresses() {
    let mut it = Rehearsal::new(1);
    it.apply(workload("Deployment", 1, json!({})));
    it.apply(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "LoadBalancer",
        "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}}));
    it.pass(3);
    let service = it.get("/services", "web");
    assert_eq!(
        service["status"]["loadBalancer"]["ingress"][0]["ip"],
        "10.0.0.0"
    );
    let endpoints = it.get("/endpoints", "web");
    assert_eq!(endpoints["subsets"][0]["ports"][0]["port"], 8080);
    assert_eq!(
        endpoints["subsets"][0]["addresses"][0]["ip"],
        it.pods()[0]["status"]["podIP"]
    );
}

#[test]
fn a_silent_node_is_not_ready() {
    let mut it = Rehearsal::new(2);
    let node = it.get("/nodes", "n1");
    super::tools::change(
        &mut it.cluster,
        "/nodes",
        &node,
        json!({"metadata": {"annotations": {"dead": "true"}}}),
        "test",
    );
    it.pass(10);
    assert_eq!(condition(&it.get("/nodes", "n1"), "Ready"), Some("True"));
    it.pass(10);
    assert_eq!(condition(&it.get("/nodes", "n1"), "Ready"), Some("Unknown"));
    assert_eq!(condition(&it.get("/nodes", "n0"), "Ready"), Some("True"));
}

#[test]
fn namespaces_go_with_what_is_in_them_and_quotas_are_kept() {
    let mut it = Rehearsal::new(1);
    it.apply(json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}}));
    it.apply(workload("Deployment", 2, json!({})));
    it.pass(2);
    assert_eq!(it.pods().len(), 1);
    assert_eq!(
        it.get("/resourcequotas", "few")["status"]["used"]["pods"],
        "1"
    );
    let sets = super::tools::all(&it.cluster, "apps/replicasets", Some("default"));
    let why = text(&sets[0]["status"]["conditions"][0], &["message"]);
    assert!(
        why.ends_with(
            "is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"
        ),
        "{why}"
    );
    let kind = it.cluster.catalog.kind("", "Namespace").unwrap();
    it.cluster
        .delete(&kind, "", "default", &Removal::default())
        .unwrap_or_else(|_| panic!());
    it.pass(4);
    assert!(it.cluster.find("/namespaces", "", "default").is_none());
    assert_eq!(it.pods().len(), 0);
}

#[test]
fn a_chart_is_recorded() {
    let mut it = Rehearsal::new(1);
    it.apply(json!({"apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "metadata": {"name": "db"}, "spec": {"chart": "postgres"}}));
    it.pass(6);
    assert_eq!(
        condition(&it.get("batch/jobs", "helm-install-db"), "Complete"),
        Some("True")
    );
    assert_eq!(
        it.get("helm.cattle.io/helmcharts", "db")["status"]["jobName"],
        "helm-install-db"
    );
}
