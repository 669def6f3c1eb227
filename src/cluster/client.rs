//! The client of one cluster.

use super::ask::Ask;
use super::dial::{Connector, Dial};
use super::kinds::Kinds;
use super::patience::Backoff;
use super::predicted::Predicted;
use super::{Access, Failure, Json, Refusal};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use kube::client::{Body, ClientBuilder, ConfigExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// The name under which hoist sets fields.
pub(super) const MANAGER: &str = "hoist";

/// Longer than the server's own limit for a request (60 s).
const REQUEST_LIMIT: Duration = Duration::from_secs(75);

/// Tells the user that something takes its time.
pub type Tell = Arc<dyn Fn(String) + Send + Sync>;

/// Becomes ready when the user asks to stop.
pub type Stop = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A handle on a cluster. Clones and handles share connections, what was learnt of the kinds, and what was predicted.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
    read_only: bool,
    validation: Option<&'static str>,
    tell: Option<Tell>,
    stop: Option<Stop>,
}

pub(super) struct Inner {
    pub(super) kube: kube::Client,
    pub(super) dial: Option<Arc<dyn Dial>>,
    /// The API server's address, for messages.
    pub(super) address: String,
    namespace: String,
    answered: AtomicBool,
    pub(super) kinds: Kinds,
    pub(super) predicted: Mutex<Predicted>,
    version: tokio::sync::OnceCell<Json>,
    backoff: Backoff,
}

/// An answer.
pub(super) struct Reply {
    pub(super) body: Json,
    /// The server's warnings (`Warning` headers).
    pub(super) warnings: Vec<String>,
}

impl Client {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// What is wrong with the kubeconfig, in words.
    pub async fn new(access: &Access, dial: Arc<dyn Dial>) -> Result<Self, Failure> {
        // an error means that somebody installed one already, which will do
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let config = access.config().await?;
        let wrong = |e: kube::Error| access.wrong(&e);
        let https = config
            .rustls_https_connector_with_connector(Connector(dial.clone()))
            .map_err(wrong)?;
        let client: hyper_util::client::legacy::Client<_, Body> =
            hyper_util::client::legacy::Builder::new(hyper_util::rt::TokioExecutor::new())
                .build(https);
        let stack = tower::ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .option_layer(config.auth_layer().map_err(wrong)?)
            .layer(config.extra_headers_layer().map_err(wrong)?)
            .map_err(tower::BoxError::from)
            .service(client);
        let kube = ClientBuilder::new(stack, config.default_namespace.clone()).build();
        Ok(Self::over(
            kube,
            Some(dial),
            config.cluster_url.to_string(),
            config.default_namespace,
            Backoff::default(),
        ))
    }

    pub(super) fn over(
        kube: kube::Client,
        dial: Option<Arc<dyn Dial>>,
        address: String,
        namespace: String,
        backoff: Backoff,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                kube,
                dial,
                address: address.trim_end_matches('/').to_owned(),
                namespace,
                answered: AtomicBool::new(false),
                kinds: Kinds::default(),
                predicted: Mutex::default(),
                version: tokio::sync::OnceCell::new(),
                backoff,
            }),
            read_only: false,
            validation: None,
            tell: None,
            stop: None,
        }
    }

    /// A handle for one task. `read_only`: every write that is no dry run is refused, and what the dry run shows would be made
    /// is remembered as predicted.
    pub fn handle(&self, read_only: bool, tell: Option<Tell>, stop: Option<Stop>) -> Self {
        Self {
            inner: self.inner.clone(),
            read_only,
            validation: None,
            tell,
            stop,
        }
    }

    /// What the server makes of fields that it does not know: `Strict` refuses, `Warn` warns, `Ignore` does neither.
    pub fn validating(self, validation: &'static str) -> Self {
        Self {
            validation: Some(validation),
            ..self
        }
    }

    /// Marks a write: under which name it is done, and that it is only tried when this handle only reads.
    pub(super) fn write(&self, send: Ask, manager: &str) -> Ask {
        let mut send = send.with("fieldManager", manager);
        if let Some(validation) = self.validation {
            send = send.with("fieldValidation", validation);
        }
        if self.read_only {
            send = send.with("dryRun", "All");
        }
        send
    }

    /// Whether this handle only reads and tries.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The API server's address, as the kubeconfig has it.
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// The namespace of objects that name none.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// What the server says of its version.
    ///
    /// # Errors
    /// The server's answer.
    pub async fn version(&self) -> Result<&Json, Failure> {
        self.inner
            .version
            .get_or_try_init(|| async { Ok(self.send(Ask::get("/version".into())).await?.body) })
            .await
    }

    /// Whether this is no cluster but a simulation of one, by its own words.
    ///
    /// # Errors
    /// The server's answer.
    pub async fn is_simulated(&self) -> Result<bool, Failure> {
        Ok(self.version().await?["gitTreeState"] == "simulated")
    }

    pub(super) fn tell(&self, text: impl FnOnce() -> String) {
        if let Some(tell) = &self.tell {
            tell(text());
        }
    }

    /// Waits; `Err` when the user asks to stop meanwhile.
    pub(super) async fn sleep(&self, pause: Duration) -> Result<(), Failure> {
        let Some(stop) = &self.stop else {
            tokio::time::sleep(pause).await;
            return Ok(());
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = stop() => Err(Failure::Stopped),
        }
    }

    /// Sends a request and reads the answer as JSON.
    pub(super) async fn send(&self, send: Ask) -> Result<Reply, Failure> {
        let (bytes, warnings) = self.send_raw(send).await?;
        let body = serde_json::from_slice(&bytes).map_err(|e| {
            Failure::Other(format!(
                "the API server at {} answered something that is no JSON: {e}",
                self.inner.address
            ))
        })?;
        Ok(Reply { body, warnings })
    }

    /// Sends a request, again and again while the API server is away or overloaded, if that does no harm.
    pub(super) async fn send_raw(&self, send: Ask) -> Result<(Vec<u8>, Vec<String>), Failure> {
        if self.read_only && send.method != http::Method::GET && !send.is_dry() {
            return Err(Failure::Other(format!(
                "`{} {}` in check mode: this is a fault in hoist, please report it",
                send.method, send.path
            )));
        }
        let begun = Instant::now();
        let backoff = &self.inner.backoff;
        let mut tried = 0;
        loop {
            let failure = match self.once(&send).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let pause = match &failure {
                // refused before anything was done
                Failure::Refused(r) if r.code == 503 || (r.code == 429 && !r.is_budget()) => r
                    .retry_after
                    .map_or(backoff.pause(tried), Duration::from_secs)
                    .min(Duration::from_secs(10)),
                Failure::Away(_) if send.again => backoff.pause(tried),
                _ => return Err(failure),
            };
            let given = if self.inner.answered.load(Ordering::Relaxed) {
                backoff.later
            } else {
                backoff.first
            };
            if begun.elapsed() + pause > given {
                return Err(failure.after(begun.elapsed()));
            }
            tried += 1;
            self.tell(|| format!("{failure}; trying again"));
            self.sleep(pause).await?;
        }
    }

    async fn once(&self, send: &Ask) -> Result<(Vec<u8>, Vec<String>), Failure> {
        let request = send.request()?;
        let work = async {
            let response = self.inner.kube.send(request).await?;
            let (head, body) = response.into_parts();
            let bytes = body.collect().await?.to_bytes();
            Ok::<_, kube::Error>((head, bytes))
        };
        let stopped = async {
            match &self.stop {
                Some(stop) => stop().await,
                None => std::future::pending().await,
            }
        };
        let answer = tokio::select! {
            answer = tokio::time::timeout(REQUEST_LIMIT, work) => answer,
            // what was sent may still happen: a write is waited for, a look is not
            () = stopped, if send.method == http::Method::GET => return Err(Failure::Stopped),
        };
        let (head, bytes) = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(e)) => return Err(self.away(&e).await),
            Err(_) => {
                return Err(Failure::Away(format!(
                    "the API server at {} did not answer in {} s",
                    self.inner.address,
                    REQUEST_LIMIT.as_secs()
                )));
            }
        };
        self.inner.answered.store(true, Ordering::Relaxed);
        let header = |name| head.headers.get(name).and_then(|v| v.to_str().ok());
        if !head.status.is_success() {
            let retry_after = header("retry-after").and_then(|v| v.parse().ok());
            return Err(Failure::Refused(Box::new(Refusal::read(
                head.status.as_u16(),
                &bytes,
                retry_after,
            ))));
        }
        let warnings = head.headers.get_all("warning").iter();
        let warnings = warnings
            .filter_map(|v| v.to_str().ok())
            .filter_map(warning)
            .collect();
        Ok((bytes.to_vec(), warnings))
    }

    /// A request that got no answer, in words.
    async fn away(&self, error: &kube::Error) -> Failure {
        let mut chain = vec![error.to_string()];
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            chain.push(inner.to_string());
            source = inner.source();
        }
        // the innermost one says what happened; those around it repeat it
        let last = chain.pop().unwrap_or_default();
        chain.retain(|text| !text.contains(&last));
        chain.push(last.clone());
        let story = chain.join(": ");
        let address = &self.inner.address;
        if story.contains("invalid peer certificate") || story.contains("certificate not valid") {
            return Failure::Other(format!(
                "the certificate of the API server at {address} is not accepted: {story}\nthe kubeconfig's certificate authority must be the one that signed it, and its address must be in it"
            ));
        }
        if matches!(error, kube::Error::Auth(_)) {
            return Failure::Other(format!("logging in at {address}: {story}"));
        }
        let (from, why) = match &self.inner.dial {
            Some(dial) => (dial.from(), dial.refusal().await),
            None => ("this machine".to_owned(), None),
        };
        let why = why.unwrap_or(last);
        Failure::Away(format!(
            "the API server at {address}, as seen from {from}, does not answer: {why}"
        ))
    }
}

impl Failure {
    /// The same after trying for a while.
    fn after(self, tried: Duration) -> Self {
        let seconds = tried.as_secs();
        match self {
            Self::Away(text) if seconds > 0 => {
                Self::Away(format!("{text} (tried for {seconds} s)"))
            }
            other => other,
        }
    }
}

impl Refusal {
    /// An eviction that a PodDisruptionBudget forbids for now: 429 as well, but the waiting is another's.
    pub(super) fn is_budget(&self) -> bool {
        self.causes
            .iter()
            .any(|(_, reason, _)| reason == "DisruptionBudget")
    }
}

/// The words of a `Warning` header: `299 - "words"`.
fn warning(header: &str) -> Option<String> {
    let rest = header.split_once('"')?.1;
    let mut text = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Some(text),
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Script, answer};
    use super::*;
    use serde_json::json;

    #[test]
    fn warnings() {
        let cases = [
            (
                r#"299 - "policy/v1beta1 is \"old\"""#,
                Some("policy/v1beta1 is \"old\""),
            ),
            ("299 - none", None),
            (r#"299 - "cut"#, None),
        ];
        for (header, wanted) in cases {
            assert_eq!(warning(header).as_deref(), wanted, "{header}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_overloaded_server_is_asked_again() {
        let script = Script::new()
            .on(
                "GET /version",
                answer(503, json!({"message": "etcd is away"})),
            )
            .on("GET /version", answer(429, json!({"message": "too many"})))
            .on(
                "GET /version",
                answer(200, json!({"gitVersion": "v1.36.5"})),
            );
        let client = script.client();
        assert_eq!(client.version().await.unwrap()["gitVersion"], "v1.36.5");
        assert!(!client.is_simulated().await.unwrap());
        script.finish();
    }

    #[tokio::test(start_paused = true)]
    async fn what_must_not_be_sent_twice_is_not() {
        let script = Script::new().on("POST /x", None);
        let client = script.client();
        let send = Ask::new(http::Method::POST, "/x".into()).body(json!({}));
        let Err(Failure::Away(text)) = client.send(send).await else {
            panic!("answered")
        };
        assert!(text.contains("does not answer"), "{text}");
        script.finish();
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_stays_away_is_given_up() {
        let script = Script::new().always("GET /version", None);
        let failure = script.client().version().await.unwrap_err();
        insta::assert_snapshot!(failure, @"the API server at https://cluster.test:6443, as seen from this machine, does not answer: connection reset (tried for 1 s)");
    }

    #[tokio::test]
    async fn check_mode_writes_nothing() {
        let script = Script::new().on("PATCH /x?dryRun=All", answer(200, json!({})));
        let client = script.client().handle(true, None, None);
        let write = Ask::new(http::Method::PATCH, "/x".into()).body(json!({}));
        let refused = client.send(write.clone()).await.err().unwrap().to_string();
        insta::assert_snapshot!(refused, @"`PATCH /x` in check mode: this is a fault in hoist, please report it");
        client.send(write.with("dryRun", "All")).await.unwrap();
        // for a deletion the body counts, and nothing else
        let delete = Ask::new(http::Method::DELETE, "/x".into())
            .with("dryRun", "All")
            .body(json!({"kind": "DeleteOptions"}));
        assert!(client.send(delete).await.is_err());
        script.finish();
    }
}
