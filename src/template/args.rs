//! The arguments of a filter, test, function or lookup, taken in the order they are declared.

use super::context::Cx;
use super::val::Val;
use crate::error::Diagnostic;
use crate::value::Value;
use indexmap::IndexMap;
use std::collections::VecDeque;

/// Arguments as given. `take` them in declared order, then call [`Args::end`].
pub(crate) struct Args<'c, 's> {
    /// For messages: filter `x`.
    pub what: String,
    pub cx: &'c Cx<'s>,
    pub positional: VecDeque<Val>,
    pub named: IndexMap<String, Val>,
    known: Vec<&'static str>,
}

/// What evaluating gives.
pub(crate) type Eval<T = Val> = Result<T, Diagnostic>;

impl<'c, 's> Args<'c, 's> {
    /// Arguments for `what`.
    pub(crate) fn new(
        what: String,
        cx: &'c Cx<'s>,
        positional: Vec<Val>,
        named: IndexMap<String, Val>,
    ) -> Self {
        Self {
            what,
            cx,
            positional: positional.into(),
            named,
            known: Vec::new(),
        }
    }

    /// The next declared argument, by place or by name.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Val> {
        self.known.push(name);
        self.positional
            .pop_front()
            .or_else(|| self.named.shift_remove(name))
    }

    /// An argument that only goes by name.
    pub(crate) fn keyword(&mut self, name: &'static str) -> Option<Val> {
        self.known.push(name);
        self.named.shift_remove(name)
    }

    /// The next declared argument, fully resolved; `None` where it is not given.
    pub(crate) fn data(&mut self, name: &'static str) -> Eval<Option<Value>> {
        let cx = self.cx;
        self.take(name).map(|v| cx.data(&v)).transpose()
    }

    /// As [`Args::data`], only by name.
    pub(crate) fn keyword_data(&mut self, name: &'static str) -> Eval<Option<Value>> {
        let cx = self.cx;
        self.keyword(name).map(|v| cx.data(&v)).transpose()
    }

    /// A needed argument.
    pub(crate) fn need(&mut self, name: &'static str) -> Eval<Value> {
        self.data(name)?.ok_or_else(|| self.lacks(name))
    }

    /// A text, or `default`; anything but a string is turned into its text.
    pub(crate) fn text(&mut self, name: &'static str, default: &str) -> Eval<String> {
        Ok(match self.data(name)? {
            None | Some(Value::Null) => default.to_owned(),
            Some(v) => v.to_string(),
        })
    }

    /// A needed text.
    pub(crate) fn need_text(&mut self, name: &'static str) -> Eval<String> {
        self.need(name).map(|v| v.to_string())
    }

    /// A text that may be absent or none.
    pub(crate) fn maybe_text(&mut self, name: &'static str) -> Eval<Option<String>> {
        Ok(self
            .data(name)?
            .filter(|v| *v != Value::Null)
            .map(|v| v.to_string()))
    }

    /// An integer, or `default`.
    pub(crate) fn int(&mut self, name: &'static str, default: i64) -> Eval<i64> {
        Ok(self.maybe_int(name)?.unwrap_or(default))
    }

    /// An integer that may be absent or none.
    pub(crate) fn maybe_int(&mut self, name: &'static str) -> Eval<Option<i64>> {
        match self.data(name)? {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Int(i)) => Ok(Some(i)),
            Some(Value::Bool(b)) => Ok(Some(b.into())),
            Some(Value::Float(f)) if f.fract() == 0.0 => Ok(Some(f as i64)),
            Some(Value::Str(s)) if s.trim().parse::<i64>().is_ok() => Ok(s.trim().parse().ok()),
            Some(other) => Err(self.wrong(name, "an integer", &other)),
        }
    }

    /// A flag, or `default`; by Python's truth.
    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> Eval<bool> {
        Ok(self.data(name)?.map_or(default, |v| v.is_true()))
    }

    /// As [`Args::flag`], only by name; words such as `no` count too.
    pub(crate) fn keyword_flag(&mut self, name: &'static str, default: bool) -> Eval<bool> {
        Ok(self
            .keyword_data(name)?
            .map_or(default, |v| v.to_bool().unwrap_or_else(|| v.is_true())))
    }

    /// Every argument must have been taken. Errors: the first one that is left, with the nearest known name.
    pub(crate) fn end(self) -> Eval<()> {
        if let Some((name, _)) = self.named.first() {
            let d = Diagnostic::new(format!("{} has no argument `{name}`", self.what));
            return Err(d.with_nearest(name, self.known.iter().copied()));
        }
        if self.positional.is_empty() {
            Ok(())
        } else {
            let n = self.known.len();
            let takes = match n {
                0 => "no arguments".to_owned(),
                1 => "one argument".to_owned(),
                n => format!("at most {n} arguments"),
            };
            Err(Diagnostic::new(format!("{} takes {takes}", self.what)))
        }
    }

    /// The result, after every argument was taken. Errors: as [`Args::end`].
    pub(crate) fn done(self, result: impl Into<Val>) -> Eval {
        self.end()?;
        Ok(result.into())
    }

    /// The mistake of leaving out `name`.
    pub(crate) fn lacks(&self, name: &str) -> Diagnostic {
        Diagnostic::new(format!("{} needs its argument `{name}`", self.what))
    }

    /// The mistake of giving `name` a value of the wrong kind.
    pub(crate) fn wrong(&self, name: &str, expected: &str, got: &Value) -> Diagnostic {
        Diagnostic::new(format!(
            "{}: `{name}` must be {expected}, not {}",
            self.what,
            a(got.kind())
        ))
    }

    /// A mistake in what the filter or lookup was given.
    pub(crate) fn fail<T>(&self, message: impl std::fmt::Display) -> Eval<T> {
        Err(Diagnostic::new(format!("{}: {message}", self.what)))
    }
}

/// `a list`, `an integer`.
pub(crate) fn a(kind: &str) -> String {
    match kind {
        "null" | "omit" => kind.to_owned(),
        k if k.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {k}"),
        k => format!("a {k}"),
    }
}
