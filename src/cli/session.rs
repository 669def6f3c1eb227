//! A run from the first event to the last, whatever happens to it.

use super::artifacts::stock;
use super::complain::complain;
use super::output::Told;
use super::project::Project;
use crate::engine::{Ask, Cancel, RunOptions, Setup, run};
use crate::inventory::Inventory;
use crate::playbook::Playbook;
use crate::report::{Event, EventKind, Live, Tally};
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The exit status of a run that lacks what it installs.
const MISSING: u8 = 1;
/// The exit status of a run stopped by a second Ctrl-C.
const STOPPED: u8 = 130;

/// All a run needs.
pub struct Session {
    /// Settings, vaults, the reader of playbooks.
    pub project: Project,
    /// What was asked for.
    pub options: RunOptions,
    /// The hosts.
    pub inventory: Inventory,
    /// The playbooks, by the names they were given by.
    pub playbooks: Vec<(String, Playbook)>,
    /// Where it is told.
    pub told: Told,
}

/// Runs, tells every event, and returns the exit status. Ctrl-C once asks the run to end, twice ends it; either way the
/// recap is told.
pub async fn conduct(session: Session) -> u8 {
    let Session {
        project,
        mut options,
        inventory,
        playbooks,
        told,
    } = session;
    options.interactive = std::io::stdin().is_terminal();
    options.settings = super::options::settings(&options, &project.config);
    let shelf = project.templar.artifacts().clone();
    if let Err(problems) = stock(&shelf, &inventory, &options.extra_vars).await {
        complain(&problems);
        eprintln!("\nartifacts are missing or wrong; no host was touched");
        return MISSING;
    }
    let Told { hub, live } = told;
    let (engine_out, mut from_engine) = unbounded_channel();
    let (to_hub, hub_in) = unbounded_channel();
    let hub = std::thread::spawn(move || hub.run(hub_in));

    let cancel = Cancel::default();
    let sources = options.inventory.clone();
    let ring = project.keyring.clone();
    let setup = Setup {
        options,
        loader: project.loader,
        templar: project.templar,
        inventory,
        read_inventory: Arc::new(move || Inventory::load(&sources, &ring)),
        keyring: project.keyring,
        secrets: project.secrets,
        ask: asker(live),
        cancel: cancel.clone(),
    };
    let mut teller = Teller {
        out: to_hub,
        tally: Tally::default(),
    };
    let running = run(setup, &playbooks, engine_out);
    tokio::pin!(running);
    let mut exit = None;
    let mut interrupts = 0;
    // Events first: they are told in order and before what ends them.
    loop {
        tokio::select! {
            biased;
            event = from_engine.recv() => match event {
                Some(event) => teller.tell(event.at_ms, event.kind),
                None => break,
            },
            recap = &mut running, if exit.is_none() => exit = Some(recap.exit),
            pressed = tokio::signal::ctrl_c(), if exit.is_none() => {
                interrupts += 1;
                if pressed.is_err() || interrupts > 1 {
                    break;
                }
                cancel.cancel();
                teller.tell_now(EventKind::Cancelling);
            }
        }
    }
    let exit = match exit {
        Some(exit) => exit,
        None => {
            let mut recap = teller.tally.recap(STOPPED);
            recap.ended = Some("stopped by a second Ctrl-C".to_owned());
            teller.tell_now(EventKind::RunFinished(recap));
            STOPPED
        }
    };
    drop(teller);
    if let Ok((_, errors)) = hub.join() {
        for error in errors {
            eprintln!("warning: output was cut short: {error}");
        }
    }
    exit
}

/// Hands events on, numbered anew, since some are added here.
struct Teller {
    out: UnboundedSender<Event>,
    tally: Tally,
}

impl Teller {
    fn tell(&mut self, at_ms: u64, kind: EventKind) {
        let event = Event {
            seq: self.tally.events(),
            at_ms,
            kind,
        };
        self.tally.count(&event);
        // the hub lives as long as there are events
        self.out.send(event).ok();
    }

    fn tell_now(&mut self, kind: EventKind) {
        let at = self.tally.at_ms();
        self.tell(at, kind);
    }
}

/// Asks on the terminal, with the live part out of the way.
fn asker(live: Option<Live>) -> Arc<Ask> {
    Arc::new(move |question: String, hidden: bool| {
        let live = live.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let ask = || ask(&question, hidden);
            match &live {
                Some(live) => live.aside(ask),
                None => ask(),
            }
        });
        Box::pin(async move { asked.await.map_err(std::io::Error::other)? })
    })
}

fn ask(question: &str, hidden: bool) -> std::io::Result<String> {
    if hidden {
        return rpassword::prompt_password(question);
    }
    let mut out = std::io::stderr().lock();
    write!(out, "{question}")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim_end_matches(['\r', '\n']).to_owned())
}
