//! Handlers: finding the ones a task notifies, and running those that were notified.

use super::ahead::Ahead;
use super::hosts::{HostName, Hosts, join, minus};
use super::place::Place;
use super::play_run::{HandlerDef, PlayRun};
use super::strand::Strand;
use crate::error::Diagnostic;
use crate::playbook::{ActionKind, Task};
use crate::template::Scope;
use crate::value::Value;
use std::sync::Arc;

impl PlayRun {
    /// Notifies what a changed task asks for.
    ///
    /// # Errors
    /// A handler that does not exist.
    pub(super) fn notify_all(
        &self,
        task: &Task,
        place: &Place,
        host: &HostName,
        scope: &Arc<dyn Scope>,
    ) -> Result<(), Diagnostic> {
        let Some(names) = place.commons(task).rev().find_map(|c| c.notify.as_ref()) else {
            return Ok(());
        };
        for located in names {
            let value = self
                .run
                .templar
                .resolve(scope, located)
                .map_err(|e| e.with_span(&located.span))?;
            let wanted: Vec<String> = match &value {
                Value::List(items) => items.iter().map(ToString::to_string).collect(),
                Value::Null | Value::Omit => Vec::new(),
                other => vec![other.to_string()],
            };
            for name in wanted {
                let found = self.find_handlers(&name);
                if found.is_empty() {
                    let known: Vec<String> = self
                        .handlers()
                        .iter()
                        .flat_map(|h| self.handler_names(h))
                        .collect();
                    return Err(Diagnostic::at(
                        &located.span,
                        format!("there is no handler `{name}`, neither by name nor by `listen`"),
                    )
                    .with_nearest(&name, known.iter().map(String::as_str)));
                }
                for handler in found {
                    self.notify(&place.strand, handler, host);
                }
            }
        }
        Ok(())
    }

    fn handler_names(&self, handler: &HandlerDef) -> Vec<String> {
        let mut names = vec![];
        if handler.task.common.name.is_some() {
            let title = self.title(&handler.task, &handler.place);
            names.extend(title.split_once(" : ").map(|(_, own)| own.to_owned()));
            names.push(title);
        }
        names.extend(handler.task.listen.iter().map(|l| l.to_string()));
        names
    }

    /// The numbers of the handlers that a name means: the last one so called, and all that listen to it
    /// (of those with the same name the last).
    fn find_handlers(&self, name: &str) -> Vec<usize> {
        let handlers = self.handlers();
        let mut found = Vec::new();
        let called = handlers.iter().enumerate().rev().find(|(_, h)| {
            h.task.common.name.is_some() && {
                let title = self.title(&h.task, &h.place);
                title == name || title.split_once(" : ").is_some_and(|(_, own)| own == name)
            }
        });
        found.extend(called.map(|(number, _)| number));
        let mut seen: Vec<String> = Vec::new();
        for (number, handler) in handlers.iter().enumerate().rev() {
            if !handler.task.listen.iter().any(|l| l.to_string() == name) {
                continue;
            }
            let own = handler.task.common.name.as_ref().map(|n| n.to_string());
            if own.as_ref().is_some_and(|n| seen.contains(n)) {
                continue;
            }
            seen.extend(own);
            if !found.contains(&number) {
                found.push(number);
            }
        }
        found
    }

    /// Runs what this strand notified, in the order in which handlers are written, until nothing is notified any more.
    /// Returns the hosts that failed. Two strands never run the same handler at the same time.
    pub(super) async fn flush_handlers(&self, strand: &Strand, hosts: &[HostName]) -> Hosts {
        let mut failed = Hosts::new();
        let mut from = 0;
        // a handler that flushes has its turn already; waiting for another's could be waiting for each other
        let outermost = self.begin_flush(strand);
        loop {
            let Some((number, notified)) = self.take_notified(strand, from) else {
                if from == 0 {
                    break;
                }
                // those notified by later ones come in another pass
                from = 0;
                continue;
            };
            from = number + 1;
            let Some(HandlerDef { task, place, turn }) = self.handlers().get(number).cloned()
            else {
                continue;
            };
            let place = Arc::new(place.on(strand));
            let wanted: Hosts = hosts
                .iter()
                .filter(|h| notified.contains(h))
                .cloned()
                .collect();
            let _turn = match outermost {
                true => Some(turn.lock_owned().await),
                false => None,
            };
            let now = self.present(&minus(&wanted, &failed), &place);
            if now.is_empty() {
                continue;
            }
            let ahead = Ahead::new(Arc::default(), 0, place.clone(), None);
            let lost = match &task.action.kind {
                ActionKind::IncludeTasks { .. } | ActionKind::IncludeRole(_) => {
                    self.include(&task, &place, &now, &ahead).await
                }
                ActionKind::Meta(meta) => self.meta(*meta, &task, &place, &now).await,
                _ => self.ordinary_as(&task, &place, &now, &ahead, true).await,
            };
            join(&mut failed, &lost);
        }
        if outermost {
            self.end_flush(strand);
        }
        failed
    }
}
