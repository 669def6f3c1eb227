//! Digests of bytes we hold ourselves.

use crate::host::Algorithm;
use sha2::Digest;

/// The digest in lower-case hex.
pub fn hex_digest(algorithm: Algorithm, bytes: &[u8]) -> String {
    match algorithm {
        Algorithm::Md5 => hex::encode(md5::Md5::digest(bytes)),
        Algorithm::Sha1 => hex::encode(sha1::Sha1::digest(bytes)),
        Algorithm::Sha224 => hex::encode(sha2::Sha224::digest(bytes)),
        Algorithm::Sha256 => hex::encode(sha2::Sha256::digest(bytes)),
        Algorithm::Sha384 => hex::encode(sha2::Sha384::digest(bytes)),
        Algorithm::Sha512 => hex::encode(sha2::Sha512::digest(bytes)),
    }
}

/// The algorithm by the name Ansible gives it.
pub fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "md5" => Algorithm::Md5,
        "sha1" | "sha" | "checksum" => Algorithm::Sha1,
        "sha224" => Algorithm::Sha224,
        "sha256" => Algorithm::Sha256,
        "sha384" => Algorithm::Sha384,
        "sha512" => Algorithm::Sha512,
        _ => return None,
    })
}
