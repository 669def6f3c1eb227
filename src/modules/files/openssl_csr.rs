//! `community.crypto.openssl_csr`: a certificate signing request, made by the host's `openssl`.

use super::attrs::FILE_ARGS;
use super::made::{Made, Making};
use super::openssl::{COMMON_ARGS, PASS, RETURN_CONTENT, made, sections};
use super::openssl_names::{constraints, distribution_points, general_names, hex_pairs, value};
use crate::host::{Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::{Map, Value};

const ISSUER: &str = "`openssl` writes an authority's issuer and number into no request; the certificate gets them when it is signed";

/// See the page of `community.crypto.openssl_csr`.
pub static OPENSSL_CSR: Spec = Spec {
    name: "community.crypto.openssl_csr",
    aliases: &[],
    about: "a certificate signing request, made by the host's `openssl` when none is there that says the same",
    free_form: None,
    args: &[
        COMMON_ARGS,
        &[
            Arg::path("privatekey_path", "the key on the host"),
            Arg::refused(
                "privatekey_content",
                "the key stays on the host; name its file in `privatekey_path`",
            ),
            Arg::str("privatekey_passphrase", "what the key is encrypted with").secret(),
            Arg::str("digest", "what is signed")
                .default("sha256")
                .choices(&["sha224", "sha256", "sha384", "sha512"]),
            Arg::int("version", "of the request; there is only 1").default("1"),
            Arg::dict(
                "subject",
                "fields of the subject, a list for several of a kind",
            ),
            Arg::of(
                "subject_ordered",
                crate::modules::Kind::ListAny,
                "the whole subject, in this order: a list of mappings",
            ),
            Arg::str("country_name", "C of the subject").alias(&["C", "countryName"]),
            Arg::str("state_or_province_name", "ST of the subject")
                .alias(&["ST", "stateOrProvinceName"]),
            Arg::str("locality_name", "L of the subject").alias(&["L", "localityName"]),
            Arg::str("organization_name", "O of the subject").alias(&["O", "organizationName"]),
            Arg::str("organizational_unit_name", "OU of the subject")
                .alias(&["OU", "organizationalUnitName"]),
            Arg::str("common_name", "CN of the subject").alias(&["CN", "commonName"]),
            Arg::str("email_address", "emailAddress of the subject").alias(&["E", "emailAddress"]),
            Arg::list(
                "subject_alt_name",
                "`DNS:`, `IP:`, `email:`, `URI:` or `RID:` names",
            )
            .alias(&["subjectAltName"]),
            Arg::bool(
                "subject_alt_name_critical",
                "whoever does not know them must refuse",
            )
            .default("false")
            .alias(&["subjectAltName_critical"]),
            Arg::bool(
                "use_common_name_for_san",
                "without `subject_alt_name` the common name becomes one",
            )
            .default("true")
            .alias(&["useCommonNameForSAN"]),
            Arg::list("key_usage", "what the key may be used for").alias(&["keyUsage"]),
            Arg::bool("key_usage_critical", "whoever does not know it must refuse")
                .default("false")
                .alias(&["keyUsage_critical"]),
            Arg::list(
                "extended_key_usage",
                "what the certificate may be used for, names or numbers",
            )
            .alias(&["extKeyUsage", "extendedKeyUsage"]),
            Arg::bool(
                "extended_key_usage_critical",
                "whoever does not know it must refuse",
            )
            .default("false")
            .alias(&["extKeyUsage_critical", "extendedKeyUsage_critical"]),
            Arg::list("basic_constraints", "`CA:TRUE` or `CA:FALSE`, `pathlen:N`")
                .alias(&["basicConstraints"]),
            Arg::bool(
                "basic_constraints_critical",
                "whoever does not know them must refuse",
            )
            .default("false")
            .alias(&["basicConstraints_critical"]),
            Arg::bool("ocsp_must_staple", "ask for OCSP stapling")
                .default("false")
                .alias(&["ocspMustStaple"]),
            Arg::bool(
                "ocsp_must_staple_critical",
                "whoever does not know it must refuse",
            )
            .default("false")
            .alias(&["ocspMustStaple_critical"]),
            Arg::bool(
                "create_subject_key_identifier",
                "with the key's digest as identifier",
            )
            .default("false"),
            Arg::str(
                "subject_key_identifier",
                "this identifier: pairs of hex digits with `:` between them",
            ),
            Arg::str(
                "authority_key_identifier",
                "the identifier of the key that shall sign, likewise",
            ),
            Arg::refused("authority_cert_issuer", ISSUER),
            Arg::refused("authority_cert_serial_number", ISSUER),
            Arg::list(
                "name_constraints_permitted",
                "of an authority: names it may sign for, `DNS:`, `IP:` with a network, `email:` or `URI:`",
            ),
            Arg::list("name_constraints_excluded", "names it may not sign for"),
            Arg::bool(
                "name_constraints_critical",
                "whoever does not know them must refuse",
            )
            .default("false"),
            Arg::of(
                "crl_distribution_points",
                crate::modules::Kind::ListAny,
                "where revocations are published: mappings with `full_name`, `crl_issuer` (lists of names) and `reasons`",
            ),
            RETURN_CONTENT,
        ],
        FILE_ARGS,
    ],
    rules: &[
        Rule::If("state", "present", &["privatekey_path"], false),
        Rule::Exclusive(&["subject", "subject_ordered"]),
        Rule::Exclusive(&["create_subject_key_identifier", "subject_key_identifier"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("filename", "the file"),
        ("privatekey", "the key's file"),
        ("subject", "fields of the subject, as pairs"),
        ("subjectAltName", "other names"),
        ("keyUsage", "what the key may be used for"),
        ("extendedKeyUsage", "what the certificate may be used for"),
        ("basicConstraints", "whether it is an authority"),
        ("ocspMustStaple", "whether OCSP stapling is asked for"),
        (
            "name_constraints_permitted",
            "names an authority may sign for",
        ),
        ("name_constraints_excluded", "names it may not sign for"),
        ("csr", "the request, with `return_content`"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- community.crypto.openssl_csr:\n    path: /etc/ssl/app.csr\n    privatekey_path: /etc/ssl/private/app.key\n    common_name: www.example.org\n    subject_alt_name: DNS:www.example.org,DNS:example.org\n",
    run: Run::Bind(bind),
};

struct Csr {
    file: Made,
    key: String,
    digest: String,
    config: String,
    result: Map,
}

const FIELDS: [(&str, &str); 7] = [
    ("C", "country_name"),
    ("ST", "state_or_province_name"),
    ("L", "locality_name"),
    ("O", "organization_name"),
    ("OU", "organizational_unit_name"),
    ("CN", "common_name"),
    ("emailAddress", "email_address"),
];

fn pairs(map: &Map, into: &mut Vec<(String, String)>) {
    for (key, value) in map {
        match value {
            Value::List(items) => into.extend(items.iter().map(|v| (key.clone(), v.to_string()))),
            other => into.push((key.clone(), other.to_string())),
        }
    }
}

fn subject(args: &Args) -> Result<Vec<(String, String)>, Fail> {
    let mut out = Vec::new();
    if let Some(list) = args.raw("subject_ordered").and_then(Value::as_list) {
        if let Some((_, name)) = FIELDS.iter().find(|(_, name)| args.has(name)) {
            return Err(Fail::new(format!(
                "`subject_ordered` and `{name}` exclude each other"
            )));
        }
        for item in list {
            let map = item.as_map().ok_or_else(|| {
                Fail::new("`subject_ordered` must be a list of mappings with one field each")
            })?;
            pairs(map, &mut out);
        }
        return Ok(out);
    }
    for (key, name) in FIELDS {
        out.extend(args.opt_str(name).map(|v| (key.to_owned(), v.to_owned())));
    }
    if let Some(map) = args.dict("subject") {
        pairs(map, &mut out);
    }
    Ok(out)
}

fn word<'a>(what: &str, text: &'a str) -> Result<&'a str, Fail> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-: ".contains(c);
    if text.is_empty() || !text.chars().all(fine) {
        return Err(Fail::new(format!("`{text}` is no {what}")));
    }
    Ok(text)
}

/// The names of key usages as `openssl` writes them; the long ones it knows as well.
fn usage(name: &str) -> Result<String, Fail> {
    const NAMES: [&str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];
    let bare = name.replace(' ', "").to_lowercase();
    let bare = match bare.as_str() {
        "contentcommitment" => "nonrepudiation",
        "certificatesign" => "keycertsign",
        other => other,
    };
    NAMES
        .iter()
        .find(|n| n.to_lowercase() == bare)
        .map(|n| (*n).to_owned())
        .ok_or_else(|| Fail::new(format!("`{name}` is no key usage")))
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let mut file = made(args, ctx, None)?;
    file.secret(PASS, args.opt_str("privatekey_passphrase"));
    file.content = args.bool("return_content").then_some("csr");
    if args.int("version") != Some(1) {
        return Err(Fail::new("`version` must be 1: there is no other"));
    }
    let subject = subject(args)?;
    let mut config = "[req]\nprompt = no\nutf8 = yes\nstring_mask = utf8only\ndistinguished_name = dn\nreq_extensions = ext\n[dn]\n".to_owned();
    for (n, (key, text)) in subject.iter().enumerate() {
        config += &format!("{n}.{} = {}\n", word("subject field", key)?, value(text)?);
    }
    let mut names = args.list("subject_alt_name");
    if names.is_empty() && args.bool("use_common_name_for_san") {
        let common = subject.iter().find(|(k, _)| k == "CN" || k == "commonName");
        names.extend(common.map(|(_, v)| format!("DNS:{v}")));
    }
    let san = general_names("", &names)?;
    let usages = args
        .list("key_usage")
        .iter()
        .map(|u| usage(u))
        .collect::<Result<Vec<_>, _>>()?;
    let (extended, basic) = (
        args.list("extended_key_usage"),
        args.list("basic_constraints"),
    );
    for text in extended.iter().chain(&basic) {
        word("usage or constraint", text)?;
    }
    let mut extensions = String::new();
    let mut extension = |name: &str, critical: &str, values: &str| {
        if !values.is_empty() {
            let critical = if !critical.is_empty() && args.bool(critical) {
                "critical, "
            } else {
                ""
            };
            extensions += &format!("{name} = {critical}{values}\n");
        }
    };
    extension(
        "subjectAltName",
        "subject_alt_name_critical",
        if san.is_empty() { "" } else { "@san" },
    );
    extension("keyUsage", "key_usage_critical", &usages.join(", "));
    extension(
        "extendedKeyUsage",
        "extended_key_usage_critical",
        &extended.join(", "),
    );
    extension(
        "basicConstraints",
        "basic_constraints_critical",
        &basic.join(", "),
    );
    let (permitted, excluded) = (
        args.list("name_constraints_permitted"),
        args.list("name_constraints_excluded"),
    );
    let constrained = general_names("permitted;", &constraints(&permitted)?)?
        + &general_names("excluded;", &constraints(&excluded)?)?;
    let section = if constrained.is_empty() { "" } else { "@nc" };
    extension("nameConstraints", "name_constraints_critical", section);
    let points = args.raw("crl_distribution_points").and_then(Value::as_list);
    let (points, mut more) = distribution_points(points.unwrap_or_default())?;
    extension("crlDistributionPoints", "", &points);
    more += &format!("[nc]\n{constrained}");
    let staple = if args.bool("ocsp_must_staple") {
        "status_request"
    } else {
        ""
    };
    extension("tlsfeature", "ocsp_must_staple_critical", staple);
    let name = "subject_key_identifier";
    match args.opt_str(name) {
        Some(text) => {
            let text = hex_pairs(name, text)?;
            extensions += &format!("subjectKeyIdentifier = {text}\n");
        }
        None if args.bool("create_subject_key_identifier") => {
            extensions += "subjectKeyIdentifier = hash\n";
        }
        None => {}
    }
    let name = "authority_key_identifier";
    if let Some(text) = args.opt_str(name) {
        // By its own name `openssl` takes it from a certificate only, and a request has none.
        let text = hex_pairs(name, text)?.replace(':', "");
        extensions += "authorityKeyIdentifier = ASN1:SEQUENCE:aki\n";
        more += &format!("[aki]\nid = IMPLICIT:0,FORMAT:HEX,OCTETSTRING:{text}\n");
    }
    if extensions.is_empty() {
        config = config.replace("req_extensions = ext\n", "");
    } else {
        config += &format!("[ext]\n{extensions}[san]\n{san}{more}");
    }
    let list = |items: &[String]| match items {
        [] => Value::Null,
        items => Value::list(items.iter().map(|i| Value::from(i.clone()))),
    };
    let pair = |(k, v): &(String, String)| Value::list([k.clone().into(), v.clone().into()]);
    let key = args.str("privatekey_path").to_owned();
    let result = [
        ("privatekey", Value::from(key.clone())),
        ("subject", Value::list(subject.iter().map(pair))),
        ("subjectAltName", list(&names)),
        ("keyUsage", list(&args.list("key_usage"))),
        ("extendedKeyUsage", list(&extended)),
        ("basicConstraints", list(&basic)),
        ("ocspMustStaple", args.bool("ocsp_must_staple").into()),
        ("name_constraints_permitted", list(&permitted)),
        ("name_constraints_excluded", list(&excluded)),
    ];
    Ok(Bound::Decide(Box::new(Csr {
        file,
        key,
        digest: args.str("digest").to_owned(),
        config,
        result: result.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
    })))
}

/// What a request says, in an order of its own: names and usages are sets.
fn said(lines: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = lines
        .iter()
        .filter(|l| !l.trim().is_empty())
        .map(|l| {
            let mut parts: Vec<&str> = l.trim().split(", ").collect();
            parts.sort_unstable();
            parts.join(", ")
        })
        .collect();
    out.sort();
    out
}

impl Decide for Csr {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        if self.file.absent {
            return self.file.removed(known, self.result.clone());
        }
        let path = self.file.at(known)?;
        let key = self.file.setting.expand(known, &self.key)?;
        let make = format!(
            "openssl req -new -utf8 -{} -key {} -passin env:{PASS} -config /dev/stdin",
            self.digest,
            quote::path(&key)
        );
        // The request that would be made is made, without writing it anywhere, and compared.
        let show = "openssl req -noout -text -reqopt no_sigdump";
        let script = format!(
            "[ -r {} ] || exit 91\nr=$(printf %s {} | {make}) || exit 92\nprintf '==wanted\\n'\n\
             printf '%s\\n' \"$r\" | {show} || exit 92\nprintf '\\n==found\\n'\n{show} -in {} 2>/dev/null || :\n",
            quote::path(&key),
            quote::word(&self.config),
            quote::path(&path),
        );
        let missing = format!("The private key file {key} does not exist");
        let text = self.file.asked(known, &script, &missing)?;
        let parts = sections(text.unwrap_or_default());
        let lines = |name: &str| said(parts.get(name).map(Vec::as_slice).unwrap_or_default());
        let stale = self.file.force || text.is_none() || lines("wanted") != lines("found");
        let making = stale.then(|| Making {
            script: format!("{make} >\"$t\" || exit 1\n[ -s \"$t\" ] || exit 1\n"),
            stdin: self.config.clone(),
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
    fn requests_are_made_once_and_say_what_they_shall() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(
            dir.path(),
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out k 2>/dev/null",
        );
        let plain =
            json!({"path": at("r"), "privatekey_path": at("k"), "common_name": "a.example"});
        let full = json!({"path": at("r"), "privatekey_path": at("k"), "common_name": "mü \"q\" $x, #b \\ c",
            "country_name": "DE", "subject": {"OU": ["one", "two"]}, "subject_alt_name": ["DNS:b", "IP:10.0.0.1", "DNS:a"],
            "key_usage": ["Digital Signature", "keyEncipherment"], "key_usage_critical": true, "extended_key_usage": ["serverAuth"],
            "basic_constraints": "CA:TRUE,pathlen:0", "basic_constraints_critical": true, "ocsp_must_staple": true,
            "create_subject_key_identifier": true});
        for args in [&plain, &full] {
            assert!(settle_here(&OPENSSL_CSR, args).changed);
            assert!(!settle_here(&OPENSSL_CSR, args).changed);
        }
        let mut other = full.clone();
        other["subject_alt_name"] = json!(["DNS:a", "DNS:b", "IP:10.0.0.1"]);
        assert!(
            !settle_here(&OPENSSL_CSR, &other).changed,
            "names are a set"
        );
        other["subject_alt_name"] = json!(["DNS:a"]);
        assert!(settle_here(&OPENSSL_CSR, &other).changed);
        assert!(settle_here(&OPENSSL_CSR, &full).changed);
        let text = sh(
            dir.path(),
            "openssl req -in r -noout -subject -nameopt utf8,sep_comma_plus -verify 2>/dev/null; openssl req -in r -noout -text | sed -n '/Requested/,/Signature Alg/p' | grep -v -e '..:..:' -e Signature.Alg",
        );
        insta::assert_snapshot!(text, @r#"
        subject=C=DE,CN=mü "q" $x, #b \ c,OU=one,OU=two
                    Requested Extensions:
                        X509v3 Subject Alternative Name: 
                            DNS:b, IP Address:10.0.0.1, DNS:a
                        X509v3 Key Usage: critical
                            Digital Signature, Key Encipherment
                        X509v3 Extended Key Usage: 
                            TLS Web Server Authentication
                        X509v3 Basic Constraints: critical
                            CA:TRUE, pathlen:0
                        TLS Feature: 
                            status_request
                        X509v3 Subject Key Identifier: 
        "#);
        sh(dir.path(), "openssl genpkey -algorithm ED25519 -out k");
        assert!(settle_here(&OPENSSL_CSR, &full).changed, "another key");
        assert!(!settle_here(&OPENSSL_CSR, &full).changed);
    }

    #[test]
    fn what_authorities_ask_for_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(dir.path(), "openssl genpkey -algorithm ED25519 -out k");
        let args = json!({"path": at("r"), "privatekey_path": at("k"), "common_name": "CA", "use_common_name_for_san": false,
            "subject_key_identifier": "00:11:22:AA", "authority_key_identifier": "aa:bb:cc",
            "name_constraints_permitted": ["DNS:.example.org", "IP:10.1.2.3/8", "IP:fd00::/8"], "name_constraints_excluded": "email:a@b",
            "name_constraints_critical": true, "return_content": true,
            "crl_distribution_points": [{"full_name": ["URI:https://a/b,c", "URI:https://a/d"], "reasons": ["key_compromise", "ca_compromise"]}, {"crl_issuer": "DNS:a.b"}]});
        let first = settle_here(&OPENSSL_CSR, &args);
        let again = settle_here(&OPENSSL_CSR, &args);
        assert!(first.changed && !again.changed);
        assert_eq!(first.result["csr"], again.result["csr"]);
        assert_eq!(first.result["csr"].to_string(), sh(dir.path(), "cat r"));
        let text = sh(
            dir.path(),
            "openssl req -in r -noout -text -reqopt no_sigdump | sed -n '/Requested/,$p' | sed 's/  *$//' | grep .",
        );
        insta::assert_snapshot!(text, @r#"
        Requested Extensions:
            X509v3 Name Constraints: critical
                Permitted:
                  DNS:.example.org
                  IP:10.0.0.0/255.0.0.0
                  IP:FD00:0:0:0:0:0:0:0/FF00:0:0:0:0:0:0:0
                Excluded:
                  email:a@b
            X509v3 CRL Distribution Points:
                Full Name:
                  URI:https://a/b,c
                  URI:https://a/d                    Reasons:
                  Key Compromise, CA Compromise
                CRL Issuer:
                  DNS:a.b
            X509v3 Subject Key Identifier:
                00:11:22:AA
            X509v3 Authority Key Identifier:
                AA:BB:CC
        "#);
        let mut other = args.clone();
        other["crl_distribution_points"][0]["reasons"] = json!(["superseded"]);
        assert!(settle_here(&OPENSSL_CSR, &other).changed);
    }

    #[test]
    fn mistakes_are_said() {
        let said = |more: serde_json::Value| {
            let mut args = json!({"path": "/etc/none.csr", "privatekey_path": "/etc/none.key"});
            args.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            Host::real()
                .decide(&OPENSSL_CSR, &args, false)
                .map(|_| ())
                .unwrap_err()
                .msg
        };
        insta::assert_snapshot!(said(json!({})), @"The private key file /etc/none.key does not exist");
        insta::assert_snapshot!(said(json!({"subject_alt_name": "a.example"})), @"`a.example` must begin with DNS:, IP:, email:, URI: or RID:; other names are not written here");
        insta::assert_snapshot!(said(json!({"key_usage": "sign"})), @"`sign` is no key usage");
        insta::assert_snapshot!(said(json!({"common_name": "a\nb"})), @r#"a name must be one line: "a\nb""#);
        insta::assert_snapshot!(said(json!({"subject": {"C;x": "a"}})), @"`C;x` is no subject field");
        insta::assert_snapshot!(said(json!({"subject_key_identifier": "xy"})), @"`subject_key_identifier` must be pairs of hex digits with `:` between them, not `xy`");
        insta::assert_snapshot!(said(json!({"name_constraints_permitted": "IP:10/8"})), @"`IP:10/8` is no network");
        insta::assert_snapshot!(said(json!({"crl_distribution_points": [{"relative_name": ["/CN=a"]}]})), @"`relative_name` of a distribution point is not written here: give `full_name`, `crl_issuer` and `reasons`");
        insta::assert_snapshot!(said(json!({"crl_distribution_points": [{"reasons": "moved"}]})), @"`moved` is no reason for a revocation");
        assert!(
            Host::real()
                .decide(
                    &OPENSSL_CSR,
                    &json!({"path": "/etc/none.csr", "privatekey_path": "/etc/none.key"}),
                    true
                )
                .unwrap()
                .conclude
                .is_some()
        );
    }
}
