//! Plays: their hosts, batches and sections, and the variables that only they know.

use super::hosts::{HostName, Hosts, minus};
use super::magic::Magic;
use super::place::Place;
use super::play_run::{PlayRun, Settings, Strategy};
use super::run::Run;
use super::schedule::Roles;
use super::strand::Strand;
use super::world::{PlayInfo, View};
use crate::error::{Diagnostic, Problems};
use crate::playbook::{Entry, Play, Prompt, RoleGraph};
use crate::report::EventKind;
use crate::value::{Map, Value};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Run {
    /// One play. `false`: the run ends after it (`any_errors_fatal`, nobody left …).
    pub(super) async fn play(self: &Arc<Self>, play: &Arc<Play>) -> Result<bool, Problems> {
        self.play_skipped.store(false, Ordering::Relaxed);
        let outside = Arc::new(View {
            world: self.world.clone(),
            info: None,
            search: vec![play.dir.clone()],
            basedir: play.dir.clone(),
            ahead: false,
            strand: Strand::default(),
        });
        self.world.enter(&play.dir)?;
        let bare = crate::vars::TaskScope {
            layers: [self.world.extra.clone(), play.common.vars.clone().into()]
                .map(crate::vars::Layer::Plain)
                .to_vec(),
            neighbours: outside.clone(),
        };
        let prompts = self.prompt(play, &bare.shared()).await?;
        let play_vars = Arc::new(play.common.vars.clone());
        let early: Vec<Arc<Map>> = [Arc::new(prompts.clone()), play_vars.clone()].into();
        let scope = crate::vars::TaskScope {
            // `groups` and the other magic variables that need no host: `serial` and `hosts` may ask for them
            layers: std::iter::once(crate::vars::Layer::Computed(Arc::new(Magic {
                world: self.world.clone(),
                info: None,
                host: None,
                roles: Vec::new(),
                search: vec![play.dir.clone()],
            })))
            .chain(
                std::iter::once(self.world.extra.clone())
                    .chain(early.iter().cloned())
                    .map(crate::vars::Layer::Plain),
            )
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
        let strategy = text(&play.strategy)?.unwrap_or_else(|| self.options.strategy.clone());
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
                strategy: match strategy.rsplit('.').next() {
                    Some("free") => Strategy::Free,
                    Some("graph") => Strategy::Graph(Roles::new(RoleGraph::of(play))?),
                    _ => Strategy::Linear,
                },
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
            if self.ended.lock().is_ok_and(|e| e.is_some()) {
                return Ok(false);
            }
            // a batch of which nobody is left ends the play, as in Ansible; the next plays have their turn
            if minus(&batch, &self.lost_hosts()).is_empty() && !play.serial.is_empty() {
                return Ok(true);
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
            answers.insert(
                prompt.name.clone(),
                self.prompt_one(play, prompt, scope).await?,
            );
        }
        Ok(answers)
    }

    async fn prompt_one(
        &self,
        play: &Play,
        prompt: &Prompt,
        scope: &Arc<dyn crate::template::Scope>,
    ) -> Result<Value, Problems> {
        let text = |l: &Option<crate::playbook::Located>| {
            l.as_ref()
                .map(|l| self.templar.resolve(scope, l).map(|v| v.to_string()))
                .transpose()
        };
        let default = text(&prompt.default)?;
        let question = text(&prompt.prompt)?.unwrap_or_else(|| prompt.name.clone());
        let question = match &default {
            Some(default) if !prompt.private => format!("{question} [{default}]: "),
            _ => format!("{question}: "),
        };
        if !self.options.interactive && default.is_none() {
            let name = &prompt.name;
            return Err(Diagnostic::at(
                &play.span,
                format!("there is no terminal to ask for `{name}` on"),
            )
            .with_help(format!("give it with `-e {name}=…`"))
            .into());
        }
        loop {
            let mut answer = if self.options.interactive {
                self.ask(question.clone(), prompt.private).await?
            } else {
                self.emitter.warn(format!(
                    "there is no terminal to ask for `{}` on: its default is taken",
                    prompt.name
                ));
                String::new()
            };
            if prompt.confirm
                && self.options.interactive
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
                let how = crate::template::PasswordHash {
                    kind: scheme.clone(),
                    salt: prompt.salt.clone(),
                    salt_size: prompt.salt_size.map(i64::from),
                    ..Default::default()
                };
                return Ok(Value::from(how.of(&answer)?));
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
        if let Strategy::Graph(roles) = &self.strategy {
            self.side_by_side(roles, &top).await;
            self.section(&play.tasks, &top, true).await;
        } else {
            let both: Vec<Entry> = play.roles.iter().chain(&play.tasks).cloned().collect();
            self.section(&both, &top, true).await;
        }
        self.section(&play.post_tasks, &top, true).await;
    }

    async fn section(&self, entries: &[Entry], top: &Arc<Place>, flush: bool) {
        let hosts = minus(&self.batch, &self.failed());
        if self.is_over() {
            return;
        }
        let entries = Arc::new(entries.to_vec());
        let failed = if matches!(self.strategy, Strategy::Free) {
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
        let failed = self.flush_handlers(&top.strand, &remaining).await;
        self.mark_failed(&failed);
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
