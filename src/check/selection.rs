//! Whether `--tags` selects anything.

use super::findings::Findings;
use super::includes::Include;
use super::tags::selected;
use super::walk::Around;
use crate::error::{Diagnostic, Span, nearest};
use crate::playbook::Task;

/// The words that are nobody's own tag.
const SPECIAL: &[&str] = &["all", "always", "never", "tagged", "untagged"];

/// `--tags` and `--skip-tags`, and what was seen of them.
#[derive(Default)]
pub(super) struct Selection {
    pub(super) only: Vec<String>,
    pub(super) skip: Vec<String>,
    known: Vec<String>,
    /// Some tags are templates.
    unknown: bool,
    any: bool,
    /// Tags that stand only behind an include that is not selected, with that include.
    behind: Vec<(String, Span)>,
}

impl Selection {
    pub(super) fn new(only: &[String], skip: &[String]) -> Self {
        Self {
            only: only.to_vec(),
            skip: skip.to_vec(),
            ..Self::default()
        }
    }

    /// Notes a task's tags; `includes` are the includes it stands behind. Returns whether the task is selected.
    pub(super) fn add(&mut self, task: &Task, around: &Around<'_>, includes: &[Include]) -> bool {
        let (tags, unknown) = around.tags(task);
        self.unknown |= unknown;
        let runs = unknown || selected(&tags, &self.only, &self.skip);
        let shut = includes.iter().find(|include| !include.runs);
        if runs && shut.is_none() && !around.handler && !task.implicit {
            self.any = true;
        }
        for tag in tags {
            match shut {
                Some(include) => self.behind.push((tag, include.span.clone())),
                None if !self.known.contains(&tag) => self.known.push(tag),
                None => {}
            }
        }
        runs
    }

    /// Notes that tasks may come from somewhere that is only known at run time.
    pub(super) fn open(&mut self) {
        self.unknown = true;
    }

    /// Reports tags that nothing has, and a selection of nothing.
    pub(super) fn check(&self, findings: &mut Findings) {
        if self.only.is_empty() && self.skip.is_empty() {
            return;
        }
        let before = findings.problems.0.len();
        for (flag, tags) in [("--tags", &self.only), ("--skip-tags", &self.skip)] {
            for tag in tags {
                if SPECIAL.contains(&tag.as_str()) || self.known.contains(tag) {
                    continue;
                }
                if let Some((_, include)) = self.behind.iter().find(|(t, _)| t == tag) {
                    findings.warn(
                        Diagnostic::at(
                            include,
                            format!("`{flag} {tag}` does not reach the tasks behind this include"),
                        )
                        .with_note(
                            "the include itself is not selected, so its tasks are never read",
                        )
                        .with_help("give the include the tag `always`, or the same tag"),
                    );
                    continue;
                }
                if self.unknown {
                    continue;
                }
                let names = || self.known.iter().map(String::as_str);
                let diagnostic = Diagnostic::new(format!("`{flag} {tag}`: no task has this tag"));
                let diagnostic = match nearest(tag, names()) {
                    Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                    None if self.known.is_empty() => diagnostic.with_note("no task has any tag"),
                    None => {
                        let mut all: Vec<&str> = names().collect();
                        all.sort_unstable();
                        diagnostic.with_note(format!("there are {}", all.join(", ")))
                    }
                };
                // To skip what is not there does no harm.
                if flag == "--tags" {
                    findings.error(diagnostic);
                } else {
                    findings.warn(diagnostic);
                }
            }
        }
        if !self.any && !self.unknown && findings.problems.0.len() == before {
            findings.warn(Diagnostic::new("these tags select no task at all"));
        }
    }
}
