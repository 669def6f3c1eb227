//! What a new cluster has: namespaces, K3s's own kinds, classes, and the packaged components.

use super::cluster::Cluster;
use super::failure::Failure;
use super::object;
use super::patch::Patch;
use super::removal::Removal;
use super::settings::Settings;
use super::writing::How;
use serde_json::{Value, json};

const MANAGER: &str = "deploy@k3s";

/// Makes what is not there yet, and takes away the components that are disabled.
///
/// # Errors
/// When the store cannot be written.
pub fn install(cluster: &mut Cluster) -> Result<(), Failure> {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        apply(
            cluster,
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        )?;
    }
    for (group, kind, plural, short) in [
        ("helm.cattle.io", "HelmChart", "helmcharts", &["hc"][..]),
        (
            "helm.cattle.io",
            "HelmChartConfig",
            "helmchartconfigs",
            &["hcc"],
        ),
        ("k3s.cattle.io", "Addon", "addons", &[]),
        (
            "k3s.cattle.io",
            "ETCDSnapshotFile",
            "etcdsnapshotfiles",
            &[],
        ),
    ] {
        apply(cluster, &definition(group, kind, plural, short))?;
    }
    super::controllers::definitions::run(cluster, jiff::Timestamp::now());
    let first = Settings::nth(cluster.settings.services, 1).to_string();
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"type": "ClusterIP", "clusterIP": first, "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": cluster.settings.port}]}});
    if cluster.find("/services", "default", "kubernetes").is_none() {
        apply(cluster, &service)?;
    }
    for (name, value) in [
        ("system-cluster-critical", 2_000_000_000),
        ("system-node-critical", 2_000_001_000),
    ] {
        apply(
            cluster,
            &json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value}),
        )?;
    }
    apply(
        cluster,
        &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "cluster-admin"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}]}),
    )?;
    for (component, objects) in components(cluster) {
        if cluster.settings.disabled.iter().any(|it| it == component) {
            for it in objects {
                remove(cluster, &it)?;
            }
        } else {
            for it in objects {
                apply(cluster, &it)?;
            }
        }
    }
    Ok(())
}

fn apply(cluster: &mut Cluster, it: &Value) -> Result<(), Failure> {
    let kind = cluster.catalog.of(
        object::text(it, &["apiVersion"]),
        object::text(it, &["kind"]),
    );
    let kind = kind.ok_or_else(Failure::no_such_path)?;
    let patch = Patch::Apply {
        wanted: it.clone(),
        force: true,
    };
    cluster
        .patch(
            &kind,
            object::namespace(it),
            object::name(it),
            patch,
            How::by(MANAGER),
        )
        .map(|_| ())
}

fn remove(cluster: &mut Cluster, it: &Value) -> Result<(), Failure> {
    let kind = cluster.catalog.of(
        object::text(it, &["apiVersion"]),
        object::text(it, &["kind"]),
    );
    let kind = kind.ok_or_else(Failure::no_such_path)?;
    match cluster.delete(
        &kind,
        object::namespace(it),
        object::name(it),
        &Removal::default(),
    ) {
        Err(failure) if failure.code != 404 => Err(failure),
        _ => Ok(()),
    }
}

fn definition(group: &str, kind: &str, plural: &str, short: &[&str]) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": if kind == "ETCDSnapshotFile" { "Cluster" } else { "Namespaced" },
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase(), "shortNames": short},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

fn deployment(name: &str, image: &str, labels: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "kube-system", "labels": labels},
        "spec": {"replicas": 1, "revisionHistoryLimit": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "priorityClassName": "system-cluster-critical",
                "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
                    {"key": "CriticalAddonsOnly", "operator": "Exists"}],
                "containers": [{"name": name, "image": image}]}}}})
}

fn service(name: &str, labels: Value, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "kube-system", "labels": labels}, "spec": spec})
}

/// The packaged components by the names that `disable` knows.
fn components(cluster: &Cluster) -> Vec<(&'static str, Vec<Value>)> {
    let dns = json!({"k8s-app": "kube-dns"});
    let metrics = json!({"k8s-app": "metrics-server"});
    let local = json!({"app": "local-path-provisioner"});
    let traefik = json!({"app.kubernetes.io/instance": "traefik-kube-system", "app.kubernetes.io/name": "traefik"});
    let tenth = Settings::nth(cluster.settings.services, 10).to_string();
    let runtime = |name: &str| json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": name});
    vec![
        (
            "coredns",
            vec![
                deployment(
                    "coredns",
                    "rancher/mirrored-coredns-coredns:1.14.7",
                    dns.clone(),
                ),
                service(
                    "kube-dns",
                    dns.clone(),
                    json!({"selector": dns, "clusterIP": tenth, "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                    {"name": "metrics", "port": 9153, "protocol": "TCP"}]}),
                ),
            ],
        ),
        (
            "local-storage",
            vec![
                deployment(
                    "local-path-provisioner",
                    "rancher/local-path-provisioner:v0.0.37",
                    local,
                ),
                json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "local-path",
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
                    "provisioner": "rancher.io/local-path", "volumeBindingMode": "WaitForFirstConsumer", "reclaimPolicy": "Delete"}),
            ],
        ),
        (
            "metrics-server",
            vec![
                deployment(
                    "metrics-server",
                    "rancher/mirrored-metrics-server:v0.9.0",
                    metrics.clone(),
                ),
                service(
                    "metrics-server",
                    metrics.clone(),
                    json!({"selector": metrics, "ports": [{"name": "https", "port": 443, "targetPort": 10250}]}),
                ),
            ],
        ),
        (
            "traefik",
            vec![
                deployment(
                    "traefik",
                    "rancher/mirrored-library-traefik:3.7.13",
                    traefik.clone(),
                ),
                service(
                    "traefik",
                    traefik.clone(),
                    json!({"type": "LoadBalancer", "selector": traefik, "ports": [
                    {"name": "web", "port": 80}, {"name": "websecure", "port": 443}]}),
                ),
                json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "traefik",
                    "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}, "spec": {"controller": "traefik.io/ingress-controller"}}),
            ],
        ),
        (
            "runtimes",
            ["nvidia", "nvidia-experimental", "crun"]
                .map(runtime)
                .into(),
        ),
    ]
}
