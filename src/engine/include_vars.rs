//! `include_vars`: variables from a file or from the files of a directory.

use super::world::find_file;
use crate::modules::{Args, Fail};
use crate::playbook::Loader;
use crate::value::{Map, Value};
use std::path::{Path, PathBuf};

/// The variables and the files they came from. Follows Ansible's page on `include_vars`.
///
/// # Errors
/// No such file or directory, an ending that is not allowed, a file that holds no mapping.
pub(super) fn load(
    args: &Args,
    search: &[PathBuf],
    loader: &Loader,
) -> Result<(Map, Vec<PathBuf>), Fail> {
    let mut vars = Map::new();
    let files = match args.opt_str("dir") {
        Some(dir) => {
            let dir = find_file(search, "vars", dir)?;
            let mut files = Vec::new();
            let depth = args.int("depth").filter(|d| *d > 0).unwrap_or(i64::MAX);
            gather(&dir, depth, args, &mut files)?;
            files
        }
        None => vec![find_file(search, "vars", args.str("file"))?],
    };
    for file in &files {
        let read = loader
            .vars_file(file)
            .map_err(|p| Fail::new(p.to_string().trim_start_matches("error: ").to_owned()))?;
        vars.extend(read);
    }
    if let Some(name) = args.opt_str("name") {
        vars = Map::from_iter([(name.to_owned(), Value::from(vars))]);
    }
    Ok((vars, files))
}

fn gather(dir: &Path, depth: i64, args: &Args, files: &mut Vec<PathBuf>) -> Result<(), Fail> {
    let failed = |e: std::io::Error| {
        Fail::new(format!(
            "failed to read the directory `{}`: {e}",
            dir.display()
        ))
    };
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .map_err(failed)?
        .filter_map(Result::ok)
        .map(|e| e.path())
        .collect();
    entries.sort();
    let matching = args
        .opt_str("files_matching")
        .map(|text| {
            fancy_regex::Regex::new(text)
                .map_err(|e| Fail::new(format!("`files_matching` is no regular expression: {e}")))
        })
        .transpose()?;
    let (ignored, endings) = (args.list("ignore_files"), args.list("extensions"));
    for path in entries {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_dir() {
            if depth > 1 {
                gather(&path, depth - 1, args, files)?;
            }
            continue;
        }
        let is_ignored = ignored.iter().any(|pattern| {
            fancy_regex::Regex::new(&format!("{pattern}$"))
                .is_ok_and(|r| r.is_match(&name).unwrap_or(false))
        });
        if is_ignored
            || matching
                .as_ref()
                .is_some_and(|m| !m.is_match(&name).unwrap_or(false))
        {
            continue;
        }
        let ending = path.extension().map(|e| e.to_string_lossy().into_owned());
        if ending.as_ref().is_some_and(|e| endings.contains(e)) {
            files.push(path);
        } else if !args.bool("ignore_unknown_extensions") {
            return Err(Fail::new(format!(
                "`{}` does not end in one of {}",
                path.display(),
                endings.join(", ")
            )));
        }
    }
    Ok(())
}
