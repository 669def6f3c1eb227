//! What a run learns about its hosts.

use crate::value::{Map, Value};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

/// What is known of one host beyond its inventory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// Gathered facts, without the `ansible_` prefix.
    pub facts: Arc<Map>,
    /// `set_fact` and registered results; they share one place in the order.
    pub set: Arc<Map>,
    /// `include_vars`.
    pub included: Arc<Map>,
}

/// What a run learns, for every host.
#[derive(Debug, Default)]
pub struct Store(RwLock<HashMap<String, Learned>>);

impl Store {
    /// What is known of `host`; empty when nothing is.
    pub fn learned(&self, host: &str) -> Learned {
        self.0
            .read()
            .ok()
            .and_then(|all| all.get(host).cloned())
            .unwrap_or_default()
    }

    /// Adds gathered facts; an `ansible_` prefix is taken off.
    pub fn add_facts(&self, host: &str, facts: &Map) {
        self.change(host, |l| {
            let target = Arc::make_mut(&mut l.facts);
            for (name, value) in facts {
                let name = name.strip_prefix("ansible_").unwrap_or(name);
                // custom facts of several directories add up
                let value = match (target.get(name), value) {
                    (Some(Value::Map(old)), Value::Map(new)) if name == "local" => {
                        let mut both = (**old).clone();
                        both.extend(new.iter().map(|(k, v)| (k.clone(), v.clone())));
                        Value::from(both)
                    }
                    _ => value.clone(),
                };
                target.insert(name.to_owned(), value);
            }
        });
    }

    /// Adds a variable of `set_fact` or `register`.
    pub fn set(&self, host: &str, name: &str, value: Value) {
        self.change(host, |l| {
            Arc::make_mut(&mut l.set).insert(name.to_owned(), value);
        });
    }

    /// Adds variables of `include_vars`.
    pub fn include(&self, host: &str, vars: &Map) {
        self.change(host, |l| {
            Arc::make_mut(&mut l.included).extend(vars.iter().map(|(k, v)| (k.clone(), v.clone())));
        });
    }

    /// Forgets the gathered facts (`meta: clear_facts`).
    pub fn clear_facts(&self, host: &str) {
        self.change(host, |l| l.facts = Arc::default());
    }

    fn change(&self, host: &str, change: impl FnOnce(&mut Learned)) {
        if let Ok(mut all) = self.0.write() {
            change(all.entry(host.to_owned()).or_default());
        }
    }
}
