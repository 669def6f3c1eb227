//! Reporters for what the flags ask for.

use super::flags::{Format, OutputFlags};
use crate::error::Diagnostic;
use crate::report::{Hub, JsonLines, Junit, Paint, Plain, Terminal, TextOptions, wants_colour};
use indicatif::ProgressDrawTarget;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, IsTerminal, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Columns where nothing says how many there are.
const WIDTH: usize = 80;

/// How text is told on this standard output.
pub fn text_options(verbosity: u8) -> TextOptions {
    let terminal = stdout().is_terminal();
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    TextOptions {
        paint: Paint::new(wants_colour(terminal, |name| std::env::var(name).ok())),
        verbosity,
        brief: terminal,
        width: width.filter(|_| terminal).unwrap_or(WIDTH),
    }
}

/// The reporters: standard output first.
///
/// # Errors
/// A file that cannot be written.
pub fn hub(flags: &OutputFlags) -> Result<Hub, Diagnostic> {
    let mut hub = Hub::default();
    let options = text_options(flags.verbose);
    match flags.output {
        Format::Json => hub.add(JsonLines::new(stdout())),
        Format::Text if options.brief => {
            hub.add(Terminal::new(
                options,
                stdout(),
                ProgressDrawTarget::stdout(),
            ));
        }
        Format::Text => hub.add(Plain::new(options, stdout())),
    }
    if let Some(path) = &flags.record {
        hub.add(JsonLines::new(BufWriter::new(create(path)?)));
    }
    if let Some(path) = &flags.junit {
        hub.add(Junit::new(BufWriter::new(create(path)?)));
    }
    Ok(hub)
}

/// A new file that only its owner can read: results may hold what is nobody else's business, though no secrets.
fn create(path: &Path) -> Result<File, Diagnostic> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| Diagnostic::new(format!("cannot write `{}`: {e}", path.display())))
}
