//! `hoist lab demo`: a rehearsal on throw-away hosts, from nothing to a second run that changes nothing.

use super::carried;
use crate::error::Diagnostic;
use crate::lab::{Lab, Options, State};
use crate::report::{Event, EventKind, Recap};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// What is rehearsed when nothing else is asked for.
const SITE: &str = "playbooks/site.yml";

/// The rehearsal's size.
#[derive(Debug, Args)]
pub struct Demo {
    /// The lab's name
    #[arg(long, default_value = "demo")]
    name: String,
    /// How many hosts
    #[arg(short = 'n', long = "hosts", value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=40))]
    hosts: u16,
    /// How many of them are servers; the rest are agents
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=7))]
    servers: u16,
    /// Another playbook than the site's; playbooks/demo.yml is one without a cluster
    #[arg(long, value_name = "PLAYBOOK", default_value = SITE)]
    playbook: PathBuf,
    /// The simulated K3s even where the real one could run
    #[arg(long)]
    simulated: bool,
    /// Take the hosts away again afterwards
    #[arg(long)]
    down: bool,
}

/// Makes the hosts, runs the playbook on them twice and a part of it once more, and says how to look around.
///
/// # Errors
/// The lab cannot be made, or hoist cannot run itself.
pub async fn run(demo: Demo) -> Result<ExitCode, Diagnostic> {
    let ended = rehearse(&demo).await?;
    if demo.down {
        say(&format!("\n$ hoist lab down --name {}", demo.name));
        Lab::down(&demo.name, &|line| eprintln!("{line}")).await?;
    }
    Ok(ended)
}

async fn rehearse(demo: &Demo) -> Result<ExitCode, Diagnostic> {
    let Demo { name, hosts, .. } = demo;
    say(&format!("$ hoist lab up -n {hosts} --name {name}"));
    let begun = Instant::now();
    let lab = Lab::up(&Options::new(name.clone(), (*hosts).into()), &|line| {
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

    let folder = State::dir(name);
    let inventory = folder.join("hosts.ini");
    let cluster = demo.playbook.ends_with(SITE);
    let kubeconfig = folder.join("kubeconfig");
    let mut text = lab.inventory();
    let mut flags = Vec::new();
    let playbook = playbook(&demo.playbook)?;
    if cluster {
        text.push_str(&groups(&lab, demo, &kubeconfig));
        if let Some(why) = simulated(demo, &playbook) {
            say(&format!(
                "\nK3s is simulated: {why}. hoist itself stands in for it, as the artifact `k3s` of the very same role;\nwhat rests on it says so."
            ));
            let program = myself()?;
            flags.push(format!("--artifact=k3s={}", program.display()));
            // the simulation needs nothing of the kernel
            text.push_str("host_prep_require_cgroup_v2=false\n");
        }
    }
    write(&inventory, &text)?;
    let run = Run {
        playbook,
        inventory,
        folder,
        flags,
    };

    let first = run.play(&[], "")?;
    if first.exit != 0 {
        return Ok(ExitCode::from(first.exit));
    }
    let second = run.play(&[], "    # the same again")?;
    let changes = |recap: &Recap| recap.hosts.values().map(|c| c.changed).sum::<u32>();
    let seconds = |recap: &Recap| recap.took_ms as f64 / 1000.0;
    let part = if cluster {
        Some(run.play(&["--tags", "host_prep"], "    # only a part")?)
    } else {
        None
    };
    say(&format!(
        "\nfirst run {:.1} s, {} changes; second run {:.1} s, {} changes{}",
        seconds(&first),
        changes(&first),
        seconds(&second),
        changes(&second),
        part.as_ref().map_or(String::new(), |part| format!(
            "; a part of it {:.1} s, {} changes",
            seconds(part),
            changes(part)
        ))
    ));
    if !demo.down {
        say("\nLook around:");
        for (command, what) in look(&lab, &run, cluster, name, &kubeconfig) {
            say(&format!("  {command:<36} # {what}"));
        }
    }
    let fine = |recap: &Recap| recap.exit == 0 && changes(recap) == 0;
    Ok(if fine(&second) && part.as_ref().is_none_or(fine) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What one may type next.
fn look(
    lab: &Lab,
    run: &Run,
    cluster: bool,
    name: &str,
    kubeconfig: &Path,
) -> Vec<(String, &'static str)> {
    let host = |number: usize| lab.hosts().get(number).or(lab.hosts().first());
    let at = |number: usize| host(number).map_or(String::new(), |h| h.name.clone());
    let address = host(1).map_or(String::new(), |h| h.address.to_string());
    let mut out = vec![(format!("hoist lab ssh {}", at(1)), "log in")];
    if cluster {
        out.push((
            format!("kubectl --kubeconfig {} get nodes", kubeconfig.display()),
            "ask the cluster",
        ));
    } else {
        out.push((
            format!("curl http://{address}:8080/"),
            "the page that a role put there",
        ));
    }
    let part = if cluster { "k3s_agent" } else { "web" };
    out.push((
        format!("{} --tags {part} --check --diff", run.command()),
        "run a part, and only say what it would do",
    ));
    out.push((format!("hoist lab down --name {name}"), "take it all away"));
    out
}

/// Who is what in the cluster, as INI.
fn groups(lab: &Lab, demo: &Demo, kubeconfig: &Path) -> String {
    let servers = usize::from(demo.servers);
    let names = |part: &mut dyn Iterator<Item = &crate::lab::LabHost>| {
        part.map(|host| format!("{}\n", host.name))
            .collect::<String>()
    };
    format!(
        "\n[k3s_server]\n{}\n[k3s_agent]\n{}\n[all:vars]\nsite_name={}\nkubeconfig_path={}\n",
        names(&mut lab.hosts().iter().take(servers)),
        names(&mut lab.hosts().iter().skip(servers)),
        demo.name,
        kubeconfig.display()
    )
}

/// Why K3s is simulated; `None` when the real one is run.
fn simulated(demo: &Demo, playbook: &Path) -> Option<String> {
    if demo.simulated {
        return Some("`--simulated` was given".to_owned());
    }
    super::real_k3s::possible(playbook).err()
}

fn myself() -> Result<PathBuf, Diagnostic> {
    std::env::current_exe()
        .map_err(|e| Diagnostic::new(format!("cannot tell where hoist itself is: {e}")))
}

/// The playbook: that of the repository where we stand in one, else the one that is carried along.
fn playbook(given: &Path) -> Result<PathBuf, Diagnostic> {
    let roles = given
        .parent()
        .and_then(Path::parent)
        .map(|p| p.join("roles"));
    let carried = carried::FILES
        .iter()
        .any(|(name, _)| given == Path::new(name));
    if given.exists() && (!carried || roles.is_some_and(|r| r.is_dir())) {
        return Ok(given.to_owned());
    }
    if !carried {
        return Err(Diagnostic::new(format!(
            "there is no playbook `{}`",
            given.display()
        )));
    }
    Ok(carried::unpacked()?.join(given))
}

/// A playbook on the lab.
struct Run {
    playbook: PathBuf,
    inventory: PathBuf,
    folder: PathBuf,
    flags: Vec<String>,
}

impl Run {
    /// As the user would type it.
    fn command(&self) -> String {
        let mut words = vec![
            "hoist run".to_owned(),
            self.playbook.display().to_string(),
            "-i".to_owned(),
            self.inventory.display().to_string(),
        ];
        words.extend(self.flags.iter().cloned());
        words.join(" ")
    }

    /// Runs it as the user would, and reads what came of it.
    fn play(&self, more: &[&str], remark: &str) -> Result<Recap, Diagnostic> {
        let more_shown: String = more.iter().map(|word| format!(" {word}")).collect();
        say(&format!("\n$ {}{more_shown}{remark}", self.command()));
        let record = self.folder.join("run.jsonl");
        let status = Command::new(myself()?)
            .arg("run")
            .arg(&self.playbook)
            .arg("-i")
            .arg(&self.inventory)
            .args(&self.flags)
            .args(more)
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
}

fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    std::fs::write(path, text)
        .map_err(|e| Diagnostic::new(format!("cannot write `{}`: {e}", path.display())))
}

fn say(line: &str) {
    // whoever closed the output does not want to know
    super::output::print(&format!("{line}\n")).ok();
}
