//! A slow link for machines whose kernel has none to offer.

use crate::error::Diagnostic;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Connects to a TCP port and passes standard input to it and what it says to standard output, everything `delay`
/// late; returns when the other side has closed.
pub async fn relay(address: &str, port: u16, delay: Duration) -> Result<(), Diagnostic> {
    let problem = |e: std::io::Error| Diagnostic::new(format!("{address} port {port}: {e}"));
    let stream = TcpStream::connect((address, port)).await.map_err(problem)?;
    stream.set_nodelay(true).map_err(problem)?;
    // A handshake is a round trip too.
    tokio::time::sleep(delay * 2).await;
    let (from, to) = stream.into_split();
    tokio::spawn(pass(tokio::io::stdin(), to, delay));
    pass(from, tokio::io::stdout(), delay)
        .await
        .map_err(problem)
}

/// Copies until the end of `from`, each piece `delay` after it came, however many are under way.
async fn pass<R, W>(mut from: R, mut to: W, delay: Duration) -> std::io::Result<()>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin,
{
    // Bounded, so that a fast sender meets a full link rather than fills the memory.
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(256);
    let reader = tokio::spawn(async move {
        loop {
            let mut piece = vec![0; 32 << 10];
            let size = from.read(&mut piece).await?;
            piece.truncate(size);
            if size == 0 || sender.send((Instant::now() + delay, piece)).await.is_err() {
                return std::io::Result::Ok(());
            }
        }
    });
    while let Some((due, piece)) = pieces.recv().await {
        sleep_until(due).await;
        to.write_all(&piece).await?;
        to.flush().await?;
    }
    to.shutdown().await?;
    reader.await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn late_but_whole_and_in_order() {
        let delay = Duration::from_millis(60);
        let (mut near, from) = tokio::io::duplex(1 << 20);
        let (to, mut far) = tokio::io::duplex(1 << 20);
        let start = Instant::now();
        let passing = tokio::spawn(pass(from, to, delay));
        let sent: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
        near.write_all(&sent).await.unwrap();
        drop(near);
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        passing.await.unwrap().unwrap();
        assert!(got == sent);
        // Pieces are delayed side by side, not one after the other.
        assert!(
            (delay..delay * 5).contains(&start.elapsed()),
            "{:?}",
            start.elapsed()
        );
    }
}
