//! Playbooks: YAML into typed plays, blocks, tasks and roles, every node with its file, line and column.
//!
//! Nothing is executed here and nothing inherited: static imports and roles are expanded into [`Block`]s, values stay raw.

mod action_reader;
mod arguments;
mod block;
mod cfg_file;
mod common;
mod common_reader;
mod config;
mod config_keys;
mod config_reader;
mod expander;
mod files;
mod finder;
mod include_reader;
mod keyword;
mod loader;
mod located;
mod play;
mod play_keywords;
mod play_reader;
mod role;
mod role_entry;
mod role_files;
mod role_graph;
mod role_reader;
mod sink;
mod task;
mod task_reader;
mod typed;

pub use arguments::{Pairs, key_values};
pub use block::{Block, BlockKind, Entry};
pub use common::Common;
pub use config::Config;
pub use config_keys::settings;
pub use files::Decrypt;
pub use keyword::keywords;
pub use loader::{IncludeFrom, Included, Loader, Render, RoleRequest};
pub use located::Located;
pub use play::{Play, Playbook, Prompt};
pub use role::{FromFiles, IncludeRole, Need, Role, RoleUse};
pub use role_graph::{Edge, RoleGraph, RoleNode, RoleTurn};
pub use task::{Action, ActionKind, Loop, LoopControl, LoopKind, Meta, Task, TaskArgs};

#[cfg(test)]
mod tests;
