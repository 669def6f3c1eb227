//! Files of the control machine that a run may make before it wants them.

use super::walk::Around;
use crate::error::Span;
use crate::playbook::Task;
use crate::value::Value;
use std::path::Path;

/// What tasks that run on the control machine mention: files they may make before others want them.
#[derive(Default)]
pub(super) struct Made(Vec<(String, Span)>);

impl Made {
    /// Notes a task when it runs here, or fetches.
    pub(super) fn note(&mut self, module: &str, task: &Task, around: &Around<'_>) {
        let commons = || around.commons().chain([&task.common]);
        let local = commons().any(|c| {
            [&c.delegate_to, &c.connection]
                .into_iter()
                .flatten()
                .any(|value| is_local(value))
        }) || hosts_are_local(&around.play.hosts);
        if !local && module != "fetch" {
            return;
        }
        let mut text = Value::from(task.args.map.clone()).to_string();
        if let Some(free) = &task.args.free_form {
            text.push_str(&free.to_string());
        }
        self.0.push((text, task.span.clone()));
    }

    /// Whether another task may make the file `name`.
    pub(super) fn may_make(&self, name: &str, task: &Task) -> bool {
        let file = Path::new(name.trim_end_matches('/')).file_name();
        let file = file
            .map(|f| f.to_string_lossy().into_owned())
            .unwrap_or_default();
        self.0
            .iter()
            .any(|(text, by)| *by != task.span && text.contains(&file))
    }
}

fn is_local(value: &Value) -> bool {
    matches!(
        value.as_str(),
        Some("localhost" | "127.0.0.1" | "local" | "ansible.builtin.local")
    )
}

fn hosts_are_local(hosts: &Value) -> bool {
    match hosts {
        Value::List(items) => items.iter().all(is_local),
        one => is_local(one),
    }
}
