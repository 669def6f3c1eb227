//! What is below an object's path besides `status` and `scale`: a pod's log, eviction and binding; an account's tokens.

use super::call::Call;
use super::cluster::Cluster;
use super::failure::Failure;
use super::kind::Kind;
use super::object::{self, list, number, text};
use super::patch::Patch;
use super::removal::Removal;
use super::reply::Reply;
use super::selector::Selector;
use super::tokens;
use super::writing::How;
use http::Method;
use serde_json::{Value, json};

/// Answers a call to `…/NAME/BELOW`.
pub fn below(
    cluster: &mut Cluster,
    call: &Call,
    kind: &Kind,
    namespace: &str,
    name: &str,
    below: &str,
) -> Result<Reply, Failure> {
    match (kind.group.as_str(), kind.kind.as_str(), below) {
        ("", "Pod", "log") if call.method == Method::GET => {
            let pod = cluster.get(kind, namespace, name)?;
            log(call, &pod)
        }
        ("", "Pod", "eviction") if call.method == Method::POST => {
            evict(cluster, call, kind, namespace, name)
        }
        ("", "Pod", "binding") if call.method == Method::POST => {
            bind(cluster, call, kind, namespace, name)
        }
        ("", "Pod", "exec" | "attach" | "portforward" | "proxy")
        | ("", "Service" | "Node", "proxy") => {
            cluster.get(kind, namespace, name)?;
            Err(Failure::simulated(&format!(
                "there are no containers and no network behind it, so nothing answers `{below}`"
            )))
        }
        ("", "ServiceAccount", "token") if call.method == Method::POST => {
            let account = cluster.get(kind, namespace, name)?;
            let mut it = call.json()?;
            let seconds = number(&it, &["spec", "expirationSeconds"]).unwrap_or(3600);
            let until = jiff::Timestamp::now().as_second().saturating_add(seconds);
            let token = tokens::issue(
                &cluster.settings.signing,
                namespace,
                name,
                object::uid(&account),
                Some(until),
            );
            let time = jiff::Timestamp::from_second(until)
                .map(object::stamp)
                .unwrap_or_default();
            it["apiVersion"] = "authentication.k8s.io/v1".into();
            it["kind"] = "TokenRequest".into();
            it["status"] = json!({"token": token, "expirationTimestamp": time});
            Ok(Reply::Json(201, it, Vec::new()))
        }
        _ => Err(Failure::no_such_path()),
    }
}

fn log(call: &Call, pod: &Value) -> Result<Reply, Failure> {
    let names: Vec<&str> = list(pod, &["spec", "containers"])
        .iter()
        .map(|it| text(it, &["name"]))
        .collect();
    let name = object::name(pod);
    let wanted = match (call.query("container"), names.as_slice()) {
        ("", [one]) => *one,
        ("", _) => {
            let message = format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                names.join(" ")
            );
            return Err(Failure::bad_request(message));
        }
        (wanted, _) if names.contains(&wanted) => wanted,
        (wanted, _) => {
            return Err(Failure::bad_request(format!(
                "container {wanted} is not valid for pod {name}"
            )));
        }
    };
    let statuses = list(pod, &["status", "containerStatuses"]).iter();
    let status = statuses.clone().find(|it| it["name"] == wanted);
    let waiting = status
        .map(|it| text(it, &["state", "waiting", "reason"]))
        .unwrap_or_default();
    let failing = object::annotation(pod, "simulation.hoist.dev/fail");
    match (waiting, failing) {
        (
            "ImagePullBackOff" | "ErrImagePull" | "ContainerCreating" | "",
            Some("ImagePullBackOff"),
        )
        | ("ContainerCreating", _) => {
            let message =
                format!("container {wanted:?} in pod {name:?} is waiting to start: {waiting}");
            Err(Failure::bad_request(message))
        }
        (_, Some(failing)) => Ok(Reply::Text(format!(
            "simulated: container {wanted} of pod {name} runs nothing; it fails because it was told to ({failing})\n"
        ))),
        _ => Ok(Reply::Text(format!(
            "simulated: container {wanted} of pod {name} runs nothing\n"
        ))),
    }
}

fn evict(
    cluster: &mut Cluster,
    call: &Call,
    kind: &Kind,
    namespace: &str,
    name: &str,
) -> Result<Reply, Failure> {
    let pod = cluster.get(kind, namespace, name)?;
    for (_, budget) in cluster
        .store
        .list("policy/poddisruptionbudgets", Some(namespace))
    {
        let covered = Selector::of(&budget["spec"]["selector"]).selects(&pod);
        let allowed = number(budget, &["status", "disruptionsAllowed"]).unwrap_or(0);
        if covered && allowed < 1 && text(&pod, &["status", "phase"]) == "Running" {
            let message = "Cannot evict pod as it would violate the pod's disruption budget.";
            return Err(Failure::new(429, "TooManyRequests", message));
        }
    }
    let body = call.json()?;
    let removal = Removal::read(&body["deleteOptions"], &|name| call.query(name).to_owned());
    cluster.delete(kind, namespace, name, &removal)?;
    Ok(Reply::Json(
        201,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
        Vec::new(),
    ))
}

fn bind(
    cluster: &mut Cluster,
    call: &Call,
    kind: &Kind,
    namespace: &str,
    name: &str,
) -> Result<Reply, Failure> {
    let pod = cluster.get(kind, namespace, name)?;
    if !text(&pod, &["spec", "nodeName"]).is_empty() {
        let detail = format!(
            "pod {name} is already assigned to node {:?}",
            text(&pod, &["spec", "nodeName"])
        );
        return Err(Failure::cannot(kind, name, &detail));
    }
    let node = call.json()?["target"]["name"].clone();
    let manager = call.manager();
    let patch = Patch::Merge(json!({"spec": {"nodeName": node}}));
    cluster.patch(kind, namespace, name, patch, How::by(&manager))?;
    Ok(Reply::Json(
        201,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
        Vec::new(),
    ))
}
