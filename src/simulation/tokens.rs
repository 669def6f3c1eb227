//! Tokens of service accounts: signed by the cluster, so that it knows its own.

use super::call::User;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

fn signed(key: &[u8], text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// A token for an account, good until a time in seconds, or always.
pub fn issue(key: &[u8], namespace: &str, account: &str, uid: &str, until: Option<i64>) -> String {
    let head = json!({"alg": "HS256", "kid": "simulated"});
    let mut claims = json!({"iss": "https://kubernetes.default.svc.cluster.local",
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": uid}}});
    if let Some(until) = until {
        claims["exp"] = until.into();
    }
    let text = [head, claims]
        .map(|it| URL_SAFE_NO_PAD.encode(it.to_string()))
        .join(".");
    let mac = signed(key, &text).map(|it| it.finalize().into_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.unwrap_or_default()))
}

/// Whose token it is; `None` when it is none of ours, or no longer good.
pub fn check(key: &[u8], token: &str, now: i64) -> Option<User> {
    let (text, mac) = token.rsplit_once('.')?;
    signed(key, text)?
        .verify_slice(&URL_SAFE_NO_PAD.decode(mac).ok()?)
        .ok()?;
    let claims = URL_SAFE_NO_PAD.decode(text.split_once('.')?.1).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    if claims["exp"].as_i64().is_some_and(|it| it <= now) {
        return None;
    }
    let name = claims["sub"].as_str()?.to_owned();
    let namespace = claims["kubernetes.io"]["namespace"].as_str()?;
    Some(User {
        groups: vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ],
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_until_it_ends_and_by_its_own_cluster_only() {
        let token = issue(b"key", "default", "robot", "1", Some(100));
        let user = check(b"key", &token, 99).unwrap();
        assert_eq!(user.name, "system:serviceaccount:default:robot");
        assert_eq!(check(b"key", &token, 100), None);
        assert_eq!(check(b"other", &token, 99), None);
        assert_eq!(check(b"key", "nonsense", 99), None);
    }
}
