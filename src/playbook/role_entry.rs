//! Reading an entry of `roles:` or of a role's dependencies.

use super::expander::Expander;
use super::keyword::{Owner, misplaced};
use super::role_reader::Using;
use super::sink::Sink;
use super::typed::describe;
use super::{Common, FromFiles, Located};
use crate::error::{Diagnostic, nearest};
use crate::value::{Map, Value};
use crate::yaml::{Kind, Node};

/// Reads an entry of `roles:` or of a role's dependencies.
pub(super) fn read(node: &Node, expander: &mut Expander<'_>) -> Option<Using> {
    let mut common = Common::default();
    let mut params = Map::new();
    let name = match &node.kind {
        Kind::Str { .. } | Kind::Int(_) => super::typed::located(node),
        Kind::Map(_) => {
            let sink = &mut expander.sink;
            read_role_keys(node, &mut common, &mut params, sink);
            role_name(node, sink)?
        }
        _ => {
            let message = format!("a role is a name or a mapping, not {}", describe(node));
            expander.sink.at(&node.span, message);
            return None;
        }
    };
    let vars = common.vars.clone();
    let text = expander.name(&name, "roles", &vars)?;
    Some(Using {
        name: text,
        span: name.span,
        common,
        params,
        from: FromFiles::default(),
        included: false,
        public: true,
        allow_duplicates: None,
        validate: true,
        fixed: true,
    })
}

fn role_name(node: &Node, sink: &mut Sink) -> Option<Located> {
    let given = node.get("role").or_else(|| node.get("name"));
    if let Some(name) =
        given.filter(|n| n.as_str().is_some_and(|s| !s.is_empty()) || n.as_int().is_some())
    {
        return Some(super::typed::located(name));
    }
    // A requirement as `ansible-galaxy` writes it: the name is the last part of the source.
    if let Some(src) = node.get("src").filter(|s| s.as_str().is_some()) {
        let text = src.as_str().unwrap_or_default();
        let last = text.rsplit('/').next().unwrap_or(text);
        let last = last.split(',').next().unwrap_or(last);
        let last = last.trim_end_matches(".tar.gz").trim_end_matches(".git");
        return Some(Located::new(Value::from(last), &src.span));
    }
    let span = given.map_or(&node.span, |n| &n.span);
    sink.error(
        Diagnostic::at(span, "an entry of roles needs a `role`, the name")
            .with_help("write `- role: NAME`"),
    );
    None
}

fn read_role_keys(node: &Node, common: &mut Common, params: &mut Map, sink: &mut Sink) {
    for (key, key_node, value) in node.entries() {
        match key.as_str() {
            "role" | "name" => {}
            "src" | "scm" | "version" if node.get("src").is_some() => {}
            _ if Owner::Role.has(&key) => {
                common.read(&key, value, sink);
            }
            "block" | "rescue" | "always" | "tasks" | "roles" | "hosts" => {
                misplaced(Owner::Role, &key, &key_node.span, sink);
            }
            _ => {
                if let Some(near) =
                    nearest(&key, Owner::Role.keywords()).filter(|near| near.len() > 4)
                {
                    sink.warn(
                        Diagnostic::at(
                            &key_node.span,
                            format!("`{key}` is a variable of the role here"),
                        )
                        .with_help(format!("did you mean the keyword `{near}`?")),
                    );
                }
                params.insert(key, value.to_value());
            }
        }
    }
}
