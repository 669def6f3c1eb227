//! Locking against a publisher that changes its mind.

use super::download::Unwatched;
use super::testing::{Reply, Server};
use super::*;
use std::path::Path;
use std::sync::{Arc, Mutex};

const WISHES: &str = "artifacts:
  tool:
    kind: binary
    version: v1+x
    url:
      amd64: https://h/{version}/tool
      arm64: https://h/{version}/tool-arm64
    checksums: https://h/{version}/sums
  key:
    kind: apt_key
    version: '1'
    url: https://h/key
  chart:
    kind: chart
    version: 2.1.0
    repository: https://h/charts
  gone:
    kind: manifest
    version: '1'
    url: https://h/gone.yaml
  told:
    kind: binary
    version: '1'
    url: https://h/told
    sha256: cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
    sha256_from: the release notes
";

/// What the publisher serves by path; changed by tests.
type Files = Arc<Mutex<std::collections::BTreeMap<&'static str, String>>>;

fn publisher() -> (Server, Files) {
    let (a, b, c) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
    let index = format!(
        "entries:\n  chart:\n  - version: 2.1.0\n    digest: {c}\n    urls: [chart-2.1.0.tgz]\n  - version: 2.0.0\n    urls: [old.tgz]\n"
    );
    let files: Files = Arc::default();
    files.lock().unwrap().extend([
        (
            "/h/v1%2Bx/sums",
            format!("{a}  tool\n{b}  tool-arm64\n{c}  tool-arm64.sig\n"),
        ),
        ("/h/v1%2Bx/tool", "1234567".to_owned()),
        ("/h/key", "the key".to_owned()),
        ("/h/charts/index.yaml", index),
    ]);
    let served = files.clone();
    let server =
        Server::start(
            move |request| match served.lock().unwrap().get(request.target.as_str()) {
                Some(text) => Reply::ranged(request, text.as_bytes()),
                None => Reply::status(404),
            },
        );
    (server, files)
}

fn site(dir: &Path) -> Site {
    std::fs::write(dir.join(WANTED), WISHES).unwrap();
    Site::read(dir, dir, Cache::at(dir.join("cache"))).unwrap_or_else(|p| panic!("{p}"))
}

async fn lock(site: &mut Site, server: &Server, names: &[&str], again: bool) -> (String, String) {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let resolved = resolve(site, &names, again, &server.web(), &Unwatched)
        .await
        .unwrap();
    site.lock.entries.extend(resolved.entries);
    let told = resolved.told.iter().map(|t| {
        let from = t
            .from
            .replace(&jiff::Zoned::now().date().to_string(), "DATE");
        format!(
            "{} {} {:?} {}… {from}\n",
            t.name,
            t.arch,
            t.change,
            &t.digest[..4]
        )
    });
    let problems = resolved.problems.to_string().replace(&server.url, "SERVER");
    (told.collect(), problems)
}

const ALL: [&str; 5] = ["tool", "key", "chart", "gone", "told"];

#[tokio::test]
async fn each_digest_comes_from_where_it_is_best_known() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = publisher();
    let mut site = site(dir.path());
    let (told, problems) = lock(&mut site, &server, &ALL, false).await;
    insta::assert_snapshot!(told, @r"
    tool amd64 New aaaa… publisher's list of checksums https://h/v1%2Bx/sums
    tool arm64 New bbbb… publisher's list of checksums https://h/v1%2Bx/sums
    key any New 3a0a… hashed on DATE by `hoist artifacts lock`
    chart any New cccc… index of https://h/charts
    told any New cccc… published digest seen in the release notes
    ");
    insta::assert_snapshot!(problems, @r"
    error: `gone` could not be got: the server answered 404 Not Found
      --> artifacts.yml:17:3
       |
    17 |   gone:
       |   ^^^^
      note: from SERVER/h/gone.yaml
    ");
    let tool = &site.lock.entries["tool"];
    assert_eq!(
        tool.file(Arch::Amd64).unwrap().size,
        Some(7),
        "its server said so"
    );
    // the second time nobody is asked, save for what failed
    let before = server.asked().len();
    let (told, _) = lock(&mut site, &server, &ALL, false).await;
    assert_eq!(told.matches(" Same ").count(), 5, "{told}");
    assert_eq!(server.asked()[before..], ["GET /h/gone.yaml"]);
}

#[tokio::test]
async fn a_replaced_file_is_told_and_the_lock_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (server, files) = publisher();
    let mut site = site(dir.path());
    lock(&mut site, &server, &["tool"], false).await;
    let before = site.lock.clone();
    let (told, problems) = lock(&mut site, &server, &["tool"], true).await;
    assert_eq!(
        (told.matches("Confirmed").count(), problems.as_str()),
        (2, "")
    );
    let list = format!("{}  tool\n{}  tool-arm64\n", "d".repeat(64), "b".repeat(64));
    files.lock().unwrap().insert("/h/v1%2Bx/sums", list);
    let (_, problems) = lock(&mut site, &server, &["tool"], true).await;
    insta::assert_snapshot!(problems, @r"
    error: the publisher of `tool amd64` has replaced version v1+x
     --> artifacts.yml:2:3
      |
    2 |   tool:
      |   ^^^^
      note: locked: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, publisher's list of checksums https://h/v1%2Bx/sums
      note: now: dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd, publisher's list of checksums https://h/v1%2Bx/sums
      help: find out why; the lock was left as it is. If the new one is right, delete `tool` from artifacts.lock and run `hoist artifacts lock tool`
    ");
    assert_eq!(site.lock, before);
    // another version is another matter
    site.wanted.artifacts.get_mut("tool").unwrap().version = "v2".to_owned();
    lock(&mut site, &server, &["tool"], false).await;
    assert!(
        site.lock.entries["tool"]
            .file(Arch::Amd64)
            .unwrap()
            .sha256
            .starts_with("dd")
    );
}

#[tokio::test]
async fn a_list_that_does_not_name_the_file_is_of_no_use() {
    let dir = tempfile::tempdir().unwrap();
    let (server, files) = publisher();
    let mut site = site(dir.path());
    let list = format!(
        "{}  tool.sig\n{}  tool-arm64\n",
        "d".repeat(64),
        "b".repeat(64)
    );
    files.lock().unwrap().insert("/h/v1%2Bx/sums", list);
    let (told, problems) = lock(&mut site, &server, &["tool"], false).await;
    assert!(told.starts_with("tool arm64 New"), "{told}");
    insta::assert_snapshot!(problems, @r"
    error: the list of checksums of `tool amd64` is of no use: it has no SHA-256 of `tool`
     --> artifacts.yml:2:3
      |
    2 |   tool:
      |   ^^^^
      note: it is https://h/v1%2Bx/sums
    ");
}

#[tokio::test]
async fn newer_versions_are_found_where_publishers_list_them() {
    let dir = tempfile::tempdir().unwrap();
    let wishes = "artifacts:
  hub: {kind: binary, version: v1.9.0, url: 'https://github.com/o/n/releases/download/tool-{version}/t'}
  k3s: {kind: binary, version: v1.36.5+k3s1, url: 'https://h/{version}', releases: 'https://u/v1/channels/stable'}
  page: {kind: binary, version: v3.1.0, url: 'https://h/x-{version}', releases: 'https://g/latest'}
  chart: {kind: chart, version: 2.0.0, repository: 'https://h/charts'}
  mute: {kind: binary, version: v1, url: 'https://h/y'}
  down: {kind: binary, version: v1.0, url: 'https://h/z', releases: 'https://nobody/latest'}
";
    std::fs::write(dir.path().join(WANTED), wishes).unwrap();
    let site = Site::read(dir.path(), dir.path(), Cache::at(dir.path())).unwrap();
    let server = Server::start(|request| match request.target.as_str() {
        "/api.github.com/repos/o/n/releases?per_page=100" => Reply::ok(
            r#"[{"tag_name": "chart-9.0.0"}, {"tag_name": "tool-v1.11.0", "prerelease": true},
                {"tag_name": "tool-v1.9.0"}, {"tag_name": "tool-v1.10.0"}, {"tag_name": "tool-v1.12.0-rc1"}]"#,
        ),
        "/u/v1/channels" => Reply::ok(
            r#"{"data": [{"name": "latest", "latest": "v1.37.1+k3s1"}, {"name": "stable", "latest": "v1.36.5+k3s1"}]}"#,
        ),
        "/g/latest" => Reply::ok("v3.2.0\n"),
        "/h/charts/index.yaml" => Reply::ok(
            "entries:\n  chart:\n  - {version: 2.1.0, urls: [a]}\n  - {version: 3.0.0-alpha, urls: [b]}\n",
        ),
        _ => Reply::status(404),
    });
    let artifacts: Vec<&Artifact> = site.wanted.artifacts.values().collect();
    let answers = news(&artifacts, &server.web()).await.unwrap();
    let shown: Vec<String> = artifacts
        .iter()
        .zip(answers)
        .map(|(artifact, news)| format!("{} {news:?}", artifact.name))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    hub Newer("v1.10.0")
    k3s Current
    page Newer("v3.2.0")
    chart Newer("2.1.0")
    mute Unasked("its address does not say whom to ask; give it `releases` in artifacts.yml")
    down Unasked("the server answered 404 Not Found (https://nobody/latest)")
    "#);
}
