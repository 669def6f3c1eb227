//! Python's operators on data.

use super::args::{Eval, a};
use super::ast::{CompareOp, MathOp};
use crate::error::Diagnostic;
use crate::value::{Map, Value};
use std::cmp::Ordering;

/// The longest text or list an operator may make.
const MAX_LEN: usize = 100_000_000;

/// A number as Python's operators see it: booleans are 0 and 1.
#[derive(Clone, Copy)]
enum Num {
    Int(i64),
    Float(f64),
}

impl Num {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(i) => Some(Self::Int(*i)),
            Value::Bool(b) => Some(Self::Int((*b).into())),
            Value::Float(f) => Some(Self::Float(*f)),
            _ => None,
        }
    }

    fn float(self) -> f64 {
        match self {
            Self::Int(i) => i as f64,
            Self::Float(f) => f,
        }
    }
}

/// `left op right`. Errors: kinds that do not go together, division by zero, a result too large.
pub(crate) fn math(op: MathOp, left: &Value, right: &Value) -> Eval<Value> {
    if op == MathOp::Concat {
        return Ok(Value::from(format!("{left}{right}")));
    }
    if let (Some(x), Some(y)) = (Num::of(left), Num::of(right)) {
        return numbers(op, x, y);
    }
    match (op, left, right) {
        (MathOp::Add, Value::Str(x), Value::Str(y)) => Ok(Value::from(format!("{x}{y}"))),
        (MathOp::Add, Value::List(x), Value::List(y)) => {
            Ok(Value::list(x.iter().chain(y.iter()).cloned()))
        }
        (MathOp::Mul, Value::Str(s), n) | (MathOp::Mul, n, Value::Str(s))
            if Num::of(n).is_some() =>
        {
            let n = times(n, s.len())?;
            Ok(Value::from(s.repeat(n)))
        }
        (MathOp::Mul, Value::List(items), n) | (MathOp::Mul, n, Value::List(items))
            if Num::of(n).is_some() =>
        {
            let n = times(n, items.len())?;
            Ok(Value::list((0..n).flat_map(|_| items.iter().cloned())))
        }
        (MathOp::Rem, Value::Str(format), args) => {
            super::format::percent(format, args).map(Value::from)
        }
        _ => {
            let d = Diagnostic::new(format!(
                "`{}` cannot go between {} and {}",
                op.sign(),
                a(left.kind()),
                a(right.kind())
            ));
            let text = |v: &Value| matches!(v, Value::Str(_));
            Err(if op == MathOp::Add && (text(left) || text(right)) {
                d.with_help(
                    "`~` joins any two values as text, and `| int` makes a number of a text",
                )
            } else {
                d
            })
        }
    }
}

fn times(n: &Value, len: usize) -> Eval<usize> {
    let Some(Num::Int(n)) = Num::of(n) else {
        return Err(Diagnostic::new(
            "a text or list can only be repeated an integer number of times",
        ));
    };
    let n = usize::try_from(n).unwrap_or(0);
    match n.checked_mul(len.max(1)) {
        Some(total) if total <= MAX_LEN => Ok(n),
        _ => Err(Diagnostic::new("the result of `*` is too long")),
    }
}

fn numbers(op: MathOp, x: Num, y: Num) -> Eval<Value> {
    let zero = || Diagnostic::new("division by zero");
    let large = || {
        Diagnostic::new(format!(
            "the result of `{}` is too large for an integer",
            op.sign()
        ))
    };
    if matches!(op, MathOp::Div | MathOp::FloorDiv | MathOp::Rem) && y.float() == 0.0 {
        return Err(zero());
    }
    Ok(match (op, x, y) {
        (MathOp::Div, _, _) => Value::Float(x.float() / y.float()),
        (MathOp::Pow, Num::Int(b), Num::Int(e)) if e >= 0 => {
            let e = u32::try_from(e).map_err(|_| large())?;
            Value::Int(b.checked_pow(e).ok_or_else(large)?)
        }
        (MathOp::Pow, _, _) if x.float() == 0.0 && y.float() < 0.0 => return Err(zero()),
        (MathOp::Pow, _, _) => Value::Float(x.float().powf(y.float())),
        (_, Num::Int(x), Num::Int(y)) => Value::Int(
            match op {
                MathOp::Add => x.checked_add(y),
                MathOp::Sub => x.checked_sub(y),
                MathOp::Mul => x.checked_mul(y),
                MathOp::FloorDiv => x.checked_div(y).map(|q| {
                    if x % y != 0 && (x < 0) != (y < 0) {
                        q - 1
                    } else {
                        q
                    }
                }),
                _ => x.checked_rem(y).map(|r| {
                    if r != 0 && (r < 0) != (y < 0) {
                        r + y
                    } else {
                        r
                    }
                }),
            }
            .ok_or_else(large)?,
        ),
        _ => {
            let (x, y) = (x.float(), y.float());
            Value::Float(match op {
                MathOp::Add => x + y,
                MathOp::Sub => x - y,
                MathOp::Mul => x * y,
                MathOp::FloorDiv => (x / y).floor(),
                _ => x - y * (x / y).floor(),
            })
        }
    })
}

/// `-value`. Errors: not a number.
pub(crate) fn neg(value: &Value) -> Eval<Value> {
    match Num::of(value) {
        Some(Num::Int(i)) => i
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| Diagnostic::new("the result of `-` is too large for an integer")),
        Some(Num::Float(f)) => Ok(Value::Float(-f)),
        None => Err(Diagnostic::new(format!(
            "`-` cannot go before {}",
            a(value.kind())
        ))),
    }
}

/// Python's `==`: numbers and booleans by value, texts, lists and mappings by what they hold.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (Num::of(left), Num::of(right)) {
        (Some(Num::Int(x)), Some(Num::Int(y))) => return x == y,
        (Some(x), Some(y)) => return x.float() == y.float(),
        _ => {}
    }
    match (left, right) {
        (Value::List(x), Value::List(y)) => {
            x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| equal(x, y))
        }
        (Value::Map(x), Value::Map(y)) => same_map(x, y),
        _ => left == right,
    }
}

fn same_map(x: &Map, y: &Map) -> bool {
    x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| equal(v, w)))
}

/// Python's order of two values, if they have one.
pub(crate) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (Num::of(left), Num::of(right)) {
        (Some(Num::Int(x)), Some(Num::Int(y))) => return Some(x.cmp(&y)),
        (Some(x), Some(y)) => return x.float().partial_cmp(&y.float()),
        _ => {}
    }
    match (left, right) {
        (Value::Str(x), Value::Str(y)) => Some(x.cmp(y)),
        (Value::List(x), Value::List(y)) => {
            for (x, y) in x.iter().zip(y.iter()) {
                if !equal(x, y) {
                    return order(x, y);
                }
            }
            Some(x.len().cmp(&y.len()))
        }
        _ => None,
    }
}

/// `left op right`. Errors: two values without an order; `in` something that holds nothing.
pub(crate) fn compare(op: CompareOp, left: &Value, right: &Value) -> Eval<bool> {
    let sign = match op {
        CompareOp::Eq => return Ok(equal(left, right)),
        CompareOp::Ne => return Ok(!equal(left, right)),
        CompareOp::In => return contains(right, left),
        CompareOp::NotIn => return contains(right, left).map(|b| !b),
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
    };
    if [left, right]
        .iter()
        .any(|v| matches!(v, Value::Float(f) if f.is_nan()))
    {
        return Ok(false);
    }
    let Some(order) = order(left, right) else {
        let d = Diagnostic::new(format!(
            "`{sign}` cannot compare {} with {}",
            a(left.kind()),
            a(right.kind())
        ));
        let (text, number) = (
            |v: &Value| matches!(v, Value::Str(_)),
            |v: &Value| Num::of(v).is_some(),
        );
        return Err(
            if (text(left) && number(right)) || (number(left) && text(right)) {
                d.with_help("make a number of the text with `| int` or `| float`; compare versions with `is version(…)`")
            } else {
                d
            },
        );
    };
    Ok(match op {
        CompareOp::Lt => order.is_lt(),
        CompareOp::Le => order.is_le(),
        CompareOp::Gt => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// Whether `holder` holds `item`: a part of a text, an item of a list, a key of a mapping.
/// Errors: a holder of another kind, something that is not text in a text.
pub(crate) fn contains(holder: &Value, item: &Value) -> Eval<bool> {
    match (holder, item) {
        (Value::Str(s), Value::Str(part)) => Ok(s.contains(&**part)),
        (Value::Str(_), other) => Err(Diagnostic::new(format!(
            "`in` a text takes a text on its left, not {}",
            a(other.kind())
        ))),
        (Value::List(items), item) => Ok(items.iter().any(|v| equal(v, item))),
        (Value::Map(map), item) => {
            Ok(super::attr::key_text(item).is_some_and(|k| map.contains_key(&k)))
        }
        (other, _) => Err(Diagnostic::new(format!(
            "`in` takes a text, list or mapping on its right, not {}",
            a(other.kind())
        ))),
    }
}
