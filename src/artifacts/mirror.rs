//! What stands for the internet: a folder or a server with `host/path` in it.

use crate::error::Diagnostic;
use percent_encoding::percent_decode_str;
use std::path::{Path, PathBuf};

/// Where addresses lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mirror {
    /// To the internet itself.
    #[default]
    None,
    /// Into a folder: `FOLDER/host/path`; an image is an OCI layout in `FOLDER/host/path`.
    Folder(PathBuf),
    /// To another server: `BASE/host/path`; an image is `BASE's host/BASE's path/host/path` in its registry.
    Base(String),
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an address.
    Url(String),
    /// Here.
    File(PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Mirror {
    /// From a setting: an address, or a folder (`file://` allowed) that is relative to `base`.
    ///
    /// # Errors
    /// A folder that is not there; an address with a password in it.
    pub fn parse(text: &str, base: &Path) -> Result<Self, Diagnostic> {
        if let Some(rest) = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
        {
            let host = rest.split('/').next().unwrap_or_default();
            if host.is_empty() || host.contains('@') {
                return Err(Diagnostic::new(
                    "the mirror's address has no host, or a user or password in it",
                ));
            }
            return Ok(Self::Base(text.trim_end_matches('/').to_owned()));
        }
        let path = text.strip_prefix("file://").unwrap_or(text);
        let path = match path.strip_prefix("~/") {
            Some(rest) => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(rest),
            None => base.join(path),
        };
        if !path.is_dir() {
            return Err(
                Diagnostic::new(format!("the mirror `{text}` is no folder and no address"))
                    .with_note(format!("looked for {}", path.display()))
                    .with_help("a mirror holds HOST/PATH of what the internet has, such as get.helm.sh/helm-v4.3.0-linux-amd64.tar.gz"),
            );
        }
        Ok(Self::Folder(path))
    }

    /// Where the file of an address is.
    pub fn place(&self, url: &str) -> Place {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        match self {
            Self::None => Place::Url(url.to_owned()),
            Self::Base(base) => Place::Url(format!("{base}/{rest}")),
            Self::Folder(folder) => {
                let path = rest.split(['?', '#']).next().unwrap_or(rest);
                let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
                let below = |path: &str| {
                    let parts = path
                        .split('/')
                        .filter(|part| !part.is_empty() && *part != "." && *part != "..");
                    folder.join(parts.collect::<PathBuf>())
                };
                let (plain, as_sent) = (below(&decoded), below(path));
                // some tools keep the name as it was sent
                Place::File(if !plain.exists() && as_sent.exists() {
                    as_sent
                } else {
                    plain
                })
            }
        }
    }

    /// Whether it is the internet itself.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_path_is_below_the_mirror() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Mirror::parse(&dir.path().display().to_string(), Path::new("/")).unwrap();
        let url = "https://github.com/x/v1%2Bk3s1/k3s?y=1";
        assert_eq!(
            folder.place(url),
            Place::File(dir.path().join("github.com/x/v1+k3s1/k3s"))
        );
        std::fs::create_dir_all(dir.path().join("github.com/x/v1%2Bk3s1")).unwrap();
        std::fs::write(dir.path().join("github.com/x/v1%2Bk3s1/k3s"), "").unwrap();
        assert_eq!(
            folder.place(url),
            Place::File(dir.path().join("github.com/x/v1%2Bk3s1/k3s"))
        );
        assert_eq!(
            folder.place("https://h/../../etc/passwd"),
            Place::File(dir.path().join("h/etc/passwd"))
        );
        let base = Mirror::parse("http://m:8080/all/", Path::new("/")).unwrap();
        assert_eq!(
            base.place("https://h/a%2Bb").to_string(),
            "http://m:8080/all/h/a%2Bb"
        );
    }

    #[test]
    fn what_is_no_mirror_is_told() {
        insta::assert_snapshot!(Mirror::parse("nowhere", Path::new("/x")).unwrap_err(), @r"
        error: the mirror `nowhere` is no folder and no address
          note: looked for /x/nowhere
          help: a mirror holds HOST/PATH of what the internet has, such as get.helm.sh/helm-v4.3.0-linux-amd64.tar.gz
        ");
        insta::assert_snapshot!(Mirror::parse("https://u:p@h/", Path::new("/x")).unwrap_err(), @"error: the mirror's address has no host, or a user or password in it");
    }
}
