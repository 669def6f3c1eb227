//! Artifacts that tasks put on hosts: they must be in the site's list.

use super::checker::Checker;
use crate::modules;
use crate::playbook::Task;

impl Checker<'_> {
    /// The artifact of a task of the module `artifact`. `runs`: its tags are selected.
    pub(super) fn artifact(&mut self, task: &Task, runs: bool) {
        let module = task.action.name.as_str().and_then(modules::find);
        if module.is_none_or(|spec| spec.name != "hoist.core.artifact") {
            return;
        }
        let shelf = self.templar.artifacts().clone();
        let told = match task.args.map.get("name") {
            Some(value) if !value.is_lazy() => {
                let span = task.args.values.get("name").unwrap_or(&task.span);
                let noted = shelf.note(&value.to_string(), runs, Some(span));
                noted.map_err(|d| d.with_span(span))
            }
            // its name is known later; that there are any can be known now
            _ => {
                let at = &task.action.name.span;
                shelf.note_unnamed().map_err(|d| d.with_span(at))
            }
        };
        if let Err(problem) = told {
            self.findings.error(problem);
        }
    }
}
