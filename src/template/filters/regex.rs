//! Python's regular expressions on fancy-regex.

use super::Table;
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use crate::value::Value;
use fancy_regex::{Captures, Regex, RegexBuilder};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

pub(super) const TABLE: Table = &[
    ("regex_escape", regex_escape),
    ("regex_findall", regex_findall),
    ("regex_replace", regex_replace),
    ("regex_search", regex_search),
];

/// How a pattern is read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Flags {
    pub ignorecase: bool,
    pub multiline: bool,
}

type Compiled = HashMap<(String, Flags), Arc<Regex>>;

static CACHE: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

/// Compiles a Python pattern. Errors: it is not a valid pattern.
pub(crate) fn compile(pattern: &str, flags: Flags) -> Eval<Arc<Regex>> {
    let key = (pattern.to_owned(), flags);
    if let Some(regex) = CACHE.lock().ok().and_then(|c| c.get(&key).cloned()) {
        return Ok(regex);
    }
    let regex = RegexBuilder::new(&translate(pattern, flags.multiline))
        .case_insensitive(flags.ignorecase)
        .multi_line(flags.multiline)
        .build()
        .map_err(|e| {
            Diagnostic::new(format!(
                "`{pattern}` is not a valid regular expression: {e}"
            ))
        })?;
    let regex = Arc::new(regex);
    if let Ok(mut cache) = CACHE.lock() {
        if cache.len() > 2000 {
            cache.clear();
        }
        cache.insert(key, regex.clone());
    }
    Ok(regex)
}

/// Python's syntax in fancy-regex's: `\Z`, `$` before a last line end, literal braces and brackets, `\<`.
fn translate(pattern: &str, multiline: bool) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let chars: Vec<char> = pattern.chars().collect();
    let mut i = 0;
    // Inside `[…]`: where it began.
    let mut class: Option<usize> = None;
    while i < chars.len() {
        let c = chars[i];
        match (c, class) {
            ('\\', _) => {
                match chars.get(i + 1) {
                    Some('Z') if class.is_none() => out.push_str("\\z"),
                    Some(
                        n @ ('<' | '>' | '/' | '\'' | '"' | '`' | '=' | '!' | '@' | ',' | ';' | ':'
                        | '%' | '_'),
                    ) => out.push(*n),
                    Some(n) => out.extend(['\\', *n]),
                    None => out.push('\\'),
                }
                i += 2;
                continue;
            }
            ('[', None) => {
                out.push('[');
                if chars.get(i + 1) == Some(&'^') {
                    out.push('^');
                    i += 1;
                }
                if chars.get(i + 1) == Some(&']') {
                    out.push_str("\\]");
                    i += 1;
                }
                class = Some(i);
            }
            ('[', Some(_)) => out.push_str("\\["),
            (']', Some(_)) => {
                class = None;
                out.push(']');
            }
            ('&' | '~', Some(_)) => out.extend(['\\', c]),
            ('-', Some(_)) if chars.get(i + 1) == Some(&'-') => out.push_str("\\-"),
            ('$', None) if !multiline => out.push_str("(?=\\n?\\z)"),
            ('{', None) if !quantifier(&chars[i..]) => out.push_str("\\{"),
            ('(', None) if chars.get(i + 1) == Some(&'?') && inline_flags(&chars[i + 2..]) => {
                // `a`, `L` and `u` say what is so anyway.
                let flags: Vec<char> = chars[i + 2..]
                    .iter()
                    .copied()
                    .take_while(char::is_ascii_alphabetic)
                    .collect();
                i += 2 + flags.len();
                let kept: String = flags.into_iter().filter(|f| !"aLu".contains(*f)).collect();
                if kept.is_empty() && chars.get(i) == Some(&')') {
                    i += 1;
                } else {
                    out.push_str("(?");
                    out.push_str(&kept);
                }
                continue;
            }
            _ => out.push(c),
        }
        i += 1;
    }
    out
}

fn quantifier(rest: &[char]) -> bool {
    let inner: String = rest[1..].iter().take_while(|c| **c != '}').collect();
    let closed = rest.get(inner.chars().count() + 1) == Some(&'}');
    let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    closed && digits(low) && digits(high) && !low.is_empty()
}

fn inline_flags(rest: &[char]) -> bool {
    let flags = rest.iter().take_while(|c| "aiLmsux".contains(**c)).count();
    flags > 0 && matches!(rest.get(flags), Some(')' | ':' | '-'))
}

fn failed(e: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new(format!("the regular expression could not be applied: {e}"))
}

/// Whether `pattern` matches `text`: anywhere, only at its start, or all of it.
pub(crate) fn matches(pattern: &str, text: &str, how: &str, flags: Flags) -> Eval<bool> {
    match how {
        "search" => compile(pattern, flags)?.is_match(text).map_err(failed),
        "match" => Ok(compile(pattern, flags)?
            .find(text)
            .map_err(failed)?
            .is_some_and(|m| m.start() == 0))
        .and_then(|at_start| {
            if at_start {
                Ok(true)
            } else {
                anchored(pattern, text, flags)
            }
        }),
        _ => compile(&format!("(?:{pattern})\\Z"), flags)?
            .find(text)
            .map_err(failed)
            .map(|m| m.is_some_and(|m| m.start() == 0)),
    }
}

fn anchored(pattern: &str, text: &str, flags: Flags) -> Eval<bool> {
    compile(&format!("\\A(?:{pattern})"), flags)?
        .is_match(text)
        .map_err(failed)
}

fn flags(args: &mut Args<'_, '_>, multiline_first: bool) -> Eval<Flags> {
    let mut flags = Flags::default();
    if multiline_first {
        flags.multiline = args.flag("multiline", false)?;
        flags.ignorecase = args.flag("ignorecase", false)?;
    } else {
        flags.ignorecase = args.flag("ignorecase", false)?;
        flags.multiline = args.flag("multiline", false)?;
    }
    Ok(flags)
}

/// `regex_replace(pattern, replacement, ignorecase, multiline, count, mandatory_count)`.
fn regex_replace(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let pattern = args.text("pattern", "")?;
    let replacement = args.text("replacement", "")?;
    let flags = flags(&mut args, false)?;
    let count = usize::try_from(args.int("count", 0)?).unwrap_or(0);
    let mandatory = usize::try_from(args.int("mandatory_count", 0)?).unwrap_or(0);
    let (result, n) = replace(&pattern, &text, &replacement, flags, count)?;
    if mandatory > 0 && n != mandatory {
        return args.fail(format!(
            "`{pattern}` should match {mandatory} times, it matches {n} times"
        ));
    }
    args.done(result)
}

/// Python's `re.subn`: at most `count` replacements (0: all). Errors: pattern, or a reference to a group that is not there.
pub(crate) fn replace(
    pattern: &str,
    text: &str,
    replacement: &str,
    flags: Flags,
    count: usize,
) -> Eval<(String, usize)> {
    let regex = compile(pattern, flags)?;
    let parts = template(replacement)?;
    let mut out = String::new();
    let (mut at, mut n) = (0, 0);
    for captures in regex.captures_iter(text) {
        let captures = captures.map_err(failed)?;
        let Some(whole) = captures.get(0) else {
            continue;
        };
        out.push_str(&text[at..whole.start()]);
        for part in &parts {
            match part {
                Part::Text(t) => out.push_str(t),
                Part::Group(name) => {
                    out.push_str(group(&captures, name, &regex)?.unwrap_or_default())
                }
            }
        }
        at = whole.end();
        n += 1;
        if n == count {
            break;
        }
    }
    out.push_str(&text[at..]);
    Ok((out, n))
}

fn group<'t>(captures: &Captures<'t, str>, name: &str, regex: &Regex) -> Eval<Option<&'t str>> {
    let unknown = || Diagnostic::new(format!("the regular expression has no group `{name}`"));
    match name.parse::<usize>() {
        Ok(i) if i < regex.captures_len() => Ok(captures.get(i).map(|m| m.as_str())),
        Ok(_) => Err(unknown()),
        Err(_) if regex.capture_names().flatten().any(|n| n == name) => {
            Ok(captures.name(name).map(|m| m.as_str()))
        }
        Err(_) => Err(unknown()),
    }
}

enum Part {
    Text(String),
    Group(String),
}

/// Python's replacement text: `\1`, `\g<name>`, `\n`.
fn template(text: &str) -> Eval<Vec<Part>> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            plain.push('\\');
            break;
        };
        let name = if let Some(after) = rest.strip_prefix("g<") {
            let Some((name, after)) = after.split_once('>') else {
                return Err(Diagnostic::new("a `\\g<` in the replacement is not closed"));
            };
            rest = after;
            Some(name.to_owned())
        } else if c.is_ascii_digit() && c != '0' {
            let len = rest
                .chars()
                .take(2)
                .take_while(char::is_ascii_digit)
                .count();
            let name = rest[..len].to_owned();
            rest = &rest[len..];
            Some(name)
        } else {
            rest = &rest[c.len_utf8()..];
            match c {
                'n' => plain.push('\n'),
                't' => plain.push('\t'),
                'r' => plain.push('\r'),
                '0' => plain.push('\0'),
                '\\' => plain.push('\\'),
                other => plain.extend(['\\', other]),
            }
            None
        };
        if let Some(name) = name {
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Group(name));
        }
    }
    plain.push_str(rest);
    parts.push(Part::Text(plain));
    Ok(parts)
}

/// `regex_search(pattern, *groups, ignorecase, multiline)`: the match, its groups, or none.
fn regex_search(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let pattern = args.need_text("regex")?;
    let flags = Flags {
        ignorecase: args.keyword_flag("ignorecase", false)?,
        multiline: args.keyword_flag("multiline", false)?,
    };
    let mut groups = Vec::new();
    for arg in std::mem::take(&mut args.positional) {
        let arg = args.cx.text(&arg)?;
        let name = arg
            .strip_prefix("\\g<")
            .and_then(|r| r.strip_suffix('>'))
            .or_else(|| {
                arg.strip_prefix('\\')
                    .filter(|r| r.parse::<usize>().is_ok())
            });
        match name {
            Some(name) => groups.push(name.to_owned()),
            None => {
                return args.fail(format!(
                    "`{arg}` is not a group such as `\\\\1` or `\\\\g<name>`"
                ));
            }
        }
    }
    let regex = compile(&pattern, flags)?;
    let Some(captures) = regex.captures(&*text).map_err(failed)? else {
        return args.done(Value::Null);
    };
    if groups.is_empty() {
        let whole = captures.get(0).map_or("", |m| m.as_str()).to_owned();
        return args.done(whole);
    }
    let mut out = Vec::new();
    for name in groups {
        out.push(Value::from(group(&captures, &name, &regex)?));
    }
    args.done(out)
}

/// `regex_findall(pattern, multiline, ignorecase)`.
fn regex_findall(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let pattern = args.need_text("regex")?;
    let flags = flags(&mut args, true)?;
    let regex = compile(&pattern, flags)?;
    let mut out = Vec::new();
    for captures in regex.captures_iter(&*text) {
        let captures = captures.map_err(failed)?;
        let part = |i: usize| Value::from(captures.get(i).map_or("", |m| m.as_str()));
        out.push(match captures.len() {
            1 => part(0),
            2 => part(1),
            n => Value::list((1..n).map(part)),
        });
    }
    args.done(out)
}

/// `regex_escape(re_type='python')`.
fn regex_escape(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let kind = args.text("re_type", "python")?;
    let special = match kind.as_str() {
        "python" => "\\.^$*+?{}[]()|&~#- \t\n\r\x0b\x0c",
        "posix_basic" => "].[^$*\\",
        other => {
            return args.fail(format!(
                "`re_type` must be `python` or `posix_basic`, not `{other}`"
            ));
        }
    };
    let mut out = String::new();
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    args.done(out)
}

#[cfg(test)]
mod tests {
    use super::{Flags, compile, replace};

    #[test]
    fn python_patterns_compile() {
        for pattern in [
            r"^(?P<a>\w+)\Z",
            "a{2,}b{",
            "[[]x]",
            "[]a]",
            "[^]]",
            r"\/\-\_",
            "(?a)x",
            "(?i:x)",
            "x$",
            r"[\w.-]+",
            "[a&&b]",
            "{{ x }}",
            r"\<a\>",
            "(?P<q>['\"]).*(?P=q)",
            "a(?=b)(?!c)(?<=d)",
            r"[\[\]]",
            "}",
        ] {
            assert!(
                compile(pattern, Flags::default()).is_ok(),
                "{pattern}: {:?}",
                compile(pattern, Flags::default()).err()
            );
        }
    }

    #[test]
    fn replacements() {
        for (pattern, text, by, expected) in [
            (r"(\w+)@(\w+)", "me@home", r"\2 \1", "home me"),
            (r"(?P<n>\d+)", "a1", r"<\g<n>>", "a<1>"),
            (r"x$", "ax\n", "y", "ay\n"),
            ("^", "ab", "# ", "# ab"),
            (r"\s+", "a  b", r"\n", "a\nb"),
        ] {
            assert_eq!(
                replace(pattern, text, by, Flags::default(), 0).unwrap().0,
                expected,
                "{pattern}"
            );
        }
    }
}
