//! The program as its users meet it: exit statuses, files it writes, Ctrl-C. Everything runs on this machine.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SITE: &str = "\
- hosts: all
  gather_facts: false
  tasks:
    - name: says something
      command: echo done
    - name: fails on one
      command: 'false'
      when: inventory_hostname == 'bad'
";

fn hoist(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(args)
        .current_dir(dir)
        .env("HOME", dir)
        .env_remove("ANSIBLE_CONFIG")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn exit_statuses_are_those_of_ansible() {
    let dir = project(&[
        ("site.yml", SITE),
        ("broken.yml", "- hosts: all\n  tasks:\n    - comand: echo\n"),
        ("ansible.cfg", "[defaults]\nhash_behaviour = merge\n"),
    ]);
    let status = |args: &[&str]| hoist(dir.path(), args).status.code();
    assert_eq!(
        status(&["run", "site.yml", "-i", "good,", "-c", "local"]),
        Some(4)
    );
    std::fs::remove_file(dir.path().join("ansible.cfg")).unwrap();
    assert_eq!(
        status(&["run", "site.yml", "-i", "good,", "-c", "local"]),
        Some(0)
    );
    assert_eq!(
        status(&["run", "site.yml", "-i", "good,bad", "-c", "local"]),
        Some(2)
    );
    assert_eq!(
        status(&["run", "broken.yml", "-i", "good,", "-c", "local"]),
        Some(4)
    );
    assert_eq!(status(&["run", "absent.yml", "-i", "good,"]), Some(4));
    assert_eq!(status(&["run", "site.yml", "-i", "good,", "-k"]), Some(5));
    assert_eq!(
        status(&["run", "site.yml", "-i", "good,", "-l", "nobody"]),
        Some(1)
    );
    assert_eq!(status(&["run", "site.yml", "--no-such-flag"]), Some(2));
    assert_eq!(status(&["check", "site.yml"]), Some(0));
    assert_eq!(status(&["check", "site.yml", "broken.yml"]), Some(4));
    // nothing listens there
    let unreachable = [
        "run",
        "site.yml",
        "-i",
        "good,",
        "-e",
        "ansible_host=127.0.0.1 ansible_port=1",
    ];
    assert_eq!(status(&unreachable), Some(4));
}

#[test]
fn mistakes_of_every_kind_are_told_together() {
    let dir = project(&[(
        "site.yml",
        "- hosts: all\n  tasks:\n    - comand: echo\n    - ping:\n      loops: [1]\n    - debug: {msg: \"{{ a | nofilter }}\"}\n\
         \x20     notify: later\n    - copy: {dest: /x, contents: y}\n  handlers:\n    - name: later\n      wait: x\n",
    )]);
    let out = hoist(dir.path(), &["check", "site.yml", "-i", "good,"]);
    assert_eq!(out.status.code(), Some(4));
    let told = text(&out.stderr);
    let heads: Vec<&str> = told.lines().filter(|l| l.starts_with("error")).collect();
    insta::assert_snapshot!(heads.join("\n"), @r"
    error: there is no module `comand`
    error: a task has no keyword `loops`
    error: unknown filter `nofilter`
    error: `copy` has no argument `contents`
    error: there is no module `wait`
    ");
}

#[test]
fn settings_count() {
    let dir = project(&[
        (
            "ansible.cfg",
            "[defaults]\ngather_subset = !all\ninject_facts_as_vars = False\nforks = 3\ntask_timeout = 1\n\
             any_errors_fatal = True\n[privilege_escalation]\nbecome_flags = -H -n\n",
        ),
        (
            "site.yml",
            "- hosts: all\n  tasks:\n    - assert:\n        that:\n          - ansible_facts.system == 'Linux'\n\
             \x20         - ansible_system is not defined\n          - ansible_facts.processor is not defined\n\
             \x20         - ansible_local == {}\n          - lookup('config', 'DEFAULT_FORKS') == 3\n\
             \x20         - lookup('config', 'DEFAULT_BECOME_FLAGS') == '-H -n'\n\
             \x20         - query('config', 'DEFAULT_STRATEGY', 'nope', on_missing='skip') == ['linear']\n\
             \x20   - command: sleep {{ 9 if inventory_hostname == 'slow' else 0 }}\n    - command: echo never\n",
        ),
        (
            "unknown.yml",
            "- hosts: all\n  tasks:\n    - debug: {msg: \"{{ lookup('config', 'DEFAULT_FORK') }}\"}\n",
        ),
    ]);
    let local = |book: &str| {
        let out = hoist(dir.path(), &["run", book, "-i", "good,slow", "-c", "local"]);
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    };
    let (status, told) = local("site.yml");
    assert_eq!(status, Some(2), "{told}");
    // the one that took too long ends the play for all
    assert!(!told.contains("echo never"), "{told}");
    assert!(
        told.contains(
            "good                       : ok=3    changed=1    unreachable=0    failed=0"
        ),
        "{told}"
    );
    let (status, told) = local("unknown.yml");
    assert_eq!(status, Some(4));
    assert!(
        told.contains("hoist has no setting `DEFAULT_FORK`") && told.contains("`DEFAULT_FORKS`"),
        "{told}"
    );
}

#[test]
fn a_recorded_run_is_told_again_word_for_word() {
    let dir = project(&[("site.yml", SITE)]);
    let run = hoist(
        dir.path(),
        &[
            "run",
            "--output",
            "junit",
            "run.xml",
            "--record",
            "run.jsonl",
            "site.yml",
            "-i",
            "good,bad",
            "-c",
            "local",
        ],
    );
    let replayed = hoist(dir.path(), &["replay", "run.jsonl"]);
    assert!(
        text(&run.stdout).contains("PLAY RECAP"),
        "{}",
        text(&run.stderr)
    );
    assert_eq!(text(&run.stdout), text(&replayed.stdout));
    let junit = std::fs::read_to_string(dir.path().join("run.xml")).unwrap();
    assert!(
        junit.contains("<failure message=\"non-zero return code\">"),
        "{junit}"
    );

    let json = hoist(
        dir.path(),
        &[
            "run", "--output", "json", "site.yml", "-i", "good,", "-c", "local",
        ],
    );
    let lines: Vec<serde_json::Value> = text(&json.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.first().unwrap()["event"], "run_started");
    assert_eq!(lines.last().unwrap()["event"], "run_finished");
    assert!(lines.iter().enumerate().all(|(at, line)| line["seq"] == at));
}

#[test]
fn whoever_stops_listening_breaks_nothing() {
    let dir = project(&[("site.yml", SITE)]);
    for args in [
        &["inventory", "--graph", "-i", "good,bad"][..],
        &["inventory", "--list", "-i", "good,bad"],
        &["check", "site.yml", "-i", "good,"],
        &["run", "--syntax-check", "site.yml", "-i", "good,"],
        &["run", "--list-tasks", "site.yml", "-i", "good,"],
        &["doc", "--list"],
        &["completions", "bash"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hoist"))
            .args(args)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        assert_eq!(text(&out.stderr), "", "{args:?}");
        assert_eq!(out.status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn one_module_and_facts() {
    let dir = project(&[]);
    let said = hoist(
        dir.path(),
        &[
            "exec",
            "all",
            "-i",
            "good,",
            "-c",
            "local",
            "-a",
            "echo {{ inventory_hostname }}",
        ],
    );
    assert_eq!(text(&said.stdout), "good | CHANGED | rc=0 >>\ngood\n");
    let failed = hoist(
        dir.path(),
        &[
            "exec",
            "all",
            "-i",
            "good,",
            "-c",
            "local",
            "-m",
            "shell",
            "-a",
            "echo out; exit 3",
        ],
    );
    assert_eq!(
        text(&failed.stdout),
        "good | FAILED | rc=3 >>\nout\nnon-zero return code\n"
    );
    assert_eq!(failed.status.code(), Some(2));
    let facts = hoist(
        dir.path(),
        &[
            "facts", "good", "-i", "good,", "-c", "local", "--subset", "!all", "--filter", "system",
        ],
    );
    assert_eq!(
        text(&facts.stdout),
        "{\n    \"ansible_system\": \"Linux\"\n}\n"
    );
    let nobody = hoist(
        dir.path(),
        &["exec", "god", "-i", "good,", "-c", "local", "-a", "id"],
    );
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        text(&nobody.stderr).contains("did you mean `good`?"),
        "{}",
        text(&nobody.stderr)
    );
}

#[test]
fn one_module_speaks_of_what_was_typed() {
    let dir = project(&[("site.yml", SITE)]);
    let said = |args: &[&str]| {
        let out = hoist(dir.path(), args);
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    };
    let local = |rest: &[&'static str]| {
        let args = [&["exec", "all", "-i", "good,", "-c", "local"], rest].concat();
        said(&args)
    };
    insta::assert_snapshot!(local(&["-m", "copi"]).1, @"
    error: there is no module `copi`
      help: did you mean `copy`?
    ");
    insta::assert_snapshot!(local(&["-m", "copy", "-a", "dest=/x dset=y"]).1, @"
    error: `copy` has no argument `dset`
      help: did you mean `dest`?
    ");
    insta::assert_snapshot!(local(&["-m", "ping"]).1, @r#"
    good | SUCCESS => {
        "changed": false,
        "ping": "pong"
    }
    "#);
    let undefined = local(&["-a", "echo {{ nope }}"]);
    assert_eq!(undefined.0, Some(2));
    assert!(undefined.1.contains("`nope` is undefined") && !undefined.1.contains("Ad hoc"));

    let (status, told) = said(&[
        "run",
        "site.yml",
        "-i",
        "good,",
        "-c",
        "local",
        "--start-at-task",
        "say",
    ]);
    assert_eq!(status, Some(1));
    assert!(told.contains("no task is called `say`"), "{told}");
    let (status, told) = said(&["replay", "none.jsonl"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(told, @"
    error: there is no file `none.jsonl`
      help: `hoist run … --record FILE` makes one
    ");
}

/// Runs something slow, interrupts it so often, and gives its exit status, output and seconds.
fn interrupted(times: usize) -> (Option<i32>, String, Duration) {
    let dir = project(&[(
        "slow.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: slow\n      shell: 'touch begun; sleep 3'\n    - name: never\n      command: 'true'\n",
    )]);
    let start = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(["run", "slow.yml", "-i", "good,", "-c", "local"])
        .current_dir(dir.path())
        .env("HOME", dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = || dir.path().join("begun").exists();
    while !begun() && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..times {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
    let pressed = Instant::now();
    let out = child.wait_with_output().unwrap();
    (out.status.code(), text(&out.stdout), pressed.elapsed())
}

#[test]
fn interrupted_once_it_finishes_what_is_in_flight_and_twice_it_stops() {
    let (status, told, _) = interrupted(1);
    assert_eq!(status, Some(99), "{told}");
    assert!(
        told.contains("changed: [good]") && !told.contains("TASK [never]"),
        "{told}"
    );
    assert!(told.contains("ok=1    changed=1 "), "{told}");

    let (status, told, took) = interrupted(2);
    assert_eq!(status, Some(130), "{told}");
    assert!(
        told.contains("PLAY RECAP") && told.contains("ok=0    changed=0 "),
        "{told}"
    );
    assert!(took < Duration::from_secs(2), "{took:?}");
}
