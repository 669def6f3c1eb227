//! A local taker of a script's standard output.

use std::io::Write;
use std::sync::{Arc, Mutex};

/// Takes bytes as they come from the host. Its first error is kept for whoever made it; later bytes are dropped.
#[derive(Clone)]
pub struct Sink(Arc<Mutex<State>>);

struct State {
    writer: Box<dyn Write + Send>,
    taken: u64,
    error: Option<std::io::Error>,
}

impl Sink {
    /// A sink that writes to `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State {
            writer: Box::new(writer),
            taken: 0,
            error: None,
        })))
    }

    /// Gives it the next bytes.
    pub fn take(&self, bytes: &[u8]) {
        let Ok(mut state) = self.0.lock() else { return };
        if state.error.is_some() {
            return;
        }
        match state.writer.write_all(bytes) {
            Ok(()) => state.taken += bytes.len() as u64,
            Err(error) => state.error = Some(error),
        }
    }

    /// Flushes and says how many bytes were taken.
    ///
    /// # Errors
    /// The first error of the writer.
    pub fn finish(&self) -> std::io::Result<u64> {
        let Ok(mut state) = self.0.lock() else {
            return Err(std::io::Error::other("an earlier write panicked"));
        };
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        state.writer.flush()?;
        Ok(state.taken)
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}
