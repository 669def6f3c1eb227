//! Filters that calculate.

use super::Table;
use crate::template::args::{Args, Eval, a};
use crate::template::ops;
use crate::template::val::Val;
use crate::value::Value;

pub(super) const TABLE: Table = &[
    ("abs", abs),
    ("log", log),
    ("pow", pow),
    ("root", root),
    ("round", round),
];

fn number(value: &Val, args: &Args<'_, '_>) -> Eval<f64> {
    match args.cx.data(value)? {
        Value::Int(i) => Ok(i as f64),
        Value::Float(f) => Ok(f),
        Value::Bool(b) => Ok(f64::from(u8::from(b))),
        other => args.fail(format!("a number is needed, not {}", a(other.kind()))),
    }
}

fn abs(value: Val, args: Args<'_, '_>) -> Eval {
    match args.cx.data(&value)? {
        v @ Value::Int(i) if i < 0 => args.done(ops::neg(&v)?),
        Value::Float(f) => args.done(f.abs()),
        v @ (Value::Int(_) | Value::Bool(_)) => args.done(v),
        other => args.fail(format!("a number is needed, not {}", a(other.kind()))),
    }
}

/// `round(precision=0, method='common')`; halves go to the even neighbour, as in Python.
fn round(value: Val, mut args: Args<'_, '_>) -> Eval {
    let precision = args.int("precision", 0)?.clamp(-300, 300);
    let method = args.text("method", "common")?;
    let x = number(&value, &args)?;
    let scale = 10f64.powi(precision as i32);
    let result = match method.as_str() {
        "common" if precision == 0 => x.round_ties_even(),
        "common" if precision > 0 => format!("{x:.*}", precision as usize).parse().unwrap_or(x),
        "common" => (x * scale).round_ties_even() / scale,
        "ceil" => (x * scale).ceil() / scale,
        "floor" => (x * scale).floor() / scale,
        other => {
            return args.fail(format!(
                "`method` must be common, ceil or floor, not `{other}`"
            ));
        }
    };
    // A whole number stays whole with Python's `round`, becomes a float with the other two.
    match args.cx.data(&value)? {
        Value::Int(i) if method == "common" && precision >= 0 => args.done(i),
        Value::Int(_) if method == "common" => args.done(result as i64),
        _ => args.done(result),
    }
}

/// `log(base=e)`.
fn log(value: Val, mut args: Args<'_, '_>) -> Eval {
    let base = args.take("base").map(|b| number(&b, &args)).transpose()?;
    let x = number(&value, &args)?;
    if x <= 0.0 || base.is_some_and(|b| b <= 0.0 || b == 1.0) {
        return args.fail("the logarithm of this is not defined");
    }
    args.done(match base {
        None => x.ln(),
        Some(10.0) => x.log10(),
        Some(2.0) => x.log2(),
        Some(b) => x.ln() / b.ln(),
    })
}

fn pow(value: Val, mut args: Args<'_, '_>) -> Eval {
    let Some(by) = args.take("y") else {
        return Err(args.lacks("y"));
    };
    let (x, y) = (number(&value, &args)?, number(&by, &args)?);
    let result = x.powf(y);
    if !result.is_finite() {
        return args.fail("the result is not defined or too large");
    }
    args.done(result)
}

/// `root(base=2)`.
fn root(value: Val, mut args: Args<'_, '_>) -> Eval {
    let base = args
        .take("base")
        .map(|b| number(&b, &args))
        .transpose()?
        .unwrap_or(2.0);
    let x = number(&value, &args)?;
    let result = if base == 2.0 {
        x.sqrt()
    } else {
        x.powf(1.0 / base)
    };
    if !result.is_finite() {
        return args.fail("the root of this is not defined");
    }
    args.done(result)
}
