//! `dnf` and `yum`: packages of Fedora, RHEL and their kin.

use super::tools::{Plan, Site, failed, last_words, map, texts};
use crate::host::{Action, Cmd, Known, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::Value;

/// `ansible.builtin.dnf`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.dnf",
    aliases: &["ansible.builtin.yum", "yum", "ansible.builtin.dnf5", "dnf5"],
    about: "installs, upgrades and removes packages with dnf or yum",
    free_form: None,
    args: &[&[
        Arg::list(
            "name",
            "packages, `name-version`, patterns, `@groups`, files, URLs; `*` for all",
        )
        .alias(&["pkg"]),
        Arg::str("state", "what they are to be; `present` when left out").choices(&[
            "present",
            "installed",
            "absent",
            "removed",
            "latest",
        ]),
        Arg::bool("update_cache", "read the repositories again first")
            .alias(&["expire-cache"])
            .default("no"),
        Arg::bool("autoremove", "remove what nothing needs any more").default("no"),
        Arg::bool(
            "update_only",
            "with `latest`: leave alone what is not installed",
        )
        .default("no"),
        Arg::list("enablerepo", "repositories to use besides"),
        Arg::list("disablerepo", "repositories not to use"),
        Arg::list("exclude", "packages to leave alone"),
        Arg::str("disable_excludes", "whose excludes not to heed"),
        Arg::list("enable_plugin", "plugins to use"),
        Arg::list("disable_plugin", "plugins not to use"),
        Arg::bool("disable_gpg_check", "install what is not signed").default("no"),
        Arg::bool("validate_certs", "check servers' certificates").default("yes"),
        Arg::bool("sslverify", "check repositories' certificates").default("yes"),
        Arg::bool("skip_broken", "leave out what cannot be installed").default("no"),
        Arg::bool("allowerasing", "remove what stands in the way").default("no"),
        Arg::bool("allow_downgrade", "go back to an older version where asked").default("no"),
        Arg::bool("best", "only the newest versions will do"),
        Arg::bool("nobest", "older versions will do"),
        Arg::bool("install_weak_deps", "install recommended packages too").default("yes"),
        Arg::bool("security", "with `latest`: only security updates").default("no"),
        Arg::bool("bugfix", "with `latest`: only bug fixes").default("no"),
        Arg::bool(
            "cacheonly",
            "use what is known without reading the repositories",
        )
        .default("no"),
        Arg::bool("download_only", "download, do not install").default("no"),
        Arg::str("download_dir", "where downloads go"),
        Arg::of("installroot", Kind::Path, "root to install into").default("/"),
        Arg::str("releasever", "release to install from"),
        Arg::str("conf_file", "dnf's configuration"),
        Arg::int("lock_timeout", "seconds to wait for another dnf").default("30"),
        Arg::str("use_backend", "which program")
            .choices(&["auto", "dnf", "dnf4", "dnf5", "yum", "yum4"])
            .alias(&["use"])
            .default("auto"),
        Arg::bool("install_repoquery", "without effect, as in Ansible").default("yes"),
        Arg::bool(
            "auto_install_module_deps",
            "without effect: nothing is needed on the host",
        )
        .default("true"),
        Arg::refused("list", "use `package_facts`, or `command: dnf list`"),
    ]],
    rules: &[crate::modules::Rule::Exclusive(&["best", "nobest"])],
    check: CheckSupport::Full,
    returns: &[
        ("results", "what was installed or removed, a line each"),
        ("rc", "exit status"),
        ("msg", "a word about it"),
    ],
    example: "- ansible.builtin.dnf:\n    name: [nginx, \"@development-tools\"]\n    state: present\n",
    run: Run::Bind(bind),
};

struct Dnf {
    names: Vec<String>,
    state: &'static str,
    update_cache: bool,
    update_only: bool,
    autoremove: bool,
    downgrade: bool,
    root: Option<String>,
    flags: Vec<String>,
    upgrade_flags: Vec<String>,
    backend: &'static str,
    lock_timeout: i64,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let autoremove = args.bool("autoremove");
    let state = match args.opt_str("state") {
        Some("absent" | "removed") => "absent",
        Some("latest") => "latest",
        None if autoremove => "absent",
        _ => "present",
    };
    let names: Vec<String> = args
        .list("name")
        .iter()
        .map(|n| n.trim().to_owned())
        .filter(|n| !n.is_empty())
        .collect();
    if names.is_empty() && !autoremove && !args.bool("update_cache") {
        return Err(Fail::new(
            "`dnf` needs `name`, `autoremove` or `update_cache`",
        ));
    }
    if autoremove && state != "absent" {
        return Err(Fail::new(
            "`autoremove` goes with `state: absent` or without a state",
        ));
    }
    let root = Some(args.str("installroot"))
        .filter(|r| *r != "/")
        .map(str::to_owned);
    let backend = match args.str("use_backend") {
        "yum" => "yum",
        "dnf5" => "dnf5",
        "dnf" | "dnf4" | "yum4" => "dnf",
        _ => "",
    };
    Ok(Bound::Decide(Box::new(Dnf {
        names,
        state,
        update_cache: args.bool("update_cache"),
        update_only: args.bool("update_only"),
        autoremove,
        downgrade: args.bool("allow_downgrade"),
        flags: flags(args, root.as_deref()),
        root,
        upgrade_flags: ["security", "bugfix"]
            .iter()
            .filter(|f| args.bool(f))
            .map(|f| format!("--{f}"))
            .collect(),
        backend,
        lock_timeout: args.int("lock_timeout").unwrap_or(30).max(0),
        site: Site::of(ctx),
    })))
}

fn flags(args: &Args, root: Option<&str>) -> Vec<String> {
    let mut out = Vec::new();
    let mut with = |flag: &str, values: Vec<String>| {
        out.extend(values.into_iter().map(|v| format!("--{flag}={v}")));
    };
    with("disablerepo", args.list("disablerepo"));
    with("enablerepo", args.list("enablerepo"));
    with("exclude", args.list("exclude"));
    with("enableplugin", args.list("enable_plugin"));
    with("disableplugin", args.list("disable_plugin"));
    with(
        "disableexcludes",
        args.opt_str("disable_excludes")
            .map(str::to_owned)
            .into_iter()
            .collect(),
    );
    with(
        "config",
        args.opt_str("conf_file")
            .map(str::to_owned)
            .into_iter()
            .collect(),
    );
    with("installroot", root.map(str::to_owned).into_iter().collect());
    with(
        "releasever",
        args.opt_str("releasever")
            .map(str::to_owned)
            .into_iter()
            .collect(),
    );
    with(
        "downloaddir",
        args.opt_str("download_dir")
            .map(str::to_owned)
            .into_iter()
            .collect(),
    );
    let mut setopt = vec![];
    if !args.bool("install_weak_deps") {
        setopt.push("install_weak_deps=False".to_owned());
    }
    if !args.bool("sslverify") || !args.bool("validate_certs") {
        setopt.push("sslverify=False".to_owned());
    }
    with("setopt", setopt);
    let switches = [
        ("disable_gpg_check", "--nogpgcheck"),
        ("skip_broken", "--skip-broken"),
        ("allowerasing", "--allowerasing"),
        ("best", "--best"),
        ("nobest", "--nobest"),
        ("cacheonly", "--cacheonly"),
        ("download_only", "--downloadonly"),
    ];
    out.extend(
        switches
            .iter()
            .filter(|(a, _)| args.bool(a))
            .map(|(_, f)| (*f).to_owned()),
    );
    out
}

impl Dnf {
    /// Shell text that runs the package manager, whichever there is, and waits for another to end.
    fn script(&self, words: &[String]) -> String {
        let find = if self.backend.is_empty() {
            "p=$(command -v dnf || command -v dnf5 || command -v yum) || { echo 'neither dnf nor yum was found' >&2; exit 127; }"
                .to_owned()
        } else {
            format!("p={}", self.backend)
        };
        format!(
            "{find}\nw=0\nwhile :; do\n\
             case $(readlink -f \"$(command -v $p)\") in *dnf5) o=;; *) o=--setopt=exit_on_lock=True;; esac\n\
             $p $o {}; r=$?\n\
             [ $r = 200 ] && [ $w -lt {} ] || exit $r\nw=$((w+1)); sleep 1\ndone",
            quote::words(words),
            self.lock_timeout
        )
    }

    fn words(&self, answer: &str, verb: &str, names: &[String]) -> Vec<String> {
        let mut words = vec![answer.to_owned()];
        words.extend(self.flags.iter().cloned());
        if self.update_cache {
            words.push("--refresh".into());
        }
        if verb == "remove" {
            words.push(format!(
                "--setopt=clean_requirements_on_remove={}",
                if self.autoremove { "True" } else { "False" }
            ));
        }
        if verb == "upgrade" {
            words.extend(self.upgrade_flags.iter().cloned());
        }
        words.push(verb.to_owned());
        words.extend(names.iter().cloned());
        words
    }

    fn run(&self, verb: &str, names: &[String]) -> Cmd {
        self.site.sh(self.script(&self.words("-y", verb, names)))
    }

    /// What would happen, asked without doing it.
    fn rehearsal(&self, verb: &str, names: &[String]) -> Query {
        self.site
            .read(self.script(&self.words("--assumeno", verb, names)))
    }

    /// Whether the package manager would do something.
    fn would(&self, known: &Known, verb: &str, names: &[String]) -> Result<bool, Step> {
        let (rc, stdout, stderr) = known.output(self.rehearsal(verb, names))?;
        if stdout.contains("Nothing to do") || stderr.contains("Nothing to do") {
            return Ok(false);
        }
        if verb == "install" && !self.downgrade && stdout.contains("Downgrading:") {
            return Ok(false);
        }
        let aborted = |t: &str| t.contains("aborted");
        if rc != 0 && !aborted(stdout) && !aborted(stderr) {
            let report = Report {
                rc,
                stdout: stdout.to_owned(),
                stderr: stderr.to_owned(),
                ..Report::default()
            };
            return Err(blame(verb, &report).into());
        }
        Ok(true)
    }

    /// Asks rpm which of the names are installed.
    fn installed(&self, known: &Known, names: &[String]) -> Result<Vec<bool>, Step> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (_, said, _) = known.output(self.rpm(names))?;
        let answers: Vec<bool> = said.lines().map(|l| l == "1").collect();
        Ok((0..names.len())
            .map(|i| answers.get(i).copied().unwrap_or(false))
            .collect())
    }

    fn rpm(&self, names: &[String]) -> Query {
        let root = self
            .root
            .as_ref()
            .map(|r| format!(" --root {}", quote::word(r)))
            .unwrap_or_default();
        let mut text = format!("q() {{ rpm{root} -q --quiet \"$@\" >/dev/null 2>&1; }}\n");
        for name in names {
            let word = quote::word(name);
            let test = if is_file(name) {
                format!(
                    "n=$(rpm -qp --nosignature --qf '%{{NEVRA}}' {word} 2>/dev/null) && q \"$n\""
                )
            } else if name.contains(['*', '?', '[']) {
                format!("[ -n \"$(rpm{root} -qa {word})\" ]")
            } else if let Some((base, _)) = name.split_once([' ', '>', '<', '=']) {
                // The comparison itself is left to the package manager.
                format!("q {} && false", quote::word(base))
            } else {
                format!("q {word} || q --whatprovides {word}")
            };
            text.push_str(&format!("if {test}; then echo 1; else echo 0; fi\n"));
        }
        self.site.read(text)
    }

    fn plan(&self, known: &Known) -> Result<Plan, Step> {
        let mut plan = Plan::new(map([("rc", 0.into()), ("results", Value::list([]))]));
        let mut steps: Vec<(&'static str, Vec<String>)> = Vec::new();
        let all = self.names.iter().any(|n| n == "*");
        let (groups, names): (Vec<String>, Vec<String>) = self
            .names
            .iter()
            .filter(|n| *n != "*")
            .cloned()
            .partition(|n| n.starts_with('@'));
        if self.names.is_empty() && !self.autoremove {
            plan.result.insert("msg".into(), "Cache updated".into());
            if !self.site.check {
                let cmd = self
                    .site
                    .sh(self.script(&self.words("-y", "makecache", &[])));
                plan.quiet(Action::Run(cmd), |r| failed(last_words(r), r));
            }
            return Ok(plan);
        }
        let installed = self.installed(known, &names)?;
        let pick = |wanted: bool| -> Vec<String> {
            let both = names.iter().zip(&installed);
            both.filter(|(_, i)| **i == wanted)
                .map(|(n, _)| n.clone())
                .collect()
        };
        match self.state {
            "absent" => {
                let mut gone = pick(true);
                if !groups.is_empty() && self.would(known, "remove", &groups)? {
                    gone.extend(groups);
                }
                if self.names.is_empty() {
                    if self.would(known, "autoremove", &[])? {
                        steps.push(("autoremove", Vec::new()));
                    }
                } else if !gone.is_empty() {
                    steps.push(("remove", gone));
                }
            }
            state => {
                let latest = state == "latest";
                if latest && all {
                    if self.would(known, "upgrade", &[])? {
                        steps.push(("upgrade", Vec::new()));
                    }
                } else {
                    let mut add = if latest && self.update_only {
                        Vec::new()
                    } else {
                        pick(false)
                    };
                    // A version, a comparison or a group: only the package manager can tell.
                    let (unsure, sure): (Vec<String>, Vec<String>) =
                        add.into_iter().partition(|n| needs_rehearsal(n));
                    add = sure;
                    let ask: Vec<String> = unsure.into_iter().chain(groups).collect();
                    if !ask.is_empty() && self.would(known, "install", &ask)? {
                        add.extend(ask);
                    }
                    if !add.is_empty() {
                        steps.push(("install", add));
                    }
                    let old = if latest { pick(true) } else { Vec::new() };
                    if !old.is_empty() && self.would(known, "upgrade", &old)? {
                        steps.push(("upgrade", old));
                    }
                }
            }
        }
        for (verb, names) in steps {
            if self.site.check {
                // Unknown packages are found out here too.
                self.would(known, verb, &names)?;
            }
            let cmd = self.run(verb, &names);
            plan.act(Action::Run(cmd), move |r| blame(verb, r));
        }
        if plan.is_empty() {
            plan.result.insert("msg".into(), "Nothing to do".into());
        }
        Ok(plan)
    }
}

fn is_file(name: &str) -> bool {
    name.contains("://") || (name.starts_with('/') && name.ends_with(".rpm"))
}

fn needs_rehearsal(name: &str) -> bool {
    let bytes = name.as_bytes();
    let versioned = bytes
        .windows(2)
        .any(|w| w[0] == b'-' && w[1].is_ascii_digit());
    !is_file(name) && (versioned || name.contains([' ', '<', '>', '=']))
}

/// What a failed transaction means.
fn blame(verb: &str, r: &Report) -> Fail {
    let all = format!("{}\n{}", r.stderr, r.stdout);
    let missing: Vec<&str> = all
        .lines()
        .filter_map(|l| {
            l.strip_prefix("No match for argument: ")
                .or_else(|| l.strip_prefix("Error: Unable to find a match: "))
        })
        .flat_map(|l| l.split_whitespace())
        .collect();
    if verb == "install" && !missing.is_empty() {
        let mut names: Vec<&str> = Vec::new();
        for name in missing {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        return failed("Failed to install some of the specified packages", r).with(
            "failures",
            texts(names.iter().map(|n| format!("No package {n} available."))),
        );
    }
    failed(format!("dnf {verb} failed: {}", last_words(r)), r)
}

impl Decide for Dnf {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        Ok(self
            .plan(known)?
            .enrich(|result, reports| {
                let mut lines = Vec::new();
                for r in reports {
                    lines.extend(transaction(&r.stdout));
                }
                if !result.contains_key("msg") {
                    result.insert("msg".into(), "".into());
                }
                result.insert("results".into(), texts(lines));
                None
            })
            .decision())
    }
}

/// `Installed: nginx-1.2-3.x86_64` and so on, read off the summary at the end of a transaction.
fn transaction(stdout: &str) -> Vec<String> {
    const HEADS: [&str; 5] = [
        "Installed",
        "Upgraded",
        "Removed",
        "Downgraded",
        "Reinstalled",
    ];
    let mut head = None;
    let mut out = Vec::new();
    for line in stdout.lines() {
        if let Some(h) = line.strip_suffix(':').filter(|h| HEADS.contains(h)) {
            head = Some(h);
        } else if !line.starts_with(' ') {
            head = None;
        } else if let Some(h) = head {
            out.extend(line.split_whitespace().map(|p| format!("{h}: {p}")));
        }
    }
    out
}

#[cfg(test)]
#[path = "dnf_tests.rs"]
mod tests;
