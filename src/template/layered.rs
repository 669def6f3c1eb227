//! Variables over variables.

use super::scope::{Outside, Scope};
use crate::value::{Map, Value};
use std::sync::Arc;

/// Some variables more, before those of another scope.
pub struct Layered {
    own: Map,
    below: Arc<dyn Scope>,
}

impl Layered {
    /// `own` before `below`.
    pub fn new(own: Map, below: Arc<dyn Scope>) -> Self {
        Self { own, below }
    }
}

impl Scope for Layered {
    fn get(&self, name: &str) -> Option<Value> {
        self.own.get(name).cloned().or_else(|| self.below.get(name))
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.below.names();
        names.extend(
            self.own
                .keys()
                .filter(|k| self.below.get(k).is_none())
                .cloned(),
        );
        names
    }

    fn host(&self, host: &str) -> Option<Arc<dyn Scope>> {
        self.below.host(host)
    }

    fn hosts(&self) -> Vec<String> {
        self.below.hosts()
    }

    fn outside(&self) -> &dyn Outside {
        self.below.outside()
    }
}
