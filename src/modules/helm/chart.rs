//! A chart's files: what it is called, and what its templates read.

use crate::error::Source;
use crate::yaml;
use flate2::read::GzDecoder;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// More than any chart has; a crafted archive must not fill the memory.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Charts inside charts.
const DEPTH: usize = 8;

/// A chart, from a folder or an archive of this machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    /// `Chart.yaml`.
    pub metadata: Json,
    /// The texts under `templates/`, by their path in the chart.
    pub templates: BTreeMap<String, String>,
    /// The charts under `charts/`.
    pub parts: Vec<Chart>,
}

type Files = BTreeMap<String, Vec<u8>>;

impl Chart {
    /// Reads a folder or a `.tgz`.
    ///
    /// # Errors
    /// It cannot be read, or is no chart; the message has no path.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let mut files = Files::new();
        if path.is_dir() {
            folder(path, "", &mut files)?;
        } else {
            let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
            archive(file, &mut files)?;
        }
        Self::of(files, 0)
    }

    fn of(mut files: Files, depth: usize) -> Result<Self, String> {
        let Some(text) = files.remove("Chart.yaml") else {
            return Err("it is no chart: it has no `Chart.yaml`".into());
        };
        if depth > DEPTH {
            return Err("it holds charts in charts in charts without end".into());
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let document = yaml::parse(&Source::new("Chart.yaml", text));
        let root = document.ok().and_then(|d| d.root);
        let metadata = root.map(|r| r.to_value().to_json()).unwrap_or_default();
        if metadata["name"].as_str().is_none() {
            return Err("its `Chart.yaml` says no name".into());
        }
        let mut chart = Self {
            metadata,
            ..Self::default()
        };
        let mut inner: BTreeMap<String, Files> = BTreeMap::new();
        for (path, bytes) in files {
            if path.starts_with("templates/") {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                chart.templates.insert(path, text);
            } else if let Some(rest) = path.strip_prefix("charts/") {
                match rest.split_once('/') {
                    Some((name, rest)) => {
                        let files = inner.entry(name.to_owned()).or_default();
                        files.insert(rest.to_owned(), bytes);
                    }
                    None if rest.ends_with(".tgz") => {
                        let mut files = Files::new();
                        archive(&bytes[..], &mut files)?;
                        chart.parts.push(Self::of(files, depth + 1)?);
                    }
                    None => {}
                }
            }
        }
        for files in inner.into_values() {
            // a folder of notes is no chart
            if files.contains_key("Chart.yaml") {
                chart.parts.push(Self::of(files, depth + 1)?);
            }
        }
        Ok(chart)
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.metadata["name"].as_str().unwrap_or_default()
    }

    /// The name under which a parent's values have those of the part.
    pub(super) fn key_of<'a>(&'a self, part: &'a Chart) -> &'a str {
        let dependencies = self.metadata["dependencies"].as_array();
        let found = dependencies
            .into_iter()
            .flatten()
            .find(|d| d["name"] == part.name());
        let alias = found.and_then(|d| d["alias"].as_str());
        alias.unwrap_or_else(|| part.name())
    }
}

fn folder(root: &Path, below: &str, files: &mut Files) -> Result<(), String> {
    let entries = std::fs::read_dir(root.join(below)).map_err(|e| e.to_string())?;
    for entry in entries {
        let entry = entry.map_err(|e| e.to_string())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        let kind = std::fs::metadata(entry.path()).map_err(|e| e.to_string())?;
        if kind.is_dir() {
            // a link in a circle makes a path that no chart has
            if path.matches('/').count() < 4 * DEPTH {
                folder(root, &path, files)?;
            }
        } else if wanted(&path) {
            files.insert(
                path,
                std::fs::read(entry.path()).map_err(|e| e.to_string())?,
            );
        }
    }
    Ok(())
}

/// The files of an archive, without its one folder.
fn archive(bytes: impl Read, files: &mut Files) -> Result<(), String> {
    let damaged = |e: std::io::Error| format!("it is no chart archive: {e}");
    let mut left = LIMIT;
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = entry
            .path()
            .map_err(damaged)?
            .to_string_lossy()
            .into_owned();
        let Some((_, path)) = path.trim_start_matches("./").split_once('/') else {
            continue;
        };
        if !entry.header().entry_type().is_file() || !wanted(path) {
            continue;
        }
        if entry.size() > left {
            return Err(format!("it holds more than {} MiB", LIMIT / 1024 / 1024));
        }
        left -= entry.size();
        let path = path.to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(damaged)?;
        files.insert(path, content);
    }
    Ok(())
}

fn wanted(path: &str) -> bool {
    path == "Chart.yaml" || path.starts_with("templates/") || path.starts_with("charts/")
}
