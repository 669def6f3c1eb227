//! The two files of a site: what is read, what is refused, what is written.

use super::*;
use std::path::Path;

fn wanted(text: &str) -> Wanted {
    Wanted::read(Path::new(WANTED), text).unwrap_or_else(|p| panic!("{p}"))
}

fn wrong(text: &str) -> String {
    Wanted::read(Path::new(WANTED), text)
        .unwrap_err()
        .to_string()
}

const TOOL: &str = "artifacts:\n  tool:\n    kind: binary\n    version: v1.2+x\n    url: https://h/{version}/tool-{arch}\n";

#[test]
fn addresses_are_made_for_each_kind_of_machine() {
    let text = "\
mirror: http://m/
architectures: [amd64]
artifacts:
  k3s:
    kind: binary
    version: v1.36.5+k3s1
    url:
      amd64: https://h/{version}/k3s
      arm64: https://h/{version}/k3s-{arch}
    checksums: https://h/{version}/sums-{arch}.txt
  tool:
    kind: archive
    version: '2.0'
    architectures: [arm64, riscv64]
    url: https://h/tool-{arch}.tgz
    checksums: https://h/sums
  key:
    kind: apt_key
    version: '1'
    url: https://h/key.gpg
";
    let wanted = wanted(text);
    let mut shown = String::new();
    for artifact in wanted.artifacts.values() {
        let Origin::Files(urls) = &artifact.origin else {
            panic!()
        };
        for (arch, url) in urls {
            let list = artifact
                .checksums
                .get(arch)
                .or(artifact.checksums.get(&Arch::Any));
            shown += &format!(
                "{} {arch} {url} {}\n",
                artifact.name,
                list.map_or("-", |l| l)
            );
        }
    }
    insta::assert_snapshot!(shown, @r"
    k3s amd64 https://h/v1.36.5%2Bk3s1/k3s https://h/v1.36.5%2Bk3s1/sums-amd64.txt
    k3s arm64 https://h/v1.36.5%2Bk3s1/k3s-arm64 https://h/v1.36.5%2Bk3s1/sums-arm64.txt
    tool arm64 https://h/tool-arm64.tgz https://h/sums
    tool riscv64 https://h/tool-riscv64.tgz https://h/sums
    key any https://h/key.gpg -
    ");
    assert_eq!(wanted.mirror.as_deref(), Some("http://m/"));
    assert_eq!(wanted.architectures, [Arch::Amd64]);
}

#[test]
fn mistakes_have_their_places() {
    insta::assert_snapshot!(wrong("artifacts:\n  tool:\n    kind: bin\n    version: 1.20\n    urls: x\n"), @r#"
    error: there is no kind `bin`
     --> artifacts.yml:3:11
      |
    3 |     kind: bin
      |           ^^^
      note: there are binary, archive, manifest, chart, image, apt_key

    error: `version` must be a string, not a float
     --> artifacts.yml:4:14
      |
    4 |     version: 1.20
      |              ^^^^
      help: put it in quotes: version: "1.2"

    error: there is no key `urls` here
     --> artifacts.yml:5:5
      |
    5 |     urls: x
      |     ^^^^
      help: did you mean `url`?
    "#);
    insta::assert_snapshot!(wrong("artifacts:\n  Tool:\n    kind: binary\n    version: v1\n"), @r"
    error: `Tool` cannot be the name of an artifact
     --> artifacts.yml:2:3
      |
    2 |   Tool:
      |   ^^^^
      note: names have lower-case letters, digits, `-`, `_` and `.`

    error: `Tool` needs a `url`
     --> artifacts.yml:2:3
      |
    2 |   Tool:
      |   ^^^^
    ");
    insta::assert_snapshot!(wrong("artifacts:\n  t:\n    kind: binary\n    version: v1\n    url: {x86_64: https://h/a, amd64: ftp://h/a, arm64: 'https://u:p@h/a', arm: 'https://h/{os}'}\n"), @r"
    error: there is no architecture `x86_64`
     --> artifacts.yml:5:11
      |
    5 |     url: {x86_64: https://h/a, amd64: ftp://h/a, arm64: 'https://u:p@h/a', arm: 'https://h/{os}'}
      |           ^^^^^^
      help: it is called `amd64` here

    error: `url` must begin with https:// or http://
     --> artifacts.yml:5:39
      |
    5 |     url: {x86_64: https://h/a, amd64: ftp://h/a, arm64: 'https://u:p@h/a', arm: 'https://h/{os}'}
      |                                       ^^^^^^^^^

    error: `url` has a user or password in it, which does not belong here
     --> artifacts.yml:5:57
      |
    5 |     url: {x86_64: https://h/a, amd64: ftp://h/a, arm64: 'https://u:p@h/a', arm: 'https://h/{os}'}
      |                                                         ^^^^^^^^^^^^^^^^^

    error: `url` has no placeholder `{os}`
     --> artifacts.yml:5:81
      |
    5 |     url: {x86_64: https://h/a, amd64: ftp://h/a, arm64: 'https://u:p@h/a', arm: 'https://h/{os}'}
      |                                                                                 ^^^^^^^^^^^^^^^^
      note: there are {version} and {arch}
    ");
    insta::assert_snapshot!(wrong("artifacts:\n  a:\n    kind: image\n    version: v1\n    image: nginx\n  b:\n    kind: image\n    version: v1\n    image: ghcr.io/x/y:v2\n  c:\n    kind: image\n    version: v1\n    url: https://h/x\n  d:\n    kind: chart\n    version: v1\n"), @r"
    error: `nginx` names no registry
     --> artifacts.yml:5:12
      |
    5 |     image: nginx
      |            ^^^^^
      help: the whole name is docker.io/library/nginx

    error: `image` has a tag or digest in it
     --> artifacts.yml:9:12
      |
    9 |     image: ghcr.io/x/y:v2
      |            ^^^^^^^^^^^^^^
      help: the tag is the artifact's `version`; the digest goes into the lock

    error: kind image has no `url`, but `image`
      --> artifacts.yml:13:5
       |
    13 |     url: https://h/x
       |     ^^^

    error: `d` needs a `url` or a `repository`
      --> artifacts.yml:14:3
       |
    14 |   d:
       |   ^
    ");
    insta::assert_snapshot!(wrong(&format!("{TOOL}    checksums: {{arm: https://h/x}}\n    sha256: abc\n")), @r"
    error: `checksums` is for arm, but there is no `url` for arm
     --> artifacts.yml:6:16
      |
    6 |     checksums: {arm: https://h/x}
      |                ^

    error: a SHA-256 has 64 digits from 0-9 and a-f
     --> artifacts.yml:7:13
      |
    7 |     sha256: abc
      |             ^^^

    error: `sha256` needs `sha256_from`
     --> artifacts.yml:7:13
      |
    7 |     sha256: abc
      |             ^^^
      help: say where the digest was published: sha256_from: the release notes of 2026-09-30
    ");
}

fn lock() -> Lock {
    let file = |arch: &str, digit: &str, size: Option<u64>| LockedFile {
        url: format!("https://h/v1.2%2Bx/tool-{arch}"),
        sha256: digit.repeat(64),
        size,
        from: "publisher's list of checksums https://h/sums: all".to_owned(),
    };
    let files = [
        (Arch::Arm64, file("arm64", "b", None)),
        (Arch::Amd64, file("amd64", "a", Some(12))),
    ];
    let image = LockedImage {
        image: "ghcr.io/x/y".to_owned(),
        digest: format!("sha256:{}", "c".repeat(64)),
        platforms: [(Arch::Amd64, format!("sha256:{}", "d".repeat(64)))].into(),
        from: "ghcr.io on 2026-11-24".to_owned(),
    };
    let entry = |version: &str, content| Entry {
        version: version.to_owned(),
        repository: None,
        content,
    };
    Lock {
        entries: [
            (
                "tool".to_owned(),
                entry("v1.2+x", Content::Files(files.into())),
            ),
            ("img".to_owned(), entry("1.20", Content::Image(image))),
        ]
        .into(),
    }
}

#[test]
fn the_lock_is_written_in_order_and_read_back() {
    let text = lock().text();
    insta::assert_snapshot!(text, @r"
    # The digest of every file that this site installs, and where the digest is from. Written by `hoist artifacts lock`;
    # keep it under version control. hoist installs nothing that differs from it.
    lock: 1
    artifacts:
      img:
        version: '1.20'
        image: ghcr.io/x/y
        digest: sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
        platforms:
          amd64: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
        from: ghcr.io on 2026-11-24
      tool:
        version: v1.2+x
        files:
          amd64:
            url: https://h/v1.2%2Bx/tool-amd64
            sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            size: 12
            from: 'publisher''s list of checksums https://h/sums: all'
          arm64:
            url: https://h/v1.2%2Bx/tool-arm64
            sha256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
            from: 'publisher''s list of checksums https://h/sums: all'
    ");
    assert_eq!(Lock::read(Path::new(LOCK), &text).unwrap(), lock());
}

#[test]
fn a_lock_of_digits_only_is_read_back() {
    // YAML would take these for numbers
    let mut lock = lock();
    for (digits, version) in [("1", "1.10"), ("0", "010"), ("2", "1e3")] {
        let entry = lock.entries.get_mut("tool").unwrap();
        entry.version = version.to_owned();
        if let Content::Files(files) = &mut entry.content {
            files
                .values_mut()
                .for_each(|f| f.sha256 = digits.repeat(64));
        }
        assert_eq!(Lock::read(Path::new(LOCK), &lock.text()).unwrap(), lock);
    }
}

#[test]
fn a_lock_that_somebody_changed_is_told() {
    let told = |text: &str| Lock::read(Path::new(LOCK), text).unwrap_err().to_string();
    insta::assert_snapshot!(told("lock: 2\nartifacts: {}\n"), @r"
    error: this is form 2 of the file; this hoist reads form 1
     --> artifacts.lock:1:7
      |
    1 | lock: 2
      |       ^
      help: use the hoist that wrote it
    ");
    let text = lock().text().replace(&"a".repeat(64), "aaaa");
    insta::assert_snapshot!(told(&text), @r"
    error: a SHA-256 has 64 digits from 0-9 and a-f
      --> artifacts.lock:17:17
       |
    17 |         sha256: aaaa
       |                 ^^^^
      help: take the file back from version control, or delete the entry and run `hoist artifacts lock`
    ");
}

/// A site with one tool, locked for amd64.
fn site(dir: &Path) -> Site {
    std::fs::write(dir.join(WANTED), TOOL).unwrap();
    let mut locked = lock();
    locked.entries.remove("img");
    if let Some(Content::Files(files)) = locked.entries.get_mut("tool").map(|e| &mut e.content) {
        files.remove(&Arch::Arm64);
    }
    std::fs::write(dir.join(LOCK), locked.text()).unwrap();
    Site::read(dir, dir, Cache::at(dir.join("cache"))).unwrap()
}

#[test]
fn what_cannot_be_picked_says_what_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut site = site(dir.path());
    let told = |site: &Site, name: &str, arch| {
        let text = site.pick(name, arch).unwrap_err().to_string();
        text.replace(&dir.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(told(&site, "tol", Arch::Amd64), @r"
    error: there is no artifact `tol` in artifacts.yml
      help: did you mean `tool`?
    ");
    insta::assert_snapshot!(told(&site, "tool", Arch::Amd64), @r"
    error: the artifact `tool` for amd64 is not in the cache
      note: looked for DIR/cache/sha256/aa/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      help: run `hoist artifacts fetch tool`
    ");
    insta::assert_snapshot!(told(&site, "tool", Arch::Arm64), @r"
    error: the artifact `tool` is not locked for arm64
     --> artifacts.yml:2:3
      |
    2 |   tool:
      |   ^^^^
      note: it is locked for amd64
      help: run `hoist artifacts lock tool`
    ");
    insta::assert_snapshot!(told(&site, "tool", Arch::S390x), @r"
    error: the artifact `tool` is not locked for s390x
     --> artifacts.yml:2:3
      |
    2 |   tool:
      |   ^^^^
      note: it is locked for amd64
      help: give it a `url` for s390x in artifacts.yml, then run `hoist artifacts lock tool`
    ");
    site.wanted.artifacts.get_mut("tool").unwrap().version = "v2".to_owned();
    insta::assert_snapshot!(told(&site, "tool", Arch::Amd64), @r"
    error: the artifact `tool` is not locked as it is wanted
     --> artifacts.yml:2:3
      |
    2 |   tool:
      |   ^^^^
      note: it is locked for version v1.2+x, but v2 is wanted
      help: run `hoist artifacts lock tool`
    ");
    site.lock.entries.clear();
    insta::assert_snapshot!(told(&site, "tool", Arch::Amd64), @r"
    error: the artifact `tool` is not locked
     --> artifacts.yml:2:3
      |
    2 |   tool:
      |   ^^^^
      note: artifacts.lock has no digest for it yet: it is locked on first use, with the internet or a mirror
      help: run `hoist artifacts lock tool`
    ");
}

#[test]
fn the_site_is_the_nearest_above_but_not_beyond_the_repository() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    std::fs::create_dir_all(at("repo/site/playbooks/deep")).unwrap();
    std::fs::create_dir_all(at("repo/.git")).unwrap();
    std::fs::create_dir_all(at("repo/other")).unwrap();
    std::fs::write(at(WANTED), "").unwrap();
    std::fs::write(at("repo/site").join(WANTED), "").unwrap();
    let root = |from: &str, start: &str| Site::root_of(&at(from), &at(start));
    assert_eq!(
        root("repo/site/playbooks/deep", "repo"),
        Some(at("repo/site"))
    );
    assert_eq!(root("repo/other", "repo/other"), None);
    assert_eq!(
        root("repo/other", "nowhere"),
        None,
        "not beyond the repository"
    );
    assert_eq!(root("", ""), Some(at("")));
}

/// What hoist itself ships is in the form that `lock` writes, and every digest says where it is from.
#[test]
fn the_shipped_files_are_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let site = Site::read(root, root, Cache::at("/nowhere")).unwrap_or_else(|p| panic!("{p}"));
    let text = std::fs::read_to_string(root.join(LOCK)).unwrap();
    assert_eq!(site.lock.text(), text);
    for (name, entry) in &site.lock.entries {
        let artifact = site.artifact(name).unwrap();
        assert_eq!(entry.strays_from(artifact), None, "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_readers_fall_over(text in "\\PC*", keys in "(artifacts:\n)?( {0,4}[a-z0-9]{1,8}: ?[a-z0-9{}:/.\\[\\]-]{0,12}\n){0,8}") {
        for text in [&text, &keys] {
            let _ = Wanted::read(Path::new(WANTED), text);
            let _ = Lock::read(Path::new(LOCK), text);
        }
    }
}
