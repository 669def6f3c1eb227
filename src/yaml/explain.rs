//! A parser's complaint, told to people.

use crate::error::{Diagnostic, Source, Span};
use std::sync::Arc;

/// Turns a complaint of the parser at a line (from 1) and column (from 0) into one that says what to do. The parser often
/// notices a mistake late, so the text around the place is looked at first.
pub(super) fn explain(source: &Arc<Source>, line: usize, column: usize, info: &str) -> Diagnostic {
    if source.text.is_empty() {
        let to = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let span = Span {
            source: source.clone(),
            line: to(line.max(1)),
            column: to(column + 1),
            length: 1,
        };
        return Diagnostic::at(&span, format!("this is not valid YAML: {info}"));
    }
    let at = Place {
        source,
        lines: source.text.lines().collect(),
        line: line.max(1),
        column,
    };
    at.unclosed_quote(info)
        .or_else(|| at.tab(info))
        .or_else(|| at.expression())
        .or_else(|| at.by_words(info))
        .or_else(|| at.missing_space(info))
        .or_else(|| at.colon(info))
        .or_else(|| at.indentation(info))
        .or_else(|| at.open_bracket())
        .unwrap_or_else(|| Diagnostic::at(&at.span(), format!("this is not valid YAML: {info}")))
}

/// The complaint about a value that begins with `{{` outside quotes, when one stands at `span`.
pub(super) fn starts_with_expression(span: &Span) -> Option<Diagnostic> {
    let line = span.source.line(span.line)?;
    let rest: String = line.chars().skip(span.column as usize - 1).collect();
    rest.starts_with("{{").then(|| {
        let value = strip_comment(&rest);
        let length = u32::try_from(value.chars().count()).unwrap_or(1);
        Diagnostic::at(
            &Span {
                length,
                ..span.clone()
            },
            "a value that begins with `{{` must be quoted",
        )
        .with_note("YAML takes an unquoted `{` for the start of a mapping")
        .with_help(format!("write {}", quote(value)))
    })
}

fn quote(value: &str) -> String {
    if value.contains('"') {
        format!("`'{}'`", value.replace('\'', "''"))
    } else {
        format!("`\"{}\"`", value.replace('\\', "\\\\"))
    }
}

fn strip_comment(text: &str) -> &str {
    text.split(" #").next().unwrap_or(text).trim_end()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

struct Place<'a> {
    source: &'a Arc<Source>,
    lines: Vec<&'a str>,
    line: usize,
    column: usize,
}

impl Place<'_> {
    fn span(&self) -> Span {
        self.span_at(self.line, self.column, 1)
    }

    fn span_at(&self, line: usize, column: usize, length: usize) -> Span {
        // Past the end of the text the last line says more than none.
        let (line, column) = if line > self.lines.len() && !self.lines.is_empty() {
            (self.lines.len(), 0)
        } else {
            (line, column)
        };
        let to = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            source: self.source.clone(),
            line: to(line),
            column: to(column + 1),
            length: to(length),
        }
    }

    fn text(&self, line: usize) -> &str {
        line.checked_sub(1)
            .and_then(|i| self.lines.get(i))
            .copied()
            .unwrap_or_default()
    }

    /// The last line before `line` that is neither empty nor a comment.
    fn before(&self, line: usize) -> Option<usize> {
        (1..line).rev().find(|&l| {
            let text = self.text(l).trim();
            !text.is_empty() && !text.starts_with('#')
        })
    }

    /// The lines a mistake may stand on when the parser stopped at this one.
    fn suspects(&self) -> impl Iterator<Item = usize> {
        [
            Some(self.line.min(self.lines.len().max(1))),
            self.before(self.line),
        ]
        .into_iter()
        .flatten()
    }

    fn tab(&self, info: &str) -> Option<Diagnostic> {
        // A tab that ends a plain scalar is noticed while still on the line above.
        let below = info.contains("found a tab").then_some(self.line + 1);
        self.suspects().chain(below).find_map(|line| {
            let text = self.text(line);
            let tab = text[..indent(text)].chars().position(|c| c == '\t')?;
            Some(
                Diagnostic::at(
                    &self.span_at(line, tab, 1),
                    "a tab indents this line; YAML allows only spaces there",
                )
                .with_help("replace the tab with spaces"),
            )
        })
    }

    fn expression(&self) -> Option<Diagnostic> {
        self.suspects().find_map(|line| {
            let text = self.text(line);
            let at = text.find("{{")?;
            let before = text[..at].trim_start();
            let starts = before.is_empty()
                || before.trim_end().ends_with(':')
                    && before.ends_with(' ')
                    && !before.contains(['"', '\'', '#'])
                || before.ends_with("- ");
            starts.then(|| {
                starts_with_expression(&self.span_at(line, text[..at].chars().count(), 1))
            })?
        })
    }

    fn unclosed_quote(&self, info: &str) -> Option<Diagnostic> {
        let ends = ["end of stream", "document indicator", "invalid indentation"];
        if !(info.contains("quoted scalar") && ends.iter().any(|e| info.contains(e))) {
            return None;
        }
        Some(
            Diagnostic::at(
                &self.opening_quote(),
                "the quote that opens here is never closed",
            )
            .with_help("close it, or put the whole value in the other kind of quotes"),
        )
    }

    /// Where the quote that the parser stands in was opened: it may point at the value or further on.
    fn opening_quote(&self) -> Span {
        let text = self.text(self.line);
        let quotes = text.chars().enumerate().filter(|(_, c)| "'\"".contains(*c));
        match quotes.map(|(i, _)| i).find(|i| *i >= self.column) {
            Some(column) => self.span_at(self.line, column, 1),
            None => self.span(),
        }
    }

    fn by_words(&self, info: &str) -> Option<Diagnostic> {
        if (info.contains("flow sequence") || info.contains("flow mapping"))
            && let Some(open) = self.open_bracket()
        {
            return Some(open);
        }
        let span = self.span();
        let rest: String = self.text(self.line).chars().skip(self.column).collect();
        let first = rest.chars().next().unwrap_or(' ');
        Some(if info.contains("unknown anchor") {
            let name = rest.split([' ', ',', ']', '}']).next().unwrap_or_default();
            let length = name.chars().count().max(1);
            Diagnostic::at(
                &Span {
                    length: u32::try_from(length).unwrap_or(1),
                    ..span
                },
                format!("no anchor is called `{}`", name.trim_start_matches('*')),
            )
            .with_help("quote the value when it is a text that begins with `*`")
        } else if info.starts_with("unexpected character")
            || (info.contains("alphabetic or numeric") && "*&".contains(first))
        {
            let first = if first == '`' {
                "a backtick".to_owned()
            } else {
                format!("`{first}`")
            };
            Diagnostic::at(&span, format!("a value cannot begin with {first}"))
                .with_help(format!("write {}", quote(strip_comment(&rest))))
        } else if info.contains("unknown escape")
            || info.contains("hexadecimal")
            || info.contains("character escape code")
        {
            self.escape(span)
        } else if info.contains("trailing content after") {
            Diagnostic::at(&span, "there is text after the closing quote").with_help(
                "put the quotes round the whole value; double an apostrophe inside single quotes",
            )
        } else if info.contains("block sequence entries are not allowed") {
            Diagnostic::at(&self.dash(), "a list cannot begin on the line of its key")
                .with_help("put each `- item` on a line of its own, or write `[item, item]`")
        } else if info.contains("recursion limit") {
            Diagnostic::at(&span, "the nesting is too deep")
        } else if info.contains("unprintable") {
            Diagnostic::at(&span, "this character cannot stand in YAML")
                .with_help("write it as an escape in double quotes")
        } else if info.contains("handle wasn't declared") {
            Diagnostic::at(&span, "the prefix of this tag is not known")
        } else if info.contains("flow sequence") {
            Diagnostic::at(&span, "the list that opened with `[` goes wrong here")
                .with_help("expected `,` or `]`")
        } else if info.contains("flow mapping") {
            Diagnostic::at(&span, "the mapping that opened with `{` goes wrong here")
                .with_help("expected `,` or `}`")
        } else {
            return None;
        })
    }

    /// The dash of `key: - item`.
    fn dash(&self) -> Span {
        let text = self.text(self.line);
        match text.find(": -") {
            Some(at) => self.span_at(self.line, text[..at].chars().count() + 2, 1),
            None => self.span(),
        }
    }

    fn escape(&self, span: Span) -> Diagnostic {
        // The parser points at the opening quote; the first bad escape after it on that line is what was meant.
        let chars: Vec<char> = self.text(self.line).chars().collect();
        let mut i = self.column;
        while i + 1 < chars.len() {
            if chars[i] == '\\' {
                if !"0abt\tnvfre \"/\\N_LPxuU".contains(chars[i + 1]) {
                    return Diagnostic::at(
                        &self.span_at(self.line, i, 2),
                        format!("`\\{}` means nothing inside double quotes", chars[i + 1]),
                    )
                    .with_help("use single quotes, or double the backslash");
                }
                i += 1;
            }
            i += 1;
        }
        Diagnostic::at(
            &span,
            "a backslash in these double quotes begins no known escape",
        )
        .with_help("use single quotes, or double the backslash")
    }

    /// `key:value`, where the space was forgotten.
    fn missing_space(&self, info: &str) -> Option<Diagnostic> {
        if info.contains("mapping values are not allowed") {
            // Here the line itself is fine and the one above lacks its space.
            return self.before(self.line).and_then(|line| self.glued(line));
        }
        self.suspects().find_map(|line| self.glued(line))
    }

    fn glued(&self, line: usize) -> Option<Diagnostic> {
        let text = strip_comment(self.text(line));
        let body = text.trim_start().trim_start_matches("- ");
        let (key, value) = body.split_once(':')?;
        let word = !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_alphanumeric() || "_-.".contains(c));
        if !word || value.is_empty() || value.starts_with([' ', '/', ':']) || value.contains(": ") {
            return None;
        }
        let column = text[..text.len() - value.len() - 1].chars().count();
        Some(
            Diagnostic::at(
                &self.span_at(line, column, 1),
                format!("a space is missing after `{key}:`"),
            )
            .with_help(format!("write `{key}: {value}`")),
        )
    }

    /// A line without its colon, or with one too many.
    fn colon(&self, info: &str) -> Option<Diagnostic> {
        let text = strip_comment(self.text(self.line));
        if info.contains("mapping values are not allowed")
            || info.contains("illegal placement of ':'")
        {
            if let Some(open) = self.open_bracket() {
                return Some(open);
            }
            let body = text.trim_start().trim_start_matches("- ");
            if let Some((key, value)) = body.split_once(": ")
                && (value.contains(": ") || value.ends_with(':'))
            {
                let value = value.trim();
                return Some(
                    Diagnostic::at(
                        &self.span(),
                        "this value holds a second `:` and must be quoted",
                    )
                    .with_help(format!("write `{key}: {}`", quote(value).trim_matches('`'))),
                );
            }
            let above = self.before(self.line)?;
            return (indent(text) > indent(self.text(above))).then(|| {
                Diagnostic::at(
                    &self.span_at(self.line, indent(text), text.trim().chars().count()),
                    "this line is indented deeper than the one above, which has a value already",
                )
                .with_help("line the keys of one mapping up under each other")
            });
        }
        if info.contains("expect ':'") || info.contains("simple key expected") {
            let line = self.suspects().find(|&l| {
                let text = strip_comment(self.text(l)).trim();
                !text.is_empty() && !text.ends_with(':') && !text.contains(": ")
            })?;
            let text = strip_comment(self.text(line));
            return Some(Diagnostic::at(
                &self.span_at(line, indent(text), text.trim().chars().count()),
                "expected `key: value`, but this line has no `:`",
            ));
        }
        None
    }

    /// A `[` or `{` on the line above that has no partner.
    fn open_bracket(&self) -> Option<Diagnostic> {
        let line = self.before(self.line)?;
        let text = strip_comment(self.text(line));
        let open = text.chars().enumerate().filter(|(_, c)| "[{".contains(*c));
        let closed = text.chars().filter(|c| "]}".contains(*c)).count();
        let opened: Vec<(usize, char)> = open.collect();
        let (column, bracket) = *opened.first()?;
        (opened.len() > closed).then(|| {
            Diagnostic::at(
                &self.span_at(line, column, 1),
                format!("the `{bracket}` that opens here is never closed"),
            )
        })
    }

    fn indentation(&self, info: &str) -> Option<Diagnostic> {
        let fits = [
            "did not find expected key",
            "expected '-' indicator",
            "invalid indentation",
            "not allowed in this context",
            "wrongly indented",
        ];
        if !fits.iter().any(|f| info.contains(f)) {
            return None;
        }
        let text = self.text(self.line);
        let span = self.span_at(
            self.line,
            indent(text),
            strip_comment(text).trim().chars().count(),
        );
        let item = text.trim_start().starts_with('-');
        let diagnostic = Diagnostic::at(
            &span,
            "this line does not fit in here: its indentation matches nothing above",
        );
        let expects_item = info.contains("'-' indicator");
        Some(if expects_item && !item {
            diagnostic.with_help(
                "begin it with `- ` like the items above, or indent it as part of the last one",
            )
        } else if item {
            diagnostic.with_help(
                "line the `-` up with the items above, or with the key the list belongs to",
            )
        } else {
            diagnostic.with_help("line it up with the keys it belongs to")
        })
    }
}
