//! `hoist.core.sealed_secret`: a Secret in the form in which it may lie in a repository.

use super::attrs::{FILE_ARGS, Wanted};
use super::place::{Place, Source};
use super::setting::Setting;
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::seal::{ANNOTATION, Certificate, Mistake, Scope, Seal, Secret, sealed};
use crate::value::{Map, Value};
use crate::yaml::{self, Flow, Style};
use std::sync::{Arc, Mutex};

/// A module of ours.
pub static SEALED_SECRET: Spec = Spec {
    name: "hoist.core.sealed_secret",
    aliases: &[],
    about: "writes a SealedSecret that only the cluster's Sealed Secrets controller can open, as kubeseal does",
    free_form: None,
    args: &[
        &[
            Arg::path("dest", "the file, YAML; its folder must be there").required(),
            Arg::str("name", "the Secret's name").required(),
            Arg::str(
                "namespace",
                "its namespace; only with the scope `cluster-wide` may it be left out",
            ),
            Arg::str("scope", "where the controller opens it: under this name in this namespace, anywhere in this namespace, anywhere")
                .default("strict")
                .choices(&Scope::NAMES),
            Arg::dict("string_data", "the values, plain text").secret(),
            Arg::dict("data", "the values, base64").secret(),
            Arg::str("type", "the Secret's type, `kubernetes.io/tls` …"),
            Arg::dict("labels", "the Secret's labels"),
            Arg::dict("annotations", "the Secret's annotations"),
            Arg::bool("immutable", "whether the Secret may never be changed"),
            Arg::str(
                "cert",
                "the controller's certificate: a file on the control machine, searched in `files`, or its text (PEM)",
            )
            .required(),
            Arg::bool(
                "remember",
                "keep a slow, salted digest of the values in the file, by which the next run sees that they are the same. Without it, \
                 the file is sealed anew in every run; that is for values that could be guessed, such as a word of a dictionary alone",
            )
            .default("true"),
            Arg::bool("backup", "keep a copy of the old file").default("false"),
        ],
        FILE_ARGS,
    ],
    rules: &[Rule::OneOf(&["string_data", "data"])],
    check: CheckSupport::Full,
    returns: &[
        ("dest", "the file"),
        ("definition", "the SealedSecret, as it stands in the file"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- hoist.core.sealed_secret:\n    dest: manifests/mlflow-db.yml\n    name: mlflow-db\n    namespace: mlops\n    cert: sealed-secrets.pem\n    string_data:\n      password: \"{{ lookup('generated_password', 'mlflow_db') }}\"\n  delegate_to: localhost\n",
    run: Run::Bind(bind),
};

struct Sealed {
    dest: String,
    secret: Secret,
    scope: Scope,
    certificate: Certificate,
    remember: bool,
    backup: bool,
    wanted: Wanted,
    setting: Setting,
    /// What was decided for a file's content: the same question gets the same answer, though sealing is random and slow.
    decided: Mutex<Option<Decided>>,
}

/// A file's content, and what it shall be.
type Decided = (Option<Arc<[u8]>>, Arc<[u8]>);

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let scope: Scope = args.str("scope").parse().map_err(Fail::new)?;
    let certificate = certificate(args.str("cert"), ctx)?;
    let text = |name: &str| args.opt_str(name).unwrap_or_default().to_owned();
    let mut secret = Secret {
        name: text("name"),
        namespace: text("namespace"),
        labels: texts(args, "labels"),
        annotations: texts(args, "annotations"),
        kind: text("type"),
        immutable: args.opt_bool("immutable"),
        ..Secret::default()
    };
    if secret.namespace.is_empty() && scope != Scope::ClusterWide {
        return Err(Fail::new(format!(
            "`namespace` is missing: with the scope `{scope}` it is part of the encryption"
        )));
    }
    let mistake = |m: Mistake| Fail::new(m.message.replace("stringData", "string_data"));
    for (key, value) in args.dict("data").into_iter().flatten() {
        secret.add_base64(&["data", key], value).map_err(mistake)?;
    }
    for (key, value) in args.dict("string_data").into_iter().flatten() {
        // numbers become text here, as everywhere in tasks
        let value = match value {
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => Value::from(value.to_string()),
            other => other.clone(),
        };
        secret
            .add_text(&["string_data", key], &value)
            .map_err(mistake)?;
    }
    if secret.data.is_empty() {
        return Err(Fail::new(
            "the Secret has no values: give `string_data` or `data`",
        ));
    }
    Ok(Bound::Decide(Box::new(Sealed {
        dest: args.str("dest").to_owned(),
        secret,
        scope,
        certificate,
        remember: args.bool("remember"),
        backup: args.bool("backup"),
        wanted: Wanted::of(args)?,
        setting: Setting::of(ctx),
        decided: Mutex::default(),
    })))
}

fn certificate(given: &str, ctx: &Context<'_>) -> Result<Certificate, Fail> {
    let certificate = if given.contains("-----BEGIN") {
        Certificate::parse("cert", given.as_bytes())?
    } else {
        let path = ctx.files.find("files", given)?;
        let bytes = ctx.files.read(&path, true)?;
        Certificate::parse(&path.display().to_string(), &bytes)?
    };
    certificate.must_last(jiff::Timestamp::now())?;
    Ok(certificate)
}

/// Labels and annotations: every value is text in Kubernetes.
fn texts(args: &Args, name: &str) -> Map {
    let pairs = args.dict(name).into_iter().flatten();
    pairs
        .map(|(key, value)| (key.clone(), Value::from(value.to_string())))
        .collect()
}

impl Sealed {
    /// Whether this file holds the same Secret already.
    fn holds(&self, file: &[u8]) -> bool {
        if !self.remember {
            return false;
        }
        let seal = definition(file).and_then(|d| {
            let notes = d.get("metadata")?.get("annotations")?;
            notes.get(ANNOTATION)?.as_str()?.parse::<Seal>().ok()
        });
        seal.is_some_and(|seal| seal.fits(&self.secret, self.scope, &self.certificate))
    }

    /// The file's text as it shall be.
    fn text(&self, there: Option<Arc<[u8]>>) -> Result<Arc<[u8]>, Fail> {
        let mut decided = self
            .decided
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((was, text)) = &*decided
            && *was == there
        {
            return Ok(text.clone());
        }
        let text = match &there {
            Some(file) if self.holds(file) => file.clone(),
            _ => {
                let seal = match self.remember {
                    true => Some(Seal::new(&self.secret, self.scope, &self.certificate)?),
                    false => None,
                };
                let manifest = sealed(&self.secret, self.scope, &self.certificate, seal.as_ref())?;
                let style = Style {
                    flow: Flow::Never,
                    width: usize::MAX,
                    sort_keys: false,
                    explicit_start: true,
                    ..Style::TERSE
                };
                yaml::dump(&manifest, style).into_bytes().into()
            }
        };
        *decided = Some((there, text.clone()));
        Ok(text)
    }
}

/// The manifest in a file; nothing when it is none.
fn definition(file: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(file).ok()?;
    let document = yaml::parse_hidden(std::path::Path::new("sealed"), text).ok()?;
    Some(document.root?.to_value())
}

impl Decide for Sealed {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let dest = self.setting.expand(known, &self.dest)?;
        let there = known.content(&dest)?;
        let text = self.text(there)?;
        let source = Source::bytes(text.clone());
        let place = Place {
            path: &dest,
            source: &source,
            wanted: &self.wanted,
            follow: true,
            force: true,
            backup: self.backup,
            validate: None,
            origin: &dest,
        };
        let placed = place.decide_within(known, &self.setting, None)?;
        let mut result = Map::new();
        result.insert("dest".to_owned(), placed.path.clone().into());
        placed.describe(&mut result, source.length);
        let definition = definition(&text).unwrap_or_default();
        result.insert("definition".to_owned(), definition);
        Ok(placed.into_decision(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
    use rsa::pkcs8::EncodePrivateKey as _;
    use serde_json::json;
    use std::sync::LazyLock;

    static CERT: LazyLock<String> = LazyLock::new(|| {
        let key = rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
        let der = key.to_pkcs8_der().unwrap();
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der.as_bytes().into(), &PKCS_RSA_SHA256);
        let cert = CertificateParams::new(Vec::new()).unwrap();
        cert.self_signed(&pair.unwrap()).unwrap().pem()
    });

    fn args() -> serde_json::Value {
        json!({
            "dest": "/etc/sealed.yml", "name": "db", "namespace": "ml", "cert": "c.pem",
            "string_data": {"password": "hunter2hunter2", "port": 5432}, "labels": {"app": "db"},
        })
    }

    #[test]
    fn it_is_sealed_once_and_anew_only_when_something_differs() {
        let mut host = Host::new().control("files/c.pem", &CERT);
        let ran = host.settle(&SEALED_SECRET, args());
        assert!(ran.changed());
        let text = host.text("/etc/sealed.yml");
        assert!(
            !text.contains("hunter2") && !ran.shown().contains("hunter2"),
            "{text}"
        );
        assert_eq!(
            ran.get("definition").get("kind"),
            Some(&"SealedSecret".into())
        );
        assert!(!host.settle(&SEALED_SECRET, args()).changed());
        assert_eq!(host.text("/etc/sealed.yml"), text);

        let mut other = args();
        other["string_data"]["password"] = "another".into();
        assert!(host.settle(&SEALED_SECRET, other.clone()).changed());
        assert!(!host.settle(&SEALED_SECRET, other).changed());
        // a file that somebody spoiled is made anew
        let mut host = host.file("/etc/sealed.yml", 0o644, "not: [yaml\n");
        assert!(host.settle(&SEALED_SECRET, args()).changed());
        assert!(host.text("/etc/sealed.yml").contains("SealedSecret"));
    }

    #[test]
    fn without_a_digest_it_is_sealed_in_every_run() {
        let mut host = Host::new().control("files/c.pem", &CERT);
        let mut args = args();
        args["remember"] = false.into();
        assert!(host.apply(&SEALED_SECRET, args.clone()).changed());
        assert!(!host.text("/etc/sealed.yml").contains(ANNOTATION));
        assert!(host.apply(&SEALED_SECRET, args).changed());
    }

    #[test]
    fn mistakes() {
        let mut host = Host::new().control("files/c.pem", &CERT);
        let mut told = |key: &str, value: serde_json::Value| {
            let mut args = args();
            args[key] = value;
            host.settle(&SEALED_SECRET, args).failed().to_owned()
        };
        let all = [
            told("namespace", json!("")),
            told("data", json!({"a": "hunter2!"})),
            told("string_data", json!({"a": ["x"]})),
            told("string_data", json!({})),
            told("cert", json!("-----BEGIN nothing")),
        ]
        .join("\n");
        assert!(!all.contains("hunter2"), "{all}");
        insta::assert_snapshot!(all, @r"
        `namespace` is missing: with the scope `strict` it is part of the encryption
        `data.a` is not base64; for plain text there is `string_data`
        `string_data.a` is not text
        the Secret has no values: give `string_data` or `data`
        `cert` is no certificate of a Sealed Secrets controller
          note: it has no block `BEGIN CERTIFICATE`
          help: `kubeseal --fetch-cert`, or the address /v1/cert.pem of the controller, gives the certificate
        ");
    }
}
