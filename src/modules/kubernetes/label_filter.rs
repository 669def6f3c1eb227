//! Label selectors held against labels, as the API server would.

use crate::cluster::{Json, object};

/// Whether an object's labels meet all selectors (`a=b`, `a!=b`, `a in (b, c)`, `a notin (b)`, `a`, `!a`).
///
/// # Errors
/// What is no selector.
pub(super) fn matches(object: &Json, selectors: &[String]) -> Result<bool, String> {
    let labels = object.pointer("/metadata/labels");
    let label = |key: &str| {
        labels.filter(|l| l.get(key).is_some()).map(|l| {
            object::text(
                l,
                &format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            )
        })
    };
    for selector in selectors {
        for part in split(selector) {
            let part = part.trim();
            let met = if part.is_empty() {
                true
            } else if let Some((key, values)) = set(part, " notin ") {
                label(key).is_none_or(|v| !values.contains(&v))
            } else if let Some((key, values)) = set(part, " in ") {
                label(key).is_some_and(|v| values.contains(&v))
            } else if let Some((key, value)) = part.split_once("!=") {
                label(key.trim()) != Some(value.trim())
            } else if let Some((key, value)) = part.split_once("==").or(part.split_once('=')) {
                label(key.trim()) == Some(value.trim())
            } else if let Some(key) = part.strip_prefix('!') {
                label(key.trim()).is_none()
            } else if part.contains(char::is_whitespace) {
                return Err(format!("`{part}` is no label selector"));
            } else {
                label(part).is_some()
            };
            if !met {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// At commas outside of parentheses.
fn split(selector: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth) = (0, 0);
    for (at, c) in selector.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&selector[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&selector[from..]);
    parts
}

fn set<'a>(part: &'a str, word: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (key, values) = part.split_once(word)?;
    let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some((key.trim(), values.split(',').map(str::trim).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors() {
        let object = json!({"metadata": {"labels": {"app": "web", "x.io/tier": "front"}}});
        let cases = [
            ("app=web", true),
            ("app==web,x.io/tier=front", true),
            ("app=web, x.io/tier=back", false),
            ("app!=db", true),
            ("app in (db, web)", true),
            ("app notin (db, web)", false),
            ("missing notin (a)", true),
            ("app", true),
            ("!app", false),
            ("!missing", true),
            ("", true),
        ];
        for (selector, wanted) in cases {
            assert_eq!(
                matches(&object, &[selector.to_owned()]),
                Ok(wanted),
                "{selector}"
            );
        }
        assert!(matches(&object, &["a b".into()]).is_err());
        assert_eq!(matches(&json!({}), &["app=web".into()]), Ok(false));
    }
}
