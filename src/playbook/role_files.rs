//! The files of a role.

use super::expander::Expander;
use crate::error::{Diagnostic, Span, nearest};
use std::path::{Path, PathBuf};

/// A role's folder, and where it is used.
pub(super) struct RoleFiles<'r> {
    pub(super) path: &'r Path,
    pub(super) span: &'r Span,
}

impl RoleFiles<'_> {
    /// The files of a part of the role: `main`, or the one asked for, which must exist. Variables may also be a folder.
    pub(super) fn find(
        &self,
        folder: &str,
        from: Option<&str>,
        may_be_folder: bool,
        expander: &mut Expander<'_>,
    ) -> Vec<PathBuf> {
        let base = self.path.join(folder);
        let name = from.unwrap_or("main");
        let endings = match from {
            None => [".yml", ".yaml", ".json", ""],
            Some(_) => ["", ".yml", ".yaml", ".json"],
        };
        for ending in endings {
            let path = expander
                .loader
                .absolute(&base.join(format!("{name}{ending}")));
            if !path.starts_with(&base) {
                expander.sink.at(
                    self.span,
                    format!("`{name}` lies outside the role's folder `{folder}`"),
                );
                return Vec::new();
            }
            if path.is_dir() && may_be_folder {
                let mut files = Vec::new();
                folder_files(&path, &mut files);
                return files;
            }
            if path.is_file() {
                return vec![path];
            }
        }
        if from.is_some() {
            let shown = expander.loader.shown(&base);
            let mut names: Vec<String> = std::fs::read_dir(&base)
                .into_iter()
                .flatten()
                .filter_map(|e| e.ok()?.path().file_stem()?.to_str().map(str::to_owned))
                .collect();
            names.sort();
            let diagnostic = Diagnostic::at(
                self.span,
                format!("the role has no file `{name}` in `{}`", shown.display()),
            );
            expander
                .sink
                .error(match nearest(name, names.iter().map(String::as_str)) {
                    Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                    None if names.is_empty() => diagnostic,
                    None => diagnostic.with_note(format!("it has {}", names.join(", "))),
                });
        }
        Vec::new()
    }
}

/// Files of variables in a folder and the folders below, sorted; hidden ones, backups and other endings are left out.
fn folder_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let ending = path.extension().map(|e| e.to_string_lossy().into_owned());
        if path.is_dir() && ending.is_none() {
            folder_files(&path, files);
        } else if path.is_file()
            && ending.is_none_or(|e| matches!(e.as_str(), "yml" | "yaml" | "json"))
        {
            files.push(path);
        }
    }
}
