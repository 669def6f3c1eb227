//! One stream of events, several reporters.

use super::{Event, EventKind, Recap, Reporter};
use tokio::sync::mpsc::UnboundedReceiver;

/// Hands every event to every reporter, in order. A reporter whose output is gone is dropped; the run goes on.
#[derive(Default)]
pub struct Hub {
    reporters: Vec<Box<dyn Reporter>>,
}

impl Hub {
    /// For these reporters.
    pub fn new(reporters: Vec<Box<dyn Reporter>>) -> Self {
        Self { reporters }
    }

    /// One more.
    pub fn add(&mut self, reporter: impl Reporter + 'static) {
        self.reporters.push(Box::new(reporter));
    }

    /// Hands on one event. Returns what made reporters give up, but for closed pipes, which are no one's fault.
    pub fn on_event(&mut self, event: &Event) -> Vec<std::io::Error> {
        let mut errors = Vec::new();
        self.reporters
            .retain_mut(|reporter| match reporter.on_event(event) {
                Ok(()) => true,
                Err(e) => {
                    if e.kind() != std::io::ErrorKind::BrokenPipe {
                        errors.push(e);
                    }
                    false
                }
            });
        errors
    }

    /// Hands on all events until their sender is gone. Blocks: for a thread of its own. Returns the last recap and what
    /// made reporters give up.
    pub fn run(
        mut self,
        mut events: UnboundedReceiver<Event>,
    ) -> (Option<Recap>, Vec<std::io::Error>) {
        let (mut recap, mut errors) = (None, Vec::new());
        while let Some(event) = events.blocking_recv() {
            errors.extend(self.on_event(&event));
            if let EventKind::RunFinished(end) = event.kind {
                recap = Some(end);
            }
        }
        (recap, errors)
    }
}
