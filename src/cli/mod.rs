//! The command line: one file a subcommand.

pub mod completions;
pub mod doc;
pub mod extra_vars;
pub mod flags;
pub mod inventory;
pub mod lab;
pub mod output;
pub mod replay;
pub mod vault;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Turns bare Linux hosts that answer SSH into what playbooks say, without anything installed on them
#[derive(Parser)]
#[command(name = "hoist", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Doc(doc::DocCommand),
    Completions(completions::CompletionsCommand),
    /// Print hosts and groups with their variables
    Inventory(inventory::InventoryCommand),
    /// Throw-away hosts on this machine, to rehearse on (Linux, as root)
    #[command(subcommand)]
    Lab(lab::LabCommand),
    Replay(replay::ReplayCommand),
    /// Encrypt and decrypt files and strings, as `ansible-vault` does
    #[command(subcommand)]
    Vault(vault::VaultCommand),
}

/// Runs hoist and returns its exit status.
pub fn main() -> ExitCode {
    let cli = Cli::parse_from(flags::spell_out(std::env::args_os()));
    let told = match cli.command {
        Command::Doc(command) => doc::run(&command),
        Command::Completions(command) => Ok(completions::run(&command)),
        Command::Inventory(command) => return or_problems(inventory::run(command)),
        Command::Lab(command) => in_runtime(lab::run(command)),
        Command::Replay(command) => replay::run(&command),
        Command::Vault(command) => return or_problems(vault::run(command)),
    };
    told.unwrap_or_else(|problem| {
        eprintln!("{problem}");
        ExitCode::FAILURE
    })
}

fn or_problems(told: Result<ExitCode, crate::error::Problems>) -> ExitCode {
    told.unwrap_or_else(|problems| {
        eprintln!("{problems}");
        ExitCode::FAILURE
    })
}

fn in_runtime<T>(
    work: impl Future<Output = Result<T, crate::error::Diagnostic>>,
) -> Result<T, crate::error::Diagnostic> {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(crate::error::Diagnostic::new(format!(
            "cannot start: {error}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_make_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn output_junit_is_a_flag_of_its_own() {
        let spelled = flags::spell_out(
            [
                "run", "--output", "junit", "f.xml", "--output", "json", "junit",
            ]
            .map(Into::into),
        );
        assert_eq!(
            spelled,
            ["run", "--junit", "f.xml", "--output", "json", "junit"]
        );
        let spelled = flags::spell_out(["--output=junit", "f.xml"].map(Into::into));
        assert_eq!(spelled, ["--junit", "f.xml"]);
    }
}
