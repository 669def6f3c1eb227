//! Flags that several subcommands have, named as `ansible-playbook` names them.

use crate::artifacts::Shelf;
use crate::error::Diagnostic;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Which hosts.
#[derive(Args, Clone, Debug, Default)]
pub struct HostFlags {
    /// An inventory: a file, a folder, a script that prints JSON, or a list of hosts with a comma; may be given several times
    #[arg(short, long, visible_alias = "inventory-file", value_name = "SOURCE")]
    pub inventory: Vec<String>,
    /// Only hosts that match this pattern too (`@FILE` reads it from a file)
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
}

/// How to reach them.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionFlags {
    /// Log in as this user
    #[arg(short = 'u', long = "user", value_name = "USER")]
    pub remote_user: Option<String>,
    /// ssh or local
    #[arg(short, long, value_name = "KIND")]
    pub connection: Option<String>,
    /// The private key to log in with, besides those of ssh_config and the agent
    #[arg(long, visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Seconds until a host that does not answer is given up
    #[arg(short = 'T', long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// More arguments for ssh
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
    /// More arguments for ssh, after those
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_extra_args: Option<String>,
    /// Trust a host whose key is not known yet, and remember it; a key that changed is refused all the same
    #[arg(long)]
    pub accept_new_host_keys: bool,
    /// Not supported: hosts are logged in to with keys
    #[arg(short = 'k', long = "ask-pass", hide = true)]
    pub ask_pass: bool,
    /// Not supported: hosts are logged in to with keys
    #[arg(
        long,
        visible_alias = "conn-pass-file",
        value_name = "FILE",
        hide = true
    )]
    pub connection_password_file: Option<PathBuf>,
}

/// Whom to become there.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Privileges")]
pub struct BecomeFlags {
    /// Become another user for every task that does not say otherwise
    #[arg(short = 'b', long = "become")]
    pub r#become: bool,
    /// Which user [default: root]
    #[arg(long, value_name = "USER")]
    pub become_user: Option<String>,
    /// sudo, su or doas [default: sudo]
    #[arg(long, value_name = "METHOD")]
    pub become_method: Option<String>,
    /// Ask for the password that becoming needs
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// A file that holds that password, or a script that prints it
    #[arg(
        long,
        visible_alias = "become-pass-file",
        value_name = "FILE",
        conflicts_with = "ask_become_pass"
    )]
    pub become_password_file: Option<PathBuf>,
}

/// What is done, and how.
#[derive(Args, Clone, Debug, Default)]
pub struct WorkFlags {
    /// A variable that outranks all others: k=v, YAML, JSON or @FILE; may be given several times
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// How many hosts work at the same time [default: 50; waiting costs no process here]
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub forks: Option<u16>,
    /// Change nothing; say what would change
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show what changes in files
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Not supported: modules are part of hoist
    #[arg(short = 'M', long, value_name = "PATH", hide = true)]
    pub module_path: Vec<String>,
    /// What is installed from outside.
    #[command(flatten)]
    pub artifacts: ArtifactFlags,
}

/// What is installed from outside, and from where.
#[derive(Args, Clone, Debug, Default)]
pub struct ArtifactFlags {
    /// Install FILE in place of the locked artifact NAME, and say so; may be given several times
    #[arg(long = "artifact", value_name = "NAME=FILE")]
    pub replace: Vec<String>,
    /// A folder or an address that stands for the internet: files are at MIRROR/host/path
    #[arg(long, env = "HOIST_MIRROR", value_name = "MIRROR")]
    pub mirror: Option<String>,
}

impl ArtifactFlags {
    /// What a run has of artifacts.
    ///
    /// # Errors
    /// A flag that makes no sense.
    pub fn shelf(&self, cwd: &Path) -> Result<Shelf, Diagnostic> {
        let mirror = self.mirror.as_deref().filter(|m| !m.is_empty());
        Shelf::new(&self.replace, mirror, cwd)
    }
}

/// What is said.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// Say more: results; -vv places and tags; -vvv everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// text, or json: one event a line; `--output junit FILE` is the same as `--junit FILE`
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// Also write a JUnit file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Also write every event to this file, for `hoist replay`
    #[arg(long, visible_alias = "log", value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// How a run is told on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One event a line.
    Json,
}

/// `--output junit FILE` as `--junit FILE`: what takes a file is a flag of its own, so that it cannot swallow a playbook.
pub fn spell_out(args: impl IntoIterator<Item = std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let mut out: Vec<std::ffi::OsString> = Vec::new();
    for arg in args {
        if arg == "--output=junit" {
            out.push("--junit".into());
        } else if arg == "junit" && out.last().is_some_and(|last| last == "--output") {
            out.pop();
            out.push("--junit".into());
        } else {
            out.push(arg);
        }
    }
    out
}
