//! Methods of lists, mappings and integers.

use super::Called;
use crate::template::args::{Args, Eval};
use crate::template::attr::key_text;
use crate::template::ops;
use crate::template::val::Val;
use crate::value::{Map, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// A list's methods.
pub(in crate::template) const LIST: &[&str] = &[
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse",
    "sort",
];

/// A mapping's methods.
pub(in crate::template) const MAP: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];

/// Calls a list's method.
pub(super) fn list(items: &Arc<Vec<Value>>, name: &str, args: &mut Args<'_, '_>) -> Eval<Called> {
    let cx = args.cx;
    let changed = |items: Vec<Value>, result: Val| Ok((result, Some(Val::from(items))));
    let copy = || (**items).clone();
    let place = |i: i64| {
        let i = if i < 0 { i + items.len() as i64 } else { i };
        usize::try_from(i).ok().filter(|i| *i < items.len())
    };
    match name {
        "append" => {
            let item = args.take("object").ok_or_else(|| args.lacks("object"))?;
            let mut items = copy();
            items.push(cx.item(&item)?);
            changed(items, Val::null())
        }
        "extend" => {
            let more = args
                .take("iterable")
                .ok_or_else(|| args.lacks("iterable"))?;
            let mut items = copy();
            items.extend(cx.iterate_values(&more)?);
            changed(items, Val::null())
        }
        "insert" => {
            let at = args.int("index", 0)?;
            let item = args.take("object").ok_or_else(|| args.lacks("object"))?;
            let len = items.len() as i64;
            let at = if at < 0 {
                (at + len).max(0)
            } else {
                at.min(len)
            };
            let mut items = copy();
            items.insert(at as usize, cx.item(&item)?);
            changed(items, Val::null())
        }
        "pop" => {
            let Some(at) = place(args.int("index", -1)?) else {
                return args.fail("there is no such item");
            };
            let mut items = copy();
            let item = items.remove(at);
            changed(items, cx.touch(item, None)?)
        }
        "remove" => {
            let item = args.need("value")?;
            let Some(at) = find(args, items, &item)? else {
                return args.fail("the list does not hold that item");
            };
            let mut items = copy();
            items.remove(at);
            changed(items, Val::null())
        }
        "clear" => changed(Vec::new(), Val::null()),
        "reverse" => {
            let mut items = copy();
            items.reverse();
            changed(items, Val::null())
        }
        "sort" => {
            let reverse = args.keyword_flag("reverse", false)?;
            let mut items = match cx.deep(&Value::List(items.clone()))? {
                Value::List(items) => (*items).clone(),
                _ => Vec::new(),
            };
            if items.windows(2).any(|w| ops::order(&w[0], &w[1]).is_none()) {
                return args.fail("the items are of kinds that have no order among them");
            }
            items.sort_by(|a, b| ops::order(a, b).unwrap_or(Ordering::Equal));
            if reverse {
                items.reverse();
            }
            changed(items, Val::null())
        }
        "copy" => Ok((Val::Data(Value::List(items.clone())), None)),
        "count" => {
            let item = args.need("value")?;
            let mut n = 0;
            for v in items.iter() {
                n += usize::from(ops::equal(&cx.deep(v)?, &item));
            }
            Ok((Val::from(n), None))
        }
        _ => {
            let item = args.need("value")?;
            match find(args, items, &item)? {
                Some(at) => Ok((Val::from(at), None)),
                None => args.fail("the list does not hold that item"),
            }
        }
    }
}

fn find(args: &Args<'_, '_>, items: &[Value], item: &Value) -> Eval<Option<usize>> {
    for (i, v) in items.iter().enumerate() {
        if ops::equal(&args.cx.deep(v)?, item) {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

/// Calls a mapping's method.
pub(super) fn map(map: &Arc<Map>, name: &str, args: &mut Args<'_, '_>) -> Eval<Called> {
    let cx = args.cx;
    let key = |args: &mut Args<'_, '_>| -> Eval<String> {
        let key = args.need("key")?;
        match key_text(&key) {
            Some(text) => Ok(text),
            None => Err(args.wrong("key", "a string", &key)),
        }
    };
    let unchanged = |val: Val| Ok((val, None));
    match name {
        "get" => {
            let key = key(args)?;
            let default = args.take("default").unwrap_or_else(Val::null);
            match map.get(&key) {
                Some(value) => unchanged(cx.touch(value.clone(), Some(&key))?),
                None => unchanged(default),
            }
        }
        "keys" => unchanged(Val::from(Value::list(
            map.keys().map(|k| Value::from(k.as_str())),
        ))),
        "values" => unchanged(Val::from(Value::list(map.values().cloned()))),
        "items" => unchanged(Val::from(Value::list(
            map.iter()
                .map(|(k, v)| Value::list([Value::from(k.as_str()), v.clone()])),
        ))),
        "copy" => unchanged(Val::Data(Value::Map(map.clone()))),
        "fromkeys" => {
            let keys = args
                .take("iterable")
                .ok_or_else(|| args.lacks("iterable"))?;
            let value = args.data("value")?.unwrap_or_default();
            let keys = cx.iterate(&keys)?;
            let mut out = Map::new();
            for k in keys {
                out.insert(cx.text(&k)?, value.clone());
            }
            unchanged(Val::from(out))
        }
        "update" => {
            let mut out = (**map).clone();
            if let Some(more) = args.take("other") {
                match more {
                    Val::Data(Value::Map(more)) => {
                        out.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())))
                    }
                    other => match cx.data(&other)? {
                        Value::Map(more) => {
                            out.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())))
                        }
                        Value::List(pairs) => {
                            for pair in pairs.iter() {
                                match pair.as_list() {
                                    Some([k, v]) => {
                                        out.insert(k.to_string(), v.clone());
                                    }
                                    _ => {
                                        return args
                                            .fail("a list must hold pairs of a key and a value");
                                    }
                                }
                            }
                        }
                        other => return Err(args.wrong("other", "a mapping", &other)),
                    },
                }
            }
            for (k, v) in std::mem::take(&mut args.named) {
                out.insert(k, cx.item(&v)?);
            }
            Ok((Val::null(), Some(Val::from(out))))
        }
        "setdefault" => {
            let key = key(args)?;
            let default = args.take("default").unwrap_or_else(Val::null);
            match map.get(&key) {
                Some(value) => unchanged(cx.touch(value.clone(), Some(&key))?),
                None => {
                    let mut out = (**map).clone();
                    out.insert(key, cx.item(&default)?);
                    Ok((default, Some(Val::from(out))))
                }
            }
        }
        "pop" => {
            let key = key(args)?;
            let default = args.take("default");
            let mut out = (**map).clone();
            match (out.shift_remove(&key), default) {
                (Some(value), _) => Ok((cx.touch(value, Some(&key))?, Some(Val::from(out)))),
                (None, Some(default)) => unchanged(default),
                (None, None) => args.fail(format!("the mapping has no key `{key}`")),
            }
        }
        "popitem" => {
            let mut out = (**map).clone();
            match out.pop() {
                Some((k, v)) => Ok((
                    Val::from(Value::list([Value::from(k), v])),
                    Some(Val::from(out)),
                )),
                None => args.fail("the mapping is empty"),
            }
        }
        _ => Ok((Val::null(), Some(Val::from(Map::new())))),
    }
}

/// Calls an integer's method; Ansible allows the bitwise ones.
pub(super) fn int(n: i64, name: &str, args: &mut Args<'_, '_>) -> Eval {
    if name == "bit_length" {
        return Ok(Val::from(64 - n.unsigned_abs().leading_zeros()));
    }
    let other = args.int("other", 0)?;
    let shift = u32::try_from(other).ok().filter(|s| *s < 63);
    let result = match name {
        "__and__" => Some(n & other),
        "__or__" => Some(n | other),
        "__xor__" => Some(n ^ other),
        "__lshift__" => shift.and_then(|s| n.checked_mul(1 << s)),
        _ => shift.map(|s| n >> s),
    };
    match result {
        Some(n) => Ok(Val::from(n)),
        None => args.fail("the result is too large for an integer"),
    }
}
