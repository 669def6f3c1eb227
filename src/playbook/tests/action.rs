//! Actions and arguments in all their forms.

use super::{outline_of, task_mistakes};
use insta::assert_snapshot;

#[test]
fn every_form_of_arguments_is_read() {
    let site = r#"
- hosts: all
  tasks:
    - ping:
    - copy: {src: a, dest: b}
    - copy: src=a dest="b c" mode=0644
    - command: echo hi chdir=/tmp a=b
    - command: echo hi
      args:
        chdir: /tmp
    - copy: src=over
      args: {src: under, dest: b}
    - debug:
      args: "{{ arguments }}"
    - action: copy src=a dest=b
    - action:
        module: copy src=a
        dest: b
        args:
          mode: "0644"
    - local_action: command ls -l
    - local_action:
        module: copy
        src: a
    - action: "{{ pkg_mgr }} name=x state={{ s }}"
    - ansible.builtin.shell: |
        set -e
        ls | wc -l
    - user: name=x
"#;
    assert_snapshot!(outline_of(&[("site.yml", site)]), @r#"
    play all
     tasks
      ping
      copy {'src': 'a', 'dest': 'b'}
      copy {'src': 'a', 'dest': 'b c', 'mode': '0644'}
      command {'chdir': '/tmp'} free="echo hi a=b"
      command {'chdir': '/tmp'} free="echo hi"
      copy {'src': 'over', 'dest': 'b'}
      debug
      copy {'src': 'a', 'dest': 'b'}
      copy {'dest': 'b', 'mode': '0644', 'src': 'a'}
      command free="ls -l" delegate_to=localhost
      copy {'src': 'a'} delegate_to=localhost
      templated {{ pkg_mgr }} {'name': 'x', 'state': '{{ s }}'}
      ansible.builtin.shell free="set -e\nls | wc -l\n"
      user {'name': 'x'}
    "#);
}

#[test]
fn a_task_has_one_action() {
    assert_snapshot!(task_mistakes("    - copy: {src: a}\n      file: {path: b}\n"), @r"
    error: a task does one thing, not `copy` and `file`
     --> site.yml:4:7
      |
    4 |       file: {path: b}
      |       ^^^^
      help: make a task of each
    ");
    assert_snapshot!(task_mistakes("    - name: nothing\n      when: x\n"), @r"
    error: a task needs a module
     --> site.yml:3:7
      |
    3 |     - name: nothing
      |       ^^^^
      note: none of its keys is one
    ");
    assert_snapshot!(task_mistakes("    - copy:\n      src: a\n      dest: b\n"), @r"
    error: a task has no keyword `src`
     --> site.yml:4:7
      |
    4 |       src: a
      |       ^^^
      help: if it is an argument of `copy`, indent it below that line; a task has one module only

    error: a task has no keyword `dest`
     --> site.yml:5:7
      |
    5 |       dest: b
      |       ^^^^
      help: if it is an argument of `copy`, indent it below that line; a task has one module only
    ");
    assert_snapshot!(task_mistakes("    - command: ls\n      wehn: x\n"), @r"
    error: a task has no keyword `wehn`
     --> site.yml:4:7
      |
    4 |       wehn: x
      |       ^^^^
      help: did you mean `when`?
    ");
    assert_snapshot!(task_mistakes("    - wehn: x\n      name: y\n"), @"no mistakes");
    assert_snapshot!(task_mistakes("    - action: copy src=a\n      command: ls\n"), @r"
    error: a task does one thing, not `action` and `command`
     --> site.yml:4:7
      |
    4 |       command: ls
      |       ^^^^^^^
      help: make a task of each
    ");
}

#[test]
fn arguments_have_a_type() {
    assert_snapshot!(task_mistakes("    - copy: [a, b]\n"), @r"
    error: `copy` takes a mapping of arguments, not a list
     --> site.yml:3:13
      |
    3 |     - copy: [a, b]
      |             ^
    ");
    assert_snapshot!(task_mistakes("    - copy: yes\n"), @r"
    error: `copy` takes a mapping of arguments, not the boolean `True`
     --> site.yml:3:13
      |
    3 |     - copy: yes
      |             ^^^
    ");
    assert_snapshot!(task_mistakes("    - copy: {src: a}\n      args: text\n"), @r"
    error: `args` takes a mapping of arguments, not the string `text`
     --> site.yml:4:13
      |
    4 |       args: text
      |             ^^^^
    ");
    assert_snapshot!(task_mistakes("    - action: {src: a}\n"), @r"
    error: the mapping under `action` needs a `module`
     --> site.yml:3:15
      |
    3 |     - action: {src: a}
      |               ^
    ");
    assert_snapshot!(task_mistakes("    - action: [a]\n"), @r"
    error: `action` takes a module and its arguments, not a list
     --> site.yml:3:15
      |
    3 |     - action: [a]
      |               ^
    ");
    assert_snapshot!(task_mistakes("    - copy: src=a dest=\"b\n"), @r#"
    error: these arguments cannot be taken apart: a quote is not closed
     --> site.yml:3:13
      |
    3 |     - copy: src=a dest="b
      |             ^^^^^^^^^^^^^
      help: write the arguments as a mapping (for a command: `cmd: …`)
    "#);
    assert_snapshot!(task_mistakes("    - copy: src=a dest={{ b\n"), @r"
    error: these arguments cannot be taken apart: `{{` is not closed
     --> site.yml:3:13
      |
    3 |     - copy: src=a dest={{ b
      |             ^^^^^^^^^^^^^^^
      help: write the arguments as a mapping (for a command: `cmd: …`)
    ");
}

#[test]
fn meta_takes_one_word() {
    assert_snapshot!(task_mistakes("    - meta: flush_handler\n"), @r"
    error: `meta` does not know `flush_handler`
     --> site.yml:3:13
      |
    3 |     - meta: flush_handler
      |             ^^^^^^^^^^^^^
      note: known are flush_handlers, refresh_inventory, noop, clear_facts, clear_host_errors, end_play, end_host, end_batch, end_role, reset_connection
      help: did you mean `flush_handlers`?
    ");
    assert_snapshot!(task_mistakes("    - meta: '{{ x }}'\n"), @r"
    error: `meta` takes one word, written out
     --> site.yml:3:13
      |
    3 |     - meta: '{{ x }}'
      |             ^^^^^^^^^
      note: known are flush_handlers, refresh_inventory, noop, clear_facts, clear_host_errors, end_play, end_host, end_batch, end_role, reset_connection
    ");
    assert_snapshot!(task_mistakes("    - meta:\n"), @r"
    error: `meta` takes one word, written out
     --> site.yml:3:7
      |
    3 |     - meta:
      |       ^^^^
      note: known are flush_handlers, refresh_inventory, noop, clear_facts, clear_host_errors, end_play, end_host, end_batch, end_role, reset_connection
    ");
    assert_snapshot!(task_mistakes("    - meta: end_role\n"), @r"
    error: `meta: end_role` works among the tasks of a role only
     --> site.yml:3:13
      |
    3 |     - meta: end_role
      |             ^^^^^^^^
    ");
    assert_snapshot!(task_mistakes("    - meta: end_host\n"), @"no mistakes");
}
