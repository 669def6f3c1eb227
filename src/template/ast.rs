//! A template as hoist evaluates it: owned, shareable between threads, free of the parser's types.

use super::syntax::Syntax;
use crate::value::Value;
use std::sync::Arc;

/// Where a node stands in the template's text, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One compiled template or expression.
#[derive(Debug)]
pub(crate) struct Unit {
    /// The text it was made from, after a `#jinja2:` line was taken off.
    pub text: String,
    /// How many lines were taken off the front (the `#jinja2:` line).
    pub skipped_lines: u32,
    /// The marks it was read with, its own `#jinja2:` line included.
    pub syntax: Syntax,
    /// Its blocks, also those inside of others.
    pub blocks: Vec<Arc<Block>>,
    /// The statements; a bare expression is one [`Stmt::Emit`].
    pub body: Vec<Stmt>,
}

/// A statement.
#[derive(Debug)]
pub(crate) enum Stmt {
    Raw(Arc<str>),
    Emit(Expr),
    For(Arc<For>),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    With(Vec<(Expr, Expr)>, Vec<Stmt>),
    Set(Expr, Expr),
    SetBlock(Expr, Option<Expr>, Vec<Stmt>),
    FilterBlock(Expr, Vec<Stmt>),
    Macro(Arc<Macro>),
    CallBlock(Expr, Arc<Macro>),
    Include(Expr, bool),
    Import(Expr, Arc<str>),
    FromImport(Expr, Vec<(Arc<str>, Arc<str>)>),
    Extends(Expr),
    Block(Arc<Block>),
    Scoped(Vec<Stmt>),
    Do(Expr),
    Break,
    Continue,
}

/// A `{% for %}`.
#[derive(Debug)]
pub(crate) struct For {
    pub target: Expr,
    pub iter: Expr,
    pub filter: Option<Expr>,
    pub recursive: bool,
    pub body: Vec<Stmt>,
    pub otherwise: Vec<Stmt>,
}

/// A `{% block %}`.
#[derive(Debug)]
pub(crate) struct Block {
    pub name: Arc<str>,
    /// It sees what is set around it, not only what is set in its template.
    pub scoped: bool,
    /// It is a place only, and a template that extends this one must give the block.
    pub required: bool,
    pub body: Vec<Stmt>,
}

/// A `{% macro %}`, or the body of a `{% call %}`.
#[derive(Debug)]
pub(crate) struct Macro {
    pub name: Arc<str>,
    pub params: Vec<Arc<str>>,
    /// Defaults of the last parameters.
    pub defaults: Vec<Expr>,
    pub body: Vec<Stmt>,
}

/// An expression and where it stands.
#[derive(Debug)]
pub(crate) struct Expr {
    pub kind: Kind,
    pub at: At,
}

/// What an expression is.
#[derive(Debug)]
pub(crate) enum Kind {
    Var(Arc<str>),
    Const(Value),
    /// A string literal that is itself a template; Ansible renders those in lookup terms and in conditions.
    Embedded(Arc<str>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Math(MathOp, Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Vec<(CompareOp, Expr)>),
    If(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    /// Without a value inside `{% filter %}` and `{% set x | f %}`.
    Filter(Arc<str>, Option<Box<Expr>>, Vec<Arg>),
    Test(Arc<str>, Box<Expr>, Vec<Arg>),
    Attr(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Arg>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
}

/// An argument of a call, filter or test.
#[derive(Debug)]
pub(crate) enum Arg {
    One(Expr),
    Named(Arc<str>, Expr),
    Many(Expr),
    ManyNamed(Expr),
}

impl Arg {
    /// The expression inside.
    pub(crate) fn expr(&self) -> &Expr {
        match self {
            Self::One(e) | Self::Named(_, e) | Self::Many(e) | Self::ManyNamed(e) => e,
        }
    }
}

/// Arithmetic, and `~`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MathOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Concat,
}

impl MathOp {
    /// As it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Rem => "%",
            Self::Pow => "**",
            Self::Concat => "~",
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

impl Expr {
    /// The path a reader would call this by: `a.b[0]`, or nothing for anything but names, attributes and constant subscripts.
    pub(crate) fn path(&self) -> Option<String> {
        match &self.kind {
            Kind::Var(name) => Some(name.to_string()),
            Kind::Attr(base, name) => Some(format!("{}.{name}", base.path()?)),
            Kind::Item(base, key) => match &key.kind {
                Kind::Const(Value::Str(s)) => Some(format!("{}['{s}']", base.path()?)),
                Kind::Const(v) => Some(format!("{}[{v}]", base.path()?)),
                _ => Some(format!("{}[{}]", base.path()?, key.path()?)),
            },
            Kind::Call(base, _) => Some(format!("{}(…)", base.path()?)),
            _ => None,
        }
    }
}
