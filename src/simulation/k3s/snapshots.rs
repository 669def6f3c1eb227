//! `k3s etcd-snapshot`: the state of the cluster as a file, and back.

use super::client;
use super::config::Config;
use super::log::say;
use super::members;
use crate::simulation::authority::{Signed, write};
use crate::simulation::change::Snapshot;
use crate::simulation::store::Store;
use std::path::{Path, PathBuf};

/// So many are kept when nothing else is said.
const KEPT: usize = 5;

/// Runs `etcd-snapshot WHAT …`.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let Some((what, rest)) = arguments.split_first() else {
        return Err("etcd-snapshot: one of save, ls, delete NAME, prune".to_owned());
    };
    let names = if what == "delete" {
        rest.iter().take_while(|it| !it.starts_with('-')).count()
    } else {
        0
    };
    let (names, flags) = rest.split_at(names);
    let config = Config::read("etcd-snapshot", &spelled(flags))?;
    let folder = folder(&config);
    match what.as_str() {
        "save" => save(&config, &folder),
        "ls" | "list" | "l" => {
            println!("Name Location Size Created (simulated)");
            for (name, path, size, time) in all(&folder)? {
                println!("{name} file://{} {size} {time}", path.display());
            }
            Ok(())
        }
        "delete" if !names.is_empty() => {
            for name in names {
                let path = folder.join(name);
                if name.contains('/') || !path.exists() {
                    return Err(format!("snapshot {name:?} not found"));
                }
                std::fs::remove_file(&path)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                say("info", &format!("Snapshot {name} deleted."));
            }
            Ok(())
        }
        "prune" => prune(&config, &folder),
        _ => Err(format!(
            "etcd-snapshot: one of save, ls, delete NAME, prune, not {what:?}"
        )),
    }
}

/// `--name` is short for `--etcd-snapshot-name` here, `--snapshot-retention` and `--dir` likewise.
fn spelled(flags: &[String]) -> Vec<String> {
    let spell = |flag: &String| {
        let (key, value) = flag
            .split_once('=')
            .map_or((flag.as_str(), None), |(key, value)| (key, Some(value)));
        let key = match key {
            "--name" => "--etcd-snapshot-name",
            "--snapshot-retention" => "--etcd-snapshot-retention",
            "--dir" | "--snapshot-dir" => "--etcd-snapshot-dir",
            key => key,
        };
        value.map_or_else(|| key.to_owned(), |value| format!("{key}={value}"))
    };
    flags.iter().map(spell).collect()
}

fn folder(config: &Config) -> PathBuf {
    match config.text("etcd-snapshot-dir") {
        "" => config.data().join("server/db/snapshots"),
        folder => PathBuf::from(folder),
    }
}

fn all(folder: &Path) -> Result<Vec<(String, PathBuf, u64, String)>, String> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(format!("{}: {error}", folder.display())),
    };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let time = metadata
            .modified()
            .ok()
            .and_then(|it| jiff::Timestamp::try_from(it).ok());
        let time = time
            .map(crate::simulation::object::stamp)
            .unwrap_or_default();
        found.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
            metadata.len(),
            time,
        ));
    }
    found.sort_by(|a, b| (&a.3, &a.0).cmp(&(&b.3, &b.0)));
    Ok(found)
}

fn save(config: &Config, folder: &Path) -> Result<(), String> {
    let name = match config.text("etcd-snapshot-name") {
        "" => "on-demand",
        name => name,
    };
    if name.contains('/') {
        return Err(format!("no name for a snapshot: {name:?}"));
    }
    let node = super::agent::own_node(config, true)?.name;
    let name = format!("{name}-{node}-{}", jiff::Timestamp::now().as_second());
    let text = fetch(config)?;
    serde_json::from_str::<Snapshot>(&text)
        .map_err(|error| format!("the server sent no snapshot: {error}"))?;
    let path = folder.join(&name);
    write(&path, &text, 0o600).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("Snapshot {name} saved. (simulated)");
    Ok(())
}

/// Asks the running server for its state.
fn fetch(config: &Config) -> Result<String, String> {
    let tls = config.data().join("server/tls");
    let read = |name: &str| {
        std::fs::read_to_string(tls.join(name))
            .map_err(|error| format!("{}: {error} (is this a server?)", tls.join(name).display()))
    };
    let authority = read("server-ca.crt")?;
    let admin = Signed {
        certificate: read("client-admin.crt")?,
        key: read("client-admin.key")?,
    };
    let address = format!("https://127.0.0.1:{}/v1-k3s/snapshot", config.port()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let client = client::client(&authority, Some(&admin)).map_err(|it| it.message)?;
        // a server that has just started may not know yet who leads
        for _ in 0..20 {
            let told = client::text("see server log for details", client.post(&address)).await;
            match told {
                Err(trouble) if trouble.message.contains(": 503 ") => {
                    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                }
                told => return told.map_err(|trouble| trouble.message),
            }
        }
        Err("the server has no leader".to_owned())
    })
}

fn prune(config: &Config, folder: &Path) -> Result<(), String> {
    let keep = match config.text("etcd-snapshot-retention") {
        "" => KEPT,
        text => text
            .parse()
            .map_err(|_| format!("etcd-snapshot-retention: no number: {text:?}"))?,
    };
    let found = all(folder)?;
    let gone = found.len().saturating_sub(keep);
    for (name, path, ..) in found.into_iter().take(gone) {
        std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        say("info", &format!("Snapshot {name} deleted."));
    }
    Ok(())
}

/// `server --cluster-reset`: the cluster has one server again, with the state of a snapshot when one is named.
pub fn reset(config: &Config) -> Result<(), String> {
    let db = config.data().join("server/db/simulated");
    let open = || Store::open(&db).map_err(|error| format!("{}: {error}", db.display()));
    let path = config.text("cluster-reset-restore-path");
    if path.is_empty() {
        let mut cluster = crate::simulation::cluster::Cluster::new(
            open()?,
            crate::simulation::settings::Settings::plain(""),
        );
        forget_others(&mut cluster, config)?;
    } else {
        let place = if path.contains('/') {
            PathBuf::from(path)
        } else {
            folder(config).join(path)
        };
        let text = std::fs::read_to_string(&place).map_err(|error| {
            format!(
                "etcd: snapshot path does not exist: {}: {error}",
                place.display()
            )
        })?;
        let mut snapshot: Snapshot = serde_json::from_str(&text)
            .map_err(|error| format!("{}: no snapshot: {error}", place.display()))?;
        let mut store = open()?;
        // whoever watches must see that time went on
        snapshot.revision = snapshot.revision.max(store.revision()) + 1000;
        store
            .restore(snapshot)
            .map_err(|error| format!("{}: {error}", db.display()))?;
        let mut cluster = crate::simulation::cluster::Cluster::new(
            store,
            crate::simulation::settings::Settings::plain(""),
        );
        forget_others(&mut cluster, config)?;
    }
    say(
        "info",
        "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes",
    );
    Ok(())
}

/// Leaves this server alone in the cluster.
fn forget_others(
    cluster: &mut crate::simulation::cluster::Cluster,
    config: &Config,
) -> Result<(), String> {
    let own = super::agent::own_node(config, true)?.name;
    let mut found = None;
    for member in members::all(cluster) {
        if member.name == own {
            found = Some(member);
        } else {
            members::remove(cluster, &member.name).map_err(|error| error.to_string())?;
        }
    }
    if let Some(mut member) = found {
        member.learner = false;
        members::put(cluster, &member).map_err(|error| error.to_string())?;
    }
    Ok(())
}
