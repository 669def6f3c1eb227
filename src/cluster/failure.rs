//! What goes wrong with a request, in words.

use super::Json;
use std::fmt;

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The API server refused.
    Refused(Box<Refusal>),
    /// The API server could not be reached, or went away.
    Away(String),
    /// Anything else: a wrong kubeconfig, an unknown kind, a wait that ended.
    Other(String),
    /// The user asked to stop.
    Stopped,
}

/// The API server's refusal, its `Status`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// The machine's word: `NotFound`, `Conflict`, `Invalid` …
    pub reason: String,
    /// The server's message, whole.
    pub message: String,
    /// `field`, `reason`, `message` of each cause.
    pub causes: Vec<(String, String, String)>,
    /// Seconds that the server asks to wait before the next try.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// Of an answer that is no success: its body is a `Status`, or some text.
    pub(super) fn read(code: u16, body: &[u8], retry_after: Option<u64>) -> Self {
        let status: Json = serde_json::from_slice(body).unwrap_or_default();
        let text = |v: &Json, key: &str| v[key].as_str().unwrap_or_default().to_owned();
        let causes = status["details"]["causes"].as_array();
        let message = match text(&status, "message") {
            empty if empty.is_empty() => {
                let said = String::from_utf8_lossy(body);
                let said = said.trim();
                if said.is_empty() || said.starts_with('{') {
                    format!("the API server answered {code}")
                } else {
                    said.chars().take(2000).collect()
                }
            }
            message => message,
        };
        Self {
            code,
            reason: text(&status, "reason"),
            message,
            causes: causes
                .into_iter()
                .flatten()
                .map(|c| (text(c, "field"), text(c, "reason"), text(c, "message")))
                .collect(),
            retry_after: status["details"]["retryAfterSeconds"]
                .as_u64()
                .or(retry_after),
        }
    }

    /// Fields that another manager holds, as `(manager, field)`, from a refused server-side apply.
    pub fn conflicts(&self) -> Vec<(String, String)> {
        let of = |(field, reason, message): &(String, String, String)| {
            (reason == "FieldManagerConflict").then(|| {
                let manager = message
                    .split('"')
                    .nth(1)
                    .unwrap_or("another manager")
                    .to_owned();
                (manager, field.clone())
            })
        };
        self.causes.iter().filter_map(of).collect()
    }

    /// Whether it is a conflict with these managers and no other.
    pub(super) fn is_with(&self, managers: &[&str]) -> bool {
        let conflicts = self.conflicts();
        !conflicts.is_empty()
            && conflicts
                .iter()
                .all(|(m, _)| managers.contains(&m.as_str()))
    }
}

impl Failure {
    /// The HTTP status, when the server refused.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// There is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The failure as it concerns one object, with what to do next where that is known.
    pub fn about(&self, title: &str) -> String {
        let text = format!("{title}: {self}");
        let Some(refusal) = self.refusal() else {
            return text;
        };
        let conflicts = refusal.conflicts();
        if !conflicts.is_empty() {
            let mut text = format!("{title}: other field managers hold what is to be set:");
            for (manager, field) in conflicts {
                text.push_str(&format!("\n  `{manager}` holds {field}"));
            }
            text.push_str(
                "\nleave these fields out of the definition, or take them over with `server_side_apply: {force_conflicts: true}`",
            );
            return text;
        }
        let hint = match (refusal.code, refusal.reason.as_str()) {
            (404, _) if refusal.message.starts_with("namespaces ") => {
                Some("make the namespace first, in an earlier task or in the same manifest")
            }
            (403, _) if refusal.message.contains("it is being terminated") => Some(
                "wait until the namespace is gone (`state: absent` with `wait: true`), then run again",
            ),
            (401, _) => Some("the kubeconfig's certificate or token is not accepted (any more)"),
            (409, "Conflict") => {
                Some("somebody changed it at the same time; running again takes it up from there")
            }
            (413, _) => Some("the object is too large for the API server"),
            (429, _) => Some("the API server is overloaded; running again goes on from here"),
            _ => None,
        };
        match hint {
            Some(hint) => format!("{text}\n{hint}"),
            None => text,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => f.write_str(&refusal.message),
            Self::Away(text) | Self::Other(text) => f.write_str(text),
            Self::Stopped => f.write_str("stopped by the user"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(code: u16, body: Json) -> Failure {
        Failure::Refused(Box::new(Refusal::read(
            code,
            body.to_string().as_bytes(),
            None,
        )))
    }

    #[test]
    fn messages() {
        let conflict = refused(
            409,
            json!({"kind": "Status", "reason": "Conflict", "message": "Apply failed with 2 conflicts: …", "details": {"causes": [
                {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl\" using apps/v1", "field": ".spec.replicas"},
                {"reason": "FieldManagerConflict", "message": "conflict with \"hpa\" with subresource \"scale\"", "field": ".spec.template.spec.containers[name=\"a\"].image"},
            ]}}),
        );
        insta::assert_snapshot!(conflict.about("Deployment `web` in `shop`"), @r#"
        Deployment `web` in `shop`: other field managers hold what is to be set:
          `kubectl` holds .spec.replicas
          `hpa` holds .spec.template.spec.containers[name="a"].image
        leave these fields out of the definition, or take them over with `server_side_apply: {force_conflicts: true}`
        "#);
        let webhook = refused(
            400,
            json!({"kind": "Status", "message": "admission webhook \"policy.example.com\" denied the request: no latest tags"}),
        );
        insta::assert_snapshot!(webhook.about("Pod `a` in `b`"), @r#"Pod `a` in `b`: admission webhook "policy.example.com" denied the request: no latest tags"#);
        let namespace = refused(
            404,
            json!({"kind": "Status", "reason": "NotFound", "message": "namespaces \"shop\" not found"}),
        );
        insta::assert_snapshot!(namespace.about("ConfigMap `a` in `shop`"), @r#"
        ConfigMap `a` in `shop`: namespaces "shop" not found
        make the namespace first, in an earlier task or in the same manifest
        "#);
        let ending = refused(
            403,
            json!({"kind": "Status", "reason": "Forbidden", "message": "configmaps \"a\" is forbidden: unable to create new content in namespace shop because it is being terminated"}),
        );
        insta::assert_snapshot!(ending.about("ConfigMap `a` in `shop`"), @r#"
        ConfigMap `a` in `shop`: configmaps "a" is forbidden: unable to create new content in namespace shop because it is being terminated
        wait until the namespace is gone (`state: absent` with `wait: true`), then run again
        "#);
        let plain = Failure::Refused(Box::new(Refusal::read(502, b"Bad Gateway\n", Some(3))));
        assert_eq!(plain.to_string(), "Bad Gateway");
        let empty = Failure::Refused(Box::new(Refusal::read(500, b"", None)));
        assert_eq!(empty.to_string(), "the API server answered 500");
    }
}
