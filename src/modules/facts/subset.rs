//! `gather_subset`: which facts are wanted.

use crate::error::nearest;
use crate::modules::Fail;
use std::collections::BTreeSet;

/// A group of facts gathered together, and the other words that mean it.
struct Group {
    name: &'static str,
    also: &'static [&'static str],
    /// Gathered even under `!all`.
    min: bool,
    needs: &'static [&'static str],
}

const fn group(
    name: &'static str,
    min: bool,
    also: &'static [&'static str],
    needs: &'static [&'static str],
) -> Group {
    Group {
        name,
        also,
        min,
        needs,
    }
}

const GROUPS: &[Group] = &[
    group(
        "platform",
        true,
        &[
            "system",
            "kernel",
            "kernel_version",
            "machine",
            "python_version",
            "architecture",
            "machine_id",
        ],
        &[],
    ),
    group(
        "distribution",
        true,
        &[
            "distribution_version",
            "distribution_release",
            "distribution_major_version",
            "os_family",
        ],
        &[],
    ),
    group("lsb", true, &[], &[]),
    group("selinux", true, &[], &[]),
    group("apparmor", true, &[], &[]),
    group("chroot", false, &["is_chroot"], &[]),
    group("fips", true, &[], &[]),
    group("python", true, &[], &[]),
    group(
        "caps",
        true,
        &["system_capabilities", "system_capabilities_enforced"],
        &[],
    ),
    group("pkg_mgr", true, &[], &["distribution"]),
    group("service_mgr", true, &[], &["platform", "distribution"]),
    group("cmdline", true, &[], &[]),
    group("date_time", true, &[], &[]),
    group("env", true, &[], &[]),
    group("loadavg", false, &[], &[]),
    group(
        "ssh_pub_keys",
        true,
        &[
            "ssh_host_pub_keys",
            "ssh_host_key_dsa_public",
            "ssh_host_key_rsa_public",
            "ssh_host_key_ecdsa_public",
            "ssh_host_key_ed25519_public",
        ],
        &[],
    ),
    group(
        "user",
        true,
        &[
            "user_id",
            "user_uid",
            "user_gid",
            "user_gecos",
            "user_dir",
            "user_shell",
            "real_user_id",
            "effective_user_id",
            "effective_group_ids",
        ],
        &[],
    ),
    group("systemd", false, &[], &[]),
    group(
        "virtual",
        false,
        &[
            "virtualization_type",
            "virtualization_role",
            "virtualization_tech_guest",
            "virtualization_tech_host",
        ],
        &[],
    ),
    group(
        "hardware",
        false,
        &[
            "processor",
            "processor_cores",
            "processor_count",
            "mounts",
            "devices",
        ],
        &["platform"],
    ),
    group("dns", true, &[], &[]),
    group("fibre_channel_wwn", false, &[], &[]),
    group(
        "network",
        false,
        &[
            "interfaces",
            "default_ipv4",
            "default_ipv6",
            "all_ipv4_addresses",
            "all_ipv6_addresses",
        ],
        &["distribution", "platform"],
    ),
    group("iscsi", false, &[], &[]),
    group("nvme", false, &[], &[]),
    group("local", true, &[], &[]),
    // There is no facter or ohai to ask: nothing comes of these two, as with Ansible where the programs are not installed.
    group("facter", false, &[], &[]),
    group("ohai", false, &[], &[]),
];

/// The groups of facts that a `gather_subset` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subset(BTreeSet<&'static str>);

impl Subset {
    /// By Ansible's rules: the minimum is always in unless `!min`, named groups win over `!`, an unknown word is an error
    /// only when it is asked for.
    pub(super) fn of(words: &[String]) -> Result<Self, Fail> {
        let all = || GROUPS.iter().map(|g| g.name);
        let min = || GROUPS.iter().filter(|g| g.min).map(|g| g.name);
        let find = |word: &str| {
            GROUPS
                .iter()
                .find(|g| g.name == word || g.also.contains(&word))
        };
        let mut wanted: BTreeSet<&'static str> = min().collect();
        let (mut excluded, mut named) = (BTreeSet::new(), BTreeSet::new());
        let everything = [String::from("all")];
        let words = if words.is_empty() { &everything } else { words };
        for word in words {
            match (word.as_str(), word.strip_prefix('!')) {
                ("all", _) => wanted.extend(all()),
                ("min", _) => wanted.extend(min()),
                (_, Some("all")) => excluded.extend(all().filter(|g| !min().any(|m| m == *g))),
                (_, Some("min")) => excluded.extend(min()),
                (_, Some(word)) => excluded.extend(find(word).map(|g| g.name)),
                (word, None) => {
                    let Some(group) = find(word) else {
                        let known = GROUPS
                            .iter()
                            .flat_map(|g| std::iter::once(g.name).chain(g.also.iter().copied()));
                        let hint = nearest(word, known).map(|n| format!("; did you mean `{n}`?"));
                        return Err(Fail::new(format!(
                            "`gather_subset` knows no `{word}`{}",
                            hint.unwrap_or_default()
                        )));
                    };
                    named.insert(group.name);
                    wanted.insert(group.name);
                }
            }
        }
        wanted.retain(|g| named.contains(g) || !excluded.contains(g));
        let needs: Vec<&str> = GROUPS
            .iter()
            .filter(|g| wanted.contains(g.name))
            .flat_map(|g| g.needs.iter().copied())
            .collect();
        wanted.extend(needs);
        Ok(Self(wanted))
    }

    /// Whether a group is wanted.
    pub(super) fn has(&self, group: &str) -> bool {
        self.0.contains(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Subset {
        Subset::of(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn words_add_and_take_away() {
        let all = of(&[]);
        assert!(all.has("hardware") && all.has("platform") && all.has("loadavg"));
        assert_eq!(all, of(&["all"]));
        let min = of(&["!all"]);
        assert!(min.has("platform") && !min.has("hardware") && !min.has("virtual"));
        assert_eq!(min, of(&["min"]));
        assert_eq!(of(&["!all", "!min"]).0.len(), 0);
        let network = of(&["!all", "!min", "network"]).0;
        assert_eq!(
            network.into_iter().collect::<Vec<_>>(),
            ["distribution", "network", "platform"]
        );
        assert!(
            !of(&["!hardware"]).has("hardware") && of(&["!hardware"]).has("min") == all.has("min")
        );
        assert!(of(&["!all", "mounts"]).has("hardware"));
        assert!(!of(&["all", "!facter", "!nonsense"]).has("facter"));
        let fail = Subset::of(&["hardwear".to_owned()]).unwrap_err();
        insta::assert_snapshot!(fail.msg, @"`gather_subset` knows no `hardwear`; did you mean `hardware`?");
    }
}
