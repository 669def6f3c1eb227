//! The format of one encrypted text.
//!
//! Follows Ansible's page "Protecting sensitive data with Ansible vault", section "Format of files encrypted with
//! Ansible Vault": PBKDF2 with SHA-256, AES-256 in counter mode, HMAC-SHA-256 over the encrypted bytes.

use crate::error::Diagnostic;
use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

const MAGIC: &str = "$ANSIBLE_VAULT";
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;
/// The name of a secret without a name.
pub(super) const DEFAULT_ID: &str = "default";

/// Why a text could not be decrypted or encrypted. None of the messages holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultError {
    /// The text does not begin with `$ANSIBLE_VAULT`.
    NotEncrypted,
    /// A version or cipher we do not know.
    UnknownFormat(String),
    /// The text is cut off or altered beyond its checksum's reach.
    Damaged(&'static str),
    /// There is no secret at all; holds the name the text asks for.
    NoSecret(String),
    /// No secret fits: the text's name and the names tried.
    WrongSecret(String, Vec<String>),
    /// Several secrets could encrypt: their names.
    Ambiguous(Vec<String>),
    /// No secret has this name: the name, the names there are.
    UnknownId(String, Vec<String>),
    /// The system has no random numbers.
    NoRandom,
}

impl VaultError {
    /// As a message with what to do next.
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::new(self.to_string());
        match self {
            Self::NoSecret(id) if id == DEFAULT_ID => diagnostic
                .with_help("give it with `--vault-password-file FILE` or `--ask-vault-pass`"),
            Self::NoSecret(id) => diagnostic.with_help(format!(
                "give it with `--vault-id {id}@FILE` or `--vault-id {id}@prompt`"
            )),
            Self::WrongSecret(_, tried) => {
                diagnostic.with_note(format!("tried: {}", tried.join(", ")))
            }
            Self::Ambiguous(known) => diagnostic
                .with_note(format!("known: {}", known.join(", ")))
                .with_help("choose one with `--encrypt-vault-id ID`"),
            Self::UnknownId(_, known) if !known.is_empty() => {
                diagnostic.with_note(format!("known: {}", known.join(", ")))
            }
            Self::UnknownFormat(_) => {
                diagnostic.with_note("hoist reads versions 1.1 and 1.2 with cipher `AES256`")
            }
            _ => diagnostic,
        }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEncrypted => write!(
                f,
                "this text is not encrypted: it does not begin with `{MAGIC}`"
            ),
            Self::UnknownFormat(header) => write!(f, "unknown vault format `{header}`"),
            Self::Damaged(what) => write!(f, "the encrypted text is damaged: {what}"),
            Self::NoSecret(id) => write!(
                f,
                "this is encrypted, and no vault password was given (vault id `{id}`)"
            ),
            Self::WrongSecret(id, _) => write!(
                f,
                "no vault password given fits this encrypted text (vault id `{id}`)"
            ),
            Self::UnknownId(id, _) => {
                write!(f, "no vault password for the vault id `{id}` was given")
            }
            Self::Ambiguous(_) => f.write_str(
                "several vault passwords were given, and none was chosen to encrypt with",
            ),
            Self::NoRandom => f.write_str("the system gives no random numbers"),
        }
    }
}

impl std::error::Error for VaultError {}

impl From<VaultError> for Diagnostic {
    fn from(error: VaultError) -> Self {
        error.diagnostic()
    }
}

/// Whether a file's bytes begin as an encrypted text does.
pub fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC.as_bytes())
}

/// An encrypted text taken apart.
pub(super) struct Envelope {
    /// The vault id of format 1.2, `default` otherwise.
    pub(super) id: String,
    salt: Vec<u8>,
    hmac: Vec<u8>,
    body: Vec<u8>,
}

impl Envelope {
    /// Takes `text` apart; blanks round the lines are allowed, as they come with indented YAML.
    pub(super) fn parse(text: &str) -> Result<Self, VaultError> {
        let mut lines = text.trim().lines().map(str::trim);
        let header = lines.next().unwrap_or_default();
        let parts: Vec<&str> = header.split(';').map(str::trim).collect();
        if parts.first() != Some(&MAGIC) {
            return Err(VaultError::NotEncrypted);
        }
        let id = match parts[1..] {
            ["1.1", "AES256"] | ["1.2", "AES256"] => DEFAULT_ID,
            ["1.1" | "1.2", "AES256", id] => id,
            _ => return Err(VaultError::UnknownFormat(header.chars().take(60).collect())),
        };
        let hex: String = lines.collect();
        let inner = hex::decode(hex)
            .map_err(|_| VaultError::Damaged("it holds something that is no hexadecimal number"))?;
        let mut parts = inner.splitn(3, |b| *b == b'\n');
        let mut part = || {
            let part = parts
                .next()
                .ok_or(VaultError::Damaged("a part is missing"))?;
            hex::decode(part).map_err(|_| VaultError::Damaged("a part is no hexadecimal number"))
        };
        Ok(Self {
            id: id.to_owned(),
            salt: part()?,
            hmac: part()?,
            body: part()?,
        })
    }

    /// Decrypts with `secret`; `None` when it is the wrong one. The comparison takes the same time whatever differs.
    pub(super) fn open(&self, secret: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        let keys = Keys::derive(secret, &self.salt);
        if keys.mac(&self.body)?.verify_slice(&self.hmac).is_err() {
            return Ok(None);
        }
        let mut plain = self.body.clone();
        keys.apply(&mut plain)?;
        let padding = plain.last().map_or(0, |b| usize::from(*b));
        let end = plain
            .len()
            .checked_sub(padding)
            .filter(|_| (1..=BLOCK).contains(&padding));
        let Some(end) = end else {
            return Err(VaultError::Damaged("its padding is wrong"));
        };
        plain.truncate(end);
        Ok(Some(plain))
    }
}

/// Encrypts with a given salt.
pub(super) fn seal(
    plain: &[u8],
    secret: &[u8],
    id: &str,
    salt: &[u8],
) -> Result<String, VaultError> {
    let keys = Keys::derive(secret, salt);
    let padding = BLOCK - plain.len() % BLOCK;
    let mut body = plain.to_vec();
    body.resize(plain.len() + padding, u8::try_from(padding).unwrap_or(0));
    keys.apply(&mut body)?;
    let hmac = keys.mac(&body)?.finalize().into_bytes();
    let inner = [hex::encode(salt), hex::encode(hmac), hex::encode(&body)].join("\n");
    let mut text = if id == DEFAULT_ID {
        format!("{MAGIC};1.1;AES256\n")
    } else {
        format!("{MAGIC};1.2;AES256;{id}\n")
    };
    let hex = hex::encode(inner);
    for chunk in hex.as_bytes().chunks(80) {
        text.push_str(&String::from_utf8_lossy(chunk));
        text.push('\n');
    }
    Ok(text)
}

/// Encrypts with a salt of its own.
pub(super) fn seal_fresh(plain: &[u8], secret: &[u8], id: &str) -> Result<String, VaultError> {
    let mut salt = [0u8; 32];
    getrandom::fill(&mut salt).map_err(|_| VaultError::NoRandom)?;
    seal(plain, secret, id, &salt)
}

struct Keys {
    cipher: [u8; 32],
    hmac: [u8; 32],
    iv: [u8; 16],
}

impl Keys {
    fn derive(secret: &[u8], salt: &[u8]) -> Self {
        let mut all = [0u8; 80];
        pbkdf2::pbkdf2_hmac::<Sha256>(secret, salt, ROUNDS, &mut all);
        let mut keys = Self {
            cipher: [0; 32],
            hmac: [0; 32],
            iv: [0; 16],
        };
        keys.cipher.copy_from_slice(&all[..32]);
        keys.hmac.copy_from_slice(&all[32..64]);
        keys.iv.copy_from_slice(&all[64..]);
        keys
    }

    fn mac(&self, body: &[u8]) -> Result<Hmac<Sha256>, VaultError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.hmac)
            .map_err(|_| VaultError::Damaged("its key has the wrong length"))?;
        mac.update(body);
        Ok(mac)
    }

    fn apply(&self, data: &mut [u8]) -> Result<(), VaultError> {
        let mut cipher = ctr::Ctr128BE::<aes::Aes256>::new(&self.cipher.into(), &self.iv.into());
        cipher
            .try_apply_keystream(data)
            .map_err(|_| VaultError::Damaged("it is too long"))
    }
}
