//! The verbs: get, list, create, replace, patch, apply, delete.

use super::ask::Ask;
use super::client::{Client, MANAGER, Reply};
use super::{Failure, Json, Kind};
use http::Method;
use serde_json::json;

/// Which objects of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selectors {
    /// Label selectors, all must hold.
    pub labels: Vec<String>,
    /// Field selectors, all must hold.
    pub fields: Vec<String>,
}

/// What [`Client::list`] found.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The objects, each with `kind` and `apiVersion`.
    pub items: Vec<Json>,
}

/// How a patch is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// Lists of known kinds are merged by their keys.
    Strategic,
    /// RFC 7386: lists are replaced.
    Merge,
    /// RFC 6902: operations.
    Json,
}

/// `delete_options`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    /// `Foreground`, `Background`, `Orphan`.
    pub propagation: Option<String>,
    /// Seconds until the processes are killed.
    pub grace: Option<i64>,
    /// Only when the object has this version.
    pub resource_version: Option<String>,
    /// Only when it is this very object.
    pub uid: Option<String>,
}

/// How many objects one answer holds when listing.
const PAGE: &str = "500";

impl Client {
    /// One object; `None` when it is not there.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn get(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Json>, Failure> {
        match self.send(Ask::get(kind.path(namespace, Some(name)))).await {
            Ok(reply) => Ok(Some(reply.body)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Objects of a kind, of all namespaces when none is given, page by page.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        selectors: &Selectors,
        metadata_only: bool,
    ) -> Result<Listing, Failure> {
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let mut send = Ask::get(kind.path(namespace, None)).with("limit", PAGE);
            if !selectors.labels.is_empty() {
                send = send.with("labelSelector", selectors.labels.join(","));
            }
            if !selectors.fields.is_empty() {
                send = send.with("fieldSelector", selectors.fields.join(","));
            }
            if !next.is_empty() {
                send = send.with("continue", next.clone());
            }
            if metadata_only {
                send.accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;q=0.9";
            }
            let mut body = match self.send(send).await {
                // the place in the list is forgotten after some minutes: from the start again
                Err(e) if e.code() == Some(410) && !next.is_empty() => {
                    items.clear();
                    next.clear();
                    continue;
                }
                other => other?.body,
            };
            next = super::object::text(&body, "/metadata/continue").to_owned();
            if let Some(Json::Array(page)) = body.get_mut("items").map(Json::take) {
                items.extend(
                    page.into_iter()
                        .map(|item| named(item, kind, metadata_only)),
                );
            }
            if next.is_empty() {
                return Ok(Listing { items });
            }
        }
    }

    /// Creates an object, or tries to.
    ///
    /// # Errors
    /// The server's refusal.
    pub(super) async fn create(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        object: &Json,
    ) -> Result<Reply, Failure> {
        let mut send = self
            .write(Ask::new(Method::POST, kind.path(namespace, None)), MANAGER)
            .body(object.clone());
        let name = super::object::name(object).to_owned();
        // with a name, a second try of what was done is seen: it exists already
        send.again = !name.is_empty();
        let result = self.send(send).await;
        match result {
            Err(e) if e.code() == Some(409) && !name.is_empty() && !self.is_read_only() => {
                // made by our own first try, whose answer was lost, or by somebody at the same time
                match self.get(kind, namespace, &name).await? {
                    Some(body) if super::compare::holds(&body, object) => Ok(Reply {
                        body,
                        warnings: Vec::new(),
                    }),
                    _ => Err(e),
                }
            }
            other => other,
        }
    }

    /// Puts an object in the place of one that is there.
    ///
    /// # Errors
    /// The server's refusal.
    pub(super) async fn replace(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        object: &Json,
    ) -> Result<Reply, Failure> {
        let path = kind.path(namespace, Some(super::object::name(object)));
        self.send(
            self.write(Ask::new(Method::PUT, path), MANAGER)
                .body(object.clone()),
        )
        .await
    }

    /// Changes an object, or a subresource of it.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn patch(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        subresource: Option<&str>,
        patch: &Json,
        patch_type: PatchType,
    ) -> Result<(Json, Vec<String>), Failure> {
        let mut path = kind.path(namespace, Some(name));
        if let Some(sub) = subresource {
            path = format!("{path}/{sub}");
        }
        let mut send = self
            .write(Ask::new(Method::PATCH, path), MANAGER)
            .body(patch.clone());
        send.content_type = match patch_type {
            PatchType::Strategic => "application/strategic-merge-patch+json",
            PatchType::Merge => "application/merge-patch+json",
            PatchType::Json => "application/json-patch+json",
        };
        // adding to a list twice is not adding once
        send.again = patch_type != PatchType::Json || self.is_read_only();
        let reply = self.send(send).await?;
        Ok((reply.body, reply.warnings))
    }

    /// Server-side apply.
    ///
    /// # Errors
    /// The server's refusal; a conflict is one with [`super::Refusal::conflicts`].
    pub(super) async fn apply(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        object: &Json,
        manager: &str,
        force: bool,
    ) -> Result<Reply, Failure> {
        let path = kind.path(namespace, Some(super::object::name(object)));
        let mut send = self.write(Ask::new(Method::PATCH, path), manager);
        if force {
            send = send.with("force", "true");
        }
        // JSON is YAML
        send.content_type = "application/apply-patch+yaml";
        self.send(send.body(object.clone())).await
    }

    /// Deletes one object, or tries to; `None` when it is not there.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn delete(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Option<Json>, Failure> {
        let path = kind.path(namespace, Some(name));
        let mut body = options.body();
        if self.is_read_only() {
            body["dryRun"] = json!(["All"]);
        }
        match self.send(Ask::new(Method::DELETE, path).body(body)).await {
            Ok(reply) => Ok(Some(reply.body)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl DeleteOptions {
    fn body(&self) -> Json {
        let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        if let Some(policy) = &self.propagation {
            body["propagationPolicy"] = policy.as_str().into();
        }
        if let Some(grace) = self.grace {
            body["gracePeriodSeconds"] = grace.into();
        }
        if let Some(version) = &self.resource_version {
            body["preconditions"]["resourceVersion"] = version.as_str().into();
        }
        if let Some(uid) = &self.uid {
            body["preconditions"]["uid"] = uid.as_str().into();
        }
        body
    }
}

/// The items of a list leave out what the list says: their kind.
fn named(item: Json, kind: &Kind, metadata_only: bool) -> Json {
    let Json::Object(item) = item else {
        return item;
    };
    let mut named = serde_json::Map::new();
    if metadata_only {
        return Json::Object(item);
    }
    named.insert("apiVersion".into(), kind.api_version().into());
    named.insert("kind".into(), kind.kind.as_str().into());
    for (key, value) in item {
        named.entry(key).or_insert(value);
    }
    Json::Object(named)
}
