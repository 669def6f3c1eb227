//! The `checksum` of a download.

use super::digest::algorithm;
use super::http::Request;
use crate::host::Algorithm;
use crate::modules::{Args, Fail};

/// The checksum that a download shall have.
pub struct Checksum {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Its name; with `sum` after it the name of the tool.
    pub name: &'static str,
    /// What it is.
    pub sum: Sum,
}

/// A checksum, or where it stands.
pub enum Sum {
    /// In lower-case hex.
    Hex(String),
    /// A list to be downloaded.
    List(Box<Request>),
}

impl Checksum {
    /// From `ALGORITHM:HEX` or `ALGORITHM:ADDRESS`.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(args: &Args, text: &str) -> Result<Self, Fail> {
        let Some((name, sum)) = text.split_once(':') else {
            return Err(Fail::new(
                "The checksum parameter has to be in format <algorithm>:<checksum>",
            ));
        };
        let Some(algorithm) = algorithm(name) else {
            return Err(Fail::new(format!(
                "`{name}` is not a checksum algorithm: md5, sha1, sha224, sha256, sha384 and sha512 are"
            )));
        };
        let name = match algorithm {
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha224 => "sha224",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        };
        if ["http://", "https://", "ftp://", "file://"]
            .iter()
            .any(|s| sum.starts_with(s))
        {
            return Ok(Self {
                algorithm,
                name,
                sum: Sum::List(Box::new(Request::of(args, sum)?)),
            });
        }
        let hex: String = sum
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase();
        if hex.is_empty() || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(Fail::new("The checksum format is invalid"));
        }
        Ok(Self {
            algorithm,
            name,
            sum: Sum::Hex(hex),
        })
    }
}
