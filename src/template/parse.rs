//! Text to [`Unit`]: minijinja's lexer and parser read the syntax, this file takes their tree over into hoist's own.
//!
//! The only file that knows minijinja. Its `machinery` has no promise of stability, so the version is pinned in Cargo.toml.

use super::ast::{Arg, At, Block, CompareOp, Expr, For, Kind, Macro, MathOp, Stmt, Unit};
use super::syntax::Syntax;
use crate::value::{Map, Value};
use minijinja::machinery::{self, ast};
use minijinja::value::{Value as Const, ValueKind};
use std::borrow::Cow;
use std::sync::Arc;

/// What kind of text is compiled; it decides about string literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A string from a YAML file: backslashes in literals inside `{{ }}` are left alone, YAML has dealt with them.
    Inline,
    /// A bare expression with Inline's rule for backslashes.
    Expression,
    /// A bare condition: Python's escapes, and literals that are templates are rendered.
    Condition,
    /// A template file: Python's escapes.
    File,
}

/// A mistake in the syntax and the bytes it is about.
#[derive(Clone, Debug)]
pub(crate) struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: At,
}

/// Compiles `text`. Errors: [`SyntaxError`] with the place in `text`.
pub(crate) fn parse(text: &str, mode: Mode, syntax: &Syntax) -> Result<Unit, SyntaxError> {
    let config = syntax.config().map_err(|message| SyntaxError {
        message,
        at: At::default(),
    })?;
    let mut lower = Lower {
        text,
        mode,
        in_braces: true,
        in_lookup: false,
        line_end: &syntax.newline_sequence,
        block_end: &syntax.block.1,
        blocks: Vec::new(),
    };
    let body = if matches!(mode, Mode::Expression | Mode::Condition) {
        let expr = machinery::parse_expr(text).map_err(|e| syntax_error(&e, text))?;
        vec![Stmt::Emit(lower.expr(&expr)?)]
    } else {
        let prepared = keep_line_after_raw(text, syntax);
        let root =
            machinery::parse(&prepared, "template", config).map_err(|e| syntax_error(&e, text))?;
        lower.stmt(&root)?
    };
    Ok(Unit {
        text: text.to_owned(),
        skipped_lines: 0,
        syntax: syntax.clone(),
        blocks: lower.blocks,
        body,
    })
}

/// Jinja2 never drops the line end after `{% raw %}`, minijinja does with `trim_blocks`: a `+` before the end mark, in
/// the place of a blank so that nothing moves, tells it not to.
fn keep_line_after_raw<'t>(text: &'t str, syntax: &Syntax) -> Cow<'t, str> {
    if !syntax.trim_blocks || !text.contains("raw") {
        return Cow::Borrowed(text);
    }
    let (open, close) = (syntax.block.0.as_str(), syntax.block.1.as_str());
    let mut out = text.to_owned();
    let mut at = 0;
    while let Some(found) = text[at..].find(open) {
        let start = at + found + open.len();
        at = start;
        let tag = text[start..].trim_start_matches(['-', '+']).trim_start();
        let Some(rest) = tag.strip_prefix("raw") else {
            continue;
        };
        let blanks = rest.len() - rest.trim_start().len();
        if blanks == 0 || !rest[blanks..].starts_with(close) {
            continue;
        }
        let blank = text.len() - rest.len() + blanks - 1;
        if text.is_char_boundary(blank)
            && text
                .as_bytes()
                .get(blank)
                .is_some_and(u8::is_ascii_whitespace)
        {
            out.replace_range(blank..=blank, "+");
        }
        // What stands inside is not looked at.
        at = text[start..]
            .find("endraw")
            .map_or(text.len(), |end| start + end);
    }
    Cow::Owned(out)
}

fn syntax_error(error: &minijinja::Error, text: &str) -> SyntaxError {
    let range = error.range().unwrap_or(0..0);
    let detail = error
        .detail()
        .unwrap_or("this is not a valid template")
        .to_owned();
    let message = match detail.as_str() {
        d if d.starts_with("unknown statement ") => {
            format!(
                "unknown tag `{}`",
                d.trim_start_matches("unknown statement ")
            )
        }
        "unexpected end of input, expected end of block" => {
            "the template ends inside a block: a `%}` or an end tag such as `{% endif %}` is missing".to_owned()
        }
        d => format!(
            "template syntax: {}",
            d.replace("end of variable block", "`}}`")
                .replace("end of block", "`%}`")
        ),
    };
    let end = range.end.min(text.len());
    SyntaxError {
        message,
        at: At {
            start: range.start.min(end) as u32,
            end: end as u32,
        },
    }
}

struct Lower<'t> {
    text: &'t str,
    mode: Mode,
    /// Between `{{` and `}}` rather than in a statement.
    in_braces: bool,
    /// In the terms of a lookup.
    in_lookup: bool,
    line_end: &'t str,
    block_end: &'t str,
    /// Every block met so far.
    blocks: Vec<Arc<Block>>,
}

type Lowered<T> = Result<T, SyntaxError>;

fn at(span: machinery::Span) -> At {
    At {
        start: span.start_offset,
        end: span.end_offset.max(span.start_offset),
    }
}

impl Lower<'_> {
    fn with_line_ends(&self, text: &str) -> Arc<str> {
        if self.line_end == "\n" && !text.contains('\r') {
            return Arc::from(text);
        }
        let plain = text.replace("\r\n", "\n").replace('\r', "\n");
        Arc::from(plain.replace('\n', self.line_end))
    }

    fn body(&mut self, stmts: &[ast::Stmt<'_>]) -> Lowered<Vec<Stmt>> {
        let mut out = Vec::with_capacity(stmts.len());
        for stmt in stmts {
            out.extend(self.stmt(stmt)?);
        }
        Ok(out)
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>) -> Lowered<Vec<Stmt>> {
        use ast::Stmt as S;
        let braces = matches!(stmt, S::EmitExpr(_));
        self.in_braces = braces;
        Ok(vec![match stmt {
            S::Template(t) => return self.body(&t.children),
            S::EmitRaw(raw) => Stmt::Raw(self.with_line_ends(raw.raw)),
            S::EmitExpr(e) => Stmt::Emit(self.expr(&e.expr)?),
            S::ForLoop(f) => Stmt::For(Arc::new(For {
                target: self.expr(&f.target)?,
                iter: self.expr(&f.iter)?,
                filter: f.filter_expr.as_ref().map(|e| self.expr(e)).transpose()?,
                recursive: f.recursive,
                body: self.body(&f.body)?,
                otherwise: self.body(&f.else_body)?,
            })),
            S::IfCond(i) => {
                let test = self.expr(&i.expr)?;
                Stmt::If(test, self.body(&i.true_body)?, self.body(&i.false_body)?)
            }
            S::WithBlock(w) => {
                let mut pairs = Vec::new();
                for (target, value) in &w.assignments {
                    pairs.push((self.expr(target)?, self.expr(value)?));
                }
                Stmt::With(pairs, self.body(&w.body)?)
            }
            S::Set(s) => Stmt::Set(self.expr(&s.target)?, self.expr(&s.expr)?),
            S::SetBlock(s) => {
                let target = self.expr(&s.target)?;
                let filter = s.filter.as_ref().map(|e| self.expr(e)).transpose()?;
                Stmt::SetBlock(target, filter, self.body(&s.body)?)
            }
            // Ansible never escapes by itself, so the tag changes nothing but the scope.
            S::AutoEscape(a) => Stmt::Scoped(self.body(&a.body)?),
            S::FilterBlock(f) => {
                let filter = self.expr(&f.filter)?;
                Stmt::FilterBlock(filter, self.body(&f.body)?)
            }
            S::Block(b) => {
                let tag = self
                    .text
                    .get(at(b.span()).start as usize..)
                    .unwrap_or_default();
                let tag = tag.split(self.block_end).next().unwrap_or_default();
                let block = Arc::new(Block {
                    name: Arc::from(b.name),
                    scoped: tag.split_whitespace().any(|word| word == "scoped"),
                    required: b.required,
                    body: self.body(&b.body)?,
                });
                self.blocks.push(block.clone());
                Stmt::Block(block)
            }
            S::Import(i) => {
                let from = self.expr(&i.expr)?;
                Stmt::Import(from, self.name_of(&i.name)?)
            }
            S::FromImport(i) => {
                let from = self.expr(&i.expr)?;
                let mut names = Vec::new();
                for (name, alias) in &i.names {
                    let name = self.name_of(name)?;
                    let alias = alias.as_ref().map(|a| self.name_of(a)).transpose()?;
                    names.push((name.clone(), alias.unwrap_or(name)));
                }
                Stmt::FromImport(from, names)
            }
            S::Extends(e) => Stmt::Extends(self.expr(&e.name)?),
            S::Include(i) => Stmt::Include(self.expr(&i.name)?, i.ignore_missing),
            S::Macro(m) => Stmt::Macro(Arc::new(self.macro_(m)?)),
            S::CallBlock(c) => {
                let call = self.call(&c.call, at(c.call.span()))?;
                Stmt::CallBlock(call, Arc::new(self.macro_(&c.macro_decl)?))
            }
            S::Continue(_) => Stmt::Continue,
            S::Break(_) => Stmt::Break,
            S::Do(d) => Stmt::Do(self.call(&d.call, at(d.call.span()))?),
        }])
    }

    fn macro_(&mut self, m: &ast::Macro<'_>) -> Lowered<Macro> {
        let params = m
            .args
            .iter()
            .map(|a| self.name_of(a))
            .collect::<Lowered<_>>()?;
        let defaults = m
            .defaults
            .iter()
            .map(|d| self.expr(d))
            .collect::<Lowered<_>>()?;
        Ok(Macro {
            name: Arc::from(m.name),
            params,
            defaults,
            body: self.body(&m.body)?,
        })
    }

    fn name_of(&mut self, expr: &ast::Expr<'_>) -> Lowered<Arc<str>> {
        match expr {
            ast::Expr::Var(v) => Ok(Arc::from(v.id)),
            other => Err(SyntaxError {
                message: "a name is expected here".to_owned(),
                at: at(other.span()),
            }),
        }
    }

    fn boxed(&mut self, expr: &ast::Expr<'_>) -> Lowered<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn call(&mut self, call: &ast::Call<'_>, at: At) -> Lowered<Expr> {
        let callee = self.boxed(&call.expr)?;
        let lookup =
            matches!(&callee.kind, Kind::Var(n) if matches!(&**n, "lookup" | "query" | "q"));
        let outer = std::mem::replace(&mut self.in_lookup, lookup);
        let args = self.args(&call.args);
        self.in_lookup = outer;
        Ok(Expr {
            kind: Kind::Call(callee, args?),
            at,
        })
    }

    fn args(&mut self, args: &[ast::CallArg<'_>]) -> Lowered<Vec<Arg>> {
        args.iter()
            .map(|arg| {
                Ok(match arg {
                    ast::CallArg::Pos(e) => Arg::One(self.expr(e)?),
                    ast::CallArg::Kwarg(name, e) => Arg::Named(Arc::from(*name), self.expr(e)?),
                    ast::CallArg::PosSplat(e) => Arg::Many(self.expr(e)?),
                    ast::CallArg::KwargSplat(e) => Arg::ManyNamed(self.expr(e)?),
                })
            })
            .collect()
    }

    fn expr(&mut self, expr: &ast::Expr<'_>) -> Lowered<Expr> {
        use ast::Expr as E;
        let place = at(expr.span());
        let kind = match expr {
            E::Var(v) => Kind::Var(Arc::from(v.id)),
            E::Const(c) => self.constant(&c.value, place)?,
            E::Slice(s) => {
                let base = self.boxed(&s.expr)?;
                let mut part =
                    |e: &Option<ast::Expr<'_>>| e.as_ref().map(|e| self.boxed(e)).transpose();
                Kind::Slice(base, [part(&s.start)?, part(&s.stop)?, part(&s.step)?])
            }
            E::UnaryOp(u) => {
                let inner = self.boxed(&u.expr)?;
                match u.op {
                    ast::UnaryOpKind::Not => Kind::Not(inner),
                    ast::UnaryOpKind::Neg => Kind::Neg(inner),
                }
            }
            E::BinOp(b) => {
                let left = self.boxed(&b.left)?;
                let right = self.boxed(&b.right)?;
                binary(b.op, left, right)
            }
            E::Compare(c) => {
                let first = self.boxed(&c.expr)?;
                let mut rest = Vec::with_capacity(c.ops.len());
                for op in &c.ops {
                    rest.push((compare(op.op), self.expr(&op.expr)?));
                }
                Kind::Compare(first, rest)
            }
            E::IfExpr(i) => Kind::If(
                self.boxed(&i.test_expr)?,
                self.boxed(&i.true_expr)?,
                i.false_expr.as_ref().map(|e| self.boxed(e)).transpose()?,
            ),
            E::Filter(f) => {
                let value = f.expr.as_ref().map(|e| self.boxed(e)).transpose()?;
                Kind::Filter(Arc::from(f.name), value, self.args(&f.args)?)
            }
            E::Test(t) => {
                let value = self.boxed(&t.expr)?;
                Kind::Test(Arc::from(t.name), value, self.args(&t.args)?)
            }
            E::GetAttr(g) => Kind::Attr(self.boxed(&g.expr)?, Arc::from(g.name)),
            E::GetItem(g) => Kind::Item(self.boxed(&g.expr)?, self.boxed(&g.subscript_expr)?),
            E::Call(c) => return self.call(c, place),
            E::List(l) => Kind::List(self.exprs(&l.items)?),
            E::Tuple(t) => Kind::Tuple(self.exprs(&t.items)?),
            E::Map(m) => {
                let keys = self.exprs(&m.keys)?;
                Kind::Map(keys.into_iter().zip(self.exprs(&m.values)?).collect())
            }
        };
        Ok(Expr { kind, at: place })
    }

    fn exprs(&mut self, exprs: &[ast::Expr<'_>]) -> Lowered<Vec<Expr>> {
        exprs.iter().map(|e| self.expr(e)).collect()
    }

    fn constant(&mut self, value: &Const, place: At) -> Lowered<Kind> {
        let value = convert(value).ok_or_else(|| SyntaxError {
            message: "this number is too large".to_owned(),
            at: place,
        })?;
        let Value::Str(text) = &value else {
            return Ok(Kind::Const(value));
        };
        let slice = self
            .text
            .get(place.start as usize..place.end as usize)
            .unwrap_or_default();
        let text: Arc<str> = if slice.contains('\\') {
            let raw =
                self.mode == Mode::Expression || (self.mode == Mode::Inline && self.in_braces);
            Arc::from(super::literal::decode(slice, raw))
        } else {
            text.clone()
        };
        let marks = ["{{", "{%", "{#"].iter().any(|m| text.contains(m));
        Ok(
            if marks && (self.in_lookup || self.mode == Mode::Condition) {
                Kind::Embedded(text)
            } else {
                Kind::Const(Value::Str(text))
            },
        )
    }
}

fn convert(value: &Const) -> Option<Value> {
    Some(match value.kind() {
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => Value::Int(i64::try_from(value.clone()).ok()?),
        ValueKind::Number => Value::Float(f64::try_from(value.clone()).ok()?),
        ValueKind::String => Value::from(value.as_str()?),
        ValueKind::Seq => Value::from(
            value
                .try_iter()
                .ok()?
                .map(|v| convert(&v))
                .collect::<Option<Vec<_>>>()?,
        ),
        ValueKind::Map => Value::from(Map::new()),
        _ => Value::Null,
    })
}

fn binary(op: ast::BinOpKind, left: Box<Expr>, right: Box<Expr>) -> Kind {
    use ast::BinOpKind as B;
    let op = match op {
        B::ScAnd => return Kind::And(left, right),
        B::ScOr => return Kind::Or(left, right),
        B::Eq => return Kind::Compare(left, vec![(CompareOp::Eq, *right)]),
        B::Ne => return Kind::Compare(left, vec![(CompareOp::Ne, *right)]),
        B::Lt => return Kind::Compare(left, vec![(CompareOp::Lt, *right)]),
        B::Lte => return Kind::Compare(left, vec![(CompareOp::Le, *right)]),
        B::Gt => return Kind::Compare(left, vec![(CompareOp::Gt, *right)]),
        B::Gte => return Kind::Compare(left, vec![(CompareOp::Ge, *right)]),
        B::In => return Kind::Compare(left, vec![(CompareOp::In, *right)]),
        B::Add => MathOp::Add,
        B::Sub => MathOp::Sub,
        B::Mul => MathOp::Mul,
        B::Div => MathOp::Div,
        B::FloorDiv => MathOp::FloorDiv,
        B::Rem => MathOp::Rem,
        B::Pow => MathOp::Pow,
        B::Concat => MathOp::Concat,
    };
    Kind::Math(op, left, right)
}

fn compare(op: ast::CompareOpKind) -> CompareOp {
    use ast::CompareOpKind as C;
    match op {
        C::Eq => CompareOp::Eq,
        C::Ne => CompareOp::Ne,
        C::Lt => CompareOp::Lt,
        C::Lte => CompareOp::Le,
        C::Gt => CompareOp::Gt,
        C::Gte => CompareOp::Ge,
        C::In => CompareOp::In,
        C::NotIn => CompareOp::NotIn,
    }
}
