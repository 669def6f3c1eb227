//! Lab hosts and the programs that are let loose on them.

use crate::measure::{self, Sample};
use hoist::lab::{Kind, Lab, LabHost, Options};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The name of the lab that is made for this and taken down afterwards.
const LAB: &str = "hoist-bench";

/// hoist itself, built for release.
pub const HOIST: &str = env!("CARGO_BIN_EXE_hoist");

/// A program that does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// This one.
    Hoist,
    /// ansible-core with pipelining and kept connections.
    Ansible,
    /// The same with mitogen's strategy.
    Mitogen,
    /// pyinfra.
    Pyinfra,
}

impl Program {
    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hoist => "hoist",
            Self::Ansible => "ansible-core",
            Self::Mitogen => "ansible-core with mitogen",
            Self::Pyinfra => "pyinfra",
        }
    }
}

/// Some lab hosts, and a folder with the work.
pub struct Site {
    lab: Lab,
    dir: PathBuf,
    venv: Option<PathBuf>,
}

impl Site {
    /// Makes the lab, or what is missing of it. `venv` holds the other programs.
    ///
    /// # Errors
    /// The lab's, as text.
    pub async fn up(hosts: usize, dir: &Path, venv: Option<PathBuf>) -> Result<Self, String> {
        let options = Options {
            kind: Kind::Python,
            ..Options::new(LAB, hosts)
        };
        let lab = Lab::up(&options, &|line| eprintln!("{line}"))
            .await
            .map_err(|e| e.to_string())?;
        Ok(Self {
            lab,
            dir: dir.to_owned(),
            venv,
        })
    }

    /// Takes the lab down.
    ///
    /// # Errors
    /// The lab's, as text.
    pub async fn down() -> Result<(), String> {
        Lab::down(LAB, &|line| eprintln!("{line}"))
            .await
            .map(|_| ())
            .map_err(|e| e.to_string())
    }

    /// Adds `milliseconds` to every round trip to the first host.
    ///
    /// # Errors
    /// The lab's, as text.
    pub async fn slow(&mut self, milliseconds: u32) -> Result<(), String> {
        let host = format!("{LAB}-1");
        self.lab
            .slow(&host, milliseconds, Path::new(HOIST))
            .await
            .map_err(|e| e.to_string())?;
        self.lab = Lab::open(LAB).map_err(|e| e.to_string())?;
        Ok(())
    }

    fn hosts(&self, count: usize) -> &[LabHost] {
        let all = self.lab.hosts();
        &all[..count.min(all.len())]
    }

    /// Writes the inventories of the first `count` hosts: `hosts.ini`, and `hosts.py` for pyinfra.
    fn inventories(&self, count: usize) -> Result<(), String> {
        let gone: Vec<&str> = self.lab.hosts()[count.min(self.lab.hosts().len())..]
            .iter()
            .map(|h| h.name.as_str())
            .collect();
        let ini: String = self
            .lab
            .inventory()
            .lines()
            .filter(|l| !gone.iter().any(|g| l.split(' ').next() == Some(g)))
            .map(|l| format!("{l}\n"))
            .collect();
        let mut py = "hosts = [\n".to_owned();
        for host in self.hosts(count) {
            py.push_str(&format!(
                "    ('{}', {{'ssh_user': '{}', 'ssh_key': '{}', 'ssh_known_hosts_file': '{}'}}),\n",
                host.address,
                host.user,
                host.key.display(),
                host.known_hosts.display()
            ));
        }
        py.push_str("]\n");
        let write = |name: &str, text: String| {
            std::fs::write(self.dir.join(name), text).map_err(|e| format!("{name}: {e}"))
        };
        write("hosts.ini", ini)?;
        write("hosts.py", py)
    }

    /// Lets a program do the work on the first `count` hosts. With `unchanged`, it must not find anything to do.
    ///
    /// # Errors
    /// It fails, or finds something to do.
    pub fn run(
        &self,
        program: Program,
        playbook: &str,
        count: usize,
        unchanged: bool,
    ) -> Result<Sample, String> {
        self.inventories(count)?;
        let log = self.dir.join(format!("{program:?}.log"));
        let mut command = self.command(program, playbook, count)?;
        let sample = measure::run(command.current_dir(&self.dir), None, &log)?;
        let said = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
        let settled = said.lines().filter(|l| l.contains(" changed=0 ")).count();
        // pyinfra counts every command as a change
        if unchanged && program != Program::Pyinfra && settled != count {
            let name = program.name();
            return Err(format!(
                "{name} changed something again; see {}",
                log.display()
            ));
        }
        Ok(sample)
    }

    fn command(&self, program: Program, playbook: &str, count: usize) -> Result<Command, String> {
        if program == Program::Hoist {
            let mut command = Command::new(HOIST);
            command.args(["run", playbook, "-i", "hosts.ini", "-f"]);
            command.arg(count.max(5).to_string());
            return Ok(command);
        }
        let venv = self
            .venv
            .as_deref()
            .ok_or("the other programs are missing: use `benches/run`")?;
        if program == Program::Pyinfra {
            let mut command = Command::new(venv.join("bin/pyinfra"));
            command.args(["-y", "hosts.py", "deploy.py"]);
            return Ok(command);
        }
        let mut command = Command::new(venv.join("bin/ansible-playbook"));
        command
            .args(["-i", "hosts.ini", playbook])
            .env("ANSIBLE_PIPELINING", "1")
            .env("ANSIBLE_FORKS", count.max(5).to_string())
            .env(
                "ANSIBLE_SSH_ARGS",
                "-o ControlMaster=auto -o ControlPersist=60s",
            )
            .env("ANSIBLE_SSH_CONTROL_PATH_DIR", self.dir.join("cp"))
            .env("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3");
        if program == Program::Mitogen {
            let pattern = venv.join("lib/python3*/site-packages/ansible_mitogen/plugins/strategy");
            let folder = glob::glob(&pattern.to_string_lossy())
                .map_err(|e| e.to_string())?
                .find_map(Result::ok)
                .ok_or("mitogen is not installed")?;
            command
                .env("ANSIBLE_STRATEGY_PLUGINS", folder)
                .env("ANSIBLE_STRATEGY", "mitogen_linear");
        }
        Ok(command)
    }

    /// Sends a script through one ssh to a root shell on each of the first `count` hosts, all at once.
    ///
    /// # Errors
    /// One fails.
    pub fn script(&self, script: &Path, count: usize) -> Result<Sample, String> {
        let start = Instant::now();
        let results: Vec<Result<Sample, String>> = std::thread::scope(|scope| {
            let running: Vec<_> = self
                .hosts(count)
                .iter()
                .map(|host| {
                    let log = self.dir.join(format!("script-{}.log", host.name));
                    scope.spawn(move || measure::run(&mut root_shell(host), Some(script), &log))
                })
                .collect();
            running
                .into_iter()
                .map(|r| r.join().unwrap_or_else(|_| Err("a thread died".into())))
                .collect()
        });
        for result in results {
            result?;
        }
        Ok(Sample {
            seconds: start.elapsed().as_secs_f64(),
            peak_kib: 0,
        })
    }

    /// Sends the lines of a script to a root shell on the first host, each when the one before has answered.
    ///
    /// # Errors
    /// The shell ends early.
    pub fn in_turn(&self, script: &str) -> Result<Sample, String> {
        let host = self.hosts(1).first().ok_or("there is no host")?;
        let start = Instant::now();
        let mut child = root_shell(host)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("ssh has no pipes".into());
        };
        let mut from = BufReader::new(from);
        let mut answer = String::new();
        for line in script.lines() {
            to.write_all(format!("{line}\n").as_bytes())
                .map_err(|e| e.to_string())?;
            answer.clear();
            if from.read_line(&mut answer).map_err(|e| e.to_string())? == 0 {
                return Err("the shell ended early".into());
            }
        }
        drop(to);
        child.wait().map_err(|e| e.to_string())?;
        Ok(Sample {
            seconds: start.elapsed().as_secs_f64(),
            peak_kib: 0,
        })
    }
}

fn root_shell(host: &LabHost) -> Command {
    let mut words: Vec<OsString> = host.ssh();
    words.push("sudo -n sh -s".into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}
