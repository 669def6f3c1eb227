//! Whether an object is ready, from its own words.

use super::Json;
use super::object::{api_version, group, kind, text};

/// How far an object is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It is as it should be.
    Ready,
    /// Not yet; what is missing.
    NotYet(String),
    /// It will not become ready by waiting; why.
    Failed(String),
}

use State::{Failed, NotYet, Ready};

/// Whether an object is ready, as far as its kind has a notion of that: the rules of `kubernetes.core`, and for Jobs, claims, nodes,
/// definitions and API services what they themselves say.
pub fn ready(object: &Json) -> State {
    match (kind(object), group(api_version(object))) {
        ("Deployment", "apps") => deployment(object),
        ("StatefulSet", "apps") => stateful_set(object),
        ("DaemonSet", "apps") => daemon_set(object),
        ("Job", "batch") => job(object),
        ("Pod", "") => pod(object),
        ("PersistentVolumeClaim", "") => phase(object, "Bound", "Lost"),
        ("Node", "") => condition(object, "Ready", "True", None),
        ("CustomResourceDefinition", "apiextensions.k8s.io") => definition(object),
        ("APIService", "apiregistration.k8s.io") => condition(object, "Available", "True", None),
        ("Namespace", "") => phase(object, "Active", ""),
        _ => Ready,
    }
}

fn number(object: &Json, pointer: &str) -> i64 {
    object
        .pointer(pointer)
        .and_then(Json::as_i64)
        .unwrap_or_default()
}

/// The controller has not seen the latest change yet.
fn unseen(object: &Json) -> Option<State> {
    let seen = number(object, "/status/observedGeneration");
    (seen < number(object, "/metadata/generation"))
        .then(|| NotYet("its controller has not looked at it yet".into()))
}

fn deployment(object: &Json) -> State {
    if let Some(state) = unseen(object) {
        return state;
    }
    let wanted = object
        .pointer("/spec/replicas")
        .and_then(Json::as_i64)
        .unwrap_or(1);
    let status = |field: &str| number(object, &format!("/status/{field}"));
    let (all, updated, available) = (
        status("replicas"),
        status("updatedReplicas"),
        status("availableReplicas"),
    );
    if updated < wanted {
        NotYet(format!("{updated} of {wanted} replicas are up to date"))
    } else if all > updated {
        NotYet(format!("{} old replicas are left", all - updated))
    } else if available < wanted || status("unavailableReplicas") > 0 {
        NotYet(format!("{available} of {wanted} replicas are available"))
    } else {
        Ready
    }
}

fn stateful_set(object: &Json) -> State {
    if let Some(state) = unseen(object) {
        return state;
    }
    let wanted = object
        .pointer("/spec/replicas")
        .and_then(Json::as_i64)
        .unwrap_or(1);
    let status = |field: &str| number(object, &format!("/status/{field}"));
    let ready = status("readyReplicas");
    if ready < wanted || status("replicas") != wanted {
        return NotYet(format!("{ready} of {wanted} replicas are ready"));
    }
    // one that is updated by hand is as its user left it
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Ready;
    }
    let updated = status("updatedReplicas");
    let kept = number(object, "/spec/updateStrategy/rollingUpdate/partition");
    if updated < wanted - kept.min(wanted) {
        return NotYet(format!("{updated} of {wanted} replicas are up to date"));
    }
    Ready
}

fn daemon_set(object: &Json) -> State {
    if let Some(state) = unseen(object) {
        return state;
    }
    let status = |field: &str| number(object, &format!("/status/{field}"));
    let wanted = status("desiredNumberScheduled");
    let updated = status("updatedNumberScheduled");
    let ready = status("numberReady");
    if updated < wanted && text(object, "/spec/updateStrategy/type") != "OnDelete" {
        NotYet(format!("{updated} of {wanted} pods are up to date"))
    } else if ready < wanted || status("numberUnavailable") > 0 {
        NotYet(format!("{ready} of {wanted} pods are ready"))
    } else {
        Ready
    }
}

fn job(object: &Json) -> State {
    if let Some(failed) = find_condition(object, "Failed").filter(|c| text(c, "/status") == "True")
    {
        return Failed(words(failed, "it failed"));
    }
    if find_condition(object, "Complete").is_some_and(|c| text(c, "/status") == "True") {
        return Ready;
    }
    if object.pointer("/spec/suspend") == Some(&Json::Bool(true)) {
        return NotYet("it is suspended".into());
    }
    let wanted = object
        .pointer("/spec/completions")
        .and_then(Json::as_i64)
        .unwrap_or(1);
    let done = number(object, "/status/succeeded");
    NotYet(format!("{done} of {wanted} pods have completed"))
}

fn pod(object: &Json) -> State {
    match text(object, "/status/phase") {
        "Succeeded" => return Ready,
        "Failed" => {
            let why = text(object, "/status/message");
            let why = if why.is_empty() {
                text(object, "/status/reason")
            } else {
                why
            };
            return Failed(if why.is_empty() {
                "it failed".into()
            } else {
                format!("it failed: {why}")
            });
        }
        _ => {}
    }
    let containers = object
        .pointer("/status/containerStatuses")
        .and_then(Json::as_array);
    let Some(containers) = containers.filter(|c| !c.is_empty()) else {
        return match find_condition(object, "PodScheduled") {
            Some(c) if text(c, "/status") == "False" => NotYet(words(c, "it is not scheduled")),
            _ => NotYet("it has not started".into()),
        };
    };
    let ready = containers
        .iter()
        .filter(|c| c["ready"] == Json::Bool(true))
        .count();
    if ready == containers.len() {
        Ready
    } else {
        NotYet(format!(
            "{ready} of {} containers are ready",
            containers.len()
        ))
    }
}

fn definition(object: &Json) -> State {
    if let Some(refused) =
        find_condition(object, "NamesAccepted").filter(|c| text(c, "/status") == "False")
    {
        return Failed(words(refused, "its names are not accepted"));
    }
    // a schema with this flaw is served all the same, but nothing is pruned or checked by it
    condition(object, "Established", "True", None)
}

fn phase(object: &Json, wanted: &str, hopeless: &str) -> State {
    match text(object, "/status/phase") {
        is if is == wanted => Ready,
        "" => NotYet("it has no phase yet".into()),
        is if is == hopeless => Failed(format!("it is {is}")),
        is => NotYet(format!("it is {is}")),
    }
}

fn find_condition<'a>(object: &'a Json, wanted: &str) -> Option<&'a Json> {
    object
        .pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|c| text(c, "/type") == wanted)
}

/// A condition's own words.
fn words(condition: &Json, otherwise: &str) -> String {
    let (reason, message) = (text(condition, "/reason"), text(condition, "/message"));
    match (reason, message) {
        ("", "") => otherwise.to_owned(),
        (reason, "") => reason.to_owned(),
        ("", message) => message.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

/// Whether a condition of the status is there: `status` is `True`, `False` or `Unknown`.
pub fn condition(object: &Json, wanted: &str, status: &str, reason: Option<&str>) -> State {
    let Some(found) = find_condition(object, wanted) else {
        return NotYet(format!("it has no condition {wanted}"));
    };
    let is = text(found, "/status");
    if is.eq_ignore_ascii_case(status) && reason.is_none_or(|r| text(found, "/reason") == r) {
        return Ready;
    }
    let said = words(found, "");
    if said.is_empty() {
        NotYet(format!("{wanted} is {is}"))
    } else {
        NotYet(format!("{wanted} is {is}: {said}"))
    }
}

/// The reasons for which a container will not start by itself; a wait still goes on, for somebody may mend them.
pub(super) fn is_stuck(reason: &str) -> bool {
    matches!(
        reason,
        "CrashLoopBackOff"
            | "ImagePullBackOff"
            | "ErrImagePull"
            | "InvalidImageName"
            | "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is(kind: &str, api: &str, rest: Json) -> String {
        let mut object = json!({"kind": kind, "apiVersion": api});
        for (key, value) in rest.as_object().unwrap() {
            object[key] = value.clone();
        }
        match ready(&object) {
            Ready => "ready".into(),
            NotYet(why) => why,
            Failed(why) => format!("failed: {why}"),
        }
    }

    #[test]
    fn workloads() {
        let cases = [
            (
                "Deployment",
                "apps/v1",
                json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}),
                "its controller has not looked at it yet",
            ),
            (
                "Deployment",
                "apps/v1",
                json!({"spec": {"replicas": 3}, "status": {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 1, "unavailableReplicas": 2}}),
                "1 of 3 replicas are available",
            ),
            (
                "Deployment",
                "apps/v1",
                json!({"spec": {"replicas": 1}, "status": {"replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}}),
                "1 old replicas are left",
            ),
            (
                "Deployment",
                "apps/v1",
                json!({"spec": {"replicas": 0}, "status": {}}),
                "ready",
            ),
            (
                "Deployment",
                "apps/v1",
                json!({"spec": {}, "status": {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}}),
                "ready",
            ),
            (
                "StatefulSet",
                "apps/v1",
                json!({"spec": {"replicas": 2}, "status": {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 1}}),
                "1 of 2 replicas are up to date",
            ),
            (
                "StatefulSet",
                "apps/v1",
                json!({"spec": {"replicas": 2, "updateStrategy": {"type": "OnDelete"}}, "status": {"replicas": 2, "readyReplicas": 2}}),
                "ready",
            ),
            (
                "DaemonSet",
                "apps/v1",
                json!({"status": {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 1}}),
                "1 of 2 pods are ready",
            ),
            (
                "DaemonSet",
                "apps/v1",
                json!({"status": {"desiredNumberScheduled": 0}}),
                "ready",
            ),
            (
                "Job",
                "batch/v1",
                json!({"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}]}}),
                "failed: BackoffLimitExceeded: too often",
            ),
            (
                "Job",
                "batch/v1",
                json!({"spec": {"completions": 3}, "status": {"succeeded": 1}}),
                "1 of 3 pods have completed",
            ),
            (
                "Job",
                "batch/v1",
                json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}),
                "ready",
            ),
            (
                "Pod",
                "v1",
                json!({"status": {"phase": "Succeeded"}}),
                "ready",
            ),
            (
                "Pod",
                "v1",
                json!({"status": {"phase": "Failed", "reason": "Evicted"}}),
                "failed: it failed: Evicted",
            ),
            (
                "Pod",
                "v1",
                json!({"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]}}),
                "Unschedulable: 0/1 nodes",
            ),
            (
                "Pod",
                "v1",
                json!({"status": {"phase": "Running", "containerStatuses": [{"ready": true}, {"ready": false}]}}),
                "1 of 2 containers are ready",
            ),
        ];
        for (kind, api, rest, wanted) in cases {
            assert_eq!(is(kind, api, rest.clone()), wanted, "{kind} {rest}");
        }
    }

    #[test]
    fn other_kinds() {
        let cases = [
            (
                "PersistentVolumeClaim",
                "v1",
                json!({"status": {"phase": "Pending"}}),
                "it is Pending",
            ),
            (
                "PersistentVolumeClaim",
                "v1",
                json!({"status": {"phase": "Lost"}}),
                "failed: it is Lost",
            ),
            (
                "Node",
                "v1",
                json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "cni"}]}}),
                "Ready is False: KubeletNotReady: cni",
            ),
            ("Node", "v1", json!({}), "it has no condition Ready"),
            (
                "CustomResourceDefinition",
                "apiextensions.k8s.io/v1",
                json!({"status": {"conditions": [{"type": "NamesAccepted", "status": "False", "reason": "ListKindConflict", "message": "taken"}]}}),
                "failed: ListKindConflict: taken",
            ),
            (
                "CustomResourceDefinition",
                "apiextensions.k8s.io/v1",
                json!({"status": {"conditions": [{"type": "Established", "status": "True"}]}}),
                "ready",
            ),
            ("ConfigMap", "v1", json!({}), "ready"),
            // of another group: not ours to know
            ("Deployment", "example.com/v1", json!({}), "ready"),
        ];
        for (kind, api, rest, wanted) in cases {
            assert_eq!(is(kind, api, rest.clone()), wanted, "{kind} {rest}");
        }
    }

    #[test]
    fn any_condition() {
        let object = json!({"status": {"conditions": [{"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"}]}});
        assert_eq!(
            condition(&object, "Progressing", "Unknown", Some("DeploymentPaused")),
            Ready
        );
        assert_eq!(
            condition(&object, "Progressing", "Unknown", Some("Other")),
            NotYet("Progressing is Unknown: DeploymentPaused".into())
        );
        assert_eq!(
            condition(&object, "Available", "True", None),
            NotYet("it has no condition Available".into())
        );
    }
}
