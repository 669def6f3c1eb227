//! `setup`: what a host is.

use super::raw::Raw;
use super::subset::Subset;
use super::{
    clock, distribution, hardware, local, managers, network, platform, settings, storage,
    virtualization,
};
use crate::host::{Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// The module.
pub(in crate::modules) static SPEC: Spec = Spec {
    name: "ansible.builtin.setup",
    aliases: &[],
    about: "gathers facts about a host, with a POSIX shell and nothing else on it",
    free_form: None,
    args: &[ARGS],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[(
        "ansible_facts",
        "the facts; `ansible_python` and what Facter and Ohai add are not among them, since nothing on the host is needed but a shell, nor are ethtool's `features` of an interface",
    )],
    example: "- name: Gather only what is cheap\n  ansible.builtin.setup:\n    gather_subset: ['!all']\n",
    run: Run::Bind(bind),
};

const ARGS: &[Arg] = &[
    Arg::list("gather_subset", "groups of facts: all, min, hardware, network, virtual, the name of a group or of a fact in it; with `!` before it, not that one").default("all"),
    Arg::int("gather_timeout", "seconds that a network file system may take to tell its size").default("10"),
    Arg::list("filter", "only facts whose name, with or without `ansible_`, matches one of these shell patterns"),
    Arg::of("fact_path", Kind::Path, "directory of the host with *.fact files: JSON or INI, or programs that print it").default("/etc/ansible/facts.d"),
];

struct Setup {
    subset: Subset,
    given: Vec<String>,
    filter: Vec<String>,
    query: Query,
}

fn bind(args: &Args, context: &Context<'_>) -> Result<Bound, Fail> {
    let given = args.list("gather_subset");
    let subset = Subset::of(&given)?;
    let script = script(
        &subset,
        args.int("gather_timeout").unwrap_or(10),
        args.str("fact_path"),
    );
    Ok(Bound::Decide(Box::new(Setup {
        subset,
        given,
        filter: args.list("filter"),
        query: Query::Read {
            script,
            env: context.environment.clone(),
        },
    })))
}

/// The probe: one script, whose parts are put together as they are wanted.
fn script(subset: &Subset, timeout: i64, fact_path: &str) -> String {
    let parts = [
        ("", include_str!("probe/base.sh")),
        ("platform", include_str!("probe/fqdn.sh")),
        ("lsb", include_str!("probe/lsb.sh")),
        ("caps", include_str!("probe/caps.sh")),
        ("chroot", include_str!("probe/chroot.sh")),
        ("systemd", include_str!("probe/systemd.sh")),
        ("virtual", include_str!("probe/virtual.sh")),
        ("hardware", include_str!("probe/hardware.sh")),
        ("network", include_str!("probe/network.sh")),
        ("local", include_str!("probe/local.sh")),
    ];
    // The account's own environment comes last, untouched by what the probe sets for itself.
    let mut out = String::from(
        "(\nLC_ALL=C; export LC_ALL\nPATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin; export PATH\n",
    );
    out.push_str(&format!(
        "hoist_timeout={}\nhoist_facts={}\n",
        timeout.clamp(1, 3600),
        home(fact_path)
    ));
    let mut add = |text: &str| {
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            out.push_str(line);
            out.push('\n');
        }
    };
    for (group, text) in parts {
        if matches!(group, "hardware") && (subset.has("hardware") || subset.has("virtual")) {
            add(include_str!("probe/cpu.sh"));
        }
        if group.is_empty() || subset.has(group) {
            add(text);
        }
    }
    out.push_str(")\nprintf '@@hoist:env\\n'\nenv -0 2>/dev/null || env\n");
    out
}

/// A path as a shell word, `~/` the account's home.
fn home(path: &str) -> String {
    match path.strip_prefix('~') {
        Some("") => "\"$HOME\"".to_owned(),
        Some(rest) if rest.starts_with('/') => format!("\"$HOME\"{}", quote::word(rest)),
        _ => quote::word(path),
    }
}

impl Decide for Setup {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let (_, out, err) = known.output(self.query.clone())?;
        if !out.contains("@@hoist:env") {
            let said = err.trim();
            return Err(Fail::new(format!(
                "the host's shell did not run the fact probe to its end: {said}"
            ))
            .into());
        }
        let mut warnings = Vec::new();
        let facts = facts(&self.subset, &self.given, out, err, &mut warnings);
        let mut result = Map::new();
        // as Ansible returns them; as variables they are known by both names
        let named = filter(facts, &self.filter)
            .into_iter()
            .map(|(k, v)| (format!("ansible_{k}"), v));
        result.insert("ansible_facts".into(), Value::map(named));
        Ok(Decision {
            warnings,
            ..Decision::same(result)
        })
    }
}

/// Makes facts of what the probe printed.
type Gather = fn(&Raw<'_>, &mut Map);

/// The facts of the wanted groups from what the probe printed, without the `ansible_` before their names.
fn facts(
    subset: &Subset,
    given: &[String],
    out: &str,
    err: &str,
    warnings: &mut Vec<String>,
) -> Map {
    let raw = Raw::parse(out);
    let mut facts = Map::new();
    let groups: &[(&str, Gather)] = &[
        ("platform", platform::platform),
        ("distribution", distribution::distribution),
        ("lsb", settings::lsb),
        ("selinux", settings::selinux),
        ("apparmor", settings::apparmor),
        ("chroot", settings::chroot),
        ("fips", settings::fips),
        ("caps", settings::caps),
        ("pkg_mgr", managers::pkg_mgr),
        ("service_mgr", managers::service_mgr),
        ("systemd", managers::systemd),
        ("cmdline", settings::cmdline),
        ("date_time", clock::date_time),
        ("env", platform::env),
        ("loadavg", platform::loadavg),
        ("ssh_pub_keys", platform::ssh_keys),
        ("user", platform::user),
        ("virtual", virtualization::virtualization),
        ("hardware", hardware::hardware),
        ("hardware", storage::storage),
        ("dns", settings::dns),
        ("fibre_channel_wwn", settings::fibre_channel),
        ("network", network::network),
        ("iscsi", settings::iscsi),
        ("nvme", settings::nvme),
    ];
    for (group, gather) in groups {
        if subset.has(group) {
            gather(&raw, &mut facts);
        }
    }
    if subset.has("local") {
        local::local(&raw, err, &mut facts, warnings);
    }
    facts.insert(
        "gather_subset".into(),
        Value::list(given.iter().map(|s| Value::from(s.as_str()))),
    );
    facts.insert("module_setup".into(), Value::Bool(true));
    facts
}

/// Only facts whose name matches one of the patterns; all when there are none.
fn filter(facts: Map, patterns: &[String]) -> Map {
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    if patterns.is_empty() || patterns == ["*"] {
        return facts;
    }
    let matches =
        |pattern: &str, name: &str| glob::Pattern::new(pattern).is_ok_and(|p| p.matches(name));
    let wanted = |name: &str| {
        // These two never have the prefix.
        let bare = matches!(name, "gather_subset" | "module_setup");
        let full = if bare {
            name.to_owned()
        } else {
            format!("ansible_{name}")
        };
        patterns.iter().any(|p| {
            p.is_empty() || matches(p, &full) || (!bare && matches(&format!("ansible_{p}"), &full))
        })
    };
    facts.into_iter().filter(|(name, _)| wanted(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = include_str!("testdata/debian.txt");

    fn gather(words: &[&str], out: &str) -> Map {
        let given: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        facts(
            &Subset::of(&given).unwrap(),
            &given,
            out,
            "",
            &mut Vec::new(),
        )
    }

    #[test]
    fn a_recorded_host() {
        let facts = gather(&["all"], RECORDED);
        insta::assert_snapshot!(serde_json::to_string_pretty(&facts).unwrap());
    }

    #[test]
    fn patterns_match_with_and_without_the_prefix() {
        let names = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
            let kept = filter(gather(&["all"], RECORDED), &patterns);
            kept.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        insta::assert_snapshot!(names(&["ansible_mem*", "distribution_m*", "module_setup"]), @"distribution_major_version distribution_minor_version memtotal_mb memfree_mb memory_mb module_setup");
        assert_eq!(names(&["*"]), names(&[]));
    }

    /// The script itself, in every shell that is here: what it prints must parse to the facts every host has.
    #[test]
    fn the_probe_runs_in_plain_shells() {
        let subset = Subset::of(&[]).unwrap();
        for shell in [
            &["sh", "-c"][..],
            &["dash", "-c"],
            &["busybox", "sh", "-c"],
            &["bash", "--posix", "-c"],
        ] {
            let ran = std::process::Command::new(shell[0])
                .args(&shell[1..])
                .arg(script(&subset, 10, "/nonexistent/it's"))
                .env("HOIST_TEST", "a\nb")
                .output();
            // A shell that is not here proves nothing either way; sh is everywhere.
            let Ok(ran) = ran else {
                assert_ne!(shell[0], "sh");
                continue;
            };
            let out = String::from_utf8_lossy(&ran.stdout);
            assert_eq!(String::from_utf8_lossy(&ran.stderr), "", "{shell:?}");
            let facts = gather(&["all"], &out);
            assert_eq!(facts["system"].as_str(), Some("Linux"), "{shell:?}");
            assert_eq!(
                facts["env"].get("HOIST_TEST").and_then(Value::as_str),
                Some("a\nb")
            );
            assert!(facts["memtotal_mb"].as_int() > Some(0));
            assert!(facts["processor_nproc"].as_int() > Some(0));
            for name in [
                "date_time",
                "distribution",
                "user_id",
                "user_dir",
                "mounts",
                "devices",
                "kernel",
                "service_mgr",
            ] {
                assert!(facts.contains_key(name), "{shell:?}: {name}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_host_makes_it_panic(lines in proptest::collection::vec(
            proptest::sample::select(RECORDED.lines().collect::<Vec<_>>()), 0..40), cut in 0usize..200, junk in "[-:0-9a-z,./ \n%]{0,20}") {
            let mut text = lines.join("\n");
            let at = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.insert_str(at, &junk);
            gather(&["all"], &text);
            gather(&["all"], &RECORDED.replace(|c: char| c.is_ascii_digit(), &junk));
        }
    }
}
