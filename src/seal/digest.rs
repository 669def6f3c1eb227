//! Whether a sealed manifest still holds a Secret.

use super::{Certificate, Scope, Secret};
use crate::error::Diagnostic;
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;

/// How slow a guess is: what OWASP asks of PBKDF2 with SHA-256 (Password Storage Cheat Sheet).
const ROUNDS: u32 = if cfg!(test) { 1_000 } else { 600_000 };
const NAME: &str = "pbkdf2-sha256";

/// A salted, slow digest of a Secret with its name, scope, kind and the key it was sealed for.
///
/// It lies beside the sealed values, where strangers may read it, so it must not help them: there is one digest of all
/// values together, under a random salt, and every guess costs [`ROUNDS`] rounds. A Secret that has one value that cannot
/// be guessed is safe with it; for one made of weak passwords only, keep none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    rounds: u32,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Seal {
    /// With a new salt.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(
        secret: &Secret,
        scope: Scope,
        certificate: &Certificate,
    ) -> Result<Self, Diagnostic> {
        Self::with_rounds(secret, scope, certificate, ROUNDS)
    }

    pub(super) fn with_rounds(
        secret: &Secret,
        scope: Scope,
        certificate: &Certificate,
        rounds: u32,
    ) -> Result<Self, Diagnostic> {
        let mut salt = vec![0; 16];
        getrandom::fill(&mut salt)
            .map_err(|e| Diagnostic::new(format!("the system has no random numbers: {e}")))?;
        let digest = digest(secret, scope, certificate, &salt, rounds);
        Ok(Self {
            rounds,
            salt,
            digest,
        })
    }

    /// Whether it was made of the same Secret, scope and key.
    pub fn fits(&self, secret: &Secret, scope: Scope, certificate: &Certificate) -> bool {
        self.digest == digest(secret, scope, certificate, &self.salt, self.rounds)
    }
}

fn digest(
    secret: &Secret,
    scope: Scope,
    certificate: &Certificate,
    salt: &[u8],
    rounds: u32,
) -> Vec<u8> {
    let mut message = Vec::new();
    let mut add = |bytes: &[u8]| {
        // with its length, so that no two Secrets have the same message
        message.extend((bytes.len() as u64).to_be_bytes());
        message.extend(bytes);
    };
    add(certificate.fingerprint().as_bytes());
    add(scope.to_string().as_bytes());
    for text in [&secret.namespace, &secret.name, &secret.kind] {
        add(text.as_bytes());
    }
    add(format!("{:?}", secret.immutable).as_bytes());
    for map in [&secret.labels, &secret.annotations] {
        add(&map.len().to_be_bytes());
        let mut pairs: Vec<_> = map.iter().collect();
        pairs.sort_by_key(|(key, _)| *key);
        for (key, value) in pairs {
            add(key.as_bytes());
            add(value.to_string().as_bytes());
        }
    }
    for (key, value) in &secret.data {
        add(key.as_bytes());
        add(value);
    }
    let mut out = vec![0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(&message, salt, rounds, &mut out);
    out
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| BASE64_STANDARD_NO_PAD.encode(bytes);
        let (salt, digest) = (text(&self.salt), text(&self.digest));
        write!(f, "{NAME}.{}.{salt}.{digest}", self.rounds)
    }
}

impl FromStr for Seal {
    type Err = ();

    /// Reads what [`fmt::Display`] writes; anything else is no seal, which makes the Secret be sealed anew.
    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('.').collect();
        let [NAME, rounds, salt, digest] = parts[..] else {
            return Err(());
        };
        let bytes = |text: &str| BASE64_STANDARD_NO_PAD.decode(text).map_err(drop);
        let rounds: u32 = rounds.parse().map_err(drop)?;
        // a file with a huge number must not make hoist count for hours
        if rounds == 0 || rounds > 10 * ROUNDS {
            return Err(());
        }
        Ok(Self {
            rounds,
            salt: bytes(salt)?,
            digest: bytes(digest)?,
        })
    }
}
