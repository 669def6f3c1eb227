//! Wishes into digests: `hoist artifacts lock`.

use super::artifact::file_name;
use super::charts;
use super::checksums::sha256_of;
use super::download::{Order, Watch, download};
use super::lock::{Content, Entry, LockedFile, LockedImage};
use super::registry::Registry;
use super::wanted::is_sha256;
use super::{Arch, Artifact, Origin, Site, Web};
use crate::error::{Diagnostic, Problems};
use futures_util::StreamExt as _;
use std::collections::BTreeMap;

/// How many artifacts are asked for at the same time.
const SIDE_BY_SIDE: usize = 4;

/// What became of one file or image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was locked already.
    Same,
    /// It was locked already, and its publisher still says so.
    Confirmed,
    /// It is locked now.
    New,
}

/// One line of what `lock` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The artifact.
    pub name: String,
    /// The kind of machine.
    pub arch: Arch,
    /// What became of it.
    pub change: Change,
    /// The digest, hex or with `sha256:`.
    pub digest: String,
    /// Where it is from.
    pub from: String,
}

/// Everything that `lock` came to; problems do not keep the rest from being locked.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The entries by name, as far as there is something to lock.
    pub entries: BTreeMap<String, Entry>,
    /// What was done.
    pub told: Vec<Told>,
    /// What could not be.
    pub problems: Problems,
}

/// Resolves artifacts. `again`: what is locked already is compared with what its publisher says now.
///
/// # Errors
/// The way to publishers cannot be made.
pub async fn resolve(
    site: &Site,
    names: &[String],
    again: bool,
    web: &Web,
    watch: &dyn Watch,
) -> Result<Resolved, Problems> {
    let registry = Registry::new(web)?;
    let registry = &registry;
    let mut artifacts = Vec::new();
    for name in names {
        artifacts.push(site.artifact(name)?);
    }
    let asking = artifacts.into_iter().map(|artifact| async move {
        let mut one = One {
            site,
            artifact,
            old: site.lock.entries.get(&artifact.name),
            again,
            web,
            watch,
            out: Resolved::default(),
        };
        one.resolve(registry).await;
        one.out
    });
    let mut all = Resolved::default();
    let mut coming = futures_util::stream::iter(asking).buffered(SIDE_BY_SIDE);
    while let Some(one) = coming.next().await {
        all.entries.extend(one.entries);
        all.told.extend(one.told);
        all.problems.extend(one.problems);
    }
    Ok(all)
}

struct One<'s> {
    site: &'s Site,
    artifact: &'s Artifact,
    old: Option<&'s Entry>,
    again: bool,
    web: &'s Web,
    watch: &'s dyn Watch,
    out: Resolved,
}

impl One<'_> {
    async fn resolve(&mut self, registry: &Registry) {
        let old = self.old.filter(|old| old.version == self.artifact.version);
        match &self.artifact.origin {
            Origin::Image(image) => {
                let old = old.and_then(Entry::image).filter(|old| old.image == *image);
                self.image(registry, image, old).await;
            }
            Origin::Files(urls) => {
                let mut files = BTreeMap::new();
                for (arch, url) in urls {
                    let known = old
                        .and_then(|old| old.file(*arch))
                        .filter(|k| k.url == *url);
                    let file = match known {
                        Some(known) if !self.again || self.artifact.checksums.is_empty() => {
                            self.tell(*arch, Change::Same, &known.sha256, &known.from);
                            Some(known.clone())
                        }
                        _ => self.file(*arch, url, known).await,
                    };
                    files.extend(file.map(|file| (*arch, file)));
                }
                self.keep(files, None);
            }
            Origin::Repository { repository, chart } => {
                let same = |e: &&Entry| e.repository.as_ref() == Some(repository);
                let known = old.filter(same).and_then(|e| e.file(Arch::Any));
                let file = match known {
                    Some(known) if !self.again => {
                        self.tell(Arch::Any, Change::Same, &known.sha256, &known.from);
                        Some(known.clone())
                    }
                    _ => self.chart(repository, chart, known).await,
                };
                let files = file.map(|file| (Arch::Any, file)).into_iter().collect();
                self.keep(files, Some(repository.clone()));
            }
        }
    }

    fn keep(&mut self, files: BTreeMap<Arch, LockedFile>, repository: Option<String>) {
        if !files.is_empty() {
            let entry = Entry {
                version: self.artifact.version.clone(),
                repository,
                content: Content::Files(files),
            };
            self.out.entries.insert(self.artifact.name.clone(), entry);
        }
    }

    fn tell(&mut self, arch: Arch, change: Change, digest: &str, from: &str) {
        self.out.told.push(Told {
            name: self.artifact.name.clone(),
            arch,
            change,
            digest: digest.to_owned(),
            from: from.to_owned(),
        });
    }

    fn label(&self, arch: Arch) -> String {
        match arch {
            Arch::Any => self.artifact.name.clone(),
            arch => format!("{} {arch}", self.artifact.name),
        }
    }

    /// Takes what was found unless something else is locked; then that stays, and it is a problem.
    fn settle(
        &mut self,
        arch: Arch,
        found: Result<LockedFile, Diagnostic>,
        known: Option<&LockedFile>,
    ) -> Option<LockedFile> {
        let found = match found {
            Ok(found) => found,
            Err(problem) => {
                self.out
                    .problems
                    .push(problem.with_span(&self.artifact.span));
                return known.cloned();
            }
        };
        match known {
            Some(known) if known.sha256 != found.sha256 => {
                let problem = self.replaced(
                    &self.label(arch),
                    &known.sha256,
                    &known.from,
                    &found.sha256,
                    &found.from,
                );
                self.out.problems.push(problem);
                Some(known.clone())
            }
            Some(known) => {
                self.tell(arch, Change::Confirmed, &found.sha256, &found.from);
                Some(LockedFile {
                    size: known.size.or(found.size),
                    ..found
                })
            }
            None => {
                self.tell(arch, Change::New, &found.sha256, &found.from);
                Some(found)
            }
        }
    }

    fn replaced(
        &self,
        label: &str,
        old: &str,
        old_from: &str,
        new: &str,
        new_from: &str,
    ) -> Diagnostic {
        let name = &self.artifact.name;
        Diagnostic::at(
            &self.artifact.span,
            format!("the publisher of `{label}` has replaced version {}", self.artifact.version),
        )
        .with_note(format!("locked: {old}, {old_from}"))
        .with_note(format!("now: {new}, {new_from}"))
        .with_help(format!(
            "find out why; the lock was left as it is. If the new one is right, delete `{name}` from artifacts.lock and run \
             `hoist artifacts lock {name}`"
        ))
    }

    async fn file(
        &mut self,
        arch: Arch,
        url: &str,
        known: Option<&LockedFile>,
    ) -> Option<LockedFile> {
        let found = self.found(arch, url).await;
        self.settle(arch, found, known)
    }

    /// The digest of a file: from the list of its publisher, else as it was given, else from the file itself.
    async fn found(&self, arch: Arch, url: &str) -> Result<LockedFile, Diagnostic> {
        let given = self
            .artifact
            .known
            .get(&arch)
            .or_else(|| self.artifact.known.get(&Arch::Any));
        let lists = &self.artifact.checksums;
        let label = self.label(arch);
        if let Some(list) = lists.get(&arch).or_else(|| lists.get(&Arch::Any)) {
            let what = format!("the list of checksums of `{label}`");
            let text = self.web.text(list, &what).await?;
            let name = file_name(url);
            let sha256 = sha256_of(&text, &name).map_err(|why| {
                Diagnostic::new(format!("{what} is of no use: {why}"))
                    .with_note(format!("it is {list}"))
            })?;
            if let Some(given) = given.filter(|given| **given != sha256) {
                return Err(Diagnostic::new(format!("two digests of `{label}` differ"))
                    .with_note(format!("in artifacts.yml: {given}"))
                    .with_note(format!("in {list}: {sha256}")));
            }
            return Ok(LockedFile {
                url: url.to_owned(),
                sha256,
                size: self.web.length(url).await,
                from: format!("publisher's list of checksums {list}"),
            });
        }
        if let Some(given) = given {
            let from = self
                .artifact
                .known_from
                .as_deref()
                .unwrap_or("artifacts.yml");
            return Ok(LockedFile {
                url: url.to_owned(),
                sha256: given.clone(),
                size: None,
                from: format!("published digest seen in {from}"),
            });
        }
        self.hashed(url, &label).await
    }

    /// Gets the file, and takes it as it is.
    async fn hashed(&self, url: &str, label: &str) -> Result<LockedFile, Diagnostic> {
        let order = Order {
            what: label,
            url,
            sha256: None,
            size: None,
            from: "",
        };
        let got = download(self.web, &self.site.cache, &order, self.watch).await?;
        Ok(LockedFile {
            url: url.to_owned(),
            sha256: got.sha256,
            size: Some(got.length),
            from: format!("hashed on {} by `hoist artifacts lock`", today()),
        })
    }

    async fn chart(
        &mut self,
        repository: &str,
        chart: &str,
        known: Option<&LockedFile>,
    ) -> Option<LockedFile> {
        let found = self.listed(repository, chart).await;
        self.settle(Arch::Any, found, known)
    }

    async fn listed(&self, repository: &str, chart: &str) -> Result<LockedFile, Diagnostic> {
        let what = format!("the index of the chart `{chart}`");
        let index = self
            .web
            .text(&format!("{repository}/index.yaml"), &what)
            .await?;
        let versions = charts::versions(&index, repository, chart)?;
        let wanted = &self.artifact.version;
        let Some(listed) = versions.iter().find(|l| l.version == *wanted) else {
            let newest = versions.first().map_or("none", |l| l.version.as_str());
            return Err(Diagnostic::new(format!(
                "{repository} has no version {wanted} of `{chart}`"
            ))
            .with_note(format!("its first is {newest}")));
        };
        match listed.digest.as_ref().filter(|d| is_sha256(d)) {
            Some(digest) => Ok(LockedFile {
                url: listed.url.clone(),
                sha256: digest.clone(),
                size: self.web.length(&listed.url).await,
                from: format!("index of {repository}"),
            }),
            None => self.hashed(&listed.url, &self.artifact.name).await,
        }
    }

    async fn image(&mut self, registry: &Registry, image: &str, known: Option<&LockedImage>) {
        if let Some(known) = known.filter(|_| !self.again) {
            self.tell(Arch::Any, Change::Same, &known.digest, &known.from);
            return self.keep_image(known.clone());
        }
        let found = match registry.resolve(image, &self.artifact.version).await {
            Ok(found) => LockedImage {
                image: image.to_owned(),
                digest: found.digest,
                platforms: found.platforms,
                from: format!("{} on {}", registry.place(image), today()),
            },
            Err(problem) => {
                self.out
                    .problems
                    .push(problem.with_span(&self.artifact.span));
                if let Some(known) = known {
                    self.keep_image(known.clone());
                }
                return;
            }
        };
        match known {
            Some(known) if known.digest != found.digest => {
                let label = self.label(Arch::Any);
                let problem = self.replaced(
                    &label,
                    &known.digest,
                    &known.from,
                    &found.digest,
                    &found.from,
                );
                self.out.problems.push(problem);
                self.keep_image(known.clone());
            }
            Some(known) => {
                self.tell(Arch::Any, Change::Confirmed, &known.digest, &found.from);
                self.keep_image(known.clone());
            }
            None => {
                self.tell(Arch::Any, Change::New, &found.digest, &found.from);
                self.keep_image(found);
            }
        }
    }

    fn keep_image(&mut self, image: LockedImage) {
        let entry = Entry {
            version: self.artifact.version.clone(),
            repository: None,
            content: Content::Image(image),
        };
        self.out.entries.insert(self.artifact.name.clone(), entry);
    }
}

fn today() -> String {
    jiff::Zoned::now().date().to_string()
}
