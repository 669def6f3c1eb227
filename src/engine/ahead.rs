//! What comes after a task: the rest of the lists it stands in, for reading ahead.

use super::place::Place;
use crate::playbook::{Entry, Task};
use std::sync::Arc;

/// A point in the lists of tasks: everything from here on, innermost list first. A linked list, cheap to extend.
#[derive(Clone)]
pub struct Ahead {
    entries: Arc<Vec<Entry>>,
    next: usize,
    place: Arc<Place>,
    outer: Option<Arc<Ahead>>,
}

impl Ahead {
    /// The entries of a list from number `next` on, then whatever follows outside.
    pub fn new(
        entries: Arc<Vec<Entry>>,
        next: usize,
        place: Arc<Place>,
        outer: Option<Arc<Ahead>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            entries,
            next,
            place,
            outer,
        })
    }

    /// Visits the tasks that follow, with their places, until `visit` says stop. Rescues are left out: they are not expected.
    pub fn visit(&self, visit: &mut dyn FnMut(&Arc<Task>, &Arc<Place>) -> bool) {
        if !walk(
            &self.entries[self.next.min(self.entries.len())..],
            &self.place,
            visit,
        ) {
            return;
        }
        if let Some(outer) = &self.outer {
            outer.visit(visit);
        }
    }
}

fn walk(
    entries: &[Entry],
    place: &Arc<Place>,
    visit: &mut dyn FnMut(&Arc<Task>, &Arc<Place>) -> bool,
) -> bool {
    entries.iter().all(|entry| match entry {
        Entry::Task(task) => visit(task, place),
        Entry::Block(block) => {
            let inner = Arc::new(place.in_body(block));
            walk(&block.body, &inner, visit) && walk(&block.always, &inner, visit)
        }
    })
}
