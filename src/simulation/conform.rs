//! An object is made to conform to its kind: unknown fields go, wrong types are refused.

use super::defaults;
use super::failure::Failure;
use super::kind::{Kind, Origin};
use super::object;
use super::schema;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

/// What becomes of unknown fields (`fieldValidation`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validation {
    /// They go silently.
    Ignore,
    /// They go, with a warning.
    Warn,
    /// They are refused.
    Strict,
}

/// Makes an object conform to its kind, and returns warnings.
pub fn conform(
    kind: &Kind,
    it: &mut Value,
    validation: Validation,
) -> Result<Vec<String>, Failure> {
    let gone = reduce(kind, it)?;
    if let Origin::Custom(custom) = &kind.origin
        && custom.schema.is_object()
    {
        schema::fill(&custom.schema, it);
        let mut errors = Vec::new();
        schema::check(&custom.schema, it, "", &mut errors);
        if !errors.is_empty() {
            return Err(Failure::invalid(kind, object::name(it), &errors));
        }
    }
    if gone.is_empty() || validation == Validation::Ignore {
        return Ok(Vec::new());
    }
    let told: Vec<String> = gone
        .iter()
        .map(|path| format!("unknown field {path:?}"))
        .collect();
    if validation == Validation::Strict {
        let message = format!(
            "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
            kind.kind,
            kind.version,
            kind.kind,
            told.join(", ")
        );
        return Err(Failure::bad_request(message));
    }
    Ok(told)
}

/// Makes what is applied conform to its kind: it may be a part of an object, and unknown fields are refused whatever the call says.
pub fn conform_applied(kind: &Kind, it: &mut Value) -> Result<(), Failure> {
    let given = it.clone();
    let told = match reduce(kind, it) {
        Ok(gone) => {
            let told = gone
                .iter()
                .map(|path| format!(".{path}: field not declared in schema"));
            let mut told: Vec<String> = told.collect();
            if let Origin::Custom(custom) = &kind.origin {
                schema::mistyped(&custom.schema, it, "", &mut told);
            }
            told
        }
        Err(failure) => vec![
            failure
                .message
                .rsplit(": ")
                .next()
                .unwrap_or_default()
                .to_owned(),
        ],
    };
    let told = match told.as_slice() {
        [] => return Ok(()),
        [one] => one.clone(),
        _ => format!(
            "errors:\n{}\n",
            told.iter()
                .map(|it| format!("  {it}"))
                .collect::<Vec<_>>()
                .join("\n")
        ),
    };
    Err(Failure::untyped(kind, &given, &told))
}

/// Takes away what the kind does not know, and names it.
fn reduce(kind: &Kind, it: &mut Value) -> Result<Vec<String>, Failure> {
    let mut gone = Vec::new();
    match &kind.origin {
        Origin::Builtin(decode) => {
            defaults::quantities(it);
            if kind.is("", "Secret") {
                readable_secret(it);
            }
            let known = decode(it).map_err(|error| {
                Failure::bad_request(format!(
                    "{} in version {:?} cannot be handled as a {}: {error}",
                    kind.kind, kind.version, kind.kind
                ))
            })?;
            unknown(it, &known, "", &mut gone);
            keep_known(it, &known);
        }
        Origin::Custom(custom) => {
            let metadata: ObjectMeta =
                serde_json::from_value(it["metadata"].clone()).map_err(|error| {
                    Failure::bad_request(format!(
                        "{} in version {:?} cannot be handled as a {}: metadata: {error}",
                        kind.kind, kind.version, kind.kind
                    ))
                })?;
            let known = serde_json::to_value(metadata).unwrap_or_default();
            unknown(&it["metadata"], &known, "metadata", &mut gone);
            it["metadata"] = known;
            if custom.schema.is_object() {
                schema::prune(&custom.schema, it, "", true, &mut gone);
            }
        }
    }
    Ok(gone)
}

/// The fields of `given` that `known` does not have.
fn unknown(given: &Value, known: &Value, path: &str, gone: &mut Vec<String>) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
                let below = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                match known.get(name) {
                    Some(inner) => unknown(value, inner, &below, gone),
                    None => gone.push(below),
                }
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (at, (given, known)) in given.iter().zip(known).enumerate() {
                unknown(given, known, &format!("{path}[{at}]"), gone);
            }
        }
        _ => {}
    }
}

/// Keeps what is known, in the order in which it was given.
fn keep_known(given: &mut Value, known: &Value) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            given.retain(|name, value| !value.is_null() && known.contains_key(name));
            // what `known` has besides stands there only because its type must have it
            for (name, value) in given {
                keep_known(value, &known[name.as_str()]);
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (given, known) in given.iter_mut().zip(known) {
                keep_known(given, known);
            }
        }
        (given, known) => *given = known.clone(),
    }
}

/// `stringData` is what one writes, `data` what is kept.
fn readable_secret(it: &mut Value) {
    use base64::Engine as _;
    let Some(Value::Object(plain)) = object::object(it).shift_remove("stringData") else {
        return;
    };
    let data = object::map(it, "data");
    for (name, text) in plain {
        let text = text.as_str().unwrap_or_default();
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        data.insert(name, encoded.into());
    }
}
