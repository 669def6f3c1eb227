//! The OpenSSH control master of one host.

use super::pipe_shell::Pipes;
use super::ssh_words;
use super::stream::Stream;
use super::{LinkError, Target};
use openssh::{ForwardType, Session, Socket, Stdio};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A control master that was started and let us in. When hoist goes away, however it goes, its channels close and ssh
/// ends the master by itself a few seconds later (`ControlPersist`).
pub(super) struct Master {
    session: Arc<Session>,
    log: PathBuf,
    /// The local socket of each place that streams are opened to.
    forwards: tokio::sync::Mutex<HashMap<(String, u16), PathBuf>>,
}

impl Master {
    /// Connects with `ssh`; sockets and logs lie in `dir`, which only we can enter.
    ///
    /// # Errors
    /// [`LinkError::Connect`], [`LinkError::HostKey`], [`LinkError::Auth`], from ssh's own last words.
    pub(super) async fn connect(
        ssh: &Path,
        dir: &Path,
        target: &Target,
    ) -> Result<Self, LinkError> {
        let Target::Ssh { host, timeout, .. } = target else {
            return Err(LinkError::Connect("this machine needs no ssh".into()));
        };
        if host.is_empty() || host.starts_with('-') {
            return Err(LinkError::Connect(format!("`{host}` is not a host name")));
        }
        let mut tries = 0u32;
        loop {
            tries += 1;
            match Self::try_connect(ssh, dir, target, host, *timeout).await {
                Err((_, words)) if tries <= 6 && ssh_words::was_crowded_out(&words) => {
                    // Hosts behind one jump host must not all come back together.
                    let spread = getrandom::u32().unwrap_or_default() % 400;
                    tokio::time::sleep(Duration::from_millis(u64::from(200 * tries + spread)))
                        .await;
                }
                other => return other.map_err(|(error, _)| error),
            }
        }
    }

    async fn try_connect(
        ssh: &Path,
        dir: &Path,
        target: &Target,
        host: &str,
        timeout: u64,
    ) -> Result<Self, (LinkError, String)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let socket = dir.join(format!("{number}"));
        let log = dir.join(format!("{number}.log"));
        let failed = |text: String| (LinkError::Connect(text.clone()), text);
        let to_log = || {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&log)
                .map_err(|e| failed(format!("cannot write `{}`: {e}", log.display())))
        };
        let mut command = tokio::process::Command::new(ssh);
        command
            .args(arguments(target, &socket, &log))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(to_log()?)
            // Ctrl-C at our terminal is for us, not for the connection that has to finish its work.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|e| failed(format!("cannot start `{}`: {e}", ssh.display())))?;
        // ConnectTimeout covers the connection only; a server may also fall silent later.
        let patience = Duration::from_secs(timeout.saturating_mul(3).max(30));
        let status = match tokio::time::timeout(patience, child.wait()).await {
            Ok(status) => status.map_err(|e| failed(format!("cannot wait for ssh: {e}")))?,
            Err(_) => {
                let _ = child.kill().await;
                return Err(failed(format!(
                    "`{host}` took the connection and then said nothing for {} s",
                    patience.as_secs()
                )));
            }
        };
        let words = tail(&log);
        if !status.success() {
            return Err((ssh_words::classify(&words, host), words));
        }
        Ok(Self {
            session: Arc::new(Session::resume_mux(socket.into_boxed_path(), None)),
            log,
            forwards: tokio::sync::Mutex::default(),
        })
    }

    /// Starts `command` in a channel of its own.
    ///
    /// # Errors
    /// A message; the master is most likely gone.
    pub(super) async fn open(&self, command: &str) -> Result<Pipes, String> {
        let mut remote = Arc::clone(&self.session).arc_raw_command(command);
        remote
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = remote.spawn().await.map_err(|e| whole_story(&e))?;
        let (stdin, stdout, stderr) = (
            child.stdin().take(),
            child.stdout().take(),
            child.stderr().take(),
        );
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err("ssh gave no channel".into());
        };
        Ok(Pipes {
            stdin: Box::new(stdin),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            _alive: Box::new(child),
        })
    }

    /// A stream to a port as the host sees it, in a channel of this connection. That it opens does not mean that somebody
    /// listens there: then it ends at once, and [`Self::refusal`] knows why.
    ///
    /// # Errors
    /// A message; the master is most likely gone.
    pub(super) async fn stream(&self, host: &str, port: u16) -> Result<Stream, String> {
        let mut forwards = self.forwards.lock().await;
        let key = (host.to_owned(), port);
        let path = match forwards.get(&key) {
            Some(path) => path.clone(),
            None => {
                // in a directory of their own: beside them lie the control sockets, and only those
                let mut path = self.log.with_extension("f");
                std::fs::create_dir_all(&path).map_err(|e| e.to_string())?;
                path.push(forwards.len().to_string());
                self.session
                    .request_port_forward(
                        ForwardType::Local,
                        path.as_path(),
                        Socket::new(host.to_owned(), port),
                    )
                    .await
                    .map_err(|e| whole_story(&e))?;
                forwards.insert(key, path.clone());
                path
            }
        };
        drop(forwards);
        let stream = tokio::net::UnixStream::connect(&path)
            .await
            .map_err(|e| e.to_string())?;
        Ok(Box::new(stream))
    }

    /// Why the host's side did not open a stream, in its own words, if it was refused lately.
    pub(super) fn refusal(&self) -> Option<String> {
        let words = tail(&self.log);
        let line = words.lines().rev().find(|l| l.contains("open failed:"))?;
        let (_, why) = line.split_once("open failed:")?;
        Some(why.trim().to_owned())
    }

    /// The socket that other programs may open channels through.
    pub(super) fn socket(&self) -> PathBuf {
        self.session.control_socket().into()
    }

    /// What ssh said last, if it said why the connection ended.
    pub(super) fn last_words(&self) -> Option<String> {
        let words = tail(&self.log);
        words
            .lines()
            .rev()
            .map(str::trim)
            .find(|l| {
                l.contains("not responding")
                    || l.contains("Connection reset")
                    || l.contains("closed by remote host")
                    || l.contains("Broken pipe")
                    || l.contains("disconnect")
            })
            .map(str::to_owned)
    }

    /// Tells the master to take no more channels and to end when its last one is closed.
    pub(super) async fn close(&self) {
        let stop = async {
            // `Session::close` consumes; a second handle to the same socket does for that.
            let again = Session::resume_mux(self.session.control_socket().into(), None);
            let _ = again.close().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), stop).await;
    }
}

/// An error and what caused it, in one line.
fn whole_story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// The last 16 KiB of a log.
fn tail(log: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(16 << 10)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// What starts the master: no command, its log and socket, what must hold, then the target's own.
fn arguments(target: &Target, socket: &Path, log: &Path) -> Vec<std::ffi::OsString> {
    let Target::Ssh { host, .. } = target else {
        return Vec::new();
    };
    let mut list: Vec<std::ffi::OsString> = vec!["-N".into(), "-E".into(), log.into(), "-S".into()];
    // `%` begins a token in ControlPath; temporary directories may hold one.
    list.push(socket.to_string_lossy().replace('%', "%%").into());
    for text in [
        "ControlMaster=yes",
        "ControlPersist=8",
        "BatchMode=yes",
        "RemoteCommand=none",
        "RequestTTY=no",
    ] {
        list.extend(["-o".into(), text.into()]);
    }
    list.extend(target.ssh_options());
    list.extend(["--".into(), host.into()]);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_for_ssh() {
        let target = Target::Ssh {
            host: "web1".into(),
            port: Some(2222),
            user: Some("deploy".into()),
            key: Some("/k e".into()),
            args: vec!["-o".into(), "StrictHostKeyChecking=no".into()],
            accept_new: false,
            timeout: 10,
        };
        let list: Vec<String> = arguments(&target, Path::new("/t/0"), Path::new("/t/0.log"))
            .into_iter()
            .map(|a| a.to_string_lossy().into_owned())
            .collect();
        insta::assert_snapshot!(list.join(" "), @"-N -E /t/0.log -S /t/0 -o ControlMaster=yes -o ControlPersist=8 -o BatchMode=yes -o RemoteCommand=none -o RequestTTY=no -o Port=2222 -o User=deploy -i /k e -o StrictHostKeyChecking=no -o ConnectTimeout=10 -o StrictHostKeyChecking=yes -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -- web1");
    }
}
