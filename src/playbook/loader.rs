//! The way in: playbooks, files of tasks and roles, with everything they import.

use super::expander::Expander;
use super::files::{Decrypt, Files};
use super::play_reader;
use super::{Common, Entry, FromFiles, Playbook, Role};
use crate::error::{Diagnostic, Problems, Span};
use crate::value::{Map, Secrets, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Renders a value with variables: for templates in the names of imports and roles, which must be known at load time.
pub type Render = dyn Fn(&Value, &Map) -> Result<Value, Diagnostic> + Send + Sync;

/// Loads playbooks and what they refer to. Files are read once; clones of the parts it gives out are cheap.
/// One loader serves a whole run, also from several threads.
pub struct Loader {
    pub(super) files: Files,
    pub(super) roles_path: Vec<PathBuf>,
    pub(super) extra_vars: Map,
    pub(super) render: Option<Arc<Render>>,
    pub(super) is_module: fn(&str) -> bool,
    pub(super) strategy: Option<String>,
}

/// Where an include stands, for finding what it names.
#[derive(Clone, Copy)]
pub struct IncludeFrom<'a> {
    /// The include's place, for messages.
    pub span: &'a Span,
    /// The folder of the playbook ([`super::Play::dir`]).
    pub play_dir: &'a Path,
    /// The file of the include ([`super::Task::path`]).
    pub path: &'a Path,
    /// The role it belongs to.
    pub role: Option<&'a Arc<Role>>,
    /// Whether it is a handler.
    pub handler: bool,
    /// Variables for templates in the names of imports inside what is included.
    pub vars: &'a Map,
}

/// The rendered arguments of an `include_role`.
#[derive(Clone, Debug, Default)]
pub struct RoleRequest {
    /// The role's name.
    pub name: String,
    /// Other files than `main`.
    pub from: FromFiles,
    /// The task's `vars`, which rank as the role's variables too.
    pub vars: Map,
    /// `public`.
    pub public: bool,
    /// `allow_duplicates`.
    pub allow_duplicates: bool,
    /// `rolespec_validate`: whether the role's argument specification is checked first.
    pub validate: bool,
}

/// What an include brings.
#[derive(Clone, Debug, Default)]
pub struct Included {
    /// The tasks; of a role, one block of kind `Role`.
    pub entries: Vec<Entry>,
    /// Handlers that are known from now on, to be added behind the play's.
    pub handlers: Vec<Entry>,
    /// What was read: the file of tasks, or the role's folder.
    pub path: PathBuf,
    /// What looks like a mistake.
    pub warnings: Vec<Diagnostic>,
}

impl Loader {
    /// A loader that takes relative paths from `cwd`, without vault, renderer, or further folders of roles.
    pub fn new(cwd: &Path) -> Self {
        Self {
            files: Files::new(cwd),
            roles_path: Vec::new(),
            extra_vars: Map::new(),
            render: None,
            is_module: |_| false,
            strategy: None,
        }
    }

    /// With folders of roles, searched after `roles/` beside the playbook.
    pub fn with_roles_path(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.roles_path = paths.into_iter().collect();
        self
    }

    /// With the strategy of plays that name none.
    pub fn with_strategy(mut self, strategy: Option<String>) -> Self {
        self.strategy = strategy;
        self
    }

    /// With the variables of `-e`.
    pub fn with_extra_vars(mut self, vars: Map) -> Self {
        self.extra_vars = vars;
        self
    }

    /// With what decrypts encrypted files; decrypted variables go into `secrets`.
    pub fn with_decrypt(mut self, decrypt: Arc<Decrypt>, secrets: Secrets) -> Self {
        self.files.decrypt = Some(decrypt);
        self.files.secrets = secrets;
        self
    }

    /// With what renders templates in the names of imports and roles.
    pub fn with_render(mut self, render: Arc<Render>) -> Self {
        self.render = Some(render);
        self
    }

    /// With the names of the modules; they only make messages better.
    pub fn with_modules(mut self, is_module: fn(&str) -> bool) -> Self {
        self.is_module = is_module;
        self
    }

    /// Reads a playbook with everything it imports.
    ///
    /// # Errors
    /// Every mistake in the playbook, the imported files and the roles.
    pub fn playbook(&self, path: &Path) -> Result<Playbook, Problems> {
        let (playbook, problems) = play_reader::playbook(self, path);
        problems.or_ok(playbook)
    }

    /// As [`Self::playbook`]; with mistakes, also what could be read in spite of them.
    pub fn playbook_parts(&self, path: &Path) -> (Playbook, Problems) {
        play_reader::playbook(self, path)
    }

    /// A playbook that is only a text, as if it stood in a file `name` in the current folder.
    ///
    /// # Errors
    /// As [`Self::playbook`].
    pub fn playbook_text(&self, name: &str, text: &str) -> Result<Playbook, Problems> {
        self.files.remember(Path::new(name), text)?;
        self.playbook(Path::new(name))
    }

    /// Reads the file of an `include_tasks`: searched beside the including file, in the role, beside the playbook.
    ///
    /// # Errors
    /// There is no such file (with every place searched), or it holds mistakes.
    pub fn tasks_file(&self, name: &str, from: &IncludeFrom<'_>) -> Result<Included, Problems> {
        let mut expander = Expander::at(self, from);
        let found = expander.find_tasks(name, from.span, from.path);
        let path = found.unwrap_or_default();
        let entries = expander.tasks_file(&path, from.span).unwrap_or_default();
        expander.finish(entries, path)
    }

    /// Reads a role for an `include_role`.
    ///
    /// # Errors
    /// There is no such role (with every place searched), or its files hold mistakes.
    pub fn role(
        &self,
        request: &RoleRequest,
        from: &IncludeFrom<'_>,
    ) -> Result<Included, Problems> {
        let mut expander = Expander::at(self, from);
        let common = Common {
            vars: request.vars.clone(),
            ..Common::default()
        };
        let using = super::role_reader::Using {
            name: request.name.clone(),
            span: from.span.clone(),
            common,
            params: Map::new(),
            from: request.from.clone(),
            included: true,
            public: request.public,
            allow_duplicates: Some(request.allow_duplicates),
            validate: request.validate,
            fixed: false,
        };
        let used = expander.use_role(using);
        let path = used
            .as_ref()
            .map(|used| used.path.clone())
            .unwrap_or_default();
        let entries = used.map(|used| {
            expander.handlers.extend(used.handlers);
            vec![used.block]
        });
        expander.finish(entries.unwrap_or_default(), path)
    }

    /// Whether there is a role of this name, for a play in `dir` and a role that needs it.
    pub fn has_role(&self, name: &str, dir: &Path, from: &Arc<Role>) -> bool {
        let mut expander = Expander::new(self, dir, Map::new());
        expander.roles.push(from.clone());
        let nowhere = Span::start(&crate::error::Source::new(dir, ""));
        expander.find_role(name, &nowhere).is_some()
    }

    /// The roles in the folders where those of a play in `dir` are looked for, by name, with what each provides.
    pub fn roles_near(&self, dir: &Path) -> BTreeMap<String, Vec<String>> {
        Expander::new(self, dir, Map::new()).roles_near()
    }

    /// The variables in a file; an empty file holds none.
    ///
    /// # Errors
    /// It cannot be read or decrypted, is no YAML, or holds no mapping.
    pub fn vars_file(&self, path: &Path) -> Result<Map, Problems> {
        self.files.vars(path)
    }

    /// `path` as the user would type it.
    pub fn shown(&self, path: &Path) -> PathBuf {
        self.files.shown(path)
    }

    /// `path` made absolute from the current folder, tidy, links as they are.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.files.absolute(path)
    }
}
