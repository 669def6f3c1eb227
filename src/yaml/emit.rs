//! How one scalar may be written, and the writing itself; follows libyaml's emitter, which Ansible's dumper uses.

use super::scalar::resolve;
use super::{Kind, scalar::sexagesimal};

/// The ways to write a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quoting {
    Plain,
    Single,
    Double,
}

/// Which ways of writing keep a text what it is.
struct Analysis {
    multiline: bool,
    plain_in_flow: bool,
    plain_in_block: bool,
    single: bool,
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// libyaml counts characters beyond the basic plane as unprintable, and so do we; the Unicode line ends too, which
/// YAML 1.1 and 1.2 read differently.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')
}

fn analyze(text: &str) -> Analysis {
    let chars: Vec<char> = text.chars().collect();
    let blank = |c: Option<&char>| c.is_none_or(|c| matches!(c, ' ' | '\t') || is_break(*c));
    let marker = text.starts_with("---") || text.starts_with("...");
    let (mut block_indicator, mut flow_indicator) = (marker, marker);
    let (mut breaks, mut special, mut break_space, mut space_break) = (false, false, false, false);
    let mut previous = None;
    for (i, &c) in chars.iter().enumerate() {
        let followed = blank(chars.get(i + 1));
        let preceded = i == 0 || blank(chars.get(i - 1));
        let (block, flow) = match c {
            '#' if i == 0 || preceded => (true, true),
            ',' | '[' | ']' | '{' | '}' => (i == 0, true),
            '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => (i == 0, i == 0),
            '?' => (i == 0 && followed, true),
            ':' => (followed, true),
            '-' => (i == 0 && followed, i == 0 && followed),
            _ => (false, false),
        };
        block_indicator |= block;
        flow_indicator |= flow;
        special |= !is_printable(c);
        breaks |= is_break(c);
        break_space |= c == ' ' && previous.is_some_and(is_break);
        space_break |= is_break(c) && previous == Some(' ');
        previous = Some(c);
    }
    let edge = |c: Option<&char>| c.is_some_and(|&c| c == ' ' || is_break(c));
    let ragged = edge(chars.first()) || edge(chars.last());
    let odd = break_space || space_break || special;
    let plain = !(ragged || odd || breaks);
    Analysis {
        multiline: breaks,
        plain_in_flow: plain && !flow_indicator && !chars.is_empty(),
        plain_in_block: plain && !block_indicator,
        single: !odd,
    }
}

/// Whether PyYAML would read the unquoted text as a string.
fn reads_as_text(text: &str) -> bool {
    matches!(resolve(text), Kind::Str { .. })
        && !matches!(text, "=" | "<<")
        && !super::scalar::is_integer(text)
        && sexagesimal(text.split('.').next().unwrap_or(text)).is_none()
        && !super::scalar::is_timestamp(text)
}

/// How a string is quoted. `flow`: inside `[]` or `{}`; `key`: as the short key of a mapping.
pub(super) fn quoting(text: &str, flow: bool, key: bool) -> Quoting {
    let a = analyze(text);
    let allowed = if flow {
        a.plain_in_flow
    } else {
        a.plain_in_block
    };
    if key && a.multiline {
        Quoting::Double
    } else if allowed && !(text.is_empty() && (flow || key)) && reads_as_text(text) {
        Quoting::Plain
    } else if a.single {
        Quoting::Single
    } else {
        Quoting::Double
    }
}

/// Whether a text may stand before its `:` on one line.
pub(super) fn is_short_key(text: &str) -> bool {
    text.len() <= 128 && !text.contains(is_break)
}

/// The text being written, with where the pen stands.
pub(super) struct Pen {
    pub(super) out: String,
    column: usize,
    width: usize,
    /// Whether the last character was white space.
    whitespace: bool,
    /// Whether only indentation and indicators stand on the line so far.
    indention: bool,
    /// The column to begin lines at; below zero before the first collection.
    pub(super) indent: isize,
}

impl Pen {
    pub(super) fn new(width: usize) -> Self {
        Self {
            out: String::new(),
            column: 0,
            width,
            whitespace: true,
            indention: true,
            indent: -1,
        }
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column = if is_break(c) { 0 } else { self.column + 1 };
    }

    /// Whether the line is longer than it should be.
    pub(super) fn is_wide(&self) -> bool {
        self.column > self.width
    }

    /// Whether only indentation and indicators stand on the line so far.
    pub(super) fn is_indention(&self) -> bool {
        self.indention
    }

    /// Begins a new line at the indentation, unless the pen stands there already.
    pub(super) fn line(&mut self) {
        let indent = self.indent.max(0).unsigned_abs();
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    /// Writes punctuation: `spaced` wants white space before it, `opens` counts as white space, `indents` keeps the line
    /// open for more of its kind.
    pub(super) fn mark(&mut self, mark: &str, spaced: bool, opens: bool, indents: bool) {
        if spaced && !self.whitespace {
            self.put(' ');
        }
        mark.chars().for_each(|c| self.put(c));
        self.whitespace = opens;
        self.indention &= indents;
    }

    pub(super) fn scalar(&mut self, text: &str, quoting: Quoting, key: bool) {
        match quoting {
            Quoting::Plain => self.plain(text, !key),
            Quoting::Single => self.single(text, !key),
            Quoting::Double => self.double(text, !key),
        }
    }

    fn plain(&mut self, text: &str, fold: bool) {
        if !self.whitespace && !text.is_empty() {
            self.put(' ');
        }
        let chars: Vec<char> = text.chars().collect();
        let mut space = false;
        for (i, &c) in chars.iter().enumerate() {
            if c == ' ' && fold && !space && self.is_wide() && chars.get(i + 1) != Some(&' ') {
                self.line();
            } else {
                self.put(c);
                if c != ' ' {
                    self.indention = false;
                }
            }
            space = c == ' ';
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single(&mut self, text: &str, fold: bool) {
        self.mark("'", true, false, false);
        let chars: Vec<char> = text.chars().collect();
        let (mut space, mut broke) = (false, false);
        for (i, &c) in chars.iter().enumerate() {
            let inner = i > 0 && i + 1 < chars.len();
            if c == ' ' {
                if fold && !space && self.is_wide() && inner && chars.get(i + 1) != Some(&' ') {
                    self.line();
                } else {
                    self.put(c);
                }
                space = true;
            } else if is_break(c) {
                if !broke && c == '\n' {
                    self.put('\n');
                }
                self.put(c);
                self.indention = true;
                broke = true;
            } else {
                if broke {
                    self.line();
                }
                if c == '\'' {
                    self.put(c);
                }
                self.put(c);
                self.indention = false;
                space = false;
                broke = false;
            }
        }
        if broke {
            self.line();
        }
        self.mark("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double(&mut self, text: &str, fold: bool) {
        self.mark("\"", true, false, false);
        let chars: Vec<char> = text.chars().collect();
        let mut space = false;
        for (i, &c) in chars.iter().enumerate() {
            if !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                escape(c).chars().for_each(|c| self.put(c));
                space = false;
            } else if c == ' ' {
                if fold && !space && self.is_wide() && i > 0 && i + 1 < chars.len() {
                    self.line();
                    if chars.get(i + 1) == Some(&' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                space = true;
            } else {
                self.put(c);
                space = false;
            }
        }
        self.mark("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// Writes a text as a `|` block.
    pub(super) fn literal(&mut self, text: &str) {
        let chomp = match text.strip_suffix('\n') {
            None => "-",
            Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
            Some(_) => "",
        };
        self.mark(&format!("|{chomp}"), true, false, false);
        for line in text.lines() {
            self.put('\n');
            if !line.is_empty() {
                (0..self.indent.max(0)).for_each(|_| self.put(' '));
                line.chars().for_each(|c| self.put(c));
            }
        }
        self.whitespace = false;
        self.indention = false;
    }
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' | '\\' => c,
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        c if c as u32 <= 0xff => return format!("\\x{:02X}", c as u32),
        c if c as u32 <= 0xffff => return format!("\\u{:04X}", c as u32),
        c => return format!("\\U{:08X}", c as u32),
    };
    format!("\\{short}")
}
