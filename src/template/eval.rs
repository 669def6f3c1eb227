//! Expressions.

use super::args::Eval;
use super::ast::{Arg, At, CompareOp, Expr, Kind, MathOp};
use super::run::Run;
use super::val::{Obj, Place, Val, Why};
use super::{attr, ops};
use crate::error::Diagnostic;
use crate::value::{Map, Template, Value};
use indexmap::IndexMap;
use std::rc::Rc;
use std::sync::Arc;

/// Arguments as they were evaluated: by place, by name.
pub(crate) type Given = (Vec<Val>, IndexMap<String, Val>);

impl Run<'_, '_> {
    /// Where `at` is, for something undefined.
    pub(crate) fn place(&self, at: At) -> Option<Place> {
        Some(Place {
            origin: self.origin.clone(),
            unit: self.unit.clone(),
            at,
        })
    }

    /// The mistake with the place of `expr`, unless it has one.
    pub(crate) fn located(&self, d: Diagnostic, expr: &Expr) -> Diagnostic {
        if d.span.is_some() {
            return d;
        }
        match self.origin.locate(&self.unit, expr.at) {
            Some(span) => d.with_span(&span),
            None => d,
        }
    }

    /// The value of `expr`; something undefined is a value too.
    pub(crate) fn eval(&mut self, expr: &Expr) -> Eval {
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.eval_kind(expr))
            .map_err(|d| self.located(d, expr))
    }

    /// The value of `expr` as plain data. Errors: undefined, not data.
    pub(crate) fn eval_data(&mut self, expr: &Expr) -> Eval<Value> {
        let val = self.eval(expr)?;
        self.cx.data(&val).map_err(|d| self.located(d, expr))
    }

    /// Whether `expr` is true. Errors: undefined.
    pub(crate) fn eval_truth(&mut self, expr: &Expr) -> Eval<bool> {
        let val = self.eval(expr)?;
        self.cx.truth(&val).map_err(|d| self.located(d, expr))
    }

    fn eval_kind(&mut self, expr: &Expr) -> Eval {
        Ok(match &expr.kind {
            Kind::Var(name) => self.variable(name, expr)?,
            Kind::Const(value) => Val::Data(value.clone()),
            Kind::Embedded(text) => {
                let template = Template {
                    text: text.to_string(),
                    span: self.origin.locate(&self.unit, expr.at),
                };
                self.cx.touch(Value::Template(Arc::new(template)), None)?
            }
            Kind::Slice(base, bounds) => {
                let base = self.eval(base)?;
                let mut values = [None, None, None];
                for (slot, bound) in values.iter_mut().zip(bounds) {
                    *slot = bound.as_ref().map(|b| self.eval(b)).transpose()?;
                }
                attr::slice(self.cx, &base, values)?
            }
            Kind::Not(inner) => Val::from(!self.eval_truth(inner)?),
            Kind::Neg(inner) => Val::Data(ops::neg(&self.eval_data(inner)?)?),
            Kind::And(left, right) => {
                let val = self.eval(left)?;
                if self.cx.truth(&val).map_err(|d| self.located(d, left))? {
                    self.eval(right)?
                } else {
                    val
                }
            }
            Kind::Or(left, right) => {
                let val = self.eval(left)?;
                if self.cx.truth(&val).map_err(|d| self.located(d, left))? {
                    val
                } else {
                    self.eval(right)?
                }
            }
            Kind::Math(op, left, right) => self.math(*op, left, right)?,
            Kind::Compare(first, rest) => Val::from(self.compare(first, rest)?),
            Kind::If(test, then, otherwise) => match (self.eval_truth(test)?, otherwise) {
                (true, _) => self.eval(then)?,
                (false, Some(other)) => self.eval(other)?,
                (false, None) => Val::missing(Why::NoElse, self.place(expr.at)),
            },
            Kind::Filter(name, value, args) => {
                let value = match value {
                    Some(value) => self.eval(value)?,
                    None => self.piped.take().unwrap_or_else(Val::null),
                };
                self.filter(name, value, args, expr.at)?
            }
            // The one test of a variable that must not decrypt it first.
            Kind::Test(name, value, _)
                if super::filters::short(name) == "vault_encrypted" && self.is_vault(value) =>
            {
                Val::from(true)
            }
            Kind::Test(name, value, args) => {
                let value = self.eval(value)?;
                let (positional, named) = self.args(args)?;
                Val::from(self.cx.test(name, value, positional, named)?)
            }
            Kind::Attr(base, name) => {
                let holder = self.eval(base)?;
                attr::attr(self.cx, &holder, name, || {
                    (base.path(), self.place(expr.at))
                })?
            }
            Kind::Item(base, key) => {
                let holder = self.eval(base)?;
                let key = self.eval(key)?;
                attr::item(self.cx, &holder, &key, || {
                    (base.path(), self.place(expr.at))
                })?
            }
            Kind::Call(callee, args) => self.call_expr(callee, args, expr)?,
            Kind::List(items) | Kind::Tuple(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    let val = self.eval(item)?;
                    out.push(self.cx.item(&val)?);
                }
                Val::from(out)
            }
            Kind::Map(pairs) => {
                let mut map = Map::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let text = attr::key_text(&self.eval_data(key)?).ok_or_else(|| {
                        self.located(Diagnostic::new("a list or mapping cannot be a key"), key)
                    })?;
                    let val = self.eval(value)?;
                    map.insert(text, self.cx.item(&val)?);
                }
                Val::from(map)
            }
        })
    }

    fn is_vault(&self, expr: &Expr) -> bool {
        let Kind::Var(name) = &expr.kind else {
            return false;
        };
        let local = self.scopes.iter().any(|l| l.borrow().contains_key(name));
        !local && matches!(self.cx.scope.get(name), Some(Value::Vault(_)))
    }

    fn variable(&mut self, name: &Arc<str>, expr: &Expr) -> Eval {
        for layer in self.scopes.iter().rev() {
            if let Some(found) = layer.borrow().get(name) {
                return Ok(found.clone());
            }
        }
        Ok(match &**name {
            "omit" => Val::Data(Value::Omit),
            "hostvars" => Val::obj(Obj::HostVars(self.cx.scope.clone())),
            "vars" => Val::obj(Obj::Vars(self.cx.scope.clone(), None)),
            other => match self.cx.variable(other)? {
                // A nested template that gives something undefined keeps its own story.
                Some(found) => found,
                None => match super::functions::find(other) {
                    Some(function) => Val::obj(Obj::Function(function)),
                    None => Val::missing(
                        Why::Variable(other.to_owned(), self.cx.scope.clone()),
                        self.place(expr.at),
                    ),
                },
            },
        })
    }

    fn math(&mut self, op: MathOp, left: &Expr, right: &Expr) -> Eval {
        let x = self.eval(left)?;
        let y = self.eval(right)?;
        if let Some(time) = super::filters::time::arithmetic(op, &x, &y) {
            return time;
        }
        if op == MathOp::Concat {
            let text = format!(
                "{}{}",
                self.cx.text(&x).map_err(|d| self.located(d, left))?,
                self.cx.text(&y).map_err(|d| self.located(d, right))?
            );
            return Ok(Val::from(text));
        }
        let x = self.cx.data(&x).map_err(|d| self.located(d, left))?;
        let y = self.cx.data(&y).map_err(|d| self.located(d, right))?;
        if let (MathOp::Rem, Value::Str(format), Value::List(items), true) =
            (op, &x, &y, matches!(right.kind, Kind::Tuple(_)))
        {
            return super::format::percent_tuple(format, items).map(Val::from);
        }
        ops::math(op, &x, &y).map(Val::Data)
    }

    fn compare(&mut self, first: &Expr, rest: &[(CompareOp, Expr)]) -> Eval<bool> {
        let mut left = self.eval(first)?;
        let mut left_expr = first;
        for (op, expr) in rest {
            let right = self.eval(expr)?;
            if !self.compare_vals(*op, &left, &right, left_expr, expr)? {
                return Ok(false);
            }
            left = right;
            left_expr = expr;
        }
        Ok(true)
    }

    fn compare_vals(
        &mut self,
        op: CompareOp,
        left: &Val,
        right: &Val,
        le: &Expr,
        re: &Expr,
    ) -> Eval<bool> {
        if let Some(result) = super::filters::time::compare(op, left, right) {
            return Ok(result);
        }
        // `x in mapping` must not resolve everything the mapping holds.
        if let (CompareOp::In | CompareOp::NotIn, Val::Data(Value::Map(_)) | Val::Obj(_)) =
            (op, right)
        {
            let item = self.cx.data(left).map_err(|d| self.located(d, le))?;
            let keys = Value::from(
                self.cx
                    .iterate_values(right)
                    .map_err(|d| self.located(d, re))?,
            );
            let text = attr::key_text(&item).map_or(Value::Null, Value::from);
            let item = if matches!(right, Val::Data(_)) {
                text
            } else {
                item
            };
            return Ok(ops::contains(&keys, &item)? == (op == CompareOp::In));
        }
        let x = self.cx.data(left).map_err(|d| self.located(d, le))?;
        let y = self.cx.data(right).map_err(|d| self.located(d, re))?;
        ops::compare(op, &x, &y)
    }

    fn filter(&mut self, name: &str, value: Val, args: &[Arg], at: At) -> Eval {
        let (positional, named) = self.args(args)?;
        match self.cx.filter(name, value, positional, named)? {
            Val::Undef(m) if m.place.is_none() => {
                if let Why::Hint(text) = &m.why {
                    return Ok(Val::missing(Why::Hint(text.clone()), self.place(at)));
                }
                Ok(Val::Undef(m))
            }
            other => Ok(other),
        }
    }

    /// Evaluates arguments. Errors: what is spread is no list or mapping.
    pub(crate) fn args(&mut self, args: &[Arg]) -> Eval<Given> {
        let mut positional = Vec::with_capacity(args.len());
        let mut named = IndexMap::new();
        for arg in args {
            let val = self.eval(arg.expr())?;
            match arg {
                Arg::One(_) => positional.push(val),
                Arg::Named(name, _) => {
                    named.insert(name.to_string(), val);
                }
                Arg::Many(e) => {
                    positional.extend(self.cx.iterate(&val).map_err(|d| self.located(d, e))?)
                }
                Arg::ManyNamed(e) => match self.cx.data(&val)? {
                    Value::Map(map) => {
                        named.extend(map.iter().map(|(k, v)| (k.clone(), Val::Data(v.clone()))))
                    }
                    other => {
                        let d = Diagnostic::new(format!(
                            "`**` takes a mapping, not {}",
                            super::args::a(other.kind())
                        ));
                        return Err(self.located(d, e));
                    }
                },
            }
        }
        Ok((positional, named))
    }

    /// Stores `value` under the name or path `target` means; anything else is a temporary value and is left.
    pub(crate) fn store(&mut self, target: &Expr, value: Val) -> Eval<()> {
        match &target.kind {
            Kind::Var(name) => {
                let layer = self
                    .scopes
                    .iter()
                    .rev()
                    .find(|l| l.borrow().contains_key(name))
                    .or(self.scopes.first());
                if let Some(layer) = layer {
                    layer.borrow_mut().insert(name.clone(), value);
                }
            }
            Kind::Attr(base, name) => {
                let holder = self.eval(base)?;
                self.store_in(base, holder, &Value::from(&**name), value)?;
            }
            Kind::Item(base, key) => {
                let holder = self.eval(base)?;
                let key = self.eval_data(key)?;
                self.store_in(base, holder, &key, value)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn store_in(&mut self, base: &Expr, holder: Val, key: &Value, value: Val) -> Eval<()> {
        match (holder, key) {
            (Val::Data(Value::Map(mut map)), key) => {
                if let Some(text) = attr::key_text(key) {
                    let item = self.cx.item(&value)?;
                    Arc::make_mut(&mut map).insert(text, item);
                    self.store(base, Val::Data(Value::Map(map)))?;
                }
            }
            (Val::Data(Value::List(mut items)), Value::Int(i)) => {
                let item = self.cx.item(&value)?;
                let len = items.len() as i64;
                let at = usize::try_from(if *i < 0 { i + len } else { *i }).unwrap_or(usize::MAX);
                if let Some(slot) = Arc::make_mut(&mut items).get_mut(at) {
                    *slot = item;
                    self.store(base, Val::Data(Value::List(items)))?;
                }
            }
            (Val::Obj(obj), key) => {
                if let Obj::Namespace(map) = &*Rc::clone(&obj) {
                    map.borrow_mut().insert(Arc::from(key.to_string()), value);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
