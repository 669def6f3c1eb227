use super::super::testing::{Case, case};
use super::*;
use crate::host::{Answer, Report};
use serde_json::json;

fn fields(pairs: &[(&str, &str)]) -> Answer {
    Answer::Fields(Some(
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    ))
}

fn there() -> Answer {
    Answer::Stat(Some(crate::host::Stat {
        kind: crate::host::FileType::Directory,
        mode: 0o755,
        uid: 1000,
        gid: 1000,
        owner: "u".into(),
        group: "u".into(),
        size: 0,
        inode: 1,
        device: 1,
        links: 1,
        atime: 0.0,
        mtime: 0.0,
        ctime: 0.0,
        link: None,
        real: None,
        access: (true, true, true),
    }))
}

fn groups(c: Case) -> Case {
    ["docker", "adm", "sudo", "u"]
        .iter()
        .enumerate()
        .fold(c, |c, (i, g)| {
            c.knows(
                Query::Group { name: (*g).into() },
                fields(&[("name", g), ("gid", &(997 + i).to_string())]),
            )
        })
}

/// An account `u` (1000:1000, home /home/u, groups adm and sudo).
fn existing(args: serde_json::Value) -> Case {
    groups(case(args))
        .knows(
            Query::User { name: "u".into() },
            fields(&[
                ("uid", "1000"),
                ("gid", "1000"),
                ("gecos", "U"),
                ("home", "/home/u"),
                ("shell", "/bin/sh"),
                ("groups", "adm,sudo"),
                ("group", "u"),
                ("shadow", "$6$s$h"),
            ]),
        )
        .knows(Query::stat("/home/u"), there())
}

fn new(args: serde_json::Value) -> Case {
    case(args)
        .knows(Query::User { name: "n".into() }, Answer::Fields(None))
        .knows(Query::Group { name: "n".into() }, Answer::Fields(None))
}

const USERMOD: &str = "sh: command -v usermod >/dev/null 2>&1 || { echo 'usermod was not found; install the package shadow' >&2; exit 127; }\nusermod ";

#[test]
fn changes() {
    let cases: Vec<(serde_json::Value, Vec<String>)> = vec![
        (json!({"name": "u"}), vec![]),
        (json!({"name": "u", "uid": 1000, "comment": "U", "home": "/home/u", "shell": "/bin/sh", "group": "u"}), vec![]),
        (json!({"name": "u", "groups": "adm", "append": true}), vec![]),
        (json!({"name": "u", "groups": ["sudo", "adm"]}), vec![]),
        (
            json!({"name": "u", "groups": ["docker"], "append": true}),
            vec!["sh: if command -v usermod >/dev/null 2>&1; then usermod -a -G docker u; else adduser u docker; fi".into()],
        ),
        (
            json!({"name": "u", "groups": ["docker", "adm"]}),
            vec!["sh: if command -v usermod >/dev/null 2>&1; then usermod -G adm,docker u; else adduser u docker && delgroup u sudo; fi".into()],
        ),
        (
            json!({"name": "u", "groups": []}),
            vec!["sh: if command -v usermod >/dev/null 2>&1; then usermod -G '' u; else delgroup u adm && delgroup u sudo; fi".into()],
        ),
        (
            json!({"name": "u", "shell": "/bin/bash", "comment": "A B"}),
            vec![format!("{USERMOD}-c 'A B' -s /bin/bash u")],
        ),
        (json!({"name": "u", "group": "docker"}), vec![format!("{USERMOD}-g 997 u")]),
        (json!({"name": "u", "uid": 5, "non_unique": true}), vec![format!("{USERMOD}-u 5 -o u")]),
        (json!({"name": "u", "password": "$6$s$h"}), vec![]),
        (json!({"name": "u", "password": "$6$s$new", "update_password": "on_create"}), vec![]),
        (
            json!({"name": "u", "password": "$6$s$new"}),
            vec!["chpasswd -e <<< \"u:$6$s$new\\n\"".into()],
        ),
        (
            json!({"name": "u", "password": "$6$s$new", "password_lock": true}),
            vec!["chpasswd -e <<< \"u:!$6$s$new\\n\"".into()],
        ),
        (json!({"name": "u", "password_lock": true}), vec![format!("{USERMOD}-L u")]),
        (json!({"name": "u", "password_lock": false}), vec![]),
        (json!({"name": "u", "expires": 1422403387}), vec![format!("{USERMOD}-e 2015-01-28 u")]),
        (json!({"name": "u", "expires": -1}), vec![]),
        (
            json!({"name": "u", "state": "absent", "remove": true}),
            vec!["sh: if command -v userdel >/dev/null 2>&1; then userdel -r u; else deluser --remove-home u; fi".into()],
        ),
    ];
    for (args, expected) in cases {
        let (shown, outcome) = existing(args.clone()).done(&SPEC);
        assert_eq!(shown, expected, "{args}");
        assert_eq!(outcome.changed, !expected.is_empty(), "{args}");
    }
}

#[test]
fn a_new_account() {
    let (shown, outcome) = new(json!({"name": "n", "shell": "/bin/bash", "system": true, "create_home": false, "password": "$6$s$h"}))
        .done_with(
            &SPEC,
            vec![
                Report::default(),
                Report::default(),
                Report { stdout: "n:x:999:998:Full:/home/n:/bin/bash\n".into(), ..Report::default() },
            ],
        );
    assert_eq!(
        shown[..2],
        [
            "sh: if command -v useradd >/dev/null 2>&1; then useradd -s /bin/bash -M -r n; else adduser -D -s /bin/bash -H -S n; fi",
            "chpasswd -e <<< \"n:$6$s$h\\n\""
        ]
    );
    assert_eq!(
        Value::from(outcome.result).to_json(),
        json!({
            "name": "n", "state": "present", "system": true, "create_home": false, "password": "NOT_LOGGING_PASSWORD",
            "uid": 999, "group": 998, "comment": "Full", "home": "/home/n", "shell": "/bin/bash"
        })
    );
    let c = groups(new(
        json!({"name": "n", "groups": ["docker", "adm"], "home": "/srv/x/n"}),
    ))
    .knows(Query::stat("/srv/x"), Answer::Stat(None));
    let (shown, _) = c.done(&SPEC);
    assert!(shown[0].starts_with("MakeDir { path: \"/srv/x\""));
    assert_eq!(
        shown[1],
        "sh: if command -v useradd >/dev/null 2>&1; then useradd -G docker,adm -d /srv/x/n -m n; else adduser -D -h /srv/x/n n && adduser n docker && adduser n adm; fi"
    );
}

#[test]
fn a_missing_group_and_an_unhashed_password() {
    let c = case(json!({"name": "u", "groups": ["nope"]}))
        .knows(Query::User { name: "u".into() }, fields(&[("uid", "1")]))
        .knows(
            Query::Group {
                name: "nope".into(),
            },
            Answer::Fields(None),
        );
    assert_eq!(
        c.tried_with(&SPEC, vec![]).1.unwrap_err().msg,
        "Group nope does not exist"
    );
    let (_, outcome) =
        existing(json!({"name": "u", "password": "plain", "update_password": "on_create"}))
            .done(&SPEC);
    assert_eq!(outcome.warnings.len(), 1);
    assert!(!outcome.warnings[0].contains("plain "));
    for name in ["-x", "a:b", ""] {
        assert!(case(json!({"name": name})).bind(&SPEC).is_err(), "{name}");
    }
}

#[test]
fn keys() {
    let (shown, _) = existing(json!({"name": "u", "generate_ssh_key": true, "ssh_key_type": "ed25519", "ssh_key_passphrase": "geheim"}))
        .knows(Query::stat("/home/u/.ssh/id_ed25519"), Answer::Stat(None))
        .knows(Query::stat("/home/u/.ssh/id_ed25519.pub"), Answer::Stat(None))
        .done(&SPEC);
    let (command, input) = shown[0].split_once(" <<< ").unwrap();
    assert!(command.contains("ssh-keygen -q -t ed25519") && !command.contains("geheim"));
    assert_eq!(input, "\"geheim\"");
    let c = existing(json!({"name": "u", "generate_ssh_key": true}))
        .knows(Query::stat("/home/u/.ssh/id_rsa"), there())
        .knows(Query::stat("/home/u/.ssh/id_rsa.pub"), there());
    let [Query::Read { script, .. }] = &c.needs(&SPEC)[..] else {
        panic!()
    };
    let said = "hoist-key-print 3072 SHA256:x u\nhoist-key-public ssh-rsa AAA\nhoist-key-file /home/u/.ssh/id_rsa\n";
    let (shown, outcome) = c.reads(&script.clone(), 0, said).done(&SPEC);
    assert!(shown.is_empty());
    assert_eq!(outcome.result["ssh_public_key"].to_string(), "ssh-rsa AAA");
    assert_eq!(
        outcome.result["ssh_key_file"].to_string(),
        "/home/u/.ssh/id_rsa"
    );
}

#[test]
fn ageing_and_a_missing_home() {
    let c = existing(json!({"name": "u", "password_expire_max": 90, "password_expire_warn": 7}));
    let [Query::Read { script, .. }] = &c.needs(&SPEC)[..] else {
        panic!()
    };
    let (shown, _) = c.reads(&script.clone(), 0, "0:99999:7:\n").done(&SPEC);
    assert_eq!(shown, ["chage -M 90 u"]);
    let c = existing(json!({"name": "u", "home": "/srv/u"}))
        .knows(Query::stat("/srv/u"), Answer::Stat(None));
    let (shown, _) = c.done(&SPEC);
    assert_eq!(shown[0], format!("{USERMOD}-d /srv/u u"));
    assert!(shown[1].contains("mkdir -p \"$h\""));
}
