//! The pairs of one mapping put together.

use super::Node;
use crate::error::{Diagnostic, Span};
use std::collections::HashMap;

/// Puts what `<<` brought in and what the mapping says itself together, each key once, and warns about keys that are
/// given twice.
pub(super) fn settle(
    merged: Vec<(Node, Node)>,
    own: Vec<(Node, Node)>,
    warnings: &mut Vec<Diagnostic>,
) -> Vec<(Node, Node)> {
    // As PyYAML: what is merged comes first, what the mapping says itself takes its place there.
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut pairs: Vec<(Node, Node)> = Vec::with_capacity(merged.len() + own.len());
    for (key, value) in merged {
        match index.get(&key.key_text()) {
            Some(&at) => pairs[at].1 = value,
            None => {
                index.insert(key.key_text(), pairs.len());
                pairs.push((key, value));
            }
        }
    }
    let mut seen: HashMap<String, Span> = HashMap::new();
    for (key, value) in own {
        let name = key.key_text();
        if let Some(first) = seen.insert(name.clone(), key.span.clone()) {
            warnings.push(
                Diagnostic::at(
                    &key.span,
                    format!("the key `{name}` is given twice in this mapping"),
                )
                .with_note(format!(
                    "it stands first on line {}; the last one counts",
                    first.line
                )),
            );
        }
        match index.get(&name) {
            Some(&at) => pairs[at] = (key, value),
            None => {
                index.insert(name, pairs.len());
                pairs.push((key, value));
            }
        }
    }
    pairs
}
