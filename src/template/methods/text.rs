//! Methods of strings.

use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use crate::value::{Map, Value};

/// A string's methods.
pub(in crate::template) const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

/// Calls a string's method.
pub(super) fn call(s: &str, name: &str, args: &mut Args<'_, '_>) -> Eval {
    let cx = args.cx;
    Ok(match name {
        "upper" => Val::from(s.to_uppercase()),
        "lower" | "casefold" => Val::from(s.to_lowercase()),
        "capitalize" => Val::from(capitalize(s)),
        "title" => Val::from(title(s)),
        "swapcase" => Val::from(
            s.chars()
                .map(|c| {
                    if c.is_uppercase() {
                        c.to_lowercase().to_string()
                    } else {
                        c.to_uppercase().to_string()
                    }
                })
                .collect::<String>(),
        ),
        "strip" | "lstrip" | "rstrip" => {
            let chars = args.maybe_text("chars")?;
            let hit = |c: char| match &chars {
                Some(set) => set.contains(c),
                None => c.is_whitespace(),
            };
            let mut out = s;
            if name != "rstrip" {
                out = out.trim_start_matches(hit);
            }
            if name != "lstrip" {
                out = out.trim_end_matches(hit);
            }
            Val::from(out)
        }
        "split" | "rsplit" => {
            let sep = args.maybe_text("sep")?;
            let max = args.int("maxsplit", -1)?;
            let parts = if name == "split" {
                split(s, sep.as_deref(), max)
            } else {
                rsplit(s, sep.as_deref(), max)
            };
            Val::from(Value::list(parts?.into_iter().map(Value::from)))
        }
        "splitlines" => {
            let keep = args.flag("keepends", false)?;
            Val::from(Value::list(lines(s, keep).into_iter().map(Value::from)))
        }
        "partition" | "rpartition" => {
            let sep = args.need_text("sep")?;
            let found = if name == "partition" {
                s.split_once(&sep)
            } else {
                s.rsplit_once(&sep)
            };
            let parts = match found {
                Some((a, b)) => [a, &sep, b],
                None if name == "partition" => [s, "", ""],
                None => ["", "", s],
            };
            Val::from(Value::list(parts.map(Value::from)))
        }
        "join" => {
            let items = args
                .take("iterable")
                .ok_or_else(|| args.lacks("iterable"))?;
            let mut out = Vec::new();
            for item in cx.iterate(&items)? {
                match cx.data(&item)? {
                    Value::Str(s) => out.push(s.to_string()),
                    other => {
                        return Err(args
                            .wrong("iterable", "a list of strings", &other)
                            .with_help("the filter `join` takes anything"));
                    }
                }
            }
            Val::from(out.join(s))
        }
        "replace" => {
            let (old, new) = (args.need_text("old")?, args.need_text("new")?);
            let count = args.int("count", -1)?;
            Val::from(match usize::try_from(count) {
                Ok(n) => s.replacen(&old, &new, n),
                Err(_) => s.replace(&old, &new),
            })
        }
        "startswith" | "endswith" => {
            let options = match args.need("prefix")? {
                Value::List(l) => l.iter().map(Value::to_string).collect(),
                other => vec![other.to_string()],
            };
            let part = bounded(s, args)?.1;
            Val::from(options.iter().any(|o| {
                if name == "startswith" {
                    part.starts_with(o.as_str())
                } else {
                    part.ends_with(o.as_str())
                }
            }))
        }
        "removeprefix" => {
            let p = args.need_text("prefix")?;
            Val::from(s.strip_prefix(p.as_str()).unwrap_or(s))
        }
        "removesuffix" => {
            let p = args.need_text("suffix")?;
            Val::from(s.strip_suffix(p.as_str()).unwrap_or(s))
        }
        "find" | "rfind" | "index" | "rindex" => {
            let sub = args.need_text("sub")?;
            let (offset, part) = bounded(s, args)?;
            let found = if name.starts_with('r') {
                part.rfind(&sub)
            } else {
                part.find(&sub)
            };
            match found {
                Some(at) => Val::from(offset + part[..at].chars().count()),
                None if name.ends_with("find") => Val::from(-1i64),
                None => return args.fail(format!("`{sub}` is not in the text")),
            }
        }
        "count" => {
            let sub = args.need_text("sub")?;
            let part = bounded(s, args)?.1;
            Val::from(if sub.is_empty() {
                part.chars().count() + 1
            } else {
                part.matches(&sub).count()
            })
        }
        "center" | "ljust" | "rjust" | "zfill" => pad(s, name, args)?,
        "expandtabs" => {
            let size = usize::try_from(args.int("tabsize", 8)?)
                .unwrap_or(0)
                .min(100);
            Val::from(expand_tabs(s, size))
        }
        "format" => {
            let positional: Vec<Value> = args
                .positional
                .drain(..)
                .map(|v| cx.data(&v))
                .collect::<Eval<_>>()?;
            let mut named = Map::new();
            for (k, v) in std::mem::take(&mut args.named) {
                named.insert(k, cx.data(&v)?);
            }
            Val::from(crate::template::format::brace(s, &positional, &named)?)
        }
        "format_map" => match args.need("mapping")? {
            Value::Map(map) => Val::from(crate::template::format::brace(s, &[], &map)?),
            other => return Err(args.wrong("mapping", "a mapping", &other)),
        },
        "encode" => {
            let encoding = args.text("encoding", "utf-8")?;
            if !matches!(encoding.to_lowercase().as_str(), "utf-8" | "utf8" | "ascii") {
                return args.fail(format!("the encoding `{encoding}` is not supported"));
            }
            args.take("errors");
            Val::from(s)
        }
        "isalpha" => Val::from(all(s, char::is_alphabetic)),
        "isalnum" => Val::from(all(s, char::is_alphanumeric)),
        "isdigit" | "isdecimal" | "isnumeric" => Val::from(all(s, char::is_numeric)),
        "isspace" => Val::from(all(s, char::is_whitespace)),
        "isascii" => Val::from(s.is_ascii()),
        "isprintable" => Val::from(!s.chars().any(char::is_control)),
        "isidentifier" => Val::from(
            !s.is_empty()
                && !s.starts_with(|c: char| c.is_numeric())
                && s.chars().all(|c| c == '_' || c.is_alphanumeric()),
        ),
        "islower" => {
            Val::from(s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase))
        }
        "isupper" => {
            Val::from(s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase))
        }
        "istitle" => Val::from(s.chars().any(char::is_alphabetic) && title(s) == s),
        other => return Err(Diagnostic::new(format!("a string has no method `{other}`"))),
    })
}

fn all(s: &str, test: impl Fn(char) -> bool) -> bool {
    !s.is_empty() && s.chars().all(test)
}

/// The first letter upper case, the others lower case.
pub(crate) fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + &chars.as_str().to_lowercase(),
        None => String::new(),
    }
}

fn title(s: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in s.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

/// The part of `s` between the arguments `start` and `end`, and how many characters stand before it.
fn bounded<'s>(s: &'s str, args: &mut Args<'_, '_>) -> Eval<(usize, &'s str)> {
    let len = s.chars().count() as i64;
    let clamp = |i: i64| (if i < 0 { (i + len).max(0) } else { i.min(len) }) as usize;
    let start = clamp(args.int("start", 0)?);
    let end = clamp(args.int("end", len)?).max(start);
    let byte = |n: usize| s.char_indices().nth(n).map_or(s.len(), |(i, _)| i);
    Ok((start, &s[byte(start)..byte(end)]))
}

/// Python's `str.split`. Errors: an empty separator.
pub(crate) fn split(s: &str, sep: Option<&str>, max: i64) -> Eval<Vec<String>> {
    let max = usize::try_from(max).ok();
    let Some(sep) = sep else {
        let mut out = Vec::new();
        let mut rest = s.trim_start();
        while !rest.is_empty() {
            if max.is_some_and(|m| out.len() >= m) {
                out.push(rest.to_owned());
                break;
            }
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            out.push(rest[..end].to_owned());
            rest = rest[end..].trim_start();
        }
        return Ok(out);
    };
    if sep.is_empty() {
        return Err(Diagnostic::new("the separator of `split` is empty")
            .with_help("`| list` takes a text apart into characters"));
    }
    Ok(match max {
        Some(m) => s.splitn(m + 1, sep).map(str::to_owned).collect(),
        None => s.split(sep).map(str::to_owned).collect(),
    })
}

fn rsplit(s: &str, sep: Option<&str>, max: i64) -> Eval<Vec<String>> {
    let Ok(m) = usize::try_from(max) else {
        return split(s, sep, -1);
    };
    let mut out: Vec<String> = match sep {
        Some("") => return split(s, sep, max),
        Some(sep) => s.rsplitn(m + 1, sep).map(str::to_owned).collect(),
        None => {
            let mut out = Vec::new();
            let mut rest = s.trim_end();
            while !rest.is_empty() {
                if out.len() >= m {
                    out.push(rest.to_owned());
                    break;
                }
                let start = rest.rfind(char::is_whitespace).map_or(0, |i| {
                    i + rest[i..].chars().next().map_or(1, char::len_utf8)
                });
                out.push(rest[start..].to_owned());
                rest = rest[..start].trim_end();
            }
            out
        }
    };
    out.reverse();
    Ok(out)
}

fn lines(s: &str, keep: bool) -> Vec<String> {
    let mut out = Vec::new();
    let mut line = String::new();
    let mut chars = s.chars().peekable();
    while let Some(c) = chars.next() {
        if !matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        ) {
            line.push(c);
            continue;
        }
        let mut end = c.to_string();
        if c == '\r' && chars.peek() == Some(&'\n') {
            end.extend(chars.next());
        }
        if keep {
            line.push_str(&end);
        }
        out.push(std::mem::take(&mut line));
    }
    if !line.is_empty() {
        out.push(line);
    }
    out
}

fn pad(s: &str, name: &str, args: &mut Args<'_, '_>) -> Eval {
    let width = usize::try_from(args.int("width", 0)?).unwrap_or(0);
    if width > 1_000_000 {
        return args.fail("the width is too large");
    }
    let fill = if name == "zfill" {
        "0".to_owned()
    } else {
        args.text("fillchar", " ")?
    };
    let missing = width.saturating_sub(s.chars().count());
    Ok(Val::from(match name {
        "ljust" => format!("{s}{}", fill.repeat(missing)),
        "rjust" => format!("{}{s}", fill.repeat(missing)),
        "zfill" => {
            let sign = s.len() - s.trim_start_matches(['+', '-']).len();
            let sign = sign.min(1);
            format!("{}{}{}", &s[..sign], fill.repeat(missing), &s[sign..])
        }
        // Python puts the odd blank on the left when the width is odd.
        _ => {
            let left = missing / 2 + (missing & width & 1);
            format!("{}{s}{}", fill.repeat(left), fill.repeat(missing - left))
        }
    }))
}

fn expand_tabs(s: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in s.chars() {
        match c {
            '\t' => {
                let n = if size == 0 { 0 } else { size - column % size };
                out.push_str(&" ".repeat(n));
                column += n;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}
