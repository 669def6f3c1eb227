//! Mistakes and warnings on standard error, coloured where someone watches.

use crate::error::{Diagnostic, Problems};
use crate::report::{Paint, Tone, wants_colour};
use std::io::{IsTerminal, stderr};

/// Shows every mistake.
pub fn complain(problems: &Problems) {
    eprintln!("{}", painted(&problems.to_string(), paint()));
}

/// Shows a warning.
pub fn warn(diagnostic: &Diagnostic) {
    let text = diagnostic.to_string();
    let text = text.strip_prefix("error:").unwrap_or(&text);
    eprintln!("{}", painted(&format!("warning:{text}"), paint()));
}

fn paint() -> Paint {
    Paint::new(wants_colour(stderr().is_terminal(), |name| {
        std::env::var(name).ok()
    }))
}

/// The text of diagnostics with colour: what it is, where, and what to do next; the user's own lines stay plain.
fn painted(text: &str, paint: Paint) -> String {
    let line = |line: &str| {
        for (word, tone) in [("error:", Tone::Bad), ("warning:", Tone::Warning)] {
            if let Some(rest) = line.strip_prefix(word) {
                let message = paint.tone(Tone::Heading, rest.trim_start());
                return format!("{} {message}", paint.tone(tone, word));
            }
        }
        let bare = line.trim_start();
        for (word, tone) in [("note:", Tone::Faint), ("help:", Tone::Ok)] {
            if let Some(rest) = line.strip_prefix("  ").and_then(|l| l.strip_prefix(word)) {
                return format!("  {}{rest}", paint.tone(tone, word));
            }
        }
        if bare.starts_with("--> ") {
            return paint.tone(Tone::Place, line);
        }
        match bare.strip_prefix("| ") {
            Some(carets)
                if !carets.trim().is_empty() && carets.trim().bytes().all(|b| b == b'^') =>
            {
                let bar = &line[..line.len() - carets.len()];
                format!("{bar}{}", paint.tone(Tone::Bad, carets))
            }
            _ => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Source, Span};

    #[test]
    fn what_where_and_what_next_have_colours() {
        let source = Source::new("site.yml", "- hots: all\n");
        let span = Span {
            column: 3,
            length: 4,
            ..Span::start(&source)
        };
        let problem = Diagnostic::at(&span, "no keyword `hots`")
            .with_note("plays have it")
            .with_help("did you mean `hosts`?");
        let plain = problem.to_string();
        assert_eq!(painted(&plain, Paint::new(false)), plain);
        let text = painted(&plain, Paint::new(true)).replace('\u{1b}', "^");
        insta::assert_snapshot!(text, @r"
        ^[31merror:^[0m ^[1mno keyword `hots`^[0m
        ^[36m --> site.yml:1:3^[0m
          |
        1 | - hots: all
          | ^[31m  ^^^^^[0m
          ^[2mnote:^[0m plays have it
          ^[32mhelp:^[0m did you mean `hosts`?
        ");
    }
}
