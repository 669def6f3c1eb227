//! What a template sees, and what it may ask of the world.

use crate::error::Diagnostic;
use crate::value::{Secrets, Value, Vaulted};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The variables a template sees. Values may hold templates and vaults; they are resolved when they are used.
pub trait Scope: Send + Sync {
    /// The variable `name`. `hostvars`, `vars` and `omit` are never asked for here.
    fn get(&self, name: &str) -> Option<Value>;

    /// Every variable's name, for suggestions, `varnames` and `vars`.
    fn names(&self) -> Vec<String>;

    /// The variables of another host, for `hostvars[host]`; `None` when there is no such host.
    fn host(&self, host: &str) -> Option<Arc<dyn Scope>>;

    /// Every host in the inventory, in its order.
    fn hosts(&self) -> Vec<String>;

    /// What lookups and filters need from outside the variables.
    fn outside(&self) -> &dyn Outside;
}

/// The world as lookups and filters may see it.
pub trait Outside: Send + Sync {
    /// The file `name` by Ansible's search order for `kind` (`files`, `templates` or `vars`).
    /// Errors: not found, with the places that were searched.
    fn find_file(&self, kind: &str, name: &str) -> Result<PathBuf, Diagnostic>;

    /// The folders Ansible's search goes through for this task, the role's own first (`ansible_search_path`).
    fn search_path(&self) -> Vec<PathBuf>;

    /// The text inside an encrypted string; adds it to [`Outside::secrets`]. Errors: no key that fits.
    fn decrypt(&self, value: &Vaulted) -> Result<String, Diagnostic>;

    /// The bytes of a file, decrypted when it is a vault. Errors: unreadable, no key that fits.
    fn read_file(&self, path: &Path) -> Result<Vec<u8>, Diagnostic>;

    /// Encrypts `text` for the `vault` filter with the run's vault secret of that id (`None`: the first one).
    /// Errors: no such secret.
    fn encrypt(&self, text: &str, id: Option<&str>) -> Result<String, Diagnostic>;

    /// The hosts a pattern selects, for `lookup('inventory_hostnames', …)`. Errors: a pattern that is wrong.
    fn match_hosts(&self, pattern: &str) -> Result<Vec<String>, Diagnostic>;

    /// Whether this is only a look ahead: what has effects or takes long (`pipe`, `url`, `password`) is refused then, for
    /// its turn has not come.
    fn is_ahead(&self) -> bool {
        false
    }

    /// Tells the user something that is no mistake, masked.
    fn warn(&self, message: String);

    /// The texts that must not be shown.
    fn secrets(&self) -> &Secrets;

    /// The value of a setting, for `lookup('config', …)`; `None` where it is not known.
    fn setting(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// The folder of the playbook; relative paths start here.
    fn basedir(&self) -> &Path;
}
