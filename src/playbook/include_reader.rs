//! Reading the arguments of `include_tasks`, `import_tasks`, `include_role` and `import_role`.

use super::keyword::{Owner, misplaced};
use super::sink::Sink;
use super::typed::{Takes, a_kind, describe};
use super::{Common, IncludeRole, Located, Task};
use crate::error::{Diagnostic, Span};
use crate::value::Value;
use crate::yaml::{Kind, Node};

/// What Ansible lets stand on an include at run time; the rest goes under `apply`.
const INCLUDE_KEYWORDS: &[&str] = &[
    "action",
    "args",
    "collections",
    "debugger",
    "ignore_errors",
    "loop",
    "loop_control",
    "name",
    "no_log",
    "register",
    "run_once",
    "tags",
    "timeout",
    "vars",
    "when",
];

/// Reports keywords that an include cannot have.
pub(super) fn check_keywords(word: &str, node: &Node, handler: bool, sink: &mut Sink) {
    let owner = if handler { Owner::Handler } else { Owner::Task };
    for (key, key_node, _) in node.entries() {
        let allowed = INCLUDE_KEYWORDS.contains(&key.as_str()) || (handler && key == "listen");
        if owner.has(&key) && !allowed {
            let diagnostic = Diagnostic::at(
                &key_node.span,
                format!("the keyword `{key}` cannot stand on `{word}`"),
            );
            sink.error(if Owner::Apply.has(&key) {
                diagnostic.with_help(format!(
                    "put it under `apply` to have it on every included task, or use `{}`",
                    word.replace("include", "import")
                ))
            } else {
                diagnostic
            });
        }
    }
}

/// Reports a loop on an import, and warns of keywords that do nothing there.
pub(super) fn check_import(task: &Task, word: &str, node: &Node, sink: &mut Sink) {
    if let Some(loop_) = &task.loop_ {
        sink.error(
            Diagnostic::at(&loop_.value.span, format!("`{word}` cannot be looped over"))
                .with_help(format!("use `{}`", word.replace("import", "include"))),
        );
    }
    for key in [
        "register",
        "until",
        "retries",
        "delay",
        "async",
        "poll",
        "changed_when",
        "failed_when",
        "listen",
    ] {
        if let Some((key_node, _)) = node.get_pair(key) {
            sink.warn(Diagnostic::at(
                &key_node.span,
                format!("`{key}` has no effect on `{word}`"),
            ));
        }
    }
}

/// The file, and for an include `apply`.
pub(super) fn tasks(
    word: &str,
    task: &Task,
    node: &Node,
    sink: &mut Sink,
) -> Option<(Located, Option<Box<Common>>)> {
    let known: &[&str] = if word == "include_tasks" {
        &["file", "apply"]
    } else {
        &["file"]
    };
    unknown_arguments(word, task, known, sink);
    let Some(file) = task
        .args
        .free_form
        .clone()
        .or_else(|| argument(task, "file"))
    else {
        sink.error(
            Diagnostic::at(&task.action.name.span, format!("`{word}` needs a file"))
                .with_help(format!("write `{word}: FILE.yml`")),
        );
        return None;
    };
    if !matches!(file.value, Value::Str(_) | Value::Template(_)) {
        sink.at(
            &file.span,
            format!("`{word}` takes a file's name, not {}", a_kind(&file)),
        );
        return None;
    }
    Some((file, apply(word, node, sink).map(Box::new)))
}

/// The arguments of a role's include or import.
pub(super) fn role(word: &str, task: &Task, node: &Node, sink: &mut Sink) -> Option<IncludeRole> {
    let known = [
        "name",
        "role",
        "tasks_from",
        "vars_from",
        "defaults_from",
        "handlers_from",
        "public",
        "allow_duplicates",
        "rolespec_validate",
        "apply",
    ];
    let known = if word == "include_role" {
        &known[..]
    } else {
        &known[..known.len() - 1]
    };
    unknown_arguments(word, task, known, sink);
    let Some(name) = argument(task, "name").or_else(|| argument(task, "role")) else {
        let diagnostic = Diagnostic::at(
            &task.action.name.span,
            format!("`{word}` needs a `name`, the role's"),
        );
        sink.error(match &task.args.free_form {
            Some(text) => diagnostic.with_help(format!("write `name: {}` below it", text.value)),
            None => diagnostic,
        });
        return None;
    };
    let mut typed = |name: &str, takes: Takes| {
        let value = argument(task, name)?;
        if value.value == Value::Null {
            return None;
        }
        let fits = matches!(value.value, Value::Template(_))
            || match takes {
                Takes::Bool => value.to_bool().is_some(),
                _ => value.as_str().is_some(),
            };
        if !fits {
            let wanted = if takes == Takes::Bool {
                "a boolean"
            } else {
                "a file's name"
            };
            sink.at(
                &value.span,
                format!("`{name}` takes {wanted}, not {}", a_kind(&value)),
            );
        }
        fits.then_some(value)
    };
    let role = IncludeRole {
        tasks_from: typed("tasks_from", Takes::Text),
        vars_from: typed("vars_from", Takes::Text),
        defaults_from: typed("defaults_from", Takes::Text),
        handlers_from: typed("handlers_from", Takes::Text),
        public: typed("public", Takes::Bool),
        allow_duplicates: typed("allow_duplicates", Takes::Bool),
        rolespec_validate: typed("rolespec_validate", Takes::Bool),
        apply: None,
        name,
    };
    if !matches!(role.name.value, Value::Str(_) | Value::Template(_)) {
        sink.at(
            &role.name.span,
            format!("a role's name is text, not {}", a_kind(&role.name)),
        );
        return None;
    }
    Some(IncludeRole {
        apply: apply(word, node, sink),
        ..role
    })
}

fn argument(task: &Task, name: &str) -> Option<Located> {
    let span = task.args.values.get(name).unwrap_or(&task.span);
    Some(Located::new(task.args.map.get(name)?.clone(), span))
}

fn unknown_arguments(word: &str, task: &Task, known: &[&str], sink: &mut Sink) {
    for name in task
        .args
        .map
        .keys()
        .filter(|n| !known.contains(&n.as_str()))
    {
        let span: &Span = task.args.spans.get(name).unwrap_or(&task.span);
        let diagnostic = Diagnostic::at(span, format!("`{word}` has no argument `{name}`"));
        sink.error(if name == "apply" {
            diagnostic
                .with_help("keywords of an import are inherited: put them on the import itself")
        } else if super::keyword::known(name) {
            diagnostic.with_help("it is a keyword: indent it one level less")
        } else {
            diagnostic.with_nearest(name, known.iter().copied())
        });
    }
    if let Some(args) = &task.args.variable {
        sink.at(
            &args.span,
            format!("the arguments of `{word}` must be written out"),
        );
    }
}

/// The mapping under `apply`, from the action's value or from `args`.
fn apply(word: &str, node: &Node, sink: &mut Sink) -> Option<Common> {
    let value = node
        .entries()
        .filter(|(key, _, _)| {
            super::action_reader::short(key) == word || key == "args" || key == "action"
        })
        .find_map(|(_, _, value)| value.get("apply"))?;
    let Kind::Map(pairs) = &value.kind else {
        if !value.is_null() {
            sink.at(
                &value.span,
                format!(
                    "`apply` takes a mapping of keywords, not {}",
                    describe(value)
                ),
            );
        }
        return None;
    };
    let mut common = Common::default();
    for (key, value) in pairs {
        let name = key.key_text();
        if !Owner::Apply.has(&name) || !common.read(&name, value, sink) {
            misplaced(Owner::Apply, &name, &key.span, sink);
        }
    }
    Some(common)
}
