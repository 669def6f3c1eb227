//! What templates can see: the hosts and their variables, the play, and the world outside of variables.

use super::emitter::Emitter;
use super::hosts::Hosts;
use super::magic::Magic;
use super::place::{Level, Place};
use super::strand::Strand;
use crate::error::{Diagnostic, Problems};
use crate::inventory::{Inventory, VarsFiles};
use crate::playbook::{Play, RoleUse, Task};
use crate::template::{Outside, Scope};
use crate::value::{Map, Secrets, Value, Vaulted};
use crate::vars::{BranchId, Layer, MAIN, Neighbours, Store, TaskScope};
use crate::vault::Keyring;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Shared by a whole run.
pub(super) struct World {
    pub inventory: RwLock<Inventory>,
    pub store: Store,
    pub extra: Arc<Map>,
    pub secrets: Secrets,
    pub keyring: Arc<Keyring>,
    /// Magic variables that are the same everywhere.
    pub constants: Map,
    pub emitter: Arc<Emitter>,
    /// What the lookup `config` gives.
    settings: Map,
    /// Facts are variables by their own names too.
    inject_facts: bool,
    /// `group_vars` and `host_vars` beside the playbook whose play runs, and its folder.
    beside: RwLock<(PathBuf, Arc<VarsFiles>)>,
    layers: Mutex<HashMap<String, Arc<Vec<Arc<Map>>>>>,
}

impl World {
    pub(super) fn new(
        inventory: Inventory,
        options: &super::options::RunOptions,
        secrets: Secrets,
        keyring: Arc<Keyring>,
        constants: Map,
        emitter: Arc<Emitter>,
    ) -> Self {
        Self {
            inventory: RwLock::new(inventory),
            store: Store::default(),
            extra: Arc::new(options.extra_vars.clone()),
            secrets,
            keyring,
            constants,
            emitter,
            settings: options.settings.clone(),
            inject_facts: options.inject_facts,
            beside: RwLock::default(),
            layers: Mutex::default(),
        }
    }

    /// Reads the variables beside a playbook, unless they are those read last.
    ///
    /// # Errors
    /// Mistakes in the files of groups and hosts of the inventory.
    pub(super) fn enter(&self, folder: &Path) -> Result<(), Problems> {
        let mut beside = self.beside.write().unwrap_or_else(PoisonError::into_inner);
        if beside.0 == folder {
            return Ok(());
        }
        let files = VarsFiles::load(folder, &self.keyring);
        self.inventory(|i| i.problems_of(&files)).or_ok(())?;
        *beside = (folder.to_owned(), Arc::new(files));
        drop(beside);
        self.forget_layers();
        Ok(())
    }

    fn forget_layers(&self) {
        if let Ok(mut layers) = self.layers.lock() {
            layers.clear();
        }
    }

    /// Reads the inventory.
    pub(super) fn inventory<T>(&self, read: impl FnOnce(&Inventory) -> T) -> T {
        read(
            &self
                .inventory
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Changes the inventory.
    pub(super) fn change_inventory<T>(&self, change: impl FnOnce(&mut Inventory) -> T) -> T {
        let result = change(
            &mut self
                .inventory
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.forget_layers();
        result
    }

    /// What inventory, group_vars and host_vars say of a host, strongest first.
    fn inventory_layers(&self, host: &str) -> Arc<Vec<Arc<Map>>> {
        if let Some(known) = self.layers.lock().ok().and_then(|l| l.get(host).cloned()) {
            return known;
        }
        let beside = self
            .beside
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .clone();
        let made = Arc::new(self.inventory(|i| {
            i.layers(host, Some(&beside))
                .iter()
                .rev()
                .map(|l| Arc::new(l.vars.clone()))
                .collect::<Vec<_>>()
        }));
        if let Ok(mut layers) = self.layers.lock() {
            layers.insert(host.to_owned(), made.clone());
        }
        made
    }
}

/// What templates may know of a play and its batch.
pub(super) struct PlayInfo {
    pub play: Arc<Play>,
    pub name: String,
    /// All hosts of the play.
    pub all: Hosts,
    pub batch: Hosts,
    /// Hosts of the play that have failed or are out of reach.
    pub lost: Arc<Mutex<Hosts>>,
    /// `vars_files`, `vars_prompt`, `vars` of the play, strongest first.
    pub vars: Vec<Arc<Map>>,
    /// Uses of roles whose variables the whole play sees, in order, with the branch that brought each.
    pub public_roles: Mutex<Vec<(BranchId, Arc<RoleUse>)>>,
    pub check: bool,
    pub diff: bool,
    roles: Mutex<HashMap<usize, KnownRole>>,
}

/// A use of a role, held so that its address stays its own, and its layers.
type KnownRole = (Arc<RoleUse>, Arc<RoleLayers>);

/// A role's variables and defaults with those it leans on, strongest first.
#[derive(Default)]
struct RoleLayers {
    vars: Vec<Arc<Map>>,
    defaults: Vec<Arc<Map>>,
}

impl PlayInfo {
    #[expect(
        clippy::too_many_arguments,
        reason = "the fields themselves; called once"
    )]
    pub(super) fn new(
        play: Arc<Play>,
        name: String,
        all: Hosts,
        batch: Hosts,
        lost: Arc<Mutex<Hosts>>,
        vars: Vec<Arc<Map>>,
        check: bool,
        diff: bool,
    ) -> Self {
        let this = Self {
            play: play.clone(),
            name,
            all,
            batch,
            lost,
            vars,
            public_roles: Mutex::default(),
            check,
            diff,
            roles: Mutex::default(),
        };
        this.publish(&play.roles, MAIN);
        for section in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
            this.publish(section, MAIN);
        }
        this
    }

    /// Makes the public roles among these entries (and inside their blocks) seen by the whole play.
    pub(super) fn publish(&self, entries: &[crate::playbook::Entry], branch: BranchId) {
        for entry in entries {
            let crate::playbook::Entry::Block(block) = entry else {
                continue;
            };
            if let (Some(role), Ok(mut public)) = (block.role(), self.public_roles.lock())
                && role.public
                && !public.iter().any(|(_, r)| Arc::ptr_eq(r, role))
            {
                public.push((branch, role.clone()));
            }
            for part in [&block.body, &block.rescue, &block.always] {
                self.publish(part, branch);
            }
        }
    }

    fn role_layers(&self, role: &Arc<RoleUse>) -> Arc<RoleLayers> {
        let address = Arc::as_ptr(role) as usize;
        let Ok(mut known) = self.roles.lock() else {
            return Arc::default();
        };
        if let Some((_, layers)) = known.get(&address) {
            return layers.clone();
        }
        let mut made = RoleLayers::default();
        let dependencies = role.all_dependencies();
        for each in std::iter::once(role).chain(dependencies.iter().rev()) {
            for map in [&each.common.vars, &each.role.vars] {
                if !map.is_empty() {
                    made.vars.push(Arc::new(map.clone()));
                }
            }
            if !each.role.defaults.is_empty() {
                made.defaults.push(Arc::new(each.role.defaults.clone()));
            }
        }
        let made = Arc::new(made);
        known.insert(address, (role.clone(), made.clone()));
        made
    }
}

/// How one task sees the world: whose file search counts.
pub(super) struct View {
    pub world: Arc<World>,
    pub info: Option<Arc<PlayInfo>>,
    pub search: Vec<PathBuf>,
    pub basedir: PathBuf,
    /// Only looking ahead.
    pub ahead: bool,
    /// Whose knowledge counts.
    pub strand: Strand,
}

impl View {
    /// The scope of a host with no task in mind: what `hostvars` shows.
    fn host_scope(self: &Arc<Self>, host: &str) -> TaskScope {
        let mut layers = vec![self.magic(Some(host), None)];
        layers.push(Layer::Plain(self.world.extra.clone()));
        self.host_layers(host, &mut layers);
        layers.extend(
            self.world
                .inventory_layers(host)
                .iter()
                .cloned()
                .map(Layer::Plain),
        );
        layers.push(fallback(Some(host)));
        TaskScope {
            layers,
            neighbours: self.clone(),
        }
    }

    fn host_layers(&self, host: &str, layers: &mut Vec<Layer>) {
        let learned = self.world.store.learned(self.strand.branch, host);
        layers.push(Layer::Plain(learned.set));
        layers.push(Layer::Plain(learned.included));
        layers.push(self.facts(learned.facts));
    }

    /// Facts as variables.
    fn facts(&self, facts: Arc<Map>) -> Layer {
        if self.world.inject_facts {
            return Layer::Facts(facts);
        }
        // a host's own facts keep their name, as with Ansible
        let local = facts.get("local").cloned();
        let local = local.unwrap_or_else(|| Value::from(Map::new()));
        Layer::Plain(Arc::new(Map::from_iter([
            ("ansible_facts".to_owned(), Value::Map(facts)),
            ("ansible_local".to_owned(), local),
        ])))
    }

    fn magic(&self, host: Option<&str>, place: Option<&Place>) -> Layer {
        Layer::Computed(Arc::new(Magic {
            world: self.world.clone(),
            info: self.info.clone(),
            host: host.map(str::to_owned),
            roles: place.map(|p| p.roles.clone()).unwrap_or_default(),
            search: self.search.clone(),
        }))
    }

    /// Everything a task sees on a host, in Ansible's order of precedence.
    pub(super) fn task_scope(
        self: &Arc<Self>,
        host: Option<&str>,
        place: &Place,
        task: Option<&Task>,
    ) -> TaskScope {
        let plain = |map: &Map| Layer::Plain(Arc::new(map.clone()));
        let mut layers = vec![
            self.magic(host, Some(place)),
            Layer::Plain(self.world.extra.clone()),
        ];
        let has = |map: &Arc<Map>| !map.is_empty();
        if has(&place.include_params) {
            layers.push(Layer::Plain(place.include_params.clone()));
        }
        layers.extend(
            place
                .roles
                .iter()
                .rev()
                .filter(|r| !r.params.is_empty())
                .map(|r| plain(&r.params)),
        );
        let learned = host
            .map(|h| self.world.store.learned(self.strand.branch, h))
            .unwrap_or_default();
        layers.push(Layer::Plain(learned.set));
        layers.push(Layer::Plain(learned.included));
        if let Some(task) = task
            && !task.common.vars.is_empty()
        {
            layers.push(plain(&task.common.vars));
        }
        for level in place.levels.iter().rev() {
            // the play's own come further down; a role's rank as role variables
            let is_role = matches!(level, Level::Block(b) if b.role().is_some());
            if !matches!(level, Level::Play(_)) && !is_role && !level.common().vars.is_empty() {
                layers.push(plain(&level.common().vars));
            }
        }
        let mut own_defaults = Vec::new();
        let mut public_defaults = Vec::new();
        if let Some(info) = &self.info {
            for role in place.roles.iter().rev() {
                let role = info.role_layers(role);
                layers.extend(role.vars.iter().cloned().map(Layer::Plain));
                own_defaults.extend(role.defaults.iter().cloned());
            }
            let public = info
                .public_roles
                .lock()
                .map(|p| p.clone())
                .unwrap_or_default();
            for (_, role) in public.iter().rev().filter(|(b, _)| self.strand.sees(*b)) {
                if place.roles.iter().any(|r| Arc::ptr_eq(r, role)) {
                    continue;
                }
                let role = info.role_layers(role);
                layers.extend(role.vars.iter().cloned().map(Layer::Plain));
                public_defaults.extend(role.defaults.iter().cloned());
            }
            layers.extend(info.vars.iter().cloned().map(Layer::Plain));
        }
        layers.push(self.facts(learned.facts));
        if let Some(host) = host {
            layers.extend(
                self.world
                    .inventory_layers(host)
                    .iter()
                    .cloned()
                    .map(Layer::Plain),
            );
        }
        layers.extend(
            own_defaults
                .into_iter()
                .chain(public_defaults)
                .map(Layer::Plain),
        );
        layers.push(fallback(host));
        TaskScope {
            layers,
            neighbours: self.clone(),
        }
    }
}

impl Neighbours for View {
    fn host(&self, name: &str) -> Option<Arc<dyn Scope>> {
        self.world.inventory(|i| i.host(name).is_some()).then(|| {
            let view = Arc::new(View {
                world: self.world.clone(),
                info: self.info.clone(),
                search: self.search.clone(),
                basedir: self.basedir.clone(),
                ahead: self.ahead,
                strand: self.strand.clone(),
            });
            view.host_scope(name).shared()
        })
    }

    fn hosts(&self) -> Vec<String> {
        self.world.inventory(|i| i.hosts.keys().cloned().collect())
    }

    fn outside(&self) -> &dyn Outside {
        self
    }
}

impl Outside for View {
    fn find_file(&self, kind: &str, name: &str) -> Result<PathBuf, Diagnostic> {
        find_file(&self.search, kind, name)
    }

    fn search_path(&self) -> Vec<PathBuf> {
        self.search.clone()
    }

    fn decrypt(&self, value: &Vaulted) -> Result<String, Diagnostic> {
        let text = self.world.keyring.decrypt(&value.cipher).map_err(|e| {
            let d = e.diagnostic();
            match &value.span {
                Some(span) => d.with_span(span),
                None => d,
            }
        })?;
        let text = String::from_utf8(text)
            .map_err(|_| Diagnostic::new("the encrypted value is not text"))?;
        self.world.secrets.add(&text);
        Ok(text)
    }

    fn read_file(&self, path: &Path) -> Result<Vec<u8>, Diagnostic> {
        read_file(path, &self.world.keyring)
    }

    fn encrypt(&self, text: &str, id: Option<&str>) -> Result<String, Diagnostic> {
        self.world
            .keyring
            .encrypt(text.as_bytes(), id)
            .map_err(|e| e.diagnostic())
    }

    fn match_hosts(&self, pattern: &str) -> Result<Vec<String>, Diagnostic> {
        self.world
            .inventory(|i| crate::inventory::select(i, pattern).map(|s| s.hosts))
    }

    fn is_ahead(&self) -> bool {
        self.ahead
    }

    fn warn(&self, message: String) {
        // what is looked at ahead will be looked at again in its turn
        if !self.ahead {
            self.world.emitter.warn(message);
        }
    }

    fn secrets(&self) -> &Secrets {
        &self.world.secrets
    }

    fn setting(&self, name: &str) -> Option<Value> {
        self.world.settings.get(name).cloned()
    }

    fn basedir(&self) -> &Path {
        &self.basedir
    }
}

/// What is so unless anybody says otherwise.
fn fallback(host: Option<&str>) -> Layer {
    let managed = ("ansible_managed".to_owned(), Value::from("Ansible managed"));
    let host = host.map(|h| ("ansible_host".to_owned(), Value::from(h)));
    Layer::Plain(Arc::new(host.into_iter().chain([managed]).collect()))
}

/// A file's bytes, decrypted when it is a vault.
pub(super) fn read_file(path: &Path, keyring: &Keyring) -> Result<Vec<u8>, Diagnostic> {
    let bytes = std::fs::read(path)
        .map_err(|e| Diagnostic::new(format!("failed to read `{}`: {e}", path.display())))?;
    if !bytes.starts_with(b"$ANSIBLE_VAULT;") {
        return Ok(bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    keyring.decrypt(&text).map_err(|e| {
        e.diagnostic()
            .with_note(format!("the file is `{}`", path.display()))
    })
}

/// Looks for a file in `DIR/KIND/NAME`, then `DIR/NAME`, for each directory in turn.
///
/// # Errors
/// Not found: every place that was searched.
pub(super) fn find_file(dirs: &[PathBuf], kind: &str, name: &str) -> Result<PathBuf, Diagnostic> {
    let name = match name.strip_prefix("~/") {
        Some(rest) => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(rest),
        None => PathBuf::from(name),
    };
    if name.is_absolute() {
        return if name.exists() {
            Ok(name)
        } else {
            Err(Diagnostic::new(format!(
                "there is no `{}` on the control machine",
                name.display()
            )))
        };
    }
    let mut searched = Vec::new();
    for dir in dirs {
        // a role's task may lie in tasks/: its files are beside that folder
        for candidate in [dir.join(kind).join(&name), dir.join(&name)] {
            if candidate.exists() {
                return Ok(candidate);
            }
            searched.push(candidate);
        }
    }
    let mut problem = Diagnostic::new(format!(
        "could not find `{}` on the control machine",
        name.display()
    ));
    for place in searched {
        problem = problem.with_note(format!("searched {}", place.display()));
    }
    Err(problem)
}
