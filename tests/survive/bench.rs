//! The hosts that all these tests share.

use hoist::lab::{Kind, Lab, Options};
use std::process::{Command, Stdio};
use tokio::sync::OnceCell;

/// The program under test.
pub const HOIST: &str = env!("CARGO_BIN_EXE_hoist");

/// A sudo password, chosen so that it is found when it leaks and means trouble where it is not quoted.
pub const SUDO_PASSWORD: &str = "p01son-sudo & 'quoted' $x";

/// For tests that leave the host as it is.
pub const CALM: &str = "t-survive-1";
/// For tests that pull its cable.
pub const CUT: [&str; 2] = ["t-survive-2", "t-survive-3"];
/// Switched off for good.
pub const OFF: &str = "t-survive-4";
/// For the test that reboots it.
pub const REBOOTED: &str = "t-survive-5";
/// Its key is not the one that is known; nobody else logs in to it.
pub const STRANGER: &str = "t-survive-6";
/// For the test that kills hoist.
pub const KILLED: &str = "t-survive-7";
/// Sudo asks for [`SUDO_PASSWORD`], and the disk has 32 MB.
pub const SMALL: &str = "t-tight-1";
/// busybox only.
pub const BUSYBOX: &str = "t-spare-1";

/// Whether to leave a test out because the user said so; a machine that can have no labs fails instead.
pub fn skipped() -> bool {
    let skip = std::env::var_os("HOIST_SKIP_LAB").is_some_and(|v| v == "1");
    if skip {
        eprintln!("SKIPPED: HOIST_SKIP_LAB=1 is set, no lab is made");
    } else {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests need root: run them with sudo, or set HOIST_SKIP_LAB=1"
        );
    }
    skip
}

/// Debian hosts; brought up by whoever asks first.
pub async fn lab() -> &'static Lab {
    static LAB: OnceCell<Lab> = OnceCell::const_new();
    LAB.get_or_init(|| up(Options::new("t-survive", 7))).await
}

/// The lab of [`SMALL`].
pub async fn small() -> &'static Lab {
    static LAB: OnceCell<Lab> = OnceCell::const_new();
    LAB.get_or_init(|| {
        up(Options {
            sudo_password: Some(SUDO_PASSWORD.to_owned()),
            disk: Some(32 << 20),
            ..Options::new("t-tight", 1)
        })
    })
    .await
}

/// The lab of [`BUSYBOX`].
pub async fn busybox() -> &'static Lab {
    static LAB: OnceCell<Lab> = OnceCell::const_new();
    LAB.get_or_init(|| {
        up(Options {
            kind: Kind::Busybox,
            ..Options::new("t-spare", 1)
        })
    })
    .await
}

async fn up(options: Options) -> Lab {
    Lab::down(&options.name, &|_| {}).await.unwrap();
    // Nothing of ours runs when the last test is done. This one waits for our end of its pipe to close, however we end.
    let script = format!("read -r x; exec {HOIST} lab down --name {}", options.name);
    let cleaner = Command::new("setsid")
        .args(["sh", "-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::mem::forget(cleaner);
    Lab::up(&options, &|line| eprintln!("{line}"))
        .await
        .unwrap()
}

/// What a script for `sh` prints, run as root on a host, past SSH.
pub async fn inside(lab: &Lab, host: &str, script: &str) -> String {
    let out = lab.run_in(host, &["sh", "-c", script]).await.unwrap();
    assert!(out.status.success(), "{script}: {out:?}");
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Every temporary file of hoist on a host, wherever it lies; waits a little for those of scripts that are ending.
pub async fn no_leftovers(lab: &Lab, host: &str) {
    let find = "find / -xdev '(' -name '*.hoist-*' -o -name 'hoist*' -path '*/tmp/*' ')' ! -path '/proc/*'";
    let mut found = String::new();
    for _ in 0..100 {
        found = inside(lab, host, find).await;
        if found.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("left on `{host}`:\n{found}");
}
