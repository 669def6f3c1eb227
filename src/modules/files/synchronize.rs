//! `ansible.posix.synchronize`: rsync, from the control machine to the host or back.
//!
//! rsync makes its own way to the host: through the connection that hoist has already, with the same user, port, key and
//! options, and with the host's key checked as it was checked then. Arguments that speak of the connection give it one of its own.

use super::setting::{Setting, parent};
use crate::host::{Action, Answer, Cmd, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Diff, Fail, Outcome, Remote, Run, Spec, Way,
};
use crate::transport::{Account, Become, Target};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

const INTERNAL: &str = "Ansible speaks to itself with it; it is not for playbooks";

/// See the page of `ansible.posix.synchronize`.
pub static SYNCHRONIZE: Spec = Spec {
    name: "ansible.posix.synchronize",
    aliases: &[],
    about: "copies files and folders between the control machine and the host with rsync, which both must have",
    free_form: None,
    args: &[
        &[
            Arg::str(
                "src",
                "what is copied; a folder with `/` at its end means what is in it",
            )
            .required(),
            Arg::str("dest", "where to").required(),
            Arg::str(
                "mode",
                "`push`: from the control machine to the host; `pull`: back",
            )
            .default("push")
            .choices(&["pull", "push"]),
            Arg::bool(
                "archive",
                "folders, links, permissions, times, owner, group and devices",
            )
            .default("true"),
            Arg::bool("recursive", "folders with all they hold; by default as `archive`"),
            Arg::bool("links", "links as links; by default as `archive`"),
            Arg::bool("perms", "permissions; by default as `archive`"),
            Arg::bool("times", "times of change; by default as `archive`"),
            Arg::bool("owner", "the owner, where root writes; by default as `archive`"),
            Arg::bool("group", "the group; by default as `archive`"),
            Arg::bool("copy_links", "what links lead to in place of links").default("false"),
            Arg::bool("dirs", "folders without what they hold").default("false"),
            Arg::bool("checksum", "compare contents, not sizes and times").default("false"),
            Arg::bool("compress", "compress what travels").default("true"),
            Arg::bool("existing_only", "make no file that is not there").default("false"),
            Arg::bool("delete", "remove afterwards what `src` does not have").default("false"),
            Arg::bool("partial", "keep a half-copied file").default("false"),
            Arg::bool(
                "delay_updates",
                "put all files in place at the end, and honour `.rsync-filter` files",
            )
            .default("true"),
            Arg::list(
                "link_dest",
                "folders at the receiver whose equal files are linked to",
            ),
            Arg::list("rsync_opts", "more arguments for rsync"),
            Arg::str(
                "rsync_path",
                "the rsync at the other end; `become` adds nothing to it",
            ),
            Arg::int("rsync_timeout", "seconds without a byte until it gives up").default("0"),
            Arg::bool(
                "ssh_connection_multiplexing",
                "go through the connection that hoist has; `false`: one of its own",
            )
            .default("true"),
            Arg::int("dest_port", "the port of a connection of its own"),
            Arg::path("private_key", "the key for a connection of its own"),
            Arg::bool(
                "set_remote_user",
                "`false`: a connection of its own, and ssh's configuration says as whom",
            )
            .default("true"),
            Arg::bool(
                "use_ssh_args",
                "`false`: a connection of its own without the inventory's and the configuration's options for ssh",
            )
            .default("true"),
            Arg::bool(
                "verify_host",
                "a connection of its own that checks the host's key, or with `false` takes any; without it as the run does",
            ),
            Arg::str(
                "ssh_args",
                "more options for ssh, of a connection of its own",
            )
            .alias(&["_ssh_args"]),
            Arg::refused("_local_rsync_path", INTERNAL),
            Arg::refused("_local_rsync_password", INTERNAL),
            Arg::refused("_substitute_controller", INTERNAL),
        ],
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("cmd", "the command"),
        ("msg", "what changed, as rsync itemizes it"),
        ("stdout_lines", "the same, a line each"),
        ("rc", "its exit status"),
    ],
    example: "- ansible.posix.synchronize:\n    src: site/\n    dest: /srv/www\n    delete: true\n    rsync_opts: ['--exclude=.git']\n",
    run: Run::Bind(bind),
};

/// Begins the lines of what changed; a file's name may hold anything else.
const MARK: &str = "<<CHANGED>>";

/// What is said of the connection.
#[derive(Default)]
struct Own {
    port: Option<u16>,
    key: Option<String>,
    verify: Option<bool>,
    words: Vec<String>,
    no_user: bool,
    no_args: bool,
    apart: bool,
}

struct Synchronize {
    src: String,
    dest: String,
    /// The paths as the control machine has them.
    here: [Result<String, Fail>; 2],
    pull: bool,
    options: Vec<String>,
    more: Vec<String>,
    link_dest: Vec<String>,
    rsync_path: Option<String>,
    own: Own,
    setting: Setting,
}

/// A path of the control machine, with the slash at its end kept.
fn local(ctx: &Context<'_>, path: &str, there: bool) -> Result<String, Fail> {
    if path.starts_with('/') || is_url(path) {
        return Ok(path.to_owned());
    }
    if let Some(rest) = path.strip_prefix('~')
        && (rest.is_empty() || rest.starts_with('/'))
    {
        return Ok(std::env::var("HOME").unwrap_or_default() + rest);
    }
    let slash = if path.ends_with('/') { "/" } else { "" };
    let found = match ctx.files.find("files", path.trim_end_matches('/')) {
        Ok(found) => found,
        Err(fail) if there => return Err(fail),
        Err(_) => ctx.files.base().join(path.trim_end_matches('/')),
    };
    let found = std::path::absolute(&found).unwrap_or(found);
    Ok(found.to_string_lossy().into_owned() + slash)
}

fn is_url(path: &str) -> bool {
    path.starts_with("rsync://")
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let pull = args.str("mode") == "pull";
    let (src, dest) = (args.str("src"), args.str("dest"));
    if is_url(src) && is_url(dest) {
        return Err(Fail::new("either src or dest must be a localhost"));
    }
    let port = args.int("dest_port").map(|port| {
        u16::try_from(port).map_err(|_| Fail::new(format!("`dest_port` is no port: {port}")))
    });
    let words = args.opt_str("ssh_args").unwrap_or_default();
    let own = Own {
        port: port.transpose()?,
        key: args.opt_str("private_key").map(str::to_owned),
        verify: args.opt_bool("verify_host"),
        words: shell_words::split(words)
            .map_err(|e| Fail::new(format!("`ssh_args` cannot be split: {e}")))?,
        no_user: !args.bool("set_remote_user"),
        no_args: !args.bool("use_ssh_args"),
        apart: !args.bool("ssh_connection_multiplexing"),
    };
    Ok(Bound::Converse(Box::new(Synchronize {
        here: [local(ctx, src, !pull), local(ctx, dest, false)],
        src: src.to_owned(),
        dest: dest.to_owned(),
        pull,
        options: options(args, ctx.check),
        more: args.list("rsync_opts"),
        link_dest: args.list("link_dest"),
        rsync_path: args.opt_str("rsync_path").map(str::to_owned),
        own,
        setting: Setting::of(ctx),
    })))
}

/// The options that arguments stand for.
fn options(args: &Args, check: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut add = |on: bool, words: &[&str]| {
        if on {
            out.extend(words.iter().map(|w| (*w).to_owned()));
        }
    };
    add(args.bool("delay_updates"), &["--delay-updates", "-F"]);
    add(args.bool("compress"), &["--compress"]);
    let timeout = args.int("rsync_timeout").unwrap_or(0);
    add(timeout != 0, &[&format!("--timeout={timeout}")]);
    add(check, &["--dry-run"]);
    add(args.bool("delete"), &["--delete-after"]);
    add(args.bool("existing_only"), &["--existing"]);
    add(args.bool("checksum"), &["--checksum"]);
    add(args.bool("copy_links"), &["--copy-links"]);
    let archive = args.bool("archive");
    add(archive, &["--archive"]);
    for name in ["recursive", "links", "perms", "times", "owner", "group"] {
        match args.opt_bool(name) {
            Some(false) => add(archive, &[&format!("--no-{name}")]),
            Some(true) => add(!archive, &[&format!("--{name}")]),
            None => {}
        }
    }
    add(args.bool("dirs"), &["--dirs"]);
    add(args.bool("partial"), &["--partial"]);
    out
}

/// Words as `--rsh` takes them: split at spaces, quotes around a word, a quote in it doubled.
fn rsh(words: &[String]) -> String {
    let quoted = words.iter().map(|w| {
        if !w.is_empty() && !w.contains([' ', '\t', '\'', '"', '\\']) {
            w.clone()
        } else {
            format!("'{}'", w.replace('\'', "''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The words that run rsync as the task's account at the other end. There is nobody there to give a password.
fn becoming(how: &Become) -> Result<String, Fail> {
    let exe = how.exe.as_deref().unwrap_or(&how.method);
    let mut words = vec![exe.to_owned()];
    let flags = how.flags.clone().unwrap_or_default().into_iter();
    match how.method.as_str() {
        "sudo" | "doas" => {
            words.extend(flags.filter(|f| f != "-n" && f != "-S"));
            words.extend(["-n".into(), "-u".into(), how.user.clone(), "rsync".into()]);
            Ok(quote::words(words))
        }
        other => Err(Fail::new(format!(
            "rsync cannot be run through `{other}`: use `become_method: sudo`, or say in `rsync_path` how"
        ))),
    }
}

impl Converse for Synchronize {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(self.carry(host))
    }
}

impl Synchronize {
    /// The words that start ssh, without the host's name.
    fn ssh(&self, way: &Way) -> Vec<String> {
        let own = &self.own;
        let mut target = way.target.clone();
        let mut apart = own.apart || own.no_user || own.no_args || !own.words.is_empty();
        if let Target::Ssh {
            port,
            user,
            key,
            args,
            ..
        } = &mut target
        {
            if own.port.is_some() && own.port != *port {
                (*port, apart) = (own.port, true);
            }
            if let Some(name) = &own.key {
                let home = std::env::var("HOME").unwrap_or_default();
                let name = match name.strip_prefix("~/") {
                    Some(rest) if way.here => format!("{home}/{rest}"),
                    _ => name.clone(),
                };
                (*key, apart) = (Some(name.into()), true);
            } else if !way.here {
                // A delegate has neither the control machine's keys nor its ways.
                *key = None;
            }
            if own.no_user {
                *user = None;
            }
            if own.no_args || !way.here {
                args.clear();
            }
        }
        apart |= own.verify.is_some();
        let socket = match &way.socket {
            Some(socket) if !apart => socket.to_string_lossy().replace('%', "%%"),
            _ => "none".into(),
        };
        let mut words = vec!["ssh".to_owned(), "-S".into(), socket];
        let mut option = |text: &str| words.extend(["-o".to_owned(), text.to_owned()]);
        option("ControlMaster=no");
        option("BatchMode=yes");
        option("RemoteCommand=none");
        match own.verify {
            Some(true) => option("StrictHostKeyChecking=yes"),
            Some(false) => {
                option("StrictHostKeyChecking=no");
                option("UserKnownHostsFile=/dev/null");
            }
            None => {}
        }
        let own_options = target.ssh_options();
        words.extend(own_options.iter().map(|o| o.to_string_lossy().into_owned()));
        words.extend(own.words.iter().cloned());
        words
    }

    /// The path at the other end, with the host before it.
    fn far(&self, host: &str, path: &str) -> Result<String, Fail> {
        let before = path.split('/').next().unwrap_or_default();
        if before.contains(':') {
            return Err(Fail::new(format!(
                "`{path}` names a host; the host is the task's own: use `hosts` or `delegate_to`"
            )));
        }
        // Paths are not expanded there; what is relative is below the login's home, as ssh begins there.
        let path = match path.strip_prefix('~') {
            None => path,
            Some("" | "/") => ".",
            Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
            Some(_) => {
                return Err(Fail::new(format!(
                    "`{path}`: another user's home is not looked up; write the whole path"
                )));
            }
        };
        Ok(if host.contains(':') {
            format!("[{host}]:{path}")
        } else {
            format!("{host}:{path}")
        })
    }

    /// The whole command.
    fn command(&self, way: &Way) -> Result<Vec<String>, Fail> {
        let near = |n: usize, written: &String| {
            if way.here {
                self.here[n].clone()
            } else {
                Ok(written.clone())
            }
        };
        let url = is_url(&self.src) || is_url(&self.dest);
        let mut words = vec!["rsync".to_owned()];
        words.extend(self.options.iter().cloned());
        let mut rsync_path = self.rsync_path.clone();
        let (src, dest) = match &way.target {
            Target::Ssh { host, .. } if !url => {
                let given = |o: &String| o.starts_with("--rsh") || o.starts_with("-e");
                if !self.more.iter().any(given) {
                    words.push(format!("--rsh={}", rsh(&self.ssh(way))));
                }
                if let (Account::Other(how), None) = (&way.account, &rsync_path) {
                    rsync_path = Some(becoming(how)?);
                }
                words.push("--protect-args".into());
                if self.pull {
                    (self.far(host, &self.src)?, near(1, &self.dest)?)
                } else {
                    (near(0, &self.src)?, self.far(host, &self.dest)?)
                }
            }
            _ => (near(0, &self.src)?, near(1, &self.dest)?),
        };
        words.extend(rsync_path.map(|path| format!("--rsync-path={path}")));
        words.extend(self.more.iter().cloned());
        if !self.link_dest.is_empty() {
            // Twice verbose: a file that is only linked is not told of otherwise.
            words.extend(["-H".to_owned(), "-vv".to_owned()]);
        }
        for folder in &self.link_dest {
            if parent(&self.dest).starts_with(folder.as_str()) {
                return Err(Fail::new(format!(
                    "Hardlinking into a subdirectory of the source would cause recursion. {} and {}",
                    parent(&self.dest),
                    self.dest
                )));
            }
            words.push(format!("--link-dest={folder}"));
        }
        words.push(format!("--out-format={MARK}%i %n%L"));
        words.extend(["--".to_owned(), src, dest]);
        Ok(words)
    }

    async fn carry(&self, host: &mut dyn Remote) -> Result<Outcome, Fail> {
        let way = host.way().await?;
        let words = self.command(&way)?;
        let shown = quote::words(&words);
        // Where both ends are on one machine, the task's account does it; else it is for the other end.
        let from: &mut dyn Remote = if way.here && way.target != Target::Local {
            host.control()
        } else {
            host
        };
        let (check, env) = (from.check(), &self.setting.environment);
        let have = Query::read("command -v rsync");
        if !matches!(
            from.ask(vec![have]).await?.pop(),
            Some(Answer::Output { rc: 0, .. })
        ) {
            let place = if way.here { "control machine" } else { "host" };
            return Err(Fail::new(format!(
                "`rsync` is not installed on the {place}: install its package first"
            )));
        }
        let report = if check {
            let query = Query::Read {
                script: shown.clone(),
                env: env.clone(),
            };
            match from.ask(vec![query]).await?.pop() {
                Some(Answer::Output { rc, stdout, stderr }) => Report {
                    rc,
                    stdout,
                    stderr,
                    ..Report::default()
                },
                _ => return Err(Fail::new("rsync gave no answer")),
            }
        } else {
            let mut cmd = Cmd::argv(words);
            cmd.env.clone_from(env);
            from.act(Action::Run(cmd)).await?
        };
        if report.rc != 0 {
            return Err(Fail::new(failed(&report))
                .with("rc", report.rc)
                .with("cmd", shown));
        }
        let text = report.stdout.replace(MARK, "");
        let lines = text.lines().filter(|l| !l.is_empty()).map(Value::from);
        let mut result = Map::new();
        result.insert("msg".into(), text.clone().into());
        result.insert("rc".into(), report.rc.into());
        result.insert("cmd".into(), shown.into());
        result.insert("stdout_lines".into(), Value::list(lines));
        let changed = changed(&report.stdout);
        let diff = (self.setting.diff && changed).then(|| Diff {
            before_header: String::new(),
            after_header: String::new(),
            before: String::new(),
            after: text,
        });
        Ok(Outcome {
            changed,
            result,
            diff: diff.into_iter().collect(),
            ..Outcome::default()
        })
    }
}

/// Whether a line tells of a change; with `-vv` there are lines of what is as it should, too.
fn changed(out: &str) -> bool {
    out.lines().filter_map(|l| l.strip_prefix(MARK)).any(|l| {
        let item = l.get(..11).unwrap_or(l);
        !item.starts_with('.') || item.chars().skip(2).any(|c| c != ' ' && c != '.')
    })
}

fn failed(report: &Report) -> String {
    let said = report.stderr.trim();
    if said.contains("rsync: command not found") || said.contains("rsync: not found") {
        return "`rsync` is not installed on the host: install its package first".into();
    }
    if said.contains("password is required") {
        return format!(
            "rsync cannot be given a password for `become`: let the account run rsync without one, or say in `rsync_path` how it is run\n{said}"
        );
    }
    let error = report.error.as_deref().unwrap_or_default();
    if said.is_empty() {
        error.to_owned()
    } else {
        said.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    fn ssh(account: Account) -> Way {
        Way {
            target: Target::Ssh {
                host: "10.0.0.5".into(),
                port: Some(2222),
                user: Some("ann".into()),
                key: Some("/k e".into()),
                args: vec!["-J".into(), "jump".into()],
                accept_new: false,
                timeout: 10,
            },
            account,
            socket: Some("/run/h/0".into()),
            here: true,
        }
    }

    fn host(way: Way) -> Host {
        let mut host = Host::new()
            .read("command -v rsync", 0, "/usr/bin/rsync\n")
            .read("--dry-run", 0, "<<CHANGED>><f+++++++++ a\n")
            .run(
                "rsync ",
                0,
                "<<CHANGED>><f+++++++++ a\n<<CHANGED>>*deleting   b\n",
            )
            .control("files/site/a", "x");
        host.way = Some(way);
        host
    }

    fn root() -> Account {
        Account::Other(Become {
            method: "sudo".into(),
            user: "root".into(),
            flags: None,
            exe: None,
        })
    }

    /// The command without what is always there.
    fn cmd(way: Way, args: serde_json::Value) -> String {
        let mut host = host(way);
        let outcome = match host.converse(&SYNCHRONIZE, args, false) {
            Ok(outcome) => outcome,
            Err(fail) => return fail.msg,
        };
        assert!(outcome.changed);
        let cmd = outcome.result["cmd"].to_string();
        let place = host.here();
        cmd.replace(&place, "HERE").replace(
            " -o ConnectTimeout=10 -o StrictHostKeyChecking=yes -o ServerAliveInterval=5 -o ServerAliveCountMax=3",
            " …",
        ).replace(" -o ControlMaster=no -o BatchMode=yes -o RemoteCommand=none", " …")
        .replace(" '--out-format=<<CHANGED>>%i %n%L' --", " …")
    }

    #[test]
    fn rsync_goes_by_the_connection_that_is_there() {
        let push = json!({"src": "site/", "dest": "/srv/w w", "delete": true});
        insta::assert_snapshot!(cmd(ssh(Account::Login), push.clone()), @r#"rsync --delay-updates -F --compress --delete-after --archive '--rsh=ssh -S /run/h/0 … -o Port=2222 -o User=ann -i '\''/k e'\'' -J jump …' --protect-args … HERE/files/site/ '10.0.0.5:/srv/w w'"#);
        insta::assert_snapshot!(cmd(ssh(root()), push), @r#"rsync --delay-updates -F --compress --delete-after --archive '--rsh=ssh -S /run/h/0 … -o Port=2222 -o User=ann -i '\''/k e'\'' -J jump …' --protect-args '--rsync-path=sudo -n -u root rsync' … HERE/files/site/ '10.0.0.5:/srv/w w'"#);
        insta::assert_snapshot!(cmd(ssh(Account::Login), json!({"src": "~/x", "dest": "/b/", "mode": "pull", "archive": false, "recursive": true, "compress": false, "delay_updates": false})), @r#"rsync --recursive '--rsh=ssh -S /run/h/0 … -o Port=2222 -o User=ann -i '\''/k e'\'' -J jump …' --protect-args … 10.0.0.5:x /b/"#);
        insta::assert_snapshot!(cmd(ssh(Account::Login), json!({"src": "/a", "dest": "b", "dest_port": 22, "private_key": "/other", "verify_host": false, "set_remote_user": false, "use_ssh_args": false, "ssh_args": "-o X=y", "times": false, "rsync_opts": ["--exclude=.git"]})), @"rsync --delay-updates -F --compress --archive --no-times '--rsh=ssh -S none … -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o Port=22 -i /other … -o X=y' --protect-args --exclude=.git … /a 10.0.0.5:b");
        insta::assert_snapshot!(cmd(ssh(root()), json!({"src": "/a", "dest": "/b", "rsync_path": "ionice rsync", "rsync_opts": "--rsh=ssh", "link_dest": ["/old"], "partial": true, "rsync_timeout": 5})), @"rsync --delay-updates -F --compress --timeout=5 --archive --partial --protect-args '--rsync-path=ionice rsync' --rsh=ssh -H -vv --link-dest=/old … /a 10.0.0.5:/b");
        insta::assert_snapshot!(cmd(ssh(root()), json!({"src": "/a", "dest": "rsync://mirror/m/"})), @"rsync --delay-updates -F --compress --archive … /a rsync://mirror/m/");
        let on_the_host = Way {
            target: Target::Local,
            here: false,
            ..ssh(Account::Login)
        };
        insta::assert_snapshot!(cmd(on_the_host, json!({"src": "a/", "dest": "/b"})), @"rsync --delay-updates -F --compress --archive … a/ /b");
        let from_a_delegate = Way {
            here: false,
            socket: None,
            ..ssh(Account::Login)
        };
        insta::assert_snapshot!(cmd(from_a_delegate, json!({"src": "/a", "dest": "/b"})), @"rsync --delay-updates -F --compress --archive '--rsh=ssh -S none … -o Port=2222 -o User=ann …' --protect-args … /a 10.0.0.5:/b");
    }

    #[test]
    fn check_mode_asks_rsync_and_does_nothing() {
        let mut host = host(ssh(Account::Login));
        let args = json!({"src": "site", "dest": "/srv"});
        let outcome = host.converse(&SYNCHRONIZE, args, true).unwrap();
        assert!(outcome.changed && host.ran.is_empty());
        assert_eq!(outcome.diff[0].after, "<f+++++++++ a\n");
        assert!(outcome.result["cmd"].to_string().contains(" --dry-run "));
    }

    #[test]
    fn what_counts_as_a_change() {
        for (line, is) in [
            ("", false),
            ("sending incremental file list", false),
            ("<<CHANGED>>.d          ./", false),
            ("<<CHANGED>>.d..t...... ./", true),
            ("<<CHANGED>>.f...p..... a", true),
            ("<<CHANGED>>hf         a", true),
            ("<<CHANGED>>cd+++++++++ ./", true),
            ("<<CHANGED>>*deleting   a", true),
        ] {
            assert_eq!(changed(line), is, "{line}");
        }
    }

    #[test]
    fn mistakes_are_said() {
        let plain = |args| cmd(ssh(Account::Login), args);
        insta::assert_snapshot!(plain(json!({"src": "nowhere", "dest": "/b"})), @"no files nowhere");
        insta::assert_snapshot!(plain(json!({"src": "/a", "dest": "web9:/b"})), @"`web9:/b` names a host; the host is the task's own: use `hosts` or `delegate_to`");
        insta::assert_snapshot!(plain(json!({"src": "/a", "dest": "~bob/b"})), @"`~bob/b`: another user's home is not looked up; write the whole path");
        insta::assert_snapshot!(plain(json!({"src": "rsync://a/b", "dest": "rsync://a/c"})), @"either src or dest must be a localhost");
        insta::assert_snapshot!(plain(json!({"src": "/a", "dest": "/old/b/c", "link_dest": ["/old"]})), @"Hardlinking into a subdirectory of the source would cause recursion. /old/b and /old/b/c");
        let su = Account::Other(Become {
            method: "su".into(),
            user: "root".into(),
            flags: None,
            exe: None,
        });
        insta::assert_snapshot!(cmd(ssh(su), json!({"src": "/a", "dest": "/b"})), @"rsync cannot be run through `su`: use `become_method: sudo`, or say in `rsync_path` how");
        let mut without = Host::new().read("command -v rsync", 1, "");
        without.way = Some(ssh(Account::Login));
        let fail = without
            .converse(&SYNCHRONIZE, json!({"src": "/a", "dest": "/b"}), false)
            .unwrap_err();
        insta::assert_snapshot!(fail.msg, @"`rsync` is not installed on the control machine: install its package first");
        let mut broken = Host::new()
            .read("command -v rsync", 0, "/usr/bin/rsync\n")
            .run("rsync ", 12, "");
        broken.way = Some(ssh(root()));
        let fail = broken
            .converse(&SYNCHRONIZE, json!({"src": "/a", "dest": "/b"}), false)
            .unwrap_err();
        assert_eq!(fail.result["rc"].to_string(), "12");
        for (stderr, says) in [
            ("bash: line 1: rsync: command not found", "on the host"),
            ("sudo: a password is required", "`rsync_path`"),
            ("rsync: link_stat \"/a\" failed", "link_stat"),
        ] {
            let report = Report {
                rc: 12,
                stderr: stderr.into(),
                ..Report::default()
            };
            assert!(failed(&report).contains(says), "{stderr}");
        }
    }
}
