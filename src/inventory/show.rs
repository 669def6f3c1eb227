//! The inventory as `ansible-inventory` prints it.

use super::inventory::Inventory;
use super::vars_files::VarsFiles;
use crate::error::{Diagnostic, nearest};
use crate::value::{Map, Value};
use crate::yaml::{Flow, Style, dump};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use std::collections::HashSet;

/// What `--list` prints: every group, and the variables of every host in `hosts`.
pub fn list(inventory: &Inventory, playbook: Option<&VarsFiles>, hosts: &[String]) -> String {
    let wanted: HashSet<&str> = hosts.iter().map(String::as_str).collect();
    let mut groups = Map::new();
    json_group(inventory, "all", &wanted, &mut HashSet::new(), &mut groups);
    let vars = hosts
        .iter()
        .map(|h| (h.clone(), Value::from(inventory.merged(h, playbook))));
    let vars = vars.filter(|(_, v)| v.is_true());
    let meta = Value::map([
        ("hostvars", Value::map(vars)),
        ("profile", Value::from("inventory_legacy")),
    ]);
    groups.insert("_meta".to_owned(), meta);
    json(&Value::from(groups))
}

/// What `--host` prints: a host's variables.
pub fn host_vars(inventory: &Inventory, playbook: Option<&VarsFiles>, host: &str) -> String {
    json(&Value::from(inventory.merged(host, playbook)))
}

/// What `--list --yaml` prints.
pub fn list_yaml(inventory: &Inventory, playbook: Option<&VarsFiles>, hosts: &[String]) -> String {
    let mut writer = Yaml {
        inventory,
        playbook,
        wanted: hosts.iter().map(String::as_str).collect(),
        groups: HashSet::new(),
        hosts: HashSet::new(),
    };
    let style = Style {
        flow: Flow::Never,
        ..Style::TERSE
    };
    let all = writer.group("all").map(|g| ("all", g));
    dump(&Value::map(all), style)
}

/// What `--graph` prints, from `group` down; with `vars` the variables too.
///
/// # Errors
/// When there is no such group.
pub fn graph(
    inventory: &Inventory,
    playbook: Option<&VarsFiles>,
    group: &str,
    vars: bool,
) -> Result<String, Diagnostic> {
    if !inventory.groups.contains_key(group) {
        let diagnostic = Diagnostic::new(format!("there is no group `{group}`"));
        return Err(
            match nearest(group, inventory.groups.keys().map(String::as_str)) {
                Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                None => diagnostic,
            },
        );
    }
    let mut lines = Vec::new();
    branch(inventory, playbook, group, vars, 0, &mut lines);
    Ok(lines.join("\n"))
}

fn json_group<'a>(
    inventory: &'a Inventory,
    name: &'a str,
    wanted: &HashSet<&str>,
    seen: &mut HashSet<&'a str>,
    out: &mut Map,
) {
    let Some(group) = inventory.groups.get(name) else {
        return;
    };
    let names =
        |names: Vec<&String>| Value::list(names.into_iter().map(|n| Value::from(n.as_str())));
    let mut entry = Map::new();
    let hosts: Vec<&String> = group
        .hosts
        .iter()
        .filter(|h| wanted.contains(h.as_str()))
        .collect();
    if name != "all" && !hosts.is_empty() {
        entry.insert("hosts".to_owned(), names(hosts));
    }
    if !group.children.is_empty() {
        entry.insert(
            "children".to_owned(),
            names(group.children.iter().collect()),
        );
    }
    if !entry.is_empty() {
        out.insert(name.to_owned(), Value::from(entry));
    }
    for child in &group.children {
        if seen.insert(child) {
            json_group(inventory, child, wanted, seen, out);
        }
    }
}

struct Yaml<'a> {
    inventory: &'a Inventory,
    playbook: Option<&'a VarsFiles>,
    wanted: HashSet<&'a str>,
    groups: HashSet<&'a str>,
    hosts: HashSet<&'a str>,
}

impl<'a> Yaml<'a> {
    fn group(&mut self, name: &str) -> Option<Value> {
        let group = self.inventory.groups.get(name)?;
        let mut children = Map::new();
        for child in &group.children {
            if self.groups.contains(child.as_str()) {
                children.insert(child.clone(), Value::map::<String>([]));
            } else {
                if let Some(value) = self.group(child) {
                    children.insert(child.clone(), value);
                }
                self.groups.insert(child);
            }
        }
        let mut hosts = Map::new();
        for host in group
            .hosts
            .iter()
            .filter(|h| name != "all" && self.wanted.contains(h.as_str()))
        {
            let first = self.hosts.insert(host);
            let vars = if first {
                self.inventory.merged(host, self.playbook)
            } else {
                Map::new()
            };
            hosts.insert(host.clone(), Value::from(vars));
        }
        let sections = [("children", children), ("hosts", hosts)];
        let filled: Vec<_> = sections
            .into_iter()
            .filter(|(_, m)| !m.is_empty())
            .map(|(n, m)| (n, Value::from(m)))
            .collect();
        (!filled.is_empty()).then(|| Value::map(filled))
    }
}

fn branch(
    inventory: &Inventory,
    playbook: Option<&VarsFiles>,
    name: &str,
    vars: bool,
    depth: usize,
    lines: &mut Vec<String>,
) {
    let Some(group) = inventory.groups.get(name) else {
        return;
    };
    lines.push(leaf(&format!("@{name}:"), depth));
    for child in &group.children {
        branch(inventory, playbook, child, vars, depth + 1, lines);
    }
    let show = |vars: Map, depth: usize, lines: &mut Vec<String>| {
        let mut vars: Vec<(String, Value)> = vars.into_iter().collect();
        vars.sort_by(|a, b| a.0.cmp(&b.0));
        lines.extend(
            vars.iter()
                .map(|(k, v)| leaf(&format!("{{{k} = {v}}}"), depth)),
        );
    };
    if name != "all" {
        for host in &group.hosts {
            lines.push(leaf(host, depth + 1));
            if vars {
                show(inventory.merged(host, playbook), depth + 2, lines);
            }
        }
    }
    if vars {
        let mut own = group.vars.clone();
        for files in inventory.vars_files.iter().chain(playbook) {
            own.extend(
                files
                    .group(name)
                    .into_iter()
                    .flatten()
                    .map(|(k, v)| (k.clone(), v.clone())),
            );
        }
        if group.priority != 1 {
            own.insert(
                "ansible_group_priority".to_owned(),
                Value::from(group.priority),
            );
        }
        show(own, depth + 1, lines);
    }
}

fn leaf(text: &str, depth: usize) -> String {
    if depth == 0 {
        text.to_owned()
    } else {
        format!("{}--{text}", "  |".repeat(depth))
    }
}

/// JSON with sorted keys and four spaces.
fn json(value: &Value) -> String {
    let mut json = value.to_json();
    json.sort_all_objects();
    let mut bytes = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    if json.serialize(&mut serializer).is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
