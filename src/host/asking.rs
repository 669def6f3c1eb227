//! Many queries, one script.

use super::place::{above, parent, trim};
use super::{Algorithm, Query, quote};
use crate::transport::Frame;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The largest file whose bytes [`Query::Content`] brings over.
pub const CONTENT_LIMIT: usize = 64 << 20;

/// Queries put into one script. Each kind of query is one process on the host, however many there are of it.
pub(super) struct Asking<'a> {
    pub(super) queries: &'a [Query],
    /// Random; it begins every section of the reply.
    pub(super) mark: String,
    /// The paths asked about, each once; sections name them by their number.
    pub(super) paths: Vec<&'a str>,
    /// Directories whose real place is told.
    pub(super) directories: Vec<&'a str>,
}

/// One line of metadata; its name comes last because it may hold anything.
const STAT: &str = "%f %u %g %U %G %s %i %d %h %.9X %.9Y %.9Z %n";

impl<'a> Asking<'a> {
    /// Queries to be marked with `mark`.
    pub(super) fn new(queries: &'a [Query], mark: String) -> Self {
        let paths: BTreeSet<&str> = queries.iter().filter_map(path_of).collect();
        let directories: BTreeSet<&str> = paths
            .iter()
            .filter(|p| p.starts_with('/'))
            .flat_map(|p| above(p))
            .collect();
        Self {
            queries,
            mark,
            paths: paths.into_iter().collect(),
            directories: directories.into_iter().collect(),
        }
    }

    /// The number of a path in the script, from 1.
    pub(super) fn number(&self, path: &str) -> usize {
        self.paths.binary_search(&path).map_or(0, |at| at + 1)
    }

    /// The numbers of the paths of some queries, each once, in order.
    pub(super) fn numbers(&self, wanted: impl Fn(&Query) -> bool) -> Vec<usize> {
        let set: BTreeSet<usize> = self
            .queries
            .iter()
            .filter(|q| wanted(q))
            .filter_map(path_of)
            .map(|p| self.number(p))
            .collect();
        set.into_iter().collect()
    }

    /// The names asked for in some queries, each once, in order.
    pub(super) fn names(&self, name: impl Fn(&'a Query) -> Option<&'a str>) -> Vec<&'a str> {
        let set: BTreeSet<&str> = self.queries.iter().filter_map(name).collect();
        set.into_iter().collect()
    }

    /// The script as a frame.
    pub(super) fn frame(&self) -> Frame {
        Frame {
            script: self.script(),
            keep: Some((CONTENT_LIMIT >> 1) + (16 << 20)),
            ..Frame::default()
        }
    }

    fn script(&self) -> String {
        let mut s = format!(
            "m={}\ns() {{ printf '\\n%s %s\\n' \"$m\" \"$*\"; }}\n",
            self.mark
        );
        self.files(&mut s);
        self.packages(&mut s);
        self.units(&mut s);
        self.accounts(&mut s);
        self.reads(&mut s);
        self.places(&mut s);
        s.push_str("s .\n");
        s
    }

    fn files(&self, s: &mut String) {
        if self.paths.is_empty() {
            return;
        }
        let _ = writeln!(s, "set -- {}", quote_paths(&self.paths));
        // Tests are the shell's own: no process is started here.
        s.push_str(
            "a=; h=; i=0\nfor p do i=$((i + 1))\n[ -r \"$p\" ]; r=$?; [ -w \"$p\" ]; w=$?; [ -x \"$p\" ]; x=$?\n\
             l=0; [ -h \"$p\" ] && { l=1; h=\"$h $i\"; }\na=\"$a $r$w$x$l\"\ndone\ns a $a\n",
        );
        for (follow, tag, option) in [(false, 'l', ""), (true, 'f', "-L ")] {
            let numbers =
                self.numbers(|q| matches!(q, Query::Stat { follow: f, .. } if *f == follow));
            if !numbers.is_empty() {
                let _ = writeln!(
                    s,
                    "s {tag}; LC_ALL=C stat {option}-c \"=$m {STAT}\" -- {} 2>/dev/null; s e {tag} $?",
                    operands(&numbers)
                );
            }
        }
        let stats = self.numbers(|q| matches!(q, Query::Stat { .. }));
        if !stats.is_empty() {
            s.push_str(
                "for i in $h; do eval \"p=\\${$i}\"; s k $i; readlink -n -- \"$p\" 2>/dev/null; \
                 s r $i; readlink -fn -- \"$p\" 2>/dev/null; done\n",
            );
        }
        for algorithm in Algorithm::ALL {
            let numbers = self
                .numbers(|q| matches!(q, Query::Digest { algorithm: a, .. } if *a == algorithm));
            let tool = algorithm.tool();
            let (odd, plain): (Vec<usize>, Vec<usize>) =
                numbers.into_iter().partition(|n| is_odd(self.paths[n - 1]));
            if !plain.is_empty() {
                // Only regular files: a pipe would never end.
                let _ = writeln!(
                    s,
                    "d=; for i in {}; do eval \"p=\\${{$i}}\"; [ -f \"$p\" ] && [ -r \"$p\" ] && d=\"$d \\\"\\${{$i}}\\\"\"; done\n\
                     s d {tool}; [ -z \"$d\" ] || eval \"LC_ALL=C {tool} -- $d\" 2>/dev/null; s e {tool} $?",
                    join(&plain)
                );
            }
            for n in odd {
                let _ = writeln!(
                    s,
                    "if [ -f \"${{{n}}}\" ] && [ -r \"${{{n}}}\" ]; then s D {tool} {n}; {tool} <\"${{{n}}}\" 2>/dev/null; s e D $?; fi"
                );
            }
        }
        let contents = self.numbers(|q| matches!(q, Query::Content { .. }));
        if !contents.is_empty() {
            let _ = writeln!(
                s,
                "for i in {}; do eval \"p=\\${{$i}}\"; if [ -f \"$p\" ] && [ -r \"$p\" ]; then \
                 s c $i; head -c {} -- \"$p\" 2>/dev/null; s e c $i $?; fi; done",
                join(&contents),
                CONTENT_LIMIT + 1
            );
        }
    }

    fn packages(&self, s: &mut String) {
        let names = self.names(|q| match q {
            Query::Dpkg { name } => Some(name),
            _ => None,
        });
        if !names.is_empty() {
            let _ = writeln!(
                s,
                "if command -v dpkg-query >/dev/null; then s p; LC_ALL=C dpkg-query -W -f \"=$m \"'${{Package}}\\t${{Architecture}}\\t${{Version}}\\t${{Status}}\\t${{Provides}}\\n' -- {} 2>/dev/null; s e p 0; fi",
                quote::words(names)
            );
        }
    }

    fn units(&self, s: &mut String) {
        let units = self.unit_list();
        if units.is_empty() {
            return;
        }
        let flag = |scope: &str| match scope {
            "user" => "--user ",
            "global" => "--global ",
            _ => "",
        };
        let enabled = |s: &mut String, n: usize| {
            let (scope, name) = units[n];
            let _ = writeln!(
                s,
                "s o {n}; LC_ALL=C systemctl {}is-enabled -- {} 2>/dev/null; s e o $?",
                flag(scope),
                quote::word(name)
            );
        };
        s.push_str("if command -v systemctl >/dev/null; then\n");
        if units.iter().any(|(scope, _)| *scope == "user") {
            s.push_str(
                "export XDG_RUNTIME_DIR=\"${XDG_RUNTIME_DIR:-/run/user/${hoist_uid:-$(id -u)}}\"\n",
            );
        }
        s.push_str("if [ -d /run/systemd/system ]; then\n");
        for (g, group) in self.unit_groups().iter().enumerate() {
            let names = quote::words(group.iter().map(|n| units[*n].1));
            let scope = units[group[0]].0;
            let show = format!(
                "s u {g}; LC_ALL=C systemctl {}show -- {names} 2>/dev/null",
                flag(scope)
            );
            if scope == "user" || is_odd_unit(units[group[0]].1) {
                // A template has no state and an account may have no manager; whether a unit is enabled is known even so.
                let _ = writeln!(s, "if {show}; then s e u 0; else s e u 1");
                group.iter().for_each(|n| enabled(s, *n));
                s.push_str("fi\n");
            } else {
                let _ = writeln!(s, "{show}; s e u $?");
            }
        }
        s.push_str("else :\n");
        (0..units.len())
            .filter(|n| units[*n].0 != "global")
            .for_each(|n| enabled(s, n));
        s.push_str("fi\n");
        (0..units.len())
            .filter(|n| units[*n].0 == "global")
            .for_each(|n| enabled(s, n));
        s.push_str("fi\n");
    }

    /// The units asked about, scope and name; sections name them by their number.
    pub(super) fn unit_list(&self) -> Vec<(&'a str, &'a str)> {
        let set: BTreeSet<(&str, &str)> = self
            .queries
            .iter()
            .filter_map(|q| match q {
                Query::Unit { name, scope } => Some((scope.as_str(), name.as_str())),
                _ => None,
            })
            .collect();
        set.into_iter().collect()
    }

    /// The numbers of units that go into one `systemctl show` each. A name that systemd cannot parse would spoil the
    /// answers of all that come after it, so the odd ones go alone.
    pub(super) fn unit_groups(&self) -> Vec<Vec<usize>> {
        let units = self.unit_list();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for wanted in ["system", "user"] {
            let of_scope = |n: &usize| match units[*n].0 {
                "user" => wanted == "user",
                "global" => false,
                _ => wanted == "system",
            };
            let (odd, plain): (Vec<usize>, Vec<usize>) = (0..units.len())
                .filter(of_scope)
                .partition(|n| is_odd_unit(units[*n].1));
            groups.extend(odd.into_iter().map(|n| vec![n]));
            groups.extend((!plain.is_empty()).then_some(plain));
        }
        groups
    }

    fn accounts(&self, s: &mut String) {
        let users = self.names(|q| match q {
            Query::User { name } => Some(name),
            _ => None,
        });
        let groups = self.names(|q| match q {
            Query::Group { name } => Some(name),
            _ => None,
        });
        if users.is_empty() && groups.is_empty() {
            return;
        }
        let _ = writeln!(s, "if command -v getent >/dev/null; then");
        if !users.is_empty() {
            let list = quote::words(&users);
            let _ = writeln!(
                s,
                "s w; getent passwd {list}; [ ! -r /etc/shadow ] || {{ s h; getent shadow {list}; }}; s g; getent group"
            );
        }
        if !groups.is_empty() {
            let _ = writeln!(s, "s g; getent group {}", quote::words(&groups));
        }
        s.push_str("else\n");
        if !users.is_empty() {
            s.push_str("s w; cat /etc/passwd; [ ! -r /etc/shadow ] || { s h; cat /etc/shadow; }\n");
        }
        s.push_str("s g; cat /etc/group\nfi 2>/dev/null\n");
    }

    fn reads(&self, s: &mut String) {
        for (n, query) in self.queries.iter().enumerate() {
            if let Query::Read { script, env } = query {
                // `eval` of a quoted text: a syntax error in one does not spoil the others.
                let _ = writeln!(
                    s,
                    "s R {n}; s R {n} >&2; ( {}eval {} ); r=$?; s e R {n} $r; s e R {n} $r >&2",
                    exports(env),
                    quote::word(script)
                );
            }
        }
    }

    /// Last, for it walks about.
    fn places(&self, s: &mut String) {
        if !self.directories.is_empty() {
            let _ = writeln!(
                s,
                "unset CDPATH; s P; for p in {}; do if cd -P -- \"$p\" 2>/dev/null; then printf '=%s %s\\n' \"$m\" \"$PWD\"; else printf '=%s \\n' \"$m\"; fi; done",
                quote::words(&self.directories)
            );
        }
    }
}

/// `export A=…; ` for each variable; a name that no shell takes is left out by the caller's checks.
pub(super) fn exports(env: &BTreeMap<String, String>) -> String {
    env.iter()
        .filter(|(k, _)| is_name(k))
        .fold(String::new(), |mut s, (k, v)| {
            let _ = write!(s, "export {k}={}; ", quote::word(v));
            s
        })
}

/// Whether a shell takes `name` for a variable.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether the checksum tools would write this name otherwise than it is.
pub(super) fn is_odd(path: &str) -> bool {
    path.contains(['\n', '\r', '\\'])
}

fn is_odd_unit(name: &str) -> bool {
    name.contains("@.")
        || name.starts_with('-')
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ":_.@-\\".contains(c))
}

/// The path that a query is about.
pub(super) fn path_of(query: &Query) -> Option<&str> {
    match query {
        Query::Stat { path, .. } | Query::Digest { path, .. } | Query::Content { path } => {
            Some(path)
        }
        _ => None,
    }
}

fn quote_paths(paths: &[&str]) -> String {
    paths
        .iter()
        .map(|p| quote::path(p))
        .collect::<Vec<_>>()
        .join(" ")
}

fn operands(numbers: &[usize]) -> String {
    numbers
        .iter()
        .map(|n| format!("\"${{{n}}}\""))
        .collect::<Vec<_>>()
        .join(" ")
}

fn join(numbers: &[usize]) -> String {
    numbers
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The real place of `path`, given those of the directories above it.
pub(super) fn resolve(path: &str, real: &BTreeMap<&str, &str>) -> Option<String> {
    let path = trim(path);
    if !path.starts_with('/') {
        return None;
    }
    let mut directory = parent(path);
    // A directory that is not there yet will be made in its nearest one that is.
    while directory.len() > 1 && real.get(directory)?.is_empty() {
        directory = parent(directory);
    }
    if directory.len() <= 1 {
        return Some(path.to_owned());
    }
    Some(format!(
        "{}{}",
        trim_root(real.get(directory)?),
        &path[directory.len()..]
    ))
}

fn trim_root(path: &str) -> &str {
    path.trim_end_matches('/')
}
