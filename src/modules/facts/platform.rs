//! The machine, its names and the account: the `platform`, `user`, `env` and `ssh_pub_keys` subsets.

use super::raw::Raw;
use crate::value::{Map, Value};

/// system, kernel, machine, names, word size, machine id.
pub(super) fn platform(raw: &Raw<'_>, facts: &mut Map) {
    let mut set = |key: &str, value: &str| facts.insert(key.to_owned(), Value::from(value));
    let machine = raw.section("uname").trim();
    let nodename = raw.file("/proc/sys/kernel/hostname").unwrap_or_default();
    set(
        "system",
        raw.file("/proc/sys/kernel/ostype").unwrap_or("Linux"),
    );
    set(
        "kernel",
        raw.file("/proc/sys/kernel/osrelease").unwrap_or_default(),
    );
    set(
        "kernel_version",
        raw.file("/proc/sys/kernel/version").unwrap_or_default(),
    );
    set("machine", machine);
    let fqdn = fqdn(raw, nodename);
    set("fqdn", &fqdn);
    set("hostname", nodename.split('.').next().unwrap_or_default());
    set("nodename", nodename);
    set("domain", fqdn.split_once('.').map_or("", |(_, d)| d));

    let bits = userspace_bits(raw, machine);
    set("userspace_bits", bits);
    let i386 = matches!(machine, "i386" | "i486" | "i586" | "i686" | "i86pc");
    set("architecture", if i386 { "i386" } else { machine });
    if machine == "x86_64" || i386 {
        set(
            "userspace_architecture",
            if bits == "64" { "x86_64" } else { "i386" },
        );
    }
    if let Some(id) = raw
        .file("/var/lib/dbus/machine-id")
        .or_else(|| raw.file("/etc/machine-id"))
    {
        set("machine_id", id.lines().next().unwrap_or_default());
    }
}

/// As Python's `getfqdn`: of the names of the host's own address, the first with a dot in it.
fn fqdn(raw: &Raw<'_>, nodename: &str) -> String {
    let looked_up = raw.section("fqdn").lines().next().unwrap_or_default();
    let names: Vec<&str> = if looked_up.is_empty() {
        names_in_hosts(raw.file("/etc/hosts").unwrap_or_default(), nodename)
    } else {
        looked_up.split_whitespace().skip(1).collect()
    };
    names
        .iter()
        .find(|n| n.contains('.'))
        .or_else(|| names.first())
        .map_or(nodename, |n| *n)
        .to_owned()
}

/// The names of the address that `name` has in `/etc/hosts`.
fn names_in_hosts<'a>(hosts: &'a str, name: &str) -> Vec<&'a str> {
    let lines = || {
        hosts
            .lines()
            .filter_map(|l| l.split('#').next())
            .map(|l| l.split_whitespace().collect::<Vec<_>>())
            .filter(|words| words.len() > 1)
    };
    let Some(address) = lines()
        .find(|w| w[1..].contains(&name))
        .map(|words| words[0])
    else {
        return Vec::new();
    };
    lines()
        .find(|w| w[0] == address)
        .map(|words| words[1..].to_vec())
        .unwrap_or_default()
}

/// A 64-bit process has something mapped above 4 GiB, its stack at least.
fn userspace_bits(raw: &Raw<'_>, machine: &str) -> &'static str {
    match raw.file("/proc/self/maps") {
        Some(maps) => {
            let wide = |line: &str| line.split('-').next().is_some_and(|a| a.len() > 8);
            if maps.lines().any(wide) { "64" } else { "32" }
        }
        None if machine.contains("64") || machine == "s390x" => "64",
        None => "32",
    }
}

/// user_id … user_gecos, real and effective numbers.
pub(super) fn user(raw: &Raw<'_>, facts: &mut Map) {
    let ids = |field: &str| -> Option<Vec<i64>> {
        let status = raw.file("/proc/self/status")?;
        let line = status.lines().find_map(|l| l.strip_prefix(field))?;
        line.split_whitespace().map(|n| n.parse().ok()).collect()
    };
    let (uids, gids) = (ids("Uid:"), ids("Gid:"));
    let uid = uids.as_ref().and_then(|u| u.first().copied());
    let login = ["LOGNAME", "USER", "LNAME", "USERNAME"]
        .iter()
        .find_map(|n| raw.env(n).filter(|v| !v.is_empty()));
    let entries: Vec<Vec<&str>> = raw
        .section("passwd")
        .lines()
        .map(|l| l.split(':').collect())
        .filter(|fields: &Vec<&str>| fields.len() == 7)
        .collect();
    let by_name = login.and_then(|name| entries.iter().find(|e| e[0] == name));
    let by_uid = || {
        entries
            .iter()
            .find(|e| e[2].parse::<i64>().ok() == uid && uid.is_some())
    };
    let entry = by_name.or_else(by_uid);
    let mut set = |key: &str, value: Value| facts.insert(key.to_owned(), value);
    if let Some(id) = login.or(entry.map(|e| e[0])) {
        set("user_id", Value::from(id));
    }
    if let Some(e) = entry {
        let number = |text: &str| text.parse::<i64>().map_or(Value::Null, Value::Int);
        set("user_uid", number(e[2]));
        set("user_gid", number(e[3]));
        set("user_gecos", Value::from(e[4]));
        set("user_dir", Value::from(e[5]));
        set("user_shell", Value::from(e[6]));
    }
    if let Some([real, effective, ..]) = uids.as_deref() {
        set("real_user_id", Value::Int(*real));
        set("effective_user_id", Value::Int(*effective));
    }
    if let Some([real, effective, ..]) = gids.as_deref() {
        set("real_group_id", Value::Int(*real));
        set("effective_group_id", Value::Int(*effective));
    }
}

/// env: the environment of the account's shell.
pub(super) fn env(raw: &Raw<'_>, facts: &mut Map) {
    let env = raw.env.iter().map(|(n, v)| (*n, Value::from(*v)));
    facts.insert("env".into(), Value::map(env));
}

/// ssh_host_key_ALGORITHM_public and …_keytype, from the first directory that has any.
pub(super) fn ssh_keys(raw: &Raw<'_>, facts: &mut Map) {
    for dir in ["/etc/ssh", "/etc/openssh", "/etc"] {
        let mut found = false;
        for algorithm in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let Some(text) = raw.file(&format!("{dir}/ssh_host_{algorithm}_key.pub")) else {
                continue;
            };
            let mut words = text.split_whitespace();
            if let (Some(kind), Some(key)) = (words.next(), words.next()) {
                let name = format!("ssh_host_key_{algorithm}_public");
                facts.insert(format!("{name}_keytype"), Value::from(kind));
                facts.insert(name, Value::from(key));
                found = true;
            }
        }
        if found {
            return;
        }
    }
}

/// loadavg over 1, 5 and 15 minutes.
pub(super) fn loadavg(raw: &Raw<'_>, facts: &mut Map) {
    let numbers: Vec<f64> = raw
        .file("/proc/loadavg")
        .unwrap_or_default()
        .split_whitespace()
        .take(3)
        .filter_map(|n| n.parse().ok())
        .collect();
    if let [one, five, fifteen] = numbers[..] {
        let pairs = [("1m", one), ("5m", five), ("15m", fifteen)];
        facts.insert(
            "loadavg".into(),
            Value::map(pairs.map(|(k, v)| (k, Value::Float(v)))),
        );
    }
}
