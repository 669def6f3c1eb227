//! The arguments of `k8s` that say how.

use crate::cluster::{DeleteOptions, PatchType, Way};
use crate::modules::{Args, Fail};
use crate::value::Value;

/// How the objects are made as they are wanted.
pub(super) fn way(args: &Args, patched: bool) -> Result<Way, Fail> {
    let mut types: Vec<PatchType> = args
        .list("merge_type")
        .iter()
        .map(|t| match t.as_str() {
            "merge" => PatchType::Merge,
            _ => PatchType::Strategic,
        })
        .collect();
    if types.is_empty() {
        types = vec![PatchType::Strategic, PatchType::Merge];
    }
    if args.bool("apply") {
        if patched {
            return Err(Fail::new(
                "`apply` makes what is not there, and `state: patched` does not; choose one",
            ));
        }
        let options = args.dict("server_side_apply").cloned().unwrap_or_default();
        let known = ["field_manager", "force_conflicts"];
        if let Some(other) = options.keys().find(|k| !known.contains(&k.as_str())) {
            return Err(Fail::new(format!(
                "`server_side_apply` has no `{other}`: `field_manager` and `force_conflicts` are known"
            )));
        }
        let manager = options.get("field_manager").map(ToString::to_string);
        return Ok(Way::Apply {
            manager: manager
                .filter(|m| !m.is_empty())
                .unwrap_or_else(|| "hoist".into()),
            force: options
                .get("force_conflicts")
                .and_then(Value::to_bool)
                .unwrap_or(false),
        });
    }
    if args.has("server_side_apply") {
        return Err(Fail::new("`server_side_apply` needs `apply: true`"));
    }
    Ok(if patched {
        Way::PatchOnly(types)
    } else if args.bool("force") {
        Way::Replace
    } else {
        Way::Patch(types)
    })
}

/// `delete_options` of the arguments.
pub(super) fn delete_options(args: &Args) -> Result<DeleteOptions, Fail> {
    let mut options = DeleteOptions::default();
    for (key, value) in args.dict("delete_options").into_iter().flatten() {
        match (key.as_str(), value) {
            (_, Value::Null | Value::Omit) => {}
            ("propagationPolicy", value) => {
                let policy = value.to_string();
                if !["Foreground", "Background", "Orphan"].contains(&policy.as_str()) {
                    return Err(Fail::new(format!(
                        "`propagationPolicy` must be Foreground, Background or Orphan, not `{policy}`"
                    )));
                }
                options.propagation = Some(policy);
            }
            ("gracePeriodSeconds", value) => {
                let seconds = value.as_int().or_else(|| value.as_str()?.parse().ok());
                options.grace = Some(seconds.ok_or_else(|| {
                    Fail::new(format!(
                        "`gracePeriodSeconds` must be a number, not `{value}`"
                    ))
                })?);
            }
            ("preconditions", Value::Map(conditions)) => {
                let own = |key: &str| conditions.get(key).map(ToString::to_string);
                options.resource_version = own("resourceVersion");
                options.uid = own("uid");
            }
            (other, _) => {
                return Err(Fail::new(format!("`delete_options` has no `{other}`")));
            }
        }
    }
    Ok(options)
}

/// What the server makes of fields that it does not know.
pub(super) fn validation(args: &Args) -> Result<Option<&'static str>, Fail> {
    let Some(given) = args.dict("validate") else {
        return Ok(None);
    };
    let flag =
        |key: &str, default: bool| given.get(key).and_then(Value::to_bool).unwrap_or(default);
    if given.get("version").is_some_and(|v| *v != Value::Null) {
        return Err(Fail::new(
            "`validate.version` is not supported: the API server itself validates, by its own version",
        ));
    }
    Ok(Some(
        match (flag("fail_on_error", false), flag("strict", true)) {
            (_, false) => "Ignore",
            (true, true) => "Strict",
            (false, true) => "Warn",
        },
    ))
}
