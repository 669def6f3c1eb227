//! Modules about the system: packages, services, accounts, commands, the kernel's settings.

mod alternatives;
mod apk;
mod apt;
mod apt_cache;
mod apt_get;
mod apt_repository;
mod command;
mod cron;
mod deb822_repository;
mod deb_version;
mod dnf;
mod dpkg_tools;
mod engine_modules;
pub(in crate::modules) mod expand;
mod firewalld;
mod getent;
mod group;
mod hostname;
mod initd;
mod iptables;
mod job;
mod locale_gen;
mod modprobe;
mod mount;
mod package;
mod package_keys;
mod ping;
mod pip;
mod reboot;
mod script;
mod selinux;
mod service;
mod snap;
mod sysctl;
mod systemd;
#[cfg(test)]
#[allow(dead_code)]
mod testing;
mod tools;
mod ufw;
mod user;
mod user_key;
mod wait_for;
mod wait_net;
mod words;
mod yum_repository;

pub use job::{Job, JobState};

use super::Spec;

/// The modules of this folder, sorted by name, one a line.
pub(super) static ALL: &[&Spec] = &[
    &engine_modules::ADD_HOST,
    &apt::SPEC,
    &package_keys::APT,
    &apt_repository::SPEC,
    &engine_modules::ASSERT,
    &job::SPEC,
    &command::COMMAND,
    &cron::SPEC,
    &deb822_repository::SPEC,
    &dpkg_tools::DEBCONF,
    &engine_modules::DEBUG,
    &dnf::SPEC,
    &dpkg_tools::SELECTIONS,
    &engine_modules::FAIL,
    &engine_modules::GATHER_FACTS,
    &getent::SPEC,
    &group::SPEC,
    &engine_modules::GROUP_BY,
    &hostname::HOSTNAME,
    &engine_modules::IMPORT_PLAYBOOK,
    &engine_modules::IMPORT_ROLE,
    &engine_modules::IMPORT_TASKS,
    &engine_modules::INCLUDE_ROLE,
    &engine_modules::INCLUDE_TASKS,
    &engine_modules::INCLUDE_VARS,
    &iptables::SPEC,
    &engine_modules::META,
    &package::SPEC,
    &engine_modules::PAUSE,
    &ping::SPEC,
    &pip::SPEC,
    &script::RAW,
    &reboot::REBOOT,
    &package_keys::RPM,
    &script::SCRIPT,
    &service::SPEC,
    &engine_modules::SET_FACT,
    &engine_modules::SET_STATS,
    &command::SHELL,
    &systemd::SPEC,
    &initd::SYSVINIT,
    &user::SPEC,
    &engine_modules::VALIDATE_ARGUMENT_SPEC,
    &wait_for::SPEC,
    &reboot::WAIT,
    &yum_repository::SPEC,
    &firewalld::SPEC,
    &mount::SPEC,
    &selinux::SEBOOLEAN,
    &selinux::SELINUX,
    &sysctl::SPEC,
    &alternatives::SPEC,
    &locale_gen::SPEC,
    &modprobe::SPEC,
    &snap::SPEC,
    &hostname::TIMEZONE,
    &ufw::SPEC,
];
