//! Templates: Ansible's Jinja over hoist's values.
//!
//! minijinja reads the syntax; evaluating is hoist's own, because users notice everywhere whether a template behaves like
//! Jinja2 on Python: native types, lazy variables, undefined values that name themselves, lists that change, text that
//! came from a host and is never rendered. [`Templar`] is the way in, [`Scope`] and [`Outside`] are what it needs.
//!
//! A value on its way is a `Val`; `Run` walks statements and expressions, `Cx` knows whose variables count and resolves
//! lazy ones; filters, tests and lookups each have a folder with one table of names.

mod args;
mod ast;
mod attr;
mod call;
mod check;
mod context;
mod eval;
mod filters;
mod format;
mod functions;
mod inheritance;
mod layered;
mod literal;
#[cfg(test)]
mod lookup_tests;
pub mod lookups;
mod methods;
mod ops;
mod origin;
mod parse;
mod run;
mod scope;
#[cfg(test)]
mod smoke;
mod syntax;
mod templar;
#[cfg(test)]
mod testing;
mod tests;
mod val;

pub use check::Reference;
pub use filters::PasswordHash;
pub use layered::Layered;
pub use scope::{Outside, Scope};
pub use syntax::Syntax;
pub use templar::{CheckedFile, Templar, TemplateOptions};

/// Every filter's name, for the documentation.
pub fn filter_names() -> Vec<&'static str> {
    filters::names()
}

/// Filters and lookups that hoist lacks, with what to use instead, for the documentation.
pub fn missing_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    filters::INSTEAD.into_iter().chain(lookups::INSTEAD)
}

/// Every global function's name, for the documentation.
pub fn function_names() -> Vec<&'static str> {
    functions::NAMES.to_vec()
}

/// The methods of texts, lists and mappings, for the documentation.
pub fn method_names() -> [(&'static str, Vec<&'static str>); 3] {
    [
        ("texts", methods::text::NAMES.to_vec()),
        ("lists", methods::containers::LIST.to_vec()),
        ("mappings", methods::containers::MAP.to_vec()),
    ]
}

/// Every test's name, for the documentation.
pub fn test_names() -> Vec<&'static str> {
    tests::names()
}
