//! One file into the cache: resumed where it broke off, hashed while it comes, verified before it gets its name.

use super::cache::{hash_file, make_parent, unreadable, unwritable};
use super::web::{Trouble, Web, reasons};
use super::{Cache, Place, State};
use crate::error::Diagnostic;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Is told how a download goes.
pub trait Watch: Send + Sync {
    /// It begins; `length` in bytes if it is known.
    fn started(&self, what: &str, length: Option<u64>);
    /// So many bytes are here.
    fn reached(&self, what: &str, bytes: u64);
    /// It broke off and is tried again.
    fn retrying(&self, what: &str, why: &str, wait: Duration);
    /// It is over, well or not.
    fn finished(&self, what: &str, well: bool);
}

/// Nobody watches.
pub struct Unwatched;

impl Watch for Unwatched {
    fn started(&self, _: &str, _: Option<u64>) {}
    fn reached(&self, _: &str, _: u64) {}
    fn retrying(&self, _: &str, _: &str, _: Duration) {}
    fn finished(&self, _: &str, _: bool) {}
}

/// A file to be got.
pub(super) struct Order<'o> {
    /// For people: `k3s amd64`.
    pub(super) what: &'o str,
    /// Its address, on the internet.
    pub(super) url: &'o str,
    /// The SHA-256 it must have; without one it is only hashed.
    pub(super) sha256: Option<&'o str>,
    /// The length it must have.
    pub(super) size: Option<u64>,
    /// Where the digest is from.
    pub(super) from: &'o str,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) sha256: String,
    pub(super) length: u64,
}

/// A download that grows, with all that was hashed so far.
pub(super) struct Growing {
    file: Flock<File>,
    pub(super) path: PathBuf,
    hasher: Sha256,
    pub(super) length: u64,
    /// It was here before: what it begins with may be of another file.
    pub(super) old: bool,
    tag: Option<String>,
}

impl Growing {
    pub(super) fn open(path: PathBuf, keep: bool) -> Result<Self, Diagnostic> {
        make_parent(&path)?;
        let wrong = |e: std::io::Error| unwritable(&path, &e);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // another hoist may be getting the same file: it is waited for, and what it was working on may be in place then
        let mut file = loop {
            let file = options.open(&path).map_err(wrong)?;
            let file = Flock::lock(file, FlockArg::LockExclusive)
                .map_err(|(_, e)| unwritable(&path, &std::io::Error::from(e)))?;
            let own = file.metadata().map_err(wrong)?.ino();
            if std::fs::metadata(&path).is_ok_and(|now| now.ino() == own) {
                break file;
            }
        };
        let mut growing = {
            if !keep {
                file.set_len(0).map_err(wrong)?;
            }
            let mut hasher = Sha256::new();
            let mut buffer = vec![0; 256 * 1024];
            let mut length = 0;
            loop {
                let n = file.read(&mut buffer).map_err(wrong)?;
                if n == 0 {
                    break;
                }
                hasher.update(&buffer[..n]);
                length += n as u64;
            }
            Self {
                file,
                hasher,
                length,
                old: length > 0,
                tag: None,
                path: path.clone(),
            }
        };
        growing.seek_end().map_err(wrong)?;
        Ok(growing)
    }

    fn seek_end(&mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.length)).map(drop)
    }

    /// From the beginning.
    pub(super) fn restart(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.hasher = Sha256::new();
        (self.length, self.old, self.tag) = (0, false, None);
        self.seek_end()
    }

    pub(super) fn add(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn sha256(&self) -> String {
        hex::encode(self.hasher.clone().finalize())
    }

    /// Gives it its name for good.
    fn settle(self, to: &Path) -> Result<(), Diagnostic> {
        make_parent(to)?;
        let wrong = |e: std::io::Error| unwritable(to, &e);
        self.file.sync_all().map_err(wrong)?;
        self.file
            .set_permissions(Permissions::from_mode(0o444))
            .map_err(wrong)?;
        std::fs::rename(&self.path, to).map_err(wrong)
    }
}

/// Gets a file into the cache.
///
/// # Errors
/// It cannot be got; it is not what it must be (nothing is kept of it then).
pub(super) async fn download(
    web: &Web,
    cache: &Cache,
    order: &Order<'_>,
    watch: &dyn Watch,
) -> Result<Got, Diagnostic> {
    let name = match order.sha256 {
        Some(sha256) => sha256.to_owned(),
        None => format!("url-{}", hex::encode(Sha256::digest(order.url.as_bytes()))),
    };
    let (path, keep) = (cache.partial(&name), order.sha256.is_some());
    let opened = tokio::task::spawn_blocking(move || Growing::open(path, keep)).await;
    let mut growing = opened.map_err(|e| Diagnostic::new(e.to_string()))??;
    if let Some(sha256) = order.sha256
        && cache.state(sha256, None)? == State::Good
    {
        // another hoist has got it meanwhile
        std::fs::remove_file(&growing.path).ok();
        let length = std::fs::metadata(cache.blob(sha256)).map_or(0, |m| m.len());
        return Ok(Got {
            sha256: sha256.to_owned(),
            length,
        });
    }
    let place = web.mirror.place(order.url);
    watch.started(order.what, order.size);
    let came = match &place {
        Place::File(path) => copy(path, &mut growing, order, watch),
        Place::Url(url) => grow(web, url, &mut growing, order, watch).await,
    };
    watch.finished(order.what, came.is_ok());
    came.map_err(|d| d.with_note(format!("from {place}")))?;
    let got = Got {
        sha256: growing.sha256(),
        length: growing.length,
    };
    if order.sha256.is_some_and(|wanted| wanted != got.sha256) {
        std::fs::remove_file(&growing.path).ok();
        return Err(differs(order, &got, &place));
    }
    growing.settle(&cache.blob(&got.sha256))?;
    Ok(got)
}

/// What was expected and what came.
fn differs(order: &Order<'_>, got: &Got, place: &Place) -> Diagnostic {
    let wanted = order.sha256.unwrap_or_default();
    let bytes = |n: u64| format!("{n} bytes");
    let length = order.size.map_or("unknown length".to_owned(), bytes);
    let (name, short) = (
        order.what.split(' ').next().unwrap_or_default(),
        order.size.is_some_and(|size| got.length < size),
    );
    let problem = if short {
        format!("what came for `{}` is cut short", order.what)
    } else {
        format!(
            "what came for `{}` is not the file that is locked",
            order.what
        )
    };
    let problem = Diagnostic::new(problem)
        .with_note(format!(
            "expected SHA-256 {wanted} ({length}), {}",
            order.from
        ))
        .with_note(format!(
            "got SHA-256 {} ({})",
            got.sha256,
            bytes(got.length)
        ))
        .with_note(format!("from {place}"));
    if short {
        return problem.with_help(format!("try again: `hoist artifacts fetch {name}`"));
    }
    problem.with_help(format!(
        "the publisher replaced the file, or something on the way changed it. Find out which; if the new file is right, \
         delete `{name}` from artifacts.lock and run `hoist artifacts lock {name}`"
    ))
}

fn copy(
    path: &Path,
    growing: &mut Growing,
    order: &Order<'_>,
    watch: &dyn Watch,
) -> Result<(), Diagnostic> {
    let failed =
        |e: std::io::Error| Diagnostic::new(format!("`{}` could not be got: {e}", order.what));
    let mut from = File::open(path).map_err(failed)?;
    growing.restart().map_err(failed)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = from.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            return Ok(());
        }
        growing.add(&buffer[..n]).map_err(failed)?;
        watch.reached(order.what, growing.length);
    }
}

/// Asks until the whole file is here.
async fn grow(
    web: &Web,
    url: &str,
    growing: &mut Growing,
    order: &Order<'_>,
    watch: &dyn Watch,
) -> Result<(), Diagnostic> {
    let mut tried = 0;
    loop {
        let before = growing.length;
        let trouble = match once(web, url, growing, order, watch).await {
            Ok(()) => {
                let wrong = order.sha256.is_some_and(|sha| sha != growing.sha256());
                if !(wrong && growing.old) {
                    return Ok(());
                }
                // it was put together from two files: once more, from the beginning
                growing
                    .restart()
                    .map_err(|e| unwritable(&growing.path, &e))?;
                continue;
            }
            Err(trouble) => trouble,
        };
        // what moves on is tried for ever, what does not a few times
        tried = if growing.length > before {
            1
        } else {
            tried + 1
        };
        match trouble {
            Trouble::Again(why, asked) if tried < web.patience.tries => {
                let wait = web.patience.wait(tried, asked);
                watch.retrying(order.what, &why, wait);
                tokio::time::sleep(wait).await;
            }
            Trouble::Again(why, _) | Trouble::Never(why) => {
                let told = Diagnostic::new(format!("`{}` could not be got: {why}", order.what));
                return Err(told);
            }
        }
    }
}

async fn once(
    web: &Web,
    url: &str,
    growing: &mut Growing,
    order: &Order<'_>,
    watch: &dyn Watch,
) -> Result<(), Trouble> {
    let disk = |e: std::io::Error| Trouble::Never(format!("it cannot be written: {e}"));
    // without a digest only a tag can tell that it is still the same file
    if growing.length > 0 && order.sha256.is_none() && growing.tag.is_none() {
        growing.restart().map_err(disk)?;
    }
    let mut answer = match web.get(url, growing.length, growing.tag.as_deref()).await {
        Ok(answer) => answer,
        Err(trouble) => {
            if growing.length > 0 && trouble.words().contains("416") {
                growing.restart().map_err(disk)?;
            }
            return Err(trouble);
        }
    };
    let header = |name: &str| {
        let value = answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let goes_on = answer.status() == reqwest::StatusCode::PARTIAL_CONTENT
        && header("content-range")
            .is_some_and(|range| range.starts_with(&format!("bytes {}-", growing.length)));
    if !goes_on {
        growing.restart().map_err(disk)?;
    }
    growing.tag = header("etag").filter(|tag| !tag.starts_with("W/"));
    let total = answer.content_length().map(|rest| growing.length + rest);
    watch.started(order.what, total.or(order.size));
    loop {
        match answer.chunk().await {
            Ok(Some(bytes)) => {
                growing.add(&bytes).map_err(disk)?;
                watch.reached(order.what, growing.length);
            }
            Ok(None) => return Ok(()),
            Err(e) => return Err(Trouble::Again(reasons(&e), None)),
        }
    }
}

/// Puts a file that is here already into the cache, verified.
///
/// # Errors
/// It is another; it cannot be read or written.
pub(super) fn adopt(
    cache: &Cache,
    from: &mut dyn std::io::Read,
    sha256: &str,
    what: &str,
) -> Result<(), Diagnostic> {
    let path = cache.partial(&format!("{sha256}.{}", std::process::id()));
    make_parent(&path)?;
    let mut file = File::create(&path).map_err(|e| unwritable(&path, &e))?;
    let copied = std::io::copy(from, &mut file)
        .and_then(|_| file.sync_all())
        .map_err(|e| unwritable(&path, &e));
    let verified = copied.and_then(|()| {
        let (found, length) = hash_file(&path).map_err(|e| unreadable(&path, &e))?;
        if found == sha256 {
            return Ok(());
        }
        Err(
            Diagnostic::new(format!("`{what}` is not what its name says"))
                .with_note(format!("expected SHA-256 {sha256}"))
                .with_note(format!("got SHA-256 {found} ({length} bytes)")),
        )
    });
    if let Err(problem) = verified {
        std::fs::remove_file(&path).ok();
        return Err(problem);
    }
    let to = cache.blob(sha256);
    make_parent(&to)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o444)).ok();
    std::fs::rename(&path, &to).map_err(|e| unwritable(&to, &e))
}
