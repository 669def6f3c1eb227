//! `kubernetes.core`: objects of a cluster. The modules run on this machine and talk to the API server as the task's host sees it,
//! with the kubeconfig of that host.

mod answer;
mod definition;
mod k8s;
mod k8s_cluster_info;
mod k8s_drain;
mod k8s_exec;
mod k8s_info;
mod k8s_json_patch;
mod k8s_log;
mod k8s_options;
mod k8s_rollback;
mod k8s_scale;
mod label_filter;
mod login;
#[cfg(test)]
mod tests;
mod waiting;

pub(super) use answer::{fail, finish};
pub(super) use login::{LOGIN, Login};

use super::Spec;

/// The modules of this folder, sorted by name, one a line.
pub(super) static ALL: &[&Spec] = &[
    &k8s::SPEC,
    &k8s_cluster_info::SPEC,
    &k8s_drain::SPEC,
    &k8s_exec::SPEC,
    &k8s_info::SPEC,
    &k8s_json_patch::SPEC,
    &k8s_log::SPEC,
    &k8s_rollback::SPEC,
    &k8s_scale::SPEC,
];
