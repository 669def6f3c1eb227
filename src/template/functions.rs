//! The global functions.

use super::args::{Args, Eval};
use super::context::Cx;
use super::eval::Given;
use super::val::{Obj, Val};
use crate::error::Diagnostic;
use crate::value::{Map, Value};
use std::cell::RefCell;
use std::sync::Arc;

/// Every global function's name.
pub(crate) const NAMES: [&str; 11] = [
    "cycler",
    "dict",
    "joiner",
    "lipsum",
    "lookup",
    "namespace",
    "now",
    "q",
    "query",
    "range",
    "undef",
];

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|n| *n == name)
}

/// The mistake of calling a function that does not exist.
pub(crate) fn unknown(name: &str) -> Diagnostic {
    let d = Diagnostic::new(format!("unknown function `{name}`"));
    if super::filters::find(name).is_some() {
        return d.with_help(format!("`{name}` is a filter: write `value | {name}`"));
    }
    d.with_nearest(name, NAMES)
}

/// Calls the global function `name`.
pub(crate) fn call(cx: &Cx<'_>, name: &str, given: Given) -> Eval {
    let (positional, named) = given;
    if matches!(name, "lookup" | "query" | "q") {
        return super::lookups::call(cx, name, positional, named);
    }
    let mut args = Args::new(format!("function `{name}`"), cx, positional, named);
    let result = match name {
        "range" => range(&mut args)?,
        "dict" => dict(&mut args)?,
        "namespace" => {
            let Value::Map(map) = cx.data(&dict(&mut args)?)? else {
                return Ok(Val::null());
            };
            let pairs = map
                .iter()
                .map(|(k, v)| (Arc::from(k.as_str()), Val::Data(v.clone())));
            Val::obj(Obj::Namespace(RefCell::new(pairs.collect())))
        }
        "now" => {
            let utc = args.flag("utc", false)?;
            let format = args.maybe_text("fmt")?;
            super::filters::time::now(utc, format.as_deref())?
        }
        "undef" => {
            let hint = args.text("hint", "a variable that must be set was not set")?;
            Val::undef(hint)
        }
        "cycler" => Val::obj(Obj::Cycler(
            args.positional.drain(..).collect(),
            RefCell::new(0),
        )),
        "joiner" => Val::obj(Obj::Joiner(args.text("sep", ", ")?, RefCell::new(false))),
        other => {
            return Err(Diagnostic::new(format!(
                "the function `{other}` is not supported"
            )));
        }
    };
    args.end()?;
    Ok(result)
}

fn range(args: &mut Args<'_, '_>) -> Eval {
    let first = args.need("start")?;
    let second = args.maybe_int("stop")?;
    let step = args.int("step", 1)?;
    let Value::Int(first) = first else {
        return Err(args.wrong("start", "an integer", &first));
    };
    if step == 0 {
        return args.fail("the step cannot be 0");
    }
    let (start, stop) = match second {
        Some(stop) => (first, stop),
        None => (0, first),
    };
    Ok(Val::obj(Obj::Range(start, stop, step)))
}

fn dict(args: &mut Args<'_, '_>) -> Eval {
    let mut map = Map::new();
    if let Some(first) = args.positional.pop_front() {
        match args.cx.data(&first)? {
            Value::Map(m) => map.extend(m.iter().map(|(k, v)| (k.clone(), v.clone()))),
            Value::List(items) => {
                for item in items.iter() {
                    match item.as_list() {
                        Some([key, value]) => {
                            map.insert(key.to_string(), value.clone());
                        }
                        _ => return args.fail("a list must hold pairs of a key and a value"),
                    }
                }
            }
            other => {
                return Err(args.wrong("first argument", "a mapping or a list of pairs", &other));
            }
        }
    }
    for (name, val) in std::mem::take(&mut args.named) {
        map.insert(name, args.cx.item(&val)?);
    }
    Ok(Val::from(map))
}
