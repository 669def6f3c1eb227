//! Executables that print the inventory as JSON (Ansible's page "Developing dynamic inventory", section "Inventory
//! script conventions").

use super::inventory::Inventory;
use crate::error::{Diagnostic, Problems, Source, Span};
use crate::value::Value;
use serde_json::{Map as Json, Value as J};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the script with `--list`, and with `--host NAME` for each host when the answer has no `_meta`.
pub(super) fn read(path: &Path, inventory: &mut Inventory, problems: &mut Problems) {
    let output = run(path, &["--list"]).and_then(|text| object(path, &text));
    let Some(output) = problems.take(output) else {
        return;
    };
    let span = Span::start(&Source::new(path, ""));
    let mut hosts = Vec::new();
    for (group, data) in output.iter().filter(|(g, _)| *g != "_meta") {
        let data = match shape(group, data) {
            Ok(data) => data,
            Err(message) => {
                problems.push(Diagnostic::at(&span, message));
                continue;
            }
        };
        inventory.add_group(group);
        for host in strings(data.get("hosts")) {
            inventory.add_host(&host, Some(group), None, Some(path));
            hosts.push(host);
        }
        for (name, value) in object_at(&data, "vars") {
            let set = inventory
                .set_group_var(group, name, trusted(value))
                .map_err(|d| d.with_span(&span));
            problems.take(set);
        }
        for child in strings(data.get("children")) {
            let added = inventory.add_child(group, &child, Some(&span));
            problems.take(added);
        }
    }
    let meta = output.get("_meta").and_then(|m| m.get("hostvars"));
    for host in hosts {
        let vars = match meta {
            Some(meta) => meta.get(&host).cloned(),
            None => {
                let own = run(path, &["--host", &host]).and_then(|text| object(path, &text));
                problems.take(own).map(J::Object)
            }
        };
        for (name, value) in vars.as_ref().and_then(J::as_object).into_iter().flatten() {
            inventory.set_host_var(&host, name, trusted(value));
        }
    }
}

/// The three ways to write a group: an object with `hosts`, `vars` or `children`, a list of hosts, or only variables
/// of a host called as the group.
fn shape(group: &str, data: &J) -> Result<Json<String, J>, String> {
    match data {
        J::Object(map)
            if ["hosts", "vars", "children"]
                .iter()
                .any(|k| map.contains_key(*k)) =>
        {
            Ok(map.clone())
        }
        J::Object(map) => Ok(Json::from_iter([
            ("hosts".to_owned(), J::from(vec![group])),
            ("vars".to_owned(), J::Object(map.clone())),
        ])),
        J::Array(_) => Ok(Json::from_iter([("hosts".to_owned(), data.clone())])),
        _ => Err(format!(
            "the script gives the group `{group}` as something else than an object or a list"
        )),
    }
}

fn strings(value: Option<&J>) -> Vec<String> {
    value
        .and_then(J::as_array)
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

fn object_at<'a>(
    data: &'a Json<String, J>,
    key: &str,
) -> impl Iterator<Item = (&'a String, &'a J)> {
    data.get(key).and_then(J::as_object).into_iter().flatten()
}

/// Strings that an inventory script prints are templates, as those of an inventory file are.
fn trusted(json: &J) -> Value {
    match json {
        J::String(s) => Value::template(s, None),
        J::Array(items) => Value::list(items.iter().map(trusted)),
        J::Object(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), trusted(v)))),
        other => Value::from(other.clone()),
    }
}

fn run(path: &Path, arguments: &[&str]) -> Result<String, Diagnostic> {
    let name = format!("`{} {}`", path.display(), arguments.join(" "));
    let program = if path.components().count() == 1 {
        Path::new(".").join(path)
    } else {
        path.to_owned()
    };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let output = output
        .map_err(|e| Diagnostic::new(format!("the inventory script {name} cannot be run: {e}")))?;
    let tail = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).trim().to_owned();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join("\n        ")
    };
    if !output.status.success() {
        let diagnostic = Diagnostic::new(format!(
            "the inventory script {name} failed with {}",
            output.status
        ));
        let said = tail(&output.stderr);
        return Err(if said.is_empty() {
            diagnostic
        } else {
            diagnostic.with_note(format!("it said: {said}"))
        });
    }
    String::from_utf8(output.stdout).map_err(|_| {
        Diagnostic::new(format!(
            "the inventory script {name} prints something that is not UTF-8"
        ))
    })
}

fn object(path: &Path, text: &str) -> Result<Json<String, J>, Diagnostic> {
    let name = path.display();
    match serde_json::from_str(text) {
        Ok(J::Object(map)) => Ok(map),
        Ok(_) => Err(Diagnostic::new(format!(
            "the inventory script `{name}` must print a JSON object"
        ))),
        Err(error) => Err(Diagnostic::new(format!(
            "the inventory script `{name}` does not print valid JSON: {error}"
        ))),
    }
}
