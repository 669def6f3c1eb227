//! Running the machine's own programs.

use crate::error::Diagnostic;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Output, Stdio};
use tokio::process::Command;

/// Runs a program with no input; its output, whatever its exit status.
pub(super) async fn output<I, S>(argv: I) -> Result<Output, Diagnostic>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = command(argv);
    let shown = show(&command);
    command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| Diagnostic::new(format!("cannot run `{shown}`: {e}")))
}

/// Runs a program with no input; its standard output, or an error with the end of what it wrote.
pub(super) async fn run<I, S>(argv: I) -> Result<Vec<u8>, Diagnostic>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let argv: Vec<_> = argv.into_iter().map(|s| s.as_ref().to_owned()).collect();
    let out = output(&argv).await?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let mut text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&out.stderr));
    let shown = show(&command(&argv));
    Err(with_tail(
        Diagnostic::new(format!("`{shown}` failed ({})", out.status)),
        &text,
    ))
}

/// Starts a program in a session of its own, in these cgroups, its output going to `log`; it outlives hoist.
pub(super) fn launch(
    enter: &Path,
    cgroups: &[std::path::PathBuf],
    log: &Path,
    argv: &[&OsStr],
) -> Result<(), Diagnostic> {
    let problem = |e: std::io::Error| {
        Diagnostic::new(format!(
            "cannot start `{}`: {e}",
            argv.first().copied().unwrap_or_default().to_string_lossy()
        ))
    };
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(problem)?;
    let mut command = command(["setsid", "sh"]);
    command.arg(enter).args(cgroups).arg("--").args(argv);
    command
        .stdout(log.try_clone().map_err(problem)?)
        .stderr(log);
    // Dropping the child does not end it; tokio reaps it should it end first.
    command.spawn().map(drop).map_err(problem)
}

/// Adds the last lines of what a program wrote as notes.
pub(super) fn with_tail(diagnostic: Diagnostic, text: &str) -> Diagnostic {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(8);
    lines[from..]
        .iter()
        .fold(diagnostic, |d, line| d.with_note(*line))
}

/// Whether a program is found on `PATH` or where administrators' programs are.
pub(super) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(Into::into))
        .any(|dir| dir.join(program).is_file())
}

fn command<I, S>(argv: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut argv = argv.into_iter();
    let mut command = match argv.next() {
        Some(program) => Command::new(program),
        None => Command::new("true"),
    };
    // A user's PATH under sudo may lack the sbin directories.
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .args(argv)
        .env("PATH", format!("{path}:/usr/sbin:/usr/bin:/sbin:/bin"))
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn show(command: &Command) -> String {
    let command = command.as_std();
    std::iter::once(command.get_program())
        .chain(command.get_args().take(4))
        .map(|s| s.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
