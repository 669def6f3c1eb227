//! Reading what a task does: which module, and its arguments in all their forms.

use super::keyword::{Owner, known};
use super::sink::Sink;
use super::typed::describe;
use super::{Located, TaskArgs, arguments};
use crate::error::{Diagnostic, Span, nearest};
use crate::value::Value;
use crate::yaml::{Kind, Node};

/// A module's name and arguments, however they were written.
pub(super) struct Invocation {
    /// The name, possibly a template (`action: "{{ x }}"`).
    pub(super) name: Located,
    /// The arguments.
    pub(super) args: TaskArgs,
    /// `local_action`.
    pub(super) local: bool,
}

/// Whether a module takes its text as a command line.
fn is_command(name: &str) -> bool {
    matches!(
        short(name),
        "command" | "shell" | "raw" | "script" | "win_command" | "win_shell"
    )
}

/// The name without `ansible.builtin.` or `ansible.legacy.`.
pub(super) fn short(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.")
        .or_else(|| name.strip_prefix("ansible.legacy."))
        .unwrap_or(name)
}

/// Finds the one action among a task's keys. `is_module` says which names are modules; it only makes messages better.
pub(super) fn read(
    task: &Node,
    owner: Owner,
    is_module: fn(&str) -> bool,
    sink: &mut Sink,
) -> Option<Invocation> {
    let args = task.get("args");
    let mut found: Vec<(String, &Node, &Node)> = Vec::new();
    for (key, key_node, value) in task.entries() {
        let old_form = matches!(key.as_str(), "action" | "local_action");
        if old_form || (is_candidate(&key, owner, is_module) && !key.starts_with("with_")) {
            found.push((key, key_node, value));
        }
    }
    let (key, key_node, value) = choose(found, task, owner, is_module, sink)?;
    let mut invocation = match key.as_str() {
        "action" | "local_action" => old_form(&key, value, sink)?,
        _ => Invocation {
            args: new_form(&key, value, sink),
            name: Located::new(Value::from(key.as_str()), &key_node.span),
            local: false,
        },
    };
    if let Some(args) = args {
        add_args(args, &mut invocation.args, sink);
    }
    Some(invocation)
}

/// Whether a key may be a module: it is no keyword, or it is one elsewhere and a module too.
pub(super) fn is_candidate(key: &str, owner: Owner, is_module: fn(&str) -> bool) -> bool {
    !owner.has(key)
        && (!known(key)
            || matches!(key, "user" | "gather_facts" | "import_playbook")
            || is_module(key))
}

type Candidate<'n> = (String, &'n Node, &'n Node);

fn choose<'n>(
    mut found: Vec<Candidate<'n>>,
    task: &Node,
    owner: Owner,
    is_module: fn(&str) -> bool,
    sink: &mut Sink,
) -> Option<Candidate<'n>> {
    let sure =
        |key: &str| matches!(key, "action" | "local_action") || is_module(key) || key.contains('.');
    if found.is_empty() {
        let span = task
            .as_map()
            .and_then(|pairs| pairs.first())
            .map_or(&task.span, |(key, _)| &key.span);
        sink.error(
            Diagnostic::at(span, format!("{} needs a module", owner.words()))
                .with_note("none of its keys is one"),
        );
        return None;
    }
    if found.len() == 1 {
        return found.pop();
    }
    let modules = found.iter().filter(|(key, _, _)| sure(key)).count();
    if modules > 1 {
        found.retain(|(key, _, _)| sure(key));
        let names: Vec<String> = found.iter().map(|(key, _, _)| format!("`{key}`")).collect();
        sink.error(
            Diagnostic::at(
                &found[1].1.span,
                format!(
                    "{} does one thing, not {}",
                    owner.words(),
                    names.join(" and ")
                ),
            )
            .with_help("make a task of each"),
        );
        return None;
    }
    // What is surely a module is the action; else the first key that does not look like a keyword with a typing mistake.
    let chosen = found
        .iter()
        .position(|(key, _, _)| sure(key))
        .or_else(|| {
            found
                .iter()
                .position(|(key, _, _)| nearest(key, owner.keywords()).is_none())
        })
        .unwrap_or(0);
    let action = found.remove(chosen);
    for (key, key_node, _) in &found {
        let diagnostic = Diagnostic::at(
            &key_node.span,
            format!("{} has no keyword `{key}`", owner.words()),
        );
        sink.error(match nearest(key, owner.keywords()) {
            Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
            None => diagnostic.with_help(format!(
                "if it is an argument of `{}`, indent it below that line; a task has one module only",
                action.0
            )),
        });
    }
    Some(action)
}

fn new_form(module: &str, value: &Node, sink: &mut Sink) -> TaskArgs {
    let mut args = TaskArgs::default();
    match &value.kind {
        Kind::Null => {}
        Kind::Map(_) => add_mapping(value, &mut args),
        Kind::Str { .. } => {
            if let Some(text) = value.as_str() {
                add_text(text, value, is_command(module), &mut args, sink);
            }
        }
        Kind::Vault(_) => args.free_form = Some(super::typed::located(value)),
        _ => sink.error(Diagnostic::at(
            &value.span,
            format!(
                "`{module}` takes a mapping of arguments, not {}",
                describe(value)
            ),
        )),
    }
    args
}

/// `action: copy src=a dest=b`, `local_action: {module: copy, src: a}`.
fn old_form(keyword: &str, value: &Node, sink: &mut Sink) -> Option<Invocation> {
    let local = keyword == "local_action";
    let mut args = TaskArgs::default();
    let name_node = match &value.kind {
        Kind::Str { .. } => value,
        Kind::Map(_) => match value.get("module").filter(|m| m.as_str().is_some()) {
            Some(module) => module,
            None => {
                sink.at(
                    &value.span,
                    format!("the mapping under `{keyword}` needs a `module`"),
                );
                return None;
            }
        },
        _ => {
            sink.at(
                &value.span,
                format!(
                    "`{keyword}` takes a module and its arguments, not {}",
                    describe(value)
                ),
            );
            return None;
        }
    };
    let text = name_node.as_str().unwrap_or_default();
    let Some((module, rest)) = arguments::module_and_rest(text) else {
        unclosed(&name_node.span, text, sink);
        return None;
    };
    for (key, key_node, node) in value.entries() {
        match (key.as_str(), &node.kind) {
            ("module", _) => {}
            ("args", Kind::Map(_)) => add_mapping(node, &mut args),
            ("args", _) => add_args(node, &mut args, sink),
            _ => insert(&mut args, key, node.to_value(), &key_node.span, &node.span),
        }
    }
    add_text(&rest, name_node, is_command(&module), &mut args, sink);
    Some(Invocation {
        name: Located::new(
            Value::template(&module, Some(name_node.span.clone())),
            &name_node.span,
        ),
        args,
        local,
    })
}

/// The keyword `args`: laid under the arguments given elsewhere.
fn add_args(node: &Node, args: &mut TaskArgs, sink: &mut Sink) {
    match (&node.kind, node.to_value()) {
        (Kind::Null, _) => {}
        (Kind::Map(_), _) => {
            let mut under = TaskArgs::default();
            add_mapping(node, &mut under);
            let over = std::mem::take(args);
            for (name, value) in over.map {
                let span = |spans: &indexmap::IndexMap<String, Span>| {
                    spans.get(&name).unwrap_or(&node.span).clone()
                };
                let (at, value_at) = (span(&over.spans), span(&over.values));
                insert(&mut under, name, value, &at, &value_at);
            }
            under.free_form = over.free_form;
            *args = under;
        }
        (_, Value::Template(template)) => {
            args.variable = Some(Located::new(Value::Template(template), &node.span));
        }
        _ => sink.at(
            &node.span,
            format!(
                "`args` takes a mapping of arguments, not {}",
                describe(node)
            ),
        ),
    }
}

fn add_mapping(node: &Node, args: &mut TaskArgs) {
    for (key, key_node, value) in node.entries() {
        insert(args, key, value.to_value(), &key_node.span, &value.span);
    }
}

fn insert(args: &mut TaskArgs, name: String, value: Value, at: &Span, value_at: &Span) {
    args.spans.insert(name.clone(), at.clone());
    args.values.insert(name.clone(), value_at.clone());
    args.map.insert(name, value);
}

fn add_text(text: &str, node: &Node, command: bool, args: &mut TaskArgs, sink: &mut Sink) {
    let raw = matches!(node.kind, Kind::Str { raw: true, .. });
    let value = |text: &str| {
        if raw {
            Value::from(text)
        } else {
            Value::template(text, Some(node.span.clone()))
        }
    };
    match arguments::parse(text, command) {
        Some((pairs, rest)) => {
            for (name, text) in pairs {
                insert(args, name, value(&text), &node.span, &node.span);
            }
            args.free_form = rest.map(|text| Located::new(value(&text), &node.span));
        }
        None => unclosed(&node.span, text, sink),
    }
}

fn unclosed(span: &Span, text: &str, sink: &mut Sink) {
    let what = if text.matches("{{").count() > text.matches("}}").count() {
        "`{{` is not closed"
    } else if text.matches("{%").count() > text.matches("%}").count() {
        "`{%` is not closed"
    } else {
        "a quote is not closed"
    };
    sink.error(
        Diagnostic::at(
            span,
            format!("these arguments cannot be taken apart: {what}"),
        )
        .with_help("write the arguments as a mapping (for a command: `cmd: …`)"),
    );
}
