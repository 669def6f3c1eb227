//! A Secret, before it is sealed.

use crate::value::{Map, Value};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::collections::BTreeMap;
use std::fmt;

/// A Kubernetes Secret: what of it a SealedSecret can carry.
#[derive(Clone, Default, PartialEq)]
pub struct Secret {
    /// `metadata.name`; empty when it has none.
    pub name: String,
    /// `metadata.namespace`; empty when it has none.
    pub namespace: String,
    /// `metadata.labels`.
    pub labels: Map,
    /// `metadata.annotations`, without those in which kubectl keeps a copy of the whole Secret.
    pub annotations: Map,
    /// `type`; empty when it has none.
    pub kind: String,
    /// `immutable`.
    pub immutable: Option<bool>,
    /// The values, decoded.
    pub data: BTreeMap<String, Vec<u8>>,
}

/// Never shows a value.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.data.keys().collect();
        write!(f, "Secret({}/{}, {keys:?})", self.namespace, self.name)
    }
}

/// What is wrong with a manifest, and where in it. Shows no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The keys that lead to the place.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
}

impl Mistake {
    fn new(path: &[&str], message: impl Into<String>) -> Self {
        Self {
            path: path.iter().map(|k| (*k).to_owned()).collect(),
            message: message.into(),
        }
    }
}

/// Annotations that hold a copy of the Secret in the clear.
const COPIES: [&str; 2] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubecfg.ksonnet.io/last-applied-configuration",
];

impl Secret {
    /// Reads a manifest. What only a server writes (`uid`, `managedFields` …) is left out.
    ///
    /// # Errors
    /// It is no Secret, or a field has the wrong shape.
    pub fn read(manifest: &Value) -> Result<Self, Mistake> {
        let Some(top) = manifest.as_map() else {
            return Err(Mistake::new(&[], "this is no manifest of a Secret"));
        };
        match (
            top.get("apiVersion").and_then(Value::as_str),
            top.get("kind").and_then(Value::as_str),
        ) {
            (Some("v1"), Some("Secret")) => {}
            (_, Some("SealedSecret")) => {
                return Err(Mistake::new(&["kind"], "this is sealed already"));
            }
            (version, kind) => {
                let what = format!(
                    "a Secret (apiVersion `v1`) is sealed, not `{}` of `{}`",
                    kind.unwrap_or("nothing"),
                    version.unwrap_or("no apiVersion")
                );
                return Err(Mistake::new(&["kind"], what));
            }
        }
        let metadata = section(top, &["metadata"])?;
        let mut secret = Self {
            name: text(&metadata, &["metadata", "name"])?,
            namespace: text(&metadata, &["metadata", "namespace"])?,
            labels: texts(&metadata, &["metadata", "labels"])?,
            annotations: texts(&metadata, &["metadata", "annotations"])?,
            kind: text(top, &["type"])?,
            immutable: match top.get("immutable") {
                None | Some(Value::Null) => None,
                Some(Value::Bool(flag)) => Some(*flag),
                Some(_) => {
                    return Err(Mistake::new(&["immutable"], "`immutable` is true or false"));
                }
            },
            data: BTreeMap::new(),
        };
        for key in COPIES {
            secret.annotations.shift_remove(key);
        }
        for (key, value) in section(top, &["data"])? {
            secret.add_base64(&["data", &key], &value)?;
        }
        for (key, value) in section(top, &["stringData"])? {
            secret.add_text(&["stringData", &key], &value)?;
        }
        Ok(secret)
    }

    /// Adds a value that is base64; the last of `path` is its key.
    ///
    /// # Errors
    /// It is not base64, or its key is not allowed.
    pub fn add_base64(&mut self, path: &[&str], value: &Value) -> Result<(), Mistake> {
        let key = data_key(path)?;
        let text: String = match value {
            Value::Null => String::new(),
            Value::Str(text) => text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect(),
            _ => {
                return Err(Mistake::new(
                    path,
                    format!("`{}` is not text", path.join(".")),
                ));
            }
        };
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| {
            let what = format!(
                "`{}` is not base64; for plain text there is `stringData`",
                path.join(".")
            );
            Mistake::new(path, what)
        })?;
        self.data.insert(key, bytes);
        Ok(())
    }

    /// Adds a value that is plain text; the last of `path` is its key.
    ///
    /// # Errors
    /// It is no text, or its key is not allowed.
    pub fn add_text(&mut self, path: &[&str], value: &Value) -> Result<(), Mistake> {
        let key = data_key(path)?;
        let Value::Str(text) = value else {
            return Err(no_text(path, value));
        };
        self.data.insert(key, text.as_bytes().to_vec());
        Ok(())
    }
}

fn no_text(path: &[&str], value: &Value) -> Mistake {
    let quotes = match value {
        Value::List(_) | Value::Map(_) | Value::Null => "",
        _ => "; put it in quotes",
    };
    Mistake::new(path, format!("`{}` is not text{quotes}", path.join(".")))
}

/// The last of a path, when a Secret may have it as a key.
fn data_key(path: &[&str]) -> Result<String, Mistake> {
    let key = path.last().copied().unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if key.is_empty() || key.len() > 253 || !key.chars().all(fits) {
        let what =
            format!("`{key}` cannot be a key of a Secret: letters, digits, `-`, `_` and `.` only");
        return Err(Mistake::new(path, what));
    }
    Ok(key.to_owned())
}

/// The mapping at the last of `path`; empty when there is none.
fn section(top: &Map, path: &[&str]) -> Result<Map, Mistake> {
    match path.last().and_then(|key| top.get(*key)) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Map(map)) => Ok((**map).clone()),
        Some(_) => Err(Mistake::new(
            path,
            format!("`{}` is no mapping", path.join(".")),
        )),
    }
}

fn text(top: &Map, path: &[&str]) -> Result<String, Mistake> {
    match path.last().and_then(|key| top.get(*key)) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::Str(text)) => Ok(text.to_string()),
        Some(_) => Err(Mistake::new(
            path,
            format!("`{}` is not text", path.join(".")),
        )),
    }
}

/// A mapping whose values are texts: labels, annotations.
fn texts(top: &Map, path: &[&str]) -> Result<Map, Mistake> {
    let map = section(top, path)?;
    for (key, value) in &map {
        if value.as_str().is_none() {
            let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
            return Err(no_text(&path, value));
        }
    }
    Ok(map)
}
