//! Artifacts as their users meet them: the program, a site, a folder that stands for the internet, and files that somebody
//! tampered with. The host is this machine, so no root is needed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers here are tests too, which the lint does not see"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WISHES: &str = "mirror: internet
architectures: [amd64]
artifacts:
  tool:
    kind: binary
    version: v1.0+x
    url:
      amd64: https://publisher.example/{version}/tool
      arm64: https://publisher.example/{version}/tool-arm64
    checksums: https://publisher.example/{version}/sums
  notes:
    kind: manifest
    version: '1'
    url: https://publisher.example/notes.yaml
  later:
    kind: binary
    version: '1'
    url: https://publisher.example/later
";

const PLAYBOOK: &str = "- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: The tool
      hoist.core.artifact:
        name: tool
        dest: '{{ playbook_dir }}/out/tool'
      register: put
    - name: What it is
      debug:
        msg: \"{{ put.version }} {{ put.replaced | default(false) }} {{ lookup('artifact', 'notes').sha256.any[:8] }} {{ lookup('file', lookup('artifact', 'notes').path) }}\"
";

/// A site in a folder of its own, with its own cache.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        place.write("artifacts.yml", WISHES);
        place.write("site.yml", PLAYBOOK);
        let folder = "internet/publisher.example";
        place.write(&format!("{folder}/v1.0+x/tool"), "the tool");
        place.write(&format!("{folder}/v1.0+x/tool-arm64"), "the tool for arm");
        place.write(&format!("{folder}/notes.yaml"), "notes: 1");
        place.write(&format!("{folder}/v1.0+x/sums"), &sums());
        std::fs::create_dir(place.at("out")).unwrap();
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap()
    }

    fn hoist(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hoist"))
            .args(args)
            .current_dir(self.dir.path())
            .env("HOIST_CACHE", self.at("cache"))
            .env_remove("HOIST_MIRROR")
            .output()
            .unwrap()
    }

    /// Standard output of what must end well.
    fn well(&self, args: &[&str]) -> String {
        let out = self.hoist(args);
        assert!(out.status.success(), "{args:?}: {}", both(&out));
        self.plain(&out.stdout)
    }

    /// Standard error of what must end with that status.
    fn badly(&self, status: i32, args: &[&str]) -> String {
        let out = self.hoist(args);
        assert_eq!(out.status.code(), Some(status), "{args:?}: {}", both(&out));
        self.plain(&out.stderr)
    }

    fn plain(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.replace(&self.dir.path().display().to_string(), "SITE")
    }

    fn locked(self) -> Self {
        self.hoist(&["artifacts", "lock", "tool", "notes"]);
        self
    }

    fn fetched(self) -> Self {
        let place = self.locked();
        place.well(&["artifacts", "fetch"]);
        place
    }

    /// Every file of the cache that stands under a digest.
    fn blobs(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut look = vec![self.at("cache/artifacts/sha256")];
        while let Some(dir) = look.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    look.push(path)
                } else {
                    found.push(path)
                }
            }
        }
        found.sort();
        found
    }

    /// The file of the cache with that text.
    fn blob(&self, text: &str) -> PathBuf {
        let mut blobs = self.blobs().into_iter();
        blobs
            .find(|p| std::fs::read_to_string(p).unwrap() == text)
            .unwrap()
    }
}

fn both(out: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(text))
}

fn sums() -> String {
    format!(
        "{}  tool\n{}  tool-arm64\n",
        sha256("the tool"),
        sha256("the tool for arm")
    )
}

/// Replaces a file whatever its mode.
fn overwrite(path: &Path, text: &str) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn from_wishes_to_a_second_run_that_changes_nothing() {
    let place = Place::new();
    insta::assert_snapshot!(place.well(&["artifacts", "list"]), @r"
    NAME   KIND      VERSION  FOR    STATE
    tool   binary    v1.0+x   amd64  to be locked on first use
    tool   binary    v1.0+x   arm64  to be locked on first use
    notes  manifest  1        any    to be locked on first use
    later  binary    1        any    to be locked on first use

    0 locked, 0 of them in the cache; 4 to be locked on first use: `hoist artifacts lock` does it, with the internet or a mirror, and nothing is installed before it
    ");
    insta::assert_snapshot!(place.badly(1, &["run", "site.yml"]), @r"
    error: the artifact `tool` is not locked
     --> artifacts.yml:4:3
      |
    4 |   tool:
      |   ^^^^
      note: artifacts.lock has no digest for it yet: it is locked on first use, with the internet or a mirror
      note: a task puts it on hosts: site.yml:7:15
      help: run `hoist artifacts lock tool`

    artifacts are missing or wrong; no host was touched
    ");
    let checked = place.hoist(&["check", "site.yml"]);
    let told = both(&checked);
    assert!(
        checked.status.success() && told.contains("warning: the artifact `tool` is not locked"),
        "{told}"
    );
    let problems = place.badly(1, &["artifacts", "lock"]);
    assert!(problems.contains("`later` could not be got"), "{problems}");
    let lock = place.read("artifacts.lock");
    assert!(
        lock.contains(&sha256("the tool")) && !lock.contains("later"),
        "{lock}"
    );
    // the run gets what is missing; the second finds all of it in place
    let first = place.well(&["run", "site.yml"]);
    assert!(
        first.contains("v1.0+x False") && first.contains("notes: 1"),
        "{first}"
    );
    assert!(first.contains("changed=1"), "{first}");
    assert_eq!(place.read("out/tool"), "the tool");
    std::fs::rename(place.at("internet"), place.at("gone")).unwrap();
    std::fs::create_dir(place.at("internet")).unwrap();
    let second = place.well(&["run", "site.yml"]);
    assert!(second.contains("changed=0"), "{second}");
    let listed = place.well(&["artifacts", "list"]);
    assert!(
        listed.contains("tool   binary    v1.0+x   amd64  in the cache"),
        "{listed}"
    );
}

#[test]
fn names_that_nobody_gave_are_found_at_load_time() {
    let place = Place::new();
    place.write(
        "site.yml",
        &PLAYBOOK
            .replace("name: tool", "name: tol")
            .replace("'notes').path", "'note').path"),
    );
    insta::assert_snapshot!(place.badly(4, &["check", "site.yml"]), @r#"
    error: there is no artifact `tol` in artifacts.yml
     --> site.yml:7:15
      |
    7 |         name: tol
      |               ^^^
      help: did you mean `tool`?

    error: there is no artifact `note` in artifacts.yml
      --> site.yml:12:155
       |
    12 |         msg: "{{ put.version }} {{ put.replaced | default(false) }} {{ lookup('artifact', 'notes').sha256.any[:8] }} {{ lookup('file', lookup('artifact', 'note').path) }}"
       |                                                                                                                                                           ^^^^^^
      help: did you mean `notes`?

    2 mistakes found; no host was touched
    "#);
    std::fs::remove_file(place.at("artifacts.yml")).unwrap();
    let told = place.badly(4, &["check", "site.yml"]);
    assert!(told.contains("there is no artifacts.yml"), "{told}");
}

#[test]
fn a_file_in_place_of_the_locked_one_is_said() {
    let place = Place::new().locked();
    place.write("mine", "my own tool");
    let out = place.well(&["run", "site.yml", "--artifact", "tool=mine"]);
    assert!(
        out.contains("artifact `tool`: SITE/mine in place of the locked one"),
        "{out}"
    );
    assert!(out.contains("v1.0+x True"), "{out}");
    assert_eq!(place.read("out/tool"), "my own tool");
    insta::assert_snapshot!(place.badly(4, &["run", "site.yml", "--artifact", "tol=mine"]), @r"
    error: there is no artifact `tol` in artifacts.yml
      help: did you mean `tool`?
    ");
    insta::assert_snapshot!(place.badly(4, &["run", "site.yml", "--artifact", "tool=yours"]), @"error: `--artifact tool=yours`: there is no file `SITE/yours`");
    insta::assert_snapshot!(place.badly(4, &["run", "site.yml", "--artifact", "tool"]), @r"
    error: `--artifact tool` is not NAME=FILE
      help: such as --artifact k3s=./k3s
    ");
}

#[test]
fn a_name_that_is_known_late_is_got_when_its_task_comes() {
    let place = Place::new().locked();
    place.write(
        "site.yml",
        &PLAYBOOK.replace("name: tool\n", "name: '{{ which }}'\n"),
    );
    place.well(&["run", "site.yml", "-e", "which=tool"]);
    assert_eq!(place.read("out/tool"), "the tool");
    let out = place.hoist(&["run", "site.yml", "-e", "which=later"]);
    let told = both(&out);
    assert_eq!(out.status.code(), Some(2), "{told}");
    assert!(
        told.contains("the artifact `later` is not locked"),
        "{told}"
    );
}

/// As OpenTofu tests its providers: tampered with at every place, with the message and the remedy that it names.
#[test]
fn what_was_tampered_with_stops_the_run_and_the_remedy_works() {
    // the cache
    let place = Place::new().fetched();
    overwrite(&place.blob("the tool"), "an evil tool");
    let told = place.badly(1, &["run", "site.yml"]);
    assert!(
        told.contains("error: the cache has something else in place of `tool amd64`"),
        "{told}"
    );
    assert!(
        told.contains(&format!("found {}", sha256("an evil tool")))
            || told.contains("found another length"),
        "{told}"
    );
    assert!(told.contains("run `hoist artifacts fetch tool`"), "{told}");
    assert!(!place.at("out/tool").exists(), "a host was touched");
    let mended = place.well(&["artifacts", "fetch", "tool"]);
    assert!(mended.contains("was spoilt, and was replaced"), "{mended}");
    place.well(&["run", "site.yml"]);

    // the cache again, found by `verify`
    overwrite(&place.blob("notes: 1"), "notes: 2");
    let told = place.badly(1, &["artifacts", "verify"]);
    assert!(
        told.contains("error: `notes` is spoilt")
            && told.contains("run `hoist artifacts fetch notes`"),
        "{told}"
    );
    place.well(&["artifacts", "fetch", "notes"]);
    assert!(
        place
            .well(&["artifacts", "verify"])
            .starts_with("2 files are right")
    );

    // the publisher
    let place = Place::new().locked();
    place.write("internet/publisher.example/v1.0+x/tool", "replaced");
    let told = place.badly(1, &["run", "site.yml"]);
    assert!(
        told.contains("what came for `tool amd64` is not the file that is locked"),
        "{told}"
    );
    assert!(
        told.contains(&sha256("the tool")) && told.contains(&sha256("replaced")),
        "{told}"
    );
    assert!(
        !place.at("out/tool").exists()
            && place
                .blobs()
                .iter()
                .all(|p| std::fs::read_to_string(p).unwrap() != "replaced")
    );
    let before = place.read("artifacts.lock");
    let list = format!(
        "{}  tool\n{}  tool-arm64\n",
        sha256("replaced"),
        sha256("the tool for arm")
    );
    place.write("internet/publisher.example/v1.0+x/sums", &list);
    let told = place.badly(1, &["artifacts", "lock", "tool"]);
    assert!(
        told.contains("the publisher of `tool amd64` has replaced version v1.0+x"),
        "{told}"
    );
    assert_eq!(place.read("artifacts.lock"), before, "locked is locked");

    // cut short on the way
    let place = Place::new().locked();
    place.write("internet/publisher.example/v1.0+x/tool", "the to");
    let told = place.badly(1, &["run", "site.yml"]);
    assert!(
        told.contains("what came for `tool amd64` is cut short"),
        "{told}"
    );
    place.write("internet/publisher.example/v1.0+x/tool", "the tool");
    place.well(&["run", "site.yml"]);

    // the lock
    let place = Place::new().fetched();
    let lock = place.read("artifacts.lock");
    place.write(
        "artifacts.lock",
        &lock.replace(&sha256("the tool"), &sha256("another")),
    );
    let told = place.badly(1, &["run", "site.yml"]);
    assert!(
        told.contains("is not the file that is locked") && told.contains(&sha256("another")),
        "{told}"
    );
    place.write(
        "artifacts.lock",
        &lock.replace(&sha256("the tool"), "not hex"),
    );
    let told = place.badly(4, &["run", "site.yml"]);
    assert!(
        told.contains("a SHA-256 has 64 digits") && told.contains("artifacts.lock:"),
        "{told}"
    );
    place.write(
        "artifacts.lock",
        &lock.replace("publisher.example/v1.0%2Bx/tool", "evil.example/tool"),
    );
    let told = place.badly(1, &["run", "site.yml"]);
    assert!(
        told.contains("it is locked for another address than the one wanted"),
        "{told}"
    );
    place.write("artifacts.lock", &lock);
    place.well(&["run", "site.yml"]);

    // a missing entry
    let place = Place::new().fetched();
    let lock = place.read("artifacts.lock");
    let (before, _) = lock.split_once("  tool:").unwrap();
    place.write("artifacts.lock", before);
    let told = place.badly(1, &["run", "site.yml"]);
    assert!(told.contains("the artifact `tool` is not locked"), "{told}");
    place.well(&["artifacts", "lock", "tool"]);
    place.well(&["run", "site.yml"]);
}

/// Changes the first `from` in a file of bytes.
fn alter(path: &Path, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_bundle_carries_a_site_to_where_there_is_no_internet() {
    let place = Place::new().locked();
    let told = place.well(&["artifacts", "bundle", "site.tar"]);
    assert!(
        told.starts_with("site.tar: 2 files of 2 artifacts"),
        "{told}"
    );
    let there = Place::new();
    std::fs::remove_dir_all(there.at("internet")).unwrap();
    std::fs::create_dir(there.at("internet")).unwrap();
    let bundle = place.at("site.tar");
    let path = bundle.to_str().unwrap();
    let told = there.well(&["artifacts", "unbundle", path]);
    insta::assert_snapshot!(told, @r"
    2 files into the cache, 0 were there
    artifacts.lock written: notes, tool by the bundle
    ");
    there.well(&["run", "site.yml"]);
    assert_eq!(there.read("out/tool"), "the tool");
    assert!(
        there
            .well(&["artifacts", "unbundle", path])
            .starts_with("0 files into the cache, 2 were there")
    );

    // altered on the way
    let victim = Place::new();
    let copy = victim.at("copy.tar");
    let try_again = |from: &[u8], to: &[u8]| {
        std::fs::copy(&bundle, &copy).unwrap();
        alter(&copy, from, to);
        let told = victim.badly(1, &["artifacts", "unbundle", "copy.tar"]);
        assert!(victim.blobs().iter().all(|p| {
            let text = std::fs::read_to_string(p).unwrap();
            text == "the tool" || text == "notes: 1"
        }));
        assert!(
            !victim.at("artifacts.lock").exists(),
            "the lock was taken over"
        );
        told
    };
    let told = try_again(b"the tool", b"the fool");
    assert!(told.contains("is not what its name says"), "{told}");
    let digest = sha256("the tool");
    let told = try_again(digest.as_bytes(), sha256("the fool").as_bytes());
    assert!(told.contains("which its lock does not name"), "{told}");
    let told = try_again(b"artifacts.lock\0", b"artifacts.luck\0");
    assert!(told.contains("is broken, or no bundle"), "{told}");
}

/// A bundle made by somebody who wants to write elsewhere.
#[test]
fn no_path_leads_out_of_the_cache() {
    let place = Place::new().locked();
    place.well(&["artifacts", "bundle", "site.tar"]);
    let lock = {
        let mut tar = tar::Archive::new(std::fs::File::open(place.at("site.tar")).unwrap());
        let mut entry = tar.entries().unwrap().next().unwrap().unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        text
    };
    for (name, kind) in [
        ("../../evil", tar::EntryType::Regular),
        ("/tmp/hoist-evil", tar::EntryType::Regular),
        ("sha256/../../evil", tar::EntryType::Regular),
        ("sha256/aa", tar::EntryType::Symlink),
    ] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(lock.len() as u64);
        tar.append_data(&mut header, "artifacts.lock", lock.as_bytes())
            .unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_entry_type(kind);
        // the builder itself would refuse such names
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if kind == tar::EntryType::Symlink {
            header.set_link_name("/etc").unwrap();
        }
        header.set_cksum();
        tar.append(&header, &[][..]).unwrap();
        std::fs::write(place.at("evil.tar"), tar.into_inner().unwrap()).unwrap();
        let told = place.badly(1, &["artifacts", "unbundle", "evil.tar"]);
        let refused = told.contains("does not name") || told.contains("is no file");
        assert!(refused, "{name}: {told}");
    }
    assert!(!Path::new("/tmp/hoist-evil").exists() && !place.at("evil").exists());
}

#[test]
fn the_flags_outrank_the_file() {
    let place = Place::new().locked();
    std::fs::rename(place.at("internet"), place.at("elsewhere")).unwrap();
    let told = place.badly(4, &["run", "site.yml"]);
    assert!(
        told.contains("the mirror `internet` is no folder"),
        "{told}"
    );
    std::fs::create_dir(place.at("internet")).unwrap();
    place.badly(1, &["run", "site.yml"]);
    place.well(&["run", "site.yml", "--mirror", "elsewhere"]);
    // no site at all
    let dir = tempfile::tempdir().unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(["artifacts", "list"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(text.contains("there is no artifacts.yml here"), "{text}");
}
