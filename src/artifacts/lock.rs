//! `artifacts.lock`: what a site's wishes came to, byte for byte.

use super::wanted::is_sha256;
use super::{Arch, Artifact, Origin};
use crate::error::{Diagnostic, Problems, Source};
use crate::value::{Map, Value};
use crate::yaml::{self, Node};
use std::collections::BTreeMap;
use std::path::Path;

/// The name of the file that holds the digests.
pub const LOCK: &str = "artifacts.lock";

/// The form of the file that is written here.
const FORM: i64 = 1;

const HEADER: &str = "\
# The digest of every file that this site installs, and where the digest is from. Written by `hoist artifacts lock`;
# keep it under version control. hoist installs nothing that differs from it.
";

/// Everything that is locked, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// The entries, sorted.
    pub entries: BTreeMap<String, Entry>,
}

/// One artifact, locked.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The version that was wanted.
    pub version: String,
    /// The Helm repository whose index named the file, if one did.
    pub repository: Option<String>,
    /// What it is.
    pub content: Content,
}

/// What an entry's digests are of.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A file for each kind of machine.
    Files(BTreeMap<Arch, LockedFile>),
    /// An image.
    Image(LockedImage),
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedFile {
    /// Where it is got.
    pub url: String,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
    /// Its length in bytes, if somebody has seen the file.
    pub size: Option<u64>,
    /// Where the digest is from, in words.
    pub from: String,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedImage {
    /// Its full name, without tag.
    pub image: String,
    /// The digest behind the tag: of the index, or of the only manifest. With `sha256:`.
    pub digest: String,
    /// The digest of the manifest for each kind of machine, with `sha256:`.
    pub platforms: BTreeMap<Arch, String>,
    /// Where the digests are from, in words.
    pub from: String,
}

impl Entry {
    /// The locked files; none for an image.
    pub fn files(&self) -> impl Iterator<Item = (Arch, &LockedFile)> {
        let files = match &self.content {
            Content::Files(files) => Some(files),
            Content::Image(_) => None,
        };
        files
            .into_iter()
            .flatten()
            .map(|(arch, file)| (*arch, file))
    }

    /// The locked file for exactly this kind of machine.
    pub fn file(&self, arch: Arch) -> Option<&LockedFile> {
        match &self.content {
            Content::Files(files) => files.get(&arch),
            Content::Image(_) => None,
        }
    }

    /// The locked image, if it is one.
    pub fn image(&self) -> Option<&LockedImage> {
        match &self.content {
            Content::Files(_) => None,
            Content::Image(image) => Some(image),
        }
    }

    /// Whether this entry was made for another version or another place than the one wanted; in words.
    pub fn strays_from(&self, artifact: &Artifact) -> Option<String> {
        if self.version != artifact.version {
            return Some(format!(
                "it is locked for version {}, but {} is wanted",
                self.version, artifact.version
            ));
        }
        let elsewhere = match (&artifact.origin, &self.content) {
            (Origin::Image(image), Content::Image(locked)) => locked.image != *image,
            (Origin::Repository { repository, .. }, Content::Files(_)) => {
                self.repository.as_ref() != Some(repository)
            }
            (Origin::Files(urls), Content::Files(files)) => {
                self.repository.is_some()
                    || files
                        .iter()
                        .any(|(arch, file)| urls.get(arch).is_some_and(|url| *url != file.url))
            }
            _ => true,
        };
        elsewhere.then(|| "it is locked for another address than the one wanted".to_owned())
    }
}

impl Lock {
    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// Every mistake in it, each with its place.
    pub fn read(path: &Path, text: &str) -> Result<Self, Problems> {
        let source = Source::new(path, text);
        let document = yaml::parse(&source)?;
        let mut reader = Reader::default();
        let lock = document
            .root
            .map(|root| reader.file(&root))
            .unwrap_or_default();
        for problem in &mut reader.problems.0 {
            problem.help.get_or_insert_with(|| {
                "take the file back from version control, or delete the entry and run `hoist artifacts lock`".to_owned()
            });
        }
        reader.problems.or_ok(lock)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let style = yaml::Style {
            flow: yaml::Flow::Never,
            indent: 2,
            width: usize::MAX,
            sort_keys: false,
            explicit_start: false,
            explicit_end: false,
        };
        let entries = self
            .entries
            .iter()
            .map(|(name, entry)| (name.clone(), entry.value()));
        let root = Map::from_iter([
            ("lock".to_owned(), Value::Int(FORM)),
            ("artifacts".to_owned(), Value::from(Map::from_iter(entries))),
        ]);
        format!("{HEADER}{}", yaml::dump(&Value::from(root), style))
    }
}

fn text(value: &str) -> Value {
    Value::from(value)
}

impl Entry {
    fn value(&self) -> Value {
        let mut out = Map::from_iter([("version".to_owned(), text(&self.version))]);
        if let Some(repository) = &self.repository {
            out.insert("repository".to_owned(), text(repository));
        }
        match &self.content {
            Content::Files(files) => {
                let files = files.iter().map(|(arch, file)| {
                    let mut one = Map::from_iter([
                        ("url".to_owned(), text(&file.url)),
                        ("sha256".to_owned(), text(&file.sha256)),
                    ]);
                    if let Some(size) = file.size {
                        one.insert("size".to_owned(), Value::Int(size.cast_signed()));
                    }
                    one.insert("from".to_owned(), text(&file.from));
                    (arch.name().to_owned(), Value::from(one))
                });
                out.insert("files".to_owned(), Value::from(Map::from_iter(files)));
            }
            Content::Image(image) => {
                let platforms = image
                    .platforms
                    .iter()
                    .map(|(arch, digest)| (arch.name().to_owned(), text(digest)));
                out.insert("image".to_owned(), text(&image.image));
                out.insert("digest".to_owned(), text(&image.digest));
                out.insert(
                    "platforms".to_owned(),
                    Value::from(Map::from_iter(platforms)),
                );
                out.insert("from".to_owned(), text(&image.from));
            }
        }
        Value::from(out)
    }
}

#[derive(Default)]
struct Reader {
    problems: Problems,
}

impl Reader {
    fn wrong(&mut self, node: &Node, message: impl Into<String>) {
        self.problems.push(Diagnostic::at(&node.span, message));
    }

    fn file(&mut self, root: &Node) -> Lock {
        let mut lock = Lock::default();
        if root.is_null() {
            return lock;
        }
        match root.get("lock").map(|n| (n, n.as_int())) {
            Some((_, Some(FORM))) => {}
            Some((n, form)) => {
                let shown = form.map_or_else(|| n.key_text(), |f| f.to_string());
                let message =
                    format!("this is form {shown} of the file; this hoist reads form {FORM}");
                self.problems.push(
                    Diagnostic::at(&n.span, message).with_help("use the hoist that wrote it"),
                );
                return lock;
            }
            None => {
                self.wrong(root, format!("`{LOCK}` needs `lock: {FORM}`"));
                return lock;
            }
        }
        let Some(list) = root.get("artifacts") else {
            return lock;
        };
        for (name, key, node) in list.entries() {
            if let Some(entry) = self.entry(&name, key, node) {
                lock.entries.insert(name, entry);
            }
        }
        lock
    }

    fn need<'n>(&mut self, node: &'n Node, key: &Node, what: &str) -> Option<&'n str> {
        let found = node.get(what);
        match found.and_then(Node::as_str) {
            Some(text) if !text.is_empty() => Some(text),
            _ => {
                let at = found.unwrap_or(key);
                self.wrong(at, format!("`{}` needs a text `{what}`", key.key_text()));
                None
            }
        }
    }

    fn entry(&mut self, name: &str, key: &Node, node: &Node) -> Option<Entry> {
        let version = self.need(node, key, "version")?.to_owned();
        let repository = node
            .get("repository")
            .and_then(Node::as_str)
            .map(str::to_owned);
        let content = if node.get("image").is_some() {
            let image = self.need(node, key, "image")?.to_owned();
            let from = self.need(node, key, "from")?.to_owned();
            let digest = self.digest(node.get("digest"), key)?;
            let mut platforms = BTreeMap::new();
            for (arch, at, value) in node.get("platforms").into_iter().flat_map(Node::entries) {
                let arch = self.arch(at, &arch)?;
                platforms.insert(arch, self.digest(Some(value), at)?);
            }
            Content::Image(LockedImage {
                image,
                digest,
                platforms,
                from,
            })
        } else {
            let mut files = BTreeMap::new();
            let Some(list) = node.get("files") else {
                self.wrong(key, format!("`{name}` needs `files` or `image`"));
                return None;
            };
            for (arch, at, file) in list.entries() {
                let arch = self.arch(at, &arch)?;
                let sha256 = self.need(file, at, "sha256")?;
                if !is_sha256(sha256) {
                    let at = file.get("sha256").unwrap_or(at);
                    self.wrong(at, "a SHA-256 has 64 digits from 0-9 and a-f");
                    return None;
                }
                let size = match file.get("size").map(|n| (n, n.as_int())) {
                    None => None,
                    Some((_, Some(size))) if size >= 0 => Some(size.cast_unsigned()),
                    Some((n, _)) => {
                        self.wrong(n, "`size` is a number of bytes");
                        return None;
                    }
                };
                let locked = LockedFile {
                    url: self.need(file, at, "url")?.to_owned(),
                    sha256: sha256.to_owned(),
                    size,
                    from: self.need(file, at, "from")?.to_owned(),
                };
                files.insert(arch, locked);
            }
            Content::Files(files)
        };
        Some(Entry {
            version,
            repository,
            content,
        })
    }

    fn arch(&mut self, at: &Node, name: &str) -> Option<Arch> {
        let found = Arch::named(name);
        if found.is_none() {
            self.wrong(at, format!("there is no architecture `{name}`"));
        }
        found
    }

    /// `sha256:` and 64 digits.
    fn digest(&mut self, node: Option<&Node>, key: &Node) -> Option<String> {
        let text = node.and_then(Node::as_str).unwrap_or_default();
        if text.strip_prefix("sha256:").is_some_and(is_sha256) {
            return Some(text.to_owned());
        }
        self.wrong(
            node.unwrap_or(key),
            "a digest is `sha256:` and 64 digits from 0-9 and a-f",
        );
        None
    }
}
