//! Single files out of archives.

use super::cache::{hash_file, make_parent, unreadable, unwritable};
use crate::error::{Diagnostic, nearest};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// A file that was taken out.
pub(super) struct Member {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) length: u64,
}

/// The file called `name` in the archive, kept in `folder` under its digest.
///
/// # Errors
/// There is none, or it is no file; the archive is of a kind that cannot be read.
pub(super) fn member(archive: &Path, name: &str, folder: &Path) -> Result<Member, Diagnostic> {
    let key = hex::encode(Sha256::digest(name.as_bytes()));
    if let Some(known) = kept(folder, &key) {
        return Ok(known);
    }
    let reader = open(archive)?;
    let mut tar = tar::Archive::new(reader);
    let broken = |e: std::io::Error| {
        Diagnostic::new(format!(
            "the archive `{}` cannot be read: {e}",
            archive.display()
        ))
    };
    let mut names = Vec::new();
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.display().to_string();
        let path = path.trim_start_matches("./").to_owned();
        if path != name.trim_start_matches("./") {
            names.push(path);
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(Diagnostic::new(format!(
                "`{name}` in the archive is no file"
            )));
        }
        let part = folder.join(format!("{key}.{}.part", std::process::id()));
        make_parent(&part)?;
        let written = (|| {
            let mut out = File::create(&part)?;
            let mut hasher = Sha256::new();
            let mut buffer = vec![0; 256 * 1024];
            let mut length = 0;
            loop {
                let n = entry.read(&mut buffer)?;
                if n == 0 {
                    break;
                }
                hasher.update(&buffer[..n]);
                out.write_all(&buffer[..n])?;
                length += n as u64;
            }
            out.sync_all()?;
            Ok((hex::encode(hasher.finalize()), length))
        })();
        let (sha256, length) = written.map_err(|e: std::io::Error| {
            std::fs::remove_file(&part).ok();
            unwritable(&part, &e)
        })?;
        let path = folder.join(format!("{key}.{sha256}"));
        std::fs::rename(&part, &path).map_err(|e| unwritable(&path, &e))?;
        return Ok(Member {
            path,
            sha256,
            length,
        });
    }
    let problem = Diagnostic::new(format!("there is no `{name}` in the archive"));
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => problem.with_help(format!("did you mean `{near}`?")),
        None => {
            names.truncate(8);
            problem.with_note(format!("it has {}", names.join(", ")))
        }
    })
}

/// What was taken out before and is still what its name says.
fn kept(folder: &Path, key: &str) -> Option<Member> {
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_str()?.to_owned();
        let Some(wanted) = name
            .strip_prefix(key)
            .and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        if wanted.ends_with(".part") {
            continue;
        }
        let (sha256, length) = hash_file(&path).ok()?;
        if sha256 == wanted {
            return Some(Member {
                path,
                sha256,
                length,
            });
        }
        std::fs::remove_file(&path).ok();
    }
    None
}

/// The archive as a stream of tar, whatever it is packed with.
fn open(archive: &Path) -> Result<Box<dyn Read>, Diagnostic> {
    let mut file = File::open(archive).map_err(|e| unreadable(archive, &e))?;
    let mut head = [0; 6];
    let n = file.read(&mut head).map_err(|e| unreadable(archive, &e))?;
    file.rewind().map_err(|e| unreadable(archive, &e))?;
    let packed = match &head[..n] {
        [0x1f, 0x8b, ..] => {
            return Ok(Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(
                file,
            ))));
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "xz",
        [b'B', b'Z', b'h', ..] => "bzip2",
        [b'P', b'K', ..] => "zip",
        _ => return Ok(Box::new(BufReader::new(file))),
    };
    Err(Diagnostic::new(format!(
        "members of {packed} archives cannot be taken out; only tar and gzip are read"
    ))
    .with_help("put the whole file on the host, and unpack it there with `unarchive`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with these files.
    fn packed(dir: &Path, files: &[(&str, &str)]) -> PathBuf {
        let path = dir.join("a.tgz");
        let gzip = flate2::write::GzEncoder::new(File::create(&path).unwrap(), Default::default());
        let mut tar = tar::Builder::new(gzip);
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o755);
            tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        path
    }

    #[test]
    fn a_member_is_taken_out_once_and_checked_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let archive = packed(
            dir.path(),
            &[
                ("./linux-amd64/README", "hi"),
                ("linux-amd64/helm", "program"),
            ],
        );
        let folder = dir.path().join("members");
        let first = member(&archive, "linux-amd64/helm", &folder).unwrap();
        assert_eq!(std::fs::read_to_string(&first.path).unwrap(), "program");
        // kept: the archive is not needed again
        std::fs::rename(&archive, dir.path().join("b.tgz")).unwrap();
        assert_eq!(
            member(&archive, "linux-amd64/helm", &folder)
                .unwrap()
                .sha256,
            first.sha256
        );
        // what was changed is taken out anew
        std::fs::write(&first.path, "another").unwrap();
        std::fs::rename(dir.path().join("b.tgz"), &archive).unwrap();
        let again = member(&archive, "linux-amd64/helm", &folder).unwrap();
        assert_eq!((again.sha256, again.length), (first.sha256, 7));
        assert_eq!(std::fs::read_to_string(&again.path).unwrap(), "program");
        assert!(member(&archive, "linux-amd64/README", &folder).is_ok());
    }

    #[test]
    fn what_is_not_in_there_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let archive = packed(dir.path(), &[("linux-amd64/helm", "program")]);
        let told = |archive: &Path, name: &str| {
            let Err(problem) = member(archive, name, &dir.path().join("m")) else {
                panic!("it was found")
            };
            problem
                .to_string()
                .replace(&dir.path().display().to_string(), "DIR")
        };
        insta::assert_snapshot!(told(&archive, "linux-amd64/helmm"), @r"
        error: there is no `linux-amd64/helmm` in the archive
          help: did you mean `linux-amd64/helm`?
        ");
        insta::assert_snapshot!(told(&archive, "x"), @r"
        error: there is no `x` in the archive
          note: it has linux-amd64/helm
        ");
        let zip = dir.path().join("z.zip");
        std::fs::write(&zip, "PK\x03\x04...").unwrap();
        insta::assert_snapshot!(told(&zip, "x"), @r"
        error: members of zip archives cannot be taken out; only tar and gzip are read
          help: put the whole file on the host, and unpack it there with `unarchive`
        ");
        let text = dir.path().join("t");
        std::fs::write(&text, "no archive at all").unwrap();
        assert!(told(&text, "x").starts_with("error: the archive `DIR/t` cannot be read"));
    }
}
