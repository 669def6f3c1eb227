//! The filters: one table of names for each file, one function for each filter.

mod basics;
mod chance;
mod crypto;
mod dicts;
mod ip;
mod json;
mod lists;
mod math;
mod password_hash;
pub(crate) mod path;
pub(crate) mod regex;
mod select;
mod sets;
mod strings;
pub(crate) mod time;
mod units;
mod urls;
mod wrap;
pub(crate) mod yaml;

use super::args::{Args, Eval};
use super::val::Val;
use crate::error::Diagnostic;
use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use chance::Dice;
pub(crate) use dicts::{ListMerge, merge};
pub(crate) use lists::flatten_into;
pub use password_hash::PasswordHash;
pub(crate) use password_hash::random_text;
pub(crate) use sets::crossed;

/// A filter: the value before the `|` and the arguments.
pub(crate) type Filter = fn(Val, Args<'_, '_>) -> Eval;

/// A file's filters by name.
pub(crate) type Table = &'static [(&'static str, Filter)];

const TABLES: [Table; 19] = [
    basics::TABLE,
    chance::TABLE,
    crypto::TABLE,
    dicts::TABLE,
    ip::TABLE,
    json::TABLE,
    lists::TABLE,
    math::TABLE,
    password_hash::TABLE,
    path::TABLE,
    regex::TABLE,
    select::TABLE,
    sets::TABLE,
    strings::TABLE,
    time::TABLE,
    units::TABLE,
    urls::TABLE,
    wrap::TABLE,
    yaml::TABLE,
];

static FILTERS: LazyLock<HashMap<&'static str, Filter>> =
    LazyLock::new(|| TABLES.iter().flat_map(|t| t.iter().copied()).collect());

/// Filters people know from elsewhere that hoist does not have, and what to use.
pub(super) const INSTEAD: [(&str, &str); 6] = [
    (
        "win_basename",
        "hoist manages Linux hosts; `basename` is for their paths",
    ),
    (
        "win_dirname",
        "hoist manages Linux hosts; `dirname` is for their paths",
    ),
    (
        "win_splitdrive",
        "hoist manages Linux hosts, whose paths have no drive",
    ),
    (
        "k8s_config_resource_name",
        "compute the name once and keep it in a variable",
    ),
    ("parse_cli", "use `regex_findall` or `from_json`"),
    (
        "parse_xml",
        "have the command print JSON and use `from_json`",
    ),
];

/// The collections whose filters, tests and lookups hoist knows by their short names too.
const COLLECTIONS: [&str; 6] = [
    "ansible.builtin.",
    "ansible.legacy.",
    "ansible.utils.",
    "ansible.netcommon.",
    "community.general.",
    "community.crypto.",
];

/// The name without its collection, where hoist has the collection.
pub(crate) fn short(name: &str) -> &str {
    COLLECTIONS
        .iter()
        .find_map(|p| name.strip_prefix(p))
        .unwrap_or(name)
}

/// The filter of that name, with or without its collection.
pub(crate) fn find(name: &str) -> Option<Filter> {
    FILTERS.get(short(name)).copied()
}

/// The mistake of using a filter that does not exist.
pub(crate) fn unknown(name: &str) -> Diagnostic {
    if let Some((_, help)) = INSTEAD.iter().find(|(n, _)| *n == short(name)) {
        return Diagnostic::new(format!("the filter `{name}` is not supported")).with_help(*help);
    }
    let d = Diagnostic::new(format!("unknown filter `{name}`"));
    if super::tests::find(name).is_some() {
        return d.with_help(format!("`{name}` is a test: write `value is {name}`"));
    }
    if let Some(note) = of_collection(name) {
        return d.with_note(note).with_help(
            "write it with the filters that `hoist doc --dialect` lists, or compute the value once in a variable",
        );
    }
    d.with_nearest(short(name), names())
}

/// What there is to say of a plugin whose name is one of a collection's.
pub(crate) fn of_collection(name: &str) -> Option<String> {
    let (collection, _) = name.rsplit_once('.')?;
    (collection.contains('.') && collection != "ansible.builtin").then(|| {
        format!("a plugin of the collection `{collection}`: Python, which hoist does not run")
    })
}

/// Every filter's name, sorted; for suggestions and the documentation.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = FILTERS.keys().copied().collect();
    names.sort_unstable();
    names
}
