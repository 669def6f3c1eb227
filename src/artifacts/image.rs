//! Images as one file each, in the form that container runtimes load: an OCI layout in a tar, with the file that `docker load`
//! wants beside it. K3s loads such files at its start.

use super::cache::{hash, make_parent, unreadable, unwritable};
use super::download::{Growing, Watch};
use super::registry::Registry;
use super::{Cache, LockedImage, State};
use crate::error::Diagnostic;
use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// A description in a manifest: digest and length.
struct Part {
    digest: String,
    size: u64,
}

/// The configuration and the layers that a manifest names.
fn parts(manifest: &[u8]) -> Result<Vec<Part>, String> {
    let manifest: Json =
        serde_json::from_slice(manifest).map_err(|_| "its manifest is no JSON".to_owned())?;
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    let described = std::iter::once(&manifest["config"]).chain(&layers);
    described
        .map(|one| {
            let digest = one["digest"].as_str().filter(|d| d.starts_with("sha256:"));
            match (digest, one["size"].as_u64()) {
                (Some(digest), Some(size)) => Ok(Part {
                    digest: digest.to_owned(),
                    size,
                }),
                _ => Err("its manifest names a part without digest or length".to_owned()),
            }
        })
        .collect()
}

/// The part of a digest that names files.
fn hex_of(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// Gets an image into the cache: its manifest by digest, then every part, each verified.
///
/// # Errors
/// It cannot be got; a part is not what its digest says.
pub(super) async fn fetch(
    registry: &Registry,
    cache: &Cache,
    locked: &LockedImage,
    digest: &str,
    tag: &str,
    what: &str,
    watch: &dyn Watch,
) -> Result<(), Diagnostic> {
    let image = &locked.image;
    let (manifest, _) = registry.manifest(image, digest).await?;
    let told = |why: String| {
        Diagnostic::new(format!("`{what}` could not be got: {why}"))
            .with_note(format!("from {}", registry.place(image)))
    };
    let parts = parts(&manifest).map_err(told)?;
    let total: u64 = parts.iter().map(|part| part.size).sum();
    watch.started(what, Some(total));
    let got = async {
        let mut before = 0;
        let mut files = BTreeMap::new();
        for part in &parts {
            if files.contains_key(&part.digest) {
                continue;
            }
            let reached = |n: u64| watch.reached(what, before + n);
            let growing = grow(registry, cache, image, part, what, watch, &reached).await?;
            before += part.size;
            files.insert(part.digest.clone(), growing);
        }
        Ok(files)
    };
    let got = got.await;
    watch.finished(what, got.is_ok());
    let files =
        got.map_err(|d: Diagnostic| d.with_note(format!("from {}", registry.place(image))))?;
    let to = cache.image(digest);
    let part = cache.partial(&format!("{}.tar.{}", hex_of(digest), std::process::id()));
    let written = write(
        &part,
        &format!("{image}:{tag}"),
        tag,
        digest,
        &manifest,
        &files,
    );
    written.map_err(|e| {
        std::fs::remove_file(&part).ok();
        unwritable(&part, &e)
    })?;
    make_parent(&to)?;
    std::fs::rename(&part, &to).map_err(|e| unwritable(&to, &e))?;
    for growing in files.into_values() {
        std::fs::remove_file(&growing.path).ok();
    }
    Ok(())
}

/// One part, until it is whole.
async fn grow(
    registry: &Registry,
    cache: &Cache,
    image: &str,
    part: &Part,
    what: &str,
    watch: &dyn Watch,
    reached: &(dyn Fn(u64) + Sync),
) -> Result<Growing, Diagnostic> {
    let path = cache.partial(hex_of(&part.digest));
    let opened = tokio::task::spawn_blocking(move || Growing::open(path, true)).await;
    let mut growing = opened.map_err(|e| Diagnostic::new(e.to_string()))??;
    let patience = super::web::Patience::default();
    let mut tried = 0;
    loop {
        if growing.length >= part.size {
            if growing.sha256() == hex_of(&part.digest) && growing.length == part.size {
                return Ok(growing);
            }
            let (old, found) = (growing.old, growing.sha256());
            let restarted = growing.restart();
            restarted.map_err(|e| unwritable(&growing.path, &e))?;
            if !old {
                std::fs::remove_file(&growing.path).ok();
                return Err(Diagnostic::new(format!(
                    "a part of `{what}` is not what its digest says"
                ))
                .with_note(format!("expected {}", part.digest))
                .with_note(format!("got sha256:{found}"))
                .with_help(
                    "the registry or something on the way changed it; nothing of it was kept",
                ));
            }
        }
        let before = growing.length;
        let why = match pull(registry, image, part, &mut growing, reached).await {
            Ok(()) if growing.length >= part.size => continue,
            Ok(()) => "it ended too early".to_owned(),
            Err(why) => why,
        };
        tried = if growing.length > before {
            1
        } else {
            tried + 1
        };
        if tried >= patience.tries {
            return Err(Diagnostic::new(format!("`{what}` could not be got: {why}")));
        }
        let wait = patience.wait(tried, None);
        watch.retrying(what, &why, wait);
        tokio::time::sleep(wait).await;
    }
}

async fn pull(
    registry: &Registry,
    image: &str,
    part: &Part,
    growing: &mut Growing,
    reached: &(dyn Fn(u64) + Sync),
) -> Result<(), String> {
    let mut coming = registry.blob(image, &part.digest, growing.length).await?;
    if coming.whole && growing.length > 0 {
        growing.restart().map_err(|e| e.to_string())?;
    }
    while let Some(chunk) = coming.bytes.next().await {
        growing.add(&chunk?).map_err(|e| e.to_string())?;
        reached(growing.length);
        if growing.length > part.size {
            // too long is wrong already
            return Ok(());
        }
    }
    Ok(())
}

/// Writes the tar; the same image gives the same bytes.
fn write(
    path: &Path,
    name: &str,
    tag: &str,
    digest: &str,
    manifest: &[u8],
    files: &BTreeMap<String, Growing>,
) -> std::io::Result<()> {
    let described: Json = serde_json::from_slice(manifest)?;
    let blob = |digest: &str| format!("blobs/sha256/{}", hex_of(digest));
    let kind = described["mediaType"]
        .as_str()
        .unwrap_or("application/vnd.oci.image.manifest.v1+json");
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": kind,
            "digest": digest,
            "size": manifest.len(),
            "annotations": {
                "io.containerd.image.name": name,
                "org.opencontainers.image.ref.name": tag,
            },
        }],
    });
    let paths = |list: &Json| {
        let digests = list.as_array().into_iter().flatten();
        let paths = digests.filter_map(|one| Some(Json::from(blob(one["digest"].as_str()?))));
        paths.collect::<Vec<_>>()
    };
    let docker = json!([{
        "Config": described["config"]["digest"].as_str().map(blob),
        "RepoTags": [name],
        "Layers": paths(&described["layers"]),
    }]);
    let mut tar = tar::Builder::new(std::io::BufWriter::new(File::create(path)?));
    let header = |size: u64| {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        header
    };
    let layout = json!({"imageLayoutVersion": "1.0.0"});
    for (name, text) in [
        ("oci-layout", layout),
        ("index.json", index),
        ("manifest.json", docker),
    ] {
        let text = text.to_string();
        tar.append_data(&mut header(text.len() as u64), name, text.as_bytes())?;
    }
    let size = manifest.len() as u64;
    tar.append_data(&mut header(size), blob(digest), manifest)?;
    for (digest, growing) in files {
        let file = File::open(&growing.path)?;
        tar.append_data(&mut header(growing.length), blob(digest), file)?;
    }
    let file = tar.into_inner()?.into_inner().map_err(|e| e.into_error())?;
    file.sync_all()
}

/// Whether a file is the image whose manifest has that digest, whole: everything in it is hashed.
///
/// # Errors
/// It cannot be read.
pub(super) fn state(path: &Path, digest: &str) -> Result<State, Diagnostic> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(State::Missing),
        Err(e) => return Err(unreadable(path, &e)),
    };
    let size = file.metadata().map_or(0, |m| m.len());
    Ok(match contents(file, digest) {
        Ok(()) => State::Good,
        Err(found) => State::Wrong { found, size },
    })
}

fn contents(file: File, digest: &str) -> Result<(), String> {
    let broken = |e: std::io::Error| format!("no whole archive: {e}");
    let mut tar = tar::Archive::new(std::io::BufReader::new(file));
    let mut blobs = BTreeMap::new();
    let mut manifest = Vec::new();
    let mut index = Vec::new();
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.display().to_string();
        if name == "index.json" {
            entry.read_to_end(&mut index).map_err(broken)?;
        }
        let Some(hex) = name.strip_prefix("blobs/sha256/") else {
            continue;
        };
        let (found, length) = if hex == hex_of(digest) {
            entry.read_to_end(&mut manifest).map_err(broken)?;
            hash(&mut manifest.as_slice()).map_err(broken)?
        } else {
            hash(&mut entry).map_err(broken)?
        };
        if found != hex {
            return Err(format!("a part that is not what its digest says, {hex}"));
        }
        blobs.insert(format!("sha256:{hex}"), length);
    }
    let index: Json = serde_json::from_slice(&index).map_err(|_| "no index".to_owned())?;
    if index["manifests"][0]["digest"] != digest {
        return Err(format!(
            "another image, {}",
            index["manifests"][0]["digest"]
        ));
    }
    if manifest.is_empty() {
        return Err("no manifest".to_owned());
    }
    for part in parts(&manifest)? {
        if blobs.get(&part.digest) != Some(&part.size) {
            return Err(format!("no whole image: {} is missing", part.digest));
        }
    }
    Ok(())
}
