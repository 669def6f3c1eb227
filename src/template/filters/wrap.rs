//! Filters that lay text out over lines.

use super::Table;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use std::collections::VecDeque;

pub(super) const TABLE: Table = &[
    ("comment", comment),
    ("pprint", pprint),
    ("wordwrap", wordwrap),
];

fn pprint(value: Val, args: Args<'_, '_>) -> Eval {
    let value = args.cx.data(&value)?;
    args.done(crate::template::format::repr(&value))
}

/// `comment(style, …)`: Ansible's styles, each part of which the named arguments change.
fn comment(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let style = args.text("style", "plain")?;
    let (beginning, decoration, end) = match style.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => {
            return args.fail(format!(
                "unknown style `{other}`; there are plain, erlang, c, cblock and xml"
            ));
        }
    };
    let mut part = |name: &'static str, default: &str| -> Eval<String> {
        Ok(args
            .keyword_data(name)?
            .map_or_else(|| default.to_owned(), |v| v.to_string()))
    };
    let newline = part("newline", "\n")?;
    let beginning = part("beginning", beginning)?;
    let decoration = part("decoration", decoration)?;
    let end = part("end", end)?;
    let prefix = part("prefix", decoration.trim_end())?;
    let postfix = part("postfix", decoration.trim_end())?;
    let mut count = |name: &'static str| -> Eval<usize> {
        let n = args
            .keyword_data(name)?
            .and_then(|v| v.as_int())
            .unwrap_or(1);
        Ok(usize::try_from(n).unwrap_or(0).min(1000))
    };
    let (before, after) = (count("prefix_count")?, count("postfix_count")?);
    let mut out = String::new();
    if !beginning.is_empty() {
        out.push_str(&format!("{beginning}{newline}"));
    }
    if !prefix.is_empty() {
        out.push_str(&format!("{prefix}{newline}").repeat(before));
    }
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            if line.is_empty() {
                decoration.trim_end().to_owned()
            } else {
                format!("{decoration}{line}")
            }
        })
        .collect();
    out.push_str(&lines.join(&newline));
    if after > 0 {
        out.push_str(&newline);
        out.push_str(&vec![postfix; after].join(&newline));
    }
    if !end.is_empty() {
        out.push_str(&format!("{newline}{end}"));
    }
    args.done(out)
}

/// `wordwrap(width=79, break_long_words=true, wrapstring='\n', break_on_hyphens=true)`.
fn wordwrap(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let width = usize::try_from(args.int("width", 79)?).unwrap_or(0);
    let break_long = args.flag("break_long_words", true)?;
    let wrap = args.text("wrapstring", "\n")?;
    let hyphens = args.flag("break_on_hyphens", true)?;
    if width == 0 {
        return args.fail("`width` must be at least 1");
    }
    let lines: Vec<String> = text
        .lines()
        .map(|l| wrap_line(l, width, break_long, hyphens).join(&wrap))
        .collect();
    args.done(lines.join(&wrap))
}

fn wrap_line(line: &str, width: usize, break_long: bool, hyphens: bool) -> Vec<String> {
    let len = |s: &str| s.chars().count();
    let mut out: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut pieces: VecDeque<String> = pieces(line, hyphens).into();
    while let Some(piece) = pieces.pop_front() {
        let blank = piece.trim().is_empty();
        let room = width.saturating_sub(len(&current));
        if current.is_empty() && blank && !out.is_empty() {
            continue;
        }
        if len(&piece) <= room {
            current.push_str(&piece);
        } else if len(&piece) > width && break_long && room > 0 {
            current.extend(piece.chars().take(room));
            out.push(std::mem::take(&mut current));
            pieces.push_front(piece.chars().skip(room).collect());
        } else if current.is_empty() {
            out.push(piece);
        } else {
            out.push(std::mem::take(&mut current).trim_end().to_owned());
            pieces.push_front(piece);
        }
    }
    if !current.is_empty() {
        out.push(current.trim_end().to_owned());
    }
    out
}

/// Words and the blanks between them; words come apart after hyphens too.
fn pieces(line: &str, hyphens: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut last_blank = None;
    for c in line.chars() {
        let blank = c.is_whitespace();
        let after_hyphen = hyphens
            && c.is_alphabetic()
            && out.last().is_some_and(|w| {
                w.ends_with('-') && w.chars().rev().nth(1).is_some_and(char::is_alphabetic)
            });
        match out.last_mut() {
            Some(word) if last_blank == Some(blank) && !after_hyphen => word.push(c),
            _ => out.push(c.to_string()),
        }
        last_blank = Some(blank);
    }
    out
}
