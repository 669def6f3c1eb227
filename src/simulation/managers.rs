//! `Managers`: who owns which fields of an object, as `metadata.managedFields` records it.

use super::apply::{difference, merged, named, without};
use super::failure::Failure;
use super::fields::FieldSet;
use super::kind::Kind;
use super::object::{self, stamp};
use super::structure::Structure;
use serde_json::{Value, json};

/// One entry of `managedFields`.
#[derive(Clone, Debug, PartialEq)]
struct Manager {
    name: String,
    apply: bool,
    version: String,
    time: String,
    subresource: String,
    fields: FieldSet,
}

/// The managers of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Managers(Vec<Manager>);

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The subresource that is written, empty for the object itself.
    pub subresource: &'a str,
}

impl Manager {
    fn read(entry: &Value) -> Manager {
        let text = |field: &str| object::text(entry, &[field]).to_owned();
        Manager {
            name: text("manager"),
            apply: entry["operation"] == "Apply",
            version: text("apiVersion"),
            time: text("time"),
            subresource: text("subresource"),
            fields: FieldSet::from_json(&entry["fieldsV1"]),
        }
    }

    fn write(&self) -> Value {
        let operation = if self.apply { "Apply" } else { "Update" };
        let mut entry =
            json!({"manager": self.name, "operation": operation, "apiVersion": self.version});
        if !self.time.is_empty() {
            entry["time"] = self.time.as_str().into();
        }
        entry["fieldsType"] = "FieldsV1".into();
        entry["fieldsV1"] = self.fields.to_json();
        if !self.subresource.is_empty() {
            entry["subresource"] = self.subresource.as_str().into();
        }
        entry
    }

    /// As messages name it.
    fn told(&self) -> String {
        let mut told = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            told.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if !self.apply {
            told.push_str(&format!(" using {}", self.version));
        }
        told
    }

    fn is(&self, writer: Writer<'_>, apply: bool, version: &str) -> bool {
        self.name == writer.manager
            && self.subresource == writer.subresource
            && self.apply == apply
            && (apply || self.version == version)
    }
}

/// The fields that nobody owns, as the server sets them, and those that a write through this door cannot set.
fn unowned(kind: &Kind, subresource: &str) -> FieldSet {
    let mut set = FieldSet::default();
    set.insert(&["apiVersion"]);
    set.insert(&["kind"]);
    for field in [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generateName",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    ] {
        set.insert(&["metadata", field]);
    }
    if subresource.is_empty() && kind.status {
        set.insert(&["status"]);
    }
    if subresource == "status" {
        set.insert(&["spec"]);
        if kind.custom().is_some() {
            set.insert(&["metadata"]);
        }
    }
    set
}

/// The set without itself being marked where only something below is: `metadata` alone is nobody's.
fn trimmed(mut set: FieldSet) -> FieldSet {
    set.here = false;
    if let Some(metadata) = set.below.get_mut("f:metadata") {
        metadata.here = false;
    }
    set.below.retain(|_, below| !below.is_empty());
    set
}

impl Managers {
    /// The managers that an object names.
    pub fn of(object: &Value) -> Managers {
        let entries = object::list(object, &["metadata", "managedFields"]);
        Managers(entries.iter().map(Manager::read).collect())
    }

    /// Writes the managers into the object.
    pub fn write(&self, object: &mut Value) {
        let mut entries: Vec<&Manager> = self.0.iter().collect();
        entries.sort_by(|a, b| {
            (!a.apply, &a.time, &a.name, &a.subresource).cmp(&(
                !b.apply,
                &b.time,
                &b.name,
                &b.subresource,
            ))
        });
        let entries: Vec<Value> = entries.into_iter().map(Manager::write).collect();
        let metadata = object::map(object, "metadata");
        if entries.is_empty() {
            metadata.remove("managedFields");
        } else {
            metadata.insert("managedFields".into(), entries.into());
        }
    }

    fn others(&self, writer: Writer<'_>, apply: bool, version: &str) -> FieldSet {
        let others = self.0.iter().filter(|it| !it.is(writer, apply, version));
        others.fold(FieldSet::default(), |all, it| all.union(&it.fields))
    }

    fn set(
        &mut self,
        writer: Writer<'_>,
        apply: bool,
        version: &str,
        fields: FieldSet,
        now: jiff::Timestamp,
    ) {
        let old = self.0.iter().position(|it| it.is(writer, apply, version));
        let same =
            old.is_some_and(|at| self.0[at].fields == fields && self.0[at].version == version);
        if same {
            return;
        }
        if let Some(at) = old {
            self.0.remove(at);
        }
        if !fields.is_empty() {
            self.0.push(Manager {
                name: writer.manager.to_owned(),
                apply,
                version: version.to_owned(),
                // the real server does not say when something was scaled
                time: if writer.subresource == "scale" {
                    String::new()
                } else {
                    stamp(now)
                },
                subresource: writer.subresource.to_owned(),
                fields,
            });
        }
    }

    /// Nobody owns what is no longer there.
    fn forget(&mut self, gone: &FieldSet) {
        for manager in &mut self.0 {
            manager.fields = manager.fields.minus(gone);
        }
        self.0.retain(|it| !it.fields.is_empty());
    }

    /// Notes what an update changed: the writer owns it, and nobody else.
    pub fn updated(
        &mut self,
        kind: &Kind,
        old: &Value,
        new: &Value,
        writer: Writer<'_>,
        now: jiff::Timestamp,
    ) {
        let version = kind.api_version();
        let unowned = unowned(kind, writer.subresource);
        let found = difference(Structure::of(kind), old, new);
        let changed = trimmed(found.changed.minus_below(&unowned));
        self.forget(&found.removed);
        for manager in &mut self.0 {
            if !manager.is(writer, false, &version) {
                manager.fields = manager.fields.minus(&changed);
            }
        }
        self.0.retain(|it| !it.fields.is_empty());
        if changed.is_empty() {
            return;
        }
        let own = self.0.iter().find(|it| it.is(writer, false, &version));
        let own = own.map(|it| it.fields.clone()).unwrap_or_default();
        self.set(writer, false, &version, own.union(&changed), now);
    }

    /// Applies what a manager wants: the new object, with the managers brought up to date.
    /// Fields of others with other values are a conflict, unless it is forced.
    pub fn applied(
        &mut self,
        kind: &Kind,
        live: &Value,
        wanted: &Value,
        writer: Writer<'_>,
        force: bool,
        now: jiff::Timestamp,
    ) -> Result<Value, Failure> {
        let structure = Structure::of(kind);
        let version = kind.api_version();
        let unowned = unowned(kind, writer.subresource);
        let set = trimmed(named(structure, wanted).minus_below(&unowned));
        let before = self.0.iter().find(|it| it.is(writer, true, &version));
        let before = before.map(|it| it.fields.clone()).unwrap_or_default();
        let others = self.others(writer, true, &version);
        let new = merged(structure, live, wanted);
        let new = without(structure, &new, &before.minus(&set), &set.union(&others));
        let found = difference(structure, live, &new);
        let changed = trimmed(found.changed.minus_below(&unowned));
        let mut conflicts = Vec::new();
        for manager in &mut self.0 {
            if manager.is(writer, true, &version) {
                continue;
            }
            let taken = manager.fields.both(&changed);
            if taken.is_empty() {
                continue;
            }
            if force {
                manager.fields = manager.fields.minus(&taken);
            } else {
                let told = manager.told();
                conflicts.extend(taken.paths().into_iter().map(|path| (told.clone(), path)));
            }
        }
        if !conflicts.is_empty() {
            conflicts.sort();
            return Err(Failure::apply_conflict(&conflicts));
        }
        self.forget(&found.removed);
        self.set(writer, true, &version, set, now);
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::kind::builtin;

    fn kind(name: &str) -> Kind {
        builtin().into_iter().find(|it| it.kind == name).unwrap()
    }

    fn writer(manager: &str) -> Writer<'_> {
        Writer {
            manager,
            subresource: "",
        }
    }

    #[test]
    fn fields_no_longer_applied_go_and_those_of_others_stay() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let kind = kind("ConfigMap");
        let mut managers = Managers::default();
        let wanted = json!({"metadata": {"name": "a"}, "data": {"x": "1", "y": "1"}});
        let live = managers
            .applied(&kind, &json!({}), &wanted, writer("one"), false, now)
            .unwrap();
        let wanted = json!({"metadata": {"name": "a"}, "data": {"y": "1", "z": "1"}});
        let live = managers
            .applied(&kind, &live, &wanted, writer("two"), false, now)
            .unwrap();
        let refused = managers.clone().applied(
            &kind,
            &live,
            &json!({"data": {"z": "2"}}),
            writer("one"),
            false,
            now,
        );
        insta::assert_snapshot!(refused.unwrap_err().message, @r#"Apply failed with 1 conflict: conflict with "two": .data.z"#);
        let live = managers
            .applied(
                &kind,
                &live,
                &json!({"data": {"z": "2"}}),
                writer("one"),
                true,
                now,
            )
            .unwrap();
        assert_eq!(live["data"], json!({"y": "1", "z": "2"}));
        let told: Vec<_> = managers
            .0
            .iter()
            .map(|it| (it.name.as_str(), it.fields.to_json()))
            .collect();
        assert_eq!(
            told,
            [
                ("two", json!({"f:data": {"f:y": {}}})),
                ("one", json!({"f:data": {"f:z": {}}}))
            ]
        );
    }

    #[test]
    fn containers_are_told_apart_by_name() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let kind = kind("Pod");
        let mut managers = Managers::default();
        let pod = |containers: Value| json!({"spec": {"containers": containers}});
        let live = pod(
            json!([{"name": "app", "image": "a", "tty": true}, {"name": "side", "image": "s"}]),
        );
        let mut other = Managers::default();
        other.updated(&kind, &json!({}), &live, writer("kubectl"), now);
        managers.0.extend(other.0);
        let wanted = pod(json!([{"name": "app", "image": "a"}, {"name": "new", "image": "n"}]));
        let live = managers
            .applied(&kind, &live, &wanted, writer("hoist"), false, now)
            .unwrap();
        let names: Vec<_> = object::list(&live, &["spec", "containers"])
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["app", "side", "new"]);
        let wanted = pod(json!([{"name": "new", "image": "n"}]));
        let live = managers
            .applied(&kind, &live, &wanted, writer("hoist"), false, now)
            .unwrap();
        assert_eq!(object::list(&live, &["spec", "containers"]).len(), 3);
        let live = managers
            .applied(&kind, &live, &pod(json!([])), writer("hoist"), false, now)
            .unwrap();
        let names: Vec<_> = object::list(&live, &["spec", "containers"])
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["app", "side"]);
    }
}
