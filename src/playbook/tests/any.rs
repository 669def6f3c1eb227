//! Whatever the text, the loader answers.

use super::{Project, mistakes};
use crate::error::Diagnostic;
use crate::value::Secrets;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

const WORDS: &[&str] = &[
    "hosts",
    "tasks",
    "block",
    "rescue",
    "when",
    "loop",
    "with_items",
    "roles",
    "role",
    "name",
    "vars",
    "import_tasks",
    "include_role",
    "meta",
    "action",
    "local_action",
    "args",
    "apply",
    "loop_control",
    "handlers",
    "listen",
    "notify",
    "tags",
    "import_playbook",
    "x",
    "copy",
    "site.yml",
    "all",
    "yes",
    "{{ x }}",
    "src=a",
    "3",
    "1.5",
    "~",
    "vars_prompt",
    "vars_files",
    "serial",
    "environment",
];

fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        prop::sample::select(WORDS).prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i8>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop::sample::select(WORDS).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_tree_is_read_or_refused(tree in tree()) {
        let play = serde_json::json!([tree, {"hosts": "all", "tasks": [tree], "handlers": tree, "roles": [tree]}]);
        prop_assert!(!mistakes(&play.to_string()).is_empty());
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"[-a-z: \n\[\]{}"'&*!|>#%@,]{0,80}"#) {
        prop_assert!(!mistakes(&text).is_empty());
    }
}

#[test]
fn encrypted_files_are_decrypted_and_never_shown() {
    let project = Project::new(&[
        ("vars.yml", "$ANSIBLE_VAULT;1.1;AES256\n00\n"),
        ("bad.yml", "$ANSIBLE_VAULT;1.1;AES256\n01\n"),
        ("list.yml", "$ANSIBLE_VAULT;1.1;AES256\n02\n"),
    ]);
    let closed = project.loader().vars_file(Path::new("vars.yml"));
    insta::assert_snapshot!(closed.unwrap_err(), @r"
    error: `vars.yml` is encrypted
      help: give its password with `--vault-password-file` or `--vault-id`
    ");
    let secrets = Secrets::default();
    let loader = project.loader().with_decrypt(
        Arc::new(|_: &Path, text: &str| match text.trim().chars().last() {
            Some('0') => Ok("password: hunter22\n".to_owned()),
            Some('1') => Ok("password: [hunter22\n".to_owned()),
            Some('2') => Ok("- hunter22\n".to_owned()),
            _ => Err(Diagnostic::new("no key fits")),
        }),
        secrets.clone(),
    );
    let vars = loader.vars_file(Path::new("vars.yml")).unwrap();
    assert_eq!(vars["password"].as_str(), Some("hunter22"));
    assert_eq!(secrets.mask("a hunter22 b"), "a ******** b");
    insta::assert_snapshot!(loader.vars_file(Path::new("bad.yml")).unwrap_err(), @r"
    error: what is encrypted here is not valid YAML
     --> bad.yml:1:11
    ");
    insta::assert_snapshot!(loader.vars_file(Path::new("list.yml")).unwrap_err(), @r"
    error: a file of variables holds a mapping, not a list
     --> list.yml:1:1
    ");
}
