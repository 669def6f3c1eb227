//! Downloads from a server that does what servers do.

use super::cache::hash;
use super::download::{Got, Order, Unwatched, download};
use super::testing::{Reply, Server, impatient};
use super::{Cache, Mirror, Web};
use crate::error::Diagnostic;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

fn sha(bytes: &[u8]) -> String {
    hash(&mut &bytes[..]).unwrap().0
}

fn order<'o>(sha256: &'o str, size: u64) -> Order<'o> {
    Order {
        what: "k3s amd64",
        url: "https://h/dir/k3s",
        sha256: Some(sha256),
        size: Some(size),
        from: "publisher's list of checksums https://h/sums",
    }
}

fn cache() -> (TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path().join("cache"));
    (dir, cache)
}

async fn get(web: &Web, cache: &Cache, sha256: &str, size: u64) -> Result<Got, Diagnostic> {
    download(web, cache, &order(sha256, size), &Unwatched).await
}

/// A message with what differs from run to run named.
fn told(problem: &Diagnostic, server: &str, cache: &Cache) -> String {
    problem
        .to_string()
        .replace(server, "SERVER")
        .replace(&cache.root().display().to_string(), "CACHE")
}

/// Nothing of a failed download stands in the cache under any digest.
fn is_empty(cache: &Cache) -> bool {
    !cache.root().join("sha256").exists()
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let (wanted, length) = (sha(&body), body.len() as u64);
    let tries = AtomicUsize::new(0);
    let served = body.clone();
    let server = Server::start(move |request| {
        let reply = Reply::ranged(request, &served);
        match tries.fetch_add(1, Ordering::Relaxed) {
            0 => reply.cut(150_000),
            1 => reply.cut(100_000),
            _ => reply,
        }
    });
    let (_dir, cache) = cache();
    let got = get(&server.web(), &cache, &wanted, length).await.unwrap();
    assert_eq!(got.length, length);
    assert_eq!(std::fs::read(cache.blob(&wanted)).unwrap(), body);
    let asked = server.asked();
    assert_eq!(asked[0], "GET /h/dir/k3s");
    assert!(
        asked.len() == 3 && asked[1].contains(" from ") && asked[2].contains(" from "),
        "{asked:?}"
    );
    // it is there now: nobody is asked
    get(&server.web(), &cache, &wanted, length).await.unwrap();
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn the_next_run_goes_on_too_and_finds_out_what_does_not_fit() {
    let body = vec![7; 10_000];
    let wanted = sha(&body);
    let (_dir, cache) = cache();
    let part = cache.partial(&wanted);
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    let served = body.clone();
    let server = Server::start(move |request| Reply::ranged(request, &served));
    std::fs::write(&part, &body[..4000]).unwrap();
    get(&server.web(), &cache, &wanted, 10_000).await.unwrap();
    assert_eq!(server.asked(), ["GET /h/dir/k3s from 4000"]);
    // what was here belongs to another file
    std::fs::remove_file(cache.blob(&wanted)).unwrap();
    std::fs::write(&part, vec![1; 4000]).unwrap();
    get(&server.web(), &cache, &wanted, 10_000).await.unwrap();
    assert_eq!(std::fs::read(cache.blob(&wanted)).unwrap(), body);
    assert_eq!(
        server.asked()[1..],
        ["GET /h/dir/k3s from 4000", "GET /h/dir/k3s"]
    );
    // more is here than there is
    std::fs::remove_file(cache.blob(&wanted)).unwrap();
    std::fs::write(&part, vec![7; 20_000]).unwrap();
    get(&server.web(), &cache, &wanted, 10_000).await.unwrap();
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_begins_anew() {
    let body = vec![9; 50_000];
    let (wanted, served) = (sha(&body), body.clone());
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::ok(served.clone()).cut(20_000),
        _ => Reply::ok(served.clone()),
    });
    let (_dir, cache) = cache();
    get(&server.web(), &cache, &wanted, 50_000).await.unwrap();
    assert_eq!(std::fs::read(cache.blob(&wanted)).unwrap(), body);
}

#[tokio::test]
async fn another_file_is_refused_and_nothing_of_it_stays() {
    let server = Server::start(|_| Reply::ok("something else"));
    let (_dir, cache) = cache();
    let wanted = sha(b"the file");
    let problem = get(&server.web(), &cache, &wanted, 8).await.unwrap_err();
    insta::assert_snapshot!(told(&problem, &server.url, &cache), @r"
    error: what came for `k3s amd64` is not the file that is locked
      note: expected SHA-256 994659de87f727ddcde75df44314f31d7f367b3bff347e852f390530f29720c7 (8 bytes), publisher's list of checksums https://h/sums
      note: got SHA-256 f41f3fa625ff120ddca7ef456bf66371ecea23c129f4e4c32367101edb516cf8 (14 bytes)
      note: from SERVER/h/dir/k3s
      help: the publisher replaced the file, or something on the way changed it. Find out which; if the new file is right, delete `k3s` from artifacts.lock and run `hoist artifacts lock k3s`
    ");
    assert!(is_empty(&cache) && !cache.partial(&wanted).exists());
}

#[tokio::test]
async fn a_file_that_is_too_short_is_told_as_such() {
    let server = Server::start(|_| Reply::ok("the"));
    let (_dir, cache) = cache();
    let problem = get(&server.web(), &cache, &sha(b"the file"), 8)
        .await
        .unwrap_err();
    insta::assert_snapshot!(told(&problem, &server.url, &cache), @r"
    error: what came for `k3s amd64` is cut short
      note: expected SHA-256 994659de87f727ddcde75df44314f31d7f367b3bff347e852f390530f29720c7 (8 bytes), publisher's list of checksums https://h/sums
      note: got SHA-256 b9776d7ddf459c9ad5b0e1d6ac61e27befb5e99fd62446677600d7cacef544d0 (3 bytes)
      note: from SERVER/h/dir/k3s
      help: try again: `hoist artifacts fetch k3s`
    ");
    assert!(is_empty(&cache));
}

#[tokio::test]
async fn what_is_not_there_is_not_asked_for_again() {
    let server = Server::start(|_| Reply::status(404));
    let (_dir, cache) = cache();
    let problem = get(&server.web(), &cache, &sha(b"x"), 1).await.unwrap_err();
    insta::assert_snapshot!(told(&problem, &server.url, &cache), @r"
    error: `k3s amd64` could not be got: the server answered 404 Not Found
      note: from SERVER/h/dir/k3s
    ");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_for_a_while() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::status(503).with("Retry-After", "0"),
        1 => Reply::status(429),
        _ => Reply::ok("the file"),
    });
    let (_dir, cache) = cache();
    get(&server.web(), &cache, &sha(b"the file"), 8)
        .await
        .unwrap();
    let busy = Server::start(|_| Reply::status(503));
    let problem = get(&busy.web(), &cache, &sha(b"y"), 1).await.unwrap_err();
    assert_eq!(
        problem.message,
        "`k3s amd64` could not be got: the server answered 503 Service Unavailable"
    );
    assert_eq!(busy.asked().len(), 3);
}

#[tokio::test]
async fn redirects_are_followed_and_a_circle_is_given_up() {
    let server = Server::start(|request| match request.target.as_str() {
        "/h/dir/k3s" => Reply::status(302).with("Location", "/elsewhere"),
        "/elsewhere" => Reply::ok("the file"),
        _ => Reply::status(302).with("Location", "/round"),
    });
    let (_dir, cache) = cache();
    get(&server.web(), &cache, &sha(b"the file"), 8)
        .await
        .unwrap();
    let mut round = order("", 1);
    let wanted = sha(b"y");
    (round.url, round.sha256) = ("https://h/round", Some(wanted.as_str()));
    let problem = download(&server.web(), &cache, &round, &Unwatched)
        .await
        .unwrap_err();
    assert!(problem.message.contains("redirect"), "{}", problem.message);
}

#[tokio::test]
async fn a_folder_stands_for_the_internet() {
    let (dir, cache) = cache();
    let web = impatient(Mirror::Folder(dir.path().to_owned()));
    let wanted = sha(b"the file");
    let problem = get(&web, &cache, &wanted, 8).await.unwrap_err();
    insta::assert_snapshot!(problem.to_string().replace(&dir.path().display().to_string(), "DIR"), @r"
    error: `k3s amd64` could not be got: No such file or directory (os error 2)
      note: from DIR/h/dir/k3s
    ");
    std::fs::create_dir_all(dir.path().join("h/dir")).unwrap();
    std::fs::write(dir.path().join("h/dir/k3s"), "the file").unwrap();
    get(&web, &cache, &wanted, 8).await.unwrap();
    std::fs::remove_file(cache.blob(&wanted)).unwrap();
    std::fs::write(dir.path().join("h/dir/k3s"), "the fil").unwrap();
    let problem = get(&web, &cache, &wanted, 8).await.unwrap_err();
    assert_eq!(problem.message, "what came for `k3s amd64` is cut short");
}

#[tokio::test]
async fn without_a_digest_what_comes_is_hashed() {
    let server = Server::start(|_| Reply::ok("a key"));
    let (_dir, cache) = cache();
    let mut any = order("", 5);
    any.sha256 = None;
    let got = download(&server.web(), &cache, &any, &Unwatched)
        .await
        .unwrap();
    assert_eq!(got.sha256, sha(b"a key"));
    assert!(cache.blob(&got.sha256).is_file());
}

/// Two at once: one gets it, the other waits and finds it there.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_is_got_once() {
    let body = vec![3; 300_000];
    let (wanted, served) = (sha(&body), body.clone());
    let server = Server::start(move |request| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        Reply::ranged(request, &served)
    });
    let (_dir, cache) = cache();
    let (one, other) = (server.web(), server.web());
    let (a, b) = tokio::join!(
        get(&one, &cache, &wanted, 300_000),
        get(&other, &cache, &wanted, 300_000)
    );
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(server.asked().len(), 1, "{:?}", server.asked());
}
