//! `Catalog`: the kinds that are served at the moment, built in and custom.

use super::kind::{Custom, Kind, Origin, Scale, builtin};
use super::object;
use serde_json::Value;
use std::sync::Arc;

/// The kinds that are served.
pub struct Catalog {
    builtin: Vec<Arc<Kind>>,
    custom: Vec<Arc<Kind>>,
}

impl Default for Catalog {
    fn default() -> Catalog {
        Catalog {
            builtin: builtin().into_iter().map(Arc::new).collect(),
            custom: Vec::new(),
        }
    }
}

impl Catalog {
    /// All kinds, in the order of discovery.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.builtin.iter().chain(&self.custom)
    }

    /// The kind behind a path.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        let mut all = self.all();
        all.find(|it| it.plural == plural && it.group == group && it.version == version)
            .map(Arc::clone)
    }

    /// The kind of a group, in the version that is served first.
    pub fn kind(&self, group: &str, kind: &str) -> Option<Arc<Kind>> {
        self.all().find(|it| it.is(group, kind)).map(Arc::clone)
    }

    /// The kind of an object, by its `apiVersion` and `kind`.
    pub fn of(&self, api_version: &str, kind: &str) -> Option<Arc<Kind>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.all()
            .find(|it| it.kind == kind && it.group == group && it.version == version)
            .map(Arc::clone)
    }

    /// Groups with their versions, the preferred one first.
    pub fn groups(&self) -> Vec<(String, Vec<String>)> {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for kind in self.all() {
            let at = groups.iter().position(|(group, _)| *group == kind.group);
            let at = at.unwrap_or_else(|| {
                groups.push((kind.group.clone(), Vec::new()));
                groups.len() - 1
            });
            if !groups[at].1.contains(&kind.version) {
                groups[at].1.push(kind.version.clone());
            }
        }
        groups
    }

    /// Takes the custom kinds from the CustomResourceDefinitions there are.
    pub fn define<'a>(&mut self, definitions: impl Iterator<Item = &'a Value>) {
        self.custom = definitions
            .filter(|it| condition(it, "Established") == Some("True"))
            .flat_map(versions)
            .map(Arc::new)
            .collect();
    }
}

/// The status of a condition of an object.
pub fn condition<'a>(object: &'a Value, sort: &str) -> Option<&'a str> {
    let conditions = object::list(object, &["status", "conditions"]);
    let found = conditions.iter().find(|it| it["type"] == sort)?;
    found["status"].as_str()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect()
}

fn path(value: &Value) -> Vec<String> {
    let text = value.as_str().unwrap_or_default();
    let fields = text.split('.').filter(|it| !it.is_empty());
    fields.map(str::to_owned).collect()
}

/// How good a version is: `v2` before `v1` before `v1beta1`.
fn rank(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or_default();
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (major, rest) = rest.split_at(digits);
    let (sort, minor) = match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
        (Some(minor), _) => (1, minor),
        (_, Some(minor)) => (0, minor),
        _ => (2, rest),
    };
    (sort, major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

fn versions(definition: &Value) -> Vec<Kind> {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let mut served: Vec<&Value> = object::list(spec, &["versions"])
        .iter()
        .filter(|it| it["served"] == true)
        .collect();
    served.sort_by_key(|it| std::cmp::Reverse(rank(object::text(it, &["name"]))));
    let make = |(at, version): (usize, &Value)| {
        let subresources = &version["subresources"];
        let scale = subresources["scale"].as_object().map(|scale| Scale {
            spec: path(&scale["specReplicasPath"]),
            status: path(&scale["statusReplicasPath"]),
            selector: path(scale.get("labelSelectorPath").unwrap_or(&Value::Null)),
        });
        let kind = object::text(names, &["kind"]);
        let singular = object::text(names, &["singular"]);
        Kind {
            group: object::text(spec, &["group"]).to_owned(),
            version: object::text(version, &["name"]).to_owned(),
            kind: kind.to_owned(),
            plural: object::text(names, &["plural"]).to_owned(),
            singular: if singular.is_empty() {
                kind.to_lowercase()
            } else {
                singular.to_owned()
            },
            short: texts(&names["shortNames"]),
            categories: texts(&names["categories"]),
            namespaced: spec["scope"] == "Namespaced",
            status: subresources["status"].is_object(),
            scale,
            generation: true,
            origin: Origin::Custom(Arc::new(Custom {
                schema: version["schema"]["openAPIV3Schema"].clone(),
                columns: object::list(version, &["additionalPrinterColumns"]).to_vec(),
                preferred: at == 0,
            })),
        }
    };
    served.into_iter().enumerate().map(make).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ranked() {
        let mut all = ["v1alpha1", "v1", "v1beta2", "v10", "v2", "v1beta1", "foo"];
        all.sort_by_key(|it| std::cmp::Reverse(rank(it)));
        assert_eq!(all[..3], ["v10", "v2", "v1"]);
        assert_eq!(all[4..], ["v1beta2", "v1beta1", "v1alpha1"]);
    }
}
