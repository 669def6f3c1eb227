//! The SSH key that `user` can make for an account.

use super::tools::{Plan, Site};
use crate::host::{Cmd, Known, Query, quote};
use crate::modules::{Args, Step};
use crate::value::{Map, Value};

/// `generate_ssh_key` and what belongs to it.
pub(super) struct Key {
    kind: String,
    bits: Option<i64>,
    file: String,
    comment: Option<String>,
    passphrase: Option<String>,
    force: bool,
    site: Site,
}

const FILE: &str = "hoist-key-file ";
const PRINT: &str = "hoist-key-print ";
const PUBLIC: &str = "hoist-key-public ";

impl Key {
    pub(super) fn new(args: &Args, site: &Site) -> Self {
        let kind = args.str("ssh_key_type").to_owned();
        Self {
            file: args
                .opt_str("ssh_key_file")
                .map_or_else(|| format!(".ssh/id_{kind}"), str::to_owned),
            kind,
            bits: args.int("ssh_key_bits").filter(|b| *b > 0),
            comment: args.opt_str("ssh_key_comment").map(str::to_owned),
            passphrase: args.opt_str("ssh_key_passphrase").map(str::to_owned),
            force: args.bool("force"),
            site: site.clone(),
        }
    }

    /// Plans the key, and puts an existing one's particulars into the result.
    pub(super) fn plan(
        &self,
        known: &Known,
        user: &str,
        home: Option<&str>,
        created: bool,
        plan: &mut Plan,
    ) -> Result<(), Step> {
        let absolute = match home {
            _ if self.file.starts_with('/') => Some(self.file.clone()),
            Some(home) => Some(format!("{}/{}", home.trim_end_matches('/'), self.file)),
            None => None,
        };
        if let Some(path) = absolute.filter(|_| !created) {
            let public = format!("{path}.pub");
            known.all([Query::stat(&path), Query::stat(&public)])?;
            let mut there = None;
            for (file, kind) in [(&path, "private"), (&public, "public")] {
                if known.stat(file, true)?.is_some() {
                    there.get_or_insert((file.clone(), kind));
                }
            }
            if let Some((file, kind)) = there {
                if !self.force {
                    plan.warnings.push(format!(
                        "Found existing ssh key {kind} file \"{file}\", no force, so skipping ssh-keygen generation"
                    ));
                    let query = self.site.read(show(&quote::word(&path)));
                    Self::note(&mut plan.result, known.output(query)?.1);
                    return Ok(());
                }
                plan.warnings.push(format!(
                    "Overwriting existing ssh key {kind} file \"{file}\""
                ));
            }
        }
        plan.run(self.generate(user));
        Ok(())
    }

    fn generate(&self, user: &str) -> Cmd {
        let user = quote::word(user);
        let file = quote::word(&self.file);
        let path = if self.file.starts_with('/') {
            format!("k={file}")
        } else {
            // A new account's home is known only once it is made.
            format!("k=$(eval echo ~{user})/{file}")
        };
        let comment = match &self.comment {
            Some(text) => quote::word(text),
            None => "\"ansible-generated on $(uname -n)\"".into(),
        };
        let bits = self.bits.map(|b| format!(" -b {b}")).unwrap_or_default();
        let call = format!(
            "ssh-keygen -q -t {}{bits} -C {comment} -f \"$k\"",
            quote::word(&self.kind)
        );
        let (before, call, stdin) = match &self.passphrase {
            None => (String::new(), format!("{call} -N '' </dev/null"), None),
            // ssh-keygen asks a program for it, so that no process list shows it.
            Some(secret) => (
                "t=$(mktemp -d) || exit 1\ntrap 'rm -rf \"$t\"' EXIT; trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM\n\
                 cat > \"$t/p\"; printf '#!/bin/sh\\ncat \"%s\"\\n' \"$t/p\" > \"$t/ask\"; chmod 700 \"$t/ask\"\n"
                    .to_owned(),
                format!("DISPLAY=none SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=\"$t/ask\" {call} </dev/null"),
                Some(secret.clone().into_bytes().into()),
            ),
        };
        Cmd {
            stdin,
            ..self.site.sh(format!(
                "{before}{path}\nd=${{k%/*}}; g=$(id -g {user})\n\
                 [ -d \"$d\" ] || {{ mkdir -m 700 \"$d\" && chown {user}:\"$g\" \"$d\"; }} || exit 1\n\
                 rm -f \"$k\" \"$k.pub\"\n{call} && chown {user}:\"$g\" \"$k\" \"$k.pub\" || exit 1\n{}",
                show("\"$k\"")
            ))
        }
    }

    /// Reads the particulars of a key off what [`show`] printed.
    pub(super) fn note(result: &mut Map, stdout: &str) {
        for (mark, key) in [
            (PRINT, "ssh_fingerprint"),
            (FILE, "ssh_key_file"),
            (PUBLIC, "ssh_public_key"),
        ] {
            if let Some(text) = stdout.lines().find_map(|l| l.strip_prefix(mark)) {
                result.insert(key.into(), Value::from(text.trim()));
            }
        }
    }
}

/// Shell text that prints the particulars of the key at `word`.
fn show(word: &str) -> String {
    format!(
        "k={word}; echo \"{PRINT}$(ssh-keygen -l -f \"$k\" 2>&1)\"\n\
         echo \"{PUBLIC}$(cat \"$k.pub\" 2>/dev/null)\"; echo \"{FILE}$k\""
    )
}
