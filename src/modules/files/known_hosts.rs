//! `ansible.builtin.known_hosts`: the keys by which an account knows servers.

use super::edit::{Editor, lines};
use super::setting::Setting;
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Run, Spec, Step,
};
use crate::value::Map;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit as _, Mac as _};

/// See Ansible's page of `known_hosts`.
pub static KNOWN_HOSTS: Spec = Spec {
    name: "ansible.builtin.known_hosts",
    aliases: &[],
    about: "adds and removes the keys of servers in a known_hosts file",
    free_form: None,
    args: &[&[
        Arg::str("name", "the server, as it is in the key's line")
            .alias(&["host"])
            .required(),
        Arg::str(
            "key",
            "the whole line; not needed to remove all of a server's keys",
        ),
        Arg::path("path", "the file").default("~/.ssh/known_hosts"),
        Arg::bool("hash_host", "do not write the server's name in clear").default("false"),
        Arg::str("state", "whether the key shall be there")
            .default("present")
            .choices(&["absent", "present"]),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the server"),
        ("key", "the line"),
        ("path", "the file"),
        ("hash_host", "as asked"),
        ("state", "as asked"),
    ],
    example: "- known_hosts:\n    name: git.example.org\n    key: \"{{ lookup('file', 'git.example.org.pub') }}\"\n",
    run: Run::Bind(bind),
};

struct KnownHosts {
    host: String,
    key: Option<String>,
    absent: bool,
    echo: Map,
    editor: Editor,
}

/// A line of the file, as far as it matters.
#[derive(PartialEq)]
struct Entry<'l> {
    marker: Option<&'l str>,
    hosts: &'l str,
    kind: &'l str,
    key: &'l str,
}

impl<'l> Entry<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let first = words.next().filter(|w| !w.starts_with('#'))?;
        let (marker, hosts) = if first.starts_with('@') {
            (Some(first), words.next()?)
        } else {
            (None, first)
        };
        Some(Self {
            marker,
            hosts,
            kind: words.next()?,
            key: words.next()?,
        })
    }

    /// Whether the line is about this server: by name in a list, or by its hash.
    fn is_about(&self, host: &str) -> bool {
        match self
            .hosts
            .strip_prefix("|1|")
            .and_then(|h| h.split_once('|'))
        {
            Some((salt, hash)) => STANDARD
                .decode(salt)
                .is_ok_and(|salt| hashed(&salt, host).as_deref() == Some(hash)),
            None => self.hosts.split(',').any(|h| h.eq_ignore_ascii_case(host)),
        }
    }
}

/// The Base64 of HMAC-SHA1 of the name, as ssh-keygen(1) `-H` makes it.
fn hashed(salt: &[u8], host: &str) -> Option<String> {
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(salt).ok()?;
    mac.update(host.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let host = args.str("name").to_lowercase();
    if host.contains(',') {
        return Err(Fail::new(
            "Comma separated list of names is not supported. Please pass a single name to lookup in the known_hosts file.",
        ));
    }
    let absent = args.str("state") == "absent";
    let mut key = args
        .opt_str("key")
        .filter(|k| !k.trim().is_empty())
        .map(|k| k.trim().to_owned());
    if key.is_none() && !absent {
        return Err(Fail::new("No key specified when adding a host"));
    }
    if let Some(text) = &mut key {
        let Some(entry) = Entry::parse(text) else {
            return Err(Fail::new(
                "the key is no line of a known_hosts file: name, type and key",
            ));
        };
        if !entry.is_about(&host) {
            return Err(Fail::new(
                "Host parameter does not match hashed host field in supplied key",
            ));
        }
        if args.bool("hash_host") && !entry.hosts.starts_with("|1|") {
            let mut salt = [0; 20];
            getrandom::fill(&mut salt).map_err(|e| Fail::new(format!("no randomness: {e}")))?;
            let hidden = format!(
                "|1|{}|{}",
                STANDARD.encode(salt),
                hashed(&salt, &host).unwrap_or_default()
            );
            *text = text.replacen(entry.hosts, &hidden, 1);
        }
        text.push('\n');
    }
    let echo = ["name", "key", "path", "hash_host", "state"]
        .iter()
        .map(|n| ((*n).to_owned(), args.raw(n).cloned().unwrap_or_default()))
        .collect();
    Ok(Bound::Decide(Box::new(KnownHosts {
        host,
        key,
        absent,
        echo,
        editor: Editor::of(args, "path", Setting::of(ctx))?,
    })))
}

impl KnownHosts {
    fn edit(&self, text: &str) -> String {
        let mut all = lines(text);
        let about = |l: &String| Entry::parse(l).is_some_and(|e| e.is_about(&self.host));
        let Some(key) = &self.key else {
            all.retain(|l| !about(l));
            return all.concat();
        };
        let Some(new) = Entry::parse(key) else {
            return text.to_owned();
        };
        let same = |l: &String| {
            Entry::parse(l).is_some_and(|e| {
                let named = e.hosts == new.hosts
                    || (e.hosts.starts_with("|1|") && new.hosts.starts_with("|1|"));
                e.is_about(&self.host)
                    && named
                    && (e.marker, e.kind, e.key) == (new.marker, new.kind, new.key)
            })
        };
        let kind = |l: &String| {
            about(l) && Entry::parse(l).is_some_and(|e| e.marker.is_none() && e.kind == new.kind)
        };
        if self.absent {
            let at = all
                .iter()
                .position(same)
                .or_else(|| all.iter().position(kind));
            if let Some(at) = at {
                all.remove(at);
            }
            return all.concat();
        }
        if all.iter().any(same) {
            return text.to_owned();
        }
        if let Some(at) = all.iter().position(kind) {
            all.remove(at);
        }
        if let Some(last) = all.last_mut().filter(|l| !l.ends_with('\n')) {
            last.push('\n');
        }
        all.push(key.clone());
        all.concat()
    }
}

impl Decide for KnownHosts {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let loaded = self.editor.load(known)?;
        let (text, _) = loaded.text();
        let new = self.edit(&text);
        let edited = self.editor.decide(
            known,
            &loaded,
            (new != text).then(|| new.clone().into_bytes()),
        )?;
        let header = if loaded.stat.is_some() {
            loaded.path.clone()
        } else {
            "/dev/null".into()
        };
        let diff = (self.editor.setting.diff && edited.written).then(|| Diff {
            before_header: header,
            after_header: loaded.path.clone(),
            before: text,
            after: new,
        });
        Ok(edited.finish(
            self.echo.clone(),
            "backup",
            false,
            diff.into_iter().collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    #[test]
    fn keys_of_servers() {
        let mut host = Host::new().file("/etc/k", 0o644, "# x\nh ssh-rsa OLD\nother ssh-rsa O\n");
        host.settle(
            &KNOWN_HOSTS,
            json!({"name": "H", "key": "h ssh-rsa NEW comment", "path": "/etc/k"}),
        );
        assert_eq!(
            host.text("/etc/k"),
            "# x\nother ssh-rsa O\nh ssh-rsa NEW comment\n"
        );
        host.settle(
            &KNOWN_HOSTS,
            json!({"name": "h", "key": "h ssh-ed25519 E", "path": "/etc/k"}),
        );
        host.settle(
            &KNOWN_HOSTS,
            json!({"name": "h", "state": "absent", "path": "/etc/k"}),
        );
        assert_eq!(host.text("/etc/k"), "# x\nother ssh-rsa O\n");
        host.settle(
            &KNOWN_HOSTS,
            json!({"name": "h", "key": "h ssh-ed25519 E", "path": "/etc/k", "hash_host": true}),
        );
        assert!(
            host.text("/etc/k").contains("|1|") && !host.text("/etc/k").contains("h ssh-ed25519")
        );
        host.settle(
            &KNOWN_HOSTS,
            json!({"name": "h", "state": "absent", "path": "/etc/k"}),
        );
        assert_eq!(host.text("/etc/k"), "# x\nother ssh-rsa O\n");
    }

    #[test]
    fn hashes_are_ssh_keygens() {
        // HMAC-SHA1 of the name with a salt of twenty zero bytes, computed by another program.
        let line = "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|b30nVJpeVVWOG0qYD9b1ry0D0U4= ssh-rsa K";
        assert!(Entry::parse(line).unwrap().is_about("example.org"));
        assert!(!Entry::parse(line).unwrap().is_about("example.com"));
    }

    #[test]
    fn mistakes_are_said() {
        let said = |args| Host::new().apply(&KNOWN_HOSTS, args).failed().to_owned();
        insta::assert_snapshot!(said(json!({"name": "h", "path": "/etc/k"})), @"No key specified when adding a host");
        insta::assert_snapshot!(said(json!({"name": "h", "key": "g ssh-rsa K", "path": "/etc/k"})), @"Host parameter does not match hashed host field in supplied key");
        insta::assert_snapshot!(said(json!({"name": "h", "key": "what", "path": "/etc/k"})), @"the key is no line of a known_hosts file: name, type and key");
    }
}
