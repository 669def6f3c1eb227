//! What the checks ask of templates.

use crate::error::{Problems, Span};
use crate::value::{Map, Value};
use std::path::Path;

/// Checks templates without rendering them: syntax, unknown filters, tests, functions and lookups.
pub trait Templates {
    /// Every template inside a value.
    fn value(&self, value: &Value) -> Problems;

    /// A bare expression such as `when`, which begins at `span`.
    fn expression(&self, text: &str, span: &Span) -> Problems;

    /// A template file; `options` are the literal arguments of the `template` module (`trim_blocks` …).
    fn file(&self, text: &str, path: &Path, options: &Map) -> Problems;

    /// Whether there is a lookup of that name.
    fn has_lookup(&self, name: &str) -> bool;
}
