//! `artifacts.yml`: what a site wants.

use super::artifact::filled_in;
use super::{Arch, Artifact, Kind, Origin};
use crate::error::{Diagnostic, Problems, Source, Span};
use crate::yaml::{self, Node};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::path::Path;

/// The name of the file that says what is wanted.
pub const WANTED: &str = "artifacts.yml";

/// A site's wishes, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// What stands for the internet, if the site says so: a folder or an address.
    pub mirror: Option<String>,
    /// The kinds of machine that the site has; empty when it does not say.
    pub architectures: Vec<Arch>,
    /// The artifacts by name.
    pub artifacts: IndexMap<String, Artifact>,
}

const TOP: &[&str] = &["mirror", "architectures", "artifacts"];
const KEYS: &[&str] = &[
    "kind",
    "version",
    "url",
    "image",
    "repository",
    "chart",
    "architectures",
    "checksums",
    "sha256",
    "sha256_from",
    "releases",
    "description",
    "licence",
];

impl Wanted {
    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// Every mistake in it, each with its place.
    pub fn read(path: &Path, text: &str) -> Result<Self, Problems> {
        let source = Source::new(path, text);
        let document = yaml::parse(&source)?;
        let mut reader = Reader::default();
        let wanted = document
            .root
            .map(|root| reader.file(&root))
            .unwrap_or_default();
        reader.problems.sort();
        reader.problems.or_ok(wanted)
    }
}

#[derive(Default)]
struct Reader {
    problems: Problems,
}

impl Reader {
    fn wrong(&mut self, node: &Node, message: impl Into<String>) {
        self.problems.push(Diagnostic::at(&node.span, message));
    }

    fn file(&mut self, root: &Node) -> Wanted {
        let mut wanted = Wanted::default();
        if root.is_null() {
            return wanted;
        }
        if root.as_map().is_none() {
            self.wrong(
                root,
                format!("`{WANTED}` must be a mapping, not a {}", root.kind_name()),
            );
            return wanted;
        }
        self.keys(root, TOP);
        wanted.mirror = root.get("mirror").and_then(|n| self.text(n, "mirror"));
        wanted.architectures = root
            .get("architectures")
            .map(|n| self.arches(n))
            .unwrap_or_default();
        match root.get("artifacts") {
            Some(list) if list.as_map().is_some() => {
                for (name, key, node) in list.entries() {
                    if let Some(artifact) = self.artifact(&name, key, node) {
                        wanted.artifacts.insert(name, artifact);
                    }
                }
            }
            Some(list) if list.is_null() => {}
            Some(list) => self.wrong(
                list,
                format!(
                    "`artifacts` must be a mapping of names, not a {}",
                    list.kind_name()
                ),
            ),
            None => {}
        }
        wanted
    }

    /// Tells every key that is not among `known`.
    fn keys(&mut self, node: &Node, known: &[&str]) {
        for (name, key, _) in node.entries() {
            if !known.contains(&name.as_str()) {
                let problem = Diagnostic::at(&key.span, format!("there is no key `{name}` here"));
                let near = crate::error::nearest(&name, known.iter().copied());
                self.problems.push(match near {
                    Some(near) => problem.with_help(format!("did you mean `{near}`?")),
                    None => problem.with_note(format!("there are {}", known.join(", "))),
                });
            }
        }
    }

    /// A text that is not empty.
    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => {
                self.wrong(node, format!("`{what}` is empty"));
                None
            }
            None => {
                let problem = Diagnostic::at(
                    &node.span,
                    format!("`{what}` must be a string, not a {}", node.kind_name()),
                );
                let number = matches!(node.kind, yaml::Kind::Int(_) | yaml::Kind::Float(_));
                self.problems.push(if number {
                    problem.with_help(format!("put it in quotes: {what}: \"{}\"", node.key_text()))
                } else {
                    problem
                });
                None
            }
        }
    }

    fn arch(&mut self, node: &Node, name: &str) -> Option<Arch> {
        let found = Arch::ALL.into_iter().find(|arch| arch.name() == name);
        if found.is_none() {
            let names = Arch::ALL.map(Arch::name);
            let problem = Diagnostic::at(&node.span, format!("there is no architecture `{name}`"));
            let same = Arch::of_machine(name);
            self.problems.push(match same {
                Some(arch) => problem.with_help(format!("it is called `{arch}` here")),
                None => problem.with_note(format!("there are {}", names.join(", "))),
            });
        }
        found
    }

    fn arches(&mut self, node: &Node) -> Vec<Arch> {
        let Some(items) = node.as_list() else {
            self.wrong(
                node,
                format!("`architectures` must be a list, not a {}", node.kind_name()),
            );
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in items {
            if let Some(arch) = self.arch(item, &item.key_text()) {
                out.push(arch);
            }
        }
        out
    }

    /// A text, or a text for each architecture. What has `{arch}` in it is meant for each of `arches`.
    fn by_arch(&mut self, node: &Node, what: &str, arches: &[Arch]) -> Vec<(Arch, String, Span)> {
        if node.as_map().is_some() {
            let mut out = Vec::new();
            for (name, key, value) in node.entries() {
                let arch = self.arch(key, &name);
                if let (Some(arch), Some(text)) = (arch, self.text(value, what)) {
                    out.push((arch, text, value.span.clone()));
                }
            }
            return out;
        }
        match self.text(node, what) {
            Some(text) if text.contains("{arch}") => arches
                .iter()
                .map(|arch| (*arch, text.clone(), node.span.clone()))
                .collect(),
            Some(text) => vec![(Arch::Any, text, node.span.clone())],
            None => Vec::new(),
        }
    }

    /// Addresses with their placeholders filled in.
    fn addresses(
        &mut self,
        node: &Node,
        what: &str,
        version: &str,
        arches: &[Arch],
    ) -> BTreeMap<Arch, String> {
        let mut out = BTreeMap::new();
        for (arch, text, span) in self.by_arch(node, what, arches) {
            match filled_in(&text, version, arch) {
                Ok(url) => {
                    if let Some(url) = self.address(url, what, &span) {
                        out.insert(arch, url);
                    }
                }
                Err(placeholder) => self.problems.push(
                    Diagnostic::at(
                        &span,
                        format!("`{what}` has no placeholder `{placeholder}`"),
                    )
                    .with_note("there are {version} and {arch}"),
                ),
            }
        }
        out
    }

    fn address(&mut self, url: String, what: &str, span: &Span) -> Option<String> {
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        let problem = match rest {
            None => format!("`{what}` must begin with https:// or http://"),
            Some(rest) => {
                let host = rest.split('/').next().unwrap_or_default();
                if host.contains('@') {
                    format!("`{what}` has a user or password in it, which does not belong here")
                } else if host.is_empty() || !rest.contains('/') {
                    format!("`{what}` names no file")
                } else if url.contains(char::is_whitespace) {
                    format!("`{what}` has a space in it")
                } else {
                    return Some(url);
                }
            }
        };
        self.problems.push(Diagnostic::at(span, problem));
        None
    }

    fn artifact(&mut self, name: &str, key: &Node, node: &Node) -> Option<Artifact> {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        if !name.chars().all(fine) || name.starts_with(['.', '-']) || name.is_empty() {
            self.problems.push(
                Diagnostic::at(
                    &key.span,
                    format!("`{name}` cannot be the name of an artifact"),
                )
                .with_note("names have lower-case letters, digits, `-`, `_` and `.`"),
            );
        }
        if node.as_map().is_none() {
            self.wrong(
                node,
                format!("`{name}` must be a mapping, not a {}", node.kind_name()),
            );
            return None;
        }
        self.keys(node, KEYS);
        let kind = self.needed(node, key, name, "kind").and_then(|n| {
            let text = n.as_str().unwrap_or_default();
            let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
            if found.is_none() {
                let names = Kind::ALL.map(Kind::name);
                let problem =
                    Diagnostic::at(&n.span, format!("there is no kind `{}`", n.key_text()))
                        .with_note(format!("there are {}", names.join(", ")));
                self.problems.push(problem.with_nearest(text, names));
            }
            found
        });
        let version = self
            .needed(node, key, name, "version")
            .and_then(|n| self.text(n, "version"));
        let arches = match node.get("architectures") {
            Some(list) => self.arches(list),
            None => Arch::USUAL.to_vec(),
        };
        let (kind, version) = (kind?, version?);
        let origin = self.origin(node, key, name, kind, &version, &arches)?;
        let own = match &origin {
            Origin::Files(urls) => urls.keys().copied().collect::<Vec<_>>(),
            _ => vec![Arch::Any],
        };
        let mut checksums = BTreeMap::new();
        if let Some(list) = node.get("checksums") {
            checksums = self.addresses(list, "checksums", &version, &own);
            if matches!(origin, Origin::Files(_)) {
                self.strangers(list, "checksums", checksums.keys(), &own);
            } else {
                self.wrong(list, "`checksums` goes with `url` only");
            }
        }
        let mut known = BTreeMap::new();
        if let Some(list) = node.get("sha256") {
            for (arch, text, span) in self.by_arch(list, "sha256", &own) {
                if is_sha256(&text) {
                    known.insert(arch, text);
                } else {
                    let message = "a SHA-256 has 64 digits from 0-9 and a-f";
                    self.problems.push(Diagnostic::at(&span, message));
                }
            }
            self.strangers(list, "sha256", known.keys(), &own);
            if node.get("sha256_from").is_none() {
                self.problems.push(
                    Diagnostic::at(&list.span, "`sha256` needs `sha256_from`")
                        .with_help("say where the digest was published: sha256_from: the release notes of 2026-09-30"),
                );
            }
        }
        let mut text = |what: &str| node.get(what).and_then(|n| self.text(n, what));
        Some(Artifact {
            name: name.to_owned(),
            kind,
            version,
            origin,
            checksums,
            known,
            known_from: text("sha256_from"),
            releases: text("releases"),
            description: text("description"),
            licence: text("licence"),
            span: key.span.clone(),
        })
    }

    /// Tells architectures that have a checksum and no file.
    fn strangers<'a>(
        &mut self,
        node: &Node,
        what: &str,
        given: impl Iterator<Item = &'a Arch>,
        own: &[Arch],
    ) {
        for arch in given.filter(|arch| **arch != Arch::Any && !own.contains(arch)) {
            self.wrong(
                node,
                format!("`{what}` is for {arch}, but there is no `url` for {arch}"),
            );
        }
    }

    fn needed<'n>(
        &mut self,
        node: &'n Node,
        key: &Node,
        name: &str,
        what: &str,
    ) -> Option<&'n Node> {
        let found = node.get(what);
        if found.is_none() {
            self.wrong(key, format!("`{name}` needs a `{what}`"));
        }
        found
    }

    /// Exactly one of `url`, `image` and `repository` says where it comes from.
    fn origin(
        &mut self,
        node: &Node,
        key: &Node,
        name: &str,
        kind: Kind,
        version: &str,
        arches: &[Arch],
    ) -> Option<Origin> {
        let allowed: &[&str] = match kind {
            Kind::Image => &["image"],
            Kind::Chart => &["url", "repository"],
            _ => &["url"],
        };
        let mut given = Vec::new();
        for what in ["url", "image", "repository"] {
            if let Some((key, value)) = node.get_pair(what) {
                if allowed.contains(&what) {
                    given.push((what, value));
                } else {
                    let shown = allowed.join("` or `");
                    self.wrong(
                        key,
                        format!("kind {} has no `{what}`, but `{shown}`", kind.name()),
                    );
                    return None;
                }
            }
        }
        let [(what, value)] = given.as_slice() else {
            let shown = allowed.join("` or a `");
            self.wrong(
                key,
                match given.len() {
                    0 => format!("`{name}` needs a `{shown}`"),
                    _ => format!("`{name}` has both `url` and `repository`"),
                },
            );
            return None;
        };
        match *what {
            "image" => {
                let image = self.text(value, "image")?;
                self.image(&image, value).then_some(Origin::Image(image))
            }
            "repository" => {
                let repository = self.text(value, "repository")?;
                let repository = repository.trim_end_matches('/').to_owned();
                self.address(format!("{repository}/"), "repository", &value.span)?;
                let chart = match node.get("chart") {
                    Some(chart) => self.text(chart, "chart")?,
                    None => name.to_owned(),
                };
                Some(Origin::Repository { repository, chart })
            }
            _ => {
                let urls = self.addresses(value, "url", version, arches);
                (!urls.is_empty()).then_some(Origin::Files(urls))
            }
        }
    }

    /// Whether an image's name is whole: a registry, a path, and neither tag nor digest.
    fn image(&mut self, image: &str, node: &Node) -> bool {
        let host = image.split('/').next().unwrap_or_default();
        let has_host = image.contains('/') && (host.contains(['.', ':']) || host == "localhost");
        let path = image.split_once('/').map_or("", |(_, path)| path);
        let problem = if !has_host {
            let library = if image.contains('/') { "" } else { "library/" };
            Diagnostic::at(&node.span, format!("`{image}` names no registry"))
                .with_help(format!("the whole name is docker.io/{library}{image}"))
        } else if path.contains([':', '@']) {
            Diagnostic::at(&node.span, "`image` has a tag or digest in it")
                .with_help("the tag is the artifact's `version`; the digest goes into the lock")
        } else if path.is_empty()
            || path
                .chars()
                .any(|c| c.is_ascii_uppercase() || c.is_whitespace())
        {
            Diagnostic::at(
                &node.span,
                format!("`{image}` cannot be the name of an image"),
            )
        } else {
            return true;
        };
        self.problems.push(problem);
        false
    }
}

/// Whether a text is a SHA-256 in lower-case hex.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
