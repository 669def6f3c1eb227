//! Why something is not ready: what the cluster says of it, gathered and told.

use super::client::Client;
use super::object::{called, kind, name, namespace, selector, text};
use super::pods::LogWishes;
use super::ready::is_stuck;
use super::requests::Selectors;
use super::{Failure, Json};
use std::collections::BTreeMap;

/// How many pods, events and log lines are told at most.
const PODS: usize = 3;
const EVENTS: usize = 4;
const LINES: u32 = 5;

/// What was gathered of an object that is not ready.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Its pods.
    pub pods: Vec<Json>,
    /// Events of it and of its pods.
    pub events: Vec<Json>,
    /// The last lines of containers, by `pod/container`.
    pub logs: BTreeMap<String, Vec<String>>,
}

/// The story, a line each, without indentation; empty when there is nothing to tell.
pub fn tell(object: &Json, evidence: &Evidence) -> Vec<String> {
    let mut lines = Vec::new();
    for condition in object
        .pointer("/status/conditions")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        let (status, message) = (text(condition, "/status"), text(condition, "/message"));
        // pods tell theirs below
        if status != "True" && !message.is_empty() && kind(object) != "Pod" {
            lines.push(format!(
                "condition {} is {status}: {message}",
                text(condition, "/type")
            ));
        }
    }
    let mut pods: Vec<&Json> = evidence.pods.iter().filter(|p| !is_fine(p)).collect();
    pods.sort_by_key(|p| name(p));
    for pod in pods.iter().take(PODS) {
        let more = pod_lines(pod, evidence);
        if more.is_empty() && kind(object) != "Pod" {
            lines.push(format!("pod `{}` is {}", name(pod), phase(pod)));
        }
        lines.extend(more);
    }
    if pods.len() > PODS {
        lines.push(format!("and {} more pods", pods.len() - PODS));
    }
    let mut events: Vec<&Json> = evidence.events.iter().collect();
    events.sort_by_key(|e| std::cmp::Reverse((text(e, "/type") == "Warning", event_time(e))));
    let mut told: Vec<String> = Vec::new();
    for event in events {
        let line = format!(
            "event {} of {}: {}",
            text(event, "/reason"),
            called(
                text(event, "/involvedObject/kind"),
                text(event, "/involvedObject/name"),
                None
            ),
            text(event, "/message").trim()
        );
        if !told.contains(&line) && told.len() < EVENTS {
            told.push(line);
        }
    }
    lines.extend(told);
    lines
}

fn event_time(event: &Json) -> &str {
    [
        "/lastTimestamp",
        "/eventTime",
        "/metadata/creationTimestamp",
    ]
    .into_iter()
    .map(|p| text(event, p))
    .find(|t| !t.is_empty())
    .unwrap_or_default()
}

fn is_fine(pod: &Json) -> bool {
    let containers = pod
        .pointer("/status/containerStatuses")
        .and_then(Json::as_array);
    text(pod, "/status/phase") == "Succeeded"
        || containers
            .is_some_and(|c| !c.is_empty() && c.iter().all(|c| c["ready"] == Json::Bool(true)))
}

/// The containers of a pod, initial ones first.
fn containers(pod: &Json) -> impl Iterator<Item = &Json> {
    ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .filter_map(|field| pod["status"][field].as_array())
        .flatten()
}

fn pod_lines(pod: &Json, evidence: &Evidence) -> Vec<String> {
    let mut lines = Vec::new();
    let own = name(pod);
    for condition in pod
        .pointer("/status/conditions")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        if text(condition, "/type") == "PodScheduled" && text(condition, "/status") == "False" {
            lines.push(format!(
                "pod `{own}` is not scheduled: {}",
                text(condition, "/message")
            ));
        }
    }
    for container in containers(pod) {
        if let Some(state) = container_state(container) {
            let container = text(container, "/name");
            lines.push(format!("pod `{own}`, container `{container}`: {state}"));
            let log = evidence.logs.get(&format!("{own}/{container}"));
            lines.extend(log.into_iter().flatten().map(|l| format!("  | {l}")));
        }
    }
    lines
}

fn phase(pod: &Json) -> &str {
    match text(pod, "/status/phase") {
        "" => "new",
        phase => phase,
    }
}

/// What is the matter with a container; `None` when nothing is.
fn container_state(container: &Json) -> Option<String> {
    let say = |what: &str, state: &Json| {
        let (reason, message) = (text(state, "/reason"), text(state, "/message").trim());
        let mut out = what.to_owned();
        for part in [reason, message] {
            if !part.is_empty() {
                out.push_str(": ");
                out.push_str(part);
            }
        }
        if let Some(code) = state["exitCode"].as_i64().filter(|c| *c != 0) {
            out.push_str(&format!(" (exit status {code})"));
        }
        out
    };
    let state = &container["state"];
    let last = &container["lastState"]["terminated"];
    if let Some(waiting) = state.get("waiting") {
        let mut out = say("waiting", waiting);
        if is_stuck(text(waiting, "/reason")) && last.is_object() {
            out.push_str(&format!("; {}", say("before that it ended", last)));
        }
        return Some(out);
    }
    if let Some(ended) = state.get("terminated") {
        return (ended["exitCode"] != 0).then(|| say("ended", ended));
    }
    (container["ready"] == Json::Bool(false))
        .then(|| "running, but its readiness probe does not succeed".to_owned())
}

impl Client {
    /// Gathers what the cluster knows of an object that is not ready. What cannot be had is left out: this is for telling why
    /// something else went wrong.
    pub(super) async fn evidence(&self, object: &Json) -> Evidence {
        let mut evidence = Evidence::default();
        let within = namespace(object);
        let mut names = vec![name(object).to_owned()];
        if let Ok(pods) = self.pods_of(object).await {
            evidence.pods = pods;
        }
        // pods that are not made are the affair of what stands between
        if matches!(kind(object), "Deployment")
            && let Ok(sets) = self.owned(object, "apps/v1", "ReplicaSet").await
        {
            names.extend(sets);
        }
        let ill: Vec<&Json> = evidence
            .pods
            .iter()
            .filter(|p| !is_fine(p))
            .take(PODS)
            .collect();
        names.extend(ill.iter().map(|p| name(p).to_owned()));
        if let (Ok(kind), Some(within)) = (self.kind("v1", "Event").await, within) {
            for own in names.iter().take(2 * PODS) {
                let selectors = Selectors {
                    fields: vec![format!("involvedObject.name={own}")],
                    ..Selectors::default()
                };
                if let Ok(found) = self.list(&kind, Some(within), &selectors, false).await {
                    evidence.events.extend(found.items);
                }
            }
        }
        let mut logs = BTreeMap::new();
        for pod in ill {
            for container in containers(pod).filter(|c| container_state(c).is_some()) {
                let container_name = text(container, "/name");
                // one that waits to be started again has its words in its former life
                let previous = container["state"].get("waiting").is_some();
                if previous && !container["lastState"]["terminated"].is_object() {
                    continue;
                }
                let wishes = LogWishes {
                    container: Some(container_name.to_owned()),
                    previous,
                    tail: Some(i64::from(LINES)),
                    since: None,
                };
                if let Ok(log) = self
                    .log(within.unwrap_or_default(), name(pod), &wishes)
                    .await
                {
                    let lines: Vec<String> =
                        log.lines().map(|l| l.chars().take(300).collect()).collect();
                    logs.insert(format!("{}/{container_name}", name(pod)), lines);
                }
            }
        }
        evidence.logs = logs;
        evidence
    }

    async fn owned(
        &self,
        owner: &Json,
        api_version: &str,
        owned_kind: &str,
    ) -> Result<Vec<String>, Failure> {
        let kind = self.kind(api_version, owned_kind).await?;
        let found = self
            .list(&kind, namespace(owner), &Selectors::default(), true)
            .await?;
        let uid = text(owner, "/metadata/uid");
        let ours = found.items.iter().filter(|item| {
            item.pointer("/metadata/ownerReferences")
                .and_then(Json::as_array)
                .is_some_and(|refs| refs.iter().any(|r| text(r, "/uid") == uid))
        });
        Ok(ours.map(|item| name(item).to_owned()).collect())
    }

    /// The pods that a workload selects, or the pod itself.
    async fn pods_of(&self, object: &Json) -> Result<Vec<Json>, Failure> {
        if kind(object) == "Pod" {
            return Ok(vec![object.clone()]);
        }
        let labels = selector(&object["spec"]["selector"]).map_err(Failure::Other)?;
        if labels.is_empty() {
            return Ok(Vec::new());
        }
        let kind = self.kind("v1", "Pod").await?;
        let selectors = Selectors {
            labels: vec![labels],
            ..Selectors::default()
        };
        Ok(self
            .list(&kind, namespace(object), &selectors, false)
            .await?
            .items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn why_a_deployment_is_not_ready() {
        let object = json!({"kind": "Deployment", "metadata": {"name": "web"}, "status": {"conditions": [
            {"type": "Available", "status": "False", "message": "Deployment does not have minimum availability."},
            {"type": "Progressing", "status": "True", "message": "fine"},
        ]}});
        let evidence = Evidence {
            pods: vec![
                json!({"metadata": {"name": "web-1"}, "status": {"containerStatuses": [{"name": "app", "ready": false,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                    "lastState": {"terminated": {"reason": "Error", "exitCode": 1}}}]}}),
                json!({"metadata": {"name": "web-2"}, "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient memory."}]}}),
                json!({"metadata": {"name": "web-3"}, "status": {"containerStatuses": [{"name": "app", "ready": true}]}}),
                json!({"metadata": {"name": "web-4"}, "status": {"containerStatuses": [{"name": "app", "ready": false, "state": {"running": {}}}]}}),
            ],
            events: vec![
                json!({"type": "Normal", "reason": "Pulled", "message": "done", "lastTimestamp": "2", "involvedObject": {"kind": "Pod", "name": "web-1"}}),
                json!({"type": "Warning", "reason": "BackOff", "message": "Back-off restarting", "lastTimestamp": "1", "involvedObject": {"kind": "Pod", "name": "web-1"}}),
                json!({"type": "Warning", "reason": "BackOff", "message": "Back-off restarting", "lastTimestamp": "0", "involvedObject": {"kind": "Pod", "name": "web-1"}}),
            ],
            logs: BTreeMap::from([(
                "web-1/app".to_owned(),
                vec!["starting".to_owned(), "no database".to_owned()],
            )]),
        };
        insta::assert_snapshot!(tell(&object, &evidence).join("\n"), @r"
        condition Available is False: Deployment does not have minimum availability.
        pod `web-1`, container `app`: waiting: CrashLoopBackOff: back-off 40s; before that it ended: Error (exit status 1)
          | starting
          | no database
        pod `web-2` is not scheduled: 0/3 nodes are available: 3 Insufficient memory.
        pod `web-4`, container `app`: running, but its readiness probe does not succeed
        event BackOff of Pod `web-1`: Back-off restarting
        event Pulled of Pod `web-1`: done
        ");
    }

    #[test]
    fn nothing_to_tell() {
        assert!(tell(&json!({}), &Evidence::default()).is_empty());
    }
}
