//! Reading roles: their variables, dependencies, tasks and handlers.

use super::expander::Expander;
use super::keyword::Owner;
use super::role_files::RoleFiles;
use super::sink::Sink;
use super::typed::{Takes, describe};
use super::{
    Action, ActionKind, Block, BlockKind, Common, Entry, FromFiles, Located, Need, Role, RoleUse,
    Task, TaskArgs, role_entry,
};
use crate::error::{Diagnostic, Span};
use crate::value::{Map, Value};
use crate::yaml::{Kind, Node};
use std::path::PathBuf;
use std::sync::Arc;

/// A use of a role, as it is asked for.
pub(super) struct Using {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) common: Common,
    pub(super) params: Map,
    pub(super) from: FromFiles,
    pub(super) included: bool,
    pub(super) public: bool,
    /// The task's word on duplicates; the role's own counts without it.
    pub(super) allow_duplicates: Option<bool>,
    pub(super) validate: bool,
    /// Known at load time: dependencies are public only then.
    pub(super) fixed: bool,
}

/// A use of a role, read.
pub(super) struct Used {
    pub(super) path: PathBuf,
    pub(super) using: Arc<RoleUse>,
    pub(super) block: Entry,
    /// Nothing, or one block of the same kind that holds the handlers.
    pub(super) handlers: Option<Entry>,
}

/// What `meta/main.yml` says.
#[derive(Default)]
struct Meta {
    allow_duplicates: bool,
    dependencies: Vec<Node>,
    argument_specs: Map,
    needs: Option<Vec<Need>>,
    provides: Vec<Need>,
}

impl Expander<'_> {
    /// Reads a role with its dependencies.
    pub(super) fn use_role(&mut self, using: Using) -> Option<Used> {
        let (name, path) = self.find_role(&using.name, &using.span)?;
        let tasks_key = path
            .join("tasks")
            .join(using.from.tasks.as_deref().unwrap_or("main"));
        self.importing(&tasks_key, &format!("role {name}"), &using.span)?;
        let used = self.role_at(name, path, using);
        self.imports.pop();
        Some(used)
    }

    fn role_at(&mut self, name: String, path: PathBuf, using: Using) -> Used {
        let at = RoleFiles {
            path: &path,
            span: &using.span,
        };
        let vars = self.role_vars(&at, "vars", using.from.vars.as_deref());
        let defaults = self.role_vars(&at, "defaults", using.from.defaults.as_deref());
        let mut meta = self.meta(&at);
        if let Some(specs) = self.argument_specs(&at) {
            meta.argument_specs = specs;
        }
        let role = Arc::new(Role {
            name,
            path: path.clone(),
            defaults,
            vars,
            allow_duplicates: meta.allow_duplicates,
            argument_specs: meta.argument_specs,
            needs: meta.needs,
            provides: meta.provides.into_iter().map(|p| p.word).collect(),
        });
        self.roles.push(role.clone());
        let handler = std::mem::replace(&mut self.handler, false);
        let known_handlers = self.handlers.len();
        let fixed = using.fixed;
        let dependencies: Vec<Used> = meta
            .dependencies
            .iter()
            .filter_map(|node| {
                let using = role_entry::read(node, self)?;
                self.use_role(Using {
                    public: fixed,
                    fixed,
                    ..using
                })
            })
            .collect();
        let mut common = using.common.clone();
        if !using.included {
            common.vars = Map::new();
        }
        common.name = None;
        let role_use = Arc::new(RoleUse {
            identity: identity(&role, &using),
            common: using.common,
            params: using.params,
            from: using.from,
            included: using.included,
            public: using.public,
            allow_duplicates: using.allow_duplicates.unwrap_or(role.allow_duplicates),
            dependencies: dependencies.iter().map(|d| d.using.clone()).collect(),
            role: role.clone(),
        });
        let block = Block {
            span: using.span.clone(),
            kind: BlockKind::Role(role_use.clone()),
            common,
            body: Vec::new(),
            rescue: Vec::new(),
            always: Vec::new(),
        };
        // Handlers that dependencies imported belong below this use too.
        for entry in self.handlers.iter_mut().skip(known_handlers) {
            *entry = Entry::Block(Arc::new(Block {
                body: vec![entry.clone()],
                ..block.clone()
            }));
        }
        self.around.push(block.clone());
        let (deps, dep_handlers): (Vec<_>, Vec<_>) = dependencies
            .into_iter()
            .map(|d| (d.block, d.handlers))
            .unzip();
        let mut body = deps;
        if using.validate {
            body.extend(validation(&role_use, &using.span).map(|t| Entry::Task(Arc::new(t))));
        }
        body.extend(self.role_entries(&at, "tasks", role_use.from.tasks.as_deref()));
        self.handler = true;
        let mut handlers: Vec<Entry> = dep_handlers.into_iter().flatten().collect();
        handlers.extend(self.role_entries(&at, "handlers", role_use.from.handlers.as_deref()));
        self.handler = handler;
        self.around.pop();
        self.roles.pop();
        Used {
            path: path.clone(),
            using: role_use,
            handlers: (!handlers.is_empty()).then(|| {
                Entry::Block(Arc::new(Block {
                    body: handlers,
                    ..block.clone()
                }))
            }),
            block: Entry::Block(Arc::new(Block { body, ..block })),
        }
    }

    fn role_vars(&mut self, at: &RoleFiles<'_>, folder: &str, from: Option<&str>) -> Map {
        let mut all = Map::new();
        for file in at.find(folder, from, true, self) {
            if let Some(map) = self.sink.problems.take(self.loader.files.vars(&file)) {
                all.extend(map);
            }
            // The document is read again from memory, for its warnings.
            self.document(&file);
        }
        all
    }

    fn role_entries(&mut self, at: &RoleFiles<'_>, folder: &str, from: Option<&str>) -> Vec<Entry> {
        let Some(file) = at.find(folder, from, false, self).into_iter().next() else {
            return Vec::new();
        };
        let document = self.document(&file);
        document
            .and_then(|document| Some(self.entries(document.root.as_ref()?, &file)))
            .unwrap_or_default()
    }

    fn meta(&mut self, at: &RoleFiles<'_>) -> Meta {
        let mut meta = Meta::default();
        let Some(file) = at.find("meta", None, false, self).into_iter().next() else {
            return meta;
        };
        let Some(document) = self.document(&file) else {
            return meta;
        };
        let Some(root) = document.root.as_ref().filter(|root| !root.is_null()) else {
            return meta;
        };
        if root.as_map().is_none() {
            self.sink.at(
                &root.span,
                format!("a role's `meta` is a mapping, not {}", describe(root)),
            );
            return meta;
        }
        let known = [
            "allow_duplicates",
            "dependencies",
            "galaxy_info",
            "argument_specs",
            "collections",
            "needs",
            "provides",
        ];
        for (key, key_node, value) in root.entries() {
            match key.as_str() {
                "allow_duplicates" => {
                    let flag = super::typed::value(&key, value, Takes::Bool, &mut self.sink);
                    meta.allow_duplicates = flag.and_then(|f| f.to_bool()).unwrap_or(false);
                }
                "dependencies" => match &value.kind {
                    Kind::List(items) => meta.dependencies.clone_from(items),
                    Kind::Null => {}
                    _ => self.sink.at(
                        &value.span,
                        format!(
                            "`dependencies` takes a list of roles, not {}",
                            describe(value)
                        ),
                    ),
                },
                "argument_specs" => meta.argument_specs = value.to_map(),
                "needs" => meta.needs = Some(words(&key, value, &mut self.sink)),
                "provides" => meta.provides = words(&key, value, &mut self.sink),
                "galaxy_info" | "collections" => {}
                _ if Owner::Role.has(&key) => {}
                _ => self.sink.error(
                    Diagnostic::at(
                        &key_node.span,
                        format!("a role's `meta` has no key `{key}`"),
                    )
                    .with_nearest(&key, known),
                ),
            }
        }
        meta
    }

    /// `meta/argument_specs.yml`, which counts before what `meta/main.yml` says.
    fn argument_specs(&mut self, at: &RoleFiles<'_>) -> Option<Map> {
        let file = [
            "argument_specs.yml",
            "argument_specs.yaml",
            "argument_specs.json",
        ]
        .iter()
        .map(|name| at.path.join("meta").join(name))
        .find(|path| path.is_file())?;
        let document = self.document(&file)?;
        let specs = document
            .root
            .as_ref()
            .and_then(|root| root.get("argument_specs"));
        Some(specs.map(Node::to_map).unwrap_or_default())
    }
}

/// `needs` or `provides`: names, known before anything runs.
fn words(key: &str, node: &Node, sink: &mut Sink) -> Vec<Need> {
    let mut words = Vec::new();
    for item in super::typed::items(node) {
        match item.to_value() {
            Value::Str(text) if !text.trim().is_empty() => words.push(Need {
                word: text.trim().to_owned(),
                span: item.span.clone(),
            }),
            Value::Template(_) => sink.error(
                Diagnostic::at(&item.span, format!("`{key}` takes names, not templates"))
                    .with_note("the order of roles is found before anything runs"),
            ),
            _ => sink.at(
                &item.span,
                format!("`{key}` takes names, not {}", describe(item)),
            ),
        }
    }
    words
}

/// What makes two uses the same for Ansible, as text.
fn identity(role: &Role, using: &Using) -> String {
    let list = |items: &[Located]| Value::list(items.iter().map(|i| i.value.clone()));
    let mut tags: Vec<String> = using.common.tags.iter().map(|t| t.to_string()).collect();
    tags.sort();
    let parts = Value::list([
        Value::from(role.path.display().to_string()),
        Value::from(using.params.clone()),
        list(&using.common.when),
        Value::list(tags.into_iter().map(Value::from)),
        Value::from(format!("{:?}", using.from)),
        Value::from(using.common.vars.clone()),
        Value::Bool(using.included),
    ]);
    parts.to_json().to_string()
}

/// The task that checks a role's arguments before anything else of it runs.
fn validation(using: &RoleUse, span: &Span) -> Option<Task> {
    let entry_point = using.from.tasks.as_deref().unwrap_or("main");
    let spec = using.role.argument_specs.get(entry_point)?;
    if !spec.is_true() {
        return None;
    }
    let title = spec.get("short_description").and_then(Value::as_str);
    let name = match title {
        Some(title) => format!("Validating arguments against arg spec '{entry_point}' - {title}"),
        None => format!("Validating arguments against arg spec '{entry_point}'"),
    };
    let options = spec
        .get("options")
        .cloned()
        .unwrap_or_else(|| Value::from(Map::new()));
    let context = Value::map([
        ("type", Value::from("role")),
        ("name", Value::from(using.role.name.as_str())),
        ("argument_spec_name", Value::from(entry_point)),
        ("path", Value::from(using.role.path.display().to_string())),
    ]);
    let module = "ansible.builtin.validate_argument_spec";
    Some(Task {
        span: span.clone(),
        common: Common {
            name: Some(Located::new(Value::from(name), span)),
            tags: vec![Located::new(Value::from("always"), span)],
            ..Common::default()
        },
        action: Action {
            name: Located::new(Value::from(module), span),
            kind: ActionKind::Module(module.to_owned()),
        },
        args: TaskArgs {
            map: Map::from_iter([
                ("argument_spec".to_owned(), options),
                (
                    "provided_arguments".to_owned(),
                    Value::from(using.params.clone()),
                ),
                ("validate_args_context".to_owned(), context),
            ]),
            ..TaskArgs::default()
        },
        register: None,
        loop_: None,
        until: None,
        retries: None,
        delay: None,
        async_: None,
        poll: None,
        listen: Vec::new(),
        changed_when: None,
        failed_when: None,
        path: using.role.path.join("meta"),
        implicit: true,
    })
}
