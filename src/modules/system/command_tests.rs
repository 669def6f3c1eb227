use super::super::testing::{Case, case};
use super::*;
use crate::host::{Answer, FileType, Stat};
use serde_json::json;

fn present() -> Answer {
    Answer::Stat(Some(Stat {
        kind: FileType::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        owner: "root".into(),
        group: "root".into(),
        size: 0,
        inode: 1,
        device: 1,
        links: 1,
        atime: 0.0,
        mtime: 0.0,
        ctime: 0.0,
        link: None,
        real: None,
        access: (true, true, true),
    }))
}

fn report(rc: i32, stdout: &str, stderr: &str) -> Vec<Report> {
    vec![Report {
        rc,
        stdout: stdout.into(),
        stderr: stderr.into(),
        time: (1.5, 3.75),
        ..Report::default()
    }]
}

#[test]
fn what_runs() {
    let cases = [
        (json!({"cmd": "echo 'a b' c"}), "echo 'a b' c"),
        (json!({"argv": ["echo", "x y"]}), "echo 'x y'"),
        (
            json!({"cmd": "ls ~ $HOME/x"}),
            r#"sh: exec ls ~ "${HOME-\$HOME}"/x"#,
        ),
        (
            json!({"cmd": "ls $HOME", "expand_argument_vars": false}),
            "ls '$HOME'",
        ),
        (
            json!({"cmd": "cat", "stdin": "hi", "chdir": "/srv"}),
            r#"(in /srv) cat <<< "hi\n""#,
        ),
        (
            json!({"cmd": "cat", "stdin": "hi", "stdin_add_newline": "no"}),
            r#"cat <<< "hi""#,
        ),
    ];
    for (args, expected) in cases {
        let (shown, outcome) = case(args).done(&COMMAND);
        assert_eq!(shown, [expected]);
        assert!(outcome.changed);
    }
    let (shown, _) = case(json!({"cmd": "a | b", "executable": "/bin/bash"})).done(&SHELL);
    assert_eq!(shown, ["/bin/bash: a | b"]);
}

#[test]
fn the_result_has_ansibles_keys() {
    let (_, outcome) =
        case(json!({"cmd": "echo hi"})).done_with(&COMMAND, report(0, "hi\r\n\n", "w\n"));
    assert_eq!(
        Value::from(outcome.result).to_json(),
        json!({
            "cmd": ["echo", "hi"], "stdout": "hi", "stdout_lines": ["hi"], "stderr": "w", "stderr_lines": ["w"], "rc": 0,
            "start": "1970-01-01 00:00:01.500000", "end": "1970-01-01 00:00:03.750000", "delta": "0:00:02.250000",
            "msg": ""
        })
    );
}

#[test]
fn a_failing_command_keeps_its_output() {
    let (_, outcome) = case(json!({"cmd": "false"})).tried_with(&SHELL, report(3, "o", "e"));
    let fail = outcome.unwrap_err();
    assert_eq!(fail.msg, "non-zero return code");
    assert_eq!(fail.result["rc"], Value::Int(3));
    assert_eq!(fail.result["stderr_lines"].to_json(), json!(["e"]));
}

#[test]
fn a_missing_program_is_not_a_program_that_says_127() {
    let c: Case = case(json!({"cmd": "nope -x"}));
    let (_, outcome) = c.tried_with(&COMMAND, report(127, "", "sh: 1: exec: nope: not found\n"));
    let fail = outcome.unwrap_err();
    assert_eq!(
        fail.msg,
        "Error executing command: [Errno 2] No such file or directory: 'nope'"
    );
    assert_eq!(fail.result["rc"], Value::Int(2));
    let (_, outcome) = c.tried_with(&COMMAND, report(127, "", "nope: cannot: not found here\n"));
    assert_eq!(outcome.unwrap_err().result["rc"], Value::Int(127));
}

#[test]
fn creates_and_removes_decide_whether_it_runs() {
    let creates = json!({"cmd": "make", "creates": "/x"});
    assert_eq!(case(creates.clone()).needs(&COMMAND), [Query::lstat("/x")]);
    let there = case(creates.clone()).knows(Query::lstat("/x"), present());
    let (shown, outcome) = there.done(&COMMAND);
    assert!(shown.is_empty() && !outcome.changed);
    assert_eq!(
        outcome.result["msg"].to_string(),
        "Did not run command since '/x' exists"
    );
    assert_eq!(
        outcome.result["stdout"].to_string(),
        "skipped, since /x exists"
    );
    let (_, outcome) = there.check().done(&COMMAND);
    assert_eq!(
        outcome.result["msg"].to_string(),
        "Would not run command since '/x' exists"
    );
    let gone = case(json!({"cmd": "make", "removes": "y", "chdir": "/d"}))
        .knows(Query::lstat("/d/y"), Answer::Stat(None));
    let (_, outcome) = gone.done(&SHELL);
    assert_eq!(
        outcome.result["msg"].to_string(),
        "Did not run command since 'y' does not exist"
    );
    let glob = "for f in /a/*; do if [ -e \"$f\" ] || [ -L \"$f\" ]; then exit 0; fi; done; exit 1";
    let (shown, _) = case(json!({"cmd": "make", "creates": "/a/*"}))
        .reads(glob, 1, "")
        .done(&COMMAND);
    assert_eq!(shown, ["make"]);
}

#[test]
fn in_check_mode_only_creates_and_removes_tell() {
    let (_, outcome) = case(json!({"cmd": "make"})).check().done(&COMMAND);
    assert!(outcome.skipped && !outcome.changed);
    assert_eq!(
        outcome.result["msg"].to_string(),
        "Command would have run if not in check mode"
    );
    let (_, outcome) = case(json!({"cmd": "make", "creates": "/x"}))
        .knows(Query::lstat("/x"), Answer::Stat(None))
        .check()
        .done(&COMMAND);
    assert!(!outcome.skipped && outcome.changed);
}

#[test]
fn mistakes() {
    let message = |spec: &Spec, args| case(args).bind(spec).map(|_| ()).unwrap_err().msg;
    insta::assert_snapshot!(message(&COMMAND, json!({})), @"`ansible.builtin.command`: one of these arguments is needed: cmd, argv");
    insta::assert_snapshot!(message(&COMMAND, json!({"cmd": "a 'b"})), @"cannot split the command into words: no closing quotation");
    insta::assert_snapshot!(message(&SHELL, json!({"cmd": "a", "warn": false})), @"argument `warn` of `ansible.builtin.shell` is not supported: Ansible dropped it in 2.14; take it out");
}

#[test]
fn times_look_like_pythons() {
    assert_eq!(delta(90_061.5), "1 day, 1:01:01.500000");
    assert_eq!(delta(0.0), "0:00:00.000000");
}
