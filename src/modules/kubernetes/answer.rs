//! What these modules have in common in their results.

use crate::cluster::{Change, Client, Failure, Json, compare, object};
use crate::error::Problems;
use crate::modules::{Diff, Fail, Outcome, Remote};
use crate::value::{Map, Value};

/// A failure of the cluster as the task's.
pub(in crate::modules) fn fail(failure: Failure) -> Fail {
    let mut fail = Fail::new(failure.to_string());
    if let Failure::Refused(refusal) = failure {
        fail = fail
            .with("status", i64::from(refusal.code))
            .with("reason", refusal.reason);
    }
    fail
}

/// Mistakes in a manifest as the task's failure.
pub(super) fn wrong(problems: Problems) -> Fail {
    let all: Vec<String> = problems
        .0
        .iter()
        .map(|d| d.to_string().trim_start_matches("error: ").to_owned())
        .collect();
    Fail::new(all.join("\n"))
}

/// The last touch on every outcome: what rests on a simulated cluster says so, and the content of Secrets is masked wherever it
/// would be shown.
pub(in crate::modules) async fn finish(
    host: &mut dyn Remote,
    client: &Client,
    mut outcome: Outcome,
) -> Result<Outcome, Fail> {
    hide_secrets(host, &Value::from(outcome.result.clone()));
    // who may not ask for the version has other troubles, and they are told already
    if client.is_simulated().await.unwrap_or(false) {
        outcome.result.insert("simulated".into(), true.into());
    }
    Ok(outcome)
}

fn hide_secrets(host: &mut dyn Remote, value: &Value) {
    match value {
        Value::List(items) => items.iter().for_each(|v| hide_secrets(host, v)),
        Value::Map(map) => {
            if map.get("kind").and_then(Value::as_str) == Some("Secret") {
                for field in ["data", "stringData"] {
                    let data = map.get(field).and_then(Value::as_map);
                    for value in data.into_iter().flat_map(Map::values) {
                        if let Some(text) = value.as_str() {
                            host.hide(text);
                        }
                    }
                }
                return;
            }
            map.values().for_each(|v| hide_secrets(host, v));
        }
        _ => {}
    }
}

/// Before and after of an object.
pub(super) fn diff(change: &Change) -> Option<Diff> {
    if !change.changed {
        return None;
    }
    let any = change.after.as_ref().or(change.before.as_ref())?;
    let with_status = false;
    let title = match &change.before {
        Some(before) => object::title(before),
        None => object::title(any),
    };
    let after = if change.method == "delete" {
        None
    } else {
        change.after.as_ref()
    };
    Some(Diff {
        before_header: title.clone(),
        after_header: title,
        before: compare::shown(change.before.as_ref(), after, with_status),
        after: compare::shown(after, change.before.as_ref(), with_status),
    })
}

/// An object without the fields that `hidden_fields` names: `metadata.managedFields`, `spec.containers[0].env[3].value`,
/// `metadata.annotations[example.com/x]`.
pub(super) fn without(mut object: Json, hidden: &[String]) -> Json {
    let mut paths: Vec<Vec<String>> = hidden.iter().map(|h| steps(h)).collect();
    // items of a list go from the last to the first, so that the numbers stay right
    let number = |s: &String| s.parse::<usize>().ok();
    paths.sort_by_key(|path| std::cmp::Reverse(path.last().map(number)));
    for path in paths {
        hide(&mut object, &path);
    }
    object
}

fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.trim_start_matches('.');
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').unwrap_or(inner.len());
            steps.push(inner[..end].to_owned());
            rest = inner.get(end + 1..).unwrap_or_default();
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
    }
    steps
}

fn hide(object: &mut Json, path: &[String]) {
    let [first, rest @ ..] = path else { return };
    let emptied = |v: &Json| {
        v.as_object().is_some_and(serde_json::Map::is_empty)
            || v.as_array().is_some_and(Vec::is_empty)
    };
    match object {
        Json::Object(map) => {
            if rest.is_empty() {
                map.shift_remove(first);
            } else if let Some(inner) = map.get_mut(first) {
                hide(inner, rest);
                if emptied(inner) {
                    map.shift_remove(first);
                }
            }
        }
        Json::Array(items) => {
            let Some(n) = first.parse().ok().filter(|n: &usize| *n < items.len()) else {
                return;
            };
            if rest.is_empty() {
                items.remove(n);
            } else {
                hide(&mut items[n], rest);
                if emptied(&items[n]) {
                    items.remove(n);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hidden_fields() {
        let object = json!({"metadata": {"managedFields": [1], "annotations": {"a.b/c": "x", "d": "y"}}, "spec": {"env": [{"v": 0}, {"v": 1}, {"v": 2, "w": 3}]}});
        let hidden = |fields: &[&str]| {
            let fields: Vec<String> = fields.iter().map(|f| (*f).to_owned()).collect();
            without(object.clone(), &fields)
        };
        assert_eq!(
            hidden(&["metadata.managedFields", "metadata.annotations[a.b/c]"])["metadata"],
            json!({"annotations": {"d": "y"}})
        );
        assert_eq!(
            hidden(&["spec.env[0]", "spec.env[1]"])["spec"],
            json!({"env": [{"v": 2, "w": 3}]})
        );
        assert_eq!(
            hidden(&["spec.env[2].v", "spec.nothing.here"])["spec"]["env"][2],
            json!({"w": 3})
        );
        assert_eq!(hidden(&["spec", "metadata"]), json!({}));
    }
}
