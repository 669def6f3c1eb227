//! A keyword's value and where it stands.

use crate::error::Span;
use crate::value::Value;
use std::ops::Deref;

/// A raw value, possibly still a template, and its place. Reads like the [`Value`] itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// The value as written.
    pub value: Value,
    /// Where it begins.
    pub span: Span,
}

impl Located {
    /// A value at a place.
    pub fn new(value: Value, span: &Span) -> Self {
        Self {
            value,
            span: span.clone(),
        }
    }
}

impl Deref for Located {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}
