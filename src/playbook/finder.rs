//! Where files of tasks and roles are looked for.

use super::expander::Expander;
use crate::error::{Diagnostic, Span, nearest};
use crate::yaml::Node;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Expander<'_> {
    /// The file that an import or include in `path` names.
    ///
    /// Follows Ansible: beside the including file, then in the role's `tasks` (for handlers `handlers`), then beside the
    /// playbook.
    pub(super) fn find_tasks(&mut self, name: &str, span: &Span, path: &Path) -> Option<PathBuf> {
        let mut folders: Vec<PathBuf> = path.parent().map(Path::to_owned).into_iter().collect();
        if let Some(role) = self.roles.last() {
            let own = if self.handler { "handlers" } else { "tasks" };
            folders.push(role.path.join(own));
            folders.push(role.path.join("tasks"));
            folders.push(role.path.clone());
        }
        folders.push(self.dir.clone());
        let mut searched: Vec<PathBuf> = Vec::new();
        for folder in folders {
            let candidate = self.loader.absolute(&folder.join(home(name)));
            if !searched.contains(&candidate) {
                searched.push(candidate);
            }
        }
        if let Some(found) = searched.iter().find(|path| path.is_file()) {
            return Some(found.clone());
        }
        self.sink
            .error(self.missing("a file of tasks", name, span, &searched));
        None
    }

    /// The name and folder of a role. The name is as written, or the folder's where it was found by its path only.
    ///
    /// Follows Ansible: `roles/` beside the playbook, the configured folders, the folder of the role that needs it, the
    /// playbook's own folder, and last the name as a path.
    pub(super) fn find_role(&mut self, name: &str, span: &Span) -> Option<(String, PathBuf)> {
        let mut folders = self.role_folders();
        if let Some(parent) = self.roles.last().and_then(|role| role.path.parent()) {
            folders.push(parent.to_owned());
        }
        folders.push(self.dir.clone());
        let mut searched: Vec<PathBuf> = Vec::new();
        for folder in folders {
            let candidate = self.loader.absolute(&folder.join(home(name)));
            if !searched.contains(&candidate) {
                searched.push(candidate);
            }
        }
        let by_name = self.loader.absolute(&home(name));
        let last = searched.len();
        if !searched.contains(&by_name) {
            searched.push(by_name);
        }
        if let Some(found) = searched.iter().find(|path| path.exists()) {
            if !found.is_dir() {
                self.sink.at(
                    span,
                    format!(
                        "`{}` is a file, and a role is a folder",
                        self.loader.shown(found).display()
                    ),
                );
                return None;
            }
            let by_path = searched.get(last) == Some(found);
            let folder = Path::new(name).file_name().and_then(|n| n.to_str());
            let name = folder.filter(|_| by_path).unwrap_or(name).to_owned();
            return Some((name, found.canonicalize().unwrap_or_else(|_| found.clone())));
        }
        let diagnostic = self.missing("a role", name, span, &searched);
        let parts: Vec<&str> = name.split('.').collect();
        self.sink.error(
            if parts.len() >= 3 && parts.iter().all(|p| super::typed::is_variable(p)) {
                diagnostic.with_help(
                    "roles of collections are not supported: copy the role into `roles/`",
                )
            } else {
                diagnostic
            },
        );
        None
    }

    /// The folders that hold roles.
    fn role_folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.dir.join("roles")];
        // ours: `playbooks/` and `roles/` side by side, as in many repositories
        if self.dir.ends_with("playbooks") {
            folders.extend(self.dir.parent().map(|above| above.join("roles")));
        }
        folders.extend(self.loader.roles_path.iter().cloned());
        folders
    }

    /// The roles in those folders and one folder deeper, with what they provide. What cannot be read is told where it is used.
    pub(super) fn roles_near(&mut self) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        for folder in self.role_folders() {
            for name in names(&folder) {
                let path = folder.join(&name);
                if is_role(&path) {
                    found.insert(name, self.provides(&path));
                    continue;
                }
                for inner in names(&path).iter().filter(|n| is_role(&path.join(n))) {
                    found.insert(format!("{name}/{inner}"), self.provides(&path.join(inner)));
                }
            }
        }
        found
    }

    fn provides(&self, role: &Path) -> Vec<String> {
        let files = ["main.yml", "main.yaml"].map(|name| role.join("meta").join(name));
        let file = files.into_iter().find(|path| path.is_file());
        let document = file.and_then(|file| self.loader.files.document(&file).ok());
        let root = document.as_ref().and_then(|d| d.root.as_ref());
        let words = root.and_then(|root| root.get("provides"));
        let words = words.map(super::typed::items).unwrap_or_default();
        let text = |node: &&Node| node.as_str().map(str::to_owned);
        words.iter().filter_map(text).collect()
    }

    fn missing(&self, what: &str, name: &str, span: &Span, searched: &[PathBuf]) -> Diagnostic {
        let mut diagnostic = Diagnostic::at(
            span,
            format!("there is no {} `{name}`", what.trim_start_matches("a ")),
        );
        for path in searched {
            diagnostic =
                diagnostic.with_note(format!("not at {}", self.loader.shown(path).display()));
        }
        let near = searched.iter().find_map(|path| {
            let wanted = path.file_name()?.to_str()?.to_owned();
            let names = names(path.parent()?);
            nearest(&wanted, names.iter().map(String::as_str))
                .map(|near| Path::new(name).with_file_name(near))
        });
        match near {
            Some(near) => diagnostic.with_help(format!("did you mean `{}`?", near.display())),
            None => diagnostic,
        }
    }
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn is_role(path: &Path) -> bool {
    let parts = [
        "tasks",
        "meta",
        "handlers",
        "defaults",
        "vars",
        "templates",
        "files",
    ];
    parts.iter().any(|part| path.join(part).is_dir())
}

/// `~/x` from the user's home; anything else as it is.
pub(super) fn home(name: &str) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(name),
    }
}
