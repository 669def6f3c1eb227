//! An artifact as templates see it.

use super::{Arch, Artifact, Content, Site};
use crate::error::Diagnostic;
use crate::value::{Map, Value};

impl Site {
    /// The mapping that `lookup('artifact', NAME)` gives: what is known of it, with digests as far as it is locked.
    ///
    /// # Errors
    /// There is no such artifact; it is locked, read on this machine (a chart, a manifest), and not in the cache.
    pub fn describe(&self, name: &str) -> Result<Value, Diagnostic> {
        let artifact = self.artifact(name)?;
        let text = |value: &str| Value::from(value);
        let mut out = Map::from_iter([
            ("name".to_owned(), text(name)),
            ("kind".to_owned(), text(artifact.kind.name())),
            ("version".to_owned(), text(&artifact.version)),
        ]);
        for (key, value) in [
            ("description", &artifact.description),
            ("licence", &artifact.licence),
        ] {
            if let Some(value) = value {
                out.insert(key.to_owned(), text(value));
            }
        }
        if let Some(path) = self.replaced.get(name) {
            out.insert("replaced".to_owned(), Value::Bool(true));
            if super::site::is_hoist(path) {
                out.insert("simulated".to_owned(), Value::Bool(true));
            }
        }
        let tagged = artifact.tagged();
        if let Some(tagged) = &tagged {
            out.insert("image".to_owned(), text(tagged));
        }
        let entry = self.locked(artifact).ok();
        out.insert("locked".to_owned(), Value::Bool(entry.is_some()));
        if let Some(entry) = entry {
            match &entry.content {
                Content::Files(files) => {
                    let each = |value: &dyn Fn(&super::LockedFile) -> Value| {
                        let pairs = files.iter().map(|(arch, file)| (arch.name(), value(file)));
                        Value::map(pairs)
                    };
                    out.insert("url".to_owned(), each(&|file| text(&file.url)));
                    out.insert("sha256".to_owned(), each(&|file| text(&file.sha256)));
                }
                Content::Image(image) => {
                    let pairs = image
                        .platforms
                        .iter()
                        .map(|(arch, d)| (arch.name(), text(d)));
                    out.insert("digest".to_owned(), text(&image.digest));
                    out.insert("sha256".to_owned(), Value::map(pairs));
                }
            }
        }
        if let Some(tagged) = &tagged {
            let reference = match entry.and_then(super::Entry::image) {
                Some(image) => format!("{tagged}@{}", image.digest),
                None => tagged.clone(),
            };
            out.insert("reference".to_owned(), text(&reference));
        }
        if let Some(path) = self.here(artifact, entry.is_some())? {
            out.insert("path".to_owned(), path);
        }
        Ok(Value::from(out))
    }

    /// Where the file is on this machine, when it is the same for every host.
    fn here(&self, artifact: &Artifact, locked: bool) -> Result<Option<Value>, Diagnostic> {
        let one = artifact.arches() == [Arch::Any] || self.replaced.contains_key(&artifact.name);
        if !one || !locked && !self.replaced.contains_key(&artifact.name) {
            return Ok(None);
        }
        match self.pick(&artifact.name, Arch::Any) {
            Ok(pick) => Ok(Some(Value::from(pick.path.display().to_string()))),
            Err(problem) if artifact.kind.is_read_here() => Err(problem),
            Err(_) => Ok(None),
        }
    }
}
