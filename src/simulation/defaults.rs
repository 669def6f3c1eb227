//! What the server fills in where an object says nothing.

use super::kind::Kind;
use super::object::{default, map, object, text};
use serde_json::{Value, json};

/// Fills in the defaults of built-in kinds.
pub fn fill(kind: &Kind, it: &mut Value) {
    match kind.kind.as_str() {
        "Pod" => pod_spec(&mut it["spec"], true),
        "Deployment" => {
            let spec = part(it, "spec");
            default(spec, "replicas", 1);
            default(spec, "revisionHistoryLimit", 10);
            default(spec, "progressDeadlineSeconds", 600);
            let strategy = part(spec, "strategy");
            default(strategy, "type", "RollingUpdate");
            if strategy["type"] == "RollingUpdate" {
                let rolling = part(strategy, "rollingUpdate");
                default(rolling, "maxUnavailable", "25%");
                default(rolling, "maxSurge", "25%");
            }
            template(spec);
        }
        "ReplicaSet" | "ReplicationController" => {
            zero(it, &["replicas"]);
            let spec = part(it, "spec");
            default(spec, "replicas", 1);
            template(spec);
        }
        "StatefulSet" => {
            zero(it, &["replicas", "availableReplicas"]);
            let spec = part(it, "spec");
            default(spec, "replicas", 1);
            default(spec, "podManagementPolicy", "OrderedReady");
            default(spec, "revisionHistoryLimit", 10);
            let strategy = part(spec, "updateStrategy");
            default(strategy, "type", "RollingUpdate");
            if strategy["type"] == "RollingUpdate" {
                default(part(strategy, "rollingUpdate"), "partition", 0);
            }
            let retention = part(spec, "persistentVolumeClaimRetentionPolicy");
            default(retention, "whenDeleted", "Retain");
            default(retention, "whenScaled", "Retain");
            for claim in items(spec, "volumeClaimTemplates") {
                default(claim, "apiVersion", "v1");
                default(claim, "kind", "PersistentVolumeClaim");
                default(part(claim, "spec"), "volumeMode", "Filesystem");
                default(part(claim, "status"), "phase", "Pending");
            }
            template(spec);
        }
        "DaemonSet" => {
            zero(
                it,
                &[
                    "currentNumberScheduled",
                    "numberMisscheduled",
                    "desiredNumberScheduled",
                    "numberReady",
                ],
            );
            default(
                part(part(it, "metadata"), "annotations"),
                "deprecated.daemonset.template.generation",
                "1",
            );
            let spec = part(it, "spec");
            default(spec, "revisionHistoryLimit", 10);
            let strategy = part(spec, "updateStrategy");
            default(strategy, "type", "RollingUpdate");
            if strategy["type"] == "RollingUpdate" {
                let rolling = part(strategy, "rollingUpdate");
                default(rolling, "maxUnavailable", 1);
                default(rolling, "maxSurge", 0);
            }
            template(spec);
        }
        "Job" => job(part(it, "spec")),
        "CronJob" => {
            let spec = part(it, "spec");
            default(spec, "concurrencyPolicy", "Allow");
            default(spec, "suspend", false);
            default(spec, "successfulJobsHistoryLimit", 3);
            default(spec, "failedJobsHistoryLimit", 1);
            let jobs = part(spec, "jobTemplate");
            part(jobs, "metadata");
            let inner = part(part(jobs, "spec"), "template");
            part(inner, "metadata");
            pod_spec(part(inner, "spec"), false);
        }
        "Service" => service(part(it, "spec")),
        "Secret" => default(it, "type", "Opaque"),
        "Namespace" => {
            let name = text(it, &["metadata", "name"]).to_owned();
            let labels = map(part(it, "metadata"), "labels");
            labels.insert("kubernetes.io/metadata.name".into(), name.into());
            default(part(it, "status"), "phase", "Active");
        }
        "PersistentVolumeClaim" => {
            default(part(it, "spec"), "volumeMode", "Filesystem");
            default(part(it, "status"), "phase", "Pending");
        }
        "PersistentVolume" => {
            let spec = part(it, "spec");
            default(spec, "volumeMode", "Filesystem");
            default(spec, "persistentVolumeReclaimPolicy", "Retain");
            default(part(it, "status"), "phase", "Pending");
        }
        "StorageClass" => {
            default(it, "reclaimPolicy", "Delete");
            default(it, "volumeBindingMode", "Immediate");
        }
        "PriorityClass" => {
            default(it, "preemptionPolicy", "PreemptLowerPriority");
        }
        "Ingress" => {
            default(part(it, "status"), "loadBalancer", json!({}));
        }
        "NetworkPolicy" => {
            let spec = part(it, "spec");
            let egress = spec["egress"].is_array();
            default(
                spec,
                "policyTypes",
                if egress {
                    json!(["Ingress", "Egress"])
                } else {
                    json!(["Ingress"])
                },
            );
            default(spec, "podSelector", json!({}));
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            for subject in items(it, "subjects") {
                if subject["kind"] != "ServiceAccount" {
                    default(subject, "apiGroup", "rbac.authorization.k8s.io");
                }
            }
        }
        "Role" | "ClusterRole" if it["rules"].is_null() => {
            object(it).insert("rules".into(), json!([]));
        }
        "PodDisruptionBudget" => zero(
            it,
            &[
                "disruptionsAllowed",
                "currentHealthy",
                "desiredHealthy",
                "expectedPods",
            ],
        ),
        "CustomResourceDefinition" => definition(part(it, "spec")),
        "HorizontalPodAutoscaler" => default(part(it, "spec"), "minReplicas", 1),
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            let mutating = kind.kind == "MutatingWebhookConfiguration";
            for hook in items(it, "webhooks") {
                default(hook, "failurePolicy", "Fail");
                default(hook, "matchPolicy", "Equivalent");
                default(hook, "namespaceSelector", json!({}));
                default(hook, "objectSelector", json!({}));
                default(hook, "timeoutSeconds", 10);
                if mutating {
                    default(hook, "reinvocationPolicy", "Never");
                }
                for rule in items(hook, "rules") {
                    default(rule, "scope", "*");
                }
                if hook["clientConfig"]["service"].is_object() {
                    default(&mut hook["clientConfig"]["service"], "port", 443);
                }
            }
        }
        _ => {}
    }
}

/// The mapping in a field, made when it is not there.
fn part<'a>(value: &'a mut Value, field: &str) -> &'a mut Value {
    let entry = object(value).entry(field).or_insert(Value::Null);
    object(entry);
    entry
}

/// Numbers of the status that are there from the beginning.
fn zero(it: &mut Value, fields: &[&str]) {
    let status = part(it, "status");
    fields.iter().for_each(|field| default(status, field, 0));
}

/// The items of a list in a field.
fn items<'a>(value: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    let list = value.get_mut(field).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

fn template(spec: &mut Value) {
    let template = part(spec, "template");
    part(template, "metadata");
    pod_spec(part(template, "spec"), false);
}

fn job(spec: &mut Value) {
    default(spec, "backoffLimit", 6);
    default(spec, "completionMode", "NonIndexed");
    default(spec, "podReplacementPolicy", "TerminatingOrFailed");
    default(spec, "suspend", false);
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        default(spec, "completions", 1);
    }
    default(spec, "parallelism", 1);
    template(spec);
}

fn pod_spec(spec: &mut Value, pod: bool) {
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "schedulerName", "default-scheduler");
    default(spec, "securityContext", json!({}));
    if let Some(account) = spec["serviceAccountName"].as_str().map(str::to_owned) {
        default(spec, "serviceAccount", account);
    } else if let Some(account) = spec["serviceAccount"].as_str().map(str::to_owned) {
        default(spec, "serviceAccountName", account);
    }
    if pod {
        default(spec, "enableServiceLinks", true);
    }
    let host_network = spec["hostNetwork"] == true;
    for field in ["initContainers", "containers", "ephemeralContainers"] {
        for container in items(spec, field) {
            self::container(container, host_network);
        }
    }
    for volume in items(spec, "volumes") {
        for (field, mode) in [
            ("secret", "defaultMode"),
            ("configMap", "defaultMode"),
            ("projected", "defaultMode"),
            ("downwardAPI", "defaultMode"),
        ] {
            if volume[field].is_object() {
                default(&mut volume[field], mode, 420);
            }
        }
        if volume["hostPath"].is_object() {
            default(&mut volume["hostPath"], "type", "");
        }
        for source in items(&mut volume["projected"], "sources") {
            if source["serviceAccountToken"].is_object() {
                default(
                    &mut source["serviceAccountToken"],
                    "expirationSeconds",
                    3600,
                );
            }
            refs(&mut source["downwardAPI"]);
        }
        refs(&mut volume["downwardAPI"]);
    }
}

fn refs(downward: &mut Value) {
    for item in items(downward, "items") {
        if item["fieldRef"].is_object() {
            default(&mut item["fieldRef"], "apiVersion", "v1");
        }
    }
}

fn container(container: &mut Value, host_network: bool) {
    let image = text(container, &["image"]);
    let tag = image.rsplit('/').next().unwrap_or_default();
    let latest = !image.contains('@') && (!tag.contains(':') || tag.ends_with(":latest"));
    default(
        container,
        "imagePullPolicy",
        if latest { "Always" } else { "IfNotPresent" },
    );
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    for port in items(container, "ports") {
        default(port, "protocol", "TCP");
        if host_network {
            let number = port["containerPort"].clone();
            default(port, "hostPort", number);
        }
    }
    for variable in items(container, "env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            default(&mut variable["valueFrom"]["fieldRef"], "apiVersion", "v1");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[probe].is_object() {
            let probe = &mut container[probe];
            for (field, value) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                default(probe, field, value);
            }
            http_get(probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        if container["lifecycle"][hook].is_object() {
            http_get(&mut container["lifecycle"][hook]);
        }
    }
    let resources = &mut container["resources"];
    // limits stand for requests that were not made
    if let Some(limits) = resources["limits"].as_object().cloned() {
        for (name, limit) in limits {
            default(part(resources, "requests"), &name, limit);
        }
    }
}

fn http_get(handler: &mut Value) {
    if handler["httpGet"].is_object() {
        default(&mut handler["httpGet"], "path", "/");
        default(&mut handler["httpGet"], "scheme", "HTTP");
    }
    if handler["grpc"].is_object() {
        default(&mut handler["grpc"], "service", "");
    }
}

fn service(spec: &mut Value) {
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    if spec["sessionAffinity"] == "ClientIP" {
        default(
            spec,
            "sessionAffinityConfig",
            json!({"clientIP": {"timeoutSeconds": 10800}}),
        );
    }
    let external = spec["type"] == "ExternalName";
    let outside = spec["type"] == "NodePort" || spec["type"] == "LoadBalancer";
    if !external {
        default(spec, "internalTrafficPolicy", "Cluster");
    }
    if outside {
        default(spec, "externalTrafficPolicy", "Cluster");
    }
    if spec["type"] == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", true);
    }
    for port in items(spec, "ports") {
        default(port, "protocol", "TCP");
        let number = port["port"].clone();
        default(port, "targetPort", number);
    }
}

fn definition(spec: &mut Value) {
    default(spec, "conversion", json!({"strategy": "None"}));
    let kind = text(spec, &["names", "kind"]).to_owned();
    let names = part(spec, "names");
    default(names, "singular", kind.to_lowercase());
    default(names, "listKind", format!("{kind}List"));
}

/// Writes `1` as `"1"` where quantities stand, as the server reads both.
pub fn quantities(value: &mut Value) {
    const MAPS: &[&str] = &[
        "allocatable",
        "capacity",
        "default",
        "defaultRequest",
        "hard",
        "limits",
        "max",
        "min",
        "requests",
        "used",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Object(inner) if MAPS.contains(&name.as_str()) => {
                        for value in inner.values_mut().filter(|it| it.is_number()) {
                            *value = value.to_string().into();
                        }
                    }
                    Value::Number(number) if name == "sizeLimit" => {
                        *value = number.to_string().into()
                    }
                    other => quantities(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quantities),
        _ => {}
    }
}

/// Takes out empty mappings and lists where Go's encoder leaves them out.
pub fn tidy(value: &mut Value) {
    const MAPS: &[&str] = &[
        "annotations",
        "binaryData",
        "data",
        "labels",
        "limits",
        "matchLabels",
        "nodeSelector",
        "requests",
        "stringData",
    ];
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| match value {
                Value::Null => false,
                Value::Object(inner) => !(inner.is_empty() && MAPS.contains(&name.as_str())),
                Value::Array(items) => {
                    !items.is_empty()
                        || matches!(
                            name.as_str(),
                            "rules" | "ingress" | "egress" | "from" | "to" | "acceptedNames"
                        )
                }
                Value::Bool(false) => !matches!(
                    name.as_str(),
                    "hostIPC"
                        | "hostNetwork"
                        | "hostPID"
                        | "paused"
                        | "publishNotReadyAddresses"
                        | "readOnly"
                        | "stdin"
                        | "stdinOnce"
                        | "tty"
                        | "unschedulable"
                        | "globalDefault"
                ),
                _ => true,
            });
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
