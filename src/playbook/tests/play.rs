//! Plays and imported playbooks.

use super::{Project, mistakes, mistakes_of, outline_of};
use insta::assert_snapshot;

#[test]
fn a_playbook_is_a_list_of_plays() {
    assert_snapshot!(mistakes(""), @"error: `site.yml` is empty: there is nothing to do");
    assert_snapshot!(mistakes("[]"), @"error: `site.yml` holds no play");
    assert_snapshot!(mistakes("hosts: all\ntasks: []\n"), @r"
    error: a playbook is a list of plays, not a mapping
     --> site.yml:1:1
      |
    1 | hosts: all
      | ^
      help: begin the play with `- `
    ");
    assert_snapshot!(mistakes("- text\n"), @r"
    error: a play is a mapping, not the string `text`
     --> site.yml:1:3
      |
    1 | - text
      |   ^^^^
    ");
    assert_snapshot!(mistakes("- name: x\n  debug:\n"), @r"
    error: a play needs `hosts`
     --> site.yml:1:3
      |
    1 | - name: x
      |   ^
      note: is this a file of tasks? a playbook is a list of plays

    error: a play has no keyword `debug`
     --> site.yml:2:3
      |
    2 |   debug:
      |   ^^^^^
      help: did you mean `debugger`?
    ");
    assert_snapshot!(mistakes("- hosts: all\n  tasks: {}\n  roles: {x: y}\n"), @r"
    error: this must be a list of tasks, not a mapping
     --> site.yml:2:10
      |
    2 |   tasks: {}
      |          ^

    error: `roles` takes a list of roles, not a mapping
     --> site.yml:3:10
      |
    3 |   roles: {x: y}
      |          ^

    error: an entry of roles needs a `role`, the name
     --> site.yml:3:10
      |
    3 |   roles: {x: y}
      |          ^
      help: write `- role: NAME`
    ");
}

#[test]
fn a_missing_playbook_is_told() {
    let project = Project::new(&[]);
    assert_snapshot!(project.load().unwrap_err(), @"error: cannot read `site.yml`: there is no such file");
}

#[test]
fn hosts_are_checked() {
    assert_snapshot!(mistakes("- hosts:\n"), @r"
    error: `hosts` is empty
     --> site.yml:1:3
      |
    1 | - hosts:
      |   ^^^^^
    ");
    assert_snapshot!(mistakes("- hosts: []\n"), @r"
    error: `hosts` is empty
     --> site.yml:1:3
      |
    1 | - hosts: []
      |   ^^^^^
    ");
    assert_snapshot!(mistakes("- hosts: [a, 3]\n"), @r"
    error: `hosts` takes a pattern or a list of patterns, not the integer `3`
     --> site.yml:1:14
      |
    1 | - hosts: [a, 3]
      |              ^
    ");
    assert_snapshot!(mistakes("- hosts: {a: b}\n"), @r"
    error: `hosts` takes a pattern or a list of patterns, not a mapping
     --> site.yml:1:10
      |
    1 | - hosts: {a: b}
      |          ^
    ");
    assert_snapshot!(mistakes("- tasks: []\n"), @r"
    error: a play needs `hosts`
     --> site.yml:1:3
      |
    1 | - tasks: []
      |   ^
    ");
}

#[test]
fn play_keywords_are_checked() {
    let site = "
- hosts: all
  when: x
  gather_fact: no
  delegate_to: y
  user: a
  remote_user: b
  max_fail_percentage: 30%
  serial: [1, 50%, most]
  roles: web
  vars_files: [a.yml, [b.yml, c.yml], {d: e}]
  vars_prompt:
    - name: ok
      promt: x
    - prompt: y
    - name: z
      private: maybe
";
    assert_snapshot!(mistakes(site), @r"
    error: the keyword `when` cannot stand on a play
     --> site.yml:3:3
      |
    3 |   when: x
      |   ^^^^
      note: it belongs on a block, a task, a role, `import_playbook`
      help: put it on the tasks, on a block around them, on the roles, or use `meta: end_play`

    error: a play has no keyword `gather_fact`
     --> site.yml:4:3
      |
    4 |   gather_fact: no
      |   ^^^^^^^^^^^
      help: did you mean `gather_facts`?

    error: the keyword `delegate_to` cannot stand on a play
     --> site.yml:5:3
      |
    5 |   delegate_to: y
      |   ^^^^^^^^^^^
      note: it belongs on a block, a task, a role

    error: `user` is the old name of `remote_user`, and both are given
     --> site.yml:6:3
      |
    6 |   user: a
      |   ^^^^

    error: `serial` takes a number or a percentage, not the string `most`
     --> site.yml:9:20
      |
    9 |   serial: [1, 50%, most]
      |                    ^^^^

    error: `roles` takes a list of roles, not the string `web`
      --> site.yml:10:10
       |
    10 |   roles: web
       |          ^^^

    error: there is no role `web`
      --> site.yml:10:10
       |
    10 |   roles: web
       |          ^^^
      note: not at roles/web
      note: not at web

    error: `vars_files` takes names of files, not a mapping
      --> site.yml:11:39
       |
    11 |   vars_files: [a.yml, [b.yml, c.yml], {d: e}]
       |                                       ^
      note: a list in the list means: the first of these that exists

    error: `vars_prompt` has no key `promt`
      --> site.yml:14:7
       |
    14 |       promt: x
       |       ^^^^^
      help: did you mean `prompt`?

    error: an entry of `vars_prompt` needs a `name`, the variable
      --> site.yml:15:7
       |
    15 |     - prompt: y
       |       ^

    error: `private` takes a boolean, not the string `maybe`
      --> site.yml:17:16
       |
    17 |       private: maybe
       |                ^^^^^
    ");
}

#[test]
fn imports_bring_their_when_tags_and_vars() {
    let files = [
        (
            "site.yml",
            "- import_playbook: sub/a.yml\n  when: outer\n  tags: t\n  vars: {x: outer, y: outer}\n- hosts: last\n",
        ),
        (
            "sub/a.yml",
            "- ansible.builtin.import_playbook: b.yml\n  when: inner\n  vars: {x: inner, z: inner}\n",
        ),
        (
            "sub/b.yml",
            "- hosts: web\n  tags: own\n  vars: {x: own, w: own}\n  tasks:\n    - import_tasks: tasks/{{ w }}.yml\n",
        ),
        ("sub/tasks/own.yml", "- ping:\n"),
    ];
    assert_snapshot!(outline_of(&files), @r"
    play web tags[own & t] vars{'x': 'outer', 'w': 'own', 'z': 'inner', 'y': 'outer'}
     when outer & inner
     tasks
      file own.yml
        ping
    play last
    ");
    let project = Project::new(&files);
    let playbook = project.load().unwrap();
    assert_eq!(playbook.plays[0].dir, project.path().join("sub"));
    assert_eq!(playbook.plays[0].path.display().to_string(), "sub/b.yml");
}

#[test]
fn imports_are_checked() {
    assert_snapshot!(mistakes("- import_playbook: nope.yml\n- import_playbook:\n- import_playbook: x.yml\n  hosts: all\n"), @r"
    error: there is no playbook `nope.yml`
     --> site.yml:1:20
      |
    1 | - import_playbook: nope.yml
      |                    ^^^^^^^^
      note: not at nope.yml

    error: `import_playbook` needs a file's name
     --> site.yml:2:3
      |
    2 | - import_playbook:
      |   ^^^^^^^^^^^^^^^

    error: there is no playbook `x.yml`
     --> site.yml:3:20
      |
    3 | - import_playbook: x.yml
      |                    ^^^^^
      note: not at x.yml

    error: the keyword `hosts` cannot stand on `import_playbook`
     --> site.yml:4:3
      |
    4 |   hosts: all
      |   ^^^^^
      note: it belongs on a play
    ");
    assert_snapshot!(mistakes("- import_playbook: ns.coll.site\n"), @r"
    error: there is no playbook `ns.coll.site`
     --> site.yml:1:20
      |
    1 | - import_playbook: ns.coll.site
      |                    ^^^^^^^^^^^^
      note: not at ns.coll.site
      help: playbooks of collections are not supported: copy the file
    ");
    assert_snapshot!(mistakes("- import_playbook: '{{ where }}.yml'\n"), @r"
    error: `where` is undefined
     --> site.yml:1:20
      |
    1 | - import_playbook: '{{ where }}.yml'
      |                    ^^^^^^^^^^^^^^^^^
      note: variables of the play and `-e` are known at load time; of the inventory and facts are not: use an include for those
    ");
    assert_snapshot!(mistakes_of(&[
        ("site.yml", "- import_playbook: a.yml\n"),
        ("a.yml", "- import_playbook: b.yml\n"),
        ("b.yml", "- import_playbook: a.yml\n"),
    ]), @r"
    error: playbooks import each other in a circle
     --> b.yml:1:20
      |
    1 | - import_playbook: a.yml
      |                    ^^^^^
      note: a.yml -> b.yml -> a.yml
    ");
}

#[test]
fn a_broken_import_hides_no_other() {
    assert_snapshot!(mistakes_of(&[
        ("site.yml", "- hosts: all\n  tasks:\n    - import_tasks: a.yml\n    - import_tasks: b.yml\n"),
        ("a.yml", "- ping: [\n"),
        ("b.yml", "ping: x\n"),
    ]), @r"
    error: the `[` that opens here is never closed
     --> a.yml:1:9
      |
    1 | - ping: [
      |         ^

    error: this must be a list of tasks, not a mapping
     --> b.yml:1:1
      |
    1 | ping: x
      | ^
    ");
}
