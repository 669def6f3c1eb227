//! What the server refuses: names, labels, missing fields, fields that may not change.

use super::failure::FieldError;
use super::kind::Kind;
use super::names::{LABEL, dns_label, metadata};
use super::object::{self, list, text};
use super::selector::Selector;
use serde_json::Value;

/// What is wrong with an object, compared with what was there before.
pub fn check(kind: &Kind, it: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    metadata(kind, it, &mut errors);
    if let Some(old) = old {
        immutable(kind, it, old, &mut errors);
    }
    match kind.kind.as_str() {
        _ if kind.custom().is_some() => {}
        "Pod" => pod_spec(
            &it["spec"],
            "spec",
            &["Always", "OnFailure", "Never"],
            &mut errors,
        ),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            selected_template(&it["spec"], &mut errors);
            pod_spec(
                &it["spec"]["template"]["spec"],
                "spec.template.spec",
                &["Always"],
                &mut errors,
            );
            not_negative(it, &mut errors);
        }
        "Job" => pod_spec(
            &it["spec"]["template"]["spec"],
            "spec.template.spec",
            &["OnFailure", "Never"],
            &mut errors,
        ),
        "CronJob" => {
            let template = &it["spec"]["jobTemplate"]["spec"]["template"]["spec"];
            let path = "spec.jobTemplate.spec.template.spec";
            pod_spec(template, path, &["OnFailure", "Never"], &mut errors);
            if text(it, &["spec", "schedule"]).split_whitespace().count() != 5
                && !text(it, &["spec", "schedule"]).starts_with('@')
            {
                let detail = "expected exactly 5 fields";
                errors.push(FieldError::invalid(
                    "spec.schedule",
                    &it["spec"]["schedule"],
                    detail,
                ));
            }
        }
        "Service" => service(it, &mut errors),
        "PersistentVolumeClaim" => {
            if list(it, &["spec", "accessModes"]).is_empty() {
                errors.push(FieldError::required(
                    "spec.accessModes",
                    "at least 1 access mode is required",
                ));
            }
            if it["spec"]["resources"]["requests"]["storage"].is_null() {
                errors.push(FieldError::required("spec.resources[storage]", ""));
            }
        }
        "ConfigMap" | "Secret" => {
            for field in ["data", "binaryData"] {
                for key in it[field]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(key, _)| key)
                {
                    if key.is_empty()
                        || !key
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                    {
                        let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
                        errors.push(FieldError::invalid(
                            format!("{field}[{key}]"),
                            &key.as_str().into(),
                            detail,
                        ));
                    }
                }
            }
        }
        "CustomResourceDefinition" => definition(it, &mut errors),
        "StorageClass" if text(it, &["provisioner"]).is_empty() => {
            errors.push(FieldError::required("provisioner", ""));
        }
        "Ingress" if it["spec"]["rules"].is_null() && it["spec"]["defaultBackend"].is_null() => {
            let detail = "either `defaultBackend` or `rules` must be specified";
            errors.push(FieldError::invalid(
                "spec",
                &Value::Object(Default::default()),
                detail,
            ));
        }
        _ => {}
    }
    errors
}

/// Fields that stay as they were made.
fn immutable(kind: &Kind, it: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let fixed: &[&[&str]] = match kind.kind.as_str() {
        "Deployment" | "ReplicaSet" | "DaemonSet" => &[&["spec", "selector"]],
        "Job" => &[
            &["spec", "selector"],
            &["spec", "template"],
            &["spec", "completions"],
        ],
        "StorageClass" => &[
            &["parameters"],
            &["provisioner"],
            &["reclaimPolicy"],
            &["volumeBindingMode"],
        ],
        "Secret" => &[&["type"]],
        "PriorityClass" => &[&["value"]],
        "Role" | "ClusterRole" => &[],
        "RoleBinding" | "ClusterRoleBinding" => &[&["roleRef"]],
        "CustomResourceDefinition" => &[
            &["spec", "group"],
            &["spec", "names", "plural"],
            &["spec", "scope"],
        ],
        _ => &[],
    };
    for path in fixed {
        let (before, after) = (object::at(old, path), object::at(it, path));
        if before != after {
            let detail = if path == &["roleRef"] {
                "cannot change roleRef"
            } else {
                "field is immutable"
            };
            errors.push(match kind.kind.as_str() {
                "StorageClass" if path[0] == "parameters" || path[0] == "provisioner" => {
                    FieldError::forbidden(path.join("."), "updates to parameters are forbidden.")
                }
                _ => FieldError::invalid(path.join("."), after, detail),
            });
        }
    }
    let refuse_other_spec = |free: &[&str]| {
        let strip = |value: &Value| {
            let mut spec = value["spec"].clone();
            let fields = object::object(&mut spec);
            free.iter().for_each(|field| {
                fields.shift_remove(*field);
            });
            spec
        };
        strip(it) != strip(old)
    };
    match kind.kind.as_str() {
        "StatefulSet" => {
            let free = [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            if refuse_other_spec(&free) {
                let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
                errors.push(FieldError::forbidden("spec", detail));
            }
        }
        "PersistentVolumeClaim"
            if refuse_other_spec(&["resources", "volumeAttributesClassName", "volumeName"])
                || (old["spec"]["volumeName"].is_string()
                    && it["spec"]["volumeName"] != old["spec"]["volumeName"]) =>
        {
            let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
            errors.push(FieldError::forbidden("spec", detail));
        }
        "Pod" => {
            let strip = |value: &Value| {
                let mut spec = value["spec"].clone();
                let fields = object::object(&mut spec);
                for field in [
                    "activeDeadlineSeconds",
                    "terminationGracePeriodSeconds",
                    "tolerations",
                    "nodeName",
                ] {
                    fields.shift_remove(field);
                }
                for field in ["containers", "initContainers"] {
                    for container in fields
                        .get_mut(field)
                        .and_then(Value::as_array_mut)
                        .into_iter()
                        .flatten()
                    {
                        object::object(container).shift_remove("image");
                    }
                }
                spec
            };
            if strip(it) != strip(old) {
                let detail = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
                errors.push(FieldError::forbidden("spec", detail));
            }
        }
        "ConfigMap" | "Secret" if old["immutable"] == true => {
            for field in ["data", "binaryData"] {
                if it[field] != old[field] {
                    errors.push(FieldError::forbidden(
                        field,
                        "field is immutable when `immutable` is set",
                    ));
                }
            }
            if it["immutable"] != true {
                errors.push(FieldError::forbidden(
                    "immutable",
                    "field is immutable when `immutable` is set",
                ));
            }
        }
        "Service" => {
            let before = text(old, &["spec", "clusterIP"]);
            if !before.is_empty()
                && it["spec"]["type"] != "ExternalName"
                && old["spec"]["type"] != "ExternalName"
                && before != text(it, &["spec", "clusterIP"])
            {
                let value = serde_json::json!([it["spec"]["clusterIP"]]);
                errors.push(FieldError::invalid(
                    "spec.clusterIPs[0]",
                    &value,
                    "may not change once set",
                ));
            }
        }
        _ => {}
    }
}

fn not_negative(it: &Value, errors: &mut Vec<FieldError>) {
    if let Some(replicas) = it["spec"]["replicas"].as_i64().filter(|it| *it < 0) {
        errors.push(FieldError::invalid(
            "spec.replicas",
            &replicas.into(),
            "must be greater than or equal to 0",
        ));
    }
}

fn selected_template(spec: &Value, errors: &mut Vec<FieldError>) {
    let selector = &spec["selector"];
    let labels = &spec["template"]["metadata"]["labels"];
    if selector.is_null() {
        errors.push(FieldError::required("spec.selector", ""));
    } else if Selector::of(selector).is_empty() {
        let detail = "empty selector is invalid for deployment";
        errors.push(FieldError::invalid("spec.selector", selector, detail));
    }
    if !Selector::of(selector).matches(labels) || selector.is_null() {
        let value = if labels.is_null() {
            &Value::Null
        } else {
            labels
        };
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(
            "spec.template.metadata.labels",
            value,
            detail,
        ));
    }
}

fn pod_spec(spec: &Value, path: &str, restarts: &[&str], errors: &mut Vec<FieldError>) {
    let volumes: Vec<&str> = list(spec, &["volumes"])
        .iter()
        .map(|it| text(it, &["name"]))
        .collect();
    for (at, name) in volumes.iter().enumerate() {
        if volumes[..at].contains(name) {
            errors.push(FieldError::duplicate(
                format!("{path}.volumes[{at}].name"),
                &(*name).into(),
            ));
        }
    }
    if list(spec, &["containers"]).is_empty() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let mut names: Vec<&str> = Vec::new();
    for field in ["initContainers", "containers"] {
        for (at, container) in list(spec, &[field]).iter().enumerate() {
            let place = format!("{path}.{field}[{at}]");
            let name = text(container, &["name"]);
            if name.is_empty() {
                errors.push(FieldError::required(format!("{place}.name"), ""));
            } else if !dns_label(name) {
                errors.push(FieldError::invalid(
                    format!("{place}.name"),
                    &name.into(),
                    LABEL,
                ));
            } else if names.contains(&name) {
                errors.push(FieldError::duplicate(format!("{place}.name"), &name.into()));
            }
            names.push(name);
            if text(container, &["image"]).is_empty() {
                errors.push(FieldError::required(format!("{place}.image"), ""));
            }
            for (at, mount) in list(container, &["volumeMounts"]).iter().enumerate() {
                let name = text(mount, &["name"]);
                if !volumes.contains(&name) {
                    let field = format!("{place}.volumeMounts[{at}].name");
                    errors.push(FieldError::not_found(field, &name.into()));
                }
            }
            for (at, port) in list(container, &["ports"]).iter().enumerate() {
                if !port["containerPort"]
                    .as_i64()
                    .is_some_and(|it| (1..=65535).contains(&it))
                {
                    let detail = "must be between 1 and 65535, inclusive";
                    let field = format!("{place}.ports[{at}].containerPort");
                    errors.push(FieldError::invalid(field, &port["containerPort"], detail));
                }
            }
        }
    }
    let restart = &spec["restartPolicy"];
    if !restarts.iter().any(|it| restart == it) {
        errors.push(FieldError::unsupported(
            format!("{path}.restartPolicy"),
            restart,
            restarts,
        ));
    }
}

fn service(it: &Value, errors: &mut Vec<FieldError>) {
    let spec = &it["spec"];
    let sort = text(spec, &["type"]);
    if !["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"].contains(&sort) {
        let known = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
        errors.push(FieldError::unsupported("spec.type", &spec["type"], &known));
    }
    let headless = text(spec, &["clusterIP"]) == "None";
    let ports = list(spec, &["ports"]);
    if ports.is_empty() && !headless && sort != "ExternalName" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    for (at, port) in ports.iter().enumerate() {
        if ports.len() > 1 && text(port, &["name"]).is_empty() {
            errors.push(FieldError::required(format!("spec.ports[{at}].name"), ""));
        }
        if !port["port"]
            .as_i64()
            .is_some_and(|it| (1..=65535).contains(&it))
        {
            let detail = "must be between 1 and 65535, inclusive";
            errors.push(FieldError::invalid(
                format!("spec.ports[{at}].port"),
                &port["port"],
                detail,
            ));
        }
    }
    if sort == "ExternalName" && text(spec, &["externalName"]).is_empty() {
        errors.push(FieldError::required("spec.externalName", ""));
    }
}

fn definition(it: &Value, errors: &mut Vec<FieldError>) {
    let spec = &it["spec"];
    let wanted = format!(
        "{}.{}",
        text(spec, &["names", "plural"]),
        text(spec, &["group"])
    );
    if object::name(it) != wanted {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid(
            "metadata.name",
            &object::name(it).into(),
            detail,
        ));
    }
    let versions = list(spec, &["versions"]);
    if versions.iter().filter(|it| it["storage"] == true).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid(
            "spec.versions",
            &spec["versions"],
            detail,
        ));
    }
    for (at, version) in versions.iter().enumerate() {
        if version["schema"]["openAPIV3Schema"].is_null() {
            let field = format!("spec.versions[{at}].schema.openAPIV3Schema");
            errors.push(FieldError::required(field, "schemas are required"));
        }
    }
}
