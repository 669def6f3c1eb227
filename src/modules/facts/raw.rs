//! What the probe printed, taken apart.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The probe's output by kind. Anything that does not parse is left out: a host may say whatever it likes.
#[derive(Debug, Default)]
pub(super) struct Raw<'a> {
    /// Text of each file that was there.
    files: BTreeMap<&'a str, String>,
    /// Paths that exist, and `bin:NAME` for commands that do.
    exists: BTreeSet<&'a str>,
    /// Symbolic links and where they point; other directory entries with an empty target.
    links: BTreeMap<&'a str, &'a str>,
    /// Output of commands, by section.
    sections: BTreeMap<&'a str, &'a str>,
    /// `*.fact` files.
    pub(super) local: Vec<Local<'a>>,
    /// The environment.
    pub(super) env: Vec<(&'a str, &'a str)>,
}

/// One file of the local facts directory.
#[derive(Debug, PartialEq)]
pub(super) struct Local<'a> {
    /// Its path.
    pub(super) path: &'a str,
    /// It was run, not read.
    pub(super) run: bool,
    /// Exit status.
    pub(super) rc: i32,
    /// What it holds or printed.
    pub(super) text: &'a str,
}

const MARK: &str = "@@hoist:";

impl<'a> Raw<'a> {
    /// Takes the output apart. Never fails.
    pub(super) fn parse(out: &'a str) -> Self {
        let mut raw = Self::default();
        let mut rest = out;
        while let Some((name, after)) = next_mark(rest) {
            rest = match name {
                // Nothing follows the environment: whatever is in it, it belongs to it.
                "env" => {
                    raw.read_env(after);
                    break;
                }
                "local" => raw.read_local(after),
                _ => {
                    let end = find_mark(after).unwrap_or(after.len());
                    raw.read_section(name, &after[..end]);
                    &after[end..]
                }
            };
        }
        raw
    }

    fn read_section(&mut self, name: &'a str, body: &'a str) {
        match name {
            "files" => {
                for line in body.lines() {
                    let Some((path, text)) = line.split_once(':') else {
                        continue;
                    };
                    let file = self.files.entry(path).or_default();
                    file.push_str(text);
                    file.push('\n');
                }
            }
            "exists" => self
                .exists
                .extend(body.lines().filter(|line| !line.is_empty())),
            "links" => {
                for line in body.lines() {
                    let (name, target) = line.split_once(" -> ").unwrap_or((line, ""));
                    if let Some(at) = name.find(" /") {
                        self.links.insert(&name[at + 1..], target);
                    }
                }
            }
            _ => {
                self.sections.insert(name, body);
            }
        }
    }

    fn read_env(&mut self, body: &'a str) {
        let separator = if body.contains('\0') { '\0' } else { '\n' };
        self.env.extend(
            body.split(separator)
                .filter_map(|pair| pair.split_once('='))
                .filter(|(name, _)| !name.is_empty()),
        );
    }

    fn read_local(&mut self, mut rest: &'a str) -> &'a str {
        while let Some((head, after)) = rest.split_once('\n') {
            let Some((mut local, length)) = local_header(head) else {
                break;
            };
            // Bytes that were no UTF-8 have been replaced and are longer now; then the next header tells where it ends.
            let fits = after.get(length..).is_some_and(|r| r.starts_with('\n'));
            let end = if fits { length } else { next_local(after) };
            local.text = after.get(..end).unwrap_or_default();
            self.local.push(local);
            rest = after.get(end + 1..).unwrap_or_default();
        }
        find_mark(rest).map_or("", |at| &rest[at..])
    }

    /// A file's text without white space around it; `None` when it was not there, not readable or empty.
    pub(super) fn file(&self, path: &str) -> Option<&str> {
        self.files
            .get(path)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
    }

    /// Whether a path was found: as a file with something in it, as an entry of a directory or by a test.
    pub(super) fn exists(&self, path: &str) -> bool {
        self.exists.contains(path) || self.files.contains_key(path) || self.links.contains_key(path)
    }

    /// Where a symbolic link points.
    pub(super) fn link(&self, path: &str) -> Option<&'a str> {
        self.links.get(path).copied().filter(|t| !t.is_empty())
    }

    /// Names and targets of what stands directly in a directory, in order.
    pub(super) fn entries(&self, dir: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let prefix = format!("{dir}/");
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let names = self.links.range::<str, _>(from);
        let found: Vec<_> = names
            .map_while(|(path, target)| path.strip_prefix(&prefix).map(|n| (n, *target)))
            .filter(|(name, _)| !name.contains('/'))
            .collect();
        found.into_iter()
    }

    /// Paths and texts of files that begin with `prefix`.
    pub(super) fn files_below(&self, prefix: &str) -> Vec<(&'a str, &str)> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.files
            .range::<str, _>(from)
            .map_while(|(path, text)| path.starts_with(prefix).then_some((*path, text.trim())))
            .collect()
    }

    /// A command's output; empty when it was not run.
    pub(super) fn section(&self, name: &str) -> &'a str {
        self.sections.get(name).copied().unwrap_or_default()
    }

    /// Whether a command was there to be run.
    pub(super) fn has_section(&self, name: &str) -> bool {
        self.sections.contains_key(name)
    }

    /// A variable of the environment.
    pub(super) fn env(&self, name: &str) -> Option<&'a str> {
        self.env.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
    }
}

fn find_mark(text: &str) -> Option<usize> {
    if text.starts_with(MARK) {
        return Some(0);
    }
    text.find("\n@@hoist:").map(|at| at + 1)
}

fn next_mark(text: &str) -> Option<(&str, &str)> {
    let at = find_mark(text)? + MARK.len();
    let (name, rest) = text[at..].split_once('\n').unwrap_or((&text[at..], ""));
    Some((name, rest))
}

fn local_header(line: &str) -> Option<(Local<'_>, usize)> {
    let mut words = line.splitn(4, ' ');
    let run = match words.next()? {
        "run" => true,
        "read" => false,
        _ => return None,
    };
    let rc = words.next()?.parse().ok()?;
    let length = words.next()?.parse().ok()?;
    let path = words.next()?;
    Some((
        Local {
            path,
            run,
            rc,
            text: "",
        },
        length,
    ))
}

/// Where the next header or section begins, less the line break before it.
fn next_local(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        if at > 0 && (local_header(bare).is_some() || bare.starts_with(MARK)) {
            return at - 1;
        }
        at += line.len();
    }
    text.trim_end_matches('\n').len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sections_of_one_kind_add_up() {
        let raw = Raw::parse(
            "@@hoist:files\n/a:1\n/a:x:2\n/b:\n@@hoist:exists\n/dev/kvm\n@@hoist:files\n/c:3\n@@hoist:links\n\
             lrwxrwxrwx 1 root root 9 Nov 21 05:50 /sys/block/vda -> ../devices/vda\ndrwx 2 r r 0 1 1 1 /sys/class/net/x\n\
             @@hoist:uname\nx86_64\n@@hoist:env\nA=1\0B=two\n@@hoist:files\n/a:evil\0",
        );
        assert_eq!(raw.file("/a"), Some("1\nx:2"));
        assert_eq!(raw.file("/b"), None);
        assert!(raw.exists("/b") && raw.exists("/dev/kvm") && !raw.exists("/d"));
        assert_eq!(raw.file("/c"), Some("3"));
        assert_eq!(raw.link("/sys/block/vda"), Some("../devices/vda"));
        assert_eq!(
            raw.entries("/sys/block").collect::<Vec<_>>(),
            [("vda", "../devices/vda")]
        );
        assert_eq!(raw.section("uname").trim(), "x86_64");
        assert_eq!(raw.env("B"), Some("two\n@@hoist:files\n/a:evil"));
    }

    #[test]
    fn a_fact_cannot_pass_for_another_section() {
        let raw = Raw::parse(
            "@@hoist:local\nrun 0 22 /f/a.fact\n@@hoist:files\n/etc/x:y\nread 0 0 /f/b.fact\n\n@@hoist:env\nA=1\0",
        );
        assert_eq!(raw.local.len(), 2);
        assert_eq!(raw.local[0].text, "@@hoist:files\n/etc/x:y");
        assert_eq!(raw.local[1].text, "");
        assert_eq!(raw.file("/etc/x"), None);
        assert_eq!(raw.env("A"), Some("1"));
    }

    #[test]
    fn replaced_bytes_do_not_shift_what_follows() {
        let raw = Raw::parse(
            "@@hoist:local\nrun 0 1 /f/a.fact\n\u{fffd}\nread 0 1 /f/b.fact\n1\n@@hoist:env\nA=1\0",
        );
        assert_eq!(raw.local[0].text, "\u{fffd}");
        assert_eq!(raw.local[1].text, "1");
        assert_eq!(raw.env("A"), Some("1"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "(@@hoist:(files|links|local|env|exists|x)\n|run 0 3 /a\n|\n|[a-z:é ]{0,4}|\u{fffd})*") {
            let _ = Raw::parse(&text);
        }
    }
}
