//! What the server completes with a look at the rest of the cluster: addresses, accounts, classes; and quotas.

use super::cluster::Cluster;
use super::failure::{Failure, FieldError};
use super::kind::Kind;
use super::object::{self, default, list, number, object, text};
use super::quantity::Quantity;
use super::settings::Settings;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Completes an object of a built-in kind.
pub fn complete(
    cluster: &Cluster,
    kind: &Kind,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<(), Failure> {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Service") => service(cluster, kind, old, new),
        ("", "Pod") if old.is_none() => pod(cluster, kind, new),
        ("", "PersistentVolumeClaim") if old.is_none() => {
            protect(new, "kubernetes.io/pvc-protection");
            if !new["spec"]["storageClassName"].is_null() {
                return Ok(());
            }
            let classes = cluster.store.list("storage.k8s.io/storageclasses", None);
            let default = classes.map(|(_, it)| it).find(|it| {
                object::annotation(it, "storageclass.kubernetes.io/is-default-class")
                    == Some("true")
            });
            if let Some(class) = default {
                new["spec"]["storageClassName"] = object::name(class).into();
            }
            Ok(())
        }
        ("batch", "Job") => {
            job(new);
            Ok(())
        }
        ("apps", "DaemonSet") => {
            if let Some(old) = old
                && old["spec"]["template"] != new["spec"]["template"]
            {
                let key = "deprecated.daemonset.template.generation";
                let before = object::annotation(old, key).and_then(|it| it.parse::<i64>().ok());
                let next = before.unwrap_or(0) + 1;
                object::map(&mut new["metadata"], "annotations")
                    .insert(key.to_owned(), next.to_string().into());
            }
            Ok(())
        }
        ("", "Namespace") if old.is_none() => {
            default(&mut new["spec"], "finalizers", json!(["kubernetes"]));
            Ok(())
        }
        ("", "PersistentVolume") if old.is_none() => {
            protect(new, "kubernetes.io/pv-protection");
            Ok(())
        }
        ("", "Node") if old.is_none() => {
            let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
            default(&mut new["spec"], "taints", json!([]));
            if let Some(taints) = new["spec"]["taints"]
                .as_array_mut()
                .filter(|it| !it.contains(&taint))
            {
                taints.push(taint);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What is in use must not go at once.
fn protect(new: &mut Value, finalizer: &str) {
    let metadata = object::map(new, "metadata");
    let list = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = list
        .as_array_mut()
        .filter(|it| !it.iter().any(|it| it == finalizer))
    {
        list.push(finalizer.into());
    }
}

/// A Job without a selector of its own selects by its uid.
fn job(new: &mut Value) {
    if new["spec"]["manualSelector"] == true || new["spec"]["selector"].is_object() {
        return;
    }
    let (uid, name) = (object::uid(new).to_owned(), object::name(new).to_owned());
    new["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    let labels = object::map(&mut new["spec"]["template"]["metadata"], "labels");
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels.insert(key.to_owned(), value.as_str().into());
    }
}

fn service(
    cluster: &Cluster,
    kind: &Kind,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<(), Failure> {
    let own = (
        object::namespace(new).to_owned(),
        object::name(new).to_owned(),
    );
    let others: Vec<_> = cluster
        .store
        .list("/services", None)
        .filter(|(key, _)| (&key.1, &key.2) != (&own.0, &own.1))
        .map(|(_, it)| it)
        .collect();
    let sort = text(new, &["spec", "type"]).to_owned();
    let spec = &mut new["spec"];
    if sort == "ExternalName" {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            object(spec).shift_remove(field);
        }
        default(&mut new["status"], "loadBalancer", json!({}));
        return Ok(());
    }
    let before = old
        .map(|it| text(it, &["spec", "clusterIP"]))
        .unwrap_or_default();
    let mut address = text(spec, &["clusterIP"]).to_owned();
    if address.is_empty() {
        address = before.to_owned();
    }
    let taken: BTreeSet<&str> = others
        .iter()
        .map(|it| text(it, &["spec", "clusterIP"]))
        .collect();
    if address.is_empty() {
        let start = u32::from_str_radix(object::uid(new).get(..4).unwrap_or("0"), 16).unwrap_or(0);
        let spec_network = cluster.settings.services;
        // the first hundred are for those who ask for one by name, such as the cluster's DNS
        let candidates = (0..u32::from(u16::MAX)).map(|at| 100 + (start.wrapping_add(at)) % 60_000);
        let mut candidates = candidates.map(|at| Settings::nth(spec_network, at).to_string());
        address = candidates
            .find(|it| !taken.contains(it.as_str()))
            .ok_or_else(|| Failure::internal("no address is left for services"))?;
    } else if address != "None" && address != before {
        let name = own.1.as_str();
        let refuse = |detail: &str| {
            let error = FieldError::invalid("spec.clusterIPs", &json!([address]), detail);
            Failure::invalid(kind, name, &[error])
        };
        let inside = address
            .parse()
            .is_ok_and(|it: std::net::IpAddr| cluster.settings.services.contains(&it));
        if !inside {
            let detail = format!(
                "failed to allocate IP {address}: the provided IP ({address}) is not in the valid range. The range of valid IPs is {}",
                cluster.settings.services
            );
            return Err(refuse(&detail));
        }
        if taken.contains(address.as_str()) {
            let detail =
                format!("failed to allocate IP {address}: provided IP is already allocated");
            return Err(refuse(&detail));
        }
    }
    let spec = &mut new["spec"];
    spec["clusterIP"] = address.as_str().into();
    spec["clusterIPs"] = json!([address]);
    let family = if cluster.settings.services.addr().is_ipv4() {
        "IPv4"
    } else {
        "IPv6"
    };
    default(spec, "ipFamilies", json!([family]));
    default(spec, "ipFamilyPolicy", "SingleStack");
    let outside = sort == "NodePort"
        || (sort == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"] != false);
    node_ports(kind, &own.1, &others, old, spec, outside)?;
    if new["status"]["loadBalancer"].is_null() {
        new["status"] = json!({"loadBalancer": {}});
    }
    Ok(())
}

fn node_ports(
    kind: &Kind,
    name: &str,
    others: &[&std::sync::Arc<Value>],
    old: Option<&Value>,
    spec: &mut Value,
    outside: bool,
) -> Result<(), Failure> {
    let mut taken: BTreeSet<i64> = BTreeSet::new();
    for other in others {
        taken.extend(
            list(other, &["spec", "ports"])
                .iter()
                .filter_map(|it| it["nodePort"].as_i64()),
        );
    }
    let before: BTreeMap<String, i64> = old
        .map(|it| list(it, &["spec", "ports"]))
        .unwrap_or_default()
        .iter()
        .filter_map(|it| Some((port_key(it), it["nodePort"].as_i64()?)))
        .collect();
    let mut errors = Vec::new();
    for (at, port) in spec["ports"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .enumerate()
    {
        if !outside {
            object(port).shift_remove("nodePort");
            continue;
        }
        let wanted = port["nodePort"].as_i64().filter(|it| *it != 0);
        let field = format!("spec.ports[{at}].nodePort");
        let wanted = match wanted {
            Some(wanted) if !(30000..=32767).contains(&wanted) => {
                let detail = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                errors.push(FieldError::invalid(field, &wanted.into(), detail));
                continue;
            }
            Some(wanted) if taken.contains(&wanted) => {
                errors.push(FieldError::invalid(
                    field,
                    &wanted.into(),
                    "provided port is already allocated",
                ));
                continue;
            }
            Some(wanted) => wanted,
            None => match before.get(&port_key(port)) {
                Some(kept) => *kept,
                None => (30000..=32767)
                    .rev()
                    .find(|it| !taken.contains(it))
                    .unwrap_or(32767),
            },
        };
        taken.insert(wanted);
        port["nodePort"] = wanted.into();
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Failure::invalid(kind, name, &errors)),
    }
}

fn port_key(port: &Value) -> String {
    format!("{}/{}", port["port"], text(port, &["protocol"]))
}

fn pod(cluster: &Cluster, kind: &Kind, new: &mut Value) -> Result<(), Failure> {
    let (namespace, name) = (
        object::namespace(new).to_owned(),
        object::name(new).to_owned(),
    );
    let spec = &mut new["spec"];
    default(spec, "serviceAccountName", "default");
    let account = text(spec, &["serviceAccountName"]).to_owned();
    default(spec, "serviceAccount", account.as_str());
    if account != "default"
        && cluster
            .find("/serviceaccounts", &namespace, &account)
            .is_none()
    {
        let detail = format!(
            "error looking up service account {namespace}/{account}: serviceaccount {account:?} not found"
        );
        return Err(Failure::forbidden(kind, &name, &detail));
    }
    let class = text(spec, &["priorityClassName"]).to_owned();
    let priority = match class.as_str() {
        "" => 0,
        "system-cluster-critical" => 2_000_000_000,
        "system-node-critical" => 2_000_001_000,
        class => match cluster.find("scheduling.k8s.io/priorityclasses", "", class) {
            Some(class) => number(class, &["value"]).unwrap_or(0),
            None => {
                let detail = format!("no PriorityClass with name {class} was found");
                return Err(Failure::forbidden(kind, &name, &detail));
            }
        },
    };
    default(spec, "priority", priority);
    default(spec, "preemptionPolicy", "PreemptLowerPriority");
    let class = text(spec, &["runtimeClassName"]).to_owned();
    if !class.is_empty()
        && cluster
            .find("node.k8s.io/runtimeclasses", "", &class)
            .is_none()
    {
        let detail = format!("pod rejected: RuntimeClass {class:?} not found");
        return Err(Failure::forbidden(kind, &name, &detail));
    }
    default(spec, "tolerations", json!([]));
    if let Some(tolerations) = spec["tolerations"].as_array_mut() {
        for key in [
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable",
        ] {
            let covers = |it: &Value| {
                it["key"] == key || (it["key"].is_null() && it["operator"] == "Exists")
            };
            if !tolerations.iter().any(covers) {
                let toleration = json!({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300});
                tolerations.push(toleration);
            }
        }
    }
    new["status"] = json!({"phase": "Pending", "qosClass": quality(new)});
    Ok(())
}

/// The quality of service that a pod's requests and limits make.
fn quality(pod: &Value) -> &'static str {
    let containers = list(pod, &["spec", "containers"]);
    let none = containers.iter().all(|it| {
        ["requests", "limits"].iter().all(|field| {
            it["resources"][*field]
                .as_object()
                .is_none_or(serde_json::Map::is_empty)
        })
    });
    let full = containers.iter().all(|it| {
        ["cpu", "memory"].iter().all(|name| {
            let (limit, request) = (
                &it["resources"]["limits"][*name],
                &it["resources"]["requests"][*name],
            );
            limit.is_string() && limit == request
        })
    });
    match (none, full) {
        (true, _) => "BestEffort",
        (_, true) => "Guaranteed",
        _ => "Burstable",
    }
}

/// What an object counts for against a quota.
pub fn usage(kind: &Kind, it: &Value) -> BTreeMap<String, Quantity> {
    let mut used = BTreeMap::new();
    used.insert(format!("count/{}", kind.resource()), Quantity::from(1));
    if kind.group.is_empty() {
        used.insert(kind.plural.clone(), Quantity::from(1));
    }
    if kind.is("", "Pod") {
        if matches!(text(it, &["status", "phase"]), "Succeeded" | "Failed") {
            return BTreeMap::new();
        }
        for container in list(it, &["spec", "containers"]) {
            for (field, prefixes) in [
                ("requests", &["requests.", ""][..]),
                ("limits", &["limits."][..]),
            ] {
                for (name, amount) in container["resources"][field]
                    .as_object()
                    .into_iter()
                    .flatten()
                {
                    let amount =
                        Quantity::parse(amount.as_str().unwrap_or_default()).unwrap_or_default();
                    for prefix in prefixes {
                        let total: &mut Quantity =
                            used.entry(format!("{prefix}{name}")).or_default();
                        *total = *total + amount;
                    }
                }
            }
        }
    }
    if kind.is("", "PersistentVolumeClaim") {
        let size = text(it, &["spec", "resources", "requests", "storage"]);
        used.insert(
            "requests.storage".to_owned(),
            Quantity::parse(size).unwrap_or_default(),
        );
    }
    used
}

/// Refuses what exceeds a quota of its namespace.
pub fn quota(cluster: &Cluster, kind: &Kind, new: &Value) -> Result<(), Failure> {
    let namespace = object::namespace(new);
    if namespace.is_empty() || kind.is("", "Event") {
        return Ok(());
    }
    let asked = usage(kind, new);
    for (key, quota) in cluster.store.list("/resourcequotas", Some(namespace)) {
        let hard = quota["spec"]["hard"].as_object();
        let mut over: [Vec<String>; 3] = Default::default();
        for (name, limit) in hard.into_iter().flatten() {
            let limit = Quantity::parse(limit.as_str().unwrap_or_default()).unwrap_or_default();
            let Some(asked) = asked.get(name) else {
                let needs = matches!(
                    name.as_str(),
                    "cpu"
                        | "memory"
                        | "requests.cpu"
                        | "requests.memory"
                        | "limits.cpu"
                        | "limits.memory"
                );
                if kind.is("", "Pod") && needs {
                    let detail = format!(
                        "failed quota: {}: must specify {name} for: {}",
                        key.2,
                        containers(new)
                    );
                    return Err(Failure::forbidden(kind, object::name(new), &detail));
                }
                continue;
            };
            let used = used(cluster, namespace, name);
            if used + *asked > limit {
                over[0].push(format!("{name}={asked}"));
                over[1].push(format!("{name}={used}"));
                over[2].push(format!("{name}={limit}"));
            }
        }
        if !over[0].is_empty() {
            let [asked, used, limited] = over.map(|it| it.join(","));
            let detail = format!(
                "exceeded quota: {}, requested: {asked}, used: {used}, limited: {limited}",
                key.2
            );
            return Err(Failure::forbidden(kind, object::name(new), &detail));
        }
    }
    Ok(())
}

fn containers(pod: &Value) -> String {
    let names: Vec<&str> = list(pod, &["spec", "containers"])
        .iter()
        .map(|it| text(it, &["name"]))
        .collect();
    names.join(",")
}

/// How much of a quota's name is used in a namespace.
pub fn used(cluster: &Cluster, namespace: &str, name: &str) -> Quantity {
    let mut total = Quantity::default();
    for kind in cluster.catalog.all().filter(|it| it.namespaced) {
        let place = super::cluster::place(kind);
        let counts = kind.is("", "Pod")
            || kind.is("", "PersistentVolumeClaim")
            || name == kind.plural
            || name == format!("count/{}", kind.resource());
        if counts {
            let objects = cluster.store.list(&place, Some(namespace));
            for (_, it) in objects {
                total = total + usage(kind, it).get(name).copied().unwrap_or_default();
            }
        }
    }
    total
}
