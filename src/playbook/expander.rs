//! Lists of tasks into entries: blocks are read, imports are expanded.

use super::keyword::{Owner, misplaced};
use super::loader::{IncludeFrom, Included, Loader};
use super::role_reader::Using;
use super::sink::Sink;
use super::task_reader::{self, Parsed, Place};
use super::typed::describe;
use super::{Block, BlockKind, Common, Entry, FromFiles, IncludeRole, Located, Role};
use crate::error::{Diagnostic, Problems, Span};
use crate::value::{Map, Value};
use crate::yaml::Node;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is being read, from the outside in: the way to the current place.
pub(super) struct Expander<'l> {
    pub(super) loader: &'l Loader,
    pub(super) sink: Sink,
    /// The playbook's folder.
    pub(super) dir: PathBuf,
    /// Variables of the play (or given by the engine), for names of imports.
    pub(super) vars: Map,
    /// The roles around.
    pub(super) roles: Vec<Arc<Role>>,
    /// Whether handlers are read.
    pub(super) handler: bool,
    /// The blocks around, without their entries.
    pub(super) around: Vec<Block>,
    /// What is being imported, to find circles: an identity and a name for people.
    pub(super) imports: Vec<(PathBuf, String)>,
    /// Handlers of imported roles.
    pub(super) handlers: Vec<Entry>,
}

impl<'l> Expander<'l> {
    /// For a play in `dir`.
    pub(super) fn new(loader: &'l Loader, dir: &Path, vars: Map) -> Self {
        Self {
            loader,
            sink: Sink::default(),
            dir: dir.to_owned(),
            vars,
            roles: Vec::new(),
            handler: false,
            around: Vec::new(),
            imports: Vec::new(),
            handlers: Vec::new(),
        }
    }

    /// For an include at run time.
    pub(super) fn at(loader: &'l Loader, from: &IncludeFrom<'_>) -> Self {
        Self {
            roles: from.role.cloned().into_iter().collect(),
            handler: from.handler,
            ..Self::new(loader, from.play_dir, from.vars.clone())
        }
    }

    /// Everything read, or every mistake found.
    pub(super) fn finish(self, entries: Vec<Entry>, path: PathBuf) -> Result<Included, Problems> {
        self.sink.problems.or_ok(Included {
            entries,
            handlers: self.handlers,
            path,
            warnings: self.sink.warnings,
        })
    }

    /// Reads a list of tasks and blocks that stands in `path`.
    pub(super) fn entries(&mut self, node: &Node, path: &Path) -> Vec<Entry> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(items) = node.as_list() else {
            self.sink.at(
                &node.span,
                format!("this must be a list of tasks, not {}", describe(node)),
            );
            return Vec::new();
        };
        items
            .iter()
            .filter(|item| !item.is_null())
            .flat_map(|item| self.entry(item, path))
            .collect()
    }

    fn entry(&mut self, node: &Node, path: &Path) -> Vec<Entry> {
        if ["block", "rescue", "always"]
            .iter()
            .any(|key| node.get(key).is_some())
        {
            return self.block(node, path).into_iter().collect();
        }
        let place = Place {
            path,
            handler: self.handler,
            in_role: !self.roles.is_empty(),
            is_module: self.loader.is_module,
        };
        match task_reader::read(node, place, &mut self.sink) {
            None => Vec::new(),
            Some(Parsed::Task(task)) => vec![Entry::Task(Arc::from(task))],
            Some(Parsed::Tasks { common, file }) => {
                self.import_tasks(&node.span, common, &file, path)
            }
            Some(Parsed::Role { common, role }) => {
                self.import_role(common, &role).into_iter().collect()
            }
        }
    }

    fn block(&mut self, node: &Node, path: &Path) -> Option<Entry> {
        let mut block = Block {
            span: node.span.clone(),
            kind: BlockKind::Written,
            common: Common::default(),
            body: Vec::new(),
            rescue: Vec::new(),
            always: Vec::new(),
        };
        for (key, key_node, value) in node.entries() {
            if matches!(key.as_str(), "block" | "rescue" | "always") {
                continue;
            }
            if !Owner::Block.has(&key) || !block.common.read(&key, value, &mut self.sink) {
                misplaced(Owner::Block, &key, &key_node.span, &mut self.sink);
            }
        }
        if self.handler {
            self.handler_block(node);
        }
        let body = node.get("block");
        for key in ["rescue", "always"] {
            if let (Some((key_node, _)), None) = (node.get_pair(key), body) {
                self.sink
                    .at(&key_node.span, format!("`{key}` needs a `block` beside it"));
            }
        }
        self.around.push(block.clone());
        let mut part = |key: &str| {
            node.get(key)
                .map(|value| self.entries(value, path))
                .unwrap_or_default()
        };
        block.body = part("block");
        block.rescue = part("rescue");
        block.always = part("always");
        self.around.pop();
        Some(Entry::Block(Arc::new(block)))
    }

    /// Handlers may stand in a block at the outermost level only, and nothing rescues them.
    fn handler_block(&mut self, node: &Node) {
        if self.around.iter().any(|b| b.kind == BlockKind::Written) {
            self.sink
                .at(&node.span, "a block inside a block cannot hold handlers");
        }
        for key in ["rescue", "always"] {
            if let Some((key_node, _)) = node.get_pair(key) {
                self.sink
                    .at(&key_node.span, format!("`{key}` has no effect on handlers"));
            }
        }
    }

    fn import_tasks(
        &mut self,
        span: &Span,
        common: Common,
        file: &Located,
        path: &Path,
    ) -> Vec<Entry> {
        let Some(name) = self.name(file, "import_tasks", &common.vars) else {
            return Vec::new();
        };
        let Some(found) = self.find_tasks(&name, &file.span, path) else {
            return Vec::new();
        };
        let mut block = Block {
            span: span.clone(),
            kind: BlockKind::Tasks(found.clone()),
            common,
            body: Vec::new(),
            rescue: Vec::new(),
            always: Vec::new(),
        };
        self.around.push(block.clone());
        block.body = self.tasks_file(&found, &file.span).unwrap_or_default();
        self.around.pop();
        vec![Entry::Block(Arc::new(block))]
    }

    /// The entries of a file of tasks.
    pub(super) fn tasks_file(&mut self, path: &Path, span: &Span) -> Option<Vec<Entry>> {
        if path.as_os_str().is_empty() {
            return None;
        }
        let shown = self.loader.shown(path).display().to_string();
        self.importing(path, &shown, span)?;
        let entries = self.document(path).map(|document| match &document.root {
            Some(root) => self.entries(root, path),
            None => Vec::new(),
        });
        self.imports.pop();
        entries
    }

    /// The document of a file; mistakes and warnings are collected.
    pub(super) fn document(&mut self, path: &Path) -> Option<Arc<super::files::Document>> {
        let document = self.sink.problems.take(self.loader.files.document(path))?;
        for warning in &document.warnings {
            self.sink.warn(warning.clone());
        }
        Some(document)
    }

    /// Notes that `path` is being imported; `None` and a mistake when it already is.
    pub(super) fn importing(&mut self, path: &Path, shown: &str, span: &Span) -> Option<()> {
        if let Some(start) = self.imports.iter().position(|(known, _)| known == path) {
            let mut circle: Vec<&str> = self.imports[start..]
                .iter()
                .map(|(_, s)| s.as_str())
                .collect();
            circle.push(shown);
            self.sink.error(
                Diagnostic::at(span, "imports go round in a circle")
                    .with_note(circle.join(" -> "))
                    .with_help(
                        "an import is expanded at load time; an include can end by a condition",
                    ),
            );
            return None;
        }
        self.imports.push((path.to_owned(), shown.to_owned()));
        Some(())
    }

    fn import_role(&mut self, common: Common, role: &IncludeRole) -> Option<Entry> {
        let vars = common.vars.clone();
        let name = self.name(&role.name, "import_role", &vars)?;
        let mut file = |value: &Option<Located>| {
            value
                .as_ref()
                .and_then(|value| self.name(value, "import_role", &vars))
        };
        let from = FromFiles {
            tasks: file(&role.tasks_from),
            vars: file(&role.vars_from),
            defaults: file(&role.defaults_from),
            handlers: file(&role.handlers_from),
        };
        let flag = |value: &Option<Located>| value.as_ref().and_then(|value| value.to_bool());
        let using = Using {
            name,
            span: role.name.span.clone(),
            common,
            params: Map::new(),
            from,
            included: true,
            public: flag(&role.public).unwrap_or(true),
            allow_duplicates: Some(flag(&role.allow_duplicates).unwrap_or(true)),
            validate: flag(&role.rolespec_validate).unwrap_or(true),
            fixed: true,
        };
        let used = self.use_role(using)?;
        if let Some(handler) = used.handlers {
            let wrapped = self.around.iter().rev().fold(handler, |inner, outer| {
                Entry::Block(Arc::new(Block {
                    body: vec![inner],
                    ..outer.clone()
                }))
            });
            self.handlers.push(wrapped);
        }
        Some(used.block)
    }

    /// The text of a name that must be known at load time, rendered where it is a template.
    pub(super) fn name(&mut self, value: &Located, word: &str, vars: &Map) -> Option<String> {
        match &value.value {
            Value::Template(_) => {}
            other => return Some(other.to_string()),
        }
        let Some(render) = &self.loader.render else {
            self.sink
                .at(&value.span, format!("`{word}` cannot take a template here"));
            return None;
        };
        let rendered = render(value, &self.known_vars(vars));
        let help = "variables of the play and `-e` are known at load time; of the inventory and facts are not: use an include for those";
        match rendered {
            Ok(Value::Str(text)) => Some(text.to_string()),
            Ok(Value::Int(number)) => Some(number.to_string()),
            Ok(other) => {
                self.sink.at(
                    &value.span,
                    format!(
                        "`{word}` takes a name, but this is {}",
                        super::typed::a_kind(&other)
                    ),
                );
                None
            }
            Err(diagnostic) => {
                self.sink
                    .error(diagnostic.with_span(&value.span).with_note(help));
                None
            }
        }
    }

    /// What a static import may use in its name, in Ansible's order of precedence.
    fn known_vars(&self, own: &Map) -> Map {
        let mut all = Map::new();
        for role in &self.roles {
            all.extend(role.defaults.clone());
        }
        all.extend(self.vars.clone());
        for role in &self.roles {
            all.extend(role.vars.clone());
        }
        for block in &self.around {
            all.extend(block.common.vars.clone());
        }
        all.extend(own.clone());
        let text = |path: &Path| Value::from(path.display().to_string());
        all.insert("playbook_dir".to_owned(), text(&self.dir));
        if let Some(role) = self.roles.last() {
            all.insert("role_path".to_owned(), text(&role.path));
            all.insert("role_name".to_owned(), Value::from(role.name.as_str()));
        }
        all.extend(self.loader.extra_vars.clone());
        all
    }
}
