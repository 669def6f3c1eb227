//! A site's artifacts: what is wanted, what is locked, and where the files are.

use super::artifact::file_name;
use super::cache::{hash_file, unreadable};
use super::lock::{Entry, LOCK, Lock, LockedFile, LockedImage};
use super::wanted::{WANTED, Wanted};
use super::{Arch, Artifact, Cache, Kind, Mirror, unpack};
use crate::error::{Diagnostic, Problems};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// See the module's text.
#[derive(Debug)]
pub struct Site {
    /// The folder that holds `artifacts.yml`.
    pub root: PathBuf,
    /// What is wanted.
    pub wanted: Wanted,
    /// What is locked.
    pub lock: Lock,
    /// Where files are kept.
    pub cache: Cache,
    /// What stands for the internet.
    pub mirror: Mirror,
    /// Files that are used in place of locked ones.
    pub replaced: BTreeMap<String, PathBuf>,
    digests: Mutex<BTreeMap<PathBuf, (String, u64)>>,
    members: Mutex<BTreeMap<(String, String), Pick>>,
}

/// One file to be put on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The file here.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: String,
    /// Its length in bytes.
    pub length: u64,
    /// What it is called.
    pub file_name: String,
    /// Whether it is `--artifact`'s and not the locked one.
    pub replaced: bool,
    /// Whether it is hoist itself, which simulates what it stands for.
    pub simulated: bool,
}

impl Site {
    /// The folder of the site that `folder` belongs to: the nearest one upwards with an `artifacts.yml`, at most up to the
    /// root of the repository or to `start`, where hoist was started.
    pub fn root_of(folder: &Path, start: &Path) -> Option<PathBuf> {
        for dir in folder.ancestors() {
            if dir.join(WANTED).is_file() {
                return Some(dir.to_owned());
            }
            if dir.join(".git").exists() || dir == start {
                return None;
            }
        }
        None
    }

    /// Reads the site in `root`; messages have paths relative to `start`.
    ///
    /// # Errors
    /// Every mistake in its two files.
    pub fn read(root: &Path, start: &Path, cache: Cache) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let read = |name: &str| {
            let path = root.join(name);
            let shown = path.strip_prefix(start).unwrap_or(&path).to_owned();
            match std::fs::read_to_string(&path) {
                Ok(text) => Ok((shown, text)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok((shown, String::new())),
                Err(e) => Err(Problems::from(unreadable(&shown, &e))),
            }
        };
        let wanted = problems
            .take(read(WANTED))
            .and_then(|(shown, text)| problems.take(Wanted::read(&shown, &text)));
        let lock = problems
            .take(read(LOCK))
            .and_then(|(shown, text)| problems.take(Lock::read(&shown, &text)));
        let (Some(wanted), Some(lock)) = (wanted, lock) else {
            return Err(problems);
        };
        let mirror = match &wanted.mirror {
            Some(mirror) => Mirror::parse(mirror, root)?,
            None => Mirror::None,
        };
        Ok(Self {
            root: root.to_owned(),
            wanted,
            lock,
            cache,
            mirror,
            replaced: BTreeMap::new(),
            digests: Mutex::default(),
            members: Mutex::default(),
        })
    }

    /// The artifact of that name.
    ///
    /// # Errors
    /// There is none; with the nearest.
    pub fn artifact(&self, name: &str) -> Result<&Artifact, Diagnostic> {
        self.wanted.artifacts.get(name).ok_or_else(|| {
            let names = self.wanted.artifacts.keys().map(String::as_str);
            let problem = Diagnostic::new(format!("there is no artifact `{name}` in {WANTED}"))
                .with_nearest(name, names);
            match problem.help {
                Some(_) => problem,
                None => problem.with_help("`hoist artifacts list` shows those that there are"),
            }
        })
    }

    /// What is locked for an artifact as it is wanted now.
    ///
    /// # Errors
    /// Nothing, or something else; with the command that mends it.
    pub fn locked(&self, artifact: &Artifact) -> Result<&Entry, Diagnostic> {
        let name = &artifact.name;
        let problem = match self.lock.entries.get(name) {
            None => Diagnostic::at(&artifact.span, format!("the artifact `{name}` is not locked"))
                .with_note(format!(
                    "{LOCK} has no digest for it yet: it is locked on first use, with the internet or a mirror"
                )),
            Some(entry) => match entry.strays_from(artifact) {
                None => return Ok(entry),
                Some(why) => Diagnostic::at(
                    &artifact.span,
                    format!("the artifact `{name}` is not locked as it is wanted"),
                )
                .with_note(why),
            },
        };
        Err(problem.with_help(format!("run `hoist artifacts lock {name}`")))
    }

    /// The locked file for a kind of machine.
    ///
    /// # Errors
    /// As [`Site::locked`]; it is there for other machines only.
    pub fn locked_file(
        &self,
        artifact: &Artifact,
        arch: Arch,
    ) -> Result<(Arch, &LockedFile), Diagnostic> {
        let entry = self.locked(artifact)?;
        for each in [arch, Arch::Any] {
            if let Some(file) = entry.file(each) {
                return Ok((each, file));
            }
        }
        let name = &artifact.name;
        let others: Vec<&str> = entry.files().map(|(arch, _)| arch.name()).collect();
        let problem = Diagnostic::at(
            &artifact.span,
            format!("the artifact `{name}` is not locked for {arch}"),
        )
        .with_note(format!("it is locked for {}", others.join(", ")));
        let wanted = artifact.arches();
        Err(if wanted.contains(&arch) || wanted.contains(&Arch::Any) {
            problem.with_help(format!("run `hoist artifacts lock {name}`"))
        } else {
            problem.with_help(format!(
                "give it a `url` for {arch} in {WANTED}, then run `hoist artifacts lock {name}`"
            ))
        })
    }

    /// The locked image of a kind of machine: the whole, and the digest of its manifest for that machine.
    ///
    /// # Errors
    /// As [`Site::locked`]; its publisher has none for that machine.
    pub fn locked_image(
        &self,
        artifact: &Artifact,
        arch: Arch,
    ) -> Result<(&LockedImage, &str), Diagnostic> {
        let entry = self.locked(artifact)?;
        let Some(image) = entry.image() else {
            return Err(Diagnostic::at(
                &artifact.span,
                format!("`{}` is no image", artifact.name),
            ));
        };
        match image.platforms.get(&arch) {
            Some(digest) => Ok((image, digest)),
            None => {
                let others: Vec<&str> = image.platforms.keys().map(|a| a.name()).collect();
                Err(Diagnostic::at(
                    &artifact.span,
                    format!("the image `{}` is not made for {arch}", artifact.name),
                )
                .with_note(format!("it is made for {}", others.join(", "))))
            }
        }
    }

    /// The file of an artifact for a host of that kind.
    ///
    /// # Errors
    /// As [`Site::artifact`] and [`Site::locked_file`]; it is not in the cache.
    pub fn pick(&self, name: &str, arch: Arch) -> Result<Pick, Diagnostic> {
        let artifact = self.artifact(name)?;
        if let Some(path) = self.replaced.get(name) {
            let (sha256, length) = self.digest(path)?;
            return Ok(Pick {
                simulated: is_hoist(path),
                path: path.clone(),
                sha256,
                length,
                file_name: name.to_owned(),
                replaced: true,
            });
        }
        let absent = |path: &Path| {
            Diagnostic::new(format!(
                "the artifact `{name}` for {arch} is not in the cache"
            ))
            .with_note(format!("looked for {}", path.display()))
            .with_help(format!("run `hoist artifacts fetch {name}`"))
        };
        if artifact.kind == Kind::Image {
            let (_, digest) = self.locked_image(artifact, arch)?;
            let path = self.cache.image(digest);
            if !path.is_file() {
                return Err(absent(&path));
            }
            let (sha256, length) = self.digest(&path)?;
            return Ok(Pick {
                path,
                sha256,
                length,
                file_name: format!("{name}-{}-{arch}.tar", artifact.version),
                replaced: false,
                simulated: false,
            });
        }
        let (_, file) = self.locked_file(artifact, arch)?;
        let path = self.cache.blob(&file.sha256);
        let length = match std::fs::metadata(&path) {
            Ok(meta) => meta.len(),
            Err(_) => return Err(absent(&path)),
        };
        Ok(Pick {
            path,
            sha256: file.sha256.clone(),
            length,
            file_name: file_name(&file.url),
            replaced: false,
            simulated: false,
        })
    }

    /// A file out of an archive; `{arch}` and `{version}` in its path are filled in.
    ///
    /// # Errors
    /// It is not in there; the archive cannot be read.
    pub fn member(
        &self,
        name: &str,
        arch: Arch,
        archive: &Pick,
        path: &str,
    ) -> Result<Pick, Diagnostic> {
        let version = &self.artifact(name)?.version;
        let path = path
            .replace("{arch}", arch.name())
            .replace("{version}", version);
        let key = (archive.sha256.clone(), path.clone());
        let known = || self.members.lock().ok()?.get(&key).cloned();
        if let Some(known) = known() {
            return Ok(known);
        }
        let found = unpack::member(&archive.path, &path, &self.cache.members(&archive.sha256))
            .map_err(|d| d.with_note(format!("the archive is `{name}` {version} for {arch}")))?;
        let made = Pick {
            path: found.path,
            sha256: found.sha256,
            length: found.length,
            file_name: path.rsplit('/').next().unwrap_or(&path).to_owned(),
            ..archive.clone()
        };
        if let Ok(mut members) = self.members.lock() {
            members.insert(key, made.clone());
        }
        Ok(made)
    }

    /// SHA-256 and length of a file that has no digest in its name; computed once.
    pub(super) fn digest(&self, path: &Path) -> Result<(String, u64), Diagnostic> {
        let known = || self.digests.lock().ok()?.get(path).cloned();
        if let Some(known) = known() {
            return Ok(known);
        }
        let made = hash_file(path).map_err(|e| unreadable(path, &e))?;
        if let Ok(mut digests) = self.digests.lock() {
            digests.insert(path.to_owned(), made.clone());
        }
        Ok(made)
    }
}

/// Whether a file is this very program, under whatever name.
pub(super) fn is_hoist(path: &Path) -> bool {
    let Ok(own) = std::env::current_exe() else {
        return false;
    };
    let (Ok(one), Ok(other)) = (std::fs::metadata(path), std::fs::metadata(&own)) else {
        return false;
    };
    if (one.dev(), one.ino()) == (other.dev(), other.ino()) {
        return true;
    }
    let same = || Some(hash_file(path).ok()?.0 == hash_file(&own).ok()?.0);
    one.len() == other.len() && same() == Some(true)
}
