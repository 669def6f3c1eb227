//! The order of the folders in `src/`: each uses only itself and those declared above it in `src/lib.rs`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

/// The folders in the order of `src/lib.rs`.
fn order() -> Vec<String> {
    let text = std::fs::read_to_string("src/lib.rs").unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "));
    names
        .map(|name| name.trim_end_matches(';').to_owned())
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The folders that a file's text names as `crate::folder`, with the numbers of their lines.
fn used(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for rest in code.split("crate::").skip(1) {
            assert!(
                !rest.starts_with('{'),
                "line {}: name one folder a `use`",
                number + 1
            );
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            found.push((number + 1, name));
        }
    }
    found
}

/// Every use of a folder that stands below the user's own.
fn uses_from_below(order: &[String], folder: &str, text: &str) -> Vec<(usize, String)> {
    let place = |name: &str| order.iter().position(|known| known == name);
    let own = place(folder).unwrap_or_else(|| panic!("`{folder}` is not in src/lib.rs"));
    let mut wrong = used(text);
    wrong.retain(|(_, name)| place(name).is_some_and(|it| it > own));
    wrong
}

#[test]
fn a_folder_uses_only_those_above_it() {
    let order = order();
    let mut files = Vec::new();
    for folder in &order {
        let path = Path::new("src").join(folder);
        if path.is_dir() {
            sources(&path, &mut files);
        } else {
            files.push(path.with_extension("rs"));
        }
    }
    let mut wrong = Vec::new();
    for file in &files {
        let folder = file
            .components()
            .nth(1)
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        let text = std::fs::read_to_string(file).unwrap();
        for (line, name) in uses_from_below(&order, folder, &text) {
            wrong.push(format!("{}:{line} uses `{name}`", file.display()));
        }
    }
    assert!(files.len() > 100, "only {} files found", files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_use_from_below_is_seen() {
    let order: Vec<String> = ["error", "value", "cli"].map(str::to_owned).into();
    let text = "use crate::error::A;\n// crate::cli\nfn f() { crate::cli::main() }\n";
    assert_eq!(
        uses_from_below(&order, "value", text),
        [(3, "cli".to_owned())]
    );
    assert_eq!(uses_from_below(&order, "cli", text), []);
}

/// The page on the architecture lists the folders in this order.
#[test]
fn the_page_has_the_order() {
    let page = std::fs::read_to_string("docs/architecture.md").unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(listed, order());
}
