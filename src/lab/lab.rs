//! A running lab.

use super::base::Base;
use super::cgroup::Cgroups;
use super::demand::Demand;
use super::host::{LabHost, USER};
use super::limits::Limits;
use super::lock::Lock;
use super::network::Network;
use super::options::{Kind, Options, Progress, check_name};
use super::seed::{Identity, Seed, random_hex};
use super::state::{self, State};
use super::{inventory, tool};
use crate::error::Diagnostic;
use futures_util::future::try_join_all;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A lab that has been brought up. It stays when this is dropped: tests share it by its name, [`Lab::down`] ends it.
#[derive(Debug)]
pub struct Lab {
    state: State,
    network: Network,
    cgroup: Cgroups,
    dir: PathBuf,
    hosts: Vec<LabHost>,
}

impl Lab {
    /// Brings a lab up, or what is missing of it, and waits until every host answers as SSH. A lab of that name that
    /// has more hosts keeps them. Only one hoist at a time does this for a name; others wait.
    pub async fn up(options: &Options, progress: Progress<'_>) -> Result<Self, Diagnostic> {
        options.check()?;
        Demand.check()?;
        Demand.install(progress).await?;
        let _lock = Self::lock(&options.name, progress).await?;
        let mut state = match State::load(&options.name)? {
            Some(state) => same_kind(state, options)?,
            None => Self::begin(options).await?,
        };
        if !state.base.exists() {
            let base = Base::of(state.kind).await?;
            if base.path() != state.base && !State::dir(&state.name).join("hosts").exists() {
                // It was never finished, so no host stands on it.
                state.base = base.path().to_owned();
                state.save()?;
            }
            if base.path() != state.base {
                return Err(Diagnostic::new(format!(
                    "the base under the hosts of lab `{}` is gone: `{}`",
                    state.name,
                    state.base.display()
                ))
                .with_help(format!(
                    "`hoist lab down --name {}`, then up again",
                    state.name
                )));
            }
            base.ensure(progress).await?;
        }
        state.hosts = state.hosts.max(options.hosts);
        state.save()?;
        let lab = Self::of(state)?;
        lab.prepare(options.sudo_password.as_deref()).await?;
        Limits::of_machine(State::root()).raise(progress)?;
        lab.network.ensure().await?;
        let starts = (1..=lab.hosts.len()).map(|i| lab.start_host(i));
        try_join_all(starts).await?;
        Ok(lab)
    }

    /// The lab of that name as it was written down, running or not; an error when there is none.
    pub fn open(name: &str) -> Result<Self, Diagnostic> {
        check_name(name)?;
        match State::load(name)? {
            Some(state) => Self::of(state),
            None => Err(Diagnostic::new(format!("there is no lab `{name}`"))
                .with_nearest(name, state::labs().iter().map(String::as_str))),
        }
    }

    /// Ends a lab and removes everything of it, in whatever state it was left; whether there was something to remove.
    pub async fn down(name: &str, progress: Progress<'_>) -> Result<bool, Diagnostic> {
        check_name(name)?;
        Demand.check()?;
        let dir = State::dir(name);
        let cgroup = Cgroups::of_lab(name)?;
        let there = dir.exists() || cgroup.dirs().iter().any(|d| d.exists());
        let lock = Self::lock(name, progress).await?;
        // A record that can not be read must not keep a lab from going.
        let state = State::load(name).ok().flatten();
        cgroup.destroy().await?;
        if let Some(state) = state {
            Network::of(&state)?.destroy().await?;
        }
        wait_for_loops(&dir).await;
        remove_dir(&dir)?;
        Base::clear_abandoned().await?;
        if state::labs().is_empty() {
            Limits::of_machine(State::root()).restore();
        }
        drop(lock);
        // Each only if nothing is left in it.
        let _ = fs::remove_dir(State::root());
        let _ = State::root().parent().map(fs::remove_dir);
        Ok(there)
    }

    /// Its hosts, in the order of their numbers.
    pub fn hosts(&self) -> &[LabHost] {
        &self.hosts
    }

    /// Its record.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// It as an INI inventory: a group named after the lab with its hosts, and what ssh needs to reach them.
    pub fn inventory(&self) -> String {
        inventory::inventory(&self.state, &self.hosts, &self.dir)
    }

    /// A sudo password nobody knows yet.
    pub fn make_password() -> Result<String, Diagnostic> {
        random_hex()
    }

    /// What sudo on the hosts asks for; `None` where it does not ask.
    pub fn sudo_password(&self) -> Result<Option<String>, Diagnostic> {
        if !self.state.sudo_password {
            return Ok(None);
        }
        let path = self.dir.join("sudo-password");
        let text = fs::read_to_string(&path)
            .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))?;
        Ok(Some(text.trim_end_matches('\n').to_owned()))
    }

    /// Whether a host is running (which it is before it answers).
    pub fn running(&self, host: &str) -> Result<bool, Diagnostic> {
        self.index(host)?;
        Ok(self.leader(host).is_some())
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Result<&LabHost, Diagnostic> {
        self.index(name).map(|i| &self.hosts[i - 1])
    }

    /// Runs a command on a host as root, past SSH, with no input. Its exit status is in the result, not an error.
    pub async fn run_in<S: AsRef<OsStr>>(
        &self,
        host: &str,
        argv: &[S],
    ) -> Result<Output, Diagnostic> {
        self.index(host)?;
        let leader = self
            .leader(host)
            .ok_or_else(|| Self::stopped(host))?
            .to_string();
        let enter = [
            "nsenter",
            "-t",
            &leader,
            "-m",
            "-u",
            "-i",
            "-n",
            "-p",
            "-C",
            "-r",
            "-w",
            "--",
            "env",
            "-i",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ];
        tool::output(
            enter
                .iter()
                .map(OsStr::new)
                .chain(argv.iter().map(AsRef::as_ref)),
        )
        .await
    }

    /// Pulls a host's network cable. Established connections hang, new ones find no host; it stays so over a reboot of
    /// the host, until [`Lab::mend`].
    pub async fn cut(&self, host: &str) -> Result<(), Diagnostic> {
        let index = self.index(host)?;
        state::write_private(&self.host_dir(host).join("cut"), b"")?;
        self.link(index, "down").await
    }

    /// Puts a host's network cable back.
    pub async fn mend(&self, host: &str) -> Result<(), Diagnostic> {
        let index = self.index(host)?;
        let mark = self.host_dir(host).join("cut");
        match fs::remove_file(&mark) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(Diagnostic::new(format!(
                    "cannot remove `{}`: {e}",
                    mark.display()
                )));
            }
            _ => {}
        }
        self.link(index, "up").await
    }

    /// Ends a host as if its power failed: every process of it at once. [`Lab::start`] turns it on again.
    pub async fn kill(&self, host: &str) -> Result<(), Diagnostic> {
        self.index(host)?;
        self.cgroup.child(host).destroy().await
    }

    /// Starts a host that is not running, and waits until it answers as SSH.
    pub async fn start(&self, host: &str) -> Result<(), Diagnostic> {
        let index = self.index(host)?;
        let _lock = Self::lock(&self.state.name, &|_| {}).await?;
        self.network.ensure().await?;
        self.start_host(index).await
    }

    /// Waits until a host answers as SSH; an error with the end of its console after `limit`.
    pub async fn wait_ready(&self, host: &str, limit: Duration) -> Result<(), Diagnostic> {
        let address = self.host(host)?.address;
        let keeper = self.cgroup.child(host).child("keeper");
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(20);
        loop {
            if answers(address).await {
                return Ok(());
            }
            let gone = !keeper.occupied();
            if gone || Instant::now() > deadline {
                let console = self.host_dir(host).join("console.log");
                let text = fs::read_to_string(console).unwrap_or_default();
                let problem = match gone {
                    true => format!("host `{host}` stopped while it started"),
                    false => format!("host `{host}` does not answer after {} s", limit.as_secs()),
                };
                return Err(tool::with_tail(Diagnostic::new(problem), &text));
            }
            // Many hosts that boot at once need the processor more than the question needs its answer.
            tokio::time::sleep(pause).await;
            pause = (pause * 5 / 4).min(Duration::from_millis(250));
        }
    }

    /// What to say when a host that must be running is not.
    pub fn stopped(host: &str) -> Diagnostic {
        Diagnostic::new(format!("host `{host}` is not running"))
            .with_help("`hoist lab up` starts what is not running")
    }

    async fn begin(options: &Options) -> Result<State, Diagnostic> {
        let base = Base::of(options.kind).await?;
        let mut state = State {
            name: options.name.clone(),
            number: 0,
            hosts: options.hosts,
            kind: options.kind,
            sudo_password: options.sudo_password.is_some(),
            disk: options.disk,
            slow: Default::default(),
            base: base.path().to_owned(),
        };
        Network::reserve(&mut state).await?;
        Ok(state)
    }

    fn of(state: State) -> Result<Self, Diagnostic> {
        let network = Network::of(&state)?;
        let dir = State::dir(&state.name);
        let host = |(i, name)| LabHost {
            name,
            address: network.address(i + 1),
            key: dir.join("key"),
            known_hosts: dir.join("known_hosts"),
            user: USER.to_owned(),
        };
        Ok(Self {
            hosts: state.host_names().enumerate().map(host).collect(),
            cgroup: Cgroups::of_lab(&state.name)?,
            network,
            dir,
            state,
        })
    }

    async fn lock(name: &str, progress: Progress<'_>) -> Result<Lock, Diagnostic> {
        let waiting = || {
            progress(&format!(
                "waiting for another hoist that is changing lab `{name}`"
            ))
        };
        Lock::take(&State::lock(name), waiting).await
    }

    /// Writes what the hosts are made from: keys, scripts, a directory each.
    async fn prepare(&self, sudo_password: Option<&str>) -> Result<(), Diagnostic> {
        for (name, text) in [
            ("enter.sh", include_str!("scripts/enter.sh")),
            ("switch.sh", include_str!("scripts/switch.sh")),
            ("keeper.sh", include_str!("scripts/keeper.sh")),
        ] {
            state::write_private(&self.dir.join(name), text.as_bytes())?;
        }
        let key = self.dir.join("key");
        if !self.dir.join("key.pub").exists() {
            make_key(&key, "hoist-lab").await?;
        }
        if let (Some(password), None) = (sudo_password, self.written_password()) {
            let path = self.dir.join("sudo-password");
            state::write_private(&path, format!("{password}\n").as_bytes())?;
        }
        let public_key = read(&self.dir.join("key.pub"))?;
        let password = self.sudo_password()?;
        try_join_all(self.hosts.iter().enumerate().map(|(i, host)| {
            let identity = Identity {
                state: &self.state,
                network: &self.network,
                name: &host.name,
                index: i + 1,
                public_key: &public_key,
                sudo_password: password.as_deref(),
            };
            self.prepare_host(identity)
        }))
        .await?;
        let mut known = String::new();
        for host in &self.hosts {
            let key = read(&self.host_dir(&host.name).join("host-key.pub"))?;
            let words: Vec<&str> = key.split_whitespace().take(2).collect();
            known.push_str(&format!("{} {}\n", host.address, words.join(" ")));
        }
        state::write_private(&self.dir.join("known_hosts"), known.as_bytes())
    }

    fn written_password(&self) -> Option<PathBuf> {
        Some(self.dir.join("sudo-password")).filter(|p| p.exists())
    }

    /// Makes a host's directory, beside its place and renamed when whole.
    async fn prepare_host(&self, identity: Identity<'_>) -> Result<(), Diagnostic> {
        let dir = self.host_dir(identity.name);
        if dir.exists() {
            return Ok(());
        }
        let new = dir.with_extension("new");
        remove_dir(&new)?;
        for part in ["root", "store"] {
            state::make_dir(&new.join(part))?;
        }
        let seed = Seed {
            dir: new.join("seed"),
            base: &self.state.base,
        };
        seed.write(&identity)?;
        let key = seed.host_key()?;
        make_key(&key, identity.name).await?;
        let copied = fs::copy(key.with_extension("pub"), new.join("host-key.pub"));
        copied
            .map_err(|e| Diagnostic::new(format!("cannot write under `{}`: {e}", new.display())))?;
        if let Some(size) = self.state.disk {
            let image = new.join("disk.img");
            let made = fs::File::create(&image).and_then(|f| f.set_len(size));
            made.map_err(|e| Diagnostic::new(format!("cannot make `{}`: {e}", image.display())))?;
            let image = image.as_os_str();
            let make = ["mkfs.ext4", "-q", "-m", "0"].map(OsStr::new);
            tool::run(make.into_iter().chain([image])).await?;
        }
        fs::rename(&new, &dir)
            .map_err(|e| Diagnostic::new(format!("cannot make `{}`: {e}", dir.display())))
    }

    /// Starts host `index` unless it is running, and waits until it answers.
    async fn start_host(&self, index: usize) -> Result<(), Diagnostic> {
        let name = &self.hosts[index - 1].name;
        let group = self.cgroup.child(name);
        if group.processes().is_empty() {
            let keeper = group.child("keeper");
            keeper.create()?;
            let dir = self.host_dir(name);
            let console = dir.join("console.log");
            let _ = fs::remove_file(&console);
            let script = self.dir.join("keeper.sh");
            let machine = self.network.machine(index);
            let link = self.network.link(index);
            let init = match self.state.kind {
                Kind::Busybox => "/sbin/init",
                Kind::Debian | Kind::Python => "",
            };
            let enter = self.network.enter()?;
            let groups = group.dirs();
            let mut argv: Vec<&OsStr> = enter.iter().map(OsStr::new).collect();
            argv.extend(["unshare", "--mount", "--propagation", "private", "sh"].map(OsStr::new));
            argv.extend([
                script.as_os_str(),
                dir.as_os_str(),
                self.state.base.as_os_str(),
            ]);
            argv.extend([name, &machine, init, &link].map(OsStr::new));
            argv.extend(groups.iter().map(|g| g.as_os_str()));
            tool::launch(&self.dir.join("enter.sh"), &keeper.dirs(), &console, &argv)?;
            // The keeper joins its cgroup a moment later: an empty one would look like a host that stopped.
            let started = || keeper.occupied();
            super::network::wait(started, &console, &format!("host `{name}` does not start"))
                .await?;
        }
        if self.host_dir(name).join("cut").exists() {
            return Ok(());
        }
        // Forty hosts that boot at once on two processors take their time.
        self.wait_ready(name, Duration::from_secs(60 + self.hosts.len() as u64 * 2))
            .await
    }

    async fn link(&self, index: usize, state: &str) -> Result<(), Diagnostic> {
        let enter = self.network.enter()?;
        let name = self.network.link(index);
        if self.leader(&self.hosts[index - 1].name).is_none() {
            return Err(Self::stopped(&self.hosts[index - 1].name));
        }
        let set = ["ip", "link", "set", &name, state].map(str::to_owned);
        tool::run(enter.into_iter().chain(set)).await.map(drop)
    }

    /// The process that is PID 1 on a host.
    fn leader(&self, host: &str) -> Option<i32> {
        let processes = self.cgroup.child(host).child("host").processes();
        processes.into_iter().find(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| {
                line.strip_prefix("NSpid:")
                    .is_some_and(|ids| ids.split_whitespace().skip(1).last() == Some("1"))
            })
        })
    }

    /// The number of a host, from 1.
    fn index(&self, host: &str) -> Result<usize, Diagnostic> {
        let found = self.hosts.iter().position(|h| h.name == host);
        found.map(|i| i + 1).ok_or_else(|| {
            Diagnostic::new(format!(
                "there is no host `{host}` in lab `{}`",
                self.state.name
            ))
            .with_nearest(host, self.hosts.iter().map(|h| h.name.as_str()))
        })
    }

    fn host_dir(&self, host: &str) -> PathBuf {
        self.dir.join("hosts").join(host)
    }
}

/// The record, when it is of the same kind as what is asked for now.
fn same_kind(state: State, options: &Options) -> Result<State, Diagnostic> {
    let differs = if state.kind != options.kind {
        Some(format!("its hosts are {}", state.kind.name()))
    } else if state.disk != options.disk {
        Some("its hosts have other disks".to_owned())
    } else if state.sudo_password != options.sudo_password.is_some() {
        Some("it differs in whether sudo asks for a password".to_owned())
    } else {
        None
    };
    match differs {
        None => Ok(state),
        Some(note) => Err(Diagnostic::new(format!(
            "lab `{}` is there already, and of another kind",
            state.name
        ))
        .with_note(note)
        .with_help("choose another `--name`, or take it down first")),
    }
}

async fn answers(address: Ipv4Addr) -> bool {
    let greeting = async {
        let mut stream = TcpStream::connect((address, 22)).await.ok()?;
        let mut start = [0; 4];
        stream.read_exact(&mut start).await.ok()?;
        Some(&start == b"SSH-")
    };
    let limit = Duration::from_secs(1);
    matches!(tokio::time::timeout(limit, greeting).await, Ok(Some(true)))
}

async fn make_key(path: &Path, comment: &str) -> Result<(), Diagnostic> {
    // A half-made pair would make ssh-keygen ask whether to overwrite it.
    let _ = fs::remove_file(path);
    let words = [
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        comment,
        "-f",
    ]
    .map(OsStr::new);
    tool::run(words.into_iter().chain([path.as_os_str()]))
        .await
        .map(drop)
}

fn read(path: &Path) -> Result<String, Diagnostic> {
    fs::read_to_string(path)
        .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))
}

fn remove_dir(dir: &Path) -> Result<(), Diagnostic> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Diagnostic::new(format!(
            "cannot remove `{}`: {e}",
            dir.display()
        ))),
        _ => Ok(()),
    }
}

/// Waits a little for loop devices on files under `dir`: the kernel lets go of them after the last mount is gone.
async fn wait_for_loops(dir: &Path) {
    let busy = || {
        let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
        devices.into_iter().any(|device| {
            fs::read_to_string(device.path().join("loop/backing_file"))
                .is_ok_and(|file| Path::new(file.trim()).starts_with(dir))
        })
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    while busy() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
