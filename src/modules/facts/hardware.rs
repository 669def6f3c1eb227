//! Processors, memory, firmware and uptime: the first half of the `hardware` subset.

use super::raw::Raw;
use crate::value::{Map, Value};
use indexmap::IndexMap;

/// processor_*, flags, memory_mb and friends, DMI names, uptime_seconds.
pub(super) fn hardware(raw: &Raw<'_>, facts: &mut Map) {
    processors(raw, facts);
    memory(raw, facts);
    firmware(raw, facts);
    let uptime = raw
        .file("/proc/uptime")
        .and_then(|t| t.split('.').next()?.parse::<i64>().ok());
    if let Some(seconds) = uptime {
        facts.insert("uptime_seconds".into(), Value::Int(seconds));
    }
}

/// How processors are counted follows what `/proc/cpuinfo` has on each architecture.
fn processors(raw: &Raw<'_>, facts: &mut Map) {
    if !raw.has_section("cpuinfo") {
        return;
    }
    let machine = raw.section("uname").trim();
    let mut names = Vec::new();
    // Keys are the numbers as text; "" stands for "none seen yet".
    let (mut sockets, mut siblings) = (IndexMap::<&str, i64>::new(), IndexMap::<&str, i64>::new());
    let (mut socket, mut core) = ("", "");
    let (mut vendors, mut models, mut processors) = (0i64, 0i64, 0i64);
    let (mut z_processors, mut z_threads) = (0i64, 0i64);
    let mut flags: Vec<&str> = Vec::new();
    let mut count = 0i64;
    for line in raw.section("cpuinfo").lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        let number = || value.parse::<i64>().unwrap_or(0);
        match key {
            "flags" => flags = value.split_whitespace().collect(),
            "model name" | "Processor" | "vendor_id" | "cpu" | "Vendor" | "processor" => {
                names.push(Value::from(value));
                vendors += i64::from(key == "vendor_id");
                models += i64::from(key == "model name");
                processors += i64::from(key == "processor");
                count += 1;
            }
            "physical id" => {
                socket = value;
                sockets.entry(socket).or_insert(1);
            }
            "core id" => {
                core = value;
                if !sockets.contains_key(core) {
                    siblings.insert(core, 1);
                }
            }
            "cpu cores" => {
                sockets.insert(socket, number());
            }
            "siblings" => {
                siblings.insert(core, number());
            }
            "# processors" => z_processors = number(),
            "max thread id" => z_threads = number() + 1,
            "ncpus active" => count = number(),
            _ => {}
        }
    }
    if vendors > 0 && vendors == models {
        count = vendors;
    }
    if ["armv", "aarch", "ppc"]
        .iter()
        .any(|p| machine.starts_with(p))
    {
        count = processors;
    }
    let paravirtual = xen(raw) && !flags.contains(&"vme");
    let (cpus, cores, threads) = if machine == "s390x" && z_threads > 0 {
        (1, round(z_processors, z_threads), z_threads)
    } else if paravirtual {
        (count, count, 1)
    } else {
        let cpus = if sockets.is_empty() {
            count
        } else {
            sockets.len() as i64
        };
        let cores = sockets
            .values()
            .next()
            .copied()
            .filter(|n| *n > 0)
            .unwrap_or(1);
        let first = siblings.values().next().copied().unwrap_or(1);
        (cpus, cores, round(first, cores))
    };
    let vcpus = match machine {
        "s390x" => z_processors,
        _ if paravirtual => count,
        _ => threads.saturating_mul(cpus).saturating_mul(cores),
    };
    let mut set = |key: &str, n: i64| facts.insert(key.to_owned(), Value::Int(n));
    set("processor_count", cpus);
    set("processor_cores", cores);
    set("processor_threads_per_core", threads);
    set("processor_vcpus", vcpus);
    set("processor_nproc", allowed(raw).unwrap_or(processors));
    facts.insert("processor".into(), Value::from(names));
    if !flags.is_empty() {
        facts.insert(
            "flags".into(),
            Value::list(flags.into_iter().map(Value::from)),
        );
    }
}

/// Python's `round(a / b)`: halves go to the even side.
fn round(a: i64, b: i64) -> i64 {
    (a as f64 / b as f64).round_ties_even() as i64
}

fn xen(raw: &Raw<'_>) -> bool {
    raw.exists("/proc/xen") || raw.file("/sys/hypervisor/type") == Some("xen")
}

/// How many processors the account may run on: `Cpus_allowed_list: 0-3,8`.
fn allowed(raw: &Raw<'_>) -> Option<i64> {
    let status = raw.file("/proc/self/status")?;
    let list = status
        .lines()
        .find_map(|l| l.strip_prefix("Cpus_allowed_list:"))?;
    list.trim().split(',').try_fold(0i64, |sum, range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to): (i64, i64) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        sum.checked_add(to.checked_sub(from)?.checked_add(1)?)
    })
}

/// Sizes in MiB, rounded down before they are added up.
fn memory(raw: &Raw<'_>, facts: &mut Map) {
    let Some(text) = raw.file("/proc/meminfo") else {
        return;
    };
    let get = |name: &str| -> Option<i64> {
        let rest = text
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
        rest.split_whitespace()
            .next()?
            .parse::<i64>()
            .ok()
            .map(|kb| kb / 1024)
    };
    for (key, name) in [
        ("memtotal_mb", "MemTotal"),
        ("memfree_mb", "MemFree"),
        ("swaptotal_mb", "SwapTotal"),
        ("swapfree_mb", "SwapFree"),
    ] {
        if let Some(mb) = get(name) {
            facts.insert(key.to_owned(), Value::Int(mb));
        }
    }
    let minus = |a: Option<i64>, b: Option<i64>| a.zip(b).map(|(a, b)| a.saturating_sub(b));
    let (total, free) = (get("MemTotal"), get("MemFree"));
    let unused = get("Cached")
        .zip(free)
        .zip(get("Buffers"))
        .map(|((cached, free), buffers)| cached.saturating_add(free).saturating_add(buffers));
    let (swap, swap_free) = (get("SwapTotal"), get("SwapFree"));
    let number = |n: Option<i64>| Value::from(n);
    let map = Value::map([
        (
            "real",
            Value::map([
                ("total", number(total)),
                ("used", number(minus(total, free))),
                ("free", number(free)),
            ]),
        ),
        (
            "nocache",
            Value::map([
                ("free", number(unused)),
                ("used", number(minus(total, unused))),
            ]),
        ),
        (
            "swap",
            Value::map([
                ("total", number(swap)),
                ("free", number(swap_free)),
                ("used", number(minus(swap, swap_free))),
                ("cached", number(get("SwapCached"))),
            ]),
        ),
    ]);
    facts.insert("memory_mb".into(), map);
}

/// Chassis types by their number in the DMI specification (DSP0134, 7.4.1).
const CHASSIS: &[&str] = &[
    "Unknown",
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

/// What the firmware calls itself; `NA` for what it does not tell, or tells only root.
fn firmware(raw: &Raw<'_>, facts: &mut Map) {
    for fact in [
        "bios_date",
        "bios_vendor",
        "bios_version",
        "board_asset_tag",
        "board_name",
        "board_serial",
        "board_vendor",
        "board_version",
        "chassis_asset_tag",
        "chassis_serial",
        "chassis_vendor",
        "chassis_version",
        "form_factor",
        "product_name",
        "product_serial",
        "product_uuid",
        "product_version",
        "system_vendor",
    ] {
        let file = match fact {
            "form_factor" => "chassis_type",
            "system_vendor" => "sys_vendor",
            same => same,
        };
        let value = raw.file(&format!("/sys/devices/virtual/dmi/id/{file}"));
        let value = match value {
            Some(number) if fact == "form_factor" => number
                .parse::<usize>()
                .ok()
                .and_then(|n| CHASSIS.get(n))
                .map_or_else(|| format!("unknown ({number})"), |name| (*name).to_owned()),
            other => other.unwrap_or("NA").to_owned(),
        };
        facts.insert(fact.to_owned(), Value::from(value));
    }
    // IBM Z tells it elsewhere.
    if let Some(sysinfo) = raw.file("/proc/sysinfo") {
        let get = |name: &str| {
            sysinfo
                .lines()
                .find_map(|l| l.strip_prefix(name))
                .map(str::trim)
        };
        for (fact, value) in [
            ("system_vendor", get("Manufacturer:")),
            ("product_name", get("Type:")),
            (
                "product_serial",
                get("Sequence Code:").map(|s| s.trim_start_matches('0')),
            ),
        ] {
            facts.insert(fact.to_owned(), Value::from(value.unwrap_or("NA")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(machine: &str, cpuinfo: &str) -> Vec<i64> {
        let out = format!("@@hoist:uname\n{machine}\n@@hoist:cpuinfo\n{cpuinfo}\n");
        let mut facts = Map::new();
        processors(&Raw::parse(&out), &mut facts);
        ["count", "cores", "threads_per_core", "vcpus", "nproc"]
            .iter()
            .filter_map(|k| facts[&format!("processor_{k}")].as_int())
            .collect()
    }

    #[test]
    fn processors_are_counted_as_ansible_counts_them() {
        let intel: String = (0..8)
            .map(|i| {
                format!(
                    "processor\t: {i}\nvendor_id\t: GenuineIntel\nmodel name\t: X\nphysical id\t: {}\nsiblings\t: 4\ncore id\t: {}\ncpu cores\t: 2\n",
                    i / 4,
                    i % 2
                )
            })
            .collect();
        assert_eq!(counts("x86_64", &intel), [2, 2, 2, 8, 8]);
        let arm: String = (0..4).map(|i| format!("processor\t: {i}\n")).collect();
        assert_eq!(counts("aarch64", &arm), [4, 1, 1, 4, 4]);
        assert_eq!(
            counts("s390x", "# processors    : 4\nmax thread id : 1\n"),
            [1, 2, 2, 4, 0]
        );
        assert_eq!(counts("x86_64", ""), [0, 1, 1, 0, 0]);
    }
}
