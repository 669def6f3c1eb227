//! YAML inventories: groups with `hosts`, `children` and `vars`.

use super::address::{expand, split_port};
use super::inventory::Inventory;
use crate::error::{Diagnostic, Problems};
use crate::yaml::{Kind, Node};
use std::path::Path;

/// Adds what a YAML inventory holds to `inventory`.
pub(super) fn read(root: &Node, path: &Path, inventory: &mut Inventory, problems: &mut Problems) {
    let Some(groups) = root.as_map() else {
        return problems.push(
            Diagnostic::at(
                &root.span,
                format!(
                    "an inventory is a mapping of groups, not a value of type {}",
                    root.kind_name()
                ),
            )
            .with_help("begin with `all:` and its `hosts:` below it"),
        );
    };
    if let Some((key, plugin)) = root.get_pair("plugin") {
        let name = plugin.as_str().unwrap_or("?");
        return problems.push(
            Diagnostic::at(&key.span, format!("the inventory plugin `{name}` cannot be run: hoist has no Python plugins"))
                .with_help("use an executable that prints the inventory as JSON, or `ansible-inventory --list --export` once"),
        );
    }
    let mut reader = Reader {
        path,
        inventory,
        problems,
    };
    for (key, value) in groups {
        reader.group(key, value);
    }
}

struct Reader<'a> {
    path: &'a Path,
    inventory: &'a mut Inventory,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn group(&mut self, key: &Node, data: &Node) -> Option<String> {
        let name = key.as_str().filter(|n| !n.is_empty());
        let Some(name) = name else {
            self.problems.push(
                Diagnostic::at(
                    &key.span,
                    format!(
                        "a group name must be a string, not a value of type {}",
                        key.kind_name()
                    ),
                )
                .with_help("quote it"),
            );
            return None;
        };
        self.inventory.add_group(name);
        let sections = match &data.kind {
            Kind::Null => return Some(name.to_owned()),
            Kind::Map(sections) => sections,
            _ => {
                self.problems.push(
                    Diagnostic::at(
                        &data.span,
                        format!(
                            "the group `{name}` must be a mapping, not a value of type {}",
                            data.kind_name()
                        ),
                    )
                    .with_help("a group holds `hosts`, `children` and `vars`"),
                );
                return Some(name.to_owned());
            }
        };
        for (section, value) in sections {
            match section.as_str() {
                Some("vars") => {
                    for (_, key, value) in self.pairs(section, value) {
                        let set =
                            self.inventory
                                .set_group_var(name, &key.key_text(), value.to_value());
                        let set = set.map_err(|d| d.with_span(&value.span));
                        self.problems.take(set);
                    }
                }
                Some("children") => {
                    for (span, key, value) in self.pairs(section, value) {
                        if let Some(child) = self.group(&key, &value) {
                            let added = self.inventory.add_child(name, &child, Some(&span));
                            self.problems.take(added);
                        }
                    }
                }
                Some("hosts") => {
                    for (_, key, value) in self.pairs(section, value) {
                        self.host(name, &key, &value);
                    }
                }
                _ => {
                    let key = section.key_text();
                    let help = crate::error::nearest(&key, ["hosts", "children", "vars"]);
                    let diagnostic = Diagnostic::at(
                        &section.span,
                        format!("`{key}` in the group `{name}` is left out"),
                    );
                    let diagnostic = diagnostic.with_note(
                        "a group holds `hosts`, `children` and `vars`; variables go below `vars`",
                    );
                    self.inventory.warnings.push(match help {
                        Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                        None => diagnostic,
                    });
                }
            }
        }
        Some(name.to_owned())
    }

    /// The pairs of a section; one string counts as a key without a value, as with Ansible.
    fn pairs(&mut self, section: &Node, value: &Node) -> Vec<(crate::error::Span, Node, Node)> {
        match &value.kind {
            Kind::Null => Vec::new(),
            Kind::Map(pairs) => pairs
                .iter()
                .map(|(k, v)| (k.span.clone(), k.clone(), v.clone()))
                .collect(),
            Kind::Str { .. } => {
                let nothing = Node {
                    span: value.span.clone(),
                    kind: Kind::Null,
                };
                vec![(value.span.clone(), value.clone(), nothing)]
            }
            _ => {
                let name = section.key_text();
                self.problems.push(
                    Diagnostic::at(
                        &value.span,
                        format!(
                            "`{name}` must be a mapping, not a value of type {}",
                            value.kind_name()
                        ),
                    )
                    .with_help("write each name with a `:` after it, without a dash"),
                );
                Vec::new()
            }
        }
    }

    fn host(&mut self, group: &str, key: &Node, data: &Node) {
        let Some(text) = key.as_str() else {
            return self.problems.push(
                Diagnostic::at(
                    &key.span,
                    format!(
                        "a host name must be a string, not a value of type {}",
                        key.kind_name()
                    ),
                )
                .with_help("quote it"),
            );
        };
        let (pattern, port) = split_port(text);
        let hosts = match expand(pattern) {
            Ok(hosts) => hosts,
            Err(message) => {
                return self.problems.push(Diagnostic::at(
                    &key.span,
                    format!("`{text}` is no host name: {message}"),
                ));
            }
        };
        let vars = match &data.kind {
            Kind::Null | Kind::Map(_) => data.to_map(),
            _ => {
                return self.problems.push(Diagnostic::at(
                    &data.span,
                    format!("the variables of the host `{text}` must be a mapping, not a value of type {}", data.kind_name()),
                ));
            }
        };
        for host in hosts {
            self.inventory
                .add_host(&host, Some(group), port, Some(self.path));
            for (name, value) in &vars {
                self.inventory.set_host_var(&host, name, value.clone());
            }
        }
    }
}
