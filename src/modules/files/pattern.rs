//! Python's regular expressions, read by fancy-regex.

use crate::modules::Fail;
use fancy_regex::{Captures, Regex, RegexBuilder};

/// A compiled pattern with Python's meaning.
#[derive(Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern as `re.compile` would; `multiline` is `re.MULTILINE`.
    ///
    /// # Errors
    /// It is no pattern; the message says why.
    pub fn new(pattern: &str, multiline: bool) -> Result<Self, Fail> {
        let text = translate(pattern, multiline);
        RegexBuilder::new(&text)
            .backtrack_limit(10_000_000)
            .build()
            .map(Self)
            .map_err(|e| Fail::new(format!("`{pattern}` is not a regular expression: {e}")))
    }

    /// Whether it is found anywhere. A pattern that takes forever is not found.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text).unwrap_or(false)
    }

    /// The first place where it is found, from and to.
    pub fn place(&self, text: &str) -> Option<(usize, usize)> {
        self.0
            .find(text)
            .ok()
            .flatten()
            .map(|m| (m.start(), m.end()))
    }

    /// The groups of the first place where it is found.
    pub fn find<'t>(&self, text: &'t str) -> Option<Captures<'t, str>> {
        self.0.captures(text).ok().flatten()
    }

    /// Every match, replaced by the expanded template; and how many there were. As `re.subn`.
    ///
    /// # Errors
    /// The template names a group that is not there.
    pub fn replace_all(&self, text: &str, template: &str) -> Result<(String, usize), Fail> {
        let mut out = String::with_capacity(text.len());
        let (mut last, mut from, mut count) = (0, 0, 0);
        // Unlike Rust's iterators, Python takes an empty match right behind a longer one.
        while from <= text.len() {
            let found = self.0.captures_from_pos(text, from);
            let found = found
                .map_err(|e| Fail::new(format!("the regular expression takes too long: {e}")))?;
            let Some((found, whole)) =
                found.and_then(|f| f.get(0).map(|w| (w.start(), w.end())).map(|w| (f, w)))
            else {
                break;
            };
            out.push_str(&text[last..whole.0]);
            out.push_str(&self.expand(template, &found)?);
            (last, count) = (whole.1, count + 1);
            let step = text[last..].chars().next().map_or(1, char::len_utf8);
            from = if whole.0 == whole.1 {
                last + step
            } else {
                last
            };
        }
        out.push_str(&text[last..]);
        Ok((out, count))
    }

    /// A replacement text with `\1`, `\g<name>`, `\n` … filled in, as `Match.expand` does.
    ///
    /// # Errors
    /// A group that the pattern does not have, or an escape Python does not know.
    pub fn expand(&self, template: &str, found: &Captures<'_, str>) -> Result<String, Fail> {
        let mut out = String::new();
        let missing =
            |name: &str| Fail::new(format!("invalid group reference `{name}` in `{template}`"));
        let group = |number: usize| {
            if number >= found.len() {
                return Err(missing(&number.to_string()));
            }
            Ok(found.get(number).map_or("", |m| m.as_str()))
        };
        let mut rest = template;
        while let Some(at) = rest.find('\\') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let Some(c) = rest.chars().next() else {
                return Err(Fail::new(format!("bad escape at the end of `{template}`")));
            };
            rest = &rest[c.len_utf8()..];
            match c {
                'g' if rest.starts_with('<') => {
                    let Some((name, after)) = rest[1..].split_once('>') else {
                        return Err(Fail::new(format!("`\\g<` is not closed in `{template}`")));
                    };
                    match name.parse() {
                        Ok(number) => out.push_str(group(number)?),
                        Err(_) if self.0.capture_names().flatten().any(|n| n == name) => {
                            out.push_str(found.name(name).map_or("", |m| m.as_str()))
                        }
                        Err(_) => return Err(missing(name)),
                    }
                    rest = after;
                }
                '1'..='9' => {
                    let more = rest.chars().next().filter(char::is_ascii_digit);
                    let digits = format!("{c}{}", more.map(String::from).unwrap_or_default());
                    rest = &rest[digits.len() - 1..];
                    out.push_str(group(digits.parse().unwrap_or(usize::MAX))?);
                }
                '0' => {
                    let digits: String = rest
                        .chars()
                        .take(2)
                        .take_while(|c| ('0'..='7').contains(c))
                        .collect();
                    rest = &rest[digits.len()..];
                    out.push(char::from(u8::from_str_radix(&digits, 8).unwrap_or(0)));
                }
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'a' => out.push('\x07'),
                'b' => out.push('\x08'),
                'f' => out.push('\x0c'),
                'v' => out.push('\x0b'),
                '\\' => out.push('\\'),
                c if c.is_ascii_alphabetic() => {
                    return Err(Fail::new(format!("bad escape `\\{c}` in `{template}`")));
                }
                c => {
                    out.push('\\');
                    out.push(c);
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// The flags a pattern begins with, `im` of `(?im)x`.
pub fn inline_flags(pattern: &str) -> &str {
    let flags = pattern
        .strip_prefix("(?")
        .and_then(|p| p.split_once(')'))
        .map_or("", |(f, _)| f);
    if flags.chars().all(|c| c.is_ascii_alphabetic()) {
        flags
    } else {
        ""
    }
}

/// Python's spelling to fancy-regex's: `$` and `\Z`, escapes that mean something else there, classes that hold brackets.
fn translate(pattern: &str, multiline: bool) -> String {
    let mut out = String::new();
    if multiline {
        out.push_str("(?m)");
    }
    let multiline = multiline || inline_flags(pattern).contains('m');
    let mut chars = pattern.chars().peekable();
    let mut class = 0;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') if class == 0 => out.push_str(r"\z"),
                // Word boundaries there, plain characters in Python.
                Some(
                    c @ ('<' | '>' | '/' | '"' | '\'' | ' ' | ':' | ',' | ';' | '=' | '!' | '@'
                    | '%' | '`' | '_'),
                ) => {
                    if c == ' ' {
                        out.push_str(r"\x20")
                    } else {
                        out.push(c)
                    }
                }
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
                None => out.push('\\'),
            },
            '[' if class == 0 => {
                class = 1;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str(r"\]");
                }
            }
            ']' if class == 1 => {
                class = 0;
                out.push(']');
            }
            // Nested classes and set operations are not Python's.
            '[' | '&' | '~' if class == 1 => {
                out.push('\\');
                out.push(c);
            }
            '$' if class == 0 && !multiline => out.push_str(r"(?=\n?\z)"),
            '{' if class == 0 => {
                let rest: String = chars.clone().take_while(|c| *c != '}').collect();
                let closed = chars.clone().any(|c| c == '}');
                let counts = closed
                    && !rest.is_empty()
                    && rest != ","
                    && rest.chars().all(|c| c.is_ascii_digit() || c == ',');
                if counts {
                    // `{,3}` is `{0,3}`.
                    out.push('{');
                    if rest.starts_with(',') {
                        out.push('0')
                    }
                } else {
                    out.push_str(r"\{");
                }
            }
            '}' if class == 0
                && !out.rfind('{').is_some_and(|i| {
                    !out[..i].ends_with('\\')
                        && out[i + 1..].chars().all(|c| c.is_ascii_digit() || c == ',')
                }) =>
            {
                out.push_str(r"\}");
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_python_means() {
        for (pattern, text, wanted) in [
            ("^foo$", "foo\n", true),
            ("^foo$", "foo\n\n", false),
            ("^foo\\Z", "foo\n", false),
            (r"\<a\>", "<a>", true),
            ("[[]x", "[x", true),
            ("[]x]+$", "]x", true),
            ("[^]x]", "]x", false),
            ("a{2}b{,1}", "aab", true),
            ("{{ x }}", "{{ x }}", true),
            ("^\\s*#?\\s*PermitRootLogin", "#PermitRootLogin no\n", true),
            (r"^(?P<k>\w+)=(?P=k)$", "a=a\n", true),
            (r"(?<!x)y", "xy", false),
            (r"\/etc\/x\ y", "/etc/x y", true),
            ("[a&&b]", "&", true),
            ("(?i)YES", "yes", true),
        ] {
            assert_eq!(
                Pattern::new(pattern, false).unwrap().is_in(text),
                wanted,
                "{pattern} in {text:?}"
            );
        }
        let multi = Pattern::new("^b$", true).unwrap();
        assert!(multi.is_in("a\nb\nc"));
    }

    #[test]
    fn replacement_templates() {
        let pattern = Pattern::new(r"(a)(?P<n>b)?", false).unwrap();
        let all = |t: &str| pattern.replace_all("ab-a", t).map_err(|e| e.msg);
        assert_eq!(all(r"<\1\2>").unwrap(), ("<ab>-<a>".into(), 2));
        assert_eq!(all(r"\g<n>\g<0>\n").unwrap().0, "bab\n-a\n");
        let any = Pattern::new("x*", false).unwrap();
        assert_eq!(
            any.replace_all("abxd", "-").unwrap(),
            ("-a-b--d-".into(), 5)
        );
        insta::assert_snapshot!(all(r"\3").unwrap_err(), @r"invalid group reference `3` in `\3`");
        insta::assert_snapshot!(all(r"\q").unwrap_err(), @r"bad escape `\q` in `\q`");
    }
}
