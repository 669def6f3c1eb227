//! Whole projects checked.

use super::{Findings, Listing, check};
use crate::modules;
use crate::playbook::Loader;
use crate::template::Templar;
use insta::assert_snapshot;
use std::path::Path;

fn findings(files: &[(&str, &str)], only: &[&str], skip: &[&str]) -> Findings {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let loader = Loader::new(&dir.path().canonicalize().unwrap())
        .with_modules(|name| modules::find(name).is_some());
    let playbook = loader.playbook(Path::new("site.yml")).unwrap();
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    check(
        &playbook,
        &loader,
        &Templar::new(),
        &words(only),
        &words(skip),
    )
}

fn told(files: &[(&str, &str)], only: &[&str], skip: &[&str]) -> String {
    let findings = findings(files, only, skip);
    let mut out = findings.problems.to_string();
    for warning in findings.warnings {
        let text = warning.to_string().replacen("error", "warning", 1);
        out.push_str(&format!("\n\n{text}"));
    }
    out.trim().to_owned()
}

fn tasks(text: &str) -> String {
    told(
        &[("site.yml", &format!("- hosts: all\n  tasks:\n{text}"))],
        &[],
        &[],
    )
}

#[test]
fn modules_are_known() {
    assert_snapshot!(tasks("    - comand: ls\n    - community.general.parted: {state: absent}\n    - docker_container: {name: x}\n    - nonsense:\n    - wehn: x\n    - ansible.builtin.copi: {}\n    - ansible.legacy.command: ls\n"), @r"
    error: there is no module `comand`
     --> site.yml:3:7
      |
    3 |     - comand: ls
      |       ^^^^^^
      help: did you mean `command`?

    error: there is no module `community.general.parted`
     --> site.yml:4:7
      |
    4 |     - community.general.parted: {state: absent}
      |       ^^^^^^^^^^^^^^^^^^^^^^^^
      note: Ansible has it, hoist does not
      help: use `command: parted …` after a check of the partitions

    error: there is no module `docker_container`
     --> site.yml:5:7
      |
    5 |     - docker_container: {name: x}
      |       ^^^^^^^^^^^^^^^^
      note: Ansible has it, hoist does not
      help: use `command: docker …`, or a systemd unit

    error: there is no module `nonsense`
     --> site.yml:6:7
      |
    6 |     - nonsense:
      |       ^^^^^^^^

    error: there is no module `wehn`
     --> site.yml:7:7
      |
    7 |     - wehn: x
      |       ^^^^
      help: did you mean the keyword `when`?

    error: there is no module `ansible.builtin.copi`
     --> site.yml:8:7
      |
    8 |     - ansible.builtin.copi: {}
      |       ^^^^^^^^^^^^^^^^^^^^
      help: did you mean `ansible.builtin.copy`?
    ");
    let files = [
        (
            "site.yml",
            "- hosts: all\n  roles: [r]\n  tasks:\n    - mine: {a: b}\n",
        ),
        ("library/mine.py", ""),
        ("roles/r/tasks/main.yml", "- own: {}\n"),
        ("roles/r/library/own.py", ""),
    ];
    assert_snapshot!(told(&files, &[], &[]), @r"
    error: there is no module `own`
     --> roles/r/tasks/main.yml:1:3
      |
    1 | - own: {}
      |   ^^^
      note: roles/r/library/own.py is a plugin in Python, which hoist does not run
      help: call it with `script` or `command`, or use a built-in module

    error: there is no module `mine`
     --> site.yml:4:7
      |
    4 |     - mine: {a: b}
      |       ^^^^
      note: library/mine.py is a plugin in Python, which hoist does not run
      help: call it with `script` or `command`, or use a built-in module
    ");
}

#[test]
fn arguments_are_checked() {
    assert_snapshot!(tasks("    - file: {path: /x, stat: directory, mode: [1]}\n    - file: {path: /x, state: directry, recurse: maybe}\n    - file: {state: '{{ s }}', mode: '{{ m }}'}\n    - user: {name: xx, role: u}\n"), @r"
    error: `file` has no argument `stat`
     --> site.yml:3:24
      |
    3 |     - file: {path: /x, stat: directory, mode: [1]}
      |                        ^^^^
      help: did you mean `state`?

    error: argument `mode` must be a file mode like '0644' or u=rw,g=r, not list `[1]`
     --> site.yml:3:47
      |
    3 |     - file: {path: /x, stat: directory, mode: [1]}
      |                                               ^

    error: argument `state` must be one of absent, directory, file, hard, link, touch, not `directry`; did you mean `directory`?
     --> site.yml:4:31
      |
    4 |     - file: {path: /x, state: directry, recurse: maybe}
      |                               ^^^^^^^^

    error: argument `recurse` must be a boolean, not string `maybe`
     --> site.yml:4:50
      |
    4 |     - file: {path: /x, state: directry, recurse: maybe}
      |                                                  ^^^^^

    error: `file` needs the argument `path`
     --> site.yml:5:7
      |
    5 |     - file: {state: '{{ s }}', mode: '{{ m }}'}
      |       ^^^^
      note: path: the path

    error: the argument `role` of `user` is not supported
     --> site.yml:6:24
      |
    6 |     - user: {name: xx, role: u}
      |                        ^^^^
      note: it has no meaning on Linux
    ");
    assert_snapshot!(tasks("    - copy: {content: a, src: b, dest: /c}\n    - copy: {content: '{{ a }}', src: '{{ b }}', dest: /c}\n    - copy: text\n    - copy: {dest: /c, content: x, when: y}\n    - command:\n    - command: ls\n      args: {cmd: pwd}\n    - command:\n      args: '{{ x }}'\n    - debug: '{{ all }}'\n    - set_fact: {anything: goes}\n"), @r"
    error: there is no file `b`
     --> site.yml:3:31
      |
    3 |     - copy: {content: a, src: b, dest: /c}
      |                               ^
      note: not at files/b
      note: not at b

    error: `copy` needs the argument `dest`
     --> site.yml:5:7
      |
    5 |     - copy: text
      |       ^^^^
      note: dest: where it goes; a directory when it ends in `/`

    error: `copy` takes no text, but `text` is one
     --> site.yml:5:13
      |
    5 |     - copy: text
      |             ^^^^
      help: write the arguments as a mapping below it

    error: `copy` has no argument `when`
     --> site.yml:6:36
      |
    6 |     - copy: {dest: /c, content: x, when: y}
      |                                    ^^^^
      help: it is a keyword: indent it one level less

    error: `command`: one of these arguments is needed: cmd, argv
     --> site.yml:7:7
      |
    7 |     - command:
      |       ^^^^^^^

    error: `command` has its `cmd` twice, here as text
     --> site.yml:8:16
      |
    8 |     - command: ls
      |                ^^
    ");
}

#[test]
fn defaults_may_give_what_is_needed() {
    let site = "- hosts: all\n  module_defaults:\n    file: {path: /x}\n    nope: {}\n    group/k8s: {}\n  tasks:\n    - file: {state: touch}\n    - copy: {dest: /x}\n";
    assert_snapshot!(told(&[("site.yml", site)], &[], &[]), @r"
    error: `module_defaults`: there is no module `nope`
     --> site.yml:3:5
      |
    3 |     file: {path: /x}
      |     ^
      help: did you mean `copy`?

    error: `module_defaults`: `group/k8s` is a group of a collection's modules, which hoist does not have
     --> site.yml:3:5
      |
    3 |     file: {path: /x}
      |     ^
      help: name each module
    ");
}

#[test]
fn files_are_there() {
    let files = [
        (
            "site.yml",
            "- hosts: all\n  vars_files: [vars.yml, [no.yml, more.yml], none.yml]\n  roles: [r]\n  tasks:\n    - template: {src: x.j2, dest: /x}\n    - copy: {src: '{{ x }}', dest: /x}\n    - copy: {src: /remote, remote_src: yes, dest: /x}\n    - script: run.sh now\n    - include_vars: more.yml\n    - include_vars: {dir: nowhere}\n",
        ),
        ("vars.yml", "a: '{{ x | }}'\n"),
        ("vars/more.yml", "a: 1\n"),
        (
            "roles/r/tasks/main.yml",
            "- template: {src: a.j2, dest: /x}\n- template: {src: b.j2, dest: /x}\n- copy: {src: c.txt, dest: /x}\n- block:\n    - copy: {src: d.txt, dest: /x}\n  rescue:\n    - debug:\n- template: {src: a.j2, dest: /x, variable_start_string: '[['}\n",
        ),
        ("roles/r/templates/a.j2", "{{ x | }}"),
        ("roles/r/templates/bb.j2", ""),
        ("roles/r/files/c.txt", ""),
    ];
    assert_snapshot!(told(&files, &[], &[]), @r"
    error: template syntax: unexpected `}}`, expected identifier
     --> vars.yml:1:12
      |
    1 | a: '{{ x | }}'
      |            ^^

    error: there is no file of variables `none.yml`
     --> site.yml:2:46
      |
    2 |   vars_files: [vars.yml, [no.yml, more.yml], none.yml]
      |                                              ^^^^^^^^
      note: not at none.yml
      note: not at vars/none.yml

    error: there is no template `x.j2`
     --> site.yml:5:23
      |
    5 |     - template: {src: x.j2, dest: /x}
      |                       ^^^^
      note: not at templates/x.j2
      note: not at x.j2

    error: there is no file `run.sh`
     --> site.yml:8:15
      |
    8 |     - script: run.sh now
      |               ^^^^^^^^^^
      note: not at files/run.sh
      note: not at run.sh

    error: there is no file of variables `nowhere`
      --> site.yml:10:27
       |
    10 |     - include_vars: {dir: nowhere}
       |                           ^^^^^^^
      note: not at vars/nowhere
      note: not at nowhere

    error: template syntax: unexpected `}}`, expected identifier
     --> roles/r/templates/a.j2:1:8
      |
    1 | {{ x | }}
      |        ^^

    error: there is no template `b.j2`
     --> roles/r/tasks/main.yml:2:19
      |
    2 | - template: {src: b.j2, dest: /x}
      |                   ^^^^
      note: not at roles/r/templates/b.j2
      note: not at roles/r/b.j2
      note: not at roles/r/tasks/templates/b.j2
      note: not at roles/r/tasks/b.j2
      note: not at templates/b.j2
      note: not at b.j2
      help: did you mean `a.j2`?

    warning: there is no file `d.txt`
     --> roles/r/tasks/main.yml:5:19
      |
    5 |     - copy: {src: d.txt, dest: /x}
      |                   ^^^^^
      note: not at roles/r/files/d.txt
      note: not at roles/r/d.txt
      note: not at roles/r/tasks/files/d.txt
      note: not at roles/r/tasks/d.txt
      note: not at files/d.txt
      note: not at d.txt
      help: did you mean `c.txt`?
    ");
}

#[test]
fn what_is_made_here_may_be_missing() {
    let site = "- hosts: all\n  tasks:\n    - fetch: {src: /etc/kubeconfig, dest: ./kubeconfig, flat: yes}\n    - copy: {src: kubeconfig, dest: /x}\n    - command: make bundle.tgz\n      delegate_to: localhost\n    - copy: {src: bundle.tgz, dest: /x}\n    - copy: {src: made.txt, dest: /x}\n    - copy: {src: other, dest: /x}\n- hosts: [localhost]\n  tasks:\n    - command: touch made.txt\n";
    assert_snapshot!(told(&[("site.yml", site)], &[], &[]), @r"
    error: there is no file `other`
     --> site.yml:9:19
      |
    9 |     - copy: {src: other, dest: /x}
      |                   ^^^^^
      note: not at files/other
      note: not at other
    ");
}

#[test]
fn templates_are_checked_everywhere() {
    let site = "- hosts: '{{ x | no1 }}'\n  vars: {a: '{{ x | no2 }}'}\n  tasks:\n    - block:\n        - debug: {msg: '{{ x | no3 }}'}\n          when: a is no4\n          loop: ['{{ x | no5 }}']\n          loop_control: {label: '{{ x | no6 }}'}\n          changed_when: ['a | no7']\n          environment: {A: '{{ x | no8 }}'}\n      when: ok\n      vars: {b: ['{{ x | no9 }}']}\n    - assert: {that: ['x | noa', fine]}\n    - debug: {var: 'x | nob'}\n    - include_tasks: t.yml\n  roles:\n    - {role: r, p: '{{ x | nod }}'}\n";
    let files = [
        ("site.yml", site),
        (
            "t.yml",
            "- debug: {msg: '{{ x | noc }}'}\n- include_tasks: t.yml\n  when: more\n",
        ),
        ("roles/r/defaults/main.yml", "x: '{{ x | noe }}'\n"),
    ];
    let told = told(&files, &[], &[]);
    let marks: String = told
        .lines()
        .filter(|l| l.starts_with("error"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_snapshot!(marks, @r"
    error: unknown filter `no1`
    error: unknown filter `no2`
    error: unknown filter `no3`
    error: unknown test `no4`
    error: unknown filter `no5`
    error: unknown filter `no6`
    error: unknown filter `no7`
    error: unknown filter `no8`
    error: unknown filter `no9`
    error: unknown filter `noa`
    error: unknown filter `nob`
    error: unknown filter `nod`
    error: unknown filter `noe`
    error: unknown filter `noc`
    ");
}

#[test]
fn plugins_are_built_in() {
    let site = "- hosts: all\n  strategy: mitogen_linear\n  order: random\n  connection: winrm\n  tasks:\n    - ping:\n      become_method: runas\n      connection: ansible.builtin.local\n    - ping:\n      with_redis: x\n    - ping:\n      with_nothing: x\n    - ping:\n      connection: lokal\n";
    assert_snapshot!(told(&[("site.yml", site)], &[], &[]), @r"
    error: `strategy: mitogen_linear` is not supported
     --> site.yml:2:13
      |
    2 |   strategy: mitogen_linear
      |             ^^^^^^^^^^^^^^
      note: there are linear, free, graph
      help: leave it out: hoist needs no help to be fast

    error: `order: random` is not supported
     --> site.yml:3:10
      |
    3 |   order: random
      |          ^^^^^^
      note: there are inventory, reverse_inventory, sorted, reverse_sorted, shuffle

    error: `connection: winrm` is not supported
     --> site.yml:4:15
      |
    4 |   connection: winrm
      |               ^^^^^
      note: there are ssh, smart, local
      help: hoist works on Linux hosts only

    error: `become_method: runas` is not supported
     --> site.yml:7:22
      |
    7 |       become_method: runas
      |                      ^^^^^
      note: there are sudo, su, doas
      help: use `sudo`, `su` or `doas`

    error: the lookup `redis` is not supported
      --> site.yml:10:19
       |
    10 |       with_redis: x
       |                   ^
      help: put the value in a variable

    error: unknown lookup `nothing`
      --> site.yml:12:21
       |
    12 |       with_nothing: x
       |                     ^

    error: `connection: lokal` is not supported
      --> site.yml:14:19
       |
    14 |       connection: lokal
       |                   ^^^^^
      note: there are ssh, smart, local
      help: did you mean `local`?
    ");
}

#[test]
fn handlers_are_there() {
    let files = [
        (
            "site.yml",
            "- hosts: all\n  roles: [r]\n  tasks:\n    - ping:\n      notify: [restart web, Restart Web, topic, 'r : restart role', restart role, reload x, restart wbe, '{{ any }}', from include]\n    - include_role: {name: s}\n  handlers:\n    - name: restart web\n      ping:\n      listen: topic\n    - name: reload {{ x }}\n      ping:\n",
        ),
        (
            "roles/r/handlers/main.yml",
            "- name: restart role\n  ping:\n",
        ),
        (
            "roles/s/handlers/main.yml",
            "- name: from include\n  ping:\n",
        ),
        ("roles/s/tasks/main.yml", "- ping:\n  notify: nobody\n"),
    ];
    assert_snapshot!(told(&files, &[], &[]), @r"
    error: no handler is called `Restart Web`
     --> site.yml:5:29
      |
    5 |       notify: [restart web, Restart Web, topic, 'r : restart role', restart role, reload x, restart wbe, '{{ any }}', from include]
      |                             ^^^^^^^^^^^
      help: did you mean `restart web`?

    error: no handler is called `restart wbe`
     --> site.yml:5:93
      |
    5 |       notify: [restart web, Restart Web, topic, 'r : restart role', restart role, reload x, restart wbe, '{{ any }}', from include]
      |                                                                                             ^^^^^^^^^^^
      help: did you mean `restart web`?

    error: no handler is called `nobody`
     --> roles/s/tasks/main.yml:2:11
      |
    2 |   notify: nobody
      |           ^^^^^^
      note: neither the play nor its roles have one of that name, and none listens to it
    ");
    let open = "- hosts: all\n  tasks:\n    - ping:\n      notify: later\n    - include_role: {name: '{{ x }}'}\n";
    assert_snapshot!(told(&[("site.yml", open)], &[], &[]), @"");
}

#[test]
fn includes_are_followed() {
    let files = [
        (
            "site.yml",
            "- hosts: all\n  tasks:\n    - include_tasks: a.yml\n    - include_tasks: '{{ x }}.yml'\n    - include_role: {name: r, tasks_from: nope}\n    - include_role: {name: gone}\n",
        ),
        ("a.yml", "- include_tasks: sub/b.yml\n- copi: {}\n"),
        (
            "sub/b.yml",
            "- include_tasks: a.yml\n  when: again\n- include_tasks: lost.yml\n",
        ),
        ("roles/r/tasks/main.yml", "- ping:\n"),
    ];
    assert_snapshot!(told(&files, &[], &[]), @r"
    error: there is no module `copi`
     --> a.yml:2:3
      |
    2 | - copi: {}
      |   ^^^^
      help: did you mean `copy`?

    error: there is no file of tasks `lost.yml`
     --> sub/b.yml:3:18
      |
    3 | - include_tasks: lost.yml
      |                  ^^^^^^^^
      note: not at sub/lost.yml
      note: not at lost.yml

    error: the role has no file `nope` in `roles/r/tasks`
     --> site.yml:5:28
      |
    5 |     - include_role: {name: r, tasks_from: nope}
      |                            ^
      note: it has main

    error: there is no role `gone`
     --> site.yml:6:28
      |
    6 |     - include_role: {name: gone}
      |                            ^^^^
      note: not at roles/gone
      note: not at gone
    ");
}

const TAGGED: &[(&str, &str)] = &[
    (
        "site.yml",
        "- hosts: all\n  tags: play\n  tasks:\n    - name: one\n      ping:\n      tags: [web, never]\n    - include_tasks: a.yml\n    - include_tasks: {file: b.yml, apply: {tags: applied}}\n      tags: always\n    - name: two\n      ping:\n      tags: always\n    - block:\n        - ping:\n      always:\n        - name: unlisted\n          ping:\n  roles: [r]\n",
    ),
    ("a.yml", "- ping:\n  tags: inner\n"),
    ("b.yml", "- ping:\n  tags: other\n"),
    (
        "roles/r/tasks/main.yml",
        "- name: three\n  ping:\n  tags: [role, web]\n",
    ),
];

#[test]
fn tags_select_something() {
    assert_snapshot!(told(TAGGED, &["wbe"], &[]), @r"
    error: `--tags wbe`: no task has this tag
      help: did you mean `web`?
    ");
    assert_snapshot!(told(TAGGED, &["inner"], &["nothing"]), @r"
    warning: `--tags inner` does not reach the tasks behind this include
     --> site.yml:7:7
      |
    7 |     - include_tasks: a.yml
      |       ^^^^^^^^^^^^^
      note: the include itself is not selected, so its tasks are never read
      help: give the include the tag `always`, or the same tag

    warning: `--skip-tags nothing`: no task has this tag
      note: there are always, applied, never, other, play, role, web
    ");
    assert_snapshot!(told(TAGGED, &["applied", "other", "web"], &[]), @"");
    assert_snapshot!(told(&[("site.yml", "- hosts: all\n  tasks:\n    - ping:\n      tags: a\n")], &["a"], &["a"]), @"warning: these tags select no task at all");
}

#[test]
fn lists_look_as_in_ansible() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in TAGGED {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let playbook = Loader::new(dir.path())
        .playbook(Path::new("site.yml"))
        .unwrap();
    let listing = Listing {
        tasks: true,
        tags: true,
        hosts: true,
        ..Listing::default()
    };
    let text = listing.text(Path::new("site.yml"), &playbook, &|_| {
        vec!["h1".to_owned(), "h2".to_owned()]
    });
    assert_snapshot!(text, @r"

    playbook: site.yml

      play #1 (all): all	TAGS: [play]
        pattern: ['all']
        hosts (2):
          h1
          h2
        tasks:
          r : three	TAGS: [play, role, web]
          one	TAGS: [never, play, web]
          include_tasks	TAGS: [play]
          include_tasks	TAGS: [always, play]
          two	TAGS: [always, play]
          ping	TAGS: [play]
          TASK TAGS: [always, never, play, role, web]
    ");
    let only = Listing {
        tasks: true,
        only: vec!["web".to_owned()],
        ..Listing::default()
    };
    assert_snapshot!(only.text(Path::new("site.yml"), &playbook, &|_| Vec::new()), @r"

    playbook: site.yml

      play #1 (all): all	TAGS: [play]
        tasks:
          r : three	TAGS: [play, role, web]
          one	TAGS: [never, play, web]
          include_tasks	TAGS: [always, play]
          two	TAGS: [always, play]
    ");
}

#[test]
fn includes_that_cannot_end_are_found() {
    let site = "- hosts: all\n  tasks:\n    - include_tasks: a.yml\n";
    assert_snapshot!(told(&[
        ("site.yml", site),
        ("a.yml", "- ping:\n- block:\n    - include_tasks: b.yml\n"),
        ("b.yml", "- import_tasks: c.yml\n"),
        ("c.yml", "- include_tasks: a.yml\n"),
    ], &[], &[]), @r"
    error: includes lead back to themselves
     --> a.yml:3:7
      |
    3 |     - include_tasks: b.yml
      |       ^^^^^^^^^^^^^
      note: a.yml:3 -> c.yml:1 -> a.yml:3
      help: give one of them a condition that ends it
    ");
    assert_snapshot!(told(&[
        ("site.yml", "- hosts: all\n  tasks:\n    - include_role: {name: one}\n      when: yes\n"),
        ("roles/one/tasks/main.yml", "- include_role:\n    name: two\n"),
        ("roles/two/tasks/main.yml", "- include_role:\n    name: one\n"),
    ], &[], &[]), @r"
    error: includes lead back to themselves
     --> roles/one/tasks/main.yml:1:3
      |
    1 | - include_role:
      |   ^^^^^^^^^^^^
      note: roles/one/tasks/main.yml:1 -> roles/two/tasks/main.yml:1 -> roles/one/tasks/main.yml:1
      help: give one of them a condition that ends it
    ");
    // Anything that may end it is enough.
    for (a, b) in [
        (
            "- include_tasks: b.yml\n  when: more\n",
            "- include_tasks: a.yml\n",
        ),
        (
            "- include_tasks: b.yml\n",
            "- include_tasks: a.yml\n  loop: '{{ more }}'\n",
        ),
        (
            "- block:\n    - include_tasks: b.yml\n  when: more\n",
            "- include_tasks: a.yml\n",
        ),
        (
            "- include_tasks: {file: b.yml, apply: {when: more}}\n",
            "- include_tasks: a.yml\n",
        ),
        (
            "- block: [ping: ]\n  rescue:\n    - include_tasks: b.yml\n",
            "- include_tasks: a.yml\n",
        ),
        (
            "- meta: end_host\n  when: enough\n- include_tasks: b.yml\n",
            "- include_tasks: a.yml\n",
        ),
        (
            "- include_tasks: '{{ next }}.yml'\n",
            "- include_tasks: a.yml\n",
        ),
    ] {
        let files = [("site.yml", site), ("a.yml", a), ("b.yml", b)];
        assert_eq!(told(&files, &[], &[]), "", "{a} {b}");
    }
    // An include that is not selected is not followed when the run comes to it.
    let files = [
        (
            "site.yml",
            "- hosts: all\n  tasks:\n    - include_tasks: a.yml\n      tags: [always]\n",
        ),
        ("a.yml", "- include_tasks: a.yml\n  tags: [never, again]\n"),
    ];
    assert_eq!(told(&files, &[], &[]), "");
    assert!(told(&files, &["again"], &[]).contains("includes lead back to themselves"));
}

#[test]
fn templates_that_others_take_in_are_checked() {
    let task = "- hosts: all\n  tasks:\n    - template: {src: t.j2, dest: /x}\n    - template: {src: t.j2, dest: /y}\n";
    assert_snapshot!(told(&[
        ("site.yml", task),
        ("templates/t.j2", "{% extends 'base.j2' %}\n{% block a %}{% include 'part.j2' %}{% include 'gone.j2' %}{% endblock %}\n"),
        ("templates/base.j2", "{% import 'm.j2' as m %}{% block a %}{% endblock %}{% include 'x.j2' ignore missing %}"),
        ("templates/m.j2", "{{ 1 | nofilter }}\n"),
        ("templates/part.j2", "{% for %}\n"),
    ], &[], &[]), @r"
    error: unknown filter `nofilter`
     --> templates/m.j2:1:8
      |
    1 | {{ 1 | nofilter }}
      |        ^^^^^^^^

    error: template syntax: unexpected `%}`, expected in
     --> templates/part.j2:1:8
      |
    1 | {% for %}
      |        ^^

    error: there is no template `gone.j2`
     --> templates/t.j2:2:48
      |
    2 | {% block a %}{% include 'part.j2' %}{% include 'gone.j2' %}{% endblock %}
      |                                                ^^^^^^^^^
      note: not at templates/gone.j2
      note: not at gone.j2
    ");
    assert_snapshot!(told(&[
        ("site.yml", task),
        ("templates/t.j2", "{% include 'u.j2' %}"),
        ("templates/u.j2", "x\n{% include ['no.j2', 't.j2'] %}"),
    ], &[], &[]), @r"
    error: templates lead back to themselves
     --> templates/u.j2:2:12
      |
    2 | {% include ['no.j2', 't.j2'] %}
      |            ^^^^^^^^^^^^^^^^^
      note: templates/t.j2 -> templates/u.j2 -> templates/t.j2
      help: give one of them a condition that ends it
    ");
    // A template that calls itself under a condition ends where the condition says.
    let fine = [
        ("site.yml", task),
        (
            "templates/t.j2",
            "{% if tree %}{% include 't.j2' %}{% endif %}{% include 'sub/v.j2' %}",
        ),
        (
            "templates/sub/v.j2",
            "{% for i in x %}{% include 'sub/v.j2' %}{% endfor %}",
        ),
    ];
    assert_eq!(told(&fine, &[], &[]), "");
}

#[test]
fn needs_of_roles_are_known_and_can_be_met() {
    let site = "- hosts: all\n  strategy: graph\n  roles: [app, web]\n";
    let others = [
        ("roles/app/tasks/main.yml", "- ping:\n"),
        (
            "roles/app/meta/main.yml",
            "needs:\n  - postgres\n  - database\n  - storag\n  - web\n  - nonsense\n",
        ),
        ("roles/web/tasks/main.yml", "- ping:\n"),
        // not in the play: taken to be there
        ("roles/postgres/meta/main.yml", "provides: [database]\n"),
        ("roles/x/meta/main.yml", "provides: [storage]\n"),
    ];
    let with = |site: &'static str| {
        let files: Vec<(&str, &str)> = [("site.yml", site)].into_iter().chain(others).collect();
        told(&files, &[], &[])
    };
    assert_snapshot!(with(site), @"
    error: role `app` needs `storag`, which no role provides
     --> roles/app/meta/main.yml:4:5
      |
    4 |   - storag
      |     ^^^^^^
      note: a need is the name of a role, or a word of the `provides` in a role's meta/main.yml
      help: did you mean `storage`?

    error: role `app` needs `nonsense`, which no role provides
     --> roles/app/meta/main.yml:6:5
      |
    6 |   - nonsense
      |     ^^^^^^^^
      note: a need is the name of a role, or a word of the `provides` in a role's meta/main.yml

    warning: `web` says nothing of what it needs, so it waits for nothing
     --> site.yml:2:13
      |
    2 |   strategy: graph
      |             ^^^^^
      help: write `needs: [ROLE, …]` in the role's meta/main.yml; `needs: []` where that is right
    ");
    let listed = "- hosts: all\n  roles: [app, web]\n";
    assert_snapshot!(with(listed), @"
    error: role `app` needs `storag`, which no role provides
     --> roles/app/meta/main.yml:4:5
      |
    4 |   - storag
      |     ^^^^^^
      note: a need is the name of a role, or a word of the `provides` in a role's meta/main.yml
      help: did you mean `storage`?

    error: role `app` needs `nonsense`, which no role provides
     --> roles/app/meta/main.yml:6:5
      |
    6 |   - nonsense
      |     ^^^^^^^^
      note: a need is the name of a role, or a word of the `provides` in a role's meta/main.yml

    warning: role `app` runs before `web`, which it needs
     --> site.yml:2:11
      |
    2 |   roles: [app, web]
      |           ^^^
      note: it says so in roles/app/meta/main.yml:5
      help: change their order, or write `strategy: graph` in the play
    ");
}
