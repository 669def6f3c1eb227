//! `hoist artifacts lock`.

use super::bars::Bars;
use super::{SiteFlags, chosen, web};
use crate::artifacts::{Arch, Change, LOCK, Lock, Site, resolve};
use crate::cli::complain::complain;
use crate::cli::output::print;
use crate::error::{Diagnostic, Problems};
use clap::Args;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Find out the digests of artifacts that have none, and write them into artifacts.lock.
///
/// A digest comes from the publisher's own list of checksums where artifacts.yml names one, from an index or registry that
/// has digests, and else from the file itself. A digest that is locked already is never changed: named outright, it is
/// compared with what the publisher says now.
#[derive(Args, Clone, Debug)]
pub struct LockCommand {
    /// Only these [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    site: SiteFlags,
}

pub(super) async fn run(command: &LockCommand) -> Result<ExitCode, Problems> {
    let site = command.site.read()?;
    let names = chosen(&site, &command.names)?;
    let again = !command.names.is_empty();
    let resolved = resolve(&site, &names, again, &web(&site)?, &Bars::new()).await?;
    let mut lock = site.lock.clone();
    // what is wanted no longer is not locked either
    lock.entries
        .retain(|name, _| site.wanted.artifacts.contains_key(name));
    for name in &names {
        let fresh = resolved.entries.get(name);
        let stale = || {
            let old = lock.entries.get(name)?;
            old.strays_from(site.artifact(name).ok()?)
        };
        match fresh {
            Some(entry) => drop(lock.entries.insert(name.clone(), entry.clone())),
            None if stale().is_some() => drop(lock.entries.remove(name)),
            None => {}
        }
    }
    let mut text = String::new();
    for told in &resolved.told {
        let change = match told.change {
            Change::Same => continue,
            Change::Confirmed => "confirmed",
            Change::New => "locked",
        };
        let arch = match told.arch {
            Arch::Any => "",
            arch => arch.name(),
        };
        let digest = told.digest.strip_prefix("sha256:").unwrap_or(&told.digest);
        let short = digest.get(..16).unwrap_or(digest);
        text += &format!(
            "{change:9}  {:24} {arch:6} {short}…  {}\n",
            told.name, told.from
        );
    }
    let count = |change: Change| resolved.told.iter().filter(|t| t.change == change).count();
    let written = write(&site, &lock)?;
    let what = if written { "written" } else { "unchanged" };
    text += &format!(
        "{LOCK} {what}: {} locked now, {} before",
        count(Change::New),
        count(Change::Same) + count(Change::Confirmed)
    );
    let failed = resolved.problems.0.len();
    if failed > 0 {
        text += &format!(", {failed} could not be");
    }
    text.push('\n');
    print(&text)?;
    if failed > 0 {
        complain(&resolved.problems);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the lock of a site if it differs; whether it did.
pub(super) fn write(site: &Site, lock: &Lock) -> Result<bool, Diagnostic> {
    let path = site.root.join(LOCK);
    let text = lock.text();
    if *lock == site.lock && path.exists() {
        return Ok(false);
    }
    replace(&path, &text)
        .map_err(|e| Diagnostic::new(format!("cannot write `{}`: {e}", path.display())))?;
    Ok(true)
}

/// Writes beside the file, then renames.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = path.parent().unwrap_or(Path::new("."));
    let mode = std::fs::metadata(path).map_or(0o644, |m| m.permissions().mode() & 0o777);
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
