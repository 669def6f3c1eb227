//! One path that `find` looks at.

use crate::value::{Map, Value};

/// One line of the listing.
pub struct Entry {
    /// The path.
    pub path: String,
    /// Kind and permissions, as `st_mode`.
    pub bits: u32,
    /// Owner's number.
    pub uid: i64,
    /// Group's number.
    pub gid: i64,
    /// Bytes.
    pub size: i64,
    /// Inode.
    pub inode: i64,
    /// Device.
    pub dev: i64,
    /// Hard links.
    pub nlink: i64,
    /// Of access, change, and change of status.
    pub times: [f64; 3],
    /// Owner's name.
    pub owner: String,
    /// Group's name.
    pub group: String,
}

impl Entry {
    /// From one line; nothing when it is none.
    pub fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(13, '\t');
        let bits = u32::from_str_radix(parts.next()?, 16).ok()?;
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (uid, gid, size, inode, dev, nlink) = (
            number()?,
            number()?,
            number()?,
            number()?,
            number()?,
            number()?,
        );
        let mut time = || parts.next()?.parse::<f64>().ok();
        let times = [time()?, time()?, time()?];
        // An account without a name shows as nothing.
        let mut name = || {
            parts.next().map(|n| {
                if n == "UNKNOWN" {
                    String::new()
                } else {
                    n.to_owned()
                }
            })
        };
        let (owner, group) = (name()?, name()?);
        let path = parts.next()?.to_owned();
        Some(Self {
            path,
            bits,
            uid,
            gid,
            size,
            inode,
            dev,
            nlink,
            times,
            owner,
            group,
        })
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: u32) -> bool {
        self.bits & 0o170_000 == kind
    }

    /// As the result has it.
    pub fn describe(&self) -> Map {
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| {
            out.insert(key.to_owned(), value);
        };
        put("path", self.path.clone().into());
        put("mode", format!("{:04o}", self.bits & 0o7777).into());
        for (key, kind) in [
            ("isdir", DIRECTORY),
            ("ischr", 0o020_000),
            ("isblk", 0o060_000),
            ("isreg", REGULAR),
            ("isfifo", 0o010_000),
            ("islnk", LINK),
            ("issock", 0o140_000),
        ] {
            put(key, self.is(kind).into());
        }
        for (key, number) in [
            ("uid", self.uid),
            ("gid", self.gid),
            ("size", self.size),
            ("inode", self.inode),
            ("dev", self.dev),
            ("nlink", self.nlink),
        ] {
            put(key, number.into());
        }
        for (key, time) in ["atime", "mtime", "ctime"].iter().zip(self.times) {
            put(key, time.into());
        }
        put("gr_name", self.group.clone().into());
        put("pw_name", self.owner.clone().into());
        for (key, bit) in [
            ("wusr", 0o200),
            ("rusr", 0o400),
            ("xusr", 0o100),
            ("wgrp", 0o20),
            ("rgrp", 0o40),
            ("xgrp", 0o10),
            ("woth", 2),
            ("roth", 4),
            ("xoth", 1),
            ("isuid", 0o4000),
            ("isgid", 0o2000),
        ] {
            put(key, (self.bits & bit != 0).into());
        }
        out
    }
}

/// A kind.
pub const DIRECTORY: u32 = 0o040_000;
/// A kind.
pub const REGULAR: u32 = 0o100_000;
/// A kind.
pub const LINK: u32 = 0o120_000;
