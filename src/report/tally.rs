//! Counting along with a run, for the recap of one that was cut short.

use super::{Event, EventKind, Recap, Status};

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    recap: Recap,
    events: u64,
    at_ms: u64,
}

impl Tally {
    /// Takes note of an event.
    pub fn count(&mut self, event: &Event) {
        self.events = event.seq + 1;
        self.at_ms = event.at_ms;
        match &event.kind {
            EventKind::PlayStarted { hosts, .. } => {
                for host in hosts {
                    self.recap.hosts.entry(host.clone()).or_default();
                }
            }
            EventKind::HostFinished(result) => {
                let counts = self.recap.hosts.entry(result.host.clone()).or_default();
                match result.status {
                    Status::Ok => counts.ok += 1,
                    Status::Changed => {
                        counts.ok += 1;
                        counts.changed += 1;
                    }
                    Status::Skipped => counts.skipped += 1,
                    Status::Failed => counts.failed += 1,
                    Status::Ignored => {
                        counts.ok += 1;
                        counts.ignored += 1;
                    }
                    Status::Unreachable => counts.unreachable += 1,
                }
            }
            _ => {}
        }
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// When the last one was, in milliseconds since the run began.
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// A recap of what was seen. Failures that a `rescue` caught count as failures: events do not tell.
    pub fn recap(&self, exit: u8) -> Recap {
        Recap {
            took_ms: self.at_ms,
            exit,
            ..self.recap.clone()
        }
    }
}
