//! What travels over a link, and the link's own contract.

use super::Sink;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One script for the remote shell. It runs in a subshell of its own, so that no `cd`, variable or `exit` reaches the next.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// POSIX sh text. Never contains a secret that a process list could show: secrets go in by `input`.
    pub script: String,
    /// What the script reads on standard input; [`Input::Nothing`] is `/dev/null`.
    pub input: Input,
    /// After this time the script and all it started are killed and [`LinkError::Timeout`] is the answer.
    pub timeout: Option<Duration>,
    /// Takes standard output as it comes, instead of [`Reply::stdout`].
    pub sink: Option<Sink>,
    /// How many bytes of each stream to keep at its beginning and again at its end; [`KEEP`] when `None`.
    pub keep: Option<usize>,
}

/// What a [`Frame`] keeps of each stream by default: so much of its beginning and so much of its end.
pub const KEEP: usize = 4 << 20;

/// Standard input of a [`Frame`].
#[derive(Clone, Debug, Default)]
pub enum Input {
    /// Closed (`/dev/null`).
    #[default]
    Nothing,
    /// These bytes, exactly; the script must read all of them (`head -c`).
    Bytes(Arc<[u8]>),
    /// A file of the control machine, streamed; `length` bytes of it.
    File {
        /// Where it is.
        path: PathBuf,
        /// How many bytes the script was told to expect.
        length: u64,
    },
}

/// What a script did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Exit status.
    pub rc: i32,
    /// Standard output, exactly; beyond the keep limit the middle is left out and `dropped` says how much.
    pub stdout: Vec<u8>,
    /// Standard error, likewise.
    pub stderr: Vec<u8>,
    /// Bytes left out of the middle of stdout and stderr.
    pub dropped: (u64, u64),
}

/// Why no reply came. None of these says that the script failed: that is a [`Reply`] with its `rc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// No connection could be made; the text is ssh's own last words with a hint.
    Connect(String),
    /// The host's key is not the known one. Nothing was sent.
    HostKey(String),
    /// The host refused every key we have.
    Auth(String),
    /// Becoming the other account failed: wrong or missing password, not allowed, no such account.
    Become(String),
    /// The frame's timeout passed; the script was killed.
    Timeout(Duration),
    /// The connection broke. `maybe_ran`: the script had been sent, so it may have had its effect.
    Lost {
        /// What was seen.
        reason: String,
        /// Whether the script may have run.
        maybe_ran: bool,
    },
}

impl std::fmt::Display for LinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connect(why) => write!(f, "failed to connect: {why}"),
            Self::HostKey(why) => write!(f, "host key verification failed: {why}"),
            Self::Auth(why) => write!(f, "permission denied: {why}"),
            Self::Become(why) => write!(f, "failed to become the other user: {why}"),
            Self::Timeout(after) => write!(f, "timed out after {} s", after.as_secs()),
            Self::Lost {
                reason,
                maybe_ran: true,
            } => {
                write!(
                    f,
                    "connection lost while the task was running (it may have taken effect): {reason}"
                )
            }
            Self::Lost {
                reason,
                maybe_ran: false,
            } => write!(f, "connection lost: {reason}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// Where to connect: what the inventory and the flags say about one host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// This machine, without SSH.
    Local,
    /// A host through OpenSSH; everything that is `None` is left to the user's ssh_config.
    Ssh {
        /// `ansible_host`, an ssh_config alias included.
        host: String,
        /// `ansible_port`.
        port: Option<u16>,
        /// `ansible_user` or `-u`.
        user: Option<String>,
        /// `ansible_ssh_private_key_file` or `--private-key`.
        key: Option<PathBuf>,
        /// `ansible_ssh_common_args` + `ansible_ssh_extra_args`, split like a shell would.
        args: Vec<String>,
        /// Accept and remember the key of a host never seen (`--accept-new`, `host_key_checking = false`).
        accept_new: bool,
        /// `-T`/`ansible_timeout`, seconds.
        timeout: u64,
    },
}

impl Target {
    /// The options that make ssh reach it. ssh takes the first value it meets for an option: what must hold goes before these;
    /// among them come first the inventory's, then the user's, then our defaults. None for this machine.
    pub fn ssh_options(&self) -> Vec<OsString> {
        let Self::Ssh {
            port,
            user,
            key,
            args,
            accept_new,
            timeout,
            ..
        } = self
        else {
            return Vec::new();
        };
        let mut list: Vec<OsString> = Vec::new();
        let option = |list: &mut Vec<OsString>, text: &str| {
            list.extend(["-o".into(), text.into()]);
        };
        if let Some(port) = port {
            option(&mut list, &format!("Port={port}"));
        }
        if let Some(user) = user {
            option(&mut list, &format!("User={user}"));
        }
        if let Some(key) = key {
            list.extend(["-i".into(), key.into()]);
        }
        list.extend(args.iter().map(Into::into));
        option(&mut list, &format!("ConnectTimeout={}", (*timeout).max(1)));
        let checking = if *accept_new { "accept-new" } else { "yes" };
        option(&mut list, &format!("StrictHostKeyChecking={checking}"));
        for text in ["ServerAliveInterval=5", "ServerAliveCountMax=3"] {
            option(&mut list, text);
        }
        list
    }
}

/// Who runs the scripts on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// Whoever the connection is.
    #[default]
    Login,
    /// Another user.
    Other(Become),
}

/// How to become another user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Become {
    /// `sudo`, `su` or `doas`; others were refused at load time.
    pub method: String,
    /// The user to become, `root` by default.
    pub user: String,
    /// `become_flags`, split like a shell would; `None` for the method's default.
    pub flags: Option<Vec<String>>,
    /// `become_exe`.
    pub exe: Option<String>,
}

/// One long-lived shell of one account on one host. Implemented by the real links and by the tests' strict fake.
pub trait Shell: Send {
    /// Runs one script. After an error the shell is unusable and is to be dropped.
    fn exec<'a>(
        &'a mut self,
        frame: &'a Frame,
    ) -> futures_util::future::BoxFuture<'a, Result<Reply, LinkError>>;
}
