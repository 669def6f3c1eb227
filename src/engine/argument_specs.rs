//! Argument specifications of roles: what `meta/argument_specs.yml` asks of a role's variables.

use super::settings::Keywords;
use crate::error::{Diagnostic, nearest};
use crate::modules::{Args, Fail};
use crate::value::{Map, Value};

/// `validate_argument_spec`: all mistakes at once. Follows Ansible's page "Roles", section "Role argument validation".
///
/// # Errors
/// A variable that cannot be rendered. The inner error is the task's failure, with every mistake in `argument_errors`.
pub(super) fn validate(
    args: &Args,
    keywords: &Keywords<'_>,
) -> Result<Result<(), Fail>, Diagnostic> {
    let empty = Map::new();
    let spec = args.dict("argument_spec").unwrap_or(&empty);
    let provided = args.dict("provided_arguments").unwrap_or(&empty);
    let mut errors = Vec::new();
    for (name, option) in spec {
        let value = match provided.get(name) {
            Some(value) => Some(value.clone()),
            None => match keywords.scope.get(name) {
                Some(raw) => Some(keywords.run.templar.resolve(keywords.scope, &raw)?),
                None => None,
            },
        };
        check(name, option, value.as_ref(), &mut errors);
    }
    if errors.is_empty() {
        return Ok(Ok(()));
    }
    let msg = format!("Validation of arguments failed:\n{}", errors.join("\n"));
    Ok(Err(Fail::new(msg)
        .with(
            "argument_errors",
            Value::list(errors.into_iter().map(Value::from)),
        )
        .with("argument_spec_data", Value::from(spec.clone()))
        .with("validate_args_context", context(args))))
}

/// Where the specification comes from, as the results say it.
pub(super) fn context(args: &Args) -> Value {
    let context = args.dict("validate_args_context").cloned();
    Value::from(context.unwrap_or_default())
}

fn check(path: &str, option: &Value, value: Option<&Value>, errors: &mut Vec<String>) {
    let said = |key: &str| option.get(key);
    let value = match value {
        Some(Value::Null | Value::Omit) | None => {
            if said("required").and_then(Value::to_bool) == Some(true) && said("default").is_none()
            {
                errors.push(format!("missing required arguments: {path}"));
            }
            return;
        }
        Some(value) => value,
    };
    let kind = said("type").map_or_else(|| "str".to_owned(), ToString::to_string);
    if !fits(&kind, value) {
        errors.push(format!(
            "argument `{path}` must be of type {kind}, not {} `{value}`",
            value.kind()
        ));
        return;
    }
    if let Some(choices) = said("choices").and_then(Value::as_list) {
        let items = if let Value::List(items) = value {
            items.to_vec()
        } else {
            vec![value.clone()]
        };
        let texts: Vec<String> = choices.iter().map(ToString::to_string).collect();
        for item in items
            .iter()
            .map(ToString::to_string)
            .filter(|i| !texts.contains(i))
        {
            let hint = nearest(&item, texts.iter().map(String::as_str))
                .map(|n| format!("; did you mean `{n}`?"));
            errors.push(format!(
                "argument `{path}` must be one of {}, not `{item}`{}",
                texts.join(", "),
                hint.unwrap_or_default()
            ));
        }
    }
    let elements = said("elements").map(ToString::to_string);
    if let (Value::List(items), Some(elements)) = (value, &elements) {
        for (index, item) in items.iter().enumerate() {
            if !fits(elements, item) {
                errors.push(format!(
                    "elements of `{path}` must be of type {elements}, not {} `{item}` (number {})",
                    item.kind(),
                    index + 1
                ));
            }
        }
    }
    let Some(Value::Map(options)) = said("options") else {
        return;
    };
    let inside: Vec<(String, &Value)> = match value {
        Value::List(items) => items
            .iter()
            .enumerate()
            .map(|(i, v)| (format!("{path}[{i}]"), v))
            .collect(),
        other => vec![(path.to_owned(), other)],
    };
    for (path, value) in inside {
        let Value::Map(map) = value else { continue };
        for name in map.keys().filter(|n| !options.contains_key(*n)) {
            let hint = nearest(name, options.keys().map(String::as_str))
                .map(|n| format!("; did you mean `{n}`?"));
            errors.push(format!(
                "`{path}` has no option `{name}`{}",
                hint.unwrap_or_default()
            ));
        }
        for (name, inner) in options.iter() {
            check(&format!("{path}.{name}"), inner, map.get(name), errors);
        }
        let given = |name: &str| {
            let own = map.get(name).filter(|v| **v != Value::Null).cloned();
            own.or_else(|| options.get(name)?.get("default").cloned())
        };
        rules(&path, option, &given, errors);
    }
}

/// What an option's own options have to do with one another: `mutually_exclusive` and its like, in Ansible's words.
fn rules(
    path: &str,
    option: &Value,
    given: &dyn Fn(&str) -> Option<Value>,
    errors: &mut Vec<String>,
) {
    let rule = |name: &str| -> Vec<Value> {
        let found = option.get(name).and_then(Value::as_list);
        found.map(<[Value]>::to_vec).unwrap_or_default()
    };
    let names = |v: &Value| -> Vec<String> {
        match v {
            Value::List(items) => items.iter().map(Value::to_string).collect(),
            one => vec![one.to_string()],
        }
    };
    let lacking = |all: &[String]| -> Vec<String> {
        let lacking = all.iter().filter(|n| given(n).is_none());
        lacking.cloned().collect()
    };
    for all in rule("mutually_exclusive").iter().map(names) {
        if all.len() > lacking(&all).len() + 1 {
            errors.push(format!(
                "parameters are mutually exclusive: {} found in {path}",
                all.join("|")
            ));
        }
    }
    for all in rule("required_together").iter().map(names) {
        let lacks = lacking(&all).len();
        if lacks > 0 && lacks < all.len() {
            errors.push(format!(
                "parameters are required together: {} found in {path}",
                all.join(", ")
            ));
        }
    }
    for all in rule("required_one_of").iter().map(names) {
        if lacking(&all).len() == all.len() {
            errors.push(format!(
                "one of the following is required: {} found in {path}",
                all.join(", ")
            ));
        }
    }
    for rule in rule("required_if") {
        let Some([key, value, needed, rest @ ..]) = rule.as_list() else {
            continue;
        };
        if given(&key.to_string()).as_ref() != Some(value) {
            continue;
        }
        let all = names(needed);
        let any = rest.first().and_then(Value::to_bool) == Some(true);
        let lacks = lacking(&all);
        if !lacks.is_empty() && (!any || lacks.len() == all.len()) {
            errors.push(format!(
                "{key} is {value} but {} of the following are missing: {} found in {path}",
                if any { "any" } else { "all" },
                lacks.join(", ")
            ));
        }
    }
    for (key, needed) in option
        .get("required_by")
        .and_then(Value::as_map)
        .into_iter()
        .flatten()
    {
        let lacks = lacking(&names(needed));
        if given(key).is_some() && !lacks.is_empty() {
            errors.push(format!(
                "missing parameter(s) required by '{key}': {} found in {path}",
                lacks.join(", ")
            ));
        }
    }
}

/// Whether a value is, or by Ansible's rules becomes, of a type.
fn fits(kind: &str, value: &Value) -> bool {
    match kind {
        "bool" => value.to_bool().is_some(),
        "int" => match value {
            Value::Int(_) => true,
            Value::Float(f) => f.fract() == 0.0,
            Value::Str(s) => s.trim().parse::<i64>().is_ok(),
            _ => false,
        },
        "float" => match value {
            Value::Int(_) | Value::Float(_) => true,
            Value::Str(s) => s.trim().parse::<f64>().is_ok(),
            _ => false,
        },
        "list" => matches!(
            value,
            Value::List(_) | Value::Str(_) | Value::Int(_) | Value::Float(_)
        ),
        "dict" => match value {
            Value::Map(_) => true,
            Value::Str(s) => s.contains('=') || s.trim_start().starts_with('{'),
            _ => false,
        },
        "raw" | "json" | "jsonarg" => true,
        _ => !matches!(value, Value::Null),
    }
}
