//! The YAML files of a project, read once each.

use crate::error::{Diagnostic, Problems, Source, Span};
use crate::value::{Map, Secrets, Value};
use crate::yaml::{self, Kind, Node};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Decrypts the text of a file that begins with `$ANSIBLE_VAULT`.
pub type Decrypt = dyn Fn(&Path, &str) -> Result<String, Diagnostic> + Send + Sync;

/// How a file whose content is encrypted begins.
const VAULT: &str = "$ANSIBLE_VAULT;";

/// A file's content.
pub(super) struct Document {
    /// Its value; `None` when there is none.
    pub(super) root: Option<Node>,
    /// What the YAML reader warned of.
    pub(super) warnings: Vec<Diagnostic>,
}

type Cached = Result<Arc<Document>, Problems>;

/// Reads files, decrypts them where needed, and remembers what they hold.
pub(super) struct Files {
    cwd: PathBuf,
    pub(super) decrypt: Option<Arc<Decrypt>>,
    pub(super) secrets: Secrets,
    documents: Mutex<HashMap<PathBuf, Cached>>,
}

impl Files {
    pub(super) fn new(cwd: &Path) -> Self {
        Self {
            cwd: cwd.to_owned(),
            decrypt: None,
            secrets: Secrets::default(),
            documents: Mutex::default(),
        }
    }

    /// `path` made absolute and tidy (`a/../b` is `b`), links as they are.
    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        let mut out = PathBuf::new();
        for part in self.cwd.join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    out.pop();
                }
                other => out.push(other),
            }
        }
        out
    }

    /// `path` as the user would type it: from the current folder where it lies below.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.cwd)
            .ok()
            .filter(|rest| !rest.as_os_str().is_empty())
            .unwrap_or(path)
            .to_owned()
    }

    /// The document in a file.
    ///
    /// # Errors
    /// It cannot be read or decrypted, or is no YAML.
    pub(super) fn document(&self, path: &Path) -> Cached {
        let path = self.absolute(path);
        let cached = |documents: &HashMap<PathBuf, Cached>| documents.get(&path).cloned();
        if let Some(known) = self.documents.lock().ok().and_then(|d| cached(&d)) {
            return known;
        }
        let read = self.read(&path);
        if let Ok(mut documents) = self.documents.lock() {
            documents.insert(path, read.clone());
        }
        read
    }

    /// Takes `text` for what is in the file, which need not be there.
    ///
    /// # Errors
    /// It is no YAML.
    pub(super) fn remember(&self, path: &Path, text: &str) -> Result<(), Problems> {
        // nobody wrote it, so nobody wants to see its lines
        let document = yaml::parse_hidden(path, text)?;
        if let Ok(mut documents) = self.documents.lock() {
            let known = Document {
                root: document.root,
                warnings: document.warnings,
            };
            documents.insert(self.absolute(path), Ok(Arc::new(known)));
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> Cached {
        let shown = self.shown(path);
        let bytes = std::fs::read(path).map_err(|e| {
            Diagnostic::new(format!("cannot read `{}`: {}", shown.display(), reason(&e)))
        })?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let line = e.as_bytes()[..e.utf8_error().valid_up_to()]
                .iter()
                .filter(|b| **b == b'\n')
                .count();
            Diagnostic::new(format!("`{}` is not UTF-8 text", shown.display()))
                .with_note(format!("the first bad byte is on line {}", line + 1))
        })?;
        if text.starts_with(VAULT) {
            return self.read_vault(path, &shown, &text);
        }
        let document = yaml::parse(&Source::new(&shown, text))?;
        Ok(Arc::new(Document {
            root: document.root,
            warnings: document.warnings,
        }))
    }

    fn read_vault(&self, path: &Path, shown: &Path, text: &str) -> Cached {
        let encrypted = || format!("`{}` is encrypted", shown.display());
        let Some(decrypt) = &self.decrypt else {
            return Err(Diagnostic::new(encrypted())
                .with_help("give its password with `--vault-password-file` or `--vault-id`")
                .into());
        };
        let plain = decrypt(path, text)?;
        // What is decrypted must not be shown, so its places point into an empty text.
        let hidden = Source::new(shown, "");
        let document = yaml::parse(&Source::new(shown, plain)).map_err(|problems| {
            let span = problems.0.first().and_then(|d| d.span.clone());
            let place = span.map_or_else(
                || Span::start(&hidden),
                |span| Span {
                    source: hidden.clone(),
                    ..span
                },
            );
            Problems::from(Diagnostic::at(
                &place,
                "what is encrypted here is not valid YAML",
            ))
        })?;
        let mut root = document.root;
        if let Some(root) = &mut root {
            hide(root, &hidden);
        }
        Ok(Arc::new(Document {
            root,
            warnings: Vec::new(),
        }))
    }

    /// The mapping in a file of variables; an empty file holds none. What was encrypted becomes secret.
    ///
    /// # Errors
    /// As [`Files::document`]; the file holds no mapping.
    pub(super) fn vars(&self, path: &Path) -> Result<Map, Problems> {
        let document = self.document(path)?;
        let Some(root) = document.root.as_ref().filter(|root| !root.is_null()) else {
            return Ok(Map::new());
        };
        if root.as_map().is_none() {
            return Err(Diagnostic::at(
                &root.span,
                format!(
                    "a file of variables holds a mapping, not {}",
                    super::typed::describe(root)
                ),
            )
            .into());
        }
        let map = root.to_map();
        if root.span.source.text.is_empty() {
            self.secrets.add_value(&Value::from(map.clone()));
        }
        Ok(map)
    }
}

/// An I/O error in words, without the number.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

fn hide(node: &mut Node, source: &Arc<Source>) {
    node.span.source = source.clone();
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| hide(item, source)),
        Kind::Map(pairs) => {
            for (key, value) in pairs {
                hide(key, source);
                hide(value, source);
            }
        }
        _ => {}
    }
}
