//! The commands that `apt` runs, and the questions it asks of a simulated run.

use super::deb_version::compare;
use super::tools::Site;
use crate::host::{Cmd, Known, Query, quote};
use crate::modules::{Args, Fail, Step};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Before each of the two times that an update prints.
pub(super) const UPDATE_MARK: &str = "hoist-lists-time ";

/// How apt-get is called.
pub(super) struct AptGet {
    pub(super) purge: bool,
    pub(super) only_upgrade: bool,
    pub(super) release: Option<String>,
    options: Vec<String>,
    policy: Option<i64>,
    autoremove: bool,
    autoclean: bool,
    fixed: bool,
    no_remove: bool,
    force: bool,
    recommends: Option<bool>,
    unauthenticated: bool,
    downgrade: bool,
    held: bool,
    apt_get_only: bool,
    lock_timeout: i64,
    site: Site,
}

/// Whether apt says that it does nothing.
pub(super) fn is_zero(stdout: &str) -> bool {
    stdout.contains("\n0 upgraded, 0 newly installed, 0 to remove")
        || stdout.starts_with("0 upgraded, 0 newly installed, 0 to remove")
        || stdout.contains("\n0 packages upgraded, 0 newly installed, 0 to remove")
}

impl AptGet {
    pub(super) fn new(args: &Args, site: Site) -> Self {
        let lock_timeout = args.int("lock_timeout").unwrap_or(60);
        let mut options = Vec::new();
        for option in args
            .str("dpkg_options")
            .split(',')
            .filter(|o| !o.is_empty())
        {
            options.extend(["-o".into(), format!("Dpkg::Options::=--{option}")]);
        }
        options.extend(["-o".into(), format!("DPkg::Lock::Timeout={lock_timeout}")]);
        Self {
            purge: args.bool("purge"),
            only_upgrade: args.bool("only_upgrade"),
            release: args.opt_str("default_release").map(str::to_owned),
            options,
            policy: args.int("policy_rc_d"),
            autoremove: args.bool("autoremove"),
            autoclean: args.bool("autoclean"),
            fixed: args.str("state") == "fixed",
            no_remove: args.bool("fail_on_autoremove"),
            force: args.bool("force"),
            recommends: args.opt_bool("install_recommends"),
            unauthenticated: args.bool("allow_unauthenticated"),
            downgrade: args.bool("allow_downgrade"),
            held: args.bool("allow_change_held_packages"),
            apt_get_only: args.bool("force_apt_get"),
            lock_timeout,
            site,
        }
    }

    fn env(&self) -> BTreeMap<String, String> {
        let mut env = self.site.plain_env();
        env.insert("DEBIAN_FRONTEND".into(), "noninteractive".into());
        env.insert("DEBIAN_PRIORITY".into(), "critical".into());
        env
    }

    /// The arguments after `apt-get` for `install`, `remove` or `build-dep` of these packages.
    pub(super) fn arguments(
        &self,
        verb: &str,
        names: impl IntoIterator<Item = String>,
    ) -> Vec<String> {
        let mut out = vec!["-y".to_owned()];
        out.extend(self.options.iter().cloned());
        let mut flag = |on: bool, text: &str| {
            if on {
                out.push(text.to_owned());
            }
        };
        flag(verb == "remove", "-q");
        flag(verb == "remove" && self.purge, "--purge");
        flag(verb != "remove" && self.only_upgrade, "--only-upgrade");
        flag(verb != "remove" && self.fixed, "--fix-broken");
        flag(self.force, "--force-yes");
        flag(self.autoremove && verb != "build-dep", "--auto-remove");
        flag(self.no_remove && verb != "remove", "--no-remove");
        flag(
            self.unauthenticated && verb != "remove",
            "--allow-unauthenticated",
        );
        flag(self.downgrade && verb != "remove", "--allow-downgrades");
        flag(self.held, "--allow-change-held-packages");
        if verb != "remove" {
            if let Some(release) = &self.release {
                out.extend(["-t".to_owned(), release.clone()]);
            }
            if let Some(on) = self.recommends {
                let on = if on { "yes" } else { "no" };
                out.extend(["-o".to_owned(), format!("APT::Install-Recommends={on}")]);
            }
        }
        out.push(verb.to_owned());
        out.extend(names);
        out
    }

    /// `apt-get` with these arguments and nothing else.
    pub(super) fn plain(&self, args: &[&str]) -> Cmd {
        let argv = ["apt-get"].iter().chain(args).map(|s| (*s).to_owned());
        Cmd {
            env: self.env(),
            ..Cmd::argv(argv)
        }
    }

    /// `apt-get` with these arguments, under `policy_rc_d` when there is one.
    pub(super) fn wrapped(&self, args: &[String]) -> Cmd {
        let program = program(args);
        let rest = if program == "aptitude" {
            &args[1..]
        } else {
            args
        };
        if self.policy.is_some() {
            return self.script(&format!("{program} {}", quote::words(rest)));
        }
        Cmd {
            env: self.env(),
            ..Cmd::argv(std::iter::once(program.to_owned()).chain(rest.iter().cloned()))
        }
    }

    /// Shell text, under `policy_rc_d` when there is one.
    pub(super) fn script(&self, text: &str) -> Cmd {
        let text = match self.policy {
            None => text.to_owned(),
            Some(status) => format!(
                "p=/usr/sbin/policy-rc.d; k=\n\
                 [ -e \"$p\" ] && {{ k=$(mktemp -d /usr/sbin/.hoist-policy.XXXXXX) && mv \"$p\" \"$k/p\" || exit 1; }}\n\
                 trap 'rm -f \"$p\"; [ -z \"$k\" ] || {{ mv \"$k/p\" \"$p\"; rmdir \"$k\"; }}' EXIT\n\
                 trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM\n\
                 printf '#!/bin/sh\\nexit {status}\\n' > \"$p\" && chmod 755 \"$p\" || exit 1\n{text}"
            ),
        };
        Cmd {
            env: self.env(),
            ..Cmd::script(text)
        }
    }

    /// What apt-get would do, asked without doing it.
    pub(super) fn simulation(&self, args: &[String]) -> Query {
        let program = program(args);
        let rest = if program == "aptitude" {
            &args[1..]
        } else {
            args
        };
        Query::Read {
            script: format!("{program} --simulate {}", quote::words(rest)),
            env: self.env(),
        }
    }

    /// Reads the package lists again, with patience, and prints their time before and after.
    pub(super) fn update(&self, (retries, max_delay): (i64, i64)) -> Cmd {
        let (retries, lock) = (retries.max(1), self.lock_timeout);
        self.script(&format!(
            "t() {{ for f in /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists; do\n\
             if [ -e \"$f\" ]; then stat -c '{UPDATE_MARK}%Y' \"$f\"; return; fi; done; echo '{UPDATE_MARK}0'; }}\n\
             t; n=1; w=0; d=1\n\
             while :; do\n\
             e=$(apt-get -q -o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout={lock} update 2>&1 >/dev/null) && break\n\
             case $e in *'Could not get lock'*) if [ $w -lt {lock} ]; then w=$((w+1)); sleep 1; continue; fi;; esac\n\
             if [ $n -ge {retries} ]; then echo \"after $n attempts: $e\" >&2; exit 1; fi\n\
             n=$((n+1)); d=$((d*2)); [ $d -le {max_delay} ] || d={max_delay}; sleep $d\n\
             done\nt"
        ))
    }

    /// The arguments for upgrading everything, when there is something to upgrade.
    pub(super) fn upgrade(
        &self,
        mode: &str,
        known: &Known,
        updates: bool,
    ) -> Result<Option<Vec<String>>, Step> {
        let aptitude = !self.apt_get_only && mode != "dist" && {
            let query = self.site.read("command -v aptitude");
            known.output(query)?.0 == 0
        };
        let mut args = Vec::new();
        if aptitude {
            args.push("aptitude".to_owned());
        }
        args.push("-y".to_owned());
        args.extend(self.options.iter().cloned());
        let mut flag = |on: bool, text: &str| {
            if on {
                args.extend(text.split(' ').map(str::to_owned));
            }
        };
        if aptitude {
            flag(self.force, "--assume-yes --allow-untrusted");
            flag(self.unauthenticated, "--allow-unauthenticated");
            flag(
                true,
                if mode == "full" {
                    "full-upgrade"
                } else {
                    "safe-upgrade"
                },
            );
        } else {
            flag(self.force, "--force-yes");
            flag(self.no_remove, "--no-remove");
            flag(self.unauthenticated, "--allow-unauthenticated");
            flag(self.downgrade, "--allow-downgrades");
            let dist = matches!(mode, "dist" | "full");
            flag(
                true,
                if dist {
                    "dist-upgrade"
                } else {
                    "upgrade --with-new-pkgs"
                },
            );
            flag(self.autoremove, "--auto-remove");
        }
        if let Some(release) = &self.release {
            args.extend(["-t".to_owned(), release.clone()]);
        }
        if updates {
            return Ok(Some(args));
        }
        self.unless_zero(known, args)
    }

    fn unless_zero(&self, known: &Known, args: Vec<String>) -> Result<Option<Vec<String>>, Step> {
        let (rc, stdout, _) = known.output(self.simulation(&args))?;
        Ok((rc != 0 || !is_zero(stdout)).then_some(args))
    }

    /// The arguments for `autoclean` or `autoremove`, when there is something to remove.
    pub(super) fn cleanup(&self, known: &Known) -> Result<Option<Vec<String>>, Step> {
        let (verb, mark) = match (self.autoclean, self.autoremove) {
            (true, _) => ("autoclean", "Del "),
            (_, true) => ("autoremove", "The following packages will be REMOVED"),
            _ => return Ok(None),
        };
        let mut args = vec!["-y".to_owned()];
        args.extend(self.options.iter().cloned());
        if self.purge {
            args.push("--purge".into());
        }
        args.push(verb.into());
        let (rc, stdout, _) = known.output(self.simulation(&args))?;
        Ok((rc != 0 || stdout.contains(mark)).then_some(args))
    }

    /// Shell text that installs a .deb, when what it holds is not installed.
    pub(super) fn deb(&self, deb: &str, known: &Known) -> Result<Option<String>, Step> {
        let remote = deb.contains("://");
        let word = quote::word(deb);
        let show = "dpkg-deb --show --showformat '${Package}\\n${Version}\\n${Architecture}\\n'";
        let fetch = format!(
            "d=$(mktemp -d) || exit 1\ntrap 'rm -rf \"$d\"' EXIT; trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM\n\
             chmod 755 \"$d\"\n\
             if command -v curl >/dev/null 2>&1; then curl -fsSL -o \"$d/p.deb\" {word} || exit 1\n\
             else wget -q -O \"$d/p.deb\" {word} || exit 1; fi\n"
        );
        let query = self.site.read(if remote {
            format!("{fetch}{show} \"$d/p.deb\"")
        } else {
            format!("{show} {}", quote::path(deb))
        });
        let (rc, said, stderr) = known.output(query)?;
        if rc != 0 {
            return Err(Fail::new(format!(
                "cannot read the package `{deb}`: {}",
                stderr.trim()
            ))
            .into());
        }
        let mut fields = said.lines();
        let name = fields.next().unwrap_or_default();
        let version = fields.next().unwrap_or_default();
        let dpkg = Query::Dpkg {
            name: name.to_owned(),
        };
        let installed = known
            .fields(dpkg)?
            .filter(|f| is_installed(f))
            .and_then(|f| f.get("version"));
        match installed.map(|i| compare(version, i)) {
            Some(Ordering::Equal) => return Ok(None),
            Some(Ordering::Less) if !self.downgrade && !self.force => {
                return Err(Fail::new(format!(
                    "a later version of `{name}` is installed; `allow_downgrade: true` goes back to {version}"
                ))
                .into());
            }
            _ => {}
        }
        let mut args = self.arguments("install", []);
        if !args.iter().any(|a| a == "--allow-downgrades") && self.force {
            args.insert(1, "--allow-downgrades".into());
        }
        let call = format!("apt-get {}", quote::words(&args));
        Ok(Some(if remote {
            format!("{fetch}{call} \"$d/p.deb\"")
        } else if deb.contains('/') {
            format!("{call} {word}")
        } else {
            format!("{call} ./{word}")
        }))
    }
}

fn program(args: &[String]) -> &'static str {
    match args.first().map(String::as_str) {
        Some("aptitude") => "aptitude",
        _ => "apt-get",
    }
}

/// Whether dpkg's fields say installed.
pub(super) fn is_installed(fields: &BTreeMap<String, String>) -> bool {
    fields
        .get("status")
        .is_some_and(|s| s.split(' ').nth(2) == Some("installed"))
}
