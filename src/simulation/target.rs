//! `Target`: what a path of the API means, and how a call wants to write there.

use super::call::Call;
use super::failure::Failure;
use super::kind::Kind;
use super::patch::Patch;
use super::writing::How;
use std::sync::Arc;

/// What a path means.
pub struct Target<'a> {
    /// The kind.
    pub kind: Arc<Kind>,
    /// The namespace, empty for all or none.
    pub namespace: &'a str,
    /// The name, empty for all objects.
    pub name: &'a str,
    /// What is below the object, such as `status`.
    pub below: &'a str,
}

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const STRATEGIC_PATCH: &str = "application/strategic-merge-patch+json";
const APPLY_PATCH: &str = "application/apply-patch+yaml";

/// How a call wants something to be written.
pub fn how<'a>(call: &Call, manager: &'a str, below: &'a str) -> Result<How<'a>, Failure> {
    Ok(How {
        manager,
        subresource: below,
        dry_run: call.dry_run()?,
        validation: call.validation()?,
    })
}

/// The patch that a call carries.
pub fn patch_of(call: &Call, kind: &Kind) -> Result<Patch, Failure> {
    let custom = kind.custom().is_some();
    let sort = call
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    match sort {
        JSON_PATCH => serde_json::from_slice(&call.body)
            .map(Patch::Json)
            .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}"))),
        MERGE_PATCH => Ok(Patch::Merge(call.json()?)),
        STRATEGIC_PATCH if !custom => Ok(Patch::Strategic(call.json()?)),
        APPLY_PATCH => {
            if call.query("fieldManager").is_empty() {
                return Err(Failure::nameless_manager());
            }
            Ok(Patch::Apply {
                wanted: call.json()?,
                force: call.is_on("force"),
            })
        }
        _ if custom => Err(Failure::media_type(&[JSON_PATCH, MERGE_PATCH, APPLY_PATCH])),
        _ => Err(Failure::media_type(&[
            JSON_PATCH,
            MERGE_PATCH,
            STRATEGIC_PATCH,
            APPLY_PATCH,
        ])),
    }
}
