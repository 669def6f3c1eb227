//! `benches/run`: hoist beside the programs it replaces, on the same hosts, in one go.

mod measure;
mod site;
mod workload;

use measure::{Sample, median};
use site::{Program, Site};
use std::path::Path;
use std::process::ExitCode;

/// How often what takes a second is measured.
const REPEATS: usize = 5;
/// Where the big numbers are measured.
const HOSTS: usize = 4;
const DELAY: u32 = 50;
const GROWTH: [usize; 5] = [1, 4, 10, 20, 40];

struct Wanted {
    peers: bool,
    only: Option<String>,
}

impl Wanted {
    fn part(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match compare().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("benches/run: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted {
        peers: true,
        only: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // cargo adds it
            "--bench" => {}
            "--no-peers" => wanted.peers = false,
            "--only" => match words.next() {
                Some(part) if ["ours", "delay", "growth"].contains(&part.as_str()) => {
                    wanted.only = Some(part);
                }
                _ => return Err("`--only` takes `ours`, `delay` or `growth`".into()),
            },
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    wanted.peers &= wanted.part("ours");
    Ok(wanted)
}

async fn compare() -> Result<(), String> {
    let wanted = wanted()?;
    let dir = tempfile::Builder::new()
        .prefix("hoist-bench-")
        .tempdir()
        .map_err(|e| e.to_string())?
        // the logs stay for whoever has to look into a failure
        .keep();
    let tasks = workload::write(&dir).map_err(|e| e.to_string())?;
    workload::write_commands(&dir).map_err(|e| e.to_string())?;
    let undo = dir.join("undo.sh");
    std::fs::write(&undo, workload::undo()).map_err(|e| e.to_string())?;
    println!("{}\n", machine());
    let result = parts(&wanted, &dir, tasks).await;
    Site::down().await?;
    result?;
    std::fs::remove_dir_all(&dir).map_err(|e| e.to_string())
}

async fn parts(wanted: &Wanted, dir: &Path, tasks: usize) -> Result<(), String> {
    let venv = std::env::var_os("HOIST_BENCH_VENV").map(Into::into);
    let mut site = Site::up(HOSTS, dir, venv).await?;
    if wanted.part("ours") {
        programs(&site, dir, tasks, wanted.peers)?;
        commands(&site, dir, wanted.peers)?;
    }
    if wanted.part("delay") {
        // everything is in place, whatever was measured before
        site.run(Program::Hoist, "site.yml", 1, false)?;
        site.slow(DELAY).await?;
        let floor = repeat(|| site.script(&dir.join("floor.sh"), 1))?;
        let hoist = repeat(|| site.run(Program::Hoist, "site.yml", 1, true))?;
        site.slow(0).await?;
        println!("\n{DELAY} ms more a round trip, 1 host, second run\n");
        println!("| | s | times floor.sh |\n| --- | ---: | ---: |");
        println!("| floor.sh through one ssh | {:.2} | 1.0 |", floor.seconds);
        let times = hoist.seconds / floor.seconds;
        println!("| hoist | {:.2} | {times:.1} |", hoist.seconds);
    }
    if wanted.part("growth") {
        growth(dir).await?;
    }
    Ok(())
}

fn programs(site: &Site, dir: &Path, tasks: usize, peers: bool) -> Result<(), String> {
    let (undo, floor) = (dir.join("undo.sh"), dir.join("floor.sh"));
    let mut rows: Vec<(Program, Sample, Sample)> = Vec::new();
    let (mut firsts, mut seconds, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    // what takes long stands between what is short, so that whatever else the machine does meets all of them
    let others = [Program::Ansible, Program::Mitogen, Program::Pyinfra];
    for round in 0..REPEATS {
        site.script(&undo, HOSTS)?;
        firsts.push(site.run(Program::Hoist, "site.yml", HOSTS, false)?);
        floors.push(site.script(&floor, HOSTS)?);
        seconds.push(site.run(Program::Hoist, "site.yml", HOSTS, true)?);
        if let Some(program) = others.get(round).filter(|_| peers) {
            site.script(&undo, HOSTS)?;
            let first = site.run(*program, "site.yml", HOSTS, false)?;
            let second = site.run(*program, "site.yml", HOSTS, true)?;
            rows.push((*program, first, second));
        }
    }
    let floor = median(floors)?;
    rows.insert(0, (Program::Hoist, median(firsts)?, median(seconds)?));
    println!("{tasks} tasks, {HOSTS} hosts\n");
    println!(
        "| | first run, s | times hoist | second run (changes nothing), s | times hoist | times floor.sh |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let hoist = rows[0];
    for (program, first, second) in &rows {
        println!(
            "| {} | {:.2} | {:.1} | {:.2} | {:.1} | {:.1} |",
            program.name(),
            first.seconds,
            first.seconds / hoist.1.seconds,
            second.seconds,
            second.seconds / hoist.2.seconds,
            second.seconds / floor.seconds,
        );
    }
    println!(
        "| floor.sh through one ssh | | | {:.2} | {:.1} | 1.0 |",
        floor.seconds,
        floor.seconds / hoist.2.seconds
    );
    Ok(())
}

fn commands(site: &Site, dir: &Path, peers: bool) -> Result<(), String> {
    let path = dir.join("commands.sh");
    let script = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
    let (mut straight, mut turns, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        straight.push(site.script(&path, 1)?);
        turns.push(site.in_turn(&script)?);
        ours.push(site.run(Program::Hoist, "commands.yml", 1, true)?);
    }
    let (straight, turns, ours) = (median(straight)?, median(turns)?, median(ours)?);
    println!(
        "\n{} commands and nothing else, 1 host\n",
        workload::COMMANDS
    );
    println!("| | s | times the script |\n| --- | ---: | ---: |");
    let row = |name: &str, s: Sample| {
        let times = s.seconds / straight.seconds;
        println!("| {name} | {:.2} | {times:.1} |", s.seconds);
    };
    row("a script with the commands, through one ssh", straight);
    row(
        "a loop that sends each when the one before has answered",
        turns,
    );
    row("hoist", ours);
    if peers {
        row(
            "ansible-core",
            site.run(Program::Ansible, "commands.yml", 1, true)?,
        );
    }
    Ok(())
}

async fn growth(dir: &Path) -> Result<(), String> {
    println!("\nMore hosts, second run\n");
    println!(
        "| hosts | hoist, s | ms a host | floor.sh, s | peak memory of hoist, MiB |\n| ---: | ---: | ---: | ---: | ---: |"
    );
    let last = GROWTH[GROWTH.len() - 1];
    let site = Site::up(last, dir, None).await?;
    site.run(Program::Hoist, "site.yml", last, false)?;
    for count in GROWTH {
        let (mut floors, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            floors.push(site.script(&dir.join("floor.sh"), count)?);
            ours.push(site.run(Program::Hoist, "site.yml", count, true)?);
        }
        let (floor, ours) = (median(floors)?, median(ours)?);
        println!(
            "| {count} | {:.2} | {:.0} | {:.2} | {:.0} |",
            ours.seconds,
            ours.seconds * 1000.0 / count as f64,
            floor.seconds,
            ours.peak_kib as f64 / 1024.0
        );
    }
    Ok(())
}

fn repeat(mut once: impl FnMut() -> Result<Sample, String>) -> Result<Sample, String> {
    let samples: Result<Vec<Sample>, String> = (0..REPEATS).map(|_| once()).collect();
    median(samples?)
}

/// The machine in a line.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo")
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map(|l| l.trim_start_matches([' ', '\t', ':']).to_owned())
        .unwrap_or_else(|| "unknown processor".into());
    let memory = read("/proc/meminfo")
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default();
    format!(
        "{} cores of {cpu}, {} GiB, Linux {}, load {}; the hosts share the machine with what is measured",
        std::thread::available_parallelism().map_or(1, usize::from),
        memory >> 20,
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}
