//! The order in which the layers count.

use crate::template::{Outside, Scope};
use crate::value::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One source of variables.
#[derive(Clone)]
pub enum Layer {
    /// Names as they are.
    Plain(Arc<Map>),
    /// Gathered facts: `ansible_facts`, and each fact again as `ansible_NAME`.
    Facts(Arc<Map>),
    /// Computed when asked for.
    Computed(Arc<dyn Computed>),
}

/// Variables that are computed when they are asked for (magic variables).
pub trait Computed: Send + Sync {
    /// The variable, if this source has it.
    fn get(&self, name: &str) -> Option<Value>;
    /// Every name.
    fn names(&self) -> Vec<String>;
}

/// The other hosts' variables, and the world outside of variables.
pub trait Neighbours: Send + Sync {
    /// The scope of another host, for `hostvars`.
    fn host(&self, name: &str) -> Option<Arc<dyn Scope>>;
    /// Every host of the inventory.
    fn hosts(&self) -> Vec<String>;
    /// What lookups may ask.
    fn outside(&self) -> &dyn Outside;
}

/// All layers that one task on one host sees, the strongest first.
/// Order: <https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html>, "Understanding variable precedence".
#[derive(Clone)]
pub struct TaskScope {
    /// Strongest first.
    pub layers: Vec<Layer>,
    /// The rest of the world.
    pub neighbours: Arc<dyn Neighbours>,
}

impl TaskScope {
    /// This scope with a stronger layer on top.
    pub fn with(&self, vars: Map) -> Self {
        if vars.is_empty() {
            return self.clone();
        }
        let mut layers = Vec::with_capacity(self.layers.len() + 1);
        layers.push(Layer::Plain(Arc::new(vars)));
        layers.extend(self.layers.iter().cloned());
        Self {
            layers,
            neighbours: self.neighbours.clone(),
        }
    }

    /// As templates take it.
    pub fn shared(self) -> Arc<dyn Scope> {
        Arc::new(self)
    }
}

/// Whether a fact is a variable by its own name: those of getent, package_facts, service_facts and mount_facts are, all
/// others begin with `ansible_`.
fn is_bare(fact: &str) -> bool {
    matches!(
        fact,
        "packages" | "services" | "mount_points" | "aggregate_mounts"
    ) || fact.starts_with("getent_")
}

impl Scope for TaskScope {
    fn get(&self, name: &str) -> Option<Value> {
        self.layers.iter().find_map(|layer| match layer {
            Layer::Plain(vars) => vars.get(name).cloned(),
            Layer::Facts(facts) if name == "ansible_facts" => Some(Value::Map(facts.clone())),
            Layer::Facts(facts) => match name.strip_prefix("ansible_") {
                Some(fact) => facts.get(fact).cloned(),
                None if is_bare(name) => facts.get(name).cloned(),
                None => None,
            },
            Layer::Computed(computed) => computed.get(name),
        })
    }

    fn names(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for layer in &self.layers {
            match layer {
                Layer::Plain(vars) => names.extend(vars.keys().cloned()),
                Layer::Facts(facts) => {
                    names.insert("ansible_facts".to_owned());
                    names.extend(facts.keys().map(|k| match is_bare(k) {
                        true => k.clone(),
                        false => format!("ansible_{k}"),
                    }));
                }
                Layer::Computed(computed) => names.extend(computed.names()),
            }
        }
        names.into_iter().collect()
    }

    fn host(&self, host: &str) -> Option<Arc<dyn Scope>> {
        self.neighbours.host(host)
    }

    fn hosts(&self) -> Vec<String> {
        self.neighbours.hosts()
    }

    fn outside(&self) -> &dyn Outside {
        self.neighbours.outside()
    }
}
