//! What a module may know besides its arguments when it is bound.

use super::Fail;
use crate::artifacts::Site;
use crate::value::Map;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The circumstances of one task on one host.
pub struct Context<'a> {
    /// Check mode.
    pub check: bool,
    /// Whether a diff is wanted; making one may need a file's old text.
    pub diff: bool,
    /// The facts known of the host (`ansible_facts`, keys without the `ansible_` prefix); may be empty when none were gathered.
    pub facts: &'a Map,
    /// The task's environment, already rendered.
    pub environment: &'a BTreeMap<String, String>,
    /// The account the task runs as is root for sure (`become: true` to root, or the login user is root).
    pub root: bool,
    /// The inventory name of the host.
    pub host: &'a str,
    /// Files of the control machine.
    pub files: &'a dyn ControlFiles,
}

/// The control machine's side of copy, template, script, unarchive …
pub trait ControlFiles: Sync {
    /// Where `name` is, searched in `kind` (`files`, `templates`, …) of the role, then the playbook, as Ansible does.
    ///
    /// # Errors
    /// A message with every place that was searched.
    fn find(&self, kind: &str, name: &str) -> Result<PathBuf, Fail>;

    /// The directory that relative paths of the control machine which need not exist yet are in: the playbook's.
    fn base(&self) -> PathBuf {
        PathBuf::from(".")
    }

    /// The file's bytes, decrypted when it is a vault and `decrypt` says so.
    fn read(&self, path: &std::path::Path, decrypt: bool) -> Result<std::sync::Arc<[u8]>, Fail>;

    /// Length in bytes and SHA-256 and SHA-1 in lower-case hex, computed while streaming and remembered for the run.
    fn digest(&self, path: &std::path::Path) -> Result<(u64, String, String), Fail>;

    /// The site's artifacts, and whether the host is to download them itself (variable `hoist_artifacts_from: host`).
    ///
    /// # Errors
    /// There is no `artifacts.yml`; the variable makes no sense.
    fn artifacts(&self) -> Result<(Arc<Site>, bool), Fail> {
        Err(Fail::new("there is no artifacts.yml"))
    }

    /// A template file rendered with the task's variables; `options` are the `template` module's own arguments.
    fn render(&self, path: &std::path::Path, options: &Map) -> Result<String, Fail>;
}
