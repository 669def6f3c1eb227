//! `kubernetes.core.helm` and its kin. Helm itself runs on the control machine (a pinned binary is best); it reaches the API
//! server as the task's host does, through a port of this machine that leads there. What a release holds, and whether a task
//! would change it, is read from the Secret that Helm keeps, and never from what Helm prints for people.

mod chart;
mod forward;
mod helm_info;
mod helm_pull;
mod helm_repository;
mod helm_template;
mod install;
mod program;
mod release;
mod set_values;
mod unread;

use super::Spec;

/// The modules of this folder, sorted by name, one a line.
#[rustfmt::skip]
pub(super) static ALL: &[&Spec] = &[
    &install::HELM,
    &helm_info::HELM_INFO,
    &helm_pull::HELM_PULL,
    &helm_repository::HELM_REPOSITORY,
    &helm_template::HELM_TEMPLATE,
];
