//! `Cluster`: the objects and the kinds that are served.

use super::catalog::Catalog;
use super::change::Key;
use super::failure::Failure;
use super::kind::Kind;
use super::object;
use super::settings::Settings;
use super::store::Store;
use serde_json::Value;
use std::sync::Arc;

/// The objects, the kinds that are served, and what the cluster was told about itself.
pub struct Cluster {
    /// The objects.
    pub store: Store,
    /// The kinds.
    pub catalog: Catalog,
    /// What the cluster was told.
    pub settings: Settings,
}

/// Where an object is kept. Versions of a kind share their place.
pub fn place(kind: &Kind) -> String {
    format!("{}/{}", kind.group, kind.plural)
}

impl Cluster {
    /// A cluster around a store.
    pub fn new(store: Store, settings: Settings) -> Cluster {
        let mut cluster = Cluster {
            store,
            catalog: Catalog::default(),
            settings,
        };
        cluster.define();
        cluster
    }

    /// Serves the kinds of the CustomResourceDefinitions there are.
    pub fn define(&mut self) {
        let place = "apiextensions.k8s.io/customresourcedefinitions";
        let definitions = self.store.list(place, None);
        self.catalog
            .define(definitions.map(|(_, definition)| &**definition));
    }

    /// The key of an object.
    pub fn key(&self, kind: &Kind, namespace: &str, name: &str) -> Key {
        let namespace = if kind.namespaced { namespace } else { "" };
        Key(place(kind), namespace.to_owned(), name.to_owned())
    }

    /// An object as a version of its kind shows it.
    pub fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Arc<Value>, Failure> {
        let found = self.store.get(&self.key(kind, namespace, name));
        let found = found.ok_or_else(|| Failure::not_found(kind, name))?;
        Ok(shown(kind, found))
    }

    /// An object of a built-in kind, by its place (`group/plural`).
    pub fn find(&self, place: &str, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.store.get(&Key(
            place.to_owned(),
            namespace.to_owned(),
            name.to_owned(),
        ))
    }
    /// Puts an object into the store.
    pub fn keep(&mut self, kind: &Kind, key: Key, value: Value) -> Result<Arc<Value>, Failure> {
        let kept = self.store.put(key, value).map_err(|error| broken(&error))?;
        if kind.kind == "CustomResourceDefinition" {
            self.define();
        }
        Ok(kept)
    }

    /// Takes an object out of the store.
    pub fn drop_object(&mut self, kind: &Kind, key: Key) -> Result<(), Failure> {
        self.store.remove(key).map_err(|error| broken(&error))?;
        if kind.kind == "CustomResourceDefinition" {
            self.define();
        }
        Ok(())
    }

    /// Whether nothing holds an object that is to go.
    pub fn is_free(&self, kind: &Kind, it: &Value) -> bool {
        let held = !object::list(it, &["metadata", "finalizers"]).is_empty()
            || (kind.is("", "Namespace") && !object::list(it, &["spec", "finalizers"]).is_empty());
        let dying = kind.is("", "Pod")
            && object::number(it, &["metadata", "deletionGracePeriodSeconds"])
                .is_some_and(|it| it > 0);
        !held && !dying
    }
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::internal(format!(
        "cannot write to the store of the simulation: {error}"
    ))
}

/// An object as a version of its kind shows it.
pub fn shown(kind: &Kind, found: &Arc<Value>) -> Arc<Value> {
    if kind.custom().is_none() || found["apiVersion"] == kind.api_version().as_str() {
        return Arc::clone(found);
    }
    let mut object = Value::clone(found);
    object["apiVersion"] = kind.api_version().into();
    Arc::new(object)
}
