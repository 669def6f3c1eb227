//! What a field manager applied, read off the object itself.
//!
//! `metadata.managedFields` says which fields a manager set (`FieldsV1`). When what the object holds in just these fields is what
//! is wanted now, applying it once more changes nothing, and need not be asked of the server. In doubt it is asked: a value
//! that the server writes in another form, an order, a field too many or too few are all differences here.

use super::Json;
use super::object::{api_version, text};
use serde_json::Map;

/// Whether applying `wanted` as `manager` would leave `object` as it is.
pub(super) fn is_applied(object: &Json, wanted: &Json, manager: &str) -> bool {
    let entries = object.pointer("/metadata/managedFields");
    let mut own = entries
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter(|e| {
            text(e, "/manager") == manager
                && text(e, "/operation") == "Apply"
                && text(e, "/subresource").is_empty()
        });
    let entry = match (own.next(), own.next()) {
        (Some(entry), None) => entry,
        // nothing but a name: nothing is owned of it
        (None, None) => return without_names(wanted.clone()) == Json::Object(Map::new()),
        _ => return false,
    };
    text(entry, "/apiVersion") == api_version(wanted)
        && text(entry, "/fieldsType") == "FieldsV1"
        && extract(object, &entry["fieldsV1"])
            .is_some_and(|o| without_names(o) == without_names(wanted.clone()))
}

/// The object without what tells which object it is: nobody owns that.
fn without_names(mut object: Json) -> Json {
    if let Some(map) = object.as_object_mut() {
        map.shift_remove("apiVersion");
        map.shift_remove("kind");
        if let Some(meta) = map.get_mut("metadata").and_then(Json::as_object_mut) {
            meta.shift_remove("name");
            meta.shift_remove("namespace");
            if meta.is_empty() {
                map.shift_remove("metadata");
            }
        }
    }
    object
}

/// The part of a value that a set of fields names; `None` when the value lacks some of it, or the set is not understood.
fn extract(value: &Json, fields: &Json) -> Option<Json> {
    let fields = fields.as_object()?;
    // `.` is the value itself, beside what of it is named
    let mut inner = fields.iter().filter(|(key, _)| *key != ".").peekable();
    if inner.peek().is_none() {
        return Some(value.clone());
    }
    match value {
        Json::Object(map) => {
            let mut out = Map::new();
            for (key, fields) in inner {
                let name = key.strip_prefix("f:")?;
                out.insert(name.to_owned(), extract(map.get(name)?, fields)?);
            }
            Some(Json::Object(out))
        }
        Json::Array(items) => {
            let mut found = Vec::new();
            for (key, fields) in inner {
                let at = place(items, key)?;
                found.push((at, extract(&items[at], fields)?));
            }
            // in the order of the object, which is that of whoever made it
            found.sort_by_key(|(at, _)| *at);
            Some(Json::Array(found.into_iter().map(|(_, v)| v).collect()))
        }
        _ => None,
    }
}

/// Where the item of a list is that `k:{"name":"a"}` or `v:"a"` means.
fn place(items: &[Json], key: &str) -> Option<usize> {
    if let Some(keys) = key.strip_prefix("k:") {
        let keys: Map<String, Json> = serde_json::from_str(keys).ok()?;
        return items
            .iter()
            .position(|item| keys.iter().all(|(k, v)| item.get(k) == Some(v)));
    }
    let value: Json = serde_json::from_str(key.strip_prefix("v:")?).ok()?;
    items.iter().position(|item| *item == value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As a server has it: defaults, and what others set.
    fn object() -> Json {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "labels": {"app": "web", "theirs": "x"}, "finalizers": ["a/b", "c/d"],
                "managedFields": [
                    {"manager": "hoist", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {
                        "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {"v:\"a/b\"": {}}},
                        "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {
                            ".": {}, "f:name": {}, "f:image": {}, "f:args": {}, "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}}},
                    {"manager": "hoist", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:paused": {}}}},
                    {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1", "subresource": "status", "fieldsV1": {"f:status": {}}},
                ]},
            "spec": {"replicas": 2, "paused": false, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"type": "RollingUpdate"},
                "template": {"spec": {"containers": [
                    {"name": "sidecar", "image": "injected"},
                    {"name": "app", "image": "web:1", "args": ["a", "b"], "imagePullPolicy": "IfNotPresent", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                ]}}},
            "status": {"replicas": 2},
        })
    }

    fn wanted() -> Json {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "finalizers": ["a/b"]},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {"spec": {"containers": [{"name": "app", "image": "web:1", "args": ["a", "b"], "ports": [{"containerPort": 80}]}]}}},
        })
    }

    #[test]
    fn what_is_applied_already() {
        assert!(is_applied(&object(), &wanted(), "hoist"));
        assert!(!is_applied(&object(), &wanted(), "other"));
    }

    #[test]
    fn every_difference_counts() {
        let changes: [(&str, Json); 9] = [
            ("/spec/replicas", json!(3)),
            ("/spec/template/spec/containers/0/image", json!("web:2")),
            ("/spec/template/spec/containers/0/args", json!(["b", "a"])),
            ("/spec/template/spec/containers/0/ports", json!([])),
            ("/metadata/labels", json!({"app": "web", "more": "x"})),
            ("/metadata/labels", json!({})),
            ("/metadata/finalizers", json!(["a/b", "c/d"])),
            ("/spec/selector", json!({"matchLabels": {}})),
            ("/apiVersion", json!("apps/v1beta1")),
        ];
        for (pointer, value) in changes {
            let mut wanted = wanted();
            *wanted.pointer_mut(pointer).unwrap() = value;
            assert!(!is_applied(&object(), &wanted, "hoist"), "{pointer}");
        }
        let mut more = wanted();
        more["spec"]["paused"] = false.into();
        assert!(!is_applied(&object(), &more, "hoist"));
        let mut less = wanted();
        less["spec"]
            .as_object_mut()
            .unwrap()
            .shift_remove("replicas");
        assert!(!is_applied(&object(), &less, "hoist"));
        // somebody else changed what was applied, and took it over
        let mut changed = object();
        changed["spec"]["replicas"] = 5.into();
        assert!(!is_applied(&changed, &wanted(), "hoist"));
    }

    #[test]
    fn what_is_not_understood_is_asked() {
        for fields in [
            json!({"x:y": {}}),
            json!({"f:spec": {"i:0": {}}}),
            json!({"f:none": {}}),
            json!(null),
        ] {
            assert_eq!(extract(&object(), &fields), None, "{fields}");
        }
        let bare = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
        let mut labelled = bare.clone();
        labelled["metadata"]["labels"] = json!({"a": "b"});
        assert!(!is_applied(&labelled, &labelled, "hoist"));
        // of an object that has nothing but its name nobody owns anything
        assert!(is_applied(&labelled, &bare, "hoist"));
    }
}
