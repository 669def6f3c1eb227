//! Secrets are planted and looked for everywhere, by a search that is shown to find.

use super::bench::{SMALL, inside, skipped, small};
use super::place::{Place, until};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The last one is a part of the lab's sudo password.
const SECRETS: [&str; 3] = ["p01son-nolog", "p01son-vault", "p01son-sudo"];

const PLAYBOOK: &str = r#"- hosts: all
  gather_facts: false
  become: true
  vars_files: [secret.yml]
  vars: {hidden: p01son-nolog}
  tasks:
    - debug: {msg: p01son-control}
    - copy: {content: "{{ hidden }}\n", dest: /root/hidden}
      no_log: true
    - copy: {content: "key={{ vaulted }}\n", dest: /root/vaulted, mode: '0600'}
    - debug: {msg: "it is {{ vaulted }} in {{ [vaulted] }}"}
    - debug: {msg: "{{ item }}"}
      loop: ["{{ vaulted }}"]
    - shell: cat >/dev/null
      args: {stdin: "{{ item }}"}
      loop: ["{{ hidden }}"]
      no_log: true
    - shell: cat >/dev/null; echo {{ hidden }} >&2; exit 1
      args: {stdin: "{{ hidden }}"}
      no_log: true
      ignore_errors: true
    - shell: 'cat >/root/taken; sleep 2; cat /root/taken'
      args: {stdin: "{{ vaulted }}"}
    - fail: {msg: "no good: {{ vaulted }}"}
      ignore_errors: true
    - set_fact: {kept: "{{ vaulted }}"}
    - lineinfile: {path: /root/vaulted, line: "more={{ kept }}"}
    - assert:
        that: kept == 'x'
        fail_msg: "{{ kept }} is not x"
      ignore_errors: true
    - command: "cat /nowhere/{{ kept | length }}"
      environment: {TOKEN: "{{ hidden }}"}
      no_log: true
      failed_when: false
"#;

/// Processes, of this machine and of the hosts on it, whose command line holds a text.
fn argvs(text: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|e| std::fs::read(e.path().join("cmdline")).ok())
        .map(|l| String::from_utf8_lossy(&l).into_owned())
        .filter(|l| l.contains(text))
        .collect()
}

/// Files below a directory of this machine that hold a text.
fn files(dir: &std::path::Path, text: &str) -> String {
    let out = Command::new("grep")
        .arg("-rlaF")
        .arg(text)
        .arg(dir)
        .output()
        .unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_nowhere_to_be_seen() {
    if skipped() {
        return;
    }
    let lab = small().await;
    let place = Place::new(lab, PLAYBOOK);
    let project = place.path("");
    place.write("secret.yml", b"vaulted: p01son-vault\n");
    place.write("vault-password", b"open\n");
    place
        .hoist(&[
            "vault",
            "encrypt",
            "secret.yml",
            "--vault-password-file",
            "vault-password",
        ])
        .await
        .ended(0);
    let on_host = |text: &str| {
        let find = format!(
            "grep -rlaF {text} /tmp /var /home /root /etc /run 2>/dev/null | grep -v ^/var/filler | sort"
        );
        async move { inside(lab, SMALL, &find).await }
    };

    // The search of processes finds what is there to be found.
    let mut planted = Command::new("tail")
        .args(["-s", "9", "-f", "/dev/null", "/p01son-argv"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the planted process", Duration::from_secs(5), async || {
        !argvs("p01son-argv").is_empty()
    })
    .await;
    planted.kill().unwrap();
    planted.wait().unwrap();

    let run = [
        "run",
        "site.yml",
        "-i",
        "hosts.ini",
        "--vault-password-file",
        "vault-password",
        "--diff",
    ];
    for (format, name) in [("text", "text"), ("json", "json")] {
        inside(lab, SMALL, "rm -f /root/hidden /root/vaulted /root/taken").await;
        let recorded = format!("{name}.record");
        let more = [
            "-vvv",
            "--output",
            format,
            "--record",
            &recorded,
            "--junit",
            "junit.xml",
        ];
        let mut child = place.command(&[&run[..], &more].concat()).spawn().unwrap();
        let mut looks = 0;
        let mut temporary = String::new();
        while child.try_wait().unwrap().is_none() {
            for secret in SECRETS {
                assert_eq!(argvs(secret), Vec::<String>::new());
                temporary += &files(&place.path("tmp"), secret);
            }
            let there = inside(
                lab,
                SMALL,
                "grep -rlaF p01son /tmp /var/tmp /run /home /root 2>/dev/null || :",
            )
            .await;
            for file in there.lines() {
                let stem = file.split(".hoist-").next().unwrap();
                let meant = ["/root/hidden", "/root/vaulted", "/root/taken"];
                assert!(
                    meant.contains(&stem.replace("/.", "/").trim_end_matches('.')),
                    "{file}"
                );
            }
            looks += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(looks > 20, "{looks}");
        assert_eq!(temporary, "");
        let ran = place.wait(child).await.ended(0);
        assert!(ran.all().contains("p01son-control"), "{}", ran.all());
        for secret in SECRETS {
            assert!(!ran.all().contains(secret), "{secret} in\n{}", ran.all());
        }
        // On the host they are where they were meant to be, and nowhere else: the search finds them there.
        assert_eq!(on_host("p01son-nolog").await, "/root/hidden");
        assert_eq!(on_host("p01son-vault").await, "/root/taken\n/root/vaulted");
        assert_eq!(on_host("p01son-sudo").await, "");
        let again = place.hoist(&["replay", &recorded, "-vvv"]).await;
        assert!(again.all().contains("p01son-control"), "{}", again.all());
        for secret in SECRETS {
            assert!(
                !again.all().contains(secret),
                "{secret} in\n{}",
                again.all()
            );
        }
    }
    // Here too: the control is in every record, and the plain variable in the playbook alone.
    let found = files(&project, "p01son-control");
    for name in ["text.record", "json.record", "site.yml"] {
        assert!(found.contains(name), "{found}");
    }
    assert_eq!(files(&project, "p01son-vault"), "");
    assert_eq!(files(&project, "p01son-sudo"), "");
    assert_eq!(
        files(&project, "p01son-nolog").trim(),
        project.join("site.yml").display().to_string()
    );
}
