//! First tests of the whole.

use super::testing::{render, scope};
use super::{Templar, TemplateOptions};
use crate::value::Value;
use serde_json::json;
use std::path::Path;

#[test]
fn values_keep_their_types() {
    for (template, vars, expected) in [
        ("{{ a }}", json!({"a": [1, 2]}), json!([1, 2])),
        ("{{ a }}\n", json!({"a": [1, 2]}), json!([1, 2])),
        ("x{{ a }}\n", json!({"a": true}), json!("xTrue\n")),
        ("{{ a.b | default(7) }}", json!({"a": {}}), json!(7)),
        ("{{ a.b.c is defined }}", json!({"a": {}}), json!(false)),
        (
            "{{ b }}",
            json!({"b": "{{ c }}", "c": "{{ 1 + 2 }}"}),
            json!(3),
        ),
        (
            "{% for i in range(3) %}{{ loop.index }}{% if not loop.last %},{% endif %}{% endfor %}",
            json!({}),
            json!("1,2,3"),
        ),
        (
            "{% set x = [] %}{% for i in [1, 2] %}{% set _ = x.append(i) %}{% endfor %}{{ x }}",
            json!({}),
            json!([1, 2]),
        ),
        (
            "{{ hostvars['h'].y }}",
            json!({"y": 0, "x": 0, "hostvars": {"h": {"x": 5, "y": "{{ x + 1 }}"}}}),
            json!(6),
        ),
    ] {
        assert_eq!(
            render(template, vars).map(|v| v.to_json()),
            Ok(expected),
            "{template}"
        );
    }
}

#[test]
fn text_from_hosts_is_never_rendered() {
    let templar = Templar::new();
    let host = Value::map([("stdout", Value::from("{{ 1 + 1 }}"))]);
    struct One(Value);
    impl super::Scope for One {
        fn get(&self, name: &str) -> Option<Value> {
            (name == "result").then(|| self.0.clone())
        }
        fn names(&self) -> Vec<String> {
            vec!["result".to_owned()]
        }
        fn host(&self, _: &str) -> Option<std::sync::Arc<dyn super::Scope>> {
            None
        }
        fn hosts(&self) -> Vec<String> {
            Vec::new()
        }
        fn outside(&self) -> &dyn super::Outside {
            static WORLD: std::sync::LazyLock<super::testing::World> =
                std::sync::LazyLock::new(Default::default);
            &*WORLD
        }
    }
    let scope: std::sync::Arc<dyn super::Scope> = std::sync::Arc::new(One(host));
    for template in [
        "{{ result.stdout }}",
        "{{ result.stdout | trim }}",
        "{{ [result.stdout] | first }}",
        "{{ {'a': result.stdout}.a }}",
        "{{ result | dict2items | map(attribute='value') | first }}",
        "{{ [result] | map(attribute='stdout') | list | last }}",
        "{% set x = result.stdout %}{{ x }}",
        "{{ lookup('vars', 'result').stdout }}",
        "{{ vars['result'].stdout }}",
        "{{ result.stdout if true else '' }}",
        "{{ result | to_json | from_json | items | map('last') | first }}",
        "{{ (result | to_yaml | from_yaml).stdout }}",
        "{{ query('items', [result.stdout]) | first }}",
    ] {
        let got = templar.resolve(&scope, &Value::template(template, None));
        assert_eq!(got, Ok(Value::from("{{ 1 + 1 }}")), "{template}");
    }
}

#[test]
fn conditions() {
    let templar = Templar::new();
    let scope = scope(&json!({"a": 1, "s": "x", "t": true}));
    for (text, expected) in [
        ("a == 1", true),
        ("s is defined and t", true),
        ("not t", false),
        ("{{ t }}", true),
        ("'x' in '{{ s }}'", true),
    ] {
        assert_eq!(
            templar.condition(&scope, &Value::template(text, None)),
            Ok(expected),
            "{text}"
        );
    }
    insta::assert_snapshot!(templar.condition(&scope, &Value::from("s")).unwrap_err(), @"
    error: this condition gives a string (`x`), not true or false
      help: compare it, or use `| bool`, `| length > 0`, `is defined`, `is truthy`
    ");
    insta::assert_snapshot!(templar.condition(&scope, &Value::from("ss is defined or tt")).unwrap_err(), @"
    error: `tt` is undefined
      help: did you mean `t`?
    ");
}

#[test]
fn files_keep_their_line_ends_and_heed_their_first_line() {
    let templar = Templar::new();
    let scope = scope(&json!({"a": 1}));
    for (text, expected) in [
        ("{% if a %}\nyes\n{% endif %}\n", "yes\n"),
        (
            "#jinja2: trim_blocks:False\n{% if a %}\nyes\n{% endif %}\n",
            "\nyes\n",
        ),
        (
            "#jinja2: variable_start_string:'[%', variable_end_string:'%]'\n[% a %] {{ a }}\n",
            "1 {{ a }}\n",
        ),
        ("a\\n{{ 'b\\n' }}c", "a\\nb\nc"),
    ] {
        let got = templar.render_file(&scope, text, Path::new("x.j2"), &TemplateOptions::default());
        assert_eq!(got.as_deref(), Ok(expected), "{text}");
    }
}

/// Templates and their native results as ansible-core 2.19.14 gave them; run once there, compared here ever since.
#[test]
fn results_are_those_of_ansible() {
    let cases: Vec<(String, serde_json::Value)> =
        serde_json::from_str(include_str!("cases.json")).unwrap();
    let vars = json!({
        "s": "Hello World", "l": [3, 1, 2], "d": {"b": 2, "a": 1}, "n": null, "t": true, "f": 1.5, "i": 42, "e": "",
        "ds": [{"n": "x", "v": 1, "on": true}, {"n": "y", "v": 2, "on": false}, {"n": "z"}],
        "nest": {"a": {"b": ["c", {"d": "deep"}]}},
        "lazy": "{{ i + 1 }}", "lazyd": {"k": "{{ s | upper }}", "z": ["{{ i }}"]}, "u": "{{ missing_thing }}",
    });
    assert!(cases.len() > 400);
    let mut wrong = Vec::new();
    for (template, expected) in cases {
        match render(&template, vars.clone()) {
            Ok(got) if got.to_json() == expected => {}
            got => wrong.push(format!("{template}\n  want {expected}\n  got  {got:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn told(text: &str) -> String {
    match render(
        text,
        json!({"user": {"name": "x", "home": "/h"}, "hosts": [1], "a": "{{ b }}", "b": "{{ c.d }}", "c": {"d": "{{ a }}"}}),
    ) {
        Ok(value) => panic!("{value:?}"),
        Err(d) => d.to_string(),
    }
}

#[test]
fn mistakes_name_the_thing_and_the_place() {
    insta::assert_snapshot!(told("x: {{ usr.name }}"), @"
    error: `usr` is undefined
     --> site.yml:1:7
      |
    1 | x: {{ usr.name }}
      |       ^^^
      help: did you mean `user`?
    ");
    insta::assert_snapshot!(told("first line\nhome is {{ user.hom }}"), @"
    error: `user.hom` is undefined: `user` is a mapping without `hom`
     --> site.yml:2:12
      |
    2 | home is {{ user.hom }}
      |            ^^^^^^^^
      help: did you mean `home`?
    ");
    insta::assert_snapshot!(told("{{ user | upper | nosuch }}"), @"
    error: unknown filter `nosuch`
     --> site.yml:1:19
      |
    1 | {{ user | upper | nosuch }}
      |                   ^^^^^^
    ");
    insta::assert_snapshot!(told("{{ hosts | join(',', sep='-') }}"), @"
    error: filter `join` has no argument `sep`
     --> site.yml:1:12
      |
    1 | {{ hosts | join(',', sep='-') }}
      |            ^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(told("{{ a }}"), @"
    error: these variables go round in a circle: `a -> b -> c.d -> a`
     --> site.yml:1:4
      |
    1 | {{ a }}
      |    ^
      note: in the value of `c.d`
      note: in the value of `b`
      note: in the value of `a`
    ");
    insta::assert_snapshot!(told("{{ 'a' + 1 }}"), @"
    error: `+` cannot go between a string and an integer
     --> site.yml:1:4
      |
    1 | {{ 'a' + 1 }}
      |    ^^^^^^^
      help: `~` joins any two values as text, and `| int` makes a number of a text
    ");
    insta::assert_snapshot!(told("{{ hosts[3] }}"), @"
    error: `hosts[3]` is undefined: `hosts` is a list without that item
     --> site.yml:1:4
      |
    1 | {{ hosts[3] }}
      |    ^^^^^^^^
    ");
    insta::assert_snapshot!(told("{{ user.name.splt(',') }}"), @"
    error: a string has no method `splt`
     --> site.yml:1:13
      |
    1 | {{ user.name.splt(',') }}
      |             ^^^^^^^^^^
      help: did you mean `split`?
    ");
    insta::assert_snapshot!(told("{% if hosts %}\nopen"), @"
    error: the template ends inside a block: a `%}` or an end tag such as `{% endif %}` is missing
     --> site.yml:2:1
      |
    2 | open
      | ^^^^
    ");
    insta::assert_snapshot!(told("{{ lookup('fle', 'x') }}"), @"
    error: unknown lookup `fle`
     --> site.yml:1:4
      |
    1 | {{ lookup('fle', 'x') }}
      |    ^^^^^^^^^^^^^^^^^^
      help: did you mean `file`?
    ");
    insta::assert_snapshot!(told("{{ defualt(1) }}"), @"
    error: unknown function `defualt`
     --> site.yml:1:4
      |
    1 | {{ defualt(1) }}
      |    ^^^^^^^
    ");
}

#[test]
fn unknown_names_are_found_before_anything_is_rendered() {
    let templar = Templar::new();
    let text = "{% if x is defned %}{{ y | uper | map('nosuch') }}{{ lookup('k8s', 'http://x') }}{{ z | selectattr('a', 'equals') }}{% endif %}";
    let span = super::testing::span(text);
    insta::assert_snapshot!(templar.check(text, Some(&span)), @"
    error: unknown test `defned`
     --> site.yml:1:12
      |
    1 | {% if x is defned %}{{ y | uper | map('nosuch') }}{{ lookup('k8s', 'http://x') }}{{ z | selectattr('a', 'equals') }}{% endif %}
      |            ^^^^^^
      help: did you mean `defined`?

    error: unknown filter `uper`
     --> site.yml:1:28
      |
    1 | {% if x is defned %}{{ y | uper | map('nosuch') }}{{ lookup('k8s', 'http://x') }}{{ z | selectattr('a', 'equals') }}{% endif %}
      |                            ^^^^
      help: did you mean `upper`?

    error: unknown filter `nosuch`
     --> site.yml:1:39
      |
    1 | {% if x is defned %}{{ y | uper | map('nosuch') }}{{ lookup('k8s', 'http://x') }}{{ z | selectattr('a', 'equals') }}{% endif %}
      |                                       ^^^^^^^^

    error: the lookup `k8s` is not supported
     --> site.yml:1:61
      |
    1 | {% if x is defned %}{{ y | uper | map('nosuch') }}{{ lookup('k8s', 'http://x') }}{{ z | selectattr('a', 'equals') }}{% endif %}
      |                                                             ^^^^^
      help: use the module `k8s_info`, and what it registers

    error: unknown test `equals`
     --> site.yml:1:105
      |
    1 | {% if x is defned %}{{ y | uper | map('nosuch') }}{{ lookup('k8s', 'http://x') }}{{ z | selectattr('a', 'equals') }}{% endif %}
      |                                                                                                         ^^^^^^^^
      help: did you mean `equalto`?
    ");
    assert!(
        templar
            .check("{{ anything | default(1) }} {{ my_macro(1) }}", None)
            .0
            .is_empty()
    );
    insta::assert_snapshot!(templar.check_expression("{{ x }} == 1 and", Some(&span)), @"
    error: template syntax: unexpected `}`, expected `:`
     --> site.yml:1:20
      |
    1 | {% if x is defned %}{{ y | uper | map('nosuch') }}{{ lookup('k8s', 'http://x') }}{{ z | selectattr('a', 'equals') }}{% endif %}
      |                    ^
      help: this is an expression already: use the names bare, without `{{ }}`
    ");
    insta::assert_snapshot!(templar.check_expression("x == {{ y }}", None), @"
    error: template syntax: unexpected `}`, expected `:`
      help: this is an expression already: use the names bare, without `{{ }}`
    ");
}

proptest::proptest! {
    #[test]
    fn arbitrary_templates_never_panic(text in "(\\PC|[{}%#|.()\\[\\]'\"\\\\ -]|\\{\\{|\\}\\}|\\{%|%\\}|if |for |set |endfor|endif| in | is |x|l|1){0,40}") {
        let templar = Templar::new();
        let scope = scope(&json!({"x": "y", "l": [1, {"a": "{{ x }}"}]}));
        let _ = templar.resolve(&scope, &Value::template(&text, None));
        let _ = templar.evaluate(&scope, &text, None);
        let _ = templar.condition(&scope, &Value::template(&text, None));
        let _ = templar.check(&text, None);
        let _ = templar.render_file(&scope, &text, Path::new("x"), &TemplateOptions::default());
    }

    #[test]
    fn any_filter_on_any_value_never_panics(
        filter in proptest::sample::select(super::filter_names()),
        value in proptest::sample::select(vec!["x", "l", "n", "m", "f", "i", "q", "e"]),
        args in proptest::sample::select(vec!["", "(x)", "(l)", "(-1)", "(0)", "(n, m)", "(i, i, i)", "('a', 1.5)", "(x, x)", "(m, l)"]),
    ) {
        let scope = scope(&json!({"x": "äb %s 1.2.3.4/24", "l": [1, "b", [null]], "n": null, "m": {"a": {"b": [1]}}, "f": -1.5, "i": -9223372036854775807i64, "e": ""}));
        let _ = Templar::new().resolve(&scope, &Value::template(&format!("{{{{ {value} | {filter}{args} }}}}"), None));
    }
}
