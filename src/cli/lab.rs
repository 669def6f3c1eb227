//! `hoist lab`: throw-away hosts on this machine.

use crate::error::Diagnostic;
use crate::lab::{Delay, Demand, Kind, Lab, Options, labs, parse_size, relay};
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

const PASSWORD_VARIABLE: &str = "HOIST_LAB_SUDO_PASSWORD";

/// Throw-away hosts on this machine, to rehearse on: systemd, sshd and apt, in seconds (Linux, as root)
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Bring a lab up, or what is missing of it
    Up(Up),
    /// A rehearsal: make hosts, run a playbook on them, run it again
    Demo(super::lab_demo::Demo),
    /// List the labs there are
    List,
    /// Log in to a host, or run a command on it
    Ssh {
        /// The host, as in `demo-1`
        host: String,
        /// What to run there instead of a login shell
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Print a lab as an INI inventory
    Inventory(Name),
    /// Take a lab down, leaving nothing of it
    Down(Name),
    /// Pull a host's network cable
    Cut {
        /// The host, as in `demo-1`
        host: String,
    },
    /// Put a host's network cable back
    Mend {
        /// The host, as in `demo-1`
        host: String,
    },
    /// Make the way to a host slow
    Slow(Slow),
    /// Pass standard input and output on to an address, late (a ProxyCommand for ssh)
    #[command(hide = true)]
    Relay {
        /// Where to connect to
        address: String,
        /// The TCP port there
        port: u16,
        /// What to add to every round trip
        milliseconds: u32,
    },
}

/// A host and how slow.
#[derive(Debug, Args)]
pub struct Slow {
    /// The host, as in `demo-1`
    host: String,
    /// What to add to every round trip, in milliseconds; 0 takes it away
    milliseconds: u32,
}

/// Which lab.
#[derive(Debug, Args)]
pub struct Name {
    /// The lab's name
    #[arg(long, default_value = "demo")]
    name: String,
}

/// What to bring up.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    lab: Name,
    /// How many hosts
    #[arg(short = 'n', long = "hosts", value_name = "COUNT", default_value_t = 3)]
    hosts: usize,
    /// Hosts without Python (what they are by default)
    #[arg(long, conflicts_with_all = ["python", "busybox"])]
    no_python: bool,
    /// Hosts with Python
    #[arg(long, conflicts_with = "busybox")]
    python: bool,
    /// Hosts with nothing but busybox, sshd and sudo
    #[arg(long)]
    busybox: bool,
    /// Let sudo ask for a password: the one in $HOIST_LAB_SUDO_PASSWORD, else one that is made up and shown
    #[arg(long)]
    sudo_password: bool,
    /// Let sudo ask for the password that stands in this file
    #[arg(long, value_name = "FILE", conflicts_with = "sudo_password")]
    sudo_password_file: Option<PathBuf>,
    /// Limit what a host can write to its disk, as in `64M`
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    disk: Option<u64>,
}

/// Runs a `lab` subcommand: 0 when it did what it says, `ssh`'s own exit status for that one.
pub async fn run(command: LabCommand) -> Result<ExitCode, Diagnostic> {
    if !matches!(command, LabCommand::Relay { .. }) {
        Demand.check()?;
    }
    match command {
        LabCommand::Up(up) => return self::up(up).await,
        LabCommand::Demo(demo) => return super::lab_demo::run(demo).await,
        LabCommand::List => list()?,
        LabCommand::Ssh { host, command } => return Err(ssh(&host, &command)?),
        LabCommand::Inventory(lab) => print(&Lab::open(&lab.name)?.inventory())?,
        LabCommand::Down(lab) => match Lab::down(&lab.name, &|line| eprintln!("{line}")).await? {
            true => print(&format!("lab `{}` is gone\n", lab.name))?,
            false => print(&format!("there is no lab `{}`\n", lab.name))?,
        },
        LabCommand::Cut { host } => {
            lab_of(&host)?.cut(&host).await?;
            print(&format!(
                "`{host}` is cut off; `hoist lab mend {host}` brings it back\n"
            ))?;
        }
        LabCommand::Mend { host } => {
            lab_of(&host)?.mend(&host).await?;
            print(&format!("`{host}` is back on the network\n"))?;
        }
        LabCommand::Slow(slow) => self::slow(slow).await?,
        LabCommand::Relay {
            address,
            port,
            milliseconds,
        } => {
            let delay = Duration::from_millis(milliseconds.into()) / 2;
            relay(&address, port, delay).await?;
            // The thread that reads standard input can not be stopped, and nothing else is left to do.
            std::process::exit(0)
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn slow(slow: Slow) -> Result<(), Diagnostic> {
    let Slow { host, milliseconds } = slow;
    let program = std::env::current_exe()
        .map_err(|e| Diagnostic::new(format!("cannot tell where hoist itself is: {e}")))?;
    let done = lab_of(&host)?.slow(&host, milliseconds, &program).await?;
    print(&match done {
        Delay::None => format!("the way to `{host}` is as fast as it can be\n"),
        Delay::Packets => format!("every round trip to `{host}` takes {milliseconds} ms more\n"),
        Delay::Ssh => format!(
            "this kernel can not delay packets (no netem): `hoist lab ssh` and the inventory now go through a \
             program that delays SSH to `{host}` by {milliseconds} ms a round trip; other traffic is not slowed. \
             Print the inventory again\n"
        ),
    })
}

async fn up(up: Up) -> Result<ExitCode, Diagnostic> {
    let name = up.lab.name.clone();
    let (password, made_up) = password(&up)?;
    let options = Options {
        kind: match (up.python, up.busybox) {
            (true, _) => Kind::Python,
            (_, true) => Kind::Busybox,
            _ => Kind::Debian,
        },
        sudo_password: password,
        disk: up.disk,
        ..Options::new(name, up.hosts)
    };
    let start = std::time::Instant::now();
    let lab = Lab::up(&options, &|line| eprintln!("{line}")).await?;
    let mut text = String::new();
    for host in lab.hosts() {
        text.push_str(&format!("{}  {}\n", host.name, host.address));
    }
    // What is in the file counts: the lab may have been there before.
    if made_up && let Some(password) = lab.sudo_password()? {
        text.push_str(&format!("sudo password: {password}\n"));
    }
    let first = lab.hosts().first().map_or("", |h| h.name.as_str());
    let lab_name = &lab.state().name;
    text.push_str(&format!(
        "{} host(s) up in {:.1} s. Next: `hoist lab ssh {first}`, `hoist lab inventory --name {lab_name}`, `hoist lab down --name {lab_name}`\n",
        lab.hosts().len(),
        start.elapsed().as_secs_f32()
    ));
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The password that sudo shall ask for, and whether it was made up here.
fn password(up: &Up) -> Result<(Option<String>, bool), Diagnostic> {
    if let Some(path) = &up.sudo_password_file {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))?;
        return one_line(&text, &path.display().to_string()).map(|p| (Some(p), false));
    }
    if !up.sudo_password {
        return Ok((None, false));
    }
    match std::env::var(PASSWORD_VARIABLE) {
        Ok(text) => one_line(&text, PASSWORD_VARIABLE).map(|p| (Some(p), false)),
        Err(_) => Lab::make_password().map(|p| (Some(p), true)),
    }
}

fn one_line(text: &str, from: &str) -> Result<String, Diagnostic> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.is_empty() || text.contains(['\n', '\0']) {
        return Err(Diagnostic::new(format!(
            "`{from}` does not hold a password: one line is expected"
        )));
    }
    Ok(text.to_owned())
}

fn list() -> Result<(), Diagnostic> {
    let mut text = String::new();
    for name in labs() {
        match Lab::open(&name) {
            Ok(lab) => {
                let mut running = 0;
                for host in lab.hosts() {
                    running += usize::from(lab.running(&host.name)?);
                }
                let state = lab.state();
                text.push_str(&format!(
                    "{name}  {running} of {} running  10.77.{}.0/24  {}\n",
                    state.hosts,
                    state.number,
                    state.kind.name()
                ));
            }
            Err(_) => text.push_str(&format!(
                "{name}  half made: `hoist lab down --name {name}` clears it away\n"
            )),
        }
    }
    if text.is_empty() {
        text.push_str("there is no lab; `hoist lab up` makes one\n");
    }
    print(&text)
}

/// Becomes ssh; comes back only with the reason why it could not.
fn ssh(host: &str, command: &[OsString]) -> Result<Diagnostic, Diagnostic> {
    let lab = lab_of(host)?;
    if !lab.running(host)? {
        return Err(Lab::stopped(host));
    }
    let words = lab.host(host)?.ssh();
    let Some((program, options)) = words.split_first() else {
        return Ok(Diagnostic::new("nothing to run"));
    };
    let mut ssh = Command::new(program);
    ssh.args(options).args(command);
    Ok(Diagnostic::new(format!("cannot run `ssh`: {}", ssh.exec())))
}

/// The lab a host belongs to, by the host's name.
fn lab_of(host: &str) -> Result<Lab, Diagnostic> {
    let of = |host: &str| {
        let (lab, number) = host.rsplit_once('-')?;
        number.parse::<usize>().ok()?;
        labs().contains(&lab.to_owned()).then(|| lab.to_owned())
    };
    match of(host) {
        Some(name) => Lab::open(&name),
        None => {
            let hosts: Vec<String> = labs()
                .iter()
                .filter_map(|name| Lab::open(name).ok())
                .flat_map(|lab| {
                    lab.hosts()
                        .iter()
                        .map(|h| h.name.clone())
                        .collect::<Vec<_>>()
                })
                .collect();
            Err(Diagnostic::new(format!("no lab has a host `{host}`"))
                .with_help(
                    "`hoist lab list` shows the labs; their hosts are called `NAME-1`, `NAME-2`, …",
                )
                .with_nearest(host, hosts.iter().map(String::as_str)))
        }
    }
}

fn print(text: &str) -> Result<(), Diagnostic> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever read it has seen enough.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Diagnostic::new(format!("cannot write: {e}")))
        }
        _ => Ok(()),
    }
}
