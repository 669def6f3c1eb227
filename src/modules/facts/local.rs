//! Facts that the host's owner put there: the `local` subset (Ansible's page on `facts.d`).

use super::raw::Raw;
use crate::value::{Map, Value};

/// local: one entry per `*.fact` file, JSON or INI. One that cannot be read is its own error message, and a warning.
pub(super) fn local(raw: &Raw<'_>, stderr: &str, facts: &mut Map, warnings: &mut Vec<String>) {
    let mut out = Map::new();
    for file in &raw.local {
        let name = file.path.rsplit('/').next().unwrap_or(file.path);
        let read = if file.run && file.rc != 0 {
            let said = said_by(stderr, file.path);
            Err(format!(
                "the fact script {} failed with status {}: {said}",
                file.path, file.rc
            ))
        } else if file.text.contains('\u{fffd}') {
            Err(format!("the fact {} is not UTF-8", file.path))
        } else {
            parse(file.text)
                .map_err(|why| format!("the fact {} is neither JSON nor INI: {why}", file.path))
        };
        let value = read.unwrap_or_else(|message| {
            warnings.push(message.clone());
            Value::from(message)
        });
        out.insert(name.replace(".fact", ""), value);
    }
    facts.insert("local".into(), Value::from(out));
}

/// What a script printed on stderr.
fn said_by<'a>(stderr: &'a str, path: &str) -> &'a str {
    let mark = format!("@@fact:{path}\n");
    let rest = stderr.split_once(&mark).map_or("", |(_, rest)| rest);
    rest.split("@@fact:").next().unwrap_or_default().trim()
}

fn parse(text: &str) -> Result<Value, String> {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
        return Ok(Value::from(json));
    }
    ini(text).map(Value::from)
}

/// INI as Python's `configparser` reads it: keys in lower case, `=` or `:`, indented lines go on, `[DEFAULT]` is in every
/// section, `%(name)s` is another value of the section.
fn ini(text: &str) -> Result<Map, String> {
    let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut key_indent = None;
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let bare = line.trim();
        if bare.starts_with(['#', ';']) || bare.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let options = sections.last_mut().map(|(_, options)| options);
        if key_indent.is_some_and(|k| indent > k) {
            if let Some((_, value)) = options.and_then(|o| o.last_mut()) {
                value.push('\n');
                value.push_str(bare);
            }
            continue;
        }
        if let Some(name) = bare.strip_prefix('[').and_then(|r| r.split_once(']')) {
            let name = name.0;
            if sections.iter().any(|(n, _)| n == name) {
                return Err(format!("line {number}: section [{name}] is there twice"));
            }
            sections.push((name.to_owned(), Vec::new()));
            key_indent = None;
            continue;
        }
        let Some(options) = options else {
            return Err(format!("line {number}: no [section] before it"));
        };
        let Some((key, value)) = bare
            .split_once(['=', ':'])
            .filter(|(k, _)| !k.trim().is_empty())
        else {
            return Err(format!("line {number}: no `=`"));
        };
        let key = key.trim().to_lowercase();
        if options.iter().any(|(k, _)| *k == key) {
            return Err(format!("line {number}: `{key}` is there twice"));
        }
        options.push((key, value.trim().to_owned()));
        key_indent = Some(indent);
    }
    let defaults: Vec<(String, String)> = sections
        .iter()
        .filter(|(name, _)| name == "DEFAULT")
        .flat_map(|(_, options)| options.clone())
        .collect();
    let mut out = Map::new();
    for (name, mut options) in sections {
        if name == "DEFAULT" {
            continue;
        }
        for (key, value) in &defaults {
            if !options.iter().any(|(k, _)| k == key) {
                options.push((key.clone(), value.clone()));
            }
        }
        let mut section = Map::new();
        for (key, value) in &options {
            section.insert(key.clone(), Value::from(interpolate(value, &options, 0)?));
        }
        out.insert(name, Value::from(section));
    }
    Ok(out)
}

fn interpolate(text: &str, options: &[(String, String)], depth: usize) -> Result<String, String> {
    if depth > 10 {
        return Err("values refer to each other in a circle".to_owned());
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|a| a.split_once(")s"))
        {
            let name = name.to_lowercase();
            let (_, value) = options
                .iter()
                .find(|(k, _)| *k == name)
                .ok_or_else(|| format!("`%({name})s` is not set"))?;
            let value = interpolate(value, options, depth + 1)?;
            // each level may double what the one below it made
            if out.len() + value.len() > 1 << 20 {
                return Err("values refer to each other without end".to_owned());
            }
            out.push_str(&value);
            rest = after;
        } else {
            return Err("a lone `%`; write `%%`".to_owned());
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_ini_scripts_and_their_failures() {
        let ini = "; c\n[General]\nRoot = /srv\nPath: %(root)s/x\n  and more\npercent=100%%\n[DEFAULT]\nd=1\n";
        let out = format!(
            "@@hoist:local\nrun 0 13 /f/gpus.fact\n{{\"count\": 2.0}}\nread 0 {} /f/site.fact\n{ini}\nrun 3 0 /f/bad.fact\n\nread 0 2 /f/odd.fact\nab\n@@hoist:env\n",
            ini.len()
        );
        let (mut facts, mut warnings) = (Map::new(), Vec::new());
        local(
            &Raw::parse(&out),
            "@@fact:/f/gpus.fact\n@@fact:/f/bad.fact\nno gpu\n",
            &mut facts,
            &mut warnings,
        );
        insta::assert_snapshot!(Value::from(facts), @r#"{'local': {'gpus': {'count': 2.0}, 'site': {'General': {'root': '/srv', 'path': '/srv/x\nand more', 'percent': '100%', 'd': '1'}}, 'bad': 'the fact script /f/bad.fact failed with status 3: no gpu', 'odd': 'the fact /f/odd.fact is neither JSON nor INI: line 1: no [section] before it'}}"#);
        insta::assert_snapshot!(warnings.join("\n"), @r"
        the fact script /f/bad.fact failed with status 3: no gpu
        the fact /f/odd.fact is neither JSON nor INI: line 1: no [section] before it
        ");
    }

    proptest! {
        #[test]
        fn no_fact_makes_it_panic(text in "(\\[a\\]\n|a=%\\(b\\)s\n|b=%\\(a\\)s%\\(a\\)s\n| x\n|[^\0]{0,5})*") {
            let _ = parse(&text);
        }
    }
}
