//! `community.crypto.x509_certificate`: a certificate signed with its own key or by an authority, by the host's `openssl`.

use super::attrs::FILE_ARGS;
use super::made::{Made, Making};
use super::openssl::{COMMON_ARGS, PASS, RETURN_CONTENT, extensions, made, sections};
use crate::host::{Algorithm, Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::Map;

const OTHER: &str = "this provider is not supported; only `selfsigned` and `ownca` are";
const IDENTIFIED: &str = "whether the key's digest becomes its identifier";
const IDENTIFIERS: &[&str] = &["always_create", "create_if_not_provided", "never_create"];
const CONTENT: &str = "it is read on the host; name its file";

/// See the page of `community.crypto.x509_certificate`.
pub static X509_CERTIFICATE: Spec = Spec {
    name: "community.crypto.x509_certificate",
    aliases: &[
        "community.crypto.openssl_certificate",
        "openssl_certificate",
    ],
    about: "a certificate signed with its own key or by an authority of one's own, made by the host's `openssl` when none is there that fits",
    free_form: None,
    args: &[
        COMMON_ARGS,
        &[
            Arg::str(
                "provider",
                "who signs: the key itself, or an authority of one's own",
            )
            .choices(&["ownca", "selfsigned"]),
            Arg::path("privatekey_path", "the certificate's key on the host; needed for `selfsigned`"),
            Arg::refused(
                "privatekey_content",
                "the key stays on the host; name its file in `privatekey_path`",
            ),
            Arg::str("privatekey_passphrase", "what the key is encrypted with").secret(),
            Arg::path(
                "csr_path",
                "the request on the host; its subject and extensions are taken over",
            ),
            Arg::refused("csr_content", CONTENT),
            Arg::bool(
                "ignore_timestamps",
                "leave a certificate whose times differ; must be true",
            )
            .default("true"),
            Arg::str(
                "selfsigned_not_before",
                "valid from: `+1d`, `-1w2h` or `YYYYMMDDHHMMSSZ`",
            )
            .default("+0s")
            .alias(&["selfsigned_notBefore"]),
            Arg::str("selfsigned_not_after", "valid until, likewise")
                .default("+3650d")
                .alias(&["selfsigned_notAfter"]),
            Arg::str("selfsigned_digest", "what is signed")
                .default("sha256")
                .choices(&["sha224", "sha256", "sha384", "sha512"]),
            Arg::int("selfsigned_version", "of the certificate; there is only 3").default("3"),
            Arg::str("selfsigned_create_subject_key_identifier", IDENTIFIED)
                .default("create_if_not_provided")
                .choices(IDENTIFIERS),
            Arg::path("ownca_path", "the authority's certificate on the host"),
            Arg::refused("ownca_content", CONTENT),
            Arg::path("ownca_privatekey_path", "the authority's key on the host"),
            Arg::refused(
                "ownca_privatekey_content",
                "the key stays on the host; name its file in `ownca_privatekey_path`",
            ),
            Arg::str(
                "ownca_privatekey_passphrase",
                "what the authority's key is encrypted with",
            )
            .secret(),
            Arg::str("ownca_digest", "what is signed")
                .default("sha256")
                .choices(&["sha224", "sha256", "sha384", "sha512"]),
            Arg::int("ownca_version", "of the certificate; there is only 3").default("3"),
            Arg::str(
                "ownca_not_before",
                "valid from: `+1d`, `-1w2h` or `YYYYMMDDHHMMSSZ`",
            )
            .default("+0s"),
            Arg::str("ownca_not_after", "valid until, likewise").default("+3650d"),
            Arg::str("ownca_create_subject_key_identifier", IDENTIFIED)
                .default("create_if_not_provided")
                .choices(IDENTIFIERS),
            Arg::bool(
                "ownca_create_authority_key_identifier",
                "write the authority's identifier, whatever the request says, where its certificate has one",
            )
            .default("true"),
            RETURN_CONTENT,
            Arg::refused("acme_accountkey_path", OTHER),
            Arg::refused("acme_challenge_path", OTHER),
            Arg::refused("acme_chain", OTHER),
            Arg::refused("acme_directory", OTHER),
            Arg::refused("entrust_cert_type", OTHER),
            Arg::refused("entrust_requester_email", OTHER),
            Arg::refused("entrust_requester_name", OTHER),
            Arg::refused("entrust_requester_phone", OTHER),
            Arg::refused("entrust_api_user", OTHER),
            Arg::refused("entrust_api_key", OTHER),
            Arg::refused("entrust_api_client_cert_path", OTHER),
            Arg::refused("entrust_api_client_cert_key_path", OTHER),
            Arg::refused("entrust_api_specification_path", OTHER),
            Arg::refused("entrust_not_after", OTHER),
        ],
        FILE_ARGS,
    ],
    rules: &[
        Rule::If("state", "present", &["provider", "csr_path"], false),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("filename", "the file"),
        ("privatekey", "the key's file"),
        ("csr", "the request's file"),
        ("ca_cert", "the authority's certificate"),
        ("ca_privatekey", "the authority's key's file"),
        ("certificate", "the certificate, with `return_content`"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- community.crypto.x509_certificate:\n    path: /etc/ssl/app.crt\n    privatekey_path: /etc/ssl/private/app.key\n    csr_path: /etc/ssl/app.csr\n    provider: selfsigned\n    selfsigned_not_after: +365d\n- community.crypto.x509_certificate:\n    path: /etc/ssl/app.crt\n    csr_path: /etc/ssl/app.csr\n    provider: ownca\n    ownca_path: /etc/ssl/ca.crt\n    ownca_privatekey_path: /etc/ssl/private/ca.key\n",
    run: Run::Bind(bind),
};

/// Whether the key's digest becomes its identifier.
#[derive(Clone, Copy, PartialEq)]
enum Identifier {
    Always,
    IfNone,
    Never,
}

struct Certificate {
    file: Made,
    /// The certificate's own key; an authority does not need it.
    key: Option<String>,
    csr: String,
    /// The authority's certificate and key.
    ca: Option<(String, String)>,
    identifier: Identifier,
    /// The authority's identifier is written.
    authority: bool,
    digest: String,
    from: String,
    until: String,
    result: Map,
}

/// A time as shell text.
fn time(name: &str, text: &str) -> Result<String, Fail> {
    let wrong = || {
        Fail::new(format!(
            "`{name}` must be like +365d, -1w2h or 20300131000000Z, not `{text}`"
        ))
    };
    if text.len() == 15 && text.ends_with('Z') && text[..14].bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').ok_or_else(wrong)?),
    };
    let (mut total, mut number) = (0i64, String::new());
    for c in rest.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            'w' => 604_800,
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong()),
        };
        let n: u32 = std::mem::take(&mut number).parse().map_err(|_| wrong())?;
        total += i64::from(n) * unit;
    }
    if !number.is_empty() || rest.is_empty() {
        return Err(wrong());
    }
    let total = total * sign;
    Ok(format!(
        "$(date -u -d \"@$(($(date +%s) + {total}))\" +%Y%m%d%H%M%SZ)"
    ))
}

/// The variable that carries the passphrase of the authority's key.
const CA_PASS: &str = "HOIST_CA_PASSPHRASE";

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let mut file = made(args, ctx, None)?;
    file.secret(PASS, args.opt_str("privatekey_passphrase"));
    file.secret(CA_PASS, args.opt_str("ownca_privatekey_passphrase"));
    file.content = args.bool("return_content").then_some("certificate");
    let ownca = args.opt_str("provider") == Some("ownca");
    let needed: &[&str] = match ownca {
        true => &["ownca_path", "ownca_privatekey_path"],
        false => &["privatekey_path"],
    };
    if let Some(name) = needed.iter().find(|n| !file.absent && !args.has(n)) {
        let provider = args.str("provider");
        return Err(Fail::new(format!("`provider: {provider}` needs `{name}`")));
    }
    let own = |name: &str| {
        let provider = if ownca { "ownca" } else { "selfsigned" };
        format!("{provider}_{name}")
    };
    let version = own("version");
    if args.int(&version) != Some(3) {
        return Err(Fail::new(format!(
            "`{version}` must be 3: no other is made"
        )));
    }
    if !args.bool("ignore_timestamps") {
        return Err(Fail::new(
            "`ignore_timestamps: false` is not supported: times are not compared",
        ));
    }
    let times = |name: &str| time(&own(name), args.str(&own(name)));
    let mut result = Map::new();
    for (key, name) in [
        ("privatekey", "privatekey_path"),
        ("csr", "csr_path"),
        ("ca_cert", "ownca_path"),
        ("ca_privatekey", "ownca_privatekey_path"),
    ] {
        if ownca || !key.starts_with("ca_") {
            result.insert(key.into(), args.opt_str(name).into());
        }
    }
    let path = |name: &str| args.str(name).to_owned();
    Ok(Bound::Decide(Box::new(Certificate {
        file,
        key: args.opt_str("privatekey_path").map(str::to_owned),
        csr: path("csr_path"),
        ca: ownca.then(|| (path("ownca_path"), path("ownca_privatekey_path"))),
        identifier: match args.str(&own("create_subject_key_identifier")) {
            "always_create" => Identifier::Always,
            "never_create" => Identifier::Never,
            _ => Identifier::IfNone,
        },
        authority: ownca && args.bool("ownca_create_authority_key_identifier"),
        digest: args.str(&own("digest")).to_owned(),
        from: times("not_before")?,
        until: times("not_after")?,
        result,
    })))
}

const IDENTIFIER: &str = "X509v3 Subject Key Identifier:";
const AUTHORITY: &str = "X509v3 Authority Key Identifier:";

/// The identifier of a public key (RFC 5280, 4.2.1.2: the SHA-1 of its bits), from the lines of its PEM.
fn identifier(pem: &str) -> Result<String, Fail> {
    use base64::Engine as _;
    use x509_parser::prelude::FromDer as _;
    let text = pem.replace("-----BEGIN PUBLIC KEY-----", "");
    let der = base64::engine::general_purpose::STANDARD.decode(text);
    let wrong = || Fail::new("`openssl` printed no public key of the request");
    let der = der.map_err(|_| wrong())?;
    let (_, key) = x509_parser::x509::SubjectPublicKeyInfo::from_der(&der).map_err(|_| wrong())?;
    let digest = super::digest::hex_digest(Algorithm::Sha1, &key.subject_public_key.data);
    let pairs: Vec<&str> = (0..20)
        .filter_map(|i| digest.get(2 * i..2 * i + 2))
        .collect();
    Ok(pairs.join(":").to_uppercase())
}

/// Where the files are, as they were asked for.
struct Files {
    key: Option<String>,
    csr: String,
    ca: Option<(String, String)>,
}

impl Certificate {
    /// Whether the certificate there does not say what the request says, for this key, in the words of who signs.
    fn stale(&self, text: &str) -> Result<bool, Fail> {
        let parts = sections(text);
        let lines = |name: &str| parts.get(name).map(Vec::as_slice).unwrap_or_default();
        let key = |name: &str| -> String {
            let from = lines(name)
                .iter()
                .skip_while(|l| !l.starts_with("-----BEGIN PUBLIC"));
            from.take_while(|l| !l.starts_with("-----END"))
                .copied()
                .collect()
        };
        let field = |name: &str, field: &str| -> Option<String> {
            let found = lines(name)
                .iter()
                .find_map(|l| l.trim().strip_prefix(field));
            found.map(|f| f.trim().to_owned())
        };
        if let Some(own) = &self.key
            && key("csr") != key("key")
        {
            return Err(Fail::new(format!(
                "the request {} was made with another key than {own}",
                self.csr
            )));
        }
        if let Some((cert, own)) = &self.ca
            && key("ca") != key("cakey")
        {
            return Err(Fail::new(format!(
                "The CA private key {own} does not belong to the CA certificate {cert}"
            )));
        }
        let mut wanted = extensions(lines("csr"));
        let mut found = extensions(lines("cert"));
        let given = wanted.contains_key(IDENTIFIER);
        if self.identifier == Identifier::Always || self.identifier == Identifier::IfNone && !given
        {
            wanted.insert(IDENTIFIER.to_owned(), vec![identifier(&key("csr"))?]);
        }
        if self.authority {
            wanted.remove(AUTHORITY);
            let is = found.remove(AUTHORITY).unwrap_or_default();
            let own = extensions(lines("ca"))
                .remove(IDENTIFIER)
                .unwrap_or_default();
            // Old versions write `keyid:` before it.
            let says = |id: &String| is.iter().any(|i| i.trim_start_matches("keyid:") == id);
            if !own.iter().all(says) {
                return Ok(true);
            }
        }
        let subject = field("csr", "Subject:");
        let issuer = match self.ca {
            Some(_) => field("ca", "Subject:"),
            None => subject.clone(),
        };
        Ok(key("cert") != key("csr")
            || field("cert", "Subject:") != subject
            || field("cert", "Issuer:") != issuer
            || lines("verify")
                .iter()
                .any(|l| l.contains("signature failure"))
            || found != wanted)
    }

    /// `openssl ca`, with an authority that exists for this one signature: of `openssl`'s commands the one that in
    /// every version takes over a request's extensions and any two times.
    fn script(&self, files: &Files) -> String {
        let config = "[ca]\ndefault_ca = d\n[d]\ndatabase = $ENV::w/db\nnew_certs_dir = $ENV::w\npolicy = p\n\
             copy_extensions = copy\nunique_subject = no\nrand_serial = yes\nx509_extensions = e\n[p]\ncommonName = optional\n[e]\n";
        let csr = quote::path(&files.csr);
        // What stands in the configuration comes before what the request says. Newer versions write identifiers unless
        // told not to, which older ones do not understand.
        let requested =
            |name: &str| format!("printf '%s' \"$q\" | grep -q '{name} Key Identifier'");
        let none = |name: &str, word: &str| {
            format!(
                "{} || [ $old = 1 ] || echo '{word} = none'\n",
                requested(name)
            )
        };
        let hash = "echo 'subjectKeyIdentifier = hash'\n";
        let mut more = match self.identifier {
            Identifier::Always => hash.to_owned(),
            Identifier::IfNone => format!("{} || {hash}", requested("Subject")),
            Identifier::Never => none("Subject", "subjectKeyIdentifier"),
        };
        let signer = match (&files.ca, &files.key) {
            (Some((cert, key)), _) => {
                let (cert, key) = (quote::path(cert), quote::path(key));
                more += &if self.authority {
                    format!(
                        "openssl x509 -in {cert} -noout -text | grep -q 'Subject Key Identifier' && echo 'authorityKeyIdentifier = keyid'\n"
                    )
                } else {
                    none("Authority", "authorityKeyIdentifier")
                };
                format!("-cert {cert} -keyfile {key} -passin env:{CA_PASS}")
            }
            (None, key) => format!(
                "-selfsign -keyfile {} -passin env:{PASS}",
                quote::path(key.as_deref().unwrap_or_default())
            ),
        };
        format!(
            "w=$(mktemp -d) || exit 1\nexport w\n: >\"$w/db\"\nprintf %s {} >\"$w/config\" || exit 1\n\
             q=$(openssl req -in {csr} -noout -text) || exit 1\n\
             case $(openssl version) in 'OpenSSL '[01].*|LibreSSL*) old=1;; *) old=0;; esac\n\
             {{ {more}}} >>\"$w/config\"\n\
             m=$(openssl ca -batch -notext -preserveDN -rand_serial {signer} -in {csr} -out \"$t\" \
             -startdate {} -enddate {} -md {} -config \"$w/config\" 2>&1) || {{ printf '%s\\n' \"$m\" >&2; exit 1; }}\n[ -s \"$t\" ] || exit 1\n",
            quote::word(config),
            self.from,
            self.until,
            self.digest
        )
    }
}

impl Decide for Certificate {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        if self.file.absent {
            return self.file.removed(known, self.result.clone());
        }
        let path = self.file.at(known)?;
        let expand = |path: &str| self.file.setting.expand(known, path);
        let files = Files {
            key: self.key.as_deref().map(expand).transpose()?,
            csr: expand(&self.csr)?,
            ca: match &self.ca {
                Some((cert, key)) => Some((expand(cert)?, expand(key)?)),
                None => None,
            },
        };
        let (r, c) = (quote::path(&files.csr), quote::path(&path));
        let mut needed = vec![files.csr.as_str()];
        let mut script = format!(
            "printf '==csr\\n'\nopenssl req -in {r} -noout -pubkey -text -reqopt no_sigdump || exit 92\n\
             printf '\\n==cert\\n'\nopenssl x509 -in {c} -noout -pubkey -text -certopt no_sigdump 2>/dev/null || :\n"
        );
        let public = |name: &str, key: &str, pass: &str| {
            let key = quote::path(key);
            format!(
                "printf '\\n=={name}\\n'\nopenssl pkey -in {key} -passin env:{pass} -pubout || exit 92\n"
            )
        };
        if let Some(key) = &files.key {
            needed.push(key);
            script += &public("key", key, PASS);
        }
        if let Some((cert, key)) = &files.ca {
            needed.extend([cert.as_str(), key]);
            script += &public("cakey", key, CA_PASS);
            let cert = quote::path(cert);
            script += &format!(
                "printf '\\n==ca\\n'\nopenssl x509 -in {cert} -noout -pubkey -text -certopt no_sigdump || exit 92\n\
                 printf '\\n==verify\\n'\nopenssl verify -no_check_time -partial_chain -CAfile {cert} {c} 2>&1 || :\n"
            );
        }
        let readable = needed.iter().map(|f| format!("[ -r {} ]", quote::path(f)));
        let readable = readable.collect::<Vec<_>>().join(" && ");
        let script = format!("{readable} || exit 91\n{script}");
        let missing = format!("One of these files does not exist: {}", needed.join(", "));
        let text = self.file.asked(known, &script, &missing)?;
        let differs = text.map(|t| self.stale(t)).transpose()?.unwrap_or(true);
        let making = (self.file.force || differs).then(|| Making {
            script: self.script(&files),
            stdin: String::new(),
            about: None,
        });
        self.file.made(known, &path, making, self.result.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{Host, settle_here, sh};
    use serde_json::json;

    #[test]
    fn certificates_are_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        for (key, times) in [
            ("RSA -pkeyopt rsa_keygen_bits:1024", "+3650d"),
            ("ED25519", "20600101000000Z"),
        ] {
            sh(
                dir.path(),
                &format!(
                    "openssl genpkey -algorithm {key} -out k 2>/dev/null; openssl req -new -key k -out r -subj '/O=ü x/CN=a' -utf8 -addext subjectAltName=DNS:a,DNS:b"
                ),
            );
            let args = json!({"path": at("c"), "privatekey_path": at("k"), "csr_path": at("r"), "provider": "selfsigned",
                "selfsigned_not_after": times, "selfsigned_not_before": "-1d"});
            assert!(settle_here(&X509_CERTIFICATE, &args).changed);
            assert!(!settle_here(&X509_CERTIFICATE, &args).changed);
            assert_eq!(sh(dir.path(), "openssl verify -CAfile c c").trim(), "c: OK");
            sh(dir.path(), "openssl req -new -key k -out r -subj /CN=b");
            assert!(
                settle_here(&X509_CERTIFICATE, &args).changed,
                "another request"
            );
        }
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["c", "k", "r"], "no leftovers");
    }

    #[test]
    fn an_authority_of_ones_own_signs_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(
            dir.path(),
            "for n in ca ca2; do openssl req -x509 -newkey rsa:2048 -keyout $n.key -passout pass:geheim -out $n.crt -subj /CN=CA -days 10 2>/dev/null; done
            printf '[req]\\ndistinguished_name=d\\n[d]\\n' >bare; openssl req -x509 -newkey rsa:2048 -nodes -keyout bare.key -out bare.crt -subj /CN=Bare -days 10 -config bare 2>/dev/null
            openssl genpkey -algorithm ED25519 -out k; openssl req -new -key k -out r -subj /CN=a -addext subjectAltName=DNS:a -addext subjectKeyIdentifier=01:02",
        );
        let args = json!({"path": at("c"), "csr_path": at("r"), "provider": "ownca", "ownca_path": at("ca.crt"),
            "ownca_privatekey_path": at("ca.key"), "ownca_privatekey_passphrase": "geheim", "return_content": true});
        let first = settle_here(&X509_CERTIFICATE, &args);
        assert!(first.changed);
        let again = settle_here(&X509_CERTIFICATE, &args);
        assert!(!again.changed);
        for outcome in [&first, &again] {
            let text = outcome.result["certificate"].to_string();
            assert_eq!(text, sh(dir.path(), "cat c"));
        }
        let verified = || sh(dir.path(), "openssl verify -CAfile ca.crt c");
        assert_eq!(verified().trim(), "c: OK");
        let identifiers = || {
            sh(
                dir.path(),
                "openssl x509 -in c -noout -ext subjectKeyIdentifier,authorityKeyIdentifier 2>/dev/null | sed 's/\\(..:\\)\\{10,\\}../LONG/'",
            )
        };
        insta::assert_snapshot!(identifiers(), @r#"
        X509v3 Authority Key Identifier: 
            LONG
        X509v3 Subject Key Identifier: 
            01:02
        "#);
        let with = |key: &str, value: serde_json::Value| {
            let mut other = args.clone();
            other[key] = value;
            other
        };
        let settled = |args: &serde_json::Value| {
            assert!(settle_here(&X509_CERTIFICATE, args).changed, "{args}");
            assert!(!settle_here(&X509_CERTIFICATE, args).changed, "{args}");
            identifiers()
        };
        let mut other = with(
            "ownca_create_subject_key_identifier",
            json!("always_create"),
        );
        insta::assert_snapshot!(settled(&other), @r#"
        X509v3 Subject Key Identifier: 
            LONG
        X509v3 Authority Key Identifier: 
            LONG
        "#);
        other["ownca_create_authority_key_identifier"] = json!(false);
        insta::assert_snapshot!(settled(&other), @r#"
        X509v3 Subject Key Identifier: 
            LONG
        "#);
        // Another authority of the same name is another authority.
        let mut other = with("ownca_path", json!(at("ca2.crt")));
        other["ownca_privatekey_path"] = json!(at("ca2.key"));
        settled(&other);
        let mut other = with("ownca_path", json!(at("bare.crt")));
        other["ownca_privatekey_path"] = json!(at("bare.key"));
        insta::assert_snapshot!(settled(&other), @r#"
        X509v3 Subject Key Identifier: 
            01:02
        X509v3 Authority Key Identifier: 
            DirName:/CN=Bare
            seriLONG
        "#);
        sh(dir.path(), "openssl req -new -key k -out r -subj /CN=a");
        let other = with("ownca_create_subject_key_identifier", json!("never_create"));
        insta::assert_snapshot!(settled(&other), @r#"
        X509v3 Authority Key Identifier: 
            LONG
        "#);
        let wrong = with("ownca_path", json!(at("ca2.crt")));
        let fail = Host::real()
            .decide(&X509_CERTIFICATE, &wrong, false)
            .map(|_| ())
            .unwrap_err();
        insta::assert_snapshot!(fail.msg.replace(&at(""), "/D/"), @"The CA private key /D/ca.key does not belong to the CA certificate /D/ca2.crt");
    }

    #[test]
    fn mistakes_are_said() {
        for text in ["365d", "+", "+1y", "+d", "+1d2", "2030", "+99999999999d"] {
            assert!(time("x", text).is_err(), "{text}");
        }
        assert_eq!(
            time("x", "-1w2h").unwrap(),
            "$(date -u -d \"@$(($(date +%s) + -612000))\" +%Y%m%d%H%M%SZ)"
        );
        let said = |args: serde_json::Value| {
            Host::real()
                .decide(&X509_CERTIFICATE, &args, false)
                .map(|_| ())
                .unwrap_err()
                .msg
        };
        insta::assert_snapshot!(said(json!({"path": "/etc/none.crt", "provider": "acme"})), @"`community.crypto.x509_certificate`: argument `provider` must be one of ownca, selfsigned, not `acme`");
        insta::assert_snapshot!(said(json!({"path": "/etc/none.crt", "provider": "selfsigned", "privatekey_path": "/etc/none.key", "csr_path": "/etc/none.csr"})), @"One of these files does not exist: /etc/none.csr, /etc/none.key");
    }
}
