//! Paths as text, with Python's `os.path` rules; some look at the control machine's files.

use super::Table;
use crate::template::args::{Args, Eval, a};
use crate::template::val::Val;
use crate::value::Value;
use std::path::{Path, PathBuf};

pub(super) const TABLE: Table = &[
    ("basename", |v, args| {
        text(v, args, |p| {
            p.rsplit('/').next().unwrap_or_default().to_owned()
        })
    }),
    ("commonpath", commonpath),
    ("dirname", |v, args| text(v, args, dirname)),
    ("expanduser", |v, args| text(v, args, expand_user)),
    ("expandvars", |v, args| text(v, args, expand_vars)),
    ("fileglob", fileglob),
    ("normpath", |v, args| text(v, args, normal)),
    ("path_join", path_join),
    ("realpath", realpath),
    ("relpath", relpath),
    ("splitext", splitext),
];

fn text(value: Val, args: Args<'_, '_>, work: impl Fn(&str) -> String) -> Eval {
    let path = args.cx.text(&value)?;
    args.done(work(&path))
}

/// Everything before the last slash.
pub(crate) fn dirname(path: &str) -> String {
    let Some((head, _)) = path.rsplit_once('/') else {
        return String::new();
    };
    let cut = head.trim_end_matches('/');
    if cut.is_empty() {
        format!("{head}/")
    } else {
        cut.to_owned()
    }
}

/// Without `.`, `..` and double slashes.
pub(crate) fn normal(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let slashes = path.len() - path.trim_start_matches('/').len();
    let root = match slashes {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() {
        ".".to_owned()
    } else {
        joined
    }
}

/// `~` and `~user` as the control machine knows them.
pub(crate) fn expand_user(path: &str) -> String {
    let Some(rest) = path.strip_prefix('~') else {
        return path.to_owned();
    };
    let (user, tail) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = if user.is_empty() {
        std::env::var("HOME").ok().map(PathBuf::from)
    } else {
        nix::unistd::User::from_name(user)
            .ok()
            .flatten()
            .map(|u| u.dir)
    };
    match home {
        Some(home) => format!("{}{tail}", home.display().to_string().trim_end_matches('/')),
        None => path.to_owned(),
    }
}

fn expand_vars(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, len) = match after.strip_prefix('{') {
            Some(inner) => match inner.find('}') {
                Some(end) => (&inner[..end], end + 2),
                None => ("", 0),
            },
            None => {
                let end = after
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match std::env::var(name) {
            Ok(value) if !name.is_empty() => out.push_str(&value),
            _ => out.push_str(&rest[at..at + 1 + len]),
        }
        rest = &after[len..];
    }
    out + rest
}

fn splitext(value: Val, args: Args<'_, '_>) -> Eval {
    let path = args.cx.text(&value)?;
    let name = path.rfind('/').map_or(0, |i| i + 1);
    let stem = path[name..].trim_start_matches('.');
    let (root, ext) = match stem.rfind('.') {
        Some(dot) => path.split_at(path.len() - stem.len() + dot),
        None => (path.as_str(), ""),
    };
    args.done(Value::list([Value::from(root), Value::from(ext)]))
}

/// Python's `os.path.join`.
pub(crate) fn join(parts: impl IntoIterator<Item = String>) -> String {
    let mut out = String::new();
    for (i, part) in parts.into_iter().enumerate() {
        if part.starts_with('/') || i == 0 {
            out = part;
        } else if out.is_empty() || out.ends_with('/') {
            out.push_str(&part);
        } else {
            out = format!("{out}/{part}");
        }
    }
    out
}

fn path_join(value: Val, args: Args<'_, '_>) -> Eval {
    match args.cx.data(&value)? {
        Value::List(parts) => args.done(join(parts.iter().map(Value::to_string))),
        Value::Str(s) => args.done(&*s),
        other => args.fail(format!(
            "a list of parts is needed, not {}",
            a(other.kind())
        )),
    }
}

fn commonpath(value: Val, args: Args<'_, '_>) -> Eval {
    let paths: Vec<String> = args
        .cx
        .iterate(&value)?
        .iter()
        .map(|v| args.cx.text(v))
        .collect::<Eval<_>>()?;
    let Some(first) = paths.first() else {
        return args.fail("the list is empty");
    };
    let root = first.starts_with('/');
    if paths.iter().any(|p| p.starts_with('/') != root) {
        return args.fail("some paths are absolute and some are not");
    }
    let split = |p: &String| {
        p.split('/')
            .filter(|s| !s.is_empty() && *s != ".")
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut common = split(first);
    for path in &paths[1..] {
        let same = common
            .iter()
            .zip(split(path))
            .take_while(|(x, y)| *x == y)
            .count();
        common.truncate(same);
    }
    args.done(format!(
        "{}{}",
        if root { "/" } else { "" },
        common.join("/")
    ))
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        return normal(path);
    }
    let here = std::env::current_dir().unwrap_or_default();
    normal(&format!("{}/{path}", here.display()))
}

fn realpath(value: Val, args: Args<'_, '_>) -> Eval {
    let path = absolute(&args.cx.text(&value)?);
    // What does not exist yet keeps its name; what does is followed.
    let mut existing = PathBuf::from(&path);
    let mut tail = Vec::new();
    while !existing.exists() {
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                tail.push(name.to_owned());
                existing = parent.to_owned();
            }
            _ => break,
        }
    }
    let mut real = existing.canonicalize().unwrap_or(existing);
    real.extend(tail.iter().rev());
    args.done(real.display().to_string())
}

/// `relpath(start='.')`.
fn relpath(value: Val, mut args: Args<'_, '_>) -> Eval {
    let start = absolute(&args.text("start", ".")?);
    let path = absolute(&args.cx.text(&value)?);
    let split = |p: &str| {
        p.split('/')
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (from, to) = (split(&start), split(&path));
    let same = from.iter().zip(&to).take_while(|(x, y)| x == y).count();
    let mut parts = vec!["..".to_owned(); from.len() - same];
    parts.extend(to[same..].iter().cloned());
    args.done(if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    })
}

/// The files of the control machine that match, sorted.
pub(crate) fn files_matching(pattern: &Path) -> Eval<Vec<String>> {
    let text = pattern.display().to_string();
    let paths = glob::glob(&text).map_err(|e| {
        crate::error::Diagnostic::new(format!("`{text}` is not a pattern: {}", e.msg))
    })?;
    Ok(paths
        .flatten()
        .filter(|p| p.is_file())
        .map(|p| p.display().to_string())
        .collect())
}

fn fileglob(value: Val, args: Args<'_, '_>) -> Eval {
    let pattern = args.cx.text(&value)?;
    let files = files_matching(&args.cx.scope.outside().basedir().join(pattern))?;
    args.done(Value::list(files.into_iter().map(Value::from)))
}
