//! `Store`: the objects of the cluster with their history, kept on disk as a log.

use super::change::{Change, Key, Snapshot};
use super::journal::Journal;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

/// So many changes are kept for those who watch.
const HISTORY: usize = 4096;

/// The objects of the cluster.
pub struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    revision: u64,
    term: u64,
    /// The reign under which changes are made now.
    pub reign: u64,
    /// The revision before the oldest change in `history`.
    oldest: u64,
    journal: Option<Journal>,
    changed: tokio::sync::watch::Sender<u64>,
}

impl Store {
    /// A store that forgets all when it ends.
    pub fn in_memory() -> Store {
        Store {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            revision: 1,
            term: 0,
            reign: 0,
            oldest: 1,
            journal: None,
            changed: tokio::sync::watch::Sender::new(1),
        }
    }

    /// The store in a folder, made when it is not there. A torn last line of its log is dropped.
    pub fn open(folder: &std::path::Path) -> io::Result<Store> {
        let mut store = Store::in_memory();
        let (journal, snapshot, changes) = Journal::open(folder)?;
        store.take(snapshot);
        for change in changes {
            store.note(change);
        }
        store.journal = Some(journal);
        store.compact()?;
        Ok(store)
    }

    fn take(&mut self, snapshot: Snapshot) {
        self.objects = snapshot.objects.into_iter().collect();
        self.revision = snapshot.revision.max(1);
        self.term = snapshot.term;
        self.oldest = self.revision;
        self.history.clear();
        self.changed.send_replace(self.revision);
    }

    fn note(&mut self, mut change: Change) {
        change.old = match &change.new {
            Some(new) => self.objects.insert(change.key.clone(), Arc::clone(new)),
            None => self.objects.remove(&change.key),
        };
        self.revision = change.revision;
        self.term = change.term;
        self.history.push_back(change);
        while self.history.len() > HISTORY {
            if let Some(gone) = self.history.pop_front() {
                self.oldest = gone.revision;
            }
        }
        self.changed.send_replace(self.revision);
    }

    /// The present revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision and the reign of the last change.
    pub fn last(&self) -> (u64, u64) {
        (self.revision, self.term)
    }

    /// Tells of every new revision.
    pub fn subscribe(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The object at a key.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// The objects of a resource (`group/plural`), in one namespace or in all, in order of their keys.
    pub fn list<'a>(
        &'a self,
        resource: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + 'a {
        let from = Key(
            resource.to_owned(),
            namespace.unwrap_or_default().to_owned(),
            String::new(),
        );
        self.objects
            .range(from..)
            .take_while(move |(key, _)| key.0 == resource && namespace.is_none_or(|ns| ns == key.1))
    }

    /// Every object.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// Puts an object in its place under a new revision, which is written into it.
    pub fn put(&mut self, key: Key, mut value: Value) -> io::Result<Arc<Value>> {
        let revision = self.revision + 1;
        value["metadata"]["resourceVersion"] = revision.to_string().into();
        let value = Arc::new(value);
        self.commit(Change {
            revision,
            term: self.reign,
            key,
            new: Some(Arc::clone(&value)),
            old: None,
        })?;
        Ok(value)
    }

    /// Removes an object.
    pub fn remove(&mut self, key: Key) -> io::Result<()> {
        let revision = self.revision + 1;
        self.commit(Change {
            revision,
            term: self.reign,
            key,
            new: None,
            old: None,
        })
    }

    fn commit(&mut self, change: Change) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&change)?;
        }
        self.note(change);
        if self.journal.as_ref().is_some_and(Journal::is_long) {
            self.compact()?;
        }
        Ok(())
    }

    /// The changes after a revision; `None` when they are no longer kept, or were never made here.
    pub fn since(&self, revision: u64) -> Option<impl Iterator<Item = &Change>> {
        if revision < self.oldest {
            return None;
        }
        let start = self.history.partition_point(|it| it.revision <= revision);
        Some(self.history.range(start..))
    }

    /// The oldest revision from which one can watch.
    pub fn oldest(&self) -> u64 {
        self.oldest
    }

    /// The reign under which a revision was made; `None` when that is no longer known.
    pub fn term_at(&self, revision: u64) -> Option<u64> {
        if revision == self.revision {
            return Some(self.term);
        }
        let found = self.history.iter().find(|it| it.revision == revision);
        found.map(|it| it.term)
    }

    /// Everything as it is now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            revision: self.revision,
            term: self.term,
            objects: self
                .objects
                .iter()
                .map(|(k, v)| (k.clone(), Arc::clone(v)))
                .collect(),
        }
    }

    /// Takes over changes of the leader's, which continue what is here.
    pub fn follow(&mut self, changes: Vec<Change>) -> io::Result<()> {
        for change in changes {
            if change.revision > self.revision {
                self.commit(change)?;
            }
        }
        Ok(())
    }

    /// Takes over everything of the leader's in place of what is here.
    pub fn restore(&mut self, snapshot: Snapshot) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.compact(&snapshot)?;
        }
        self.take(snapshot);
        Ok(())
    }

    fn compact(&mut self) -> io::Result<()> {
        let snapshot = self.snapshot();
        match &mut self.journal {
            Some(journal) => journal.compact(&snapshot),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(name: &str) -> Key {
        Key("/configmaps".into(), "default".into(), name.into())
    }

    #[test]
    fn what_was_put_is_there_after_a_restart_even_behind_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        store
            .put(key("a"), json!({"metadata": {"name": "a"}}))
            .unwrap();
        store
            .put(key("b"), json!({"metadata": {"name": "b"}}))
            .unwrap();
        store.remove(key("a")).unwrap();
        let revision = store.revision();
        drop(store);
        let log = folder.path().join("log");
        let mut text = std::fs::read_to_string(&log).unwrap();
        text.push_str("{\"revision\":99,\"ke");
        std::fs::write(&log, text).unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.revision(), revision);
        let names: Vec<_> = store.all().map(|(key, _)| key.2.as_str()).collect();
        assert_eq!(names, ["b"]);
    }

    #[test]
    fn history_is_kept_for_a_while() {
        let mut store = Store::in_memory();
        for _ in 0..HISTORY + 10 {
            store.put(key("a"), json!({"metadata": {}})).unwrap();
        }
        assert!(store.since(2).is_none());
        let from = store.revision() - 3;
        assert_eq!(store.since(from).unwrap().count(), 3);
    }
}
