//! Roles side by side, told by every reporter.

use super::*;

fn task(id: TaskId, role: &str, name: &str) -> EventKind {
    EventKind::TaskStarted(TaskInfo {
        task: id,
        name: format!("{role} : {name}"),
        module: "ansible.builtin.command".into(),
        at: format!("roles/{role}/tasks/main.yml:{id}"),
        handler: false,
        tags: Vec::new(),
        no_log: false,
        role: Some(role.into()),
    })
}

fn started(task: TaskId, host: &str) -> EventKind {
    EventKind::HostStarted {
        task,
        host: host.into(),
    }
}

fn done(task: TaskId, host: &str, status: Status) -> EventKind {
    EventKind::HostFinished(HostResult {
        task,
        host: host.into(),
        delegated_to: None,
        item: None,
        status,
        took_ms: 10,
        result: crate::value::Map::new(),
        diff: Vec::new(),
        rescued: false,
    })
}

/// Two roles under way together; one fails on a host, and two more are left out there.
pub(super) fn run() -> Vec<Event> {
    let kinds = vec![
        EventKind::PlayStarted {
            name: "platform".into(),
            hosts: vec!["a".into(), "b".into()],
            at: "site.yml:1".into(),
        },
        task(0, "storage", "wait"),
        started(0, "a"),
        task(1, "ingress", "install"),
        started(1, "a"),
        done(0, "a", Status::Changed),
        started(1, "b"),
        EventKind::Retrying {
            task: 1,
            host: "b".into(),
            left: 2,
            delay: 1.0,
        },
        started(0, "b"),
        EventKind::Progress {
            task: 0,
            host: "b".into(),
            text: "2 of 3 ready".into(),
        },
        done(1, "b", Status::Ok),
        done(0, "b", Status::Failed),
        EventKind::TaskFinished { task: 0 },
        done(1, "a", Status::Changed),
        EventKind::TaskFinished { task: 1 },
        EventKind::RoleSkipped {
            role: "database".into(),
            hosts: vec!["b".into()],
            needs: "storage".into(),
            failed: "storage".into(),
        },
        EventKind::RoleSkipped {
            role: "app".into(),
            hosts: vec!["b".into()],
            needs: "database".into(),
            failed: "storage".into(),
        },
        EventKind::RunFinished(Recap::default()),
    ];
    let number = |(seq, kind)| Event {
        seq: seq as u64,
        at_ms: 0,
        kind,
    };
    kinds.into_iter().enumerate().map(number).collect()
}

fn options(verbosity: u8, brief: bool) -> TextOptions {
    TextOptions {
        paint: Paint::new(false),
        verbosity,
        brief,
        width: 60,
    }
}

#[test]
fn a_tasks_results_stay_together() {
    let mut text = Text::new(options(0, false));
    let all: String = run().iter().map(|e| text.on_event(e)).collect();
    insta::assert_snapshot!(all.trim(), @"
    PLAY [platform] ********************************************
    FAILED - RETRYING: [b]: ingress : install (2 retries left).

    TASK [storage : wait] **************************************
    changed: [a]
    fatal: [b]: FAILED!
        at: roles/storage/tasks/main.yml:0

    TASK [ingress : install] ***********************************
    changed: [a]
    ok: [b]

    ROLE [database] ********************************************
    skipping: [b]
        it needs `storage`, which failed there

    ROLE [app] *************************************************
    skipping: [b]
        it needs `database`, which did not run there because `storage` failed

    FAILED *****************************************************
    fatal: [b]: FAILED! storage : wait
        at: roles/storage/tasks/main.yml:0

    PLAY RECAP *************************************************
    ");
}

#[test]
fn who_asks_for_more_sees_whose_progress_it_is() {
    let mut text = Text::new(options(1, false));
    let all: String = run().iter().map(|e| text.on_event(e)).collect();
    assert!(
        all.contains("  [b] storage : wait: 2 of 3 ready\n"),
        "{all}"
    );
}

#[test]
fn a_recording_comes_back_as_it_was() {
    for event in run() {
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}
