//! `is version(other, operator, strict, version_type)`.

use super::Table;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use std::cmp::Ordering;

pub(super) const TABLE: Table = &[("version", version), ("version_compare", version)];

fn version(value: Val, mut args: Args<'_, '_>) -> Eval<bool> {
    let have = args.cx.text(&value)?;
    let want = args.need_text("version")?;
    let operator = args.text("operator", "eq")?;
    let strict = args.flag("strict", false)?;
    let kind = args.text("version_type", if strict { "strict" } else { "loose" })?;
    for (what, text) in [("version value", &have), ("version to compare", &want)] {
        if text.trim().is_empty() {
            return args.fail(format!("the {what} is empty"));
        }
    }
    let order = match kind.as_str() {
        "loose" => compare_loose(&loose(&have), &loose(&want)),
        "strict" => strict_parts(&have)
            .zip(strict_parts(&want))
            .map(|(x, y)| x.cmp(&y)),
        "semver" | "semantic" => semver(&have)
            .zip(semver(&want))
            .map(|(x, y)| compare_semver(&x, &y)),
        "pep440" => pep440(&have).zip(pep440(&want)).map(|(x, y)| x.cmp(&y)),
        other => {
            return args.fail(format!(
                "`version_type` must be loose, strict, semver or pep440, not `{other}`"
            ));
        }
    };
    let Some(order) = order else {
        return args.fail(format!(
            "`{have}` and `{want}` cannot be compared as {kind} versions"
        ));
    };
    let result = match operator.as_str() {
        "==" | "=" | "eq" => order.is_eq(),
        "<" | "lt" => order.is_lt(),
        "<=" | "le" => order.is_le(),
        ">" | "gt" => order.is_gt(),
        ">=" | "ge" => order.is_ge(),
        "!=" | "<>" | "ne" => order.is_ne(),
        other => return args.fail(format!("`{other}` is not a comparison such as `>=`")),
    };
    args.end()?;
    Ok(result)
}

/// A part of a loose version.
enum Part {
    Number(u128),
    Word(String),
}

/// Digits and runs of lower case letters, with dots between or not (distutils' LooseVersion).
fn loose(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let len = |test: &dyn Fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
        let end = if first.is_ascii_digit() {
            len(&|c| c.is_ascii_digit())
        } else if first.is_ascii_lowercase() {
            len(&|c| c.is_ascii_lowercase())
        } else if first == '.' {
            rest = &rest[1..];
            continue;
        } else {
            len(&|c| !c.is_ascii_digit() && !c.is_ascii_lowercase() && c != '.')
        };
        let (part, after) = rest.split_at(end);
        parts.push(
            part.parse()
                .map_or_else(|_| Part::Word(part.to_owned()), Part::Number),
        );
        rest = after;
    }
    parts
}

/// Part by part; a number and a word have no order, as in Python.
fn compare_loose(x: &[Part], y: &[Part]) -> Option<Ordering> {
    for pair in x.iter().zip(y) {
        let order = match pair {
            (Part::Number(x), Part::Number(y)) => x.cmp(y),
            (Part::Word(x), Part::Word(y)) => x.cmp(y),
            _ => return None,
        };
        if order.is_ne() {
            return Some(order);
        }
    }
    Some(x.len().cmp(&y.len()))
}

/// `1.2`, `1.2.3`, `1.2a3` (distutils' StrictVersion): the numbers, then pre-releases before the release.
fn strict_parts(text: &str) -> Option<(Vec<u64>, char, u64)> {
    let text = text.trim();
    let (numbers, mark, pre) = match text.find(['a', 'b']) {
        Some(at) => (
            &text[..at],
            text[at..].chars().next()?,
            text[at + 1..].parse().ok()?,
        ),
        None => (text, '~', 0),
    };
    let mut numbers: Vec<u64> = numbers
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    if !(2..=3).contains(&numbers.len()) {
        return None;
    }
    numbers.resize(3, 0);
    Some((numbers, mark, pre))
}

type Semver = ([u64; 3], Vec<String>);

fn semver(text: &str) -> Option<Semver> {
    let text = text.trim();
    let text = text.split_once('+').map_or(text, |(t, _)| t);
    let (core, pre) = text.split_once('-').map_or((text, ""), |(c, p)| (c, p));
    let numbers: Vec<u64> = core
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let core = <[u64; 3]>::try_from(numbers).ok()?;
    let pre = if pre.is_empty() {
        Vec::new()
    } else {
        pre.split('.').map(str::to_owned).collect()
    };
    Some((core, pre))
}

fn compare_semver(x: &Semver, y: &Semver) -> Ordering {
    let pre = |v: &[String]| -> Vec<(bool, u64, String)> {
        v.iter()
            .map(|p| match p.parse::<u64>() {
                Ok(n) => (false, n, String::new()),
                Err(_) => (true, 0, p.clone()),
            })
            .collect()
    };
    x.0.cmp(&y.0)
        .then_with(|| match (x.1.is_empty(), y.1.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => pre(&x.1).cmp(&pre(&y.1)),
        })
}

/// A version by PEP 440 as it sorts: epoch, release, stage and development number.
type Pep440 = (u64, Vec<u64>, (u8, u64), (u8, u64));

/// Epoch, release, then dev < a < b < rc < release < post.
fn pep440(text: &str) -> Option<Pep440> {
    let text = text.trim().to_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let text = text.split_once('+').map_or(text, |(t, _)| t);
    let (epoch, text) = match text.split_once('!') {
        Some((e, t)) => (e.parse().ok()?, t),
        None => (0, text),
    };
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (numbers, mut rest) = text.split_at(end);
    let mut release: Vec<u64> = numbers
        .trim_end_matches('.')
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    let (mut stage, mut dev) = ((4, 0), (1, 0));
    while !rest.is_empty() {
        rest = rest.trim_start_matches(['.', '-', '_']);
        let word_end = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (word, tail) = rest.split_at(word_end);
        let tail = tail.trim_start_matches(['.', '-', '_']);
        let digits = tail
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(tail.len());
        let number = tail[..digits].parse().unwrap_or(0);
        rest = &tail[digits..];
        match word {
            "a" | "alpha" => stage = (1, number),
            "b" | "beta" => stage = (2, number),
            "c" | "rc" | "pre" | "preview" => stage = (3, number),
            "post" | "rev" | "r" => stage = (5, number),
            "dev" => dev = (0, number),
            _ => return None,
        }
    }
    if dev.0 == 0 && stage.0 == 4 {
        stage = (0, 0);
    }
    Some((epoch, release, stage, dev))
}
