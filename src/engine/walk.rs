//! The walk over the entries of a play for the hosts of a batch, in Ansible's order: every host finishes a task before any
//! begins the next; failed hosts leave, go through the `rescue` of their block, and everybody through its `always`.

use super::ahead::Ahead;
use super::hosts::{HostName, Hosts, join, minus};
use super::place::Place;
use super::play_run::PlayRun;
use crate::playbook::{ActionKind, Block, Entry, Task};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;

impl PlayRun {
    /// Runs a list of entries on `hosts`. Returns those that failed and were not rescued; hosts that are out of reach
    /// or ended are not among them, the play knows them.
    pub(super) fn entries<'a>(
        &'a self,
        entries: Arc<Vec<Entry>>,
        place: Arc<Place>,
        hosts: Hosts,
        outer: Option<Arc<Ahead>>,
    ) -> BoxFuture<'a, Hosts> {
        async move {
            let mut failed = Hosts::new();
            for (number, entry) in entries.iter().enumerate() {
                let now = self.present(&minus(&hosts, &failed), &place);
                if now.is_empty() || self.is_over() || self.is_halted_for(&place.strand) {
                    break;
                }
                let ahead = Ahead::new(entries.clone(), number + 1, place.clone(), outer.clone());
                let lost = match entry {
                    Entry::Task(task) => self.task(task, &place, now, ahead).await,
                    Entry::Block(block) => self.block(block, &place, now, ahead).await,
                };
                join(&mut failed, &lost);
            }
            failed
        }
        .boxed()
    }

    async fn block(
        &self,
        block: &Arc<Block>,
        place: &Arc<Place>,
        hosts: Hosts,
        ahead: Arc<Ahead>,
    ) -> Hosts {
        let hosts = match block.role() {
            // a role that a host completed is not run there again
            Some(role) if !role.allow_duplicates => self.without_completed(role, hosts),
            _ => hosts,
        };
        let list = |entries: &[Entry]| Arc::new(entries.to_vec());
        let body = Arc::new(place.in_body(block));
        let aside = Arc::new(place.inside(block));
        let mut failed = self
            .entries(list(&block.body), body, hosts.clone(), Some(ahead.clone()))
            .await;
        if !block.rescue.is_empty() && !failed.is_empty() {
            self.forgive(&failed);
            failed = self
                .entries(
                    list(&block.rescue),
                    aside.clone(),
                    failed,
                    Some(ahead.clone()),
                )
                .await;
        }
        if !block.always.is_empty() {
            let late = self
                .entries(list(&block.always), aside, hosts.clone(), Some(ahead))
                .await;
            join(&mut failed, &late);
        }
        if let Some(role) = block.role() {
            self.complete(role, &minus(&hosts, &failed));
        }
        failed
    }

    /// One task on all hosts.
    async fn task(
        &self,
        task: &Arc<Task>,
        place: &Arc<Place>,
        hosts: Hosts,
        ahead: Arc<Ahead>,
    ) -> Hosts {
        if !self.is_selected(task, place) || !self.is_started(task, place) {
            return Hosts::new();
        }
        if !self.confirm_step(task, place).await {
            return Hosts::new();
        }
        let failed = match &task.action.kind {
            ActionKind::Meta(meta) => self.meta(*meta, task, place, &hosts).await,
            ActionKind::IncludeTasks { .. } | ActionKind::IncludeRole(_) => {
                self.include(task, place, &hosts, &ahead).await
            }
            _ => self.ordinary(task, place, &hosts, &ahead).await,
        };
        self.judge(task, place, &hosts, failed)
    }

    /// What the failures of one task mean for the other hosts: `any_errors_fatal`, `run_once`, `max_fail_percentage`.
    fn judge(&self, task: &Task, place: &Place, hosts: &[HostName], failed: Hosts) -> Hosts {
        let lost_any = !failed.is_empty() || hosts.iter().any(|h| self.is_unreachable(h));
        if lost_any && self.is_fatal_for_all(task, place, hosts) {
            // a task done by one host for all is fatal for its own role only
            if place.strand.is_role() && !place.guarded && self.is_fatal(task, place, hosts) {
                self.halt(&place.strand);
            }
            return hosts
                .iter()
                .filter(|h| !self.is_unreachable(h))
                .cloned()
                .collect();
        }
        if self.too_many_failed(&failed) {
            self.end("max_fail_percentage");
            return hosts.to_vec();
        }
        failed
    }
}
