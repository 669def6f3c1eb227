//! What is wrong before any host is asked. No lab is needed for these.

use super::place::Place;
use std::fmt::Write;
use std::time::{Duration, Instant};

const HOSTS: &str = "a ansible_connection=local\n";

fn shown(place: &Place, text: &str) -> String {
    let text = text.replace(&place.path("").display().to_string(), "DIR/");
    text.trim().to_owned()
}

async fn refused(place: &Place, code: i32) -> String {
    let ran = place
        .hoist(&["run", "site.yml", "-i", "hosts.ini"])
        .await
        .ended(code);
    shown(place, &ran.all())
}

#[tokio::test]
async fn vaults_that_cannot_be_read() {
    let place = Place::bare(
        HOSTS,
        "- hosts: all\n  gather_facts: false\n  vars_files: [secret.yml]\n  tasks:\n    - debug: {var: x}\n",
    );
    place.write("secret.yml", b"x: 1\n");
    place.write("right", b"right\n");
    place.write("wrong", b"wrong\n");
    place
        .hoist(&[
            "vault",
            "encrypt",
            "secret.yml",
            "--vault-password-file",
            "right",
        ])
        .await
        .ended(0);
    insta::assert_snapshot!(refused(&place, 4).await, @r"
    error: this is encrypted, and no vault password was given (vault id `default`)
     --> site.yml:3:16
      |
    3 |   vars_files: [secret.yml]
      |                ^^^^^^^^^^
      help: give it with `--vault-password-file FILE` or `--ask-vault-pass`
    ");
    let run = [
        "run",
        "site.yml",
        "-i",
        "hosts.ini",
        "--vault-password-file",
    ];
    let ran = place.hoist(&[&run[..], &["wrong"]].concat()).await.ended(4);
    insta::assert_snapshot!(shown(&place, &ran.all()), @r"
    error: no vault password given fits this encrypted text (vault id `default`)
     --> site.yml:3:16
      |
    3 |   vars_files: [secret.yml]
      |                ^^^^^^^^^^
      note: tried: default
    ");
    let ran = place.hoist(&[&run[..], &["none"]].concat()).await;
    insta::assert_snapshot!(shown(&place, &ran.all()), @"error: cannot read the vault password file `none`: No such file or directory (os error 2)");
    place
        .hoist(&[&run[..], &["right"]].concat())
        .await
        .ended(0)
        .said("1");

    let place = Place::bare(
        HOSTS,
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {var: x}\n",
    );
    place.write("group_vars/all/secret.yml", b"x: 1\n");
    place.write("right", b"right\n");
    place
        .hoist(&[
            "vault",
            "encrypt",
            "group_vars/all/secret.yml",
            "--vault-password-file",
            "right",
        ])
        .await
        .ended(0);
    insta::assert_snapshot!(refused(&place, 4).await, @r"
    error: this is encrypted, and no vault password was given (vault id `default`)
      note: in `./group_vars/all/secret.yml`
      help: give it with `--vault-password-file FILE` or `--ask-vault-pass`
    ");
}

#[tokio::test]
async fn ten_thousand_lines_of_inventory() {
    let mut text = String::new();
    for group in 0..100 {
        writeln!(text, "[g{group}]").unwrap();
        for host in 0..98 {
            writeln!(
                text,
                "h{group}-{host} ansible_host=10.0.{group}.{host} port={host} kind='x y'"
            )
            .unwrap();
        }
        writeln!(text).unwrap();
    }
    assert!(text.lines().count() >= 10_000);
    let place = Place::bare(
        &text,
        "- hosts: g7:&g7\n  gather_facts: false\n  tasks:\n    - debug: {msg: hi}\n",
    );
    let start = Instant::now();
    let ran = place
        .hoist(&["run", "site.yml", "-i", "hosts.ini", "-l", "h7-*"])
        .await
        .ended(0);
    let took = start.elapsed();
    assert_eq!(
        ran.recap("h7-97"),
        "ok=1 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0"
    );
    // Without optimisation; a release build takes a tenth of it.
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn circles() {
    let place = Place::bare(HOSTS, "- import_playbook: other.yml\n");
    place.write("other.yml", b"- import_playbook: site.yml\n");
    insta::assert_snapshot!(refused(&place, 4).await, @r"
    error: playbooks import each other in a circle
     --> other.yml:1:20
      |
    1 | - import_playbook: site.yml
      |                    ^^^^^^^^
      note: site.yml -> other.yml -> site.yml
    ");

    let place = Place::bare(
        HOSTS,
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - import_tasks: a.yml\n",
    );
    place.write("a.yml", b"- import_tasks: b.yml\n");
    place.write("b.yml", b"- import_tasks: a.yml\n");
    insta::assert_snapshot!(refused(&place, 4).await, @r"
    error: imports go round in a circle
     --> b.yml:1:17
      |
    1 | - import_tasks: a.yml
      |                 ^^^^^
      note: a.yml -> b.yml -> a.yml
      help: an import is expanded at load time; an include can end by a condition
    ");

    let place = Place::bare(HOSTS, "- hosts: all\n  gather_facts: false\n  roles: [a]\n");
    place.write("roles/a/meta/main.yml", b"dependencies: [b]\n");
    place.write("roles/b/meta/main.yml", b"dependencies: [a]\n");
    insta::assert_snapshot!(refused(&place, 4).await, @r"
    error: imports go round in a circle
     --> roles/b/meta/main.yml:1:16
      |
    1 | dependencies: [a]
      |                ^
      note: role a -> role b -> role a
      help: an import is expanded at load time; an include can end by a condition
    ");

    let place = Place::bare(
        HOSTS,
        "- hosts: all\n  gather_facts: false\n  vars: {x: '{{ y }}', y: '{{ z }}', z: '{{ x }}'}\n  tasks:\n    - debug: {msg: '{{ x }}'}\n",
    );
    insta::assert_snapshot!(refused(&place, 2).await, @r"
    PLAY [all] *********************************************************************

    TASK [debug] *******************************************************************
    fatal: [a]: FAILED!
        at: site.yml:5
        msg: these variables go round in a circle: `x -> y -> z -> x`
           --> site.yml:3:13
            |
          3 |   vars: {x: '{{ y }}', y: '{{ z }}', z: '{{ x }}'}
            |             ^^^^^^^^^
            note: `y` is at site.yml:3:27
            note: `z` is at site.yml:3:41
            note: in the value of `z`
            note: in the value of `y`

    PLAY RECAP *********************************************************************
    a                          : ok=0    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
    ");

    let place = Place::bare(
        "[a:children]\nb\n[b:children]\na\n",
        "- hosts: all\n  tasks: []\n",
    );
    insta::assert_snapshot!(refused(&place, 4).await, @r"
    error: these groups hold each other: `a` > `b` > `a`
     --> hosts.ini:4:1
      |
    4 | a
      | ^
    ");
}

#[tokio::test]
async fn includes_that_go_in_a_circle() {
    let place = Place::bare(
        HOSTS,
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - include_tasks: a.yml\n",
    );
    place.write("a.yml", b"- include_tasks: b.yml\n");
    place.write("b.yml", b"- debug: {msg: x}\n- include_tasks: a.yml\n");
    insta::assert_snapshot!(refused(&place, 4).await, @r"
    error: includes lead back to themselves
     --> a.yml:1:3
      |
    1 | - include_tasks: b.yml
      |   ^^^^^^^^^^^^^
      note: a.yml:1 -> b.yml:2 -> a.yml:1
      help: give one of them a condition that ends it
    ");

    // With a condition it may end, so it is begun, and ends when it does not.
    place.write(
        "b.yml",
        b"- debug: {msg: x}\n- include_tasks: a.yml\n  when: inventory_hostname != 'nobody'\n",
    );
    let text = refused(&place, 2).await;
    let (_, end) = text.split_once("fatal: ").unwrap();
    insta::assert_snapshot!(end, @r"
    [a]: FAILED!
        at: b.yml:2
        msg: includes go deeper than 100 levels: this looks endless
           --> b.yml:2:3
            |
          2 | - include_tasks: a.yml
            |   ^
            note: b.yml:2 -> a.yml:1 -> b.yml:2
            help: give the include a condition that ends it

    PLAY RECAP *********************************************************************
    a                          : ok=150  changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
    ");
}
