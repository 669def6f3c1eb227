//! What a task is called, its tags, and whether those are asked for.

use super::place::Place;
use super::play_run::PlayRun;
use crate::playbook::Task;
use crate::value::Value;

impl PlayRun {
    /// Whether `--tags` and `--skip-tags` let the task run.
    pub(super) fn is_selected(&self, task: &Task, place: &Place) -> bool {
        if task.implicit {
            return true;
        }
        self.run.selects(&self.tags(task, place))
    }

    /// The task's tags with all it inherits.
    pub(super) fn tags(&self, task: &Task, place: &Place) -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for located in place.commons(task).flat_map(|c| &c.tags) {
            let value = if located.is_lazy() {
                let scope = self.scope(self.batch.first(), place, Some(task)).shared();
                match self.run.templar.resolve(&scope, located) {
                    Ok(value) => value,
                    Err(problem) => {
                        self.run
                            .emitter
                            .warn_about(&problem.with_span(&located.span));
                        Value::Null
                    }
                }
            } else {
                located.value.clone()
            };
            let texts: Vec<String> = match &value {
                Value::List(items) => items.iter().map(ToString::to_string).collect(),
                Value::Null => vec![],
                other => other
                    .to_string()
                    .split(',')
                    .map(|t| t.trim().to_owned())
                    .collect(),
            };
            for text in texts {
                if !tags.contains(&text) {
                    tags.push(text);
                }
            }
        }
        tags
    }

    /// What the task is called: `role : name`, or its module when it has no name.
    pub(super) fn title(&self, task: &Task, place: &Place) -> String {
        let own = match &task.common.name {
            Some(name) if name.is_lazy() => {
                let scope = self.scope(self.batch.first(), place, Some(task)).shared();
                // Ansible shows the name as written when it cannot be rendered for the first host
                self.run
                    .templar
                    .resolve(&scope, name)
                    .map_or_else(|_| name.to_string(), |v| v.to_string())
            }
            Some(name) => name.to_string(),
            None => String::new(),
        };
        let own = if own.is_empty() {
            match &task.action.kind {
                crate::playbook::ActionKind::IncludeRole(role) => {
                    format!("{} : {}", task.action.name.value, role.name.value)
                }
                _ => task.action.name.to_string(),
            }
        } else {
            own
        };
        match place.role() {
            Some(role) if !role.role.name.is_empty() => format!("{} : {own}", role.role.name),
            _ => own,
        }
    }
}
