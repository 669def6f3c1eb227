//! Text for people who watch: the lines of [`Text`], and below them what is going on.

use super::paint::harmless;
use super::{Event, EventKind, Reporter, TaskId, Text, TextOptions};
use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};
use std::time::Duration;

/// How many hosts are named below the line of the task.
const NAMED: usize = 4;
/// How many tasks are shown when roles run side by side.
const ROWS: usize = 8;

/// Writes the lines to `out` and keeps the live part, which it erases before every line and at the end, below them.
pub struct Terminal<W> {
    text: Text,
    out: W,
    bar: ProgressBar,
    width: usize,
    task: Option<TaskId>,
    /// Hosts at work on a task, with what they last said.
    running: IndexMap<(TaskId, String), String>,
    /// Tasks under way: the hosts that began and those that are done.
    counts: IndexMap<TaskId, (usize, usize)>,
}

/// Lets others write to the terminal between two drawings of the live part.
#[derive(Clone)]
pub struct Live(ProgressBar);

impl Live {
    /// Does `work` with the live part erased and standing still.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.suspend(work)
    }
}

impl<W: Write> Terminal<W> {
    /// The handle on the live part.
    pub fn handle(&self) -> Live {
        Live(self.bar.clone())
    }

    /// Writes to `out`; the live part goes to `live`.
    pub fn new(options: TextOptions, out: W, live: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, live);
        // the template is ours and parses
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {elapsed:.dim} {msg}") {
            bar.set_style(
                style.tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", " "]),
            );
        }
        Self {
            text: Text::new(options),
            out,
            bar,
            width: options.width.max(20),
            task: None,
            running: IndexMap::new(),
            counts: IndexMap::new(),
        }
    }

    fn look(&mut self, event: &Event) {
        match &event.kind {
            EventKind::TaskStarted(task) => {
                let beside = task.role.is_some();
                if !beside {
                    self.counts.clear();
                }
                self.task = (!beside).then_some(task.task);
                if self.counts.is_empty() {
                    self.bar.reset_elapsed();
                }
                self.counts.insert(task.task, (0, 0));
                self.bar.enable_steady_tick(Duration::from_millis(100));
            }
            EventKind::TaskFinished { task } => {
                self.counts.shift_remove(task);
            }
            EventKind::HostStarted { task, host } => {
                self.running.insert((*task, host.clone()), String::new());
                self.count(*task).0 += 1;
            }
            EventKind::Progress { task, host, text } => {
                let said = harmless(text).into_owned();
                self.running.insert((*task, host.clone()), said);
            }
            EventKind::Retrying {
                task, host, left, ..
            } => {
                let text = format!("waits to try again, {left} left");
                self.running.insert((*task, host.clone()), text);
            }
            EventKind::HostFinished(result) => {
                let key = (result.task, result.host.clone());
                if self.running.shift_remove(&key).is_some() {
                    self.count(result.task).1 += 1;
                }
            }
            EventKind::PlayStarted { .. } => {
                self.running.clear();
                self.counts.clear();
            }
            _ => {}
        }
    }

    fn count(&mut self, task: TaskId) -> &mut (usize, usize) {
        self.counts.entry(task).or_default()
    }

    /// The live part: what is under way, how far it is, and the hosts that are still at it.
    fn live(&self) -> String {
        let mut lines = Vec::new();
        match self.task {
            Some(task) => {
                lines.extend(self.row(task));
                let at_it = self.running.iter().filter(|(_, text)| !text.is_empty());
                for ((_, host), text) in at_it.take(NAMED) {
                    lines.push(format!("    {host}: {}", text.replace('\n', " ")));
                }
            }
            None => {
                let rows = self.counts.keys().filter_map(|task| self.row(*task));
                lines.extend(rows);
                if lines.len() > ROWS {
                    let more = lines.split_off(ROWS - 1).len();
                    lines.push(format!("and {more} more"));
                }
            }
        }
        let fit = |line: &String| {
            console::truncate_str(line, self.width.saturating_sub(4), "…").into_owned()
        };
        let lines: Vec<String> = lines.iter().map(fit).collect();
        lines.join(if self.task.is_none() { "\n    " } else { "\n" })
    }

    /// A task in one line; of one that runs beside others, with what a host last said.
    fn row(&self, task: TaskId) -> Option<String> {
        let info = self.text.task(task)?;
        let (started, done) = self.counts.get(&task).copied().unwrap_or_default();
        let mut line = format!("{}  {done}/{started}", harmless(&info.name));
        let running = || self.running.iter().filter(|((t, _), _)| *t == task);
        match running().count() {
            0 => {}
            1..=8 => {
                let names: Vec<&str> = running().map(|((_, host), _)| host.as_str()).collect();
                line.push_str(&format!("  {}", names.join(" ")));
            }
            many => line.push_str(&format!("  {many} hosts")),
        }
        let said = running().find(|(_, text)| !text.is_empty());
        if let Some((_, text)) = said.filter(|_| info.role.is_some()) {
            line.push_str(&format!(": {}", text.replace('\n', " ")));
        }
        Some(line)
    }
}

impl<W: Write + Send> Reporter for Terminal<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        let last = matches!(event.kind, EventKind::RunFinished(_));
        if last {
            self.bar.finish_and_clear();
        }
        let text = self.text.on_event(event);
        self.look(event);
        if !text.is_empty() {
            let out = &mut self.out;
            self.bar.suspend(|| {
                out.write_all(text.as_bytes())?;
                out.flush()
            })?;
        }
        if !last {
            self.bar.set_message(self.live());
        }
        Ok(())
    }
}

impl<W> Drop for Terminal<W> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::roles_tests::run;
    use super::*;
    use crate::report::Paint;

    #[test]
    fn all_that_is_under_way_is_shown() {
        let options = TextOptions {
            paint: Paint::new(false),
            verbosity: 0,
            brief: true,
            width: 60,
        };
        let mut terminal = Terminal::new(options, io::sink(), ProgressDrawTarget::hidden());
        let mut seen = Vec::new();
        for event in run() {
            terminal.on_event(&event).unwrap();
            seen.push(terminal.live());
        }
        insta::assert_snapshot!(seen[10], @"
        storage : wait  1/2  b: 2 of 3 ready
            ingress : install  1/2  a
        ");
        insta::assert_snapshot!(seen[12], @"ingress : install  1/2  a");
        assert_eq!(seen[14], "");
    }
}
