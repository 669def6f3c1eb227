//! Template files, and those that they include, import or extend by literal names.

use super::checker::Checker;
use super::sources::places;
use super::walk::Around;
use crate::error::{Diagnostic, Span};
use crate::playbook::Task;
use crate::template::{Reference, Syntax, TemplateOptions};
use crate::value::{Map, Value};
use std::path::{Path, PathBuf};

/// The way from the template that a task names to the present one.
struct Way<'w> {
    task: &'w Task,
    around: &'w Around<'w>,
    /// The folder of the first.
    folder: &'w Path,
    /// Each template, with whether the one before takes it in in every rendering.
    steps: Vec<(PathBuf, bool)>,
    /// All templates met.
    seen: Vec<PathBuf>,
}

impl Checker<'_> {
    /// Checks the template `path` that `task` names, and what it takes in.
    pub(super) fn template(&mut self, path: &Path, task: &Task, around: &Around<'_>) {
        let marks = |name: &str| name.ends_with("_string") || name.ends_with("_blocks");
        let args = &task.args.map;
        if args
            .iter()
            .any(|(name, value)| marks(name) && value.is_lazy())
        {
            return;
        }
        let mut way = Way {
            task,
            around,
            folder: path.parent().unwrap_or(path),
            steps: Vec::new(),
            seen: Vec::new(),
        };
        self.template_file(path, &options(args), true, &mut way);
    }

    fn template_file(
        &mut self,
        path: &Path,
        options: &TemplateOptions,
        always: bool,
        way: &mut Way<'_>,
    ) {
        let Some(text) = std::fs::read(path)
            .ok()
            .and_then(|b| String::from_utf8(b).ok())
            .filter(|text| !text.starts_with("$ANSIBLE_VAULT;"))
        else {
            return;
        };
        let shown = self.loader.shown(path);
        let checked = self.templar.check_file(&text, &shown, options);
        let key = (path.to_owned(), options.syntax.clone());
        if self.templates.insert(key) {
            self.findings.problems.extend(checked.problems);
        }
        way.seen.push(path.to_owned());
        way.steps.push((path.to_owned(), always));
        for reference in &checked.references {
            let Some(found) = self.taken_in(reference, way) else {
                continue;
            };
            if let Some(start) = way.steps.iter().position(|(step, _)| *step == found) {
                let round = &way.steps[start..];
                if reference.always && round[1..].iter().all(|(_, always)| *always) {
                    let names = round.iter().map(|(step, _)| step).chain([&found]);
                    let names: Vec<String> = names
                        .map(|step| self.loader.shown(step).display().to_string())
                        .collect();
                    self.findings
                        .error(circle("templates", &names, &reference.span));
                }
            } else if !way.seen.contains(&found) {
                self.template_file(&found, &checked.options, reference.always, way);
            }
        }
        way.steps.pop();
    }

    /// The file that a template takes in; reports that it is missing.
    fn taken_in(&mut self, reference: &Reference, way: &Way<'_>) -> Option<PathBuf> {
        let mut all = Vec::new();
        for name in &reference.names {
            let mut places = places("templates", name, way.task, way.around, self.loader);
            for folder in [&way.folder.join("templates"), way.folder] {
                let place = self.loader.absolute(&folder.join(name));
                // a folder `templates` in itself is not worth a line in the message
                let odd = folder.ends_with("templates/templates") && !place.exists();
                if !places.contains(&place) && !odd {
                    places.push(place);
                }
            }
            if let Some(found) = places.iter().find(|place| place.is_file()) {
                return Some(found.clone());
            }
            all.extend(places);
        }
        let name = reference.names.first()?;
        let made = || {
            let mut names = reference.names.iter();
            names.any(|name| self.made.may_make(name, way.task))
        };
        if self.whole && !reference.optional && !made() {
            let missing = self.missing("templates", name, &reference.span, &all);
            self.findings.error(missing);
        }
        None
    }
}

/// Things that lead back to themselves, whatever the variables are.
pub(super) fn circle(what: &str, steps: &[String], span: &Span) -> Diagnostic {
    Diagnostic::at(span, format!("{what} lead back to themselves"))
        .with_note(steps.join(" -> "))
        .with_help("give one of them a condition that ends it")
}

/// How the arguments of `template` change the reading of the file.
fn options(args: &Map) -> TemplateOptions {
    let mut syntax = Syntax::default();
    let text = |name: &str| args.get(name).map(ToString::to_string);
    for (slot, name) in [
        (&mut syntax.block.0, "block_start_string"),
        (&mut syntax.block.1, "block_end_string"),
        (&mut syntax.variable.0, "variable_start_string"),
        (&mut syntax.variable.1, "variable_end_string"),
        (&mut syntax.comment.0, "comment_start_string"),
        (&mut syntax.comment.1, "comment_end_string"),
    ] {
        if let Some(text) = text(name) {
            *slot = text;
        }
    }
    let flag = |name: &str| args.get(name).and_then(Value::to_bool);
    syntax.trim_blocks = flag("trim_blocks").unwrap_or(syntax.trim_blocks);
    syntax.lstrip_blocks = flag("lstrip_blocks").unwrap_or(syntax.lstrip_blocks);
    TemplateOptions { syntax }
}
