//! Counting how hosts fared.

use crate::report::{Counts, Status};
use indexmap::IndexMap;
use std::sync::Mutex;

/// Counts per host.
#[derive(Debug, Default)]
pub struct Tally(Mutex<IndexMap<String, Counts>>);

impl Tally {
    /// Counts one task of one host. `rescued`: the failure is one that a `rescue` will take care of.
    pub fn count(&self, host: &str, status: Status, changed: bool, rescued: bool) {
        let Ok(mut all) = self.0.lock() else { return };
        let counts = all.entry(host.to_owned()).or_default();
        match status {
            Status::Ok | Status::Changed => {
                counts.ok += 1;
                counts.changed += u32::from(changed);
            }
            Status::Ignored => {
                counts.ok += 1;
                counts.ignored += 1;
                counts.changed += u32::from(changed);
            }
            Status::Skipped => counts.skipped += 1,
            Status::Failed if rescued => counts.rescued += 1,
            Status::Failed => counts.failed += 1,
            Status::Unreachable => counts.unreachable += 1,
        }
    }

    /// The counts as they are now, by host name, as Ansible's recap has them.
    pub fn counts(&self) -> IndexMap<String, Counts> {
        let mut all = self.0.lock().map(|all| all.clone()).unwrap_or_default();
        all.sort_keys();
        all
    }

    /// Ansible's exit status: 4 when hosts were out of reach, 2 when tasks failed, 0 otherwise.
    pub fn exit(&self) -> u8 {
        let all = self.counts();
        if all.values().any(|c| c.unreachable > 0) {
            4
        } else if all.values().any(|c| c.failed > 0) {
            2
        } else {
            0
        }
    }
}
