//! The files in `group_vars` and `host_vars`.

use crate::error::{Diagnostic, Problems};
use crate::value::Map;
use crate::vault::{Keyring, load_yaml};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 3] = ["yml", "yaml", "json"];

type Found = IndexMap<String, Result<Map, Problems>>;

/// What `group_vars` and `host_vars` in one folder hold. Files of groups and hosts that nobody has heard of are read
/// too, because `add_host` and `group_by` may bring them in, but what is wrong in them is no mistake yet.
#[derive(Clone, Debug, Default)]
pub struct VarsFiles {
    groups: Found,
    hosts: Found,
    /// What is allowed but hardly meant.
    pub warnings: Vec<Diagnostic>,
}

impl VarsFiles {
    /// Reads the files in `folder/group_vars` and `folder/host_vars`; encrypted ones with `keyring`.
    pub fn load(folder: &Path, keyring: &Keyring) -> Self {
        let mut warnings = Vec::new();
        let groups = found(&folder.join("group_vars"), keyring, &mut warnings);
        let hosts = found(&folder.join("host_vars"), keyring, &mut warnings);
        Self {
            groups,
            hosts,
            warnings,
        }
    }

    /// The variables of a group, when its files could be read.
    pub fn group(&self, name: &str) -> Option<&Map> {
        self.groups.get(name)?.as_ref().ok()
    }

    /// The variables of a host, when its files could be read.
    pub fn host(&self, name: &str) -> Option<&Map> {
        self.hosts.get(name)?.as_ref().ok()
    }

    /// What is wrong in the files of these groups and hosts.
    pub fn problems<'a>(
        &self,
        groups: impl IntoIterator<Item = &'a str>,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> Problems {
        let mut problems = Problems::new();
        let groups = groups.into_iter().filter_map(|g| self.groups.get(g));
        let hosts = hosts.into_iter().filter_map(|h| self.hosts.get(h));
        for result in groups.chain(hosts) {
            if let Err(found) = result {
                problems.extend(found.clone());
            }
        }
        problems
    }
}

fn found(folder: &Path, keyring: &Keyring, warnings: &mut Vec<Diagnostic>) -> Found {
    let mut names: Vec<String> = entries(folder).iter().filter_map(|p| entity(p)).collect();
    names.sort();
    names.dedup();
    let mut all = Found::new();
    for name in names {
        let mut vars = Map::new();
        let mut problems = Problems::new();
        for file in files(folder, &name) {
            match read(&file, keyring, warnings) {
                Ok(map) => vars.extend(map),
                Err(wrong) => problems.extend(wrong),
            }
        }
        all.insert(name, problems.or_ok(vars));
    }
    all
}

/// The group or host whose name an entry of `group_vars` or `host_vars` bears.
fn entity(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stem = EXTENSIONS
        .iter()
        .find_map(|e| name.strip_suffix(e)?.strip_suffix('.'));
    Some(
        if path.is_dir() {
            name
        } else {
            stem.unwrap_or(name)
        }
        .to_owned(),
    )
}

/// The files for one name: a folder or file called so, else the first of `.yml`, `.yaml`, `.json`.
fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let candidates =
        std::iter::once(name.to_owned()).chain(EXTENSIONS.iter().map(|e| format!("{name}.{e}")));
    let Some(path) = candidates.map(|c| folder.join(c)).find(|p| p.exists()) else {
        return Vec::new();
    };
    if !path.is_dir() {
        return vec![path];
    }
    let mut files = Vec::new();
    below(&path, &mut files, 0);
    files
}

/// The files of a folder and those below it, in the order of their names.
fn below(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) {
    // A link may point back up.
    if depth > 20 {
        return;
    }
    for path in entries(folder) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let extension = path.extension().map(|e| e.to_string_lossy().into_owned());
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        match extension {
            None if path.is_dir() => below(&path, files, depth + 1),
            None if path.is_file() => files.push(path),
            Some(e) if path.is_file() && EXTENSIONS.contains(&e.as_str()) => files.push(path),
            _ => {}
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    entries.sort();
    entries
}

fn read(path: &Path, keyring: &Keyring, warnings: &mut Vec<Diagnostic>) -> Result<Map, Problems> {
    let document = load_yaml(path, keyring)?;
    warnings.extend(document.warnings);
    match document.root {
        None => Ok(Map::new()),
        Some(root) if root.as_map().is_some() => Ok(root.to_map()),
        Some(root) if root.is_null() => Ok(Map::new()),
        Some(root) => Err(Diagnostic::at(
            &root.span,
            format!(
                "a file of variables holds a mapping, not a value of type {}",
                root.kind_name()
            ),
        )
        .into()),
    }
}
