//! The command line: one file a subcommand.

pub mod artifacts;
mod carried;
pub mod check;
pub mod complain;
pub mod completions;
pub mod dialect;
pub mod doc;
pub mod doctor;
pub mod exec;
pub mod extra_vars;
pub mod facts;
pub mod flags;
pub mod graph;
mod graph_layout;
mod graph_play;
mod graph_svg;
mod graph_text;
pub mod init;
pub mod inventory;
pub mod lab;
pub mod lab_demo;
mod load_time;
mod new_site;
pub mod options;
pub mod output;
pub mod project;
mod real_k3s;
pub mod replay;
pub mod run;
pub mod seal;
pub mod session;
pub mod site;
pub mod site_lock;
pub mod topology;
pub mod up;
pub mod vault;

use crate::error::{Diagnostic, Problems};
use crate::simulation::k3s;
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
    Up(Box<up::UpCommand>),
    Down(Box<up::DownCommand>),
    Run(Box<run::RunCommand>),
    Check(check::CheckCommand),
    Graph(graph::GraphCommand),
    Exec(Box<exec::ExecCommand>),
    /// Print hosts and groups with their variables
    Inventory(inventory::InventoryCommand),
    Facts(Box<facts::FactsCommand>),
    Init(init::InitCommand),
    Doctor(Box<doctor::DoctorCommand>),
    /// Encrypt and decrypt files and strings, as `ansible-vault` does
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    Seal(seal::SealCommand),
    Doc(doc::DocCommand),
    Replay(replay::ReplayCommand),
    /// What is installed from outside: names, digests, the cache, mirrors, bundles
    #[command(subcommand)]
    Artifacts(artifacts::ArtifactsCommand),
    /// Throw-away hosts on this machine, to rehearse on (Linux, as root)
    #[command(subcommand)]
    Lab(lab::LabCommand),
    Completions(completions::CompletionsCommand),
    /// The program `k3s` of rehearsals: a simulated Kubernetes
    #[command(name = "simulated-k3s", hide = true, disable_help_flag = true)]
    SimulatedK3s {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// Runs hoist and returns its exit status.
pub fn main() -> ExitCode {
    if k3s::named_k3s() {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        return k3s::main(&arguments);
    }
    let cli = Cli::parse_from(flags::spell_out(std::env::args_os()));
    let told: Result<ExitCode, Problems> = match cli.command {
        Command::Run(command) => in_runtime(async { Ok(run::run(*command).await) }),
        Command::Up(command) => in_runtime(async { Ok(up::up(*command).await) }),
        Command::Down(command) => in_runtime(async { Ok(up::down(*command).await) }),
        Command::Check(command) => Ok(check::run(&command)),
        Command::Graph(command) => Ok(graph::run(&command)),
        Command::Exec(command) => in_runtime(async { Ok(exec::run(*command).await) }),
        Command::Inventory(command) => inventory::run(command),
        Command::Facts(command) => in_runtime(async { Ok(facts::run(*command).await) }),
        Command::Init(command) => init::run(command),
        Command::Doctor(command) => in_runtime(async { Ok(doctor::run(*command).await) }),
        Command::Vault(command) => vault::run(command),
        Command::Seal(command) => seal::run(&command),
        Command::Doc(command) => doc::run(&command).map_err(Into::into),
        Command::Replay(command) => replay::run(&command).map_err(Into::into),
        Command::Artifacts(command) => artifacts::run(command),
        Command::Lab(command) => in_runtime(lab::run(command)),
        Command::Completions(command) => Ok(completions::run(&command)),
        Command::SimulatedK3s { arguments } => Ok(k3s::main(&arguments)),
    };
    told.unwrap_or_else(|problems| {
        complain::complain(&problems);
        ExitCode::FAILURE
    })
}

fn in_runtime<T>(work: impl Future<Output = Result<T, Diagnostic>>) -> Result<T, Problems> {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(work).map_err(Into::into),
        Err(error) => Err(Diagnostic::new(format!("cannot start: {error}")).into()),
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
