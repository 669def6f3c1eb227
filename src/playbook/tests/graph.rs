use super::Project;
use crate::playbook::RoleGraph;
use insta::assert_snapshot;

/// Roles with their `meta/main.yml`, all of them used in this order; then what waits for what.
fn graph_of(roles: &[(&str, &str)]) -> String {
    let names: Vec<String> = roles
        .iter()
        .map(|(name, _)| format!("    - {name}\n"))
        .collect();
    site(
        &format!("- hosts: all\n  roles:\n{}", names.concat()),
        roles,
    )
}

fn site(text: &str, roles: &[(&str, &str)]) -> String {
    let mut files = vec![("site.yml".to_owned(), text.to_owned())];
    for (name, meta) in roles {
        files.push((format!("roles/{name}/meta/main.yml"), (*meta).to_owned()));
        files.push((
            format!("roles/{name}/tasks/main.yml"),
            "- ping:\n".to_owned(),
        ));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let project = Project::new(&files);
    let playbook = match project.load() {
        Ok(playbook) => playbook,
        Err(problems) => return problems.to_string(),
    };
    let graph = RoleGraph::of(&playbook.plays[0]);
    let order = match graph.order() {
        Ok(order) => order,
        Err(problem) => return problem.to_string(),
    };
    let (levels, befores) = (graph.levels(&order), graph.befores(&order));
    let name = |n: &usize| graph.nodes[*n].name.clone();
    let mut out = String::new();
    for number in &order {
        let node = &graph.nodes[*number];
        let list = |numbers: &[usize]| numbers.iter().map(name).collect::<Vec<_>>().join(" ");
        out.push_str(&format!("{} {}", levels[*number], node.name));
        for (word, what) in [
            ("after", list(&graph.direct(&befores, *number))),
            ("in all", list(&befores[*number])),
            (
                "given",
                node.given
                    .iter()
                    .map(|n| n.word.as_str())
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
        ] {
            if !what.is_empty() {
                out.push_str(&format!(", {word}: {what}"));
            }
        }
        if node.turns.len() > 1 {
            out.push_str(&format!(", {} times", node.turns.len()));
        }
        if node.silent {
            out.push_str(", silent");
        }
        out.push('\n');
    }
    out
}

#[test]
fn needs_are_names_of_roles_and_words_that_they_provide() {
    assert_snapshot!(graph_of(&[
        ("app", "needs: [database, ingress, cluster]"),
        ("postgres", "provides: [database]\nneeds: storage\n"),
        ("mysql", "provides: database\nneeds: [storage]\n"),
        ("ingress", "needs: []"),
        ("storage", ""),
        ("watch", "needs: [app, storage]"),
    ]), @"
    0 ingress
    0 storage, silent
    1 postgres, after: storage, in all: storage
    1 mysql, after: storage, in all: storage
    2 app, after: postgres mysql ingress, in all: ingress storage postgres mysql, given: cluster
    3 watch, after: app, in all: ingress storage postgres mysql app
    ");
}

#[test]
fn dependencies_are_nodes_of_their_own_and_run_once() {
    assert_snapshot!(site("- hosts: all\n  roles:\n    - a\n    - role: b\n      when: later\n    - {role: twice, n: 1}\n    - {role: twice, n: 2}\n", &[
        ("a", "dependencies: [common]"),
        ("b", "dependencies: [common, {role: common, tags: x}]\nneeds: [twice]\n"),
        ("common", "dependencies: [base]"),
        ("base", "allow_duplicates: true"),
        ("twice", ""),
    ]), @"
    0 base, silent
    0 base (2), silent
    1 common, after: base base (2), in all: base base (2), 2 times
    2 a, after: common, in all: base base (2) common
    0 base (3), silent
    1 common (2), after: base (3), in all: base (3)
    0 twice, silent
    0 twice (2), silent
    2 b, after: common common (2) twice twice (2), in all: base base (2) common base (3) common (2) twice twice (2)
    ");
}

#[test]
fn circles_are_spelled_out() {
    assert_snapshot!(graph_of(&[
        ("fine", ""),
        ("web", "needs:\n  - fine\n  - login\n"),
        ("sso", "provides: [login]\nneeds: [db]\n"),
        ("db", "dependencies:\n  - role: disk\n"),
        ("disk", "needs: [web]"),
        ("behind", "needs: [web]"),
    ]), @"
    error: these roles wait for each other in a circle
     --> roles/web/meta/main.yml:3:5
      |
    3 |   - login
      |     ^^^^^
      note: `web` needs `login`, which `sso` provides (roles/web/meta/main.yml:3)
      note: `sso` needs `db` (roles/sso/meta/main.yml:2)
      note: `db` depends on `disk` (roles/db/meta/main.yml:2)
      note: `disk` needs `web` (roles/disk/meta/main.yml:1)
    ");
    assert_snapshot!(graph_of(&[("a", "needs: [b, a]"), ("b", "")]), @"
    error: role `a` needs itself
     --> roles/a/meta/main.yml:1:12
      |
    1 | needs: [b, a]
      |            ^
      note: `a` needs `a` (roles/a/meta/main.yml:1)
    ");
}

#[test]
fn what_a_role_imports_is_part_of_it() {
    let project = Project::new(&[
        (
            "site.yml",
            "- hosts: all\n  roles: [platform, storage, user]\n",
        ),
        (
            "roles/platform/tasks/main.yml",
            "- import_role: {name: part}\n- block:\n    - import_role: {name: other}\n",
        ),
        ("roles/part/tasks/main.yml", "- ping:\n"),
        ("roles/part/meta/main.yml", "needs: [storage, other]\n"),
        ("roles/other/tasks/main.yml", "- ping:\n"),
        ("roles/storage/tasks/main.yml", "- ping:\n"),
        ("roles/user/meta/main.yml", "needs: [part]\n"),
    ]);
    let graph = RoleGraph::of(&project.load().unwrap().plays[0]);
    let needs = |n: usize| {
        graph.nodes[n]
            .needs
            .iter()
            .map(|e| e.node)
            .collect::<Vec<_>>()
    };
    assert_eq!([needs(0), needs(1), needs(2)], [vec![1], vec![], vec![0]]);
    assert_eq!(graph.order().unwrap(), [1, 0, 2]);
    assert!(graph.nodes[0].given.is_empty());
}

#[test]
fn needs_are_words() {
    assert_snapshot!(graph_of(&[("a", "needs:\n  - role: b\n  - '{{ x }}'\n  -\nprovides: {}\nneed: x\n")]), @"
    error: `needs` takes names, not a mapping
     --> roles/a/meta/main.yml:2:5
      |
    2 |   - role: b
      |     ^

    error: `needs` takes names, not templates
     --> roles/a/meta/main.yml:3:5
      |
    3 |   - '{{ x }}'
      |     ^^^^^^^^^
      note: the order of roles is found before anything runs

    error: `needs` takes names, not nothing
     --> roles/a/meta/main.yml:4:4
      |
    4 |   -
      |    ^

    error: `provides` takes names, not a mapping
     --> roles/a/meta/main.yml:5:11
      |
    5 | provides: {}
      |           ^

    error: a role's `meta` has no key `need`
     --> roles/a/meta/main.yml:6:1
      |
    6 | need: x
      | ^^^^
      help: did you mean `needs`?
    ");
}
