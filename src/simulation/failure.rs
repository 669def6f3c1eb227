//! What the API server answers when it refuses: a `Status` with code, reason and message, in the real server's words.

use super::kind::Kind;
use serde_json::{Map, Value, json};

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The HTTP status.
    pub code: u16,
    /// The machine-readable reason, such as `NotFound`.
    pub reason: &'static str,
    /// What a person reads.
    pub message: String,
    details: Option<Map<String, Value>>,
}

/// What is wrong with one field of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    reason: &'static str,
    field: String,
    message: String,
}

impl FieldError {
    /// A value that must be there and is not.
    pub fn required(field: impl Into<String>, detail: &str) -> FieldError {
        let message = match detail {
            "" => "Required value".to_owned(),
            _ => format!("Required value: {detail}"),
        };
        FieldError::new("FieldValueRequired", field, message)
    }

    /// A value that is not allowed here.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> FieldError {
        let message = format!("Invalid value: {value}: {detail}");
        FieldError::new("FieldValueInvalid", field, message)
    }

    /// A value that is none of the few that are known.
    pub fn unsupported(field: impl Into<String>, value: &Value, known: &[&str]) -> FieldError {
        let known: Vec<String> = known.iter().map(|it| format!("{it:?}")).collect();
        let message = format!(
            "Unsupported value: {value}: supported values: {}",
            known.join(", ")
        );
        FieldError::new("FieldValueNotSupported", field, message)
    }

    /// A value that may stand only once.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> FieldError {
        FieldError::new(
            "FieldValueDuplicate",
            field,
            format!("Duplicate value: {value}"),
        )
    }

    /// A name of something that is not there.
    pub fn not_found(field: impl Into<String>, value: &Value) -> FieldError {
        FieldError::new("FieldValueNotFound", field, format!("Not found: {value}"))
    }

    /// A field that may not be set or changed.
    pub fn forbidden(field: impl Into<String>, detail: &str) -> FieldError {
        FieldError::new("FieldValueForbidden", field, format!("Forbidden: {detail}"))
    }

    /// A value of the wrong type, as custom resources report it.
    pub fn type_invalid(field: impl Into<String>, value: &Value, detail: &str) -> FieldError {
        let message = format!("Invalid value: {value}: {detail}");
        FieldError::new("FieldValueTypeInvalid", field, message)
    }

    fn new(reason: &'static str, field: impl Into<String>, message: String) -> FieldError {
        FieldError {
            reason,
            field: field.into(),
            message,
        }
    }
}

impl Failure {
    /// A refusal with no details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Failure {
        Failure {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    /// With details, though there are none to give.
    fn detailed(mut self) -> Failure {
        self.details.get_or_insert_default();
        self
    }

    fn with(mut self, field: &str, value: impl Into<Value>) -> Failure {
        let details = self.details.get_or_insert_default();
        details.insert(field.to_owned(), value.into());
        self
    }

    fn about(mut self, kind: &Kind, name: &str) -> Failure {
        if !name.is_empty() {
            self = self.with("name", name);
        }
        if !kind.group.is_empty() {
            self = self.with("group", kind.group.as_str());
        }
        self.with("kind", kind.plural.as_str())
    }

    fn because(self, causes: Vec<Value>) -> Failure {
        self.with("causes", causes)
    }

    /// A path in no group that is served: the answer is plain text.
    pub fn no_such_page() -> Failure {
        Failure::new(404, "", "404 page not found\n")
    }

    /// What is applied does not fit its kind.
    pub fn untyped(kind: &Kind, it: &Value, told: &str) -> Failure {
        let (namespace, name) = (&it["metadata"]["namespace"], &it["metadata"]["name"]);
        let message = format!(
            "failed to create typed patch object ({}/{}; {}, Kind={}): {told}",
            namespace.as_str().unwrap_or_default(),
            name.as_str().unwrap_or_default(),
            kind.api_version(),
            kind.kind
        );
        Failure::new(500, "", message)
    }

    /// A server-side apply that does not say who applies.
    pub fn nameless_manager() -> Failure {
        let cause = json!({"reason": "FieldValueRequired", "message": "Required value: is required for apply patch", "field": "fieldManager"});
        let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        let failure = Failure::new(422, "Invalid", message).with("group", "meta.k8s.io");
        failure.with("kind", "PatchOptions").because(vec![cause])
    }

    /// A patch after which the object cannot be read.
    pub fn bad_patch(object: &Value, reason: &str) -> Failure {
        let told = format!("Invalid value: {:?}: {reason}", object.to_string());
        let cause = json!({"reason": "FieldValueInvalid", "message": told, "field": "patch"});
        Failure::new(422, "Invalid", format!(" \"\" is invalid: patch: {told}"))
            .because(vec![cause])
    }

    /// A path that leads to nothing.
    pub fn no_such_path() -> Failure {
        let message = "the server could not find the requested resource";
        Failure::new(404, "NotFound", message).detailed()
    }

    /// An object that is not there.
    pub fn not_found(kind: &Kind, name: &str) -> Failure {
        let message = format!("{} {name:?} not found", kind.resource());
        Failure::new(404, "NotFound", message).about(kind, name)
    }

    /// An object that is there already.
    pub fn already_exists(kind: &Kind, name: &str) -> Failure {
        let message = format!("{} {name:?} already exists", kind.resource());
        Failure::new(409, "AlreadyExists", message).about(kind, name)
    }

    /// An update made from an old version of the object.
    pub fn modified(kind: &Kind, name: &str) -> Failure {
        let detail = "the object has been modified; please apply your changes to the latest version and try again";
        Failure::cannot(kind, name, detail)
    }

    /// An operation that the object's present state does not allow.
    pub fn cannot(kind: &Kind, name: &str, detail: &str) -> Failure {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: {detail}",
            kind.resource()
        );
        Failure::new(409, "Conflict", message).about(kind, name)
    }

    /// Fields that other managers own: for each the manager as it is printed, and the path.
    pub fn apply_conflict(conflicts: &[(String, String)]) -> Failure {
        let causes = conflicts.iter().map(|(manager, path)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": path})
        });
        let message = match conflicts {
            [(manager, path)] => {
                format!("Apply failed with 1 conflict: conflict with {manager}: {path}")
            }
            _ => {
                let mut managers: Vec<&str> = conflicts.iter().map(|(m, _)| m.as_str()).collect();
                managers.sort_unstable();
                managers.dedup();
                let told = managers.iter().map(|manager| {
                    let paths = conflicts.iter().filter(|(m, _)| m == manager);
                    let paths: Vec<String> = paths.map(|(_, path)| format!("- {path}")).collect();
                    format!("conflicts with {manager}:\n{}", paths.join("\n"))
                });
                let told: Vec<String> = told.collect();
                format!(
                    "Apply failed with {} conflicts: {}",
                    conflicts.len(),
                    told.join("\n")
                )
            }
        };
        Failure::new(409, "Conflict", message).because(causes.collect())
    }

    /// An object whose fields are wrong.
    pub fn invalid(kind: &Kind, name: &str, errors: &[FieldError]) -> Failure {
        let told: Vec<String> = errors
            .iter()
            .map(|it| format!("{}: {}", it.field, it.message))
            .collect();
        let told = match told.as_slice() {
            [one] => one.clone(),
            _ => format!("[{}]", told.join(", ")),
        };
        let causes = errors
            .iter()
            .map(|it| json!({"reason": it.reason, "message": it.message, "field": it.field}));
        let message = format!("{} {name:?} is invalid: {told}", kind.qualified());
        Failure::new(422, "Invalid", message)
            .about(kind, name)
            .because(causes.collect())
            .with("kind", kind.kind.as_str())
    }

    /// Something that the server does not let this user do.
    pub fn forbidden(kind: &Kind, name: &str, detail: &str) -> Failure {
        let message = match name {
            "" => format!("{} is forbidden: {detail}", kind.resource()),
            _ => format!("{} {name:?} is forbidden: {detail}", kind.resource()),
        };
        Failure::new(403, "Forbidden", message).about(kind, name)
    }

    /// Something to be made in a namespace that is on its way out.
    pub fn terminating(kind: &Kind, name: &str, namespace: &str) -> Failure {
        let detail = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let cause = json!({"reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"), "field": "metadata.namespace"});
        Failure::forbidden(kind, name, &detail).because(vec![cause])
    }

    /// A request that cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(400, "BadRequest", message)
    }

    /// A verb that this path does not have.
    pub fn method_not_allowed() -> Failure {
        let message = "the server does not allow this method on the requested resource";
        Failure::new(405, "MethodNotAllowed", message).detailed()
    }

    /// Nobody that the cluster knows.
    pub fn unauthorized() -> Failure {
        Failure::new(401, "Unauthorized", "Unauthorized")
    }

    /// A version that is no longer kept.
    pub fn expired(asked: u64, kept: u64) -> Failure {
        Failure::new(
            410,
            "Expired",
            format!("too old resource version: {asked} ({kept})"),
        )
    }

    /// A body of a kind that the verb does not take.
    pub fn media_type(accepted: &[&str]) -> Failure {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Failure::new(415, "UnsupportedMediaType", message)
    }

    /// What the simulation leaves out.
    pub fn simulated(what: &str) -> Failure {
        let message = format!("this cluster is simulated: {what}");
        Failure::new(501, "NotImplemented", message)
    }

    /// The server cannot write at the moment.
    pub fn unavailable(message: impl Into<String>) -> Failure {
        Failure::new(503, "ServiceUnavailable", message)
    }

    /// Something went wrong in the server itself.
    pub fn internal(message: impl Into<String>) -> Failure {
        let message = format!("Internal error occurred: {}", message.into());
        Failure::new(500, "InternalError", message)
    }

    /// The `Status` object.
    pub fn to_json(&self) -> Value {
        let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message});
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = Value::Object(details.clone());
        }
        status["code"] = self.code.into();
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_in_the_servers_words() {
        let hoist = ("\"hoist\"".to_owned(), ".data.a".to_owned());
        insta::assert_snapshot!(Failure::apply_conflict(std::slice::from_ref(&hoist)).message,
            @r#"Apply failed with 1 conflict: conflict with "hoist": .data.a"#);
        let other = ("\"kubectl\" using v1".to_owned(), ".data.b".to_owned());
        insta::assert_snapshot!(Failure::apply_conflict(&[hoist, other]).message, @r#"
        Apply failed with 2 conflicts: conflicts with "hoist":
        - .data.a
        conflicts with "kubectl" using v1:
        - .data.b
        "#);
    }
}
