//! `'%s' % x`.

use crate::error::Diagnostic;
use crate::template::args::{Eval, a};
use crate::value::{Map, Value};

/// `format % args` where `args` is one value, or a mapping for `%(name)s`.
/// A list counts as several values when the format has several places, as a tuple would.
pub(crate) fn percent(format: &str, args: &Value) -> Eval<String> {
    match args {
        Value::List(items) if places(format) == items.len() && items.len() != 1 => {
            run(format, items, None)
        }
        Value::Map(map) if format.contains("%(") => run(format, &[], Some(map)),
        other => run(format, std::slice::from_ref(other), None),
    }
}

/// `format % (a, b)`.
pub(crate) fn percent_tuple(format: &str, args: &[Value]) -> Eval<String> {
    run(format, args, None)
}

fn places(format: &str) -> usize {
    format.replace("%%", "").matches('%').count()
}

fn run(format: &str, args: &[Value], map: Option<&Map>) -> Eval<String> {
    let mut out = String::new();
    let mut args = args.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let mut named = None;
        if let Some(after) = rest.strip_prefix('(') {
            let Some((name, after)) = after.split_once(')') else {
                return Err(Diagnostic::new("a `%(` in the format is not closed"));
            };
            named = Some(name);
            rest = after;
        }
        let end = rest
            .find(|c: char| c.is_ascii_alphabetic())
            .filter(|i| rest[..*i].bytes().all(|b| b"-+ #0123456789.*".contains(&b)));
        let Some(end) = end else {
            return Err(
                Diagnostic::new("a `%` in the format has no conversion after it")
                    .with_help("write `%%` for a per cent sign"),
            );
        };
        let mut spec = rest[..end].to_owned();
        let kind = rest[end..].chars().next().unwrap_or('s');
        rest = &rest[end + kind.len_utf8()..];
        let missing = || Diagnostic::new("the format has more places than there are values");
        while let Some(star) = spec.find('*') {
            let width = args.next().and_then(Value::as_int).ok_or_else(missing)?;
            spec.replace_range(star..=star, &width.to_string());
        }
        let value = match (named, map) {
            (Some(name), Some(map)) => map.get(name).ok_or_else(|| {
                Diagnostic::new(format!(
                    "the format asks for `{name}`, which the mapping does not have"
                ))
            })?,
            (Some(name), None) => {
                return Err(Diagnostic::new(format!(
                    "`%({name})…` needs a mapping after `%`"
                )));
            }
            (None, _) => args.next().ok_or_else(missing)?,
        };
        out.push_str(&one(&spec, kind, value)?);
    }
    out.push_str(rest);
    if args.next().is_some() {
        return Err(Diagnostic::new(
            "the format has fewer places than there are values",
        ));
    }
    Ok(out)
}

/// Width, precision and flags of one place.
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn percent(text: &str) -> Eval<Self> {
        let flags: &str = &text[..text
            .find(|c: char| !"-+ #0".contains(c))
            .unwrap_or(text.len())];
        let (width, precision) = match text[flags.len()..].split_once('.') {
            Some((w, p)) => (w, Some(p.parse().unwrap_or(0))),
            None => (&text[flags.len()..], None),
        };
        Self {
            left: flags.contains('-'),
            plus: flags.contains('+'),
            space: flags.contains(' '),
            zero: flags.contains('0'),
            alternate: flags.contains('#'),
            width: width.parse().unwrap_or(0),
            precision,
        }
        .checked()
    }

    fn checked(self) -> Eval<Self> {
        if self.width > 100_000 || self.precision.unwrap_or(0) > 1000 {
            return Err(Diagnostic::new(
                "a width or precision in the format is too large",
            ));
        }
        Ok(self)
    }

    fn sign(&self, negative: bool) -> &'static str {
        match negative {
            true => "-",
            false if self.plus => "+",
            false if self.space => " ",
            false => "",
        }
    }

    fn pad(&self, sign: &str, body: &str) -> String {
        let len = sign.chars().count() + body.chars().count();
        let fill = self.width.saturating_sub(len);
        if self.left {
            format!("{sign}{body}{}", " ".repeat(fill))
        } else if self.zero {
            format!("{sign}{}{body}", "0".repeat(fill))
        } else {
            format!("{}{sign}{body}", " ".repeat(fill))
        }
    }
}

pub(super) fn one(spec: &str, kind: char, value: &Value) -> Eval<String> {
    let mut spec = Spec::percent(spec)?;
    let number = |what| Diagnostic::new(format!("`%{kind}` needs {what}, not {}", a(value.kind())));
    Ok(match kind {
        's' | 'r' | 'a' => {
            let mut text = if kind == 's' {
                value.to_string()
            } else {
                super::repr(value)
            };
            if let Some(p) = spec.precision {
                text = text.chars().take(p).collect();
            }
            spec.zero = false;
            spec.pad("", &text)
        }
        'c' => match value {
            Value::Int(i) => spec.pad(
                "",
                &u32::try_from(*i)
                    .ok()
                    .and_then(char::from_u32)
                    .map(String::from)
                    .ok_or_else(|| number("a character"))?,
            ),
            other => spec.pad("", &other.to_string()),
        },
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            let n = match value {
                Value::Int(i) => *i,
                Value::Bool(b) => i64::from(*b),
                Value::Float(f) if "diu".contains(kind) => f.trunc() as i64,
                _ => return Err(number("a number")),
            };
            let body = match kind {
                'x' => format!(
                    "{}{:x}",
                    if spec.alternate { "0x" } else { "" },
                    n.unsigned_abs()
                ),
                'X' => format!(
                    "{}{:X}",
                    if spec.alternate { "0X" } else { "" },
                    n.unsigned_abs()
                ),
                'o' => format!(
                    "{}{:o}",
                    if spec.alternate { "0o" } else { "" },
                    n.unsigned_abs()
                ),
                _ => n.unsigned_abs().to_string(),
            };
            let body = match spec.precision {
                Some(p) => format!("{}{body}", "0".repeat(p.saturating_sub(body.len()))),
                None => body,
            };
            spec.pad(spec.sign(n < 0), &body)
        }
        'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
            let x = match value {
                Value::Int(i) => *i as f64,
                Value::Float(f) => *f,
                Value::Bool(b) => f64::from(u8::from(*b)),
                _ => return Err(number("a number")),
            };
            let body = float(x.abs(), kind, spec.precision.unwrap_or(6));
            spec.pad(spec.sign(x.is_sign_negative()), &body)
        }
        other => {
            return Err(Diagnostic::new(format!(
                "`%{other}` is not a conversion Python knows"
            )));
        }
    })
}

/// A float that is not negative as C's printf writes it.
fn float(x: f64, kind: char, precision: usize) -> String {
    let text = match kind.to_ascii_lowercase() {
        'f' => format!("{x:.precision$}"),
        'e' => exponent(x, precision),
        _ => {
            let p = precision.max(1);
            let scientific = exponent(x, p - 1);
            let power: i32 = scientific
                .split_once('e')
                .and_then(|(_, e)| e.parse().ok())
                .unwrap_or(0);
            let plain = if power < -4 || power >= p as i32 {
                scientific
            } else {
                format!("{x:.*}", (p as i32 - 1 - power).max(0) as usize)
            };
            let (digits, tail) = match plain.split_once('e') {
                Some((d, e)) => (d.to_owned(), format!("e{e}")),
                None => (plain, String::new()),
            };
            let digits = if digits.contains('.') {
                digits.trim_end_matches('0').trim_end_matches('.')
            } else {
                &digits
            };
            format!("{digits}{tail}")
        }
    };
    if kind.is_ascii_uppercase() {
        text.to_uppercase()
    } else {
        text
    }
}

fn exponent(x: f64, precision: usize) -> String {
    let text = format!("{x:.precision$e}");
    match text.split_once('e') {
        Some((digits, power)) => {
            let power: i32 = power.parse().unwrap_or(0);
            format!(
                "{digits}e{}{:02}",
                if power < 0 { '-' } else { '+' },
                power.abs()
            )
        }
        None => text,
    }
}
