//! Lookups of variables and hosts.

use super::{Table, texts};
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::attr;
use crate::template::filters::regex::{Flags, matches};
use crate::template::filters::{ListMerge, merge};
use crate::template::val::{Val, Why};
use crate::value::{Map, Value};

pub(super) const TABLE: Table = &[
    ("inventory_hostnames", inventory_hostnames),
    ("merge_variables", merge_variables),
    ("varnames", varnames),
    ("vars", vars),
];

/// `lookup('vars', name, default=…)`.
fn vars(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let default = args.keyword("default");
    let cx = args.cx;
    let all = Val::obj(crate::template::val::Obj::Vars(cx.scope.clone(), None));
    let mut out = Vec::new();
    for name in texts(&mut args)? {
        let found = attr::item(cx, &all, &Val::from(name.as_str()), || (None, None))?;
        out.push(match (found, &default) {
            (Val::Undef(m), Some(default)) if matches!(m.why, Why::Key(..)) => cx.item(default)?,
            (Val::Undef(m), None) if matches!(m.why, Why::Key(..)) => {
                let names = cx.scope.names();
                let d = Diagnostic::new(format!("`{name}` is undefined"));
                return Err(d.with_nearest(&name, names.iter().map(String::as_str)));
            }
            (found, _) => cx.data(&found)?,
        });
    }
    args.end()?;
    Ok(out)
}

fn varnames(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let names = args.cx.scope.names();
    let mut out = Vec::new();
    for pattern in texts(&mut args)? {
        for name in &names {
            if matches(&pattern, name, "search", Flags::default())? {
                out.push(Value::from(name.as_str()));
            }
        }
    }
    args.end()?;
    Ok(out)
}

fn inventory_hostnames(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let pattern = texts(&mut args)?.join(",");
    let hosts = args.cx.scope.outside().match_hosts(&pattern)?;
    args.end()?;
    Ok(hosts.into_iter().map(Value::from).collect())
}

/// `community.general.merge_variables(pattern, pattern_type='regex', initial_value, override='error', groups)`:
/// all variables whose names fit, merged.
fn merge_variables(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let cx = args.cx;
    let kind = args
        .keyword_data("pattern_type")?
        .map_or_else(|| "regex".to_owned(), |v| v.to_string());
    let initial = args.keyword_data("initial_value")?;
    let overriding = args
        .keyword_data("override")?
        .map_or_else(|| "error".to_owned(), |v| v.to_string());
    if args
        .keyword_data("groups")?
        .is_some_and(|g| g != Value::Null)
    {
        return args.fail("`groups` is not supported");
    }
    if !matches!(overriding.as_str(), "error" | "warn" | "ignore") {
        return args.fail(format!(
            "`override` must be error, warn or ignore, not `{overriding}`"
        ));
    }
    let mut out = Vec::new();
    for pattern in texts(&mut args)? {
        let mut names = Vec::new();
        for name in cx.scope.names() {
            let fits = match kind.as_str() {
                "prefix" => name.starts_with(&pattern),
                "suffix" => name.ends_with(&pattern),
                "regex" => matches(&pattern, &name, "match", Flags::default())?,
                other => {
                    return args.fail(format!(
                        "`pattern_type` must be regex, prefix or suffix, not `{other}`"
                    ));
                }
            };
            if fits {
                names.push(name);
            }
        }
        names.sort();
        let mut merged = initial.clone();
        for name in names {
            let Some(val) = cx.variable(&name)? else {
                continue;
            };
            let value = cx.data(&val)?;
            merged = Some(match (merged, value) {
                (None, value) => value,
                (Some(Value::List(x)), Value::List(y)) => {
                    Value::list(x.iter().chain(y.iter()).cloned())
                }
                (Some(Value::Map(x)), Value::Map(y)) => {
                    if let Some(key) = conflict(&x, &y)
                        && overriding != "ignore"
                    {
                        let message = format!(
                            "`{name}` gives `{key}` another value than a variable before it"
                        );
                        if overriding == "error" {
                            return args.fail(message);
                        }
                        cx.scope.outside().warn(message);
                    }
                    Value::from(merge(&x, &y, true, ListMerge::Append))
                }
                (Some(x), y) => {
                    return args.fail(format!(
                        "`{name}` is {}, the others are {}",
                        crate::template::args::a(y.kind()),
                        x.kind()
                    ));
                }
            });
        }
        out.push(merged.unwrap_or_else(|| Value::from(Map::new())));
    }
    args.end()?;
    Ok(out)
}

/// A key that both have with different values that cannot be merged.
fn conflict(x: &Map, y: &Map) -> Option<String> {
    y.iter().find_map(|(key, new)| match (x.get(key)?, new) {
        (Value::Map(old), Value::Map(new)) => {
            conflict(old, new).map(|inner| format!("{key}.{inner}"))
        }
        (Value::List(_), Value::List(_)) => None,
        (old, new) if old == new => None,
        _ => Some(key.clone()),
    })
}
