//! Keywords of tasks, blocks and loops.

use super::{Project, outline_of, task_mistakes};
use crate::playbook::Entry;
use insta::assert_snapshot;

#[test]
fn keywords_are_read() {
    let site = r#"
- hosts: all
  tasks:
    - name: one
      ping:
      when: a
      tags: x, y
      become: yes
      vars: {k: 1}
      notify: restart
    - block:
        - ping:
          when: [a, b is defined]
          tags: [x, "y, z", 3]
      rescue:
        - debug: msg=x
      always:
        - debug:
      name: outer
      notify: [a, b]
      delegate_to: localhost
    -
  handlers:
    - name: restart
      ping:
      listen: topic
"#;
    assert_snapshot!(outline_of(&[("site.yml", site)]), @r"
    play all
     tasks
      ping `one` tags[x & y] when[a] vars{'k': 1} become=True notify[restart]
      block delegate_to=localhost notify[a & b]
        ping tags[x & y, z & 3] when[a & b is defined]
      rescue
        debug {'msg': 'x'}
      always
        debug
     handlers
      ping `restart`
    ");
}

#[test]
fn wrong_types_are_told() {
    let cases = "    - ping:
      become: maybe
      port: [1]
      retries: many
      delay: 1.5
      timeout: 2.5
      until:
        a: b
      when: [[a]]
      environment: text
      vars: [a]
      module_defaults: {copy: 3}
      register: not-a-name
      name: [a]
";
    assert_snapshot!(task_mistakes(cases), @r"
    error: `become` takes a boolean, not the string `maybe`
     --> site.yml:4:15
      |
    4 |       become: maybe
      |               ^^^^^

    error: `port` takes an integer, not a list
     --> site.yml:5:13
      |
    5 |       port: [1]
      |             ^

    error: `retries` takes an integer, not the string `many`
     --> site.yml:6:16
      |
    6 |       retries: many
      |                ^^^^

    error: `timeout` takes an integer, not the float `2.5`
     --> site.yml:8:16
      |
    8 |       timeout: 2.5
      |                ^^^

    error: `until` takes a condition, not a mapping
      --> site.yml:10:9
       |
    10 |         a: b
       |         ^
      help: quote the whole condition when it holds a colon and a space

    error: `when` takes a condition, not a list in a list
      --> site.yml:11:14
       |
    11 |       when: [[a]]
       |              ^

    error: `environment` takes a mapping or a list of mappings, not the string `text`
      --> site.yml:12:20
       |
    12 |       environment: text
       |                    ^^^^

    error: `vars` takes a mapping of variables, not a list
      --> site.yml:13:13
       |
    13 |       vars: [a]
       |             ^

    error: the defaults of `copy` must be a mapping, not the integer `3`
      --> site.yml:14:31
       |
    14 |       module_defaults: {copy: 3}
       |                               ^

    error: `not-a-name` cannot be a variable's name
      --> site.yml:15:17
       |
    15 |       register: not-a-name
       |                 ^^^^^^^^^^
      note: a name begins with a letter or underscore and goes on with letters, digits and underscores; the words of Jinja are taken

    error: `name` takes text, not a list
      --> site.yml:16:13
       |
    16 |       name: [a]
       |             ^
    ");
    assert_snapshot!(task_mistakes("    - ping:\n      register: [a]\n      vars: {a-b: 1, 2x: 3, none: 4}\n"), @r"
    error: `register` takes a variable's name, not a list
     --> site.yml:4:17
      |
    4 |       register: [a]
      |                 ^

    error: `a-b` cannot be a variable's name
     --> site.yml:5:14
      |
    5 |       vars: {a-b: 1, 2x: 3, none: 4}
      |              ^^^
      note: a name begins with a letter or underscore and goes on with letters, digits and underscores; the words of Jinja are taken

    error: `2x` cannot be a variable's name
     --> site.yml:5:22
      |
    5 |       vars: {a-b: 1, 2x: 3, none: 4}
      |                      ^^
      note: a name begins with a letter or underscore and goes on with letters, digits and underscores; the words of Jinja are taken

    error: `none` cannot be a variable's name
     --> site.yml:5:29
      |
    5 |       vars: {a-b: 1, 2x: 3, none: 4}
      |                             ^^^^
      note: a name begins with a letter or underscore and goes on with letters, digits and underscores; the words of Jinja are taken
    ");
}

#[test]
fn keywords_have_their_place() {
    assert_snapshot!(task_mistakes("    - ping:\n      hosts: all\n      tasks: []\n      listen: x\n      roles: []\n"), @r"
    error: the keyword `hosts` cannot stand on a task
     --> site.yml:4:7
      |
    4 |       hosts: all
      |       ^^^^^
      note: it belongs on a play

    error: the keyword `tasks` cannot stand on a task
     --> site.yml:5:7
      |
    5 |       tasks: []
      |       ^^^^^
      note: it belongs on a play
      help: use `block`

    error: the keyword `listen` cannot stand on a task
     --> site.yml:6:7
      |
    6 |       listen: x
      |       ^^^^^^
      note: it belongs on a handler

    error: the keyword `roles` cannot stand on a task
     --> site.yml:7:7
      |
    7 |       roles: []
      |       ^^^^^
      note: it belongs on a play
    ");
    assert_snapshot!(task_mistakes("    - block: []\n      loop: [1]\n      register: x\n      wehn: y\n"), @r"
    error: the keyword `loop` cannot stand on a block
     --> site.yml:4:7
      |
    4 |       loop: [1]
      |       ^^^^
      note: it belongs on a task

    error: the keyword `register` cannot stand on a block
     --> site.yml:5:7
      |
    5 |       register: x
      |       ^^^^^^^^
      note: it belongs on a task

    error: a block has no keyword `wehn`
     --> site.yml:6:7
      |
    6 |       wehn: y
      |       ^^^^
      help: did you mean `when`?
    ");
    assert_snapshot!(task_mistakes("    - ping:\n      debugger: on_failed\n"), @r"
    error: the task debugger is not supported
     --> site.yml:4:17
      |
    4 |       debugger: on_failed
      |                 ^^^^^^^^^
      help: use `--step`, `-vvv`, or a `debug` task
    ");
    assert_snapshot!(task_mistakes("    - ping\n    - 3\n    - [a]\n"), @r"
    error: a task must be a mapping, not the string `ping`
     --> site.yml:3:7
      |
    3 |     - ping
      |       ^^^^
      help: to call a module without arguments write `ping:`

    error: a task must be a mapping, not the integer `3`
     --> site.yml:4:7
      |
    4 |     - 3
      |       ^

    error: a task must be a mapping, not a list
     --> site.yml:5:7
      |
    5 |     - [a]
      |       ^
    ");
    assert_snapshot!(task_mistakes("    - rescue: []\n"), @r"
    error: `rescue` needs a `block` beside it
     --> site.yml:3:7
      |
    3 |     - rescue: []
      |       ^^^^^^
    ");
    assert_snapshot!(task_mistakes("    ping:\n"), @r"
    error: this must be a list of tasks, not a mapping
     --> site.yml:3:5
      |
    3 |     ping:
      |     ^
    ");
}

#[test]
fn loops_are_checked() {
    assert_snapshot!(task_mistakes("    - ping:\n      loop: [1]\n      with_items: [2]\n"), @r"
    error: a task has one loop, and `with_items` is a second one
     --> site.yml:5:7
      |
    5 |       with_items: [2]
      |       ^^^^^^^^^^
    ");
    assert_snapshot!(task_mistakes("    - ping:\n      loop: users\n"), @r#"
    error: `loop` takes a list, not the string `users`
     --> site.yml:4:13
      |
    4 |       loop: users
      |             ^^^^^
      help: for a variable write `"{{ users }}"`
    "#);
    assert_snapshot!(task_mistakes("    - ping:\n      loop: {a: 1}\n"), @r"
    error: `loop` takes a list, not a mapping
     --> site.yml:4:13
      |
    4 |       loop: {a: 1}
      |             ^
      help: use `with_dict`, or the filter `dict2items`
    ");
    assert_snapshot!(task_mistakes("    - ping:\n      with_items:\n"), @r"
    error: `with_items` needs a value
     --> site.yml:4:7
      |
    4 |       with_items:
      |       ^^^^^^^^^^
    ");
    assert_snapshot!(task_mistakes("    - ping:\n      loop: [1]\n      loop_control: x\n"), @r"
    error: `loop_control` takes a mapping, not the string `x`
     --> site.yml:5:21
      |
    5 |       loop_control: x
      |                     ^
      note: it cannot be a template as a whole, only hold some
    ");
    assert_snapshot!(task_mistakes("    - ping:\n      loop: [1]\n      loop_control: {loop_vars: x, index_var: a-b, pause: long}\n"), @r"
    error: `loop_control` has no keyword `loop_vars`
     --> site.yml:5:22
      |
    5 |       loop_control: {loop_vars: x, index_var: a-b, pause: long}
      |                      ^^^^^^^^^
      help: did you mean `loop_var`?

    error: `a-b` cannot be a variable's name
     --> site.yml:5:47
      |
    5 |       loop_control: {loop_vars: x, index_var: a-b, pause: long}
      |                                               ^^^
      note: a name begins with a letter or underscore and goes on with letters, digits and underscores; the words of Jinja are taken

    error: `pause` takes a number, not the string `long`
     --> site.yml:5:59
      |
    5 |       loop_control: {loop_vars: x, index_var: a-b, pause: long}
      |                                                           ^^^^
    ");
    assert_snapshot!(outline_of(&[("site.yml", "- hosts: all\n  tasks:\n    - ping:\n      loop_control: {label: x}\n")]), @r"
    play all
     tasks
      ping
    warning: `loop_control` has no effect without a loop
    ");
}

#[test]
fn values_know_their_place() {
    let project = Project::new(&[(
        "site.yml",
        "- hosts: all\n  tasks:\n    - copy:\n        src: a\n        dest: b\n      when: x\n",
    )]);
    let playbook = project.load().unwrap();
    let Entry::Task(task) = &playbook.plays[0].tasks[0] else {
        panic!("a task")
    };
    assert_eq!(task.common.when[0].span.to_string(), "site.yml:6:13");
    assert_eq!(task.args.spans["dest"].to_string(), "site.yml:5:9");
    assert_eq!(task.args.values["dest"].to_string(), "site.yml:5:15");
}

#[test]
fn handlers_stand_in_lists_or_outer_blocks() {
    let site = "- hosts: all\n  handlers:\n    - block:\n        - block:\n            - ping:\n      always: []\n    - include_role: {name: x}\n    - meta: end_role\n";
    assert_snapshot!(super::mistakes(site), @r"
    error: a block inside a block cannot hold handlers
     --> site.yml:4:11
      |
    4 |         - block:
      |           ^

    error: `always` has no effect on handlers
     --> site.yml:6:7
      |
    6 |       always: []
      |       ^^^^^^

    error: `include_role` cannot be a handler
     --> site.yml:7:7
      |
    7 |     - include_role: {name: x}
      |       ^^^^^^^^^^^^
      help: handlers of a role are known once the role is used; name them in `notify`

    error: `meta: end_role` works among the tasks of a role only
     --> site.yml:8:13
      |
    8 |     - meta: end_role
      |             ^^^^^^^^
    ");
}
