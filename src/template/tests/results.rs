//! Tests of registered results.

use super::Table;
use crate::template::args::{Args, Eval, a};
use crate::template::val::Val;
use crate::value::{Map, Value};
use std::sync::Arc;

pub(super) const TABLE: Table = &[
    ("change", changed),
    ("changed", changed),
    ("failed", failed),
    ("failure", failed),
    ("finished", |v, a| flag(v, a, "finished", true)),
    ("reachable", |v, a| {
        flag(v, a, "unreachable", false).map(|b| !b)
    }),
    ("skip", |v, a| flag(v, a, "skipped", false)),
    ("skipped", |v, a| flag(v, a, "skipped", false)),
    ("started", |v, a| flag(v, a, "started", true)),
    ("succeeded", |v, a| failed(v, a).map(|b| !b)),
    ("success", |v, a| failed(v, a).map(|b| !b)),
    ("successful", |v, a| failed(v, a).map(|b| !b)),
    ("timedout", |v, a| {
        let result = result(&v, &a)?;
        a.end()?;
        Ok(result
            .get("timedout")
            .is_some_and(|t| t.get("period").is_some_and(Value::is_true)))
    }),
    ("unreachable", |v, a| flag(v, a, "unreachable", false)),
];

fn result(value: &Val, args: &Args<'_, '_>) -> Eval<Arc<Map>> {
    match value {
        Val::Data(Value::Map(map)) => Ok(map.clone()),
        Val::Undef(m) => Err(m.diagnostic()),
        other => args.fail(format!(
            "a registered result is needed, not {}",
            a(other.kind())
        )),
    }
}

fn flag(value: Val, args: Args<'_, '_>, key: &str, default: bool) -> Eval<bool> {
    let result = result(&value, &args)?;
    args.end()?;
    Ok(result.get(key).map_or(default, Value::is_true))
}

fn failed(value: Val, args: Args<'_, '_>) -> Eval<bool> {
    flag(value, args, "failed", false)
}

/// Its own word, or that of one of a loop's results.
fn changed(value: Val, args: Args<'_, '_>) -> Eval<bool> {
    let result = result(&value, &args)?;
    args.end()?;
    Ok(match (result.get("changed"), result.get("results")) {
        (None, Some(Value::List(results))) => results
            .iter()
            .any(|r| r.get("changed").is_some_and(Value::is_true)),
        (own, _) => own.is_some_and(Value::is_true),
    })
}
