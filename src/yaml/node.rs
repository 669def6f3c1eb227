//! One node of a YAML document.

use crate::error::Span;
use crate::value::{Map, Value, Vaulted};
use std::sync::Arc;

/// A value as it stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins, as long as it goes on that line. A value left out (`key:`) has the place of its key.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str {
        /// Its text, escapes and line folding resolved.
        text: Arc<str>,
        /// Whether it was written in quotes or as a block.
        quoted: bool,
        /// Whether it stands under `!unsafe`: its text is never a template.
        raw: bool,
    },
    /// An encrypted text (`!vault`).
    Vault(Arc<str>),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order, each key once.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The boolean when this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// The integer when this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(i) => Some(i),
            _ => None,
        }
    }

    /// The items when this is a sequence.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs when this is a mapping.
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            Kind::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// The value under `key` when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.get_pair(key).map(|(_, value)| value)
    }

    /// The key as written and its value, when this is a mapping that has `key`.
    pub fn get_pair(&self, key: &str) -> Option<&(Node, Node)> {
        self.as_map()?.iter().find(|(k, _)| k.key_is(key))
    }

    /// The pairs with their keys as text; nothing when this is no mapping.
    pub fn entries(&self) -> impl Iterator<Item = (String, &Node, &Node)> {
        self.as_map()
            .unwrap_or_default()
            .iter()
            .map(|(k, v)| (k.key_text(), k, v))
    }

    /// The text of this node as a mapping key: that of a string as it is, of anything else as Python's `str()` gives it.
    pub fn key_text(&self) -> String {
        match &self.kind {
            Kind::Str { text, .. } => text.to_string(),
            _ => self.to_value().to_string(),
        }
    }

    fn key_is(&self, key: &str) -> bool {
        match &self.kind {
            Kind::Str { text, .. } => **text == *key,
            _ => self.key_text() == key,
        }
    }

    /// As a [`Value`]: strings with template marks become templates that know their place, unless they are `!unsafe`.
    /// Mapping keys stay as they are written.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Int(i) => Value::Int(*i),
            Kind::Float(x) => Value::Float(*x),
            Kind::Str {
                text, raw: true, ..
            } => Value::Str(text.clone()),
            Kind::Str { text, .. } => Value::template(text, Some(self.span.clone())),
            Kind::Vault(cipher) => Value::Vault(Arc::new(Vaulted {
                cipher: cipher.to_string(),
                span: Some(self.span.clone()),
            })),
            Kind::List(items) => Value::list(items.iter().map(Node::to_value)),
            Kind::Map(_) => Value::Map(Arc::new(self.to_map())),
        }
    }

    /// The pairs of a mapping as values; empty when this is no mapping.
    pub fn to_map(&self) -> Map {
        self.entries().map(|(k, _, v)| (k, v.to_value())).collect()
    }

    /// The kind, in words for messages: `string`, `integer`, `list` …
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "boolean",
            Kind::Int(_) => "integer",
            Kind::Float(_) => "float",
            Kind::Str { .. } => "string",
            Kind::Vault(_) => "encrypted string",
            Kind::List(_) => "list",
            Kind::Map(_) => "mapping",
        }
    }
}
