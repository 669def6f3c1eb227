//! Disks and file systems: the second half of the `hardware` subset.

use super::raw::Raw;
use crate::value::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// devices, device_links, mounts, lvm.
pub(super) fn storage(raw: &Raw<'_>, facts: &mut Map) {
    let links = Links::read(raw);
    facts.insert("device_links".into(), links.all());
    facts.insert("devices".into(), devices(raw, &links));
    facts.insert("mounts".into(), mounts(raw));
    facts.insert("lvm".into(), lvm(raw));
}

/// Which names udev gave to a device, by kind of name.
struct Links<'a>(Vec<(&'static str, BTreeMap<&'a str, BTreeSet<&'a str>>)>);

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl<'a> Links<'a> {
    fn read(raw: &Raw<'a>) -> Self {
        let mut kinds = Vec::new();
        for (kind, dir) in [
            ("ids", "by-id"),
            ("uuids", "by-uuid"),
            ("labels", "by-label"),
        ] {
            let mut map = BTreeMap::<&str, BTreeSet<&str>>::new();
            for (name, target) in raw.entries(&format!("/dev/disk/{dir}")) {
                map.entry(base(target)).or_default().insert(name);
            }
            kinds.push((kind, map));
        }
        let mut masters = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (device, _) in raw.entries("/sys/block") {
            for (slave, _) in raw.entries(&format!("/sys/block/{device}/slaves")) {
                masters.entry(slave).or_default().insert(device);
            }
        }
        kinds.push(("masters", masters));
        Self(kinds)
    }

    fn names(names: Option<&BTreeSet<&str>>) -> Value {
        Value::list(names.into_iter().flatten().map(|n| Value::from(*n)))
    }

    fn all(&self) -> Value {
        Value::map(self.0.iter().map(|(kind, map)| {
            let map = map
                .iter()
                .map(|(device, names)| (*device, Self::names(Some(names))));
            (*kind, Value::map(map))
        }))
    }

    fn of(&self, device: &str) -> Value {
        Value::map(
            self.0
                .iter()
                .map(|(kind, map)| (*kind, Self::names(map.get(device)))),
        )
    }

    fn first(&self, kind: &str, device: &str) -> Option<&'a str> {
        let (_, map) = self.0.iter().find(|(k, _)| *k == kind)?;
        map.get(device)?.first().copied()
    }
}

fn devices(raw: &Raw<'_>, links: &Links<'_>) -> Value {
    let mut devices = Map::new();
    for (device, target) in raw.entries("/sys/block") {
        let dir = format!("/sys/block/{device}");
        let get = |name: &str| raw.file(&format!("{dir}/{name}"));
        let text = |name: &str| Value::from(get(name));
        let mut d = Map::new();
        let mut set = |key: &str, value: Value| d.insert(key.to_owned(), value);
        set("virtual", Value::Int(1));
        set("links", links.of(device));
        for key in ["vendor", "model", "sas_address", "sas_device_handle"] {
            set(key, text(&format!("device/{key}")));
        }
        if let Some(serial) = get("device/serial") {
            set("serial", Value::from(serial));
        }
        set("removable", text("removable"));
        let no_discard = get("queue/discard_max_hw_bytes") == Some("0");
        let granularity = text("queue/discard_granularity");
        set(
            "support_discard",
            if no_discard {
                Value::from("0")
            } else {
                granularity
            },
        );
        let wwn = |id: &&str| id.starts_with("wwn-");
        let ids = links.0.first().and_then(|(_, ids)| ids.get(device));
        if let Some(wwn) = ids.and_then(|ids| ids.iter().copied().find(wwn)) {
            set("wwn", Value::from(&wwn[4..]));
        }
        let sector = get("queue/logical_block_size").unwrap_or("512");
        set("partitions", partitions(raw, links, device));
        set("rotational", text("queue/rotational"));
        let scheduler = get("queue/scheduler").unwrap_or_default();
        let scheduler = scheduler
            .split_once('[')
            .and_then(|(_, r)| r.split_once(']'));
        set(
            "scheduler_mode",
            Value::from(scheduler.map_or("", |(name, _)| name)),
        );
        set("sectorsize", Value::from(sector));
        let sectors = sectors(get("size"), sector);
        set("sectors", Value::Int(sectors));
        set("size", Value::from(human(sectors, sector)));
        set("host", Value::from(pci_host(raw, target)));
        set("holders", holders(raw, &dir));
        devices.insert(device.to_owned(), Value::from(d));
    }
    Value::from(devices)
}

fn partitions(raw: &Raw<'_>, links: &Links<'_>, device: &str) -> Value {
    let mut out = Map::new();
    for (path, start) in raw.files_below(&format!("/sys/block/{device}/")) {
        let Some((dir, "start")) = path.rsplit_once('/') else {
            continue;
        };
        let name = base(dir);
        let numbered = name
            .strip_prefix(device)
            .map(|rest| rest.strip_prefix('p').unwrap_or(rest))
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if !numbered {
            continue;
        }
        // A partition has no queue of its own; Ansible counts its sectors as 512 bytes.
        let sectors = sectors(raw.file(&format!("{dir}/size")), "512");
        out.insert(
            name.to_owned(),
            Value::map([
                ("links", links.of(name)),
                ("start", Value::from(start)),
                ("sectorsize", Value::Int(512)),
                ("sectors", Value::Int(sectors)),
                ("size", Value::from(human(sectors, "512"))),
                ("uuid", Value::from(links.first("uuids", name))),
                ("holders", holders(raw, dir)),
            ]),
        );
    }
    Value::from(out)
}

/// The kernel counts 512 bytes a sector; here it is the device's own.
fn sectors(size: Option<&str>, sector: &str) -> i64 {
    let size: i64 = size.and_then(|s| s.parse().ok()).unwrap_or(0);
    let sector = sector.parse().ok().filter(|s| *s > 0).unwrap_or(512);
    size.saturating_mul(512) / sector
}

/// `1.00 GB`, of 1024 MB.
fn human(sectors: i64, sector: &str) -> String {
    let bytes = sectors as f64 * sector.parse().unwrap_or(512.0);
    let units = ["YB", "ZB", "EB", "PB", "TB", "GB", "MB", "KB"];
    for (power, unit) in (1..=8).rev().zip(units) {
        let size = 1024f64.powi(power);
        if bytes >= size {
            return format!("{:.2} {unit}", bytes / size);
        }
    }
    format!("{bytes:.2} Bytes")
}

/// Device mapper devices on top, by their name where they have one.
fn holders(raw: &Raw<'_>, dir: &str) -> Value {
    let names = raw.entries(&format!("{dir}/holders"));
    Value::list(
        names
            .filter(|(n, _)| n.starts_with("dm-"))
            .map(|(n, _)| Value::from(raw.file(&format!("/sys/block/{n}/dm/name")).unwrap_or(n))),
    )
}

/// What `lspci` calls the controller: the last PCI address in the device's path.
fn pci_host(raw: &Raw<'_>, target: &str) -> String {
    let address = |part: &&str| {
        let b = part.as_bytes();
        b.len() == 12 && b[4] == b':' && b[7] == b':' && b[10] == b'.'
    };
    let Some(address) = target.split('/').rfind(address) else {
        return String::new();
    };
    let line = raw
        .section("lspci")
        .lines()
        .find_map(|l| l.strip_prefix(address));
    line.unwrap_or_default().trim().to_owned()
}

/// Mounts that have a device, with sizes where the file system answered.
fn mounts(raw: &Raw<'_>) -> Value {
    let binds: BTreeSet<String> = raw
        .section("binds")
        .lines()
        .filter_map(|l| l.split(' ').nth(4))
        .map(unescape)
        .collect();
    let sizes: BTreeMap<&str, Vec<i64>> =
        raw.section("statfs").lines().filter_map(statfs).collect();
    let uuids = uuids(raw);
    let mut out = Vec::new();
    for line in raw.section("mounts").lines() {
        let fields: Vec<String> = line.split(' ').map(unescape).collect();
        let [device, mount, kind, options, rest @ ..] = fields.as_slice() else {
            continue;
        };
        if kind == "none" {
            continue;
        }
        let mut options = options.clone();
        if binds.contains(mount) && !options.contains("bind\"") {
            options.push_str(",bind");
        }
        let number = |at: usize| {
            rest.get(at)
                .and_then(|n| n.parse().ok())
                .map_or(0, |n: i64| n)
        };
        let mut m = Map::new();
        let mut set = |key: &str, value: Value| m.insert(key.to_owned(), value);
        set("mount", Value::from(mount.as_str()));
        set("device", Value::from(device.as_str()));
        set("fstype", Value::from(kind.as_str()));
        set("options", Value::from(options));
        set("dump", Value::Int(number(0)));
        set("passno", Value::Int(number(1)));
        if let Some(size) = sizes.get(mount.as_str()) {
            for (key, value) in size_facts(size) {
                set(key, Value::Int(value));
            }
        }
        let uuid = uuids.get(device.as_str()).copied();
        set("uuid", Value::from(uuid.unwrap_or("N/A")));
        out.push(Value::from(m));
    }
    Value::from(out)
}

/// UUIDs by device path, `/dev/mapper/NAME` too.
pub(super) fn uuids<'a>(raw: &Raw<'a>) -> BTreeMap<String, &'a str> {
    let by_device: BTreeMap<&str, &str> = raw
        .entries("/dev/disk/by-uuid")
        .map(|(uuid, target)| (base(target), uuid))
        .collect();
    let mapped = raw.entries("/dev/mapper").filter_map(|(name, target)| {
        Some((format!("/dev/mapper/{name}"), *by_device.get(base(target))?))
    });
    let plain = by_device
        .iter()
        .map(|(device, uuid)| (format!("/dev/{device}"), *uuid));
    plain.chain(mapped).collect()
}

/// `FRAGMENT BLOCK TOTAL AVAILABLE INODES FREE PATH`, as `stat -f` was asked to print it.
pub(super) fn statfs(line: &str) -> Option<(&str, Vec<i64>)> {
    let mut words = line.splitn(7, ' ');
    let numbers = words
        .by_ref()
        .take(6)
        .map(|w| w.parse().ok())
        .collect::<Option<Vec<i64>>>()?;
    Some((words.next()?, numbers))
}

/// The size facts of a mount.
pub(super) fn size_facts(numbers: &[i64]) -> Vec<(&'static str, i64)> {
    let &[fragment, block, total, available, inodes, free] = numbers else {
        return Vec::new();
    };
    vec![
        ("size_total", fragment.saturating_mul(total)),
        ("size_available", fragment.saturating_mul(available)),
        ("block_size", block),
        ("block_total", total),
        ("block_available", available),
        ("block_used", total.saturating_sub(available)),
        ("inode_total", inodes),
        ("inode_available", free),
        ("inode_used", inodes.saturating_sub(free)),
    ]
}

/// `\040` and the like, as the kernel writes them into mount tables.
pub(super) fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        out.push(octal.unwrap_or(byte));
        rest = if octal.is_some() { &rest[4..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Volume groups, logical and physical volumes for root; `N/A` without the tools.
fn lvm(raw: &Raw<'_>) -> Value {
    let section = raw.section("lvm");
    if !section.starts_with("present") {
        return Value::from("N/A");
    }
    let rows = |tool: &'static str| {
        section.lines().filter_map(move |l| {
            let fields = l.strip_prefix(tool)?.trim().split(',').collect::<Vec<_>>();
            (fields.len() > 4).then_some(fields)
        })
    };
    let text = |s: &str| Value::from(s);
    let vgs = rows("vgs").filter(|f| f.len() > 6).map(|f| {
        let map = [
            ("size_g", text(f[f.len() - 2])),
            ("free_g", text(f[f.len() - 1])),
            ("num_lvs", text(f[2])),
            ("num_pvs", text(f[1])),
        ];
        (f[0], Value::map(map))
    });
    let lvs = rows("lvs").map(|f| {
        (
            f[0],
            Value::map([("size_g", text(f[3])), ("vg", text(f[1]))]),
        )
    });
    let pvs = rows("pvs").filter(|f| f.len() > 5).map(|f| {
        let mapped = raw
            .entries("/dev/mapper")
            .find(|(_, target)| base(target) == base(f[0]));
        let name = mapped.map_or_else(
            || f[0].to_owned(),
            |(name, _)| format!("/dev/mapper/{name}"),
        );
        let map = [
            ("size_g", text(f[4])),
            ("free_g", text(f[5])),
            ("vg", text(f[1])),
        ];
        (name, Value::map(map))
    });
    Value::map([
        ("lvs", Value::map(lvs)),
        ("vgs", Value::map(vgs)),
        ("pvs", Value::map(pvs)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_as_ansible_tells_them() {
        assert_eq!(human(536_870_912, "512"), "256.00 GB");
        assert_eq!(human(0, "512"), "0.00 Bytes");
        assert_eq!(human(1, "512"), "512.00 Bytes");
        assert_eq!(human(3, "512"), "1.50 KB");
        assert_eq!(sectors(Some("8"), "4096"), 1);
        assert_eq!(sectors(Some("nonsense"), "0"), 0);
    }

    #[test]
    fn mount_tables_are_unescaped() {
        assert_eq!(unescape(r"/a\040b\134c\9"), r"/a b\c\9");
        assert_eq!(unescape(r"\303\251\77"), r"é\77");
    }

    #[test]
    fn disks_partitions_and_mounts() {
        let raw = Raw::parse(
            "@@hoist:links\nl 1 /sys/block/sda -> ../devices/pci0000:00/0000:00:1f.2/ata1/block/sda\nl 1 /sys/block/dm-0 -> x\n\
             l 1 /sys/block/sda/sda1/holders/dm-0 -> x\nl 1 /sys/block/dm-0/slaves/sda1 -> x\n\
             l 1 /dev/disk/by-uuid/1234-ABCD -> ../../sda1\nl 1 /dev/disk/by-uuid/f00 -> ../../dm-0\nl 1 /dev/disk/by-id/wwn-0x5 -> ../../sda\n\
             l 1 /dev/mapper/vg-root -> ../dm-0\n\
             @@hoist:files\n/sys/block/sda/size:4096\n/sys/block/sda/queue/scheduler:none [mq-deadline]\n/sys/block/sda/sda1/start:2048\n\
             /sys/block/sda/sda1/size:2048\n/sys/block/dm-0/dm/name:vg-root\n\
             @@hoist:lspci\n0000:00:1f.2 SATA controller: Intel\n\
             @@hoist:mounts\n/dev/mapper/vg-root / ext4 rw,relatime 0 1\n/dev/sda1 /mnt/a\\040b vfat ro 0 0\n\
             @@hoist:binds\n36 35 8:1 /sub /mnt/a\\040b rw - vfat /dev/sda1 ro\n\
             @@hoist:statfs\n4096 4096 100 40 50 20 /\n",
        );
        let mut facts = Map::new();
        storage(&raw, &mut facts);
        insta::assert_snapshot!(Value::from(facts).to_json(), @r#"{"device_links":{"ids":{"sda":["wwn-0x5"]},"uuids":{"dm-0":["f00"],"sda1":["1234-ABCD"]},"labels":{},"masters":{"sda1":["dm-0"]}},"devices":{"dm-0":{"virtual":1,"links":{"ids":[],"uuids":["f00"],"labels":[],"masters":[]},"vendor":null,"model":null,"sas_address":null,"sas_device_handle":null,"removable":null,"support_discard":null,"partitions":{},"rotational":null,"scheduler_mode":"","sectorsize":"512","sectors":0,"size":"0.00 Bytes","host":"","holders":[]},"sda":{"virtual":1,"links":{"ids":["wwn-0x5"],"uuids":[],"labels":[],"masters":[]},"vendor":null,"model":null,"sas_address":null,"sas_device_handle":null,"removable":null,"support_discard":null,"wwn":"0x5","partitions":{"sda1":{"links":{"ids":[],"uuids":["1234-ABCD"],"labels":[],"masters":["dm-0"]},"start":"2048","sectorsize":512,"sectors":2048,"size":"1.00 MB","uuid":"1234-ABCD","holders":["vg-root"]}},"rotational":null,"scheduler_mode":"mq-deadline","sectorsize":"512","sectors":4096,"size":"2.00 MB","host":"SATA controller: Intel","holders":[]}},"mounts":[{"mount":"/","device":"/dev/mapper/vg-root","fstype":"ext4","options":"rw,relatime","dump":0,"passno":1,"size_total":409600,"size_available":163840,"block_size":4096,"block_total":100,"block_available":40,"block_used":60,"inode_total":50,"inode_available":20,"inode_used":30,"uuid":"f00"},{"mount":"/mnt/a b","device":"/dev/sda1","fstype":"vfat","options":"ro,bind","dump":0,"passno":0,"uuid":"1234-ABCD"}],"lvm":"N/A"}"#);
    }
}
