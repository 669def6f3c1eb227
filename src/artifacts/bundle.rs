//! One file with a lock and everything in it, to be carried to where there is no internet.

use super::cache::{blob_name, image_name, make_parent, unreadable, unwritable};
use super::download::adopt;
use super::image;
use super::lock::{Content, LOCK, Lock};
use super::needs::{Item, Need};
use super::{Cache, State};
use crate::error::{Diagnostic, Problems};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;

/// How long a lock in a bundle may be.
const LOCK_LIMIT: u64 = 16 << 20;

/// Writes a bundle of these needs, all of which must be in the cache.
///
/// # Errors
/// Something of it is missing or spoilt; the file cannot be written (nothing is left of it then).
pub fn bundle(file: &Path, lock: &Lock, needs: &[Need], cache: &Cache) -> Result<u64, Problems> {
    let mut problems = Problems::new();
    for need in needs {
        match need.state(cache) {
            Ok(State::Good) => {}
            Ok(State::Missing) => problems.push(
                Diagnostic::new(format!("`{}` is not in the cache", need.label()))
                    .with_help(format!("run `hoist artifacts fetch {}`", need.name)),
            ),
            Ok(State::Wrong { found, size }) => problems.push(need.spoilt(cache, &found, size)),
            Err(problem) => problems.push(problem),
        }
    }
    problems.or_ok(())?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    let written = write(&part, lock, needs, cache).and_then(|length| {
        std::fs::rename(&part, file)?;
        Ok(length)
    });
    written.map_err(|e| {
        std::fs::remove_file(&part).ok();
        unwritable(file, &e).into()
    })
}

fn write(part: &Path, lock: &Lock, needs: &[Need], cache: &Cache) -> std::io::Result<u64> {
    let mut tar = tar::Builder::new(BufWriter::new(File::create(part)?));
    let header = |size: u64| {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        header
    };
    let text = lock.text();
    tar.append_data(&mut header(text.len() as u64), LOCK, text.as_bytes())?;
    let mut done = BTreeSet::new();
    for need in needs {
        let name = match &need.item {
            Item::File(file) => blob_name(&file.sha256),
            Item::Image(_, digest, _) => image_name(digest),
        };
        if done.insert(name.clone()) {
            let from = File::open(need.path(cache))?;
            let size = from.metadata()?.len();
            tar.append_data(&mut header(size), name, from)?;
        }
    }
    let file = tar.into_inner()?.into_inner().map_err(|e| e.into_error())?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// What came out of a bundle.
#[derive(Debug, Default, PartialEq)]
pub struct Unbundled {
    /// Its lock.
    pub lock: Lock,
    /// How many files came into the cache.
    pub new: usize,
    /// How many were there.
    pub kept: usize,
}

/// Takes a bundle into the cache. Nothing gets its name before it is verified, and nothing is written elsewhere.
///
/// # Errors
/// It is no bundle; it holds what its lock does not name, or what is not what its name says.
pub fn unbundle(file: &Path, cache: &Cache) -> Result<Unbundled, Problems> {
    let shown = file.display();
    let wrong = |why: String| Diagnostic::new(format!("the bundle `{shown}` {why}"));
    let broken = |e: std::io::Error| wrong(format!("is broken: {e}")).with_help("copy it anew");
    let opened = File::open(file).map_err(|e| unreadable(file, &e))?;
    let mut tar = tar::Archive::new(BufReader::new(opened));
    let mut named: Option<BTreeMap<String, String>> = None;
    let mut out = Unbundled::default();
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(|e| wrong(format!("is broken, or no bundle: {e}")))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() {
            return Err(wrong(format!("holds `{name}`, which is no file")).into());
        }
        let Some(known) = &named else {
            if name != LOCK || entry.size() > LOCK_LIMIT {
                return Err(wrong(format!(
                    "does not begin with {LOCK}: it is no bundle of hoist's"
                ))
                .into());
            }
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(broken)?;
            out.lock = Lock::read(&file.join(LOCK), &text)?;
            named = Some(names(&out.lock));
            continue;
        };
        let Some(digest) = known.get(&name) else {
            return Err(
                wrong(format!("holds `{name}`, which its lock does not name"))
                    .with_help("somebody changed it; make it anew with `hoist artifacts bundle`")
                    .into(),
            );
        };
        let there = if name.starts_with("images/") {
            image::state(&cache.image(digest), digest)?
        } else {
            cache.state(digest, None)?
        };
        if there == State::Good {
            out.kept += 1;
            continue;
        }
        if name.starts_with("images/") {
            take_image(&mut entry, digest, cache)
        } else {
            adopt(cache, &mut entry, digest, &name)
        }
        .map_err(|d| {
            d.with_note(format!("in the bundle {shown}"))
                .with_help("copy the bundle anew")
        })?;
        out.new += 1;
    }
    if named.is_none() {
        return Err(wrong("is empty".to_owned()).into());
    }
    Ok(out)
}

/// What may be in a bundle with this lock: names, and the digests that they must have.
fn names(lock: &Lock) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for entry in lock.entries.values() {
        match &entry.content {
            Content::Files(files) => {
                for file in files.values() {
                    names.insert(blob_name(&file.sha256), file.sha256.clone());
                }
            }
            Content::Image(image) => {
                for digest in image.platforms.values() {
                    names.insert(image_name(digest), digest.clone());
                }
            }
        }
    }
    names
}

fn take_image(from: &mut dyn Read, digest: &str, cache: &Cache) -> Result<(), Diagnostic> {
    let to = cache.image(digest);
    let part = cache.partial(&format!("unbundled.{}", std::process::id()));
    make_parent(&part)?;
    make_parent(&to)?;
    let copied = File::create(&part)
        .and_then(|mut file| std::io::copy(from, &mut file).and_then(|_| file.sync_all()))
        .map_err(|e| unwritable(&part, &e));
    let verified = copied.and_then(|()| match image::state(&part, digest)? {
        State::Good => std::fs::rename(&part, &to).map_err(|e| unwritable(&to, &e)),
        State::Missing => Err(Diagnostic::new("the image vanished")),
        State::Wrong { found, .. } => Err(Diagnostic::new("an image is not what its name says")
            .with_note(format!("expected an image whose manifest is {digest}"))
            .with_note(format!("found {found}"))),
    });
    if verified.is_err() {
        std::fs::remove_file(&part).ok();
    }
    verified
}
