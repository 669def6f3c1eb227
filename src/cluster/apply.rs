//! Making objects as they are wanted, many at a time.

use super::client::{Client, MANAGER, Reply};
use super::compare::same;
use super::object::{
    api_version, called, default_meta, kind as kind_of, name, namespace, text, title,
};
use super::owned::is_applied;
use super::patience::Patience;
use super::requests::{DeleteOptions, PatchType};
use super::seen::Seen;
use super::wait::Until;
use super::{Failure, Json, Kind, order};
use futures_util::StreamExt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How many requests are on their way at once.
const SIDE_BY_SIDE: usize = 16;

/// How long a definition may take until its kind is served.
const ESTABLISHING: Patience = Patience {
    timeout: Duration::from_secs(60),
    sleep: Duration::from_secs(1),
};

/// How an object is made as it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// Created, or patched: the first type of patch that its kind knows.
    Patch(Vec<PatchType>),
    /// Patched, but never created.
    PatchOnly(Vec<PatchType>),
    /// Server-side apply.
    Apply {
        /// Under this name.
        manager: String,
        /// Taking over what others hold.
        force: bool,
    },
    /// Created, or replaced as a whole.
    Replace,
}

/// What became of one object.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// `create`, `update`, `apply`, `replace`, `delete`; empty when there was nothing to do it to.
    pub method: &'static str,
    /// As it was; `None` when it was not there.
    pub before: Option<Json>,
    /// As it is, or would be; `None` when it is gone, or never was.
    pub after: Option<Json>,
    /// Whether it is another one than before.
    pub changed: bool,
    /// The server's warnings, and ours.
    pub warnings: Vec<String>,
    /// Its namespace or kind is only predicted: what it will be is what was asked for.
    pub predicted: bool,
    /// Its kind, when the server has it.
    pub kind: Option<Arc<Kind>>,
}

/// What came of each object, in their order; `None`: not begun, because an earlier stage failed.
pub type Changes = Vec<Option<Result<Change, Failure>>>;

impl Client {
    /// Makes all objects as they are wanted, stage by stage ([`order::stages`]), those of a stage side by side. A stage in which
    /// something fails is the last, unless `go_on`.
    pub async fn bring_all(&self, objects: &[Json], way: &Way, go_on: bool) -> Changes {
        let refs: Vec<&Json> = objects.iter().collect();
        let mut changes: Changes = (0..objects.len()).map(|_| None).collect();
        for stage in order::stages(&refs) {
            let mut failed = false;
            let those: Vec<&Json> = stage.iter().map(|n| &objects[*n]).collect();
            let seen = &self.look(&those).await;
            let work = stage.into_iter().map(|n| async move {
                let mut result = self.bring_seen(&objects[n], way, seen).await;
                if let Ok(change) = &result
                    && kind_of(&objects[n]) == "CustomResourceDefinition"
                    && let Err(e) = self.established(&objects[n], change).await
                {
                    result = Err(e);
                }
                (n, result)
            });
            let mut done = futures_util::stream::iter(work).buffer_unordered(SIDE_BY_SIDE);
            while let Some((n, result)) = done.next().await {
                failed |= result.is_err();
                changes[n] = Some(result);
            }
            if failed && !go_on {
                break;
            }
        }
        changes
    }

    /// Removes all objects, the other way round.
    pub async fn remove_all(
        &self,
        objects: &[Json],
        options: &DeleteOptions,
        go_on: bool,
    ) -> Changes {
        let refs: Vec<&Json> = objects.iter().collect();
        let mut changes: Changes = (0..objects.len()).map(|_| None).collect();
        for stage in order::removal(&refs) {
            let mut failed = false;
            let work = stage
                .into_iter()
                .map(|n| async move { (n, self.remove(&objects[n], options).await) });
            let mut done = futures_util::stream::iter(work).buffer_unordered(SIDE_BY_SIDE);
            while let Some((n, result)) = done.next().await {
                failed |= result.is_err();
                changes[n] = Some(result);
            }
            if failed && !go_on {
                break;
            }
        }
        changes
    }

    /// The namespace that an object of this kind is in.
    pub fn place_of<'a>(&'a self, kind: &Kind, object: &'a Json) -> Option<&'a str> {
        kind.namespaced
            .then(|| namespace(object).unwrap_or(self.namespace()))
    }

    /// Makes one object as it is wanted.
    ///
    /// # Errors
    /// The server's refusal; a kind that it does not have.
    pub async fn bring(&self, object: &Json, way: &Way) -> Result<Change, Failure> {
        self.bring_seen(object, way, &Seen::default()).await
    }

    async fn bring_seen(&self, object: &Json, way: &Way, seen: &Seen) -> Result<Change, Failure> {
        check(object, way)?;
        let found = self.find_kind(api_version(object), kind_of(object)).await?;
        let Some(kind) = found else {
            if self.is_predicted_kind(object) {
                return Ok(self.made(object.clone(), None));
            }
            // says where else it is
            self.kind(api_version(object), kind_of(object)).await?;
            return Err(Failure::Other("the kind came and went".into()));
        };
        let mut object = object.clone();
        object["kind"] = kind.kind.as_str().into();
        object["apiVersion"] = kind.api_version().into();
        let place = self.place_of(&kind, &object).map(str::to_owned);
        if let Some(place) = &place {
            default_meta(&mut object, "namespace", place);
            if self.is_read_only() && self.is_predicted_namespace(place) {
                return Ok(self.made(object, Some(kind)));
            }
        } else if let Some(meta) = object["metadata"].as_object_mut() {
            // a namespace given for all objects of a task
            meta.shift_remove("namespace");
        }
        let before = match (
            name(&object),
            seen.get(&kind, place.as_deref(), name(&object)),
        ) {
            ("", _) => None,
            (_, Some(seen)) => seen.cloned(),
            (own, None) => self.get(&kind, place.as_deref(), own).await?,
        };
        let change = self
            .bring_known(&kind, place.as_deref(), object, before, way)
            .await;
        change.map(|change| Change {
            kind: Some(kind),
            ..change
        })
    }

    async fn bring_known(
        &self,
        kind: &Kind,
        place: Option<&str>,
        mut object: Json,
        before: Option<Json>,
        way: &Way,
    ) -> Result<Change, Failure> {
        let own = name(&object).to_owned();
        if let (Way::Apply { manager, .. }, Some(before)) = (way, &before)
            && is_applied(before, &object, manager)
        {
            return Ok(Change {
                method: "apply",
                after: Some(before.clone()),
                before: Some(before.clone()),
                ..Change::default()
            });
        }
        let (method, reply) = match (way, &before) {
            (Way::Apply { manager, force }, _) => (
                "apply",
                self.apply_ours(kind, place, &object, manager, *force)
                    .await?,
            ),
            (Way::PatchOnly(_), None) => {
                let text = format!(
                    "{} was not found but will not be created, for the state is `patched`",
                    title(&object)
                );
                return Ok(Change {
                    warnings: vec![text],
                    ..Change::default()
                });
            }
            (_, None) => {
                let reply = self.create(kind, place, &object).await?;
                if self.is_read_only() {
                    self.predict(&object);
                }
                ("create", reply)
            }
            (Way::Replace, Some(before)) => {
                let version = text(before, "/metadata/resourceVersion").to_owned();
                default_meta(&mut object, "resourceVersion", &version);
                ("replace", self.replace(kind, place, &object).await?)
            }
            (Way::Patch(types) | Way::PatchOnly(types), Some(_)) => (
                "update",
                self.patch_first(kind, place, &own, &object, types).await?,
            ),
        };
        let with_status = object.get("status").is_some();
        let changed = match &before {
            None => true,
            Some(before) => !same(before, &reply.body, with_status),
        };
        if before.is_none() && method == "apply" && self.is_read_only() {
            self.predict(&object);
        }
        Ok(Change {
            method,
            before,
            after: Some(reply.body),
            changed,
            warnings: reply.warnings,
            ..Change::default()
        })
    }

    /// Server-side apply. What we hold ourselves by an earlier patch is no conflict: the server tells applying and patching apart
    /// even under one name.
    async fn apply_ours(
        &self,
        kind: &Kind,
        place: Option<&str>,
        object: &Json,
        manager: &str,
        force: bool,
    ) -> Result<Reply, Failure> {
        match self.apply(kind, place, object, manager, force).await {
            Err(Failure::Refused(r)) if !force && r.is_with(&[manager, MANAGER]) => {
                self.apply(kind, place, object, manager, true).await
            }
            other => other,
        }
    }

    /// The first type of patch that the kind knows: custom resources know no strategic one.
    async fn patch_first(
        &self,
        kind: &Kind,
        place: Option<&str>,
        own: &str,
        object: &Json,
        types: &[PatchType],
    ) -> Result<Reply, Failure> {
        let mut last = None;
        for patch_type in types {
            match self
                .patch(kind, place, own, None, object, *patch_type)
                .await
            {
                Ok((body, warnings)) => return Ok(Reply { body, warnings }),
                Err(e) if e.code() == Some(415) => last = Some(e),
                Err(e) => return Err(e),
            }
        }
        Err(last.unwrap_or_else(|| Failure::Other("no type of patch is given".into())))
    }

    /// Removes one object.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn remove(&self, object: &Json, options: &DeleteOptions) -> Result<Change, Failure> {
        let own = name(object);
        if own.is_empty() || kind_of(object).is_empty() {
            return Err(Failure::Other(
                "what is to be removed needs `kind` and `metadata.name`".into(),
            ));
        }
        let nothing = Change {
            method: "delete",
            ..Change::default()
        };
        // without its kind there is no object
        let Some(kind) = self.find_kind(api_version(object), kind_of(object)).await? else {
            return Ok(nothing);
        };
        let place = self.place_of(&kind, object);
        let Some(before) = self.get(&kind, place, own).await? else {
            return Ok(Change {
                kind: Some(kind),
                ..nothing
            });
        };
        let answer = self.delete(&kind, place, own, options).await?;
        Ok(Change {
            changed: answer.is_some(),
            before: Some(before),
            after: answer,
            kind: Some(kind),
            ..nothing
        })
    }

    /// A definition that was applied: its kind is served before anything else goes on.
    async fn established(&self, crd: &Json, change: &Change) -> Result<(), Failure> {
        let group = text(crd, "/spec/group");
        self.inner.kinds.forget(group);
        if self.is_read_only() {
            return Ok(());
        }
        let own = name(crd);
        let kind = self
            .kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
            .await?;
        let waited = self
            .wait(&kind, None, own, &Until::Ready, ESTABLISHING)
            .await?;
        if let Some(why) = waited.failed {
            return Err(Failure::Other(why));
        }
        if !change.changed {
            return Ok(());
        }
        // the list of kinds comes a moment later
        for look in 0..40 {
            let mut all = true;
            for wanted in Kind::of_crd(crd) {
                all &= self
                    .find_kind(&wanted.api_version(), &wanted.kind)
                    .await?
                    .is_some();
            }
            if all {
                return Ok(());
            }
            self.sleep(ESTABLISHING.pause(look)).await?;
        }
        Err(Failure::Other(format!(
            "{} is established, but the API server does not serve it",
            called("CustomResourceDefinition", own, None)
        )))
    }

    /// An object that the server cannot try, since what it rests on is not there yet.
    fn made(&self, object: Json, kind: Option<Arc<Kind>>) -> Change {
        self.predict(&object);
        Change {
            method: "create",
            after: Some(object),
            changed: true,
            predicted: true,
            kind,
            ..Change::default()
        }
    }

    fn predict(&self, object: &Json) {
        self.predicted().made(object);
    }

    fn predicted(&self) -> std::sync::MutexGuard<'_, super::predicted::Predicted> {
        self.inner
            .predicted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_predicted_namespace(&self, name: &str) -> bool {
        self.predicted().has_namespace(name)
    }

    fn is_predicted_kind(&self, object: &Json) -> bool {
        self.is_read_only()
            && self
                .predicted()
                .kind(api_version(object), kind_of(object))
                .is_some()
    }
}

/// What every object needs.
fn check(object: &Json, way: &Way) -> Result<(), Failure> {
    let lacks = |field: &str| Err(Failure::Other(format!("it has no `{field}`")));
    if kind_of(object).is_empty() {
        return lacks("kind");
    }
    if api_version(object).is_empty() {
        return lacks("apiVersion");
    }
    let generated = !text(object, "/metadata/generateName").is_empty();
    if name(object).is_empty() && !(generated && matches!(way, Way::Patch(_) | Way::Replace)) {
        return lacks("metadata.name");
    }
    Ok(())
}
