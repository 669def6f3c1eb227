//! What can be known to be wrong with a template before it is rendered.

use super::ast::{Arg, Expr, Kind, Macro, Stmt, Unit};
use super::origin::Origin;
use super::{filters, functions, lookups, tests};
use crate::error::{Diagnostic, Problems};
use crate::value::Value;

/// Unknown filters, tests, functions and lookups in `unit`.
pub(crate) fn check(unit: &Unit, origin: &Origin) -> Problems {
    let mut check = Check {
        unit,
        origin,
        problems: Problems::new(),
    };
    check.body(&unit.body);
    check.problems
}

struct Check<'a> {
    unit: &'a Unit,
    origin: &'a Origin,
    problems: Problems,
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

    fn macro_(&mut self, m: &Macro) {
        m.defaults.iter().for_each(|d| self.expr(d));
        self.body(&m.body);
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Raw(_) | Stmt::Break | Stmt::Continue => {}
            Stmt::Emit(e)
            | Stmt::Do(e)
            | Stmt::Include(e, _)
            | Stmt::Import(e, _)
            | Stmt::FromImport(e, _) => self.expr(e),
            Stmt::Extends(e) => {
                let d = Diagnostic::new("`{% extends %}` is not supported")
                    .with_help("use `{% include %}`, or macros with `{% import %}`");
                self.report(d, e);
            }
            Stmt::For(f) => {
                self.expr(&f.iter);
                f.filter.iter().for_each(|e| self.expr(e));
                self.body(&f.body);
                self.body(&f.otherwise);
            }
            Stmt::If(test, then, otherwise) => {
                self.expr(test);
                self.body(then);
                self.body(otherwise);
            }
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
                        if let Some((plugin, e)) = Self::literal(args)
                            && let Err(d) = lookups::known(plugin)
                        {
                            self.report(d, e);
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
