//! Which files an artifact comes to on this site, and whether they are in the cache.

use super::download::{Order, Watch, download};
use super::image;
use super::registry::Registry;
use super::{Arch, Cache, Kind, LockedFile, LockedImage, Site, State, Web};
use crate::error::{Diagnostic, Problems};
use futures_util::StreamExt as _;
use std::path::PathBuf;

/// How many files are got or hashed at the same time.
const SIDE_BY_SIDE: usize = 4;

/// A locked file or image that is to be in the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The artifact.
    pub name: String,
    /// The kind of machine.
    pub arch: Arch,
    /// What exactly.
    pub item: Item,
}

/// See [`Need`].
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A file.
    File(LockedFile),
    /// An image; the digest of its manifest, and its tag.
    Image(LockedImage, String, String),
}

/// What became of a need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It was in the cache, and it is right.
    Kept,
    /// It is now, after what was there under its name was thrown out if `mended`.
    Got {
        /// Something else had been in its place.
        mended: bool,
    },
}

impl Need {
    /// For people: `k3s amd64`.
    pub fn label(&self) -> String {
        match self.arch {
            Arch::Any => self.name.clone(),
            arch => format!("{} {arch}", self.name),
        }
    }

    /// Where it is in the cache, or will be.
    pub fn path(&self, cache: &Cache) -> PathBuf {
        match &self.item {
            Item::File(file) => cache.blob(&file.sha256),
            Item::Image(_, digest, _) => cache.image(digest),
        }
    }

    /// Reads it through.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn state(&self, cache: &Cache) -> Result<State, Diagnostic> {
        match &self.item {
            Item::File(file) => cache.state(&file.sha256, file.size),
            Item::Image(_, digest, _) => image::state(&cache.image(digest), digest),
        }
    }

    /// The complaint about what is in the cache instead of it.
    pub fn spoilt(&self, cache: &Cache, found: &str, size: u64) -> Diagnostic {
        let expected = match &self.item {
            Item::File(file) => match file.size {
                Some(size) => format!("SHA-256 {} ({size} bytes), {}", file.sha256, file.from),
                None => format!("SHA-256 {}, {}", file.sha256, file.from),
            },
            Item::Image(_, digest, _) => format!("an image whose manifest is {digest}"),
        };
        Diagnostic::new(format!(
            "the cache has something else in place of `{}`",
            self.label()
        ))
        .with_note(format!("expected {expected}"))
        .with_note(format!("found {found} ({size} bytes)"))
        .with_note(format!("in {}", self.path(cache).display()))
        .with_help(format!(
            "run `hoist artifacts fetch {}`, which throws it out and gets it again",
            self.name
        ))
    }
}

impl Site {
    /// The files of an artifact for these kinds of machine; without any, for those that the site says it has, or else for all
    /// that are locked. Nothing for one that is replaced.
    ///
    /// # Errors
    /// It is not there or not locked; it is not locked for a kind of machine that was asked for.
    pub fn needs(&self, name: &str, arches: &[Arch]) -> Result<Vec<Need>, Diagnostic> {
        let artifact = self.artifact(name)?;
        if self.replaced.contains_key(name) {
            return Ok(Vec::new());
        }
        let entry = self.locked(artifact)?;
        let mut wanted = if arches.is_empty() {
            self.wanted.architectures.clone()
        } else {
            arches.to_vec()
        };
        if wanted.is_empty() {
            wanted = match entry.image() {
                Some(image) => image.platforms.keys().copied().collect(),
                None => entry.files().map(|(arch, _)| arch).collect(),
            };
            // all that an image is made for would be far too much
            if artifact.kind == Kind::Image {
                wanted.retain(|arch| Arch::USUAL.contains(arch));
            }
        }
        let mut needs = Vec::new();
        for arch in wanted {
            let need = if artifact.kind == Kind::Image {
                let (image, digest) = self.locked_image(artifact, arch)?;
                let item = Item::Image(image.clone(), digest.to_owned(), artifact.version.clone());
                (arch, item)
            } else {
                let (arch, file) = self.locked_file(artifact, arch)?;
                (arch, Item::File(file.clone()))
            };
            let need = Need {
                name: name.to_owned(),
                arch: need.0,
                item: need.1,
            };
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        Ok(needs)
    }
}

/// The state of each need, several read at a time.
pub async fn states(cache: &Cache, needs: Vec<Need>) -> Vec<(Need, Result<State, Diagnostic>)> {
    let reading = needs.into_iter().map(|need| {
        let cache = cache.clone();
        async move {
            let (copy, of) = (need.clone(), cache);
            let state = tokio::task::spawn_blocking(move || copy.state(&of)).await;
            let state = state.unwrap_or_else(|e| Err(Diagnostic::new(e.to_string())));
            (need, state)
        }
    });
    let side_by_side = futures_util::stream::iter(reading).buffered(SIDE_BY_SIDE);
    side_by_side.collect().await
}

/// Gets everything that is not in the cache, several at a time; what is spoilt there is thrown out first.
///
/// # Errors
/// Everything that could not be got; the rest is there all the same.
pub async fn fetch(
    cache: &Cache,
    web: &Web,
    needs: Vec<Need>,
    watch: &dyn Watch,
) -> Result<Vec<(Need, Fetched)>, Problems> {
    let registry = Registry::new(web)?;
    let registry = &registry;
    let states = states(cache, needs).await;
    let getting = states.into_iter().map(|(need, state)| async move {
        let mended = match state {
            Ok(State::Good) => return Ok((need, Fetched::Kept)),
            Ok(State::Missing) => false,
            Ok(State::Wrong { .. }) => {
                throw_out(cache, &need.path(cache))?;
                true
            }
            Err(problem) => return Err(problem),
        };
        let what = need.label();
        match &need.item {
            Item::File(file) => {
                let order = Order {
                    what: &what,
                    url: &file.url,
                    sha256: Some(&file.sha256),
                    size: file.size,
                    from: &file.from,
                };
                download(web, cache, &order, watch).await?;
            }
            Item::Image(locked, digest, tag) => {
                image::fetch(registry, cache, locked, digest, tag, &what, watch).await?;
            }
        }
        Ok((need, Fetched::Got { mended }))
    });
    let mut problems = Problems::new();
    let mut done = Vec::new();
    let mut coming = futures_util::stream::iter(getting).buffered(SIDE_BY_SIDE);
    while let Some(one) = coming.next().await {
        done.extend(problems.take(one));
    }
    problems.or_ok(done)
}

/// Moves a file of the cache that is not what its name says out of the way, where it can be looked at.
///
/// # Errors
/// It cannot be moved.
pub fn throw_out(cache: &Cache, path: &std::path::Path) -> Result<PathBuf, Diagnostic> {
    let name = path.file_name().unwrap_or_default();
    let to = cache.root().join("spoilt").join(name);
    super::cache::make_parent(&to)?;
    std::fs::rename(path, &to).map_err(|e| super::cache::unwritable(&to, &e))?;
    Ok(to)
}
