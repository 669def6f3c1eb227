//! What checking finds.

use crate::error::{Diagnostic, Problems};

/// Mistakes, which stop the run, and warnings, which do not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// What is wrong.
    pub problems: Problems,
    /// What looks wrong.
    pub warnings: Vec<Diagnostic>,
}

impl Findings {
    pub(super) fn error(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    pub(super) fn warn(&mut self, diagnostic: Diagnostic) {
        if !self.warnings.contains(&diagnostic) {
            self.warnings.push(diagnostic);
        }
    }
}
