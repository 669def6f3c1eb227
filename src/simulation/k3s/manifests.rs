//! The folder `server/manifests`: what lies there is applied, as K3s's deploy controller does, and recorded as AddOns.

use super::client;
use super::log::say;
use crate::simulation::manifest;
use crate::simulation::object;
use crate::simulation::server::Server;
use reqwest::Client;
use serde_json::{Value, json};
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Looks after the folder until the server ends.
pub async fn watch(server: Arc<Server>, http: Client, url: String, folder: PathBuf) {
    if let Err(error) = std::fs::create_dir_all(&folder) {
        say(
            "error",
            &format!("cannot make {}: {error}", folder.display()),
        );
        return;
    }
    let mut applied: BTreeMap<PathBuf, String> = BTreeMap::new();
    loop {
        for path in files(&folder) {
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let sum = hex::encode(sha2::Sha256::digest(&text));
            if applied.get(&path) == Some(&sum) {
                continue;
            }
            match deploy(&server, &http, &url, &path, &text, &sum).await {
                Ok(()) => {
                    say("info", &format!("applied manifest {}", path.display()));
                    applied.insert(path, sum);
                }
                Err(message) => say(
                    "error",
                    &format!(
                        "failed to process config: failed to apply manifest at {}: {message}",
                        path.display()
                    ),
                ),
            }
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let mut skip = path.clone().into_os_string();
            skip.push(".skip");
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|it| it == "yaml" || it == "yml" || it == "json")
                && !Path::new(&skip).exists()
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

async fn deploy(
    server: &Server,
    http: &Client,
    url: &str,
    path: &Path,
    text: &str,
    sum: &str,
) -> Result<(), String> {
    let name = path.display().to_string();
    let first = |it: &Value| match it["kind"].as_str() {
        Some("Namespace") => 0,
        Some("CustomResourceDefinition") => 1,
        _ => 2,
    };
    let mut objects = manifest::read_all(&name, text)?;
    objects.sort_by_key(first);
    for it in objects {
        apply(server, http, url, &it).await?;
    }
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let addon = json!({"apiVersion": "k3s.cattle.io/v1", "kind": "Addon", "metadata": {"name": stem, "namespace": "kube-system"},
        "spec": {"source": name, "checksum": sum}});
    apply(server, http, url, &addon).await
}

/// Applies an object through the API, so that it comes to the server that leads.
async fn apply(server: &Server, http: &Client, url: &str, it: &Value) -> Result<(), String> {
    let (version, kind) = (
        object::text(it, &["apiVersion"]),
        object::text(it, &["kind"]),
    );
    let Some(known) = server.cluster().catalog.of(version, kind) else {
        return Err(format!(
            "no matches for kind {kind:?} in version {version:?}"
        ));
    };
    let root = if known.group.is_empty() {
        "api"
    } else {
        "apis"
    };
    let namespace = match object::namespace(it) {
        _ if !known.namespaced => String::new(),
        "" => "namespaces/default/".to_owned(),
        namespace => format!("namespaces/{namespace}/"),
    };
    let name = object::name(it);
    let path = format!(
        "{url}/{root}/{version}/{namespace}{}/{name}?fieldManager=deploy@k3s&force=true",
        known.plural
    );
    let request = http
        .patch(path)
        .header("content-type", "application/apply-patch+yaml")
        .body(it.to_string());
    client::text(&format!("{kind} {name}"), request)
        .await
        .map(|_| ())
        .map_err(|trouble| trouble.message)
}
