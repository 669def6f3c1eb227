//! From text to nodes.

use super::explain::{explain, starts_with_expression};
use super::mapping::settle;
use super::margin::Margin;
use super::scalar::{resolve, sexagesimal};
use super::{Kind, Node};
use crate::error::{Diagnostic, Problems, Source, Span};
use saphyr_parser::{Event, Parser, ScalarStyle, Span as Range, StrInput, Tag};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// How deep collections may nest; Python's own recursion limit stops Ansible not far beyond.
const MAX_DEPTH: usize = 200;
/// How many nodes aliases may copy into one document: enough for any honest file, too few for an alias bomb.
const MAX_COPIES: usize = 100_000;

/// One YAML document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its value; `None` when the text holds only comments or nothing at all.
    pub root: Option<Node>,
    /// What is allowed but hardly meant: keys given twice, words that Ansible would read as another type.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a text that must hold at most one document.
///
/// # Errors
/// What the text does wrong, explained, with its place. More than one document is a mistake too.
pub fn parse(source: &Arc<Source>) -> Result<Document, Problems> {
    only(read(source, &source.text)?)
}

/// Reads a decrypted text: as [`parse`], but neither places nor messages show any of it.
///
/// # Errors
/// As [`parse`], in fewer words.
pub fn parse_hidden(path: &Path, text: &str) -> Result<Document, Problems> {
    only(read(&Source::new(path, ""), text)?)
}

/// Reads a text that may hold any number of documents, separated by `---`.
///
/// # Errors
/// As [`parse`], save that several documents are fine.
pub fn parse_all(source: &Arc<Source>) -> Result<Vec<Document>, Problems> {
    read(source, &source.text)
}

fn only(documents: Vec<Document>) -> Result<Document, Problems> {
    let mut documents = documents.into_iter();
    let first = documents.next().unwrap_or(Document {
        root: None,
        warnings: Vec::new(),
    });
    match documents.next().and_then(|second| second.root) {
        Some(root) => Err(
            Diagnostic::at(&root.span, "a second YAML document begins here")
                .with_note("this file may hold one document only")
                .with_help("remove the `---` before it, or split the file")
                .into(),
        ),
        None => Ok(first),
    }
}

fn read(source: &Arc<Source>, text: &str) -> Result<Vec<Document>, Problems> {
    let mut margin = Margin::default();
    loop {
        let shifted = margin.apply(text);
        let mut reader = Reader {
            source,
            hidden: source.text.is_empty(),
            lines: shifted.lines().collect(),
            margin: &margin,
            parser: Parser::new_from_str(&shifted),
            anchors: HashMap::new(),
            copies: 0,
            raw: 0,
            complaint: None,
            problems: Problems::new(),
            warnings: Vec::new(),
        };
        let documents = reader.documents();
        let complaint = reader.complaint.take();
        let mut problems = reader.problems;
        let diagnostic = match documents {
            Ok(documents) => return problems.or_ok(documents),
            Err(diagnostic) => diagnostic,
        };
        let wider =
            complaint.and_then(|(line, column, info)| margin.widen(text, line, column, &info));
        match wider {
            Some(wider) => margin = wider,
            None => {
                problems.push(*diagnostic);
                return Err(problems);
            }
        }
    }
}

type Step<T> = Result<T, Box<Diagnostic>>;

struct Reader<'a> {
    source: &'a Arc<Source>,
    /// Whether the text is secret: then no message may quote it.
    hidden: bool,
    lines: Vec<&'a str>,
    /// What was put before lines to make the parser accept them.
    margin: &'a Margin,
    /// What the parser complained about last: line, column, words.
    complaint: Option<(usize, usize, String)>,
    parser: Parser<'a, StrInput<'a>>,
    /// Finished nodes that have an anchor, with how many nodes they hold and how deep they go.
    anchors: HashMap<usize, (Node, usize, usize)>,
    copies: usize,
    /// How many `!unsafe` are around the node being read.
    raw: usize,
    problems: Problems,
    warnings: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Step<(Event<'a>, Range)> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let line = error.marker().line();
                let column = error.marker().col().saturating_sub(self.margin.of(line));
                self.complaint = Some((line, column, error.info().to_owned()));
                Err(Box::new(explain(self.source, line, column, error.info())))
            }
            None => Ok((Event::StreamEnd, Range::default())),
        }
    }

    fn documents(&mut self) -> Step<Vec<Document>> {
        let mut documents = Vec::new();
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(documents),
                (Event::DocumentStart(_), _) => {
                    let (event, range) = self.next()?;
                    // A lone `---`, or one followed by comments, counts as no value.
                    let empty = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text.is_empty());
                    let root = self.node(event, range, 0)?;
                    documents.push(Document {
                        root: (!empty).then_some(root),
                        warnings: std::mem::take(&mut self.warnings),
                    });
                }
                _ => {}
            }
        }
    }

    fn span(&self, range: Range) -> Span {
        let (start, end) = (range.start, range.end);
        let line = start.line().max(1);
        let text = self.lines.get(line - 1).copied().unwrap_or_default();
        // A value that goes on below is underlined to the end of its first line.
        let width = if end.line() == start.line() {
            end.col().saturating_sub(start.col())
        } else {
            usize::MAX
        };
        let mut length = 0;
        for (i, c) in text.chars().skip(start.col()).take(width).enumerate() {
            if !c.is_whitespace() {
                length = i + 1;
            }
        }
        Span {
            source: self.source.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(start.col().saturating_sub(self.margin.of(line)) + 1)
                .unwrap_or(u32::MAX),
            length: u32::try_from(length).unwrap_or(u32::MAX),
        }
    }

    fn node(&mut self, event: Event<'a>, range: Range, depth: usize) -> Step<Node> {
        if depth > MAX_DEPTH {
            return Err(Box::new(
                Diagnostic::at(&self.span(range), "the nesting is too deep")
                    .with_note(format!("at most {MAX_DEPTH} levels are read")),
            ));
        }
        let span = self.span(range);
        let (anchor, node) = match event {
            Event::Alias(id) => return self.alias(id, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let span = if style == ScalarStyle::Plain && text.is_empty() {
                    Span { length: 0, ..span }
                } else {
                    span
                };
                (anchor, self.scalar(&text, style, tag.as_deref(), span))
            }
            Event::SequenceStart(anchor, tag) => {
                let raw = self.enter(tag.as_deref(), "seq", &span);
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd | Event::StreamEnd, _) => break,
                        (event, range) => items.push(self.node(event, range, depth + 1)?),
                    }
                }
                self.raw -= raw;
                let kind = Kind::List(items);
                (
                    anchor,
                    Node {
                        span: Span { length: 1, ..span },
                        kind,
                    },
                )
            }
            Event::MappingStart(anchor, tag) => {
                let raw = self.enter(tag.as_deref(), "map", &span);
                let pairs = self.mapping(&span, depth)?;
                self.raw -= raw;
                let kind = Kind::Map(pairs);
                (
                    anchor,
                    Node {
                        span: Span { length: 1, ..span },
                        kind,
                    },
                )
            }
            _ => (
                0,
                Node {
                    span,
                    kind: Kind::Null,
                },
            ),
        };
        if anchor != 0 {
            let (size, height) = measure(&node);
            self.anchors.insert(anchor, (node.clone(), size, height));
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Step<Node> {
        let Some((node, size, height)) = self.anchors.get(&id) else {
            return Err(Box::new(Diagnostic::at(
                &span,
                "this alias stands inside the value it refers to",
            )));
        };
        self.copies = self.copies.saturating_add(*size);
        if self.copies > MAX_COPIES || depth + height > MAX_DEPTH {
            return Err(Box::new(
                Diagnostic::at(&span, "the aliases of this file blow it up").with_note(format!(
                    "aliases may copy at most {MAX_COPIES} values, nested {MAX_DEPTH} deep"
                )),
            ));
        }
        Ok(node.clone())
    }

    /// Looks at the tag of a collection; 1 when everything in it is `!unsafe`.
    fn enter(&mut self, tag: Option<&Tag>, own: &str, span: &Span) -> usize {
        match tag {
            None => 0,
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == own => 0,
            Some(tag) if tag.handle == "!" && tag.suffix == "unsafe" => {
                self.raw += 1;
                1
            }
            Some(tag) => {
                self.unknown_tag(tag, span);
                0
            }
        }
    }

    fn unknown_tag(&mut self, tag: &Tag, span: &Span) {
        let tag = if tag.is_yaml_core_schema() {
            format!("!!{}", tag.suffix)
        } else {
            format!("{}{}", tag.handle, tag.suffix)
        };
        let diagnostic = match tag.as_str() {
            "!vault" | "!vault-encrypted" => Diagnostic::at(span, format!("`{tag}` goes with an encrypted text"))
                .with_help("write `!vault |` and the text that begins with `$ANSIBLE_VAULT` below it"),
            _ => Diagnostic::at(span, format!("the tag `{tag}` cannot be used on this value"))
                .with_note("known tags are `!unsafe`, `!vault` and YAML's own `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map`, `!!seq`"),
        };
        self.problems.push(diagnostic);
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let quoted = style != ScalarStyle::Plain;
        let raw = self.raw > 0;
        let string = |raw| Kind::Str {
            text: Arc::from(text),
            quoted,
            raw,
        };
        let implicit = |raw| match resolve(text) {
            Kind::Str { text, .. } => Kind::Str { text, quoted, raw },
            other => other,
        };
        let kind = match tag {
            None if quoted => string(raw),
            None => {
                if let Some(number) = sexagesimal(text).filter(|_| !self.hidden) {
                    self.warnings.push(
                        Diagnostic::at(
                            &span,
                            format!("`{text}` is text here, but Ansible reads the number {number}"),
                        )
                        .with_note("YAML 1.1 takes digits with colons for a number to base 60")
                        .with_help(format!("quote it: `\"{text}\"`")),
                    );
                }
                implicit(raw)
            }
            Some(tag) if tag.handle == "!" => match tag.suffix.as_str() {
                "unsafe" if quoted => string(true),
                "unsafe" => implicit(true),
                "vault" | "vault-encrypted"
                    if quoted || matches!(resolve(text), Kind::Str { .. }) =>
                {
                    Kind::Vault(Arc::from(text))
                }
                "" => implicit(raw),
                _ => {
                    self.unknown_tag(tag, &span);
                    string(raw)
                }
            },
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => implicit(raw),
            Some(tag) => match (
                tag.is_yaml_core_schema(),
                tag.suffix.as_str(),
                resolve(text),
            ) {
                (true, "str", _) => string(raw),
                (true, "null", _) => Kind::Null,
                (true, "int", Kind::Int(i)) => Kind::Int(i),
                (true, "bool", Kind::Bool(b)) => Kind::Bool(b),
                (true, "float", Kind::Float(x)) => Kind::Float(x),
                (true, "float", Kind::Int(i)) => Kind::Float(i as f64),
                _ => {
                    self.unknown_tag(tag, &span);
                    string(raw)
                }
            },
        };
        Node { span, kind }
    }

    fn mapping(&mut self, start: &Span, depth: usize) -> Step<Vec<(Node, Node)>> {
        let mut merged: Vec<(Node, Node)> = Vec::new();
        let mut own: Vec<(Node, Node)> = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                break;
            }
            let plain_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, range, depth + 1)?;
            let (event, range) = self.next()?;
            let empty =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text.is_empty());
            let mut value = self.node(event, range, depth + 1)?;
            if empty {
                value.span = key.span.clone();
            }
            if matches!(key.kind, Kind::List(_) | Kind::Map(_) | Kind::Vault(_)) {
                let diagnostic = match starts_with_expression(start)
                    .or_else(|| starts_with_expression(&key.span))
                {
                    Some(diagnostic) => diagnostic,
                    None => Diagnostic::at(
                        &key.span,
                        format!("a value of type {} cannot be a key", key.kind_name()),
                    ),
                };
                self.problems.push(diagnostic);
            } else if plain_merge {
                self.merge(value, &mut merged);
            } else {
                own.push((key, value));
            }
        }
        Ok(settle(merged, own, &mut self.warnings))
    }

    /// Takes in the value of a `<<` key: a mapping, or a list of mappings of which the first counts most.
    fn merge(&mut self, value: Node, merged: &mut Vec<(Node, Node)>) {
        match value.kind {
            Kind::Map(pairs) => merged.extend(pairs),
            Kind::List(items) => {
                for item in items.into_iter().rev() {
                    match item.kind {
                        Kind::Map(pairs) => merged.extend(pairs),
                        _ => self.not_mergeable(&item),
                    }
                }
            }
            _ => self.not_mergeable(&value),
        }
    }

    fn not_mergeable(&mut self, node: &Node) {
        self.problems.push(Diagnostic::at(
            &node.span,
            format!(
                "`<<` takes a mapping or a list of mappings, but this value's type is {}",
                node.kind_name()
            ),
        ));
    }
}

/// How many nodes a tree holds and how deep it goes.
fn measure(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.kind {
        Kind::List(items) => items.iter().collect(),
        Kind::Map(pairs) => pairs.iter().flat_map(|(k, v)| [k, v]).collect(),
        _ => return (1, 0),
    };
    children
        .into_iter()
        .map(measure)
        .fold((1, 1), |(size, height), (s, h)| {
            (size + s, height.max(h + 1))
        })
}
