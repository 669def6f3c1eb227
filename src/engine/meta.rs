//! `meta`: words to the engine itself.

use super::ahead::Ahead;
use super::hosts::{HostName, Hosts};
use super::ordinary::Work;
use super::place::Place;
use super::play_run::PlayRun;
use crate::playbook::{Meta, Task};
use std::sync::Arc;

impl PlayRun {
    /// Carries a meta task out. Returns the hosts that failed in it (a condition that cannot be evaluated, a handler).
    pub(super) async fn meta(
        &self,
        meta: Meta,
        task: &Arc<Task>,
        place: &Arc<Place>,
        hosts: &[HostName],
    ) -> Hosts {
        let mut failed = Hosts::new();
        let mut wanted = Hosts::new();
        let ahead = Ahead::new(Arc::default(), 0, place.clone(), None);
        // for these Ansible asks the first host only, and what it says holds for all
        let by_first = matches!(
            meta,
            Meta::RefreshInventory
                | Meta::ClearFacts
                | Meta::ClearHostErrors
                | Meta::EndPlay
                | Meta::EndBatch
        );
        for host in if by_first {
            &hosts[..1.min(hosts.len())]
        } else {
            hosts
        } {
            let work = Work {
                play: self,
                task,
                place,
                host,
                id: 0,
                ahead: &ahead,
                early: false,
            };
            let scope = work.scope().shared();
            match work.broken_condition(&work.conditions(), &scope) {
                Ok(None) => wanted.push(host.clone()),
                Ok(Some(_)) => {}
                Err(problem) => {
                    self.run.emitter.warn_about(&problem);
                    self.run
                        .tally
                        .count(host, crate::report::Status::Failed, false, place.guarded);
                    failed.push(host.clone());
                }
            }
        }
        if wanted.is_empty() {
            return failed;
        }
        match meta {
            Meta::Noop => {}
            Meta::FlushHandlers => {
                failed.extend(Box::pin(self.flush_handlers(&place.strand, &wanted)).await)
            }
            Meta::RefreshInventory => {
                if let Err(problems) = self.run.refresh_inventory() {
                    for problem in problems.0 {
                        self.run.emitter.warn_about(&problem);
                    }
                    failed.extend(wanted);
                }
            }
            Meta::ClearFacts => hosts
                .iter()
                .for_each(|h| self.run.world.store.clear_facts(place.strand.branch, h)),
            Meta::ClearHostErrors => self.clear_errors(),
            Meta::EndPlay => {
                self.end_quietly();
                self.run.skip_rest_of_play();
            }
            Meta::EndBatch => self.end_quietly(),
            Meta::EndHost => wanted.iter().for_each(|h| self.end_host(h)),
            Meta::EndRole => {
                if let Some(role) = place.role() {
                    wanted.iter().for_each(|h| self.end_role(h, role));
                }
            }
            Meta::ResetConnection => {
                for host in &wanted {
                    self.run.sessions.reset(host).await;
                }
            }
        }
        failed
    }
}
