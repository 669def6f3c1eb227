//! The small formats inside a reply: `stat`'s fields, colon-separated lines, flags.

use super::{Algorithm, FileType, Stat};
use std::collections::BTreeMap;

/// A path as it was given to the tools.
pub(super) fn operand(path: &str) -> String {
    if path.starts_with('-') {
        format!("./{path}")
    } else {
        path.to_owned()
    }
}

/// `0` is yes for the three tests, `1` is yes for the link.
pub(super) fn flags(word: &str) -> [bool; 4] {
    let mut found = [false; 4];
    for (n, c) in word.chars().take(4).enumerate() {
        found[n] = if n < 3 { c == '0' } else { c == '1' };
    }
    found
}

pub(super) fn tool_named(word: &str) -> Option<&'static str> {
    Algorithm::ALL.iter().map(|a| a.tool()).find(|t| *t == word)
}

pub(super) fn text_of(body: &[u8]) -> Option<String> {
    (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned())
}

/// `count` fields separated by spaces, then the rest as it is.
pub(super) fn split_fields(record: &[u8], count: usize) -> Option<(Vec<&str>, &[u8])> {
    let mut rest = record;
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let at = memchr::memchr(b' ', rest)?;
        fields.push(std::str::from_utf8(&rest[..at]).ok()?);
        rest = &rest[at + 1..];
    }
    Some((fields, rest))
}

pub(super) fn parse_stat(fields: &[&str]) -> Option<Stat> {
    let [
        mode,
        uid,
        gid,
        owner,
        group,
        size,
        inode,
        device,
        links,
        atime,
        mtime,
        ctime,
    ] = fields[..]
    else {
        return None;
    };
    let mode = u32::from_str_radix(mode, 16).ok()?;
    let named = |name: &str, number: &str| match name {
        "UNKNOWN" | "?" => number.to_owned(),
        name => name.to_owned(),
    };
    Some(Stat {
        kind: match mode & 0o170_000 {
            0o100_000 => FileType::File,
            0o040_000 => FileType::Directory,
            0o120_000 => FileType::Link,
            0o010_000 => FileType::Fifo,
            0o140_000 => FileType::Socket,
            0o060_000 => FileType::Block,
            0o020_000 => FileType::Char,
            _ => return None,
        },
        mode: mode & 0o7777,
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        owner: named(owner, uid),
        group: named(group, gid),
        size: size.parse().ok()?,
        inode: inode.parse().ok()?,
        device: device.parse().ok()?,
        links: links.parse().ok()?,
        atime: atime.parse().ok()?,
        mtime: mtime.parse().ok()?,
        ctime: ctime.parse().ok()?,
        link: None,
        real: None,
        access: (false, false, false),
    })
}

/// Lines of fields separated by colons, those without a name left out.
pub(super) fn colons(body: &[u8]) -> Vec<Vec<String>> {
    String::from_utf8_lossy(body)
        .lines()
        .filter(|l| l.contains(':') && !l.starts_with(':'))
        .map(|l| l.split(':').map(str::to_owned).collect())
        .collect()
}

pub(super) fn by_name(body: &[u8]) -> impl Iterator<Item = (String, Vec<String>)> {
    colons(body)
        .into_iter()
        .map(|entry| (entry[0].clone(), entry))
}

pub(super) fn group_fields(entry: &[String]) -> BTreeMap<String, String> {
    let field = |n: usize| entry.get(n).cloned().unwrap_or_default();
    [("name", field(0)), ("gid", field(2)), ("members", field(3))]
        .map(|(k, v)| (k.to_owned(), v))
        .into()
}
