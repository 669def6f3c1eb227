//! Filters about what a value is: whether it is there, its kind, its length.

use super::Table;
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval, a};
use crate::template::val::{Obj, Val, Why};
use crate::value::Value;

pub(super) const TABLE: Table = &[
    ("bool", bool_),
    ("count", length),
    ("d", default),
    ("default", default),
    ("float", float),
    ("int", int),
    ("length", length),
    ("mandatory", mandatory),
    ("string", string),
    ("ternary", ternary),
    ("type_debug", type_debug),
];

/// `default(value, boolean=false)`: for what is undefined, with `true` also for what is empty.
fn default(value: Val, mut args: Args<'_, '_>) -> Eval {
    let other = args.take("default_value").unwrap_or_else(|| Val::from(""));
    let also_empty = args.flag("boolean", false)?;
    let missing = match &value {
        Val::Undef(_) => true,
        val => also_empty && !args.cx.truth(val)?,
    };
    args.end()?;
    Ok(if missing { other } else { value })
}

fn mandatory(value: Val, mut args: Args<'_, '_>) -> Eval {
    let message = args.maybe_text("msg")?;
    args.end()?;
    match (&value, message) {
        (Val::Undef(m), Some(text)) => {
            let mut d = Diagnostic::new(text);
            d.span = m.diagnostic().span;
            Err(d)
        }
        (Val::Undef(m), None) => {
            let d = m.diagnostic();
            Err(match &m.why {
                Why::Variable(name, _) => {
                    let mut said =
                        Diagnostic::new(format!("the mandatory variable `{name}` is not defined"));
                    said.span = d.span;
                    said.help = d.help;
                    said
                }
                _ => d,
            })
        }
        _ => Ok(value),
    }
}

/// Ansible's `bool`: its words for true are true, everything else is false.
fn bool_(value: Val, args: Args<'_, '_>) -> Eval {
    let value = args.cx.data(&value)?;
    let result = match &value {
        Value::Str(s) => matches!(s.to_lowercase().as_str(), "yes" | "on" | "1" | "true"),
        Value::Bool(b) => *b,
        Value::Int(i) => *i == 1,
        Value::Float(f) => *f == 1.0,
        _ => false,
    };
    args.done(result)
}

/// `int(default=0, base=10)`: what is no number becomes the default.
fn int(value: Val, mut args: Args<'_, '_>) -> Eval {
    let default = args.take("default").unwrap_or_else(|| Val::from(0));
    let base = u32::try_from(args.int("base", 10)?)
        .ok()
        .filter(|b| *b == 0 || (2..=36).contains(b));
    let Some(base) = base else {
        return args.fail("`base` must be between 2 and 36");
    };
    let value = args.cx.data(&value)?;
    args.end()?;
    let number = match &value {
        Value::Int(i) => Some(*i),
        Value::Bool(b) => Some(i64::from(*b)),
        Value::Float(f) if f.is_finite() && f.abs() < 9.3e18 => Some(f.trunc() as i64),
        Value::Str(s) => integer(s, base).or_else(|| {
            let f: f64 = s.trim().replace('_', "").parse().ok()?;
            (f.is_finite() && f.abs() < 9.3e18).then_some(f.trunc() as i64)
        }),
        _ => None,
    };
    Ok(number.map_or(default, Val::from))
}

fn integer(text: &str, base: u32) -> Option<i64> {
    let text = text.trim().replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let lower = digits.to_lowercase();
    let (base, digits) = match (base, lower.get(..2)) {
        (0 | 16, Some("0x")) => (16, &lower[2..]),
        (0 | 8, Some("0o")) => (8, &lower[2..]),
        (0 | 2, Some("0b")) => (2, &lower[2..]),
        (0, _) => (10, lower.as_str()),
        (b, _) => (b, lower.as_str()),
    };
    if !digits.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let number = i64::from_str_radix(digits, base).ok()?;
    Some(if negative { -number } else { number })
}

fn float(value: Val, mut args: Args<'_, '_>) -> Eval {
    let default = args.take("default").unwrap_or_else(|| Val::from(0.0));
    let value = args.cx.data(&value)?;
    args.end()?;
    let number = match &value {
        Value::Int(i) => Some(*i as f64),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::Float(f) => Some(*f),
        Value::Str(s) => s.trim().replace('_', "").parse().ok(),
        _ => None,
    };
    Ok(number.map_or(default, Val::from))
}

fn string(value: Val, args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    args.done(text)
}

fn length(value: Val, args: Args<'_, '_>) -> Eval {
    let len = match &value {
        Val::Data(Value::List(items)) => items.len(),
        Val::Data(Value::Map(map)) => map.len(),
        Val::Data(Value::Str(s)) => s.chars().count(),
        Val::Undef(m) => return Err(m.diagnostic()),
        Val::Obj(o) => match &**o {
            Obj::HostVars(scope) => scope.hosts().len(),
            Obj::Vars(scope, _) => scope.names().len(),
            Obj::Range(start, stop, step) => {
                crate::template::attr::range_len(*start, *stop, *step) as usize
            }
            _ => return args.fail(format!("{} has no length", a(value.kind()))),
        },
        Val::Data(_) => return args.fail(format!("{} has no length", a(value.kind()))),
    };
    args.done(len)
}

/// `ternary(true_val, false_val, none_val)`.
fn ternary(value: Val, mut args: Args<'_, '_>) -> Eval {
    let (Some(yes), Some(no)) = (args.take("true_val"), args.take("false_val")) else {
        return args.fail("both the value for true and the one for false are needed");
    };
    let none = args.take("none_val");
    let value = args.cx.data(&value)?;
    args.end()?;
    Ok(match (&value, none) {
        (Value::Null, Some(none)) if !matches!(none, Val::Data(Value::Null)) => none,
        (v, _) if v.is_true() => yes,
        _ => no,
    })
}

fn type_debug(value: Val, args: Args<'_, '_>) -> Eval {
    let name = match &value {
        Val::Data(v) => match v {
            Value::Null => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) | Value::Template(_) | Value::Vault(_) => "str",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
            Value::Omit => "Omit",
        },
        Val::Undef(_) => "Undefined",
        Val::Obj(_) => value.kind(),
    };
    args.done(name)
}
