//! What hosts say is data, however much of it and whatever it looks like.

use super::bench::{CALM, inside, lab, skipped};
use super::place::Place;

/// The most memory a process has had, in KiB; 0 when it is gone.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let place = Place::new(
        lab,
        "- hosts: all
  gather_facts: false
  tasks:
    - shell: echo first; yes 0123456789abcdef | head -c 1073741824; echo last
      register: flood
    - assert:
        that: [flood.stdout.startswith('first'), flood.stdout.endswith('last')]
",
    );
    let child = place
        .command(&["run", "site.yml", "-i", "hosts.ini", "-l", CALM])
        .spawn()
        .unwrap();
    let pid = child.id();
    let watch = tokio::spawn(async move {
        let mut most = 0;
        loop {
            match peak(pid) {
                0 => return most,
                now => most = most.max(now),
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    place.wait(child).await.ended(0);
    let most = watch.await.unwrap();
    assert!(most > 0);
    assert!(most < 150 << 10, "{most} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_and_what_looks_like_frames() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let place = Place::new(
        lab,
        r#"- hosts: all
  gather_facts: false
  tasks:
    - command: head -c 300000 /dev/urandom
      register: noise
    - shell: printf 'a\0b\377\r\n'; printf '\303' >&2
      register: odd
    - assert:
        that:
          - odd.stdout | length > 3
          - odd.stdout[0] == 'a'
          - odd.rc == 0
    # What the shells speak between themselves, with every number that they could be told by.
    - shell: |
        echo hoist-hello-0; echo hoist-ready-0 1
        echo '0>0'; echo '0<'; echo '>0'
        tr '\0' '\n' </proc/$PPID/cmdline; tr '\0' '\n' </proc/$PPID/environ; set
        exit 7
      register: framed
      failed_when: framed.rc != 7
    - assert:
        that: ["'hoist-hello-0' in framed.stdout_lines", "'0>0' in framed.stdout_lines"]
    - shell: printf 'no end of line'
      register: bare
    - assert:
        that: [bare.stdout == 'no end of line']
    - shell: exec 0<&- 1>&- 2>&-; exit 3
      register: closed
      failed_when: closed.rc != 3
    # It may not read what is meant for the shell that started it.
    - shell: cat; read -r x; echo "rest=$x"
      register: input
    - assert:
        that: [input.stdout == 'rest=']
"#,
    );
    let ran = place.run(CALM, &["-vvv", "--diff"]).await.ended(0);
    assert!(ran.recap(CALM).starts_with("ok=10 "), "{}", ran.recap(CALM));
}

#[tokio::test(flavor = "multi_thread")]
async fn braces_stay_text() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let evil = "{{ 6 * 7 }}{% set x = 1 %}{{ lookup('pipe', 'touch /tmp/owned') }}{# c #}";
    inside(lab, CALM, &format!("mkdir -p /etc/ansible/facts.d; cat >/etc/ansible/facts.d/evil.fact <<'END'\n{{\"k\": \"{evil}\", \"{{{{ 1 }}}}\": 2}}\nEND\nprintf %s \"{evil}\" >/var/tmp/evil")).await;
    let place = Place::new(
        lab,
        r#"- hosts: all
  tasks:
    - command: cat /var/tmp/evil
      register: said
    - slurp: {src: /var/tmp/evil}
      register: slurped
    - set_fact:
        kept: "{{ said.stdout }}"
        joined: "<{{ ansible_local.evil.k }}>"
    - include_vars: more.yml
    - copy:
        content: "{{ said.stdout }}|{{ ansible_local.evil.k }}|{{ kept }}|{{ joined }}|{{ lazy }}|{{ slurped.content | b64decode }}|{{ ansible_local.evil }}"
        dest: /var/tmp/out
    - template: {src: t.j2, dest: /var/tmp/out2}
    - command: "echo {{ said.stdout | quote }}"
      when: said.stdout == kept
      loop: ["{{ said.stdout }}"]
      register: echoed
    - debug: {msg: "{{ echoed.results[0].stdout }}"}
    - assert:
        that:
          - said.stdout == echoed.results[0].stdout
          - said.stdout is search('6 [*] 7')
        fail_msg: "{{ said.stdout }}"
"#,
    );
    place.write("more.yml", b"lazy: '{{ said.stdout }}'\n");
    place.write("t.j2", b"{{ hostvars[inventory_hostname].kept }}\n");
    let ran = place.run(CALM, &["-vvv", "--diff"]).await.ended(0);
    assert!(!ran.all().contains("<42"), "{}", ran.all());
    let out = inside(lab, CALM, "cat /var/tmp/out").await;
    assert!(
        out.starts_with(&format!("{evil}|{evil}|{evil}|<{evil}>|{evil}|{evil}|")),
        "{out}"
    );
    assert!(out.contains("'{{ 1 }}': 2"), "{out}");
    assert_eq!(inside(lab, CALM, "cat /var/tmp/out2").await, evil);
    assert!(!std::path::Path::new("/tmp/owned").exists());
}
