//! `hoist completions`: for the user's shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};
use std::process::ExitCode;

/// Print completions for a shell
#[derive(Args, Clone, Debug)]
pub struct CompletionsCommand {
    /// Which
    shell: Shell,
}

/// Prints them.
pub fn run(command: &CompletionsCommand) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(
        command.shell,
        &mut super::Cli::command(),
        "hoist",
        &mut text,
    );
    // a reader that left has seen enough
    match io::stdout().write_all(&text) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
