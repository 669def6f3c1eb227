//! Hashes, passwords, identifiers, vaults.

use super::Table;
use super::chance::Dice;
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use crate::value::{Value, Vaulted};
use sha_crypt::{Params, sha256_crypt, sha512_crypt};
use sha2::Digest;

pub(super) const TABLE: Table = &[
    ("checksum", |v, args| hashed(v, args, "sha1")),
    ("hash", |v, mut args| {
        let kind = args.text("hashtype", "sha1")?;
        hashed(v, args, &kind)
    }),
    ("md5", |v, args| hashed(v, args, "md5")),
    ("password_hash", password_hash),
    ("sha1", |v, args| hashed(v, args, "sha1")),
    ("to_uuid", to_uuid),
    ("unvault", unvault),
    ("vault", vault),
];

fn hashed(value: Val, args: Args<'_, '_>, kind: &str) -> Eval {
    let text = args.cx.text(&value)?;
    match digest(kind, text.as_bytes()) {
        Some(hex) => args.done(hex),
        None => args.fail(format!(
            "unknown hash `{kind}`; there are md5, sha1, sha224, sha256, sha384 and sha512"
        )),
    }
}

/// The digest of `bytes` in hex.
pub(crate) fn digest(kind: &str, bytes: &[u8]) -> Option<String> {
    Some(match kind {
        "md5" => hex::encode(md5::Md5::digest(bytes)),
        "sha1" => hex::encode(sha1::Sha1::digest(bytes)),
        "sha224" => hex::encode(sha2::Sha224::digest(bytes)),
        "sha256" => hex::encode(sha2::Sha256::digest(bytes)),
        "sha384" => hex::encode(sha2::Sha384::digest(bytes)),
        "sha512" => hex::encode(sha2::Sha512::digest(bytes)),
        _ => return None,
    })
}

/// `password_hash(hashtype='sha512', salt=none, salt_size=none, rounds=none, ident=none)`.
fn password_hash(value: Val, mut args: Args<'_, '_>) -> Eval {
    let password = args.cx.text(&value)?;
    let kind = args.text("hashtype", "sha512")?;
    let salt = args.maybe_text("salt")?;
    let size = args.maybe_int("salt_size")?;
    let rounds = args.maybe_int("rounds")?;
    if args.maybe_text("ident")?.is_some() {
        return args.fail("`ident` belongs to blowfish, which is not supported");
    }
    args.cx.scope.outside().secrets().add(&password);
    let salt = match salt {
        Some(salt) => salt,
        None => {
            let size = usize::try_from(size.unwrap_or(16))
                .ok()
                .filter(|n| (1..=16).contains(n));
            let Some(size) = size else {
                return args.fail("`salt_size` must be between 1 and 16");
            };
            random_text(size, SALT, None)?
        }
    };
    match crypt(&password, &kind, &salt, rounds) {
        Ok(hash) => args.done(hash),
        Err(d) => Err(d),
    }
}

/// The characters of a salt.
pub(crate) const SALT: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

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

/// A password as `/etc/shadow` holds it (crypt(5): SHA-256 and SHA-512). Errors: another kind, a salt that cannot be one.
pub(crate) fn crypt(password: &str, kind: &str, salt: &str, rounds: Option<i64>) -> Eval<String> {
    let (id, long) = match kind {
        "sha512" | "sha512_crypt" => ("6", true),
        "sha256" | "sha256_crypt" => ("5", false),
        "blowfish" | "bcrypt" | "md5" | "md5_crypt" => {
            return Err(Diagnostic::new(format!(
                "password hashes of the kind `{kind}` are not supported"
            ))
            .with_help("use `sha512`, which every Linux reads"));
        }
        other => {
            return Err(
                Diagnostic::new(format!("unknown kind of password hash `{other}`"))
                    .with_nearest(other, ["sha512", "sha256"]),
            );
        }
    };
    if salt.is_empty() || salt.chars().count() > 16 || !salt.chars().all(|c| SALT.contains(c)) {
        return Err(Diagnostic::new(
            "a salt has 1 to 16 of the characters `A-Z a-z 0-9 . /`",
        ));
    }
    // What passlib takes when nothing is said, so that hashes with a fixed salt come out the same as Ansible's.
    let count = rounds.unwrap_or(if long { 656_000 } else { 535_000 });
    let params = u32::try_from(count)
        .ok()
        .and_then(|n| Params::new(n).ok())
        .ok_or_else(|| Diagnostic::new("`rounds` must be between 1000 and 999999999"))?;
    let encoded = if long {
        encode(
            &sha512_crypt(password.as_bytes(), salt.as_bytes(), params),
            21,
            [[2, 1, 0], [0, 2, 1], [1, 0, 2]],
        )
    } else {
        encode(
            &sha256_crypt(password.as_bytes(), salt.as_bytes(), params),
            10,
            [[2, 1, 0], [1, 0, 2], [0, 2, 1]],
        )
    };
    let rounds = match count {
        5000 => String::new(),
        n => format!("rounds={n}$"),
    };
    Ok(format!("${id}${rounds}{salt}${encoded}"))
}

/// crypt(3)'s base64 of a digest: three bytes that stand `third` apart make four characters, their order turns each time.
fn encode(digest: &[u8], third: usize, orders: [[usize; 3]; 3]) -> String {
    let mut bytes = Vec::new();
    for i in 0..third {
        bytes.extend(orders[i % 3].map(|part| digest[i + part * third]));
    }
    // The rest, which fills no group of three, comes lowest byte first.
    bytes.extend(&digest[third * 3..]);
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

/// `to_uuid(namespace)`: version 5, in Ansible's namespace.
fn to_uuid(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let namespace = args.text("namespace", "361E6D51-FAEC-444A-9079-341386DA8E2E")?;
    match uuid::Uuid::parse_str(&namespace) {
        Ok(ns) => args.done(uuid::Uuid::new_v5(&ns, text.as_bytes()).to_string()),
        Err(_) => args.fail(format!("`{namespace}` is not a UUID")),
    }
}

/// `vault(vault_id=…)`, with a secret the run has.
fn vault(value: Val, mut args: Args<'_, '_>) -> Eval {
    if args.take("secret").is_some() {
        return args
            .fail("a `secret` inside a template is not supported")
            .map_err(|d: Diagnostic| {
                d.with_help(
                    "give the run its secret with `--vault-id`, and name that id with `vault_id=`",
                )
            });
    }
    let id = args.keyword_data("vault_id")?.map(|v| v.to_string());
    let text = args.cx.text(&value)?;
    let cipher = args.cx.scope.outside().encrypt(&text, id.as_deref())?;
    args.done(cipher)
}

/// `unvault`, with a secret the run has.
fn unvault(value: Val, mut args: Args<'_, '_>) -> Eval {
    if args.take("secret").is_some() {
        return args
            .fail("a `secret` inside a template is not supported")
            .map_err(|d: Diagnostic| d.with_help("give the run its secret with `--vault-id`"));
    }
    let text = args.cx.text(&value)?;
    if !text.starts_with("$ANSIBLE_VAULT;") {
        return args.done(text);
    }
    let outside = args.cx.scope.outside();
    let plain = outside.decrypt(&Vaulted {
        cipher: text,
        span: None,
    })?;
    outside.secrets().add(&plain);
    args.done(Value::from(plain))
}
