//! `'{}'.format(x)`.

use super::percent::one;
use super::repr;
use crate::error::Diagnostic;
use crate::template::args::Eval;
use crate::value::{Map, Value};

/// `format.format(*args, **named)`.
pub(crate) fn brace(format: &str, args: &[Value], named: &Map) -> Eval<String> {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut auto = 0;
    while let Some(c) = chars.next() {
        match c {
            '{' if chars.peek() == Some(&'{') => {
                chars.next();
                out.push('{');
            }
            '}' if chars.peek() == Some(&'}') => {
                chars.next();
                out.push('}');
            }
            '{' => {
                let mut field = String::new();
                let mut depth = 1;
                for c in chars.by_ref() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                    field.push(c);
                }
                if depth != 0 {
                    return Err(Diagnostic::new("a `{` in the format is not closed")
                        .with_help("write `{{` for a brace"));
                }
                out.push_str(&field_text(&field, args, named, &mut auto)?);
            }
            '}' => {
                return Err(Diagnostic::new("a `}` in the format was not opened")
                    .with_help("write `}}` for a brace"));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

fn field_text(field: &str, args: &[Value], named: &Map, auto: &mut usize) -> Eval<String> {
    let (path, spec) = field.split_once(':').unwrap_or((field, ""));
    let (path, conversion) = path.split_once('!').unwrap_or((path, ""));
    let spec = if spec.contains('{') {
        brace(spec, args, named)?
    } else {
        spec.to_owned()
    };
    let name_end = path.find(['.', '[']).unwrap_or(path.len());
    let name = &path[..name_end];
    let missing = || Diagnostic::new(format!("the format asks for `{name}`, which was not given"));
    let mut value = if name.is_empty() {
        *auto += 1;
        args.get(*auto - 1).ok_or_else(missing)?
    } else if let Ok(i) = name.parse::<usize>() {
        args.get(i).ok_or_else(missing)?
    } else {
        named.get(name).ok_or_else(missing)?
    };
    for part in path[name_end..]
        .split(['.', '[', ']'])
        .filter(|p| !p.is_empty())
    {
        let next = match value {
            Value::List(items) => part.parse::<usize>().ok().and_then(|i| items.get(i)),
            other => other.get(part),
        };
        value = next.ok_or_else(|| {
            Diagnostic::new(format!(
                "the format asks for `{path}`, which does not exist"
            ))
        })?;
    }
    let shown = match conversion {
        "r" | "a" => Value::from(repr(value)),
        "s" => Value::from(value.to_string()),
        _ => value.clone(),
    };
    format_spec(&shown, &spec)
}

/// Python's format specification: `[[fill]align][sign][#][0][width][,][.precision][type]`.
fn format_spec(value: &Value, spec: &str) -> Eval<String> {
    let chars: Vec<char> = spec.chars().collect();
    let mut i = 0;
    let is_align = |c: char| "<>^=".contains(c);
    let (mut fill, mut align) = (' ', None);
    if chars.len() > 1 && is_align(chars[1]) {
        (fill, align) = (chars[0], Some(chars[1]));
        i = 2;
    } else if chars.first().copied().is_some_and(is_align) {
        align = Some(chars[0]);
        i = 1;
    }
    let mut percent = String::new();
    while i < chars.len() && "+- #".contains(chars[i]) {
        if chars[i] != '-' {
            percent.push(chars[i]);
        }
        i += 1;
    }
    if chars.get(i) == Some(&'0') && align.is_none() {
        (fill, align) = ('0', Some('='));
        i += 1;
    }
    let digits = |i: &mut usize| {
        let start = *i;
        while chars.get(*i).is_some_and(char::is_ascii_digit) {
            *i += 1;
        }
        chars[start..*i].iter().collect::<String>()
    };
    let width: usize = digits(&mut i).parse().unwrap_or(0);
    let group = chars.get(i).copied().filter(|c| ",_".contains(*c));
    i += usize::from(group.is_some());
    if chars.get(i) == Some(&'.') {
        i += 1;
        percent.push('.');
        percent.push_str(&digits(&mut i));
    }
    let kind = chars.get(i).copied();
    if width > 100_000 || chars.len() > i + 1 {
        return Err(Diagnostic::new(format!(
            "`{spec}` is not a format Python knows"
        )));
    }
    let number = matches!(value, Value::Int(_) | Value::Float(_));
    let mut body = match (kind, value) {
        (Some('b'), Value::Int(n)) => {
            format!("{}{:b}", if *n < 0 { "-" } else { "" }, n.unsigned_abs())
        }
        (Some('%'), Value::Int(_) | Value::Float(_)) => {
            let x = match value {
                Value::Int(n) => *n as f64,
                Value::Float(f) => *f,
                _ => 0.0,
            };
            format!("{}%", one(&percent, 'f', &Value::Float(x * 100.0))?)
        }
        (Some('n'), v) if number => v.to_string(),
        (Some(k), v) => one(&percent, k, v)?,
        (None, Value::Int(_)) => one(&percent, 'd', value)?,
        (None, Value::Float(_)) if percent.contains('.') => one(&percent, 'g', value)?,
        (None, Value::Float(f)) if percent.contains('+') && *f >= 0.0 => format!("+{value}"),
        (None, v) => one(&percent, 's', &Value::from(v.to_string()))?,
    };
    if let Some(group) = group {
        body = grouped(&body, group);
    }
    let fill_len = width.saturating_sub(body.chars().count());
    let pad = |n: usize| fill.to_string().repeat(n);
    Ok(match align.unwrap_or(if number { '>' } else { '<' }) {
        '<' => format!("{body}{}", pad(fill_len)),
        '^' => format!(
            "{}{body}{}",
            pad(fill_len / 2),
            pad(fill_len - fill_len / 2)
        ),
        '=' => {
            let sign = body.len() - body.trim_start_matches(['+', '-', ' ']).len();
            format!("{}{}{}", &body[..sign], pad(fill_len), &body[sign..])
        }
        _ => format!("{}{body}", pad(fill_len)),
    })
}

fn grouped(body: &str, mark: char) -> String {
    let start = body.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let end = body[start..]
        .find(|c: char| !c.is_ascii_digit())
        .map_or(body.len(), |e| start + e);
    let digits = &body[start..end];
    let mut out = String::from(&body[..start]);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(mark);
        }
        out.push(c);
    }
    out + &body[end..]
}
