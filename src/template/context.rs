//! One call of the templar: whose variables count, and which templates are being rendered right now.

use super::args::{Args, Eval};
use super::ast::Unit;
use super::origin::Origin;
use super::parse::Mode;
use super::run::Run;
use super::scope::Scope;
use super::templar::Templar;
use super::val::{Obj, Val, Why};
use crate::error::Diagnostic;
use crate::value::{Map, Template, Value};
use indexmap::IndexMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// How deep variables may lean on variables.
const MAX_NESTING: usize = 100;

/// What evaluating needs besides the template itself.
#[derive(Clone)]
pub(crate) struct Cx<'s> {
    pub templar: &'s Templar,
    pub scope: Arc<dyn Scope>,
    /// Whose variables `scope` holds, when they are another host's.
    host: Option<Arc<str>>,
    active: Rc<RefCell<Vec<Active>>>,
}

/// A template that is being rendered.
struct Active {
    label: Option<String>,
    host: Option<Arc<str>>,
    template: Arc<Template>,
}

impl<'s> Cx<'s> {
    /// A context for the variables in `scope`.
    pub(crate) fn new(templar: &'s Templar, scope: &Arc<dyn Scope>) -> Self {
        Self {
            templar,
            scope: scope.clone(),
            host: None,
            active: Rc::default(),
        }
    }

    /// The same call, seen with another host's variables.
    pub(crate) fn with_scope(&self, scope: Arc<dyn Scope>, host: Option<&str>) -> Self {
        Self {
            templar: self.templar,
            scope,
            host: host.map(Arc::from).or_else(|| self.host.clone()),
            active: self.active.clone(),
        }
    }

    /// The variable `name`, rendered if it is a template.
    pub(crate) fn variable(&self, name: &str) -> Eval<Option<Val>> {
        self.scope
            .get(name)
            .map(|value| self.touch(value, Some(name)))
            .transpose()
    }

    /// `value` itself no longer a template or vault; its children may still be.
    pub(crate) fn touch(&self, value: Value, label: Option<&str>) -> Eval {
        match value {
            Value::Template(t) => self.render(&t, label),
            Value::Vault(v) => {
                let text = self
                    .scope
                    .outside()
                    .decrypt(&v)
                    .map_err(|d| match &v.span {
                        Some(span) => d.with_span(span),
                        None => d,
                    })?;
                self.scope.outside().secrets().add(&text);
                Ok(Val::from(text))
            }
            other => Ok(Val::Data(other)),
        }
    }

    fn render(&self, template: &Arc<Template>, label: Option<&str>) -> Eval {
        self.enter(template, label)?;
        let result = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || {
            let origin = Origin::Scalar(template.span.clone());
            let unit = self
                .templar
                .compile(&template.text, Mode::Inline, &origin)?;
            self.run(unit, origin)
        });
        self.active.borrow_mut().pop();
        result.map_err(|d| match label {
            Some(label) if d.notes.len() < 4 => d.with_note(format!("in the value of `{label}`")),
            _ => d,
        })
    }

    fn enter(&self, template: &Arc<Template>, label: Option<&str>) -> Eval<()> {
        let mut active = self.active.borrow_mut();
        let same = |a: &Active| {
            a.host == self.host
                && (Arc::ptr_eq(&a.template, template)
                    || (*a.template == **template && a.label.as_deref() == label))
        };
        if let Some(first) = active.iter().position(same) {
            let name = |l: Option<&str>| l.unwrap_or("…").to_owned();
            let mut path: Vec<String> = active[first..]
                .iter()
                .map(|a| name(a.label.as_deref()))
                .collect();
            path.push(name(label));
            let mut d = Diagnostic::new(format!(
                "these variables go round in a circle: `{}`",
                path.join(" -> ")
            ));
            d.span = template.span.clone();
            for step in active[first + 1..].iter() {
                if let (Some(label), Some(span)) = (&step.label, &step.template.span) {
                    d = d.with_note(format!("`{label}` is at {span}"));
                }
            }
            return Err(d);
        }
        if active.len() >= MAX_NESTING {
            return Err(Diagnostic::new(format!(
                "variables lean on one another more than {MAX_NESTING} deep"
            )));
        }
        active.push(Active {
            label: label.map(str::to_owned),
            host: self.host.clone(),
            template: template.clone(),
        });
        Ok(())
    }

    /// Runs a compiled template in these variables and gives its native result.
    pub(crate) fn run(&self, unit: Arc<Unit>, origin: Origin) -> Eval {
        let result = Run::new(self, unit.clone(), origin).whole()?;
        // Jinja drops line ends at the end of a template; Ansible puts back as many as are missing.
        if let Val::Data(Value::Str(text)) = &result {
            let count = |s: &str| s.len() - s.trim_end_matches('\n').len();
            let lacking = count(&unit.text).saturating_sub(count(text));
            if lacking > 0 {
                return Ok(Val::from(format!("{text}{}", "\n".repeat(lacking))));
            }
        }
        Ok(result)
    }

    /// Plain data all the way down. Errors: anything inside is undefined or not data.
    pub(crate) fn data(&self, val: &Val) -> Eval<Value> {
        match val {
            Val::Data(value) => self.deep(value),
            Val::Undef(missing) => Err(missing.diagnostic()),
            Val::Obj(obj) => self.object(obj, val.kind()),
        }
    }

    /// As [`Cx::data`] for what may stand inside a list or mapping that a template builds: undefined stays possible.
    pub(crate) fn item(&self, val: &Val) -> Eval<Value> {
        match val {
            Val::Undef(missing) => Ok(Val::deferred(missing)),
            Val::Data(value) => Ok(value.clone()),
            other => self.data(other),
        }
    }

    fn object(&self, obj: &Obj, kind: &str) -> Eval<Value> {
        Ok(match obj {
            Obj::Range(..) => Value::from(self.items_of_range(obj)?),
            Obj::Vars(scope, host) => {
                let inner = self.with_scope(scope.clone(), host.as_deref());
                let mut map = Map::new();
                for name in scope.names() {
                    // One broken variable must not make all of them unusable.
                    if let Some(value) = scope.get(&name) {
                        let resolved = inner.deep(&value).unwrap_or(value);
                        map.insert(name, resolved);
                    }
                }
                Value::from(map)
            }
            Obj::HostVars(scope) => {
                let mut map = Map::new();
                for host in scope.hosts() {
                    if let Some(vars) = scope.host(&host) {
                        let value = self.object(&Obj::Vars(vars, Some(host.clone())), kind)?;
                        map.insert(host, value);
                    }
                }
                Value::from(map)
            }
            Obj::Time(t) => Value::from(super::filters::time::show(t)),
            Obj::Elapsed(us) => Value::from(super::filters::time::show_elapsed(*us)),
            Obj::Namespace(_)
            | Obj::Module(_)
            | Obj::Block(..)
            | Obj::Loop(_)
            | Obj::Cycler(..)
            | Obj::Joiner(..)
            | Obj::Method(..)
            | Obj::Macro(_)
            | Obj::Function(_) => {
                let d = Diagnostic::new(format!("{} is not a value", super::args::a(kind)));
                return Err(match obj {
                    Obj::Method(_, name) => d.with_help(format!("call it: `.{name}()`")),
                    Obj::Function(name) => d.with_help(format!("call it: `{name}(…)`")),
                    _ => d,
                });
            }
        })
    }

    fn items_of_range(&self, obj: &Obj) -> Eval<Vec<Value>> {
        let Obj::Range(start, stop, step) = *obj else {
            return Ok(Vec::new());
        };
        let len = super::attr::range_len(start, stop, step);
        if len > 10_000_000 {
            return Err(Diagnostic::new(format!(
                "a range of {len} items is too long to write out"
            )));
        }
        Ok((0..len).map(|i| Value::Int(start + i * step)).collect())
    }

    /// Every template and vault inside `value` resolved; items that are `omit` fall out.
    pub(crate) fn deep(&self, value: &Value) -> Eval<Value> {
        if !value.is_lazy() && !holds_omit(value) {
            return Ok(value.clone());
        }
        self.deep_inner(value)
    }

    fn deep_inner(&self, value: &Value) -> Eval<Value> {
        Ok(match value {
            Value::Template(_) | Value::Vault(_) => {
                let val = self.touch(value.clone(), None)?;
                self.data(&val)?
            }
            Value::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    match self.deep_inner(item)? {
                        Value::Omit => {}
                        v => out.push(v),
                    }
                }
                Value::from(out)
            }
            Value::Map(map) => {
                let mut out = Map::with_capacity(map.len());
                for (key, item) in map.iter() {
                    match self.deep_inner(item)? {
                        Value::Omit => {}
                        v => {
                            out.insert(key.clone(), v);
                        }
                    }
                }
                Value::from(out)
            }
            other => other.clone(),
        })
    }

    /// The text that `{{ val }}` prints amid other text. Errors: undefined.
    pub(crate) fn text(&self, val: &Val) -> Eval<String> {
        match val {
            Val::Undef(m) if matches!(m.why, Why::NoElse) => Ok(String::new()),
            other => self.data(other).map(|v| v.to_string()),
        }
    }

    /// The items of a list, the keys of a mapping, the characters of a text; each item resolved by itself.
    pub(crate) fn iterate(&self, val: &Val) -> Eval<Vec<Val>> {
        match val {
            Val::Data(Value::List(items)) => {
                items.iter().map(|v| self.touch(v.clone(), None)).collect()
            }
            Val::Data(Value::Map(map)) => Ok(map.keys().map(|k| Val::from(k.as_str())).collect()),
            Val::Data(Value::Str(s)) => Ok(s.chars().map(|c| Val::from(c.to_string())).collect()),
            Val::Data(v @ (Value::Template(_) | Value::Vault(_))) => {
                let val = self.touch(v.clone(), None)?;
                self.iterate(&val)
            }
            Val::Data(v) => Err(Diagnostic::new(format!(
                "{} cannot be iterated over",
                super::args::a(v.kind())
            ))),
            Val::Undef(m) => Err(m.diagnostic()),
            Val::Obj(o) => match &**o {
                Obj::Range(..) => Ok(self.items_of_range(o)?.into_iter().map(Val::Data).collect()),
                Obj::HostVars(scope) => Ok(scope.hosts().into_iter().map(Val::from).collect()),
                Obj::Vars(scope, _) => Ok(scope.names().into_iter().map(Val::from).collect()),
                _ => Err(Diagnostic::new(format!(
                    "{} cannot be iterated over",
                    super::args::a(val.kind())
                ))),
            },
        }
    }

    /// As [`Cx::iterate`], with what is undefined left for later.
    pub(crate) fn iterate_values(&self, val: &Val) -> Eval<Vec<Value>> {
        self.iterate(val)?.iter().map(|v| self.item(v)).collect()
    }

    /// Python's truth. Errors: undefined.
    pub(crate) fn truth(&self, val: &Val) -> Eval<bool> {
        match val {
            Val::Data(v @ (Value::Template(_) | Value::Vault(_))) => {
                let val = self.touch(v.clone(), None)?;
                self.truth(&val)
            }
            Val::Data(v) => Ok(v.is_true()),
            Val::Undef(m) if matches!(m.why, Why::NoElse) => Ok(false),
            Val::Undef(m) => Err(m.diagnostic()),
            Val::Obj(o) => Ok(match &**o {
                Obj::Range(a, b, c) => super::attr::range_len(*a, *b, *c) > 0,
                Obj::HostVars(scope) => !scope.hosts().is_empty(),
                Obj::Elapsed(us) => *us != 0,
                _ => true,
            }),
        }
    }

    /// Applies the filter `name`. Errors: no such filter, or the filter's own.
    pub(crate) fn filter(
        &self,
        name: &str,
        value: Val,
        positional: Vec<Val>,
        named: IndexMap<String, Val>,
    ) -> Eval {
        let filter = super::filters::find(name).ok_or_else(|| super::filters::unknown(name))?;
        let args = Args::new(format!("filter `{name}`"), self, positional, named);
        filter(value, args)
    }

    /// Asks the test `name`. Errors: no such test, or the test's own.
    pub(crate) fn test(
        &self,
        name: &str,
        value: Val,
        positional: Vec<Val>,
        named: IndexMap<String, Val>,
    ) -> Eval<bool> {
        let test = super::tests::find(name).ok_or_else(|| super::tests::unknown(name))?;
        let args = Args::new(format!("test `{name}`"), self, positional, named);
        test(value, args)
    }
}

fn holds_omit(value: &Value) -> bool {
    match value {
        Value::List(l) => l.iter().any(|v| *v == Value::Omit || holds_omit(v)),
        Value::Map(m) => m.values().any(|v| *v == Value::Omit || holds_omit(v)),
        _ => false,
    }
}
