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
        }
    }
}
