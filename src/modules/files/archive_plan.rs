//! What `archive` packs: paths and patterns as found on the host, and how the archive is laid out.

use crate::host::quote;
use crate::modules::Fail;
use crate::value::Value;
use std::collections::BTreeSet;

/// What the task says of the archive.
pub struct Wanted<'a> {
    /// Where it shall be; for a single file this follows from its name.
    pub dest: Option<&'a str>,
    /// The format's name.
    pub format: &'a str,
    /// An archive even of a single file.
    pub force: bool,
}

/// A path that was asked for, and what is there.
#[derive(Clone, PartialEq)]
pub struct Found {
    /// As it was asked for, or found by a pattern.
    pub path: String,
    /// `d`: a folder or a link to one; `f`: anything else; `-`: nothing.
    pub kind: char,
}

/// What is to be packed, and where to.
pub struct Plan {
    /// The archive.
    pub dest: String,
    /// The folder that names in the archive begin below, with its slash.
    pub root: String,
    /// Folders to pack.
    pub folders: Vec<String>,
    /// Other files to pack.
    pub files: Vec<String>,
    /// What is not there.
    pub missing: Vec<String>,
    /// A single file, compressed without an archive around it.
    pub single: bool,
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?'])
}

/// A pattern as a shell word: only what has a meaning in a pattern stays bare.
fn glob(pattern: &str) -> String {
    let mut out = String::new();
    for c in pattern.chars() {
        if "*?[]!-/._".contains(c) || c.is_ascii_alphanumeric() {
            out.push(c);
        } else {
            out += &quote::word(&c.to_string());
        }
    }
    out
}

/// A text in a pattern of find(1), where nothing in it has a meaning.
pub fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "*?[]\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The script that looks which of the paths are there.
pub fn looking(paths: &[String], excluded: &[String]) -> String {
    let mut out = String::from(
        "export LC_ALL=C\n\
         see() { if [ -d \"$1\" ]; then k=d; elif [ -e \"$1\" ] || [ -L \"$1\" ]; then k=f; else k=-; fi; printf '%s%s\\0' $k \"$1\"; }\n\
         some() { for f; do if [ -e \"$f\" ] || [ -L \"$f\" ]; then see \"$f\"; fi; done; }\n",
    );
    let mut all = |list: &[String]| {
        for path in list {
            if is_pattern(path) {
                out += &format!("some {}\n", glob(path));
            } else {
                out += &format!("see {}\n", quote::word(path));
            }
        }
        out += "printf '=\\0'\n";
    };
    all(paths);
    all(excluded);
    out
}

/// What [`looking`] printed: of the paths, and of the excluded ones.
pub fn looked(text: &str) -> [Vec<Found>; 2] {
    let mut out = [Vec::new(), Vec::new()];
    let mut at = 0;
    for record in text.split('\0') {
        let mut chars = record.chars();
        match (chars.next(), out.get_mut(at)) {
            (Some('='), _) => at += 1,
            (Some(kind), Some(list)) => list.push(Found {
                path: chars.as_str().to_owned(),
                kind,
            }),
            _ => {}
        }
    }
    out
}

/// The folder that all paths have in common, with its slash.
fn common<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    let folder = |path: &str| {
        let head = &path[..path.rfind('/').map_or(0, |at| at + 1)];
        format!("{}/", head.trim_end_matches('/'))
    };
    let mut out: Option<String> = None;
    for path in paths {
        let head = folder(path);
        out = Some(match out {
            None => head,
            Some(old) => {
                let same = old.chars().zip(head.chars()).take_while(|(a, b)| a == b);
                folder(&same.map(|(c, _)| c).collect::<String>())
            }
        });
    }
    out.unwrap_or_else(|| "/".into())
}

/// The paths, as a result has them.
pub fn names(found: &[Found]) -> Value {
    Value::list(found.iter().map(|f| Value::from(f.path.clone())))
}

impl Plan {
    /// What comes of paths as asked for and as found.
    ///
    /// # Errors
    /// Nothing was found; a path is relative; no `dest` where one is needed.
    pub fn of(
        wanted: &Wanted<'_>,
        paths: &[String],
        found: &[Found],
        excluded: &[Found],
    ) -> Result<Self, Fail> {
        let out: BTreeSet<&str> = excluded.iter().map(|f| f.path.as_str()).collect();
        let mut chosen: Vec<&Found> = found
            .iter()
            .filter(|f| !out.contains(f.path.as_str()))
            .collect();
        chosen.sort_by(|a, b| a.path.cmp(&b.path));
        chosen.dedup();
        let Some(first) = chosen.first() else {
            return Err(Fail::new("Error, no source paths were found")
                .with("path", paths.join(", "))
                .with("expanded_paths", names(found))
                .with("expanded_exclude_paths", names(excluded)));
        };
        if let Some(bad) = chosen.iter().find(|f| !f.path.starts_with('/')) {
            return Err(Fail::new(format!(
                "`path` must be absolute, and `{}` is not",
                bad.path
            )));
        }
        let many = wanted.force
            || chosen.len() > 1
            || first.kind == 'd'
            || paths.iter().any(|p| is_pattern(p));
        let dest = match wanted.dest {
            Some(dest) => dest.to_owned(),
            None if many => {
                return Err(Fail::new(
                    "Error, must specify \"dest\" when archiving multiple files or trees",
                ));
            }
            None => format!("{}.{}", first.path, wanted.format),
        };
        let of = |kind: char| -> Vec<String> {
            let those = chosen.iter().filter(|f| f.kind == kind);
            those.map(|f| f.path.clone()).collect()
        };
        Ok(Self {
            dest,
            root: common(chosen.iter().map(|f| f.path.as_str())),
            folders: of('d'),
            files: of('f'),
            missing: of('-'),
            single: !many && !["tar", "zip"].contains(&wanted.format),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots() {
        for (paths, root) in [
            (&["/a/b"][..], "/a/"),
            (&["/a/b/"], "/a/b/"),
            (&["/a/b", "/a/c/d"], "/a/"),
            (&["/ab/c", "/ad/c"], "/"),
            (&["/a"], "/"),
        ] {
            assert_eq!(common(paths.iter().copied()), root, "{paths:?}");
        }
    }
}
