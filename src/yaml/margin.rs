//! Lines inside brackets or quotes that begin too far left.
//!
//! YAML 1.2 wants them indented deeper than the key they belong to, and so does our parser; libyaml, which Ansible reads
//! with, does not care, and a closing `]` below its key is common. White space at the start of such a line means
//! nothing, so the line is moved right and read again.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// How often one text is read again.
const MAX_TRIES: usize = 1000;

/// How many spaces stand before which lines (counted from 1).
#[derive(Clone, Default)]
pub(super) struct Margin {
    lines: BTreeMap<usize, usize>,
    tries: usize,
}

impl Margin {
    /// The spaces before a line.
    pub(super) fn of(&self, line: usize) -> usize {
        self.lines.get(&line).copied().unwrap_or(0)
    }

    /// The text with the spaces put in.
    pub(super) fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.lines.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len() * 2);
        for (i, line) in text.split_inclusive('\n').enumerate() {
            out.extend(std::iter::repeat_n(' ', self.of(i + 1)));
            out.push_str(line);
        }
        Cow::Owned(out)
    }

    /// A margin that mends what the parser complained about at a line and column (counted from 0) of `text`; `None` when
    /// the complaint is about something else, or the line was moved already.
    pub(super) fn widen(&self, text: &str, line: usize, column: usize, info: &str) -> Option<Self> {
        let last = match info {
            "invalid indentation" | "invalid indentation in flow construct" => line,
            "invalid indentation in quoted scalar" => closing_line(text, line, column)?,
            _ => return None,
        };
        let first = if info.ends_with("scalar") {
            line + 1
        } else {
            line
        };
        if self.tries >= MAX_TRIES || self.lines.contains_key(&first) || last < first {
            return None;
        }
        // `- - key:` begins a mapping where its key stands.
        let opening = [' ', '-', '?', ':'];
        let deepest = text
            .lines()
            .map(|l| l.len() - l.trim_start_matches(opening).len())
            .max();
        let mut wider = self.clone();
        wider.tries += 1;
        for line in first..=last {
            wider.lines.insert(line, deepest.unwrap_or(0) + 2);
        }
        Some(wider)
    }
}

/// The line on which the quoted text that begins at a place ends.
fn closing_line(text: &str, line: usize, column: usize) -> Option<usize> {
    let mut number = line;
    let mut rest = text.split_inclusive('\n').skip(line.checked_sub(1)?);
    let mut chars: Vec<char> = rest.next()?.chars().skip(column).collect();
    let quote = *chars.first().filter(|c| matches!(c, '"' | '\''))?;
    let mut i = 1;
    loop {
        while let Some(&c) = chars.get(i) {
            let doubled = c == '\'' && chars.get(i + 1) == Some(&'\'');
            if c == quote && !doubled {
                return Some(number);
            }
            i += if (quote == '"' && c == '\\') || (quote == '\'' && doubled) {
                2
            } else {
                1
            };
        }
        let next = rest.next()?;
        // A document marker ends everything, also for libyaml.
        if next.starts_with("---") || next.starts_with("...") {
            return None;
        }
        number += 1;
        chars = next.chars().collect();
        i = 0;
    }
}
