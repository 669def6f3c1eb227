//! Keys that packages are signed with: `apt_key`, `rpm_key`.

use super::tools::{Plan, Site, failed, fetch, last_words, map, texts};
use crate::host::{Action, Cmd, Known, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};

/// `ansible.builtin.apt_key`.
pub(super) static APT: Spec = Spec {
    name: "ansible.builtin.apt_key",
    aliases: &[],
    about: "adds and removes keys of apt, where `apt-key` still exists; elsewhere use `deb822_repository`",
    free_form: None,
    args: &[&[
        Arg::str("id", "the key's id, without a subkey's"),
        Arg::str("url", "its address"),
        Arg::str("data", "the key itself"),
        Arg::path("file", "a file on the host that holds it"),
        Arg::str("keyserver", "a server that has it"),
        Arg::path("keyring", "the keyring"),
        Arg::str("state", "whether it is there")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::bool("validate_certs", "check the server's certificate").default("true"),
    ]],
    rules: &[
        Rule::Exclusive(&["data", "file", "keyserver", "url"]),
        Rule::OneOf(&["data", "file", "id", "keyserver", "url"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("id", "the key as given"),
        ("key_id", "its id"),
        ("fp", "its fingerprint or long id"),
        ("short_id", "its short id"),
        ("before", "keys before"),
    ],
    example: "- ansible.builtin.apt_key:\n    url: https://example.org/key.asc\n    id: 9FED2BCBDCD29CDF762678CBAED4B06F473041FA\n",
    run: Run::Bind(bind_apt),
};

/// `ansible.builtin.rpm_key`.
pub(super) static RPM: Spec = Spec {
    name: "ansible.builtin.rpm_key",
    aliases: &[],
    about: "adds and removes keys of rpm",
    free_form: None,
    args: &[&[
        Arg::str("key", "its address, a file on the host, or its id").required(),
        Arg::str("state", "whether it is there")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::list("fingerprint", "fingerprints that it must have"),
        Arg::bool("validate_certs", "check the server's certificate").default("yes"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[],
    example: "- ansible.builtin.rpm_key:\n    key: https://example.org/RPM-GPG-KEY\n",
    run: Run::Bind(bind_rpm),
};

/// Shell text that lists a key file's ids and fingerprints, a word before each.
const LIST: &str = "gpg --no-tty --batch --with-colons --fixed-list-mode --import-options show-only --import \"$k\" 2>/dev/null | \
                    while IFS=: read -r t a b c i g h j l fp r; do case $t in pub) echo \"pub $i\";; fpr) echo \"fpr $fp\";; esac; done";

/// An id in capitals without `0x`.
fn plain_id(id: &str) -> Result<String, Fail> {
    let id: String = id.trim().chars().filter(|c| !c.is_whitespace()).collect();
    let id = id
        .strip_prefix("0x")
        .or(id.strip_prefix("0X"))
        .unwrap_or(&id)
        .to_uppercase();
    if matches!(id.len(), 8 | 16 | 40) && id.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(Fail::new("Invalid key_id").with("id", id))
    }
}

/// Words of a listing with that mark.
fn marked<'a>(said: &'a str, mark: &str) -> Vec<&'a str> {
    said.lines()
        .filter_map(|l| l.strip_prefix(mark))
        .map(str::trim)
        .collect()
}

struct AptKey {
    id: Option<String>,
    shown: Option<String>,
    /// Shell text that leaves the key in `$k`.
    source: Option<String>,
    keyserver: Option<String>,
    keyring: String,
    present: bool,
    site: Site,
}

fn bind_apt(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    if args.has("keyserver") && !args.has("id") {
        return Err(Fail::new("Missing key_id, required with keyserver."));
    }
    let source = if let Some(url) = args.opt_str("url") {
        let get = fetch(url, args.bool("validate_certs"));
        Some(format!("{get}k=$d/key; f \"$k\" || exit 1\n"))
    } else if let Some(data) = args.opt_str("data") {
        // A public key is no secret; the shell's text may hold it.
        let get = "d=$(mktemp -d) || exit 1\ntrap 'rm -rf \"$d\"' EXIT\n";
        Some(format!(
            "{get}k=$d/key; printf '%s\\n' {} > \"$k\"\n",
            quote::word(data)
        ))
    } else {
        args.opt_str("file")
            .map(|f| format!("k={}\n", super::expand::word(f)))
    };
    Ok(Bound::Decide(Box::new(AptKey {
        id: args.opt_str("id").map(plain_id).transpose()?,
        shown: args.opt_str("id").map(str::to_owned),
        source,
        keyserver: args.opt_str("keyserver").map(str::to_owned),
        keyring: args
            .opt_str("keyring")
            .map(|k| format!("--keyring {} ", quote::word(k)))
            .unwrap_or_default(),
        present: args.str("state") == "present",
        site: Site::of(ctx),
    })))
}

impl Decide for AptKey {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let list = self.site.read(format!(
            "command -v apt-key >/dev/null 2>&1 || {{ echo 'the host has no apt-key any more; use deb822_repository with signed_by' >&2; exit 127; }}\n\
             apt-key {}adv --with-colons --list-public-keys --keyid-format=long 2>/dev/null | \
             while IFS=: read -r t a b c i g h j l fp r; do case $t in pub) echo \"pub $i\";; fpr) echo \"fpr $fp\";; esac; done",
            self.keyring
        ));
        let (rc, said, stderr) = known.output(list)?;
        if rc != 0 {
            return Err(Fail::new(stderr.trim().to_owned()).with("rc", rc).into());
        }
        let id = match (&self.id, &self.source) {
            (Some(id), _) => id.clone(),
            (None, Some(source)) => {
                let query = self.site.read(format!("{source}{LIST}"));
                let (rc, said, stderr) = known.output(query)?;
                let found = marked(said, "pub ").first().map(|i| (*i).to_owned());
                match found {
                    Some(id) if rc == 0 => plain_id(&id)?,
                    _ => {
                        return Err(Fail::new(format!(
                            "the key cannot be read: {}",
                            stderr.trim()
                        ))
                        .into());
                    }
                }
            }
            (None, None) => return Err(Fail::new("key is required to remove a key").into()),
        };
        let mut keys = marked(said, "pub ");
        keys.extend(marked(said, "fpr "));
        let there = keys.iter().any(|k| k.ends_with(&id));
        let short = &id[id.len() - 8..];
        let mut plan = Plan::new(map([
            (
                "id",
                self.shown.clone().unwrap_or_else(|| id.clone()).into(),
            ),
            ("key_id", id.as_str().into()),
            ("short_id", short.into()),
            ("fp", id[id.len().saturating_sub(16)..].into()),
            ("before", texts(marked(said, "pub "))),
        ]));
        let ring = &self.keyring;
        if self.present && !there {
            let text = match (&self.source, &self.keyserver) {
                (Some(source), _) => format!("{source}apt-key {ring}add \"$k\""),
                (None, Some(server)) => format!(
                    "apt-key {ring}adv --no-tty --keyserver {} --recv {id}",
                    quote::word(server)
                ),
                (None, None) => {
                    return Err(Fail::new(
                        "one of `url`, `data`, `file` and `keyserver` is needed to add a key",
                    )
                    .into());
                }
            };
            plan.run_or(
                self.site.sh(format!(
                    "{text} || exit 1\napt-key {ring}adv --with-colons --fingerprint --list-public-keys 2>/dev/null | grep -q {id} || \
                     {{ echo 'apt-key did not return an error, but failed to add the key (check that the id is correct and *not* a subkey)' >&2; exit 1; }}"
                )),
                "the key was not added",
            );
        } else if !self.present && there {
            plan.run_or(
                self.site.sh(format!("apt-key {ring}del {short}")),
                "error removing key_id",
            );
        }
        Ok(plan.decision())
    }
}

struct RpmKey {
    /// Shell text that leaves the key in `$k`, unless only its id is known.
    source: Option<String>,
    id: Option<String>,
    present: bool,
    fingerprints: Vec<String>,
    site: Site,
}

fn bind_rpm(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let key = args.str("key");
    let present = args.str("state") == "present";
    let (source, id) = if key.contains("://") {
        let get = fetch(key, args.bool("validate_certs"));
        (Some(format!("{get}k=$d/key; f \"$k\" || exit 1\n")), None)
    } else if key.starts_with(['/', '~', '.']) {
        (Some(format!("k={}\n", super::expand::word(key))), None)
    } else {
        (
            None,
            Some(plain_id(key).map_err(|_| Fail::new(format!("Not a valid key {key}")))?),
        )
    };
    Ok(Bound::Decide(Box::new(RpmKey {
        source,
        id,
        present,
        fingerprints: args
            .list("fingerprint")
            .iter()
            .map(|f| f.replace(' ', "").to_uppercase())
            .collect(),
        site: Site::of(ctx),
    })))
}

impl RpmKey {
    fn probe(&self, source: &str) -> Query {
        self.site.read(format!(
            "command -v gpg >/dev/null 2>&1 || {{ echo 'gpg was not found' >&2; exit 127; }}\n{source}{LIST}"
        ))
    }
}

impl Decide for RpmKey {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let installed = self
            .site
            .read("rpm -q gpg-pubkey --qf '%{VERSION} %{RELEASE}\\n'; :");
        known.all(
            std::iter::once(installed.clone()).chain(self.source.as_deref().map(|s| self.probe(s))),
        )?;
        let (id, fingerprints) = match (&self.id, &self.source) {
            (Some(id), _) => (id.clone(), Vec::new()),
            (None, Some(source)) => {
                let (rc, said, stderr) = known.output(self.probe(source))?;
                match marked(said, "pub ").first() {
                    Some(id) if rc == 0 => ((*id).to_owned(), marked(said, "fpr ")),
                    _ => {
                        return Err(
                            Fail::new(format!("Not a public key: {}", stderr.trim())).into()
                        );
                    }
                }
            }
            (None, None) => return Err(Fail::new("Not a valid key").into()),
        };
        // rpm names a key's package after the last eight digits of its id, or, since 4.20, after its fingerprint.
        let last = id[id.len().saturating_sub(8)..].to_lowercase();
        let package = known.output(installed)?.1.lines().find_map(|l| {
            let (version, release) = l.split_once(' ')?;
            version
                .ends_with(&last)
                .then(|| format!("gpg-pubkey-{version}-{release}"))
        });
        let mut plan = Plan::new(map([]));
        match (self.present, package) {
            (true, None) => {
                let Some(source) = &self.source else {
                    return Err(
                        Fail::new("When importing a key, a valid file must be given").into(),
                    );
                };
                if let Some(missing) = self
                    .fingerprints
                    .iter()
                    .find(|f| !fingerprints.contains(&f.as_str()))
                {
                    return Err(Fail::new(format!(
                        "The specified fingerprint, '{missing}', does not match any key fingerprints in '{}'",
                        fingerprints.join(", ")
                    ))
                    .into());
                }
                plan.run(self.site.sh(format!("{source}rpm --import \"$k\"")));
            }
            (false, Some(package)) => {
                let cmd: Cmd = self.site.argv(["rpm", "--erase", "--allmatches", &package]);
                plan.act(Action::Run(cmd), |r: &Report| failed(last_words(r), r));
            }
            _ => {}
        }
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use serde_json::json;

    /// Answers each question in turn.
    fn answers(spec: &Spec, mut c: Case, said: &[&str]) -> Case {
        let mut said = said.iter();
        while let Some(first) = said.next() {
            let mut listing = None;
            for query in c.needs(spec) {
                let Query::Read { script, .. } = query else {
                    panic!()
                };
                let text = if script.contains("--import-options") {
                    *listing.get_or_insert_with(|| said.next().unwrap_or(first))
                } else {
                    first
                };
                c = c.reads(&script, 0, text);
            }
        }
        c
    }

    #[test]
    fn apt() {
        let id = "AED4B06F473041FA";
        let there = format!("pub {id}\nfpr 9FED2BCBDCD29CDF762678CBAED4B06F473041FA\n");
        let c = |args| case(args);
        assert!(
            answers(&APT, c(json!({"id": id, "url": "https://x"})), &[&there])
                .done(&APT)
                .0
                .is_empty()
        );
        let (shown, _) = answers(
            &APT,
            c(json!({"id": format!("0x{id}"), "keyserver": "k.org"})),
            &[""],
        )
        .done(&APT);
        assert!(shown[0].contains("adv --no-tty --keyserver k.org --recv AED4B06F473041FA"));
        let (shown, _) =
            answers(&APT, c(json!({"id": id, "state": "absent"})), &[&there]).done(&APT);
        assert_eq!(shown, ["sh: apt-key del 473041FA"]);
        assert_eq!(
            case(json!({"id": "xyz"}))
                .bind(&APT)
                .map(|_| ())
                .unwrap_err()
                .msg,
            "Invalid key_id"
        );
    }

    #[test]
    fn rpm() {
        let key = "pub 199E2F91FD431D51\nfpr 567E347AD0044ADE55BA8A5F199E2F91FD431D51\n";
        let args = json!({"key": "/etc/key"});
        assert!(
            answers(&RPM, case(args.clone()), &["fd431d51 4ae0493b\n", key])
                .done(&RPM)
                .0
                .is_empty()
        );
        assert_eq!(
            answers(&RPM, case(args), &["", key]).done(&RPM).0,
            ["sh: k=/etc/key\nrpm --import \"$k\""]
        );
        let absent = json!({"key": "fd431d51", "state": "absent"});
        assert_eq!(
            answers(&RPM, case(absent), &["fd431d51 4ae0493b\n"])
                .done(&RPM)
                .0,
            ["rpm --erase --allmatches gpg-pubkey-fd431d51-4ae0493b"]
        );
        let wrong = json!({"key": "/etc/key", "fingerprint": "AAAA"});
        assert!(
            answers(&RPM, case(wrong), &["", key])
                .tried_with(&RPM, vec![])
                .1
                .unwrap_err()
                .msg
                .contains("does not match")
        );
    }
}
