//! What a run learns about its hosts.

use crate::value::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

/// What is known of one host beyond its inventory. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// Gathered facts, without the `ansible_` prefix.
    pub facts: Arc<Map>,
    /// `set_fact` and registered results; they share one place in the order.
    pub set: Arc<Map>,
    /// `include_vars`.
    pub included: Arc<Map>,
}

/// Who learns: [`MAIN`], or a branch of its own.
pub type BranchId = usize;

/// The run itself.
pub const MAIN: BranchId = 0;

/// What a run learns, for every host.
///
/// Work that goes on side by side learns in branches: each sees what was known when the branching began and what the
/// branches it stands on learned, never what others learn meanwhile, so that the same run always sees the same.
#[derive(Debug, Default)]
pub struct Store(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    main: HashMap<String, Learned>,
    branches: BTreeMap<BranchId, Branch>,
}

#[derive(Debug, Default)]
struct Branch {
    stands_on: Vec<BranchId>,
    /// What it sees; made when it is first asked for.
    seen: HashMap<String, Learned>,
    /// What it learned itself, in order.
    steps: HashMap<String, Vec<Step>>,
}

/// One thing learned.
#[derive(Clone, Debug)]
enum Step {
    Facts(Map),
    Set(String, Value),
    Included(Map),
    ForgetFacts,
}

impl Store {
    /// What is known of `host`; empty when nothing is.
    pub fn learned(&self, branch: BranchId, host: &str) -> Learned {
        let known = self.0.read().ok().and_then(|state| {
            let seen = match state.branches.get(&branch) {
                None => &state.main,
                Some(own) => &own.seen,
            };
            seen.get(host).cloned()
        });
        match known {
            Some(learned) => learned,
            None if branch == MAIN => Learned::default(),
            None => self
                .0
                .write()
                .map(|mut state| state.seen(branch, host).clone())
                .unwrap_or_default(),
        }
    }

    /// Adds gathered facts; an `ansible_` prefix is taken off.
    pub fn add_facts(&self, branch: BranchId, host: &str, facts: &Map) {
        self.change(branch, host, Step::Facts(facts.clone()));
    }

    /// Adds a variable of `set_fact` or `register`.
    pub fn set(&self, branch: BranchId, host: &str, name: &str, value: Value) {
        self.change(branch, host, Step::Set(name.to_owned(), value));
    }

    /// Adds variables of `include_vars`.
    pub fn include(&self, branch: BranchId, host: &str, vars: &Map) {
        self.change(branch, host, Step::Included(vars.clone()));
    }

    /// Forgets the gathered facts (`meta: clear_facts`).
    pub fn clear_facts(&self, branch: BranchId, host: &str) {
        self.change(branch, host, Step::ForgetFacts);
    }

    /// Begins a branch. It sees what [`MAIN`] knows and, laid over it one after the other, what the branches of `stands_on`
    /// (which have ended) learned.
    pub fn branch(&self, id: BranchId, stands_on: Vec<BranchId>) {
        if let Ok(mut state) = self.0.write() {
            let branch = Branch {
                stands_on,
                ..Branch::default()
            };
            state.branches.insert(id, branch);
        }
    }

    /// Ends all branches: what they learned is known to all, the later ones of `order` laid over the earlier.
    pub fn join(&self, order: &[BranchId]) {
        let Ok(mut state) = self.0.write() else {
            return;
        };
        let mut branches = std::mem::take(&mut state.branches);
        for branch in order.iter().filter_map(|id| branches.remove(id)) {
            for (host, steps) in branch.steps {
                let learned = state.main.entry(host).or_default();
                steps.iter().for_each(|step| learned.take(step));
            }
        }
    }

    fn change(&self, branch: BranchId, host: &str, step: Step) {
        let Ok(mut state) = self.0.write() else {
            return;
        };
        state.seen(branch, host).take(&step);
        if let Some(own) = state.branches.get_mut(&branch) {
            own.steps.entry(host.to_owned()).or_default().push(step);
        }
    }
}

impl State {
    /// What a branch sees of a host.
    fn seen(&mut self, branch: BranchId, host: &str) -> &mut Learned {
        let Some(own) = self.branches.get(&branch) else {
            return self.main.entry(host.to_owned()).or_default();
        };
        let made = (!own.seen.contains_key(host)).then(|| {
            let mut learned = self.main.get(host).cloned().unwrap_or_default();
            for below in own.stands_on.iter().filter_map(|b| self.branches.get(b)) {
                for step in below.steps.get(host).into_iter().flatten() {
                    learned.take(step);
                }
            }
            learned
        });
        let seen = &mut self.branches.entry(branch).or_default().seen;
        match made {
            Some(made) => seen.entry(host.to_owned()).or_insert(made),
            None => seen.entry(host.to_owned()).or_default(),
        }
    }
}

impl Learned {
    fn take(&mut self, step: &Step) {
        let all = |map: &Map| map.clone().into_iter();
        match step {
            Step::Set(name, value) => {
                Arc::make_mut(&mut self.set).insert(name.clone(), value.clone());
            }
            Step::Included(vars) => Arc::make_mut(&mut self.included).extend(all(vars)),
            Step::ForgetFacts => self.facts = Arc::default(),
            Step::Facts(facts) => {
                let target = Arc::make_mut(&mut self.facts);
                for (name, value) in facts {
                    let name = name.strip_prefix("ansible_").unwrap_or(name);
                    // custom facts of several directories add up
                    let value = match (target.get(name), value) {
                        (Some(Value::Map(old)), Value::Map(new)) if name == "local" => {
                            let mut both = (**old).clone();
                            both.extend(all(new));
                            Value::from(both)
                        }
                        _ => value.clone(),
                    };
                    target.insert(name.to_owned(), value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_sees_what_it_stands_on_and_no_other() {
        let store = Store::default();
        let number = |branch, name: &str| {
            store
                .learned(branch, "h")
                .set
                .get(name)
                .and_then(Value::as_int)
        };
        store.set(MAIN, "h", "x", 1.into());
        store.branch(1, vec![]);
        store.branch(2, vec![]);
        store.set(1, "h", "x", 2.into());
        store.set(2, "h", "y", 3.into());
        assert_eq!((number(1, "x"), number(1, "y")), (Some(2), None));
        assert_eq!((number(2, "x"), number(2, "y")), (Some(1), Some(3)));
        // the second did not touch x, so what it sees of it does not hide what the first set
        store.branch(3, vec![1, 2]);
        assert_eq!((number(3, "x"), number(3, "y")), (Some(2), Some(3)));
        assert_eq!((number(MAIN, "x"), number(MAIN, "y")), (Some(1), None));
        store.set(3, "h", "x", 4.into());
        store.join(&[2, 1, 3]);
        assert_eq!((number(MAIN, "x"), number(MAIN, "y")), (Some(4), Some(3)));
    }

    #[test]
    fn what_is_learned_last_counts_in_the_order_of_joining() {
        let store = Store::default();
        for (order, left) in [([1, 2], 2), ([2, 1], 1)] {
            for branch in [2, 1] {
                store.branch(branch, vec![]);
                store.set(branch, "h", "x", (branch as i64).into());
            }
            store.join(&order);
            assert_eq!(store.learned(MAIN, "h").set.get("x"), Some(&left.into()));
        }
    }

    #[test]
    fn facts_are_forgotten_by_a_branch_too() {
        let store = Store::default();
        let facts = |name: &str| Map::from_iter([(format!("ansible_{name}"), true.into())]);
        store.add_facts(MAIN, "h", &facts("old"));
        store.branch(1, vec![]);
        store.clear_facts(1, "h");
        store.add_facts(1, "h", &facts("new"));
        let known = |branch| {
            store
                .learned(branch, "h")
                .facts
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (known(1), known(MAIN)),
            (vec!["new".to_owned()], vec!["old".to_owned()])
        );
        store.join(&[1]);
        assert_eq!(known(MAIN), ["new"]);
    }
}
