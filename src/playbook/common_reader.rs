//! Reading the keywords that plays, blocks, roles and tasks share.

use super::sink::Sink;
use super::typed::{self, Takes, describe, items, located};
use super::{Common, Located};
use crate::error::Diagnostic;
use crate::value::Value;
use crate::yaml::{Kind, Node};

impl Common {
    /// Takes in one keyword; false when it is none of the shared ones. Whether it may stand there is the caller's question.
    pub(super) fn read(&mut self, key: &str, node: &Node, sink: &mut Sink) -> bool {
        let (slot, takes) = match key {
            "name" => (&mut self.name, Takes::Text),
            "become" => (&mut self.become_, Takes::Bool),
            "become_user" => (&mut self.become_user, Takes::Text),
            "become_method" => (&mut self.become_method, Takes::Text),
            "become_flags" => (&mut self.become_flags, Takes::Text),
            "become_exe" => (&mut self.become_exe, Takes::Text),
            "remote_user" | "user" => (&mut self.remote_user, Takes::Text),
            "port" => (&mut self.port, Takes::Int),
            "connection" => (&mut self.connection, Takes::Text),
            "delegate_to" => (&mut self.delegate_to, Takes::Text),
            "delegate_facts" => (&mut self.delegate_facts, Takes::Bool),
            "run_once" => (&mut self.run_once, Takes::Bool),
            "ignore_errors" => (&mut self.ignore_errors, Takes::Bool),
            "ignore_unreachable" => (&mut self.ignore_unreachable, Takes::Bool),
            "no_log" => (&mut self.no_log, Takes::Bool),
            "check_mode" => (&mut self.check_mode, Takes::Bool),
            "diff" => (&mut self.diff, Takes::Bool),
            "any_errors_fatal" => (&mut self.any_errors_fatal, Takes::Bool),
            "throttle" => (&mut self.throttle, Takes::Int),
            "timeout" => (&mut self.timeout, Takes::Int),
            _ => return self.read_collected(key, node, sink),
        };
        *slot = typed::value(key, node, takes, sink);
        true
    }

    fn read_collected(&mut self, key: &str, node: &Node, sink: &mut Sink) -> bool {
        match key {
            "tags" => self.tags = tags(node, sink),
            "when" => self.when = typed::conditions(key, node, sink),
            "vars" => self.vars = typed::vars(key, node, sink),
            "environment" => self.environment = mappings(key, node, sink),
            "module_defaults" => self.module_defaults = module_defaults(node, sink),
            "notify" => {
                if !node.is_null() {
                    self.notify = Some(typed::list(key, node, Takes::Text, sink));
                }
            }
            "collections" => {
                typed::list(key, node, Takes::Text, sink);
                self.collections = Some(located(node));
            }
            "debugger" => {
                if node.as_str() != Some("never") && !node.is_null() {
                    sink.error(
                        Diagnostic::at(&node.span, "the task debugger is not supported")
                            .with_help("use `--step`, `-vvv`, or a `debug` task"),
                    );
                }
            }
            _ => return false,
        }
        true
    }
}

/// Tags: text is split at commas, items of a list are not.
pub(super) fn tags(node: &Node, sink: &mut Sink) -> Vec<Located> {
    let mut all = Vec::new();
    for item in items(node) {
        let Some(tag) = typed::value("tags", item, Takes::Text, sink) else {
            continue;
        };
        match (&node.kind, tag.as_str()) {
            (Kind::Str { .. }, Some(text)) => {
                all.extend(
                    text.split(',')
                        .map(str::trim)
                        .filter(|t| !t.is_empty())
                        .map(|t| Located::new(Value::from(t), &item.span)),
                );
            }
            (_, Some(_)) => all.push(tag),
            (_, None) if matches!(tag.value, Value::Template(_)) => all.push(tag),
            (_, None) => all.push(Located::new(Value::from(tag.to_string()), &item.span)),
        }
    }
    all
}

fn mappings(key: &str, node: &Node, sink: &mut Sink) -> Vec<Located> {
    let mut all = Vec::new();
    for item in items(node) {
        let value = located(item);
        match &value.value {
            Value::Map(_) | Value::Template(_) => all.push(value),
            Value::Null => {}
            _ => sink.at(
                &item.span,
                format!(
                    "`{key}` takes a mapping or a list of mappings, not {}",
                    describe(item)
                ),
            ),
        }
    }
    all
}

fn module_defaults(node: &Node, sink: &mut Sink) -> Vec<Located> {
    let mut all = Vec::new();
    for item in items(node) {
        let Some(pairs) = item.as_map() else {
            sink.error(
                Diagnostic::at(
                    &item.span,
                    format!(
                        "`module_defaults` takes a mapping of modules to arguments, not {}",
                        describe(item)
                    ),
                )
                .with_note("the modules must be written out; only arguments may be templates"),
            );
            continue;
        };
        for (name, arguments) in pairs {
            let template = matches!(arguments.to_value(), Value::Template(_));
            if arguments.as_map().is_none() && !template && !arguments.is_null() {
                sink.at(
                    &arguments.span,
                    format!(
                        "the defaults of `{}` must be a mapping, not {}",
                        name.key_text(),
                        describe(arguments)
                    ),
                );
            }
        }
        all.push(located(item));
    }
    all
}
