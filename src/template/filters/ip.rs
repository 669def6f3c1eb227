//! IP addresses and networks: the filters of `ansible.utils` that people use, on the `ipnet` crate.

use super::Table;
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use crate::value::Value;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const TABLE: Table = &[
    ("ipaddr", |v, args| ipaddr(v, args, None)),
    ("ipmath", ipmath),
    ("ipsubnet", ipsubnet),
    ("ipv4", |v, args| ipaddr(v, args, Some(4))),
    ("ipv6", |v, args| ipaddr(v, args, Some(6))),
    ("ipwrap", ipwrap),
    ("network_in_network", network_in_network),
    ("nthhost", nthhost),
];

/// An address with a prefix; without one it stands for itself alone.
#[derive(Clone, Copy)]
struct Address {
    net: IpNet,
    /// Whether a prefix was written.
    prefixed: bool,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((ip, prefix)) = text.split_once('/') {
            let ip: IpAddr = ip.parse().ok()?;
            let prefix: u8 = match prefix.parse() {
                Ok(n) => n,
                Err(_) => ipnet::ip_mask_to_prefix(prefix.parse().ok()?).ok()?,
            };
            return Some(Self {
                net: IpNet::new(ip, prefix).ok()?,
                prefixed: true,
            });
        }
        text.parse::<IpAddr>().ok().map(|ip| Self {
            net: IpNet::from(ip),
            prefixed: false,
        })
    }

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Str(s) => Self::parse(s),
            Value::Int(n) => u32::try_from(*n).ok().map(|n| Self {
                net: IpNet::from(IpAddr::from(Ipv4Addr::from(n))),
                prefixed: false,
            }),
            _ => None,
        }
    }

    fn version(&self) -> i64 {
        if self.net.addr().is_ipv4() { 4 } else { 6 }
    }

    /// How many addresses it spans, as far as an integer goes.
    fn size(&self) -> u128 {
        let bits = self.net.max_prefix_len() - self.net.prefix_len();
        1u128.checked_shl(bits.into()).unwrap_or(u128::MAX)
    }

    fn alone(&self) -> bool {
        self.size() == 1
    }

    fn is_network(&self) -> bool {
        self.net.addr() == self.net.network()
    }

    fn show(&self) -> String {
        if self.prefixed {
            self.net.to_string()
        } else {
            self.net.addr().to_string()
        }
    }

    /// The address `n` places after the network's own; from the end where `n` is negative.
    fn nth(&self, n: i128) -> Option<IpAddr> {
        let size = i128::try_from(self.size()).unwrap_or(i128::MAX);
        let n = if n < 0 { n + size } else { n };
        (0..size)
            .contains(&n)
            .then(|| offset(self.net.network(), n))
            .flatten()
    }

    /// The first and last address a host may have.
    fn usable(&self) -> (Option<IpAddr>, Option<IpAddr>) {
        if self.alone() {
            return (None, None);
        }
        match (self.net, self.size()) {
            (IpNet::V4(_), 2) => (self.nth(0), self.nth(1)),
            (IpNet::V4(_), _) => (self.nth(1), self.nth(-2)),
            (IpNet::V6(_), 2) => (self.nth(0), self.nth(1)),
            (IpNet::V6(_), _) => (self.nth(1), self.nth(-1)),
        }
    }
}

fn offset(ip: IpAddr, by: i128) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => u32::try_from(i128::from(u32::from(ip)) + by)
            .ok()
            .map(|n| IpAddr::from(Ipv4Addr::from(n))),
        IpAddr::V6(ip) => {
            let n = u128::from(ip);
            let moved = if by < 0 {
                n.checked_sub(by.unsigned_abs())
            } else {
                n.checked_add(by.unsigned_abs())
            };
            moved.map(|n| IpAddr::from(Ipv6Addr::from(n)))
        }
    }
}

fn integer(ip: IpAddr) -> Value {
    match ip {
        IpAddr::V4(ip) => Value::from(u32::from(ip)),
        IpAddr::V6(ip) => i64::try_from(u128::from(ip))
            .map_or_else(|_| Value::from(u128::from(ip).to_string()), Value::Int),
    }
}

/// `ipaddr(query='', version=false)`: what the query asks, false where the value is not such an address;
/// a list keeps only what is.
fn ipaddr(value: Val, mut args: Args<'_, '_>, version: Option<i64>) -> Eval {
    let query = match args.data("query")? {
        None | Some(Value::Null | Value::Bool(false)) => Value::from(""),
        Some(q) => q,
    };
    let version = match version {
        Some(v) => Some(v),
        None => args.maybe_int("version")?.filter(|v| *v != 0),
    };
    let one = |value: &Value| -> Eval<Value> {
        match Address::of(value).filter(|a| version.is_none_or(|v| a.version() == v)) {
            Some(address) => ask(&address, &query, value),
            None => Ok(Value::Bool(false)),
        }
    };
    let result = match args.cx.data(&value)? {
        Value::List(items) => {
            let mut kept = Vec::new();
            for item in items.iter() {
                match one(item)? {
                    Value::Bool(false) => {}
                    Value::Bool(true) => kept.push(item.clone()),
                    found => kept.push(found),
                }
            }
            Value::from(kept)
        }
        item => one(&item)?,
    };
    args.done(result)
}

const QUERIES: [&str; 32] = [
    "",
    "address",
    "address/prefix",
    "bool",
    "broadcast",
    "cidr",
    "first_usable",
    "gateway",
    "gw",
    "host",
    "host/prefix",
    "hostmask",
    "int",
    "ip",
    "ip/prefix",
    "last_usable",
    "link-local",
    "loopback",
    "multicast",
    "net",
    "netmask",
    "network",
    "network/prefix",
    "network_id",
    "prefix",
    "private",
    "public",
    "range_usable",
    "size",
    "size_usable",
    "subnet",
    "version",
];

fn ask(address: &Address, query: &Value, original: &Value) -> Eval<Value> {
    let ip = address.net.addr();
    let net = address.net;
    let text = |v: Option<String>| v.map_or(Value::Bool(false), Value::from);
    let keep = |yes: bool| {
        if yes {
            Value::from(address.show())
        } else {
            Value::Bool(false)
        }
    };
    let word = match query {
        Value::Int(n) => {
            let found = address
                .nth(i128::from(*n))
                .filter(|_| !address.alone() || *n == 0);
            return Ok(text(found.map(|ip| format!("{ip}/{}", net.prefix_len()))));
        }
        other => other.to_string(),
    };
    if let Some(other) = Address::parse(&word) {
        // A network as the query: whether the address lies in it.
        return Ok(keep(other.net.contains(&net.addr())));
    }
    if let Ok(n) = word.parse::<i64>() {
        return ask(address, &Value::Int(n), original);
    }
    let own = address.alone() || !address.is_network();
    let usable = address.usable();
    let shown = |ip: Option<IpAddr>| text(ip.map(|ip| ip.to_string()));
    Ok(match word.as_str() {
        "" | "cidr_lookup" => match original {
            Value::Int(_) => Value::from(ip.to_string()),
            other => other.clone(),
        },
        "bool" => Value::Bool(true),
        "address" | "ip" => text(own.then(|| ip.to_string())),
        "host" => text(own.then(|| address.show())),
        "host/prefix" | "ip/prefix" | "address/prefix" | "gateway" | "gw" => {
            text((!address.alone() && own).then(|| net.to_string()))
        }
        "net" => text((!address.alone() && address.is_network()).then(|| net.trunc().to_string())),
        "network" | "network_id" => Value::from(net.network().to_string()),
        "network/prefix" | "subnet" => Value::from(net.trunc().to_string()),
        "cidr" => Value::from(net.to_string()),
        "netmask" => Value::from(net.netmask().to_string()),
        "hostmask" | "wildcard" => Value::from(net.hostmask().to_string()),
        "prefix" => Value::from(i64::from(net.prefix_len())),
        "broadcast" => text((!address.alone()).then(|| net.broadcast().to_string())),
        "size" => Value::from(i64::try_from(address.size()).unwrap_or(i64::MAX)),
        "size_usable" => {
            let all = i64::try_from(address.size()).unwrap_or(i64::MAX);
            Value::from(match all {
                1 => 0,
                2 => 2,
                n if net.addr().is_ipv4() => n - 2,
                n => n - 1,
            })
        }
        "first_usable" => shown(usable.0),
        "last_usable" => shown(usable.1),
        "range_usable" => match usable {
            (Some(first), Some(last)) => Value::from(format!("{first}-{last}")),
            _ => Value::Bool(false),
        },
        "int" => integer(ip),
        "version" => Value::from(address.version()),
        "type" => Value::from(if own { "address" } else { "network" }),
        "loopback" => keep(ip.is_loopback()),
        "multicast" => keep(ip.is_multicast()),
        "unicast" => keep(!ip.is_multicast()),
        "link-local" => keep(link_local(ip)),
        "private" => keep(private(ip)),
        "public" => keep(
            !private(ip)
                && !ip.is_loopback()
                && !ip.is_multicast()
                && !link_local(ip)
                && !ip.is_unspecified(),
        ),
        "revdns" => Value::from(reverse_name(ip)),
        "wrap" => Value::from(wrapped(&address.show())),
        other => {
            return Err(
                Diagnostic::new(format!("filter `ipaddr`: unknown query `{other}`"))
                    .with_nearest(other, QUERIES),
            );
        }
    })
}

fn private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn reverse_name(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(ip) => {
            let hex = format!("{:032x}", u128::from(ip));
            let digits: Vec<String> = hex.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa.", digits.join("."))
        }
    }
}

/// An IPv6 address in brackets; anything else as it is.
fn wrapped(text: &str) -> String {
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, format!("/{prefix}")),
        None => (text, String::new()),
    };
    if ip.parse::<Ipv6Addr>().is_ok() {
        format!("[{ip}]{prefix}")
    } else {
        text.to_owned()
    }
}

/// `ipwrap(query='')`.
fn ipwrap(value: Val, mut args: Args<'_, '_>) -> Eval {
    let query = args.data("query")?.unwrap_or_else(|| Value::from(""));
    let one = |value: &Value| -> Eval<Value> {
        let asked = match Address::of(value) {
            Some(address) if !query.to_string().is_empty() => ask(&address, &query, value)?,
            _ => value.clone(),
        };
        Ok(match asked {
            Value::Str(s) => Value::from(wrapped(&s)),
            other => other,
        })
    };
    let result = match args.cx.data(&value)? {
        Value::List(items) => Value::from(items.iter().map(one).collect::<Eval<Vec<_>>>()?),
        item => one(&item)?,
    };
    args.done(result)
}

/// `ipsubnet(query='', index='x')`.
fn ipsubnet(value: Val, mut args: Args<'_, '_>) -> Eval {
    let query = args.text("query", "")?;
    let index = args.maybe_int("index")?;
    let Some(address) = Address::of(&args.cx.data(&value)?) else {
        return args.done(false);
    };
    let net = address.net;
    if query.is_empty() {
        return args.done(net.trunc().to_string());
    }
    let Ok(prefix) = query.parse::<u8>() else {
        let Some(outer) = Address::parse(&query) else {
            return args.fail(format!(
                "`{query}` is neither a prefix length nor a network"
            ));
        };
        // The place of this subnet among its like inside the other network, from 1.
        if !outer.net.contains(&net.network()) || net.prefix_len() < outer.net.prefix_len() {
            return args.fail(format!("`{net}` is not inside `{}`", outer.net));
        }
        let bits = u32::from(net.max_prefix_len() - net.prefix_len());
        let number = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => u128::from(u32::from(ip)),
            IpAddr::V6(ip) => u128::from(ip),
        };
        let distance = (number(net.network()) - number(outer.net.network()))
            .checked_shr(bits)
            .unwrap_or(0);
        return args.done(i64::try_from(distance + 1).unwrap_or(i64::MAX).to_string());
    };
    if prefix > net.max_prefix_len() {
        return args.fail(format!("`/{prefix}` is longer than an address"));
    }
    let with_prefix =
        |prefix: u8, ip: IpAddr| IpNet::new(ip, prefix).map(|n| n.trunc().to_string());
    let result = if prefix >= net.prefix_len() && !address.alone() {
        let count = 1u128
            .checked_shl(u32::from(prefix - net.prefix_len()))
            .unwrap_or(u128::MAX);
        match index {
            None => Value::from(count.to_string()),
            Some(i) => {
                let count = i128::try_from(count).unwrap_or(i128::MAX);
                let i = if i < 0 {
                    i128::from(i) + count
                } else {
                    i128::from(i)
                };
                let step = 1i128
                    .checked_shl(u32::from(net.max_prefix_len() - prefix))
                    .unwrap_or(i128::MAX);
                let at = (0..count)
                    .contains(&i)
                    .then(|| i.checked_mul(step))
                    .flatten();
                match at
                    .and_then(|at| offset(net.network(), at))
                    .map(|ip| with_prefix(prefix, ip))
                {
                    Some(Ok(text)) => Value::from(text),
                    _ => Value::Bool(false),
                }
            }
        }
    } else {
        // From the widest network with that prefix down to the one just around the address.
        let around: Vec<u8> = (prefix..net.prefix_len()).collect();
        let i = index.unwrap_or(0);
        let i = if i < 0 { i + around.len() as i64 } else { i };
        match usize::try_from(i)
            .ok()
            .and_then(|i| around.get(i))
            .map(|p| with_prefix(*p, net.addr()))
        {
            Some(Ok(text)) => Value::from(text),
            _ => Value::Bool(false),
        }
    };
    args.done(result)
}

/// `nthhost(n)`.
fn nthhost(value: Val, mut args: Args<'_, '_>) -> Eval {
    let n = args.int("query", 0)?;
    let found = Address::of(&args.cx.data(&value)?).and_then(|a| a.nth(i128::from(n)));
    args.done(found.map_or(Value::Bool(false), |ip| Value::from(ip.to_string())))
}

/// `ipmath(n)`: the address `n` further on.
fn ipmath(value: Val, mut args: Args<'_, '_>) -> Eval {
    let n = args.int("amount", 0)?;
    let value = args.cx.data(&value)?;
    match Address::of(&value).and_then(|a| offset(a.net.addr(), i128::from(n))) {
        Some(ip) => args.done(ip.to_string()),
        None => args.fail(format!(
            "`{value}` is not an address that can be moved by {n}"
        )),
    }
}

/// Whether a network lies inside the value.
fn network_in_network(value: Val, mut args: Args<'_, '_>) -> Eval {
    let inner = args.need("test")?;
    let outer = args.cx.data(&value)?;
    let inside = match (Address::of(&outer), Address::of(&inner)) {
        (Some(outer), Some(inner)) => match (outer.net, inner.net) {
            (IpNet::V4(x), IpNet::V4(y)) => Ipv4Net::contains(&x, &y),
            (IpNet::V6(x), IpNet::V6(y)) => Ipv6Net::contains(&x, &y),
            _ => false,
        },
        _ => false,
    };
    args.done(inside)
}
