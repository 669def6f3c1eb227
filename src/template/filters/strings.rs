//! Filters that work on text.

use super::Table;
use crate::template::args::{Args, Eval, a};
use crate::template::methods::text as py;
use crate::template::val::Val;
use crate::value::{Map, Value};

pub(super) const TABLE: Table = &[
    ("b64decode", b64decode),
    ("b64encode", b64encode),
    ("capitalize", |v, args| simple(v, args, py::capitalize)),
    ("center", center),
    ("e", |v, args| simple(v, args, escape_html)),
    ("escape", |v, args| simple(v, args, escape_html)),
    ("forceescape", |v, args| simple(v, args, escape_html)),
    ("format", format),
    ("indent", indent),
    ("lower", |v, args| simple(v, args, str::to_lowercase)),
    ("quote", |v, args| {
        if matches!(v, Val::Data(Value::Null)) {
            return args.done("''");
        }
        simple(v, args, quote)
    }),
    ("replace", replace),
    ("safe", |v, args| simple(v, args, str::to_owned)),
    ("split", split),
    ("striptags", |v, args| simple(v, args, strip_tags)),
    ("title", |v, args| simple(v, args, title)),
    ("trim", trim),
    ("truncate", truncate),
    ("upper", |v, args| simple(v, args, str::to_uppercase)),
    ("wordcount", |v, args| {
        let text = args.cx.text(&v)?;
        let words = text
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|w| !w.is_empty())
            .count();
        args.done(words)
    }),
    ("xmlattr", xmlattr),
];

fn simple(value: Val, args: Args<'_, '_>, work: impl Fn(&str) -> String) -> Eval {
    let text = args.cx.text(&value)?;
    args.done(work(&text))
}

fn b64encode(value: Val, mut args: Args<'_, '_>) -> Eval {
    use base64::Engine as _;
    let text = args.cx.text(&value)?;
    let encoding = args.text("encoding", "utf-8")?;
    let bytes: Vec<u8> = match encoding.to_lowercase().as_str() {
        "utf-8" | "utf8" | "ascii" => text.into_bytes(),
        "utf-16-le" | "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16-be" | "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => return args.fail(format!("the encoding `{encoding}` is not supported")),
    };
    args.done(base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn b64decode(value: Val, mut args: Args<'_, '_>) -> Eval {
    use base64::Engine as _;
    let text: String = args
        .cx
        .text(&value)?
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let encoding = args.text("encoding", "utf-8")?;
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text.as_bytes()) else {
        return args.fail("the text is not base64");
    };
    let units = |from: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes.chunks_exact(2).map(|c| from([c[0], c[1]])).collect()
    };
    let decoded = match encoding.to_lowercase().as_str() {
        "utf-8" | "utf8" | "ascii" => String::from_utf8(bytes.clone()).ok(),
        "utf-16-le" | "utf-16le" => String::from_utf16(&units(u16::from_le_bytes)).ok(),
        "utf-16-be" | "utf-16be" => String::from_utf16(&units(u16::from_be_bytes)).ok(),
        _ => return args.fail(format!("the encoding `{encoding}` is not supported")),
    };
    match decoded {
        Some(text) => args.done(text),
        None => args.fail(format!("what is encoded is not {encoding} text")),
    }
}

fn center(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let width = usize::try_from(args.int("width", 80)?)
        .unwrap_or(0)
        .min(1_000_000);
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    args.done(format!(
        "{}{text}{}",
        " ".repeat(left),
        " ".repeat(missing - left)
    ))
}

/// HTML's five characters as markupsafe writes them.
fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}

/// `'%s' | format(x)`.
fn format(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let cx = args.cx;
    let positional: Vec<Value> = args
        .positional
        .drain(..)
        .map(|v| cx.data(&v))
        .collect::<Eval<_>>()?;
    let mut named = Map::new();
    for (k, v) in std::mem::take(&mut args.named) {
        named.insert(k, cx.data(&v)?);
    }
    if !named.is_empty() {
        return crate::template::format::percent(&text, &Value::from(named)).map(Val::from);
    }
    crate::template::format::percent_tuple(&text, &positional).map(Val::from)
}

/// `indent(width=4, first=false, blank=false)`.
fn indent(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let width = match args.data("width")? {
        None => " ".repeat(4),
        Some(Value::Str(s)) => s.to_string(),
        Some(Value::Int(n)) => " ".repeat(usize::try_from(n).unwrap_or(0).min(10_000)),
        Some(other) => return Err(args.wrong("width", "an integer or a string", &other)),
    };
    let first = args.flag("first", false)?;
    let blank = args.flag("blank", false)?;
    let mut out = String::new();
    for (i, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if i > 0 {
            out.push('\n');
        }
        if (i == 0 && first) || (i > 0 && (blank || !line.is_empty())) {
            out.push_str(&width);
        }
        out.push_str(line);
    }
    args.done(out)
}

/// Text as one word of a POSIX shell, the way Python's `shlex.quote` does it.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r#"'"'"'"#))
}

fn replace(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let (old, new) = (args.need_text("old")?, args.need_text("new")?);
    let result = match args.maybe_int("count")?.map(usize::try_from) {
        Some(Ok(n)) => text.replacen(&old, &new, n),
        _ => text.replace(&old, &new),
    };
    args.done(result)
}

fn split(value: Val, mut args: Args<'_, '_>) -> Eval {
    let value = args.cx.data(&value)?;
    let Value::Str(text) = &value else {
        return args.fail(format!("{} cannot be split", a(value.kind())));
    };
    let sep = args.maybe_text("sep")?;
    let max = args.int("maxsplit", -1)?;
    let parts = py::split(text, sep.as_deref(), max)?;
    args.done(Value::list(parts.into_iter().map(Value::from)))
}

fn strip_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let comment = rest[open..].starts_with("<!--");
        let end = if comment {
            rest[open..].find("-->").map(|e| e + 3)
        } else {
            rest[open..].find('>').map(|e| e + 1)
        };
        match end {
            Some(end) => rest = &rest[open + end..],
            None => {
                out.push_str(&rest[open..]);
                rest = "";
            }
        }
    }
    out.push_str(rest);
    let words: Vec<&str> = out.split_whitespace().collect();
    words
        .join(" ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#34;", "\"")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// Jinja2's `title`: each word's first letter upper case, the others lower case.
fn title(text: &str) -> String {
    let mut out = String::new();
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = c.is_whitespace() || "-([{<".contains(c);
    }
    out
}

fn trim(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let chars = args.maybe_text("chars")?;
    let result = match chars {
        Some(set) => text.trim_matches(|c| set.contains(c)).to_owned(),
        None => text.trim().to_owned(),
    };
    args.done(result)
}

/// `truncate(length=255, killwords=false, end='...', leeway=5)`.
fn truncate(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let length = usize::try_from(args.int("length", 255)?).unwrap_or(0);
    let kill = args.flag("killwords", false)?;
    let end = args.text("end", "...")?;
    let leeway = usize::try_from(args.int("leeway", 5)?).unwrap_or(0);
    let end_len = end.chars().count();
    if length < end_len {
        return args.fail(format!(
            "`length` must be at least {end_len}, the length of `end`"
        ));
    }
    if text.chars().count() <= length + leeway {
        return args.done(text);
    }
    let head: String = text.chars().take(length - end_len).collect();
    let head = if kill {
        head
    } else {
        head.rsplit_once(' ')
            .map_or(head.clone(), |(h, _)| h.to_owned())
    };
    args.done(head + &end)
}

/// A mapping as attributes of an XML element.
fn xmlattr(value: Val, mut args: Args<'_, '_>) -> Eval {
    let space = args.flag("autospace", true)?;
    let value = args.cx.data(&value)?;
    let Value::Map(map) = &value else {
        return args.fail(format!("a mapping is needed, not {}", a(value.kind())));
    };
    let mut parts = Vec::new();
    for (key, value) in map.iter().filter(|(_, v)| **v != Value::Null) {
        if key.contains(|c: char| c.is_whitespace() || "/>=".contains(c)) {
            return args.fail(format!("`{key}` cannot be an attribute's name"));
        }
        parts.push(format!(
            "{}=\"{}\"",
            escape_html(key),
            escape_html(&value.to_string())
        ));
    }
    let text = parts.join(" ");
    args.done(if space && !text.is_empty() {
        format!(" {text}")
    } else {
        text
    })
}
