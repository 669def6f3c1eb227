//! The controller's certificate, and the encryption that only its key opens.

use crate::error::Diagnostic;
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use getrandom::SysRng;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Oaep, PublicKey};
use sha2::{Digest as _, Sha256};
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::pem::Pem;

/// The public half of what a Sealed Secrets controller opens with.
#[derive(Clone, Debug)]
pub struct Certificate {
    key: PublicKey,
    /// Of the public key, in lower-case hex.
    fingerprint: String,
    not_after: jiff::Timestamp,
}

impl Certificate {
    /// Reads the first certificate of a PEM text, as kubeseal does. `name` is the file or address, for messages.
    ///
    /// # Errors
    /// No certificate in it; a key that is not RSA.
    pub fn parse(name: &str, pem: &[u8]) -> Result<Self, Diagnostic> {
        let none = |why: &str| {
            Diagnostic::new(format!("`{name}` is no certificate of a Sealed Secrets controller"))
                .with_note(why.to_owned())
                .with_help(
                    "`kubeseal --fetch-cert`, or the address /v1/cert.pem of the controller, gives the certificate",
                )
        };
        let pem = Pem::iter_from_buffer(pem)
            .flatten()
            .find(|pem| pem.label == "CERTIFICATE")
            .ok_or_else(|| none("it has no block `BEGIN CERTIFICATE`"))?;
        let cert = pem
            .parse_x509()
            .map_err(|_| none("its block `BEGIN CERTIFICATE` is damaged"))?;
        let public = cert.public_key();
        if public.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
            return Err(none("its key is not RSA"));
        }
        let key = PublicKey::from_public_key_der(public.raw)
            .map_err(|e| none(&format!("its key cannot be used: {e}")))?;
        // room for a session key of 32 bytes under SHA-256, and more than a toy
        if key.size() < 256 {
            return Err(none("its key has fewer than 2048 bits"));
        }
        let not_after = jiff::Timestamp::from_second(cert.validity().not_after.timestamp())
            .map_err(|_| none("its dates are out of range"))?;
        Ok(Self {
            key,
            fingerprint: hex::encode(Sha256::digest(public.raw)),
            not_after,
        })
    }

    /// SHA-256 of the public key, in lower-case hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Refuses a certificate whose time is over: its key may be gone from the cluster.
    ///
    /// # Errors
    /// It ended before `now`.
    pub fn must_last(&self, now: jiff::Timestamp) -> Result<(), Diagnostic> {
        if now <= self.not_after {
            return Ok(());
        }
        let day = self.not_after.strftime("%Y-%m-%d");
        Err(Diagnostic::new(format!("the certificate ended on {day}"))
            .with_help("fetch the controller's current one; what is sealed already stays good"))
    }

    /// Encrypts one value for `label` (see [`super::Scope::label`]), as kubeseal does: two bytes, the length of what
    /// follows; a session key under RSA-OAEP with SHA-256 and the label; the value under AES-256-GCM with that key and a
    /// nonce of zeros, which is sound for a key that is used once. (Sealed Secrets, pkg/crypto/crypto.go.)
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn encrypt(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, Diagnostic> {
        let failed = |what: &dyn std::fmt::Display| Diagnostic::new(format!("cannot seal: {what}"));
        let mut session = [0u8; 32];
        getrandom::fill(&mut session).map_err(|e| failed(&e))?;
        let padding = Oaep::<Sha256>::new_with_label(label.as_bytes());
        let wrapped = self
            .key
            .encrypt(&mut SysRng, padding, &session)
            .map_err(|e| failed(&e))?;
        let cipher = Aes256Gcm::new_from_slice(&session).map_err(|e| failed(&e))?;
        session.fill(0);
        let body = cipher
            .encrypt(&Default::default(), plain)
            .map_err(|e| failed(&e))?;
        let length = u16::try_from(wrapped.len()).map_err(|e| failed(&e))?;
        let mut out = length.to_be_bytes().to_vec();
        out.extend(wrapped);
        out.extend(body);
        Ok(out)
    }
}
