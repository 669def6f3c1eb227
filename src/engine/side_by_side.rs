//! `strategy: graph`: each role of a play runs as soon as what it needs is done, beside the others.

use super::hosts::{Hosts, join, minus};
use super::place::Place;
use super::play_run::PlayRun;
use super::schedule::{Roles, Schedule, Turn};
use super::strand::Strand;
use crate::playbook::{Entry, RoleGraph, RoleNode};
use crate::report::EventKind;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The branch of what a role learns.
fn branch(role: usize) -> usize {
    role + 1
}

impl PlayRun {
    /// Runs all roles. A host on which a role failed takes no part in the roles that need it, and in nothing of the play that
    /// comes after the roles.
    pub(super) async fn side_by_side(&self, roles: &Roles, top: &Place) {
        let hosts = minus(&self.batch, &self.failed());
        if self.is_over() || hosts.is_empty() {
            return;
        }
        let store = &self.run.world.store;
        let befores = roles.graph.befores(&roles.order);
        // `--step` asks before one task at a time
        let limit = if self.run.options.step { 1 } else { usize::MAX };
        let mut schedule = Schedule::new(roles, hosts.clone());
        let mut lanes = BTreeSet::new();
        let mut under_way = FuturesUnordered::new();
        let mut failed = Hosts::new();
        loop {
            while under_way.len() < limit && !self.is_over() && !self.is_halted() {
                let Some(turn) = schedule.begin() else { break };
                let node = &roles.graph.nodes[turn.role];
                self.say_without(&roles.graph, &turn);
                let below: Vec<usize> = befores[turn.role].iter().map(|n| branch(*n)).collect();
                let lane = (0..).find(|lane| !lanes.contains(lane)).unwrap_or(0);
                lanes.insert(lane);
                let strand = Strand::role(branch(turn.role), &node.name, lane, &below);
                store.branch(strand.branch, below);
                under_way.push(async move {
                    let failed = self.role(node, top, strand, &turn.hosts).await;
                    (turn, lane, failed)
                });
            }
            let Some((turn, lane, lost)) = under_way.next().await else {
                break;
            };
            lanes.remove(&lane);
            join(&mut failed, &lost);
            schedule.end(&turn, &lost);
        }
        let order: Vec<usize> = roles.order.iter().map(|n| branch(*n)).collect();
        store.join(&order);
        if self.is_halted() {
            failed = hosts;
        }
        self.mark_failed(&failed);
    }

    /// One role on its hosts, with the handlers that it notifies. Returns the hosts that failed.
    async fn role(&self, node: &RoleNode, top: &Place, strand: Strand, hosts: &Hosts) -> Hosts {
        let mut failed = Hosts::new();
        for turn in &node.turns {
            let mut place = top.on(&strand);
            for block in &turn.around {
                place = place.in_body(block);
            }
            let entries = Arc::new(vec![Entry::Block(turn.block.clone())]);
            let now = minus(hosts, &failed);
            let lost = self.entries(entries, Arc::new(place), now, None).await;
            join(&mut failed, &lost);
        }
        if !self.is_over() && !self.is_halted_for(&strand) {
            let remaining = if self.force_handlers {
                hosts.clone()
            } else {
                minus(hosts, &failed)
            };
            let lost = self.flush_handlers(&strand, &remaining).await;
            join(&mut failed, &lost);
        }
        failed
    }

    /// Says on which hosts a role does not run, and why.
    fn say_without(&self, graph: &RoleGraph, turn: &Turn) {
        let name = |role: usize| graph.nodes[role].name.clone();
        for without in &turn.without {
            self.run.emitter.emit(EventKind::RoleSkipped {
                role: name(turn.role),
                hosts: without.hosts.iter().map(ToString::to_string).collect(),
                needs: name(without.need),
                failed: name(without.failed),
            });
        }
    }
}
