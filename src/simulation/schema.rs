//! Custom resources against their schema: unknown fields are pruned, defaults filled in, the rest is checked.

use super::failure::FieldError;
use serde_json::Value;

/// Takes away the fields that a schema does not know, and names them.
pub fn prune(schema: &Value, value: &mut Value, path: &str, root: bool, gone: &mut Vec<String>) {
    let preserves = schema["x-kubernetes-preserve-unknown-fields"] == true;
    match value {
        Value::Object(map) => {
            let known = &schema["properties"];
            let more = &schema["additionalProperties"];
            let embedded = root || schema["x-kubernetes-embedded-resource"] == true;
            let names: Vec<String> = map.keys().cloned().collect();
            for name in names {
                let below = format!("{path}{}{name}", if path.is_empty() { "" } else { "." });
                if embedded && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                    continue;
                }
                if known[&name].is_object() {
                    prune(&known[&name], &mut map[&name], &below, false, gone);
                } else if more.is_object() {
                    prune(more, &mut map[&name], &below, false, gone);
                } else if more != true && !preserves {
                    map.remove(&name);
                    gone.push(below);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                prune(
                    &schema["items"],
                    item,
                    &format!("{path}[{at}]"),
                    false,
                    gone,
                );
            }
        }
        _ => {}
    }
}

/// Fills in what a schema says that stands for a missing value; nulls count as missing where they are not allowed.
pub fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(known) = schema["properties"].as_object() {
                for (name, below) in known {
                    let missing = map
                        .get(name)
                        .is_none_or(|it| it.is_null() && below["nullable"] != true);
                    if let Some(default) = below.get("default").filter(|_| missing) {
                        map.insert(name.clone(), default.clone());
                    }
                    if let Some(value) = map.get_mut(name) {
                        fill(below, value);
                    }
                }
            }
            if schema["additionalProperties"].is_object() {
                let known = schema["properties"].as_object();
                let rest = map
                    .iter_mut()
                    .filter(|(name, _)| known.is_none_or(|it| !it.contains_key(*name)));
                rest.for_each(|(_, value)| fill(&schema["additionalProperties"], value));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| fill(&schema["items"], it)),
        _ => {}
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Names values of another type than the schema's, as server-side apply reports them.
pub fn mistyped(schema: &Value, value: &Value, path: &str, told: &mut Vec<String>) {
    let is = match value {
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
        Value::Null => return,
    };
    let wanted = match schema["type"].as_str() {
        Some("integer" | "number") => "numeric (int or float)",
        Some("string") => "string",
        Some("boolean") => "boolean",
        Some("array") => "list",
        Some("object") => "map",
        _ => return,
    };
    let fits = match wanted {
        "numeric (int or float)" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => wanted == is,
    };
    match value {
        _ if schema["x-kubernetes-int-or-string"] == true => {}
        _ if !fits => told.push(format!("{path}: expected {wanted}, got {is}")),
        Value::Object(map) => {
            for (name, value) in map {
                let known = &schema["properties"][name];
                let below = if known.is_object() {
                    known
                } else {
                    &schema["additionalProperties"]
                };
                mistyped(below, value, &format!("{path}.{name}"), told);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                mistyped(&schema["items"], item, &format!("{path}[{at}]"), told);
            }
        }
        _ => {}
    }
}

/// Checks a value against its schema.
pub fn check(schema: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.is_null() && (schema["nullable"] == true || schema["type"].is_null()) {
        return;
    }
    let found = type_of(value);
    if schema["x-kubernetes-int-or-string"] == true {
        if !matches!(found, "integer" | "string") {
            let detail = format!("{path} in body must be of type integer,string: {found:?}");
            errors.push(FieldError::type_invalid(path, &found.into(), &detail));
        }
        return;
    }
    if let Some(wanted) = schema["type"].as_str()
        && wanted != found
        && !(wanted == "number" && found == "integer")
    {
        let detail = format!("{path} in body must be of type {wanted}: {found:?}");
        errors.push(FieldError::type_invalid(path, &found.into(), &detail));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let known: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        errors.push(FieldError::unsupported(path, value, &known));
    }
    match value {
        Value::Object(map) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                let name = name.as_str().unwrap_or_default();
                if !map.contains_key(name) {
                    let below = join(path, name);
                    errors.push(FieldError::required(below, ""));
                }
            }
            for (name, value) in map {
                let known = &schema["properties"][name];
                let below = if known.is_object() {
                    known
                } else {
                    &schema["additionalProperties"]
                };
                if below.is_object() {
                    check(below, value, &join(path, name), errors);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                check(&schema["items"], item, &format!("{path}[{at}]"), errors);
            }
            bounds(
                schema,
                path,
                value,
                items.len() as f64,
                ["minItems", "maxItems"],
                errors,
            );
        }
        Value::String(text) => {
            let length = text.chars().count() as f64;
            bounds(
                schema,
                path,
                value,
                length,
                ["minLength", "maxLength"],
                errors,
            );
            if let Some(pattern) = schema["pattern"].as_str()
                && fancy_regex::Regex::new(pattern)
                    .is_ok_and(|it| it.is_match(text).is_ok_and(|it| !it))
            {
                let detail = format!("{path} in body should match '{pattern}'");
                errors.push(FieldError::invalid(path, value, &detail));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            bounds(schema, path, value, number, ["minimum", "maximum"], errors);
        }
        _ => {}
    }
}

fn bounds(
    schema: &Value,
    path: &str,
    value: &Value,
    size: f64,
    keys: [&str; 2],
    errors: &mut Vec<FieldError>,
) {
    let [least, most] = keys.map(|key| schema[key].as_f64());
    let told = |bound: f64| match keys[0] {
        "minItems" => format!("have at least {bound} items"),
        "minLength" => format!("be at least {bound} chars long"),
        _ => format!("be greater than or equal to {bound}"),
    };
    if let Some(least) = least.filter(|it| size < *it) {
        let detail = format!("{path} in body should {}", told(least));
        errors.push(FieldError::invalid(path, value, &detail));
    }
    if let Some(most) = most.filter(|it| size > *it) {
        let detail = match keys[1] {
            "maximum" => format!("{path} in body should be less than or equal to {most}"),
            "maxItems" => format!("{path} in body should have at most {most} items"),
            _ => format!("{path} in body should be at most {most} chars long"),
        };
        errors.push(FieldError::invalid(path, value, &detail));
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pruning_filling_checking() {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1}, "color": {"type": "string", "default": "red", "enum": ["red", "blue"]},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}});
        let mut value = json!({"kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 0, "odd": 1, "free": {"x": 1}}});
        let mut gone = Vec::new();
        prune(&schema, &mut value, "", true, &mut gone);
        assert_eq!(gone, ["spec.odd"]);
        fill(&schema, &mut value);
        assert_eq!(
            value["spec"],
            json!({"size": 0, "free": {"x": 1}, "color": "red"})
        );
        value["spec"]["color"] = "green".into();
        let mut errors = Vec::new();
        check(&schema, &value, "", &mut errors);
        assert_eq!(errors.len(), 2);
    }
}
