//! Reading playbooks and plays.

use super::expander::Expander;
use super::finder::home;
use super::keyword::{Owner, misplaced};
use super::loader::Loader;
use super::sink::Sink;
use super::typed::{describe, items, located};
use super::{Common, Entry, Located, Play, Playbook, play_keywords, role_entry};
use crate::error::{Diagnostic, Problems, Span};
use crate::value::{Map, Value};
use crate::yaml::{Kind, Node};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a playbook with everything it imports: what could be read, and every mistake.
pub(super) fn playbook(loader: &Loader, path: &Path) -> (Playbook, Problems) {
    let mut reader = Reader {
        loader,
        sink: Sink::default(),
        plays: Vec::new(),
        imports: Vec::new(),
    };
    reader.file(path, None, &Imported::default());
    if reader.plays.is_empty() && reader.sink.problems.0.is_empty() {
        let shown = loader.shown(path);
        reader.sink.error(Diagnostic::new(format!(
            "`{}` holds no play",
            shown.display()
        )));
    }
    reader.sink.problems.sort();
    let playbook = Playbook {
        plays: reader.plays,
        warnings: reader.sink.warnings,
    };
    (playbook, reader.sink.problems)
}

/// What the `import_playbook` entries on the way say.
#[derive(Clone, Default)]
struct Imported {
    vars: Map,
    tags: Vec<Located>,
    when: Vec<Located>,
}

struct Reader<'l> {
    loader: &'l Loader,
    sink: Sink,
    plays: Vec<Arc<Play>>,
    imports: Vec<(PathBuf, String)>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, span: Option<&Span>, imported: &Imported) {
        let path = self.loader.absolute(path);
        let shown = self.loader.shown(&path).display().to_string();
        if let Some(start) = self.imports.iter().position(|(known, _)| *known == path) {
            let mut circle: Vec<&str> = self.imports[start..]
                .iter()
                .map(|(_, s)| s.as_str())
                .collect();
            circle.push(&shown);
            let diagnostic = Diagnostic::new("playbooks import each other in a circle")
                .with_note(circle.join(" -> "));
            self.sink.error(match span {
                Some(span) => diagnostic.with_span(span),
                None => diagnostic,
            });
            return;
        }
        let document = match self.loader.files.document(&path) {
            Ok(document) => document,
            Err(problems) => {
                for problem in problems.0 {
                    self.sink.error(match span {
                        Some(span) => problem.with_span(span),
                        None => problem,
                    });
                }
                return;
            }
        };
        for warning in &document.warnings {
            self.sink.warn(warning.clone());
        }
        let Some(root) = document.root.as_ref().filter(|root| !root.is_null()) else {
            let diagnostic = Diagnostic::new(format!("`{shown}` is empty: there is nothing to do"));
            self.sink.error(diagnostic);
            return;
        };
        let Some(entries) = root.as_list() else {
            let diagnostic = Diagnostic::at(
                &root.span,
                format!("a playbook is a list of plays, not {}", describe(root)),
            );
            self.sink.error(if root.get("hosts").is_some() {
                diagnostic.with_help("begin the play with `- `")
            } else {
                diagnostic
            });
            return;
        };
        self.imports.push((path.clone(), shown));
        for entry in entries {
            self.entry(entry, &path, imported);
        }
        self.imports.pop();
    }

    fn entry(&mut self, node: &Node, path: &Path, imported: &Imported) {
        if node.as_map().is_none() {
            self.sink.at(
                &node.span,
                format!("a play is a mapping, not {}", describe(node)),
            );
            return;
        }
        let import = node
            .entries()
            .find(|(key, _, _)| super::action_reader::short(key) == "import_playbook");
        match import {
            Some((key, key_node, value)) => {
                self.import(node, &key, key_node, value, path, imported)
            }
            None => {
                if let Some(play) = self.play(node, path, imported) {
                    self.plays.push(Arc::new(play));
                }
            }
        }
    }

    fn import(
        &mut self,
        node: &Node,
        word: &str,
        key_node: &Node,
        value: &Node,
        path: &Path,
        imported: &Imported,
    ) {
        let mut common = Common::default();
        for (key, key_node, value) in node.entries() {
            if key == word {
                continue;
            }
            if Owner::Import.has(&key) {
                common.read(&key, value, &mut self.sink);
            } else if Owner::Role.has(&key)
                && !matches!(key.as_str(), "role" | "delegate_to" | "delegate_facts")
            {
                // Ansible takes these and forgets them.
                self.sink.warn(
                    Diagnostic::at(
                        &key_node.span,
                        format!("`{key}` has no effect on `import_playbook`"),
                    )
                    .with_help("put it on the plays of that playbook"),
                );
            } else {
                misplaced(Owner::Import, &key, &key_node.span, &mut self.sink);
            }
        }
        let file = located(value);
        if !matches!(file.value, Value::Str(_) | Value::Template(_)) {
            self.sink.at(
                if value.is_null() {
                    &key_node.span
                } else {
                    &value.span
                },
                "`import_playbook` needs a file's name",
            );
            return;
        }
        let dir = path.parent().unwrap_or(Path::new("/"));
        let mut names = Expander::new(self.loader, dir, common.vars.clone());
        let name = names.name(&file, "import_playbook", &Map::new());
        self.sink.problems.extend(names.sink.problems);
        let Some(name) = name else { return };
        let mut tags = common.tags;
        tags.extend(imported.tags.iter().cloned());
        // An outer import's variables count more, its conditions are asked first.
        let mut vars = common.vars;
        vars.extend(imported.vars.clone());
        let mut when = imported.when.clone();
        when.extend(common.when);
        let target = dir.join(home(&name));
        if !target.exists() {
            let diagnostic = Diagnostic::at(&file.span, format!("there is no playbook `{name}`"));
            let shown = self.loader.shown(&self.loader.absolute(&target));
            let diagnostic = diagnostic.with_note(format!("not at {}", shown.display()));
            let dotted =
                !name.contains('/') && !name.ends_with(".yml") && name.matches('.').count() == 2;
            self.sink.error(if dotted {
                diagnostic.with_help("playbooks of collections are not supported: copy the file")
            } else {
                diagnostic
            });
            return;
        }
        self.file(&target, Some(&file.span), &Imported { vars, tags, when });
    }

    fn play(&mut self, node: &Node, path: &Path, imported: &Imported) -> Option<Play> {
        let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
        let hosts = self.hosts(node);
        let mut play = Play {
            span: node.span.clone(),
            hosts: hosts
                .clone()
                .unwrap_or_else(|| Located::new(Value::Null, &node.span)),
            common: Common::default(),
            when: imported.when.clone(),
            gather_facts: None,
            gather_subset: None,
            gather_timeout: None,
            fact_path: None,
            vars_files: Vec::new(),
            vars_prompt: Vec::new(),
            pre_tasks: Vec::new(),
            roles: Vec::new(),
            tasks: Vec::new(),
            post_tasks: Vec::new(),
            handlers: Vec::new(),
            serial: Vec::new(),
            strategy: None,
            order: None,
            max_fail_percentage: None,
            force_handlers: None,
            path: self.loader.shown(path),
            dir: dir.clone(),
        };
        for (key, key_node, value) in node.entries() {
            if !Owner::Play.has(&key) {
                misplaced(Owner::Play, &key, &key_node.span, &mut self.sink);
            } else {
                play_keywords::read(&mut play, &key, key_node, value, &mut self.sink);
            }
        }
        if play.strategy.is_none() {
            let set = self.loader.strategy.as_deref();
            play.strategy = set.map(|s| Located::new(Value::from(s), &node.span));
        }
        if let (Some((user, _)), Some(_)) = (node.get_pair("user"), node.get("remote_user")) {
            self.sink.at(
                &user.span,
                "`user` is the old name of `remote_user`, and both are given",
            );
        }
        play.common.vars.extend(imported.vars.clone());
        play.common.tags.extend(imported.tags.iter().cloned());
        self.lists(node, path, &mut play);
        hosts.map(|_| play)
    }

    /// The roles, tasks and handlers.
    fn lists(&mut self, node: &Node, path: &Path, play: &mut Play) {
        let mut expander = Expander::new(self.loader, &play.dir, play.common.vars.clone());
        for file in &play.vars_files {
            // What is missing or unreadable is told when the play's variables are checked.
            if let Some(name) = file.as_str()
                && let Ok(vars) = self.loader.vars_file(&play.dir.join(home(name)))
            {
                expander.vars.extend(vars);
            }
        }
        let mut part = |key: &str, handler: bool| {
            expander.handler = handler;
            node.get(key)
                .map(|value| expander.entries(value, path))
                .unwrap_or_default()
        };
        play.pre_tasks = part("pre_tasks", false);
        play.tasks = part("tasks", false);
        play.post_tasks = part("post_tasks", false);
        let own = part("handlers", true);
        expander.handler = false;
        let imported = std::mem::take(&mut expander.handlers);
        for entry in node.get("roles").map(items).unwrap_or_default() {
            let used =
                role_entry::read(entry, &mut expander).and_then(|using| expander.use_role(using));
            if let Some(used) = used {
                play.roles.push(used.block);
                play.handlers.extend(used.handlers);
            }
        }
        play.handlers.extend(own);
        play.handlers.append(&mut expander.handlers);
        play.handlers.extend::<Vec<Entry>>(imported);
        self.sink.problems.extend(expander.sink.problems);
        for warning in expander.sink.warnings {
            self.sink.warn(warning);
        }
    }

    fn hosts(&mut self, node: &Node) -> Option<Located> {
        let Some((key, value)) = node.get_pair("hosts") else {
            let diagnostic = Diagnostic::at(&node.span, "a play needs `hosts`");
            let looks_like_task = node.get("tasks").is_none() && node.get("roles").is_none();
            self.sink.error(if looks_like_task {
                diagnostic.with_note("is this a file of tasks? a playbook is a list of plays")
            } else {
                diagnostic
            });
            return None;
        };
        let empty = match &value.kind {
            Kind::Null => true,
            Kind::Str { text, .. } => text.trim().is_empty(),
            Kind::List(items) => items.is_empty(),
            _ => false,
        };
        if empty {
            self.sink.at(&key.span, "`hosts` is empty");
            return None;
        }
        for item in items(value) {
            let text = matches!(
                item.to_value(),
                Value::Str(_) | Value::Template(_) | Value::Vault(_)
            );
            if !text || item.as_str().is_some_and(|t| t.trim().is_empty()) {
                let message = format!(
                    "`hosts` takes a pattern or a list of patterns, not {}",
                    describe(item)
                );
                self.sink.at(&item.span, message);
                return None;
            }
        }
        Some(located(value))
    }
}
