//! Interfaces, addresses and routes: the `network` subset.

use super::raw::Raw;
use crate::value::{Map, Value};
use std::net::Ipv4Addr;

/// interfaces, one dict per interface, default_ipv4, default_ipv6, all_ipv4_addresses, all_ipv6_addresses,
/// locally_reachable_ips. Nothing where there is no `ip`.
pub(super) fn network(raw: &Raw<'_>, facts: &mut Map) {
    if !raw.has_section("ipaddr") {
        return;
    }
    let mut net = Network {
        interfaces: Map::new(),
        default4: route(raw.section("route4")),
        default6: route(raw.section("route6")),
        all4: Vec::new(),
        all6: Vec::new(),
    };
    let addresses = by_device(raw.section("ipaddr"));
    for (device, target) in raw.entries("/sys/class/net") {
        // bonding_masters is a file
        if target.is_empty() {
            continue;
        }
        net.interfaces
            .insert(device.to_owned(), Value::from(interface(raw, device)));
        let lines = addresses
            .iter()
            .find(|(name, _)| *name == device)
            .map(|(_, l)| l.as_slice());
        for secondary in [false, true] {
            for line in lines.unwrap_or_default() {
                let words: Vec<&str> = line.split_whitespace().collect();
                let flagged = words.contains(&"secondary") || words.contains(&"temporary");
                if flagged == secondary {
                    net.address(device, &words, secondary);
                }
            }
        }
    }
    let names = net
        .interfaces
        .keys()
        .map(|n| Value::from(n.replace(':', "_")));
    facts.insert("interfaces".into(), Value::list(names));
    for (name, interface) in net.interfaces {
        facts.insert(name.replace(':', "_"), interface);
    }
    facts.insert("default_ipv4".into(), Value::from(net.default4));
    facts.insert("default_ipv6".into(), Value::from(net.default6));
    facts.insert("all_ipv4_addresses".into(), Value::from(net.all4));
    facts.insert("all_ipv6_addresses".into(), Value::from(net.all6));
    let reachable = [
        ("ipv4", local(raw.section("local4"))),
        ("ipv6", local(raw.section("local6"))),
    ];
    facts.insert("locally_reachable_ips".into(), Value::map(reachable));
}

struct Network {
    interfaces: Map,
    default4: Map,
    default6: Map,
    all4: Vec<Value>,
    all6: Vec<Value>,
}

/// The address lines of each interface of `ip addr show`.
fn by_device(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut out: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            let name = line.split_whitespace().nth(1).unwrap_or_default();
            let name = name.trim_end_matches(':');
            out.push((name.split('@').next().unwrap_or(name), Vec::new()));
        } else if let Some((_, lines)) = out.last_mut() {
            lines.push(line);
        }
    }
    out
}

/// interface, address and gateway that `ip route get` chose.
fn route(text: &str) -> Map {
    let words: Vec<&str> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let mut out = Map::new();
    let asked = words.first().copied().unwrap_or_default();
    if !matches!(asked, "8.8.8.8" | "2404:6800:400a:800::1012") {
        return out;
    }
    for pair in words.windows(2) {
        let key = match pair[0] {
            "dev" => "interface",
            "src" => "address",
            "via" if pair[1] != asked => "gateway",
            _ => continue,
        };
        out.insert(key.to_owned(), Value::from(pair[1]));
    }
    out
}

/// What is reached without leaving the host.
fn local(text: &str) -> Value {
    let mut out: Vec<Value> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some("local"), Some(address)) = (words.next(), words.next()) {
            let address = Value::from(address);
            if !out.contains(&address) {
                out.push(address);
            }
        }
    }
    Value::from(out)
}

fn interface(raw: &Raw<'_>, device: &str) -> Map {
    let dir = format!("/sys/class/net/{device}");
    let get = |name: &str| raw.file(&format!("{dir}/{name}"));
    let base = |path: &str| Value::from(path.rsplit('/').next().unwrap_or(path));
    let mut out = Map::new();
    let mut set = |key: &str, value: Value| out.insert(key.to_owned(), value);
    set("device", Value::from(device));
    if let Some(mac) = get("address").filter(|m| *m != "00:00:00:00:00:00") {
        set("macaddress", Value::from(mac));
    }
    if let Some(mtu) = get("mtu").and_then(|m| m.parse().ok()) {
        set("mtu", Value::Int(mtu));
    }
    if let Some(state) = get("operstate") {
        set("active", Value::Bool(state != "down"));
    }
    if let Some(module) = raw.link(&format!("{dir}/device/driver/module")) {
        set("module", base(module));
    }
    if let Some(number) = get("type") {
        let name = match number {
            "1" => "ether",
            "32" => "infiniband",
            "512" => "ppp",
            "772" => "loopback",
            "65534" => "tunnel",
            _ => "unknown",
        };
        set("type", Value::from(name));
    }
    if let Some(id) = get("bridge/bridge_id") {
        set("type", Value::from("bridge"));
        let ports = raw
            .entries(&format!("{dir}/brif"))
            .map(|(name, _)| Value::from(name));
        set("interfaces", Value::list(ports));
        set("id", Value::from(id));
        if let Some(stp) = get("bridge/stp_state") {
            set("stp", Value::Bool(stp == "1"));
        }
    }
    if let Some(mode) = get("bonding/mode") {
        let first = |text: Option<&str>| {
            Value::from(
                text.and_then(|t| t.split_whitespace().next())
                    .unwrap_or_default(),
            )
        };
        set("type", Value::from("bonding"));
        let slaves = get("bonding/slaves").unwrap_or_default().split_whitespace();
        set("slaves", Value::list(slaves.map(Value::from)));
        set("mode", first(Some(mode)));
        set("miimon", first(get("bonding/miimon")));
        set("lacp_rate", first(get("bonding/lacp_rate")));
        if let Some(primary) = get("bonding/primary") {
            set("primary", Value::from(primary));
            if let Some(all) = get("bonding/all_slaves_active") {
                set("all_slaves_active", Value::Bool(all == "1"));
            }
        }
    }
    if let Some(mac) = get("bonding_slave/perm_hwaddr") {
        set("perm_macaddress", Value::from(mac));
    }
    if let Some(target) = raw.link(&format!("{dir}/device")) {
        set("pciid", base(target));
    }
    if let Some(speed) = get("speed").and_then(|s| s.parse().ok()) {
        set("speed", Value::Int(speed));
    }
    let flags = get("flags").and_then(|f| u32::from_str_radix(f.trim_start_matches("0x"), 16).ok());
    if let Some(flags) = flags {
        set("promisc", Value::Bool(flags & 0x100 != 0));
    }
    out
}

/// Changes the mapping under `key`, a new one when there is none.
fn change(map: &mut Map, key: &str, change: impl FnOnce(&mut Map)) {
    let mut inner = map
        .get(key)
        .and_then(Value::as_map)
        .cloned()
        .unwrap_or_default();
    change(&mut inner);
    map.insert(key.to_owned(), Value::from(inner));
}

fn push(map: &mut Map, key: &str, value: Value) {
    let old = map.get(key).and_then(Value::as_list).unwrap_or_default();
    let list = Value::list(old.iter().cloned().chain([value]));
    map.insert(key.to_owned(), list);
}

impl Network {
    /// One line of `ip addr show`: `inet ADDRESS/PREFIX brd BROADCAST scope SCOPE LABEL` or `inet6 …`.
    fn address(&mut self, device: &str, words: &[&str], secondary: bool) {
        match words {
            ["inet", address, rest @ ..] => self.inet(device, address, rest, secondary),
            ["inet6", address, "peer", peer, rest @ ..] => {
                let prefix = peer.split_once('/').map_or("128", |(_, p)| p);
                self.inet6(
                    device,
                    address,
                    prefix,
                    rest.get(1).copied().unwrap_or_default(),
                );
            }
            ["inet6", address, "scope", scope, ..] => {
                let (address, prefix) = address.split_once('/').unwrap_or((address, "128"));
                self.inet6(device, address, prefix, scope);
            }
            _ => {}
        }
    }

    fn inet(&mut self, device: &str, address: &str, rest: &[&str], secondary: bool) {
        let (address, prefix) = address.split_once('/').unwrap_or((address, "32"));
        let (Ok(ip), Some(bits)) = (
            address.parse::<Ipv4Addr>(),
            prefix.parse::<u32>().ok().filter(|p| *p <= 32),
        ) else {
            return;
        };
        let broadcast = match rest {
            ["brd", broadcast, ..] => broadcast,
            _ => "",
        };
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let fields = [
            ("address", Value::from(address)),
            ("broadcast", Value::from(broadcast)),
            ("netmask", Value::from(Ipv4Addr::from(mask).to_string())),
            (
                "network",
                Value::from(Ipv4Addr::from(u32::from(ip) & mask).to_string()),
            ),
            ("prefix", Value::from(prefix)),
        ];
        let label = rest.last().copied().unwrap_or(device);
        let ipv4 = Value::map(fields.clone());
        if label != device {
            self.interfaces
                .insert(label.to_owned(), Value::from(Map::new()));
        }
        change(&mut self.interfaces, label, |interface| {
            if !secondary && !interface.contains_key("ipv4") {
                interface.insert("ipv4".into(), ipv4.clone());
            } else {
                push(interface, "ipv4_secondaries", ipv4.clone());
            }
        });
        if secondary && label != device {
            change(&mut self.interfaces, device, |i| {
                push(i, "ipv4_secondaries", ipv4)
            });
        }
        if self.default4.get("address").and_then(Value::as_str) == Some(address) {
            for (key, value) in fields.into_iter().skip(1) {
                self.default4.insert(key.to_owned(), value);
            }
            let link = link_facts(&self.interfaces, device);
            self.default4.extend(link);
            self.default4.insert("alias".into(), Value::from(label));
        }
        if !address.starts_with("127.") {
            self.all4.push(Value::from(address));
        }
    }

    fn inet6(&mut self, device: &str, address: &str, prefix: &str, scope: &str) {
        let (prefix, scope) = (Value::from(prefix), Value::from(scope));
        let ipv6 = Value::map([
            ("address", Value::from(address)),
            ("prefix", prefix.clone()),
            ("scope", scope.clone()),
        ]);
        change(&mut self.interfaces, device, |i| push(i, "ipv6", ipv6));
        if self.default6.get("address").and_then(Value::as_str) == Some(address) {
            self.default6.insert("prefix".into(), prefix);
            self.default6.insert("scope".into(), scope);
            let link = link_facts(&self.interfaces, device);
            self.default6.extend(link);
        }
        if address != "::1" {
            self.all6.push(Value::from(address));
        }
    }
}

/// What a default route's facts repeat of its interface.
fn link_facts(interfaces: &Map, device: &str) -> Map {
    let get = |key: &str| interfaces.get(device).and_then(|i| i.get(key)).cloned();
    let mut out = Map::new();
    out.insert(
        "macaddress".into(),
        get("macaddress").unwrap_or_else(|| Value::from("")),
    );
    out.insert("mtu".into(), get("mtu").unwrap_or_default());
    out.insert(
        "type".into(),
        get("type").unwrap_or_else(|| Value::from("unknown")),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_labels_and_secondaries() {
        let raw = Raw::parse(
            "@@hoist:links\nl 1 /sys/class/net/eth0 -> x\nl 1 /sys/class/net/eth0/device -> ../../../virtio2\nl 1 /sys/class/net/tun0 -> x\n- 1 /sys/class/net/bonding_masters\n\
             @@hoist:files\n/sys/class/net/eth0/address:02:fc:00:00:00:01\n/sys/class/net/eth0/mtu:1400\n/sys/class/net/eth0/type:1\n/sys/class/net/eth0/operstate:up\n/sys/class/net/eth0/flags:0x1103\n\
             @@hoist:ipaddr\n2: eth0@if3: <UP> mtu 1400\n    link/ether 02:fc\n    inet 10.0.0.9/24 scope global secondary eth0:1\n    inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0\n       valid_lft forever\n    inet6 fe80::1/64 scope link \n\
             3: tun0: <UP>\n    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0\n\
             @@hoist:route4\n8.8.8.8 via 10.0.0.1 dev eth0 src 10.0.0.2 uid 0\n@@hoist:route6\nRTNETLINK answers: Network is unreachable\n\
             @@hoist:local4\nlocal 10.0.0.2 dev eth0\nbroadcast 10.0.0.255 dev eth0\n",
        );
        let mut facts = Map::new();
        network(&raw, &mut facts);
        insta::assert_snapshot!(Value::from(facts).to_json(), @r#"{"interfaces":["eth0","eth0_1","tun0"],"eth0":{"device":"eth0","macaddress":"02:fc:00:00:00:01","mtu":1400,"active":true,"type":"ether","pciid":"virtio2","promisc":true,"ipv4":{"address":"10.0.0.2","broadcast":"10.0.0.255","netmask":"255.255.255.0","network":"10.0.0.0","prefix":"24"},"ipv6":[{"address":"fe80::1","prefix":"64","scope":"link"}],"ipv4_secondaries":[{"address":"10.0.0.9","broadcast":"","netmask":"255.255.255.0","network":"10.0.0.0","prefix":"24"}]},"eth0_1":{"ipv4_secondaries":[{"address":"10.0.0.9","broadcast":"","netmask":"255.255.255.0","network":"10.0.0.0","prefix":"24"}]},"tun0":{"device":"tun0","ipv4":{"address":"10.8.0.1","broadcast":"","netmask":"255.255.255.255","network":"10.8.0.1","prefix":"32"}},"default_ipv4":{"gateway":"10.0.0.1","interface":"eth0","address":"10.0.0.2","broadcast":"10.0.0.255","netmask":"255.255.255.0","network":"10.0.0.0","prefix":"24","macaddress":"02:fc:00:00:00:01","mtu":1400,"type":"ether","alias":"eth0"},"default_ipv6":{},"all_ipv4_addresses":["10.0.0.2","10.0.0.9","10.8.0.1"],"all_ipv6_addresses":["fe80::1"],"locally_reachable_ips":{"ipv4":["10.0.0.2"],"ipv6":[]}}"#);
    }
}
