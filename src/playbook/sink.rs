//! What reading finds besides the tree.

use crate::error::{Diagnostic, Problems, Span};

/// Collects mistakes and warnings while a file is read, so that all of them are reported at once.
#[derive(Default)]
pub(super) struct Sink {
    /// Mistakes.
    pub(super) problems: Problems,
    /// What is allowed but hardly meant.
    pub(super) warnings: Vec<Diagnostic>,
}

impl Sink {
    /// Adds a mistake.
    pub(super) fn error(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// Adds a mistake that needs no more than a message.
    pub(super) fn at(&mut self, span: &Span, message: impl Into<String>) {
        self.error(Diagnostic::at(span, message));
    }

    /// Adds a warning, once.
    pub(super) fn warn(&mut self, diagnostic: Diagnostic) {
        if !self.warnings.contains(&diagnostic) {
            self.warnings.push(diagnostic);
        }
    }
}
