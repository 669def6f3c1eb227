//! Sealing against the private key; `tests/sealing.rs` asks the real kubeseal and the real controller.

use super::{ANNOTATION, Certificate, Scope, Seal, Secret, merged, sealed};
use crate::value::{Map, Value};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::{Oaep, PrivateKey};
use serde_json::json;
use sha2::Sha256;
use std::sync::LazyLock;

/// The controller's key and its certificate.
static OWNER: LazyLock<(PrivateKey, String)> = LazyLock::new(|| {
    let key = PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
    let pem = certificate(&key, 2099);
    (key, pem)
});

fn certificate(key: &PrivateKey, year: i32) -> String {
    let der = key.to_pkcs8_der().unwrap();
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der.as_bytes().into(), &PKCS_RSA_SHA256);
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    params.self_signed(&pair.unwrap()).unwrap().pem()
}

fn owner() -> Certificate {
    Certificate::parse("cert.pem", OWNER.1.as_bytes()).unwrap()
}

/// What the controller does with one value.
fn open(cipher: &str, label: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(cipher).unwrap();
    let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    let (wrapped, body) = bytes[2..].split_at(length);
    let padding = Oaep::<Sha256>::new_with_label(label.as_bytes());
    let session = OWNER.0.decrypt(padding, wrapped).ok()?;
    let cipher = Aes256Gcm::new_from_slice(&session).unwrap();
    cipher.decrypt(&Default::default(), body).ok()
}

fn secret(manifest: serde_json::Value) -> Result<Secret, String> {
    Secret::read(&Value::from(manifest)).map_err(|m| format!("{}: {}", m.path.join("."), m.message))
}

fn example() -> Secret {
    secret(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": "db", "namespace": "ml", "uid": "1", "labels": {"app": "db"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":…}", "a": "b"},
        },
        "data": {"raw": "AP8="},
        "stringData": {"password": "p w\n"},
    }))
    .unwrap()
}

#[test]
fn what_is_sealed_is_opened_in_its_scope_only() {
    for (scope, label, others) in [
        (Scope::Strict, "ml/db", ["ml", "", "ml/other"]),
        (Scope::NamespaceWide, "ml", ["ml/db", "", "other"]),
        (Scope::ClusterWide, "", ["ml/db", "ml", "/"]),
    ] {
        let manifest = sealed(&example(), scope, &owner(), None).unwrap();
        let data = manifest
            .get("spec")
            .and_then(|s| s.get("encryptedData"))
            .unwrap();
        let cipher = |key: &str| data.get(key).unwrap().as_str().unwrap().to_owned();
        assert_eq!(open(&cipher("password"), label).unwrap(), b"p w\n");
        assert_eq!(open(&cipher("raw"), label).unwrap(), [0, 255]);
        for other in others {
            assert_eq!(open(&cipher("raw"), other), None, "{scope} {other}");
        }
        assert_eq!(scope.to_string().parse(), Ok(scope));
    }
}

#[test]
fn the_manifest_has_kubeseals_fields_and_no_secret() {
    let mut manifest =
        serde_json::to_value(sealed(&example(), Scope::NamespaceWide, &owner(), None).unwrap())
            .unwrap();
    let data = manifest["spec"]["encryptedData"].as_object_mut().unwrap();
    let mut again = data.clone();
    for value in data.values_mut() {
        *value = json!("…");
    }
    assert_eq!(
        manifest,
        json!({
            "apiVersion": "bitnami.com/v1alpha1",
            "kind": "SealedSecret",
            "metadata": {
                "annotations": {"sealedsecrets.bitnami.com/namespace-wide": "true"},
                "name": "db", "namespace": "ml",
            },
            "spec": {
                "encryptedData": {"password": "…", "raw": "…"},
                "template": {
                    "metadata": {
                        "annotations": {"a": "b", "sealedsecrets.bitnami.com/namespace-wide": "true"},
                        "labels": {"app": "db"}, "name": "db", "namespace": "ml",
                    },
                    "type": "Opaque",
                },
            },
        })
    );
    // sealed again it is another text
    let other = sealed(&example(), Scope::NamespaceWide, &owner(), None).unwrap();
    let other = serde_json::to_value(other).unwrap();
    assert_ne!(again["raw"].take(), other["spec"]["encryptedData"]["raw"]);
}

#[test]
fn mistakes_in_a_secret_name_their_place_and_show_no_value() {
    let of = |data: serde_json::Value| {
        let mut manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
        manifest
            .as_object_mut()
            .unwrap()
            .extend(data.as_object().unwrap().clone());
        secret(manifest).unwrap_err()
    };
    let told = [
        of(json!({"data": {"a": "hunter2!"}})),
        of(json!({"stringData": {"a": 5}})),
        of(json!({"data": {"a/b": "aGk="}})),
        of(json!({"stringData": ["x"]})),
        of(json!({"metadata": {"name": 5}})),
        of(json!({"metadata": {"labels": {"a": true}}})),
        of(json!({"kind": "SealedSecret"})),
        of(json!({"kind": "ConfigMap"})),
        secret(json!(["x"])).unwrap_err(),
    ]
    .join("\n");
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told, @r"
    data.a: `data.a` is not base64; for plain text there is `stringData`
    stringData.a: `stringData.a` is not text; put it in quotes
    data.a/b: `a/b` cannot be a key of a Secret: letters, digits, `-`, `_` and `.` only
    stringData: `stringData` is no mapping
    metadata.name: `metadata.name` is not text
    metadata.labels.a: `metadata.labels.a` is not text; put it in quotes
    kind: this is sealed already
    kind: a Secret (apiVersion `v1`) is sealed, not `ConfigMap` of `v1`
    : this is no manifest of a Secret
    ");
}

#[test]
fn bad_certificates_are_told() {
    let told = |pem: &str| {
        Certificate::parse("c.pem", pem.as_bytes())
            .unwrap_err()
            .to_string()
    };
    let ec = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let all = [told("hello"), told(damaged), told(&ec.cert.pem())].join("\n");
    insta::assert_snapshot!(all, @r"
    error: `c.pem` is no certificate of a Sealed Secrets controller
      note: it has no block `BEGIN CERTIFICATE`
      help: `kubeseal --fetch-cert`, or the address /v1/cert.pem of the controller, gives the certificate
    error: `c.pem` is no certificate of a Sealed Secrets controller
      note: its block `BEGIN CERTIFICATE` is damaged
      help: `kubeseal --fetch-cert`, or the address /v1/cert.pem of the controller, gives the certificate
    error: `c.pem` is no certificate of a Sealed Secrets controller
      note: its key is not RSA
      help: `kubeseal --fetch-cert`, or the address /v1/cert.pem of the controller, gives the certificate
    ");
    let old = Certificate::parse("c.pem", certificate(&OWNER.0, 2020).as_bytes()).unwrap();
    let now = jiff::Timestamp::now();
    insta::assert_snapshot!(old.must_last(now).unwrap_err(), @r"
    error: the certificate ended on 2020-01-01
      help: fetch the controller's current one; what is sealed already stays good
    ");
    owner().must_last(now).unwrap();
}

#[test]
fn a_seal_fits_the_same_secret_only() {
    let secret = example();
    let seal = Seal::with_rounds(&secret, Scope::Strict, &owner(), 10).unwrap();
    // as it comes back from the manifest
    let manifest = sealed(&secret, Scope::Strict, &owner(), Some(&seal)).unwrap();
    let kept = manifest
        .get("metadata")
        .and_then(|m| m.get("annotations")?.get(ANNOTATION))
        .unwrap();
    let kept: Seal = kept.as_str().unwrap().parse().unwrap();
    assert_eq!(kept, seal);
    assert!(kept.fits(&secret, Scope::Strict, &owner()));
    assert!(!kept.fits(&secret, Scope::ClusterWide, &owner()));
    let changes: [fn(&mut Secret); 5] = [
        |s| s.name = "other".into(),
        |s| s.kind = "tls".into(),
        |s| s.immutable = Some(true),
        |s| drop(s.labels.insert("b".into(), "c".into())),
        |s| drop(s.data.insert("password".into(), b"other".to_vec())),
    ];
    for change in changes {
        let mut other = secret.clone();
        change(&mut other);
        assert!(!kept.fits(&other, Scope::Strict, &owner()), "{other:?}");
    }
    // salted: the same Secret has another digest each time
    assert_ne!(
        seal,
        Seal::with_rounds(&secret, Scope::Strict, &owner(), 10).unwrap()
    );
    for text in [
        "",
        "x",
        "pbkdf2-sha256.0.a.b",
        "pbkdf2-sha256.4000000000.YQ.YQ",
    ] {
        assert_eq!(text.parse::<Seal>(), Err(()), "{text}");
    }
}

#[test]
fn merging_keeps_what_is_there() {
    let seal = Seal::with_rounds(&example(), Scope::Strict, &owner(), 10).unwrap();
    let old = sealed(&example(), Scope::Strict, &owner(), Some(&seal)).unwrap();
    let mut new = example();
    new.data = [
        ("password".to_owned(), b"new".to_vec()),
        ("more".to_owned(), b"1".to_vec()),
    ]
    .into();
    new.labels = Map::from_iter([("tier".to_owned(), "x".into())]);
    let new = sealed(&new, Scope::Strict, &owner(), None).unwrap();
    let both = merged(&old, &new).unwrap();
    let at = |v: &Value, key: &str| {
        v.get("spec")
            .unwrap()
            .get("encryptedData")
            .unwrap()
            .get(key)
            .cloned()
    };
    assert_eq!(at(&both, "raw"), at(&old, "raw"));
    assert_eq!(at(&both, "password"), at(&new, "password"));
    assert_eq!(at(&both, "more"), at(&new, "more"));
    let metadata = serde_json::to_value(&both).unwrap();
    assert_eq!(
        metadata["spec"]["template"]["metadata"]["labels"],
        json!({"app": "db", "tier": "x"})
    );
    assert_eq!(metadata["metadata"]["annotations"], json!({}));
    assert!(merged(&Value::from("x"), &new).is_err());
}
