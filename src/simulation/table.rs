//! The `Table` that `kubectl get` asks for: columns that people read.

use super::catalog::condition;
use super::kind::Kind;
use super::object::{at, list, number, text};
use super::selector::Selector;
use serde_json::{Value, json};

/// A column: its name, its type, and whether only `-o wide` shows it.
struct Column(&'static str, &'static str, bool);

const NAME: Column = Column("Name", "string", false);
const AGE: Column = Column("Age", "string", false);

fn column(name: &'static str) -> Column {
    Column(name, "string", false)
}

/// The columns of a kind between name and age, with their values for an object.
fn middle(kind: &Kind, it: &Value) -> Vec<(Column, Value)> {
    let say = |path: &[&str]| Value::from(text(it, path));
    let count = |path: &[&str]| number(it, path).unwrap_or(0);
    let ready = |a: i64, b: i64| Value::from(format!("{a}/{b}"));
    let some = |text: &str| Value::from(if text.is_empty() { "<none>" } else { text });
    let integer = |name| Column(name, "integer", false);
    match kind.kind.as_str() {
        "Pod" => {
            let statuses = list(it, &["status", "containerStatuses"]);
            let up = statuses.iter().filter(|it| it["ready"] == true).count() as i64;
            let restarts: i64 = statuses
                .iter()
                .filter_map(|it| it["restartCount"].as_i64())
                .sum();
            let all = list(it, &["spec", "containers"]).len() as i64;
            vec![
                (column("Ready"), ready(up, all)),
                (column("Status"), pod_state(it).into()),
                (column("Restarts"), restarts.to_string().into()),
            ]
        }
        "Deployment" => vec![
            (
                column("Ready"),
                ready(
                    count(&["status", "readyReplicas"]),
                    count(&["spec", "replicas"]),
                ),
            ),
            (
                integer("Up-to-date"),
                count(&["status", "updatedReplicas"]).into(),
            ),
            (
                integer("Available"),
                count(&["status", "availableReplicas"]).into(),
            ),
        ],
        "StatefulSet" => vec![(
            column("Ready"),
            ready(
                count(&["status", "readyReplicas"]),
                count(&["spec", "replicas"]),
            ),
        )],
        "ReplicaSet" | "ReplicationController" => vec![
            (integer("Desired"), count(&["spec", "replicas"]).into()),
            (integer("Current"), count(&["status", "replicas"]).into()),
            (integer("Ready"), count(&["status", "readyReplicas"]).into()),
        ],
        "DaemonSet" => [
            ("Desired", "desiredNumberScheduled"),
            ("Current", "currentNumberScheduled"),
            ("Ready", "numberReady"),
            ("Up-to-date", "updatedNumberScheduled"),
            ("Available", "numberAvailable"),
        ]
        .map(|(name, field)| (integer(name), Value::from(count(&["status", field]))))
        .into(),
        "Job" => {
            let state = ["Complete", "Failed", "Suspended"]
                .into_iter()
                .find(|it2| condition(it, it2) == Some("True"))
                .unwrap_or("Running");
            let done = ready(
                count(&["status", "succeeded"]),
                number(it, &["spec", "completions"]).unwrap_or(1),
            );
            vec![
                (column("Status"), state.into()),
                (column("Completions"), done),
            ]
        }
        "CronJob" => vec![
            (column("Schedule"), say(&["spec", "schedule"])),
            (
                column("Suspend"),
                Value::from(at(it, &["spec", "suspend"]) == &Value::Bool(true))
                    .to_string()
                    .into(),
            ),
            (
                integer("Active"),
                list(it, &["status", "active"]).len().into(),
            ),
        ],
        "Service" => {
            let ports =
                list(it, &["spec", "ports"])
                    .iter()
                    .map(|port| match port["nodePort"].as_i64() {
                        Some(node) => {
                            format!("{}:{node}/{}", port["port"], text(port, &["protocol"]))
                        }
                        None => format!("{}/{}", port["port"], text(port, &["protocol"])),
                    });
            let ports: Vec<String> = ports.collect();
            let addresses = list(it, &["status", "loadBalancer", "ingress"]).iter();
            let addresses: Vec<&str> = addresses.map(|it| text(it, &["ip"])).collect();
            let pending = text(it, &["spec", "type"]) == "LoadBalancer" && addresses.is_empty();
            let outside = if pending {
                "<pending>".to_owned()
            } else {
                addresses.join(",")
            };
            vec![
                (column("Type"), say(&["spec", "type"])),
                (column("Cluster-IP"), some(text(it, &["spec", "clusterIP"]))),
                (column("External-IP"), some(&outside)),
                (column("Port(s)"), some(&ports.join(","))),
            ]
        }
        "Node" => {
            let state = if condition(it, "Ready") == Some("True") {
                "Ready"
            } else {
                "NotReady"
            };
            let cordoned = if it["spec"]["unschedulable"] == true {
                ",SchedulingDisabled"
            } else {
                ""
            };
            let labels = it["metadata"]["labels"].as_object().into_iter().flatten();
            let roles: Vec<&str> = labels
                .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
                .collect();
            let addresses = list(it, &["status", "addresses"]).iter();
            let inside = addresses.clone().find(|it| it["type"] == "InternalIP");
            vec![
                (column("Status"), format!("{state}{cordoned}").into()),
                (column("Roles"), some(&roles.join(","))),
                (
                    Column("Internal-IP", "string", true),
                    some(inside.map_or("", |it| text(it, &["address"]))),
                ),
                (
                    column("Version"),
                    say(&["status", "nodeInfo", "kubeletVersion"]),
                ),
            ]
        }
        "Endpoints" => {
            let subsets = list(it, &["subsets"]).iter();
            let all = subsets.flat_map(|subset| {
                let ports = list(subset, &["ports"])
                    .iter()
                    .map(|port| port["port"].clone());
                let ports: Vec<Value> = ports.collect();
                let addresses = list(subset, &["addresses"]).iter();
                addresses.flat_map(move |it| {
                    let ip = text(it, &["ip"]).to_owned();
                    ports
                        .clone()
                        .into_iter()
                        .map(move |port| format!("{ip}:{port}"))
                })
            });
            vec![(
                column("Endpoints"),
                some(&all.collect::<Vec<_>>().join(",")),
            )]
        }
        "CustomResourceDefinition" => {
            vec![(
                column("Created At"),
                say(&["metadata", "creationTimestamp"]),
            )]
        }
        "Namespace" => vec![(column("Status"), say(&["status", "phase"]))],
        "ConfigMap" | "Secret" => {
            let data = ["data", "binaryData"]
                .map(|it2| it[it2].as_object().map_or(0, serde_json::Map::len));
            let data = (integer("Data"), Value::from(data[0] + data[1]));
            match kind.kind.as_str() {
                "Secret" => vec![(column("Type"), say(&["type"])), data],
                _ => vec![data],
            }
        }
        "PersistentVolumeClaim" => vec![
            (column("Status"), say(&["status", "phase"])),
            (column("Volume"), say(&["spec", "volumeName"])),
            (column("Capacity"), say(&["status", "capacity", "storage"])),
            (column("StorageClass"), say(&["spec", "storageClassName"])),
        ],
        "PersistentVolume" => vec![
            (column("Capacity"), say(&["spec", "capacity", "storage"])),
            (
                column("Reclaim Policy"),
                say(&["spec", "persistentVolumeReclaimPolicy"]),
            ),
            (column("Status"), say(&["status", "phase"])),
            (column("StorageClass"), say(&["spec", "storageClassName"])),
        ],
        "StorageClass" => vec![
            (column("Provisioner"), say(&["provisioner"])),
            (column("ReclaimPolicy"), say(&["reclaimPolicy"])),
            (column("VolumeBindingMode"), say(&["volumeBindingMode"])),
        ],
        "Ingress" => {
            let hosts = list(it, &["spec", "rules"]).iter();
            let hosts: Vec<&str> = hosts.map(|it| text(it, &["host"])).collect();
            vec![
                (
                    column("Class"),
                    some(text(it, &["spec", "ingressClassName"])),
                ),
                (
                    column("Hosts"),
                    if hosts.iter().all(|it| it.is_empty()) {
                        "*".into()
                    } else {
                        hosts.join(",").into()
                    },
                ),
            ]
        }
        "Event" => vec![
            (column("Type"), say(&["type"])),
            (column("Reason"), say(&["reason"])),
            (
                column("Object"),
                format!(
                    "{}/{}",
                    text(it, &["involvedObject", "kind"]).to_lowercase(),
                    text(it, &["involvedObject", "name"])
                )
                .into(),
            ),
            (column("Message"), say(&["message"])),
        ],
        "RoleBinding" | "ClusterRoleBinding" => vec![(
            column("Role"),
            format!(
                "{}/{}",
                text(it, &["roleRef", "kind"]),
                text(it, &["roleRef", "name"])
            )
            .into(),
        )],
        "NetworkPolicy" => vec![(column("Pod-Selector"), selector(&it["spec"]["podSelector"]))],
        "RuntimeClass" => vec![(column("Handler"), say(&["handler"]))],
        _ => Vec::new(),
    }
}

fn selector(selector: &Value) -> Value {
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    let labels: Vec<String> = labels
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    match Selector::of(selector).is_empty() {
        true => "<none>".into(),
        false => labels.join(",").into(),
    }
}

/// What `kubectl get pods` shows as a pod's status.
pub fn pod_state(pod: &Value) -> String {
    if super::object::deleting(pod) {
        return "Terminating".to_owned();
    }
    let statuses = list(pod, &["status", "containerStatuses"]).iter();
    let mut reasons = statuses.flat_map(|it| {
        ["waiting", "terminated"].map(|state| text(it, &["state", state, "reason"]))
    });
    let reason = reasons.find(|it| !it.is_empty());
    reason.unwrap_or(text(pod, &["status", "phase"])).to_owned()
}

/// The age of an object, as people say it.
pub fn age(it: &Value, now: jiff::Timestamp) -> String {
    let created = text(it, &["metadata", "creationTimestamp"]);
    let Some(seconds) = super::object::seconds_since(created, now) else {
        return "<unknown>".to_owned();
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        ..120 => format!("{}s", seconds.max(0)),
        120..600 if seconds % 60 != 0 => format!("{minutes}m{}s", seconds % 60),
        120..10800 => format!("{minutes}m"),
        10800..28800 if minutes % 60 != 0 => format!("{hours}h{}m", minutes % 60),
        10800..172_800 => format!("{hours}h"),
        172_800..691_200 if hours % 24 != 0 => format!("{days}d{}h", hours % 24),
        _ => format!("{days}d"),
    }
}

/// The value of a simple JSON path such as `.spec.size` or `.status.conditions[?(@.type=="Ready")].status`.
fn at_path<'a>(it: &'a Value, path: &str) -> &'a Value {
    const NULL: &Value = &Value::Null;
    let mut value = it;
    let mut rest = path.trim_start_matches('$');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some((inside, after)) = inner.split_once(']') else {
                return NULL;
            };
            rest = after;
            let items = value.as_array().map_or(&[][..], Vec::as_slice);
            let found = if let Ok(at) = inside.parse::<usize>() {
                items.get(at)
            } else if let Some((key, wanted)) = inside
                .strip_prefix("?(@.")
                .and_then(|it| it.trim_end_matches(')').split_once("=="))
            {
                let wanted = wanted.trim_matches(|c| matches!(c, '"' | '\'' | ' '));
                items.iter().find(|it| it[key.trim()] == wanted)
            } else {
                value.get(inside.trim_matches(|c| c == '\'' || c == '"'))
            };
            value = found.unwrap_or(NULL);
        } else {
            let name = rest.trim_start_matches('.');
            let end = name.find(['.', '[']).unwrap_or(name.len());
            value = &value[&name[..end]];
            rest = &name[end..];
        }
    }
    value
}

/// The `Table` of some objects. `include` says how much of each object goes with its row.
pub fn table(
    kind: &Kind,
    objects: &[std::sync::Arc<Value>],
    metadata: Value,
    include: &str,
) -> Value {
    let now = jiff::Timestamp::now();
    let custom = kind
        .custom()
        .map(|it| it.columns.as_slice())
        .unwrap_or_default();
    let mut columns = vec![NAME];
    columns.extend(
        middle(kind, &Value::Null)
            .into_iter()
            .map(|(column, _)| column),
    );
    let mut columns: Vec<Value> = columns
        .into_iter()
        .map(|Column(name, sort, wide)| {
            json!({"name": name, "type": sort, "format": if name == "Name" { "name" } else { "" },
                "description": "", "priority": i32::from(wide)})
        })
        .collect();
    columns.extend(custom.iter().map(|it| {
        json!({"name": it["name"], "type": it["type"], "format": text(it, &["format"]),
            "description": text(it, &["description"]), "priority": it["priority"].as_i64().unwrap_or(0)})
    }));
    let own_age = !custom.is_empty() || kind.kind == "CustomResourceDefinition";
    if !own_age {
        let Column(name, sort, _) = AGE;
        columns.push(
            json!({"name": name, "type": sort, "format": "", "description": "", "priority": 0}),
        );
    }
    let rows = objects.iter().map(|it| {
        let mut cells = vec![Value::from(super::object::name(it))];
        cells.extend(middle(kind, it).into_iter().map(|(_, value)| value));
        cells.extend(custom.iter().map(|column| {
            let value = at_path(it, text(column, &["jsonPath"]));
            match (column["type"].as_str(), value) {
                (Some("date"), Value::String(time)) => {
                    let seen = json!({"metadata": {"creationTimestamp": time}});
                    age(&seen, now).into()
                }
                (_, value) => value.clone(),
            }
        }));
        if !own_age {
            cells.push(age(it, now).into());
        }
        let object = match include {
            "None" => Value::Null,
            "Object" => Value::clone(it),
            _ => json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": it["metadata"]}),
        };
        json!({"cells": cells, "object": object})
    });
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": columns, "rows": rows.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_paths() {
        let now: jiff::Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
        for (then, wanted) in [
            ("2026-01-09T23:59:30Z", "30s"),
            ("2026-01-09T23:55:30Z", "4m30s"),
            ("2026-01-09T20:00:00Z", "4h"),
            ("2026-01-01T00:00:00Z", "9d"),
        ] {
            assert_eq!(
                age(&json!({"metadata": {"creationTimestamp": then}}), now),
                wanted
            );
        }
        let it = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}], "list": [1, 2]}});
        assert_eq!(
            at_path(&it, ".status.conditions[?(@.type==\"Ready\")].status"),
            "True"
        );
        assert_eq!(at_path(&it, ".status.list[1]"), 2);
        assert_eq!(at_path(&it, ".spec.none"), &Value::Null);
    }
}
