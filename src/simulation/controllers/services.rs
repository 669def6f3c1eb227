//! Services: Endpoints and EndpointSlices of the pods that they select, and addresses of load balancers.

use super::tools::{all, make, owned_by, remove, set_status};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, list, text};
use crate::simulation::patch::Patch;
use crate::simulation::selector::Selector;
use crate::simulation::writing::How;
use serde_json::{Value, json};
use std::sync::Arc;

const BY: &str = "endpoint-controller";

/// Looks at every Service.
pub fn run(cluster: &mut Cluster) {
    for it in all(cluster, "/services", None) {
        if object::deleting(&it) {
            continue;
        }
        if it["spec"]["selector"]
            .as_object()
            .is_some_and(|it| !it.is_empty())
        {
            endpoints(cluster, &it);
        }
        balance(cluster, &it);
    }
    for it in all(cluster, "/endpoints", None) {
        let (namespace, name) = (object::namespace(&it), object::name(&it));
        let ours = it["metadata"]["labels"]["endpoints.kubernetes.io/managed-by"] == BY;
        if ours && cluster.find("/services", namespace, name).is_none() {
            remove(cluster, "/endpoints", &it);
        }
    }
}

/// The port of a pod that a port of a service leads to.
fn target(port: &Value, pod: &Value) -> Option<i64> {
    if let Some(number) = port["targetPort"].as_i64() {
        return Some(number);
    }
    let name = text(port, &["targetPort"]);
    let containers = list(pod, &["spec", "containers"]).iter();
    let mut ports = containers.flat_map(|it| list(it, &["ports"]));
    ports
        .find(|it| it["name"] == name)
        .and_then(|it| it["containerPort"].as_i64())
}

fn endpoints(cluster: &mut Cluster, it: &Value) {
    let namespace = object::namespace(it);
    let selector = Selector::labels(&it["spec"]["selector"]);
    let mut pods: Vec<Arc<Value>> = all(cluster, "/pods", Some(namespace));
    pods.retain(|pod| {
        let up = text(pod, &["status", "phase"]) == "Running"
            && !text(pod, &["status", "podIP"]).is_empty();
        up && selector.selects(pod) && !object::deleting(pod)
    });
    let reference = |pod: &Value| json!({"kind": "Pod", "namespace": namespace, "name": object::name(pod), "uid": object::uid(pod)});
    let early = it["spec"]["publishNotReadyAddresses"] == true;
    let is_ready = |pod: &Value| early || condition(pod, "Ready") == Some("True");
    let address = |pod: &Arc<Value>| json!({"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": reference(pod)});
    let (ready, unready): (Vec<&Arc<Value>>, Vec<&Arc<Value>>) =
        pods.iter().partition(|it| is_ready(it));
    let ports: Vec<Value> = list(it, &["spec", "ports"])
        .iter()
        .filter_map(|port| {
            let number = pods
                .first()
                .map_or_else(|| port["targetPort"].as_i64(), |pod| target(port, pod))?;
            let mut made = json!({"port": number, "protocol": port["protocol"]});
            if port["name"].is_string() {
                made["name"] = port["name"].clone();
            }
            Some(made)
        })
        .collect();
    let mut subset = json!({"ports": ports});
    for (field, pods) in [("addresses", &ready), ("notReadyAddresses", &unready)] {
        if !pods.is_empty() {
            subset[field] = pods.iter().map(|it| address(it)).collect();
        }
    }
    let subsets = if pods.is_empty() {
        json!([])
    } else {
        json!([subset])
    };
    let name = object::name(it);
    let wanted = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name, "namespace": namespace,
        "labels": {"endpoints.kubernetes.io/managed-by": BY}}, "subsets": subsets});
    let old = cluster.find("/endpoints", namespace, name);
    let same = old.is_some_and(|old| list(old, &["subsets"]) == list(&wanted, &["subsets"]));
    if !same {
        apply(cluster, "Endpoints", "", &wanted);
    }
    let slices = pods.iter().map(|pod| {
        let ready = is_ready(pod);
        json!({"addresses": [pod["status"]["podIP"]], "conditions": {"ready": ready, "serving": ready, "terminating": false},
            "nodeName": pod["spec"]["nodeName"], "targetRef": reference(pod)})
    });
    let name = format!("{name}-simulated");
    let family = if text(it, &["spec", "ipFamilies"]).is_empty() {
        "IPv4"
    } else {
        text(it, &["spec", "ipFamilies"])
    };
    let family = it["spec"]["ipFamilies"][0].as_str().unwrap_or(family);
    let slice = json!({"metadata": {"name": name, "namespace": namespace, "ownerReferences": owned_by(it),
            "labels": {"kubernetes.io/service-name": object::name(it), "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
        "addressType": family, "endpoints": slices.collect::<Vec<_>>(), "ports": ports});
    match cluster.find("discovery.k8s.io/endpointslices", namespace, &name) {
        None => {
            let _ = make(
                cluster,
                "discovery.k8s.io/endpointslices",
                namespace,
                slice,
                BY,
            );
        }
        Some(old)
            if list(old, &["endpoints"]) == list(&slice, &["endpoints"])
                && list(old, &["ports"]) == list(&slice, &["ports"]) => {}
        Some(_) => {
            let mut slice = slice;
            slice["apiVersion"] = "discovery.k8s.io/v1".into();
            slice["kind"] = "EndpointSlice".into();
            apply(cluster, "EndpointSlice", "discovery.k8s.io", &slice);
        }
    }
}

fn apply(cluster: &mut Cluster, kind: &str, group: &str, wanted: &Value) {
    if let Some(kind) = cluster.catalog.kind(group, kind) {
        let patch = Patch::Apply {
            wanted: wanted.clone(),
            force: true,
        };
        let _ = cluster.patch(
            &kind,
            object::namespace(wanted),
            object::name(wanted),
            patch,
            How::by(BY),
        );
    }
}

/// K3s's own balancer gives the addresses of the nodes; MetalLB those of its pools.
fn balance(cluster: &mut Cluster, it: &Value) {
    let wanted = if it["spec"]["type"] == "LoadBalancer" {
        let present = list(it, &["status", "loadBalancer", "ingress"]);
        if cluster.settings.disabled.iter().any(|it| it == "servicelb") {
            match present.is_empty() {
                true => from_pools(cluster, it)
                    .map(|it| vec![json!({"ip": it})])
                    .unwrap_or_default(),
                false => present.to_vec(),
            }
        } else {
            let nodes = all(cluster, "/nodes", None);
            let ready = nodes
                .iter()
                .filter(|it| condition(it, "Ready") == Some("True"));
            let addresses = ready
                .flat_map(|node| list(node, &["status", "addresses"]))
                .filter(|it| it["type"] == "InternalIP");
            addresses
                .map(|it| json!({"ip": it["address"], "ipMode": "VIP"}))
                .collect()
        }
    } else {
        Vec::new()
    };
    if list(it, &["status", "loadBalancer", "ingress"]) != wanted {
        let ingress = if wanted.is_empty() {
            Value::Null
        } else {
            wanted.into()
        };
        set_status(
            cluster,
            "/services",
            it,
            json!({"loadBalancer": {"ingress": ingress}}),
            "service-lb-controller",
        );
    }
}

/// The first free address of MetalLB's pools, or the one that the service asks for.
fn from_pools(cluster: &Cluster, it: &Value) -> Option<String> {
    let taken: Vec<String> = all(cluster, "/services", None)
        .iter()
        .filter(|other| object::uid(other) != object::uid(it))
        .flat_map(|other| list(other, &["status", "loadBalancer", "ingress"]).to_vec())
        .map(|it| text(&it, &["ip"]).to_owned())
        .collect();
    let asked = object::annotation(it, "metallb.universe.tf/loadBalancerIPs")
        .or(object::annotation(it, "metallb.io/loadBalancerIPs"));
    let asked = asked.unwrap_or(text(it, &["spec", "loadBalancerIP"]));
    for pool in all(cluster, "metallb.io/ipaddresspools", None) {
        for range in list(&pool, &["spec", "addresses"]) {
            for address in addresses(range.as_str().unwrap_or_default()) {
                if !taken.contains(&address) && (asked.is_empty() || asked == address) {
                    return Some(address);
                }
            }
        }
    }
    None
}

/// The addresses of `10.0.0.5-10.0.0.9` or `10.0.0.0/28`, at most 1024.
fn addresses(range: &str) -> Vec<String> {
    let bounds = match range.split_once('-') {
        Some((from, to)) => from.trim().parse().ok().zip(to.trim().parse().ok()),
        None => range
            .parse::<ipnet::Ipv4Net>()
            .ok()
            .map(|it| (it.network(), it.broadcast())),
    };
    let Some((from, to)): Option<(std::net::Ipv4Addr, std::net::Ipv4Addr)> = bounds else {
        return Vec::new();
    };
    (u32::from(from)..=u32::from(to))
        .take(1024)
        .map(|it| std::net::Ipv4Addr::from(it).to_string())
        .collect()
}
