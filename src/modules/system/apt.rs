//! `apt`: packages of Debian and its kin.

use super::apt_cache::{
    Policy, Wanted, expand, policy_query, providers_query, read_policies, read_providers,
};
use super::apt_get::{AptGet, UPDATE_MARK, is_installed, is_zero};
use super::tools::{Plan, Site, failed, last_words, put_output};
use crate::host::{Action, Known, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Kind, Rule, Run, Spec,
    Step,
};
use crate::value::Map;
use std::collections::BTreeMap;

/// `ansible.builtin.apt`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.apt",
    aliases: &[],
    about: "installs, upgrades and removes packages with apt",
    free_form: None,
    args: &[&[
        Arg::list(
            "name",
            "packages: `nginx`, `nginx=1.22*`, `nginx>=1.18`, `python3-*`",
        )
        .alias(&["package", "pkg"]),
        Arg::str("state", "what they are to be")
            .choices(&[
                "absent",
                "build-dep",
                "latest",
                "present",
                "fixed",
                "installed",
                "removed",
            ])
            .default("present"),
        Arg::bool("update_cache", "read the package lists again first").alias(&["update-cache"]),
        Arg::int(
            "cache_valid_time",
            "seconds for which the package lists are good enough",
        )
        .default("0"),
        Arg::int("update_cache_retries", "attempts at reading the lists").default("5"),
        Arg::int(
            "update_cache_retry_max_delay",
            "most seconds between attempts",
        )
        .default("12"),
        Arg::of("deb", Kind::Path, "a .deb file on the host, or its URL"),
        Arg::str("upgrade", "upgrade everything")
            .choices(&["dist", "full", "no", "safe", "yes"])
            .default("no"),
        Arg::bool("autoremove", "remove what nothing needs any more").default("no"),
        Arg::bool(
            "autoclean",
            "remove downloaded files that cannot be downloaded any more",
        )
        .default("no"),
        Arg::bool("clean", "remove all downloaded files").default("no"),
        Arg::bool("purge", "remove configuration files too").default("no"),
        Arg::str("default_release", "release to prefer").alias(&["default-release"]),
        Arg::bool(
            "install_recommends",
            "install recommended packages too; apt's own setting when left out",
        )
        .alias(&["install-recommends"]),
        Arg::bool("only_upgrade", "leave alone what is not installed").default("no"),
        Arg::bool("allow_unauthenticated", "install what is not signed")
            .alias(&["allow-unauthenticated"])
            .default("no"),
        Arg::bool("allow_downgrade", "go back to an older version where asked")
            .alias(&["allow-downgrade", "allow_downgrades", "allow-downgrades"])
            .default("no"),
        Arg::bool("allow_change_held_packages", "change packages on hold").default("no"),
        Arg::bool("fail_on_autoremove", "fail rather than remove a package").default("no"),
        Arg::bool("force", "apt's `--force-yes`").default("no"),
        Arg::bool(
            "force_apt_get",
            "upgrade with apt-get where aptitude is there too",
        )
        .default("no"),
        Arg::str("dpkg_options", "dpkg's options, without the dashes")
            .default("force-confdef,force-confold"),
        Arg::int("lock_timeout", "seconds to wait for another apt").default("60"),
        Arg::int(
            "policy_rc_d",
            "exit status of a temporary policy-rc.d, 101 to keep services from being started",
        ),
        Arg::bool(
            "auto_install_module_deps",
            "without effect: nothing is needed on the host",
        )
        .default("true"),
    ]],
    rules: &[Rule::Exclusive(&["deb", "name", "upgrade"])],
    check: CheckSupport::Full,
    returns: &[
        ("cache_updated", "whether the package lists changed"),
        (
            "cache_update_time",
            "when they last did, in seconds since 1970",
        ),
        ("stdout", "apt's output"),
        ("stderr", "apt's complaints"),
    ],
    example: "- ansible.builtin.apt:\n    name: [nginx, curl]\n    state: present\n    update_cache: true\n    cache_valid_time: 3600\n",
    run: Run::Bind(bind),
};

struct Apt {
    wanted: Vec<Wanted>,
    all: bool,
    state: String,
    update: bool,
    valid: i64,
    retries: (i64, i64),
    deb: Option<String>,
    upgrade: Option<String>,
    clean: bool,
    get: AptGet,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let names: Vec<String> = args
        .list("name")
        .iter()
        .map(|n| n.trim().to_owned())
        .filter(|n| !n.is_empty())
        .collect();
    let all = names.iter().any(|n| n == "*");
    let wanted = names
        .iter()
        .filter(|n| *n != "*")
        .map(|n| Wanted::parse(n))
        .collect::<Result<Vec<_>, _>>()?;
    let state = match args.str("state") {
        "installed" => "present",
        "removed" => "absent",
        other => other,
    };
    let mut upgrade = Some(args.str("upgrade"))
        .filter(|u| *u != "no")
        .map(str::to_owned);
    if state == "latest" && all {
        if !wanted.is_empty() {
            return Err(Fail::new(
                "unable to install additional packages when upgrading all installed packages",
            ));
        }
        upgrade = Some("yes".into());
    }
    if args.has("deb") && state != "present" {
        return Err(Fail::new("deb only supports state=present"));
    }
    let valid = args.int("cache_valid_time").unwrap_or(0);
    let site = Site::of(ctx);
    Ok(Bound::Decide(Box::new(Apt {
        wanted,
        all,
        state: state.to_owned(),
        update: args.bool("update_cache") || valid > 0,
        valid,
        retries: (
            args.int("update_cache_retries").unwrap_or(5),
            args.int("update_cache_retry_max_delay").unwrap_or(12),
        ),
        deb: args.opt_str("deb").map(str::to_owned),
        upgrade,
        clean: args.bool("clean"),
        get: AptGet::new(args, site.clone()),
        site,
    })))
}

const STAMPS: [&str; 2] = [
    "/var/lib/apt/periodic/update-success-stamp",
    "/var/lib/apt/lists",
];

/// The lines that name what apt installed by itself.
const MARKS: &str = "sed -n -e '/^Package: /h' -e '/^Auto-Installed: 1$/{g;p;}' /var/lib/apt/extended_states 2>/dev/null; :";

/// What is to be done besides reading the lists.
enum Todo {
    Nothing,
    /// Arguments of apt-get, and whether what it prints decides about `changed`.
    Get(Vec<String>),
    /// Shell text.
    Script(String),
}

impl Decide for Apt {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        known.all(self.early())?;
        let stale = self.stale(known)?;
        let (time, update) = (self.stamp(known)?, stale && !self.site.check);
        let mut plan = Plan::default();
        plan.result
            .insert("cache_updated".into(), (stale && self.site.check).into());
        plan.result.insert("cache_update_time".into(), time.into());
        if self.clean && !self.site.check {
            let alone = self.wanted.is_empty() && self.upgrade.is_none() && self.deb.is_none();
            plan.act(Action::Run(self.get.plain(&["clean"])), |r| {
                failed(format!("apt-get clean failed: {}", last_words(r)), r)
            });
            if alone {
                return Ok(plan.decision());
            }
        }
        let idle = self.wanted.is_empty() && self.upgrade.is_none() && self.deb.is_none();
        if update {
            plan.quiet(Action::Run(self.get.update(self.retries)), |r| {
                failed(format!("Failed to update apt cache: {}", last_words(r)), r)
            });
        }
        let (todo, manual) = if self.update && idle {
            (Todo::Nothing, Vec::new())
        } else {
            self.todo(known, update)?
        };
        let mut zero_is_same = false;
        match todo {
            Todo::Nothing => {}
            Todo::Get(args) if self.site.check => {
                self.simulate(known, &args, &mut plan)?;
            }
            Todo::Get(args) => {
                zero_is_same = true;
                let shown = format!("apt-get {}", quote::words(&args));
                plan.act(Action::Run(self.get.wrapped(&args)), move |r| {
                    install_failed(&shown, r)
                });
            }
            Todo::Script(text) => {
                plan.run_or(self.get.script(&text), "the package was not installed")
            }
        }
        if !manual.is_empty() && !self.site.check {
            let argv = ["apt-mark", "manual"]
                .into_iter()
                .map(str::to_owned)
                .chain(manual);
            plan.quiet(Action::Run(self.site.argv(argv)), |r| {
                failed(last_words(r), r)
            });
        }
        if self.site.check && stale && idle {
            // The lists would be read, which Ansible counts as a change here.
            plan.act(Action::Run(self.get.update(self.retries)), |r| {
                failed(last_words(r), r)
            });
        }
        Ok(plan
            .enrich(move |result, reports| {
                let mut changed = None;
                if update && let Some(r) = reports.iter().find(|r| r.stdout.contains(UPDATE_MARK)) {
                    let updated = note_update(result, &r.stdout);
                    changed = idle.then_some(updated);
                }
                if let Some(r) = reports
                    .iter()
                    .find(|r| zero_is_same && !r.stdout.contains(UPDATE_MARK))
                {
                    put_output(result, &r.stdout, &r.stderr);
                    if is_zero(&r.stdout) {
                        changed = Some(false);
                    }
                }
                changed
            })
            .decision())
    }
}

fn install_failed(shown: &str, r: &Report) -> Fail {
    let unknown = r
        .stderr
        .lines()
        .find_map(|l| l.strip_prefix("E: Unable to locate package "));
    match unknown {
        Some(name) => failed(format!("No package matching '{name}' is available"), r),
        None => failed(format!("'{shown}' failed: {}", last_words(r)), r),
    }
}

/// Reads the two times that the update printed; whether they differ.
fn note_update(result: &mut Map, stdout: &str) -> bool {
    let mut times = stdout
        .lines()
        .filter_map(|l| l.strip_prefix(UPDATE_MARK))
        .filter_map(|t| t.trim().parse::<i64>().ok());
    let (before, after) = (times.next().unwrap_or(0), times.next_back().unwrap_or(0));
    result.insert("cache_updated".into(), (before != after).into());
    result.insert("cache_update_time".into(), after.into());
    before != after
}

/// The part of apt's output that tells what it would do.
pub(super) fn prepared(stdout: &str) -> String {
    let lines: Vec<&str> = stdout.lines().collect();
    let from = lines
        .iter()
        .position(|l| {
            l.starts_with("The following") || l.starts_with("Inst ") || l.starts_with("Remv ")
        })
        .unwrap_or(0);
    lines[from..].join("\n")
}

impl Apt {
    /// What will be asked in any case, all in one go.
    fn early(&self) -> Vec<Query> {
        let mut queries: Vec<Query> = STAMPS.iter().map(|p| Query::stat(p)).collect();
        let plain = self.upgrade.is_none()
            && self.deb.is_none()
            && !self.wanted.is_empty()
            && !self
                .wanted
                .iter()
                .any(|w| w.name.contains(['*', '?', '[', '^']));
        match self.state.as_str() {
            "absent" if plain => queries.extend(self.wanted.iter().map(dpkg)),
            "present" | "latest" | "fixed" if plain => {
                queries.extend(self.wanted.iter().map(dpkg));
                queries.push(self.marks());
            }
            _ => {}
        }
        queries
    }

    fn stamp(&self, known: &Known) -> Result<i64, Step> {
        known.all(STAMPS.iter().map(|p| Query::stat(p)))?;
        for path in STAMPS {
            if let Some(stat) = known.stat(path, true)? {
                return Ok(stat.mtime as i64);
            }
        }
        Ok(0)
    }

    /// Whether the package lists have to be read again.
    fn stale(&self, known: &Known) -> Result<bool, Step> {
        if !self.update || self.valid == 0 {
            return Ok(self.update);
        }
        let now = self.site.read("date +%s");
        known.all(STAMPS.iter().map(|p| Query::stat(p)).chain([now.clone()]))?;
        let now: i64 = known.output(now)?.1.trim().parse().unwrap_or(i64::MAX);
        Ok(self.stamp(known)?.saturating_add(self.valid) < now)
    }

    /// What to do, and which packages to mark as wanted by the user.
    fn todo(&self, known: &Known, updates: bool) -> Result<(Todo, Vec<String>), Step> {
        if let Some(mode) = &self.upgrade {
            let todo = self.get.upgrade(mode, known, updates)?;
            return Ok((todo.map_or(Todo::Nothing, Todo::Get), Vec::new()));
        }
        if let Some(deb) = &self.deb {
            let todo = self.get.deb(deb, known)?;
            return Ok((todo.map_or(Todo::Nothing, Todo::Script), Vec::new()));
        }
        if self.wanted.is_empty() {
            let todo = if self.all {
                None
            } else {
                self.get.cleanup(known)?
            };
            return Ok((todo.map_or(Todo::Nothing, Todo::Get), Vec::new()));
        }
        let wanted = expand(&self.site, known, &self.wanted)?;
        match self.state.as_str() {
            "absent" => self.remove(known, &wanted).map(|t| (t, Vec::new())),
            "build-dep" => {
                let names = wanted.iter().map(|w| w.text.clone());
                let args = self.get.arguments("build-dep", names);
                Ok((Todo::Get(args), Vec::new()))
            }
            state => self.install(known, &wanted, state == "latest", updates),
        }
    }

    fn remove(&self, known: &Known, wanted: &[Wanted]) -> Result<Todo, Step> {
        known.all(wanted.iter().map(dpkg))?;
        let mut names = Vec::new();
        for w in wanted {
            let Some(fields) = known.fields(dpkg(w))? else {
                continue;
            };
            let leftovers = is_removed(fields) && self.get.purge;
            let version = fields
                .get("version")
                .map(String::as_str)
                .unwrap_or_default();
            if (is_installed(fields) && w.accepts(version)) || leftovers {
                names.push(w.name.clone());
            }
        }
        Ok(if names.is_empty() {
            Todo::Nothing
        } else {
            Todo::Get(self.get.arguments("remove", names))
        })
    }

    fn install(
        &self,
        known: &Known,
        wanted: &[Wanted],
        latest: bool,
        updates: bool,
    ) -> Result<(Todo, Vec<String>), Step> {
        let marks = self.marks();
        known.all(wanted.iter().map(dpkg).chain([marks.clone()]))?;
        let mut installed = BTreeMap::new();
        for w in wanted {
            let fields = known.fields(dpkg(w))?.filter(|f| is_installed(f));
            let version = fields.and_then(|f| f.get("version")).cloned();
            installed.insert(w.name.as_str(), version);
        }
        let has = |w: &Wanted| installed.get(w.name.as_str()).and_then(Option::as_ref);
        let is_glob = |w: &Wanted| {
            w.version
                .as_ref()
                .is_some_and(|(_, v)| v.contains(['*', '?', '[']))
        };
        // Only these need apt's own, slower, knowledge.
        let open: Vec<&Wanted> = wanted
            .iter()
            .filter(|w| match has(w) {
                Some(version) => latest || !w.accepts(version) || is_glob(w),
                None => !self.get.only_upgrade,
            })
            .collect();
        let mut specs = Vec::new();
        if !open.is_empty() && updates {
            // The lists are about to change, so apt itself has to choose.
            specs.extend(open.iter().map(|w| match &w.version {
                Some(("=", v)) => format!("{}={v}", w.name),
                _ => w.name.clone(),
            }));
        } else if !open.is_empty() {
            let names: Vec<&str> = open.iter().map(|w| w.name.as_str()).collect();
            let query = policy_query(&self.site, &names, self.get.release.as_deref());
            let policies = read_policies(known.output(query)?.1);
            let virtuals: Vec<Query> = open
                .iter()
                .filter(|w| policy_of(&policies, &w.name).is_none_or(|p| p.versions.is_empty()))
                .map(|w| providers_query(&self.site, &w.name))
                .collect();
            known.all(virtuals)?;
            for w in open {
                specs.extend(self.choose(
                    known,
                    w,
                    has(w),
                    policy_of(&policies, &w.name),
                    latest,
                )?);
            }
        }
        let auto = known.output(marks)?.1;
        let manual: Vec<String> = wanted
            .iter()
            .filter(|w| auto_installed(auto, &w.name))
            .map(|w| w.name.clone())
            .collect();
        let todo = if specs.is_empty() {
            Todo::Nothing
        } else {
            Todo::Get(self.get.arguments("install", specs))
        };
        Ok((todo, manual))
    }

    /// The word for apt-get, if this package has to change.
    fn choose(
        &self,
        known: &Known,
        w: &Wanted,
        version: Option<&String>,
        policy: Option<&Policy>,
        latest: bool,
    ) -> Result<Option<String>, Step> {
        let Some(policy) = policy.filter(|p| !p.versions.is_empty()) else {
            let query = providers_query(&self.site, &w.name);
            let providers = read_providers(known.output(query)?.1);
            if providers.is_empty() {
                return Err(
                    Fail::new(format!("No package matching '{}' is available", w.name)).into(),
                );
            }
            if let [only] = providers.iter().collect::<Vec<_>>()[..] {
                let provider = Query::Dpkg {
                    name: (*only).to_owned(),
                };
                if known.fields(provider)?.is_some_and(is_installed) {
                    return Ok(None);
                }
            }
            return Ok(Some(w.name.clone()));
        };
        let best = match &w.version {
            Some(("=", _)) => policy.versions.iter().find(|v| w.accepts(v)),
            _ => policy.candidate.as_ref().filter(|v| w.accepts(v)),
        };
        let fits = version.is_some_and(|v| w.accepts(v));
        let Some(best) = best else {
            return if fits {
                Ok(None)
            } else {
                Err(Fail::new(format!(
                    "no available installation candidate for {}",
                    w.text
                ))
                .into())
            };
        };
        Ok(match version {
            Some(v) if v == best => None,
            Some(_) if fits && !latest => w
                .version
                .as_ref()
                .filter(|(op, _)| *op == "=")
                .map(|(_, v)| format!("{}={v}", w.name)),
            _ => Some(format!("{}={best}", w.name)),
        })
    }

    /// In check mode apt itself tells what it would do.
    fn simulate(&self, known: &Known, args: &[String], plan: &mut Plan) -> Result<(), Step> {
        let query = self.get.simulation(args);
        let Query::Read { script, .. } = &query else {
            return Ok(());
        };
        let shown = script.clone();
        let (rc, stdout, stderr) = known.output(query.clone())?;
        if rc != 0 {
            let report = Report {
                rc,
                stdout: stdout.to_owned(),
                stderr: stderr.to_owned(),
                ..Report::default()
            };
            return Err(install_failed(&shown, &report).into());
        }
        put_output(&mut plan.result, stdout, stderr);
        if !is_zero(stdout) {
            if self.site.diff {
                plan.diff.push(Diff {
                    before_header: String::new(),
                    after_header: String::new(),
                    before: String::new(),
                    after: prepared(stdout),
                });
            }
            plan.put(Action::Run(self.get.wrapped(args)));
        }
        Ok(())
    }

    /// Which packages apt holds for installed by itself: the same question whatever the task, so that it is asked once.
    fn marks(&self) -> Query {
        self.site.read(MARKS)
    }
}

fn base_name(name: &str) -> &str {
    name.split_once(':').map_or(name, |(n, _)| n)
}

fn auto_installed(marks: &str, name: &str) -> bool {
    marks
        .lines()
        .any(|line| line.strip_prefix("Package: ") == Some(base_name(name)))
}

fn policy_of<'a>(policies: &'a BTreeMap<String, Policy>, name: &str) -> Option<&'a Policy> {
    policies.get(name).or_else(|| policies.get(base_name(name)))
}

fn dpkg(w: &Wanted) -> Query {
    Query::Dpkg {
        name: w.name.clone(),
    }
}

fn is_removed(fields: &BTreeMap<String, String>) -> bool {
    fields
        .get("status")
        .is_some_and(|s| s.split(' ').nth(2) == Some("config-files"))
}

#[cfg(test)]
#[path = "apt_tests.rs"]
mod tests;
