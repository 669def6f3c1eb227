//! Tests of the loader on small projects.

mod action;
mod any;
mod config;
mod graph;
mod include;
mod play;
mod role;
mod task;

use super::{ActionKind, Block, BlockKind, Common, Entry, Loader, Located, Playbook};
use crate::error::{Diagnostic, Problems};
use crate::value::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// A project in a folder of its own.
pub(super) struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { dir }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn loader(&self) -> Loader {
        Loader::new(self.path())
            .with_modules(|name| {
                matches!(
                    name,
                    "debug" | "copy" | "command" | "shell" | "file" | "user" | "ping"
                )
            })
            .with_render(Arc::new(render))
    }

    pub(super) fn load(&self) -> Result<Playbook, Problems> {
        self.loader().playbook(Path::new("site.yml"))
    }
}

/// Renders `{{ name }}` only.
fn render(value: &Value, vars: &Map) -> Result<Value, Diagnostic> {
    let mut text = value.to_string();
    while let (Some(start), Some(end)) = (text.find("{{"), text.find("}}")) {
        let name = text[start + 2..end].trim().to_owned();
        let found = vars
            .get(&name)
            .ok_or_else(|| Diagnostic::new(format!("`{name}` is undefined")))?;
        text.replace_range(start..end + 2, &found.to_string());
    }
    Ok(Value::from(text))
}

/// The mistakes of a playbook `site.yml` with this text.
pub(super) fn mistakes(text: &str) -> String {
    mistakes_of(&[("site.yml", text)])
}

/// The mistakes of a project.
pub(super) fn mistakes_of(files: &[(&str, &str)]) -> String {
    let project = Project::new(files);
    match project.load() {
        Ok(_) => "no mistakes".to_owned(),
        Err(problems) => problems.to_string().replace(
            &project.path().canonicalize().unwrap().display().to_string(),
            "ROOT",
        ),
    }
}

/// The mistakes of a play with these tasks (indented by two).
pub(super) fn task_mistakes(tasks: &str) -> String {
    mistakes(&format!("- hosts: all\n  tasks:\n{tasks}"))
}

/// The tree of a project in short.
pub(super) fn outline_of(files: &[(&str, &str)]) -> String {
    let project = Project::new(files);
    outline(&project.load().unwrap())
}

pub(super) fn outline(playbook: &Playbook) -> String {
    let mut out = String::new();
    for play in &playbook.plays {
        out.push_str(&format!(
            "play {}{}\n",
            play.title(),
            keywords(&play.common)
        ));
        if !play.when.is_empty() {
            out.push_str(&format!(" when {}\n", texts(&play.when)));
        }
        for (title, entries) in [
            ("pre_tasks", &play.pre_tasks),
            ("roles", &play.roles),
            ("tasks", &play.tasks),
            ("post_tasks", &play.post_tasks),
            ("handlers", &play.handlers),
        ] {
            if !entries.is_empty() {
                out.push_str(&format!(" {title}\n"));
                self::entries(entries, 2, &mut out);
            }
        }
    }
    for warning in &playbook.warnings {
        out.push_str(&format!("warning: {}\n", warning.message));
    }
    out
}

pub(super) fn entries(list: &[Entry], depth: usize, out: &mut String) {
    let pad = " ".repeat(depth);
    for entry in list {
        match entry {
            Entry::Task(task) => {
                let name = task.common.name.as_ref().map(|n| format!(" `{}`", n.value));
                let kind = match &task.action.kind {
                    ActionKind::Module(name) => name.clone(),
                    ActionKind::Templated => format!("templated {}", task.action.name.value),
                    ActionKind::IncludeTasks { file, .. } => {
                        format!("include_tasks {}", file.value)
                    }
                    ActionKind::IncludeRole(role) => format!("include_role {}", role.name.value),
                    ActionKind::IncludeVars => "include_vars".to_owned(),
                    ActionKind::Meta(meta) => format!("meta {}", meta.word()),
                };
                let args = Value::from(task.args.map.clone());
                let free = task
                    .args
                    .free_form
                    .as_ref()
                    .map(|f| format!(" free={:?}", f.to_string()));
                out.push_str(&format!(
                    "{pad}{kind}{}{}{}{}\n",
                    name.unwrap_or_default(),
                    if task.args.map.is_empty() {
                        String::new()
                    } else {
                        format!(" {args}")
                    },
                    free.unwrap_or_default(),
                    keywords(&task.common),
                ));
            }
            Entry::Block(block) => self::block(block, depth, out),
        }
    }
}

fn block(block: &Block, depth: usize, out: &mut String) {
    let pad = " ".repeat(depth);
    let kind = match &block.kind {
        BlockKind::Written => "block".to_owned(),
        BlockKind::Tasks(path) => {
            format!("file {}", path.file_name().unwrap().to_string_lossy())
        }
        BlockKind::Role(using) => format!("role {}", using.role.name),
    };
    out.push_str(&format!("{pad}{kind}{}\n", keywords(&block.common)));
    entries(&block.body, depth + 2, out);
    for (title, list) in [("rescue", &block.rescue), ("always", &block.always)] {
        if !list.is_empty() {
            out.push_str(&format!("{pad}{title}\n"));
            entries(list, depth + 2, out);
        }
    }
}

fn texts(list: &[Located]) -> String {
    let texts: Vec<String> = list.iter().map(|l| l.to_string()).collect();
    texts.join(" & ")
}

fn keywords(common: &Common) -> String {
    let mut out = String::new();
    for (title, list) in [("tags", &common.tags), ("when", &common.when)] {
        if !list.is_empty() {
            out.push_str(&format!(" {title}[{}]", texts(list)));
        }
    }
    if !common.vars.is_empty() {
        out.push_str(&format!(" vars{}", Value::from(common.vars.clone())));
    }
    for (title, value) in [
        ("become", &common.become_),
        ("delegate_to", &common.delegate_to),
    ] {
        if let Some(value) = value {
            out.push_str(&format!(" {title}={}", value.value));
        }
    }
    if let Some(notify) = &common.notify {
        out.push_str(&format!(" notify[{}]", texts(notify)));
    }
    out
}
