//! `map`, `select` and their family.

use super::Table;
use crate::template::args::{Args, Eval};
use crate::template::attr;
use crate::template::context::Cx;
use crate::template::val::{Val, Why};
use crate::value::Value;

pub(super) const TABLE: Table = &[
    ("map", map),
    ("reject", |v, args| select(v, args, false, false)),
    ("rejectattr", |v, args| select(v, args, true, false)),
    ("select", |v, args| select(v, args, false, true)),
    ("selectattr", |v, args| select(v, args, true, true)),
];

/// What stands at a dotted path, as Jinja2 reads the `attribute` of its filters: parts that are numbers are indices.
pub(crate) fn at_path(cx: &Cx<'_>, val: &Val, path: &str) -> Eval {
    let mut found = val.clone();
    for part in path.split('.') {
        let key = part
            .parse::<i64>()
            .map_or_else(|_| Val::from(part), Val::from);
        let holder = found;
        found = attr::item(cx, &holder, &key, || (None, None))?;
        if matches!(found, Val::Undef(_)) && matches!(key, Val::Data(Value::Int(_))) {
            found = attr::item(cx, &holder, &Val::from(part), || (None, None))?;
        }
    }
    Ok(found)
}

/// `map('filter', …)` or `map(attribute='path', default=…)`.
fn map(value: Val, mut args: Args<'_, '_>) -> Eval {
    let cx = args.cx;
    let items = items(cx, &value)?;
    let mut out = Vec::with_capacity(items.len());
    if args.positional.is_empty() {
        let attribute = match args.keyword_data("attribute")? {
            Some(v) => v.to_string(),
            None => return args.fail("the name of a filter is needed, or `attribute=`"),
        };
        let default = args.keyword("default");
        args.end()?;
        for item in items {
            let found = match (at_path(cx, &item, &attribute)?, &default) {
                (Val::Undef(_), Some(default)) => default.clone(),
                (found, _) => found,
            };
            out.push(cx.item(&found)?);
        }
        return Ok(Val::from(out));
    }
    let name = args.need_text("filter")?;
    let positional: Vec<Val> = args.positional.into_iter().collect();
    for item in items {
        let mapped = cx.filter(&name, item, positional.clone(), args.named.clone())?;
        out.push(cx.item(&mapped)?);
    }
    Ok(Val::from(out))
}

/// The items, where one that is undefined is left for the filter or test to judge.
fn items(cx: &Cx<'_>, value: &Val) -> Eval<Vec<Val>> {
    cx.iterate(value)
}

fn select(value: Val, mut args: Args<'_, '_>, by_attribute: bool, wanted: bool) -> Eval {
    let cx = args.cx;
    let attribute = if by_attribute {
        Some(args.need_text("attribute")?)
    } else {
        None
    };
    let test = args.maybe_text("test")?;
    let positional: Vec<Val> = args.positional.into_iter().collect();
    let mut out = Vec::new();
    for item in items(cx, &value)? {
        let judged = match &attribute {
            Some(path) => match at_path(cx, &item, path)? {
                Val::Undef(m) if matches!(m.why, Why::Key(None, ..)) => Val::missing(
                    Why::Hint(format!("an item of the list has no `{path}`")),
                    None,
                ),
                other => other,
            },
            None => item.clone(),
        };
        let truth = match &test {
            Some(test) => cx.test(test, judged, positional.clone(), args.named.clone())?,
            None => cx.truth(&judged)?,
        };
        if truth == wanted {
            out.push(cx.item(&item)?);
        }
    }
    Ok(Val::from(out))
}
