//! The tests, what stands after `is`.

mod files;
mod kinds;
mod results;
mod texts;
mod version;

use super::args::{Args, Eval};
use super::val::Val;
use crate::error::Diagnostic;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A test: the value before `is` and the arguments.
pub(crate) type Test = fn(Val, Args<'_, '_>) -> Eval<bool>;

/// A file's tests by name.
pub(crate) type Table = &'static [(&'static str, Test)];

static TESTS: LazyLock<HashMap<&'static str, Test>> = LazyLock::new(|| {
    [
        files::TABLE,
        kinds::TABLE,
        results::TABLE,
        texts::TABLE,
        version::TABLE,
    ]
    .iter()
    .flat_map(|t| t.iter().copied())
    .collect()
});

/// The test of that name, with or without its collection.
pub(crate) fn find(name: &str) -> Option<Test> {
    TESTS.get(super::filters::short(name)).copied()
}

/// The mistake of using a test that does not exist.
pub(crate) fn unknown(name: &str) -> Diagnostic {
    let d = Diagnostic::new(format!("unknown test `{name}`"));
    if super::filters::find(name).is_some() {
        return d.with_help(format!("`{name}` is a filter: write `value | {name}`"));
    }
    if let Some(note) = super::filters::of_collection(name) {
        return d
            .with_note(note)
            .with_help("write the condition with the tests that `hoist doc --dialect` lists");
    }
    d.with_nearest(super::filters::short(name), names())
}

/// Every test's name, sorted; for suggestions and the documentation.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = TESTS.keys().copied().collect();
    names.sort_unstable();
    names
}
