//! `hoist lab demo`: a rehearsal on throw-away hosts, from nothing to a second run that changes nothing.

use crate::error::Diagnostic;
use crate::lab::{Lab, Options, State};
use crate::report::{Event, EventKind, Recap};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// The demo's files, for a hoist that is run outside of its own repository.
const FILES: &[(&str, &str)] = &[
    (
        "playbooks/demo.yml",
        include_str!("../../playbooks/demo.yml"),
    ),
    (
        "roles/demo_base/defaults/main.yml",
        include_str!("../../roles/demo_base/defaults/main.yml"),
    ),
    (
        "roles/demo_base/meta/argument_specs.yml",
        include_str!("../../roles/demo_base/meta/argument_specs.yml"),
    ),
    (
        "roles/demo_base/tasks/main.yml",
        include_str!("../../roles/demo_base/tasks/main.yml"),
    ),
    (
        "roles/demo_base/templates/motd.j2",
        include_str!("../../roles/demo_base/templates/motd.j2"),
    ),
    (
        "roles/demo_web/defaults/main.yml",
        include_str!("../../roles/demo_web/defaults/main.yml"),
    ),
    (
        "roles/demo_web/handlers/main.yml",
        include_str!("../../roles/demo_web/handlers/main.yml"),
    ),
    (
        "roles/demo_web/tasks/main.yml",
        include_str!("../../roles/demo_web/tasks/main.yml"),
    ),
    (
        "roles/demo_web/templates/lighttpd.conf.j2",
        include_str!("../../roles/demo_web/templates/lighttpd.conf.j2"),
    ),
];

/// The rehearsal's size.
#[derive(Debug, Args)]
pub struct Demo {
    /// The lab's name
    #[arg(long, default_value = "demo")]
    name: String,
    /// How many hosts
    #[arg(short = 'n', long = "hosts", value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=40))]
    hosts: u16,
}

/// Makes the hosts, runs the demo playbook on them twice, and says how to look around.
///
/// # Errors
/// The lab cannot be made, or hoist cannot run itself.
pub async fn run(demo: Demo) -> Result<ExitCode, Diagnostic> {
    let Demo { name, hosts } = demo;
    say(&format!("$ hoist lab up -n {hosts} --name {name}"));
    let begun = Instant::now();
    let lab = Lab::up(&Options::new(name.clone(), hosts.into()), &|line| {
        eprintln!("{line}")
    })
    .await?;
    for host in lab.hosts() {
        say(&format!("{}  {}", host.name, host.address));
    }
    say(&format!(
        "{hosts} hosts up in {:.1} s",
        begun.elapsed().as_secs_f32()
    ));

    let folder = State::dir(&name);
    let inventory = folder.join("hosts.ini");
    write(&inventory, &lab.inventory())?;
    let playbook = playbook(&folder)?;
    let command = format!(
        "hoist run {} -i {}",
        playbook.display(),
        inventory.display()
    );

    let first = play(&playbook, &inventory, &folder, &command)?;
    if first.exit != 0 {
        return Ok(ExitCode::from(first.exit));
    }
    let second = play(
        &playbook,
        &inventory,
        &folder,
        &format!("{command}    # the same again"),
    )?;
    let changed: u32 = second.hosts.values().map(|c| c.changed).sum();
    let seconds = |recap: &Recap| recap.took_ms as f64 / 1000.0;
    say(&format!(
        "\nfirst run {:.1} s, {} changes; second run {:.1} s, {} changes",
        seconds(&first),
        first.hosts.values().map(|c| c.changed).sum::<u32>(),
        seconds(&second),
        changed
    ));
    let at = |number: usize| {
        lab.hosts()
            .get(number)
            .map_or(String::new(), |h| h.name.clone())
    };
    let address = lab
        .hosts()
        .get(1)
        .map_or(String::new(), |h| h.address.to_string());
    let look = [
        (format!("hoist lab ssh {}", at(1)), "log in"),
        (
            format!("curl http://{address}:8080/"),
            "the page that a role put there",
        ),
        (format!("hoist lab down --name {name}"), "take it all away"),
        (
            format!("{command} --tags web --check --diff"),
            "run a part, and only say what it would do",
        ),
    ];
    say("\nLook around:");
    for (command, what) in look {
        say(&format!("  {command:<36} # {what}"));
    }
    Ok(if second.exit == 0 && changed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The demo playbook: the repository's own where we stand in it, else a copy beside the lab.
fn playbook(folder: &Path) -> Result<PathBuf, Diagnostic> {
    let own = PathBuf::from("playbooks/demo.yml");
    if own.exists() && Path::new("roles/demo_base").is_dir() {
        return Ok(own);
    }
    for (name, text) in FILES {
        write(&folder.join(name), text)?;
    }
    Ok(folder.join("playbooks/demo.yml"))
}

/// Runs the playbook as the user would, and reads what came of it.
fn play(
    playbook: &Path,
    inventory: &Path,
    folder: &Path,
    shown: &str,
) -> Result<Recap, Diagnostic> {
    say(&format!("\n$ {shown}"));
    let record = folder.join("run.jsonl");
    let program = std::env::current_exe()
        .map_err(|e| Diagnostic::new(format!("cannot tell where hoist itself is: {e}")))?;
    let status = Command::new(program)
        .arg("run")
        .arg(playbook)
        .arg("-i")
        .arg(inventory)
        .arg("--record")
        .arg(&record)
        .status()
        .map_err(|e| Diagnostic::new(format!("cannot run hoist itself: {e}")))?;
    let text = std::fs::read_to_string(&record)
        .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", record.display())))?;
    let last = text
        .lines()
        .last()
        .and_then(|line| serde_json::from_str::<Event>(line).ok());
    match last.map(|event| event.kind) {
        Some(EventKind::RunFinished(recap)) => Ok(recap),
        _ => Err(Diagnostic::new(format!(
            "the run ended without a recap ({status})"
        ))),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let failed =
        |e: std::io::Error| Diagnostic::new(format!("cannot write `{}`: {e}", path.display()));
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

fn say(line: &str) {
    // whoever closed the output does not want to know
    super::output::print(&format!("{line}\n")).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_carried_along_are_all_the_demo_has() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for role in ["demo_base", "demo_web"] {
            let mut folders = vec![root.join("roles").join(role)];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                        continue;
                    }
                    let name = path.strip_prefix(root).unwrap().display().to_string();
                    assert!(FILES.iter().any(|(known, _)| *known == name), "{name}");
                }
            }
        }
    }
}
