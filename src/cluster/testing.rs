//! A scripted API server for tests. Strict: a request that was not expected fails the test, and so does one that never came.

use super::Json;
use super::client::Client;
use super::patience::Backoff;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An answer: status and body.
pub(crate) type Answer = Option<(u16, Json)>;

/// See [`Answer`].
pub(crate) fn answer(status: u16, body: Json) -> Answer {
    Some((status, body))
}

#[derive(Default)]
struct State {
    /// What is asked (`GET /path?query`) and answered; `None` breaks the connection.
    lines: VecDeque<(String, Answer)>,
    always: Vec<(String, Answer)>,
    unexpected: Vec<String>,
    /// Bodies that were sent, with what was asked.
    sent: Vec<(String, Json)>,
}

/// The script. Requests may come in any order, each expected line answers one.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One request and its answer.
    pub(crate) fn on(self, asked: &str, answer: Answer) -> Self {
        let mut state = self.0.lock().unwrap();
        state.lines.push_back((asked.to_owned(), answer));
        drop(state);
        self
    }

    /// Any number of requests.
    pub(crate) fn always(self, asked: &str, answer: Answer) -> Self {
        let mut state = self.0.lock().unwrap();
        state.always.push((asked.to_owned(), answer));
        drop(state);
        self
    }

    /// The client that talks to it.
    pub(crate) fn client(&self) -> Client {
        let state = self.0.clone();
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let state = state.clone();
            async move {
                let (head, body) = request.into_parts();
                let asked = format!(
                    "{} {}",
                    head.method,
                    percent_encoding::percent_decode_str(&head.uri.to_string()).decode_utf8_lossy()
                );
                let bytes = http_body_util::BodyExt::collect(body).await?.to_bytes();
                let mut state = state.lock().unwrap();
                if !bytes.is_empty() {
                    let json = serde_json::from_slice(&bytes).unwrap();
                    state.sent.push((asked.clone(), json));
                }
                let found = state.lines.iter().position(|(line, _)| *line == asked);
                let answer = match found {
                    Some(n) => state.lines.remove(n).and_then(|(_, a)| a),
                    None => match state.always.iter().find(|(line, _)| *line == asked) {
                        Some((_, answer)) => answer.clone(),
                        None => {
                            state.unexpected.push(asked);
                            Some((418, Json::Null))
                        }
                    },
                };
                let Some((status, body)) = answer else {
                    return Err::<_, tower::BoxError>("connection reset".into());
                };
                let body = kube::client::Body::from(body.to_string().into_bytes());
                Ok(http::Response::builder().status(status).body(body).unwrap())
            }
        });
        let kube = kube::Client::new(service, "default");
        let backoff = Backoff {
            first: Duration::from_secs(3),
            later: Duration::from_secs(3),
            start: Duration::from_millis(100),
        };
        Client::over(
            kube,
            None,
            "https://cluster.test:6443".into(),
            "default".into(),
            backoff,
        )
    }

    /// Bodies that were sent so far.
    pub(crate) fn sent(&self) -> Vec<(String, Json)> {
        self.0.lock().unwrap().sent.clone()
    }

    /// Everything expected came, and nothing else.
    pub(crate) fn finish(&self) {
        let state = self.0.lock().unwrap();
        assert!(
            state.unexpected.is_empty(),
            "not expected: {:#?}",
            state.unexpected
        );
        assert!(state.lines.is_empty(), "never asked: {:#?}", state.lines);
    }
}
