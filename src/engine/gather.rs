//! The implicit task that gathers facts at the start of a play.

use super::play_run::PlayRun;
use crate::playbook::{Action, ActionKind, Common, Located, Task, TaskArgs};
use crate::value::Value;
use crate::vars::MAIN;
use std::sync::Arc;

/// The task, or `None` when the play (or `gathering`) says no.
pub(super) fn task(play_run: &PlayRun) -> Option<Arc<Task>> {
    let play = &play_run.play;
    let wanted = match &play.gather_facts {
        Some(located) => {
            let top = super::place::Place::top(play);
            let scope = play_run.scope(None, &top, None).shared();
            let value = play_run
                .run
                .templar
                .resolve(&scope, located)
                .unwrap_or(Value::Bool(true));
            value.to_bool().unwrap_or(true)
        }
        None => match play_run.run.options.gathering.as_str() {
            "explicit" => false,
            "smart" => play_run
                .batch
                .iter()
                .any(|h| play_run.run.world.store.learned(MAIN, h).facts.is_empty()),
            _ => true,
        },
    };
    if !wanted {
        return None;
    }
    let mut args = TaskArgs::default();
    for (name, given) in [
        ("gather_subset", &play.gather_subset),
        ("gather_timeout", &play.gather_timeout),
        ("fact_path", &play.fact_path),
    ] {
        if let Some(located) = given {
            args.map.insert(name.to_owned(), located.value.clone());
            args.spans.insert(name.to_owned(), located.span.clone());
        } else if let Some(value) = play_run.run.options.gather.get(name) {
            args.map.insert(name.to_owned(), value.clone());
        }
    }
    let at = |text: &str| Located::new(Value::from(text), &play.span);
    Some(Arc::new(Task {
        span: play.span.clone(),
        // without tags of the play `always`, so that `--tags` does not leave the tasks it selects without facts
        common: Common {
            name: Some(at("Gathering Facts")),
            tags: if play.common.tags.is_empty() {
                vec![at("always")]
            } else {
                Vec::new()
            },
            ..Common::default()
        },
        action: Action {
            name: at("ansible.builtin.gather_facts"),
            kind: ActionKind::Module("ansible.builtin.gather_facts".to_owned()),
        },
        args,
        register: None,
        loop_: None,
        until: None,
        retries: None,
        delay: None,
        async_: None,
        poll: None,
        listen: Vec::new(),
        changed_when: None,
        failed_when: None,
        path: play.path.clone(),
        implicit: false,
    }))
}
