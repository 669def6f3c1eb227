//! `community.crypto.x509_certificate`: a certificate signed with its own key, by the host's `openssl`.

use super::attrs::FILE_ARGS;
use super::openssl::{COMMON_ARGS, Made, Making, PASS, extensions, sections};
use crate::host::{Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::Map;

const OWNCA: &str = "only certificates signed with their own key are made here; run `openssl ca` with `command` and `creates`";
const OTHER: &str = "this provider is not supported; only `selfsigned` is";

/// See the page of `community.crypto.x509_certificate`.
pub static X509_CERTIFICATE: Spec = Spec {
    name: "community.crypto.x509_certificate",
    aliases: &[
        "community.crypto.openssl_certificate",
        "openssl_certificate",
    ],
    about: "a certificate signed with its own key, made by the host's `openssl` when none is there that fits",
    free_form: None,
    args: &[
        COMMON_ARGS,
        &[
            Arg::str("provider", "who signs; nobody but `selfsigned` here")
                .choices(&["selfsigned"]),
            Arg::path("privatekey_path", "the key on the host"),
            Arg::refused(
                "privatekey_content",
                "the key stays on the host; name its file in `privatekey_path`",
            ),
            Arg::str("privatekey_passphrase", "what the key is encrypted with").secret(),
            Arg::path(
                "csr_path",
                "the request on the host; its subject and extensions are taken over",
            ),
            Arg::refused("csr_content", "name the request's file in `csr_path`"),
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
            Arg::str(
                "selfsigned_create_subject_key_identifier",
                "whether the key's digest becomes its identifier",
            )
            .default("create_if_not_provided")
            .choices(&["create_if_not_provided"]),
            Arg::refused("ownca_path", OWNCA),
            Arg::refused("ownca_content", OWNCA),
            Arg::refused("ownca_privatekey_path", OWNCA),
            Arg::refused("ownca_privatekey_content", OWNCA),
            Arg::refused("ownca_privatekey_passphrase", OWNCA),
            Arg::refused("ownca_digest", OWNCA),
            Arg::refused("ownca_version", OWNCA),
            Arg::refused("ownca_not_before", OWNCA),
            Arg::refused("ownca_not_after", OWNCA),
            Arg::refused("ownca_create_subject_key_identifier", OWNCA),
            Arg::refused("ownca_create_authority_key_identifier", OWNCA),
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
    rules: &[Rule::If(
        "state",
        "present",
        &["provider", "privatekey_path", "csr_path"],
        false,
    )],
    check: CheckSupport::Full,
    returns: &[
        ("filename", "the file"),
        ("privatekey", "the key's file"),
        ("csr", "the request's file"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- community.crypto.x509_certificate:\n    path: /etc/ssl/app.crt\n    privatekey_path: /etc/ssl/private/app.key\n    csr_path: /etc/ssl/app.csr\n    provider: selfsigned\n    selfsigned_not_after: +365d\n",
    run: Run::Bind(bind),
};

struct Certificate {
    file: Made,
    key: String,
    csr: String,
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

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let mut file = Made::of(args, ctx, None)?;
    file.secret(PASS, args.opt_str("privatekey_passphrase"));
    if args.int("selfsigned_version") != Some(3) {
        return Err(Fail::new(
            "`selfsigned_version` must be 3: no other is made",
        ));
    }
    if !args.bool("ignore_timestamps") {
        return Err(Fail::new(
            "`ignore_timestamps: false` is not supported: times are not compared",
        ));
    }
    let times = |name: &str| time(name, args.str(name));
    let mut result = Map::new();
    for (key, name) in [("privatekey", "privatekey_path"), ("csr", "csr_path")] {
        result.insert(key.into(), args.str(name).into());
    }
    Ok(Bound::Decide(Box::new(Certificate {
        file,
        key: args.str("privatekey_path").to_owned(),
        csr: args.str("csr_path").to_owned(),
        digest: args.str("selfsigned_digest").to_owned(),
        from: times("selfsigned_not_before")?,
        until: times("selfsigned_not_after")?,
        result,
    })))
}

const IDENTIFIER: &str = "X509v3 Subject Key Identifier:";

impl Certificate {
    /// Whether the certificate there says what the request says, for this key.
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
        if key("csr") != key("key") {
            return Err(Fail::new(format!(
                "the request {} was made with another key than {}",
                self.csr, self.key
            )));
        }
        let wanted = extensions(lines("csr"));
        let mut found = extensions(lines("cert"));
        if !wanted.contains_key(IDENTIFIER) && found.remove(IDENTIFIER).is_none() {
            return Ok(true);
        }
        let subject = field("csr", "Subject:");
        Ok(key("cert") != key("key")
            || field("cert", "Subject:") != subject
            || field("cert", "Issuer:") != subject
            || found != wanted)
    }

    /// `openssl ca`, with an authority that exists for this one signature: of `openssl`'s commands the one that in
    /// every version takes over a request's extensions and any two times.
    fn script(&self, key: &str, csr: &str) -> String {
        let config = "[ca]\ndefault_ca = d\n[d]\ndatabase = $ENV::w/db\nnew_certs_dir = $ENV::w\npolicy = p\n\
             copy_extensions = copyall\nunique_subject = no\nrand_serial = yes\nx509_extensions = e\n[p]\ncommonName = optional\n[e]\nsubjectKeyIdentifier = hash\n";
        format!(
            "w=$(mktemp -d) || exit 1\nexport w\n: >\"$w/db\"\nprintf %s {} >\"$w/config\" || exit 1\n\
             m=$(openssl ca -batch -notext -selfsign -preserveDN -rand_serial -keyfile {} -passin env:{PASS} -in {} -out \"$t\" \
             -startdate {} -enddate {} -md {} -config \"$w/config\" 2>&1) || {{ printf '%s\\n' \"$m\" >&2; exit 1; }}\n[ -s \"$t\" ] || exit 1\n",
            quote::word(config),
            quote::path(key),
            quote::path(csr),
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
        let key = self.file.setting.expand(known, &self.key)?;
        let csr = self.file.setting.expand(known, &self.csr)?;
        let (k, r, c) = (quote::path(&key), quote::path(&csr), quote::path(&path));
        let script = format!(
            "[ -r {k} ] && [ -r {r} ] || exit 91\nprintf '==key\\n'\nopenssl pkey -in {k} -passin env:{PASS} -pubout || exit 92\n\
             printf '==csr\\n'\nopenssl req -in {r} -noout -pubkey -text -reqopt no_sigdump || exit 92\n\
             printf '\\n==cert\\n'\nopenssl x509 -in {c} -noout -pubkey -text -certopt no_sigdump 2>/dev/null || :\n"
        );
        let missing = format!("The private key file {key} or the request {csr} does not exist");
        let text = self.file.asked(known, &script, &missing)?;
        let differs = text.map(|t| self.stale(t)).transpose()?.unwrap_or(true);
        let making = (self.file.force || differs).then(|| Making {
            script: self.script(&key, &csr),
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
        insta::assert_snapshot!(said(json!({"path": "/etc/none.crt", "provider": "acme"})), @"`community.crypto.x509_certificate`: argument `provider` must be one of selfsigned, not `acme`");
        insta::assert_snapshot!(said(json!({"path": "/etc/none.crt", "provider": "selfsigned", "privatekey_path": "/etc/none.key", "csr_path": "/etc/none.csr"})), @"The private key file /etc/none.key or the request /etc/none.csr does not exist");
    }
}
