//! One request.

use super::{Failure, Json};
use kube::client::Body;

/// A request.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: http::Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) content_type: &'static str,
    pub(super) accept: &'static str,
    pub(super) body: Option<Json>,
    /// Whether sending it twice does what sending it once does.
    pub(super) again: bool,
}

impl Ask {
    pub(super) fn new(method: http::Method, path: String) -> Self {
        Self {
            again: method != http::Method::POST,
            method,
            path,
            query: Vec::new(),
            content_type: "application/json",
            accept: "application/json",
            body: None,
        }
    }

    pub(super) fn get(path: String) -> Self {
        Self::new(http::Method::GET, path)
    }

    pub(super) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Json) -> Self {
        self.body = Some(body);
        self
    }

    /// Whether the server only tries. A deletion that has a body has its options there, and the address does not count.
    pub(super) fn is_dry(&self) -> bool {
        match (&self.method, &self.body) {
            (&http::Method::DELETE, Some(body)) => body["dryRun"] == serde_json::json!(["All"]),
            _ => self.query.iter().any(|(k, v)| *k == "dryRun" && v == "All"),
        }
    }

    pub(super) fn request(&self) -> Result<http::Request<Body>, Failure> {
        let mut address = self.path.clone();
        for (n, (key, value)) in self.query.iter().enumerate() {
            address.push(if n == 0 { '?' } else { '&' });
            address.push_str(&format!(
                "{key}={}",
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
            ));
        }
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(address)
            .header(http::header::ACCEPT, self.accept);
        let body = match &self.body {
            None => Vec::new(),
            Some(json) => {
                request = request.header(http::header::CONTENT_TYPE, self.content_type);
                serde_json::to_vec(json).map_err(|e| Failure::Other(e.to_string()))?
            }
        };
        request
            .body(Body::from(body))
            .map_err(|e| Failure::Other(format!("no valid request: {e}")))
    }
}
