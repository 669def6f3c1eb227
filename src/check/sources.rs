//! Files of the control machine that tasks name outright.

use super::checker::Checker;
use super::walk::Around;
use crate::error::{Diagnostic, Span, nearest};
use crate::playbook::{Loader, Task};
use crate::value::Value;
use std::path::{Path, PathBuf};

/// The folder and name of the file that a task takes from here, when it is literal.
fn wanted<'t>(module: &str, task: &'t Task) -> Option<(&'static str, &'t str, &'t Span)> {
    let named = |name: &str| {
        let value = task.args.map.get(name)?.as_str()?;
        Some((value, task.args.values.get(name)?))
    };
    let free = || {
        let text = task.args.free_form.as_ref()?;
        Some((text.as_str()?, &text.span))
    };
    let remote = |default: bool| match task.args.map.get("remote_src") {
        None => default,
        Some(value) => value.to_bool() != Some(false),
    };
    let (kind, (name, span)) = match module {
        "copy" if !remote(false) => ("files", named("src")?),
        "template" => ("templates", named("src")?),
        "unarchive" if !remote(false) => (
            "files",
            named("src").filter(|(name, _)| !name.contains("://"))?,
        ),
        // What is pushed from here; a delegate has files of its own.
        "synchronize"
            if task.args.map.get("mode").is_none() && task.common.delegate_to.is_none() =>
        {
            (
                "files",
                named("src").filter(|(name, _)| !name.contains(':'))?,
            )
        }
        "assemble" if !remote(true) => ("files", named("src")?),
        "include_vars" => (
            "vars",
            free().or_else(|| named("file")).or_else(|| named("dir"))?,
        ),
        "script" => {
            let (text, span) = free().or_else(|| named("cmd"))?;
            let first = text.split_whitespace().next()?;
            if first.contains(['"', '\'', '\\']) {
                return None;
            }
            ("files", (first, span))
        }
        _ => return None,
    };
    (!name.trim().is_empty()).then_some((kind, name, span))
}

/// Every place where a task looks for a file, in order.
///
/// Follows Ansible's page "Understanding variable precedence and search paths": the roles from the inside out, the task's
/// folder, the playbook's; in each first below `kind`.
pub(super) fn places(
    kind: &str,
    name: &str,
    task: &Task,
    around: &Around<'_>,
    loader: &Loader,
) -> Vec<PathBuf> {
    if let Some(rest) = name.strip_prefix("~/") {
        let home = std::env::var_os("HOME").unwrap_or_default();
        return vec![Path::new(&home).join(rest)];
    }
    if name.starts_with('/') {
        return vec![PathBuf::from(name)];
    }
    let mut bases: Vec<PathBuf> = around
        .blocks
        .iter()
        .rev()
        .filter_map(|block| block.role())
        .map(|using| using.role.path.clone())
        .collect();
    bases.extend(task.path.parent().map(Path::to_owned));
    bases.push(around.play.dir.clone());
    let mut places = Vec::new();
    for base in bases {
        for place in [base.join(kind).join(name), base.join(name)] {
            let place = loader.absolute(&place);
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

impl Checker<'_> {
    /// Finds the file a task names, or reports it as missing. Templates and variables in it are checked.
    pub(super) fn source(&mut self, module: &str, task: &Task, around: &Around<'_>) {
        let Some((kind, name, span)) = wanted(module, task) else {
            return;
        };
        let places = places(kind, name, task, around, self.loader);
        let Some(found) = places.iter().find(|place| place.exists()) else {
            if self.whole && !self.made.may_make(name, task) {
                let missing = self.missing(kind, name, span, &places);
                if may_fail(task, around) {
                    self.findings.warn(missing);
                } else {
                    self.findings.error(missing);
                }
            }
            return;
        };
        match module {
            "template" => self.template(found, task, around),
            "include_vars" if found.is_file() => self.vars_file(found, span),
            _ => {}
        }
    }

    /// The variables in a file.
    pub(super) fn vars_file(&mut self, path: &Path, span: &Span) {
        match self.loader.vars_file(path) {
            Ok(vars) => self
                .findings
                .problems
                .extend(self.templar.check_value(&Value::from(vars))),
            Err(problems) => {
                for problem in problems.0 {
                    self.findings.error(problem.with_span(span));
                }
            }
        }
    }

    pub(super) fn missing(
        &self,
        kind: &str,
        name: &str,
        span: &Span,
        places: &[PathBuf],
    ) -> Diagnostic {
        let what = match kind {
            "templates" => "template",
            "vars" => "file of variables",
            _ => "file",
        };
        let mut diagnostic = Diagnostic::at(span, format!("there is no {what} `{name}`"));
        for place in places {
            let shown = self.loader.shown(place);
            diagnostic = diagnostic.with_note(format!("not at {}", shown.display()));
        }
        let near = places.iter().find_map(|place| {
            let wanted = place.file_name()?.to_str()?;
            let mut names: Vec<String> = std::fs::read_dir(place.parent()?)
                .ok()?
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .collect();
            names.sort();
            nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
        });
        match near {
            Some(near) => {
                let near = Path::new(name).with_file_name(near);
                diagnostic.with_help(format!("did you mean `{}`?", near.display()))
            }
            None => diagnostic,
        }
    }
}

/// Whether someone thought of this task's failing.
fn may_fail(task: &Task, around: &Around<'_>) -> bool {
    let rescued = around.blocks.iter().any(|block| !block.rescue.is_empty());
    let ignored = around
        .commons()
        .chain([&task.common])
        .filter_map(|common| common.ignore_errors.as_ref())
        .any(|flag| flag.to_bool() != Some(false));
    rescued || ignored || task.failed_when.is_some()
}
