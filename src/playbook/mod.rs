//! Playbooks: YAML into typed plays, blocks, tasks and roles, every node with its file, line and column.
//!
//! Nothing is executed here and nothing inherited: static imports and roles are expanded into [`Block`]s, values stay raw.

mod block;
mod common;
mod located;
mod play;
mod role;
mod task;

pub use block::{Block, BlockKind, Entry};
pub use common::Common;
pub use located::Located;
pub use play::{Play, Playbook, Prompt};
pub use role::{FromFiles, IncludeRole, Role, RoleUse};
pub use task::{Action, ActionKind, Loop, LoopControl, LoopKind, Meta, Task, TaskArgs};
