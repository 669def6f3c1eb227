//! Hashes, identifiers, vaults.

use super::Table;
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use crate::value::{Value, Vaulted};
use sha2::Digest;

pub(super) const TABLE: Table = &[
    ("checksum", |v, args| hashed(v, args, "sha1")),
    ("hash", |v, mut args| {
        let kind = args.text("hashtype", "sha1")?;
        hashed(v, args, &kind)
    }),
    ("md5", |v, args| hashed(v, args, "md5")),
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
