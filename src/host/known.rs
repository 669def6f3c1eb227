//! What is known about a host, as one account sees it.

use super::{Algorithm, Answer, Query, Stat, Touches};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Answers so far. The engine fills it and, after an action, forgets what the action may have changed.
#[derive(Clone, Debug, Default)]
pub struct Known(HashMap<Query, Answer>);

/// Why a module has not decided yet, or cannot.
#[derive(Clone, Debug, PartialEq)]
pub enum Pause<F> {
    /// These answers are needed first.
    Need(Vec<Query>),
    /// The task fails.
    Fail(F),
}

impl<F> From<F> for Pause<F> {
    fn from(fail: F) -> Self {
        Self::Fail(fail)
    }
}

impl Known {
    /// Stores an answer.
    pub fn learn(&mut self, query: Query, answer: Answer) {
        self.0.insert(query, answer);
    }

    /// The answer, if it is known.
    pub fn peek(&self, query: &Query) -> Option<&Answer> {
        self.0.get(query)
    }

    /// Forgets every answer that `touches` may have made stale. What commands read is always forgotten.
    pub fn forget(&mut self, touches: &Touches) {
        match touches {
            Touches::Nothing => {}
            Touches::Everything => self.0.clear(),
            Touches::Path(changed) => self.0.retain(|query, _| match query {
                Query::Stat { path, .. } | Query::Digest { path, .. } | Query::Content { path } => {
                    !related(path, changed)
                }
                Query::Read { .. } => false,
                _ => true,
            }),
        }
    }

    /// Makes sure that all of these are known, so that they are asked in one go.
    ///
    /// # Errors
    /// [`Pause::Need`] with those that are not.
    pub fn all<F>(&self, queries: impl IntoIterator<Item = Query>) -> Result<(), Pause<F>> {
        let missing: Vec<Query> = queries
            .into_iter()
            .filter(|q| !self.0.contains_key(q))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Pause::Need(missing))
        }
    }

    /// The answer to one query; [`Pause::Need`] when it is not known.
    pub fn get<F>(&self, query: Query) -> Result<&Answer, Pause<F>> {
        self.0.get(&query).ok_or_else(|| Pause::Need(vec![query]))
    }

    /// Metadata at `path`, a link itself when `follow` is false.
    pub fn stat<F>(&self, path: &str, follow: bool) -> Result<Option<&Stat>, Pause<F>> {
        match self.get(Query::Stat {
            path: path.to_owned(),
            follow,
        })? {
            Answer::Stat(stat) => Ok(stat.as_ref()),
            _ => Ok(None),
        }
    }

    /// A file's digest in hex.
    pub fn digest<F>(&self, path: &str, algorithm: Algorithm) -> Result<Option<&str>, Pause<F>> {
        match self.get(Query::Digest {
            path: path.to_owned(),
            algorithm,
        })? {
            Answer::Text(text) => Ok(text.as_deref()),
            _ => Ok(None),
        }
    }

    /// A file's bytes.
    pub fn content<F>(&self, path: &str) -> Result<Option<Arc<[u8]>>, Pause<F>> {
        match self.get(Query::Content {
            path: path.to_owned(),
        })? {
            Answer::Bytes(bytes) => Ok(bytes.clone()),
            _ => Ok(None),
        }
    }

    /// The fields of a package, unit, user or group.
    pub fn fields<F>(&self, query: Query) -> Result<Option<&BTreeMap<String, String>>, Pause<F>> {
        match self.get(query)? {
            Answer::Fields(fields) => Ok(fields.as_ref()),
            _ => Ok(None),
        }
    }

    /// Exit status, stdout and stderr of a reading command.
    pub fn output<F>(&self, query: Query) -> Result<(i32, &str, &str), Pause<F>> {
        match self.get(query)? {
            Answer::Output { rc, stdout, stderr } => Ok((*rc, stdout, stderr)),
            _ => Ok((-1, "", "")),
        }
    }
}

/// Whether a change at `changed` may alter what is seen at `path`: the same, below it, or its parent directory.
fn related(path: &str, changed: &str) -> bool {
    let path = path.trim_end_matches('/');
    let changed = changed.trim_end_matches('/');
    // Through symbolic links anything may be related; file names alone tell apart the common case.
    path == changed
        || path
            .strip_prefix(changed)
            .is_some_and(|rest| rest.starts_with('/'))
        || changed
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('/'))
        || path.is_empty()
        || changed.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_makes_related_paths_stale_and_no_others() {
        let mut known = Known::default();
        for path in ["/etc", "/etc/a", "/etc/a/b", "/etc/ab", "/var"] {
            known.learn(Query::lstat(path), Answer::Stat(None));
        }
        known.learn(Query::Group { name: "x".into() }, Answer::Fields(None));
        known.learn(
            Query::read("true"),
            Answer::Output {
                rc: 0,
                stdout: String::new(),
                stderr: String::new(),
            },
        );
        known.forget(&Touches::Path("/etc/a".into()));
        let kept: Vec<_> = ["/etc", "/etc/a", "/etc/a/b", "/etc/ab", "/var"]
            .into_iter()
            .filter(|p| known.peek(&Query::lstat(p)).is_some())
            .collect();
        assert_eq!(kept, ["/etc/ab", "/var"]);
        assert!(known.peek(&Query::Group { name: "x".into() }).is_some());
        assert!(known.peek(&Query::read("true")).is_none());
        known.forget(&Touches::Everything);
        assert!(known.peek(&Query::lstat("/var")).is_none());
    }
}
