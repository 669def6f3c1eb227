//! What installs packages and what runs services: the `pkg_mgr`, `service_mgr` and `systemd` subsets.

use super::raw::Raw;
use crate::value::{Map, Value};

/// Package managers by their program; of several, the last wins.
const PACKAGE_MANAGERS: &[(&str, &str)] = &[
    ("/usr/bin/yum", "dnf"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/sbin/urpmi", "urpmi"),
    ("/usr/bin/pacman", "pacman"),
    ("/bin/opkg", "opkg"),
    ("/usr/pkg/bin/pkgin", "pkgin"),
    ("/opt/local/bin/pkgin", "pkgin"),
    ("/opt/tools/bin/pkgin", "pkgin"),
    ("/opt/local/bin/port", "macports"),
    ("/usr/local/bin/brew", "homebrew"),
    ("/opt/homebrew/bin/brew", "homebrew"),
    ("/sbin/apk", "apk"),
    ("/usr/sbin/pkg", "pkgng"),
    ("/usr/sbin/swlist", "swdepot"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/sbin/pkgadd", "svr4pkg"),
    ("/usr/bin/pkg", "pkg5"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/local/sbin/pkg", "pkgng"),
    ("/usr/bin/swupd", "swupd"),
    ("/usr/sbin/sorcery", "sorcery"),
    ("/usr/bin/installp", "installp"),
];

/// pkg_mgr: what the distribution's family uses, else what is there. Needs `os_family` in `facts`.
pub(super) fn pkg_mgr(raw: &Raw<'_>, facts: &mut Map) {
    let family = facts
        .get("os_family")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let there = PACKAGE_MANAGERS
        .iter()
        // On ALT Linux that one is something else.
        .filter(|(path, _)| family != "Altlinux" || *path != "/usr/bin/pkg")
        .rfind(|(path, _)| raw.exists(path))
        .map_or("unknown", |(_, name)| *name);
    let mut name = match family {
        "RedHat" => red_hat(raw),
        "Debian" => "apt",
        _ => there,
    };
    if name == "apt" && (family == "Altlinux" || raw.exists("apt-get-from-rpm")) {
        name = "apt_rpm";
    }
    facts.insert("pkg_mgr".into(), Value::from(name));
}

fn red_hat(raw: &Raw<'_>) -> &'static str {
    if raw.exists("/run/ostree-booted") {
        return "atomic_container";
    }
    for path in ["/usr/bin/dnf", "/usr/bin/microdnf"] {
        if raw.exists(path) {
            let target = raw.link(path).unwrap_or(path);
            let dnf5 = target.rsplit('/').next() == Some("dnf5");
            return if dnf5 { "dnf5" } else { "dnf" };
        }
    }
    "unknown"
}

/// service_mgr: process 1 by name where that tells something, else by what is installed.
pub(super) fn service_mgr(raw: &Raw<'_>, facts: &mut Map) {
    let init_link = raw
        .link("/sbin/init")
        .map(|target| target.rsplit('/').next().unwrap_or(target));
    let first = raw
        .file("/proc/1/comm")
        .map(|comm| comm.rsplit('/').next().unwrap_or(comm))
        .or(init_link)
        // Many are called init; a shell means a container.
        .filter(|name| *name != "init" && !name.ends_with("sh"));
    let distribution = facts
        .get("distribution")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let systemctl = raw.exists("bin:systemctl");
    let name = match first {
        Some("procd") => "openwrt_init",
        Some("runit-init") => "runit",
        Some("svscan") => "svc",
        Some("openrc-init") => "openrc",
        Some(other) => other,
        None if distribution == "OpenWrt" => "openwrt_init",
        None if distribution == "SMGL" => "simpleinit_msb",
        None if systemctl && booted_by_systemd(raw) => "systemd",
        None if raw.exists("bin:initctl") && raw.exists("/etc/init") => "upstart",
        None if raw.exists("/sbin/openrc") => "openrc",
        None if systemctl && init_link == Some("systemd") => "systemd",
        None if raw.exists("/etc/init.d") => "sysvinit",
        None if raw.exists("/etc/dinit.d") => "dinit",
        None => "service",
    };
    facts.insert("service_mgr".into(), Value::from(name));
}

fn booted_by_systemd(raw: &Raw<'_>) -> bool {
    ["/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd"]
        .iter()
        .any(|path| raw.exists(path))
}

/// systemd: its version and features, where it runs.
pub(super) fn systemd(raw: &Raw<'_>, facts: &mut Map) {
    let mut lines = raw.section("systemd").lines();
    let version = lines
        .next()
        .and_then(|l| l.split_whitespace().nth(1))
        .and_then(|v| v.parse::<i64>().ok());
    if let (Some(version), Some(features)) = (version, lines.next()) {
        let map = [
            ("features", Value::from(features)),
            ("version", Value::Int(version)),
        ];
        facts.insert("systemd".into(), Value::map(map));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(out: &str, family: &str) -> (String, String) {
        let raw = Raw::parse(out);
        let mut facts = Map::new();
        facts.insert("os_family".into(), Value::from(family));
        pkg_mgr(&raw, &mut facts);
        service_mgr(&raw, &mut facts);
        (
            facts["pkg_mgr"].to_string(),
            facts["service_mgr"].to_string(),
        )
    }

    #[test]
    fn managers_by_what_is_there() {
        let cases = [
            (
                "@@hoist:files\n/proc/1/comm:systemd\n@@hoist:exists\n/usr/bin/apt-get\n",
                "Debian",
                "apt",
                "systemd",
            ),
            (
                "@@hoist:files\n/proc/1/comm:init\n@@hoist:exists\n/sbin/apk\n/sbin/openrc\n/etc/init.d\n",
                "Alpine",
                "apk",
                "openrc",
            ),
            (
                "@@hoist:exists\n/usr/bin/dnf\nbin:systemctl\n/run/systemd/system\n@@hoist:links\nl 1 /usr/bin/dnf -> dnf-3\n",
                "RedHat",
                "dnf",
                "systemd",
            ),
            (
                "@@hoist:exists\n/usr/bin/dnf\n@@hoist:links\nl 1 /usr/bin/dnf -> dnf5\nl 1 /sbin/init -> /lib/systemd/systemd\n",
                "RedHat",
                "dnf5",
                "systemd",
            ),
            (
                "@@hoist:exists\n/usr/bin/apt-get\napt-get-from-rpm\n/usr/bin/pkg\n@@hoist:files\n/proc/1/comm:bash\n",
                "Altlinux",
                "apt_rpm",
                "service",
            ),
            ("", "Void", "unknown", "service"),
        ];
        for (out, family, package, service) in cases {
            assert_eq!(
                run(out, family),
                (package.to_owned(), service.to_owned()),
                "{out}"
            );
        }
    }
}
