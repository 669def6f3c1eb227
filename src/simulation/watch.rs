//! `Watch`: the changes of some objects, as one client sees them.

use super::call::Call;
use super::cluster::{Cluster, place, shown};
use super::failure::Failure;
use super::kind::Kind;
use super::object::partial;
use super::selector::{FieldSelector, Selector};
use super::table::table;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A client's watch.
pub struct Watch {
    kind: Arc<Kind>,
    place: String,
    namespace: Option<String>,
    labels: Selector,
    fields: FieldSelector,
    include: Option<String>,
    partial: bool,
    bookmarks: bool,
    revision: u64,
    ready: Vec<Value>,
    /// How long the client wants to watch.
    pub patience: Duration,
}

impl Watch {
    /// Begins to watch, from the revision that the call names.
    pub fn new(
        cluster: &Cluster,
        call: &Call,
        kind: Arc<Kind>,
        namespace: Option<String>,
        labels: Selector,
        fields: FieldSelector,
    ) -> Result<Watch, Failure> {
        let seconds = call
            .query("timeoutSeconds")
            .parse()
            .unwrap_or(1800)
            .min(86_400);
        let mut watch = Watch {
            place: place(&kind),
            kind,
            namespace,
            labels,
            fields,
            include: call.table().map(str::to_owned),
            partial: call.partial(),
            bookmarks: call.is_on("allowWatchBookmarks"),
            revision: cluster.store.revision(),
            ready: Vec::new(),
            patience: Duration::from_secs(seconds),
        };
        let from = call.query("resourceVersion");
        let initial = call.is_on("sendInitialEvents");
        if initial || matches!(from, "" | "0") && call.query("sendInitialEvents") != "false" {
            let found = cluster.store.list(&watch.place, watch.namespace.as_deref());
            let found: Vec<_> = found
                .filter(|(_, it)| watch.selects(it))
                .map(|(_, it)| Arc::clone(it))
                .collect();
            watch.ready = found
                .iter()
                .map(|it| watch.event("ADDED", it, watch.revision))
                .collect();
            if initial {
                let mut mark = watch.bookmark();
                mark["object"]["metadata"]["annotations"] =
                    json!({"k8s.io/initial-events-end": "true"});
                watch.ready.push(mark);
            }
        } else if !matches!(from, "" | "0") {
            watch.revision = from.parse().map_err(|_| {
                Failure::bad_request(format!(
                    "Invalid value: {from:?}: strconv.ParseUint: parsing {from:?}: invalid syntax"
                ))
            })?;
        }
        Ok(watch)
    }

    fn selects(&self, it: &Value) -> bool {
        self.labels.selects(it) && self.fields.selects(it)
    }

    fn event(&self, sort: &str, it: &Arc<Value>, revision: u64) -> Value {
        let mut it = shown(&self.kind, it);
        if sort == "DELETED" {
            let mut last = Value::clone(&it);
            last["metadata"]["resourceVersion"] = revision.to_string().into();
            it = Arc::new(last);
        }
        let object = match &self.include {
            Some(include) => {
                let metadata = json!({"resourceVersion": it["metadata"]["resourceVersion"]});
                table(&self.kind, std::slice::from_ref(&it), metadata, include)
            }
            None if self.partial => partial(&it),
            None => Value::clone(&it),
        };
        json!({"type": sort, "object": object})
    }

    /// A mark that tells how far the client has seen.
    pub fn bookmark(&self) -> Value {
        json!({"type": "BOOKMARK", "object": {"kind": self.kind.kind, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": self.revision.to_string(), "creationTimestamp": null}}})
    }

    /// Whether the client wants marks.
    pub fn wants_bookmarks(&self) -> bool {
        self.bookmarks && self.include.is_none()
    }

    /// What happened since the last call; an error ends the watch.
    pub fn poll(&mut self, cluster: &Cluster) -> Result<Vec<Value>, Value> {
        let mut events = std::mem::take(&mut self.ready);
        let Some(changes) = cluster.store.since(self.revision) else {
            let failure = Failure::expired(self.revision, cluster.store.oldest());
            return Err(json!({"type": "ERROR", "object": failure.to_json()}));
        };
        for change in changes {
            let here = change.key.0 == self.place
                && self.namespace.as_ref().is_none_or(|it| *it == change.key.1);
            if !here {
                continue;
            }
            let old = change.old.as_ref().filter(|it| self.selects(it));
            let new = change.new.as_ref().filter(|it| self.selects(it));
            events.extend(match (old, new) {
                (None, Some(new)) => Some(self.event("ADDED", new, change.revision)),
                (Some(_), Some(new)) => Some(self.event("MODIFIED", new, change.revision)),
                (Some(old), None) => Some(self.event("DELETED", old, change.revision)),
                (None, None) => None,
            });
        }
        self.revision = self.revision.max(cluster.store.revision());
        Ok(events)
    }
}
