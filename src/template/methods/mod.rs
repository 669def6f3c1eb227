//! Python's methods of strings, lists and mappings.

pub(super) mod containers;
pub(crate) mod text;

use super::args::{Args, Eval};
use super::val::{Obj, Val};
use crate::value::Value;

/// What a method gives, and the changed holder if it changes it.
pub(crate) type Called = (Val, Option<Val>);

/// The methods that `holder` has.
pub(crate) fn names(holder: &Val) -> &'static [&'static str] {
    match holder {
        Val::Data(Value::Str(_)) => text::NAMES,
        Val::Data(Value::List(_)) => containers::LIST,
        Val::Data(Value::Map(_)) => containers::MAP,
        Val::Data(Value::Int(_)) => &[
            "bit_length",
            "__and__",
            "__or__",
            "__xor__",
            "__lshift__",
            "__rshift__",
        ],
        Val::Data(Value::Float(_)) => &["is_integer"],
        Val::Obj(o) => match &**o {
            Obj::HostVars(_) | Obj::Vars(..) => &["get", "items", "keys", "values"],
            Obj::Loop(_) => &["cycle", "changed"],
            Obj::Cycler(..) => &["next", "reset"],
            Obj::Time(_) => super::filters::time::METHODS,
            Obj::Elapsed(_) => &["total_seconds"],
            _ => &[],
        },
        _ => &[],
    }
}

/// Whether `holder` has the method `name`.
pub(crate) fn exists(holder: &Val, name: &str) -> bool {
    names(holder).contains(&name)
}

/// Calls the method `name` of `holder`. Errors: no such method, wrong arguments, and the method's own.
pub(crate) fn call(holder: &Val, name: &str, mut args: Args<'_, '_>) -> Eval<Called> {
    let result = match holder {
        Val::Data(Value::Str(s)) => (text::call(s, name, &mut args)?, None),
        Val::Data(Value::List(items)) => containers::list(items, name, &mut args)?,
        Val::Data(Value::Map(map)) => containers::map(map, name, &mut args)?,
        Val::Data(Value::Int(i)) => (containers::int(*i, name, &mut args)?, None),
        Val::Data(Value::Float(f)) => (Val::from(f.fract() == 0.0), None),
        Val::Obj(o) => (object(holder, o, name, &mut args)?, None),
        other => return args.fail(format!("{} has no methods", super::args::a(other.kind()))),
    };
    args.end()?;
    Ok(result)
}

fn object(holder: &Val, obj: &Obj, name: &str, args: &mut Args<'_, '_>) -> Eval {
    let cx = args.cx;
    Ok(match (obj, name) {
        (Obj::HostVars(_) | Obj::Vars(..), "keys") => Val::from(cx.iterate_values(holder)?),
        (Obj::HostVars(_) | Obj::Vars(..), "get") => {
            let key = Val::Data(args.need("key")?);
            let default = args.take("default").unwrap_or_else(Val::null);
            match super::attr::item(cx, holder, &key, || (None, None))? {
                Val::Undef(_) => default,
                found => found,
            }
        }
        (Obj::HostVars(_) | Obj::Vars(..), _) => {
            let Value::Map(map) = cx.data(holder)? else {
                return Ok(Val::null());
            };
            containers::map(&map, name, args)?.0
        }
        (Obj::Loop(l), "cycle") => {
            let values: Vec<Val> = args.positional.drain(..).collect();
            match values.len() {
                0 => return args.fail("there is nothing to cycle through"),
                n => values[l.index0 % n].clone(),
            }
        }
        (Obj::Loop(l), _) => {
            let given = Value::list(
                args.positional
                    .drain(..)
                    .map(|v| cx.data(&v))
                    .collect::<Eval<Vec<_>>>()?,
            );
            let changed = l.last_seen.borrow().as_ref() != Some(&given);
            *l.last_seen.borrow_mut() = Some(given);
            Val::from(changed)
        }
        (Obj::Cycler(values, next), "next") => {
            let mut at = next.borrow_mut();
            let val = values.get(*at).cloned().unwrap_or_else(Val::null);
            *at = (*at + 1) % values.len().max(1);
            val
        }
        (Obj::Cycler(_, next), _) => {
            *next.borrow_mut() = 0;
            Val::null()
        }
        (Obj::Time(t), _) => super::filters::time::method(t, name, args)?,
        (Obj::Elapsed(us), _) => Val::from(*us as f64 / 1e6),
        _ => return args.fail("this has no methods"),
    })
}
