//! The lookups: `lookup('file', …)`, `query(…)`, and the `with_…` loops, which are the same functions.

mod artifact;
mod config;
mod data;
mod files;
mod generated;
mod ini;
mod kustomize;
mod password;
mod tree;
mod vars;
mod web;

pub use config::SETTINGS;
pub(super) use config::known as known_setting;
pub use web::text_at;

use super::args::{Args, Eval};
use super::context::Cx;
use super::scope::Scope;
use super::templar::Templar;
use super::val::Val;
use crate::error::Diagnostic;
use crate::value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

/// A lookup: its terms are the positional arguments.
type Lookup = fn(Args<'_, '_>) -> Eval<Vec<Value>>;

/// A file's lookups by name.
type Table = &'static [(&'static str, Lookup)];

const TABLES: [Table; 11] = [
    artifact::TABLE,
    config::TABLE,
    data::TABLE,
    files::TABLE,
    generated::TABLE,
    ini::TABLE,
    kustomize::TABLE,
    password::TABLE,
    tree::TABLE,
    vars::TABLE,
    web::TABLE,
];

/// Lookups that do something or take long, and so are never run ahead of their turn.
const EFFECTS: [&str; 4] = ["kustomize", "password", "pipe", "url"];

/// Lookups that hoist does not have, and what to use.
pub(super) const INSTEAD: [(&str, &str); 5] = [
    (
        "dig",
        "use `pipe` with the command `dig`, or `getent` on a host",
    ),
    ("hashi_vault", "put the secret in an encrypted variable"),
    ("k8s", "use the module `k8s_info`, and what it registers"),
    ("redis", "put the value in a variable"),
    ("unvault_string", "use `unvault`"),
];

fn find(name: &str) -> Option<Lookup> {
    let short = super::filters::short(name);
    TABLES
        .iter()
        .flat_map(|t| t.iter())
        .find(|(n, _)| *n == short)
        .map(|(_, l)| *l)
}

/// Whether there is a lookup of that name. Errors: there is not; with the nearest, or what to use instead.
pub fn known(name: &str) -> Result<(), Diagnostic> {
    if find(name).is_some() {
        return Ok(());
    }
    let short = super::filters::short(name);
    if let Some((_, help)) = INSTEAD.iter().find(|(n, _)| *n == short) {
        return Err(
            Diagnostic::new(format!("the lookup `{name}` is not supported")).with_help(*help),
        );
    }
    let d = Diagnostic::new(format!("unknown lookup `{name}`"));
    Err(match super::filters::of_collection(name) {
        Some(note) => d.with_note(note).with_help(
            "put the value in a variable, or let a command give it: `lookup('pipe', '…')`",
        ),
        None => d.with_nearest(short, names()),
    })
}

/// Every lookup's name, sorted; for suggestions and the documentation.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = TABLES
        .iter()
        .flat_map(|t| t.iter())
        .map(|(n, _)| *n)
        .collect();
    names.sort_unstable();
    names
}

/// Runs the lookup `name` on resolved terms. Errors: no such lookup, and the lookup's own.
pub fn run(
    templar: &Templar,
    scope: &Arc<dyn Scope>,
    name: &str,
    terms: Vec<Value>,
    options: IndexMap<String, Value>,
) -> Result<Vec<Value>, Diagnostic> {
    let cx = Cx::new(templar, scope);
    let terms = terms.into_iter().map(Val::Data).collect();
    let options = options
        .into_iter()
        .map(|(k, v)| (k, Val::Data(v)))
        .collect();
    let found = start(&cx, name, terms, options)?;
    let found = Value::from(found);
    match cx.deep(&found)? {
        Value::List(items) => Ok((*items).clone()),
        other => Ok(vec![other]),
    }
}

/// The items of a `with_NAME: value` loop: `value` is resolved, made a list if it is none, and given to the lookup.
/// Errors: as [`run`]; undefined, save that `with_first_found` leaves undefined terms out, as Ansible does.
pub fn with_loop(
    templar: &Templar,
    scope: &Arc<dyn Scope>,
    name: &str,
    value: &Value,
) -> Result<Vec<Value>, Diagnostic> {
    known(name)?;
    let cx = Cx::new(templar, scope);
    let short = super::filters::short(name);
    let top = match cx.touch(value.clone(), None)? {
        Val::Data(v) => v,
        other => cx.data(&other)?,
    };
    let items = match (&top, short) {
        // A mapping is one term for `dict` and for `first_found`, a list of terms otherwise.
        (Value::List(items), _) => (**items).clone(),
        (other, _) => vec![other.clone()],
    };
    let mut terms = Vec::new();
    for item in items {
        if short == "first_found"
            && let Val::Undef(_) = cx.touch(item.clone(), None)?
        {
            continue;
        }
        match cx.deep(&item)? {
            Value::Omit => {}
            v => terms.push(v),
        }
    }
    run(templar, scope, name, terms, IndexMap::new())
}

fn start(
    cx: &Cx<'_>,
    name: &str,
    terms: Vec<Val>,
    options: IndexMap<String, Val>,
) -> Eval<Vec<Value>> {
    known(name)?;
    let Some(lookup) = find(name) else {
        return Ok(Vec::new());
    };
    if EFFECTS.contains(&super::filters::short(name)) && cx.scope.outside().is_ahead() {
        return Err(Diagnostic::new(format!(
            "the lookup `{name}` waits for its turn"
        )));
    }
    lookup(Args::new(format!("lookup `{name}`"), cx, terms, options))
}

/// `lookup(…)`, `query(…)` and `q(…)` in a template.
pub(crate) fn call(
    cx: &Cx<'_>,
    function: &str,
    positional: Vec<Val>,
    mut named: IndexMap<String, Val>,
) -> Eval {
    let mut positional = positional.into_iter();
    let name = match positional.next() {
        Some(name) => cx.data(&name)?.to_string(),
        None => {
            return Err(Diagnostic::new(format!(
                "`{function}` needs the name of a lookup"
            )));
        }
    };
    let want_list = match named.shift_remove("wantlist") {
        Some(flag) => cx.truth(&flag)?,
        None => function != "lookup",
    };
    let errors = match named.shift_remove("errors") {
        Some(how) => cx.data(&how)?.to_string(),
        None => "strict".to_owned(),
    };
    if !matches!(errors.as_str(), "strict" | "warn" | "ignore") {
        return Err(Diagnostic::new(format!(
            "`errors` must be strict, warn or ignore, not `{errors}`"
        )));
    }
    let terms: Vec<Val> = positional.collect();
    // Something undefined among the terms makes the result undefined, so that `default` can step in.
    if super::filters::short(&name) != "first_found"
        && let Some(undefined) = terms.iter().find(|t| matches!(t, Val::Undef(_)))
    {
        return Ok(undefined.clone());
    }
    known(&name)?;
    let found = match start(cx, &name, terms, named) {
        Ok(found) => found,
        Err(d) if errors == "strict" => return Err(d),
        Err(d) => {
            if errors == "warn" {
                cx.scope.outside().warn(d.message.clone());
            }
            return Ok(if want_list {
                Val::from(Value::list([]))
            } else {
                Val::null()
            });
        }
    };
    if want_list || found.is_empty() {
        return Ok(Val::from(found));
    }
    if found.len() == 1 {
        return found
            .into_iter()
            .next()
            .map_or(Ok(Val::null()), |v| cx.touch(v, None));
    }
    let texts: Option<Vec<&str>> = found.iter().map(Value::as_str).collect();
    Ok(match texts {
        Some(texts) => Val::from(texts.join(",")),
        None => Val::from(found),
    })
}

/// The terms as data.
fn terms(args: &mut Args<'_, '_>) -> Eval<Vec<Value>> {
    let cx = args.cx;
    args.positional.drain(..).map(|t| cx.data(&t)).collect()
}

/// The terms as texts.
fn texts(args: &mut Args<'_, '_>) -> Eval<Vec<String>> {
    let mut out = Vec::new();
    for term in terms(args)? {
        match term {
            Value::List(items) => out.extend(items.iter().map(Value::to_string)),
            other => out.push(other.to_string()),
        }
    }
    Ok(out)
}
