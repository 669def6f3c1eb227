//! Going through a play's tasks with what stands around each.

use crate::playbook::{Block, Common, Entry, Play, RoleUse, Task};
use crate::value::Value;
use std::sync::Arc;

/// What stands around a task.
#[derive(Clone)]
pub(super) struct Around<'p> {
    /// The play.
    pub(super) play: &'p Play,
    /// The blocks, from the outside in.
    pub(super) blocks: Vec<&'p Block>,
    /// Whether it is a handler.
    pub(super) handler: bool,
    /// Whether it stands in a `rescue` or `always`.
    pub(super) aside: bool,
}

impl<'p> Around<'p> {
    /// The role it belongs to.
    pub(super) fn role(&self) -> Option<&'p Arc<RoleUse>> {
        self.blocks.iter().rev().find_map(|block| block.role())
    }

    /// The keywords of the play and the blocks, from the outside in.
    pub(super) fn commons(&self) -> impl Iterator<Item = &'p Common> {
        std::iter::once(&self.play.common).chain(self.blocks.iter().map(|block| &block.common))
    }

    /// The tags of a task with all it inherits, sorted, each once; and whether some are templates (and so unknown).
    pub(super) fn tags(&self, task: &Task) -> (Vec<String>, bool) {
        let mut tags = Vec::new();
        let mut unknown = false;
        for tag in self.commons().chain([&task.common]).flat_map(|c| &c.tags) {
            unknown |= matches!(tag.value, Value::Template(_));
            tags.push(tag.to_string());
        }
        tags.sort();
        tags.dedup();
        (tags, unknown)
    }
}

/// Calls `each` for every task and handler of a play, in the order of running; handlers last.
pub(super) fn tasks<'p>(play: &'p Play, each: &mut dyn FnMut(&'p Arc<Task>, &Around<'p>)) {
    let mut around = Around {
        play,
        blocks: Vec::new(),
        handler: false,
        aside: false,
    };
    for list in [&play.pre_tasks, &play.roles, &play.tasks, &play.post_tasks] {
        entries(list, &mut around, each);
    }
    around.handler = true;
    entries(&play.handlers, &mut around, each);
}

/// Calls `each` for every task in a list.
pub(super) fn entries<'p>(
    list: &'p [Entry],
    around: &mut Around<'p>,
    each: &mut dyn FnMut(&'p Arc<Task>, &Around<'p>),
) {
    for entry in list {
        match entry {
            Entry::Task(task) => each(task, around),
            Entry::Block(block) => {
                around.blocks.push(block);
                entries(&block.body, around, each);
                let before = std::mem::replace(&mut around.aside, true);
                entries(&block.rescue, around, each);
                entries(&block.always, around, each);
                around.aside = before;
                around.blocks.pop();
            }
        }
    }
}

/// Calls `each` for every block in a list, outer ones first.
pub(super) fn blocks<'p>(list: &'p [Entry], each: &mut dyn FnMut(&'p Block)) {
    for entry in list {
        if let Entry::Block(block) = entry {
            each(block);
            for part in [&block.body, &block.rescue, &block.always] {
                blocks(part, each);
            }
        }
    }
}
