//! Tests of files on the control machine.

use super::Table;
use crate::template::args::{Args, Eval};
use crate::template::val::Val;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) const TABLE: Table = &[
    ("abs", |v, a| path(v, a, |p| p.is_absolute())),
    ("directory", |v, a| path(v, a, Path::is_dir)),
    ("exists", |v, a| path(v, a, Path::exists)),
    ("file", |v, a| path(v, a, Path::is_file)),
    ("is_abs", |v, a| path(v, a, |p| p.is_absolute())),
    ("is_dir", |v, a| path(v, a, Path::is_dir)),
    ("is_file", |v, a| path(v, a, Path::is_file)),
    ("is_link", |v, a| path(v, a, Path::is_symlink)),
    ("is_mount", |v, a| path(v, a, mount)),
    ("is_same_file", same_file),
    ("link", |v, a| path(v, a, Path::is_symlink)),
    ("link_exists", |v, a| {
        path(v, a, |p| p.symlink_metadata().is_ok())
    }),
    ("mount", |v, a| path(v, a, mount)),
    ("same_file", same_file),
    ("vaulted_file", |v, a| {
        path(v, a, |p| {
            use std::io::Read as _;
            let mut head = [0; 15];
            std::fs::File::open(p).is_ok_and(|mut f| f.read_exact(&mut head).is_ok())
                && &head == b"$ANSIBLE_VAULT;"
        })
    }),
];

fn path(value: Val, args: Args<'_, '_>, test: impl Fn(&Path) -> bool) -> Eval<bool> {
    let path = PathBuf::from(args.cx.text(&value)?);
    args.end()?;
    Ok(test(&path))
}

/// Whether a file system begins here: another device than its parent's, or the root.
fn mount(path: &Path) -> bool {
    let (Ok(here), Ok(above)) = (path.symlink_metadata(), path.join("..").metadata()) else {
        return false;
    };
    !here.is_symlink() && (here.dev() != above.dev() || here.ino() == above.ino())
}

fn same_file(value: Val, mut args: Args<'_, '_>) -> Eval<bool> {
    let (one, other) = (args.cx.text(&value)?, args.need_text("other")?);
    let meta = |p: &str| std::fs::metadata(p);
    match (meta(&one), meta(&other)) {
        (Ok(x), Ok(y)) => {
            args.end()?;
            Ok(x.dev() == y.dev() && x.ino() == y.ino())
        }
        (Err(e), _) => args.fail(format!("`{}`: {e}", one)),
        (_, Err(e)) => args.fail(format!("`{}`: {e}", other)),
    }
}
