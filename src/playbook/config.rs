//! What `ansible.cfg` and the `ANSIBLE_…` variables set.

use super::config_keys::HONOURED;
use super::config_reader::Reader;
use crate::error::{Diagnostic, Problems, Source, Span};
use std::path::{Path, PathBuf};

/// Settings that hoist honours. `None` and empty mean: not set.
///
/// Follows Ansible's page "Ansible Configuration Settings".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The file they come from.
    pub path: Option<PathBuf>,
    /// `inventory`.
    pub inventory: Vec<String>,
    /// `roles_path`; Ansible's own three folders when not set.
    pub roles_path: Vec<PathBuf>,
    /// `remote_user`.
    pub remote_user: Option<String>,
    /// `remote_port`.
    pub remote_port: Option<u16>,
    /// `private_key_file`.
    pub private_key_file: Option<PathBuf>,
    /// `host_key_checking`.
    pub host_key_checking: Option<bool>,
    /// `forks`.
    pub forks: Option<usize>,
    /// `timeout` of connections, in seconds.
    pub timeout: Option<u64>,
    /// `task_timeout`, in seconds; 0 for none.
    pub task_timeout: Option<u64>,
    /// `transport`: the connection when nothing else says.
    pub transport: Option<String>,
    /// `vault_password_file`.
    pub vault_password_file: Option<PathBuf>,
    /// `vault_identity_list`, entries like `id@source`.
    pub vault_identity_list: Vec<String>,
    /// `become`.
    pub become_: Option<bool>,
    /// `become_user`.
    pub become_user: Option<String>,
    /// `become_method`.
    pub become_method: Option<String>,
    /// `become_flags`.
    pub become_flags: Option<String>,
    /// `become_exe`.
    pub become_exe: Option<String>,
    /// `become_ask_pass`.
    pub become_ask_pass: Option<bool>,
    /// `become_password_file`.
    pub become_password_file: Option<PathBuf>,
    /// `gathering`: `implicit`, `explicit` or `smart`.
    pub gathering: Option<String>,
    /// `gather_subset`.
    pub gather_subset: Vec<String>,
    /// `gather_timeout`, in seconds.
    pub gather_timeout: Option<u64>,
    /// `fact_path`.
    pub fact_path: Option<String>,
    /// `inject_facts_as_vars`.
    pub inject_facts_as_vars: Option<bool>,
    /// `strategy`.
    pub strategy: Option<String>,
    /// `force_handlers`.
    pub force_handlers: Option<bool>,
    /// `any_errors_fatal`.
    pub any_errors_fatal: Option<bool>,
    /// `[diff] always`.
    pub diff: Option<bool>,
    /// `[tags] run`.
    pub tags: Vec<String>,
    /// `[tags] skip`.
    pub skip_tags: Vec<String>,
    /// `[ssh_connection] ssh_args`.
    pub ssh_args: Option<String>,
    /// `[ssh_connection] ssh_common_args`.
    pub ssh_common_args: Option<String>,
    /// `[ssh_connection] ssh_extra_args`.
    pub ssh_extra_args: Option<String>,
    /// What was set and has no effect here, told once.
    pub warnings: Vec<Diagnostic>,
}

impl Config {
    /// Finds and reads the configuration: the file in `ANSIBLE_CONFIG`, `ansible.cfg` in `cwd`, `~/.ansible.cfg`,
    /// `/etc/ansible/ansible.cfg`; the first that is there counts, and single `ANSIBLE_…` variables count before it.
    ///
    /// # Errors
    /// A file that cannot be read, values that do not fit, and settings that would change what a run does and that hoist
    /// does not have.
    pub fn load(cwd: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut reader = Reader {
            cwd,
            env,
            config: Self::default(),
            problems: Problems::new(),
        };
        if let Some(path) = reader.find() {
            reader.read(&path);
        }
        for (_, key, name) in HONOURED {
            if let Some(value) = env(name) {
                let span = Span::start(&Source::new(format!("<{name}>"), value.clone()));
                reader.apply(key, &value, &span, cwd);
            }
        }
        if reader.config.roles_path.is_empty() {
            let home = env("HOME").unwrap_or_default();
            reader.config.roles_path = [
                format!("{home}/.ansible/roles"),
                "/usr/share/ansible/roles".into(),
                "/etc/ansible/roles".into(),
            ]
            .map(PathBuf::from)
            .to_vec();
        }
        reader.problems.or_ok(reader.config)
    }
}
