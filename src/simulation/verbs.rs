//! The verbs: what a call to a path of the API does.

use super::call::Call;
use super::change::Key;
use super::cluster::{Cluster, place, shown};
use super::failure::Failure;
use super::kind::Kind;
use super::object::{self, partial};
use super::removal::{Removal, Removed, told};
use super::reply::Reply;
use super::selector::{FieldSelector, Selector};
use super::table::table;
use super::target::{Target, how, patch_of};
use super::watch::Watch;
use super::writing::Written;
use super::{discovery, pods, reviews, scale};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers a call.
pub fn answer(cluster: &mut Cluster, call: &Call) -> Result<Reply, Failure> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let address = format!("{}:{}", cluster.settings.address, cluster.settings.port);
    let json = |value| Ok(Reply::Json(200, value, Vec::new()));
    let found = |value: Option<Value>| value.map(|it| Reply::Json(200, it, Vec::new()));
    if matches!(path.first(), Some(&("version" | "openapi"))) && call.method != Method::GET {
        return Err(Failure::method_not_allowed());
    }
    match path.as_slice() {
        ["version"] => json(discovery::version(&cluster.settings.version)),
        ["healthz" | "livez" | "readyz", ..] => Ok(Reply::Text(health(call))),
        ["api"] => json(discovery::core(&address)),
        ["apis"] => json(discovery::groups(&cluster.catalog)),
        ["apis", group] => {
            found(discovery::one_group(&cluster.catalog, group)).ok_or_else(Failure::no_such_page)
        }
        ["openapi", "v3"] => json(discovery::openapi_index(&cluster.catalog)),
        ["openapi", "v3", "api", version] => {
            found(discovery::openapi(&cluster.catalog, "", version))
                .ok_or_else(Failure::no_such_page)
        }
        ["openapi", "v3", "apis", group, version] => {
            found(discovery::openapi(&cluster.catalog, group, version))
                .ok_or_else(Failure::no_such_page)
        }
        [] => json(
            json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]}),
        ),
        ["api", version] | ["apis", "", version] => {
            found(discovery::resources(&cluster.catalog, "", version))
                .ok_or_else(Failure::no_such_page)
        }
        ["apis", group, version] => found(discovery::resources(&cluster.catalog, group, version))
            .ok_or_else(Failure::no_such_page),
        ["api", version, rest @ ..] => resource(cluster, call, "", version, rest),
        ["apis", group, version, rest @ ..] => resource(cluster, call, group, version, rest),
        _ => Err(Failure::no_such_page()),
    }
}

fn health(call: &Call) -> String {
    let path = call.path.first().map_or("healthz", String::as_str);
    if call.is_on("verbose") {
        format!("[+]simulated ok\n{path} check passed\n")
    } else {
        "ok".to_owned()
    }
}

fn resource(
    cluster: &mut Cluster,
    call: &Call,
    group: &str,
    version: &str,
    rest: &[&str],
) -> Result<Reply, Failure> {
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..]
            if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) =>
        {
            (*namespace, rest)
        }
        rest => ("", rest),
    };
    let (plural, name, below) = match rest {
        [plural] => (*plural, "", ""),
        [plural, name] => (*plural, *name, ""),
        [plural, name, below, ..] => (*plural, *name, *below),
        [] => return Err(Failure::no_such_path()),
    };
    if let Some(review) = reviews::find(group, plural) {
        return reviews::answer(review, call);
    }
    let kind = cluster.catalog.resource(group, version, plural);
    let served = || {
        cluster
            .catalog
            .all()
            .any(|it| it.group == group && it.version == version)
    };
    let kind = kind.ok_or_else(|| {
        if served() {
            Failure::no_such_path()
        } else {
            Failure::no_such_page()
        }
    })?;
    if !kind.namespaced && !namespace.is_empty() {
        return Err(Failure::no_such_path());
    }
    let target = Target {
        kind,
        namespace,
        name,
        below,
    };
    match (target.name, target.below) {
        ("", _) => collection(cluster, call, &target),
        (_, "") => one(cluster, call, &target),
        (_, "status") if target.kind.status => one(cluster, call, &target),
        (_, "scale") if target.kind.scale.is_some() => scale::answer(cluster, call, &target),
        (_, "finalize") if target.kind.is("", "Namespace") => {
            scale::finalize(cluster, call, &target)
        }
        (_, below) => pods::below(cluster, call, &target.kind, namespace, name, below),
    }
}

fn written(call: &Call, kind: &Kind, written: Written) -> Reply {
    let status = if written.created { 201 } else { 200 };
    Reply::Json(
        status,
        one_of(call, kind, &written.object),
        written.warnings,
    )
}

/// An object in the form that the client asks for.
fn one_of(call: &Call, kind: &Kind, it: &Arc<Value>) -> Value {
    match call.table() {
        Some(include) => {
            let metadata = json!({"resourceVersion": it["metadata"]["resourceVersion"]});
            table(kind, std::slice::from_ref(it), metadata, include)
        }
        None if call.partial() => partial(it),
        None => Value::clone(it),
    }
}

fn one(cluster: &mut Cluster, call: &Call, target: &Target<'_>) -> Result<Reply, Failure> {
    let (kind, namespace, name) = (&*target.kind, target.namespace, target.name);
    let manager = call.manager();
    match call.method {
        Method::GET if call.is_on("watch") => collection(cluster, call, target),
        Method::GET => {
            let it = cluster.get(kind, namespace, name)?;
            Ok(Reply::Json(200, one_of(call, kind, &it), Vec::new()))
        }
        Method::PUT => {
            let how = how(call, &manager, target.below)?;
            let it = cluster.replace(kind, namespace, name, call.json()?, how)?;
            Ok(written(call, kind, it))
        }
        Method::PATCH => {
            // what is not there cannot be patched, however bad the patch
            let patch = patch_of(call, kind).or_else(|failure| match failure.code {
                400 => cluster.get(kind, namespace, name).and(Err(failure)),
                _ => Err(failure),
            })?;
            let how = how(call, &manager, target.below)?;
            let it = cluster.patch(kind, namespace, name, patch, how)?;
            Ok(written(call, kind, it))
        }
        Method::DELETE if target.below.is_empty() => {
            let removal = Removal::read(&call.json()?, &|name| call.query(name).to_owned());
            call.dry_run()?;
            Ok(Reply::Json(
                200,
                removed(kind, cluster.delete(kind, namespace, name, &removal)?),
                Vec::new(),
            ))
        }
        _ => Err(Failure::method_not_allowed()),
    }
}

/// Some kinds answer with the object, the others with a `Status`.
fn removed(kind: &Kind, removed: Removed) -> Value {
    let whole = [
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "PodTemplate",
        "ResourceQuota",
        "Service",
        "ServiceAccount",
    ];
    match removed {
        Removed::Going(it) => Value::clone(&it),
        Removed::Gone(it) if kind.group.is_empty() && whole.contains(&kind.kind.as_str()) => {
            Value::clone(&it)
        }
        Removed::Gone(it) => told(kind, &it),
    }
}

fn collection(cluster: &mut Cluster, call: &Call, target: &Target<'_>) -> Result<Reply, Failure> {
    let kind = &*target.kind;
    let manager = call.manager();
    match call.method {
        Method::GET => {
            let labels = Selector::parse(call.query("labelSelector"))?;
            let mut fields = call.query("fieldSelector").to_owned();
            if !target.name.is_empty() {
                fields = format!("metadata.name={}", target.name);
            }
            let fields = FieldSelector::parse(&fields, &kind.kind)?;
            let namespace = (!target.namespace.is_empty()).then(|| target.namespace.to_owned());
            if call.is_on("watch") {
                let watch = Watch::new(
                    cluster,
                    call,
                    Arc::clone(&target.kind),
                    namespace,
                    labels,
                    fields,
                )?;
                return Ok(Reply::Watch(Box::new(watch)));
            }
            list(cluster, call, kind, namespace.as_deref(), &labels, &fields)
        }
        Method::POST if kind.namespaced && target.namespace.is_empty() => {
            Err(Failure::method_not_allowed())
        }
        Method::POST => {
            let how = how(call, &manager, "")?;
            let it = cluster.create(kind, target.namespace, call.json()?, how)?;
            Ok(written(call, kind, it))
        }
        Method::DELETE => {
            let labels = Selector::parse(call.query("labelSelector"))?;
            let fields = FieldSelector::parse(call.query("fieldSelector"), &kind.kind)?;
            let removal = Removal::read(&call.json()?, &|name| call.query(name).to_owned());
            let namespace = (!target.namespace.is_empty()).then_some(target.namespace);
            let place = place(kind);
            let found = cluster.store.list(&place, namespace);
            let found = found.filter(|(_, it)| labels.selects(it) && fields.selects(it));
            let found: Vec<(Key, Arc<Value>)> = found
                .map(|(key, it)| (key.clone(), shown(kind, it)))
                .collect();
            for (key, _) in &found {
                cluster.delete(kind, &key.1, &key.2, &removal)?;
            }
            let items = found.iter().map(|(_, it)| listed(kind, it)).collect();
            Ok(Reply::Json(
                200,
                list_of(
                    kind,
                    items,
                    json!({"resourceVersion": cluster.store.revision().to_string()}),
                ),
                Vec::new(),
            ))
        }
        _ => Err(Failure::method_not_allowed()),
    }
}

/// An object as lists show it: those of built-in kinds do not repeat what they are.
fn listed(kind: &Kind, it: &Value) -> Value {
    let mut it = it.clone();
    if kind.custom().is_none() {
        let map = object::object(&mut it);
        map.shift_remove("apiVersion");
        map.shift_remove("kind");
    }
    it
}

fn list_of(kind: &Kind, items: Vec<Value>, metadata: Value) -> Value {
    json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata, "items": items})
}

fn list(
    cluster: &Cluster,
    call: &Call,
    kind: &Kind,
    namespace: Option<&str>,
    labels: &Selector,
    fields: &FieldSelector,
) -> Result<Reply, Failure> {
    let place = place(kind);
    let after = go_on(call.query("continue"))?;
    let limit = call.query("limit").parse().unwrap_or(0_usize);
    let mut found = Vec::new();
    let mut last = None;
    let mut more = 0_usize;
    for (key, it) in cluster.store.list(&place, namespace) {
        if after.as_ref().is_some_and(|after| key <= after)
            || !labels.selects(it)
            || !fields.selects(it)
        {
            continue;
        }
        if limit > 0 && found.len() == limit {
            more += 1;
            continue;
        }
        found.push(shown(kind, it));
        last = Some(key);
    }
    let mut metadata = json!({"resourceVersion": cluster.store.revision().to_string()});
    if let (true, Some(key)) = (more > 0, last) {
        metadata["continue"] = mark(key).into();
        if labels.is_empty() && fields.is_empty() {
            metadata["remainingItemCount"] = more.into();
        }
    }
    let value = match call.table() {
        Some(include) => table(kind, &found, metadata, include),
        None if call.partial() => {
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": found.iter().map(|it| partial(it)).collect::<Vec<_>>()})
        }
        None => list_of(
            kind,
            found.iter().map(|it| listed(kind, it)).collect(),
            metadata,
        ),
    };
    Ok(Reply::Json(200, value, Vec::new()))
}

/// Where a list goes on, as a text that clients hand back.
fn mark(key: &Key) -> String {
    use base64::Engine as _;
    let key = serde_json::to_string(key).unwrap_or_default();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key)
}

fn go_on(mark: &str) -> Result<Option<Key>, Failure> {
    use base64::Engine as _;
    if mark.is_empty() {
        return Ok(None);
    }
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(mark)
        .ok();
    let key = bytes.and_then(|it| serde_json::from_slice(&it).ok());
    key.map(Some)
        .ok_or_else(|| Failure::bad_request("continue key is not valid"))
}
