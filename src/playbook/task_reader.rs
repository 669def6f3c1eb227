//! Reading a task or handler.

use super::action_reader::{self, Invocation, short};
use super::keyword::{Owner, misplaced};
use super::sink::Sink;
use super::typed::{self, Takes, conditions, describe, located};
use super::{
    Action, ActionKind, Common, IncludeRole, Located, Loop, LoopControl, LoopKind, Meta, Task,
    include_reader,
};
use crate::error::Diagnostic;
use crate::value::Value;
use crate::yaml::{Kind, Node};
use std::path::Path;

/// A task, or an import that is still to be expanded.
pub(super) enum Parsed {
    Task(Box<Task>),
    /// `import_tasks`.
    Tasks {
        common: Common,
        file: Located,
    },
    /// `import_role`.
    Role {
        common: Common,
        role: Box<IncludeRole>,
    },
}

/// Where a task stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) path: &'p Path,
    pub(super) handler: bool,
    pub(super) in_role: bool,
    pub(super) is_module: fn(&str) -> bool,
}

/// Reads one entry of a list of tasks that is no block.
pub(super) fn read(node: &Node, place: Place<'_>, sink: &mut Sink) -> Option<Parsed> {
    let owner = if place.handler {
        Owner::Handler
    } else {
        Owner::Task
    };
    if node.as_map().is_none() {
        let diagnostic = Diagnostic::at(
            &node.span,
            format!(
                "{} must be a mapping, not {}",
                owner.words(),
                describe(node)
            ),
        );
        sink.error(match node.as_str() {
            Some(text) if typed::is_variable(text) => diagnostic.with_help(format!(
                "to call a module without arguments write `{text}:`"
            )),
            _ => diagnostic,
        });
        return None;
    }
    let mut task = Task {
        span: node.span.clone(),
        common: Common::default(),
        action: Action {
            name: Located::new(Value::Null, &node.span),
            kind: ActionKind::Templated,
        },
        args: super::TaskArgs::default(),
        register: None,
        loop_: None,
        until: None,
        retries: None,
        delay: None,
        async_: None,
        poll: None,
        listen: Vec::new(),
        changed_when: None,
        failed_when: None,
        path: place.path.to_owned(),
        implicit: false,
    };
    for (key, key_node, value) in node.entries() {
        if let Some(lookup) = key.strip_prefix("with_") {
            read_loop(
                &mut task,
                key_node,
                LoopKind::With(lookup.to_owned()),
                value,
                sink,
            );
        } else if key == "loop" {
            read_loop(&mut task, key_node, LoopKind::Loop, value, sink);
        } else if owner.has(&key) {
            read_keyword(&mut task, &key, value, sink);
        } else if !action_reader::is_candidate(&key, owner, place.is_module) {
            misplaced(owner, &key, &key_node.span, sink);
        }
    }
    read_loop_control(&mut task, node, sink);
    let invocation = action_reader::read(node, owner, place.is_module, sink)?;
    finish(task, invocation, node, place, sink)
}

fn read_keyword(task: &mut Task, key: &str, value: &Node, sink: &mut Sink) {
    if task.common.read(key, value, sink) {
        return;
    }
    let mut typed = |takes| typed::value(key, value, takes, sink);
    match key {
        "retries" => task.retries = typed(Takes::Int),
        "delay" => task.delay = typed(Takes::Float),
        "async" => task.async_ = typed(Takes::Int),
        "poll" => task.poll = typed(Takes::Int),
        "until" => task.until = Some(conditions(key, value, sink)),
        "changed_when" => task.changed_when = Some(conditions(key, value, sink)),
        "failed_when" => task.failed_when = Some(conditions(key, value, sink)),
        "listen" => {
            task.listen = typed::list(key, value, Takes::Text, sink);
            for topic in &task.listen {
                if topic.is_lazy() {
                    sink.error(
                        Diagnostic::at(&topic.span, "`listen` cannot be a template")
                            .with_note("what listens must be known before anything runs"),
                    );
                }
            }
        }
        "register" => match value.as_str() {
            Some(name) => {
                typed::check_variable(name, &value.span, sink);
                task.register = Some(name.to_owned());
            }
            None if value.is_null() => {}
            None => sink.at(
                &value.span,
                format!(
                    "`register` takes a variable's name, not {}",
                    describe(value)
                ),
            ),
        },
        _ => {}
    }
}

fn read_loop(task: &mut Task, key: &Node, kind: LoopKind, value: &Node, sink: &mut Sink) {
    let word = key.key_text();
    if task.loop_.is_some() {
        sink.at(
            &key.span,
            format!("a task has one loop, and `{word}` is a second one"),
        );
        return;
    }
    if value.is_null() {
        if kind != LoopKind::Loop {
            sink.at(&key.span, format!("`{word}` needs a value"));
        }
        return;
    }
    let value_at = located(value);
    if kind == LoopKind::Loop && !matches!(value_at.value, Value::List(_) | Value::Template(_)) {
        let diagnostic = Diagnostic::at(
            &value.span,
            format!("`loop` takes a list, not {}", describe(value)),
        );
        sink.error(match &value.kind {
            Kind::Map(_) => diagnostic.with_help("use `with_dict`, or the filter `dict2items`"),
            Kind::Str { text, .. } if typed::is_variable(text) => {
                diagnostic.with_help(format!("for a variable write `\"{{{{ {text} }}}}\"`"))
            }
            _ => diagnostic,
        });
        return;
    }
    task.loop_ = Some(Loop {
        kind,
        value: value_at,
        control: LoopControl::default(),
    });
}

fn read_loop_control(task: &mut Task, node: &Node, sink: &mut Sink) {
    let Some((key_node, value)) = node.get_pair("loop_control") else {
        return;
    };
    if value.is_null() {
        return;
    }
    let Some(pairs) = value.as_map() else {
        sink.error(
            Diagnostic::at(
                &value.span,
                format!("`loop_control` takes a mapping, not {}", describe(value)),
            )
            .with_note("it cannot be a template as a whole, only hold some"),
        );
        return;
    };
    let mut control = LoopControl::default();
    for (key, value) in pairs {
        let (span, key) = (&key.span, key.key_text());
        let mut typed = |takes| typed::value(&key, value, takes, sink);
        match key.as_str() {
            "loop_var" => control.loop_var = typed(Takes::Text),
            "index_var" => control.index_var = typed(Takes::Text),
            "label" => control.label = typed(Takes::Any),
            "pause" => control.pause = typed(Takes::Float),
            "extended" => control.extended = typed(Takes::Bool),
            "extended_allitems" => control.extended_allitems = typed(Takes::Bool),
            "break_when" => control.break_when = conditions(&key, value, sink),
            _ => misplaced(Owner::LoopControl, &key, span, sink),
        }
    }
    for name in [&control.loop_var, &control.index_var]
        .into_iter()
        .flatten()
    {
        if let Some(text) = name.as_str() {
            typed::check_variable(text, &name.span, sink);
        }
    }
    match &mut task.loop_ {
        Some(loop_) => loop_.control = control,
        None => sink.warn(Diagnostic::at(
            &key_node.span,
            "`loop_control` has no effect without a loop",
        )),
    }
}

fn finish(
    mut task: Task,
    invocation: Invocation,
    node: &Node,
    place: Place<'_>,
    sink: &mut Sink,
) -> Option<Parsed> {
    let Invocation { name, args, local } = invocation;
    if local {
        task.common.delegate_to = Some(Located::new(Value::from("localhost"), &name.span));
    }
    task.args = args;
    task.action.name = name.clone();
    let Some(written) = name.as_str() else {
        return Some(Parsed::Task(Box::new(task)));
    };
    let word = short(written);
    if matches!(word, "include_tasks" | "include_role") {
        include_reader::check_keywords(word, node, place.handler, sink);
    }
    if matches!(word, "import_tasks" | "import_role") {
        include_reader::check_import(&task, word, node, sink);
    }
    if place.handler && matches!(word, "include_role" | "import_role") {
        sink.error(
            Diagnostic::at(&name.span, format!("`{word}` cannot be a handler")).with_help(
                "handlers of a role are known once the role is used; name them in `notify`",
            ),
        );
        return None;
    }
    task.action.kind = match word {
        "include_tasks" => {
            let (file, apply) = include_reader::tasks(word, &task, node, sink)?;
            ActionKind::IncludeTasks { file, apply }
        }
        "import_tasks" => {
            let (file, _) = include_reader::tasks(word, &task, node, sink)?;
            return Some(Parsed::Tasks {
                common: task.common,
                file,
            });
        }
        "include_role" => {
            ActionKind::IncludeRole(Box::new(include_reader::role(word, &task, node, sink)?))
        }
        "import_role" => {
            let role = Box::new(include_reader::role(word, &task, node, sink)?);
            return Some(Parsed::Role {
                common: task.common,
                role,
            });
        }
        "include_vars" => ActionKind::IncludeVars,
        "meta" => ActionKind::Meta(meta(&task, place, sink)?),
        "include" => {
            sink.error(
                Diagnostic::at(&name.span, "the action `include` no longer exists").with_help(
                    "use `include_tasks` (at run time) or `import_tasks` (at load time)",
                ),
            );
            return None;
        }
        "import_playbook" => {
            sink.error(
                Diagnostic::at(&name.span, "`import_playbook` cannot stand among tasks")
                    .with_help("put it beside the plays"),
            );
            return None;
        }
        _ => ActionKind::Module(written.to_owned()),
    };
    Some(Parsed::Task(Box::new(task)))
}

fn meta(task: &Task, place: Place<'_>, sink: &mut Sink) -> Option<Meta> {
    let words = Meta::ALL.map(|(word, _)| word);
    let span = task
        .args
        .free_form
        .as_ref()
        .map_or(&task.action.name.span, |w| &w.span);
    let Some(word) = task
        .args
        .free_form
        .as_ref()
        .and_then(|w| w.as_str())
        .map(str::trim)
    else {
        sink.error(
            Diagnostic::at(span, "`meta` takes one word, written out")
                .with_note(format!("known are {}", words.join(", "))),
        );
        return None;
    };
    let Some((_, meta)) = Meta::ALL.iter().find(|(known, _)| *known == word) else {
        sink.error(
            Diagnostic::at(span, format!("`meta` does not know `{word}`"))
                .with_note(format!("known are {}", words.join(", ")))
                .with_nearest(word, words),
        );
        return None;
    };
    if *meta == Meta::EndRole && (place.handler || !place.in_role) {
        sink.at(
            span,
            "`meta: end_role` works among the tasks of a role only",
        );
    }
    Some(*meta)
}
