//! How downloads are shown: bars on a terminal, a line each elsewhere. On standard error, which is nobody's result.

use crate::artifacts::Watch;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

/// See the module's text.
pub struct Bars {
    screen: Option<MultiProgress>,
    bars: Mutex<BTreeMap<String, Option<ProgressBar>>>,
}

impl Bars {
    /// For this standard error.
    pub fn new() -> Self {
        let screen = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self {
            screen,
            bars: Mutex::default(),
        }
    }

    fn say(&self, text: &str) {
        match &self.screen {
            // what cannot be drawn is not worth an error
            Some(screen) => drop(screen.println(text)),
            None => eprintln!("{text}"),
        }
    }

    fn bar(&self, what: &str) -> Option<ProgressBar> {
        self.bars.lock().ok()?.get(what).cloned().flatten()
    }
}

fn style(known: bool) -> ProgressStyle {
    let template = if known {
        "{prefix:24!} {bar:28} {bytes:>11} of {total_bytes:11} {bytes_per_sec:>12} {eta:>4} left"
    } else {
        "{prefix:24!} {spinner} {bytes:>11} {bytes_per_sec:>12}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Watch for Bars {
    fn started(&self, what: &str, length: Option<u64>) {
        let Ok(mut bars) = self.bars.lock() else {
            return;
        };
        if let Some(known) = bars.get(what) {
            if let (Some(bar), Some(length)) = (known, length) {
                bar.set_length(length);
                bar.set_style(style(true));
            }
            return;
        }
        let bar = self.screen.as_ref().map(|screen| {
            let bar = screen.add(match length {
                Some(length) => ProgressBar::new(length),
                None => ProgressBar::no_length(),
            });
            bar.with_style(style(length.is_some()))
                .with_prefix(what.to_owned())
        });
        if bar.is_none() {
            eprintln!(
                "getting {what}{}",
                length.map_or(String::new(), |n| format!(" ({})", size(n)))
            );
        }
        bars.insert(what.to_owned(), bar);
    }

    fn reached(&self, what: &str, bytes: u64) {
        if let Some(bar) = self.bar(what) {
            bar.set_position(bytes);
        }
    }

    fn retrying(&self, what: &str, why: &str, wait: Duration) {
        let seconds = wait.as_secs_f64();
        self.say(&format!("{what}: {why}; again in {seconds:.1} s"));
    }

    fn finished(&self, what: &str, well: bool) {
        let Some(Some(bar)) = self.bars.lock().ok().and_then(|mut bars| bars.remove(what)) else {
            return;
        };
        let reached = bar.position();
        bar.finish_and_clear();
        if well {
            self.say(&format!("got {what} ({})", size(reached)));
        }
    }
}

/// A length for people.
pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
