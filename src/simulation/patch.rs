//! The patches: JSON patch, merge patch and strategic merge patch.

use super::failure::Failure;
use super::structure::Structure;
use serde_json::{Map, Value};

/// A patch, read from a request.
#[derive(Clone, Debug)]
pub enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own, which knows lists of named things.
    Strategic(Value),
    /// Server-side apply; `force` takes the fields of others.
    Apply {
        /// What the manager wants.
        wanted: Value,
        /// Whether conflicts are overruled.
        force: bool,
    },
}

impl Patch {
    /// The object after the patch.
    pub fn to(&self, structure: Structure<'_>, live: &Value) -> Result<Value, Failure> {
        let mut value = live.clone();
        match self {
            Patch::Json(patch) => json_patch::patch(&mut value, patch).map_err(|error| {
                let message = format!(
                    "the server rejected our request due to an error in our request: {error}"
                );
                Failure::new(422, "Invalid", message)
            })?,
            Patch::Merge(patch) => json_patch::merge(&mut value, patch),
            Patch::Strategic(patch) => value = strategic(structure, Some(&value), patch)?,
            Patch::Apply { wanted, .. } => value = wanted.clone(),
        }
        Ok(value)
    }
}

/// A value after a strategic merge patch; nulls take away.
fn strategic(
    structure: Structure<'_>,
    live: Option<&Value>,
    patch: &Value,
) -> Result<Value, Failure> {
    let Value::Object(patch) = patch else {
        return Ok(patch.clone());
    };
    let mut result = match (live, patch.get("$patch").and_then(Value::as_str)) {
        (_, Some("replace" | "delete")) => Map::new(),
        (_, Some(other)) if other != "merge" => {
            return Err(Failure::bad_request(format!(
                "Unknown patch type found: {other}"
            )));
        }
        (Some(Value::Object(live)), _) => live.clone(),
        _ => Map::new(),
    };
    if let Some(Value::Array(kept)) = patch.get("$retainKeys") {
        result.retain(|name, _| kept.iter().any(|it| it == name.as_str()));
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (result.get_mut(list), value) {
                items.retain(|it| !gone.contains(it));
            }
            continue;
        }
        if name.starts_with('$') {
            continue;
        }
        if value.is_null() {
            result.remove(name);
            continue;
        }
        let below = structure.field(name);
        let merged = match value {
            Value::Object(_) => strategic(below, result.get(name), value)?,
            Value::Array(items) => {
                let order = patch.get(&format!("$setElementOrder/{name}"));
                let live = result.get(name).and_then(Value::as_array);
                strategic_list(below, live.map_or(&[], Vec::as_slice), items, order)?
            }
            other => other.clone(),
        };
        result.insert(name.clone(), merged);
    }
    // an order may be given for a list that is not patched itself
    for (name, order) in patch {
        let Some(list) = name.strip_prefix("$setElementOrder/") else {
            continue;
        };
        if !patch.contains_key(list)
            && let Some(Value::Array(items)) = result.get_mut(list)
            && let Some(order) = order.as_array()
        {
            let key = structure.field(list).merge_key();
            let live = items.clone();
            in_order(items, order, &live, key.as_deref());
        }
    }
    Ok(Value::Object(result))
}

fn strategic_list(
    structure: Structure<'_>,
    live: &[Value],
    patch: &[Value],
    order: Option<&Value>,
) -> Result<Value, Failure> {
    let replace = patch.iter().any(|it| it["$patch"] == "replace");
    let key = structure.merge_key();
    let mut result: Vec<Value> = match (&key, replace) {
        (_, true) => Vec::new(),
        (None, _) if !structure.merges_values() => return Ok(patch.to_vec().into()),
        _ => live.to_vec(),
    };
    let order = order.and_then(Value::as_array).map_or(patch, Vec::as_slice);
    let Some(key) = key else {
        result.extend(patch.iter().filter(|it| !live.contains(it)).cloned());
        in_order(&mut result, order, live, None);
        return Ok(result.into());
    };
    for item in patch {
        if item["$patch"] == "replace" {
            continue;
        }
        let wanted = &item[&key];
        if wanted.is_null() {
            let message = format!("map: {item} does not contain declared merge key: {key}");
            return Err(Failure::bad_request(message));
        }
        let at = result.iter().position(|it| &it[&key] == wanted);
        if item["$patch"] == "delete" {
            result.retain(|it| &it[&key] != wanted);
            continue;
        }
        let merged = strategic(structure.item(), at.map(|at| &result[at]), item)?;
        match at {
            Some(at) => result[at] = merged,
            None => result.push(merged),
        }
    }
    in_order(&mut result, order, live, Some(&key));
    Ok(result.into())
}

/// The items that the patch names in its order, the others of the live list between them: before the first that they stood before.
fn in_order(items: &mut Vec<Value>, order: &[Value], live: &[Value], key: Option<&str>) {
    let same = |a: &Value, b: &Value| match key {
        Some(key) => a[key] == b[key],
        None => a == b,
    };
    let place = |list: &[Value], item: &Value| list.iter().position(|it| same(it, item));
    let (mut right, mut left): (Vec<Value>, Vec<Value>) =
        items.drain(..).partition(|it| place(order, it).is_some());
    right.sort_by_key(|it| place(order, it));
    left.sort_by_key(|it| place(live, it));
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    loop {
        let first = match (left.peek(), right.peek()) {
            (None, None) => return,
            (None, _) => false,
            (_, None) => true,
            (Some(l), Some(r)) => place(live, l)
                .zip(place(live, r))
                .is_some_and(|(l, r)| l < r),
        };
        items.extend(if first { left.next() } else { right.next() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::kind::builtin;
    use serde_json::json;

    #[test]
    fn strategic_patches() {
        let kinds = builtin();
        let pod = kinds.iter().find(|it| it.kind == "Pod").unwrap();
        let live = json!({"spec": {"nodeSelector": {"a": "1"}, "containers": [
            {"name": "app", "image": "a:1", "args": ["x", "y"]}, {"name": "side", "image": "s:1"}]}});
        let cases = [
            (
                json!({"spec": {"containers": [{"name": "app", "image": "a:2", "args": ["z"]}]}}),
                json!({"nodeSelector": {"a": "1"}, "containers": [
                    {"name": "app", "image": "a:2", "args": ["z"]}, {"name": "side", "image": "s:1"}]}),
            ),
            (
                json!({"spec": {"containers": [{"name": "side", "$patch": "delete"}], "nodeSelector": null}}),
                json!({"containers": [{"name": "app", "image": "a:1", "args": ["x", "y"]}]}),
            ),
            (
                json!({"spec": {"$setElementOrder/containers": [{"name": "new"}, {"name": "side"}, {"name": "app"}],
                    "containers": [{"name": "new", "image": "n"}], "nodeSelector": {"$patch": "replace", "b": "2"}}}),
                json!({"nodeSelector": {"b": "2"}, "containers": [{"name": "new", "image": "n"},
                    {"name": "side", "image": "s:1"}, {"name": "app", "image": "a:1", "args": ["x", "y"]}]}),
            ),
        ];
        for (patch, wanted) in cases {
            let found = Patch::Strategic(patch.clone()).to(Structure::of(pod), &live);
            assert_eq!(found.unwrap()["spec"], wanted, "{patch}");
        }
    }
}
