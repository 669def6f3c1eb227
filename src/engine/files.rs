//! Files of the control machine, as modules see them.

use super::ordinary::Work;
use super::world::{find_file, read_file};
use crate::artifacts::Site;
use crate::modules::{ControlFiles, Fail};
use crate::template::{Layered, Scope, Syntax, TemplateOptions};
use crate::value::{Map, Value};
use sha1::Digest as _;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Digests computed so far, as long as a file keeps its time and length.
#[derive(Default)]
pub(super) struct Digests(Mutex<HashMap<PathBuf, Known>>);

#[derive(Clone)]
struct Known {
    stamp: (Option<SystemTime>, u64),
    sha256: String,
    sha1: String,
}

/// The files one task can see.
pub(super) struct TaskFiles<'a> {
    work: &'a Work<'a>,
    scope: Arc<dyn Scope>,
    search: Vec<PathBuf>,
}

impl<'a> TaskFiles<'a> {
    pub(super) fn new(work: &'a Work<'a>, scope: &Arc<dyn Scope>) -> Self {
        Self {
            work,
            scope: scope.clone(),
            search: work.place.search_dirs(&work.task.path),
        }
    }
}

impl ControlFiles for TaskFiles<'_> {
    fn find(&self, kind: &str, name: &str) -> Result<PathBuf, Fail> {
        find_file(&self.search, kind, name).map_err(Fail::from)
    }

    fn read(&self, path: &Path, decrypt: bool) -> Result<Arc<[u8]>, Fail> {
        let bytes = if decrypt {
            read_file(path, &self.work.play.run.world.keyring)?
        } else {
            std::fs::read(path)
                .map_err(|e| Fail::new(format!("failed to read `{}`: {e}", path.display())))?
        };
        Ok(bytes.into())
    }

    fn digest(&self, path: &Path) -> Result<(u64, String, String), Fail> {
        let failed =
            |e: std::io::Error| Fail::new(format!("failed to read `{}`: {e}", path.display()));
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        let stamp = (meta.modified().ok(), meta.len());
        let known = &self.work.play.run.digests.0;
        if let Some(hit) = known.lock().ok().and_then(|k| k.get(path).cloned())
            && hit.stamp == stamp
        {
            return Ok((stamp.1, hit.sha256, hit.sha1));
        }
        let (mut sha256, mut sha1) = (sha2::Sha256::new(), sha1::Sha1::new());
        let mut buffer = vec![0; 256 * 1024];
        let mut length = 0;
        loop {
            let n = file.read(&mut buffer).map_err(failed)?;
            if n == 0 {
                break;
            }
            length += n as u64;
            sha256.update(&buffer[..n]);
            sha1.update(&buffer[..n]);
        }
        let made = Known {
            stamp,
            sha256: hex::encode(sha256.finalize()),
            sha1: hex::encode(sha1.finalize()),
        };
        if let Ok(mut known) = known.lock() {
            known.insert(path.to_owned(), made.clone());
        }
        Ok((length, made.sha256, made.sha1))
    }

    fn artifacts(&self) -> Result<(Arc<Site>, bool), Fail> {
        let templar = &self.work.play.run.templar;
        let site = templar.artifacts().site().map_err(Fail::from)?;
        let from = match self.scope.get("hoist_artifacts_from") {
            Some(value) => templar.resolve(&self.scope, &value)?.to_string(),
            None => "control".to_owned(),
        };
        match from.as_str() {
            "control" => Ok((site, false)),
            "host" => Ok((site, true)),
            other => Err(Fail::new(format!(
                "the variable `hoist_artifacts_from` must be `control` or `host`, not `{other}`"
            ))),
        }
    }

    fn render(&self, path: &Path, options: &Map) -> Result<String, Fail> {
        let bytes = read_file(path, &self.work.play.run.world.keyring)?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Fail::new(format!(
                "the template `{}` is not UTF-8 text",
                path.display()
            ))
        })?;
        let scope: Arc<dyn Scope> = Arc::new(Layered::new(
            template_vars(path, options),
            self.scope.clone(),
        ));
        let text = self.work.play.run.templar.render_file(
            &scope,
            &text,
            path,
            &template_options(options),
        )?;
        Ok(text)
    }
}

/// The `template` module's own arguments as the templar takes them.
fn template_options(options: &Map) -> TemplateOptions {
    let mut syntax = Syntax::default();
    let text = |name: &str, target: &mut String| {
        if let Some(value) = options.get(name).filter(|v| **v != Value::Null) {
            *target = value.to_string();
        }
    };
    text("block_start_string", &mut syntax.block.0);
    text("block_end_string", &mut syntax.block.1);
    text("variable_start_string", &mut syntax.variable.0);
    text("variable_end_string", &mut syntax.variable.1);
    text("comment_start_string", &mut syntax.comment.0);
    text("comment_end_string", &mut syntax.comment.1);
    text("newline_sequence", &mut syntax.newline_sequence);
    // written with a backslash in YAML's plain style
    syntax.newline_sequence = syntax
        .newline_sequence
        .replace("\\n", "\n")
        .replace("\\r", "\r");
    if let Some(trim) = options.get("trim_blocks").and_then(Value::to_bool) {
        syntax.trim_blocks = trim;
    }
    if let Some(strip) = options.get("lstrip_blocks").and_then(Value::to_bool) {
        syntax.lstrip_blocks = strip;
    }
    TemplateOptions { syntax }
}

/// The variables that only a template file sees; Ansible's page on the `template` module lists them.
fn template_vars(path: &Path, options: &Map) -> Map {
    let text = |p: &Path| Value::from(p.display().to_string());
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mtime = std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let stamp = |t: SystemTime| {
        jiff::Timestamp::try_from(t)
            .map(|t| {
                t.to_zoned(jiff::tz::TimeZone::system())
                    .strftime("%Y-%m-%d %H:%M:%S")
                    .to_string()
            })
            .unwrap_or_default()
    };
    let uid = nix::unistd::getuid();
    let user = nix::unistd::User::from_uid(uid)
        .ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |u| u.name);
    let host = nix::unistd::gethostname()
        .map(|h| h.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut vars = Map::from_iter([
        ("template_host".to_owned(), Value::from(host)),
        ("template_path".to_owned(), text(path)),
        ("template_fullpath".to_owned(), text(&full)),
        ("template_uid".to_owned(), Value::from(user)),
        (
            "template_run_date".to_owned(),
            Value::from(stamp(SystemTime::now())),
        ),
        (
            "template_mtime".to_owned(),
            Value::from(mtime.map(stamp).unwrap_or_default()),
        ),
    ]);
    if let Some(dest) = options.get("dest") {
        vars.insert("template_destpath".to_owned(), dest.clone());
    }
    vars
}
