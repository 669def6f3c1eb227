//! `filetree`: what is in a folder of the control machine, all the way down.

use super::{Table, texts};
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::value::{Map, Value};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(super) const TABLE: Table = &[("filetree", filetree)];

/// One mapping for each file, folder and link; of a path that several folders have, the first one's. Follows Ansible's
/// page on `community.general.filetree`.
fn filetree(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let exclude = match args.keyword_data("exclude")? {
        None | Some(Value::Null) => None,
        Some(text) => Some(
            fancy_regex::Regex::new(&text.to_string())
                .map_err(|e| Diagnostic::new(format!("`exclude` is no regular expression: {e}")))?,
        ),
    };
    let mut found: Vec<Value> = Vec::new();
    for term in texts(&mut args)? {
        let root = args.cx.scope.outside().find_file("files", &term)?;
        walk(&root, &root, &mut |path, relative| {
            let name = relative.to_string_lossy().into_owned();
            let known = |v: &Value| v.get("path").and_then(Value::as_str) == Some(name.as_str());
            let left_out = exclude
                .as_ref()
                .zip(path.file_name())
                .is_some_and(|(e, n)| e.is_match(&*n.to_string_lossy()).unwrap_or(false));
            if !left_out && !found.iter().any(known) {
                found.push(entry(&root, path, &name)?);
            }
            Ok(())
        })?;
    }
    args.end()?;
    Ok(found)
}

fn walk(root: &Path, folder: &Path, visit: &mut dyn FnMut(&Path, &Path) -> Eval<()>) -> Eval<()> {
    let failed = |e: std::io::Error| {
        Diagnostic::new(format!(
            "failed to read the folder `{}`: {e}",
            folder.display()
        ))
    };
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .map_err(failed)?
        .filter_map(Result::ok)
        .map(|e| e.path())
        .collect();
    paths.sort();
    for path in &paths {
        visit(path, path.strip_prefix(root).unwrap_or(path))?;
    }
    for path in paths.iter().filter(|p| p.is_dir() && !p.is_symlink()) {
        walk(root, path, visit)?;
    }
    Ok(())
}

fn entry(root: &Path, path: &Path, name: &str) -> Eval<Value> {
    let failed =
        |e: std::io::Error| Diagnostic::new(format!("failed to look at `{}`: {e}", path.display()));
    let meta = std::fs::symlink_metadata(path).map_err(failed)?;
    let owner = nix::unistd::User::from_uid(meta.uid().into())
        .ok()
        .flatten()
        .map_or(meta.uid().to_string(), |u| u.name);
    let group = nix::unistd::Group::from_gid(meta.gid().into())
        .ok()
        .flatten()
        .map_or(meta.gid().to_string(), |g| g.name);
    let text = |p: &Path| Value::from(p.to_string_lossy().into_owned());
    let mut map = Map::from_iter([
        ("root".to_owned(), text(root)),
        ("path".to_owned(), Value::from(name)),
    ]);
    let state = if meta.is_symlink() {
        map.insert(
            "src".to_owned(),
            text(&std::fs::read_link(path).map_err(failed)?),
        );
        "link"
    } else if meta.is_dir() {
        "directory"
    } else {
        map.insert("src".to_owned(), text(path));
        "file"
    };
    map.insert("state".to_owned(), Value::from(state));
    map.insert(
        "mode".to_owned(),
        Value::from(format!("0{:o}", meta.mode() & 0o7777)),
    );
    map.insert("uid".to_owned(), Value::from(meta.uid()));
    map.insert("gid".to_owned(), Value::from(meta.gid()));
    map.insert("owner".to_owned(), Value::from(owner));
    map.insert("group".to_owned(), Value::from(group));
    map.insert("size".to_owned(), Value::from(meta.size()));
    map.insert("mtime".to_owned(), Value::Float(meta.mtime() as f64));
    map.insert("ctime".to_owned(), Value::Float(meta.ctime() as f64));
    Ok(Value::from(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_told_with_folders_before_what_is_in_them() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for file in ["a", "sub/b"] {
            std::fs::write(dir.path().join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink("a", dir.path().join("l")).unwrap();
        let mut seen = Vec::new();
        walk(dir.path(), dir.path(), &mut |path, relative| {
            let e = entry(dir.path(), path, &relative.to_string_lossy())?;
            seen.push(format!(
                "{} {}",
                e.get("path").unwrap(),
                e.get("state").unwrap()
            ));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, ["a file", "l link", "sub directory", "sub/b file"]);
    }
}
