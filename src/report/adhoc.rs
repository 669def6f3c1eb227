//! One module on many hosts: each host's answer, as `ansible` prints it.

use super::outcome::keys;
use super::paint::harmless;
use super::{Event, EventKind, HostResult, Paint, Reporter, Status, Tone, diff};
use crate::value::Value;
use std::io::{self, Write};

/// Modules whose answer is what they printed.
const PRINTING: &[&str] = &["command", "shell", "raw", "script"];

/// Writes each host's answer when it comes.
pub struct AdHoc<W> {
    out: W,
    paint: Paint,
    prints: bool,
}

impl<W: Write> AdHoc<W> {
    /// Writes to `out`.
    pub fn new(paint: Paint, out: W) -> Self {
        Self {
            out,
            paint,
            prints: false,
        }
    }

    fn answer(&self, result: &HostResult) -> String {
        let (tone, word) = match result.status {
            Status::Ok => (Tone::Ok, "SUCCESS"),
            Status::Changed => (Tone::Changed, "CHANGED"),
            Status::Skipped => (Tone::Skipped, "SKIPPED"),
            Status::Failed | Status::Ignored => (Tone::Bad, "FAILED"),
            Status::Unreachable => (Tone::Bad, "UNREACHABLE!"),
        };
        let host = &result.host;
        let text = |key: &str| {
            result
                .result
                .get(key)
                .map(Value::to_string)
                .unwrap_or_default()
        };
        let mut out: String = result
            .diff
            .iter()
            .map(|d| diff::unified(d, self.paint))
            .collect();
        if self.prints && result.result.contains_key("rc") {
            let head = format!("{host} | {word} | rc={} >>", text("rc"));
            out.push_str(&self.paint.tone(tone, &head));
            out.push('\n');
            let parts = [
                text("stdout"),
                text("stderr"),
                if text("rc") == "0" {
                    String::new()
                } else {
                    text("msg")
                },
            ];
            for part in parts.iter().filter(|p| !p.is_empty()) {
                out.push_str(harmless(part).trim_end_matches('\n'));
                out.push('\n');
            }
        } else {
            let keys = keys(result, true);
            let word = if word == "FAILED" { "FAILED!" } else { word };
            out.push_str(&self.paint.tone(tone, &format!("{host} | {word} => {keys}")));
            out.push('\n');
        }
        out
    }
}

impl<W: Write + Send> Reporter for AdHoc<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        let text = match &event.kind {
            EventKind::TaskStarted(task) => {
                let short = task.module.rsplit('.').next().unwrap_or_default();
                self.prints = PRINTING.contains(&short);
                return Ok(());
            }
            EventKind::HostFinished(result) => self.answer(result),
            EventKind::Warning { message } => {
                let line = format!("[WARNING]: {}", harmless(message));
                format!("{}\n", self.paint.tone(Tone::Warning, &line))
            }
            EventKind::Note { message } => format!("{}\n", harmless(message)),
            _ => return Ok(()),
        };
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}
