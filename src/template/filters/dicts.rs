//! Filters that work on mappings.

use super::Table;
use super::lists::mapping;
use crate::template::args::{Args, Eval, a};
use crate::template::attr::key_text;
use crate::template::ops;
use crate::template::val::Val;
use crate::value::{Map, Value};

pub(super) const TABLE: Table = &[
    ("combine", combine),
    ("dict2items", dict2items),
    ("dictsort", dictsort),
    ("items2dict", items2dict),
    ("rekey_on_member", rekey_on_member),
];

/// What `combine` and `merge_variables` do where both sides have a list.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ListMerge {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendRp,
    PrependRp,
}

impl ListMerge {
    /// From its name in Ansible.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "replace" => Self::Replace,
            "keep" => Self::Keep,
            "append" => Self::Append,
            "prepend" => Self::Prepend,
            "append_rp" => Self::AppendRp,
            "prepend_rp" => Self::PrependRp,
            _ => return None,
        })
    }

    fn lists(self, x: &[Value], y: &[Value]) -> Vec<Value> {
        let without = |items: &[Value], others: &[Value]| -> Vec<Value> {
            items
                .iter()
                .filter(|i| !others.iter().any(|o| ops::equal(o, i)))
                .cloned()
                .collect()
        };
        let joined = |x: &[Value], y: &[Value]| x.iter().chain(y).cloned().collect();
        match self {
            Self::Replace => y.to_vec(),
            Self::Keep => x.to_vec(),
            Self::Append => joined(x, y),
            Self::Prepend => joined(y, x),
            Self::AppendRp => joined(&without(x, y), y),
            Self::PrependRp => joined(y, &without(x, y)),
        }
    }
}

/// `y` over `x`.
pub(crate) fn merge(x: &Map, y: &Map, recursive: bool, lists: ListMerge) -> Map {
    let mut out = x.clone();
    for (key, new) in y {
        let merged = match (x.get(key), new) {
            (Some(Value::Map(old)), Value::Map(new)) if recursive => {
                Value::from(merge(old, new, recursive, lists))
            }
            (Some(Value::List(old)), Value::List(new)) => Value::from(lists.lists(old, new)),
            _ => new.clone(),
        };
        out.insert(key.clone(), merged);
    }
    out
}

/// `combine(*others, recursive=false, list_merge='replace')`; lists of mappings count as several.
fn combine(value: Val, mut args: Args<'_, '_>) -> Eval {
    let cx = args.cx;
    let recursive = args.keyword_flag("recursive", false)?;
    let name = args
        .keyword_data("list_merge")?
        .map_or_else(|| "replace".to_owned(), |v| v.to_string());
    let Some(lists) = ListMerge::of(&name) else {
        return args.fail(format!(
            "`list_merge` must be replace, keep, append, prepend, append_rp or prepend_rp, not `{name}`"
        ));
    };
    let mut maps: Vec<Map> = Vec::new();
    let others = std::mem::take(&mut args.positional);
    for val in std::iter::once(value).chain(others) {
        let items = match cx.data(&val)? {
            Value::List(items) => (*items).clone(),
            other => vec![other],
        };
        for item in items {
            match item {
                Value::Map(map) => maps.push((*map).clone()),
                other => return args.fail(format!("a mapping is needed, not {}", a(other.kind()))),
            }
        }
    }
    let mut maps = maps.into_iter();
    let first = maps.next().unwrap_or_default();
    let result = maps.fold(first, |x, y| merge(&x, &y, recursive, lists));
    args.done(result)
}

/// `dict2items(key_name='key', value_name='value')`.
fn dict2items(value: Val, mut args: Args<'_, '_>) -> Eval {
    let (key, val) = (
        args.text("key_name", "key")?,
        args.text("value_name", "value")?,
    );
    let map = match &value {
        Val::Data(Value::Map(map)) => (**map).clone(),
        other => mapping(other, &args)?,
    };
    let items = map.iter().map(|(k, v)| {
        Value::map([
            (key.as_str(), Value::from(k.as_str())),
            (val.as_str(), v.clone()),
        ])
    });
    args.done(Value::list(items))
}

/// `items2dict(key_name='key', value_name='value')`.
fn items2dict(value: Val, mut args: Args<'_, '_>) -> Eval {
    let (key, val) = (
        args.text("key_name", "key")?,
        args.text("value_name", "value")?,
    );
    let value = args.cx.data(&value)?;
    let Value::List(items) = &value else {
        return args.fail(format!("a list is needed, not {}", a(value.kind())));
    };
    let mut out = Map::new();
    for item in items.iter() {
        match (item.get(&key).and_then(key_text), item.get(&val)) {
            (Some(k), Some(v)) => {
                out.insert(k, v.clone());
            }
            _ => {
                return args.fail(format!(
                    "every item must be a mapping with `{key}` and `{val}`"
                ));
            }
        }
    }
    args.done(out)
}

/// `dictsort(case_sensitive=false, by='key', reverse=false)`.
fn dictsort(value: Val, mut args: Args<'_, '_>) -> Eval {
    let case = args.flag("case_sensitive", false)?;
    let by = args.text("by", "key")?;
    let reverse = args.flag("reverse", false)?;
    if !matches!(by.as_str(), "key" | "value") {
        return args.fail(format!("`by` must be `key` or `value`, not `{by}`"));
    }
    let map = match args.cx.deep(&Value::from(mapping(&value, &args)?))? {
        Value::Map(map) => (*map).clone(),
        _ => Map::new(),
    };
    let fold = |v: &Value| match v {
        Value::Str(s) if !case => Value::from(s.to_lowercase()),
        other => other.clone(),
    };
    let mut pairs: Vec<(Value, Value, Value)> = map
        .into_iter()
        .map(|(k, v)| {
            let k = Value::from(k);
            (fold(if by == "key" { &k } else { &v }), k, v)
        })
        .collect();
    if pairs
        .windows(2)
        .any(|w| ops::order(&w[0].0, &w[1].0).is_none())
    {
        return args.fail("the values are of kinds that have no order among them");
    }
    pairs.sort_by(|x, y| {
        let order = ops::order(&x.0, &y.0).unwrap_or(std::cmp::Ordering::Equal);
        if reverse { order.reverse() } else { order }
    });
    args.done(Value::list(
        pairs.into_iter().map(|(_, k, v)| Value::list([k, v])),
    ))
}

/// `rekey_on_member(key, duplicates='error')`.
fn rekey_on_member(value: Val, mut args: Args<'_, '_>) -> Eval {
    let key = args.need_text("key")?;
    let duplicates = args.text("duplicates", "error")?;
    if !matches!(duplicates.as_str(), "error" | "overwrite") {
        return args.fail(format!(
            "`duplicates` must be `error` or `overwrite`, not `{duplicates}`"
        ));
    }
    let value = args.cx.data(&value)?;
    let items: Vec<Value> = match &value {
        Value::List(items) => (**items).clone(),
        Value::Map(map) => map.values().cloned().collect(),
        other => {
            return args.fail(format!(
                "a list or mapping is needed, not {}",
                a(other.kind())
            ));
        }
    };
    let mut out = Map::new();
    for item in items {
        let Some(name) = item.get(&key).and_then(key_text) else {
            return args.fail(format!("an item has no `{key}`"));
        };
        if out.insert(name.clone(), item).is_some() && duplicates == "error" {
            return args.fail(format!("two items have the `{key}` `{name}`"));
        }
    }
    args.done(out)
}
