//! Who clears up on this machine when hoist is killed.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// For each control socket in `$2`: ends the ssh behind it. `$1` is the ssh program.
///
/// The end of its input is the end of hoist. Ctrl-C and the like are for hoist, not for it.
const SCRIPT: &str = r#"trap '' INT TERM HUP; read -r x
[ -d "$2" ] || exit 0
for s in "$2"/*; do [ -S "$s" ] && "$1" -S "$s" -O exit -- hoist; done
rm -rf -- "$2""#;

/// A process that waits until hoist is gone, whatever ended it, and then ends the control masters and removes their
/// directory. Without it a master lives on as long as the command that it carries.
pub(super) struct Undertaker(Option<Child>);

impl Undertaker {
    /// Starts it; where that fails, a killed hoist leaves its masters to `ControlPersist`.
    pub(super) fn call(ssh: &Path, dir: &Path) -> Self {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "hoist-undertaker"])
            .args([ssh, dir])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Self(child.ok())
    }

    /// Sends it away: the masters were told to end.
    pub(super) fn dismiss(mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Undertaker {
    /// Lets it do its work, and waits for that: nothing of ours shall be left when hoist has ended.
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
