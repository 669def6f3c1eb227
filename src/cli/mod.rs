//! The command line: one file a subcommand.

pub mod inventory;
pub mod lab;
pub mod vault;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "hoist", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Throw-away hosts on this machine, to rehearse on (Linux, as root)
    #[command(subcommand)]
    Lab(lab::LabCommand),
}

/// Runs hoist and returns its exit status.
pub fn main() -> ExitCode {
    let Command::Lab(command) = Cli::parse().command;
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime
        .block_on(lab::run(command))
        .unwrap_or_else(|problem| {
            eprintln!("{problem}");
            ExitCode::FAILURE
        })
}
