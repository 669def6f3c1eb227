//! Kernel, security and resolver settings: the `cmdline`, `dns`, `selinux`, `apparmor`, `caps`, `fips`, `chroot`, `lsb`,
//! `iscsi`, `nvme` and `fibre_channel_wwn` subsets.

use super::distribution::setting;
use super::raw::Raw;
use crate::value::{Map, Value};

/// cmdline (the last of several values) and proc_cmdline (all of them).
pub(super) fn cmdline(raw: &Raw<'_>, facts: &mut Map) {
    let Some(text) = raw.file("/proc/cmdline") else {
        return;
    };
    let (mut last, mut all) = (Map::new(), Map::new());
    for word in split_keeping_quotes(text) {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Value::from(value)),
            None => (word.as_str(), Value::Bool(true)),
        };
        last.insert(key.to_owned(), value.clone());
        let more = match (all.get(key), &value) {
            (None, _) | (_, Value::Bool(_)) => value,
            (Some(Value::List(items)), _) => Value::list(items.iter().cloned().chain([value])),
            (Some(first), _) => Value::list([first.clone(), value]),
        };
        all.insert(key.to_owned(), more);
    }
    facts.insert("cmdline".into(), Value::from(last));
    facts.insert("proc_cmdline".into(), Value::from(all));
}

/// Words parted by white space outside quotes; the quotes stay.
fn split_keeping_quotes(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_whitespace() => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

/// dns: what `/etc/resolv.conf` says (resolv.conf(5)).
pub(super) fn dns(raw: &Raw<'_>, facts: &mut Map) {
    let mut dns = Map::new();
    let words = |text: &mut dyn Iterator<Item = &str>| Value::list(text.map(Value::from));
    for line in raw.file("/etc/resolv.conf").unwrap_or_default().lines() {
        if line.starts_with(['#', ';']) {
            continue;
        }
        let mut rest = line.split_whitespace();
        match rest.next() {
            Some("nameserver") => {
                let old = dns.get("nameservers").and_then(Value::as_list);
                let all = old.unwrap_or_default().iter().cloned();
                let all = Value::list(all.chain(rest.map(Value::from)));
                dns.insert("nameservers".into(), all);
            }
            Some("domain") => {
                if let Some(name) = rest.next() {
                    dns.insert("domain".into(), Value::from(name));
                }
            }
            Some(list @ ("search" | "sortlist")) => {
                dns.insert(list.into(), words(&mut rest));
            }
            Some("options") => {
                let pairs = rest.map(|option| match option.split_once(':') {
                    Some((name, value)) if !value.is_empty() => (name, Value::from(value)),
                    Some((name, _)) => (name, Value::Bool(true)),
                    None => (option, Value::Bool(true)),
                });
                dns.insert("options".into(), Value::map(pairs));
            }
            _ => {}
        }
    }
    facts.insert("dns".into(), Value::from(dns));
}

/// selinux and selinux_python_present, which is true: nothing of Python is needed to tell.
pub(super) fn selinux(raw: &Raw<'_>, facts: &mut Map) {
    let mut selinux = Map::new();
    let mut set = |key: &str, value: Value| selinux.insert(key.to_owned(), value);
    let config = raw.file("/etc/selinux/config").unwrap_or_default();
    let or_unknown = |text: Option<&str>| Value::from(text.unwrap_or("unknown"));
    if raw.exists("/sys/fs/selinux/enforce") {
        set("status", Value::from("enabled"));
        let version = raw.file("/sys/fs/selinux/policyvers");
        let number = version.and_then(|v| v.parse().ok()).map(Value::Int);
        set("policyvers", number.unwrap_or_else(|| or_unknown(None)));
        set("config_mode", or_unknown(setting(config, "SELINUX")));
        let mode = match raw.file("/sys/fs/selinux/enforce") {
            Some("1") => Some("enforcing"),
            Some("0") => Some("permissive"),
            _ => None,
        };
        set("mode", or_unknown(mode));
        set("type", or_unknown(setting(config, "SELINUXTYPE")));
    } else {
        set("status", Value::from("disabled"));
    }
    facts.insert("selinux".into(), Value::from(selinux));
    facts.insert("selinux_python_present".into(), Value::Bool(true));
}

/// apparmor.
pub(super) fn apparmor(raw: &Raw<'_>, facts: &mut Map) {
    let enabled = raw.exists("/sys/kernel/security/apparmor");
    let status = if enabled { "enabled" } else { "disabled" };
    let map = Value::map([("status", Value::from(status))]);
    facts.insert("apparmor".into(), map);
}

/// system_capabilities and system_capabilities_enforced, as `capsh --print` shows them.
pub(super) fn caps(raw: &Raw<'_>, facts: &mut Map) {
    let current = raw
        .section("caps")
        .lines()
        .find_map(|line| line.strip_prefix("Current:"))
        .map(str::trim);
    let (enforced, list) = match current {
        None => ("N/A", Value::from("N/A")),
        Some("=ep") => ("False", Value::list([])),
        Some(text) => {
            let names = text.split('=').nth(1).unwrap_or_default();
            (
                "True",
                Value::list(names.split(',').map(|n| Value::from(n.trim()))),
            )
        }
    };
    facts.insert("system_capabilities_enforced".into(), Value::from(enforced));
    facts.insert("system_capabilities".into(), list);
}

/// fips.
pub(super) fn fips(raw: &Raw<'_>, facts: &mut Map) {
    let on = raw.file("/proc/sys/crypto/fips_enabled") == Some("1");
    facts.insert("fips".into(), Value::Bool(on));
}

/// is_chroot: whether `/` is another than that of process 1, or, where that may not be seen, has not the root's inode.
pub(super) fn chroot(raw: &Raw<'_>, facts: &mut Map) {
    let section = raw.section("chroot");
    let word = |key: &str| section.lines().find_map(|l| l.strip_prefix(key));
    let chroot = match section.trim() {
        "root" => false,
        "chroot" => true,
        _ => {
            let root = match word("fs ").unwrap_or_default() {
                kind if kind.contains("btrfs") => 256,
                kind if kind.contains("xfs") => 128,
                _ => 2,
            };
            word("inode ").and_then(|i| i.parse().ok()) != Some(root)
        }
    };
    facts.insert("is_chroot".into(), Value::Bool(chroot));
}

/// lsb: as `lsb_release` tells it; empty where neither it nor `/etc/lsb-release` is there.
pub(super) fn lsb(raw: &Raw<'_>, facts: &mut Map) {
    let section = raw.section("lsb");
    let printed = |name: &str| {
        section
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    let file = raw.file("/etc/lsb-release").unwrap_or_default();
    let os = raw.file("/etc/os-release").unwrap_or_default();
    let values = if let Some(id) = printed("Distributor ID") {
        [
            Some(id),
            printed("Description"),
            printed("Release"),
            printed("Codename"),
        ]
    } else if setting(file, "DISTRIB_ID").is_some() {
        [
            "DISTRIB_ID",
            "DISTRIB_DESCRIPTION",
            "DISTRIB_RELEASE",
            "DISTRIB_CODENAME",
        ]
        .map(|name| setting(file, name))
    } else if section.starts_with("present") && setting(os, "ID") == Some("debian") {
        [
            Some("Debian"),
            setting(os, "PRETTY_NAME"),
            setting(os, "VERSION_ID").or(Some("n/a")),
            setting(os, "VERSION_CODENAME"),
        ]
    } else {
        [None; 4]
    };
    let mut lsb = Map::new();
    for (key, value) in ["id", "description", "release", "codename"]
        .iter()
        .zip(values)
    {
        if let Some(value) = value {
            lsb.insert((*key).into(), Value::from(value));
        }
    }
    if let Some(release) = values[2] {
        let major = release.split('.').next().unwrap_or_default();
        lsb.insert("major_release".into(), Value::from(major));
    }
    facts.insert("lsb".into(), Value::from(lsb));
}

/// iscsi_iqn: the name this host has as an iSCSI initiator; empty when it is none.
pub(super) fn iscsi(raw: &Raw<'_>, facts: &mut Map) {
    let text = raw
        .file("/etc/iscsi/initiatorname.iscsi")
        .unwrap_or_default();
    let name = setting(text, "InitiatorName").unwrap_or_default();
    facts.insert("iscsi_iqn".into(), Value::from(name));
}

/// hostnqn: the name this host has for NVMe over fabrics; empty when it has none.
pub(super) fn nvme(raw: &Raw<'_>, facts: &mut Map) {
    let text = raw.file("/etc/nvme/hostnqn").unwrap_or_default();
    let name = text.lines().find(|l| l.starts_with("nqn."));
    facts.insert("hostnqn".into(), Value::from(name.unwrap_or_default()));
}

/// fibre_channel_wwn: the port names of the host's adapters.
pub(super) fn fibre_channel(raw: &Raw<'_>, facts: &mut Map) {
    let names = raw
        .files_below("/sys/class/fc_host/")
        .into_iter()
        .map(|(_, name)| Value::from(name.strip_prefix("0x").unwrap_or(name)));
    facts.insert("fibre_channel_wwn".into(), Value::list(names));
}
