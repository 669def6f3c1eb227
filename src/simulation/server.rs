//! `Server`: the API over HTTPS. Who may come in is told by certificates and tokens of the cluster's own authority.

use super::authority::{Authority, certificates, private_key};
use super::call::{Call, User};
use super::cluster::Cluster;
use super::failure::Failure;
use super::reply::Reply;
use super::tokens;
use super::verbs::answer;
use super::watch::Watch;

use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use serde_json::Value;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// More than this is no object (etcd's own bound is smaller).
const LARGEST: usize = 3 << 20;

/// A request that is not for the API: answered by the program that runs the server.
pub type Extra = Box<dyn Fn(Arc<Server>, Asked) -> Answering + Send + Sync>;

/// An answer in the making; `None` leaves the request to the API.
pub type Answering = futures_util::future::BoxFuture<'static, Option<Response<Body>>>;

/// What came in.
#[derive(Clone)]
pub struct Asked {
    /// The verb.
    pub method: Method,
    /// Path and query.
    pub uri: http::Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// Who asks, when that is known.
    pub user: Option<User>,
    /// The body.
    pub body: Bytes,
}

/// The server.
pub struct Server {
    cluster: Mutex<Cluster>,
    /// Its authority.
    pub authority: Authority,
    /// What else it answers.
    pub extra: Option<Extra>,
}

impl Server {
    /// A server of a cluster.
    pub fn new(cluster: Cluster, authority: Authority, extra: Option<Extra>) -> Server {
        Server {
            cluster: Mutex::new(cluster),
            authority,
            extra,
        }
    }

    /// The cluster, for one who must not wait while holding it.
    pub fn cluster(&self) -> MutexGuard<'_, Cluster> {
        // a panic elsewhere leaves whole objects behind: every change is one insertion
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who a certificate or a header names.
    fn user(&self, certificate: Option<&CertificateDer<'_>>, headers: &HeaderMap) -> Option<User> {
        if let Some(user) = certificate.and_then(named_by) {
            return Some(user);
        }
        let bearer = headers
            .get(header::AUTHORIZATION)?
            .to_str()
            .ok()?
            .strip_prefix("Bearer ")?;
        let key = self.cluster().settings.signing.clone();
        tokens::check(&key, bearer.trim(), jiff::Timestamp::now().as_second())
    }

    async fn respond(
        self: Arc<Self>,
        certificate: Option<CertificateDer<'static>>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let user = self.user(certificate.as_ref(), &parts.headers);
        let body = match Limited::new(
            body,
            LARGEST.max(LARGEST * 32 * usize::from(parts.uri.path().starts_with("/v1-k3s/"))),
        )
        .collect()
        .await
        {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                let message = format!("Request entity too large: limit is {LARGEST}");
                return refused(&Failure::new(413, "RequestEntityTooLarge", message));
            }
        };
        let asked = Asked {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            user,
            body,
        };
        if let Some(extra) = &self.extra
            && let Some(response) = extra(Arc::clone(&self), asked.clone()).await
        {
            return response;
        }
        self.answer(asked)
    }

    /// Answers a request to the API.
    pub fn answer(self: Arc<Self>, asked: Asked) -> Response<Body> {
        match (asked.uri.path(), asked.user) {
            ("/cacerts", _) => text(&self.authority.certificate),
            ("/ping", _) => text("pong"),
            (_, None) => refused(&Failure::unauthorized()),
            (_, Some(user)) => {
                let call = Call::new(
                    asked.method,
                    &asked.uri,
                    &asked.headers,
                    user,
                    asked.body.to_vec(),
                );
                let reply = answer(&mut self.cluster(), &call);
                match reply {
                    Ok(Reply::Json(status, value, warnings)) => json(status, &value, &warnings),
                    Ok(Reply::Text(answer)) => text(&answer),
                    Ok(Reply::Watch(watch)) => watched(self, *watch),
                    Err(failure) => refused(&failure),
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, acceptor: TlsAcceptor) {
        // those who only knock must not hold a place for ever
        let accepted = tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream)).await;
        let Ok(Ok(stream)) = accepted else {
            return;
        };
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates
            .and_then(|it| it.first())
            .map(|it| it.clone().into_owned());
        let service = hyper::service::service_fn(move |request| {
            let (server, certificate) = (Arc::clone(&self), certificate.clone());
            async move { Ok::<_, Infallible>(server.respond(certificate, request).await) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(hyper_util::rt::TokioTimer::new());
        // a client that went away shows as an error; there is nobody to tell
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    }

    /// Serves until the future is dropped.
    ///
    /// # Errors
    /// When the certificates cannot be made.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        names: Vec<String>,
    ) -> io::Result<()> {
        let acceptor = TlsAcceptor::from(Arc::new(self.tls(names)?));
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    stream.set_nodelay(true).ok();
                    tokio::spawn(Arc::clone(&self).connection(stream, acceptor.clone()));
                }
                // out of file descriptors, for example: others may be given back in a moment
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn tls(&self, names: Vec<String>) -> io::Result<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        for certificate in certificates(&self.authority.certificate)? {
            roots.add(certificate).map_err(io::Error::other)?;
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .map_err(io::Error::other)?;
        let own = self.authority.server(names)?;
        let mut chain = certificates(&own.certificate)?;
        chain.extend(certificates(&self.authority.certificate)?);
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, private_key(&own.key)?)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// The user that a certificate names: its common name, in the groups that its organizations name.
fn named_by(certificate: &CertificateDer<'_>) -> Option<User> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let subject = parsed.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let mut groups: Vec<String> = subject
        .iter_organization()
        .filter_map(|it| it.as_str().ok().map(str::to_owned))
        .collect();
    groups.push("system:authenticated".to_owned());
    Some(User { name, groups })
}

/// A body that is there at once.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// An answer that is plain text.
pub fn text(answer: &str) -> Response<Body> {
    let mut response = Response::new(full(answer.to_owned()));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

/// An answer that is JSON.
pub fn json(status: u16, value: &Value, warnings: &[String]) -> Response<Body> {
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    let mut response = Response::new(full(bytes));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for warning in warnings {
        if let Ok(value) = HeaderValue::from_str(&format!("299 - {warning:?}")) {
            headers.append(header::WARNING, value);
        }
    }
    response
}

/// An answer that refuses.
pub fn refused(failure: &Failure) -> Response<Body> {
    if failure.code == 404 && failure.reason.is_empty() {
        let mut response = text(&failure.message);
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    json(failure.code, &failure.to_json(), &[])
}

/// An answer that goes on as long as the client listens.
fn watched(server: Arc<Server>, watch: Watch) -> Response<Body> {
    let changes = server.cluster().store.subscribe();
    let until = tokio::time::Instant::now() + watch.patience;
    let state = Some((server, watch, changes, until));
    let lines = futures_util::stream::unfold(state, |state| async move {
        let (server, mut watch, mut changes, until) = state?;
        loop {
            changes.mark_unchanged();
            let events = watch.poll(&server.cluster());
            match events {
                Err(last) => return Some((vec![last], None)),
                Ok(events) if !events.is_empty() => {
                    return Some((events, Some((server, watch, changes, until))));
                }
                Ok(_) => {}
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return None },
                () = tokio::time::sleep_until(until) => return None,
                () = tokio::time::sleep(Duration::from_secs(30)), if watch.wants_bookmarks() => {
                    let mark = watch.bookmark();
                    return Some((vec![mark], Some((server, watch, changes, until))));
                }
            }
        }
    });
    let frames = lines.map(|events: Vec<Value>| {
        let mut bytes = Vec::new();
        for event in events {
            serde_json::to_writer(&mut bytes, &event).ok();
            bytes.push(b'\n');
        }
        Ok::<_, Infallible>(Frame::data(Bytes::from(bytes)))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
