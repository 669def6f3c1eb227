//! The roles of a play as a graph: which has to wait for which.

use super::{Block, BlockKind, Entry, Need, Play, RoleUse};
use crate::error::{Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The roles of a play, dependencies included, in the order in which they run one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleGraph {
    /// By number. A dependency comes before the role that it is of.
    pub nodes: Vec<RoleNode>,
}

/// One role of the play. Uses that hosts would run only once (see [`RoleUse::identity`]) are one node.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleNode {
    /// The role's name; of a role that is there several times, all but the first have a number behind it.
    pub name: String,
    /// Where it is used first.
    pub span: Span,
    /// Its uses, which run one after the other.
    pub turns: Vec<RoleTurn>,
    /// What it waits for, each role once.
    pub needs: Vec<Edge>,
    /// What it needs and no role of the play provides: it is taken to be there.
    pub given: Vec<Need>,
    /// It says nothing of what it needs, neither by `needs` nor by `dependencies`.
    pub silent: bool,
}

/// One use of a role in the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleTurn {
    /// The blocks of the roles that it is a dependency of, from the outside in: their keywords hold for it.
    pub around: Vec<Arc<Block>>,
    /// The role's block without those of its dependencies.
    pub block: Arc<Block>,
}

/// A role waits for another.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// The number of the other.
    pub node: usize,
    /// The word it is needed by; `None`: a dependency.
    pub word: Option<String>,
    /// Where that stands.
    pub span: Span,
}

impl RoleGraph {
    /// The graph of a play's `roles`.
    pub fn of(play: &Play) -> Self {
        let mut building = Building::default();
        for entry in &play.roles {
            if let Entry::Block(block) = entry
                && let Some(role) = block.role()
            {
                building.add(block, role, &[]);
            }
        }
        building.finish()
    }

    /// The numbers of all roles, each behind what it needs; of those that could be next, the first of the list.
    ///
    /// # Errors
    /// Roles need each other in a circle.
    pub fn order(&self) -> Result<Vec<usize>, Diagnostic> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut done = BTreeSet::new();
        while order.len() < self.nodes.len() {
            let next = (0..self.nodes.len()).find(|n| {
                !done.contains(n) && self.nodes[*n].needs.iter().all(|e| done.contains(&e.node))
            });
            let Some(next) = next else {
                return Err(self.circle(&done));
            };
            done.insert(next);
            order.push(next);
        }
        Ok(order)
    }

    /// For each role everything that is done before it begins, however far away, in the order of `order`.
    pub fn befores(&self, order: &[usize]) -> Vec<Vec<usize>> {
        let mut all: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.nodes.len()];
        for number in order {
            let mut own = BTreeSet::new();
            for edge in &self.nodes[*number].needs {
                own.insert(edge.node);
                own.extend(&all[edge.node]);
            }
            all[*number] = own;
        }
        all.iter()
            .map(|own| order.iter().copied().filter(|n| own.contains(n)).collect())
            .collect()
    }

    /// For each role the longest way to it: 0 for those that wait for nothing.
    pub fn levels(&self, order: &[usize]) -> Vec<usize> {
        let mut levels = vec![0; self.nodes.len()];
        for number in order {
            let needs = &self.nodes[*number].needs;
            levels[*number] = needs.iter().map(|e| levels[e.node] + 1).max().unwrap_or(0);
        }
        levels
    }

    /// What a role waits for itself: its needs without those that another of its needs waits for anyway.
    pub fn direct(&self, befores: &[Vec<usize>], number: usize) -> Vec<usize> {
        let needs = &self.nodes[number].needs;
        let implied = |n: usize| needs.iter().any(|other| befores[other.node].contains(&n));
        let mut direct: Vec<usize> = needs.iter().map(|e| e.node).collect();
        direct.retain(|n| !implied(*n));
        direct
    }

    /// Tells one circle among the roles that are not `done`, each of which waits for another of them.
    fn circle(&self, done: &BTreeSet<usize>) -> Diagnostic {
        let waits = |n: usize| self.nodes[n].needs.iter().find(|e| !done.contains(&e.node));
        let mut way: Vec<(usize, &Edge)> = Vec::new();
        let mut at = (0..self.nodes.len())
            .find(|n| !done.contains(n))
            .unwrap_or(0);
        while let Some(edge) = waits(at)
            && !way.iter().any(|(n, _)| *n == at)
        {
            way.push((at, edge));
            at = edge.node;
        }
        let begin = way.iter().position(|(n, _)| *n == at).unwrap_or(0);
        let circle = &way[begin..];
        let message = match circle {
            [(only, _)] => format!("role `{}` needs itself", self.nodes[*only].name),
            _ => "these roles wait for each other in a circle".to_owned(),
        };
        let mut told = match circle.first() {
            Some((_, edge)) => Diagnostic::at(&edge.span, message),
            None => Diagnostic::new(message),
        };
        for (number, edge) in circle {
            let (from, to) = (&self.nodes[*number].name, &self.nodes[edge.node].name);
            let how = match &edge.word {
                None => format!("`{from}` depends on `{to}`"),
                Some(word) if word == to => format!("`{from}` needs `{to}`"),
                Some(word) => format!("`{from}` needs `{word}`, which `{to}` provides"),
            };
            let (path, line) = (edge.span.path().display(), edge.span.line);
            told = told.with_note(format!("{how} ({path}:{line})"));
        }
        told
    }
}

#[derive(Default)]
struct Building {
    nodes: Vec<RoleNode>,
    /// By number: what it provides, and what it asks for; `true`: the role itself does, not one that it imports.
    words: Vec<Words>,
    known: BTreeMap<String, usize>,
    names: BTreeMap<String, usize>,
}

#[derive(Default)]
struct Words {
    provides: BTreeSet<String>,
    needs: Vec<(Need, bool)>,
}

impl Building {
    fn add(&mut self, block: &Arc<Block>, role: &Arc<RoleUse>, around: &[Arc<Block>]) -> usize {
        let mut inside = around.to_vec();
        inside.push(block.clone());
        let mut body = Vec::new();
        let mut edges = Vec::new();
        for entry in &block.body {
            match dependency(entry, role) {
                Some((block, dependency)) => edges.push(Edge {
                    node: self.add(block, dependency, &inside),
                    word: None,
                    span: block.span.clone(),
                }),
                None => body.push(entry.clone()),
            }
        }
        let own = Arc::new(Block {
            span: block.span.clone(),
            kind: BlockKind::Role(role.clone()),
            common: block.common.clone(),
            body,
            rescue: block.rescue.clone(),
            always: block.always.clone(),
        });
        let mut words = Words::default();
        words.take(role, true);
        words.collect(&own.body);
        let turn = RoleTurn {
            around: around.to_vec(),
            block: own,
        };
        let known = self.known.get(&role.identity).copied();
        let number = match known.filter(|_| !role.allow_duplicates) {
            Some(number) => {
                self.nodes[number].turns.push(turn);
                number
            }
            None => {
                let count = self.names.entry(role.role.name.clone()).or_default();
                *count += 1;
                let name = match *count {
                    1 => role.role.name.clone(),
                    n => format!("{} ({n})", role.role.name),
                };
                self.nodes.push(RoleNode {
                    name,
                    span: block.span.clone(),
                    turns: vec![turn],
                    needs: Vec::new(),
                    given: Vec::new(),
                    silent: role.role.needs.is_none() && role.dependencies.is_empty(),
                });
                self.words.push(words);
                self.known
                    .insert(role.identity.clone(), self.nodes.len() - 1);
                self.nodes.len() - 1
            }
        };
        for edge in edges {
            self.nodes[number].wait_for(edge);
        }
        number
    }

    fn finish(mut self) -> RoleGraph {
        for number in 0..self.nodes.len() {
            for (need, direct) in std::mem::take(&mut self.words[number].needs) {
                let provides = |n: &usize| self.words[*n].provides.contains(&need.word);
                let others: Vec<usize> = (0..self.nodes.len())
                    .filter(|n| *n != number && provides(n))
                    .collect();
                let own = provides(&number);
                let to = match (others.is_empty(), own) {
                    // what it imports comes before what it does itself, or as it says
                    (true, true) if !direct => continue,
                    (true, true) => vec![number],
                    _ => others,
                };
                let node = &mut self.nodes[number];
                if to.is_empty() && !node.given.contains(&need) {
                    node.given.push(need.clone());
                }
                for other in to {
                    node.wait_for(Edge {
                        node: other,
                        word: Some(need.word.clone()),
                        span: need.span.clone(),
                    });
                }
            }
        }
        RoleGraph { nodes: self.nodes }
    }
}

impl RoleNode {
    fn wait_for(&mut self, edge: Edge) {
        if !self.needs.iter().any(|e| e.node == edge.node) {
            self.needs.push(edge);
        }
    }
}

impl Words {
    fn take(&mut self, role: &RoleUse, direct: bool) {
        let provides = role.role.all_provides().map(str::to_owned);
        self.provides.extend(provides);
        let needs = role.role.needs.iter().flatten();
        self.needs.extend(needs.map(|n| (n.clone(), direct)));
    }

    /// What the roles that are imported inside say: they are part of this one.
    fn collect(&mut self, entries: &[Entry]) {
        for entry in entries {
            let Entry::Block(block) = entry else {
                continue;
            };
            if let Some(role) = block.role() {
                self.take(role, false);
            }
            for part in [&block.body, &block.rescue, &block.always] {
                self.collect(part);
            }
        }
    }
}

/// The block and use of a dependency, when an entry of a role's block is one.
fn dependency<'e>(entry: &'e Entry, role: &RoleUse) -> Option<(&'e Arc<Block>, &'e Arc<RoleUse>)> {
    let Entry::Block(block) = entry else {
        return None;
    };
    let own = block.role()?;
    let is = role.dependencies.iter().any(|d| Arc::ptr_eq(d, own));
    is.then_some((block, own))
}
