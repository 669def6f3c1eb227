//! Names: which texts may name objects, labels and annotations.

use super::failure::FieldError;
use super::kind::Kind;
use super::object;
use serde_json::Value;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
/// What a label may be.
pub const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// Whether a text is a label of DNS.
pub fn dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !text.is_empty()
        && text.len() <= 63
        && text.chars().all(|c| inner(c) || c == '-')
        && text.starts_with(inner)
        && text.ends_with(inner)
}

fn subdomain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 253 && text.split('.').all(dns_label)
}

fn qualified(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    !text.is_empty()
        && text.len() <= 63
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || "-_.".contains(c))
}

fn label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => subdomain(prefix) && qualified(name),
        None => qualified(text),
    }
}
/// What is wrong with an object's names, labels and annotations.
pub fn metadata(kind: &Kind, it: &Value, errors: &mut Vec<FieldError>) {
    let name = object::name(it);
    let value = Value::from(name);
    match kind.kind.as_str() {
        "Namespace" if !dns_label(name) => {
            errors.push(FieldError::invalid("metadata.name", &value, LABEL))
        }
        "Service" if !dns_label(name) => {
            errors.push(FieldError::invalid("metadata.name", &value, LABEL))
        }
        "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding" => {}
        _ if !subdomain(name) => {
            errors.push(FieldError::invalid("metadata.name", &value, SUBDOMAIN))
        }
        _ => {}
    }
    for (key, value) in it["metadata"]["labels"].as_object().into_iter().flatten() {
        if !label_key(key) {
            errors.push(FieldError::invalid(
                "metadata.labels",
                &key.as_str().into(),
                QUALIFIED,
            ));
        }
        let text = value.as_str().unwrap_or_default();
        if !text.is_empty() && !qualified(text) {
            errors.push(FieldError::invalid("metadata.labels", value, LABEL_VALUE));
        }
    }
    for key in it["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key)
    {
        if !label_key(&key.to_lowercase()) {
            errors.push(FieldError::invalid(
                "metadata.annotations",
                &key.as_str().into(),
                QUALIFIED,
            ));
        }
    }
}
