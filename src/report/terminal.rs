//! Text for people who watch: the lines of [`Text`], and below them what is going on.

use super::paint::harmless;
use super::{Event, EventKind, Reporter, TaskId, Text, TextOptions};
use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};
use std::time::Duration;

/// How many hosts are named below the line of the task.
const NAMED: usize = 4;

/// Writes the lines to `out` and keeps the live part, which it erases before every line and at the end, below them.
pub struct Terminal<W> {
    text: Text,
    out: W,
    bar: ProgressBar,
    width: usize,
    task: Option<TaskId>,
    /// Hosts at work, with their task and what they last said.
    running: IndexMap<String, (TaskId, String)>,
    started: usize,
    done: usize,
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
            started: 0,
            done: 0,
        }
    }

    fn look(&mut self, event: &Event) {
        match &event.kind {
            EventKind::TaskStarted(task) => {
                self.task = Some(task.task);
                self.started = 0;
                self.done = 0;
                self.bar.reset_elapsed();
                self.bar.enable_steady_tick(Duration::from_millis(100));
            }
            EventKind::HostStarted { task, host } => {
                self.running.insert(host.clone(), (*task, String::new()));
                self.started += usize::from(self.task == Some(*task));
            }
            EventKind::Progress { task, host, text } => {
                self.running
                    .insert(host.clone(), (*task, harmless(text).into_owned()));
            }
            EventKind::Retrying {
                task, host, left, ..
            } => {
                let text = format!("waits to try again, {left} left");
                self.running.insert(host.clone(), (*task, text));
            }
            EventKind::HostFinished(result) => {
                self.running.shift_remove(&result.host);
                self.done += usize::from(self.task == Some(result.task));
            }
            EventKind::PlayStarted { .. } => self.running.clear(),
            _ => {}
        }
    }

    /// The live part: the task, how far it is, and the hosts that are still at it.
    fn live(&self) -> String {
        let Some(task) = self.task.and_then(|id| self.text.task(id)) else {
            return String::new();
        };
        let name = harmless(&task.name);
        let mut lines = vec![format!("{name}  {}/{}", self.done, self.started)];
        let waiting = self.running.len();
        if waiting > 0 && waiting <= 8 {
            let names: Vec<&str> = self.running.keys().map(String::as_str).collect();
            lines[0].push_str(&format!("  {}", names.join(" ")));
        } else if waiting > 0 {
            lines[0].push_str(&format!("  {waiting} hosts"));
        }
        let talking = self
            .running
            .iter()
            .filter(|(_, (_, text))| !text.is_empty());
        for (host, (_, text)) in talking.take(NAMED) {
            lines.push(format!("    {host}: {}", text.replace('\n', " ")));
        }
        let fit = |line: &String| {
            console::truncate_str(line, self.width.saturating_sub(4), "…").into_owned()
        };
        lines.iter().map(fit).collect::<Vec<_>>().join("\n")
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
