//! Statements, and what they print.

use super::args::Eval;
use super::ast::{Expr, For, Kind, Stmt, Unit};
use super::context::Cx;
use super::inheritance::{Family, Root};
use super::origin::Origin;
use super::val::{Closure, Layer, Loop, Obj, Val, Why};
use crate::error::Diagnostic;
use crate::value::Value;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// How deep templates may include one another and macros call one another.
const MAX_CALLS: usize = 64;

/// One template on its way.
pub(crate) struct Run<'r, 's> {
    pub cx: &'r Cx<'s>,
    pub unit: Arc<Unit>,
    pub origin: Origin,
    /// Names set in the template, the innermost level last.
    pub scopes: Vec<Layer>,
    /// What a `{% filter %}` or `{% set | %}` hands to its first filter.
    pub piped: Option<Val>,
    pub depth: usize,
    pub loops: usize,
    /// After `{% extends %}`: what stands outside of blocks is not printed.
    pub muted: bool,
    pub root: Rc<Root>,
    pub family: Family,
}

/// How a statement ended.
#[derive(PartialEq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl<'r, 's> Run<'r, 's> {
    /// A fresh run of `unit`.
    pub(crate) fn new(cx: &'r Cx<'s>, unit: Arc<Unit>, origin: Origin) -> Self {
        Self {
            cx,
            root: Root::of(&unit, &origin),
            unit,
            origin,
            scopes: vec![Layer::default()],
            piped: None,
            depth: 0,
            loops: 0,
            muted: false,
            family: Family::default(),
        }
    }

    /// Everything the template prints, as one native value: a single value keeps its type, several become text.
    pub(crate) fn whole(&mut self) -> Eval {
        let mut out = Vec::new();
        self.template(&mut out)?;
        self.concat(out)
    }

    /// What `body` prints, as one native value.
    pub(crate) fn capture(&mut self, body: &[Stmt]) -> Eval {
        let mut out = Vec::new();
        let muted = std::mem::replace(&mut self.muted, false);
        let result = self.body(body, &mut out);
        self.muted = muted;
        result?;
        self.concat(out)
    }

    pub(super) fn concat(&self, mut out: Vec<Val>) -> Eval {
        out.retain(|v| !matches!(v, Val::Data(Value::Null)));
        match out.len() {
            0 => Ok(Val::null()),
            1 => Ok(out.remove(0)),
            _ => {
                let mut text = String::new();
                for val in &out {
                    match val {
                        Val::Undef(m) if !matches!(m.why, Why::NoElse) => return Ok(val.clone()),
                        Val::Data(Value::Omit) => {}
                        val => text.push_str(&self.cx.text(val)?),
                    }
                }
                Ok(Val::from(text))
            }
        }
    }

    pub(super) fn body(&mut self, body: &[Stmt], out: &mut Vec<Val>) -> Eval<Flow> {
        for stmt in body {
            let flow = self.stmt(stmt, out)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn scoped<T>(&mut self, layer: Layer, work: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        self.scopes.push(layer);
        let result = work(self);
        self.scopes.pop();
        result
    }

    fn stmt(&mut self, stmt: &Stmt, out: &mut Vec<Val>) -> Eval<Flow> {
        match stmt {
            Stmt::Raw(_) | Stmt::Emit(_) | Stmt::FilterBlock(..) if self.muted => {}
            Stmt::Raw(text) => out.push(Val::Data(Value::Str(text.clone()))),
            Stmt::Emit(expr) => {
                let val = self.eval(expr)?;
                out.push(val);
            }
            Stmt::If(test, then, otherwise) => {
                let branch = if self.eval_truth(test)? {
                    then
                } else {
                    otherwise
                };
                return self.body(branch, out);
            }
            Stmt::For(f) => {
                let iter = self.eval(&f.iter)?;
                let items = self
                    .cx
                    .iterate(&iter)
                    .map_err(|d| self.located(d, &f.iter))?;
                self.for_loop(f, items, 0, out)?;
            }
            Stmt::With(pairs, body) => {
                let mut values = Vec::new();
                for (_, value) in pairs {
                    values.push(self.eval(value)?);
                }
                return self.scoped(Layer::default(), |run| {
                    for ((target, _), value) in pairs.iter().zip(values) {
                        run.bind(target, value)?;
                    }
                    run.body(body, out)
                });
            }
            Stmt::Set(target, value) => {
                let value = self.eval(value)?;
                self.bind(target, value)?;
            }
            Stmt::SetBlock(target, filter, body) => {
                let value = self.scoped(Layer::default(), |run| run.capture(body))?;
                let value = self.pipe(filter.as_ref(), value)?;
                self.bind(target, value)?;
            }
            Stmt::FilterBlock(filter, body) => {
                let value = self.scoped(Layer::default(), |run| run.capture(body))?;
                let value = self.pipe(Some(filter), value)?;
                out.push(value);
            }
            Stmt::Macro(def) => {
                let closure = self.closure(def.clone(), None);
                self.set(&def.name, Val::obj(Obj::Macro(closure)));
            }
            Stmt::CallBlock(call, def) => {
                let caller = Val::obj(Obj::Macro(self.closure(def.clone(), None)));
                let Kind::Call(callee, args) = &call.kind else {
                    return Ok(Flow::Next);
                };
                let callee = self.eval(callee)?;
                let given = self.args(args)?;
                let result = match &callee {
                    Val::Obj(o) if matches!(&**o, Obj::Macro(_)) => {
                        self.call_macro(o, given, Some(caller))
                    }
                    other => Err(Diagnostic::new(format!(
                        "`{{% call %}}` needs a macro, not {}",
                        super::args::a(other.kind())
                    ))),
                };
                out.push(result.map_err(|d| self.located(d, call))?);
            }
            Stmt::Include(name, optional) => self.include(name, *optional, out)?,
            Stmt::Import(from, name) => {
                let names = self.import(from)?;
                self.set(name, Val::obj(Obj::Module(names)));
            }
            Stmt::FromImport(from, wanted) => {
                let names = self.import(from)?;
                for (name, alias) in wanted {
                    let Some(val) = names.get(name) else {
                        let d =
                            Diagnostic::new(format!("the imported template defines no `{name}`"))
                                .with_nearest(name, names.keys().map(|k| &**k));
                        return Err(self.located(d, from));
                    };
                    self.set(alias, val.clone());
                }
            }
            Stmt::Extends(name) => self.extend(name)?,
            Stmt::Block(block) => self.block(&block.name, out)?,
            Stmt::Scoped(body) => return self.scoped(Layer::default(), |run| run.body(body, out)),
            Stmt::Do(call) => {
                let val = self.eval(call)?;
                if let Val::Undef(m) = &val {
                    return Err(self.located(m.diagnostic(), call));
                }
            }
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn pipe(&mut self, filter: Option<&Expr>, value: Val) -> Eval {
        match filter {
            Some(filter) => {
                // A macro or block without output prints nothing; filters on it work on an empty text.
                self.piped = Some(match value {
                    Val::Data(Value::Null) => Val::from(""),
                    other => other,
                });
                self.eval(filter)
            }
            None => Ok(value),
        }
    }

    fn set(&mut self, name: &Arc<str>, val: Val) {
        if let Some(layer) = self.scopes.last() {
            layer.borrow_mut().insert(name.clone(), val);
        }
    }

    /// Gives `target` (a name, several names, `ns.name`) its value in the innermost scope.
    fn bind(&mut self, target: &Expr, value: Val) -> Eval<()> {
        match &target.kind {
            Kind::Var(name) => self.set(name, value),
            Kind::List(targets) | Kind::Tuple(targets) => {
                let values = self
                    .cx
                    .iterate(&value)
                    .map_err(|d| self.located(d, target))?;
                if values.len() != targets.len() {
                    let d = Diagnostic::new(format!(
                        "{} names stand here for {} values",
                        targets.len(),
                        values.len()
                    ));
                    return Err(self.located(d, target));
                }
                for (target, value) in targets.iter().zip(values) {
                    self.bind(target, value)?;
                }
            }
            Kind::Attr(base, name) => {
                let holder = self.eval(base)?;
                match &holder {
                    Val::Obj(o) if matches!(&**o, Obj::Namespace(_)) => {
                        self.store(target, value)?
                    }
                    Val::Undef(m) => return Err(m.diagnostic()),
                    _ => {
                        let d =
                            Diagnostic::new(format!("`{name}` can only be set on a `namespace()`"));
                        return Err(self.located(d, target));
                    }
                }
            }
            _ => return Err(self.located(Diagnostic::new("a name is expected here"), target)),
        }
        Ok(())
    }

    /// Runs the body of `f` for each item; also what `loop(…)` calls.
    pub(crate) fn for_loop_vals(&mut self, f: &Arc<For>, items: Vec<Val>, depth: usize) -> Eval {
        let mut out = Vec::new();
        self.for_loop(f, items, depth, &mut out)?;
        self.concat(out)
    }

    fn for_loop(
        &mut self,
        f: &Arc<For>,
        mut items: Vec<Val>,
        depth: usize,
        out: &mut Vec<Val>,
    ) -> Eval<()> {
        if self.loops > MAX_CALLS {
            return Err(Diagnostic::new(format!(
                "loops are nested more than {MAX_CALLS} deep"
            )));
        }
        if let Some(filter) = &f.filter {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                let keep = self.scoped(Layer::default(), |run| {
                    run.bind(&f.target, item.clone())?;
                    run.eval_truth(filter)
                })?;
                if keep {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            self.scoped(Layer::default(), |run| run.body(&f.otherwise, out))?;
            return Ok(());
        }
        let items = Rc::new(items);
        let last_seen = Rc::new(RefCell::new(None));
        let again = f.recursive.then(|| (f.clone(), self.scopes.clone()));
        self.loops += 1;
        let mut result = Ok(());
        for (index0, item) in items.iter().enumerate() {
            let layer = Layer::default();
            layer.borrow_mut().insert(
                Arc::from("loop"),
                Val::obj(Obj::Loop(Loop {
                    index0,
                    items: items.clone(),
                    depth,
                    again: again.clone(),
                    last_seen: last_seen.clone(),
                })),
            );
            let flow = self.scoped(layer, |run| {
                run.bind(&f.target, item.clone())?;
                run.body(&f.body, out)
            });
            match flow {
                Ok(Flow::Break) => break,
                Ok(_) => {}
                Err(d) => {
                    result = Err(d);
                    break;
                }
            }
        }
        self.loops -= 1;
        result
    }

    /// A macro with the scopes it can see from here.
    fn closure(&self, def: Arc<super::ast::Macro>, caller: Option<Val>) -> Closure {
        Closure {
            def,
            unit: self.unit.clone(),
            origin: self.origin.clone(),
            scopes: self.scopes.clone(),
            caller,
        }
    }

    /// A run for something that is called from here: one level deeper, with its own scopes.
    pub(crate) fn inner(&self, unit: Arc<Unit>, origin: Origin, scopes: Vec<Layer>) -> Eval<Self> {
        if self.depth >= MAX_CALLS {
            return Err(Diagnostic::new(format!(
                "templates and macros call one another more than {MAX_CALLS} deep"
            )));
        }
        Ok(Self {
            cx: self.cx,
            unit,
            origin,
            scopes,
            piped: None,
            depth: self.depth + 1,
            loops: self.loops,
            muted: false,
            root: self.root.clone(),
            family: self.family.clone(),
        })
    }
}
