//! The suffix that `append_hash` gives to ConfigMaps and Secrets: that of `kubernetes.core`, which is that of kubectl.

use super::Json;
use super::object::{kind, text};
use sha2::Digest as _;

/// The ten characters for an object; `None` for a kind that gets none.
pub fn suffix(object: &Json) -> Option<String> {
    let with_type = match kind(object) {
        "ConfigMap" => false,
        "Secret" => true,
        _ => return None,
    };
    let (key, own) = match text(object, "/metadata/name") {
        "" => ("generateName", text(object, "/metadata/generateName")),
        own => ("name", own),
    };
    let empty = Json::from("");
    let mut parts = vec![
        ("data", object.get("data").unwrap_or(&empty).clone()),
        ("kind", Json::from(kind(object))),
        (key, Json::from(own)),
    ];
    if with_type {
        parts.push(("type", object.get("type").unwrap_or(&empty).clone()));
    }
    let parts: Vec<String> = parts
        .iter()
        .map(|(k, v)| format!("\"{k}\":{}", python(v)))
        .collect();
    let digest = hex::encode(sha2::Sha256::digest(format!("{{{}}}", parts.join(","))));
    // letters that make no words
    let safe = |c| match c {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        c => c,
    };
    Some(digest.chars().take(10).map(safe).collect())
}

/// JSON as Python writes it without blanks: keys sorted, everything in ASCII.
fn python(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let pairs: Vec<String> = keys
                .iter()
                .map(|k| format!("{}:{}", quoted(k), python(&map[k.as_str()])))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(","))
        }
        Json::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn suffixes() {
        // made with the collection's own functions
        let cases = [
            (
                json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"b": "2", "a": "1"}}),
                Some("9k4c55t4kt"),
            ),
            (
                json!({"kind": "ConfigMap", "metadata": {"name": "a"}}),
                Some("d549c8h4m9"),
            ),
            (
                json!({"kind": "Secret", "metadata": {"name": "s"}, "type": "Opaque", "data": {"x": "eA=="}}),
                Some("dd47bmg44c"),
            ),
            (
                json!({"kind": "ConfigMap", "metadata": {"generateName": "g-"}, "data": {"k": "zwölf\n\"\\\t😀\u{7f}"}}),
                Some("tfh46b5gc9"),
            ),
            (json!({"kind": "Pod"}), None),
        ];
        for (object, wanted) in cases {
            assert_eq!(suffix(&object).as_deref(), wanted, "{object}");
        }
    }
}
