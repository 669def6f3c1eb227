//! What clients ask first: which groups, versions and kinds there are.

use super::catalog::Catalog;
use super::kind::Kind;
use serde_json::{Map, Value, json};

/// The verbs of custom kinds, in the order of the real server.
const CUSTOM_VERBS: &[&str] = &[
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];
const VERBS: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

fn group(group: &str, versions: &[String]) -> Value {
    let version = |it: &String| json!({"groupVersion": format!("{group}/{it}"), "version": it});
    json!({"name": group, "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(version)})
}

/// `/api`.
pub fn core(address: &str) -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]})
}

/// `/apis`.
pub fn groups(catalog: &Catalog) -> Value {
    let groups = all_groups(catalog);
    let groups = groups.iter().filter(|(name, _)| !name.is_empty());
    let groups: Vec<Value> = groups
        .map(|(name, versions)| group(name, versions))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub fn one_group(catalog: &Catalog, name: &str) -> Option<Value> {
    let groups = all_groups(catalog);
    let (name, versions) = groups
        .iter()
        .find(|(group, _)| group == name && !name.is_empty())?;
    let mut found = group(name, versions);
    found["kind"] = "APIGroup".into();
    found["apiVersion"] = "v1".into();
    Some(found)
}

/// Kinds that are only asked, never kept: group, kind, plural, namespaced.
pub const REVIEWS: &[(&str, &str, &str, bool)] = &[
    (
        "authentication.k8s.io",
        "SelfSubjectReview",
        "selfsubjectreviews",
        false,
    ),
    (
        "authentication.k8s.io",
        "TokenReview",
        "tokenreviews",
        false,
    ),
    (
        "authorization.k8s.io",
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
        true,
    ),
    (
        "authorization.k8s.io",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        false,
    ),
    (
        "authorization.k8s.io",
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        false,
    ),
    (
        "authorization.k8s.io",
        "SubjectAccessReview",
        "subjectaccessreviews",
        false,
    ),
];

fn all_groups(catalog: &Catalog) -> Vec<(String, Vec<String>)> {
    let mut groups = catalog.groups();
    for (at, name) in ["authentication.k8s.io", "authorization.k8s.io"]
        .into_iter()
        .enumerate()
    {
        groups.insert(2 + at, (name.to_owned(), vec!["v1".to_owned()]));
    }
    groups
}

/// `/api/v1`, `/apis/GROUP/VERSION`; `None` when there is no such version.
pub fn resources(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    let kinds = catalog
        .all()
        .filter(|it| it.group == group && it.version == version);
    let mut resources: Vec<Value> = Vec::new();
    for kind in kinds {
        let mut own = json!({"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
            "kind": kind.kind, "verbs": if kind.custom().is_some() { CUSTOM_VERBS } else { VERBS }});
        if !kind.short.is_empty() {
            own["shortNames"] = json!(kind.short);
        }
        if !kind.categories.is_empty() {
            own["categories"] = json!(kind.categories);
        }
        resources.push(own);
        for below in subresources(kind) {
            let mut entry = json!({"name": format!("{}/{}", kind.plural, below.name), "singularName": "",
                "namespaced": kind.namespaced, "kind": below.kind, "verbs": below.verbs});
            if let Some((group, version)) = below.other {
                entry["group"] = group.into();
                entry["version"] = version.into();
            }
            resources.push(entry);
        }
    }
    for (_, kind, plural, namespaced) in
        REVIEWS.iter().filter(|it| it.0 == group && version == "v1")
    {
        resources.push(
            json!({"name": plural, "singularName": kind.to_lowercase(), "namespaced": namespaced,
            "kind": kind, "verbs": ["create"]}),
        );
    }
    if resources.is_empty() {
        return None;
    }
    let version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    Some(
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}),
    )
}

struct Below {
    name: &'static str,
    kind: String,
    verbs: Vec<&'static str>,
    other: Option<(&'static str, &'static str)>,
}

fn subresources(kind: &Kind) -> Vec<Below> {
    let mut found = Vec::new();
    let mut add = |name, kind: &str, verbs: &[&'static str], other| {
        found.push(Below {
            name,
            kind: kind.to_owned(),
            verbs: verbs.to_vec(),
            other,
        });
    };
    if kind.status {
        add("status", &kind.kind, &["get", "patch", "update"], None);
    }
    if kind.scale.is_some() {
        add(
            "scale",
            "Scale",
            &["get", "patch", "update"],
            Some(("autoscaling", "v1")),
        );
    }
    match kind.kind.as_str() {
        "Pod" if kind.group.is_empty() => {
            add("binding", "Binding", &["create"], None);
            add("eviction", "Eviction", &["create"], Some(("policy", "v1")));
            add("log", "Pod", &["get"], None);
        }
        "ServiceAccount" if kind.group.is_empty() => {
            add(
                "token",
                "TokenRequest",
                &["create"],
                Some(("authentication.k8s.io", "v1")),
            );
        }
        "Namespace" if kind.group.is_empty() => add("finalize", "Namespace", &["update"], None),
        _ => {}
    }
    found
}

/// `/version`.
pub fn version(version: &str) -> Value {
    let numbers = version.trim_start_matches('v');
    let mut parts = numbers.split('.');
    let (major, minor) = (parts.next().unwrap_or("1"), parts.next().unwrap_or("0"));
    json!({"major": major, "minor": minor, "emulationMajor": major, "emulationMinor": minor, "gitVersion": version,
        "gitCommit": "simulated", "gitTreeState": "simulated", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "simulated", "compiler": "rustc", "platform": format!("linux/{}", architecture())})
}

/// The machine's architecture in Go's words.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `/openapi/v3`: where the documents are.
pub fn openapi_index(catalog: &Catalog) -> Value {
    let mut paths = Map::new();
    for (group, versions) in catalog.groups() {
        for version in versions {
            let path = match group.as_str() {
                "" => format!("api/{version}"),
                group => format!("apis/{group}/{version}"),
            };
            let address = format!("/openapi/v3/{path}?hash=simulated");
            paths.insert(path, json!({"serverRelativeURL": address}));
        }
    }
    json!({"paths": paths})
}

/// `/openapi/v3/…`: that the server checks fields itself, and the schemas of custom kinds.
pub fn openapi(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for kind in catalog
        .all()
        .filter(|it| it.group == group && it.version == version)
    {
        let prefix = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        let middle = if kind.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let meaning = json!({"group": group, "version": version, "kind": kind.kind});
        let parameters = ["dryRun", "fieldManager", "fieldValidation"];
        let parameters =
            parameters.map(|it| json!({"name": it, "in": "query", "schema": {"type": "string"}}));
        let patch = json!({"x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": meaning, "parameters": parameters,
            "responses": {"200": {"description": "OK"}}});
        paths.insert(
            format!("{prefix}{middle}/{}/{{name}}", kind.plural),
            json!({"patch": patch}),
        );
        let mut schema = match kind.custom() {
            Some(custom) if custom.schema.is_object() => custom.schema.clone(),
            _ => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        };
        schema["x-kubernetes-group-version-kind"] = json!([meaning]);
        let name = format!(
            "simulated.{}.{version}.{}",
            if group.is_empty() { "core" } else { group },
            kind.kind
        );
        schemas.insert(name, schema);
    }
    if paths.is_empty() {
        return None;
    }
    Some(
        json!({"openapi": "3.0.0", "info": {"title": "Kubernetes (simulated)", "version": "simulated"},
        "paths": paths, "components": {"schemas": schemas}}),
    )
}
