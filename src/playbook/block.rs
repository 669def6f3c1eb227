//! Blocks, and what lists of tasks hold.

use super::{Common, RoleUse, Task};
use crate::error::Span;
use std::path::PathBuf;
use std::sync::Arc;

/// An entry of a list of tasks or handlers.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A task or handler.
    Task(Arc<Task>),
    /// A block, or what an import was expanded to.
    Block(Arc<Block>),
}

/// A block as written, or what stands for an import: the imported entries under the import's own keywords.
///
/// The roles of the enclosing blocks, from the outside in, are a task's chain of roles; the innermost is the role it belongs to
/// (its `role_path`, its files, whether it is skipped because that role is complete on the host).
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Where it begins.
    pub span: Span,
    /// Why it is here.
    pub kind: BlockKind,
    /// Its keywords.
    pub common: Common,
    /// `block`, or what was imported.
    pub body: Vec<Entry>,
    /// `rescue`.
    pub rescue: Vec<Entry>,
    /// `always`.
    pub always: Vec<Entry>,
}

/// Where a [`Block`] comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum BlockKind {
    /// Written as a block.
    Written,
    /// `import_tasks` of this file.
    Tasks(PathBuf),
    /// A use of a role: first the blocks of its dependencies, then its own entries. Its end is where the role is complete
    /// on a host (if at least one task ran there).
    Role(Arc<RoleUse>),
}

impl Block {
    /// The role, when this block stands for a use of one.
    pub fn role(&self) -> Option<&Arc<RoleUse>> {
        match &self.kind {
            BlockKind::Role(role) => Some(role),
            _ => None,
        }
    }
}
