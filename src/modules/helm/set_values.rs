//! `set_values`: values by path, as `--set` has them. They travel in a file, for they may be secret; so what `--set` can say
//! beyond a path and a value (lists in braces, several in one text) is refused.

use crate::modules::{ControlFiles, Fail};
use crate::value::Value;
use serde_json::{Map, Value as Json};

/// The values of a list of `{value: 'a.b=c', value_type: raw}`.
///
/// # Errors
/// An item that is none of these.
pub(super) fn set_values(items: &[Value], files: &dyn ControlFiles) -> Result<Json, Fail> {
    let mut all = Json::Object(Map::new());
    for item in items {
        let text = item
            .get("value")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some((path, value)) = text.split_once('=') else {
            return Err(Fail::new(
                "an item of `set_values` is a mapping with `value: path=value` and, if need be, `value_type`",
            ));
        };
        let kind = item
            .get("value_type")
            .and_then(Value::as_str)
            .unwrap_or("raw");
        let value = match kind {
            "raw" => raw(path, value)?,
            "string" => value.into(),
            "json" => serde_json::from_str(value).map_err(|e| {
                Fail::new(format!(
                    "`set_values`: the value of `{path}` is no JSON: {e}"
                ))
            })?,
            "file" => {
                let bytes = files.read(&files.find("files", value)?, true)?;
                String::from_utf8_lossy(&bytes).into_owned().into()
            }
            other => {
                return Err(Fail::new(format!(
                    "`set_values`: `value_type` is raw, string, json or file, not `{other}`"
                )));
            }
        };
        put(&mut all, path, value)?;
    }
    Ok(all)
}

/// The type that Helm gives a text: booleans, null and whole numbers are themselves.
fn raw(path: &str, text: &str) -> Result<Json, Fail> {
    if text.contains(['{', '}', ',', '\\']) {
        return Err(Fail::new(format!(
            "`set_values`: the value of `{path}` has marks that mean something to `--set`; write it in `values`, or with `value_type: string`"
        )));
    }
    Ok(match text {
        "true" => true.into(),
        "false" => false.into(),
        "null" => Json::Null,
        "0" => 0.into(),
        _ if !text.starts_with('0') => text.parse::<i64>().map_or_else(|_| text.into(), Json::from),
        _ => text.into(),
    })
}

fn put(all: &mut Json, path: &str, value: Json) -> Result<(), Fail> {
    if path.contains(['[', ',', '{']) || path.is_empty() {
        return Err(Fail::new(format!(
            "`set_values`: `{path}` is no path of names; write it in `values`"
        )));
    }
    // a dot that belongs to a name has a backslash before it
    let names = path.replace("\\.", "\0");
    let names: Vec<String> = names.split('.').map(|n| n.replace('\0', ".")).collect();
    let mut place = all;
    for name in names {
        if !place.is_object() {
            *place = Json::Object(Map::new());
        }
        place = &mut place[name];
    }
    *place = value;
    Ok(())
}

/// `new` over `old`, mappings merged, as Helm does it: null takes a key away.
pub(super) fn merge(old: &mut Json, new: Json) {
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            for (key, value) in new {
                if value.is_null() {
                    old.shift_remove(&key);
                } else {
                    merge(old.entry(key).or_insert(Json::Null), value);
                }
            }
        }
        (old, new) => *old = new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct None;

    impl ControlFiles for None {
        fn find(&self, _: &str, name: &str) -> Result<std::path::PathBuf, Fail> {
            Err(Fail::new(format!("no {name}")))
        }
        fn read(&self, _: &std::path::Path, _: bool) -> Result<std::sync::Arc<[u8]>, Fail> {
            Err(Fail::new("no"))
        }
        fn digest(&self, _: &std::path::Path) -> Result<(u64, String, String), Fail> {
            Err(Fail::new("no"))
        }
        fn render(&self, _: &std::path::Path, _: &crate::value::Map) -> Result<String, Fail> {
            Err(Fail::new("no"))
        }
    }

    fn set(items: Json) -> Result<Json, String> {
        let items = Value::from(items);
        set_values(items.as_list().unwrap(), &None).map_err(|f| f.msg)
    }

    #[test]
    fn values_are_set_by_path() {
        let values = set(json!([
            {"value": "a.b=1"}, {"value": "a.c=x y=z"}, {"value": "a.d=true"}, {"value": "a.e=007"},
            {"value": "n\\.io/x=5", "value_type": "string"}, {"value": "l=[1,2]", "value_type": "json"},
        ]));
        assert_eq!(
            values,
            Ok(
                json!({"a": {"b": 1, "c": "x y=z", "d": true, "e": "007"}, "n.io/x": "5", "l": [1, 2]})
            )
        );
        let told: Vec<String> = [
            json!([{"value": "a"}]),
            json!([{"value": "a={1,2}"}]),
            json!([{"value": "a[0]=1"}]),
            json!([{"value": "a=1", "value_type": "x"}]),
            json!([{"value": "a=", "value_type": "json"}]),
        ]
        .map(|items| set(items).unwrap_err())
        .into();
        insta::assert_snapshot!(told.join("\n"), @r"
        an item of `set_values` is a mapping with `value: path=value` and, if need be, `value_type`
        `set_values`: the value of `a` has marks that mean something to `--set`; write it in `values`, or with `value_type: string`
        `set_values`: `a[0]` is no path of names; write it in `values`
        `set_values`: `value_type` is raw, string, json or file, not `x`
        `set_values`: the value of `a` is no JSON: EOF while parsing a value at line 1 column 0
        ");
    }

    #[test]
    fn values_are_merged() {
        let mut values = json!({"a": {"b": 1, "c": 2}, "d": [1]});
        merge(
            &mut values,
            json!({"a": {"b": 3, "c": null, "e": 4}, "d": [2]}),
        );
        assert_eq!(values, json!({"a": {"b": 3, "e": 4}, "d": [2]}));
    }
}
