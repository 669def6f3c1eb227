//! `FieldSet`: which fields of an object a manager owns (`managedFields`), with the arithmetic on it.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A set of paths into an object. A step of a path is written as in `fieldsV1`: `f:NAME`, `k:{KEYS}`, `v:VALUE`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldSet {
    /// Whether the path that leads here is itself in the set.
    pub here: bool,
    /// What is below.
    pub below: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// The set with nothing but the path that leads to it.
    pub fn leaf() -> FieldSet {
        FieldSet {
            here: true,
            below: BTreeMap::new(),
        }
    }

    /// Reads `fieldsV1`.
    pub fn from_json(value: &Value) -> FieldSet {
        fn read(value: &Value, root: bool) -> FieldSet {
            let Some(map) = value.as_object() else {
                return FieldSet::leaf();
            };
            let below = map.iter().filter(|(step, _)| *step != ".");
            FieldSet {
                here: (map.is_empty() && !root) || map.contains_key("."),
                below: below.map(|(k, v)| (k.clone(), read(v, false))).collect(),
            }
        }
        read(value, true)
    }

    /// Writes `fieldsV1`.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        if self.here && !self.below.is_empty() {
            map.insert(".".into(), Value::Object(Map::new()));
        }
        map.extend(self.below.iter().map(|(k, v)| (k.clone(), v.to_json())));
        Value::Object(map)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        !self.here && self.below.values().all(FieldSet::is_empty)
    }

    /// What is in either.
    pub fn union(&self, other: &FieldSet) -> FieldSet {
        let mut both = self.clone();
        both.here |= other.here;
        for (step, set) in &other.below {
            let entry = both.below.entry(step.clone()).or_default();
            *entry = entry.union(set);
        }
        both
    }

    /// What is here and not there.
    pub fn minus(&self, other: &FieldSet) -> FieldSet {
        let below = self.below.iter().map(|(step, set)| {
            let rest = match other.below.get(step) {
                Some(gone) => set.minus(gone),
                None => set.clone(),
            };
            (step.clone(), rest)
        });
        FieldSet {
            here: self.here && !other.here,
            below: below.filter(|(_, set)| !set.is_empty()).collect(),
        }
    }

    /// What is here and neither there nor below anything there.
    pub fn minus_below(&self, other: &FieldSet) -> FieldSet {
        if other.here {
            return FieldSet::default();
        }
        let below = self.below.iter().map(|(step, set)| {
            let rest = match other.below.get(step) {
                Some(gone) => set.minus_below(gone),
                None => set.clone(),
            };
            (step.clone(), rest)
        });
        FieldSet {
            here: self.here,
            below: below.filter(|(_, set)| !set.is_empty()).collect(),
        }
    }

    /// What is in both.
    pub fn both(&self, other: &FieldSet) -> FieldSet {
        let below = self.below.iter().filter_map(|(step, set)| {
            let common = set.both(other.below.get(step)?);
            (!common.is_empty()).then(|| (step.clone(), common))
        });
        FieldSet {
            here: self.here && other.here,
            below: below.collect(),
        }
    }

    /// Adds a path of field names.
    pub fn insert(&mut self, path: &[&str]) {
        let mut set = self;
        for field in path {
            set = set.below.entry(format!("f:{field}")).or_default();
        }
        set.here = true;
    }

    /// The paths as the server writes them in messages: `.spec.containers[name="app"].image`.
    pub fn paths(&self) -> Vec<String> {
        fn walk(set: &FieldSet, path: &str, found: &mut Vec<String>) {
            if set.here {
                found.push(path.to_owned());
            }
            for (step, below) in &set.below {
                walk(below, &format!("{path}{}", written(step)), found);
            }
        }
        let mut found = Vec::new();
        walk(self, "", &mut found);
        found
    }
}

fn written(step: &str) -> String {
    let (sort, rest) = step.split_at(step.len().min(2));
    match sort {
        "f:" => format!(".{rest}"),
        "v:" => format!("[={rest}]"),
        "k:" => match serde_json::from_str::<Map<String, Value>>(rest) {
            Ok(keys) => {
                let keys: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("[{}]", keys.join(","))
            }
            Err(_) => format!("[{rest}]"),
        },
        _ => format!("[{rest}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(value: Value) -> FieldSet {
        FieldSet::from_json(&value)
    }

    #[test]
    fn arithmetic() {
        let a = set(
            json!({"f:spec": {"f:x": {}, "f:list": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}}}}}),
        );
        let b = set(json!({"f:spec": {"f:x": {}, "f:y": {}}}));
        assert_eq!(a.both(&b).to_json(), json!({"f:spec": {"f:x": {}}}));
        assert_eq!(b.minus(&a).to_json(), json!({"f:spec": {"f:y": {}}}));
        assert_eq!(a.union(&b).minus(&b).union(&b), a.union(&b));
        assert!(a.minus(&a).is_empty());
        assert_eq!(
            a.paths(),
            [
                ".spec.list[name=\"a\"]",
                ".spec.list[name=\"a\"].image",
                ".spec.x"
            ]
        );
    }
}
