//! What apt knows of packages: names that stand for several, candidates, providers.

use super::deb_version::compare;
use super::tools::Site;
use crate::host::{Known, Query, quote};
use crate::modules::{Fail, Step};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// One entry of `name`: `nginx`, `nginx=1.18*`, `nginx>=1.18`, `nginx:amd64`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// `=` or `>=` and the version.
    pub(super) version: Option<(&'static str, String)>,
    /// As it was written.
    pub(super) text: String,
}

impl Wanted {
    /// Reads one entry.
    ///
    /// # Errors
    /// More than one `=`.
    pub(super) fn parse(text: &str) -> Result<Self, Fail> {
        if text.matches('=').count() > 1 {
            return Err(Fail::new(format!("invalid package spec: {text}")));
        }
        let cut = text
            .split_once(">=")
            .map(|(n, v)| (n, ">=", v))
            .or_else(|| text.split_once('=').map(|(n, v)| (n, "=", v)));
        Ok(match cut {
            Some((name, op, version)) => Self {
                name: name.trim().to_owned(),
                version: Some((op, version.trim().to_owned())),
                text: text.to_owned(),
            },
            None => Self {
                name: text.to_owned(),
                version: None,
                text: text.to_owned(),
            },
        })
    }

    /// Whether a version is one that was asked for.
    pub(super) fn accepts(&self, version: &str) -> bool {
        match &self.version {
            None => true,
            Some(("=", pattern)) => fnmatch(pattern, version),
            Some((_, least)) => compare(version, least) != Ordering::Less,
        }
    }
}

/// Python's `fnmatch`.
pub(super) fn fnmatch(pattern: &str, text: &str) -> bool {
    glob::Pattern::new(pattern).map_or(pattern == text, |p| p.matches(text))
}

/// Replaces patterns in names by the packages they stand for.
///
/// # Errors
/// A need; or a pattern without any package.
pub(super) fn expand(site: &Site, known: &Known, wanted: &[Wanted]) -> Result<Vec<Wanted>, Step> {
    let is_glob = |w: &&Wanted| w.name.contains(['*', '?', '[']);
    let queries: Vec<Query> = wanted
        .iter()
        .filter(is_glob)
        .map(|w| names(site, w))
        .collect();
    known.all(queries)?;
    let mut out = Vec::new();
    for w in wanted {
        if !is_glob(&w) {
            out.push(w.clone());
            continue;
        }
        let (_, said, _) = known.output(names(site, w))?;
        let found: BTreeSet<&str> = said.lines().filter(|n| fnmatch(&w.name, n)).collect();
        if found.is_empty() {
            return Err(Fail::new(format!("No package(s) matching '{}' available", w.name)).into());
        }
        out.extend(found.into_iter().map(|name| Wanted {
            name: name.to_owned(),
            text: w.text.replacen(&w.name, name, 1),
            version: w.version.clone(),
        }));
    }
    Ok(out)
}

fn names(site: &Site, wanted: &Wanted) -> Query {
    // `apt-cache pkgnames` takes a prefix; the rest of the pattern is matched here.
    let end = wanted
        .name
        .find(['*', '?', '['])
        .unwrap_or(wanted.name.len());
    site.read(format!(
        "apt-cache pkgnames {}",
        quote::word(&wanted.name[..end])
    ))
}

/// What apt would install of each package.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Policy {
    /// `None`: apt would install nothing.
    pub(super) candidate: Option<String>,
    /// Every version there is, newest first.
    pub(super) versions: Vec<String>,
}

/// The question that [`read_policies`] reads the answer of.
pub(super) fn policy_query(site: &Site, names: &[&str], release: Option<&str>) -> Query {
    let release = release
        .map(|r| format!("-o APT::Default-Release={} ", quote::word(r)))
        .unwrap_or_default();
    site.read(format!("apt-cache {release}policy {}", quote::words(names)))
}

/// Reads `apt-cache policy`.
pub(super) fn read_policies(text: &str) -> BTreeMap<String, Policy> {
    let mut out: BTreeMap<String, Policy> = BTreeMap::new();
    let mut current: Option<&mut Policy> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|n| !n.starts_with(' ')) {
            current = Some(out.entry(name.to_owned()).or_default());
            continue;
        }
        let Some(policy) = current.as_deref_mut() else {
            continue;
        };
        if let Some(version) = line.strip_prefix("  Candidate: ") {
            policy.candidate = (version != "(none)").then(|| version.to_owned());
        } else if let Some(rest) = line
            .strip_prefix(" *** ")
            .or_else(|| line.strip_prefix("     "))
        {
            // A version stands at column 5; what lies deeper is where it comes from.
            if !rest.starts_with(' ')
                && let Some(version) = rest.split(' ').next()
            {
                policy.versions.push(version.to_owned());
            }
        }
    }
    out
}

/// The question for what provides a virtual package.
pub(super) fn providers_query(site: &Site, name: &str) -> Query {
    site.read(format!("apt-cache showpkg {}", quote::word(name)))
}

/// Reads the providers off `apt-cache showpkg`.
pub(super) fn read_providers(text: &str) -> BTreeSet<&str> {
    text.lines()
        .skip_while(|l| !l.starts_with("Reverse Provides:"))
        .skip(1)
        .filter_map(|l| l.split(' ').next())
        .filter(|n| !n.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_specs() {
        let w = Wanted::parse("nginx=1.18*").unwrap();
        assert_eq!(
            (w.name.as_str(), w.accepts("1.18.0-6"), w.accepts("1.22")),
            ("nginx", true, false)
        );
        let w = Wanted::parse("nginx>=1.18").unwrap();
        assert_eq!(
            (w.name.as_str(), w.accepts("1.18"), w.accepts("1.9")),
            ("nginx", true, false)
        );
        assert!(Wanted::parse("nginx").unwrap().accepts("anything"));
        assert_eq!(
            Wanted::parse("a=b=c").unwrap_err().msg,
            "invalid package spec: a=b=c"
        );
    }

    #[test]
    fn policies_and_providers() {
        let text = "nginx:\n  Installed: 1.22.1-9\n  Candidate: 1.22.1-9+deb12u1\n  Version table:\n     \
                    1.22.1-9+deb12u1 500\n        500 http://deb bookworm/main amd64 Packages\n *** 1.22.1-9 100\n        \
                    100 /var/lib/dpkg/status\nmail-transport-agent:\n  Installed: (none)\n  Candidate: (none)\n  \
                    Version table:\n";
        let policies = read_policies(text);
        assert_eq!(
            policies["nginx"].candidate.as_deref(),
            Some("1.22.1-9+deb12u1")
        );
        assert_eq!(policies["nginx"].versions, ["1.22.1-9+deb12u1", "1.22.1-9"]);
        assert_eq!(policies["mail-transport-agent"], Policy::default());
        let shown = "Package: mta\nVersions: \n\nReverse Depends: \n  a,b\nProvides: \nReverse Provides: \nexim4 4.96-15 (= )\n\
                     exim4 4.95-1 (= )\npostfix 3.7 (= )\n";
        assert_eq!(
            read_providers(shown).into_iter().collect::<Vec<_>>(),
            ["exim4", "postfix"]
        );
    }
}
