//! A lab's network: a bridge in a namespace of its own, one link to the machine, one way out.

use super::cgroup::Cgroups;
use super::lock::Lock;
use super::state::{State, labs};
use super::tool;
use crate::error::Diagnostic;
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where slirp4netns answers name queries, inside the lab's namespace only (RFC 2544's test range).
pub(super) const DNS: &str = "198.18.77.3";
const OUTSIDE: &str = "198.18.77.0/24";

/// The network of lab `number`: `10.77.NUMBER.0/24` with the bridge at `.1`, the machine at `.2` and host `i` at `.(10+i)`.
#[derive(Clone, Debug)]
pub struct Network {
    number: u8,
    cgroup: Cgroups,
    dir: PathBuf,
}

impl Network {
    /// The network of a lab that was written down, up or not.
    pub fn of(state: &State) -> Result<Self, Diagnostic> {
        Ok(Self {
            number: state.number,
            cgroup: Cgroups::of_lab(&state.name)?.child("net"),
            dir: State::dir(&state.name),
        })
    }

    /// Finds a number that no lab and no route of the machine uses, and writes `state` down with it.
    pub async fn reserve(state: &mut State) -> Result<(), Diagnostic> {
        let _lock = Lock::take(&State::network_lock(), || {}).await?;
        let mut taken: Vec<u8> = Vec::new();
        for name in labs() {
            // One that can not be read is somebody's mess to clear away; its interface tells its number.
            if let Ok(Some(other)) = State::load(&name) {
                taken.push(other.number);
            }
        }
        let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        let free = (1..=254u8).find(|n| {
            !taken.contains(n)
                && !routed(&routes, Ipv4Addr::new(10, 77, *n, 0))
                && !Path::new("/sys/class/net")
                    .join(format!("hoist{n}"))
                    .exists()
        });
        state.number = free.ok_or_else(|| {
            Diagnostic::new("no free network in `10.77.0.0/16` for another lab")
                .with_help("see `hoist lab list`, and take some down")
        })?;
        state.save()
    }

    /// The address of host `index`, counted from 1.
    pub fn address(&self, index: usize) -> Ipv4Addr {
        let last = u8::try_from(index + 10).unwrap_or(u8::MAX);
        Ipv4Addr::new(10, 77, self.number, last)
    }

    /// The address of the hosts' gateway.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number, 1)
    }

    /// What nspawn calls host `index`, which must differ from all others on this machine and stay short: the host's
    /// end of its cable is named after it.
    pub fn machine(&self, index: usize) -> String {
        format!("hl{}-{index}", self.number)
    }

    /// The bridge's end of host `index`'s cable.
    pub fn link(&self, index: usize) -> String {
        format!("vb-{}", self.machine(index))
    }

    /// The machine's end of its own cable into the lab.
    pub fn interface(&self) -> String {
        format!("hoist{}", self.number)
    }

    /// The process that keeps the namespace, when it is up.
    pub fn keeper(&self) -> Option<i32> {
        let found = self.cgroup.child("switch").processes();
        found.into_iter().next()
    }

    /// Words that run a command inside the namespace, for [`tool::run`]; an error when the network is down.
    pub fn enter(&self) -> Result<[String; 4], Diagnostic> {
        let keeper = self.keeper().ok_or_else(|| {
            Diagnostic::new("the lab's network is down").with_help("`hoist lab up` brings it back")
        })?;
        Ok([
            "nsenter".into(),
            "-t".into(),
            keeper.to_string(),
            "-n".into(),
        ])
    }

    /// Brings up what of it is not up.
    pub async fn ensure(&self) -> Result<(), Diagnostic> {
        let ready = self.dir.join("switch.ready");
        if self.keeper().is_none() || !ready.exists() {
            self.start_switch(&ready).await?;
        }
        self.connect_machine().await?;
        self.start_way_out().await
    }

    /// Takes it down. Does nothing where it is not up.
    pub async fn destroy(&self) -> Result<(), Diagnostic> {
        self.cgroup.destroy().await?;
        let interface = self.interface();
        // The kernel removes it some time after the namespace at its other end; we do not wait for that.
        if exists(&interface) {
            let removed = tool::run(["ip", "link", "del", &interface]).await;
            if exists(&interface) {
                removed?;
            }
        }
        Ok(())
    }

    async fn start_switch(&self, ready: &Path) -> Result<(), Diagnostic> {
        self.destroy().await?;
        let _ = std::fs::remove_file(ready);
        let log = self.dir.join("switch.log");
        let group = self.cgroup.child("switch");
        group.create()?;
        let script = self.dir.join("switch.sh");
        let gateway = format!("{}/24", self.gateway());
        let argv = [
            "unshare".as_ref(),
            "--net".as_ref(),
            "sh".as_ref(),
            script.as_os_str(),
            gateway.as_ref(),
            ready.as_os_str(),
        ];
        tool::launch(&self.dir.join("enter.sh"), &group.dirs(), &log, &argv)?;
        wait(
            || ready.exists(),
            &log,
            "the lab's network does not come up",
        )
        .await
    }

    async fn connect_machine(&self) -> Result<(), Diagnostic> {
        // Every step may be the one that an earlier hoist was killed before.
        let interface = self.interface();
        let address = format!("10.77.{}.2/24", self.number);
        if !exists(&interface) {
            let [_, _, keeper, _] = self.enter()?;
            let add = [
                "ip", "link", "add", &interface, "type", "veth", "peer", "name", "machine",
                "netns", &keeper,
            ];
            tool::run(add).await?;
        }
        let inside = self.enter()?;
        let up = ["ip", "link", "set", "machine", "master", "br0", "up"].map(str::to_owned);
        tool::run(inside.into_iter().chain(up)).await?;
        tool::run(["ip", "addr", "replace", &address, "dev", &interface]).await?;
        tool::run(["ip", "link", "set", &interface, "up"])
            .await
            .map(drop)
    }

    async fn start_way_out(&self) -> Result<(), Diagnostic> {
        let group = self.cgroup.child("out");
        if !group.processes().is_empty() {
            return Ok(());
        }
        group.create()?;
        let log = self.dir.join("out.log");
        let [_, _, keeper, _] = self.enter()?;
        let namespace = format!("/proc/{keeper}/ns/net");
        let cidr = format!("--cidr={OUTSIDE}");
        // Without the first the hosts could reach what listens on the machine's own loopback.
        let argv = [
            "slirp4netns",
            "--disable-host-loopback",
            "--configure",
            "--mtu=1500",
            &cidr,
            "--netns-type=path",
            &namespace,
            "tap0",
        ]
        .map(OsStr::new);
        tool::launch(&self.dir.join("enter.sh"), &group.dirs(), &log, &argv)
    }
}

/// Waits up to ten seconds for `done`, looking often; an error with the end of `log` when it does not come.
pub(super) async fn wait(
    mut done: impl FnMut() -> bool,
    log: &Path,
    problem: &str,
) -> Result<(), Diagnostic> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        if Instant::now() > deadline {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            return Err(tool::with_tail(Diagnostic::new(problem), &text));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn exists(interface: &str) -> bool {
    Path::new("/sys/class/net").join(interface).exists()
}

/// Whether a line of `/proc/net/route` covers part of `network/24`; routes wider than /16 are left aside, a more exact
/// one may stand beside them.
fn routed(table: &str, network: Ipv4Addr) -> bool {
    table.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let hex = |w: Option<&str>| u32::from_str_radix(w?, 16).ok().map(u32::from_be);
        let (Some(destination), Some(mask)) = (hex(words.next()), hex(words.nth(5))) else {
            return false;
        };
        let shared = mask & 0xffff_ff00;
        mask.leading_ones() >= 16 && destination & shared == u32::from(network) & shared
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_in_use() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            vpn0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n\
            a\t00034D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            b\t07044D0A\t00000000\t0001\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n\
            c\t00084D0A\t00000000\t0001\t0\t0\t0\t00FEFFFF\t0\t0\t0\n";
        for (last, used) in [
            (1, false),
            (3, true),
            (4, true),
            (5, false),
            (8, true),
            (9, true),
            (10, false),
        ] {
            assert_eq!(
                routed(table, Ipv4Addr::new(10, 77, last, 0)),
                used,
                "{last}"
            );
        }
        assert!(!routed("", Ipv4Addr::new(10, 77, 1, 0)));
    }
}
