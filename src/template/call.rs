//! Calls: functions, macros, methods, `loop(…)`.

use super::args::{Args, Eval, a};
use super::ast::{Arg, Expr, Kind};
use super::eval::Given;
use super::run::Run;
use super::val::{Layer, Obj, Val};
use super::{functions, methods};
use crate::error::Diagnostic;
use crate::value::{Map, Value};
use std::rc::Rc;
use std::sync::Arc;

impl Run<'_, '_> {
    /// `callee(args)`. A method that changes its list or mapping stores the changed one where it came from.
    pub(crate) fn call_expr(&mut self, callee: &Expr, args: &[Arg], whole: &Expr) -> Eval {
        let (target, name) = match &callee.kind {
            Kind::Attr(base, name) => (base, name.clone()),
            Kind::Item(base, key) => match &key.kind {
                Kind::Const(Value::Str(name)) => (base, name.clone()),
                _ => return self.call_value(callee, args),
            },
            _ => return self.call_value(callee, args),
        };
        let holder = self.eval(target)?;
        if !methods::exists(&holder, &name) {
            if matches!(
                &holder,
                Val::Data(Value::Str(_) | Value::List(_) | Value::Map(_))
            ) && holder_lacks(&holder, &name)
            {
                let d = Diagnostic::new(format!("{} has no method `{name}`", a(holder.kind())))
                    .with_nearest(&name, methods::names(&holder).iter().copied());
                return Err(self.located(d, whole));
            }
            return self.call_value(callee, args);
        }
        let (positional, named) = self.args(args)?;
        let called = Args::new(format!("method `{name}`"), self.cx, positional, named);
        let (result, changed) = methods::call(&holder, &name, called)?;
        if let Some(changed) = changed {
            self.store(target, changed)?;
        }
        Ok(result)
    }

    fn call_value(&mut self, callee: &Expr, args: &[Arg]) -> Eval {
        let val = self.eval(callee)?;
        match &val {
            Val::Undef(m) => {
                // The name of a function is more often misspelt than undefined.
                if let (Kind::Var(name), super::val::Why::Variable(..)) = (&callee.kind, &m.why) {
                    let d = functions::unknown(name);
                    return Err(self.located(d, callee));
                }
                Ok(val)
            }
            Val::Obj(o) => {
                let given = self.args(args)?;
                self.call_object(o, given)
            }
            Val::Data(v) => Err(Diagnostic::new(format!("{} cannot be called", a(v.kind())))),
        }
    }

    fn call_object(&mut self, obj: &Rc<Obj>, given: Given) -> Eval {
        match &**obj {
            Obj::Macro(_) => self.call_macro(obj, given, None),
            Obj::Block(name, age) => self.call_block(name, *age),
            Obj::Function(name) => functions::call(self.cx, name, given),
            Obj::Method(holder, name) => {
                let args = Args::new(format!("method `{name}`"), self.cx, given.0, given.1);
                methods::call(holder, name, args).map(|(result, _)| result)
            }
            Obj::Loop(l) => {
                let Some((f, scopes)) = l.again.clone() else {
                    return Err(Diagnostic::new(
                        "only a `{% for … recursive %}` loop can be called",
                    ));
                };
                let Some(items) = given.0.first() else {
                    return Err(Diagnostic::new("`loop(…)` needs the items to go over"));
                };
                let items = self.cx.iterate(items)?;
                let mut run = self.inner(self.unit.clone(), self.origin.clone(), scopes)?;
                run.loops += 1;
                run.for_loop_vals(&f, items, l.depth + 1)
            }
            Obj::Cycler(values, next) => {
                let mut at = next.borrow_mut();
                let val = values.get(*at).cloned().unwrap_or_else(Val::null);
                *at = (*at + 1) % values.len().max(1);
                Ok(val)
            }
            Obj::Joiner(text, used) => {
                let mut used = used.borrow_mut();
                let val = if *used {
                    Val::from(text.as_str())
                } else {
                    Val::from("")
                };
                *used = true;
                Ok(val)
            }
            _ => {
                let kind = Val::Obj(Rc::clone(obj)).kind();
                Err(Diagnostic::new(format!("{} cannot be called", a(kind))))
            }
        }
    }

    /// Runs a macro. Errors: too many arguments, and the macro's own.
    pub(crate) fn call_macro(&mut self, obj: &Rc<Obj>, given: Given, caller: Option<Val>) -> Eval {
        let Obj::Macro(closure) = &**obj else {
            return Err(Diagnostic::new("only a macro can be called like this"));
        };
        let def = closure.def.clone();
        let layer = Layer::default();
        let mut scopes = closure.scopes.clone();
        scopes.push(layer.clone());
        let mut run = self.inner(closure.unit.clone(), closure.origin.clone(), scopes)?;
        run.loops += 1;
        let (positional, mut named) = given;
        let mut extra = positional.into_iter();
        let first_default = def.params.len().saturating_sub(def.defaults.len());
        for (i, param) in def.params.iter().enumerate() {
            let value = match extra.next().or_else(|| named.shift_remove(&**param)) {
                Some(value) => value,
                None => match i
                    .checked_sub(first_default)
                    .and_then(|d| def.defaults.get(d))
                {
                    Some(default) => run.eval(default)?,
                    None => Val::undef(format!(
                        "`{param}` was not given to the macro `{}`",
                        def.name
                    )),
                },
            };
            layer.borrow_mut().insert(param.clone(), value);
        }
        if let Some(caller) = caller.or_else(|| closure.caller.clone()) {
            layer.borrow_mut().insert(Arc::from("caller"), caller);
        }
        let rest: Vec<Value> = extra.map(|v| run.cx.item(&v)).collect::<Eval<_>>()?;
        let mut more = Map::new();
        for (name, val) in named {
            more.insert(name, run.cx.item(&val)?);
        }
        let uses = |name: &str| closure.unit.text.contains(name);
        if !rest.is_empty() && !uses("varargs") {
            return Err(Diagnostic::new(format!(
                "the macro `{}` takes at most {} arguments",
                def.name,
                def.params.len()
            )));
        }
        if let Some((name, _)) = more.first()
            && !uses("kwargs")
        {
            return Err(Diagnostic::new(format!(
                "the macro `{}` has no argument `{name}`",
                def.name
            ))
            .with_nearest(name, def.params.iter().map(|p| &**p)));
        }
        layer
            .borrow_mut()
            .insert(Arc::from("varargs"), Val::from(rest));
        layer
            .borrow_mut()
            .insert(Arc::from("kwargs"), Val::from(more));
        run.capture(&def.body)
    }
}

fn holder_lacks(holder: &Val, name: &str) -> bool {
    !matches!(holder, Val::Data(Value::Map(map)) if map.contains_key(name))
}
