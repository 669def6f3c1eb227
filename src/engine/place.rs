//! Where a task stands: the play, the blocks round it, its role. What is inherited is looked up here, from the inside out.

use super::strand::Strand;
use crate::error::Span;
use crate::playbook::{Block, Common, Located, Play, RoleUse, Task};
use crate::value::Map;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One level of surroundings.
#[derive(Clone, Debug)]
pub enum Level {
    /// The play.
    Play(Arc<Play>),
    /// A block, an import, a use of a role.
    Block(Arc<Block>),
    /// Keywords that an include hands on: its `apply`.
    Apply(Arc<Common>),
}

impl Level {
    /// Its keywords.
    pub fn common(&self) -> &Common {
        match self {
            Self::Play(play) => &play.common,
            Self::Block(block) => &block.common,
            Self::Apply(common) => common,
        }
    }
}

/// The surroundings of the entries of one list of tasks. Cheap to clone and extend.
#[derive(Clone, Debug)]
pub struct Place {
    /// The play.
    pub play: Arc<Play>,
    /// From the play inwards.
    pub levels: Vec<Level>,
    /// The roles round it, outermost first; the last one is the task's own.
    pub roles: Vec<Arc<RoleUse>>,
    /// Parameters of enclosing includes (`vars` of include_tasks and include_role), the inner ones laid over the outer.
    pub include_params: Arc<Map>,
    /// The dynamic includes that led here, outermost first; their number is bounded, for they may go in a circle.
    pub includes: Vec<Span>,
    /// Whether a failure here is caught by the `rescue` of a block round it.
    pub guarded: bool,
    /// What it is part of: the play, or a role that runs beside others.
    pub strand: Strand,
}

impl Place {
    /// The top of a play.
    pub fn top(play: &Arc<Play>) -> Self {
        Self {
            play: play.clone(),
            levels: vec![Level::Play(play.clone())],
            roles: Vec::new(),
            include_params: Arc::default(),
            includes: Vec::new(),
            guarded: false,
            strand: Strand::default(),
        }
    }

    /// The same place as a part of another strand.
    pub fn on(&self, strand: &Strand) -> Self {
        Self {
            strand: strand.clone(),
            ..self.clone()
        }
    }

    /// Inside a block.
    pub fn inside(&self, block: &Arc<Block>) -> Self {
        let mut inner = self.clone();
        inner.levels.push(Level::Block(block.clone()));
        if let Some(role) = block.role() {
            inner.roles.push(role.clone());
        }
        inner
    }

    /// Inside the body of a block: like [`Place::inside`], and its `rescue` catches failures.
    pub fn in_body(&self, block: &Arc<Block>) -> Self {
        let mut inner = self.inside(block);
        inner.guarded |= !block.rescue.is_empty();
        inner
    }

    /// Inside a dynamic include: its keywords (`apply`) and its parameters.
    pub fn included(&self, at: &Span, apply: Option<Arc<Common>>, params: &Map) -> Self {
        let mut inner = self.clone();
        inner.levels.extend(apply.map(Level::Apply));
        if !params.is_empty() {
            let mut all = (*self.include_params).clone();
            all.extend(params.iter().map(|(k, v)| (k.clone(), v.clone())));
            inner.include_params = Arc::new(all);
        }
        inner.includes.push(at.clone());
        inner
    }

    /// The task's own role.
    pub fn role(&self) -> Option<&Arc<RoleUse>> {
        self.roles.last()
    }

    /// All keyword levels from the outside in, the task's own last.
    pub fn commons<'a>(&'a self, task: &'a Task) -> impl DoubleEndedIterator<Item = &'a Common> {
        self.levels
            .iter()
            .map(Level::common)
            .chain(std::iter::once(&task.common))
    }

    /// The innermost value of a keyword: the task's, else that of the block round it, and so on out to the play.
    pub fn keyword<'a>(
        &'a self,
        task: &'a Task,
        pick: impl Fn(&'a Common) -> Option<&'a Located>,
    ) -> Option<&'a Located> {
        self.commons(task).rev().find_map(pick)
    }

    /// Directories in which a relative file is looked for, Ansible's "task search path": each role from the inside out,
    /// the directory of the task's file, the playbook's directory.
    pub fn search_dirs(&self, task_file: &Path) -> Vec<PathBuf> {
        let mut dirs: Vec<PathBuf> = self
            .roles
            .iter()
            .rev()
            .map(|r| r.role.path.clone())
            .collect();
        dirs.extend(task_file.parent().map(Path::to_owned));
        dirs.push(self.play.dir.clone());
        let mut seen = std::collections::BTreeSet::new();
        dirs.retain(|d| seen.insert(d.clone()));
        dirs
    }
}
