//! What can be known to be wrong with a template before it is rendered.

use super::ast::{Arg, Expr, Kind, Macro, Stmt, Unit};
use super::origin::Origin;
use super::{filters, functions, lookups, tests};
use crate::artifacts::Shelf;
use crate::error::{Diagnostic, Problems, Span};
use crate::value::Value;

/// A template that another includes, imports or extends by literal names.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The names; the first that is there counts.
    pub names: Vec<String>,
    /// `ignore missing`.
    pub optional: bool,
    /// Whether it is met in every rendering: not inside a condition, loop, macro or block.
    pub always: bool,
    /// Where the name stands.
    pub span: Span,
}

/// Unknown filters, tests, functions, lookups and artifacts in `unit`, and the templates that it takes in.
pub(crate) fn check(unit: &Unit, origin: &Origin, shelf: &Shelf) -> (Problems, Vec<Reference>) {
    let mut check = Check {
        unit,
        origin,
        shelf,
        always: true,
        problems: Problems::new(),
        references: Vec::new(),
    };
    check.body(&unit.body);
    (check.problems, check.references)
}

struct Check<'a> {
    unit: &'a Unit,
    origin: &'a Origin,
    /// Not inside anything that may be left out.
    always: bool,
    shelf: &'a Shelf,
    problems: Problems,
    references: Vec<Reference>,
}

impl Check<'_> {
    fn report(&mut self, d: Diagnostic, expr: &Expr) {
        self.problems
            .push(match self.origin.locate(self.unit, expr.at) {
                Some(span) => d.with_span(&span),
                None => d,
            });
    }

    fn body(&mut self, body: &[Stmt]) {
        body.iter().for_each(|s| self.stmt(s));
    }

    /// What may not be run.
    fn perhaps(&mut self, body: &[Stmt]) {
        let always = std::mem::replace(&mut self.always, false);
        self.body(body);
        self.always = always;
    }

    /// Another template, by name.
    fn refer(&mut self, expr: &Expr, optional: bool) {
        self.expr(expr);
        let one = |e: &Expr| match &e.kind {
            Kind::Const(Value::Str(name)) => Some(name.to_string()),
            _ => None,
        };
        let names = match &expr.kind {
            Kind::List(items) | Kind::Tuple(items) => items.iter().map(one).collect(),
            Kind::Const(Value::List(items)) => items
                .iter()
                .map(|v| v.as_str().map(str::to_owned))
                .collect(),
            _ => one(expr).map(|name| vec![name]),
        };
        if let (Some(names), Some(span)) = (names, self.origin.locate(self.unit, expr.at)) {
            self.references.push(Reference {
                names,
                optional,
                always: self.always,
                span,
            });
        }
    }

    fn macro_(&mut self, m: &Macro) {
        m.defaults.iter().for_each(|d| self.expr(d));
        self.perhaps(&m.body);
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Raw(_) | Stmt::Break | Stmt::Continue => {}
            Stmt::Emit(e) | Stmt::Do(e) => self.expr(e),
            Stmt::Include(e, optional) => self.refer(e, *optional),
            Stmt::Import(e, _) | Stmt::FromImport(e, _) | Stmt::Extends(e) => self.refer(e, false),
            Stmt::For(f) => {
                self.expr(&f.iter);
                f.filter.iter().for_each(|e| self.expr(e));
                self.perhaps(&f.body);
                self.perhaps(&f.otherwise);
            }
            Stmt::If(test, then, otherwise) => {
                self.expr(test);
                self.perhaps(then);
                self.perhaps(otherwise);
            }
            // Another template may give this block in its place.
            Stmt::Block(block) => self.perhaps(&block.body),
            Stmt::With(pairs, body) => {
                pairs.iter().for_each(|(_, e)| self.expr(e));
                self.body(body);
            }
            Stmt::Set(_, e) => self.expr(e),
            Stmt::SetBlock(_, filter, body) => {
                filter.iter().for_each(|e| self.expr(e));
                self.body(body);
            }
            Stmt::FilterBlock(filter, body) => {
                self.expr(filter);
                self.body(body);
            }
            Stmt::Macro(m) => self.macro_(m),
            Stmt::CallBlock(call, m) => {
                self.expr(call);
                self.macro_(m);
            }
            Stmt::Scoped(body) => self.body(body),
        }
    }

    fn args(&mut self, args: &[Arg]) {
        args.iter().for_each(|a| self.expr(a.expr()));
    }

    /// The text of the first argument when it is a literal.
    fn literal(args: &[Arg]) -> Option<(&str, &Expr)> {
        match args.first() {
            Some(Arg::One(e)) => match &e.kind {
                Kind::Const(Value::Str(s)) => Some((s, e)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The only argument of the lookup `config`.
    fn setting(&mut self, arg: &Arg) {
        if let Arg::One(e) = arg
            && let Kind::Const(Value::Str(name)) = &e.kind
            && let Err(d) = lookups::known_setting(name)
        {
            self.report(d, e);
        }
    }

    /// Names in `lookup('artifact', 'x')` must be in the site's list.
    fn artifact(&mut self, plugin: &str, args: &[Arg]) {
        if super::filters::short(plugin) != "artifact" {
            return;
        }
        for at in 1..args.len() {
            let named = args.get(at..).and_then(|rest| Self::literal(rest));
            if let Some((name, e)) = named {
                let span = self.origin.locate(self.unit, e.at);
                if let Err(d) = self.shelf.note(name, false, span.as_ref()) {
                    self.report(d, e);
                }
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Var(_) | Kind::Const(_) | Kind::Embedded(_) => {}
            Kind::Slice(base, bounds) => {
                self.expr(base);
                bounds.iter().flatten().for_each(|e| self.expr(e));
            }
            Kind::Not(e) | Kind::Neg(e) | Kind::Attr(e, _) => self.expr(e),
            Kind::And(a, b) | Kind::Or(a, b) | Kind::Math(_, a, b) | Kind::Item(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            Kind::Compare(first, rest) => {
                self.expr(first);
                rest.iter().for_each(|(_, e)| self.expr(e));
            }
            Kind::If(test, then, otherwise) => {
                self.expr(test);
                self.expr(then);
                otherwise.iter().for_each(|e| self.expr(e));
            }
            Kind::Filter(name, value, args) => {
                value.iter().for_each(|e| self.expr(e));
                if filters::find(name).is_none() {
                    self.report(filters::unknown(name), expr);
                }
                // `map`, `select` and the like take the name of another filter or test.
                match (filters::short(name), Self::literal(args)) {
                    ("map", Some((inner, e))) if filters::find(inner).is_none() => {
                        self.report(filters::unknown(inner), e)
                    }
                    ("select" | "reject", Some((inner, e))) if tests::find(inner).is_none() => {
                        self.report(tests::unknown(inner), e);
                    }
                    ("selectattr" | "rejectattr", Some(_)) => {
                        if let Some((inner, e)) = Self::literal(args.get(1..).unwrap_or_default())
                            && tests::find(inner).is_none()
                        {
                            self.report(tests::unknown(inner), e);
                        }
                    }
                    _ => {}
                }
                self.args(args);
            }
            Kind::Test(name, value, args) => {
                self.expr(value);
                if tests::find(name).is_none() {
                    self.report(tests::unknown(name), expr);
                }
                self.args(args);
            }
            Kind::Call(callee, args) => {
                match &callee.kind {
                    Kind::Var(name) if matches!(&**name, "lookup" | "query" | "q") => {
                        if let Some((plugin, e)) = Self::literal(args) {
                            if let Err(d) = lookups::known(plugin) {
                                self.report(d, e);
                            } else if filters::short(plugin) == "config" && args.len() == 2 {
                                self.setting(&args[1]);
                            } else {
                                self.artifact(plugin, args);
                            }
                        }
                    }
                    // A macro may have this name, and so may a variable: only a filter's name is surely a mistake.
                    Kind::Var(name)
                        if functions::find(name).is_none() && filters::find(name).is_some() =>
                    {
                        if !self.unit.text.contains(&format!("macro {name}"))
                            && !self.unit.text.contains("import")
                        {
                            self.report(functions::unknown(name), callee);
                        }
                    }
                    _ => self.expr(callee),
                }
                self.args(args);
            }
            Kind::List(items) | Kind::Tuple(items) => items.iter().for_each(|e| self.expr(e)),
            Kind::Map(pairs) => pairs.iter().for_each(|(k, v)| {
                self.expr(k);
                self.expr(v);
            }),
        }
    }
}
