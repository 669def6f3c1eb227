//! How long, and how often.

use std::time::Duration;

/// How a wait goes: looks come quickly at first, and then every `sleep`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// How long in all.
    pub timeout: Duration,
    /// Between looks, at most.
    pub sleep: Duration,
}

impl Patience {
    /// The pause after the look with this number (from 0): a quarter of a second, doubled each time, up to `sleep`.
    pub(super) fn pause(&self, look: u32) -> Duration {
        let quick = Duration::from_millis(250).saturating_mul(1 << look.min(10));
        quick.min(self.sleep.max(Duration::from_millis(50)))
    }
}

/// Pauses between tries of a request, for as long as the API server is given to come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    /// In all, when it never answered yet.
    pub(super) first: Duration,
    /// In all, when it did.
    pub(super) later: Duration,
    /// The first pause.
    pub(super) start: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(10),
            // an API server that restarts with its etcd takes about half of this
            later: Duration::from_secs(60),
            start: Duration::from_millis(200),
        }
    }
}

impl Backoff {
    pub(super) fn pause(&self, tried: u32) -> Duration {
        self.start
            .saturating_mul(1 << tried.min(10))
            .min(Duration::from_secs(5))
    }
}
