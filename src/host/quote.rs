//! Turning words into POSIX shell text.

/// `word` quoted so that `sh` reads it back byte for byte; bare when nothing in it needs quotes.
pub fn word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Words quoted and joined by spaces.
pub fn words<I: IntoIterator<Item = S>, S: AsRef<str>>(items: I) -> String {
    items
        .into_iter()
        .map(|w| word(w.as_ref()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A path as an operand: one that begins with `-` is made `./-…`, so that no tool takes it for an option.
pub fn path(path: &str) -> String {
    if path.starts_with('-') {
        word(&format!("./{path}"))
    } else {
        word(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sh_reads_back_what_was_quoted(text in "[^\0]{0,40}") {
            let out = std::process::Command::new("sh")
                .arg("-c").arg(format!("printf %s {}", word(&text))).output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&out.stdout), text);
        }
    }

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(
            words(["/etc/hosts", "a b", "it's", ""]),
            r"/etc/hosts 'a b' 'it'\''s' ''"
        );
        assert_eq!(path("-rf"), "./-rf");
    }
}
