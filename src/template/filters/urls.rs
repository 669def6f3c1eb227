//! Addresses of the web.

use super::Table;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use crate::value::{Map, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

pub(super) const TABLE: Table = &[
    ("urldecode", urldecode),
    ("urlencode", urlencode),
    ("urlize", urlize),
    ("urlsplit", urlsplit),
];

const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// A text with everything but letters, digits, `_.-~/` escaped; a mapping or pairs as a query.
fn urlencode(value: Val, args: Args<'_, '_>) -> Eval {
    let query = |k: &str, v: &str| {
        let plus = |t: &str| {
            utf8_percent_encode(t, QUERY)
                .to_string()
                .replace("%20", "+")
        };
        format!("{}={}", plus(k), plus(v))
    };
    match args.cx.data(&value)? {
        Value::Map(map) => {
            let parts: Vec<String> = map.iter().map(|(k, v)| query(k, &v.to_string())).collect();
            args.done(parts.join("&"))
        }
        Value::List(items) => {
            let mut parts = Vec::new();
            for item in items.iter() {
                match item.as_list() {
                    Some([k, v]) => parts.push(query(&k.to_string(), &v.to_string())),
                    _ => return args.fail("a list must hold pairs of a name and a value"),
                }
            }
            args.done(parts.join("&"))
        }
        other => args.done(utf8_percent_encode(&other.to_string(), PATH).to_string()),
    }
}

fn urldecode(value: Val, args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?.replace('+', " ");
    args.done(percent_decode_str(&text).decode_utf8_lossy().into_owned())
}

/// `urlsplit(query='')`: all parts, or one of them.
fn urlsplit(value: Val, mut args: Args<'_, '_>) -> Eval {
    let wanted = args.text("query", "")?;
    let url = args.cx.text(&value)?;
    let (rest, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_scheme = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let (scheme, rest) = match rest.split_once(':') {
        Some((s, r)) if is_scheme(s) => (s.to_lowercase(), r),
        _ => (String::new(), rest),
    };
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(r) => r.split_at(r.find('/').unwrap_or(r.len())),
        None => ("", rest),
    };
    let (user, host) = netloc
        .rsplit_once('@')
        .map_or((None, netloc), |(u, h)| (Some(u), h));
    let (username, password) = match user {
        Some(u) => match u.split_once(':') {
            Some((n, p)) => (Some(n), Some(p)),
            None => (Some(u), None),
        },
        None => (None, None),
    };
    let (hostname, port) = match host.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((h, rest)) => (h, rest.strip_prefix(':')),
            None => (v6, None),
        },
        None => host
            .split_once(':')
            .map_or((host, None), |(h, p)| (h, Some(p))),
    };
    let host_value = if hostname.is_empty() {
        Value::Null
    } else {
        Value::from(hostname.to_lowercase())
    };
    let port = match port.filter(|p| !p.is_empty()).map(str::parse::<u16>) {
        None => Value::Null,
        Some(Ok(n)) => Value::from(i64::from(n)),
        Some(Err(_)) => return args.fail("the port is not a number"),
    };
    let parts: Map = [
        ("fragment", Value::from(fragment)),
        ("hostname", host_value),
        ("netloc", Value::from(netloc)),
        ("password", Value::from(password)),
        ("path", Value::from(path)),
        ("port", port),
        ("query", Value::from(query)),
        ("scheme", Value::from(scheme)),
        ("username", Value::from(username)),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v))
    .collect();
    if wanted.is_empty() {
        return args.done(parts);
    }
    match parts.get(&wanted) {
        Some(part) => args.done(part.clone()),
        None => args.fail(format!("an address has no part `{wanted}`")),
    }
}

/// Web addresses in a text as HTML links.
fn urlize(value: Val, mut args: Args<'_, '_>) -> Eval {
    let limit = args
        .maybe_int("trim_url_limit")?
        .and_then(|n| usize::try_from(n).ok());
    let nofollow = args.flag("nofollow", false)?;
    let target = args.maybe_text("target")?;
    let text = args.cx.text(&value)?;
    let mut out = Vec::new();
    for word in text.split(' ') {
        let bare = word.trim_matches(|c: char| "()<>.,;'\"".contains(c));
        let href = match bare {
            b if b.starts_with("http://") || b.starts_with("https://") => bare.to_owned(),
            b if b.starts_with("www.") => format!("https://{bare}"),
            _ => {
                out.push(word.to_owned());
                continue;
            }
        };
        let shown = match limit {
            Some(n) if bare.chars().count() > n => bare.chars().take(n).collect::<String>() + "...",
            _ => bare.to_owned(),
        };
        let rel = if nofollow {
            "nofollow noopener"
        } else {
            "noopener"
        };
        let target = target
            .as_ref()
            .map(|t| format!(" target=\"{t}\""))
            .unwrap_or_default();
        out.push(word.replacen(
            bare,
            &format!("<a href=\"{href}\" rel=\"{rel}\"{target}>{shown}</a>"),
            1,
        ));
    }
    args.done(out.join(" "))
}
