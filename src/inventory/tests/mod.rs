//! Whole inventories. The expected answers are those of `ansible-inventory` and of Ansible's own patterns, 2.19.14.

mod files;
mod fuzz;
mod mistakes;
mod pattern;
mod vars;

use super::*;
use crate::error::Problems;
use crate::value::Map;
use crate::vault::Keyring;

/// Writes files (`path` and text) to a folder and loads what `sources` names there.
fn load_from(
    files: &[(&str, &str)],
    sources: &[&str],
) -> (tempfile::TempDir, Result<Inventory, Problems>) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let sources: Vec<String> = sources
        .iter()
        .map(|s| {
            if s.contains(',') {
                (*s).to_owned()
            } else {
                dir.path().join(s).display().to_string()
            }
        })
        .collect();
    let inventory = Inventory::load(&sources, &Keyring::new());
    (dir, inventory)
}

fn load(file: &str, text: &str) -> Inventory {
    load_from(&[(file, text)], &[file]).1.unwrap()
}

/// The mistakes in one file, without the folder's name.
fn mistakes(file: &str, text: &str) -> String {
    let (dir, result) = load_from(&[(file, text)], &[file]);
    result
        .unwrap_err()
        .to_string()
        .replace(&format!("{}/", dir.path().display()), "")
}

fn chosen(inventory: &Inventory, pattern: &str) -> String {
    select(inventory, pattern).unwrap().hosts.join(" ")
}

fn json(map: &Map) -> String {
    crate::value::Value::from(map.clone()).to_json().to_string()
}

const WEB: &str = "[web]\nw[1:3]\n[api]\na1\nw1\n[prod:children]\nweb\nstage\n[stage]\ns1\n[stage:children]\napi\n";
