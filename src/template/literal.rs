//! String literals of templates that contain backslashes.

/// The text of one or several adjacent string literals as they stand in a template.
/// `raw` leaves backslashes alone (templates in YAML values), otherwise Python's escapes count.
pub(crate) fn decode(source: &str, raw: bool) -> String {
    let mut out = String::new();
    let mut rest = source.trim_start();
    while let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let inner = &rest[1..];
        let mut end = inner.len();
        let mut escaped = false;
        for (i, c) in inner.char_indices() {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                end = i;
                break;
            }
        }
        let text = &inner[..end];
        if raw {
            out.push_str(text);
        } else {
            unescape(text, &mut out);
        }
        rest = inner.get(end + 1..).unwrap_or_default().trim_start();
    }
    out
}

/// Python's escapes in an ordinary string literal; an unknown one stays as it is written.
fn unescape(text: &str, out: &mut String) {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let rest = chars.as_str();
        let Some(kind) = chars.next() else {
            out.push('\\');
            break;
        };
        match kind {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(kind),
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            'x' | 'u' | 'U' => {
                let digits = match kind {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let code = rest
                    .get(1..=digits)
                    .and_then(|hex| u32::from_str_radix(hex, 16).ok())
                    .and_then(char::from_u32);
                match code {
                    Some(code) => {
                        out.push(code);
                        chars = rest[1 + digits..].chars();
                    }
                    None => out.extend(['\\', kind]),
                }
            }
            '0'..='7' => {
                let len = rest
                    .chars()
                    .take(3)
                    .take_while(|c| ('0'..='7').contains(c))
                    .count();
                let code = u32::from_str_radix(&rest[..len], 8)
                    .ok()
                    .and_then(char::from_u32);
                out.extend(code);
                chars = rest[len..].chars();
            }
            other => out.extend(['\\', other]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn literals_with_backslashes() {
        for (source, raw, expected) in [
            (r"'a\nb'", false, "a\nb"),
            (r"'a\nb'", true, r"a\nb"),
            (r"'\d+\.'", false, r"\d+\."),
            (r"'it\'s'", false, "it's"),
            (r"'it\'s'", true, r"it\'s"),
            (r#"'\1' "\x41\u00e9\101""#, false, "\u{1}A\u{e9}A"),
            (r"'\xzz'", false, r"\xzz"),
        ] {
            assert_eq!(decode(source, raw), expected, "{source}");
        }
    }
}
