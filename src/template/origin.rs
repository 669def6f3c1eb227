//! From a place in a template's text to a place in the user's file.

use super::ast::{At, Unit};
use crate::error::{Source, Span};
use std::sync::Arc;

/// Where a template's text comes from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A scalar of a YAML file (or nothing known).
    Scalar(Option<Span>),
    /// A file of its own.
    File(Arc<Source>),
}

impl Origin {
    /// The place of `at` in the user's file; the scalar's start where the exact one cannot be told.
    pub(crate) fn locate(&self, unit: &Unit, at: At) -> Option<Span> {
        locate_in(self, &unit.text, unit.skipped_lines, at)
    }
}

/// See [`Origin::locate`]; for text that did not compile.
pub(crate) fn locate_in(origin: &Origin, text: &str, skipped_lines: u32, at: At) -> Option<Span> {
    let mut start = (at.start as usize).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (at.end as usize).clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let end = text[start..end.max(start)]
        .find('\n')
        .map_or(end.max(start), |n| start + n);
    match origin {
        Origin::File(source) => {
            let before = &text[..start];
            Some(Span {
                source: source.clone(),
                line: before.matches('\n').count() as u32 + 1 + skipped_lines,
                column: before
                    .rsplit('\n')
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .count() as u32
                    + 1,
                length: text[start..end].chars().count() as u32,
            })
        }
        Origin::Scalar(span) => {
            let span = span.as_ref()?;
            Some(within_scalar(span, text, start, end).unwrap_or_else(|| span.clone()))
        }
    }
}

/// Finds the piece `text[start..end]` again in the file: the same occurrence, counted from where the scalar starts.
/// YAML's folding and quoting move text about, so offsets alone would not do.
fn within_scalar(span: &Span, text: &str, start: usize, end: usize) -> Option<Span> {
    let piece = &text[start..end];
    if piece.is_empty() {
        return None;
    }
    let nth = text[..start].matches(piece).count();
    let mut seen = 0;
    let lines = text.matches('\n').count() * 2 + 40;
    for (i, line) in span
        .source
        .text
        .lines()
        .enumerate()
        .skip(span.line.saturating_sub(1) as usize)
        .take(lines)
    {
        let skip: usize = if i + 1 == span.line as usize {
            line.chars()
                .take(span.column.saturating_sub(1) as usize)
                .map(char::len_utf8)
                .sum()
        } else {
            0
        };
        for (at, _) in line[skip..].match_indices(piece) {
            if seen == nth {
                return Some(Span {
                    source: span.source.clone(),
                    line: i as u32 + 1,
                    column: line[..skip + at].chars().count() as u32 + 1,
                    length: piece.chars().count() as u32,
                });
            }
            seen += 1;
        }
    }
    None
}
