//! Values that no template of a chart reads: a name that was mistyped, or one of another version of the chart.
//!
//! Templates cannot be run for this, for what they read depends on the values. Their texts are searched for `.Values.a.b`;
//! whatever may read more than it says counts as reading all below it, so that what is reported is surely not read.

use super::chart::Chart;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The paths under which something is read; an empty one means all.
type Reads = BTreeSet<Vec<String>>;

/// The paths (`image.tga`) in `values` that neither the chart nor a part of it reads, each with the nearest path that is
/// read, where one is near.
pub(super) fn unread(chart: &Chart, values: &Json) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    let mut globals = Reads::new();
    all_globals(chart, &mut globals);
    look(chart, values, &globals, "", &mut found);
    found
}

fn look(
    chart: &Chart,
    values: &Json,
    globals: &Reads,
    prefix: &str,
    found: &mut Vec<(String, Option<String>)>,
) {
    let Some(values) = values.as_object() else {
        return;
    };
    let reads = reads_of(chart);
    if reads.contains(&Vec::new()) {
        return;
    }
    for (key, value) in values {
        if let Some(part) = chart.parts.iter().find(|part| chart.key_of(part) == key) {
            // a chart may read its part's values too
            let own = below(&reads, key);
            if !own.contains(&Vec::new()) {
                look(part, value, globals, &format!("{prefix}{key}."), found);
            }
            continue;
        }
        let reads = if key == "global" {
            below(globals, key)
        } else {
            below(&reads, key)
        };
        descend(value, &reads, &format!("{prefix}{key}"), found);
    }
    // what is near is told once all is known
    let known: Vec<String> = reads
        .iter()
        .map(|path| format!("{prefix}{}", path.join(".")))
        .collect();
    for (path, near) in found.iter_mut().filter(|(_, near)| near.is_none()) {
        if path.starts_with(prefix) {
            *near =
                crate::error::nearest(path, known.iter().map(String::as_str)).map(str::to_owned);
        }
    }
}

/// One value and what is read at and below it.
fn descend(value: &Json, reads: &Reads, path: &str, found: &mut Vec<(String, Option<String>)>) {
    if reads.is_empty() {
        found.push((path.to_owned(), None));
        return;
    }
    let Some(map) = value.as_object() else {
        return;
    };
    if reads.contains(&Vec::new()) {
        return;
    }
    for (key, value) in map {
        descend(value, &below(reads, key), &format!("{path}.{key}"), found);
    }
}

/// What is read below a key.
fn below(reads: &Reads, key: &str) -> Reads {
    reads
        .iter()
        .filter_map(|path| match path.split_first() {
            None => Some(Vec::new()),
            Some((first, rest)) => (first == key).then(|| rest.to_vec()),
        })
        .collect()
}

/// What the chart's templates read, with those of its parts that are libraries and with what `Chart.yaml` asks for.
fn reads_of(chart: &Chart) -> Reads {
    let mut reads = Reads::new();
    chart
        .templates
        .values()
        .for_each(|text| add_reads(text, &mut reads));
    libraries(chart, &mut reads);
    for dependency in chart.metadata["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
    {
        for condition in dependency["condition"]
            .as_str()
            .unwrap_or_default()
            .split(',')
        {
            reads.insert(condition.trim().split('.').map(str::to_owned).collect());
        }
        if let Some(tags) = dependency["tags"].as_array() {
            let tags = tags.iter().filter_map(Json::as_str);
            reads.extend(tags.map(|tag| vec!["tags".to_owned(), tag.to_owned()]));
        }
        // `import-values` takes a part's values up
        if let Some(imports) = dependency["import-values"].as_array() {
            for import in imports {
                let path = import["parent"].as_str().unwrap_or_default();
                reads.insert(
                    path.split('.')
                        .filter(|p| !p.is_empty())
                        .map(str::to_owned)
                        .collect(),
                );
            }
        }
    }
    reads.remove(&vec![String::new()]);
    reads
}

fn libraries(chart: &Chart, reads: &mut Reads) {
    for part in chart
        .parts
        .iter()
        .filter(|p| p.metadata["type"] == "library")
    {
        part.templates
            .values()
            .for_each(|text| add_reads(text, reads));
        libraries(part, reads);
    }
}

/// `global` is shared by the chart and all its parts.
fn all_globals(chart: &Chart, reads: &mut Reads) {
    let mut own = Reads::new();
    chart
        .templates
        .values()
        .for_each(|text| add_reads(text, &mut own));
    reads.extend(
        own.into_iter()
            .filter(|path| path.first().is_some_and(|p| p == "global")),
    );
    chart.parts.iter().for_each(|part| all_globals(part, reads));
}

/// Adds every `.Values…` of a template's actions.
fn add_reads(text: &str, reads: &mut Reads) {
    let mut rest = text;
    while let Some((_, from)) = rest.split_once("{{") {
        let (action, after) = from.split_once("}}").unwrap_or((from, ""));
        rest = after;
        if action
            .trim_start_matches('-')
            .trim_start()
            .starts_with("/*")
        {
            continue;
        }
        let mut left = action;
        while let Some((before, from)) = left.split_once(".Values") {
            left = from;
            // `.ValuesOf` is another word
            if left.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let before = before.trim_end_matches('$').trim_end();
            let mut path = Vec::new();
            left = dotted(left, &mut path);
            // `index .Values "a" "b"`; any other function that gets `.Values` may read all of it
            if before.ends_with("index") {
                left = quoted(left, &mut path);
            }
            reads.insert(path);
        }
    }
}

/// Adds the names of `.a.b` at the start of a text to `path`; gives what follows.
fn dotted<'a>(mut text: &'a str, path: &mut Vec<String>) -> &'a str {
    while let Some(after) = text.strip_prefix('.') {
        let end = after
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        if end == 0 {
            break;
        }
        path.push(after[..end].to_owned());
        text = &after[end..];
    }
    text
}

/// Adds the words of ` "a" "b"` at the start of a text to `path`; gives what follows.
fn quoted<'a>(mut text: &'a str, path: &mut Vec<String>) -> &'a str {
    while let Some((word, after)) = text
        .trim_start()
        .strip_prefix('"')
        .and_then(|after| after.split_once('"'))
    {
        path.push(word.to_owned());
        text = after;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chart(metadata: Json, templates: &[&str], parts: Vec<Chart>) -> Chart {
        let named = templates.iter().enumerate();
        Chart {
            metadata,
            templates: named
                .map(|(n, text)| (format!("templates/{n}"), (*text).to_owned()))
                .collect(),
            parts,
        }
    }

    fn told(chart: &Chart, values: Json) -> String {
        let found = unread(chart, &values).into_iter();
        let lines = found.map(|(path, near)| match near {
            Some(near) => format!("{path} ({near}?)"),
            None => path,
        });
        lines.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_is_read_is_found() {
        let one = |template: &str, values: Json| {
            told(&chart(json!({"name": "c"}), &[template], vec![]), values)
        };
        let image = || json!({"image": {"tag": "1", "tga": "2"}});
        for (template, wanted) in [
            ("{{ .Values.image.tag }}", "image.tga (image.tag?)"),
            ("{{- $.Values.image.tag -}}", "image.tga (image.tag?)"),
            ("{{ with .Values.image }}{{ .tag }}{{ end }}", ""),
            ("{{ toYaml .Values }}", ""),
            ("{{ toYaml (.Values.image) | nindent 2 }}", ""),
            (
                r#"{{ index .Values "image" "tag" }}"#,
                "image.tga (image.tag?)",
            ),
            (r#"{{ include "x" .Values }}"#, ""),
            (
                r#"{{ eq .Values.image.tag "x" }}"#,
                "image.tga (image.tag?)",
            ),
            (
                "{{/* .Values.image.tga */}}{{ .Values.image.tag }}",
                "image.tga (image.tag?)",
            ),
            ("{{ .Values.other }} .Values.image.tga", "image"),
            ("{{ .ValuesOf.image }}", "image"),
            ("{{ .Values.image.tag", "image.tga (image.tag?)"),
        ] {
            assert_eq!(one(template, image()), wanted, "{template}");
        }
        assert_eq!(one("{{ .Values.a }}", json!({"a": {"b": 1}})), "");
        assert_eq!(one("{{ .Values.a }}", json!({})), "");
        assert_eq!(one("", json!("text")), "");
    }

    #[test]
    fn parts_have_their_own() {
        let db = chart(
            json!({"name": "postgres"}),
            &["{{ .Values.user }}{{ .Values.global.class }}"],
            vec![],
        );
        let common = chart(
            json!({"name": "common", "type": "library"}),
            &["{{ .Values.extra.labels }}"],
            vec![],
        );
        let metadata = json!({"name": "c", "dependencies": [
            {"name": "postgres", "alias": "db", "condition": "db.enabled,other.enabled"},
            {"name": "common"},
        ]});
        let whole = chart(metadata, &["{{ .Values.own }}"], vec![db, common]);
        let values = json!({
            "own": 1, "extra": {"labels": {}}, "other": {"enabled": true},
            "db": {"user": "a", "usr": "b", "global": {"class": 1}},
            "global": {"class": "x", "clas": "y"},
        });
        assert_eq!(told(&whole, values), "db.usr (db.user?), global.clas");
    }
}
