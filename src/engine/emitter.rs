//! Numbers events, masks secrets in them and sends them off.

use crate::error::Diagnostic;
use crate::report::{Event, EventKind};
use crate::value::{Secrets, Value};
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// The only way out for what a run says.
pub struct Emitter {
    /// Numbering and sending are one step, so that the order of numbers is the order of arrival.
    out: Mutex<(u64, UnboundedSender<Event>)>,
    started: Instant,
    secrets: Secrets,
    /// Warnings sent; each is sent once, as by Ansible.
    warned: Mutex<HashSet<String>>,
}

impl Emitter {
    /// An emitter into `out`.
    pub fn new(out: UnboundedSender<Event>, secrets: Secrets) -> Self {
        Self {
            out: Mutex::new((0, out)),
            started: Instant::now(),
            secrets,
            warned: Mutex::default(),
        }
    }

    /// Milliseconds since the run began.
    pub fn elapsed_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Sends one event; nobody listening any more is no error.
    pub fn emit(&self, kind: EventKind) {
        let kind = self.masked(kind);
        let Ok(mut out) = self.out.lock() else { return };
        let event = Event {
            seq: out.0,
            at_ms: self.elapsed_ms(),
            kind,
        };
        out.0 += 1;
        out.1.send(event).ok();
    }

    /// Sends a warning.
    pub fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        let new = self
            .warned
            .lock()
            .is_ok_and(|mut warned| warned.insert(message.clone()));
        if new {
            self.emit(EventKind::Warning { message });
        }
    }

    /// Sends a diagnostic as a warning.
    pub fn warn_about(&self, problem: &Diagnostic) {
        self.warn(problem.to_string().trim_start_matches("error: ").to_owned());
    }

    fn masked(&self, kind: EventKind) -> EventKind {
        let text = |s: String| self.secrets.mask(&s);
        match kind {
            EventKind::ItemFinished(r) => EventKind::ItemFinished(self.masked_result(r)),
            EventKind::HostFinished(r) => EventKind::HostFinished(self.masked_result(r)),
            EventKind::Warning { message } => EventKind::Warning {
                message: text(message),
            },
            EventKind::Note { message } => EventKind::Note {
                message: text(message),
            },
            EventKind::Progress {
                task,
                host,
                text: t,
            } => EventKind::Progress {
                task,
                host,
                text: text(t),
            },
            EventKind::TaskStarted(mut info) => {
                info.name = text(info.name);
                EventKind::TaskStarted(info)
            }
            EventKind::RunFinished(mut recap) => {
                recap.stats = match self.secrets.mask_value(&Value::from(recap.stats)) {
                    Value::Map(m) => (*m).clone(),
                    _ => Default::default(),
                };
                EventKind::RunFinished(recap)
            }
            other => other,
        }
    }

    fn masked_result(&self, mut result: crate::report::HostResult) -> crate::report::HostResult {
        for value in result.result.values_mut() {
            *value = self.secrets.mask_value(value);
        }
        for diff in &mut result.diff {
            diff.before = self.secrets.mask(&diff.before);
            diff.after = self.secrets.mask(&diff.after);
        }
        result.item = result.item.map(|i| self.secrets.mask(&i));
        result
    }
}
