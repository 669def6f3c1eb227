//! The documentation says what the code does: generated pages are current, links lead somewhere, versions agree.

#![allow(clippy::unwrap_used, clippy::panic)]

use hoist::cli::{dialect, doc};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

#[test]
fn the_page_on_the_dialect_is_current() {
    assert!(
        read("docs/dialect.md") == dialect::page(),
        "run `cargo run -- doc --dialect > docs/dialect.md`"
    );
}

#[test]
fn the_pages_of_modules_are_current() {
    let pages = doc::pages();
    let there: BTreeSet<String> = std::fs::read_dir("docs/modules")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted: BTreeSet<String> = pages.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(
        there, wanted,
        "run `cargo run -- doc --markdown docs/modules`"
    );
    for (name, text) in pages {
        assert!(
            read(Path::new("docs/modules").join(&name)) == text,
            "{name}: run `cargo run -- doc --markdown docs/modules`"
        );
    }
}

#[test]
fn the_changelog_fits_the_version() {
    let log = read("CHANGELOG.md");
    let newest = log.lines().find_map(|l| l.strip_prefix("## [")).unwrap();
    let newest = newest.split(']').next().unwrap();
    assert!(
        newest == "Unreleased" || newest == env!("CARGO_PKG_VERSION"),
        "the changelog's newest version is {newest}"
    );
    let kinds = [
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    ];
    for line in log.lines().filter_map(|l| l.strip_prefix("### ")) {
        assert!(
            kinds.contains(&line),
            "`{line}` is no section of a changelog"
        );
    }
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let mut all = vec![
        "README.md".into(),
        "CONTRIBUTING.md".into(),
        "CHANGELOG.md".into(),
    ];
    pages(Path::new("docs"), &mut all);
    let mut broken = Vec::new();
    for page in &all {
        let text = read(page);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|t| !t.contains("://") && !t.starts_with('#')) {
            let file = target.split('#').next().unwrap();
            if !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(all.len() > 20 && broken.is_empty(), "{}", broken.join("\n"));
}

/// Decisions are numbered without gaps, dated, and say what was decided.
#[test]
fn decisions_are_complete() {
    let mut all = Vec::new();
    pages(Path::new("docs/decisions"), &mut all);
    all.sort();
    for (number, page) in all.iter().enumerate() {
        let number = number + 1;
        let name = page.file_name().unwrap().to_str().unwrap();
        let text = read(page);
        assert!(name.starts_with(&format!("{number:04}-")), "{name}");
        assert!(text.starts_with(&format!("# {number}. ")), "{name}");
        for part in [
            "Date: ",
            "**Context.**",
            "**Decision.**",
            "**Consequences.**",
        ] {
            assert!(text.contains(part), "{name} lacks {part}");
        }
    }
}

/// Every dependency has its line, and no other has.
#[test]
fn dependencies_have_their_reasons() {
    let manifest = read("Cargo.toml");
    let mut listed = BTreeSet::new();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") {
            listed.extend(line.split_once(" = ").map(|(name, _)| name));
        }
    }
    let page = read("docs/decisions/0006-dependencies.md");
    let told: BTreeSet<&str> = page
        .lines()
        .filter_map(|l| l.strip_prefix("| `"))
        .filter_map(|l| l.split('`').next())
        .collect();
    assert_eq!(listed, told);
}
