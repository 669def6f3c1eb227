//! YAML of others as JSON: manifests, and the configuration.

use super::failure::Failure;
use crate::error::Source;
use crate::yaml::{self, Kind, Node};
use serde_json::Value;

/// The one object of a YAML text.
pub fn read(text: &[u8]) -> Result<Value, Failure> {
    let text = String::from_utf8_lossy(text);
    let mut all = read_all("request.yaml", &text).map_err(Failure::bad_request)?;
    match all.len() {
        1 => Ok(all.remove(0)),
        _ => Err(Failure::bad_request("the body must be one object")),
    }
}

/// The objects of a YAML text with several documents; lists are taken apart. `name` is for messages.
pub fn read_all(name: &str, text: &str) -> Result<Vec<Value>, String> {
    let source = Source::new(name, text);
    let documents = yaml::parse_all(&source).map_err(|problems| problems.to_string())?;
    let mut found = Vec::new();
    for document in documents {
        let Some(root) = &document.root else {
            continue;
        };
        let value = json(root);
        match value["items"].as_array() {
            Some(items)
                if value["kind"]
                    .as_str()
                    .is_some_and(|it| it.ends_with("List")) =>
            {
                found.extend(items.iter().cloned());
            }
            _ if value.is_null() => {}
            _ => found.push(value),
        }
    }
    Ok(found)
}

fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Null | Kind::Vault(_) => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Int(value) => (*value).into(),
        Kind::Float(value) => (*value).into(),
        Kind::Str { text, .. } => Value::from(&**text),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(_) => Value::Object(
            node.entries()
                .map(|(key, _, value)| (key, json(value)))
                .collect(),
        ),
    }
}
