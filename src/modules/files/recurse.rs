//! `file` with `recurse`: the attributes of everything below a directory.

use super::attrs::Wanted;
use super::mode::Mode;
use super::setting::Setting;
use crate::host::{Action, Attrs, FileType, Known, Query, Stat, quote};
use crate::modules::Step;

/// What sets the attributes below `path` that differ.
///
/// # Errors
/// Answers that are needed; an owner or group that does not exist.
pub fn actions(
    known: &Known,
    setting: &Setting,
    wanted: &Wanted,
    path: &str,
    follow: bool,
) -> Result<Vec<Action>, Step> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let at = quote::path(path);
    let plain = format!("find {at} -mindepth 1 -exec stat -c '%F:%a:%u:%g:%U:%G:%n' {{}} +");
    let script = if follow {
        // Links themselves first, then everything with links followed: both are set, as Ansible does.
        format!(
            "find {at} -mindepth 1 -type l -exec stat -c '%F:%a:%u:%g:%U:%G:%n' {{}} +; find -L {at} -mindepth 1 -exec stat -L -c '%F:%a:%u:%g:%U:%G:%n' {{}} + 2>/dev/null"
        )
    } else {
        plain
    };
    let (_, out, _) = known.output(Query::read(script))?;
    let below: Vec<_> = out.lines().filter_map(parse).collect();
    known.all(below.iter().flat_map(|(name, _)| wanted.queries(name)))?;
    let mut found = Vec::new();
    for (name, stat) in below {
        let resolved = wanted.at(known, setting, &name, Some(&stat), stat.kind)?;
        if resolved.differs() {
            found.push((name, stat.kind, resolved));
        }
    }
    let uniform = matches!(wanted.mode, None | Some(Mode::Bits(_))) && wanted.is_plain();
    if uniform && found.len() > 20 && !follow {
        let mode = match wanted.mode {
            Some(Mode::Bits(bits)) => Some(bits),
            _ => None,
        };
        let attrs = Attrs {
            owner: wanted.owner.clone(),
            group: wanted.group.clone(),
            mode,
        };
        return Ok(vec![Action::SetAttrs {
            path: path.to_owned(),
            attrs,
            follow: false,
            recurse: true,
        }]);
    }
    Ok(found
        .into_iter()
        .flat_map(|(name, kind, resolved)| {
            let follow = kind != FileType::Link;
            let set = (!resolved.set.is_empty()).then(|| Action::SetAttrs {
                path: name.clone(),
                attrs: resolved.set.clone(),
                follow,
                recurse: false,
            });
            set.into_iter()
                .chain(resolved.later(&name))
                .collect::<Vec<_>>()
        })
        .collect())
}

fn parse(line: &str) -> Option<(String, Stat)> {
    let mut parts = line.splitn(7, ':');
    let kind = match parts.next()? {
        "directory" => FileType::Directory,
        "symbolic link" => FileType::Link,
        "fifo" => FileType::Fifo,
        "socket" => FileType::Socket,
        "block special file" => FileType::Block,
        "character special file" => FileType::Char,
        _ => FileType::File,
    };
    let mode = u32::from_str_radix(parts.next()?, 8).ok()?;
    let (uid, gid) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (owner, group) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let stat = Stat {
        kind,
        mode,
        uid,
        gid,
        owner,
        group,
        size: 0,
        inode: 0,
        device: 0,
        links: 1,
        atime: 0.0,
        mtime: 0.0,
        ctime: 0.0,
        link: None,
        real: None,
        access: (true, true, true),
    };
    Some((parts.next()?.to_owned(), stat))
}
