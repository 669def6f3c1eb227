//! `hoist replay`: a recorded run, told again.

use super::output::text_options;
use crate::error::Diagnostic;
use crate::report::{Plain, replay};
use clap::Args;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print a recorded run again
#[derive(Args, Clone, Debug)]
pub struct ReplayCommand {
    /// What `--record FILE` or `--output json` wrote; `-` reads standard input
    file: PathBuf,
    /// Say more than the run itself said
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Prints it as the run would have printed it into a pipe.
///
/// # Errors
/// The file cannot be read, or is no recorded run.
pub fn run(command: &ReplayCommand) -> Result<ExitCode, Diagnostic> {
    let shown = command.file.display();
    let wrong = |e: std::io::Error| Diagnostic::new(format!("cannot replay `{shown}`: {e}"));
    let input: Box<dyn Read> = if command.file.as_os_str() == "-" {
        Box::new(stdin())
    } else {
        Box::new(File::open(&command.file).map_err(|e| {
            match e.kind() {
                ErrorKind::NotFound => Diagnostic::new(format!("there is no file `{shown}`"))
                    .with_help("`hoist run … --record FILE` makes one"),
                _ => wrong(e),
            }
        })?)
    };
    let mut options = text_options(command.verbose);
    options.brief = false;
    let mut reporter = Plain::new(options, stdout());
    match replay(BufReader::new(input), &mut reporter) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(wrong(e)),
        _ => Ok(ExitCode::SUCCESS),
    }
}
