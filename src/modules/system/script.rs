//! `script`: a file of the control machine, run on the host; and `raw`, text for the host's shell and nothing around it.

use super::command::{Gate, Shut, command_result};
use super::expand;
use super::tools::{Site, map};
use super::words::shell_split;
use crate::host::{Action, Cmd, Known, Program, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Outcome, Run, Spec, Step,
};
use crate::value::{Map, Value};

const RETURNS: &[(&str, &str)] = &[
    ("rc", "exit status"),
    ("stdout", "standard output"),
    ("stdout_lines", "its lines"),
    ("stderr", "standard error"),
    ("stderr_lines", "its lines"),
];

/// `ansible.builtin.script`.
pub(super) static SCRIPT: Spec = Spec {
    name: "ansible.builtin.script",
    aliases: &[],
    about: "copies a script to the host, runs it and removes it",
    free_form: Some("cmd"),
    args: &[&[
        Arg::str("cmd", "a file of the control machine, and its arguments")
            .alias(&["_raw_params", "free_form"])
            .required(),
        Arg::str("chdir", "directory on the host to run in; absolute"),
        Arg::str("creates", "a path; when something is there, nothing runs"),
        Arg::str("removes", "a path; when nothing is there, nothing runs"),
        Arg::str("executable", "a program that the script is given to"),
        Arg::bool("decrypt", "decrypt the script when it is a vault").default("true"),
    ]],
    rules: &[],
    check: CheckSupport::Skipped,
    returns: RETURNS,
    example: "- ansible.builtin.script: setup.sh --fast\n  args:\n    creates: /etc/setup-done\n",
    run: Run::Bind(bind_script),
};

/// `ansible.builtin.raw`.
pub(super) static RAW: Spec = Spec {
    name: "ansible.builtin.raw",
    aliases: &[],
    about: "gives a line to the host's shell",
    free_form: Some("free_form"),
    args: &[&[
        Arg::str("free_form", "the line")
            .alias(&["_raw_params", "cmd"])
            .required(),
        Arg::str("executable", "the shell to use instead of `/bin/sh`"),
    ]],
    rules: &[],
    check: CheckSupport::Skipped,
    returns: RETURNS,
    example: "- ansible.builtin.raw: apk add python3\n",
    run: Run::Bind(bind_raw),
};

struct Opaque {
    cmd: Cmd,
    gate: Option<Gate>,
}

fn bind_raw(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let mut cmd = Cmd::script(args.str("free_form"));
    cmd.env = ctx.environment.clone();
    if let (Some(shell), Program::Script { executable, .. }) =
        (args.opt_str("executable"), &mut cmd.program)
    {
        *executable = shell.to_owned();
    }
    Ok(Bound::Decide(Box::new(Opaque { cmd, gate: None })))
}

fn bind_script(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    if let Some(dir) = args.opt_str("chdir").filter(|d| !d.starts_with('/')) {
        return Err(Fail::new(format!(
            "`chdir` must be an absolute path, not `{dir}`"
        )));
    }
    let text = args.str("cmd").trim();
    let words = shell_split(text)
        .map_err(|e| Fail::new(format!("cannot split the command into words: {e}")))?;
    let Some(name) = words.first() else {
        return Err(Fail::new("no script given"));
    };
    let path = ctx.files.find("files", name)?;
    let bytes = ctx.files.read(&path, args.bool("decrypt"))?;
    let base = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_else(|| "script".into());
    // The script's arguments go through the host's shell, quotes and all, as they were written.
    let rest = after_first_word(text);
    let executable = args
        .opt_str("executable")
        .map(|e| format!("{e} "))
        .unwrap_or_default();
    let file = format!("\"$hoist_dir\"/{}", quote::word(&base));
    let chdir = args
        .opt_str("chdir")
        .map(|d| format!("cd {} || exit 1\n", expand::word(d)))
        .unwrap_or_default();
    let script = format!(
        "hoist_dir=$(mktemp -d) || exit 1\n\
         trap 'rm -rf \"$hoist_dir\"' EXIT\ntrap 'exit 129' HUP\ntrap 'exit 130' INT\ntrap 'exit 143' TERM\n\
         cat > {file} && chmod 700 {file} || exit 1\n\
         {chdir}{executable}{file}{rest} < /dev/null\n"
    );
    let cmd = Cmd {
        stdin: Some(bytes),
        env: ctx.environment.clone(),
        ..Cmd::script(script)
    };
    let gate = Gate::new(args, &Site::of(ctx));
    Ok(Bound::Decide(Box::new(Opaque {
        cmd,
        gate: Some(gate),
    })))
}

/// What follows the first word, with the white space before it.
fn after_first_word(text: &str) -> &str {
    let (mut quote, mut skip) = (None, false);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            _ if skip => skip = false,
            (Some('"') | None, '\\') => skip = true,
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_whitespace() => return &text[i..],
            _ => {}
        }
    }
    ""
}

impl Decide for Opaque {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let skip = |msg: String| Decision {
            result: map([("msg", msg.into()), ("skipped", true.into())]),
            conclude: Some(Box::new(|result, _| {
                Ok(Outcome {
                    skipped: true,
                    result,
                    ..Outcome::default()
                })
            })),
            ..Decision::default()
        };
        if let Some(gate) = &self.gate {
            match gate.open(known)? {
                Shut::No => {}
                Shut::Exists(path) => {
                    return Ok(skip(format!("{path} exists, matching creates option")));
                }
                Shut::Missing(path) => {
                    return Ok(skip(format!(
                        "{path} does not exist, matching removes option"
                    )));
                }
            }
        }
        Ok(Decision {
            actions: vec![Action::Run(self.cmd.clone())],
            opaque: self.gate.as_ref().is_none_or(Gate::is_open_ended),
            conclude: Some(Box::new(conclude)),
            ..Decision::default()
        })
    }
}

fn conclude(_: Map, reports: Vec<Report>) -> Result<Outcome, Fail> {
    let Some(report) = reports.into_iter().next() else {
        return Err(Fail::new("the script was not run"));
    };
    let mut all = Map::new();
    command_result(&mut all, &report, false);
    let mut result = Map::new();
    for key in ["rc", "stdout", "stdout_lines", "stderr", "stderr_lines"] {
        result.insert(key.into(), all.get(key).cloned().unwrap_or(Value::Null));
    }
    if report.rc != 0 {
        // it ran, so it may have changed anything
        result.insert("changed".into(), true.into());
        return Err(Fail {
            msg: "non-zero return code".into(),
            result,
        });
    }
    Ok(Outcome {
        changed: true,
        result,
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use crate::host::{Answer, Query};
    use serde_json::json;

    #[test]
    fn a_script_travels_by_standard_input_and_keeps_its_name_and_arguments() {
        let c = case(json!({"cmd": "'my script.sh' a 'b c' $X", "chdir": "/srv"}))
            .file("my script.sh", "#!/bin/sh\n");
        let (shown, outcome) = c.done(&SCRIPT);
        assert!(outcome.changed);
        insta::assert_snapshot!(shown[0], @r##"
        sh: hoist_dir=$(mktemp -d) || exit 1
        trap 'rm -rf "$hoist_dir"' EXIT
        trap 'exit 129' HUP
        trap 'exit 130' INT
        trap 'exit 143' TERM
        cat > "$hoist_dir"/'my script.sh' && chmod 700 "$hoist_dir"/'my script.sh' || exit 1
        cd /srv || exit 1
        "$hoist_dir"/'my script.sh' a 'b c' $X < /dev/null
         <<< "#!/bin/sh\n"
        "##);
    }

    #[test]
    fn it_runs_and_leaves_nothing_behind() {
        let temp = tempfile::tempdir().unwrap();
        let c = case(json!({"cmd": "t.sh 'a b'", "executable": "sh -e"}))
            .file("t.sh", "echo \"$1\"; basename \"$0\"; exit 5");
        let decision = c.decide(&SCRIPT).unwrap_or_else(|f| panic!("{}", f.msg));
        let Action::Run(cmd) = &decision.actions[0] else {
            panic!()
        };
        let Program::Script { text, .. } = &cmd.program else {
            panic!()
        };
        let mut child = std::process::Command::new("sh")
            .args(["-c", text])
            .env("TMPDIR", temp.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        use std::io::Write;
        child
            .stdin
            .take()
            .unwrap()
            .write_all(cmd.stdin.as_deref().unwrap())
            .unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "a b\nt.sh\n");
        assert_eq!(out.status.code(), Some(5));
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
    }

    #[test]
    fn conditions_and_failures() {
        let c = case(json!({"cmd": "t.sh", "removes": "/x"}))
            .file("t.sh", "")
            .knows(Query::lstat("/x"), Answer::Stat(None));
        let (shown, outcome) = c.done(&SCRIPT);
        assert!(shown.is_empty());
        assert_eq!(
            outcome.result["msg"].to_string(),
            "/x does not exist, matching removes option"
        );
        let fail = case(json!({"cmd": "no.sh"}))
            .bind(&SCRIPT)
            .map(|_| ())
            .unwrap_err();
        assert_eq!(fail.msg, "`no.sh` was not found");
        let (shown, _) = case(json!({"free_form": "echo $X", "executable": "/bin/ash"})).done(&RAW);
        assert_eq!(shown, ["/bin/ash: echo $X"]);
    }
}
