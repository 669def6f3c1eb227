//! One reply, many answers.

use super::asking::{Asking, CONTENT_LIMIT, is_odd, resolve};
use super::fields::{
    by_name, colons, flags, group_fields, operand, parse_stat, split_fields, text_of, tool_named,
};
use super::sections::{Section, records, sections};
use super::{Answer, FileType, Place, Query, Stat};
use crate::transport::Reply;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What a reply says, by what was asked.
pub(super) struct Answers {
    /// One for each query, in order.
    pub(super) answers: Vec<Answer>,
    /// Where the paths asked about really are.
    pub(super) places: Vec<(String, Place)>,
}

impl Answers {
    /// Reads `reply` to `asking`.
    ///
    /// # Errors
    /// A message when the reply is cut short or a tool is missing on the host, and for a file too large to bring over.
    pub(super) fn read(asking: &Asking<'_>, reply: &Reply) -> Result<Self, String> {
        if reply.dropped.0 > 0 {
            return Err(format!(
                "the files asked for are too large together: over {} MiB",
                CONTENT_LIMIT >> 20
            ));
        }
        let out = sections(&reply.stdout, &asking.mark);
        if out.last().is_none_or(|s| s.words != ["."]) {
            let words = String::from_utf8_lossy(&reply.stderr);
            let last = words.lines().last().unwrap_or("it said nothing").to_owned();
            return Err(format!(
                "the host's shell did not finish its answer: {last}"
            ));
        }
        let err = sections(&reply.stderr, &asking.mark);
        let mut reader = Reader::new(asking);
        reader.take(&out, &err)?;
        let answers = asking
            .queries
            .iter()
            .enumerate()
            .map(|(n, query)| reader.answer(n, query))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            answers,
            places: reader.places(),
        })
    }
}

/// The sections, sorted by what they are about.
struct Reader<'a> {
    asking: &'a Asking<'a>,
    /// Per path: read, write, execute, is a link.
    access: Vec<[bool; 4]>,
    stats: [HashMap<usize, Stat>; 2],
    links: HashMap<usize, (Option<String>, Option<String>)>,
    digests: HashMap<(usize, &'static str), String>,
    contents: HashMap<usize, Arc<[u8]>>,
    packages: Vec<BTreeMap<String, String>>,
    units: HashMap<usize, BTreeMap<String, String>>,
    users: HashMap<String, Vec<String>>,
    shadow: HashMap<String, Vec<String>>,
    groups: Vec<Vec<String>>,
    reads: HashMap<usize, Answer>,
    real: BTreeMap<&'a str, String>,
}

impl<'a> Reader<'a> {
    fn new(asking: &'a Asking<'a>) -> Self {
        Self {
            asking,
            access: Vec::new(),
            stats: Default::default(),
            links: HashMap::new(),
            digests: HashMap::new(),
            contents: HashMap::new(),
            packages: Vec::new(),
            units: HashMap::new(),
            users: HashMap::new(),
            shadow: HashMap::new(),
            groups: Vec::new(),
            reads: HashMap::new(),
            real: BTreeMap::new(),
        }
    }

    fn take(&mut self, out: &[Section<'_>], err: &[Section<'_>]) -> Result<(), String> {
        let asking = self.asking;
        for (at, section) in out.iter().enumerate() {
            // The section after one that ran a tool says how the tool ended.
            let status = out
                .get(at + 1)
                .filter(|next| next.words.first() == Some(&"e"))
                .and_then(|next| next.words.last())
                .and_then(|w| w.parse::<i32>().ok());
            let number = section.words.get(1).and_then(|w| w.parse::<usize>().ok());
            let body = section.body;
            match (section.words.first().copied(), number) {
                (Some("a"), _) => {
                    self.access = section.words[1..].iter().map(|w| flags(w)).collect();
                }
                (Some(tag @ ("l" | "f")), _) => {
                    if status.is_none_or(|rc| rc > 1) {
                        return Err("`stat` does not work on the host".into());
                    }
                    self.take_stats(body, tag == "f");
                }
                (Some("k"), Some(n)) => self.links.entry(n).or_default().0 = text_of(body),
                (Some("r"), Some(n)) => self.links.entry(n).or_default().1 = text_of(body),
                (Some("d"), _) => {
                    if status.is_none_or(|rc| rc > 1) {
                        let tool = section.words.get(1).unwrap_or(&"the checksum tool");
                        return Err(format!("`{tool}` does not work on the host"));
                    }
                    self.take_digests(section);
                }
                (Some("D"), _) => self.take_odd_digest(section),
                (Some("c"), Some(n)) => {
                    if body.len() > CONTENT_LIMIT {
                        let path = asking.paths.get(n.wrapping_sub(1)).unwrap_or(&"?");
                        return Err(format!(
                            "`{path}` is larger than the {} MiB that are read from a host",
                            CONTENT_LIMIT >> 20
                        ));
                    }
                    if status == Some(0) {
                        self.contents.insert(n, body.into());
                    }
                }
                (Some("p"), _) => self.take_packages(body),
                (Some("u"), Some(g)) => self.take_units(g, body),
                (Some("o"), Some(n)) => {
                    let word = String::from_utf8_lossy(body).trim().to_owned();
                    self.units
                        .entry(n)
                        .or_default()
                        .insert("is_enabled".into(), word);
                }
                (Some("w"), _) => self.users.extend(by_name(body)),
                (Some("h"), _) => self.shadow.extend(by_name(body)),
                (Some("g"), _) => self.groups.extend(colons(body)),
                (Some("R"), Some(n)) => {
                    let stderr = err
                        .iter()
                        .find(|s| {
                            s.words.first() == Some(&"R")
                                && s.words.get(1).and_then(|w| w.parse().ok()) == Some(n)
                        })
                        .map_or(&[][..], |s| s.body);
                    self.reads.insert(
                        n,
                        Answer::Output {
                            rc: status.unwrap_or(-1),
                            stdout: String::from_utf8_lossy(body).into_owned(),
                            stderr: String::from_utf8_lossy(stderr).into_owned(),
                        },
                    );
                }
                (Some("P"), _) => {
                    let told = records(body, &asking.mark);
                    self.real = asking
                        .directories
                        .iter()
                        .zip(told)
                        .map(|(d, r)| (*d, String::from_utf8_lossy(r).into_owned()))
                        .collect();
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_stats(&mut self, body: &[u8], follow: bool) {
        let asking = self.asking;
        let numbers =
            asking.numbers(|q| matches!(q, Query::Stat { follow: f, .. } if *f == follow));
        let mut expected = numbers.into_iter();
        for record in records(body, &asking.mark) {
            let Some((fields, name)) = split_fields(record, 12) else {
                continue;
            };
            // Missing files have no record; those that are there come in the order they were asked for.
            let found = expected.find(|n| operand(asking.paths[n - 1]).as_bytes() == name);
            if let Some(n) = found
                && let Some(stat) = parse_stat(&fields)
            {
                self.stats[usize::from(follow)].insert(n, stat);
            }
        }
    }

    fn take_digests(&mut self, section: &Section<'_>) {
        let Some(tool) = section.words.get(1).and_then(|w| tool_named(w)) else {
            return;
        };
        let names: HashMap<String, usize> = self
            .asking
            .paths
            .iter()
            .enumerate()
            .filter(|(_, p)| !is_odd(p))
            .map(|(at, p)| (operand(p), at + 1))
            .collect();
        for line in String::from_utf8_lossy(section.body).lines() {
            // Two characters stand between digest and name: a space, then a space or an asterisk.
            if let Some((digest, rest)) = line.split_once(' ')
                && let Some(name) = rest.get(1..)
                && let Some(n) = names.get(name)
            {
                self.digests.insert((*n, tool), digest.to_owned());
            }
        }
    }

    fn take_odd_digest(&mut self, section: &Section<'_>) {
        let tool = section.words.get(1).and_then(|w| tool_named(w));
        let n = section.words.get(2).and_then(|w| w.parse().ok());
        let text = String::from_utf8_lossy(section.body);
        if let (Some(tool), Some(n), Some(digest)) = (tool, n, text.split_whitespace().next()) {
            self.digests.insert((n, tool), digest.to_owned());
        }
    }

    fn take_packages(&mut self, body: &[u8]) {
        for record in records(body, &self.asking.mark) {
            let text = String::from_utf8_lossy(record);
            let fields: Vec<&str> = text.split('\t').collect();
            if let [name, architecture, version, status, provides] = fields[..] {
                let pairs = [
                    ("name", name),
                    ("architecture", architecture),
                    ("version", version),
                    ("status", status),
                    ("provides", provides),
                ];
                self.packages
                    .push(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
            }
        }
    }

    fn take_units(&mut self, group: usize, body: &[u8]) {
        let groups = self.asking.unit_groups();
        let Some(numbers) = groups.get(group) else {
            return;
        };
        let text = String::from_utf8_lossy(body);
        let blocks: Vec<&str> = text
            .split("\n\n")
            .filter(|b| !b.trim().is_empty())
            .collect();
        for (n, block) in numbers.iter().zip(blocks) {
            let mut fields = BTreeMap::new();
            let mut last: Option<String> = None;
            for line in block.trim_matches('\n').lines() {
                match line.split_once('=') {
                    Some((key, value)) if super::asking::is_name(key) => {
                        fields.insert(key.to_owned(), value.to_owned());
                        last = Some(key.to_owned());
                    }
                    // A value of several lines.
                    _ => {
                        if let Some(value) = last.as_ref().and_then(|k| fields.get_mut(k)) {
                            value.push('\n');
                            value.push_str(line);
                        }
                    }
                }
            }
            let enabled = match fields.get("UnitFileState").map(String::as_str) {
                Some("") | None if fields.get("LoadState").is_some_and(|s| s == "not-found") => {
                    "not-found"
                }
                Some(state) => state,
                None => "",
            };
            let enabled = enabled.to_owned();
            fields.insert("is_enabled".into(), enabled);
            self.units.insert(*n, fields);
        }
    }

    fn answer(&self, n: usize, query: &Query) -> Result<Answer, String> {
        let asking = self.asking;
        Ok(match query {
            Query::Stat { path, follow } => {
                let number = asking.number(path);
                let stat = self.stats[usize::from(*follow)].get(&number).cloned();
                Answer::Stat(stat.map(|mut stat| {
                    if let Some([r, w, x, _]) = self.access.get(number.wrapping_sub(1)) {
                        stat.access = (*r, *w, *x);
                    }
                    if let Some((link, real)) = self.links.get(&number) {
                        stat.real.clone_from(real);
                        if stat.kind == FileType::Link {
                            stat.link.clone_from(link);
                        }
                    }
                    stat
                }))
            }
            Query::Digest { path, algorithm } => {
                let key = (asking.number(path), algorithm.tool());
                Answer::Text(self.digests.get(&key).cloned())
            }
            Query::Content { path } => {
                Answer::Bytes(self.contents.get(&asking.number(path)).cloned())
            }
            Query::Dpkg { name } => Answer::Fields(self.package(name)),
            Query::Unit { name, scope } => {
                let key = (scope.as_str(), name.as_str());
                let number = asking.unit_list().binary_search(&key).ok();
                Answer::Fields(number.and_then(|n| self.units.get(&n)).cloned())
            }
            Query::User { name } => Answer::Fields(self.user(name)),
            Query::Group { name } => Answer::Fields(
                self.groups
                    .iter()
                    .find(|g| g[0] == *name)
                    .map(|g| group_fields(g)),
            ),
            Query::Read { .. } => self
                .reads
                .get(&n)
                .cloned()
                .ok_or_else(|| "the host left a question unanswered".to_owned())?,
        })
    }

    /// Of several architectures the one that is installed.
    fn package(&self, asked: &str) -> Option<BTreeMap<String, String>> {
        let (name, architecture) = asked.split_once(':').unwrap_or((asked, ""));
        let mut fitting: Vec<&BTreeMap<String, String>> = self
            .packages
            .iter()
            .filter(|p| p["name"] == name)
            .filter(|p| {
                matches!(architecture, "" | "any" | "native") || p["architecture"] == architecture
            })
            .collect();
        fitting.sort_by_key(|p| !p["status"].ends_with(" installed"));
        fitting.first().map(|p| (*p).clone())
    }

    fn user(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let entry = self.users.get(name)?;
        let field = |n: usize| entry.get(n).cloned().unwrap_or_default();
        let mut fields: BTreeMap<String, String> = [
            ("name", field(0)),
            ("uid", field(2)),
            ("gid", field(3)),
            ("gecos", field(4)),
            ("home", field(5)),
            ("shell", field(6)),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .into();
        let mut member_of: Vec<&str> = Vec::new();
        for group in &self.groups {
            let members = group.get(3).map_or("", String::as_str);
            if members.split(',').any(|m| m == name) && !member_of.contains(&group[0].as_str()) {
                member_of.push(&group[0]);
            }
        }
        fields.insert("groups".into(), member_of.join(","));
        if let Some(primary) = self.groups.iter().find(|g| g.get(2) == entry.get(3)) {
            fields.insert("group".into(), primary[0].clone());
        }
        if let Some(shadow) = self.shadow.get(name) {
            fields.insert("shadow".into(), shadow.get(1).cloned().unwrap_or_default());
            fields.insert("expires".into(), shadow.get(7).cloned().unwrap_or_default());
        }
        Some(fields)
    }

    fn places(&self) -> Vec<(String, Place)> {
        let real: BTreeMap<&str, &str> = self.real.iter().map(|(d, r)| (*d, r.as_str())).collect();
        let mut places = Vec::new();
        for (at, path) in self.asking.paths.iter().enumerate() {
            if let Some(canonical) = resolve(path, &real) {
                let link = self.access.get(at).is_none_or(|a| a[3]);
                places.push(((*path).to_owned(), Place { canonical, link }));
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MARK: &str = "0f0f";

    fn queries() -> Vec<Query> {
        vec![
            Query::lstat("/a"),
            Query::stat("/a"),
            Query::sha256("/a"),
            Query::sha256("/a\nb"),
            Query::Content { path: "/a".into() },
            Query::Dpkg { name: "p".into() },
            Query::Unit {
                name: "u.service".into(),
                scope: "system".into(),
            },
            Query::Unit {
                name: "u@.service".into(),
                scope: "user".into(),
            },
            Query::Unit {
                name: "g".into(),
                scope: "global".into(),
            },
            Query::User { name: "me".into() },
            Query::Group { name: "g".into() },
            Query::read("x"),
        ]
    }

    fn read(stdout: &[u8]) -> Result<Vec<Answer>, String> {
        let queries = queries();
        let reply = Reply {
            stdout: stdout.to_vec(),
            ..Reply::default()
        };
        Answers::read(&Asking::new(&queries, MARK.into()), &reply).map(|a| a.answers)
    }

    proptest! {
        #[test]
        fn no_reply_makes_it_panic(sections in proptest::collection::vec(
            ("([a-zP] ?){0,1}[0-9e]{0,3}( [a-z0-9]{1,9}){0,3}", prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                "(=0f0f ([0-9a-f]{1,5} ){0,13}/a\n){0,3}".prop_map(String::into_bytes),
                "([a-z]{0,3}[:=\t ][a-z0-9:,=]{0,20}\n){0,4}".prop_map(String::into_bytes),
            ]), 0..20), whole in any::<bool>()) {
            let mut bytes = Vec::new();
            for (words, body) in &sections {
                bytes.extend_from_slice(format!("\n{MARK} {words}\n").as_bytes());
                bytes.extend_from_slice(body);
            }
            if whole {
                bytes.extend_from_slice(format!("\n{MARK} R 11\n\n{MARK} e 0\n\n{MARK} .\n").as_bytes());
            }
            if let Ok(answers) = read(&bytes) {
                prop_assert_eq!(answers.len(), queries().len());
            }
        }
    }

    #[test]
    fn a_reply_that_is_cut_short_is_no_answer() {
        insta::assert_snapshot!(read(b"").unwrap_err(), @"the host's shell did not finish its answer: it said nothing");
        insta::assert_snapshot!(read(b"\n0f0f l\n\n0f0f e l 127\n\n0f0f .\n").unwrap_err(), @"`stat` does not work on the host");
        insta::assert_snapshot!(read(b"\n0f0f d sha256sum\n\n0f0f e sha256sum 127\n\n0f0f .\n").unwrap_err(), @"`sha256sum` does not work on the host");
        insta::assert_snapshot!(read(b"\n0f0f .\n").unwrap_err(), @"the host left a question unanswered");
    }

    #[test]
    fn units_and_packages_are_told_apart() {
        let queries = [
            Query::Unit {
                name: "a.service".into(),
                scope: "system".into(),
            },
            Query::Unit {
                name: "b.service".into(),
                scope: "system".into(),
            },
            Query::Dpkg {
                name: "libc6".into(),
            },
            Query::Dpkg {
                name: "libc6:i386".into(),
            },
        ];
        let text = "\n0f0f p\n=0f0f libc6\ti386\t2\tdeinstall ok config-files\t\n=0f0f libc6\tamd64\t1\tinstall ok installed\tx, y\n\
            \n0f0f e p 0\n\n0f0f u 0\nId=a.service\nLoadState=loaded\nExecStart={ a\n; b }\nUnitFileState=enabled\n\n\
            Id=b.service\nLoadState=not-found\nUnitFileState=\n\n0f0f e u 0\n\n0f0f .\n";
        let reply = Reply {
            stdout: text.into(),
            ..Reply::default()
        };
        let answers = Answers::read(&Asking::new(&queries, MARK.into()), &reply)
            .unwrap()
            .answers;
        let field = |n: usize, key: &str| match &answers[n] {
            Answer::Fields(Some(f)) => f[key].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(field(0, "ExecStart"), "{ a\n; b }");
        assert_eq!(
            (field(0, "is_enabled"), field(1, "is_enabled")),
            ("enabled".into(), "not-found".into())
        );
        assert_eq!(
            (
                field(2, "version"),
                field(2, "provides"),
                field(3, "version")
            ),
            ("1".into(), "x, y".into(), "2".into())
        );
    }
}
