//! What identifies an object and outlasts its changes: `apiVersion`, `kind`, and the server's part of the metadata.

use super::failure::Failure;
use super::kind::Kind;
use super::object::{self, stamp};
use serde_json::{Value, json};

/// Checks `apiVersion` and `kind`, and fills them in.
pub fn envelope(kind: &Kind, it: &mut Value) -> Result<(), Failure> {
    if !it.is_object() || !(it["metadata"].is_object() || it["metadata"].is_null()) {
        let message = format!(
            "the object provided is unrecognized (must be of type {})",
            kind.kind
        );
        return Err(Failure::bad_request(message));
    }
    let version = kind.api_version();
    let given = object::text(it, &["apiVersion"]);
    if !given.is_empty() && given != version {
        let message = format!(
            "{} in version {given:?} cannot be handled as a {}: no kind {:?} is registered for version {given:?} in scheme \"pkg/runtime/scheme.go:111\"",
            kind.kind, kind.kind, kind.kind
        );
        return Err(Failure::bad_request(message));
    }
    let given = object::text(it, &["kind"]);
    if !given.is_empty() && given != kind.kind {
        let message = format!(
            "{given} in version {version:?} cannot be handled as a {}: converting ({given}) to ({}): unknown conversion",
            kind.kind, kind.kind
        );
        return Err(Failure::bad_request(message));
    }
    let map = object::object(it);
    map.insert("apiVersion".into(), version.into());
    map.insert("kind".into(), kind.kind.as_str().into());
    Ok(())
}

/// A new object gets its identity.
pub fn begin(kind: &Kind, new: &mut Value, now: jiff::Timestamp) {
    if kind.status && !kind.is("", "Node") {
        object::object(new).shift_remove("status");
        if kind.custom().is_none() {
            new["status"] = json!({});
        }
    }
    let metadata = object::map(new, "metadata");
    for field in [
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    ] {
        metadata.shift_remove(field);
    }
    metadata.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    metadata.insert("creationTimestamp".into(), stamp(now).into());
    metadata.shift_remove("generation");
}

/// A changed object keeps its identity, and what this door does not change.
pub fn carry_on(
    kind: &Kind,
    old: &Value,
    new: &mut Value,
    subresource: &str,
    name: &str,
) -> Result<(), Failure> {
    let text = |it: &Value, field: &str| object::text(it, &["metadata", field]).to_owned();
    let (uid, before) = (text(new, "uid"), text(old, "uid"));
    if !uid.is_empty() && uid != before {
        let detail = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {before}"
        );
        return Err(Failure::cannot(kind, name, &detail));
    }
    let revision = text(new, "resourceVersion");
    if !revision.is_empty() && revision != text(old, "resourceVersion") {
        return Err(Failure::modified(kind, name));
    }
    if subresource == "status" {
        let status = new["status"].take();
        let version = new["apiVersion"].take();
        *new = old.clone();
        new["apiVersion"] = version;
        if status.is_null() {
            object::object(new).shift_remove("status");
        } else {
            new["status"] = status;
        }
    } else if kind.status {
        if old["status"].is_null() {
            object::object(new).shift_remove("status");
        } else {
            new["status"] = old["status"].clone();
        }
    }
    let metadata = object::map(new, "metadata");
    for field in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "namespace",
        "managedFields",
    ] {
        match old["metadata"].get(field) {
            Some(value) => metadata.insert(field.into(), value.clone()),
            None => metadata.shift_remove(field),
        };
    }
    Ok(())
}

/// Counts a change of what is wanted.
pub fn count(kind: &Kind, old: Option<&Value>, new: &mut Value) {
    if !kind.generation {
        return;
    }
    let wanted = |it: &Value| {
        let mut it = it.clone();
        let map = object::object(&mut it);
        map.shift_remove("metadata");
        if kind.status || kind.custom().is_none() {
            map.shift_remove("status");
        }
        map.shift_remove("apiVersion");
        it
    };
    let generation = match old {
        None => 1,
        Some(old) => {
            let before = object::number(old, &["metadata", "generation"]).unwrap_or(1);
            before + i64::from(wanted(old) != wanted(new))
        }
    };
    new["metadata"]["generation"] = generation.into();
}
