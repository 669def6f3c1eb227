//! `a.b`, `a['b']`, `a[1:2]`.

use super::args::Eval;
use super::context::Cx;
use super::methods;
use super::val::{Obj, Place, Val, Why};
use crate::error::Diagnostic;
use crate::value::Value;
use std::sync::Arc;

/// `base.name`: a method first, then a key, as Python's attributes go before items.
pub(crate) fn attr(
    cx: &Cx<'_>,
    base: &Val,
    name: &str,
    path: impl Fn() -> (Option<String>, Option<Place>),
) -> Eval {
    if let Val::Undef(_) = base {
        return Ok(base.clone());
    }
    if methods::exists(base, name) {
        return Ok(Val::obj(Obj::Method(base.clone(), Arc::from(name))));
    }
    if let Some(found) = lookup(cx, base, &Val::from(name), &path)? {
        return Ok(found);
    }
    let (path, place) = path();
    Ok(Val::missing(
        Why::Key(path, base.clone(), name.to_owned()),
        place,
    ))
}

/// `base[key]`: a key or index first, then a method.
pub(crate) fn item(
    cx: &Cx<'_>,
    base: &Val,
    key: &Val,
    path: impl Fn() -> (Option<String>, Option<Place>),
) -> Eval {
    if let Val::Undef(_) = base {
        return Ok(base.clone());
    }
    if let Val::Undef(_) = key {
        return Ok(key.clone());
    }
    if let Some(found) = lookup(cx, base, key, &path)? {
        return Ok(found);
    }
    if let Val::Data(Value::Str(name)) = key
        && methods::exists(base, name)
    {
        return Ok(Val::obj(Obj::Method(base.clone(), name.clone())));
    }
    let (path, place) = path();
    let key = cx.text(key)?;
    Ok(Val::missing(Why::Key(path, base.clone(), key), place))
}

/// The text by which a mapping holds `key`; numbers and booleans are held as their text.
pub(crate) fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::Str(s) => Some(s.to_string()),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => Some(key.to_string()),
        _ => None,
    }
}

fn lookup(
    cx: &Cx<'_>,
    base: &Val,
    key: &Val,
    path: &impl Fn() -> (Option<String>, Option<Place>),
) -> Eval<Option<Val>> {
    let Val::Data(key) = key else { return Ok(None) };
    let label = |found: &Value| {
        // A label is only for templates, to name them in a cycle.
        matches!(found, Value::Template(_)).then(|| match path().0 {
            Some(path) => format!("{path}.{key}"),
            None => key.to_string(),
        })
    };
    match base {
        Val::Data(Value::Map(map)) => {
            let found = match key {
                Value::Str(s) => map.get(&**s),
                // Booleans and numbers that were keys in YAML are their text; YAML writes `true` in lower case.
                Value::Bool(b) => map
                    .get(&key.to_string())
                    .or_else(|| map.get(if *b { "true" } else { "false" })),
                other => key_text(other).and_then(|k| map.get(&k)),
            };
            match found {
                Some(v) => cx.touch(v.clone(), label(v).as_deref()).map(Some),
                None => Ok(None),
            }
        }
        Val::Data(Value::List(items)) => match index(key, items.len()) {
            Some(i) => cx
                .touch(items[i].clone(), label(&items[i]).as_deref())
                .map(Some),
            None => Ok(None),
        },
        Val::Data(Value::Str(s)) => Ok(match key {
            Value::Int(_) => index(key, s.chars().count())
                .and_then(|i| s.chars().nth(i))
                .map(|c| Val::from(c.to_string())),
            _ => None,
        }),
        Val::Data(_) | Val::Undef(_) => Ok(None),
        Val::Obj(obj) => object(cx, obj, key),
    }
}

fn index(key: &Value, len: usize) -> Option<usize> {
    let i = match key {
        Value::Int(i) => *i,
        Value::Bool(b) => i64::from(*b),
        _ => return None,
    };
    let i = if i < 0 { i.checked_add(len as i64)? } else { i };
    usize::try_from(i).ok().filter(|i| *i < len)
}

fn object(cx: &Cx<'_>, obj: &Obj, key: &Value) -> Eval<Option<Val>> {
    let name = key_text(key).unwrap_or_default();
    Ok(match obj {
        Obj::Namespace(map) => map.borrow().get(name.as_str()).cloned(),
        Obj::Module(map) => map.get(name.as_str()).cloned(),
        Obj::Range(start, stop, step) => {
            let len = range_len(*start, *stop, *step);
            index(key, len as usize).map(|i| Val::from(start + i as i64 * step))
        }
        Obj::HostVars(scope) => scope
            .host(&name)
            .map(|vars| Val::obj(Obj::Vars(vars, Some(name)))),
        Obj::Vars(scope, host) => match (name.as_str(), host) {
            ("hostvars", _) => Some(Val::obj(Obj::HostVars(scope.clone()))),
            _ => match scope.get(&name) {
                // Another host's value must be resolved among that host's variables before it leaves them.
                Some(value) => {
                    let inner = cx.with_scope(scope.clone(), host.as_deref());
                    let label = match host {
                        Some(host) => format!("hostvars['{host}'].{name}"),
                        None => name,
                    };
                    Some(match inner.touch(value, Some(&label))? {
                        Val::Data(v) if host.is_some() => Val::Data(inner.deep(&v).unwrap_or(v)),
                        other => other,
                    })
                }
                None => None,
            },
        },
        Obj::Loop(l) => loop_attr(l, &name),
        Obj::Cycler(values, next) if name == "current" => values.get(*next.borrow()).cloned(),
        Obj::Time(t) => super::filters::time::attr(t, &name),
        Obj::Elapsed(us) => super::filters::time::elapsed_attr(*us, &name),
        Obj::Macro(m) => match name.as_str() {
            "name" => Some(Val::from(&*m.def.name)),
            "arguments" => Some(Val::from(Value::list(
                m.def.params.iter().map(|p| Value::from(&**p)),
            ))),
            _ => None,
        },
        Obj::Method(..) | Obj::Block(..) | Obj::Function(_) | Obj::Cycler(..) | Obj::Joiner(..) => {
            None
        }
    })
}

fn loop_attr(l: &super::val::Loop, name: &str) -> Option<Val> {
    let len = l.items.len();
    Some(match name {
        "index" => Val::from(l.index0 + 1),
        "index0" => Val::from(l.index0),
        "revindex" => Val::from(len - l.index0),
        "revindex0" => Val::from(len - l.index0 - 1),
        "first" => Val::from(l.index0 == 0),
        "last" => Val::from(l.index0 + 1 == len),
        "length" => Val::from(len),
        "depth" => Val::from(l.depth + 1),
        "depth0" => Val::from(l.depth),
        "previtem" => match l.index0.checked_sub(1) {
            Some(i) => l.items[i].clone(),
            None => Val::undef("there is no item before the first"),
        },
        "nextitem" => match l.items.get(l.index0 + 1) {
            Some(v) => v.clone(),
            None => Val::undef("there is no item after the last"),
        },
        _ => return None,
    })
}

/// How many numbers a range holds.
pub(crate) fn range_len(start: i64, stop: i64, step: i64) -> i64 {
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let n = match step {
        0 => 0,
        s if s > 0 => (stop - start + s - 1).div_euclid(s),
        s => (start - stop - s - 1).div_euclid(-s),
    };
    i64::try_from(n.max(0)).unwrap_or(i64::MAX)
}

/// `base[start:stop:step]` with Python's rules. Errors: not a text or list, a step of zero, bounds that are no integers.
pub(crate) fn slice(cx: &Cx<'_>, base: &Val, bounds: [Option<Val>; 3]) -> Eval {
    let value = match base {
        Val::Undef(_) => return Ok(base.clone()),
        Val::Data(v) => v.clone(),
        other => cx.data(other)?,
    };
    let mut ints = [None; 3];
    for (slot, bound) in ints.iter_mut().zip(bounds) {
        *slot = match bound.map(|b| cx.data(&b)).transpose()? {
            None | Some(Value::Null) => None,
            Some(Value::Int(i)) => Some(i),
            Some(other) => {
                return Err(Diagnostic::new(format!(
                    "a slice takes integers, not {}",
                    super::args::a(other.kind())
                )));
            }
        };
    }
    let picks = |len| slice_indices(len, ints);
    match value {
        Value::List(items) => {
            let items: Vec<Value> = picks(items.len())?.map(|i| items[i].clone()).collect();
            Ok(Val::from(items))
        }
        Value::Str(s) => {
            let chars: Vec<char> = s.chars().collect();
            Ok(Val::from(
                picks(chars.len())?.map(|i| chars[i]).collect::<String>(),
            ))
        }
        other => Err(Diagnostic::new(format!(
            "{} cannot be sliced",
            super::args::a(other.kind())
        ))),
    }
}

fn slice_indices(
    len: usize,
    [start, stop, step]: [Option<i64>; 3],
) -> Eval<impl Iterator<Item = usize>> {
    let len = len as i64;
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Diagnostic::new("the step of a slice cannot be 0"));
    }
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(b) if b < 0 => b.saturating_add(len).clamp(low, high),
        Some(b) => b.clamp(low, high),
    };
    let (start, stop) = if step > 0 {
        (clamp(start, 0), clamp(stop, len))
    } else {
        (clamp(start, len - 1), clamp(stop, -1))
    };
    let count = range_len(start, stop, step);
    Ok((0..count).map(move |i| (start + i * step) as usize))
}
