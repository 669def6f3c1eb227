//! A command line taken apart into words.

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
            let _ = shell_split(&text);
        }
    }
}
