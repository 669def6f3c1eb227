//! One artifact, as a site wants it.

use super::Arch;
use crate::error::Span;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeMap;

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program: one file, put in place with mode 0755.
    Binary,
    /// Several files in one (tar, gzip), of which single ones may be put in place.
    Archive,
    /// Kubernetes objects in YAML.
    Manifest,
    /// A Helm chart.
    Chart,
    /// A container image.
    Image,
    /// A key that apt trusts.
    AptKey,
}

impl Kind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Binary,
        Self::Archive,
        Self::Manifest,
        Self::Chart,
        Self::Image,
        Self::AptKey,
    ];

    /// Its name in `artifacts.yml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Archive => "archive",
            Self::Manifest => "manifest",
            Self::Chart => "chart",
            Self::Image => "image",
            Self::AptKey => "apt_key",
        }
    }

    /// Whether it is read on the control machine as well, and not only put on hosts.
    pub fn is_read_here(self) -> bool {
        matches!(self, Self::Manifest | Self::Chart)
    }
}

/// Where an artifact comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// A file at an address, for each kind of machine (or for any).
    Files(BTreeMap<Arch, String>),
    /// An image in a registry: `host/path`, without tag.
    Image(String),
    /// A chart in a Helm repository, whose index says where the file is.
    Repository {
        /// The repository's address.
        repository: String,
        /// The chart's name there.
        chart: String,
    },
}

/// One entry of `artifacts.yml`; placeholders are filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// The name that playbooks use.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The version wanted; of an image, its tag.
    pub version: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Where the publisher's own lists of checksums are.
    pub checksums: BTreeMap<Arch, String>,
    /// Digests that are known beforehand, and where they were published.
    pub known: BTreeMap<Arch, String>,
    /// Where `known` comes from.
    pub known_from: Option<String>,
    /// Where to ask for newer versions, if it cannot be told from the address.
    pub releases: Option<String>,
    /// A line for people.
    pub description: Option<String>,
    /// The licence it comes under.
    pub licence: Option<String>,
    /// Where it stands.
    pub span: Span,
}

impl Artifact {
    /// The kinds of machine it is wanted for. An image is for those that its publisher made it for, so none are named.
    pub fn arches(&self) -> Vec<Arch> {
        match &self.origin {
            Origin::Files(urls) => urls.keys().copied().collect(),
            Origin::Image(_) => Vec::new(),
            Origin::Repository { .. } => vec![Arch::Any],
        }
    }

    /// An image's full name with its tag.
    pub fn tagged(&self) -> Option<String> {
        match &self.origin {
            Origin::Image(image) => Some(format!("{image}:{}", self.version)),
            _ => None,
        }
    }
}

/// What may stand in a part of a path as it is; everything else is sent as `%XX`, `+` among it.
const PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Fills in `{version}` and `{arch}`. The error is a placeholder that there is not.
pub(super) fn filled_in(text: &str, version: &str, arch: Arch) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            return Err(format!("{{{after}"));
        };
        match name {
            "version" => out.extend(utf8_percent_encode(version, PART)),
            "arch" => out.push_str(arch.name()),
            _ => return Err(format!("{{{name}}}")),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The name of the file at an address: the last part of its path, decoded.
pub fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let last = path
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path);
    percent_decode_str(last).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        for (text, wanted) in [
            (
                "https://h/{version}/k3s",
                Ok("https://h/v1.36.5%2Bk3s1/k3s"),
            ),
            ("https://h/x-{arch}.tgz", Ok("https://h/x-arm64.tgz")),
            ("https://h/plain", Ok("https://h/plain")),
            ("https://h/{os}", Err("{os}")),
            ("https://h/{version", Err("{version")),
        ] {
            let filled = filled_in(text, "v1.36.5+k3s1", Arch::Arm64);
            assert_eq!(filled.as_deref().map_err(String::as_str), wanted);
        }
    }

    #[test]
    fn files_have_the_name_that_checksum_lists_know() {
        for (url, name) in [
            ("https://h/v1%2Bk3s1/k3s", "k3s"),
            ("https://h/a%2Bb.tar.gz?x=1#y", "a+b.tar.gz"),
            ("https://h/dir/", "dir"),
        ] {
            assert_eq!(file_name(url), name);
        }
    }
}
