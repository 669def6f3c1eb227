//! Tests with real shells: dash, bash, busybox on this machine, and an sshd on loopback.

use super::pipe_shell::{Greeting, PipeShell, Pipes};
use super::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Every `sh` of this machine that the loop has to work in.
pub(crate) const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

/// A directory of links to busybox, for a PATH on which every tool is busybox's.
fn busybox_tools() -> &'static std::path::Path {
    static DIR: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        for tool in "cat chgrp chmod chown cp date dd head id ln md5sum mkdir mv readlink rm sed sha1sum sha256sum \
                     sha512sum sleep stat touch wc"
            .split_whitespace()
        {
            std::os::unix::fs::symlink("/usr/bin/busybox", dir.path().join(tool)).unwrap();
        }
        dir
    })
    .path()
}

/// A shell of this kind, ready for frames.
pub(crate) async fn start(shell: &[&str], prelude: &str) -> Box<dyn Shell> {
    use std::process::Stdio;
    let token = "t0";
    let hello = super::boot::command(token);
    // The command as the login shell would run it, with the shell under test as `sh`.
    let script = hello.trim_start_matches("exec sh -c ").trim_matches('\'');
    let mut command = tokio::process::Command::new(shell[0]);
    if shell[0] == "busybox" {
        command.env(
            "PATH",
            format!("{}:/usr/bin:/bin", busybox_tools().display()),
        );
    }
    let mut child = command
        .args(&shell[1..])
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pipes = Pipes {
        stdin: Box::new(child.stdin.take().unwrap()),
        stdout: Box::new(child.stdout.take().unwrap()),
        stderr: Box::new(child.stderr.take().unwrap()),
        _alive: Box::new(child),
    };
    let greeting = Greeting {
        token,
        program: &super::boot::program(token, prelude),
        eager: true,
        password: None,
        prompt: "",
        within: Duration::from_secs(10),
    };
    Box::new(Bare(PipeShell::greet(pipes, greeting).await.unwrap()))
}

/// Without timeouts: there is no second shell to kill from.
struct Bare(PipeShell);

impl Shell for Bare {
    fn exec<'a>(
        &'a mut self,
        frame: &'a Frame,
    ) -> futures_util::future::BoxFuture<'a, Result<Reply, LinkError>> {
        Box::pin(self.0.run(frame))
    }
}

fn frame(script: &str) -> Frame {
    Frame {
        script: script.into(),
        ..Frame::default()
    }
}

fn text(reply: &Reply) -> (i32, String, String) {
    (
        reply.rc,
        String::from_utf8_lossy(&reply.stdout).into_owned(),
        String::from_utf8_lossy(&reply.stderr).into_owned(),
    )
}

#[tokio::test]
async fn scripts_run_apart_and_their_output_comes_back_exactly() {
    for shell in SHELLS {
        let mut sh = start(shell, "twice() { echo \"$1$1\"; }\n").await;
        let cases: &[(&str, i32, &str, &str)] = &[
            ("echo hi", 0, "hi\n", ""),
            (
                "printf 'no end'; printf err >&2; exit 7",
                7,
                "no end",
                "err",
            ),
            ("cd /; X=1; exit 3", 3, "", ""),
            (
                "echo \"[$X]\"; [ \"$PWD\" != / ] && echo away",
                0,
                "[]\naway\n",
                "",
            ),
            ("cat", 0, "", ""),
            ("read -r x; echo \"[$x]\"", 0, "[]\n", ""),
            ("twice ab", 0, "abab\n", ""),
            ("cat <<'X'\n a\\b $y\n\n\nX", 0, " a\\b $y\n\n\n", ""),
            ("printf 'a\\n\\nb\\n\\n'", 0, "a\n\nb\n\n", ""),
            ("echo 'ż ℵ 🦀'", 0, "ż ℵ 🦀\n", ""),
            ("", 0, "", ""),
            ("# only a comment", 0, "", ""),
            ("true\r\n:", 127, "", "CR"),
        ];
        for (script, rc, out, err) in cases {
            let reply = sh.exec(&frame(script)).await.unwrap();
            let (got_rc, got_out, got_err) = text(&reply);
            if *err == "CR" {
                assert_eq!(got_rc, 0, "{shell:?} {script:?}");
                continue;
            }
            assert_eq!(
                (got_rc, &*got_out, &*got_err),
                (*rc, *out, *err),
                "{shell:?} {script:?}"
            );
        }
        let reply = sh.exec(&frame("echo before; if")).await.unwrap();
        assert_ne!(reply.rc, 0);
        assert_eq!(
            text(&sh.exec(&frame("echo alive")).await.unwrap()).1,
            "alive\n"
        );
    }
}

#[tokio::test]
async fn big_scripts_and_inputs_are_taken_exactly() {
    for shell in SHELLS {
        let mut sh = start(shell, "").await;
        let long = format!(
            "x='{}'\nprintf %s \"$x\"",
            "aé'\\''\n".repeat(20_000).replace("'\\''", "q")
        );
        let reply = sh.exec(&frame(&long)).await.unwrap();
        assert_eq!(
            String::from_utf8(reply.stdout).unwrap(),
            "aéq\n".repeat(20_000)
        );
        for length in [0usize, 1, 65535, 65536, 65537, 700_001] {
            let bytes: Arc<[u8]> = (0..length).map(|i| (i * 7 % 256) as u8).collect();
            for (script, all) in [
                ("cat", true),
                ("exit 5", false),
                ("head -c 10 >/dev/null", false),
            ] {
                let reply = sh
                    .exec(&Frame {
                        input: Input::Bytes(Arc::clone(&bytes)),
                        ..frame(script)
                    })
                    .await
                    .unwrap();
                if all {
                    assert!(reply.stdout == *bytes, "{shell:?} {length}");
                }
                assert_eq!(reply.rc, if script == "exit 5" { 5 } else { 0 });
            }
            assert_eq!(
                text(&sh.exec(&frame("echo next")).await.unwrap()).1,
                "next\n"
            );
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &[7u8; 600_000]).unwrap();
        let reply = sh
            .exec(&Frame {
                input: Input::File {
                    path: file.path().into(),
                    length: 600_000,
                },
                ..frame("wc -c")
            })
            .await
            .unwrap();
        assert_eq!(text(&reply).1.trim(), "600000");
    }
}

#[tokio::test]
async fn floods_are_kept_to_a_limit_and_late_output_is_dropped() {
    for shell in SHELLS {
        let mut sh = start(shell, "").await;
        let reply = sh
            .exec(&Frame {
                keep: Some(1 << 20),
                ..frame("head -c 67108864 /dev/zero; printf end; head -c 3000000 /dev/zero >&2")
            })
            .await
            .unwrap();
        assert_eq!(reply.stdout.len(), 2 << 20);
        assert!(reply.stdout.ends_with(b"\0end"));
        assert_eq!(
            reply.dropped,
            (67_108_864 + 3 - (2 << 20), 3_000_000 - (2 << 20))
        );
        let reply = sh
            .exec(&frame("(sleep 0.2; echo late; echo late >&2) & echo now"))
            .await
            .unwrap();
        assert_eq!(text(&reply), (0, "now\n".into(), String::new()));
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(
            text(&sh.exec(&frame("echo next")).await.unwrap()),
            (0, "next\n".into(), String::new())
        );
    }
}

fn links() -> Links {
    Links::new(LinkOptions::default()).unwrap()
}

#[tokio::test]
async fn a_timeout_kills_all_that_runs() {
    let links = links();
    let mut sh = links
        .connect(&Target::Local, &Account::Login, None)
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let script = format!(
        "sh -c 'sh -c \"trap : TERM; sleep 3; sleep 1; sleep 1; echo x > {0}\"; true'; true",
        mark.display()
    );
    let begun = Instant::now();
    let answer = sh
        .exec(&Frame {
            timeout: Some(Duration::from_millis(300)),
            ..frame(&script)
        })
        .await;
    assert_eq!(answer, Err(LinkError::Timeout(Duration::from_millis(300))));
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        sh.exec(&frame("echo")).await,
        Err(LinkError::Lost {
            reason: "an earlier script was given up".into(),
            maybe_ran: false
        })
    );
    tokio::time::sleep(Duration::from_millis(5500)).await;
    assert!(!mark.exists());
}

#[tokio::test]
async fn a_shell_that_dies_is_lost_and_says_whether_the_script_may_have_run() {
    let links = links();
    let mut sh = links
        .connect(&Target::Local, &Account::Login, None)
        .await
        .unwrap();
    let lost = sh.exec(&frame("kill -9 $$; sleep 5")).await;
    assert!(
        matches!(
            lost,
            Err(LinkError::Lost {
                maybe_ran: true,
                ..
            })
        ),
        "{lost:?}"
    );
    let mut sh = links
        .connect(&Target::Local, &Account::Login, None)
        .await
        .unwrap();
    assert_eq!(
        sh.exec(&frame("( sleep 0.1; kill -9 $$ ) >/dev/null 2>&1 &"))
            .await
            .unwrap()
            .rc,
        0
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    let lost = sh.exec(&frame("true")).await;
    assert!(
        matches!(
            lost,
            Err(LinkError::Lost {
                maybe_ran: false,
                ..
            })
        ),
        "{lost:?}"
    );
}

#[tokio::test]
async fn the_loop_ends_when_hoist_goes_away() {
    let links = links();
    let mut sh = links
        .connect(&Target::Local, &Account::Login, None)
        .await
        .unwrap();
    let pid = text(&sh.exec(&frame("echo $$")).await.unwrap())
        .1
        .trim()
        .to_owned();
    drop(sh);
    for _ in 0..50 {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("shell {pid} lives on");
}

#[tokio::test]
async fn a_sink_takes_what_would_not_be_kept() {
    let links = links();
    let mut sh = links
        .connect(&Target::Local, &Account::Login, None)
        .await
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let sink = Sink::new(file.reopen().unwrap());
    let reply = sh
        .exec(&Frame {
            sink: Some(sink.clone()),
            keep: Some(10),
            ..frame("head -c 5000000 /dev/zero")
        })
        .await
        .unwrap();
    assert_eq!((reply.rc, reply.stdout.len()), (0, 0));
    assert_eq!(sink.finish().unwrap(), 5_000_000);
    assert_eq!(file.as_file().metadata().unwrap().len(), 5_000_000);
}
