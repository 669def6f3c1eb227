//! From what `-i` names to an inventory.

use super::address::split_port;
use super::inventory::Inventory;
use super::vars_files::VarsFiles;
use super::{ini, script, tree};
use crate::error::{Diagnostic, Problems, Source};
use crate::vault::{Keyring, is_encrypted};
use crate::yaml;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Endings of files that are left out of a folder of inventories.
const IGNORED: [&str; 12] = [
    ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry",
];

impl Inventory {
    /// Reads every source in order: a file (INI, YAML, JSON or an executable), a folder of them, or a list of hosts with
    /// at least one comma. Then the `group_vars` and `host_vars` beside them.
    ///
    /// # Errors
    /// Every mistake in every source, and in the files of variables that belong to a known group or host.
    pub fn load(sources: &[String], keyring: &Keyring) -> Result<Self, Problems> {
        let mut loader = Loader {
            inventory: Self::new(),
            problems: Problems::new(),
            keyring,
        };
        let mut folders: Vec<PathBuf> = Vec::new();
        for source in sources {
            let path = Path::new(source);
            if source.contains(',') && !path.exists() {
                loader.host_list(source);
                continue;
            }
            loader.path(path, source);
            let folder = if path.is_dir() {
                path
            } else {
                path.parent().unwrap_or(Path::new(""))
            };
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            // The last mention of a folder decides what it overrides.
            folders.retain(|f| f != folder);
            folders.push(folder.to_owned());
        }
        let Loader {
            mut inventory,
            mut problems,
            ..
        } = loader;
        inventory.reconcile();
        for folder in folders {
            let files = VarsFiles::load(&folder, keyring);
            problems.extend(inventory.problems_of(&files));
            inventory.warnings.extend(files.warnings.iter().cloned());
            inventory.vars_files.push(files);
        }
        problems.or_ok(inventory)
    }

    /// The sources when `-i` names none: what `ANSIBLE_INVENTORY` names, as `get` gives it, or else `/etc/ansible/hosts`
    /// where that is there.
    pub fn default_sources(get: impl Fn(&str) -> Option<String>) -> Vec<String> {
        match get("ANSIBLE_INVENTORY").filter(|v| !v.is_empty()) {
            Some(list) => list
                .split(',')
                .map(|s| s.trim().to_owned())
                .filter(|s| !s.is_empty())
                .collect(),
            None => {
                let system = "/etc/ansible/hosts";
                Vec::from_iter(Path::new(system).exists().then(|| system.to_owned()))
            }
        }
    }

    /// What is wrong in the files of variables of the groups and hosts of this inventory.
    pub fn problems_of(&self, files: &VarsFiles) -> Problems {
        let local = super::LOCALHOST
            .into_iter()
            .filter(|l| !self.hosts.contains_key(*l));
        files.problems(
            self.groups.keys().map(String::as_str),
            self.hosts.keys().map(String::as_str).chain(local),
        )
    }
}

struct Loader<'a> {
    inventory: Inventory,
    problems: Problems,
    keyring: &'a Keyring,
}

impl Loader<'_> {
    fn host_list(&mut self, text: &str) {
        for name in text.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            let (host, port) = split_port(name);
            self.inventory.add_host(host, Some("ungrouped"), port, None);
        }
    }

    fn path(&mut self, path: &Path, given: &str) {
        if path.is_dir() {
            return self.folder(path, given, 0);
        }
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let diagnostic = Diagnostic::new(format!("there is no inventory `{given}`"));
                return self.problems.push(if given.contains('/') {
                    diagnostic
                } else {
                    diagnostic.with_help(format!(
                        "to name hosts instead of a file, end with a comma: `{given},`"
                    ))
                });
            }
            Err(error) => {
                return self.problems.push(Diagnostic::new(format!(
                    "cannot read the inventory `{given}`: {error}"
                )));
            }
        };
        let executable = path
            .metadata()
            .is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
        if executable && (text.starts_with(b"#!") || text.starts_with(b"\x7fELF")) {
            return script::read(path, &mut self.inventory, &mut self.problems);
        }
        self.text(path, text);
    }

    fn folder(&mut self, folder: &Path, given: &str, depth: usize) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) if depth < 20 => entries,
            Ok(_) => {
                return self.problems.push(Diagnostic::new(format!(
                    "the folders of the inventory `{given}` go too deep"
                )));
            }
            Err(error) => {
                return self.problems.push(Diagnostic::new(format!(
                    "cannot read the inventory `{}`: {error}",
                    folder.display()
                )));
            }
        };
        let mut names: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        names.sort();
        for path in names {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let reserved = matches!(
                name.as_str(),
                "host_vars" | "group_vars" | "vars_plugins" | "generated.vault.yml"
            );
            if name.starts_with('.') || reserved || IGNORED.iter().any(|i| name.ends_with(i)) {
                continue;
            }
            if path.is_dir() {
                self.folder(&path, given, depth + 1);
            } else {
                self.path(&path, &path.display().to_string());
            }
        }
    }

    /// Reads a file by its ending; one without a telling ending is YAML when it reads as a mapping, INI otherwise.
    fn text(&mut self, path: &Path, text: Vec<u8>) {
        if is_encrypted(&text) {
            return self.encrypted(path);
        }
        let Ok(text) = String::from_utf8(text) else {
            return self.problems.push(Diagnostic::new(format!(
                "the inventory `{}` is not UTF-8",
                path.display()
            )));
        };
        let extension = path
            .extension()
            .map(|e| e.to_string_lossy().to_lowercase())
            .unwrap_or_default();
        let source = Source::new(path, text);
        match extension.as_str() {
            "yml" | "yaml" | "json" => self.yaml(path, yaml::parse(&source)),
            "toml" => self.problems.push(
                Diagnostic::new(format!(
                    "the inventory `{}` is TOML, which is not supported",
                    path.display()
                ))
                .with_help("write it as INI or YAML"),
            ),
            "" => {
                let document = yaml::parse(&source);
                let mapping = matches!(&document, Ok(d) if d.root.as_ref().is_some_and(|r| r.as_map().is_some()));
                if mapping || looks_like_yaml(&source) {
                    self.yaml(path, document);
                } else {
                    self.ini(&source);
                }
            }
            _ => self.ini(&source),
        }
    }

    fn ini(&mut self, source: &Arc<Source>) {
        ini::read(source, &mut self.inventory, &mut self.problems);
    }

    fn encrypted(&mut self, path: &Path) {
        self.yaml(path, crate::vault::load_yaml(path, self.keyring));
    }

    fn yaml(&mut self, path: &Path, document: Result<yaml::Document, Problems>) {
        let Some(document) = self.problems.take(document) else {
            return;
        };
        self.inventory.warnings.extend(document.warnings);
        match document.root {
            Some(root) => tree::read(&root, path, &mut self.inventory, &mut self.problems),
            None => self.inventory.warnings.push(Diagnostic::new(format!(
                "the inventory `{}` is empty",
                path.display()
            ))),
        }
    }
}

/// Whether the first line that says anything is one that only YAML has.
fn looks_like_yaml(source: &Source) -> bool {
    let first = source
        .text
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty() && !l.starts_with('#'));
    first.is_some_and(|l| {
        l == "---" || (l.ends_with(':') && !l.starts_with('[') && !l.contains(' '))
    })
}
