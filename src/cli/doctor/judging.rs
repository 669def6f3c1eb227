//! What is to be thought of what a host says.

use super::asking::Answer;
use super::finding::{Finding, State};

/// What a host shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Server,
    Agent,
    /// Any host: nothing of Kubernetes is asked of it.
    Other,
}

/// What K3s asks for (<https://docs.k3s.io/installation/requirements>), in KiB.
const SERVER_MEMORY: u64 = 2 << 20;
const AGENT_MEMORY: u64 = 512 << 10;
/// The binary, its images and a little to work with; and what a platform with models wants.
const DISK_NEEDED: u64 = 4 << 20;
const DISK_WANTED: u64 = 20 << 20;
/// Seconds.
const CLOCK_BAD: i64 = 30;
const CLOCK_WARN: i64 = 5;

/// Everything that was looked at on a host, in the order in which one would mend it.
pub(super) fn judge(answer: &Answer, part: Part) -> Vec<Finding> {
    if let Some(why) = &answer.unreachable {
        return vec![Finding::of(
            State::Bad,
            "reach",
            why.clone(),
            "log in with `ssh` by hand, with the same user and key; is it switched on, is the address right, is your key in its authorized_keys?",
        )];
    }
    if answer.said.is_empty() {
        let why = answer.failed.clone().unwrap_or_default();
        return vec![Finding::of(
            State::Bad,
            "reach",
            format!("a script could not be run: {why}"),
            "a POSIX shell and coreutils (or busybox) are needed there",
        )];
    }
    let user = answer.get("user").unwrap_or("?");
    let mut out = vec![Finding::fine("reach", format!("as {user}"))];
    out.push(root(answer));
    out.push(system(answer));
    if part != Part::Other {
        out.push(init(answer));
        out.push(cgroups(answer));
    }
    out.push(memory(answer, part));
    out.push(disk(answer, part));
    out.push(clock(answer));
    out.push(names(answer));
    if part != Part::Other {
        out.push(route(answer));
        out.push(kernel(answer));
        out.push(ports(answer, part));
        out.extend(neighbours(answer));
        if let Some(firewall) = answer.get("firewall") {
            out.push(Finding::of(
                State::Note,
                "firewall",
                format!("{firewall} is on"),
                "the role host_prep opens what the cluster needs",
            ));
        }
    }
    let gpus = answer.said.get("gpu").cloned().unwrap_or_default();
    if !gpus.is_empty() {
        out.push(Finding::fine("GPU", gpus.join(", ")));
    }
    out
}

fn gib(kib: u64) -> String {
    format!("{:.1} GiB", kib as f64 / f64::from(1 << 20))
}

fn root(answer: &Answer) -> Finding {
    match &answer.root {
        Some(Ok(())) => Finding::fine("root", "yes"),
        Some(Err(why)) => Finding::of(
            State::Bad,
            "root",
            why.clone(),
            "let the user become root: with a password give `-K` (or `ansible_become_password`), without one a line `USER ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d",
        ),
        None => Finding::of(State::Bad, "root", "could not be found out", "try again"),
    }
}

fn system(answer: &Answer) -> Finding {
    let (arch, os) = (
        answer.get("arch").unwrap_or("?"),
        answer.get("os").unwrap_or("an unknown system"),
    );
    let kernel = answer.get("kernel").unwrap_or("?");
    let cpus = answer.number("processors").unwrap_or(0);
    let found = format!("{os}, Linux {kernel}, {arch}, {cpus} processors");
    match arch {
        "x86_64" | "amd64" | "aarch64" | "arm64" | "armv7l" | "armv6l" | "s390x" => {
            Finding::fine("system", found)
        }
        _ => Finding::of(
            State::Bad,
            "system",
            found,
            "K3s is made for amd64, arm64, armhf and s390x",
        ),
    }
}

fn init(answer: &Answer) -> Finding {
    match answer.get("systemd") {
        Some(_) => Finding::fine("systemd", "yes"),
        None => Finding::of(
            State::Bad,
            "systemd",
            "not what this host was booted with",
            "the roles write systemd units; choose a distribution with systemd",
        ),
    }
}

fn cgroups(answer: &Answer) -> Finding {
    let kind = answer.get("cgroup").unwrap_or("nothing");
    if kind != "cgroup2fs" {
        let advice = if answer.get("container").is_some() {
            "this is a container: the machine around it must run with cgroup v2 (Kubernetes 1.35 and later refuses v1)"
        } else {
            "Kubernetes 1.35 and later refuses cgroup v1: take systemd.unified_cgroup_hierarchy=0 off the kernel's command line, or use a newer distribution"
        };
        return Finding::of(State::Bad, "cgroups", format!("v1 ({kind})"), advice);
    }
    let controllers: Vec<&str> = answer
        .get("controllers")
        .unwrap_or_default()
        .split(' ')
        .collect();
    let missing: Vec<&str> = ["cpu", "memory", "pids"]
        .into_iter()
        .filter(|c| !controllers.contains(c))
        .collect();
    if missing.is_empty() {
        return Finding::fine("cgroups", "v2");
    }
    Finding::of(
        State::Bad,
        "cgroups",
        format!("v2, without {}", missing.join(", ")),
        "on a Raspberry Pi the role host_prep mends it (cgroup_enable=memory in cmdline.txt); in a container the controllers must be delegated to it",
    )
}

fn memory(answer: &Answer, part: Part) -> Finding {
    let memory = answer.number("memory_kb").unwrap_or(0);
    let swap = answer.number("swap_kb").unwrap_or(0);
    let mut found = gib(memory);
    if swap > 0 {
        found.push_str(&format!(", swap {}", gib(swap)));
    }
    // what the firmware keeps for itself is forgiven
    let needed = |kib: u64| kib - kib / 8;
    match part {
        Part::Server if memory < needed(SERVER_MEMORY) => Finding::of(
            State::Warn,
            "memory",
            found,
            "K3s asks for 2 GiB on a server; make a larger host the server, or disable what you do not need (`k3s_disable`)",
        ),
        Part::Agent if memory < needed(AGENT_MEMORY) => Finding::of(
            State::Bad,
            "memory",
            found,
            "K3s asks for 512 MiB on an agent",
        ),
        _ => Finding::fine("memory", found),
    }
}

fn disk(answer: &Answer, part: Part) -> Finding {
    let Some(free) = answer.number("disk_free_kb") else {
        return Finding::of(
            State::Warn,
            "disk",
            "its size could not be found out",
            "look with `df`",
        );
    };
    let found = format!("{} free for /var/lib/rancher", gib(free));
    if part != Part::Other && free < DISK_NEEDED {
        let advice =
            "K3s and its images need 4 GiB; make room, or set `k3s_data_dir` to a larger disk";
        return Finding::of(State::Bad, "disk", found, advice);
    }
    if part != Part::Other && free < DISK_WANTED {
        let advice = "enough for K3s; images of models and notebooks take more than 20 GiB";
        return Finding::of(State::Note, "disk", found, advice);
    }
    Finding::fine("disk", found)
}

fn clock(answer: &Answer) -> Finding {
    let ahead = answer.ahead.unwrap_or(0);
    let found = match ahead {
        a if a.abs() <= CLOCK_WARN => "as here".to_owned(),
        a if a > 0 => format!("{a} s ahead of this machine"),
        a => format!("{} s behind this machine", -a),
    };
    let advice =
        "install and start systemd-timesyncd or chrony on both (`timedatectl set-ntp true`)";
    match ahead.abs() {
        a if a > CLOCK_BAD => Finding::of(State::Bad, "clock", found, advice),
        a if a > CLOCK_WARN => Finding::of(State::Warn, "clock", found, advice),
        _ if answer.get("synchronized") == Some("no") && answer.get("container").is_none() => {
            Finding::of(
                State::Note,
                "clock",
                format!("{found}; nothing keeps it right"),
                advice,
            )
        }
        _ => Finding::fine("clock", found),
    }
}

fn names(answer: &Answer) -> Finding {
    let servers: Vec<&str> = answer
        .get("nameservers")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    if servers.is_empty() {
        return Finding::of(
            State::Warn,
            "DNS",
            "no name server in /etc/resolv.conf",
            "pods would use 8.8.8.8; name yours in /etc/resolv.conf",
        );
    }
    let own = |s: &&str| s.starts_with("127.") || *s == "::1";
    if servers.iter().all(own) && answer.get("resolved").is_none() {
        return Finding::of(
            State::Warn,
            "DNS",
            format!("only on the host itself ({})", servers.join(", ")),
            "pods cannot reach it and would use 8.8.8.8: set `k3s_resolv_conf` to a file that names the real ones",
        );
    }
    if answer.get("internet_name") == Some("no") {
        return Finding::of(
            State::Note,
            "DNS",
            format!("{}; github.com is not known to it", servers.join(", ")),
            "fine for a site without internet: artifacts come from this machine",
        );
    }
    Finding::fine("DNS", servers.join(", "))
}

fn route(answer: &Answer) -> Finding {
    match answer.get("route").or_else(|| answer.get("route6")) {
        Some(device) => Finding::fine("route", format!("default by {device}")),
        None => Finding::of(
            State::Bad,
            "route",
            "no default route",
            "K3s does not start without one; one that leads nowhere will do (a dummy interface)",
        ),
    }
}

fn kernel(answer: &Answer) -> Finding {
    let says = |word: &str| -> Vec<&str> {
        let all = ["overlay", "br_netfilter", "vxlan", "nf_conntrack"];
        let said = |m: &&str| answer.get(&format!("module_{m}")) == Some(word);
        all.into_iter().filter(said).collect()
    };
    let (there, missing) = (says("yes"), says("no"));
    match (there.is_empty(), missing.is_empty()) {
        (true, true) => Finding::of(State::Note, "modules", "cannot be seen from there", ""),
        (false, true) => Finding::fine("modules", "there"),
        _ => {
            let advice = if answer.get("container").is_some() {
                "this is a container: load them on the machine around it"
            } else {
                "install the kernel's extra modules (Ubuntu: linux-modules-extra-$(uname -r), on a Raspberry Pi linux-modules-extra-raspi)"
            };
            let found = format!("not found: {}", missing.join(", "));
            Finding::of(State::Warn, "modules", found, advice)
        }
    }
}

fn ports(answer: &Answer, part: Part) -> Finding {
    let taken = |table: &str, port: u16| {
        let all = answer.get(table).unwrap_or_default();
        all.split(' ').any(|p| p == port.to_string())
    };
    let wanted: &[(u16, &str)] = match part {
        Part::Server => &[
            (6443, "tcp"),
            (2379, "tcp"),
            (2380, "tcp"),
            (10250, "tcp"),
            (8472, "udp"),
        ],
        _ => &[(10250, "tcp"), (8472, "udp")],
    };
    let used: Vec<String> = wanted
        .iter()
        .filter(|(port, table)| taken(table, *port))
        .map(|(port, table)| format!("{port}/{table}"))
        .collect();
    match (used.is_empty(), answer.get("k3s")) {
        (_, Some(unit)) => {
            let version = answer.get("k3s_version").unwrap_or("of an unknown version");
            Finding::fine("ports", format!("ours: {unit} {version} runs"))
        }
        (true, None) => Finding::fine("ports", "free"),
        (false, None) => Finding::of(
            State::Bad,
            "ports",
            format!("in use: {}", used.join(", ")),
            "another program has them (`ss -tulpn` as root says which); stop it, or choose another host",
        ),
    }
}

/// Other things that make nodes.
fn neighbours(answer: &Answer) -> Option<Finding> {
    let others = answer.said.get("other")?;
    let serious: Vec<&str> = others
        .iter()
        .map(String::as_str)
        .filter(|o| matches!(*o, "kubelet" | "rke2-server" | "rke2-agent" | "microk8s"))
        .collect();
    if serious.is_empty() {
        let found = format!("{} runs beside it", others.join(", "));
        let advice = "K3s brings a containerd of its own and leaves this one alone";
        return Some(Finding::of(State::Note, "neighbours", found, advice));
    }
    Some(Finding::of(
        State::Bad,
        "neighbours",
        format!("another Kubernetes runs here: {}", serious.join(", ")),
        "uninstall it first; two kubelets cannot share a host",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::finding::table;
    use super::*;
    use crate::report::Paint;

    fn shown(answer: &Answer, part: Part) -> String {
        let machines = [("one".to_owned(), judge(answer, part))];
        table(&machines, Paint::new(false), 110)
    }

    fn host(changes: &[(&str, &str)]) -> Answer {
        let mut text = String::from(
            "user=admin\narch=x86_64\nkernel=6.12.1\nos=Debian GNU/Linux 13 (trixie)\nsystemd=yes\ncgroup=cgroup2fs\n\
             controllers=cpuset cpu io memory pids\nmemory_kb=8000000\nswap_kb=0\nprocessors=4\ndisk_free_kb=90000000\n\
             module_overlay=yes\nmodule_vxlan=yes\ntcp=22 \nudp=68 \nfirewall=\nroute=eth0\nnameservers=192.168.1.1\n\
             internet_name=yes\nsynchronized=yes\nepoch=1000\n",
        );
        for (key, value) in changes {
            let line = format!("{key}={value}\n");
            let old = text.lines().find(|l| l.starts_with(&format!("{key}=")));
            match old.map(|l| format!("{l}\n")) {
                Some(old) => text = text.replace(&old, &line),
                None => text.push_str(&line),
            }
        }
        let mut answer = Answer {
            root: Some(Ok(())),
            ..Answer::default()
        };
        answer.read(&text, 1000);
        answer
    }

    #[test]
    fn a_host_as_it_should_be() {
        insta::assert_snapshot!(shown(&host(&[("gpu", "NVIDIA 0x2684")]), Part::Server), @r"
        one
          ok    reach    as admin
          ok    root     yes
          ok    system   Debian GNU/Linux 13 (trixie), Linux 6.12.1, x86_64, 4 processors
          ok    systemd  yes
          ok    cgroups  v2
          ok    memory   7.6 GiB
          ok    disk     85.8 GiB free for /var/lib/rancher
          ok    clock    as here
          ok    DNS      192.168.1.1
          ok    route    default by eth0
          ok    modules  there
          ok    ports    free
          ok    GPU      NVIDIA 0x2684
        ");
    }

    #[test]
    fn a_host_with_everything_wrong() {
        let mut answer = host(&[
            ("arch", "riscv64"),
            ("systemd", ""),
            ("cgroup", "tmpfs"),
            ("memory_kb", "900000"),
            ("swap_kb", "2000000"),
            ("disk_free_kb", "1000000"),
            ("epoch", "900"),
            ("nameservers", "127.0.0.1"),
            ("route", ""),
            ("module_vxlan", "no"),
            ("tcp", "22 6443 10250 "),
            ("firewall", "ufw"),
            ("other", "kubelet"),
        ]);
        answer.root = Some(Err("sudo: a password is required".to_owned()));
        insta::assert_snapshot!(shown(&answer, Part::Server));
    }

    #[test]
    fn ours_is_no_stranger_and_a_host_that_is_down_has_one_line() {
        let ours = host(&[
            ("tcp", "6443 "),
            ("k3s", "k3s"),
            ("k3s_version", "v1.36.5+k3s1"),
        ]);
        assert!(
            shown(&ours, Part::Server).contains("ok    ports    ours: k3s v1.36.5+k3s1 runs\n")
        );
        let small = host(&[("memory_kb", "900000")]);
        assert!(!shown(&small, Part::Agent).contains("warn"));
        assert!(shown(&small, Part::Server).contains("warn  memory   0.9 GiB\n"));
        let down = Answer {
            unreachable: Some("No route to host".to_owned()),
            ..Answer::default()
        };
        insta::assert_snapshot!(shown(&down, Part::Agent), @r"
        one
          MEND  reach  No route to host
                       -> log in with `ssh` by hand, with the same user and key; is it switched on, is the address
                       -> right, is your key in its authorized_keys?
        ");
    }
}
