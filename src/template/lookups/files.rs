//! Lookups that read the control machine: files, programs, the environment.

use super::{Table, terms, texts};
use crate::error::{Diagnostic, Source};
use crate::template::args::{Args, Eval, a};
use crate::template::filters::path as paths;
use crate::template::layered::Layered;
use crate::template::origin::Origin;
use crate::template::syntax::Syntax;
use crate::value::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

pub(super) const TABLE: Table = &[
    ("env", env),
    ("file", file),
    ("fileglob", fileglob),
    ("first_found", first_found),
    ("lines", lines),
    ("pipe", pipe),
    ("template", template),
    ("unvault", |mut args| {
        let mut out = Vec::new();
        for name in texts(&mut args)? {
            out.push(Value::from(read(&args, "files", &name)?));
        }
        args.end()?;
        Ok(out)
    }),
];

/// The text of the file `name`, decrypted if it is a vault.
pub(super) fn read(args: &Args<'_, '_>, kind: &str, name: &str) -> Eval<String> {
    let outside = args.cx.scope.outside();
    let path = outside.find_file(kind, name)?;
    let bytes = outside.read_file(&path)?;
    String::from_utf8(bytes)
        .or_else(|_| args.fail(format!("`{}` is not UTF-8 text", path.display())))
}

fn env(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let default = args.keyword("default");
    let mut out = Vec::new();
    for name in texts(&mut args)? {
        let name = name
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned();
        out.push(match (std::env::var(&name), &default) {
            (Ok(value), _) => Value::from(value),
            (Err(_), Some(default)) => args.cx.item(default)?,
            (Err(_), None) => Value::from(""),
        });
    }
    args.end()?;
    Ok(out)
}

/// `lookup('file', name, lstrip=false, rstrip=true)`.
fn file(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let lstrip = args.keyword_flag("lstrip", false)?;
    let rstrip = args.keyword_flag("rstrip", true)?;
    let mut out = Vec::new();
    for name in texts(&mut args)? {
        let text = read(&args, "files", &name)?;
        let mut text = text.as_str();
        if lstrip {
            text = text.trim_start();
        }
        if rstrip {
            text = text.trim_end();
        }
        out.push(Value::from(text));
    }
    args.end()?;
    Ok(out)
}

fn fileglob(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let outside = args.cx.scope.outside();
    let mut out = Vec::new();
    for pattern in texts(&mut args)? {
        let path = Path::new(&pattern);
        let folders: Vec<PathBuf> = if path.is_absolute() {
            vec![PathBuf::from("/")]
        } else {
            outside
                .search_path()
                .into_iter()
                .flat_map(|p| [p.join("files"), p])
                .collect()
        };
        for folder in folders {
            let files = paths::files_matching(&folder.join(path))?;
            if !files.is_empty() {
                out.extend(files.into_iter().map(Value::from));
                break;
            }
        }
    }
    args.end()?;
    Ok(out)
}

/// `lookup('first_found', names, files=…, paths=…, skip=false)`; a term may be a mapping with these options.
fn first_found(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut options = Map::new();
    for key in ["files", "paths", "skip"] {
        if let Some(v) = args.keyword_data(key)? {
            options.insert(key.to_owned(), v);
        }
    }
    let mut given = terms(&mut args)?;
    if given.is_empty() {
        given.push(Value::list([]));
    }
    let mut skip = flag(&options, "skip");
    let mut candidates = Vec::new();
    gather(&args, &given, &options, &mut skip, &mut candidates)?;
    if candidates.is_empty() {
        candidates = with_paths(&split(options.get("files"), ",;"), &options);
    }
    let outside = args.cx.scope.outside();
    args.end()?;
    for name in &candidates {
        for kind in ["files", "templates", "vars"] {
            if let Ok(path) = outside.find_file(kind, name) {
                return Ok(vec![Value::from(path.display().to_string())]);
            }
        }
    }
    if skip {
        return Ok(Vec::new());
    }
    Err(
        Diagnostic::new("lookup `first_found`: none of the files exists")
            .with_note(format!("looked for {}", candidates.join(", ")))
            .with_help("add `skip: true` if that is fine"),
    )
}

fn flag(options: &Map, key: &str) -> bool {
    options
        .get(key)
        .is_some_and(|v| v.to_bool().unwrap_or(false))
}

fn split(value: Option<&Value>, marks: &str) -> Vec<String> {
    let one = |v: &Value| -> Vec<String> {
        v.to_string()
            .split(|c| marks.contains(c))
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect()
    };
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(items)) => items.iter().flat_map(one).collect(),
        Some(other) => one(other),
    }
}

fn with_paths(files: &[String], options: &Map) -> Vec<String> {
    let folders = split(options.get("paths"), ",:;");
    if folders.is_empty() {
        return files.to_vec();
    }
    folders
        .iter()
        .flat_map(|folder| {
            files
                .iter()
                .map(move |file| paths::join([folder.clone(), file.clone()]))
        })
        .collect()
}

fn gather(
    args: &Args<'_, '_>,
    given: &[Value],
    shared: &Map,
    skip: &mut bool,
    out: &mut Vec<String>,
) -> Eval<()> {
    for term in given {
        match term {
            Value::Str(_) => out.extend(with_paths(&split(Some(term), ",;"), shared)),
            Value::Map(map) => {
                let known = ["files", "paths", "skip"];
                if let Some(key) = map.keys().find(|k| !known.contains(&k.as_str())) {
                    return Err(
                        Diagnostic::new(format!("{} has no option `{key}`", args.what))
                            .with_nearest(key, known),
                    );
                }
                let mut options = shared.clone();
                options.extend(map.iter().map(|(k, v)| (k.clone(), v.clone())));
                *skip = flag(&options, "skip");
                out.extend(with_paths(&split(options.get("files"), ",;"), &options));
            }
            Value::List(inner) => gather(args, inner, shared, skip, out)?,
            other => {
                return args.fail(format!(
                    "a file's name or a mapping is needed, not {}",
                    a(other.kind())
                ));
            }
        }
    }
    Ok(())
}

/// Runs `sh -c` on the control machine, in the playbook's folder.
fn shell(args: &Args<'_, '_>, command: &str) -> Eval<String> {
    let output = Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .current_dir(args.cx.scope.outside().basedir())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(e) => return args.fail(format!("the shell did not start: {e}")),
    };
    if !output.status.success() {
        let code = output
            .status
            .code()
            .map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        return args.fail(format!("`{command}` ended with {code}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn pipe(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut out = Vec::new();
    for command in texts(&mut args)? {
        out.push(Value::from(shell(&args, &command)?.trim_end()));
    }
    args.end()?;
    Ok(out)
}

fn lines(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut out = Vec::new();
    for command in texts(&mut args)? {
        out.extend(shell(&args, &command)?.lines().map(Value::from));
    }
    args.end()?;
    Ok(out)
}

/// `lookup('template', name, template_vars={}, variable_start_string=…, …, trim_blocks=true)`.
fn template(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let cx = args.cx;
    let extra = match args.keyword_data("template_vars")? {
        Some(Value::Map(map)) => (*map).clone(),
        None | Some(Value::Null) => Map::new(),
        Some(other) => return Err(args.wrong("template_vars", "a mapping", &other)),
    };
    let mut syntax = Syntax::default();
    for (key, slot) in [
        ("variable_start_string", &mut syntax.variable.0),
        ("variable_end_string", &mut syntax.variable.1),
        ("comment_start_string", &mut syntax.comment.0),
        ("comment_end_string", &mut syntax.comment.1),
    ] {
        if let Some(v) = args.keyword_data(key)? {
            *slot = v.to_string();
        }
    }
    syntax.trim_blocks = args.keyword_flag("trim_blocks", true)?;
    // Results always have native types here, so these two of older versions have nothing left to say.
    args.keyword("convert_data");
    args.keyword("jinja2_native");
    let outside = cx.scope.outside();
    let mut out = Vec::new();
    for name in texts(&mut args)? {
        let path = outside.find_file("templates", &name)?;
        let text = read(&args, "templates", &path.display().to_string())?;
        let origin = Origin::File(Source::new(&path, text.as_str()));
        let unit = cx.templar.compile_file(&text, &syntax, &origin)?;
        let mut vars = Map::new();
        vars.insert("template_path".to_owned(), Value::from(name.as_str()));
        vars.insert(
            "template_fullpath".to_owned(),
            Value::from(path.display().to_string()),
        );
        vars.extend(extra.iter().map(|(k, v)| (k.clone(), v.clone())));
        let inner = cx.with_scope(Arc::new(Layered::new(vars, cx.scope.clone())), None);
        let val = inner.run(unit, origin)?;
        out.push(inner.data(&val)?);
    }
    args.end()?;
    Ok(out)
}
