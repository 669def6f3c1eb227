//! Where a sealed value may be opened.

use crate::value::Map;
use std::fmt;
use std::str::FromStr;

const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// Where a sealed value may be opened: the controller refuses it elsewhere, for the scope is part of the encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Under this name in this namespace only.
    #[default]
    Strict,
    /// Under any name in this namespace.
    NamespaceWide,
    /// Anywhere in the cluster.
    ClusterWide,
}

impl Scope {
    /// The names, as they are written.
    pub const NAMES: [&'static str; 3] = ["strict", "namespace-wide", "cluster-wide"];

    /// The scope that the annotations of an object say.
    pub fn of(annotations: &Map) -> Self {
        let says = |key: &str| annotations.get(key).and_then(|v| v.as_str()) == Some("true");
        if says(CLUSTER_WIDE) {
            Self::ClusterWide
        } else if says(NAMESPACE_WIDE) {
            Self::NamespaceWide
        } else {
            Self::Strict
        }
    }

    /// Makes the annotations of an object say this scope.
    pub fn annotate(self, annotations: &mut Map) {
        annotations.shift_remove(NAMESPACE_WIDE);
        annotations.shift_remove(CLUSTER_WIDE);
        let key = match self {
            Self::Strict => return,
            Self::NamespaceWide => NAMESPACE_WIDE,
            Self::ClusterWide => CLUSTER_WIDE,
        };
        annotations.insert(key.to_owned(), "true".into());
    }

    /// What is bound into the encryption.
    pub fn label(self, namespace: &str, name: &str) -> String {
        match self {
            Self::Strict => format!("{namespace}/{name}"),
            Self::NamespaceWide => namespace.to_owned(),
            Self::ClusterWide => String::new(),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "strict" => Ok(Self::Strict),
            "namespace-wide" => Ok(Self::NamespaceWide),
            "cluster-wide" => Ok(Self::ClusterWide),
            _ => Err(format!("must be one of {}", Self::NAMES.join(", "))),
        }
    }
}
