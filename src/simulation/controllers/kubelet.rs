//! The kubelets: pods on a node begin, become ready, end, or fail as their annotations ask. Nothing is ever run.
//!
//! Annotations of a pod: `simulation.hoist.dev/fail` (`ImagePullBackOff`, `CrashLoopBackOff`, `Pending`, `Unready` or, for pods that
//! are to end, any other text: they end with it as reason), `simulation.hoist.dev/ready-after` and
//! `simulation.hoist.dev/complete-after` (`5s`, `2m`).

use super::tools::{all, set_status, tell, with_condition};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, list, seconds_since, stamp, text};
use crate::simulation::settings::Settings;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

const BY: &str = "kubelet";
/// A pod on its way out is gone after so many seconds, where its own grace is not shorter.
const GRACE: i64 = 1;

/// Looks at every pod that has a node.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    let pods = all(cluster, "/pods", None);
    let mut taken: BTreeSet<String> = pods
        .iter()
        .map(|it| text(it, &["status", "podIP"]).to_owned())
        .collect();
    for pod in pods {
        let Some(node) = cluster
            .find("/nodes", "", text(&pod, &["spec", "nodeName"]))
            .cloned()
        else {
            continue;
        };
        // a node that is silent does nothing
        if condition(&node, "Ready") != Some("True") {
            continue;
        }
        if object::deleting(&pod) {
            end(cluster, &pod, now);
        } else if matches!(text(&pod, &["status", "phase"]), "" | "Pending" | "Running") {
            advance(cluster, &pod, &node, &mut taken, now);
        }
    }
}

fn end(cluster: &mut Cluster, pod: &Value, now: Timestamp) {
    let grace = object::number(pod, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
    let until = text(pod, &["metadata", "deletionTimestamp"]);
    let since = seconds_since(until, now).unwrap_or(0) + grace;
    if since >= grace.min(GRACE)
        && let Some(kind) = cluster.catalog.kind("", "Pod")
    {
        let mut new = pod.clone();
        new["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        let key = cluster.key(&kind, object::namespace(pod), object::name(pod));
        let _ = if cluster.is_free(&kind, &new) {
            cluster.drop_object(&kind, key)
        } else if new != *pod {
            cluster.keep(&kind, key, new).map(|_| ())
        } else {
            Ok(())
        };
    }
}

/// `5s`, `2m`, `1h`, or a number of seconds.
pub fn seconds(text: &str) -> Option<i64> {
    let (number, factor) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) if text.ends_with('h') => (number, 3600),
        Some(number) => (number, 1),
        None => (text, 1),
    };
    number.parse::<i64>().ok().map(|it| it * factor)
}

fn wait(pod: &Value, which: &str, otherwise: i64) -> i64 {
    object::annotation(pod, which)
        .and_then(seconds)
        .unwrap_or(otherwise)
}

/// What stands in the way of a pod's beginning: a reason, a message, and the message of the event about it.
fn obstacle(cluster: &Cluster, pod: &Value) -> Option<(&'static str, String, &'static str)> {
    let namespace = object::namespace(pod);
    let there = |place: &str, name: &str| cluster.find(place, namespace, name).is_some();
    for volume in list(pod, &["spec", "volumes"]) {
        let own = text(volume, &["name"]);
        for (place, path, what) in [
            ("/secrets", &["secret", "secretName"], "secret"),
            ("/configmaps", &["configMap", "name"], "configmap"),
        ] {
            let name = text(volume, path);
            if !name.is_empty() && volume[path[0]]["optional"] != true && !there(place, name) {
                return Some((
                    "ContainerCreating",
                    format!(
                        "MountVolume.SetUp failed for volume {own:?} : {what} {name:?} not found"
                    ),
                    "FailedMount",
                ));
            }
        }
        let claim = text(volume, &["persistentVolumeClaim", "claimName"]);
        if let Some(found) = cluster.find("/persistentvolumeclaims", namespace, claim)
            && text(found, &["status", "phase"]) != "Bound"
        {
            return Some((
                "ContainerCreating",
                format!("persistentvolumeclaim {claim:?} is not bound"),
                "FailedMount",
            ));
        }
    }
    for container in list(pod, &["spec", "containers"])
        .iter()
        .chain(list(pod, &["spec", "initContainers"]))
    {
        let mut wanted: Vec<(&str, &Value)> = Vec::new();
        for variable in list(container, &["env"]) {
            wanted.push(("/secrets", &variable["valueFrom"]["secretKeyRef"]));
            wanted.push(("/configmaps", &variable["valueFrom"]["configMapKeyRef"]));
        }
        for source in list(container, &["envFrom"]) {
            wanted.push(("/secrets", &source["secretRef"]));
            wanted.push(("/configmaps", &source["configMapRef"]));
        }
        for (place, reference) in wanted {
            let name = text(reference, &["name"]);
            if name.is_empty() || reference["optional"] == true {
                continue;
            }
            let what = if place == "/secrets" {
                "secret"
            } else {
                "configmap"
            };
            let Some(found) = cluster.find(place, namespace, name) else {
                return Some((
                    "CreateContainerConfigError",
                    format!("{what} {name:?} not found"),
                    "Failed",
                ));
            };
            let key = text(reference, &["key"]);
            if !key.is_empty() && found["data"][key].is_null() && found["binaryData"][key].is_null()
            {
                let message = format!("couldn't find key {key} in {what} {namespace}/{name}");
                return Some(("CreateContainerConfigError", message, "Failed"));
            }
        }
    }
    None
}

fn advance(
    cluster: &mut Cluster,
    pod: &Value,
    node: &Value,
    taken: &mut BTreeSet<String>,
    now: Timestamp,
) {
    let fail = object::annotation(pod, "simulation.hoist.dev/fail");
    let time = stamp(now);
    let mut status = json!({"phase": "Pending"});
    let begun = text(pod, &["status", "startTime"]);
    let begun = if begun.is_empty() {
        time.as_str()
    } else {
        begun
    }
    .to_owned();
    status["startTime"] = begun.as_str().into();
    status["hostIP"] = address_of(node).into();
    let ending = pod["spec"]["restartPolicy"] != "Always";
    let waiting = match (fail, obstacle(cluster, pod)) {
        (_, Some((reason, message, event))) => Some((reason, message, event)),
        (Some(reason @ ("ImagePullBackOff" | "ErrImagePull")), _) => {
            let image = text(&pod["spec"]["containers"][0], &["image"]);
            let known = if reason == "ErrImagePull" {
                "ErrImagePull"
            } else {
                "ImagePullBackOff"
            };
            Some((
                known,
                format!("Back-off pulling image {image:?} (simulated: it was told to fail)"),
                "BackOff",
            ))
        }
        (Some("CrashLoopBackOff"), _) => {
            let message = format!(
                "back-off 5m0s restarting failed container of pod {} (simulated: it was told to fail)",
                object::name(pod)
            );
            Some(("CrashLoopBackOff", message, "BackOff"))
        }
        _ => None,
    };
    if let Some((reason, message, event)) = &waiting {
        status["containerStatuses"] = waiting_containers(pod, reason, message, &time);
        let phase = if *reason == "CrashLoopBackOff" {
            "Running"
        } else {
            "Pending"
        };
        status["phase"] = phase.into();
        status["conditions"] = conditions(
            pod,
            false,
            &format!("containers with unready status: [{}]", names(pod)),
            now,
        );
        if same_state(&pod["status"], &status) {
            return;
        }
        set_status(cluster, "/pods", pod, status, BY);
        if message.starts_with("Back-off pulling") {
            let image = text(&pod["spec"]["containers"][0], &["image"]);
            let told = format!("Failed to pull image {image:?}: simulated: it was told to fail");
            tell(cluster, pod, "Warning", "Failed", &told, BY, now);
        }
        tell(cluster, pod, "Warning", event, message, BY, now);
        return;
    }
    let age = seconds_since(&begun, now).unwrap_or(0);
    let running = text(pod, &["status", "phase"]) == "Running";
    let ready = age >= wait(pod, "simulation.hoist.dev/ready-after", 0) && fail != Some("Unready");
    status["podIP"] = match text(pod, &["status", "podIP"]) {
        "" if pod["spec"]["hostNetwork"] == true => address_of(node),
        "" => address(cluster, pod, taken),
        address => address.to_owned(),
    }
    .into();
    status["podIPs"] = json!([{"ip": status["podIP"]}]);
    let done = running && ending && age >= wait(pod, "simulation.hoist.dev/complete-after", 1);
    status["phase"] = match (done, fail) {
        (false, _) => "Running",
        (true, None | Some("Unready")) => "Succeeded",
        (true, Some(_)) => "Failed",
    }
    .into();
    let since = text(
        &pod["status"]["containerStatuses"][0],
        &["state", "running", "startedAt"],
    );
    let since = if since.is_empty() {
        time.as_str()
    } else {
        since
    };
    let state = match (done, fail) {
        (false, _) => json!({"running": {"startedAt": since}}),
        (true, None | Some("Unready")) => {
            json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": since, "finishedAt": time}})
        }
        (true, Some(reason)) => {
            json!({"terminated": {"exitCode": 1, "reason": "Error", "message": format!("simulated: {reason}"), "startedAt": since, "finishedAt": time}})
        }
    };
    let up = ready && !done;
    status["containerStatuses"] = containers(pod, up, !done, &state);
    let why = match (up, done) {
        (true, _) => String::new(),
        (_, true) => "PodCompleted".to_owned(),
        _ => format!("containers with unready status: [{}]", names(pod)),
    };
    status["conditions"] = conditions(pod, up, &why, now);
    if same_state(&pod["status"], &status) {
        return;
    }
    set_status(cluster, "/pods", pod, status, BY);
    if !running {
        for container in list(pod, &["spec", "containers"]) {
            let (name, image) = (text(container, &["name"]), text(container, &["image"]));
            tell(
                cluster,
                pod,
                "Normal",
                "Pulled",
                &format!("Container image {image:?} already present on machine (simulated)"),
                BY,
                now,
            );
            tell(
                cluster,
                pod,
                "Normal",
                "Started",
                &format!("Started container {name} (simulated)"),
                BY,
                now,
            );
        }
    }
}

/// Whether nothing but times differs.
fn same_state(old: &Value, new: &Value) -> bool {
    let reasons = |it: &Value| {
        let containers = list(it, &["containerStatuses"]).iter();
        containers
            .map(|it| {
                let state = &it["state"];
                let message = text(state, &["waiting", "message"]);
                (
                    state.as_object().and_then(|it| it.keys().next().cloned()),
                    it["ready"].clone(),
                    text(state, &["waiting", "reason"]).to_owned(),
                    message.to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    let ready = |it: &Value| condition(&json!({"status": it}), "Ready").map(str::to_owned);
    old["phase"] == new["phase"] && reasons(old) == reasons(new) && ready(old) == ready(new)
}

fn names(pod: &Value) -> String {
    let names: Vec<&str> = list(pod, &["spec", "containers"])
        .iter()
        .map(|it| text(it, &["name"]))
        .collect();
    names.join(" ")
}

fn address_of(node: &Value) -> String {
    let addresses = list(node, &["status", "addresses"]).iter();
    let inside = addresses.clone().find(|it| it["type"] == "InternalIP");
    inside
        .map(|it| text(it, &["address"]))
        .unwrap_or_default()
        .to_owned()
}

fn address(cluster: &Cluster, pod: &Value, taken: &mut BTreeSet<String>) -> String {
    let start = u32::from_str_radix(object::uid(pod).get(..4).unwrap_or("0"), 16).unwrap_or(0);
    let candidates = (0..60_000).map(|at| 10 + (start + at) % 60_000);
    let mut candidates = candidates.map(|at| Settings::nth(cluster.settings.pods, at));
    let found = candidates
        .find(|it: &IpAddr| !taken.contains(&it.to_string()))
        .map(|it| it.to_string());
    let found = found.unwrap_or_default();
    taken.insert(found.clone());
    found
}

fn conditions(pod: &Value, ready: bool, why: &str, now: Timestamp) -> Value {
    let (status, reason) = match (ready, why) {
        (true, _) => ("True", ""),
        (_, "PodCompleted") => ("False", "PodCompleted"),
        _ => ("False", "ContainersNotReady"),
    };
    let message = if why == "PodCompleted" { "" } else { why };
    let mut it = pod.clone();
    for (sort, status, reason, message) in [
        ("PodScheduled", "True", "", ""),
        ("Initialized", "True", "", ""),
        ("ContainersReady", status, reason, message),
        ("Ready", status, reason, message),
    ] {
        let mut all = with_condition(&it, sort, status, reason, message, now);
        for condition in all.as_array_mut().into_iter().flatten() {
            let map = object::object(condition);
            map.retain(|_, value| *value != "");
        }
        it["status"]["conditions"] = all;
    }
    it["status"]["conditions"].clone()
}

fn containers(pod: &Value, ready: bool, started: bool, state: &Value) -> Value {
    let each = list(pod, &["spec", "containers"]).iter();
    each.map(|it| {
        json!({"name": it["name"], "image": it["image"], "imageID": "", "ready": ready, "started": started,
            "restartCount": 0, "state": state, "lastState": {}})
    })
    .collect()
}

fn waiting_containers(pod: &Value, reason: &str, message: &str, time: &str) -> Value {
    let crashing = reason == "CrashLoopBackOff";
    let last = if crashing {
        json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": time}})
    } else {
        json!({})
    };
    let each = list(pod, &["spec", "containers"]).iter();
    each.map(|it| {
        json!({"name": it["name"], "image": it["image"], "imageID": "", "ready": false, "started": false,
            "restartCount": if crashing { 3 } else { 0 }, "state": {"waiting": {"reason": reason, "message": message}}, "lastState": last})
    })
    .collect()
}
