//! A task's arguments against what its module says of itself, as far as they are literal.

use super::findings::Findings;
use super::walk::Around;
use crate::error::{Diagnostic, Span, nearest};
use crate::modules::{Arg, Kind, Rule, Spec, convert};
use crate::playbook::Task;
use crate::value::{Map, Value};

/// Modules whose further arguments are variables.
const OPEN: &[&str] = &["set_fact", "add_host", "gather_facts"];

/// Reports unknown, refused, missing and wrong arguments.
pub(super) fn check(
    spec: &'static Spec,
    task: &Task,
    around: &Around<'_>,
    findings: &mut Findings,
) {
    let mut given = Given::default();
    for (name, value) in &task.args.map {
        let at = task.args.spans.get(name).unwrap_or(&task.span);
        let Some(arg) = spec.argument(name) else {
            if !OPEN.contains(&spec.short()) {
                findings.error(unknown(spec, name, at));
            }
            continue;
        };
        if let Some(why) = arg.refused {
            findings.error(
                Diagnostic::at(
                    at,
                    format!(
                        "the argument `{name}` of `{}` is not supported",
                        spec.short()
                    ),
                )
                .with_note(why),
            );
            continue;
        }
        let value_at = task.args.values.get(name).unwrap_or(at);
        given.add(arg, value, value_at, findings);
    }
    free_form(spec, task, &mut given, findings);
    let unknown = task.args.variable.is_some()
        || has_defaults(spec, around, task)
        || whole_template(spec, task);
    if unknown {
        return;
    }
    let at = &task.action.name.span;
    for arg in spec.arguments() {
        if arg.required && !given.names.contains(&arg.name) {
            findings.error(
                Diagnostic::at(
                    at,
                    format!("`{}` needs the argument `{}`", spec.short(), arg.name),
                )
                .with_note(format!("{}: {}", arg.name, arg.doc)),
            );
        }
    }
    for rule in spec.rules {
        if let Some(broken) = given.breaks(spec, rule) {
            findings.error(Diagnostic::at(at, format!("`{}`: {broken}", spec.short())));
        }
    }
}

/// Whether the module's arguments are one template.
fn whole_template(spec: &Spec, task: &Task) -> bool {
    let template = task.args.free_form.as_ref().is_some_and(|f| f.is_lazy());
    template && spec.free_form.is_none()
}

/// Whether `module_defaults` around the task may add arguments.
fn has_defaults(spec: &Spec, around: &Around<'_>, task: &Task) -> bool {
    around
        .commons()
        .chain([&task.common])
        .flat_map(|common| &common.module_defaults)
        .filter_map(|defaults| defaults.as_map())
        .flat_map(Map::keys)
        .any(|name| spec.answers_to(name))
}

fn free_form(spec: &'static Spec, task: &Task, given: &mut Given, findings: &mut Findings) {
    let Some(text) = &task.args.free_form else {
        return;
    };
    let Some(name) = spec.free_form else {
        if !text.is_lazy() {
            let shown: String = text.to_string().chars().take(40).collect();
            findings.error(
                Diagnostic::at(
                    &text.span,
                    format!("`{}` takes no text, but `{shown}` is one", spec.short()),
                )
                .with_help("write the arguments as a mapping below it"),
            );
        }
        return;
    };
    let Some(arg) = spec.argument(name) else {
        return;
    };
    if given.names.contains(&arg.name) {
        findings.error(Diagnostic::at(
            &text.span,
            format!(
                "`{}` has its `{}` twice, here as text",
                spec.short(),
                arg.name
            ),
        ));
    }
    given.add(arg, text, &text.span, findings);
}

fn unknown(spec: &Spec, name: &str, at: &Span) -> Diagnostic {
    let diagnostic = Diagnostic::at(at, format!("`{}` has no argument `{name}`", spec.short()));
    let names = spec
        .arguments()
        .flat_map(|arg| std::iter::once(arg.name).chain(arg.aliases.iter().copied()));
    const KEYWORDS: &[&str] = &[
        "when",
        "register",
        "become",
        "become_user",
        "tags",
        "notify",
        "loop",
        "with_items",
        "ignore_errors",
        "delegate_to",
        "changed_when",
        "failed_when",
        "until",
        "retries",
        "delay",
        "vars",
        "environment",
        "run_once",
    ];
    match nearest(name, names) {
        _ if KEYWORDS.contains(&name) => {
            diagnostic.with_help("it is a keyword: indent it one level less")
        }
        Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// What is given, by the arguments' own names.
#[derive(Default)]
struct Given {
    names: Vec<&'static str>,
    /// Those of them whose value is known only at run time (and may be `omit`).
    lazy: Vec<&'static str>,
    values: Map,
}

impl Given {
    fn add(&mut self, arg: &'static Arg, value: &Value, at: &Span, findings: &mut Findings) {
        if *value == Value::Null && arg.kind != Kind::Raw {
            return;
        }
        self.names.push(arg.name);
        if value.is_lazy() {
            self.lazy.push(arg.name);
            return;
        }
        match convert(arg, value) {
            Ok(value) => {
                self.values.insert(arg.name.to_owned(), value);
            }
            Err(fail) => findings.error(Diagnostic::at(at, fail.msg)),
        }
    }

    /// What of a rule is broken whatever the templates give.
    fn breaks(&self, spec: &Spec, rule: &Rule) -> Option<String> {
        let literal: Vec<&str> = self
            .names
            .iter()
            .copied()
            .filter(|name| !self.lazy.contains(name))
            .collect();
        let lazy = |names: &[&str]| names.iter().any(|name| self.lazy.contains(name));
        let given: &[&str] = match rule {
            // A template may come to `omit`, so it excludes nothing for sure.
            Rule::Exclusive(_) => &literal,
            Rule::Together(names) if lazy(names) => return None,
            Rule::By(name, _) | Rule::If(name, ..) if lazy(&[name]) => return None,
            _ => &self.names,
        };
        let value = |name: &str| {
            let default = || {
                spec.argument(name)
                    .and_then(|arg| arg.default)
                    .map(Value::from)
            };
            let value = self.values.get(name).cloned().or_else(default);
            value
                .filter(|_| !self.lazy.contains(&name))
                .map(|v| v.to_string())
        };
        rule.broken(given, &value)
    }
}
