//! Includes and imports, at load and at run time.

use super::{Project, entries, outline_of, task_mistakes};
use crate::error::{Source, Span};
use crate::playbook::{IncludeFrom, RoleRequest};
use crate::value::Map;
use insta::assert_snapshot;

#[test]
fn includes_have_their_own_keywords() {
    assert_snapshot!(task_mistakes("    - include_tasks: a.yml\n      become: yes\n      notify: x\n      until: y\n      tags: ok\n"), @r"
    error: the keyword `become` cannot stand on `include_tasks`
     --> site.yml:4:7
      |
    4 |       become: yes
      |       ^^^^^^
      help: put it under `apply` to have it on every included task, or use `import_tasks`

    error: the keyword `notify` cannot stand on `include_tasks`
     --> site.yml:5:7
      |
    5 |       notify: x
      |       ^^^^^^
      help: put it under `apply` to have it on every included task, or use `import_tasks`

    error: the keyword `until` cannot stand on `include_tasks`
     --> site.yml:6:7
      |
    6 |       until: y
      |       ^^^^^
    ");
    assert_snapshot!(task_mistakes("    - include_tasks: {fil: a.yml}\n    - include_role: web\n    - include_role: {name: x, task_from: y, tags: z}\n"), @r"
    error: `include_tasks` needs a file
     --> site.yml:3:7
      |
    3 |     - include_tasks: {fil: a.yml}
      |       ^^^^^^^^^^^^^
      help: write `include_tasks: FILE.yml`

    error: `include_tasks` has no argument `fil`
     --> site.yml:3:23
      |
    3 |     - include_tasks: {fil: a.yml}
      |                       ^^^
      help: did you mean `file`?

    error: `include_role` needs a `name`, the role's
     --> site.yml:4:7
      |
    4 |     - include_role: web
      |       ^^^^^^^^^^^^
      help: write `name: web` below it

    error: `include_role` has no argument `task_from`
     --> site.yml:5:31
      |
    5 |     - include_role: {name: x, task_from: y, tags: z}
      |                               ^^^^^^^^^
      help: did you mean `tasks_from`?

    error: `include_role` has no argument `tags`
     --> site.yml:5:45
      |
    5 |     - include_role: {name: x, task_from: y, tags: z}
      |                                             ^^^^
      help: it is a keyword: indent it one level less
    ");
    assert_snapshot!(task_mistakes("    - include_tasks:\n        file: a\n        apply: {becom: yes, block: []}\n    - include_tasks: {file: a, apply: x}\n    - include_role: {name: [a], public: maybe}\n    - include_role: {name: a, tasks_from: 3}\n"), @r"
    error: `apply` has no keyword `becom`
     --> site.yml:5:17
      |
    5 |         apply: {becom: yes, block: []}
      |                 ^^^^^
      help: did you mean `become`?

    error: the keyword `block` cannot stand on `apply`
     --> site.yml:5:29
      |
    5 |         apply: {becom: yes, block: []}
      |                             ^^^^^
      note: it belongs on a block

    error: `apply` takes a mapping of keywords, not the string `x`
     --> site.yml:6:39
      |
    6 |     - include_tasks: {file: a, apply: x}
      |                                       ^

    error: a role's name is text, not a list
     --> site.yml:7:28
      |
    7 |     - include_role: {name: [a], public: maybe}
      |                            ^

    error: `public` takes a boolean, not a string
     --> site.yml:7:41
      |
    7 |     - include_role: {name: [a], public: maybe}
      |                                         ^^^^^

    error: `tasks_from` takes a file's name, not an integer
     --> site.yml:8:43
      |
    8 |     - include_role: {name: a, tasks_from: 3}
      |                                           ^
    ");
    assert_snapshot!(task_mistakes("    - import_tasks: {file: a.yml, apply: {tags: x}}\n      loop: [1]\n    - include: x.yml\n    - import_playbook: x.yml\n"), @r"
    error: there is no file of tasks `a.yml`
     --> site.yml:3:28
      |
    3 |     - import_tasks: {file: a.yml, apply: {tags: x}}
      |                            ^^^^^
      note: not at a.yml

    error: `import_tasks` has no argument `apply`
     --> site.yml:3:35
      |
    3 |     - import_tasks: {file: a.yml, apply: {tags: x}}
      |                                   ^^^^^
      help: keywords of an import are inherited: put them on the import itself

    error: `import_tasks` cannot be looped over
     --> site.yml:4:13
      |
    4 |       loop: [1]
      |             ^
      help: use `include_tasks`

    error: the action `include` no longer exists
     --> site.yml:5:7
      |
    5 |     - include: x.yml
      |       ^^^^^^^
      help: use `include_tasks` (at run time) or `import_tasks` (at load time)

    error: `import_playbook` cannot stand among tasks
     --> site.yml:6:7
      |
    6 |     - import_playbook: x.yml
      |       ^^^^^^^^^^^^^^^
      help: put it beside the plays
    ");
}

#[test]
fn keywords_without_effect_are_warned_of() {
    let site =
        "- hosts: all\n  tasks:\n    - import_tasks: a.yml\n      register: x\n      notify: y\n";
    assert_snapshot!(outline_of(&[("site.yml", site), ("a.yml", "")]), @r"
    play all
     tasks
      file a.yml notify[y]
    warning: `register` has no effect on `import_tasks`
    ");
}

#[test]
fn includes_at_run_time() {
    let project = Project::new(&[
        (
            "tasks/sub/a.yml",
            "- include_tasks: b.yml\n- import_tasks: b.yml\n- import_role: {name: web}\n",
        ),
        ("tasks/sub/b.yml", "- ping:\n"),
        ("roles/web/tasks/main.yml", "- debug: msg=web\n"),
        ("roles/web/tasks/other.yml", "- meta: end_role\n"),
        ("roles/web/handlers/main.yml", "- name: h\n  ping:\n"),
    ]);
    let loader = project.loader();
    let span = Span::start(&Source::new("x.yml", "- include_tasks: a\n"));
    let vars = Map::new();
    let path = project.path().join("tasks/main.yml");
    let from = IncludeFrom {
        span: &span,
        play_dir: project.path(),
        path: &path,
        role: None,
        handler: false,
        vars: &vars,
    };
    let included = loader.tasks_file("sub/a.yml", &from).unwrap();
    let mut text = String::new();
    entries(&included.entries, 0, &mut text);
    text.push_str("handlers\n");
    entries(&included.handlers, 0, &mut text);
    assert_snapshot!(text, @r#"
    include_tasks b.yml free="b.yml"
    file b.yml
      ping
    role web
      debug {'msg': 'web'}
    handlers
    role web
      ping `h`
    "#);
    let request = RoleRequest {
        name: "web".to_owned(),
        from: crate::playbook::FromFiles {
            tasks: Some("other".to_owned()),
            ..Default::default()
        },
        ..RoleRequest::default()
    };
    let included = loader.role(&request, &from).unwrap();
    let mut text = String::new();
    entries(&included.entries, 0, &mut text);
    entries(&included.handlers, 0, &mut text);
    assert_snapshot!(text, @r#"
    role web
      meta end_role free="end_role"
    role web
      ping `h`
    "#);
    let missing = loader.tasks_file("c.yml", &from).unwrap_err().to_string();
    assert_snapshot!(missing.replace(&project.path().display().to_string(), "ROOT"), @r"
    error: there is no file of tasks `c.yml`
     --> x.yml:1:1
      |
    1 | - include_tasks: a
      | ^
      note: not at tasks/c.yml
      note: not at c.yml
    ");
}
