//! Going back to the revision before.

use super::client::Client;
use super::object::{name, namespace, selector, text};
use super::requests::{PatchType, Selectors};
use super::{Failure, Json, Kind};
use serde_json::json;

/// What a rollback did to one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RolledBack {
    /// The patch that was sent; `None`: there is no revision to go back to.
    pub body: Option<Json>,
    /// The object as it is, or would be.
    pub object: Json,
}

impl Client {
    /// Takes a Deployment, DaemonSet or StatefulSet back to its revision before the current one.
    ///
    /// # Errors
    /// The server's refusal; another kind.
    pub async fn roll_back(&self, kind: &Kind, object: &Json) -> Result<RolledBack, Failure> {
        let by_sets = kind.kind == "Deployment";
        if !by_sets && !matches!(kind.kind.as_str(), "DaemonSet" | "StatefulSet") {
            return Err(Failure::Other(format!(
                "Cannot perform rollback on resource of kind {}",
                kind.kind
            )));
        }
        let history = if by_sets {
            "ReplicaSet"
        } else {
            "ControllerRevision"
        };
        let history = self.kind("apps/v1", history).await?;
        let labels = selector(&object["spec"]["selector"]).map_err(Failure::Other)?;
        let selectors = Selectors {
            labels: vec![labels],
            ..Selectors::default()
        };
        let revisions = self
            .list(&history, namespace(object), &selectors, false)
            .await?
            .items;
        let body = if by_sets {
            deployment_patch(object, &revisions)
        } else {
            revision_patch(object, &revisions)
        };
        let Some((body, patch_type)) = body else {
            return Ok(RolledBack {
                body: None,
                object: object.clone(),
            });
        };
        let (object, _) = self
            .patch(
                kind,
                namespace(object),
                name(object),
                None,
                &body,
                patch_type,
            )
            .await?;
        Ok(RolledBack {
            body: Some(body),
            object,
        })
    }
}

/// Those that the object owns.
fn own<'a>(object: &'a Json, all: &'a [Json]) -> impl Iterator<Item = &'a Json> {
    let uid = text(object, "/metadata/uid");
    all.iter().filter(move |r| {
        r.pointer("/metadata/ownerReferences")
            .and_then(Json::as_array)
            .is_some_and(|refs| refs.iter().any(|r| text(r, "/uid") == uid))
    })
}

const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";

fn deployment_patch(object: &Json, sets: &[Json]) -> Option<(Json, PatchType)> {
    let revision = |o: &Json| text(o, REVISION).parse::<i64>().ok();
    let current = revision(object)?;
    let before = own(object, sets)
        .filter(|s| revision(s).is_some_and(|r| r < current))
        .max_by_key(|s| revision(s))?;
    let mut template = before.pointer("/spec/template")?.clone();
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Json::as_object_mut)
    {
        labels.shift_remove("pod-template-hash");
    }
    let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
    Some((patch, PatchType::Json))
}

fn revision_patch(object: &Json, revisions: &[Json]) -> Option<(Json, PatchType)> {
    let number = |r: &Json| r["revision"].as_i64().unwrap_or_default();
    let mut all: Vec<&Json> = own(object, revisions).collect();
    all.sort_by_key(|r| number(r));
    // the last one is what runs now
    all.pop()?;
    let before = all.pop()?;
    Some((before["data"].clone(), PatchType::Strategic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_before() {
        let set = |revision: &str, image: &str| {
            json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": revision}, "ownerReferences": [{"uid": "u"}]},
                "spec": {"template": {"metadata": {"labels": {"app": "web", "pod-template-hash": "x"}}, "image": image}}})
        };
        let web = json!({"metadata": {"uid": "u", "annotations": {"deployment.kubernetes.io/revision": "4"}}});
        let mut foreign = set("3", "foreign");
        foreign["metadata"]["ownerReferences"][0]["uid"] = "other".into();
        let sets = [
            set("4", "now"),
            set("2", "before"),
            set("1", "old"),
            foreign,
        ];
        let (patch, patch_type) = deployment_patch(&web, &sets).unwrap();
        assert_eq!(patch_type, PatchType::Json);
        assert_eq!(
            patch,
            json!([{"op": "replace", "path": "/spec/template", "value": {"metadata": {"labels": {"app": "web"}}, "image": "before"}}])
        );
        assert_eq!(deployment_patch(&web, &sets[..1]), None);
    }

    #[test]
    fn the_revision_before_of_a_daemon_set() {
        let set = json!({"metadata": {"uid": "u"}});
        let revision = |n: i64| json!({"revision": n, "data": {"n": n}, "metadata": {"ownerReferences": [{"uid": "u"}]}});
        let (patch, patch_type) =
            revision_patch(&set, &[revision(3), revision(1), revision(2)]).unwrap();
        assert_eq!((patch, patch_type), (json!({"n": 2}), PatchType::Strategic));
        assert_eq!(revision_patch(&set, &[revision(1)]), None);
    }
}
