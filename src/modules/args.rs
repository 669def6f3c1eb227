//! Rendered arguments, checked against a [`Spec`] and converted by Ansible's rules.

use super::{Arg, Fail, Kind, Rule, Spec};
use crate::error::nearest;
use crate::value::{Map, Value};

/// A task's arguments: every name is the argument's own (no aliases), every value of its type, defaults filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(Map);

impl Args {
    /// Checks and converts rendered arguments.
    ///
    /// # Errors
    /// An unknown name, a wrong type, a value that is no choice, a broken rule: the message names the module and the argument.
    pub fn bind(spec: &Spec, given: &Map) -> Result<Self, Fail> {
        let module = spec.name;
        let mut out = Map::new();
        for (name, value) in given {
            let Some(arg) = spec.argument(name) else {
                return Err(Fail::new(unknown_argument(spec, name)));
            };
            if let Some(why) = arg.refused {
                return Err(Fail::new(format!(
                    "argument `{name}` of `{module}` is not supported: {why}"
                )));
            }
            if matches!(value, Value::Omit) || (*value == Value::Null && arg.kind != Kind::Raw) {
                continue;
            }
            out.insert(
                arg.name.to_owned(),
                convert(arg, value).map_err(|e| e.within(module))?,
            );
        }
        for arg in spec.arguments() {
            if out.contains_key(arg.name) {
                continue;
            }
            if arg.required {
                return Err(Fail::new(format!(
                    "`{module}` needs the argument `{}`",
                    arg.name
                )));
            }
            if let Some(default) = arg.default {
                out.insert(
                    arg.name.to_owned(),
                    convert(arg, &Value::from(default)).map_err(|e| e.within(module))?,
                );
            }
        }
        let given_names: Vec<&str> = given
            .keys()
            .filter_map(|n| spec.argument(n))
            .map(|a| a.name)
            .filter(|n| out.contains_key(*n))
            .collect();
        for rule in spec.rules {
            if let Some(broken) =
                rule.broken(&given_names, &|name| out.get(name).map(|v| v.to_string()))
            {
                return Err(Fail::new(format!("`{module}`: {broken}")));
            }
        }
        Ok(Self(out))
    }

    /// Whether an argument was given or has a default.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value as it is.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Text; empty when not given.
    pub fn str(&self, name: &str) -> &str {
        self.opt_str(name).unwrap_or_default()
    }

    /// Text, if given.
    pub fn opt_str(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A boolean; false when not given.
    pub fn bool(&self, name: &str) -> bool {
        self.opt_bool(name).unwrap_or(false)
    }

    /// A boolean, if given.
    pub fn opt_bool(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    /// An integer, if given.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_int()
    }

    /// A number, if given.
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.0.get(name)? {
            Value::Float(f) => Some(*f),
            Value::Int(i) => Some(*i as f64),
            _ => None,
        }
    }

    /// A list of text; empty when not given.
    pub fn list(&self, name: &str) -> Vec<String> {
        let items = self
            .0
            .get(name)
            .and_then(Value::as_list)
            .unwrap_or_default();
        items.iter().map(ToString::to_string).collect()
    }

    /// A mapping, if given.
    pub fn dict(&self, name: &str) -> Option<&Map> {
        self.0.get(name)?.as_map()
    }
}

impl Fail {
    fn within(mut self, module: &str) -> Self {
        self.msg = format!("`{module}`: {}", self.msg);
        self
    }
}

/// The message for an argument the module does not have.
pub(super) fn unknown_argument(spec: &Spec, name: &str) -> String {
    let names = spec
        .arguments()
        .flat_map(|a| std::iter::once(a.name).chain(a.aliases.iter().copied()));
    let hint = nearest(name, names)
        .map(|n| format!("; did you mean `{n}`?"))
        .unwrap_or_default();
    format!("`{}` has no argument `{name}`{hint}", spec.name)
}

/// Converts a rendered value to the argument's type, as Ansible's argument specs do.
///
/// # Errors
/// What was expected and what came.
pub fn convert(arg: &Arg, value: &Value) -> Result<Value, Fail> {
    let wrong = |expected: &str| {
        let shown = if arg.secret {
            crate::value::MASK.to_owned()
        } else {
            value.to_string()
        };
        Fail::new(format!(
            "argument `{}` must be {expected}, not {} `{shown}`",
            arg.name,
            value.kind()
        ))
    };
    let converted = match arg.kind {
        Kind::Raw => value.clone(),
        Kind::Str | Kind::Path | Kind::Bytes => match value {
            Value::Str(_) => value.clone(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => Value::from(value.to_string()),
            Value::List(_) | Value::Map(_) if arg.kind == Kind::Str => {
                Value::from(value.to_string())
            }
            _ => return Err(wrong("text")),
        },
        // A mode keeps the difference between the number 420 (0644 unquoted) and the text "0644".
        Kind::Mode => match value {
            Value::Str(_) | Value::Int(_) => value.clone(),
            _ => return Err(wrong("a file mode like '0644' or u=rw,g=r")),
        },
        Kind::Bool => Value::Bool(value.to_bool().ok_or_else(|| wrong("a boolean"))?),
        Kind::Int => match value {
            Value::Int(_) => value.clone(),
            Value::Str(s) => Value::Int(s.trim().parse().map_err(|_| wrong("an integer"))?),
            Value::Float(f) if f.fract() == 0.0 => Value::Int(*f as i64),
            _ => return Err(wrong("an integer")),
        },
        Kind::Float => match value {
            Value::Int(_) | Value::Float(_) => value.clone(),
            Value::Str(s) => Value::Float(s.trim().parse().map_err(|_| wrong("a number"))?),
            _ => return Err(wrong("a number")),
        },
        Kind::List => match value {
            Value::List(items) => {
                for item in items.iter() {
                    if matches!(item, Value::Map(_) | Value::List(_)) {
                        return Err(wrong("a list of text"));
                    }
                }
                Value::list(items.iter().map(|v| Value::from(v.to_string())))
            }
            Value::Str(s) => Value::list(s.split(',').map(|p| Value::from(p.trim()))),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                Value::list([Value::from(value.to_string())])
            }
            _ => return Err(wrong("a list")),
        },
        Kind::ListAny => match value {
            Value::List(_) => value.clone(),
            Value::Str(s) => Value::list(s.split(',').map(|p| Value::from(p.trim()))),
            other => Value::list([other.clone()]),
        },
        Kind::Dict => match value {
            Value::Map(_) => value.clone(),
            Value::Str(s) if s.trim_start().starts_with('{') => {
                serde_json::from_str::<serde_json::Value>(s)
                    .map(Value::from)
                    .map_err(|_| wrong("a mapping"))?
            }
            Value::Str(s) if s.contains('=') => {
                let words =
                    shell_words::split(&s.replace(',', " ")).map_err(|_| wrong("a mapping"))?;
                Value::map(
                    words
                        .iter()
                        .filter_map(|w| w.split_once('='))
                        .map(|(k, v)| (k.to_owned(), Value::from(v))),
                )
            }
            _ => return Err(wrong("a mapping")),
        },
    };
    if !arg.choices.is_empty() {
        let items: Vec<String> = match &converted {
            Value::List(items) => items.iter().map(ToString::to_string).collect(),
            Value::Bool(b) => vec![if *b { "yes".into() } else { "no".into() }],
            other => vec![other.to_string()],
        };
        if let Some(bad) = items.iter().find(|i| !arg.choices.contains(&i.as_str())) {
            let hint =
                nearest(bad, arg.choices.iter().copied()).map(|n| format!("; did you mean `{n}`?"));
            return Err(Fail::new(format!(
                "argument `{}` must be one of {}, not `{bad}`{}",
                arg.name,
                arg.choices.join(", "),
                hint.unwrap_or_default()
            )));
        }
    }
    Ok(converted)
}

impl Rule {
    /// What is broken, given the names that were given and the values known; `None` when the rule holds.
    pub fn broken(&self, given: &[&str], value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let has =
            |name: &&&str| given.contains(*name) || value(name).is_some_and(|v| !v.is_empty());
        match self {
            Self::Exclusive(names) => {
                let both: Vec<&str> = names
                    .iter()
                    .copied()
                    .filter(|n| given.contains(n))
                    .collect();
                (both.len() > 1)
                    .then(|| format!("arguments exclude each other: {}", both.join(", ")))
            }
            Self::OneOf(names) => (!names.iter().any(|n| has(&n)))
                .then(|| format!("one of these arguments is needed: {}", names.join(", "))),
            Self::Together(names) => {
                let present = names.iter().filter(|n| has(n)).count();
                (present > 0 && present < names.len())
                    .then(|| format!("these arguments go together: {}", names.join(", ")))
            }
            Self::If(name, wanted, needs, any) => {
                if value(name).as_deref() != Some(wanted) {
                    return None;
                }
                let missing: Vec<&str> = needs.iter().copied().filter(|n| !has(&n)).collect();
                let broken = if *any {
                    missing.len() == needs.len()
                } else {
                    !missing.is_empty()
                };
                broken.then(|| {
                    format!(
                        "`{name}: {wanted}` needs {}{}",
                        if *any { "one of: " } else { "" },
                        missing.join(", ")
                    )
                })
            }
            Self::By(name, needs) => {
                if !given.contains(name) {
                    return None;
                }
                let missing: Vec<&str> = needs.iter().copied().filter(|n| !has(&n)).collect();
                (!missing.is_empty()).then(|| format!("`{name}` needs {} too", missing.join(", ")))
            }
        }
    }
}
