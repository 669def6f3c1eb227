//! Whether the host is a guest, and of what: the `virtual` subset.

use super::raw::Raw;
use crate::value::{Map, Value};
use std::collections::BTreeSet;

/// virtualization_type, _role, _tech_guest, _tech_host. The first sign found decides the type; all of them make the lists.
pub(super) fn virtualization(raw: &Raw<'_>, facts: &mut Map) {
    let mut signs = Signs::default();
    containers(raw, &mut signs);
    hypervisors(raw, &mut signs);
    hosts(raw, &mut signs);
    let (kind, role) = signs.first.unwrap_or(("NA".to_owned(), "NA"));
    facts.insert("virtualization_type".into(), Value::from(kind));
    facts.insert("virtualization_role".into(), Value::from(role));
    let list = |set: BTreeSet<String>| Value::list(set.into_iter().map(Value::from));
    facts.insert("virtualization_tech_guest".into(), list(signs.guest));
    facts.insert("virtualization_tech_host".into(), list(signs.host));
}

#[derive(Default)]
struct Signs {
    first: Option<(String, &'static str)>,
    guest: BTreeSet<String>,
    host: BTreeSet<String>,
}

impl Signs {
    fn guest(&mut self, tech: &str) {
        self.guest.insert(tech.to_owned());
        self.first.get_or_insert_with(|| (tech.to_owned(), "guest"));
    }

    fn host(&mut self, tech: &str) {
        self.host.insert(tech.to_owned());
        self.first.get_or_insert_with(|| (tech.to_owned(), "host"));
    }
}

fn containers(raw: &Raw<'_>, signs: &mut Signs) {
    for line in raw.file("/proc/1/cgroup").unwrap_or_default().lines() {
        let scope = line.split_once("/docker-").map(|(_, rest)| rest);
        let scope = scope.and_then(|rest| rest.split_once(".scope"));
        let is_scope = scope
            .is_some_and(|(id, _)| !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit()));
        if line.contains("/docker/") || is_scope {
            signs.guest("docker");
        }
        if line.contains("/lxc/") || line.contains("/machine.slice/machine-lxc") {
            signs.guest("lxc");
        }
        if line.contains("/system.slice/containerd.service") {
            signs.guest("containerd");
        }
    }
    for line in raw.section("environ1").lines() {
        if let Some(kind) = line.strip_prefix("container=") {
            for known in ["lxc", "podman"] {
                if kind.starts_with(known) {
                    signs.guest(known);
                }
            }
            if !kind.is_empty() {
                signs.guest("container");
            }
        }
    }
    if raw.exists("/proc/vz") && !raw.exists("/proc/lve") {
        if raw.exists("/proc/bc") {
            signs.host("openvz");
        } else {
            signs.guest("openvz");
        }
    }
    let systemd = raw.file("/run/systemd/container");
    if let Some(kind) = systemd {
        signs.guest(kind);
    }
    if raw.exists("/.dockerenv") || raw.exists("/.dockerinit") {
        signs.guest("docker");
    }
    let engines = ["docker", "lxc", "podman", "openvz", "containerd"];
    if systemd.is_some() || engines.iter().any(|e| signs.guest.contains(*e)) {
        signs.guest.insert("container".to_owned());
    }
    if raw.exists("/proc/xen") {
        let capabilities = raw.file("/proc/xen/capabilities").unwrap_or_default();
        if capabilities.contains("control_d") {
            signs.host("xen");
        } else {
            // as Ansible has it, not among the techniques
            signs
                .first
                .get_or_insert_with(|| ("xen".to_owned(), "guest"));
        }
    }
}

/// What the virtual firmware and processor call themselves.
fn hypervisors(raw: &Raw<'_>, signs: &mut Signs) {
    let dmi = |name: &str| {
        raw.file(&format!("/sys/devices/virtual/dmi/id/{name}"))
            .unwrap_or_default()
    };
    let (product, vendor, bios) = (dmi("product_name"), dmi("sys_vendor"), dmi("bios_vendor"));
    if matches!(
        product,
        "KVM" | "KVM Server" | "Bochs" | "AHV" | "CloudStack KVM Hypervisor"
    ) {
        signs.guest("kvm");
    }
    match (vendor, product) {
        ("oVirt", _) => signs.guest("oVirt"),
        ("Red Hat", _) if dmi("product_family") == "RHV" => signs.guest("RHV"),
        ("Red Hat", "RHEV Hypervisor") => signs.guest("RHEV"),
        _ => {}
    }
    if product.starts_with("VMware") {
        signs.guest("VMware");
    }
    if product == "BHYVE" {
        signs.guest("bhyve");
    }
    if matches!(product, "OpenStack Compute" | "OpenStack Nova") {
        signs.guest("openstack");
    }
    match bios {
        "Xen" => signs.guest("xen"),
        "innotek GmbH" => signs.guest("virtualbox"),
        "Amazon EC2" | "DigitalOcean" | "Hetzner" | "Linode" => signs.guest("kvm"),
        _ => {}
    }
    match vendor {
        "QEMU" | "Amazon EC2" | "DigitalOcean" | "Google" | "Scaleway" | "Nutanix" => {
            signs.guest("kvm");
        }
        "KubeVirt" => signs.guest("KubeVirt"),
        "Microsoft Corporation" => signs.guest("VirtualPC"),
        "Parallels Software International Inc." => signs.guest("parallels"),
        "OpenStack Foundation" => signs.guest("openstack"),
        _ => {}
    }
    let status = raw.file("/proc/self/status").unwrap_or_default();
    if let Some(context) = status.lines().find_map(|l| l.strip_prefix("VxID:")) {
        if context.trim().starts_with('0') {
            signs.host("linux_vserver");
        } else {
            signs.guest("linux_vserver");
        }
    }
    for line in raw.section("cpuinfo").lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        match key.trim() {
            "model name" if value.contains("QEMU Virtual CPU") => signs.guest("kvm"),
            "model name" if value.contains("UML") => signs.guest("uml"),
            "vendor_id" if value.contains("User Mode Linux") => signs.guest("uml"),
            "vendor_id" if value.contains("PowerVM Lx86") => signs.guest("powervm_lx86"),
            "vendor_id" if value.contains("IBM/S390") => {
                signs.guest.insert("PR/SM".to_owned());
                signs
                    .first
                    .get_or_insert_with(|| ("PR/SM".to_owned(), "LPAR"));
            }
            "machine" if value.contains("CHRP IBM pSeries (emulated by qemu)") => {
                signs.guest("kvm");
            }
            _ => {}
        }
    }
}

/// Modules that make a host of guests.
fn hosts(raw: &Raw<'_>, signs: &mut Signs) {
    let loaded = |module: &str| raw.exists(&format!("/sys/module/{module}/initstate"));
    if loaded("kvm") {
        signs.host("kvm");
        if raw.exists("/rhev") {
            signs.host.insert("RHEV".to_owned());
        }
    }
    if loaded("vboxdrv") {
        signs.host("virtualbox");
    }
    if loaded("virtio") {
        signs.host.insert("kvm".to_owned());
        signs
            .first
            .get_or_insert_with(|| ("kvm".to_owned(), "guest"));
    }
    if raw.exists("/dev/kvm") {
        signs.host("kvm");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sign_names_the_type_and_all_are_listed() {
        let cases = [
            ("", "NA NA [] []"),
            (
                "@@hoist:exists\n/.dockerenv\n/dev/kvm\n",
                "docker guest ['container', 'docker'] ['kvm']",
            ),
            (
                "@@hoist:files\n/run/systemd/container:systemd-nspawn\n",
                "systemd-nspawn guest ['container', 'systemd-nspawn'] []",
            ),
            (
                "@@hoist:files\n/sys/devices/virtual/dmi/id/sys_vendor:QEMU\n",
                "kvm guest ['kvm'] []",
            ),
            (
                "@@hoist:files\n/sys/devices/virtual/dmi/id/product_name:VMware Virtual Platform\n",
                "VMware guest ['VMware'] []",
            ),
            (
                "@@hoist:exists\n/sys/module/kvm/initstate\n",
                "kvm host [] ['kvm']",
            ),
            (
                "@@hoist:environ1\ncontainer=podman\n",
                "podman guest ['container', 'podman'] []",
            ),
            (
                "@@hoist:files\n/proc/1/cgroup:0::/system.slice/docker-0af.scope\n",
                "docker guest ['container', 'docker'] []",
            ),
        ];
        for (out, expected) in cases {
            let mut facts = Map::new();
            virtualization(&Raw::parse(out), &mut facts);
            let shown: Vec<String> = facts.values().map(ToString::to_string).collect();
            assert_eq!(shown.join(" "), expected, "{out}");
        }
    }
}
