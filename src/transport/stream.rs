//! A stream of bytes to a port, as somebody sees it.

use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// See [`super::Links::stream`].
pub type Stream = Box<dyn Duplex>;
