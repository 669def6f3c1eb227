//! Sizes for people.

use super::Table;
use crate::template::args::{Args, Eval, a};
use crate::template::val::Val;
use crate::value::Value;

pub(super) const TABLE: Table = &[
    ("filesizeformat", filesizeformat),
    ("human_readable", human_readable),
    ("human_to_bytes", human_to_bytes),
];

const UNITS: [(char, u32); 8] = [
    ('Y', 80),
    ('Z', 70),
    ('E', 60),
    ('P', 50),
    ('T', 40),
    ('G', 30),
    ('M', 20),
    ('K', 10),
];

fn size(value: &Val, args: &Args<'_, '_>) -> Eval<f64> {
    match args.cx.data(value)? {
        Value::Int(i) => Ok(i as f64),
        Value::Float(f) => Ok(f),
        Value::Str(s) if s.trim().parse::<f64>().is_ok() => {
            Ok(s.trim().parse().unwrap_or_default())
        }
        other => args.fail(format!("a number is needed, not {}", a(other.kind()))),
    }
}

/// `human_readable(isbits=false, unit=none)`: `1.00 KB`.
fn human_readable(value: Val, mut args: Args<'_, '_>) -> Eval {
    let bits = args.flag("isbits", false)?;
    let unit = args.maybe_text("unit")?.map(|u| u.to_uppercase());
    let n = size(&value, &args)?;
    let base = if bits { "bits" } else { "Bytes" };
    let pick = |suffix: char, limit: f64| match &unit {
        None => n >= limit,
        Some(u) => u.starts_with(suffix),
    };
    let hit = UNITS
        .iter()
        .find(|(suffix, power)| pick(*suffix, 2f64.powi(*power as i32)));
    args.done(match hit {
        Some((suffix, power)) => {
            format!(
                "{:.2} {suffix}{}",
                n / 2f64.powi(*power as i32),
                if bits { "b" } else { "B" }
            )
        }
        None => format!("{n:.2} {base}"),
    })
}

/// `human_to_bytes(default_unit=none, isbits=false)`.
fn human_to_bytes(value: Val, mut args: Args<'_, '_>) -> Eval {
    let default = args.maybe_text("default_unit")?;
    let bits = args.flag("isbits", false)?;
    let text = args.cx.text(&value)?;
    let trimmed = text.trim();
    let digits = trimmed
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(trimmed.len());
    let Ok(number) = trimmed[..digits].parse::<f64>() else {
        return args.fail(format!("`{text}` does not begin with a number"));
    };
    let unit = match (trimmed[digits..].trim(), &default) {
        ("", Some(d)) => d.clone(),
        (u, _) => u.to_owned(),
    };
    let Some(first) = unit.chars().next().map(|c| c.to_ascii_uppercase()) else {
        return args.done(number.round() as i64);
    };
    let power = if first == 'B' {
        Some(0)
    } else {
        UNITS.iter().find(|(u, _)| *u == first).map(|(_, p)| *p)
    };
    let rest = unit.get(1..).unwrap_or_default();
    let expected = if bits { "b" } else { "B" };
    let word = if bits { "bit" } else { "byte" };
    let spelled = rest.is_empty()
        || rest == expected
        || rest == format!("i{expected}")
        || unit.to_lowercase().trim_end_matches('s').ends_with(word)
        || (first == 'B' && unit.len() == 1);
    let Some(power) = power.filter(|_| spelled) else {
        return args.fail(format!("`{unit}` is not a unit such as `KB`, `MB` or `GB`"));
    };
    args.done((number * 2f64.powi(power as i32)).round_ties_even() as i64)
}

/// `filesizeformat(binary=false)`: `13 kB`, `1.2 MB`.
fn filesizeformat(value: Val, mut args: Args<'_, '_>) -> Eval {
    let binary = args.flag("binary", false)?;
    let n = size(&value, &args)?;
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let names = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    if n == 1.0 {
        return args.done("1 Byte");
    }
    if n < base {
        return args.done(format!("{} Bytes", n.trunc()));
    }
    let mut unit = base;
    for name in names {
        unit *= base;
        if n < unit || name == names[7] {
            return args.done(format!("{:.1} {name}", base * n / unit));
        }
    }
    args.done(Value::Null)
}
