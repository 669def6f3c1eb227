//! What changed between two states of an object.

use super::Json;
use super::object::kind;
use crate::value::{MASK, Value};
use crate::yaml::{Flow, Style, dump};
use serde_json::Map;

/// Fields of `metadata` that the server keeps for itself: they tell that somebody wrote, not what.
const NOISE: [&str; 7] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
    "deletionGracePeriodSeconds",
];

/// An object without what changes by itself: the server's own bookkeeping and, unless it is what is set, the status.
pub fn bare(object: &Json, with_status: bool) -> Json {
    let Json::Object(map) = object else {
        return object.clone();
    };
    let mut out = Map::new();
    for (key, value) in map {
        match (key.as_str(), value) {
            ("status", _) if !with_status => {}
            ("metadata", Json::Object(meta)) => {
                let kept = meta
                    .iter()
                    .filter(|(k, _)| !NOISE.contains(&k.as_str()))
                    .map(|(k, v)| (k.clone(), v.clone()));
                out.insert(key.clone(), Json::Object(kept.collect()));
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    Json::Object(out)
}

/// Whether two states are the same but for noise.
pub fn same(before: &Json, after: &Json, with_status: bool) -> bool {
    let version = |o: &Json| super::object::text(o, "/metadata/resourceVersion").to_owned();
    let (old, new) = (version(before), version(after));
    // the server itself says that nothing was written
    (!old.is_empty() && old == new && before == after)
        || bare(before, with_status) == bare(after, with_status)
}

/// Whether an object has all that another one asks for; lists must be equal in length.
pub fn holds(object: &Json, wanted: &Json) -> bool {
    match (object, wanted) {
        (Json::Object(object), Json::Object(wanted)) => wanted.iter().all(|(key, value)| {
            value.is_null() || object.get(key).is_some_and(|o| holds(o, value))
        }),
        (Json::Array(object), Json::Array(wanted)) => {
            object.len() == wanted.len() && object.iter().zip(wanted).all(|(o, w)| holds(o, w))
        }
        (object, wanted) => object == wanted,
    }
}

/// An object as YAML for a diff: without noise, and the values of a Secret hidden, though it is seen which of them change.
pub fn shown(object: Option<&Json>, other: Option<&Json>, with_status: bool) -> String {
    let Some(object) = object else {
        return String::new();
    };
    let mut bare = bare(object, with_status);
    if kind(object) == "Secret" {
        for field in ["data", "stringData"] {
            let Some(Json::Object(data)) = bare.get_mut(field) else {
                continue;
            };
            for (key, value) in data.iter_mut() {
                let differs = other.is_some_and(|o| o[field].get(key) != Some(value));
                *value = if differs {
                    format!("{MASK} (differs)").into()
                } else {
                    MASK.into()
                };
            }
        }
    }
    let style = Style {
        flow: Flow::Never,
        indent: 2,
        width: usize::MAX,
        sort_keys: false,
        ..Style::TERSE
    };
    dump(&Value::from(bare), style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn noise_is_no_change() {
        let before = json!({"kind": "Service", "metadata": {"name": "a", "resourceVersion": "1", "managedFields": [1], "generation": 1}, "spec": {"x": 1}, "status": {"y": 1}});
        let mut after = before.clone();
        after["metadata"]["resourceVersion"] = "2".into();
        after["metadata"]["managedFields"] = json!([1, 2]);
        after["status"]["y"] = 2.into();
        assert!(same(&before, &after, false));
        assert!(!same(&before, &after, true));
        after["spec"]["x"] = 2.into();
        assert!(!same(&before, &after, false));
    }

    #[test]
    fn an_object_holds_what_was_asked() {
        let object = json!({"a": {"b": 1, "c": [1, {"d": 2, "e": 3}]}});
        let cases = [
            (json!({"a": {"b": 1}}), true),
            (json!({"a": {"c": [1, {"d": 2}]}}), true),
            (json!({"a": {"c": [1]}}), false),
            (json!({"a": {"z": null}}), true),
            (json!({"a": {"b": 2}}), false),
        ];
        for (wanted, holds_it) in cases {
            assert_eq!(holds(&object, &wanted), holds_it, "{wanted}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let old = json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "b2xk", "b": "c2FtZQ=="}});
        let new = json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "bmV3", "b": "c2FtZQ=="}});
        insta::assert_snapshot!(shown(Some(&old), Some(&new), false), @r"
        kind: Secret
        metadata:
          name: s
        data:
          a: '******** (differs)'
          b: '********'
        ");
        assert!(!shown(Some(&new), None, false).contains("bmV3"));
        assert_eq!(shown(None, Some(&new), false), "");
    }
}
