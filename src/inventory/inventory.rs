//! The hosts and groups of a run, and how they belong together.

use super::group::Group;
use super::host::Host;
use super::vars_files::VarsFiles;
use crate::error::{Diagnostic, Span};
use crate::value::{Map, Value};
use indexmap::{IndexMap, IndexSet};
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

/// The names that mean this machine even when no inventory has them.
pub const LOCALHOST: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

/// All hosts and groups.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The hosts in the order they were met; this machine is not among them unless it was named.
    pub hosts: IndexMap<String, Host>,
    /// The groups in the order they were met, `all` and `ungrouped` first.
    pub groups: IndexMap<String, Group>,
    /// What is allowed but hardly meant.
    pub warnings: Vec<Diagnostic>,
    /// `group_vars` and `host_vars` beside the inventory's sources, in order.
    pub vars_files: Vec<VarsFiles>,
    implicit: Host,
}

impl Default for Inventory {
    fn default() -> Self {
        Self::new()
    }
}

impl Inventory {
    /// An inventory without hosts.
    pub fn new() -> Self {
        let implicit = Host {
            name: "localhost".to_owned(),
            vars: Map::from_iter([("ansible_connection".to_owned(), Value::from("local"))]),
            implicit: true,
            ..Host::default()
        };
        let mut inventory = Self {
            hosts: IndexMap::new(),
            groups: IndexMap::new(),
            warnings: Vec::new(),
            vars_files: Vec::new(),
            implicit,
        };
        inventory.add_group("all");
        inventory.add_group("ungrouped");
        inventory.link("all", "ungrouped");
        inventory
    }

    /// The host of that name. `localhost`, `127.0.0.1` and `::1` give this machine when no host is called so: the one
    /// of them that the inventory names, else the implicit one.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(name).or_else(|| {
            LOCALHOST.contains(&name).then(|| {
                let named = self
                    .hosts
                    .values()
                    .find(|h| LOCALHOST.contains(&h.name.as_str()));
                named.unwrap_or(&self.implicit)
            })
        })
    }

    /// All groups a host is in, those it is in by way of other groups too, in the order in which their variables are
    /// merged: by depth, priority and name. `all` comes first.
    pub fn groups_of(&self, host: &str) -> Vec<&Group> {
        let Some(host) = self.host(host) else {
            return Vec::new();
        };
        let mut seen: HashSet<&str> = HashSet::from(["all"]);
        let mut open: Vec<&str> = host.groups.iter().map(String::as_str).collect();
        while let Some(name) = open.pop() {
            if seen.insert(name)
                && let Some(group) = self.groups.get(name)
            {
                open.extend(group.parents.iter().map(String::as_str));
            }
        }
        let mut groups: Vec<&Group> = seen
            .iter()
            .filter_map(|name| self.groups.get(*name))
            .collect();
        groups.sort_by(|a, b| (a.depth, a.priority, &a.name).cmp(&(b.depth, b.priority, &b.name)));
        groups
    }

    /// The names of a host's groups without `all`, sorted: the magic variable `group_names`.
    pub fn group_names(&self, host: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .groups_of(host)
            .iter()
            .map(|g| g.name.as_str())
            .filter(|n| *n != "all")
            .collect();
        names.sort_unstable();
        names
    }

    /// The hosts of a group: its own, then those of the groups inside it, level by level, each once.
    pub fn hosts_of(&self, group: &str) -> IndexSet<&str> {
        let mut hosts = IndexSet::new();
        let mut seen = HashSet::new();
        let mut open = VecDeque::from([group]);
        while let Some(name) = open.pop_front() {
            if !seen.insert(name) {
                continue;
            }
            if let Some(group) = self.groups.get(name) {
                hosts.extend(group.hosts.iter().map(String::as_str));
                open.extend(group.children.iter().map(String::as_str));
            }
        }
        hosts
    }

    /// Adds a group unless it is there; gives whether it is new.
    pub fn add_group(&mut self, name: &str) -> bool {
        if self.groups.contains_key(name) {
            return false;
        }
        self.groups.insert(
            name.to_owned(),
            Group {
                name: name.to_owned(),
                vars: Map::new(),
                hosts: IndexSet::new(),
                children: IndexSet::new(),
                depth: 0,
                priority: 1,
                parents: IndexSet::new(),
            },
        );
        true
    }

    /// Puts one group inside another; both are made when they are not there.
    ///
    /// # Errors
    /// When the child holds the parent already: the circle, spelled out.
    pub fn add_child(
        &mut self,
        parent: &str,
        child: &str,
        span: Option<&Span>,
    ) -> Result<bool, Diagnostic> {
        self.add_group(parent);
        self.add_group(child);
        if let Some(mut way) = self.way_up(parent, child) {
            way.push(child);
            let way: Vec<String> = way.iter().map(|g| format!("`{g}`")).collect();
            let text = if parent == child {
                format!("the group `{child}` is put inside itself")
            } else {
                format!("these groups hold each other: {}", way.join(" > "))
            };
            let diagnostic = Diagnostic::new(text);
            return Err(match span {
                Some(span) => diagnostic.with_span(span),
                None => diagnostic,
            });
        }
        Ok(self.link(parent, child))
    }

    /// The way from `group` up to `ancestor`, both included.
    fn way_up<'a>(&'a self, group: &'a str, ancestor: &str) -> Option<Vec<&'a str>> {
        let mut from: HashMap<&str, &str> = HashMap::new();
        let mut open = VecDeque::from([group]);
        while let Some(name) = open.pop_front() {
            if name == ancestor {
                let mut way = vec![name];
                let mut at = name;
                while let Some(below) = from.get(at) {
                    way.push(below);
                    at = below;
                }
                return Some(way);
            }
            for parent in self.groups.get(name).into_iter().flat_map(|g| &g.parents) {
                if parent != group && !from.contains_key(parent.as_str()) {
                    from.insert(parent, name);
                    open.push_back(parent);
                }
            }
        }
        None
    }

    fn link(&mut self, parent: &str, child: &str) -> bool {
        if let Some(group) = self.groups.get_mut(child) {
            group.parents.insert(parent.to_owned());
        }
        self.groups
            .get_mut(parent)
            .is_some_and(|g| g.children.insert(child.to_owned()))
    }

    /// Adds a host to a group, which is made when it is not there. `port` counts only for a host not seen before, as with
    /// Ansible. Gives whether the host is new.
    pub fn add_host(
        &mut self,
        name: &str,
        group: Option<&str>,
        port: Option<u16>,
        source: Option<&Path>,
    ) -> bool {
        let new = !self.hosts.contains_key(name);
        if new {
            let mut vars = Map::new();
            if let Some(port) = port {
                vars.insert("ansible_port".to_owned(), Value::from(u32::from(port)));
            }
            let source = source.map(Path::to_owned);
            self.hosts.insert(
                name.to_owned(),
                Host {
                    name: name.to_owned(),
                    vars,
                    source,
                    ..Host::default()
                },
            );
        }
        if let Some(group) = group {
            self.put(name, group);
        }
        new
    }

    fn put(&mut self, host: &str, group: &str) -> bool {
        self.add_group(group);
        if let Some(host) = self.hosts.get_mut(host) {
            host.groups.insert(group.to_owned());
        } else if LOCALHOST.contains(&host) {
            self.implicit.groups.insert(group.to_owned());
        }
        self.groups
            .get_mut(group)
            .is_some_and(|g| g.hosts.insert(host.to_owned()))
    }

    /// Sets a variable of a host that is there.
    pub fn set_host_var(&mut self, host: &str, name: &str, value: Value) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.vars.insert(name.to_owned(), value);
        }
    }

    /// Sets a variable of a group that is there; `ansible_group_priority` sets its priority instead.
    ///
    /// # Errors
    /// When the priority is no integer.
    pub fn set_group_var(
        &mut self,
        group: &str,
        name: &str,
        value: Value,
    ) -> Result<(), Diagnostic> {
        let Some(group) = self.groups.get_mut(group) else {
            return Ok(());
        };
        if name == "ansible_group_priority" {
            let number = value
                .as_int()
                .or_else(|| value.as_str()?.trim().parse().ok());
            group.priority = number.ok_or_else(|| {
                Diagnostic::new(format!(
                    "`ansible_group_priority` must be an integer, not `{value}`"
                ))
            })?;
        } else {
            group.vars.insert(name.to_owned(), value);
        }
        Ok(())
    }

    /// What the module `add_host` does during a run; gives whether anything changed.
    pub fn add_host_at_run_time(&mut self, name: &str, groups: &[String], vars: Map) -> bool {
        let mut changed = self.add_host(name, Some("all"), None, None);
        for group in groups {
            changed |= self.put(name, group);
        }
        if let Some(host) = self.hosts.get_mut(name) {
            for (key, value) in vars {
                changed |= host.vars.get(&key) != Some(&value);
                host.vars.insert(key, value);
            }
        }
        self.reconcile();
        changed
    }

    /// What the module `group_by` does during a run; gives whether anything changed.
    ///
    /// # Errors
    /// When a parent lies inside the group.
    pub fn group_by(
        &mut self,
        host: &str,
        group: &str,
        parents: &[String],
    ) -> Result<bool, Diagnostic> {
        let mut changed = self.add_group(group);
        for parent in parents {
            changed |= self.add_child(parent, group, None)?;
        }
        let name = self
            .host(host)
            .map_or_else(|| host.to_owned(), |h| h.name.clone());
        changed |= self.put(&name, group);
        self.reconcile();
        Ok(changed)
    }

    /// Restores what always holds: every group lies below `all`, a host without a group is in `ungrouped` and no other
    /// host is, and depths are right. To be called after a series of changes.
    pub fn reconcile(&mut self) {
        let orphans: Vec<String> = self
            .groups
            .values()
            .filter(|g| g.parents.is_empty() && g.name != "all")
            .map(|g| g.name.clone())
            .collect();
        orphans.iter().for_each(|name| {
            self.link("all", name);
        });
        let mut lone = Vec::new();
        for host in self.hosts.values_mut() {
            let grouped = host.groups.iter().any(|g| g != "all" && g != "ungrouped");
            if !grouped {
                lone.push(host.name.clone());
            } else if host.groups.shift_remove("ungrouped")
                && let Some(group) = self.groups.get_mut("ungrouped")
            {
                group.hosts.shift_remove(&host.name);
            }
        }
        lone.iter().for_each(|name| {
            self.put(name, "ungrouped");
        });
        self.set_depths();
        self.warnings
            .retain(|w| !w.message.starts_with("both a group and a host"));
        for name in self.groups.keys().filter(|g| self.hosts.contains_key(*g)) {
            self.warnings.push(Diagnostic::new(format!(
                "both a group and a host are called `{name}`"
            )));
        }
    }

    fn set_depths(&mut self) {
        let mut open: Vec<(String, usize)> = vec![("all".to_owned(), 0)];
        self.groups.values_mut().for_each(|g| g.depth = 0);
        while let Some((name, depth)) = open.pop() {
            let Some(group) = self.groups.get_mut(&name) else {
                continue;
            };
            if depth > group.depth || name == "all" {
                group.depth = depth;
                open.extend(group.children.iter().map(|c| (c.clone(), depth + 1)));
            }
        }
    }
}
