//! Passwords as `/etc/shadow` holds them (crypt(5)): the filter, and what lookups and prompts share with it.

use super::Table;
use super::chance::Dice;
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use sha_crypt::{Params, sha256_crypt, sha512_crypt};
use sha2::Digest as _;

pub(super) const TABLE: Table = &[("password_hash", filter)];

/// The characters of a salt.
const SALT: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How a password is to be hashed. What is `None` is as Ansible has it when nothing is said.
#[derive(Clone, Debug, Default)]
pub struct PasswordHash {
    /// `sha512`, `sha256`, `bcrypt` (also `blowfish`), `md5`; also with `_crypt` at the end, as in `vars_prompt`.
    pub kind: String,
    /// The salt; by chance when there is none.
    pub salt: Option<String>,
    /// How many characters a salt by chance has.
    pub salt_size: Option<i64>,
    /// Rounds; for bcrypt the cost.
    pub rounds: Option<i64>,
    /// bcrypt's version: `2a`, `2b` or `2y`.
    pub ident: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Md5,
    Bcrypt,
    Sha256,
    Sha512,
}

impl PasswordHash {
    fn known(&self) -> Eval<Kind> {
        Ok(match self.kind.as_str() {
            "md5" | "md5_crypt" => Kind::Md5,
            "blowfish" | "bcrypt" => Kind::Bcrypt,
            "sha256" | "sha256_crypt" => Kind::Sha256,
            "sha512" | "sha512_crypt" => Kind::Sha512,
            other => {
                return Err(
                    Diagnostic::new(format!("unknown kind of password hash `{other}`"))
                        .with_nearest(other, ["sha512", "sha256", "bcrypt", "md5"])
                        .with_note("there are sha512, sha256, bcrypt and md5"),
                );
            }
        })
    }

    /// A salt by chance that fits. Errors: an unknown kind, a wrong `salt_size`, no randomness.
    pub fn new_salt(&self) -> Result<String, Diagnostic> {
        let (least, most) = match self.known()? {
            Kind::Md5 => (1, 8),
            Kind::Bcrypt => (22, 22),
            Kind::Sha256 | Kind::Sha512 => (1, 16),
        };
        let size = usize::try_from(self.salt_size.unwrap_or(most))
            .ok()
            .filter(|n| (least..=most).contains(&(*n as i64)));
        let Some(size) = size else {
            return Err(Diagnostic::new(match least {
                1 => format!("`salt_size` must be between 1 and {most}"),
                _ => format!("`salt_size` must be {most}"),
            }));
        };
        random_text(size, SALT, None)
    }

    /// The hash of `password`. Errors: an unknown kind, a salt, number of rounds or ident that does not fit, a NUL in the
    /// password.
    pub fn of(&self, password: &str) -> Result<String, Diagnostic> {
        let kind = self.known()?;
        if password.contains('\0') {
            return Err(Diagnostic::new("a password cannot hold a NUL character"));
        }
        if self.ident.is_some() && kind != Kind::Bcrypt {
            return Err(Diagnostic::new("`ident` belongs to bcrypt"));
        }
        let salt = match &self.salt {
            Some(salt) if !salt.is_empty() => salt.clone(),
            _ => self.new_salt()?,
        };
        let most = match kind {
            Kind::Md5 => 8,
            Kind::Bcrypt => 22,
            Kind::Sha256 | Kind::Sha512 => 16,
        };
        let long = salt.chars().count();
        if !salt.chars().all(|c| SALT.contains(c)) || long > most {
            return Err(Diagnostic::new(format!(
                "a salt has 1 to {most} of the characters `A-Z a-z 0-9 . /`"
            )));
        }
        match kind {
            Kind::Md5 if self.rounds.is_some() => {
                Err(Diagnostic::new("`rounds` has no meaning for md5"))
            }
            Kind::Md5 => Ok(md5_crypt(password.as_bytes(), &salt)),
            Kind::Bcrypt => self.bcrypt(password, &salt),
            Kind::Sha256 | Kind::Sha512 => self.sha(password, &salt, kind == Kind::Sha512),
        }
    }

    fn sha(&self, password: &str, salt: &str, long: bool) -> Eval<String> {
        // What passlib takes when nothing is said, so that hashes with a fixed salt come out the same as Ansible's.
        let count = self.rounds.unwrap_or(if long { 656_000 } else { 535_000 });
        let params = u32::try_from(count)
            .ok()
            .and_then(|n| Params::new(n).ok())
            .ok_or_else(|| Diagnostic::new("`rounds` must be between 1000 and 999999999"))?;
        let (password, raw) = (password.as_bytes(), salt.as_bytes());
        let (id, encoded) = if long {
            let digest = sha512_crypt(password, raw, params);
            ("6", spread(&digest, 21, [[2, 1, 0], [0, 2, 1], [1, 0, 2]]))
        } else {
            let digest = sha256_crypt(password, raw, params);
            ("5", spread(&digest, 10, [[2, 1, 0], [1, 0, 2], [0, 2, 1]]))
        };
        let rounds = match count {
            5000 => String::new(),
            n => format!("rounds={n}$"),
        };
        Ok(format!("${id}${rounds}{salt}${encoded}"))
    }

    fn bcrypt(&self, password: &str, salt: &str) -> Eval<String> {
        let version = match self.ident.as_deref().map(|i| i.trim_matches('$')) {
            None | Some("" | "2b") => bcrypt::Version::TwoB,
            Some("2a") => bcrypt::Version::TwoA,
            Some("2y") => bcrypt::Version::TwoY,
            Some(other) => {
                return Err(Diagnostic::new(format!(
                    "`ident` must be 2a, 2b or 2y, not `{other}`"
                )));
            }
        };
        if salt.len() != 22 {
            return Err(Diagnostic::new(
                "a salt for bcrypt has 22 of the characters `A-Z a-z 0-9 . /`",
            ));
        }
        let cost = u32::try_from(self.rounds.unwrap_or(12))
            .ok()
            .filter(|cost| (4..=31).contains(cost))
            .ok_or_else(|| Diagnostic::new("`rounds` must be between 4 and 31 for bcrypt"))?;
        let unusual = |e: &dyn std::fmt::Display| Diagnostic::new(format!("bcrypt: {e}"));
        // Twenty-two characters hold 132 bits, a salt has 128: what the last one has too many is dropped, as passlib does.
        let mut bytes = [0; 16];
        let lax = base64::engine::GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone);
        let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::BCRYPT, lax);
        base64::Engine::decode_slice(&engine, salt, &mut bytes).map_err(|e| unusual(&e))?;
        let parts = bcrypt::hash_with_salt(password, cost, bytes).map_err(|e| unusual(&e))?;
        Ok(parts.format_for_version(version))
    }
}

/// `password_hash(hashtype='sha512', salt=none, salt_size=none, rounds=none, ident=none)`.
fn filter(value: Val, mut args: Args<'_, '_>) -> Eval {
    let password = args.cx.text(&value)?;
    args.cx.scope.outside().secrets().add(&password);
    let how = PasswordHash {
        kind: args.text("hashtype", "sha512")?,
        salt: args.maybe_text("salt")?,
        salt_size: args.maybe_int("salt_size")?,
        rounds: args.maybe_int("rounds")?,
        ident: args.maybe_text("ident")?,
    };
    let hash = how.of(&password)?;
    args.done(hash)
}

/// `len` characters of `alphabet` by chance. Errors: an empty alphabet, no randomness.
pub(crate) fn random_text(len: usize, alphabet: &str, seed: Option<&str>) -> Eval<String> {
    let chars: Vec<char> = alphabet.chars().collect();
    if chars.is_empty() {
        return Err(Diagnostic::new("there are no characters to choose from"));
    }
    let mut dice = Dice::new(seed);
    (0..len)
        .map(|_| Ok(chars[dice.below(chars.len() as u64)? as usize]))
        .collect()
}

/// crypt(3)'s hash with MD5. No library that is kept has it, and old network gear and mail servers still read nothing else.
fn md5_crypt(password: &[u8], salt: &str) -> String {
    let salt = salt.as_bytes();
    let inner = md5::Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut first = md5::Md5::new()
        .chain_update(password)
        .chain_update(b"$1$")
        .chain_update(salt);
    for i in 0..password.len() {
        first.update([inner[i % 16]]);
    }
    // One byte for each bit of the length: a NUL for a one, the password's first byte for a zero.
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0] } else { &password[..1] });
        bits >>= 1;
    }
    let mut digest = first.finalize();
    for round in 0..1000 {
        let mut next = md5::Md5::new();
        let odd = round & 1 == 1;
        next.update(if odd { password } else { &digest[..] });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &digest[..] } else { password });
        digest = next.finalize();
    }
    const ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];
    let bytes = ORDER.map(|i| digest[i]);
    format!(
        "$1${}${}",
        String::from_utf8_lossy(salt),
        characters(&bytes)
    )
}

/// The bytes of a digest in crypt(3)'s order, as characters: three bytes that stand `third` apart make four, and their
/// order turns each time.
fn spread(digest: &[u8], third: usize, orders: [[usize; 3]; 3]) -> String {
    let mut bytes = Vec::new();
    for i in 0..third {
        bytes.extend(orders[i % 3].map(|part| digest[i + part * third]));
    }
    // The rest, which fills no group of three, comes lowest byte first.
    bytes.extend(&digest[third * 3..]);
    characters(&bytes)
}

/// crypt(3)'s base64: of every three bytes four characters, the lowest six bits first.
fn characters(bytes: &[u8]) -> String {
    let alphabet = SALT.as_bytes();
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .rev()
            .fold(0u32, |w, b| (w << 8) | u32::from(*b));
        for i in 0..=group.len() {
            out.push(alphabet[((word >> (6 * i)) & 63) as usize] as char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::PasswordHash;

    /// Hashes that libxcrypt's crypt(3) made of the same password and salt.
    #[test]
    fn hashes_are_those_of_crypt() {
        let cases = CASES;
        for (password, kind, salt, rounds, ident, expected) in cases {
            let how = PasswordHash {
                kind: (*kind).to_owned(),
                salt: Some((*salt).to_owned()),
                salt_size: None,
                rounds: *rounds,
                ident: ident.map(str::to_owned),
            };
            assert_eq!(
                how.of(password).unwrap(),
                *expected,
                "{password} {kind} {salt}"
            );
        }
    }

    type Case = (
        &'static str,
        &'static str,
        &'static str,
        Option<i64>,
        Option<&'static str>,
        &'static str,
    );

    const CASES: &[Case] = &[
        (
            "secret",
            "md5",
            "abcdefgh",
            None,
            None,
            "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",
        ),
        (
            "sécret",
            "md5_crypt",
            "ab",
            None,
            None,
            "$1$ab$YO3AAeg3lqJTdsjH2kRZm/",
        ),
        ("", "md5", "x", None, None, "$1$x$fwjfZtMwarkdetsjiQreU1"),
        (
            "a password that is longer than thirty-two bytes",
            "md5",
            "./aZ09",
            None,
            None,
            "$1$./aZ09$veZc0Ct77pLPEvSnPbw.k0",
        ),
        (
            "secret",
            "bcrypt",
            "123456789012345678901u",
            None,
            None,
            "$2b$12$123456789012345678901uO/yptqYYqXPYviqOvezm2C7cYzKwtUq",
        ),
        (
            "sécret",
            "blowfish",
            "./AZaz09./AZaz09./AZae",
            Some(5),
            None,
            "$2b$05$./AZaz09./AZaz09./AZaeDYahUuAWFI8qiC0PtlsiL3jY82U2fAq",
        ),
        (
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "bcrypt",
            "1234567890123456789012",
            Some(4),
            Some("2y"),
            "$2y$04$123456789012345678901uEcbKRRJw4pAJmO1u1x0Xvr7B982j7p2",
        ),
        (
            "",
            "bcrypt",
            "123456789012345678901.",
            Some(4),
            Some("$2a$"),
            "$2a$04$123456789012345678901.BpUugEAWIlaZyHxcYlXLaQPkkDxJfBe",
        ),
        (
            "secret",
            "sha512",
            "abcdefgh",
            Some(5000),
            None,
            "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.",
        ),
        (
            "secret",
            "sha256_crypt",
            "abc",
            Some(1000),
            None,
            "$5$rounds=1000$abc$Mz4DiYKTnNKbZLo/mIp3d8Y4aQBhv3uhSwxLDy55/Y8",
        ),
    ];

    #[test]
    fn a_salt_by_chance_fits_its_kind() {
        for (kind, start, len) in [
            ("sha512", "$6$rounds=1000$", None),
            ("sha256_crypt", "$5$rounds=1000$", None),
            ("md5", "$1$", Some(34)),
            ("bcrypt", "$2b$04$", Some(60)),
            ("blowfish", "$2b$04$", Some(60)),
        ] {
            let how = PasswordHash {
                kind: kind.to_owned(),
                rounds: match kind {
                    "md5" => None,
                    "bcrypt" | "blowfish" => Some(4),
                    _ => Some(1000),
                },
                ..PasswordHash::default()
            };
            let (one, two) = (how.of("pw").unwrap(), how.of("pw").unwrap());
            assert_ne!(one, two);
            assert!(one.starts_with(start), "{one}");
            if let Some(len) = len {
                assert_eq!(one.len(), len, "{one}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let wrong = |kind: &str, salt: &str, rounds: Option<i64>, ident: Option<&str>| {
            let how = PasswordHash {
                kind: kind.to_owned(),
                salt: Some(salt.to_owned()),
                salt_size: None,
                rounds,
                ident: ident.map(str::to_owned),
            };
            how.of("pw").unwrap_err().to_string()
        };
        insta::assert_snapshot!([
            wrong("bcript", "", None, None),
            wrong("sha512", "12345678901234567", None, None),
            wrong("sha512", "salt$", None, None),
            wrong("sha512", "salt", Some(10), None),
            wrong("sha512", "salt", None, Some("2b")),
            wrong("md5", "123456789", None, None),
            wrong("md5", "salt", Some(1000), None),
            wrong("bcrypt", "short", None, None),
            wrong("bcrypt", "1234567890123456789012", Some(40), None),
            wrong("bcrypt", "1234567890123456789012", Some(4), Some("2x")),
        ].join("\n"), @r"
        error: unknown kind of password hash `bcript`
          note: there are sha512, sha256, bcrypt and md5
          help: did you mean `bcrypt`?
        error: a salt has 1 to 16 of the characters `A-Z a-z 0-9 . /`
        error: a salt has 1 to 16 of the characters `A-Z a-z 0-9 . /`
        error: `rounds` must be between 1000 and 999999999
        error: `ident` belongs to bcrypt
        error: a salt has 1 to 8 of the characters `A-Z a-z 0-9 . /`
        error: `rounds` has no meaning for md5
        error: a salt for bcrypt has 22 of the characters `A-Z a-z 0-9 . /`
        error: `rounds` must be between 4 and 31 for bcrypt
        error: `ident` must be 2a, 2b or 2y, not `2x`
        ");
    }
}
