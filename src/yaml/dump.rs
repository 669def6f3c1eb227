//! Values as YAML text, byte for byte what `to_yaml` and `to_nice_yaml` give.

use super::emit::{Pen, Quoting, is_short_key, quoting};
use crate::value::{Map, Value, python_float};

/// Which collections are written in brackets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Those that hold only scalars (`default_flow_style=None`).
    Leaves,
    /// None but empty ones (`default_flow_style=False`).
    Never,
    /// All (`default_flow_style=True`).
    Always,
}

/// How to write; the names of the options are PyYAML's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// `default_flow_style`.
    pub flow: Flow,
    /// `indent`; outside 2 to 9 it is 2.
    pub indent: usize,
    /// `width`: lines longer than this are folded at the next space.
    pub width: usize,
    /// `sort_keys`.
    pub sort_keys: bool,
    /// `explicit_start`: begin with `---`.
    pub explicit_start: bool,
    /// `explicit_end`: end with `...`.
    pub explicit_end: bool,
}

impl Style {
    /// That of the filter `to_yaml`.
    pub const TERSE: Self = Self {
        flow: Flow::Leaves,
        indent: 2,
        width: 80,
        sort_keys: true,
        explicit_start: false,
        explicit_end: false,
    };
    /// That of the filter `to_nice_yaml`.
    pub const NICE: Self = Self {
        flow: Flow::Never,
        indent: 4,
        ..Self::TERSE
    };
}

/// Writes one document. Templates are written as their text, encrypted values as `!vault` blocks, `omit` as null.
pub fn dump(value: &Value, style: Style) -> String {
    let indent = if (2..=9).contains(&style.indent) {
        style.indent
    } else {
        2
    };
    let width = if style.width <= indent * 2 {
        80
    } else {
        style.width
    };
    let mut writer = Writer {
        pen: Pen::new(width),
        style,
        step: isize::try_from(indent).unwrap_or(2),
        flow_level: 0,
    };
    if style.explicit_start {
        writer.pen.mark("---", true, false, false);
        if matches!(value, Value::List(l) if !l.is_empty()) && writer.in_block(value)
            || matches!(value, Value::Map(m) if !m.is_empty()) && writer.in_block(value)
        {
            writer.pen.line();
        }
    }
    writer.node(value, Place::Root);
    let mut out = writer.pen.out;
    if !out.ends_with('\n') {
        out.push('\n');
    }
    if style.explicit_end {
        out.push_str("...\n");
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    MapValue,
    Key,
}

struct Writer {
    pen: Pen,
    style: Style,
    step: isize,
    flow_level: usize,
}

/// The text of a scalar outside brackets and how it is quoted there.
fn scalar_text(value: &Value) -> Option<(String, Quoting)> {
    let plain = |text: &str| Some((text.to_owned(), Quoting::Plain));
    match value {
        Value::Null | Value::Omit => plain("null"),
        Value::Bool(b) => plain(if *b { "true" } else { "false" }),
        Value::Int(i) => plain(&i.to_string()),
        Value::Float(x) if x.is_nan() => plain(".nan"),
        Value::Float(x) if x.is_infinite() => plain(if *x > 0.0 { ".inf" } else { "-.inf" }),
        Value::Float(x) => {
            // YAML 1.1 wants a dot before the exponent.
            let text = python_float(*x);
            if text.contains('.') {
                plain(&text)
            } else {
                plain(&text.replacen('e', ".0e", 1))
            }
        }
        Value::Str(s) => Some((s.to_string(), quoting(s, false, false))),
        Value::Template(t) => Some((t.text.clone(), quoting(&t.text, false, false))),
        Value::Vault(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn is_leaf(value: &Value) -> bool {
    !matches!(value, Value::List(_) | Value::Map(_) | Value::Vault(_))
}

impl Writer {
    /// Whether a collection is written over lines.
    fn in_block(&self, value: &Value) -> bool {
        let (empty, leaves) = match value {
            Value::List(items) => (items.is_empty(), items.iter().all(is_leaf)),
            Value::Map(map) => (map.is_empty(), map.values().all(is_leaf)),
            _ => return false,
        };
        let flow = match self.style.flow {
            Flow::Always => true,
            Flow::Never => false,
            Flow::Leaves => leaves,
        };
        !(flow || empty || self.flow_level > 0)
    }

    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::List(items) if self.in_block(value) => self.block_list(items, place),
            Value::List(items) => self.flow_list(items),
            Value::Map(map) if self.in_block(value) => self.block_map(map),
            Value::Map(map) => self.flow_map(map),
            Value::Vault(v) => {
                self.pen.mark("!vault", true, false, false);
                self.deeper(false, |w| {
                    if w.flow_level > 0 {
                        w.pen.scalar(&v.cipher, Quoting::Double, false);
                    } else {
                        w.pen.literal(&v.cipher);
                    }
                });
            }
            scalar => {
                let Some((text, mut quoting_here)) = scalar_text(scalar) else {
                    return;
                };
                let key = place == Place::Key;
                if matches!(scalar, Value::Str(_) | Value::Template(_)) {
                    quoting_here = quoting(&text, self.flow_level > 0, key);
                }
                self.deeper(false, |w| w.pen.scalar(&text, quoting_here, key));
            }
        }
    }

    /// Runs `write` with lines beginning one step further in.
    fn deeper(&mut self, same: bool, write: impl FnOnce(&mut Self)) {
        let before = self.pen.indent;
        if before < 0 {
            self.pen.indent = self.step;
        } else if !same {
            self.pen.indent += self.step;
        }
        write(self);
        self.pen.indent = before;
    }

    /// As [`Self::deeper`] for a block, of which the outermost begins at the left edge.
    fn block(&mut self, same: bool, write: impl FnOnce(&mut Self)) {
        if self.pen.indent < 0 {
            self.pen.indent = 0;
            write(self);
            self.pen.indent = -1;
        } else {
            self.deeper(same, write);
        }
    }

    fn block_list(&mut self, items: &[Value], place: Place) {
        // A list under its key begins in the key's own column, unless the key took a line with `?`.
        self.block(place == Place::MapValue && !self.pen.is_indention(), |w| {
            for item in items {
                w.pen.line();
                w.pen.mark("-", true, false, true);
                w.node(item, Place::Item);
            }
        });
    }

    fn pairs<'v>(&self, map: &'v Map) -> Vec<(&'v String, &'v Value)> {
        let mut pairs: Vec<_> = map.iter().collect();
        if self.style.sort_keys {
            pairs.sort_by_key(|(k, _)| k.as_str());
        }
        pairs
    }

    fn block_map(&mut self, map: &Map) {
        self.block(false, |w| {
            for (key, value) in w.pairs(map) {
                w.pen.line();
                w.pair(key, value);
            }
        });
    }

    fn pair(&mut self, key: &str, value: &Value) {
        let text = Value::from(key);
        if is_short_key(key) {
            self.node(&text, Place::Key);
            self.pen.mark(":", false, false, false);
        } else {
            self.pen.mark("?", true, false, true);
            self.node(&text, Place::MapValue);
            if self.flow_level == 0 || self.pen.is_wide() {
                self.pen.line();
            }
            self.pen.mark(":", true, false, self.flow_level == 0);
        }
        self.node(value, Place::MapValue);
    }

    fn brackets(&mut self, open: &str, close: &str, count: usize, item: impl Fn(&mut Self, usize)) {
        self.pen.mark(open, true, true, false);
        self.deeper(false, |w| {
            w.flow_level += 1;
            for i in 0..count {
                if i > 0 {
                    w.pen.mark(",", false, false, false);
                }
                if w.pen.is_wide() {
                    w.pen.line();
                }
                item(w, i);
            }
            w.flow_level -= 1;
        });
        self.pen.mark(close, false, false, false);
    }

    fn flow_list(&mut self, items: &[Value]) {
        self.brackets("[", "]", items.len(), |w, i| w.node(&items[i], Place::Item));
    }

    fn flow_map(&mut self, map: &Map) {
        let pairs = self.pairs(map);
        self.brackets("{", "}", pairs.len(), |w, i| w.pair(pairs[i].0, pairs[i].1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Source;
    use proptest::prelude::*;

    fn nice(json: &str) -> String {
        dump(&serde_json::from_str(json).unwrap(), Style::NICE)
    }

    fn terse(json: &str) -> String {
        dump(&serde_json::from_str(json).unwrap(), Style::TERSE)
    }

    /// Texts that ansible-core 2.19.14 with PyYAML 6.0.3 (libyaml) gave.
    #[test]
    fn text_equals_that_of_ansible() {
        for (json, expected) in [
            (r#""a""#, "a\n"),
            ("null", "null\n"),
            ("[]", "[]\n"),
            (r#"{"b": 1, "a": [1, "x"]}"#, "a:\n- 1\n- x\nb: 1\n"),
            (
                r#"[[1], {"k": {"l": "m"}}]"#,
                "-   - 1\n-   k:\n        l: m\n",
            ),
            (r#"{"a": {}, "b": []}"#, "a: {}\nb: []\n"),
            (
                r#"["yes", "NO", "1", "0644", "1e3", "~", "", "1:30", "2020-01-01", "=", "12345678901234567890123"]"#,
                "- 'yes'\n- 'NO'\n- '1'\n- '0644'\n- 1e3\n- '~'\n- ''\n- '1:30'\n- '2020-01-01'\n- '='\n- '12345678901234567890123'\n",
            ),
            (
                r##"["x #y", "#c", "a: b", "a:b", "- x", "[a]", "a,b", "{{ x }}", "it's", "'", "---"]"##,
                "- 'x #y'\n- '#c'\n- 'a: b'\n- a:b\n- '- x'\n- '[a]'\n- a,b\n- '{{ x }}'\n- it's\n- ''''\n- '---'\n",
            ),
            (r#"{"k": "one\ntwo\n"}"#, "k: 'one\n\n    two\n\n    '\n"),
            (
                r#"["a\tb", "a \nb", "x\r", "é", "😀", "C:\\d"]"#,
                "- \"a\\tb\"\n- \"a \\nb\"\n- \"x\\r\"\n- é\n- \"\\U0001F600\"\n- C:\\d\n",
            ),
            (
                "[1.5, 1e20, 1e-7, 100.0, -0.0, true]",
                "- 1.5\n- 1.0e+20\n- 1.0e-07\n- 100.0\n- -0.0\n- true\n",
            ),
            (r#"{"two\nlines": [1]}"#, "? 'two\n\n    lines'\n:   - 1\n"),
        ] {
            assert_eq!(nice(json), expected, "{json}");
        }
        for (json, expected) in [
            (r#"{"b": [1, 2], "a": "x"}"#, "a: x\nb: [1, 2]\n"),
            (r#"{"a": 1, "c": "d, e"}"#, "{a: 1, c: 'd, e'}\n"),
            (r#"[{"a": {"b": null}}]"#, "- a: {b: null}\n"),
        ] {
            assert_eq!(terse(json), expected, "{json}");
        }
    }

    #[test]
    fn long_lines_fold_and_options_count() {
        let words = Value::from("word ".repeat(12).trim_end());
        let narrow = Style {
            width: 20,
            indent: 2,
            sort_keys: false,
            explicit_start: true,
            explicit_end: true,
            ..Style::NICE
        };
        let value = Value::map([("z", words), ("a", Value::list([Value::from(1)]))]);
        assert_eq!(
            dump(&value, narrow),
            "---\nz: word word word word\n  word word word word\n  word word word word\na:\n- 1\n...\n"
        );
        let flow = Style {
            flow: Flow::Always,
            explicit_start: true,
            ..Style::TERSE
        };
        let nested = Value::list([Value::list([Value::from(1)])]);
        assert_eq!(dump(&nested, flow), "--- [[1]]\n");
    }

    #[test]
    fn encrypted_values_keep_their_tag() {
        let source = Source::new("f", "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n");
        let value = crate::yaml::parse(&source)
            .unwrap()
            .root
            .unwrap()
            .to_value();
        assert_eq!(
            dump(&value, Style::NICE),
            "a: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    6162\n"
        );
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-c \\n:#,'\"\\[\\]{}&*!|>%@`?=~.0-9_+-]{0,12}",
            "\\PC{0,8}",
            "(yes|no|0x1|1_0|1\\.5|null|<<|=|---|1:30|2020-01-01|word word )*",
            "[\t\r\u{1}\u{85}\u{2028}😀 a\\n]{0,6}",
        ]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_map(Value::from),
            any_text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
                prop::collection::vec((any_text(), inner), 0..4).prop_map(Value::map),
            ]
        })
    }

    /// Compares as JSON, because a string that looks like a template is read as one.
    fn reads_back(value: &Value, style: Style) -> Result<(), TestCaseError> {
        let text = dump(value, style);
        let document = crate::yaml::parse(&Source::new("f", text.as_str()))
            .map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        let read = document.root.map_or(Value::Null, |n| n.to_value());
        let sorted = |v: &Value| {
            let mut json = v.to_json();
            json.sort_all_objects();
            json
        };
        prop_assert_eq!(sorted(&read), sorted(value), "{}", text);
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_dumped_reads_back(value in any_value(), indent in 2usize..9, width in 20usize..100) {
            reads_back(&value, Style::TERSE)?;
            reads_back(&value, Style { indent, width, sort_keys: false, ..Style::NICE })?;
            reads_back(&value, Style { flow: Flow::Always, width, ..Style::TERSE })?;
        }
    }
}
