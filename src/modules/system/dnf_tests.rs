use super::super::testing::{Case, case};
use super::*;
use serde_json::json;

/// Answers the next question, whichever it is.
fn answer(c: Case, said: &'static str, rc: i32) -> Case {
    let [Query::Read { script, .. }] = &c.needs(&SPEC)[..] else {
        panic!()
    };
    let script = script.clone();
    c.reads(&script, rc, said)
}

/// The words after the program of each command.
fn words(shown: &[String]) -> Vec<String> {
    shown
        .iter()
        .map(|s| {
            let line = s.lines().find(|l| l.starts_with("$p $o ")).unwrap();
            line["$p $o ".len()..].trim_end_matches("; r=$?").to_owned()
        })
        .collect()
}

#[test]
fn installed_packages_need_nothing() {
    let (shown, outcome) = answer(case(json!({"name": ["a", "b"]})), "1\n1\n", 0).done(&SPEC);
    assert!(shown.is_empty() && !outcome.changed);
    assert_eq!(
        Value::from(outcome.result).to_json(),
        json!({"rc": 0, "results": [], "msg": "Nothing to do"})
    );
}

#[test]
fn installs_and_removes() {
    let c = answer(
        case(json!({"name": "a,b", "enablerepo": "epel", "allowerasing": true})),
        "1\n0\n",
        0,
    );
    let (shown, outcome) = c.done_with(
        &SPEC,
        vec![Report {
            stdout: "…\nInstalled:\n  b-1-2.x86_64   c-1-1.noarch\n\nComplete!\n".into(),
            ..Report::default()
        }],
    );
    assert_eq!(
        words(&shown),
        ["-y --enablerepo=epel --allowerasing install b"]
    );
    assert_eq!(
        outcome.result["results"].to_json(),
        json!(["Installed: b-1-2.x86_64", "Installed: c-1-1.noarch"])
    );
    let c = answer(
        case(json!({"name": ["a", "b"], "state": "absent"})),
        "1\n0\n",
        0,
    );
    assert_eq!(
        words(&c.done(&SPEC).0),
        ["-y --setopt=clean_requirements_on_remove=False remove a"]
    );
}

#[test]
fn newer_versions_and_groups_are_asked_for() {
    let latest = || answer(case(json!({"name": "a", "state": "latest"})), "1\n", 0);
    let (shown, _) = answer(latest(), "Dependencies resolved.\nNothing to do.\n", 0).done(&SPEC);
    assert!(shown.is_empty());
    let (shown, _) = answer(latest(), "Upgrading:\n a\nOperation aborted.\n", 1).done(&SPEC);
    assert_eq!(words(&shown), ["-y upgrade a"]);
    let all = case(json!({"name": "*", "state": "latest", "security": true}));
    let (shown, _) = answer(all, "Operation aborted.\n", 1).done(&SPEC);
    assert_eq!(words(&shown), ["-y --security upgrade"]);
    let group = case(json!({"name": "@web"}));
    assert!(
        answer(group, "Nothing to do.\n", 0)
            .done(&SPEC)
            .0
            .is_empty()
    );
    let older = answer(case(json!({"name": "a-1.0"})), "0\n", 0);
    assert!(
        answer(older, "Downgrading:\n a\nOperation aborted.\n", 1)
            .done(&SPEC)
            .0
            .is_empty()
    );
}

#[test]
fn a_package_that_is_not_there() {
    let c = answer(case(json!({"name": "nope"})), "0\n", 0);
    let report = Report {
        rc: 1,
        stderr: "Error: Unable to find a match: nope\n".into(),
        ..Report::default()
    };
    let fail = c.tried_with(&SPEC, vec![report]).1.unwrap_err();
    assert_eq!(fail.msg, "Failed to install some of the specified packages");
    assert_eq!(
        fail.result["failures"].to_json(),
        json!(["No package nope available."])
    );
}

#[test]
fn the_cache_alone() {
    let (shown, outcome) = case(json!({"update_cache": true})).done(&SPEC);
    assert_eq!(words(&shown), ["-y --refresh makecache"]);
    assert!(!outcome.changed);
}
