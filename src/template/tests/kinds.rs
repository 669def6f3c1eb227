//! Tests of what a value is, and comparisons.

use super::Table;
use crate::template::args::{Args, Eval};
use crate::template::ast::CompareOp;
use crate::template::ops;
use crate::template::val::{Obj, Val};
use crate::value::Value;

pub(super) const TABLE: Table = &[
    ("!=", |v, a| compare(v, a, CompareOp::Ne)),
    ("<", |v, a| compare(v, a, CompareOp::Lt)),
    ("<=", |v, a| compare(v, a, CompareOp::Le)),
    ("==", |v, a| compare(v, a, CompareOp::Eq)),
    (">", |v, a| compare(v, a, CompareOp::Gt)),
    (">=", |v, a| compare(v, a, CompareOp::Ge)),
    ("all", |v, a| each(v, a, true)),
    ("any", |v, a| each(v, a, false)),
    ("boolean", |v, a| {
        data(v, a, |v| matches!(v, Value::Bool(_)))
    }),
    ("callable", |v, a| {
        a.end()?;
        Ok(
            matches!(&v, Val::Obj(o) if matches!(&**o, Obj::Macro(_) | Obj::Function(_) | Obj::Method(..) | Obj::Cycler(..) | Obj::Joiner(..))),
        )
    }),
    ("contains", contains),
    ("defined", |v, a| {
        a.end()?;
        Ok(!matches!(v, Val::Undef(_)))
    }),
    ("divisibleby", |v, mut a| {
        let by = a.need("num")?;
        let rest = ops::math(crate::template::ast::MathOp::Rem, &a.cx.data(&v)?, &by)?;
        a.end()?;
        Ok(ops::equal(&rest, &Value::Int(0)))
    }),
    ("eq", |v, a| compare(v, a, CompareOp::Eq)),
    ("equalto", |v, a| compare(v, a, CompareOp::Eq)),
    ("escaped", |v, a| data(v, a, |_| false)),
    ("even", |v, a| parity(v, a, 0)),
    ("false", |v, a| data(v, a, |v| *v == Value::Bool(false))),
    ("falsy", |v, a| truthy(v, a).map(|t| !t)),
    ("filter", |v, a| {
        let name = a.cx.text(&v)?;
        a.end()?;
        Ok(crate::template::filters::find(&name).is_some())
    }),
    ("float", |v, a| data(v, a, |v| matches!(v, Value::Float(_)))),
    ("ge", |v, a| compare(v, a, CompareOp::Ge)),
    ("greaterthan", |v, a| compare(v, a, CompareOp::Gt)),
    ("gt", |v, a| compare(v, a, CompareOp::Gt)),
    ("in", |v, a| compare(v, a, CompareOp::In)),
    ("integer", |v, a| data(v, a, |v| matches!(v, Value::Int(_)))),
    ("isnan", nan),
    ("issubset", |v, a| subset(v, a, false)),
    ("issuperset", |v, a| subset(v, a, true)),
    ("iterable", |v, a| {
        let text = data_or_object(&v, &a, |v| {
            matches!(v, Value::Str(_) | Value::List(_) | Value::Map(_))
        })?;
        a.end()?;
        Ok(text)
    }),
    ("le", |v, a| compare(v, a, CompareOp::Le)),
    ("lessthan", |v, a| compare(v, a, CompareOp::Lt)),
    ("lower", |v, a| {
        text(v, a, |s| {
            s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase)
        })
    }),
    ("lt", |v, a| compare(v, a, CompareOp::Lt)),
    ("mapping", |v, a| {
        let map = match &v {
            Val::Obj(o) => matches!(&**o, Obj::HostVars(_) | Obj::Vars(..)),
            _ => data_or_object(&v, &a, |v| matches!(v, Value::Map(_)))?,
        };
        a.end()?;
        Ok(map)
    }),
    ("nan", nan),
    ("ne", |v, a| compare(v, a, CompareOp::Ne)),
    ("none", |v, a| data(v, a, |v| *v == Value::Null)),
    ("number", |v, a| {
        data(v, a, |v| {
            matches!(v, Value::Int(_) | Value::Float(_) | Value::Bool(_))
        })
    }),
    ("odd", |v, a| parity(v, a, 1)),
    ("sameas", |v, mut a| {
        let other = a.need("other")?;
        let value = a.cx.data(&v)?;
        a.end()?;
        Ok(value.kind() == other.kind() && ops::equal(&value, &other))
    }),
    ("sequence", |v, a| {
        let seq = data_or_object(&v, &a, |v| {
            matches!(v, Value::Str(_) | Value::List(_) | Value::Map(_))
        })?;
        a.end()?;
        Ok(seq)
    }),
    ("string", |v, a| data(v, a, |v| matches!(v, Value::Str(_)))),
    ("subset", |v, a| subset(v, a, false)),
    ("superset", |v, a| subset(v, a, true)),
    ("test", |v, a| {
        let name = a.cx.text(&v)?;
        a.end()?;
        Ok(super::find(&name).is_some())
    }),
    ("true", |v, a| data(v, a, |v| *v == Value::Bool(true))),
    ("truthy", truthy),
    ("undefined", |v, a| {
        a.end()?;
        Ok(matches!(v, Val::Undef(_)))
    }),
    ("upper", |v, a| {
        text(v, a, |s| {
            s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase)
        })
    }),
];

/// A test of plain data; templates inside are left alone, only the value itself is looked at.
fn data(value: Val, args: Args<'_, '_>, test: impl Fn(&Value) -> bool) -> Eval<bool> {
    let result = data_or_object(&value, &args, test)?;
    args.end()?;
    Ok(result)
}

fn data_or_object(value: &Val, args: &Args<'_, '_>, test: impl Fn(&Value) -> bool) -> Eval<bool> {
    match value {
        Val::Data(v) => Ok(test(v)),
        Val::Undef(m) => Err(m.diagnostic()),
        Val::Obj(o) if matches!(&**o, Obj::Range(..) | Obj::HostVars(_) | Obj::Vars(..)) => {
            // As a list of what it would iterate over; cheap enough for a test.
            let as_list = match &**o {
                Obj::Range(..) => Value::list([]),
                _ => Value::from(args.cx.iterate_values(value)?),
            };
            Ok(test(&as_list))
        }
        Val::Obj(_) => Ok(false),
    }
}

fn text(value: Val, args: Args<'_, '_>, test: impl Fn(&str) -> bool) -> Eval<bool> {
    let text = args.cx.text(&value)?;
    args.end()?;
    Ok(test(&text))
}

fn compare(value: Val, mut args: Args<'_, '_>, op: CompareOp) -> Eval<bool> {
    let other = args.need("other")?;
    let value = args.cx.data(&value)?;
    args.end()?;
    ops::compare(op, &value, &other)
}

fn parity(value: Val, args: Args<'_, '_>, rest: i64) -> Eval<bool> {
    match args.cx.data(&value)? {
        Value::Int(i) => {
            args.end()?;
            Ok(i.rem_euclid(2) == rest)
        }
        Value::Float(f) => {
            args.end()?;
            Ok(f.rem_euclid(2.0) == rest as f64)
        }
        other => args.fail(format!(
            "a number is needed, not {}",
            crate::template::args::a(other.kind())
        )),
    }
}

fn nan(value: Val, args: Args<'_, '_>) -> Eval<bool> {
    match args.cx.data(&value)? {
        Value::Float(f) => Ok(f.is_nan()),
        Value::Int(_) => Ok(false),
        other => args.fail(format!(
            "a number is needed, not {}",
            crate::template::args::a(other.kind())
        )),
    }
}

fn each(value: Val, args: Args<'_, '_>, all: bool) -> Eval<bool> {
    for item in args.cx.iterate(&value)? {
        if args.cx.truth(&item)? != all {
            return Ok(!all);
        }
    }
    args.end()?;
    Ok(all)
}

fn contains(value: Val, mut args: Args<'_, '_>) -> Eval<bool> {
    let item = args.need("value")?;
    let holder = args.cx.data(&value)?;
    args.end()?;
    ops::contains(&holder, &item)
}

fn subset(value: Val, mut args: Args<'_, '_>, turned: bool) -> Eval<bool> {
    let cx = args.cx;
    let other = args.take("b").ok_or_else(|| args.lacks("b"))?;
    let list =
        |v: &Val| -> Eval<Vec<Value>> { cx.iterate(v)?.iter().map(|v| cx.data(v)).collect() };
    let (mut small, mut large) = (list(&value)?, list(&other)?);
    if turned {
        std::mem::swap(&mut small, &mut large);
    }
    args.end()?;
    Ok(small.iter().all(|x| large.iter().any(|y| ops::equal(x, y))))
}

/// `truthy(convert_bool=false)`.
fn truthy(value: Val, mut args: Args<'_, '_>) -> Eval<bool> {
    let convert = args.flag("convert_bool", false)?;
    let cx = args.cx;
    args.end()?;
    if convert && let Some(b) = cx.data(&value)?.to_bool() {
        return Ok(b);
    }
    cx.truth(&value)
}
