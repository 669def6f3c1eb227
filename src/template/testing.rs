//! Variables and a world for this folder's tests.

use super::{Outside, Scope, Templar};
use crate::error::{Diagnostic, Source, Span};
use crate::value::{Map, Secrets, Template, Value, Vaulted};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Variables in memory.
pub(crate) struct Vars {
    pub own: Map,
    pub hosts: Map,
    pub world: World,
}

/// A world of one folder, where a vault's text is its own key turned round.
pub(crate) struct World {
    pub folder: PathBuf,
    pub secrets: Secrets,
    pub warned: Mutex<Vec<String>>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("."),
            secrets: Secrets::default(),
            warned: Mutex::default(),
        }
    }
}

impl Outside for World {
    fn find_file(&self, kind: &str, name: &str) -> Result<PathBuf, Diagnostic> {
        [self.folder.join(kind).join(name), self.folder.join(name)]
            .into_iter()
            .find(|p| p.is_file())
            .ok_or_else(|| Diagnostic::new(format!("the file `{name}` was not found")))
    }

    fn search_path(&self) -> Vec<PathBuf> {
        vec![self.folder.clone()]
    }

    fn decrypt(&self, value: &Vaulted) -> Result<String, Diagnostic> {
        Ok(value.cipher.chars().rev().collect())
    }

    fn read_file(&self, path: &Path) -> Result<Vec<u8>, Diagnostic> {
        std::fs::read(path).map_err(|e| Diagnostic::new(format!("`{}`: {e}", path.display())))
    }

    fn encrypt(&self, text: &str, _: Option<&str>) -> Result<String, Diagnostic> {
        Ok(text.chars().rev().collect())
    }

    fn match_hosts(&self, pattern: &str) -> Result<Vec<String>, Diagnostic> {
        Ok(vec![pattern.to_owned()])
    }

    fn warn(&self, message: String) {
        self.warned.lock().unwrap().push(message);
    }

    fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    fn basedir(&self) -> &Path {
        &self.folder
    }
}

impl Scope for Vars {
    fn get(&self, name: &str) -> Option<Value> {
        self.own.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.own.keys().cloned().collect()
    }

    fn host(&self, host: &str) -> Option<Arc<dyn Scope>> {
        let own = self.hosts.get(host)?.as_map()?.clone();
        Some(Arc::new(Self {
            own,
            hosts: self.hosts.clone(),
            world: World::default(),
        }))
    }

    fn hosts(&self) -> Vec<String> {
        self.hosts.keys().cloned().collect()
    }

    fn outside(&self) -> &dyn Outside {
        &self.world
    }
}

/// JSON as a user's file would give it: strings with marks are templates.
pub(crate) fn from_file(json: &serde_json::Value) -> Value {
    use serde_json::Value as J;
    match json {
        J::String(s) => Value::template(s, None),
        J::Array(items) => Value::list(items.iter().map(from_file)),
        J::Object(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), from_file(v)))),
        other => Value::from(other.clone()),
    }
}

/// A scope of variables given as JSON; `hostvars` is what the hosts have.
pub(crate) fn scope(vars: &serde_json::Value) -> Arc<dyn Scope> {
    let map = |v: Value| v.as_map().cloned().unwrap_or_default();
    let mut own = map(from_file(vars));
    let hosts = own.shift_remove("hostvars").map(map).unwrap_or_default();
    Arc::new(Vars {
        own,
        hosts,
        world: World::default(),
    })
}

/// A place at the start of a file that holds `text`.
pub(crate) fn span(text: &str) -> Span {
    Span::start(&Source::new("site.yml", text))
}

/// `text` rendered as a value of a YAML file.
pub(crate) fn render(text: &str, vars: serde_json::Value) -> Result<Value, Diagnostic> {
    let value = Value::Template(Arc::new(Template {
        text: text.to_owned(),
        span: Some(span(text)),
    }));
    Templar::new().resolve(&scope(&vars), &value)
}
