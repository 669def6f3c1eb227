//! Events as lines of JSON, and back.

use super::{Event, Reporter};
use std::io::{self, BufRead, Write};

/// Writes one event a line.
pub struct JsonLines<W>(W);

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write + Send> Reporter for JsonLines<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.flush()
    }
}

/// Gives a recorded run to a reporter, event by event.
///
/// # Errors
/// A line that is no event, by its number; what the reporter's output says. A last line cut short by a kill is left out.
pub fn replay(recorded: impl BufRead, to: &mut dyn Reporter) -> io::Result<()> {
    let mut lines = recorded.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Event>(&line) {
            Ok(event) => to.on_event(&event)?,
            Err(e) if lines.peek().is_none() && e.is_eof() => {}
            Err(e) => {
                let why = format!("line {} is no event of hoist: {e}", at + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
    }
    Ok(())
}
