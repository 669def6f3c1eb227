//! What Ansible has and hoist lacks, and what to use instead.

/// What to use instead of a module that is not built in; `None` for a name nobody knows.
pub(super) fn module(name: &str) -> Option<&'static str> {
    let full = MODULES.iter().find(|(known, _)| *known == name);
    let short = || {
        (!name.contains('.'))
            .then(|| {
                MODULES
                    .iter()
                    .find(|(known, _)| known.rsplit('.').next() == Some(name))
            })
            .flatten()
    };
    let collection = || {
        COLLECTIONS
            .iter()
            .find(|(prefix, _)| name.starts_with(prefix))
    };
    full.or_else(short)
        .or_else(collection)
        .map(|(_, help)| *help)
}

/// Every module of Ansible that hoist lacks, then every such collection (they end in `.`), with what to use instead.
pub fn missing_modules() -> impl Iterator<Item = (&'static str, &'static str)> {
    let collections = COLLECTIONS
        .iter()
        .filter(|(prefix, _)| prefix.ends_with('.'));
    MODULES.iter().chain(collections).copied()
}

/// Modules by full name.
const MODULES: &[(&str, &str)] = &[
    (
        "ansible.builtin.expect",
        "use `shell` with input on `stdin`, or `expect` in a script",
    ),
    (
        "ansible.builtin.subversion",
        "use `command: svn …` with `creates`",
    ),
    ("ansible.posix.acl", "use `command: setfacl …`"),
    (
        "ansible.posix.at",
        "use `command: at …`, or a systemd timer",
    ),
    (
        "ansible.posix.patch",
        "use `command: patch …`, or ship the patched file with `copy`",
    ),
    ("ansible.posix.rhel_facts", "use `setup`"),
    (
        "ansible.posix.rpm_ostree_upgrade",
        "use `command: rpm-ostree upgrade`",
    ),
    ("community.general.apk", "use `package`"),
    ("community.general.dconf", "use `command: dconf write …`"),
    (
        "community.general.filesystem",
        "use `command: mkfs …` with `creates`, or a check of `blkid` before it",
    ),
    (
        "community.general.git_config",
        "use `command: git config …`",
    ),
    (
        "community.general.github_release",
        "use `uri` on the releases of api.github.com",
    ),
    (
        "community.general.homebrew",
        "hoist works on Linux hosts only",
    ),
    (
        "community.general.htpasswd",
        "use `copy` or `lineinfile` with the filter `password_hash`",
    ),
    (
        "community.general.interfaces_file",
        "use `template` for /etc/network/interfaces.d",
    ),
    ("community.general.java_cert", "use `command: keytool …`"),
    (
        "community.general.kernel_blacklist",
        "use `lineinfile` on a file in /etc/modprobe.d",
    ),
    (
        "community.general.lvg",
        "use `command: vgcreate …` after a check of `vgs`",
    ),
    (
        "community.general.lvol",
        "use `command: lvcreate …` after a check of `lvs`",
    ),
    (
        "community.general.mail",
        "use `uri`, or `command: sendmail …`",
    ),
    (
        "community.general.make",
        "use `command: make …` with `chdir`",
    ),
    (
        "community.general.nmcli",
        "use `command: nmcli …`, or `template` for a connection file",
    ),
    (
        "community.general.npm",
        "use `command: npm install …` with `creates`",
    ),
    ("community.general.open_iscsi", "use `command: iscsiadm …`"),
    ("community.general.pacman", "use `package`"),
    (
        "community.general.parted",
        "use `command: parted …` after a check of the partitions",
    ),
    (
        "community.general.pip_package_info",
        "use `command: pip list --format json`",
    ),
    (
        "community.general.pipx",
        "use `command: pipx install …` with `creates`",
    ),
    (
        "community.general.proxmox",
        "use `uri` on the API of Proxmox",
    ),
    (
        "community.general.proxmox_kvm",
        "use `uri` on the API of Proxmox",
    ),
    (
        "community.general.redhat_subscription",
        "use `command: subscription-manager …`",
    ),
    (
        "community.general.sefcontext",
        "use `command: semanage fcontext …`",
    ),
    ("community.general.seport", "use `command: semanage port …`"),
    ("community.general.slack", "use `uri` on the webhook"),
    (
        "community.general.snap_alias",
        "use `command: snap alias …`",
    ),
    (
        "community.general.sudoers",
        "use `copy` into /etc/sudoers.d with `validate: visudo -cf %s`",
    ),
    (
        "community.general.supervisorctl",
        "use `command: supervisorctl …`",
    ),
    ("community.general.terraform", "use `command: terraform …`"),
    (
        "community.general.xml",
        "use `replace`, or `command: xmlstarlet …`",
    ),
    (
        "community.general.yarn",
        "use `command: yarn …` with `creates`",
    ),
    ("community.general.zypper", "use `package`"),
];

/// Whole collections.
const COLLECTIONS: &[(&str, &str)] = &[
    (
        "kubernetes.core.",
        "use `command: kubectl …` or `command: helm …`",
    ),
    (
        "community.kubernetes.",
        "use `command: kubectl …` or `command: helm …`",
    ),
    (
        "community.docker.",
        "use `command: docker …`, or a systemd unit",
    ),
    (
        "containers.podman.",
        "use `command: podman …`, or a systemd unit",
    ),
    ("community.mysql.", "use `command: mysql …`"),
    (
        "community.postgresql.",
        "use `command: psql …` with `become_user: postgres`",
    ),
    ("community.mongodb.", "use `command: mongosh …`"),
    ("community.rabbitmq.", "use `command: rabbitmqctl …`"),
    ("community.grafana.", "use `uri` on the API of Grafana"),
    ("community.hashi_vault.", "use `uri` on the API of Vault"),
    ("community.zabbix.", "use `uri` on the API of Zabbix"),
    ("community.libvirt.", "use `command: virsh …`"),
    ("community.aws.", "use `command: aws …`"),
    ("amazon.aws.", "use `command: aws …`"),
    ("azure.azcollection.", "use `command: az …`"),
    ("google.cloud.", "use `command: gcloud …`"),
    ("openstack.cloud.", "use `command: openstack …`"),
    ("community.windows.", "hoist works on Linux hosts only"),
    ("ansible.windows.", "hoist works on Linux hosts only"),
    (
        "ansible.netcommon.",
        "hoist works on Linux hosts only, not on network devices",
    ),
    (
        "cisco.",
        "hoist works on Linux hosts only, not on network devices",
    ),
    (
        "junipernetworks.",
        "hoist works on Linux hosts only, not on network devices",
    ),
    (
        "arista.",
        "hoist works on Linux hosts only, not on network devices",
    ),
    ("win_", "hoist works on Linux hosts only"),
    // What these collections' modules are called without their collection.
    ("docker_", "use `command: docker …`, or a systemd unit"),
    ("podman_", "use `command: podman …`, or a systemd unit"),
    ("k8s_", "use `k8s` and its kin, or `command: kubectl …`"),
    ("helm_", "use `command: helm …`"),
    ("mysql_", "use `command: mysql …`"),
    (
        "postgresql_",
        "use `command: psql …` with `become_user: postgres`",
    ),
    ("mongodb_", "use `command: mongosh …`"),
    ("rabbitmq_", "use `command: rabbitmqctl …`"),
    ("grafana_", "use `uri` on the API of Grafana"),
    ("zabbix_", "use `uri` on the API of Zabbix"),
    ("proxmox_", "use `uri` on the API of Proxmox"),
    ("ec2_", "use `command: aws …`"),
    ("azure_rm_", "use `command: az …`"),
    ("gcp_", "use `command: gcloud …`"),
];

/// The connection types there are.
pub const CONNECTIONS: &[&str] = &["ssh", "smart", "local"];
/// The ways to become another user.
pub const BECOME: &[&str] = &["sudo", "su", "doas"];
/// The strategies.
pub const STRATEGIES: &[&str] = &["linear", "free", "graph"];
/// The orders of hosts.
pub const ORDERS: &[&str] = &[
    "inventory",
    "reverse_inventory",
    "sorted",
    "reverse_sorted",
    "shuffle",
];

/// What to say of a value that another plugin of Ansible has.
pub(super) fn plugin(keyword: &str, value: &str) -> Option<&'static str> {
    match (keyword, value.rsplit('.').next().unwrap_or(value)) {
        ("strategy", "host_pinned") => Some("use `free`"),
        ("strategy", "debug") => Some("use `linear` and `--step`"),
        ("strategy", other) if other.starts_with("mitogen") => {
            Some("leave it out: hoist needs no help to be fast")
        }
        ("connection", "paramiko" | "paramiko_ssh") => Some("use `ssh`"),
        ("connection", "docker" | "podman" | "kubectl" | "lxd" | "chroot" | "jail") => {
            Some("reach the host over `ssh`")
        }
        ("connection", "winrm" | "psrp" | "network_cli" | "netconf" | "httpapi") => {
            Some("hoist works on Linux hosts only")
        }
        (
            "become_method",
            "pbrun" | "pfexec" | "dzdo" | "ksu" | "machinectl" | "pmrun" | "sesu" | "runas"
            | "enable",
        ) => Some("use `sudo`, `su` or `doas`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::module;

    #[test]
    fn names_are_found_short_and_full() {
        assert_eq!(module("zypper"), module("community.general.zypper"));
        assert!(module("community.docker.docker_container").is_some());
        assert!(module("win_copy").is_some());
        assert_eq!(module("nonsense"), None);
        assert_eq!(module("my.own.zypper"), None);
    }
}
