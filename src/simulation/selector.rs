//! `Selector`: which objects a label or a field selector means.

use super::failure::Failure;
use super::object;
use serde_json::Value;

/// One requirement.
#[derive(Clone, Debug, PartialEq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

/// Requirements that must all be met.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector(Vec<Requirement>);

impl Selector {
    /// Reads the text of a `labelSelector`: `a=b,c!=d,e in (f,g),!h`.
    pub fn parse(text: &str) -> Result<Selector, Failure> {
        let mut requirements = Vec::new();
        for part in parts(text) {
            requirements.push(requirement(part.trim()).ok_or_else(|| {
                Failure::bad_request(format!("unable to parse requirement: {part:?} in {text:?}"))
            })?);
        }
        Ok(Selector(requirements))
    }

    /// Reads a `LabelSelector` object. An empty one means everything.
    pub fn of(selector: &Value) -> Selector {
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement::In(key.clone(), vec![value]));
        }
        for expression in object::list(selector, &["matchExpressions"]) {
            let key = object::text(expression, &["key"]).to_owned();
            let values = object::list(expression, &["values"]).iter();
            let values = values
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect();
            requirements.push(match object::text(expression, &["operator"]) {
                "In" => Requirement::In(key, values),
                "NotIn" => Requirement::NotIn(key, values),
                "Exists" => Requirement::Exists(key),
                _ => Requirement::Missing(key),
            });
        }
        Selector(requirements)
    }

    /// Reads a plain mapping of labels, such as the selector of a Service.
    pub fn labels(labels: &Value) -> Selector {
        Selector::of(&serde_json::json!({"matchLabels": labels}))
    }

    /// Whether it means everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether labels meet all requirements.
    pub fn matches(&self, labels: &Value) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels[key]
                .as_str()
                .is_some_and(|it| values.iter().any(|v| v == it)),
            Requirement::NotIn(key, values) => !labels[key]
                .as_str()
                .is_some_and(|it| values.iter().any(|v| v == it)),
            Requirement::Exists(key) => !labels[key].is_null(),
            Requirement::Missing(key) => labels[key].is_null(),
        })
    }

    /// Whether an object's labels meet all requirements.
    pub fn selects(&self, object: &Value) -> bool {
        self.matches(&object["metadata"]["labels"])
    }
}

/// Splits at commas outside of parentheses.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|it| !it.trim().is_empty());
    parts
}

fn requirement(text: &str) -> Option<Requirement> {
    let plain = |key: &str| {
        let ok = !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        ok.then(|| key.to_owned())
    };
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Requirement::NotIn(
            plain(key.trim())?,
            vec![value.trim().to_owned()],
        ));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Requirement::In(
            plain(key.trim())?,
            vec![value.trim().to_owned()],
        ));
    }
    if let Some(key) = text.strip_prefix('!') {
        return Some(Requirement::Missing(plain(key.trim())?));
    }
    if let Some(rest) = text.strip_suffix(')') {
        let (head, values) = rest.split_once('(')?;
        let values = values.split(',').map(|it| it.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        let key = plain(words.next()?)?;
        return match (words.next()?, words.next()) {
            ("in", None) => Some(Requirement::In(key, values)),
            ("notin", None) => Some(Requirement::NotIn(key, values)),
            _ => None,
        };
    }
    Some(Requirement::Exists(plain(text)?))
}

/// A field selector: `metadata.name=a,status.phase!=Running`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldSelector(Vec<(Vec<String>, bool, String)>);

/// The fields that kinds can be selected by, besides `metadata.name` and `metadata.namespace`.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "Event",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
    ("Job", &["status.successful"]),
    ("Namespace", &["status.phase"]),
    ("Node", &["spec.unschedulable"]),
    (
        "Pod",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
    ),
    ("ReplicaSet", &["status.replicas"]),
    ("Secret", &["type"]),
    ("Service", &["spec.clusterIP", "spec.type"]),
];

impl FieldSelector {
    /// Reads the text of a `fieldSelector` for a kind; fields that the kind cannot be selected by are refused.
    pub fn parse(text: &str, kind: &str) -> Result<FieldSelector, Failure> {
        let known = FIELDS.iter().find(|(name, _)| *name == kind);
        let known = known.map_or(&[][..], |(_, fields)| fields);
        let mut found = Vec::new();
        for part in parts(text) {
            let (path, equal, value) = if let Some((path, value)) = part.split_once("!=") {
                (path, false, value)
            } else if let Some((path, value)) =
                part.split_once("==").or_else(|| part.split_once('='))
            {
                (path, true, value)
            } else {
                let message = format!("invalid selector: '{text}'; can't understand '{part}'");
                return Err(Failure::bad_request(message));
            };
            if !matches!(path, "metadata.name" | "metadata.namespace") && !known.contains(&path) {
                return Err(Failure::bad_request(format!(
                    "field label not supported: {path}"
                )));
            }
            let fields = path.split('.').map(str::to_owned).collect();
            found.push((fields, equal, value.to_owned()));
        }
        Ok(FieldSelector(found))
    }

    /// Whether everything is meant.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object has what is asked for.
    pub fn selects(&self, object: &Value) -> bool {
        self.0.iter().all(|(path, equal, wanted)| {
            let found = path
                .iter()
                .fold(object, |value, field| &value[field.as_str()]);
            let found = match found {
                Value::String(text) => text.clone(),
                Value::Null if wanted == "false" => "false".to_owned(),
                Value::Null => String::new(),
                Value::Object(source) => {
                    object::text(&Value::Object(source.clone()), &["component"]).to_owned()
                }
                other => other.to_string(),
            };
            (found == *wanted) == *equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_selectors() {
        let labels = json!({"app": "web", "tier": "front"});
        let cases = [
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app in (web, db),tier", true),
            ("app notin (web)", false),
            ("!app", false),
            ("!other", true),
            ("other!=x", true),
            ("", true),
        ];
        for (text, wanted) in cases {
            let selector = Selector::parse(text).unwrap();
            assert_eq!(selector.matches(&labels), wanted, "{text}");
        }
        assert!(Selector::parse("a in b").is_err());
    }

    #[test]
    fn field_selectors() {
        let pod = json!({"metadata": {"name": "a"}, "status": {"phase": "Running"}});
        for (text, wanted) in [
            ("metadata.name=a", true),
            ("status.phase!=Running", false),
            ("", true),
        ] {
            assert_eq!(
                FieldSelector::parse(text, "Pod").unwrap().selects(&pod),
                wanted
            );
        }
        let refused = FieldSelector::parse("spec.x=1", "Pod").unwrap_err();
        insta::assert_snapshot!(refused.message, @"field label not supported: spec.x");
    }
}
