//! The one thing others talk to.

use super::args::Eval;
use super::ast::Unit;
use super::check::Reference;
use super::context::Cx;
use super::origin::{Origin, locate_in};
use super::parse::{Mode, SyntaxError, parse};
use super::scope::Scope;
use super::syntax::Syntax;
use super::val::Val;
use crate::artifacts::Shelf;
use crate::error::{Diagnostic, Problems, Source, Span};
use crate::value::{Template, Value};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, RwLock};

/// How many compiled templates are kept of each kind.
const CACHE: usize = 8192;

/// Renders templates and remembers the compiled ones. Cheap to clone, one for a whole run; clones share the memory.
#[derive(Clone, Default)]
pub struct Templar(Arc<Cache>);

#[derive(Default)]
struct Cache {
    shelf: Arc<Shelf>,
    texts: [RwLock<HashMap<String, Arc<Unit>>>; 4],
    files: RwLock<HashMap<(Syntax, String), Arc<Unit>>>,
}

/// How [`Templar::render_file`] reads a template file.
#[derive(Clone, Debug, Default)]
pub struct TemplateOptions {
    /// Marks and whitespace; a `#jinja2:` first line of the file goes before these.
    pub syntax: Syntax,
}

/// What [`Templar::check_file`] found.
#[derive(Debug, Default)]
pub struct CheckedFile {
    /// What is wrong.
    pub problems: Problems,
    /// The templates it takes in by literal names.
    pub references: Vec<Reference>,
    /// How those are read.
    pub options: TemplateOptions,
}

impl Templar {
    /// A templar that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A templar that remembers nothing yet, for a run with these artifacts.
    pub fn with_artifacts(shelf: Arc<Shelf>) -> Self {
        Self(Arc::new(Cache {
            shelf,
            ..Cache::default()
        }))
    }

    /// The run's artifacts.
    pub fn artifacts(&self) -> &Arc<Shelf> {
        &self.0.shelf
    }

    /// `value` with every template rendered and every vault decrypted, down to the last item; results have native types.
    /// Mapping keys stay as they are, as in Ansible (see [`Templar::resolve_key`]). What is `omit` inside falls out;
    /// `omit` itself stays [`Value::Omit`]. Errors: syntax, undefined, a filter's or lookup's own, with the place.
    pub fn resolve(&self, scope: &Arc<dyn Scope>, value: &Value) -> Result<Value, Diagnostic> {
        let cx = Cx::new(self, scope);
        match value {
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Omit => Ok(value.clone()),
            _ => cx.deep(value),
        }
    }

    /// As [`Templar::resolve`], one level only: a list's or mapping's own items may still be lazy.
    pub fn resolve_shallow(
        &self,
        scope: &Arc<dyn Scope>,
        value: &Value,
    ) -> Result<Value, Diagnostic> {
        let cx = Cx::new(self, scope);
        match cx.touch(value.clone(), None)? {
            Val::Data(value) => Ok(value),
            other => cx.data(&other),
        }
    }

    /// A mapping key as `set_fact` reads it: rendered when it holds template marks. Errors: as [`Templar::resolve`].
    pub fn resolve_key(
        &self,
        scope: &Arc<dyn Scope>,
        key: &str,
        span: Option<&Span>,
    ) -> Result<String, Diagnostic> {
        self.resolve(scope, &Value::template(key, span.cloned()))
            .map(|v| v.to_string())
    }

    /// Whether a condition (`when`, `changed_when`, `failed_when`, `until`, an item of `that`) holds, by ansible-core 2.19's
    /// rules: a bare expression whose result must be a boolean; one that is wholly a template is rendered first.
    /// Errors: empty, not a string or boolean, a result that is no boolean, and those of [`Templar::resolve`].
    pub fn condition(&self, scope: &Arc<dyn Scope>, value: &Value) -> Result<bool, Diagnostic> {
        let cx = Cx::new(self, scope);
        let (text, span) = match value {
            Value::Bool(b) => return Ok(*b),
            Value::Str(s) => (s.trim(), None),
            Value::Template(t) => (t.text.trim(), t.span.clone()),
            Value::Null => ("", None),
            other => {
                return Err(Diagnostic::new(format!(
                    "a condition must be an expression or a boolean, not {}",
                    super::args::a(other.kind())
                )));
            }
        };
        if text.is_empty() {
            let d = Diagnostic::new("this condition is empty");
            return Err(match &span {
                Some(span) => d.with_span(span),
                None => d,
            });
        }
        let wrapped = is_wrapped(text);
        let result = if wrapped {
            let template = Template {
                text: text.to_owned(),
                span: span.clone(),
            };
            let val = cx.touch(Value::Template(Arc::new(template)), None)?;
            match cx.data(&val)? {
                // A template may give the expression to use. Text from a host must not: it would be run as code.
                Value::Str(text) => {
                    let d = Diagnostic::new(format!(
                        "this condition gives a string (`{}`), not true or false",
                        shorten(&text)
                    ))
                    .with_help("write the expression itself, without `{{ }}`");
                    return Err(match &span {
                        Some(span) => d.with_span(span),
                        None => d,
                    });
                }
                other => other,
            }
        } else {
            self.expression(&cx, text, Mode::Condition, span.as_ref())?
        };
        match result {
            Value::Bool(b) => Ok(b),
            other => {
                let d = Diagnostic::new(format!(
                    "this condition gives {} (`{}`), not true or false",
                    super::args::a(other.kind()),
                    shorten(&other.to_string())
                ))
                .with_help(
                    "compare it, or use `| bool`, `| length > 0`, `is defined`, `is truthy`",
                );
                Err(match &span {
                    Some(span) => d.with_span(span),
                    None => d,
                })
            }
        }
    }

    /// The value of the bare expression `expr`, which begins at `span`. Errors: as [`Templar::resolve`].
    pub fn evaluate(
        &self,
        scope: &Arc<dyn Scope>,
        expr: &str,
        span: Option<&Span>,
    ) -> Result<Value, Diagnostic> {
        self.expression(&Cx::new(self, scope), expr.trim(), Mode::Expression, span)
    }

    fn expression(&self, cx: &Cx<'_>, text: &str, mode: Mode, span: Option<&Span>) -> Eval<Value> {
        let origin = Origin::Scalar(span.cloned());
        let unit = self.compile(text, mode, &origin)?;
        let val = cx.run(unit, origin)?;
        let value = cx.data(&val)?;
        Ok(value)
    }

    /// Renders the template file `path` with the text `text`, as the `template` module does.
    /// Errors: as [`Templar::resolve`], placed in that file.
    pub fn render_file(
        &self,
        scope: &Arc<dyn Scope>,
        text: &str,
        path: &Path,
        options: &TemplateOptions,
    ) -> Result<String, Diagnostic> {
        let cx = Cx::new(self, scope);
        let origin = Origin::File(Source::new(path, text));
        let unit = self.compile_file(text, &options.syntax, &origin)?;
        let val = cx.run(unit, origin)?;
        Ok(match cx.data(&val)? {
            Value::Null => String::new(),
            other => other.to_string(),
        })
    }

    /// What can be known to be wrong with the template `text` before it is rendered: its syntax, unknown filters, tests,
    /// functions and lookups. `span` is where the scalar begins.
    pub fn check(&self, text: &str, span: Option<&Span>) -> Problems {
        self.check_as(text, Mode::Inline, &Origin::Scalar(span.cloned()))
    }

    /// As [`Templar::check`] for a bare expression, such as `when`.
    pub fn check_expression(&self, text: &str, span: Option<&Span>) -> Problems {
        let text = text.trim();
        let origin = Origin::Scalar(span.cloned());
        if is_wrapped(text) {
            return self.check_as(text, Mode::Inline, &origin);
        }
        self.check_as(text, Mode::Condition, &origin)
    }

    /// As [`Templar::check`] for a template file, with the templates it takes in by literal names and how these are read.
    pub fn check_file(&self, text: &str, path: &Path, options: &TemplateOptions) -> CheckedFile {
        let origin = Origin::File(Source::new(path, text));
        match self.compile_file(text, &options.syntax, &origin) {
            Ok(unit) => {
                let (problems, references) = super::check::check(&unit, &origin, &self.0.shelf);
                CheckedFile {
                    problems,
                    references,
                    options: TemplateOptions {
                        syntax: unit.syntax.clone(),
                    },
                }
            }
            Err(d) => CheckedFile {
                problems: d.into(),
                ..CheckedFile::default()
            },
        }
    }

    /// As [`Templar::check`] for every template inside `value`.
    pub fn check_value(&self, value: &Value) -> Problems {
        let mut problems = Problems::new();
        match value {
            Value::Template(t) => problems.extend(self.check(&t.text, t.span.as_ref())),
            Value::List(items) => items
                .iter()
                .for_each(|v| problems.extend(self.check_value(v))),
            Value::Map(map) => map
                .values()
                .for_each(|v| problems.extend(self.check_value(v))),
            _ => {}
        }
        problems
    }

    fn check_as(&self, text: &str, mode: Mode, origin: &Origin) -> Problems {
        match self.compile(text, mode, origin) {
            Ok(unit) => super::check::check(&unit, origin, &self.0.shelf).0,
            Err(d) => d.into(),
        }
    }

    pub(crate) fn compile(&self, text: &str, mode: Mode, origin: &Origin) -> Eval<Arc<Unit>> {
        let cache = &self.0.texts[mode as usize];
        if let Some(unit) = cache.read().ok().and_then(|c| c.get(text).cloned()) {
            return Ok(unit);
        }
        let (syntax, body) = Syntax::default()
            .with_header(text)
            .map_err(|d| match origin {
                Origin::Scalar(Some(span)) => d.with_span(span),
                _ => d,
            })?;
        let unit = Arc::new(compiled(text, body, mode, &syntax, origin)?);
        if let Ok(mut cache) = cache.write() {
            if cache.len() >= CACHE {
                cache.clear();
            }
            cache.insert(text.to_owned(), unit.clone());
        }
        Ok(unit)
    }

    /// Compiles a template file with the marks of `syntax`; a `#jinja2:` line goes before them.
    pub(crate) fn compile_file(
        &self,
        text: &str,
        syntax: &Syntax,
        origin: &Origin,
    ) -> Eval<Arc<Unit>> {
        if *syntax == Syntax::default() {
            return self.compile(text, Mode::File, origin);
        }
        let key = (syntax.clone(), text.to_owned());
        if let Some(unit) = self.0.files.read().ok().and_then(|c| c.get(&key).cloned()) {
            return Ok(unit);
        }
        let (syntax, body) = syntax.with_header(text)?;
        let unit = Arc::new(compiled(text, body, Mode::File, &syntax, origin)?);
        if let Ok(mut cache) = self.0.files.write() {
            if cache.len() >= CACHE {
                cache.clear();
            }
            cache.insert(key, unit.clone());
        }
        Ok(unit)
    }
}

fn compiled(text: &str, body: &str, mode: Mode, syntax: &Syntax, origin: &Origin) -> Eval<Unit> {
    let skipped = u32::from(text.len() != body.len());
    match parse(body, mode, syntax) {
        Ok(mut unit) => {
            unit.skipped_lines = skipped;
            Ok(unit)
        }
        Err(SyntaxError { message, at }) => {
            let mut d = Diagnostic::new(message);
            if matches!(mode, Mode::Condition | Mode::Expression)
                && ["{{", "{%"].iter().any(|m| body.contains(m))
            {
                d = d.with_help(
                    "this is an expression already: use the names bare, without `{{ }}`",
                );
            }
            Err(match locate_in(origin, body, skipped, at) {
                Some(span) => d.with_span(&span),
                None => d,
            })
        }
    }
}

/// Whether a condition is a template from end to end; Ansible renders those, and takes all others as bare expressions.
fn is_wrapped(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|m| text.starts_with(m))
        && ["}}", "%}", "#}"].iter().any(|m| text.ends_with(m))
}

fn shorten(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}
