//! `-e`: variables from the command line.

use crate::error::{Diagnostic, Problems, Source};
use crate::playbook::key_values;
use crate::value::{Map, Value};
use crate::vault::{Keyring, load_yaml};
use crate::yaml;
use std::path::Path;

/// Merges every `-e` in order: `k=v` words, a YAML or JSON mapping, or `@FILE` with one (encrypted or not).
///
/// # Errors
/// A file that cannot be read, a text that holds no variables.
pub fn extra_vars(given: &[String], keyring: &Keyring) -> Result<Map, Problems> {
    let mut out = Map::new();
    let mut problems = Problems::new();
    for text in given {
        if let Some(vars) = problems.take(one(text, keyring)) {
            out.extend(vars);
        }
    }
    problems.or_ok(out)
}

fn one(text: &str, keyring: &Keyring) -> Result<Map, Problems> {
    let shown = "-e";
    if let Some(path) = text.strip_prefix('@') {
        let document = load_yaml(Path::new(path), keyring)?;
        return mapping(document.root.map(|n| n.to_value()), &format!("`{path}`"));
    }
    if text.starts_with(['/', '.']) && !text.contains('=') {
        return Err(
            Diagnostic::new(format!("`-e {text}` names a file without `@`"))
                .with_help(format!("write `-e @{text}`"))
                .into(),
        );
    }
    if text.trim_start().starts_with(['{', '[']) {
        let document = yaml::parse(&Source::new(Path::new(shown), text.to_owned()))?;
        return mapping(document.root.map(|n| n.to_value()), "`-e`");
    }
    let wrong = || {
        // a value may be a secret
        let name = text
            .split_once('=')
            .map_or(text.to_owned(), |(n, _)| format!("{n}=…"));
        Diagnostic::new(format!("`-e {name}` holds no variables"))
            .with_help("write `-e name=value`, `-e '{\"name\": \"value\"}'` or `-e @file.yml`")
    };
    match key_values(text) {
        Some((pairs, None)) => Ok(pairs
            .into_iter()
            .map(|(name, value)| (name, Value::template(&value, None)))
            .collect()),
        _ => Err(wrong().into()),
    }
}

fn mapping(value: Option<Value>, shown: &str) -> Result<Map, Problems> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Map(map)) => Ok((*map).clone()),
        Some(other) => Err(Diagnostic::new(format!(
            "{shown} must hold a mapping of variables, not {}",
            other.kind()
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(given: &[&str]) -> String {
        let given: Vec<String> = given.iter().map(|g| (*g).to_owned()).collect();
        match extra_vars(&given, &Keyring::new()) {
            Ok(map) => Value::from(map).to_string(),
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn words_mappings_and_files_add_up() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("v.yml");
        std::fs::write(&file, "a: from file\nn: 3\n").unwrap();
        let at = format!("@{}", file.display());
        insta::assert_snapshot!(vars(&["a=1 b='x y' c={{ d }}", &at, "{\"n\": 4, \"l\": [yes]}"]), @"{'a': 'from file', 'b': 'x y', 'c': '{{ d }}', 'n': 4, 'l': [True]}");
    }

    #[test]
    fn what_holds_no_variables_is_told() {
        insta::assert_snapshot!(vars(&["word", "./vars.yml", "[1]", "a='"]), @r#"
        error: `-e word` holds no variables
          help: write `-e name=value`, `-e '{"name": "value"}'` or `-e @file.yml`

        error: `-e ./vars.yml` names a file without `@`
          help: write `-e @./vars.yml`

        error: `-e` must hold a mapping of variables, not list

        error: `-e a=…` holds no variables
          help: write `-e name=value`, `-e '{"name": "value"}'` or `-e @file.yml`
        "#);
        insta::assert_snapshot!(vars(&["@/nonexistent/v.yml"]), @"error: cannot read `/nonexistent/v.yml`: No such file or directory (os error 2)");
    }
}
