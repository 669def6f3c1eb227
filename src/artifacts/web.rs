//! Asking servers: proxies, time limits, and trying again.

use super::{Mirror, Place};
use crate::error::Diagnostic;
use reqwest::header::{IF_RANGE, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use std::time::Duration;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often a request is made again without anything having come of it.
    pub tries: u32,
    /// The wait before the second try; each further one is twice as long.
    pub first_wait: Duration,
    /// For a connection to come about.
    pub connect: Duration,
    /// Without a byte.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 5,
            first_wait: Duration::from_millis(500),
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// The wait after the `tried`th try (from 1) that failed, at most a minute.
    pub(super) fn wait(&self, tried: u32, asked: Option<Duration>) -> Duration {
        let own = self
            .first_wait
            .saturating_mul(1 << tried.saturating_sub(1).min(10));
        asked.unwrap_or(own).min(Duration::from_secs(60))
    }
}

/// The way to publishers, or to what stands for them.
#[derive(Clone, Debug)]
pub struct Web {
    client: Client,
    /// Where addresses lead.
    pub mirror: Mirror,
    /// How long to wait.
    pub patience: Patience,
}

/// Why an answer did not come.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may come when asked again, after that time if the server said so.
    Again(String, Option<Duration>),
    /// It will not.
    Never(String),
}

impl Trouble {
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Again(why, _) | Self::Never(why) => why,
        }
    }
}

/// How much of a list of checksums, an index or a page of versions is read at most.
const TEXT_LIMIT: usize = 64 << 20;

impl Web {
    /// With the system's certificates and the proxies of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn new(mirror: Mirror, patience: Patience) -> Result<Self, Diagnostic> {
        // an error means that somebody installed one already, which will do
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = Client::builder()
            .user_agent(concat!("hoist/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(patience.connect)
            .read_timeout(patience.silence)
            .redirect(reqwest::redirect::Policy::limited(10))
            .build()
            .map_err(|e| Diagnostic::new(format!("cannot prepare for the web: {}", reasons(&e))))?;
        Ok(Self {
            client,
            mirror,
            patience,
        })
    }

    /// Asks for a file from byte `from` on, if what is there is still `tag` (its ETag).
    pub(super) async fn get(
        &self,
        url: &str,
        from: u64,
        tag: Option<&str>,
    ) -> Result<Response, Trouble> {
        let mut request = self.client.get(url);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
            if let Some(tag) = tag {
                request = request.header(IF_RANGE, tag);
            }
        }
        answered(request.send().await)
    }

    /// The length that the server says a file has; nothing when it does not say.
    pub(super) async fn length(&self, url: &str) -> Option<u64> {
        match self.mirror.place(url) {
            Place::File(path) => std::fs::metadata(path).ok().map(|m| m.len()),
            Place::Url(url) => {
                let answer = answered(self.client.head(url).send().await).ok()?;
                let header = answer.headers().get(reqwest::header::CONTENT_LENGTH)?;
                header.to_str().ok()?.parse().ok().filter(|n| *n > 0)
            }
        }
    }

    /// A text, from the mirror if there is one.
    ///
    /// # Errors
    /// It did not come, however often it was asked for; with what it is and where it was looked for.
    pub async fn text(&self, url: &str, what: &str) -> Result<String, Diagnostic> {
        let place = self.mirror.place(url);
        let failed = |why: &str| {
            let problem = Diagnostic::new(format!("{what} could not be got: {why}"));
            problem.with_note(format!("from {place}"))
        };
        let bytes = match &place {
            Place::File(path) => std::fs::read(path).map_err(|e| failed(&e.to_string()))?,
            Place::Url(url) => self.bytes(url).await.map_err(|t| failed(t.words()))?,
        };
        String::from_utf8(bytes).map_err(|_| failed("it is no text"))
    }

    async fn bytes(&self, url: &str) -> Result<Vec<u8>, Trouble> {
        let mut tried = 0;
        loop {
            tried += 1;
            let asked = match self.try_bytes(url).await {
                Err(Trouble::Again(_, asked)) if tried < self.patience.tries => asked,
                other => return other,
            };
            tokio::time::sleep(self.patience.wait(tried, asked)).await;
        }
    }

    async fn try_bytes(&self, url: &str) -> Result<Vec<u8>, Trouble> {
        let mut answer = self.get(url, 0, None).await?;
        let mut bytes = Vec::new();
        let broken = |e: reqwest::Error| Trouble::Again(reasons(&e), None);
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > TEXT_LIMIT {
                return Err(Trouble::Never("it is far too long".to_owned()));
            }
        }
        Ok(bytes)
    }
}

/// Sorts answers into good ones, those to be asked for again, and the rest.
fn answered(sent: reqwest::Result<Response>) -> Result<Response, Trouble> {
    let answer = match sent {
        Ok(answer) => answer,
        Err(e) if e.is_builder() || e.is_redirect() => return Err(Trouble::Never(reasons(&e))),
        Err(e) => return Err(Trouble::Again(reasons(&e), None)),
    };
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let why = format!("the server answered {status}");
    let busy = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::RANGE_NOT_SATISFIABLE
        );
    if !busy {
        return Err(Trouble::Never(why));
    }
    let header = answer.headers().get(RETRY_AFTER);
    let asked = header.and_then(|h| h.to_str().ok()?.trim().parse().ok());
    Err(Trouble::Again(why, asked.map(Duration::from_secs)))
}

/// An error with what caused it; the address itself is told elsewhere.
pub(super) fn reasons(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    match causes.last() {
        _ if error.is_timeout() => "nothing came for too long".to_owned(),
        // what lies between says the same again
        Some(last) if error.is_connect() => format!("no connection: {last}"),
        Some(_) => causes.join(": "),
        None => error.to_string(),
    }
}
