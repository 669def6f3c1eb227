//! `strategy: graph` as its users meet it: the program, with real shells on this machine.

#![allow(clippy::unwrap_used)]

use insta::assert_snapshot;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Files of a site; `roles/NAME` stands for the role's tasks, `meta/NAME` for its meta.
fn site(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = match name.split_once('/') {
            Some(("roles", role)) => format!("roles/{role}/tasks/main.yml"),
            Some(("meta", role)) => format!("roles/{role}/meta/main.yml"),
            Some(("handlers", role)) => format!("roles/{role}/handlers/main.yml"),
            _ => (*name).to_owned(),
        };
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

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

fn run(dir: &Path, more: &[&str]) -> Output {
    let args = ["run", "site.yml", "-i", "one,two", "-c", "local"];
    hoist(dir, &[&args[..], more].concat())
}

fn said(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.trim().to_owned()
}

/// A task that writes when it begins and ends, in milliseconds, into a file of the role and host.
fn timed(seconds: f32) -> String {
    format!(
        "- shell: |\n    date +%s%3N > {{{{ playbook_dir }}}}/{{{{ role_name }}}}.{{{{ inventory_hostname }}}}\n    sleep {seconds}\n    date +%s%3N >> {{{{ playbook_dir }}}}/{{{{ role_name }}}}.{{{{ inventory_hostname }}}}\n"
    )
}

fn times(dir: &Path, role: &str) -> (u64, u64) {
    let mut all = Vec::new();
    for host in ["one", "two"] {
        let text = std::fs::read_to_string(dir.join(format!("{role}.{host}"))).unwrap();
        all.extend(text.lines().map(|line| line.parse::<u64>().unwrap()));
    }
    (*all.iter().min().unwrap(), *all.iter().max().unwrap())
}

#[test]
fn roles_overlap_where_nothing_orders_them_and_wait_where_something_does() {
    let (short, long) = (timed(0.6), timed(2.5));
    let dir = site(&[
        (
            "site.yml",
            "- hosts: all\n  gather_facts: false\n  strategy: graph\n  roles: [last, after_a, a, b]\n  pre_tasks:\n    - shell: date +%s%3N > {{ playbook_dir }}/pre.{{ inventory_hostname }}\n  tasks:\n    - shell: date +%s%3N > {{ playbook_dir }}/tasks.{{ inventory_hostname }}\n",
        ),
        ("roles/a", &short),
        ("meta/a", "needs: []\nprovides: [something]\n"),
        ("roles/b", &long),
        ("meta/b", "needs: []\n"),
        ("roles/after_a", &short),
        ("meta/after_a", "needs: [something]\n"),
        ("roles/last", &short),
        ("meta/last", "needs: [b]\ndependencies: [after_a]\n"),
    ]);
    let ran = run(dir.path(), &[]);
    assert_eq!(
        ran.status.code(),
        Some(0),
        "{}{}",
        said(&ran.stdout),
        said(&ran.stderr)
    );
    let of = |role| times(dir.path(), role);
    let (a, b, after_a, last) = (of("a"), of("b"), of("after_a"), of("last"));
    assert!(a.0 < b.1 && b.0 < a.1, "a {a:?} and b {b:?} overlap");
    assert!(
        after_a.0 < b.1,
        "after_a {after_a:?} does not wait for b {b:?}"
    );
    assert!(a.1 <= after_a.0, "after_a {after_a:?} waits for a {a:?}");
    assert!(
        after_a.1 <= last.0 && b.1 <= last.0,
        "last {last:?} waits for {after_a:?} and {b:?}"
    );
    assert!(of("pre").1 <= a.0.min(b.0) && last.1 <= of("tasks").0);
    assert!(said(&ran.stderr).is_empty(), "{}", said(&ran.stderr));
}

#[test]
fn a_failure_costs_what_rests_on_it_and_nothing_else() {
    let dir = site(&[
        (
            "site.yml",
            "- hosts: all\n  gather_facts: false\n  strategy: graph\n  roles: [storage, database, app, watch]\n  tasks:\n    - debug: msg=after\n",
        ),
        (
            "roles/storage",
            "- name: fails on one\n  command: 'false'\n  when: inventory_hostname == 'one'\n",
        ),
        ("meta/storage", "needs: []\n"),
        ("roles/database", "- debug: msg=database\n"),
        ("meta/database", "needs: [storage]\n"),
        ("roles/app", "- debug: msg=app\n"),
        ("meta/app", "needs: [database]\n"),
        ("roles/watch", "- command: sleep 2\n- debug: msg=watching\n"),
        ("meta/watch", "needs: []\n"),
    ]);
    let ran = run(dir.path(), &["--record", "run.jsonl", "--junit", "run.xml"]);
    assert_eq!(ran.status.code(), Some(2));
    let text = said(&ran.stdout);
    let pieces: Vec<&str> = text.split("\n\n").collect();
    let watching = "ok: [one] => watching\nok: [two] => watching";
    assert!(pieces.iter().any(|p| p.ends_with(watching)), "{text}");
    // when the role beside them comes to its end is up to the clock
    let mut others = pieces;
    others.retain(|p| !p.starts_with("TASK [watch"));
    assert_snapshot!(others.join("\n\n"), @"
    PLAY [all] *********************************************************************

    TASK [storage : fails on one] **************************************************
    fatal: [one]: FAILED!
        at: roles/storage/tasks/main.yml:1
        msg: non-zero return code
        cmd: false
        rc: 1
    skipping: [two]

    ROLE [database] ****************************************************************
    skipping: [one]
        it needs `storage`, which failed there

    TASK [database : debug] ********************************************************
    ok: [two] => database

    ROLE [app] *********************************************************************
    skipping: [one]
        it needs `database`, which did not run there because `storage` failed

    TASK [app : debug] *************************************************************
    ok: [two] => app

    TASK [debug] *******************************************************************
    ok: [two] => after

    FAILED *************************************************************************
    fatal: [one]: FAILED! storage : fails on one
        at: roles/storage/tasks/main.yml:1
        msg: non-zero return code
        cmd: false
        rc: 1

    PLAY RECAP *********************************************************************
    one                        : ok=2    changed=1    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
    two                        : ok=5    changed=1    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
    ");
    let again = hoist(dir.path(), &["replay", "run.jsonl"]);
    assert_eq!(said(&again.stdout), text);
    let junit = std::fs::read_to_string(dir.path().join("run.xml")).unwrap();
    assert!(
        junit.contains("[one] role app")
            && junit
                .contains("it needs `database`, which did not run there because `storage` failed"),
        "{junit}"
    );
    // what any failure ends, ends the roles beside it too
    let site = std::fs::read_to_string(dir.path().join("site.yml")).unwrap();
    let fatal = site.replace("  strategy", "  any_errors_fatal: true\n  strategy");
    std::fs::write(dir.path().join("site.yml"), fatal).unwrap();
    let ran = run(dir.path(), &[]);
    let text = said(&ran.stdout);
    assert_eq!(ran.status.code(), Some(2));
    assert!(
        !text.contains("watching") && !text.contains("database"),
        "{text}"
    );
}

#[test]
fn what_a_role_needs_has_run_its_handlers_and_is_seen() {
    let dir = site(&[
        (
            "site.yml",
            "- hosts: all\n  gather_facts: false\n  strategy: graph\n  roles: [beside, service, user]\n  tasks:\n    - shell: \"echo tasks {{ word }} {{ found.stdout }} >> {{ playbook_dir }}/log.{{ inventory_hostname }}\"\n",
        ),
        (
            "roles/service",
            "- shell: echo configured >> {{ playbook_dir }}/log.{{ inventory_hostname }}\n  notify: restart\n- set_fact: {word: service}\n",
        ),
        (
            "handlers/service",
            "- name: restart\n  shell: sleep 0.3; echo restarted >> {{ playbook_dir }}/log.{{ inventory_hostname }}\n",
        ),
        ("meta/service", "needs: []\n"),
        (
            "roles/user",
            "- shell: echo used {{ word }} >> {{ playbook_dir }}/log.{{ inventory_hostname }}\n- command: echo here\n  register: found\n",
        ),
        ("meta/user", "needs: [service]\n"),
        // long after the service has said its word
        (
            "roles/beside",
            "- command: sleep 1.5\n- shell: echo beside {{ word | default('knows nothing') }} >> {{ playbook_dir }}/beside.{{ inventory_hostname }}\n- set_fact: {word: beside}\n",
        ),
        ("meta/beside", "needs: []\n"),
    ]);
    let ran = run(dir.path(), &[]);
    assert_eq!(
        ran.status.code(),
        Some(0),
        "{}{}",
        said(&ran.stdout),
        said(&ran.stderr)
    );
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    // `beside` is first in the list, so what the service says counts more
    assert_eq!(
        read("log.one"),
        "configured\nrestarted\nused service\ntasks service here\n"
    );
    assert_eq!(read("log.two"), read("log.one"));
    assert_eq!(read("beside.one"), "beside knows nothing\n");
}

#[test]
fn one_role_sees_what_another_did_to_the_host() {
    // both look ahead at the same file; what one of them writes must not be missed by what waits for it
    let dir = site(&[
        (
            "site.yml",
            "- hosts: all\n  gather_facts: false\n  strategy: graph\n  roles: [a, b, c]\n",
        ),
        (
            "roles/a",
            "- command: sleep 0.3\n- copy: {dest: '{{ playbook_dir }}/x.{{ inventory_hostname }}', content: a}\n",
        ),
        ("meta/a", "needs: []\n"),
        (
            "roles/b",
            "- copy: {dest: '{{ playbook_dir }}/y.{{ inventory_hostname }}', content: b}\n- stat: path={{ playbook_dir }}/x.{{ inventory_hostname }}\n",
        ),
        ("meta/b", "needs: []\n"),
        (
            "roles/c",
            "- copy: {dest: '{{ playbook_dir }}/x.{{ inventory_hostname }}', content: c}\n- copy: {dest: '{{ playbook_dir }}/y.{{ inventory_hostname }}', content: b}\n",
        ),
        ("meta/c", "needs: [a, b]\n"),
    ]);
    // the wait and three files; then the wait and the file that two of them want
    for changed in ["changed=4 ", "changed=3 "] {
        let ran = run(dir.path(), &[]);
        let text = said(&ran.stdout);
        assert_eq!(ran.status.code(), Some(0), "{text}");
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            (read("x.one"), read("y.two")),
            ("c".to_owned(), "b".to_owned())
        );
        assert_eq!(text.matches(changed).count(), 2, "{text}");
    }
}

#[test]
fn a_run_step_by_step_takes_roles_one_after_the_other_and_begins_nowhere_inside() {
    let (a, b) = (timed(0.2), timed(0.2));
    let a = a.replacen("- shell", "- name: do a\n  shell", 1);
    let dir = site(&[
        (
            "site.yml",
            "- hosts: all\n  gather_facts: false\n  strategy: graph\n  roles: [a, b]\n",
        ),
        ("roles/a", &a),
        ("meta/a", "needs: []\n"),
        ("roles/b", &b),
        ("meta/b", "needs: []\n"),
    ]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(["run", "site.yml", "-i", "one,two", "-c", "local", "--step"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"y\ny\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert!(times(dir.path(), "a").1 <= times(dir.path(), "b").0);
    let ran = run(dir.path(), &["--start-at-task", "do a"]);
    assert_eq!(ran.status.code(), Some(5));
    assert_snapshot!(said(&ran.stderr), @"
    error: `--start-at-task` cannot begin at `do a`, for it is part of a role that runs beside others
     --> roles/a/tasks/main.yml:1:3
      |
    1 | - name: do a
      |   ^
      note: with `strategy: graph` there is no saying which tasks would come before it
      help: `--tags` runs a role by itself; what is done already costs little
    ");
}

#[test]
fn the_order_is_shown() {
    let dir = site(&[
        (
            "site.yml",
            "- name: Hosts\n  hosts: all\n  roles: [base]\n- name: \"The \\\"platform\\\"\"\n  hosts: one\n  strategy: graph\n  pre_tasks:\n    - ping:\n  roles: [storage, ingress, database, app]\n  post_tasks:\n    - ping:\n",
        ),
        ("roles/base", "- ping:\n"),
        ("roles/storage", "- ping:\n- ping:\n  tags: extra\n"),
        ("meta/storage", "needs: [base]\n"),
        ("roles/ingress", "- ping:\n"),
        ("meta/ingress", "needs: []\n"),
        ("roles/database", "- ping:\n"),
        ("meta/database", "needs: [storage]\nprovides: [sql]\n"),
        ("roles/app", "- ping:\n- ping:\n- ping:\n"),
        ("meta/app", "needs: [sql, storage, ingress]\n"),
    ]);
    let graph = |more: &[&str]| {
        let shown = hoist(
            dir.path(),
            &[&["graph", "site.yml", "-i", "one,two"], more].concat(),
        );
        assert_eq!(shown.status.code(), Some(0), "{}", said(&shown.stderr));
        said(&shown.stdout)
    };
    assert_snapshot!(graph(&[]), @r#"
    play 1: Hosts (all, 2 hosts): one after the other
       1  base  1 task

    play 2: The "platform" (one, 1 host): roles side by side
       1  pre_tasks   1 task
       2  storage     2 tasks; after pre_tasks; takes as given: base
          ingress     1 task; after pre_tasks
       3  database    1 task; after storage
       4  app         3 tasks; after database, ingress
       5  post_tasks  1 task; after app
      longest chain: pre_tasks -> storage -> database -> app -> post_tasks (8 of 9 tasks)
    "#);
    assert_snapshot!(graph(&["--tags", "extra"]), @r#"
    play 1: Hosts (all, 2 hosts): one after the other
       1  base  no task

    play 2: The "platform" (one, 1 host): roles side by side
       1  pre_tasks   no task
       2  storage     1 task; after pre_tasks; takes as given: base
          ingress     no task; after pre_tasks
       3  database    no task; after storage
       4  app         no task; after database, ingress
       5  post_tasks  no task; after app
      longest chain: pre_tasks -> storage (1 of 1 task)
    "#);
    assert_snapshot!(graph(&["--format", "mermaid"]), @r#"
    flowchart LR
      subgraph p1["Hosts (all, 2 hosts)"]
        direction LR
        p1s0["base"]
      end
      subgraph p2["The #quot;platform#quot; (one, 1 host)"]
        direction LR
        p2s0(["pre_tasks"])
        p2s1["storage"]
        p2s2["ingress"]
        p2s3["database"]
        p2s4["app"]
        p2s5(["post_tasks"])
        p2s0 --> p2s1
        p2s0 --> p2s2
        p2s1 --> p2s3
        p2s3 --> p2s4
        p2s2 --> p2s4
        p2s4 --> p2s5
      end
      p1 --> p2
    "#);
    assert_snapshot!(graph(&["--format", "dot"]), @r#"
    digraph hoist {
      rankdir=LR
      compound=true
      node [shape=box, style=rounded]
      subgraph cluster_1 {
        label="Hosts (all, 2 hosts)"
        p1s0 [label="base"]
      }
      subgraph cluster_2 {
        label="The \"platform\" (one, 1 host)"
        p2s0 [label="pre_tasks", shape=oval]
        p2s1 [label="storage"]
        p2s2 [label="ingress"]
        p2s3 [label="database"]
        p2s4 [label="app"]
        p2s5 [label="post_tasks", shape=oval]
      }
      p2s0 -> p2s1
      p2s0 -> p2s2
      p2s1 -> p2s3
      p2s3 -> p2s4
      p2s2 -> p2s4
      p2s4 -> p2s5
      p1s0 -> p2s0 [ltail=cluster_1, lhead=cluster_2]
    }
    "#);
    let svg = graph(&["--format", "svg"]);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    assert_eq!(svg.matches("class=\"line").count(), 6);
    assert!(svg.contains("The \"platform\" (one, 1 host)"), "{svg}");
    std::fs::write(
        dir.path().join("roles/storage/meta/main.yml"),
        "needs: [app]\n",
    )
    .unwrap();
    let shown = hoist(dir.path(), &["graph", "site.yml"]);
    assert_eq!(shown.status.code(), Some(4));
    assert_snapshot!(said(&shown.stderr), @"
    error: these roles wait for each other in a circle
     --> roles/storage/meta/main.yml:1:9
      |
    1 | needs: [app]
      |         ^^^
      note: `storage` needs `app` (roles/storage/meta/main.yml:1)
      note: `app` needs `sql`, which `database` provides (roles/app/meta/main.yml:1)
      note: `database` needs `storage` (roles/database/meta/main.yml:1)
    ");
}
