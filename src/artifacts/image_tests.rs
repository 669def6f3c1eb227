//! Images from a registry on loopback and from a folder.

use super::cache::hash;
use super::download::Unwatched;
use super::image::{self, fetch};
use super::registry::Registry;
use super::testing::{Reply, Server, impatient};
use super::{Arch, Cache, LockedImage, Mirror, State};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hash(&mut &bytes[..]).unwrap().0)
}

/// An image for amd64 and arm64: what a registry has under which digest, and the index.
struct Image {
    blobs: BTreeMap<String, Vec<u8>>,
    index: Vec<u8>,
    manifests: BTreeMap<Arch, String>,
}

fn image() -> Image {
    let mut blobs = BTreeMap::new();
    let mut put = |bytes: Vec<u8>| {
        let name = digest(&bytes);
        blobs.insert(name.clone(), bytes.clone());
        json!({"mediaType": "application/octet-stream", "digest": name, "size": bytes.len()})
    };
    let layer = put((0..60_000_u32).flat_map(u32::to_le_bytes).collect());
    let mut manifests = BTreeMap::new();
    let mut listed = Vec::new();
    for arch in [Arch::Amd64, Arch::Arm64] {
        let config = put(json!({"architecture": arch.name(), "os": "linux"})
            .to_string()
            .into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [layer, layer],
        });
        let described = put(manifest.to_string().into_bytes());
        manifests.insert(arch, described["digest"].as_str().unwrap().to_owned());
        listed.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": described["digest"], "size": described["size"],
            "platform": {"os": "linux", "architecture": arch.name()},
        }));
    }
    listed.push(json!({"digest": "sha256:0", "size": 1, "platform": {"os": "unknown", "architecture": "unknown"}}));
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": listed,
    });
    let index = index.to_string().into_bytes();
    blobs.insert(digest(&index), index.clone());
    Image {
        blobs,
        index,
        manifests,
    }
}

impl Image {
    fn locked(&self) -> LockedImage {
        LockedImage {
            image: "ghcr.io/x/y".to_owned(),
            digest: digest(&self.index),
            platforms: self.manifests.clone(),
            from: "a test".to_owned(),
        }
    }

    /// A registry that wants a token first, as the great ones do. `change` may spoil blobs.
    fn serve(&self, change: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Server {
        let (blobs, index) = (self.blobs.clone(), self.index.clone());
        let breaks = AtomicUsize::new(0);
        let url: std::sync::Arc<std::sync::OnceLock<String>> = Default::default();
        let own = url.clone();
        let server = Server::start(move |request| {
            if request.target.starts_with("/token") {
                return Reply::ok(r#"{"token": "t0ken"}"#);
            }
            if request.header("authorization") != Some("Bearer t0ken") {
                let realm = format!(
                    "Bearer realm=\"{}/token\",service=\"s\"",
                    own.get().unwrap()
                );
                return Reply::status(401).with("WWW-Authenticate", &realm);
            }
            let path = request.target.split('?').next().unwrap();
            let rest = match path.strip_prefix("/v2/") {
                Some("") | None => return Reply::ok("{}"),
                Some(rest) => rest,
            };
            if rest == "ghcr.io/x/y/tags/list" {
                return Reply::ok(
                    r#"{"name": "y", "tags": ["v1.2.3", "v1.10.0", "v2.0.0-rc1", "latest"]}"#,
                );
            }
            let Some(name) = rest.strip_prefix("ghcr.io/x/y/") else {
                return Reply::status(404);
            };
            if name == "manifests/v1.2.3" {
                return Reply::ok(index.clone());
            }
            let Some((kind, name)) = name.split_once('/') else {
                return Reply::status(404);
            };
            let Some(bytes) = blobs.get(name) else {
                return Reply::status(404);
            };
            let reply = Reply::ranged(request, &change(name, bytes.clone()));
            // the first great blob breaks off
            if kind == "blobs"
                && bytes.len() > 10_000
                && breaks.fetch_add(1, Ordering::Relaxed) == 0
            {
                return reply.cut(100_000);
            }
            reply
        });
        url.set(server.url.clone()).unwrap();
        server
    }
}

#[tokio::test]
async fn a_tag_is_resolved_and_the_image_is_one_whole_file() {
    let image = image();
    let server = image.serve(|_, bytes| bytes);
    let registry = Registry::new(&server.web()).unwrap();
    let resolved = registry.resolve("ghcr.io/x/y", "v1.2.3").await.unwrap();
    assert_eq!(resolved.digest, digest(&image.index));
    assert_eq!(resolved.platforms, image.manifests);
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    let wanted = &image.manifests[&Arch::Arm64];
    fetch(
        &registry,
        &cache,
        &image.locked(),
        wanted,
        "v1.2.3",
        "y arm64",
        &Unwatched,
    )
    .await
    .unwrap();
    let path = cache.image(wanted);
    assert_eq!(image::state(&path, wanted).unwrap(), State::Good);
    assert!(
        server.asked().iter().any(|line| line.contains(" from ")),
        "{:?}",
        server.asked()
    );
    // what container runtimes look for
    let mut names = Vec::new();
    let mut tar = tar::Archive::new(std::fs::File::open(&path).unwrap());
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        if name.ends_with("json") {
            entry.read_to_string(&mut text).unwrap();
            assert!(text.contains("ghcr.io/x/y:v1.2.3"), "{text}");
        }
        names.push(name);
    }
    assert_eq!(names[..3], ["oci-layout", "index.json", "manifest.json"]);
    assert_eq!(
        names.len(),
        6,
        "manifest, configuration and one layer, once: {names:?}"
    );
    let left = std::fs::read_dir(dir.path().join("partial"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
    assert_eq!(registry.tags("ghcr.io/x/y").await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_part_that_was_changed_is_found_out() {
    let image = image();
    let server = image.serve(|_, mut bytes| {
        if bytes.len() > 10_000 {
            bytes[5000] ^= 1;
        }
        bytes
    });
    let registry = Registry::new(&server.web()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    let wanted = &image.manifests[&Arch::Amd64];
    let problem = fetch(
        &registry,
        &cache,
        &image.locked(),
        wanted,
        "v1.2.3",
        "y amd64",
        &Unwatched,
    )
    .await
    .unwrap_err();
    let told = problem.to_string();
    assert!(
        told.contains("a part of `y amd64` is not what its digest says"),
        "{told}"
    );
    assert!(!cache.image(wanted).exists());
    // a changed manifest
    let server = image.serve(|_, mut bytes| {
        if bytes.len() < 10_000 {
            bytes.push(b' ');
        }
        bytes
    });
    let registry = Registry::new(&server.web()).unwrap();
    assert!(registry.manifest("ghcr.io/x/y", wanted).await.is_err());
}

#[tokio::test]
async fn a_folder_with_oci_layouts_is_a_registry() {
    let image = image();
    let dir = tempfile::tempdir().unwrap();
    let layout = dir.path().join("mirror/ghcr.io/x/y");
    std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    for (name, bytes) in &image.blobs {
        std::fs::write(layout.join("blobs/sha256").join(&name[7..]), bytes).unwrap();
    }
    let index = json!({"schemaVersion": 2, "manifests": [{
        "digest": digest(&image.index), "size": image.index.len(),
        "annotations": {"org.opencontainers.image.ref.name": "v1.2.3"},
    }]});
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
    let registry = Registry::new(&impatient(Mirror::Folder(dir.path().join("mirror")))).unwrap();
    let resolved = registry.resolve("ghcr.io/x/y", "v1.2.3").await.unwrap();
    assert_eq!(resolved.platforms, image.manifests);
    let problem = registry.resolve("ghcr.io/x/y", "v9").await.unwrap_err();
    assert!(
        problem.message.contains("has no `v9`"),
        "{}",
        problem.message
    );
    let cache = Cache::at(dir.path().join("cache"));
    let wanted = &image.manifests[&Arch::Amd64];
    fetch(
        &registry,
        &cache,
        &image.locked(),
        wanted,
        "v1.2.3",
        "y amd64",
        &Unwatched,
    )
    .await
    .unwrap();
    let path = cache.image(wanted);
    assert_eq!(image::state(&path, wanted).unwrap(), State::Good);
    spoil(&path, wanted);
}

/// Whatever is changed in the file, it is found out.
fn spoil(path: &Path, wanted: &str) {
    let whole = std::fs::read(path).unwrap();
    let found = |bytes: &[u8]| {
        std::fs::write(path, bytes).unwrap();
        match image::state(path, wanted).unwrap() {
            State::Wrong { found, .. } => found,
            other => panic!("{other:?}"),
        }
    };
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    assert!(found(&changed).contains("not what its digest says"));
    found(&whole[..whole.len() / 2]);
    found(b"");
    std::fs::write(path, &whole).unwrap();
    let another = format!("sha256:{}", "0".repeat(64));
    assert!(matches!(
        image::state(path, &another).unwrap(),
        State::Wrong { .. }
    ));
}
