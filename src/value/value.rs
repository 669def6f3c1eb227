//! The value itself.

use crate::error::Span;
use indexmap::IndexMap;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// A mapping in the order it was written.
pub type Map = IndexMap<String, Value>;

/// Any value of the dialect. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`, Python's `None`.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text that is never rendered.
    Str(Arc<str>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A mapping; keys that were numbers or booleans in YAML are their text.
    Map(Arc<Map>),
    /// Text from a user's file, to be rendered when it is used.
    Template(Arc<Template>),
    /// An encrypted value, decrypted when it is used.
    Vault(Arc<Vaulted>),
    /// The magic value `omit`: an argument with it counts as not given.
    Omit,
}

/// A template string and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The text with its `{{ }}`.
    pub text: String,
    /// Where it begins; `None` for one made by hoist itself.
    pub span: Option<Span>,
}

/// An encrypted string (`!vault`) and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Vaulted {
    /// The whole `$ANSIBLE_VAULT;…` text.
    pub cipher: String,
    /// Where it begins.
    pub span: Option<Span>,
}

impl Value {
    /// A string from a user's file: a template when it holds template marks, plain text otherwise.
    pub fn template(text: &str, span: Option<Span>) -> Self {
        if ["{{", "{%", "{#"].iter().any(|m| text.contains(m)) {
            Self::Template(Arc::new(Template {
                text: text.to_owned(),
                span,
            }))
        } else {
            Self::from(text)
        }
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// A mapping from pairs.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(Arc::new(
            pairs.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        ))
    }

    /// The text of a plain string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(s) = self {
            Some(s)
        } else {
            None
        }
    }

    /// The integer.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(i) = self {
            Some(*i)
        } else {
            None
        }
    }

    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(b) = self {
            Some(*b)
        } else {
            None
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(l) = self {
            Some(l)
        } else {
            None
        }
    }

    /// The mapping.
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(m) = self {
            Some(m)
        } else {
            None
        }
    }

    /// The value under `key` when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// Whether anything inside still has to be rendered or decrypted.
    pub fn is_lazy(&self) -> bool {
        match self {
            Self::Template(_) | Self::Vault(_) => true,
            Self::List(l) => l.iter().any(Value::is_lazy),
            Self::Map(m) => m.values().any(Value::is_lazy),
            _ => false,
        }
    }

    /// Python's truth: empty, zero and none are false.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null | Self::Omit => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::List(l) => !l.is_empty(),
            Self::Map(m) => !m.is_empty(),
            Self::Template(_) | Self::Vault(_) => true,
        }
    }

    /// Ansible's boolean words, as module arguments and keywords read them
    /// (`yes/no/on/off/true/false/y/n/t/f/1/0`, any case, and the numbers 1 and 0).
    pub fn to_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            Self::Int(1) => Some(true),
            Self::Int(0) => Some(false),
            Self::Float(f) if *f == 1.0 => Some(true),
            Self::Float(f) if *f == 0.0 => Some(false),
            Self::Str(s) => match s.trim().to_lowercase().as_str() {
                "yes" | "on" | "true" | "y" | "t" | "1" => Some(true),
                "no" | "off" | "false" | "n" | "f" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The kind, in words for messages: `string`, `integer`, `list` …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Float(_) => "float",
            Self::Str(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "mapping",
            Self::Template(_) => "template",
            Self::Vault(_) => "encrypted string",
            Self::Omit => "omit",
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl fmt::Display for Value {
    /// Python's `str()`: strings bare, `True`, `None`, `['a', 1]`, `{'k': 'v'}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(s) => f.write_str(s),
            Self::Template(t) => f.write_str(&t.text),
            other => other.repr(f),
        }
    }
}

impl Value {
    /// Python's `repr()`.
    fn repr(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) => f.write_str(&python_float(*x)),
            Self::Str(s) => repr_str(s, f),
            Self::Template(t) => repr_str(&t.text, f),
            Self::Vault(_) => repr_str(super::MASK, f),
            Self::Omit => f.write_str("omit"),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    item.repr(f)?;
                }
                f.write_str("]")
            }
            Self::Map(map) => {
                f.write_str("{")?;
                for (i, (k, v)) in map.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    repr_str(k, f)?;
                    f.write_str(": ")?;
                    v.repr(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A float as Python's `repr()` writes it: the shortest digits that read back, an exponent below 1e-4 and from 1e16 on.
pub fn python_float(x: f64) -> String {
    if x.is_nan() {
        return "nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        format!("{x:?}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}

fn repr_str(s: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let quote = if s.contains('\'') && !s.contains('"') {
        '"'
    } else {
        '\''
    };
    write!(f, "{quote}")?;
    for c in s.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\\' => f.write_str("\\\\")?,
            c if c == quote => write!(f, "\\{c}")?,
            c if (c as u32) < 0x20 || c as u32 == 0x7f => write!(f, "\\x{:02x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    write!(f, "{quote}")
}

impl Serialize for Value {
    /// Templates serialise as their text, encrypted values as the mask, `omit` as null.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null | Self::Omit => s.serialize_none(),
            Self::Bool(b) => s.serialize_bool(*b),
            Self::Int(i) => s.serialize_i64(*i),
            Self::Float(x) => s.serialize_f64(*x),
            Self::Str(t) => s.serialize_str(t),
            Self::Template(t) => s.serialize_str(&t.text),
            Self::Vault(_) => s.serialize_str(super::MASK),
            Self::List(items) => {
                let mut seq = s.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Map(map) => {
                let mut out = s.serialize_map(Some(map.len()))?;
                for (k, v) in map.iter() {
                    out.serialize_entry(k, v)?;
                }
                out.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    /// From JSON and the like: strings are plain text, never templates.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(d).map(Value::from)
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Self::Null,
            J::Bool(b) => Self::Bool(b),
            J::Number(n) => n
                .as_i64()
                .map_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)), Self::Int),
            J::String(s) => Self::from(s),
            J::Array(a) => Self::list(a.into_iter().map(Self::from)),
            J::Object(o) => Self::map(o.into_iter().map(|(k, v)| (k, Self::from(v)))),
        }
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Str(Arc::from(s))
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Str(Arc::from(s))
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<i32> for Value {
    fn from(i: i32) -> Self {
        Self::Int(i.into())
    }
}

impl From<u32> for Value {
    fn from(i: u32) -> Self {
        Self::Int(i.into())
    }
}

impl From<u64> for Value {
    fn from(i: u64) -> Self {
        i64::try_from(i).map_or(Self::Float(i as f64), Self::Int)
    }
}

impl From<usize> for Value {
    fn from(i: usize) -> Self {
        Self::from(i as u64)
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Self::Float(x)
    }
}

impl From<Map> for Value {
    fn from(m: Map) -> Self {
        Self::Map(Arc::new(m))
    }
}

impl From<Vec<Value>> for Value {
    fn from(v: Vec<Value>) -> Self {
        Self::List(Arc::new(v))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null, Into::into)
    }
}
