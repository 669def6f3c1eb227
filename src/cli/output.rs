//! Reporters for what the flags ask for.

use super::flags::{Format, OutputFlags};
use crate::error::Diagnostic;
use crate::report::{
    AdHoc, Hub, JsonLines, Junit, Live, Paint, Plain, Terminal, TextOptions, wants_colour,
};
use indicatif::ProgressDrawTarget;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, IsTerminal, Write, stdout};
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

/// Where a run is told.
pub struct Told {
    /// Every reporter.
    pub hub: Hub,
    /// The part of the terminal that is drawn again and again, if there is one.
    pub live: Option<Live>,
}

/// The reporters of a run: standard output first.
///
/// # Errors
/// A file that cannot be written.
pub fn tell(flags: &OutputFlags) -> Result<Told, Diagnostic> {
    let options = text_options(flags.verbose);
    let mut hub = Hub::default();
    let mut live = None;
    match flags.output {
        Format::Json => hub.add(JsonLines::new(stdout())),
        Format::Text if options.brief => {
            let terminal = Terminal::new(options, stdout(), ProgressDrawTarget::stdout());
            live = Some(terminal.handle());
            hub.add(terminal);
        }
        Format::Text => hub.add(Plain::new(options, stdout())),
    }
    record(flags, &mut hub)?;
    Ok(Told { hub, live })
}

/// The reporters of one module on many hosts.
///
/// # Errors
/// A file that cannot be written.
pub fn tell_answers(flags: &OutputFlags) -> Result<Told, Diagnostic> {
    let mut hub = Hub::default();
    match flags.output {
        Format::Json => hub.add(JsonLines::new(stdout())),
        Format::Text => hub.add(AdHoc::new(text_options(0).paint, stdout())),
    }
    record(flags, &mut hub)?;
    Ok(Told { hub, live: None })
}

fn record(flags: &OutputFlags, hub: &mut Hub) -> Result<(), Diagnostic> {
    if let Some(path) = &flags.record {
        hub.add(JsonLines::new(BufWriter::new(create(path)?)));
    }
    if let Some(path) = &flags.junit {
        hub.add(Junit::new(BufWriter::new(create(path)?)));
    }
    Ok(())
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

/// Prints to standard output; a reader that left has seen enough.
///
/// # Errors
/// It cannot be written to.
pub fn print(text: &str) -> Result<(), Diagnostic> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Diagnostic::new(format!("cannot write: {e}")))
        }
        _ => Ok(()),
    }
}
