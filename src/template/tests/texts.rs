//! Tests of texts: regular expressions, addresses, vaults.

use super::Table;
use crate::template::args::{Args, Eval};
use crate::template::filters::regex::{Flags, matches};
use crate::template::val::Val;
use crate::value::Value;

pub(super) const TABLE: Table = &[
    ("match", |v, a| regex(v, a, Some("match"))),
    ("regex", |v, a| regex(v, a, None)),
    ("search", |v, a| regex(v, a, Some("search"))),
    ("uri", |v, a| {
        address(v, a, |scheme, rest| !scheme.is_empty() && !rest.is_empty())
    }),
    ("url", |v, a| {
        address(v, a, |scheme, rest| {
            !scheme.is_empty() && rest.starts_with("//") && rest.len() > 2
        })
    }),
    ("urn", |v, a| {
        address(v, a, |scheme, rest| {
            scheme.eq_ignore_ascii_case("urn") && !rest.is_empty()
        })
    }),
    ("vault_encrypted", |v, a| {
        let result = match &v {
            Val::Data(Value::Vault(_)) => true,
            Val::Undef(m) => return Err(m.diagnostic()),
            _ => false,
        };
        a.end()?;
        Ok(result)
    }),
];

/// `match`, `search` and `regex(pattern, ignorecase, multiline, match_type)`.
fn regex(value: Val, mut args: Args<'_, '_>, how: Option<&str>) -> Eval<bool> {
    let text = args.cx.text(&value)?;
    let pattern = args.text("pattern", "")?;
    let flags = Flags {
        ignorecase: args.flag("ignorecase", false)?,
        multiline: args.flag("multiline", false)?,
    };
    let how = match how {
        Some(how) => how.to_owned(),
        None => args.text("match_type", "search")?,
    };
    if !matches!(how.as_str(), "match" | "search" | "fullmatch") {
        return args.fail(format!(
            "`match_type` must be match, search or fullmatch, not `{how}`"
        ));
    }
    args.end()?;
    matches(&pattern, &text, &how, flags)
}

fn address(value: Val, mut args: Args<'_, '_>, test: impl Fn(&str, &str) -> bool) -> Eval<bool> {
    let schemes = args.data("schemes")?;
    let text = args.cx.text(&value)?;
    args.end()?;
    let Some((scheme, rest)) = text.split_once(':') else {
        return Ok(false);
    };
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let wanted = match schemes {
        Some(Value::List(list)) => list.is_empty() || list.iter().any(|s| s.to_string() == scheme),
        _ => true,
    };
    Ok(valid && wanted && test(scheme, rest))
}
