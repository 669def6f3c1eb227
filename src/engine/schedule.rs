//! Which role may begin, and on which hosts: the order of roles that run side by side, without running anything.

use super::hosts::{HostName, Hosts};
use crate::error::Diagnostic;
use crate::playbook::RoleGraph;
use std::collections::BTreeMap;

/// The roles of a play and the order that they keep.
pub(super) struct Roles {
    /// Which waits for which.
    pub graph: RoleGraph,
    /// See [`RoleGraph::order`].
    pub order: Vec<usize>,
}

impl Roles {
    /// For a play's graph.
    ///
    /// # Errors
    /// Roles that wait for each other.
    pub(super) fn new(graph: RoleGraph) -> Result<Self, Diagnostic> {
        let order = graph.order()?;
        Ok(Self { graph, order })
    }
}

/// What is to be done and what came of it so far.
pub(super) struct Schedule {
    hosts: Hosts,
    /// For each role, by number, the roles that it waits for.
    needs: Vec<Vec<usize>>,
    order: Vec<usize>,
    /// For each role that has ended, the hosts on which it did not come to its end, with the role that failed there.
    ended: BTreeMap<usize, Vec<(HostName, usize)>>,
    begun: Vec<bool>,
}

/// A role whose turn has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Its number.
    pub role: usize,
    /// The hosts on which it runs.
    pub hosts: Hosts,
    /// Those on which it does not.
    pub without: Vec<Without>,
}

/// Hosts on which a role does not run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Without {
    /// The role that is needed and did not come to its end there.
    pub need: usize,
    /// The role that failed there: that one, or one that it needs in turn.
    pub failed: usize,
    /// The hosts.
    pub hosts: Hosts,
}

impl Schedule {
    /// All roles, on these hosts.
    pub(super) fn new(roles: &Roles, hosts: Hosts) -> Self {
        let needs = roles.graph.nodes.iter();
        Self {
            hosts,
            needs: needs
                .map(|n| n.needs.iter().map(|e| e.node).collect())
                .collect(),
            order: roles.order.clone(),
            ended: BTreeMap::new(),
            begun: vec![false; roles.order.len()],
        }
    }

    /// The next role that has to wait for nothing any more. Each is given out once.
    pub(super) fn begin(&mut self) -> Option<Turn> {
        let ready = |role: &usize| {
            !self.begun[*role] && self.needs[*role].iter().all(|n| self.ended.contains_key(n))
        };
        let role = self.order.iter().copied().find(ready)?;
        self.begun[role] = true;
        let mut hosts = self.hosts.clone();
        let mut without: Vec<Without> = Vec::new();
        for need in &self.needs[role] {
            for (host, failed) in self.ended.get(need).into_iter().flatten() {
                if !hosts.contains(host) {
                    continue;
                }
                hosts.retain(|h| h != host);
                let same = |w: &&mut Without| w.need == *need && w.failed == *failed;
                match without.iter_mut().find(same) {
                    Some(known) => known.hosts.push(host.clone()),
                    None => without.push(Without {
                        need: *need,
                        failed: *failed,
                        hosts: vec![host.clone()],
                    }),
                }
            }
        }
        Some(Turn {
            role,
            hosts,
            without,
        })
    }

    /// A role that was begun has ended; it failed on these hosts.
    pub(super) fn end(&mut self, turn: &Turn, failed: &[HostName]) {
        let own = failed.iter().map(|h| (h.clone(), turn.role));
        let skipped = turn.without.iter();
        let skipped = skipped.flat_map(|w| w.hosts.iter().map(|h| (h.clone(), w.failed)));
        self.ended.insert(turn.role, own.chain(skipped).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Source, Span};
    use crate::playbook::{Edge, RoleNode};

    /// Roles by letters, each with the letters it waits for: `a b:a c:ab`.
    fn schedule(text: &str, hosts: &[&str]) -> (Schedule, Vec<char>) {
        let span = Span::start(&Source::new("site.yml", ""));
        let words: Vec<&str> = text.split(' ').collect();
        let names: Vec<char> = words.iter().map(|w| w.chars().next().unwrap()).collect();
        let number = |c: char| names.iter().position(|n| *n == c).unwrap();
        let node = |word: &&str| RoleNode {
            name: word[..1].to_owned(),
            span: span.clone(),
            turns: Vec::new(),
            needs: word
                .chars()
                .skip(2)
                .map(|c| Edge {
                    node: number(c),
                    word: None,
                    span: span.clone(),
                })
                .collect(),
            given: Vec::new(),
            silent: false,
        };
        let graph = RoleGraph {
            nodes: words.iter().map(node).collect(),
        };
        let roles = Roles::new(graph).unwrap();
        let hosts = hosts.iter().map(|h| HostName::from(*h)).collect();
        (Schedule::new(&roles, hosts), names)
    }

    /// Runs roles: what is ready begins at once, and of what is under way the first ends first. `failing`: a role and the
    /// hosts it fails on.
    fn told(text: &str, hosts: &[&str], failing: &[(char, &str)]) -> String {
        let (mut schedule, names) = schedule(text, hosts);
        let mut out = String::new();
        let mut under_way: Vec<Turn> = Vec::new();
        loop {
            let mut begun = String::new();
            while let Some(turn) = schedule.begin() {
                begun.push_str(&format!(" {}", names[turn.role]));
                if turn.hosts.len() < hosts.len() {
                    begun.push_str(&format!("({})", turn.hosts.concat()));
                }
                for w in &turn.without {
                    let (need, failed) = (names[w.need], names[w.failed]);
                    begun.push_str(&format!("[{} lacks {need}: {failed}]", w.hosts.concat()));
                }
                under_way.push(turn);
            }
            if !begun.is_empty() {
                out.push_str(&format!("begin{begun}\n"));
            }
            if under_way.is_empty() {
                return out;
            }
            let turn = under_way.remove(0);
            let failed: Hosts = failing
                .iter()
                .filter(|(role, host)| {
                    *role == names[turn.role] && turn.hosts.iter().any(|h| **h == **host)
                })
                .map(|(_, host)| HostName::from(*host))
                .collect();
            out.push_str(&format!("end {}\n", names[turn.role]));
            schedule.end(&turn, &failed);
        }
    }

    #[test]
    fn a_role_begins_when_what_it_needs_has_ended() {
        insta::assert_snapshot!(told("d:bc a b:a c:a e", &["x"], &[]), @"
        begin a e
        end a
        begin b c
        end e
        end b
        end c
        begin d
        end d
        ");
    }

    #[test]
    fn a_failure_takes_what_needs_it_along_on_its_host_only() {
        insta::assert_snapshot!(told("a b:a c:b d", &["x", "y"], &[('a', "x"), ('b', "y")]), @"
        begin a d
        end a
        begin b(y)[x lacks a: a]
        end d
        end b
        begin c()[y lacks b: b][x lacks b: a]
        end c
        ");
    }

    #[test]
    fn who_is_to_blame_is_the_first_need_that_is_not_there() {
        insta::assert_snapshot!(told("a b c:ab", &["x", "y"], &[('a', "x"), ('b', "x"), ('b', "y")]), @"
        begin a b
        end a
        end b
        begin c()[x lacks a: a][y lacks b: b]
        end c
        ");
    }
}
