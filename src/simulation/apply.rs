//! Server-side apply: merging what a manager wants into an object, and telling what changed.

use super::fields::FieldSet;
use super::structure::{ListType, Structure};
use serde_json::{Map, Value};

/// The step that leads to a list's item, as `fieldsV1` writes it.
fn step(structure: Structure<'_>, keys: &[String], item: &Value) -> String {
    let mut found = Map::new();
    let mut keys: Vec<&String> = keys.iter().collect();
    keys.sort();
    for key in keys {
        let value = match item.get(key) {
            None | Some(Value::Null) => structure.key_default(key),
            Some(value) => Some(value.clone()),
        };
        if let Some(value) = value {
            found.insert(key.clone(), value);
        }
    }
    format!("k:{}", Value::Object(found))
}

/// The items of a list with the steps that lead to them; `None` when the list is atomic.
fn steps<'v>(structure: Structure<'_>, items: &'v [Value]) -> Option<Vec<(String, &'v Value)>> {
    match structure.list() {
        ListType::Atomic => None,
        ListType::Set => Some(items.iter().map(|it| (format!("v:{it}"), it)).collect()),
        ListType::Map(keys) => {
            let items = items.iter().map(|it| (step(structure, &keys, it), it));
            Some(items.collect())
        }
    }
}

/// The fields that an applied object names.
pub fn named(structure: Structure<'_>, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    match value {
        Value::Object(map) if !structure.atomic() && !map.is_empty() => {
            for (name, value) in map {
                let below = named(structure.field(name), value);
                set.below.insert(format!("f:{name}"), below);
            }
        }
        Value::Array(items) => match steps(structure, items) {
            None => set.here = true,
            Some(items) => {
                for (step, item) in items {
                    let mut below = match item {
                        Value::Object(_) => named(structure.item(), item),
                        _ => FieldSet::default(),
                    };
                    below.here = true;
                    set.below.insert(step, below);
                }
            }
        },
        _ => set.here = true,
    }
    set
}

/// The object with what is wanted merged into it.
pub fn merged(structure: Structure<'_>, live: &Value, wanted: &Value) -> Value {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) if !structure.atomic() => {
            let mut map = live.clone();
            for (name, value) in wanted {
                let below = structure.field(name);
                let value = match live.get(name) {
                    Some(old) => merged(below, old, value),
                    None => value.clone(),
                };
                map.insert(name.clone(), value);
            }
            Value::Object(map)
        }
        (Value::Array(live), Value::Array(wanted)) => {
            match (steps(structure, live), steps(structure, wanted)) {
                (Some(live), Some(wanted)) => merged_list(structure, &live, &wanted),
                _ => Value::Array(wanted.clone()),
            }
        }
        (_, wanted) => wanted.clone(),
    }
}

/// The items of both: in the order of what is wanted, each with those before it that only the live list has.
fn merged_list(
    structure: Structure<'_>,
    live: &[(String, &Value)],
    wanted: &[(String, &Value)],
) -> Value {
    let has = |all: &[(String, &Value)], step: &str| all.iter().any(|(it, _)| it == step);
    let mut shared = wanted
        .iter()
        .map(|(step, _)| step.as_str())
        .filter(|step| has(live, step))
        .peekable();
    let mut result = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < live.len() || r < wanted.len() {
        if let Some((step, value)) = live.get(l) {
            if !has(wanted, step) {
                result.push((*value).clone());
                l += 1;
                continue;
            }
            // one that both have, but whose turn it is not
            let turn = shared.peek().is_none_or(|next| next == step);
            if !turn || r >= wanted.len() {
                l += 1;
                continue;
            }
        }
        let Some((step, value)) = wanted.get(r) else {
            continue;
        };
        r += 1;
        let old = live.iter().find(|(it, _)| it == step);
        if old.is_some() {
            shared.next();
            if live.get(l).is_some_and(|(it, _)| it == step) {
                l += 1;
            }
        }
        result.push(match old {
            Some((_, old)) => merged(structure.item(), old, value),
            None => (*value).clone(),
        });
    }
    Value::Array(result)
}

/// The object without what is in `gone`, unless `kept` has it or something below it.
pub fn without(structure: Structure<'_>, value: &Value, gone: &FieldSet, kept: &FieldSet) -> Value {
    let none = FieldSet::default();
    let keeps = |gone: &FieldSet, kept: &FieldSet| !gone.here || !kept.is_empty();
    match value {
        Value::Object(map) if !structure.atomic() => {
            let mut result = Map::new();
            for (name, value) in map {
                let step = format!("f:{name}");
                let kept = kept.below.get(&step).unwrap_or(&none);
                let Some(gone) = gone.below.get(&step) else {
                    result.insert(name.clone(), value.clone());
                    continue;
                };
                if !keeps(gone, kept) {
                    continue;
                }
                let below = without(structure.field(name), value, gone, kept);
                // a mapping or list from which the last was taken goes with it
                let emptied = is_empty(&below) && !is_empty(value) && kept.is_empty();
                if !emptied {
                    result.insert(name.clone(), below);
                }
            }
            Value::Object(result)
        }
        Value::Array(items) => match steps(structure, items) {
            None => value.clone(),
            Some(items) => {
                let mut result = Vec::new();
                for (step, item) in items {
                    let kept = kept.below.get(&step).unwrap_or(&none);
                    match gone.below.get(&step) {
                        Some(gone) if !keeps(gone, kept) => {}
                        Some(gone) if item.is_object() => {
                            result.push(without(structure.item(), item, gone, kept));
                        }
                        _ => result.push(item.clone()),
                    }
                }
                Value::Array(result)
            }
        },
        _ => value.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// What differs between two objects.
#[derive(Default, Debug)]
pub struct Difference {
    /// Fields that are new or have other values.
    pub changed: FieldSet,
    /// Fields that are no longer there.
    pub removed: FieldSet,
}

/// Compares two objects.
pub fn difference(structure: Structure<'_>, old: &Value, new: &Value) -> Difference {
    let mut found = Difference::default();
    compare(structure, Some(old), Some(new), &mut found);
    found
}

/// What every object of the server's has, written or not: it is never added.
fn always(structure: Structure<'_>, name: &str) -> Option<Value> {
    match name {
        "metadata" | "spec" | "status" | "strategy" | "template" | "updateStrategy"
        | "jobTemplate" | "podSelector" | "resources" => Some(Value::Object(Map::new())),
        "containers" => Some(Value::Array(Vec::new())),
        _ => None,
    }
    .filter(|_| structure.field(name).is_struct())
}

fn compare(
    structure: Structure<'_>,
    old: Option<&Value>,
    new: Option<&Value>,
    found: &mut Difference,
) {
    if old == new {
        return;
    }
    let empty = |value: Option<&Value>| value.is_none_or(is_empty);
    match (old, new) {
        (Some(Value::Object(_)) | None, Some(Value::Object(_)) | None)
            if !(structure.atomic() || (empty(old) && empty(new))) =>
        {
            let fields = |value: Option<&Value>| {
                value
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default()
            };
            let (before, after) = (fields(old), fields(new));
            let mut names: Vec<&String> = before.keys().collect();
            names.extend(after.keys().filter(|it| !before.contains_key(*it)));
            for name in names {
                let below = structure.field(name);
                // what holds it must be there too
                let implied = always(structure, name);
                let pair = (
                    before
                        .get(name)
                        .or(implied.as_ref().filter(|_| old.is_some())),
                    after
                        .get(name)
                        .or(implied.as_ref().filter(|_| new.is_some())),
                );
                let inner = descend(below, pair.0, pair.1);
                put(
                    found,
                    format!("f:{name}"),
                    inner,
                    pair.0.is_none(),
                    pair.1.is_none(),
                );
            }
        }
        (Some(Value::Array(_)) | None, Some(Value::Array(_)) | None)
            if !matches!(structure.list(), ListType::Atomic) =>
        {
            let items = |value: Option<&Value>| {
                value.and_then(Value::as_array).cloned().unwrap_or_default()
            };
            let (before, after) = (items(old), items(new));
            let before = steps(structure, &before).unwrap_or_default();
            let after = steps(structure, &after).unwrap_or_default();
            let find = |all: &[(String, &Value)], step: &str| {
                all.iter()
                    .find(|(it, _)| it == step)
                    .map(|(_, v)| (*v).clone())
            };
            let mut names: Vec<&String> = before.iter().map(|(step, _)| step).collect();
            names.extend(
                after
                    .iter()
                    .map(|(step, _)| step)
                    .filter(|it| find(&before, it).is_none()),
            );
            for step in names {
                let (old, new) = (find(&before, step), find(&after, step));
                let mut inner = Difference::default();
                let plain = |value: &Option<Value>| value.as_ref().is_none_or(|it| !it.is_object());
                if !(plain(&old) && plain(&new)) {
                    compare(structure.item(), old.as_ref(), new.as_ref(), &mut inner);
                }
                put(found, step.clone(), inner, old.is_none(), new.is_none());
            }
        }
        (_, None) => found.removed.here = true,
        _ => found.changed.here = true,
    }
}

fn descend(structure: Structure<'_>, old: Option<&Value>, new: Option<&Value>) -> Difference {
    let mut inner = Difference::default();
    compare(structure, old, new, &mut inner);
    inner
}

fn put(found: &mut Difference, step: String, mut inner: Difference, added: bool, gone: bool) {
    inner.changed.here |= added;
    inner.removed.here |= gone;
    if !inner.changed.is_empty() {
        found.changed.below.insert(step.clone(), inner.changed);
    }
    if !inner.removed.is_empty() {
        found.removed.below.insert(step, inner.removed);
    }
}
