//! Hosts as machines with a power switch and a console.

use super::lab::Lab;
use super::network;
use super::options::Kind;
use super::tool;
use crate::error::Diagnostic;
use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Output;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

impl Lab {
    /// Whether a host is running (which it is before it answers).
    pub fn running(&self, host: &str) -> Result<bool, Diagnostic> {
        self.index(host)?;
        Ok(self.leader(host).is_some())
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

    /// Starts host `index` unless it is running, and waits until it answers.
    pub(super) async fn start_host(&self, index: usize) -> Result<(), Diagnostic> {
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
            network::wait(started, &console, &format!("host `{name}` does not start")).await?;
        }
        if self.host_dir(name).join("cut").exists() {
            return Ok(());
        }
        // Forty hosts that boot at once on two processors take their time.
        self.wait_ready(name, Duration::from_secs(60 + self.hosts.len() as u64 * 2))
            .await
    }

    /// What to say when a host that must be running is not.
    pub fn stopped(host: &str) -> Diagnostic {
        Diagnostic::new(format!("host `{host}` is not running"))
            .with_help("`hoist lab up` starts what is not running")
    }

    /// The process that is PID 1 on a host.
    pub(super) fn leader(&self, host: &str) -> Option<i32> {
        let processes = self.cgroup.child(host).child("host").processes();
        processes.into_iter().find(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| {
                line.strip_prefix("NSpid:")
                    .is_some_and(|ids| ids.split_whitespace().skip(1).last() == Some("1"))
            })
        })
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
