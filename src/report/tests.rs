//! One run with every kind of event, told by every reporter.

use super::*;
use crate::value::Value;
use indicatif::ProgressDrawTarget;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn task(id: TaskId, name: &str) -> EventKind {
    EventKind::TaskStarted(TaskInfo {
        task: id,
        name: name.into(),
        module: "ansible.builtin.command".into(),
        at: format!("roles/app/tasks/main.yml:{}", id + 3),
        handler: name.starts_with("restart"),
        tags: vec!["app".into()],
        no_log: false,
        role: None,
    })
}

fn result(id: TaskId, host: &str, status: Status, keys: &[(&str, Value)]) -> HostResult {
    HostResult {
        task: id,
        host: host.into(),
        delegated_to: None,
        item: None,
        status,
        took_ms: 1200,
        result: keys
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect(),
        diff: Vec::new(),
        rescued: false,
    }
}

fn run() -> Vec<Event> {
    use EventKind::*;
    let started = |task, host: &str| HostStarted {
        task,
        host: host.into(),
    };
    let output: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    let mut item = result(
        1,
        "web2",
        Status::Changed,
        &[("changed", Value::Bool(true))],
    );
    item.item = Some("x".into());
    let mut bad_item = result(
        1,
        "web1",
        Status::Failed,
        &[("msg", Value::from("no such thing"))],
    );
    bad_item.item = Some("y".into());
    let mut changed = result(
        0,
        "web2",
        Status::Changed,
        &[
            ("changed", Value::Bool(true)),
            ("path", Value::from("/etc/x")),
        ],
    );
    changed.diff.push(FileDiff {
        before_header: "/etc/x".into(),
        after_header: "/etc/x".into(),
        before: "a\n".into(),
        after: "b\n".into(),
    });
    let mut delegated = result(2, "web2", Status::Ok, &[]);
    delegated.delegated_to = Some("lb".into());
    let mut recap = Recap {
        took_ms: 65_000,
        exit: 2,
        ended: Some("interrupted".into()),
        ..Recap::default()
    };
    let counts = |ok, changed, failed, unreachable| Counts {
        ok,
        changed,
        failed,
        unreachable,
        skipped: 1,
        ..Counts::default()
    };
    recap.hosts.insert("web1".into(), counts(1, 0, 1, 0));
    recap.hosts.insert("web2".into(), counts(3, 2, 0, 0));
    recap.hosts.insert("web3".into(), counts(0, 0, 0, 1));
    recap
        .stats
        .insert("run".into(), Value::map([("built", Value::Int(2))]));
    let kinds = vec![
        RunStarted {
            version: "0.1.0".into(),
            run: "r".into(),
            started: "2026-01-01T00:00:00Z".into(),
            playbooks: vec!["site.yml".into()],
            check: true,
            diff: true,
        },
        Warning {
            message: "group_vars/all.yml:3: `x` is there twice".into(),
        },
        PlayStarted {
            name: "web servers".into(),
            hosts: vec!["web1".into(), "web2".into(), "web3".into()],
            at: "site.yml:1".into(),
        },
        task(0, "app : write the config"),
        started(0, "web1"),
        started(0, "web2"),
        started(0, "web3"),
        HostFinished(result(
            0,
            "web3",
            Status::Unreachable,
            &[("msg", Value::from("ssh: connect: timed out"))],
        )),
        HostFinished(changed),
        HostFinished(result(
            0,
            "web1",
            Status::Ok,
            &[("changed", Value::Bool(false))],
        )),
        task(1, "app : things"),
        started(1, "web1"),
        started(1, "web2"),
        Progress {
            task: 1,
            host: "web1".into(),
            text: "waiting for apt".into(),
        },
        Retrying {
            task: 1,
            host: "web1".into(),
            left: 2,
            delay: 5.0,
        },
        ItemFinished(item),
        HostFinished(result(1, "web2", Status::Changed, &[])),
        ItemFinished(bad_item),
        HostFinished(result(
            1,
            "web1",
            Status::Failed,
            &[
                ("msg", Value::from("non-zero return code")),
                ("cmd", Value::list([Value::from("make"), Value::from("x")])),
                ("rc", Value::Int(2)),
                ("stdout", Value::from(output)),
                ("stderr", Value::from("\u{1b}[31mboom\u{1b}[0m\n")),
            ],
        )),
        task(2, "app : look"),
        started(2, "web2"),
        Note {
            message: "[web2] hello {{ not rendered }}".into(),
        },
        HostFinished(delegated),
        task(3, "restart app"),
        started(3, "web2"),
        Cancelling,
        HostFinished(result(
            3,
            "web2",
            Status::Ignored,
            &[("msg", Value::from("could not"))],
        )),
        task(4, "app : not for it"),
        started(4, "web2"),
        HostFinished(result(
            4,
            "web2",
            Status::Skipped,
            &[("skip_reason", Value::from("Conditional result was False"))],
        )),
        RunFinished(recap),
    ];
    let number = |(seq, kind)| Event {
        seq: seq as u64,
        at_ms: 10 * seq as u64,
        kind,
    };
    kinds.into_iter().enumerate().map(number).collect()
}

fn options(colour: bool, verbosity: u8, brief: bool) -> TextOptions {
    TextOptions {
        paint: Paint::new(colour),
        verbosity,
        brief,
        width: 60,
    }
}

fn plain(verbosity: u8) -> String {
    let sink = Sink::default();
    let mut reporter = Plain::new(options(false, verbosity, false), sink.clone());
    run().iter().for_each(|e| reporter.on_event(e).unwrap());
    sink.text()
}

#[test]
fn plain_text() {
    insta::assert_snapshot!(plain(0));
}

#[test]
fn plain_text_says_more_when_asked() {
    insta::assert_snapshot!("v", plain(1));
    insta::assert_snapshot!("vvv", plain(3));
}

#[test]
fn a_terminal_is_told_only_what_happened() {
    let sink = Sink::default();
    let mut reporter = Terminal::new(
        options(true, 0, true),
        sink.clone(),
        ProgressDrawTarget::hidden(),
    );
    run().iter().for_each(|e| reporter.on_event(e).unwrap());
    insta::assert_snapshot!(sink.text().replace('\u{1b}', "ESC"));
}

#[test]
fn json_lines_replay_to_the_same_text() {
    let recorded = Sink::default();
    let mut json = JsonLines::new(recorded.clone());
    run().iter().for_each(|e| json.on_event(e).unwrap());
    insta::assert_snapshot!(recorded.text());

    let sink = Sink::default();
    let mut reporter = Plain::new(options(false, 0, false), sink.clone());
    let cut = format!("{}\n{{\"seq\": 40, \"at_", recorded.text());
    replay(cut.as_bytes(), &mut reporter).unwrap();
    assert_eq!(sink.text(), plain(0));

    let wrong = replay(&b"\n{\"seq\": 1}\n{}\n"[..], &mut reporter).unwrap_err();
    insta::assert_snapshot!(wrong, @"line 2 is no event of hoist: missing field `at_ms` at line 1 column 10");
}

#[test]
fn junit_file() {
    let sink = Sink::default();
    let mut reporter = Junit::new(sink.clone());
    run().iter().for_each(|e| reporter.on_event(e).unwrap());
    insta::assert_snapshot!(sink.text());
}

#[test]
fn results_come_in_the_order_of_the_play_whoever_was_first() {
    let mut events = run();
    let plain_of = |events: &[Event]| {
        let mut text = Text::new(options(false, 0, false));
        events.iter().map(|e| text.on_event(e)).collect::<String>()
    };
    let straight = plain_of(&events);
    events.swap(7, 9);
    assert_eq!(plain_of(&events), straight);
}

struct Broken(io::ErrorKind);

impl Reporter for Broken {
    fn on_event(&mut self, _: &Event) -> io::Result<()> {
        Err(self.0.into())
    }
}

#[test]
fn a_closed_pipe_ends_a_reporter_and_not_the_run() {
    let sink = Sink::default();
    let (send, receive) = tokio::sync::mpsc::unbounded_channel();
    for event in run() {
        send.send(event).unwrap();
    }
    drop(send);
    let mut hub = Hub::new(vec![Box::new(Broken(io::ErrorKind::BrokenPipe))]);
    hub.add(Broken(io::ErrorKind::StorageFull));
    hub.add(Plain::new(options(false, 0, false), sink.clone()));
    let (recap, errors) = hub.run(receive);
    assert_eq!(recap.unwrap().exit, 2);
    assert_eq!(errors.len(), 1);
    assert_eq!(sink.text(), plain(0));
}

#[test]
fn rescued_failures_are_not_told_again() {
    let mut events = run();
    if let Some(Event {
        kind: EventKind::RunFinished(recap),
        ..
    }) = events.last_mut()
    {
        recap.hosts["web1"].failed = 0;
        recap.hosts["web1"].rescued = 1;
    }
    let mut text = Text::new(options(false, 0, false));
    let all: String = events.iter().map(|e| text.on_event(e)).collect();
    assert_eq!(all.matches("fatal: [web1]").count(), 1);
    assert_eq!(all.matches("fatal: [web3]").count(), 2);
}

#[test]
fn a_rescue_is_none_of_the_failures_at_the_end() {
    let mut events = run();
    for event in &mut events {
        if let EventKind::HostFinished(result) = &mut event.kind
            && result.host == "web1"
            && result.status == Status::Failed
        {
            result.rescued = true;
        }
    }
    let mut text = Text::new(options(false, 0, false));
    let all: String = events.iter().map(|e| text.on_event(e)).collect();
    assert_eq!(all.matches("fatal: [web1]").count(), 1);
    assert_eq!(all.matches("fatal: [web3]").count(), 2);
}

#[test]
fn includes_and_assertions_are_named() {
    use EventKind::*;
    let include = |id, host: &str, what: &str| {
        HostFinished(result(id, host, Status::Ok, &[("include", what.into())]))
    };
    let mut heading = task(0, "include_tasks");
    if let TaskStarted(info) = &mut heading {
        info.module = "include_tasks".into();
    }
    let failed = [
        ("msg", Value::from("Assertion failed")),
        ("assertion", Value::from("a == 1")),
    ];
    let kinds = [
        PlayStarted {
            name: "all".into(),
            hosts: vec!["a".into(), "b".into(), "c".into()],
            at: String::new(),
        },
        heading,
        include(0, "a", "one.yml"),
        include(0, "c", "one.yml"),
        include(0, "b", "two.yml"),
        task(1, "assert"),
        HostFinished(result(1, "a", Status::Failed, &failed)),
        task(2, "after"),
    ];
    let mut text = Text::new(options(false, 0, false));
    let told: String = kinds
        .into_iter()
        .enumerate()
        .map(|(seq, kind)| {
            text.on_event(&Event {
                seq: seq as u64,
                at_ms: 0,
                kind,
            })
        })
        .collect();
    insta::assert_snapshot!(told, @r"

    PLAY [all] *************************************************

    TASK [include_tasks] ***************************************
    included: one.yml for a, c
    included: two.yml for b

    TASK [assert] **********************************************
    fatal: [a]: FAILED!
        at: roles/app/tasks/main.yml:4
        msg: Assertion failed
        assertion: a == 1
    ");
}

#[test]
fn answers_of_one_module() {
    let sink = Sink::default();
    let mut reporter = AdHoc::new(Paint::new(false), sink.clone());
    run().iter().for_each(|e| reporter.on_event(e).unwrap());
    insta::assert_snapshot!(sink.text());
}

#[test]
fn a_run_cut_short_is_counted_from_what_was_seen() {
    let mut tally = Tally::default();
    let events = run();
    events[..events.len() - 1]
        .iter()
        .for_each(|e| tally.count(e));
    assert_eq!((tally.events(), tally.at_ms()), (30, 290));
    let recap = tally.recap(130);
    let shown: Vec<String> = recap
        .hosts
        .iter()
        .map(|(h, c)| {
            format!(
                "{h} {} {} {} {} {} {}",
                c.ok, c.changed, c.unreachable, c.failed, c.skipped, c.ignored
            )
        })
        .collect();
    assert_eq!(
        shown,
        ["web1 1 0 0 1 0 0", "web2 4 2 0 0 1 1", "web3 0 0 1 0 0 0"]
    );
}

#[test]
fn what_debug_shows_is_always_shown() {
    let mut events = run();
    for event in &mut events {
        match &mut event.kind {
            EventKind::TaskStarted(task) if task.task == 2 => {
                task.module = "ansible.builtin.debug".into()
            }
            EventKind::HostFinished(result) if result.task == 2 => {
                result.result.insert("msg".into(), Value::from("one\ntwo"));
                result
                    .result
                    .insert("x".into(), Value::list([Value::Int(1)]));
                result.result.insert("changed".into(), Value::Bool(false));
            }
            _ => {}
        }
    }
    let mut text = Text::new(options(false, 0, true));
    let all: String = events.iter().map(|e| text.on_event(e)).collect();
    let from = all.find("TASK [app : look]").unwrap();
    let until = all.find("interrupted").unwrap();
    insta::assert_snapshot!(&all[from..until], @r"
    TASK [app : look] ******************************************
    [web2] hello {{ not rendered }}
    ok: [web2 -> lb] => one
        two => x: [
            1
        ]
    ");
}
