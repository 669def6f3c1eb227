//! `ansible.posix.authorized_key`: who may log in with which key.

use super::setting::{Setting, join, parent};
use crate::host::{Action, Attrs, Content, FileType, Known, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Run, Spec, Step,
};
use crate::value::Map;

/// See the page of `ansible.posix.authorized_key`.
pub static AUTHORIZED_KEY: Spec = Spec {
    name: "ansible.posix.authorized_key",
    aliases: &[],
    about: "adds and removes the keys an account may be reached with",
    free_form: None,
    args: &[&[
        Arg::str("user", "the account").required(),
        Arg::str(
            "key",
            "the keys, one a line, or `file://` and a path on the host",
        )
        .required(),
        Arg::path(
            "path",
            "the file; `~user/.ssh/authorized_keys` when not given",
        ),
        Arg::bool(
            "manage_dir",
            "make the file's directory, for the account alone",
        )
        .default("true"),
        Arg::str("state", "whether the keys shall be there")
            .default("present")
            .choices(&["absent", "present"]),
        Arg::str(
            "key_options",
            "options in front of the keys, separated by commas",
        ),
        Arg::bool("exclusive", "remove all other keys").default("false"),
        Arg::bool(
            "validate_certs",
            "keys are not downloaded here, so there is nothing to check",
        )
        .default("true"),
        Arg::str("comment", "the keys' comment"),
        Arg::bool("follow", "write through a symbolic link").default("false"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("keyfile", "the file"),
        ("user", "the account"),
        ("key", "the keys"),
        ("key_options", "the options"),
        ("state", "as asked"),
        ("exclusive", "as asked"),
        ("path", "as asked"),
        ("manage_dir", "as asked"),
        ("comment", "as asked"),
        ("follow", "as asked"),
        ("validate_certs", "as asked"),
    ],
    example: "- authorized_key:\n    user: ann\n    key: \"{{ lookup('file', 'ann.pub') }}\"\n",
    run: Run::Bind(bind),
};

struct AuthorizedKey {
    user: String,
    key: String,
    path: Option<String>,
    manage: bool,
    absent: bool,
    options: Option<String>,
    exclusive: bool,
    comment: Option<String>,
    follow: bool,
    echo: Map,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| args.opt_str(name).map(str::to_owned);
    if args.str("key").starts_with("http") {
        return Err(Fail::new(
            "a key from an address is not supported: put the key into the playbook, or fetch it with `lookup('url', …)`",
        ));
    }
    let names = [
        "user",
        "key",
        "path",
        "manage_dir",
        "state",
        "key_options",
        "exclusive",
        "validate_certs",
        "comment",
        "follow",
    ];
    let echo = names
        .iter()
        .map(|n| ((*n).to_owned(), args.raw(n).cloned().unwrap_or_default()))
        .collect();
    let bound = AuthorizedKey {
        user: args.str("user").to_owned(),
        key: args.str("key").to_owned(),
        path: own("path"),
        manage: args.bool("manage_dir"),
        absent: args.str("state") == "absent",
        options: own("key_options"),
        exclusive: args.bool("exclusive"),
        comment: own("comment"),
        follow: args.bool("follow"),
        echo,
        setting: Setting::of(ctx),
    };
    if !bound.key.starts_with("file") {
        bound.wanted(&bound.key)?;
    }
    Ok(Bound::Decide(Box::new(bound)))
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq)]
enum Line {
    Key {
        options: Vec<String>,
        kind: String,
        key: String,
        comment: String,
    },
    /// A comment or something that is no key; it stays.
    Other(String),
}

impl Line {
    fn parse(line: &str) -> Self {
        let other = || Self::Other(line.to_owned());
        if line.trim_start().starts_with('#') {
            return other();
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().position(|w| KINDS.contains(w)) else {
            return other();
        };
        let Some(key) = words.get(at + 1) else {
            return other();
        };
        Self::Key {
            options: split_options(&words[..at].join(" ")),
            kind: words[at].to_owned(),
            key: (*key).to_owned(),
            comment: words[at + 2..].join(" "),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Other(line) => line.clone(),
            Self::Key {
                options,
                kind,
                key,
                comment,
            } => {
                let options = if options.is_empty() {
                    String::new()
                } else {
                    options.join(",") + " "
                };
                format!("{options}{kind} {key} {comment}\n")
            }
        }
    }

    fn key(&self) -> Option<&str> {
        match self {
            Self::Key { key, .. } => Some(key),
            Self::Other(_) => None,
        }
    }
}

/// Options at commas, but not at those inside quotes.
fn split_options(text: &str) -> Vec<String> {
    let (mut out, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (c, quote) {
            (',', None) => out.push(std::mem::take(&mut word)),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.push(c);
            }
            (c, Some(q)) if c == q => {
                quote = None;
                word.push(c);
            }
            (c, _) => word.push(c),
        }
    }
    out.push(word);
    out.retain(|o| !o.is_empty());
    out
}

const KINDS: &[&str] = &[
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "ssh-dss",
    "ssh-rsa",
    "ssh-xmss@openssh.com",
    "ssh-xmss-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "ssh-dss-cert-v01@openssh.com",
];

impl AuthorizedKey {
    /// The keys asked for.
    fn wanted(&self, text: &str) -> Result<Vec<Line>, Fail> {
        let mut out = Vec::new();
        for line in text
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            let Line::Key {
                mut options,
                kind,
                key,
                mut comment,
            } = Line::parse(line)
            else {
                return Err(Fail::new(format!("invalid key specified: {line}")));
            };
            if let Some(given) = &self.options {
                options = split_options(given);
            }
            if let Some(given) = &self.comment {
                comment.clone_from(given);
            }
            out.push(Line::Key {
                options,
                kind,
                key,
                comment,
            });
        }
        Ok(out)
    }

    fn edit(&self, old: &str, wanted: &[Line]) -> Option<String> {
        let mut lines: Vec<Line> = old.split_inclusive('\n').map(Line::parse).collect();
        // A key that stands twice counts once, the last time, as Ansible has it.
        let mut changed = false;
        for key in wanted {
            let at = lines.iter().position(|l| l.key() == key.key());
            match (at, self.absent) {
                (Some(_), true) => {
                    lines.retain(|l| l.key() != key.key());
                    changed = true;
                }
                (Some(at), false) if lines[at] != *key => {
                    lines.retain(|l| l.key() != key.key());
                    lines.push(key.clone());
                    changed = true;
                }
                (None, false) => {
                    lines.push(key.clone());
                    changed = true;
                }
                _ => {}
            }
        }
        if self.exclusive && !self.absent {
            let before = lines.len();
            lines.retain(|l| {
                wanted
                    .iter()
                    .any(|w| w.key() == l.key() && l.key().is_some())
            });
            changed |= lines.len() != before;
        }
        if changed {
            // Only the last line may lack its end, and only if it was no key.
            let count = lines.len();
            for (i, line) in lines.iter_mut().enumerate() {
                if let Line::Other(text) = line
                    && !text.ends_with('\n')
                    && i + 1 < count
                {
                    text.push('\n');
                }
            }
        }
        changed.then(|| lines.iter().map(Line::text).collect())
    }
}

impl Decide for AuthorizedKey {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let account = Query::User {
            name: self.user.clone(),
        };
        let (mut owner, mut home) = (None, None);
        if !(self.setting.check && self.path.is_some()) {
            let Some(fields) = known.fields(account)? else {
                let msg = if self.setting.check {
                    "Either user must exist or you must provide full path to key file in check mode"
                        .to_owned()
                } else {
                    format!("Failed to lookup user {}", self.user)
                };
                return Err(Fail::new(msg).into());
            };
            owner = fields.get("uid").cloned().zip(fields.get("gid").cloned());
            home = fields.get("home").cloned();
        }
        let path = match (&self.path, home) {
            (Some(path), _) => self.setting.expand(known, path)?,
            (None, home) => join(&home.unwrap_or_default(), ".ssh/authorized_keys"),
        };
        let dir = parent(&path).to_owned();
        known.all([
            Query::lstat(&path),
            Query::Content { path: path.clone() },
            Query::stat(&dir),
        ])?;
        let text = match self.key.strip_prefix("file://") {
            Some(from) => match known.content(from)? {
                Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                None => {
                    return Err(Fail::new(format!("Path to a key file not found: {from}")).into());
                }
            },
            None => self.key.clone(),
        };
        let wanted = self.wanted(&text)?;
        let old = known
            .content(&path)?
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default();
        let mut result = self.echo.clone();
        result.insert("keyfile".into(), path.clone().into());
        let Some(new) = self.edit(&old, &wanted) else {
            return Ok(Decision::same(result));
        };
        let attrs = |mode| Attrs {
            owner: owner.as_ref().map(|o| o.0.clone()),
            group: owner.as_ref().map(|o| o.1.clone()),
            mode: Some(mode),
        };
        let mut actions = Vec::new();
        let there = known.stat(&dir, true)?;
        if there.is_none() {
            let attrs = if self.manage {
                attrs(0o700)
            } else {
                Attrs::default()
            };
            actions.push(Action::MakeDir {
                path: dir.clone(),
                attrs,
            });
        } else if let Some(s) = there.filter(|_| self.manage) {
            let differs = s.mode != 0o700
                || owner.as_ref().is_some_and(|(u, g)| {
                    (s.uid.to_string(), s.gid.to_string()) != (u.clone(), g.clone())
                });
            if differs {
                actions.push(Action::SetAttrs {
                    path: dir,
                    attrs: attrs(0o700),
                    follow: true,
                    recurse: false,
                });
            }
        }
        let real = known
            .stat(&path, false)?
            .filter(|s| self.follow && s.kind == FileType::Link)
            .and_then(|s| s.real.clone())
            .unwrap_or_else(|| path.clone());
        actions.push(Action::Write {
            path: real.clone(),
            content: Content::Bytes(new.clone().into_bytes().into()),
            attrs: attrs(0o600),
            backup: false,
            validate: None,
            in_place: false,
        });
        let diff = self.setting.diff.then_some(Diff {
            before_header: path,
            after_header: real,
            before: old,
            after: new,
        });
        Ok(Decision::change(result, actions).with_diff(diff))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    const A: &str = "ssh-ed25519 AAAA ann@x";
    const B: &str = "from=\"10.0.0.0/8,::1\",no-pty ssh-rsa BBBB two words";

    #[test]
    fn keys_come_and_go() {
        let file = "/home/ann/.ssh/authorized_keys";
        let mut host = Host::new().dir("/home", 0o755).dir("/home/ann", 0o755);
        let ran = host.settle(&AUTHORIZED_KEY, json!({"user": "ann", "key": A}));
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'user': 'ann', 'key': 'ssh-ed25519 AAAA ann@x', 'path': None, 'manage_dir': True, 'state': 'present', 'key_options': None, 'exclusive': False, 'validate_certs': True, 'comment': None, 'follow': False, 'keyfile': '/home/ann/.ssh/authorized_keys'}
        --- /home/ann/.ssh/authorized_keys
        +++ /home/ann/.ssh/authorized_keys
        ssh-ed25519 AAAA ann@x
        > mkdir /home/ann/.ssh owner=1000 group=1000 mode=0700
        > write /home/ann/.ssh/authorized_keys "ssh-ed25519 AAAA ann@x\n" owner=1000 group=1000 mode=0600
        "#);
        host.settle(
            &AUTHORIZED_KEY,
            json!({"user": "ann", "key": format!("{B}\n# remark\n")}),
        );
        assert_eq!(host.text(file), format!("{A}\n{B}\n"));
        host.settle(
            &AUTHORIZED_KEY,
            json!({"user": "ann", "key": A, "comment": "new", "key_options": "no-pty"}),
        );
        assert_eq!(
            host.text(file),
            format!("{B}\nno-pty ssh-ed25519 AAAA new\n")
        );
        host.settle(
            &AUTHORIZED_KEY,
            json!({"user": "ann", "key": B, "exclusive": true}),
        );
        assert_eq!(host.text(file), format!("{B}\n"));
        host.settle(
            &AUTHORIZED_KEY,
            json!({"user": "ann", "key": B, "state": "absent"}),
        );
        assert_eq!(host.text(file), "");
        assert!(
            !host
                .settle(
                    &AUTHORIZED_KEY,
                    json!({"user": "ann", "key": A, "state": "absent"})
                )
                .changed()
        );
    }

    #[test]
    fn mistakes_are_said() {
        let said = |args| Host::new().apply(&AUTHORIZED_KEY, args).failed().to_owned();
        insta::assert_snapshot!(said(json!({"user": "ann", "key": "no key"})), @"invalid key specified: no key");
        insta::assert_snapshot!(said(json!({"user": "bob", "key": A})), @"Failed to lookup user bob");
        insta::assert_snapshot!(said(json!({"user": "ann", "key": "https://x/ann.keys"})), @"a key from an address is not supported: put the key into the playbook, or fetch it with `lookup('url', …)`");
    }
}
