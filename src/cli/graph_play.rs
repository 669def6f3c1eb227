//! A play as `hoist graph` shows it.

use crate::check::Overview;

/// A play as it is shown.
pub(super) struct GraphPlay {
    /// Its number, over all playbooks, from 1.
    pub number: usize,
    /// What runs.
    pub overview: Overview,
    /// How many hosts it has; `None` where only the run can tell.
    pub hosts: Option<usize>,
}

impl GraphPlay {
    /// The play in a line: its name and its hosts.
    pub(super) fn heading(&self) -> String {
        let patterns = self.overview.patterns.join(",");
        let hosts = match self.hosts {
            None => String::new(),
            Some(1) => ", 1 host".to_owned(),
            Some(count) => format!(", {count} hosts"),
        };
        if self.overview.title == patterns {
            return format!("{patterns}{hosts}");
        }
        format!("{} ({patterns}{hosts})", self.overview.title)
    }
}
