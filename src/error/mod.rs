//! What goes wrong, told to people: a message, the place in a file with the line and a caret, and what to do next.
//!
//! Ground floor of the house: everything may import it, it imports nothing.

mod diagnostic;
mod source;

pub use diagnostic::{Diagnostic, Problems};
pub use source::{Source, Span};

/// The candidate closest to `name`, when one is close enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(name, c), c))
        .filter(|(d, c)| *d <= 1 + c.chars().count().max(name.chars().count()) / 4)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}
