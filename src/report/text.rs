//! A run in lines of text.

use super::outcome::{self, failure, headline, keys, who};
use super::paint::harmless;
use super::{
    Event, EventKind, HostResult, Paint, Recap, Status, TaskId, TaskInfo, Tone, diff, recap,
};
use indexmap::IndexMap;

/// How a run is told.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// With colours.
    pub paint: Paint,
    /// How many `-v`.
    pub verbosity: u8,
    /// Says nothing of tasks in which nothing happened.
    pub brief: bool,
    /// Columns.
    pub width: usize,
}

/// Turns events into text. The same events make the same text: nothing is read but them.
///
/// A task's results are told together, in the order of the play's hosts, when it is over everywhere.
pub struct Text {
    options: TextOptions,
    tasks: IndexMap<TaskId, TaskInfo>,
    hosts: Vec<String>,
    /// Results not told yet, by task, and how many hosts are still at it.
    open: IndexMap<TaskId, Open>,
    current: Option<TaskId>,
    /// The task whose heading is the last one written.
    headed: Option<TaskId>,
    /// A play's heading that waits for something to be under it.
    play: Option<String>,
    failures: Vec<HostResult>,
    /// Something else was told after the first failure.
    moved_on: bool,
}

#[derive(Default)]
struct Open {
    running: usize,
    /// Told when [`EventKind::TaskFinished`] says so.
    beside: bool,
    results: Vec<HostResult>,
}

/// Why a role is left out.
pub(super) fn because(needs: &str, failed: &str) -> String {
    let (needs, failed) = (harmless(needs), harmless(failed));
    if needs == failed {
        format!("it needs `{needs}`, which failed there")
    } else {
        format!("it needs `{needs}`, which did not run there because `{failed}` failed")
    }
}

impl Text {
    /// Nothing told yet.
    pub fn new(options: TextOptions) -> Self {
        Self {
            options,
            tasks: IndexMap::new(),
            hosts: Vec::new(),
            open: IndexMap::new(),
            current: None,
            headed: None,
            play: None,
            failures: Vec::new(),
            moved_on: false,
        }
    }

    /// A task that began.
    pub fn task(&self, id: TaskId) -> Option<&TaskInfo> {
        self.tasks.get(&id)
    }

    /// What an event adds to the text.
    pub fn on_event(&mut self, event: &Event) -> String {
        let mut out = String::new();
        match &event.kind {
            EventKind::RunStarted { check, .. } => {
                if *check {
                    let line = "check mode: nothing will be changed";
                    self.line(&mut out, Tone::Warning, line);
                }
            }
            EventKind::PlayStarted { name, hosts, .. } => {
                self.tell_finished(&mut out, None);
                self.hosts.clone_from(hosts);
                self.current = None;
                self.headed = None;
                self.play = Some(name.clone());
                if !self.options.brief {
                    self.play_heading(&mut out);
                }
            }
            EventKind::TaskStarted(task) => {
                // what runs beside others says itself when it is over
                let beside = task.role.is_some();
                self.tell_finished(&mut out, Some(task.task));
                self.tasks.insert(task.task, task.clone());
                self.current = (!beside).then_some(task.task);
                self.open.entry(task.task).or_default().beside = beside;
            }
            EventKind::TaskFinished { task } => {
                if let Some(open) = self.open.shift_remove(task) {
                    self.tell(&mut out, *task, open.results);
                }
            }
            EventKind::RoleSkipped {
                role,
                hosts,
                needs,
                failed,
            } => {
                self.tell_finished(&mut out, None);
                self.headed = None;
                self.play_heading(&mut out);
                self.title(&mut out, "ROLE", role);
                self.moved_on |= !self.failures.is_empty();
                let hosts: Vec<String> = hosts.iter().map(|h| format!("[{h}]")).collect();
                self.together(&mut out, Tone::Skipped, "skipping", &hosts);
                let why = because(needs, failed);
                self.line(&mut out, Tone::Faint, &format!("    {why}"));
            }
            EventKind::HostStarted { task, .. } => {
                self.open.entry(*task).or_default().running += 1;
            }
            EventKind::ItemFinished(result) => {
                let open = self.open.entry(result.task).or_default();
                open.results.push(result.clone());
            }
            EventKind::HostFinished(result) => {
                let open = self.open.entry(result.task).or_default();
                open.running = open.running.saturating_sub(1);
                open.results.push(result.clone());
                if self.current != Some(result.task) && !open.beside {
                    self.tell_finished(&mut out, self.current);
                }
            }
            EventKind::Retrying {
                task, host, left, ..
            } => {
                if !self.is_beside(*task) {
                    self.heading(&mut out, *task);
                }
                let name = self.tasks.get(task).map_or("", |t| t.name.as_str());
                let line = format!("FAILED - RETRYING: [{host}]: {name} ({left} retries left).");
                self.line(&mut out, Tone::Warning, &line);
            }
            EventKind::Progress { task, host, text } => {
                if self.options.verbosity > 0 && !self.options.brief {
                    let mut line = format!("  [{host}] {}", harmless(text));
                    match self.tasks.get(task).filter(|t| t.role.is_some()) {
                        Some(info) => {
                            line =
                                format!("  [{host}] {}: {}", harmless(&info.name), harmless(text))
                        }
                        None => self.heading(&mut out, *task),
                    }
                    self.line(&mut out, Tone::Faint, &line);
                }
            }
            EventKind::Warning { message } => {
                let line = format!("[WARNING]: {}", harmless(message));
                self.line(&mut out, Tone::Warning, &line);
            }
            EventKind::Note { message } => {
                if let Some(task) = self.current {
                    self.heading(&mut out, task);
                }
                out.push_str(&harmless(message));
                out.push('\n');
            }
            EventKind::Cancelling => {
                let line = "interrupted: finishing what is in flight; once more to stop at once";
                self.line(&mut out, Tone::Warning, line);
            }
            EventKind::RunFinished(recap) => self.finish(&mut out, recap),
        }
        out
    }

    fn is_beside(&self, task: TaskId) -> bool {
        self.tasks.get(&task).is_some_and(|t| t.role.is_some())
    }

    fn line(&self, out: &mut String, tone: Tone, text: &str) {
        out.push_str(&self.options.paint.tone(tone, text));
        out.push('\n');
    }

    /// `TITLE [name] ****` to the edge.
    fn title(&self, out: &mut String, title: &str, name: &str) {
        let name = harmless(name);
        let head = if name.is_empty() {
            title.to_owned()
        } else {
            format!("{title} [{name}]")
        };
        let used = console::measure_text_width(&head) + 1;
        let stars = self
            .options
            .width
            .clamp(20, 100)
            .saturating_sub(used)
            .max(3);
        out.push('\n');
        self.line(out, Tone::Heading, &format!("{head} {}", "*".repeat(stars)));
    }

    fn play_heading(&mut self, out: &mut String) {
        if let Some(name) = self.play.take() {
            self.title(out, "PLAY", &name);
        }
    }

    /// The task's heading, unless it is the last one written.
    fn heading(&mut self, out: &mut String, task: TaskId) {
        if self.headed == Some(task) {
            return;
        }
        self.play_heading(out);
        self.headed = Some(task);
        self.moved_on |= !self.failures.is_empty();
        let Some(info) = self.tasks.get(&task) else {
            return;
        };
        let title = if info.handler {
            "RUNNING HANDLER"
        } else {
            "TASK"
        };
        let name = if info.name.is_empty() {
            &info.module
        } else {
            &info.name
        };
        self.title(out, title, name);
        if self.options.verbosity > 1 {
            let mut about = format!("task path: {}", info.at);
            if !info.tags.is_empty() {
                about.push_str(&format!(" (tags: {})", info.tags.join(", ")));
            }
            self.line(out, Tone::Faint, &about);
        }
    }

    /// Tells every task that no host is at any more, but not `except`.
    fn tell_finished(&mut self, out: &mut String, except: Option<TaskId>) {
        let over: Vec<TaskId> = self
            .open
            .iter()
            .filter(|(id, open)| open.running == 0 && !open.beside && Some(**id) != except)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            if let Some(open) = self.open.shift_remove(&id) {
                self.tell(out, id, open.results);
            }
        }
    }

    fn tell(&mut self, out: &mut String, task: TaskId, mut results: Vec<HostResult>) {
        if results.is_empty() {
            return;
        }
        let place = |r: &HostResult| {
            self.hosts
                .iter()
                .position(|h| *h == r.host)
                .unwrap_or(usize::MAX)
        };
        results.sort_by_key(place);
        // what someone wants to see
        let shows = self
            .tasks
            .get(&task)
            .is_some_and(|t| t.module == "ansible.builtin.debug");
        let includes = self.tasks.get(&task).is_some_and(|t| {
            matches!(
                t.module.rsplit('.').next(),
                Some("include_tasks" | "include_role")
            )
        });
        let quiet = results.iter().all(|r| {
            r.diff.is_empty() && (r.status == Status::Skipped || (r.status == Status::Ok && !shows))
        });
        if self.options.brief && self.options.verbosity == 0 && quiet {
            return;
        }
        self.heading(out, task);
        let looped: Vec<String> = results
            .iter()
            .filter(|r| r.item.is_some())
            .map(|r| r.host.clone())
            .collect();
        let (mut ok, mut skipped) = (Vec::new(), Vec::new());
        let mut included: IndexMap<String, Vec<String>> = IndexMap::new();
        for result in &results {
            let after_items = result.item.is_none() && looped.contains(&result.host);
            match result.status {
                Status::Ok if shows && self.options.verbosity == 0 => {
                    if !after_items {
                        out.push_str(&outcome::message(result, self.options.paint));
                    }
                }
                Status::Ok | Status::Skipped
                    if self.options.verbosity == 0 && result.diff.is_empty() =>
                {
                    // an item tells nothing that its host's line does not
                    if let Some(file) = result.result.get("include").filter(|_| includes) {
                        included
                            .entry(file.to_string())
                            .or_default()
                            .push(result.host.clone());
                    } else if result.item.is_none() {
                        let list = if result.status == Status::Ok {
                            &mut ok
                        } else {
                            &mut skipped
                        };
                        list.push(who(result) + outcome::simulated(result));
                    }
                }
                Status::Ok | Status::Skipped | Status::Changed if after_items => {}
                _ => self.tell_one(out, result),
            }
        }
        for (file, hosts) in included {
            let line = format!("included: {} for {}", harmless(&file), hosts.join(", "));
            self.line(out, Tone::Ok, &line);
        }
        self.together(out, Tone::Ok, "ok", &ok);
        self.together(out, Tone::Skipped, "skipping", &skipped);
        let failed = |r: &HostResult| {
            matches!(r.status, Status::Failed | Status::Unreachable)
                && r.item.is_none()
                && !r.rescued
        };
        self.failures.extend(results.into_iter().filter(failed));
    }

    fn tell_one(&self, out: &mut String, result: &HostResult) {
        let paint = self.options.paint;
        for diff in &result.diff {
            out.push_str(&diff::unified(diff, paint));
        }
        out.push_str(&headline(result, paint));
        if self.options.verbosity > 2 || (self.options.brief && result.took_ms >= 1000) {
            let time = format!(" ({})", recap::duration(result.took_ms));
            out.push_str(&paint.tone(Tone::Faint, &time));
        }
        let bad = matches!(
            result.status,
            Status::Failed | Status::Ignored | Status::Unreachable
        );
        if self.options.verbosity > 0 {
            out.push_str(" => ");
            out.push_str(&keys(result, self.options.verbosity > 2));
        }
        out.push('\n');
        if bad {
            out.push_str(&failure(result, self.tasks.get(&result.task), paint));
        }
        if result.status == Status::Ignored {
            self.line(out, Tone::Skipped, "    ...ignoring");
        }
    }

    /// Hosts of which there is nothing more to say, on one line.
    fn together(&self, out: &mut String, tone: Tone, word: &str, hosts: &[String]) {
        const SHOWN: usize = 6;
        if hosts.is_empty() {
            return;
        }
        let mut line = format!("{word}: {}", hosts[..hosts.len().min(SHOWN)].join(" "));
        if hosts.len() > SHOWN {
            line.push_str(&format!(" and {} more", hosts.len() - SHOWN));
        }
        self.line(out, tone, &line);
    }

    fn finish(&mut self, out: &mut String, end: &Recap) {
        // whatever was cut short
        for open in self.open.values_mut() {
            open.running = 0;
            open.beside = false;
        }
        self.tell_finished(out, None);
        let paint = self.options.paint;
        // A failure that a rescue caught is none in the end.
        let counts = |host: &str| {
            end.hosts
                .get(host)
                .is_none_or(|c| c.failed + c.unreachable > 0)
        };
        let failures: Vec<&HostResult> = self.failures.iter().filter(|f| counts(&f.host)).collect();
        if self.moved_on && !failures.is_empty() {
            self.title(out, "FAILED", "");
            for result in failures {
                let task = self.tasks.get(&result.task);
                let name = task.map_or("", |t| t.name.as_str());
                out.push_str(&format!("{} {}\n", headline(result, paint), harmless(name)));
                out.push_str(&failure(result, task, paint));
            }
        }
        if let Some(why) = &end.ended {
            out.push('\n');
            self.line(
                out,
                Tone::Warning,
                &format!("the run ended early: {}", harmless(why)),
            );
        }
        self.title(out, "PLAY RECAP", "");
        out.push_str(&recap::table(end, paint));
        if self.options.brief {
            let time = recap::duration(end.took_ms);
            let hosts = end.hosts.len();
            let line = format!(
                "{} tasks, {hosts} host{}, {time}",
                self.tasks.len(),
                if hosts == 1 { "" } else { "s" }
            );
            self.line(out, Tone::Faint, &line);
        }
    }
}
