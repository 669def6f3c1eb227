//! Detached jobs: `async`, and `async_status`.
//!
//! A job leaves files like Ansible's in `~/.ansible_async`: `JID` holds JSON while it starts, `JID.rc` appears, by rename,
//! when it is over, `JID.out` and `JID.err` hold what it said.

use super::tools::{map, put_output};
use crate::host::{Action, Cmd, Program, Query, Touches, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::Map;
use futures_util::future::BoxFuture;

/// `ansible.builtin.async_status`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.async_status",
    aliases: &[],
    about: "tells how a task started with `async` is doing",
    free_form: None,
    args: &[&[
        Arg::str("jid", "the job, `ansible_job_id` of the task's result").required(),
        Arg::str("mode", "`cleanup` removes the job's files")
            .choices(&["cleanup", "status"])
            .default("status"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("ansible_job_id", "the job"),
        ("started", "whether it was started"),
        ("finished", "whether it is over"),
        ("erased", "the file removed by `cleanup`"),
    ],
    example: "- ansible.builtin.async_status:\n    jid: \"{{ long_task.ansible_job_id }}\"\n  register: job\n  until: job.finished\n  retries: 60\n",
    run: Run::Bind(bind),
};

/// A detached job on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    id: String,
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobState {
    /// There is no such job.
    Unknown,
    /// It goes on.
    Running,
    /// It is over.
    Finished {
        /// Exit status; 124 when it was ended because its time was up.
        rc: i32,
        /// Standard output.
        stdout: String,
        /// Standard error.
        stderr: String,
    },
}

const DIR: &str = "\"${ANSIBLE_ASYNC_DIR:-$HOME/.ansible_async}\"";

impl Job {
    /// A job by its id.
    ///
    /// # Errors
    /// An id that cannot be one: it names files.
    pub fn new(id: &str) -> Result<Self, Fail> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if id.is_empty() || id.starts_with('.') || !id.chars().all(plain) {
            return Err(Fail::new(format!("`{id}` cannot be the id of a job")));
        }
        Ok(Self { id: id.to_owned() })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The action that starts `cmd` detached and returns at once. After `seconds` the job is ended. Its standard input
    /// reaches it by a file that only its owner can read.
    pub fn start(&self, cmd: &Cmd, seconds: u64) -> Action {
        let call = match &cmd.program {
            Program::Argv(argv) => quote::words(argv),
            Program::Script { text, executable } => {
                format!("{} -c {}", quote::word(executable), quote::word(text))
            }
        };
        let input = if cmd.stdin.is_some() {
            ("cat > \"$j.in\"\n", "< \"$j.in\"")
        } else {
            ("", "< /dev/null")
        };
        let id = &self.id;
        // A watcher ends the whole group when the time is up; `setsid` makes it one.
        let run = format!(
            "j=$1\n({call}) {} > \"$j.out\" 2> \"$j.err\" & p=$!\n\
             (t=0; while [ $t -lt {seconds} ]; do sleep 1; t=$((t+1)); kill -0 $p 2>/dev/null || exit 0; done\n\
             echo 124 > \"$j.late\"; kill -TERM 0) & w=$!\n\
             trap 'r=124; echo $r > \"$j.rc.new\"; mv \"$j.rc.new\" \"$j.rc\"; trap \"\" TERM; kill -KILL $p 2>/dev/null; exit' TERM\n\
             wait $p; r=$?\nkill $w 2>/dev/null\n\
             rm -f \"$j.in\"; echo $r > \"$j.rc.new\"; mv \"$j.rc.new\" \"$j.rc\"",
            input.1
        );
        let text = format!(
            "umask 077\nmkdir -p {DIR} || exit 1\nj={DIR}/{id}\n{}\
             printf '{{\"started\": 1, \"finished\": 0, \"ansible_job_id\": \"%s\"}}' {id} > \"$j\" || exit 1\n\
             if command -v setsid >/dev/null 2>&1; then setsid sh -c {run} _ \"$j\" </dev/null >/dev/null 2>&1 &\n\
             else nohup sh -c {run} _ \"$j\" </dev/null >/dev/null 2>&1 & fi\necho \"$j\"",
            input.0,
            run = quote::word(&run)
        );
        Action::Run(Cmd {
            stdin: cmd.stdin.clone(),
            chdir: cmd.chdir.clone(),
            env: cmd.env.clone(),
            ..Cmd::script(text)
        })
    }

    /// The question how it is doing; `round` differs from the last time it was asked.
    pub fn question(&self, round: u64) -> Query {
        let id = &self.id;
        Query::read(format!(
            "j={DIR}/{id}\n[ -e \"$j\" ] || exit 3\n[ -e \"$j.rc\" ] || exit 4\n\
             read -r r < \"$j.rc\"; echo \"$r $(wc -c < \"$j.out\")\"; cat \"$j.out\"; cat \"$j.err\" >&2\n# {round}"
        ))
    }

    /// Reads the answer.
    pub fn state(&self, rc: i32, stdout: &str, stderr: &str) -> JobState {
        match rc {
            3 => JobState::Unknown,
            0 => {
                let (head, out) = stdout.split_once('\n').unwrap_or((stdout, ""));
                let code = head.split_whitespace().next().and_then(|r| r.parse().ok());
                JobState::Finished {
                    rc: code.unwrap_or(-1),
                    stdout: out.to_owned(),
                    stderr: stderr.to_owned(),
                }
            }
            _ => JobState::Running,
        }
    }

    /// Removes the job's files.
    pub fn erase(&self) -> Action {
        let id = &self.id;
        Action::Run(Cmd {
            touches: Touches::Nothing,
            ..Cmd::script(format!(
                "j={DIR}/{id}; rm -f \"$j\" \"$j.rc\" \"$j.out\" \"$j.err\" \"$j.in\" \"$j.late\"; echo \"$j\""
            ))
        })
    }

    /// The result's keys while the job goes on.
    pub fn started(&self, results_file: &str) -> Map {
        map([
            ("ansible_job_id", self.id.as_str().into()),
            ("started", 1.into()),
            ("finished", 0.into()),
            ("results_file", results_file.into()),
        ])
    }
}

struct Status {
    job: Job,
    cleanup: bool,
}

fn bind(args: &Args, _: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Converse(Box::new(Status {
        job: Job::new(args.str("jid"))?,
        cleanup: args.str("mode") == "cleanup",
    })))
}

impl Converse for Status {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let id = self.job.id();
            let round = uuid::Uuid::new_v4().as_u64_pair().0;
            let (rc, stdout, stderr) =
                super::tools::output(host.ask(vec![self.job.question(round)]).await?);
            let state = self.job.state(rc, &stdout, &stderr);
            if state == JobState::Unknown {
                return Err(Fail::new("could not find job")
                    .with("ansible_job_id", id)
                    .with("started", 1)
                    .with("finished", 1));
            }
            if self.cleanup {
                let path = if host.check() {
                    format!("~/.ansible_async/{id}")
                } else {
                    host.act(self.job.erase()).await?.stdout.trim().to_owned()
                };
                return Ok(Outcome {
                    result: map([("ansible_job_id", id.into()), ("erased", path.into())]),
                    ..Outcome::default()
                });
            }
            let mut result = self.job.started(&format!("~/.ansible_async/{id}"));
            let JobState::Finished { rc, stdout, stderr } = state else {
                return Ok(Outcome {
                    result,
                    ..Outcome::default()
                });
            };
            result.insert("finished".into(), 1.into());
            result.insert("rc".into(), rc.into());
            put_output(
                &mut result,
                stdout.trim_end_matches(['\r', '\n']),
                stderr.trim_end_matches(['\r', '\n']),
            );
            if rc != 0 {
                let msg = if rc == 124 {
                    "the job took too long and was ended"
                } else {
                    "non-zero return code"
                };
                return Err(Fail {
                    msg: msg.into(),
                    result,
                });
            }
            Ok(Outcome {
                changed: true,
                result,
                ..Outcome::default()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Line, case};
    use super::*;
    use serde_json::json;

    /// Starts a command for real and waits for its end.
    fn run(cmd: &Cmd, seconds: u64) -> JobState {
        let home = tempfile::tempdir().unwrap();
        let job = Job::new("j1.2").unwrap();
        let sh = |text: &str, stdin: Option<&[u8]>| {
            use std::io::Write;
            let mut child = std::process::Command::new("sh")
                .args(["-c", text])
                .env("HOME", home.path())
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(stdin.unwrap_or_default())
                .unwrap();
            child.wait_with_output().unwrap()
        };
        let Action::Run(start) = job.start(cmd, seconds) else {
            panic!()
        };
        let Program::Script { text, .. } = &start.program else {
            panic!()
        };
        assert!(sh(text, start.stdin.as_deref()).status.success());
        for round in 0..100 {
            let Query::Read { script, .. } = job.question(round) else {
                panic!()
            };
            let out = sh(&script, None);
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            let state = job.state(
                out.status.code().unwrap(),
                &text(&out.stdout),
                &text(&out.stderr),
            );
            assert_ne!(state, JobState::Unknown);
            if state != JobState::Running {
                return state;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the job did not end");
    }

    #[test]
    fn jobs_end_with_their_output() {
        let finished = |rc, stdout: &str, stderr: &str| JobState::Finished {
            rc,
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        assert_eq!(
            run(&Cmd::argv(["printf", "a b\nc\n"]), 9),
            finished(0, "a b\nc\n", "")
        );
        assert_eq!(
            run(&Cmd::script("echo x >&2; exit 3"), 9),
            finished(3, "", "x\n")
        );
        let with_input = Cmd {
            stdin: Some(b"hi".as_slice().into()),
            ..Cmd::argv(["cat"])
        };
        assert_eq!(run(&with_input, 9), finished(0, "hi", ""));
    }

    #[test]
    fn a_job_that_takes_too_long_is_ended() {
        assert!(matches!(
            run(&Cmd::argv(["sleep", "30"]), 1),
            JobState::Finished { rc: 124, .. }
        ));
    }

    #[test]
    fn status() {
        let ask = |line| {
            case(json!({"jid": "j1"}))
                .converse(&SPEC, vec![("j1", line)])
                .1
        };
        assert_eq!(
            ask(Line::Says(3, "")).unwrap_err().msg,
            "could not find job"
        );
        let going = ask(Line::Says(4, "")).unwrap();
        assert!(!going.changed && !going.result["finished"].is_true());
        let over = ask(Line::Says(0, "0 3\nhi\n")).unwrap();
        assert!(over.changed && over.result["finished"].is_true());
        assert_eq!(over.result["stdout"].to_string(), "hi");
        assert_eq!(
            ask(Line::Says(0, "2 0\n")).unwrap_err().msg,
            "non-zero return code"
        );
        for bad in ["", "../x", "a b", ".x"] {
            assert!(Job::new(bad).is_err(), "{bad}");
        }
    }
}
