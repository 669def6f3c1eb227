//! The free form of `command`, `shell`, `script` and `raw`: `creates=/x echo hi`.

/// The options that may stand in a free-form string; any other `word=…` belongs to the command.
const OPTIONS: &[&str] = &[
    "creates",
    "removes",
    "chdir",
    "executable",
    "warn",
    "stdin",
    "stdin_add_newline",
    "strip_empty_ends",
];

/// Splits a free-form string, *before it is rendered*, into its options and the command itself, which keeps its white
/// space. Quotes and `{{ }}` hold words together, as in Ansible's own splitter.
///
/// # Errors
/// An unbalanced quote or template bracket.
pub fn split_free_form(text: &str) -> Result<(Vec<(String, String)>, String), String> {
    let mut options = Vec::new();
    let mut rest = String::new();
    for (gap, token) in tokens(text)? {
        let option = token
            .split_once('=')
            .filter(|(key, _)| OPTIONS.contains(key));
        match option {
            Some((key, value)) => options.push((key.to_owned(), unquote(value))),
            None => {
                if !rest.is_empty() {
                    rest.push_str(gap);
                }
                rest.push_str(token);
            }
        }
    }
    Ok((options, rest))
}

/// Words with the white space before each.
fn tokens(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut out = Vec::new();
    let (mut gap_start, mut start) = (0, None);
    let (mut quote, mut depth) = (None, 0usize);
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let c = bytes[i];
        let pair = bytes.get(i..i + 2).unwrap_or_default();
        match (quote, c) {
            (None, b' ' | b'\t' | b'\n' | b'\r') if depth == 0 => {
                if let Some(s) = start.take() {
                    out.push((&text[gap_start..s], &text[s..i]));
                    gap_start = i;
                }
                i += 1;
                continue;
            }
            (_, b'\\') if depth == 0 => {
                start.get_or_insert(i);
                i += 2;
                continue;
            }
            (None, _) if matches!(pair, b"{{" | b"{%" | b"{#") => {
                depth += 1;
                start.get_or_insert(i);
                i += 2;
                continue;
            }
            (None, _) if depth > 0 && matches!(pair, b"}}" | b"%}" | b"#}") => {
                depth -= 1;
                i += 2;
                continue;
            }
            (None, b'\'' | b'"') if depth == 0 => quote = Some(c),
            (Some(q), _) if q == c => quote = None,
            _ => {}
        }
        start.get_or_insert(i);
        i += 1;
    }
    if let Some(s) = start {
        out.push((&text[gap_start..s], &text[s..]));
    }
    if quote.is_some() || depth > 0 {
        return Err("unbalanced quotes or template brackets in the command".into());
    }
    Ok(out)
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    for q in ['"', '\''] {
        if value.len() > 1 && value.starts_with(q) && value.ends_with(q) {
            return value[1..value.len() - 1].to_owned();
        }
    }
    value.to_owned()
}

/// Splits a command into words as a POSIX shell would, without comments and expansions (Python's `shlex.split`).
///
/// # Errors
/// An open quote or a trailing backslash.
pub(super) fn shell_split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let w = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => w.push(c),
                        None => return Err("no closing quotation".into()),
                    }
                }
            }
            '"' => {
                let w = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\')) => w.push(c),
                            Some(c) => w.extend(['\\', c]),
                            None => return Err("no closing quotation".into()),
                        },
                        Some(c) => w.push(c),
                        None => return Err("no closing quotation".into()),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("no escaped character".into()),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn options_are_taken_out_and_the_rest_stays_as_it_is() {
        let cases = [
            ("echo hi", vec![], "echo hi"),
            ("echo  a   b", vec![], "echo  a   b"),
            (
                "creates=/x chdir='/a b' make VAR=1",
                vec![("creates", "/x"), ("chdir", "/a b")],
                "make VAR=1",
            ),
            (
                "make install creates={{ a.b | default('x y') }}/f",
                vec![("creates", "{{ a.b | default('x y') }}/f")],
                "make install",
            ),
            ("a=1 b", vec![], "a=1 b"),
            ("echo 'creates=/x'", vec![], "echo 'creates=/x'"),
            ("if true\nthen\n  x\nfi", vec![], "if true\nthen\n  x\nfi"),
            (r"echo it\'s", vec![], r"echo it\'s"),
        ];
        for (text, options, rest) in cases {
            let (o, r) = split_free_form(text).unwrap();
            let o: Vec<(&str, &str)> = o.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!((o, r.as_str()), (options, rest), "{text}");
        }
        assert!(split_free_form("echo 'a").is_err());
        assert!(split_free_form("echo {{ a").is_err());
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        let cases: [(&str, &[&str]); 6] = [
            ("a  b", &["a", "b"]),
            (r#"a 'b c' "d\"e" f\ g"#, &["a", "b c", "d\"e", "f g"]),
            ("''", &[""]),
            ("a#b # c", &["a#b", "#", "c"]),
            (r#""\n$x""#, &[r"\n$x"]),
            ("a'b'c", &["abc"]),
        ];
        for (text, words) in cases {
            assert_eq!(shell_split(text).unwrap(), words, "{text}");
        }
        assert_eq!(shell_split("'a").unwrap_err(), "no closing quotation");
    }

    proptest! {
        #[test]
        fn what_was_quoted_splits_back(words in proptest::collection::vec("[^\0]{0,12}", 0..5)) {
            prop_assert_eq!(shell_split(&crate::host::quote::words(&words)).unwrap(), words);
        }

        #[test]
        fn splitting_never_panics(text in ".{0,60}") {
            let _ = split_free_form(&text);
            let _ = shell_split(&text);
        }
    }
}
