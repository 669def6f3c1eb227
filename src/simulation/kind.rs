//! `Kind`: what the API server knows of one kind of object, and the kinds that are built in.

use serde_json::Value;
use std::sync::Arc;

/// Reads an object as its kind's type and writes it back: unknown fields are gone, wrong types are an error.
pub type Decode = fn(&Value) -> Result<Value, serde_json::Error>;

/// A kind of object, in one version.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The API group, empty for the core.
    pub group: String,
    /// The version within the group.
    pub version: String,
    /// The name of the kind, such as `Deployment`.
    pub kind: String,
    /// The name in paths, such as `deployments`.
    pub plural: String,
    /// What one of them is called.
    pub singular: String,
    /// Short names for people.
    pub short: Vec<String>,
    /// Names of groups of kinds, such as `all`.
    pub categories: Vec<String>,
    /// Whether the objects are in namespaces.
    pub namespaced: bool,
    /// Whether there is a `status` path of its own.
    pub status: bool,
    /// Where replicas are found, for kinds that can be scaled.
    pub scale: Option<Scale>,
    /// Whether `metadata.generation` counts changes of what is wanted.
    pub generation: bool,
    /// Where the kind comes from.
    pub origin: Origin,
}

/// Where a kind's knowledge of its fields comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Built in.
    Builtin(Decode),
    /// A CustomResourceDefinition.
    Custom(Arc<Custom>),
}

/// What a CustomResourceDefinition says about a version.
#[derive(Clone, Debug, Default)]
pub struct Custom {
    /// Its OpenAPI schema, null when there is none.
    pub schema: Value,
    /// `additionalPrinterColumns`.
    pub columns: Vec<Value>,
    /// Whether this is the version that discovery prefers.
    pub preferred: bool,
}

/// Where the replicas of a kind are.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// The path of the wanted number.
    pub spec: Vec<String>,
    /// The path of the present number.
    pub status: Vec<String>,
    /// The path of the selector.
    pub selector: Vec<String>,
}

impl Kind {
    /// The `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// The name with its group, such as `deployments.apps`.
    pub fn resource(&self) -> String {
        match self.group.as_str() {
            "" => self.plural.clone(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// The kind with its group, such as `Deployment.apps`.
    pub fn qualified(&self) -> String {
        match self.group.as_str() {
            "" => self.kind.clone(),
            group => format!("{}.{group}", self.kind),
        }
    }

    /// Whether this is the core kind of that name.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    /// The CustomResourceDefinition's part, for custom kinds.
    pub fn custom(&self) -> Option<&Custom> {
        match &self.origin {
            Origin::Custom(custom) => Some(custom),
            Origin::Builtin(_) => None,
        }
    }
}

fn decode<T: serde::de::DeserializeOwned + serde::Serialize>(
    value: &Value,
) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(value.clone())?)
}

fn replicas() -> Option<Scale> {
    let path = |fields: &[&str]| fields.iter().map(|it| (*it).to_owned()).collect();
    Some(Scale {
        spec: path(&["spec", "replicas"]),
        status: path(&["status", "replicas"]),
        selector: path(&["spec", "selector"]),
    })
}

/// A row of the table below: flags are `n`amespaced, `s`tatus, `g`eneration, s`c`ale, `a` for the category `all`.
fn row(
    group: &str,
    version: &str,
    kind: &str,
    plural: &str,
    short: &[&str],
    flags: &str,
    decode: Decode,
) -> Kind {
    let flag = |letter| flags.contains(letter);
    Kind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short: short.iter().map(|it| (*it).to_owned()).collect(),
        categories: if flag('a') {
            vec!["all".to_owned()]
        } else {
            Vec::new()
        },
        namespaced: flag('n'),
        status: flag('s'),
        scale: if flag('c') { replicas() } else { None },
        generation: flag('g'),
        origin: Origin::Builtin(decode),
    }
}

/// The table of built-in kinds: type, kind, plural, flags, short names.
macro_rules! kinds {
    ($($group:literal $version:literal { $($type:ty: $kind:literal $plural:literal $flags:literal $short:tt;)* })*) => {
        vec![$($(row($group, $version, $kind, $plural, &$short, $flags, decode::<$type>),)*)*]
    };
}

/// The kinds that are built in, in the order in which discovery lists them.
pub fn builtin() -> Vec<Kind> {
    use k8s_openapi::api::{
        admissionregistration::v1 as admission, apps::v1 as apps, autoscaling::v2 as autoscaling,
        batch::v1 as batch, coordination::v1 as coordination, core::v1 as core,
        discovery::v1 as discovery, networking::v1 as networking, node::v1 as node,
        policy::v1 as policy, rbac::v1 as rbac, scheduling::v1 as scheduling,
        storage::v1 as storage,
    };
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as extensions;
    use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as registration;

    kinds! {
        "" "v1" {
            core::ConfigMap: "ConfigMap" "configmaps" "n" ["cm"];
            core::Endpoints: "Endpoints" "endpoints" "n" ["ep"];
            core::Event: "Event" "events" "n" ["ev"];
            core::LimitRange: "LimitRange" "limitranges" "n" ["limits"];
            core::Namespace: "Namespace" "namespaces" "s" ["ns"];
            core::Node: "Node" "nodes" "s" ["no"];
            core::PersistentVolumeClaim: "PersistentVolumeClaim" "persistentvolumeclaims" "ns" ["pvc"];
            core::PersistentVolume: "PersistentVolume" "persistentvolumes" "s" ["pv"];
            core::Pod: "Pod" "pods" "nsga" ["po"];
            core::PodTemplate: "PodTemplate" "podtemplates" "n" [];
            core::ReplicationController: "ReplicationController" "replicationcontrollers" "nsgca" ["rc"];
            core::ResourceQuota: "ResourceQuota" "resourcequotas" "ns" ["quota"];
            core::Secret: "Secret" "secrets" "n" [];
            core::ServiceAccount: "ServiceAccount" "serviceaccounts" "n" ["sa"];
            core::Service: "Service" "services" "nsa" ["svc"];
        }
        "apps" "v1" {
            apps::ControllerRevision: "ControllerRevision" "controllerrevisions" "n" [];
            apps::DaemonSet: "DaemonSet" "daemonsets" "nsga" ["ds"];
            apps::Deployment: "Deployment" "deployments" "nsgca" ["deploy"];
            apps::ReplicaSet: "ReplicaSet" "replicasets" "nsgca" ["rs"];
            apps::StatefulSet: "StatefulSet" "statefulsets" "nsgca" ["sts"];
        }
        "batch" "v1" {
            batch::CronJob: "CronJob" "cronjobs" "nsga" ["cj"];
            batch::Job: "Job" "jobs" "nsga" [];
        }
        "rbac.authorization.k8s.io" "v1" {
            rbac::ClusterRoleBinding: "ClusterRoleBinding" "clusterrolebindings" "" [];
            rbac::ClusterRole: "ClusterRole" "clusterroles" "" [];
            rbac::RoleBinding: "RoleBinding" "rolebindings" "n" [];
            rbac::Role: "Role" "roles" "n" [];
        }
        "networking.k8s.io" "v1" {
            networking::IngressClass: "IngressClass" "ingressclasses" "g" [];
            networking::Ingress: "Ingress" "ingresses" "nsg" ["ing"];
            networking::NetworkPolicy: "NetworkPolicy" "networkpolicies" "ng" ["netpol"];
        }
        "policy" "v1" {
            policy::PodDisruptionBudget: "PodDisruptionBudget" "poddisruptionbudgets" "nsg" ["pdb"];
        }
        "storage.k8s.io" "v1" {
            storage::CSIDriver: "CSIDriver" "csidrivers" "" [];
            storage::CSINode: "CSINode" "csinodes" "" [];
            storage::StorageClass: "StorageClass" "storageclasses" "" ["sc"];
            storage::VolumeAttachment: "VolumeAttachment" "volumeattachments" "s" [];
        }
        "scheduling.k8s.io" "v1" {
            scheduling::PriorityClass: "PriorityClass" "priorityclasses" "g" ["pc"];
        }
        "coordination.k8s.io" "v1" {
            coordination::Lease: "Lease" "leases" "n" [];
        }
        "discovery.k8s.io" "v1" {
            discovery::EndpointSlice: "EndpointSlice" "endpointslices" "ng" [];
        }
        "autoscaling" "v2" {
            autoscaling::HorizontalPodAutoscaler: "HorizontalPodAutoscaler" "horizontalpodautoscalers" "nsa" ["hpa"];
        }
        "admissionregistration.k8s.io" "v1" {
            admission::MutatingWebhookConfiguration: "MutatingWebhookConfiguration" "mutatingwebhookconfigurations" "g" [];
            admission::ValidatingWebhookConfiguration: "ValidatingWebhookConfiguration" "validatingwebhookconfigurations" "g" [];
        }
        "node.k8s.io" "v1" {
            node::RuntimeClass: "RuntimeClass" "runtimeclasses" "" [];
        }
        "apiextensions.k8s.io" "v1" {
            extensions::CustomResourceDefinition: "CustomResourceDefinition" "customresourcedefinitions" "sg" ["crd", "crds"];
        }
        "apiregistration.k8s.io" "v1" {
            registration::APIService: "APIService" "apiservices" "s" [];
        }
    }
}
