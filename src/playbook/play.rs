//! Plays.

use super::{Common, Entry, Located};
use crate::error::{Diagnostic, Span};
use std::path::PathBuf;
use std::sync::Arc;

/// A playbook with everything it imports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Playbook {
    /// The plays in order; `import_playbook` is expanded.
    pub plays: Vec<Arc<Play>>,
    /// What is no mistake but looks like one, to be shown once.
    pub warnings: Vec<Diagnostic>,
}

/// A play.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    /// Where it begins.
    pub span: Span,
    /// `hosts`: a pattern, a list of patterns, or a template.
    pub hosts: Located,
    /// Its keywords; `tags` and `vars` include those of its `import_playbook` entries. `when` and `notify` are never given.
    pub common: Common,
    /// `when` of the `import_playbook` entries it came by: holds for fact gathering and for every task, not for handlers.
    pub when: Vec<Located>,
    /// `gather_facts`; `None` when not given.
    pub gather_facts: Option<Located>,
    /// `gather_subset`.
    pub gather_subset: Option<Located>,
    /// `gather_timeout`.
    pub gather_timeout: Option<Located>,
    /// `fact_path`.
    pub fact_path: Option<Located>,
    /// `vars_files`: each a name, or a list of names of which the first that exists is taken. Possibly templates.
    pub vars_files: Vec<Located>,
    /// `vars_prompt`.
    pub vars_prompt: Vec<Prompt>,
    /// `pre_tasks`.
    pub pre_tasks: Vec<Entry>,
    /// `roles`: a block of kind `Role` each.
    pub roles: Vec<Entry>,
    /// `tasks`.
    pub tasks: Vec<Entry>,
    /// `post_tasks`.
    pub post_tasks: Vec<Entry>,
    /// All handlers known at load time, in Ansible's order: those of `roles` and their dependencies, the play's own, those of
    /// imported roles. Of several with one name the last counts. Those of roles stand in the blocks of their roles.
    pub handlers: Vec<Entry>,
    /// `serial`, a list in any case; empty when not given.
    pub serial: Vec<Located>,
    /// `strategy`.
    pub strategy: Option<Located>,
    /// `order`.
    pub order: Option<Located>,
    /// `max_fail_percentage`.
    pub max_fail_percentage: Option<Located>,
    /// `force_handlers`.
    pub force_handlers: Option<Located>,
    /// Its file, as the user would write it.
    pub path: PathBuf,
    /// The folder of its file, absolute: `playbook_dir` and where relative names start.
    pub dir: PathBuf,
}

impl Play {
    /// What the play is called: its name, or its hosts.
    pub fn title(&self) -> String {
        let given = self.common.name.as_ref().map(|name| name.to_string());
        given
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| match self.hosts.as_list() {
                Some(hosts) => hosts
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(","),
                None => self.hosts.to_string(),
            })
    }
}

/// An entry of `vars_prompt`.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The variable.
    pub name: String,
    /// `prompt`: the question; the variable's name when not given.
    pub prompt: Option<Located>,
    /// `default`.
    pub default: Option<Located>,
    /// `private`: whether the answer is hidden; true when not given.
    pub private: bool,
    /// `confirm`: whether it is asked twice.
    pub confirm: bool,
    /// `encrypt`: a hash scheme (`sha512_crypt` …).
    pub encrypt: Option<String>,
    /// `salt`.
    pub salt: Option<String>,
    /// `salt_size`.
    pub salt_size: Option<u32>,
    /// `unsafe`: the answer is never a template. (It never is with hoist.)
    pub unsafe_: bool,
}
