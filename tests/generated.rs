//! `lookup('generated_password', …)` as its users meet it: made once, kept encrypted, never shown.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SITE: &str = "\
- hosts: all
  gather_facts: false
  tasks:
    - name: used by a task
      copy:
        content: \"{{ lookup('generated_password', 'mlflow_db') }} {{ lookup('generated_password', 'pin', length=8, chars='digits') }}\\n\"
        dest: \"{{ playbook_dir }}/out-{{ inventory_hostname }}\"
        mode: '0600'
    - name: shown
      debug:
        msg: \"it is {{ lookup('generated_password', 'mlflow_db') }}\"
";

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("site.yml", SITE);
    write(
        "inventory/hosts.ini",
        "[all]\na\nb\nc\n[all:vars]\nansible_connection=local\n",
    );
    write("pass", "correct horse\n");
    dir
}

fn start(dir: &Path, args: &[&str]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(args)
        .current_dir(dir)
        .env("HOME", dir)
        .env_remove("ANSIBLE_VAULT_PASSWORD_FILE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn hoist(dir: &Path, args: &[&str]) -> Output {
    start(dir, args).wait_with_output().unwrap()
}

fn all(out: &Output) -> String {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    text(&out.stdout) + &text(&out.stderr)
}

const RUN: &[&str] = &["run", "site.yml", "-i", "inventory"];
const WITH: &[&str] = &[
    "run",
    "site.yml",
    "-i",
    "inventory",
    "--vault-password-file",
    "pass",
];

#[test]
fn it_is_made_once_kept_encrypted_and_never_shown() {
    let dir = project();
    let dir = dir.path();
    let file = dir.join("inventory/generated.vault.yml");

    // check mode makes none, and says so
    let out = hoist(dir, &[WITH, &["--check"]].concat());
    assert!(out.status.success(), "{}", all(&out));
    assert!(!file.exists());
    assert!(
        all(&out).contains("the password `mlflow_db` is not there yet"),
        "{}",
        all(&out)
    );

    let out = hoist(dir, &[WITH, &["--diff"]].concat());
    assert!(out.status.success(), "{}", all(&out));
    let made = std::fs::read_to_string(dir.join("out-a")).unwrap();
    let (password, pin) = made.trim().split_once(' ').unwrap();
    assert!(
        password.len() == 32 && password.chars().all(|c| c.is_ascii_alphanumeric()),
        "{made}"
    );
    assert!(
        pin.len() == 8 && pin.chars().all(|c| c.is_ascii_digit()),
        "{made}"
    );
    for host in ["b", "c"] {
        assert_eq!(
            std::fs::read_to_string(dir.join(format!("out-{host}"))).unwrap(),
            made
        );
    }
    assert!(
        !all(&out).contains(password) && !all(&out).contains(pin),
        "{}",
        all(&out)
    );
    assert!(all(&out).contains("it is ********"), "{}", all(&out));

    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.starts_with("$ANSIBLE_VAULT;1.1;AES256\n"), "{kept}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let out = hoist(
        dir,
        &[
            "vault",
            "view",
            "inventory/generated.vault.yml",
            "--vault-password-file",
            "pass",
        ],
    );
    assert_eq!(
        String::from_utf8_lossy(&out.stdout),
        format!("mlflow_db: {password}\npin: '{pin}'\n")
    );

    // the second run finds it, and changes neither hosts nor file
    let out = hoist(dir, WITH);
    assert!(!all(&out).contains("changed=1"), "{}", all(&out));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), kept);
}

#[test]
fn without_a_vault_password_it_says_what_to_do() {
    let dir = project();
    let out = hoist(dir.path(), RUN);
    assert_eq!(out.status.code(), Some(2));
    let told = all(&out).replace(&dir.path().display().to_string(), "…");
    let start = told
        .find("the password `mlflow_db`")
        .unwrap_or_else(|| panic!("{told}"));
    let mut lines = told[start..].lines();
    let first = lines.next().unwrap().to_owned();
    let more = lines
        .map(str::trim)
        .filter(|l| l.starts_with("note: it would") || l.starts_with("help:"))
        // the end of the run tells it again
        .take(2);
    let message = more.fold(first, |text, line| text + "\n" + line);
    insta::assert_snapshot!(message, @r"
    the password `mlflow_db` cannot be made: no vault password was given to keep it with
    note: it would be kept encrypted in `…/inventory/generated.vault.yml`
    help: write a line that nobody guesses into a file that only you can read, and name the file with `--vault-password-file FILE` or ANSIBLE_VAULT_PASSWORD_FILE, in every run
    ");
    assert!(!dir.path().join("inventory/generated.vault.yml").exists());

    // a wrong one changes nothing either
    hoist(dir.path(), WITH);
    let file = dir.path().join("inventory/generated.vault.yml");
    let kept = std::fs::read(&file).unwrap();
    std::fs::write(dir.path().join("pass"), "another\n").unwrap();
    assert_eq!(hoist(dir.path(), WITH).status.code(), Some(2));
    assert_eq!(std::fs::read(&file).unwrap(), kept);
}

#[test]
fn two_runs_at_once_agree() {
    let dir = project();
    let children: Vec<_> = (0..4).map(|_| start(dir.path(), WITH)).collect();
    let file = dir.path().join("inventory/generated.vault.yml");
    for child in children {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", all(&out));
    }
    let out = hoist(
        dir.path(),
        &[
            "vault",
            "view",
            &file.display().to_string(),
            "--vault-password-file",
            "pass",
        ],
    );
    let view = String::from_utf8_lossy(&out.stdout).into_owned();
    for host in ["a", "b", "c"] {
        let made = std::fs::read_to_string(dir.path().join(format!("out-{host}"))).unwrap();
        let (password, pin) = made.trim().split_once(' ').unwrap();
        assert!(
            view.contains(password) && view.contains(pin),
            "{made} {view}"
        );
    }
}
