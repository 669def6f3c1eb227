//! JSON as Python writes and reads it.

use super::Table;
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval, a};
use crate::template::val::Val;
use crate::value::{Value, python_float};

pub(super) const TABLE: Table = &[
    ("from_json", from_json),
    ("json_query", json_query),
    ("to_json", |v, args| write(v, args, None, false)),
    ("to_nice_json", |v, args| write(v, args, Some(4), true)),
    ("tojson", tojson),
];

fn from_json(value: Val, args: Args<'_, '_>) -> Eval {
    match args.cx.data(&value)? {
        Value::Str(text) => match read(&text) {
            Ok(value) => args.done(value),
            Err(d) => args.fail(d.message),
        },
        other => args.fail(format!("a text is needed, not {}", a(other.kind()))),
    }
}

/// `json_query(expr)`: what a JMESPath expression finds.
fn json_query(value: Val, mut args: Args<'_, '_>) -> Eval {
    let expr = args.need_text("expr")?;
    let data = args.cx.data(&value)?;
    let wrong = |e: jmespath::JmespathError| Diagnostic::new(format!("filter `json_query`: {e}"));
    let found = jmespath::compile(&expr)
        .and_then(|query| query.search(data.to_json()))
        .map_err(wrong)?;
    match serde_json::to_value(&*found) {
        Ok(found) => args.done(Value::from(found)),
        Err(e) => args.fail(e),
    }
}

/// The value of a JSON text. Errors: it is not JSON, with line and column.
pub(crate) fn read(text: &str) -> Eval<Value> {
    serde_json::from_str::<serde_json::Value>(text)
        .map(Value::from)
        .map_err(|e| Diagnostic::new(format!("this is not JSON: {e}")))
}

/// How JSON is laid out.
pub(crate) struct Style {
    pub indent: Option<String>,
    pub sort: bool,
    pub ascii: bool,
    pub item: String,
    pub key: String,
}

impl Style {
    /// `json.dumps` with an indent or on one line.
    pub(crate) fn new(indent: Option<usize>, sort: bool) -> Self {
        Self {
            indent: indent.map(|n| " ".repeat(n)),
            sort,
            ascii: true,
            item: if indent.is_some() { "," } else { ", " }.to_owned(),
            key: ": ".to_owned(),
        }
    }
}

fn write(value: Val, mut args: Args<'_, '_>, indent: Option<usize>, sort: bool) -> Eval {
    let mut style = Style::new(indent, sort);
    let given = if indent.is_some() {
        args.data("indent")?
    } else {
        args.keyword_data("indent")?
    };
    match given {
        None => {}
        Some(Value::Null) => (style.indent, style.item) = (None, ", ".to_owned()),
        Some(Value::Str(s)) => (style.indent, style.item) = (Some(s.to_string()), ",".to_owned()),
        Some(Value::Int(n)) => {
            let n = usize::try_from(n).unwrap_or(0).min(100);
            (style.indent, style.item) = (Some(" ".repeat(n)), ",".to_owned());
        }
        Some(other) => return Err(args.wrong("indent", "an integer", &other)),
    }
    style.sort = if indent.is_some() {
        args.flag("sort_keys", sort)?
    } else {
        args.keyword_flag("sort_keys", sort)?
    };
    style.ascii = args.keyword_flag("ensure_ascii", true)?;
    if let Some(Value::List(pair)) = args.keyword_data("separators")?
        && let [item, key] = &pair[..]
    {
        (style.item, style.key) = (item.to_string(), key.to_string());
    }
    // Values are decrypted before they get here and no text is unsafe to a writer: these two change nothing.
    args.keyword("vault_to_text");
    args.keyword("preprocess_unsafe");
    let value = args.cx.data(&value)?;
    args.done(dumps(&value, &style))
}

/// Jinja2's `tojson(indent)`: sorted, and safe inside HTML.
fn tojson(value: Val, mut args: Args<'_, '_>) -> Eval {
    let indent = args
        .maybe_int("indent")?
        .and_then(|n| usize::try_from(n).ok());
    let value = args.cx.data(&value)?;
    let text = dumps(&value, &Style::new(indent, true));
    let safe = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\'', "\\u0027");
    args.done(safe)
}

/// `value` as `json.dumps` writes it.
pub(crate) fn dumps(value: &Value, style: &Style) -> String {
    let mut out = String::new();
    put(value, style, 0, &mut out);
    out
}

fn put(value: &Value, style: &Style, depth: usize, out: &mut String) {
    match value {
        Value::Null | Value::Omit => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => out.push_str(&i.to_string()),
        Value::Float(f) if f.is_nan() => out.push_str("NaN"),
        Value::Float(f) if f.is_infinite() => {
            out.push_str(if *f > 0.0 { "Infinity" } else { "-Infinity" })
        }
        Value::Float(f) => out.push_str(&python_float(*f)),
        Value::Str(s) => string(s, style.ascii, out),
        Value::Template(t) => string(&t.text, style.ascii, out),
        Value::Vault(_) => string(crate::value::MASK, style.ascii, out),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                between(style, i, depth + 1, out);
                put(item, style, depth + 1, out);
            }
            close(style, items.is_empty(), depth, ']', out);
        }
        Value::Map(map) => {
            out.push('{');
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            if style.sort {
                pairs.sort_by_key(|(k, _)| *k);
            }
            for (i, (key, item)) in pairs.iter().enumerate() {
                between(style, i, depth + 1, out);
                string(key, style.ascii, out);
                out.push_str(&style.key);
                put(item, style, depth + 1, out);
            }
            close(style, map.is_empty(), depth, '}', out);
        }
    }
}

fn between(style: &Style, i: usize, depth: usize, out: &mut String) {
    if i > 0 {
        out.push_str(&style.item);
    }
    if let Some(indent) = &style.indent {
        out.push('\n');
        out.push_str(&indent.repeat(depth));
    }
}

fn close(style: &Style, empty: bool, depth: usize, end: char, out: &mut String) {
    if let (Some(indent), false) = (&style.indent, empty) {
        out.push('\n');
        out.push_str(&indent.repeat(depth));
    }
    out.push(end);
}

fn string(s: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || (ascii && c as u32 > 0x7e) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
