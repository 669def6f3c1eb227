//! The secrets of a run.

use super::cipher::{DEFAULT_ID, Envelope, VaultError, seal_fresh};
use super::source::{Ask, SecretSource};
use crate::error::Problems;
use std::fmt;
use std::sync::Arc;

/// The vault secrets given to this run, in their order. Cheap to clone; never shows a secret.
#[derive(Clone, Default)]
pub struct Keyring(Arc<Vec<(String, Vec<u8>)>>);

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({})", self.ids().join(", "))
    }
}

impl Keyring {
    /// A ring without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads every source, in order.
    ///
    /// # Errors
    /// Each source that cannot be read, or gives nothing.
    pub fn load(sources: &[SecretSource], ask: &mut Ask<'_>) -> Result<Self, Problems> {
        let mut ring = Self::new();
        let mut problems = Problems::new();
        for source in sources {
            let secret = problems.take(source.read(&ring, ask));
            secret.into_iter().for_each(|s| ring.add(&source.id, s));
        }
        problems.or_ok(ring)
    }

    /// Adds a secret under an id; `default` is the id of one without.
    pub fn add(&mut self, id: &str, secret: impl Into<Vec<u8>>) {
        Arc::make_mut(&mut self.0).push((id.to_owned(), secret.into()));
    }

    /// Whether no secret was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids, in order.
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().map(|(id, _)| id.clone()).collect()
    }

    /// Decrypts a text that begins with `$ANSIBLE_VAULT`. As Ansible does, secrets whose id is that of the text are
    /// tried first, then all others.
    ///
    /// # Errors
    /// When no secret fits, or the text is no whole encrypted text.
    pub fn decrypt(&self, text: &str) -> Result<Vec<u8>, VaultError> {
        self.open(text).map(|(plain, _, _)| plain)
    }

    /// Decrypts, and gives the text's own id and the secret that fitted.
    pub(super) fn open(&self, text: &str) -> Result<(Vec<u8>, String, &[u8]), VaultError> {
        let envelope = Envelope::parse(text)?;
        if self.is_empty() {
            return Err(VaultError::NoSecret(envelope.id));
        }
        let (same, other): (Vec<_>, Vec<_>) = self.0.iter().partition(|(id, _)| *id == envelope.id);
        for (_, secret) in same.iter().chain(&other) {
            if let Some(plain) = envelope.open(secret)? {
                return Ok((plain, envelope.id, secret));
            }
        }
        Err(VaultError::WrongSecret(envelope.id, self.ids()))
    }

    /// Encrypts with the secret of `id`, or with the only secret there is; the ids `default` and none give format 1.1,
    /// others 1.2 as Ansible does.
    ///
    /// # Errors
    /// When `id` is unknown, or missing where there are several.
    pub fn encrypt(&self, plain: &[u8], id: Option<&str>) -> Result<String, VaultError> {
        let found = match id {
            Some(wanted) => self.0.iter().find(|(id, _)| id == wanted),
            None if self.0.len() == 1 => self.0.first(),
            None => None,
        };
        let (id, secret) = found.ok_or_else(|| match (id, self.is_empty()) {
            (None, true) => VaultError::NoSecret(DEFAULT_ID.to_owned()),
            (None, false) => VaultError::Ambiguous(self.ids()),
            (Some(id), _) => VaultError::UnknownId(id.to_owned(), self.ids()),
        })?;
        seal_fresh(plain, secret, id)
    }

    #[cfg(test)]
    pub(super) fn same_secrets(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
