//! Kinds of objects, as the API server lists them.

use super::ask::Ask;
use super::client::Client;
use super::object::{group, text};
use super::{Failure, Json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One kind of object in one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kind {
    /// `apps`; empty for the core group.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `Deployment`.
    pub kind: String,
    /// `deployments`, as in the address.
    pub plural: String,
    /// `deployment`.
    pub singular: String,
    /// `deploy`.
    pub short_names: Vec<String>,
    /// `all` …
    pub categories: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// `get`, `list`, `patch` …
    pub verbs: Vec<String>,
    /// `status`, `scale`, `log` …
    pub subresources: Vec<String>,
}

impl Kind {
    /// `apps/v1`.
    pub fn api_version(&self) -> String {
        join(&self.group, &self.version)
    }

    /// Whether it is meant by a kind, plural, singular or short name.
    pub fn answers_to(&self, name: &str) -> bool {
        self.kind == name
            || self.plural == name
            || (!self.singular.is_empty() && self.singular == name)
            || self.kind.eq_ignore_ascii_case(name)
            || self.short_names.iter().any(|s| s == name)
    }

    /// The address of its objects, or of one of them.
    pub fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut path = root(&self.group, &self.version);
        if let (true, Some(namespace)) = (self.namespaced, namespace) {
            path.push_str(&format!("/namespaces/{}", segment(namespace)));
        }
        path.push_str(&format!("/{}", self.plural));
        if let Some(name) = name {
            path.push_str(&format!("/{}", segment(name)));
        }
        path
    }

    /// The kinds that a CustomResourceDefinition will serve.
    pub fn of_crd(crd: &Json) -> Vec<Arc<Self>> {
        let spec = |pointer: &str| text(crd, &format!("/spec{pointer}")).to_owned();
        let versions = crd.pointer("/spec/versions").and_then(Json::as_array);
        let short = crd
            .pointer("/spec/names/shortNames")
            .and_then(Json::as_array);
        let served = versions
            .into_iter()
            .flatten()
            .filter(|v| v["served"] != Json::Bool(false));
        served
            .map(|version| {
                Arc::new(Self {
                    group: spec("/group"),
                    version: text(version, "/name").to_owned(),
                    kind: spec("/names/kind"),
                    plural: spec("/names/plural"),
                    singular: spec("/names/singular"),
                    short_names: strings(short),
                    namespaced: spec("/scope") != "Cluster",
                    ..Self::default()
                })
            })
            .collect()
    }

    /// The kinds in an `APIResourceList`.
    fn of_list(api_version: &str, list: &Json) -> Vec<Arc<Self>> {
        let resources = list["resources"].as_array().cloned().unwrap_or_default();
        let (own_group, own_version) = match api_version.split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", api_version),
        };
        let mut kinds: Vec<Self> = Vec::new();
        for resource in &resources {
            let name = text(resource, "/name");
            if let Some((parent, sub)) = name.split_once('/') {
                if let Some(kind) = kinds.iter_mut().find(|k| k.plural == parent) {
                    kind.subresources.push(sub.to_owned());
                }
                continue;
            }
            kinds.push(Self {
                group: own_group.to_owned(),
                version: own_version.to_owned(),
                kind: text(resource, "/kind").to_owned(),
                plural: name.to_owned(),
                singular: text(resource, "/singularName").to_owned(),
                short_names: strings(resource["shortNames"].as_array()),
                categories: strings(resource["categories"].as_array()),
                namespaced: resource["namespaced"] == Json::Bool(true),
                verbs: strings(resource["verbs"].as_array()),
                subresources: Vec::new(),
            });
        }
        // subresources may be listed before their parent
        for resource in &resources {
            if let Some((parent, sub)) = text(resource, "/name").split_once('/')
                && let Some(kind) = kinds.iter_mut().find(|k| k.plural == parent)
                && !kind.subresources.iter().any(|s| s == sub)
            {
                kind.subresources.push(sub.to_owned());
            }
        }
        kinds.into_iter().map(Arc::new).collect()
    }
}

fn strings(list: Option<&Vec<Json>>) -> Vec<String> {
    list.into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect()
}

fn join(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

fn root(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    }
}

/// One part of an address: names may hold what an address gives a meaning.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_")
}

/// What was listed so far in this run, by `apiVersion`.
#[derive(Default)]
pub(super) struct Kinds(Mutex<HashMap<String, Arc<Vec<Arc<Kind>>>>>);

impl Kinds {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Vec<Arc<Kind>>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a group: a definition of it was applied.
    pub(super) fn forget(&self, group_name: &str) {
        self.lock()
            .retain(|api_version, _| group(api_version) != group_name);
    }
}

impl Client {
    /// The kind that a task or an object names: by kind, plural, singular or short name.
    ///
    /// # Errors
    /// The server does not have it; the message says where it is found instead.
    pub async fn kind(&self, api_version: &str, kind: &str) -> Result<Arc<Kind>, Failure> {
        match self.find_kind(api_version, kind).await? {
            Some(found) => Ok(found),
            None => Err(self.unknown_kind(api_version, kind).await),
        }
    }

    /// As [`Client::kind`], `None` when the server does not have it.
    ///
    /// # Errors
    /// The server's answer, other than that.
    pub async fn find_kind(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<Option<Arc<Kind>>, Failure> {
        let known = self.inner.kinds.lock().get(api_version).cloned();
        // a kind that is missing in what was listed before may have come since
        if let Some(known) = known
            && let Some(found) = pick(&known, kind)
        {
            return Ok(Some(found));
        }
        let listed = self.kinds_of(api_version).await?;
        Ok(listed.and_then(|list| pick(&list, kind)))
    }

    /// All kinds of one `apiVersion`, asked anew; `None` when the server does not have it.
    ///
    /// # Errors
    /// The server's answer, other than that.
    pub async fn kinds_of(
        &self,
        api_version: &str,
    ) -> Result<Option<Arc<Vec<Arc<Kind>>>>, Failure> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        if version.is_empty() || api_version.matches('/').count() > 1 {
            return Err(Failure::Other(format!(
                "`{api_version}` is no apiVersion: `v1` and `apps/v1` are"
            )));
        }
        let path = root(&segment(group), &segment(version));
        match self.send(Ask::get(path)).await {
            Ok(reply) => {
                let list = Arc::new(Kind::of_list(api_version, &reply.body));
                self.inner
                    .kinds
                    .lock()
                    .insert(api_version.to_owned(), list.clone());
                Ok(Some(list))
            }
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Every `apiVersion` that the server has, with whether it is the preferred one of its group.
    ///
    /// # Errors
    /// The server's answer.
    pub async fn api_versions(&self) -> Result<Vec<(String, bool)>, Failure> {
        let mut all = Vec::new();
        let core = self.send(Ask::get("/api".into())).await?.body;
        for version in strings(core["versions"].as_array()) {
            all.push((version, true));
        }
        let groups = self.send(Ask::get("/apis".into())).await?.body;
        for group in groups["groups"].as_array().into_iter().flatten() {
            let preferred = text(group, "/preferredVersion/groupVersion");
            for version in group["versions"].as_array().into_iter().flatten() {
                let name = text(version, "/groupVersion");
                all.push((name.to_owned(), name == preferred));
            }
        }
        Ok(all)
    }

    async fn unknown_kind(&self, api_version: &str, kind: &str) -> Failure {
        let mut text = format!("the cluster has no kind `{kind}` in `{api_version}`");
        let mut elsewhere = Vec::new();
        for (other, preferred) in self.api_versions().await.unwrap_or_default() {
            if other == api_version || !preferred {
                continue;
            }
            if let Ok(Some(list)) = self.kinds_of(&other).await
                && pick(&list, kind).is_some()
            {
                elsewhere.push(format!("`{other}`"));
            }
        }
        if elsewhere.is_empty() {
            text.push_str("; if a CustomResourceDefinition brings it, apply that first");
        } else {
            text.push_str(&format!("; it is in {}", elsewhere.join(" and ")));
        }
        Failure::Other(text)
    }
}

fn pick(list: &[Arc<Kind>], name: &str) -> Option<Arc<Kind>> {
    list.iter()
        .find(|k| k.kind == name)
        .or_else(|| list.iter().find(|k| k.answers_to(name)))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_of_kinds() {
        let list = json!({"resources": [
            {"name": "deployments/scale", "kind": "Scale", "namespaced": true},
            {"name": "deployments", "singularName": "deployment", "shortNames": ["deploy"], "kind": "Deployment", "namespaced": true, "verbs": ["get"]},
            {"name": "deployments/status", "kind": "Deployment", "namespaced": true},
        ]});
        let kinds = Kind::of_list("apps/v1", &list);
        assert_eq!(kinds.len(), 1);
        let kind = &kinds[0];
        assert_eq!(kind.subresources, ["status", "scale"]);
        for name in ["Deployment", "deployment", "deployments", "deploy"] {
            assert!(kind.answers_to(name), "{name}");
        }
        assert!(!kind.answers_to("Pod"));
        let cases = [
            (
                kind.path(Some("a"), Some("b")),
                "/apis/apps/v1/namespaces/a/deployments/b",
            ),
            (kind.path(None, None), "/apis/apps/v1/deployments"),
            (
                kind.path(Some("a/../b"), Some("x?y")),
                "/apis/apps/v1/namespaces/a%2F..%2Fb/deployments/x%3Fy",
            ),
            (
                kind.path(Some("a"), Some("system:node.x_y")),
                "/apis/apps/v1/namespaces/a/deployments/system%3Anode.x_y",
            ),
        ];
        for (path, wanted) in cases {
            assert_eq!(path, wanted);
        }
    }

    #[test]
    fn kinds_of_a_definition() {
        let crd = json!({"kind": "CustomResourceDefinition", "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Backup", "plural": "backups", "singular": "backup", "shortNames": ["bk"]},
            "versions": [{"name": "v1", "served": true}, {"name": "v1alpha1", "served": false}],
        }});
        let kinds = Kind::of_crd(&crd);
        assert_eq!(kinds.len(), 1);
        assert_eq!(kinds[0].api_version(), "example.com/v1");
        assert!(kinds[0].answers_to("bk") && kinds[0].namespaced);
    }
}
