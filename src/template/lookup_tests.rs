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
    // bcrypt keeps its version beside the salt, as Ansible does.
    let hash = ask("{{ lookup('password', 'sub/bc length=8 encrypt=bcrypt') }}");
    assert!(hash.starts_with("$2b$12$") && hash.len() == 60, "{hash}");
    assert_eq!(
        ask("{{ lookup('password', 'sub/bc encrypt=bcrypt') }}"),
        hash
    );
    let kept = std::fs::read_to_string(dir.path().join("sub/bc")).unwrap();
    let words: Vec<&str> = kept.trim_end().split(' ').collect();
    assert!(
        words.len() == 3 && words[1].len() == 5 + 22 && words[2] == "ident=2b",
        "{kept}"
    );
    let clash = Templar::new().resolve(
        &scope,
        &Value::template(
            "{{ lookup('password', 'sub/bc encrypt=bcrypt ident=2y') }}",
            None,
        ),
    );
    assert!(
        clash
            .unwrap_err()
            .message
            .contains("has `ident=2b`, not `2y`")
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
    insta::assert_snapshot!(lookups::known("community.foo.bar").unwrap_err(), @"
    error: unknown lookup `community.foo.bar`
      note: a plugin of the collection `community.foo`: Python, which hoist does not run
      help: put the value in a variable, or let a command give it: `lookup('pipe', '…')`
    ");
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

/// The results are Jinja2's own.
#[test]
fn templates_extend_others() {
    let files: &[(&str, &str)] = &[
        (
            "base",
            "A{% block a %}base-a {{ v }}{{ x }}{% endblock %}B{% block b %}bb{% endblock %}C{{ self.a() }}D",
        ),
        (
            "c1",
            "before{% extends 'base' %}{% set v=7 %}dropped{{ boom }}{% if true %}also{% endif %}\
             {% block a %}[{{ super() }}|{{ v }}]{% endblock %}tail",
        ),
        (
            "c2",
            "{% extends 'c1' %}{% block a %}<{{ super() }}>{% endblock %}\
             {% block b %}{% block inner %}in{% endblock %}{% endblock %}",
        ),
        (
            "c3",
            "{% extends 'base' %}{% set v=1 %}{% include 'inc' %}{% macro m() %}M{{ caller() }}{% endmacro %}\
             {% call m() %}x{% endcall %}{% for i in [1,2] %}{{ i }}{% block z %}z{% endblock %}{% endfor %}",
        ),
        ("inc", "INC"),
        (
            "scoped",
            "{% for i in [1,2] %}{% block q scoped %}{{ i }}{% endblock %}{% endfor %}",
        ),
        (
            "unscoped",
            "{% for i in [1,2] %}{% block q %}{{ i is defined }}{% endblock %}{% endfor %}",
        ),
        (
            "own",
            "{% block q %}{% set w=3 %}{{ w }}{% endblock %}{{ w is defined }}",
        ),
        (
            "cond",
            "{% if yes %}{% extends 'base' %}{% endif %}{% set v=1 %}X{% block a %}own{% endblock %}",
        ),
        (
            "helper",
            "{% extends 'base' %}{% block a %}{{ helper() }}{% endblock %}{% macro helper() %}H{% endmacro %}",
        ),
        ("incl", "1{% include 'c1' %}2"),
        ("two", "{% extends 'base' %}{% extends 'base' %}"),
        ("nosuper", "{% block a %}{{ super() }}{% endblock %}"),
        ("need", "{% block a required %}{% endblock %}"),
        ("round", "{% extends 'back' %}"),
        ("back", "{% extends 'round' %}"),
        (
            "marks",
            "#jinja2: variable_start_string:'[[', variable_end_string:']]'\n{% include 'part' %}",
        ),
        ("part", "[[ 1 + 1 ]]{{ x }}"),
        ("sub/beside", "{% include 'near' %}"),
        ("sub/near", "near"),
    ];
    let files: Vec<(String, &str)> = files
        .iter()
        .map(|(name, text)| (format!("templates/{name}"), *text))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (n.as_str(), *t)).collect();
    let dir = folder(&files);
    let render = |name: &str, vars: Json| {
        let path = dir.path().join("templates").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        Templar::new().render_file(
            &scope_in(dir.path(), &vars),
            &text,
            &path,
            &TemplateOptions::default(),
        )
    };
    for (name, vars, expected) in [
        (
            "c1",
            json!({"x": ""}),
            "beforeA[base-a 7|7]BbbC[base-a 7|7]D",
        ),
        (
            "c2",
            json!({"x": "X"}),
            "beforeA<[base-a 7X|7]>BinC<[base-a 7X|7]>D",
        ),
        ("c3", json!({"x": ""}), "INCMxzzAbase-a 1BbbCbase-a 1D"),
        ("scoped", json!({}), "12"),
        ("unscoped", json!({}), "FalseFalse"),
        ("own", json!({}), "3False"),
        ("cond", json!({"yes": true, "x": ""}), "AownBbbCownD"),
        ("cond", json!({"yes": false}), "Xown"),
        ("helper", json!({}), "AHBbbCHD"),
        (
            "incl",
            json!({"x": ""}),
            "1beforeA[base-a 7|7]BbbC[base-a 7|7]D2",
        ),
        ("marks", json!({"x": ""}), "2{{ x }}"),
        ("sub/beside", json!({}), "near"),
    ] {
        assert_eq!(render(name, vars), Ok(expected.to_owned()), "{name}");
    }
    for (name, message) in [
        ("two", "a template can extend only one other"),
        (
            "nosuper",
            "`super()`: no template that this one extends has a block `a`",
        ),
        (
            "need",
            "no template gives the block `a`, which must be given",
        ),
    ] {
        assert_eq!(render(name, json!({})).unwrap_err().message, message);
    }
    let circle = render("round", json!({})).unwrap_err().message;
    let folder = format!("{}/templates/", dir.path().display());
    assert_eq!(
        circle.replace(&folder, ""),
        "these templates extend one another in a circle: round -> back -> round"
    );
}
