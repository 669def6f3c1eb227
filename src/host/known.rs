//! What is known about a host, as one account sees it.

use super::place::{related, trim};
use super::{Algorithm, Answer, FileType, Place, Query, Stat, Touches};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Answers so far. The engine fills it and, after an action, forgets what the action may have changed.
#[derive(Clone, Debug, Default)]
pub struct Known {
    answers: HashMap<Query, Answer>,
    /// Where the paths that were asked about really are, by the path as it was asked. Empty when a host never said.
    places: HashMap<String, Place>,
    /// Directories of which no more is known than that they are there: something changed inside.
    folders: HashSet<String>,
}

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
        self.answers.insert(query, answer);
    }

    /// Stores where a path really is, as the host said along with its answers.
    pub fn learn_place(&mut self, path: &str, place: Place) {
        self.places.insert(trim(path).to_owned(), place);
    }

    /// The answer, if it is known.
    pub fn peek(&self, query: &Query) -> Option<&Answer> {
        self.answers.get(query)
    }

    /// Forgets every answer that `touches` may have made stale. What commands read is always forgotten.
    pub fn forget(&mut self, touches: &Touches) {
        self.forget_all(std::slice::from_ref(touches));
    }

    /// [`Known::forget`] for things that were done one after the other.
    ///
    /// Names alone do not tell whether two paths are the same place, so the places the host told of are compared; what
    /// lies behind a symbolic link, or is touched at a place nobody told of, is rather forgotten than trusted.
    pub fn forget_all(&mut self, touches: &[Touches]) {
        if touches.contains(&Touches::Everything) {
            *self = Self::default();
            return;
        }
        let places = std::mem::take(&mut self.places);
        let changed: Vec<Names<'_>> = touches
            .iter()
            .filter_map(|t| match t {
                Touches::Path(path) => Some(Names::of(path, &places)),
                _ => None,
            })
            .collect();
        if !changed.is_empty() {
            let stays = |path: &str| {
                let names = Names::of(path, &places);
                changed
                    .iter()
                    .all(|c| c.is_inside(&names) || !c.may_alter(&names))
            };
            self.folders.retain(|path| stays(path));
            let folders = &mut self.folders;
            self.answers.retain(|query, answer| match query {
                Query::Stat { path, .. } | Query::Digest { path, .. } | Query::Content { path } => {
                    let names = Names::of(path, &places);
                    let kept = !changed.iter().any(|c| c.may_alter(&names));
                    if !kept && is_folder(answer) && stays(path) {
                        folders.insert(path.clone());
                    }
                    kept
                }
                Query::Read { .. } => query.lasts(),
                _ => true,
            });
        }
        self.places = places
            .iter()
            .filter(|(path, place)| !changed.iter().any(|c| c.may_move(path, place)))
            .map(|(path, place)| (path.clone(), place.clone()))
            .collect();
    }

    /// Makes sure that all of these are known, so that they are asked in one go.
    ///
    /// # Errors
    /// [`Pause::Need`] with those that are not.
    pub fn all<F>(&self, queries: impl IntoIterator<Item = Query>) -> Result<(), Pause<F>> {
        let missing: Vec<Query> = queries
            .into_iter()
            .filter(|q| !self.answers.contains_key(q))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Pause::Need(missing))
        }
    }

    /// The answer to one query; [`Pause::Need`] when it is not known.
    pub fn get<F>(&self, query: Query) -> Result<&Answer, Pause<F>> {
        self.answers
            .get(&query)
            .ok_or_else(|| Pause::Need(vec![query]))
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

    /// Whether there is something at `path`, links followed. A directory stays where it is whatever happens inside, so
    /// this is known for longer than its metadata.
    pub fn exists<F>(&self, path: &str) -> Result<bool, Pause<F>> {
        Ok(self.folders.contains(path) || self.stat(path, true)?.is_some())
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

fn is_folder(answer: &Answer) -> bool {
    matches!(answer, Answer::Stat(Some(stat)) if stat.kind == FileType::Directory)
}

/// A path and what is known of where it leads.
struct Names<'a> {
    asked: &'a str,
    /// `None` when the host never told.
    canonical: Option<String>,
    /// The path itself is a symbolic link, for all we know.
    link: bool,
}

impl<'a> Names<'a> {
    fn of(path: &'a str, places: &HashMap<String, Place>) -> Self {
        let asked = trim(path);
        let (canonical, link) = match places.get(asked) {
            Some(place) => (Some(place.canonical.clone()), place.link),
            // Names are all there is: a test, or a host that told nothing yet.
            None if places.is_empty() => (Some(asked.to_owned()), false),
            None => (None, true),
        };
        Self {
            asked,
            canonical,
            link,
        }
    }

    /// Whether a change here may alter what is seen at `other`.
    fn may_alter(&self, other: &Self) -> bool {
        if self.link || other.link || related(other.asked, self.asked) {
            return true;
        }
        match (&self.canonical, &other.canonical) {
            (Some(a), Some(b)) => related(b, a),
            _ => true,
        }
    }

    /// Whether this lies, for sure, somewhere below `folder`, and no link is involved.
    fn is_inside(&self, folder: &Self) -> bool {
        let below = |a: &str, b: &str| related(a, b) && a.len() > b.len();
        !self.link
            && !folder.link
            && below(self.asked, folder.asked)
            && matches!((&self.canonical, &folder.canonical), (Some(a), Some(b)) if below(a, b))
    }

    /// Whether a change here may make `path` lead elsewhere than to `place`.
    fn may_move(&self, path: &str, place: &Place) -> bool {
        let at_or_below = |a: &str, b: &str| related(a, b) && a.len() >= b.len();
        self.link
            || at_or_below(path, self.asked)
            || self
                .canonical
                .as_ref()
                .is_none_or(|c| at_or_below(&place.canonical, c))
    }
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

    #[test]
    fn a_directory_stays_there_whatever_changes_inside() {
        let at = |known: &Known| known.exists::<()>("/srv/www").is_ok();
        let fresh = |kind| {
            let mut known = Known::default();
            let stat = Stat {
                kind,
                mode: 0o755,
                uid: 0,
                gid: 0,
                owner: "root".into(),
                group: "root".into(),
                size: 4096,
                inode: 1,
                device: 1,
                links: 2,
                atime: 0.0,
                mtime: 0.0,
                ctime: 0.0,
                link: None,
                real: None,
                access: (true, true, true),
            };
            known.learn(Query::stat("/srv/www"), Answer::Stat(Some(stat)));
            known
        };
        let mut known = fresh(FileType::Directory);
        for inside in ["/srv/www/a", "/srv/www/b/c"] {
            known.forget(&Touches::Path(inside.into()));
            assert!(known.peek(&Query::stat("/srv/www")).is_none());
            assert!(at(&known));
        }
        known.forget(&Touches::Path("/srv/www2".into()));
        assert!(at(&known));
        for change in ["/srv/www", "/srv", "/srv/www/"] {
            let mut known = known.clone();
            known.forget(&Touches::Path(change.into()));
            assert!(!at(&known), "{change}");
        }
        let mut both = known.clone();
        both.forget_all(&["/srv/www/a", "/srv"].map(|p| Touches::Path(p.into())));
        assert!(!at(&both));
        known.forget(&Touches::Everything);
        assert!(!at(&known));
        // Of anything but a directory nothing is known any more; behind a link, neither.
        let mut file = fresh(FileType::File);
        file.forget(&Touches::Path("/srv/www/a".into()));
        assert!(!at(&file));
        let mut link = fresh(FileType::Directory);
        let place = |canonical: &str, link| Place {
            canonical: canonical.into(),
            link,
        };
        link.learn_place("/srv/www", place("/srv/www", true));
        link.learn_place("/srv/www/a", place("/data/a", false));
        link.forget(&Touches::Path("/srv/www/a".into()));
        assert!(!at(&link));
    }

    #[test]
    fn the_umask_lasts() {
        let mut known = Known::default();
        let answer = Answer::Output {
            rc: 0,
            stdout: "0022\n".into(),
            stderr: String::new(),
        };
        known.learn(Query::umask(), answer);
        known.forget(&Touches::Path("/a".into()));
        assert!(known.peek(&Query::umask()).is_some());
    }

    fn told(known: &mut Known, path: &str, canonical: &str, link: bool) {
        known.learn(Query::sha256(path), Answer::Text(None));
        known.learn_place(
            path,
            Place {
                canonical: canonical.into(),
                link,
            },
        );
    }

    #[test]
    fn one_place_under_two_names_is_one_place() {
        let after = |changed: &[&str]| {
            let mut known = Known::default();
            told(&mut known, "/var/run/a", "/run/a", false);
            told(&mut known, "/run/a", "/run/a", false);
            told(&mut known, "/run/b", "/run/b", false);
            told(&mut known, "/bin/sh/x", "/usr/bin/sh/x", false);
            let touches: Vec<_> = changed.iter().map(|p| Touches::Path((*p).into())).collect();
            known.forget_all(&touches);
            ["/var/run/a", "/run/a", "/run/b", "/bin/sh/x"]
                .into_iter()
                .filter(|p| known.peek(&Query::sha256(p)).is_some())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(after(&["/run/a"]), "/run/b /bin/sh/x");
        assert_eq!(after(&["/var/run/a"]), "/run/b /bin/sh/x");
        assert_eq!(after(&["/run/b"]), "/var/run/a /run/a /bin/sh/x");
        // Nobody told where this is: it may be anywhere.
        assert_eq!(after(&["/elsewhere"]), "");
        assert_eq!(after(&[]), "/var/run/a /run/a /run/b /bin/sh/x");
    }

    #[test]
    fn what_is_behind_a_link_is_not_trusted() {
        let mut known = Known::default();
        told(&mut known, "/etc/link", "/etc/link", true);
        told(&mut known, "/etc/a", "/etc/a", false);
        told(&mut known, "/etc/b", "/etc/b", false);
        known.forget(&Touches::Path("/etc/a".into()));
        assert!(known.peek(&Query::sha256("/etc/link")).is_none());
        assert!(known.peek(&Query::sha256("/etc/b")).is_some());
        told(&mut known, "/etc/link", "/etc/link", true);
        known.forget(&Touches::Path("/etc/link".into()));
        assert!(known.peek(&Query::sha256("/etc/b")).is_none());
    }
}
