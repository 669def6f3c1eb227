//! Where the hosts' packages come from: the machine's own apt configuration, as far as it speaks of Debian 12.

use std::fs;
use std::path::Path;

/// The release on lab hosts.
pub(super) const SUITE: &str = "bookworm";

const DEFAULT: [(&str, &str); 3] = [
    ("http://deb.debian.org/debian", "bookworm"),
    ("http://deb.debian.org/debian", "bookworm-updates"),
    ("http://deb.debian.org/debian-security", "bookworm-security"),
];

/// The text of an apt sources file with the machine's Debian 12 archives, or with Debian's own where it has none.
pub(super) fn sources(apt: &Path) -> String {
    let mut archives = Vec::new();
    for path in files(apt) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        match path.extension().and_then(|e| e.to_str()) {
            Some("list") => archives.extend(text.lines().filter_map(one_line)),
            Some("sources") => archives.extend(stanzas(&text)),
            _ => {}
        }
    }
    archives.retain(|(_, suite)| {
        suite
            .strip_prefix(SUITE)
            .is_some_and(|rest| ["", "-updates", "-security", "-backports"].contains(&rest))
    });
    if !archives.iter().any(|(_, suite)| suite == SUITE) {
        archives = DEFAULT.map(|(u, s)| (u.to_owned(), s.to_owned())).into();
    }
    archives.sort();
    archives.dedup();
    let texts: Vec<String> = archives
        .iter()
        .map(|(uri, suite)| {
            format!(
                "Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
            )
        })
        .collect();
    texts.join("\n")
}

/// Of `apt-config dump`, what decides whether an archive can be reached: proxies, authorities, date checks.
pub(super) fn settings(dump: &str) -> String {
    let wanted = |name: &str| {
        let name = name.to_ascii_lowercase();
        [
            "acquire::http::",
            "acquire::https::",
            "acquire::check-",
            "acquire::retries",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    };
    dump.lines()
        .filter(|line| {
            line.split_once(' ')
                .is_some_and(|(name, value)| wanted(name) && value != "\"\";")
        })
        .fold(String::new(), |text, line| text + line + "\n")
}

fn files(apt: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(apt.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.push(apt.join("sources.list"));
    paths.sort();
    paths
}

/// `deb [options] URI SUITE COMPONENT…`, when `main` is among the components (sources.list(5)).
fn one_line(line: &str) -> Option<(String, String)> {
    let line = line.split('#').next()?.trim().strip_prefix("deb ")?.trim();
    let line = match line.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.1,
        None => line,
    };
    let mut words = line.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    words.any(|c| c == "main").then(|| archive(uri, suite))
}

/// Every archive and suite of a deb822 file that has `main` (sources.list(5)).
fn stanzas(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    for stanza in lines.split(|l| l.trim().is_empty()) {
        let field = |name: &str| {
            let mut words = Vec::new();
            let mut inside = false;
            for line in stanza {
                if !line.starts_with([' ', '\t']) {
                    inside = line
                        .split_once(':')
                        .is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
                }
                if inside {
                    let value = line
                        .split_once(':')
                        .filter(|_| !line.starts_with([' ', '\t']));
                    words.extend(value.map_or(*line, |(_, v)| v).split_whitespace());
                }
            }
            words
        };
        let enabled = !field("Enabled")
            .iter()
            .any(|w| w.eq_ignore_ascii_case("no"));
        if !enabled || !field("Types").contains(&"deb") || !field("Components").contains(&"main") {
            continue;
        }
        for uri in field("URIs") {
            found.extend(field("Suites").into_iter().map(|suite| archive(uri, suite)));
        }
    }
    found
}

fn archive(uri: &str, suite: &str) -> (String, String) {
    (uri.trim_end_matches('/').to_owned(), suite.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(files: &[(&str, &str)]) -> Vec<String> {
        let apt = tempfile::tempdir().unwrap();
        fs::create_dir(apt.path().join("sources.list.d")).unwrap();
        for (name, text) in files {
            fs::write(apt.path().join(name), text).unwrap();
        }
        let text = sources(apt.path());
        let value = |s: &str, n: &str| {
            let line = s.lines().find(|l| l.starts_with(n)).unwrap();
            line[n.len()..].to_owned()
        };
        text.split("\n\n")
            .map(|s| format!("{} {}", value(s, "URIs: "), value(s, "Suites: ")))
            .collect()
    }

    #[test]
    fn the_machines_debian_archives_are_used_and_no_others() {
        let list = "# deb http://off/ bookworm main\n\
            deb [arch=amd64 signed-by=/x] http://mirror/debian/ bookworm main contrib\n\
            deb-src http://mirror/debian bookworm main\n\
            deb http://other bookworm stable\n\
            deb http://pg bookworm-pgdg main # comment\n";
        let deb822 = "Types: deb deb-src\nURIs: http://m2/debian\nSuites: bookworm\n bookworm-updates\nComponents: main\n\n\
            Enabled: no\nTypes: deb\nURIs: http://off/debian\nSuites: bookworm\nComponents: main\n";
        assert_eq!(
            from(&[("sources.list", list), ("sources.list.d/d.sources", deb822)]),
            [
                "http://m2/debian bookworm",
                "http://m2/debian bookworm-updates",
                "http://mirror/debian bookworm"
            ]
        );
    }

    #[test]
    fn another_distribution_gets_debians_own() {
        let ubuntu = "deb http://archive.ubuntu.com/ubuntu noble main\n";
        assert_eq!(
            from(&[
                ("sources.list", ubuntu),
                ("sources.list.d/x.save", "deb http://x bookworm main")
            ]),
            DEFAULT.map(|(u, s)| format!("{u} {s}"))
        );
    }

    #[test]
    fn settings_that_reach_an_archive() {
        let dump = "APT \"\";\nAcquire \"\";\nAcquire::http::Proxy \"http://p:3128\";\nAcquire::https::CaInfo \"\";\n\
            Acquire::Check-Valid-Until \"false\";\nAcquire::Languages \"none\";\nDPkg::Post-Invoke:: \"rm\";\n";
        insta::assert_snapshot!(settings(dump), @r#"
        Acquire::http::Proxy "http://p:3128";
        Acquire::Check-Valid-Until "false";
        "#);
    }
}
