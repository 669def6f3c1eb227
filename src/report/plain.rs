//! Text for pipes and files.

use super::{Event, EventKind, Reporter, Text, TextOptions};
use std::io::{self, Write};

/// Writes lines as they come, without moving a cursor.
pub struct Plain<W> {
    text: Text,
    out: W,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`.
    pub fn new(options: TextOptions, out: W) -> Self {
        Self {
            text: Text::new(options),
            out,
        }
    }
}

impl<W: Write + Send> Reporter for Plain<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        let text = self.text.on_event(event);
        let last = matches!(event.kind, EventKind::RunFinished(_));
        if !text.is_empty() {
            self.out.write_all(text.as_bytes())?;
        }
        if last || !text.is_empty() {
            self.out.flush()?;
        }
        Ok(())
    }
}
