//! What this run would have made by now, in check mode.

use super::Json;
use super::Kind;
use super::object::text;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Namespaces and kinds that an earlier task of the same check-mode run would have made. The server knows nothing of them, so
/// what is put into them cannot be tried there.
#[derive(Default)]
pub(super) struct Predicted {
    namespaces: BTreeSet<String>,
    kinds: Vec<Arc<Kind>>,
}

impl Predicted {
    /// Remembers that an object would have been made.
    pub(super) fn made(&mut self, object: &Json) {
        match (text(object, "/kind"), text(object, "/apiVersion")) {
            ("Namespace", "v1") => {
                self.namespaces
                    .insert(text(object, "/metadata/name").to_owned());
            }
            ("CustomResourceDefinition", _) => self.kinds.extend(Kind::of_crd(object)),
            _ => {}
        }
    }

    /// Whether a namespace is only predicted.
    pub(super) fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains(name)
    }

    /// A kind that is only predicted.
    pub(super) fn kind(&self, api_version: &str, kind: &str) -> Option<Arc<Kind>> {
        self.kinds
            .iter()
            .find(|k| k.api_version() == api_version && k.answers_to(kind))
            .cloned()
    }
}
