//! What an expression evaluates to while a template runs.

use super::ast::{At, Macro, Unit};
use super::origin::Origin;
use super::scope::Scope;
use crate::error::{Diagnostic, nearest};
use crate::value::{Template, Value};
use indexmap::IndexMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A result on the way: data, something undefined, or a thing that only lives inside a template.
#[derive(Clone)]
pub(crate) enum Val {
    /// Data; a list or mapping may still hold templates inside.
    Data(Value),
    /// Undefined: an error as soon as it is used, except by `default`, `is defined` and the like.
    Undef(Rc<Missing>),
    /// A macro, a loop, a namespace, …
    Obj(Rc<Obj>),
}

/// Things that are not data.
pub(crate) enum Obj {
    /// A method without its call: `x.split`.
    Method(Val, Arc<str>),
    /// A `{% macro %}`, or the `caller` of a `{% call %}`.
    Macro(Closure),
    /// A global function.
    Function(&'static str),
    /// `namespace()`.
    Namespace(RefCell<IndexMap<Arc<str>, Val>>),
    /// `loop`.
    Loop(Loop),
    /// What `{% import %}` gives.
    Module(IndexMap<Arc<str>, Val>),
    /// A block of this template, and how many younger ones of its name are passed over: `self.name`, `super`.
    Block(Arc<str>, usize),
    /// `range()`, kept unrolled until something needs its items.
    Range(i64, i64, i64),
    /// `hostvars`.
    HostVars(Arc<dyn Scope>),
    /// `hostvars[host]` (with its name) and `vars`.
    Vars(Arc<dyn Scope>, Option<String>),
    /// `cycler()`: the values and the next place.
    Cycler(Vec<Val>, RefCell<usize>),
    /// `joiner()`: the text and whether it was used once.
    Joiner(String, RefCell<bool>),
    /// A point in time.
    Time(jiff::civil::DateTime),
    /// A difference of two points in time, in microseconds.
    Elapsed(i64),
}

/// A macro and the scopes it was defined in.
pub(crate) struct Closure {
    pub def: Arc<Macro>,
    pub unit: Arc<Unit>,
    pub origin: Origin,
    pub scopes: Vec<Layer>,
    pub caller: Option<Val>,
}

/// One level of names set inside a template.
pub(crate) type Layer = Rc<RefCell<IndexMap<Arc<str>, Val>>>;

/// The state of a `{% for %}` that its body can ask for.
pub(crate) struct Loop {
    pub index0: usize,
    pub items: Rc<Vec<Val>>,
    pub depth: usize,
    /// The `{% for … recursive %}` that `loop(…)` runs again, with the scopes outside it.
    pub again: Option<(Arc<super::ast::For>, Vec<Layer>)>,
    pub last_seen: Rc<RefCell<Option<Value>>>,
}

/// Something undefined: why, and where it was met.
pub(crate) struct Missing {
    pub why: Why,
    pub place: Option<Place>,
}

/// A place in a running template; turned into a [`Span`](crate::error::Span) only when it is shown.
#[derive(Clone)]
pub(crate) struct Place {
    pub origin: Origin,
    pub unit: Arc<Unit>,
    pub at: At,
}

/// Why a value is undefined.
pub(crate) enum Why {
    /// No variable of that name.
    Variable(String, Arc<dyn Scope>),
    /// No such key, attribute or item: of what (as the template calls it), the thing itself, which.
    Key(Option<String>, Val, String),
    /// `undef(hint)`, the first item of nothing and the like.
    Hint(String),
    /// `x if y` without an `else`: prints as nothing.
    NoElse,
}

impl Missing {
    /// The mistake to show when the value is used.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let d = match &self.why {
            Why::Variable(name, scope) => {
                let names = scope.names();
                Diagnostic::new(format!("`{name}` is undefined"))
                    .with_nearest(name, names.iter().map(String::as_str))
            }
            Why::Key(path, holder, key) => no_such_key(path.as_deref(), holder, key),
            Why::Hint(text) => Diagnostic::new(text.clone()),
            Why::NoElse => Diagnostic::new("this `if` has no `else`, and its condition is false")
                .with_help("add `else` and the value to use then"),
        };
        match self
            .place
            .as_ref()
            .and_then(|p| p.origin.locate(&p.unit, p.at))
        {
            Some(span) => d.with_span(&span),
            None => d,
        }
    }
}

fn no_such_key(path: Option<&str>, holder: &Val, key: &str) -> Diagnostic {
    let kind = holder.kind();
    let a_kind = super::args::a(kind);
    let index = key.parse::<i64>().is_ok();
    let mut d = Diagnostic::new(match path {
        Some(path) if index => {
            format!("`{path}[{key}]` is undefined: `{path}` is {a_kind} without that item")
        }
        Some(path) => format!("`{path}.{key}` is undefined: `{path}` is {a_kind} without `{key}`"),
        None => format!("`{key}` is undefined: this {kind} has no such key"),
    });
    let known: Vec<String> = match holder {
        Val::Data(Value::Map(map)) => map.keys().cloned().collect(),
        Val::Obj(o) => match &**o {
            Obj::HostVars(scope) => scope.hosts(),
            Obj::Vars(scope, _) => scope.names(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    if let Some(near) = nearest(key, known.iter().map(String::as_str)) {
        d = d.with_help(format!("did you mean `{near}`?"));
    } else if !known.is_empty() && known.len() <= 40 {
        let shown: Vec<String> = known.iter().take(12).map(|k| format!("`{k}`")).collect();
        let more = if known.len() > 12 { ", …" } else { "" };
        d = d.with_note(format!("it has {}{more}", shown.join(", ")));
    }
    d
}

impl Val {
    /// Undefined with a message.
    pub(crate) fn undef(hint: impl Into<String>) -> Self {
        Self::missing(Why::Hint(hint.into()), None)
    }

    /// Undefined, with the reason.
    pub(crate) fn missing(why: Why, place: Option<Place>) -> Self {
        Self::Undef(Rc::new(Missing { why, place }))
    }

    /// One of the things that are not data.
    pub(crate) fn obj(obj: Obj) -> Self {
        Self::Obj(Rc::new(obj))
    }

    /// `None`.
    pub(crate) fn null() -> Self {
        Self::Data(Value::Null)
    }

    /// The kind, in words for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Data(v) => v.kind(),
            Self::Undef(_) => "undefined value",
            Self::Obj(o) => match &**o {
                Obj::Method(..) => "method",
                Obj::Macro(_) => "macro",
                Obj::Function(_) => "function",
                Obj::Namespace(_) => "namespace",
                Obj::Loop(_) => "loop",
                Obj::Module(_) => "imported template",
                Obj::Block(..) => "block",
                Obj::Range(..) => "range",
                Obj::HostVars(_) | Obj::Vars(..) => "mapping",
                Obj::Cycler(..) => "cycler",
                Obj::Joiner(..) => "joiner",
                Obj::Time(_) => "date and time",
                Obj::Elapsed(_) => "time difference",
            },
        }
    }

    /// For a place inside a list or mapping: what is undefined becomes a template that is undefined when it is used.
    pub(crate) fn deferred(missing: &Missing) -> Value {
        let d = missing.diagnostic();
        let hint: String = d
            .message
            .chars()
            .map(|c| match c {
                '"' => '\'',
                '\\' => '/',
                c => c,
            })
            .collect();
        Value::Template(Arc::new(Template {
            text: format!("{{{{ undef(\"{hint}\") }}}}"),
            span: d.span,
        }))
    }
}

impl<T: Into<Value>> From<T> for Val {
    fn from(value: T) -> Self {
        Self::Data(value.into())
    }
}
