//! `community.crypto.openssl_privatekey`: a private key that the host's `openssl` makes and that never leaves the host.

use super::attrs::FILE_ARGS;
use super::digest::hex_digest;
use super::made::{Made, Making};
use super::openssl::{COMMON_ARGS, PASS, made};
use crate::host::{Algorithm, Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::{Map, Value};
use base64::Engine as _;

/// See the page of `community.crypto.openssl_privatekey`.
pub static OPENSSL_PRIVATEKEY: Spec = Spec {
    name: "community.crypto.openssl_privatekey",
    aliases: &[],
    about: "a private key, made by the host's `openssl` when none is there that fits",
    free_form: None,
    args: &[
        COMMON_ARGS,
        &[
            Arg::refused(
                "return_content",
                "the key stays on the host; read the file with `slurp` where it is needed",
            ),
            Arg::str("type", "the algorithm")
                .default("RSA")
                .choices(&["ECC", "Ed25519", "Ed448", "RSA", "X25519", "X448"]),
            Arg::int("size", "bits of an RSA key").default("4096"),
            Arg::str("curve", "the curve of an `ECC` key").choices(CURVES),
            Arg::str("passphrase", "encrypts the key").secret(),
            Arg::str("cipher", "how it is encrypted")
                .default("auto")
                .choices(&["auto"]),
            Arg::str(
                "format",
                "how a new key is written; only `auto_ignore` leaves an old one in another format",
            )
            .default("auto_ignore")
            .choices(&["auto", "auto_ignore", "pkcs1", "pkcs8"]),
            Arg::str("format_mismatch", "what becomes of a key in another format")
                .default("regenerate")
                .choices(&["convert", "regenerate"]),
            Arg::str("regenerate", "when an existing key is replaced")
                .default("full_idempotence")
                .choices(&[
                    "always",
                    "fail",
                    "full_idempotence",
                    "never",
                    "partial_idempotence",
                ]),
        ],
        FILE_ARGS,
    ],
    rules: &[crate::modules::Rule::If("type", "ECC", &["curve"], false)],
    check: CheckSupport::Full,
    returns: &[
        ("filename", "the file"),
        ("type", "the algorithm"),
        ("size", "bits"),
        ("curve", "the curve of an `ECC` key"),
        ("fingerprint", "digests of the public key, by algorithm"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- community.crypto.openssl_privatekey:\n    path: /etc/ssl/private/app.key\n    type: ECC\n    curve: secp384r1\n",
    run: Run::Bind(bind),
};

const CURVES: &[&str] = &[
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "secp192r1",
    "secp224r1",
    "secp256k1",
    "secp256r1",
    "secp384r1",
    "secp521r1",
    "sect163k1",
    "sect163r2",
    "sect233k1",
    "sect233r1",
    "sect283k1",
    "sect283r1",
    "sect409k1",
    "sect409r1",
    "sect571k1",
    "sect571r1",
];

struct PrivateKey {
    file: Made,
    kind: String,
    size: i64,
    curve: Option<String>,
    encrypted: bool,
    /// `pkcs1` (the traditional form) or `pkcs8`.
    format: &'static str,
    any_format: bool,
    convert: bool,
    regenerate: String,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let mut file = made(args, ctx, Some("0600"))?;
    let kind = args.str("type").to_owned();
    let size = args.int("size").unwrap_or(4096);
    if kind == "RSA" && !(512..=65_536).contains(&size) {
        return Err(Fail::new(format!("an RSA key cannot have {size} bits")));
    }
    let traditional = matches!(kind.as_str(), "RSA" | "ECC");
    let format = match args.str("format") {
        "pkcs1" if !traditional => {
            return Err(Fail::new(format!(
                "a key of type {kind} has no format pkcs1"
            )));
        }
        "pkcs8" => "pkcs8",
        "pkcs1" => "pkcs1",
        _ if traditional => "pkcs1",
        _ => "pkcs8",
    };
    let passphrase = args.opt_str("passphrase").filter(|p| !p.is_empty());
    file.secret(PASS, passphrase);
    Ok(Bound::Decide(Box::new(PrivateKey {
        file,
        kind,
        size,
        curve: args.opt_str("curve").map(str::to_owned),
        encrypted: passphrase.is_some(),
        format,
        any_format: args.str("format") == "auto_ignore",
        convert: args.str("format_mismatch") == "convert",
        regenerate: args.str("regenerate").to_owned(),
    })))
}

/// What there is.
#[derive(Default)]
struct Found {
    readable: bool,
    encrypted: bool,
    format: &'static str,
    kind: &'static str,
    size: i64,
    curve: Option<String>,
    fingerprint: Map,
}

/// Shell text that tells about the key at `path`: its headers, and its public half. Nothing of the private half is sent.
fn about(path: &str) -> String {
    let at = quote::path(path);
    format!(
        "printf '==head\\n'; grep -e '^-----BEGIN ' -e '^Proc-Type:' {at} 2>/dev/null\nprintf '\\n==key\\n'\n\
         openssl pkey -in {at} -passin env:{PASS} -pubout -text_pub 2>/dev/null || echo broken\n"
    )
}

/// The names that the documentation and `openssl` have for the same curve.
fn curve(name: &str) -> &str {
    match name {
        "secp256r1" => "prime256v1",
        "secp192r1" => "prime192v1",
        other => other,
    }
}

impl Found {
    fn read(text: &str) -> Self {
        let parts = super::openssl::sections(text);
        let lines = |name: &str| parts.get(name).map(Vec::as_slice).unwrap_or_default();
        let head = lines("head").join("\n");
        let key = lines("key");
        let mut found = Self {
            encrypted: head.contains("ENCRYPTED"),
            format: if head.contains("BEGIN PRIVATE") || head.contains("BEGIN ENCRYPTED") {
                "pkcs8"
            } else {
                "pkcs1"
            },
            ..Self::default()
        };
        let mut pem = None;
        for line in key {
            if line.starts_with("-----BEGIN") {
                pem = Some(String::new());
            } else if line.starts_with("-----END") {
                found.readable = true;
                found.fingerprint = fingerprint(pem.as_deref().unwrap_or_default());
                pem = None;
            } else if let Some(pem) = &mut pem {
                pem.push_str(line.trim());
            } else if let Some((before, after)) = line.split_once("Public-Key:") {
                found.kind = match before.trim() {
                    "ED25519" => "Ed25519",
                    "ED448" => "Ed448",
                    "X25519" => "X25519",
                    "X448" => "X448",
                    _ => found.kind,
                };
                let digits: String = after.chars().filter(char::is_ascii_digit).collect();
                found.size = digits.parse().unwrap_or(match found.kind {
                    "Ed448" => 456,
                    "X448" => 448,
                    "Ed25519" | "X25519" => 255,
                    _ => 0,
                });
            } else if line.trim() == "Modulus:" {
                found.kind = "RSA";
            } else if let Some(curve) = line.trim().strip_prefix("ASN1 OID:") {
                found.kind = "ECC";
                found.curve = Some(curve.trim().to_owned());
            }
        }
        found
    }
}

fn fingerprint(base64: &str) -> Map {
    let Ok(der) = base64::engine::general_purpose::STANDARD.decode(base64) else {
        return Map::new();
    };
    let one = |a: Algorithm| {
        let hex = hex_digest(a, &der);
        let pairs: Vec<&str> = (0..hex.len() / 2).map(|n| &hex[n * 2..n * 2 + 2]).collect();
        let name = a.tool().trim_end_matches("sum").to_owned();
        (name, Value::from(pairs.join(":")))
    };
    Algorithm::ALL.into_iter().map(one).collect()
}

fn describe(result: &mut Map, out: &str) {
    result.insert("fingerprint".into(), Found::read(out).fingerprint.into());
}

impl PrivateKey {
    fn fits(&self, found: &Found) -> bool {
        found.kind == self.kind
            && match self.kind.as_str() {
                "RSA" => found.size == self.size,
                "ECC" => found.curve.as_deref() == self.curve.as_deref().map(curve),
                _ => true,
            }
    }

    /// Whether a new key is needed, by the rules of `regenerate`.
    fn stale(&self, found: &Found) -> Result<bool, Fail> {
        if self.file.force || self.regenerate == "always" {
            return Ok(true);
        }
        if !found.readable || found.encrypted != self.encrypted {
            return match self.regenerate.as_str() {
                "full_idempotence" => Ok(true),
                _ => Err(Fail::new(
                    "Unable to read the key. The key is protected with another passphrase / no passphrase or broken. \
                     Will not proceed. To force regeneration, call the module with `regenerate` set to `full_idempotence` or `always`, \
                     or with `force: true`",
                )),
            };
        }
        if self.fits(found) {
            return Ok(false);
        }
        match self.regenerate.as_str() {
            "never" => Ok(false),
            "fail" => Err(Fail::new(
                "Key has wrong type and/or size. Will not proceed. To force regeneration, call the module with `regenerate` \
                 set to `partial_idempotence`, `full_idempotence` or `always`, or with `force: true`",
            )),
            _ => Ok(true),
        }
    }

    /// Writes standard input, a key, to `$t` as the task wants it.
    fn write(&self) -> String {
        let traditional = if self.format == "pkcs1" {
            " -traditional"
        } else {
            ""
        };
        let cipher = if self.encrypted {
            format!(" -aes256 -passout env:{PASS}")
        } else {
            String::new()
        };
        format!(
            "openssl pkey -passin env:{PASS}{traditional}{cipher} >\"$t\" || exit 1\n[ -s \"$t\" ] || exit 1\n"
        )
    }

    fn generate(&self) -> String {
        let options = match self.kind.as_str() {
            "RSA" => format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{}", self.size),
            "ECC" => format!(
                "-algorithm EC -pkeyopt ec_paramgen_curve:{} -pkeyopt ec_param_enc:named_curve",
                quote::word(curve(self.curve.as_deref().unwrap_or_default()))
            ),
            other => format!("-algorithm {}", other.to_uppercase()),
        };
        // Progress dots go to standard error; they are shown only with a failure.
        format!("openssl genpkey {options} | {}", self.write())
    }
}

impl Decide for PrivateKey {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let mut result = Map::new();
        result.insert("size".into(), self.size.into());
        result.insert("type".into(), self.kind.clone().into());
        if let (Some(curve), "ECC") = (&self.curve, self.kind.as_str()) {
            result.insert("curve".into(), curve.clone().into());
        }
        if self.file.absent {
            return self.file.removed(known, result);
        }
        let path = self.file.at(known)?;
        let there = known.stat(&path, true)?.is_some();
        let text = self.file.asked(known, &about(&path), "")?;
        let found = Found::read(text.unwrap_or_default());
        let make = |script: String| {
            Some(Making {
                script,
                stdin: String::new(),
                about: Some((about(&path), describe)),
            })
        };
        let making = if !there || text.is_none() || self.stale(&found)? {
            make(self.generate())
        } else if self.any_format || found.format == self.format || self.regenerate == "never" {
            result.insert("fingerprint".into(), found.fingerprint.into());
            None
        } else if self.convert {
            make(format!("cat {} | {}", quote::path(&path), self.write()))
        } else if self.regenerate == "fail" {
            return Err(Fail::new("Key has wrong format. Will not proceed. To convert it, set `format_mismatch` to `convert`").into());
        } else {
            make(self.generate())
        };
        self.file.made(known, &path, making, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Action;
    use crate::modules::testing::{Host, perform};
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt as _;

    fn run(args: &serde_json::Value) -> (bool, Map) {
        let checked = Host::real()
            .decide(&OPENSSL_PRIVATEKEY, args, true)
            .unwrap();
        let decision = Host::real()
            .decide(&OPENSSL_PRIVATEKEY, args, false)
            .unwrap();
        assert_eq!(checked.actions, decision.actions);
        let mut reports = Vec::new();
        for action in &decision.actions {
            let Action::Run(cmd) = action else {
                panic!("{action:?}")
            };
            reports.push(perform(cmd));
        }
        let result = match decision.conclude {
            Some(conclude) => conclude(decision.result, reports).unwrap().result,
            None => decision.result,
        };
        (!decision.actions.is_empty(), result)
    }

    #[test]
    fn keys_are_made_once() {
        let dir = tempfile::tempdir().unwrap();
        for (n, (more, head)) in [
            (json!({"size": 1024}), "-----BEGIN RSA PRIVATE KEY-----"),
            (
                json!({"type": "ECC", "curve": "secp256r1"}),
                "-----BEGIN EC PRIVATE KEY-----",
            ),
            (json!({"type": "Ed25519"}), "-----BEGIN PRIVATE KEY-----"),
            (
                json!({"type": "X448", "format": "auto"}),
                "-----BEGIN PRIVATE KEY-----",
            ),
            (
                json!({"size": 1024, "passphrase": "it's $x \"q\"", "format": "pkcs8"}),
                "-----BEGIN ENCRYPTED PRIVATE KEY-----",
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let path = dir.path().join(format!("a key {n}"));
            let mut args = more.clone();
            args["path"] = json!(path.to_str().unwrap());
            let (changed, first) = run(&args);
            assert!(changed, "{more}");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with(head), "{more}: {text}");
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
            let (again, second) = run(&args);
            assert!(!again, "{more}");
            assert_eq!(first, second, "{more}");
            assert_eq!(first["fingerprint"].as_map().unwrap().len(), 6);
            args["force"] = json!(true);
            args["backup"] = json!(true);
            let (forced, third) = run(&args);
            assert!(forced && third["fingerprint"] != first["fingerprint"]);
            assert_eq!(
                std::fs::read_to_string(third["backup_file"].to_string()).unwrap(),
                text
            );
            std::fs::remove_file(third["backup_file"].to_string()).unwrap();
        }
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            5,
            "no leftovers"
        );
    }

    #[test]
    fn regenerate_says_what_becomes_of_a_key_that_does_not_fit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        let args = |more: serde_json::Value| {
            let mut all = json!({"path": path.to_str().unwrap(), "size": 1024});
            all.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            all
        };
        assert!(run(&args(json!({}))).0);
        let fails = |more| match Host::real().decide(&OPENSSL_PRIVATEKEY, &args(more), false) {
            Err(fail) => fail.msg.split(". ").next().unwrap_or_default().to_owned(),
            Ok(d) => format!("{} actions", d.actions.len()),
        };
        insta::assert_snapshot!(fails(json!({"size": 2048, "regenerate": "never"})), @"0 actions");
        insta::assert_snapshot!(fails(json!({"size": 2048, "regenerate": "fail"})), @"Key has wrong type and/or size");
        insta::assert_snapshot!(fails(json!({"size": 2048, "regenerate": "partial_idempotence"})), @"1 actions");
        insta::assert_snapshot!(fails(json!({"passphrase": "x"})), @"1 actions");
        insta::assert_snapshot!(fails(json!({"passphrase": "x", "regenerate": "partial_idempotence"})), @"Unable to read the key");
        insta::assert_snapshot!(fails(json!({"regenerate": "always"})), @"1 actions");
        insta::assert_snapshot!(fails(json!({"state": "absent"})), @"1 actions");
        insta::assert_snapshot!(fails(json!({"type": "ECC"})), @"`community.crypto.openssl_privatekey`: `type: ECC` needs curve");
        let (_, before) = run(&args(json!({})));
        assert!(
            run(&args(
                json!({"format": "pkcs8", "format_mismatch": "convert"})
            ))
            .0
        );
        let (changed, after) = run(&args(json!({"format": "pkcs8"})));
        assert!(!changed && before["fingerprint"] == after["fingerprint"]);
    }

    #[test]
    fn a_host_without_openssl_is_told() {
        let host = || Host::new().read("command -v openssl", 90, "");
        let args = json!({"path": "/etc/k"});
        let fail = host().apply(&OPENSSL_PRIVATEKEY, args.clone());
        insta::assert_snapshot!(fail.failed(), @"`openssl` is not installed on the host: install its package first");
        let checked = host().decide(&OPENSSL_PRIVATEKEY, &args, true).unwrap();
        assert_eq!(
            checked.actions.len(),
            1,
            "an earlier task will have installed it"
        );
    }
}
