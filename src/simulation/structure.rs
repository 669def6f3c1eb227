//! `Structure`: how the fields of a kind merge: which lists are mappings in disguise, and what changes only as a whole.

use super::kind::{Kind, Origin};
use serde_json::Value;

/// How a list merges in server-side apply.
#[derive(Clone, Debug, PartialEq)]
pub enum ListType {
    /// As a whole.
    Atomic,
    /// Its values are a set.
    Set,
    /// Its items are told apart by these fields.
    Map(Vec<String>),
}

/// A place in an object, as seen by what merges.
#[derive(Clone, Copy)]
pub struct Structure<'a> {
    kind: &'a Kind,
    /// The schema here, for custom kinds outside of `metadata`.
    schema: Option<&'a Value>,
    /// The last two field names on the way here; list items count for their list.
    parent: &'a str,
    field: &'a str,
    metadata: bool,
    depth: usize,
}

/// Maps of built-in kinds that change only as a whole.
const ATOMIC_MAPS: &[&str] = &[
    "claimRef",
    "configMapKeyRef",
    "dataSource",
    "fieldRef",
    "involvedObject",
    "labelSelector",
    "namespaceSelector",
    "nodeSelector",
    "objectSelector",
    "podSelector",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "resourceFieldRef",
    "roleRef",
    "scaleTargetRef",
    "scopeSelector",
    "secretKeyRef",
    "secretRef",
    "selector",
    "targetRef",
];

const POD_LISTS: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("hostAliases", &["ip"]),
    ("hostIPs", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("podIPs", &["ip"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    (
        "topologySpreadConstraints",
        &["topologyKey", "whenUnsatisfiable"],
    ),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

impl<'a> Structure<'a> {
    /// The whole object of a kind.
    pub fn of(kind: &'a Kind) -> Structure<'a> {
        let schema = match &kind.origin {
            Origin::Custom(custom) => Some(&custom.schema),
            Origin::Builtin(_) => None,
        };
        Structure {
            kind,
            schema,
            parent: "",
            field: "",
            metadata: false,
            depth: 0,
        }
    }

    /// A field of this mapping.
    pub fn field(self, name: &'a str) -> Structure<'a> {
        let schema = self.schema.and_then(|schema| {
            let known = &schema["properties"][name];
            let wanted = if known.is_null() {
                &schema["additionalProperties"]
            } else {
                known
            };
            wanted.is_object().then_some(wanted)
        });
        let embedded = schema.is_some_and(|it| it["x-kubernetes-embedded-resource"] == true);
        Structure {
            schema,
            parent: self.field,
            field: name,
            metadata: self.metadata || (name == "metadata" && (self.depth == 0 || embedded)),
            depth: self.depth + 1,
            ..self
        }
    }

    /// An item of this list.
    pub fn item(self) -> Structure<'a> {
        let schema = self.schema.and_then(|schema| schema.get("items"));
        Structure { schema, ..self }
    }

    /// How this list merges.
    pub fn list(self) -> ListType {
        if self.metadata {
            return match self.field {
                "finalizers" => ListType::Set,
                "ownerReferences" => map(&["uid"]),
                _ => ListType::Atomic,
            };
        }
        match &self.kind.origin {
            Origin::Builtin(_) => self.builtin_list(),
            Origin::Custom(_) => {
                let Some(schema) = self.schema else {
                    return ListType::Atomic;
                };
                match schema["x-kubernetes-list-type"].as_str() {
                    Some("set") => ListType::Set,
                    Some("map") => {
                        let keys = schema["x-kubernetes-list-map-keys"].as_array();
                        let keys = keys.into_iter().flatten().filter_map(Value::as_str);
                        ListType::Map(keys.map(str::to_owned).collect())
                    }
                    _ => ListType::Atomic,
                }
            }
        }
    }

    fn builtin_list(self) -> ListType {
        match (self.kind.kind.as_str(), self.parent, self.field) {
            (_, "containers" | "initContainers" | "ephemeralContainers", "ports") => {
                map(&["containerPort", "protocol"])
            }
            ("Service", "spec", "ports") => map(&["port", "protocol"]),
            ("Node", "status", "addresses") => map(&["type"]),
            ("ServiceAccount", "", "secrets") => map(&["name"]),
            (_, "", "webhooks") => map(&["name"]),
            ("CustomResourceDefinition", ..) if self.field != "conditions" => ListType::Atomic,
            ("Endpoints" | "EndpointSlice", ..) => ListType::Atomic,
            ("Event" | "Job", _, "conditions") => ListType::Atomic,
            (_, "status", "conditions") => map(&["type"]),
            ("ServiceAccount", "", "imagePullSecrets") => ListType::Atomic,
            (_, "capabilities", _) | (_, _, "conditions") => ListType::Atomic,
            ("Node", "spec", "podCIDRs") | ("PersistentVolumeClaim", "spec", "finalizers") => {
                ListType::Set
            }
            (_, _, field) => match POD_LISTS.iter().find(|(name, _)| *name == field) {
                Some((_, keys)) => map(keys),
                None => ListType::Atomic,
            },
        }
    }

    /// Whether this mapping changes only as a whole.
    pub fn atomic(self) -> bool {
        if self.metadata {
            return false;
        }
        match &self.kind.origin {
            Origin::Builtin(_) => {
                ATOMIC_MAPS.contains(&self.field)
                    || (self.kind.kind == "CustomResourceDefinition"
                        && self.field == "openAPIV3Schema")
            }
            Origin::Custom(_) => self
                .schema
                .is_some_and(|schema| schema["x-kubernetes-map-type"] == "atomic"),
        }
    }

    /// Whether the server's own type for this place is a struct that is always there.
    pub fn is_struct(self) -> bool {
        matches!(self.kind.origin, Origin::Builtin(_)) || self.depth == 1 && self.metadata
    }

    /// The value that a missing key field of a list item stands for.
    pub fn key_default(self, key: &str) -> Option<Value> {
        match &self.kind.origin {
            Origin::Builtin(_) if key == "protocol" => Some("TCP".into()),
            Origin::Builtin(_) => None,
            Origin::Custom(_) => {
                let default = &self.schema?["items"]["properties"][key]["default"];
                (!default.is_null()).then(|| default.clone())
            }
        }
    }

    /// The field that tells the items of this list apart in a strategic merge patch.
    pub fn merge_key(self) -> Option<String> {
        if self.metadata {
            return (self.field == "ownerReferences").then(|| "uid".to_owned());
        }
        match (self.field, self.list()) {
            ("topologySpreadConstraints", _) => Some("topologyKey".to_owned()),
            ("imagePullSecrets", _) => Some("name".to_owned()),
            ("conditions", _) if self.parent == "status" => Some("type".to_owned()),
            (_, ListType::Map(keys)) => keys.into_iter().next(),
            _ => None,
        }
    }

    /// Whether this list of plain values merges in a strategic merge patch.
    pub fn merges_values(self) -> bool {
        (self.metadata && self.field == "finalizers")
            || (self.kind.kind == "Node" && self.field == "podCIDRs")
    }
}

fn map(keys: &[&str]) -> ListType {
    ListType::Map(keys.iter().map(|it| (*it).to_owned()).collect())
}
