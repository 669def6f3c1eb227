//! The variables a host gets from the inventory, layer by layer.

use super::inventory::Inventory;
use super::vars_files::VarsFiles;
use crate::value::Map;

/// What a layer of variables comes from, in the order in which later ones win (Ansible's page "Using Variables",
/// section "Understanding variable precedence", items 3 to 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerKind {
    /// The group `all` in inventory files.
    InventoryAll,
    /// Other groups in inventory files.
    InventoryGroup,
    /// `group_vars/all` beside the inventory.
    InventoryGroupVarsAll,
    /// `group_vars/all` beside the playbook.
    PlaybookGroupVarsAll,
    /// `group_vars/GROUP` beside the inventory.
    InventoryGroupVars,
    /// `group_vars/GROUP` beside the playbook.
    PlaybookGroupVars,
    /// The host in inventory files.
    InventoryHost,
    /// `host_vars/HOST` beside the inventory.
    InventoryHostVars,
    /// `host_vars/HOST` beside the playbook.
    PlaybookHostVars,
}

/// One layer of a host's variables.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Where it comes from.
    pub kind: LayerKind,
    /// The group or host it belongs to.
    pub owner: &'a str,
    /// The variables.
    pub vars: &'a Map,
}

impl Inventory {
    /// A host's variables, layer by layer; a later layer wins. `playbook` holds the files beside the playbook.
    pub fn layers<'a>(&'a self, host: &str, playbook: Option<&'a VarsFiles>) -> Vec<Layer<'a>> {
        use LayerKind::*;
        let Some(host) = self.host(host) else {
            return Vec::new();
        };
        let groups = self.groups_of(&host.name);
        let mut layers: Vec<Layer<'a>> = Vec::new();
        let mut add = |kind, owner, vars: Option<&'a Map>| {
            if let Some(vars) = vars.filter(|v| !v.is_empty()) {
                layers.push(Layer { kind, owner, vars });
            }
        };
        for group in &groups {
            let kind = if group.name == "all" {
                InventoryAll
            } else {
                InventoryGroup
            };
            add(kind, &group.name, Some(&group.vars));
            for files in &self.vars_files {
                let kind = if group.name == "all" {
                    InventoryGroupVarsAll
                } else {
                    InventoryGroupVars
                };
                add(kind, &group.name, files.group(&group.name));
            }
            let kind = if group.name == "all" {
                PlaybookGroupVarsAll
            } else {
                PlaybookGroupVars
            };
            add(
                kind,
                &group.name,
                playbook.and_then(|p| p.group(&group.name)),
            );
        }
        add(InventoryHost, &host.name, Some(&host.vars));
        for files in &self.vars_files {
            add(InventoryHostVars, &host.name, files.host(&host.name));
        }
        add(
            PlaybookHostVars,
            &host.name,
            playbook.and_then(|p| p.host(&host.name)),
        );
        // Within one kind the order of the groups stays.
        layers.sort_by_key(|l| l.kind);
        layers
    }

    /// All layers merged.
    pub fn merged(&self, host: &str, playbook: Option<&VarsFiles>) -> Map {
        let mut all = Map::new();
        for layer in self.layers(host, playbook) {
            all.extend(layer.vars.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        all
    }
}
