//! Where a site is: its inventory and its playbooks.

use super::carried;
use crate::error::Diagnostic;
use crate::playbook::Config;
use std::path::{Path, PathBuf};

/// Where an inventory is looked for when none is named.
const INVENTORIES: [&str; 4] = [
    "inventory/hosts.yml",
    "inventory/hosts.ini",
    "hosts.yml",
    "hosts.ini",
];

/// The inventories of this site: those given, those of the settings, else the first of the usual names that exists here.
///
/// # Errors
/// There is none.
pub fn site_inventory(given: &[String], config: &Config) -> Result<Vec<String>, Diagnostic> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    if !config.inventory.is_empty() {
        return Ok(config.inventory.clone());
    }
    let found = INVENTORIES.iter().find(|name| Path::new(name).exists());
    found.map(|name| vec![(*name).to_owned()]).ok_or_else(|| {
        Diagnostic::new("there is no inventory here")
            .with_note(format!("looked for {}", INVENTORIES.join(", ")))
            .with_help("`hoist init` writes one by asking; `-i FILE` names one that is elsewhere")
    })
}

/// A playbook of the site: the site's own, beside its inventory or where hoist was started, else the one that hoist carries.
///
/// # Errors
/// The carried one cannot be unpacked.
pub fn site_playbook(name: &str, sources: &[String]) -> Result<PathBuf, Diagnostic> {
    let mut folders = vec![PathBuf::new()];
    for source in sources.iter().map(Path::new).filter(|p| p.exists()) {
        let own = if source.is_dir() {
            Some(source)
        } else {
            source.parent()
        };
        folders.extend(own.map(Path::to_owned));
        folders.extend(own.and_then(Path::parent).map(Path::to_owned));
    }
    for folder in folders {
        for place in ["", "playbooks"] {
            let path = folder.join(place).join(name);
            if path.is_file() {
                return Ok(path);
            }
        }
    }
    Ok(carried::unpacked()?.join("playbooks").join(name))
}

/// Where hoist keeps what can be had again: `$HOIST_CACHE`, else `hoist` in the user's cache folder.
pub fn cache() -> PathBuf {
    let set = |name: &str| {
        let value = std::env::var_os(name).filter(|v| !v.is_empty());
        value.map(PathBuf::from)
    };
    set("HOIST_CACHE").unwrap_or_else(|| {
        let user = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        user.unwrap_or_else(|| PathBuf::from("/var/cache"))
            .join("hoist")
    })
}
