//! Roles and their uses.

use super::{Common, Located};
use crate::error::Span;
use crate::value::Map;
use std::path::PathBuf;
use std::sync::Arc;

/// A role's variables and metadata. Its tasks stand, expanded, in the [`super::Block`] of each use.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// Its name as messages show it (`platform/mlflow`); the last part for a role found by a path like `../roles/x`.
    pub name: String,
    /// Its folder, absolute.
    pub path: PathBuf,
    /// `defaults/main.yml` (or `defaults_from`).
    pub defaults: Map,
    /// `vars/main.yml` (or `vars_from`).
    pub vars: Map,
    /// `allow_duplicates` of its `meta/main.yml`.
    pub allow_duplicates: bool,
    /// `meta/argument_specs.yml`, or `argument_specs` of `meta/main.yml`: entry point to specification.
    pub argument_specs: Map,
    /// `needs` of its `meta/main.yml`; `None` when it says nothing.
    pub needs: Option<Vec<Need>>,
    /// `provides` of its `meta/main.yml`: words for what is there when it is done, besides its name.
    pub provides: Vec<String>,
}

/// What a role needs: the name of a role, or a word that roles provide.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The word.
    pub word: String,
    /// Where it stands.
    pub span: Span,
}

impl Role {
    /// Everything it provides: its name (and the last part of it), and its words.
    pub fn all_provides(&self) -> impl Iterator<Item = &str> {
        let last = self.name.rsplit('/').next().filter(|n| *n != self.name);
        let words = self.provides.iter().map(String::as_str);
        std::iter::once(self.name.as_str()).chain(last).chain(words)
    }
}

/// Other files than `main` of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FromFiles {
    /// `tasks_from`.
    pub tasks: Option<String>,
    /// `vars_from`.
    pub vars: Option<String>,
    /// `defaults_from`.
    pub defaults: Option<String>,
    /// `handlers_from`.
    pub handlers: Option<String>,
}

/// One use of a role: an entry of `roles:`, a dependency, an `import_role` or an `include_role`.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleUse {
    /// The role.
    pub role: Arc<Role>,
    /// The use's own keywords. They are those of the block that stands for it too, with one exception: `vars` of a `roles:`
    /// entry or dependency rank as the role's variables only, so its block has none. (Those of an import rank as both.)
    pub common: Common,
    /// Inline parameters of a `roles:` entry (`- {role: x, port: 1}`): ranked above `vars`.
    pub params: Map,
    /// Which files were taken.
    pub from: FromFiles,
    /// By `import_role` or `include_role`.
    pub included: bool,
    /// Whether its defaults and vars are seen by the rest of the play: `roles:`, dependencies and imports yes, includes no.
    pub public: bool,
    /// Whether it may run again on a host: the role's `allow_duplicates`; that of the task for an include or import.
    pub allow_duplicates: bool,
    /// Its direct dependencies, in order. Their blocks are the first in its block.
    pub dependencies: Vec<Arc<RoleUse>>,
    /// Uses that Ansible holds for the same (name, folder, parameters, `when`, tags, vars, files) have the same text here.
    /// A host that completed one skips the tasks of another, unless [`RoleUse::allow_duplicates`].
    pub identity: String,
}

impl RoleUse {
    /// All dependencies, deepest first, as their variables and tasks are taken.
    pub fn all_dependencies(&self) -> Vec<Arc<RoleUse>> {
        let mut all = Vec::new();
        for dependency in &self.dependencies {
            all.extend(dependency.all_dependencies());
            all.push(dependency.clone());
        }
        all
    }
}

/// The arguments of `include_role`.
#[derive(Clone, Debug, PartialEq)]
pub struct IncludeRole {
    /// `name` or `role`, possibly a template.
    pub name: Located,
    /// `tasks_from`.
    pub tasks_from: Option<Located>,
    /// `vars_from`.
    pub vars_from: Option<Located>,
    /// `defaults_from`.
    pub defaults_from: Option<Located>,
    /// `handlers_from`.
    pub handlers_from: Option<Located>,
    /// `apply`: keywords for every task of the role.
    pub apply: Option<Common>,
    /// `public`.
    pub public: Option<Located>,
    /// `allow_duplicates`, true when not given.
    pub allow_duplicates: Option<Located>,
    /// `rolespec_validate`, true when not given.
    pub rolespec_validate: Option<Located>,
}
