//! Tasks.

use super::{Common, IncludeRole, Located};
use crate::error::Span;
use crate::value::Map;
use indexmap::IndexMap;
use std::path::PathBuf;

/// A task or handler.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Where it begins.
    pub span: Span,
    /// Its keywords.
    pub common: Common,
    /// What it does.
    pub action: Action,
    /// Its arguments; for includes what is left of them is in [`ActionKind`].
    pub args: TaskArgs,
    /// `register`, a literal name.
    pub register: Option<String>,
    /// `loop` or `with_*`.
    pub loop_: Option<Loop>,
    /// `until`; all must hold. `None` without the keyword.
    pub until: Option<Vec<Located>>,
    /// `retries`.
    pub retries: Option<Located>,
    /// `delay`.
    pub delay: Option<Located>,
    /// `async`.
    pub async_: Option<Located>,
    /// `poll`.
    pub poll: Option<Located>,
    /// `listen` of a handler; literal names.
    pub listen: Vec<Located>,
    /// `changed_when`. `None` without the keyword.
    pub changed_when: Option<Vec<Located>>,
    /// `failed_when`. `None` without the keyword.
    pub failed_when: Option<Vec<Located>>,
    /// The file it stands in.
    pub path: PathBuf,
    /// Made by hoist (argument validation of a role), not written.
    pub implicit: bool,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The name as written, with its place.
    pub name: Located,
    /// What it means.
    pub kind: ActionKind,
}

/// The kinds of action.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionKind {
    /// A module, by its name as written (`copy`, `ansible.builtin.copy`).
    Module(String),
    /// `action: "{{ … }}"`: a template in [`Action::name`] that renders to a module's name.
    Templated,
    /// `include_tasks`.
    IncludeTasks {
        /// The file, possibly a template.
        file: Located,
        /// `apply`: keywords for every task of the file.
        apply: Option<Box<Common>>,
    },
    /// `include_role`.
    IncludeRole(Box<IncludeRole>),
    /// `include_vars`; its arguments are in [`Task::args`].
    IncludeVars,
    /// `meta`.
    Meta(Meta),
}

/// The words of `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meta {
    /// `flush_handlers`
    FlushHandlers,
    /// `refresh_inventory`
    RefreshInventory,
    /// `noop`
    Noop,
    /// `clear_facts`
    ClearFacts,
    /// `clear_host_errors`
    ClearHostErrors,
    /// `end_play`
    EndPlay,
    /// `end_host`
    EndHost,
    /// `end_batch`
    EndBatch,
    /// `end_role`
    EndRole,
    /// `reset_connection`
    ResetConnection,
}

impl Meta {
    /// Every word with its meaning.
    pub const ALL: [(&'static str, Self); 10] = [
        ("flush_handlers", Self::FlushHandlers),
        ("refresh_inventory", Self::RefreshInventory),
        ("noop", Self::Noop),
        ("clear_facts", Self::ClearFacts),
        ("clear_host_errors", Self::ClearHostErrors),
        ("end_play", Self::EndPlay),
        ("end_host", Self::EndHost),
        ("end_batch", Self::EndBatch),
        ("end_role", Self::EndRole),
        ("reset_connection", Self::ResetConnection),
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, meta)| *meta == self)
            .map_or("noop", |(word, _)| word)
    }
}

/// A task's arguments as written: `k=v` texts are taken apart and `args:` is laid under them, as Ansible does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskArgs {
    /// What is left of a string beside its `k=v` pairs (`command: echo hi`), or a template for the whole mapping
    /// (`debug: "{{ arguments }}"`, only for modules without a free form).
    pub free_form: Option<Located>,
    /// The named arguments, unrendered.
    pub map: Map,
    /// `args: "{{ x }}"`: a template that renders to a mapping, laid under [`TaskArgs::map`].
    pub variable: Option<Located>,
    /// Where each named argument's name stands.
    pub spans: IndexMap<String, Span>,
    /// Where each named argument's value stands.
    pub values: IndexMap<String, Span>,
}

/// A loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// Which keyword.
    pub kind: LoopKind,
    /// Its value, unrendered.
    pub value: Located,
    /// `loop_control`.
    pub control: LoopControl,
}

/// The loop keywords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopKind {
    /// `loop`.
    Loop,
    /// `with_…`: the lookup's name as written (`items`, `fileglob`, `community.general.x`).
    With(String),
}

/// `loop_control`, unrendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoopControl {
    /// `loop_var`; `item` when not given.
    pub loop_var: Option<Located>,
    /// `index_var`.
    pub index_var: Option<Located>,
    /// `label`.
    pub label: Option<Located>,
    /// `pause`, in seconds.
    pub pause: Option<Located>,
    /// `extended`.
    pub extended: Option<Located>,
    /// `extended_allitems`; true when not given.
    pub extended_allitems: Option<Located>,
    /// `break_when`; all must hold, as with `when`.
    pub break_when: Vec<Located>,
}
