//! One thing that was looked at, and the table of them.

use crate::report::{Paint, Tone, harmless};

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// As it should be.
    Fine,
    /// Worth knowing.
    Note,
    /// It will work, but not well, or not for long.
    Warn,
    /// To be mended before anything is installed.
    Bad,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Note => "-",
            State::Warn => "warn",
            State::Bad => "MEND",
        }
    }

    fn tone(self) -> Tone {
        match self {
            State::Fine => Tone::Ok,
            State::Note => Tone::Faint,
            State::Warn => Tone::Warning,
            State::Bad => Tone::Bad,
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) state: State,
    /// What was looked at, a word or two.
    pub(super) what: &'static str,
    /// What was found.
    pub(super) found: String,
    /// What to do about it; empty when there is nothing to do.
    pub(super) advice: String,
}

impl Finding {
    pub(super) fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self::of(State::Fine, what, found, "")
    }

    pub(super) fn of(
        state: State,
        what: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            state,
            what,
            found: found.into(),
            advice: advice.into(),
        }
    }
}

/// The table: a heading for each machine, below it a line for each finding, with the advice under those that have one.
pub(super) fn table(machines: &[(String, Vec<Finding>)], paint: Paint, width: usize) -> String {
    let what = machines
        .iter()
        .flat_map(|(_, f)| f.iter().map(|f| f.what.len()));
    let column = what.max().unwrap_or(0);
    let mut text = String::new();
    for (name, findings) in machines {
        text.push_str(&paint.tone(Tone::Heading, &harmless(name)));
        text.push('\n');
        for finding in findings {
            let word = paint.tone(
                finding.state.tone(),
                &format!("{:<4}", finding.state.word()),
            );
            let line = format!(
                "  {word}  {:<column$}  {}",
                finding.what,
                harmless(&finding.found)
            );
            text.push_str(line.trim_end());
            text.push('\n');
            for line in folded(&finding.advice, width.saturating_sub(column + 12).max(40)) {
                text.push_str(&format!("{:indent$}-> {line}\n", "", indent = column + 10));
            }
        }
        text.push('\n');
    }
    text
}

/// A text in lines of at most so many characters, broken between words.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
