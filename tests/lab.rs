//! Labs on this machine. They need root and Debian packages; `HOIST_SKIP_LAB=1` leaves them out, and says so.
// Helpers here are tests too, which the lint does not see.
#![allow(clippy::unwrap_used)]

use hoist::lab::{Delay, Kind, Lab, Options};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const HOIST: &str = env!("CARGO_BIN_EXE_hoist");

/// Whether to leave a test out because the user said so; a machine that can have no labs fails instead.
fn skipped() -> bool {
    let skip = std::env::var_os("HOIST_SKIP_LAB").is_some_and(|v| v == "1");
    if skip {
        eprintln!("SKIPPED: HOIST_SKIP_LAB=1 is set, no lab is made");
    } else {
        assert!(
            nix::unistd::geteuid().is_root(),
            "the lab's tests need root: run them with sudo, or set HOIST_SKIP_LAB=1"
        );
    }
    skip
}

fn quiet(_: &str) {}

async fn up(options: Options) -> Lab {
    Lab::up(&options, &|line| eprintln!("{line}"))
        .await
        .unwrap()
}

async fn down(name: &str) {
    Lab::down(name, &quiet).await.unwrap();
    assert_eq!(traces(name), BTreeSet::new(), "left behind by `{name}`");
}

fn ssh(lab: &Lab, host: &str, command: &str) -> Output {
    let words = lab.host(host).unwrap().ssh();
    Command::new(&words[0])
        .args(["-oConnectTimeout=5", "-oBatchMode=yes"])
        .args(&words[1..])
        .arg(command)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Everything on this machine that speaks of a lab: processes, mounts, interfaces, loop devices, directories, cgroups.
fn traces(name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let dir = format!("/var/lib/hoist/lab/{name}");
    let mentions = |text: &str| text.contains(&format!("{dir}/")) || text.ends_with(&dir);
    let entries = |dir: &str| fs::read_dir(dir).into_iter().flatten().flatten();
    for process in entries("/proc") {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let mounts = fs::read_to_string(process.path().join("mounts")).unwrap_or_default();
        if mentions(line.trim()) || mounts.lines().any(mentions) {
            found.insert(format!("process {}: {line}", process.path().display()));
        }
    }
    for device in entries("/sys/block") {
        let file = device.path().join("loop/backing_file");
        if mentions(fs::read_to_string(file).unwrap_or_default().trim()) {
            found.insert(format!("{}", device.path().display()));
        }
    }
    let mut cgroups = vec!["/sys/fs/cgroup".into()];
    cgroups.extend(entries("/sys/fs/cgroup").map(|e| e.path()));
    for top in cgroups {
        let group = top.join("hoist-lab").join(name);
        if group.exists() {
            found.insert(format!("{}", group.display()));
        }
    }
    for path in [dir.clone(), format!("{dir}.lock")] {
        if Path::new(&path).exists() {
            found.insert(path);
        }
    }
    found
}

/// The names of the machine's interfaces.
fn links() -> BTreeSet<String> {
    fs::read_dir("/sys/class/net")
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect()
}

fn interface(lab: &Lab) -> String {
    format!("hoist{}", lab.state().number)
}

async fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn debian_hosts() {
    if skipped() {
        return;
    }
    let name = "t-debian";
    down(name).await;
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let lab = up(Options::new(name, 2)).await;
    let host = "t-debian-1";

    // As the brief for them says: systemd, sshd, sudo without a password, no Python, and apt.
    assert_eq!(
        text(&ssh(&lab, host, "hostname; id -un; sudo -n id -un")),
        "t-debian-1\nhoist\nroot"
    );
    assert_eq!(
        text(&ssh(
            &lab,
            host,
            "systemctl is-active ssh systemd-networkd systemd-journald dbus systemd-logind | sort -u"
        )),
        "active"
    );
    assert_eq!(
        text(&ssh(
            &lab,
            host,
            "systemctl --failed --no-legend; command -v python3; :"
        )),
        ""
    );
    let install =
        "sudo apt-get update -q && sudo DEBIAN_FRONTEND=noninteractive apt-get install -q -y tree";
    let installed = ssh(&lab, host, install);
    assert!(
        installed.status.success(),
        "a host can not install a package; can this machine? {installed:?}"
    );
    let inside = lab
        .run_in(host, &["sh", "-c", "command -v tree; id -un; exit 3"])
        .await
        .unwrap();
    assert_eq!(inside.status.code(), Some(3));
    assert_eq!(
        String::from_utf8_lossy(&inside.stdout),
        "/usr/bin/tree\nroot\n"
    );
    // Hosts see each other, but not what listens on the machine's loopback.
    let other = lab.host("t-debian-2").unwrap().address;
    text(&ssh(&lab, host, &format!("ping -c1 -W2 {other}")));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let knock = format!("timeout 3 bash -c 'exec 3<>/dev/tcp/198.18.77.2/{port}'");
    assert!(!ssh(&lab, host, &knock).status.success());

    // It reboots like a machine: other boot id, same disk.
    let boot_id = "cat /proc/sys/kernel/random/boot_id; cat /var/tmp/kept";
    text(&ssh(&lab, host, "echo kept >/var/tmp/kept"));
    let before = text(&ssh(&lab, host, boot_id));
    let _ = ssh(&lab, host, "sudo reboot");
    let again = || {
        let after = ssh(&lab, host, boot_id);
        after.status.success() && text(&after) != before && text(&after).ends_with("kept")
    };
    wait_until("the host is back after a reboot", again).await;

    // Power off and on.
    lab.kill(host).await.unwrap();
    assert!(!lab.running(host).unwrap());
    insta::assert_snapshot!(lab.run_in(host, &["true"]).await.unwrap_err(), @r"
    error: host `t-debian-1` is not running
      help: `hoist lab up` starts what is not running
    ");
    lab.start(host).await.unwrap();
    assert_eq!(text(&ssh(&lab, host, "cat /var/tmp/kept")), "kept");

    // A second `up` finds all there, and adds what is asked for beyond.
    let lab = up(Options::new(name, 3)).await;
    assert_eq!(text(&ssh(&lab, "t-debian-3", "hostname")), "t-debian-3");
    insta::assert_snapshot!(lab.host("t-debian-4").unwrap_err(), @r"
    error: there is no host `t-debian-4` in lab `t-debian`
      help: did you mean `t-debian-1`?
    ");
    let other_kind = Options {
        kind: Kind::Python,
        ..Options::new(name, 1)
    };
    insta::assert_snapshot!(Lab::up(&other_kind, &quiet).await.unwrap_err(), @r"
    error: lab `t-debian` is there already, and of another kind
      note: its hosts are debian
      help: choose another `--name`, or take it down first
    ");

    assert!(links().contains(&interface(&lab)));
    down(name).await;
    assert!(!links().contains(&interface(&lab)));
    assert_eq!(fs::read_to_string("/proc/self/mounts").unwrap(), mounts);
    assert!(!Lab::down(name, &quiet).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn cables_are_pulled_and_made_longer() {
    if skipped() {
        return;
    }
    let name = "t-cable";
    down(name).await;
    let lab = up(Options::new(name, 2)).await;
    let (host, other) = ("t-cable-1", "t-cable-2");

    lab.cut(host).await.unwrap();
    assert!(!ssh(&lab, host, "true").status.success());
    text(&ssh(&lab, other, "true"));
    // It stays so over a reboot, which only the console can ask for now.
    let boot_id = ["cat", "/proc/sys/kernel/random/boot_id"];
    let before = lab.run_in(host, &boot_id).await.unwrap().stdout;
    lab.run_in(host, &["systemctl", "reboot"]).await.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        match lab.run_in(host, &["systemctl", "is-active", "ssh"]).await {
            Ok(out)
                if out.status.success()
                    && lab.run_in(host, &boot_id).await.unwrap().stdout != before =>
            {
                break;
            }
            _ => {}
        }
    }
    assert_ne!(lab.run_in(host, &boot_id).await.unwrap().stdout, before);
    assert!(!ssh(&lab, host, "true").status.success());
    lab.mend(host).await.unwrap();
    wait_until("the host is back", || {
        ssh(&lab, host, "true").status.success()
    })
    .await;

    let delay = lab.slow(host, 400, Path::new(HOIST)).await.unwrap();
    assert_ne!(delay, Delay::None);
    let lab = Lab::open(name).unwrap();
    let best = |host: &str| {
        let times = (0..3).map(|_| {
            let start = Instant::now();
            text(&ssh(&lab, host, "true"));
            start.elapsed()
        });
        times.min().unwrap()
    };
    // Logging in takes at least five round trips.
    let (slow, fast) = (best(host), best(other));
    assert!(slow > Duration::from_secs(2), "{slow:?}");
    assert!(fast < Duration::from_secs(2), "{fast:?}");
    assert_eq!(
        lab.slow(host, 0, Path::new(HOIST)).await.unwrap(),
        Delay::None
    );
    let lab = Lab::open(name).unwrap();
    text(&ssh(&lab, host, "true"));
    down(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_of_hosts() {
    if skipped() {
        return;
    }
    for name in ["t-busybox", "t-small"] {
        down(name).await;
    }
    let busybox = Options {
        kind: Kind::Busybox,
        ..Options::new("t-busybox", 1)
    };
    let small = Options {
        sudo_password: Some("s3cret & 'quoted'".to_owned()),
        disk: Some(32 << 20),
        ..Options::new("t-small", 1)
    };
    let (busybox, small) = (up(busybox).await, up(small).await);

    let programs = "find -L /bin /sbin /usr/bin /usr/sbin /usr/local -type f -exec ls -L -i {} + | sort -u -n -k1,1 | wc -l";
    // busybox, sshd, sudo, and PAM's password checker.
    assert_eq!(text(&ssh(&busybox, "t-busybox-1", programs)), "4");
    assert_eq!(
        text(&ssh(
            &busybox,
            "t-busybox-1",
            "sudo -n id -un; readlink /bin/sh"
        )),
        "root\nbusybox"
    );
    let boot_id = "cat /proc/sys/kernel/random/boot_id";
    let before = text(&ssh(&busybox, "t-busybox-1", boot_id));
    let _ = ssh(&busybox, "t-busybox-1", "sudo reboot");
    let again = || {
        let after = ssh(&busybox, "t-busybox-1", boot_id);
        after.status.success() && text(&after) != before
    };
    wait_until("the busybox host is back after a reboot", again).await;

    let host = "t-small-1";
    assert!(!ssh(&small, host, "sudo -n true").status.success());
    let sudo = |password: &str| format!("printf '%s\\n' {password} | sudo -k -S -p '' id -un");
    assert!(!ssh(&small, host, &sudo("wrong")).status.success());
    assert_eq!(
        text(&ssh(&small, host, &sudo(r#""s3cret & 'quoted'""#))),
        "root"
    );
    assert!(!small.inventory().contains("s3cret"));
    assert_eq!(
        small.sudo_password().unwrap().as_deref(),
        Some("s3cret & 'quoted'")
    );
    let full = ssh(&small, host, "dd if=/dev/zero of=big bs=1M count=64");
    assert!(
        String::from_utf8_lossy(&full.stderr).contains("No space left"),
        "{full:?}"
    );
    // The limit holds for the host, and what it wrote is still there after a power cut.
    small.kill(host).await.unwrap();
    small.start(host).await.unwrap();
    assert_eq!(
        text(&ssh(&small, host, "test -s big && rm big && echo ok")),
        "ok"
    );

    for name in ["t-busybox", "t-small"] {
        down(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_is_cleared_away_or_completed() {
    if skipped() {
        return;
    }
    let name = "t-kill";
    down(name).await;
    // Once undisturbed, so that the base is there.
    up(Options::new(name, 2)).await;
    down(name).await;
    for milliseconds in [5, 20, 40, 60, 80, 120, 180, 300, 500] {
        let mut hoist = Command::new(HOIST)
            .args(["lab", "up", "-n", "2", "--name", name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        hoist.kill().unwrap();
        hoist.wait().unwrap();
        let before = links();
        if milliseconds % 40 == 0 {
            // Every other time it is gone on with.
            let lab = up(Options::new(name, 2)).await;
            for host in lab.hosts() {
                assert_eq!(text(&ssh(&lab, &host.name, "hostname")), host.name);
            }
        }
        let number = Lab::open(name).ok().map(|lab| interface(&lab));
        down(name).await;
        if let Some(link) = number {
            assert!(!links().contains(&link), "{before:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_was_never_finished_is_cleared_away() {
    if skipped() {
        return;
    }
    let name = "t-base";
    down(name).await;
    let cache = tempfile::tempdir().unwrap();
    let hoist = |arguments: &[&str]| {
        let mut command = Command::new(HOIST);
        command.args(arguments).env("HOIST_CACHE", cache.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mut up = hoist(&["lab", "up", "-n", "1", "--name", name])
        .spawn()
        .unwrap();
    let partial = cache.path().join("lab/partial");
    wait_until("the base is begun", || partial.join("root/usr").exists()).await;
    up.kill().unwrap();
    up.wait().unwrap();
    assert!(partial.exists());
    let done = hoist(&["lab", "down", "--name", name]).status().unwrap();
    assert!(done.success());
    assert!(!partial.exists());
    assert_eq!(fs::read_to_string("/proc/self/mounts").unwrap(), mounts);
    assert_eq!(traces(name), BTreeSet::new());
    let left: Vec<_> = fs::read_dir(cache.path().join("lab"))
        .unwrap()
        .flatten()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
