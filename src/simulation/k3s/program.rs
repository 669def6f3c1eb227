//! The program's ways in: `server`, `agent`, `etcd-snapshot`, `token`, `--version`.

use super::config::Config;
use super::log::say;
use super::{agent, serve, snapshots, version};
use std::process::ExitCode;

/// Whether this program was started as `k3s`.
pub fn named_k3s() -> bool {
    let name = std::env::args_os().next().unwrap_or_default();
    std::path::Path::new(&name)
        .file_name()
        .is_some_and(|it| it == "k3s")
}

const HELP: &str = "k3s (simulated): a small Kubernetes API that stands in for K3s in rehearsals

  server                 run a server; settings from /etc/rancher/k3s/config.yaml
  agent                  run an agent
  etcd-snapshot save     save the state of the cluster; also: ls, delete NAME, prune
  token generate         print a random token
  stamp VERSION FILE     make a program k3s of this one that says it is VERSION
  --version              print the version

Not simulated: kubectl, crictl, ctr, check-config, certificate, secrets-encrypt, completion
";

/// Runs the program with its arguments.
pub fn main(arguments: &[String]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let told = match words.as_slice() {
        ["--version" | "-v" | "version", ..] => {
            println!(
                "k3s version {} (simulated)\nhoist version {}",
                version::version(),
                env!("CARGO_PKG_VERSION")
            );
            Ok(())
        }
        [] | ["--help" | "-h" | "help", ..] => {
            print!("{HELP}");
            Ok(())
        }
        ["stamp", version, path] => {
            version::stamp(version, std::path::Path::new(path)).map_err(|error| error.to_string())
        }
        ["server", ..] => in_runtime(|| Config::read("server", &arguments[1..]), serve::run),
        ["agent", ..] => in_runtime(|| Config::read("agent", &arguments[1..]), agent::run),
        ["etcd-snapshot", ..] => snapshots::run(&arguments[1..]),
        ["token", "generate"] => {
            println!("{}", crate::simulation::object::suffix(16));
            Ok(())
        }
        [
            "kubectl" | "crictl" | "ctr" | "check-config" | "certificate" | "secrets-encrypt"
            | "completion" | "token",
            ..,
        ] => Err(format!("`k3s {}` is not simulated", words.join(" "))),
        [other, ..] => Err(format!("No help topic for '{other}'")),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say("fatal", &message);
            ExitCode::FAILURE
        }
    }
}

fn in_runtime<F>(
    config: impl FnOnce() -> Result<Config, String>,
    work: impl FnOnce(Config) -> F,
) -> Result<(), String>
where
    F: Future<Output = Result<(), String>>,
{
    let config = config()?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let told = runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .map_err(|error| error.to_string())?;
        tokio::select! {
            told = work(config) => told,
            _ = terminate.recv() => { say("info", "Shutting down"); Ok(()) }
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    });
    runtime.shutdown_background();
    told
}
