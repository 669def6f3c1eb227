//! Registries of container images: the internet's, a mirror's, or an OCI layout in a folder.

use super::cache::hash;
use super::{Arch, Mirror, Web};
use crate::error::Diagnostic;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use oci_client::client::{BlobResponse, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Kinds of manifest that are understood.
const ACCEPTED: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// How many tags are asked for at once.
const TAGS: usize = 1000;

/// Where images are asked for.
pub(super) enum Registry {
    /// In the registry that an image names, or in the mirror's: host, and the path before the image's whole name.
    Net(Box<Client>, Option<(String, String)>),
    /// In a folder: `FOLDER/host/path` is an OCI layout.
    Folder(PathBuf),
}

/// The bytes of a blob, from the beginning or from where it broke off.
pub(super) struct Coming {
    /// They begin at the first byte, whatever was asked for.
    pub(super) whole: bool,
    pub(super) bytes: BoxStream<'static, Result<Vec<u8>, String>>,
}

/// What a tag leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) digest: String,
    pub(super) platforms: BTreeMap<Arch, String>,
}

impl Registry {
    /// The registries as the mirror would have it.
    ///
    /// # Errors
    /// The client cannot be made.
    pub(super) fn new(web: &Web) -> Result<Self, Diagnostic> {
        let (mirror, plain) = match &web.mirror {
            Mirror::Folder(folder) => return Ok(Self::Folder(folder.clone())),
            Mirror::None => (None, Vec::new()),
            Mirror::Base(base) => {
                let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let plain = (scheme == "http").then(|| host.to_owned());
                let place = (host.to_owned(), path.trim_matches('/').to_owned());
                (Some(place), plain.into_iter().collect())
            }
        };
        let config = ClientConfig {
            protocol: ClientProtocol::HttpsExcept(plain),
            connect_timeout: Some(web.patience.connect),
            read_timeout: Some(web.patience.silence),
            user_agent: concat!("hoist/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config)
            .map_err(|e| Diagnostic::new(format!("cannot prepare for registries: {e}")))?;
        Ok(Self::Net(Box::new(client), mirror))
    }

    /// The name to ask for: `image` is `host/path`, `which` a tag or a digest.
    fn reference(mirror: Option<&(String, String)>, image: &str, which: &str) -> Reference {
        let (host, path) = image.split_once('/').unwrap_or(("", image));
        let (host, path) = match mirror {
            None => (host.to_owned(), path.to_owned()),
            Some((host, before)) if before.is_empty() => (host.clone(), image.to_owned()),
            Some((host, before)) => (host.clone(), format!("{before}/{image}")),
        };
        if which.contains(':') {
            Reference::with_digest(host, path, which.to_owned())
        } else {
            Reference::with_tag(host, path, which.to_owned())
        }
    }

    /// A manifest by tag or digest, and its digest, which is the one asked for if one was.
    ///
    /// # Errors
    /// It is not there; it is another.
    pub(super) async fn manifest(
        &self,
        image: &str,
        which: &str,
    ) -> Result<(Vec<u8>, String), Diagnostic> {
        let told = |why: &str| {
            let mark = if which.contains(':') { '@' } else { ':' };
            let what = format!("the image {image}{mark}{which} could not be got: {why}");
            Diagnostic::new(what).with_note(format!("from {}", self.place(image)))
        };
        let bytes = match self {
            Self::Folder(folder) => {
                let layout = folder.join(image);
                let digest = in_layout(&layout, image, which).map_err(|why| told(&why))?;
                let path = blob_in(&layout, &digest);
                let bytes = std::fs::read(&path).map_err(|e| told(&e.to_string()))?;
                (bytes, digest)
            }
            Self::Net(client, mirror) => {
                let reference = Self::reference(mirror.as_ref(), image, which);
                let asked = client
                    .pull_manifest_raw(&reference, &RegistryAuth::Anonymous, &ACCEPTED)
                    .await;
                let (bytes, digest) = asked.map_err(|e| told(&words(&e)))?;
                (bytes.to_vec(), digest)
            }
        };
        let (bytes, digest) = bytes;
        let (found, _) = hash(&mut bytes.as_slice()).map_err(|e| told(&e.to_string()))?;
        if digest != format!("sha256:{found}") {
            return Err(told("the manifest is not what its digest says")
                .with_note(format!("expected {digest}"))
                .with_note(format!("got sha256:{found}")));
        }
        Ok((bytes, digest))
    }

    /// What a tag leads to, for each kind of machine.
    ///
    /// # Errors
    /// It cannot be asked; it is no image for Linux.
    pub(super) async fn resolve(&self, image: &str, tag: &str) -> Result<Resolved, Diagnostic> {
        let (bytes, digest) = self.manifest(image, tag).await?;
        let wrong = |why: &str| Diagnostic::new(format!("the image {image}:{tag} {why}"));
        let manifest = json(&bytes).ok_or_else(|| wrong("has a manifest that is no JSON"))?;
        let mut platforms = BTreeMap::new();
        if let Some(list) = manifest["manifests"].as_array() {
            for one in list.iter().filter(|m| m["platform"]["os"] == "linux") {
                let arch = one["platform"]["architecture"]
                    .as_str()
                    .and_then(Arch::named);
                let (Some(arch), Some(digest)) = (arch, one["digest"].as_str()) else {
                    continue;
                };
                // of several for 32-bit ARM, that which K3s's machines are
                let better = arch != Arch::Arm || one["platform"]["variant"] == "v7";
                if better || !platforms.contains_key(&arch) {
                    platforms.insert(arch, digest.to_owned());
                }
            }
        } else if let Some(config) = manifest["config"]["digest"].as_str() {
            let mut coming = self
                .blob(image, config, 0)
                .await
                .map_err(|why| wrong(&why))?;
            let mut bytes = Vec::new();
            while let Some(chunk) = coming.bytes.next().await {
                bytes.extend(chunk.map_err(|why| wrong(&why))?);
            }
            let config =
                json(&bytes).ok_or_else(|| wrong("has a configuration that is no JSON"))?;
            if let Some(arch) = config["architecture"].as_str().and_then(Arch::named) {
                platforms.insert(arch, digest.clone());
            }
        }
        if platforms.is_empty() {
            return Err(wrong("is made for no kind of machine that is known here"));
        }
        Ok(Resolved { digest, platforms })
    }

    /// A blob from byte `from` on, unverified.
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) async fn blob(
        &self,
        image: &str,
        digest: &str,
        from: u64,
    ) -> Result<Coming, String> {
        match self {
            Self::Folder(folder) => {
                use std::io::Read as _;
                let path = blob_in(&folder.join(image), digest);
                let mut file = std::fs::File::open(&path).map_err(|e| e.to_string())?;
                let chunks = std::iter::from_fn(move || {
                    let mut buffer = vec![0; 1 << 20];
                    match file.read(&mut buffer) {
                        Ok(0) => None,
                        Ok(n) => {
                            buffer.truncate(n);
                            Some(Ok(buffer))
                        }
                        Err(e) => Some(Err(e.to_string())),
                    }
                });
                Ok(Coming {
                    whole: true,
                    bytes: futures_util::stream::iter(chunks.fuse()).boxed(),
                })
            }
            Self::Net(client, mirror) => {
                let reference = Self::reference(mirror.as_ref(), image, digest);
                let registry = reference.resolve_registry().to_owned();
                client
                    .store_auth_if_needed(&registry, &RegistryAuth::Anonymous)
                    .await;
                let answer = client
                    .pull_blob_stream_partial(&reference, digest, from, None)
                    .await;
                let (whole, sized) = match answer.map_err(|e| words(&e))? {
                    BlobResponse::Full(stream) => (true, stream),
                    BlobResponse::Partial(stream) => (false, stream),
                };
                let bytes = sized.map(|chunk| match chunk {
                    Ok(bytes) => Ok(bytes.to_vec()),
                    Err(e) => Err(e.to_string()),
                });
                Ok(Coming {
                    whole,
                    bytes: bytes.boxed(),
                })
            }
        }
    }

    /// The tags of an image.
    ///
    /// # Errors
    /// They cannot be asked for.
    pub(super) async fn tags(&self, image: &str) -> Result<Vec<String>, String> {
        let Self::Net(client, mirror) = self else {
            return Err("the mirror is a folder, which has no list of all tags".to_owned());
        };
        let reference = Self::reference(mirror.as_ref(), image, "latest");
        let mut tags: Vec<String> = Vec::new();
        loop {
            let last = tags.last().cloned();
            let asked = client
                .list_tags(
                    &reference,
                    &RegistryAuth::Anonymous,
                    Some(TAGS),
                    last.as_deref(),
                )
                .await;
            let page = asked.map_err(|e| words(&e))?.tags;
            let full = page.len() >= TAGS;
            tags.extend(page);
            if !full || tags.len() > 50 * TAGS {
                return Ok(tags);
            }
        }
    }

    /// Where an image is asked for, for people.
    pub(super) fn place(&self, image: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(image).display().to_string(),
            Self::Net(_, mirror) => {
                let reference = Self::reference(mirror.as_ref(), image, "latest");
                format!(
                    "{}/{}",
                    reference.resolve_registry(),
                    reference.repository()
                )
            }
        }
    }
}

/// What went wrong, without the parts that only a library's author can use.
fn words(error: &OciDistributionError) -> String {
    match error {
        OciDistributionError::ServerError { code, .. } => format!("the registry answered {code}"),
        OciDistributionError::UnauthorizedError { .. } => {
            "the registry wants a login, or there is no such image".to_owned()
        }
        OciDistributionError::ImageManifestNotFoundError(_) => "there is no such image".to_owned(),
        OciDistributionError::RegistryError { envelope, .. } => {
            let said = envelope.errors.iter().map(|e| {
                if e.message.is_empty() {
                    format!("{:?}", e.code)
                } else {
                    e.message.clone()
                }
            });
            format!(
                "the registry answered: {}",
                said.collect::<Vec<_>>().join("; ")
            )
        }
        OciDistributionError::RequestError(e) => super::web::reasons(e),
        other => other.to_string(),
    }
}

fn json(bytes: &[u8]) -> Option<Json> {
    serde_json::from_slice(bytes).ok()
}

fn blob_in(layout: &Path, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    layout.join("blobs/sha256").join(hex.replace('/', "_"))
}

/// The digest of what an OCI layout has under a tag; a digest is itself.
fn in_layout(layout: &Path, image: &str, which: &str) -> Result<String, String> {
    if which.contains(':') {
        return Ok(which.to_owned());
    }
    let path = layout.join("index.json");
    let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let index = json(&bytes).ok_or_else(|| format!("{} is no JSON", path.display()))?;
    let listed = index["manifests"].as_array().cloned().unwrap_or_default();
    let name = |one: &Json| {
        let named = one["annotations"]["org.opencontainers.image.ref.name"].as_str()?;
        Some(named.to_owned())
    };
    let whole = format!("{image}:{which}");
    let found = listed
        .iter()
        .find(|one| name(one).is_some_and(|n| n == which || n == whole))
        // a layout with one image that nobody named
        .or_else(|| {
            listed
                .first()
                .filter(|one| listed.len() == 1 && name(one).is_none())
        });
    let digest = found.and_then(|one| one["digest"].as_str());
    digest
        .map(str::to_owned)
        .ok_or_else(|| format!("{} has no `{which}`", path.display()))
}
