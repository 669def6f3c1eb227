//! YAML in and out.

use super::Table;
use crate::error::{Diagnostic, Source};
use crate::template::args::{Args, Eval, a};
use crate::template::val::Val;
use crate::value::Value;
use crate::yaml::{Document, Flow, Style, dump, parse, parse_all};

pub(super) const TABLE: Table = &[
    ("from_yaml", from_yaml),
    ("from_yaml_all", from_yaml_all),
    ("to_nice_yaml", |v, args| to_yaml(v, args, Style::NICE)),
    ("to_yaml", |v, args| to_yaml(v, args, Style::TERSE)),
];

/// What a text holds is data, whatever it looks like: nothing in it is rendered.
pub(crate) fn plain(value: Value) -> Value {
    match value {
        Value::Template(t) => Value::from(t.text.as_str()),
        Value::List(items) => Value::list(items.iter().cloned().map(plain)),
        Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), plain(v.clone())))),
        other => other,
    }
}

fn value_of(document: &Document) -> Value {
    document
        .root
        .as_ref()
        .map_or(Value::Null, |root| plain(root.to_value()))
}

/// The first mistake, in one line, for a text that is no file.
fn told(problems: &crate::error::Problems) -> String {
    match problems.0.first() {
        Some(d) => match &d.span {
            Some(span) => format!("{} (line {}, column {})", d.message, span.line, span.column),
            None => d.message.clone(),
        },
        None => "this is not YAML".to_owned(),
    }
}

/// The value of a YAML text. Errors: it is not YAML, with line and column.
pub(crate) fn read(text: &str) -> Eval<Value> {
    let source = Source::new("<text>", text);
    parse(&source)
        .map(|d| value_of(&d))
        .map_err(|p| Diagnostic::new(told(&p)))
}

fn from_yaml(value: Val, args: Args<'_, '_>) -> Eval {
    match args.cx.data(&value)? {
        Value::Str(text) => match read(&text) {
            Ok(value) => args.done(value),
            Err(d) => args.fail(d.message),
        },
        other => args.done(other),
    }
}

fn from_yaml_all(value: Val, args: Args<'_, '_>) -> Eval {
    match args.cx.data(&value)? {
        Value::Null => args.done(Value::list([])),
        Value::Str(text) => match parse_all(&Source::new("<text>", text.to_string())) {
            Ok(documents) => args.done(Value::list(documents.iter().map(value_of))),
            Err(problems) => args.fail(told(&problems)),
        },
        other => args.fail(format!("a text is needed, not {}", a(other.kind()))),
    }
}

fn to_yaml(value: Val, mut args: Args<'_, '_>, mut style: Style) -> Eval {
    let indent = if style == Style::NICE {
        args.data("indent")?
    } else {
        args.keyword_data("indent")?
    };
    if let Some(Value::Int(n)) = indent {
        style.indent = usize::try_from(n).unwrap_or(2);
    }
    if let Some(flow) = args.keyword_data("default_flow_style")? {
        style.flow = match flow {
            Value::Null => Flow::Leaves,
            v if v.is_true() => Flow::Always,
            _ => Flow::Never,
        };
    }
    if let Some(Value::Int(n)) = args.keyword_data("width")? {
        style.width = usize::try_from(n).unwrap_or(80);
    }
    style.sort_keys = args.keyword_flag("sort_keys", style.sort_keys)?;
    style.explicit_start = args.keyword_flag("explicit_start", style.explicit_start)?;
    style.explicit_end = args.keyword_flag("explicit_end", style.explicit_end)?;
    if !args.keyword_flag("allow_unicode", true)? {
        return args.fail("`allow_unicode=false` is not supported");
    }
    let value = args.cx.data(&value)?;
    args.done(dump(&value, style))
}
