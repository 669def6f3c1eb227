//! Lists as sets. The order of the first list is kept, where Ansible's is by chance.

use super::Table;
use crate::template::args::{Args, Eval};
use crate::template::ops;
use crate::template::val::Val;
use crate::value::Value;
use std::collections::HashSet;

pub(super) const TABLE: Table = &[
    ("difference", |v, args| {
        two(v, args, |x, y| {
            x.iter().filter(|i| !holds(y, i)).cloned().collect()
        })
    }),
    ("intersect", |v, args| {
        two(v, args, |x, y| {
            x.iter().filter(|i| holds(y, i)).cloned().collect()
        })
    }),
    ("symmetric_difference", |v, args| {
        two(v, args, |x, y| {
            let left = x.iter().filter(|i| !holds(y, i));
            left.chain(y.iter().filter(|i| !holds(x, i)))
                .cloned()
                .collect()
        })
    }),
    ("union", |v, args| {
        two(v, args, |x, y| x.iter().chain(y).cloned().collect())
    }),
    ("unique", unique),
    ("combinations", combinations),
    ("permutations", permutations),
    ("product", product),
];

fn holds(items: &[Value], item: &Value) -> bool {
    items.iter().any(|v| ops::equal(v, item))
}

/// `items` without repetitions.
pub(crate) fn distinct(items: Vec<Value>) -> Vec<Value> {
    let mut texts = HashSet::new();
    let mut out: Vec<Value> = Vec::new();
    for item in items {
        let new = match &item {
            Value::Str(s) => texts.insert(s.clone()),
            other => !out.iter().any(|v| ops::equal(v, other)),
        };
        if new {
            out.push(item);
        }
    }
    out
}

fn list(args: &Args<'_, '_>, value: &Val) -> Eval<Vec<Value>> {
    let items = Value::from(args.cx.iterate_values(value)?);
    match args.cx.deep(&items)? {
        Value::List(items) => Ok((*items).clone()),
        _ => Ok(Vec::new()),
    }
}

fn two(value: Val, mut args: Args<'_, '_>, work: fn(&[Value], &[Value]) -> Vec<Value>) -> Eval {
    let other = args.take("b").ok_or_else(|| args.lacks("b"))?;
    let (x, y) = (list(&args, &value)?, list(&args, &other)?);
    args.done(distinct(work(&x, &y)))
}

/// `unique(case_sensitive=false, attribute=none)`.
fn unique(value: Val, mut args: Args<'_, '_>) -> Eval {
    let case = args.flag("case_sensitive", false)?;
    let attribute = args.maybe_text("attribute")?;
    let mut seen: Vec<Value> = Vec::new();
    let mut out = Vec::new();
    for item in list(&args, &value)? {
        let key = match &attribute {
            Some(path) => args.cx.data(&super::select::at_path(
                args.cx,
                &Val::Data(item.clone()),
                path,
            )?)?,
            None => item.clone(),
        };
        let key = match key {
            Value::Str(s) if !case => Value::from(s.to_lowercase()),
            other => other,
        };
        if !holds(&seen, &key) {
            seen.push(key);
            out.push(item);
        }
    }
    args.done(out)
}

/// More results than this are refused.
const MAX: usize = 1_000_000;

fn product(value: Val, mut args: Args<'_, '_>) -> Eval {
    let mut lists = vec![list(&args, &value)?];
    for other in std::mem::take(&mut args.positional) {
        lists.push(list(&args, &other)?);
    }
    let repeat = args
        .keyword_data("repeat")?
        .and_then(|v| v.as_int())
        .unwrap_or(1);
    let once = lists.clone();
    for _ in 1..repeat.clamp(1, 64) {
        lists.extend(once.iter().cloned());
    }
    args.done(crossed(&lists)?)
}

/// Every choice of one item from each list, the last list's changing fastest. Errors: too many.
pub(crate) fn crossed(lists: &[Vec<Value>]) -> Eval<Vec<Value>> {
    let total = lists
        .iter()
        .try_fold(1usize, |n, l| n.checked_mul(l.len()).filter(|n| *n <= MAX));
    if total.is_none() {
        return Err(crate::error::Diagnostic::new(format!(
            "more than {MAX} combinations"
        )));
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for items in lists {
        rows = rows
            .iter()
            .flat_map(|row| {
                items.iter().map(move |item| {
                    let mut row = row.clone();
                    row.push(item.clone());
                    row
                })
            })
            .collect();
    }
    Ok(rows.into_iter().map(Value::from).collect())
}

fn permutations(value: Val, mut args: Args<'_, '_>) -> Eval {
    let items = list(&args, &value)?;
    let size = args
        .maybe_int("r")?
        .map_or(Some(items.len()), |n| usize::try_from(n).ok());
    let Some(size) = size else {
        return args.fail("`r` cannot be negative");
    };
    let mut out = Vec::new();
    choose(&items, size, &mut Vec::new(), true, &mut out);
    if out.len() > MAX {
        return args.fail(format!("there are more than {MAX}"));
    }
    args.done(out)
}

fn combinations(value: Val, mut args: Args<'_, '_>) -> Eval {
    let items = list(&args, &value)?;
    let Some(size) = args.maybe_int("r")?.and_then(|n| usize::try_from(n).ok()) else {
        return args.fail("how many to choose is needed");
    };
    let mut out = Vec::new();
    choose(&items, size, &mut Vec::new(), false, &mut out);
    if out.len() > MAX {
        return args.fail(format!("there are more than {MAX}"));
    }
    args.done(out)
}

fn choose(
    items: &[Value],
    size: usize,
    taken: &mut Vec<usize>,
    any_order: bool,
    out: &mut Vec<Value>,
) {
    if out.len() > MAX || size > items.len() {
        return;
    }
    if taken.len() == size {
        out.push(Value::list(taken.iter().map(|i| items[*i].clone())));
        return;
    }
    let from = if any_order {
        0
    } else {
        taken.last().map_or(0, |i| i + 1)
    };
    for i in from..items.len() {
        if !taken.contains(&i) {
            taken.push(i);
            choose(items, size, taken, any_order, out);
            taken.pop();
        }
    }
}
