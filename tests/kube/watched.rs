//! A process that does not outlive the test, however the test ends.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// The shell between us and the process. A signal's name that is written to it is passed on; when our end of its pipe closes
/// instead (we dropped it, panicked, or were killed), it kills the process. Then it removes the folder that was named. It
/// ends when the process does.
const SCRIPT: &str = r#"
dir=$1; shift
exec 3<&0
"$@" 3<&- & p=$!
{
    read -r signal || signal=KILL
    [ -z "$dir" ] || : >"$dir/ending"
    kill -s "$signal" "$p"
} <&3 2>/dev/null & reader=$!
wait "$p"; status=$?
if [ -n "$dir" ] && [ -e "$dir/ending" ]; then
    rm -rf "$dir" 2>/dev/null || { sleep 1; rm -rf "$dir"; }
fi
kill "$reader" 2>/dev/null
exit "$status"
"#;

/// A process under a shell that watches us.
pub struct Watched {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watched {
    /// Starts it, both outputs appended to `log`. `dir` is removed after its end.
    pub fn start(program: &Path, args: &[String], log: &Path, dir: Option<&Path>) -> Self {
        Self::with_settings(program, args, &[], log, dir)
    }

    /// As [`Self::start`], with variables in its environment.
    pub fn with_settings(
        program: &Path,
        args: &[String],
        settings: &[(&str, String)],
        log: &Path,
        dir: Option<&Path>,
    ) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        // a session of its own: Ctrl-C is for us, and the shell must live to clean up
        let mut shell = Command::new("setsid")
            .args(["--wait", "sh", "-c", SCRIPT, "sh"])
            .arg(dir.unwrap_or(Path::new("")))
            .arg(program)
            .args(args)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            pipe: shell.stdin.take(),
            shell,
        }
    }

    /// How the process ended, when it has by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(mut self) {
        if let Some(pipe) = &mut self.pipe {
            // it may have ended already
            drop(pipe.write_all(b"TERM\n"));
        }
        drop(self.shell.wait());
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.pipe.take());
        drop(self.shell.wait());
    }
}
