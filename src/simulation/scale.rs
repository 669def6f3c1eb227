//! The paths `scale` of what has replicas, and `finalize` of namespaces.

use super::call::Call;
use super::cluster::Cluster;
use super::failure::Failure;
use super::kind::Kind;
use super::object::{self, number, text};
use super::patch::Patch;
use super::reply::Reply;
use super::target::{Target, how, patch_of};
use http::Method;
use serde_json::{Value, json};

/// Sets the finalizers of a namespace.
pub fn finalize(cluster: &mut Cluster, call: &Call, target: &Target<'_>) -> Result<Reply, Failure> {
    if call.method != Method::PUT {
        return Err(Failure::method_not_allowed());
    }
    let old = cluster.get(&target.kind, "", target.name)?;
    let mut new = Value::clone(&old);
    new["spec"]["finalizers"] = call.json()?["spec"]["finalizers"].clone();
    let key = cluster.key(&target.kind, "", target.name);
    if object::deleting(&new) && cluster.is_free(&target.kind, &new) {
        cluster.drop_object(&target.kind, key)?;
        return Ok(Reply::Json(200, new, Vec::new()));
    }
    let kept = cluster.keep(&target.kind, key, new)?;
    Ok(Reply::Json(200, Value::clone(&kept), Vec::new()))
}

/// The `Scale` of an object.
fn scale_of(kind: &Kind, it: &Value) -> Value {
    let Some(scale) = &kind.scale else {
        return Value::Null;
    };
    let at = |path: &[String]| {
        path.iter()
            .fold(it, |value, field| &value[field.as_str()])
            .clone()
    };
    let selector = if scale.selector.is_empty() {
        Value::Null
    } else {
        at(&scale.selector)
    };
    let labels = selector["matchLabels"]
        .as_object()
        .or(selector.as_object())
        .cloned()
        .unwrap_or_default();
    let labels: Vec<String> = labels
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    let selector = selector
        .as_str()
        .map_or_else(|| labels.join(","), str::to_owned);
    let metadata = &it["metadata"];
    let metadata = [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ]
    .into_iter()
    .filter(|field| !metadata[*field].is_null())
    .map(|field| (field.to_owned(), metadata[field].clone()));
    let mut found = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": Value::Object(metadata.collect()),
        "spec": {"replicas": at(&scale.spec).as_i64().unwrap_or(0)},
        "status": {"replicas": at(&scale.status).as_i64().unwrap_or(0)}});
    if !selector.is_empty() {
        found["status"]["selector"] = selector.into();
    }
    found
}

/// Answers a call to `…/scale`.
pub fn answer(cluster: &mut Cluster, call: &Call, target: &Target<'_>) -> Result<Reply, Failure> {
    let kind = &*target.kind;
    let old = cluster.get(kind, target.namespace, target.name)?;
    let before = scale_of(kind, &old);
    let wanted = match call.method {
        Method::GET => return Ok(Reply::Json(200, before, Vec::new())),
        Method::PUT => call.json()?,
        Method::PATCH => {
            let structure = super::structure::Structure::of(kind);
            match patch_of(call, kind)? {
                Patch::Apply { wanted, .. } | Patch::Strategic(wanted) => {
                    Patch::Merge(wanted).to(structure, &before)?
                }
                patch => patch.to(structure, &before)?,
            }
        }
        _ => return Err(Failure::method_not_allowed()),
    };
    let revision = text(&wanted, &["metadata", "resourceVersion"]);
    if !revision.is_empty() && revision != text(&old, &["metadata", "resourceVersion"]) {
        return Err(Failure::modified(kind, target.name));
    }
    let replicas = number(&wanted, &["spec", "replicas"]).unwrap_or(0);
    let mut new = Value::clone(&old);
    if let Some(scale) = &kind.scale {
        let mut place = &mut new;
        for field in &scale.spec {
            place = object::object(place)
                .entry(field.as_str())
                .or_insert(Value::Null);
        }
        *place = replicas.into();
    }
    let manager = call.manager();
    let mut how = how(call, &manager, "scale")?;
    how.validation = super::conform::Validation::Ignore;
    let it = cluster.patch(kind, target.namespace, target.name, Patch::Merge(new), how)?;
    Ok(Reply::Json(200, scale_of(kind, &it.object), Vec::new()))
}
