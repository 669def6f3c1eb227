//! Python literals, which is what values in INI inventories are.

use crate::value::Value;

/// Reads a Python literal as `ast.literal_eval` does: numbers, strings, `True`, `False`, `None`, lists, tuples, sets and
/// mappings. Anything else gives `None`: the caller takes the text as it is. Tuples and sets become lists.
pub fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader {
        rest: text.trim_start_matches([' ', '\t']),
        depth: 0,
    };
    let value = reader.value()?;
    reader.space();
    // A bare tuple, `1, 2`.
    if reader.rest.starts_with(',') {
        let mut items = vec![value];
        while reader.eat(',') {
            reader.space();
            if reader.at_end() {
                break;
            }
            items.push(reader.value()?);
            reader.space();
        }
        return reader.at_end().then(|| Value::list(items));
    }
    reader.at_end().then_some(value)
}

const MAX_DEPTH: usize = 50;

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\u{c}']);
    }

    fn at_end(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with('#')
    }

    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.space();
        let first = self.rest.chars().next()?;
        let value = match first {
            '[' => self.items('[', ']').map(|(items, _)| Value::list(items)),
            '(' => self.items('(', ')').map(|(mut items, comma)| {
                // Brackets round one value without a comma are only brackets.
                if items.len() == 1 && !comma {
                    items.remove(0)
                } else {
                    Value::list(items)
                }
            }),
            '{' => self.braces(),
            '+' | '-' => {
                self.eat(first);
                self.space();
                let number = self.number()?;
                Some(if first == '+' {
                    number
                } else {
                    negate(&number)?
                })
            }
            '0'..='9' => self.number(),
            '.' if self.rest.starts_with("...") => {
                self.rest = &self.rest[3..];
                Some(Value::from("..."))
            }
            '.' => self.number(),
            _ => self.word(),
        };
        self.depth -= 1;
        value
    }

    fn items(&mut self, open: char, close: char) -> Option<(Vec<Value>, bool)> {
        self.eat(open);
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            self.space();
            if self.eat(close) {
                return Some((items, comma));
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value()?);
            self.space();
            comma = self.eat(',');
        }
    }

    fn braces(&mut self) -> Option<Value> {
        let before = self.rest;
        if let Some((items, _)) = self.items('{', '}') {
            return Some(if items.is_empty() {
                Value::map::<String>([])
            } else {
                Value::list(items)
            });
        }
        self.rest = before;
        self.eat('{');
        let mut pairs = Vec::new();
        loop {
            self.space();
            if self.eat('}') {
                return Some(Value::map(pairs));
            }
            let key = self.value()?;
            if matches!(key, Value::Map(_) | Value::List(_)) {
                return None;
            }
            self.space();
            if !self.eat(':') {
                return None;
            }
            let value = self.value()?;
            pairs.push((key.to_string(), value));
            self.space();
            if !self.eat(',') && !self.rest.starts_with('}') {
                return None;
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let end = self
            .rest
            .char_indices()
            .find(|(i, c)| {
                let exponent = *i > 0
                    && matches!(c, '+' | '-')
                    && self.rest[..*i].ends_with(['e', 'E'])
                    && !self.rest.starts_with("0x");
                !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || exponent)
            })
            .map_or(self.rest.len(), |(i, _)| i);
        let (text, rest) = self.rest.split_at(end);
        // Underscores stand between digits only.
        if text.starts_with('_')
            || text.ends_with('_')
            || text.contains("__")
            || text.contains("_.")
            || text.contains("._")
            || text.contains("_e")
        {
            return None;
        }
        let clean = text.replace('_', "").to_ascii_lowercase();
        let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
            .into_iter()
            .find_map(|(p, r)| clean.strip_prefix(p).map(|d| (d, r)));
        let value = if let Some((digits, radix)) = radix {
            Value::Int(i64::from_str_radix(digits, radix).ok()?)
        } else if clean.bytes().all(|b| b.is_ascii_digit()) {
            // Python refuses `0644`.
            if clean.len() > 1 && clean.starts_with('0') && clean.bytes().any(|b| b != b'0') {
                return None;
            }
            Value::Int(clean.parse().ok()?)
        } else {
            if !clean
                .bytes()
                .all(|b| b.is_ascii_digit() || b"e+-.".contains(&b))
                || clean == "."
            {
                return None;
            }
            Value::Float(clean.parse().ok()?)
        };
        self.rest = rest;
        Some(value)
    }

    fn word(&mut self) -> Option<Value> {
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if rest.starts_with(['"', '\'']) {
            return self.strings();
        }
        let value = match word {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// One string, or several in a row, which Python joins.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        loop {
            self.string(&mut text)?;
            self.space();
            if !self.rest.starts_with(['"', '\'']) {
                return Some(Value::from(text));
            }
        }
    }

    fn string(&mut self, out: &mut String) -> Option<()> {
        let at = self.rest.find(['"', '\''])?;
        let prefix = self.rest[..at].to_ascii_lowercase();
        let raw = match prefix.as_str() {
            "" | "u" | "b" => false,
            "r" | "br" | "rb" => true,
            _ => return None,
        };
        let body = &self.rest[at..];
        let one = &body[..1];
        let triple = one.repeat(3);
        let quote = if body.starts_with(&triple) {
            triple.as_str()
        } else {
            one
        };
        let mut rest = &body[quote.len()..];
        loop {
            if let Some(after) = rest.strip_prefix(quote) {
                self.rest = after;
                return Some(());
            }
            let c = rest.chars().next()?;
            rest = &rest[c.len_utf8()..];
            if c != '\\' {
                out.push(c);
                continue;
            }
            let escaped = rest.chars().next()?;
            if raw {
                out.push('\\');
                out.push(escaped);
                rest = &rest[escaped.len_utf8()..];
            } else {
                rest = escape(rest, escaped, out)?;
            }
        }
    }
}

/// Resolves the escape at the start of `rest` and gives what follows.
fn escape<'a>(rest: &'a str, escaped: char, out: &mut String) -> Option<&'a str> {
    let after = &rest[escaped.len_utf8()..];
    let simple = match escaped {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' | '\'' | '"' => escaped,
        'x' | 'u' | 'U' => {
            let length = match escaped {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let code = u32::from_str_radix(after.get(..length)?, 16).ok()?;
            out.push(char::from_u32(code)?);
            return Some(&after[length..]);
        }
        '0'..='7' => {
            let length = rest
                .bytes()
                .take(3)
                .take_while(|b| (b'0'..=b'7').contains(b))
                .count();
            let code = u32::from_str_radix(&rest[..length], 8).ok()?;
            out.push(char::from_u32(code)?);
            return Some(&rest[length..]);
        }
        'N' => return None,
        other => {
            out.push('\\');
            other
        }
    };
    out.push(simple);
    Some(after)
}

fn negate(value: &Value) -> Option<Value> {
    match value {
        Value::Int(i) => Some(Value::Int(i.checked_neg()?)),
        Value::Float(x) => Some(Value::Float(-x)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Python's `ast.literal_eval` made of each text; `-` where it refused.
    #[test]
    fn literals_are_those_of_python() {
        for (text, expected) in [
            ("1", "1"),
            ("-5", "-5"),
            ("+5", "5"),
            ("- 5", "-5"),
            ("--5", "-"),
            ("0644", "-"),
            ("0o644", "420"),
            ("0x1f", "31"),
            ("0b11", "3"),
            ("00", "0"),
            ("1_000", "1000"),
            ("1__0", "-"),
            ("_1", "-"),
            ("1_", "-"),
            ("1_e3", "-"),
            ("0x", "-"),
            ("1L", "-"),
            ("1e3", "1000.0"),
            ("1.5e-3", "0.0015"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("1e", "-"),
            ("10.0.0.1", "-"),
            ("True", "true"),
            ("true", "-"),
            ("yes", "-"),
            ("None", "null"),
            ("'a'", "\"a\""),
            ("'a' \"b\"", "\"ab\""),
            ("u'x'", "\"x\""),
            ("b'x'", "\"x\""),
            ("f'x'", "-"),
            (r"r'\n'", r#""\\n""#),
            (r"'\n\x41\u00e9\101\d'", r#""\nAéA\\d""#),
            ("'''tri'''", "\"tri\""),
            ("'a", "-"),
            ("'a'.b", "-"),
            ("-'a'", "-"),
            ("[1, 'a', [2],]", r#"[1,"a",[2]]"#),
            ("[1 2]", "-"),
            ("[1", "-"),
            ("[1, foo]", "-"),
            ("{}", "{}"),
            (
                "{'k': 1, 2: 'b', True: None}",
                r#"{"k":1,"2":"b","True":null}"#,
            ),
            ("{'a', }", r#"["a"]"#),
            ("(1)", "1"),
            ("(1,)", "[1]"),
            ("1, 2", "[1,2]"),
            ("1,", "[1]"),
            ("1 2", "-"),
            ("1 # c", "1"),
            ("foo # c", "-"),
            ("...", "\"...\""),
            ("1+2", "-"),
            ("{{ x }}", "-"),
            ("\"{{ x }}\"", "\"{{ x }}\""),
            ("", "-"),
            (" 5 ", "5"),
        ] {
            let read = parse(text).map_or("-".to_owned(), |v| v.to_json().to_string());
            assert_eq!(read, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-fxobeE_.+'\"\\\\(){}\\[\\],:# NuTé-]{0,24}") {
            let _ = parse(&text);
        }
    }
}
