//! Lookups that only rearrange what they are given.

use super::{Table, terms, texts};
use crate::template::args::{Args, Eval, a};
use crate::template::filters::{Dice, crossed, flatten_into};
use crate::value::{Map, Value};

pub(super) const TABLE: Table = &[
    ("dict", dict),
    ("indexed_items", indexed_items),
    ("items", items),
    ("flattened", flattened),
    ("list", |mut args| {
        let out = terms(&mut args)?;
        args.end()?;
        Ok(out)
    }),
    ("nested", nested),
    ("cartesian", nested),
    ("random_choice", random_choice),
    ("sequence", sequence),
    ("subelements", subelements),
    ("together", together),
];

/// One level of lists taken apart.
fn flat(items: &[Value]) -> Vec<Value> {
    let mut out = Vec::new();
    for item in items {
        match item {
            Value::List(inner) => out.extend(inner.iter().cloned()),
            other => out.push(other.clone()),
        }
    }
    out
}

fn items(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let out = flat(&terms(&mut args)?);
    args.end()?;
    Ok(out)
}

fn flattened(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let given = terms(&mut args)?;
    let mut out = Vec::new();
    flatten_into(&given, None, true, &mut out);
    args.end()?;
    Ok(out)
}

fn dict(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut out = Vec::new();
    for term in terms(&mut args)? {
        match &term {
            Value::Map(map) => out.extend(map.iter().map(|(k, v)| {
                Value::map([("key", Value::from(k.as_str())), ("value", v.clone())])
            })),
            other => return args.fail(format!("a mapping is needed, not {}", a(other.kind()))),
        }
    }
    args.end()?;
    Ok(out)
}

fn indexed_items(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let all = flat(&terms(&mut args)?);
    args.end()?;
    Ok(all
        .into_iter()
        .enumerate()
        .map(|(i, v)| Value::list([Value::from(i), v]))
        .collect())
}

/// Each term a list, a single value a list of one.
fn lists(args: &mut Args<'_, '_>) -> Eval<Vec<Vec<Value>>> {
    Ok(terms(args)?
        .into_iter()
        .map(|t| match t {
            Value::List(items) => (*items).clone(),
            other => vec![other],
        })
        .collect())
}

fn nested(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let lists = lists(&mut args)?;
    if lists.is_empty() {
        return args.fail("at least one list is needed");
    }
    args.end()?;
    // Items that are lists themselves come apart in the result, as in Ansible.
    Ok(crossed(&lists)?
        .into_iter()
        .map(|row| Value::from(flat(row.as_list().unwrap_or_default())))
        .collect())
}

fn together(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let lists = lists(&mut args)?;
    if lists.is_empty() {
        return args.fail("at least one list is needed");
    }
    args.end()?;
    let len = lists.iter().map(Vec::len).max().unwrap_or(0);
    Ok((0..len)
        .map(|i| {
            let row: Vec<Value> = lists
                .iter()
                .map(|l| l.get(i).cloned().unwrap_or_default())
                .collect();
            Value::from(flat(&row))
        })
        .collect())
}

fn random_choice(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut all = terms(&mut args)?;
    args.end()?;
    if all.is_empty() {
        return Ok(all);
    }
    let at = Dice::new(None).below(all.len() as u64)? as usize;
    Ok(vec![all.swap_remove(at)])
}

/// `subelements(list, 'path', {'skip_missing': true})`.
fn subelements(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let given = terms(&mut args)?;
    args.keyword("skip_missing");
    let (Some(list), Some(Value::Str(path))) = (given.first(), given.get(1)) else {
        return args
            .fail("a list (or mapping) and the name of a list in each of its items are needed");
    };
    let skip = given
        .get(2)
        .and_then(|f| f.get("skip_missing"))
        .is_some_and(|v| v.to_bool().unwrap_or(false));
    let holders: Vec<Value> = match list {
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
        if holder.get("skipped").is_some_and(Value::is_true) {
            continue;
        }
        let mut inner = Some(&holder);
        for part in path.split('.') {
            inner = inner.and_then(|v| v.get(part));
        }
        match inner {
            Some(Value::List(items)) => {
                let parts: Vec<&str> = path.split('.').collect();
                let rest = without(&holder, &parts);
                out.extend(items.iter().map(|i| Value::list([rest.clone(), i.clone()])));
            }
            Some(other) => {
                return args.fail(format!("`{path}` must be a list, not {}", a(other.kind())));
            }
            None if skip => {}
            None => return args.fail(format!("an item has no `{path}`")),
        }
    }
    args.end()?;
    Ok(out)
}

/// `holder` without what stands at `path`: Ansible takes the list out of the item it belongs to.
fn without(holder: &Value, path: &[&str]) -> Value {
    let (Value::Map(map), Some((first, rest))) = (holder, path.split_first()) else {
        return holder.clone();
    };
    let mut map = (**map).clone();
    if rest.is_empty() {
        map.shift_remove(*first);
    } else if let Some(inner) = map.get_mut(*first) {
        *inner = without(&inner.clone(), rest);
    }
    Value::from(map)
}

/// `start=1 end=10 stride=2 format=%02d`, `count=3`, or short: `1-10/2:%02d`.
fn sequence(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut shared = Map::new();
    for key in ["start", "end", "count", "stride", "format"] {
        if let Some(v) = args.keyword_data(key)? {
            shared.insert(key.to_owned(), v);
        }
    }
    let mut given = texts(&mut args)?;
    if given.is_empty() {
        given.push(String::new());
    }
    let mut out = Vec::new();
    for term in given {
        let mut options = shared.clone();
        read_sequence(&term, &mut options).or_else(|m| args.fail(m))?;
        let number = |key: &str| -> Result<Option<i64>, String> {
            options
                .get(key)
                .map(|v| {
                    integer(&v.to_string())
                        .ok_or_else(|| format!("`{key}` must be an integer, not `{v}`"))
                })
                .transpose()
        };
        let numbers = || -> Result<_, String> {
            Ok((
                number("start")?,
                number("end")?,
                number("count")?,
                number("stride")?,
            ))
        };
        let (start, end, count, stride) = numbers().or_else(|m| args.fail(m))?;
        let (start, stride) = (start.unwrap_or(1), stride.unwrap_or(1));
        let end = match (end, count) {
            (Some(end), None) => end,
            (None, Some(0)) => continue,
            (None, Some(count)) => start + count.saturating_mul(stride) - 1,
            (None, None) => return args.fail("`end` or `count` is needed"),
            (Some(_), Some(_)) => return args.fail("`end` and `count` cannot both be given"),
        };
        if (stride > 0 && end < start) || (stride < 0 && end > start) {
            return args.fail(format!(
                "with a stride of {stride} there is no way from {start} to {end}"
            ));
        }
        if stride == 0 {
            continue;
        }
        let format = options
            .get("format")
            .map_or_else(|| "%d".to_owned(), Value::to_string);
        let stop = end.saturating_add(if stride > 0 { 1 } else { -1 });
        let len = crate::template::attr::range_len(start, stop, stride);
        if len > 1_000_000 {
            return args.fail(format!("{len} numbers are too many"));
        }
        for i in 0..len {
            let text = crate::template::format::percent(&format, &Value::Int(start + i * stride))?;
            out.push(Value::from(text));
        }
    }
    args.end()?;
    Ok(out)
}

fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(&text[1..], 8).ok(),
        None => text.parse().ok(),
    }
}

fn read_sequence(term: &str, options: &mut Map) -> Result<(), String> {
    if term.trim().is_empty() {
        return Ok(());
    }
    if term.contains('=') {
        let words = shell_words::split(term).map_err(|e| e.to_string())?;
        for word in words {
            let Some((key, value)) = word.split_once('=') else {
                return Err(format!("`{word}` is not of the form `key=value`"));
            };
            if !["start", "end", "count", "stride", "format"].contains(&key) {
                return Err(format!("unknown option `{key}`"));
            }
            options.insert(key.to_owned(), Value::from(value));
        }
        return Ok(());
    }
    let (range, format) = term
        .split_once(':')
        .map_or((term, None), |(r, f)| (r, Some(f)));
    let (range, stride) = range
        .split_once('/')
        .map_or((range, None), |(r, s)| (r, Some(s)));
    let (start, end) = range
        .split_once('-')
        .map_or((None, range), |(s, e)| (Some(s), e));
    for (key, value) in [
        ("start", start),
        ("end", Some(end)),
        ("stride", stride),
        ("format", format),
    ] {
        if let Some(value) = value {
            options.insert(key.to_owned(), Value::from(value));
        }
    }
    Ok(())
}
