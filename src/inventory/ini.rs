//! INI inventories, line by line as Ansible's `ini` inventory plugin reads them (its page documents the format).

use super::address::{expand, split_port};
use super::inventory::Inventory;
use super::literal;
use crate::error::{Diagnostic, Problems, Source, Span, nearest};
use crate::value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Hosts,
    Children,
    Vars,
}

/// Adds what an INI text holds to `inventory`; what is wrong goes to `problems`, line by line.
pub(super) fn read(source: &Arc<Source>, inventory: &mut Inventory, problems: &mut Problems) {
    let mut reader = Reader {
        source,
        inventory,
        problems,
        group: "ungrouped".to_owned(),
        state: State::Hosts,
        pending: IndexMap::new(),
    };
    for (number, line) in source.text.lines().enumerate() {
        reader.line(number, line);
    }
    reader.finish();
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    inventory: &'a mut Inventory,
    problems: &'a mut Problems,
    group: String,
    state: State,
    /// Groups that were named as children or given variables before any section declared them.
    pending: IndexMap<String, (Span, State)>,
}

/// One word of a host line, with where it begins and ends in the line (in characters).
#[derive(Debug, PartialEq, Eq)]
struct Word {
    text: String,
    start: usize,
    end: usize,
}

impl Reader<'_> {
    fn span(&self, line: usize, column: usize, length: usize) -> Span {
        let to = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            source: self.source.clone(),
            line: to(line + 1),
            column: to(column + 1),
            length: to(length),
        }
    }

    fn line(&mut self, number: usize, line: &str) {
        let text = line.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            return;
        }
        let indent = line.len() - line.trim_start().len();
        let span = self.span(number, indent, text.chars().count());
        if text.starts_with('[')
            && let Some(title) = section_title(text)
        {
            return self.section(title, &span);
        }
        match self.state {
            State::Hosts => self.host(number, line, &span),
            State::Vars => self.variable(number, line, &span),
            State::Children => self.child(text, span),
        }
    }

    fn section(&mut self, title: &str, span: &Span) {
        let (name, kind) = title
            .split_once(':')
            .map_or((title, None), |(n, k)| (n, Some(k)));
        let state = match kind {
            None | Some("hosts") => State::Hosts,
            Some("children") => State::Children,
            Some("vars") => State::Vars,
            Some(kind) => {
                let diagnostic = Diagnostic::at(span, format!("unknown kind of section `{kind}`"))
                    .with_nearest(kind, ["hosts", "children", "vars"])
                    .with_note("sections are `[group]`, `[group:children]` and `[group:vars]`");
                return self.problems.push(diagnostic);
            }
        };
        if name.is_empty() || name.contains([':', ']']) || name.contains(char::is_whitespace) {
            let diagnostic = Diagnostic::at(span, format!("`{name}` is no group name"))
                .with_note("a group name has no spaces, colons or brackets");
            return self.problems.push(diagnostic);
        }
        if state == State::Vars {
            if !self.inventory.groups.contains_key(name) && !self.pending.contains_key(name) {
                self.pending
                    .insert(name.to_owned(), (span.clone(), State::Vars));
            }
        } else {
            self.pending.shift_remove(name);
        }
        self.inventory.add_group(name);
        name.clone_into(&mut self.group);
        self.state = state;
    }

    fn host(&mut self, number: usize, line: &str, span: &Span) {
        let words = match split(line) {
            Ok(words) => words,
            Err(message) => return self.problems.push(Diagnostic::at(span, message)),
        };
        let Some((first, rest)) = words.split_first() else {
            return;
        };
        let place = self.span(number, first.start, first.end - first.start);
        let Some((hosts, port)) = self.names(&first.text, &place) else {
            return;
        };
        let mut vars = Vec::new();
        for word in rest {
            let place = self.span(number, word.start, word.end - word.start);
            let Some((name, text)) = word.text.split_once('=') else {
                let diagnostic = Diagnostic::at(
                    &place,
                    format!("expected `name=value` after the host, not `{}`", word.text),
                )
                .with_help(
                    "put every host on a line of its own, and quotes round a value with spaces",
                );
                self.problems.push(diagnostic);
                continue;
            };
            vars.push((name.to_owned(), value(text, &place)));
        }
        for host in &hosts {
            self.inventory
                .add_host(host, Some(&self.group), port, Some(&self.source.path));
            for (name, value) in &vars {
                self.inventory.set_host_var(host, name, value.clone());
            }
        }
    }

    fn names(&mut self, text: &str, place: &Span) -> Option<(Vec<String>, Option<u16>)> {
        let diagnostic = if text == "---" {
            Diagnostic::at(
                place,
                "`---` begins a YAML file, but this is read as an INI inventory",
            )
            .with_help("give the file the ending `.yml`")
        } else if text.ends_with(':') {
            Diagnostic::at(
                place,
                format!("a host name cannot end with `:`, as `{text}` does"),
            )
            .with_help(
                "write `host:port`; if this is a YAML inventory, give the file the ending `.yml`",
            )
        } else {
            let (pattern, port) = split_port(text);
            match expand(pattern) {
                Ok(hosts) => return Some((hosts, port)),
                Err(message) => {
                    Diagnostic::at(place, format!("`{text}` is no host name: {message}"))
                }
            }
        };
        self.problems.push(diagnostic);
        None
    }

    fn variable(&mut self, number: usize, line: &str, span: &Span) {
        let Some((name, text)) = line.split_once('=') else {
            let diagnostic = Diagnostic::at(
                span,
                format!("expected `name=value` in `[{}:vars]`", self.group),
            );
            return self.problems.push(diagnostic);
        };
        let column =
            name.chars().count() + 1 + text.chars().take_while(|c| c.is_whitespace()).count();
        let text = text.trim();
        let place = self.span(number, column, text.chars().count());
        let set = self
            .inventory
            .set_group_var(&self.group, name.trim(), value(text, &place));
        if let Err(diagnostic) = set {
            self.problems.push(diagnostic.with_span(&place));
        }
    }

    fn child(&mut self, text: &str, span: Span) {
        let name = text.split('#').next().unwrap_or_default().trim_end();
        if name.is_empty() || name.contains([':', ']']) || name.contains(char::is_whitespace) {
            let diagnostic = Diagnostic::at(
                &span,
                format!(
                    "expected the name of a group in `[{}:children]`",
                    self.group
                ),
            );
            return self.problems.push(diagnostic);
        }
        let span = Span {
            length: u32::try_from(name.chars().count()).unwrap_or(1),
            ..span
        };
        if !self.inventory.groups.contains_key(name) {
            self.pending
                .insert(name.to_owned(), (span.clone(), State::Children));
        }
        let parent = self.group.clone();
        let added = self.inventory.add_child(&parent, name, Some(&span));
        self.problems.take(added);
    }

    fn finish(&mut self) {
        for (name, (span, state)) in &self.pending {
            let known = self
                .inventory
                .groups
                .keys()
                .filter(|g| !self.pending.contains_key(*g));
            let near = nearest(name, known.map(String::as_str));
            let diagnostic = match state {
                State::Vars => Diagnostic::at(
                    span,
                    format!("variables for the group `{name}`, which is nowhere declared"),
                ),
                _ => Diagnostic::at(span, format!("the group `{name}` is nowhere declared")),
            };
            self.problems.push(match near {
                Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                None => diagnostic.with_help(format!("declare it with a section `[{name}]`")),
            });
        }
    }
}

/// What stands in the brackets of a section line; `None` when the line is a host that begins with a range.
fn section_title(text: &str) -> Option<&str> {
    let end = text.find(']')?;
    let after = text[end + 1..].trim_start();
    (after.is_empty() || after.starts_with('#')).then(|| &text[1..end])
}

/// A value as Ansible reads it: a Python literal, or else the text as it is, which may be a template.
fn value(text: &str, span: &Span) -> Value {
    fn templates(value: Value, span: &Span) -> Value {
        match value {
            Value::Str(s) => Value::template(&s, Some(span.clone())),
            Value::List(items) => Value::list(items.iter().map(|v| templates(v.clone(), span))),
            Value::Map(map) => Value::map(
                map.iter()
                    .map(|(k, v)| (k.clone(), templates(v.clone(), span))),
            ),
            other => other,
        }
    }
    templates(
        literal::parse(text).unwrap_or_else(|| Value::from(text)),
        span,
    )
}

/// Splits a line into words as a POSIX shell would; `#` begins a comment outside quotes.
fn split(line: &str) -> Result<Vec<Word>, &'static str> {
    let mut words: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut chars = line.chars().enumerate().peekable();
    while let Some((i, c)) = chars.next() {
        if quote.is_none() && (c.is_whitespace() || c == '#') {
            words.extend(word.take().map(|w| Word { end: i, ..w }));
            if c == '#' {
                break;
            }
            continue;
        }
        let current = word.get_or_insert_with(|| Word {
            text: String::new(),
            start: i,
            end: 0,
        });
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('"'), '\\') => match chars.peek() {
                Some((_, n @ ('"' | '\\'))) => {
                    current.text.push(*n);
                    chars.next();
                }
                _ => current.text.push(c),
            },
            (None, '\'' | '"') => quote = Some(c),
            (None, '\\') => match chars.next() {
                Some((_, n)) => current.text.push(n),
                None => return Err("this line ends in the middle of an escape"),
            },
            _ => current.text.push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote on this line is never closed");
    }
    let end = line.chars().count();
    words.extend(word.map(|w| Word { end, ..w }));
    Ok(words)
}
