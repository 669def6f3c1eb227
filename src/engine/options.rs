//! What the user asked for on the command line.

use crate::value::Map;
use std::path::PathBuf;

/// Everything a run needs to know besides the playbook files; flags and `ansible.cfg` already combined.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// `-i`, in order; comma lists too. Empty: an implicit localhost.
    pub inventory: Vec<String>,
    /// `-l`.
    pub limit: Option<String>,
    /// `-t`; empty means `all`.
    pub tags: Vec<String>,
    /// `--skip-tags`.
    pub skip_tags: Vec<String>,
    /// `-e`, merged in order: the highest precedence there is.
    pub extra_vars: Map,
    /// `-f`: how many hosts work at the same time.
    pub forks: usize,
    /// `-u`.
    pub remote_user: Option<String>,
    /// `-b` and its company.
    pub become_default: Option<bool>,
    /// `--become-user`.
    pub become_user: Option<String>,
    /// `--become-method`.
    pub become_method: Option<String>,
    /// `-K` or `--become-password-file`.
    pub become_password: Option<String>,
    /// `-C`.
    pub check: bool,
    /// `-D`.
    pub diff: bool,
    /// `--start-at-task`.
    pub start_at: Option<String>,
    /// `--step`.
    pub step: bool,
    /// `--force-handlers`.
    pub force_handlers: bool,
    /// `--private-key`.
    pub private_key: Option<PathBuf>,
    /// `-T`, seconds.
    pub timeout: u64,
    /// `-c`: `ssh` or `local`.
    pub connection: Option<String>,
    /// `--ssh-common-args` and `--ssh-extra-args`, already split.
    pub ssh_args: Vec<String>,
    /// `--accept-new-host-keys` or `host_key_checking = false`.
    pub accept_new: bool,
    /// How many `-v`.
    pub verbosity: u8,
    /// `gathering` of ansible.cfg: `implicit`, `explicit` or `smart`.
    pub gathering: String,
    /// What plays gather that do not say it: `gather_subset`, `gather_timeout`, `fact_path`.
    pub gather: Map,
    /// Facts are variables by their own names too, not only in `ansible_facts`.
    pub inject_facts: bool,
    /// The strategy of plays that name none.
    pub strategy: String,
    /// `any_errors_fatal` of what does not say it.
    pub any_errors_fatal: bool,
    /// `timeout` of tasks that do not say it, seconds; 0 for none.
    pub task_timeout: f64,
    /// The port of SSH where nothing else says it.
    pub remote_port: Option<u16>,
    /// `become_flags` where nothing else says it.
    pub become_flags: Option<String>,
    /// `become_exe` where nothing else says it.
    pub become_exe: Option<String>,
    /// Whether somebody is there to answer questions.
    pub interactive: bool,
    /// What the lookup `config` gives, by Ansible's names.
    pub settings: Map,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            inventory: Vec::new(),
            limit: None,
            tags: Vec::new(),
            skip_tags: Vec::new(),
            extra_vars: Map::new(),
            forks: 50,
            remote_user: None,
            become_default: None,
            become_user: None,
            become_method: None,
            become_password: None,
            check: false,
            diff: false,
            start_at: None,
            step: false,
            force_handlers: false,
            private_key: None,
            timeout: 10,
            connection: None,
            ssh_args: Vec::new(),
            accept_new: false,
            verbosity: 0,
            gathering: "implicit".to_owned(),
            gather: Map::new(),
            inject_facts: true,
            strategy: "linear".to_owned(),
            any_errors_fatal: false,
            task_timeout: 0.0,
            remote_port: None,
            become_flags: None,
            become_exe: None,
            interactive: true,
            settings: Map::new(),
        }
    }
}
