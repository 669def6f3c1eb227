//! Reading the keywords that only plays have.

use super::sink::Sink;
use super::typed::{self, Takes, describe, items, located};
use super::{Located, Play, Prompt};
use crate::error::Diagnostic;
use crate::value::Value;
use crate::yaml::{Kind, Node};

/// Takes in one keyword of a play.
pub(super) fn read(play: &mut Play, key: &str, key_node: &Node, value: &Node, sink: &mut Sink) {
    if play.common.read(key, value, sink) {
        return;
    }
    let mut typed = |takes| typed::value(key, value, takes, sink);
    match key {
        "gather_facts" => play.gather_facts = typed(Takes::Bool),
        "gather_timeout" => play.gather_timeout = typed(Takes::Int),
        "fact_path" => play.fact_path = typed(Takes::Text),
        "strategy" => play.strategy = typed(Takes::Text),
        "order" => play.order = typed(Takes::Text),
        "force_handlers" => play.force_handlers = typed(Takes::Bool),
        "max_fail_percentage" => play.max_fail_percentage = typed(Takes::Percent),
        "gather_subset" => {
            typed::list(key, value, Takes::Text, sink);
            play.gather_subset = (!value.is_null()).then(|| located(value));
        }
        "serial" => play.serial = typed::list(key, value, Takes::Percent, sink),
        "vars_files" => play.vars_files = vars_files(value, sink),
        "vars_prompt" => play.vars_prompt = prompts(value, sink),
        "roles" if !matches!(value.kind, Kind::List(_) | Kind::Null) => sink.at(
            &value.span,
            format!(
                "`{}` takes a list of roles, not {}",
                key_node.key_text(),
                describe(value)
            ),
        ),
        _ => {}
    }
}

fn vars_files(node: &Node, sink: &mut Sink) -> Vec<Located> {
    let mut files = Vec::new();
    for item in items(node) {
        let fits = |node: &Node| matches!(node.to_value(), Value::Str(_) | Value::Template(_));
        let good = match item.as_list() {
            Some(names) => !names.is_empty() && names.iter().all(fits),
            None => fits(item),
        };
        if good {
            files.push(located(item));
        } else {
            sink.error(
                Diagnostic::at(
                    &item.span,
                    format!("`vars_files` takes names of files, not {}", describe(item)),
                )
                .with_note("a list in the list means: the first of these that exists"),
            );
        }
    }
    files
}

fn prompts(node: &Node, sink: &mut Sink) -> Vec<Prompt> {
    let known = [
        "name",
        "prompt",
        "default",
        "private",
        "confirm",
        "encrypt",
        "salt",
        "salt_size",
        "unsafe",
    ];
    let mut prompts = Vec::new();
    for item in items(node) {
        let Some(name) = item.get("name").and_then(Node::as_str) else {
            sink.at(
                &item.span,
                "an entry of `vars_prompt` needs a `name`, the variable",
            );
            continue;
        };
        typed::check_variable(name, &item.get("name").unwrap_or(item).span, sink);
        for (key, key_node, _) in item.entries() {
            if !known.contains(&key.as_str()) {
                sink.error(
                    Diagnostic::at(&key_node.span, format!("`vars_prompt` has no key `{key}`"))
                        .with_nearest(&key, known),
                );
            }
        }
        let mut flag = |key: &str, default: bool| {
            item.get(key)
                .and_then(|value| typed::value(key, value, Takes::Bool, sink))
                .and_then(|value| value.to_bool())
                .unwrap_or(default)
        };
        let (private, confirm, unsafe_) = (
            flag("private", true),
            flag("confirm", false),
            flag("unsafe", false),
        );
        let text = |key: &str| item.get(key).and_then(Node::as_str).map(str::to_owned);
        prompts.push(Prompt {
            name: name.to_owned(),
            prompt: item.get("prompt").map(located),
            default: item.get("default").map(located),
            private,
            confirm,
            encrypt: text("encrypt"),
            salt: text("salt"),
            salt_size: item
                .get("salt_size")
                .and_then(Node::as_int)
                .and_then(|n| u32::try_from(n).ok()),
            unsafe_,
        });
    }
    prompts
}
