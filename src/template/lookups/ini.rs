//! `lookup('ini', …)` and `lookup('csvfile', …)`.

use super::{Table, texts};
use crate::template::args::{Args, Eval};
use crate::template::filters::regex::{Flags, matches};
use crate::value::Value;

pub(super) const TABLE: Table = &[("csvfile", csvfile), ("ini", ini)];

/// One setting of an INI file.
struct Setting {
    section: String,
    key: String,
    value: Option<String>,
}

/// Sections, keys and values as Python's configparser reads them: `=` or `:`, comments with `#` and `;`, indented lines go on.
fn settings(text: &str, properties: bool) -> Vec<Setting> {
    let mut out: Vec<Setting> = Vec::new();
    let mut section = if properties {
        "java_properties".to_owned()
    } else {
        String::new()
    };
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let before = out.last_mut().filter(|l| l.section == section);
        if line.starts_with([' ', '\t'])
            && let Some(value) = before.and_then(|l| l.value.as_mut())
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|r| r.split_once(']')) {
            section = name.0.to_owned();
            continue;
        }
        let (key, value) = match trimmed.find(['=', ':']) {
            Some(at) => (
                trimmed[..at].trim(),
                Some(trimmed[at + 1..].trim().to_owned()),
            ),
            None => (trimmed, None),
        };
        out.push(Setting {
            section: section.clone(),
            key: key.to_owned(),
            value,
        });
    }
    out
}

/// `lookup('ini', key, file='ansible.ini', section='global', type='ini', re=false, default='', …)`.
fn ini(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut option = |name: &'static str, default: &str| -> Eval<String> {
        Ok(args
            .keyword_data(name)?
            .map_or_else(|| default.to_owned(), |v| v.to_string()))
    };
    let mut file = option("file", "ansible.ini")?;
    let mut section = option("section", "global")?;
    let kind = option("type", "ini")?;
    let encoding = option("encoding", "utf-8")?;
    let default = args
        .keyword_data("default")?
        .unwrap_or_else(|| Value::from(""));
    let regex = args.keyword_flag("re", false)?;
    let case = args.keyword_flag("case_sensitive", false)?;
    let empty =
        args.keyword_flag("allow_no_value", false)? | args.keyword_flag("allow_none", false)?;
    if !encoding.to_lowercase().starts_with("utf") {
        return args.fail(format!("the encoding `{encoding}` is not supported"));
    }
    if args.keyword_flag("interpolation", false)? {
        return args.fail("`interpolation` is not supported, values are read as they stand");
    }
    let mut out = Vec::new();
    for term in texts(&mut args)? {
        let mut key = term.clone();
        if term.contains(['=', ' ']) {
            key.clear();
            for word in term.split_whitespace() {
                match word.split_once('=') {
                    Some(("file", v)) => file = v.to_owned(),
                    Some(("section", v)) => section = v.to_owned(),
                    Some((name, _)) => {
                        return args.fail(format!(
                            "`{name}=` must be given as an argument of the lookup"
                        ));
                    }
                    None => key = word.to_owned(),
                }
            }
        }
        let text = super::files::read(&args, "files", &file)?;
        let all = settings(&text, kind == "properties");
        let wanted = if kind == "properties" {
            "java_properties"
        } else {
            &section
        };
        let same = |k: &str| {
            if case {
                k == key
            } else {
                k.eq_ignore_ascii_case(&key)
            }
        };
        if kind != "properties" && !all.iter().any(|s| s.section == wanted) {
            return args.fail(format!("`{file}` has no section `{section}`"));
        }
        let mut found = false;
        for setting in all
            .iter()
            .filter(|s| s.section == wanted || s.section == "DEFAULT")
        {
            let hit = if regex {
                matches(&key, &setting.key, "match", Flags::default())?
            } else {
                same(&setting.key)
            };
            if hit {
                found = true;
                match &setting.value {
                    Some(value) => out.push(Value::from(value.as_str())),
                    None if empty => out.push(Value::Null),
                    None => {
                        return args.fail(format!("`{}` in `{file}` has no value", setting.key));
                    }
                }
                if !regex {
                    break;
                }
            }
        }
        if !found && !regex && default != Value::Null {
            out.push(default.clone());
        }
    }
    args.end()?;
    Ok(out)
}

/// `lookup('csvfile', key, file='ansible.csv', delimiter='TAB', col=1, keycol=0, default='')`.
fn csvfile(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut option = |name: &'static str, default: &str| -> Eval<String> {
        Ok(args
            .keyword_data(name)?
            .map_or_else(|| default.to_owned(), |v| v.to_string()))
    };
    let mut file = option("file", "ansible.csv")?;
    let mut delimiter = option("delimiter", "TAB")?;
    let mut col = option("col", "1")?;
    let mut keycol = option("keycol", "0")?;
    let encoding = option("encoding", "utf-8")?;
    let mut default = args.keyword_data("default")?;
    if !encoding.to_lowercase().starts_with("utf") {
        return args.fail(format!("the encoding `{encoding}` is not supported"));
    }
    let mut out = Vec::new();
    for term in texts(&mut args)? {
        let mut key = String::new();
        for word in shell_words::split(&term).or_else(|e| args.fail(e))? {
            match word.split_once('=') {
                Some(("file", v)) => file = v.to_owned(),
                Some(("delimiter", v)) => delimiter = v.to_owned(),
                Some(("col", v)) => col = v.to_owned(),
                Some(("keycol", v)) => keycol = v.to_owned(),
                Some(("default", v)) => default = Some(Value::from(v)),
                _ if key.is_empty() => key = word,
                _ => return args.fail(format!("`{word}` is one key too many")),
            }
        }
        let (Ok(col), Ok(keycol)) = (col.parse::<usize>(), keycol.parse::<usize>()) else {
            return args.fail("`col` and `keycol` must be numbers");
        };
        let mark = if delimiter == "TAB" || delimiter == "\\t" {
            '\t'
        } else {
            delimiter.chars().next().unwrap_or(',')
        };
        let text = super::files::read(&args, "files", &file)?;
        let row = rows(&text, mark)
            .into_iter()
            .find(|row| row.get(keycol) == Some(&key));
        match (row, &default) {
            (Some(row), _) => match row.get(col) {
                Some(cell) => out.push(Value::from(cell.as_str())),
                None => return args.fail(format!("the row of `{key}` has no column {col}")),
            },
            (None, Some(default)) => out.push(default.clone()),
            (None, None) => {}
        }
    }
    args.end()?;
    Ok(out)
}

/// The cells of a CSV text; quotes keep marks and line ends, two quotes are one.
fn rows(text: &str, mark: char) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    let (mut row, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            c if c == mark && !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                out.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        out.push(row);
    }
    out
}
