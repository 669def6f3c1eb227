//! The playbooks and roles that hoist carries, for one that is run outside of its own repository.

use crate::error::Diagnostic;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../", $name)))),*]
    };
}

/// Every file below `playbooks/` and `roles/`, and the artifacts that they use, by its name from the repository's root.
pub(super) const FILES: &[(&str, &str)] = files![
    "artifacts.lock",
    "artifacts.yml",
    "playbooks/demo.yml",
    "playbooks/k3s-restore.yml",
    "playbooks/k3s-uninstall.yml",
    "playbooks/site.yml",
    "roles/demo_base/defaults/main.yml",
    "roles/demo_base/meta/argument_specs.yml",
    "roles/demo_base/tasks/main.yml",
    "roles/demo_base/templates/motd.j2",
    "roles/demo_web/defaults/main.yml",
    "roles/demo_web/handlers/main.yml",
    "roles/demo_web/tasks/main.yml",
    "roles/demo_web/templates/lighttpd.conf.j2",
    "roles/host_prep/defaults/main.yml",
    "roles/host_prep/meta/argument_specs.yml",
    "roles/host_prep/tasks/firewall.yml",
    "roles/host_prep/tasks/main.yml",
    "roles/host_prep/tasks/raspberry_pi.yml",
    "roles/host_prep/tasks/swap.yml",
    "roles/host_prep/tasks/verify.yml",
    "roles/host_prep/templates/kubernetes.nft.j2",
    "roles/host_prep/vars/main.yml",
    "roles/k3s/defaults/main.yml",
    "roles/k3s/meta/argument_specs.yml",
    "roles/k3s/tasks/files.yml",
    "roles/k3s/tasks/look.yml",
    "roles/k3s/tasks/main.yml",
    "roles/k3s/tasks/make_way.yml",
    "roles/k3s/tasks/node.yml",
    "roles/k3s/tasks/service.yml",
    "roles/k3s/tasks/snapshot.yml",
    "roles/k3s/tasks/token.yml",
    "roles/k3s/templates/k3s.service.j2",
    "roles/k3s/templates/kube-vip.yaml.j2",
    "roles/k3s/vars/main.yml",
    "roles/k3s_uninstall/defaults/main.yml",
    "roles/k3s_uninstall/files/sweep.sh",
    "roles/k3s_uninstall/meta/argument_specs.yml",
    "roles/k3s_uninstall/tasks/main.yml",
    "roles/k3s_uninstall/vars/main.yml",
    "roles/kubeconfig/defaults/main.yml",
    "roles/kubeconfig/meta/argument_specs.yml",
    "roles/kubeconfig/tasks/main.yml",
];

/// A folder with all of them: `carried/DIGEST` in hoist's cache, made where it is missing.
///
/// # Errors
/// It cannot be written.
pub(super) fn unpacked() -> Result<PathBuf, Diagnostic> {
    let mut digest = Sha256::new();
    for (name, text) in FILES {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    let digest = hex::encode(digest.finalize());
    let home = super::site::cache().join("carried");
    let folder = home.join(digest.get(..16).unwrap_or_default());
    if folder.is_dir() {
        return Ok(folder);
    }
    let cannot =
        |e: std::io::Error| Diagnostic::new(format!("cannot write `{}`: {e}", folder.display()));
    std::fs::create_dir_all(&home).map_err(cannot)?;
    // whole or not at all
    let partial = tempfile::tempdir_in(&home).map_err(cannot)?;
    write(partial.path()).map_err(cannot)?;
    match std::fs::rename(partial.path(), &folder) {
        Err(e) if !folder.is_dir() => Err(cannot(e)),
        // another hoist may have been faster
        _ => Ok(folder),
    }
}

/// Writes all files below a folder.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    for (name, text) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.join("roles"), root.join("playbooks")];
        let mut missing = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(root).unwrap().display().to_string();
                if !FILES.iter().any(|(known, _)| *known == name) {
                    missing.push(format!("    \"{name}\","));
                }
            }
        }
        missing.sort();
        assert!(missing.is_empty(), "add to FILES:\n{}", missing.join("\n"));
    }
}
