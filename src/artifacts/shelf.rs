//! What one run of hoist has to do with artifacts: its site, what stands in for what, and which of them it uses.

use super::{Cache, Mirror, Site};
use crate::error::{Diagnostic, Problems, Span};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// See the module's text. Shared by those who check, render and run.
#[derive(Debug, Default)]
pub struct Shelf {
    replaced: BTreeMap<String, PathBuf>,
    mirror: Option<Mirror>,
    site: Mutex<Option<Arc<Site>>>,
    /// The site has mistakes, which were told.
    broken: AtomicBool,
    used: Mutex<BTreeMap<String, Use>>,
}

/// How an artifact is used, as far as that is written down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Use {
    /// Put on hosts by a task that runs; otherwise only its name and digests are asked for.
    pub placed: bool,
    /// The first place that names it.
    pub span: Option<Span>,
}

impl Shelf {
    /// With the flags of the command line: `NAME=FILE` and a mirror, both relative to `start`.
    ///
    /// # Errors
    /// A flag that makes no sense; a file that is not there.
    pub fn new(replace: &[String], mirror: Option<&str>, start: &Path) -> Result<Self, Diagnostic> {
        let mut replaced = BTreeMap::new();
        for flag in replace {
            let Some((name, file)) = flag
                .split_once('=')
                .filter(|(n, f)| !n.is_empty() && !f.is_empty())
            else {
                return Err(
                    Diagnostic::new(format!("`--artifact {flag}` is not NAME=FILE"))
                        .with_help("such as --artifact k3s=./k3s"),
                );
            };
            let path = start.join(file);
            if !path.is_file() {
                return Err(Diagnostic::new(format!(
                    "`--artifact {flag}`: there is no file `{}`",
                    path.display()
                )));
            }
            if replaced.insert(name.to_owned(), path).is_some() {
                return Err(Diagnostic::new(format!(
                    "`--artifact` names `{name}` twice"
                )));
            }
        }
        Ok(Self {
            replaced,
            mirror: mirror.map(|m| Mirror::parse(m, start)).transpose()?,
            ..Self::default()
        })
    }

    /// Reads the site that `folder` belongs to. Every folder of a run must belong to the same one.
    ///
    /// # Errors
    /// Mistakes in the site's files; a second site; a replaced artifact that the site does not have.
    pub fn enter(&self, folder: &Path, start: &Path) -> Result<(), Problems> {
        let entered = self.try_enter(folder, start);
        self.broken.fetch_or(entered.is_err(), Ordering::Relaxed);
        entered
    }

    fn try_enter(&self, folder: &Path, start: &Path) -> Result<(), Problems> {
        // the folder as it is, so that those above it are above it
        let real = std::fs::canonicalize(folder);
        let folder = real.as_deref().unwrap_or(folder);
        let Some(root) = Site::root_of(folder, start) else {
            return Ok(());
        };
        if let Ok(known) = self.site() {
            if known.root == root {
                return Ok(());
            }
            let problem =
                Diagnostic::new("the playbooks belong to two sites with artifacts of their own");
            return Err(problem
                .with_note(known.root.display().to_string())
                .with_note(root.display().to_string())
                .with_help("run them one after the other")
                .into());
        }
        let cache = Cache::of_user(|name| std::env::var(name).ok())?;
        let mut site = Site::read(&root, start, cache)?;
        site.replaced.clone_from(&self.replaced);
        if let Some(mirror) = &self.mirror {
            site.mirror = mirror.clone();
        }
        for name in self.replaced.keys() {
            site.artifact(name)?;
        }
        self.keep(site);
        Ok(())
    }

    /// Takes a site that was read elsewhere.
    pub fn keep(&self, site: Site) {
        if let Ok(mut slot) = self.site.lock() {
            *slot = Some(Arc::new(site));
        }
    }

    /// The run's site.
    ///
    /// # Errors
    /// It has none.
    pub fn site(&self) -> Result<Arc<Site>, Diagnostic> {
        let site = self.site.lock().ok().and_then(|site| site.clone());
        site.ok_or_else(no_site)
    }

    /// Notes that something uses an artifact.
    ///
    /// # Errors
    /// There is no such artifact.
    pub fn note(&self, name: &str, placed: bool, span: Option<&Span>) -> Result<(), Diagnostic> {
        match self.site() {
            Ok(site) => drop(site.artifact(name)?),
            Err(problem) => return self.unless_told(problem),
        }
        if let Ok(mut used) = self.used.lock() {
            let entry = used.entry(name.to_owned()).or_default();
            entry.placed |= placed;
            if entry.span.is_none() {
                entry.span = span.cloned();
            }
        }
        Ok(())
    }

    /// Notes that something uses an artifact whose name is not known yet.
    ///
    /// # Errors
    /// There are none at all.
    pub fn note_unnamed(&self) -> Result<(), Diagnostic> {
        match self.site() {
            Ok(_) => Ok(()),
            Err(problem) => self.unless_told(problem),
        }
    }

    /// That there is no site is no news where it could not be read.
    fn unless_told(&self, problem: Diagnostic) -> Result<(), Diagnostic> {
        if self.broken.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err(problem)
        }
    }

    /// Everything noted so far, by name.
    pub fn used(&self) -> BTreeMap<String, Use> {
        self.used
            .lock()
            .map(|used| used.clone())
            .unwrap_or_default()
    }

    /// What the user shall be told of files that stand in for others.
    pub fn replacements(&self) -> Vec<String> {
        let told = self.replaced.iter();
        told.map(|(name, path)| {
            format!(
                "artifact `{name}`: {} in place of the locked one",
                path.display()
            )
        })
        .collect()
    }
}

fn no_site() -> Diagnostic {
    Diagnostic::new("there is no artifacts.yml")
        .with_note("looked in the playbook's folder and those above it, up to the root of the repository or to where hoist was started")
        .with_help("docs/artifacts.md has an example")
}
