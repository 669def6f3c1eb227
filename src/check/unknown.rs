//! What to say of a module that hoist does not have.

use super::checker::Checker;
use super::unsupported;
use super::walk::Around;
use crate::error::{Diagnostic, nearest};
use crate::modules;
use crate::playbook::Task;
use std::path::PathBuf;

impl Checker<'_> {
    /// The mistake, with what to use instead, the plugin in Python that was meant, or the nearest name.
    pub(super) fn unknown_module(
        &self,
        name: &str,
        task: &Task,
        around: &Around<'_>,
    ) -> Diagnostic {
        let diagnostic = Diagnostic::at(
            &task.action.name.span,
            format!("there is no module `{name}`"),
        );
        if let Some(help) = unsupported::module(name) {
            return diagnostic
                .with_note("Ansible has it, hoist does not")
                .with_help(help);
        }
        let short = name.rsplit('.').next().unwrap_or(name);
        let mut folders: Vec<PathBuf> = around
            .blocks
            .iter()
            .filter_map(|block| block.role())
            .map(|using| using.role.path.clone())
            .collect();
        folders.push(around.play.dir.clone());
        for folder in folders {
            for kind in ["library", "action_plugins"] {
                let file = folder.join(kind).join(format!("{short}.py"));
                if file.is_file() {
                    let shown = self.loader.shown(&file);
                    return diagnostic
                        .with_note(format!(
                            "{} is a plugin in Python, which hoist does not run",
                            shown.display()
                        ))
                        .with_help("call it with `script` or `command`, or use a built-in module");
                }
            }
        }
        const KEYWORDS: &[&str] = &[
            "when", "register", "tags", "notify", "become", "loop", "block", "vars", "until",
        ];
        let names = modules::all().iter().flat_map(|spec| {
            [spec.name, spec.short()]
                .into_iter()
                .chain(spec.aliases.iter().copied())
        });
        match nearest(name, names) {
            Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
            None => match nearest(name, KEYWORDS.iter().copied()) {
                Some(near) => diagnostic.with_help(format!("did you mean the keyword `{near}`?")),
                None => diagnostic,
            },
        }
    }
}
