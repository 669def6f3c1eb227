//! `hoist artifacts`: what a site installs from outside.

mod bars;
mod carry;
mod fetch;
mod list;
mod lock;
mod stock;

pub use stock::{stock, unlocked};

use crate::artifacts::{Arch, Cache, Mirror, Patience, Site, WANTED, Web};
use crate::cli::in_runtime;
use crate::error::{Diagnostic, Problems};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The subcommands of `hoist artifacts`.
#[derive(Subcommand, Clone, Debug)]
pub enum ArtifactsCommand {
    /// Find out the digests of artifacts that have none, and write them into artifacts.lock
    Lock(lock::LockCommand),
    /// Get what is locked into the cache, verified
    Fetch(fetch::FetchCommand),
    /// Read the whole cache through, and throw out what is not what it should be
    Verify(fetch::VerifyCommand),
    /// Show what there is, what is locked and what is in the cache
    List(list::ListCommand),
    /// Ask publishers for newer versions
    Outdated(list::OutdatedCommand),
    /// Write one file with the lock and everything in it, to carry to where there is no internet
    Bundle(carry::BundleCommand),
    /// Take such a file into the cache
    Unbundle(carry::UnbundleCommand),
}

/// Which site.
#[derive(Args, Clone, Debug, Default)]
struct SiteFlags {
    /// The folder with artifacts.yml, or one below it [default: this one]
    #[arg(long, value_name = "FOLDER")]
    site: Option<PathBuf>,
    /// A folder or an address that stands for the internet: files are at MIRROR/host/path
    #[arg(long, env = "HOIST_MIRROR", value_name = "MIRROR")]
    mirror: Option<String>,
}

impl SiteFlags {
    /// Reads the site.
    fn read(&self) -> Result<Site, Problems> {
        let cwd = std::env::current_dir()
            .map_err(|e| Diagnostic::new(format!("cannot tell the current folder: {e}")))?;
        let folder = self
            .site
            .as_ref()
            .map_or(cwd.clone(), |site| cwd.join(site));
        let real = std::fs::canonicalize(&folder).map_err(|e| {
            Diagnostic::new(format!("there is no folder `{}`: {e}", folder.display()))
        })?;
        let Some(root) = Site::root_of(&real, std::path::Path::new("/")) else {
            return Err(Diagnostic::new(format!("there is no {WANTED} here"))
                .with_note(format!(
                    "looked in {} and those above it, up to the root of the repository",
                    real.display()
                ))
                .with_help("docs/artifacts.md has an example; `--site FOLDER` looks elsewhere")
                .into());
        };
        let mut site = Site::read(&root, &cwd, cache()?)?;
        if let Some(mirror) = self.mirror.as_deref().filter(|m| !m.is_empty()) {
            site.mirror = Mirror::parse(mirror, &cwd)?;
        }
        Ok(site)
    }
}

fn cache() -> Result<Cache, Diagnostic> {
    Cache::of_user(|name| std::env::var(name).ok())
}

fn web(site: &Site) -> Result<Web, Diagnostic> {
    Web::new(site.mirror.clone(), Patience::default())
}

/// The names given, which must be there; or all of the site.
fn chosen(site: &Site, names: &[String]) -> Result<Vec<String>, Problems> {
    if names.is_empty() {
        return Ok(site.wanted.artifacts.keys().cloned().collect());
    }
    let mut problems = Problems::new();
    for name in names {
        problems.take(site.artifact(name).map(drop));
    }
    problems.or_ok(names.to_vec())
}

/// A kind of machine on the command line.
fn arch(text: &str) -> Result<Arch, String> {
    let known = Arch::ALL.into_iter().find(|arch| arch.name() == text);
    known
        .or_else(|| Arch::of_machine(text))
        .ok_or_else(|| format!("there are {}", Arch::ALL.map(Arch::name).join(", ")))
}

/// Runs one of them; 0 when all is well, 1 when something is not.
///
/// # Errors
/// What went wrong.
pub fn run(command: ArtifactsCommand) -> Result<ExitCode, Problems> {
    let told = async {
        Ok(match command {
            ArtifactsCommand::Lock(command) => lock::run(&command).await,
            ArtifactsCommand::Fetch(command) => fetch::run(&command).await,
            ArtifactsCommand::Verify(command) => fetch::verify_cache(&command),
            ArtifactsCommand::List(command) => list::run(&command).await,
            ArtifactsCommand::Outdated(command) => list::outdated(&command).await,
            ArtifactsCommand::Bundle(command) => carry::pack(&command).await,
            ArtifactsCommand::Unbundle(command) => carry::unpack(&command),
        })
    };
    in_runtime(told)?
}
