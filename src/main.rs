//! The `hoist` binary: hands the command line to [`hoist::cli`].

fn main() -> std::process::ExitCode {
    hoist::cli::main()
}
