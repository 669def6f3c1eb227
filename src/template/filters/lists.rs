//! Filters that take lists apart and put them together.

use super::Table;
use crate::template::args::{Args, Eval, a};
use crate::template::attr;
use crate::template::ops;
use crate::template::val::{Obj, Val};
use crate::value::{Map, Value};
use std::cmp::Ordering;

pub(super) const TABLE: Table = &[
    ("batch", batch),
    ("extract", extract),
    ("first", first),
    ("flatten", flatten),
    ("groupby", groupby),
    ("items", items),
    ("join", join),
    ("last", last),
    ("list", list),
    ("max", |v, args| extreme(v, args, Ordering::Greater)),
    ("min", |v, args| extreme(v, args, Ordering::Less)),
    ("reverse", reverse),
    ("slice", slice),
    ("sort", sort),
    ("subelements", subelements),
    ("sum", sum),
    ("zip", |v, args| zip(v, args, false)),
    ("zip_longest", |v, args| zip(v, args, true)),
];

fn list(value: Val, args: Args<'_, '_>) -> Eval {
    let items = args.cx.iterate_values(&value)?;
    args.done(items)
}

fn first(value: Val, args: Args<'_, '_>) -> Eval {
    let result = match &value {
        Val::Data(Value::List(items)) => items
            .first()
            .map(|v| args.cx.touch(v.clone(), None))
            .transpose()?,
        other => args.cx.iterate(other)?.into_iter().next(),
    };
    args.end()?;
    Ok(result.unwrap_or_else(|| Val::undef("there is no first item, the list is empty")))
}

fn last(value: Val, args: Args<'_, '_>) -> Eval {
    let result = match &value {
        Val::Data(Value::List(items)) => items
            .last()
            .map(|v| args.cx.touch(v.clone(), None))
            .transpose()?,
        other => args.cx.iterate(other)?.pop(),
    };
    args.end()?;
    Ok(result.unwrap_or_else(|| Val::undef("there is no last item, the list is empty")))
}

/// `join(d='', attribute=none)`.
fn join(value: Val, mut args: Args<'_, '_>) -> Eval {
    let cx = args.cx;
    let sep = args.text("d", "")?;
    let attribute = args.maybe_text("attribute")?;
    let mut texts = Vec::new();
    for item in cx.iterate(&value)? {
        let item = match &attribute {
            Some(path) => super::select::at_path(cx, &item, path)?,
            None => item,
        };
        texts.push(cx.text(&item)?);
    }
    args.done(texts.join(&sep))
}

fn reverse(value: Val, args: Args<'_, '_>) -> Eval {
    if let Val::Data(Value::Str(s)) = &value {
        return args.done(s.chars().rev().collect::<String>());
    }
    let mut items = args.cx.iterate_values(&value)?;
    items.reverse();
    args.done(items)
}

/// `batch(linecount, fill_with=none)`.
fn batch(value: Val, mut args: Args<'_, '_>) -> Eval {
    let size = usize::try_from(args.int("linecount", 0)?).unwrap_or(0);
    let fill = args.data("fill_with")?;
    if size == 0 {
        return args.fail("`linecount` must be at least 1");
    }
    let items = args.cx.iterate_values(&value)?;
    let mut rows = Vec::new();
    for chunk in items.chunks(size) {
        let mut row = chunk.to_vec();
        if let Some(fill) = fill.as_ref().filter(|f| **f != Value::Null) {
            row.resize(size.min(1_000_000).max(row.len()), fill.clone());
        }
        rows.push(Value::from(row));
    }
    args.done(rows)
}

/// `slice(slices, fill_with=none)`.
fn slice(value: Val, mut args: Args<'_, '_>) -> Eval {
    let slices = usize::try_from(args.int("slices", 0)?).unwrap_or(0);
    let fill = args.data("fill_with")?;
    if slices == 0 || slices > 1_000_000 {
        return args.fail("`slices` must be at least 1");
    }
    let items = args.cx.iterate_values(&value)?;
    let (each, extra) = (items.len() / slices, items.len() % slices);
    let mut at = 0;
    let mut out = Vec::new();
    for i in 0..slices {
        let len = each + usize::from(i < extra);
        let mut part = items[at..at + len].to_vec();
        at += len;
        if let Some(fill) = fill.as_ref().filter(|f| **f != Value::Null)
            && i >= extra
        {
            part.push(fill.clone());
        }
        out.push(Value::from(part));
    }
    args.done(out)
}

/// `flatten(levels=none, skip_nulls=true)`.
fn flatten(value: Val, mut args: Args<'_, '_>) -> Eval {
    let levels = args.maybe_int("levels")?;
    let skip = args.flag("skip_nulls", true)?;
    let value = args.cx.data(&value)?;
    let Value::List(items) = &value else {
        return args.fail(format!("a list is needed, not {}", a(value.kind())));
    };
    let mut out = Vec::new();
    flatten_into(items, levels, skip, &mut out);
    args.done(out)
}

pub(crate) fn flatten_into(items: &[Value], levels: Option<i64>, skip: bool, out: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::Null if skip => {}
            Value::List(inner) => match levels {
                None => flatten_into(inner, None, skip, out),
                Some(n) if n >= 1 => flatten_into(inner, Some(n - 1), skip, out),
                Some(_) => out.push(item.clone()),
            },
            other => out.push(other.clone()),
        }
    }
}

/// What a list is sorted by: texts without case unless asked, attributes by their path.
fn sort_key(args: &Args<'_, '_>, item: &Value, attribute: Option<&str>, case: bool) -> Eval<Value> {
    let picked = match attribute {
        Some(paths) => {
            let parts: Vec<Value> = paths
                .split(',')
                .map(|p| {
                    let val = super::select::at_path(args.cx, &Val::Data(item.clone()), p.trim())?;
                    args.cx.data(&val)
                })
                .collect::<Eval<_>>()?;
            match <[Value; 1]>::try_from(parts) {
                Ok([one]) => one,
                Err(parts) => Value::from(parts.iter().map(|v| fold(v, case)).collect::<Vec<_>>()),
            }
        }
        None => args.cx.deep(item)?,
    };
    Ok(fold(&picked, case))
}

fn fold(value: &Value, case: bool) -> Value {
    match value {
        Value::Str(s) if !case => Value::from(s.to_lowercase()),
        other => other.clone(),
    }
}

/// Sorts by key; items keep their order where the keys are equal. Errors: keys that have no order.
fn sorted(
    args: &Args<'_, '_>,
    mut pairs: Vec<(Value, Value)>,
    reverse: bool,
) -> Eval<Vec<(Value, Value)>> {
    let mut bad = None;
    pairs.sort_by(|(x, _), (y, _)| {
        let order = ops::order(x, y).unwrap_or_else(|| {
            bad.get_or_insert((x.kind(), y.kind()));
            Ordering::Equal
        });
        if reverse { order.reverse() } else { order }
    });
    match bad {
        Some((x, y)) => args.fail(format!("{} and {} have no order between them", a(x), a(y))),
        None => Ok(pairs),
    }
}

/// `sort(reverse=false, case_sensitive=false, attribute=none)`.
fn sort(value: Val, mut args: Args<'_, '_>) -> Eval {
    let reverse = args.flag("reverse", false)?;
    let case = args.flag("case_sensitive", false)?;
    let attribute = args.maybe_text("attribute")?;
    let mut pairs = Vec::new();
    for item in args.cx.iterate_values(&value)? {
        pairs.push((sort_key(&args, &item, attribute.as_deref(), case)?, item));
    }
    let items: Vec<Value> = sorted(&args, pairs, reverse)?
        .into_iter()
        .map(|(_, v)| v)
        .collect();
    args.done(items)
}

/// `min`/`max(case_sensitive=false, attribute=none)`.
fn extreme(value: Val, mut args: Args<'_, '_>, wanted: Ordering) -> Eval {
    // Ansible's own filters compare texts with their case.
    let case = args.flag("case_sensitive", true)?;
    let attribute = args.maybe_text("attribute")?;
    let mut best: Option<(Value, Value)> = None;
    for item in args.cx.iterate_values(&value)? {
        let key = sort_key(&args, &item, attribute.as_deref(), case)?;
        let better = match &best {
            None => true,
            Some((held, _)) => match ops::order(&key, held) {
                Some(order) => order == wanted,
                None => {
                    return args.fail(format!(
                        "{} and {} have no order between them",
                        a(key.kind()),
                        a(held.kind())
                    ));
                }
            },
        };
        if better {
            best = Some((key, item));
        }
    }
    args.end()?;
    Ok(match best {
        Some((_, item)) => Val::Data(item),
        None => Val::undef("an empty list has no smallest or largest item"),
    })
}

/// `groupby(attribute, default=none, case_sensitive=false)`.
fn groupby(value: Val, mut args: Args<'_, '_>) -> Eval {
    let attribute = args.need_text("attribute")?;
    let default = args.data("default")?;
    let case = args.flag("case_sensitive", false)?;
    let mut pairs = Vec::new();
    for item in args.cx.iterate_values(&value)? {
        let key = match (
            super::select::at_path(args.cx, &Val::Data(item.clone()), &attribute)?,
            &default,
        ) {
            (Val::Undef(_), Some(default)) => default.clone(),
            (val, _) => args.cx.data(&val)?,
        };
        pairs.push((key, item));
    }
    let folded = pairs
        .into_iter()
        .map(|(k, v)| (fold(&k, case), Value::list([k, v])))
        .collect();
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for (folded, pair) in sorted(&args, folded, false)? {
        let Some([key, item]) = pair.as_list() else {
            continue;
        };
        match groups.last_mut() {
            Some((held, _, items)) if ops::equal(held, &folded) => items.push(item.clone()),
            _ => groups.push((folded, key.clone(), vec![item.clone()])),
        }
    }
    args.done(Value::list(
        groups
            .into_iter()
            .map(|(_, key, items)| Value::list([key, Value::from(items)])),
    ))
}

/// `sum(attribute=none, start=0)`.
fn sum(value: Val, mut args: Args<'_, '_>) -> Eval {
    let cx = args.cx;
    let attribute = args.maybe_text("attribute")?;
    let mut total = args.data("start")?.unwrap_or(Value::Int(0));
    for item in cx.iterate(&value)? {
        let item = match &attribute {
            Some(path) => super::select::at_path(cx, &item, path)?,
            None => item,
        };
        total = ops::math(crate::template::ast::MathOp::Add, &total, &cx.data(&item)?)?;
    }
    args.done(total)
}

/// The pairs of a mapping.
fn items(value: Val, args: Args<'_, '_>) -> Eval {
    if let Val::Undef(_) = value {
        return args.done(Value::list([]));
    }
    let value = match value {
        Val::Data(v) => v,
        other => args.cx.data(&other)?,
    };
    let Value::Map(map) = &value else {
        return args.fail(format!("a mapping is needed, not {}", a(value.kind())));
    };
    args.done(Value::list(
        map.iter()
            .map(|(k, v)| Value::list([Value::from(k.as_str()), v.clone()])),
    ))
}

/// `extract(container, morekeys=none)`.
fn extract(value: Val, mut args: Args<'_, '_>) -> Eval {
    let cx = args.cx;
    let container = args
        .take("container")
        .ok_or_else(|| args.lacks("container"))?;
    let more = args.data("morekeys")?;
    let mut found = attr::item(cx, &container, &value, || (None, None))?;
    let keys = match more {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(keys)) => (*keys).clone(),
        Some(key) => vec![key],
    };
    for key in keys {
        found = attr::item(cx, &found, &Val::Data(key), || (None, None))?;
    }
    args.end()?;
    Ok(found)
}

/// `subelements(subelement, skip_missing=false)`.
fn subelements(value: Val, mut args: Args<'_, '_>) -> Eval {
    let path = match args.need("subelement")? {
        Value::List(parts) => parts.iter().map(Value::to_string).collect::<Vec<_>>(),
        other => other.to_string().split('.').map(str::to_owned).collect(),
    };
    let skip = args.flag("skip_missing", false)?;
    let value = args.cx.data(&value)?;
    let holders: Vec<Value> = match &value {
        Value::List(items) => (**items).clone(),
        Value::Map(map) => map.values().cloned().collect(),
        other => {
            return args.fail(format!(
                "a list or mapping is needed, not {}",
                a(other.kind())
            ));
        }
    };
    let mut out = Vec::new();
    for holder in holders {
        let mut inner = Some(&holder);
        for part in &path {
            inner = inner.and_then(|v| v.get(part));
        }
        match inner {
            Some(Value::List(items)) => out.extend(
                items
                    .iter()
                    .map(|i| Value::list([holder.clone(), i.clone()])),
            ),
            Some(other) => {
                return args.fail(format!(
                    "`{}` must be a list, not {}",
                    path.join("."),
                    a(other.kind())
                ));
            }
            None if skip => {}
            None => return args.fail(format!("an item has no `{}`", path.join("."))),
        }
    }
    args.done(out)
}

/// `zip(*others)`, `zip_longest(*others, fillvalue=none)`.
fn zip(value: Val, mut args: Args<'_, '_>, longest: bool) -> Eval {
    let fill = if longest {
        args.keyword_data("fillvalue")?.unwrap_or_default()
    } else {
        Value::Null
    };
    let cx = args.cx;
    let mut columns = vec![cx.iterate_values(&value)?];
    for other in std::mem::take(&mut args.positional) {
        columns.push(cx.iterate_values(&other)?);
    }
    let lens = columns.iter().map(Vec::len);
    let len = if longest { lens.max() } else { lens.min() }.unwrap_or(0);
    let rows =
        (0..len).map(|i| Value::list(columns.iter().map(|c| c.get(i).unwrap_or(&fill).clone())));
    args.done(Value::list(rows))
}

/// Whether `val` is one of the mappings that only live in templates; `dict2items` and the like read those too.
pub(super) fn mapping(val: &Val, args: &Args<'_, '_>) -> Eval<Map> {
    let value = match val {
        Val::Data(v) => v.clone(),
        Val::Obj(o) if matches!(&**o, Obj::HostVars(_) | Obj::Vars(..) | Obj::Namespace(_)) => {
            args.cx.data(val)?
        }
        other => args.cx.data(other)?,
    };
    match value {
        Value::Map(map) => Ok((*map).clone()),
        other => args.fail(format!("a mapping is needed, not {}", a(other.kind()))),
    }
}
