//! Magic variables: what every task may know of the run, the play, the host and the role it stands in.

use super::hosts::Hosts;
use super::world::{PlayInfo, World};
use crate::playbook::RoleUse;
use crate::value::Value;
use crate::vars::Computed;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The magic variables of one host in one place.
pub(super) struct Magic {
    pub world: Arc<World>,
    pub info: Option<Arc<PlayInfo>>,
    pub host: Option<String>,
    pub roles: Vec<Arc<RoleUse>>,
    pub search: Vec<PathBuf>,
}

const MAGIC: &[&str] = &[
    "ansible_check_mode",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_parent_role_names",
    "ansible_parent_role_paths",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_name",
    "ansible_play_role_names",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_search_path",
    "group_names",
    "groups",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
];

fn names<'a>(items: impl IntoIterator<Item = &'a str>) -> Value {
    Value::list(items.into_iter().map(Value::from))
}

impl Computed for Magic {
    fn get(&self, name: &str) -> Option<Value> {
        if let Some(constant) = self.world.constants.get(name) {
            return Some(constant.clone());
        }
        if !MAGIC.contains(&name) {
            return None;
        }
        let host = self.host.as_deref();
        let path = |p: &Path| Value::from(p.display().to_string());
        let role = self.roles.last().map(|r| &r.role);
        match name {
            "inventory_hostname" => host.map(Value::from),
            "inventory_hostname_short" => {
                host.map(|h| Value::from(h.split('.').next().unwrap_or(h)))
            }
            "group_names" => {
                let host = host?;
                Some(self.world.inventory(|i| names(i.group_names(host))))
            }
            "groups" => Some(self.world.inventory(|i| {
                Value::map(i.groups.keys().map(|g| (g.as_str(), names(i.hosts_of(g)))))
            })),
            "inventory_file" | "inventory_dir" => {
                let source = self.world.inventory(|i| i.host(host?)?.source.clone())?;
                let source = std::path::absolute(&source).unwrap_or(source);
                if name == "inventory_file" {
                    Some(path(&source))
                } else {
                    source.parent().map(path)
                }
            }
            "role_name" | "ansible_role_name" => role.map(|r| Value::from(r.name.as_str())),
            "role_path" => role.map(|r| path(&r.path)),
            "ansible_parent_role_names" => (self.roles.len() > 1).then(|| {
                names(
                    self.roles
                        .iter()
                        .rev()
                        .skip(1)
                        .map(|r| r.role.name.as_str()),
                )
            }),
            "ansible_parent_role_paths" => (self.roles.len() > 1)
                .then(|| Value::list(self.roles.iter().rev().skip(1).map(|r| path(&r.role.path)))),
            "ansible_search_path" => Some(Value::list(self.search.iter().map(|p| path(p)))),
            _ => self.of_play(name),
        }
    }

    fn names(&self) -> Vec<String> {
        self.world
            .constants
            .keys()
            .cloned()
            .chain(MAGIC.iter().map(|n| (*n).to_owned()))
            .collect()
    }
}

impl Magic {
    fn of_play(&self, name: &str) -> Option<Value> {
        let info = self.info.as_ref()?;
        let lost = || info.lost.lock().map(|l| l.clone()).unwrap_or_default();
        let live = |hosts: &Hosts| {
            let lost = lost();
            names(hosts.iter().filter(|h| !lost.contains(h)).map(|h| &**h))
        };
        Some(match name {
            "ansible_play_name" => Value::from(info.name.as_str()),
            "ansible_play_hosts_all" => names(info.all.iter().map(|h| &**h)),
            "ansible_play_hosts" => live(&info.all),
            "ansible_play_batch" | "play_hosts" => live(&info.batch),
            "ansible_check_mode" => Value::Bool(info.check),
            "ansible_diff_mode" => Value::Bool(info.diff),
            "playbook_dir" => Value::from(info.play.dir.display().to_string()),
            "ansible_role_names"
            | "role_names"
            | "ansible_play_role_names"
            | "ansible_dependent_role_names" => {
                let uses: Vec<Arc<RoleUse>> = info
                    .public_roles
                    .lock()
                    .map(|p| p.iter().map(|(_, role)| role.clone()).collect())
                    .unwrap_or_default();
                let dependencies: Vec<Arc<RoleUse>> =
                    uses.iter().flat_map(|u| u.all_dependencies()).collect();
                let is_dependency =
                    |u: &Arc<RoleUse>| dependencies.iter().any(|d| Arc::ptr_eq(d, u));
                let mut listed: Vec<&str> = Vec::new();
                for role in &uses {
                    let wanted = match name {
                        "ansible_play_role_names" | "role_names" => !is_dependency(role),
                        "ansible_dependent_role_names" => is_dependency(role),
                        _ => true,
                    };
                    if wanted && !listed.contains(&role.role.name.as_str()) {
                        listed.push(&role.role.name);
                    }
                }
                names(listed)
            }
            _ => return None,
        })
    }
}
