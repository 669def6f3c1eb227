//! Arguments written as text: `src=a dest="b c"`, `echo hi chdir=/tmp`.
//!
//! Follows what Ansible does with such text to the space, because a shell script may depend on it: a run of spaces stays, a
//! line's single leading space goes, a lone `\` at a line's end joins the next line.

/// Arguments from text: pairs in order, and the rest as one text.
pub type Pairs = (Vec<(String, String)>, Option<String>);

/// The only pairs that are taken out of a command line.
const COMMAND_PAIRS: &[&str] = &[
    "creates",
    "removes",
    "chdir",
    "executable",
    "warn",
    "stdin",
    "stdin_add_newline",
    "strip_empty_ends",
];

/// Takes text apart. With `command` (command, shell, raw, script) only the pairs those modules know are taken out.
///
/// # Errors
/// `None`: a quote or a `{{` is not closed.
pub(super) fn parse(text: &str, command: bool) -> Option<Pairs> {
    let mut pairs = Vec::new();
    let mut rest: Vec<String> = Vec::new();
    for word in split(text)? {
        let decoded = unescape(&word);
        if !decoded.contains('=') {
            rest.push(word);
            continue;
        }
        let Some(at) = first_separator(&decoded) else {
            rest.push(decoded.replace("\\=", "="));
            continue;
        };
        let (key, value) = (&decoded[..at], &decoded[at + 1..]);
        if command && !COMMAND_PAIRS.contains(&key) {
            rest.push(word);
        } else {
            pairs.push((key.trim().to_owned(), unquote(value.trim()).to_owned()));
        }
    }
    let rest = rest
        .into_iter()
        .reduce(|line, word| join(line, &word))
        .filter(|line| !line.is_empty());
    Some((pairs, rest))
}

/// Pairs of the command line (`-e a=1`, `-a 'src=a dest=b'`), and what stands between them.
///
/// # Errors
/// `None`: a quote or a `{{` is not closed.
pub fn key_values(text: &str) -> Option<Pairs> {
    parse(text, false)
}

/// The first word of `text` and the rest: `copy src=a` of `action:`.
pub(super) fn module_and_rest(text: &str) -> Option<(String, String)> {
    let mut words = split(text)?.into_iter();
    let module = words.next()?.trim().to_owned();
    let rest: Vec<String> = words.collect();
    Some((module, rest.join(" ")))
}

fn join(line: String, word: &str) -> String {
    if line.is_empty() || line.ends_with('\n') {
        line + word
    } else {
        line + " " + word
    }
}

/// The first `=` that is neither at the start nor escaped.
fn first_separator(word: &str) -> Option<usize> {
    let bytes = word.as_bytes();
    (1..bytes.len()).find(|&i| bytes[i] == b'=' && bytes[i - 1] != b'\\')
}

fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote));
        if let Some(inner) = inner.filter(|t| !t.ends_with('\\')) {
            return inner;
        }
    }
    text
}

/// Python's escapes in a `k=v` word: `\n`, `\x41`, `\u00e9`.
fn unescape(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (text, length) = escape(&rest[at + 1..]);
        match text {
            Some(c) => out.push(c),
            None => out.push('\\'),
        }
        rest = &rest[at + 1 + length..];
    }
    out.push_str(rest);
    out
}

/// What the text after a backslash stands for and how long it is.
fn escape(after: &str) -> (Option<char>, usize) {
    let Some(first) = after.chars().next() else {
        return (None, 0);
    };
    let hex = |digits: usize| {
        let code = after
            .get(1..=digits)
            .filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
        let char = code
            .and_then(|t| u32::from_str_radix(t, 16).ok())
            .and_then(char::from_u32);
        if char.is_some() {
            (char, 1 + digits)
        } else {
            (None, 0)
        }
    };
    let simple = |c| (Some(c), 1);
    match first {
        'x' => hex(2),
        'u' => hex(4),
        'U' => hex(8),
        '\\' | '\'' | '"' => simple(first),
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        _ => (None, 0),
    }
}

/// How many marks of each kind are open, and which quote.
#[derive(Default)]
struct Open {
    quote: Option<char>,
    depth: [usize; 3],
}

const MARKS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

impl Open {
    fn in_marks(&self) -> bool {
        self.depth.iter().any(|d| *d > 0)
    }

    fn take_quotes(&mut self, piece: &str) {
        let mut before = None;
        for c in piece.chars() {
            if matches!(c, '"' | '\'') && before != Some('\\') {
                match self.quote {
                    None => self.quote = Some(c),
                    Some(open) if open == c => self.quote = None,
                    Some(_) => {}
                }
            }
            before = Some(c);
        }
    }

    /// Counts the marks of a piece; true when a depth changed.
    fn take_marks(&mut self, piece: &str) -> bool {
        let before = self.depth;
        for (depth, (open, close)) in self.depth.iter_mut().zip(MARKS) {
            *depth =
                (*depth + piece.matches(open).count()).saturating_sub(piece.matches(close).count());
        }
        before != self.depth
    }
}

/// Words at spaces and line ends, except inside quotes and template marks. Further spaces and line ends stay at the end of
/// the word before. `None` when something is not closed.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut open = Open::default();
    if text.is_empty() {
        return Some(words);
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let append = |words: &mut Vec<String>, text: &str| match words.last_mut() {
        Some(last) => last.push_str(text),
        None => words.push(text.to_owned()),
    };
    for (number, line) in lines.iter().enumerate() {
        let mut continued = false;
        for (i, piece) in line.split(' ').enumerate() {
            if piece.is_empty() && i != 0 {
                append(&mut words, " ");
                continue;
            }
            if piece == "\\" && open.quote.is_none() {
                continued = true;
                continue;
            }
            let was_quoted = open.quote.is_some();
            let was_marked = open.in_marks();
            open.take_quotes(piece);
            let quoted = open.quote.is_some();
            let mut done = false;
            if quoted && !was_quoted && !was_marked {
                words.push(piece.to_owned());
                done = true;
            } else if was_marked || quoted || was_quoted {
                if i > 0 {
                    append(&mut words, " ");
                }
                append(&mut words, piece);
                done = true;
            }
            let changed = open.take_marks(piece);
            if !done && (changed || (!open.in_marks() && !piece.is_empty())) {
                words.push(piece.to_owned());
            }
        }
        if number + 1 < lines.len() && !continued {
            append(&mut words, "\n");
        }
    }
    (open.quote.is_none() && !open.in_marks()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, command: bool) -> String {
        match parse(text, command) {
            None => "unclosed".to_owned(),
            Some((pairs, rest)) => format!("{pairs:?} {rest:?}"),
        }
    }

    /// Checked against `ansible.parsing.splitter.parse_kv` of ansible-core 2.19.
    #[test]
    fn text_is_taken_apart_as_ansible_does() {
        let cases = [
            (
                "src=a dest=b",
                false,
                r#"[("src", "a"), ("dest", "b")] None"#,
            ),
            (
                r#"msg="a b" x='c'"#,
                false,
                r#"[("msg", "a b"), ("x", "c")] None"#,
            ),
            (
                "msg={{ a | default('x y') }} b=1",
                false,
                r#"[("msg", "{{ a | default('x y') }}"), ("b", "1")] None"#,
            ),
            (
                "echo hi chdir=/tmp",
                true,
                r#"[("chdir", "/tmp")] Some("echo hi")"#,
            ),
            ("ls  -l   a=b", true, r#"[] Some("ls  -l   a=b")"#),
            (
                "ls  chdir=/x  -l",
                true,
                r#"[("chdir", "/x")] Some("ls  -l")"#,
            ),
            (
                "set -e\n  cd /\n ls\n",
                true,
                r#"[] Some("set -e\n  cd /\nls\n")"#,
            ),
            ("echo a \\\n  b", true, r#"[] Some("echo a  b")"#),
            (
                r"msg=a\nb t=\x41\u00e9",
                false,
                r#"[("msg", "a\nb"), ("t", "Aé")] None"#,
            ),
            (r"echo a\=b", false, r#"[] Some("echo a=b")"#),
            ("echo \"it's", true, "unclosed"),
            ("echo {{ a", true, "unclosed"),
            ("=a", false, r#"[] Some("=a")"#),
            ("", true, "[] None"),
            (
                "{% if a %}x y{% endif %} z",
                true,
                r#"[] Some("{% if a %}x y{% endif %} z")"#,
            ),
        ];
        for (text, command, expected) in cases {
            assert_eq!(shown(text, command), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart_or_refused(text in r#"[a-z =\\'"{}%#\n]{0,40}"#, command: bool) {
            if let Some((_, Some(rest))) = parse(&text, command) {
                prop_assert!(!rest.is_empty());
            }
        }

        #[test]
        fn plain_words_stay_as_they_are(text in "[a-z]{1,5}( {1,3}[a-z/-]{1,5}){0,6}") {
            prop_assert_eq!(parse(&text, true), Some((Vec::new(), Some(text))));
        }
    }
}
