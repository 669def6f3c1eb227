//! `Cluster`: the objects and the rules by which they are written.

use super::admission;
use super::catalog::Catalog;
use super::conform::{Validation, conform};
use super::failure::{Failure, FieldError};
use super::kind::{Kind, Origin};
use super::managers::{Managers, Writer};
use super::object::{self, stamp};
use super::patch::Patch;
use super::settings::Settings;
use super::store::{Key, Store};
use super::structure::Structure;
use super::{defaults, validate};
use serde_json::{Value, json};
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

/// How something is to be written.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// `status`, `scale`, or empty for the object itself.
    pub subresource: &'a str,
    /// Whether nothing is to be kept of it.
    pub dry_run: bool,
    /// What becomes of unknown fields.
    pub validation: Validation,
}

impl<'a> How<'a> {
    /// As the cluster's own parts write.
    pub fn by(manager: &'a str) -> How<'a> {
        How {
            manager,
            subresource: "",
            dry_run: false,
            validation: Validation::Ignore,
        }
    }

    /// The same, for the object's status.
    pub fn status(manager: &'a str) -> How<'a> {
        How {
            subresource: "status",
            ..How::by(manager)
        }
    }
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The object as it is now.
    pub object: Arc<Value>,
    /// Whether it was not there before.
    pub created: bool,
    /// What the writer should know.
    pub warnings: Vec<String>,
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

    /// Makes an object.
    pub fn create(
        &mut self,
        kind: &Kind,
        namespace: &str,
        mut new: Value,
        how: How<'_>,
    ) -> Result<Written, Failure> {
        envelope(kind, &mut new)?;
        let metadata = object::map(&mut new, "metadata");
        let given = metadata
            .get("namespace")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if kind.namespaced && !given.is_empty() && given != namespace {
            let message = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Failure::bad_request(message));
        }
        if metadata.get("resourceVersion").is_some_and(|it| it != "") {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Failure::bad_request(message));
        }
        let named = |it: Option<&Value>| it.and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut name = named(metadata.get("name"));
        let prefix = named(metadata.get("generateName"));
        if name.is_empty() && prefix.is_empty() {
            let error = FieldError::required("metadata.name", "name or generateName is required");
            return Err(Failure::invalid(kind, "", &[error]));
        }
        if name.is_empty() {
            name = format!("{prefix}{}", object::suffix(5));
            metadata.insert("name".into(), name.clone().into());
        }
        if kind.namespaced {
            metadata.insert("namespace".into(), namespace.into());
            self.check_namespace(kind, namespace, &name)?;
        } else {
            metadata.shift_remove("namespace");
        }
        if self.store.get(&self.key(kind, namespace, &name)).is_some() {
            return Err(Failure::already_exists(kind, &name));
        }
        self.write(kind, None, new, None, how)
    }

    fn check_namespace(&self, kind: &Kind, namespace: &str, name: &str) -> Result<(), Failure> {
        let Some(found) = self.find("/namespaces", "", namespace) else {
            return Err(match self.catalog.kind("", "Namespace") {
                Some(kind) => Failure::not_found(&kind, namespace),
                None => Failure::no_such_path(),
            });
        };
        if object::deleting(found) && kind.kind != "Event" {
            return Err(Failure::terminating(kind, name, namespace));
        }
        Ok(())
    }

    /// Replaces an object.
    pub fn replace(
        &mut self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        mut new: Value,
        how: How<'_>,
    ) -> Result<Written, Failure> {
        envelope(kind, &mut new)?;
        let old = self.get(kind, namespace, name)?;
        let given = object::name(&new);
        if given != name {
            let message = format!(
                "the name of the object ({given}) does not match the name on the URL ({name})"
            );
            return Err(Failure::bad_request(message));
        }
        if kind.custom().is_some()
            && object::text(&new, &["metadata", "resourceVersion"]).is_empty()
        {
            let value = json!("0x0");
            let error = FieldError::invalid(
                "metadata.resourceVersion",
                &value,
                "must be specified for an update",
            );
            return Err(Failure::invalid(kind, name, &[error]));
        }
        self.write(kind, Some(old), new, None, how)
    }

    /// Patches an object; server-side apply makes it where it is not there.
    pub fn patch(
        &mut self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        patch: Patch,
        how: How<'_>,
    ) -> Result<Written, Failure> {
        let old = match self.get(kind, namespace, name) {
            Ok(old) => Some(old),
            Err(failure)
                if failure.code == 404
                    && matches!(patch, Patch::Apply { .. })
                    && how.subresource.is_empty() =>
            {
                None
            }
            Err(failure) => return Err(failure),
        };
        let Patch::Apply { mut wanted, force } = patch else {
            let old = old.ok_or_else(|| Failure::not_found(kind, name))?;
            let mut new = patch.to(Structure::of(kind), &old)?;
            envelope(kind, &mut new)?;
            return self.write(kind, Some(old), new, None, how);
        };
        envelope(kind, &mut wanted)?;
        let given = object::name(&wanted).to_owned();
        if !given.is_empty() && given != name {
            let message = format!(
                "the name of the object ({given}) does not match the name on the URL ({name})"
            );
            return Err(Failure::bad_request(message));
        }
        if !object::list(&wanted, &["metadata", "managedFields"]).is_empty() {
            return Err(Failure::bad_request("metadata.managedFields must be nil"));
        }
        let warnings = conform(kind, &mut wanted, how.validation, false)?;
        let metadata = object::map(&mut wanted, "metadata");
        metadata.insert("name".into(), name.into());
        if kind.namespaced {
            metadata.insert("namespace".into(), namespace.into());
        }
        if old.is_none() && kind.namespaced {
            self.check_namespace(kind, namespace, name)?;
        }
        let live = old.as_deref().cloned().unwrap_or_else(|| json!({}));
        let mut managers = Managers::of(&live);
        let writer = Writer {
            manager: how.manager,
            subresource: how.subresource,
        };
        let now = jiff::Timestamp::now();
        let new = managers.applied(kind, &live, &wanted, writer, force, now)?;
        let mut written = self.write(kind, old, new, Some(managers), how)?;
        written.warnings.extend(warnings);
        Ok(written)
    }

    /// The one way in: what every write goes through.
    fn write(
        &mut self,
        kind: &Kind,
        old: Option<Arc<Value>>,
        mut new: Value,
        managers: Option<Managers>,
        how: How<'_>,
    ) -> Result<Written, Failure> {
        let warnings = conform(kind, &mut new, how.validation, true)?;
        let name = object::name(&new).to_owned();
        let now = jiff::Timestamp::now();
        match old.as_deref() {
            None => begin(kind, &mut new, now),
            Some(old) => carry_on(kind, old, &mut new, how.subresource, &name)?,
        }
        let writer = Writer {
            manager: how.manager,
            subresource: how.subresource,
        };
        // defaults of an applied object belong to nobody, those of an updated one to its writer
        if managers.is_some() {
            self.finish(kind, old.as_deref(), &mut new)?;
        }
        let mut managers = match managers {
            Some(managers) => managers,
            None => {
                self.finish(kind, old.as_deref(), &mut new)?;
                let none = json!({});
                let before = old.as_deref().unwrap_or(&none);
                let mut managers = Managers::of(before);
                managers.updated(kind, before, &new, writer, now);
                managers
            }
        };
        if kind.is("", "Event") {
            managers = Managers::default();
        }
        managers.write(&mut new);
        count(kind, old.as_deref(), &mut new);
        let errors = validate::check(kind, &new, old.as_deref());
        if !errors.is_empty() {
            return Err(Failure::invalid(kind, &name, &errors));
        }
        if old.is_none() {
            admission::quota(self, kind, &new)?;
        }
        let written = |object, created| Written {
            object,
            created,
            warnings,
        };
        if let Some(old) = &old {
            if new == **old {
                return Ok(written(Arc::clone(old), false));
            }
            if how.dry_run {
                return Ok(written(Arc::new(new), false));
            }
        } else if how.dry_run {
            return Ok(written(Arc::new(new), true));
        }
        let key = self.key(kind, object::namespace(&new), &name);
        if object::deleting(&new) && self.is_free(kind, &new) {
            self.drop_object(kind, key)?;
            return Ok(written(Arc::new(new), false));
        }
        let object = self.keep(kind, key, new)?;
        Ok(written(object, old.is_none()))
    }

    fn finish(&mut self, kind: &Kind, old: Option<&Value>, new: &mut Value) -> Result<(), Failure> {
        if matches!(kind.origin, Origin::Builtin(_)) {
            defaults::fill(kind, new);
            admission::complete(self, kind, old, new)?;
            defaults::tidy(new);
        }
        Ok(())
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

/// Checks `apiVersion` and `kind`, and fills them in.
fn envelope(kind: &Kind, it: &mut Value) -> Result<(), Failure> {
    if !it.is_object() || !(it["metadata"].is_object() || it["metadata"].is_null()) {
        let message = format!(
            "the object provided is unrecognized (must be of type {})",
            kind.kind
        );
        return Err(Failure::bad_request(message));
    }
    let version = kind.api_version();
    let given = object::text(it, &["apiVersion"]);
    if !given.is_empty() && given != version {
        let message = format!(
            "the API version in the data ({given}) does not match the expected API version ({version})"
        );
        return Err(Failure::bad_request(message));
    }
    let given = object::text(it, &["kind"]);
    if !given.is_empty() && given != kind.kind {
        let message = format!(
            "{given} in version {version:?} cannot be handled as a {}: converting ({given}) to ({}): unknown conversion",
            kind.kind, kind.kind
        );
        return Err(Failure::bad_request(message));
    }
    let map = object::object(it);
    map.insert("apiVersion".into(), version.into());
    map.insert("kind".into(), kind.kind.as_str().into());
    Ok(())
}

/// A new object gets its identity.
fn begin(kind: &Kind, new: &mut Value, now: jiff::Timestamp) {
    if kind.status && !kind.is("", "Node") {
        object::object(new).shift_remove("status");
        if kind.custom().is_none() {
            new["status"] = json!({});
        }
    }
    let metadata = object::map(new, "metadata");
    for field in [
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    ] {
        metadata.shift_remove(field);
    }
    metadata.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    metadata.insert("creationTimestamp".into(), stamp(now).into());
    metadata.shift_remove("generation");
}

/// A changed object keeps its identity, and what this door does not change.
fn carry_on(
    kind: &Kind,
    old: &Value,
    new: &mut Value,
    subresource: &str,
    name: &str,
) -> Result<(), Failure> {
    let text = |it: &Value, field: &str| object::text(it, &["metadata", field]).to_owned();
    let (uid, before) = (text(new, "uid"), text(old, "uid"));
    if !uid.is_empty() && uid != before {
        let detail = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {before}"
        );
        return Err(Failure::cannot(kind, name, &detail));
    }
    let revision = text(new, "resourceVersion");
    if !revision.is_empty() && revision != text(old, "resourceVersion") {
        return Err(Failure::modified(kind, name));
    }
    if subresource == "status" {
        let status = new["status"].take();
        let version = new["apiVersion"].take();
        *new = old.clone();
        new["apiVersion"] = version;
        if status.is_null() {
            object::object(new).shift_remove("status");
        } else {
            new["status"] = status;
        }
    } else if kind.status {
        if old["status"].is_null() {
            object::object(new).shift_remove("status");
        } else {
            new["status"] = old["status"].clone();
        }
    }
    let metadata = object::map(new, "metadata");
    for field in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "namespace",
        "managedFields",
    ] {
        match old["metadata"].get(field) {
            Some(value) => metadata.insert(field.into(), value.clone()),
            None => metadata.shift_remove(field),
        };
    }
    Ok(())
}

/// Counts a change of what is wanted.
fn count(kind: &Kind, old: Option<&Value>, new: &mut Value) {
    if !kind.generation {
        return;
    }
    let wanted = |it: &Value| {
        let mut it = it.clone();
        let map = object::object(&mut it);
        map.shift_remove("metadata");
        if kind.status || kind.custom().is_none() {
            map.shift_remove("status");
        }
        map.shift_remove("apiVersion");
        it
    };
    let generation = match old {
        None => 1,
        Some(old) => {
            let before = object::number(old, &["metadata", "generation"]).unwrap_or(1);
            before + i64::from(wanted(old) != wanted(new))
        }
    };
    new["metadata"]["generation"] = generation.into();
}
