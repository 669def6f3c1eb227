//! Every query, and what is remembered of the answers, with real shells in temporary directories.

use super::real_actions::{act, names, session, write};
use super::*;
use crate::transport::real_shells::{SHELLS, start};
use crate::transport::{Account, LinkOptions, Links, Target};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

async fn local() -> Session {
    let options = LinkOptions {
        prelude: PRELUDE.into(),
        ..LinkOptions::default()
    };
    Session::new(Links::new(options).unwrap(), Target::Local, false)
}

async fn ask(session: &mut Session, queries: &[Query]) -> Vec<Answer> {
    session.ask(&Account::Login, queries).await.unwrap()
}

#[tokio::test]
async fn metadata_digests_and_contents() {
    for shell in SHELLS {
        let mut host = session(shell).await;
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        let p = |name: &str| format!("{}/{name}", root.display());
        let odd = [
            "plain",
            "with space",
            "qu'ote",
            "new\nline",
            "back\\slash",
            "-dash",
            "ünï",
            "*",
            "$(x)",
        ];
        for name in odd {
            std::fs::write(root.join(name), format!("<{name}>")).unwrap();
        }
        let binary: Vec<u8> = (0..=255u8).cycle().take(70_000).chain(*b"\n\n").collect();
        std::fs::write(root.join("binary"), &binary).unwrap();
        std::fs::write(root.join("empty"), b"").unwrap();
        std::fs::create_dir(root.join("dir")).unwrap();
        std::fs::set_permissions(root.join("dir"), std::fs::Permissions::from_mode(0o2750))
            .unwrap();
        symlink("plain", root.join("link")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        symlink("dir", root.join("dirlink")).unwrap();
        nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let mut queries = Vec::new();
        let all: Vec<&str> = odd
            .into_iter()
            .chain([
                "binary",
                "empty",
                "dir",
                "link",
                "dangling",
                "dirlink",
                "pipe",
                "missing",
                "dirlink/x",
            ])
            .collect();
        for name in &all {
            queries.push(Query::lstat(&p(name)));
            queries.push(Query::stat(&p(name)));
            queries.push(Query::sha256(&p(name)));
            queries.push(Query::Digest {
                path: p(name),
                algorithm: Algorithm::Md5,
            });
            queries.push(Query::Content { path: p(name) });
        }
        ask(&mut host, &queries).await;
        let known = host.known(&Account::Login);
        let stat = |name: &str, follow| known.stat::<()>(&p(name), follow).unwrap();
        for name in odd {
            let s = stat(name, false).unwrap_or_else(|| panic!("{shell:?} {name:?}"));
            let real = std::fs::metadata(root.join(name)).unwrap();
            assert_eq!(
                (s.kind, s.size, s.inode, s.uid),
                (FileType::File, real.len(), real.ino(), real.uid())
            );
            assert_eq!(
                (s.mode, s.device, s.mtime as i64),
                (real.mode() & 0o7777, real.dev(), real.mtime())
            );
            assert_eq!(s.owner, if real.uid() == 0 { "root" } else { &s.owner });
            use sha2::Digest;
            let sum = hex::encode(sha2::Sha256::digest(format!("<{name}>")));
            assert_eq!(
                known.digest::<()>(&p(name), Algorithm::Sha256).unwrap(),
                Some(&*sum),
                "{shell:?} {name:?}"
            );
            assert_eq!(
                known.content::<()>(&p(name)).unwrap().unwrap()[..],
                *format!("<{name}>").as_bytes()
            );
        }
        assert_eq!(
            known.content::<()>(&p("binary")).unwrap().unwrap()[..],
            binary[..]
        );
        assert_eq!(known.content::<()>(&p("empty")).unwrap().unwrap().len(), 0);
        let (l, f) = (stat("link", false).unwrap(), stat("link", true).unwrap());
        assert_eq!(
            (l.kind, l.link.as_deref(), l.real.as_deref()),
            (FileType::Link, Some("plain"), Some(&*p("plain")))
        );
        assert_eq!((f.kind, f.link.as_deref()), (FileType::File, None));
        assert_eq!(
            stat("dangling", false).unwrap().link.as_deref(),
            Some("nowhere")
        );
        assert!(stat("dangling", true).is_none());
        let d = stat("dir", false).unwrap();
        assert_eq!((d.kind, d.mode), (FileType::Directory, 0o2750));
        assert_eq!(d.access, (true, true, true));
        assert_eq!(stat("pipe", true).unwrap().kind, FileType::Fifo);
        for name in ["dir", "dangling", "pipe", "missing", "dirlink"] {
            assert_eq!(known.digest::<()>(&p(name), Algorithm::Md5).unwrap(), None);
            assert!(known.content::<()>(&p(name)).unwrap().is_none());
        }
        assert!(stat("missing", false).is_none() && stat("missing", true).is_none());
        assert_eq!(host.trips().asked, 1);
    }
}

#[tokio::test]
async fn packages_users_groups_and_reading_commands() {
    for shell in SHELLS {
        let mut host = session(shell).await;
        let root = Query::User {
            name: "root".into(),
        };
        let queries = [
            Query::Dpkg {
                name: "dash".into(),
            },
            Query::Dpkg {
                name: "no-such-package".into(),
            },
            root.clone(),
            Query::User { name: "0".into() },
            Query::Group {
                name: "root".into(),
            },
            Query::Group {
                name: "no-such".into(),
            },
            Query::read("echo out; echo err >&2; exit 3"),
            Query::read("printf 'no end'"),
            Query::read("if then"),
            Query::Read {
                script: "echo \"$A $PWD\"; cd /; exit".into(),
                env: [("A".to_owned(), "it's".to_owned())].into(),
            },
            Query::read("cat"),
            Query::Unit {
                name: "ssh.service".into(),
                scope: "system".into(),
            },
        ];
        let answers = ask(&mut host, &queries).await;
        let fields = |n: usize| match &answers[n] {
            Answer::Fields(f) => f.clone(),
            other => panic!("{other:?}"),
        };
        let dash = fields(0).unwrap();
        assert_eq!(dash["status"], "install ok installed");
        assert!(!dash["version"].is_empty());
        assert!(fields(1).is_none());
        let user = fields(2).unwrap();
        assert_eq!(
            (&*user["uid"], &*user["home"], &*user["group"]),
            ("0", "/root", "root")
        );
        assert!(fields(3).is_none());
        assert_eq!(fields(4).unwrap()["gid"], "0");
        assert!(fields(5).is_none());
        let output = |rc, out: &str, err: &str| Answer::Output {
            rc,
            stdout: out.into(),
            stderr: err.into(),
        };
        assert_eq!(answers[6], output(3, "out\n", "err\n"));
        assert_eq!(answers[7], output(0, "no end", ""));
        assert!(
            matches!(&answers[8], Answer::Output { rc, stderr, .. } if *rc != 0 && !stderr.is_empty())
        );
        let here = std::env::current_dir().unwrap();
        assert_eq!(
            answers[9],
            output(0, &format!("it's {}\n", here.display()), "")
        );
        assert_eq!(answers[10], output(0, "", ""));
    }
}

#[tokio::test]
async fn what_an_action_touched_is_forgotten_under_every_name() {
    let mut host = local().await;
    let dir = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(dir.path()).unwrap();
    std::fs::create_dir(root.join("real")).unwrap();
    symlink("real", root.join("alias")).unwrap();
    for name in ["a", "b"] {
        std::fs::write(root.join("real").join(name), name).unwrap();
    }
    let q = |name: &str| Query::sha256(root.join(name).to_str().unwrap());
    let all = ["real/a", "alias/a", "real/b", "alias/b", "alias/new/x"];
    ask(&mut host, &all.map(q)).await;
    let report = act(&mut host, write(&root.join("alias/a"), b"changed")).await;
    assert_eq!(report.rc, 0);
    let kept: Vec<&str> = all
        .into_iter()
        .filter(|n| host.known(&Account::Login).peek(&q(n)).is_some())
        .collect();
    assert_eq!(kept, ["real/b", "alias/b", "alias/new/x"]);
}

#[tokio::test]
async fn check_mode_lets_no_action_through() {
    let mut host = Session::with_shell(&Account::Login, start(SHELLS[0], PRELUDE).await, true);
    let dir = tempfile::tempdir().unwrap();
    let refused = host
        .act(&Account::Login, &[write(&dir.path().join("f"), b"x")])
        .await;
    assert_eq!(refused, Err(Trouble::Check));
    assert_eq!(names(dir.path()), Vec::<String>::new());
    assert_eq!(host.trips().acted, 0);
}

#[tokio::test]
async fn a_file_is_fetched_whole() {
    let mut host = local().await;
    let dir = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..20_000_000u32).map(|i| (i % 253) as u8).collect();
    std::fs::write(dir.path().join("from"), &bytes).unwrap();
    let from = dir.path().join("from");
    let to = dir.path().join("to");
    let digest = host
        .fetch(&Account::Login, from.to_str().unwrap(), &to)
        .await
        .unwrap();
    use sha1::Digest;
    assert_eq!(digest, hex::encode(sha1::Sha1::digest(&bytes)));
    assert!(std::fs::read(&to).unwrap() == bytes);
    let missing = host
        .fetch(&Account::Login, "/no/such", &to)
        .await
        .unwrap_err();
    insta::assert_snapshot!(missing, @"cannot read `/no/such`: there is no such file");
    assert_eq!(names(dir.path()), ["from", "to"]);
}
