//! The texts that must not be shown.

use super::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

/// What stands in place of a secret in every output.
pub const MASK: &str = "********";

/// Every secret text met so far in this process: passwords, decrypted vault values. Clones share one set.
/// Reporters never see an event before [`Secrets::mask`] went over it.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<BTreeSet<String>>>);

impl Secrets {
    /// Adds a text, and each of its longer lines. Texts under 3 characters would blank out half the output and are left.
    pub fn add(&self, text: &str) {
        let Ok(mut set) = self.0.write() else { return };
        for part in
            std::iter::once(text.trim()).chain(text.lines().map(str::trim).filter(|l| l.len() >= 8))
        {
            if part.chars().count() >= 3 {
                set.insert(part.to_owned());
            }
        }
    }

    /// Adds every string inside `value`.
    pub fn add_value(&self, value: &Value) {
        match value {
            Value::Str(s) => self.add(s),
            Value::List(items) => items.iter().for_each(|v| self.add_value(v)),
            Value::Map(map) => map.values().for_each(|v| self.add_value(v)),
            _ => {}
        }
    }

    /// `text` with every secret replaced by [`MASK`]; longer secrets first.
    pub fn mask(&self, text: &str) -> String {
        let Ok(set) = self.0.read() else {
            return MASK.to_owned();
        };
        let mut hits: Vec<&String> = set.iter().filter(|s| text.contains(s.as_str())).collect();
        hits.sort_by_key(|s| std::cmp::Reverse(s.len()));
        hits.iter()
            .fold(text.to_owned(), |t, s| t.replace(s.as_str(), MASK))
    }

    /// `value` with every secret in its strings replaced by [`MASK`].
    pub fn mask_value(&self, value: &Value) -> Value {
        match value {
            Value::Str(s) => Value::from(self.mask(s)),
            Value::List(items) => {
                Value::List(Arc::new(items.iter().map(|v| self.mask_value(v)).collect()))
            }
            Value::Map(map) => Value::Map(Arc::new(
                map.iter()
                    .map(|(k, v)| (self.mask(k), self.mask_value(v)))
                    .collect(),
            )),
            Value::Vault(_) => Value::from(MASK),
            other => other.clone(),
        }
    }
}
