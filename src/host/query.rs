//! Questions about a host. They change nothing.

use std::collections::BTreeMap;

/// One question. Equal questions share one answer until an action touches it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Query {
    /// What is at a path. Answer: [`Answer::Stat`], `None` when nothing is there.
    Stat {
        /// Absolute path (or relative to the account's home).
        path: String,
        /// Whether a symbolic link is followed.
        follow: bool,
    },
    /// The digest of a regular file, links followed. Answer: [`Answer::Text`] in lower-case hex, `None` when there is no readable file.
    Digest {
        /// The file.
        path: String,
        /// Which.
        algorithm: Algorithm,
    },
    /// A file's bytes, links followed. Answer: [`Answer::Bytes`], `None` when there is no readable file.
    Content {
        /// The file.
        path: String,
    },
    /// A Debian package's `dpkg-query` status. Answer: [`Answer::Fields`] with `status` (`install ok installed`),
    /// `version`, `architecture`, `provides`; `None` when dpkg does not know it.
    Dpkg {
        /// Package name, `:arch` allowed.
        name: String,
    },
    /// A systemd unit's properties. Answer: [`Answer::Fields`] of `systemctl show` (LoadState, ActiveState, SubState,
    /// UnitFileState, …) plus `is_enabled` as `systemctl is-enabled` prints it. Always answered when systemd is there, with
    /// `is_enabled` alone for a template, in `global` scope, or when systemd does not run; `None` when the host has no systemd.
    Unit {
        /// Unit name with its suffix.
        name: String,
        /// `system`, `user` or `global`.
        scope: String,
    },
    /// An account from `getent passwd`. Answer: [`Answer::Fields`] name, uid, gid, gecos, home, shell, `groups` (comma separated,
    /// supplementary), `group` (primary's name), `shadow` (the password field) and `expires` (days) where readable.
    User {
        /// Login name.
        name: String,
    },
    /// A group from `getent group`. Answer: [`Answer::Fields`] name, gid, members (comma separated).
    Group {
        /// Group name.
        name: String,
    },
    /// Any other command that only reads; whoever writes one vouches for that. Answer: [`Answer::Output`].
    Read {
        /// POSIX sh text.
        script: String,
        /// Environment of the task.
        env: BTreeMap<String, String>,
    },
}

/// A digest algorithm, by the name Ansible gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// md5
    Md5,
    /// sha1, Ansible's default for `checksum`
    Sha1,
    /// sha224
    Sha224,
    /// sha256, ours for comparing
    Sha256,
    /// sha384
    Sha384,
    /// sha512
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// The coreutils program that computes it.
    pub fn tool(self) -> &'static str {
        match self {
            Self::Md5 => "md5sum",
            Self::Sha1 => "sha1sum",
            Self::Sha224 => "sha224sum",
            Self::Sha256 => "sha256sum",
            Self::Sha384 => "sha384sum",
            Self::Sha512 => "sha512sum",
        }
    }
}

/// What a [`Query`] was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Metadata of a path.
    Stat(Option<Stat>),
    /// A short text.
    Text(Option<String>),
    /// A file's bytes.
    Bytes(Option<std::sync::Arc<[u8]>>),
    /// Named fields.
    Fields(Option<BTreeMap<String, String>>),
    /// A command's exit status and output.
    Output {
        /// Exit status.
        rc: i32,
        /// Standard output.
        stdout: String,
        /// Standard error.
        stderr: String,
    },
}

/// The kind of thing at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// Regular file
    File,
    /// Directory
    Directory,
    /// Symbolic link
    Link,
    /// Named pipe
    Fifo,
    /// Socket
    Socket,
    /// Block device
    Block,
    /// Character device
    Char,
}

/// Metadata of a path, as `stat(1)` reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stat {
    /// Kind.
    pub kind: FileType,
    /// Permission bits, `0o7777` at most.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Owner's name, or its number as text.
    pub owner: String,
    /// Group's name, or its number as text.
    pub group: String,
    /// Bytes.
    pub size: u64,
    /// Inode.
    pub inode: u64,
    /// Device number.
    pub device: u64,
    /// Hard links.
    pub links: u64,
    /// Times in seconds since 1970: access, modification, status change.
    pub atime: f64,
    /// Modification.
    pub mtime: f64,
    /// Status change.
    pub ctime: f64,
    /// Where a symbolic link points, as written in it.
    pub link: Option<String>,
    /// Where a symbolic link leads in the end (`readlink -f`), when it leads somewhere.
    pub real: Option<String>,
    /// Whether the account may read, write, execute it.
    pub access: (bool, bool, bool),
}

impl Eq for Stat {}

impl Query {
    /// `lstat`: a link itself.
    pub fn lstat(path: &str) -> Self {
        Self::Stat {
            path: path.to_owned(),
            follow: false,
        }
    }

    /// `stat`: what a link leads to.
    pub fn stat(path: &str) -> Self {
        Self::Stat {
            path: path.to_owned(),
            follow: true,
        }
    }

    /// SHA-256 of a file.
    pub fn sha256(path: &str) -> Self {
        Self::Digest {
            path: path.to_owned(),
            algorithm: Algorithm::Sha256,
        }
    }

    /// The umask that everything on the host is made under.
    pub fn umask() -> Self {
        Self::read("umask")
    }

    /// Whether no change of a file alters the answer: the shell that is asked and its account stay the same.
    pub(super) fn lasts(&self) -> bool {
        matches!(self, Self::Read { script, env } if script == "umask" && env.is_empty())
    }

    /// A reading command without environment.
    pub fn read(script: impl Into<String>) -> Self {
        Self::Read {
            script: script.into(),
            env: BTreeMap::new(),
        }
    }
}
