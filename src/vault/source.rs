//! Where secrets come from.

use super::cipher::{DEFAULT_ID, is_encrypted};
use super::keyring::Keyring;
use crate::error::Diagnostic;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Asks the user something without showing the answer; gets the text to show.
pub type Ask<'a> = dyn FnMut(&str) -> std::io::Result<String> + 'a;

/// One place a vault secret comes from, named by its vault id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// The vault id; `default` when none was given.
    pub id: String,
    from: From,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    Prompt,
    File(PathBuf),
}

impl SecretSource {
    /// Reads what `--vault-id` takes: `ID@FILE`, `ID@prompt`, or either without an id.
    pub fn parse(text: &str) -> Self {
        let (id, from) = text.split_once('@').unwrap_or(("", text));
        let id = if id.is_empty() { DEFAULT_ID } else { id };
        if matches!(from, "prompt" | "prompt_ask_vault_pass") {
            Self::prompt(id)
        } else {
            Self {
                id: id.to_owned(),
                from: From::File(expand(from)),
            }
        }
    }

    /// The user, asked at the terminal.
    pub fn prompt(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            from: From::Prompt,
        }
    }

    /// A file that holds the secret, or a script that prints it.
    pub fn file(path: &str) -> Self {
        Self {
            id: DEFAULT_ID.to_owned(),
            from: From::File(expand(path)),
        }
    }

    /// What the environment names: `ANSIBLE_VAULT_IDENTITY_LIST` and `ANSIBLE_VAULT_PASSWORD_FILE`, as `get` gives them.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Vec<Self> {
        let list = get("ANSIBLE_VAULT_IDENTITY_LIST").unwrap_or_default();
        let ids = list
            .split(',')
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .map(Self::parse);
        let file = get("ANSIBLE_VAULT_PASSWORD_FILE").filter(|f| !f.is_empty());
        ids.chain(file.iter().map(|f| Self::file(f))).collect()
    }

    pub(super) fn read(&self, ring: &Keyring, ask: &mut Ask<'_>) -> Result<Vec<u8>, Diagnostic> {
        let (secret, whence) = match &self.from {
            From::Prompt => {
                let text = if self.id == DEFAULT_ID {
                    "Vault password: ".to_owned()
                } else {
                    format!("Vault password ({}): ", self.id)
                };
                let answer = ask(&text).map_err(|e| {
                    Diagnostic::new(format!("cannot ask for the vault password: {e}"))
                })?;
                (answer.into_bytes(), "the prompt".to_owned())
            }
            From::File(path) => (self.read_file(path, ring)?, format!("`{}`", path.display())),
        };
        let secret = secret.trim_ascii();
        if secret.is_empty() {
            return Err(Diagnostic::new(format!(
                "the vault password from {whence} is empty"
            )));
        }
        Ok(secret.to_vec())
    }

    fn read_file(&self, path: &Path, ring: &Keyring) -> Result<Vec<u8>, Diagnostic> {
        let failed = |e: std::io::Error| {
            Diagnostic::new(format!(
                "cannot read the vault password file `{}`: {e}",
                path.display()
            ))
        };
        let meta = path.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(Diagnostic::new(format!(
                "the vault password file `{}` is a directory",
                path.display()
            )));
        }
        if meta.permissions().mode() & 0o111 != 0 {
            return self.run(path);
        }
        let text = std::fs::read(path).map_err(failed)?;
        if is_encrypted(&text) {
            // A password file may itself be encrypted with a secret given before it.
            return ring.decrypt(&String::from_utf8_lossy(&text)).map_err(|e| {
                e.diagnostic()
                    .with_note(format!("in the vault password file `{}`", path.display()))
            });
        }
        Ok(text)
    }

    /// Runs a script that prints the secret; one called `…-client` is told which id is wanted.
    fn run(&self, path: &Path) -> Result<Vec<u8>, Diagnostic> {
        let name = format!("`{}`", path.display());
        let program = if path.components().count() == 1 {
            Path::new(".").join(path)
        } else {
            path.to_owned()
        };
        let mut command = Command::new(program);
        if path
            .file_stem()
            .is_some_and(|s| s.to_string_lossy().ends_with("-client"))
        {
            command.args(["--vault-id", &self.id]);
        }
        let output = command
            .stdin(Stdio::inherit())
            .stderr(Stdio::inherit())
            .output();
        let output = output.map_err(|e| {
            Diagnostic::new(format!("cannot run the vault password script {name}: {e}"))
                .with_help("take away its execute permission if it is a plain password file")
        })?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(Diagnostic::new(format!(
                "the vault password script {name} failed with {}",
                output.status
            )))
        }
    }
}

/// Replaces a leading `~/` by the home directory.
fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
