//! Tests against an sshd of their own on loopback. Without root or without sshd they say so and do nothing.

use super::*;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// An sshd in a directory of its own; killed when dropped.
pub(super) struct Sshd {
    dir: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keygen(file: &Path) {
    let _ = std::fs::remove_file(file);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file)
        .status()
        .unwrap();
    assert!(made.success());
}

impl Sshd {
    pub(super) fn start(options: &str) -> Option<Self> {
        static PORT: AtomicU16 = AtomicU16::new(0);
        if !nix::unistd::geteuid().is_root() || !Path::new("/usr/sbin/sshd").exists() {
            eprintln!("not run: this needs root and /usr/sbin/sshd");
            return None;
        }
        let _ = std::fs::create_dir("/run/sshd");
        let dir = tempfile::tempdir().unwrap();
        let p = |name: &str| dir.path().join(name);
        keygen(&p("host"));
        keygen(&p("user"));
        std::fs::copy(p("user.pub"), p("authorized")).unwrap();
        for _ in 0..50 {
            let port = 20_000
                + (std::process::id() as u16 % 500) * 20
                + PORT.fetch_add(1, Ordering::Relaxed) % 20;
            let config = format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nStrictModes no\n\
                 UsePAM no\nKbdInteractiveAuthentication no\nPidFile none\nPasswordAuthentication no\nPermitRootLogin yes\n{options}\n",
                dir.path().display()
            );
            std::fs::write(p("sshd_config"), config).unwrap();
            let mut child = Command::new("/usr/sbin/sshd")
                .args(["-D", "-e", "-f"])
                .arg(p("sshd_config"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            for _ in 0..100 {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
                    && child.try_wait().unwrap().is_none()
                {
                    let sshd = Self { dir, port, child };
                    sshd.know("host");
                    return Some(sshd);
                }
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        panic!("no sshd on any port");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes known_hosts so that this key is the known one.
    fn know(&self, key: &str) {
        let public = std::fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap();
        std::fs::write(
            self.path("known"),
            format!("[127.0.0.1]:{} {public}", self.port),
        )
        .unwrap();
    }

    pub(super) fn target(&self) -> Target {
        self.target_with(&[], false)
    }

    fn target_with(&self, args: &[&str], accept_new: bool) -> Target {
        let mut all = vec![
            "-F".to_owned(),
            "/dev/null".into(),
            "-o".into(),
            format!("UserKnownHostsFile={}", self.path("known").display()),
            "-o".into(),
            "IdentitiesOnly=yes".into(),
        ];
        all.extend(args.iter().map(|a| (*a).to_owned()));
        Target::Ssh {
            host: "127.0.0.1".into(),
            port: Some(self.port),
            user: Some("root".into()),
            key: Some(self.path("user")),
            args: all,
            accept_new,
            timeout: 5,
        }
    }
}

pub(super) fn links() -> Links {
    Links::new(LinkOptions::default()).unwrap()
}

fn frame(script: &str) -> Frame {
    Frame {
        script: script.into(),
        ..Frame::default()
    }
}

async fn out(shell: &mut Box<dyn Shell>, script: &str) -> String {
    let reply = shell.exec(&frame(script)).await.unwrap();
    String::from_utf8(reply.stdout).unwrap()
}

#[tokio::test]
async fn shells_of_one_host_share_one_connection() {
    let Some(sshd) = Sshd::start("") else { return };
    let links = links();
    let target = sshd.target();
    let (a, b) = tokio::join!(
        links.connect(&target, &Account::Login, None),
        links.connect(&target, &Account::Login, None)
    );
    let (mut a, mut b) = (a.unwrap(), b.unwrap());
    let connection = "echo $SSH_CONNECTION";
    let first = out(&mut a, connection).await;
    assert!(first.starts_with("127.0.0.1 "), "{first}");
    assert_eq!(first, out(&mut b, connection).await);
    let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let reply = a
        .exec(&Frame {
            input: Input::Bytes(bytes.clone().into()),
            ..frame("cat")
        })
        .await
        .unwrap();
    assert!(reply.stdout == bytes);
    links.forget(&target).await;
    let mut c = links.connect(&target, &Account::Login, None).await.unwrap();
    assert_ne!(first, out(&mut c, connection).await);
    links.close().await;
}

#[tokio::test]
async fn host_keys_are_checked() {
    let Some(sshd) = Sshd::start("") else { return };
    let links = links();
    keygen(&sshd.path("other"));
    sshd.know("other");
    let said = |e: LinkError| {
        e.to_string()
            .replace(sshd.dir.path().to_str().unwrap(), "DIR")
            .replace(&sshd.port.to_string(), "PORT")
    };
    let error = links
        .connect(&sshd.target(), &Account::Login, None)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, LinkError::HostKey(_)));
    insta::assert_snapshot!(said(error), @r#"host key verification failed: the key of `127.0.0.1` has changed, the known one is in DIR/known:1: refused, nothing was sent; if the host was set up anew, run `ssh-keygen -f "DIR/known" -R "[127.0.0.1]:PORT"` and connect again"#);
    // `--accept-new` takes the unknown, never the changed.
    let error = links
        .connect(&sshd.target_with(&[], true), &Account::Login, None)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, LinkError::HostKey(_)));
    std::fs::write(sshd.path("known"), "").unwrap();
    let error = links
        .connect(&sshd.target(), &Account::Login, None)
        .await
        .err()
        .unwrap();
    insta::assert_snapshot!(said(error), @"host key verification failed: the key of `127.0.0.1` is not in known_hosts: refused, nothing was sent; connect once with `ssh` to check its fingerprint, or use `--accept-new` to take the keys of hosts never seen before");
    links
        .connect(&sshd.target_with(&[], true), &Account::Login, None)
        .await
        .unwrap();
    assert!(
        std::fs::read_to_string(sshd.path("known"))
            .unwrap()
            .contains("ed25519")
    );
}

#[tokio::test]
async fn refusals_and_dead_hosts_are_told_apart() {
    let Some(sshd) = Sshd::start("") else { return };
    let links = links();
    let mut target = sshd.target();
    let connect = async |target: &Target| {
        links
            .connect(target, &Account::Login, None)
            .await
            .err()
            .unwrap()
    };
    let Target::Ssh { key, .. } = &mut target else {
        unreachable!()
    };
    *key = Some(sshd.path("host"));
    let error = connect(&target).await;
    insta::assert_snapshot!(error, @"permission denied: root@127.0.0.1: Permission denied (publickey).; no key of the agent or of ssh_config was accepted, and hoist never asks for passwords");
    let Target::Ssh { port, .. } = &mut target else {
        unreachable!()
    };
    *port = Some(1);
    insta::assert_snapshot!(connect(&target).await, @"failed to connect: 127.0.0.1 port 1: Connection refused");
    let Target::Ssh { host, .. } = &mut target else {
        unreachable!()
    };
    *host = "no-such-host.invalid".into();
    let error = connect(&target).await.to_string();
    assert!(
        error.starts_with("failed to connect: cannot resolve the name no-such-host.invalid"),
        "{error}"
    );
    let Target::Ssh { host, .. } = &mut target else {
        unreachable!()
    };
    *host = "-oProxyCommand=touch /tmp/x".into();
    insta::assert_snapshot!(connect(&target).await, @"failed to connect: `-oProxyCommand=touch /tmp/x` is not a host name");
    let proxied = sshd.target_with(&["-o", "ProxyCommand=false"], false);
    let error = connect(&proxied).await.to_string();
    assert!(
        error.starts_with(
            "failed to connect: the ProxyJump or ProxyCommand of `127.0.0.1` ended before it connected ("
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_timeout_kills_on_the_host() {
    let Some(sshd) = Sshd::start("") else { return };
    let links = links();
    let mut shell = links
        .connect(&sshd.target(), &Account::Login, None)
        .await
        .unwrap();
    let mark = sshd.path("mark");
    let script = format!(
        "sh -c 'sleep 5; echo x >{0}; :'; echo y >{0}",
        mark.display()
    );
    let answer = shell
        .exec(&Frame {
            timeout: Some(Duration::from_millis(300)),
            ..frame(&script)
        })
        .await;
    assert_eq!(answer, Err(LinkError::Timeout(Duration::from_millis(300))));
    tokio::time::sleep(Duration::from_millis(5500)).await;
    assert!(!mark.exists());
}

/// Every process whose command line mentions `words`.
fn processes(words: &str) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|e| std::fs::read(e.path().join("cmdline")).ok())
        .filter(|c| {
            String::from_utf8_lossy(c)
                .replace('\0', " ")
                .contains(words)
        })
        .count()
}

#[tokio::test]
async fn a_cut_connection_is_lost_and_nothing_stays_behind() {
    let Some(sshd) = Sshd::start("") else { return };
    let links = links();
    let target = sshd.target();
    let mut shell = links.connect(&target, &Account::Login, None).await.unwrap();
    // With the slash: who clears up is told the directory alone.
    let sockets = format!("{}/", links.directory().display());
    assert_eq!(processes(&sockets), 1, "the control master");
    // The server's process for this connection is the shell's parent's parent.
    let parent = out(&mut shell, "echo $PPID").await;
    let cut = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Command::new("kill")
            .args(["-9", parent.trim()])
            .status()
            .unwrap()
    };
    let script = frame("sleep 5; echo done");
    let (lost, _) = tokio::join!(shell.exec(&script), cut);
    assert!(
        matches!(
            &lost,
            Err(LinkError::Lost {
                maybe_ran: true,
                ..
            })
        ),
        "{lost:?}"
    );
    // The next shell finds the master dead and makes another.
    let mut shell = links.connect(&target, &Account::Login, None).await.unwrap();
    assert_eq!(out(&mut shell, "echo again").await, "again\n");
    drop(shell);
    links.close().await;
    let begun = Instant::now();
    while processes(&sockets) > 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "a master lives on"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_crowded_server_is_tried_again() {
    let Some(sshd) = Sshd::start("MaxStartups 2") else {
        return;
    };
    let links = links();
    // Each connects on its own, as different hosts behind one address do.
    let targets: Vec<Target> = (0..8)
        .map(|n| sshd.target_with(&["-o", &format!("SetEnv=N={n}")], false))
        .collect();
    let shells = targets
        .iter()
        .map(|t| links.connect(t, &Account::Login, None));
    let all = futures_util::future::join_all(shells).await;
    let errors: Vec<String> = all
        .iter()
        .filter_map(|r| r.as_ref().err().map(ToString::to_string))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// A user of this machine with a password and rules for sudo, removed when dropped.
struct Person(String);

impl Person {
    fn make(name: &str, password: &str, rule: &str) -> Option<Self> {
        if !Path::new("/usr/bin/sudo").exists() {
            eprintln!("not run: this needs sudo");
            return None;
        }
        let _ = Command::new("userdel")
            .args(["-rf", name])
            .stderr(Stdio::null())
            .status();
        let made = Command::new("useradd")
            .args(["-m", "-s", "/bin/sh", name])
            .status()
            .unwrap();
        assert!(made.success());
        let mut child = Command::new("chpasswd")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(
            &mut child.stdin.take().unwrap(),
            format!("{name}:{password}\n").as_bytes(),
        )
        .unwrap();
        assert!(child.wait().unwrap().success());
        std::fs::write(format!("/etc/sudoers.d/{name}"), format!("{name} {rule}\n")).unwrap();
        Some(Self(name.to_owned()))
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(format!("/etc/sudoers.d/{}", self.0));
        let _ = Command::new("userdel")
            .args(["-rf", &self.0])
            .stderr(Stdio::null())
            .status();
    }
}

fn become_root(method: &str) -> Account {
    Account::Other(Become {
        method: method.into(),
        user: "root".into(),
        flags: None,
        exe: None,
    })
}

#[tokio::test]
async fn other_users_by_sudo_and_su() {
    let Some(sshd) = Sshd::start("") else { return };
    let (ann, bob) = ["a", "b"]
        .map(|n| format!("hoist{}{n}", std::process::id()))
        .into();
    let Some(_ann) = Person::make(&ann, "ann's pass", "ALL=(ALL) ALL") else {
        return;
    };
    let Some(_bob) = Person::make(&bob, "bob-pass", "ALL=(ALL) NOPASSWD: ALL") else {
        return;
    };
    let links = links();
    let target = |name: &str| {
        let mut target = sshd.target();
        if let Target::Ssh { user, .. } = &mut target {
            *user = Some(name.to_owned());
        }
        target
    };
    std::fs::set_permissions(
        sshd.dir.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let open = async |name: &str, account: &Account, password: Option<&str>| {
        let password = password.map(Password::new);
        links
            .connect(&target(name), account, password.as_ref())
            .await
    };
    let who = "id -un; echo $HOME";
    let mut shell = open(&ann, &Account::Login, None).await.unwrap();
    assert_eq!(out(&mut shell, who).await, format!("{ann}\n/home/{ann}\n"));
    let sudo = become_root("sudo");
    let mut shell = open(&ann, &sudo, Some("ann's pass")).await.unwrap();
    assert_eq!(out(&mut shell, who).await, "root\n/root\n");
    // No password is asked for here: it must not be read as shell text.
    let mut shell = open(&bob, &sudo, Some("touch /tmp/hoist-oops"))
        .await
        .unwrap();
    assert_eq!(out(&mut shell, who).await, "root\n/root\n");
    assert!(!Path::new("/tmp/hoist-oops").exists());
    let mut shell = open(&bob, &sudo, None).await.unwrap();
    assert_eq!(out(&mut shell, "id -un").await, "root\n");
    let begun = Instant::now();
    let error = open(&ann, &sudo, Some("wrong")).await.err().unwrap();
    insta::assert_snapshot!(error, @"failed to become the other user: sudo to `root`: the password is wrong");
    assert!(begun.elapsed() < Duration::from_secs(8));
    let error = open(&ann, &sudo, None).await.err().unwrap();
    insta::assert_snapshot!(error, @"failed to become the other user: sudo to `root`: sudo: a password is required; give it with `-K` or `ansible_become_password`");
    let nobody = Account::Other(Become {
        method: "sudo".into(),
        user: "no-such".into(),
        flags: None,
        exe: None,
    });
    let error = open(&bob, &nobody, None).await.err().unwrap().to_string();
    assert!(error.contains("unknown user"), "{error}");
    let su = |user: &str| {
        Account::Other(Become {
            method: "su".into(),
            user: user.into(),
            flags: None,
            exe: None,
        })
    };
    let mut shell = open("root", &su(&bob), None).await.unwrap();
    assert_eq!(out(&mut shell, "id -un").await, format!("{bob}\n"));
    let mut shell = open(&ann, &su(&bob), Some("bob-pass")).await.unwrap();
    assert_eq!(out(&mut shell, "id -un").await, format!("{bob}\n"));
    let error = open(&ann, &su(&bob), Some("wrong")).await.err().unwrap();
    insta::assert_snapshot!(error.to_string().replace(&bob, "BOB"), @"failed to become the other user: su to `BOB`: the password is wrong");
    let error = open(&ann, &su(&bob), None).await.err().unwrap();
    insta::assert_snapshot!(error.to_string().replace(&bob, "BOB"), @"failed to become the other user: su to `BOB` asks for a password: give it with `-K` or `ansible_become_password`");
    // A timeout kills what runs as the other user.
    let mut shell = open(&bob, &sudo, None).await.unwrap();
    let mark = sshd.path("mark");
    let script = format!("sleep 3; echo x >{}", mark.display());
    let answer = shell
        .exec(&Frame {
            timeout: Some(Duration::from_millis(300)),
            ..frame(&script)
        })
        .await;
    assert!(matches!(answer, Err(LinkError::Timeout(_))));
    tokio::time::sleep(Duration::from_millis(3200)).await;
    assert!(!mark.exists());
}
