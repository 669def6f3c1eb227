//! Reading objects: what every Kubernetes object has.

use super::Json;

/// A text below `pointer` (`/metadata/name`).
pub fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// `metadata.name`; empty when there is none.
pub fn name(object: &Json) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.namespace`, if it is given.
pub fn namespace(object: &Json) -> Option<&str> {
    Some(text(object, "/metadata/namespace")).filter(|n| !n.is_empty())
}

/// `kind`.
pub fn kind(object: &Json) -> &str {
    text(object, "/kind")
}

/// `apiVersion`.
pub fn api_version(object: &Json) -> &str {
    text(object, "/apiVersion")
}

/// The group in `apps/v1`; empty for the core group's `v1`.
pub fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// What an object is called in messages: ``Deployment `web` in `shop` ``.
pub fn title(object: &Json) -> String {
    let name = match name(object) {
        "" => text(object, "/metadata/generateName"),
        name => name,
    };
    called(kind(object), name, namespace(object))
}

/// See [`title`].
pub fn called(kind: &str, name: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("{kind} `{name}` in `{namespace}`"),
        None => format!("{kind} `{name}`"),
    }
}

/// Sets a field of `metadata`, unless it is there already.
pub fn default_meta(object: &mut Json, key: &str, value: &str) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    let meta = map
        .entry("metadata")
        .or_insert_with(|| Json::Object(serde_json::Map::new()));
    if meta.is_null() {
        *meta = Json::Object(serde_json::Map::new());
    }
    if let Some(meta) = meta.as_object_mut() {
        let slot = meta.entry(key).or_insert(Json::Null);
        if slot.is_null() {
            *slot = Json::from(value);
        }
    }
}

/// A selector's text of `matchLabels` and `matchExpressions`, or of a plain mapping of labels.
///
/// # Errors
/// An operator that nobody knows.
pub fn selector(selector: &Json) -> Result<String, String> {
    let mut parts = Vec::new();
    let Some(map) = selector.as_object() else {
        return Ok(String::new());
    };
    let labels = match map.get("matchLabels") {
        Some(labels) => labels.as_object(),
        None if map.contains_key("matchExpressions") => None,
        None => Some(map),
    };
    for (key, value) in labels.into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    let expressions = map.get("matchExpressions").and_then(Json::as_array);
    for expression in expressions.into_iter().flatten() {
        let key = text(expression, "/key");
        let values: Vec<&str> = expression["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let values = values.join(",");
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            other => return Err(format!("the selector's operator `{other}` is not known")),
        });
    }
    Ok(parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn titles_and_selectors() {
        let web = json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}});
        assert_eq!(title(&web), "Deployment `web` in `shop`");
        assert_eq!(
            title(&json!({"kind": "Job", "metadata": {"generateName": "run-"}})),
            "Job `run-`"
        );
        let cases = [
            (
                json!({"matchLabels": {"a": "b", "c": "d"}}),
                Ok("a=b,c=d".to_owned()),
            ),
            (json!({"app": "x"}), Ok("app=x".into())),
            (
                json!({"matchExpressions": [
                    {"key": "t", "operator": "In", "values": ["a", "b"]},
                    {"key": "u", "operator": "Exists"},
                    {"key": "v", "operator": "DoesNotExist"},
                ]}),
                Ok("t in (a,b),u,!v".into()),
            ),
            (Json::Null, Ok(String::new())),
            (
                json!({"matchExpressions": [{"key": "t", "operator": "Gt"}]}),
                Err("the selector's operator `Gt` is not known".into()),
            ),
        ];
        for (given, wanted) in cases {
            assert_eq!(selector(&given), wanted, "{given}");
        }
    }

    #[test]
    fn what_is_missing_in_metadata_is_filled_in() {
        let mut object = json!({"metadata": {"namespace": "own"}});
        default_meta(&mut object, "namespace", "other");
        default_meta(&mut object, "name", "n");
        assert_eq!(
            object,
            json!({"metadata": {"namespace": "own", "name": "n"}})
        );
        let mut object = json!({"metadata": null});
        default_meta(&mut object, "name", "n");
        assert_eq!(name(&object), "n");
    }
}
