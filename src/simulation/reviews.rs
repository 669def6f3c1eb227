//! Questions about who one is and what one may do. Who is known may do everything: the simulation has no RBAC.

use super::call::Call;
use super::discovery::REVIEWS;
use super::failure::Failure;
use super::reply::Reply;
use http::Method;
use serde_json::{Value, json};

/// The kind of question behind a path.
pub fn find(group: &str, plural: &str) -> Option<&'static str> {
    let found = REVIEWS.iter().find(|it| it.0 == group && it.2 == plural);
    found.map(|it| it.1)
}

/// Answers a question.
pub fn answer(kind: &str, call: &Call) -> Result<Reply, Failure> {
    if call.method != Method::POST {
        return Err(Failure::method_not_allowed());
    }
    let mut it: Value = call.json()?;
    if !it.is_object() {
        it = json!({});
    }
    let user = json!({"username": call.user.name, "groups": call.user.groups});
    it["status"] = match kind {
        "SelfSubjectReview" => json!({"userInfo": user}),
        "TokenReview" => {
            json!({"authenticated": false, "error": "simulated: tokens are not reviewed"})
        }
        "SelfSubjectRulesReview" => json!({"incomplete": false,
            "resourceRules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
            "nonResourceRules": [{"nonResourceURLs": ["*"], "verbs": ["*"]}]}),
        _ => json!({"allowed": true, "reason": "simulated: every known user may do everything"}),
    };
    Ok(Reply::Json(201, it, Vec::new()))
}
