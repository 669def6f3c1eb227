//! The manifest of a SealedSecret.

use super::{Certificate, Scope, Seal, Secret};
use crate::error::Diagnostic;
use crate::value::{Map, Value};
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// The annotation that keeps a [`Seal`].
pub const ANNOTATION: &str = "hoist/sealed-digest";

const API: &str = "bitnami.com/v1alpha1";

/// A SealedSecret that the owner of `certificate` opens into `secret`, with the same fields in the same places as kubeseal
/// has them. `seal` is kept in it, when there is one.
///
/// # Errors
/// The Secret has no name, no namespace where the scope needs one, or no value; the system has no random numbers.
pub fn sealed(
    secret: &Secret,
    scope: Scope,
    certificate: &Certificate,
    seal: Option<&Seal>,
) -> Result<Value, Diagnostic> {
    if secret.name.is_empty() {
        return Err(Diagnostic::new("the Secret has no name"));
    }
    if secret.namespace.is_empty() && scope != Scope::ClusterWide {
        return Err(
            Diagnostic::new("the Secret has no namespace").with_note(format!(
                "with the scope `{scope}` the namespace is part of the encryption"
            )),
        );
    }
    let label = scope.label(&secret.namespace, &secret.name);
    let mut data = Map::new();
    for (key, plain) in &secret.data {
        let cipher = certificate.encrypt(&label, plain)?;
        data.insert(key.clone(), BASE64_STANDARD.encode(cipher).into());
    }

    let mut outer = Map::new();
    scope.annotate(&mut outer);
    if let Some(seal) = seal {
        outer.insert(ANNOTATION.to_owned(), seal.to_string().into());
    }
    let mut inner = secret.annotations.clone();
    scope.annotate(&mut inner);

    let mut template = Map::new();
    let metadata = metadata(secret, inner, secret.labels.clone());
    template.insert("metadata".to_owned(), metadata);
    if !secret.kind.is_empty() {
        template.insert("type".to_owned(), secret.kind.clone().into());
    }
    if let Some(flag) = secret.immutable {
        template.insert("immutable".to_owned(), flag.into());
    }
    Ok(Value::map([
        ("apiVersion", API.into()),
        ("kind", "SealedSecret".into()),
        ("metadata", self::metadata(secret, outer, Map::new())),
        (
            "spec",
            Value::map([
                ("encryptedData", Value::from(data)),
                ("template", Value::from(template)),
            ]),
        ),
    ]))
}

fn metadata(secret: &Secret, annotations: Map, labels: Map) -> Value {
    let mut out = Map::new();
    for (key, map) in [("annotations", annotations), ("labels", labels)] {
        if !map.is_empty() {
            out.insert(key.to_owned(), map.into());
        }
    }
    out.insert("name".to_owned(), secret.name.clone().into());
    if !secret.namespace.is_empty() {
        out.insert("namespace".to_owned(), secret.namespace.clone().into());
    }
    out.into()
}

/// `old` with what `new` seals added, or put in place of what has the same key; name, namespace and all else of `old` stay.
/// A digest that `old` keeps is dropped, for it is no longer true.
///
/// # Errors
/// `old` is no SealedSecret.
pub fn merged(old: &Value, new: &Value) -> Result<Value, Diagnostic> {
    let is_sealed = old.get("kind").and_then(Value::as_str) == Some("SealedSecret");
    let Some(mut top) = old.as_map().filter(|_| is_sealed).cloned() else {
        return Err(Diagnostic::new("only a SealedSecret can be merged into"));
    };
    if let Some(metadata) = old.get("metadata") {
        let mut metadata = metadata.as_map().cloned().unwrap_or_default();
        if let Some(Value::Map(notes)) = metadata.get("annotations") {
            let mut notes = (**notes).clone();
            notes.shift_remove(ANNOTATION);
            metadata.insert("annotations".to_owned(), notes.into());
        }
        top.insert("metadata".to_owned(), metadata.into());
    }
    let both = |path: &[&str]| {
        let at = |top: &Value| {
            let found = path
                .iter()
                .try_fold(top.clone(), |v, key| v.get(key).cloned());
            found.and_then(|v| v.as_map().cloned()).unwrap_or_default()
        };
        let mut map = at(old);
        map.extend(at(new));
        map
    };
    let mut spec = both(&["spec"]);
    let mut template = both(&["spec", "template"]);
    let mut metadata = both(&["spec", "template", "metadata"]);
    for key in ["annotations", "labels"] {
        let map = both(&["spec", "template", "metadata", key]);
        if !map.is_empty() {
            metadata.insert(key.to_owned(), map.into());
        }
    }
    template.insert("metadata".to_owned(), metadata.into());
    spec.insert("template".to_owned(), template.into());
    spec.insert(
        "encryptedData".to_owned(),
        both(&["spec", "encryptedData"]).into(),
    );
    top.insert("spec".to_owned(), spec.into());
    Ok(top.into())
}
