use super::super::testing::{Case, case};
use super::*;
use crate::host::{Answer, FileType, Stat};
use serde_json::json;

fn stat(mtime: f64) -> Answer {
    Answer::Stat(Some(Stat {
        kind: FileType::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        owner: "root".into(),
        group: "root".into(),
        size: 0,
        inode: 1,
        device: 1,
        links: 1,
        atime: 0.0,
        mtime,
        ctime: 0.0,
        link: None,
        real: None,
        access: (true, true, true),
    }))
}

fn installed(version: Option<&str>) -> Answer {
    Answer::Fields(version.map(|v| {
        BTreeMap::from([
            ("status".to_owned(), "install ok installed".to_owned()),
            ("version".to_owned(), v.to_owned()),
        ])
    }))
}

/// A host whose lists were read at 1000, with these packages.
fn host(args: serde_json::Value, packages: &[(&str, Option<&str>)]) -> Case {
    let mut c = case(args)
        .knows(Query::stat(STAMPS[0]), Answer::Stat(None))
        .knows(Query::stat(STAMPS[1]), stat(1000.0));
    for (name, version) in packages {
        c = c.knows(
            Query::Dpkg {
                name: (*name).into(),
            },
            installed(*version),
        );
    }
    if packages.is_empty() {
        return c;
    }
    c.reads(MARKS, 0, "")
}

const OPTIONS: &str = "-y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=60";
const NGINX: &str = "nginx:\n  Installed: 1.0\n  Candidate: 1.2\n  Version table:\n     1.2 500\n        500 http://x\n *** 1.0 100\n        100 /var/lib/dpkg/status\n";

#[test]
fn installed_packages_need_nothing() {
    let c = host(
        json!({"name": ["nginx", "curl"]}),
        &[("nginx", Some("1.0")), ("curl", Some("7"))],
    );
    let (shown, outcome) = c.done(&SPEC);
    assert!(shown.is_empty() && !outcome.changed);
    assert_eq!(
        Value::from(outcome.result).to_json(),
        json!({"cache_updated": false, "cache_update_time": 1000})
    );
}

use crate::value::Value;

#[test]
fn installs() {
    let policy = "apt-cache policy nginx";
    let cases: Vec<(serde_json::Value, Option<&str>, &str, Option<&str>)> = vec![
        (
            json!({"name": "nginx"}),
            None,
            NGINX,
            Some("install nginx=1.2"),
        ),
        (
            json!({"name": "nginx", "state": "latest"}),
            Some("1.0"),
            NGINX,
            Some("install nginx=1.2"),
        ),
        (
            json!({"name": "nginx", "state": "latest"}),
            Some("1.2"),
            NGINX,
            None,
        ),
        (json!({"name": "nginx=1.0"}), Some("1.0"), NGINX, None),
        (
            json!({"name": "nginx=1.0"}),
            Some("1.2"),
            NGINX,
            Some("install nginx=1.0"),
        ),
        (
            json!({"name": "nginx=1.*"}),
            None,
            NGINX,
            Some("install nginx=1.2"),
        ),
        (
            json!({"name": "nginx>=1.1"}),
            Some("1.0"),
            NGINX,
            Some("install nginx=1.2"),
        ),
        (json!({"name": "nginx>=1.1"}), Some("1.2"), NGINX, None),
        (
            json!({"name": "nginx", "only_upgrade": true}),
            None,
            NGINX,
            None,
        ),
        (
            json!({"name": "nginx", "install_recommends": false, "allow_downgrade": true, "autoremove": true}),
            None,
            NGINX,
            Some(
                "--auto-remove --allow-downgrades -o APT::Install-Recommends=no install nginx=1.2",
            ),
        ),
    ];
    for (args, version, said, expected) in cases {
        let c = host(args.clone(), &[("nginx", version)]).reads(policy, 0, said);
        let (shown, outcome) = c.done(&SPEC);
        let expected: Vec<String> = expected
            .map(|e| format!("apt-get {OPTIONS} {e}"))
            .into_iter()
            .collect();
        assert_eq!(shown, expected, "{args}");
        assert_eq!(outcome.changed, !expected.is_empty(), "{args}");
    }
}

#[test]
fn unknown_and_virtual_packages() {
    let c = host(json!({"name": "nope"}), &[("nope", None)])
        .reads("apt-cache policy nope", 0, "")
        .reads("apt-cache showpkg nope", 0, "");
    assert_eq!(
        c.tried_with(&SPEC, vec![]).1.unwrap_err().msg,
        "No package matching 'nope' is available"
    );
    let mta = |installed_provider| {
        host(json!({"name": "mta"}), &[("mta", None)])
            .reads(
                "apt-cache policy mta",
                0,
                "mta:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n",
            )
            .reads(
                "apt-cache showpkg mta",
                0,
                "Package: mta\nReverse Provides: \nexim4 4.96 (= )\n",
            )
            .knows(
                Query::Dpkg {
                    name: "exim4".into(),
                },
                installed(installed_provider),
            )
    };
    assert!(mta(Some("4.96")).done(&SPEC).0.is_empty());
    assert_eq!(
        mta(None).done(&SPEC).0,
        [format!("apt-get {OPTIONS} install mta")]
    );
    let c = host(json!({"name": "nginx=9"}), &[("nginx", None)]).reads(
        "apt-cache policy nginx",
        0,
        NGINX,
    );
    assert_eq!(
        c.tried_with(&SPEC, vec![]).1.unwrap_err().msg,
        "no available installation candidate for nginx=9"
    );
}

#[test]
fn patterns_in_names() {
    let c = host(
        json!({"name": "lib*-dev", "state": "absent"}),
        &[("liba-dev", Some("1")), ("libb-dev", None)],
    )
    .reads("apt-cache pkgnames lib", 0, "libb-dev\nliba-dev\nlibc6\n");
    assert_eq!(
        c.done(&SPEC).0,
        [format!("apt-get {OPTIONS} -q remove liba-dev")]
    );
}

#[test]
fn removal() {
    let c = host(
        json!({"name": "nginx", "state": "absent", "purge": true}),
        &[("nginx", Some("1"))],
    );
    assert_eq!(
        c.done(&SPEC).0,
        [format!("apt-get {OPTIONS} -q --purge remove nginx")]
    );
    let leftover = |purge: bool| {
        case(json!({"name": "nginx", "state": "absent", "purge": purge}))
            .knows(Query::stat(STAMPS[0]), Answer::Stat(None))
            .knows(Query::stat(STAMPS[1]), stat(1.0))
            .knows(
                Query::Dpkg {
                    name: "nginx".into(),
                },
                Answer::Fields(Some(BTreeMap::from([(
                    "status".into(),
                    "deinstall ok config-files".into(),
                )]))),
            )
    };
    assert_eq!(leftover(true).done(&SPEC).0.len(), 1);
    assert!(leftover(false).done(&SPEC).0.is_empty());
    let gone = host(
        json!({"name": "nginx", "state": "absent"}),
        &[("nginx", None)],
    );
    assert!(!gone.done(&SPEC).1.changed);
}

#[test]
fn lists_are_read_again_only_when_old() {
    let fresh = |now: &str| {
        host(
            json!({"name": "nginx", "update_cache": true, "cache_valid_time": 60}),
            &[("nginx", Some("1"))],
        )
        .reads("date +%s", 0, now)
    };
    assert!(fresh("1060\n").done(&SPEC).0.is_empty());
    let (shown, outcome) = fresh("1061\n").done_with(
        &SPEC,
        vec![Report {
            stdout: format!("{UPDATE_MARK}1000\n{UPDATE_MARK}1061\n"),
            ..Report::default()
        }],
    );
    assert_eq!(shown.len(), 1);
    assert!(shown[0].contains("apt-get -q -o APT::Update::Error-Mode=any"));
    // Reading the lists is no change when packages were named.
    assert!(!outcome.changed);
    assert_eq!(
        Value::from(outcome.result).to_json(),
        json!({"cache_updated": true, "cache_update_time": 1061})
    );
    let (_, outcome) = host(json!({"update_cache": true}), &[]).done_with(
        &SPEC,
        vec![Report {
            stdout: format!("{UPDATE_MARK}1000\n{UPDATE_MARK}1000\n"),
            ..Report::default()
        }],
    );
    assert!(!outcome.changed);
}

#[test]
fn after_an_update_apt_chooses() {
    let c = host(
        json!({"name": ["nginx", "curl=7*"], "state": "latest", "update_cache": true}),
        &[("nginx", Some("1.0")), ("curl", None)],
    );
    let update = Report {
        stdout: format!("{UPDATE_MARK}1\n{UPDATE_MARK}2\n"),
        ..Report::default()
    };
    let nothing = Report {
        stdout: "Reading…\n0 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.\n".into(),
        ..Report::default()
    };
    let (shown, outcome) = c.done_with(&SPEC, vec![update, nothing]);
    assert_eq!(
        shown[1],
        format!("apt-get {OPTIONS} install nginx 'curl=7*'")
    );
    assert!(!outcome.changed);
    let (_, outcome) = c.tried_with(
        &SPEC,
        vec![
            Report::default(),
            Report {
                rc: 100,
                stderr: "E: Unable to locate package nginx\n".into(),
                ..Report::default()
            },
        ],
    );
    let fail = outcome.unwrap_err();
    assert_eq!(fail.msg, "No package matching 'nginx' is available");
}

#[test]
fn check_mode_asks_apt() {
    let mut env = BTreeMap::from([
        ("DEBIAN_FRONTEND".to_owned(), "noninteractive".to_owned()),
        ("DEBIAN_PRIORITY".to_owned(), "critical".to_owned()),
    ]);
    env.insert("LC_ALL".into(), "C".into());
    let c = host(json!({"name": "nginx"}), &[("nginx", None)])
        .reads("apt-cache policy nginx", 0, NGINX)
        .check()
        .knows(
            Query::Read {
                script: format!("apt-get --simulate {OPTIONS} install nginx=1.2"),
                env,
            },
            Answer::Output {
                rc: 0,
                stdout: "Reading\nThe following NEW packages will be installed:\n  nginx\n".into(),
                stderr: String::new(),
            },
        );
    let (_, outcome) = c.done(&SPEC);
    assert!(outcome.changed);
    assert_eq!(
        outcome.diff[0].after,
        "The following NEW packages will be installed:\n  nginx"
    );
}

#[test]
fn marks_what_apt_holds_for_automatic() {
    let c = case(json!({"name": "nginx"}))
        .knows(Query::stat(STAMPS[0]), Answer::Stat(None))
        .knows(Query::stat(STAMPS[1]), stat(1.0))
        .knows(
            Query::Dpkg {
                name: "nginx".into(),
            },
            installed(Some("1")),
        )
        .reads(MARKS, 0, "Package: zlib1g\nPackage: nginx\n");
    let (shown, outcome) = c.done(&SPEC);
    assert_eq!(shown, ["apt-mark manual nginx"]);
    assert!(!outcome.changed);
}

#[test]
fn mistakes() {
    let message = |args| case(args).bind(&SPEC).map(|_| ()).unwrap_err().msg;
    insta::assert_snapshot!(message(json!({"name": "a", "deb": "/x.deb"})), @"`ansible.builtin.apt`: arguments exclude each other: deb, name");
    insta::assert_snapshot!(message(json!({"deb": "/x.deb", "state": "absent"})), @"deb only supports state=present");
}
