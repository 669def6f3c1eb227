//! Things done to a host. Each is whole or not at all as far as a shell can make it so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One effect on a host.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Puts a file in place: written beside its target, checked by digest, given mode and owner, then renamed over it.
    Write {
        /// Where. A symbolic link is replaced; resolve it first to write through it.
        path: String,
        /// What.
        content: Content,
        /// Mode, owner, group; what is `None` is kept from the file that stands there, else Ansible's default (0666 less umask, us).
        attrs: Attrs,
        /// Keep a dated copy of the old file; its path comes back in [`Report::backup`].
        backup: bool,
        /// `validate`: a command with `%s` for the temporary file; the write happens only when it succeeds.
        validate: Option<String>,
        /// Write into the existing file when it cannot be replaced (`unsafe_writes`).
        in_place: bool,
    },
    /// Changes mode, owner and group of what exists, and nothing else.
    SetAttrs {
        /// The path.
        path: String,
        /// What to set.
        attrs: Attrs,
        /// Whether a symbolic link is followed.
        follow: bool,
        /// Everything below a directory as well.
        recurse: bool,
    },
    /// Makes a directory; every missing parent too, with the same attributes (as Ansible does).
    MakeDir {
        /// The path.
        path: String,
        /// Set on each directory made.
        attrs: Attrs,
    },
    /// Removes whatever is there, directories with all they hold; links themselves, not what they lead to.
    Remove {
        /// The path.
        path: String,
    },
    /// A symbolic (or hard) link put in place by rename, replacing a file or link that stands there.
    Link {
        /// What the link says.
        target: String,
        /// Where it stands.
        path: String,
        /// A hard link.
        hard: bool,
    },
    /// Copies a file or renames one on the host, atomically as seen at `to`.
    Copy {
        /// From.
        from: String,
        /// To.
        to: String,
        /// Attributes of the copy.
        attrs: Attrs,
        /// Keep a dated copy of what stood at `to`.
        backup: bool,
        /// `validate`, as for `Write`.
        validate: Option<String>,
    },
    /// Runs a command.
    Run(Cmd),
}

/// Owner, group and mode to be set; `None` leaves as it is. Names or numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attrs {
    /// Owner.
    pub owner: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// Permission bits.
    pub mode: Option<u32>,
}

impl Attrs {
    /// Whether nothing is to be set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a [`Action::Write`] writes.
#[derive(Clone, PartialEq)]
pub enum Content {
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// A file of the control machine, streamed.
    File {
        /// Where it is here.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// Its SHA-256 in lower-case hex.
        sha256: String,
    },
}

impl std::fmt::Debug for Content {
    /// Lengths only: contents may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(b) => write!(f, "{} bytes", b.len()),
            Self::File { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

/// A command as data. Only here does an argument list become shell text.
#[derive(Clone, Debug, PartialEq)]
pub struct Cmd {
    /// What runs.
    pub program: Program,
    /// Its standard input; nothing is `/dev/null`. Secrets go in here.
    pub stdin: Option<Arc<[u8]>>,
    /// Working directory.
    pub chdir: Option<String>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// Killed, with all its children, after this time.
    pub timeout: Option<Duration>,
    /// What it may change.
    pub touches: Touches,
}

/// The two kinds of command.
#[derive(Clone, Debug, PartialEq)]
pub enum Program {
    /// A program and its arguments, no shell in between.
    Argv(Vec<String>),
    /// Shell text for `executable` (`/bin/sh`).
    Script {
        /// The text.
        text: String,
        /// The shell.
        executable: String,
    },
}

impl Cmd {
    /// A program with arguments that may change anything.
    pub fn argv<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self::new(Program::Argv(argv.into_iter().map(Into::into).collect()))
    }

    /// Text for `/bin/sh`.
    pub fn script(text: impl Into<String>) -> Self {
        Self::new(Program::Script {
            text: text.into(),
            executable: "/bin/sh".into(),
        })
    }

    fn new(program: Program) -> Self {
        Self {
            program,
            stdin: None,
            chdir: None,
            env: BTreeMap::new(),
            timeout: None,
            touches: Touches::Everything,
        }
    }
}

/// What an action may have made stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touches {
    /// Nothing that is ever asked.
    Nothing,
    /// A path, what is below it and the directories above it.
    Path(String),
    /// Anything.
    Everything,
}

impl Action {
    /// What it may have made stale.
    pub fn touches(&self) -> Touches {
        match self {
            Self::Write { path, .. }
            | Self::SetAttrs { path, .. }
            | Self::MakeDir { path, .. }
            | Self::Remove { path }
            | Self::Link { path, .. }
            | Self::Copy { to: path, .. } => Touches::Path(path.clone()),
            Self::Run(cmd) => cmd.touches.clone(),
        }
    }
}

/// What came of an action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Exit status.
    pub rc: i32,
    /// Standard output, not UTF-8 made so with replacement characters.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Where `backup` put the old file.
    pub backup: Option<String>,
    /// Seconds since 1970 on this machine, start and end.
    pub time: (f64, f64),
    /// Bytes left out of the middle of stdout and stderr, which are kept to a limit.
    pub dropped: (u64, u64),
    /// Why it was not even begun, or was given up (`chdir` failed, no such program, `validate` said no); `rc` is not 0 then.
    pub error: Option<String>,
}
