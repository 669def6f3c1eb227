//! `hoist seal` against the real kubeseal and the real Sealed Secrets controller: each opens what the other sealed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers here are tests too, which the lint does not see"
)]

#[path = "kube/mod.rs"]
mod kube;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use kube::{Kube, Watched};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: ml
  labels: {app: db}
type: example.com/login
stringData:
  password: \"p w\\n{{ not a template }}\"
data:
  raw: AP8=
";

fn hoist(args: &[&str], input: &str) -> Output {
    run(Path::new(env!("CARGO_BIN_EXE_hoist")), args, input)
}

fn kubeseal(args: &[&str], input: &str) -> Output {
    run(&kube::program("kubeseal"), args, input)
}

fn run(program: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .env_remove("SEALED_SECRETS_CERT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // it may end without reading all of it
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

#[track_caller]
fn said(out: &Output) -> String {
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{error}");
    String::from_utf8(out.stdout.clone()).unwrap()
}

/// A folder with a controller's `key.pem` and `cert.pem`.
fn keys() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let key = rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    std::fs::write(dir.path().join("key.pem"), pem.as_bytes()).unwrap();
    let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).unwrap();
    let cert = CertificateParams::new(Vec::new()).unwrap();
    let cert = cert.self_signed(&pair).unwrap().pem();
    std::fs::write(dir.path().join("cert.pem"), cert).unwrap();
    dir
}

fn in_dir(dir: &tempfile::TempDir, name: &str) -> String {
    dir.path().join(name).display().to_string()
}

fn opened(dir: &tempfile::TempDir, sealed: &str) -> Value {
    let key = in_dir(dir, "key.pem");
    let args = ["--recovery-unseal", "--recovery-private-key", &key];
    serde_json::from_str(&said(&kubeseal(&args, sealed))).unwrap()
}

#[test]
fn kubeseal_opens_what_hoist_sealed() {
    if kube::skipped() {
        return;
    }
    let dir = keys();
    let cert = in_dir(&dir, "cert.pem");
    for (scope, format) in [
        ("strict", "json"),
        ("namespace-wide", "yaml"),
        ("cluster-wide", "json"),
    ] {
        let args = ["seal", "--cert", &cert, "--scope", scope, "-o", format];
        let sealed = said(&hoist(&args, SECRET));
        assert!(!sealed.contains("p w"), "{sealed}");
        let secret = opened(&dir, &sealed);
        assert_eq!(secret["data"]["raw"], "AP8=", "{scope}");
        let password = BASE64_STANDARD.encode("p w\n{{ not a template }}");
        assert_eq!(secret["data"]["password"], password, "{scope}");
        assert_eq!(secret["type"], "example.com/login");
        assert_eq!(secret["metadata"]["labels"], json!({"app": "db"}));
        assert_eq!(secret["metadata"]["name"], "db");
        // kubeseal puts the same fields into the same places
        let args = ["--cert", &cert, "--scope", scope, "-o", "json"];
        let theirs: Value = serde_json::from_str(&said(&kubeseal(&args, SECRET))).unwrap();
        let args = ["seal", "--cert", &cert, "--scope", scope];
        let ours: Value = serde_json::from_str(&said(&hoist(&args, SECRET))).unwrap();
        assert_eq!(shape(ours), shape(theirs), "{scope}");
    }
}

/// A sealed manifest without what differs each time, and without empty fields.
fn shape(mut manifest: Value) -> Value {
    let data = manifest["spec"]["encryptedData"].as_object_mut().unwrap();
    data.values_mut().for_each(|v| *v = json!("…"));
    data.sort_keys();
    for at in ["/metadata", "/spec/template/metadata"] {
        let metadata = manifest.pointer_mut(at).unwrap().as_object_mut().unwrap();
        metadata.retain(|_, v| !v.is_null());
    }
    manifest
}

#[test]
fn a_file_is_merged_into_and_one_value_sealed_raw() {
    if kube::skipped() {
        return;
    }
    let dir = keys();
    let cert = in_dir(&dir, "cert.pem");
    let file = in_dir(&dir, "sealed.yaml");
    std::fs::write(in_dir(&dir, "secret.yaml"), SECRET).unwrap();
    let secret = in_dir(&dir, "secret.yaml");
    said(&hoist(
        &["seal", "--cert", &cert, "-f", &secret, "-w", &file],
        "",
    ));
    let more = "{apiVersion: v1, kind: Secret, metadata: {name: x}, stringData: {password: new, more: '1'}}";
    said(&hoist(
        &["seal", "--cert", &cert, "--merge-into", &file],
        more,
    ));
    let sealed = std::fs::read_to_string(&file).unwrap();
    assert!(
        sealed.starts_with("---\napiVersion: bitnami.com/v1alpha1\n"),
        "{sealed}"
    );
    let data = opened(&dir, &sealed)["data"].clone();
    assert_eq!(
        data,
        json!({"more": "MQ==", "password": "bmV3", "raw": "AP8="})
    );

    let args = ["seal", "--raw", "--cert", &cert, "--name", "db", "-n", "ml"];
    let mut raw: Value =
        serde_json::from_str(&said(&hoist(&["seal", "--cert", &cert], SECRET))).unwrap();
    raw["spec"]["encryptedData"]["raw"] = json!(said(&hoist(&args, "one")));
    assert_eq!(opened(&dir, &raw.to_string())["data"]["raw"], "b25l");
}

#[test]
fn mistakes_are_told_and_change_nothing() {
    let dir = keys();
    let cert = in_dir(&dir, "cert.pem");
    let file = in_dir(&dir, "sealed.yaml");
    std::fs::write(&file, "old").unwrap();
    let told = |args: &[&str], input: &str| {
        let args: Vec<&str> = ["seal", "--cert", &cert]
            .iter()
            .chain(args)
            .copied()
            .collect();
        let out = hoist(&args, input);
        assert!(!out.status.success());
        String::from_utf8(out.stderr).unwrap()
    };
    let secret = |rest: &str| format!("apiVersion: v1\nkind: Secret\n{rest}\n");
    let all = [
        told(
            &["-w", &file],
            &secret("metadata: {name: a, namespace: b}\ndata:\n  p: hunter2!"),
        ),
        told(&["-w", &file], &secret("stringData: {a: hunter2}")),
        told(
            &["-w", &file],
            &secret("metadata: {name: a}\nstringData: {a: hunter2}"),
        ),
        told(&["-w", &file], &secret("metadata: {name: a}")),
        told(
            &["-w", &file],
            &(secret("metadata: {name: a}") + "---\na: b\n"),
        ),
        told(&["--raw", "--name", "a"], "hunter2"),
    ]
    .join("");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
    assert!(!all.contains("hunter2"), "{all}");
    insta::assert_snapshot!(all, @r"
    error: `data.p` is not base64; for plain text there is `stringData`
     --> standard input:5:3
    error: the Secret has no name
      help: write `metadata.name` into it, or give `--name`
    error: the Secret has no namespace
      note: with the scope `strict` the namespace is part of the encryption
      help: write `metadata.namespace` into it, or give `--namespace`
    error: the Secret in `standard input` has no values
      help: if that is meant, give `--allow-empty-data`
    error: a second YAML document begins here
     --> standard input:5:1
      note: this file may hold one document only
      help: remove the `---` before it, or split the file
    error: `--raw` with the scope `strict` needs `--namespace`
      note: it is part of the encryption
    ");
}

/// The controller's resource; its schema is not what is tested here.
const CRD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: sealedsecrets.bitnami.com}
spec:
  group: bitnami.com
  scope: Namespaced
  names: {kind: SealedSecret, plural: sealedsecrets, singular: sealedsecret, listKind: SealedSecretList}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

/// What the controller finds in its Pod; it has no flag for a kubeconfig.
const POD: &str = r#"
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cd /run/secrets/kubernetes.io/serviceaccount
cp "$CA" ca.crt
printf %s "$TOKEN" >token
exec "$@"
"#;

/// A running controller, and the kubeconfig of a user of its cluster.
fn controller(kube: &Kube) -> Watched {
    kube.must(&["wait", "--for=create", "ns/kube-system", "--timeout=60s"]);
    let out = kube.kubectl_in(&["apply", "-f", "-"], CRD);
    assert!(out.status.success(), "{out:?}");
    kube.must(&[
        "wait",
        "--for=condition=Established",
        "crd/sealedsecrets.bitnami.com",
        "--timeout=60s",
    ]);
    kube.must(&["create", "serviceaccount", "sealer", "-n", "kube-system"]);
    let account = "--serviceaccount=kube-system:sealer";
    kube.must(&[
        "create",
        "clusterrolebinding",
        "sealer",
        "--clusterrole=cluster-admin",
        account,
    ]);
    let token = kube.must(&["create", "token", "sealer", "-n", "kube-system"]);
    let (_, port) = kube
        .url()
        .rsplit_once(':')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let settings = [
        ("CA", kube.dir().join("ca.crt").display().to_string()),
        ("TOKEN", token),
        ("KUBERNETES_SERVICE_HOST", "127.0.0.1".to_owned()),
        ("KUBERNETES_SERVICE_PORT", port),
        ("POD_NAMESPACE", "kube-system".to_owned()),
    ];
    let args = ["--mount", "sh", "-ec", POD, "sh"].map(str::to_owned);
    let program = kube::program("controller").display().to_string();
    let flags = [
        "--key-size=2048",
        "--listen-addr=127.0.0.1:0",
        "--listen-metrics-addr=127.0.0.1:0",
    ];
    let args: Vec<String> = args
        .into_iter()
        .chain([program])
        .chain(flags.map(str::to_owned))
        .collect();
    Watched::with_settings(
        Path::new("unshare"),
        &args,
        &settings,
        &kube.dir().join("controller.log"),
        None,
    )
}

/// kubectl's answer as soon as there is one.
fn eventually(kube: &Kube, args: &[&str]) -> String {
    let began = Instant::now();
    loop {
        let out = kube.kubectl(args);
        if out.status.success() && !out.stdout.is_empty() {
            return String::from_utf8(out.stdout).unwrap();
        }
        let log = std::fs::read_to_string(kube.dir().join("controller.log")).unwrap_or_default();
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{args:?}: {out:?}\n{log}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_controller_makes_the_secret() {
    if kube::skipped() {
        return;
    }
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test needs root: the controller wants a Pod's files"
    );
    let kube = Kube::shared();
    let _controller = controller(kube);
    let label = "sealedsecrets.bitnami.com/sealed-secrets-key=active";
    let path = "jsonpath={.items[0].data.tls\\.crt}";
    let cert = eventually(
        kube,
        &[
            "get",
            "secret",
            "-n",
            "kube-system",
            "-l",
            label,
            "-o",
            path,
        ],
    );
    let place = tempfile::tempdir().unwrap();
    std::fs::write(
        in_dir(&place, "cert.pem"),
        BASE64_STANDARD.decode(cert).unwrap(),
    )
    .unwrap();
    let cert = in_dir(&place, "cert.pem");
    kube.namespace("ml");
    kube.namespace("other");

    let sealed = said(&hoist(&["seal", "--cert", &cert, "-o", "yaml"], SECRET));
    let out = kube.kubectl_in(&["apply", "-f", "-"], &sealed);
    assert!(out.status.success(), "{out:?}");
    let secret = eventually(kube, &["get", "secret", "db", "-n", "ml", "-o", "json"]);
    let secret: Value = serde_json::from_str(&secret).unwrap();
    assert_eq!(secret["data"]["raw"], "AP8=");
    assert_eq!(secret["metadata"]["labels"]["app"], "db");

    // strict is strict: in another namespace it stays shut
    let moved = sealed.replace("namespace: ml", "namespace: other");
    let out = kube.kubectl_in(&["apply", "-f", "-"], &moved);
    assert!(out.status.success(), "{out:?}");
    let path = "jsonpath={.status.conditions[?(@.type=='Synced')].status}";
    let synced = eventually(
        kube,
        &["get", "sealedsecret", "db", "-n", "other", "-o", path],
    );
    assert_eq!(synced, "False");
    assert!(
        !kube
            .kubectl(&["get", "secret", "db", "-n", "other"])
            .status
            .success()
    );
}
