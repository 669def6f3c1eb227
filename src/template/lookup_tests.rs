//! Lookups, loops and files against a folder of this test's own.

use super::testing::{Vars, World, from_file};
use super::{Scope, Templar, TemplateOptions, lookups};
use crate::value::{Map, Value};
use serde_json::{Value as Json, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn scope_in(dir: &Path, vars: &Json) -> Arc<dyn Scope> {
    Arc::new(Vars {
        own: from_file(vars).as_map().cloned().unwrap_or_default(),
        hosts: Map::new(),
        world: World {
            folder: dir.to_owned(),
            ..World::default()
        },
    })
}

#[test]
fn lookups_read_files() {
    let dir = folder(&[
        ("files/a.txt", "text {{ x }}\n\n"),
        ("files/b.csv", "k\tv\nme\t5\n"),
        ("files/c.ini", "[global]\nport = 80\n[db]\nport: 90\n"),
        (
            "templates/t.j2",
            "{% include 'part.j2' %}={{ x }}{{ more | default('') }}\n",
        ),
        ("templates/part.j2", "part {{ x }}\n"),
        (
            "templates/m.j2",
            "{% macro twice(v) %}{{ v }}{{ v }}{% endmacro %}",
        ),
        ("templates/list.j2", "{{ [x, 2] }}"),
    ]);
    let scope = scope_in(dir.path(), &json!({"x": 1, "name": "a.txt"}));
    for (template, expected) in [
        ("{{ lookup('file', name) }}", json!("text {{ x }}")),
        ("{{ lookup('file', '{{ name }}') }}", json!("text {{ x }}")),
        ("{{ lookup('template', 't.j2') }}", json!("part 1=1\n")),
        (
            "{{ lookup('template', 't.j2', template_vars={'more': '!'}) }}",
            json!("part 1=1!\n"),
        ),
        ("{{ lookup('template', 'list.j2') }}", json!([1, 2])),
        ("{% import 'm.j2' as m %}{{ m.twice('ab') }}", json!("abab")),
        ("{% from 'm.j2' import twice as t %}{{ t(x) }}", json!("11")),
        ("{{ lookup('csvfile', 'me', file='b.csv') }}", json!("5")),
        ("{{ lookup('ini', 'port') }}", json!("80")),
        (
            "{{ lookup('ini', 'port', section='db', file='c.ini') }}",
            json!("90"),
        ),
        (
            "{{ lookup('first_found', ['no', 'a.txt']) | basename }}",
            json!("a.txt"),
        ),
        (
            "{{ query('fileglob', '*.ini') | map('basename') | list }}",
            json!(["c.ini"]),
        ),
        (
            "{{ lookup('pipe', 'cat files/c.ini | wc -l') | int }}",
            json!(4),
        ),
    ] {
        std::fs::write(dir.path().join("ansible.ini"), "[global]\nport = 80\n").unwrap();
        let got = Templar::new().resolve(&scope, &Value::template(template, None));
        assert_eq!(got.map(|v| v.to_json()), Ok(expected), "{template}");
    }
}

#[test]
fn a_password_is_made_once_and_is_its_owners_alone() {
    let dir = folder(&[]);
    let scope = scope_in(dir.path(), &json!({}));
    let ask = |t: &str| {
        Templar::new()
            .resolve(&scope, &Value::template(t, None))
            .unwrap()
            .to_string()
    };
    let first = ask("{{ lookup('password', 'sub/pw length=12 chars=digits') }}");
    assert!(first.len() == 12 && first.bytes().all(|b| b.is_ascii_digit()));
    assert_eq!(
        ask("{{ lookup('password', 'sub/pw length=12 chars=digits') }}"),
        first
    );
    let path = dir.path().join("sub/pw");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(scope.outside().secrets().mask(&first), "********");
    let hash = ask("{{ lookup('password', 'sub/pw encrypt=sha512') }}");
    assert!(hash.starts_with("$6$"));
    assert_eq!(
        ask("{{ lookup('password', 'sub/pw encrypt=sha512') }}"),
        hash
    );
}

#[test]
fn loops_use_the_lookups() {
    let dir = folder(&[("files/a.txt", "")]);
    let scope = scope_in(dir.path(), &json!({"l": [1, [2, 3]], "d": {"a": 1}}));
    for (name, value, expected) in [
        ("items", json!("{{ l }}"), json!([1, 2, 3])),
        ("items", json!(["{{ l }}", 4]), json!([1, [2, 3], 4])),
        ("items", json!("x"), json!(["x"])),
        ("dict", json!("{{ d }}"), json!([{"key": "a", "value": 1}])),
        (
            "nested",
            json!([[1, 2], ["a"]]),
            json!([[1, "a"], [2, "a"]]),
        ),
        (
            "sequence",
            json!("start=1 end={{ l[0] + 1 }}"),
            json!(["1", "2"]),
        ),
        (
            "community.general.flattened",
            json!("{{ l }}"),
            json!([1, 2, 3]),
        ),
    ] {
        let got = lookups::with_loop(&Templar::new(), &scope, name, &from_file(&value));
        assert_eq!(
            got.map(|v| Value::from(v).to_json()),
            Ok(expected),
            "{name} {value}"
        );
    }
    let found = lookups::with_loop(
        &Templar::new(),
        &scope,
        "first_found",
        &from_file(&json!(["{{ nope }}", "a.txt"])),
    )
    .unwrap();
    assert!(found[0].to_string().ends_with("files/a.txt"));
    insta::assert_snapshot!(lookups::known("redis").unwrap_err(), @"
    error: the lookup `redis` is not supported
      help: put the value in a variable
    ");
}

#[test]
fn files_are_rendered_with_places_in_them() {
    let dir = folder(&[]);
    let scope = scope_in(dir.path(), &json!({"users": [{"name": "a"}, {}]}));
    let text = "#jinja2: lstrip_blocks: True\n# users\n  {% for u in users %}\n{{ u.name }}\n  {% endfor %}\n";
    let d = Templar::new()
        .render_file(
            &scope,
            text,
            Path::new("users.j2"),
            &TemplateOptions::default(),
        )
        .unwrap_err();
    insta::assert_snapshot!(d, @"
    error: `u.name` is undefined: `u` is a mapping without `name`
     --> users.j2:4:4
      |
    4 | {{ u.name }}
      |    ^^^^^^
    ");
}

#[test]
fn vaults_are_decrypted_where_they_are_used() {
    let dir = folder(&[]);
    let mut own = Map::new();
    let vault = Value::Vault(Arc::new(crate::value::Vaulted {
        cipher: "terces".to_owned(),
        span: None,
    }));
    own.insert("v".to_owned(), vault.clone());
    own.insert("m".to_owned(), Value::map([("pw", vault)]));
    let scope: Arc<dyn Scope> = Arc::new(Vars {
        own,
        hosts: Map::new(),
        world: World {
            folder: dir.path().to_owned(),
            ..World::default()
        },
    });
    for (template, expected) in [
        ("x{{ v }}", json!("xsecret")),
        ("{{ m }}", json!({"pw": "secret"})),
        ("{{ m.pw | upper }}", json!("SECRET")),
        ("{{ v is vault_encrypted }}", json!(true)),
    ] {
        let got = Templar::new().resolve(&scope, &Value::template(template, None));
        assert_eq!(got.map(|v| v.to_json()), Ok(expected), "{template}");
    }
    assert_eq!(scope.outside().secrets().mask("a secret"), "a ********");
}

#[test]
fn a_lookup_may_warn_and_go_on() {
    let vars = Arc::new(Vars {
        own: Map::new(),
        hosts: Map::new(),
        world: World::default(),
    });
    let scope: Arc<dyn Scope> = vars.clone();
    let text = Value::template(
        "{{ lookup('file', 'none.txt', errors='warn') is none }}",
        None,
    );
    assert_eq!(Templar::new().resolve(&scope, &text), Ok(true.into()));
    let warned = vars.world.warned.lock().unwrap();
    assert_eq!(*warned, ["the file `none.txt` was not found"]);
}
