//! A whole run: playbooks one after the other, plays, batches, sections; and what they share.

use super::cancel::Cancel;
use super::clusters::Clusters;
use super::emitter::Emitter;
use super::files::Digests;
use super::hosts::{HostName, Hosts, join};
use super::options::RunOptions;
use super::place::Place;
use super::recap::Tally;
use super::sessions::Sessions;
use super::world::{PlayInfo, View, World};
use crate::error::{Diagnostic, Problems};
use crate::inventory::Inventory;
use crate::playbook::{Loader, Playbook};
use crate::report::{Event, EventKind, Recap};
use crate::template::Templar;
use crate::value::{Map, Secrets, Value};
use crate::vault::Keyring;
use futures_util::future::BoxFuture;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

/// Asks the user at the terminal. Arguments: the question, whether the answer is hidden.
pub type Ask = dyn Fn(String, bool) -> BoxFuture<'static, std::io::Result<String>> + Send + Sync;

/// Reads the inventory again, for `meta: refresh_inventory`.
pub type ReadInventory = dyn Fn() -> Result<Inventory, Problems> + Send + Sync;

/// Everything a run stands on.
pub struct Setup {
    /// What the user asked for.
    pub options: RunOptions,
    /// Loads what includes name.
    pub loader: Arc<Loader>,
    /// Renders.
    pub templar: Templar,
    /// The hosts.
    pub inventory: Inventory,
    /// Reads them again.
    pub read_inventory: Arc<ReadInventory>,
    /// Opens vaults.
    pub keyring: Arc<Keyring>,
    /// What must not be shown; shared with whoever loaded the files.
    pub secrets: Secrets,
    /// Asks the user.
    pub ask: Arc<Ask>,
    /// Ends the run early.
    pub cancel: Cancel,
}

/// See the module's text.
pub(super) struct Run {
    pub options: RunOptions,
    pub loader: Arc<Loader>,
    pub templar: Templar,
    pub world: Arc<World>,
    pub emitter: Arc<Emitter>,
    pub sessions: Sessions,
    pub clusters: Clusters,
    pub cancel: Cancel,
    pub forks: Semaphore,
    pub tally: Tally,
    pub digests: Digests,
    read_inventory: Arc<ReadInventory>,
    ask: Arc<Ask>,
    tasks: AtomicU32,
    started: AtomicBool,
    pub(super) play_skipped: AtomicBool,
    pub(super) lost: Arc<Mutex<Hosts>>,
    pub(super) ended: Mutex<Option<String>>,
    stats: Mutex<Map>,
}

/// Runs playbooks. Every event goes to `out`; the last one is the recap, which is returned too.
pub async fn run(
    setup: Setup,
    playbooks: &[(String, Playbook)],
    out: UnboundedSender<Event>,
) -> Recap {
    let Setup {
        options,
        loader,
        templar,
        inventory,
        read_inventory,
        keyring,
        secrets,
        ask,
        cancel,
    } = setup;
    let constants = constants(&options);
    let emitter = Arc::new(Emitter::new(out, secrets.clone()));
    emitter.emit(EventKind::RunStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: uuid::Uuid::new_v4().to_string(),
        started: jiff::Timestamp::now().to_string(),
        playbooks: playbooks.iter().map(|(name, _)| name.clone()).collect(),
        check: options.check,
        diff: options.diff,
    });
    for message in templar.artifacts().replacements() {
        emitter.emit(EventKind::Note { message });
    }
    let sessions = match Sessions::new() {
        Ok(sessions) => sessions,
        Err(e) => {
            emitter.warn(format!("failed to make a directory for connections: {e}"));
            let recap = Recap {
                exit: 1,
                ended: Some("no connections".to_owned()),
                ..Recap::default()
            };
            emitter.emit(EventKind::RunFinished(recap.clone()));
            return recap;
        }
    };
    let world = World::new(
        inventory,
        &options,
        secrets,
        keyring,
        constants,
        emitter.clone(),
    );
    let run = Arc::new(Run {
        forks: Semaphore::new(options.forks.max(1)),
        loader,
        templar,
        world: Arc::new(world),
        emitter,
        sessions,
        clusters: Clusters::default(),
        cancel,
        tally: Tally::default(),
        digests: Digests::default(),
        read_inventory,
        ask,
        tasks: AtomicU32::new(0),
        started: AtomicBool::new(false),
        play_skipped: AtomicBool::new(false),
        lost: Arc::default(),
        ended: Mutex::default(),
        stats: Mutex::default(),
        options,
    });
    let mut error = false;
    'all: for (_, playbook) in playbooks {
        for play in &playbook.plays {
            if run.cancel.is_cancelled() {
                break 'all;
            }
            match run.play(play).await {
                Ok(true) => {}
                Ok(false) => break 'all,
                Err(problems) => {
                    for problem in problems.0 {
                        run.emitter.emit(EventKind::Note {
                            message: problem.to_string(),
                        });
                    }
                    error = true;
                    break 'all;
                }
            }
        }
    }
    // their streams go through the sessions' connections
    run.clusters.close();
    run.sessions.close().await;
    let interrupted = run.cancel.is_cancelled();
    if let Some(wanted) = run
        .options
        .start_at
        .as_ref()
        .filter(|_| !run.is_started() && !interrupted)
    {
        run.emitter.warn(format!("no task is called `{wanted}`, so `--start-at-task` began nowhere; `--list-tasks` shows their names"));
        error = true;
    }
    let ended = run.ended.lock().ok().and_then(|e| e.clone());
    let recap = Recap {
        hosts: run.tally.counts(),
        took_ms: run.emitter.elapsed_ms(),
        exit: match (interrupted, error) {
            (true, _) => 99,
            (_, true) => 1,
            _ => run.tally.exit(),
        },
        ended: if interrupted {
            Some("interrupted".to_owned())
        } else {
            ended
        },
        stats: run.stats.lock().map(|s| s.clone()).unwrap_or_default(),
    };
    run.emitter.emit(EventKind::RunFinished(recap.clone()));
    recap
}

/// Magic variables that are the same for every host and play.
fn constants(options: &RunOptions) -> Map {
    let list = |items: &[String]| Value::list(items.iter().map(|i| Value::from(i.as_str())));
    let (major, minor, revision) = (2, 19, 14);
    let full = format!("{major}.{minor}.{revision}");
    let tags = if options.tags.is_empty() {
        vec!["all".to_owned()]
    } else {
        options.tags.clone()
    };
    let mut all = Map::from_iter([
        ("ansible_forks".to_owned(), Value::from(options.forks)),
        (
            "ansible_verbosity".to_owned(),
            Value::Int(options.verbosity.into()),
        ),
        ("ansible_run_tags".to_owned(), list(&tags)),
        ("ansible_skip_tags".to_owned(), list(&options.skip_tags)),
        (
            "ansible_inventory_sources".to_owned(),
            Value::list(options.inventory.iter().map(|source| {
                // a list of hosts (`a,b`) is no file
                let path = std::path::absolute(source).ok();
                match path.filter(|_| !source.contains(',')) {
                    Some(path) => Value::from(path.display().to_string()),
                    None => Value::from(source.as_str()),
                }
            })),
        ),
        (
            "ansible_config_file".to_owned(),
            options
                .settings
                .get("CONFIG_FILE")
                .cloned()
                .unwrap_or(Value::Null),
        ),
        // the version whose behaviour we follow, for playbooks that ask
        (
            "ansible_version".to_owned(),
            Value::map([
                ("full", Value::from(full.as_str())),
                ("string", Value::from(full.as_str())),
                ("major", Value::Int(major)),
                ("minor", Value::Int(minor)),
                ("revision", Value::Int(revision)),
            ]),
        ),
        (
            "hoist_version".to_owned(),
            Value::from(env!("CARGO_PKG_VERSION")),
        ),
    ]);
    if let Some(limit) = &options.limit {
        all.insert("ansible_limit".to_owned(), Value::from(limit.as_str()));
    }
    all
}

impl Run {
    // --- shared state ---

    pub(super) fn next_task_id(&self) -> u32 {
        self.tasks.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    pub(super) fn start(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// A host failed or is out of reach: it takes no part in what follows.
    pub(super) fn lose(&self, host: &HostName) {
        if let Ok(mut lost) = self.lost.lock() {
            join(&mut lost, std::slice::from_ref(host));
        }
    }

    pub(super) fn forgive_all(&self) {
        if let Ok(mut lost) = self.lost.lock() {
            lost.clear();
        }
    }

    pub(super) fn end(&self, why: &str) {
        if let Ok(mut ended) = self.ended.lock() {
            ended.get_or_insert_with(|| why.to_owned());
        }
    }

    pub(super) fn skip_rest_of_play(&self) {
        self.play_skipped.store(true, Ordering::Relaxed);
    }

    pub(super) fn selects(&self, tags: &[String]) -> bool {
        crate::check::tags::selected(tags, &self.options.tags, &self.options.skip_tags)
    }

    pub(super) async fn ask(&self, question: String, hidden: bool) -> Result<String, Diagnostic> {
        (self.ask)(question, hidden)
            .await
            .map_err(|e| Diagnostic::new(format!("failed to read an answer: {e}")))
    }

    pub(super) fn refresh_inventory(&self) -> Result<(), Problems> {
        let fresh = (self.read_inventory)()?;
        self.world.change_inventory(|i| *i = fresh);
        Ok(())
    }

    pub(super) fn view(
        &self,
        info: &Arc<PlayInfo>,
        place: &Place,
        search: Vec<PathBuf>,
        ahead: bool,
    ) -> Arc<View> {
        Arc::new(View {
            world: self.world.clone(),
            basedir: info.play.dir.clone(),
            info: Some(info.clone()),
            search,
            ahead,
            strand: place.strand.clone(),
        })
    }

    /// Adds custom statistics (`set_stats`).
    pub(super) fn add_stats(&self, host: Option<&str>, data: &Map, aggregate: bool) {
        let Ok(mut stats) = self.stats.lock() else {
            return;
        };
        let key = host.unwrap_or("_run").to_owned();
        let mut own = match stats.get(&key) {
            Some(Value::Map(own)) => (**own).clone(),
            _ => Map::new(),
        };
        for (name, value) in data {
            let merged = match (own.get(name), value) {
                (Some(old), new) if aggregate => add(old, new),
                _ => value.clone(),
            };
            own.insert(name.clone(), merged);
        }
        stats.insert(key, Value::from(own));
    }
}

/// Adds two statistics as `set_stats` does: numbers and texts add up, lists are joined, mappings merged.
fn add(old: &Value, new: &Value) -> Value {
    match (old, new) {
        (Value::Int(a), Value::Int(b)) => Value::Int(a.saturating_add(*b)),
        (Value::Str(a), Value::Str(b)) => Value::from(format!("{a}{b}")),
        (Value::List(a), Value::List(b)) => Value::list(a.iter().chain(b.iter()).cloned()),
        (Value::Map(a), Value::Map(b)) => Value::map(
            a.iter()
                .chain(b.iter())
                .map(|(k, v)| (k.clone(), v.clone())),
        ),
        _ => new.clone(),
    }
}
