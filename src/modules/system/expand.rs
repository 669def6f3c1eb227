//! Words in which the host expands `~` and `$VARIABLE`, as Ansible's modules do on their side.

use crate::host::quote;

/// Whether the host may have something to expand in `text`.
pub(super) fn expands(text: &str) -> bool {
    text.starts_with('~') || text.contains('$')
}

/// Shell text that yields `text` as one word with a leading `~` or `~user` and every `$NAME` and `${NAME}` replaced by the
/// host; unset names stay as written (Python's `expanduser` and `expandvars`).
pub(in crate::modules) fn word(text: &str) -> String {
    pieces(text, false)
}

/// The same, with `*`, `?` and `[…]` left to the shell as a pattern.
pub(super) fn pattern(text: &str) -> String {
    pieces(text, true)
}

/// Whether `text` is a pattern.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn pieces(text: &str, glob: bool) -> String {
    let mut out = String::new();
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('~') {
        let end = after.find('/').unwrap_or(after.len());
        let user = &after[..end];
        if user
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        {
            out.push('~');
            out.push_str(user);
            rest = &after[end..];
            if let Some(tail) = rest.strip_prefix('/') {
                out.push('/');
                rest = tail;
            }
            if rest.is_empty() {
                return out;
            }
        }
    }
    let mut plain = String::new();
    while !rest.is_empty() {
        if let Some((name, braces, tail)) = variable(rest) {
            flush(&mut out, &mut plain);
            let as_written = if braces {
                format!("\\${{{name}\\}}")
            } else {
                format!("\\${name}")
            };
            out.push_str(&format!("\"${{{name}-{as_written}}}\""));
            rest = tail;
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        rest = &rest[c.len_utf8()..];
        if glob && "*?[]!".contains(c) {
            flush(&mut out, &mut plain);
            out.push(c);
        } else {
            plain.push(c);
        }
    }
    flush(&mut out, &mut plain);
    if out.is_empty() { "''".into() } else { out }
}

fn flush(out: &mut String, plain: &mut String) {
    if !plain.is_empty() {
        out.push_str(&quote::word(plain));
        plain.clear();
    }
}

/// A variable at the beginning: its name, whether it has braces, and what follows.
fn variable(text: &str) -> Option<(&str, bool, &str)> {
    let rest = text.strip_prefix('$')?;
    let (body, braces) = match rest.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (rest, false),
    };
    let end = body
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(body.len());
    let name = &body[..end];
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if braces {
        let tail = body[end..].strip_prefix('}')?;
        Some((name, true, tail))
    } else {
        Some((name, false, &body[end..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_expands_what_python_would() {
        let home = "/home/me";
        let cases = [
            ("plain", "plain"),
            ("a b'c", "a b'c"),
            ("$FOO", "foo bar"),
            ("x${FOO}y", "xfoo bary"),
            ("$NOPE/${NOPE}", "$NOPE/${NOPE}"),
            ("~", "/home/me"),
            ("~/a b", "/home/me/a b"),
            ("a~", "a~"),
            ("~nosuchuser99/x", "~nosuchuser99/x"),
            ("$(id)`id`$1${1}$", "$(id)`id`$1${1}$"),
            ("*", "*"),
            ("\\$FOO", "\\foo bar"),
            ("", ""),
        ];
        for (text, expected) in cases {
            let out = std::process::Command::new("sh")
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .env("HOME", home)
                .env("FOO", "foo bar")
                .current_dir("/")
                .arg("-c")
                .arg(format!("printf %s {}", word(text)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&out.stdout), expected, "{text}");
        }
        assert_eq!(pattern("/a b/*.c[o]"), "'/a b/'*.c[o]");
    }
}
