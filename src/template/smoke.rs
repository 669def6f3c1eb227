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
