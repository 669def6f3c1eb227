//! Roles, their files and dependencies.

use super::{Project, mistakes_of, outline, outline_of};
use crate::playbook::{BlockKind, Entry};
use insta::assert_snapshot;

const WEB: &[(&str, &str)] = &[
    (
        "roles/web/tasks/main.yml",
        "- debug: msg=web\n- import_tasks: more.yml\n",
    ),
    ("roles/web/tasks/more.yml", "- debug: msg=more\n"),
    ("roles/web/defaults/main.yml", "port: 80\n"),
    ("roles/web/vars/main/b.yml", "x: 2\n"),
    ("roles/web/vars/main/a.yml", "x: 1\ny: 1\n"),
    ("roles/web/handlers/main.yml", "- name: restart\n  ping:\n"),
    (
        "roles/web/meta/main.yml",
        "dependencies:\n  - role: base\n    when: dep\n    vars: {a: 1}\n    color: red\n",
    ),
    ("roles/base/tasks/main.yml", "- debug: msg=base\n"),
    (
        "roles/base/handlers/main.yaml",
        "- name: base handler\n  ping:\n",
    ),
    (
        "roles/base/meta/main.yml",
        "allow_duplicates: yes\ngalaxy_info: {}\n",
    ),
];

fn with<'a>(site: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut files = vec![("site.yml", site)];
    files.extend(WEB);
    files.extend(more);
    files
}

#[test]
fn roles_are_expanded_with_dependencies_first() {
    let site = "- hosts: all\n  roles:\n    - role: web\n      tags: t\n      when: use\n      vars: {v: 1}\n      listen_port: 8080\n    - base\n  handlers:\n    - name: own\n      ping:\n  tasks:\n    - block:\n        - import_role: {name: base, tasks_from: main.yml}\n          vars: {i: 1}\n      become: true\n";
    let files = with(site, &[]);
    assert_snapshot!(outline_of(&files), @r"
    play all
     roles
      role web tags[t] when[use]
        role base when[dep]
          debug {'msg': 'base'}
        debug {'msg': 'web'}
        file more.yml
          debug {'msg': 'more'}
      role base
        debug {'msg': 'base'}
     tasks
      block become=True
        role base vars{'i': 1}
          debug {'msg': 'base'}
     handlers
      role web tags[t] when[use]
        role base when[dep]
          ping `base handler`
        ping `restart`
      role base
        ping `base handler`
      ping `own`
      block become=True
        role base vars{'i': 1}
          ping `base handler`
    ");
    let project = Project::new(&files);
    let playbook = project.load().unwrap();
    let Entry::Block(block) = &playbook.plays[0].roles[0] else {
        panic!("a block")
    };
    let BlockKind::Role(web) = &block.kind else {
        panic!("a role")
    };
    assert_snapshot!(format!("{:?} {:?} {:?}", web.role.vars, web.role.defaults, web.params), @r#"{"x": Int(2), "y": Int(1)} {"port": Int(80)} {"listen_port": Int(8080)}"#);
    assert_eq!(web.dependencies[0].role.name, "base");
    assert!(web.dependencies[0].allow_duplicates && !web.allow_duplicates);
    assert_snapshot!(web.dependencies[0].identity.replace(&project.path().canonicalize().unwrap().display().to_string(), "ROOT"), @r#"["ROOT/roles/base",{"color":"red"},["dep"],[],"FromFiles { tasks: None, vars: None, defaults: None, handlers: None }",{"a":1},false]"#);
}

#[test]
fn same_uses_have_the_same_identity() {
    let site = "- hosts: all\n  roles:\n    - base\n    - {role: base}\n    - {role: base, x: 1}\n    - {role: base, when: '{{ a }}'}\n    - role: base\n      when: '{{ a }}'\n";
    let project = Project::new(&with(site, &[]));
    let playbook = project.load().unwrap();
    let ids: Vec<&str> = playbook.plays[0]
        .roles
        .iter()
        .map(|entry| match entry {
            Entry::Block(block) => block.role().unwrap().identity.as_str(),
            Entry::Task(_) => panic!("a block"),
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[3]);
    assert_eq!(ids[3], ids[4]);
}

#[test]
fn arguments_are_validated_first() {
    let specs = "argument_specs:\n  main:\n    short_description: the entry\n    options:\n      port: {type: int, required: true}\n";
    let site = "- hosts: all\n  roles:\n    - {role: web, size: 1}\n  tasks:\n    - import_role: {name: web, rolespec_validate: no}\n";
    let project = Project::new(&with(site, &[("roles/web/meta/argument_specs.yml", specs)]));
    let text = outline(&project.load().unwrap());
    let root = project.path().canonicalize().unwrap().display().to_string();
    assert_snapshot!(text.replace(&root, "ROOT"), @r"
    play all
     roles
      role web
        role base when[dep]
          debug {'msg': 'base'}
        ansible.builtin.validate_argument_spec `Validating arguments against arg spec 'main' - the entry` {'argument_spec': {'port': {'type': 'int', 'required': True}}, 'provided_arguments': {'size': 1}, 'validate_args_context': {'type': 'role', 'name': 'web', 'argument_spec_name': 'main', 'path': 'ROOT/roles/web'}} tags[always]
        debug {'msg': 'web'}
        file more.yml
          debug {'msg': 'more'}
     tasks
      role web
        role base when[dep]
          debug {'msg': 'base'}
        debug {'msg': 'web'}
        file more.yml
          debug {'msg': 'more'}
     handlers
      role web
        role base when[dep]
          ping `base handler`
        ping `restart`
      role web
        role base when[dep]
          ping `base handler`
        ping `restart`
    ");
}

#[test]
fn names_may_be_paths_or_templates() {
    let site = "- hosts: all\n  vars: {which: deep}\n  roles:\n    - ../other/x\n    - platform/{{ which }}\n";
    let files = [
        ("play/site.yml", site),
        ("site.yml", "- import_playbook: play/site.yml\n"),
        ("other/x/tasks/main.yml", "- ping:\n"),
        (
            "play/roles/platform/deep/tasks/main.yml",
            "- include_tasks: y.yml\n",
        ),
    ];
    assert_snapshot!(outline_of(&files), @r#"
    play all vars{'which': 'deep'}
     roles
      role ../other/x
        ping
      role platform/deep
        include_tasks y.yml free="y.yml"
    "#);
}

#[test]
fn what_is_missing_is_told() {
    let site = "- hosts: all\n  roles:\n    - wbe\n    - ns.coll.role\n    - {tags: x}\n    - [a]\n    - {role: web, becme: yes, block: []}\n  tasks:\n    - import_role: {name: web, tasks_from: mroe}\n    - import_role: {name: web, vars_from: ../../x}\n    - import_tasks: mian.yml\n    - import_role: {name: '{{ nope }}'}\n";
    assert_snapshot!(mistakes_of(&with(site, &[("main.yml", "[]")])), @r"
    error: there is no role `wbe`
     --> site.yml:3:7
      |
    3 |     - wbe
      |       ^^^
      note: not at roles/wbe
      note: not at wbe
      help: did you mean `web`?

    error: there is no role `ns.coll.role`
     --> site.yml:4:7
      |
    4 |     - ns.coll.role
      |       ^^^^^^^^^^^^
      note: not at roles/ns.coll.role
      note: not at ns.coll.role
      help: roles of collections are not supported: copy the role into `roles/`

    error: an entry of roles needs a `role`, the name
     --> site.yml:5:7
      |
    5 |     - {tags: x}
      |       ^
      help: write `- role: NAME`

    error: a role is a name or a mapping, not a list
     --> site.yml:6:7
      |
    6 |     - [a]
      |       ^

    error: the keyword `block` cannot stand on a role
     --> site.yml:7:31
      |
    7 |     - {role: web, becme: yes, block: []}
      |                               ^^^^^
      note: it belongs on a block

    error: the role has no file `mroe` in `roles/web/tasks`
     --> site.yml:9:27
      |
    9 |     - import_role: {name: web, tasks_from: mroe}
      |                           ^^^
      help: did you mean `more`?

    error: `../../x` lies outside the role's folder `vars`
      --> site.yml:10:27
       |
    10 |     - import_role: {name: web, vars_from: ../../x}
       |                           ^^^

    error: there is no file of tasks `mian.yml`
      --> site.yml:11:21
       |
    11 |     - import_tasks: mian.yml
       |                     ^^^^^^^^
      note: not at mian.yml
      help: did you mean `main.yml`?

    error: `nope` is undefined
      --> site.yml:12:27
       |
    12 |     - import_role: {name: '{{ nope }}'}
       |                           ^^^^^^^^^^^^
      note: variables of the play and `-e` are known at load time; of the inventory and facts are not: use an include for those
    ");
}

#[test]
fn meta_is_checked() {
    let site = "- hosts: all\n  roles: [a, b, c]\n";
    assert_snapshot!(mistakes_of(&[
        ("site.yml", site),
        ("roles/a/meta/main.yml", "- x\n"),
        ("roles/b/meta/main.yml", "dependency: []\nallow_duplicates: maybe\n"),
        ("roles/c/meta/main.yml", "dependencies: x\n"),
        ("roles/c/vars/main.yml", "- x\n"),
        ("roles/c/tasks/main.yml", "x: y\n"),
    ]), @r"
    error: a role's `meta` is a mapping, not a list
     --> roles/a/meta/main.yml:1:1
      |
    1 | - x
      | ^

    error: a role's `meta` has no key `dependency`
     --> roles/b/meta/main.yml:1:1
      |
    1 | dependency: []
      | ^^^^^^^^^^
      help: did you mean `dependencies`?

    error: `allow_duplicates` takes a boolean, not the string `maybe`
     --> roles/b/meta/main.yml:2:19
      |
    2 | allow_duplicates: maybe
      |                   ^^^^^

    error: a file of variables holds a mapping, not a list
     --> roles/c/vars/main.yml:1:1
      |
    1 | - x
      | ^

    error: `dependencies` takes a list of roles, not the string `x`
     --> roles/c/meta/main.yml:1:15
      |
    1 | dependencies: x
      |               ^

    error: this must be a list of tasks, not a mapping
     --> roles/c/tasks/main.yml:1:1
      |
    1 | x: y
      | ^
    ");
}

#[test]
fn circles_are_spelled_out() {
    let site = "- hosts: all\n  roles: [a]\n  tasks:\n    - import_tasks: x.yml\n";
    assert_snapshot!(mistakes_of(&[
        ("site.yml", site),
        ("roles/a/meta/main.yml", "dependencies: [b]\n"),
        ("roles/b/meta/main.yml", "dependencies: [c]\n"),
        ("roles/c/meta/main.yml", "dependencies: [b]\n"),
        ("x.yml", "- import_tasks: y.yml\n"),
        ("y.yml", "- block:\n    - import_tasks: x.yml\n"),
    ]), @r"
    error: imports go round in a circle
     --> y.yml:2:21
      |
    2 |     - import_tasks: x.yml
      |                     ^^^^^
      note: x.yml -> y.yml -> x.yml
      help: an import is expanded at load time; an include can end by a condition

    error: imports go round in a circle
     --> roles/c/meta/main.yml:1:16
      |
    1 | dependencies: [b]
      |                ^
      note: role b -> role c -> role b
      help: an import is expanded at load time; an include can end by a condition
    ");
}
