//! Keyword values and their types.

use super::Located;
use super::sink::Sink;
use crate::error::{Diagnostic, Span};
use crate::value::{Map, Value};
use crate::yaml::{Kind, Node};

/// What a keyword takes. A template is always taken: it is looked at when it is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Bool,
    Int,
    Float,
    Percent,
    Any,
}

impl Takes {
    fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bool => "a boolean",
            Self::Int => "an integer",
            Self::Float => "a number",
            Self::Percent => "a number or a percentage",
            Self::Any => "a value",
        }
    }

    fn fits(self, value: &Value) -> bool {
        if matches!(value, Value::Template(_) | Value::Vault(_)) {
            return true;
        }
        let number = |text: &str| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
        match self {
            Self::Any => true,
            Self::Text => !matches!(value, Value::List(_) | Value::Map(_)),
            Self::Bool => value.to_bool().is_some(),
            Self::Int => match value {
                Value::Int(_) | Value::Bool(_) => true,
                Value::Float(f) => f.fract() == 0.0,
                Value::Str(s) => s.trim().parse::<i64>().is_ok(),
                _ => false,
            },
            Self::Float => match value {
                Value::Int(_) | Value::Float(_) => true,
                Value::Str(s) => number(s),
                _ => false,
            },
            Self::Percent => match value {
                Value::Int(_) | Value::Float(_) => true,
                Value::Str(s) => number(s.trim().strip_suffix('%').unwrap_or(s)),
                _ => false,
            },
        }
    }
}

/// The value in words for a message: ``the string `x` ``, `a list`.
pub(super) fn describe(node: &Node) -> String {
    match &node.kind {
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a mapping".to_owned(),
        Kind::Null => "nothing".to_owned(),
        Kind::Vault(_) => "an encrypted string".to_owned(),
        _ => format!(
            "the {} `{}`",
            node.kind_name(),
            shorten(&node.to_value().to_string())
        ),
    }
}

/// The kind of a value with its article: `an integer`.
pub(super) fn a_kind(value: &Value) -> String {
    let kind = value.kind();
    let article = if kind.starts_with(['a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}

/// At most one line of 60 characters.
pub(super) fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 60 || line.len() < text.trim_end().len() {
        format!("{}…", line.chars().take(60).collect::<String>())
    } else {
        line.to_owned()
    }
}

/// The value with its place.
pub(super) fn located(node: &Node) -> Located {
    Located::new(node.to_value(), &node.span)
}

/// A keyword's value when it has the type; `None` when it is null, or reported as wrong.
pub(super) fn value(key: &str, node: &Node, takes: Takes, sink: &mut Sink) -> Option<Located> {
    if node.is_null() {
        return None;
    }
    let located = located(node);
    if !takes.fits(&located) {
        sink.at(
            &node.span,
            format!("`{key}` takes {}, not {}", takes.words(), describe(node)),
        );
        return None;
    }
    Some(located)
}

/// A value or a list of values, as a list; null is an empty one.
pub(super) fn items(node: &Node) -> Vec<&Node> {
    match &node.kind {
        Kind::Null => Vec::new(),
        Kind::List(items) => items.iter().collect(),
        _ => vec![node],
    }
}

/// A list of scalars of a type (a single one counts as a list).
pub(super) fn list(key: &str, node: &Node, takes: Takes, sink: &mut Sink) -> Vec<Located> {
    items(node)
        .into_iter()
        .filter_map(|item| value(key, item, takes, sink))
        .collect()
}

/// Conditions: text, booleans or a list of them.
pub(super) fn conditions(key: &str, node: &Node, sink: &mut Sink) -> Vec<Located> {
    let mut all = Vec::new();
    for item in items(node) {
        match &item.kind {
            Kind::Null => {}
            Kind::Map(_) => sink.error(
                Diagnostic::at(
                    &item.span,
                    format!("`{key}` takes a condition, not a mapping"),
                )
                .with_help("quote the whole condition when it holds a colon and a space"),
            ),
            Kind::List(_) => sink.at(
                &item.span,
                format!("`{key}` takes a condition, not a list in a list"),
            ),
            _ => all.push(located(item)),
        }
    }
    all
}

/// Whether `name` can be a variable: a letter or underscore, then letters, digits and underscores, and no word of Jinja.
pub(super) fn is_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !JINJA_WORDS.contains(&name)
}

/// Words that no expression can read as a variable.
const JINJA_WORDS: &[&str] = &[
    "true", "false", "none", "True", "False", "None", "and", "or", "not", "is", "in", "if", "else",
    "elif", "for",
];

/// Reports a name that is no variable name.
pub(super) fn check_variable(name: &str, span: &Span, sink: &mut Sink) {
    if !is_variable(name) {
        sink.error(
            Diagnostic::at(span, format!("`{name}` cannot be a variable's name"))
                .with_note("a name begins with a letter or underscore and goes on with letters, digits and underscores; the words of Jinja are taken"),
        );
    }
}

/// The mapping under `vars`.
pub(super) fn vars(key: &str, node: &Node, sink: &mut Sink) -> Map {
    match &node.kind {
        Kind::Null => Map::new(),
        Kind::Map(pairs) => {
            for (name, _) in pairs {
                check_variable(&name.key_text(), &name.span, sink);
            }
            node.to_map()
        }
        _ => {
            sink.at(
                &node.span,
                format!(
                    "`{key}` takes a mapping of variables, not {}",
                    describe(node)
                ),
            );
            Map::new()
        }
    }
}
