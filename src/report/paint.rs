//! Colours, and text that a host sent made safe to show.

use console::{Color, Style};
use std::borrow::Cow;

/// Colours text, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    colour: bool,
}

/// What a text means; the colours are those Ansible's users know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to do: green.
    Ok,
    /// Done: yellow.
    Changed,
    /// Left out: cyan.
    Skipped,
    /// Failed, out of reach: red.
    Bad,
    /// Worth knowing: magenta.
    Warning,
    /// Headings: bold.
    Heading,
    /// Beside the point: dim.
    Faint,
    /// Lines that a diff adds: green.
    Added,
    /// Lines that a diff takes away: red.
    Removed,
    /// Where in the file: cyan.
    Place,
}

impl Paint {
    /// With or without colour.
    pub const fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// `text` in the tone's colour.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = Style::new().force_styling(true);
        let style = match tone {
            Tone::Ok | Tone::Added => style.fg(Color::Green),
            Tone::Changed => style.fg(Color::Yellow),
            Tone::Skipped | Tone::Place => style.fg(Color::Cyan),
            Tone::Bad | Tone::Removed => style.fg(Color::Red),
            Tone::Warning => style.fg(Color::Magenta),
            Tone::Heading => style.bold(),
            Tone::Faint => style.dim(),
        };
        style.apply_to(text).to_string()
    }
}

/// Whether to colour: `NO_COLOR` (no-color.org) and its opposites win over what the output is.
pub fn wants_colour(is_terminal: bool, var: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| var(name).filter(|v| !v.is_empty());
    if set("NO_COLOR").is_some() || set("ANSIBLE_NOCOLOR").is_some() {
        return false;
    }
    let forced = ["FORCE_COLOR", "ANSIBLE_FORCE_COLOR"]
        .iter()
        .find_map(|name| set(name))
        .is_some_and(|v| !matches!(v.to_lowercase().as_str(), "0" | "false" | "no" | "off"));
    forced || (is_terminal && var("TERM").as_deref() != Some("dumb"))
}

/// `text` without characters that steer a terminal: what a host sends is shown, never obeyed.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let bad = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    // a line that ends in \r\n is an ordinary line
    let text = if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    };
    if !text.contains(bad) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if bad(c) {
            out.extend(c.escape_unicode().filter(|c| !matches!(c, '{' | '}')));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\n\tc\u{7}"), "a\\u1b[2Jb\n\tc\\u7");
        assert!(matches!(harmless("plain\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn variables_decide_before_the_terminal_does() {
        let colour = |tty, vars: &[(&str, &str)]| {
            wants_colour(tty, |n| {
                vars.iter()
                    .find(|(k, _)| *k == n)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        assert!(colour(true, &[]) && !colour(false, &[]));
        assert!(!colour(true, &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]));
        assert!(colour(true, &[("NO_COLOR", "")]));
        assert!(colour(false, &[("ANSIBLE_FORCE_COLOR", "true")]));
        assert!(!colour(false, &[("FORCE_COLOR", "0")]));
        assert!(!colour(true, &[("TERM", "dumb")]));
    }
}
