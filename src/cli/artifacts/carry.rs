//! `hoist artifacts bundle` and `unbundle`.

use super::bars::{Bars, size};
use super::fetch::wanted;
use super::lock::write;
use super::{SiteFlags, arch, cache, web};
use crate::artifacts::{Arch, LOCK, Lock, bundle, fetch, unbundle};
use crate::cli::output::print;
use crate::error::{Diagnostic, Problems};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write one file with the lock and everything in it, to carry to where there is no internet.
#[derive(Args, Clone, Debug)]
pub struct BundleCommand {
    /// The file, a tar
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only these [default: all that are locked]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only for this kind of machine; may be given several times
    #[arg(long, value_name = "ARCH", value_parser = arch)]
    arch: Vec<Arch>,
    #[command(flatten)]
    site: SiteFlags,
}

pub(super) async fn pack(command: &BundleCommand) -> Result<ExitCode, Problems> {
    let site = command.site.read()?;
    let mut problems = Problems::new();
    let needs = wanted(&site, &command.names, &command.arch, &mut problems)?;
    problems.or_ok(())?;
    fetch(&site.cache, &web(&site)?, needs.clone(), &Bars::new()).await?;
    let mut lock = Lock::default();
    for need in &needs {
        if let Some(entry) = site.lock.entries.get(&need.name) {
            lock.entries.insert(need.name.clone(), entry.clone());
        }
    }
    let length = bundle(&command.file, &lock, &needs, &site.cache)?;
    print(&format!(
        "{}: {} files of {} artifacts, {}; take it in with `hoist artifacts unbundle`\n",
        command.file.display(),
        needs.len(),
        lock.entries.len(),
        size(length)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Take such a file into the cache.
///
/// What artifacts.lock does not have yet is added to it, as far as artifacts.yml wants it.
#[derive(Args, Clone, Debug)]
pub struct UnbundleCommand {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    site: SiteFlags,
}

pub(super) fn unpack(command: &UnbundleCommand) -> Result<ExitCode, Problems> {
    // without a site it only fills the cache
    let site = match command.site.read() {
        Ok(site) => Some(site),
        Err(problems)
            if command.site.site.is_some() || problems.0.iter().any(|p| p.span.is_some()) =>
        {
            return Err(problems);
        }
        Err(_) => None,
    };
    let cache = match &site {
        Some(site) => site.cache.clone(),
        None => cache()?,
    };
    let out = unbundle(&command.file, &cache)?;
    let mut text = format!(
        "{} files into the cache, {} were there\n",
        out.new, out.kept
    );
    if let Some(site) = &site {
        let mut lock = site.lock.clone();
        let mut problems = Problems::new();
        let mut added = Vec::new();
        for (name, entry) in &out.lock.entries {
            let Some(artifact) = site.wanted.artifacts.get(name) else {
                continue;
            };
            if entry.strays_from(artifact).is_some() {
                text += &format!(
                    "{name}: the bundle has version {}, {} is wanted\n",
                    entry.version, artifact.version
                );
                continue;
            }
            match lock.entries.get(name) {
                Some(own) if own.content == entry.content => {}
                Some(own) if own.strays_from(artifact).is_none() => {
                    problems.push(
                        Diagnostic::new(format!("`{name}` is locked here with other digests than in the bundle"))
                            .with_note(format!("{LOCK} was left as it is"))
                            .with_help("find out which is right; the one to go by is the lock under version control"),
                    );
                }
                _ => {
                    lock.entries.insert(name.clone(), entry.clone());
                    added.push(name.as_str());
                }
            }
        }
        if write(site, &lock)? && !added.is_empty() {
            text += &format!("{LOCK} written: {} by the bundle\n", added.join(", "));
        }
        print(&text)?;
        return problems.or_ok(ExitCode::SUCCESS);
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
