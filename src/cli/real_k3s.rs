//! Whether the real K3s can be rehearsed on this machine.

use crate::artifacts::{Arch, Cache, Site};
use std::path::Path;

/// What the kubelet cannot do without.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
const MODULES: [&str; 2] = ["overlay", "br_netfilter"];

/// The real K3s is at hand and this machine's kernel, which throw-away hosts share, has what it needs.
///
/// # Errors
/// Why not, as half a sentence.
pub(super) fn possible(playbook: &Path) -> Result<(), String> {
    let controllers = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers")
        .map_err(|_| "this machine runs with cgroup v1, which Kubernetes refuses".to_owned())?;
    let has = |c: &&&str| controllers.split_whitespace().any(|w| w == **c);
    if let Some(missing) = CONTROLLERS.iter().find(|c| !has(c)) {
        return Err(format!("this machine has no cgroup controller `{missing}`"));
    }
    let loaded = |m: &&&str| Path::new("/sys/module").join(m).is_dir();
    if let Some(missing) = MODULES.iter().find(|m| !loaded(m)) {
        return Err(format!(
            "the kernel module `{missing}` is not loaded here (`modprobe {missing}`)"
        ));
    }
    at_hand(playbook)
}

/// It is in the cache.
fn at_hand(playbook: &Path) -> Result<(), String> {
    let told =
        |d: &dyn std::fmt::Display| d.to_string().lines().next().unwrap_or_default().to_owned();
    let start = std::env::current_dir().map_err(|e| e.to_string())?;
    let folder = start.join(playbook.parent().unwrap_or(playbook));
    let folder = folder.canonicalize().unwrap_or(folder);
    let root = Site::root_of(&folder, &start).ok_or("there is no artifacts.yml")?;
    let cache = Cache::of_user(|name| std::env::var(name).ok()).map_err(|d| told(&d))?;
    let site = Site::read(&root, &start, cache).map_err(|d| told(&d))?;
    let arch = Arch::of_machine(std::env::consts::ARCH).ok_or("no K3s is made for this machine")?;
    site.pick("k3s", arch).map(|_| ()).map_err(|_| {
        "the real one is not in the cache (`hoist artifacts fetch k3s` gets it)".to_owned()
    })
}
