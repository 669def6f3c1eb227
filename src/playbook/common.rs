//! The keywords that plays, blocks, roles and tasks share.

use super::Located;
use crate::value::Map;

/// Keywords as written, raw: what is `Some` was given there, whatever it says. Inheritance is not applied: the engine walks
/// from a task through its blocks to its play. `tags`, `when`, `environment` and `module_defaults` add up on that way (outer
/// ones first); `vars` are laid over each other; of every other keyword the innermost counts.
///
/// Follows Ansible's page "Playbook Keywords".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Common {
    /// `name`, possibly a template; never inherited.
    pub name: Option<Located>,
    /// `tags`, texts split at commas. An item may be a template, and may render to a list.
    pub tags: Vec<Located>,
    /// `when`, all of which must hold. Text is an expression without braces; a boolean is itself.
    pub when: Vec<Located>,
    /// `vars`, unrendered.
    pub vars: Map,
    /// `environment`: mappings, or templates that render to one.
    pub environment: Vec<Located>,
    /// `module_defaults`: mappings of module (or `group/…`) to arguments.
    pub module_defaults: Vec<Located>,
    /// `notify` of a task or, inherited, of a block; names or lists of names, possibly templates.
    pub notify: Option<Vec<Located>>,
    /// `collections`; accepted, names are looked up among our own modules anyway.
    pub collections: Option<Located>,
    /// `become`.
    pub become_: Option<Located>,
    /// `become_user`.
    pub become_user: Option<Located>,
    /// `become_method`: `sudo`, `su` or `doas`.
    pub become_method: Option<Located>,
    /// `become_flags`.
    pub become_flags: Option<Located>,
    /// `become_exe`.
    pub become_exe: Option<Located>,
    /// `remote_user`.
    pub remote_user: Option<Located>,
    /// `port`.
    pub port: Option<Located>,
    /// `connection`: `ssh`, `smart` or `local`.
    pub connection: Option<Located>,
    /// `delegate_to`; `local_action` sets it to `localhost`.
    pub delegate_to: Option<Located>,
    /// `delegate_facts`.
    pub delegate_facts: Option<Located>,
    /// `run_once`.
    pub run_once: Option<Located>,
    /// `ignore_errors`.
    pub ignore_errors: Option<Located>,
    /// `ignore_unreachable`.
    pub ignore_unreachable: Option<Located>,
    /// `no_log`.
    pub no_log: Option<Located>,
    /// `check_mode`.
    pub check_mode: Option<Located>,
    /// `diff`.
    pub diff: Option<Located>,
    /// `any_errors_fatal`.
    pub any_errors_fatal: Option<Located>,
    /// `throttle`.
    pub throttle: Option<Located>,
    /// `timeout`, in seconds.
    pub timeout: Option<Located>,
}
