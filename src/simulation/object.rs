//! Small helpers for objects as JSON.

use serde_json::{Map, Value, json};

/// The text at a path of fields, empty when there is none.
pub fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).as_str().unwrap_or_default()
}

/// The value at a path of fields, null when there is none.
pub fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, field| &value[*field])
}

/// The number at a path of fields.
pub fn number(value: &Value, path: &[&str]) -> Option<i64> {
    at(value, path).as_i64()
}

/// The list at a path of fields, empty when there is none.
pub fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

/// The mapping in `value[field]`; what stood there and was none is replaced.
pub fn map<'a>(value: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    let entry = object(value).entry(field).or_insert(Value::Null);
    object(entry)
}

/// The value as a mapping; what was none is replaced by an empty one.
pub fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        // the line above made it one
        _ => unreachable!(),
    }
}

/// Sets a field that is not there.
pub fn default(value: &mut Value, field: &str, wanted: impl Into<Value>) {
    let entry = object(value).entry(field).or_insert(Value::Null);
    if entry.is_null() {
        *entry = wanted.into();
    }
}

/// The name in an object's metadata.
pub fn name(value: &Value) -> &str {
    text(value, &["metadata", "name"])
}

/// The namespace in an object's metadata.
pub fn namespace(value: &Value) -> &str {
    text(value, &["metadata", "namespace"])
}

/// The unique id of an object.
pub fn uid(value: &Value) -> &str {
    text(value, &["metadata", "uid"])
}

/// Whether an object is on its way out.
pub fn deleting(value: &Value) -> bool {
    value["metadata"]["deletionTimestamp"].is_string()
}

/// An annotation of an object.
pub fn annotation<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value["metadata"]["annotations"][key].as_str()
}

/// The time in Kubernetes' format (RFC 3339, whole seconds).
pub fn stamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The seconds since a time in Kubernetes' format.
pub fn seconds_since(stamp: &str, now: jiff::Timestamp) -> Option<i64> {
    let then: jiff::Timestamp = stamp.parse().ok()?;
    Some(now.as_second() - then.as_second())
}

/// Some random letters and digits as Kubernetes puts them behind generated names.
pub fn suffix(length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let random = uuid::Uuid::new_v4();
    let bytes = random.as_bytes().iter().take(length);
    bytes
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}

/// A short stable text for a value, for `pod-template-hash` and the like.
pub fn digest(value: &Value) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(sorted(value).to_string());
    digest
        .iter()
        .take(10)
        .map(|byte| char::from(b"bcdfghjklmnpqrstvwxz2456789"[usize::from(*byte) % 27]))
        .collect()
}

/// The value with the fields of every mapping in alphabetical order.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let fields = fields.into_iter().map(|(k, v)| (k.clone(), sorted(v)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// Only the metadata of an object.
pub fn partial(it: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": it["metadata"]})
}
