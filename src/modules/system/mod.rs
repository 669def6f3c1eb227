//! Modules about the system: packages, services, accounts, commands, the kernel's settings.

mod apk;
mod apt;
mod apt_cache;
mod apt_get;
mod command;
mod cron;
mod deb_version;
mod dnf;
mod engine_modules;
mod expand;
mod free_form;
mod getent;
mod group;
mod hostname;
mod initd;
mod iptables;
mod modprobe;
mod package;
mod ping;
mod reboot;
mod script;
mod service;
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

pub use free_form::split_free_form;

use super::Spec;

/// The modules of this folder, sorted by name, one a line.
pub(super) static ALL: &[&Spec] = &[
    &engine_modules::ADD_HOST,
    &apt::SPEC,
    &engine_modules::ASSERT,
    &command::COMMAND,
    &cron::SPEC,
    &engine_modules::DEBUG,
    &dnf::SPEC,
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
    &script::RAW,
    &reboot::REBOOT,
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
    &sysctl::SPEC,
    &modprobe::SPEC,
    &hostname::TIMEZONE,
    &ufw::SPEC,
];
