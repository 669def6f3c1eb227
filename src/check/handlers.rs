//! Which handlers there are, and whether those that tasks notify are among them.

use super::findings::Findings;
use super::walk::Around;
use crate::error::{Diagnostic, nearest};
use crate::playbook::{ActionKind, Located, Task};
use crate::value::Value;

/// The names and topics that a play's handlers answer to.
#[derive(Default)]
pub(super) struct Handlers {
    names: Vec<String>,
    /// Names with templates in them: what stands between the templates.
    patterns: Vec<Vec<String>>,
    /// Handlers may come from somewhere that is only known at run time.
    open: bool,
    notified: Vec<Located>,
}

impl Handlers {
    /// Notes a handler.
    pub(super) fn add(&mut self, task: &Task, around: &Around<'_>) {
        if let ActionKind::IncludeTasks { file, .. } = &task.action.kind {
            self.open |= file.is_lazy();
        }
        let role = around.role().map(|using| using.role.name.as_str());
        let name = task.common.name.iter();
        for name in name.chain(&task.listen) {
            match &name.value {
                Value::Template(template) => self.patterns.push(fixed_parts(&template.text)),
                other => {
                    let text = other.to_string();
                    if let Some(role) = role {
                        self.names.push(format!("{role} : {text}"));
                    }
                    self.names.push(text);
                }
            }
        }
    }

    /// Notes that handlers may come from a role or file whose name is a template.
    pub(super) fn open(&mut self) {
        self.open = true;
    }

    /// Notes what a task notifies.
    pub(super) fn notified(&mut self, task: &Task, around: &Around<'_>) {
        let of = |notify: &Option<Vec<Located>>| notify.clone().unwrap_or_default();
        self.notified.extend(of(&task.common.notify));
        for block in &around.blocks {
            self.notified.extend(of(&block.common.notify));
        }
    }

    /// Reports what is notified and nowhere to be found.
    pub(super) fn check(&self, findings: &mut Findings) {
        if self.open {
            return;
        }
        for name in &self.notified {
            let Value::Str(text) = &name.value else {
                continue;
            };
            let fits = |parts: &Vec<String>| matches(parts, text);
            if self.names.iter().any(|n| **n == **text) || self.patterns.iter().any(fits) {
                continue;
            }
            let diagnostic = Diagnostic::at(&name.span, format!("no handler is called `{text}`"));
            let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
            let near = self
                .names
                .iter()
                .find(|n| same(n, text))
                .map(String::as_str);
            let near = near.or_else(|| nearest(text, self.names.iter().map(String::as_str)));
            findings.error(match near {
                Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                None => diagnostic.with_note(
                    "neither the play nor its roles have one of that name, and none listens to it",
                ),
            });
        }
    }
}

/// The text outside `{{ }}` and `{% %}`.
fn fixed_parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        parts.push(rest[..start].to_owned());
        let close = if rest[start..].starts_with("{{") {
            "}}"
        } else {
            "%}"
        };
        rest = match rest[start..].find(close) {
            Some(end) => &rest[start + end + 2..],
            None => "",
        };
    }
    parts.push(rest.to_owned());
    parts
}

fn matches(parts: &[String], text: &str) -> bool {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return false;
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for part in &parts[1..] {
        match rest.find(part.as_str()) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || text.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::{fixed_parts, matches};

    #[test]
    fn templates_in_names_stand_for_anything() {
        let cases = [
            ("restart {{ x }}", "restart nginx", true),
            ("{{ x }} restart", "nginx restart", true),
            ("{{ x }}", "anything", true),
            ("a {{ x }} b {{ y }}", "a 1 b 2", true),
            ("a {{ x }} b", "a 1 c", false),
            ("restart {{ x }}", "reload nginx", false),
            ("{% if a %}x{% endif %}", "x", true),
        ];
        for (pattern, text, fits) in cases {
            assert_eq!(
                matches(&fixed_parts(pattern), text),
                fits,
                "{pattern} {text}"
            );
        }
    }
}
