//! From the text of a manifest to objects.

use super::Json;
use crate::error::{Diagnostic, Problems, Source, Span};
use crate::yaml::{Kind, Node, parse_all};
use serde_json::Map;
use std::sync::Arc;

/// One object and where it was written, if that is known.
#[derive(Clone, Debug)]
pub struct Item {
    /// The object as written.
    pub object: Json,
    /// Where it begins.
    pub at: Option<Span>,
}

impl Item {
    /// `file:line` for messages; empty when it is not known.
    pub fn place(&self) -> String {
        self.at
            .as_ref()
            .map(|s| format!("{}:{}", s.path().display(), s.line))
            .unwrap_or_default()
    }
}

/// The objects of a text: YAML documents (JSON is YAML), each an object, a list of objects, or a `List` of the API.
///
/// # Errors
/// What is no YAML, and what is no object, with its place.
pub fn read(source: &Arc<Source>) -> Result<Vec<Item>, Problems> {
    let mut items = Vec::new();
    let mut problems = Problems::new();
    for document in parse_all(source)? {
        if let Some(root) = document.root {
            of_node(&root, &mut items, &mut problems);
        }
    }
    problems.or_ok(items)
}

fn of_node(node: &Node, items: &mut Vec<Item>, problems: &mut Problems) {
    if node.is_null() {
        return;
    }
    if let Some(list) = node.as_list() {
        for inner in list {
            of_node(inner, items, problems);
        }
        return;
    }
    if node.as_map().is_none() {
        problems.push(
            Diagnostic::at(
                &node.span,
                format!("an object is a mapping, not {}", node.kind_name()),
            )
            .with_help("each document of a manifest has `apiVersion`, `kind` and `metadata`"),
        );
        return;
    }
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
    if let (true, Some(inner)) = (
        kind.ends_with("List"),
        node.get("items").and_then(Node::as_list),
    ) {
        let api_version = node.get("apiVersion").and_then(Node::as_str);
        let from = items.len();
        for item in inner {
            of_node(item, items, problems);
        }
        for item in &mut items[from..] {
            inherit(&mut item.object, kind, api_version);
        }
        return;
    }
    if let Some(hidden) = encrypted(node) {
        problems.push(
            Diagnostic::at(&hidden.span, "an encrypted value in a manifest")
                .with_help("keep it in a variable, and the manifest in a template"),
        );
        return;
    }
    items.push(Item {
        object: node.to_value().to_json(),
        at: Some(node.span.clone()),
    });
}

/// The first `!vault` value inside.
fn encrypted(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::Vault(_) => Some(node),
        Kind::List(items) => items.iter().find_map(encrypted),
        Kind::Map(pairs) => pairs.iter().find_map(|(_, value)| encrypted(value)),
        _ => None,
    }
}

/// The objects in a value that a task gave: a mapping, a text, or a list of such. `name` is what texts are called in messages.
///
/// # Errors
/// As [`read`].
pub fn of_json(value: &Json, name: &str) -> Result<Vec<Item>, Problems> {
    match value {
        Json::Null => Ok(Vec::new()),
        Json::String(text) => read(&Source::new(name, text.clone())),
        Json::Array(list) => {
            let mut items = Vec::new();
            for inner in list {
                items.extend(of_json(inner, name)?);
            }
            Ok(items)
        }
        Json::Object(map) => {
            let kind = map.get("kind").and_then(Json::as_str).unwrap_or_default();
            let inner = map.get("items").and_then(Json::as_array);
            if let (true, Some(inner)) = (kind.ends_with("List"), inner) {
                let api_version = map.get("apiVersion").and_then(Json::as_str);
                let mut items = Vec::new();
                for item in inner {
                    items.extend(of_json(item, name)?);
                }
                for item in &mut items {
                    inherit(&mut item.object, kind, api_version);
                }
                return Ok(items);
            }
            Ok(vec![Item {
                object: value.clone(),
                at: None,
            }])
        }
        other => Err(
            Diagnostic::new(format!("`{name}` must hold objects, and `{other}` is none")).into(),
        ),
    }
}

/// The items of a `ConfigMapList` may leave out that they are ConfigMaps.
fn inherit(object: &mut Json, list: &str, api_version: Option<&str>) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    let kind = list.trim_end_matches("List");
    let mut out = Map::new();
    if let Some(api_version) = api_version.filter(|_| !map.contains_key("apiVersion")) {
        out.insert("apiVersion".into(), api_version.into());
    }
    if !kind.is_empty() && !map.contains_key("kind") {
        out.insert("kind".into(), kind.into());
    }
    out.append(map);
    *map = out;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn objects(text: &str) -> Vec<(u32, Json)> {
        let items = read(&Source::new("m.yml", text)).unwrap();
        items
            .into_iter()
            .map(|i| (i.at.unwrap().line, i.object))
            .collect()
    }

    #[test]
    fn documents_lists_and_what_is_left_out() {
        let text = "# nothing\n---\nkind: A\nx: '{{ not ours }}'\n---\n---\nkind: ConfigMapList\napiVersion: v1\nitems:\n  - metadata: {name: a}\n  - kind: Other\n---\n- kind: B\n- kind: C\n";
        assert_eq!(
            objects(text),
            [
                (3, json!({"kind": "A", "x": "{{ not ours }}"})),
                (
                    10,
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
                ),
                (11, json!({"apiVersion": "v1", "kind": "Other"})),
                (13, json!({"kind": "B"})),
                (14, json!({"kind": "C"})),
            ]
        );
        assert!(objects("").is_empty());
    }

    #[test]
    fn mistakes_have_places() {
        let problems = read(&Source::new("m.yml", "kind: A\n---\njust words\n")).unwrap_err();
        insta::assert_snapshot!(problems.0[0], @r"
        error: an object is a mapping, not string
         --> m.yml:3:1
          |
        3 | just words
          | ^^^^^^^^^^
          help: each document of a manifest has `apiVersion`, `kind` and `metadata`
        ");
    }

    #[test]
    fn what_a_task_gives() {
        let given = json!([{"kind": "A"}, "kind: B\n---\nkind: C\n", null, [{"kind": "D"}]]);
        let kinds: Vec<String> = of_json(&given, "definition")
            .unwrap()
            .iter()
            .map(|i| i.object["kind"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(kinds, ["A", "B", "C", "D"]);
        let problems = of_json(&json!(7), "definition").unwrap_err();
        insta::assert_snapshot!(problems.0[0], @"error: `definition` must hold objects, and `7` is none");
    }
}
