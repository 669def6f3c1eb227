//! `user`: accounts.

use super::group::look_up;
use super::tools::{Plan, Site, failed, last_words, map, put_output};
use super::user_key::Key;
use crate::host::{Action, Attrs, Cmd, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const NOT_LINUX: &str = "it has no meaning on Linux";

/// `ansible.builtin.user`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.user",
    aliases: &[],
    about: "makes, changes and removes accounts",
    free_form: None,
    args: &[&[
        Arg::str("name", "the login name")
            .alias(&["user"])
            .required(),
        Arg::str("state", "whether the account exists")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::int("uid", "its number"),
        Arg::bool("non_unique", "let two accounts share a number").default("false"),
        Arg::str("group", "its primary group"),
        Arg::list("groups", "its other groups; an empty list for none"),
        Arg::bool("append", "keep it in the groups it is in").default("false"),
        Arg::str("comment", "its full name"),
        Arg::path("home", "its home directory"),
        Arg::bool("create_home", "make the home directory")
            .alias(&["createhome"])
            .default("true"),
        Arg::bool("move_home", "move the old home directory to the new place").default("false"),
        Arg::str("skeleton", "directory that a new home is copied from"),
        Arg::str("umask", "umask for a new home"),
        Arg::path("shell", "its shell"),
        Arg::str("password", "its password, hashed (`password_hash` filter)").secret(),
        Arg::str(
            "update_password",
            "whether the password of an existing account is set too",
        )
        .choices(&["always", "on_create"])
        .default("always"),
        Arg::bool("password_lock", "whether the password is locked"),
        Arg::int(
            "password_expire_max",
            "most days between changes of the password",
        ),
        Arg::int(
            "password_expire_min",
            "least days between changes of the password",
        ),
        Arg::int(
            "password_expire_warn",
            "days of warning before the password expires",
        ),
        Arg::int(
            "password_expire_account_disable",
            "days after the password's expiry until the account is shut",
        ),
        Arg::of(
            "expires",
            Kind::Float,
            "when the account expires, in seconds since 1970; negative for never",
        ),
        Arg::bool("system", "with a number of the system's range").default("false"),
        Arg::int("uid_min", "least number for a new account"),
        Arg::int("uid_max", "greatest number for a new account"),
        Arg::str("seuser", "its SELinux user"),
        Arg::bool(
            "force",
            "remove the account even while it is in use; overwrite its key",
        )
        .default("false"),
        Arg::bool("remove", "remove its home directory too").default("false"),
        Arg::bool("generate_ssh_key", "make an SSH key for it").default("false"),
        Arg::str("ssh_key_type", "the key's kind").default("rsa"),
        Arg::int("ssh_key_bits", "the key's length"),
        Arg::path(
            "ssh_key_file",
            "the key's file, below the home directory; `.ssh/id_TYPE` when left out",
        ),
        Arg::str(
            "ssh_key_comment",
            "the key's comment; `ansible-generated on` the host when left out",
        ),
        Arg::str("ssh_key_passphrase", "the key's passphrase").secret(),
        Arg::refused(
            "local",
            "accounts are always made with `useradd`, which writes local files; leave it out",
        ),
        Arg::refused("hidden", NOT_LINUX),
        Arg::refused("login_class", NOT_LINUX),
        Arg::refused("profile", NOT_LINUX),
        Arg::refused("authorization", NOT_LINUX),
        Arg::refused("role", NOT_LINUX),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the account"),
        ("uid", "its number"),
        ("group", "its primary group's number"),
        ("groups", "its other groups, as given"),
        ("home", "its home directory"),
        ("shell", "its shell"),
        ("comment", "its full name"),
        ("ssh_key_file", "the key"),
        ("ssh_public_key", "its public half"),
        ("ssh_fingerprint", "its fingerprint"),
    ],
    example: "- ansible.builtin.user:\n    name: deploy\n    groups: [docker]\n    append: true\n    shell: /bin/bash\n",
    run: Run::Bind(bind),
};

struct User {
    args: Args,
    name: String,
    groups: Option<Vec<String>>,
    key: Option<Key>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let site = Site::of(ctx);
    let name = args.str("name").to_owned();
    if name.is_empty() || name.starts_with('-') || name.contains([':', '\n', '/']) {
        return Err(Fail::new(format!("`{name}` cannot be a login name")));
    }
    Ok(Bound::Decide(Box::new(User {
        groups: args.has("groups").then(|| {
            args.list("groups")
                .into_iter()
                .filter(|g| !g.is_empty())
                .collect()
        }),
        key: args.bool("generate_ssh_key").then(|| Key::new(args, &site)),
        args: args.clone(),
        name,
        site,
    })))
}

type Fields = BTreeMap<String, String>;

fn group_query(name: &str) -> Query {
    Query::Group {
        name: name.to_owned(),
    }
}

impl Decide for User {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let query = Query::User {
            name: self.name.clone(),
        };
        let there = known.fields(query)?;
        if self.args.str("state") == "absent" {
            return Ok(self.remove(there.is_some()));
        }
        let mut wanted_groups: Vec<&str> =
            self.groups.iter().flatten().map(String::as_str).collect();
        wanted_groups.extend(self.args.opt_str("group"));
        known.all(wanted_groups.iter().map(|g| group_query(g)))?;
        for group in wanted_groups {
            if known.fields(group_query(group))?.is_none() {
                return Err(Fail::new(format!("Group {group} does not exist")).into());
            }
        }
        let mut plan = Plan::new(map([
            ("name", self.name.as_str().into()),
            ("state", "present".into()),
        ]));
        if self
            .args
            .opt_str("password")
            .is_some_and(|p| !looks_hashed(p))
        {
            plan.warnings.push(
                "The input password appears not to have been hashed. The 'password' argument must be encrypted for this module to work properly."
                    .into(),
            );
        }
        match there {
            None => self.create(known, &mut plan)?,
            Some(fields) => self.modify(known, fields, &mut plan)?,
        }
        let created = there.is_none();
        let home = match self.args.opt_str("home") {
            Some(home) => Some(home.to_owned()),
            None => there.and_then(|f| f.get("home")).cloned(),
        };
        self.ageing(known, created, &mut plan)?;
        if let Some(key) = &self.key {
            key.plan(known, &self.name, home.as_deref(), created, &mut plan)?;
        }
        if self.args.has("password") {
            plan.result
                .insert("password".into(), "NOT_LOGGING_PASSWORD".into());
        }
        if let Some(groups) = &self.groups {
            plan.result.insert("groups".into(), groups.join(",").into());
        }
        if created {
            plan.quiet(
                Action::Run(look_up(&self.site, "passwd", &self.name)),
                |r| {
                    failed(
                        format!("the new account was not found: {}", last_words(r)),
                        r,
                    )
                },
            );
        }
        let key = self.key.is_some();
        Ok(plan
            .enrich(move |result, reports| {
                if let Some(r) = reports
                    .first()
                    .filter(|r| !(r.stdout.is_empty() && r.stderr.is_empty()))
                    && created
                {
                    put_output(result, &r.stdout, &r.stderr);
                }
                if let Some(r) = reports.last().filter(|_| created) {
                    put_account(result, r.stdout.trim());
                }
                if key {
                    reports.iter().for_each(|r| Key::note(result, &r.stdout));
                }
                None
            })
            .decision())
    }
}

/// Puts the fields of a line of passwd into the result.
fn put_account(result: &mut Map, line: &str) {
    let fields: Vec<&str> = line.split(':').collect();
    let number = |i: usize| Value::from(fields.get(i).and_then(|n| n.parse::<i64>().ok()));
    let text = |i: usize| Value::from(fields.get(i).copied().unwrap_or_default());
    for (key, value) in [
        ("uid", number(2)),
        ("group", number(3)),
        ("comment", text(4)),
        ("home", text(5)),
        ("shell", text(6)),
    ] {
        result.insert(key.into(), value);
    }
}

/// Whether a password has the look of a hash that `crypt` makes, or shuts the account on purpose.
fn looks_hashed(password: &str) -> bool {
    if matches!(password, "*" | "!" | "*************" | "") {
        return true;
    }
    let fields: Vec<&str> = password.split('$').collect();
    let (Some(kind), Some(hash)) = (fields.get(1), fields.last()) else {
        return false;
    };
    let length = match *kind {
        "1" => Some(22),
        "5" | "y" => Some(43),
        "6" => Some(86),
        _ => None,
    };
    fields.len() >= 3
        && !password.contains([':', '*', '!'])
        && hash
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "./".contains(c))
        && length.is_none_or(|n| hash.len() == n)
}

/// Seconds since 1970 as useradd's date; empty for never.
fn date(seconds: f64) -> String {
    if seconds < 0.0 {
        return String::new();
    }
    jiff::Timestamp::from_second(seconds as i64)
        .map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
        .unwrap_or_default()
}

impl User {
    fn remove(&self, there: bool) -> Decision {
        let mut plan = Plan::new(map([
            ("name", self.name.as_str().into()),
            ("state", "absent".into()),
        ]));
        if there {
            let name = quote::word(&self.name);
            let (force, remove) = (self.args.bool("force"), self.args.bool("remove"));
            let flags = [(force, "-f "), (remove, "-r ")];
            let shadow: String = flags
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, f)| *f)
                .collect();
            let busybox = if remove { "--remove-home " } else { "" };
            plan.run(self.site.sh(format!(
                "if command -v userdel >/dev/null 2>&1; then userdel {shadow}{name}; else deluser {busybox}{name}; fi"
            )));
            plan.result.insert("force".into(), force.into());
            plan.result.insert("remove".into(), remove.into());
        }
        plan.decision()
    }

    fn create(&self, known: &Known, plan: &mut Plan) -> Result<(), Step> {
        let a = &self.args;
        let (mut shadow, mut busybox): (Vec<String>, Vec<String>) = (Vec::new(), vec!["-D".into()]);
        let both =
            |s: &mut Vec<String>, b: &mut Vec<String>, flags: (&str, &str), value: String| {
                s.extend([flags.0.to_owned(), value.clone()]);
                b.extend([flags.1.to_owned(), value]);
            };
        if let Some(uid) = a.int("uid") {
            both(&mut shadow, &mut busybox, ("-u", "-u"), uid.to_string());
            if a.bool("non_unique") {
                shadow.push("-o".into());
            }
        }
        if let Some(seuser) = a.opt_str("seuser") {
            shadow.extend(["-Z".into(), seuser.to_owned()]);
        }
        if let Some(group) = a.opt_str("group") {
            both(&mut shadow, &mut busybox, ("-g", "-G"), group.to_owned());
        } else if known.fields(group_query(&self.name))?.is_some() {
            shadow.push("-N".into());
            busybox.extend(["-G".into(), self.name.clone()]);
        }
        let groups: Vec<&String> = self.groups.iter().flatten().collect();
        if !groups.is_empty() {
            let list = groups
                .iter()
                .map(|g| g.as_str())
                .collect::<Vec<_>>()
                .join(",");
            shadow.extend(["-G".into(), list]);
        }
        if let Some(comment) = a.opt_str("comment") {
            both(&mut shadow, &mut busybox, ("-c", "-g"), comment.to_owned());
        }
        let create_home = a.bool("create_home");
        if let Some(home) = a.opt_str("home") {
            both(&mut shadow, &mut busybox, ("-d", "-h"), home.to_owned());
            let parent = home
                .trim_end_matches('/')
                .rsplit_once('/')
                .map_or("", |(p, _)| p);
            if create_home && !parent.is_empty() && known.stat(parent, true)?.is_none() {
                plan.put(Action::MakeDir {
                    path: parent.to_owned(),
                    attrs: Attrs::default(),
                });
            }
        }
        if let Some(shell) = a.opt_str("shell") {
            both(&mut shadow, &mut busybox, ("-s", "-s"), shell.to_owned());
        }
        if let Some(expires) = a.float("expires") {
            shadow.extend(["-e".into(), date(expires)]);
        }
        if let Some(days) = a.int("password_expire_account_disable") {
            shadow.extend(["-f".into(), days.to_string()]);
        }
        if create_home {
            shadow.push("-m".into());
            if let Some(skeleton) = a.opt_str("skeleton") {
                both(&mut shadow, &mut busybox, ("-k", "-k"), skeleton.to_owned());
            }
            if let Some(umask) = a.opt_str("umask") {
                shadow.extend(["-K".into(), format!("UMASK={umask}")]);
            }
        } else {
            shadow.push("-M".into());
            busybox.push("-H".into());
        }
        if a.bool("system") {
            shadow.push("-r".into());
            busybox.push("-S".into());
        }
        for (key, arg) in [("UID_MIN", "uid_min"), ("UID_MAX", "uid_max")] {
            if let Some(value) = a.int(arg) {
                shadow.extend(["-K".into(), format!("{key}={value}")]);
            }
        }
        shadow.push(self.name.clone());
        busybox.push(self.name.clone());
        let mut text = format!(
            "if command -v useradd >/dev/null 2>&1; then useradd {}; else adduser {}",
            quote::words(&shadow),
            quote::words(&busybox)
        );
        for group in groups {
            text.push_str(&format!(
                " && adduser {} {}",
                quote::word(&self.name),
                quote::word(group)
            ));
        }
        plan.run(self.site.sh(format!("{text}; fi")));
        if let Some(password) = a.opt_str("password") {
            plan.run(self.chpasswd(password));
        }
        plan.result.insert("system".into(), a.bool("system").into());
        plan.result.insert("create_home".into(), create_home.into());
        Ok(())
    }

    /// Sets the hash by standard input, so that no process list shows it.
    fn chpasswd(&self, hash: &str) -> Cmd {
        let lock = if self.args.bool("password_lock") && !hash.starts_with('!') {
            "!"
        } else {
            ""
        };
        let line = format!("{}:{lock}{hash}\n", self.name);
        Cmd {
            stdin: Some(line.into_bytes().into()),
            ..self.site.argv(["chpasswd", "-e"])
        }
    }

    fn modify(&self, known: &Known, now: &Fields, plan: &mut Plan) -> Result<(), Step> {
        let a = &self.args;
        let get = |key: &str| now.get(key).map(String::as_str).unwrap_or_default();
        let number = |key: &str| get(key).parse::<i64>().ok();
        let mut words: Vec<String> = Vec::new();
        let mut set = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        let (mut uid, mut gid) = (number("uid"), number("gid"));
        if let Some(wanted) = a.int("uid").filter(|u| Some(*u) != uid) {
            set("-u", wanted.to_string());
            uid = Some(wanted);
        }
        if let Some(group) = a.opt_str("group") {
            let fields = known.fields(group_query(group))?;
            let wanted = fields
                .and_then(|f| f.get("gid"))
                .and_then(|g| g.parse::<i64>().ok());
            if wanted != gid {
                set(
                    "-g",
                    wanted.map_or_else(|| group.to_owned(), |g| g.to_string()),
                );
                gid = wanted;
            }
        }
        let mut busybox = Vec::new();
        if let Some(groups) = &self.groups {
            let current: BTreeSet<&str> =
                get("groups").split(',').filter(|g| !g.is_empty()).collect();
            let mut wanted = BTreeSet::new();
            for group in groups {
                let fields = known.fields(group_query(group))?;
                let name = fields
                    .and_then(|f| f.get("name"))
                    .map_or(group.as_str(), String::as_str);
                wanted.insert(name);
            }
            // Membership by the primary group is membership, and usermod does not list it.
            let primary = get("group");
            wanted.retain(|g| current.contains(g) || *g != primary);
            let missing = wanted.difference(&current).next().is_some();
            let append = a.bool("append");
            if missing || (!append && wanted != current) {
                if append {
                    set("-a", String::new());
                }
                set("-G", wanted.iter().copied().collect::<Vec<_>>().join(","));
                let name = quote::word(&self.name);
                busybox.extend(
                    wanted
                        .difference(&current)
                        .map(|g| format!("adduser {name} {}", quote::word(g))),
                );
                if !append {
                    busybox.extend(
                        current
                            .difference(&wanted)
                            .map(|g| format!("delgroup {name} {}", quote::word(g))),
                    );
                }
            }
        }
        let only_groups = words
            .iter()
            .all(|w| w == "-a" || w == "-G" || !w.starts_with('-'));
        let mut others = false;
        for (key, arg, flag) in [
            ("gecos", "comment", "-c"),
            ("home", "home", "-d"),
            ("shell", "shell", "-s"),
        ] {
            if let Some(wanted) = a.opt_str(arg).filter(|w| *w != get(key)) {
                words.extend([flag.to_owned(), wanted.to_owned()]);
                others = true;
                if arg == "home" && a.bool("move_home") {
                    words.push("-m".into());
                }
            }
        }
        if let Some(expires) = a.float("expires") {
            let days = get("expires").parse::<i64>().ok();
            let wanted = (expires >= 0.0).then_some((expires / 86_400.0).floor() as i64);
            if wanted != days.filter(|d| *d >= 0) {
                words.extend(["-e".into(), date(expires)]);
                others = true;
            }
        }
        let shadow = get("shadow");
        let locked = shadow.starts_with('!');
        let password = a.opt_str("password").filter(|p| {
            a.str("update_password") == "always"
                && shadow.trim_start_matches('!') != p.trim_start_matches('!')
        });
        if password.is_none() {
            match a.opt_bool("password_lock") {
                Some(true) if !locked => words.push("-L".into()),
                Some(false) if locked => words.push("-U".into()),
                _ => {}
            }
            others |= words.last().is_some_and(|w| w == "-L" || w == "-U");
        }
        if words.iter().any(|w| w == "-u") && a.bool("non_unique") {
            words.push("-o".into());
        }
        if !words.is_empty() {
            // `-a` has no value of its own.
            let mut shown = Vec::new();
            let mut skip = false;
            for w in words {
                if !std::mem::take(&mut skip) {
                    skip = w == "-a";
                    shown.push(w);
                }
            }
            shown.push(self.name.clone());
            let usermod = format!("usermod {}", quote::words(&shown));
            let text = if only_groups && !others && !busybox.is_empty() {
                format!(
                    "if command -v usermod >/dev/null 2>&1; then {usermod}; else {}; fi",
                    busybox.join(" && ")
                )
            } else {
                format!(
                    "command -v usermod >/dev/null 2>&1 || {{ echo 'usermod was not found; install the package shadow' >&2; exit 127; }}\n{usermod}"
                )
            };
            plan.run(self.site.sh(text));
        }
        if let Some(password) = password {
            plan.run(self.chpasswd(password));
        }
        let home = a.opt_str("home").unwrap_or(get("home"));
        if a.bool("create_home") && !home.is_empty() && known.stat(home, true)?.is_none() {
            let moved = a.bool("move_home") && home != get("home");
            let cmd = self.home(home);
            if moved {
                plan.quiet(Action::Run(cmd), |r| failed(last_words(r), r));
            } else {
                plan.run(cmd);
            }
        }
        let r = &mut plan.result;
        r.insert("append".into(), a.bool("append").into());
        r.insert("move_home".into(), a.bool("move_home").into());
        r.insert("uid".into(), uid.into());
        r.insert("group".into(), gid.into());
        r.insert(
            "comment".into(),
            a.opt_str("comment").unwrap_or(get("gecos")).into(),
        );
        r.insert("home".into(), home.into());
        r.insert(
            "shell".into(),
            a.opt_str("shell").unwrap_or(get("shell")).into(),
        );
        Ok(())
    }

    /// Makes the home directory of an account that has none.
    fn home(&self, home: &str) -> Cmd {
        let skeleton = self.args.opt_str("skeleton").unwrap_or("/etc/skel");
        self.site.sh(format!(
            "h={}; s={}; n={}\n[ -e \"$h\" ] && exit 0\n\
             m=$(while read -r k v r; do case $k in HOME_MODE) echo \"$v\"; exit;; UMASK) u=$v;; esac; done < /etc/login.defs 2>/dev/null\n\
             [ -n \"$u\" ] && printf '%o' $((0777 & ~0${{u#0}})))\n\
             mkdir -p \"$h\" || exit 1\n\
             if [ -d \"$s\" ]; then cp -R \"$s/.\" \"$h/\" || exit 1; fi\n\
             chown -R \"$n:$(id -g \"$n\")\" \"$h\" && chmod \"${{m:-755}}\" \"$h\"",
            quote::word(home),
            quote::word(skeleton),
            quote::word(&self.name)
        ))
    }

    /// `password_expire_*`.
    fn ageing(&self, known: &Known, created: bool, plan: &mut Plan) -> Result<(), Step> {
        let options = [
            ("password_expire_min", "-m", 0),
            ("password_expire_max", "-M", 1),
            ("password_expire_warn", "-W", 2),
            ("password_expire_account_disable", "-I", 3),
        ];
        if !options.iter().any(|(arg, ..)| self.args.has(arg)) {
            return Ok(());
        }
        let mut now: Vec<Option<i64>> = Vec::new();
        if !created {
            let name = quote::word(&self.name);
            let query = self.site.read(format!(
                "while IFS=: read -r n p l a b c d r; do [ \"$n\" = {name} ] && echo \"$a:$b:$c:$d\"; done < /etc/shadow"
            ));
            let said = known.output(query)?.1;
            now = said.trim().split(':').map(|n| n.parse().ok()).collect();
        }
        let mut words = vec!["chage".to_owned()];
        for (arg, flag, i) in options {
            if created && flag == "-I" {
                continue;
            }
            if let Some(wanted) = self.args.int(arg)
                && now.get(i).copied().flatten() != Some(wanted)
            {
                words.extend([flag.to_owned(), wanted.to_string()]);
            }
        }
        if words.len() > 1 {
            words.push(self.name.clone());
            plan.run(self.site.argv(words));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
