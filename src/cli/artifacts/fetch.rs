//! `hoist artifacts fetch` and `verify`.

use super::bars::{Bars, size};
use super::{SiteFlags, arch, cache, chosen, web};
use crate::artifacts::{Arch, Content, Fetched, Site, fetch, verify};
use crate::cli::complain::{complain, warn};
use crate::cli::output::print;
use crate::error::{Diagnostic, Problems};
use clap::Args;
use std::process::ExitCode;

/// Get what is locked into the cache, verified.
#[derive(Args, Clone, Debug)]
pub struct FetchCommand {
    /// Only these [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only for this kind of machine; may be given several times [default: those of artifacts.yml, else all that are locked]
    #[arg(long, value_name = "ARCH", value_parser = arch)]
    arch: Vec<Arch>,
    #[command(flatten)]
    site: SiteFlags,
}

/// What of the site there is to get; what is not locked is told, and an error only when it was named.
pub(super) fn wanted(
    site: &Site,
    given: &[String],
    arches: &[Arch],
    problems: &mut Problems,
) -> Result<Vec<crate::artifacts::Need>, Problems> {
    let mut needs = Vec::new();
    let mut unlocked = Vec::new();
    for name in chosen(site, given)? {
        match site.needs(&name, arches) {
            Ok(some) => needs.extend(some),
            Err(problem) if !given.is_empty() => problems.push(problem),
            Err(_) => unlocked.push(name),
        }
    }
    if !unlocked.is_empty() {
        warn(
            &Diagnostic::new(format!("not locked, so left out: {}", unlocked.join(", ")))
                .with_help("run `hoist artifacts lock`, with the internet or a mirror"),
        );
    }
    Ok(needs)
}

pub(super) async fn run(command: &FetchCommand) -> Result<ExitCode, Problems> {
    let site = command.site.read()?;
    let mut problems = Problems::new();
    let needs = wanted(&site, &command.names, &command.arch, &mut problems)?;
    let all = needs.len();
    let (mut kept, mut got, mut text) = (0, 0, String::new());
    match fetch(&site.cache, &web(&site)?, needs, &Bars::new()).await {
        Err(failed) => problems.extend(failed),
        Ok(done) => {
            for (need, fetched) in done {
                match fetched {
                    Fetched::Kept => kept += 1,
                    Fetched::Got { mended } => {
                        got += 1;
                        if mended {
                            text += &format!(
                                "{}: what was in the cache was spoilt, and was replaced\n",
                                need.label()
                            );
                        }
                    }
                }
            }
            text += &format!(
                "{got} fetched, {kept} of {all} were there, in {}\n",
                site.cache.root().display()
            );
        }
    }
    print(&text)?;
    if problems.0.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    complain(&problems);
    Ok(ExitCode::FAILURE)
}

/// Read the whole cache through, and throw out what is not what it should be.
#[derive(Args, Clone, Debug)]
pub struct VerifyCommand {
    #[command(flatten)]
    site: SiteFlags,
}

pub(super) fn verify_cache(command: &VerifyCommand) -> Result<ExitCode, Problems> {
    // the cache is the user's; a site only knows what its files are called
    let site = command.site.read();
    if let (Err(problems), true) = (&site, command.site.site.is_some()) {
        return Err(problems.clone());
    }
    let cache = cache()?;
    let found = verify(&cache)?;
    print(&format!(
        "{} files are right ({}), in {}\n",
        found.good,
        size(found.bytes),
        cache.root().display()
    ))?;
    let mut problems = Problems::new();
    for spoilt in &found.spoilt {
        let name = site
            .as_ref()
            .ok()
            .and_then(|site| name_of(site, &spoilt.wanted));
        let what = name.as_deref().unwrap_or("a file of the cache");
        let problem = Diagnostic::new(format!("`{what}` is spoilt"))
            .with_note(format!("expected {}", spoilt.wanted))
            .with_note(format!("found {}", spoilt.found))
            .with_note(format!("moved to {}", spoilt.moved.display()));
        problems.push(problem.with_help(match name {
            Some(name) => format!("run `hoist artifacts fetch {name}`"),
            None => "`hoist artifacts fetch` in its site gets it again".to_owned(),
        }));
    }
    if problems.0.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    complain(&problems);
    Ok(ExitCode::FAILURE)
}

/// The artifact whose file has that digest.
fn name_of(site: &Site, hex: &str) -> Option<String> {
    let mut entries = site.lock.entries.iter();
    let found = entries.find(|(_, entry)| match &entry.content {
        Content::Files(files) => files.values().any(|file| file.sha256 == hex),
        Content::Image(image) => image.platforms.values().any(|d| d.ends_with(hex)),
    });
    found.map(|(name, _)| name.clone())
}
