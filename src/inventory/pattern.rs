//! Choosing hosts (Ansible's page "Patterns: targeting hosts and groups").

use super::address::{has_bare_colon, split_port};
use super::inventory::{Inventory, LOCALHOST};
use crate::error::{Diagnostic, nearest};
use fancy_regex::Regex;
use indexmap::IndexSet;
use std::net::Ipv6Addr;
use std::path::Path;

/// The hosts a pattern chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Their names, each once, in the order Ansible runs them.
    pub hosts: Vec<String>,
    /// The parts of the pattern that fit no host and no group, with a suggestion each. Ansible warns about them.
    pub unmatched: Vec<Diagnostic>,
}

/// The play keyword `order`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the inventory has them.
    #[default]
    Inventory,
    /// The other way round.
    ReverseInventory,
    /// By name.
    Sorted,
    /// By name, the other way round.
    ReverseSorted,
    /// At random.
    Shuffle,
}

impl Selection {
    /// Puts the hosts in another order.
    pub fn order(&mut self, order: Order) {
        match order {
            Order::Inventory => {}
            Order::ReverseInventory => self.hosts.reverse(),
            Order::Sorted => self.hosts.sort(),
            Order::ReverseSorted => {
                self.hosts.sort();
                self.hosts.reverse();
            }
            Order::Shuffle => {
                let mut keyed: Vec<(u64, String)> = self
                    .hosts
                    .drain(..)
                    .map(|h| (getrandom::u64().unwrap_or(0), h))
                    .collect();
                keyed.sort();
                self.hosts.extend(keyed.into_iter().map(|(_, h)| h));
            }
        }
    }
}

/// The hosts that `pattern` chooses: names, groups, globs, `~regex`, `group[0]`, `group[1:3]`, joined by `:` or `,`;
/// `&` keeps only those also in its part, `!` leaves out.
///
/// # Errors
/// A regular expression or index that makes no sense.
pub fn select(inventory: &Inventory, pattern: &str) -> Result<Selection, Diagnostic> {
    evaluate(inventory, &split(pattern))
}

/// As [`select`], keeping only hosts that are also in `limit` (the parts that [`limit`] gave).
///
/// # Errors
/// As [`select`], for either.
pub fn select_limited(
    inventory: &Inventory,
    pattern: &str,
    limit: &[String],
) -> Result<Selection, Diagnostic> {
    let mut selection = select(inventory, pattern)?;
    if !limit.is_empty() {
        let within = evaluate(inventory, limit)?;
        let names: IndexSet<&String> = within.hosts.iter().collect();
        selection.hosts.retain(|h| names.contains(h));
        selection.unmatched.extend(within.unmatched);
    }
    Ok(selection)
}

/// Takes the argument of `--limit` apart; `@FILE` stands for the lines of a file.
///
/// # Errors
/// When such a file cannot be read.
pub fn limit(text: &str) -> Result<Vec<String>, Diagnostic> {
    let mut parts = Vec::new();
    for part in split(text) {
        let Some(file) = part.strip_prefix('@') else {
            parts.push(part);
            continue;
        };
        let lines = std::fs::read_to_string(Path::new(file))
            .map_err(|e| Diagnostic::new(format!("cannot read the limit file `{file}`: {e}")))?;
        parts.extend(
            lines
                .lines()
                .map(str::trim)
                .filter(|l| !l.is_empty())
                .map(str::to_owned),
        );
    }
    Ok(parts)
}

/// Splits at commas, or, when there are none, at colons that do not belong to an address, a range or a port.
fn split(pattern: &str) -> Vec<String> {
    let parts: Vec<String> = if pattern.contains(',') {
        pattern.split(',').map(str::to_owned).collect()
    } else if is_address(pattern) {
        vec![pattern.to_owned()]
    } else {
        let mut parts = vec![String::new()];
        let mut inside = false;
        for c in pattern.chars() {
            match c {
                '[' => inside = true,
                ']' => inside = false,
                _ => {}
            }
            if !inside && (c == ':' || c.is_whitespace()) {
                parts.push(String::new());
            } else if let Some(last) = parts.last_mut() {
                last.push(c);
            }
        }
        parts
    };
    parts
        .iter()
        .map(|p| p.trim().to_owned())
        .filter(|p| !p.is_empty())
        .collect()
}

/// Whether the text is one IPv6 address, or one host with a port.
fn is_address(text: &str) -> bool {
    let (host, port) = split_port(text);
    let word = |h: &str| {
        !has_bare_colon(h)
            && h.chars()
                .all(|c| c.is_alphanumeric() || "_-.[]:".contains(c))
    };
    host.parse::<Ipv6Addr>().is_ok() || (port.is_some() && word(host))
}

fn evaluate(inventory: &Inventory, parts: &[String]) -> Result<Selection, Diagnostic> {
    let rank = |p: &String| match p.as_bytes().first() {
        Some(b'&') => 1,
        Some(b'!') => 2,
        _ => 0,
    };
    let mut ordered: Vec<&String> = parts.iter().filter(|p| !p.is_empty()).collect();
    ordered.sort_by_key(|p| rank(p));
    let everything = "all".to_owned();
    if ordered.first().is_none_or(|p| rank(p) > 0) && !ordered.is_empty() {
        ordered.insert(0, &everything);
    }
    let mut hosts: IndexSet<String> = IndexSet::new();
    let mut unmatched = Vec::new();
    for part in ordered {
        if inventory.hosts.contains_key(part) {
            hosts.insert(part.clone());
            continue;
        }
        let those = one(
            inventory,
            part.trim_start_matches(['&', '!']),
            &mut unmatched,
        )?;
        match rank(part) {
            1 => hosts.retain(|h| those.contains(h)),
            2 => hosts.retain(|h| !those.contains(h)),
            _ => hosts.extend(those),
        }
    }
    Ok(Selection {
        hosts: hosts.into_iter().collect(),
        unmatched,
    })
}

/// The hosts of one part without its `&` or `!`.
fn one(
    inventory: &Inventory,
    part: &str,
    unmatched: &mut Vec<Diagnostic>,
) -> Result<IndexSet<String>, Diagnostic> {
    let (name, index) = subscript(part)?;
    let hosts = matching(inventory, name, unmatched)?;
    let Some((start, end)) = index else {
        return Ok(hosts);
    };
    if hosts.is_empty() {
        return Ok(hosts);
    }
    let count = hosts.len() as i64;
    let from = if start < 0 { start + count } else { start };
    let to = match end {
        End::Itself if !(0..count).contains(&from) => {
            return Err(Diagnostic::new(format!(
                "`{part}` is beyond the {count} hosts of `{name}`"
            )));
        }
        End::Itself => from,
        End::At(end) => end,
        End::Open => count - 1,
    };
    let skip = usize::try_from(from).unwrap_or(0);
    let take = usize::try_from(to + 1 - from).unwrap_or(0);
    Ok(hosts.into_iter().skip(skip).take(take).collect())
}

/// Where a choice of hosts by number begins and ends.
type Index = (i64, End);

enum End {
    Itself,
    At(i64),
    Open,
}

/// Takes `[0]`, `[-1]`, `[1:3]` or `[1:]` off the end.
fn subscript(part: &str) -> Result<(&str, Option<Index>), Diagnostic> {
    let Some((name, index)) = part
        .strip_suffix(']')
        .and_then(|p| p.rsplit_once('['))
        .filter(|(n, _)| !n.is_empty() && !n.starts_with('~'))
    else {
        return Ok((part, None));
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let number = |t: &str| {
        t.parse::<i64>()
            .map_err(|_| Diagnostic::new(format!("the index in `{part}` is too large")))
    };
    if digits(index.strip_prefix('-').unwrap_or(index)) {
        return Ok((name, Some((number(index)?, End::Itself))));
    }
    // `[x-y]` is what Ansible has long given up, but still takes.
    let Some((start, end)) = index.split_once([':', '-']) else {
        return Ok((part, None));
    };
    if !digits(start) || !(end.is_empty() || digits(end)) {
        return Ok((part, None));
    }
    let end = if end.is_empty() {
        End::Open
    } else {
        End::At(number(end)?)
    };
    // With Ansible an end of 0 counts as none, so that `[0:0]` is the first host.
    let end = if matches!(end, End::At(0)) {
        End::Itself
    } else {
        end
    };
    Ok((name, Some((number(start)?, end))))
}

fn matching(
    inventory: &Inventory,
    name: &str,
    unmatched: &mut Vec<Diagnostic>,
) -> Result<IndexSet<String>, Diagnostic> {
    let special = name.starts_with('~') || name.contains(['.', '?', '*', '[']);
    let mut hosts: IndexSet<String> = IndexSet::new();
    let mut in_group = false;
    if special {
        let matcher = matcher(name)?;
        let fits = |text: &str| matcher.is_match(text).unwrap_or(false);
        for group in inventory.groups.keys().filter(|g| fits(g)) {
            in_group = true;
            hosts.extend(inventory.hosts_of(group).into_iter().map(str::to_owned));
        }
        hosts.extend(inventory.hosts.keys().filter(|h| fits(h)).cloned());
    } else if inventory.groups.contains_key(name) {
        in_group = true;
        hosts.extend(inventory.hosts_of(name).into_iter().map(str::to_owned));
    } else if inventory.hosts.contains_key(name) {
        hosts.insert(name.to_owned());
    }
    // `all` does not hold this machine when only `group_by` put it there.
    if name == "all" {
        hosts.retain(|h| inventory.hosts.contains_key(h));
    }
    if hosts.is_empty() && LOCALHOST.contains(&name) {
        hosts.extend(inventory.host(name).map(|h| {
            if h.implicit {
                name.to_owned()
            } else {
                h.name.clone()
            }
        }));
    }
    if hosts.is_empty() && !in_group && name != "all" {
        let known = inventory
            .groups
            .keys()
            .chain(inventory.hosts.keys())
            .map(String::as_str);
        let diagnostic = Diagnostic::new(format!("no host or group matches `{name}`"));
        unmatched.push(match nearest(name, known).filter(|_| !special) {
            Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
            None => diagnostic,
        });
    }
    Ok(hosts)
}

/// A regular expression after `~`, which has to fit from the start on; else a glob, which has to fit altogether.
fn matcher(name: &str) -> Result<Regex, Diagnostic> {
    let expression = match name.strip_prefix('~') {
        Some(regex) => format!("^(?:{regex})"),
        None => format!("^(?s:{})$", glob(name)),
    };
    Regex::new(&expression)
        .map_err(|_| Diagnostic::new(format!("`{name}` is no valid host pattern")))
}

/// A glob as a regular expression: `*`, `?`, `[abc]`, `[!abc]`.
fn glob(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    let mut i = 0;
    while i < chars.len() {
        match chars[i] {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => {
                let negated = usize::from(chars.get(i + 1) == Some(&'!'));
                let start = i + 1 + negated;
                // A `]` right at the start belongs to the set.
                let end = (start + 1..chars.len()).find(|j| chars[*j] == ']');
                match end {
                    Some(end) => {
                        out.push('[');
                        out.push_str(if negated == 1 { "^" } else { "" });
                        for c in &chars[start..end] {
                            if "\\[]^&~".contains(*c) {
                                out.push('\\');
                            }
                            out.push(*c);
                        }
                        out.push(']');
                        i = end;
                    }
                    None => out.push_str("\\["),
                }
            }
            c => out.push_str(&fancy_regex::escape(&c.to_string())),
        }
        i += 1;
    }
    out
}
