//! Every action, with real shells in temporary directories.

use super::*;
use crate::transport::Account;
use crate::transport::real_shells::{SHELLS, start};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

pub(super) async fn session(shell: &[&str]) -> Session {
    Session::with_shell(&Account::Login, start(shell, PRELUDE).await, false)
}

pub(super) async fn act(session: &mut Session, action: Action) -> Report {
    let mut reports = session.act(&Account::Login, &[action]).await.unwrap();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

pub(super) fn write(path: &Path, content: &[u8]) -> Action {
    Action::Write {
        path: path.to_str().unwrap().into(),
        content: Content::Bytes(content.into()),
        attrs: Attrs::default(),
        backup: false,
        validate: None,
        in_place: false,
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path)
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

pub(super) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_written_file_is_exact_and_leaves_nothing_beside_it() {
    for shell in SHELLS {
        let mut host = session(shell).await;
        let dir = tempfile::tempdir().unwrap();
        let contents: Vec<Vec<u8>> = vec![
            b"".to_vec(),
            b"one line".to_vec(),
            b"lines\n\n\n".to_vec(),
            "it's $x `y` \\n %s é\u{81}\u{82}\u{88} 🦀\n".into(),
            (0..=255u8).collect(),
            b"crlf\r\n".to_vec(),
            (0..300_000u32).map(|i| (i % 251) as u8).collect(),
            vec![b'x'; 47_000],
        ];
        for (n, content) in contents.iter().enumerate() {
            let path = dir.path().join(format!("f {n}"));
            for again in 0..2 {
                let report = act(&mut host, write(&path, content)).await;
                assert_eq!(
                    (report.rc, &*report.stderr),
                    (0, ""),
                    "{shell:?} {n} {again}"
                );
                assert!(std::fs::read(&path).unwrap() == *content, "{shell:?} {n}");
            }
        }
        let file = dir.path().join("streamed");
        let source = dir.path().join("f 6");
        let sum = |s: &str| Action::Write {
            path: file.to_str().unwrap().into(),
            content: Content::File {
                path: source.clone(),
                length: 300_000,
                sha256: s.into(),
            },
            attrs: Attrs::default(),
            backup: false,
            validate: None,
            in_place: false,
        };
        use sha2::Digest;
        let good = hex::encode(sha2::Sha256::digest(&contents[6]));
        let report = act(&mut host, sum(&good[1..])).await;
        assert_ne!(report.rc, 0);
        assert!(report.stderr.contains("incomplete"), "{}", report.stderr);
        assert!(!file.exists());
        assert_eq!(act(&mut host, sum(&good)).await.rc, 0);
        assert_eq!(std::fs::read(&file).unwrap(), contents[6]);
        assert_eq!(
            names(dir.path()).len(),
            contents.len() + 1,
            "{:?}",
            names(dir.path())
        );
    }
}

#[tokio::test]
async fn modes_and_owners_of_written_files() {
    for shell in SHELLS {
        let mut host = session(shell).await;
        let dir = tempfile::tempdir().unwrap();
        let with = |name: &str, mode: Option<u32>, owner: Option<&str>, group: Option<&str>| {
            let mut action = write(&dir.path().join(name), b"x");
            if let Action::Write { attrs, .. } = &mut action {
                *attrs = Attrs {
                    mode,
                    owner: owner.map(Into::into),
                    group: group.map(Into::into),
                };
            }
            action
        };
        let is = |name: &str| {
            let m = std::fs::metadata(dir.path().join(name)).unwrap();
            (m.mode() & 0o7777, m.uid(), m.gid())
        };
        for (n, mode) in [0o644, 0o600, 0o755, 0o440, 0o4755, 0o000, 0o666, 0o1777]
            .into_iter()
            .enumerate()
        {
            let name = format!("m{n}");
            assert_eq!(
                act(&mut host, with(&name, Some(mode), None, None)).await.rc,
                0
            );
            assert_eq!(is(&name).0, mode, "{shell:?} {mode:o}");
        }
        assert_eq!(act(&mut host, with("new", None, None, None)).await.rc, 0);
        assert_eq!(is("new").0, 0o644);
        if !nix::unistd::geteuid().is_root() {
            continue;
        }
        assert_eq!(
            act(
                &mut host,
                with("own", Some(0o640), Some("daemon"), Some("root"))
            )
            .await
            .rc,
            0
        );
        assert_eq!(is("own"), (0o640, 1, 0));
        assert_eq!(act(&mut host, with("own", None, None, None)).await.rc, 0);
        assert_eq!(is("own"), (0o640, 1, 0), "kept");
        assert_eq!(
            act(&mut host, with("own", None, Some("root"), None))
                .await
                .rc,
            0
        );
        assert_eq!(is("own"), (0o640, 0, 0));
        assert_eq!(
            act(&mut host, with("own", Some(0o4711), None, Some("daemon")))
                .await
                .rc,
            0
        );
        assert_eq!(is("own"), (0o4711, 0, 1));
        let report = act(&mut host, with("own", None, Some("no-such-user"), None)).await;
        assert_ne!(report.rc, 0);
        assert!(report.stderr.contains("no-such-user"), "{}", report.stderr);
        // A directory with the setgid bit hands on its group, unless another is asked for.
        let set = dir.path().join("set");
        std::fs::create_dir(&set).unwrap();
        std::os::unix::fs::chown(&set, None, Some(2)).unwrap();
        std::fs::set_permissions(&set, std::fs::Permissions::from_mode(0o2755)).unwrap();
        assert_eq!(
            act(&mut host, with("set/a", Some(0o644), None, None))
                .await
                .rc,
            0
        );
        assert_eq!(
            act(
                &mut host,
                with("set/b", Some(0o644), Some("root"), Some("root"))
            )
            .await
            .rc,
            0
        );
        assert_eq!((is("set/a").2, is("set/b").2), (2, 0));
    }
}

#[tokio::test]
async fn backups_validation_and_what_cannot_be_replaced() {
    for shell in SHELLS {
        let mut host = session(shell).await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "old").unwrap();
        let with = |content: &str, check: Option<&str>| Action::Write {
            path: path.to_str().unwrap().into(),
            content: Content::Bytes(content.as_bytes().into()),
            attrs: Attrs::default(),
            backup: true,
            validate: check.map(Into::into),
            in_place: false,
        };
        let report = act(&mut host, with("new", Some("grep -q new %s"))).await;
        assert_eq!(report.rc, 0, "{}", report.stderr);
        let backup = report.backup.unwrap();
        assert_eq!(std::fs::read(&backup).unwrap(), b"old");
        let name = backup.rsplit('/').next().unwrap();
        let shape: String = name
            .chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect();
        let shape = shape.replacen(&"9".repeat(shape.matches('9').count() - 14), "9", 1);
        assert_eq!(shape, "f.9.9999-99-99@99:99:99~");
        let report = act(&mut host, with("bad", Some("sh -c 'echo no; exit 4' %s"))).await;
        assert_eq!(
            (report.rc, report.error.as_deref()),
            (
                1,
                Some("failed to validate: `sh -c 'echo no; exit 4' %s` ended with rc 4")
            )
        );
        assert_eq!((&*report.stderr, report.backup), ("no\n", None));
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(dir.path()).len(), 2);
        // Links are replaced, also those to directories; directories are not.
        std::fs::create_dir(dir.path().join("d")).unwrap();
        for name in ["l", "dl"] {
            symlink(if name == "l" { "f" } else { "d" }, dir.path().join(name)).unwrap();
            let report = act(&mut host, write(&dir.path().join(name), b"x")).await;
            assert_eq!(report.rc, 0, "{shell:?} {name} {}", report.stderr);
            assert_eq!(
                std::fs::symlink_metadata(dir.path().join(name))
                    .unwrap()
                    .len(),
                1
            );
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let report = act(&mut host, write(&dir.path().join("d"), b"x")).await;
        assert!(
            report.rc == 1 && report.stderr.contains("is a directory"),
            "{report:?}"
        );
        let report = act(&mut host, write(&dir.path().join("no/f"), b"x")).await;
        assert!(
            report.rc == 1 && report.stderr.contains("does not exist"),
            "{report:?}"
        );
        assert_eq!(names(&dir.path().join("d")), Vec::<String>::new());
    }
}

#[tokio::test]
async fn temporary_files_of_the_dead_are_swept_and_those_of_the_living_are_not() {
    for shell in SHELLS {
        let mut host = session(shell).await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let me = std::process::id();
        let stat = std::fs::read_to_string(format!("/proc/{me}/stat")).unwrap();
        let born = stat
            .rsplit(") ")
            .next()
            .unwrap()
            .split(' ')
            .nth(19)
            .unwrap()
            .to_owned();
        let living = format!(".f.hoist-{me}-{born}-abcd");
        for name in [
            &*living,
            ".f.hoist-999999999-1-abcd",
            &format!(".f.hoist-{me}-1-abcd"),
            ".ff.hoist-999999999-1-abcd",
            ".f.hoist-mine",
        ] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        assert_eq!(act(&mut host, write(&path, b"x")).await.rc, 0);
        let mut left = vec![
            ".f.hoist-mine".to_owned(),
            living,
            ".ff.hoist-999999999-1-abcd".into(),
            "f".into(),
        ];
        left.sort();
        assert_eq!(names(dir.path()), left, "{shell:?}");
    }
}

#[tokio::test]
async fn directories_links_copies_attributes_and_removal() {
    for shell in SHELLS {
        let mut host = session(shell).await;
        let dir = tempfile::tempdir().unwrap();
        let p = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let attrs = |mode| Attrs {
            mode: Some(mode),
            ..Attrs::default()
        };
        let report = act(
            &mut host,
            Action::MakeDir {
                path: p("a/b c/d"),
                attrs: attrs(0o750),
            },
        )
        .await;
        assert_eq!((report.rc, &*report.stderr), (0, ""));
        for name in ["a", "a/b c", "a/b c/d"] {
            assert_eq!(mode(&dir.path().join(name)), 0o750);
        }
        std::fs::write(p("file"), "content").unwrap();
        let report = act(
            &mut host,
            Action::MakeDir {
                path: p("file/x"),
                attrs: Attrs::default(),
            },
        )
        .await;
        assert_ne!(report.rc, 0);
        for (target, name) in [("file", "l1"), ("a", "l1"), ("a/b c", "l1"), ("file", "l2")] {
            let report = act(
                &mut host,
                Action::Link {
                    target: target.into(),
                    path: p(name),
                    hard: false,
                },
            )
            .await;
            assert_eq!(
                (report.rc, &*report.stderr),
                (0, ""),
                "{shell:?} {target} {name}"
            );
            assert_eq!(std::fs::read_link(p(name)).unwrap(), Path::new(target));
        }
        for _ in 0..2 {
            let report = act(
                &mut host,
                Action::Link {
                    target: p("file"),
                    path: p("hard"),
                    hard: true,
                },
            )
            .await;
            assert_eq!((report.rc, &*report.stderr), (0, ""));
        }
        assert_eq!(std::fs::metadata(p("file")).unwrap().nlink(), 2);
        assert_ne!(
            act(
                &mut host,
                Action::Link {
                    target: "x".into(),
                    path: p("a"),
                    hard: false
                }
            )
            .await
            .rc,
            0
        );
        let report = act(
            &mut host,
            Action::Copy {
                from: p("file"),
                to: p("copy"),
                attrs: attrs(0o601),
                backup: false,
                validate: None,
            },
        )
        .await;
        assert_eq!((report.rc, &*report.stderr), (0, ""));
        assert_eq!(
            (
                std::fs::read(p("copy")).unwrap(),
                mode(Path::new(&p("copy")))
            ),
            (b"content".to_vec(), 0o601)
        );
        let report = act(
            &mut host,
            Action::SetAttrs {
                path: p("a"),
                attrs: attrs(0o705),
                follow: true,
                recurse: true,
            },
        )
        .await;
        assert_eq!((report.rc, mode(Path::new(&p("a/b c/d")))), (0, 0o705));
        let report = act(
            &mut host,
            Action::SetAttrs {
                path: p("l2"),
                attrs: attrs(0o700),
                follow: false,
                recurse: false,
            },
        )
        .await;
        assert_eq!((report.rc, mode(Path::new(&p("file")))), (0, 0o644));
        for name in ["l1", "l2", "a", "missing", "hard", "copy"] {
            assert_eq!(act(&mut host, Action::Remove { path: p(name) }).await.rc, 0);
        }
        assert_eq!(names(dir.path()), ["file"], "{shell:?}");
    }
}

#[tokio::test]
async fn commands() {
    for shell in SHELLS {
        let mut host = session(shell).await;
        let run = |f: &dyn Fn(&mut Cmd), mut cmd: Cmd| {
            f(&mut cmd);
            Action::Run(cmd)
        };
        let report = act(
            &mut host,
            run(&|_| (), Cmd::argv(["printf", "%s|", "a b", "$x", "", "-n"])),
        )
        .await;
        assert_eq!((report.rc, &*report.stdout), (0, "a b|$x||-n|"));
        assert!(report.time.1 >= report.time.0);
        let report = act(
            &mut host,
            run(
                &|c| {
                    c.chdir = Some("/".into());
                    c.stdin = Some(Arc::from(&b"in\0put"[..]));
                    c.env.insert("V".into(), "a'b".into());
                },
                Cmd::script("pwd; echo $V; cat; echo e >&2; exit 9"),
            ),
        )
        .await;
        assert_eq!(
            (report.rc, &*report.stdout, &*report.stderr),
            (9, "/\na'b\nin\0put", "e\n")
        );
        let report = act(
            &mut host,
            run(&|c| c.chdir = Some("/no".into()), Cmd::argv(["true"])),
        )
        .await;
        assert_eq!(
            format!("{} {}", report.rc, report.error.unwrap()),
            "2 unable to change to the directory `/no` before running the command"
        );
        let report = act(&mut host, run(&|_| (), Cmd::argv(["no-such-program", "x"]))).await;
        assert_eq!(
            format!("{} {}", report.rc, report.error.unwrap()),
            "2 no such program on the host: `no-such-program`"
        );
        // What stops at the first failure is not begun after it.
        let dir = tempfile::tempdir().unwrap();
        let reports = host
            .act(
                &Account::Login,
                &[
                    write(&dir.path().join("a"), b"1"),
                    write(&dir.path().join("no/b"), b"2"),
                    write(&dir.path().join("c"), b"3"),
                ],
            )
            .await
            .unwrap();
        assert_eq!(reports.iter().map(|r| r.rc).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(names(dir.path()), ["a"]);
    }
}

#[tokio::test]
async fn a_full_disk_leaves_the_old_file_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(dir.path())
        .status()
        .is_ok_and(|s| s.success());
    if !mounted {
        eprintln!("not run: a small file system cannot be mounted here");
        return;
    }
    for shell in SHELLS {
        let mut host = session(shell).await;
        let path = dir.path().join("f");
        assert_eq!(act(&mut host, write(&path, b"old")).await.rc, 0);
        std::fs::write(dir.path().join("filler"), vec![0; 40 << 10]).unwrap();
        for content in [vec![b'x'; 40_000], vec![0; 100_000]] {
            let report = act(&mut host, write(&path, &content)).await;
            assert_ne!(report.rc, 0);
            assert!(
                report.stderr.contains("No space left on device"),
                "{shell:?} {}",
                report.stderr
            );
            assert_eq!(names(dir.path()), ["f", "filler"]);
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
        }
        std::fs::remove_file(dir.path().join("filler")).unwrap();
    }
    // A file that is a mount point can only be written in place.
    let (over, under) = (dir.path().join("over"), dir.path().join("under"));
    std::fs::write(&over, "1").unwrap();
    std::fs::write(&under, "2").unwrap();
    let bind = std::process::Command::new("mount")
        .arg("--bind")
        .args([&over, &under])
        .status();
    let mut host = session(SHELLS[0]).await;
    let report = act(&mut host, write(&under, b"new")).await;
    assert!(
        report.rc != 0 && report.stderr.contains("busy"),
        "{report:?}"
    );
    let mut action = write(&under, b"new");
    if let Action::Write { in_place, .. } = &mut action {
        *in_place = true;
    }
    let report = act(&mut host, action).await;
    let written = std::fs::read(&over).unwrap();
    let left = names(dir.path());
    let umount = |p: &Path| std::process::Command::new("umount").arg(p).status();
    let _ = (umount(&under), umount(dir.path()));
    assert!(bind.unwrap().success());
    assert_eq!(
        (report.rc, &*report.stderr, &*written),
        (0, "", &b"new"[..])
    );
    assert_eq!(left, ["f", "over", "under"]);
}
