//! `Call`: one request, taken apart.

use super::conform::Validation;
use super::failure::Failure;
use http::{HeaderMap, Method, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Who asks.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The name, such as `system:admin`.
    pub name: String,
    /// The groups, such as `system:masters`.
    pub groups: Vec<String>,
}

/// One request.
pub struct Call {
    /// The verb of HTTP.
    pub method: Method,
    /// The parts of the path.
    pub path: Vec<String>,
    /// The query.
    query: Vec<(String, String)>,
    /// What the client can read.
    pub accept: String,
    /// What the body is.
    pub content_type: String,
    /// What the client calls itself.
    agent: String,
    /// Who asks.
    pub user: User,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// Takes a request apart.
    pub fn new(method: Method, uri: &Uri, headers: &HeaderMap, user: User, body: Vec<u8>) -> Call {
        let text = |name| {
            let value = headers.get(name).and_then(|it| it.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let path = uri.path().split('/').filter(|it| !it.is_empty());
        let pairs = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|it| !it.is_empty());
        Call {
            method,
            path: path.map(decoded).collect(),
            query: pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name), decoded(&value.replace('+', " ")))
                })
                .collect(),
            accept: text(header::ACCEPT),
            content_type: text(header::CONTENT_TYPE),
            agent: text(header::USER_AGENT),
            user,
            body,
        }
    }

    /// A value of the query, empty when it is not there.
    pub fn query(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether a switch of the query is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.query
            .iter()
            .any(|(it, value)| it == name && matches!(value.as_str(), "true" | "1" | ""))
    }

    /// Whether nothing is to be kept.
    pub fn dry_run(&self) -> Result<bool, Failure> {
        match self.query("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(Failure::bad_request(format!(
                "invalid dryRun: Unsupported value: {other:?}: supported values: \"All\""
            ))),
        }
    }

    /// The field manager: named, or taken from the client's name.
    pub fn manager(&self) -> String {
        match self.query("fieldManager") {
            "" => match self.agent.split('/').next() {
                Some(name) if !name.is_empty() => name.chars().take(128).collect(),
                _ => "unknown".to_owned(),
            },
            named => named.to_owned(),
        }
    }

    /// What becomes of unknown fields.
    pub fn validation(&self) -> Result<Validation, Failure> {
        match self.query("fieldValidation") {
            "Ignore" => Ok(Validation::Ignore),
            "Warn" | "" => Ok(Validation::Warn),
            "Strict" => Ok(Validation::Strict),
            other => Err(Failure::bad_request(format!(
                "invalid fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
            ))),
        }
    }

    /// The body as JSON or YAML; null when it is empty.
    pub fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if self
            .content_type
            .starts_with("application/vnd.kubernetes.protobuf")
        {
            return super::protobuf::read(&self.body).map_err(|why| {
                let message = format!("this cluster is simulated: {why}; send JSON or YAML");
                Failure::new(415, "UnsupportedMediaType", message)
            });
        }
        match serde_json::from_slice(&self.body) {
            Ok(value) => Ok(value),
            Err(_) if self.content_type.contains("yaml") => super::manifest::read(&self.body),
            Err(error) => Err(Failure::bad_request(format!(
                "the body is not JSON: {error}"
            ))),
        }
    }

    /// How much of every object a `Table` has to hold, when one is asked for.
    pub fn table(&self) -> Option<&str> {
        let wants = self
            .accept
            .split(',')
            .any(|it| it.contains("as=Table") && it.contains("g=meta.k8s.io"));
        wants.then(|| match self.query("includeObject") {
            "" => "Metadata",
            named => named,
        })
    }

    /// Whether only the metadata of objects is asked for.
    pub fn partial(&self) -> bool {
        let first = self.accept.split(',').next().unwrap_or_default();
        first.contains("as=PartialObjectMetadata")
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
