//! What reading playbooks needs of templates and vaults before there is a run.

use crate::error::Diagnostic;
use crate::template::{Outside, Scope};
use crate::value::{Map, Secrets, Value, Vaulted};
use crate::vault::{Keyring, is_encrypted};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The variables known while playbooks are read: those that names of imports and roles may use.
pub(super) struct Known {
    pub(super) vars: Map,
    pub(super) world: Arc<World>,
}

impl Scope for Known {
    fn get(&self, name: &str) -> Option<Value> {
        self.vars.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.vars.keys().cloned().collect()
    }

    fn host(&self, _: &str) -> Option<Arc<dyn Scope>> {
        None
    }

    fn hosts(&self) -> Vec<String> {
        Vec::new()
    }

    fn outside(&self) -> &dyn Outside {
        &*self.world
    }
}

/// Files and vaults, as far as they may be asked then.
pub(super) struct World {
    pub(super) cwd: PathBuf,
    pub(super) keyring: Arc<Keyring>,
    pub(super) secrets: Secrets,
}

impl Outside for World {
    fn find_file(&self, _: &str, name: &str) -> Result<PathBuf, Diagnostic> {
        let path = self.cwd.join(name);
        if path.exists() {
            return Ok(path);
        }
        Err(Diagnostic::new(format!("there is no file `{name}`"))
            .with_note(format!("searched: {}", path.display())))
    }

    fn search_path(&self) -> Vec<PathBuf> {
        vec![self.cwd.clone()]
    }

    fn decrypt(&self, value: &Vaulted) -> Result<String, Diagnostic> {
        let text = decrypt(&self.keyring, &value.cipher)?;
        self.secrets.add(&text);
        Ok(text)
    }

    fn read_file(&self, path: &Path) -> Result<Vec<u8>, Diagnostic> {
        let bytes = std::fs::read(path)
            .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))?;
        match std::str::from_utf8(&bytes) {
            Ok(text) if is_encrypted(&bytes) => {
                decrypt(&self.keyring, text).map(String::into_bytes)
            }
            _ => Ok(bytes),
        }
    }

    fn encrypt(&self, text: &str, id: Option<&str>) -> Result<String, Diagnostic> {
        self.keyring
            .encrypt(text.as_bytes(), id)
            .map_err(|e| e.diagnostic())
    }

    fn match_hosts(&self, _: &str) -> Result<Vec<String>, Diagnostic> {
        Err(Diagnostic::new(
            "hosts are not known yet where a name of a file or role is made",
        ))
    }

    fn warn(&self, message: String) {
        super::complain::warn(&Diagnostic::new(self.secrets.mask(&message)));
    }

    fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    fn basedir(&self) -> &Path {
        &self.cwd
    }
}

/// The text inside an encrypted one.
pub(super) fn decrypt(keyring: &Keyring, text: &str) -> Result<String, Diagnostic> {
    let plain = keyring.decrypt(text).map_err(|e| e.diagnostic())?;
    String::from_utf8(plain).map_err(|_| Diagnostic::new("what is encrypted is no text"))
}
