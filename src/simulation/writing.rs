//! Writing: the one way by which objects come into the cluster and change there.

use super::admission;
use super::cluster::Cluster;
use super::conform::{Validation, conform, conform_applied};
use super::failure::{Failure, FieldError};
use super::kind::{Kind, Origin};
use super::managers::{Managers, Writer};
use super::object;
use super::passport::{begin, carry_on, count, envelope};
use super::patch::Patch;
use super::structure::Structure;
use super::{defaults, validate};
use serde_json::{Value, json};
use std::sync::Arc;

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

impl Cluster {
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
            let given = new.clone();
            let warnings = conform(kind, &mut new, how.validation).map_err(|failure| {
                let reason = failure
                    .message
                    .split(": ")
                    .skip(1)
                    .collect::<Vec<_>>()
                    .join(": ");
                if failure.code == 400 {
                    Failure::bad_patch(&given, &reason)
                } else {
                    failure
                }
            })?;
            return self.settle(kind, Some(old), new, None, how, warnings);
        };
        envelope(kind, &mut wanted)?;
        let given = object::name(&wanted).to_owned();
        if given.is_empty() && old.is_none() {
            let message = format!(
                "the name of the object ({name} based on URL) was undeterminable: name must be provided"
            );
            return Err(Failure::bad_request(message));
        }
        if !given.is_empty() && given != name {
            let message = format!(
                "the name of the object ({given}) does not match the name on the URL ({name})"
            );
            return Err(Failure::bad_request(message));
        }
        if !object::list(&wanted, &["metadata", "managedFields"]).is_empty() {
            return Err(Failure::bad_request("metadata.managedFields must be nil"));
        }
        conform_applied(kind, &mut wanted)?;
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
        self.write(kind, old, new, Some(managers), how)
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
        let warnings = conform(kind, &mut new, how.validation)?;
        self.settle(kind, old, new, managers, how, warnings)
    }

    /// What every write goes through when its object is known to be one of its kind.
    fn settle(
        &mut self,
        kind: &Kind,
        old: Option<Arc<Value>>,
        mut new: Value,
        managers: Option<Managers>,
        how: How<'_>,
        warnings: Vec<String>,
    ) -> Result<Written, Failure> {
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
        // defaults of an applied object belong to nobody, those of an updated one to its writer; what the server completes to nobody
        let builtin = matches!(kind.origin, Origin::Builtin(_));
        if builtin {
            defaults::fill(kind, &mut new);
            defaults::tidy(&mut new);
        }
        let mut managers = match managers {
            Some(managers) => managers,
            None => {
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
        if builtin {
            admission::complete(self, kind, old.as_deref(), &mut new)?;
        }
        managers.write(&mut new);
        count(kind, old.as_deref(), &mut new);
        let errors = validate::check(kind, &new, old.as_deref());
        if !errors.is_empty() {
            return Err(Failure::invalid(kind, &name, &errors));
        }
        if old.is_none() {
            admission::quota(self, kind, &new)?;
            if self
                .store
                .get(&self.key(kind, object::namespace(&new), &name))
                .is_some()
            {
                return Err(Failure::already_exists(kind, &name));
            }
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
}
