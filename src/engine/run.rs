//! A whole run: playbooks one after the other, plays, batches, sections; and what they share.

use super::cancel::Cancel;
use super::emitter::Emitter;
use super::files::Digests;
use super::hosts::{HostName, Hosts, join, minus};
use super::options::RunOptions;
use super::place::Place;
use super::play_run::{PlayRun, Settings};
use super::recap::Tally;
use super::sessions::Sessions;
use super::world::{PlayInfo, View, World};
use crate::error::{Diagnostic, Problems};
use crate::inventory::Inventory;
use crate::playbook::{Entry, Loader, Play, Playbook, Prompt};
use crate::report::{Event, EventKind, Recap};
use crate::template::Templar;
use crate::value::{Map, Secrets, Value};
use crate::vault::Keyring;
use futures_util::future::{BoxFuture, join_all};
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
    pub emitter: Emitter,
    pub sessions: Sessions,
    pub cancel: Cancel,
    pub forks: Semaphore,
    pub tally: Tally,
    pub digests: Digests,
    read_inventory: Arc<ReadInventory>,
    ask: Arc<Ask>,
    tasks: AtomicU32,
    started: AtomicBool,
    play_skipped: AtomicBool,
    lost: Arc<Mutex<Hosts>>,
    ended: Mutex<Option<String>>,
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
    let emitter = Emitter::new(out, secrets.clone());
    emitter.emit(EventKind::RunStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: uuid::Uuid::new_v4().to_string(),
        started: jiff::Timestamp::now().to_string(),
        playbooks: playbooks.iter().map(|(name, _)| name.clone()).collect(),
        check: options.check,
        diff: options.diff,
    });
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
        options.extra_vars.clone(),
        secrets,
        keyring,
        constants,
    );
    let run = Arc::new(Run {
        forks: Semaphore::new(options.forks.max(1)),
        loader,
        templar,
        world: Arc::new(world),
        emitter,
        sessions,
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
        for warning in &playbook.warnings {
            run.emitter.warn_about(warning);
        }
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
    run.sessions.close().await;
    let interrupted = run.cancel.is_cancelled();
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
            list(&options.inventory),
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
        search: Vec<PathBuf>,
        ahead: bool,
    ) -> Arc<View> {
        Arc::new(View {
            world: self.world.clone(),
            basedir: info.play.dir.clone(),
            info: Some(info.clone()),
            search,
            ahead,
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

    // --- plays ---

    /// One play. `false`: the run ends after it (`any_errors_fatal`, nobody left …).
    async fn play(self: &Arc<Self>, play: &Arc<Play>) -> Result<bool, Problems> {
        self.play_skipped.store(false, Ordering::Relaxed);
        let outside = Arc::new(View {
            world: self.world.clone(),
            info: None,
            search: vec![play.dir.clone()],
            basedir: play.dir.clone(),
            ahead: false,
        });
        self.world.enter(&play.dir)?;
        let bare = crate::vars::TaskScope {
            layers: vec![crate::vars::Layer::Plain(self.world.extra.clone())],
            neighbours: outside.clone(),
        };
        let prompts = self.prompt(play, &bare.shared()).await?;
        let play_vars = Arc::new(play.common.vars.clone());
        let early: Vec<Arc<Map>> = [Arc::new(prompts.clone()), play_vars.clone()].into();
        let scope = crate::vars::TaskScope {
            layers: std::iter::once(self.world.extra.clone())
                .chain(early.iter().cloned())
                .map(crate::vars::Layer::Plain)
                .collect(),
            neighbours: outside,
        }
        .shared();
        let resolve = |located: &crate::playbook::Located| {
            self.templar
                .resolve(&scope, located)
                .map_err(|e| Problems::from(e.with_span(&located.span)))
        };
        let pattern = match resolve(&play.hosts)? {
            Value::List(items) => items
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(","),
            other => other.to_string(),
        };
        let name = match &play.common.name {
            Some(name) => resolve(name).map_or_else(|_| name.to_string(), |v| v.to_string()),
            None => pattern.clone(),
        };
        let all = self.hosts(&pattern, play)?;
        let text = |l: &Option<crate::playbook::Located>| {
            l.as_ref()
                .map(|l| resolve(l).map(|v| v.to_string()))
                .transpose()
        };
        let order = text(&play.order)?;
        let all = ordered(all, order.as_deref().unwrap_or("inventory"));
        let strategy = text(&play.strategy)?.unwrap_or_else(|| "linear".to_owned());
        self.emitter.emit(EventKind::PlayStarted {
            name: name.clone(),
            hosts: all.iter().map(ToString::to_string).collect(),
            at: format!("{}:{}", play.span.path().display(), play.span.line),
        });
        if all.is_empty() {
            self.emitter
                .warn(format!("no hosts matched `{pattern}`: the play is skipped"));
            return Ok(true);
        }
        let vars_files = self.vars_files(play, &scope)?;
        let vars: Vec<Arc<Map>> = vars_files
            .into_iter()
            .chain([Arc::new(prompts), play_vars])
            .filter(|m| !m.is_empty())
            .collect();
        let serial: Vec<Value> = play
            .serial
            .iter()
            .map(resolve)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flat_map(|v| match v {
                Value::List(items) => items.to_vec(),
                other => vec![other],
            })
            .collect();
        let force_handlers = match &play.force_handlers {
            Some(flag) => resolve(flag)?.to_bool().unwrap_or(false),
            None => self.options.force_handlers,
        };
        let max_fail = match &play.max_fail_percentage {
            Some(l) => resolve(l)?
                .to_string()
                .trim_end_matches('%')
                .trim()
                .parse()
                .ok(),
            None => None,
        };
        let batches =
            batches(&all, &serial).map_err(|e| Problems::from(e.with_span(&play.span)))?;
        let live = minus(&all, &self.lost_hosts());
        if live.is_empty() {
            return Ok(true);
        }
        for batch in batches {
            let batch = minus(&batch, &self.lost_hosts());
            if batch.is_empty()
                || self.cancel.is_cancelled()
                || self.play_skipped.load(Ordering::Relaxed)
            {
                continue;
            }
            let info = Arc::new(PlayInfo::new(
                play.clone(),
                name.clone(),
                all.clone(),
                batch.clone(),
                self.lost.clone(),
                vars.clone(),
                self.options.check,
                self.options.diff,
            ));
            let settings = Settings {
                free: strategy.ends_with("free"),
                force_handlers,
                max_fail,
            };
            let play_run = Arc::new(PlayRun::new(
                self.clone(),
                play.clone(),
                info,
                batch.clone(),
                settings,
            ));
            play_run.sections().await;
            // a batch of which nobody is left ends the play, and with it the run, as in Ansible
            if minus(&batch, &self.lost_hosts()).is_empty() && !play.serial.is_empty() {
                return Ok(true);
            }
            if self.ended.lock().is_ok_and(|e| e.is_some()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn lost_hosts(&self) -> Hosts {
        self.lost.lock().map(|l| l.clone()).unwrap_or_default()
    }

    /// The hosts of a play: its pattern, within `--limit`.
    fn hosts(&self, pattern: &str, play: &Play) -> Result<Hosts, Problems> {
        let limit = match &self.options.limit {
            Some(limit) => crate::inventory::limit(limit)?,
            None => Vec::new(),
        };
        let chosen = self
            .world
            .inventory(|i| crate::inventory::select_limited(i, pattern, &limit))
            .map_err(|e| e.with_span(&play.hosts.span))?;
        for problem in &chosen.unmatched {
            self.emitter.warn_about(problem);
        }
        Ok(chosen.hosts.into_iter().map(HostName::from).collect())
    }

    /// Asks for the play's `vars_prompt`, but not for what `-e` says already.
    async fn prompt(
        &self,
        play: &Play,
        scope: &Arc<dyn crate::template::Scope>,
    ) -> Result<Map, Problems> {
        let mut answers = Map::new();
        for prompt in &play.vars_prompt {
            if self.options.extra_vars.contains_key(&prompt.name) {
                continue;
            }
            answers.insert(prompt.name.clone(), self.prompt_one(prompt, scope).await?);
        }
        Ok(answers)
    }

    async fn prompt_one(
        &self,
        prompt: &Prompt,
        scope: &Arc<dyn crate::template::Scope>,
    ) -> Result<Value, Problems> {
        let default = prompt.default.as_ref().map(|d| d.to_string());
        let question = prompt
            .prompt
            .as_ref()
            .map_or_else(|| prompt.name.clone(), |p| p.to_string());
        let question = match &default {
            Some(default) if !prompt.private => format!("{question} [{default}]: "),
            _ => format!("{question}: "),
        };
        loop {
            let mut answer = self.ask(question.clone(), prompt.private).await?;
            if prompt.confirm
                && self
                    .ask(format!("confirm {question}"), prompt.private)
                    .await?
                    != answer
            {
                self.emitter.emit(EventKind::Note {
                    message: "the two answers differ, again".to_owned(),
                });
                continue;
            }
            if answer.is_empty() {
                answer = default.clone().unwrap_or_default();
            }
            if prompt.private {
                self.world.secrets.add(&answer);
            }
            if let Some(scheme) = &prompt.encrypt {
                let scope: Arc<dyn crate::template::Scope> =
                    Arc::new(crate::template::Layered::new(
                        Map::from_iter([("answer".to_owned(), Value::from(answer))]),
                        scope.clone(),
                    ));
                let kind = scheme.trim_end_matches("_crypt");
                let salt = prompt
                    .salt
                    .as_ref()
                    .map(|s| format!(", '{s}'"))
                    .unwrap_or_default();
                let expression = format!("answer | password_hash('{kind}'{salt})");
                return Ok(self.templar.evaluate(&scope, &expression, None)?);
            }
            return Ok(Value::from(answer));
        }
    }

    /// `vars_files`, strongest first; of a list the first that exists.
    fn vars_files(
        &self,
        play: &Play,
        scope: &Arc<dyn crate::template::Scope>,
    ) -> Result<Vec<Arc<Map>>, Problems> {
        let mut files = Vec::new();
        for located in &play.vars_files {
            let names = match self.templar.resolve(scope, located) {
                Ok(Value::List(items)) => items.iter().map(ToString::to_string).collect(),
                Ok(other) => vec![other.to_string()],
                Err(problem) => {
                    self.emitter.warn(format!(
                        "{}: vars_files entry left out: {}",
                        located.span, problem.message
                    ));
                    continue;
                }
            };
            let dirs = [play.dir.clone()];
            let found = names
                .iter()
                .find_map(|n| super::world::find_file(&dirs, "vars", n).ok());
            let Some(path) = found else {
                return Err(Diagnostic::at(
                    &located.span,
                    format!("none of these variable files exists: {}", names.join(", ")),
                )
                .into());
            };
            files.push(Arc::new(self.loader.vars_file(&path)?));
        }
        files.reverse();
        Ok(files)
    }
}

impl PlayRun {
    /// All sections of the play for this batch.
    async fn sections(self: Arc<Self>) {
        let top = Arc::new(Place::top(&self.play));
        if let Some(gather) = super::gather::task(&self) {
            self.section(&[Entry::Task(gather)], &top, false).await;
        }
        let play = self.play.clone();
        self.section(&play.pre_tasks, &top, true).await;
        let both: Vec<Entry> = play.roles.iter().chain(&play.tasks).cloned().collect();
        self.section(&both, &top, true).await;
        self.section(&play.post_tasks, &top, true).await;
    }

    async fn section(&self, entries: &[Entry], top: &Arc<Place>, flush: bool) {
        let hosts = minus(&self.batch, &self.failed());
        if self.is_over() {
            return;
        }
        let entries = Arc::new(entries.to_vec());
        let failed = if self.free {
            let each = hosts
                .iter()
                .map(|h| self.entries(entries.clone(), top.clone(), vec![h.clone()], None));
            join_all(each).await.concat()
        } else {
            self.entries(entries, top.clone(), hosts.clone(), None)
                .await
        };
        self.mark_failed(&failed);
        if !flush || self.run.cancel.is_cancelled() {
            return;
        }
        let remaining = if self.force_handlers {
            hosts
        } else {
            minus(&hosts, &failed)
        };
        let failed = self.flush_handlers(&remaining).await;
        self.mark_failed(&failed);
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

/// Hosts in the order that `order` asks for.
fn ordered(mut hosts: Hosts, order: &str) -> Hosts {
    match order {
        "sorted" => hosts.sort(),
        "reverse_sorted" => hosts.sort_by(|a, b| b.cmp(a)),
        "reverse_inventory" => hosts.reverse(),
        "shuffle" => {
            let mut keyed: Vec<(u64, HostName)> = hosts
                .into_iter()
                .map(|h| (getrandom::u64().unwrap_or_default(), h))
                .collect();
            keyed.sort_by_key(|(key, _)| *key);
            return keyed.into_iter().map(|(_, h)| h).collect();
        }
        _ => {}
    }
    hosts
}

/// Splits hosts into batches by `serial`: numbers and percentages, the last one repeated.
///
/// # Errors
/// An entry that is neither.
fn batches(hosts: &Hosts, serial: &[Value]) -> Result<Vec<Hosts>, Diagnostic> {
    let mut rest = hosts.as_slice();
    let mut sizes = Vec::new();
    for value in serial {
        let text = value.to_string();
        let size = match text.trim().strip_suffix('%') {
            Some(percent) => percent
                .trim()
                .parse::<f64>()
                .ok()
                .map(|p| ((hosts.len() as f64) * p / 100.0) as usize),
            None => text
                .trim()
                .parse::<i64>()
                .ok()
                .map(|n| usize::try_from(n).unwrap_or(0)),
        };
        let size = size.ok_or_else(|| {
            Diagnostic::new(format!(
                "`serial` takes numbers and percentages, not `{text}`"
            ))
        })?;
        // zero of a percentage still means one host at a time; zero or less as a number means all
        sizes.push(match (size, text.contains('%')) {
            (0, true) => 1,
            (0, false) => hosts.len().max(1),
            (n, _) => n,
        });
    }
    if sizes.is_empty() {
        return Ok(vec![hosts.clone()]);
    }
    let mut all = Vec::new();
    let mut number = 0;
    while !rest.is_empty() {
        let size = sizes[number.min(sizes.len() - 1)].min(rest.len());
        all.push(rest[..size].to_vec());
        rest = &rest[size..];
        number += 1;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(n: usize) -> Hosts {
        (0..n).map(|i| HostName::from(format!("h{i}"))).collect()
    }

    #[test]
    fn serial_takes_numbers_percentages_and_lists_of_both() {
        let sizes = |n, serial: &[&str]| -> Vec<usize> {
            let serial: Vec<Value> = serial.iter().map(|s| Value::from(*s)).collect();
            batches(&hosts(n), &serial)
                .unwrap()
                .iter()
                .map(Vec::len)
                .collect()
        };
        assert_eq!(sizes(5, &[]), [5]);
        assert_eq!(sizes(5, &["2"]), [2, 2, 1]);
        assert_eq!(sizes(10, &["30%"]), [3, 3, 3, 1]);
        assert_eq!(sizes(3, &["10%"]), [1, 1, 1]);
        assert_eq!(sizes(9, &["1", "3"]), [1, 3, 3, 2]);
        assert_eq!(sizes(4, &["0"]), [4]);
        assert!(batches(&hosts(2), &[Value::from("two")]).is_err());
    }

    #[test]
    fn orders() {
        let named = |o| ordered(["b", "a", "c"].map(HostName::from).to_vec(), o).concat();
        assert_eq!(named("inventory"), "bac");
        assert_eq!(named("sorted"), "abc");
        assert_eq!(named("reverse_sorted"), "cba");
        assert_eq!(named("reverse_inventory"), "cab");
        assert_eq!(named("shuffle").len(), 3);
    }
}
