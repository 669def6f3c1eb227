//! The circumstances a decision depends on, kept from the [`Context`], and what is asked of the account.

use crate::host::{FileType, Known, Query, quote};
use crate::modules::{Context, Step};
use std::collections::BTreeMap;

/// What of the [`Context`] outlives binding.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Check mode.
    pub check: bool,
    /// A diff is wanted.
    pub diff: bool,
    /// The account is root for sure.
    pub root: bool,
    /// The task's environment.
    pub environment: BTreeMap<String, String>,
}

/// The account that the task runs as.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Number and name.
    pub user: (u32, String),
    /// Primary group.
    pub group: (u32, String),
    /// The umask.
    pub umask: u32,
}

impl Account {
    /// Root with the usual umask.
    pub fn root() -> Self {
        Self {
            user: (0, "root".into()),
            group: (0, "root".into()),
            umask: 0o022,
        }
    }
}

/// Asks for the umask, then who we are: number and name of user and group, one a line.
pub const WHO: &str = "umask; id -u; id -un; id -g; id -gn";

impl Setting {
    /// From the context of a task.
    pub fn of(ctx: &Context<'_>) -> Self {
        Self {
            check: ctx.check,
            diff: ctx.diff,
            root: ctx.root,
            environment: ctx.environment.clone(),
        }
    }

    /// A reading command in the task's environment.
    pub fn read(&self, script: impl Into<String>) -> Query {
        Query::Read {
            script: script.into(),
            env: self.environment.clone(),
        }
    }

    /// Who makes new files, and with which umask.
    ///
    /// # Errors
    /// Needs an answer.
    pub fn account(&self, known: &Known) -> Result<Account, Step> {
        if self.root {
            return Ok(Account {
                umask: self.umask(known)?,
                ..Account::root()
            });
        }
        let (_, out, _) = known.output(Query::read(WHO))?;
        let mut lines = out.lines().map(str::trim);
        let mut next = || lines.next().unwrap_or_default().to_owned();
        let (umask, uid, user, gid, group) = (next(), next(), next(), next(), next());
        Ok(Account {
            umask: u32::from_str_radix(&umask, 8).unwrap_or(0o022),
            user: (uid.parse().unwrap_or(0), user),
            group: (gid.parse().unwrap_or(0), group),
        })
    }

    /// The umask alone.
    ///
    /// # Errors
    /// Needs an answer.
    pub fn umask(&self, known: &Known) -> Result<u32, Step> {
        let (_, out, _) = known.output(Query::umask())?;
        Ok(u32::from_str_radix(out.trim(), 8).unwrap_or(0o022))
    }

    /// `~`, `~user`, `$VAR` and `${VAR}` at the host, as Python's `expanduser` and `expandvars` do. Asks nothing of a plain path.
    ///
    /// # Errors
    /// Needs an answer.
    pub fn expand(&self, known: &Known, path: &str) -> Result<String, Step> {
        match self.expansion(path) {
            None => Ok(path.to_owned()),
            Some(query) => {
                let (_, out, _) = known.output(query)?;
                Ok(out.strip_suffix('.').unwrap_or(out).to_owned())
            }
        }
    }

    /// The question behind [`Setting::expand`], if one has to be asked.
    pub fn expansion(&self, path: &str) -> Option<Query> {
        if !path.starts_with('~') && !path.contains('$') {
            return None;
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut words = String::new();
        let mut rest = path;
        if let Some(after) = path.strip_prefix('~') {
            let end = after.find('/').unwrap_or(after.len());
            let user = &after[..end];
            if user.chars().all(|c| is_name(c) || "-.".contains(c)) {
                words.push_str(&path[..=end]);
                rest = &after[end..];
                // Quoted, the slash would keep the shell from expanding what is before it.
                if let Some(tail) = rest.strip_prefix('/') {
                    words.push('/');
                    rest = tail;
                }
            }
        }
        while let Some(at) = rest.find('$') {
            words.push_str(&quote::word(&rest[..at]));
            let after = &rest[at + 1..];
            let (name, length) = match after.strip_prefix('{').and_then(|a| a.split_once('}')) {
                Some((name, _)) => (name, name.len() + 2),
                None => {
                    let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
                    (&after[..end], end)
                }
            };
            if name.is_empty()
                || !name.chars().all(is_name)
                || name.starts_with(|c: char| c.is_ascii_digit())
            {
                words.push_str("'$'");
                rest = after;
            } else {
                // What is not set stays as it is written.
                let written = rest[at + 1..at + 1 + length].replace('}', "\\}");
                words.push_str(&format!("\"${{{name}-\\${written}}}\""));
                rest = &after[length..];
            }
        }
        if !rest.is_empty() {
            words.push_str(&quote::word(rest));
        }
        Some(self.read(format!("printf %s. {words}")))
    }
}

/// The name Ansible has for what stands at a path: `absent`, `link`, `directory`, `hard` or `file`.
pub fn state_of(stat: Option<&crate::host::Stat>) -> &'static str {
    match stat {
        None => "absent",
        Some(s) if s.kind == FileType::Link => "link",
        Some(s) if s.kind == FileType::Directory => "directory",
        Some(s) if s.links > 1 => "hard",
        Some(_) => "file",
    }
}

/// The directory part of a path, as Python's `os.path.dirname` has it; `.` when there is none.
pub fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rfind('/') {
        Some(0) => "/",
        Some(at) => path[..at].trim_end_matches('/'),
        None => ".",
    }
}

/// The last part of a path.
pub fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `name` in `dir`; an absolute name stays.
pub fn join(dir: &str, name: &str) -> String {
    if name.starts_with('/') || dir.is_empty() {
        name.to_owned()
    } else if dir.ends_with('/') {
        format!("{dir}{name}")
    } else {
        format!("{dir}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Answer;

    fn expanded(path: &str) -> String {
        let mut setting = Setting::default();
        setting
            .environment
            .insert("DATA".into(), "/srv/my data".into());
        let mut known = Known::default();
        if let Some(query) = setting.expansion(path) {
            let Query::Read { script, env } = &query else {
                unreachable!()
            };
            let out = std::process::Command::new("sh")
                .arg("-c")
                .arg(script)
                .env_clear()
                .env("HOME", "/home/ann")
                .envs(env)
                .output()
                .unwrap();
            let stdout = String::from_utf8(out.stdout).unwrap();
            known.learn(
                query,
                Answer::Output {
                    rc: 0,
                    stdout,
                    stderr: String::new(),
                },
            );
        }
        setting.expand(&known, path).unwrap()
    }

    #[test]
    fn paths_are_expanded_by_the_host_and_nothing_in_them_runs() {
        for (path, wanted) in [
            ("/etc/hosts", "/etc/hosts"),
            ("~/x y", "/home/ann/x y"),
            ("~root/.ssh", "/root/.ssh"),
            ("~", "/home/ann"),
            ("$DATA/a", "/srv/my data/a"),
            ("${DATA}b", "/srv/my datab"),
            ("/a/$NONE/b", "/a/$NONE/b"),
            ("/a/${NONE}", "/a/${NONE}"),
            ("/a/$(id)`id`", "/a/$(id)`id`"),
            ("/a/~b$", "/a/~b$"),
            ("~x;id/y", "~x;id/y"),
        ] {
            assert_eq!(expanded(path), wanted);
        }
    }

    #[test]
    fn parents() {
        for (path, wanted) in [
            ("/a/b", "/a"),
            ("/a", "/"),
            ("a", "."),
            ("/a/b/", "/a"),
            ("a/b", "a"),
        ] {
            assert_eq!(parent(path), wanted);
        }
    }
}
