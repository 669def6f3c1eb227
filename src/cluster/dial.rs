//! Streams to the API server.

use crate::transport::Stream;
use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Makes streams to `host:port`, as seen from wherever the cluster is reached from.
pub trait Dial: Send + Sync {
    /// One stream.
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Stream>>;

    /// Where from, for messages: `this machine`, `node-1`.
    fn from(&self) -> String;

    /// Why the last stream ended at once, where that is known.
    fn refusal(&self) -> BoxFuture<'_, Option<String>>;
}

/// A [`Dial`] as hyper wants it.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Arc<dyn Dial>);

impl tower::Service<http::Uri> for Connector {
    type Response = TokioIo<Conn>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let dial = self.0.clone();
        Box::pin(async move {
            let host = uri
                .host()
                .ok_or_else(|| io::Error::other("the address has no host"))?
                .trim_matches(['[', ']'])
                .to_owned();
            let default = if uri.scheme_str() == Some("http") {
                80
            } else {
                443
            };
            let stream = dial.dial(&host, uri.port_u16().unwrap_or(default)).await?;
            Ok(TokioIo::new(Conn(stream)))
        })
    }
}

/// A [`Stream`] that hyper can keep in its pool.
pub(super) struct Conn(Stream);

impl Connection for Conn {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
