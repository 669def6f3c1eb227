//! Taking a node out of service: cordon, drain, uncordon.

use super::client::Client;
use super::object::{name, namespace, text};
use super::patience::Patience;
use super::requests::{DeleteOptions, PatchType, Selectors};
use super::wait::Until;
use super::{Failure, Json};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// How a node is drained; the names are those of `k8s_drain`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrainOptions {
    /// Only pods with these labels.
    pub selectors: Vec<String>,
    /// Also pods that nothing would start again.
    pub force: bool,
    /// Pods of DaemonSets stay, which is no error.
    pub ignore_daemonsets: bool,
    /// Also pods whose local data is lost with them.
    pub delete_emptydir_data: bool,
    /// Delete in place of evict: disruption budgets do not count.
    pub disable_eviction: bool,
    /// Seconds for each pod to end by itself.
    pub grace: Option<i64>,
    /// How long to wait until the pods are gone; `None`: not at all.
    pub wait: Option<Patience>,
}

/// What a drain did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drained {
    /// Something was changed, or would be.
    pub changed: bool,
    /// What was done, in sentences.
    pub result: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Which pods go, and what stands against it.
#[derive(Debug, Default, PartialEq)]
struct Sorted {
    /// `(namespace, name)`.
    go: Vec<(String, String)>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn sort(pods: &[Json], options: &DrainOptions) -> Sorted {
    let mut sorted = Sorted::default();
    let (mut alone, mut local, mut daemons, mut mirrors) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for pod in pods {
        let id = (
            namespace(pod).unwrap_or_default().to_owned(),
            name(pod).to_owned(),
        );
        let owners = pod
            .pointer("/metadata/ownerReferences")
            .and_then(Json::as_array);
        let owned_by =
            |kind: &str| owners.is_some_and(|o| o.iter().any(|o| text(o, "/kind") == kind));
        let volumes = pod.pointer("/spec/volumes").and_then(Json::as_array);
        let mirror = pod
            .pointer("/metadata/annotations")
            .is_some_and(|a| a.get("kubernetes.io/config.mirror").is_some());
        if mirror {
            mirrors.push(id);
        } else if matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
            sorted.go.push(id);
        } else if owned_by("DaemonSet") {
            daemons.push(id);
        } else if volumes.is_some_and(|v| v.iter().any(|v| v.get("emptyDir").is_some())) {
            local.push(id);
        } else if owners.is_none_or(Vec::is_empty) {
            alone.push(id);
        } else {
            sorted.go.push(id);
        }
    }
    let list = |ids: &[(String, String)]| {
        let ids: Vec<String> = ids
            .iter()
            .map(|(ns, name)| format!("{ns}/{name}"))
            .collect();
        ids.join(", ")
    };
    if !mirrors.is_empty() {
        sorted.warnings.push(format!(
            "cannot delete mirror Pods using API server: {}.",
            list(&mirrors)
        ));
    }
    let mut refuse = |ids: Vec<(String, String)>, allowed: bool, why: &str| {
        if ids.is_empty() {
        } else if allowed {
            sorted.go.extend(ids);
        } else {
            sorted
                .errors
                .push(format!("cannot delete {why}: {}.", list(&ids)));
        }
    };
    refuse(
        alone,
        options.force,
        "Pods not managed by ReplicationController, ReplicaSet, Job, DaemonSet or StatefulSet (use option force set to yes)",
    );
    refuse(
        local,
        options.delete_emptydir_data,
        "Pods with local storage (use option delete_emptydir_data set to yes)",
    );
    if !options.ignore_daemonsets {
        refuse(
            daemons,
            false,
            "DaemonSet-managed Pods (use option ignore_daemonsets set to yes)",
        );
    }
    sorted
}

impl Client {
    /// Marks a node as one that takes no new pods, or takes the mark away. Whether that changes it, and the node as it is.
    ///
    /// # Errors
    /// The server's refusal; no such node.
    pub async fn cordon(&self, node: &str, cordoned: bool) -> Result<(bool, Json), Failure> {
        let kind = self.kind("v1", "Node").await?;
        let Some(before) = self.get(&kind, None, node).await? else {
            return Err(Failure::Other(format!("Node {node} not found.")));
        };
        let is = before.pointer("/spec/unschedulable") == Some(&Json::Bool(true));
        if is == cordoned {
            return Ok((false, before));
        }
        let patch = json!({"spec": {"unschedulable": cordoned}});
        let (after, _) = self
            .patch(&kind, None, node, None, &patch, PatchType::Strategic)
            .await?;
        Ok((true, after))
    }

    /// Sends the pods of a node away, after cordoning it. When something stands against it, the node is left as it was.
    ///
    /// # Errors
    /// The server's refusal; what stands against it; pods that are still there when the time is up.
    pub async fn drain(&self, node: &str, options: &DrainOptions) -> Result<Drained, Failure> {
        let mut drained = Drained::default();
        let kind = self.kind("v1", "Pod").await?;
        // looked at first: a node that cannot be drained is not cordoned
        let selectors = Selectors {
            labels: options.selectors.clone(),
            fields: vec![format!("spec.nodeName={node}")],
        };
        let pods = self.list(&kind, None, &selectors, false).await?.items;
        let sorted = sort(&pods, options);
        if !sorted.errors.is_empty() {
            return Err(Failure::Other(format!(
                "Pod deletion errors: {}",
                sorted.errors.join(" ")
            )));
        }
        let (marked, _) = self.cordon(node, true).await?;
        drained.changed = marked || !sorted.go.is_empty();
        drained.result.push(if marked {
            format!("node {node} marked unschedulable.")
        } else {
            format!("node {node} already marked unschedulable.")
        });
        drained.warnings = sorted.warnings;
        let number = sorted.go.len();
        if number == 0 {
            return Ok(drained);
        }
        if self.is_read_only() {
            drained.result.push(format!(
                "Would have deleted {number} Pod(s) from node if not in check mode."
            ));
            return Ok(drained);
        }
        let begun = Instant::now();
        let limit = options.wait.map(|w| w.timeout).filter(|t| !t.is_zero());
        let grace = options.grace;
        for (namespace, pod) in &sorted.go {
            self.send_away(&kind, namespace, pod, grace, options, begun, limit)
                .await?;
        }
        if let Some(patience) = options.wait {
            for (namespace, pod) in &sorted.go {
                let left = match limit {
                    Some(limit) => limit.saturating_sub(begun.elapsed()),
                    // zero means without end
                    None => Duration::from_secs(u64::from(u32::MAX)),
                };
                let patience = Patience {
                    timeout: left,
                    ..patience
                };
                let uid = pods
                    .iter()
                    .find(|p| name(p) == pod && super::object::namespace(p) == Some(namespace))
                    .map(|p| text(p, "/metadata/uid").to_owned());
                let waited = self
                    .wait(&kind, Some(namespace), pod, &Until::Gone { uid }, patience)
                    .await?;
                if let Some(why) = waited.failed {
                    return Err(Failure::Other(format!(
                        "timeout reached while pods were still running: {why}"
                    )));
                }
            }
        }
        drained
            .result
            .push(format!("{number} Pod(s) deleted from node."));
        Ok(drained)
    }

    #[allow(clippy::too_many_arguments)]
    async fn send_away(
        &self,
        kind: &super::Kind,
        namespace: &str,
        pod: &str,
        grace: Option<i64>,
        options: &DrainOptions,
        begun: Instant,
        limit: Option<Duration>,
    ) -> Result<(), Failure> {
        let about = |e: Failure| {
            Failure::Other(format!(
                "Failed to delete pod {namespace}/{pod} due to: {e}"
            ))
        };
        if options.disable_eviction {
            let options = DeleteOptions {
                grace,
                ..DeleteOptions::default()
            };
            self.delete(kind, Some(namespace), pod, &options)
                .await
                .map_err(about)?;
            return Ok(());
        }
        // a budget that is used up is waited for, as long as the wait may last; without one, a minute
        let limit = limit.unwrap_or(Duration::from_secs(60));
        loop {
            if self.evict(namespace, pod, grace).await.map_err(about)? != Some(false) {
                return Ok(());
            }
            if begun.elapsed() > limit {
                return Err(about(Failure::Other(format!(
                    "its PodDisruptionBudget does not allow it, for {} s now",
                    begun.elapsed().as_secs()
                ))));
            }
            self.tell(|| format!("pod {namespace}/{pod} waits for its PodDisruptionBudget"));
            self.sleep(Duration::from_secs(5)).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Script, answer};
    use super::*;

    fn pods() -> Vec<Json> {
        let owned = |kind: &str| json!([{"kind": kind}]);
        vec![
            json!({"metadata": {"namespace": "a", "name": "done"}, "status": {"phase": "Succeeded"}}),
            json!({"metadata": {"namespace": "a", "name": "web", "ownerReferences": owned("ReplicaSet")}}),
            json!({"metadata": {"namespace": "a", "name": "log", "ownerReferences": owned("DaemonSet")}, "spec": {"volumes": [{"emptyDir": {}}]}}),
            json!({"metadata": {"namespace": "a", "name": "tmp", "ownerReferences": owned("ReplicaSet")}, "spec": {"volumes": [{"emptyDir": {}}]}}),
            json!({"metadata": {"namespace": "a", "name": "alone"}}),
            json!({"metadata": {"namespace": "a", "name": "static", "annotations": {"kubernetes.io/config.mirror": "x"}}}),
        ]
    }

    #[test]
    fn which_pods_go() {
        let sorted = sort(&pods(), &DrainOptions::default());
        insta::assert_snapshot!(sorted.errors.join("\n"), @r"
        cannot delete Pods not managed by ReplicationController, ReplicaSet, Job, DaemonSet or StatefulSet (use option force set to yes): a/alone.
        cannot delete Pods with local storage (use option delete_emptydir_data set to yes): a/tmp.
        cannot delete DaemonSet-managed Pods (use option ignore_daemonsets set to yes): a/log.
        ");
        let all = DrainOptions {
            force: true,
            ignore_daemonsets: true,
            delete_emptydir_data: true,
            ..DrainOptions::default()
        };
        let sorted = sort(&pods(), &all);
        assert!(sorted.errors.is_empty());
        let names: Vec<&str> = sorted.go.iter().map(|(_, n)| n.as_str()).collect();
        assert_eq!(names, ["done", "web", "alone", "tmp"]);
        insta::assert_snapshot!(sorted.warnings[0], @"cannot delete mirror Pods using API server: a/static.");
    }

    fn script() -> Script {
        Script::new().on(
            "GET /api/v1",
            answer(
                200,
                json!({"resources": [
                    {"name": "pods", "kind": "Pod", "namespaced": true},
                    {"name": "nodes", "kind": "Node", "namespaced": false},
                ]}),
            ),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_waited_for() {
        let away = "POST /api/v1/namespaces/a/pods/web/eviction";
        let budget = json!({"message": "Cannot evict pod as it would violate the pod's disruption budget.", "details": {"causes": [{"reason": "DisruptionBudget", "message": "x"}]}});
        let script = script()
            .on(
                "GET /api/v1/pods?limit=500&fieldSelector=spec.nodeName=n1",
                answer(200, json!({"items": [pods()[1]]})),
            )
            .on("GET /api/v1/nodes/n1", answer(200, json!({"spec": {}})))
            .on(
                "PATCH /api/v1/nodes/n1?fieldManager=hoist",
                answer(200, json!({})),
            )
            .on(away, answer(429, budget))
            .on(away, answer(201, json!({})))
            .on("GET /api/v1/namespaces/a/pods/web", answer(404, json!({})));
        let options = DrainOptions {
            wait: Some(Patience {
                timeout: Duration::from_secs(30),
                sleep: Duration::from_secs(1),
            }),
            ..DrainOptions::default()
        };
        let drained = script.client().drain("n1", &options).await.unwrap();
        assert!(drained.changed);
        insta::assert_snapshot!(drained.result.join(" "), @"node n1 marked unschedulable. 1 Pod(s) deleted from node.");
        script.finish();
    }

    #[tokio::test]
    async fn what_cannot_be_drained_is_left_alone() {
        let script = script().on(
            "GET /api/v1/pods?limit=500&fieldSelector=spec.nodeName=n1",
            answer(200, json!({"items": pods()})),
        );
        let failure = script
            .client()
            .drain("n1", &DrainOptions::default())
            .await
            .unwrap_err();
        assert!(failure.to_string().starts_with("Pod deletion errors: "));
        script.finish();
    }
}
