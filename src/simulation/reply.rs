//! `Reply`: what is answered to a call.

use super::watch::Watch;
use serde_json::Value;

/// An answer.
pub enum Reply {
    /// An object, with its status and warnings.
    Json(u16, Value, Vec<String>),
    /// Plain text.
    Text(String),
    /// Objects as they change.
    Watch(Box<Watch>),
}
