//! Removing objects: finalizers, grace, and what becomes of dependents.

use super::cluster::Cluster;
use super::failure::Failure;
use super::kind::Kind;
use super::object::{self, list, stamp, text};
use serde_json::{Value, json};
use std::sync::Arc;

/// How something is to be removed (`DeleteOptions`).
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// `Foreground`, `Background` or `Orphan`; empty for the kind's own way.
    pub propagation: String,
    /// Seconds that a pod has to end.
    pub grace: Option<i64>,
    /// The uid that the object must have.
    pub uid: String,
    /// The version that the object must have.
    pub revision: String,
    /// Whether nothing is to be removed.
    pub dry_run: bool,
}

/// What became of the object.
pub enum Removed {
    /// It is gone; this is how it was.
    Gone(Arc<Value>),
    /// It is on its way out.
    Going(Arc<Value>),
}

impl Removal {
    /// Reads the options from a request's body and query.
    pub fn read(body: &Value, query: &dyn Fn(&str) -> String) -> Removal {
        let either = |field: &str| match text(body, &[field]) {
            "" => query(field),
            text => text.to_owned(),
        };
        let grace = body["gracePeriodSeconds"].as_i64();
        let orphan = body["orphanDependents"] == true;
        let propagation = either("propagationPolicy");
        Removal {
            propagation: if orphan {
                "Orphan".to_owned()
            } else {
                propagation
            },
            grace: grace.or_else(|| query("gracePeriodSeconds").parse().ok()),
            uid: text(body, &["preconditions", "uid"]).to_owned(),
            revision: text(body, &["preconditions", "resourceVersion"]).to_owned(),
            dry_run: query("dryRun") == "All"
                || list(body, &["dryRun"]).iter().any(|it| it == "All"),
        }
    }
}

impl Cluster {
    /// Removes an object, or sets it on its way.
    pub fn delete(
        &mut self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        how: &Removal,
    ) -> Result<Removed, Failure> {
        let old = self.get(kind, namespace, name)?;
        for (wanted, found, what) in [
            (&how.uid, object::uid(&old), "UID"),
            (
                &how.revision,
                text(&old, &["metadata", "resourceVersion"]),
                "ResourceVersion",
            ),
        ] {
            if !wanted.is_empty() && wanted != found {
                let detail = format!(
                    "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
                );
                return Err(Failure::cannot(kind, name, &detail));
            }
        }
        let key = self.key(kind, namespace, name);
        let mut new = Value::clone(&old);
        let finalizer = match how.propagation.as_str() {
            "Foreground" => Some("foregroundDeletion"),
            "Orphan" => Some("orphan"),
            _ => None,
        };
        if let Some(finalizer) = finalizer {
            let metadata = object::map(&mut new, "metadata");
            let list = metadata.entry("finalizers").or_insert_with(|| json!([]));
            if let Some(list) = list
                .as_array_mut()
                .filter(|it| !it.iter().any(|it| it == finalizer))
            {
                list.push(finalizer.into());
            }
        }
        let pod = kind.is("", "Pod");
        let grace = match pod {
            // a pod on no node has nothing to end
            true if text(&old, &["spec", "nodeName"]).is_empty() => 0,
            true if matches!(text(&old, &["status", "phase"]), "Succeeded" | "Failed") => 0,
            true => how
                .grace
                .or_else(|| object::number(&old, &["spec", "terminationGracePeriodSeconds"]))
                .unwrap_or(30),
            false => 0,
        };
        let metadata = object::map(&mut new, "metadata");
        if !object::deleting(&old) {
            let time = jiff::Timestamp::now();
            let until = jiff::SignedDuration::from_secs(grace.clamp(0, 86_400));
            let time = time.checked_add(until).unwrap_or(time);
            metadata.insert("deletionTimestamp".into(), stamp(time).into());
            metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
        } else if pod && how.grace == Some(0) {
            metadata.insert("deletionGracePeriodSeconds".into(), 0.into());
        }
        if kind.is("", "Namespace") {
            new["status"]["phase"] = "Terminating".into();
        }
        if self.is_free(kind, &new) {
            if !how.dry_run {
                self.drop_object(kind, key)?;
            }
            return Ok(Removed::Gone(old));
        }
        if how.dry_run || new == *old {
            return Ok(Removed::Going(old));
        }
        if kind.generation && !object::deleting(&old) {
            let before = object::number(&old, &["metadata", "generation"]).unwrap_or(1);
            new["metadata"]["generation"] = (before + 1).into();
        }
        Ok(Removed::Going(self.keep(kind, key, new)?))
    }

    /// Takes finalizers off an object; the last one lets it go.
    pub fn release(&mut self, kind: &Kind, it: &Value, finalizer: &str) -> Result<(), Failure> {
        let mut new = it.clone();
        let metadata = object::map(&mut new, "metadata");
        if let Some(list) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            list.retain(|it| it != finalizer);
            if list.is_empty() {
                metadata.shift_remove("finalizers");
            }
        }
        let key = self.key(kind, object::namespace(it), object::name(it));
        if object::deleting(&new) && self.is_free(kind, &new) {
            self.drop_object(kind, key)
        } else {
            self.keep(kind, key, new).map(|_| ())
        }
    }
}

/// The `Status` that answers a removal.
pub fn told(kind: &Kind, it: &Value) -> Value {
    let mut details = json!({"name": object::name(it)});
    if !kind.group.is_empty() {
        details["group"] = kind.group.as_str().into();
    }
    details["kind"] = kind.plural.as_str().into();
    details["uid"] = object::uid(it).into();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
