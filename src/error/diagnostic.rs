//! One mistake, and a list of them.

use super::Span;
use std::fmt;

/// One mistake as shown to the user. Build with [`Diagnostic::new`] and the `with_*` methods;
/// messages are lower case, without a full stop, with backticks round literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
    /// Why, or more about it; a line each.
    pub notes: Vec<String>,
    /// What to do next.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span: None,
            notes: Vec::new(),
            help: None,
        }
    }

    /// A mistake at a place.
    pub fn at(span: &Span, message: impl Into<String>) -> Self {
        Self::new(message).with_span(span)
    }

    /// Sets the place, unless one is known already (the innermost place is the most exact).
    pub fn with_span(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    /// Adds a line that says why.
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Sets what to do next.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets "did you mean …?" when a candidate is near `name`.
    pub fn with_nearest<'a>(
        self,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        match super::nearest(name, candidates) {
            Some(near) => self.with_help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    /// The whole story over several lines, without colour and without a final line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(span) = &self.span {
            let number = span.line.to_string();
            let pad = " ".repeat(number.len());
            write!(f, "\n{pad}--> {span}")?;
            if let Some(line) = span.source.line(span.line) {
                // Tabs become spaces so that the caret stands under its column.
                let line = line.replace('\t', " ");
                let indent = " ".repeat(span.column.saturating_sub(1) as usize);
                let rest = line
                    .chars()
                    .count()
                    .saturating_sub(span.column.saturating_sub(1) as usize);
                let carets = "^".repeat((span.length as usize).min(rest).max(1));
                write!(f, "\n{pad} |\n{number} | {line}\n{pad} | {indent}{carets}")?;
            }
        }
        for note in &self.notes {
            write!(f, "\n  note: {note}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// Every mistake found, in the order of the files; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Diagnostic>);

impl Problems {
    /// No mistakes so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, unless the very same is there already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: Problems) {
        other.0.into_iter().for_each(|d| self.push(d));
    }

    /// The value of `result`, or `None` after its mistake was added.
    pub fn take<T, E: Into<Problems>>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.extend(error.into());
                None
            }
        }
    }

    /// Sorts by line within each file, the files as they were met first.
    pub fn sort(&mut self) {
        let path = |d: &Diagnostic| d.span.as_ref().map(|span| span.path().to_owned());
        let mut files = Vec::new();
        for problem in &self.0 {
            let path = path(problem);
            if !files.contains(&path) {
                files.push(path);
            }
        }
        self.0.sort_by_cached_key(|d| {
            let file = path(d);
            let place = d.span.as_ref().map(|span| (span.line, span.column));
            (files.iter().position(|known| *known == file), place)
        });
    }

    /// `Ok(value)` when nothing was found, else the list.
    pub fn or_ok<T>(self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl From<Diagnostic> for Problems {
    fn from(d: Diagnostic) -> Self {
        Self(vec![d])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
