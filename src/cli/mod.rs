//! The command line: one file a subcommand.

/// Runs hoist and returns its exit status.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
